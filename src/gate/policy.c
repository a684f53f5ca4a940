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
static bool has_lapsed(const struct rv_decision *d, const struct rv_policy_note *n)
{
	return n->unseparated_until_ns > 0 && d->now_ns >= n->unseparated_until_ns;
}

static bool counts(const struct rv_decision *d, const struct rv_policy_note *n)
{
	return n->is_forbid ? !n->is_observed || has_lapsed(d, n)
			    : !n->is_observed && !has_lapsed(d, n);
}

/* One principal's part of the verdict. */
struct voice {
	const struct rv_snap_system *system;
	cedar_answer a;
};

/* Plain Cedar skips a forbid that errs; here it might have been the one that mattered. */
static bool forbid_errs(struct rv_decision *d, const struct voice *o)
{
	bool any = o->a.is_incomplete;
	for (size_t i = 0; i < o->a.n_errors; i++) {
		const struct rv_policy_note *n = rv_snap_note(d->snap, o->a.errors[i].policy);
		if (!n->is_forbid || !counts(d, n))
			continue;
		any = true;
		add_reason(&d->verdict, n->id, rv_arena_str(d->arena, str(o->a.errors[i].message)),
			"policy_error");
	}
	if (any && d->verdict.n_reasons == 0)
		add_reason(&d->verdict, RV_STR(""),
			RV_STR("the policies need more memory than is allowed"), "policy_error");
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
static bool gather_waives(struct rv_decision *d, const struct voice *o)
{
	struct rv_verdict *v = &d->verdict;
	bool all = true;
	for (size_t i = 0; i < o->a.n_forbids; i++) {
		const struct rv_policy_note *n = rv_snap_note(d->snap, o->a.forbids[i]);
		if (!counts(d, n))
			continue;
		add_reason(v, n->id, n->reason, NULL);
		if (n->n_groups == 0 || has_lapsed(d, n) || v->n_waives == WAIVES_MAX)
			all = false;
		else
			add_waive(v, n);
	}
	return all;
}

static size_t permits(const struct rv_decision *d, const struct voice *o)
{
	size_t n = 0;
	for (size_t i = 0; i < o->a.n_permits; i++)
		n += counts(d, rv_snap_note(d->snap, o->a.permits[i]));
	return n;
}

/* SEMANTICS 3.2: an unknown resource is out of bounds for agents and workers unless a permit names
 * that very one. */
static bool is_out_of_bounds(const struct rv_decision *d, const struct voice *o)
{
	if (d->resource || rv_str_eqz(o->system->class_, "assistant"))
		return false;
	for (size_t i = 0; i < o->a.n_permits; i++)
		if (counts(d, rv_snap_note(d->snap, o->a.permits[i])) &&
			cedar_policy_names_resource(
				rv_snap_policies(d->snap), o->a.permits[i], &d->rq.resource))
			return false;
	return true;
}

static void deny(struct rv_decision *d, const struct voice *o, const char *code, const char *text)
{
	struct rv_str words = rv_str_of(text);
	if (o->system != d->system) {
		const char *whose = rv_arena_printf(
			d->arena, "%s (its parent '%.*s')", text, RV_FMT(o->system->name));
		words = whose ? rv_str_of(whose) : words;
	}
	d->verdict.code = code;
	add_reason(&d->verdict, RV_STR(""), words, code);
}

/* False: denied. */
static bool hear(struct rv_decision *d, const struct voice *o)
{
	if (forbid_errs(d, o)) {
		d->verdict.code = "policy_error";
		return false;
	}
	if (!gather_waives(d, o))
		return false;
	if (permits(d, o) == 0) {
		deny(d, o, "no_permit", "no policy permits this");
		return false;
	}
	if (is_out_of_bounds(d, o)) {
		deny(d, o, "unknown_resource",
			"the resource is not in the catalogue, and no policy names it");
		return false;
	}
	return true;
}

/* What would have been said by policies that are only looked on: logged, and nothing else. */
static void note_observed(struct rv_decision *d, const struct voice *o)
{
	for (size_t i = 0; i < o->a.n_forbids + o->a.n_permits + o->a.n_errors; i++) {
		size_t k = i;
		bool is_forbid = k < o->a.n_forbids;
		k -= is_forbid ? 0 : o->a.n_forbids;
		bool is_permit = !is_forbid && k < o->a.n_permits;
		k -= is_forbid || is_permit ? 0 : o->a.n_permits;
		const struct rv_policy_note *n = rv_snap_note(d->snap,
			is_forbid	    ? o->a.forbids[k]
				: is_permit ? o->a.permits[k]
					    : o->a.errors[k].policy);
		if (n->is_observed && !counts(d, n))
			add_reason(&d->verdict, n->id, n->reason, "observed");
	}
}

static void add_permits(struct rv_decision *d, const struct voice *o)
{
	for (size_t i = 0; i < o->a.n_permits; i++) {
		const struct rv_policy_note *n = rv_snap_note(d->snap, o->a.permits[i]);
		if (counts(d, n))
			add_reason(&d->verdict, n->id, n->reason, NULL);
	}
}

void rv_gate_policy(struct rv_decision *d, cedar_scratch *s)
{
	struct rv_verdict *v = &d->verdict;
	const cedar_uid own = d->rq.principal;
	struct voice first = { .system = d->system };
	bool ok = true;
	*v = (struct rv_verdict){ .outcome = RV_DENY };
	cedar_authorize(rv_snap_policies(d->snap), rv_snap_entities(d->snap), &d->rq, s, &first.a);
	ok = hear(d, &first);
	/* The chain ends: the caller was refused where it is broken or too long. */
	for (const struct rv_snap_system *p = d->system; ok && p->parent.n > 0;) {
		p = rv_snap_system(d->snap, p->parent);
		if (!p) {
			ok = false;
			break;
		}
		struct voice parent = { .system = p };
		d->rq.principal = cedar_uid_of(cedar_z("Reeve::System"), rv_cs(p->name));
		cedar_authorize(
			rv_snap_policies(d->snap), rv_snap_entities(d->snap), &d->rq, s, &parent.a);
		ok = hear(d, &parent);
	}
	d->rq.principal = own;
	if (!ok)
		v->n_waives = 0;
	else
		v->outcome = v->n_waives > 0 ? RV_HOLD : RV_ALLOW;
	if (v->outcome == RV_ALLOW)
		add_permits(d, &first);
	note_observed(d, &first);
}
