/* The forms of a policy: text and JSON (EST), and what writes and reads them. Private to cedar/. */
#ifndef RV_CEDAR_FORMS_H
#define RV_CEDAR_FORMS_H
#include "cedar/json_path.h"

enum {
	OUT_MAX = 1 << 30, /* bytes written */
	EST_DEPTH_MAX = 400, /* of expressions in JSON */
	EST_JSON_DEPTH_MAX = 2 * EST_DEPTH_MAX + 16, /* of the JSON they are written in */
	NEST_MAX = DEPTH_MAX / 4, /* of expressions in text */
};

/* How JSON spells an operator: its name, and whether it has {"arg"} or {"left", "right"}. */
#define EST_OPS(X)                               \
	X(OP_NOT, "!", true)                     \
	X(OP_NEG, "neg", true)                   \
	X(OP_IS_EMPTY, "isEmpty", true)          \
	X(OP_AND, "&&", false)                   \
	X(OP_OR, "||", false)                    \
	X(OP_EQ, "==", false)                    \
	X(OP_NE, "!=", false)                    \
	X(OP_LT, "<", false)                     \
	X(OP_LE, "<=", false)                    \
	X(OP_GT, ">", false)                     \
	X(OP_GE, ">=", false)                    \
	X(OP_IN, "in", false)                    \
	X(OP_ADD, "+", false)                    \
	X(OP_SUB, "-", false)                    \
	X(OP_MUL, "*", false)                    \
	X(OP_CONTAINS, "contains", false)        \
	X(OP_CONTAINS_ALL, "containsAll", false) \
	X(OP_CONTAINS_ANY, "containsAny", false) \
	X(OP_GET_TAG, "getTag", false)           \
	X(OP_HAS_TAG, "hasTag", false)
struct est_op {
	enum op op;
	const char *name;
	bool is_unary;
};
extern const struct est_op cedar_est_ops[];
extern const size_t cedar_est_n_ops;

/* est_write.c: one policy as JSON. A link is written as the policy it makes. */
void cedar_est_put_policy(struct rv_buf *b, const struct policy *p);
void cedar_put_json_string(struct rv_buf *b, cedar_str s);

/* est_read.c, est_expr.c: JSON into a tree in an arena, which borrows from the document. Places and
 * depths of the tree are not set. */
cedar_code cedar_est_read_policy(struct rv_arena *a, const struct json_path *at,
	const struct rv_json *v, struct policy *ret, cedar_error *err);
cedar_code cedar_est_read_expr(struct rv_arena *a, const struct json_path *at,
	const struct rv_json *v, unsigned depth, const struct expr **ret, cedar_error *err);

/* text_write.c: one policy in one line of text. CEDAR_ELIMIT: it would nest too deep to be read. */
cedar_code cedar_put_policy(struct rv_buf *b, const struct policy *p, cedar_error *err);
/* spell.c */
/* A string literal, quotes included. */
void cedar_put_string(struct rv_buf *b, cedar_str s);
/* What stands between the quotes; in a pattern a star is escaped. */
void cedar_put_chars(struct rv_buf *b, cedar_str s, bool escape_star);
/* An identifier where it can be one, a string literal otherwise. */
void cedar_put_name(struct rv_buf *b, cedar_str s);
void cedar_put_uid(struct rv_buf *b, const cedar_uid *u);
bool cedar_is_ident(cedar_str s); /* and no reserved word */
/* Hands the text over, terminated; frees it when something did not fit. */
cedar_code cedar_buf_give(struct rv_buf *b, char **ret, size_t *ret_n, cedar_error *err);
#endif
