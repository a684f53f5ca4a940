/* A disk that fails: every single call once, for good, full, and with the power gone. */
#include <errno.h>

#include "tests/ledger/lab.h"
#include "tests/ledger/shim.h"

enum { EVENTS = 21, PER_BATCH = 3 };
/* Batches of three and of one, so that what a failed one leaves may be longer than what follows. */
static const size_t batch[] = { 3, 1, 1, 3, 2, 1, 3, 1, 1, 3, 2 };

static bool is_open(void *arg)
{
	struct rv_ledger_status st;
	rv_ledger_status(arg, &st);
	return st.state == RV_LEDGER_OPEN;
}

struct run {
	struct lab b;
	struct shim s;
	bool acked[EVENTS];
	uint64_t seq[EVENTS];
};

static void run_init(struct run *r)
{
	memset(r, 0, sizeof *r);
	lab_init(&r->b);
	shim_init(&r->s);
	r->b.opts.io = &r->s.io;
	r->b.opts.segment_bytes = 1500;
	r->b.opts.reserve_bytes = 8192;
}

static void run_done(struct run *r)
{
	lab_done(&r->b);
	shim_done(&r->s);
}

static enum rv_code append_some(struct run *r, uint64_t i, size_t n, struct rv_err *err)
{
	char text[PER_BATCH][LAB_EVENT];
	struct rv_ledger_record rec[PER_BATCH];
	for (size_t k = 0; k < n; k++)
		rec[k] = (struct rv_ledger_record){ .event = rv_str_n(text[k],
							    lab_event(i + k, text[k], LAB_EVENT)) };
	uint64_t seq[PER_BATCH];
	enum rv_code code = rv_ledger_append(r->b.l, rec, n, seq, err);
	for (size_t k = 0; k < n; k++) {
		r->acked[i + k] = seq[k] != UINT64_MAX;
		r->seq[i + k] = seq[k];
	}
	return code;
}

/* Every acknowledged event is where it was said to be; of the others none, unless may_more. */
static void check_run(struct run *r, bool may_more, const char *what, uint64_t k)
{
	struct rv_err err = { 0 };
	char id[40], text[LAB_EVENT];
	struct rv_verify_report rep;
	r->b.opts.io = NULL;
	/* A log that was closed in good order has no torn tail. */
	if (!may_more) {
		CHECK(rv_ledger_verify(r->b.dir, &(struct rv_verify_opts){ .vkey = NULL }, &rep,
			      NULL) == RV_OK);
		CHECKF(rep.torn_bytes == 0, "%s %llu: remains of a failed batch", what,
			(unsigned long long)k);
	}
	if (lab_open(&r->b, &err) != RV_OK) {
		CHECKF(false, "%s %llu: %s", what, (unsigned long long)k, err.msg);
		return;
	}
	for (uint64_t i = 0; i < EVENTS; i++) {
		uint64_t seq;
		lab_id(i, id);
		enum rv_code code = rv_ledger_find(r->b.l, rv_str_of(id), &seq, NULL);
		if (!r->acked[i]) {
			CHECKF(may_more || code == RV_ENOENT,
				"%s %llu: refused event %llu is there", what, (unsigned long long)k,
				(unsigned long long)i);
			continue;
		}
		CHECKF(code == RV_OK && seq == r->seq[i], "%s %llu: event %llu is lost", what,
			(unsigned long long)k, (unsigned long long)i);
		RV_AUTO_ARENA a;
		struct rv_ledger_entry e = { 0 };
		rv_arena_init(&a, 1 << 20);
		code = rv_ledger_read(r->b.l, &a, r->seq[i], &e, NULL);
		CHECK(code == RV_OK &&
			rv_str_eq(e.event, rv_str_n(text, lab_event(i, text, sizeof text))));
	}
	lab_close(&r->b);
	CHECK(rv_ledger_verify(r->b.dir, &(struct rv_verify_opts){ .vkey = r->b.vkey }, &rep,
		      &err) == RV_OK);
	CHECKF(rep.level == (rep.size ? RV_VERIFY_VERIFIED : RV_VERIFY_CONSISTENT),
		"%s %llu: %s %s", what, (unsigned long long)k, rep.problem[0].file,
		rep.problem[0].text);
}

