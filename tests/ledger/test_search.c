/* The query language and the search. */
#include "tests/ledger/lab.h"

#define NOW (INT64_C(1764000000) * RV_NS_PER_S)

TEST(queries)
{
	struct rv_ledger_query q;
	struct rv_err err = { 0 };
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 1 << 20);
	REQUIRE_OK(rv_ledger_query_parse(&a, RV_STR(""), NOW, &q, &err), &err);
	CHECK(q.system.n == 0 && q.since_ns == 0 && q.text.n == 0);
	REQUIRE_OK(
		rv_ledger_query_parse(&a,
			RV_STR("  system:bot-1 outcome:deny\taction:\"deploy *\" kind:approval.* "
			       "since:1h until:2026-11-23T07:00:00Z \"a \\\"b\\\" \\\\\""),
			NOW, &q, &err),
		&err);
	CHECK_STR(q.system, "bot-1");
	CHECK_STR(q.outcome, "deny");
	CHECK_STR(q.action, "deploy *");
	CHECK_STR(q.kind, "approval.*");
	CHECK_STR(q.text, "a \"b\" \\");
	CHECK(q.since_ns == NOW - 3600 * RV_NS_PER_S);
	CHECK(q.until_ns == INT64_C(1795417200) * RV_NS_PER_S);
	REQUIRE_OK(rv_ledger_query_parse(&a, RV_STR("since:2000000h"), NOW, &q, &err), &err);
	CHECK(q.since_ns == 1);
}

TEST(bad_queries_point_at_the_column)
{
	static const struct {
		struct rv_str in;
		uint32_t col;
		const char *says;
	} cases[] = {
		{ RV_STR_INIT("hello"), 1, "no key:value" },
		{ RV_STR_INIT("system:a hello"), 10, "no key:value" },
		{ RV_STR_INIT(":x"), 1, "unknown" },
		{ RV_STR_INIT("user:x"), 1, "unknown" },
		{ RV_STR_INIT("text:x"), 1, "unknown" },
		{ RV_STR_INIT("System:x"), 1, "unknown" },
		{ RV_STR_INIT("system:"), 8, "no value" },
		{ RV_STR_INIT("system:\"\""), 8, "no value" },
		{ RV_STR_INIT("\"\""), 1, "no value" },
		{ RV_STR_INIT("system:a system:b"), 17, "twice" },
		{ RV_STR_INIT("\"a\" \"b\""), 5, "twice" },
		{ RV_STR_INIT("action:a*b"), 8, "only stand last" },
		{ RV_STR_INIT("action:**"), 8, "only stand last" },
		{ RV_STR_INIT("outcome:d*"), 9, "whole word" },
		{ RV_STR_INIT("\"open"), 1, "not closed" },
		{ RV_STR_INIT("system:\"open"), 8, "not closed" },
		{ RV_STR_INIT("\"a\\n\""), 3, "only" },
		{ RV_STR_INIT("\"a\\"), 3, "only" },
		{ RV_STR_INIT("\"a\"b"), 4, "blank belongs" },
		{ RV_STR_INIT("system:\"a\"b"), 11, "blank belongs" },
		{ RV_STR_INIT("system:a\"b"), 9, "middle of a word" },
		{ RV_STR_INIT("since:soon"), 7, "neither a time" },
		{ RV_STR_INIT("until:-1h"), 7, "neither a time" },
		{ RV_STR_INIT("until:2026-13-01T00:00:00Z"), 7, "neither a time" },
		{ RV_STR_INIT("since:1h until:2h"), 1, "not before" },
		{ RV_STR_INIT("system:\xff"), 1, "UTF-8" },
		{ RV_STR_INIT("system:a\n"), 9, "control" },
	};
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 1 << 20);
	for (size_t i = 0; i < RV_COUNT(cases); i++) {
		struct rv_ledger_query q;
		struct rv_err err = { 0 };
		enum rv_code code = rv_ledger_query_parse(&a, cases[i].in, NOW, &q, &err);

		CHECKF(code == RV_EINVAL && err.col == cases[i].col &&
				strstr(err.msg, cases[i].says),
			"row %zu: column %u: %s", i, err.col, err.msg);
	}
	static char big[4098];
	memset(big, ' ', sizeof big);
	struct rv_ledger_query q;
	CHECK(rv_ledger_query_parse(&a, rv_str_n(big, 4096), NOW, &q, NULL) == RV_OK);
	CHECK(rv_ledger_query_parse(&a, rv_str_n(big, 4097), NOW, &q, NULL) == RV_ELIMIT);
}

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
static void all(struct lab *b, const char *text, struct hits *h)
{
	struct rv_ledger_query q;
	struct rv_err err = { 0 };
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 1 << 20);
	h->n = h->stop_at = 0;
	REQUIRE_OK(
		rv_ledger_query_parse(&a, rv_str_of(text), rv_clock_unix_ns(&b->clock), &q, &err),
		&err);
	q.limit = 5;
	do {
		size_t before = h->n;
		uint64_t next = 0;
		REQUIRE_OK(rv_ledger_search(b->l, &q, take, h, &next, &err), &err);
		CHECK(h->n - before <= 5);
		q.before_seq = next;
	} while (q.before_seq);
}

static size_t count(struct lab *b, const char *text)
{
	struct hits h;
	all(b, text, &h);
	for (size_t i = 1; i < h.n; i++)
		CHECK(h.seq[i] < h.seq[i - 1]);
	return h.n;
}

TEST(filters)
{
	struct lab b;
	make(&b);
	for (int again = 0; again < 2; again++) {
		CHECK(count(&b, "") == N);
		CHECK(count(&b, "system:bot-1") == 333);
		CHECK(count(&b, "system:bot-*") == N);
		CHECK(count(&b, "system:bot") == 0);
		CHECK(count(&b, "outcome:deny") == 200);
		CHECK(count(&b, "outcome:den") == 0);
		CHECK(count(&b, "action:deploy*") == 500);
		CHECK(count(&b, "kind:approval.*") == 142);
		CHECK(count(&b, "kind:approval.opened outcome:deny") == 28);
		CHECK(count(&b, "system:bot-0 action:read outcome:allow kind:decision") == 114);
		CHECK(count(&b, "since:100s") == 100);
		CHECK(count(&b, "until:100s") == N - 100);
		CHECK(count(&b, "since:200s until:100s") == 100);
		CHECK(count(&b, "since:200s until:100s outcome:deny") == 20);
		CHECK(count(&b, "\"\\\"n\\\":77}\"") == 1);
		CHECK(count(&b, "system:bot-2 \"\\\"n\\\":77}\"") == 1);
		CHECK(count(&b, "system:bot-1 \"\\\"n\\\":77}\"") == 0);
		CHECK(count(&b, "\"no such text\"") == 0);
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
