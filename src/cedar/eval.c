/* The evaluator: a walk over the tree, as the specification has it (cedar-spec,
 * Cedar/Spec/Evaluator.lean). Depth was bounded when the tree was made. */
#include "cedar/cedar_int.h"

const cedar_entity *cedar_env_entity(const struct env *env, const cedar_uid *uid)
{
	for (size_t i = 0; i < env->rq->n_overlay; i++)
		if (uid_eq(&env->rq->overlay[i].uid, uid))
			return &env->rq->overlay[i];
	return cedar_entities_find(env->es, uid);
}

bool cedar_env_in(const struct env *env, const cedar_uid *a, const cedar_uid *b)
{
	for (size_t i = 0; i < env->rq->n_overlay; i++) {
		const cedar_entity *e = &env->rq->overlay[i];
		if (!uid_eq(&e->uid, a))
			continue;
		if (uid_eq(a, b))
			return true;
		for (size_t k = 0; k < e->n_parents; k++)
			if (cedar_entities_in(env->es, &e->parents[k], b))
				return true;
		return false;
	}
	return cedar_entities_in(env->es, a, b);
}

static cedar_code type_error(struct env *env, const char *want, const cedar_value *got)
{
	return cedar_fail(env->err, CEDAR_EEVAL, "type error: expected %s, got %s", want,
		cedar_kind_name(got->kind));
}

static cedar_code want_kind(struct env *env, const cedar_value *v, cedar_kind kind)
{
	return v->kind == kind ? CEDAR_OK : type_error(env, cedar_kind_name(kind), v);
}

static cedar_code eval_kind(
	struct env *env, const struct expr *e, unsigned depth, cedar_kind kind, cedar_value *ret)
{
	CEDAR_TRY(cedar_eval(env, e, depth + 1, ret));
	return want_kind(env, ret, kind);
}

static cedar_code eval_logic(
	struct env *env, const struct expr *e, unsigned depth, cedar_value *ret)
{
	cedar_value a;
	CEDAR_TRY(eval_kind(env, e->a, depth, CEDAR_BOOL, &a));
	if (a.u.boolean == (e->op == OP_OR)) { /* decided by the left side alone */
		*ret = a;
		return CEDAR_OK;
	}
	return eval_kind(env, e->b, depth, CEDAR_BOOL, ret);
}

static bool is_ordered(cedar_kind k)
{
	return k == CEDAR_LONG || k == CEDAR_DATETIME || k == CEDAR_DURATION;
}

static cedar_code eval_order(
	struct env *env, const struct expr *e, unsigned depth, cedar_value *ret)
{
	cedar_value a, b;
	CEDAR_TRY(cedar_eval(env, e->a, depth + 1, &a));
	CEDAR_TRY(cedar_eval(env, e->b, depth + 1, &b));
	if (!is_ordered(a.kind))
		return type_error(env, is_ordered(b.kind) ? cedar_kind_name(b.kind) : "long", &a);
	CEDAR_TRY(want_kind(env, &b, a.kind));
	int64_t x = a.u.integer, y = b.u.integer;
	bool r = e->op == OP_LT ? x < y : e->op == OP_LE ? x <= y : e->op == OP_GT ? x > y : x >= y;
	*ret = cedar_bool(r);
	return CEDAR_OK;
}

static cedar_code eval_arithmetic(
	struct env *env, const struct expr *e, unsigned depth, cedar_value *ret)
{
	cedar_value a, b;
	CEDAR_TRY(cedar_eval(env, e->a, depth + 1, &a));
	CEDAR_TRY(cedar_eval(env, e->b, depth + 1, &b));
	CEDAR_TRY(want_kind(env, &a, CEDAR_LONG));
	CEDAR_TRY(want_kind(env, &b, CEDAR_LONG));
	int64_t x = a.u.integer, y = b.u.integer, r;
	bool ok = e->op == OP_ADD ? rv_add_ok(x, y, &r)
		: e->op == OP_SUB ? rv_sub_ok(x, y, &r)
				  : rv_mul_ok(x, y, &r);
	if (!ok)
		return cedar_fail(env->err, CEDAR_EEVAL,
			"integer overflow while attempting to %s the values %lld and %lld",
			e->op == OP_ADD		  ? "add"
				: e->op == OP_SUB ? "subtract"
						  : "multiply",
			(long long)x, (long long)y);
	*ret = cedar_long(r);
	return CEDAR_OK;
}

