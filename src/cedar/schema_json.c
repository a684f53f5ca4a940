/* Schemas in JSON into declarations. */
#include <stdarg.h>
#include <stdio.h>

#include "cedar/schema.h"

struct reader {
	struct rv_arena *arena;
	struct raw_schema *out;
	cedar_error *err;
};

static cedar_code fail_v(struct reader *r, unsigned line, unsigned column, const char *fmt, ...)
	RV_PRINTF(4, 5);

static cedar_code fail_v(struct reader *r, unsigned line, unsigned column, const char *fmt, ...)
{
	if (!r->err || r->err->code != CEDAR_OK)
		return CEDAR_EPARSE;
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(r->err->message, sizeof r->err->message, fmt, ap); /* cut if too long */
	va_end(ap);
	r->err->code = CEDAR_EPARSE;
	r->err->line = line;
	r->err->column = column;
	return CEDAR_EPARSE;
}
#define FAIL(r, v, ...) fail_v((r), (v)->line, (v)->col, __VA_ARGS__)

static struct place place_of(const struct rv_json *v)
{
	return (struct place){ .line = v->line, .column = v->col };
}

static cedar_code want(
	struct reader *r, const struct rv_json *v, enum rv_json_type type, const char *what)
{
	if (v->type == type)
		return CEDAR_OK;
	return FAIL(r, v, "%s must be %s, not %s", what, rv_json_type_name(type),
		rv_json_type_name(v->type));
}

/* Refuses members that are not among the words (separated by blanks). */
static cedar_code only(struct reader *r, const struct rv_json *v, const char *words)
{
	RV_JSON_EACH (m, v) {
		struct rv_str rest = rv_str_of(words), word;
		bool known = false;
		while (rest.p && rv_str_split(&rest, ' ', &word))
			known = known || rv_str_eq(word, m->name);
		if (!known)
			return fail_v(r, m->line, m->col, "unknown member '%.*s'; known are: %s",
				RV_FMT(m->name), words);
	}
	return CEDAR_OK;
}

static cedar_code read_notes(struct reader *r, const struct rv_json *v, struct notes *ret)
{
	const struct rv_json *an = rv_json_get(v, "annotations");
	if (!an)
		return CEDAR_OK;
	CEDAR_TRY(want(r, an, RV_JSON_OBJ, "'annotations'"));
	cedar_annotation *list = rv_arena_array(r->arena, an->n_members, sizeof *list);
	if (!list)
		return CEDAR_FAIL_MEMORY(r->err);
	RV_JSON_EACH (m, an) {
		cedar_str key = cs(m->name);
		bool null = m->value->type == RV_JSON_NULL;
		for (size_t i = 0; i < key.n; i++)
			if (!(key.p[i] == '_' ||
				    ((key.p[i] | 32) >= 'a' && (key.p[i] | 32) <= 'z') ||
				    (i > 0 && key.p[i] >= '0' && key.p[i] <= '9')))
				return fail_v(r, m->line, m->col,
					"'%.*s' cannot name an annotation", RV_FMT(key));
		if (!null)
			CEDAR_TRY(want(r, m->value, RV_JSON_STR, "an annotation"));
		list[m - an->members] =
			(cedar_annotation){ key, null ? cedar_z("") : cs(m->value->str), !null };
	}
	*ret = (struct notes){ list, an->n_members };
	return CEDAR_OK;
}

/* ---- types ---- */

/* Identifiers joined by "::"; the first may be __cedar. */
static cedar_code check_name(struct reader *r, const struct rv_json *v)
{
	struct rv_str name = v->str;
	if (rv_str_starts(name, RV_STR("__cedar::")))
		name = rv_str_sub(name, 9, name.n);
	if (!cedar_is_path(cs(name)))
		return FAIL(
			r, v, "'%.*s' is not a type's name", v->str.n > 80 ? 80 : RV_FMT(v->str));
	return CEDAR_OK;
}

static cedar_code read_type(struct reader *r, const struct rv_json *v, unsigned depth,
	const char *more_words, struct raw_type **ret);

