/* A query over one shard: two sets of rows, those that surely fit and those that may. They differ
 * only where the index cannot know: a phrase (it knows the words, not their order) and an id (it
 * knows 48 bits of a hash). NOT turns the pair around, so nothing is ever lost. */
#include "search/search_int.h"

#define LACKS UINT32_C(0x80000000)
enum { BITMAP_UNITS = RV_SEARCH_ROWS / 16, BLOCK = 256 };

/* ---- sets ---- */

static void set_range(uint64_t *set, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to && i % 64 != 0; i++)
		set[i / 64] |= UINT64_C(1) << i % 64;
	uint32_t i = from % 64 == 0 ? from : (from / 64 + 1) * 64;
	for (; i + 64 <= to; i += 64)
		set[i / 64] = UINT64_MAX;
	for (; i < to; i++)
		set[i / 64] |= UINT64_C(1) << i % 64;
}

static void set_complement(uint64_t *set, const uint64_t *of, uint32_t n)
{
	for (uint32_t i = 0; i < RV_ROW_WORDS; i++) {
		uint64_t all = i < n / 64 ? UINT64_MAX : 0;
		if (i == n / 64 && n % 64)
			all = (UINT64_C(1) << n % 64) - 1;
		set[i] = all & ~of[i];
	}
}

static bool is_empty(const uint64_t *set)
{
	uint64_t any = 0;
	for (size_t i = 0; i < RV_ROW_WORDS; i++)
		any |= set[i];
	return any == 0;
}

static uint64_t bits_at(const struct rv_post *p, size_t i)
{
	uint64_t v;
	memcpy(&v, (const char *)p->bits + i * 8, 8);
	return v;
}

/* ---- postings ---- */

static struct rv_post shard_post(const struct rv_shard *s, uint32_t w)
{
	uint32_t from = s->post_at[w] & ~LACKS, n = (s->post_at[w + 1] & ~LACKS) - from;
	struct rv_post p = { .rows = s->posts + from, .n = n, .is_not = s->post_at[w] & LACKS };
	if (n == BITMAP_UNITS)
		p = (struct rv_post){ .bits = (const uint64_t *)(const void *)p.rows };
	return p;
}

static struct rv_post build_post(const struct rv_build *b, uint32_t w)
{
	return (struct rv_post){ .rows = rv_posting_rows(&b->words[w].rows),
		.n = b->words[w].rows.n };
}

static void post_into(const struct rv_post *p, uint32_t n_rows, uint64_t *set)
{
	if (p->bits) {
		for (size_t i = 0; i < RV_ROW_WORDS; i++)
			set[i] |= bits_at(p, i);
		return;
	}
	if (!p->is_not) {
		for (uint32_t i = 0; i < p->n; i++)
			set[p->rows[i] / 64] |= UINT64_C(1) << p->rows[i] % 64;
		return;
	}
	uint32_t from = 0;
	for (uint32_t i = 0; i < p->n; i++) {
		set_range(set, from, p->rows[i]);
		from = p->rows[i] + 1U;
	}
	set_range(set, from, n_rows);
}

uint32_t rv_post_count(const struct rv_post *p, uint32_t n_rows)
{
	uint32_t n = 0;
	if (!p->bits)
		return p->is_not ? n_rows - p->n : p->n;
	for (size_t i = 0; i < RV_ROW_WORDS; i++)
		n += (uint32_t)__builtin_popcountll(bits_at(p, i));
	return n;
}

uint32_t rv_post_within(const struct rv_post *p, const uint64_t *set, uint32_t n_rows)
{
	uint32_t n = 0;
	if (p->bits) {
		for (size_t i = 0; i < RV_ROW_WORDS; i++)
			n += (uint32_t)__builtin_popcountll(bits_at(p, i) & set[i]);
		return n;
	}
	for (uint32_t i = 0; i < p->n; i++)
		n += set[p->rows[i] / 64] >> p->rows[i] % 64 & 1;
	if (!p->is_not)
		return n;
	uint32_t all = 0;
	for (size_t i = 0; i < RV_ROW_WORDS; i++)
		all += (uint32_t)__builtin_popcountll(set[i]);
	return all - n;
}

/* ---- words ---- */

void rv_view_words(const struct rv_view *v, uint8_t field, rv_view_word *fn, void *arg)
{
	struct rv_post p;
	if (v->shard) {
		unsigned slot = rv_shard_slot(field);
		for (uint32_t w = v->shard->field_at[slot]; w < v->shard->field_at[slot + 1]; w++) {
			p = shard_post(v->shard, w);
			fn(arg, rv_shard_word(v->shard, w), &p);
		}
		return;
	}
	for (uint32_t w = 0; w < v->build->n_words; w++) {
		struct rv_str s = rv_build_word(v->build, w);
		if ((uint8_t)s.p[0] != field)
			continue;
		p = build_post(v->build, w);
		fn(arg, rv_str_sub(s, 1, s.n), &p);
	}
}

