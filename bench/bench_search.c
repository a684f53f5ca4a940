/* The search index: how fast it is built, how large it is, how quickly it answers; beside SQLite
 * with six indexes over the same events, in one run.
 * Usage: bench_search [EVENTS] [SQLITE_EVENTS]     2,000,000 and 500,000 when left out; 0: none
 * The log lies under TMPDIR. */
#include <sqlite3.h>
#include <stdio.h>
#include <time.h>

#include "bench/mix.h"
#include "search/search.h"
#include "tests/ledger/lab.h"

enum { BATCH = 1000, RUNS = 300 };
#define DAYS INT64_C(30)
#define START (INT64_C(1764000000) * RV_NS_PER_S)

static int64_t now(void)
{
	return rv_clock_mono_ns(rv_clock_system());
}

/* Of this process: what one core did, whatever else the machine was doing. */
static int64_t cpu(void)
{
	struct timespec t;
	rv_assert(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) == 0);
	return t.tv_sec * RV_NS_PER_S + t.tv_nsec;
}

static double ms(int64_t ns)
{
	return (double)ns / 1e6;
}

static int64_t time_of(uint64_t i, uint64_t n)
{
	return START + (int64_t)((double)i / (double)n * (double)(DAYS * 86400)) * RV_NS_PER_S;
}

static void write_log(struct lab *b, uint64_t n)
{
	static char text[BATCH][MIX_EVENT];
	struct rv_ledger_record r[BATCH];
	uint64_t bytes = 0;
	int64_t from = now();
	for (uint64_t i = 0; i < n; i += BATCH) {
		b->clock.fake_unix_ns = time_of(i, n);
		for (size_t k = 0; k < BATCH; k++) {
			r[k] = (struct rv_ledger_record){
				.event = rv_str_n(
					text[k], mix_event(i + k, b->clock.fake_unix_ns, text[k]))
			};
			bytes += r[k].event.n;
		}
		rv_assert(rv_ledger_append(b->l, r, BATCH, NULL, NULL) == RV_OK);
	}
	printf("%llu events of %.0f bytes, written durably at %.0f/s\n", (unsigned long long)n,
		(double)bytes / (double)n, (double)n / ((double)(now() - from) / 1e9));
}

/* ---- questions ---- */

static int by_i64(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return x < y ? -1 : x > y;
}

static void print(const char *what, int64_t *took, size_t n, double hits, double goal)
{
	qsort(took, n, sizeof *took, by_i64);
	printf("  %-46s %8.3f %8.3f %8.3f   %7.1f   %5.0f\n", what, ms(took[n / 2]),
		ms(took[n * 99 / 100]), ms(took[n - 1]), hits, goal);
}

static const char *query(const char *kind, uint64_t i, uint64_t n, char out[300])
{
	struct mix m;
	char at[RV_TIME_SIZE], to[RV_TIME_SIZE];
	int64_t t = time_of(i, n);
	mix_of(i, &m);
	if (strcmp(kind, "worker+time") == 0)
		snprintf(out, 300, "system:worker-%u time:%s..%s", m.system,
			rv_time_format(t - 43200 * RV_NS_PER_S, at),
			rv_time_format(t + 43200 * RV_NS_PER_S, to));
	else if (strcmp(kind, "action") == 0)
		snprintf(out, 300, "action:action-%u", m.action);
	else if (strcmp(kind, "resource prefix") == 0)
		snprintf(out, 300, "resource:\"*/team-%u/*\"", m.resource % 50);
	else if (strcmp(kind, "typed resource prefix") == 0)
		snprintf(out, 300, "resource:\"db/team-%u*\"", m.resource % 50);
	else if (strcmp(kind, "denials of the last day") == 0)
		snprintf(out, 300, "outcome:deny since:1d");
	else if (strcmp(kind, "trace id") == 0)
		snprintf(out, 300, "trace:%016llx%016llx", (unsigned long long)m.trace[0],
			(unsigned long long)m.trace[1]);
	else if (strcmp(kind, "nobody's trace id") == 0)
		snprintf(out, 300, "trace:%032llx", (unsigned long long)i);
	else if (strcmp(kind, "free text, a word") == 0)
		snprintf(out, 300, "%s", m.word);
	else if (strcmp(kind, "free text, a phrase and a filter") == 0)
		snprintf(out, 300, "\"%s rules\" outcome:deny", m.word);
	else
		snprintf(out, 300, "thing-%u", m.resource);
	return out;
}

