/* What flip.c, plan.c and flip_try.c share. Private to cedar/. */
#ifndef RV_CEDAR_FLIP_H
#define RV_CEDAR_FLIP_H
#include "cedar/explain.h"

/* Changes that together bring something about. */
struct plan {
	bool is_possible;
	size_t n;
	const cedar_change *changes;
};
static const struct plan impossible = { .is_possible = false }, nothing = { .is_possible = true };

struct maker {
	struct why *w;
	uint32_t policy; /* what the changes are for */
	bool no_memory;
};

/* plan.c */
struct plan cedar_plan_both(struct maker *m, struct plan a, struct plan b);
struct plan cedar_plan_cheaper(struct plan a, struct plan b);
struct plan cedar_plan_one(struct maker *m, cedar_change c);
/* An expression becomes true, or false; an error is neither. */
struct plan cedar_plan_make(struct maker *m, const struct expr *e, bool want);
struct plan cedar_plan_member(
	struct maker *m, const cedar_uid *entity, const cedar_value *groups, bool want);

/* flip_try.c: asks again as if the changes had been made. CEDAR_DECISION_UNSET: they cannot be
 * made, or memory. */
cedar_decision cedar_flip_try(struct why *w, const cedar_change *changes, size_t n);
#endif
