/* What a decision does to the state: meters looked at and reserved, an approval opened or consumed.
 * In the job of the decision, on top of what policy said. */
#include "gate/gate_int.h"

/* What decides stands first. */
static void add_first(struct rv_verdict *v, const struct rv_reason *r)
{
	size_t n = v->n_reasons < REASONS_MAX ? v->n_reasons : REASONS_MAX - 1;
	memmove(v->reasons + 1, v->reasons, n * sizeof *r);
	v->reasons[0] = *r;
	v->n_reasons = n + 1;
}

/* A denial on top of what policy said. */
static void deny_too(struct rv_decision *d, const char *code, struct rv_str text)
{
	const struct rv_reason reason = { .text = text, .code = rv_str_of(code) };
	d->verdict.outcome = RV_DENY;
	d->verdict.code = code;
	d->verdict.n_waives = 0;
	add_first(&d->verdict, &reason);
}

static struct rv_str limit_text(struct rv_decision *d, const struct rv_limit *l, int64_t used)
{
	char after[32], max[32];
	const char *text = rv_arena_printf(d->arena,
		"limit '%.*s': with this, %s of %s%s%.*s would be used (%.*s%.*s)", RV_FMT(l->name),
		rv_amount_format(used, 0, after), rv_amount_format(l->max, 0, max),
		l->currency.n > 0 ? " " : "", RV_FMT(l->currency),
		rv_str_eqz(l->per, "total") ? 0 : 4, "per ",
		l->unit == RV_UNIT_CONCURRENT ? 7 : (int)l->per.n,
		l->unit == RV_UNIT_CONCURRENT ? "at once" : l->per.p);
	return rv_str_of(text ? text : "limit exceeded");
}

/* Meters first: which of them would be passed, and whether that denies or holds. */
enum rv_code rv_gate_limits(
	struct rv_decision *d, struct rv_op *op, struct rv_reserve *items, struct rv_err *err)
{
	struct rv_reserved *states = d->states;
	struct rv_verdict *v = &d->verdict;
	for (size_t i = 0; i < d->n_limits; i++)
		items[i] = (struct rv_reserve){ .limit = d->limits[i], .amount = d->amounts[i] };
	if (d->n_limits == 0)
		return RV_OK;
	RV_TRY(rv_limit_look(op, items, d->n_limits, states, err));
	d->has_states = true;
	for (size_t i = 0; i < d->n_limits; i++) {
		if (!states[i].exceeds)
			continue;
		const struct rv_limit *l = d->limits[i];
		const struct rv_reason reason = { .policy = l->id,
			.text = limit_text(d, l, states[i].used),
			.code = RV_STR("limit_exceeded") };
		add_first(v, &reason);
		if (!l->holds || v->n_waives == WAIVES_MAX) {
			v->outcome = RV_DENY;
			v->code = "limit_exceeded";
			continue;
		}
		items[i].is_lifted = true;
		v->waives[v->n_waives++] = (struct rv_waive){ .id = l->id,
			.hash = l->hash,
			.text = reason.text,
			.groups = l->groups,
			.n_groups = l->n_groups,
			.quorum = l->quorum,
			.expires_ns = 3600 * RV_NS_PER_S };
		if (v->outcome == RV_ALLOW)
			v->outcome = RV_HOLD;
	}
	return RV_OK;
}

/* The words for an approval that was named but cannot be used. */
static const char *use_code(enum rv_use use)
{
	switch (use) {
	case RV_USE_DENIED:
		return "approval_denied";
	case RV_USE_EXPIRED:
		return "approval_expired";
	case RV_USE_USED:
		return "approval_used";
	case RV_USE_MISMATCH:
		return "approval_mismatch";
	case RV_USE_SUSPENDED:
		return "suspended";
	default:
		return NULL;
	}
}

static void refuse_use(struct rv_decision *d, enum rv_use use)
{
	const char *code = use_code(use);
	const char *text = "the approval cannot be used";
	if (use == RV_USE_MISMATCH)
		text = rv_arena_printf(d->arena,
			"approved was %.*s, asked is %.*s: not the same request",
			RV_FMT(d->hold.row.digest), RV_FMT(d->digest));
	deny_too(d, code, rv_str_of(text ? text : "the approval cannot be used"));
}

