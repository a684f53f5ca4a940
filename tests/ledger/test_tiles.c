/* The log as tiles: names, bytes, and what checking a static copy finds. */
#include "tests/ledger/lab.h"

TEST(names)
{
	static const struct {
		const char *path;
		bool ok, is_entries;
		unsigned level, width;
		uint64_t n;
	} cases[] = {
		{ "0/000", true, false, 0, 256, 0 },
		{ "0/001.p/17", true, false, 0, 17, 1 },
		{ "1/x001/234.p/255", true, false, 1, 255, 1234 },
		{ "63/x001/x234/067", true, false, 63, 256, 1234067 },
		{ "entries/000.p/1", true, true, 0, 1, 0 },
		{ "entries/x999/999", true, true, 0, 256, 999999 },
		{ "0/x072/x057/x594/x037/x927/935", true, false, 0, 256, 72057594037927935 },
		{ .path = "" },
		{ .path = "0" },
		{ .path = "0/" },
		{ .path = "0/0" },
		{ .path = "0/00" },
		{ .path = "0/0000" },
		{ .path = "00/000" },
		{ .path = "01/000" },
		{ .path = "64/000" },
		{ .path = "-1/000" },
		{ .path = "+1/000" },
		{ .path = " 0/000" },
		{ .path = "0/000 " },
		{ .path = "0/000/" },
		{ .path = "0//000" },
		{ .path = "0/x000/001" },
		{ .path = "0/x001/x000/" },
		{ .path = "0/001/002" },
		{ .path = "0/x001" },
		{ .path = "0/X001/002" },
		{ .path = "0/x01/002" },
		{ .path = "0/x0a1/002" },
		{ .path = "0/x072/x057/x594/x037/x927/936" },
		{ .path = "0/x999/x999/x999/x999/x999/x999/x999/999" },
		{ .path = "0/000.p" },
		{ .path = "0/000.p/" },
		{ .path = "0/000.p/0" },
		{ .path = "0/000.p/00" },
		{ .path = "0/000.p/017" },
		{ .path = "0/000.p/256" },
		{ .path = "0/000.p/1000" },
		{ .path = "0/000.p/99999999999999999999" },
		{ .path = "0/000.p/-1" },
		{ .path = "0/000.p/1/" },
		{ .path = "0/000.p/1.p/1" },
		{ .path = "0/x001.p/3/002" },
		{ .path = "entries" },
		{ .path = "entries/" },
		{ .path = "entries/0/000" },
		{ .path = "Entries/000" },
		{ .path = "data/000" },
		{ .path = "../0/000" },
		{ .path = "0/%30%30%30" },
	};
	for (size_t i = 0; i < RV_COUNT(cases); i++) {
		struct rv_tile t = { 0 };
		struct rv_err err = { 0 };
		enum rv_code code = rv_tile_parse(rv_str_of(cases[i].path), &t, &err);
		CHECKF(code == (cases[i].ok ? RV_OK : RV_EINVAL), "'%s'", cases[i].path);
		if (code != RV_OK || !cases[i].ok)
			continue;
		CHECKF(t.is_entries == cases[i].is_entries && t.level == cases[i].level &&
				t.width == cases[i].width && t.n == cases[i].n,
			"'%s'", cases[i].path);
		RV_AUTO_BUF again;
		rv_buf_init(&again, 256);
		rv_tile_path(&t, &again);
		CHECK(rv_str_starts(rv_buf_str(&again), RV_STR("tile/")));
		CHECK_STR(rv_str_sub(rv_buf_str(&again), 5, again.n), cases[i].path);
	}
}

/* The numbers of the specification: a tree of 70,000. */
TEST(widths)
{
	CHECK(rv_tile_count(70000, 0) == 70000 && rv_tile_count(70000, 1) == 273);
	CHECK(rv_tile_width(70000, 0, 272) == 256 && rv_tile_width(70000, 0, 273) == 112);
	CHECK(rv_tile_width(70000, 0, 274) == 0);
	CHECK(rv_tile_width(70000, 1, 0) == 256 && rv_tile_width(70000, 1, 1) == 17);
	CHECK(rv_tile_width(70000, 2, 0) == 1 && rv_tile_width(70000, 3, 0) == 0);
	CHECK(rv_tile_width(256, 0, 0) == 256 && rv_tile_width(256, 1, 0) == 1);
	CHECK(rv_tile_width(0, 0, 0) == 0 && rv_tile_width(UINT64_MAX, 63, 0) == 0);
}

