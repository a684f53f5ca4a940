/* Appending, reading, reopening. */
#include "tests/ledger/lab.h"

TEST(append_read_reopen)
{
	struct lab b;
	struct rv_err err = { 0 };
	lab_init(&b);
	lab_must_open(&b);
	CHECK(rv_ledger_size(b.l) == 0);
	REQUIRE_OK(lab_append(&b, 0, 1, 1, &err), &err);
	REQUIRE_OK(lab_append(&b, 1, 999, 100, &err), &err);
	CHECK(rv_ledger_size(b.l) == 1000);
	CHECK(lab_holds(&b, 1000));
	struct rv_sha256 before, after;
	REQUIRE_OK(rv_ledger_root(b.l, 0, &before, &err), &err);
	lab_close(&b);
	lab_must_open(&b);
	CHECK(rv_ledger_size(b.l) == 1000);
	CHECK(lab_holds(&b, 1000));
	REQUIRE_OK(rv_ledger_root(b.l, 0, &after, &err), &err);
	CHECK(rv_sha256_eq(&before, &after));
	REQUIRE_OK(lab_append(&b, 1000, 10, 3, &err), &err);
	CHECK(lab_holds(&b, 1010));
	lab_done(&b);
}

TEST(many_small_segments)
{
	struct lab b;
	struct rv_err err = { 0 };
	lab_init(&b);
	b.opts.segment_bytes = 5000;
	lab_must_open(&b);
	REQUIRE_OK(lab_append(&b, 0, 3000, 7, &err), &err);
	CHECK(lab_holds(&b, 3000));
	struct rv_sha256 root[3000], again;
	for (uint64_t i = 0; i < 3000; i++)
		REQUIRE_OK(rv_ledger_root(b.l, i + 1, &root[i], &err), &err);
	lab_close(&b);
	lab_must_open(&b);
	CHECK(lab_holds(&b, 3000));
	for (uint64_t i = 0; i < 3000; i++) {
		REQUIRE_OK(rv_ledger_root(b.l, i + 1, &again, &err), &err);
		CHECK(rv_sha256_eq(&root[i], &again));
	}
	lab_close(&b);
	/* Indexes are derived: without them, and with a rotten one, the same comes out. */
	REQUIRE(unlink(lab_path(&b, "00000000000000000000.idx")) == 0);
	lab_must_open(&b);
	CHECK(access(lab_path(&b, "00000000000000000000.idx"), F_OK) == 0);
	lab_close(&b);
	for (size_t at = 8; at < 700; at += 23) {
		lab_flip(&b, "00000000000000000000.idx", at);
		lab_must_open(&b);
		REQUIRE_OK(rv_ledger_root(b.l, 0, &again, &err), &err);
		CHECKF(rv_sha256_eq(&root[2999], &again), "flipped at %zu", at);
		lab_close(&b);
	}
	lab_done(&b);
}

static void on_done(void *arg, enum rv_code code, uint64_t seq, const struct rv_sha256 *leaf)
{
	uint64_t *last = arg;
	rv_assert(code == RV_OK && leaf && seq == *last);
	(*last)++;
}

struct hooks {
	int begun, ended;
};

static void on_batch(void *arg, bool begin)
{
	struct hooks *h = arg;
	if (begin)
		h->begun++;
	else
		h->ended++;
	rv_assert(h->begun - h->ended == (begin ? 1 : 0));
}

TEST(callbacks_come_in_order_within_hooks)
{
	struct lab b;
	struct rv_err err = { 0 };
	struct hooks h = { 0 };
	uint64_t last = 0;
	char text[LAB_EVENT];
	lab_init(&b);
	b.opts.on_batch = on_batch;
	b.opts.on_batch_arg = &h;
	lab_must_open(&b);
	for (uint64_t i = 0; i < 5000; i++) {
		struct rv_ledger_record r = { .event = rv_str_n(
						      text, lab_event(i, text, sizeof text)) };
		REQUIRE_OK(rv_ledger_submit(b.l, &r, on_done, &last, &err), &err);
	}
	lab_close(&b); /* makes durable what waits */
	CHECK(last == 5000);
	CHECK(h.begun == h.ended && h.begun > 0);
	lab_must_open(&b);
	CHECK(lab_holds(&b, 5000));
	lab_done(&b);
}

static char big[RV_LEDGER_SIDE_MAX + 16];

static struct rv_str event_of(size_t n)
{
	memset(big, 'x', sizeof big);
	memcpy(big, "{\"id\":\"", 7);
	memcpy(big + n - 2, "\"}", 2);
	return rv_str_n(big, n);
}

