/* Segment files, NNNNNNNNNNNNNNNNNNNN.seg, named by the sequence number of their first record (20
 * digits). Integers are little-endian.
 *
 *   segment head, 64 bytes:
 *      0  8  "RVSEG1\n\0"
 *      8  8  sequence number of the first record
 *     16  8  when it was begun, Unix nanoseconds
 *     24 32  SHA-256 of the log's origin
 *     56  4  CRC-32C of bytes 0..55
 *     60  4  zero
 *   then records, each at a multiple of 8:
 *      0  4  "RVR1"
 *      4  4  CRC-32C of bytes 8 .. 32 + leaf + side
 *      8  8  sequence number
 *     16  8  sequence number of the first record of its batch
 *     24  4  bytes of the leaf, 1..65,535
 *     28  4  bytes of the side, 0..1 MiB
 *     32     leaf, side, zeros up to a multiple of 8
 *   A record whose leaf retention has dropped keeps its place and its hash: "RVH1" instead of
 *   "RVR1", 40 for the bytes of the leaf, 0 for those of the side, and in the leaf's place "logged"
 *   (8 bytes, Unix nanoseconds) and the leaf's hash (32). Only in segments that are full.
 *   then zeros: the file is filled ahead of the records, for a sync that need not change the inode
 *   is several times cheaper.
 *
 * A batch is one write and one sync, and lies in one segment. Nothing of a batch is written before
 * the batch in front of it is durable. So what a torn write leaves is always the newest batch:
 * whole records, holes, halves, in any order. The reader takes records as long as they are whole
 * and in sequence. Where that ends, it looks on for a whole record of a batch that began *after*
 * the place of the missing one. If there is one, the missing record had been acknowledged: that is
 * damage and the log refuses to open. If there is none, the rest was never acknowledged and is cut
 * off. Records of a torn batch that are whole are kept: they are in the tree like any other, though
 * nobody was told. Rot in the newest batch looks like a torn write, unless the signed checkpoint
 * (at most a second behind) covers it; then it is damage.
 *
 * A write or sync that fails leaves bytes of the failed batch; before anything else is written the
 * file is cut back to the end of the last durable record, synced, and read back.
 *
 * A new segment's head is synced before the first record is written: a last file without a valid
 * head and without records is a torn creation and is removed. */
#include <dirent.h>
#include <sys/stat.h>

#include "ledger/ledger_int.h"

#define SEG_MAGIC "RVSEG1\n"
#define REC_MAGIC 0x31525652U
#define HASH_MAGIC 0x31485652U
enum { HASH_BYTES = 8 + 32 };

static void put32(char *p, uint32_t v)
{
	v = htole32(v);
	memcpy(p, &v, sizeof v);
}

static void put64(char *p, uint64_t v)
{
	v = htole64(v);
	memcpy(p, &v, sizeof v);
}

static uint32_t get32(const char *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof v);
	return le32toh(v);
}

static uint64_t get64(const char *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof v);
	return le64toh(v);
}

void rv_seg_head_write(char out[RV_SEG_HEAD], uint64_t first, int64_t now_ns, struct rv_str origin)
{
	struct rv_sha256 h;
	memset(out, 0, RV_SEG_HEAD);
	memcpy(out, SEG_MAGIC, 8);
	put64(out + 8, first);
	put64(out + 16, (uint64_t)now_ns);
	rv_sha256_of(origin, &h);
	memcpy(out + 24, h.b, 32);
	put32(out + 56, rv_crc32c(out, 56));
}

enum rv_code rv_seg_head_check(
	struct rv_str seg, uint64_t first, struct rv_str origin, struct rv_err *err)
{
	struct rv_sha256 h;
	if (seg.n < RV_SEG_HEAD || memcmp(seg.p, SEG_MAGIC, 8) != 0 ||
		get32(seg.p + 56) != rv_crc32c(seg.p, 56))
		return RV_FAIL(err, RV_ECORRUPT, "the head of the segment is damaged");
	if (get64(seg.p + 8) != first)
		return RV_FAIL(err, RV_ECORRUPT, "the segment begins with event %llu, not %llu",
			(unsigned long long)get64(seg.p + 8), (unsigned long long)first);
	rv_sha256_of(origin, &h);
	if (origin.n > 0 && memcmp(seg.p + 24, h.b, 32) != 0)
		return RV_FAIL(err, RV_ECORRUPT, "the segment is of another log than '%.*s'",
			RV_FMT(origin));
	return RV_OK;
}

void rv_rec_seal(char *p, uint64_t seq, uint64_t batch, size_t leaf_n, size_t side_n)
{
	size_t used = RV_REC_HEAD + leaf_n + side_n;
	put32(p, REC_MAGIC);
	put64(p + 8, seq);
	put64(p + 16, batch);
	put32(p + 24, (uint32_t)leaf_n);
	put32(p + 28, (uint32_t)side_n);
	put32(p + 4, rv_crc32c(p + 8, used - 8));
	memset(p + used, 0, rv_rec_size(leaf_n, side_n) - used);
}

void rv_rec_seal_hash(
	char *p, const struct rv_rec *r, const struct rv_sha256 *hash, int64_t logged_ns)
{
	put64(p + RV_REC_HEAD, (uint64_t)logged_ns);
	memcpy(p + RV_REC_HEAD + 8, hash->b, 32);
	rv_rec_seal(p, r->seq, r->batch, HASH_BYTES, 0);
	put32(p, HASH_MAGIC); /* the checksum begins behind it */
}

size_t rv_rec_hash_size(void)
{
	return rv_rec_size(HASH_BYTES, 0);
}

void rv_rec_hash(const struct rv_rec *r, struct rv_sha256 *ret)
{
	if (r->is_dropped)
		*ret = r->hash;
	else
		rv_tree_leaf_hash(r->leaf, ret);
}

