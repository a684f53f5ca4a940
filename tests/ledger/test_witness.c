/* Witnesses: the request, the cosignature, every answer the protocol names, and what it is worth.
 */
#include "tests/ledger/lab.h"

#define WITNESS "witness.example/w1"

static void key(uint8_t fill, struct rv_ledger_key *k)
{
	memset(k->seed, fill, sizeof k->seed);
}

static const char *vkey_of(uint8_t fill, bool is_witness, const char *name, char ret[400])
{
	struct rv_ledger_key k;
	RV_AUTO_BUF b;
	rv_buf_init(&b, 400);
	key(fill, &k);
	rv_assert((is_witness ? rv_witness_vkey(&k, rv_str_of(name), &b, NULL)
			      : rv_ledger_vkey(&k, rv_str_of(name), &b, NULL)) == RV_OK);
	snprintf(ret, 400, "%s", rv_buf_z(&b));
	return ret;
}

TEST(requests)
{
	static const struct {
		const char *text;
		bool ok;
		uint64_t old_size;
		size_t n;
		const char *note;
	} cases[] = {
		{ "old 0\n\nnote", true, 0, 0, "note" },
		{ "old 17\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\nx\n\ny\n", true, 17, 1,
			"x\n\ny\n" },
		{ "old 9223372036854775807\n\n", true, INT64_MAX, 0, "" },
		{ .text = "" },
		{ .text = "old 0" },
		{ .text = "old 0\n" },
		{ .text = "old\n\nnote" },
		{ .text = "old \n\nnote" },
		{ .text = "old  1\n\nnote" },
		{ .text = "old 01\n\nnote" },
		{ .text = "old -1\n\nnote" },
		{ .text = "old +1\n\nnote" },
		{ .text = "old 1 \n\nnote" },
		{ .text = "old 9223372036854775808\n\nnote" },
		{ .text = "old 99999999999999999999\n\nnote" },
		{ .text = "Old 0\n\nnote" },
		{ .text = "new 0\n\nnote" },
		{ .text = "old 1\r\n\r\nnote" },
		{ .text = "old 1\nAAAA\n\nnote" },
		{ .text = "old 1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n\nnote" },
		{ .text = "old 1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" },
		{ .text = "old 1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n" },
	};
	for (size_t i = 0; i < RV_COUNT(cases); i++) {
		struct rv_witness_request q;
		struct rv_err err = { 0 };
		enum rv_code code = rv_witness_request_parse(rv_str_of(cases[i].text), &q, &err);
		CHECKF(code == (cases[i].ok ? RV_OK : RV_EINVAL), "'%s'", cases[i].text);
		if (code != RV_OK || !cases[i].ok)
			continue;
		CHECK(q.old_size == cases[i].old_size && q.proof.n == cases[i].n);
		CHECK_STR(q.note, cases[i].note);
	}
	/* 63 hashes and no more. */
	for (size_t n = 62; n <= 64; n++) {
		struct rv_proof p = { .n = n };
		struct rv_witness_request q;
		RV_AUTO_BUF b;
		rv_buf_init(&b, 1 << 16);
		rv_witness_request_write(5, &p, RV_STR("note"), &b);
		CHECKF(rv_witness_request_parse(rv_buf_str(&b), &q, NULL) ==
				(n <= 63 ? RV_OK : RV_EINVAL),
			"%zu", n);
	}
}

