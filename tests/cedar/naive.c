#include "tests/cedar/naive.h"

#include "cedar/cedar_int.h"

struct world {
	const cedar_entities *es;
	const cedar_request *rq;
	cedar_scratch *s;
};

static bool eval(const struct world *w, const struct expr *e, cedar_value *ret);

/* ---- entities ---- */

static bool same_uid(const cedar_uid *a, const cedar_uid *b)
{
	return rv_str_eq(rs(a->type), rs(b->type)) && rv_str_eq(rs(a->id), rs(b->id));
}

static const cedar_entity *stored(const struct world *w, const cedar_uid *uid)
{
	for (size_t i = 0; i < cedar_entities_count(w->es); i++)
		if (same_uid(&cedar_entities_at(w->es, i)->uid, uid))
			return cedar_entities_at(w->es, i);
	return NULL;
}

static const cedar_entity *entity(const struct world *w, const cedar_uid *uid)
{
	for (size_t i = 0; i < w->rq->n_overlay; i++)
		if (same_uid(&w->rq->overlay[i].uid, uid))
			return &w->rq->overlay[i];
	return stored(w, uid);
}

/* The set's hierarchy has no circle. */
static bool below(const struct world *w, const cedar_entity *e, const cedar_uid *b)
{
	for (size_t i = 0; e && i < e->n_parents; i++)
		if (same_uid(&e->parents[i], b) || below(w, stored(w, &e->parents[i]), b))
			return true;
	return false;
}

static bool is_in(const struct world *w, const cedar_uid *a, const cedar_uid *b)
{
	return same_uid(a, b) || below(w, entity(w, a), b);
}

/* ---- values ---- */

static bool same(const cedar_value *a, const cedar_value *b);

static bool has_item(const cedar_set *s, const cedar_value *v)
{
	for (size_t i = 0; i < cedar_set_count(s); i++)
		if (same(cedar_set_at(s, i), v))
			return true;
	return false;
}

static bool has_items(const cedar_set *s, const cedar_set *of)
{
	for (size_t i = 0; i < cedar_set_count(of); i++)
		if (!has_item(s, cedar_set_at(of, i)))
			return false;
	return true;
}

static bool same_record(const cedar_record *a, const cedar_record *b)
{
	if (cedar_record_count(a) != cedar_record_count(b))
		return false;
	for (size_t i = 0; i < cedar_record_count(a); i++) {
		const cedar_pair *p = cedar_record_at(a, i);
		bool found = false;
		for (size_t k = 0; k < cedar_record_count(b); k++) {
			const cedar_pair *q = cedar_record_at(b, k);
			found = found ||
				(rv_str_eq(rs(p->key), rs(q->key)) && same(&p->value, &q->value));
		}
		if (!found)
			return false;
	}
	return true;
}

static bool same(const cedar_value *a, const cedar_value *b)
{
	if (a->kind != b->kind)
		return false;
	switch (a->kind) {
	case CEDAR_BOOL:
		return a->u.boolean == b->u.boolean;
	case CEDAR_STRING:
		return rv_str_eq(rs(a->u.string), rs(b->u.string));
	case CEDAR_ENTITY:
		return same_uid(a->u.uid, b->u.uid);
	case CEDAR_SET:
		return has_items(a->u.set, b->u.set) && has_items(b->u.set, a->u.set);
	case CEDAR_RECORD:
		return same_record(a->u.record, b->u.record);
	case CEDAR_IPADDR:
		return a->u.ip->is_v6 == b->u.ip->is_v6 && a->u.ip->prefix == b->u.ip->prefix &&
			memcmp(a->u.ip->address, b->u.ip->address, a->u.ip->is_v6 ? 16 : 4) == 0;
	default:
		return a->u.integer == b->u.integer;
	}
}

static bool attribute(const cedar_value *record, cedar_str name, cedar_value *ret)
{
	for (size_t i = 0; record->kind == CEDAR_RECORD && i < cedar_record_count(record->u.record);
		i++) {
		const cedar_pair *p = cedar_record_at(record->u.record, i);
		if (rv_str_eq(rs(p->key), rs(name))) {
			*ret = p->value;
			return true;
		}
	}
	return false;
}

/* ---- operations ---- */

static bool eval_as(const struct world *w, const struct expr *e, cedar_kind kind, cedar_value *ret)
{
	return eval(w, e, ret) && ret->kind == kind;
}

static bool both(const struct world *w, const struct expr *e, cedar_value *a, cedar_value *b)
{
	return eval(w, e->a, a) && eval(w, e->b, b);
}

