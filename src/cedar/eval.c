/* The evaluator: a walk over the compiled tree, as the specification has it (cedar-spec,
 * Cedar/Spec/Evaluator.lean). What comes to a truth value goes through cedar_test, which needs no
 * value in memory; everything else through cedar_run. Depth was bounded when the tree was made. */
#include "cedar/code.h"
#include "cedar/entities.h"

static const cedar_value *look(struct env *env, const struct code *c, cedar_value *room);

static bool type_error(struct env *env, const char *want, const cedar_value *got)
{
	return cedar_env_fail(
		env, "type error: expected %z, got %z", want, cedar_kind_name(got->kind));
}

static bool want_kind(struct env *env, const cedar_value *v, cedar_kind kind)
{
	return v->kind == kind || type_error(env, cedar_kind_name(kind), v);
}

/* What cedar_test says for what cedar_run says. */
static int no_test(bool is_ok)
{
	return (int)is_ok - 1;
}

static bool run_kind(struct env *env, const struct code *c, cedar_kind kind, cedar_value *ret)
{
	return cedar_run(env, c, ret) && want_kind(env, ret, kind);
}

/* Every element must be an entity, even behind one that matches. */
static int value_in(struct env *env, const struct who *a, const cedar_value *b)
{
	if (b->kind == CEDAR_ENTITY)
		return who_in(a, b->u.uid);
	if (b->kind != CEDAR_SET)
		return no_test(type_error(env, "entity or set of entities", b));
	const cedar_set *s = b->u.set;
	if (!s->is_entities)
		for (uint32_t i = 0; i < s->n; i++)
			if (!want_kind(env, &s->items[i], CEDAR_ENTITY))
				return -1;
	for (uint32_t i = 0; i < s->n; i++)
		if (who_in(a, s->items[i].u.uid))
			return 1;
	return 0;
}

static int test_in(struct env *env, const struct code *c)
{
	cedar_value room_a, room_b;
	const cedar_value *a, *b;
	if (c->a->op >= OP_PRINCIPAL && c->a->op <= OP_RESOURCE) {
		b = look(env, c->b, &room_b);
		return b ? value_in(env, &env->who[c->a->who], b) : -1;
	}
	/* Both sides come before either's kind is looked at. */
	if (!(a = look(env, c->a, &room_a)) || !(b = look(env, c->b, &room_b)) ||
		!want_kind(env, a, CEDAR_ENTITY))
		return -1;
	const struct who w = cedar_env_who(env, a->u.uid);
	return value_in(env, &w, b);
}

static int test_is(struct env *env, const struct code *c)
{
	cedar_value a, b;
	if (!run_kind(env, c->a, CEDAR_ENTITY, &a))
		return -1;
	bool is = str_eq(a.u.uid->type, c->type);
	if (!is || !c->b)
		return is;
	const struct who w = cedar_env_who(env, a.u.uid);
	return cedar_run(env, c->b, &b) ? value_in(env, &w, &b) : -1;
}

/* ---- attributes and tags ---- */

static const cedar_record *record_or_none(const cedar_value *v)
{
	return v->kind == CEDAR_RECORD ? v->u.record : &cedar_empty_record;
}

static bool no_entity(struct env *env, const cedar_uid *uid)
{
	return cedar_env_fail(env, "entity %u does not exist", uid, NULL);
}

/* NULL: it failed. */
static const cedar_value *entity_attr(struct env *env, const struct who *w, const struct key *key)
{
	const cedar_value *v =
		w->entity ? record_find(record_or_none(&w->entity->attrs), key) : NULL;
	if (v)
		return v;
	if (w->entity)
		(void)cedar_env_fail(
			env, "%u does not have the attribute '%s'", w->uid, &key->name);
	else
		(void)no_entity(env, w->uid);
	return NULL;
}

static const cedar_value *uid_attr(struct env *env, const cedar_uid *uid, const struct key *key)
{
	if (env->rq->n_overlay == 0) { /* the short way to what is there */
		const struct node *n = entities_node(env->es, uid);
		const cedar_value *v =
			n ? record_find(record_or_none(&n->entity.attrs), key) : NULL;
		if (v)
			return v;
	}
	const struct who w = cedar_env_who(env, uid);
	return entity_attr(env, &w, key);
}

static const cedar_value *record_attr(struct env *env, const cedar_record *r, const struct key *key)
{
	const cedar_value *v = record_find(r, key);
	if (!v)
		(void)cedar_env_fail(
			env, "record does not have the attribute '%s'", &key->name, NULL);
	return v;
}

