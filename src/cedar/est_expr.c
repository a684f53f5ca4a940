/* Expressions of JSON policies into the tree. An expression is an object with one member, whose
 * name says what it is; depth is counted on the way down. */
#include "cedar/forms.h"

struct reader {
	struct rv_arena *a;
	cedar_error *err;
};
#define FAIL(r, at, v, ...) cedar_json_path_fail((r)->err, (at), (v), __VA_ARGS__)

static cedar_code read_expr(struct reader *r, const struct json_path *at, const struct rv_json *v,
	unsigned depth, const struct expr **ret);

static cedar_code fail_deep(struct reader *r, const struct json_path *at, const struct rv_json *v)
{
	(void)FAIL(r, at, v, "expressions nest more than %d deep", EST_DEPTH_MAX); /* below */
	if (r->err)
		r->err->code = CEDAR_ELIMIT;
	return CEDAR_ELIMIT;
}

static struct expr *node(struct reader *r, enum op op)
{
	struct expr *e = rv_arena_alloc(r->a, sizeof *e);
	if (e)
		e->op = (uint8_t)op;
	else
		(void)CEDAR_FAIL_MEMORY(r->err); /* callers see NULL */
	return e;
}

/* The member `name` of v as an expression. */
static cedar_code read_member(struct reader *r, const struct json_path *at, const struct rv_json *v,
	const char *name, unsigned depth, const struct expr **ret)
{
	const struct json_path here = json_in(at, name);
	const struct rv_json *m = rv_json_get(v, name);
	if (!m)
		return FAIL(r, &here, v, "is required: an expression");
	return read_expr(r, &here, m, depth, ret);
}

/* An array, or the values of an object, whose names go beside. */
static cedar_code room(struct reader *r, struct expr *e, size_t n, const struct expr ***ret_items,
	cedar_str **ret_names)
{
	*ret_items = rv_arena_array(r->a, n, sizeof **ret_items);
	*ret_names = rv_arena_array(r->a, n, sizeof **ret_names);
	if (!*ret_items || !*ret_names || n > UINT32_MAX)
		return CEDAR_FAIL_MEMORY(r->err);
	e->n = (uint32_t)n;
	e->items = *ret_items;
	e->names = *ret_names;
	return CEDAR_OK;
}

typedef cedar_code item_fn(struct reader *r, const struct json_path *at, const struct rv_json *v,
	unsigned depth, const struct expr **ret);

static cedar_code read_items(struct reader *r, const struct json_path *at, const struct rv_json *v,
	unsigned depth, item_fn *read, struct expr *e)
{
	const struct expr **items;
	cedar_str *names;
	CEDAR_TRY(cedar_json_want(r->err, at, v, v, RV_JSON_ARR));
	CEDAR_TRY(room(r, e, v->n_items, &items, &names));
	for (size_t i = 0; i < v->n_items; i++) {
		const struct json_path here = json_at(at, i);
		CEDAR_TRY(read(r, &here, v->items[i], depth, &items[i]));
	}
	return CEDAR_OK;
}

static cedar_code read_fields(struct reader *r, const struct json_path *at, const struct rv_json *v,
	unsigned depth, item_fn *read, struct expr *e)
{
	const struct expr **items;
	cedar_str *names;
	CEDAR_TRY(cedar_json_want(r->err, at, v, v, RV_JSON_OBJ));
	CEDAR_TRY(room(r, e, v->n_members, &items, &names));
	for (size_t i = 0; i < v->n_members; i++) {
		const struct json_path here = json_in_str(at, v->members[i].name);
		names[i] = cs(v->members[i].name);
		CEDAR_TRY(read(r, &here, v->members[i].value, depth, &items[i]));
	}
	return CEDAR_OK;
}

/* ---- values ---- */

static int find_fn(struct rv_str name)
{
	for (int i = 0; i < CEDAR_FN_COUNT; i++)
		if (rv_str_eqz(name, cedar_fns[i].name))
			return i;
	return -1;
}

static cedar_code check_call(
	struct reader *r, const struct json_path *at, const struct rv_json *v, const struct expr *e)
{
	if (cedar_fns[e->fn].is_method && e->n == 0)
		return FAIL(r, at, v, "method '%s' needs a receiver: its first argument",
			cedar_fns[e->fn].name);
	return CEDAR_OK;
}

static cedar_code read_value(struct reader *r, const struct json_path *at, const struct rv_json *v,
	unsigned depth, const struct expr **ret);

