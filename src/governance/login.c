/* Passwords, sessions and one-time links. Hashing is slow on purpose and stays off the control
 * thread: find, verify, open are three steps, and open checks that the hash did not change in
 * between. */
#include <sodium.h>
#include <stdio.h>

#include "governance/governance_int.h"

enum { PASSWORD_MIN = 12, PASSWORD_MAX = 1024 };

enum rv_code rv_password_check(struct rv_str password, struct rv_err *err)
{
	if (password.n < PASSWORD_MIN || password.n > PASSWORD_MAX)
		return RV_FAIL(err, RV_EINVAL, "a password has %d to %d bytes", PASSWORD_MIN,
			PASSWORD_MAX);
	return RV_OK;
}

enum rv_code rv_password_hash(
	const struct rv_gov *g, struct rv_str password, char ret[128], struct rv_err *err)
{
	_Static_assert(crypto_pwhash_STRBYTES <= 128, "room");
	RV_TRY(rv_password_check(password, err));
	if (crypto_pwhash_str_alg(ret, password.p, password.n, g->argon_ops, g->argon_mem_bytes,
		    crypto_pwhash_ALG_ARGON2ID13) != 0)
		return RV_FAIL(err, RV_ENOMEM, "no memory to hash a password");
	return RV_OK;
}

enum rv_code rv_password_verify(const char *hash, struct rv_str password, struct rv_err *err)
{
	char own[crypto_pwhash_STRBYTES] = { 0 };
	size_t n = strlen(hash);
	if (n >= sizeof own || password.n > PASSWORD_MAX)
		return RV_FAIL(err, RV_EAUTH, "name or password is wrong");
	memcpy(own, hash, n);
	if (crypto_pwhash_str_verify(own, password.p ? password.p : "", password.n) != 0)
		return RV_FAIL(err, RV_EAUTH, "name or password is wrong");
	return RV_OK;
}

