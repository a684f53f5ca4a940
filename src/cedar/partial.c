/* Requests with one part open: partial evaluation. What does not depend on the open part is worked
 * out once; of each policy that the known parts leave possible a rest remains, which is held
 * against each candidate. A part of a condition that fails stays as it is and fails again for each
 * candidate that reaches it, so that errors are those of the whole request. */
#include "cedar/code.h"
#include "cedar/entities.h"

struct cedar_partial {
	struct rv_arena arena;
	const cedar_entities *es;
	cedar_request rq;
	unsigned open; /* WHO_… */
	struct env env; /* the known parts */
	struct rules rules; /* what remains */
	size_t n_permits; /* of them */
};

static bool is_literal(const struct code *c)
{
	return c->op == OP_LIT;
}

/* True when all that it is made of is known. */
static bool is_known(const struct cedar_partial *p, const struct code *c)
{
	switch (c->op) {
	case OP_PRINCIPAL:
	case OP_ACTION:
	case OP_RESOURCE:
	case OP_WHO_ATTR:
	case OP_WHO_HAS:
		return c->who != p->open;
	case OP_LIT:
		return false; /* nothing to do */
	case OP_SET:
	case OP_RECORD:
	case OP_CALL:
		for (uint32_t i = 0; i < c->n; i++)
			if (!is_literal(c->items[i]))
				return false;
		return true;
	default:
		return (!c->a || is_literal(c->a)) && (!c->b || is_literal(c->b)) &&
			(!c->c || is_literal(c->c));
	}
}

static const struct code *reduce(struct cedar_partial *p, const struct code *c);

static bool reduce_items(struct cedar_partial *p, const struct code *c, struct code *to)
{
	const struct code **items = rv_arena_array(&p->arena, c->n, sizeof *items);
	if (!items)
		return false;
	for (uint32_t i = 0; i < c->n; i++)
		if (!(items[i] = reduce(p, c->items[i])))
			return false;
	to->items = items;
	return true;
}

/* NULL: memory. Depth was bounded when the tree was made. */
static const struct code *reduce(struct cedar_partial *p, const struct code *c)
{
	cedar_value v;
	struct code *to = rv_arena_raw(&p->arena, sizeof *to);
	if (!to)
		return NULL;
	*to = *c;
	bool is_who_op = c->op == OP_WHO_ATTR || c->op == OP_WHO_HAS || c->op == OP_CONTEXT_ATTR;
	if (!is_who_op &&
		((c->a && !(to->a = reduce(p, c->a))) || (c->b && !(to->b = reduce(p, c->b))) ||
			(c->c && !(to->c = reduce(p, c->c)))))
		return NULL;
	if ((c->op == OP_SET || c->op == OP_RECORD || c->op == OP_CALL) && !reduce_items(p, c, to))
		return NULL;
	if (c->op == OP_AND || c->op == OP_OR || c->op == OP_IF) {
		const struct code *less = cedar_fold_logic(to);
		if (less != to)
			return less;
	}
	if ((c->op == OP_CONTEXT_ATTR || is_known(p, to)) && cedar_run(&p->env, to, &v))
		*to = (struct code){ .op = OP_LIT, .lit = v };
	return to;
}

/* ---- rules ---- */

/* The tests that remain; *ret_never: the rule is false for every candidate, and fails for none. */
static bool reduce_tests(
	struct cedar_partial *p, const struct rule *from, struct rule *to, bool *ret_never)
{
	struct test *tests = rv_arena_array(&p->arena, from->n_tests, sizeof *tests);
	*ret_never = false;
	to->tests = tests;
	to->n_tests = 0;
	if (!tests)
		return false;
	for (uint32_t i = 0; i < from->n_tests; i++) {
		const struct code *c = reduce(p, from->tests[i].code);
		if (!c)
			return false;
		bool is_truth = is_literal(c) && c->lit.kind == CEDAR_BOOL;
		if (is_truth && c->lit.u.boolean == from->tests[i].want)
			continue;
		if (is_truth && to->n_tests == 0) {
			*ret_never = true;
			return true;
		}
		tests[to->n_tests++] = (struct test){ c, from->tests[i].want };
		if (is_truth)
			return true; /* what stands before it may fail; nothing behind it counts */
	}
	return true;
}

