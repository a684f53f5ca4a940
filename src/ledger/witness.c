/* What others do with our bytes, without the log: the witness's question, and the receipt.
 *
 * Receipt (c2sp.org/tlog-proof@v1):
 *     c2sp.org/tlog-proof@v1 \n
 *     extra BASE64 \n                   by us the leaf; may be missing
 *     index N \n
 *     base64 hashes, leaf side first, one a line
 *     \n
 *     the checkpoint, byte by byte */
#include "ledger/ledger_int.h"

#define MAGIC "c2sp.org/tlog-proof@v1"

enum rv_code rv_witness_check(const char *vkey, struct rv_str stored, struct rv_str now,
	struct rv_str proof, struct rv_err *err)
{
	struct rv_checkpoint old = { 0 }, c;
	struct rv_proof p;
	RV_TRY(rv_checkpoint_open(now, vkey, &c, err));
	RV_TRY(rv_proof_parse(proof, &p, err));
	if (stored.n == 0) {
		if (p.n != 0)
			return RV_FAIL(err, RV_EINVAL, "a first checkpoint comes without a proof");
		return RV_OK;
	}
	RV_TRY(rv_checkpoint_open(stored, vkey, &old, err));
	if (c.size < old.size)
		return RV_FAIL(err, RV_ECONFLICT,
			"the log shrank: %llu events were seen, this checkpoint has %llu",
			(unsigned long long)old.size, (unsigned long long)c.size);
	if (c.size == old.size && !rv_sha256_eq(&c.root, &old.root))
		return RV_FAIL(err, RV_ECONFLICT, "two signed roots for one size, %llu",
			(unsigned long long)c.size);
	enum rv_code code =
		rv_tree_check_consistency(old.size, &old.root, c.size, &c.root, &p, err);
	if (code != RV_OK)
		rv_err_prefix(err, "the %llu events seen are not the beginning of this log: ",
			(unsigned long long)old.size);
	return code;
}

void rv_receipt_write(uint64_t index, struct rv_str leaf, const struct rv_proof *p,
	struct rv_str checkpoint, struct rv_buf *out)
{
	rv_buf_addz(out, MAGIC "\n");
	if (leaf.n > 0) {
		rv_buf_addz(out, "extra ");
		rv_b64_add(out, leaf);
		rv_buf_addc(out, '\n');
	}
	rv_buf_printf(out, "index %llu\n", (unsigned long long)index);
	rv_proof_write(p, out);
	rv_buf_addc(out, '\n');
	rv_buf_add(out, checkpoint);
}

static bool take_line(struct rv_str *rest, struct rv_str *ret)
{
	size_t end = rv_str_find(*rest, '\n', 0);
	if (end == SIZE_MAX)
		return false;
	*ret = rv_str_sub(*rest, 0, end);
	*rest = rv_str_sub(*rest, end + 1, rest->n);
	return true;
}

enum rv_code rv_receipt_parse(struct rv_str receipt, struct rv_receipt *ret, struct rv_err *err)
{
	struct rv_receipt r = { .extra = RV_STR("") };
	struct rv_str rest = receipt, line;
	if (!take_line(&rest, &line) || !rv_str_eqz(line, MAGIC))
		return RV_FAIL_AT(err, RV_EINVAL, NULL, 1, 0, "not a " MAGIC " receipt");
	if (!take_line(&rest, &line))
		return RV_FAIL_AT(err, RV_EINVAL, NULL, 2, 0, "the receipt ends early");
	if (rv_str_starts(line, RV_STR("extra "))) {
		r.extra = rv_str_sub(line, 6, line.n);
		if (!take_line(&rest, &line))
			return RV_FAIL_AT(err, RV_EINVAL, NULL, 3, 0, "the receipt ends early");
	}
	struct rv_str digits = rv_str_sub(line, 6, line.n);
	if (!rv_str_starts(line, RV_STR("index ")) || !rv_str_u64(digits, &r.index) ||
		(digits.n > 1 && digits.p[0] == '0'))
		return RV_FAIL(err, RV_EINVAL, "the receipt has no index");
	size_t n = 0;
	for (;; n++) {
		size_t end = rv_str_find(rest, '\n', n);
		if (end == SIZE_MAX)
			return RV_FAIL(err, RV_EINVAL, "the receipt ends early");
		if (end == n)
			break;
		n = end;
	}
	RV_TRY(rv_proof_parse(rv_str_sub(rest, 0, n), &r.proof, err));
	r.note = rv_str_sub(rest, n + 1, rest.n);
	*ret = r;
	return RV_OK;
}

enum rv_code rv_receipt_leaf(const struct rv_receipt *r, struct rv_buf *out, struct rv_err *err)
{
	size_t n;
	if (r->extra.n == 0)
		return RV_FAIL(err, RV_ENOENT,
			"the receipt does not hold the event; give its leaf beside it");
	char *p = rv_buf_room(out, r->extra.n);
	if (!p)
		return rv_buf_ok(out, err);
	if (r->extra.n > 4 * (size_t)RV_LEDGER_LEAF_MAX ||
		!rv_b64_parse(r->extra, (uint8_t *)p, r->extra.n, &n))
		return RV_FAIL_AT(err, RV_EINVAL, NULL, 2, 0, "the event is not base64");
	out->n += n;
	return RV_OK;
}

enum rv_code rv_receipt_check(struct rv_str receipt, struct rv_str leaf, const char *vkey,
	uint64_t *ret_index, uint64_t *ret_size, struct rv_err *err)
{
	struct rv_receipt r;
	struct rv_checkpoint c;
	struct rv_sha256 h;
	RV_AUTO_BUF own;
	rv_buf_init(&own, 4 * RV_LEDGER_LEAF_MAX);
	if (!vkey)
		return RV_FAIL(err, RV_EINVAL, "a receipt proves nothing without the log's key");
	RV_TRY(rv_receipt_parse(receipt, &r, err));
	if (r.extra.n > 0)
		RV_TRY(rv_receipt_leaf(&r, &own, err));
	if (leaf.n == 0 && own.n == 0)
		return RV_FAIL(err, RV_EINVAL,
			"the receipt does not hold the event; give its leaf beside it");
	if (leaf.n > 0 && own.n > 0 && !rv_str_eq(leaf, rv_buf_str(&own)))
		return RV_FAIL(err, RV_ECORRUPT, "the receipt is of another event than this leaf");
	RV_TRY(rv_checkpoint_open(r.note, vkey, &c, err));
	rv_tree_leaf_hash(leaf.n > 0 ? leaf : rv_buf_str(&own), &h);
	RV_TRY(rv_tree_check_inclusion(&h, r.index, c.size, &r.proof, &c.root, err));
	*ret_index = r.index;
	*ret_size = c.size;
	return RV_OK;
}