/* Costs the same to verify as a real one, and fits nothing anybody knows. */
static enum rv_code decoy(struct rv_op *op, struct rv_str *ret, struct rv_err *err)
{
	uint8_t salt[16], hash[32];
	rv_random(salt, sizeof salt);
	rv_random(hash, sizeof hash);
	char s[32], h[64];
	sodium_bin2base64(
		s, sizeof s, salt, sizeof salt, sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
	sodium_bin2base64(
		h, sizeof h, hash, sizeof hash, sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
	const char *text = rv_arena_printf(op->arena, "$argon2id$v=19$m=%zu,t=%u,p=1$%s$%s",
		op->gov->argon_mem_bytes / 1024, op->gov->argon_ops, s, h);
	if (!text)
		return RV_FAIL_ARENA(err);
	*ret = rv_str_of(text);
	return RV_OK;
}

enum rv_code rv_login_find(
	struct rv_op *op, struct rv_str name, struct rv_str *ret_hash, struct rv_err *err)
{
	struct rv_db_person p;
	struct rv_err e = { 0 };
	enum rv_code code = rv_person_row(op, name, &p, &e);
	if (code == RV_OK && p.active && p.password.n > 0) {
		*ret_hash = p.password;
		return RV_OK;
	}
	if (code != RV_OK && code != RV_ENOENT)
		return RV_FAIL(err, code, "%s", e.msg);
	return decoy(op, ret_hash, err);
}

void rv_token_hash(struct rv_str token, struct rv_sha256 *ret)
{
	rv_sha256_of(token, ret);
}

enum rv_code rv_token_make(
	struct rv_op *op, const char *prefix, struct rv_str *ret, struct rv_err *err)
{
	uint8_t bits[32];
	RV_AUTO_BUF b;
	rv_buf_init(&b, 128);
	rv_random(bits, sizeof bits);
	rv_buf_addz(&b, prefix);
	rv_b64url_add(&b, rv_str_n(bits, sizeof bits));
	enum rv_code code = rv_op_buf(op, &b, ret, err);
	sodium_memzero(bits, sizeof bits);
	if (b.p)
		sodium_memzero(b.p, b.n);
	return code;
}

enum rv_code rv_session_open(struct rv_op *op, struct rv_str person, struct rv_str hash,
	int64_t ttl_ns, struct rv_str *ret_token, int64_t *ret_expires_ns, struct rv_err *err)
{
	struct rv_db_person p;
	struct rv_sha256 d;
	struct rv_str token;
	RV_TRY(rv_person_row(op, person, &p, err));
	if (!p.active || p.password.n == 0 || !rv_str_eq_secret(p.password, hash))
		return RV_FAIL(err, RV_EAUTH, "name or password is wrong");
	RV_TRY(rv_token_make(op, "rvh_", &token, err));
	rv_token_hash(token, &d);
	struct rv_db_credential c = { .kind = RV_STR("session"),
		.subject = p.name,
		.hash = rv_str_n(d.b, 32),
		.issued_ns = op->now_ns,
		.issued_by = p.name };
	c.expires_ns = op->now_ns + (ttl_ns > 0 && ttl_ns < RV_SESSION_NS ? ttl_ns : RV_SESSION_NS);
	RV_TRY(rv_op_id(op, &c.id, err));
	RV_TRY(rv_db_credential_insert(op->txn, &c, err));
	RV_TRY(rv_touch(op, RV_PART_CREDENTIAL, c.id, (struct rv_str){ 0 }, err));
	const struct rv_event ev = { .kind = RV_EV_SESSION_OPENED,
		.actor = { .type = RV_ACTOR_PERSON, .id = p.name },
		.session = c.id };
	RV_TRY(rv_op_event(op, &ev, (struct rv_str){ 0 }, NULL, err));
	*ret_token = token;
	*ret_expires_ns = c.expires_ns;
	return RV_OK;
}

enum rv_code rv_session_close(struct rv_op *op, struct rv_str id, struct rv_err *err)
{
	struct rv_db_credential c = { .id = id };
	RV_TRY(rv_db_credential_get(op->txn, op->arena, &c, err));
	if (!rv_str_eqz(c.kind, "session") || !rv_is_person(op, c.subject))
		return RV_FAIL(err, RV_ENOENT, "no such session of yours");
	if (c.revoked_ns)
		return RV_OK;
	c.revoked_ns = op->now_ns;
	c.revoked_by = c.subject;
	RV_TRY(rv_db_credential_update(op->txn, &c, err));
	RV_TRY(rv_touch(op, RV_PART_CREDENTIAL, id, (struct rv_str){ 0 }, err));
	const struct rv_event ev = { .kind = RV_EV_SESSION_CLOSED, .session = id };
	return rv_op_event(op, &ev, (struct rv_str){ 0 }, NULL, err);
}

enum rv_code rv_invite_make(struct rv_op *op, const char *kind, struct rv_str person,
	int64_t life_ns, struct rv_str *ret_token, struct rv_err *err)
{
	struct rv_sha256 d;
	RV_TRY(rv_token_make(op, "rvi_", ret_token, err));
	rv_token_hash(*ret_token, &d);
	const struct rv_db_invite row = { .hash = rv_str_n(d.b, 32),
		.kind = rv_str_of(kind),
		.person = person,
		.created_ns = op->now_ns,
		.expires_ns = op->now_ns + life_ns };
	RV_TRY(rv_db_invite_remove(op->txn, RV_Q_BY(invite, person, person), NULL, err));
	return rv_db_invite_insert(op->txn, &row, err);
}

enum rv_code rv_person_invite(
	struct rv_op *op, struct rv_str person, struct rv_str *ret_token, struct rv_err *err)
{
	struct rv_db_person p;
	struct rv_str detail;
	RV_TRY(rv_need(op, RV_RIGHT_ADMIN, err));
	RV_TRY(rv_person_row(op, person, &p, err));
	if (!p.active)
		return RV_FAIL(err, RV_ECONFLICT, "'%.*s' is disabled", RV_FMT(person));
	RV_TRY(rv_invite_make(op, "password", p.name, RV_INVITE_NS, ret_token, err));
	RV_TRY(rv_detail(op, &detail, err, "person", p.name, NULL));
	const struct rv_event ev = { .kind = RV_EV_ADMIN_INVITED, .detail_json = detail };
	return rv_op_event(op, &ev, (struct rv_str){ 0 }, NULL, err);
}

enum rv_code rv_admin_recover(
	struct rv_op *op, struct rv_str person, struct rv_str *ret_token, struct rv_err *err)
{
	struct rv_db_person p;
	struct rv_str detail;
	if (op->actor.type != RV_ACTOR_SERVICE)
		return RV_FAIL(err, RV_EPERM, "recovery is an offline command");
	RV_TRY(rv_person_row(op, person, &p, err));
	if (!p.active || !(p.rights & RV_RIGHT_ADMIN))
		return RV_FAIL(err, RV_EPERM, "'%.*s' is no active admin", RV_FMT(person));
	RV_TRY(rv_invite_make(op, "password", p.name, RV_FIRST_ADMIN_NS, ret_token, err));
	RV_TRY(rv_detail(op, &detail, err, "person", p.name, NULL));
	const struct rv_event ev = { .kind = RV_EV_ADMIN_RECOVERED, .detail_json = detail };
	return rv_op_event(op, &ev, (struct rv_str){ 0 }, NULL, err);
}

/* Ends all sessions but the one that acts, so that a stolen one does not outlive the change. */
static enum rv_code set_password(
	struct rv_op *op, struct rv_db_person *p, const char *hash, struct rv_err *err)
{
	struct rv_str detail;
	if (strncmp(hash, "$argon2id$", 10) != 0)
		return RV_FAIL(err, RV_EINTERNAL, "a password must be hashed with argon2id");
	p->password = rv_str_of(hash);
	p->changed_ns = op->now_ns;
	RV_TRY(rv_db_person_update(op->txn, p, err));
	RV_TRY(rv_credentials_revoke_all(
		op, RV_CRED_SESSION, p->name, op->actor.session, RV_STR("password changed"), err));
	RV_TRY(rv_detail(op, &detail, err, "person", p->name, NULL));
	const struct rv_event ev = { .kind = RV_EV_ADMIN_PASSWORD_SET,
		.actor = { .type = RV_ACTOR_PERSON, .id = p->name },
		.detail_json = detail };
	return rv_op_event(op, &ev, (struct rv_str){ 0 }, NULL, err);
}

/* The first admin comes from the link alone, once for ever. */
static enum rv_code make_first_admin(
	struct rv_op *op, struct rv_str name, struct rv_db_person *ret, struct rv_err *err)
{
	struct rv_str done, detail;
	RV_TRY(rv_setting_get(op, "first_admin", &done, err));
	if (done.n > 0)
		return RV_FAIL(err, RV_EAUTH, "there was a first admin already");
	*ret = (struct rv_db_person){ .name = name,
		.active = 1,
		.created_ns = op->now_ns,
		.rights = RV_RIGHT_ADMIN | RV_RIGHT_GOVERNOR | RV_RIGHT_OWNER,
		.created_by = RV_STR("reeve"),
		.changed_ns = op->now_ns };
	RV_TRY(rv_db_person_insert(op->txn, ret, err));
	RV_TRY(rv_setting_put(op, "first_admin", name, err));
	RV_TRY(rv_bootstrap_begin(op, err));
	RV_TRY(rv_touch(op, RV_PART_PERSON, name, (struct rv_str){ 0 }, err));
	RV_TRY(rv_detail(op, &detail, err, "person", name, "rights", RV_STR("admin,governor,owner"),
		"separation", RV_STR("unseparated"), NULL));
	const struct rv_event ev = { .kind = RV_EV_ADMIN_PERSON_CREATED,
		.actor = { .type = RV_ACTOR_SERVICE, .id = RV_STR("reeve") },
		.detail_json = detail };
	return rv_op_event(op, &ev, (struct rv_str){ 0 }, NULL, err);
}

enum rv_code rv_invite_use(struct rv_op *op, struct rv_str token, const char *hash,
	struct rv_str *ret_person, struct rv_err *err)
{
	struct rv_sha256 d;
	struct rv_db_person p;
	rv_token_hash(token, &d);
	struct rv_db_invite row = { .hash = rv_str_n(d.b, 32) };
	struct rv_err e = { 0 };
	enum rv_code code = rv_db_invite_get(op->txn, op->arena, &row, &e);
	if (code != RV_OK && code != RV_ENOENT)
		return RV_FAIL(err, code, "%s", e.msg);
	if (code == RV_ENOENT || row.used_ns || row.expires_ns <= op->now_ns)
		return RV_FAIL(err, RV_EAUTH, "the link is unknown, used or expired");
	row.used_ns = op->now_ns;
	RV_TRY(rv_db_invite_update(op->txn, &row, err));
	if (rv_str_eqz(row.kind, "first_admin"))
		RV_TRY(make_first_admin(op, row.person, &p, err));
	else
		RV_TRY(rv_person_row(op, row.person, &p, err));
	if (!p.active)
		return RV_FAIL(err, RV_EAUTH, "the link is unknown, used or expired");
	RV_TRY(set_password(op, &p, hash, err));
	*ret_person = p.name;
	return RV_OK;
}

enum rv_code rv_person_set_password(
	struct rv_op *op, struct rv_str person, const char *hash, struct rv_err *err)
{
	struct rv_db_person p;
	if (!rv_is_person(op, person))
		return RV_FAIL(err, RV_EPERM, "only '%.*s' sets this password", RV_FMT(person));
	RV_TRY(rv_person_row(op, person, &p, err));
	if (!p.active)
		return RV_FAIL(err, RV_EPERM, "'%.*s' is disabled", RV_FMT(person));
	return set_password(op, &p, hash, err);
}
