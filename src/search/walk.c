/* One question over the whole log, newest first: the tail that is not indexed, the open shard, the
 * sealed ones. The open shard grows meanwhile, so it is evaluated once, at the beginning. */
#include "search/search_int.h"

enum { READS = 20000 };

/* The sequence numbers and times outside of which nothing can fit. */
static void narrow(struct rv_walk *w, const struct rv_search_query *q)
{
	if (q->op == RV_Q_AND)
		for (const struct rv_search_query *k = q->kids; k; k = k->next)
			narrow(w, k);
	if (q->op == RV_Q_SEQ) {
		if (q->lo > 0 && (uint64_t)q->lo > w->lo)
			w->lo = (uint64_t)q->lo;
		if (q->hi < INT64_MAX && (uint64_t)q->hi + 1 < w->hi)
			w->hi = (uint64_t)q->hi + 1;
	}
	if (q->op == RV_Q_TIME) {
		w->lo_ns = q->lo > w->lo_ns ? q->lo : w->lo_ns;
		w->hi_ns = q->hi < w->hi_ns ? q->hi : w->hi_ns;
	}
}

static void mask(struct rv_walk *w, uint64_t first, uint64_t n)
{
	static const struct rv_rows none;
	struct rv_rows *f = w->frames;
	uint64_t from = w->lo > first ? w->lo - first : 0,
		 to = w->hi < first + n ? w->hi - first : n;
	if (w->hi <= first || from >= to) {
		*f = none;
		return;
	}
	for (uint64_t i = 0; i < RV_ROW_WORDS; i++) {
		uint64_t keep = UINT64_MAX;
		if (i < from / 64 || i * 64 >= to)
			keep = 0;
		if (i == from / 64)
			keep &= UINT64_MAX << from % 64;
		if (i == to / 64)
			keep &= (UINT64_C(1) << to % 64) - 1;
		f->must[i] &= keep;
		f->may[i] &= keep;
	}
}

/* What the walk sees of the index: rdlock held. */
static enum rv_code take(struct rv_walk *w, rv_part_fn *on_open, void *arg, struct rv_err *err)
{
	struct rv_search *s = w->s;
	const struct rv_view v = { .build = s->open };
	bool go_on;
	w->n_shards = s->n_shards;
	w->shards = malloc((s->n_shards + 1) * sizeof *w->shards);
	if (!w->shards)
		return RV_FAIL(err, RV_ENOMEM, "out of memory");
	if (s->n_shards > 0)
		memcpy(w->shards, s->shards, s->n_shards * sizeof *w->shards);
	w->open_first = s->open->first;
	w->open_n = s->open->n;
	if (w->open_n == 0)
		return RV_OK;
	rv_eval(&v, w->q, w->frames);
	mask(w, w->open_first, w->open_n);
	*w->open_rows = w->frames[0];
	const struct rv_part p = { .first = w->open_first, .n = w->open_n, .is_open = true };
	return on_open ? on_open(w, &p, arg, &go_on, err) : RV_OK;
}

enum rv_code rv_walk_init(struct rv_walk *w, struct rv_search *s, const struct rv_search_ask *ask,
	rv_part_fn *on_open, void *arg, struct rv_err *err)
{
	static const struct rv_search_query everything = { .op = RV_Q_ALL };
	rv_assert(s && s->magic == RV_SEARCH_MAGIC);
	*w = (struct rv_walk){ .s = s,
		.q = ask->query ? ask->query : &everything,
		.lo_ns = INT64_MIN,
		.hi_ns = INT64_MAX,
		.reads_left = ask->reads ? ask->reads : READS };
	rv_doc_init(&w->doc);
	w->random = rv_ledger_reader_new(s->ledger, RV_READ_RANDOM);
	w->backward = rv_ledger_reader_new(s->ledger, RV_READ_BACKWARD);
	w->frames = malloc((RV_EVAL_FRAMES + 1) * sizeof *w->frames);
	if (!w->random || !w->backward || !w->frames)
		return RV_FAIL(err, RV_ENOMEM, "out of memory");
	w->open_rows = w->frames + RV_EVAL_FRAMES;
	rv_assert(pthread_rwlock_rdlock(&s->lock) == 0);
	/* Taken under the lock: all that is indexed is below it. */
	w->size = w->hi = rv_ledger_size(s->ledger);
	if (ask->before_seq && ask->before_seq < w->hi)
		w->hi = ask->before_seq;
	narrow(w, w->q);
	enum rv_code code = take(w, on_open, arg, err);
	rv_assert(pthread_rwlock_unlock(&s->lock) == 0);
	return code;
}

