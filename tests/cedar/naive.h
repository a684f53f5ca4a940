/* The language's meaning written down a second time, as simply as can be: straight from the tree of
 * the source, entities found by looking at all of them, ancestors by walking. Slow on purpose. */
#ifndef RV_TESTS_CEDAR_NAIVE_H
#define RV_TESTS_CEDAR_NAIVE_H
#include "cedar.h"

enum naive_outcome { NAIVE_FALSE, NAIVE_TRUE, NAIVE_ERROR };
/* outcomes: one a policy. What it builds lies in s. */
void naive_authorize(const cedar_policies *ps, const cedar_entities *es, const cedar_request *rq,
	cedar_scratch *s, enum naive_outcome *outcomes);
/* True when the answer says what the outcomes say, and decides accordingly. */
bool naive_agrees(
	const cedar_policies *ps, const enum naive_outcome *outcomes, const cedar_answer *a);
#endif
