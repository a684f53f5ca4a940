/* Applying manifests: what the files apply*.c and change.c share. */
#ifndef RV_GOVERNANCE_APPLY_INT_H
#define RV_GOVERNANCE_APPLY_INT_H
#include "governance/spec_int.h"

/* One manifest on its way into the database. */
struct rv_apply_one {
	struct rv_op *op;
	const struct rv_manifest *m;
	struct rv_apply_item *item;
	struct rv_str body, digest; /* canonical spec */
	const struct rv_json *spec; /* of body */
	const struct rv_json *old; /* NULL: new */
	struct rv_str old_digest;
	bool widens;
	struct rv_str author; /* who wrote it */
	bool second; /* another person has agreed to the widening */
	bool unseparated; /* one person alone, in bootstrap */
	bool policies_changed;
};

struct rv_apply_kind {
	enum rv_kind kind;
	int64_t rights; /* any of them */
	enum rv_event_kind created, changed, proposed;
	/* Fills old and old_digest; leaves them when there is none. */
	enum rv_code (*load)(struct rv_apply_one *o, struct rv_err *err);
	/* References and rules beyond the spec's own form; may set widens. NULL: none. */
	enum rv_code (*check)(struct rv_apply_one *o, struct rv_err *err);
	enum rv_code (*write)(struct rv_apply_one *o, struct rv_err *err);
	/* Beside the change row, when it waits. NULL: nothing. */
	enum rv_code (*propose)(struct rv_apply_one *o, struct rv_err *err);
	/* It is as it was: does that take a stamp away? *ret_did: it did. NULL: never. */
	enum rv_code (*confirm)(struct rv_apply_one *o, bool *ret_did, struct rv_err *err);
};
const struct rv_apply_kind *rv_apply_kind_of(enum rv_kind kind);
extern const struct rv_apply_kind rv_apply_team, rv_apply_person, rv_apply_group, rv_apply_role,
	rv_apply_point, rv_apply_resource, rv_apply_limit, rv_apply_policy;

/* All steps for one manifest of a kind with a table above. */
enum rv_code rv_apply_run(struct rv_apply_one *o, struct rv_err *err);
/* After a set: bootstrap may have ended, the policy set may have a new number. */
enum rv_code rv_apply_finish(struct rv_op *op, bool policies_changed, struct rv_err *err);
/* change.c: the row of a widening that waits; an identical one is found again, another of the same
 * target withdrawn. */
enum rv_code rv_change_propose(struct rv_apply_one *o, bool *ret_is_new, struct rv_err *err);

/* Refuses with the place of a field of the spec. field may be NULL. */
enum rv_code rv_apply_fail(const struct rv_apply_one *o, struct rv_err *err, enum rv_code code,
	const char *field, const char *fmt, ...) RV_PRINTF(5, 6);
/* The spec's field names a person who exists and is active; an empty name passes. */
enum rv_code rv_apply_need_person(
	const struct rv_apply_one *o, const char *field, struct rv_str name, struct rv_err *err);
enum rv_code rv_apply_need_group(
	const struct rv_apply_one *o, const char *field, struct rv_str name, struct rv_err *err);

/* apply_policy.c: all files in force compile together. */
enum rv_code rv_policy_set_check(struct rv_op *op, struct rv_err *err);
/* alone: one person widened by it, in bootstrap. */
enum rv_code rv_policy_take_out(
	struct rv_op *op, struct rv_str name, bool alone, struct rv_err *err);
#endif