static bool count_one(void *arg, const struct rv_ledger_entry *e)
{
	(*(uint64_t *)arg)++;
	return true;
}

static void ask(struct rv_search *s, const char *kind, uint64_t n, double goal)
{
	int64_t took[RUNS];
	uint64_t hits = 0;
	char text[300];
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 1 << 20);
	for (uint64_t i = 0; i < RUNS; i++) {
		struct rv_search_ask q = { .limit = 100 };
		rv_arena_clear(&a);
		query(kind, i * 7919 * 131 % n, n, text);
		int64_t from = cpu();
		rv_assert(rv_query_parse(&a, rv_str_of(text), START + DAYS * 86400 * RV_NS_PER_S,
				  &q.query, NULL) == RV_OK);
		rv_assert(rv_search_events(s, &q, count_one, &hits, NULL, NULL) == RV_OK);
		took[i] = cpu() - from;
	}
	print(kind, took, RUNS, (double)hits / RUNS, goal);
}

static void numbers(struct rv_search *s, const char *text, double goal)
{
	int64_t counted[30], drawn[30];
	struct rv_search_ask q = { .limit = 10 };
	struct rv_search_count c = { 0 };
	static uint64_t bucket[DAYS * 24];
	char what[100];
	bool is_exact;
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 1 << 20);
	rv_assert(rv_query_parse(&a, rv_str_of(text), START + DAYS * 86400 * RV_NS_PER_S, &q.query,
			  NULL) == RV_OK);
	for (size_t i = 0; i < RV_COUNT(counted); i++) {
		int64_t from = cpu();
		rv_assert(rv_search_count(s, &q, &c, NULL) == RV_OK);
		counted[i] = cpu() - from;
		from = cpu();
		rv_assert(rv_search_histogram(s, &q, START, 3600 * RV_NS_PER_S, DAYS * 24, bucket,
				  &is_exact, NULL) == RV_OK);
		drawn[i] = cpu() - from;
	}
	snprintf(what, sizeof what, "count, 30 days: %s", text);
	print(what, counted, RV_COUNT(counted), (double)c.n, goal);
	snprintf(what, sizeof what, "hourly histogram, 30 days: %s", text);
	print(what, drawn, RV_COUNT(drawn), (double)c.n, goal);
}

static void facets(struct rv_search *s, const char *text, enum rv_field field, double goal)
{
	int64_t took[10];
	struct rv_search_ask q = { .limit = 10 };
	struct rv_search_facet *f;
	char what[100];
	size_t n = 0;
	bool is_exact;
	for (size_t i = 0; i < RV_COUNT(took); i++) {
		RV_AUTO_ARENA a;
		rv_arena_init(&a, 256 << 20);
		int64_t from = cpu();
		rv_assert(rv_query_parse(&a, rv_str_of(text), 0, &q.query, NULL) == RV_OK);
		rv_assert(rv_search_facets(s, &q, field, &a, &f, &n, &is_exact, NULL) == RV_OK);
		took[i] = cpu() - from;
	}
	snprintf(what, sizeof what, "facet %s: %s", rv_field_info(field)->name, text);
	print(what, took, RV_COUNT(took), (double)n, goal);
}

