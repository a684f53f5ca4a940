/* Shard files, NNNNNNNNNNNNNNNNNNNN.six, named by the sequence number of their first event: what a
 * search needs to know of a run of at most 65,536 events. Derived from the log and nothing else:
 * the same events give the same bytes. Little-endian; each section begins at a multiple of 8.
 *
 *      0  8  "RVSIX1\n\0"
 *      8  8  sequence number of the first event
 *     16  8  logged of the first, 24 8 of the last, Unix nanoseconds
 *     32  4  events n;  36 4 words w;  40 4 ids d;  44 4 fields f of fields.def
 *     48     eight sections: offset 8, bytes 8, CRC-32C 4, zero 4
 *    240 32  leaf hash of the last event: of which log this is
 *    272  4  CRC-32C of bytes 0..271, 276 4 zero
 *
 *   sections:
 *     0 times    one of 256 events: logged of its first (8)
 *     1 blocks   one of 256 events: where its deltas begin in section 2 (4)
 *     2 deltas   for each event but a block's first: microseconds since the one before, LEB128
 *     3 fields   f + 2 times (4): the first word of each field, of the tokens, and w
 *     4 words    w + 1 times (4): where each word begins; then their bytes, sorted within a field
 *     5 places   w + 1 times (4): where each posting begins in section 6, in units of 2 bytes. The
 *                top bit says that the posting names the rows that do not have the word
 *     6 rows     a posting of 4,096 units is a bitmap of 65,536 rows, else sorted row numbers (2)
 *     7 ids      d times (8), sorted: upper 48 bits of the id's hash, row in the lower 16
 *
 * The file is written under another name, synced and renamed, so a torn write leaves none. A reader
 * checks the head when it maps the file and all sums before it first uses it; what does not fit is
 * thrown away and built again. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/enc.h"
#include "search/search_int.h"

#define MAGIC "RVSIX1\n"
enum { S_TIMES, S_BLOCKS, S_DELTAS, S_FIELDS, S_WORDS, S_PLACES, S_ROWS, S_IDS, S_COUNT };
enum { BLOCK = 256, BITMAP_UNITS = RV_SEARCH_ROWS / 16 };
#define LACKS UINT32_C(0x80000000)

struct section {
	uint64_t at, n;
	uint32_t crc, zero;
};
struct head {
	char magic[8];
	uint64_t first;
	int64_t min_ns, max_ns;
	uint32_t n, n_words, n_ids, n_fields;
	struct section section[S_COUNT];
	struct rv_sha256 last;
	uint32_t crc, zero;
};
_Static_assert(sizeof(struct head) == 280, "the head is written as it is");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "shards are mapped as they are");

void rv_shard_name(uint64_t first, char ret[RV_SHARD_NAME])
{
	snprintf(ret, RV_SHARD_NAME, "%020llu.six", (unsigned long long)first);
}

bool rv_shard_name_parse(const char *name, uint64_t *ret_first)
{
	char again[RV_SHARD_NAME];
	struct rv_str s = rv_str_of(name);
	if (s.n != 24 || !rv_str_u64(rv_str_sub(s, 0, 20), ret_first))
		return false;
	rv_shard_name(*ret_first, again);
	return strcmp(name, again) == 0;
}

/* ---- writing ---- */

static void add(struct rv_buf *out, const void *p, size_t n)
{
	rv_buf_add(out, rv_str_n(p, n));
}

static void begin(struct rv_buf *out, size_t base, struct head *h, int i)
{
	while ((out->n - base) % 8 != 0 && !out->failed)
		rv_buf_addc(out, '\0');
	h->section[i].at = out->n - base;
}

static void end(struct rv_buf *out, size_t base, struct head *h, int i)
{
	struct section *s = &h->section[i];
	s->n = out->n - base - s->at;
	if (!out->failed)
		s->crc = rv_crc32c(out->p + base + s->at, s->n);
}

static void put_varint(struct rv_buf *out, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		rv_buf_addc(out, (char)(v | 0x80));
	rv_buf_addc(out, (char)v);
}

