/* The life of AI systems (SEMANTICS 2): draft, submitted, approved, active, suspended, offboarding,
 * retired. */
#include <stdio.h>

#include "governance/system_int.h"

static enum rv_code need_state(const struct rv_db_system *s, const char *a, const char *b,
	const char *c, const char *verb, struct rv_err *err)
{
	if (rv_sys_is(s, a) || (b && rv_sys_is(s, b)) || (c && rv_sys_is(s, c)))
		return RV_OK;
	return RV_FAIL(err, RV_ECONFLICT, "'%.*s' is %.*s: it cannot be %s", RV_FMT(s->name),
		RV_FMT(s->state), verb);
}

enum rv_code rv_system_submit(struct rv_op *op, struct rv_str name, struct rv_err *err)
{
	struct rv_db_system s;
	struct rv_db_system_version v;
	RV_TRY(rv_system_get(op, name, &s, NULL, err));
	if (!rv_is_person(op, s.owner) && !rv_is_person(op, s.created_by))
		RV_TRY(rv_need(op, RV_RIGHT_GOVERNOR, err));
	RV_TRY(need_state(&s, "draft", NULL, NULL, "submitted", err));
	RV_TRY(rv_sys_version(op, &s, s.pending, &v, err));
	v.state = RV_STR("submitted");
	v.submitted_by = s.submitted_by = op->actor.id;
	v.submitted_ns = s.submitted_ns = op->now_ns;
	RV_TRY(rv_db_system_version_update(op->txn, &v, err));
	s.state = RV_STR("submitted");
	RV_TRY(rv_sys_save(op, &s, err));
	return rv_sys_event(op, RV_EV_LIFECYCLE_SUBMITTED, &s, s.pending, RV_STR(""), false, err);
}

/* A version waits for a decision. What was rejected, or is on its way out, is decided. */
static bool waits(const struct rv_db_system *s)
{
	return s->pending > 0 && !rv_sys_is(s, "draft") && !rv_sys_is(s, "rejected") &&
		!rv_sys_is(s, "offboarding") && !rv_sys_is(s, "retired");
}

enum rv_code rv_system_withdraw(struct rv_op *op, struct rv_str name, struct rv_err *err)
{
	struct rv_db_system s;
	struct rv_db_system_version v;
	RV_TRY(rv_system_get(op, name, &s, NULL, err));
	if (!waits(&s))
		return RV_FAIL(err, RV_ECONFLICT, "nothing of '%.*s' waits", RV_FMT(name));
	int64_t version = s.pending;
	RV_TRY(rv_sys_version(op, &s, version, &v, err));
	if (!rv_is_person(op, v.submitted_by))
		RV_TRY(rv_need(op, RV_RIGHT_GOVERNOR, err));
	bool is_first = rv_sys_is(&s, "submitted");
	v.state = is_first ? RV_STR("draft") : RV_STR("superseded");
	RV_TRY(rv_db_system_version_update(op->txn, &v, err));
	if (is_first)
		s.state = RV_STR("draft");
	else
		s.pending = 0;
	RV_TRY(rv_sys_save(op, &s, err));
	return rv_sys_event(op, RV_EV_LIFECYCLE_WITHDRAWN, &s, version, RV_STR(""), false, err);
}

/* Two people: not the owner, not who wrote or submitted it; alone only in bootstrap, and then it
 * shows. */
static enum rv_code separated(struct rv_op *op, const struct rv_db_system *s,
	const struct rv_db_system_version *v, const struct rv_json *spec, bool *ret_unseparated,
	struct rv_err *err)
{
	struct rv_bootstrap boot;
	const char *why = NULL;
	RV_TRY(rv_need(op, RV_RIGHT_GOVERNOR, err));
	if (rv_is_person(op, rv_spec_str(spec, "owner")) || rv_is_person(op, s->owner))
		why = "its owner";
	else if (rv_is_person(op, v->author))
		why = "who wrote it";
	else if (rv_is_person(op, v->submitted_by))
		why = "who submitted it";
	*ret_unseparated = why != NULL;
	if (!why)
		return RV_OK;
	RV_TRY(rv_bootstrap_state(op, &boot, err));
	if (boot.may_self_approve)
		return RV_OK;
	return RV_FAIL(err, RV_EPERM, "you are %s: another governor approves '%.*s'", why,
		RV_FMT(s->name));
}

static enum rv_code pending_version(struct rv_op *op, struct rv_db_system *s, int64_t version,
	struct rv_db_system_version *ret, struct rv_err *err)
{
	if (!waits(s))
		return RV_FAIL(
			err, RV_ECONFLICT, "nothing of '%.*s' waits for approval", RV_FMT(s->name));
	if (version > 0 && version != s->pending)
		return RV_FAIL(err, RV_ECONFLICT, "version %lld waits, not %lld: look again",
			(long long)s->pending, (long long)version);
	return rv_sys_version(op, s, s->pending, ret, err);
}