static void ours(uint64_t n)
{
	struct lab b;
	struct rv_search *s;
	struct rv_search_status st;
	char dir[400];
	uint64_t hits = 0;
	lab_init(&b);
	b.opts.clock = &b.clock;
	lab_must_open(&b);
	write_log(&b, n);
	snprintf(dir, sizeof dir, "%s/search", b.dir);
	const struct rv_search_opts o = { .dir = dir, .ledger = b.l, .has_no_thread = true };
	rv_assert(rv_search_open(&o, &s, NULL) == RV_OK);
	int64_t from = now(), from_cpu = cpu();
	rv_assert(rv_search_catch_up(s, NULL) == RV_OK);
	double took = (double)(now() - from) / 1e9, took_cpu = (double)(cpu() - from_cpu) / 1e9;
	rv_search_status(s, &st);
	double sealed = (double)(st.shards * RV_SEARCH_ROWS);
	printf("indexed at %.0f events/s of one core's time (goal 150000), %.0f/s by the clock; "
	       "%.1f bytes an event without text (goal 120), %.1f for text (goal 100)\n",
		(double)n / took_cpu, (double)n / took, (double)(st.bytes - st.text_bytes) / sealed,
		(double)st.text_bytes / sealed);
	printf("  %-46s %8s %8s %8s   %7s   %5s\n", "milliseconds of one core, newest 100", "p50",
		"p99", "max", "hits", "goal");
	static const char *const kinds[] = { "worker+time", "action", "resource prefix",
		"typed resource prefix", "denials of the last day", "trace id", "nobody's trace id",
		"free text, a word", "free text, a rare word", "free text, a phrase and a filter" };
	for (size_t i = 0; i < RV_COUNT(kinds); i++)
		ask(s, kinds[i], n, i < 7 ? 10 : 50);
	numbers(s, "outcome:deny", 100);
	numbers(s, "action:action-3 system:worker-1*", 100);
	facets(s, "", RV_FIELD_ACTION, 0);
	facets(s, "outcome:deny", RV_FIELD_SYSTEM, 0);
	rv_search_free(s);
	from = now();
	rv_assert(rv_search_open(&o, &s, NULL) == RV_OK);
	const struct rv_search_ask q = { .limit = 100 };
	rv_assert(rv_search_events(s, &q, count_one, &hits, NULL, NULL) == RV_OK);
	printf("  opened again, newest 100 found: %.1f ms (goal 300)\n", ms(now() - from));
	rv_search_free(s);
	lab_remove(dir);
	lab_done(&b);
}

/* ---- SQLite ---- */

static void run(sqlite3 *db, const char *sql)
{
	char *msg = NULL;
	if (sqlite3_exec(db, sql, NULL, NULL, &msg) != SQLITE_OK) {
		fprintf(stderr, "%s: %s\n", sql, msg);
		abort();
	}
}

static void bind(sqlite3_stmt *st, int at, const char *fmt, unsigned v)
{
	char text[64];
	snprintf(text, sizeof text, fmt, v);
	rv_assert(sqlite3_bind_text(st, at, text, -1, SQLITE_TRANSIENT) == SQLITE_OK);
}

static void insert(sqlite3 *db, uint64_t n)
{
	static const char *const outcomes[] = { "allow", "hold", "deny" };
	sqlite3_stmt *st;
	rv_assert(sqlite3_prepare_v2(db, "INSERT INTO ev VALUES (?,?,?,?,?,?,?,?)", -1, &st,
			  NULL) == SQLITE_OK);
	for (uint64_t i = 0; i < n; i++) {
		struct mix m;
		char trace[33];
		mix_of(i, &m);
		if (i % 5000 == 0)
			run(db, i ? "COMMIT; BEGIN" : "BEGIN");
		snprintf(trace, sizeof trace, "%016llx%016llx", (unsigned long long)m.trace[0],
			(unsigned long long)m.trace[1]);
		rv_assert(sqlite3_bind_int64(st, 1, (int64_t)i) == SQLITE_OK &&
			sqlite3_bind_int64(st, 2, time_of(i, n)) == SQLITE_OK);
		bind(st, 3, "worker-%u", m.system);
		bind(st, 4, "action-%u", m.action);
		bind(st, 5, "team/thing-%u", m.resource);
		rv_assert(sqlite3_bind_text(st, 6, outcomes[m.outcome], -1, SQLITE_STATIC) ==
			SQLITE_OK);
		rv_assert(sqlite3_bind_text(st, 7, trace, -1, SQLITE_TRANSIENT) == SQLITE_OK);
		bind(st, 8, "person-%u", m.system % 40);
		rv_assert(sqlite3_step(st) == SQLITE_DONE && sqlite3_reset(st) == SQLITE_OK);
	}
	run(db, "COMMIT");
	rv_assert(sqlite3_finalize(st) == SQLITE_OK);
}

