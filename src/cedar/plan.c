/* One expression made true or false by changing what it compares: an attribute, a membership, an
 * element of a set. Plans are put together along the tree: an "and" is made true by making both
 * sides true, false by the cheaper side. What a plan promises is not certain (one attribute may be
 * asked about twice); flip_try.c tries it. */
#include "cedar/flip.h"

enum { STEPS_MAX = 16 };

struct plan cedar_plan_both(struct maker *m, struct plan a, struct plan b)
{
	if (!a.is_possible || !b.is_possible || a.n + b.n > STEPS_MAX)
		return impossible;
	if (a.n == 0 || b.n == 0)
		return a.n ? a : b;
	cedar_change *list = rv_arena_raw(m->w->env.arena, (a.n + b.n) * sizeof *list);
	if (!list) {
		m->no_memory = true;
		return impossible;
	}
	memcpy(list, a.changes, a.n * sizeof *list);
	memcpy(list + a.n, b.changes, b.n * sizeof *list);
	return (struct plan){ true, a.n + b.n, list };
}

struct plan cedar_plan_cheaper(struct plan a, struct plan b)
{
	if (!b.is_possible || (a.is_possible && a.n <= b.n))
		return a;
	return b;
}

struct plan cedar_plan_one(struct maker *m, cedar_change c)
{
	cedar_change *kept = rv_arena_raw(m->w->env.arena, sizeof *kept);
	if (!kept) {
		m->no_memory = true;
		return impossible;
	}
	*kept = c;
	kept->policy = m->policy;
	return (struct plan){ true, 1, kept };
}

/* ---- places: what can be changed ---- */

static bool add_name(struct maker *m, cedar_change *c, cedar_str name)
{
	cedar_str *path = rv_arena_raw(m->w->env.arena, (c->n_path + 1) * sizeof *path);
	if (!path) {
		m->no_memory = true;
		return false;
	}
	if (c->n_path > 0)
		memcpy(path, c->path, c->n_path * sizeof *path);
	path[c->n_path++] = name;
	c->path = path;
	return true;
}

/* An attribute of an entity or of the context, or a tag: whose, and the way to it. */
static bool place_of(struct maker *m, const struct expr *e, cedar_change *ret)
{
	cedar_value v, name;
	if (e->op == OP_CONTEXT) {
		*ret = (cedar_change){ .n_path = 0 };
		return true;
	}
	if ((e->op != OP_ATTR && e->op != OP_GET_TAG) || !cedar_why_eval(m->w, e->a, &v))
		return false;
	if (v.kind == CEDAR_ENTITY)
		*ret = (cedar_change){ .entity = v.u.uid };
	if (e->op == OP_GET_TAG) {
		ret->is_tag = true;
		return v.kind == CEDAR_ENTITY && cedar_why_eval(m->w, e->b, &name) &&
			name.kind == CEDAR_STRING && add_name(m, ret, name.u.string);
	}
	if (v.kind != CEDAR_ENTITY && (v.kind != CEDAR_RECORD || !place_of(m, e->a, ret)))
		return false;
	return add_name(m, ret, e->name);
}

static bool place_and_value(
	struct maker *m, const struct expr *at, const struct expr *other, cedar_change *ret)
{
	return place_of(m, at, ret) && cedar_why_eval(m->w, other, &ret->value);
}

static struct plan set_to(struct maker *m, cedar_change c, cedar_bound bound, cedar_value v)
{
	c.kind = CEDAR_CHANGE_SET;
	c.bound = bound;
	c.value = v;
	return cedar_plan_one(m, c);
}

/* ---- one expression ---- */

/* A value of the same kind that is another. */
static bool another(struct maker *m, const cedar_value *v, cedar_value *ret)
{
	*ret = *v;
	switch (v->kind) {
	case CEDAR_BOOL:
		ret->u.boolean = !v->u.boolean;
		return true;
	case CEDAR_LONG:
	case CEDAR_DECIMAL:
	case CEDAR_DATETIME:
	case CEDAR_DURATION:
		ret->u.integer += v->u.integer == INT64_MAX ? -1 : 1;
		return true;
	case CEDAR_STRING: {
		const char *z = rv_arena_printf(m->w->env.arena, "not-%.*s", RV_FMT(v->u.string));
		ret->u.string = cedar_z(z);
		return z != NULL;
	}
	default:
		return false;
	}
}

static struct plan make_equal_at(
	struct maker *m, const struct expr *at, const struct expr *other, bool want)
{
	cedar_change c;
	cedar_value v;
	if (!place_and_value(m, at, other, &c))
		return impossible;
	if (want)
		return set_to(m, c, CEDAR_EXACTLY, c.value);
	return another(m, &c.value, &v) ? set_to(m, c, CEDAR_OTHER_THAN, v) : impossible;
}

static struct plan make_equal(struct maker *m, const struct expr *e, bool want)
{
	return cedar_plan_cheaper(
		make_equal_at(m, e->a, e->b, want), make_equal_at(m, e->b, e->a, want));
}

enum order { LESS, AT_MOST, MORE, AT_LEAST };