/* An approval by one person alone, looked at again by another: the stamp goes. */
static enum rv_code confirm(
	struct rv_op *op, struct rv_db_system *s, struct rv_str note, struct rv_err *err)
{
	struct rv_db_system_version v;
	const struct rv_json *spec;
	bool unseparated;
	RV_TRY(rv_sys_version(op, s, s->version, &v, err));
	RV_TRY(rv_op_json(op, v.body, &spec, err));
	RV_TRY(separated(op, s, &v, spec, &unseparated, err));
	if (unseparated || rv_is_person(op, s->approved_by))
		return RV_FAIL(err, RV_EPERM,
			"'%.*s' was approved by one person alone: another "
			"governor confirms it",
			RV_FMT(s->name));
	v.decided_by = s->approved_by = op->actor.id;
	v.decided_ns = s->approved_ns = op->now_ns;
	s->unseparated_until_ns = 0;
	RV_TRY(rv_db_system_version_update(op->txn, &v, err));
	RV_TRY(rv_sys_save(op, s, err));
	return rv_sys_event(op, RV_EV_LIFECYCLE_APPROVED, s, s->version, note, false, err);
}

enum rv_code rv_system_approve(struct rv_op *op, struct rv_str name, int64_t version,
	struct rv_str note, struct rv_err *err)
{
	struct rv_db_system s;
	struct rv_db_system_version v, old;
	const struct rv_json *spec;
	bool unseparated;
	RV_TRY(rv_system_get(op, name, &s, NULL, err));
	if (s.pending == 0 && s.unseparated_until_ns > 0 && !rv_sys_is(&s, "retired") &&
		!rv_sys_is(&s, "offboarding"))
		return confirm(op, &s, note, err);
	RV_TRY(pending_version(op, &s, version, &v, err));
	RV_TRY(rv_op_json(op, v.body, &spec, err));
	RV_TRY(separated(op, &s, &v, spec, &unseparated, err));
	if (s.version > 0) {
		RV_TRY(rv_sys_version(op, &s, s.version, &old, err));
		old.state = RV_STR("superseded");
		RV_TRY(rv_db_system_version_update(op->txn, &old, err));
	}
	v.state = RV_STR("approved");
	v.decided_by = op->actor.id;
	v.decided_ns = op->now_ns;
	v.reason = note;
	RV_TRY(rv_db_system_version_update(op->txn, &v, err));
	if (rv_sys_is(&s, "submitted"))
		s.state = RV_STR("approved");
	s.version = v.version;
	s.pending = 0;
	s.approved_by = op->actor.id;
	s.approved_ns = op->now_ns;
	s.unseparated_until_ns = unseparated ? op->now_ns + RV_UNSEPARATED_NS : 0;
	RV_TRY(rv_system_limits_sync(op, name, spec, err));
	RV_TRY(rv_sys_mirror(op, &s, spec, err));
	RV_TRY(rv_sys_save(op, &s, err));
	return rv_sys_event(op, RV_EV_LIFECYCLE_APPROVED, &s, v.version, note, unseparated, err);
}

enum rv_code rv_system_reject(struct rv_op *op, struct rv_str name, int64_t version,
	struct rv_str reason, struct rv_err *err)
{
	struct rv_db_system s;
	struct rv_db_system_version v;
	RV_TRY(rv_need(op, RV_RIGHT_GOVERNOR, err));
	RV_TRY(rv_system_get(op, name, &s, NULL, err));
	RV_TRY(pending_version(op, &s, version, &v, err));
	v.state = RV_STR("rejected");
	v.decided_by = op->actor.id;
	v.decided_ns = op->now_ns;
	v.reason = reason;
	RV_TRY(rv_db_system_version_update(op->txn, &v, err));
	if (rv_sys_is(&s, "submitted"))
		s.state = RV_STR("rejected");
	else
		s.pending = 0;
	RV_TRY(rv_sys_save(op, &s, err));
	return rv_sys_event(op, RV_EV_LIFECYCLE_REJECTED, &s, v.version, reason, false, err);
}

enum rv_code rv_system_activate(struct rv_op *op, struct rv_str name, struct rv_err *err)
{
	struct rv_db_system s;
	struct rv_gap *gaps;
	size_t n;
	RV_TRY(rv_system_get(op, name, &s, NULL, err));
	if (!rv_is_person(op, s.owner))
		RV_TRY(rv_need(op, RV_RIGHT_GOVERNOR, err));
	RV_TRY(need_state(&s, "approved", NULL, NULL, "activated", err));
	RV_TRY(rv_gaps(op, name, &gaps, &n, err));
	if (n > 0)
		return RV_FAIL(err, RV_ECONFLICT,
			"'%.*s' lacks what its class needs: %.*s%s; to close it: %.*s",
			RV_FMT(name), RV_FMT(gaps[0].control),
			n > 1 ? " and more (reeve gaps)" : "", RV_FMT(gaps[0].command));
	s.state = RV_STR("active");
	RV_TRY(rv_sys_save(op, &s, err));
	return rv_sys_event(op, RV_EV_LIFECYCLE_ACTIVATED, &s, s.version, RV_STR(""), false, err);
}

