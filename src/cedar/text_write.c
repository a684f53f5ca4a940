/* The tree as policy text, with the parentheses that reading it back needs and no others. */
#include "cedar/forms.h"

/* How tightly what stands at a place must bind. */
enum level {
	AT_EXPR, /* anything, an `if` too */
	AT_OR,
	AT_AND,
	AT_REL,
	AT_ADD,
	AT_MUL,
	AT_UNARY,
	AT_MEMBER,
};
struct writer {
	struct rv_buf *b;
	unsigned nest;
	bool too_deep;
};

/* ---- expressions ---- */

static void put_expr(struct writer *w, const struct expr *e, enum level at);

/* Whatever may stand alone: in parentheses, brackets, arguments. Text counts these. */
static void put_nested(struct writer *w, const struct expr *e)
{
	if (++w->nest > NEST_MAX)
		w->too_deep = true;
	else
		put_expr(w, e, AT_EXPR);
	w->nest--;
}

static enum level level_of(const struct expr *e)
{
	switch ((enum op)e->op) {
	case OP_IF:
		return AT_EXPR;
	case OP_OR:
		return AT_OR;
	case OP_AND:
		return AT_AND;
	case OP_EQ:
	case OP_NE:
	case OP_LT:
	case OP_LE:
	case OP_GT:
	case OP_GE:
	case OP_IN:
	case OP_HAS:
	case OP_LIKE:
	case OP_IS:
		return AT_REL;
	case OP_ADD:
	case OP_SUB:
		return AT_ADD;
	case OP_MUL:
		return AT_MUL;
	case OP_NOT:
	case OP_NEG:
		return AT_UNARY;
	case OP_LIT:
		return e->lit.kind == CEDAR_LONG && e->lit.u.integer < 0 ? AT_UNARY : AT_MEMBER;
	default:
		return AT_MEMBER;
	}
}

static void put_list(struct writer *w, const struct expr *const *items, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		rv_buf_addz(w->b, i ? ", " : "");
		put_nested(w, items[i]);
	}
}

/* How JSON calls an operator is how text does. */
static const char *name_of(const struct expr *e)
{
	for (size_t i = 0; i < cedar_est_n_ops; i++)
		if (cedar_est_ops[i].op == (enum op)e->op)
			return cedar_est_ops[i].name;
	return "";
}

/* What is on the left may bind as loosely; comparisons do not chain. */
static void put_binary(struct writer *w, const struct expr *e)
{
	enum level at = level_of(e);
	put_expr(w, e->a, at == AT_REL ? AT_ADD : at);
	rv_buf_printf(w->b, " %s ", name_of(e));
	put_expr(w, e->b, (enum level)(at + 1));
}

static void put_method(struct writer *w, const struct expr *e)
{
	put_expr(w, e->a, AT_MEMBER);
	rv_buf_printf(w->b, ".%s(", name_of(e));
	if (e->b)
		put_nested(w, e->b);
	rv_buf_addc(w->b, ')');
}

static void put_call(struct writer *w, const struct expr *e)
{
	const struct cedar_fn_info *f = &cedar_fns[e->fn];
	uint32_t skip = f->is_method ? 1 : 0;
	if (f->is_method) {
		put_expr(w, e->items[0], AT_MEMBER);
		rv_buf_addc(w->b, '.');
	}
	rv_buf_printf(w->b, "%s(", f->name);
	put_list(w, e->items + skip, e->n - skip);
	rv_buf_addc(w->b, ')');
}

static void put_attr(struct rv_buf *b, cedar_str name)
{
	bool plain = cedar_is_ident(name);
	rv_buf_addz(b, plain ? "." : "[");
	cedar_put_name(b, name);
	rv_buf_addz(b, plain ? "" : "]");
}

/* A path of names that text cannot join by dots is spelled out: e has "a b" && e["a b"] has c. */
static void put_has_long(struct writer *w, const struct expr *e)
{
	rv_buf_addc(w->b, '(');
	for (uint32_t i = 0; i < e->n; i++) {
		rv_buf_addz(w->b, i ? " && " : "");
		put_expr(w, e->a, i ? AT_MEMBER : AT_ADD);
		for (uint32_t k = 0; k < i; k++)
			put_attr(w->b, e->names[k]);
		rv_buf_addz(w->b, " has ");
		cedar_put_name(w->b, e->names[i]);
	}
	rv_buf_addc(w->b, ')');
}

