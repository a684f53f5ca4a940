/* The index against the log itself: whatever is asked, through sealed shards, the open one, holes
 * and a tail that is not indexed, the answer is the one a scan of every event gives. */
#include "search/search_int.h"
#include "tests/ledger/lab.h"

enum { N = 400, ROWS = 64 };

struct world {
	struct lab b;
	char dir[300];
	struct rv_search *s;
};

static uint64_t rnd(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *state >> 33;
}

static size_t event(uint64_t i, char *out, size_t cap)
{
	static const char *const actions[] = { "deploy-service", "deploy-all", "read",
		"write-row" };
	static const char *const outcomes[] = { "allow", "allow", "allow", "hold", "deny" };
	static const char *const people[] = { "ana", "sam", "kim" };
	uint64_t r = i * 7919 + 13;
	int n = snprintf(out, cap,
		"{\"id\":\"01930000-0000-7000-8000-%012llx\",\"kind\":\"%s\",\"actor\":{\"type\":"
		"\"%s\",\"id\":\"%s\"},\"system\":\"bot-%llu\",\"owner\":\"%s\",\"action\":\"%s\","
		"\"resource\":{\"type\":\"db\",\"id\":\"%s/"
		"t%llu\"},\"outcome\":\"%s\",\"reasons\":[{"
		"\"policy\":\"p%llu\",\"code\":\"c\",\"text\":\"rate limit of %s reached %llu\"}],"
		"\"policy_version\":%llu,\"trace\":\"%032llx\",\"detail\":{\"amount\":\"%llu.50\"}"
		"}",
		(unsigned long long)i, i % 7 == 6 ? "approval.opened" : "decision",
		i % 3 ? "system" : "person", people[rnd(&r) % 3], (unsigned long long)(rnd(&r) % 5),
		people[rnd(&r) % 3], actions[rnd(&r) % 4], i % 2 ? "finance" : "sales",
		(unsigned long long)(rnd(&r) % 20), outcomes[rnd(&r) % 5],
		(unsigned long long)(rnd(&r) % 4), people[rnd(&r) % 3], (unsigned long long)i,
		(unsigned long long)(i / 100), (unsigned long long)(i / 10),
		(unsigned long long)(rnd(&r) % 100));
	rv_assert(n > 0 && (size_t)n < cap);
	return (size_t)n;
}

static void append(struct world *w, uint64_t from, uint64_t n)
{
	char text[1000];
	for (uint64_t i = from; i < from + n; i++) {
		const struct rv_ledger_record r = { .event = rv_str_n(
							    text, event(i, text, sizeof text)) };
		rv_assert(rv_ledger_append(w->b.l, &r, 1, NULL, NULL) == RV_OK);
		rv_clock_advance(&w->b.clock, RV_NS_PER_S);
	}
}

static void open_search(struct world *w)
{
	const struct rv_search_opts o = {
		.dir = w->dir, .ledger = w->b.l, .shard_rows = ROWS, .has_no_thread = true
	};
	struct rv_err err = { 0 };
	if (rv_search_open(&o, &w->s, &err) != RV_OK) {
		fprintf(stderr, "%s\n", err.msg);
		abort();
	}
}

static void world_init(struct world *w)
{
	lab_init(&w->b);
	w->b.opts.segment_bytes = 30000;
	w->b.opts.clock = &w->b.clock;
	lab_must_open(&w->b);
	snprintf(w->dir, sizeof w->dir, "%s/search", w->b.dir);
	open_search(w);
}

static void world_done(struct world *w)
{
	rv_search_free(w->s);
	lab_remove(w->dir);
	lab_done(&w->b);
}

struct hits {
	uint64_t seq[2 * N];
	size_t n;
};

static bool take(void *arg, const struct rv_ledger_entry *e)
{
	struct hits *h = arg;
	h->seq[h->n++] = e->seq;
	return true;
}

/* Every event, newest first, looked at alone. */
static void by_hand(struct world *w, const struct rv_search_query *q, struct hits *h)
{
	struct rv_ledger_reader *r = rv_ledger_reader_new(w->b.l, RV_READ_BACKWARD);
	rv_assert(r);
	h->n = 0;
	for (uint64_t seq = rv_ledger_size(w->b.l); seq-- > 0;) {
		struct rv_ledger_entry e;
		bool fits;
		rv_assert(rv_ledger_reader_get(r, seq, &e, NULL) == RV_OK);
		rv_assert(rv_query_match(q, &e, &fits, NULL) == RV_OK);
		if (fits)
			h->seq[h->n++] = seq;
	}
	rv_ledger_reader_free(r);
}

static void by_pages(struct world *w, const struct rv_search_query *q, size_t page, struct hits *h)
{
	struct rv_search_ask ask = { .query = q, .limit = page };
	struct rv_err err = { 0 };
	h->n = 0;
	do {
		size_t before = h->n;
		uint64_t next = 0;
		REQUIRE_OK(rv_search_events(w->s, &ask, take, h, &next, &err), &err);
		CHECK(h->n - before <= page);
		ask.before_seq = next;
	} while (ask.before_seq);
}