static enum rv_code open_hold(struct rv_decision *d, struct rv_op *op, struct rv_err *err)
{
	RV_AUTO_BUF args;
	rv_buf_init(&args, 512 << 10);
	struct rv_json_w w;
	rv_json_w_init(&w, &args);
	if (d->arguments)
		rv_json_w_value(&w, d->arguments);
	else
		rv_buf_addz(&args, "{}");
	RV_TRY(rv_buf_ok(&args, err));
	const struct rv_hold_request req = {
		.digest = d->digest,
		.system = d->system->name,
		.owner = d->system->owner,
		.on_behalf_of = d->on_behalf_of,
		.action = d->ask->action,
		.resource_type = d->catalogue_type,
		.resource_id = d->catalogue_id,
		.resource_digest = d->resource ? d->resource->digest : RV_STR(""),
		.policy_version = rv_snap_policy_version(d->snap),
		.profile_version = d->system->version,
		.args_json = rv_buf_str(&args),
		.waives = d->verdict.waives,
		.n_waives = d->verdict.n_waives,
		.decision_event = rv_str_of(d->event_id),
	};
	struct rv_err e = { 0 };
	enum rv_code code = rv_hold_open(op, &req, &d->hold, NULL, &e);
	if (code == RV_EBUSY) {
		const char *text = rv_arena_printf(d->arena, "%s", e.msg);
		deny_too(d, "too_many_waiting", rv_str_of(text ? text : "too much waits"));
		return RV_OK;
	}
	if (code != RV_OK)
		return RV_FAIL(err, code, "%s", e.msg);
	d->has_hold = true;
	return RV_OK;
}

/* More than one approval can carry is nothing people can decide. */
static bool fits_one_approval(const struct rv_verdict *v)
{
	int64_t places = 0;
	for (size_t i = 0; i < v->n_waives; i++) {
		if (v->waives[i].n_groups > RV_GROUPS_MAX)
			return false;
		places += v->waives[i].quorum;
	}
	return v->n_waives <= RV_WAIVES_MAX && places <= RV_PLACES_MAX;
}

/* A hold: is there an approval to consume? */
enum rv_code rv_gate_hold(struct rv_decision *d, struct rv_op *op, struct rv_err *err)
{
	enum rv_use use;
	const struct rv_verdict *v = &d->verdict;
	if (!fits_one_approval(v)) {
		deny_too(d, "too_many_waives",
			RV_STR("more would have to be waived than one approval can carry"));
		return RV_OK;
	}
	RV_TRY(rv_hold_find(op, d->extra.approval, d->system->name, d->digest, v->waives,
		v->n_waives, &use, &d->hold, err));
	if (use == RV_USE_OK) {
		RV_TRY(rv_hold_consume(
			op, d->hold.row.id, d->digest, v->waives, v->n_waives, &d->hold, err));
		d->has_hold = true;
		d->verdict.outcome = RV_ALLOW;
		return RV_OK;
	}
	/* One that was named must fit; without a name a new hold is opened for what is not there.
	 */
	bool fresh = d->extra.approval.n == 0 &&
		(use == RV_USE_EXPIRED || use == RV_USE_USED || use == RV_USE_MISMATCH);
	if (use_code(use) && !fresh) {
		d->has_hold = use != RV_USE_NONE;
		refuse_use(d, use);
		return RV_OK;
	}
	if (use == RV_USE_NONE && d->extra.approval.n > 0)
		return RV_FAIL(err, RV_ENOENT, "no approval '%.*s' of this system",
			RV_FMT(d->extra.approval));
	return open_hold(d, op, err);
}

enum rv_code rv_gate_reserve(
	struct rv_decision *d, struct rv_op *op, const struct rv_reserve *items, struct rv_err *err)
{
	bool ok = true;
	if (d->verdict.outcome != RV_ALLOW || d->n_limits == 0)
		return RV_OK;
	/* The intent is what is settled later; advice without one reserves under the decision's id.
	 */
	struct rv_str id = rv_str_of(d->intent_id[0] ? d->intent_id : d->event_id);
	RV_TRY(rv_limit_reserve(op, id, d->system->name, d->point ? d->point->name : RV_STR(""),
		items, d->n_limits, d->states, &ok, err));
	return ok ? RV_OK
		  : RV_FAIL(err, RV_EINTERNAL, "a limit changed inside its own transaction");
}
