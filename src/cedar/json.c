/* Entities, values and requests in their JSON format, explicit form: without a schema a string is a
 * string. */
#include <stdio.h>

#include "cedar/check.h"
#include "cedar/entities.h"

cedar_code cedar_json_fail(cedar_error *e, const struct rv_err *from)
{
	cedar_code code =
		from->code == RV_ELIMIT || from->code == RV_ENOMEM ? CEDAR_ELIMIT : CEDAR_EPARSE;
	if (e && e->code == CEDAR_OK) {
		e->code = code;
		e->line = from->line;
		e->column = from->col;
		snprintf(e->message, sizeof e->message, "%.*s", (int)sizeof e->message - 1,
			from->msg);
	}
	return code;
}

static cedar_code fail_at(cedar_error *e, const struct rv_json *v, const char *msg)
{
	if (e && e->code == CEDAR_OK) {
		e->line = v->line;
		e->column = v->col;
	}
	return cedar_fail(e, CEDAR_EPARSE, "%s", msg);
}

static cedar_code get_str(
	const struct rv_json *obj, const char *name, cedar_str *ret, cedar_error *err)
{
	const struct rv_json *v = rv_json_get(obj, name);
	char msg[80];
	if (!rv_json_is(v, RV_JSON_STR)) {
		snprintf(msg, sizeof msg, "'%s' must be a string", name);
		return fail_at(err, v ? v : obj, msg);
	}
	*ret = cs(v->str);
	return CEDAR_OK;
}

cedar_code cedar_json_uid(
	struct rv_arena *a, const struct rv_json *v, cedar_uid *ret, cedar_error *err)
{
	if (v->type == RV_JSON_STR) {
		cedar_code code = cedar_parse_uid(a, cs(v->str), ret, err);
		return code;
	}
	const struct rv_json *inner = rv_json_get(v, "__entity");
	if (inner)
		v = inner;
	if (v->type != RV_JSON_OBJ)
		return fail_at(err, v, "expected an entity as {\"type\":…,\"id\":…}");
	cedar_str type, id;
	CEDAR_TRY(get_str(v, "type", &type, err));
	CEDAR_TRY(get_str(v, "id", &id, err));
	if (!cedar_is_path(type))
		return fail_at(err, v, "'type' is not an entity type name");
	*ret = cedar_uid_of(type, id);
	return CEDAR_OK;
}

static cedar_code json_entity(
	struct rv_arena *a, const struct rv_json *v, cedar_value *ret, cedar_error *err)
{
	cedar_uid *u = rv_arena_alloc(a, sizeof *u);
	if (!u)
		return CEDAR_FAIL_MEMORY(err);
	CEDAR_TRY(cedar_json_uid(a, v, u, err));
	*ret = (cedar_value){ CEDAR_ENTITY, { .uid = u } };
	return CEDAR_OK;
}

/* hint: the type a schema expects, or NULL; with one, references and extension values may be
 * written short. Whether the value then fits is checked afterwards (schema_check.c). */
static cedar_code json_value(struct rv_arena *a, const struct rv_json *v, const struct type *hint,
	unsigned depth, cedar_value *ret, cedar_error *err);

static cedar_code call_fn(struct rv_arena *a, const struct rv_json *v, int fn,
	const cedar_value *args, size_t n, cedar_value *ret, cedar_error *err)
{
	cedar_code code = cedar_fn_call(a, (enum cedar_fn)fn, args, n, ret, err);
	if (code != CEDAR_EEVAL)
		return code;
	if (err) {
		err->code = CEDAR_EPARSE;
		err->line = v->line;
		err->column = v->col;
	}
	return CEDAR_EPARSE;
}

