/* Using an approval: judged anew against what has to be waived now and who may waive it now,
 * consumed once. */
#include "governance/hold_int.h"

static bool covers(const struct rv_hold *h, const struct rv_waive *need, size_t n_need)
{
	for (size_t i = 0; i < n_need; i++) {
		bool found = false;
		for (size_t k = 0; k < h->n_waives; k++)
			found = found ||
				(rv_str_eq(h->waives[k].id, need[i].id) &&
					rv_str_eq(h->waives[k].hash, need[i].hash) &&
					h->waives[k].quorum >= need[i].quorum);
		if (!found)
			return false;
	}
	return true;
}

static enum rv_code system_runs(struct rv_op *op, struct rv_str name, bool *ret, struct rv_err *err)
{
	struct rv_db_system s = { .name = name };
	RV_TRY(rv_db_system_get(op->txn, op->arena, &s, err));
	*ret = rv_str_eqz(s.state, "active") && !s.frozen;
	return RV_OK;
}

static enum rv_code judge_open(struct rv_op *op, struct rv_hold *h, const struct rv_waive *need,
	size_t n_need, enum rv_use *ret, struct rv_err *err)
{
	bool runs, waits = rv_str_eqz(h->row.state, "pending");
	RV_TRY(system_runs(op, h->row.system, &runs, err));
	if (!runs) {
		*ret = RV_USE_SUSPENDED;
		return RV_OK;
	}
	if ((waits ? h->row.expires_ns : h->row.use_until_ns) <= op->now_ns) {
		*ret = RV_USE_EXPIRED;
		return rv_hold_move(
			op, &h->row, "expired", RV_EV_APPROVAL_EXPIRED, RV_STR("time is up"), err);
	}
	if (!covers(h, need, n_need) || (!waits && h->missing > 0)) {
		*ret = RV_USE_STALE;
		return rv_hold_move(op, &h->row, "stale", RV_EV_APPROVAL_STALE,
			RV_STR("what has to be waived, or who may, changed"), err);
	}
	*ret = waits ? RV_USE_PENDING : RV_USE_OK;
	return RV_OK;
}

static enum rv_code judge(struct rv_op *op, struct rv_hold *h, struct rv_str digest,
	const struct rv_waive *need, size_t n_need, enum rv_use *ret, struct rv_err *err)
{
	struct rv_str state = h->row.state;
	if (!rv_str_eq(h->row.digest, digest))
		*ret = RV_USE_MISMATCH;
	else if (rv_str_eqz(state, "denied"))
		*ret = RV_USE_DENIED;
	else if (rv_str_eqz(state, "consumed"))
		*ret = RV_USE_USED;
	else if (rv_str_eqz(state, "expired"))
		*ret = RV_USE_EXPIRED;
	else if (rv_str_eqz(state, "pending") || rv_str_eqz(state, "approved"))
		return judge_open(op, h, need, n_need, ret, err);
	else
		*ret = RV_USE_STALE; /* stale, withdrawn */
	return RV_OK;
}

/* Without an id: what can be used, else what waits, else a fresh denial; old endings are no answer.
 */
static enum rv_code by_digest(struct rv_op *op, struct rv_str system, struct rv_str digest,
	struct rv_db_approval *ret, bool *ret_found, struct rv_err *err)
{
	struct rv_db_approval *rows;
	size_t n;
	int best = 0;
	const struct rv_query q = { .where = { RV_Q_STR(approval, system, RV_CMP_EQ, system),
					    RV_Q_STR(approval, digest, RV_CMP_EQ, digest) },
		.n_where = 2 };
	RV_TRY(rv_db_approval_list(op->txn, op->arena, &q, &rows, &n, err));
	for (size_t i = 0; i < n; i++) {
		int rank = 0;
		if (rv_str_eqz(rows[i].state, "approved"))
			rank = 3;
		else if (rv_str_eqz(rows[i].state, "pending"))
			rank = 2;
		else if (rv_str_eqz(rows[i].state, "denied") &&
			op->now_ns - rows[i].decided_ns < RV_HOLD_DENIED_NS)
			rank = 1;
		if (rank > best) {
			best = rank;
			*ret = rows[i];
		}
	}
	*ret_found = best > 0;
	return RV_OK;
}

enum rv_code rv_hold_find(struct rv_op *op, struct rv_str id, struct rv_str system,
	struct rv_str digest, const struct rv_waive *need, size_t n_need, enum rv_use *ret_use,
	struct rv_hold *ret, struct rv_err *err)
{
	struct rv_db_approval row;
	bool found = false;
	*ret_use = RV_USE_NONE;
	if (id.n > 0) {
		struct rv_err e = { 0 };
		enum rv_code code = rv_hold_row(op, id, &row, &e);
		if (code != RV_OK && code != RV_ENOENT)
			return RV_FAIL(err, code, "%s", e.msg);
		/* Another system's approval is none. */
		found = code == RV_OK && rv_str_eq(row.system, system);
	} else {
		RV_TRY(by_digest(op, system, digest, &row, &found, err));
	}
	if (!found)
		return RV_OK;
	RV_TRY(rv_hold_view(op, &row, ret, err));
	return judge(op, ret, digest, need, n_need, ret_use, err);
}

