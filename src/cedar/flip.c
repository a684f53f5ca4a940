/* The smallest changes that turn a decision round: plans for single expressions (plan.c) put
 * together along the policies, each tried (flip_try.c) before it is offered. */
#include <stdio.h>

#include "cedar/flip.h"

enum { FLIPS_MAX = 8, POLICIES_MAX = 256 };

/* ---- one policy ---- */

static struct plan make_scope(struct maker *m, const struct scope *s, unsigned who)
{
	const cedar_uid *uid = m->w->env.who[who].uid;
	if (s->is_slot)
		return impossible;
	if (cedar_scope_holds(&m->w->env, s, who))
		return nothing;
	if (s->op != SCOPE_IN && (s->op != SCOPE_IS_IN || !str_eq(uid->type, s->type)))
		return impossible;
	const cedar_value group = { CEDAR_ENTITY, { .uid = s->uid } };
	return cedar_plan_member(m, uid, &group, true);
}

static struct plan make_satisfied(struct maker *m, uint32_t at)
{
	const struct policy *p = &m->w->ps->list[at];
	m->policy = at;
	if (!cedar_scope_holds(&m->w->env, &p->action, WHO_ACTION))
		return impossible;
	struct plan plan = cedar_plan_both(m, make_scope(m, &p->principal, WHO_PRINCIPAL),
		make_scope(m, &p->resource, WHO_RESOURCE));
	for (size_t i = 0; plan.is_possible && i < p->n_conditions; i++)
		plan = cedar_plan_both(m, plan,
			cedar_plan_make(m, p->conditions[i].expr, !p->conditions[i].is_unless));
	return plan;
}

static struct plan leave_scope(struct maker *m, const struct scope *s, const cedar_uid *uid)
{
	if ((s->op != SCOPE_IN && s->op != SCOPE_IS_IN) || uid_eq(s->uid, uid))
		return impossible;
	const cedar_value group = { CEDAR_ENTITY, { .uid = s->uid } };
	return cedar_plan_member(m, uid, &group, false);
}

static struct plan make_unsatisfied(struct maker *m, uint32_t at)
{
	const struct policy *p = &m->w->ps->list[at];
	const cedar_request *rq = m->w->env.rq;
	struct plan plan = impossible;
	m->policy = at;
	for (size_t i = 0; i < p->n_conditions; i++)
		plan = cedar_plan_cheaper(plan,
			cedar_plan_make(m, p->conditions[i].expr, p->conditions[i].is_unless));
	plan = cedar_plan_cheaper(plan, leave_scope(m, &p->principal, &rq->principal));
	return cedar_plan_cheaper(plan, leave_scope(m, &p->resource, &rq->resource));
}

static struct plan waive(struct maker *m, uint32_t at)
{
	m->policy = at;
	return cedar_plan_one(m, (cedar_change){ .kind = CEDAR_CHANGE_WAIVE });
}

/* ---- the decision ---- */

struct found {
	struct maker m;
	cedar_decision now;
	cedar_flip list[FLIPS_MAX + 1];
	size_t n;
};

static bool says_the_same(const cedar_flip *a, const cedar_flip *b)
{
	if (a->n_changes != b->n_changes)
		return false;
	for (size_t i = 0; i < a->n_changes; i++)
		if (!str_eq(a->changes[i].text, b->changes[i].text))
			return false;
	return true;
}

static const char *name_of(struct maker *m, const cedar_change *c)
{
	RV_AUTO_BUF b;
	const cedar_request *rq = m->w->env.rq;
	rv_buf_init(&b, 1 << 12);
	if (!c->entity)
		rv_buf_addz(&b, "context");
	else if (uid_eq(c->entity, &rq->principal))
		rv_buf_addz(&b, "principal");
	else if (uid_eq(c->entity, &rq->resource))
		rv_buf_addz(&b, "resource");
	else
		rv_buf_printf(&b, "%.*s::\"%.*s\"", RV_FMT(c->entity->type), RV_FMT(c->entity->id));
	if (c->is_tag)
		rv_buf_printf(&b, ".getTag(\"%.*s\")", RV_FMT(c->path[0]));
	for (size_t i = c->is_tag; i < c->n_path; i++)
		rv_buf_printf(&b, ".%.*s", RV_FMT(c->path[i]));
	return rv_arena_printf(m->w->env.arena, "%.*s", RV_FMT(rv_buf_str(&b)));
}

