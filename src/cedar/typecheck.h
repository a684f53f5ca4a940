/* Inside the typechecker. An answer that is not ok still has a type where one can be told, so that
 * one mistake does not hide the next. */
#ifndef RV_CEDAR_TYPECHECK_H
#define RV_CEDAR_TYPECHECK_H
#include "cedar/caps.h"
#include "cedar/validate.h"

static inline struct span at_of(const struct node *n)
{
	return (struct span){ n->offset, n->length };
}
static inline struct answer ok(const struct type *t)
{
	return (struct answer){ t, true, NULL };
}
static inline struct answer bad(const struct type *t)
{
	return (struct answer){ t, false, NULL };
}
/* The answer of a whole that has this part: as good as its parts are. */
static inline struct answer after(struct answer part, struct answer whole)
{
	return part.is_ok ? whole : bad(whole.type);
}
static inline const struct type *ty_bool_of(bool b)
{
	return b ? &cedar_ty_true : &cedar_ty_false;
}

struct answer cedar_tc(struct checker *c, const struct caps *prior, struct node *n);
/* Help for a type that was not expected; NULL: none. */
typedef const char *unexpected_help(const struct type *got);
/* The node must be of one of n types; where it is not, its type is unknown. */
struct answer cedar_tc_one_of(struct checker *c, const struct caps *prior, struct node *n,
	const struct type *const *want, size_t n_want, unexpected_help *help);
struct answer cedar_tc_is(struct checker *c, const struct caps *prior, struct node *n,
	const struct type *want, unexpected_help *help);
void cedar_tc_unexpected(struct checker *c, const struct node *n, const char *want,
	const struct type *got, const char *help);
/* The bound of two types, or a finding of what must fit together. */
const struct type *cedar_tc_bound(struct checker *c, const struct node *n, const struct type *a,
	const struct type *b, const char *what);
const struct caps *cedar_tc_both(
	struct checker *c, const struct caps *x, const struct caps *y); /* union */

/* typecheck_ops.c, typecheck_access.c, typecheck_in.c */
struct answer cedar_tc_binary(struct checker *c, const struct caps *prior, struct node *n);
struct answer cedar_tc_call(struct checker *c, const struct caps *prior, struct node *n);
struct answer cedar_tc_attr(struct checker *c, const struct caps *prior, struct node *n);
struct answer cedar_tc_has(struct checker *c, const struct caps *prior, struct node *n);
struct answer cedar_tc_has_tag(struct checker *c, const struct caps *prior, struct node *n);
struct answer cedar_tc_get_tag(struct checker *c, const struct caps *prior, struct node *n);
struct answer cedar_tc_in(struct checker *c, const struct caps *prior, struct node *n);
#endif
