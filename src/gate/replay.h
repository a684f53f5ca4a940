/* What would change: recorded requests decided again under other policies, on the facts that were
 * kept of them. Questions: they are recorded as such, and reserve, open and change nothing. */
#ifndef RV_GATE_REPLAY_H
#define RV_GATE_REPLAY_H
#include "gate/gate.h"

/* Files put in the place of those of the same name in force, or beside them. */
struct rv_candidate_file {
	struct rv_str name, text; /* text.p == NULL: the file of that name is taken away */
};
struct rv_replay_ask {
	struct rv_actor actor; /* a person: auditor, governor or responder */
	int64_t since_ns, until_ns; /* of "logged", since <= t < until */
	struct rv_str system; /* only its decisions; empty: all */
	const struct rv_candidate_file *files;
	size_t n_files;
	bool is_alone; /* these files only, none of those in force */
	int64_t examples; /* of each sort of change; 0: 3 */
	unsigned threads; /* 0: one for each of at most four cores */
};
/* Writes the members of the answer (docs/policies.md) into the object that w stands in. Any thread
 * but the control thread; it takes seconds for a million decisions. Errors: RV_EPERM; RV_EINVAL a
 * file, with its name, line and column; those of the log. */
RV_MUST_USE enum rv_code rv_gate_replay(struct rv_gate *g, struct rv_arena *a,
	const struct rv_replay_ask *ask, struct rv_json_w *w, struct rv_err *err);

struct rv_simulate_ask {
	struct rv_gate_ask what; /* caller is not looked at: whoever may ask may ask about all */
	const struct rv_candidate_file *files;
	size_t n_files;
	bool is_alone;
	int64_t at_ns; /* as if it were then; 0: now */
};
/* What would be said today of this request, under these policies and under those in force. Leaves a
 * question in the log. Inside a job; the same people as above, and the owner of the system. */
RV_MUST_USE enum rv_code rv_gate_simulate(struct rv_gate *g, struct rv_op *op,
	const struct rv_simulate_ask *ask, struct rv_json_w *w, struct rv_err *err);
#endif
