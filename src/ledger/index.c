/* What is known of each record of a segment without reading it: leaf hash, time, hash of the
 * event's id, offset, and four words as numbers in a dictionary of the segment. The segment being
 * written has it on the heap; a full one in NNNNNNNNNNNNNNNNNNNN.idx, which is mapped. Index files
 * are derived: delete them and the next open makes them again.
 *
 *      0  8  "RVIDX1\n\0"
 *      8  8  sequence number of the first record
 *     16  8  records n
 *     24  8  bytes used in the segment
 *     32  8  tiles t: complete subtrees of 256 leaves that end in this segment
 *     40  8  words d of the dictionary, word 0 is empty
 *     48  8  bytes of the dictionary
 *     56  4  CRC-32C of bytes 0..55, the tiles and the dictionary; checked when it is mapped
 *     60  4  CRC-32C of the columns; checked by verify
 *     64     t tile hashes, n leaf hashes (32 bytes each)
 *            n times (8), n id hashes (8), n offsets (4), 4 x n words (4)
 *            d + 1 offsets into the dictionary (4), its bytes
 *
 * Little-endian. That the hashes are those of the records shows when the root at the last signed
 * size is recomputed at open; verify compares each. */
#include <sys/mman.h>
#include <sys/stat.h>

#include "ledger/ledger_int.h"

#define IDX_MAGIC "RVIDX1\n"
enum { HEAD = 64, WORD_SLOTS = 64 };

struct head {
	char magic[8];
	uint64_t first, n, used, n_tiles, dict_n, dict_bytes;
	uint32_t head_crc, cols_crc;
};
_Static_assert(sizeof(struct head) == HEAD, "the head is written as it is");

/* ---- dictionary ---- */

struct rv_str rv_dict_word(const struct rv_dict *d, uint32_t w)
{
	if (w >= d->n)
		return RV_STR("");
	return rv_str_n(d->bytes + d->at[w], d->at[w + 1] - d->at[w]);
}

static void dict_done(struct rv_dict *d)
{
	free(d->at);
	free(d->bytes);
	free(d->slots);
}

static uint32_t *dict_slot(const struct rv_dict *d, struct rv_str s)
{
	uint32_t i = (uint32_t)rv_str_hash(s, 0x72656576) & (d->n_slots - 1);
	while (d->slots[i] && !rv_str_eq(rv_dict_word(d, d->slots[i] - 1), s))
		i = (i + 1) & (d->n_slots - 1);
	return &d->slots[i];
}

static bool dict_rehash(struct rv_dict *d)
{
	uint32_t n_slots = d->n_slots ? d->n_slots * 2 : WORD_SLOTS;
	uint32_t *slots = calloc(n_slots, sizeof *slots);
	if (!slots)
		return false;
	free(d->slots);
	d->slots = slots;
	d->n_slots = n_slots;
	for (uint32_t w = 0; w < d->n; w++)
		*dict_slot(d, rv_dict_word(d, w)) = w + 1;
	return true;
}

static bool dict_room(struct rv_dict *d, size_t n)
{
	if (d->n + 2 > d->cap) {
		uint32_t cap = d->cap ? d->cap * 2 : 32;
		uint32_t *p = realloc(d->at, cap * sizeof *p);
		if (!p)
			return false;
		if (!d->at)
			p[0] = 0;
		d->at = p;
		d->cap = cap;
	}
	size_t need = d->at[d->n] + n;
	if (need > d->bytes_cap || !d->bytes) {
		size_t cap = d->bytes_cap ? d->bytes_cap : 1024;
		while (cap < need)
			cap *= 2;
		char *p = realloc(d->bytes, cap);
		if (!p)
			return false;
		d->bytes = p;
		d->bytes_cap = cap;
	}
	return d->n * 2 < d->n_slots || dict_rehash(d);
}

static bool dict_add(struct rv_dict *d, struct rv_str s, uint32_t *ret)
{
	if (d->n > 0) {
		uint32_t known = *dict_slot(d, s);
		if (known) {
			*ret = known - 1;
			return true;
		}
	}
	if (!dict_room(d, s.n))
		return false;
	uint32_t from = d->at[d->n];
	if (s.n > 0)
		memcpy(d->bytes + from, s.p, s.n);
	d->at[d->n + 1] = from + (uint32_t)s.n;
	uint32_t w = d->n++;
	*dict_slot(d, s) = w + 1;
	*ret = w;
	return true;
}

