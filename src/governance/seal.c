/* Keys and commitments. A system's key is kept under the master key; destroying the row's bytes
 * destroys every text sealed with it and leaves each proof valid, for the log holds only salted
 * commitments.
 *
 * Sealed bytes: 24 bytes nonce, ciphertext, 16 bytes tag (XChaCha20-Poly1305), context as
 * associated data. */
#include <sodium.h>

#include "governance/snapshot_int.h"

enum {
	NONCE = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
	TAG = crypto_aead_xchacha20poly1305_ietf_ABYTES,
	SALT = 16,
	FIELDS_MAX = 256,
};
_Static_assert(sizeof(struct rv_seal_key) == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "key");

enum rv_code rv_seal(const struct rv_seal_key *k, struct rv_str clear, struct rv_str context,
	struct rv_buf *out, struct rv_err *err)
{
	size_t n;
	if (!rv_add_ok(clear.n, (size_t)(NONCE + TAG), &n))
		return RV_FAIL(err, RV_ELIMIT, "too much to seal");
	unsigned char *p = (unsigned char *)rv_buf_room(out, n);
	if (!p)
		return rv_buf_ok(out, err) == RV_OK ? RV_FAIL(err, RV_ELIMIT, "too much to seal")
						    : RV_ELIMIT;
	rv_random(p, NONCE);
	crypto_aead_xchacha20poly1305_ietf_encrypt(p + NONCE, NULL,
		(const unsigned char *)(clear.p ? clear.p : ""), clear.n,
		(const unsigned char *)context.p, context.n, NULL, p, k->b);
	out->n += n;
	return RV_OK;
}

enum rv_code rv_unseal(const struct rv_seal_key *k, struct rv_str sealed, struct rv_str context,
	struct rv_buf *out, struct rv_err *err)
{
	if (sealed.n < NONCE + TAG)
		return RV_FAIL(err, RV_ECORRUPT, "sealed bytes are too short");
	size_t n = sealed.n - NONCE - TAG;
	unsigned char *p = (unsigned char *)rv_buf_room(out, n + 1);
	if (!p)
		return RV_FAIL(err, RV_ELIMIT, "too much to unseal");
	const unsigned char *in = (const unsigned char *)sealed.p;
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(p, NULL, NULL, in + NONCE, n + TAG,
		    (const unsigned char *)context.p, context.n, in, k->b) != 0)
		return RV_FAIL(err, RV_ECORRUPT,
			"sealed bytes do not open: wrong key, or they were changed");
	out->n += n;
	return RV_OK;
}

static enum rv_code key_context(struct rv_str system, struct rv_buf *b, struct rv_err *err)
{
	rv_buf_addz(b, "seal-key:");
	rv_buf_add(b, system);
	return rv_buf_ok(b, err);
}

enum rv_code rv_seal_key_make(struct rv_op *op, struct rv_str system, struct rv_err *err)
{
	struct rv_seal_key k;
	RV_AUTO_BUF ctx, wrapped;
	rv_buf_init(&ctx, 256);
	rv_buf_init(&wrapped, 256);
	rv_random(k.b, sizeof k.b);
	RV_TRY(key_context(system, &ctx, err));
	enum rv_code code = rv_seal(
		&op->gov->master, rv_str_n(k.b, sizeof k.b), rv_buf_str(&ctx), &wrapped, err);
	sodium_memzero(&k, sizeof k);
	RV_TRY(code);
	const struct rv_db_seal_key row = {
		.system = system, .wrapped = rv_buf_str(&wrapped), .created_ns = op->now_ns
	};
	return rv_db_seal_key_insert(op->txn, &row, err);
}

enum rv_code rv_seal_key_unwrap(const struct rv_gov *g, struct rv_str system, struct rv_str wrapped,
	struct rv_seal_key *ret, struct rv_err *err)
{
	if (wrapped.n == 0)
		return RV_FAIL(
			err, RV_ENOENT, "the sealing key of '%.*s' was destroyed", RV_FMT(system));
	RV_AUTO_BUF ctx, clear;
	rv_buf_init(&ctx, 256);
	rv_buf_init(&clear, 256);
	RV_TRY(key_context(system, &ctx, err));
	RV_TRY(rv_unseal(&g->master, wrapped, rv_buf_str(&ctx), &clear, err));
	if (clear.n != sizeof ret->b)
		return RV_FAIL(err, RV_ECORRUPT, "the sealing key of '%.*s' has a wrong size",
			RV_FMT(system));
	memcpy(ret->b, clear.p, sizeof ret->b);
	sodium_memzero(clear.p, clear.n);
	return RV_OK;
}

enum rv_code rv_seal_key_load(
	struct rv_op *op, struct rv_str system, struct rv_seal_key *ret, struct rv_err *err)
{
	struct rv_db_seal_key row = { .system = system };
	RV_TRY(rv_db_seal_key_get(op->txn, op->arena, &row, err));
	return rv_seal_key_unwrap(op->gov, system, row.wrapped, ret, err);
}

enum rv_code rv_seal_key_of(const struct rv_gov *g, const struct rv_snapshot *s,
	struct rv_str system, struct rv_seal_key *ret, struct rv_err *err)
{
	struct snap_system *sys = snap_system_of(s, system);
	int state = SNAP_KEY_NONE;
	if (!sys)
		return RV_FAIL(err, RV_ENOENT, "no system '%.*s'", RV_FMT(system));
	if (atomic_load_explicit(&sys->key_state, memory_order_acquire) == SNAP_KEY_OPEN) {
		*ret = sys->key;
		return RV_OK;
	}
	RV_TRY(rv_seal_key_unwrap(g, sys->pub.name, sys->pub.wrapped_key, ret, err));
	if (atomic_compare_exchange_strong(&sys->key_state, &state, SNAP_KEY_OPENING)) {
		sys->key = *ret;
		atomic_store_explicit(&sys->key_state, SNAP_KEY_OPEN, memory_order_release);
	}
	return RV_OK;
}

