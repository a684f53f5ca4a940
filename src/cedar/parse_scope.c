/* The scope of a policy. */
#include "cedar/parse.h"

/* Scopes may put what they name into parentheses; they mean nothing. */
static cedar_code open_parens(struct parser *p, size_t *n)
{
	for (*n = 0; is_op(p, OP1('(')); (*n)++)
		CEDAR_TRY(next(p));
	return CEDAR_OK;
}

static cedar_code close_parens(struct parser *p, size_t n)
{
	for (; n > 0; n--)
		CEDAR_TRY(cedar_parse_expect(p, OP1(')'), "')'"));
	return CEDAR_OK;
}

/* From there to what was taken last. */
static struct span span_from(const struct parser *p, size_t at)
{
	return (struct span){ (uint32_t)at, (uint32_t)(p->lex.before - at) };
}

static cedar_code parse_scope_bare(struct parser *p, const char *var, struct scope *s)
{
	if (p->lex.tok.kind == TOK_SLOT) {
		if (!rv_str_eqz(rs(p->lex.tok.text), var))
			return cedar_lex_fail(&p->lex, p->lex.tok.at, p->lex.tok.n,
				"expected '?%s' here, found '?%.*s'", var, RV_FMT(p->lex.tok.text));
		s->is_slot = p->saw_slot = true;
		return next(p);
	}
	if (is_op(p, OP1('[')))
		return cedar_lex_fail(&p->lex, p->lex.tok.at, 1,
			"expected single entity uid or template slot, found set of entity uids");
	return cedar_parse_entity(p, &s->uid);
}

static cedar_code parse_scope_entity(struct parser *p, const char *var, struct scope *s)
{
	size_t parens;
	CEDAR_TRY(open_parens(p, &parens));
	size_t at = p->lex.tok.at;
	CEDAR_TRY(parse_scope_bare(p, var, s));
	s->uid_at = span_from(p, at);
	return close_parens(p, parens);
}

const char cedar_scope_help[] = "a scope names 'principal', 'action' and 'resource', in that order";

/* What may not follow a scope's element, said more plainly than "expected ','". */
static cedar_code check_scope_end(struct parser *p, const char *operators)
{
	static const uint16_t others[] = { OP2('!', '='), OP1('<'), OP2('<', '='), OP1('>'),
		OP2('>', '='), OP2('=', '=') };
	const struct token *t = &p->lex.tok;
	if (is_op(p, OP1('=')))
		return cedar_parse_help(p,
			cedar_lex_fail(&p->lex, t->at, t->n, "'=' is not an operator"),
			"use '==' to compare");
	for (size_t i = 0; i < RV_COUNT(others); i++)
		if (is_op(p, others[i]))
			return cedar_parse_help(p,
				cedar_lex_fail(&p->lex, t->at, t->n,
					"'%.*s' cannot be used here in the scope", (int)t->n,
					p->lex.text.p + t->at),
				operators);
	if (is_word(p, "is"))
		return cedar_parse_help(p,
			cedar_lex_fail(&p->lex, t->at, t->n,
				"where 'is' and 'in' are used together, 'is' must come first"),
			"write '... is TYPE in ENTITY'");
	return CEDAR_OK;
}

static cedar_code parse_var(struct parser *p, const char *var)
{
	static const char *const all[] = { "principal", "action", "resource" };
	for (size_t i = 0; i < RV_COUNT(all); i++)
		if (is_word(p, all[i]) && strcmp(all[i], var) != 0)
			return cedar_parse_help(p,
				cedar_lex_fail(&p->lex, p->lex.tok.at, p->lex.tok.n,
					"found the variable '%s' where the variable '%s' must be "
					"used",
					all[i], var),
				cedar_scope_help);
	if (!is_word(p, var))
		return cedar_parse_help(p, cedar_parse_unexpected(p, var), cedar_scope_help);
	CEDAR_TRY(next(p));
	if (is_op(p, OP1(':')))
		return cedar_lex_fail(&p->lex, p->lex.tok.at, 1,
			"type constraints using ':' are not supported; use 'is'");
	return CEDAR_OK;
}

