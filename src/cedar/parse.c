/* Policy text into the tree: recursive descent over the grammar of language 4.5. Depth is counted
 * on the way down and in the tree, so that neither parser nor evaluator can be driven out of its
 * stack. */
#include <stdio.h>

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

static cedar_code parse_expr(struct parser *p, const struct expr **ret);

/* ---- tokens ---- */

static cedar_code fail_here(struct parser *p, const char *want)
{
	const struct token *t = &p->lex.tok;
	if (t->kind == TOK_END)
		return cedar_lex_fail(
			&p->lex, t->at, 0, "unexpected end of input; expected %s", want);
	return cedar_lex_fail(&p->lex, t->at, t->n, "unexpected '%.*s'; expected %s",
		t->n > 40 ? 40 : (int)t->n, p->lex.text.p + t->at, want);
}

static bool is_op(const struct parser *p, uint16_t op)
{
	return p->lex.tok.kind == TOK_OP && p->lex.tok.op == op;
}

static bool is_word(const struct parser *p, const char *word)
{
	return p->lex.tok.kind == TOK_IDENT && rv_str_eqz(rs(p->lex.tok.text), word);
}

static cedar_code next(struct parser *p)
{
	return cedar_lex_next(&p->lex);
}

static cedar_code expect(struct parser *p, uint16_t op, const char *want)
{
	if (!is_op(p, op))
		return fail_here(p, want);
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

static cedar_code check_ident(struct parser *p, const struct token *t)
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

static struct expr *new_expr(
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

/* Sets the depth from the children; refuses what is too deep. */
static cedar_code seal(struct parser *p, struct expr *e, const struct expr **ret)
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

static cedar_code binary(struct parser *p, enum op op, const struct expr *a, const struct expr *b,
	const struct expr **ret)
{
	struct expr *e = new_expr(p, op, a->offset, a, b);
	return seal(p, e, ret);
}

static cedar_code literal(struct parser *p, size_t at, cedar_value v, const struct expr **ret)
{
	struct expr *e = new_expr(p, OP_LIT, at, NULL, NULL);
	if (e)
		e->lit = v;
	return seal(p, e, ret);
}

/* ---- paths and entities ---- */

/* ident ('::' ident)* ['::' STRING]; *ret_id.p != NULL when it is an entity. The current token is
 * the first identifier. */
static cedar_code parse_path(struct parser *p, cedar_str *ret_type, cedar_str *ret_id)
{
	RV_AUTO_BUF b;
	rv_buf_init(&b, 1 << 16);
	*ret_id = (cedar_str){ NULL, 0 };
	for (;;) {
		CEDAR_TRY(check_ident(p, &p->lex.tok));
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
			return fail_here(p, "a name or a string behind '::'");
		rv_buf_addz(&b, "::");
	}
	*ret_type = cs(rv_arena_str(p->arena, rv_buf_str(&b)));
	if (b.failed || !ret_type->p)
		return CEDAR_FAIL_MEMORY(p->lex.err);
	return CEDAR_OK;
}

static const cedar_uid *new_uid(struct parser *p, cedar_str type, cedar_str id)
{
	cedar_uid *u = rv_arena_alloc(p->arena, sizeof *u);
	if (u)
		*u = cedar_uid_of(type, id);
	else
		(void)CEDAR_FAIL_MEMORY(p->lex.err); /* callers see NULL */
	return u;
}

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
		CEDAR_TRY(expect(p, OP1(')'), "')'"));
	return CEDAR_OK;
}

static cedar_code parse_entity(struct parser *p, const cedar_uid **ret)
{
	size_t at = p->lex.tok.at;
	cedar_str type, id;
	if (p->lex.tok.kind != TOK_IDENT)
		return fail_here(p, "an entity such as User::\"alice\"");
	CEDAR_TRY(parse_path(p, &type, &id));
	if (!id.p)
		return cedar_lex_fail(&p->lex, at, p->lex.before - at,
			"expected an entity uid, found the name '%.*s'", RV_FMT(type));
	*ret = new_uid(p, type, id);
	return *ret ? CEDAR_OK : CEDAR_ELIMIT;
}

static cedar_code parse_type(struct parser *p, cedar_str *ret)
{
	size_t at = p->lex.tok.at;
	cedar_str id;
	if (p->lex.tok.kind != TOK_IDENT)
		return cedar_lex_fail(&p->lex, at, p->lex.tok.n,
			"right hand side of an 'is' expression must be an entity type name");
	CEDAR_TRY(parse_path(p, ret, &id));
	if (id.p)
		return cedar_lex_fail(&p->lex, at, p->lex.before - at,
			"right hand side of an 'is' expression must be an entity type name, not an "
			"entity");
	return CEDAR_OK;
}

/* ---- lists ---- */

struct list {
	const struct expr **items;
	cedar_str *names;
	uint32_t n, cap;
};

static bool list_add(struct parser *p, struct list *l, const struct expr *e, const cedar_str *name)
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
		CEDAR_TRY(parse_expr(p, &e));
		if (!list_add(p, l, e, NULL))
			return CEDAR_FAIL_MEMORY(p->lex.err);
		if (!is_op(p, OP1(',')))
			break;
		CEDAR_TRY(next(p));
	}
	return expect(p, close, want);
}

