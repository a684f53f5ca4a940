/* How long it takes to decide recorded requests again. Records N decisions of three systems first
 * (kept out of the figures): half of them with arguments of their own, so that no two have the same
 * facts, half alike. Then replays them with one thread and with two.
 *
 * Usage: bench_replay [N [ROUNDS]]      default 200,000, once */
#include <stdatomic.h>
#include <stdio.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "gate/replay.h"
#include "tests/gate/lab.h"

enum { FLIGHT = 512 };
static const char POLICY[] =
	"@id(\"looks\") permit (principal, action == Reeve::Action::\"look\", resource);\n"
	"@id(\"reads\") permit (principal in Reeve::Team::\"platform\", action, resource)"
	" when { context has arguments && context.arguments has n && context.arguments.n < "
	"100000000 };\n"
	"@id(\"payroll\") @approval(\"finance\") forbid (principal, action, resource)"
	" when { resource has data_class && resource.data_class == \"financial\" };\n";
static const char CANDIDATE[] =
	"@id(\"looks\") permit (principal, action == Reeve::Action::\"look\", resource)"
	" when { resource has environment && resource.environment == \"staging\" };\n"
	"@id(\"payroll\") @approval(\"finance\") forbid (principal, action, resource)"
	" when { resource has data_class && resource.data_class == \"financial\" };\n";

struct one {
	struct rv_arena arena;
	struct rv_gate_ask ask;
	char args[64];
	atomic_int *left;
};

static void on_done(void *arg, const struct rv_gate_answer *a)
{
	struct one *o = arg;
	rv_assert(a->code == RV_OK);
	rv_arena_done(&o->arena);
	atomic_fetch_sub(o->left, 1);
	free(o);
}

static void ask_one(struct lab *l, size_t i, atomic_int *left)
{
	static const char *const systems[] = { "deploy-bot", "ads-bot", "mail-agent" };
	struct one *o = calloc(1, sizeof *o);
	rv_assert(o);
	rv_arena_init(&o->arena, 1 << 24);
	o->left = left;
	snprintf(o->args, sizeof o->args, "{\"arguments\":{\"n\":%zu}}", i % 2 ? i : 0);
	o->ask =
		(struct rv_gate_ask){ .caller = { .type = RV_ACTOR_POINT, .id = RV_STR_INIT("gw") },
			.subject_type = RV_STR_INIT("System"),
			.subject_id = rv_str_of(systems[i % 3]),
			.action = i % 5 ? RV_STR("look") : RV_STR("read"),
			.resource_type = i % 5 ? RV_STR("Service") : RV_STR("Table"),
			.resource_id = i % 5 ? (i % 7 ? RV_STR("shop") : RV_STR("lab"))
					     : RV_STR("payroll") };
	rv_assert(
		rv_json_parse(&o->arena, rv_str_of(o->args), NULL, &o->ask.context, NULL) == RV_OK);
	while (atomic_load(left) >= FLIGHT)
		sched_yield(); /* back-pressure: the log is slower than we are */
	atomic_fetch_add(left, 1);
	rv_gate_decide(l->gate, &o->arena, &o->ask, on_done, o);
}

static double now(clockid_t id)
{
	struct timespec t;
	rv_assert(clock_gettime(id, &t) == 0);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void replay(struct lab *l, size_t n, unsigned threads)
{
	RV_AUTO_BUF b;
	RV_AUTO_ARENA a;
	struct rv_json_w w;
	struct rv_err err = { 0 };
	rv_buf_init(&b, 8 << 20);
	rv_arena_init(&a, 1 << 28);
	rv_json_w_init(&w, &b);
	rv_json_w_obj(&w);
	const struct rv_candidate_file file = { RV_STR("case"), rv_str_of(CANDIDATE) };
	const struct rv_replay_ask ask = { .actor = { .type = RV_ACTOR_PERSON,
						   .id = RV_STR_INIT("gus") },
		.until_ns = INT64_MAX,
		.files = &file,
		.n_files = 1,
		.examples = 1,
		.threads = threads };
	double wall = now(CLOCK_MONOTONIC), cpu = now(CLOCK_PROCESS_CPUTIME_ID);
	enum rv_code code = rv_gate_replay(l->gate, &a, &ask, &w, &err);
	wall = now(CLOCK_MONOTONIC) - wall;
	cpu = now(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	if (code != RV_OK) {
		fprintf(stderr, "replay: %s\n", err.msg);
		exit(1);
	}
	rv_json_w_obj_end(&w);
	printf("%zu decisions, %u threads: %.2f s, CPU %.2f us a decision (a million: %.2f s)\n", n,
		threads, wall, cpu * 1e6 / (double)n, wall * 1e6 / (double)n);
	printf("  %.300s\n", rv_buf_z(&b));
}

int main(int argc, char **argv)
{
	static struct lab l;
	size_t n = argc > 1 ? (size_t)strtoull(argv[1], NULL, 10) : 200000;
	size_t rounds = argc > 2 ? (size_t)strtoull(argv[2], NULL, 10) : 1;
	atomic_int left = 0;
	l.f.segment_bytes = 64 << 20;
	lab_open(&l);
	if (lab_publish(&l, POLICY) != RV_OK) {
		fprintf(stderr, "%s\n", l.f.err.msg);
		return 1;
	}
	for (size_t i = 0; i < n; i++)
		ask_one(&l, i, &left);
	while (atomic_load(&left) > 0)
		sched_yield();
	for (size_t i = 0; i < rounds; i++) {
		replay(&l, n, 1);
		replay(&l, n, 2);
	}
	lab_done(&l);
	lab_end();
	return 0;
}