/* By hand, with the library's own words only for the signature itself. */
TEST(cosignature_bytes)
{
	struct rv_ledger_key log, w;
	struct rv_checkpoint c = { .size = 3 };
	char v[400], other[400];
	int64_t at = 0;
	RV_AUTO_BUF note;
	rv_buf_init(&note, 4096);
	key(7, &log);
	key(21, &w);
	snprintf(c.origin, sizeof c.origin, "%s", LAB_ORIGIN);
	REQUIRE(rv_checkpoint_sign(&c, &log, &note, NULL) == RV_OK);
	RV_AUTO_BUF signed_note;
	rv_buf_init(&signed_note, 4096);
	rv_buf_add(&signed_note, rv_buf_str(&note));
	REQUIRE(rv_witness_cosign(rv_buf_str(&note), &w, RV_STR(WITNESS),
			1679315147 * RV_NS_PER_S + 5, &signed_note, NULL) == RV_OK);
	vkey_of(21, true, WITNESS, v);
	REQUIRE(rv_witness_cosigned(rv_buf_str(&signed_note), v, &at, NULL) == RV_OK);
	CHECK(at == 1679315147);
	/* The log's own signature is still there, and the witness's line says algorithm 4, the
	 * time big-endian. */
	char logkey[400];
	CHECK(rv_checkpoint_open(rv_buf_str(&signed_note), vkey_of(7, false, LAB_ORIGIN, logkey),
		      &c, NULL) == RV_OK);
	const char *line = strstr(rv_buf_z(&signed_note), WITNESS " ");
	uint8_t raw[80];
	size_t n;
	REQUIRE(line &&
		rv_b64_parse(rv_str_n(line + strlen(WITNESS) + 1, 104), raw, sizeof raw, &n) &&
		n == 76);
	CHECK(memcmp(raw + 4, "\0\0\0\0\x64\x18\x50\xcb", 8) == 0);
	char hex[9];
	rv_hex_z(raw, 4, hex);
	CHECK(strncmp(v + strlen(WITNESS) + 1, hex, 8) == 0);
	/* Others: another witness, another name, a changed text, a changed time. */
	struct rv_err err = { 0 };
	CHECK(rv_witness_cosigned(rv_buf_str(&signed_note), vkey_of(22, true, WITNESS, other), &at,
		      &err) == RV_EAUTH);
	CHECK(rv_witness_cosigned(rv_buf_str(&signed_note), vkey_of(21, true, "w2", other), &at,
		      NULL) == RV_EAUTH);
	CHECK(rv_witness_cosigned(rv_buf_str(&signed_note), vkey_of(21, false, WITNESS, other), &at,
		      NULL) == RV_EINVAL); /* a log's key is no witness's */
	CHECK(rv_checkpoint_open(rv_buf_str(&signed_note), v, &c, NULL) == RV_EINVAL);
	size_t body_n = (size_t)(strstr(rv_buf_z(&note), "\n\n") - note.p) + 2;
	for (size_t i = 0; i < signed_note.n; i++) {
		RV_AUTO_BUF bad;
		rv_buf_init(&bad, 4096);
		rv_buf_add(&bad, rv_buf_str(&signed_note));
		bad.p[i] ^= 1;
		bool is_log_sig = i >= body_n && i < note.n;
		if (!is_log_sig) /* not covered */
			CHECKF(rv_witness_cosigned(rv_buf_str(&bad), v, &at, NULL) != RV_OK,
				"byte %zu", i);
	}
}

struct fixture {
	struct lab b;
	char dir[300], logkey[400], wkey[400], stranger[400];
	struct rv_witness *w;
	struct rv_clock clock;
};

static void open_witness(struct fixture *f)
{
	struct rv_ledger_key k;
	struct rv_err err = { 0 };
	const char *const logs[] = { f->stranger, f->logkey };
	key(21, &k);
	const struct rv_witness_opts o = { .dir = f->dir,
		.name = WITNESS,
		.key = &k,
		.log_vkeys = logs,
		.n_logs = RV_COUNT(logs),
		.clock = &f->clock };
	enum rv_code code = rv_witness_new(&o, &f->w, &err);
	CHECKF(code == RV_OK, "%s", err.msg);
}

static void fixture_init(struct fixture *f)
{
	*f = (struct fixture){ .clock = { .is_fake = true,
				       .fake_unix_ns = 1800000000 * RV_NS_PER_S } };
	lab_init(&f->b);
	lab_must_open(&f->b);
	snprintf(f->dir, sizeof f->dir, "%s/witness", f->b.dir);
	snprintf(f->logkey, sizeof f->logkey, "%s", f->b.vkey);
	vkey_of(21, true, WITNESS, f->wkey);
	vkey_of(40, false, "other.example/log", f->stranger);
	open_witness(f);
}