static cedar_code read_attrs(
	struct reader *r, const struct rv_json *v, unsigned depth, struct raw_type *t)
{
	const struct rv_json *attrs = rv_json_get(v, "attributes");
	const struct rv_json *open = rv_json_get(v, "additionalAttributes");
	if (!attrs)
		return FAIL(r, v, "a record needs 'attributes'");
	CEDAR_TRY(want(r, attrs, RV_JSON_OBJ, "'attributes'"));
	if (open) {
		CEDAR_TRY(want(r, open, RV_JSON_BOOL, "'additionalAttributes'"));
		t->is_open = open->boolean;
	}
	struct raw_attr *list = rv_arena_array(r->arena, attrs->n_members, sizeof *list);
	if (!list)
		return CEDAR_FAIL_MEMORY(r->err);
	RV_JSON_EACH (m, attrs) {
		struct raw_attr *a = &list[m - attrs->members];
		struct raw_type *inner;
		const struct rv_json *required = rv_json_get(m->value, "required");
		CEDAR_TRY(read_type(r, m->value, depth + 1, " required annotations", &inner));
		if (required) {
			CEDAR_TRY(want(r, required, RV_JSON_BOOL, "'required'"));
			a->is_optional = !required->boolean;
		}
		CEDAR_TRY(read_notes(r, m->value, &a->notes));
		a->name = cs(m->name);
		a->type = inner;
		a->at = place_of(m->value);
	}
	t->attrs = list;
	t->n_attrs = attrs->n_members;
	return CEDAR_OK;
}

static cedar_code read_type_name(struct reader *r, const struct rv_json *v, struct raw_type *t)
{
	const struct rv_json *name = rv_json_get(v, "name");
	if (!name)
		return FAIL(r, v, "'name' is required");
	CEDAR_TRY(want(r, name, RV_JSON_STR, "'name'"));
	t->name = cs(name->str);
	return check_name(r, name);
}

static cedar_code read_type(struct reader *r, const struct rv_json *v, unsigned depth,
	const char *more_words, struct raw_type **ret)
{
	static const struct {
		const char *word;
		enum raw_kind kind;
		const char *members;
	} kinds[] = {
		{ "Long", RAW_LONG, "type" },
		{ "String", RAW_STRING, "type" },
		{ "Boolean", RAW_BOOL, "type" },
		{ "Bool", RAW_BOOL, "type" },
		{ "Set", RAW_SET, "type element" },
		{ "Record", RAW_RECORD, "type attributes additionalAttributes" },
		{ "Entity", RAW_ENTITY, "type name" },
		{ "Extension", RAW_EXTENSION, "type name" },
		{ "EntityOrCommon", RAW_NAME, "type name" },
	};
	struct raw_type *t = rv_arena_alloc(r->arena, sizeof *t), *element;
	char words[200];
	const char *members = "type";
	if (!t)
		return CEDAR_FAIL_MEMORY(r->err);
	if (depth > SCHEMA_DEPTH_MAX) {
		(void)FAIL(r, v, "types nest more than %d deep", SCHEMA_DEPTH_MAX); /* below */
		if (r->err)
			r->err->code = CEDAR_ELIMIT;
		return CEDAR_ELIMIT;
	}
	CEDAR_TRY(want(r, v, RV_JSON_OBJ, "a type"));
	const struct rv_json *type = rv_json_get(v, "type");
	if (!type)
		return FAIL(r, v, "'type' is required");
	CEDAR_TRY(want(r, type, RV_JSON_STR, "'type'"));
	t->kind = RAW_COMMON;
	t->name = cs(type->str);
	t->at = place_of(v);
	for (size_t i = 0; i < RV_COUNT(kinds); i++)
		if (rv_str_eqz(type->str, kinds[i].word)) {
			t->kind = kinds[i].kind;
			members = kinds[i].members;
		}
	if (t->kind == RAW_COMMON)
		CEDAR_TRY(check_name(r, type));
	(void)snprintf(words, sizeof words, "%s%s", members, more_words); /* fits */
	CEDAR_TRY(only(r, v, words));
	if (t->kind == RAW_RECORD)
		CEDAR_TRY(read_attrs(r, v, depth, t));
	if (t->kind == RAW_ENTITY || t->kind == RAW_EXTENSION || t->kind == RAW_NAME)
		CEDAR_TRY(read_type_name(r, v, t));
	if (t->kind == RAW_SET) {
		const struct rv_json *e = rv_json_get(v, "element");
		if (!e)
			return FAIL(r, v, "a set needs 'element'");
		CEDAR_TRY(read_type(r, e, depth + 1, "", &element));
		t->element = element;
	}
	*ret = t;
	return CEDAR_OK;
}

static cedar_code read_names(struct reader *r, const struct rv_json *v, const char *member,
	const struct raw_name **ret, size_t *ret_n)
{
	const struct rv_json *list = rv_json_get(v, member);
	if (!list)
		return CEDAR_OK;
	CEDAR_TRY(want(r, list, RV_JSON_ARR, member));
	struct raw_name *out = rv_arena_array(r->arena, list->n_items, sizeof *out);
	if (!out)
		return CEDAR_FAIL_MEMORY(r->err);
	for (size_t i = 0; i < list->n_items; i++) {
		CEDAR_TRY(want(r, list->items[i], RV_JSON_STR, "a type's name"));
		CEDAR_TRY(check_name(r, list->items[i]));
		out[i] = (struct raw_name){ cs(list->items[i]->str), place_of(list->items[i]) };
	}
	*ret = out;
	*ret_n = list->n_items;
	return CEDAR_OK;
}

