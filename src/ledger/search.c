/* Search, newest first: a scan of the columns, a few thousand records under the lock at a time, and
 * a look at the record only where the columns fit. */
#include "ledger/ledger_int.h"

enum { ROWS = 8192, HITS = 256, LIMIT = 100, AHEAD = 256 << 10 };

struct search {
	struct rv_ledger *l;
	const struct rv_ledger_query *q;
	uint64_t before; /* the next to look at is one less */
	bool is_over;
	uint64_t hit[HITS];
	size_t n_hits;
	uint8_t *fits[RV_W_COUNT]; /* by word; NULL: not filtered */
};

static bool word_fits(struct rv_str word, struct rv_str want, bool may_star)
{
	if (may_star && want.p[want.n - 1] == '*')
		return rv_str_starts(word, rv_str_sub(want, 0, want.n - 1));
	return rv_str_eq(word, want);
}

static void fits_free(struct search *s)
{
	for (int i = 0; i < RV_W_COUNT; i++) {
		free(s->fits[i]);
		s->fits[i] = NULL;
	}
}

static bool fits_make(struct search *s, const struct rv_dict *d)
{
	const struct rv_str want[RV_W_COUNT] = { s->q->system, s->q->action, s->q->outcome,
		s->q->kind };
	fits_free(s);
	for (int i = 0; i < RV_W_COUNT; i++) {
		if (want[i].n == 0)
			continue;
		s->fits[i] = malloc(d->n);
		if (!s->fits[i])
			return false;
		for (uint32_t w = 0; w < d->n; w++)
			s->fits[i][w] = word_fits(rv_dict_word(d, w), want[i], i != RV_W_OUTCOME);
	}
	return true;
}

static bool row_fits(const struct search *s, const struct rv_seg *seg, uint64_t i)
{
	for (int k = 0; k < RV_W_COUNT; k++) {
		uint32_t w = seg->word[k][i];
		if (s->fits[k] && (w >= seg->dict.n || !s->fits[k][w]))
			return false;
	}
	return true;
}

/* Rows of seg logged before t; logged never decreases. */
static uint64_t rows_before(const struct rv_seg *seg, uint64_t n, int64_t t)
{
	uint64_t from = 0, to = n;
	while (from < to) {
		uint64_t mid = from + (to - from) / 2;
		if (seg->logged[mid] < t)
			from = mid + 1;
		else
			to = mid;
	}
	return from;
}

/* mu held: fills hit from rows of one segment. */
static bool scan(struct search *s)
{
	const struct rv_seg *seg = rv_ledger_seg(s->l, s->before - 1);
	uint64_t i = s->before - seg->first, looked = 0;
	if (s->q->until_ns)
		i = rows_before(seg, i, s->q->until_ns);
	if (!fits_make(s, &seg->dict))
		return false;
	for (; i > 0 && looked < ROWS && s->n_hits < HITS; i--, looked++) {
		if (s->q->since_ns && seg->logged[i - 1] < s->q->since_ns) {
			s->is_over = true;
			break;
		}
		if (row_fits(s, seg, i - 1))
			s->hit[s->n_hits++] = seg->first + i - 1;
	}
	s->before = seg->first + i;
	return true;
}

static enum rv_code step(struct search *s, struct rv_err *err)
{
	s->n_hits = 0;
	rv_assert(pthread_mutex_lock(&s->l->mu) == 0);
	bool ok = scan(s);
	rv_assert(pthread_mutex_unlock(&s->l->mu) == 0);
	return ok ? RV_OK : RV_FAIL(err, RV_ENOMEM, "out of memory");
}

static bool has_text(struct rv_str event, struct rv_str text)
{
	return text.n == 0 || memmem(event.p, event.n, text.p, text.n) != NULL;
}

static enum rv_code run(struct search *s, struct rv_reader *r, rv_ledger_each *each, void *arg,
	uint64_t *ret_next, struct rv_err *err)
{
	size_t left = s->q->limit ? s->q->limit : LIMIT;
	struct rv_ledger_entry e;
	*ret_next = 0;
	while (s->before > 0 && !s->is_over) {
		RV_TRY(step(s, err));
		for (size_t i = 0; i < s->n_hits; i++) {
			bool is_there;
			RV_TRY(rv_reader_try(r, s->hit[i], &e, &is_there, err));
			if (!is_there)
				continue; /* dropped by retention */
			if (!has_text(e.event, s->q->text))
				continue;
			if (!each(arg, &e) || --left == 0) {
				*ret_next = s->hit[i];
				return RV_OK;
			}
		}
	}
	return RV_OK;
}

enum rv_code rv_ledger_search(struct rv_ledger *l, const struct rv_ledger_query *q,
	rv_ledger_each *each, void *arg, uint64_t *ret_next, struct rv_err *err)
{
	struct search s = { .l = l, .q = q, .before = rv_ledger_size(l) };
	struct rv_reader r;
	uint64_t next;
	if (q->before_seq && q->before_seq < s.before)
		s.before = q->before_seq;
	rv_reader_init(&r, l);
	r.ahead = q->text.n > 0 ? AHEAD : 0;
	enum rv_code code = run(&s, &r, each, arg, &next, err);
	fits_free(&s);
	rv_reader_done(&r);
	if (code == RV_OK && ret_next)
		*ret_next = next;
	return code;
}