static cedar_code list_expr(
	struct parser *p, enum op op, size_t at, const struct list *l, const struct expr **ret)
{
	struct expr *e = new_expr(p, op, at, NULL, NULL);
	if (e) {
		e->items = l->items;
		e->names = l->names;
		e->n = l->n;
	}
	return seal(p, e, ret);
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
			CEDAR_TRY(check_ident(p, &p->lex.tok));
			key = p->lex.tok.text;
		} else {
			return fail_here(p, "an attribute name");
		}
		CEDAR_TRY(next(p));
		CEDAR_TRY(expect(p, OP1(':'), "':'"));
		CEDAR_TRY(parse_expr(p, &v));
		if (!list_add(p, &l, v, &key))
			return CEDAR_FAIL_MEMORY(p->lex.err);
		if (!is_op(p, OP1(',')))
			break;
		CEDAR_TRY(next(p));
	}
	CEDAR_TRY(expect(p, OP1('}'), "',' or '}'"));
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
	struct expr *e = new_expr(p, OP_CALL, at, NULL, NULL);
	if (e) {
		e->fn = (uint8_t)fn;
		e->items = l.items;
		e->n = l.n;
	}
	return seal(p, e, ret);
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
		return literal(p, at, cedar_bool(v), ret);
	}
	cedar_str type, id;
	CEDAR_TRY(parse_path(p, &type, &id));
	if (id.p) {
		const cedar_uid *u = new_uid(p, type, id);
		if (!u)
			return CEDAR_ELIMIT;
		return literal(p, at, (cedar_value){ CEDAR_ENTITY, { .uid = u } }, ret);
	}
	if (is_op(p, OP1('(')))
		return parse_call(p, at, type, ret);
	for (size_t i = 0; i < RV_COUNT(vars); i++)
		if (rv_str_eqz(rs(type), vars[i].name))
			return seal(p, new_expr(p, vars[i].op, at, NULL, NULL), ret);
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
		return literal(p, at, cedar_long(v), ret);
	}
	if (t->kind == TOK_STRING) {
		cedar_str s;
		CEDAR_TRY(cedar_unescape(&p->lex, p->arena, t, &s));
		CEDAR_TRY(next(p));
		return literal(p, at, cedar_string(s), ret);
	}
	if (t->kind == TOK_SLOT)
		return cedar_lex_fail(&p->lex, at, t->n,
			"template slots are not allowed in a when or unless clause");
	if (is_op(p, OP1('('))) {
		CEDAR_TRY(next(p));
		CEDAR_TRY(parse_expr(p, ret));
		return expect(p, OP1(')'), "')'");
	}
	if (is_op(p, OP1('['))) {
		CEDAR_TRY(next(p));
		CEDAR_TRY(parse_list(p, OP1(']'), "',' or ']'", &l));
		return list_expr(p, OP_SET, at, &l, ret);
	}
	if (is_op(p, OP1('{')))
		return parse_record(p, ret);
	return fail_here(p, "an expression");
}

/* ---- members: a.b, a["b"], a.m(…) ---- */

static cedar_code attr(
	struct parser *p, const struct expr *a, cedar_str name, const struct expr **ret)
{
	struct expr *e = new_expr(p, OP_ATTR, a->offset, a, NULL);
	if (e)
		e->name = name;
	return seal(p, e, ret);
}

