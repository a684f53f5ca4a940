/* Retention: what is old goes, every proof stays, the act is in the log. */
#include <pthread.h>

#include "tests/ledger/lab.h"

enum { N = 1200 };

/* A minute between batches of ten. */
static void fill(struct lab *b, uint64_t from, uint64_t n)
{
	for (uint64_t i = 0; i < n; i += 10) {
		rv_clock_advance(&b->clock, 60 * RV_NS_PER_S);
		rv_assert(lab_append(b, from + i, 10, 10, NULL) == RV_OK);
	}
}

static void make(struct lab *b)
{
	RV_AUTO_BUF note;
	rv_buf_init(&note, 4096);
	lab_init(b);
	b->opts.segment_bytes = 48 << 10;
	b->opts.clock = &b->clock;
	lab_must_open(b);
	fill(b, 0, N);
	rv_assert(rv_ledger_checkpoint(b->l, true, &note, NULL) == RV_OK);
}

static int64_t minute(uint64_t event)
{
	return INT64_C(1764000000) * RV_NS_PER_S + ((int64_t)event / 10 + 1) * 60 * RV_NS_PER_S;
}

static struct rv_verify_report verify(struct lab *b)
{
	struct rv_verify_report r;
	struct rv_err err = { 0 };
	enum rv_code code =
		rv_ledger_verify(b->dir, &(struct rv_verify_opts){ .vkey = b->vkey }, &r, &err);
	CHECKF(code == RV_OK, "%s", err.msg);
	for (size_t i = 0; i < r.n_problems && i < RV_VERIFY_PROBLEMS; i++)
		printf("# %s %llu: %s\n", r.problem[i].file, (unsigned long long)r.problem[i].seq,
			r.problem[i].text);
	return r;
}

static bool has_side(struct lab *b, uint64_t seq)
{
	struct rv_ledger_entry e;
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 1 << 20);
	return rv_ledger_read(b->l, &a, seq, &e, NULL) == RV_OK && e.side.n > 0;
}

TEST(texts_go_and_events_stay)
{
	struct lab b;
	struct rv_retained r;
	struct rv_err err = { 0 };
	make(&b);
	CHECK(has_side(&b, 1) && has_side(&b, 301) && has_side(&b, N - 3));
	const struct rv_retention p = { .texts_before_ns = minute(400), .is_dry = true };
	REQUIRE_OK(rv_ledger_retain(b.l, &p, &r, &err), &err);
	CHECKF(r.texts == 100 && r.events == 0 && r.segments > 1, "%llu",
		(unsigned long long)r.texts);
	CHECK(has_side(&b, 1) && rv_ledger_size(b.l) == N);
	const struct rv_retention now = { .texts_before_ns = minute(400) };
	REQUIRE_OK(rv_ledger_retain(b.l, &now, &r, &err), &err);
	CHECK(r.texts == 100 && r.texts_below == 400 && r.bytes > 0);
	CHECK(!has_side(&b, 1) && !has_side(&b, 397) && has_side(&b, 401));
	CHECK(lab_holds(&b, N));
	/* It is recorded, once; what is gone needs no second record. */
	CHECK(rv_ledger_size(b.l) == N + 1);
	REQUIRE_OK(rv_ledger_retain(b.l, &now, &r, &err), &err);
	CHECK(r.texts == 0 && rv_ledger_size(b.l) == N + 1);
	lab_close(&b);
	struct rv_verify_report v = verify(&b);
	CHECK(v.level == RV_VERIFY_VERIFIED && v.dropped == 0);
	lab_must_open(&b);
	CHECK(lab_holds(&b, N) && !has_side(&b, 1));
	lab_done(&b);
}

static bool count(void *arg, const struct rv_ledger_entry *e)
{
	(*(uint64_t *)arg)++;
	return true;
}