static bool boolean(bool v, cedar_value *ret)
{
	*ret = cedar_bool(v);
	return true;
}

static bool eval_arithmetic(const struct world *w, const struct expr *e, cedar_value *ret)
{
	cedar_value a, b;
	if (!both(w, e, &a, &b) || a.kind != CEDAR_LONG || b.kind != CEDAR_LONG)
		return false;
	__int128 x = a.u.integer, y = b.u.integer;
	__int128 r = e->op == OP_ADD ? x + y : e->op == OP_SUB ? x - y : x * y;
	*ret = cedar_long((int64_t)r);
	return r >= INT64_MIN && r <= INT64_MAX;
}

static bool eval_order(const struct world *w, const struct expr *e, cedar_value *ret)
{
	cedar_value a, b;
	if (!both(w, e, &a, &b) || a.kind != b.kind ||
		(a.kind != CEDAR_LONG && a.kind != CEDAR_DATETIME && a.kind != CEDAR_DURATION))
		return false;
	int64_t x = a.u.integer, y = b.u.integer;
	return boolean((e->op == OP_LT && x < y) || (e->op == OP_LE && x <= y) ||
			(e->op == OP_GT && x > y) || (e->op == OP_GE && x >= y),
		ret);
}

static bool in_value(
	const struct world *w, const cedar_uid *a, const cedar_value *b, cedar_value *ret)
{
	bool found = false;
	if (b->kind == CEDAR_ENTITY)
		return boolean(is_in(w, a, b->u.uid), ret);
	if (b->kind != CEDAR_SET)
		return false;
	for (size_t i = 0; i < cedar_set_count(b->u.set); i++) {
		const cedar_value *v = cedar_set_at(b->u.set, i);
		if (v->kind != CEDAR_ENTITY)
			return false;
		found = found || is_in(w, a, v->u.uid);
	}
	return boolean(found, ret);
}

static bool eval_is(const struct world *w, const struct expr *e, cedar_value *ret)
{
	cedar_value a, b;
	if (!eval_as(w, e->a, CEDAR_ENTITY, &a))
		return false;
	if (!rv_str_eq(rs(a.u.uid->type), rs(e->name)))
		return boolean(false, ret);
	if (!e->b)
		return boolean(true, ret);
	return eval(w, e->b, &b) && in_value(w, a.u.uid, &b, ret);
}

/* The record that a dot looks into; *ret_is_there false: an entity that does not exist. */
static bool record_of(
	const struct world *w, const cedar_value *v, cedar_value *ret, bool *ret_is_there)
{
	*ret_is_there = true;
	*ret = *v;
	if (v->kind == CEDAR_RECORD)
		return true;
	if (v->kind != CEDAR_ENTITY)
		return false;
	const cedar_entity *e = entity(w, v->u.uid);
	*ret_is_there = e != NULL;
	if (e)
		*ret = e->attrs;
	return true;
}

static bool eval_attr(const struct world *w, const struct expr *e, cedar_value *ret)
{
	cedar_value a, r;
	bool is_there;
	return eval(w, e->a, &a) && record_of(w, &a, &r, &is_there) && is_there &&
		attribute(&r, e->name, ret);
}

static bool eval_has(const struct world *w, const struct expr *e, cedar_value *ret)
{
	cedar_value a, r;
	bool is_there;
	if (!eval(w, e->a, &a))
		return false;
	for (uint32_t i = 0; i < e->n; i++) {
		if (!record_of(w, &a, &r, &is_there))
			return false;
		if (!is_there || !attribute(&r, e->names[i], &a))
			return boolean(false, ret);
	}
	return boolean(true, ret);
}

static bool eval_tag(const struct world *w, const struct expr *e, cedar_value *ret)
{
	cedar_value a, b, v;
	if (!both(w, e, &a, &b) || a.kind != CEDAR_ENTITY || b.kind != CEDAR_STRING)
		return false;
	const cedar_entity *ent = entity(w, a.u.uid);
	bool found = ent && attribute(&ent->tags, b.u.string, &v);
	if (e->op == OP_HAS_TAG)
		return boolean(found, ret);
	if (found)
		*ret = v;
	return found;
}

static bool eval_contains(const struct world *w, const struct expr *e, cedar_value *ret)
{
	cedar_value a, b;
	if (!both(w, e, &a, &b) || a.kind != CEDAR_SET)
		return false;
	if (e->op == OP_CONTAINS)
		return boolean(has_item(a.u.set, &b), ret);
	if (b.kind != CEDAR_SET)
		return false;
	if (e->op == OP_CONTAINS_ALL)
		return boolean(has_items(a.u.set, b.u.set), ret);
	bool any = false;
	for (size_t i = 0; i < cedar_set_count(b.u.set); i++)
		any = any || has_item(a.u.set, cedar_set_at(b.u.set, i));
	return boolean(any, ret);
}