static cedar_code json_extension(struct rv_arena *a, const struct rv_json *v, unsigned depth,
	cedar_value *ret, cedar_error *err)
{
	enum { ARGS_MAX = 4 };
	cedar_value args[ARGS_MAX];
	cedar_str fn;
	if (v->type != RV_JSON_OBJ)
		return fail_at(err, v, "expected {\"fn\":…,\"arg\":…}");
	CEDAR_TRY(get_str(v, "fn", &fn, err));
	const struct rv_json *arg = rv_json_get(v, "arg"), *list = rv_json_get(v, "args");
	const struct rv_json *const *items = arg ? &arg : NULL;
	size_t n = arg ? 1 : 0;
	if (!arg && rv_json_is(list, RV_JSON_ARR)) {
		items = list->items;
		n = list->n_items;
	}
	if (n == 0 || n > ARGS_MAX || (arg && list))
		return fail_at(err, v, "an extension value needs 'arg' or 'args'");
	for (size_t i = 0; i < n; i++)
		CEDAR_TRY(cedar_json_value(a, items[i], depth + 1, &args[i], err));
	for (int i = 0; i < CEDAR_FN_COUNT; i++)
		if (rv_str_eqz(rs(fn), cedar_fns[i].name))
			return call_fn(a, v, i, args, n, ret, err);
	return fail_at(err, v, "'fn' is not an extension function");
}

/* A string or {"fn","arg"} where the schema has an extension type. */
static cedar_code json_short_extension(struct rv_arena *a, const struct rv_json *v,
	const struct type *hint, unsigned depth, cedar_value *ret, cedar_error *err)
{
	static const enum cedar_fn makers[] = { [CEDAR_DECIMAL] = CEDAR_FN_DECIMAL,
		[CEDAR_IPADDR] = CEDAR_FN_IP,
		[CEDAR_DATETIME] = CEDAR_FN_DATETIME,
		[CEDAR_DURATION] = CEDAR_FN_DURATION };
	if (v->type == RV_JSON_OBJ)
		return json_extension(a, v, depth, ret, err);
	cedar_value arg = cedar_string(cs(v->str));
	return call_fn(a, v, makers[hint->extension], &arg, 1, ret, err);
}

static cedar_code json_set(struct rv_arena *a, const struct rv_json *v, const struct type *hint,
	unsigned depth, cedar_value *ret, cedar_error *err)
{
	const struct type *element = hint && hint->kind == TY_SET ? hint->element : NULL;
	cedar_value *items = rv_arena_array(a, v->n_items, sizeof *items);
	if (!items)
		return CEDAR_FAIL_MEMORY(err);
	for (size_t i = 0; i < v->n_items; i++)
		CEDAR_TRY(json_value(a, v->items[i], element, depth + 1, &items[i], err));
	const cedar_set *s = cedar_set_make(a, items, v->n_items);
	if (!s)
		return CEDAR_FAIL_MEMORY(err);
	*ret = (cedar_value){ CEDAR_SET, { .set = s } };
	return CEDAR_OK;
}

static cedar_code json_record(struct rv_arena *a, const struct rv_json *v, const struct type *hint,
	unsigned depth, cedar_value *ret, cedar_error *err)
{
	cedar_pair *pairs = rv_arena_array(a, v->n_members, sizeof *pairs);
	cedar_str twice;
	if (!pairs)
		return CEDAR_FAIL_MEMORY(err);
	for (size_t i = 0; i < v->n_members; i++) {
		pairs[i].key = cs(v->members[i].name);
		const struct attr_type *at = hint && hint->kind == TY_RECORD
			? cedar_type_attr(hint, pairs[i].key)
			: NULL;
		CEDAR_TRY(json_value(a, v->members[i].value, at ? at->type : NULL, depth + 1,
			&pairs[i].value, err));
	}
	const cedar_record *r = cedar_record_make(a, pairs, v->n_members, &twice);
	if (!r)
		return CEDAR_FAIL_MEMORY(err);
	*ret = (cedar_value){ CEDAR_RECORD, { .record = r } };
	return CEDAR_OK;
}

static cedar_code json_object(struct rv_arena *a, const struct rv_json *v, const struct type *hint,
	unsigned depth, cedar_value *ret, cedar_error *err)
{
	static const char *const escapes[] = { "__entity", "__extn", "__expr" };
	for (size_t i = 0; i < RV_COUNT(escapes); i++) {
		const struct rv_json *m = rv_json_get(v, escapes[i]);
		if (!m)
			continue;
		if (v->n_members != 1)
			return fail_at(err, v, "an escape such as \"__entity\" must stand alone");
		if (i == 0)
			return json_entity(a, v, ret, err);
		if (i == 1)
			return json_extension(a, m, depth, ret, err);
		return fail_at(err, v, "\"__expr\" is no longer supported");
	}
	return json_record(a, v, hint, depth, ret, err);
}