/* Returns false when the k-th call was never made. */
static bool fail_kth(uint64_t k, int e, bool is_short)
{
	struct run r;
	struct rv_err err = { 0 };
	run_init(&r);
	r.s.fail_from = k;
	r.s.fail_n = 1;
	r.s.fail_errno = e;
	r.s.is_short = is_short;
	enum rv_code code = lab_open(&r.b, &err);
	if (code != RV_OK) {
		CHECK(code == RV_EIO);
		rv_err_clear(&err);
		if (lab_open(&r.b, &err) != RV_OK) {
			CHECKF(false, "call %llu: second open: %s", (unsigned long long)k, err.msg);
			run_done(&r);
			return true;
		}
	}
	uint64_t i = 0;
	for (size_t k_batch = 0; k_batch < RV_COUNT(batch); i += batch[k_batch++]) {
		rv_err_clear(&err);
		code = append_some(&r, i, batch[k_batch], &err);
		CHECKF(code == RV_OK || code == RV_EAUDIT, "call %llu: %s", (unsigned long long)k,
			err.msg);
		CHECK(shim_wait(&r.s, is_open, r.b.l));
	}
	size_t acked = 0;
	CHECK(i == EVENTS);
	for (i = 0; i < EVENTS; i++)
		acked += r.acked[i];
	CHECKF(acked + 2 * PER_BATCH >= EVENTS, "call %llu: only %zu were taken",
		(unsigned long long)k, acked);
	lab_close(&r.b);
	bool reached = r.s.calls >= k;
	check_run(&r, false, strerror(e), k);
	run_done(&r);
	return reached;
}

TEST(every_call_fails_once)
{
	static const struct {
		int e;
		bool is_short;
	} modes[] = { { EIO, false }, { ENOSPC, false }, { EIO, true }, { ENOSPC, true } };
	for (size_t m = 0; m < RV_COUNT(modes); m++) {
		uint64_t k = 1;
		while (k < 1000 && fail_kth(k, modes[m].e, modes[m].is_short))
			k++;
		CHECK(k > 30 && k < 1000);
	}
}

/* A next segment that could not be made, and then a record small enough for the old one: it must
 * not go there, for the name of the next one says where the old one ends. */
static bool fail_roll(uint64_t k)
{
	struct lab b;
	struct shim s;
	struct rv_err err = { 0 };
	char big[1200] = "{\"pad\":\"";
	lab_init(&b);
	shim_init(&s);
	b.opts.io = &s.io;
	b.opts.segment_bytes = 2000;
	lab_must_open(&b);
	memset(big + 8, 'x', 1000);
	memcpy(big + 1008, "\"}", 2);
	struct rv_ledger_record large = { .event = rv_str_n(big, 1010) },
				small = { .event = RV_STR("{\"n\":1}") };
	CHECK(rv_ledger_append(b.l, &large, 1, NULL, &err) == RV_OK);
	(void)pthread_mutex_lock(&s.mu);
	uint64_t from = s.calls;
	s.fail_from = from + k;
	s.fail_n = 1;
	(void)pthread_mutex_unlock(&s.mu);
	bool reached = rv_ledger_append(b.l, &large, 1, NULL, &err) != RV_OK;
	CHECK(shim_wait(&s, is_open, b.l));
	rv_err_clear(&err);
	for (int i = 0; i < 3; i++)
		CHECKF(rv_ledger_append(b.l, &small, 1, NULL, &err) == RV_OK, "%s", err.msg);
	CHECKF(rv_ledger_append(b.l, &large, 1, NULL, &err) == RV_OK, "%s", err.msg);
	uint64_t n = rv_ledger_size(b.l);
	lab_close(&b);
	b.opts.io = NULL;
	CHECKF(lab_open(&b, &err) == RV_OK, "call %llu: %s", (unsigned long long)k, err.msg);
	if (b.l)
		CHECK(rv_ledger_size(b.l) == n && n >= 5);
	lab_done(&b);
	shim_done(&s);
	return reached;
}

TEST(a_next_segment_that_cannot_be_made)
{
	uint64_t k = 1;
	while (k < 20 && fail_roll(k))
		k++;
	CHECK(k > 3 && k < 20);
}

