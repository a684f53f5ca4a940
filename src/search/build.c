/* A shard in memory: a table of words, each with the rows it stands in. Rows come in order, so a
 * posting only ever grows at its end. */
#include "search/search_int.h"

enum { SLOTS = 1024, MEMOS = 2048 };

struct rv_build *rv_build_new(uint64_t first, uint32_t max_rows)
{
	struct rv_build *b = calloc(1, sizeof *b);
	if (!b)
		return NULL;
	b->first = first;
	b->max_rows = max_rows;
	b->logged = malloc(max_rows * sizeof *b->logged);
	b->slots = calloc(SLOTS, sizeof *b->slots);
	b->n_slots = SLOTS;
	b->memo = calloc(MEMOS, sizeof *b->memo);
	if (!b->logged || !b->slots || !b->memo) {
		rv_build_free(b);
		return NULL;
	}
	return b;
}

void rv_build_free(struct rv_build *b)
{
	if (!b)
		return;
	for (uint32_t i = 0; i < b->n_words; i++)
		if (b->words[i].rows.cap)
			free(b->words[i].rows.many);
	free(b->logged);
	free(b->bytes);
	free(b->words);
	free(b->slots);
	free(b->memo);
	free(b->ids);
	free(b);
}

static bool grow(void *array, size_t need, size_t *cap, size_t size)
{
	void **p = array;
	if (need <= *cap)
		return true;
	size_t want = *cap ? *cap : 256;
	while (want < need)
		want *= 2;
	void *q = realloc(*p, want * size);
	if (!q)
		return false;
	*p = q;
	*cap = want;
	return true;
}

/* The hash of a word, a field in front of it. */
static uint32_t tag_of(uint8_t field, struct rv_str word)
{
	return (uint32_t)rv_str_hash(word, UINT64_C(0x73656172) << 8 | field);
}

static bool is_word(const struct rv_build *b, uint32_t w, uint8_t field, struct rv_str word)
{
	const char *key = b->bytes + b->words[w].at;
	return b->words[w].n == word.n + 1 && (uint8_t)key[0] == field &&
		memcmp(key + 1, word.p, word.n) == 0;
}

static struct rv_build_slot *slot_of(
	const struct rv_build *b, uint32_t tag, uint8_t field, struct rv_str word)
{
	uint32_t i = tag & (b->n_slots - 1);
	for (; b->slots[i].word; i = (i + 1) & (b->n_slots - 1))
		if (b->slots[i].tag == tag && is_word(b, b->slots[i].word - 1, field, word))
			break;
	return &b->slots[i];
}

uint32_t rv_build_find(const struct rv_build *b, uint8_t field, struct rv_str word)
{
	uint32_t w = slot_of(b, tag_of(field, word), field, word)->word;
	return w ? w - 1 : UINT32_MAX;
}

static bool rehash(struct rv_build *b)
{
	uint32_t n = b->n_slots * 2;
	struct rv_build_slot *slots = calloc(n, sizeof *slots);
	if (!slots)
		return false;
	for (uint32_t i = 0; i < b->n_slots; i++) {
		uint32_t at = b->slots[i].tag & (n - 1);
		while (b->slots[i].word && slots[at].word)
			at = (at + 1) & (n - 1);
		if (b->slots[i].word)
			slots[at] = b->slots[i];
	}
	free(b->slots);
	b->slots = slots;
	b->n_slots = n;
	return true;
}

static bool word_new(
	struct rv_build *b, uint32_t tag, uint8_t field, struct rv_str word, uint32_t *ret)
{
	size_t cap = b->words_cap;
	if (b->n_words * 2 >= b->n_slots && !rehash(b))
		return false;
	if (!grow(&b->words, b->n_words + 1, &cap, sizeof *b->words))
		return false;
	b->words_cap = (uint32_t)cap;
	size_t n = word.n + 1;
	if (b->n_bytes + n > UINT32_MAX || !grow(&b->bytes, b->n_bytes + n, &b->bytes_cap, 1))
		return false;
	b->bytes[b->n_bytes] = (char)field;
	memcpy(b->bytes + b->n_bytes + 1, word.p, word.n);
	b->words[b->n_words] =
		(struct rv_build_word){ .at = (uint32_t)b->n_bytes, .n = (uint32_t)n };
	b->n_bytes += n;
	*ret = b->n_words++;
	*slot_of(b, tag, field, word) = (struct rv_build_slot){ *ret + 1, tag };
	return true;
}

