/* Attacks on a copy of the log, and what catches each. */
#include "tests/ledger/lab.h"

enum { N = 60 };

struct copy {
	struct lab b;
	char *saved; /* a checkpoint taken at N / 2 and kept elsewhere */
	size_t saved_n;
};

static void make(struct copy *c, size_t segment_bytes)
{
	struct rv_err err = { 0 };
	RV_AUTO_BUF n;
	rv_buf_init(&n, 4096);
	lab_init(&c->b);
	c->b.opts.segment_bytes = segment_bytes;
	lab_must_open(&c->b);
	rv_assert(lab_append(&c->b, 0, N / 2, 5, &err) == RV_OK);
	rv_assert(rv_ledger_checkpoint(c->b.l, true, &n, &err) == RV_OK);
	c->saved = strdup(rv_buf_z(&n));
	c->saved_n = n.n;
	rv_assert(lab_append(&c->b, N / 2, N / 2, 5, &err) == RV_OK);
	lab_close(&c->b);
}

static void done(struct copy *c)
{
	free(c->saved);
	lab_done(&c->b);
}

static struct rv_verify_report verify(struct copy *c, bool with_key, bool with_saved)
{
	struct rv_verify_report r;
	struct rv_err err = { 0 };
	const struct rv_verify_opts o = { .vkey = with_key ? c->b.vkey : NULL,
		.saved = with_saved ? rv_str_n(c->saved, c->saved_n) : RV_STR("") };
	enum rv_code code = rv_ledger_verify(c->b.dir, &o, &r, &err);
	CHECKF(code == RV_OK, "%s", err.msg);
	return r;
}

static bool says(const struct rv_verify_report *r, const char *text)
{
	for (size_t i = 0; i < r->n_problems && i < RV_VERIFY_PROBLEMS; i++)
		if (strstr(r->problem[i].text, text))
			return true;
	for (size_t i = 0; i < r->n_problems && i < RV_VERIFY_PROBLEMS; i++)
		printf("# instead: %s %llu: %s\n", r->problem[i].file,
			(unsigned long long)r->problem[i].seq, r->problem[i].text);
	return false;
}

TEST(words)
{
	struct copy c;
	make(&c, 4000);
	struct rv_verify_report r = verify(&c, false, false);
	CHECK(r.level == RV_VERIFY_CONSISTENT && r.size == N && r.signed_size == N);
	RV_AUTO_BUF out;
	rv_buf_init(&out, 8192);
	rv_verify_print(&r, &out);
	CHECK(rv_str_starts(rv_buf_str(&out), RV_STR("self-consistent: 60 events")));
	r = verify(&c, true, false);
	CHECK(r.level == RV_VERIFY_VERIFIED);
	r = verify(&c, false, true);
	CHECK(r.level == RV_VERIFY_VERIFIED && r.saved_size == N / 2);
	rv_buf_clear(&out);
	rv_verify_print(&r, &out);
	CHECK(rv_str_starts(rv_buf_str(&out), RV_STR("verified: 60 events")));
	r = verify(&c, true, true);
	CHECK(r.level == RV_VERIFY_VERIFIED);
	done(&c);
}

/* Every byte that means something, in segment, index, checkpoint. */
TEST(flipped_bytes)
{
	struct copy c;
	make(&c, 4000);
	size_t n;
	char *p = lab_read(&c.b, LAB_SEG0, &n);
	for (size_t at = 0; at < n; at += 3) {
		if (p[at] == 0)
			continue; /* padding */
		lab_flip(&c.b, LAB_SEG0, at);
		struct rv_verify_report r = verify(&c, false, false);
		CHECKF(r.level == RV_VERIFY_FAILED, "byte %zu was not missed", at);
		if (at >= 64) {
			CHECK(strcmp(r.problem[0].file, LAB_SEG0) == 0);
			CHECK(r.problem[0].offset <= at && r.problem[0].offset + 600 > at);
			CHECK(r.problem[0].seq < N);
		}
		lab_flip(&c.b, LAB_SEG0, at);
	}
	free(p);
	p = lab_read(&c.b, "00000000000000000000.idx", &n);
	free(p);
	for (size_t at = 0; at < n; at += 7) {
		lab_flip(&c.b, "00000000000000000000.idx", at);
		struct rv_verify_report r = verify(&c, false, false);
		CHECKF(r.level == RV_VERIFY_FAILED && says(&r, "index"), "index byte %zu", at);
		lab_flip(&c.b, "00000000000000000000.idx", at);
	}
	for (size_t at = 0; at < c.saved_n; at++) {
		lab_flip(&c.b, "checkpoint", at);
		CHECKF(verify(&c, true, false).level == RV_VERIFY_FAILED, "checkpoint byte %zu",
			at);
		lab_flip(&c.b, "checkpoint", at);
	}
	CHECK(verify(&c, true, true).level == RV_VERIFY_VERIFIED);
	done(&c);
}

/* The attacker holds the log's key and writes the whole log anew with one event changed: every
 * checksum, hash and signature is right. */