/* The power goes at the k-th call. */
static bool lose_power(uint64_t k, unsigned lost)
{
	struct run r;
	struct rv_err err = { 0 };
	run_init(&r);
	r.s.fail_from = k;
	r.s.fail_n = UINT64_MAX / 2;
	bool reached = true;
	if (lab_open(&r.b, &err) == RV_OK) {
		uint64_t i = 0;
		for (size_t n = 0; n < RV_COUNT(batch); i += batch[n++])
			if (append_some(&r, i, batch[n], NULL) != RV_OK)
				break;
		shim_kill(&r.s);
		lab_close(&r.b);
		reached = r.s.calls >= k;
	}
	shim_power_loss(&r.s, lost);
	check_run(&r, true, "power lost at call", k);
	run_done(&r);
	return reached;
}

TEST(unsynced_writes_are_lost)
{
	for (unsigned lost = 0; lost < 6; lost++) {
		uint64_t k = 2;
		while (k < 1000 && lose_power(k, lost * 7919))
			k++;
		CHECK(k > 30);
	}
}

/* Every checkpoint that anybody has seen is of one history, whatever the power did in between and
 * whatever was written afterwards. */
static bool publish_until(uint64_t k, unsigned lost)
{
	struct run r;
	struct rv_checkpoint seen[7];
	size_t n_seen = 0;
	run_init(&r);
	r.s.fail_from = k;
	r.s.fail_n = UINT64_MAX / 2;
	bool reached = true;
	if (lab_open(&r.b, NULL) == RV_OK) {
		for (uint64_t i = 0; n_seen < RV_COUNT(seen); i += 3) {
			RV_AUTO_BUF note;
			rv_buf_init(&note, RV_CHECKPOINT_MAX);
			if (lab_append(&r.b, i, 3, 3, NULL) != RV_OK ||
				rv_ledger_checkpoint(r.b.l, true, &note, NULL) != RV_OK)
				break;
			rv_assert(rv_checkpoint_open(rv_buf_str(&note), r.b.vkey, &seen[n_seen++],
					  NULL) == RV_OK);
		}
		shim_kill(&r.s);
		lab_close(&r.b);
		reached = r.s.calls >= k;
	}
	shim_power_loss(&r.s, lost);
	r.b.opts.io = NULL;
	lab_must_open(&r.b);
	rv_assert(lab_append(&r.b, 500000, 7, 7, NULL) == RV_OK);
	for (size_t i = 0; i < n_seen; i++) {
		struct rv_sha256 root;
		CHECKF(rv_ledger_root(r.b.l, seen[i].size, &root, NULL) == RV_OK &&
				rv_sha256_eq(&root, &seen[i].root),
			"call %llu: the checkpoint of %llu is of another history",
			(unsigned long long)k, (unsigned long long)seen[i].size);
	}
	run_done(&r);
	return reached;
}

TEST(published_checkpoints_never_disagree)
{
	for (unsigned lost = 0; lost < 2; lost++) {
		uint64_t k = 2;
		while (k < 1000 && publish_until(k, lost * 7919))
			k++;
		CHECKF(k > 60, "%llu", (unsigned long long)k);
	}
}

static void count_it(void *arg, enum rv_code code, uint64_t seq, const struct rv_sha256 *leaf)
{
	uint64_t *n = arg;
	__atomic_add_fetch(&n[code == RV_OK ? 0 : 1], 1, __ATOMIC_SEQ_CST);
}

static enum rv_code append_control(struct lab *b, uint64_t i, bool is_control, struct rv_err *err)
{
	char text[LAB_EVENT];
	struct rv_ledger_record r = { .event = rv_str_n(text, lab_event(i, text, sizeof text)),
		.is_control = is_control };
	return rv_ledger_append(b->l, &r, 1, NULL, err);
}