static cedar_code json_value(struct rv_arena *a, const struct rv_json *v, const struct type *hint,
	unsigned depth, cedar_value *ret, cedar_error *err)
{
	if (depth > VALUE_DEPTH_MAX) {
		(void)fail_at(err, v, "values nest too deeply"); /* with the limit's code */
		if (err)
			err->code = CEDAR_ELIMIT;
		return CEDAR_ELIMIT;
	}
	bool entity = hint && (hint->kind == TY_ENTITY || hint->kind == TY_ANY_ENTITY);
	if (entity && v->type == RV_JSON_OBJ)
		return json_entity(a, v, ret, err);
	if (hint && hint->kind == TY_EXTENSION &&
		(v->type == RV_JSON_STR || (v->type == RV_JSON_OBJ && !rv_json_get(v, "__extn"))))
		return json_short_extension(a, v, hint, depth, ret, err);
	switch (v->type) {
	case RV_JSON_BOOL:
		*ret = cedar_bool(v->boolean);
		return CEDAR_OK;
	case RV_JSON_INT:
		*ret = cedar_long(v->integer);
		return CEDAR_OK;
	case RV_JSON_STR:
		*ret = cedar_string(cs(v->str));
		return CEDAR_OK;
	case RV_JSON_ARR:
		return json_set(a, v, hint, depth, ret, err);
	case RV_JSON_OBJ:
		return json_object(a, v, hint, depth, ret, err);
	case RV_JSON_NULL:
		return fail_at(err, v, "null is not a Cedar value");
	case RV_JSON_DOUBLE:
		break;
	}
	return fail_at(err, v, "a number must be an integer of 64 bits; use the decimal extension");
}

cedar_code cedar_json_value(struct rv_arena *a, const struct rv_json *v, unsigned depth,
	cedar_value *ret, cedar_error *err)
{
	return json_value(a, v, NULL, depth, ret, err);
}

/* Parses a copy, so that strings live in the arena. */
static cedar_code parse(
	struct rv_arena *a, cedar_str text, const struct rv_json **ret, cedar_error *err)
{
	static const struct rv_json_limits limits = { .max_bytes = JSON_MAX,
		.max_depth = 2 * VALUE_DEPTH_MAX };
	struct rv_err e = { .code = RV_OK };
	struct rv_str copy = rv_arena_str(a, rs(text));
	if (!copy.p)
		return CEDAR_FAIL_MEMORY(err);
	if (rv_json_parse(a, copy, &limits, ret, &e) != RV_OK)
		return cedar_json_fail(err, &e);
	return CEDAR_OK;
}

static cedar_code json_record_member(struct rv_arena *a, const struct rv_json *obj,
	const char *name, bool needed, const struct type *hint, cedar_value *ret, cedar_error *err)
{
	const struct rv_json *v = rv_json_get(obj, name);
	char msg[80];
	if (!v && !needed)
		return CEDAR_OK;
	if (!rv_json_is(v, RV_JSON_OBJ)) {
		snprintf(msg, sizeof msg, "'%s' must be an object", name);
		return fail_at(err, v ? v : obj, msg);
	}
	return json_record(a, v, hint, 1, ret, err);
}

static cedar_code json_parents(
	struct rv_arena *a, const struct rv_json *obj, cedar_entity *e, cedar_error *err)
{
	const struct rv_json *v = rv_json_get(obj, "parents");
	if (!rv_json_is(v, RV_JSON_ARR))
		return fail_at(err, v ? v : obj, "'parents' must be an array");
	cedar_uid *list = rv_arena_array(a, v->n_items, sizeof *list);
	if (!list)
		return CEDAR_FAIL_MEMORY(err);
	for (size_t i = 0; i < v->n_items; i++)
		CEDAR_TRY(cedar_json_uid(a, v->items[i], &list[i], err));
	e->parents = list;
	e->n_parents = v->n_items;
	return CEDAR_OK;
}

