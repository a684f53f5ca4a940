/* Readers for those outside this folder. */
#include "ledger/ledger_int.h"

enum { AHEAD = 256 << 10 };

struct rv_ledger_reader {
	struct rv_reader r;
};

struct rv_ledger_reader *rv_ledger_reader_new(struct rv_ledger *l, enum rv_ledger_order order)
{
	struct rv_ledger_reader *r = calloc(1, sizeof *r);
	rv_assert(l && l->magic == RV_LEDGER_MAGIC);
	if (!r)
		return NULL;
	rv_reader_init(&r->r, l);
	r->r.ahead = order == RV_READ_RANDOM ? 0 : AHEAD;
	r->r.is_forward = order == RV_READ_FORWARD;
	return r;
}

void rv_ledger_reader_free(struct rv_ledger_reader *r)
{
	if (!r)
		return;
	rv_reader_done(&r->r);
	free(r);
}

enum rv_code rv_ledger_reader_get(
	struct rv_ledger_reader *r, uint64_t seq, struct rv_ledger_entry *ret, struct rv_err *err)
{
	return rv_reader_get(&r->r, seq, ret, err);
}

enum rv_code rv_ledger_reader_row(struct rv_ledger_reader *r, uint64_t seq,
	struct rv_ledger_entry *ret, bool *ret_is_there, struct rv_err *err)
{
	return rv_reader_try(&r->r, seq, ret, ret_is_there, err);
}
