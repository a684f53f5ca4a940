/* What policies are compiled to. Private to cedar/.
 *
 * Each condition becomes a compact tree of its own: constants folded (only where the result is
 * certain: an expression that fails keeps failing at run time), attribute names hashed, attributes
 * of principal, action, resource and context reached in one step. Nothing in it changes afterwards.
 * A rule is a policy as requests meet it: what its head asks for, then its tests in order. */
#ifndef RV_CEDAR_CODE_H
#define RV_CEDAR_CODE_H
#include "cedar/cedar_int.h"

/* The operations are those of the tree (enum op) and these. */
enum code_op {
	OP_WHO_ATTR = OP_CALL + 1, /* key of who */
	OP_CONTEXT_ATTR, /* key */
	OP_WHO_HAS, /* one key of who */
};
struct code {
	uint8_t op;
	uint8_t fn;
	uint8_t who;
	uint32_t n;
	const struct code *a, *b, *c;
	union {
		cedar_value lit;
		struct key key;
		cedar_str type;
		struct {
			const struct key *keys;
			const struct code *const *items;
		};
		const struct pattern_part *pattern;
	};
};
struct test {
	const struct code *code;
	bool want;
};
/* A part of the head. */
struct match {
	uint8_t op; /* enum scope_op */
	uint32_t n;
	union {
		const cedar_uid *uid;
		const cedar_uid *const *list;
	};
	const cedar_str *type;
};
struct rule {
	uint32_t policy;
	uint32_t n_tests;
	const struct test *tests;
	bool is_forbid;
	struct match heads[WHO_COUNT];
};
struct rules {
	struct rule *list;
	size_t n;
	struct cedar_index *index; /* NULL: walk all */
};

/* compile.c. a: where the tree lives, and what it refers to. NULL: memory. */
const struct code *cedar_compile(struct rv_arena *a, const struct expr *e, bool fold);
/* An "and", "or" or "if" whose left side is known: what is left of it, or itself. */
struct code *cedar_fold_logic(struct code *c);
/* All policies that are no templates. */
cedar_code cedar_rules_build(cedar_policies *ps, bool no_index, cedar_error *err);
void cedar_rules_free(struct rules *r);

/* eval.c */
/* False: env->failure. */
bool cedar_run(struct env *env, const struct code *c, cedar_value *ret);
/* 1, 0, or -1: it failed, perhaps because it is no truth value. */
int cedar_test(struct env *env, const struct code *c);

/* authorize.c */
bool cedar_match(const struct env *env, const struct match *m, unsigned who);
/* 1 satisfied, 0 not, -1 failed. The head fits. */
int cedar_rule_tests(struct env *env, const struct rule *r);

/* All that is so; env is ready. */
void cedar_rules_answer(const struct rules *rules, const struct env *env, cedar_answer *ret);

/* index.c: candidates for a request. What a head asks for cannot fail, so what it rules out neither
 * decides nor errs. */
struct cedar_index *cedar_index_new(const struct rule *rules, size_t n);
void cedar_index_free(struct cedar_index *ix);
/* found: the uid it was filed under (who is it, or is in it), or one of the same hash; NULL: it was
 * found otherwise. */
typedef void cedar_index_cb(void *arg, uint32_t rule, unsigned who, const cedar_uid *found);
/* A rule may come more than once. */
void cedar_index_each(
	const struct cedar_index *ix, const struct env *env, cedar_index_cb *cb, void *arg);
#endif
