/* Policies into the core language. */
#include "cedar/core.h"

struct maker {
	struct rv_arena *arena;
	cedar_error *err;
};

static cedar_code lower(struct maker *m, const struct expr *e, struct node **ret);

/* ---- nodes ---- */

static uint64_t mix(uint64_t h, uint64_t v)
{
	h ^= v + 0x9e3779b97f4a7c15u + (h << 6) + (h >> 2);
	h *= 0xff51afd7ed558ccdu;
	return h ^ (h >> 32);
}

static uint64_t hash_text(cedar_str s)
{
	cedar_value v = cedar_string(s);
	return cedar_value_hash(&v);
}

static void seal_hash(struct node *n)
{
	uint64_t h = mix(n->op, n->fn);
	const struct node *const kids[] = { n->a, n->b, n->c };
	for (size_t i = 0; i < RV_COUNT(kids); i++)
		h = mix(h, kids[i] ? kids[i]->hash : i);
	for (uint32_t i = 0; n->items && i < n->n; i++)
		h = mix(h, n->items[i]->hash);
	for (uint32_t i = 0; n->names && i < n->n; i++)
		h = mix(h, hash_text(n->names[i]));
	for (uint32_t i = 0; n->pattern && i < n->n; i++)
		h = mix(h, n->pattern[i].is_wildcard ? 1 : hash_text(n->pattern[i].text));
	if (n->name.p)
		h = mix(h, hash_text(n->name));
	if (n->op == OP_LIT)
		h = mix(h, cedar_value_hash(&n->lit));
	n->hash = h;
}

static cedar_code seal(struct maker *m, struct node *n, struct node **ret)
{
	unsigned deepest = 0;
	const struct node *const kids[] = { n->a, n->b, n->c };
	for (size_t i = 0; i < RV_COUNT(kids); i++)
		if (kids[i] && kids[i]->depth > deepest)
			deepest = kids[i]->depth;
	for (uint32_t i = 0; n->items && i < n->n; i++)
		if (n->items[i]->depth > deepest)
			deepest = n->items[i]->depth;
	if (deepest >= DEPTH_MAX)
		return cedar_fail(m->err, CEDAR_ELIMIT,
			"the expression nests more than %d deep once written out", DEPTH_MAX);
	n->depth = (uint16_t)(deepest + 1);
	seal_hash(n);
	*ret = n;
	return CEDAR_OK;
}

/* Filled with op and place; seal() finishes it. NULL: memory. */
static struct node *start(struct maker *m, enum op op, const struct expr *at)
{
	struct node *n = rv_arena_alloc(m->arena, sizeof *n);
	if (!n)
		return NULL;
	n->op = (uint8_t)op;
	n->offset = at ? at->offset : 0;
	n->length = at ? at->length : 0;
	return n;
}

static cedar_code make(struct maker *m, enum op op, const struct expr *at, struct node *a,
	struct node *b, struct node **ret)
{
	struct node *n = start(m, op, at);
	if (!n)
		return CEDAR_FAIL_MEMORY(m->err);
	n->a = a;
	n->b = b;
	return seal(m, n, ret);
}

static cedar_code make_named(struct maker *m, enum op op, const struct expr *at, struct node *a,
	cedar_str name, struct node **ret)
{
	struct node *n = start(m, op, at);
	if (!n)
		return CEDAR_FAIL_MEMORY(m->err);
	n->a = a;
	n->name = name;
	return seal(m, n, ret);
}

static cedar_code make_lit(struct maker *m, const struct expr *at, cedar_value v, struct node **ret)
{
	struct node *n = start(m, OP_LIT, at);
	if (!n)
		return CEDAR_FAIL_MEMORY(m->err);
	n->lit = v;
	return seal(m, n, ret);
}

static cedar_code make_logic(struct maker *m, enum op op, const struct expr *at, struct node *a,
	struct node *b, struct node **ret)
{
	if (!cedar_core_is_lit(a, CEDAR_BOOL) || !cedar_core_is_lit(b, CEDAR_BOOL))
		return make(m, op, at, a, b, ret);
	bool x = a->lit.u.boolean, y = b->lit.u.boolean;
	return make_lit(m, at, cedar_bool(op == OP_AND ? x && y : x || y), ret);
}

