/* Tree, proofs, signed notes, receipts and the witness, against a slow tree straight from RFC 6962.
 */
#include "tests/ledger/lab.h"

enum { N = 600 };
static struct rv_sha256 leaf[N];

static void leaves(struct lab *b)
{
	lab_init(b);
	lab_must_open(b);
	rv_assert(lab_append(b, 0, N, 100, NULL) == RV_OK);
	for (uint64_t i = 0; i < N; i++) {
		RV_AUTO_ARENA a;
		struct rv_ledger_entry e;
		rv_arena_init(&a, 1 << 20);
		rv_assert(rv_ledger_read(b->l, &a, i, &e, NULL) == RV_OK);
		rv_tree_leaf_hash(e.leaf, &leaf[i]);
	}
}

/* MTH of RFC 6962 2.1, word by word. */
static void slow(size_t from, size_t to, struct rv_sha256 *ret)
{
	struct rv_sha256 l, r;
	size_t k = 1;
	if (to == from) {
		rv_sha256_of(RV_STR(""), ret);
		return;
	}
	if (to - from == 1) {
		*ret = leaf[from];
		return;
	}
	while (k * 2 < to - from)
		k *= 2;
	slow(from, from + k, &l);
	slow(from + k, to, &r);
	const struct rv_str parts[] = { RV_STR("\1"), rv_str_n(l.b, 32), rv_str_n(r.b, 32) };
	rv_sha256_parts(parts, 3, ret);
}

TEST(roots_are_those_of_the_rfc)
{
	struct lab b;
	leaves(&b);
	for (uint64_t n = 1; n <= N; n++) {
		struct rv_sha256 want, got;
		slow(0, n, &want);
		CHECK(rv_ledger_root(b.l, n, &got, NULL) == RV_OK && rv_sha256_eq(&want, &got));
	}
	struct rv_sha256 h;
	CHECK(rv_ledger_root(b.l, N + 1, &h, NULL) == RV_ENOENT);
	lab_done(&b);
}

TEST(inclusion)
{
	struct lab b;
	struct rv_proof p;
	struct rv_sha256 root;
	leaves(&b);
	for (uint64_t n = 1; n <= N; n += n < 20 ? 1 : 37) {
		slow(0, n, &root);
		for (uint64_t i = 0; i < n; i += n < 20 ? 1 : 11) {
			REQUIRE(rv_ledger_prove_inclusion(b.l, i, n, &p, NULL) == RV_OK);
			CHECK(rv_tree_check_inclusion(&leaf[i], i, n, &p, &root, NULL) == RV_OK);
			/* Another place, size, leaf; a hash more, less, changed. */
			CHECK(rv_tree_check_inclusion(&leaf[i], i + 1, n, &p, &root, NULL) !=
				RV_OK);
			CHECK(rv_tree_check_inclusion(&leaf[i + 1], i, n, &p, &root, NULL) !=
				RV_OK);
			CHECK(rv_tree_check_inclusion(&leaf[i], i, i, &p, &root, NULL) != RV_OK);
			struct rv_proof q = p;
			q.n++;
			CHECK(rv_tree_check_inclusion(&leaf[i], i, n, &q, &root, NULL) != RV_OK);
			if (p.n == 0)
				continue;
			q.n = p.n - 1;
			CHECK(rv_tree_check_inclusion(&leaf[i], i, n, &q, &root, NULL) != RV_OK);
			for (size_t k = 0; k < p.n; k++) {
				q = p;
				q.hash[k].b[k] ^= 1;
				CHECK(rv_tree_check_inclusion(&leaf[i], i, n, &q, &root, NULL) !=
					RV_OK);
			}
		}
	}
	CHECK(rv_ledger_prove_inclusion(b.l, 5, 5, &p, NULL) == RV_ENOENT);
	CHECK(rv_ledger_prove_inclusion(b.l, 5, N + 1, &p, NULL) == RV_ENOENT);
	lab_done(&b);
}

