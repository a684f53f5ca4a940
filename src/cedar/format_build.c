/* Tokens of policies into a document. The policies have been parsed, so what is looked for here is
 * only what belongs together; a token that fits nowhere ends its expression and goes on with the
 * policy. The style is close to the reference's (cedar-policy-formatter): operators end lines,
 * elements of a list line up behind the bracket. */
#include "cedar/format.h"

struct builder {
	struct doc_maker m;
	struct fmt_token *t; /* the current one */
	unsigned indent;
};

static const struct doc *expression(struct builder *b);

static bool is_op(const struct builder *b, uint16_t op)
{
	return b->t->kind == TOK_OP && b->t->op == op;
}

static bool is_word(const struct builder *b, const char *word)
{
	return b->t->kind == TOK_IDENT && rv_str_eqz(rs(b->t->text), word);
}

static void add(struct builder *b, struct doc_list *l, const struct doc *d)
{
	cedar_doc_add(&b->m, l, d);
}

static void add_break(struct builder *b, struct doc_list *l, enum doc_kind kind)
{
	add(b, l, cedar_doc_break(kind));
}

/* The current token, which is taken. */
static void take(struct builder *b, struct doc_list *l)
{
	if (b->t->kind == TOK_END)
		return;
	add(b, l, cedar_doc_token(&b->m, b->t++));
}

static const struct doc *cat(struct builder *b, const struct doc_list *l)
{
	return cedar_doc_cat(&b->m, l);
}

static const struct doc *group(struct builder *b, const struct doc_list *l)
{
	return cedar_doc_group(&b->m, cat(b, l));
}

static void add_nest(struct builder *b, struct doc_list *l, unsigned by, const struct doc_list *in)
{
	add(b, l, cedar_doc_nest(&b->m, by, cat(b, in)));
}

/* ---- lists ---- */

typedef const struct doc *item_fn(struct builder *b);

/* ITEM {',' LINE ITEM} up to the closing mark. A comma before that mark goes, unless a comment
 * hangs on it. */
static void items(struct builder *b, struct doc_list *l, uint16_t close, item_fn *item)
{
	while (!is_op(b, close) && b->t->kind != TOK_END) {
		const struct fmt_token *before = b->t;
		add(b, l, item(b));
		if (!is_op(b, OP1(',')))
			break;
		bool last = b->t[1].kind == TOK_OP && b->t[1].op == close;
		if (last && b->t->n_lead == 0 && !b->t->trail.p) {
			b->t++;
			break;
		}
		take(b, l);
		if (!last)
			add_break(b, l, DOC_LINE);
		if (b->t == before)
			break;
	}
}

static const struct doc *pair(struct builder *b)
{
	struct doc_list l = { 0 };
	take(b, &l);
	if (is_op(b, OP1(':'))) {
		take(b, &l);
		add_break(b, &l, DOC_SPACE);
		add(b, &l, expression(b));
	}
	return cat(b, &l);
}

/* open items close, the items below each other and indented by `by` when they do not fit. edge:
 * what stands inside the marks. */
static const struct doc *bracketed(struct builder *b, uint16_t close, item_fn *item, unsigned by,
	bool has_edge, enum doc_kind edge)
{
	struct doc_list l = { 0 }, in = { 0 };
	take(b, &l);
	bool empty = is_op(b, close);
	if (has_edge && !empty)
		add_break(b, &in, edge);
	items(b, &in, close, item);
	add_nest(b, &l, by, &in);
	if (has_edge && !empty)
		add_break(b, &l, edge);
	if (is_op(b, close))
		take(b, &l);
	return group(b, &l);
}

/* Whether what the parenthesis holds is one record, which then opens on its line. */
static bool holds_one_record(const struct fmt_token *t)
{
	size_t depth = 0;
	if (t[1].kind != TOK_OP || t[1].op != OP1('{'))
		return false;
	for (t++; t->kind != TOK_END; t++) {
		bool opens = t->kind == TOK_OP && (t->op == OP1('[') || t->op == OP1('{'));
		bool closes = t->kind == TOK_OP && (t->op == OP1(']') || t->op == OP1('}'));
		depth += opens;
		depth -= closes;
		if (depth == 0)
			return t[1].kind == TOK_OP && t[1].op == OP1(')');
	}
	return false;
}

static const struct doc *arguments(struct builder *b)
{
	if (holds_one_record(b->t))
		return bracketed(b, OP1(')'), expression, 0, false, DOC_SOFT);
	return bracketed(b, OP1(')'), expression, b->indent, true, DOC_SOFT);
}

/* ---- members ---- */

static const struct doc *path(struct builder *b)
{
	struct doc_list l = { 0 };
	take(b, &l);
	while (is_op(b, OP2(':', ':'))) {
		take(b, &l);
		take(b, &l);
	}
	return cat(b, &l);
}

