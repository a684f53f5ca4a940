/* Classes and their floors of controls. Private to governance/. */
#ifndef RV_GOVERNANCE_CLASS_H
#define RV_GOVERNANCE_CLASS_H
#include "governance/governance_int.h"

struct rv_gaps_list {
	struct rv_gap *items;
	size_t n, cap;
};
/* A text member of a spec; empty when absent. */
struct rv_str rv_spec_str(const struct rv_json *spec, const char *name);
/* RV_EINVAL when the declared class is lower than what the dimensions make it, naming the
 * dimension. */
enum rv_code rv_class_check(const struct rv_json *spec, struct rv_err *err);
/* Appends what the floor of the class still misses. */
enum rv_code rv_class_gaps(struct rv_op *op, struct rv_str system, const struct rv_json *spec,
	struct rv_gaps_list *l, struct rv_err *err);
#endif
