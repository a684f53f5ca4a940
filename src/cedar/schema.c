/* Schemas: made of declarations in either syntax, and looked up. */
#include <stdarg.h>
#include <stdio.h>

#include "cedar/lex.h"
#include "cedar/schema_resolve.h"

cedar_code cedar_schema_fail(
	const struct raw_schema *raw, struct place at, cedar_error *err, const char *fmt, ...)
{
	if (!err || err->code != CEDAR_OK)
		return CEDAR_EPARSE;
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(err->message, sizeof err->message, fmt, ap); /* cut if too long */
	va_end(ap);
	err->code = CEDAR_EPARSE;
	if (raw->text.p)
		cedar_error_place(err, raw->text, at.offset, at.length);
	else {
		err->line = at.line;
		err->column = at.column;
	}
	return CEDAR_EPARSE;
}
struct raw_namespace *cedar_raw_namespace(
	struct rv_arena *a, struct raw_schema *raw, cedar_str name)
{
	for (size_t i = 0; i < raw->n; i++)
		if (str_eq(raw->list[i].name, name))
			return &raw->list[i];
	struct raw_namespace ns = { .name = name };
	return ARENA_PUSH(a, raw->list, raw->n, raw->cap, ns) ? &raw->list[raw->n - 1] : NULL;
}

bool cedar_u32_has(const uint32_t *list, size_t n, uint32_t v)
{
	size_t lo = 0, hi = n;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (list[mid] < v)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < n && list[lo] == v;
}

bool cedar_is_action_type(cedar_str name)
{
	return rv_str_eqz(rs(name), "Action") || rv_str_ends(rs(name), RV_STR("::Action"));
}

uint32_t cedar_schema_type(const cedar_schema *s, cedar_str name)
{
	size_t lo = 0, hi = s->n_types;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		int c = rv_str_cmp(rs(s->types[mid].name), rs(name));
		if (c == 0)
			return (uint32_t)mid;
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NO_TYPE;
}

int cedar_uid_order(const cedar_uid *a, const cedar_uid *b)
{
	int c = rv_str_cmp(rs(a->type), rs(b->type));
	return c ? c : rv_str_cmp(rs(a->id), rs(b->id));
}

uint32_t cedar_schema_action(const cedar_schema *s, const cedar_uid *uid)
{
	size_t lo = 0, hi = s->n_actions;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		int c = cedar_uid_order(&s->actions[mid].uid, uid);
		if (c == 0)
			return (uint32_t)mid;
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NO_TYPE;
}

const struct attr_type *cedar_type_attr(const struct type *record, cedar_str name)
{
	size_t lo = 0, hi = record->n_attrs;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		int c = rv_str_cmp(rs(record->attrs[mid].name), rs(name));
		if (c == 0)
			return &record->attrs[mid];
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

static cedar_code build(cedar_schema *s, cedar_error *err)
{
	struct resolver r = { .s = s, .arena = &s->arena, .err = err };
	for (size_t i = 0; i < s->raw.n; i++)
		CEDAR_TRY(cedar_schema_collect(&r, &s->raw.list[i]));
	CEDAR_TRY(cedar_schema_sort(&r));
	CEDAR_TRY(cedar_schema_check_shadowing(&r));
	for (size_t i = 0; i < s->raw.n; i++)
		CEDAR_TRY(cedar_schema_define_entities(&r, &s->raw.list[i]));
	for (size_t i = 0; i < s->raw.n; i++)
		CEDAR_TRY(cedar_schema_define_actions(&r, &s->raw.list[i]));
	CEDAR_TRY(cedar_schema_close(&r, false));
	return cedar_schema_close(&r, true);
}

cedar_code cedar_schema_open(
	cedar_str text, bool is_json, bool *ret_whole, cedar_schema **ret, cedar_error *err)
{
	cedar_error why = { .code = CEDAR_OK };
	cedar_schema *s = calloc(1, sizeof *s);
	if (!s)
		return CEDAR_FAIL_MEMORY(err);
	rv_arena_init(&s->arena, SIZE_MAX / 2);
	cedar_code code = is_json ? cedar_schema_read_json(&s->arena, text, &s->raw, &why)
				  : cedar_schema_read_text(&s->arena, text, &s->raw, &why);
	if (code == CEDAR_OK)
		code = build(s, &why);
	if (ret_whole)
		*ret_whole = code == CEDAR_OK;
	if (code == CEDAR_OK || (ret_whole && s->names_unknown)) {
		*ret = s;
		return CEDAR_OK;
	}
	if (err && err->code == CEDAR_OK)
		*err = why;
	cedar_schema_free(s);
	return code;
}

cedar_code cedar_schema_parse(cedar_str text, cedar_schema **ret, cedar_error *err)
{
	return cedar_schema_open(text, false, NULL, ret, err);
}

cedar_code cedar_schema_parse_json(cedar_str json, cedar_schema **ret, cedar_error *err)
{
	return cedar_schema_open(json, true, NULL, ret, err);
}

void cedar_schema_free(cedar_schema *s)
{
	if (!s)
		return;
	rv_arena_done(&s->arena);
	free(s);
}
