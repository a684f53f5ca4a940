/* reeve cedar bench: how long decisions take. Every request of a file is decided in rounds, each
 * call timed by itself and what the clock takes for itself taken off; then again without a clock,
 * for decisions a second; then both once more with the request as JSON text, which is parsed first.
 */
#include <malloc.h>
#include <stdio.h>
#include <time.h>

#include "cli/cedar/cedar_cli.h"

enum { SAMPLES_DEFAULT = 1000000, SAMPLES_MOST = 100000000, REQUESTS_MEMORY = 1 << 30 };

struct bench {
	struct rv_cedar_policies policies;
	const char *entities, *requests;
	int64_t rounds;
	bool json, untimed;
};
struct loaded {
	cedar_policies *ps;
	cedar_entities *es;
	cedar_request *rqs;
	cedar_str *texts;
	size_t n;
	uint64_t policies_ns, entities_ns;
	size_t entities_bytes; /* held by the set */
	cedar_scratch *keep, *s;
};
/* In nanoseconds. */
struct times {
	uint64_t p50, p90, p99;
	double mean, per_second;
};

static uint64_t now_ns(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail */
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static size_t heap_bytes(void)
{
	struct mallinfo2 m = mallinfo2();
	return m.uordblks + m.hblkhd;
}

/* ---- loading ---- */

static enum rv_code load_request(
	struct rv_arena *a, struct loaded *l, const struct rv_json *v, struct rv_err *err)
{
	RV_AUTO_BUF b;
	struct rv_json_w w;
	cedar_error e = { .code = CEDAR_OK };
	rv_buf_init(&b, RV_CEDAR_FILE_MAX);
	rv_json_w_init(&w, &b);
	rv_json_w_value(&w, v);
	struct rv_str text = rv_arena_str(a, rv_buf_str(&b));
	if (b.failed || !text.p)
		return RV_FAIL_ARENA(err);
	l->texts[l->n] = rv_cedar_str(text);
	if (cedar_request_parse_json(l->keep, l->texts[l->n], &l->rqs[l->n], &e) != CEDAR_OK)
		return RV_FAIL_AT(
			err, RV_EINVAL, NULL, v->line, v->col, "request %zu: %s", l->n, e.message);
	l->n++;
	return RV_OK;
}

static enum rv_code load_requests(
	struct rv_arena *a, const char *path, struct loaded *l, struct rv_err *err)
{
	static const struct rv_json_limits limits = { .max_bytes = RV_CEDAR_FILE_MAX };
	struct rv_str text;
	const struct rv_json *v;
	RV_TRY(rv_file_read(a, path, RV_CEDAR_FILE_MAX, &text, err));
	RV_TRY(rv_json_parse(a, text, &limits, &v, err));
	if (v->type != RV_JSON_ARR || v->n_items == 0)
		return RV_FAIL(err, RV_EINVAL, "expected an array of requests");
	l->rqs = rv_arena_array(a, v->n_items, sizeof *l->rqs);
	l->texts = rv_arena_array(a, v->n_items, sizeof *l->texts);
	if (!l->rqs || !l->texts)
		return RV_FAIL_ARENA(err);
	for (size_t i = 0; i < v->n_items; i++)
		RV_TRY(load_request(a, l, v->items[i], err));
	return RV_OK;
}

/* The file is read before the clock starts: reading is not what is measured. */
static enum rv_code load_entities(
	struct rv_arena *a, const char *path, struct loaded *l, struct rv_err *err)
{
	struct rv_str text;
	cedar_error e = { .code = CEDAR_OK };
	RV_TRY(rv_file_read(a, path, RV_CEDAR_FILE_MAX, &text, err));
	size_t before = heap_bytes();
	uint64_t at = now_ns();
	if (cedar_entities_parse_json(rv_cedar_str(text), &l->es, &e) != CEDAR_OK)
		return rv_cedar_fail(&e, path, (cedar_str){ NULL, 0 }, err);
	l->entities_ns = now_ns() - at;
	l->entities_bytes = heap_bytes() - before;
	return RV_OK;
}

static enum rv_code load(
	struct rv_arena *a, const struct bench *o, struct loaded *l, struct rv_err *err)
{
	uint64_t at = now_ns();
	RV_TRY(rv_cedar_load_policy_set(a, &o->policies, NULL, &l->ps, err));
	l->policies_ns = now_ns() - at;
	RV_TRY(load_entities(a, o->entities, l, err));
	enum rv_code code = load_requests(a, o->requests, l, err);
	if (code != RV_OK)
		rv_err_where(err, o->requests);
	return code;
}

/* ---- measuring ---- */

typedef void ask_fn(struct loaded *l, size_t i);

static void ask(struct loaded *l, size_t i)
{
	cedar_answer a;
	cedar_authorize(l->ps, l->es, &l->rqs[i], l->s, &a);
}

static void ask_text(struct loaded *l, size_t i)
{
	cedar_request rq;
	cedar_answer a;
	if (cedar_request_parse_json(l->s, l->texts[i], &rq, NULL) == CEDAR_OK)
		cedar_authorize(l->ps, l->es, &rq, l->s, &a);
}

static int u32_cmp(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

/* What reading the clock twice takes. */
static uint64_t clock_ns(uint32_t *samples, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t at = now_ns();
		samples[i] = (uint32_t)(now_ns() - at);
	}
	qsort(samples, n, sizeof *samples, u32_cmp);
	return samples[n / 2];
}

static void run_untimed(struct loaded *l, size_t rounds, ask_fn *fn)
{
	for (size_t r = 0; r < rounds; r++)
		for (size_t i = 0; i < l->n; i++) {
			fn(l, i);
			cedar_scratch_clear(l->s);
		}
}

static struct times measure(
	struct loaded *l, size_t rounds, ask_fn *fn, uint32_t *samples, uint64_t clock)
{
	size_t n = 0;
	run_untimed(l, 1 + rounds / 20, fn); /* warm */
	for (size_t r = 0; r < rounds; r++)
		for (size_t i = 0; i < l->n; i++) {
			uint64_t at = now_ns();
			fn(l, i);
			uint64_t took = now_ns() - at;
			took = took > clock ? took - clock : 0;
			samples[n++] = took < UINT32_MAX ? (uint32_t)took : UINT32_MAX;
			cedar_scratch_clear(l->s);
		}
	qsort(samples, n, sizeof *samples, u32_cmp);
	uint64_t at = now_ns();
	run_untimed(l, rounds, fn);
	double mean = (double)(now_ns() - at) / (double)n;
	return (struct times){ samples[n / 2], samples[n - n / 10 - 1], samples[n - n / 100 - 1],
		mean, 1e9 / mean };
}

/* ---- showing ---- */

static void put_times(struct rv_json_w *w, const char *name, const struct times *t)
{
	rv_json_w_name(w, name);
	rv_json_w_obj(w);
	rv_json_w_kv_i64(w, "p50_ns", (int64_t)t->p50);
	rv_json_w_kv_i64(w, "p90_ns", (int64_t)t->p90);
	rv_json_w_kv_i64(w, "p99_ns", (int64_t)t->p99);
	rv_json_w_kv_i64(w, "mean_ns", (int64_t)(t->mean + 0.5));
	rv_json_w_kv_i64(w, "per_second", (int64_t)t->per_second);
	rv_json_w_obj_end(w);
}

static void print_json(const struct loaded *l, size_t rounds, const struct times t[2])
{
	RV_AUTO_BUF b;
	struct rv_json_w w;
	rv_buf_init(&b, 1 << 16);
	rv_json_w_init(&w, &b);
	rv_json_w_obj(&w);
	rv_json_w_kv_i64(&w, "policies", (int64_t)cedar_policies_count(l->ps));
	rv_json_w_kv_i64(&w, "policies_load_ns", (int64_t)l->policies_ns);
	rv_json_w_kv_i64(&w, "entities", (int64_t)cedar_entities_count(l->es));
	rv_json_w_kv_i64(&w, "entities_load_ns", (int64_t)l->entities_ns);
	rv_json_w_kv_i64(&w, "entities_bytes", (int64_t)l->entities_bytes);
	rv_json_w_kv_i64(&w, "requests", (int64_t)l->n);
	rv_json_w_kv_i64(&w, "rounds", (int64_t)rounds);
	put_times(&w, "decide", &t[0]);
	put_times(&w, "from_json", &t[1]);
	rv_json_w_obj_end(&w);
	printf("%s\n", rv_buf_z(&b));
}

static void print_text(const struct loaded *l, size_t rounds, const struct times t[2])
{
	static const char *const names[] = { "prepared request", "request as JSON" };
	size_t n = cedar_entities_count(l->es);
	printf("%zu policies, loaded in %.2f ms\n", cedar_policies_count(l->ps),
		(double)l->policies_ns / 1e6);
	printf("%zu entities, loaded in %.2f ms, %zu bytes each\n", n, (double)l->entities_ns / 1e6,
		n ? l->entities_bytes / n : 0);
	printf("%zu requests, %zu rounds\n\n", l->n, rounds);
	printf("%-18s %8s %8s %8s %8s %14s\n", "ns", "p50", "p90", "p99", "mean", "decisions/s");
	for (size_t i = 0; i < 2; i++)
		printf("%-18s %8llu %8llu %8llu %8.0f %14.0f\n", names[i],
			(unsigned long long)t[i].p50, (unsigned long long)t[i].p90,
			(unsigned long long)t[i].p99, t[i].mean, t[i].per_second);
}

static enum rv_code run(const struct bench *o, struct loaded *l, struct rv_err *err)
{
	size_t rounds = o->rounds ? (size_t)o->rounds : SAMPLES_DEFAULT / l->n + 1;
	struct times t[2];
	if (rounds > SAMPLES_MOST / l->n)
		return RV_FAIL(err, RV_EINVAL, "--rounds: at most %zu with %zu requests",
			SAMPLES_MOST / l->n, l->n);
	if (o->untimed) {
		run_untimed(l, rounds, ask);
		return RV_OK;
	}
	RV_AUTO_FREE uint32_t *samples = malloc((rounds * l->n + 10000) * sizeof *samples);
	if (!samples)
		return RV_FAIL(err, RV_ENOMEM, "no memory for %zu samples", rounds * l->n);
	uint64_t clock = clock_ns(samples, 10000);
	t[0] = measure(l, rounds, ask, samples, clock);
	t[1] = measure(l, rounds, ask_text, samples, clock);
	if (o->json)
		print_json(l, rounds, t);
	else
		print_text(l, rounds, t);
	return RV_OK;
}

int rv_cmd_cedar_bench(int argc, char **argv)
{
	static struct bench o;
	static const struct rv_opt opts[] = {
		RV_CEDAR_POLICIES_OPTS(o.policies),
		{ "entities", 0, RV_OPT_STR, "FILE", "entities as JSON", &o.entities },
		{ "requests", 0, RV_OPT_STR, "FILE", "an array of requests as JSON", &o.requests },
		{ "rounds", 0, RV_OPT_INT, "N",
			"how often each request is asked; default: about a million in all",
			&o.rounds },
		{ "untimed", 0, RV_OPT_FLAG, NULL,
			"ask and measure nothing: to be run under a profiler", &o.untimed },
		{ "json", 0, RV_OPT_FLAG, NULL, "print it as JSON", &o.json },
	};
	static const struct rv_usage u = { "cedar bench", "", "measure how long decisions take",
		"Decides each request in rounds and prints the median, the 90th and the 99th of a "
		"hundred, the mean,\n"
		"and decisions a second on one core. Exit status: 0 measured, 1 error.",
		opts, RV_COUNT(opts), 0, 0 };
	int n, status = rv_cli_parse(&u, argc, argv, &n);
	if (status != RV_CLI_GO)
		return status == 0 ? 0 : RV_CEDAR_ERROR;
	if (!o.policies.path || !o.entities || !o.requests) {
		(void)rv_cli_bad(u.name,
			"needs --policies, --entities and --requests"); /* its status is not ours */
		return RV_CEDAR_ERROR;
	}
	RV_AUTO_ARENA a;
	rv_arena_init(&a, REQUESTS_MEMORY);
	struct rv_err err = { 0 };
	struct loaded l = { .keep = cedar_scratch_new(), .s = cedar_scratch_new() };
	rv_assert(l.keep && l.s);
	enum rv_code code = load(&a, &o, &l, &err);
	if (code == RV_OK)
		code = run(&o, &l, &err);
	if (code != RV_OK)
		(void)rv_cli_fail(u.name, &err); /* the reference's statuses, not ours */
	cedar_scratch_free(l.keep);
	cedar_scratch_free(l.s);
	cedar_entities_free(l.es);
	cedar_policies_free(l.ps);
	return code == RV_OK ? 0 : RV_CEDAR_ERROR;
}