/* Every way the wildcards can take; patterns and texts of tests are short. */
static bool matches(cedar_str s, const struct pattern_part *p, uint32_t n)
{
	if (n == 0)
		return s.n == 0;
	if (!p->is_wildcard)
		return s.n >= p->text.n && memcmp(s.p, p->text.p, p->text.n) == 0 &&
			matches((cedar_str){ s.p + p->text.n, s.n - p->text.n }, p + 1, n - 1);
	for (size_t i = 0; i <= s.n; i++)
		if (matches((cedar_str){ s.p + i, s.n - i }, p + 1, n - 1))
			return true;
	return false;
}

static bool eval_items(const struct world *w, const struct expr *e, cedar_value **ret)
{
	*ret = rv_arena_array(&w->s->arena, e->n, sizeof **ret);
	rv_assert(*ret);
	for (uint32_t i = 0; i < e->n; i++)
		if (!eval(w, e->items[i], &(*ret)[i]))
			return false;
	return true;
}

static bool eval_record(const struct world *w, const struct expr *e, cedar_value *ret)
{
	cedar_value *items;
	cedar_str twice;
	cedar_pair *pairs = rv_arena_array(&w->s->arena, e->n, sizeof *pairs);
	rv_assert(pairs);
	if (!eval_items(w, e, &items))
		return false;
	for (uint32_t i = 0; i < e->n; i++)
		pairs[i] = (cedar_pair){ e->names[i], items[i] };
	ret->kind = CEDAR_RECORD;
	ret->u.record = cedar_record_make(&w->s->arena, pairs, e->n, &twice);
	rv_assert(ret->u.record);
	return true;
}

static bool eval_set(const struct world *w, const struct expr *e, cedar_value *ret)
{
	cedar_value *items;
	if (!eval_items(w, e, &items))
		return false;
	ret->kind = CEDAR_SET;
	ret->u.set = cedar_set_make(&w->s->arena, items, e->n);
	rv_assert(ret->u.set);
	return true;
}

static bool eval_call(const struct world *w, const struct expr *e, cedar_value *ret)
{
	cedar_value *items;
	return eval_items(w, e, &items) &&
		cedar_fn_call(&w->s->arena, (enum cedar_fn)e->fn, items, e->n, ret, NULL) ==
		CEDAR_OK;
}

static bool eval_var(const struct world *w, const cedar_uid *uid, cedar_value *ret)
{
	*ret = (cedar_value){ CEDAR_ENTITY, { .uid = uid } };
	return true;
}

static bool eval_more(const struct world *w, const struct expr *e, cedar_value *ret)
{
	cedar_value a, b;
	switch ((enum op)e->op) {
	case OP_EQ:
	case OP_NE:
		return both(w, e, &a, &b) && boolean(same(&a, &b) == (e->op == OP_EQ), ret);
	case OP_IN:
		return both(w, e, &a, &b) && a.kind == CEDAR_ENTITY &&
			in_value(w, a.u.uid, &b, ret);
	case OP_IS_EMPTY:
		return eval_as(w, e->a, CEDAR_SET, &a) &&
			boolean(cedar_set_count(a.u.set) == 0, ret);
	case OP_LIKE:
		return eval_as(w, e->a, CEDAR_STRING, &a) &&
			boolean(matches(a.u.string, e->pattern, e->n), ret);
	case OP_CONTAINS:
	case OP_CONTAINS_ALL:
	case OP_CONTAINS_ANY:
		return eval_contains(w, e, ret);
	case OP_GET_TAG:
	case OP_HAS_TAG:
		return eval_tag(w, e, ret);
	case OP_ATTR:
		return eval_attr(w, e, ret);
	case OP_HAS:
		return eval_has(w, e, ret);
	case OP_IS:
		return eval_is(w, e, ret);
	case OP_SET:
		return eval_set(w, e, ret);
	case OP_RECORD:
		return eval_record(w, e, ret);
	case OP_CALL:
		return eval_call(w, e, ret);
	default:
		return false;
	}
}

