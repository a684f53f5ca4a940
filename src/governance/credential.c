/* Credentials: opaque, random, shown once, kept hashed, always with an end. */
#include "governance/governance_int.h"

static const struct {
	const char *kind, *prefix;
} kinds[] = {
	[RV_CRED_SYSTEM] = { "system", "rvs_" },
	[RV_CRED_POINT] = { "point", "rvp_" },
	[RV_CRED_SESSION] = { "session", "rvh_" },
};

static enum rv_code need_issuer_of_system(struct rv_op *op, struct rv_str name, struct rv_err *err)
{
	struct rv_db_system s;
	RV_TRY(rv_system_get(op, name, &s, NULL, err));
	if (!rv_is_person(op, s.owner))
		RV_TRY(rv_need(op, RV_RIGHT_GOVERNOR | RV_RIGHT_ADMIN, err));
	if (!rv_str_eqz(s.state, "approved") && !rv_str_eqz(s.state, "active") &&
		!rv_str_eqz(s.state, "suspended"))
		return RV_FAIL(err, RV_ECONFLICT,
			"'%.*s' is %.*s: a system gets a credential once it is approved",
			RV_FMT(name), RV_FMT(s.state));
	return RV_OK;
}

static enum rv_code need_issuer(
	struct rv_op *op, enum rv_credential_kind kind, struct rv_str subject, struct rv_err *err)
{
	if (kind == RV_CRED_SYSTEM)
		return need_issuer_of_system(op, subject, err);
	if (kind != RV_CRED_POINT)
		return RV_FAIL(err, RV_EINVAL, "a session comes from a login");
	RV_TRY(rv_need(op, RV_RIGHT_ADMIN, err));
	struct rv_db_point p = { .name = subject };
	struct rv_err e = { 0 };
	enum rv_code code = rv_db_point_get(op->txn, op->arena, &p, &e);
	if (code == RV_OK && p.active)
		return RV_OK;
	if (code != RV_OK && code != RV_ENOENT)
		return RV_FAIL(err, code, "%s", e.msg);
	return RV_FAIL(err, RV_ENOENT, "no enforcement point '%.*s'", RV_FMT(subject));
}

static enum rv_code event_of(struct rv_op *op, enum rv_event_kind kind,
	const struct rv_db_credential *c, struct rv_str reason, struct rv_err *err)
{
	struct rv_str detail;
	char time[RV_TIME_SIZE];
	RV_TRY(rv_detail(op, &detail, err, "credential", c->id, "of", c->kind, "subject",
		c->subject, "label", c->label, "expires",
		rv_str_of(rv_time_format(c->expires_ns, time)), "reason", reason, NULL));
	const struct rv_event ev = { .kind = kind,
		.detail_json = detail,
		.system = rv_str_eqz(c->kind, "system") ? c->subject : (struct rv_str){ 0 },
		.point = rv_str_eqz(c->kind, "point") ? c->subject : (struct rv_str){ 0 } };
	return rv_op_event(op, &ev, (struct rv_str){ 0 }, NULL, err);
}

static enum rv_code insert_new(struct rv_op *op, enum rv_credential_kind kind,
	struct rv_db_credential *c, struct rv_issued *ret, struct rv_err *err)
{
	struct rv_sha256 d;
	RV_TRY(rv_token_make(op, kinds[kind].prefix, &ret->token, err));
	rv_token_hash(ret->token, &d);
	RV_TRY(rv_op_id(op, &c->id, err));
	RV_TRY(rv_op_str(op, rv_str_n(d.b, 32), &c->hash, err));
	RV_TRY(rv_db_credential_insert(op->txn, c, err));
	ret->id = c->id;
	ret->expires_ns = c->expires_ns;
	return rv_touch(op, RV_PART_CREDENTIAL, c->id, (struct rv_str){ 0 }, err);
}

static enum rv_code check_ttl(int64_t ttl_ns, struct rv_err *err)
{
	if (ttl_ns > 0 && ttl_ns <= RV_CREDENTIAL_MAX_NS)
		return RV_OK;
	return RV_FAIL(err, RV_EINVAL, "a credential lives more than 0 and at most 366 days");
}

enum rv_code rv_credential_issue(struct rv_op *op, enum rv_credential_kind kind,
	struct rv_str subject, struct rv_str label, int64_t ttl_ns, struct rv_issued *ret,
	struct rv_err *err)
{
	RV_TRY(check_ttl(ttl_ns, err));
	if (label.n > 200)
		return RV_FAIL(err, RV_ELIMIT, "a label has at most 200 bytes");
	RV_TRY(need_issuer(op, kind, subject, err));
	struct rv_db_credential c = { .kind = rv_str_of(kinds[kind].kind),
		.subject = subject,
		.label = label,
		.issued_ns = op->now_ns,
		.issued_by = op->actor.id,
		.expires_ns = op->now_ns + ttl_ns };
	RV_TRY(insert_new(op, kind, &c, ret, err));
	return event_of(op, RV_EV_CREDENTIAL_ISSUED, &c, (struct rv_str){ 0 }, err);
}

static enum rv_code get(
	struct rv_op *op, struct rv_str id, struct rv_db_credential *ret, struct rv_err *err)
{
	*ret = (struct rv_db_credential){ .id = id };
	struct rv_err e = { 0 };
	enum rv_code code = rv_db_credential_get(op->txn, op->arena, ret, &e);
	if (code == RV_ENOENT)
		return RV_FAIL(err, code, "no credential '%.*s'", RV_FMT(id));
	return code == RV_OK ? RV_OK : RV_FAIL(err, code, "%s", e.msg);
}

