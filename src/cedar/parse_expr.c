/* Operators, loosest last. */
#include "cedar/parse.h"

#include <stdio.h>

static cedar_code binary(struct parser *p, enum op op, const struct expr *a, const struct expr *b,
	const struct expr **ret)
{
	struct expr *e = cedar_parse_node(p, op, a->offset, a, b);
	return cedar_parse_seal(p, e, ret);
}

/* The last '-' before a number belongs to the number, so that the smallest integer can be written.
 */
static cedar_code parse_negative(struct parser *p, size_t at, const struct expr **ret)
{
	char z[24];
	const struct token t = p->lex.tok;
	int64_t v;
	int n = snprintf(z, sizeof z, "-%.*s", t.text.n > 20 ? 20 : RV_FMT(t.text));
	if (t.text.n > 20 || !rv_str_i64(rv_str_n(z, (size_t)n), &v))
		return cedar_lex_fail(
			&p->lex, t.at, t.n, "integer literal '%.*s' is too large", RV_FMT(t.text));
	CEDAR_TRY(next(p));
	if (is_op(p, OP1('.')) || is_op(p, OP1('['))) { /* -5.a is -(5.a), as 5.a binds closer */
		const struct expr *e;
		if (v == INT64_MIN)
			return cedar_lex_fail(&p->lex, t.at, t.n,
				"integer literal '%.*s' is too large", RV_FMT(t.text));
		CEDAR_TRY(cedar_parse_literal(p, t.at, cedar_long(-v), &e));
		CEDAR_TRY(cedar_parse_members(p, e, &e));
		return cedar_parse_seal(p, cedar_parse_node(p, OP_NEG, at, e, NULL), ret);
	}
	return cedar_parse_literal(p, at, cedar_long(v), ret);
}

static cedar_code parse_unary(struct parser *p, const struct expr **ret)
{
	enum { MOST = 4 };
	size_t starts[MOST];
	size_t n = 0;
	bool minus = is_op(p, OP1('-'));
	uint16_t op = minus ? OP1('-') : OP1('!');
	while (is_op(p, op)) {
		if (n == MOST)
			return cedar_lex_fail(&p->lex, p->lex.tok.at, 1,
				"too many occurrences of '%c'", (char)op);
		starts[n++] = p->lex.tok.at;
		CEDAR_TRY(next(p));
	}
	const struct expr *e;
	if (minus && n > 0 && p->lex.tok.kind == TOK_NUMBER) {
		n--;
		CEDAR_TRY(parse_negative(p, starts[n], &e));
	} else {
		CEDAR_TRY(cedar_parse_member(p, &e));
	}
	while (n-- > 0)
		CEDAR_TRY(cedar_parse_seal(
			p, cedar_parse_node(p, minus ? OP_NEG : OP_NOT, starts[n], e, NULL), &e));
	*ret = e;
	return CEDAR_OK;
}

static cedar_code parse_mult(struct parser *p, const struct expr **ret)
{
	const struct expr *e, *r;
	CEDAR_TRY(parse_unary(p, &e));
	for (;;) {
		if (is_op(p, OP1('/')))
			return cedar_lex_fail(
				&p->lex, p->lex.tok.at, 1, "division is not supported");
		if (is_op(p, OP1('%')))
			return cedar_lex_fail(
				&p->lex, p->lex.tok.at, 1, "remainder/modulo is not supported");
		if (!is_op(p, OP1('*')))
			break;
		CEDAR_TRY(next(p));
		CEDAR_TRY(parse_unary(p, &r));
		CEDAR_TRY(binary(p, OP_MUL, e, r, &e));
	}
	*ret = e;
	return CEDAR_OK;
}

static cedar_code parse_add(struct parser *p, const struct expr **ret)
{
	const struct expr *e, *r;
	CEDAR_TRY(parse_mult(p, &e));
	while (is_op(p, OP1('+')) || is_op(p, OP1('-'))) {
		enum op op = is_op(p, OP1('+')) ? OP_ADD : OP_SUB;
		CEDAR_TRY(next(p));
		CEDAR_TRY(parse_mult(p, &r));
		CEDAR_TRY(binary(p, op, e, r, &e));
	}
	*ret = e;
	return CEDAR_OK;
}

static cedar_code parse_has(struct parser *p, const struct expr *a, const struct expr **ret)
{
	struct list l = { 0 };
	cedar_str name;
	if (p->lex.tok.kind == TOK_STRING) {
		CEDAR_TRY(cedar_unescape(&p->lex, p->arena, &p->lex.tok, &name));
		CEDAR_TRY(next(p));
		if (!cedar_parse_list_add(p, &l, a, &name))
			return CEDAR_FAIL_MEMORY(p->lex.err);
	} else {
		for (;;) {
			if (p->lex.tok.kind != TOK_IDENT)
				return cedar_parse_unexpected(p, "an attribute name or a string");
			CEDAR_TRY(cedar_parse_check_ident(p, &p->lex.tok));
			name = p->lex.tok.text;
			CEDAR_TRY(next(p));
			if (!cedar_parse_list_add(p, &l, a, &name))
				return CEDAR_FAIL_MEMORY(p->lex.err);
			if (!is_op(p, OP1('.')))
				break;
			CEDAR_TRY(next(p));
		}
	}
	struct expr *e = cedar_parse_node(p, OP_HAS, a->offset, a, NULL);
	if (e) {
		e->names = l.names;
		e->n = l.n;
	}
	return cedar_parse_seal(p, e, ret);
}