static enum order turned(enum order o)
{
	static const enum order other_side[] = { MORE, AT_LEAST, LESS, AT_MOST };
	return other_side[o];
}

static enum order negated(enum order o)
{
	static const enum order not [] = { AT_LEAST, MORE, AT_MOST, LESS };
	return not [o];
}

static struct plan make_order_at(
	struct maker *m, const struct expr *at, const struct expr *other, enum order o)
{
	cedar_change c;
	if (!place_and_value(m, at, other, &c))
		return impossible;
	cedar_value v = c.value;
	if (v.kind != CEDAR_LONG && v.kind != CEDAR_DATETIME && v.kind != CEDAR_DURATION &&
		v.kind != CEDAR_DECIMAL)
		return impossible;
	if ((o == LESS && !rv_sub_ok(v.u.integer, 1, &v.u.integer)) ||
		(o == MORE && !rv_add_ok(v.u.integer, 1, &v.u.integer)))
		return impossible;
	return set_to(m, c, o == LESS || o == AT_MOST ? CEDAR_AT_MOST : CEDAR_AT_LEAST, v);
}

static struct plan make_order(
	struct maker *m, const struct expr *a, const struct expr *b, enum order o, bool want)
{
	if (!want)
		o = negated(o);
	return cedar_plan_cheaper(make_order_at(m, a, b, o), make_order_at(m, b, a, turned(o)));
}

static struct plan make_logic(struct maker *m, const struct expr *e, bool want)
{
	bool easy = e->op == OP_OR; /* what one side alone brings about */
	struct plan a = cedar_plan_make(m, e->a, want), b = cedar_plan_make(m, e->b, want);
	if (want != easy)
		return cedar_plan_both(m, a, b);
	return cedar_plan_cheaper(a, cedar_plan_both(m, cedar_plan_make(m, e->a, !want), b));
}

static struct plan make_if(struct maker *m, const struct expr *e, bool want)
{
	return cedar_plan_cheaper(
		cedar_plan_both(m, cedar_plan_make(m, e->a, true), cedar_plan_make(m, e->b, want)),
		cedar_plan_both(
			m, cedar_plan_make(m, e->a, false), cedar_plan_make(m, e->c, want)));
}

static struct plan membership(
	struct maker *m, const cedar_uid *entity, const cedar_value *group, bool want)
{
	return cedar_plan_one(m,
		(cedar_change){ .kind = want ? CEDAR_CHANGE_JOIN : CEDAR_CHANGE_LEAVE,
			.entity = entity,
			.value = *group });
}

static bool is_in(struct maker *m, const cedar_uid *entity, const cedar_uid *group)
{
	const struct who w = cedar_env_who(&m->w->env, entity);
	return cedar_env_in(&m->w->env, &w, group);
}

/* The entity that comes first by name: sets have no order of their own. */
static const cedar_value *first_of(const cedar_set *s)
{
	const cedar_value *first = NULL;
	for (size_t i = 0; i < s->n; i++) {
		const cedar_value *v = &s->items[i];
		if (v->kind != CEDAR_ENTITY)
			continue;
		int c = first ? rv_str_cmp(rs(v->u.uid->type), rs(first->u.uid->type)) : -1;
		if (c < 0 || (c == 0 && rv_str_cmp(rs(v->u.uid->id), rs(first->u.uid->id)) < 0))
			first = v;
	}
	return first;
}

struct plan cedar_plan_member(
	struct maker *m, const cedar_uid *entity, const cedar_value *b, bool want)
{
	if (b->kind == CEDAR_ENTITY)
		return !want && uid_eq(entity, b->u.uid) ? impossible
							 : membership(m, entity, b, want);
	if (b->kind != CEDAR_SET || b->u.set->n == 0)
		return impossible;
	const cedar_value *first = first_of(b->u.set);
	if (want)
		return first ? membership(m, entity, first, true) : impossible;
	struct plan p = nothing;
	for (size_t i = 0; i < b->u.set->n; i++) {
		const cedar_value *g = &b->u.set->items[i];
		if (g->kind == CEDAR_ENTITY && is_in(m, entity, g->u.uid))
			p = cedar_plan_both(m, p, cedar_plan_member(m, entity, g, false));
	}
	return p;
}

static struct plan make_in(struct maker *m, const struct expr *e, bool want)
{
	cedar_value a, b;
	if (!cedar_why_eval(m->w, e->a, &a) || a.kind != CEDAR_ENTITY ||
		!cedar_why_eval(m->w, e->b, &b))
		return impossible;
	return cedar_plan_member(m, a.u.uid, &b, want);
}

static struct plan make_is(struct maker *m, const struct expr *e, bool want)
{
	cedar_value a, b;
	if (!e->b || !cedar_why_eval(m->w, e->a, &a) || a.kind != CEDAR_ENTITY ||
		!str_eq(a.u.uid->type, e->name) || !cedar_why_eval(m->w, e->b, &b))
		return impossible;
	return cedar_plan_member(m, a.u.uid, &b, want);
}

