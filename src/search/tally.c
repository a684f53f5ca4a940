/* Counts, words and times of what fits, without reading it where the index knows. */
#include "search/search_int.h"

enum { FACETS = 10 };

static uint64_t set_count(const uint64_t *set)
{
	uint64_t n = 0;
	for (size_t i = 0; i < RV_ROW_WORDS; i++)
		n += (uint64_t)__builtin_popcountll(set[i]);
	return n;
}

/* What is asked of each part: rows of an indexed one, or one event that was read. */
struct tally {
	enum rv_code (*on_rows)(
		struct tally *t, const struct rv_view *v, const uint64_t *set, struct rv_err *err);
	enum rv_code (*on_doc)(struct tally *t, const struct rv_ledger_entry *e,
		const struct rv_doc *d, struct rv_err *err);
	uint64_t n;
	/* facets */
	enum rv_field field;
	struct rv_arena *a;
	struct rv_search_facet *slots;
	size_t n_slots, n_words;
	const uint64_t *set;
	uint32_t n_rows;
	bool is_whole; /* all rows of the part */
	bool failed;
	/* histogram */
	int64_t from_ns, step_ns;
	size_t n_buckets;
	uint64_t *buckets;
};

static enum rv_code scan(
	struct rv_walk *w, const struct rv_part *p, struct tally *t, struct rv_err *err)
{
	uint64_t from = p->first > w->lo ? p->first : w->lo;
	uint64_t seq = p->first + p->n < w->hi ? p->first + p->n : w->hi;
	while (seq-- > from) {
		struct rv_ledger_entry e;
		bool fits;
		if (w->reads_left == 0) {
			w->is_short = true;
			return RV_OK;
		}
		w->reads_left--;
		RV_TRY(rv_walk_read(w, w->backward, seq, &e, &fits, err));
		if (fits)
			RV_TRY(t->on_doc(t, &e, &w->doc, err));
	}
	return RV_OK;
}

/* The open shard: while nobody adds to it. */
static enum rv_code on_open(
	struct rv_walk *w, const struct rv_part *p, void *arg, bool *ret_go_on, struct rv_err *err)
{
	struct tally *t = arg;
	const struct rv_view v = { .build = w->s->open };
	RV_TRY(rv_walk_settle(w, p, err));
	return t->on_rows(t, &v, w->frames->must, err);
}

static enum rv_code on_part(
	struct rv_walk *w, const struct rv_part *p, void *arg, bool *ret_go_on, struct rv_err *err)
{
	struct tally *t = arg;
	if (p->is_open)
		return RV_OK; /* done when the walk began */
	if (!p->shard)
		return scan(w, p, t, err);
	const struct rv_view v = { .shard = p->shard };
	RV_TRY(rv_walk_settle(w, p, err));
	return t->on_rows(t, &v, w->frames->must, err);
}

static enum rv_code run(struct rv_search *s, const struct rv_search_ask *ask, struct tally *t,
	bool *ret_exact, struct rv_err *err)
{
	struct rv_walk w;
	enum rv_code code = rv_walk_init(&w, s, ask, on_open, t, err);
	if (code == RV_OK)
		code = rv_walk_run(&w, on_part, t, err);
	*ret_exact = !w.is_short;
	rv_walk_done(&w);
	return code;
}

/* ---- count ---- */

static enum rv_code count_rows(
	struct tally *t, const struct rv_view *v, const uint64_t *set, struct rv_err *err)
{
	t->n += set_count(set);
	return RV_OK;
}

static enum rv_code count_doc(struct tally *t, const struct rv_ledger_entry *e,
	const struct rv_doc *d, struct rv_err *err)
{
	t->n++;
	return RV_OK;
}

enum rv_code rv_search_count(struct rv_search *s, const struct rv_search_ask *ask,
	struct rv_search_count *ret, struct rv_err *err)
{
	struct tally t = { .on_rows = count_rows, .on_doc = count_doc };
	bool is_exact = false;
	RV_TRY(run(s, ask, &t, &is_exact, err));
	*ret = (struct rv_search_count){ t.n, is_exact };
	return RV_OK;
}

/* ---- facets ---- */

static struct rv_search_facet *facet_slot(
	struct rv_search_facet *slots, size_t n_slots, struct rv_str word)
{
	size_t i = rv_str_hash(word, 0x66616365) & (n_slots - 1);
	while (slots[i].n && !rv_str_eq(slots[i].word, word))
		i = (i + 1) & (n_slots - 1);
	return &slots[i];
}

static bool facet_grow(struct tally *t)
{
	size_t n = t->n_slots ? t->n_slots * 2 : 256;
	struct rv_search_facet *slots = calloc(n, sizeof *slots);
	if (!slots)
		return false;
	for (size_t i = 0; i < t->n_slots; i++)
		if (t->slots[i].n)
			*facet_slot(slots, n, t->slots[i].word) = t->slots[i];
	free(t->slots);
	t->slots = slots;
	t->n_slots = n;
	return true;
}

static void facet_add(struct tally *t, struct rv_str word, uint64_t n)
{
	if (n == 0 || t->failed)
		return;
	if (t->n_words * 2 >= t->n_slots && !facet_grow(t)) {
		t->failed = true;
		return;
	}
	struct rv_search_facet *f = facet_slot(t->slots, t->n_slots, word);
	if (!f->n) {
		f->word = rv_arena_str(t->a, word);
		if (!f->word.p) {
			t->failed = true;
			return;
		}
		t->n_words++;
	}
	f->n += n;
}