/* Every element must be an entity, even behind one that matches. */
static cedar_code value_in(struct env *env, const cedar_uid *a, const cedar_value *b, bool *ret)
{
	if (b->kind == CEDAR_ENTITY) {
		*ret = cedar_env_in(env, a, b->u.uid);
		return CEDAR_OK;
	}
	if (b->kind != CEDAR_SET)
		return type_error(env, "entity or set of entities", b);
	for (size_t i = 0; i < b->u.set->n; i++)
		CEDAR_TRY(want_kind(env, &b->u.set->items[i], CEDAR_ENTITY));
	*ret = false;
	for (size_t i = 0; i < b->u.set->n && !*ret; i++)
		*ret = cedar_env_in(env, a, b->u.set->items[i].u.uid);
	return CEDAR_OK;
}

static cedar_code eval_in(struct env *env, const struct expr *e, unsigned depth, cedar_value *ret)
{
	cedar_value a, b;
	bool r;
	CEDAR_TRY(cedar_eval(env, e->a, depth + 1, &a));
	CEDAR_TRY(cedar_eval(env, e->b, depth + 1, &b));
	CEDAR_TRY(want_kind(env, &a, CEDAR_ENTITY));
	CEDAR_TRY(value_in(env, a.u.uid, &b, &r));
	*ret = cedar_bool(r);
	return CEDAR_OK;
}

static cedar_code eval_is(struct env *env, const struct expr *e, unsigned depth, cedar_value *ret)
{
	cedar_value a, b;
	CEDAR_TRY(eval_kind(env, e->a, depth, CEDAR_ENTITY, &a));
	bool r = str_eq(a.u.uid->type, e->name);
	if (r && e->b) {
		CEDAR_TRY(cedar_eval(env, e->b, depth + 1, &b));
		CEDAR_TRY(value_in(env, a.u.uid, &b, &r));
	}
	*ret = cedar_bool(r);
	return CEDAR_OK;
}

static const cedar_record *attrs_of(const cedar_value *v)
{
	return v->kind == CEDAR_RECORD ? v->u.record : &cedar_empty_record;
}

/* The record behind a value: its own, or the entity's attributes. NULL with RV_OK: no such entity.
 */
static cedar_code record_of(struct env *env, const cedar_value *v, const cedar_record **ret)
{
	if (v->kind == CEDAR_RECORD) {
		*ret = v->u.record;
		return CEDAR_OK;
	}
	if (v->kind != CEDAR_ENTITY)
		return type_error(env, "record or entity", v);
	const cedar_entity *ent = cedar_env_entity(env, v->u.uid);
	*ret = ent ? attrs_of(&ent->attrs) : NULL;
	return CEDAR_OK;
}

static cedar_code no_entity(struct env *env, const cedar_uid *uid)
{
	return cedar_fail(env->err, CEDAR_EEVAL, "entity %.*s::\"%.*s\" does not exist",
		RV_FMT(uid->type), RV_FMT(uid->id));
}

static cedar_code eval_attr(struct env *env, const struct expr *e, unsigned depth, cedar_value *ret)
{
	cedar_value a;
	const cedar_record *r;
	CEDAR_TRY(cedar_eval(env, e->a, depth + 1, &a));
	CEDAR_TRY(record_of(env, &a, &r));
	if (!r)
		return no_entity(env, a.u.uid);
	const cedar_value *v = cedar_record_get(r, e->name);
	if (!v && a.kind == CEDAR_ENTITY)
		return cedar_fail(env->err, CEDAR_EEVAL,
			"%.*s::\"%.*s\" does not have the attribute '%.*s'", RV_FMT(a.u.uid->type),
			RV_FMT(a.u.uid->id), RV_FMT(e->name));
	if (!v)
		return cedar_fail(env->err, CEDAR_EEVAL,
			"record does not have the attribute '%.*s'", RV_FMT(e->name));
	*ret = *v;
	return CEDAR_OK;
}

static cedar_code eval_has(struct env *env, const struct expr *e, unsigned depth, cedar_value *ret)
{
	cedar_value a;
	CEDAR_TRY(cedar_eval(env, e->a, depth + 1, &a));
	for (uint32_t i = 0; i < e->n; i++) {
		const cedar_record *r;
		CEDAR_TRY(record_of(env, &a, &r));
		const cedar_value *v = r ? cedar_record_get(r, e->names[i]) : NULL;
		if (!v) {
			*ret = cedar_bool(false);
			return CEDAR_OK;
		}
		a = *v;
	}
	*ret = cedar_bool(true);
	return CEDAR_OK;
}