static void fixture_done(struct fixture *f)
{
	rv_witness_free(f->w);
	lab_done(&f->b);
}

/* Appends n and returns a fresh checkpoint. */
static void grow(struct fixture *f, uint64_t from, size_t n, struct rv_buf *note)
{
	rv_buf_clear(note);
	rv_assert(n == 0 || lab_append(&f->b, from, n, 50, NULL) == RV_OK);
	rv_assert(rv_ledger_checkpoint(f->b.l, true, note, NULL) == RV_OK);
}

static enum rv_code add(
	struct fixture *f, uint64_t old_size, uint64_t size, struct rv_str note, struct rv_buf *out)
{
	struct rv_proof p = { .n = 0 };
	RV_AUTO_BUF q;
	rv_buf_init(&q, 1 << 16);
	if (old_size > 0 && old_size <= size)
		rv_assert(rv_ledger_prove_consistency(f->b.l, old_size, size, &p, NULL) == RV_OK);
	rv_witness_request_write(old_size, &p, note, &q);
	return rv_witness_add(f->w, rv_buf_str(&q), out, NULL);
}

TEST(answers)
{
	struct fixture f;
	RV_AUTO_BUF n10, n20, n30, out, all;
	struct rv_buf *const bufs[] = { &n10, &n20, &n30, &out, &all };
	int64_t at = 0;
	for (size_t i = 0; i < RV_COUNT(bufs); i++)
		rv_buf_init(bufs[i], 1 << 16);
	fixture_init(&f);
	grow(&f, 0, 10, &n10);
	grow(&f, 10, 10, &n20);
	/* 409 before anything was cosigned: the size known is 0. */
	CHECK(add(&f, 10, 20, rv_buf_str(&n20), &out) == RV_ECONFLICT);
	CHECK_STR(rv_buf_str(&out), "0\n");
	/* 200 */
	CHECK(add(&f, 0, 10, rv_buf_str(&n10), &out) == RV_OK);
	rv_buf_add(&all, rv_buf_str(&n10));
	rv_buf_add(&all, rv_buf_str(&out));
	CHECK(rv_witness_cosigned(rv_buf_str(&all), f.wkey, &at, NULL) == RV_OK);
	CHECK(at == 1800000000);
	/* The same again, from the size it has. */
	CHECK(add(&f, 10, 10, rv_buf_str(&n10), &out) == RV_OK);
	/* 409 with the size it holds, after it was opened again too. */
	rv_witness_free(f.w);
	open_witness(&f);
	CHECK(add(&f, 0, 20, rv_buf_str(&n20), &out) == RV_ECONFLICT);
	CHECK_STR(rv_buf_str(&out), "10\n");
	/* 422: a proof that is none, too long, missing, of other sizes. */
	struct rv_proof p;
	rv_assert(rv_ledger_prove_consistency(f.b.l, 10, 20, &p, NULL) == RV_OK);
	for (int how = 0; how < 4; how++) {
		struct rv_proof bad = p;
		RV_AUTO_BUF q;
		rv_buf_init(&q, 1 << 16);
		if (how == 0)
			bad.hash[0].b[0] ^= 1;
		else if (how == 1)
			bad.n++;
		else if (how == 2)
			bad.n = 0;
		else
			rv_assert(rv_ledger_prove_consistency(f.b.l, 9, 20, &bad, NULL) == RV_OK);
		rv_witness_request_write(10, &bad, rv_buf_str(&n20), &q);
		CHECKF(rv_witness_add(f.w, rv_buf_str(&q), &out, NULL) == RV_ECORRUPT, "%d", how);
		CHECK(out.n == 0);
	}
	/* 400: the old size is larger than the checkpoint's. */
	CHECK(add(&f, 20, 10, rv_buf_str(&n10), &out) == RV_EINVAL);
	/* On. */
	CHECK(add(&f, 10, 20, rv_buf_str(&n20), &out) == RV_OK);
	/* Rollback: the older checkpoint, whatever old size it names. */
	CHECK(add(&f, 10, 10, rv_buf_str(&n10), &out) == RV_ECONFLICT);
	CHECK_STR(rv_buf_str(&out), "20\n");
	grow(&f, 20, 10, &n30);
	CHECK(add(&f, 20, 30, rv_buf_str(&n30), &out) == RV_OK);
	/* What it shows to monitors: the log's signature and its own. */
	struct rv_sha256 h;
	char hex[65];
	struct rv_checkpoint c;
	rv_sha256_of(RV_STR(LAB_ORIGIN), &h);
	rv_hex_z(h.b, 32, hex);
	rv_buf_clear(&all);
	CHECK(rv_witness_latest(f.w, rv_str_of(hex), &all, NULL) == RV_OK);
	CHECK(rv_checkpoint_open(rv_buf_str(&all), f.logkey, &c, NULL) == RV_OK && c.size == 30);
	CHECK(rv_witness_cosigned(rv_buf_str(&all), f.wkey, &at, NULL) == RV_OK);
	CHECK(rv_witness_latest(f.w, RV_STR("../../etc/passwd"), &all, NULL) == RV_ENOENT);
	hex[0] = hex[0] == '0' ? '1' : '0';
	CHECK(rv_witness_latest(f.w, rv_str_of(hex), &all, NULL) == RV_ENOENT);
	fixture_done(&f);
}