/* Where a value lies already, that place; else it is made in *room. NULL: it failed. */
static const cedar_value *look(struct env *env, const struct code *c, cedar_value *room)
{
	const cedar_value *a;
	switch (c->op) {
	case OP_LIT:
		return &c->lit;
	case OP_WHO_ATTR:
		return entity_attr(env, &env->who[c->who], &c->key);
	case OP_CONTEXT_ATTR:
		return record_attr(env, record_or_none(&env->rq->context), &c->key);
	case OP_ATTR:
		a = look(env, c->a, room);
		if (!a)
			return NULL;
		if (a->kind == CEDAR_RECORD)
			return record_attr(env, a->u.record, &c->key);
		if (a->kind == CEDAR_ENTITY)
			return uid_attr(env, a->u.uid, &c->key);
		(void)type_error(env, "record or entity", a);
		return NULL;
	default:
		return cedar_run(env, c, room) ? room : NULL;
	}
}

static int test_who_has(const struct env *env, const struct code *c)
{
	const cedar_entity *e = env->who[c->who].entity;
	return e && record_find(record_or_none(&e->attrs), &c->key);
}

static int test_has(struct env *env, const struct code *c)
{
	cedar_value a;
	if (!cedar_run(env, c->a, &a))
		return -1;
	for (uint32_t i = 0; i < c->n; i++) {
		const cedar_record *r = NULL;
		if (a.kind == CEDAR_RECORD) {
			r = a.u.record;
		} else if (a.kind == CEDAR_ENTITY) {
			const struct who w = cedar_env_who(env, a.u.uid);
			r = w.entity ? record_or_none(&w.entity->attrs) : NULL;
		} else {
			return no_test(type_error(env, "record or entity", &a));
		}
		const cedar_value *v = r ? record_find(r, &c->keys[i]) : NULL;
		if (!v)
			return 0;
		a = *v;
	}
	return 1;
}

/* *ret NULL with true: there is no such tag; *ret_who says whether there is the entity. */
static bool run_tag(struct env *env, const struct code *c, struct who *ret_who, cedar_str *ret_name,
	const cedar_value **ret)
{
	cedar_value a, b;
	if (!cedar_run(env, c->a, &a) || !cedar_run(env, c->b, &b) ||
		!want_kind(env, &a, CEDAR_ENTITY) || !want_kind(env, &b, CEDAR_STRING))
		return false;
	*ret_who = cedar_env_who(env, a.u.uid);
	*ret_name = b.u.string;
	*ret = ret_who->entity
		? cedar_record_search(record_or_none(&ret_who->entity->tags), b.u.string)
		: NULL;
	return true;
}

static int test_has_tag(struct env *env, const struct code *c)
{
	struct who w;
	cedar_str name;
	const cedar_value *v;
	return run_tag(env, c, &w, &name, &v) ? v != NULL : -1;
}

static bool run_get_tag(struct env *env, const struct code *c, cedar_value *ret)
{
	struct who w;
	cedar_str name;
	const cedar_value *v;
	if (!run_tag(env, c, &w, &name, &v))
		return false;
	if (!w.entity)
		return no_entity(env, w.uid);
	if (!v)
		return cedar_env_fail(env, "%u does not have the tag '%s'", w.uid, &name);
	*ret = *v;
	return true;
}

/* ---- comparisons ---- */

static bool is_ordered(cedar_kind k)
{
	return k == CEDAR_LONG || k == CEDAR_DATETIME || k == CEDAR_DURATION;
}

static int test_order(struct env *env, const struct code *c)
{
	cedar_value room_a, room_b;
	const cedar_value *a = look(env, c->a, &room_a), *b = a ? look(env, c->b, &room_b) : NULL;
	if (!b)
		return -1;
	if (!is_ordered(a->kind))
		return no_test(type_error(
			env, is_ordered(b->kind) ? cedar_kind_name(b->kind) : "long", a));
	if (!want_kind(env, b, a->kind))
		return -1;
	int64_t x = a->u.integer, y = b->u.integer;
	return c->op == OP_LT ? x < y : c->op == OP_LE ? x <= y : c->op == OP_GT ? x > y : x >= y;
}

static int test_eq(struct env *env, const struct code *c)
{
	cedar_value room_a, room_b;
	const cedar_value *a = look(env, c->a, &room_a), *b = a ? look(env, c->b, &room_b) : NULL;
	return b ? cedar_value_eq(a, b) == (c->op == OP_EQ) : -1;
}