TEST(limits)
{
	static const struct {
		size_t n, side;
		enum rv_code want;
	} cases[] = {
		{ RV_LEDGER_EVENT_MAX - 1, 0, RV_OK },
		{ RV_LEDGER_EVENT_MAX, 0, RV_OK },
		{ RV_LEDGER_EVENT_MAX + 1, 0, RV_ELIMIT },
		{ 64, RV_LEDGER_SIDE_MAX - 1, RV_OK },
		{ 64, RV_LEDGER_SIDE_MAX, RV_OK },
		{ 64, RV_LEDGER_SIDE_MAX + 1, RV_ELIMIT },
		{ RV_LEDGER_EVENT_MAX, RV_LEDGER_SIDE_MAX, RV_OK },
	};
	struct lab b;
	static char side[RV_LEDGER_SIDE_MAX + 1];
	uint64_t n = 0;
	memset(side, 's', sizeof side);
	lab_init(&b);
	b.opts.segment_bytes = 1 << 16; /* smaller than some records */
	lab_must_open(&b);
	for (size_t i = 0; i < RV_COUNT(cases); i++) {
		struct rv_err err = { 0 };
		struct rv_ledger_record r = { .event = event_of(cases[i].n),
			.side = rv_str_n(side, cases[i].side) };
		CHECKF(rv_ledger_append(b.l, &r, 1, NULL, &err) == cases[i].want, "row %zu: %s", i,
			err.msg);
		n += cases[i].want == RV_OK;
	}
	CHECK(rv_ledger_size(b.l) == n);
	lab_close(&b);
	lab_must_open(&b);
	CHECK(rv_ledger_size(b.l) == n);
	for (uint64_t seq = 0; seq < n; seq++) {
		RV_AUTO_ARENA a;
		rv_arena_init(&a, 4 << 20);
		struct rv_ledger_entry e;
		struct rv_err err = { 0 };
		REQUIRE_OK(rv_ledger_read(b.l, &a, seq, &e, &err), &err);
		CHECK(e.leaf.n <= RV_LEDGER_LEAF_MAX);
	}
	lab_done(&b);
}

TEST(only_objects_are_taken)
{
	static const struct rv_str bad[] = {
		RV_STR_INIT(""),
		RV_STR_INIT("1"),
		RV_STR_INIT("[]"),
		RV_STR_INIT("null"),
		RV_STR_INIT("\"{}\""),
		RV_STR_INIT("{"),
		RV_STR_INIT("{}}"),
		RV_STR_INIT(" {}"),
		RV_STR_INIT("{} "),
		RV_STR_INIT("{\"a\":1,\"a\":2}"),
		RV_STR_INIT("{\"a\":\"\xff\"}"),
		RV_STR_INIT("{},\"event\":{}"),
	};
	struct lab b;
	lab_init(&b);
	lab_must_open(&b);
	for (size_t i = 0; i < RV_COUNT(bad); i++) {
		struct rv_ledger_record r = { .event = bad[i] };
		struct rv_err err = { 0 };
		CHECKF(rv_ledger_submit(b.l, &r, NULL, NULL, &err) == RV_EINVAL, "row %zu", i);
	}
	CHECK(rv_ledger_size(b.l) == 0);
	lab_done(&b);
}

TEST(leaf_bytes_are_golden)
{
	struct lab b;
	struct rv_err err = { 0 };
	struct rv_ledger_record r = { .event = RV_STR("{\"id\":\"a\",\"kind\":\"decision\"}"),
		.side = RV_STR("kept beside") };
	struct rv_ledger_entry e;
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 1 << 20);
	lab_init(&b);
	b.clock.fake_unix_ns = INT64_C(1763881996123456789);
	b.opts.clock = &b.clock;
	lab_must_open(&b);
	REQUIRE_OK(rv_ledger_append(b.l, &r, 1, NULL, &err), &err);
	REQUIRE_OK(rv_ledger_read(b.l, &a, 0, &e, &err), &err);
	CHECK_STR(e.leaf,
		"{\"v\":1,\"seq\":0,\"logged\":\"2025-11-23T07:13:16.123456Z\",\"event\":"
		"{\"id\":\"a\",\"kind\":\"decision\"}}");
	CHECK_STR(e.event, "{\"id\":\"a\",\"kind\":\"decision\"}");
	CHECK_STR(e.side, "kept beside");
	char hex[65];
	rv_hex_z(e.hash.b, 32, hex);
	CHECK_STR(
		rv_str_of(hex), "ade27bbe6e313abebe5da1a36e76092ad5f54c72fe58151a0847d76b9af7aa81");
	lab_done(&b);
}