static void put_has(struct writer *w, const struct expr *e)
{
	for (uint32_t i = 0; e->n > 1 && i < e->n; i++)
		if (!cedar_is_ident(e->names[i])) {
			put_has_long(w, e);
			return;
		}
	put_expr(w, e->a, AT_ADD);
	rv_buf_addz(w->b, " has ");
	for (uint32_t i = 0; i < e->n; i++) {
		rv_buf_addz(w->b, i ? "." : "");
		cedar_put_name(w->b, e->names[i]);
	}
}

static void put_like(struct writer *w, const struct expr *e)
{
	put_expr(w, e->a, AT_ADD);
	rv_buf_addz(w->b, " like \"");
	for (uint32_t i = 0; i < e->n; i++) {
		if (e->pattern[i].is_wildcard)
			rv_buf_addc(w->b, '*');
		else
			cedar_put_chars(w->b, e->pattern[i].text, true);
	}
	rv_buf_addc(w->b, '"');
}

static void put_is(struct writer *w, const struct expr *e)
{
	put_expr(w, e->a, AT_ADD);
	rv_buf_printf(w->b, " is %.*s", RV_FMT(e->name));
	if (!e->b)
		return;
	rv_buf_addz(w->b, " in ");
	put_expr(w, e->b, AT_ADD);
}

/* Four signs in a row are the most that text takes, and "-5" would be a literal. */
static void put_unary(struct writer *w, const struct expr *e)
{
	enum { MOST = 4 };
	char sign = e->op == OP_NOT ? '!' : '-';
	const struct expr *a = e;
	for (unsigned n = 0; n < MOST - 1 && a->op == e->op; n++) {
		rv_buf_addc(w->b, sign);
		a = a->a;
	}
	bool number = sign == '-' && a->op == OP_LIT && a->lit.kind == CEDAR_LONG;
	if (number || (level_of(a) < AT_MEMBER)) {
		rv_buf_addc(w->b, '(');
		put_nested(w, a);
		rv_buf_addc(w->b, ')');
	} else {
		put_expr(w, a, AT_MEMBER);
	}
}

static void put_if(struct writer *w, const struct expr *e)
{
	rv_buf_addz(w->b, "if ");
	put_nested(w, e->a);
	rv_buf_addz(w->b, " then ");
	put_nested(w, e->b);
	rv_buf_addz(w->b, " else ");
	put_nested(w, e->c);
}

static void put_literal(struct rv_buf *b, const cedar_value *v)
{
	if (v->kind == CEDAR_BOOL)
		rv_buf_addz(b, v->u.boolean ? "true" : "false");
	else if (v->kind == CEDAR_LONG)
		rv_buf_add_i64(b, v->u.integer);
	else if (v->kind == CEDAR_STRING)
		cedar_put_string(b, v->u.string);
	else
		cedar_put_uid(b, v->u.uid);
}

static void put_record(struct writer *w, const struct expr *e)
{
	rv_buf_addc(w->b, '{');
	for (uint32_t i = 0; i < e->n; i++) {
		rv_buf_addz(w->b, i ? ", " : "");
		cedar_put_name(w->b, e->names[i]);
		rv_buf_addz(w->b, ": ");
		put_nested(w, e->items[i]);
	}
	rv_buf_addc(w->b, '}');
}