bool rv_rec_read(struct rv_str seg, uint64_t offset, struct rv_rec *ret)
{
	if (offset > seg.n || seg.n - offset < RV_REC_HEAD)
		return false;
	const char *p = seg.p + offset;
	size_t leaf_n = get32(p + 24), side_n = get32(p + 28);
	bool is_dropped = get32(p) == HASH_MAGIC && leaf_n == HASH_BYTES && side_n == 0;
	if ((get32(p) != REC_MAGIC && !is_dropped) || leaf_n == 0 || leaf_n > RV_LEDGER_LEAF_MAX ||
		side_n > RV_LEDGER_SIDE_MAX)
		return false;
	if (seg.n - offset < RV_REC_HEAD + leaf_n + side_n ||
		get32(p + 4) != rv_crc32c(p + 8, RV_REC_HEAD - 8 + leaf_n + side_n))
		return false;
	*ret = (struct rv_rec){ .offset = offset,
		.seq = get64(p + 8),
		.batch = get64(p + 16),
		.leaf = rv_str_n(p + RV_REC_HEAD, leaf_n),
		.side = rv_str_n(p + RV_REC_HEAD + leaf_n, side_n) };
	if (is_dropped) {
		ret->is_dropped = true;
		ret->logged_ns = (int64_t)get64(p + RV_REC_HEAD);
		memcpy(ret->hash.b, p + RV_REC_HEAD + 8, 32);
		ret->leaf = RV_STR("");
	}
	return true;
}

/* What follows the last record in sequence? */
static void look_on(struct rv_str seg, struct rv_seg_scan *r)
{
	uint64_t last = r->used;
	struct rv_rec rec;
	r->end = RV_SEG_CLEAN;
	for (uint64_t at = r->used; at < seg.n; at++)
		if (seg.p[at] != 0)
			last = at + 1;
	if (last == r->used)
		return;
	r->end = RV_SEG_TORN;
	r->torn_bytes = last - r->used;
	for (uint64_t at = (r->used + 7) & ~UINT64_C(7); at < last; at += 8)
		if (rv_rec_read(seg, at, &rec) && rec.seq > r->next && rec.batch > r->next)
			r->end = RV_SEG_DAMAGED;
}

void rv_seg_scan(
	struct rv_str seg, uint64_t first, rv_rec_each *each, void *arg, struct rv_seg_scan *ret)
{
	struct rv_rec rec;
	*ret = (struct rv_seg_scan){ .used = RV_SEG_HEAD, .next = first };
	while (rv_rec_read(seg, ret->used, &rec) && rec.seq == ret->next) {
		if (!each(arg, &rec)) {
			ret->end = RV_SEG_STOPPED;
			return;
		}
		ret->used += rv_rec_bytes(&rec);
		ret->next++;
	}
	/* used may lie behind a file that was cut inside its last padding: nothing was lost. */
	look_on(seg, ret);
}

void rv_seg_name(uint64_t first, const char *ext, char ret[RV_SEG_NAME])
{
	snprintf(ret, RV_SEG_NAME, "%020llu.%s", (unsigned long long)first, ext);
}

bool rv_seg_name_parse(const char *name, uint64_t *ret_first)
{
	char again[RV_SEG_NAME];
	if (strlen(name) != 24 || !rv_str_u64(rv_str_n(name, 20), ret_first))
		return false;
	rv_seg_name(*ret_first, "seg", again);
	return strcmp(name, again) == 0;
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

enum rv_code rv_seg_list(const char *dir, uint64_t **ret, size_t *ret_n, struct rv_err *err)
{
	RV_AUTO_FREE uint64_t *list = NULL;
	size_t n = 0, cap = 0;
	DIR *d = opendir(dir);
	if (!d)
		return RV_FAIL(err, errno == ENOENT ? RV_ENOENT : RV_EIO, "open '%s': %s", dir,
			strerror(errno));
	for (struct dirent *e; (e = readdir(d));) {
		uint64_t first;
		if (!rv_seg_name_parse(e->d_name, &first))
			continue;
		if (n == cap) {
			cap = cap ? cap * 2 : 64;
			uint64_t *p = realloc(list, cap * sizeof *p);
			if (!p) {
				(void)closedir(d); /* only read from */
				return RV_FAIL(err, RV_ENOMEM, "out of memory");
			}
			list = p;
		}
		list[n++] = first;
	}
	(void)closedir(d); /* only read from */
	if (n > 0)
		qsort(list, n, sizeof *list, by_number);
	*ret = rv_take(list);
	*ret_n = n;
	return RV_OK;
}

enum rv_code rv_seg_load(
	const char *dir, uint64_t first, char **ret, size_t *ret_n, struct rv_err *err)
{
	char name[RV_SEG_NAME], path[RV_PATH];
	struct stat st;
	rv_seg_name(first, "seg", name);
	snprintf(path, sizeof path, "%s/%s", dir, name);
	RV_AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) != 0)
		return RV_FAIL_AT(err, RV_EIO, name, 0, 0, "open: %s", strerror(errno));
	size_t n = (size_t)st.st_size, got = 0;
	RV_AUTO_FREE char *p = malloc(n + 1);
	if (!p)
		return RV_FAIL(err, RV_ENOMEM, "out of memory");
	while (got < n) {
		ssize_t k = read(fd, p + got, n - got);
		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return RV_FAIL_AT(err, RV_EIO, name, 0, 0, "read: %s", strerror(errno));
		if (k == 0) /* cut meanwhile by its writer */
			break;
		got += (size_t)k;
	}
	*ret = rv_take(p);
	*ret_n = got;
	return RV_OK;
}