static int test_contains(struct env *env, const struct code *c)
{
	cedar_value room_a, room_b;
	const cedar_value *a = look(env, c->a, &room_a), *b = a ? look(env, c->b, &room_b) : NULL;
	if (!b || !want_kind(env, a, CEDAR_SET))
		return -1;
	if (c->op == OP_CONTAINS)
		return cedar_set_has(a->u.set, b);
	if (!want_kind(env, b, CEDAR_SET))
		return -1;
	bool all = c->op == OP_CONTAINS_ALL, r = all;
	for (uint32_t i = 0; i < b->u.set->n && r == all; i++)
		r = cedar_set_has(a->u.set, &b->u.set->items[i]);
	return r;
}

/* Greedy with one point to go back to: the last wildcard. */
bool cedar_pattern_matches(cedar_str s, const struct pattern_part *parts, uint32_t n)
{
	size_t at = 0, back_at = 0;
	uint32_t i = 0, back_i = UINT32_MAX;
	for (;;) {
		if (i == n && at == s.n)
			return true;
		if (i < n && parts[i].is_wildcard) {
			back_i = ++i;
			back_at = at;
			if (i == n)
				return true;
			continue;
		}
		if (i < n && s.n - at >= parts[i].text.n &&
			memcmp(s.p + at, parts[i].text.p, parts[i].text.n) == 0) {
			at += parts[i++].text.n;
			continue;
		}
		if (back_i == UINT32_MAX || back_at >= s.n)
			return false;
		at = ++back_at;
		i = back_i;
	}
}

/* ---- values ---- */

static bool run_arithmetic(struct env *env, const struct code *c, cedar_value *ret)
{
	cedar_value a, b;
	if (!cedar_run(env, c->a, &a) || !cedar_run(env, c->b, &b) ||
		!want_kind(env, &a, CEDAR_LONG) || !want_kind(env, &b, CEDAR_LONG))
		return false;
	int64_t x = a.u.integer, y = b.u.integer, r;
	bool ok = c->op == OP_ADD ? rv_add_ok(x, y, &r)
		: c->op == OP_SUB ? rv_sub_ok(x, y, &r)
				  : rv_mul_ok(x, y, &r);
	if (!ok) {
		cedar_error e = { .code = CEDAR_OK };
		if (env->is_quiet)
			return false;
		(void)cedar_fail(&e, CEDAR_EEVAL,
			"integer overflow while attempting to %s the values %lld and %lld",
			c->op == OP_ADD		  ? "add"
				: c->op == OP_SUB ? "subtract"
						  : "multiply",
			(long long)x, (long long)y);
		return cedar_env_fail(env, "%z", e.message, NULL);
	}
	*ret = cedar_long(r);
	return true;
}

static bool run_neg(struct env *env, const struct code *c, cedar_value *ret)
{
	if (!run_kind(env, c->a, CEDAR_LONG, ret))
		return false;
	if (ret->u.integer == INT64_MIN)
		return cedar_env_fail(env,
			"integer overflow while attempting to negate the value "
			"-9223372036854775808",
			NULL, NULL);
	ret->u.integer = -ret->u.integer;
	return true;
}

static bool run_set(struct env *env, const struct code *c, cedar_value *ret)
{
	cedar_value *items = rv_arena_raw(env->arena, c->n * sizeof *items);
	if (!items)
		return cedar_env_fail_memory(env);
	for (uint32_t i = 0; i < c->n; i++)
		if (!cedar_run(env, c->items[i], &items[i]))
			return false;
	const cedar_set *s = cedar_set_make(env->arena, items, c->n);
	*ret = (cedar_value){ CEDAR_SET, { .set = s } };
	return s || cedar_env_fail_memory(env);
}

static bool run_record(struct env *env, const struct code *c, cedar_value *ret)
{
	cedar_pair *pairs = rv_arena_raw(env->arena, c->n * sizeof *pairs);
	cedar_str twice;
	if (!pairs)
		return cedar_env_fail_memory(env);
	for (uint32_t i = 0; i < c->n; i++) {
		pairs[i].key = c->keys[i].name;
		if (!cedar_run(env, c->items[i], &pairs[i].value))
			return false;
	}
	const cedar_record *r = cedar_record_make(env->arena, pairs, c->n, &twice);
	*ret = (cedar_value){ CEDAR_RECORD, { .record = r } };
	return r || cedar_env_fail_memory(env);
}

static bool run_call(struct env *env, const struct code *c, cedar_value *ret)
{
	cedar_value few[4], *args = few;
	cedar_error e;
	if (c->n > RV_COUNT(few)) {
		args = rv_arena_raw(env->arena, c->n * sizeof *args);
		if (!args)
			return cedar_env_fail_memory(env);
	}
	for (uint32_t i = 0; i < c->n; i++)
		if (!cedar_run(env, c->items[i], &args[i]))
			return false;
	e.code = CEDAR_OK; /* the rest is written when it fails */
	cedar_code code = cedar_fn_call(env->arena, (enum cedar_fn)c->fn, args, c->n, ret, &e);
	if (code == CEDAR_OK)
		return true;
	env->is_out_of_memory = env->is_out_of_memory || code == CEDAR_ELIMIT;
	return cedar_env_fail(env, "%z", e.message, NULL);
}

