/* Literals, names, lists, records, calls, and the members behind them. */
#include "cedar/parse.h"

bool cedar_parse_list_add(
	struct parser *p, struct list *l, const struct expr *e, const cedar_str *name)
{
	if (l->n == l->cap) {
		uint32_t cap = l->cap ? l->cap * 2 : 4;
		const struct expr **items = rv_arena_array(p->arena, cap, sizeof *items);
		cedar_str *names = rv_arena_array(p->arena, cap, sizeof *names);
		if (!items || !names)
			return false;
		if (l->n > 0) {
			memcpy(items, l->items, l->n * sizeof *items);
			memcpy(names, l->names, l->n * sizeof *names);
		}
		*l = (struct list){ items, names, l->n, cap };
	}
	if (name)
		l->names[l->n] = *name;
	l->items[l->n++] = e;
	return true;
}

/* Expressions up to the closing mark, which is taken. */
static cedar_code parse_list(struct parser *p, uint16_t close, const char *want, struct list *l)
{
	while (!is_op(p, close)) {
		const struct expr *e;
		CEDAR_TRY(cedar_parse_expression(p, &e));
		if (!cedar_parse_list_add(p, l, e, NULL))
			return CEDAR_FAIL_MEMORY(p->lex.err);
		if (!is_op(p, OP1(',')))
			break;
		CEDAR_TRY(next(p));
	}
	return cedar_parse_expect(p, close, want);
}

static cedar_code list_expr(
	struct parser *p, enum op op, size_t at, const struct list *l, const struct expr **ret)
{
	struct expr *e = cedar_parse_node(p, op, at, NULL, NULL);
	if (e) {
		e->items = l->items;
		e->names = l->names;
		e->n = l->n;
	}
	return cedar_parse_seal(p, e, ret);
}

static int name_cmp(const void *a, const void *b)
{
	return rv_str_cmp(rs(**(const cedar_str *const *)a), rs(**(const cedar_str *const *)b));
}

static cedar_code check_keys(struct parser *p, const struct list *l, size_t at)
{
	const cedar_str **order = rv_arena_array(p->arena, l->n, sizeof *order);
	if (!order)
		return CEDAR_FAIL_MEMORY(p->lex.err);
	for (uint32_t i = 0; i < l->n; i++)
		order[i] = &l->names[i];
	qsort(order, l->n, sizeof *order, name_cmp);
	for (uint32_t i = 1; i < l->n; i++)
		if (str_eq(*order[i - 1], *order[i]))
			return cedar_lex_fail(&p->lex, at, p->lex.before - at,
				"duplicate key '%.*s' in record literal", RV_FMT(*order[i]));
	return CEDAR_OK;
}

static cedar_code parse_record(struct parser *p, const struct expr **ret)
{
	size_t at = p->lex.tok.at;
	struct list l = { 0 };
	CEDAR_TRY(next(p));
	while (!is_op(p, OP1('}'))) {
		cedar_str key;
		const struct expr *v;
		if (p->lex.tok.kind == TOK_STRING) {
			CEDAR_TRY(cedar_unescape(&p->lex, p->arena, &p->lex.tok, &key));
		} else if (p->lex.tok.kind == TOK_IDENT) {
			CEDAR_TRY(cedar_parse_check_ident(p, &p->lex.tok));
			key = p->lex.tok.text;
		} else {
			return cedar_parse_unexpected(p, "an attribute name");
		}
		CEDAR_TRY(next(p));
		CEDAR_TRY(cedar_parse_expect(p, OP1(':'), "':'"));
		CEDAR_TRY(cedar_parse_expression(p, &v));
		if (!cedar_parse_list_add(p, &l, v, &key))
			return CEDAR_FAIL_MEMORY(p->lex.err);
		if (!is_op(p, OP1(',')))
			break;
		CEDAR_TRY(next(p));
	}
	CEDAR_TRY(cedar_parse_expect(p, OP1('}'), "',' or '}'"));
	CEDAR_TRY(check_keys(p, &l, at));
	return list_expr(p, OP_RECORD, at, &l, ret);
}

/* ---- primaries ---- */

static int find_fn(cedar_str name, bool is_method)
{
	for (int i = 0; i < CEDAR_FN_COUNT; i++)
		if (cedar_fns[i].is_method == is_method && rv_str_eqz(rs(name), cedar_fns[i].name))
			return i;
	return -1;
}

