/* Held actions: what hold.c, hold_vote.c and hold_use.c share. */
#ifndef RV_GOVERNANCE_HOLD_INT_H
#define RV_GOVERNANCE_HOLD_INT_H
#include "governance/governance_int.h"

enum { RV_HOLD_PENDING_MAX = 200, RV_HOLD_REASON_MAX = 2000 };
/* A denial stands for this long against the identical request. */
#define RV_HOLD_DENIED_NS RV_DAY_NS

enum rv_code rv_hold_row(
	struct rv_op *op, struct rv_str id, struct rv_db_approval *ret, struct rv_err *err);
/* Parses waives, loads votes, counts what is missing now. */
enum rv_code rv_hold_view(struct rv_op *op, const struct rv_db_approval *row, struct rv_hold *ret,
	struct rv_err *err);
/* Moves to another state and leaves the event. */
enum rv_code rv_hold_move(struct rv_op *op, struct rv_db_approval *row, const char *state,
	enum rv_event_kind kind, struct rv_str why, struct rv_err *err);
/* Why this person may not decide: RV_EPERM with the words; RV_OK and the groups that count. */
enum rv_code rv_hold_may_vote(struct rv_op *op, const struct rv_db_approval *row,
	const struct rv_waive *waives, size_t n_waives, struct rv_str person,
	const struct rv_str **ret_groups, size_t *ret_n, struct rv_err *err);
/* Approvals still needed: each person fills one place of one forbid. */
enum rv_code rv_hold_missing(struct rv_op *op, const struct rv_db_approval *row,
	const struct rv_waive *waives, size_t n_waives, const struct rv_db_vote *votes,
	size_t n_votes, int64_t *ret, struct rv_err *err);
/* Active people with the right approver in a group now. */
enum rv_code rv_hold_group_people(struct rv_op *op, struct rv_str group, struct rv_str **ret,
	size_t *ret_n, struct rv_err *err);
/* In one of the approval's groups at request or now. */
enum rv_code rv_hold_concerns(struct rv_op *op, const struct rv_db_approval *row,
	const struct rv_waive *waives, size_t n_waives, struct rv_str person, bool *ret,
	struct rv_err *err);
#endif
