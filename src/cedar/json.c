/* Entities, values and requests in their JSON format, explicit form: without a schema a string is a
 * string. */
#include <stdio.h>

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
	for (int i = 0; i < CEDAR_FN_COUNT; i++) {
		if (!rv_str_eqz(rs(fn), cedar_fns[i].name))
			continue;
		cedar_code code = cedar_fn_call(a, (enum cedar_fn)i, args, n, ret, err);
		if (code != CEDAR_EEVAL)
			return code;
		if (err) {
			err->code = CEDAR_EPARSE;
			err->line = v->line;
			err->column = v->col;
		}
		return CEDAR_EPARSE;
	}
	return fail_at(err, v, "'fn' is not an extension function");
}

static cedar_code json_set(struct rv_arena *a, const struct rv_json *v, unsigned depth,
	cedar_value *ret, cedar_error *err)
{
	cedar_value *items = rv_arena_array(a, v->n_items, sizeof *items);
	if (!items)
		return CEDAR_FAIL_MEMORY(err);
	for (size_t i = 0; i < v->n_items; i++)
		CEDAR_TRY(cedar_json_value(a, v->items[i], depth + 1, &items[i], err));
	const cedar_set *s = cedar_set_make(a, items, v->n_items);
	if (!s)
		return CEDAR_FAIL_MEMORY(err);
	*ret = (cedar_value){ CEDAR_SET, { .set = s } };
	return CEDAR_OK;
}

static cedar_code json_record(struct rv_arena *a, const struct rv_json *v, unsigned depth,
	cedar_value *ret, cedar_error *err)
{
	cedar_pair *pairs = rv_arena_array(a, v->n_members, sizeof *pairs);
	cedar_str twice;
	if (!pairs)
		return CEDAR_FAIL_MEMORY(err);
	for (size_t i = 0; i < v->n_members; i++) {
		pairs[i].key = cs(v->members[i].name);
		CEDAR_TRY(
			cedar_json_value(a, v->members[i].value, depth + 1, &pairs[i].value, err));
	}
	const cedar_record *r = cedar_record_make(a, pairs, v->n_members, &twice);
	if (!r)
		return CEDAR_FAIL_MEMORY(err);
	*ret = (cedar_value){ CEDAR_RECORD, { .record = r } };
	return CEDAR_OK;
}

static cedar_code json_object(struct rv_arena *a, const struct rv_json *v, unsigned depth,
	cedar_value *ret, cedar_error *err)
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
	return json_record(a, v, depth, ret, err);
}

cedar_code cedar_json_value(struct rv_arena *a, const struct rv_json *v, unsigned depth,
	cedar_value *ret, cedar_error *err)
{
	if (depth > VALUE_DEPTH_MAX) {
		(void)fail_at(err, v, "values nest too deeply"); /* with the limit's code */
		if (err)
			err->code = CEDAR_ELIMIT;
		return CEDAR_ELIMIT;
	}
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
		return json_set(a, v, depth, ret, err);
	case RV_JSON_OBJ:
		return json_object(a, v, depth, ret, err);
	case RV_JSON_NULL:
		return fail_at(err, v, "null is not a Cedar value");
	case RV_JSON_DOUBLE:
		break;
	}
	return fail_at(err, v, "a number must be an integer of 64 bits; use the decimal extension");
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
	const char *name, bool needed, cedar_value *ret, cedar_error *err)
{
	const struct rv_json *v = rv_json_get(obj, name);
	char msg[80];
	if (!v && !needed)
		return CEDAR_OK;
	if (!rv_json_is(v, RV_JSON_OBJ)) {
		snprintf(msg, sizeof msg, "'%s' must be an object", name);
		return fail_at(err, v ? v : obj, msg);
	}
	return json_record(a, v, 1, ret, err);
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

static cedar_code json_one(
	struct rv_arena *a, const struct rv_json *v, cedar_entity *e, cedar_error *err)
{
	if (v->type != RV_JSON_OBJ)
		return fail_at(err, v, "expected an entity: {\"uid\":…,\"attrs\":…,\"parents\":…}");
	const struct rv_json *uid = rv_json_get(v, "uid");
	if (!uid)
		return fail_at(err, v, "'uid' is required");
	CEDAR_TRY(cedar_json_uid(a, uid, &e->uid, err));
	CEDAR_TRY(json_record_member(a, v, "attrs", true, &e->attrs, err));
	CEDAR_TRY(json_record_member(a, v, "tags", false, &e->tags, err));
	return json_parents(a, v, e, err);
}

static cedar_code parse_entities(cedar_entities *es, cedar_str text, cedar_error *err)
{
	struct rv_arena *a = cedar_entities_arena(es);
	const struct rv_json *v;
	CEDAR_TRY(parse(a, text, &v, err));
	if (v->type != RV_JSON_ARR)
		return fail_at(err, v, "expected an array of entities");
	cedar_entity *list = rv_arena_array(a, v->n_items, sizeof *list);
	if (!list)
		return CEDAR_FAIL_MEMORY(err);
	for (size_t i = 0; i < v->n_items; i++)
		CEDAR_TRY(json_one(a, v->items[i], &list[i], err));
	return cedar_entities_finish(es, list, v->n_items, err);
}

cedar_code cedar_entities_parse_json(cedar_str text, cedar_entities **ret, cedar_error *err)
{
	cedar_entities *es = cedar_entities_begin(err);
	if (!es)
		return CEDAR_ELIMIT;
	cedar_code code = parse_entities(es, text, err);
	if (code != CEDAR_OK) {
		cedar_entities_free(es);
		return code;
	}
	*ret = es;
	return CEDAR_OK;
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
	return json_record_member(&s->arena, v, "context", false, &ret->context, err);
}

cedar_code cedar_uid_parse(cedar_scratch *s, cedar_str text, cedar_uid *ret, cedar_error *err)
{
	return cedar_parse_uid(&s->arena, text, ret, err);
}
