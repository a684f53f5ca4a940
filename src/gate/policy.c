/* What the policies say: deny beats hold beats allow. A sub-agent may do what it and each of its
 * ancestors may: the same question is put for every one of them, and the strictest word stands. */
#include "gate/gate_int.h"

static struct rv_str str(cedar_str s)
{
	return rv_str_n(s.p, s.n);
}

static bool is_told(const struct rv_verdict *v, struct rv_str policy, struct rv_str code)
{
	for (size_t i = 0; i < v->n_reasons; i++)
		if (policy.n > 0 && rv_str_eq(v->reasons[i].policy, policy) &&
			rv_str_eq(v->reasons[i].code, code))
			return true;
	return false;
}

/* Each once: parent and child mostly meet the same policies. */
static void add_reason(
	struct rv_verdict *v, struct rv_str policy, struct rv_str text, const char *code)
{
	const struct rv_reason r = {
		.policy = policy, .text = text, .code = code ? rv_str_of(code) : RV_STR("")
	};
	if (v->n_reasons == REASONS_MAX || is_told(v, policy, r.code))
		return; /* the first ones tell enough */
	v->reasons[v->n_reasons++] = r;
}

/* What one person alone published in bootstrap and nobody confirmed in time gives nothing any more:
 * its permits are void, and its forbids can be neither waived nor only observed. */
static bool has_lapsed(const struct rv_voice *o, const struct rv_policy_note *n)
{
	return n->unseparated_until_ns > 0 && o->now_ns >= n->unseparated_until_ns;
}

static bool counts(const struct rv_voice *o, const struct rv_policy_note *n)
{
	return n->is_forbid ? !n->is_observed || has_lapsed(o, n)
			    : !n->is_observed && !has_lapsed(o, n);
}

static const struct rv_policy_note *note(const struct rv_voice *o, uint32_t policy)
{
	return o->note(o->note_arg, policy);
}

/* Plain Cedar skips a forbid that errs; here it might have been the one that mattered. */
static bool forbid_errs(struct rv_arena *arena, struct rv_verdict *v, const struct rv_voice *o)
{
	bool any = o->a.is_incomplete;
	for (size_t i = 0; i < o->a.n_errors; i++) {
		const struct rv_policy_note *n = note(o, o->a.errors[i].policy);
		if (!n->is_forbid || !counts(o, n))
			continue;
		any = true;
		add_reason(
			v, n->id, rv_arena_str(arena, str(o->a.errors[i].message)), "policy_error");
	}
	if (any && v->n_reasons == 0)
		add_reason(v, RV_STR(""), RV_STR("the policies need more memory than is allowed"),
			"policy_error");
	return any;
}

static void add_waive(struct rv_verdict *v, const struct rv_policy_note *n)
{
	for (size_t i = 0; i < v->n_waives; i++)
		if (rv_str_eq(v->waives[i].id, n->id))
			return;
	v->waives[v->n_waives++] = (struct rv_waive){ .id = n->id,
		.hash = n->hash,
		.text = n->reason,
		.groups = n->groups,
		.n_groups = n->n_groups,
		.quorum = n->quorum,
		.expires_ns = n->expires_ns,
		.owner_may = n->owner_may_approve };
}

/* Fills waives from the satisfied forbids; false when one of them cannot be waived. */
static bool gather_waives(struct rv_verdict *v, const struct rv_voice *o)
{
	bool all = true;
	for (size_t i = 0; i < o->a.n_forbids; i++) {
		const struct rv_policy_note *n = note(o, o->a.forbids[i]);
		if (!counts(o, n))
			continue;
		add_reason(v, n->id, n->reason, NULL);
		if (n->n_groups == 0 || has_lapsed(o, n) || v->n_waives == WAIVES_MAX)
			all = false;
		else
			add_waive(v, n);
	}
	return all;
}

static bool is_permitted(const struct rv_voice *o)
{
	for (size_t i = 0; i < o->a.n_permits; i++)
		if (counts(o, note(o, o->a.permits[i])))
			return true;
	return false;
}

/* SEMANTICS 3.2: an unknown resource is out of bounds for agents and workers unless a permit names
 * that very one. */
static bool is_out_of_bounds(const struct rv_voice *o)
{
	if (o->is_known || o->is_assistant)
		return false;
	for (size_t i = 0; i < o->a.n_permits; i++)
		if (counts(o, note(o, o->a.permits[i])) &&
			cedar_policy_names_resource(o->policies, o->a.permits[i], o->resource))
			return false;
	return true;
}

