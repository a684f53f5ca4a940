/* Cosignatures of witnesses (c2sp.org/tlog-cosignature, Ed25519, cosignature/v1). The line is that
 * of a signed note; behind the key id stand eight bytes, big-endian, the time, and the signature of
 *
 *     cosignature/v1 \n
 *     time SECONDS \n
 *     the checkpoint's signed text
 *
 * A cosignature says: at that time this was the largest tree of that log the witness had seen, and
 * it continues all it had seen before. */
#include <sodium.h>

#include "ledger/ledger_int.h"

enum { COSIG = 4 + 8 + 64 };

enum rv_code rv_witness_vkey(
	const struct rv_ledger_key *k, struct rv_str name, struct rv_buf *out, struct rv_err *err)
{
	return rv_vkey_write(k, name, RV_SIG_COSIGNATURE, out, err);
}

enum rv_code rv_witness_name(
	const char *vkey, char ret[RV_LEDGER_ORIGIN_MAX + 1], struct rv_err *err)
{
	struct rv_vkey k;
	RV_TRY(rv_vkey_parse(rv_str_of(vkey), RV_SIG_COSIGNATURE, &k, err));
	snprintf(ret, RV_LEDGER_ORIGIN_MAX + 1, "%.*s", RV_FMT(k.name));
	return RV_OK;
}

static void message(struct rv_str body, uint64_t time_s, struct rv_buf *out)
{
	rv_buf_printf(out, "cosignature/v1\ntime %llu\n", (unsigned long long)time_s);
	rv_buf_add(out, body);
}

enum rv_code rv_witness_cosign(struct rv_str note, const struct rv_ledger_key *k,
	struct rv_str name, int64_t now_ns, struct rv_buf *out, struct rv_err *err)
{
	uint8_t pk[32], sk[crypto_sign_SECRETKEYBYTES], raw[COSIG];
	struct rv_str body, sigs;
	struct rv_vkey v;
	uint64_t time_s = (uint64_t)(now_ns / RV_NS_PER_S), be = htobe64(time_s);
	RV_AUTO_BUF m, text;
	rv_buf_init(&m, 2 * RV_CHECKPOINT_MAX);
	rv_buf_init(&text, 1024);
	RV_TRY(rv_note_split(note, &body, &sigs, err));
	message(body, time_s, &m);
	RV_TRY(rv_buf_ok(&m, err));
	RV_TRY(rv_witness_vkey(k, name, &text, err));
	RV_TRY(rv_vkey_parse(rv_buf_str(&text), RV_SIG_COSIGNATURE, &v, err));
	memcpy(raw, v.id, 4);
	memcpy(raw + 4, &be, 8);
	crypto_sign_seed_keypair(pk, sk, k->seed);
	crypto_sign_detached(raw + 12, NULL, (const uint8_t *)m.p, m.n, sk);
	sodium_memzero(sk, sizeof sk);
	rv_sig_line(name, raw, sizeof raw, out);
	return rv_buf_ok(out, err);
}

static enum rv_code check_one(struct rv_str body, const struct rv_vkey *k,
	const uint8_t raw[RV_SIG_MAX], size_t n, int64_t *ret_time_s, struct rv_err *err)
{
	uint64_t be;
	RV_AUTO_BUF m;
	rv_buf_init(&m, 2 * RV_CHECKPOINT_MAX);
	if (n != COSIG)
		return RV_FAIL(err, RV_EAUTH, "the cosignature of '%.*s' has %zu bytes, not %d",
			RV_FMT(k->name), n, COSIG);
	memcpy(&be, raw + 4, 8);
	uint64_t time_s = be64toh(be);
	message(body, time_s, &m);
	RV_TRY(rv_buf_ok(&m, err));
	if (time_s == 0 || time_s > INT64_MAX / RV_NS_PER_S ||
		crypto_sign_verify_detached(raw + 12, (const uint8_t *)m.p, m.n, k->pk) != 0)
		return RV_FAIL(
			err, RV_EAUTH, "the cosignature of '%.*s' is wrong", RV_FMT(k->name));
	*ret_time_s = (int64_t)time_s;
	return RV_OK;
}

enum rv_code rv_witness_cosigned(
	struct rv_str note, const char *witness_vkey, int64_t *ret_time_s, struct rv_err *err)
{
	struct rv_vkey k;
	struct rv_str body, sigs;
	bool is_found = false;
	RV_TRY(rv_vkey_parse(rv_str_of(witness_vkey), RV_SIG_COSIGNATURE, &k, err));
	RV_TRY(rv_note_split(note, &body, &sigs, err));
	while (sigs.n > 0) {
		struct rv_str name;
		uint8_t raw[RV_SIG_MAX];
		size_t n;
		RV_TRY(rv_note_next_sig(&sigs, &name, raw, &n, err));
		if (n < 4 || !rv_str_eq(name, k.name) || memcmp(raw, k.id, 4) != 0)
			continue;
		RV_TRY(check_one(body, &k, raw, n, ret_time_s, err));
		is_found = true;
	}
	if (!is_found)
		return RV_FAIL(err, RV_EAUTH, "no cosignature of '%.*s'", RV_FMT(k.name));
	return RV_OK;
}

/* ---- the request ---- */

void rv_witness_request_write(
	uint64_t old_size, const struct rv_proof *p, struct rv_str note, struct rv_buf *out)
{
	rv_buf_printf(out, "old %llu\n", (unsigned long long)old_size);
	rv_proof_write(p, out);
	rv_buf_addc(out, '\n');
	rv_buf_add(out, note);
}

enum rv_code rv_witness_request_parse(
	struct rv_str body, struct rv_witness_request *ret, struct rv_err *err)
{
	struct rv_witness_request q = { .old_size = 0 };
	size_t end = rv_str_find(body, '\n', 0);
	struct rv_str line = rv_str_sub(body, 0, end), digits = rv_str_sub(line, 4, line.n);
	if (end == SIZE_MAX || !rv_str_starts(line, RV_STR("old ")) ||
		!rv_str_u64(digits, &q.old_size) || (digits.n > 1 && digits.p[0] == '0') ||
		q.old_size > INT64_MAX)
		return RV_FAIL_AT(err, RV_EINVAL, NULL, 1, 0, "the first line is \"old SIZE\"");
	struct rv_str rest = rv_str_sub(body, end + 1, body.n);
	size_t n = 0;
	for (size_t at = 0;; at = n) {
		n = rv_str_find(rest, '\n', at);
		if (n == SIZE_MAX)
			return RV_FAIL(
				err, RV_EINVAL, "a blank line and the checkpoint follow the proof");
		if (n == at)
			break;
		n++;
	}
	enum rv_code code = rv_proof_parse(rv_str_sub(rest, 0, n), &q.proof, err);
	if (code != RV_OK) {
		if (err && err->line)
			err->line++;
		return code;
	}
	if (q.proof.n > RV_WITNESS_PROOF_MAX)
		return RV_FAIL(err, RV_EINVAL, "a consistency proof has at most %d hashes",
			RV_WITNESS_PROOF_MAX);
	q.note = rv_str_sub(rest, n + 1, rest.n);
	*ret = q;
	return RV_OK;
}