static cedar_code parse_scope_bounds(struct parser *p, const char *var, struct scope *s)
{
	CEDAR_TRY(parse_var(p, var));
	if (is_op(p, OP2('=', '='))) {
		s->op = SCOPE_EQ;
		CEDAR_TRY(next(p));
		return parse_scope_entity(p, var, s);
	}
	if (is_word(p, "in")) {
		s->op = SCOPE_IN;
		CEDAR_TRY(next(p));
		return parse_scope_entity(p, var, s);
	}
	if (!is_word(p, "is"))
		return CEDAR_OK;
	s->op = SCOPE_IS;
	CEDAR_TRY(next(p));
	size_t at = p->lex.tok.at;
	CEDAR_TRY(cedar_parse_type(p, &s->type));
	s->type_at = span_from(p, at);
	if (is_op(p, OP2('=', '=')))
		return cedar_lex_fail(
			&p->lex, p->lex.tok.at, 2, "'is' cannot be used together with '=='");
	if (!is_word(p, "in"))
		return CEDAR_OK;
	s->op = SCOPE_IS_IN;
	CEDAR_TRY(next(p));
	return parse_scope_entity(p, var, s);
}

cedar_code cedar_parse_scope(struct parser *p, const char *var, struct scope *s)
{
	CEDAR_TRY(parse_scope_bounds(p, var, s));
	return check_scope_end(p, "only '==', 'in', 'is' and 'is ... in' can stand here");
}

static cedar_code parse_action_entity(struct parser *p, const cedar_uid **ret, struct span *ret_at)
{
	size_t parens;
	CEDAR_TRY(open_parens(p, &parens));
	size_t at = p->lex.tok.at;
	CEDAR_TRY(cedar_parse_entity(p, ret));
	*ret_at = span_from(p, at);
	CEDAR_TRY(close_parens(p, parens));
	struct rv_str type = rs((*ret)->type);
	if (!rv_str_eqz(type, "Action") && !rv_str_ends(type, RV_STR("::Action")))
		return cedar_lex_fail(&p->lex, at, p->lex.before - at,
			"expected an entity uid with type 'Action' but got '%.*s'", RV_FMT(type));
	return CEDAR_OK;
}

static cedar_code parse_action_list(struct parser *p, struct scope *s)
{
	const cedar_uid **list = NULL;
	struct span *list_at = NULL;
	size_t cap = 0;
	CEDAR_TRY(next(p));
	while (!is_op(p, OP1(']'))) {
		if (s->n_list == cap) {
			size_t grown = cap ? cap * 2 : 4;
			const cedar_uid **more = rv_arena_array(p->arena, grown, sizeof *more);
			struct span *more_at = rv_arena_array(p->arena, grown, sizeof *more_at);
			if (!more || !more_at)
				return CEDAR_FAIL_MEMORY(p->lex.err);
			if (s->n_list > 0) {
				memcpy(more, list, s->n_list * sizeof *more);
				memcpy(more_at, list_at, s->n_list * sizeof *more_at);
			}
			list = more;
			list_at = more_at;
			cap = grown;
		}
		CEDAR_TRY(parse_action_entity(p, &list[s->n_list], &list_at[s->n_list]));
		s->n_list++;
		if (!is_op(p, OP1(',')))
			break;
		CEDAR_TRY(next(p));
	}
	s->op = SCOPE_IN_LIST;
	s->list = list;
	s->list_at = list_at;
	return cedar_parse_expect(p, OP1(']'), "',' or ']'");
}

static cedar_code parse_action_bounds(struct parser *p, struct scope *s)
{
	CEDAR_TRY(parse_var(p, "action"));
	if (is_op(p, OP2('=', '='))) {
		s->op = SCOPE_EQ;
		CEDAR_TRY(next(p));
		return parse_action_entity(p, &s->uid, &s->uid_at);
	}
	if (is_word(p, "is"))
		return cedar_lex_fail(
			&p->lex, p->lex.tok.at, 2, "'is' cannot appear in the action scope");
	if (!is_word(p, "in"))
		return CEDAR_OK;
	size_t parens;
	CEDAR_TRY(next(p));
	CEDAR_TRY(open_parens(p, &parens));
	if (is_op(p, OP1('['))) {
		CEDAR_TRY(parse_action_list(p, s));
	} else {
		s->op = SCOPE_IN;
		CEDAR_TRY(parse_action_entity(p, &s->uid, &s->uid_at));
	}
	return close_parens(p, parens);
}

cedar_code cedar_parse_action(struct parser *p, struct scope *s)
{
	CEDAR_TRY(parse_action_bounds(p, s));
	return check_scope_end(p, "only '==' and 'in' can stand behind 'action'");
}
