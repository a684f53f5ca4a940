/* Comparisons, arithmetic, sets and extension functions. */
#include <stdio.h>

#include "cedar/typecheck.h"

/* ---- equality ---- */

/* The literal a node is, with the action of the request for the variable. False: it is none. */
static bool literal_of(const struct checker *c, const struct node *n, cedar_value *ret)
{
	if (n->op == OP_ACTION)
		*ret = (cedar_value){ CEDAR_ENTITY, { .uid = &c->env->action->uid } };
	else
		*ret = n->lit;
	return n->op == OP_ACTION || n->op == OP_LIT;
}

/* Strict mode wants both sides to have types that go together, unless the answer is known. */
static struct answer must_go_together(struct checker *c, const struct node *n,
	const struct type *whole, const struct type *a, const struct type *b, const char *what)
{
	if (!c->types.is_strict || whole->kind != TY_BOOL || !a || !b)
		return ok(whole);
	return cedar_tc_bound(c, n, a, b, what) ? ok(whole) : bad(whole);
}

static struct answer check_eq(struct checker *c, const struct caps *prior, struct node *n)
{
	cedar_value x, y;
	const struct type *t = &cedar_ty_bool;
	struct answer a = cedar_tc(c, prior, n->a);
	struct answer b = cedar_tc(c, prior, n->b);
	if (a.type && b.type && cedar_ty_is_disjoint(a.type, b.type))
		t = &cedar_ty_false;
	else if (literal_of(c, n->a, &x) && literal_of(c, n->b, &y))
		t = ty_bool_of(cedar_value_eq(&x, &y));
	return after(a,
		after(b, must_go_together(c, n, t, a.type, b.type, "both sides of '==' or '!='")));
}

/* ---- order ---- */

static bool has_order(const struct type *t)
{
	return t->kind == TY_LONG ||
		(t->kind == TY_EXTENSION &&
			(t->extension == CEDAR_DATETIME || t->extension == CEDAR_DURATION));
}

static const char *order_help(const struct type *got)
{
	return got->kind == TY_EXTENSION && got->extension == CEDAR_DECIMAL
		? "decimals are compared by lessThan, lessThanOrEqual, greaterThan, "
		  "greaterThanOrEqual"
		: NULL;
}

static struct answer check_order(struct checker *c, const struct caps *prior, struct node *n)
{
	static const char any[] = "Long, datetime or duration";
	struct answer a = cedar_tc(c, prior, n->a);
	struct answer b = cedar_tc(c, prior, n->b);
	const struct type *x = a.type, *y = b.type;
	const cedar_schema *s = c->types.schema;
	if (!x || !y)
		return bad(&cedar_ty_bool);
	if (x->kind == TY_NEVER || y->kind == TY_NEVER) {
		bool fits = has_order(x) || has_order(y);
		return after(a, after(b, fits ? ok(&cedar_ty_bool) : bad(&cedar_ty_bool)));
	}
	if (has_order(x) && x->kind == y->kind && x->extension == y->extension)
		return after(a, after(b, ok(&cedar_ty_bool)));
	if (x->kind == TY_LONG || (has_order(x) && y->kind != TY_LONG))
		cedar_tc_unexpected(c, n->b, cedar_report_type(c->report, s, x), y, NULL);
	else if (has_order(y))
		cedar_tc_unexpected(c, n->a, cedar_report_type(c->report, s, y), x, NULL);
	if (!has_order(x) && !has_order(y)) {
		cedar_tc_unexpected(c, n->a, any, x, order_help(x));
		cedar_tc_unexpected(c, n->b, any, y, order_help(y));
	}
	return bad(&cedar_ty_bool);
}

/* ---- arithmetic ---- */

static const char *add_help(const struct type *got)
{
	if (got->kind == TY_STRING)
		return "strings cannot be joined";
	return got->kind == TY_SET ? "sets cannot be united, cut or subtracted" : NULL;
}

static const char *arithmetic_help(const struct type *got)
{
	return got->kind == TY_SET ? "sets cannot be united, cut or subtracted" : NULL;
}

static struct answer check_arithmetic(struct checker *c, const struct caps *prior, struct node *n)
{
	unexpected_help *help = n->op == OP_ADD ? add_help : arithmetic_help;
	struct answer a = cedar_tc_is(c, prior, n->a, &cedar_ty_long, help);
	struct answer b = cedar_tc_is(c, prior, n->b, &cedar_ty_long, help);
	return after(a, after(b, ok(&cedar_ty_long)));
}

/* ---- sets ---- */

static const char *set_help(const struct type *got)
{
	switch (got->kind) {
	case TY_ENTITY:
	case TY_ANY_ENTITY:
		return "'in' tests whether an entity is in another";
	case TY_RECORD:
		return "'has' tests for an attribute";
	case TY_STRING:
		return "'like' looks into a string";
	default:
		return NULL;
	}
}

static const char *argument_help(const struct type *got)
{
	(void)got;
	return "'contains' tests for a single element";
}

static struct answer check_contains(struct checker *c, const struct caps *prior, struct node *n)
{
	struct answer a = cedar_tc_is(c, prior, n->a, &cedar_ty_any_set, set_help);
	struct answer b = cedar_tc(c, prior, n->b);
	return after(a,
		after(b,
			must_go_together(c, n, &cedar_ty_bool, a.type ? a.type->element : NULL,
				b.type, "the elements of a set and what 'contains' looks for")));
}

