/* What the gate makes of Cedar's answer: as policy.c, on facts and policies that were kept. */
#include "gate/explain_int.h"

static bool is_observed(const struct explain *e, uint32_t policy)
{
	return e->notes[policy].is_observed;
}

static void add(struct explain *e, uint32_t policy)
{
	struct rv_verdict *v = &e->again;
	if (v->n_reasons < REASONS_MAX)
		v->reasons[v->n_reasons++] = (struct rv_reason){ .policy = e->notes[policy].id };
}

/* A fact of an entity of the facts; NULL: nothing. */
static const cedar_value *attribute(const struct explain *e, const cedar_uid *uid, const char *name)
{
	const cedar_entity *n = cedar_entities_find(e->entities, uid);
	return n && n->attrs.kind == CEDAR_RECORD
		? cedar_record_get(n->attrs.u.record, cedar_z(name))
		: NULL;
}

static bool is_out_of_bounds(const struct explain *e)
{
	const cedar_answer *a = &e->why.answer;
	const cedar_value *class_ = attribute(e, &e->rq.principal, "class");
	const cedar_value *known = attribute(e, &e->rq.resource, "known");
	if (known && known->kind == CEDAR_BOOL && known->u.boolean)
		return false;
	if (class_ && class_->kind == CEDAR_STRING &&
		rv_str_eqz(rv_str_n(class_->u.string.p, class_->u.string.n), "assistant"))
		return false;
	for (size_t i = 0; i < a->n_permits; i++)
		if (!is_observed(e, a->permits[i]) &&
			cedar_policy_names_resource(e->policies, a->permits[i], &e->rq.resource))
			return false;
	return true;
}

void explain_judge(struct explain *e)
{
	const cedar_answer *a = &e->why.answer;
	struct rv_verdict *v = &e->again;
	size_t n_permits = 0;
	bool is_waivable = true, has_forbid = false, errs = a->is_incomplete;
	*v = (struct rv_verdict){ .outcome = RV_DENY };
	for (size_t i = 0; i < a->n_errors; i++) {
		uint32_t p = a->errors[i].policy;
		if (!e->notes[p].is_forbid || is_observed(e, p))
			continue;
		errs = true;
		add(e, p);
	}
	if (errs)
		return;
	for (size_t i = 0; i < a->n_forbids; i++) {
		if (is_observed(e, a->forbids[i]))
			continue;
		has_forbid = true;
		is_waivable = is_waivable && e->notes[a->forbids[i]].n_groups > 0;
		add(e, a->forbids[i]);
	}
	for (size_t i = 0; i < a->n_permits; i++)
		n_permits += !is_observed(e, a->permits[i]);
	if (!is_waivable || n_permits == 0 || is_out_of_bounds(e))
		return;
	v->outcome = has_forbid ? RV_HOLD : RV_ALLOW;
	for (size_t i = 0; !has_forbid && i < a->n_permits; i++)
		if (!is_observed(e, a->permits[i]))
			add(e, a->permits[i]);
}