static void deny(struct rv_arena *arena, struct rv_verdict *v, const struct rv_voice *o,
	const char *code, const char *text)
{
	struct rv_str words = rv_str_of(text);
	if (o->parent.n > 0) {
		const char *whose =
			rv_arena_printf(arena, "%s (its parent '%.*s')", text, RV_FMT(o->parent));
		words = whose ? rv_str_of(whose) : words;
	}
	v->code = code;
	add_reason(v, RV_STR(""), words, code);
}

bool rv_gate_hear(struct rv_arena *arena, struct rv_verdict *v, const struct rv_voice *o)
{
	if (forbid_errs(arena, v, o)) {
		v->code = "policy_error";
		return false;
	}
	if (!gather_waives(v, o))
		return false;
	if (!is_permitted(o)) {
		deny(arena, v, o, "no_permit", "no policy permits this");
		return false;
	}
	if (is_out_of_bounds(o)) {
		deny(arena, v, o, "unknown_resource",
			"the resource is not in the catalogue, and no policy names it");
		return false;
	}
	return true;
}

bool rv_gate_shadow(struct rv_verdict *v, bool ok)
{
	if (ok && v->n_waives == 0)
		return true;
	for (size_t i = 0; i < v->n_reasons; i++)
		v->reasons[i].code = RV_STR("observed");
	add_reason(v, RV_STR(""),
		ok ? RV_STR("only observed: it would have been held")
		   : RV_STR("only observed: it would have been denied"),
		"observed");
	v->code = NULL;
	v->n_waives = 0;
	return true;
}

/* What would have been said by policies that are only looked on: logged, and nothing else. */
static void note_observed(struct rv_verdict *v, const struct rv_voice *o, uint32_t policy)
{
	const struct rv_policy_note *n = note(o, policy);
	if (n->is_observed && !counts(o, n))
		add_reason(v, n->id, n->reason, "observed");
}

void rv_gate_conclude(struct rv_verdict *v, const struct rv_voice *own, bool all_agree)
{
	const cedar_answer *a = &own->a;
	v->outcome = RV_DENY;
	if (!all_agree)
		v->n_waives = 0;
	else
		v->outcome = v->n_waives > 0 ? RV_HOLD : RV_ALLOW;
	for (size_t i = 0; v->outcome == RV_ALLOW && i < a->n_permits; i++) {
		const struct rv_policy_note *n = note(own, a->permits[i]);
		if (counts(own, n))
			add_reason(v, n->id, n->reason, NULL);
	}
	for (size_t i = 0; i < a->n_forbids; i++)
		note_observed(v, own, a->forbids[i]);
	for (size_t i = 0; i < a->n_permits; i++)
		note_observed(v, own, a->permits[i]);
	for (size_t i = 0; i < a->n_errors; i++)
		note_observed(v, own, a->errors[i].policy);
}

/* ---- from the snapshot ---- */

static const struct rv_policy_note *snap_note(const void *arg, uint32_t policy)
{
	return rv_snap_note(arg, policy);
}

static bool ask(struct rv_decision *d, cedar_scratch *s, const struct rv_snap_system *sys,
	struct rv_voice *o)
{
	*o = (struct rv_voice){ .note = snap_note,
		.note_arg = d->snap,
		.policies = rv_snap_policies(d->snap),
		.now_ns = d->now_ns,
		.resource = &d->rq.resource,
		.is_known = d->resource != NULL,
		.is_assistant = rv_str_eqz(sys->class_, "assistant"),
		.parent = sys == d->system ? RV_STR("") : sys->name };
	d->rq.principal = cedar_uid_of(cedar_z("Reeve::System"), rv_cs(sys->name));
	cedar_authorize(o->policies, rv_snap_entities(d->snap), &d->rq, s, &o->a);
	return rv_gate_hear(d->arena, &d->verdict, o);
}

void rv_gate_policy(struct rv_decision *d, cedar_scratch *s)
{
	const cedar_uid principal = d->rq.principal;
	struct rv_voice own, other;
	/* What lies behind the counts is never read, and it is large. */
	d->verdict.outcome = RV_DENY;
	d->verdict.code = NULL;
	d->verdict.n_reasons = d->verdict.n_waives = 0;
	bool ok = ask(d, s, d->system, &own);
	if (d->system->observe)
		ok = rv_gate_shadow(&d->verdict, ok);
	/* The chain ends: the caller was refused where it is broken or too long. */
	for (const struct rv_snap_system *p = d->system; ok && p->parent.n > 0;) {
		p = rv_snap_system(d->snap, p->parent);
		if (!p) {
			ok = false;
			break;
		}
		ok = ask(d, s, p, &other);
	}
	d->rq.principal = principal;
	rv_gate_conclude(&d->verdict, &own, ok);
}