enum { N = 70000 / 100 }; /* 2 full tiles and one of 188 */

struct copy {
	struct lab b;
	char dir[300]; /* the static copy */
};

static void export_to(struct copy *c, struct rv_tlog_exported *x)
{
	struct rv_err err = { 0 };
	const struct rv_tlog_src src = rv_tlog_log(c->b.l);
	enum rv_code code = rv_tlog_export(&src, c->dir, x, &err);
	CHECKF(code == RV_OK, "%s", err.msg);
}

static void make(struct copy *c, uint64_t n)
{
	struct rv_tlog_exported x;
	struct rv_err err = { 0 };
	RV_AUTO_BUF note;
	rv_buf_init(&note, 4096);
	lab_init(&c->b);
	snprintf(c->dir, sizeof c->dir, "%s/static", c->b.dir);
	c->b.opts.segment_bytes = 64 << 10;
	lab_must_open(&c->b);
	rv_assert(lab_append(&c->b, 0, n, 100, &err) == RV_OK);
	rv_assert(rv_ledger_checkpoint(c->b.l, true, &note, &err) == RV_OK);
	export_to(c, &x);
	CHECK(x.size == n && x.dropped == 0);
}

static struct rv_verify_report check(struct copy *c, struct rv_str saved)
{
	struct rv_verify_report r;
	struct rv_err err = { 0 };
	const struct rv_tlog_src src = rv_tlog_dir(c->dir);
	const struct rv_verify_opts o = { .vkey = c->b.vkey, .saved = saved };
	enum rv_code code = rv_tlog_verify(&src, &o, &r, &err);
	CHECKF(code == RV_OK, "%s", err.msg);
	return r;
}

static bool says(const struct rv_verify_report *r, const char *file, uint64_t seq, const char *text)
{
	for (size_t i = 0; i < r->n_problems && i < RV_VERIFY_PROBLEMS; i++)
		if (strstr(r->problem[i].text, text) && strstr(r->problem[i].file, file) &&
			(seq == UINT64_MAX || r->problem[i].seq == seq))
			return true;
	for (size_t i = 0; i < r->n_problems && i < RV_VERIFY_PROBLEMS; i++)
		printf("# instead: %s %llu: %s\n", r->problem[i].file,
			(unsigned long long)r->problem[i].seq, r->problem[i].text);
	return false;
}

static char *slurp(struct copy *c, const char *name, size_t *ret_n)
{
	char path[400];
	snprintf(path, sizeof path, "static/%s", name);
	char *p = lab_read(&c->b, path, ret_n);
	rv_assert(p);
	return p;
}

static void spill(struct copy *c, const char *name, const void *p, size_t n)
{
	char path[400];
	snprintf(path, sizeof path, "static/%s", name);
	lab_write(&c->b, path, p, n);
}

TEST(every_size_verifies)
{
	static const uint64_t sizes[] = { 0, 1, 2, 3, 255, 256, 257, 511, 512, 700, 65536 + 300 };
	for (size_t i = 0; i < RV_COUNT(sizes); i++) {
		struct copy c;
		make(&c, sizes[i]);
		struct rv_verify_report r = check(&c, RV_STR(""));
		CHECKF(r.level == RV_VERIFY_VERIFIED && r.size == sizes[i], "%llu: %zu problems",
			(unsigned long long)sizes[i], r.n_problems);
		CHECKF(r.n_problems == 0, "%s", r.problem[0].text);
		lab_done(&c.b);
	}
}