static cedar_code eval_tag(struct env *env, const struct expr *e, unsigned depth, cedar_value *ret)
{
	cedar_value a, b;
	CEDAR_TRY(cedar_eval(env, e->a, depth + 1, &a));
	CEDAR_TRY(cedar_eval(env, e->b, depth + 1, &b));
	CEDAR_TRY(want_kind(env, &a, CEDAR_ENTITY));
	CEDAR_TRY(want_kind(env, &b, CEDAR_STRING));
	const cedar_entity *ent = cedar_env_entity(env, a.u.uid);
	const cedar_value *v = ent ? cedar_record_get(attrs_of(&ent->tags), b.u.string) : NULL;
	if (e->op == OP_HAS_TAG) {
		*ret = cedar_bool(v != NULL);
		return CEDAR_OK;
	}
	if (!ent)
		return no_entity(env, a.u.uid);
	if (!v)
		return cedar_fail(env->err, CEDAR_EEVAL,
			"%.*s::\"%.*s\" does not have the tag '%.*s'", RV_FMT(a.u.uid->type),
			RV_FMT(a.u.uid->id), RV_FMT(b.u.string));
	*ret = *v;
	return CEDAR_OK;
}

static bool set_has(const cedar_set *s, const cedar_value *v)
{
	/* Small sets are the rule; a hash is dearer than a few comparisons. */
	if (s->n <= 4) {
		for (size_t i = 0; i < s->n; i++)
			if (cedar_value_eq(&s->items[i], v))
				return true;
		return false;
	}
	uint64_t hash = cedar_value_hash(v);
	size_t lo = 0, hi = s->n;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (s->hashes[mid] < hash)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < s->n && s->hashes[lo] == hash; lo++)
		if (cedar_value_eq(&s->items[lo], v))
			return true;
	return false;
}

