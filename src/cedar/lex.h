/* Tokens of policy text. Private to cedar/. */
#ifndef RV_CEDAR_LEX_H
#define RV_CEDAR_LEX_H
#include "cedar/cedar_int.h"

enum token_kind {
	TOK_END,
	TOK_IDENT,
	TOK_NUMBER,
	TOK_STRING, /* text: between the quotes, escapes untouched */
	TOK_SLOT, /* text: "principal" or "resource" */
	TOK_OP, /* op: its characters, first one lowest: '=' '=' is '==' */
	TOK_BAD,
};
struct token {
	enum token_kind kind;
	uint16_t op;
	size_t at, n; /* in the text */
	cedar_str text;
};
#define OP1(a) ((uint16_t)(a))
#define OP2(a, b) ((uint16_t)((a) | (b) << 8))

struct lexer {
	cedar_str text;
	size_t at;
	struct token tok; /* the current one */
	size_t before; /* end of the one before */
	cedar_error *err;
};
/* Reads the first or the next token. Errors: CEDAR_EPARSE with place. */
cedar_code cedar_lex_init(struct lexer *l, cedar_str text, cedar_error *err);
cedar_code cedar_lex_next(struct lexer *l);
/* Marks the error's place, unless it has one. */
cedar_code cedar_lex_fail(struct lexer *l, size_t at, size_t n, const char *fmt, ...)
	RV_PRINTF(4, 5);
void cedar_error_place(cedar_error *err, cedar_str text, size_t at, size_t n);
/* The string a literal stands for. In a pattern "\*" is allowed: *parts, otherwise *ret. at: of the
 * literal's text. */
cedar_code cedar_unescape(
	struct lexer *l, struct rv_arena *a, const struct token *t, cedar_str *ret);
cedar_code cedar_unescape_pattern(struct lexer *l, struct rv_arena *a, const struct token *t,
	const struct pattern_part **ret, uint32_t *ret_n);
#endif
