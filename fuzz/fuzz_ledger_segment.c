#include "ledger/ledger_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void put(const char *dir, const char *name, const uint8_t *p, size_t n)
{
	char path[300];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	rv_assert(fd >= 0 && write(fd, p, n) == (ssize_t)n);
	(void)close(fd);
}

static void look(struct rv_ledger *l, enum rv_ledger_order order)
{
	struct rv_ledger_reader *r = rv_ledger_reader_new(l, order);
	struct rv_ledger_entry e;
	rv_assert(r);
	for (uint64_t i = 0, n = rv_ledger_size(l); i < n; i++) {
		uint64_t seq = order == RV_READ_BACKWARD ? n - 1 - i : i;
		enum rv_code code = rv_ledger_reader_get(r, seq, &e, NULL);
		rv_assert(code == RV_OK || code == RV_ECORRUPT);
		rv_assert(
			code != RV_OK || (e.leaf.n <= RV_LEDGER_LEAF_MAX && e.event.n < e.leaf.n));
	}
	rv_ledger_reader_free(r);
}

/* Right checksums over whatever stands there, so that what lies behind them is reached. */
static void seal(char *p, size_t n)
{
	uint32_t sum, len[2];
	uint64_t at = RV_SEG_HEAD, seq[2];
	if (n < RV_SEG_HEAD)
		return;
	sum = rv_crc32c(p, 56);
	memcpy(p + 56, &sum, 4);
	while (at + RV_REC_HEAD <= n) {
		memcpy(seq, p + at + 8, sizeof seq);
		memcpy(len, p + at + 24, sizeof len);
		if (len[0] > n || len[1] > n || rv_rec_size(len[0], len[1]) > n - at)
			return;
		bool is_hash = memcmp(p + at, "RVH1", 4) == 0;
		rv_rec_seal(p + at, seq[0], seq[1], len[0], len[1]);
		if (is_hash)
			memcpy(p + at, "RVH1", 4);
		at += rv_rec_size(len[0], len[1]);
	}
}

/* Two files of a log folder from outside bytes: a segment, and an index when the first byte says
 * so. Opening and verifying must end, and agree: what opens and has no damage reads back whole. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static char dir[] = "/tmp/rv-fuzz-XXXXXX";
	static bool is_made;
	if (!is_made)
		rv_assert(mkdtemp(dir));
	is_made = true;
	if (n < 3)
		return 0;
	size_t seg_n = n - 3;
	size_t split = (size_t)(data[1] | data[2] << 8);
	if (data[0] & 1)
		seg_n = split < seg_n ? split : seg_n;
	RV_AUTO_FREE char *seg = malloc(seg_n + 1);
	rv_assert(seg);
	memcpy(seg, data + 3, seg_n);
	if (data[0] & 2)
		seal(seg, seg_n);
	put(dir, "00000000000000000000.seg", (uint8_t *)seg, seg_n);
	put(dir, "00000000000000000000.idx", data + 3 + seg_n, n - 3 - seg_n);
	struct rv_ledger_opts o = { .dir = dir };
	struct rv_ledger *l;
	struct rv_err err = { 0 };
	struct rv_verify_report r;
	enum rv_code code = rv_ledger_open(&o, &l, &err);
	rv_assert((code == RV_OK) == (err.msg[0] == '\0'));
	rv_assert(
		rv_ledger_verify(dir, &(struct rv_verify_opts){ .vkey = NULL }, &r, NULL) == RV_OK);
	if (code != RV_OK)
		return 0;
	look(l, RV_READ_FORWARD);
	look(l, RV_READ_BACKWARD);
	if (r.n_problems == 0) {
		struct rv_sha256 root;
		rv_assert(rv_ledger_size(l) == r.size);
		rv_assert(rv_ledger_root(l, 0, &root, NULL) == RV_OK);
		rv_assert(rv_sha256_eq(&root, &r.root));
	}
	rv_ledger_free(l);
	return 0;
}
