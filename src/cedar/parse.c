/* Policy text into the tree: recursive descent over the grammar of language 4.5. Depth is counted
 * on the way down and in the tree, so that neither parser nor evaluator can be driven out of its
 * stack. Here: tokens, nodes, names, and the ways in. */
#include "cedar/parse.h"

#include <stdio.h>

/* ---- tokens ---- */

cedar_code cedar_parse_unexpected(struct parser *p, const char *want)
{
	const struct token *t = &p->lex.tok;
	if (t->kind == TOK_END)
		return cedar_lex_fail(
			&p->lex, t->at, 0, "unexpected end of input; expected %s", want);
	return cedar_lex_fail(&p->lex, t->at, t->n, "unexpected '%.*s'; expected %s",
		t->n > 40 ? 40 : (int)t->n, p->lex.text.p + t->at, want);
}

cedar_code cedar_parse_expect(struct parser *p, uint16_t op, const char *want)
{
	if (!is_op(p, op))
		return cedar_parse_unexpected(p, want);
	return next(p);
}

bool cedar_is_reserved(cedar_str s)
{
	static const char *const words[] = { "true", "false", "if", "then", "else", "in", "is",
		"like", "has", "__cedar" };
	for (size_t i = 0; i < RV_COUNT(words); i++)
		if (rv_str_eqz(rs(s), words[i]))
			return true;
	return false;
}

cedar_code cedar_parse_check_ident(struct parser *p, const struct token *t)
{
	if (cedar_is_reserved(t->text))
		return cedar_lex_fail(&p->lex, t->at, t->n,
			"this identifier is reserved and cannot be used: %.*s", RV_FMT(t->text));
	return CEDAR_OK;
}

bool cedar_is_path(cedar_str s)
{
	size_t from = 0;
	for (;;) {
		size_t i = from;
		while (i < s.n &&
			((s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= 'A' && s.p[i] <= 'Z') ||
				s.p[i] == '_' || (i > from && s.p[i] >= '0' && s.p[i] <= '9')))
			i++;
		cedar_str part = { s.p + from, i - from };
		if (part.n == 0 || cedar_is_reserved(part))
			return false;
		if (i == s.n)
			return true;
		if (i + 1 >= s.n || s.p[i] != ':' || s.p[i + 1] != ':')
			return false;
		from = i + 2;
	}
}

/* ---- tree ---- */

struct expr *cedar_parse_node(
	struct parser *p, enum op op, size_t at, const struct expr *a, const struct expr *b)
{
	struct expr *e = rv_arena_alloc(p->arena, sizeof *e);
	if (!e) {
		(void)CEDAR_FAIL_MEMORY(p->lex.err); /* callers see NULL */
		return NULL;
	}
	e->op = (uint8_t)op;
	e->a = a;
	e->b = b;
	e->offset = (uint32_t)at;
	e->length = (uint32_t)(p->lex.before - at);
	return e;
}

cedar_code cedar_parse_seal(struct parser *p, struct expr *e, const struct expr **ret)
{
	if (!e)
		return p->lex.err ? p->lex.err->code : CEDAR_ELIMIT;
	unsigned d = 0;
	const struct expr *const kids[] = { e->a, e->b, e->c };
	for (size_t i = 0; i < 3; i++)
		if (kids[i] && kids[i]->depth > d)
			d = kids[i]->depth;
	if (e->op == OP_SET || e->op == OP_RECORD || e->op == OP_CALL)
		for (size_t i = 0; i < e->n; i++)
			if (e->items[i]->depth > d)
				d = e->items[i]->depth;
	if (d >= DEPTH_MAX) {
		(void)cedar_lex_fail(&p->lex, e->offset, e->length,
			"the expression nests more than %d deep", DEPTH_MAX);
		if (p->lex.err)
			p->lex.err->code = CEDAR_ELIMIT;
		return CEDAR_ELIMIT;
	}
	e->depth = (uint16_t)(d + 1);
	*ret = e;
	return CEDAR_OK;
}

cedar_code cedar_parse_literal(struct parser *p, size_t at, cedar_value v, const struct expr **ret)
{
	struct expr *e = cedar_parse_node(p, OP_LIT, at, NULL, NULL);
	if (e)
		e->lit = v;
	return cedar_parse_seal(p, e, ret);
}

/* ---- paths and entities ---- */