/* ---- expressions ---- */

/* e has a.b.c: (e has a && e.a has b) && e.a.b has c */
static cedar_code lower_has(struct maker *m, const struct expr *e, struct node **ret)
{
	struct node *on, *all = NULL, *one;
	CEDAR_TRY(lower(m, e->a, &on));
	for (uint32_t i = 0; i < e->n; i++) {
		on->is_shared |= e->n > 1;
		CEDAR_TRY(make_named(m, OP_HAS, e, on, e->names[i], &one));
		if (all)
			CEDAR_TRY(make_logic(m, OP_AND, e, all, one, &all));
		else
			all = one;
		if (i + 1 < e->n)
			CEDAR_TRY(make_named(m, OP_ATTR, e, on, e->names[i], &on));
	}
	*ret = all;
	return CEDAR_OK;
}

static cedar_code lower_is(struct maker *m, const struct expr *e, struct node **ret)
{
	struct node *a, *is, *b;
	CEDAR_TRY(lower(m, e->a, &a));
	CEDAR_TRY(make_named(m, OP_IS, e, a, e->name, &is));
	if (!e->b) {
		*ret = is;
		return CEDAR_OK;
	}
	a->is_shared = true;
	CEDAR_TRY(lower(m, e->b, &b));
	CEDAR_TRY(make(m, OP_IN, e, a, b, &b));
	return make_logic(m, OP_AND, e, is, b, ret);
}

struct field {
	cedar_str name;
	struct node *item;
};

static int by_name(const void *a, const void *b)
{
	return rv_str_cmp(rs(((const struct field *)a)->name), rs(((const struct field *)b)->name));
}

/* By name: how a record was written is no part of its shape. */
static cedar_code sort_record(struct maker *m, const struct expr *e, struct node *n)
{
	struct field *fields = rv_arena_array(m->arena, e->n, sizeof *fields);
	cedar_str *names = rv_arena_array(m->arena, e->n, sizeof *names);
	if (!fields || !names)
		return CEDAR_FAIL_MEMORY(m->err);
	for (uint32_t i = 0; i < e->n; i++)
		fields[i] = (struct field){ e->names[i], n->items[i] };
	qsort(fields, e->n, sizeof *fields, by_name);
	for (uint32_t i = 0; i < e->n; i++) {
		names[i] = fields[i].name;
		n->items[i] = fields[i].item;
	}
	n->names = names;
	return CEDAR_OK;
}

static cedar_code lower_list(struct maker *m, const struct expr *e, struct node **ret)
{
	struct node *n = start(m, e->op, e);
	if (!n)
		return CEDAR_FAIL_MEMORY(m->err);
	n->fn = e->fn;
	n->n = e->n;
	n->items = rv_arena_array(m->arena, e->n, sizeof *n->items);
	if (!n->items)
		return CEDAR_FAIL_MEMORY(m->err);
	for (uint32_t i = 0; i < e->n; i++)
		CEDAR_TRY(lower(m, e->items[i], &n->items[i]));
	if (e->op == OP_RECORD)
		CEDAR_TRY(sort_record(m, e, n));
	return seal(m, n, ret);
}

static cedar_code lower_if(struct maker *m, const struct expr *e, struct node **ret)
{
	struct node *n = start(m, OP_IF, e);
	if (!n)
		return CEDAR_FAIL_MEMORY(m->err);
	CEDAR_TRY(lower(m, e->a, &n->a));
	CEDAR_TRY(lower(m, e->b, &n->b));
	CEDAR_TRY(lower(m, e->c, &n->c));
	return seal(m, n, ret);
}

static cedar_code lower_like(struct maker *m, const struct expr *e, struct node **ret)
{
	struct node *n = start(m, OP_LIKE, e);
	if (!n)
		return CEDAR_FAIL_MEMORY(m->err);
	CEDAR_TRY(lower(m, e->a, &n->a));
	n->pattern = e->pattern;
	n->n = e->n;
	return seal(m, n, ret);
}