static void check_pair(struct lab *b, uint64_t m, uint64_t n)
{
	struct rv_proof p;
	struct rv_sha256 old, now, bad;
	slow(0, m, &old);
	slow(0, n, &now);
	bad = old;
	bad.b[5] ^= 1;
	CHECK(rv_ledger_prove_consistency(b->l, m, n, &p, NULL) == RV_OK);
	CHECKF(rv_tree_check_consistency(m, &old, n, &now, &p, NULL) == RV_OK, "%llu %llu",
		(unsigned long long)m, (unsigned long long)n);
	if (m > 0)
		CHECK(rv_tree_check_consistency(m, &bad, n, &now, &p, NULL) == RV_ECORRUPT);
	if (m == 0 || m == n)
		return;
	bad = now;
	bad.b[5] ^= 1;
	CHECK(rv_tree_check_consistency(m, &old, n, &bad, &p, NULL) == RV_ECORRUPT);
	struct rv_proof q = p;
	q.n--;
	CHECK(rv_tree_check_consistency(m, &old, n, &now, &q, NULL) == RV_ECORRUPT);
	q.n = p.n + 1;
	CHECK(rv_tree_check_consistency(m, &old, n, &now, &q, NULL) == RV_ECORRUPT);
	for (size_t k = 0; k < p.n; k++) {
		q = p;
		q.hash[k].b[k] ^= 1;
		CHECK(rv_tree_check_consistency(m, &old, n, &now, &q, NULL) == RV_ECORRUPT);
	}
	CHECK(rv_tree_check_consistency(n, &now, m, &old, &p, NULL) == RV_ECORRUPT);
}

TEST(consistency)
{
	struct lab b;
	leaves(&b);
	for (uint64_t n = 0; n <= 33; n++)
		for (uint64_t m = 0; m <= n; m++)
			check_pair(&b, m, n);
	for (uint64_t m = 1; m <= N; m += 41)
		check_pair(&b, m, N);
	check_pair(&b, 256, 512);
	check_pair(&b, 256, 257);
	check_pair(&b, 255, 513);
	lab_done(&b);
}

/* ---- notes ---- */

static void sign(const char *origin, uint64_t size, uint8_t seed, struct rv_buf *out)
{
	struct rv_checkpoint c = { .size = size };
	struct rv_ledger_key k;
	memset(k.seed, seed, 32);
	snprintf(c.origin, sizeof c.origin, "%s", origin);
	memset(c.root.b, 0xab, 32);
	rv_buf_clear(out);
	rv_assert(rv_checkpoint_sign(&c, &k, out, NULL) == RV_OK);
}

TEST(signed_notes)
{
	struct lab b;
	struct rv_checkpoint c;
	struct rv_err err = { 0 };
	RV_AUTO_BUF n;
	rv_buf_init(&n, 1 << 16);
	lab_init(&b);
	sign(LAB_ORIGIN, 42, 7, &n);
	REQUIRE_OK(rv_checkpoint_open(rv_buf_str(&n), b.vkey, &c, &err), &err);
	CHECK(c.size == 42 && c.root.b[0] == 0xab && strcmp(c.origin, LAB_ORIGIN) == 0);
	/* No changed byte passes; most are no note any more. */
	for (size_t i = 0; i < n.n; i++) {
		n.p[i] ^= 1;
		CHECKF(rv_checkpoint_open(rv_buf_str(&n), b.vkey, &c, NULL) != RV_OK, "byte %zu",
			i);
		n.p[i] ^= 1;
	}
	for (size_t i = 0; i < n.n; i++)
		CHECK(rv_checkpoint_open(rv_str_n(n.p, i), b.vkey, &c, NULL) != RV_OK);
	/* A line of another key in front is passed over; alone it is not enough. */
	RV_AUTO_BUF m;
	rv_buf_init(&m, 1 << 16);
	size_t gap = 0;
	while (memcmp(n.p + gap, "\n\n", 2) != 0)
		gap++;
	rv_buf_add(&m, rv_str_n(n.p, gap + 2));
	rv_buf_addz(&m, "\xe2\x80\x94 witness.example AAAAAAAAAAAAAAAA\n");
	CHECK(rv_checkpoint_open(rv_buf_str(&m), b.vkey, &c, NULL) == RV_EAUTH);
	CHECK(rv_checkpoint_open(rv_buf_str(&m), NULL, &c, NULL) == RV_OK);
	rv_buf_add(&m, rv_str_n(n.p + gap + 2, n.n - gap - 2));
	CHECK(rv_checkpoint_open(rv_buf_str(&m), b.vkey, &c, NULL) == RV_OK);
	/* Another key, another origin. */
	sign(LAB_ORIGIN, 42, 8, &n);
	CHECK(rv_checkpoint_open(rv_buf_str(&n), b.vkey, &c, NULL) == RV_EAUTH);
	sign("reeve.example/other", 42, 7, &n);
	CHECK(rv_checkpoint_open(rv_buf_str(&n), b.vkey, &c, NULL) == RV_EAUTH);
	lab_done(&b);
}