static struct plan make_contains(struct maker *m, const struct expr *e, bool want)
{
	cedar_change c;
	cedar_value set;
	if (!place_and_value(m, e->a, e->b, &c))
		return impossible;
	if (!cedar_why_eval(m->w, e->a, &set) || set.kind != CEDAR_SET)
		return impossible;
	c.kind = want ? CEDAR_CHANGE_ADD : CEDAR_CHANGE_DROP;
	return cedar_plan_one(m, c);
}

/* The way as far as it leads, then the first missing name. */
static struct plan make_has(struct maker *m, const struct expr *e, bool want)
{
	struct expr at = { .op = OP_ATTR, .a = e->a };
	cedar_change c;
	if (e->n != 1)
		return impossible;
	at.name = e->names[0];
	if (!place_of(m, &at, &c))
		return impossible;
	if (want)
		return set_to(m, c, CEDAR_ANY_LIKE, cedar_bool(true));
	c.kind = CEDAR_CHANGE_UNSET;
	return cedar_plan_one(m, c);
}

static struct plan make_has_tag(struct maker *m, const struct expr *e, bool want)
{
	const struct expr at = { .op = OP_GET_TAG, .a = e->a, .b = e->b };
	cedar_change c = { .n_path = 0 };
	if (!place_of(m, &at, &c))
		return impossible;
	if (want)
		return set_to(m, c, CEDAR_ANY_LIKE, cedar_string(cedar_z("")));
	c.kind = CEDAR_CHANGE_UNSET;
	return cedar_plan_one(m, c);
}

/* The pattern's own text with nothing for its wildcards; or something it does not match. */
static struct plan make_like(struct maker *m, const struct expr *e, bool want)
{
	RV_AUTO_BUF b;
	cedar_change c = { .n_path = 0 };
	rv_buf_init(&b, 1 << 16);
	if (!place_of(m, e->a, &c))
		return impossible;
	for (uint32_t i = 0; want && i < e->n; i++)
		rv_buf_add(&b, rs(e->pattern[i].text));
	cedar_str s = cs(rv_arena_str(m->w->env.arena, rv_buf_str(&b)));
	if (b.failed || !s.p || cedar_pattern_matches(s, e->pattern, e->n) != want)
		return impossible;
	return set_to(m, c, want ? CEDAR_ANY_LIKE : CEDAR_OTHER_THAN, cedar_string(s));
}

static struct plan make_call(struct maker *m, const struct expr *e, bool want)
{
	switch (e->n == 2 ? (int)e->fn : -1) {
	case CEDAR_FN_LESS_THAN:
		return make_order(m, e->items[0], e->items[1], LESS, want);
	case CEDAR_FN_LESS_THAN_OR_EQUAL:
		return make_order(m, e->items[0], e->items[1], AT_MOST, want);
	case CEDAR_FN_GREATER_THAN:
		return make_order(m, e->items[0], e->items[1], MORE, want);
	case CEDAR_FN_GREATER_THAN_OR_EQUAL:
		return make_order(m, e->items[0], e->items[1], AT_LEAST, want);
	default:
		return impossible;
	}
}

static struct plan make_place(struct maker *m, const struct expr *e, bool want)
{
	cedar_change c = { .n_path = 0 };
	return place_of(m, e, &c) && c.n_path > 0 ? set_to(m, c, CEDAR_EXACTLY, cedar_bool(want))
						  : impossible;
}

static struct plan make_other(struct maker *m, const struct expr *e, bool want)
{
	switch ((enum op)e->op) {
	case OP_NOT:
		return cedar_plan_make(m, e->a, !want);
	case OP_AND:
	case OP_OR:
		return make_logic(m, e, want);
	case OP_IF:
		return make_if(m, e, want);
	case OP_EQ:
	case OP_NE:
		return make_equal(m, e, want == (e->op == OP_EQ));
	case OP_LT:
		return make_order(m, e->a, e->b, LESS, want);
	case OP_LE:
		return make_order(m, e->a, e->b, AT_MOST, want);
	case OP_GT:
		return make_order(m, e->a, e->b, MORE, want);
	case OP_GE:
		return make_order(m, e->a, e->b, AT_LEAST, want);
	case OP_IN:
		return make_in(m, e, want);
	case OP_IS:
		return make_is(m, e, want);
	case OP_CONTAINS:
		return make_contains(m, e, want);
	case OP_HAS:
		return make_has(m, e, want);
	case OP_HAS_TAG:
		return make_has_tag(m, e, want);
	case OP_LIKE:
		return make_like(m, e, want);
	case OP_CALL:
		return make_call(m, e, want);
	case OP_ATTR:
	case OP_GET_TAG:
		return make_place(m, e, want);
	default:
		return impossible;
	}
}

struct plan cedar_plan_make(struct maker *m, const struct expr *e, bool want)
{
	cedar_value v;
	if (cedar_why_eval(m->w, e, &v)) {
		if (v.kind != CEDAR_BOOL)
			return impossible;
		if (v.u.boolean == want)
			return nothing;
	}
	return make_other(m, e, want);
}