static bool posting_add(struct rv_posting *p, uint16_t row)
{
	const uint16_t *rows = rv_posting_rows(p);
	if (p->n > 0 && rows[p->n - 1] == row)
		return true;
	if (!p->cap && p->n < RV_COUNT(p->few)) {
		p->few[p->n++] = row;
		return true;
	}
	if (p->n >= p->cap) {
		uint32_t cap = p->cap ? p->cap * 2 : 16;
		uint16_t *many = realloc(p->cap ? p->many : NULL, cap * sizeof *many);
		if (!many)
			return false;
		if (!p->cap)
			memcpy(many, p->few, sizeof p->few);
		p->many = many;
		p->cap = cap;
	}
	p->many[p->n++] = row;
	return true;
}

static bool word_of(struct rv_build *b, uint8_t field, struct rv_str s, uint32_t *ret)
{
	uint32_t tag = tag_of(field, s), w = slot_of(b, tag, field, s)->word;
	if (w == 0)
		return word_new(b, tag, field, s, ret);
	*ret = w - 1;
	return true;
}

static bool add_word(struct rv_build *b, uint8_t field, struct rv_str s, uint16_t row)
{
	uint32_t w;
	return word_of(b, field, s, &w) && posting_add(&b->words[w].rows, row);
}

static bool add_known(struct rv_build *b, const struct rv_build_memo *m, uint16_t row)
{
	for (unsigned i = 0; i < m->n_tokens; i++)
		if (!posting_add(&b->words[m->token[i]].rows, row))
			return false;
	return true;
}

/* Most texts come again and again: a name, a sentence of a policy. Their tokens are looked up once.
 */
static bool add_tokens(struct rv_build *b, struct rv_str text, uint16_t row)
{
	char buf[RV_TOKEN_MAX];
	struct rv_str t, rest = text;
	struct rv_build_memo new = { .n = (uint8_t)text.n };
	bool is_short = text.n <= RV_MEMO_TEXT;
	struct rv_build_memo *m =
		is_short ? &b->memo[rv_str_hash(text, 0x74657874) & (MEMOS - 1)] : NULL;
	if (m && m->n == text.n && memcmp(m->text, text.p, text.n) == 0)
		return add_known(b, m, row);
	while ((t = rv_token_next(&rest, buf)).n > 0) {
		uint32_t w;
		if (!word_of(b, RV_TEXT_FIELD, t, &w) || !posting_add(&b->words[w].rows, row))
			return false;
		is_short = is_short && new.n_tokens < RV_MEMO_TOKENS;
		if (is_short)
			new.token[new.n_tokens++] = w;
	}
	if (is_short) {
		memcpy(new.text, text.p, text.n);
		*m = new;
	}
	return true;
}

/* Odd multiplications and shifts; good enough for a table whose every hit is looked at. */
uint64_t rv_id_hash(struct rv_str id)
{
	uint64_t h = rv_str_hash(id, 0x69647320);
	h ^= h >> 32;
	h *= UINT64_C(0x9e3779b97f4a7c15);
	h ^= h >> 29;
	return h & ~UINT64_C(0xffff);
}

static bool add_id(struct rv_build *b, struct rv_str id, uint16_t row)
{
	if (!grow(&b->ids, b->n_ids + 1, &b->ids_cap, sizeof *b->ids))
		return false;
	b->ids[b->n_ids++] = rv_id_hash(id) | row;
	return true;
}

/* A row that failed halfway leaves postings behind it; whoever fails throws the shard away. */
bool rv_build_add(
	struct rv_build *b, const struct rv_doc *d, int64_t logged, const struct rv_sha256 *leaf)
{
	uint16_t row = (uint16_t)b->n;
	rv_assert(b->n < b->max_rows);
	for (size_t i = 0; i < d->n_words; i++)
		if (!add_word(b, d->words[i].field, d->words[i].s, row))
			return false;
	for (size_t i = 0; i < d->n_texts; i++)
		if (!add_tokens(b, d->texts[i], row))
			return false;
	for (size_t i = 0; i < d->n_ids; i++)
		if (!add_id(b, d->ids[i].s, row))
			return false;
	b->last = *leaf;
	b->logged[b->n++] = logged;
	return true;
}