TEST(malformed_notes_and_keys)
{
#define SIG "\n\xe2\x80\x94 o AAAAAAAAAAAAAAAA\n"
#define ROOT "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
	static const char *const bad[] = { "", "\n", "\n\n", "o\n1\n" ROOT, "o\n1\n" ROOT "\n",
		"o\n1\n" SIG, "o\n01\n" ROOT SIG, "o\n-1\n" ROOT SIG, "o\n\n" ROOT SIG,
		"\n1\n" ROOT SIG, "o o\n1\n" ROOT SIG, "o+\n1\n" ROOT SIG,
		"o\n99999999999999999999\n" ROOT SIG, "o\n1\nAAAA\n" SIG,
		"o\n1\n" ROOT "\xff\n" SIG, "o\n1\n" ROOT "\t\n" SIG, "o\n1\n" ROOT "\n- o AAAA\n",
		"o\n1\n" ROOT "\n\xe2\x80\x94 o\n", "o\n1\n" ROOT "\n\xe2\x80\x94  AAAAAAAA\n",
		"o\n1\n" ROOT "\n\xe2\x80\x94 o AAAA\n", "o\n1\n" ROOT "\n\xe2\x80\x94 o !!!!\n",
		"o\r\n1\n" ROOT SIG };
	static const char *const keys[] = { "", "o", "o+", "o+aabbccdd", "o+aabbccdd+",
		"o+00000000+AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "+aabbccdd+AAAA",
		"o+xx+AAAA", "o p+aabbccdd+AAAA" };
	struct rv_checkpoint c;
	CHECK(rv_checkpoint_open(RV_STR("o\n1\n" ROOT SIG), NULL, &c, NULL) == RV_OK);
	CHECK(rv_checkpoint_open(RV_STR("o\n1\n" ROOT "more\n" SIG), NULL, &c, NULL) == RV_OK);
	for (size_t i = 0; i < RV_COUNT(bad); i++)
		CHECKF(rv_checkpoint_open(rv_str_of(bad[i]), NULL, &c, NULL) == RV_EINVAL,
			"row %zu", i);
	for (size_t i = 0; i < RV_COUNT(keys); i++)
		CHECKF(rv_checkpoint_open(RV_STR("o\n1\n" ROOT SIG), keys[i], &c, NULL) ==
				RV_EINVAL,
			"key %zu", i);
	struct rv_ledger_key k;
	CHECK(rv_ledger_key_load(RV_STR("short"), &k, NULL) == RV_EINVAL);
	CHECK(rv_ledger_key_load(rv_str_n(bad, 33), &k, NULL) == RV_EINVAL);
	CHECK(rv_ledger_key_load(rv_str_n(bad, 32), &k, NULL) == RV_OK);
}