/* The first word of a field that is not before s. */
static uint32_t lower_bound(const struct rv_shard *sh, unsigned slot, struct rv_str s)
{
	uint32_t from = sh->field_at[slot], to = sh->field_at[slot + 1];
	while (from < to) {
		uint32_t mid = from + (to - from) / 2;
		if (rv_str_cmp(rv_shard_word(sh, mid), s) < 0)
			from = mid + 1;
		else
			to = mid;
	}
	return from;
}

struct pick {
	const struct rv_search_query *q;
	uint32_t n_rows;
	uint64_t *set;
};

static bool word_fits(const struct rv_search_query *q, struct rv_str word)
{
	int64_t v;
	switch (q->op) {
	case RV_Q_RANGE:
		return rv_number_parse(word, &v) && v >= q->lo && v <= q->hi;
	case RV_Q_TEXT: /* the last token, which is open */
		return rv_str_starts(word, q->tokens[q->n_tokens - 1]);
	default:
		return rv_glob(q->value, word);
	}
}

static void pick_word(void *arg, struct rv_str word, const struct rv_post *p)
{
	struct pick *k = arg;
	if (word_fits(k->q, word))
		post_into(p, k->n_rows, k->set);
}

static void one_word(const struct rv_view *v, uint8_t field, struct rv_str word, uint64_t *set)
{
	struct rv_post p;
	if (v->shard) {
		unsigned slot = rv_shard_slot(field);
		uint32_t w = lower_bound(v->shard, slot, word);
		if (w == v->shard->field_at[slot + 1] ||
			!rv_str_eq(rv_shard_word(v->shard, w), word))
			return;
		p = shard_post(v->shard, w);
		post_into(&p, v->shard->n, set);
		return;
	}
	uint32_t w = rv_build_find(v->build, field, word);
	if (w != UINT32_MAX) {
		p = build_post(v->build, w);
		post_into(&p, v->build->n, set);
	}
}

/* All words of a field that fit; those of a shard from the prefix on only. */
static void many_words(const struct rv_view *v, uint8_t field, const struct rv_search_query *q,
	struct rv_str prefix, uint64_t *set)
{
	struct pick k = { .q = q, .n_rows = rv_view_n(v), .set = set };
	if (!v->shard) {
		rv_view_words(v, field, pick_word, &k);
		return;
	}
	unsigned slot = rv_shard_slot(field);
	for (uint32_t w = lower_bound(v->shard, slot, prefix); w < v->shard->field_at[slot + 1];
		w++) {
		struct rv_str word = rv_shard_word(v->shard, w);
		if (!rv_str_starts(word, prefix))
			break;
		struct rv_post p = shard_post(v->shard, w);
		pick_word(&k, word, &p);
	}
}

/* ---- terms ---- */

static void eval_word(const struct rv_view *v, const struct rv_search_query *q, uint64_t *set)
{
	if (q->op == RV_Q_RANGE)
		many_words(v, (uint8_t)q->field, q, RV_STR(""), set);
	else if (q->has_star)
		many_words(v, (uint8_t)q->field, q, rv_glob_prefix(q->value), set);
	else
		one_word(v, (uint8_t)q->field, q->value, set);
}

static void and_into(uint64_t *set, const uint64_t *with)
{
	for (size_t i = 0; i < RV_ROW_WORDS; i++)
		set[i] &= with[i];
}

static void eval_text(const struct rv_view *v, const struct rv_search_query *q, struct rv_rows *ret)
{
	uint64_t *one = ret->must; /* as room until the end */
	for (size_t i = 0; i < q->n_tokens; i++) {
		uint64_t *to = i == 0 ? ret->may : one;
		memset(to, 0, sizeof ret->may);
		if (q->is_open && i + 1 == q->n_tokens)
			many_words(v, RV_TEXT_FIELD, q, q->tokens[i], to);
		else
			one_word(v, RV_TEXT_FIELD, q->tokens[i], to);
		if (i > 0)
			and_into(ret->may, one);
		if (is_empty(ret->may))
			break;
	}
	if (q->n_tokens == 1)
		memcpy(ret->must, ret->may, sizeof ret->must);
	else
		memset(ret->must, 0, sizeof ret->must);
}

