/* A decision made again on facts and policies that were kept, or that somebody thinks of: the same
 * reading as in policy.c. */
#include "gate/judge.h"

enum { CHAIN_MAX = 9 };

static const struct rv_policy_note *kept_note(const void *arg, uint32_t policy)
{
	const struct rv_policy_note *notes = arg;
	return &notes[policy];
}

/* A fact of an entity of the facts; NULL: nothing. */
static const cedar_value *attribute(
	const cedar_entities *entities, const cedar_uid *uid, const char *name)
{
	const cedar_entity *n = cedar_entities_find(entities, uid);
	return n && n->attrs.kind == CEDAR_RECORD
		? cedar_record_get(n->attrs.u.record, cedar_z(name))
		: NULL;
}

static bool is_assistant(const struct rv_judge *j, const cedar_uid *system)
{
	const cedar_value *v = attribute(j->entities, system, "class");
	return v && v->kind == CEDAR_STRING &&
		rv_str_eqz(rv_str_n(v->u.string.p, v->u.string.n), "assistant");
}

static bool is_known(const struct rv_judge *j)
{
	const cedar_value *v = attribute(j->entities, &j->rq->resource, "known");
	return v && v->kind == CEDAR_BOOL && v->u.boolean;
}

static struct rv_voice voice_of(const struct rv_judge *j, const cedar_uid *system)
{
	return (struct rv_voice){ .note = kept_note,
		.note_arg = j->notes,
		.policies = j->policies,
		.resource = &j->rq->resource,
		.is_known = is_known(j),
		.is_assistant = is_assistant(j, system) };
}

/* The system it is a sub-agent of; NULL: of none. */
static const cedar_uid *parent_of(const struct rv_judge *j, const cedar_uid *system)
{
	const cedar_entity *n = cedar_entities_find(j->entities, system);
	for (size_t i = 0; n && i < n->n_parents; i++)
		if (rv_str_eqz(
			    rv_str_n(n->parents[i].type.p, n->parents[i].type.n), "Reeve::System"))
			return &n->parents[i];
	return NULL;
}

void rv_gate_judge(struct rv_arena *arena, const struct rv_judge *j, const cedar_answer *own,
	struct rv_verdict *v)
{
	struct rv_voice self = voice_of(j, &j->rq->principal);
	const cedar_uid *p = &j->rq->principal;
	if (own)
		self.a = *own;
	else
		cedar_authorize(j->policies, j->entities, j->rq, j->scratch, &self.a);
	/* What lies behind the counts is never read, and it is large. */
	v->outcome = RV_DENY;
	v->code = NULL;
	v->n_reasons = v->n_waives = 0;
	bool ok = rv_gate_hear(arena, v, &self);
	if (j->is_shadow)
		ok = rv_gate_shadow(v, ok);
	for (int depth = 0; ok && depth < CHAIN_MAX && (p = parent_of(j, p)); depth++) {
		struct rv_voice parent = voice_of(j, p);
		cedar_request rq = *j->rq;
		rq.principal = *p;
		parent.parent = rv_str_n(p->id.p, p->id.n);
		cedar_authorize(j->policies, j->entities, &rq, j->scratch, &parent.a);
		ok = rv_gate_hear(arena, v, &parent);
	}
	rv_gate_conclude(v, &self, ok);
}