void rv_walk_done(struct rv_walk *w)
{
	rv_ledger_reader_free(w->random);
	rv_ledger_reader_free(w->backward);
	rv_doc_done(&w->doc);
	free(w->frames);
	free(w->shards);
}

enum rv_code rv_walk_read(struct rv_walk *w, struct rv_ledger_reader *r, uint64_t seq,
	struct rv_ledger_entry *ret, bool *ret_fits, struct rv_err *err)
{
	struct rv_err e = { 0 };
	*ret_fits = false;
	*ret = (struct rv_ledger_entry){ .seq = seq };
	enum rv_code code = rv_ledger_reader_get(r, seq, ret, &e);
	if (code == RV_ENOENT) /* retention dropped it */
		return RV_OK;
	if (code == RV_OK)
		code = rv_doc_load(&w->doc, ret->event, &e);
	if (code != RV_OK) {
		if (err)
			*err = e;
		return code;
	}
	*ret_fits = rv_doc_match(w->q, &w->doc, seq, ret->logged_ns);
	return RV_OK;
}

enum rv_code rv_walk_settle(struct rv_walk *w, const struct rv_part *p, struct rv_err *err)
{
	struct rv_rows *f = w->frames;
	for (size_t i = 0; i < RV_ROW_WORDS; i++) {
		for (uint64_t open = f->may[i] & ~f->must[i]; open; open &= open - 1) {
			struct rv_ledger_entry e;
			bool fits;
			if (w->reads_left == 0) {
				w->is_short = true;
				memcpy(f->may, f->must, sizeof f->may);
				return RV_OK;
			}
			w->reads_left--;
			unsigned bit = (unsigned)__builtin_ctzll(open);
			RV_TRY(rv_walk_read(w, w->random, p->first + i * 64 + bit, &e, &fits, err));
			if (fits)
				f->must[i] |= UINT64_C(1) << bit;
		}
		f->may[i] = f->must[i];
	}
	return RV_OK;
}

static enum rv_code on_shard(
	struct rv_walk *w, size_t i, rv_part_fn *fn, void *arg, bool *go_on, struct rv_err *err)
{
	struct rv_shard *sh = w->shards[i];
	struct rv_part p = { .first = i * w->s->shard_rows, .n = w->s->shard_rows };
	if (p.first >= w->hi || p.first + p.n <= w->lo)
		return RV_OK;
	p.shard = rv_search_trusted(w->s, sh);
	if (!p.shard)
		return fn(w, &p, arg, go_on, err);
	if (sh->max_ns < w->lo_ns || sh->min_ns > w->hi_ns)
		return RV_OK;
	const struct rv_view v = { .shard = sh };
	rv_eval(&v, w->q, w->frames);
	mask(w, p.first, p.n);
	return fn(w, &p, arg, go_on, err);
}

enum rv_code rv_walk_run(struct rv_walk *w, rv_part_fn *fn, void *arg, struct rv_err *err)
{
	uint64_t indexed = w->open_first + w->open_n;
	bool go_on = true;
	if (w->size > indexed && w->hi > indexed) {
		const struct rv_part p = { .first = indexed, .n = w->size - indexed };
		RV_TRY(fn(w, &p, arg, &go_on, err));
	}
	if (go_on && w->open_n > 0) {
		const struct rv_part p = {
			.first = w->open_first, .n = w->open_n, .is_open = true
		};
		w->frames[0] = *w->open_rows;
		RV_TRY(fn(w, &p, arg, &go_on, err));
	}
	for (size_t i = w->n_shards; i > 0 && go_on; i--)
		RV_TRY(on_shard(w, i - 1, fn, arg, &go_on, err));
	return RV_OK;
}
