/* What the policies say: deny beats hold beats allow. */
#include "gate/gate_int.h"

static struct rv_str str(cedar_str s)
{
	return rv_str_n(s.p, s.n);
}

static void add_reason(
	struct rv_verdict *v, struct rv_str policy, struct rv_str text, const char *code)
{
	if (v->n_reasons == REASONS_MAX)
		return; /* the first ones tell enough */
	v->reasons[v->n_reasons++] = (struct rv_reason){
		.policy = policy, .text = text, .code = code ? rv_str_of(code) : RV_STR("")
	};
}

static bool counts(const struct rv_decision *d, uint32_t policy)
{
	return !rv_snap_note(d->snap, policy)->is_observed;
}

/* Plain Cedar skips a forbid that errs; here it might have been the one that mattered. */
static bool forbid_errs(struct rv_decision *d, const cedar_answer *a)
{
	bool any = a->is_incomplete;
	for (size_t i = 0; i < a->n_errors; i++) {
		const struct rv_policy_note *n = rv_snap_note(d->snap, a->errors[i].policy);
		if (!n->is_forbid || n->is_observed)
			continue;
		any = true;
		add_reason(&d->verdict, n->id, rv_arena_str(d->arena, str(a->errors[i].message)),
			"policy_error");
	}
	return any;
}

static struct rv_str text_of(const struct rv_policy_note *n)
{
	return n->reason;
}

/* Fills waives from the satisfied forbids; false when one of them cannot be waived. */
static bool gather_waives(struct rv_decision *d, const cedar_answer *a)
{
	struct rv_verdict *v = &d->verdict;
	bool all = true;
	for (size_t i = 0; i < a->n_forbids; i++) {
		const struct rv_policy_note *n = rv_snap_note(d->snap, a->forbids[i]);
		if (n->is_observed)
			continue;
		add_reason(v, n->id, text_of(n), NULL);
		if (n->n_groups == 0 || v->n_waives == WAIVES_MAX) {
			all = false;
			continue;
		}
		v->waives[v->n_waives++] = (struct rv_waive){ .id = n->id,
			.hash = n->hash,
			.text = text_of(n),
			.groups = n->groups,
			.n_groups = n->n_groups,
			.quorum = n->quorum,
			.expires_ns = n->expires_ns,
			.owner_may = n->owner_may_approve };
	}
	return all;
}

/* SEMANTICS 3.2: an unknown resource is out of bounds for agents and workers unless a permit names
 * that very one. */
static bool unknown_is_named(const struct rv_decision *d, const cedar_answer *a)
{
	for (size_t i = 0; i < a->n_permits; i++)
		if (counts(d, a->permits[i]) &&
			cedar_policy_names_resource(
				rv_snap_policies(d->snap), a->permits[i], &d->rq.resource))
			return true;
	return false;
}

void rv_gate_policy(struct rv_decision *d, cedar_scratch *s)
{
	struct rv_verdict *v = &d->verdict;
	cedar_answer a;
	*v = (struct rv_verdict){ .outcome = RV_DENY };
	cedar_authorize(rv_snap_policies(d->snap), rv_snap_entities(d->snap), &d->rq, s, &a);
	if (forbid_errs(d, &a)) {
		v->code = "policy_error";
		if (v->n_reasons == 0)
			add_reason(v, RV_STR(""),
				RV_STR("the policies need more memory than is allowed"),
				"policy_error");
		return;
	}
	bool waivable = gather_waives(d, &a);
	if (!waivable)
		return;
	size_t n_permits = 0;
	for (size_t i = 0; i < a.n_permits; i++)
		n_permits += counts(d, a.permits[i]);
	if (n_permits == 0) {
		v->code = "no_permit";
		v->n_waives = 0;
		add_reason(v, RV_STR(""), RV_STR("no policy permits this"), "no_permit");
		return;
	}
	if (!d->resource && !rv_str_eqz(d->system->class_, "assistant") &&
		!unknown_is_named(d, &a)) {
		v->code = "unknown_resource";
		v->n_waives = 0;
		add_reason(v, RV_STR(""),
			RV_STR("the resource is not in the catalogue, and no policy names it"),
			"unknown_resource");
		return;
	}
	if (v->n_waives > 0) {
		v->outcome = RV_HOLD;
		return;
	}
	v->outcome = RV_ALLOW;
	for (size_t i = 0; i < a.n_permits; i++)
		if (counts(d, a.permits[i])) {
			const struct rv_policy_note *n = rv_snap_note(d->snap, a.permits[i]);
			add_reason(v, n->id, text_of(n), NULL);
		}
}