static void write_times(const struct rv_build *b, struct rv_buf *out, size_t base, struct head *h)
{
	RV_AUTO_BUF at;
	rv_buf_init(&at, SIZE_MAX);
	begin(out, base, h, S_TIMES);
	for (uint32_t i = 0; i < b->n; i += BLOCK)
		add(out, &b->logged[i], 8);
	end(out, base, h, S_TIMES);
	begin(out, base, h, S_DELTAS);
	for (uint32_t i = 0; i < b->n; i++) {
		uint32_t here = (uint32_t)(out->n - base - h->section[S_DELTAS].at);
		if (i % BLOCK == 0)
			add(&at, &here, 4);
		else
			put_varint(out, (uint64_t)(b->logged[i] - b->logged[i - 1]) / 1000);
	}
	end(out, base, h, S_DELTAS);
	begin(out, base, h, S_BLOCKS);
	add(out, at.p, at.n);
	out->failed |= at.failed;
	end(out, base, h, S_BLOCKS);
}

static int by_key(const void *a, const void *b, void *arg)
{
	const struct rv_build *s = arg;
	return rv_str_cmp(
		rv_build_word(s, *(const uint32_t *)a), rv_build_word(s, *(const uint32_t *)b));
}

static unsigned slot_of_word(const struct rv_build *b, uint32_t w)
{
	return rv_shard_slot((uint8_t)b->bytes[b->words[w].at]);
}

static void write_words(const struct rv_build *b, const uint32_t *order, struct rv_buf *out,
	size_t base, struct head *h)
{
	uint32_t field_at[RV_FIELD_COUNT + 2], at = 0, w = 0;
	for (unsigned f = 0; f < RV_FIELD_COUNT + 2; f++) {
		while (w < b->n_words && slot_of_word(b, order[w]) < f)
			w++;
		field_at[f] = f <= RV_FIELD_COUNT ? w : b->n_words;
	}
	begin(out, base, h, S_FIELDS);
	add(out, field_at, sizeof field_at);
	end(out, base, h, S_FIELDS);
	begin(out, base, h, S_WORDS);
	for (uint32_t i = 0; i <= b->n_words; i++) {
		add(out, &at, 4);
		if (i < b->n_words)
			at += b->words[order[i]].n - 1;
	}
	for (uint32_t i = 0; i < b->n_words; i++) {
		const struct rv_build_word *word = &b->words[order[i]];
		add(out, b->bytes + word->at + 1, word->n - 1);
	}
	end(out, base, h, S_WORDS);
}

static void put_lacking(struct rv_buf *out, const uint16_t *rows, uint32_t n, uint32_t n_rows)
{
	for (uint32_t r = 0, i = 0; r < n_rows; r++) {
		uint16_t row = (uint16_t)r;
		if (i < n && rows[i] == r)
			i++;
		else
			add(out, &row, 2);
	}
}

/* The shortest of three forms. */
static uint32_t put_posting(struct rv_buf *out, const struct rv_posting *p, uint32_t n_rows)
{
	const uint16_t *rows = rv_posting_rows(p);
	uint64_t bits[RV_ROW_WORDS] = { 0 };
	if (p->n > n_rows / 2 && n_rows - p->n < BITMAP_UNITS) {
		put_lacking(out, rows, p->n, n_rows);
		return LACKS;
	}
	if (p->n < BITMAP_UNITS) {
		add(out, rows, p->n * sizeof *rows);
		return 0;
	}
	for (uint32_t i = 0; i < p->n; i++)
		bits[rows[i] / 64] |= UINT64_C(1) << rows[i] % 64;
	add(out, bits, sizeof bits);
	return 0;
}

static bool write_postings(const struct rv_build *b, const uint32_t *order, struct rv_buf *out,
	size_t base, struct head *h)
{
	RV_AUTO_FREE uint32_t *place = malloc((b->n_words + 1) * sizeof *place);
	if (!place)
		return false;
	begin(out, base, h, S_ROWS);
	for (uint32_t i = 0; i <= b->n_words; i++) {
		place[i] = (uint32_t)((out->n - base - h->section[S_ROWS].at) / 2);
		if (i < b->n_words)
			place[i] |= put_posting(out, &b->words[order[i]].rows, b->n);
	}
	end(out, base, h, S_ROWS);
	begin(out, base, h, S_PLACES);
	add(out, place, (b->n_words + 1) * sizeof *place);
	end(out, base, h, S_PLACES);
	return true;
}

static int by_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

