/* Events that fit, newest first by page, or oldest first for followers. */
#include "search/search_int.h"

enum { LIMIT = 100, FOLLOW = 10000 };

struct finder {
	rv_ledger_each *each;
	void *arg;
	size_t left;
	uint64_t next;
	bool has_budget; /* reads of what is not indexed are bounded */
};

/* True: go on. */
static bool hand_out(struct finder *f, const struct rv_ledger_entry *e)
{
	bool more = f->each(f->arg, e);
	if (more && --f->left > 0)
		return true;
	f->next = e->seq;
	return false;
}

static enum rv_code scan(struct rv_walk *w, const struct rv_part *p, struct finder *f,
	bool *ret_go_on, struct rv_err *err)
{
	uint64_t from = p->first > w->lo ? p->first : w->lo;
	uint64_t seq = p->first + p->n < w->hi ? p->first + p->n : w->hi;
	while (seq-- > from) {
		struct rv_ledger_entry e;
		bool fits;
		if (f->has_budget && w->reads_left-- == 0) {
			f->next = seq + 1;
			*ret_go_on = false;
			return RV_OK;
		}
		RV_TRY(rv_walk_read(w, w->backward, seq, &e, &fits, err));
		if (fits && !hand_out(f, &e)) {
			*ret_go_on = false;
			return RV_OK;
		}
	}
	return RV_OK;
}

/* Rows of an indexed part; each is read and held against the query. */
static enum rv_code on_part(
	struct rv_walk *w, const struct rv_part *p, void *arg, bool *ret_go_on, struct rv_err *err)
{
	struct finder *f = arg;
	const struct rv_rows *rows = w->frames;
	if (!p->shard && !p->is_open)
		return scan(w, p, f, ret_go_on, err);
	for (size_t i = RV_ROW_WORDS; i-- > 0;) {
		for (uint64_t bits = rows->may[i]; bits;) {
			unsigned bit = 63 - (unsigned)__builtin_clzll(bits);
			struct rv_ledger_entry e;
			bool fits;
			bits &= ~(UINT64_C(1) << bit);
			RV_TRY(rv_walk_read(w, w->random, p->first + i * 64 + bit, &e, &fits, err));
			if (!fits && p->shard && e.leaf.n > 0 && (rows->must[i] >> bit & 1)) {
				/* The index is wrong: leave it and read the rest of the part. */
				struct rv_part rest = { .first = p->first, .n = i * 64 + bit };
				rv_search_distrust(w->s, p->shard);
				return scan(w, &rest, f, ret_go_on, err);
			}
			if (fits && !hand_out(f, &e)) {
				*ret_go_on = false;
				return RV_OK;
			}
		}
	}
	return RV_OK;
}

enum rv_code rv_search_events(struct rv_search *s, const struct rv_search_ask *ask,
	rv_ledger_each *each, void *arg, uint64_t *ret_next, struct rv_err *err)
{
	struct rv_walk w;
	struct finder f = { .each = each,
		.arg = arg,
		.left = ask->limit ? ask->limit : LIMIT,
		.has_budget = ask->reads > 0 };
	enum rv_code code = rv_walk_init(&w, s, ask, NULL, NULL, err);
	if (code == RV_OK)
		code = rv_walk_run(&w, on_part, &f, err);
	rv_walk_done(&w);
	if (code == RV_OK && ret_next)
		*ret_next = f.next;
	return code;
}

/* ---- forward ---- */

static enum rv_code forward(struct rv_ledger_reader *r, struct rv_doc *d,
	const struct rv_search_ask *ask, uint64_t *seq, uint64_t end, rv_ledger_each *each,
	void *arg, struct rv_err *err)
{
	struct rv_ledger_entry e;
	size_t left = ask->limit ? ask->limit : LIMIT;
	for (; *seq < end && left > 0; (*seq)++) {
		struct rv_err here = { 0 };
		enum rv_code code = rv_ledger_reader_get(r, *seq, &e, &here);
		if (code == RV_ENOENT) /* retention dropped it */
			continue;
		if (code == RV_OK)
			code = rv_doc_load(d, e.event, &here);
		if (code != RV_OK) {
			if (err)
				*err = here;
			return code;
		}
		if (ask->query && !rv_doc_match(ask->query, d, *seq, e.logged_ns))
			continue;
		left--;
		if (!each(arg, &e)) {
			(*seq)++;
			return RV_OK;
		}
	}
	return RV_OK;
}

enum rv_code rv_search_follow(struct rv_search *s, const struct rv_search_ask *ask, uint64_t from,
	rv_ledger_each *each, void *arg, uint64_t *ret_next, struct rv_err *err)
{
	uint64_t size = rv_ledger_size(s->ledger), seq = from < size ? from : size;
	size_t reads = ask->reads ? ask->reads : FOLLOW;
	uint64_t end = size - seq > reads ? seq + reads : size;
	struct rv_doc d;
	rv_doc_init(&d);
	struct rv_ledger_reader *r = rv_ledger_reader_new(s->ledger, RV_READ_FORWARD);
	enum rv_code code = r ? forward(r, &d, ask, &seq, end, each, arg, err)
			      : RV_FAIL(err, RV_ENOMEM, "out of memory");
	rv_ledger_reader_free(r);
	rv_doc_done(&d);
	if (code == RV_OK)
		*ret_next = seq;
	return code;
}
