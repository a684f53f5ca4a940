/* Who asks for whom, whether it may, and what of the request is Reeve's own. */
#include "gate/gate_int.h"

void rv_gate_refuse(struct rv_decision *d, const char *code, const char *text)
{
	d->verdict = (struct rv_verdict){ .outcome = RV_DENY, .code = code, .n_reasons = 1 };
	d->verdict.reasons[0] =
		(struct rv_reason){ .text = rv_str_of(text), .code = rv_str_of(code) };
}

/* ---- context.reeve ---- */

static enum rv_code read_extra(struct rv_decision *d, const struct rv_json *v, struct rv_err *err)
{
	struct rv_json_obj o;
	int64_t wait = 0;
	RV_TRY(rv_json_obj_open(&o, v, "context.reeve", err));
	RV_TRY(rv_json_opt_bool(&o, "act", &d->extra.act, err));
	RV_TRY(rv_json_opt_bool(&o, "question", &d->extra.question, err));
	RV_TRY(rv_json_opt_str(&o, "approval", &d->extra.approval, err));
	RV_TRY(rv_json_opt_i64(&o, "wait", 0, 60, &wait, err));
	RV_TRY(rv_json_opt(&o, "limits", RV_JSON_OBJ, &d->extra.limits, err));
	RV_TRY(rv_json_obj_close(&o, err));
	if (d->extra.question && (d->extra.act || d->extra.approval.n > 0))
		return RV_FAIL(err, RV_EINVAL,
			"context.reeve.question: a question is no act and uses no approval");
	return RV_OK;
}

/* What of the request does not depend on the snapshot. */
enum rv_code rv_gate_read(struct rv_decision *d, struct rv_err *err)
{
	const struct rv_json *c = d->ask->context;
	d->amount = -1;
	const struct rv_json *extra = rv_json_get(c, "reeve");
	if (extra)
		RV_TRY(read_extra(d, extra, err));
	if (d->extra.act && d->ask->caller.type != RV_ACTOR_POINT)
		return RV_FAIL(err, RV_EINVAL,
			"context.reeve.act: only an enforcement point acts; a system asks for "
			"advice");
	const struct rv_json *args = rv_json_get(c, "arguments");
	if (args && args->type != RV_JSON_OBJ)
		return RV_FAIL(err, RV_EINVAL, "context.arguments: must be an object, not %s",
			rv_json_type_name(args->type));
	d->arguments = args;
	const struct rv_json *amount = rv_json_get(c, "amount");
	if (amount && (amount->type != RV_JSON_STR || !rv_amount_parse(amount->str, &d->amount)))
		return RV_FAIL(err, RV_EINVAL,
			"context.amount: must be a decimal in a string such as \"12.50\"");
	return RV_OK;
}

/* ---- who ---- */

static enum rv_code caller_is_system(struct rv_decision *d)
{
	if (!rv_str_eq(d->ask->caller.id, d->ask->subject_id))
		rv_gate_refuse(d, "not_for_this_point",
			"a system asks for itself; this credential belongs to another one");
	return RV_OK;
}

static void caller_is_point(struct rv_decision *d)
{
	const struct rv_gate_ask *q = d->ask;
	d->point = rv_snap_point(d->snap, q->caller.id);
	if (!d->point) {
		rv_gate_refuse(d, "not_for_this_point", "this enforcement point is not registered");
		return;
	}
	if (!d->system) {
		rv_gate_refuse(d, "unregistered", "no such AI system in the registry");
		return;
	}
	if (!rv_snap_point_may_ask(d->point, q->subject_id)) {
		rv_gate_refuse(d, "not_for_this_point",
			"this enforcement point is not registered for this system");
		return;
	}
	if (d->extra.act && !rv_str_eqz(d->point->trust, "enforce")) {
		rv_gate_refuse(d, "not_for_this_point",
			"this enforcement point is not trusted to enforce: it does not act");
		return;
	}
	if (q->subject_token.n == 0) {
		if (d->point->needs_subject_token)
			rv_gate_refuse(d, "no_credential",
				"the process that asked showed no credential of its own");
		return;
	}
	const struct rv_snap_credential *cred = rv_snap_token(d->snap, q->subject_token, d->now_ns);
	if (!cred || cred->kind != RV_CRED_SYSTEM || !rv_str_eq(cred->subject, q->subject_id))
		rv_gate_refuse(d, "no_credential",
			"the credential of the process that asked is not this system's, expired or "
			"revoked");
}

enum rv_evidence rv_gate_evidence(const struct rv_snap_point *point)
{
	if (point && rv_str_eqz(point->trust, "enforce"))
		return RV_ENFORCED;
	return point && rv_str_eqz(point->trust, "observe") ? RV_OBSERVED : RV_CLAIMED;
}

enum rv_code rv_gate_caller(struct rv_decision *d, struct rv_err *err)
{
	const struct rv_gate_ask *q = d->ask;
	d->verdict.outcome = RV_OUTCOME_UNSET;
	if (!rv_str_eqz(q->subject_type, "System") && !rv_str_eqz(q->subject_type, "Reeve::System"))
		return RV_FAIL(err, RV_EINVAL,
			"subject.type: must be 'System' (or 'Reeve::System'), not '%.*s'",
			RV_FMT(q->subject_type));
	d->system = rv_snap_system(d->snap, q->subject_id);
	if (q->caller.type == RV_ACTOR_SYSTEM)
		RV_TRY(caller_is_system(d));
	else if (q->caller.type == RV_ACTOR_POINT)
		caller_is_point(d);
	else
		return RV_FAIL(
			err, RV_EPERM, "only systems and enforcement points ask for decisions");
	if (d->verdict.outcome != RV_OUTCOME_UNSET)
		return RV_OK;
	const char *why =
		d->system ? rv_snap_refusal(d->snap, d->system, d->now_ns) : "unregistered";
	if (why)
		rv_gate_refuse(d, why, "this AI system may not act now");
	return RV_OK;
}