static cedar_code parse_method(struct parser *p, const struct expr *self, const struct token *name,
	const struct expr **ret)
{
	struct list l = { 0 };
	if (!list_add(p, &l, self, NULL))
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
		struct expr *e = new_expr(p, methods[i].op, self->offset, self,
			methods[i].n_args ? l.items[1] : NULL);
		return seal(p, e, ret);
	}
	int fn = find_fn(name->text, true);
	if (fn < 0 && find_fn(name->text, false) >= 0)
		return cedar_lex_fail(&p->lex, name->at, name->n,
			"'%.*s' is a function, not a method; use it as in '%.*s(…)'",
			RV_FMT(name->text), RV_FMT(name->text));
	if (fn < 0)
		return cedar_lex_fail(&p->lex, name->at, name->n, "'%.*s' is not a valid method",
			RV_FMT(name->text));
	struct expr *e = new_expr(p, OP_CALL, self->offset, NULL, NULL);
	if (e) {
		e->fn = (uint8_t)fn;
		e->items = l.items;
		e->n = l.n;
	}
	return seal(p, e, ret);
}

static cedar_code parse_member_rest(struct parser *p, const struct expr *e, const struct expr **ret)
{
	for (;;) {
		if (is_op(p, OP1('.'))) {
			CEDAR_TRY(next(p));
			struct token name = p->lex.tok;
			if (name.kind != TOK_IDENT)
				return fail_here(p, "an attribute or method name");
			CEDAR_TRY(check_ident(p, &name));
			CEDAR_TRY(next(p));
			if (is_op(p, OP1('(')))
				CEDAR_TRY(parse_method(p, e, &name, &e));
			else
				CEDAR_TRY(attr(p, e, name.text, &e));
		} else if (is_op(p, OP1('['))) {
			cedar_str name;
			CEDAR_TRY(next(p));
			if (p->lex.tok.kind != TOK_STRING)
				return fail_here(p, "a string literal");
			CEDAR_TRY(cedar_unescape(&p->lex, p->arena, &p->lex.tok, &name));
			CEDAR_TRY(next(p));
			CEDAR_TRY(expect(p, OP1(']'), "']'"));
			CEDAR_TRY(attr(p, e, name, &e));
		} else {
			*ret = e;
			return CEDAR_OK;
		}
	}
}

static cedar_code parse_member(struct parser *p, const struct expr **ret)
{
	const struct expr *e;
	CEDAR_TRY(parse_primary(p, &e));
	return parse_member_rest(p, e, ret);
}

/* ---- operators ---- */

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
		CEDAR_TRY(literal(p, t.at, cedar_long(-v), &e));
		CEDAR_TRY(parse_member_rest(p, e, &e));
		return seal(p, new_expr(p, OP_NEG, at, e, NULL), ret);
	}
	return literal(p, at, cedar_long(v), ret);
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
		CEDAR_TRY(parse_member(p, &e));
	}
	while (n-- > 0)
		CEDAR_TRY(seal(p, new_expr(p, minus ? OP_NEG : OP_NOT, starts[n], e, NULL), &e));
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
		if (!list_add(p, &l, a, &name))
			return CEDAR_FAIL_MEMORY(p->lex.err);
	} else {
		for (;;) {
			if (p->lex.tok.kind != TOK_IDENT)
				return fail_here(p, "an attribute name or a string");
			CEDAR_TRY(check_ident(p, &p->lex.tok));
			name = p->lex.tok.text;
			CEDAR_TRY(next(p));
			if (!list_add(p, &l, a, &name))
				return CEDAR_FAIL_MEMORY(p->lex.err);
			if (!is_op(p, OP1('.')))
				break;
			CEDAR_TRY(next(p));
		}
	}
	struct expr *e = new_expr(p, OP_HAS, a->offset, a, NULL);
	if (e) {
		e->names = l.names;
		e->n = l.n;
	}
	return seal(p, e, ret);
}

static cedar_code parse_like(struct parser *p, const struct expr *a, const struct expr **ret)
{
	if (p->lex.tok.kind != TOK_STRING)
		return fail_here(p, "a string literal: the pattern");
	const struct pattern_part *parts;
	uint32_t n;
	CEDAR_TRY(cedar_unescape_pattern(&p->lex, p->arena, &p->lex.tok, &parts, &n));
	CEDAR_TRY(next(p));
	struct expr *e = new_expr(p, OP_LIKE, a->offset, a, NULL);
	if (e) {
		e->pattern = parts;
		e->n = n;
	}
	return seal(p, e, ret);
}