static void facet_word(void *arg, struct rv_str word, const struct rv_post *p)
{
	struct tally *t = arg;
	facet_add(t, word,
		t->is_whole ? rv_post_count(p, t->n_rows) : rv_post_within(p, t->set, t->n_rows));
}

static enum rv_code facet_rows(
	struct tally *t, const struct rv_view *v, const uint64_t *set, struct rv_err *err)
{
	uint64_t n = set_count(set);
	t->set = set;
	t->n_rows = rv_view_n(v);
	t->is_whole = n == t->n_rows;
	if (n > 0)
		rv_view_words(v, (uint8_t)t->field, facet_word, t);
	return t->failed ? RV_FAIL_ARENA(err) : RV_OK;
}

static enum rv_code facet_doc(struct tally *t, const struct rv_ledger_entry *e,
	const struct rv_doc *d, struct rv_err *err)
{
	for (size_t i = 0; i < d->n_words; i++) {
		bool is_first = d->words[i].field == t->field;
		for (size_t k = 0; k < i && is_first; k++)
			is_first = d->words[k].field != t->field ||
				!rv_str_eq(d->words[k].s, d->words[i].s);
		if (is_first)
			facet_add(t, d->words[i].s, 1);
	}
	return t->failed ? RV_FAIL_ARENA(err) : RV_OK;
}

static int most_first(const void *a, const void *b)
{
	const struct rv_search_facet *x = a, *y = b;
	if (x->n != y->n)
		return x->n > y->n ? -1 : 1;
	return rv_str_cmp(x->word, y->word);
}

static enum rv_code facets_out(struct tally *t, size_t limit, struct rv_search_facet **ret,
	size_t *ret_n, struct rv_err *err)
{
	size_t n = 0;
	for (size_t i = 0; i < t->n_slots; i++)
		if (t->slots[i].n)
			t->slots[n++] = t->slots[i];
	if (n > 0)
		qsort(t->slots, n, sizeof *t->slots, most_first);
	n = n < limit ? n : limit;
	struct rv_search_facet *out = rv_arena_array(t->a, n + 1, sizeof *out);
	if (!out)
		return RV_FAIL_ARENA(err);
	if (n > 0)
		memcpy(out, t->slots, n * sizeof *out);
	*ret = out;
	*ret_n = n;
	return RV_OK;
}

enum rv_code rv_search_facets(struct rv_search *s, const struct rv_search_ask *ask,
	enum rv_field field, struct rv_arena *a, struct rv_search_facet **ret, size_t *ret_n,
	bool *ret_exact, struct rv_err *err)
{
	struct tally t = { .on_rows = facet_rows, .on_doc = facet_doc, .field = field, .a = a };
	size_t limit = ask->limit ? ask->limit : FACETS;
	rv_assert(rv_field_info(field)->is_word);
	enum rv_code code = run(s, ask, &t, ret_exact, err);
	if (code == RV_OK)
		code = facets_out(
			&t, limit < RV_FACETS_MAX ? limit : RV_FACETS_MAX, ret, ret_n, err);
	free(t.slots);
	return code;
}

/* ---- histogram ---- */

static uint64_t count_between(const uint64_t *set, uint32_t from, uint32_t to)
{
	uint64_t n = 0;
	for (uint32_t i = from / 64; i * 64 < to; i++) {
		uint64_t v = set[i];
		if (i == from / 64)
			v &= UINT64_MAX << from % 64;
		if (i == to / 64)
			v &= (UINT64_C(1) << to % 64) - 1;
		n += (uint64_t)__builtin_popcountll(v);
	}
	return n;
}

static size_t bucket_of(const struct tally *t, int64_t at)
{
	return at < t->from_ns ? SIZE_MAX : (size_t)((at - t->from_ns) / t->step_ns);
}

static enum rv_code histogram_rows(
	struct tally *t, const struct rv_view *v, const uint64_t *set, struct rv_err *err)
{
	uint32_t n = rv_view_n(v), row = rv_view_rows_before(v, t->from_ns);
	while (row < n) {
		int64_t at = v->shard ? rv_shard_time(v->shard, row) : v->build->logged[row];
		size_t i = bucket_of(t, at);
		if (i >= t->n_buckets)
			return RV_OK;
		uint32_t end = rv_view_rows_before(v, t->from_ns + (int64_t)(i + 1) * t->step_ns);
		rv_assert(end > row);
		t->buckets[i] += count_between(set, row, end);
		row = end;
	}
	return RV_OK;
}

static enum rv_code histogram_doc(struct tally *t, const struct rv_ledger_entry *e,
	const struct rv_doc *d, struct rv_err *err)
{
	size_t i = bucket_of(t, e->logged_ns);
	if (i < t->n_buckets)
		t->buckets[i]++;
	return RV_OK;
}

enum rv_code rv_search_histogram(struct rv_search *s, const struct rv_search_ask *ask,
	int64_t from_ns, int64_t step_ns, size_t n, uint64_t *ret_counts, bool *ret_exact,
	struct rv_err *err)
{
	struct tally t = { .on_rows = histogram_rows,
		.on_doc = histogram_doc,
		.from_ns = from_ns,
		.step_ns = step_ns,
		.n_buckets = n,
		.buckets = ret_counts };
	int64_t span, end;
	if (step_ns <= 0 || n == 0 || n > RV_BUCKETS_MAX ||
		!rv_mul_ok(step_ns, (int64_t)n, &span) || !rv_add_ok(from_ns, span, &end))
		return RV_FAIL(
			err, RV_EINVAL, "a histogram has 1 to %d steps of time", RV_BUCKETS_MAX);
	memset(ret_counts, 0, n * sizeof *ret_counts);
	return run(s, ask, &t, ret_exact, err);
}