/* {"fn", "arg"} or {"fn", "args"}. */
static cedar_code read_extension(struct reader *r, const struct json_path *at,
	const struct rv_json *v, unsigned depth, struct expr *e)
{
	const struct rv_json *fn, *arg = NULL;
	CEDAR_TRY(cedar_json_want(r->err, at, v, v, RV_JSON_OBJ));
	CEDAR_TRY(cedar_json_only(r->err, at, v, "fn arg args"));
	CEDAR_TRY(cedar_json_need(r->err, at, v, "fn", RV_JSON_STR, &fn));
	arg = rv_json_get(v, "arg");
	if (!arg == !rv_json_get(v, "args"))
		return FAIL(r, at, v, "needs either 'arg' or 'args'");
	int i = find_fn(fn->str);
	if (i < 0)
		return FAIL(r, at, fn, "'%.*s' is not an extension function",
			fn->str.n > 60 ? 60 : RV_FMT(fn->str));
	e->op = OP_CALL;
	e->fn = (uint8_t)i;
	if (arg) {
		const struct json_path here = json_in(at, "arg");
		const struct expr **items;
		cedar_str *names;
		CEDAR_TRY(room(r, e, 1, &items, &names));
		return read_value(r, &here, arg, depth + 1, &items[0]);
	}
	const struct json_path here = json_in(at, "args");
	CEDAR_TRY(read_items(r, &here, rv_json_get(v, "args"), depth + 1, read_value, e));
	return check_call(r, at, v, e);
}

static cedar_code read_object(struct reader *r, const struct json_path *at, const struct rv_json *v,
	unsigned depth, struct expr *e)
{
	static const char *const escapes[] = { "__entity", "__extn", "__expr" };
	for (size_t i = 0; i < RV_COUNT(escapes); i++) {
		const struct json_path here = json_in(at, escapes[i]);
		const struct rv_json *m = rv_json_get(v, escapes[i]);
		if (!m)
			continue;
		if (v->n_members != 1)
			return FAIL(r, at, v, "'%s' must stand alone", escapes[i]);
		if (i == 1)
			return read_extension(r, &here, m, depth, e);
		if (i == 2)
			return FAIL(r, at, v, "'__expr' is no longer supported");
		e->op = OP_LIT;
		e->lit.kind = CEDAR_ENTITY;
		return cedar_json_path_uid(r->a, r->err, at, v, &e->lit.u.uid);
	}
	e->op = OP_RECORD;
	return read_fields(r, at, v, depth + 1, read_value, e);
}

/* A value as attributes have it: literals, sets, records, entities, calls. */
static cedar_code read_value(struct reader *r, const struct json_path *at, const struct rv_json *v,
	unsigned depth, const struct expr **ret)
{
	if (depth > EST_DEPTH_MAX)
		return fail_deep(r, at, v);
	struct expr *e = node(r, OP_LIT);
	if (!e)
		return CEDAR_ELIMIT;
	*ret = e;
	switch (v->type) {
	case RV_JSON_BOOL:
		e->lit = cedar_bool(v->boolean);
		return CEDAR_OK;
	case RV_JSON_INT:
		e->lit = cedar_long(v->integer);
		return CEDAR_OK;
	case RV_JSON_STR:
		e->lit = cedar_string(cs(v->str));
		return CEDAR_OK;
	case RV_JSON_ARR:
		e->op = OP_SET;
		return read_items(r, at, v, depth + 1, read_value, e);
	case RV_JSON_OBJ:
		return read_object(r, at, v, depth, e);
	case RV_JSON_NULL:
		return FAIL(r, at, v, "null is not a Cedar value");
	case RV_JSON_DOUBLE:
		break;
	}
	return FAIL(r, at, v, "a number must be an integer of 64 bits");
}

/* ---- expressions ---- */

static cedar_code read_var(
	struct reader *r, const struct json_path *at, const struct rv_json *v, struct expr *e)
{
	static const struct {
		const char *name;
		enum op op;
	} vars[] = { { "principal", OP_PRINCIPAL }, { "action", OP_ACTION },
		{ "resource", OP_RESOURCE }, { "context", OP_CONTEXT } };
	CEDAR_TRY(cedar_json_want(r->err, at, v, v, RV_JSON_STR));
	for (size_t i = 0; i < RV_COUNT(vars); i++)
		if (rv_str_eqz(v->str, vars[i].name)) {
			e->op = (uint8_t)vars[i].op;
			return CEDAR_OK;
		}
	return FAIL(r, at, v,
		"'%.*s' is not a variable; known are principal, action, resource and context",
		v->str.n > 60 ? 60 : RV_FMT(v->str));
}