static uint64_t facet_total(
	struct world *w, const struct rv_search_query *q, const struct hits *h, enum rv_field field)
{
	const struct rv_search_ask ask = { .query = q, .limit = 100 };
	struct rv_search_facet *f;
	RV_AUTO_ARENA a;
	size_t n;
	bool is_exact;
	uint64_t all = 0;
	rv_arena_init(&a, 1 << 20);
	rv_assert(rv_search_facets(w->s, &ask, field, &a, &f, &n, &is_exact, NULL) == RV_OK);
	CHECK(is_exact);
	for (size_t i = 0; i < n; i++) {
		all += f[i].n;
		CHECK(i == 0 || f[i - 1].n >= f[i].n);
	}
	return all;
}

static void check_numbers(
	struct world *w, const char *text, const struct rv_search_query *q, const struct hits *h)
{
	const struct rv_search_ask ask = { .query = q };
	struct rv_search_count c;
	uint64_t bucket[20];
	bool is_exact;
	int64_t from = INT64_C(1764000000) * RV_NS_PER_S;
	CHECK(rv_search_count(w->s, &ask, &c, NULL) == RV_OK);
	CHECKF(c.n == h->n && c.is_exact, "%s: counted %llu, not %zu", text,
		(unsigned long long)c.n, h->n);
	CHECKF(facet_total(w, q, h, RV_FIELD_ACTION) == h->n, "%s", text);
	CHECKF(facet_total(w, q, h, RV_FIELD_ACTOR) == 2 * h->n, "%s", text);
	CHECK(rv_search_histogram(w->s, &ask, from + 50 * RV_NS_PER_S, 61 * RV_NS_PER_S, 20, bucket,
		      &is_exact, NULL) == RV_OK);
	for (uint64_t i = 0; i < 20; i++) {
		uint64_t want = 0;
		for (size_t k = 0; k < h->n; k++)
			want += h->seq[k] >= 50 + i * 61 && h->seq[k] < 50 + (i + 1) * 61;
		CHECKF(bucket[i] == want, "%s: bucket %llu has %llu, not %llu", text,
			(unsigned long long)i, (unsigned long long)bucket[i],
			(unsigned long long)want);
	}
}

static void check(struct world *w, const char *text)
{
	static struct hits want, got;
	const struct rv_search_query *q;
	struct rv_err err = { 0 };
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 1 << 20);
	REQUIRE_OK(
		rv_query_parse(&a, rv_str_of(text), rv_clock_unix_ns(&w->b.clock), &q, &err), &err);
	by_hand(w, q, &want);
	for (size_t page = 7; page <= 2 * N; page *= 17) {
		by_pages(w, q, page, &got);
		CHECKF(got.n == want.n && memcmp(got.seq, want.seq, want.n * 8) == 0,
			"%s: %zu hits, not %zu", text, got.n, want.n);
	}
	check_numbers(w, text, q, &want);
}

static const char *const terms[] = { "system:bot-1", "system:bot-*", "outcome:deny",
	"outcome:(deny OR hold)", "action:deploy*", "action:*row", "kind:approval.*",
	"resource:db/fin*", "resource:db/sales/t7", "owner:ana", "person:sam", "actor:person/*",
	"policy:p1", "policy_version:3..5", "policy_version:>=9", "amount:>50", "amount:..9.99",
	"seq:100..200", "seq:63..64", "seq:999", "since:100s", "until:900s",
	"since:700s until:650s", "limit", "\"rate limit of ana\"", "\"ana reached\"",
	"\"limit ana\"", "reach*", "\"reached 77\"", "\"of sa*\"", "nosuchword",
	"trace:00000000000000000000000000000005", "00000000000000000000000000000023",
	"id:01930000-0000-7000-8000-00000000018f", "id:01930000-0000-7000-8000-00000000ffff",
	"trace:01930000-0000-7000-8000-00000000018f" };

static void check_all(struct world *w, uint64_t seed)
{
	char text[600];
	check(w, "");
	for (size_t i = 0; i < RV_COUNT(terms); i++) {
		check(w, terms[i]);
		snprintf(text, sizeof text, "NOT %s", terms[i]);
		check(w, text);
	}
	for (int i = 0; i < 30; i++) {
		const char *t[4];
		static const char *const joints[] = { "(%s OR %s) AND NOT (%s %s)",
			"%s (%s OR -%s) OR %s", "NOT (%s AND %s) (%s OR %s)" };
		for (size_t k = 0; k < 4; k++)
			t[k] = terms[rnd(&seed) % RV_COUNT(terms)];
		snprintf(text, sizeof text, joints[i % 3], t[0], t[1], t[2], t[3]);
		check(w, text);
	}
}

TEST(nothing_is_indexed_yet)
{
	struct world w;
	world_init(&w);
	check(&w, "");
	append(&w, 0, 100);
	for (size_t i = 0; i < RV_COUNT(terms); i++)
		check(&w, terms[i]);
	world_done(&w);
}