cedar_code cedar_parse_path(struct parser *p, cedar_str *ret_type, cedar_str *ret_id)
{
	RV_AUTO_BUF b;
	rv_buf_init(&b, 1 << 16);
	*ret_id = (cedar_str){ NULL, 0 };
	for (;;) {
		CEDAR_TRY(cedar_parse_check_ident(p, &p->lex.tok));
		rv_buf_add(&b, rs(p->lex.tok.text));
		CEDAR_TRY(next(p));
		if (!is_op(p, OP2(':', ':')))
			break;
		CEDAR_TRY(next(p));
		if (p->lex.tok.kind == TOK_STRING) {
			CEDAR_TRY(cedar_unescape(&p->lex, p->arena, &p->lex.tok, ret_id));
			CEDAR_TRY(next(p));
			break;
		}
		if (p->lex.tok.kind != TOK_IDENT)
			return cedar_parse_unexpected(p, "a name or a string behind '::'");
		rv_buf_addz(&b, "::");
	}
	*ret_type = cs(rv_arena_str(p->arena, rv_buf_str(&b)));
	if (b.failed || !ret_type->p)
		return CEDAR_FAIL_MEMORY(p->lex.err);
	return CEDAR_OK;
}

const cedar_uid *cedar_parse_new_uid(struct parser *p, cedar_str type, cedar_str id)
{
	cedar_uid *u = rv_arena_alloc(p->arena, sizeof *u);
	if (u)
		*u = cedar_uid_of(type, id);
	else
		(void)CEDAR_FAIL_MEMORY(p->lex.err); /* callers see NULL */
	return u;
}

cedar_code cedar_parse_entity(struct parser *p, const cedar_uid **ret)
{
	size_t at = p->lex.tok.at;
	cedar_str type, id;
	if (p->lex.tok.kind != TOK_IDENT)
		return cedar_parse_unexpected(p, "an entity such as User::\"alice\"");
	CEDAR_TRY(cedar_parse_path(p, &type, &id));
	if (!id.p)
		return cedar_lex_fail(&p->lex, at, p->lex.before - at,
			"expected an entity uid, found the name '%.*s'", RV_FMT(type));
	*ret = cedar_parse_new_uid(p, type, id);
	return *ret ? CEDAR_OK : CEDAR_ELIMIT;
}

cedar_code cedar_parse_type(struct parser *p, cedar_str *ret)
{
	size_t at = p->lex.tok.at;
	cedar_str id;
	if (p->lex.tok.kind != TOK_IDENT)
		return cedar_lex_fail(&p->lex, at, p->lex.tok.n,
			"right hand side of an 'is' expression must be an entity type name");
	CEDAR_TRY(cedar_parse_path(p, ret, &id));
	if (id.p)
		return cedar_lex_fail(&p->lex, at, p->lex.before - at,
			"right hand side of an 'is' expression must be an entity type name, not an "
			"entity");
	return CEDAR_OK;
}

cedar_code cedar_parse_help(struct parser *p, cedar_code code, const char *help)
{
	if (p->lex.err && p->lex.err->help[0] == '\0')
		(void)snprintf(p->lex.err->help, sizeof p->lex.err->help, "%s", help); /* fits */
	return code;
}

/* ---- ways in ---- */

static cedar_code parse_whole(
	struct rv_arena *a, cedar_str text, struct parser *p, cedar_error *err)
{
	*p = (struct parser){ .arena = a };
	cedar_str copy = cs(rv_arena_str(a, rs(text)));
	if (!copy.p)
		return CEDAR_FAIL_MEMORY(err);
	return cedar_lex_init(&p->lex, copy, err);
}

cedar_code cedar_parse_expr(
	struct rv_arena *a, cedar_str text, const struct expr **ret, cedar_error *err)
{
	struct parser p;
	CEDAR_TRY(parse_whole(a, text, &p, err));
	CEDAR_TRY(cedar_parse_expression(&p, ret));
	return p.lex.tok.kind == TOK_END ? CEDAR_OK
					 : cedar_parse_unexpected(&p, "the end of the expression");
}

cedar_code cedar_expression_check(cedar_str expression, cedar_error *err)
{
	RV_AUTO_ARENA a;
	const struct expr *e;
	rv_arena_init(&a, SIZE_MAX / 2);
	return cedar_parse_expr(&a, expression, &e, err);
}

cedar_code cedar_parse_uid(struct rv_arena *a, cedar_str text, cedar_uid *ret, cedar_error *err)
{
	struct parser p;
	const cedar_uid *u;
	CEDAR_TRY(parse_whole(a, text, &p, err));
	CEDAR_TRY(cedar_parse_entity(&p, &u));
	if (p.lex.tok.kind != TOK_END)
		return cedar_parse_unexpected(&p, "the end of the entity");
	*ret = *u;
	return CEDAR_OK;
}
