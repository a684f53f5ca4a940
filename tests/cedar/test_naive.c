/* The compiled evaluator and the index against the naive walk, on random policies, entities and
 * requests of every type and operation. RV_SEED picks another sequence, RV_ROUNDS another length.
 */
#include <stdio.h>

#include "base/arena.h"
#include "tests/cedar/gen.h"
#include "tests/cedar/naive.h"
#include "tests/harness.h"

enum { POLICIES = 12, TEMPLATES = 2, LINKS = 4, REQUESTS = 12 };

static uint64_t number(const char *name, uint64_t otherwise)
{
	const char *z = getenv(name);
	uint64_t v = otherwise;
	if (z && !rv_str_u64(rv_str_of(z), &v))
		return otherwise;
	return v;
}

static size_t n_true, n_errors, n_requests;

struct world {
	cedar_policies *ps, *walk;
	cedar_entities *es;
};

static cedar_str cs(const struct rv_buf *b)
{
	return (cedar_str){ b->p, b->n };
}

static void make_world(struct gen *g, cedar_scratch *s, struct world *w)
{
	RV_AUTO_BUF text;
	RV_AUTO_BUF links;
	RV_AUTO_BUF entities;
	cedar_error e = { .code = CEDAR_OK };
	const cedar_link *list;
	size_t n;
	rv_buf_init(&text, 1 << 24);
	rv_buf_init(&links, 1 << 20);
	rv_buf_init(&entities, 1 << 24);
	g->out = &text;
	gen_policies(g, 1 + gen_pick(g, POLICIES), TEMPLATES);
	g->out = &links;
	gen_links(g, LINKS, TEMPLATES);
	g->out = &entities;
	gen_entities(g, 66);
	CHECKF(cedar_links_parse_json(s, cs(&links), &list, &n, &e) == CEDAR_OK, "%s", e.message);
	const cedar_source src = { .text = cs(&text), .use_id_annotation = true };
	cedar_policies_opts opts = { .links = list, .n_links = n };
	CHECKF(cedar_policies_new(&src, 1, &opts, &w->ps, NULL, &e) == CEDAR_OK, "%u:%u %s\n%.*s",
		e.line, e.column, e.message, RV_FMT(text));
	opts.no_index = true;
	CHECK(cedar_policies_new(&src, 1, &opts, &w->walk, NULL, &e) == CEDAR_OK);
	CHECKF(cedar_entities_parse_json(cs(&entities), &w->es, &e) == CEDAR_OK, "%s\n%.*s",
		e.message, RV_FMT(entities));
}

/* Two entities of the set change places: their contents hold for this request alone. */
static void add_overlay(
	struct gen *g, const struct world *w, cedar_entity overlay[2], cedar_request *rq)
{
	size_t n = cedar_entities_count(w->es);
	if (n < 2 || gen_pick(g, 3))
		return;
	const cedar_entity *a = cedar_entities_at(w->es, gen_pick(g, (unsigned)n));
	overlay[0] = *a;
	overlay[0].uid = gen_pick(g, 2) ? rq->principal : rq->resource;
	overlay[1] = *cedar_entities_at(w->es, gen_pick(g, (unsigned)n));
	overlay[1].attrs = a->attrs;
	rq->overlay = overlay;
	rq->n_overlay = 1 + gen_pick(g, 2);
}

static void one_request(struct gen *g, const struct world *w, cedar_scratch *s, uint64_t seed)
{
	RV_AUTO_BUF text;
	cedar_error e = { .code = CEDAR_OK };
	enum naive_outcome outcomes[64];
	cedar_entity overlay[2];
	cedar_request rq;
	cedar_answer fast, walk;
	rv_buf_init(&text, 1 << 20);
	g->out = &text;
	gen_request(g);
	CHECKF(cedar_request_parse_json(s, cs(&text), &rq, &e) == CEDAR_OK, "%s\n%.*s", e.message,
		RV_FMT(text));
	add_overlay(g, w, overlay, &rq);
	REQUIRE(cedar_policies_count(w->ps) <= RV_COUNT(outcomes));
	naive_authorize(w->ps, w->es, &rq, s, outcomes);
	cedar_authorize(w->ps, w->es, &rq, s, &fast);
	cedar_authorize(w->walk, w->es, &rq, s, &walk);
	CHECKF(naive_agrees(w->ps, outcomes, &fast), "RV_SEED=%llu: %.*s", (unsigned long long)seed,
		RV_FMT(text));
	CHECKF(naive_agrees(w->walk, outcomes, &walk), "RV_SEED=%llu, without the index: %.*s",
		(unsigned long long)seed, RV_FMT(text));
	CHECK(!fast.is_incomplete);
	n_requests++;
	n_true += fast.n_permits + fast.n_forbids;
	n_errors += fast.n_errors;
}

TEST(compiled_and_naive_agree)
{
	uint64_t first = number("RV_SEED", 1), rounds = number("RV_ROUNDS", 400);
	cedar_scratch *keep = cedar_scratch_new(), *s = cedar_scratch_new();
	REQUIRE(keep && s);
	for (uint64_t seed = first; seed < first + rounds && test_failures == 0; seed++) {
		struct gen g;
		struct world w = { NULL, NULL, NULL };
		gen_init(&g, seed, NULL);
		make_world(&g, keep, &w);
		for (int i = 0; w.ps && w.walk && w.es && i < REQUESTS; i++) {
			one_request(&g, &w, s, seed);
			cedar_scratch_clear(s);
		}
		cedar_policies_free(w.ps);
		cedar_policies_free(w.walk);
		cedar_entities_free(w.es);
		cedar_scratch_clear(keep);
	}
	/* Otherwise nothing was compared. */
	CHECKF(n_true > n_requests / 4 && n_errors > n_requests / 4,
		"%zu requests, %zu satisfied, %zu errors", n_requests, n_true, n_errors);
	cedar_scratch_free(keep);
	cedar_scratch_free(s);
}

MAIN()
