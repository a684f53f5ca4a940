/* The core of the language that the validator checks: what is only another spelling is gone, so
 * that one rule stands for each thing that can be said. `!=`, `>`, `>=`, `is … in` and `has a.b`
 * become the operators they are defined by, `&&` and `||` of two literals become a literal, and the
 * scope becomes an expression. */
#ifndef RV_CEDAR_CORE_H
#define RV_CEDAR_CORE_H
#include "cedar/schema.h"

/* What is known to be there: an attribute or a tag of what an expression yields. Immutable, in the
 * arena of one environment; NULL is the empty set. */
struct caps;
/* What checking found. */
struct answer {
	const struct type *type; /* NULL: could not be told */
	bool is_ok;
	const struct caps *caps; /* hold once the expression was true; NULL unless is_ok */
};

enum taken { TAKEN_BOTH, TAKEN_FIRST, TAKEN_SECOND };
struct node {
	uint8_t op; /* enum op, without OP_NE, OP_GT, OP_GE; OP_HAS has one name, OP_IS no `in` */
	uint8_t fn; /* OP_CALL */
	uint8_t taken; /* enum taken of the last check: && || if may need one side only */
	bool is_shared; /* stands in several places, where it means the same */
	uint16_t depth;
	uint32_t offset, length; /* in the source; length 0: unknown */
	uint64_t hash; /* of the shape: places aside */
	uint32_t n;
	struct node *a, *b, *c;
	struct node **items; /* OP_SET, OP_CALL, and OP_RECORD, there by name */
	const cedar_str *names; /* OP_RECORD */
	const struct pattern_part *pattern; /* OP_LIKE: n parts */
	cedar_str name; /* OP_ATTR, OP_HAS, OP_IS */
	cedar_value lit; /* OP_LIT */
	uint64_t seen; /* the last pass that came by */
	uint64_t stamp; /* the last environment checked in, and what came of it */
	struct answer answer;
};

/* The whole policy as one expression. *ret_condition: the conditions alone, NULL without any.
 * Errors: CEDAR_ELIMIT memory, or deeper than DEPTH_MAX. */
cedar_code cedar_core_policy(struct rv_arena *a, const struct policy *p, struct node **ret,
	struct node **ret_condition, cedar_error *err);
/* The same but for the places. */
bool cedar_core_same(const struct node *a, const struct node *b);
static inline bool cedar_core_is_lit(const struct node *n, cedar_kind kind)
{
	return n->op == OP_LIT && n->lit.kind == kind;
}
#endif
