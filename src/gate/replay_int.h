/* Inside replay: one thread's part of the work. */
#ifndef RV_GATE_REPLAY_INT_H
#define RV_GATE_REPLAY_INT_H
#include <pthread.h>
#include <stdatomic.h>

#include "gate/judge.h"
#include "gate/replay.h"

enum { REPLAY_EXAMPLES_MAX = 10, REPLAY_THREADS_MAX = 4, REPLAY_SETS_MAX = 4096 };

/* A policy set of then, compiled when it is first needed. */
struct replay_set {
	int64_t version;
	struct rv_arena arena;
	struct rv_gate_set set;
	bool is_readable;
};
struct replay_example {
	uint64_t seq;
	struct rv_str id, resource, was, now; /* was, now: the policy or word that spoke first */
};
/* One sort of change. */
struct replay_group {
	struct rv_str system, action; /* action: as JSON has it */
	enum rv_outcome was, now;
	uint64_t n;
	struct replay_example examples[REPLAY_EXAMPLES_MAX];
	size_t n_examples;
};
struct replay_counts {
	uint64_t decisions; /* of the time and system asked for */
	uint64_t decided; /* again */
	uint64_t changed;
	uint64_t before_policy; /* stopped at their caller: no policy was asked */
	uint64_t unreadable; /* facts or policies of then are gone */
	uint64_t damaged; /* facts do not fit their digest */
	uint64_t table[3][3]; /* allow, hold, deny: then by now */
};
struct replay {
	struct rv_gate *gate;
	const struct rv_replay_ask *ask;
	const struct rv_snapshot *snap;
	struct rv_gate_set now; /* the candidate */
	uint64_t from, to; /* of the log */
	atomic_uint_fast64_t next;
	atomic_bool failed;
	pthread_mutex_t lock; /* guards sets and err */
	struct replay_set *sets[REPLAY_SETS_MAX];
	size_t n_sets;
	struct rv_err err;
};
struct replay_thread {
	struct replay *r;
	pthread_t id;
	struct rv_ledger_reader *reader;
	const struct rv_gate_set *then; /* of the last row */
	int64_t then_version;
	cedar_scratch *scratch;
	struct rv_arena arena; /* of one decision */
	struct rv_arena kept; /* groups and examples */
	struct rv_buf clear, request;
	struct replay_memo *memo;
	struct replay_world *worlds;
	uint64_t n_worlds; /* made so far */
	struct replay_key *keys;
	struct replay_group *groups;
	size_t n_groups, cap_groups;
	struct replay_counts counts;
	struct rv_verdict verdict;
};
/* The set of a version, made if need be; NULL: it cannot be had. Any thread. */
const struct rv_gate_set *replay_set_of(struct replay *r, int64_t version);
/* replay_scan.c; slices of the text. id, action and resource are JSON, the others what is in the
 * quotes. */
struct replay_event {
	struct rv_str kind, id, system, action, resource, snapshot;
	int64_t version;
	bool is_shadow;
};
void replay_read_event(struct rv_str text, struct replay_event *ret);
/* The values as JSON. */
struct replay_facts {
	struct rv_str all, principal, action, resource, context, entities;
};
/* clear: a decision's unsealed side. False: a part is missing. */
bool replay_read_facts(struct rv_str clear, struct replay_facts *ret);
/* The context before and behind the value of the time; all of it is before when there is none. */
void replay_around_time(struct rv_str context, struct rv_str *before, struct rv_str *behind);
/* replay_row.c */
RV_MUST_USE enum rv_code replay_thread_init(struct replay_thread *t, struct rv_err *err);
void replay_thread_done(struct replay_thread *t);
RV_MUST_USE enum rv_code replay_row(
	struct replay_thread *t, const struct rv_ledger_entry *e, struct rv_err *err);
/* The group of this sort in the thread's list, made if need be; NULL: no memory. */
struct replay_group *replay_group_of(struct replay_thread *t, struct rv_str system,
	struct rv_str action, enum rv_outcome was, enum rv_outcome now);

/* candidate.c: the files in force with these in their place, compiled; current: as
 * rv_policy_set_text gives it, empty for none. Syntax and annotations are checked. */
RV_MUST_USE enum rv_code rv_gate_candidate(struct rv_arena *a, struct rv_str current,
	const struct rv_candidate_file *files, size_t n_files, bool is_alone,
	struct rv_gate_set *ret, struct rv_err *err);
/* auditor, governor or responder; RV_EPERM. */
RV_MUST_USE enum rv_code rv_gate_may_replay(struct rv_op *op, struct rv_err *err);
/* The question in the log: what was asked of which policies. ev: what else the event says. */
RV_MUST_USE enum rv_code rv_gate_note_question(struct rv_op *op, const char *what,
	struct rv_event *ev, const struct rv_gate_set *set, struct rv_str *ret_id,
	struct rv_err *err);
/* Text of the set in force; empty: none. */
RV_MUST_USE enum rv_code rv_gate_current_set(
	struct rv_op *op, struct rv_str *ret, int64_t *ret_version, struct rv_err *err);
#endif
