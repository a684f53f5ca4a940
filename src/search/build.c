/* A shard in memory: a table of words, each with the rows it stands in. Rows come in order, so a
 * posting only ever grows at its end. */
#include "search/search_int.h"

enum { SLOTS = 1024 };

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
	if (!b->logged || !b->slots) {
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

static uint32_t *slot_of(const struct rv_build *b, struct rv_str key)
{
	uint32_t i = (uint32_t)rv_str_hash(key, 0x73656172) & (b->n_slots - 1);
	while (b->slots[i] && !rv_str_eq(rv_build_word(b, b->slots[i] - 1), key))
		i = (i + 1) & (b->n_slots - 1);
	return &b->slots[i];
}

uint32_t rv_build_find(const struct rv_build *b, struct rv_str key)
{
	uint32_t w = *slot_of(b, key);
	return w ? w - 1 : UINT32_MAX;
}

static bool rehash(struct rv_build *b)
{
	uint32_t *old = b->slots, *slots = calloc(b->n_slots * 2, sizeof *slots);
	if (!slots)
		return false;
	b->slots = slots;
	b->n_slots *= 2;
	for (uint32_t w = 0; w < b->n_words; w++)
		*slot_of(b, rv_build_word(b, w)) = w + 1;
	free(old);
	return true;
}

static bool word_new(struct rv_build *b, struct rv_str key, uint32_t *ret)
{
	size_t cap = b->words_cap;
	if (b->n_words * 2 >= b->n_slots && !rehash(b))
		return false;
	if (!grow(&b->words, b->n_words + 1, &cap, sizeof *b->words))
		return false;
	b->words_cap = (uint32_t)cap;
	if (b->n_bytes + key.n > UINT32_MAX ||
		!grow(&b->bytes, b->n_bytes + key.n, &b->bytes_cap, 1))
		return false;
	memcpy(b->bytes + b->n_bytes, key.p, key.n);
	b->words[b->n_words] =
		(struct rv_build_word){ .at = (uint32_t)b->n_bytes, .n = (uint32_t)key.n };
	b->n_bytes += key.n;
	*ret = b->n_words++;
	*slot_of(b, key) = *ret + 1;
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

static bool add_word(struct rv_build *b, uint8_t field, struct rv_str s, uint16_t row)
{
	char small[512];
	RV_AUTO_FREE char *big = NULL;
	char *key = small;
	uint32_t w;
	if (s.n + 1 > sizeof small)
		key = big = malloc(s.n + 1);
	if (!key)
		return false;
	key[0] = (char)field;
	memcpy(key + 1, s.p, s.n);
	struct rv_str k = rv_str_n(key, s.n + 1);
	uint32_t known = *slot_of(b, k);
	if (known)
		w = known - 1;
	else if (!word_new(b, k, &w))
		return false;
	return posting_add(&b->words[w].rows, row);
}

static bool add_tokens(struct rv_build *b, struct rv_str text, uint16_t row)
{
	char buf[RV_TOKEN_MAX];
	struct rv_str t;
	while ((t = rv_token_next(&text, buf)).n > 0)
		if (!add_word(b, RV_TEXT_FIELD, t, row))
			return false;
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
