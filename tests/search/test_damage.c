/* Index files that are damaged, stale, of another log, or lie: they are built again, never
 * believed. */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/enc.h"
#include "search/search_int.h"
#include "tests/ledger/lab.h"

enum { N = 400, ROWS = 64 };

struct world {
	struct lab b;
	char dir[300];
	struct rv_search *s;
};

static void append(struct world *w, uint64_t from, size_t n)
{
	rv_assert(lab_append(&w->b, from, n, 50, NULL) == RV_OK);
}

static enum rv_code try_open(struct world *w, struct rv_err *err)
{
	const struct rv_search_opts o = {
		.dir = w->dir, .ledger = w->b.l, .shard_rows = ROWS, .has_no_thread = true
	};
	return rv_search_open(&o, &w->s, err);
}

static void world_init(struct world *w, size_t n)
{
	lab_init(&w->b);
	lab_must_open(&w->b);
	snprintf(w->dir, sizeof w->dir, "%s/search", w->b.dir);
	append(w, 0, n);
	rv_assert(try_open(w, NULL) == RV_OK);
	rv_assert(rv_search_catch_up(w->s, NULL) == RV_OK);
}

static void world_close(struct world *w)
{
	rv_search_free(rv_take(w->s));
}

static void world_done(struct world *w)
{
	world_close(w);
	lab_remove(w->dir);
	lab_done(&w->b);
}

static bool take(void *arg, const struct rv_ledger_entry *e)
{
	(*(size_t *)arg)++;
	return true;
}

static size_t found(struct world *w, const char *text)
{
	const struct rv_search_query *q;
	RV_AUTO_ARENA a;
	size_t n = 0;
	rv_arena_init(&a, 1 << 20);
	rv_assert(rv_query_parse(&a, rv_str_of(text), 0, &q, NULL) == RV_OK);
	const struct rv_search_ask ask = { .query = q, .limit = 10000 };
	rv_assert(rv_search_events(w->s, &ask, take, &n, NULL, NULL) == RV_OK);
	return n;
}

static size_t denials(size_t n)
{
	return n / 5;
}

static char *load(struct world *w, uint64_t first, size_t *n)
{
	char path[RV_SEARCH_PATH + 64];
	struct stat st;
	rv_search_path(w->dir, first, path);
	RV_AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	rv_assert(fd >= 0 && fstat(fd, &st) == 0);
	char *p = malloc((size_t)st.st_size);
	rv_assert(p && read(fd, p, (size_t)st.st_size) == st.st_size);
	*n = (size_t)st.st_size;
	return p;
}

static void store(struct world *w, uint64_t first, const char *p, size_t n)
{
	char path[RV_SEARCH_PATH + 64];
	rv_search_path(w->dir, first, path);
	RV_AUTO_FD fd = open(path, O_WRONLY | O_TRUNC | O_CREAT | O_CLOEXEC, 0600);
	rv_assert(fd >= 0 && write(fd, p, n) == (ssize_t)n);
}

/* Any byte of a shard, turned over: found right all the same, and built again. */
TEST(a_flipped_byte_anywhere)
{
	struct world w;
	size_t n;
	world_init(&w, N);
	world_close(&w);
	char *p = load(&w, ROWS, &n);
	uint64_t rebuilt = 0, tried = 0;
	for (size_t at = 0; at < n; at += at < 300 ? 3 : 137) {
		struct rv_search_status st;
		struct rv_search_check c;
		p[at] ^= 0x20;
		store(&w, ROWS, p, n);
		p[at] ^= 0x20;
		CHECK(rv_search_verify(w.dir, w.b.l, &c, NULL) == RV_OK);
		CHECKF(c.wrong == 1, "byte %zu: verify finds %llu", at,
			(unsigned long long)c.wrong);
		rv_assert(try_open(&w, NULL) == RV_OK);
		size_t hits = found(&w, "outcome:deny");
		CHECKF(hits == denials(N), "byte %zu: %zu hits", at, hits);
		rv_assert(rv_search_catch_up(w.s, NULL) == RV_OK);
		CHECK(found(&w, "outcome:deny") == denials(N));
		rv_search_status(w.s, &st);
		rebuilt += st.rebuilt;
		tried++;
		world_close(&w);
	}
	/* Padding between sections is no part of any sum, and harmless: nothing points there. */
	CHECKF(rebuilt + 64 >= tried && rebuilt > 60, "%llu of %llu", (unsigned long long)rebuilt,
		(unsigned long long)tried);
	free(p);
	struct rv_search_check c;
	rv_assert(try_open(&w, NULL) == RV_OK);
	rv_assert(rv_search_catch_up(w.s, NULL) == RV_OK);
	world_done(&w);
	(void)c;
}

