/* Complaints about JSON that name the member at fault, and the checks that most readers need. */
#include "cedar/json_path.h"

#include <stdarg.h>
#include <stdio.h>

/* Up to SHOWN steps; what lies above is "…". */
static void put_path(struct rv_buf *b, const struct json_path *at)
{
	enum { SHOWN = 12 };
	const struct json_path *steps[SHOWN];
	size_t n = 0;
	for (; at && n < SHOWN; at = at->up)
		steps[n++] = at;
	if (at)
		rv_buf_addz(b, "…");
	while (n-- > 0) {
		if (!steps[n]->name.p)
			rv_buf_printf(b, "[%zu]", steps[n]->index);
		else
			rv_buf_printf(b, "%s%.*s", b->n ? "." : "",
				steps[n]->name.n > 60 ? 60 : RV_FMT(steps[n]->name));
	}
	if (b->n)
		rv_buf_addz(b, ": ");
}

cedar_code cedar_json_path_fail(
	cedar_error *err, const struct json_path *at, const struct rv_json *v, const char *fmt, ...)
{
	RV_AUTO_BUF b;
	rv_buf_init(&b, 1 << 12);
	char message[300];
	va_list ap;
	if (!err || err->code != CEDAR_OK)
		return CEDAR_EPARSE;
	va_start(ap, fmt);
	(void)vsnprintf(message, sizeof message, fmt, ap); /* cut if too long */
	va_end(ap);
	put_path(&b, at);
	rv_buf_addz(&b, message);
	err->line = v->line;
	err->column = v->col;
	return cedar_fail(err, CEDAR_EPARSE, "%s", rv_buf_z(&b));
}

cedar_code cedar_json_want(cedar_error *err, const struct json_path *at, const struct rv_json *in,
	const struct rv_json *v, enum rv_json_type type)
{
	if (!v)
		return cedar_json_path_fail(
			err, at, in, "is required: %s", rv_json_type_name(type));
	if (v->type != type)
		return cedar_json_path_fail(err, at, v, "must be %s, not %s",
			rv_json_type_name(type), rv_json_type_name(v->type));
	return CEDAR_OK;
}

cedar_code cedar_json_only(
	cedar_error *err, const struct json_path *at, const struct rv_json *v, const char *words)
{
	RV_JSON_EACH (m, v) {
		struct rv_str rest = rv_str_of(words), word;
		bool known = false;
		while (rest.p && rv_str_split(&rest, ' ', &word))
			known = known || rv_str_eq(word, m->name);
		if (!known) {
			const struct rv_json place = { .line = m->line, .col = m->col };
			return cedar_json_path_fail(err, at, &place,
				"unknown member '%.*s'; known are: %s",
				m->name.n > 60 ? 60 : RV_FMT(m->name), words);
		}
	}
	return CEDAR_OK;
}

cedar_code cedar_json_need(cedar_error *err, const struct json_path *at, const struct rv_json *v,
	const char *name, enum rv_json_type type, const struct rv_json **ret)
{
	const struct json_path here = json_in(at, name);
	*ret = rv_json_get(v, name);
	return cedar_json_want(err, &here, v, *ret, type);
}

cedar_code cedar_json_path_uid(struct rv_arena *a, cedar_error *err, const struct json_path *at,
	const struct rv_json *v, const cedar_uid **ret)
{
	const struct json_path inner = json_in(at, "__entity");
	const struct rv_json *type, *id;
	CEDAR_TRY(cedar_json_want(err, at, v, v, RV_JSON_OBJ));
	if (rv_json_get(v, "__entity")) {
		CEDAR_TRY(cedar_json_only(err, at, v, "__entity"));
		v = rv_json_get(v, "__entity");
		at = &inner;
		CEDAR_TRY(cedar_json_want(err, at, v, v, RV_JSON_OBJ));
	}
	CEDAR_TRY(cedar_json_only(err, at, v, "type id"));
	CEDAR_TRY(cedar_json_need(err, at, v, "type", RV_JSON_STR, &type));
	CEDAR_TRY(cedar_json_need(err, at, v, "id", RV_JSON_STR, &id));
	if (!cedar_is_path(cs(type->str)))
		return cedar_json_path_fail(err, at, type, "'%.*s' is not an entity type's name",
			type->str.n > 80 ? 80 : RV_FMT(type->str));
	cedar_uid *u = rv_arena_alloc(a, sizeof *u);
	if (!u)
		return CEDAR_FAIL_MEMORY(err);
	*u = cedar_uid_of(cs(type->str), cs(id->str));
	*ret = u;
	return CEDAR_OK;
}
