/* Changing the log's key: signed by both, and who trusts one key of the chain trusts the log. */
#include "tests/ledger/lab.h"

struct keys {
	struct lab b;
	struct rv_ledger_key next;
	char old_vkey[400], new_vkey[400];
	struct rv_buf saved; /* a checkpoint by the old key */
};

static void make(struct keys *k)
{
	RV_AUTO_BUF v;
	rv_buf_init(&v, 400);
	rv_buf_init(&k->saved, 1 << 14);
	lab_init(&k->b);
	lab_must_open(&k->b);
	rv_assert(lab_append(&k->b, 0, 20, 5, NULL) == RV_OK);
	rv_assert(rv_ledger_checkpoint(k->b.l, true, &k->saved, NULL) == RV_OK);
	lab_close(&k->b);
	memset(k->next.seed, 8, sizeof k->next.seed);
	rv_assert(rv_ledger_vkey(&k->next, RV_STR(LAB_ORIGIN), &v, NULL) == RV_OK);
	snprintf(k->old_vkey, sizeof k->old_vkey, "%s", k->b.vkey);
	snprintf(k->new_vkey, sizeof k->new_vkey, "%s", rv_buf_z(&v));
}

static void done(struct keys *k)
{
	rv_buf_done(&k->saved);
	lab_done(&k->b);
}

static void rotate(struct keys *k)
{
	struct rv_err err = { 0 };
	k->b.opts.dir = k->b.dir;
	k->b.opts.key = &k->b.key;
	enum rv_code code = rv_ledger_rotate(&k->b.opts, &k->next, &err);
	CHECKF(code == RV_OK, "%s", err.msg);
}

static struct rv_verify_report verify(struct keys *k, const char *vkey, bool with_saved)
{
	struct rv_verify_report r;
	struct rv_err err = { 0 };
	const struct rv_verify_opts o = { .vkey = vkey,
		.saved = with_saved ? rv_buf_str(&k->saved) : RV_STR("") };
	enum rv_code code = rv_ledger_verify(k->b.dir, &o, &r, &err);
	CHECKF(code == RV_OK, "%s", err.msg);
	for (size_t i = 0; i < r.n_problems && i < RV_VERIFY_PROBLEMS; i++)
		printf("# %s: %s\n", r.problem[i].file, r.problem[i].text);
	return r;
}

TEST(both_keys_verify_and_only_the_new_one_writes)
{
	struct keys k;
	struct rv_err err = { 0 };
	make(&k);
	rotate(&k);
	CHECK(lab_open(&k.b, &err) == RV_EAUTH);
	k.b.key = k.next;
	lab_must_open(&k.b);
	rv_assert(lab_append(&k.b, 20, 20, 5, NULL) == RV_OK);
	lab_close(&k.b);
	struct rv_verify_report r = verify(&k, k.old_vkey, false);
	CHECK(r.level == RV_VERIFY_VERIFIED && r.size == 41);
	CHECK(verify(&k, k.new_vkey, false).level == RV_VERIFY_VERIFIED);
	CHECK(verify(&k, k.old_vkey, true).level == RV_VERIFY_VERIFIED);
	CHECK(verify(&k, k.new_vkey, true).level == RV_VERIFY_VERIFIED);
	CHECK(verify(&k, NULL, true).level == RV_VERIFY_VERIFIED);
	/* Without the note whoever has the old key must not believe the new one. */
	rv_assert(unlink(lab_path(&k.b, "rotations")) == 0);
	CHECK(verify(&k, k.old_vkey, false).level == RV_VERIFY_FAILED);
	CHECK(verify(&k, k.new_vkey, false).level == RV_VERIFY_VERIFIED);
	done(&k);
}

/* The old key, stolen after the change, signs the log anew: today's checkpoint must be of the
 * newest key. */
TEST(the_old_key_signs_no_more)
{
	struct keys k;
	make(&k);
	rotate(&k);
	lab_write(&k.b, "checkpoint", k.saved.p, k.saved.n);
	CHECK(verify(&k, k.old_vkey, false).level == RV_VERIFY_FAILED);
	CHECK(verify(&k, k.new_vkey, false).level == RV_VERIFY_FAILED);
	done(&k);
}

TEST(every_byte_of_the_note_counts)
{
	struct keys k;
	size_t n;
	make(&k);
	rotate(&k);
	char *p = lab_read(&k.b, "rotations", &n);
	rv_assert(p);
	for (size_t i = 0; i < n; i++) {
		lab_flip(&k.b, "rotations", i);
		struct rv_verify_report r;
		const struct rv_verify_opts o = { .vkey = k.old_vkey };
		CHECKF(rv_ledger_verify(k.b.dir, &o, &r, NULL) == RV_OK &&
				r.level == RV_VERIFY_FAILED,
			"byte %zu", i);
		lab_write(&k.b, "rotations", p, n);
	}
	for (size_t cut = 1; cut < n; cut += 7) {
		lab_write(&k.b, "rotations", p, n - cut);
		struct rv_verify_report r;
		const struct rv_verify_opts o = { .vkey = k.old_vkey };
		CHECK(rv_ledger_verify(k.b.dir, &o, &r, NULL) == RV_OK &&
			r.level == RV_VERIFY_FAILED);
	}
	free(p);
	done(&k);
}

/* A crash before the verifier key was written: the new key goes on, the old one does not. */
TEST(a_change_that_stopped_half_way)
{
	struct keys k;
	struct rv_err err = { 0 };
	make(&k);
	rotate(&k);
	lab_write(&k.b, "vkey", k.old_vkey, strlen(k.old_vkey));
	CHECK(verify(&k, k.old_vkey, false).level == RV_VERIFY_VERIFIED);
	CHECK(lab_open(&k.b, &err) == RV_EAUTH);
	CHECKF(strstr(err.msg, "rotate-key"), "%s", err.msg);
	k.b.key = k.next;
	lab_must_open(&k.b);
	lab_close(&k.b);
	size_t n;
	char *p = lab_read(&k.b, "vkey", &n);
	CHECK(rv_str_eqz(rv_str_n(p, n), k.new_vkey));
	free(p);
	done(&k);
}

TEST(several_changes)
{
	struct keys k;
	make(&k);
	for (uint8_t i = 8; i < 14; i++) {
		memset(k.next.seed, i, sizeof k.next.seed);
		rotate(&k);
		k.b.key = k.next;
	}
	CHECK(verify(&k, k.old_vkey, true).level == RV_VERIFY_VERIFIED);
	CHECK(verify(&k, k.new_vkey, true).level == RV_VERIFY_VERIFIED); /* the second of seven */
	memset(k.next.seed, 99, sizeof k.next.seed);
	RV_AUTO_BUF v;
	rv_buf_init(&v, 400);
	rv_assert(rv_ledger_vkey(&k.next, RV_STR(LAB_ORIGIN), &v, NULL) == RV_OK);
	CHECK(verify(&k, rv_buf_z(&v), false).level == RV_VERIFY_FAILED); /* of no change */
	struct rv_err err = { 0 };
	k.next = k.b.key;
	CHECK(rv_ledger_rotate(&k.b.opts, &k.next, &err) == RV_EINVAL); /* the same key */
	done(&k);
}

MAIN()