TEST(sealed_open_and_tail)
{
	struct world w;
	struct rv_err err = { 0 };
	struct rv_search_status st;
	world_init(&w);
	append(&w, 0, N - 60);
	REQUIRE_OK(rv_search_catch_up(w.s, &err), &err);
	append(&w, N - 60, 60);
	rv_search_status(w.s, &st);
	CHECK(st.size == N && st.indexed == N - 60 && st.shards == (N - 60) / ROWS);
	check_all(&w, 1);
	REQUIRE_OK(rv_search_catch_up(w.s, &err), &err);
	check_all(&w, 2);
	/* Closed and opened again: the open shard is a tail until it is indexed again. */
	rv_search_free(w.s);
	lab_close(&w.b);
	lab_must_open(&w.b);
	open_search(&w);
	rv_search_status(w.s, &st);
	CHECK(st.indexed == N / ROWS * ROWS && st.rebuilt == 0);
	check_all(&w, 3);
	world_done(&w);
}

TEST(reads_are_bounded_and_said_so)
{
	struct world w;
	struct rv_search_count c;
	const struct rv_search_query *q;
	struct hits h = { .n = 0 };
	uint64_t next = 0;
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 1 << 20);
	world_init(&w);
	append(&w, 0, 200);
	rv_assert(rv_search_catch_up(w.s, NULL) == RV_OK);
	CHECK(rv_query_parse(&a, RV_STR("\"rate limit\""), 0, &q, NULL) == RV_OK);
	struct rv_search_ask ask = { .query = q, .reads = 50 };
	CHECK(rv_search_count(w.s, &ask, &c, NULL) == RV_OK);
	CHECK(c.n == 50 && !c.is_exact);
	append(&w, 200, 100); /* a tail: a page may be short, and says where it goes on */
	CHECK(rv_query_parse(&a, RV_STR("seq:3"), 0, &q, NULL) == RV_OK);
	ask = (struct rv_search_ask){ .query = q, .reads = 50 };
	CHECK(rv_query_parse(&a, RV_STR("nosuchword OR seq:3"), 0, &q, NULL) == RV_OK);
	ask.query = q;
	CHECK(rv_search_events(w.s, &ask, take, &h, &next, NULL) == RV_OK);
	CHECK(h.n == 0 && next == 250);
	for (int pages = 0; next && pages < 5; pages++) {
		ask.before_seq = next;
		CHECK(rv_search_events(w.s, &ask, take, &h, &next, NULL) == RV_OK);
	}
	CHECK(h.n == 1 && h.seq[0] == 3 && next == 0);
	world_done(&w);
}

TEST(followers_see_each_event_once)
{
	struct world w;
	const struct rv_search_query *q;
	static struct hits h;
	uint64_t next = 0;
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 1 << 20);
	world_init(&w);
	CHECK(rv_query_parse(&a, RV_STR("outcome:deny"), 0, &q, NULL) == RV_OK);
	const struct rv_search_ask ask = { .query = q, .limit = 3, .reads = 40 };
	for (uint64_t i = 0; i < 300; i += 30) {
		append(&w, i, 30);
		do
			rv_assert(
				rv_search_follow(w.s, &ask, next, take, &h, &next, NULL) == RV_OK);
		while (next < rv_ledger_size(w.b.l));
	}
	struct hits want;
	by_hand(&w, q, &want);
	CHECK(h.n == want.n && h.n > 30);
	for (size_t i = 0; i < h.n; i++)
		CHECK(h.seq[i] == want.seq[want.n - 1 - i]);
	world_done(&w);
}

TEST(the_thread_keeps_up)
{
	struct world w;
	struct rv_search_status st;
	world_init(&w);
	rv_search_free(w.s);
	const struct rv_search_opts o = { .dir = w.dir, .ledger = w.b.l, .shard_rows = ROWS };
	rv_assert(rv_search_open(&o, &w.s, NULL) == RV_OK);
	for (uint64_t i = 0; i < 300; i += 100) {
		append(&w, i, 100);
		rv_search_poke(w.s);
		check(&w, "outcome:deny");
		check(&w, "\"limit of ana\"");
	}
	/* The caller may help; either way nothing is indexed twice. */
	rv_assert(rv_search_catch_up(w.s, NULL) == RV_OK);
	rv_search_status(w.s, &st);
	CHECK(st.indexed == 300 && st.shards == 300 / ROWS && !st.error[0]);
	check(&w, "action:deploy* outcome:deny");
	world_done(&w);
}

TEST(bad_histograms)
{
	struct world w;
	uint64_t bucket[4];
	bool is_exact;
	const struct rv_search_ask ask = { .limit = 1 };
	world_init(&w);
	static const struct {
		int64_t from, step;
		size_t n;
	} cases[] = { { 0, 0, 4 }, { 0, -1, 4 }, { 0, 1, 0 }, { 0, INT64_MAX, 4 },
		{ INT64_MAX, 1, 4 }, { 0, 1, RV_BUCKETS_MAX + 1 } };
	for (size_t i = 0; i < RV_COUNT(cases); i++)
		CHECKF(rv_search_histogram(w.s, &ask, cases[i].from, cases[i].step, cases[i].n,
			       bucket, &is_exact, NULL) == RV_EINVAL,
			"row %zu", i);
	world_done(&w);
}

MAIN()