enum rv_code rv_seal_key_destroy(struct rv_op *op, struct rv_str system, struct rv_err *err)
{
	RV_TRY(rv_need(op, RV_RIGHT_GOVERNOR | RV_RIGHT_ADMIN, err));
	struct rv_db_seal_key row = { .system = system };
	RV_TRY(rv_db_seal_key_get(op->txn, op->arena, &row, err));
	if (row.wrapped.n == 0)
		return RV_FAIL(err, RV_ECONFLICT, "the sealing key of '%.*s' is destroyed already",
			RV_FMT(system));
	row.wrapped = (struct rv_str){ 0 };
	row.destroyed_ns = op->now_ns;
	RV_TRY(rv_db_seal_key_update(op->txn, &row, err));
	RV_TRY(rv_touch(op, RV_PART_SYSTEM, system, (struct rv_str){ 0 }, err));
	const struct rv_event ev = { .kind = RV_EV_SECRET_DESTROYED, .system = system };
	return rv_op_event(op, &ev, (struct rv_str){ 0 }, NULL, err);
}

/* SHA-256(salt, length of name, name, canonical value): the length keeps name and value apart. */
static enum rv_code commit_one(const uint8_t salt[SALT], struct rv_str name,
	const struct rv_json *value, struct rv_sha256 *ret, struct rv_err *err)
{
	char mem[512];
	RV_AUTO_BUF canon;
	rv_buf_init_on(&canon, mem, sizeof mem, 1 << 22);
	RV_TRY(rv_json_canonical(value, &canon, err));
	const uint8_t len[4] = { (uint8_t)(name.n >> 24), (uint8_t)(name.n >> 16),
		(uint8_t)(name.n >> 8), (uint8_t)name.n };
	const struct rv_str parts[] = { rv_str_n(salt, SALT), rv_str_n(len, 4), name,
		rv_buf_str(&canon) };
	rv_sha256_parts(parts, RV_COUNT(parts), ret);
	return RV_OK;
}

enum rv_code rv_args_commit(const struct rv_json *args, struct rv_buf *commitments,
	struct rv_buf *side, struct rv_err *err)
{
	if (!rv_json_is(args, RV_JSON_OBJ))
		return RV_FAIL(err, RV_EINVAL, "arguments must be an object");
	if (args->n_members > FIELDS_MAX)
		return RV_FAIL(err, RV_ELIMIT, "more than %d arguments", FIELDS_MAX);
	struct rv_json_w wc, ws;
	rv_json_w_init(&wc, commitments);
	rv_json_w_init(&ws, side);
	rv_json_w_obj(&wc);
	rv_json_w_obj(&ws);
	RV_JSON_EACH (m, args) {
		uint8_t salt[SALT];
		struct rv_sha256 d;
		char hex[65];
		rv_random(salt, sizeof salt);
		RV_TRY(commit_one(salt, m->name, m->value, &d, err));
		rv_hex_z(d.b, 32, hex);
		rv_json_w_name_str(&wc, m->name);
		rv_json_w_strz(&wc, hex);
		rv_hex_z(salt, SALT, hex);
		rv_json_w_name_str(&ws, m->name);
		rv_json_w_obj(&ws);
		rv_json_w_kv_strz(&ws, "salt", hex);
		rv_json_w_name(&ws, "value");
		rv_json_w_value(&ws, m->value);
		rv_json_w_obj_end(&ws);
	}
	rv_json_w_obj_end(&wc);
	rv_json_w_obj_end(&ws);
	RV_TRY(rv_buf_ok(commitments, err));
	return rv_buf_ok(side, err);
}

static enum rv_code verify_one(
	const struct rv_json *want, const struct rv_json_member *m, struct rv_err *err)
{
	uint8_t salt[SALT];
	struct rv_sha256 got, named;
	const struct rv_json *s = rv_json_get(m->value, "salt"),
			     *v = rv_json_get(m->value, "value");
	if (!rv_json_is(s, RV_JSON_STR) || !v || !rv_hex_parse(s->str, salt, SALT))
		return RV_FAIL(
			err, RV_ECORRUPT, "argument '%.*s' has no salt and value", RV_FMT(m->name));
	RV_TRY(commit_one(salt, m->name, v, &got, err));
	if (!rv_json_is(want, RV_JSON_STR) || !rv_hex_parse(want->str, named.b, 32) ||
		!rv_sha256_eq(&got, &named))
		return RV_FAIL(err, RV_ECORRUPT, "argument '%.*s' does not fit its commitment",
			RV_FMT(m->name));
	return RV_OK;
}

enum rv_code rv_args_verify(struct rv_str commitments, struct rv_str side, struct rv_err *err)
{
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 1 << 24);
	const struct rv_json *c, *s;
	RV_TRY(rv_json_parse(&a, commitments, NULL, &c, err));
	RV_TRY(rv_json_parse(&a, side, NULL, &s, err));
	if (c->type != RV_JSON_OBJ || s->type != RV_JSON_OBJ || c->n_members != s->n_members)
		return RV_FAIL(err, RV_ECORRUPT, "arguments and commitments differ in number");
	RV_JSON_EACH (m, s)
		RV_TRY(verify_one(rv_json_get_str(c, m->name), m, err));
	return RV_OK;
}