static const struct {
	const char *name;
	enum op op;
	uint32_t n_args;
} methods[] = { { "contains", OP_CONTAINS, 1 }, { "containsAll", OP_CONTAINS_ALL, 1 },
	{ "containsAny", OP_CONTAINS_ANY, 1 }, { "isEmpty", OP_IS_EMPTY, 0 },
	{ "getTag", OP_GET_TAG, 1 }, { "hasTag", OP_HAS_TAG, 1 } };

static bool is_builtin_method(cedar_str name)
{
	for (size_t i = 0; i < RV_COUNT(methods); i++)
		if (rv_str_eqz(rs(name), methods[i].name))
			return true;
	return false;
}

static cedar_code parse_call(struct parser *p, size_t at, cedar_str name, const struct expr **ret)
{
	struct list l = { 0 };
	size_t end = p->lex.before;
	CEDAR_TRY(next(p));
	CEDAR_TRY(parse_list(p, OP1(')'), "',' or ')'", &l));
	int fn = find_fn(name, false);
	if (fn < 0 && (find_fn(name, true) >= 0 || is_builtin_method(name)))
		return cedar_lex_fail(&p->lex, at, end - at,
			"'%.*s' is a method, not a function; use it as in 'x.%.*s(…)'",
			RV_FMT(name), RV_FMT(name));
	if (fn < 0)
		return cedar_lex_fail(
			&p->lex, at, end - at, "'%.*s' is not a valid function", RV_FMT(name));
	struct expr *e = cedar_parse_node(p, OP_CALL, at, NULL, NULL);
	if (e) {
		e->fn = (uint8_t)fn;
		e->items = l.items;
		e->n = l.n;
	}
	return cedar_parse_seal(p, e, ret);
}

static cedar_code parse_name(struct parser *p, const struct expr **ret)
{
	static const struct {
		const char *name;
		enum op op;
	} vars[] = { { "principal", OP_PRINCIPAL }, { "action", OP_ACTION },
		{ "resource", OP_RESOURCE }, { "context", OP_CONTEXT } };
	size_t at = p->lex.tok.at;
	if (is_word(p, "true") || is_word(p, "false")) {
		bool v = is_word(p, "true");
		CEDAR_TRY(next(p));
		return cedar_parse_literal(p, at, cedar_bool(v), ret);
	}
	cedar_str type, id;
	CEDAR_TRY(cedar_parse_path(p, &type, &id));
	if (id.p) {
		const cedar_uid *u = cedar_parse_new_uid(p, type, id);
		if (!u)
			return CEDAR_ELIMIT;
		return cedar_parse_literal(p, at, (cedar_value){ CEDAR_ENTITY, { .uid = u } }, ret);
	}
	if (is_op(p, OP1('(')))
		return parse_call(p, at, type, ret);
	for (size_t i = 0; i < RV_COUNT(vars); i++)
		if (rv_str_eqz(rs(type), vars[i].name))
			return cedar_parse_seal(
				p, cedar_parse_node(p, vars[i].op, at, NULL, NULL), ret);
	return cedar_lex_fail(&p->lex, at, p->lex.before - at,
		"'%.*s' is not a variable; known are principal, action, resource and context",
		RV_FMT(type));
}

static cedar_code parse_primary(struct parser *p, const struct expr **ret)
{
	const struct token *t = &p->lex.tok;
	size_t at = t->at;
	struct list l = { 0 };
	if (t->kind == TOK_IDENT)
		return parse_name(p, ret);
	if (t->kind == TOK_NUMBER) {
		int64_t v;
		if (!rv_str_i64(rs(t->text), &v))
			return cedar_lex_fail(&p->lex, at, t->n,
				"integer literal '%.*s' is too large", RV_FMT(t->text));
		CEDAR_TRY(next(p));
		return cedar_parse_literal(p, at, cedar_long(v), ret);
	}
	if (t->kind == TOK_STRING) {
		cedar_str s;
		CEDAR_TRY(cedar_unescape(&p->lex, p->arena, t, &s));
		CEDAR_TRY(next(p));
		return cedar_parse_literal(p, at, cedar_string(s), ret);
	}
	if (t->kind == TOK_SLOT)
		return cedar_lex_fail(&p->lex, at, t->n,
			"template slots are not allowed in a when or unless clause");
	if (is_op(p, OP1('('))) {
		CEDAR_TRY(next(p));
		CEDAR_TRY(cedar_parse_expression(p, ret));
		return cedar_parse_expect(p, OP1(')'), "')'");
	}
	if (is_op(p, OP1('['))) {
		CEDAR_TRY(next(p));
		CEDAR_TRY(parse_list(p, OP1(']'), "',' or ']'", &l));
		return list_expr(p, OP_SET, at, &l, ret);
	}
	if (is_op(p, OP1('{')))
		return parse_record(p, ret);
	return cedar_parse_unexpected(p, "an expression");
}