/* All tags are of one type; the record they come as has no type of its own. */
static cedar_code json_tags(struct rv_arena *a, const struct rv_json *v, const struct type *hint,
	cedar_value *ret, cedar_error *err)
{
	const struct rv_json *tags = rv_json_get(v, "tags");
	if (!hint || !rv_json_is(tags, RV_JSON_OBJ))
		return json_record_member(a, v, "tags", false, NULL, ret, err);
	struct attr_type *attrs = rv_arena_array(a, tags->n_members, sizeof *attrs);
	if (!attrs)
		return CEDAR_FAIL_MEMORY(err);
	struct type record = { .kind = TY_RECORD, .attrs = attrs, .n_attrs = tags->n_members };
	for (size_t i = 0; i < tags->n_members; i++)
		attrs[i] = (struct attr_type){ cs(tags->members[i].name), hint, false };
	cedar_type_sort_attrs(attrs, tags->n_members);
	return json_record(a, tags, &record, 1, ret, err);
}

static cedar_code json_one(struct rv_arena *a, const struct rv_json *v, const cedar_schema *schema,
	cedar_entity *e, cedar_error *err)
{
	const struct entity_type *type = NULL;
	if (v->type != RV_JSON_OBJ)
		return fail_at(err, v, "expected an entity: {\"uid\":…,\"attrs\":…,\"parents\":…}");
	const struct rv_json *uid = rv_json_get(v, "uid");
	if (!uid)
		return fail_at(err, v, "'uid' is required");
	CEDAR_TRY(cedar_json_uid(a, uid, &e->uid, err));
	uint32_t at = schema ? cedar_schema_type(schema, e->uid.type) : NO_TYPE;
	if (at != NO_TYPE)
		type = &schema->types[at];
	CEDAR_TRY(
		json_record_member(a, v, "attrs", true, type ? type->attrs : NULL, &e->attrs, err));
	CEDAR_TRY(json_tags(a, v, type ? type->tags : NULL, &e->tags, err));
	CEDAR_TRY(json_parents(a, v, e, err));
	cedar_code code = schema ? cedar_check_entity(schema, e, err) : CEDAR_OK;
	if (code != CEDAR_OK && err && err->line == 0) {
		err->line = v->line;
		err->column = v->col;
	}
	return code;
}

/* The schema's actions are entities too; those given are the same (checked) and give way. */
static cedar_code add_actions(struct build *b, const cedar_schema *s, cedar_error *err)
{
	RV_AUTO_ARENA a;
	rv_arena_init(&a, SIZE_MAX / 2);
	for (size_t i = 0; i < s->n_actions; i++) {
		const struct action_type *at = &s->actions[i];
		cedar_uid *parents = rv_arena_array(&a, at->n_parents, sizeof *parents);
		if (!parents)
			return CEDAR_FAIL_MEMORY(err);
		for (size_t k = 0; k < at->n_parents; k++)
			parents[k] = s->actions[at->parents[k]].uid;
		const cedar_entity e = {
			.uid = at->uid, .parents = parents, .n_parents = at->n_parents
		};
		CEDAR_TRY(cedar_build_add(b, &e, err));
	}
	return CEDAR_OK;
}

/* A document being read, an entity at a time. */
struct reading {
	struct build *build;
	struct rv_arena arena; /* of the entity */
	const cedar_schema *schema;
	cedar_code code;
	cedar_error *err;
};

static enum rv_code read_item(void *arg, const struct rv_json *item, struct rv_err *err)
{
	struct reading *r = arg;
	cedar_entity e = { .n_parents = 0 };
	rv_arena_clear(&r->arena);
	r->code = json_one(&r->arena, item, r->schema, &e, r->err);
	if (r->code == CEDAR_OK && (!r->schema || !cedar_is_action_type(e.uid.type)))
		r->code = cedar_build_add(r->build, &e, r->err);
	return r->code == CEDAR_OK ? RV_OK : RV_EINVAL;
}