TEST(logged_never_decreases_and_a_step_back_is_an_event)
{
	struct lab b;
	struct rv_err err = { 0 };
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 1 << 20);
	lab_init(&b);
	b.opts.clock = &b.clock;
	lab_must_open(&b);
	REQUIRE_OK(lab_append(&b, 0, 1, 1, &err), &err);
	rv_clock_advance(&b.clock, -RV_NS_PER_S); /* exactly a second: no event */
	REQUIRE_OK(lab_append(&b, 1, 1, 1, &err), &err);
	CHECK(rv_ledger_size(b.l) == 2);
	rv_clock_advance(&b.clock, -2 * RV_NS_PER_S);
	REQUIRE_OK(lab_append(&b, 2, 1, 1, &err), &err);
	CHECK(rv_ledger_size(b.l) == 4);
	struct rv_ledger_entry e[4];
	for (uint64_t i = 0; i < 4; i++)
		REQUIRE_OK(rv_ledger_read(b.l, &a, i, &e[i], &err), &err);
	CHECK(e[0].logged_ns == e[1].logged_ns && e[1].logged_ns == e[3].logged_ns);
	CHECK(memmem(e[2].event.p, e[2].event.n, "\"service.clock_step\"", 20) != NULL);
	CHECK(memmem(e[2].event.p, e[2].event.n, "\"back_ms\":2000", 14) != NULL);
	/* Once a step, not once a batch. */
	REQUIRE_OK(lab_append(&b, 3, 1, 1, &err), &err);
	CHECK(rv_ledger_size(b.l) == 5);
	/* A step across a restart is seen too. */
	lab_close(&b);
	lab_must_open(&b);
	REQUIRE_OK(lab_append(&b, 4, 1, 1, &err), &err);
	CHECK(rv_ledger_size(b.l) == 7);
	lab_done(&b);
}

TEST(found_by_id)
{
	struct lab b;
	struct rv_err err = { 0 };
	char id[40];
	bool has;
	lab_init(&b);
	b.opts.segment_bytes = 40000;
	lab_must_open(&b);
	REQUIRE_OK(lab_append(&b, 0, 2000, 500, &err), &err);
	for (int again = 0; again < 2; again++) {
		for (uint64_t i = 0; i < 2000; i += 37) {
			uint64_t seq = 0;
			lab_id(i, id);
			REQUIRE_OK(rv_ledger_find(b.l, rv_str_of(id), &seq, &err), &err);
			CHECK(seq == i);
		}
		lab_id(2000, id);
		REQUIRE_OK(rv_ledger_has(b.l, rv_str_of(id), &has, &err), &err);
		CHECK(!has);
		REQUIRE_OK(rv_ledger_has(b.l, RV_STR(""), &has, &err), &err);
		CHECK(!has);
		lab_close(&b);
		lab_must_open(&b);
	}
	/* The same id twice: the newer one. */
	uint64_t seq;
	REQUIRE_OK(lab_append(&b, 5, 1, 1, &err), &err);
	lab_id(5, id);
	REQUIRE_OK(rv_ledger_find(b.l, rv_str_of(id), &seq, &err), &err);
	CHECK(seq == 2000);
	lab_done(&b);
}

TEST(one_writer_and_the_right_key)
{
	struct lab b, other;
	struct rv_err err = { 0 };
	lab_init(&b);
	lab_init(&other);
	lab_must_open(&b);
	REQUIRE_OK(lab_append(&b, 0, 3, 3, &err), &err);
	struct rv_ledger *second = NULL;
	CHECK(rv_ledger_open(&b.opts, &second, &err) == RV_EBUSY);
	CHECK(strstr(err.msg, "another process"));
	rv_err_clear(&err);
	/* Reading needs no lock. */
	struct rv_ledger_opts ro = { .dir = b.dir };
	RV_AUTO_BUF note;
	rv_buf_init(&note, 4096);
	REQUIRE_OK(rv_ledger_checkpoint(b.l, true, &note, &err), &err);
	REQUIRE_OK(rv_ledger_open(&ro, &second, &err), &err);
	CHECK(rv_ledger_size(second) == 3);
	CHECK(rv_ledger_ready(second, true, &err) == RV_EAUDIT);
	struct rv_ledger_record r = { .event = RV_STR("{}") };
	CHECK(rv_ledger_submit(second, &r, NULL, NULL, NULL) == RV_EAUDIT);
	CHECK(rv_ledger_append(second, &r, 1, NULL, NULL) == RV_EAUDIT);
	rv_ledger_free(second);
	lab_close(&b);
	/* Another key, another origin. */
	rv_err_clear(&err);
	memset(other.key.seed, 9, 32);
	struct rv_ledger_opts o = b.opts;
	o.key = &other.key;
	CHECK(rv_ledger_open(&o, &second, &err) == RV_EAUTH);
	rv_err_clear(&err);
	o = b.opts;
	o.origin = "another";
	CHECK(rv_ledger_open(&o, &second, &err) == RV_EAUTH);
	rv_err_clear(&err);
	o.origin = "no good";
	CHECK(rv_ledger_open(&o, &second, &err) == RV_EINVAL);
	rv_err_clear(&err);
	o.origin = NULL;
	CHECK(rv_ledger_open(&o, &second, &err) == RV_EINVAL);
	lab_done(&b);
	lab_done(&other);
}

MAIN()