static cedar_code lower_binary(struct maker *m, const struct expr *e, struct node **ret)
{
	struct node *a, *b;
	CEDAR_TRY(lower(m, e->a, &a));
	CEDAR_TRY(lower(m, e->b, &b));
	if (e->op == OP_AND || e->op == OP_OR)
		return make_logic(m, e->op, e, a, b, ret);
	if (e->op != OP_NE && e->op != OP_GT && e->op != OP_GE)
		return make(m, e->op, e, a, b, ret);
	enum op op = e->op == OP_NE ? OP_EQ : e->op == OP_GT ? OP_LE : OP_LT;
	CEDAR_TRY(make(m, op, e, a, b, &a));
	return make(m, OP_NOT, e, a, NULL, ret);
}

/* Depth is bounded by the parser. */
static cedar_code lower(struct maker *m, const struct expr *e, struct node **ret)
{
	struct node *a;
	switch ((enum op)e->op) {
	case OP_LIT:
		return make_lit(m, e, e->lit, ret);
	case OP_PRINCIPAL:
	case OP_ACTION:
	case OP_RESOURCE:
	case OP_CONTEXT:
		return make(m, e->op, e, NULL, NULL, ret);
	case OP_SLOT:
		a = start(m, OP_SLOT, e);
		if (!a)
			return CEDAR_FAIL_MEMORY(m->err);
		a->n = e->n;
		return seal(m, a, ret);
	case OP_NOT:
	case OP_NEG:
	case OP_IS_EMPTY:
		CEDAR_TRY(lower(m, e->a, &a));
		return make(m, e->op, e, a, NULL, ret);
	case OP_ATTR:
		CEDAR_TRY(lower(m, e->a, &a));
		return make_named(m, OP_ATTR, e, a, e->name, ret);
	case OP_IF:
		return lower_if(m, e, ret);
	case OP_HAS:
		return lower_has(m, e, ret);
	case OP_LIKE:
		return lower_like(m, e, ret);
	case OP_IS:
		return lower_is(m, e, ret);
	case OP_SET:
	case OP_RECORD:
	case OP_CALL:
		return lower_list(m, e, ret);
	default:
		return lower_binary(m, e, ret);
	}
}

/* ---- scopes ---- */

static struct expr placed(struct span at)
{
	return (struct expr){ .offset = at.offset, .length = at.length };
}

static cedar_code uid_lit(
	struct maker *m, const struct expr *at, const cedar_uid *uid, struct node **ret)
{
	return make_lit(m, at, (cedar_value){ CEDAR_ENTITY, { .uid = uid } }, ret);
}

static cedar_code scope_entity(struct maker *m, const struct scope *s, const struct expr *at,
	enum op var, struct node **ret)
{
	if (!s->is_slot)
		return uid_lit(m, at, s->uid, ret);
	struct node *n = start(m, OP_SLOT, at);
	if (!n)
		return CEDAR_FAIL_MEMORY(m->err);
	n->n = var == OP_RESOURCE;
	return seal(m, n, ret);
}

static cedar_code lower_scope(
	struct maker *m, const struct scope *s, enum op var, struct node **ret)
{
	const struct expr type_at = placed(s->type_at), uid_at = placed(s->uid_at);
	struct node *is = NULL, *v, *u;
	if (s->op == SCOPE_ANY)
		return make_lit(m, NULL, cedar_bool(true), ret);
	CEDAR_TRY(make(m, var, NULL, NULL, NULL, &v));
	if (s->op == SCOPE_IS || s->op == SCOPE_IS_IN)
		CEDAR_TRY(make_named(m, OP_IS, &type_at, v, s->type, &is));
	if (s->op == SCOPE_IS) {
		*ret = is;
		return CEDAR_OK;
	}
	CEDAR_TRY(scope_entity(m, s, &uid_at, var, &u));
	CEDAR_TRY(make(m, s->op == SCOPE_EQ ? OP_EQ : OP_IN, &uid_at, v, u, &u));
	if (is)
		return make_logic(m, OP_AND, NULL, is, u, ret);
	*ret = u;
	return CEDAR_OK;
}

