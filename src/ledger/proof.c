/* Checking of proofs (RFC 9162 2.1.3.2 and 2.1.4.2) and their text. */
#include "ledger/ledger_int.h"

enum rv_code rv_tree_check_inclusion(const struct rv_sha256 *leaf, uint64_t index, uint64_t size,
	const struct rv_proof *p, const struct rv_sha256 *root, struct rv_err *err)
{
	if (index >= size)
		return RV_FAIL(err, RV_ECORRUPT, "index %llu lies outside a tree of %llu",
			(unsigned long long)index, (unsigned long long)size);
	uint64_t fn = index, sn = size - 1;
	struct rv_sha256 r = *leaf;
	for (size_t i = 0; i < p->n; i++) {
		if (sn == 0)
			return RV_FAIL(err, RV_ECORRUPT, "the proof has too many hashes");
		if ((fn & 1) || fn == sn) {
			rv_tree_node_hash(&p->hash[i], &r, &r);
			for (; !(fn & 1) && fn != 0; fn >>= 1)
				sn >>= 1;
		} else {
			rv_tree_node_hash(&r, &p->hash[i], &r);
		}
		fn >>= 1;
		sn >>= 1;
	}
	if (sn != 0)
		return RV_FAIL(err, RV_ECORRUPT, "the proof has too few hashes");
	if (!rv_sha256_eq(&r, root))
		return RV_FAIL(err, RV_ECORRUPT, "the proof leads to another root");
	return RV_OK;
}

static enum rv_code check_same(uint64_t old_size, const struct rv_sha256 *old,
	const struct rv_sha256 *now, const struct rv_proof *p, struct rv_err *err)
{
	if (p->n != 0)
		return RV_FAIL(err, RV_ECORRUPT, "the proof has too many hashes");
	if (old_size != 0 && !rv_sha256_eq(old, now))
		return RV_FAIL(err, RV_ECORRUPT, "two roots for one size");
	return RV_OK;
}

static enum rv_code check_walk(uint64_t fn, uint64_t sn, const struct rv_sha256 *at, size_t n,
	struct rv_sha256 *fr, struct rv_sha256 *sr, struct rv_err *err)
{
	for (size_t i = 0; i < n; i++) {
		if (sn == 0)
			return RV_FAIL(err, RV_ECORRUPT, "the proof has too many hashes");
		if ((fn & 1) || fn == sn) {
			rv_tree_node_hash(&at[i], fr, fr);
			rv_tree_node_hash(&at[i], sr, sr);
			for (; !(fn & 1) && fn != 0; fn >>= 1)
				sn >>= 1;
		} else {
			rv_tree_node_hash(sr, &at[i], sr);
		}
		fn >>= 1;
		sn >>= 1;
	}
	return sn == 0 ? RV_OK : RV_FAIL(err, RV_ECORRUPT, "the proof has too few hashes");
}

enum rv_code rv_tree_check_consistency(uint64_t old_size, const struct rv_sha256 *old,
	uint64_t new_size, const struct rv_sha256 *now, const struct rv_proof *p,
	struct rv_err *err)
{
	if (old_size > new_size)
		return RV_FAIL(err, RV_ECORRUPT, "the old tree is larger than the new one");
	if (old_size == 0 || old_size == new_size)
		return check_same(old_size, old, now, p, err);
	const struct rv_sha256 *at = p->hash;
	size_t n = p->n;
	struct rv_sha256 fr, sr;
	/* A complete old tree is its own first hash and is left out of the proof. */
	if ((old_size & (old_size - 1)) == 0) {
		fr = sr = *old;
	} else {
		if (n == 0)
			return RV_FAIL(err, RV_ECORRUPT, "the proof is empty");
		fr = sr = at[0];
		at++;
		n--;
	}
	uint64_t fn = old_size - 1, sn = new_size - 1;
	for (; fn & 1; fn >>= 1)
		sn >>= 1;
	RV_TRY(check_walk(fn, sn, at, n, &fr, &sr, err));
	if (!rv_sha256_eq(&fr, old))
		return RV_FAIL(err, RV_ECORRUPT, "the proof leads to another old root");
	if (!rv_sha256_eq(&sr, now))
		return RV_FAIL(err, RV_ECORRUPT, "the proof leads to another new root");
	return RV_OK;
}

void rv_proof_write(const struct rv_proof *p, struct rv_buf *out)
{
	for (size_t i = 0; i < p->n; i++) {
		rv_b64_add(out, rv_str_n(p->hash[i].b, 32));
		rv_buf_addc(out, '\n');
	}
}

enum rv_code rv_proof_parse(struct rv_str text, struct rv_proof *ret, struct rv_err *err)
{
	struct rv_proof p = { 0 };
	uint32_t line = 0;
	while (text.n > 0) {
		size_t end = rv_str_find(text, '\n', 0), n;
		uint8_t h[32];
		line++;
		if (end == SIZE_MAX)
			return RV_FAIL_AT(err, RV_EINVAL, NULL, line, 0, "the line has no end");
		if (p.n == RV_PROOF_MAX)
			return RV_FAIL_AT(err, RV_EINVAL, NULL, line, 0, "too many hashes");
		if (!rv_b64_parse(rv_str_sub(text, 0, end), h, sizeof h, &n) || n != 32)
			return RV_FAIL_AT(err, RV_EINVAL, NULL, line, 0, "not a base64 hash");
		memcpy(p.hash[p.n++].b, h, 32);
		text = rv_str_sub(text, end + 1, text.n);
	}
	*ret = p;
	return RV_OK;
}
