/* Many threads append, read, search and prove at once. Run under TSan too. */
#include <pthread.h>

#include "tests/ledger/lab.h"

enum { WRITERS = 4, READERS = 3, EACH = 600 };

struct shared {
	struct lab b;
	uint64_t acked;
	bool is_over;
};

struct worker {
	struct shared *s;
	uint64_t n;
	pthread_t thread;
};

static void on_done(void *arg, enum rv_code code, uint64_t seq, const struct rv_sha256 *leaf)
{
	struct shared *s = arg;
	rv_assert(code == RV_OK);
	__atomic_add_fetch(&s->acked, 1, __ATOMIC_SEQ_CST);
}

static void *write_some(void *arg)
{
	struct worker *w = arg;
	char text[LAB_EVENT];
	for (uint64_t i = 0; i < EACH; i++) {
		struct rv_ledger_record r = {
			.event = rv_str_n(text, lab_event(w->n * EACH + i, text, sizeof text))
		};
		enum rv_code code;
		if (i % 3 == 0) {
			code = rv_ledger_append(w->s->b.l, &r, 1, NULL, NULL);
			__atomic_add_fetch(&w->s->acked, 1, __ATOMIC_SEQ_CST);
		} else {
			do
				code = rv_ledger_submit(w->s->b.l, &r, on_done, w->s, NULL);
			while (code == RV_EBUSY);
		}
		rv_assert(code == RV_OK);
	}
	return NULL;
}

static void look(struct rv_ledger *l, enum rv_ledger_order order, uint64_t from, uint64_t to)
{
	struct rv_ledger_reader *r = rv_ledger_reader_new(l, order);
	struct rv_ledger_entry e;
	rv_assert(r);
	for (uint64_t i = from; i < to; i++)
		rv_assert(rv_ledger_reader_get(r, order == RV_READ_BACKWARD ? from + to - 1 - i : i,
				  &e, NULL) == RV_OK);
	rv_ledger_reader_free(r);
}

static void *read_some(void *arg)
{
	struct worker *w = arg;
	struct rv_ledger *l = w->s->b.l;
	RV_AUTO_BUF note;
	rv_buf_init(&note, 1 << 16);
	while (!__atomic_load_n(&w->s->is_over, __ATOMIC_SEQ_CST)) {
		RV_AUTO_ARENA a;
		struct rv_ledger_entry e;
		struct rv_proof p;
		struct rv_sha256 root;
		struct rv_ledger_status st;
		struct rv_checkpoint c;
		bool has;
		rv_arena_init(&a, 1 << 20);
		uint64_t n = rv_ledger_size(l);
		if (n == 0)
			continue;
		rv_assert(rv_ledger_read(l, &a, n / 2, &e, NULL) == RV_OK);
		rv_assert(rv_ledger_root(l, n, &root, NULL) == RV_OK);
		rv_assert(rv_ledger_prove_inclusion(l, n / 2, n, &p, NULL) == RV_OK);
		rv_assert(rv_tree_check_inclusion(&e.hash, n / 2, n, &p, &root, NULL) == RV_OK);
		look(l, RV_READ_FORWARD, n > 20 ? n - 20 : 0, n);
		look(l, RV_READ_BACKWARD, n > 20 ? n - 20 : 0, n);
		rv_assert(rv_ledger_has(l, RV_STR("none"), &has, NULL) == RV_OK && !has);
		rv_ledger_status(l, &st);
		rv_buf_clear(&note);
		rv_assert(rv_ledger_checkpoint(l, w->n == 0, &note, NULL) != RV_EAUDIT);
		if (note.n > 0)
			rv_assert(rv_checkpoint_open(rv_buf_str(&note), w->s->b.vkey, &c, NULL) ==
				RV_OK);
	}
	return NULL;
}

TEST(writers_and_readers)
{
	struct shared s = { 0 };
	struct worker w[WRITERS + READERS];
	struct rv_err err = { 0 };
	lab_init(&s.b);
	s.b.opts.segment_bytes = 50000;
	s.b.opts.queue_max = 100;
	lab_must_open(&s.b);
	for (uint64_t i = 0; i < WRITERS + READERS; i++) {
		w[i] = (struct worker){ .s = &s, .n = i < WRITERS ? i : i - WRITERS };
		rv_assert(pthread_create(&w[i].thread, NULL, i < WRITERS ? write_some : read_some,
				  &w[i]) == 0);
	}
	for (size_t i = 0; i < WRITERS; i++)
		rv_assert(pthread_join(w[i].thread, NULL) == 0);
	__atomic_store_n(&s.is_over, true, __ATOMIC_SEQ_CST);
	for (size_t i = WRITERS; i < WRITERS + READERS; i++)
		rv_assert(pthread_join(w[i].thread, NULL) == 0);
	lab_close(&s.b);
	CHECK(s.acked == WRITERS * EACH);
	lab_must_open(&s.b);
	CHECK(rv_ledger_size(s.b.l) == WRITERS * EACH);
	for (uint64_t i = 0; i < WRITERS * EACH; i += 7) {
		char id[40];
		uint64_t seq;
		lab_id(i, id);
		CHECK(rv_ledger_find(s.b.l, rv_str_of(id), &seq, &err) == RV_OK);
	}
	lab_done(&s.b);
}

/* The callback holds the ledger thread until told, so that the queue fills. */
struct gate {
	pthread_mutex_t mu;
	pthread_cond_t cond;
	bool is_open, is_reached;
};

static void on_gate(void *arg, enum rv_code code, uint64_t seq, const struct rv_sha256 *leaf)
{
	struct gate *g = arg;
	(void)pthread_mutex_lock(&g->mu);
	g->is_reached = true;
	(void)pthread_cond_broadcast(&g->cond);
	while (!g->is_open)
		(void)pthread_cond_wait(&g->cond, &g->mu);
	(void)pthread_mutex_unlock(&g->mu);
}

TEST(a_full_queue_refuses)
{
	struct lab b;
	struct gate g = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, false };
	struct rv_ledger_record r = { .event = RV_STR("{}") };
	struct rv_err err = { 0 };
	struct rv_ledger_status st;
	lab_init(&b);
	b.opts.queue_max = 10;
	lab_must_open(&b);
	REQUIRE_OK(rv_ledger_submit(b.l, &r, on_gate, &g, &err), &err);
	(void)pthread_mutex_lock(&g.mu);
	while (!g.is_reached)
		(void)pthread_cond_wait(&g.cond, &g.mu);
	(void)pthread_mutex_unlock(&g.mu);
	for (int i = 0; i < 10; i++)
		CHECK(rv_ledger_submit(b.l, &r, NULL, NULL, NULL) == RV_OK);
	CHECK(rv_ledger_submit(b.l, &r, NULL, NULL, &err) == RV_EBUSY);
	rv_ledger_status(b.l, &st);
	CHECK(st.waiting == 10);
	(void)pthread_mutex_lock(&g.mu);
	g.is_open = true;
	(void)pthread_cond_broadcast(&g.cond);
	(void)pthread_mutex_unlock(&g.mu);
	/* Waits for room instead. */
	struct rv_ledger_record many[50];
	uint64_t seqs[50];
	for (size_t i = 0; i < 50; i++)
		many[i] = r;
	rv_err_clear(&err);
	REQUIRE_OK(rv_ledger_append(b.l, many, 50, seqs, &err), &err);
	for (size_t i = 0; i < 50; i++)
		CHECK(seqs[i] == 11 + i);
	lab_done(&b);
}

MAIN()
