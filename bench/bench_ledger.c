/* Durable events a second by batch size, against the same bytes through pwrite and fdatasync alone,
 * in one run; many callers at once; opening again. Search is measured by bench_search.
 * Usage: bench_ledger [EVENTS [IN_FLIGHT]]
 *   EVENTS     how many events the log has that is opened (200,000)
 *   IN_FLIGHT  only this column, over and over for ten seconds: for a profiler
 */
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>

#include "ledger/ledger.h"
#include "tests/ledger/lab.h"

enum { EVENT = 400 };
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

/* ---- one submitter, n in flight ---- */

struct flight {
	pthread_mutex_t mu;
	pthread_cond_t room;
	size_t in_air; /* atomic */
	bool is_waiting; /* under mu */
};

static void landed(void *arg, enum rv_code code, uint64_t seq, const struct rv_sha256 *leaf)
{
	struct flight *f = arg;
	rv_assert(code == RV_OK);
	(void)__atomic_sub_fetch(&f->in_air, 1, __ATOMIC_RELEASE);
}

static void batch_over(void *arg, bool begin)
{
	struct flight *f = arg;
	if (begin)
		return;
	(void)pthread_mutex_lock(&f->mu);
	if (f->is_waiting)
		(void)pthread_cond_signal(&f->room);
	(void)pthread_mutex_unlock(&f->mu);
}

enum { RING = 4096 };
static char ring[RING][EVENT + 200];

/* Waits until fewer than n are in the air. */
static void wait_for_room(struct flight *f, size_t n)
{
	if (__atomic_load_n(&f->in_air, __ATOMIC_ACQUIRE) < n)
		return;
	(void)pthread_mutex_lock(&f->mu);
	f->is_waiting = true;
	while (__atomic_load_n(&f->in_air, __ATOMIC_ACQUIRE) >= n)
		(void)pthread_cond_wait(&f->room, &f->mu);
	f->is_waiting = false;
	(void)pthread_mutex_unlock(&f->mu);
}

static double ours(size_t n)
{
	struct lab b;
	struct flight f = { .mu = PTHREAD_MUTEX_INITIALIZER, .room = PTHREAD_COND_INITIALIZER };
	uint64_t done = 0;
	for (size_t i = 0; i < RING; i++)
		(void)event(i, ring[i]);
	lab_init(&b);
	b.opts.on_batch = batch_over;
	b.opts.on_batch_arg = &f;
	lab_must_open(&b);
	int64_t from = now();
	for (; (done & 15) || now() - from < SPAN; done++) {
		const struct rv_ledger_record r = { .event = rv_str_n(ring[done % RING], EVENT) };
		wait_for_room(&f, n);
		(void)__atomic_add_fetch(&f.in_air, 1, __ATOMIC_ACQUIRE);
		rv_assert(rv_ledger_submit(b.l, &r, landed, &f, NULL) == RV_OK);
	}
	wait_for_room(&f, 1);
	double rate = (double)done / ((double)(now() - from) / 1e9);
	lab_done(&b);
	return rate;
}

/* ---- SQLite with the same six indexes ---- */

static void sql(sqlite3 *db, const char *text)
{
	rv_assert(sqlite3_exec(db, text, NULL, NULL, NULL) == SQLITE_OK);
}

static void bind(sqlite3_stmt *s, int i, const char *text)
{
	rv_assert(sqlite3_bind_text(s, i, text, -1, SQLITE_TRANSIENT) == SQLITE_OK);
}

/* WAL, synchronous=FULL: what is committed is durable. One transaction a batch. */
static double lite(size_t batch)
{
	struct lab b;
	sqlite3 *db;
	sqlite3_stmt *s;
	uint64_t done = 0;
	char word[64];
	lab_init(&b);
	rv_assert(sqlite3_open(lab_path(&b, "peer.db"), &db) == SQLITE_OK);
	sql(db,
		"pragma journal_mode=wal; pragma synchronous=full; create table e(seq integer "
		"primary key, logged integer, system text, action text, outcome text, kind text, "
		"resource text, trace text, body text); create index a on e(system, logged); "
		"create index b on e(action, logged); create index c on e(outcome, logged); "
		"create index d on e(kind, logged); create index f on e(resource, logged); create "
		"index g on e(trace)");
	rv_assert(sqlite3_prepare_v2(db, "insert into e values(?,?,?,?,?,?,?,?,?)", -1, &s, NULL) ==
		SQLITE_OK);
	int64_t from = now();
	while (now() - from < SPAN) {
		sql(db, "begin");
		for (size_t i = 0; i < batch; i++, done++) {
			const char *body = ring[done % RING];
			sqlite3_bind_int64(s, 1, (int64_t)done);
			sqlite3_bind_int64(s, 2, (int64_t)done * 1000);
			snprintf(word, sizeof word, "bot-%d", (int)(done % 1000));
			bind(s, 3, word);
			snprintf(word, sizeof word, "action-%d", (int)(done % 60));
			bind(s, 4, word);
			bind(s, 5, done % 5 == 4 ? "deny" : "allow");
			bind(s, 6, "decision");
			snprintf(word, sizeof word, "db/table-%d", (int)(done % 5000));
			bind(s, 7, word);
			snprintf(word, sizeof word, "%032llx",
				(unsigned long long)(done * 2654435761u));
			bind(s, 8, word);
			rv_assert(sqlite3_bind_text(s, 9, body, EVENT, SQLITE_STATIC) == SQLITE_OK);
			rv_assert(sqlite3_step(s) == SQLITE_DONE && sqlite3_reset(s) == SQLITE_OK);
		}
		sql(db, "commit");
	}
	double rate = (double)done / ((double)(now() - from) / 1e9);
	sqlite3_finalize(s);
	sqlite3_close(db);
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
	uint64_t only;
	if (argc > 2) {
		if (!rv_str_u64(rv_str_of(argv[2]), &only) || only == 0 || only > RING)
			return 2;
		for (int k = 0; k < 10; k++)
			printf("%9llu %14.0f\n", (unsigned long long)only, ours((size_t)only));
		return 0;
	}
	printf("durable events/s, %d-byte events, so many in flight from one thread\n", EVENT);
	printf("%9s %14s %14s %8s %14s %8s\n", "in flight", "pwrite+sync", "ledger", "ratio",
		"SQLite, 6 idx", "times");
	static const size_t n[] = { 1, 10, 100, 1000 };
	for (size_t i = 0; i < RV_COUNT(n); i++) {
		/* The disk's speed changes from second to second: the best of three of each. */
		double a = 0, z = 0;
		for (int k = 0; k < 3; k++) {
			double x = raw(n[i]), y = ours(n[i]);
			a = x > a ? x : a;
			z = y > z ? y : z;
		}
		double p = lite(n[i]);
		printf("%9zu %14.0f %14.0f %8.2f %14.0f %8.1f\n", n[i], a, z, z / a, p, z / p);
	}
	large(events - events % 1000);
	return 0;
}
