/* Writing one manifest, at once or when a second person has said yes. Private to governance/. */
#ifndef RV_GOVERNANCE_APPLY_H
#define RV_GOVERNANCE_APPLY_H
#include "governance/governance_int.h"

struct rv_put {
	enum rv_kind kind; /* not RV_KIND_SYSTEM */
	struct rv_str name;
	const struct rv_json *spec;
	struct rv_str body, digest; /* canonical form of spec, and its digest */
	struct rv_str author;
	bool unseparated;
};
enum rv_code rv_put(struct rv_op *op, const struct rv_put *p, bool is_new, struct rv_err *err);
/* change.c: keeps it until somebody else decides; the same change twice is one. */
enum rv_code rv_change_open(struct rv_op *op, const struct rv_put *p, struct rv_str base_digest,
	struct rv_str *ret_id, struct rv_err *err);
/* The right that decides a change of this kind. */
int64_t rv_change_right(enum rv_kind kind);
#endif
