/* Capabilities: what a condition has shown to be there, so that what is optional may be read behind
 * it. `e has a` shows (e, a); `e.hasTag(t)` shows (e, t). Sets are immutable trees in an arena. */
#ifndef RV_CEDAR_CAPS_H
#define RV_CEDAR_CAPS_H
#include "cedar/core.h"

/* NULL: memory. */
const struct caps *cedar_caps_attr(struct rv_arena *a, const struct node *on, cedar_str attr);
const struct caps *cedar_caps_tag(
	struct rv_arena *a, const struct node *on, const struct node *tag);
/* Either may be the empty set, NULL. *ret_full: memory ran out. */
const struct caps *cedar_caps_union(
	struct rv_arena *a, const struct caps *x, const struct caps *y, bool *ret_full);
const struct caps *cedar_caps_intersection(
	struct rv_arena *a, const struct caps *x, const struct caps *y, bool *ret_full);
bool cedar_caps_has_attr(const struct caps *c, const struct node *on, cedar_str attr);
bool cedar_caps_has_tag(const struct caps *c, const struct node *on, const struct node *tag);
#endif
