/* What the gate makes of Cedar's answers, on facts and policies that were kept: the same reading as
 * in policy.c. */
#include "gate/explain_int.h"

enum { CHAIN_MAX = 9 };

static const struct rv_policy_note *kept_note(const void *arg, uint32_t policy)
{
	const struct explain *e = arg;
	return &e->notes[policy];
}

/* A fact of an entity of the facts; NULL: nothing. */
static const cedar_value *attribute(const struct explain *e, const cedar_uid *uid, const char *name)
{
	const cedar_entity *n = cedar_entities_find(e->entities, uid);
	return n && n->attrs.kind == CEDAR_RECORD
		? cedar_record_get(n->attrs.u.record, cedar_z(name))
		: NULL;
}

static bool is_assistant(const struct explain *e, const cedar_uid *system)
{
	const cedar_value *v = attribute(e, system, "class");
	return v && v->kind == CEDAR_STRING &&
		rv_str_eqz(rv_str_n(v->u.string.p, v->u.string.n), "assistant");
}

static bool is_known(const struct explain *e)
{
	const cedar_value *v = attribute(e, &e->rq.resource, "known");
	return v && v->kind == CEDAR_BOOL && v->u.boolean;
}

static struct rv_voice voice_of(const struct explain *e, const cedar_uid *system)
{
	return (struct rv_voice){ .note = kept_note,
		.note_arg = e,
		.policies = e->policies,
		.resource = &e->rq.resource,
		.is_known = is_known(e),
		.is_assistant = is_assistant(e, system) };
}

/* The system it is a sub-agent of; NULL: of none. */
static const cedar_uid *parent_of(const struct explain *e, const cedar_uid *system)
{
	const cedar_entity *n = cedar_entities_find(e->entities, system);
	for (size_t i = 0; n && i < n->n_parents; i++)
		if (rv_str_eqz(
			    rv_str_n(n->parents[i].type.p, n->parents[i].type.n), "Reeve::System"))
			return &n->parents[i];
	return NULL;
}

void explain_judge(struct explain *e)
{
	struct rv_verdict *v = &e->again;
	struct rv_voice own = voice_of(e, &e->rq.principal);
	const cedar_uid *p = &e->rq.principal;
	own.a = e->why.answer;
	*v = (struct rv_verdict){ .outcome = RV_DENY };
	bool ok = rv_gate_hear(e->op->arena, v, &own);
	for (int depth = 0; ok && depth < CHAIN_MAX && (p = parent_of(e, p)); depth++) {
		struct rv_voice parent = voice_of(e, p);
		cedar_request rq = e->rq;
		rq.principal = *p;
		parent.parent = rv_str_n(p->id.p, p->id.n);
		cedar_authorize(e->policies, e->entities, &rq, e->scratch, &parent.a);
		ok = rv_gate_hear(e->op->arena, v, &parent);
	}
	rv_gate_conclude(v, &own, ok);
}