TEST(who_may)
{
	struct fixture f;
	struct rv_ledger_key k;
	struct rv_checkpoint c = { .size = 0 };
	RV_AUTO_BUF note, q, out;
	rv_buf_init(&note, 1 << 14);
	rv_buf_init(&q, 1 << 14);
	rv_buf_init(&out, 1 << 14);
	fixture_init(&f);
	const struct rv_proof none = { .n = 0 };
	/* 404: an origin it does not know. */
	key(7, &k);
	snprintf(c.origin, sizeof c.origin, "unknown.example/log");
	rv_sha256_of(RV_STR(""), &c.root);
	rv_assert(rv_checkpoint_sign(&c, &k, &note, NULL) == RV_OK);
	rv_witness_request_write(0, &none, rv_buf_str(&note), &q);
	CHECK(rv_witness_add(f.w, rv_buf_str(&q), &out, NULL) == RV_ENOENT);
	/* 403: known origin, another key; a known key with a wrong signature. */
	for (uint8_t fill = 7; fill <= 8; fill++) {
		rv_buf_clear(&note);
		rv_buf_clear(&q);
		key(fill, &k);
		snprintf(c.origin, sizeof c.origin, "%s", LAB_ORIGIN);
		rv_assert(rv_checkpoint_sign(&c, &k, &note, NULL) == RV_OK);
		if (fill == 7) /* the size is not what was signed */
			note.p[strlen(LAB_ORIGIN) + 1] = '1';
		rv_witness_request_write(0, &none, rv_buf_str(&note), &q);
		CHECKF(rv_witness_add(f.w, rv_buf_str(&q), &out, NULL) == RV_EPERM, "%d", fill);
	}
	/* 422: an empty tree with a root that is not that of nothing. */
	rv_buf_clear(&note);
	rv_buf_clear(&q);
	key(7, &k);
	memset(c.root.b, 1, 32);
	rv_assert(rv_checkpoint_sign(&c, &k, &note, NULL) == RV_OK);
	rv_witness_request_write(0, &none, rv_buf_str(&note), &q);
	CHECK(rv_witness_add(f.w, rv_buf_str(&q), &out, NULL) == RV_ECORRUPT);
	/* 400: not a checkpoint. */
	CHECK(rv_witness_add(f.w, RV_STR("old 0\n\nhello\n"), &out, NULL) == RV_EINVAL);
	CHECK(rv_witness_add(f.w, RV_STR(""), &out, NULL) == RV_EINVAL);
	fixture_done(&f);
}

