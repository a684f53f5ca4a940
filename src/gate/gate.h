/* decide(): the one place where a request becomes an outcome. Order (SEMANTICS 3; the first stop
 * wins): caller, facts, policy, approval, limits, audit. No answer leaves before its record is
 * durable; any error on the way means deny.
 *
 * A request that needs neither approval, limit nor memory of its id is decided on the caller's
 * thread from the snapshot and answered from the ledger's; all others are one job on the control
 * thread. */
#ifndef RV_GATE_GATE_H
#define RV_GATE_GATE_H
#include "governance/governance.h"

struct rv_gate;
/* gov and ledger are borrowed; the control thread must run. */
RV_MUST_USE enum rv_code rv_gate_new(
	struct rv_gov *gov, struct rv_ledger *ledger, struct rv_gate **ret, struct rv_err *err);
/* When nothing is being decided any more. NULL is fine. */
void rv_gate_free(struct rv_gate *g);

/* What is asked. Text and trees must live until done has run. */
struct rv_gate_ask {
	struct rv_actor caller; /* authenticated: RV_ACTOR_SYSTEM or RV_ACTOR_POINT */
	struct rv_str subject_token; /* of the process a point acts for; empty: none passed on */
	struct rv_str subject_type, subject_id;
	struct rv_str action;
	const struct rv_json *action_properties; /* objects, or NULL */
	struct rv_str resource_type, resource_id;
	const struct rv_json *resource_properties;
	const struct rv_json *context;
	struct rv_str request_id; /* empty: none */
	struct rv_str trace;
};
struct rv_gate_answer {
	enum rv_outcome outcome;
	struct rv_str reeve_json; /* the object for context.reeve; in the ask's arena */
	/* Not RV_OK: the request itself was wrong (RV_EINVAL …), nothing was decided. */
	enum rv_code code;
	struct rv_err err;
};
/* Runs exactly once: on the calling thread, the ledger's or the control thread. Must not block. */
typedef void rv_gate_done(void *arg, const struct rv_gate_answer *answer);
/* arena: the ask's own, used until done has run. Any thread. */
void rv_gate_decide(struct rv_gate *g, struct rv_arena *arena, const struct rv_gate_ask *ask,
	rv_gate_done *done, void *arg);

/* What came of an intent (docs/decisions.md). By the point that was given it (enforced), or by a
 * system about itself (claimed: settles nothing). Errors: RV_ENOENT no such intent of this caller.
 * Inside a job. */
struct rv_gate_outcome {
	struct rv_str intent, status; /* succeeded | failed | unknown */
	const struct rv_json *detail; /* object or NULL */
	const struct rv_json *settle; /* {"limit name":"amount"} or NULL */
};
RV_MUST_USE enum rv_code rv_gate_outcome(struct rv_gate *g, struct rv_op *op,
	const struct rv_gate_outcome *o, struct rv_str *ret_event, struct rv_err *err);
#endif
