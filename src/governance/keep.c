/* First answers by request id, and bytes by their digest. */
#include "governance/governance_int.h"

enum rv_code rv_idem_find(struct rv_op *op, struct rv_str caller, struct rv_str request,
	struct rv_str digest, enum rv_idem *ret, struct rv_str *ret_answer, struct rv_err *err)
{
	struct rv_db_idem row = { .caller = caller, .request = request };
	struct rv_err e = { 0 };
	enum rv_code code = rv_db_idem_get(op->txn, op->arena, &row, &e);
	if (code != RV_OK && code != RV_ENOENT)
		return RV_FAIL(err, code, "%s", e.msg);
	if (code == RV_ENOENT || row.expires_ns <= op->now_ns) {
		*ret = RV_IDEM_NEW;
		return RV_OK;
	}
	*ret = rv_str_eq(row.digest, digest) ? RV_IDEM_SAME : RV_IDEM_OTHER;
	*ret_answer = row.answer;
	return RV_OK;
}

enum rv_code rv_idem_keep(struct rv_op *op, struct rv_str caller, struct rv_str request,
	struct rv_str digest, struct rv_str answer, struct rv_err *err)
{
	enum rv_idem is;
	struct rv_str first;
	RV_TRY(rv_idem_find(op, caller, request, digest, &is, &first, err));
	if (is != RV_IDEM_NEW)
		return RV_FAIL(err, RV_ECONFLICT, "request id '%.*s' was used already",
			RV_FMT(rv_str_sub(request, 0, 80)));
	const struct rv_db_idem row = { .caller = caller,
		.request = request,
		.digest = digest,
		.answer = answer,
		.at_ns = op->now_ns,
		.expires_ns = op->now_ns + RV_IDEM_NS };
	return rv_db_idem_put(op->txn, &row, err);
}

enum rv_code rv_idem_sweep(struct rv_op *op, int64_t *ret_n, struct rv_err *err)
{
	const struct rv_query q = { .where = { RV_Q_INT(idem, expires_ns, RV_CMP_LE, op->now_ns) },
		.n_where = 1 };
	return rv_db_idem_remove(op->txn, &q, ret_n, err);
}

enum rv_code rv_blob_put(
	struct rv_op *op, struct rv_str bytes, struct rv_str *ret_digest, struct rv_err *err)
{
	struct rv_db_blob row = { .bytes = bytes.p ? bytes : RV_STR(""), .created_ns = op->now_ns };
	RV_TRY(rv_op_digest(op, row.bytes, &row.digest, err));
	struct rv_err e = { 0 };
	enum rv_code code = rv_db_blob_insert(op->txn, &row, &e);
	if (code != RV_OK && code != RV_EEXIST)
		return RV_FAIL(err, code, "%s", e.msg);
	*ret_digest = row.digest;
	return RV_OK;
}

enum rv_code rv_blob_get(
	struct rv_op *op, struct rv_str digest, struct rv_str *ret_bytes, struct rv_err *err)
{
	struct rv_db_blob row = { .digest = digest };
	struct rv_str is;
	RV_TRY(rv_db_blob_get(op->txn, op->arena, &row, err));
	RV_TRY(rv_op_digest(op, row.bytes, &is, err));
	if (!rv_str_eq(is, digest))
		return RV_FAIL(err, RV_ECORRUPT, "the bytes of '%.*s' do not fit their digest",
			RV_FMT(digest));
	*ret_bytes = row.bytes;
	return RV_OK;
}
