/* Why a request was answered as it was: for each policy whose scope fits, every condition and what
 * its parts came to. Evaluates each part anew, as often as it is asked about: this is for people,
 * not for the path of a decision. */
#include <stdio.h>

#include "cedar/explain.h"

enum { FINDINGS_MAX = 200 }; /* of one clause */

bool cedar_why_eval(struct why *w, const struct expr *e, cedar_value *ret)
{
	return cedar_eval(&w->env, e, ret);
}

/* Offsets of expressions count from the source's beginning, where the policy's own text is known to
 * lie. */
static cedar_span span_of(const struct policy *p, const struct expr *e)
{
	const cedar_policy_info *info = &p->info;
	size_t at = e->offset - info->offset;
	if (e->length == 0 || e->offset < info->offset || at > info->text.n ||
		e->length > info->text.n - at)
		return (cedar_span){ .length = 0 };
	cedar_span s = { .offset = e->offset,
		.length = e->length,
		.line = info->line,
		.column = info->column,
		.text = { info->text.p + at, e->length } };
	for (size_t i = 0; i < at; i++) {
		s.column++;
		if (info->text.p[i] == '\n') {
			s.line++;
			s.column = 1;
		}
	}
	return s;
}

struct findings {
	struct why *w;
	const struct policy *p;
	size_t n;
	cedar_finding list[FINDINGS_MAX];
};

static void find_parts(struct findings *f, const struct expr *e, unsigned depth);

static void find_list(struct findings *f, const struct expr *e, unsigned depth)
{
	for (uint32_t i = 0; i < e->n; i++)
		find_parts(f, e->items[i], depth);
}

/* The parts that were reached; an attribute's own root says nothing that its value does not. */
static void find_below(struct findings *f, const struct expr *e, unsigned depth)
{
	cedar_value v;
	switch ((enum op)e->op) {
	case OP_AND:
	case OP_OR:
	case OP_IF:
		find_parts(f, e->a, depth);
		if (!cedar_why_eval(f->w, e->a, &v) || v.kind != CEDAR_BOOL)
			return;
		if (e->op == OP_IF)
			find_parts(f, v.u.boolean ? e->b : e->c, depth);
		else if (v.u.boolean == (e->op == OP_AND))
			find_parts(f, e->b, depth);
		return;
	case OP_SET:
	case OP_RECORD:
	case OP_CALL:
		find_list(f, e, depth);
		return;
	case OP_ATTR:
		if (!cedar_why_eval(f->w, e, &v))
			find_parts(f, e->a, depth);
		return;
	case OP_LIT:
		return;
	default:
		if (e->a)
			find_parts(f, e->a, depth);
		if (e->b)
			find_parts(f, e->b, depth);
	}
}

static void find_parts(struct findings *f, const struct expr *e, unsigned depth)
{
	if (e->op == OP_LIT || f->n == FINDINGS_MAX)
		return;
	cedar_finding *at = &f->list[f->n++];
	*at = (cedar_finding){ .at = span_of(f->p, e), .depth = depth };
	if (!cedar_why_eval(f->w, e, &at->value))
		at->value = (cedar_value){ 0 };
	find_below(f, e, depth + 1);
}

static bool explain_clause(
	struct why *w, const struct policy *p, const struct condition *c, cedar_clause *ret)
{
	cedar_value v;
	struct findings f;
	f.w = w;
	f.p = p;
	f.n = 0;
	*ret = (cedar_clause){ .at = span_of(p, c->expr), .is_unless = c->is_unless };
	find_parts(&f, c->expr, 0);
	cedar_finding *kept = rv_arena_raw(w->env.arena, f.n * sizeof *kept);
	if (!kept)
		return false;
	memcpy(kept, f.list, f.n * sizeof *kept);
	ret->findings = kept;
	ret->n_findings = f.n;
	bool ok = cedar_why_eval(w, c->expr, &v);
	if (ok && v.kind != CEDAR_BOOL)
		ok = cedar_env_fail(&w->env, "type error: expected bool, got %z",
			cedar_kind_name(v.kind), NULL);
	ret->outcome = !ok		      ? CEDAR_FAILED
		: v.u.boolean != c->is_unless ? CEDAR_IS_TRUE
					      : CEDAR_IS_FALSE;
	if (!ok)
		ret->message = w->env.failure;
	return !w->env.is_out_of_memory;
}

static bool explain_policy(struct why *w, uint32_t at, cedar_policy_trace *ret)
{
	const struct policy *p = &w->ps->list[at];
	cedar_clause *clauses = rv_arena_array(w->env.arena, p->n_conditions, sizeof *clauses);
	*ret = (cedar_policy_trace){ at, CEDAR_IS_TRUE, clauses, p->n_conditions };
	if (!clauses)
		return false;
	for (size_t i = 0; i < p->n_conditions; i++) {
		if (ret->outcome != CEDAR_IS_TRUE) {
			clauses[i] = (cedar_clause){ .at = span_of(p, p->conditions[i].expr),
				.is_unless = p->conditions[i].is_unless,
				.outcome = CEDAR_NOT_REACHED };
			continue;
		}
		if (!explain_clause(w, p, &p->conditions[i], &clauses[i]))
			return false;
		ret->outcome = clauses[i].outcome;
	}
	return true;
}

static bool explain_all(struct why *w, cedar_explanation *ret)
{
	size_t n = 0;
	for (size_t i = 0; i < w->ps->n; i++)
		n += cedar_scope_fits(&w->env, &w->ps->list[i]);
	cedar_policy_trace *list = rv_arena_array(w->env.arena, n, sizeof *list);
	if (!list)
		return false;
	ret->policies = list;
	for (size_t i = 0; i < w->ps->n; i++)
		if (cedar_scope_fits(&w->env, &w->ps->list[i]) &&
			!explain_policy(w, (uint32_t)i, &list[ret->n_policies++]))
			return false;
	return true;
}

cedar_code cedar_explain(const cedar_policies *ps, const cedar_entities *es,
	const cedar_request *rq, cedar_scratch *s, cedar_explanation *ret, cedar_error *err)
{
	struct why w = { .ps = ps, .scratch = s };
	cedar_env_init(&w.env, es, rq, &s->arena);
	*ret = (cedar_explanation){ .n_policies = 0 };
	cedar_authorize(ps, es, rq, s, &ret->answer);
	if (ret->answer.is_incomplete || !explain_all(&w, ret) ||
		!cedar_flips_find(&w, &ret->answer, &ret->flips, &ret->n_flips))
		return CEDAR_FAIL_MEMORY(err);
	return CEDAR_OK;
}