enum rv_code rv_system_suspend(
	struct rv_op *op, struct rv_str name, struct rv_str reason, struct rv_err *err)
{
	struct rv_db_system s;
	RV_TRY(rv_system_get(op, name, &s, NULL, err));
	RV_TRY(rv_sys_may_stop(op, &s, err));
	RV_TRY(need_state(&s, "active", NULL, NULL, "suspended", err));
	RV_TRY(rv_stop_note(op, name, reason, false, err));
	s.state = RV_STR("suspended");
	s.suspended_ns = op->now_ns;
	s.suspended_by = op->actor.id;
	s.suspend_reason = reason;
	RV_TRY(rv_sys_save(op, &s, err));
	RV_TRY(rv_hold_stale_approved(op, name, RV_STR("suspended since"), err));
	return rv_sys_event(op, RV_EV_LIFECYCLE_SUSPENDED, &s, s.version, reason, false, err);
}

enum rv_code rv_system_resume(
	struct rv_op *op, struct rv_str name, struct rv_str reason, struct rv_err *err)
{
	struct rv_db_system s;
	RV_TRY(rv_need(op, RV_RIGHT_RESPONDER | RV_RIGHT_GOVERNOR, err));
	RV_TRY(rv_system_get(op, name, &s, NULL, err));
	RV_TRY(need_state(&s, "suspended", NULL, NULL, "resumed", err));
	struct rv_bootstrap boot;
	bool alone = rv_is_person(op, s.suspended_by) || rv_is_person(op, s.owner);
	RV_TRY(rv_bootstrap_state(op, &boot, err));
	if (alone && !boot.may_self_approve)
		return RV_FAIL(err, RV_EPERM, "coming back needs another person than %s",
			rv_is_person(op, s.owner) ? "the owner" : "the one who stopped it");
	s.state = RV_STR("active");
	s.suspended_ns = 0;
	s.suspended_by = s.suspend_reason = (struct rv_str){ 0 };
	RV_TRY(rv_sys_save(op, &s, err));
	return rv_sys_event(op, RV_EV_LIFECYCLE_RESUMED, &s, s.version, reason, alone, err);
}

static enum rv_code offboard_one(
	struct rv_op *op, struct rv_db_system *s, struct rv_str reason, struct rv_err *err)
{
	RV_TRY(rv_stop_note(op, s->name, reason, false, err));
	s->state = RV_STR("offboarding");
	RV_TRY(rv_sys_save(op, s, err));
	RV_TRY(rv_sys_event(op, RV_EV_LIFECYCLE_OFFBOARDING, s, s->version, reason, false, err));
	RV_TRY(rv_credentials_revoke_all(
		op, RV_CRED_SYSTEM, s->name, RV_STR(""), RV_STR("offboarding"), err));
	return rv_hold_withdraw_all(op, s->name, RV_STR("offboarding"), err);
}

/* Sub-agents go with their parent, as deep as they nest. */
static enum rv_code offboard_children(struct rv_op *op, struct rv_str parent, struct rv_str reason,
	unsigned depth, struct rv_err *err)
{
	struct rv_db_system *rows;
	size_t n;
	if (depth > RV_PARENT_DEPTH_MAX)
		return RV_FAIL(err, RV_ECORRUPT, "sub-agents nest too deep");
	RV_TRY(rv_db_system_list(
		op->txn, op->arena, RV_Q_BY(system, parent, parent), &rows, &n, err));
	for (size_t i = 0; i < n; i++) {
		if (rv_sys_is(&rows[i], "approved") || rv_sys_is(&rows[i], "active") ||
			rv_sys_is(&rows[i], "suspended"))
			RV_TRY(offboard_one(op, &rows[i], reason, err));
		RV_TRY(offboard_children(op, rows[i].name, reason, depth + 1, err));
	}
	return RV_OK;
}

enum rv_code rv_system_offboard(
	struct rv_op *op, struct rv_str name, struct rv_str reason, struct rv_err *err)
{
	struct rv_db_system s;
	RV_TRY(rv_system_get(op, name, &s, NULL, err));
	if (!rv_is_person(op, s.owner))
		RV_TRY(rv_need(op, RV_RIGHT_GOVERNOR | RV_RIGHT_ADMIN, err));
	RV_TRY(need_state(&s, "approved", "active", "suspended", "offboarded", err));
	RV_TRY(offboard_one(op, &s, reason, err));
	return offboard_children(op, name, reason, 1, err);
}

enum rv_code rv_system_retire(
	struct rv_op *op, struct rv_str name, bool destroy_key, struct rv_err *err)
{
	struct rv_db_system s;
	RV_TRY(rv_need(op, RV_RIGHT_GOVERNOR | RV_RIGHT_ADMIN, err));
	RV_TRY(rv_system_get(op, name, &s, NULL, err));
	RV_TRY(need_state(&s, "offboarding", NULL, NULL, "retired", err));
	s.state = RV_STR("retired");
	RV_TRY(rv_sys_save(op, &s, err));
	RV_TRY(rv_sys_event(op, RV_EV_LIFECYCLE_RETIRED, &s, s.version, RV_STR(""), false, err));
	return destroy_key ? rv_seal_key_destroy(op, name, err) : RV_OK;
}