TEST(events_go_and_every_proof_stays)
{
	struct lab b;
	struct rv_retained r;
	struct rv_err err = { 0 };
	RV_AUTO_ARENA a;
	RV_AUTO_BUF receipt, note;
	rv_arena_init(&a, 8 << 20);
	rv_buf_init(&receipt, 1 << 16);
	rv_buf_init(&note, 1 << 14);
	make(&b);
	struct rv_ledger_entry e;
	struct rv_sha256 root, again;
	REQUIRE_OK(rv_ledger_read(b.l, &a, 100, &e, &err), &err);
	REQUIRE_OK(rv_ledger_receipt(b.l, 100, &receipt, &err), &err);
	REQUIRE_OK(rv_ledger_checkpoint(b.l, true, &note, &err), &err);
	REQUIRE_OK(rv_ledger_root(b.l, N, &root, &err), &err);
	const struct rv_retention p = { .events_before_ns = minute(700) };
	REQUIRE_OK(rv_ledger_retain(b.l, &p, &r, &err), &err);
	/* Whole bundles: 700 is not one, 512 is. */
	CHECKF(r.events == 512 && r.events_below == 512, "%llu", (unsigned long long)r.events);
	CHECK(r.texts_below == 512 && r.bytes > 512 * 100);
	struct rv_ledger_entry gone;
	CHECK(rv_ledger_read(b.l, &a, 100, &gone, &err) == RV_ENOENT);
	CHECKF(strstr(err.msg, "retention"), "%s", err.msg);
	REQUIRE(rv_ledger_read(b.l, &a, 512, &gone, NULL) == RV_OK);
	/* The old receipt holds, and a new one of the same event too. */
	uint64_t index, size;
	CHECK(rv_receipt_check(rv_buf_str(&receipt), e.leaf, b.vkey, &index, &size, NULL) == RV_OK);
	rv_buf_clear(&receipt);
	REQUIRE(rv_ledger_receipt(b.l, 100, &receipt, NULL) == RV_OK);
	CHECK(rv_receipt_check(rv_buf_str(&receipt), e.leaf, b.vkey, &index, &size, NULL) == RV_OK);
	CHECK(rv_ledger_root(b.l, N, &again, NULL) == RV_OK && rv_sha256_eq(&root, &again));
	/* A search finds what is left and does not stumble. */
	struct rv_ledger_query q = { .system = RV_STR("bot-1"), .limit = SIZE_MAX };
	uint64_t n = 0;
	rv_err_clear(&err);
	REQUIRE_OK(rv_ledger_search(b.l, &q, count, &n, NULL, &err), &err);
	CHECKF(n == (N - 512 + 1) / 3, "%llu", (unsigned long long)n);
	q = (struct rv_ledger_query){ .limit = SIZE_MAX };
	n = 0;
	REQUIRE_OK(rv_ledger_search(b.l, &q, count, &n, NULL, &err), &err);
	CHECK(n == N - 512 + 1);
	/* Bundles below the minimum index are denied, those above are whole. */
	struct rv_tile t = { .is_entries = true, .n = 1, .width = 256 };
	RV_AUTO_BUF tile;
	rv_buf_init(&tile, 1 << 20);
	CHECK(rv_ledger_tile(b.l, &t, &tile, NULL) == RV_ENOENT);
	t.n = 2;
	CHECK(rv_ledger_tile(b.l, &t, &tile, NULL) == RV_OK);
	t = (struct rv_tile){ .level = 0, .n = 0, .width = 256 };
	CHECK(rv_ledger_tile(b.l, &t, &tile, NULL) == RV_OK);
	/* A static copy says the same. */
	char dir[300];
	struct rv_tlog_exported x;
	struct rv_verify_report v;
	snprintf(dir, sizeof dir, "%s/static", b.dir);
	REQUIRE_OK(rv_ledger_checkpoint(b.l, true, &note, &err), &err);
	struct rv_tlog_src src = rv_tlog_log(b.l);
	REQUIRE_OK(rv_tlog_export(&src, dir, &x, &err), &err);
	CHECK(x.dropped == 512);
	src = rv_tlog_dir(dir);
	REQUIRE_OK(
		rv_tlog_verify(&src, &(struct rv_verify_opts){ .vkey = b.vkey }, &v, &err), &err);
	CHECK(v.level == RV_VERIFY_VERIFIED && v.dropped == 512);
	lab_close(&b);
	v = verify(&b);
	CHECK(v.level == RV_VERIFY_VERIFIED && v.dropped == 512 && v.size == N + 1);
	RV_AUTO_BUF words;
	rv_buf_init(&words, 4096);
	rv_verify_print(&v, &words);
	CHECK(strstr(rv_buf_z(&words), "512 events were dropped by retention"));
	/* Opened again, with and without indexes. */
	lab_must_open(&b);
	CHECK(rv_ledger_root(b.l, N, &again, NULL) == RV_OK && rv_sha256_eq(&root, &again));
	lab_close(&b);
	rv_assert(unlink(lab_path(&b, "00000000000000000000.idx")) == 0);
	lab_must_open(&b);
	CHECK(rv_ledger_root(b.l, N, &again, NULL) == RV_OK && rv_sha256_eq(&root, &again));
	rv_clock_advance(&b.clock, 1000000 * RV_NS_PER_S);
	REQUIRE(lab_append(&b, N, 5, 5, NULL) == RV_OK);
	lab_done(&b);
}

/* The newest segment is never touched, nor what is not signed. */
TEST(what_is_being_written_stays)
{
	struct lab b;
	struct rv_retained r;
	struct rv_err err = { 0 };
	lab_init(&b);
	b.opts.clock = &b.clock;
	lab_must_open(&b);
	fill(&b, 0, 600);
	const struct rv_retention p = { .texts_before_ns = INT64_MAX,
		.events_before_ns = INT64_MAX };
	REQUIRE_OK(rv_ledger_retain(b.l, &p, &r, &err), &err);
	CHECK(r.events == 0 && r.texts == 0 && rv_ledger_size(b.l) == 600);
	lab_done(&b);
	/* A reader may ask what would go, and no more. */
	make(&b);
	lab_close(&b);
	struct rv_ledger_opts ro = { .dir = b.dir };
	REQUIRE_OK(rv_ledger_open(&ro, &b.l, &err), &err);
	CHECK(rv_ledger_retain(b.l, &p, &r, &err) == RV_EAUDIT);
	struct rv_retention dry = p;
	dry.is_dry = true;
	CHECK(rv_ledger_retain(b.l, &dry, &r, NULL) == RV_OK && r.events > 512);
	lab_done(&b);
}