static cedar_code read_attr(struct reader *r, const struct json_path *at, const struct rv_json *v,
	unsigned depth, struct expr *e)
{
	const struct rv_json *name;
	CEDAR_TRY(cedar_json_only(r->err, at, v, "left attr"));
	CEDAR_TRY(read_member(r, at, v, "left", depth, &e->a));
	CEDAR_TRY(cedar_json_need(r->err, at, v, "attr", RV_JSON_STR, &name));
	e->name = cs(name->str);
	return CEDAR_OK;
}

/* "attr" is one name, or since language 4.5 an array of them. */
static cedar_code read_has(struct reader *r, const struct json_path *at, const struct rv_json *v,
	unsigned depth, struct expr *e)
{
	const struct json_path here = json_in(at, "attr");
	const struct rv_json *attr = rv_json_get(v, "attr");
	CEDAR_TRY(cedar_json_only(r->err, at, v, "left attr"));
	CEDAR_TRY(read_member(r, at, v, "left", depth, &e->a));
	bool list = rv_json_is(attr, RV_JSON_ARR);
	if (!list)
		CEDAR_TRY(cedar_json_want(r->err, &here, v, attr, RV_JSON_STR));
	size_t n = list ? attr->n_items : 1;
	if (n == 0)
		return FAIL(r, &here, attr, "needs at least one name");
	cedar_str *names = rv_arena_array(r->a, n, sizeof *names);
	if (!names)
		return CEDAR_FAIL_MEMORY(r->err);
	for (size_t i = 0; i < n; i++) {
		const struct json_path item = json_at(&here, i);
		const struct rv_json *m = list ? attr->items[i] : attr;
		CEDAR_TRY(cedar_json_want(r->err, &item, m, m, RV_JSON_STR));
		names[i] = cs(m->str);
	}
	e->names = names;
	e->n = (uint32_t)n;
	return CEDAR_OK;
}

static cedar_code read_like(struct reader *r, const struct json_path *at, const struct rv_json *v,
	unsigned depth, struct expr *e)
{
	const struct json_path here = json_in(at, "pattern");
	const struct rv_json *list, *literal;
	CEDAR_TRY(cedar_json_only(r->err, at, v, "left pattern"));
	CEDAR_TRY(read_member(r, at, v, "left", depth, &e->a));
	CEDAR_TRY(cedar_json_need(r->err, at, v, "pattern", RV_JSON_ARR, &list));
	struct pattern_part *parts = rv_arena_array(r->a, list->n_items, sizeof *parts);
	if (!parts || list->n_items > UINT32_MAX)
		return CEDAR_FAIL_MEMORY(r->err);
	for (size_t i = 0; i < list->n_items; i++) {
		const struct json_path item = json_at(&here, i);
		const struct rv_json *m = list->items[i];
		if (m->type == RV_JSON_STR && rv_str_eqz(m->str, "Wildcard")) {
			parts[i].is_wildcard = true;
			continue;
		}
		if (m->type != RV_JSON_OBJ)
			return FAIL(r, &item, m, "must be \"Wildcard\" or {\"Literal\": …}");
		CEDAR_TRY(cedar_json_only(r->err, &item, m, "Literal"));
		CEDAR_TRY(cedar_json_need(r->err, &item, m, "Literal", RV_JSON_STR, &literal));
		parts[i].text = cs(literal->str);
	}
	e->pattern = parts;
	e->n = (uint32_t)list->n_items;
	return CEDAR_OK;
}

static cedar_code read_is(struct reader *r, const struct json_path *at, const struct rv_json *v,
	unsigned depth, struct expr *e)
{
	const struct json_path here = json_in(at, "entity_type");
	const struct rv_json *type;
	CEDAR_TRY(cedar_json_only(r->err, at, v, "left entity_type in"));
	CEDAR_TRY(read_member(r, at, v, "left", depth, &e->a));
	CEDAR_TRY(cedar_json_need(r->err, at, v, "entity_type", RV_JSON_STR, &type));
	e->name = cs(type->str);
	if (!cedar_is_path(e->name))
		return FAIL(r, &here, type, "'%.*s' is not an entity type's name",
			type->str.n > 60 ? 60 : RV_FMT(type->str));
	return rv_json_get(v, "in") ? read_member(r, at, v, "in", depth, &e->b) : CEDAR_OK;
}