static bool word(struct maker *m, cedar_change *c)
{
	static const char *const bounds[] = { "", "equal to", "at most", "at least",
		"other than it is, such as", "such as" };
	char value[300];
	const char *name = name_of(m, c), *z = NULL;
	struct rv_arena *a = m->w->env.arena;
	cedar_str id = m->w->ps->list[c->policy].info.id;
	if (!name)
		return false;
	(void)cedar_value_print(&c->value, value, sizeof value); /* may be cut */
	switch (c->kind) {
	case CEDAR_CHANGE_SET:
		z = rv_arena_printf(a, "%s %s %s", name, bounds[c->bound], value);
		break;
	case CEDAR_CHANGE_UNSET:
		z = rv_arena_printf(a, "%s absent", name);
		break;
	case CEDAR_CHANGE_ADD:
		z = rv_arena_printf(a, "%s with %s in it", name, value);
		break;
	case CEDAR_CHANGE_DROP:
		z = rv_arena_printf(a, "%s without %s in it", name, value);
		break;
	case CEDAR_CHANGE_JOIN:
		z = rv_arena_printf(a, "%s in %s", name, value);
		break;
	case CEDAR_CHANGE_LEAVE:
		z = rv_arena_printf(a, "%s not in %s", name, value);
		break;
	case CEDAR_CHANGE_WAIVE:
		z = rv_arena_printf(a, "forbid '%.*s' waived", RV_FMT(id));
		break;
	}
	c->text = cedar_z(z);
	return z != NULL;
}

/* Takes out what is not needed: one change may do what another was meant for. Returns the changes
 * left, 0 when they do not turn the decision round. */
static size_t shortest(struct found *f, cedar_change *list, size_t n)
{
	cedar_decision then = cedar_flip_try(f->m.w, list, n);
	if (then == CEDAR_DECISION_UNSET || then == f->now)
		return 0;
	for (size_t i = n; i-- > 0 && n > 1;) {
		const cedar_change without = list[i];
		memmove(list + i, list + i + 1, (n - i - 1) * sizeof *list);
		then = cedar_flip_try(f->m.w, list, n - 1);
		if (then != CEDAR_DECISION_UNSET && then != f->now) {
			n--;
			continue;
		}
		memmove(list + i + 1, list + i, (n - i - 1) * sizeof *list);
		list[i] = without;
	}
	return n;
}

/* Keeps a plan that does what it promises, in the order of size. */
static void offer(struct found *f, struct plan p)
{
	if (!p.is_possible || p.n == 0)
		return;
	cedar_change *list = rv_arena_raw(f->m.w->env.arena, p.n * sizeof *list);
	if (!list) {
		f->m.no_memory = true;
		return;
	}
	memcpy(list, p.changes, p.n * sizeof *list);
	for (size_t i = 0; i < p.n; i++)
		if (!word(&f->m, &list[i]))
			f->m.no_memory = true;
	const cedar_flip flip = { list, shortest(f, list, p.n) };
	for (size_t i = 0; i < f->n; i++)
		if (says_the_same(&f->list[i], &flip))
			return;
	size_t at = f->n;
	for (; at > 0 && f->list[at - 1].n_changes > flip.n_changes; at--)
		f->list[at] = f->list[at - 1];
	if (flip.n_changes > 0) {
		f->list[at] = flip;
		f->n += f->n < FLIPS_MAX;
	}
}

/* Deny: no satisfied forbid may stay, and a permit must hold. */
static void to_allow(struct found *f, const cedar_answer *now)
{
	const cedar_policies *ps = f->m.w->ps;
	struct plan waived = nothing, changed = nothing;
	for (size_t i = 0; i < now->n_forbids; i++) {
		waived = cedar_plan_both(&f->m, waived, waive(&f->m, now->forbids[i]));
		changed = cedar_plan_both(&f->m, changed, make_unsatisfied(&f->m, now->forbids[i]));
	}
	if (now->n_permits > 0) {
		offer(f, changed);
		offer(f, waived);
		return;
	}
	size_t tried = 0;
	for (size_t i = 0; i < ps->n && tried < POLICIES_MAX; i++) {
		if (ps->list[i].info.is_forbid || ps->list[i].info.is_template)
			continue;
		struct plan p = make_satisfied(&f->m, (uint32_t)i);
		tried += p.is_possible;
		offer(f, cedar_plan_both(&f->m, p, changed));
		if (now->n_forbids > 0)
			offer(f, cedar_plan_both(&f->m, p, waived));
	}
}

/* Allow: one forbid must hold, or no permit may. */
static void to_deny(struct found *f, const cedar_answer *now)
{
	const cedar_policies *ps = f->m.w->ps;
	struct plan gone = nothing;
	for (size_t i = 0; i < now->n_permits; i++)
		gone = cedar_plan_both(&f->m, gone, make_unsatisfied(&f->m, now->permits[i]));
	offer(f, gone);
	size_t tried = 0;
	for (size_t i = 0; i < ps->n && tried < POLICIES_MAX; i++) {
		if (!ps->list[i].info.is_forbid || ps->list[i].info.is_template)
			continue;
		struct plan p = make_satisfied(&f->m, (uint32_t)i);
		tried += p.is_possible;
		offer(f, p);
	}
}

bool cedar_flips_find(struct why *w, const cedar_answer *now, const cedar_flip **ret, size_t *ret_n)
{
	struct found f = { .m = { .w = w }, .now = now->decision };
	if (now->decision == CEDAR_ALLOW)
		to_deny(&f, now);
	else
		to_allow(&f, now);
	cedar_flip *list = rv_arena_raw(w->env.arena, f.n * sizeof *list);
	if (!list || f.m.no_memory)
		return false;
	memcpy(list, f.list, f.n * sizeof *list);
	*ret = list;
	*ret_n = f.n;
	return true;
}