/* The key of RFC 8032 7.1, test 1: its public half is known from there. */
TEST(vkey_is_that_of_the_rfc)
{
	struct rv_ledger_key k;
	RV_AUTO_BUF v;
	uint8_t raw[33], pk[32];
	size_t n;
	rv_buf_init(&v, 400);
	rv_assert(rv_hex_parse(
		RV_STR("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"), k.seed,
		32));
	rv_assert(rv_hex_parse(
		RV_STR("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"), pk,
		32));
	REQUIRE(rv_ledger_vkey(&k, RV_STR("o"), &v, NULL) == RV_OK);
	struct rv_str s = rv_buf_str(&v);
	REQUIRE(rv_b64_parse(rv_str_sub(s, s.n - 44, s.n), raw, sizeof raw, &n) && n == 33);
	CHECK(raw[0] == 1 && memcmp(raw + 1, pk, 32) == 0);
	CHECK(rv_ledger_vkey(&k, RV_STR(""), &v, NULL) == RV_EINVAL);
	CHECK(rv_ledger_vkey(&k, RV_STR("a b"), &v, NULL) == RV_EINVAL);
	CHECK(rv_ledger_vkey(&k, RV_STR("a+b"), &v, NULL) == RV_EINVAL);
}

/* ---- receipts and the witness ---- */

TEST(receipts)
{
	struct lab b;
	struct rv_err err = { 0 };
	leaves(&b);
	for (uint64_t i = 0; i < N; i += 97) {
		RV_AUTO_BUF r;
		RV_AUTO_ARENA a;
		struct rv_ledger_entry e;
		uint64_t index, size;
		rv_buf_init(&r, 1 << 16);
		rv_arena_init(&a, 1 << 20);
		REQUIRE_OK(rv_ledger_receipt(b.l, i, &r, &err), &err);
		REQUIRE_OK(rv_ledger_read(b.l, &a, i, &e, &err), &err);
		struct rv_str s = rv_buf_str(&r);
		REQUIRE_OK(rv_receipt_check(s, e.leaf, b.vkey, &index, &size, &err), &err);
		CHECK(index == i && size == N);
		CHECK(rv_receipt_check(s, e.event, b.vkey, &index, &size, NULL) == RV_ECORRUPT);
		CHECK(rv_receipt_check(s, e.leaf, NULL, &index, &size, NULL) == RV_EINVAL);
		for (size_t k = 0; k < s.n; k++) {
			r.p[k] ^= 1;
			CHECKF(rv_receipt_check(s, e.leaf, b.vkey, &index, &size, NULL) != RV_OK,
				"byte %zu of receipt %llu", k, (unsigned long long)i);
			r.p[k] ^= 1;
			CHECK(rv_receipt_check(rv_str_n(s.p, k), e.leaf, b.vkey, &index, &size,
				      NULL) != RV_OK);
		}
	}
	RV_AUTO_BUF none;
	rv_buf_init(&none, 1000);
	CHECK(rv_ledger_receipt(b.l, N, &none, NULL) == RV_ENOENT);
	lab_done(&b);
}

static struct rv_str proof_text(struct lab *b, uint64_t m, uint64_t n, struct rv_buf *out)
{
	struct rv_proof p;
	rv_buf_clear(out);
	rv_assert(rv_ledger_prove_consistency(b->l, m, n, &p, NULL) == RV_OK);
	rv_proof_write(&p, out);
	return rv_buf_str(out);
}

