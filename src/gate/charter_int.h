/* Inside the charter: what was asked, and what came of it. */
#ifndef RV_GATE_CHARTER_INT_H
#define RV_GATE_CHARTER_INT_H
#include "gate/charter.h"
#include "gate/gate_int.h"

enum {
	CHARTER_ACTIONS_MAX = 100,
	CHARTER_NAMED_MAX = 200,
	CHARTER_PAIRS_MAX = 5000,
	CHARTER_SPOKEN_MAX = 8
};

/* Requests that were answered alike, for the same reasons: each of the actions on each of the
 * resources. */
struct charter_line {
	struct rv_str *actions;
	size_t n_actions;
	enum rv_outcome outcome;
	const char *code; /* fixed word, or NULL */
	/* Who spoke: policies that decide, and those that would under a condition of the request.
	 */
	const struct rv_policy_note *spoken[CHARTER_SPOKEN_MAX];
	size_t n_spoken;
	struct {
		const struct rv_policy_note *note;
		struct rv_str when; /* the condition, as it stands in the policy */
	} maybe[CHARTER_SPOKEN_MAX];
	size_t n_maybe;
	struct rv_str *resources; /* "Type/id" */
	size_t n_resources, cap_resources;
	const struct rv_db_resource *first;
};
struct charter {
	struct rv_gate *gate;
	struct rv_op *op;
	struct rv_decision *d;
	const struct rv_snap_system *system;
	struct rv_str *actions;
	size_t n_actions;
	struct rv_db_resource *resources; /* the catalogue's, and those that policies name */
	size_t n_resources, cap_resources;
	struct charter_line *lines;
	size_t n_lines, cap_lines;
	bool is_cut; /* there was more to ask than is asked */
};
/* charter_ask.c: fills actions, resources, lines. */
RV_MUST_USE enum rv_code charter_ask(struct charter *c, struct rv_err *err);
#endif
