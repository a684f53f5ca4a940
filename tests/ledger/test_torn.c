/* What a torn write leaves: the last record cut at every byte, holes, and damage that is no torn
 * write. */
#include "tests/ledger/lab.h"

enum { N = 20 };

/* A closed log of N events in batches, and the bytes of its segment. */
static char *make(struct lab *b, size_t batch, size_t *ret_n, size_t *ret_last)
{
	struct rv_err err = { 0 };
	lab_init(b);
	b->opts.segment_bytes = 16384;
	lab_must_open(b);
	rv_assert(lab_append(b, 0, N, batch, &err) == RV_OK);
	lab_close(b);
	char *p = lab_read(b, LAB_SEG0, ret_n);
	/* Records begin at multiples of 8 with "RVR1". */
	for (size_t at = 0; at + 4 < *ret_n; at += 8)
		if (memcmp(p + at, "RVR1", 4) == 0)
			*ret_last = at;
	return p;
}

static void drop_note(struct lab *b)
{
	rv_assert(unlink(lab_path(b, "checkpoint")) == 0);
}

static size_t used_of(const char *p, size_t n)
{
	while (n > 0 && p[n - 1] == 0)
		n--;
	return n;
}

TEST(last_record_cut_at_every_byte)
{
	struct lab b;
	size_t n, last = 0;
	char *p = make(&b, 1, &n, &last);
	size_t used = used_of(p, n);
	drop_note(&b); /* as if the power went within the second before it was signed */
	for (int zeros = 0; zeros < 2; zeros++) {
		for (size_t cut = last; cut < used; cut++) {
			struct rv_err err = { 0 };
			char *q = calloc(1, n);
			rv_assert(q);
			memcpy(q, p, cut);
			lab_write(&b, LAB_SEG0, q, zeros ? n : cut);
			free(q);
			if (lab_open(&b, &err) != RV_OK) {
				CHECKF(false, "cut at %zu: %s", cut, err.msg);
				continue;
			}
			CHECKF(lab_append(&b, N - 1, 1, 1, &err) == RV_OK, "cut at %zu: %s", cut,
				err.msg);
			bool torn = cut > last;
			CHECKF(rv_ledger_size(b.l) == (uint64_t)N + torn, "cut at %zu: %llu events",
				cut, (unsigned long long)rv_ledger_size(b.l));
			CHECK(lab_holds(&b, N - 1));
			RV_AUTO_ARENA a;
			struct rv_ledger_entry e;
			rv_arena_init(&a, 1 << 20);
			if (torn && rv_ledger_read(b.l, &a, N - 1, &e, NULL) == RV_OK)
				CHECK(memmem(e.event.p, e.event.n, "service.torn_tail", 17));
			lab_close(&b);
			drop_note(&b);
		}
	}
	free(p);
	lab_done(&b);
}

TEST(signed_records_do_not_count_as_torn)
{
	struct lab b;
	size_t n, last = 0;
	struct rv_err err = { 0 };
	char *p = make(&b, 1, &n, &last);
	lab_write(&b, LAB_SEG0, p, last + 40);
	CHECK(lab_open(&b, &err) == RV_ECORRUPT);
	CHECKF(strstr(err.msg, "20 events are signed and 19 are here"), "%s", err.msg);
	CHECK(strstr(err.msg, "reeve verify"));
	free(p);
	lab_done(&b);
}

TEST(damage_before_a_later_batch_is_no_torn_write)
{
	struct lab b;
	size_t n, last = 0;
	char *p = make(&b, 1, &n, &last);
	drop_note(&b);
	size_t used = used_of(p, n);
	for (size_t at = 0; at < last; at++) {
		struct rv_err err = { 0 };
		if (at >= 60 && at < 64)
			continue; /* spare bytes of the head */
		p[at] ^= 4;
		lab_write(&b, LAB_SEG0, p, n);
		p[at] ^= 4;
		/* Padding behind a record belongs to nothing. */
		enum rv_code code = lab_open(&b, &err);
		if (code == RV_OK) {
			CHECKF(p[at] == 0 && lab_holds(&b, N), "flip at %zu was not seen", at);
			lab_close(&b);
			drop_note(&b);
			continue;
		}
		CHECKF(code == RV_ECORRUPT, "flip at %zu: %s", at, err.msg);
	}
	CHECK(used > last);
	free(p);
	lab_done(&b);
}

TEST(a_torn_batch_keeps_its_whole_beginning)
{
	struct lab b;
	size_t n, last = 0, at = 64;
	struct rv_err err = { 0 };
	char *p = make(&b, N, &n, &last);
	drop_note(&b);
	/* A hole in the middle of the one batch: what stands behind it was never acknowledged. */
	for (int i = 0; i < 8; i++)
		for (at += 8; memcmp(p + at, "RVR1", 4) != 0; at += 8)
			;
	memset(p + at, 0, 64);
	lab_write(&b, LAB_SEG0, p, n);
	lab_must_open(&b);
	REQUIRE_OK(lab_append(&b, 8, 1, 1, &err), &err);
	CHECK(rv_ledger_size(b.l) == 10); /* 8 events, the note of the torn tail, the new one */
	CHECK(lab_holds(&b, 8));
	lab_close(&b);
	lab_must_open(&b);
	CHECK(rv_ledger_size(b.l) == 10);
	free(p);
	lab_done(&b);
}

TEST(missing_and_foreign_segments)
{
	struct lab b;
	struct rv_err err = { 0 };
	lab_init(&b);
	b.opts.segment_bytes = 2000;
	lab_must_open(&b);
	REQUIRE_OK(lab_append(&b, 0, 40, 2, &err), &err);
	lab_close(&b);
	size_t n, k;
	char *first = lab_read(&b, LAB_SEG0, &n), *second;
	char name[40];
	for (k = 1; k < 40; k++) {
		snprintf(name, sizeof name, "%020zu.seg", k);
		if (access(lab_path(&b, name), F_OK) == 0)
			break;
	}
	REQUIRE(k < 40);
	second = lab_read(&b, name, &n);
	REQUIRE(unlink(lab_path(&b, name)) == 0);
	CHECK(lab_open(&b, &err) == RV_ECORRUPT);
	CHECKF(strstr(err.msg, "missing"), "%s", err.msg);
	rv_err_clear(&err);
	/* The wrong segment under that name. */
	lab_write(&b, name, first, n);
	CHECK(lab_open(&b, &err) == RV_ECORRUPT);
	rv_err_clear(&err);
	lab_write(&b, name, second, n);
	lab_must_open(&b);
	CHECK(lab_holds(&b, 40));
	lab_close(&b);
	REQUIRE(unlink(lab_path(&b, LAB_SEG0)) == 0);
	CHECK(lab_open(&b, &err) == RV_ECORRUPT);
	CHECKF(strstr(err.msg, "events 0 to"), "%s", err.msg);
	free(first);
	free(second);
	lab_done(&b);
}

TEST(a_torn_creation_is_removed)
{
	struct lab b;
	struct rv_err err = { 0 };
	static const char junk[100] = "RVSE";
	size_t n, last;
	char *p = make(&b, 1, &n, &last);
	free(p);
	lab_write(&b, "00000000000000000020.seg", junk, sizeof junk);
	lab_must_open(&b);
	REQUIRE_OK(lab_append(&b, 20, 5, 5, &err), &err);
	CHECK(lab_holds(&b, 25));
	CHECK(access(lab_path(&b, "00000000000000000020.seg"), F_OK) != 0);
	lab_done(&b);
}

MAIN()