/* A log rewritten with the stolen key cannot get its new history cosigned, and verify says so. */
TEST(a_fork_is_not_cosigned_and_verify_asks_for_the_quorum)
{
	struct fixture f, forked;
	struct rv_err err = { 0 };
	RV_AUTO_BUF note, out, all;
	rv_buf_init(&note, 1 << 14);
	rv_buf_init(&out, 1 << 14);
	rv_buf_init(&all, 1 << 14);
	fixture_init(&f);
	grow(&f, 0, 20, &note);
	CHECK(add(&f, 0, 20, rv_buf_str(&note), &out) == RV_OK);
	rv_buf_add(&all, rv_buf_str(&note));
	rv_buf_add(&all, rv_buf_str(&out));
	REQUIRE_OK(rv_ledger_cosigned(f.b.l, rv_buf_str(&all), &err), &err);
	rv_buf_clear(&out);
	REQUIRE_OK(rv_ledger_witnessed(f.b.l, &out, &err), &err);
	CHECK(rv_str_eq(rv_buf_str(&out), rv_buf_str(&all)));
	/* Its receipts carry the cosignature. */
	RV_AUTO_BUF receipt;
	rv_buf_init(&receipt, 1 << 14);
	REQUIRE_OK(rv_ledger_receipt(f.b.l, 3, &receipt, &err), &err);
	CHECK(strstr(rv_buf_z(&receipt), WITNESS));
	const char *const keys[] = { f.wkey };
	const struct rv_verify_opts o = { .witness_vkeys = keys, .n_witnesses = 1, .quorum = 1 };
	struct rv_verify_report r;
	REQUIRE_OK(rv_ledger_verify(f.b.dir, &o, &r, &err), &err);
	CHECK(r.level == RV_VERIFY_VERIFIED && r.witnesses == 1 && r.witnessed_size == 20);
	CHECK(r.witnessed_ns == 1800000000 * RV_NS_PER_S);
	const struct rv_verify_opts two = { .witness_vkeys = keys, .n_witnesses = 1, .quorum = 2 };
	REQUIRE_OK(rv_ledger_verify(f.b.dir, &two, &r, &err), &err);
	CHECK(r.level == RV_VERIFY_FAILED && strstr(r.problem[0].text, "2 are asked for"));
	/* The fork: same key, same origin. */
	lab_init(&forked.b);
	lab_must_open(&forked.b);
	rv_assert(lab_append(&forked.b, 100, 30, 50, NULL) == RV_OK);
	struct rv_buf fork_note;
	rv_buf_init(&fork_note, 1 << 14);
	rv_assert(rv_ledger_checkpoint(forked.b.l, true, &fork_note, NULL) == RV_OK);
	struct rv_proof p;
	RV_AUTO_BUF q;
	rv_buf_init(&q, 1 << 16);
	rv_assert(rv_ledger_prove_consistency(forked.b.l, 20, 30, &p, NULL) == RV_OK);
	rv_witness_request_write(20, &p, rv_buf_str(&fork_note), &q);
	CHECK(rv_witness_add(f.w, rv_buf_str(&q), &out, NULL) == RV_ECORRUPT);
	CHECK(rv_ledger_cosigned(forked.b.l, rv_buf_str(&all), NULL) == RV_ECORRUPT);
	/* Nor do the honest one's cosignatures fit it. */
	lab_write(&forked.b, "witnessed", all.p, all.n);
	REQUIRE_OK(rv_ledger_verify(forked.b.dir, &o, &r, &err), &err);
	CHECK(r.level == RV_VERIFY_FAILED && strstr(r.problem[0].text, "history was rewritten"));
	rv_buf_done(&fork_note);
	lab_done(&forked.b);
	fixture_done(&f);
}

MAIN()