static bool write_ids(const struct rv_build *b, struct rv_buf *out, size_t base, struct head *h)
{
	uint32_t n = 0;
	/* A copy: searches look at b meanwhile. */
	RV_AUTO_FREE uint64_t *ids = malloc((b->n_ids + 1) * sizeof *ids);
	if (!ids)
		return false;
	if (b->n_ids > 0)
		memcpy(ids, b->ids, b->n_ids * sizeof *ids);
	qsort(ids, b->n_ids, sizeof *ids, by_u64);
	begin(out, base, h, S_IDS);
	for (size_t i = 0; i < b->n_ids; i++)
		if (i == 0 || ids[i] != ids[i - 1]) {
			add(out, &ids[i], 8);
			n++;
		}
	end(out, base, h, S_IDS);
	h->n_ids = n;
	return true;
}

bool rv_shard_write(const struct rv_build *b, struct rv_buf *out)
{
	struct head h = { .magic = MAGIC,
		.first = b->first,
		.min_ns = b->logged[0],
		.max_ns = b->logged[b->n - 1],
		.n = b->n,
		.n_words = b->n_words,
		.n_fields = RV_FIELD_COUNT,
		.last = b->last };
	size_t base = out->n;
	RV_AUTO_FREE uint32_t *order = malloc((b->n_words + 1) * sizeof *order);
	if (!order)
		return false;
	for (uint32_t i = 0; i < b->n_words; i++)
		order[i] = i;
	qsort_r(order, b->n_words, sizeof *order, by_key, (void *)(uintptr_t)b);
	add(out, &h, sizeof h);
	write_times(b, out, base, &h);
	write_words(b, order, out, base, &h);
	if (!write_postings(b, order, out, base, &h) || !write_ids(b, out, base, &h))
		return false;
	if (out->failed)
		return false;
	h.crc = rv_crc32c(&h, offsetof(struct head, crc));
	memcpy(out->p + base, &h, sizeof h);
	return true;
}

/* ---- mapping ---- */

/* Sizes are held against each other before anything is pointed at. */
static bool sections_fit(const struct head *h, size_t file_n)
{
	uint64_t blocks = (h->n + BLOCK - 1) / BLOCK;
	for (int i = 0; i < S_COUNT; i++) {
		const struct section *s = &h->section[i];
		if (s->at % 8 != 0 || s->at > file_n || s->n > file_n - s->at)
			return false;
	}
	return h->section[S_TIMES].n == blocks * 8 && h->section[S_BLOCKS].n == blocks * 4 &&
		h->section[S_FIELDS].n == (RV_FIELD_COUNT + 2) * 4 &&
		h->section[S_WORDS].n >= (h->n_words + UINT64_C(1)) * 4 &&
		h->section[S_PLACES].n == (h->n_words + UINT64_C(1)) * 4 &&
		h->section[S_IDS].n == h->n_ids * UINT64_C(8);
}

static bool head_fits(const struct head *h, uint64_t first, size_t file_n)
{
	return memcmp(h->magic, MAGIC, 8) == 0 && h->first == first &&
		h->crc == rv_crc32c(h, offsetof(struct head, crc)) && h->n > 0 &&
		h->n <= RV_SEARCH_ROWS && h->n_fields == RV_FIELD_COUNT && h->min_ns <= h->max_ns &&
		sections_fit(h, file_n);
}

static void lay(struct rv_shard *s, const struct head *h)
{
	const struct section *sec = h->section;
	s->n = h->n;
	s->n_words = h->n_words;
	s->n_ids = h->n_ids;
	s->min_ns = h->min_ns;
	s->max_ns = h->max_ns;
	s->last = h->last;
	s->block_ns = (const int64_t *)(s->map + sec[S_TIMES].at);
	s->block_at = (const uint32_t *)(s->map + sec[S_BLOCKS].at);
	s->deltas = (const uint8_t *)(s->map + sec[S_DELTAS].at);
	s->deltas_n = sec[S_DELTAS].n;
	memcpy(s->field_at, s->map + sec[S_FIELDS].at, sizeof s->field_at);
	s->word_at = (const uint32_t *)(s->map + sec[S_WORDS].at);
	s->bytes = s->map + sec[S_WORDS].at + (s->n_words + UINT64_C(1)) * 4;
	s->post_at = (const uint32_t *)(s->map + sec[S_PLACES].at);
	s->posts = (const uint16_t *)(s->map + sec[S_ROWS].at);
	s->ids = (const uint64_t *)(s->map + sec[S_IDS].at);
}