/* What the specification says of the bytes, by hand. */
TEST(bytes)
{
	struct copy c;
	size_t n, k;
	make(&c, N);
	char *p = slurp(&c, "tile/0/000", &n);
	CHECK(n == 8192);
	free(p);
	p = slurp(&c, "tile/0/002.p/188", &n);
	CHECK(n == 188 * 32);
	free(p);
	p = slurp(&c, "tile/1/000.p/2", &n);
	CHECK(n == 64);
	char *leaves = slurp(&c, "tile/0/001", &k);
	struct rv_sha256 h[256];
	memcpy(h, leaves, sizeof h);
	for (size_t w = 256; w > 1; w /= 2)
		for (size_t i = 0; i < w / 2; i++) {
			const struct rv_str parts[] = { rv_str_n("\1", 1), rv_str_n(h[2 * i].b, 32),
				rv_str_n(h[2 * i + 1].b, 32) };
			rv_sha256_parts(parts, 3, &h[i]);
		}
	CHECK(memcmp(p + 32, h[0].b, 32) == 0);
	free(leaves);
	free(p);
	p = slurp(&c, "tile/entries/001", &n);
	struct rv_str rest = rv_str_n(p, n), leaf;
	leaves = slurp(&c, "tile/0/001", &k);
	for (size_t i = 0; i < 256; i++) {
		REQUIRE(rv_bundle_next(&rest, &leaf, NULL) == RV_OK);
		rv_tree_leaf_hash(leaf, &h[0]);
		CHECK(memcmp(h[0].b, leaves + 32 * i, 32) == 0);
	}
	CHECK(rest.n == 0 && rv_bundle_next(&rest, &leaf, NULL) == RV_ECORRUPT);
	rest = rv_str_n("\0\5abcd", 6);
	CHECK(rv_bundle_next(&rest, &leaf, NULL) == RV_ECORRUPT);
	free(leaves);
	free(p);
	lab_done(&c.b);
}

/* Nothing that the newest checkpoint does not cover is published, and no empty tile. */
TEST(only_what_is_signed)
{
	struct copy c;
	struct rv_err err = { 0 };
	make(&c, 300);
	static const struct {
		const char *path;
		enum rv_code want;
	} cases[] = {
		{ "0/000", RV_OK },
		{ "0/000.p/7", RV_OK },
		{ "0/001.p/44", RV_OK },
		{ "0/001.p/45", RV_ENOENT },
		{ "0/001", RV_ENOENT },
		{ "0/002.p/1", RV_ENOENT },
		{ "1/000.p/1", RV_OK },
		{ "1/000.p/2", RV_ENOENT },
		{ "2/000.p/1", RV_ENOENT },
		{ "63/000", RV_ENOENT },
		{ "entries/001.p/44", RV_OK },
		{ "entries/001.p/45", RV_ENOENT },
	};
	REQUIRE_OK(lab_append(&c.b, 300, 50, 10, &err), &err);
	for (size_t i = 0; i < RV_COUNT(cases); i++) {
		struct rv_tile t;
		RV_AUTO_BUF b;
		rv_buf_init(&b, 1 << 20);
		REQUIRE_OK(rv_tile_parse(rv_str_of(cases[i].path), &t, &err), &err);
		CHECKF(rv_ledger_tile(c.b.l, &t, &b, NULL) == cases[i].want, "%s", cases[i].path);
	}
	lab_done(&c.b);
}

TEST(export_again_adds_what_is_new)
{
	struct copy c;
	struct rv_tlog_exported x;
	struct rv_err err = { 0 };
	RV_AUTO_BUF note;
	rv_buf_init(&note, 4096);
	make(&c, 600);
	export_to(&c, &x);
	CHECKF(x.files == 1, "%llu", (unsigned long long)x.files); /* the checkpoint */
	REQUIRE_OK(lab_append(&c.b, 600, 400, 100, &err), &err);
	REQUIRE_OK(rv_ledger_checkpoint(c.b.l, true, &note, &err), &err);
	export_to(&c, &x);
	CHECK(x.size == 1000 && x.files == 6); /* 2 bundles, 2 tiles, 1 above, checkpoint */
	CHECK(check(&c, RV_STR("")).level == RV_VERIFY_VERIFIED);
	lab_done(&c.b);
}

