/* A request asked again as if changes had been made: entities changed lie in the request's overlay,
 * a changed context in its place, waived forbids are taken out of the answer. */
#include "cedar/flip.h"

struct trial {
	struct why *w;
	cedar_request rq;
	cedar_entity *overlay;
};

static const cedar_record *record_in(const cedar_value *v)
{
	return v && v->kind == CEDAR_RECORD ? v->u.record : &cedar_empty_record;
}

/* v with one element more or less. */
static bool change_set(
	struct rv_arena *a, const cedar_change *c, const cedar_value *v, cedar_value *ret)
{
	if (!v || v->kind != CEDAR_SET)
		return false;
	const cedar_set *s = v->u.set;
	cedar_value *items = rv_arena_array(a, s->n + 1, sizeof *items);
	size_t n = 0;
	if (!items)
		return false;
	for (size_t i = 0; i < s->n; i++)
		if (!cedar_value_eq(&s->items[i], &c->value))
			items[n++] = s->items[i];
	if (c->kind == CEDAR_CHANGE_ADD)
		items[n++] = c->value;
	const cedar_set *made = cedar_set_make(a, items, n);
	*ret = (cedar_value){ CEDAR_SET, { .set = made } };
	return made != NULL;
}

/* The record with what lies along path[0..n) changed. Depth: that of a policy's expression. */
static bool change_record(struct rv_arena *a, const cedar_change *c, const cedar_str *path,
	size_t n_path, const cedar_record *r, cedar_value *ret)
{
	cedar_pair *pairs = rv_arena_array(a, r->n + 1, sizeof *pairs);
	const cedar_value *old = cedar_record_get(r, path[0]);
	cedar_str twice;
	size_t n = 0;
	if (!pairs)
		return false;
	for (size_t i = 0; i < r->n; i++)
		if (!str_eq(r->pairs[i].key, path[0]))
			pairs[n++] = r->pairs[i];
	cedar_value v = c->value;
	bool keep = n_path > 1 || c->kind != CEDAR_CHANGE_UNSET;
	if (n_path > 1 && !change_record(a, c, path + 1, n_path - 1, record_in(old), &v))
		return false;
	if (n_path == 1 && (c->kind == CEDAR_CHANGE_ADD || c->kind == CEDAR_CHANGE_DROP) &&
		!change_set(a, c, old, &v))
		return false;
	if (keep)
		pairs[n++] = (cedar_pair){ path[0], v };
	const cedar_record *made = cedar_record_make(a, pairs, n, &twice);
	*ret = (cedar_value){ CEDAR_RECORD, { .record = made } };
	return made != NULL;
}

/* The overlay's entry for uid: the one there is, or a copy of the set's, or a new one. */
static cedar_entity *open_entity(struct trial *t, const cedar_uid *uid)
{
	for (size_t i = 0; i < t->rq.n_overlay; i++)
		if (uid_eq(&t->overlay[i].uid, uid))
			return &t->overlay[i];
	const cedar_entity *e = cedar_env_who(&t->w->env, uid).entity;
	cedar_entity *at = &t->overlay[t->rq.n_overlay++];
	*at = e ? *e : (cedar_entity){ .uid = *uid };
	return at;
}

static bool change_parents(struct trial *t, const cedar_change *c, cedar_entity *e)
{
	const cedar_uid *group = c->value.u.uid;
	cedar_uid *list = rv_arena_array(t->w->env.arena, e->n_parents + 1, sizeof *list);
	size_t n = 0;
	if (!list || c->value.kind != CEDAR_ENTITY)
		return false;
	for (size_t i = 0; i < e->n_parents; i++)
		if (c->kind == CEDAR_CHANGE_JOIN ||
			!cedar_entities_in(t->w->env.es, &e->parents[i], group))
			list[n++] = e->parents[i];
	if (c->kind == CEDAR_CHANGE_JOIN)
		list[n++] = *group;
	e->parents = list;
	e->n_parents = n;
	return true;
}

static bool change_one(struct trial *t, const cedar_change *c)
{
	struct rv_arena *a = t->w->env.arena;
	if (c->kind == CEDAR_CHANGE_WAIVE)
		return true;
	if (!c->entity)
		return change_record(
			a, c, c->path, c->n_path, record_in(&t->rq.context), &t->rq.context);
	cedar_entity *e = open_entity(t, c->entity);
	if (c->kind == CEDAR_CHANGE_JOIN || c->kind == CEDAR_CHANGE_LEAVE)
		return change_parents(t, c, e);
	cedar_value *in = c->is_tag ? &e->tags : &e->attrs;
	return change_record(a, c, c->path, c->n_path, record_in(in), in);
}

static bool is_waived(const cedar_change *changes, size_t n, uint32_t policy)
{
	for (size_t i = 0; i < n; i++)
		if (changes[i].kind == CEDAR_CHANGE_WAIVE && changes[i].policy == policy)
			return true;
	return false;
}

cedar_decision cedar_flip_try(struct why *w, const cedar_change *changes, size_t n)
{
	struct trial t = { .w = w, .rq = *w->env.rq };
	cedar_scratch *s = w->scratch;
	cedar_answer ans;
	t.overlay = rv_arena_array(w->env.arena, t.rq.n_overlay + n, sizeof *t.overlay);
	if (!t.overlay)
		return CEDAR_DECISION_UNSET;
	if (t.rq.n_overlay > 0)
		memcpy(t.overlay, t.rq.overlay, t.rq.n_overlay * sizeof *t.overlay);
	t.rq.overlay = t.overlay;
	for (size_t i = 0; i < n; i++)
		if (!change_one(&t, &changes[i]))
			return CEDAR_DECISION_UNSET;
	cedar_authorize(w->ps, w->env.es, &t.rq, s, &ans);
	if (ans.is_incomplete)
		return CEDAR_DECISION_UNSET;
	size_t in_force = 0;
	for (size_t i = 0; i < ans.n_forbids; i++)
		in_force += !is_waived(changes, n, ans.forbids[i]);
	return ans.n_permits > 0 && in_force == 0 ? CEDAR_ALLOW : CEDAR_DENY;
}