static cedar_code read_items(struct reading *r, cedar_str text)
{
	static const struct rv_json_limits limits = { .max_bytes = JSON_MAX,
		.max_depth = 2 * VALUE_DEPTH_MAX };
	RV_AUTO_ARENA a;
	struct rv_err e = { .code = RV_OK };
	rv_arena_init(&a, SIZE_MAX / 2);
	if (rv_json_parse_items(&a, rs(text), &limits, read_item, r, &e) == RV_OK)
		return r->schema ? add_actions(r->build, r->schema, r->err) : CEDAR_OK;
	return r->code != CEDAR_OK ? r->code : cedar_json_fail(r->err, &e);
}

cedar_code cedar_entities_parse_json(cedar_str text, cedar_entities **ret, cedar_error *err)
{
	return cedar_entities_parse_json_with(text, NULL, ret, err);
}

cedar_code cedar_entities_parse_json_with(
	cedar_str text, const cedar_schema *schema, cedar_entities **ret, cedar_error *err)
{
	struct reading r = { .build = cedar_build_new(), .schema = schema, .err = err };
	if (!r.build)
		return CEDAR_FAIL_MEMORY(err);
	rv_arena_init(&r.arena, SIZE_MAX / 2);
	cedar_code code = read_items(&r, text);
	rv_arena_done(&r.arena);
	if (code == CEDAR_OK)
		return cedar_build_done(r.build, ret, err);
	cedar_build_free(r.build);
	return code;
}

cedar_code cedar_value_parse_json(
	cedar_scratch *s, cedar_str json, cedar_value *ret, cedar_error *err)
{
	const struct rv_json *v;
	CEDAR_TRY(parse(&s->arena, json, &v, err));
	return cedar_json_value(&s->arena, v, 1, ret, err);
}

cedar_code cedar_request_parse_json(
	cedar_scratch *s, cedar_str json, cedar_request *ret, cedar_error *err)
{
	return cedar_request_parse_json_with(s, json, NULL, ret, err);
}

static const struct type *context_type(const cedar_schema *schema, const cedar_uid *action)
{
	uint32_t at = schema ? cedar_schema_action(schema, action) : NO_TYPE;
	return at == NO_TYPE ? NULL : schema->actions[at].context;
}

cedar_code cedar_context_parse_json_with(cedar_scratch *s, cedar_str json,
	const cedar_schema *schema, const cedar_uid *action, cedar_value *ret, cedar_error *err)
{
	const struct rv_json *v;
	CEDAR_TRY(parse(&s->arena, json, &v, err));
	if (v->type != RV_JSON_OBJ)
		return fail_at(err, v, "the context must be an object");
	return json_record(&s->arena, v, context_type(schema, action), 1, ret, err);
}

cedar_code cedar_request_parse_json_with(cedar_scratch *s, cedar_str json,
	const cedar_schema *schema, cedar_request *ret, cedar_error *err)
{
	static const char *const names[] = { "principal", "action", "resource" };
	cedar_uid *const uids[] = { &ret->principal, &ret->action, &ret->resource };
	const struct rv_json *v;
	*ret = (cedar_request){ .n_overlay = 0 };
	CEDAR_TRY(parse(&s->arena, json, &v, err));
	if (v->type != RV_JSON_OBJ)
		return fail_at(err, v, "expected a request: {\"principal\":…,\"action\":…,…}");
	for (size_t i = 0; i < RV_COUNT(names); i++) {
		const struct rv_json *m = rv_json_get(v, names[i]);
		char msg[60];
		if (!m) {
			snprintf(msg, sizeof msg, "'%s' is required", names[i]);
			return fail_at(err, v, msg);
		}
		CEDAR_TRY(cedar_json_uid(&s->arena, m, uids[i], err));
	}
	CEDAR_TRY(json_record_member(&s->arena, v, "context", false,
		context_type(schema, &ret->action), &ret->context, err));
	return schema ? cedar_schema_check_request(schema, ret, err) : CEDAR_OK;
}

cedar_code cedar_uid_parse(cedar_scratch *s, cedar_str text, cedar_uid *ret, cedar_error *err)
{
	return cedar_parse_uid(&s->arena, text, ret, err);
}