TEST(rewritten_and_signed_with_the_stolen_key)
{
	struct copy c, forged;
	struct rv_err err = { 0 };
	make(&c, 0);
	lab_init(&forged.b);
	lab_must_open(&forged.b);
	REQUIRE_OK(lab_append(&forged.b, 0, 7, 5, &err), &err);
	struct rv_ledger_record r = { .event = RV_STR("{\"id\":\"x\",\"outcome\":\"allow\"}") };
	REQUIRE_OK(rv_ledger_append(forged.b.l, &r, 1, NULL, &err), &err);
	REQUIRE_OK(lab_append(&forged.b, 8, N - 8, 5, &err), &err);
	lab_close(&forged.b);
	forged.saved = c.saved;
	forged.saved_n = c.saved_n;
	CHECK(verify(&forged, false, false).level == RV_VERIFY_CONSISTENT);
	CHECK(verify(&forged, true, false).level == RV_VERIFY_VERIFIED);
	struct rv_verify_report rep = verify(&forged, true, true);
	CHECK(rep.level == RV_VERIFY_FAILED && says(&rep, "history was rewritten"));
	rep = verify(&forged, false, true);
	CHECK(rep.level == RV_VERIFY_FAILED);
	/* Its records under the honest checkpoint: any check sees it, and the log does not open. */
	size_t n;
	char *p = lab_read(&forged.b, LAB_SEG0, &n);
	lab_write(&c.b, LAB_SEG0, p, n);
	free(p);
	rep = verify(&c, false, false);
	CHECK(rep.level == RV_VERIFY_FAILED && says(&rep, "history was rewritten"));
	CHECK(lab_open(&c.b, &err) == RV_ECORRUPT);
	CHECKF(strstr(err.msg, "not those that were signed"), "%s", err.msg);
	lab_done(&forged.b);
	done(&c);
}

TEST(yesterdays_copy)
{
	struct copy c, old;
	struct rv_err err = { 0 };
	RV_AUTO_BUF n;
	rv_buf_init(&n, 4096);
	lab_init(&c.b);
	lab_init(&old.b);
	lab_must_open(&c.b);
	REQUIRE_OK(lab_append(&c.b, 0, 30, 5, &err), &err);
	lab_close(&c.b);
	lab_copy(c.b.dir, old.b.dir);
	lab_must_open(&c.b);
	REQUIRE_OK(lab_append(&c.b, 30, 30, 5, &err), &err);
	REQUIRE_OK(rv_ledger_checkpoint(c.b.l, true, &n, &err), &err);
	lab_close(&c.b);
	/* The old copy is sound in itself, and opens. */
	lab_must_open(&old.b);
	lab_close(&old.b);
	CHECK(verify(&old, true, false).level == RV_VERIFY_VERIFIED);
	old.saved = n.p;
	old.saved_n = n.n;
	struct rv_verify_report r = verify(&old, true, true);
	CHECK(r.level == RV_VERIFY_FAILED && says(&r, "an older copy"));
	/* Gone on from there, it is another history. */
	lab_must_open(&old.b);
	REQUIRE_OK(lab_append(&old.b, 100, 40, 5, &err), &err);
	lab_close(&old.b);
	r = verify(&old, true, true);
	CHECK(r.level == RV_VERIFY_FAILED && says(&r, "history was rewritten"));
	lab_done(&c.b);
	lab_done(&old.b);
}

/* Where records begin. */
static size_t records(const char *p, size_t n, size_t *at, size_t cap)
{
	size_t k = 0;
	for (size_t i = 64; i + 4 < n && k < cap; i += 8)
		if (memcmp(p + i, "RVR1", 4) == 0)
			at[k++] = i;
	return k;
}

TEST(truncated)
{
	struct copy c;
	size_t n, at[N];
	make(&c, 0);
	char *p = lab_read(&c.b, LAB_SEG0, &n);
	REQUIRE(records(p, n, at, N) == N);
	lab_write(&c.b, LAB_SEG0, p, at[40]);
	struct rv_verify_report r = verify(&c, true, false);
	CHECK(r.level == RV_VERIFY_FAILED && says(&r, "it was cut"));
	/* With its checkpoint gone too only the saved one tells. */
	REQUIRE(unlink(lab_path(&c.b, "checkpoint")) == 0);
	CHECK(verify(&c, true, false).level == RV_VERIFY_CONSISTENT);
	CHECK(verify(&c, true, true).level == RV_VERIFY_VERIFIED); /* 40 events, 30 were saved */
	lab_write(&c.b, LAB_SEG0, p, at[20]);
	r = verify(&c, true, true);
	CHECK(r.level == RV_VERIFY_FAILED && says(&r, "it was cut"));
	free(p);
	done(&c);
}

