/* Inside report/: what the board's report is made of. Texts live in the board's arena. */
#ifndef RV_REPORT_REPORT_INT_H
#define RV_REPORT_REPORT_INT_H
#include "report/report.h"

enum board_class { BOARD_ASSISTANT, BOARD_AGENT, BOARD_WORKER, BOARD_CLASSES };
extern const char *const BOARD_CLASS_NAMES[BOARD_CLASSES];

/* What happened to what a system asked, in the range. */
struct board_counts {
	uint64_t allowed, held, denied;
	uint64_t enforced, observed, claimed; /* decisions, by evidence */
	uint64_t open_intents; /* begun, and nobody said what came of it */
	int64_t last_ns; /* its newest decision; 0: none in the range */
	int64_t reviewed_ns; /* its newest review; 0: none in the range */
};
struct board_list { /* of texts */
	struct rv_str *v;
	size_t n, cap;
};
struct board_system {
	struct rv_str name, state, owner, deputy, environment;
	enum board_class class_;
	bool is_active, acts_alone, is_covered; /* by an enforcing point */
	bool has_owner; /* somebody alive answers: owner or deputy */
	bool has_money_limit;
	int64_t approved_ns, cadence_ns, unseparated_until_ns;
	struct board_list alone; /* actions it takes without asking */
	struct board_list money, production, sensitive; /* what it reaches */
	struct board_counts counts;
};
struct board_point {
	struct rv_str name, trust;
	int64_t last_ns;
};
struct board_missing {
	const char *what; /* "control", "owner", "credential", "review" … */
	struct rv_str subject, text, command;
};
struct rv_board {
	struct rv_arena *arena;
	int64_t now_ns, since_ns;
	uint64_t generation;
	int64_t policy_version;
	struct board_system *systems;
	size_t n_systems;
	struct board_point *points;
	size_t n_points;
	struct board_missing *missing;
	size_t n_missing, cap_missing;
	struct rv_bootstrap bootstrap;
	/* The log. */
	struct rv_ledger_status ledger;
	char origin[RV_LEDGER_ORIGIN_MAX + 1];
	uint64_t from_seq, n_records; /* n_records newest ones, ending at ledger.size - 1 */
	bool is_cut; /* older ones in the range were not read */
	struct board_counts all;
	uint64_t unknown_outcomes, gaps, torn_tails, knocks, refused_logins;
	uint64_t not_ours; /* decisions about systems that are not in the registry */
};

/* A text of its own in the arena; "" stays "". */
RV_MUST_USE enum rv_code board_keep(
	struct rv_board *b, struct rv_str s, struct rv_str *ret, struct rv_err *err);
RV_MUST_USE enum rv_code board_add(
	struct rv_board *b, struct board_list *l, struct rv_str s, struct rv_err *err);
RV_MUST_USE enum rv_code board_miss(struct rv_board *b, const char *what, struct rv_str subject,
	struct rv_str text, struct rv_str command, struct rv_err *err);
/* system.c: one profile, into s. */
RV_MUST_USE enum rv_code board_profile(struct rv_board *b, struct rv_op *op,
	const struct rv_db_system *row, const struct rv_json *spec,
	const struct rv_db_resource *resources, size_t n_resources, struct board_system *s,
	struct rv_err *err);
/* missing.c: what the registry lacks, and after the log was read what the log shows lacking. */
RV_MUST_USE enum rv_code board_find_missing(
	struct rv_board *b, struct rv_op *op, struct rv_err *err);
RV_MUST_USE enum rv_code board_find_overdue(struct rv_board *b, struct rv_err *err);

static inline struct rv_str board_str(const struct rv_json *v, const char *name)
{
	const struct rv_json *m = rv_json_get(v, name);
	return rv_json_is(m, RV_JSON_STR) ? m->str : RV_STR("");
}
#endif