TEST(full_disk_keeps_control_records_and_resumes)
{
	struct lab b;
	struct shim s;
	struct rv_err err = { 0 };
	struct rv_ledger_status st;
	lab_init(&b);
	shim_init(&s);
	b.opts.io = &s.io;
	b.opts.reserve_bytes = 256 << 10;
	s.room_bytes = (256 << 10) + (512 << 10);
	lab_must_open(&b);
	uint64_t i = 0;
	while (append_control(&b, i, false, &err) == RV_OK && i < 100000)
		i++;
	CHECK(i > 100 && i < 100000);
	CHECK(err.code == RV_EAUDIT && strstr(err.msg, "full"));
	rv_ledger_status(b.l, &st);
	CHECK(st.state == RV_LEDGER_FULL && st.size == i);
	CHECK(rv_ledger_ready(b.l, false, NULL) == RV_EAUDIT);
	CHECK(rv_ledger_ready(b.l, true, NULL) == RV_OK);
	/* Control records still fit, many of them. */
	for (uint64_t k = 0; k < 200; k++)
		REQUIRE_OK(append_control(&b, i + k, true, &err), (rv_err_clear(&err), &err));
	rv_ledger_status(b.l, &st);
	CHECK(!st.has_reserve && st.size == i + 200);
	/* Room again: it goes on by itself, and says how long it could not. */
	(void)pthread_mutex_lock(&s.mu);
	s.room_bytes = UINT64_MAX;
	(void)pthread_mutex_unlock(&s.mu);
	CHECK(shim_wait(&s, is_open, b.l));
	rv_err_clear(&err);
	REQUIRE_OK(append_control(&b, i + 200, false, &err), &err);
	rv_ledger_status(b.l, &st);
	CHECK(st.has_reserve && st.size == i + 202);
	uint64_t n[2] = { 0 };
	struct rv_ledger_record r = { .event = RV_STR("{}") };
	REQUIRE_OK(rv_ledger_submit(b.l, &r, count_it, n, &err), &err);
	lab_close(&b);
	CHECK(n[0] == 1);
	b.opts.io = NULL;
	lab_must_open(&b);
	CHECK(rv_ledger_size(b.l) == i + 203);
	lab_done(&b);
	shim_done(&s);
}

TEST(a_failing_disk_refuses_all_and_recovers)
{
	struct run r;
	struct rv_err err = { 0 };
	run_init(&r);
	lab_must_open(&r.b);
	REQUIRE_OK(append_some(&r, 0, 2, &err), &err);
	(void)pthread_mutex_lock(&r.s.mu);
	r.s.fail_from = r.s.calls + 1;
	r.s.fail_n = 6; /* through several tries */
	(void)pthread_mutex_unlock(&r.s.mu);
	CHECK(append_some(&r, 2, 2, &err) == RV_EAUDIT);
	CHECKF(strstr(err.msg, "Input/output error"), "%s", err.msg);
	CHECK(rv_ledger_ready(r.b.l, true, NULL) == RV_EAUDIT);
	CHECK(shim_wait(&r.s, is_open, r.b.l));
	rv_err_clear(&err);
	REQUIRE_OK(append_some(&r, 4, 2, &err), &err);
	lab_close(&r.b);
	check_run(&r, false, "failing", 0);
	run_done(&r);
}

static bool is_broken(void *arg)
{
	struct rv_ledger_status st;
	rv_ledger_status(arg, &st);
	return st.state == RV_LEDGER_BROKEN;
}

/* After a failure the tail is read back; when an acknowledged record is gone, that is the end. */
TEST(what_reads_back_differently_stays_refused)
{
	struct run r;
	struct rv_err err = { 0 };
	run_init(&r);
	lab_must_open(&r.b);
	REQUIRE_OK(append_some(&r, 0, 2, &err), &err);
	(void)pthread_mutex_lock(&r.s.mu);
	r.s.fail_from = r.s.calls + 1;
	r.s.fail_n = 3;
	(void)pthread_mutex_unlock(&r.s.mu);
	lab_flip(&r.b, LAB_SEG0, 200);
	CHECK(append_some(&r, 2, 2, &err) == RV_EAUDIT);
	CHECK(shim_wait(&r.s, is_broken, r.b.l));
	CHECK(append_some(&r, 4, 2, NULL) == RV_EAUDIT);
	run_done(&r);
}

static void hang(struct shim *s, bool on)
{
	(void)pthread_mutex_lock(&s->mu);
	s->is_hanging = on;
	(void)pthread_cond_broadcast(&s->changed);
	(void)pthread_mutex_unlock(&s->mu);
}

static bool is_unavailable(void *arg)
{
	struct rv_ledger_status st;
	rv_ledger_status(arg, &st);
	return st.state == RV_LEDGER_UNAVAILABLE;
}

