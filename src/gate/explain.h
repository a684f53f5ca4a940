/* Why a decision came out as it did: it is made again from the facts and the policies that were
 * kept, each condition by itself, and held against what was recorded. */
#ifndef RV_GATE_EXPLAIN_H
#define RV_GATE_EXPLAIN_H
#include "gate/gate.h"
#include "ledger/ledger.h"

struct rv_explain_ask {
	const struct rv_ledger_entry *entry; /* of the decision, with its sealed side */
	const struct rv_json *event; /* its parsed event */
	bool shows_values; /* the reader may see the facts in clear, not only what became of them */
};
/* Writes the members of an explanation into the object that w stands in (docs/explain.md). What
 * cannot be had any more (facts of a destroyed key, policies nobody kept) is said there, not an
 * error. Memory is the op's arena. Inside a job. Errors: RV_EINVAL not a decision; those of the
 * store. */
RV_MUST_USE enum rv_code rv_gate_explain(struct rv_gate *g, struct rv_op *op,
	const struct rv_explain_ask *ask, struct rv_json_w *w, struct rv_err *err);
/* Writes "facts" (whether they are kept) and "rules": each forbid that stopped this decision, or
 * would have and was not in force so: [{rule, reason, why: stopped | waived | observed |
 * not_written | other_version | removed, set, text}], most telling first. The sets of then, of now
 * and of up to twenty before are tried. As rv_gate_explain. */
RV_MUST_USE enum rv_code rv_gate_counterfactual(struct rv_gate *g, struct rv_op *op,
	const struct rv_explain_ask *ask, struct rv_json_w *w, struct rv_err *err);
#endif
