/* What a system may do, in sentences: generated from the policies in force by asking the engine
 * about every action they and its profile name, on everything in the catalogue. Never a second
 * copy: each sentence carries a request whose answer it is, and one that is answered otherwise. */
#ifndef RV_GATE_CHARTER_H
#define RV_GATE_CHARTER_H
#include "gate/gate.h"

/* Writes the members of the answer (docs/policies.md) into the object that w stands in. Inside a
 * job. Errors: RV_ENOENT no such system, or not for the actor to see. */
RV_MUST_USE enum rv_code rv_gate_charter(struct rv_gate *g, struct rv_op *op, struct rv_str system,
	struct rv_json_w *w, struct rv_err *err);
#endif