static struct answer check_contains_all(struct checker *c, const struct caps *prior, struct node *n)
{
	struct answer a = cedar_tc_is(c, prior, n->a, &cedar_ty_any_set, set_help);
	struct answer b = cedar_tc_is(c, prior, n->b, &cedar_ty_any_set, argument_help);
	return after(a,
		after(b,
			must_go_together(c, n, &cedar_ty_bool, a.type, b.type,
				"both sets of a 'containsAll' or 'containsAny'")));
}

struct answer cedar_tc_binary(struct checker *c, const struct caps *prior, struct node *n)
{
	switch ((enum op)n->op) {
	case OP_EQ:
		return check_eq(c, prior, n);
	case OP_LT:
	case OP_LE:
		return check_order(c, prior, n);
	case OP_IN:
		return cedar_tc_in(c, prior, n);
	case OP_ADD:
	case OP_SUB:
	case OP_MUL:
		return check_arithmetic(c, prior, n);
	case OP_CONTAINS:
		return check_contains(c, prior, n);
	case OP_CONTAINS_ALL:
	case OP_CONTAINS_ANY:
		return check_contains_all(c, prior, n);
	case OP_HAS_TAG:
		return cedar_tc_has_tag(c, prior, n);
	case OP_GET_TAG:
		return cedar_tc_get_tag(c, prior, n);
	default: /* core.c makes no others */
		return bad(NULL);
	}
}

/* ---- extension functions ---- */

struct signature {
	const struct type *args[2];
	const struct type *result;
};

static struct signature signature_of(enum cedar_fn fn)
{
	const struct type *first = cedar_fns[fn].first == CEDAR_STRING
		? &cedar_ty_string
		: cedar_ty_extension(cedar_fns[fn].first);
	struct signature s = { { first, first }, &cedar_ty_bool };
	switch (fn) {
	case CEDAR_FN_DECIMAL:
		s.result = &cedar_ty_decimal;
		break;
	case CEDAR_FN_IP:
		s.result = &cedar_ty_ipaddr;
		break;
	case CEDAR_FN_OFFSET:
		s.args[1] = &cedar_ty_duration;
		s.result = &cedar_ty_datetime;
		break;
	case CEDAR_FN_DATETIME:
	case CEDAR_FN_TO_DATE:
		s.result = &cedar_ty_datetime;
		break;
	case CEDAR_FN_DURATION:
	case CEDAR_FN_DURATION_SINCE:
	case CEDAR_FN_TO_TIME:
		s.result = &cedar_ty_duration;
		break;
	case CEDAR_FN_TO_MILLISECONDS:
	case CEDAR_FN_TO_SECONDS:
	case CEDAR_FN_TO_MINUTES:
	case CEDAR_FN_TO_HOURS:
	case CEDAR_FN_TO_DAYS:
		s.result = &cedar_ty_long;
		break;
	default:
		break;
	}
	return s;
}

/* Why the constructor does not take the text; NULL: it does. */
static const char *constructor_refusal(enum cedar_fn fn, cedar_str text)
{
	const char *why = NULL;
	int64_t number;
	cedar_ip ip;
	bool taken = fn == CEDAR_FN_DECIMAL ? cedar_decimal_parse(text, &number, &why)
		: fn == CEDAR_FN_IP	    ? cedar_ip_parse(text, &ip, &why)
		: fn == CEDAR_FN_DATETIME   ? cedar_datetime_parse(text, &number, &why)
					    : cedar_duration_parse(text, &number, &why);
	return taken ? NULL : why ? why : "it is malformed";
}

static bool check_constructor(struct checker *c, const struct node *n)
{
	const struct cedar_fn_info *f = &cedar_fns[n->fn];
	bool fits = true;
	if (n->n == 1 && cedar_core_is_lit(n->items[0], CEDAR_STRING)) {
		cedar_str text = n->items[0]->lit.u.string;
		const char *why = constructor_refusal(n->fn, text);
		if (why)
			cedar_found(c->report, FINDING_MALFORMED_LITERAL, at_of(n), NULL,
				"%s(\"%.*s\") is no value: %s", f->name, RV_FMT(text), why);
		fits = !why;
	}
	for (uint32_t i = 0; c->types.is_strict && i < n->n; i++)
		if (n->items[i]->op != OP_LIT) {
			cedar_found(c->report, FINDING_CONSTRUCTOR_ARGUMENT, at_of(n),
				"let the attribute itself be of that type, in the entities or the "
				"context",
				"%s(…) takes only a literal", f->name);
			return false;
		}
	return fits;
}

struct answer cedar_tc_call(struct checker *c, const struct caps *prior, struct node *n)
{
	const struct cedar_fn_info *f = &cedar_fns[n->fn];
	struct signature sig = signature_of(n->fn);
	bool fits = n->n == f->n_args, all_ok = true;
	if (!fits)
		cedar_found(c->report, FINDING_ARGUMENT_COUNT, at_of(n), NULL,
			"%s takes %zu argument%s, not %u", f->name, f->n_args - f->is_method,
			f->n_args - f->is_method == 1 ? "" : "s", n->n - f->is_method);
	if (f->first == CEDAR_STRING && !check_constructor(c, n))
		fits = false;
	for (uint32_t i = 0; i < n->n; i++) {
		struct answer a = fits ? cedar_tc_is(c, prior, n->items[i], sig.args[i], NULL)
				       : cedar_tc(c, prior, n->items[i]);
		all_ok = all_ok && a.is_ok;
	}
	return fits && all_ok ? ok(sig.result) : bad(sig.result);
}