enum rv_code rv_hold_consume(struct rv_op *op, struct rv_str id, struct rv_str digest,
	const struct rv_waive *need, size_t n_need, struct rv_hold *ret, struct rv_err *err)
{
	struct rv_db_approval row;
	enum rv_use use;
	RV_TRY(rv_hold_row(op, id, &row, err));
	RV_TRY(rv_hold_view(op, &row, ret, err));
	RV_TRY(judge(op, ret, digest, need, n_need, &use, err));
	if (use != RV_USE_OK)
		return RV_FAIL(err, RV_ECONFLICT, "approval '%.*s' (%.*s) cannot be used now",
			RV_FMT(id), RV_FMT(row.state));
	ret->row.consumed_ns = op->now_ns;
	return rv_hold_move(
		op, &ret->row, "consumed", RV_EV_APPROVAL_CONSUMED, (struct rv_str){ 0 }, err);
}

static enum rv_code sweep_state(struct rv_op *op, const char *state, struct rv_where due,
	int64_t *ret_n, struct rv_err *err)
{
	struct rv_db_approval *rows;
	size_t n;
	const struct rv_query q = {
		.where = { RV_Q_STR(approval, state, RV_CMP_EQ, rv_str_of(state)), due },
		.n_where = 2
	};
	RV_TRY(rv_db_approval_list(op->txn, op->arena, &q, &rows, &n, err));
	for (size_t i = 0; i < n; i++)
		RV_TRY(rv_hold_move(op, &rows[i], "expired", RV_EV_APPROVAL_EXPIRED,
			RV_STR("time is up"), err));
	*ret_n += (int64_t)n;
	return RV_OK;
}

enum rv_code rv_hold_sweep(struct rv_op *op, int64_t *ret_n, struct rv_err *err)
{
	*ret_n = 0;
	RV_TRY(sweep_state(
		op, "pending", RV_Q_INT(approval, expires_ns, RV_CMP_LE, op->now_ns), ret_n, err));
	return sweep_state(op, "approved", RV_Q_INT(approval, use_until_ns, RV_CMP_LE, op->now_ns),
		ret_n, err);
}

static enum rv_code end_all(struct rv_op *op, const char *from, struct rv_where a,
	const struct rv_where *b, const char *to, enum rv_event_kind kind, struct rv_str why,
	struct rv_err *err)
{
	struct rv_db_approval *rows;
	size_t n;
	struct rv_query q = { .where = { RV_Q_STR(approval, state, RV_CMP_EQ, rv_str_of(from)), a },
		.n_where = 2 };
	if (b)
		q.where[q.n_where++] = *b;
	RV_TRY(rv_db_approval_list(op->txn, op->arena, &q, &rows, &n, err));
	for (size_t i = 0; i < n; i++)
		RV_TRY(rv_hold_move(op, &rows[i], to, kind, why, err));
	return RV_OK;
}

enum rv_code rv_hold_withdraw_all(
	struct rv_op *op, struct rv_str system, struct rv_str why, struct rv_err *err)
{
	const struct rv_where of = RV_Q_STR(approval, system, RV_CMP_EQ, system);
	RV_TRY(end_all(op, "pending", of, NULL, "withdrawn", RV_EV_APPROVAL_WITHDRAWN, why, err));
	return end_all(op, "approved", of, NULL, "withdrawn", RV_EV_APPROVAL_WITHDRAWN, why, err);
}

enum rv_code rv_hold_stale_approved(
	struct rv_op *op, struct rv_str system, struct rv_str why, struct rv_err *err)
{
	return end_all(op, "approved", RV_Q_STR(approval, system, RV_CMP_EQ, system), NULL, "stale",
		RV_EV_APPROVAL_STALE, why, err);
}

enum rv_code rv_hold_stale_resource(
	struct rv_op *op, struct rv_str type, struct rv_str id, struct rv_err *err)
{
	const struct rv_where t = RV_Q_STR(approval, resource_type, RV_CMP_EQ, type);
	const struct rv_where i = RV_Q_STR(approval, resource_id, RV_CMP_EQ, id);
	const struct rv_str why = RV_STR("the resource's entry in the catalogue changed");
	RV_TRY(end_all(op, "pending", t, &i, "stale", RV_EV_APPROVAL_STALE, why, err));
	return end_all(op, "approved", t, &i, "stale", RV_EV_APPROVAL_STALE, why, err);
}