/* ---- declarations ---- */

static cedar_code read_enum(struct reader *r, const struct rv_json *v, struct raw_entity *e)
{
	CEDAR_TRY(want(r, v, RV_JSON_ARR, "'enum'"));
	cedar_str *list = rv_arena_array(r->arena, v->n_items, sizeof *list);
	if (!list)
		return CEDAR_FAIL_MEMORY(r->err);
	if (v->n_items == 0)
		return FAIL(r, v, "an enumerated entity type needs at least one id");
	for (size_t i = 0; i < v->n_items; i++) {
		CEDAR_TRY(want(r, v->items[i], RV_JSON_STR, "an id of 'enum'"));
		list[i] = cs(v->items[i]->str);
	}
	e->is_enum = true;
	e->choices = list;
	e->n_choices = v->n_items;
	return CEDAR_OK;
}

static cedar_code read_entity(
	struct reader *r, struct raw_namespace *ns, const struct rv_json_member *m)
{
	struct raw_entity e = { .name = cs(m->name), .at = place_of(m->value) };
	struct raw_type *t;
	const struct rv_json *v = m->value, *x;
	CEDAR_TRY(want(r, v, RV_JSON_OBJ, "an entity type"));
	CEDAR_TRY(read_notes(r, v, &e.notes));
	if ((x = rv_json_get(v, "enum")) != NULL) {
		CEDAR_TRY(only(r, v, "enum annotations"));
		CEDAR_TRY(read_enum(r, x, &e));
	} else {
		CEDAR_TRY(only(r, v, "memberOfTypes shape tags annotations"));
		CEDAR_TRY(read_names(r, v, "memberOfTypes", &e.parents, &e.n_parents));
		if ((x = rv_json_get(v, "shape")) != NULL) {
			CEDAR_TRY(read_type(r, x, 0, " annotations", &t));
			e.shape = t;
		}
		if ((x = rv_json_get(v, "tags")) != NULL) {
			CEDAR_TRY(read_type(r, x, 0, "", &t));
			e.tags = t;
		}
	}
	if (!ARENA_PUSH(r->arena, ns->entities, ns->n_entities, ns->cap_entities, e))
		return CEDAR_FAIL_MEMORY(r->err);
	return CEDAR_OK;
}

static cedar_code read_member_of(struct reader *r, const struct rv_json *v, struct raw_action *a)
{
	const struct rv_json *list = rv_json_get(v, "memberOf");
	if (!list || list->type == RV_JSON_NULL)
		return CEDAR_OK;
	CEDAR_TRY(want(r, list, RV_JSON_ARR, "'memberOf'"));
	struct raw_action_ref *out = rv_arena_array(r->arena, list->n_items, sizeof *out);
	if (!out)
		return CEDAR_FAIL_MEMORY(r->err);
	for (size_t i = 0; i < list->n_items; i++) {
		const struct rv_json *x = list->items[i], *id, *type;
		CEDAR_TRY(want(r, x, RV_JSON_OBJ, "a group of actions"));
		CEDAR_TRY(only(r, x, "id type"));
		id = rv_json_get(x, "id");
		type = rv_json_get(x, "type");
		if (!id)
			return FAIL(r, x, "'id' is required");
		CEDAR_TRY(want(r, id, RV_JSON_STR, "'id'"));
		if (type && type->type != RV_JSON_NULL) {
			CEDAR_TRY(want(r, type, RV_JSON_STR, "'type'"));
			CEDAR_TRY(check_name(r, type));
		}
		out[i] = (struct raw_action_ref){ .id = cs(id->str), .at = place_of(x) };
		if (type && type->type == RV_JSON_STR)
			out[i].type = cs(type->str);
	}
	a->has_parents = true;
	a->parents = out;
	a->n_parents = list->n_items;
	return CEDAR_OK;
}

static cedar_code read_applies(struct reader *r, const struct rv_json *v, struct raw_action *a)
{
	const struct rv_json *ap = rv_json_get(v, "appliesTo"), *context;
	struct raw_type *t;
	if (!ap || ap->type == RV_JSON_NULL)
		return CEDAR_OK;
	CEDAR_TRY(want(r, ap, RV_JSON_OBJ, "'appliesTo'"));
	CEDAR_TRY(only(r, ap, "principalTypes resourceTypes context"));
	if (!rv_json_get(ap, "principalTypes") || !rv_json_get(ap, "resourceTypes"))
		return FAIL(r, ap, "'appliesTo' needs 'principalTypes' and 'resourceTypes'");
	a->has_applies = true;
	CEDAR_TRY(read_names(r, ap, "principalTypes", &a->principals, &a->n_principals));
	CEDAR_TRY(read_names(r, ap, "resourceTypes", &a->resources, &a->n_resources));
	context = rv_json_get(ap, "context");
	if (!context)
		return CEDAR_OK;
	CEDAR_TRY(read_type(r, context, 0, " annotations", &t));
	a->context = t;
	return CEDAR_OK;
}