static void eval_id(const struct rv_view *v, const struct rv_search_query *q, uint64_t *set)
{
	struct rv_str id = q->value;
	if (rv_str_starts(id, RV_STR("sha256:")))
		id = rv_str_sub(id, 7, id.n);
	uint64_t want = rv_id_hash(id);
	const uint64_t *ids = v->shard ? v->shard->ids : v->build->ids;
	size_t n = v->shard ? v->shard->n_ids : v->build->n_ids, from = 0, to = n;
	while (v->shard && from < to) {
		size_t mid = from + (to - from) / 2;
		if (ids[mid] < want)
			from = mid + 1;
		else
			to = mid;
	}
	for (; from < n; from++) {
		uint32_t row = ids[from] & 0xffff;
		if ((ids[from] & ~UINT64_C(0xffff)) == want) {
			if (row < rv_view_n(v))
				set[row / 64] |= UINT64_C(1) << row % 64;
		} else if (v->shard) {
			break;
		}
	}
}

uint32_t rv_view_rows_before(const struct rv_view *v, int64_t t)
{
	uint32_t from = 0, to = rv_view_n(v);
	if (v->shard) { /* blocks first */
		uint32_t blocks = (to + BLOCK - 1) / BLOCK, lo = 0, hi = blocks;
		while (lo < hi) {
			uint32_t mid = lo + (hi - lo) / 2;
			if (v->shard->block_ns[mid] < t)
				lo = mid + 1;
			else
				hi = mid;
		}
		if (lo < blocks)
			to = lo * BLOCK;
		from = lo > 0 ? (lo - 1) * BLOCK : 0;
	}
	while (from < to) {
		uint32_t mid = from + (to - from) / 2;
		int64_t at = v->shard ? rv_shard_time(v->shard, mid) : v->build->logged[mid];
		if (at < t)
			from = mid + 1;
		else
			to = mid;
	}
	return from;
}

static void eval_time(const struct rv_view *v, const struct rv_search_query *q, uint64_t *set)
{
	uint32_t from = rv_view_rows_before(v, q->lo);
	uint32_t to = q->hi == INT64_MAX ? rv_view_n(v) : rv_view_rows_before(v, q->hi + 1);
	if (from < to)
		set_range(set, from, to);
}

static void eval_seq(const struct rv_view *v, const struct rv_search_query *q, uint64_t *set)
{
	int64_t first = (int64_t)rv_view_first(v), last = first + rv_view_n(v) - 1;
	int64_t lo = q->lo > first ? q->lo : first, hi = q->hi < last ? q->hi : last;
	if (lo <= hi)
		set_range(set, (uint32_t)(lo - first), (uint32_t)(hi - first + 1));
}

static void eval_term(const struct rv_view *v, const struct rv_search_query *q, struct rv_rows *ret)
{
	memset(ret, 0, sizeof *ret);
	switch (q->op) {
	case RV_Q_TEXT:
		eval_text(v, q, ret);
		return;
	case RV_Q_ID:
		eval_id(v, q, ret->may);
		return;
	case RV_Q_ALL:
		set_range(ret->may, 0, rv_view_n(v));
		break;
	case RV_Q_TIME:
		eval_time(v, q, ret->may);
		break;
	case RV_Q_SEQ:
		eval_seq(v, q, ret->may);
		break;
	default:
		eval_word(v, q, ret->may);
	}
	memcpy(ret->must, ret->may, sizeof ret->must);
}

/* ---- the tree ---- */

static void fold(enum rv_q_op op, struct rv_rows *into, const struct rv_rows *kid)
{
	for (size_t i = 0; i < RV_ROW_WORDS; i++) {
		if (op == RV_Q_AND) {
			into->must[i] &= kid->must[i];
			into->may[i] &= kid->may[i];
		} else {
			into->must[i] |= kid->must[i];
			into->may[i] |= kid->may[i];
		}
	}
}

static void eval_not(
	const struct rv_view *v, const struct rv_search_query *q, struct rv_rows *frames)
{
	rv_eval(v, q->kids, frames + 1);
	set_complement(frames->must, frames[1].may, rv_view_n(v));
	set_complement(frames->may, frames[1].must, rv_view_n(v));
}

void rv_eval(const struct rv_view *v, const struct rv_search_query *q, struct rv_rows *frames)
{
	if (q->op == RV_Q_NOT) {
		eval_not(v, q, frames);
		return;
	}
	if (q->op != RV_Q_AND && q->op != RV_Q_OR) {
		eval_term(v, q, frames);
		return;
	}
	rv_eval(v, q->kids, frames);
	for (const struct rv_search_query *k = q->kids->next; k; k = k->next) {
		if (q->op == RV_Q_AND && is_empty(frames->may))
			return;
		rv_eval(v, k, frames + 1);
		fold(q->op, frames, frames + 1);
	}
}