static cedar_code parse_is(struct parser *p, const struct expr *a, const struct expr **ret)
{
	cedar_str type;
	const struct expr *in = NULL;
	CEDAR_TRY(parse_type(p, &type));
	if (is_word(p, "in")) {
		CEDAR_TRY(next(p));
		CEDAR_TRY(parse_add(p, &in));
	}
	struct expr *e = new_expr(p, OP_IS, a->offset, a, in);
	if (e)
		e->name = type;
	return seal(p, e, ret);
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
	CEDAR_TRY(parse_expr(p, &c));
	if (!is_word(p, "then"))
		return fail_here(p, "'then'");
	CEDAR_TRY(next(p));
	CEDAR_TRY(parse_expr(p, &t));
	if (!is_word(p, "else"))
		return fail_here(p, "'else'");
	CEDAR_TRY(next(p));
	CEDAR_TRY(parse_expr(p, &f));
	struct expr *e = new_expr(p, OP_IF, at, c, t);
	if (e)
		e->c = f;
	return seal(p, e, ret);
}

static cedar_code parse_expr(struct parser *p, const struct expr **ret)
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

/* ---- scopes ---- */

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
	return parse_entity(p, &s->uid);
}

static cedar_code parse_scope_entity(struct parser *p, const char *var, struct scope *s)
{
	size_t parens;
	CEDAR_TRY(open_parens(p, &parens));
	CEDAR_TRY(parse_scope_bare(p, var, s));
	return close_parens(p, parens);
}

/* Sets what to do about the error just made. */
static cedar_code with_help(struct parser *p, cedar_code code, const char *help)
{
	if (p->lex.err && p->lex.err->help[0] == '\0')
		(void)snprintf(p->lex.err->help, sizeof p->lex.err->help, "%s", help); /* fits */
	return code;
}

static const char scope_help[] =
	"a scope names 'principal', 'action' and 'resource', in that order";

