/* Durable events a second by batch size, against the same bytes through pwrite and fdatasync alone,
 * in one run; many callers at once; opening again. Search is measured by bench_search.
 * Usage: bench_ledger [EVENTS]  how many events the log has that is opened (200,000)
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>

#include "ledger/ledger.h"
#include "tests/ledger/lab.h"

enum { EVENT = 400, CALLERS = 64 };
static const int64_t SPAN = RV_NS_PER_S; /* of each measurement */

static int64_t now(void)
{
	return rv_clock_mono_ns(rv_clock_system());
}

static struct rv_str event(uint64_t i, char *text)
{
	static const char *const outcome[] = { "allow", "allow", "allow", "hold", "deny" };
	int n = snprintf(text, EVENT + 200,
		"{\"id\":\"01930000-0000-7000-8000-%012llx\",\"kind\":\"decision\",\"system\":"
		"\"bot-%llu\","
		"\"action\":\"action-%llu\",\"outcome\":\"%s\",\"pad\":\"",
		(unsigned long long)i, (unsigned long long)(i % 1000), (unsigned long long)(i % 60),
		outcome[i % 5]);
	memset(text + n, 'x', (size_t)(EVENT - n - 2));
	memcpy(text + EVENT - 2, "\"}", 2);
	return rv_str_n(text, EVENT);
}

/* Records of the size the log writes, zero-filled ahead as the log does. */
static double raw(size_t batch)
{
	struct lab b;
	lab_init(&b);
	size_t n = batch * (EVENT + 120), room = 256 << 20;
	char *p = calloc(1, room);
	rv_assert(p);
	int fd = open(lab_path(&b, "raw"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	rv_assert(fd >= 0 && write(fd, p, room) == (ssize_t)room && fdatasync(fd) == 0);
	memset(p, 1, n);
	uint64_t done = 0;
	off_t at = 0;
	int64_t from = now();
	for (; now() - from < SPAN; done += batch) {
		if ((size_t)at + n > room)
			at = 0;
		rv_assert(pwrite(fd, p, n, at) == (ssize_t)n && fdatasync(fd) == 0);
		at += (off_t)n;
	}
	double rate = (double)done / ((double)(now() - from) / 1e9);
	(void)close(fd);
	free(p);
	lab_done(&b);
	return rate;
}

static double ours(size_t batch)
{
	struct lab b;
	static char text[1000][EVENT + 200];
	struct rv_ledger_record r[1000];
	lab_init(&b);
	lab_must_open(&b);
	uint64_t done = 0;
	int64_t from = now();
	for (; now() - from < SPAN; done += batch) {
		for (size_t i = 0; i < batch; i++)
			r[i] = (struct rv_ledger_record){ .event = event(done + i, text[i]) };
		rv_assert(rv_ledger_append(b.l, r, batch, NULL, NULL) == RV_OK);
	}
	double rate = (double)done / ((double)(now() - from) / 1e9);
	lab_done(&b);
	return rate;
}

/* ---- callers that each wait for their answer ---- */

struct many {
	struct rv_ledger *l;
	uint64_t next, done;
	int64_t until;
	uint64_t open;
	pthread_mutex_t mu;
	pthread_cond_t cond;
};

static void again(struct many *m);

static void on_done(void *arg, enum rv_code code, uint64_t seq, const struct rv_sha256 *leaf)
{
	struct many *m = arg;
	rv_assert(code == RV_OK);
	m->done++;
	again(m);
}

static void again(struct many *m)
{
	char text[EVENT + 200];
	if (now() < m->until) {
		struct rv_ledger_record r = { .event = event(m->next++, text) };
		rv_assert(rv_ledger_submit(m->l, &r, on_done, m, NULL) == RV_OK);
		return;
	}
	(void)pthread_mutex_lock(&m->mu);
	m->open--;
	(void)pthread_cond_signal(&m->cond);
	(void)pthread_mutex_unlock(&m->mu);
}

static double concurrent(uint64_t callers)
{
	struct lab b;
	struct many m = {
		.open = callers, .mu = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER
	};
	char text[EVENT + 200];
	lab_init(&b);
	lab_must_open(&b);
	m.l = b.l;
	int64_t from = now();
	m.until = from + SPAN;
	m.next = callers;
	for (uint64_t i = 0; i < callers; i++) {
		struct rv_ledger_record r = { .event = event(i, text) };
		rv_assert(rv_ledger_submit(b.l, &r, on_done, &m, NULL) == RV_OK);
	}
	(void)pthread_mutex_lock(&m.mu);
	while (m.open > 0)
		(void)pthread_cond_wait(&m.cond, &m.mu);
	(void)pthread_mutex_unlock(&m.mu);
	double rate = (double)m.done / ((double)(now() - from) / 1e9);
	lab_done(&b);
	return rate;
}

/* ---- a large log ---- */

static void large(uint64_t events)
{
	static char text[1000][EVENT + 200];
	struct rv_ledger_record r[1000];
	struct lab b;
	lab_init(&b);
	lab_must_open(&b);
	int64_t from = now();
	for (uint64_t i = 0; i < events; i += 1000) {
		for (size_t k = 0; k < 1000; k++)
			r[k] = (struct rv_ledger_record){ .event = event(i + k, text[k]) };
		rv_assert(rv_ledger_append(b.l, r, 1000, NULL, NULL) == RV_OK);
	}
	printf("log of %llu events: written at %.0f events/s\n", (unsigned long long)events,
		(double)events / ((double)(now() - from) / 1e9));
	lab_close(&b);
	from = now();
	lab_must_open(&b);
	printf("  opened again, root checked                            %8.2f ms\n",
		(double)(now() - from) / 1e6);
	struct rv_proof p;
	from = now();
	for (uint64_t i = 0; i < 1000; i++)
		rv_assert(rv_ledger_prove_inclusion(b.l, i * (events / 1000), events, &p, NULL) ==
			RV_OK);
	printf("  an inclusion proof                                    %8.3f ms\n",
		(double)(now() - from) / 1e6 / 1000);
	struct rv_verify_report rep;
	lab_close(&b);
	from = now();
	rv_assert(rv_ledger_verify(b.dir, &(struct rv_verify_opts){ .vkey = b.vkey }, &rep, NULL) ==
		RV_OK);
	rv_assert(rep.level == RV_VERIFY_VERIFIED);
	printf("  verified from the bytes at %.0f events/s\n",
		(double)events / ((double)(now() - from) / 1e9));
	lab_done(&b);
}

int main(int argc, char **argv)
{
	uint64_t events = 200000;
	if (argc > 1 && (!rv_str_u64(rv_str_of(argv[1]), &events) || events < 1000))
		return 2;
	printf("durable events/s, %d-byte events\n", EVENT);
	printf("%8s %14s %14s %8s\n", "batch", "pwrite+sync", "ledger", "ratio");
	static const size_t batch[] = { 1, 10, 100, 1000 };
	for (size_t i = 0; i < RV_COUNT(batch); i++) {
		double a = raw(batch[i]), z = ours(batch[i]);
		printf("%8zu %14.0f %14.0f %8.2f\n", batch[i], a, z, z / a);
	}
	printf("%3d callers, each waits %20.0f\n", CALLERS, concurrent(CALLERS));
	printf("%3d callers, each waits %20.0f\n", 1000, concurrent(1000));
	large(events - events % 1000);
	return 0;
}