enum rv_code rv_shard_map(
	const char *path, uint64_t first, struct rv_shard **ret, struct rv_err *err)
{
	struct head h;
	struct stat st;
	RV_AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) != 0)
		return RV_FAIL(err, errno == ENOENT ? RV_ENOENT : RV_EIO, "open '%s': %s", path,
			strerror(errno));
	if ((size_t)st.st_size < sizeof h)
		return RV_FAIL(err, RV_ECORRUPT, "'%s' is no search index", path);
	struct rv_shard *s = calloc(1, sizeof *s);
	if (!s)
		return RV_FAIL(err, RV_ENOMEM, "out of memory");
	s->first = first;
	s->map_n = (size_t)st.st_size;
	void *map = mmap(NULL, s->map_n, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED) {
		free(s);
		return RV_FAIL(err, RV_EIO, "map '%s': %s", path, strerror(errno));
	}
	s->map = map;
	memcpy(&h, s->map, sizeof h);
	if (!head_fits(&h, first, s->map_n)) {
		rv_shard_free(s);
		return RV_FAIL(err, RV_ECORRUPT, "'%s' is damaged or of another version", path);
	}
	lay(s, &h);
	*ret = s;
	return RV_OK;
}

void rv_shard_free(struct rv_shard *s)
{
	if (!s)
		return;
	(void)munmap((void *)(uintptr_t)s->map, s->map_n); /* cannot fail for a map of ours */
	free(s);
}

static bool rises(const uint32_t *v, size_t n, uint32_t mask, uint64_t max)
{
	for (size_t i = 0; i + 1 < n; i++)
		if ((v[i] & mask) > (v[i + 1] & mask))
			return false;
	return (v[n - 1] & mask) == max;
}

/* After this no offset within leads outside. */
static bool is_sound(const struct rv_shard *s, const struct head *h)
{
	for (int i = 0; i < S_COUNT; i++)
		if (h->section[i].crc != rv_crc32c(s->map + h->section[i].at, h->section[i].n))
			return false;
	for (uint32_t i = 0; i < (s->n + BLOCK - 1) / BLOCK; i++)
		if (s->block_at[i] > s->deltas_n)
			return false;
	return rises(s->field_at, RV_FIELD_COUNT + 2, UINT32_MAX, s->n_words) &&
		rises(s->word_at, s->n_words + 1, UINT32_MAX,
			h->section[S_WORDS].n - (s->n_words + UINT64_C(1)) * 4) &&
		rises(s->post_at, s->n_words + 1, ~LACKS, h->section[S_ROWS].n / 2);
}

bool rv_shard_is_whole(struct rv_shard *s)
{
	struct head h;
	int known = __atomic_load_n(&s->is_checked, __ATOMIC_ACQUIRE);
	if (known == 0) {
		memcpy(&h, s->map, sizeof h);
		known = is_sound(s, &h) ? 1 : -1;
		__atomic_store_n(&s->is_checked, known, __ATOMIC_RELEASE);
	}
	return known > 0;
}

size_t rv_shard_text_bytes(const struct rv_shard *s)
{
	uint32_t from = s->field_at[RV_FIELD_COUNT], to = s->n_words;
	return (to - from) * 8U + (s->word_at[to] - s->word_at[from]) +
		((s->post_at[to] & ~LACKS) - (s->post_at[from] & ~LACKS)) * 2U;
}

int64_t rv_shard_time(const struct rv_shard *s, uint32_t row)
{
	int64_t t = s->block_ns[row / BLOCK];
	size_t at = s->block_at[row / BLOCK];
	for (uint32_t i = row % BLOCK; i > 0; i--) {
		uint64_t v = 0;
		for (unsigned shift = 0; at < s->deltas_n && shift < 64; shift += 7) {
			uint8_t c = s->deltas[at++];
			v |= (uint64_t)(c & 0x7f) << shift;
			if (c < 0x80)
				break;
		}
		t += (int64_t)(v * 1000);
	}
	return t;
}