/* ---- columns ---- */

struct rv_seg *rv_seg_new(uint64_t first)
{
	struct rv_seg *s = calloc(1, sizeof *s);
	uint32_t w;
	if (!s)
		return NULL;
	s->first = first;
	s->used = RV_SEG_HEAD;
	if (!dict_add(&s->dict, RV_STR(""), &w)) {
		rv_seg_free(s);
		return NULL;
	}
	return s;
}

void rv_seg_free(struct rv_seg *s)
{
	if (!s)
		return;
	if (s->map) {
		(void)munmap(s->map, s->map_n); /* cannot fail for a map of ours */
	} else {
		free(s->hash);
		free(s->logged);
		free(s->id);
		free(s->at);
		for (int i = 0; i < RV_W_COUNT; i++)
			free(s->word[i]);
		dict_done(&s->dict);
	}
	free(s);
}

static bool grow(void *column, uint32_t cap, size_t size)
{
	void **p = column, *q = realloc(*p, cap * size);
	if (!q)
		return false;
	*p = q;
	return true;
}

bool rv_seg_room(struct rv_seg *s, uint32_t n)
{
	if (s->cap - s->n >= n)
		return true;
	uint32_t cap = s->cap ? s->cap * 2 : 256;
	while (cap - s->n < n)
		cap *= 2;
	bool ok = grow(&s->hash, cap, sizeof *s->hash) &&
		grow(&s->logged, cap, sizeof *s->logged) && grow(&s->id, cap, sizeof *s->id) &&
		grow(&s->at, cap, sizeof *s->at);
	for (int i = 0; ok && i < RV_W_COUNT; i++)
		ok = grow(&s->word[i], cap, sizeof *s->word[i]);
	if (ok)
		s->cap = cap;
	return ok;
}

bool rv_seg_words(struct rv_seg *s, const struct rv_str word[RV_W_COUNT], uint32_t ret[RV_W_COUNT])
{
	for (int i = 0; i < RV_W_COUNT; i++)
		if (!dict_add(&s->dict, word[i], &ret[i]))
			return false;
	return true;
}

void rv_seg_put(struct rv_seg *s, const struct rv_seg_row *r, const uint32_t w[RV_W_COUNT])
{
	s->hash[s->n] = r->hash;
	s->logged[s->n] = r->logged_ns;
	s->id[s->n] = r->id;
	s->at[s->n] = r->at;
	for (int i = 0; i < RV_W_COUNT; i++)
		s->word[i][s->n] = w[i];
	s->n++;
}

bool rv_seg_push(struct rv_seg *s, const struct rv_seg_row *r)
{
	uint32_t w[RV_W_COUNT];
	if (!rv_seg_room(s, 1) || !rv_seg_words(s, r->word, w))
		return false;
	rv_seg_put(s, r, w);
	return true;
}

/* ---- file ---- */

static uint64_t cols_size(uint64_t n)
{
	return n * (32 + 8 + 8 + 4 + 4 * RV_W_COUNT);
}

static void add(struct rv_buf *b, const void *p, size_t n)
{
	rv_buf_add(b, rv_str_n(p, n));
}

static uint32_t head_crc(const struct head *h, const void *tiles, const void *dict, size_t dict_n)
{
	struct rv_buf b;
	rv_buf_init(&b, SIZE_MAX);
	add(&b, h, 56);
	add(&b, tiles, h->n_tiles * 32);
	add(&b, dict, dict_n);
	uint32_t crc = b.failed ? 0 : rv_crc32c(b.p, b.n);
	rv_buf_done(&b);
	return crc;
}

bool rv_index_write(
	const struct rv_seg *s, const struct rv_sha256 *tiles, size_t n_tiles, struct rv_buf *out)
{
	const struct rv_dict *d = &s->dict;
	struct head h = { .magic = IDX_MAGIC,
		.first = s->first,
		.n = s->n,
		.used = s->used,
		.n_tiles = n_tiles,
		.dict_n = d->n,
		.dict_bytes = d->at[d->n] };
	size_t from = out->n;
	add(out, &h, sizeof h);
	add(out, tiles, n_tiles * 32);
	size_t cols = out->n;
	add(out, s->hash, s->n * sizeof *s->hash);
	add(out, s->logged, s->n * sizeof *s->logged);
	add(out, s->id, s->n * sizeof *s->id);
	add(out, s->at, s->n * sizeof *s->at);
	for (int i = 0; i < RV_W_COUNT; i++)
		add(out, s->word[i], s->n * sizeof *s->word[i]);
	size_t dict = out->n;
	add(out, d->at, (d->n + 1) * sizeof *d->at);
	add(out, d->bytes, d->at[d->n]);
	if (out->failed)
		return false;
	h.cols_crc = rv_crc32c(out->p + cols, dict - cols);
	h.head_crc = head_crc(&h, tiles, out->p + dict, out->n - dict);
	memcpy(out->p + from, &h, sizeof h);
	return true;
}

