/* Events on their way from the database to the ledger. A row is written in the transaction of the
 * change it tells of; it is appended in order after the commit, and goes with the next transaction.
 * A crash in between leaves rows that may be in the ledger already: at start each is looked up by
 * its event id first, so that none is there twice and none is missing. */
#include <string.h>

#include "governance/governance_int.h"
#include "ledger/ledger.h"

enum { DRAIN_BATCH = 256 };

bool rv_outbox_ledger_ok(struct rv_gov *g)
{
	return g->ledger && rv_ledger_ready(g->ledger, false, NULL) == RV_OK;
}

/* Whatever lies in the outbox is counted, so that no job is answered before it is in the ledger. */
enum rv_code rv_op_record(struct rv_op *op, struct rv_str id, struct rv_str bytes,
	struct rv_str side, struct rv_err *err)
{
	const struct rv_db_outbox row = { .seq = 0, .event_id = id, .bytes = bytes, .side = side };
	RV_TRY(rv_db_outbox_insert(op->txn, &row, err));
	op->n_events++;
	return RV_OK;
}

/* Stops, revocations and the program's own events may use the space that is kept for them. */
static bool is_control(struct rv_str bytes)
{
	static const char *const kinds[] = { "\"kind\":\"lifecycle.",
		"\"kind\":\"credential.revoked", "\"kind\":\"service.",
		"\"kind\":\"approval.denied" };
	for (size_t i = 0; i < RV_COUNT(kinds); i++)
		if (memmem(bytes.p, bytes.n, kinds[i], strlen(kinds[i])))
			return true;
	return false;
}

static enum rv_code read_rows(struct rv_gov *g, struct rv_arena *a, struct rv_db_outbox **ret,
	size_t *ret_n, uint64_t *ret_waiting, struct rv_err *err)
{
	struct rv_txn *txn;
	int64_t n = 0;
	const struct rv_query q = { .where = { RV_Q_INT(
					    outbox, seq, RV_CMP_GT, g->outbox_done_seq) },
		.n_where = 1,
		.is_ordered = true,
		.order_offset = offsetof(struct rv_db_outbox, seq),
		.limit = DRAIN_BATCH };
	RV_TRY(rv_store_begin(g->store, &txn, err));
	enum rv_code code = rv_db_outbox_list(txn, a, &q, ret, ret_n, err);
	const struct rv_query all = { .where = { q.where[0] }, .n_where = 1 };
	if (code == RV_OK)
		code = rv_store_count(txn, &rv_tab_outbox, &all, &n, err);
	rv_store_rollback(txn);
	*ret_waiting = (uint64_t)n;
	return code;
}

static enum rv_code append_rows(struct rv_gov *g, const struct rv_db_outbox *rows, size_t n,
	bool at_start, struct rv_err *err)
{
	struct rv_ledger_record records[DRAIN_BATCH];
	size_t k = 0;
	for (size_t i = 0; i < n; i++) {
		bool is_there = false;
		if (at_start)
			RV_TRY(rv_ledger_has(g->ledger, rows[i].event_id, &is_there, err));
		if (!is_there)
			records[k++] = (struct rv_ledger_record){ .event = rows[i].bytes,
				.side = rows[i].side,
				.is_control = is_control(rows[i].bytes) };
	}
	if (k > 0)
		RV_TRY(rv_ledger_append(g->ledger, records, k, NULL, err));
	g->outbox_done_seq = rows[n - 1].seq;
	return RV_OK;
}

enum rv_code rv_outbox_drain(
	struct rv_gov *g, bool at_start, uint64_t *ret_n, uint64_t *ret_waiting, struct rv_err *err)
{
	uint64_t total = 0;
	enum rv_code code = RV_OK;
	*ret_waiting = 0;
	if (!g->ledger)
		return RV_FAIL(err, RV_EAUDIT, "no ledger is open");
	for (;;) {
		RV_AUTO_ARENA a;
		rv_arena_init(&a, (size_t)1 << 30);
		struct rv_db_outbox *rows;
		size_t n;
		code = read_rows(g, &a, &rows, &n, ret_waiting, err);
		if (code != RV_OK || n == 0)
			break;
		rv_hook(g, "before-append");
		code = append_rows(g, rows, n, at_start, err);
		rv_hook(g, "after-append");
		if (code != RV_OK)
			break;
		total += n;
		*ret_waiting -= n;
	}
	if (ret_n)
		*ret_n = total;
	if (code != RV_OK && code != RV_EAUDIT && code != RV_ECORRUPT) {
		rv_err_prefix(err, "the audit record could not be made durable: ");
		return RV_EAUDIT;
	}
	return code;
}