TEST(swapped_and_removed_records)
{
	struct copy c;
	size_t n, at[N];
	make(&c, 0);
	char *p = lab_read(&c.b, LAB_SEG0, &n), *q = malloc(n);
	REQUIRE(q && records(p, n, at, N) == N);
	/* 10 and 11 change places. */
	size_t a = at[11] - at[10], z = at[12] - at[11];
	memcpy(q, p, n);
	memcpy(q + at[10], p + at[11], z);
	memcpy(q + at[10] + z, p + at[10], a);
	lab_write(&c.b, LAB_SEG0, q, n);
	struct rv_verify_report r = verify(&c, false, false);
	CHECK(r.level == RV_VERIFY_FAILED && says(&r, "order was changed"));
	CHECK(r.problem[0].offset == at[10] && r.problem[0].seq == 11);
	struct rv_err err = { 0 };
	CHECK(lab_open(&c.b, &err) == RV_ECORRUPT);
	/* 10 is taken out. */
	memcpy(q, p, n);
	memmove(q + at[10], p + at[11], n - at[11]);
	lab_write(&c.b, LAB_SEG0, q, n);
	r = verify(&c, false, false);
	CHECK(r.level == RV_VERIFY_FAILED && says(&r, "order was changed"));
	free(p);
	free(q);
	done(&c);
}

TEST(wrong_key)
{
	struct copy c;
	struct lab other;
	struct rv_verify_report r;
	struct rv_err err = { 0 };
	make(&c, 0);
	lab_init(&other);
	memset(other.key.seed, 9, 32);
	RV_AUTO_BUF v;
	rv_buf_init(&v, 400);
	REQUIRE_OK(rv_ledger_vkey(&other.key, RV_STR(LAB_ORIGIN), &v, &err), &err);
	REQUIRE_OK(rv_ledger_verify(
			   c.b.dir, &(struct rv_verify_opts){ .vkey = rv_buf_z(&v) }, &r, &err),
		&err);
	CHECK(r.level == RV_VERIFY_FAILED && says(&r, "no signature of the key") &&
		says(&r, "another key"));
	CHECK(rv_ledger_verify(c.b.dir,
		      &(struct rv_verify_opts){
			      .vkey = rv_buf_z(&v), .saved = rv_str_n(c.saved, c.saved_n) },
		      &r, &err) == RV_EAUTH);
	rv_err_clear(&err);
	CHECK(rv_ledger_verify(c.b.dir, &(struct rv_verify_opts){ .vkey = "no key" }, &r, &err) ==
		RV_EINVAL);
	CHECK(rv_ledger_verify(c.b.dir, &(struct rv_verify_opts){ .saved = RV_STR("no note") }, &r,
		      NULL) == RV_EINVAL);
	CHECK(rv_ledger_verify("/nonexistent", &(struct rv_verify_opts){ .vkey = NULL }, &r,
		      NULL) == RV_ENOENT);
	lab_done(&other);
	done(&c);
}

/* The writer's clock can be turned back, but the log does not follow; who forges the time of one
 * event makes it earlier than the one before. The forger below holds the key and seals everything
 * anew: a log of its own whose first part came from the future. */
TEST(back_dated)
{
	struct copy c;
	struct lab later;
	struct rv_err err = { 0 };
	size_t n, k, at[N], at2[N];
	lab_init(&c.b);
	lab_init(&later);
	c.b.opts.clock = &c.b.clock;
	later.opts.clock = &later.clock;
	later.clock.fake_unix_ns += 3600 * RV_NS_PER_S;
	lab_must_open(&c.b);
	lab_must_open(&later);
	REQUIRE_OK(lab_append(&c.b, 0, 10, 1, &err), &err);
	REQUIRE_OK(lab_append(&later, 0, 10, 1, &err), &err);
	lab_close(&c.b);
	lab_close(&later);
	char *p = lab_read(&c.b, LAB_SEG0, &n), *q = lab_read(&later, LAB_SEG0, &k);
	REQUIRE(n == k && records(p, n, at, N) == 10 && records(q, k, at2, N) == 10);
	REQUIRE(memcmp(at, at2, 10 * sizeof at[0]) == 0);
	/* Events 0..4 with the later time, then 5..9 with the earlier. */
	memcpy(p, q, at[5]);
	lab_write(&c.b, LAB_SEG0, p, n);
	REQUIRE(unlink(lab_path(&c.b, "checkpoint")) == 0);
	struct rv_verify_report r = verify(&c, false, false);
	CHECK(r.level == RV_VERIFY_FAILED && says(&r, "back-dated"));
	CHECK(r.problem[0].seq == 5 && r.problem[0].offset == at[5]);
	CHECK(lab_open(&c.b, &err) == RV_ECORRUPT);
	free(p);
	free(q);
	lab_done(&c.b);
	lab_done(&later);
}

TEST(segment_of_another_log)
{
	struct copy c;
	struct lab other;
	struct rv_err err = { 0 };
	size_t n;
	make(&c, 0);
	lab_init(&other);
	other.opts.origin = "reeve.example/other";
	lab_must_open(&other);
	REQUIRE_OK(lab_append(&other, 0, N, 5, &err), &err);
	lab_close(&other);
	char *p = lab_read(&other, LAB_SEG0, &n);
	lab_write(&c.b, LAB_SEG0, p, n);
	struct rv_verify_report r = verify(&c, false, false);
	CHECK(r.level == RV_VERIFY_FAILED && says(&r, "another log"));
	CHECK(lab_open(&c.b, &err) == RV_ECORRUPT);
	free(p);
	lab_done(&other);
	done(&c);
}

MAIN()