/* Whoever takes records out without the act being in the log is found, though every hash fits. */
TEST(dropped_without_a_record)
{
	struct lab b, honest;
	struct rv_retained r;
	make(&b);
	lab_close(&b);
	lab_init(&honest);
	lab_copy(b.dir, honest.dir);
	lab_must_open(&b);
	const struct rv_retention p = { .events_before_ns = minute(700) };
	REQUIRE(rv_ledger_retain(b.l, &p, &r, NULL) == RV_OK);
	lab_close(&b);
	size_t n;
	char *p0 = lab_read(&b, LAB_SEG0, &n);
	lab_write(&honest, LAB_SEG0, p0, n);
	free(p0);
	(void)unlink(lab_path(&honest, "00000000000000000000.idx"));
	struct rv_verify_report v = verify(&honest);
	CHECK(v.level == RV_VERIFY_FAILED && v.n_problems == 1 &&
		strstr(v.problem[0].text, "no retention event accounts"));
	/* And a hash that is not the one that was there. */
	p0 = lab_read(&b, LAB_SEG0, &n);
	free(p0);
	lab_flip(&b, LAB_SEG0, 64 + 32 + 8 + 3);
	v = verify(&b);
	CHECK(v.level == RV_VERIFY_FAILED);
	lab_done(&honest);
	lab_done(&b);
}

/* A crash between the renaming of a segment and its index: the next open makes that again. */
TEST(stale_and_missing_indexes)
{
	struct lab b;
	struct rv_retained r;
	size_t n;
	make(&b);
	char *old = lab_read(&b, "00000000000000000000.idx", &n);
	rv_assert(old);
	const struct rv_retention p = { .texts_before_ns = minute(700),
		.events_before_ns = minute(300) };
	REQUIRE(rv_ledger_retain(b.l, &p, &r, NULL) == RV_OK && r.events == 256);
	lab_close(&b);
	lab_write(&b, "00000000000000000000.idx", old, n);
	free(old);
	lab_must_open(&b);
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 1 << 20);
	struct rv_ledger_entry e;
	CHECK(rv_ledger_read(b.l, &a, 256, &e, NULL) == RV_OK);
	CHECK(rv_ledger_read(b.l, &a, 255, &e, NULL) == RV_ENOENT);
	lab_close(&b);
	CHECK(verify(&b).level == RV_VERIFY_VERIFIED);
	lab_done(&b);
}

/* ---- beside readers and a writer ---- */

struct beside {
	struct lab *b;
	bool stop;
	uint64_t reads, bad;
};

static void *read_on(void *arg)
{
	struct beside *s = arg;
	char want[LAB_EVENT];
	for (uint64_t i = 0; !__atomic_load_n(&s->stop, __ATOMIC_ACQUIRE); i = (i + 7) % N) {
		struct rv_ledger_entry e;
		struct rv_err err = { 0 };
		RV_AUTO_ARENA a;
		rv_arena_init(&a, 1 << 20);
		enum rv_code code = rv_ledger_read(s->b->l, &a, i, &e, &err);
		size_t n = lab_event(i, want, sizeof want);
		s->reads++;
		if (code == RV_OK ? !rv_str_eq(e.event, rv_str_n(want, n)) : code != RV_ENOENT) {
			s->bad++;
			printf("# %llu: %s\n", (unsigned long long)i, err.msg);
		}
	}
	return NULL;
}

TEST(readers_see_the_old_or_the_new)
{
	struct lab b;
	struct rv_retained r;
	make(&b);
	struct beside s = { .b = &b };
	pthread_t t;
	rv_assert(pthread_create(&t, NULL, read_on, &s) == 0);
	for (uint64_t at = 50; at < N; at += 50) {
		const struct rv_retention p = { .texts_before_ns = minute(at),
			.events_before_ns = minute(at > 400 ? at - 400 : 0) };
		CHECK(rv_ledger_retain(b.l, &p, &r, NULL) == RV_OK);
		rv_clock_advance(&b.clock, RV_NS_PER_S);
		CHECK(lab_append(&b, N + at, 20, 10, NULL) == RV_OK);
	}
	__atomic_store_n(&s.stop, true, __ATOMIC_RELEASE);
	rv_assert(pthread_join(t, NULL) == 0);
	CHECK(s.bad == 0 && s.reads > 0);
	lab_close(&b);
	CHECK(verify(&b).level == RV_VERIFY_VERIFIED);
	lab_done(&b);
}

MAIN()
