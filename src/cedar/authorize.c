/* The answer to one request: every policy that can match is tried, none is left out because another
 * decided already. */
#include "cedar/code.h"
#include "cedar/entities.h"

bool cedar_match(const struct env *env, const struct match *m, unsigned who)
{
	const struct who *w = &env->who[who];
	switch ((enum scope_op)m->op) {
	case SCOPE_ANY:
		return true;
	case SCOPE_EQ:
		return uid_eq(w->uid, m->uid);
	case SCOPE_IN:
		return who_in(w, m->uid);
	case SCOPE_IS:
		return str_eq(w->uid->type, *m->type);
	case SCOPE_IS_IN:
		return str_eq(w->uid->type, *m->type) && who_in(w, m->uid);
	case SCOPE_IN_LIST:
		for (uint32_t i = 0; i < m->n; i++)
			if (who_in(w, m->list[i]))
				return true;
		return false;
	}
	return false;
}

bool cedar_scope_holds(const struct env *env, const struct scope *s, unsigned who)
{
	struct match m = { .op = (uint8_t)s->op, .n = (uint32_t)s->n_list, .type = &s->type };
	if (s->op == SCOPE_IN_LIST)
		m.list = s->list;
	else
		m.uid = s->uid;
	return !s->is_slot && cedar_match(env, &m, who);
}

bool cedar_scope_fits(const struct env *env, const struct policy *p)
{
	return cedar_scope_holds(env, &p->principal, WHO_PRINCIPAL) &&
		cedar_scope_holds(env, &p->action, WHO_ACTION) &&
		cedar_scope_holds(env, &p->resource, WHO_RESOURCE);
}

int cedar_rule_tests(struct env *env, const struct rule *r)
{
	for (uint32_t i = 0; i < r->n_tests; i++) {
		int v = cedar_test(env, r->tests[i].code);
		if (v < 0 || v != r->tests[i].want)
			return v < 0 ? -1 : 0;
	}
	return 1;
}

/* A list in the request's arena. */
struct list {
	void *v;
	size_t n, cap;
};
struct run {
	const struct rules *rules;
	struct env env;
	struct list permits, forbids, errors;
};

static void *list_add(struct run *r, struct list *l, size_t size)
{
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 8;
		void *more = rv_arena_raw(r->env.arena, cap * size);
		if (!more) {
			r->env.is_out_of_memory = true;
			return NULL;
		}
		if (l->n > 0)
			memcpy(more, l->v, l->n * size);
		l->v = more;
		l->cap = cap;
	}
	return (char *)l->v + size * l->n++;
}

/* The index found it under `found`: then who is in that, and need not be asked again. */
static inline bool fits(const struct env *env, const struct rule *rule, unsigned i, unsigned who,
	const cedar_uid *found)
{
	const struct match *m = &rule->heads[i];
	if (m->op == SCOPE_ANY)
		return true;
	if (m->op == SCOPE_EQ)
		return uid_eq(env->who[i].uid, m->uid);
	if (m->op == SCOPE_IN)
		return (i == who && found && uid_eq(found, m->uid)) || who_in(&env->who[i], m->uid);
	return cedar_match(env, m, i);
}

static void try_rule(void *arg, uint32_t at, unsigned who, const cedar_uid *found)
{
	struct run *r = arg;
	const struct rule *rule = &r->rules->list[at];
	/* The action first: it is told from others at a glance. */
	if (!fits(&r->env, rule, WHO_ACTION, who, found) ||
		!fits(&r->env, rule, WHO_PRINCIPAL, who, found) ||
		!fits(&r->env, rule, WHO_RESOURCE, who, found))
		return;
	int holds = cedar_rule_tests(&r->env, rule);
	if (holds < 0) {
		cedar_failure *f = list_add(r, &r->errors, sizeof *f);
		if (f)
			*f = (cedar_failure){ rule->policy, r->env.failure };
	} else if (holds > 0) {
		uint32_t *p = list_add(r, rule->is_forbid ? &r->forbids : &r->permits, sizeof *p);
		if (p)
			*p = rule->policy;
	}
}

/* Heaps, as the library's sort may take memory. The item's first member is the policy's index. */
static uint32_t policy_at(const char *v, size_t size, size_t i)
{
	uint32_t p;
	memcpy(&p, v + i * size, sizeof p);
	return p;
}

static void swap(char *v, size_t size, size_t i, size_t k)
{
	char t[sizeof(cedar_failure)];
	memcpy(t, v + i * size, size);
	memcpy(v + i * size, v + k * size, size);
	memcpy(v + k * size, t, size);
}

static void sink(char *v, size_t size, size_t i, size_t n)
{
	for (size_t kid; (kid = 2 * i + 1) < n; i = kid) {
		if (kid + 1 < n && policy_at(v, size, kid) < policy_at(v, size, kid + 1))
			kid++;
		if (policy_at(v, size, i) >= policy_at(v, size, kid))
			return;
		swap(v, size, i, kid);
	}
}

/* Ascending, each once: the index may bring a rule by several ways. */
static size_t sort_unique(struct list *l, size_t size)
{
	char *v = l->v;
	size_t kept = l->n > 0 ? 1 : 0;
	bool is_sorted = true;
	for (size_t i = 1; i < l->n && is_sorted; i++)
		is_sorted = policy_at(v, size, i - 1) < policy_at(v, size, i);
	if (is_sorted)
		return l->n;
	for (size_t i = l->n / 2; i-- > 0;)
		sink(v, size, i, l->n);
	for (size_t i = l->n; i-- > 1;) {
		swap(v, size, 0, i);
		sink(v, size, 0, i);
	}
	for (size_t i = 1; i < l->n; i++)
		if (policy_at(v, size, i) != policy_at(v, size, kept - 1))
			memmove(v + size * kept++, v + size * i, size);
	return kept;
}

void cedar_rules_answer(const struct rules *rules, const struct env *env, cedar_answer *ret)
{
	struct run r;
	r.rules = rules;
	r.env = *env;
	r.permits = r.forbids = r.errors = (struct list){ NULL, 0, 0 };
	if (rules->index)
		cedar_index_each(rules->index, &r.env, try_rule, &r);
	else
		for (size_t i = 0; i < rules->n; i++)
			try_rule(&r, (uint32_t)i, 0, NULL);
	size_t n_permits = sort_unique(&r.permits, sizeof(uint32_t)),
	       n_forbids = sort_unique(&r.forbids, sizeof(uint32_t)),
	       n_errors = sort_unique(&r.errors, sizeof(cedar_failure));
	bool allow = n_permits > 0 && n_forbids == 0 && !r.env.is_out_of_memory;
	*ret = (cedar_answer){
		.decision = allow ? CEDAR_ALLOW : CEDAR_DENY,
		.permits = r.permits.v,
		.n_permits = n_permits,
		.forbids = r.forbids.v,
		.n_forbids = n_forbids,
		.errors = r.errors.v,
		.n_errors = n_errors,
		.is_incomplete = r.env.is_out_of_memory,
	};
}

void cedar_authorize(const cedar_policies *ps, const cedar_entities *es, const cedar_request *rq,
	cedar_scratch *s, cedar_answer *ret)
{
	struct env env;
	cedar_env_init(&env, es, rq, &s->arena);
	cedar_rules_answer(ps->rules, &env, ret);
}