/* ---- members: a.b, a["b"], a.m(…) ---- */

static cedar_code attr(
	struct parser *p, const struct expr *a, cedar_str name, const struct expr **ret)
{
	struct expr *e = cedar_parse_node(p, OP_ATTR, a->offset, a, NULL);
	if (e)
		e->name = name;
	return cedar_parse_seal(p, e, ret);
}

static cedar_code parse_method(struct parser *p, const struct expr *self, const struct token *name,
	const struct expr **ret)
{
	struct list l = { 0 };
	if (!cedar_parse_list_add(p, &l, self, NULL))
		return CEDAR_FAIL_MEMORY(p->lex.err);
	CEDAR_TRY(next(p));
	CEDAR_TRY(parse_list(p, OP1(')'), "',' or ')'", &l));
	for (size_t i = 0; i < RV_COUNT(methods); i++) {
		if (!rv_str_eqz(rs(name->text), methods[i].name))
			continue;
		if (l.n - 1 != methods[i].n_args)
			return cedar_lex_fail(&p->lex, name->at, name->n,
				"%s takes %u argument%s, not %u", methods[i].name,
				methods[i].n_args, methods[i].n_args == 1 ? "" : "s", l.n - 1);
		struct expr *e = cedar_parse_node(p, methods[i].op, self->offset, self,
			methods[i].n_args ? l.items[1] : NULL);
		return cedar_parse_seal(p, e, ret);
	}
	int fn = find_fn(name->text, true);
	if (fn < 0 && find_fn(name->text, false) >= 0)
		return cedar_lex_fail(&p->lex, name->at, name->n,
			"'%.*s' is a function, not a method; use it as in '%.*s(…)'",
			RV_FMT(name->text), RV_FMT(name->text));
	if (fn < 0)
		return cedar_lex_fail(&p->lex, name->at, name->n, "'%.*s' is not a valid method",
			RV_FMT(name->text));
	struct expr *e = cedar_parse_node(p, OP_CALL, self->offset, NULL, NULL);
	if (e) {
		e->fn = (uint8_t)fn;
		e->items = l.items;
		e->n = l.n;
	}
	return cedar_parse_seal(p, e, ret);
}

cedar_code cedar_parse_members(struct parser *p, const struct expr *e, const struct expr **ret)
{
	for (;;) {
		if (is_op(p, OP1('.'))) {
			CEDAR_TRY(next(p));
			struct token name = p->lex.tok;
			if (name.kind != TOK_IDENT)
				return cedar_parse_unexpected(p, "an attribute or method name");
			CEDAR_TRY(cedar_parse_check_ident(p, &name));
			CEDAR_TRY(next(p));
			if (is_op(p, OP1('(')))
				CEDAR_TRY(parse_method(p, e, &name, &e));
			else
				CEDAR_TRY(attr(p, e, name.text, &e));
		} else if (is_op(p, OP1('['))) {
			cedar_str name;
			CEDAR_TRY(next(p));
			if (p->lex.tok.kind != TOK_STRING)
				return cedar_parse_unexpected(p, "a string literal");
			CEDAR_TRY(cedar_unescape(&p->lex, p->arena, &p->lex.tok, &name));
			CEDAR_TRY(next(p));
			CEDAR_TRY(cedar_parse_expect(p, OP1(']'), "']'"));
			CEDAR_TRY(attr(p, e, name, &e));
		} else {
			*ret = e;
			return CEDAR_OK;
		}
	}
}

cedar_code cedar_parse_member(struct parser *p, const struct expr **ret)
{
	const struct expr *e;
	CEDAR_TRY(parse_primary(p, &e));
	return cedar_parse_members(p, e, ret);
}
