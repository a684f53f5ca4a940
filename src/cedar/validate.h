/* Inside the validator: findings, and what its passes share. */
#ifndef RV_CEDAR_VALIDATE_H
#define RV_CEDAR_VALIDATE_H
#include "cedar/core.h"
#include "cedar/types.h"

/* Every finding: X(FINDING, stable code, warning) */
#define CEDAR_FINDINGS(X)                                           \
	X(UNKNOWN_ENTITY_TYPE, "unknown-entity-type", false)        \
	X(UNKNOWN_ACTION, "unknown-action", false)                  \
	X(UNKNOWN_ID, "unknown-id", false)                          \
	X(NO_APPLICABLE_ACTION, "no-applicable-action", false)      \
	X(UNEXPECTED_TYPE, "unexpected-type", false)                \
	X(INCOMPATIBLE_TYPES, "incompatible-types", false)          \
	X(UNKNOWN_ATTRIBUTE, "unknown-attribute", false)            \
	X(UNGUARDED_ATTRIBUTE, "unguarded-attribute", false)        \
	X(UNGUARDED_TAG, "unguarded-tag", false)                    \
	X(NO_TAGS, "no-tags", false)                                \
	X(ARGUMENT_COUNT, "argument-count", false)                  \
	X(MALFORMED_LITERAL, "malformed-literal", false)            \
	X(CONSTRUCTOR_ARGUMENT, "constructor-argument", false)      \
	X(EMPTY_SET, "empty-set", false)                            \
	X(LEVEL_EXCEEDED, "level-exceeded", false)                  \
	X(LITERAL_DEREFERENCE, "literal-dereference", false)        \
	X(TOO_DEEP, "too-deep", false)                              \
	X(IMPOSSIBLE_POLICY, "impossible-policy", true)             \
	X(INAPPLICABLE_SCOPE, "inapplicable-scope", true)           \
	X(MIXED_SCRIPT_STRING, "mixed-script-string", true)         \
	X(MIXED_SCRIPT_IDENTIFIER, "mixed-script-identifier", true) \
	X(BIDI_STRING, "bidi-string", true)                         \
	X(BIDI_IDENTIFIER, "bidi-identifier", true)                 \
	X(CONFUSABLE_IDENTIFIER, "confusable-identifier", true)
enum finding {
#define X(name, code, is_warning) FINDING_##name,
	CEDAR_FINDINGS(X)
#undef X
};

/* Gathers findings in the caller's scratch, each once a policy. */
struct reporter {
	struct rv_arena *arena;
	struct rv_arena *spill; /* forgotten after each policy: for what only counts */
	struct rv_arena *texts; /* one of the two */
	size_t max;
	cedar_diagnostic *list; /* may pass max while a policy is looked at */
	size_t n, cap;
	size_t n_errors, n_warnings;
	bool is_cut; /* more than max */
	bool is_full; /* memory */
	uint64_t pass; /* over a tree whose nodes may have several parents: see node.seen */
	/* The policy being looked at. */
	const struct policy *policy;
	uint32_t index;
	size_t first; /* its findings begin here */
};
/* True when this pass came by before. */
static inline bool cedar_report_seen(const struct reporter *r, struct node *n)
{
	bool seen = n->seen == r->pass;
	n->seen = r->pass;
	return seen;
}
void cedar_report_policy(struct reporter *r, const struct policy *p, uint32_t index);
/* The policy is done: what was found of it stands in the order of its text, and within max. */
void cedar_report_policy_done(struct reporter *r);
/* help: may be NULL. */
void cedar_found(struct reporter *r, enum finding what, struct span at, const char *help,
	const char *fmt, ...) RV_PRINTF(5, 6);
/* Text in the arena, "" when memory ran out. */
const char *cedar_report_text(struct reporter *r, const char *fmt, ...) RV_PRINTF(2, 3);
/* A type as messages show it, cut when it is long. */
const char *cedar_report_type(struct reporter *r, const cedar_schema *s, const struct type *t);
/* The policy's text there; "" when there is none. */
cedar_str cedar_report_source(const struct reporter *r, struct span at);

/* One of "did you mean": the word nearest to what was written, by insertions, deletions,
 * replacements and swaps. */
struct nearest {
	cedar_str written, best;
	size_t distance;
};
void cedar_nearest_start(struct nearest *n, cedar_str written);
void cedar_nearest_offer(struct nearest *n, cedar_str word);
/* "did you mean '…'?" in the arena, or NULL. */
const char *cedar_nearest_help(struct reporter *r, const struct nearest *n);

/* names.c: what the policy names must be in the schema, and an action must apply to its scope. */
void cedar_validate_names(
	struct reporter *r, const cedar_schema *s, const struct policy *p, struct node *condition);
void cedar_validate_scope(struct reporter *r, const cedar_schema *s, const struct policy *p,
	bool inapplicable_is_warning);
/* Of a linked policy: what fills its slots. */
void cedar_validate_slots(struct reporter *r, const cedar_schema *s, const cedar_uid *uid);

/* One kind of request. */
struct request_env {
	const struct action_type *action;
	uint32_t principal, resource;
	uint32_t principal_slot, resource_slot; /* NO_TYPE: no such slot */
};
struct checker {
	struct reporter *report;
	struct types types; /* its arena is the environment's, forgotten after it */
	const struct request_env *env;
	uint64_t stamp; /* of the environment */
	bool is_full; /* memory: the answers mean nothing */
};
/* The type of the whole, which must be Bool. */
struct answer cedar_tc_condition(struct checker *c, struct node *whole);
/* After it, for the same environment. */
void cedar_level(struct checker *c, struct node *whole, unsigned level);

/* confusable.c: text that looks like other text. */
void cedar_confusable(struct reporter *r, struct node *whole);
#endif
