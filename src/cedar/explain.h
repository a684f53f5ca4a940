/* What explain.c and flip.c share. Private to cedar/. */
#ifndef RV_CEDAR_EXPLAIN_H
#define RV_CEDAR_EXPLAIN_H
#include "cedar/cedar_int.h"

/* One explanation in the making. */
struct why {
	const cedar_policies *ps;
	struct env env;
	cedar_scratch *scratch;
};
/* Evaluates anew; false: w->env.failure says why. */
bool cedar_why_eval(struct why *w, const struct expr *e, cedar_value *ret);
/* The ways to the other decision. False: memory. */
bool cedar_flips_find(
	struct why *w, const cedar_answer *now, const cedar_flip **ret, size_t *ret_n);
#endif