static const struct doc *primary(struct builder *b)
{
	struct doc_list l = { 0 };
	if (is_op(b, OP1('[')))
		return bracketed(b, OP1(']'), expression, 1, false, DOC_SOFT);
	if (is_op(b, OP1('{')))
		return bracketed(b, OP1('}'), pair, b->indent, true, DOC_LINE);
	if (is_op(b, OP1('(')))
		return bracketed(b, OP1(')'), expression, 1, false, DOC_SOFT);
	if (b->t->kind == TOK_OP)
		return cat(b, &l); /* not in policies that parse */
	if (b->t->kind != TOK_IDENT) {
		take(b, &l);
		return cat(b, &l);
	}
	add(b, &l, path(b));
	if (is_op(b, OP1('(')))
		add(b, &l, arguments(b));
	return cat(b, &l);
}

static const struct doc *member_access(struct builder *b)
{
	struct doc_list l = { 0 };
	bool index = is_op(b, OP1('['));
	take(b, &l);
	take(b, &l);
	if (index && is_op(b, OP1(']')))
		take(b, &l);
	else if (!index && is_op(b, OP1('(')))
		add(b, &l, arguments(b));
	return cat(b, &l);
}

/* Breaks stand between accesses, not before the first. */
static const struct doc *member(struct builder *b)
{
	struct doc_list l = { 0 }, in = { 0 };
	add(b, &l, primary(b));
	while (is_op(b, OP1('.')) || is_op(b, OP1('['))) {
		if (in.n > 0)
			add_break(b, &in, DOC_SOFT);
		add(b, &in, member_access(b));
	}
	if (in.n == 0)
		return cat(b, &l);
	add_nest(b, &l, b->indent, &in);
	return group(b, &l);
}

/* ---- operators ---- */

static const struct doc *unary(struct builder *b)
{
	struct doc_list l = { 0 };
	while (is_op(b, OP1('!')) || is_op(b, OP1('-')))
		take(b, &l);
	add(b, &l, member(b));
	return cat(b, &l);
}

/* ITEM {SPACE op LINE ITEM}. */
static const struct doc *chain(
	struct builder *b, item_fn *item, uint16_t one, uint16_t other, bool grouped)
{
	struct doc_list l = { 0 };
	add(b, &l, item(b));
	while (is_op(b, one) || is_op(b, other)) {
		add_break(b, &l, DOC_SPACE);
		take(b, &l);
		add_break(b, &l, DOC_LINE);
		add(b, &l, item(b));
	}
	return grouped && l.n > 1 ? group(b, &l) : cat(b, &l);
}

static const struct doc *product(struct builder *b)
{
	return chain(b, unary, OP1('*'), OP1('*'), true);
}

static const struct doc *sum(struct builder *b)
{
	return chain(b, product, OP1('+'), OP1('-'), true);
}

/* target LINE word LINE operand */
static const struct doc *worded(struct builder *b, const struct doc *target)
{
	struct doc_list l = { 0 }, in = { 0 };
	add(b, &l, target);
	add_break(b, &l, DOC_LINE);
	take(b, &l);
	add_break(b, &l, DOC_LINE);
	add(b, &in, member(b));
	add_nest(b, &l, b->indent, &in);
	return group(b, &l);
}

static const struct doc *type_test(struct builder *b, const struct doc *target)
{
	struct doc_list l = { 0 };
	add(b, &l, target);
	add_break(b, &l, DOC_SPACE);
	take(b, &l);
	add_break(b, &l, DOC_SPACE);
	add(b, &l, path(b));
	if (is_word(b, "in")) {
		add_break(b, &l, DOC_LINE);
		take(b, &l);
		add_break(b, &l, DOC_SPACE);
		add(b, &l, sum(b));
	}
	return group(b, &l);
}

static bool is_comparison(const struct builder *b)
{
	static const uint16_t ops[] = { OP2('=', '='), OP2('!', '='), OP1('<'), OP2('<', '='),
		OP1('>'), OP2('>', '=') };
	for (size_t i = 0; i < RV_COUNT(ops); i++)
		if (is_op(b, ops[i]))
			return true;
	return is_word(b, "in");
}

static const struct doc *relation(struct builder *b)
{
	const struct doc *left = sum(b);
	struct doc_list l = { 0 };
	if (is_word(b, "has") || is_word(b, "like"))
		return worded(b, left);
	if (is_word(b, "is"))
		return type_test(b, left);
	if (!is_comparison(b))
		return left;
	add(b, &l, left);
	add_break(b, &l, DOC_SPACE);
	take(b, &l);
	add_break(b, &l, DOC_SPACE);
	add(b, &l, sum(b));
	return cat(b, &l);
}

static const struct doc *conjunction(struct builder *b)
{
	return chain(b, relation, OP2('&', '&'), OP2('&', '&'), false);
}

