#include "base/buf.h"
#include "tests/cedar/gen.h"
#include "tests/cedar/naive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { POLICIES_MAX = 64, WORLDS = 3 };

static void compare(const cedar_policies *ps, const cedar_policies *walk, uint64_t seed)
{
	RV_AUTO_BUF text;
	struct gen g;
	cedar_entities *es = NULL;
	cedar_request rq;
	cedar_answer a;
	enum naive_outcome outcomes[POLICIES_MAX];
	cedar_scratch *s = cedar_scratch_new();
	rv_assert(s);
	rv_buf_init(&text, 1 << 20);
	gen_init(&g, seed, &text);
	gen_entities(&g, 66);
	rv_assert(cedar_entities_parse_json((cedar_str){ text.p, text.n }, &es, NULL) == CEDAR_OK);
	rv_buf_clear(&text);
	gen_request(&g);
	rv_assert(
		cedar_request_parse_json(s, (cedar_str){ text.p, text.n }, &rq, NULL) == CEDAR_OK);
	naive_authorize(ps, es, &rq, s, outcomes);
	cedar_authorize(ps, es, &rq, s, &a);
	rv_assert(a.is_incomplete || naive_agrees(ps, outcomes, &a));
	cedar_authorize(walk, es, &rq, s, &a);
	rv_assert(a.is_incomplete || naive_agrees(ps, outcomes, &a));
	cedar_scratch_free(s);
	cedar_entities_free(es);
}

/* Policies that parse come to the same, compiled and walked by the simplest evaluator, in worlds of
 * every type. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const cedar_str text = { (const char *)data, n };
	const cedar_policies_opts opts = { .max_policies = POLICIES_MAX },
				  no_index = { .max_policies = POLICIES_MAX, .no_index = true };
	cedar_policies *ps = NULL, *walk = NULL;
	/* The naive pattern takes every way: long texts of stars would take for ever. */
	if (n > 4096 || cedar_policies_parse(text, &opts, &ps, NULL) != CEDAR_OK)
		return 0;
	rv_assert(cedar_policies_parse(text, &no_index, &walk, NULL) == CEDAR_OK);
	for (uint64_t seed = 1; seed <= WORLDS; seed++)
		compare(ps, walk, seed);
	cedar_policies_free(ps);
	cedar_policies_free(walk);
	return 0;
}
