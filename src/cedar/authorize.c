/* The answer to one request: every policy that can match is tried, none is left out because
 * another decided already. */
#include "cedar/cedar_int.h"

bool cedar_scope_holds(const struct env *env, const struct scope *s, const cedar_uid *uid)
{
	if (s->is_slot)
		return false; /* a template that is not linked */
	switch (s->op) {
	case SCOPE_ANY:
		return true;
	case SCOPE_EQ:
		return uid_eq(uid, s->uid);
	case SCOPE_IN:
		return cedar_env_in(env, uid, s->uid);
	case SCOPE_IS:
		return str_eq(uid->type, s->type);
	case SCOPE_IS_IN:
		return str_eq(uid->type, s->type) && cedar_env_in(env, uid, s->uid);
	case SCOPE_IN_LIST:
		for (size_t i = 0; i < s->n_list; i++)
			if (cedar_env_in(env, uid, s->list[i]))
				return true;
		return false;
	}
	return false;
}

bool cedar_scope_fits(const struct env *env, const struct policy *p)
{
	return cedar_scope_holds(env, &p->principal, &env->rq->principal) &&
		cedar_scope_holds(env, &p->action, &env->rq->action) &&
		cedar_scope_holds(env, &p->resource, &env->rq->resource);
}

struct run {
	const cedar_policies *ps;
	struct env env;
	cedar_error failure;
	uint32_t *permits, *forbids;
	size_t n_permits, n_forbids, cap_permits, cap_forbids;
	cedar_failure *errors;
	size_t n_errors, cap_errors;
	bool is_incomplete;
};

static void add_index(struct run *r, uint32_t **list, size_t *n, size_t *cap, uint32_t v)
{
	if (*n == *cap) {
		size_t grown = *cap ? *cap * 2 : 8;
		uint32_t *more = rv_arena_raw(r->env.arena, grown * sizeof *more);
		if (!more) {
			r->is_incomplete = true;
			return;
		}
		if (*n > 0)
			memcpy(more, *list, *n * sizeof *more);
		*list = more;
		*cap = grown;
	}
	(*list)[(*n)++] = v;
}

static void add_error(struct run *r, uint32_t policy)
{
	struct rv_str message = rv_arena_str(r->env.arena, rv_str_of(r->failure.message));
	if (r->n_errors == r->cap_errors) {
		size_t grown = r->cap_errors ? r->cap_errors * 2 : 8;
		cedar_failure *more = rv_arena_raw(r->env.arena, grown * sizeof *more);
		if (more && r->n_errors > 0)
			memcpy(more, r->errors, r->n_errors * sizeof *more);
		if (more) {
			r->errors = more;
			r->cap_errors = grown;
		}
	}
	if (!message.p || r->n_errors == r->cap_errors)
		r->is_incomplete = true;
	else
		r->errors[r->n_errors++] = (cedar_failure){ policy, cs(message) };
	if (r->failure.code == CEDAR_ELIMIT)
		r->is_incomplete = true;
}

static cedar_code conditions_hold(struct run *r, const struct policy *p, bool *ret)
{
	*ret = true;
	for (size_t i = 0; i < p->n_conditions && *ret; i++) {
		cedar_value v;
		CEDAR_TRY(cedar_eval(&r->env, p->conditions[i].expr, 0, &v));
		if (v.kind != CEDAR_BOOL)
			return cedar_fail(r->env.err, CEDAR_EEVAL,
				"type error: expected bool, got %s", cedar_kind_name(v.kind));
		*ret = v.u.boolean != p->conditions[i].is_unless;
	}
	return CEDAR_OK;
}

static void try_policy(void *arg, uint32_t at)
{
	struct run *r = arg;
	const struct policy *p = &r->ps->list[at];
	if (!cedar_scope_fits(&r->env, p))
		return;
	bool holds;
	r->failure.code = CEDAR_OK;
	if (conditions_hold(r, p, &holds) != CEDAR_OK)
		add_error(r, at);
	else if (holds && p->info.is_forbid)
		add_index(r, &r->forbids, &r->n_forbids, &r->cap_forbids, at);
	else if (holds)
		add_index(r, &r->permits, &r->n_permits, &r->cap_permits, at);
}

static int u32_cmp(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

/* Sorts. An overlay that is its own ancestor (a circle no store would take) can bring a candidate
 * twice: it counts once. */
static size_t sort_indexes(uint32_t *list, size_t n)
{
	size_t kept = n > 0 ? 1 : 0;
	if (n > 1)
		qsort(list, n, sizeof *list, u32_cmp);
	for (size_t i = 1; i < n; i++)
		if (list[i] != list[kept - 1])
			list[kept++] = list[i];
	return kept;
}

static int failure_cmp(const void *a, const void *b)
{
	return u32_cmp(&((const cedar_failure *)a)->policy, &((const cedar_failure *)b)->policy);
}

static size_t sort_failures(cedar_failure *list, size_t n)
{
	size_t kept = n > 0 ? 1 : 0;
	if (n > 1)
		qsort(list, n, sizeof *list, failure_cmp);
	for (size_t i = 1; i < n; i++)
		if (list[i].policy != list[kept - 1].policy)
			list[kept++] = list[i];
	return kept;
}

void cedar_authorize(const cedar_policies *ps, const cedar_entities *es, const cedar_request *rq,
	cedar_scratch *s, cedar_answer *ret)
{
	struct run r = { .ps = ps };
	r.failure.code = CEDAR_OK;
	r.env = (struct env){ es, rq, &s->arena, &r.failure };
	if (ps->index)
		cedar_index_each(ps->index, &r.env, try_policy, &r);
	else
		for (size_t i = 0; i < ps->n; i++)
			try_policy(&r, (uint32_t)i);
	r.n_permits = sort_indexes(r.permits, r.n_permits);
	r.n_forbids = sort_indexes(r.forbids, r.n_forbids);
	r.n_errors = sort_failures(r.errors, r.n_errors);
	bool allow = r.n_permits > 0 && r.n_forbids == 0 && !r.is_incomplete;
	*ret = (cedar_answer){
		.decision = allow ? CEDAR_ALLOW : CEDAR_DENY,
		.permits = r.permits,
		.n_permits = r.n_permits,
		.forbids = r.forbids,
		.n_forbids = r.n_forbids,
		.errors = r.errors,
		.n_errors = r.n_errors,
		.is_incomplete = r.is_incomplete,
	};
}
