/* The simple form of an action policy in a profile: what a system does by itself, with approval,
 * must escalate, never does; and the Cedar it means. */
#ifndef RV_GOVERNANCE_SIMPLE_H
#define RV_GOVERNANCE_SIMPLE_H
#include "governance/spec_int.h"

/* A part of each day, in minutes since midnight at a fixed offset from UTC; until < from: over
 * midnight. */
struct rv_simple_time {
	bool is_there;
	int64_t from, until, offset;
};
enum rv_simple_list {
	RV_SIMPLE_AUTONOMOUS,
	RV_SIMPLE_APPROVAL,
	RV_SIMPLE_ESCALATE,
	RV_SIMPLE_NEVER,
	RV_SIMPLE_COUNT
};
extern const char *const rv_simple_lists[RV_SIMPLE_COUNT]; /* "autonomous" … */

/* One entry, read. Slices point into the profile. */
struct rv_simple_entry {
	struct rv_str action, on, kind, reason, to, expires;
	struct rv_strs environment, data_class, by;
	int64_t quorum;
	int64_t over, up_to; /* 1/10000; -1: not said */
	const struct rv_json *arguments; /* object or NULL */
	struct rv_simple_time inside, outside;
};
/* Reads one entry of a list: a name, or an object with conditions. */
RV_MUST_USE enum rv_code rv_simple_read(struct rv_arena *a, const struct rv_json *v,
	enum rv_simple_list list, struct rv_simple_entry *ret, struct rv_err *err);
/* RV_EINVAL at the place of v. */
enum rv_code rv_simple_fail(const struct rv_json *v, const char *msg, struct rv_err *err);
/* actions: of a spec; NULL passes. */
RV_MUST_USE enum rv_code rv_simple_check(
	struct rv_arena *a, const struct rv_json *actions, struct rv_err *err);
#endif