static void sql_ask(sqlite3 *db, const char *what, const char *sql, uint64_t n)
{
	int64_t took[RUNS];
	sqlite3_stmt *st;
	uint64_t hits = 0;
	rv_assert(sqlite3_prepare_v2(db, sql, -1, &st, NULL) == SQLITE_OK);
	for (uint64_t i = 0; i < RUNS; i++) {
		struct mix m;
		mix_of(i * 7919 * 131 % n, &m);
		if (sqlite3_bind_parameter_count(st) > 0)
			bind(st, 1, strstr(sql, "worker") ? "worker-%u" : "action-%u",
				strstr(sql, "worker") ? m.system : m.action);
		int64_t from = cpu();
		while (sqlite3_step(st) == SQLITE_ROW)
			hits++;
		rv_assert(sqlite3_reset(st) == SQLITE_OK);
		took[i] = cpu() - from;
	}
	rv_assert(sqlite3_finalize(st) == SQLITE_OK);
	print(what, took, RUNS, (double)hits / RUNS, 0);
}

static void theirs(uint64_t n)
{
	struct lab b;
	sqlite3 *db;
	sqlite3_stmt *st;
	lab_init(&b);
	rv_assert(sqlite3_open(lab_path(&b, "sqlite"), &db) == SQLITE_OK);
	run(db,
		"PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; CREATE TABLE ev (seq INTEGER "
		"PRIMARY KEY, logged INTEGER, worker TEXT, action TEXT, resource TEXT, outcome "
		"TEXT, trace TEXT, owner TEXT); CREATE INDEX a ON ev (worker, logged); CREATE "
		"INDEX "
		"b ON ev (action); CREATE INDEX c ON ev (resource); CREATE INDEX d ON ev (outcome, "
		"logged); CREATE INDEX e ON ev (trace); CREATE INDEX f ON ev (owner)");
	int64_t from = cpu();
	insert(db, n);
	double took = (double)(cpu() - from) / 1e9;
	rv_assert(sqlite3_prepare_v2(db,
			  "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
			  -1, &st, NULL) == SQLITE_OK &&
		sqlite3_step(st) == SQLITE_ROW);
	printf("SQLite, rows without the event, six indexes, never synced: %.0f events/s, %.0f "
	       "bytes "
	       "an event\n",
		(double)n / took, (double)sqlite3_column_int64(st, 0) / (double)n);
	rv_assert(sqlite3_finalize(st) == SQLITE_OK);
	sql_ask(db, "SQLite: worker",
		"SELECT seq FROM ev WHERE worker = ? ORDER BY logged DESC LIMIT 100", n);
	sql_ask(db, "SQLite: action",
		"SELECT seq FROM ev WHERE action = ? ORDER BY seq DESC LIMIT 100", n);
	sql_ask(db, "SQLite: count of denials", "SELECT count(*) FROM ev WHERE outcome = 'deny'",
		n);
	rv_assert(sqlite3_close(db) == SQLITE_OK);
	lab_done(&b);
}

int main(int argc, char **argv)
{
	uint64_t n = 2000000, sqlite_n = 500000;
	if ((argc > 1 && !rv_str_u64(rv_str_of(argv[1]), &n)) ||
		(argc > 2 && !rv_str_u64(rv_str_of(argv[2]), &sqlite_n)))
		return 2;
	if (n >= 100000)
		ours(n - n % BATCH);
	if (sqlite_n > 0)
		theirs(sqlite_n);
	return 0;
}