static cedar_code read_if(struct reader *r, const struct json_path *at, const struct rv_json *v,
	unsigned depth, struct expr *e)
{
	CEDAR_TRY(cedar_json_only(r->err, at, v, "if then else"));
	CEDAR_TRY(read_member(r, at, v, "if", depth, &e->a));
	CEDAR_TRY(read_member(r, at, v, "then", depth, &e->b));
	return read_member(r, at, v, "else", depth, &e->c);
}

static cedar_code read_operator(struct reader *r, const struct json_path *at,
	const struct rv_json *v, unsigned depth, const struct est_op *op, struct expr *e)
{
	CEDAR_TRY(cedar_json_want(r->err, at, v, v, RV_JSON_OBJ));
	CEDAR_TRY(cedar_json_only(r->err, at, v, op->is_unary ? "arg" : "left right"));
	CEDAR_TRY(read_member(r, at, v, op->is_unary ? "arg" : "left", depth, &e->a));
	return op->is_unary ? CEDAR_OK : read_member(r, at, v, "right", depth, &e->b);
}

static cedar_code read_named(struct reader *r, const struct json_path *at,
	const struct rv_json_member *m, unsigned depth, struct expr *e)
{
	static const struct {
		const char *name;
		enum op op;
		cedar_code (*read)(struct reader *r, const struct json_path *at,
			const struct rv_json *v, unsigned depth, struct expr *e);
	} shapes[] = { { ".", OP_ATTR, read_attr }, { "has", OP_HAS, read_has },
		{ "like", OP_LIKE, read_like }, { "is", OP_IS, read_is },
		{ "if-then-else", OP_IF, read_if } };
	for (size_t i = 0; i < cedar_est_n_ops; i++)
		if (rv_str_eqz(m->name, cedar_est_ops[i].name)) {
			e->op = (uint8_t)cedar_est_ops[i].op;
			return read_operator(r, at, m->value, depth, &cedar_est_ops[i], e);
		}
	for (size_t i = 0; i < RV_COUNT(shapes); i++)
		if (rv_str_eqz(m->name, shapes[i].name)) {
			CEDAR_TRY(cedar_json_want(r->err, at, m->value, m->value, RV_JSON_OBJ));
			e->op = (uint8_t)shapes[i].op;
			return shapes[i].read(r, at, m->value, depth, e);
		}
	int fn = find_fn(m->name);
	if (fn < 0) {
		const struct rv_json place = { .line = m->line, .col = m->col };
		return FAIL(r, at->up, &place, "'%.*s' is no operator and no function",
			m->name.n > 60 ? 60 : RV_FMT(m->name));
	}
	e->op = OP_CALL;
	e->fn = (uint8_t)fn;
	CEDAR_TRY(read_items(r, at, m->value, depth, read_expr, e));
	return check_call(r, at, m->value, e);
}

static cedar_code read_expr(struct reader *r, const struct json_path *at, const struct rv_json *v,
	unsigned depth, const struct expr **ret)
{
	if (depth > EST_DEPTH_MAX)
		return fail_deep(r, at, v);
	CEDAR_TRY(cedar_json_want(r->err, at, v, v, RV_JSON_OBJ));
	if (v->n_members != 1)
		return FAIL(r, at, v, "an expression has one member, not %zu", v->n_members);
	const struct rv_json_member *m = &v->members[0];
	const struct json_path here = json_in_str(at, m->name);
	if (rv_str_eqz(m->name, "Value"))
		return read_value(r, &here, m->value, depth, ret);
	if (rv_str_eqz(m->name, "Slot"))
		return FAIL(r, &here, m->value,
			"template slots are not allowed in a when or unless clause");
	struct expr *e = node(r, OP_LIT);
	if (!e)
		return CEDAR_ELIMIT;
	*ret = e;
	if (rv_str_eqz(m->name, "Var"))
		return read_var(r, &here, m->value, e);
	e->op = rv_str_eqz(m->name, "Set") ? OP_SET : OP_RECORD;
	if (e->op == OP_SET)
		return read_items(r, &here, m->value, depth + 1, read_expr, e);
	if (rv_str_eqz(m->name, "Record"))
		return read_fields(r, &here, m->value, depth + 1, read_expr, e);
	return read_named(r, &here, m, depth + 1, e);
}

cedar_code cedar_est_read_expr(struct rv_arena *a, const struct json_path *at,
	const struct rv_json *v, unsigned depth, const struct expr **ret, cedar_error *err)
{
	struct reader r = { a, err };
	return read_expr(&r, at, v, depth, ret);
}