static cedar_code read_action(
	struct reader *r, struct raw_namespace *ns, const struct rv_json_member *m)
{
	struct raw_action a = { .name = cs(m->name), .at = place_of(m->value) };
	CEDAR_TRY(want(r, m->value, RV_JSON_OBJ, "an action"));
	CEDAR_TRY(only(r, m->value, "memberOf appliesTo attributes annotations"));
	CEDAR_TRY(read_notes(r, m->value, &a.notes));
	const struct rv_json *attrs = rv_json_get(m->value, "attributes");
	if (attrs && attrs->type != RV_JSON_NULL &&
		(attrs->type != RV_JSON_OBJ || attrs->n_members > 0))
		return FAIL(r, attrs, "actions have no attributes");
	CEDAR_TRY(read_member_of(r, m->value, &a));
	CEDAR_TRY(read_applies(r, m->value, &a));
	if (!ARENA_PUSH(r->arena, ns->actions, ns->n_actions, ns->cap_actions, a))
		return CEDAR_FAIL_MEMORY(r->err);
	return CEDAR_OK;
}

static cedar_code read_namespace(struct reader *r, const struct rv_json_member *m)
{
	struct raw_namespace *ns = cedar_raw_namespace(r->arena, r->out, cs(m->name));
	const struct rv_json *v = m->value, *part;
	struct raw_type *t;
	if (!ns)
		return CEDAR_FAIL_MEMORY(r->err);
	if (m->name.n > 0 && !cedar_is_path(cs(m->name)))
		return fail_v(
			r, m->line, m->col, "'%.*s' cannot name a namespace", RV_FMT(m->name));
	CEDAR_TRY(want(r, v, RV_JSON_OBJ, "a namespace"));
	CEDAR_TRY(only(r, v, "commonTypes entityTypes actions annotations"));
	CEDAR_TRY(read_notes(r, v, &ns->notes));
	if (!rv_json_get(v, "entityTypes") || !rv_json_get(v, "actions"))
		return FAIL(r, v, "a namespace needs 'entityTypes' and 'actions'");
	if ((part = rv_json_get(v, "commonTypes")) != NULL) {
		CEDAR_TRY(want(r, part, RV_JSON_OBJ, "'commonTypes'"));
		RV_JSON_EACH (c, part) {
			struct raw_common common = { .name = cs(c->name),
				.at = place_of(c->value) };
			CEDAR_TRY(read_type(r, c->value, 0, " annotations", &t));
			CEDAR_TRY(read_notes(r, c->value, &common.notes));
			common.type = t;
			if (!ARENA_PUSH(
				    r->arena, ns->commons, ns->n_commons, ns->cap_commons, common))
				return CEDAR_FAIL_MEMORY(r->err);
		}
	}
	part = rv_json_get(v, "entityTypes");
	CEDAR_TRY(want(r, part, RV_JSON_OBJ, "'entityTypes'"));
	RV_JSON_EACH (e, part)
		CEDAR_TRY(read_entity(r, ns, e));
	part = rv_json_get(v, "actions");
	CEDAR_TRY(want(r, part, RV_JSON_OBJ, "'actions'"));
	RV_JSON_EACH (a, part)
		CEDAR_TRY(read_action(r, ns, a));
	return CEDAR_OK;
}

cedar_code cedar_schema_read_json(
	struct rv_arena *a, cedar_str text, struct raw_schema *ret, cedar_error *err)
{
	static const struct rv_json_limits limits = { .max_bytes = SCHEMA_TEXT_MAX,
		.max_depth = 3 * SCHEMA_DEPTH_MAX };
	struct reader r = { a, ret, err };
	struct rv_err e = { .code = RV_OK };
	const struct rv_json *v;
	*ret = (struct raw_schema){ 0 };
	struct rv_str copy = rv_arena_str(a, rs(text));
	if (!copy.p)
		return CEDAR_FAIL_MEMORY(err);
	if (rv_json_parse(a, copy, &limits, &v, &e) != RV_OK)
		return cedar_json_fail(err, &e);
	CEDAR_TRY(want(&r, v, RV_JSON_OBJ, "a schema"));
	RV_JSON_EACH (m, v)
		CEDAR_TRY(read_namespace(&r, m));
	return CEDAR_OK;
}