/* ---- attacks on the static copy ---- */

TEST(an_edited_entry)
{
	struct copy c;
	size_t n;
	make(&c, N);
	char *p = slurp(&c, "tile/entries/001", &n);
	char *at = memmem(p, n, "\"allow\"", 7);
	rv_assert(at);
	memcpy(at, "\"alloW\"", 7);
	spill(&c, "tile/entries/001", p, n);
	free(p);
	struct rv_verify_report r = check(&c, RV_STR(""));
	CHECK(r.level == RV_VERIFY_FAILED && says(&r, "tile/entries/001", 256, "edited"));
	CHECK(says(&r, "checkpoint", UINT64_MAX, "history was rewritten"));
	lab_done(&c.b);
}

/* The entry and its hash in the level-0 tile fit each other: who trusts a hash because it came with
 * others is fooled. */
TEST(an_entry_forged_together_with_its_hash)
{
	struct copy c;
	size_t n, k;
	make(&c, N);
	char *p = slurp(&c, "tile/entries/000", &n), *hashes = slurp(&c, "tile/0/000", &k);
	char *at = memmem(p, n, "\"allow\"", 7);
	rv_assert(at);
	memcpy(at, "\"alloW\"", 7);
	struct rv_str rest = rv_str_n(p, n), leaf;
	for (size_t i = 0; i < 256; i++) {
		struct rv_sha256 h;
		REQUIRE(rv_bundle_next(&rest, &leaf, NULL) == RV_OK);
		rv_tree_leaf_hash(leaf, &h);
		memcpy(hashes + 32 * i, h.b, 32);
	}
	spill(&c, "tile/entries/000", p, n);
	spill(&c, "tile/0/000", hashes, k);
	struct rv_verify_report r = check(&c, RV_STR(""));
	CHECK(r.level == RV_VERIFY_FAILED && says(&r, "tile/1/000", 0, "together with its own"));
	CHECK(says(&r, "checkpoint", UINT64_MAX, "history was rewritten"));
	free(p);
	free(hashes);
	lab_done(&c.b);
}

TEST(a_forged_upper_tile)
{
	struct copy c;
	make(&c, N);
	lab_flip(&c.b, "static/tile/1/000.p/2", 40);
	struct rv_verify_report r = check(&c, RV_STR(""));
	CHECK(r.level == RV_VERIFY_FAILED && says(&r, "tile/1/000", 256, "lead to this hash"));
	lab_done(&c.b);
}

TEST(swapped_entries)
{
	struct copy c;
	size_t n, k;
	make(&c, N);
	/* Two of one length, with their hashes: the leaf itself says where it belongs. */
	char *p = slurp(&c, "tile/entries/000", &n), *hashes = slurp(&c, "tile/0/000", &k);
	struct rv_str rest = rv_str_n(p, n), leaf[256];
	for (size_t i = 0; i < 256; i++)
		REQUIRE(rv_bundle_next(&rest, &leaf[i], NULL) == RV_OK);
	size_t a = 110, z = 122;
	REQUIRE(leaf[a].n == leaf[z].n);
	char keep[1000];
	rv_assert(leaf[a].n < sizeof keep);
	memcpy(keep, leaf[a].p, leaf[a].n);
	memmove(p + (leaf[a].p - p), leaf[z].p, leaf[z].n);
	memcpy(p + (leaf[z].p - p), keep, leaf[a].n);
	memcpy(keep, hashes + 32 * a, 32);
	memmove(hashes + 32 * a, hashes + 32 * z, 32);
	memcpy(hashes + 32 * z, keep, 32);
	spill(&c, "tile/entries/000", p, n);
	spill(&c, "tile/0/000", hashes, k);
	struct rv_verify_report r = check(&c, RV_STR(""));
	CHECK(r.level == RV_VERIFY_FAILED && says(&r, "tile/entries/000", a, "moved"));
	free(p);
	free(hashes);
	lab_done(&c.b);
}