int cedar_test(struct env *env, const struct code *c)
{
	cedar_value v;
	int r;
	switch (c->op) {
	case OP_NOT:
		r = cedar_test(env, c->a);
		return r < 0 ? r : !r;
	case OP_AND:
		r = cedar_test(env, c->a);
		return r <= 0 ? r : cedar_test(env, c->b);
	case OP_OR:
		r = cedar_test(env, c->a);
		return r != 0 ? r : cedar_test(env, c->b);
	case OP_IF:
		r = cedar_test(env, c->a);
		return r < 0 ? r : cedar_test(env, r ? c->b : c->c);
	case OP_EQ:
	case OP_NE:
		return test_eq(env, c);
	case OP_LT:
	case OP_LE:
	case OP_GT:
	case OP_GE:
		return test_order(env, c);
	case OP_IN:
		return test_in(env, c);
	case OP_IS:
		return test_is(env, c);
	case OP_WHO_HAS:
		return test_who_has(env, c);
	case OP_HAS:
		return test_has(env, c);
	case OP_HAS_TAG:
		return test_has_tag(env, c);
	case OP_CONTAINS:
	case OP_CONTAINS_ALL:
	case OP_CONTAINS_ANY:
		return test_contains(env, c);
	case OP_IS_EMPTY:
		return run_kind(env, c->a, CEDAR_SET, &v) ? v.u.set->n == 0 : -1;
	case OP_LIKE:
		return run_kind(env, c->a, CEDAR_STRING, &v)
			? cedar_pattern_matches(v.u.string, c->pattern, c->n)
			: -1;
	default:
		return run_kind(env, c, CEDAR_BOOL, &v) ? v.u.boolean : -1;
	}
}

bool cedar_run(struct env *env, const struct code *c, cedar_value *ret)
{
	switch (c->op) {
	case OP_LIT:
		*ret = c->lit;
		return true;
	case OP_PRINCIPAL:
	case OP_ACTION:
	case OP_RESOURCE:
		*ret = (cedar_value){ CEDAR_ENTITY, { .uid = env->who[c->who].uid } };
		return true;
	case OP_CONTEXT:
		*ret = (cedar_value){ CEDAR_RECORD,
			{ .record = record_or_none(&env->rq->context) } };
		return true;
	case OP_SLOT:
		return cedar_env_fail(env, "a template slot has no value", NULL, NULL);
	case OP_WHO_ATTR:
	case OP_CONTEXT_ATTR:
	case OP_ATTR: {
		const cedar_value *v = look(env, c, ret);
		if (v && v != ret)
			*ret = *v;
		return v != NULL;
	}
	case OP_GET_TAG:
		return run_get_tag(env, c, ret);
	case OP_NEG:
		return run_neg(env, c, ret);
	case OP_ADD:
	case OP_SUB:
	case OP_MUL:
		return run_arithmetic(env, c, ret);
	case OP_SET:
		return run_set(env, c, ret);
	case OP_RECORD:
		return run_record(env, c, ret);
	case OP_CALL:
		return run_call(env, c, ret);
	case OP_IF: {
		int r = cedar_test(env, c->a);
		return r >= 0 && cedar_run(env, r ? c->b : c->c, ret);
	}
	default: {
		int r = cedar_test(env, c);
		*ret = cedar_bool(r > 0);
		return r >= 0;
	}
	}
}

bool cedar_eval(struct env *env, const struct expr *e, cedar_value *ret)
{
	const struct code *c = cedar_compile(env->arena, e, false);
	return c ? cedar_run(env, c, ret) : cedar_env_fail_memory(env);
}

cedar_code cedar_eval_text(cedar_str expression, const cedar_entities *es, const cedar_request *rq,
	cedar_scratch *s, cedar_value *ret, cedar_error *err)
{
	const struct expr *e;
	struct env env;
	CEDAR_TRY(cedar_parse_expr(&s->arena, expression, &e, err));
	cedar_env_init(&env, es, rq, &s->arena);
	if (cedar_eval(&env, e, ret))
		return CEDAR_OK;
	return cedar_fail(err, env.is_out_of_memory ? CEDAR_ELIMIT : CEDAR_EEVAL, "%.*s",
		RV_FMT(env.failure));
}