/* word LINE expression, indented */
static void branch(struct builder *b, struct doc_list *l)
{
	struct doc_list in = { 0 };
	take(b, l);
	add_break(b, &in, DOC_LINE);
	add(b, &in, expression(b));
	add_nest(b, l, b->indent, &in);
}

static const struct doc *expression(struct builder *b)
{
	struct doc_list l = { 0 };
	if (!is_word(b, "if"))
		return chain(b, conjunction, OP2('|', '|'), OP2('|', '|'), false);
	branch(b, &l);
	add_break(b, &l, DOC_LINE);
	branch(b, &l);
	add_break(b, &l, DOC_LINE);
	branch(b, &l);
	return group(b, &l);
}

/* ---- policies ---- */

static void annotations(struct builder *b, struct doc_list *l)
{
	while (is_op(b, OP1('@'))) {
		take(b, l);
		take(b, l);
		if (is_op(b, OP1('('))) {
			take(b, l);
			take(b, l);
			take(b, l);
		}
		add_break(b, l, DOC_HARD);
	}
}

/* var [is TYPE] [op ENTITY] */
static const struct doc *scope(struct builder *b)
{
	struct doc_list l = { 0 }, in = { 0 };
	take(b, &l);
	if (is_word(b, "is")) {
		add_break(b, &l, DOC_SPACE);
		take(b, &l);
		add_break(b, &l, DOC_SPACE);
		add(b, &l, path(b));
	}
	if (!is_comparison(b))
		return group(b, &l);
	add_break(b, &l, DOC_SPACE);
	take(b, &l);
	add_break(b, &in, DOC_LINE);
	add(b, &in, sum(b));
	add_nest(b, &l, b->indent, &in);
	return group(b, &l);
}

/* Just the three variables, and no comment among them. t: the opening mark. */
static bool is_bare_scope(const struct fmt_token *t)
{
	for (; t->kind != TOK_END && !(t->kind == TOK_OP && t->op == OP1(')')); t++) {
		bool comma = t->kind == TOK_OP && (t->op == OP1(',') || t->op == OP1('('));
		bool var = t->kind == TOK_IDENT &&
			(rv_str_eqz(rs(t->text), "principal") ||
				rv_str_eqz(rs(t->text), "action") ||
				rv_str_eqz(rs(t->text), "resource"));
		if ((!comma && !var) || t->trail.p || t[1].n_lead > 0)
			return false;
	}
	return true;
}

static void scopes(struct builder *b, struct doc_list *l)
{
	struct doc_list in = { 0 };
	bool bare = is_bare_scope(b->t);
	take(b, l);
	if (!bare)
		add_break(b, &in, DOC_HARD);
	while (!is_op(b, OP1(')')) && b->t->kind != TOK_END) {
		add(b, &in, scope(b));
		if (!is_op(b, OP1(',')))
			break;
		bool last = b->t[1].kind == TOK_OP && b->t[1].op == OP1(')');
		if (last && b->t->n_lead == 0 && !b->t->trail.p) {
			b->t++;
			break;
		}
		take(b, &in);
		if (!last)
			add_break(b, &in, bare ? DOC_LINE : DOC_HARD);
	}
	add(b, l, cedar_doc_nest(&b->m, b->indent, cedar_doc_group(&b->m, cat(b, &in))));
	if (!bare)
		add_break(b, l, DOC_HARD);
	take(b, l);
}

/* when { expression } */
static const struct doc *condition(struct builder *b)
{
	struct doc_list l = { 0 }, block = { 0 }, in = { 0 };
	take(b, &l);
	add_break(b, &l, DOC_LINE);
	take(b, &block);
	add_break(b, &in, DOC_LINE);
	add(b, &in, cedar_doc_group(&b->m, expression(b)));
	add_nest(b, &block, b->indent, &in);
	add_break(b, &block, DOC_LINE);
	take(b, &block);
	add(b, &l, group(b, &block));
	return group(b, &l);
}

static void policy(struct builder *b, struct doc_list *l)
{
	b->t->keeps_blanks = true;
	annotations(b, l);
	take(b, l);
	add_break(b, l, DOC_SPACE);
	scopes(b, l);
	while (is_word(b, "when") || is_word(b, "unless")) {
		add_break(b, l, DOC_HARD);
		add(b, l, condition(b));
	}
	take(b, l);
}

const struct doc *cedar_format_build(
	struct rv_arena *a, struct fmt_token *tokens, unsigned indent_width)
{
	struct builder b = { .m = { .a = a }, .t = tokens, .indent = indent_width };
	struct doc_list l = { 0 };
	while (b.t->kind != TOK_END) {
		policy(&b, &l);
		if (b.t->kind != TOK_END)
			add_break(&b, &l, DOC_BLANK);
	}
	b.t->keeps_blanks = true;
	add(&b, &l, cedar_doc_token(&b.m, b.t));
	const struct doc *d = cat(&b, &l);
	return b.m.failed ? NULL : d;
}