/* The n-th call from now hangs: whoever waits is answered at the deadline, nothing is taken
 * meanwhile, and when the disk is back what was refused is not in the log. */
static bool hang_at(uint64_t k)
{
	struct lab b;
	struct shim s;
	struct rv_err err = { 0 };
	struct rv_ledger_status st;
	uint64_t n[2] = { 0 };
	bool was_hit = false;
	lab_init(&b);
	shim_init(&s);
	b.opts.io = &s.io;
	b.opts.io_deadline_ms = 30;
	b.opts.segment_bytes = 3000;
	b.opts.reserve_bytes = 4096;
	lab_must_open(&b);
	rv_assert(lab_append(&b, 0, 3, 1, &err) == RV_OK);
	(void)pthread_mutex_lock(&s.mu);
	s.hang_at = s.calls + k;
	(void)pthread_mutex_unlock(&s.mu);
	uint64_t done = 3;
	for (; done < 12; done++) {
		char text[LAB_EVENT];
		struct rv_ledger_record r = { .event = rv_str_n(
						      text, lab_event(done, text, LAB_EVENT)) };
		if (rv_ledger_append(b.l, &r, 1, NULL, &err) != RV_OK)
			break;
	}
	if (done < 12) {
		was_hit = true;
		CHECKF(err.code == RV_EAUDIT, "%llu: %s", (unsigned long long)k, err.msg);
		rv_ledger_status(b.l, &st);
		CHECKF(st.state == RV_LEDGER_UNAVAILABLE && strstr(st.reason, "not answered"),
			"%llu: %s", (unsigned long long)k, st.reason);
		CHECK(st.hung_ms >= 30);
		struct rv_ledger_record r = { .event = RV_STR("{}") };
		CHECK(rv_ledger_submit(b.l, &r, count_it, n, NULL) == RV_EAUDIT);
		CHECK(rv_ledger_checkpoint(
			      b.l, true, &(struct rv_buf){ .max_bytes = 4096 }, NULL) == RV_EAUDIT);
		rv_ledger_refused(b.l);
	}
	hang(&s, false);
	if (was_hit) {
		CHECK(shim_wait(&s, is_open, b.l));
		rv_err_clear(&err);
		rv_assert(lab_append(&b, done, 2, 1, &err) == RV_OK);
	}
	lab_close(&b);
	/* All that was acknowledged, the words about the gap and about who was refused in it, and
	 * nothing that was refused. */
	struct rv_verify_report rep;
	CHECK(rv_ledger_verify(b.dir, &(struct rv_verify_opts){ .vkey = b.vkey }, &rep, NULL) ==
		RV_OK);
	CHECKF(rep.level == RV_VERIFY_VERIFIED && rep.size == done + (was_hit ? 4 : 0),
		"%llu: %llu events", (unsigned long long)k, (unsigned long long)rep.size);
	lab_done(&b);
	shim_done(&s);
	return was_hit;
}

TEST(a_hanging_disk_is_given_up_at_the_deadline)
{
	uint64_t hits = 0;
	for (uint64_t k = 1; k < 24; k++)
		hits += hang_at(k);
	CHECKF(hits > 10, "%llu", (unsigned long long)hits);
}

/* A hang while a checkpoint is written: who waits for it is answered too. */
TEST(a_signature_that_hangs_is_given_up)
{
	struct lab b;
	struct shim s;
	struct rv_err err = { 0 };
	RV_AUTO_BUF note;
	rv_buf_init(&note, 4096);
	lab_init(&b);
	shim_init(&s);
	b.opts.io = &s.io;
	b.opts.io_deadline_ms = 30;
	lab_must_open(&b);
	REQUIRE_OK(lab_append(&b, 0, 3, 1, &err), &err);
	hang(&s, true);
	CHECK(rv_ledger_checkpoint(b.l, true, &note, &err) == RV_EAUDIT);
	CHECK(is_unavailable(b.l));
	hang(&s, false);
	CHECK(shim_wait(&s, is_open, b.l));
	rv_err_clear(&err);
	REQUIRE_OK(rv_ledger_checkpoint(b.l, true, &note, &err), &err);
	lab_done(&b);
	shim_done(&s);
}

MAIN()