static bool eval(const struct world *w, const struct expr *e, cedar_value *ret)
{
	cedar_value a;
	switch ((enum op)e->op) {
	case OP_LIT:
		*ret = e->lit;
		return true;
	case OP_PRINCIPAL:
		return eval_var(w, &w->rq->principal, ret);
	case OP_ACTION:
		return eval_var(w, &w->rq->action, ret);
	case OP_RESOURCE:
		return eval_var(w, &w->rq->resource, ret);
	case OP_CONTEXT:
		*ret = w->rq->context;
		return ret->kind == CEDAR_RECORD ||
			cedar_record_of(w->s, NULL, 0, ret, NULL) == CEDAR_OK;
	case OP_NOT:
		return eval_as(w, e->a, CEDAR_BOOL, &a) && boolean(!a.u.boolean, ret);
	case OP_NEG:
		return eval_as(w, e->a, CEDAR_LONG, &a) && a.u.integer != INT64_MIN &&
			(*ret = cedar_long(-a.u.integer), true);
	case OP_AND:
	case OP_OR:
		if (!eval_as(w, e->a, CEDAR_BOOL, ret))
			return false;
		return ret->u.boolean == (e->op == OP_OR) || eval_as(w, e->b, CEDAR_BOOL, ret);
	case OP_IF:
		return eval_as(w, e->a, CEDAR_BOOL, &a) && eval(w, a.u.boolean ? e->b : e->c, ret);
	case OP_ADD:
	case OP_SUB:
	case OP_MUL:
		return eval_arithmetic(w, e, ret);
	case OP_LT:
	case OP_LE:
	case OP_GT:
	case OP_GE:
		return eval_order(w, e, ret);
	default:
		return eval_more(w, e, ret);
	}
}

/* ---- policies ---- */

static bool scope_holds(const struct world *w, const struct scope *s, const cedar_uid *uid)
{
	bool of_type = rv_str_eq(rs(s->type), rs(uid->type)), any = false;
	switch (s->op) {
	case SCOPE_ANY:
		return true;
	case SCOPE_EQ:
		return same_uid(uid, s->uid);
	case SCOPE_IN:
		return is_in(w, uid, s->uid);
	case SCOPE_IS:
		return of_type;
	case SCOPE_IS_IN:
		return of_type && is_in(w, uid, s->uid);
	case SCOPE_IN_LIST:
		for (size_t i = 0; i < s->n_list; i++)
			any = any || is_in(w, uid, s->list[i]);
		return any;
	}
	return false;
}

static enum naive_outcome outcome(const struct world *w, const struct policy *p)
{
	cedar_value v;
	if (p->info.is_template || !scope_holds(w, &p->principal, &w->rq->principal) ||
		!scope_holds(w, &p->action, &w->rq->action) ||
		!scope_holds(w, &p->resource, &w->rq->resource))
		return NAIVE_FALSE;
	for (size_t i = 0; i < p->n_conditions; i++) {
		if (!eval_as(w, p->conditions[i].expr, CEDAR_BOOL, &v))
			return NAIVE_ERROR;
		if (v.u.boolean == p->conditions[i].is_unless)
			return NAIVE_FALSE;
	}
	return NAIVE_TRUE;
}

void naive_authorize(const cedar_policies *ps, const cedar_entities *es, const cedar_request *rq,
	cedar_scratch *s, enum naive_outcome *outcomes)
{
	const struct world w = { es, rq, s };
	for (size_t i = 0; i < ps->n; i++)
		outcomes[i] = outcome(&w, &ps->list[i]);
}

static bool has(const uint32_t *list, size_t n, size_t policy)
{
	for (size_t i = 0; i < n; i++)
		if (list[i] == policy)
			return true;
	return false;
}

static bool has_error(const cedar_answer *a, size_t policy)
{
	for (size_t i = 0; i < a->n_errors; i++)
		if (a->errors[i].policy == policy)
			return true;
	return false;
}

bool naive_agrees(
	const cedar_policies *ps, const enum naive_outcome *outcomes, const cedar_answer *a)
{
	size_t permits = 0, forbids = 0, errors = 0;
	for (size_t i = 0; i < ps->n; i++) {
		bool is_forbid = ps->list[i].info.is_forbid, is_true = outcomes[i] == NAIVE_TRUE;
		permits += is_true && !is_forbid;
		forbids += is_true && is_forbid;
		errors += outcomes[i] == NAIVE_ERROR;
		if (has(a->permits, a->n_permits, i) != (is_true && !is_forbid) ||
			has(a->forbids, a->n_forbids, i) != (is_true && is_forbid) ||
			has_error(a, i) != (outcomes[i] == NAIVE_ERROR))
			return false;
	}
	return a->n_permits == permits && a->n_forbids == forbids && a->n_errors == errors &&
		a->decision == (permits > 0 && forbids == 0 ? CEDAR_ALLOW : CEDAR_DENY);
}
