/* Inside gate/: one decision on its way. */
#ifndef RV_GATE_GATE_INT_H
#define RV_GATE_GATE_INT_H
#include "cedar.h"
#include "gate/gate.h"
#include "ledger/ledger.h"

enum {
	WAIVES_MAX = 64,
	LIMITS_MAX = 32,
	REASONS_MAX = 64,
};

struct rv_gate {
	uint32_t magic;
	struct rv_gov *gov;
	struct rv_ledger *ledger;
};

/* context.reeve of the request. */
struct rv_gate_extra {
	bool act;
	bool question; /* what would be: recorded as such, opens and reserves nothing */
	struct rv_str approval;
	const struct rv_json *limits; /* {"name":"amount"} or NULL */
};

/* What policy said. */
struct rv_verdict {
	enum rv_outcome outcome; /* RV_HOLD: every satisfied forbid is waivable */
	const char *code; /* fixed word, NULL when policies speak */
	struct rv_reason reasons[REASONS_MAX];
	size_t n_reasons;
	struct rv_waive waives[WAIVES_MAX];
	size_t n_waives;
};

struct rv_decision {
	struct rv_gate *gate;
	struct rv_arena *arena;
	const struct rv_gate_ask *ask;
	rv_gate_done *done;
	void *arg;
	struct rv_gate_extra extra;
	int64_t now_ns;

	/* Of the snapshot in use; made anew when a job finds a newer one. */
	const struct rv_snapshot *snap;
	const struct rv_snap_system *system;
	const struct rv_snap_point *point;
	const struct rv_snap_resource *resource;
	struct rv_str effect;
	struct rv_str resource_type; /* as Cedar sees it */
	struct rv_str resource_id;
	struct rv_str catalogue_type; /* as the catalogue names it */
	struct rv_str catalogue_id;
	struct rv_str on_behalf_of, claimed_on_behalf_of;
	const struct rv_json *arguments; /* or NULL */
	int64_t amount; /* 1/10000; -1: none */
	struct rv_str digest; /* "sha256:…" */
	cedar_request rq;
	cedar_entity overlay[2]; /* action, resource */
	struct rv_verdict verdict;

	const struct rv_limit *limits[LIMITS_MAX];
	int64_t amounts[LIMITS_MAX];
	size_t n_limits;
	struct rv_reserved states[LIMITS_MAX]; /* of them, once looked at */
	bool has_states;

	/* What the answer shows. */
	char event_id[RV_UUID_SIZE]; /* made before the event, for what refers to it */
	char intent_id[RV_UUID_SIZE]; /* "": none */
	struct rv_str event, event_side, intent; /* final bytes */
	bool has_hold;
	struct rv_hold hold;
	struct rv_str other_digest; /* of the approval named, when it differs */
	bool is_replay;
	struct rv_str replay; /* the first answer */
	struct rv_gate_answer answer;
};

/* How much the word of who asks is worth; point NULL: a system about itself. */
enum rv_evidence rv_gate_evidence(const struct rv_snap_point *point);
/* Where in the request a value stands, put into words only when something is wrong with it. */
struct rv_gate_path {
	const struct rv_gate_path *above; /* or NULL */
	struct rv_str name;
};
/* value.c: a JSON value as Cedar's; path for messages. Errors: RV_EINVAL, RV_ELIMIT. */
RV_MUST_USE enum rv_code rv_gate_value(cedar_scratch *s, const struct rv_json *v,
	const struct rv_gate_path *path, unsigned depth, cedar_value *ret, struct rv_err *err);
/* caller.c, facts.c: everything before policy. Errors are the request's (RV_EINVAL …); refusals set
 * the verdict. s: scratch of this thread, cleared by the caller. */
RV_MUST_USE enum rv_code rv_gate_read(struct rv_decision *d, struct rv_err *err);
RV_MUST_USE enum rv_code rv_gate_caller(struct rv_decision *d, struct rv_err *err);
RV_MUST_USE enum rv_code rv_gate_facts(struct rv_decision *d, cedar_scratch *s, struct rv_err *err);
/* {"principal":…,"action":…,"resource":…,"context":…,"entities":[…]}: what policy saw. */
void rv_gate_facts_json(const struct rv_decision *d, struct rv_buf *out);
/* digest.c */
RV_MUST_USE enum rv_code rv_gate_digest(struct rv_decision *d, struct rv_err *err);
/* policy.c */
/* One principal's answer, and what is needed to read it: from the snapshot, or from what was kept.
 */
struct rv_voice {
	const struct rv_policy_note *(*note)(const void *arg, uint32_t policy);
	const void *note_arg;
	const cedar_policies *policies;
	int64_t now_ns;
	const cedar_uid *resource;
	bool is_known, is_assistant;
	struct rv_str parent; /* whose answer it is when it is not the system's own */
	cedar_answer a;
};
/* Adds its reasons and waives; false: it denies. */
bool rv_gate_hear(struct rv_arena *arena, struct rv_verdict *v, const struct rv_voice *o);
/* A system that is only observed is not held to its own answer: what was said becomes what would
 * have been said. Its parents still bind it. Returns whether it may go on: true. */
bool rv_gate_shadow(struct rv_verdict *v, bool ok);
/* After all were heard, own last or not: the outcome. */
void rv_gate_conclude(struct rv_verdict *v, const struct rv_voice *own, bool all_agree);
void rv_gate_policy(struct rv_decision *d, cedar_scratch *s);
/* settle.c; items: LIMITS_MAX of them, filled by rv_gate_limits for rv_gate_reserve. */
/* Meters that would be passed deny, or hold. */
RV_MUST_USE enum rv_code rv_gate_limits(
	struct rv_decision *d, struct rv_op *op, struct rv_reserve *items, struct rv_err *err);
/* A hold: consumes what fits, opens what is missing, refuses what was named and cannot be used. */
RV_MUST_USE enum rv_code rv_gate_hold(struct rv_decision *d, struct rv_op *op, struct rv_err *err);
RV_MUST_USE enum rv_code rv_gate_reserve(struct rv_decision *d, struct rv_op *op,
	const struct rv_reserve *items, struct rv_err *err);
/* record.c: final bytes of the decision's events into d; answer.c: the JSON that goes out. */
RV_MUST_USE enum rv_code rv_gate_record(struct rv_decision *d, struct rv_err *err);
void rv_gate_answer_json(struct rv_decision *d);
/* "reasons":[…] */
void rv_gate_put_reasons(struct rv_json_w *w, const struct rv_verdict *v);
void rv_gate_refuse(struct rv_decision *d, const char *code, const char *text);
/* This thread's scratch, cleared. */
cedar_scratch *rv_gate_scratch(void);

static inline cedar_str rv_cs(struct rv_str s)
{
	return (cedar_str){ s.p, s.n };
}
#endif