TEST(cut_bundles_and_missing_files)
{
	struct copy c;
	size_t n;
	make(&c, N);
	char *p = slurp(&c, "tile/entries/002.p/188", &n);
	for (size_t cut = 1; cut < 400; cut += 57) {
		spill(&c, "tile/entries/002.p/188", p, n - cut);
		struct rv_verify_report r = check(&c, RV_STR(""));
		CHECK(r.level == RV_VERIFY_FAILED && says(&r, "002.p/188", UINT64_MAX, "ends"));
	}
	char *longer = malloc(n + 3);
	rv_assert(longer);
	memcpy(longer, p, n);
	memcpy(longer + n, "\0\1x", 3);
	spill(&c, "tile/entries/002.p/188", longer, n + 3);
	struct rv_verify_report r = check(&c, RV_STR(""));
	CHECK(r.level == RV_VERIFY_FAILED && says(&r, "002.p/188", UINT64_MAX, "follow the last"));
	spill(&c, "tile/entries/002.p/188", p, n);
	CHECK(check(&c, RV_STR("")).level == RV_VERIFY_VERIFIED);
	free(p);
	free(longer);
	char path[400];
	/* A bundle that is gone without a retention event, a tile that is gone, both. */
	snprintf(path, sizeof path, "%s/tile/entries/000", c.dir);
	rv_assert(unlink(path) == 0);
	r = check(&c, RV_STR(""));
	CHECK(r.level == RV_VERIFY_FAILED && r.dropped == 256);
	CHECK(says(&r, "tile/entries", 0, "no retention event accounts for them"));
	snprintf(path, sizeof path, "%s/tile/0/000", c.dir);
	rv_assert(unlink(path) == 0);
	r = check(&c, RV_STR(""));
	CHECK(r.level == RV_VERIFY_FAILED && says(&r, "000", UINT64_MAX, "the log was cut"));
	lab_done(&c.b);
}

/* Yesterday's folder, and a fork signed with the log's own key, against a checkpoint from
 * elsewhere.
 */
TEST(rollback_and_fork)
{
	struct copy c;
	struct rv_err err = { 0 };
	struct rv_tlog_exported x;
	RV_AUTO_BUF saved;
	rv_buf_init(&saved, 4096);
	make(&c, 300);
	REQUIRE_OK(lab_append(&c.b, 300, 100, 100, &err), &err);
	REQUIRE_OK(rv_ledger_checkpoint(c.b.l, true, &saved, &err), &err);
	struct rv_verify_report r = check(&c, rv_buf_str(&saved));
	CHECK(r.level == RV_VERIFY_FAILED && says(&r, "saved", 300, "cut or an older copy"));
	export_to(&c, &x);
	r = check(&c, rv_buf_str(&saved));
	CHECK(r.level == RV_VERIFY_VERIFIED && r.saved_size == 400);
	lab_done(&c.b);
	make(&c, 500); /* the same key, the same origin, other times: another history */
	r = check(&c, rv_buf_str(&saved));
	CHECK(r.level == RV_VERIFY_FAILED &&
		says(&r, "saved", UINT64_MAX, "history was rewritten"));
	CHECK(check(&c, RV_STR("")).level == RV_VERIFY_VERIFIED);
	lab_done(&c.b);
}

TEST(signed_by_another_key)
{
	struct copy c;
	struct rv_ledger_key other;
	struct rv_verify_report r;
	RV_AUTO_BUF v;
	rv_buf_init(&v, 1000);
	make(&c, 10);
	memset(other.seed, 9, sizeof other.seed);
	REQUIRE(rv_ledger_vkey(&other, RV_STR(LAB_ORIGIN), &v, NULL) == RV_OK);
	const struct rv_tlog_src src = rv_tlog_dir(c.dir);
	const struct rv_verify_opts o = { .vkey = rv_buf_z(&v) };
	REQUIRE(rv_tlog_verify(&src, &o, &r, NULL) == RV_OK);
	CHECK(r.level == RV_VERIFY_FAILED && says(&r, "checkpoint", UINT64_MAX, "no signature"));
	lab_done(&c.b);
}

MAIN()