static enum rv_code end(
	struct rv_op *op, struct rv_db_credential *c, struct rv_str reason, struct rv_err *err)
{
	c->revoked_ns = op->now_ns;
	c->revoked_by = op->actor.id;
	RV_TRY(rv_db_credential_update(op->txn, c, err));
	RV_TRY(rv_touch(op, RV_PART_CREDENTIAL, c->id, (struct rv_str){ 0 }, err));
	return event_of(op, RV_EV_CREDENTIAL_REVOKED, c, reason, err);
}

enum rv_code rv_credential_revoke(
	struct rv_op *op, struct rv_str id, struct rv_str reason, struct rv_err *err)
{
	struct rv_db_credential c;
	RV_TRY(get(op, id, &c, err));
	bool own = rv_is_person(op, c.subject) && rv_str_eqz(c.kind, "session");
	if (rv_str_eqz(c.kind, "system")) {
		struct rv_db_system s = { .name = c.subject };
		RV_TRY(rv_db_system_get(op->txn, op->arena, &s, err));
		own = rv_is_person(op, s.owner) || rv_is_person(op, s.deputy);
	}
	/* Whoever may not, may not know either. */
	if (!own &&
		rv_need(op, RV_RIGHT_ADMIN | RV_RIGHT_GOVERNOR | RV_RIGHT_RESPONDER, NULL) != RV_OK)
		return RV_FAIL(err, RV_ENOENT, "no credential '%.*s'", RV_FMT(id));
	if (c.revoked_ns)
		return RV_FAIL(
			err, RV_ECONFLICT, "credential '%.*s' is revoked already", RV_FMT(id));
	return end(op, &c, reason, err);
}

enum rv_code rv_credentials_revoke_all(struct rv_op *op, enum rv_credential_kind kind,
	struct rv_str subject, struct rv_str but_id, struct rv_str reason, struct rv_err *err)
{
	struct rv_db_credential *rows;
	size_t n;
	const struct rv_query q = {
		.where = { RV_Q_STR(credential, subject, RV_CMP_EQ, subject),
			RV_Q_STR(credential, kind, RV_CMP_EQ, rv_str_of(kinds[kind].kind)),
			RV_Q_INT(credential, revoked_ns, RV_CMP_EQ, 0) },
		.n_where = 3
	};
	RV_TRY(rv_db_credential_list(op->txn, op->arena, &q, &rows, &n, err));
	for (size_t i = 0; i < n; i++)
		if ((but_id.n == 0 || !rv_str_eq(rows[i].id, but_id)) &&
			rows[i].expires_ns > op->now_ns)
			RV_TRY(end(op, &rows[i], reason, err));
	return RV_OK;
}

enum rv_code rv_credential_rotate(struct rv_op *op, struct rv_str id, int64_t ttl_ns,
	int64_t overlap_ns, struct rv_issued *ret, struct rv_err *err)
{
	struct rv_db_credential c, next;
	RV_TRY(check_ttl(ttl_ns, err));
	if (overlap_ns < 0 || overlap_ns > RV_DAY_NS)
		return RV_FAIL(err, RV_EINVAL, "an overlap is at most a day");
	RV_TRY(get(op, id, &c, err));
	enum rv_credential_kind kind = rv_str_eqz(c.kind, "point") ? RV_CRED_POINT
		: rv_str_eqz(c.kind, "system")			   ? RV_CRED_SYSTEM
								   : RV_CRED_SESSION;
	RV_TRY(need_issuer(op, kind, c.subject, err));
	if (c.revoked_ns || c.expires_ns <= op->now_ns)
		return RV_FAIL(err, RV_ECONFLICT, "credential '%.*s' has ended", RV_FMT(id));
	next = c;
	next.issued_ns = op->now_ns;
	next.issued_by = op->actor.id;
	next.expires_ns = op->now_ns + ttl_ns;
	next.last_use_ns = 0;
	RV_TRY(insert_new(op, kind, &next, ret, err));
	if (c.expires_ns > op->now_ns + overlap_ns)
		c.expires_ns = op->now_ns + overlap_ns;
	RV_TRY(rv_db_credential_update(op->txn, &c, err));
	RV_TRY(rv_touch(op, RV_PART_CREDENTIAL, c.id, (struct rv_str){ 0 }, err));
	return event_of(op, RV_EV_CREDENTIAL_ROTATED, &next, (struct rv_str){ 0 }, err);
}

enum rv_code rv_credential_list(struct rv_op *op, struct rv_str subject,
	struct rv_db_credential **ret, size_t *ret_n, struct rv_err *err)
{
	struct rv_db_system s = { .name = subject };
	bool own = rv_is_person(op, subject) ||
		(rv_db_system_get(op->txn, op->arena, &s, NULL) == RV_OK &&
			rv_is_person(op, s.owner));
	if (!own)
		RV_TRY(rv_need(op, RV_RIGHT_ADMIN | RV_RIGHT_GOVERNOR | RV_RIGHT_AUDITOR, err));
	return rv_db_credential_list(
		op->txn, op->arena, RV_Q_BY(credential, subject, subject), ret, ret_n, err);
}

enum rv_code rv_credential_touch(
	struct rv_op *op, struct rv_str id, int64_t used_ns, struct rv_err *err)
{
	struct rv_db_credential c;
	RV_TRY(get(op, id, &c, err));
	if (used_ns <= c.last_use_ns)
		return RV_OK;
	c.last_use_ns = used_ns;
	return rv_db_credential_update(op->txn, &c, err);
}