/* Sizes that cannot be are caught before they are multiplied. */
static bool head_fits(const struct head *h, uint64_t first, size_t file_n)
{
	if (memcmp(h->magic, IDX_MAGIC, 8) != 0 || h->first != first)
		return false;
	if (h->n == 0 || h->n > RV_SEG_BYTES_MAX || h->dict_n == 0 ||
		h->dict_n > RV_SEG_BYTES_MAX || h->dict_bytes > RV_SEG_BYTES_MAX ||
		h->first > INT64_MAX || h->n_tiles != rv_index_tiles(h->first, h->n))
		return false;
	return file_n ==
		HEAD + h->n_tiles * 32 + cols_size(h->n) + (h->dict_n + 1) * 4 + h->dict_bytes;
}

static bool dict_fits(const struct head *h, const uint32_t *at)
{
	for (uint64_t i = 0; i < h->dict_n; i++)
		if (at[i] > at[i + 1])
			return false;
	return at[0] == 0 && at[h->dict_n] == h->dict_bytes;
}

static bool index_lay(struct rv_seg *s, uint64_t first, const struct rv_sha256 **ret_tiles)
{
	char *p = s->map;
	struct head h;
	if (s->map_n < HEAD)
		return false;
	memcpy(&h, p, sizeof h);
	if (!head_fits(&h, first, s->map_n))
		return false;
	*ret_tiles = (struct rv_sha256 *)(p + HEAD);
	p += HEAD + h.n_tiles * 32;
	s->first = first;
	s->n = (uint32_t)h.n;
	s->used = h.used;
	s->hash = (struct rv_sha256 *)p;
	s->logged = (int64_t *)(p += h.n * 32);
	s->id = (uint64_t *)(p += h.n * 8);
	s->at = (uint32_t *)(p += h.n * 8);
	for (int i = 0; i < RV_W_COUNT; i++)
		s->word[i] = (uint32_t *)(p += h.n * 4);
	p += h.n * 4;
	s->dict.at = (uint32_t *)p;
	s->dict.n = (uint32_t)h.dict_n;
	s->dict.bytes = p + (h.dict_n + 1) * 4;
	return dict_fits(&h, s->dict.at) &&
		h.head_crc == head_crc(&h, *ret_tiles, p, (h.dict_n + 1) * 4 + h.dict_bytes);
}

enum rv_code rv_index_map(const char *path, uint64_t first, struct rv_seg **ret,
	const struct rv_sha256 **ret_tiles, struct rv_err *err)
{
	struct stat st;
	RV_AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) != 0)
		return RV_FAIL(err, errno == ENOENT ? RV_ENOENT : RV_EIO, "open '%s': %s", path,
			strerror(errno));
	if (st.st_size < HEAD)
		return RV_FAIL(err, RV_ECORRUPT, "'%s' is not an index", path);
	struct rv_seg *s = calloc(1, sizeof *s);
	if (!s)
		return RV_FAIL(err, RV_ENOMEM, "out of memory");
	s->map_n = (size_t)st.st_size;

	void *map = mmap(NULL, s->map_n, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED) {
		free(s);
		return RV_FAIL(err, RV_EIO, "map '%s': %s", path, strerror(errno));
	}
	s->map = map;
	if (!index_lay(s, first, ret_tiles)) {
		rv_seg_free(s);
		return RV_FAIL(err, RV_ECORRUPT, "'%s' is damaged or of another segment", path);
	}
	*ret = s;
	return RV_OK;
}

bool rv_index_is_whole(const struct rv_seg *s)
{
	struct head h;
	if (!s->map)
		return true;
	memcpy(&h, s->map, sizeof h);
	return h.cols_crc == rv_crc32c(s->hash, cols_size(s->n));
}