TEST(a_shard_cut_anywhere)
{
	struct world w;
	size_t n;
	world_init(&w, N);
	world_close(&w);
	char *p = load(&w, 0, &n);
	for (size_t cut = 0; cut < n; cut += cut < 300 ? 23 : 911) {
		store(&w, 0, p, cut);
		rv_assert(try_open(&w, NULL) == RV_OK);
		CHECK(found(&w, "outcome:deny") == denials(N));
		world_close(&w);
	}
	free(p);
	world_done(&w);
}

/* Words exchanged and every sum made right: only the log can tell. */
TEST(a_shard_that_lies)
{
	struct world w;
	struct rv_search_check c;
	struct rv_err err = { 0 };
	size_t n;
	world_init(&w, N);
	CHECK(rv_search_verify(w.dir, w.b.l, &c, &err) == RV_OK);
	CHECK(c.shards == N / ROWS && c.events == N / ROWS * ROWS && c.wrong == 0);
	world_close(&w);
	char *p = load(&w, 0, &n);
	/* "bot-0" and "bot-1" change places: what was of the one is said to be of the other. */
	char *at = memmem(p, n, "bot-0bot-1", 10);
	REQUIRE(at);
	memcpy(at, "bot-1bot-0", 10); /* no longer sorted: found by the sums, or by the log */
	uint32_t crc, zero = 0;
	uint64_t sec[2];
	for (size_t i = 0; i < 8; i++) {
		memcpy(sec, p + 48 + i * 24, sizeof sec);
		crc = rv_crc32c(p + sec[0], sec[1]);
		memcpy(p + 48 + i * 24 + 16, &crc, 4);
		memcpy(p + 48 + i * 24 + 20, &zero, 4);
	}
	crc = rv_crc32c(p, 272);
	memcpy(p + 272, &crc, 4);
	store(&w, 0, p, n);
	free(p);
	CHECK(rv_search_verify(w.dir, w.b.l, &c, &err) == RV_OK);
	CHECKF(c.wrong == 1 && strstr(c.first, "changed on purpose"), "%s", c.first);
	rv_assert(try_open(&w, NULL) == RV_OK);
	/* bot-2 is untouched; asking for all of them meets the lie on the way. */
	CHECK(found(&w, "system:bot-*") == N);
	CHECK(found(&w, "system:bot-2") == N / 3);
	struct rv_search_status st;
	(void)found(&w, "system:bot-0");
	rv_assert(rv_search_catch_up(w.s, NULL) == RV_OK);
	rv_search_status(w.s, &st);
	if (st.rebuilt > 0)
		CHECK(found(&w, "system:bot-0") == N / 3 + 1);
	world_done(&w);
}