static cedar_code parse_like(struct parser *p, const struct expr *a, const struct expr **ret)
{
	if (p->lex.tok.kind != TOK_STRING)
		return cedar_parse_unexpected(p, "a string literal: the pattern");
	const struct pattern_part *parts;
	uint32_t n;
	CEDAR_TRY(cedar_unescape_pattern(&p->lex, p->arena, &p->lex.tok, &parts, &n));
	CEDAR_TRY(next(p));
	struct expr *e = cedar_parse_node(p, OP_LIKE, a->offset, a, NULL);
	if (e) {
		e->pattern = parts;
		e->n = n;
	}
	return cedar_parse_seal(p, e, ret);
}

static cedar_code parse_is(struct parser *p, const struct expr *a, const struct expr **ret)
{
	cedar_str type;
	const struct expr *in = NULL;
	CEDAR_TRY(cedar_parse_type(p, &type));
	if (is_word(p, "in")) {
		CEDAR_TRY(next(p));
		CEDAR_TRY(parse_add(p, &in));
	}
	struct expr *e = cedar_parse_node(p, OP_IS, a->offset, a, in);
	if (e)
		e->name = type;
	return cedar_parse_seal(p, e, ret);
}

static bool rel_op(const struct parser *p, enum op *ret)
{
	static const struct {
		uint16_t token;
		enum op op;
	} ops[] = { { OP2('=', '='), OP_EQ }, { OP2('!', '='), OP_NE }, { OP1('<'), OP_LT },
		{ OP2('<', '='), OP_LE }, { OP1('>'), OP_GT }, { OP2('>', '='), OP_GE } };
	for (size_t i = 0; i < RV_COUNT(ops); i++)
		if (is_op(p, ops[i].token)) {
			*ret = ops[i].op;
			return true;
		}
	*ret = OP_IN;
	return is_word(p, "in");
}

static cedar_code parse_rel(struct parser *p, const struct expr **ret)
{
	const struct expr *e, *r;
	enum op op;
	CEDAR_TRY(parse_add(p, &e));
	if (rel_op(p, &op)) {
		CEDAR_TRY(next(p));
		CEDAR_TRY(parse_add(p, &r));
		CEDAR_TRY(binary(p, op, e, r, &e));
	} else if (is_word(p, "has")) {
		CEDAR_TRY(next(p));
		CEDAR_TRY(parse_has(p, e, &e));
	} else if (is_word(p, "like")) {
		CEDAR_TRY(next(p));
		CEDAR_TRY(parse_like(p, e, &e));
	} else if (is_word(p, "is")) {
		CEDAR_TRY(next(p));
		CEDAR_TRY(parse_is(p, e, &e));
	}
	if (rel_op(p, &op) || is_word(p, "has") || is_word(p, "like") || is_word(p, "is"))
		return cedar_lex_fail(&p->lex, p->lex.tok.at, p->lex.tok.n,
			"multiple relational operators must be put in parentheses");
	if (is_op(p, OP1('=')))
		return cedar_lex_fail(
			&p->lex, p->lex.tok.at, 1, "'=' is not an operator; use '=='");
	*ret = e;
	return CEDAR_OK;
}

static cedar_code parse_and(struct parser *p, const struct expr **ret)
{
	const struct expr *e, *r;
	CEDAR_TRY(parse_rel(p, &e));
	while (is_op(p, OP2('&', '&'))) {
		CEDAR_TRY(next(p));
		CEDAR_TRY(parse_rel(p, &r));
		CEDAR_TRY(binary(p, OP_AND, e, r, &e));
	}
	*ret = e;
	return CEDAR_OK;
}

static cedar_code parse_or(struct parser *p, const struct expr **ret)
{
	const struct expr *e, *r;
	CEDAR_TRY(parse_and(p, &e));
	while (is_op(p, OP2('|', '|'))) {
		CEDAR_TRY(next(p));
		CEDAR_TRY(parse_and(p, &r));
		CEDAR_TRY(binary(p, OP_OR, e, r, &e));
	}
	*ret = e;
	return CEDAR_OK;
}

static cedar_code parse_if(struct parser *p, const struct expr **ret)
{
	size_t at = p->lex.tok.at;
	const struct expr *c, *t, *f;
	CEDAR_TRY(next(p));
	CEDAR_TRY(cedar_parse_expression(p, &c));
	if (!is_word(p, "then"))
		return cedar_parse_unexpected(p, "'then'");
	CEDAR_TRY(next(p));
	CEDAR_TRY(cedar_parse_expression(p, &t));
	if (!is_word(p, "else"))
		return cedar_parse_unexpected(p, "'else'");
	CEDAR_TRY(next(p));
	CEDAR_TRY(cedar_parse_expression(p, &f));
	struct expr *e = cedar_parse_node(p, OP_IF, at, c, t);
	if (e)
		e->c = f;
	return cedar_parse_seal(p, e, ret);
}

cedar_code cedar_parse_expression(struct parser *p, const struct expr **ret)
{
	if (++p->depth > DEPTH_MAX / 4) {
		(void)cedar_lex_fail(&p->lex, p->lex.tok.at, p->lex.tok.n,
			"expressions nest more than %d deep", DEPTH_MAX / 4);
		if (p->lex.err)
			p->lex.err->code = CEDAR_ELIMIT;
		return CEDAR_ELIMIT;
	}
	cedar_code code = is_word(p, "if") ? parse_if(p, ret) : parse_or(p, ret);
	p->depth--;
	return code;
}
