/* What the log finds by itself. */
#include "tests/ledger/lab.h"

#define NOW (INT64_C(1764000000) * RV_NS_PER_S)

enum { N = 1000 };

/* One record a second, so that time filters count them. */
static void make(struct lab *b)
{
	lab_init(b);
	b->opts.segment_bytes = 30000;
	b->opts.clock = &b->clock;
	lab_must_open(b);
	for (uint64_t i = 0; i < N; i++) {
		rv_assert(lab_append(b, i, 1, 1, NULL) == RV_OK);
		rv_clock_advance(&b->clock, RV_NS_PER_S);
	}
}

struct hits {
	uint64_t seq[N];
	size_t n, stop_at;
};

static bool take(void *arg, const struct rv_ledger_entry *e)
{
	struct hits *h = arg;
	h->seq[h->n++] = e->seq;
	return h->n != h->stop_at;
}

/* All pages of a query, five hits a page. */
static size_t count(struct lab *b, struct rv_ledger_query q)
{
	struct hits h = { .n = 0 };
	struct rv_err err = { 0 };
	enum rv_code code = RV_OK;
	q.limit = 5;
	do {
		uint64_t next = 0;
		code = rv_ledger_search(b->l, &q, take, &h, &next, &err);
		CHECKF(code == RV_OK, "%s", err.msg);
		q.before_seq = next;
	} while (code == RV_OK && q.before_seq);
	for (size_t i = 1; i < h.n; i++)
		CHECK(h.seq[i] < h.seq[i - 1]);
	return h.n;
}

#define FOUND(...) count(&b, (struct rv_ledger_query){ __VA_ARGS__ })
TEST(filters)
{
	struct lab b;
	make(&b);
	int64_t now = rv_clock_unix_ns(&b.clock);
	for (int again = 0; again < 2; again++) {
		CHECK(FOUND(.limit = 0) == N);
		CHECK(FOUND(.system = RV_STR("bot-1")) == 333);
		CHECK(FOUND(.system = RV_STR("bot-*")) == N);
		CHECK(FOUND(.system = RV_STR("bot")) == 0);
		CHECK(FOUND(.outcome = RV_STR("deny")) == 200);
		CHECK(FOUND(.outcome = RV_STR("den")) == 0);
		CHECK(FOUND(.action = RV_STR("deploy*")) == 500);
		CHECK(FOUND(.kind = RV_STR("approval.*")) == 142);
		CHECK(FOUND(.kind = RV_STR("approval.opened"), .outcome = RV_STR("deny")) == 28);
		CHECK(FOUND(.since_ns = now - 100 * RV_NS_PER_S) == 100);
		CHECK(FOUND(.until_ns = now - 100 * RV_NS_PER_S) == N - 100);
		CHECK(FOUND(.text = RV_STR("\"n\":77}")) == 1);
		CHECK(FOUND(.system = RV_STR("bot-1"), .text = RV_STR("\"n\":77}")) == 0);
		lab_close(&b);
		lab_must_open(&b);
	}
	lab_done(&b);
}

TEST(pages_and_stops)
{
	struct lab b;
	struct hits h = { .stop_at = 3 };
	struct rv_ledger_query q = { .limit = 10 };
	struct rv_err err = { 0 };
	uint64_t next = 99;
	make(&b);
	REQUIRE_OK(rv_ledger_search(b.l, &q, take, &h, &next, &err), &err);
	CHECK(h.n == 3 && next == N - 3);
	h = (struct hits){ 0 };
	q.before_seq = 1;
	REQUIRE_OK(rv_ledger_search(b.l, &q, take, &h, &next, &err), &err);
	CHECK(h.n == 1 && h.seq[0] == 0 && next == 0);
	q.before_seq = N + 1000; /* from the newest */
	h = (struct hits){ 0 };
	REQUIRE_OK(rv_ledger_search(b.l, &q, take, &h, &next, &err), &err);
	CHECK(h.n == 10 && h.seq[0] == N - 1);
	q = (struct rv_ledger_query){ 0 };
	h = (struct hits){ 0 };
	REQUIRE_OK(rv_ledger_search(b.l, &q, take, &h, &next, &err), &err);
	CHECK(h.n == 100);
	lab_done(&b);
}

TEST(damage_is_not_handed_out)
{
	struct lab b;
	struct rv_err err = { 0 };
	RV_AUTO_ARENA a;
	struct rv_ledger_entry e;
	size_t n;
	rv_arena_init(&a, 1 << 20);
	make(&b);
	char *p = lab_read(&b, LAB_SEG0, &n);
	char *at = memmem(p, n, "\"n\":5}", 6);
	REQUIRE(at);
	lab_flip(&b, LAB_SEG0, (size_t)(at - p) + 4);
	free(p);
	CHECK(rv_ledger_read(b.l, &a, 4, &e, &err) == RV_OK);
	CHECK(rv_ledger_read(b.l, &a, 5, &e, &err) == RV_ECORRUPT);
	CHECKF(strstr(err.msg, "event 5 at byte") && strcmp(err.where, LAB_SEG0) == 0, "%s",
		err.msg);
	CHECK(rv_ledger_read(b.l, &a, N, &e, NULL) == RV_ENOENT);
	lab_done(&b);
}

MAIN()