static cedar_code eval_contains(
	struct env *env, const struct expr *e, unsigned depth, cedar_value *ret)
{
	cedar_value a, b;
	CEDAR_TRY(cedar_eval(env, e->a, depth + 1, &a));
	CEDAR_TRY(cedar_eval(env, e->b, depth + 1, &b));
	CEDAR_TRY(want_kind(env, &a, CEDAR_SET));
	if (e->op == OP_CONTAINS) {
		*ret = cedar_bool(set_has(a.u.set, &b));
		return CEDAR_OK;
	}
	CEDAR_TRY(want_kind(env, &b, CEDAR_SET));
	bool all = e->op == OP_CONTAINS_ALL, r = all;
	for (size_t i = 0; i < b.u.set->n && r == all; i++)
		r = set_has(a.u.set, &b.u.set->items[i]);
	*ret = cedar_bool(r);
	return CEDAR_OK;
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

static cedar_code eval_set(struct env *env, const struct expr *e, unsigned depth, cedar_value *ret)
{
	cedar_value *items = rv_arena_raw(env->arena, e->n * sizeof *items);
	if (!items)
		return CEDAR_FAIL_MEMORY(env->err);
	for (uint32_t i = 0; i < e->n; i++)
		CEDAR_TRY(cedar_eval(env, e->items[i], depth + 1, &items[i]));
	const cedar_set *s = cedar_set_make(env->arena, items, e->n);
	if (!s)
		return CEDAR_FAIL_MEMORY(env->err);
	*ret = (cedar_value){ CEDAR_SET, { .set = s } };
	return CEDAR_OK;
}

static cedar_code eval_record(
	struct env *env, const struct expr *e, unsigned depth, cedar_value *ret)
{
	cedar_pair *pairs = rv_arena_raw(env->arena, e->n * sizeof *pairs);
	cedar_str twice;
	if (!pairs)
		return CEDAR_FAIL_MEMORY(env->err);
	for (uint32_t i = 0; i < e->n; i++) {
		pairs[i].key = e->names[i];
		CEDAR_TRY(cedar_eval(env, e->items[i], depth + 1, &pairs[i].value));
	}
	const cedar_record *r = cedar_record_make(env->arena, pairs, e->n, &twice);
	if (!r)
		return CEDAR_FAIL_MEMORY(env->err);
	*ret = (cedar_value){ CEDAR_RECORD, { .record = r } };
	return CEDAR_OK;
}

static cedar_code eval_call(struct env *env, const struct expr *e, unsigned depth, cedar_value *ret)
{
	cedar_value few[4], *args = few;
	if (e->n > RV_COUNT(few)) {
		args = rv_arena_raw(env->arena, e->n * sizeof *args);
		if (!args)
			return CEDAR_FAIL_MEMORY(env->err);
	}
	for (uint32_t i = 0; i < e->n; i++)
		CEDAR_TRY(cedar_eval(env, e->items[i], depth + 1, &args[i]));
	return cedar_fn_call(env->arena, (enum cedar_fn)e->fn, args, e->n, ret, env->err);
}

cedar_code cedar_eval(struct env *env, const struct expr *e, unsigned depth, cedar_value *ret)
{
	cedar_value a, b;
	switch ((enum op)e->op) {
	case OP_LIT:
		*ret = e->lit;
		return CEDAR_OK;
	case OP_PRINCIPAL:
		*ret = (cedar_value){ CEDAR_ENTITY, { .uid = &env->rq->principal } };
		return CEDAR_OK;
	case OP_ACTION:
		*ret = (cedar_value){ CEDAR_ENTITY, { .uid = &env->rq->action } };
		return CEDAR_OK;
	case OP_RESOURCE:
		*ret = (cedar_value){ CEDAR_ENTITY, { .uid = &env->rq->resource } };
		return CEDAR_OK;
	case OP_CONTEXT:
		*ret = env->rq->context;
		if (ret->kind != CEDAR_RECORD)
			*ret = (cedar_value){ CEDAR_RECORD, { .record = &cedar_empty_record } };
		return CEDAR_OK;
	case OP_SLOT:
		return cedar_fail(env->err, CEDAR_EEVAL, "a template slot has no value");
	case OP_NOT:
		CEDAR_TRY(eval_kind(env, e->a, depth, CEDAR_BOOL, &a));
		*ret = cedar_bool(!a.u.boolean);
		return CEDAR_OK;
	case OP_NEG:
		CEDAR_TRY(eval_kind(env, e->a, depth, CEDAR_LONG, &a));
		if (a.u.integer == INT64_MIN)
			return cedar_fail(env->err, CEDAR_EEVAL,
				"integer overflow while attempting to negate the value %lld",
				(long long)a.u.integer);
		*ret = cedar_long(-a.u.integer);
		return CEDAR_OK;
	case OP_AND:
	case OP_OR:
		return eval_logic(env, e, depth, ret);
	case OP_EQ:
	case OP_NE:
		CEDAR_TRY(cedar_eval(env, e->a, depth + 1, &a));
		CEDAR_TRY(cedar_eval(env, e->b, depth + 1, &b));
		*ret = cedar_bool(cedar_value_eq(&a, &b) == (e->op == OP_EQ));
		return CEDAR_OK;
	case OP_LT:
	case OP_LE:
	case OP_GT:
	case OP_GE:
		return eval_order(env, e, depth, ret);
	case OP_ADD:
	case OP_SUB:
	case OP_MUL:
		return eval_arithmetic(env, e, depth, ret);
	case OP_IN:
		return eval_in(env, e, depth, ret);
	case OP_CONTAINS:
	case OP_CONTAINS_ALL:
	case OP_CONTAINS_ANY:
		return eval_contains(env, e, depth, ret);
	case OP_GET_TAG:
	case OP_HAS_TAG:
		return eval_tag(env, e, depth, ret);
	case OP_IS_EMPTY:
		CEDAR_TRY(eval_kind(env, e->a, depth, CEDAR_SET, &a));
		*ret = cedar_bool(a.u.set->n == 0);
		return CEDAR_OK;
	case OP_IF:
		CEDAR_TRY(eval_kind(env, e->a, depth, CEDAR_BOOL, &a));
		return cedar_eval(env, a.u.boolean ? e->b : e->c, depth + 1, ret);
	case OP_ATTR:
		return eval_attr(env, e, depth, ret);
	case OP_HAS:
		return eval_has(env, e, depth, ret);
	case OP_LIKE:
		CEDAR_TRY(eval_kind(env, e->a, depth, CEDAR_STRING, &a));
		*ret = cedar_bool(cedar_pattern_matches(a.u.string, e->pattern, e->n));
		return CEDAR_OK;
	case OP_IS:
		return eval_is(env, e, depth, ret);
	case OP_SET:
		return eval_set(env, e, depth, ret);
	case OP_RECORD:
		return eval_record(env, e, depth, ret);
	case OP_CALL:
		return eval_call(env, e, depth, ret);
	}
	return cedar_fail(env->err, CEDAR_EEVAL, "unknown operation");
}

cedar_code cedar_eval_text(cedar_str expression, const cedar_entities *es, const cedar_request *rq,
	cedar_scratch *s, cedar_value *ret, cedar_error *err)
{
	const struct expr *e;
	struct env env = { es, rq, &s->arena, err };
	CEDAR_TRY(cedar_parse_expr(&s->arena, expression, &e, err));
	return cedar_eval(&env, e, 0, ret);
}