TEST(witness)
{
	struct lab b, fork;
	struct rv_err err = { 0 };
	RV_AUTO_BUF old, now, other, proof;
	struct rv_str none = RV_STR("");
	rv_buf_init(&old, 4096);
	rv_buf_init(&now, 4096);
	rv_buf_init(&other, 4096);
	rv_buf_init(&proof, 8192);
	lab_init(&b);
	lab_must_open(&b);
	REQUIRE_OK(lab_append(&b, 0, 10, 10, &err), &err);
	REQUIRE_OK(rv_ledger_checkpoint(b.l, true, &old, &err), &err);
	REQUIRE_OK(lab_append(&b, 10, 13, 10, &err), &err);
	REQUIRE_OK(rv_ledger_checkpoint(b.l, true, &now, &err), &err);
	struct rv_str o = rv_buf_str(&old), n = rv_buf_str(&now);
	CHECK(rv_witness_check(b.vkey, none, o, none, &err) == RV_OK);
	CHECK(rv_witness_check(b.vkey, o, o, none, &err) == RV_OK);
	CHECK(rv_witness_check(b.vkey, o, n, proof_text(&b, 10, 23, &proof), &err) == RV_OK);
	/* Without proof, with that of other sizes, backwards, malformed. */
	CHECK(rv_witness_check(b.vkey, o, n, none, NULL) == RV_ECORRUPT);
	CHECK(rv_witness_check(b.vkey, o, n, proof_text(&b, 9, 23, &proof), NULL) == RV_ECORRUPT);
	CHECK(rv_witness_check(b.vkey, n, o, none, NULL) == RV_ECONFLICT);
	CHECK(rv_witness_check(b.vkey, o, n, RV_STR("no\n"), NULL) == RV_EINVAL);
	CHECK(rv_witness_check(b.vkey, o, n, RV_STR("no"), NULL) == RV_EINVAL);
	CHECK(rv_witness_check(b.vkey, none, RV_STR("x"), none, NULL) == RV_EINVAL);
	/* The same key, another history. */
	lab_init(&fork);
	lab_must_open(&fork);
	REQUIRE_OK(lab_append(&fork, 100, 23, 10, &err), &err);
	REQUIRE_OK(rv_ledger_checkpoint(fork.l, true, &other, &err), &err);
	struct rv_str f = rv_buf_str(&other);
	CHECK(rv_witness_check(b.vkey, n, f, none, NULL) == RV_ECONFLICT);
	CHECK(rv_witness_check(b.vkey, o, f, proof_text(&fork, 10, 23, &proof), &err) ==
		RV_ECORRUPT);
	CHECKF(strstr(err.msg, "10 events seen are not the beginning"), "%s", err.msg);
	/* Another key. */
	sign(LAB_ORIGIN, 50, 9, &other);
	CHECK(rv_witness_check(b.vkey, o, rv_buf_str(&other), none, NULL) == RV_EAUTH);
	lab_done(&b);
	lab_done(&fork);
}

TEST(checkpoints_are_published_within_a_second)
{
	struct lab b;
	struct rv_err err = { 0 };
	struct rv_ledger_status st;
	RV_AUTO_BUF n;
	rv_buf_init(&n, 4096);
	lab_init(&b);
	lab_must_open(&b);
	CHECK(rv_ledger_checkpoint(b.l, false, &n, NULL) == RV_ENOENT);
	REQUIRE_OK(rv_ledger_checkpoint(b.l, true, &n, &err), &err); /* of the empty log */
	REQUIRE_OK(lab_append(&b, 0, 10, 10, &err), &err);
	int64_t from = rv_clock_mono_ns(rv_clock_system());
	do
		rv_ledger_status(b.l, &st);
	while (st.signed_size < 10 &&
		rv_clock_mono_ns(rv_clock_system()) < from + 10 * RV_NS_PER_S);
	CHECK(st.signed_size == 10);
	/* On disk before it is published. */
	size_t k;
	char *file = lab_read(&b, "checkpoint", &k);
	rv_buf_clear(&n);
	REQUIRE_OK(rv_ledger_checkpoint(b.l, false, &n, &err), &err);
	CHECK(rv_str_eq(rv_buf_str(&n), rv_str_n(file, k)));
	free(file);
	lab_done(&b);
}

MAIN()