static cedar_code lower_action(struct maker *m, const struct scope *s, struct node **ret)
{
	struct node *v, *set;
	if (s->op != SCOPE_IN && s->op != SCOPE_IN_LIST)
		return lower_scope(m, s, OP_ACTION, ret);
	const cedar_uid *const *list = s->op == SCOPE_IN ? &s->uid : s->list;
	const struct span *places = s->op == SCOPE_IN ? &s->uid_at : s->list_at;
	size_t n = s->op == SCOPE_IN ? 1 : s->n_list;
	CEDAR_TRY(make(m, OP_ACTION, NULL, NULL, NULL, &v));
	set = start(m, OP_SET, NULL);
	if (!set)
		return CEDAR_FAIL_MEMORY(m->err);
	set->n = (uint32_t)n;
	set->items = rv_arena_array(m->arena, n, sizeof *set->items);
	if (!set->items)
		return CEDAR_FAIL_MEMORY(m->err);
	for (size_t i = 0; i < n; i++) {
		const struct expr at = placed(places ? places[i] : (struct span){ 0 });
		CEDAR_TRY(uid_lit(m, &at, list[i], &set->items[i]));
	}
	CEDAR_TRY(seal(m, set, &set));
	return make(m, OP_IN, NULL, v, set, ret);
}

cedar_code cedar_core_policy(struct rv_arena *a, const struct policy *p, struct node **ret,
	struct node **ret_condition, cedar_error *err)
{
	struct maker m = { a, err };
	struct node *principal, *action, *resource, *all = NULL, *one;
	for (size_t i = 0; i < p->n_conditions; i++) {
		const struct expr *e = p->conditions[i].expr;
		CEDAR_TRY(lower(&m, e, &one));
		if (p->conditions[i].is_unless)
			CEDAR_TRY(make(&m, OP_NOT, e, one, NULL, &one));
		if (all)
			CEDAR_TRY(make_logic(&m, OP_AND, e, all, one, &all));
		else
			all = one;
	}
	*ret_condition = all;
	if (!all)
		CEDAR_TRY(make_lit(&m, NULL, cedar_bool(true), &all));
	CEDAR_TRY(lower_scope(&m, &p->principal, OP_PRINCIPAL, &principal));
	CEDAR_TRY(lower_action(&m, &p->action, &action));
	CEDAR_TRY(lower_scope(&m, &p->resource, OP_RESOURCE, &resource));
	CEDAR_TRY(make_logic(&m, OP_AND, NULL, resource, all, &all));
	CEDAR_TRY(make_logic(&m, OP_AND, NULL, action, all, &all));
	return make_logic(&m, OP_AND, NULL, principal, all, ret);
}

/* ---- shapes ---- */

static bool same_kid(const struct node *a, const struct node *b)
{
	return a == b || (a && b && cedar_core_same(a, b));
}

static bool same_parts(const struct node *a, const struct node *b)
{
	for (uint32_t i = 0; i < a->n; i++) {
		if (a->items && !cedar_core_same(a->items[i], b->items[i]))
			return false;
		if (a->names && !str_eq(a->names[i], b->names[i]))
			return false;
		if (a->pattern &&
			(a->pattern[i].is_wildcard != b->pattern[i].is_wildcard ||
				!str_eq(a->pattern[i].text, b->pattern[i].text)))
			return false;
	}
	return true;
}

bool cedar_core_same(const struct node *a, const struct node *b)
{
	if (a == b)
		return true;
	if (a->hash != b->hash || a->op != b->op || a->fn != b->fn || a->n != b->n)
		return false;
	if (a->op == OP_LIT)
		return cedar_value_eq(&a->lit, &b->lit);
	return str_eq(a->name, b->name) && same_kid(a->a, b->a) && same_kid(a->b, b->b) &&
		same_kid(a->c, b->c) && same_parts(a, b);
}