static void put_bare(struct writer *w, const struct expr *e)
{
	static const char *const vars[] = { [OP_PRINCIPAL] = "principal",
		[OP_ACTION] = "action",
		[OP_RESOURCE] = "resource",
		[OP_CONTEXT] = "context" };
	switch ((enum op)e->op) {
	case OP_LIT:
		put_literal(w->b, &e->lit);
		break;
	case OP_PRINCIPAL:
	case OP_ACTION:
	case OP_RESOURCE:
	case OP_CONTEXT:
		rv_buf_addz(w->b, vars[e->op]);
		break;
	case OP_SLOT:
		rv_buf_addz(w->b, e->n ? "?resource" : "?principal");
		break;
	case OP_NOT:
	case OP_NEG:
		put_unary(w, e);
		break;
	case OP_IF:
		put_if(w, e);
		break;
	case OP_ATTR:
		put_expr(w, e->a, AT_MEMBER);
		put_attr(w->b, e->name);
		break;
	case OP_HAS:
		put_has(w, e);
		break;
	case OP_LIKE:
		put_like(w, e);
		break;
	case OP_IS:
		put_is(w, e);
		break;
	case OP_SET:
		rv_buf_addc(w->b, '[');
		put_list(w, e->items, e->n);
		rv_buf_addc(w->b, ']');
		break;
	case OP_RECORD:
		put_record(w, e);
		break;
	case OP_CALL:
		put_call(w, e);
		break;
	default:
		if (level_of(e) < AT_MEMBER)
			put_binary(w, e);
		else
			put_method(w, e);
		break;
	}
}

static void put_expr(struct writer *w, const struct expr *e, enum level at)
{
	if (level_of(e) >= at) {
		put_bare(w, e);
		return;
	}
	rv_buf_addc(w->b, '(');
	put_nested(w, e);
	rv_buf_addc(w->b, ')');
}

/* ---- policies ---- */

static void put_scope_entity(struct rv_buf *b, const char *var, const struct scope *s)
{
	if (s->is_slot)
		rv_buf_printf(b, "?%s", var);
	else
		cedar_put_uid(b, s->uid);
}

static void put_scope(struct rv_buf *b, const char *var, const struct scope *s)
{
	rv_buf_addz(b, var);
	if (s->op == SCOPE_IS || s->op == SCOPE_IS_IN)
		rv_buf_printf(b, " is %.*s", RV_FMT(s->type));
	if (s->op == SCOPE_EQ)
		rv_buf_addz(b, " == ");
	if (s->op == SCOPE_IN || s->op == SCOPE_IS_IN || s->op == SCOPE_IN_LIST)
		rv_buf_addz(b, " in ");
	if (s->op == SCOPE_IN_LIST) {
		rv_buf_addc(b, '[');
		for (size_t i = 0; i < s->n_list; i++) {
			rv_buf_addz(b, i ? ", " : "");
			cedar_put_uid(b, s->list[i]);
		}
		rv_buf_addc(b, ']');
	} else if (s->op != SCOPE_ANY && s->op != SCOPE_IS) {
		put_scope_entity(b, var, s);
	}
}

cedar_code cedar_put_policy(struct rv_buf *b, const struct policy *p, cedar_error *err)
{
	struct writer w = { .b = b };
	for (size_t i = 0; i < p->info.n_annotations; i++) {
		const cedar_annotation *an = &p->info.annotations[i];
		rv_buf_printf(b, "@%.*s", RV_FMT(an->key));
		if (an->has_value) {
			rv_buf_addc(b, '(');
			cedar_put_string(b, an->value);
			rv_buf_addc(b, ')');
		}
		rv_buf_addc(b, ' ');
	}
	rv_buf_addz(b, p->info.is_forbid ? "forbid (" : "permit (");
	put_scope(b, "principal", &p->principal);
	rv_buf_addz(b, ", ");
	put_scope(b, "action", &p->action);
	rv_buf_addz(b, ", ");
	put_scope(b, "resource", &p->resource);
	rv_buf_addc(b, ')');
	for (size_t i = 0; i < p->n_conditions; i++) {
		rv_buf_addz(b, p->conditions[i].is_unless ? " unless { " : " when { ");
		put_nested(&w, p->conditions[i].expr);
		rv_buf_addz(b, " }");
	}
	rv_buf_addc(b, ';');
	if (w.too_deep)
		return cedar_fail(
			err, CEDAR_ELIMIT, "expressions nest more than %d deep", NEST_MAX);
	return b->failed ? CEDAR_FAIL_MEMORY(err) : CEDAR_OK;
}