/* What may not follow a scope's element, said more plainly than "expected ','". */
static cedar_code check_scope_end(struct parser *p, const char *operators)
{
	static const uint16_t others[] = { OP2('!', '='), OP1('<'), OP2('<', '='), OP1('>'),
		OP2('>', '='), OP2('=', '=') };
	const struct token *t = &p->lex.tok;
	if (is_op(p, OP1('=')))
		return with_help(p, cedar_lex_fail(&p->lex, t->at, t->n, "'=' is not an operator"),
			"use '==' to compare");
	for (size_t i = 0; i < RV_COUNT(others); i++)
		if (is_op(p, others[i]))
			return with_help(p,
				cedar_lex_fail(&p->lex, t->at, t->n,
					"'%.*s' cannot be used here in the scope", (int)t->n,
					p->lex.text.p + t->at),
				operators);
	if (is_word(p, "is"))
		return with_help(p,
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
			return with_help(p,
				cedar_lex_fail(&p->lex, p->lex.tok.at, p->lex.tok.n,
					"found the variable '%s' where the variable '%s' must be "
					"used",
					all[i], var),
				scope_help);
	if (!is_word(p, var))
		return with_help(p, fail_here(p, var), scope_help);
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
	CEDAR_TRY(parse_type(p, &s->type));
	if (is_op(p, OP2('=', '=')))
		return cedar_lex_fail(
			&p->lex, p->lex.tok.at, 2, "'is' cannot be used together with '=='");
	if (!is_word(p, "in"))
		return CEDAR_OK;
	s->op = SCOPE_IS_IN;
	CEDAR_TRY(next(p));
	return parse_scope_entity(p, var, s);
}

static cedar_code parse_scope(struct parser *p, const char *var, struct scope *s)
{
	CEDAR_TRY(parse_scope_bounds(p, var, s));
	return check_scope_end(p, "only '==', 'in', 'is' and 'is ... in' can stand here");
}

static cedar_code parse_action_entity(struct parser *p, const cedar_uid **ret)
{
	size_t parens;
	CEDAR_TRY(open_parens(p, &parens));
	size_t at = p->lex.tok.at;
	CEDAR_TRY(parse_entity(p, ret));
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
	size_t cap = 0;
	CEDAR_TRY(next(p));
	while (!is_op(p, OP1(']'))) {
		if (s->n_list == cap) {
			size_t grown = cap ? cap * 2 : 4;
			const cedar_uid **more = rv_arena_array(p->arena, grown, sizeof *more);
			if (!more)
				return CEDAR_FAIL_MEMORY(p->lex.err);
			if (s->n_list > 0)
				memcpy(more, list, s->n_list * sizeof *more);
			list = more;
			cap = grown;
		}
		CEDAR_TRY(parse_action_entity(p, &list[s->n_list]));
		s->n_list++;
		if (!is_op(p, OP1(',')))
			break;
		CEDAR_TRY(next(p));
	}
	s->op = SCOPE_IN_LIST;
	s->list = list;
	return expect(p, OP1(']'), "',' or ']'");
}

static cedar_code parse_action_bounds(struct parser *p, struct scope *s)
{
	CEDAR_TRY(parse_var(p, "action"));
	if (is_op(p, OP2('=', '='))) {
		s->op = SCOPE_EQ;
		CEDAR_TRY(next(p));
		return parse_action_entity(p, &s->uid);
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
		CEDAR_TRY(parse_action_entity(p, &s->uid));
	}
	return close_parens(p, parens);
}

static cedar_code parse_action(struct parser *p, struct scope *s)
{
	CEDAR_TRY(parse_action_bounds(p, s));
	return check_scope_end(p, "only '==' and 'in' can stand behind 'action'");
}

/* ---- policies ---- */

static cedar_code parse_annotations(struct parser *p, struct policy *out)
{
	cedar_annotation *list = NULL;
	size_t n = 0, cap = 0;
	while (is_op(p, OP1('@'))) {
		size_t at = p->lex.tok.at;
		CEDAR_TRY(next(p));
		if (p->lex.tok.kind != TOK_IDENT)
			return fail_here(p, "an annotation's name");
		cedar_annotation an = { .key = p->lex.tok.text, .value = cedar_z("") };
		CEDAR_TRY(next(p));
		if (is_op(p, OP1('('))) {
			CEDAR_TRY(next(p));
			if (p->lex.tok.kind != TOK_STRING)
				return fail_here(p, "a string literal");
			CEDAR_TRY(cedar_unescape(&p->lex, p->arena, &p->lex.tok, &an.value));
			an.has_value = true;
			CEDAR_TRY(next(p));
			CEDAR_TRY(expect(p, OP1(')'), "')'"));
		}
		for (size_t i = 0; i < n; i++)
			if (str_eq(list[i].key, an.key))
				return cedar_lex_fail(&p->lex, at, p->lex.before - at,
					"duplicate annotation: @%.*s", RV_FMT(an.key));
		if (n == cap) {
			size_t grown = cap ? cap * 2 : 4;
			cedar_annotation *more = rv_arena_array(p->arena, grown, sizeof *more);
			if (!more)
				return CEDAR_FAIL_MEMORY(p->lex.err);
			if (n > 0)
				memcpy(more, list, n * sizeof *more);
			list = more;
			cap = grown;
		}
		list[n++] = an;
	}
	out->info.annotations = list;
	out->info.n_annotations = n;
	return CEDAR_OK;
}

static cedar_code parse_conditions(struct parser *p, struct policy *out)
{
	struct condition *list = NULL;
	size_t n = 0, cap = 0;
	while (is_word(p, "when") || is_word(p, "unless")) {
		struct condition c = { .is_unless = is_word(p, "unless") };
		size_t at = p->lex.tok.at;
		CEDAR_TRY(next(p));
		CEDAR_TRY(expect(p, OP1('{'), "'{'"));
		if (is_op(p, OP1('}')))
			return cedar_lex_fail(&p->lex, at, p->lex.tok.at + 1 - at,
				"'%s' condition clause cannot be empty",
				c.is_unless ? "unless" : "when");
		CEDAR_TRY(parse_expr(p, &c.expr));
		CEDAR_TRY(expect(p, OP1('}'), "'}'"));
		if (n == cap) {
			size_t grown = cap ? cap * 2 : 2;
			struct condition *more = rv_arena_array(p->arena, grown, sizeof *more);
			if (!more)
				return CEDAR_FAIL_MEMORY(p->lex.err);
			if (n > 0)
				memcpy(more, list, n * sizeof *more);
			list = more;
			cap = grown;
		}
		list[n++] = c;
	}
	out->conditions = list;
	out->n_conditions = n;
	return CEDAR_OK;
}

static cedar_code expect_in_scope(struct parser *p, uint16_t op, const char *want)
{
	return is_op(p, op) ? next(p) : with_help(p, fail_here(p, want), scope_help);
}

static cedar_code parse_policy(struct parser *p, struct policy *out)
{
	size_t at = p->lex.tok.at;
	p->saw_slot = false;
	CEDAR_TRY(parse_annotations(p, out));
	if (!is_word(p, "permit") && !is_word(p, "forbid"))
		return fail_here(p, "'permit' or 'forbid'");
	out->info.is_forbid = is_word(p, "forbid");
	CEDAR_TRY(next(p));
	CEDAR_TRY(expect(p, OP1('('), "'('"));
	CEDAR_TRY(parse_scope(p, "principal", &out->principal));
	CEDAR_TRY(expect_in_scope(p, OP1(','), "','"));
	CEDAR_TRY(parse_action(p, &out->action));
	CEDAR_TRY(expect_in_scope(p, OP1(','), "','"));
	CEDAR_TRY(parse_scope(p, "resource", &out->resource));
	if (is_op(p, OP1(',')))
		CEDAR_TRY(next(p));
	CEDAR_TRY(expect_in_scope(p, OP1(')'), "')'"));
	CEDAR_TRY(parse_conditions(p, out));
	if (!is_op(p, OP1(';')))
		return fail_here(p, "';', 'when' or 'unless'");
	for (; p->counted < at; p->counted++)
		if (p->lex.text.p[p->counted] == '\n') {
			p->line++;
			p->line_start = p->counted + 1;
		}
	out->info.offset = at;
	out->info.line = p->line + 1;
	out->info.column = (unsigned)(at - p->line_start) + 1;
	out->info.text = (cedar_str){ p->lex.text.p + at, p->lex.tok.at + 1 - at };
	out->info.is_template = p->saw_slot;
	return next(p);
}

static struct policy *new_policy(cedar_policies *ps, cedar_error *err)
{
	if (ps->n == ps->max) {
		(void)cedar_fail(err, CEDAR_ELIMIT, "more than %zu policies", ps->max);
		return NULL;
	}
	if (ps->n == ps->cap) {
		size_t cap = ps->cap ? ps->cap * 2 : 16;
		struct policy *list = realloc(ps->list, cap * sizeof *list);
		if (!list) {
			(void)CEDAR_FAIL_MEMORY(err); /* callers see NULL */
			return NULL;
		}
		ps->list = list;
		ps->cap = cap;
	}
	struct policy *out = &ps->list[ps->n];
	*out = (struct policy){ .n_conditions = 0 };
	return out;
}

cedar_code cedar_parse_policies(cedar_policies *ps, const cedar_source *src, size_t source,
	const cedar_policies_opts *opts, cedar_error *err)
{
	struct parser p = { .arena = &ps->arena };
	const char *prefix = src->id_prefix ? src->id_prefix : "policy";
	if (src->text.n > TEXT_MAX)
		return cedar_fail(err, CEDAR_ELIMIT, "the text is larger than %d bytes", TEXT_MAX);
	cedar_str text = cs(rv_arena_str(&ps->arena, rs(src->text)));
	if (!text.p)
		return CEDAR_FAIL_MEMORY(err);
	CEDAR_TRY(cedar_lex_init(&p.lex, text, err));
	for (size_t i = 0; p.lex.tok.kind != TOK_END; i++) {
		struct policy *out = new_policy(ps, err);
		if (!out)
			return CEDAR_ELIMIT;
		CEDAR_TRY(parse_policy(&p, out));
		if (out->info.is_template && opts && opts->no_templates)
			return cedar_lex_fail(&p.lex, out->info.offset, out->info.text.n,
				"a template where only static policies may stand");
		cedar_str id = src->use_id_annotation ? cedar_annotation_get(&out->info, "id")
						      : (cedar_str){ NULL, 0 };
		const char *made = id.p ? NULL : rv_arena_printf(&ps->arena, "%s%zu", prefix, i);
		if (!id.p && !made)
			return CEDAR_FAIL_MEMORY(err);
		out->info.id = id.p ? id : cedar_z(made);
		out->info.source = source;
		ps->n++;
	}
	return CEDAR_OK;
}

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
	CEDAR_TRY(parse_expr(&p, ret));
	return p.lex.tok.kind == TOK_END ? CEDAR_OK : fail_here(&p, "the end of the expression");
}

cedar_code cedar_parse_uid(struct rv_arena *a, cedar_str text, cedar_uid *ret, cedar_error *err)
{
	struct parser p;
	const cedar_uid *u;
	CEDAR_TRY(parse_whole(a, text, &p, err));
	CEDAR_TRY(parse_entity(&p, &u));
	if (p.lex.tok.kind != TOK_END)
		return fail_here(&p, "the end of the entity");
	*ret = *u;
	return CEDAR_OK;
}
