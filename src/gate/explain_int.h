/* Inside explain: what was kept of a decision, and the decision made again from it. */
#ifndef RV_GATE_EXPLAIN_INT_H
#define RV_GATE_EXPLAIN_INT_H
#include "gate/explain.h"
#include "gate/judge.h"

struct explain {
	struct rv_gate *gate;
	struct rv_op *op;
	const struct rv_explain_ask *ask;
	struct rv_json_w *w;
	int64_t as_of; /* the policy set to judge by; 0: the decision's own */

	const char *facts_state; /* "kept" or why not */
	const struct rv_json *facts;

	const char *policies_state;
	struct rv_gate_set set;

	cedar_entities *entities; /* owned */
	cedar_scratch *scratch;
	cedar_request rq;
	bool is_ready; /* all of it is there: it can be decided again */
	cedar_explanation why;
	struct rv_verdict again;
};
void explain_done(struct explain *e);
/* explain_load.c: facts, policies and the request; what is missing is noted in *_state. */
RV_MUST_USE enum rv_code explain_load(struct explain *e, struct rv_err *err);
/* explain_policy.c: the policies whose scope fits, each part of their conditions with its value;
 * and the smallest changes that would have turned the decision round. */
RV_MUST_USE enum rv_code explain_policies(struct explain *e, struct rv_err *err);
void explain_flips(struct explain *e);

static inline struct rv_str explain_str(const struct rv_json *v, const char *name)
{
	const struct rv_json *m = rv_json_get(v, name);
	return rv_json_is(m, RV_JSON_STR) ? m->str : RV_STR("");
}
/* The system was only observed when this was decided. */
static inline bool explain_is_shadow(const struct rv_json *event)
{
	const struct rv_json *v = rv_json_get(rv_json_get(event, "detail"), "observe");
	return rv_json_is(v, RV_JSON_BOOL) && v->boolean;
}
#endif