TEST(an_index_of_another_log)
{
	struct world w, other;
	size_t n;
	world_init(&w, N);
	world_close(&w);
	world_init(&other, 0);
	append(&other, 1000, N); /* as many events, others */
	rv_assert(rv_search_catch_up(other.s, NULL) == RV_OK);
	world_close(&other);
	char *p = load(&other, 0, &n);
	store(&w, 0, p, n);
	free(p);
	rv_assert(try_open(&w, NULL) == RV_OK);
	CHECK(found(&w, "outcome:deny") == denials(N));
	CHECK(found(&w, "id:01930000-0000-7000-8000-000000000005") == 1);
	rv_assert(rv_search_catch_up(w.s, NULL) == RV_OK);
	struct rv_search_status st;
	rv_search_status(w.s, &st);
	CHECK(st.rebuilt == 1);
	world_done(&w);
	world_done(&other);
}

TEST(an_index_that_goes_on_behind_the_log)
{
	struct world w, longer;
	world_init(&longer, N);
	world_close(&longer);
	world_init(&w, 100);
	world_close(&w);
	lab_copy(longer.dir, w.dir);
	rv_assert(try_open(&w, NULL) == RV_OK);
	CHECK(found(&w, "") == 100);
	rv_assert(rv_search_catch_up(w.s, NULL) == RV_OK);
	CHECK(found(&w, "outcome:deny") == denials(100));
	world_done(&w);
	world_done(&longer);
}

TEST(gone_in_the_middle_or_altogether)
{
	struct world w;
	char path[RV_SEARCH_PATH + 64];
	struct rv_search_status st;
	world_init(&w, N);
	world_close(&w);
	rv_search_path(w.dir, 2 * ROWS, path);
	rv_assert(unlink(path) == 0);
	rv_assert(try_open(&w, NULL) == RV_OK);
	rv_search_status(w.s, &st);
	CHECK(st.indexed == N / ROWS * ROWS - ROWS);
	CHECK(found(&w, "outcome:deny") == denials(N));
	rv_assert(rv_search_catch_up(w.s, NULL) == RV_OK);
	rv_search_status(w.s, &st);
	CHECK(st.rebuilt == 1 && st.indexed == N);
	world_close(&w);
	lab_remove(w.dir);
	rv_assert(try_open(&w, NULL) == RV_OK);
	CHECK(found(&w, "outcome:deny") == denials(N));
	world_done(&w);
}

TEST(reindex_and_the_lock)
{
	struct world w;
	struct rv_err err = { 0 };
	struct rv_search *s2;
	uint64_t events = 0;
	world_init(&w, N);
	const struct rv_search_opts o = { .dir = w.dir, .ledger = w.b.l, .shard_rows = ROWS };
	CHECK(rv_search_open(&o, &s2, &err) == RV_EBUSY);
	CHECK(strstr(err.msg, "in use") != NULL);
	CHECK(rv_search_reindex(w.dir, w.b.l, &events, NULL) == RV_EBUSY);
	world_close(&w);
	rv_err_clear(&err);
	REQUIRE_OK(rv_search_reindex(w.dir, w.b.l, &events, &err), &err);
	CHECK(events == N);
	/* That was with shards of the usual size: those of 64 are gone, and come back. */
	rv_assert(try_open(&w, NULL) == RV_OK);
	CHECK(found(&w, "outcome:deny") == denials(N));
	world_done(&w);
}

TEST(a_damaged_event_is_an_error)
{
	struct world w;
	struct rv_err err = { 0 };
	struct rv_search_ask ask = { .limit = 10 };
	size_t n, hits = 0;
	world_init(&w, 50);
	char *p = lab_read(&w.b, LAB_SEG0, &n);
	char *at = memmem(p, n, "\"n\":45}", 7);
	REQUIRE(at);
	lab_flip(&w.b, LAB_SEG0, (size_t)(at - p) + 4);
	free(p);
	CHECK(rv_search_events(w.s, &ask, take, &hits, NULL, &err) == RV_ECORRUPT);
	CHECKF(strstr(err.msg, "event 45 at byte") && strcmp(err.where, LAB_SEG0) == 0, "%s",
		err.msg);
	world_done(&w);
}

MAIN()
