/* What the files of the parser of policy text share. parse.c: tokens, nodes, names. parse_expr.c:
 * operators. parse_primary.c: what operators join. parse_scope.c, parse_policy.c: the rest. Private
 * to cedar/. */
#ifndef RV_CEDAR_PARSE_H
#define RV_CEDAR_PARSE_H
#include "cedar/lex.h"

struct parser {
	struct lexer lex;
	struct rv_arena *arena;
	unsigned depth;
	bool saw_slot;
	/* Where lines were counted to, so that a large text is walked once. */
	size_t counted, line_start;
	unsigned line;
};

static inline bool is_op(const struct parser *p, uint16_t op)
{
	return p->lex.tok.kind == TOK_OP && p->lex.tok.op == op;
}
static inline bool is_word(const struct parser *p, const char *word)
{
	return p->lex.tok.kind == TOK_IDENT && rv_str_eqz(rs(p->lex.tok.text), word);
}
static inline cedar_code next(struct parser *p)
{
	return cedar_lex_next(&p->lex);
}

/* "unexpected '…'; expected WANT" at the current token. */
cedar_code cedar_parse_unexpected(struct parser *p, const char *want);
cedar_code cedar_parse_expect(struct parser *p, uint16_t op, const char *want);
/* Sets what to do about the error just made; returns code. */
cedar_code cedar_parse_help(struct parser *p, cedar_code code, const char *help);
cedar_code cedar_parse_check_ident(struct parser *p, const struct token *t);

/* A node that begins at `at` and ends with the token before the current one. NULL: memory. */
struct expr *cedar_parse_node(
	struct parser *p, enum op op, size_t at, const struct expr *a, const struct expr *b);
/* Sets the depth from the children; refuses what is too deep. e may be NULL: memory. */
cedar_code cedar_parse_seal(struct parser *p, struct expr *e, const struct expr **ret);
cedar_code cedar_parse_literal(struct parser *p, size_t at, cedar_value v, const struct expr **ret);

/* ident ('::' ident)* ['::' STRING]; *ret_id.p != NULL when it is an entity. The current token is
 * the first identifier. */
cedar_code cedar_parse_path(struct parser *p, cedar_str *ret_type, cedar_str *ret_id);
const cedar_uid *cedar_parse_new_uid(struct parser *p, cedar_str type, cedar_str id);
cedar_code cedar_parse_entity(struct parser *p, const cedar_uid **ret);
cedar_code cedar_parse_type(struct parser *p, cedar_str *ret);

/* Items, and names beside them, that grow. */
struct list {
	const struct expr **items;
	cedar_str *names;
	uint32_t n, cap;
};
bool cedar_parse_list_add(
	struct parser *p, struct list *l, const struct expr *e, const cedar_str *name);

cedar_code cedar_parse_expression(struct parser *p, const struct expr **ret);
cedar_code cedar_parse_member(struct parser *p, const struct expr **ret);
/* The '.a', '["a"]' and '.m(…)' behind e. */
cedar_code cedar_parse_members(struct parser *p, const struct expr *e, const struct expr **ret);
/* var: "principal" or "resource". */
cedar_code cedar_parse_scope(struct parser *p, const char *var, struct scope *s);
cedar_code cedar_parse_action(struct parser *p, struct scope *s);
extern const char cedar_scope_help[];
#endif