static bool reduce_rule(struct cedar_partial *p, const struct rule *from)
{
	struct rule *to = &p->rules.list[p->rules.n];
	bool never;
	for (unsigned i = 0; i < WHO_COUNT; i++)
		if (i != p->open && !cedar_match(&p->env, &from->heads[i], i))
			return true;
	*to = *from;
	for (unsigned i = 0; i < WHO_COUNT; i++)
		if (i != p->open)
			to->heads[i].op = SCOPE_ANY;
	if (!reduce_tests(p, from, to, &never))
		return false;
	p->rules.n += !never;
	p->n_permits += !never && !to->is_forbid;
	return true;
}

static const cedar_uid *place(cedar_request *rq, unsigned who, const cedar_uid *uid)
{
	cedar_uid *const places[] = { &rq->principal, &rq->action, &rq->resource };
	if (uid)
		*places[who] = *uid;
	return places[who];
}

static bool build(struct cedar_partial *p, const struct rules *from)
{
	static const cedar_uid nobody = { { "", 0 }, { "", 0 }, 0 };
	(void)place(&p->rq, p->open, &nobody);
	cedar_env_init(&p->env, p->es, &p->rq, &p->arena);
	p->env.is_quiet = true;
	p->rules.list = malloc((from->n + 1) * sizeof *p->rules.list);
	if (!p->rules.list)
		return false;
	for (size_t i = 0; i < from->n; i++)
		if (!reduce_rule(p, &from->list[i]))
			return false;
	p->rules.index = cedar_index_new(p->rules.list, p->rules.n);
	return p->rules.index && !p->env.is_out_of_memory;
}

cedar_code cedar_partial_new(const cedar_policies *ps, const cedar_entities *es,
	const cedar_request *rq, cedar_var open, cedar_partial **ret, cedar_error *err)
{
	enum { PARTIAL_MAX = 1 << 30 };
	struct cedar_partial *p = calloc(1, sizeof *p);
	if (!p)
		return CEDAR_FAIL_MEMORY(err);
	rv_arena_init(&p->arena, PARTIAL_MAX);
	p->es = es;
	p->rq = *rq;
	p->open = open == CEDAR_PRINCIPAL ? WHO_PRINCIPAL
		: open == CEDAR_ACTION	  ? WHO_ACTION
					  : WHO_RESOURCE;
	if (!build(p, ps->rules)) {
		cedar_partial_free(p);
		return CEDAR_FAIL_MEMORY(err);
	}
	*ret = p;
	return CEDAR_OK;
}

void cedar_partial_free(cedar_partial *p)
{
	if (!p)
		return;
	cedar_index_free(p->rules.index);
	free(p->rules.list);
	rv_arena_done(&p->arena);
	free(p);
}

size_t cedar_partial_left(const cedar_partial *p)
{
	return p->rules.n;
}

/* ---- answers ---- */

static void answer(const cedar_partial *p, const cedar_uid *uid, cedar_scratch *s, bool is_quiet,
	cedar_answer *ret)
{
	struct env env = p->env;
	cedar_request rq = p->rq;
	const cedar_uid *own = place(&rq, p->open, uid);
	env.rq = &rq;
	env.arena = &s->arena;
	env.is_quiet = is_quiet;
	env.who[p->open] = cedar_env_look_up(&env, own);
	cedar_rules_answer(&p->rules, &env, ret);
}

void cedar_partial_answer(
	const cedar_partial *p, const cedar_uid *uid, cedar_scratch *s, cedar_answer *ret)
{
	answer(p, uid, s, false, ret);
}

cedar_code cedar_search(const cedar_partial *p, cedar_str type, size_t *at, const cedar_uid **ret,
	size_t max, size_t *ret_n, cedar_scratch *s, cedar_error *err)
{
	const size_t n = cedar_entities_count(p->es);
	size_t i = *at;
	*ret_n = 0;
	if (p->n_permits == 0)
		i = n;
	for (; i < n && *ret_n < max; i++) {
		const cedar_uid *uid = &cedar_entities_at(p->es, i)->uid;
		cedar_answer a;
		if (type.p && !str_eq(uid->type, type))
			continue;
		answer(p, uid, s, true, &a);
		if (a.is_incomplete)
			return CEDAR_FAIL_MEMORY(err);
		if (a.decision == CEDAR_ALLOW)
			ret[(*ret_n)++] = uid;
		cedar_scratch_clear(s);
	}
	*at = i;
	return CEDAR_OK;
}
