/* The typechecker: an expression in one kind of request. The rules are those of the reference's
 * validator (language 4.5): Bool has the types true and false below it, so that what can never be
 * reached is not looked at; a test for an attribute or a tag is remembered for what it guards. */
#include "cedar/typecheck.h"

/* ---- what the operators share ---- */

void cedar_tc_unexpected(struct checker *c, const struct node *n, const char *want,
	const struct type *got, const char *help)
{
	cedar_found(c->report, FINDING_UNEXPECTED_TYPE, at_of(n), help, "expected %s, got %s", want,
		cedar_report_type(c->report, c->types.schema, got));
}

struct answer cedar_tc_one_of(struct checker *c, const struct caps *prior, struct node *n,
	const struct type *const *want, size_t n_want, unexpected_help *help)
{
	struct answer got = cedar_tc(c, prior, n);
	const char *text = "";
	if (!got.type)
		return bad(NULL);
	for (size_t i = 0; i < n_want; i++)
		if (cedar_ty_is_part_permissive(got.type, want[i]))
			return got;
	for (size_t i = 0; i < n_want; i++)
		text = cedar_report_text(c->report, "%s%s%s", text, i ? " or " : "",
			cedar_report_type(c->report, c->types.schema, want[i]));
	cedar_tc_unexpected(c, n, text, got.type, help ? help(got.type) : NULL);
	return bad(NULL);
}

struct answer cedar_tc_is(struct checker *c, const struct caps *prior, struct node *n,
	const struct type *want, unexpected_help *help)
{
	return cedar_tc_one_of(c, prior, n, &want, 1, help);
}

static const char *bound_help(enum lub_why why)
{
	switch (why) {
	case LUB_OPTIONAL:
		return "an attribute must be optional in both records, or required in both";
	case LUB_WIDTH:
		return "records go together only when they have the same attributes";
	case LUB_ENTITY:
		return "entities of different types never go together, whatever their attributes";
	case LUB_ENTITY_RECORD:
		return "an entity and a record never go together, whatever their attributes";
	default:
		return "types go together only when they are the same";
	}
}

const struct type *cedar_tc_bound(struct checker *c, const struct node *n, const struct type *a,
	const struct type *b, const char *what)
{
	enum lub_why why;
	const struct type *t = cedar_ty_bound(&c->types, a, b, &why);
	if (t)
		return t;
	if (why == LUB_MEMORY) {
		c->is_full = true;
		return NULL;
	}
	cedar_found(c->report, FINDING_INCOMPATIBLE_TYPES, at_of(n), bound_help(why),
		"%s must have types that go together, but %s and %s do not", what,
		cedar_report_type(c->report, c->types.schema, a),
		cedar_report_type(c->report, c->types.schema, b));
	return NULL;
}

const struct caps *cedar_tc_both(struct checker *c, const struct caps *x, const struct caps *y)
{
	return cedar_caps_union(c->types.arena, x, y, &c->is_full);
}

static const struct caps *either(struct checker *c, const struct caps *x, const struct caps *y)
{
	return cedar_caps_intersection(c->types.arena, x, y, &c->is_full);
}

/* ---- variables and literals ---- */

static const struct type *slot_type(const struct checker *c, const struct node *n)
{
	uint32_t t = n->n ? c->env->resource_slot : c->env->principal_slot;
	return t == NO_TYPE ? &cedar_ty_any_entity : c->types.schema->types[t].self;
}

/* What the schema does not know is said by another pass. */
static struct answer check_entity(const struct checker *c, const cedar_uid *u)
{
	const cedar_schema *s = c->types.schema;
	uint32_t type = cedar_schema_type(s, u->type);
	if (type == NO_TYPE ||
		(cedar_is_action_type(u->type) && cedar_schema_action(s, u) == NO_TYPE))
		return bad(NULL);
	return ok(s->types[type].self);
}

static struct answer check_lit(const struct checker *c, const cedar_value *v)
{
	switch (v->kind) {
	case CEDAR_BOOL:
		return ok(ty_bool_of(v->u.boolean));
	case CEDAR_LONG:
		return ok(&cedar_ty_long);
	case CEDAR_STRING:
		return ok(&cedar_ty_string);
	case CEDAR_ENTITY:
		return check_entity(c, v->u.uid);
	default: /* other values have no literal */
		return bad(NULL);
	}
}

/* ---- logic ---- */

static bool is_true(struct answer a)
{
	return a.type && a.type->kind == TY_TRUE;
}

static bool is_false(struct answer a)
{
	return a.type && a.type->kind == TY_FALSE;
}

static struct answer check_not(struct checker *c, const struct caps *prior, struct node *n)
{
	struct answer a = cedar_tc_is(c, prior, n->a, &cedar_ty_bool, NULL);
	if (!a.type)
		return bad(&cedar_ty_bool);
	return after(a,
		ok(is_true(a)		      ? &cedar_ty_false
				: is_false(a) ? &cedar_ty_true
					      : &cedar_ty_bool));
}

static struct answer and_of(struct checker *c, struct answer l, struct answer r)
{
	if (!l.type || !r.type)
		return bad(&cedar_ty_bool);
	if (is_false(r))
		return ok(&cedar_ty_false);
	if (is_true(r))
		return (struct answer){ l.type, true, cedar_tc_both(c, l.caps, r.caps) };
	if (is_true(l))
		return (struct answer){ r.type, true, r.caps };
	return (struct answer){ &cedar_ty_bool, true, cedar_tc_both(c, l.caps, r.caps) };
}

static struct answer check_and(struct checker *c, const struct caps *prior, struct node *n)
{
	struct answer l = cedar_tc_is(c, prior, n->a, &cedar_ty_bool, NULL);
	if (is_false(l)) {
		n->taken = TAKEN_FIRST;
		return after(l, ok(&cedar_ty_false));
	}
	struct answer r =
		cedar_tc_is(c, cedar_tc_both(c, prior, l.caps), n->b, &cedar_ty_bool, NULL);
	return after(l, after(r, and_of(c, l, r)));
}

static struct answer or_of(struct checker *c, struct answer l, struct answer r)
{
	if (!l.type || !r.type)
		return bad(&cedar_ty_bool);
	if (is_true(r))
		return (struct answer){ &cedar_ty_true, true, r.caps };
	if (is_false(r))
		return (struct answer){ l.type, true, l.caps };
	if (is_false(l))
		return (struct answer){ r.type, true, r.caps };
	return (struct answer){ &cedar_ty_bool, true, either(c, r.caps, l.caps) };
}

static struct answer check_or(struct checker *c, const struct caps *prior, struct node *n)
{
	struct answer l = cedar_tc_is(c, prior, n->a, &cedar_ty_bool, NULL);
	if (is_true(l)) {
		n->taken = TAKEN_FIRST;
		return l;
	}
	struct answer r = cedar_tc_is(c, prior, n->b, &cedar_ty_bool, NULL);
	return after(l, after(r, or_of(c, l, r)));
}

static struct answer check_branches(
	struct checker *c, const struct caps *prior, struct node *n, struct answer test)
{
	struct answer t = cedar_tc(c, cedar_tc_both(c, prior, test.caps), n->b);
	struct answer f = cedar_tc(c, prior, n->c);
	const struct caps *caps = t.is_ok ? cedar_tc_both(c, t.caps, test.caps) : NULL;
	const struct type *type = NULL;
	if (t.type && f.type)
		type = cedar_tc_bound(c, n, t.type, f.type, "both branches of an 'if'");
	struct answer whole = { type, type != NULL, type ? either(c, f.caps, caps) : NULL };
	return after(test, after(t, after(f, whole)));
}

static struct answer check_if(struct checker *c, const struct caps *prior, struct node *n)
{
	struct answer test = cedar_tc_is(c, prior, n->a, &cedar_ty_bool, NULL);
	if (is_true(test)) {
		n->taken = TAKEN_FIRST;
		struct answer t = cedar_tc(c, cedar_tc_both(c, prior, test.caps), n->b);
		t.caps = t.is_ok ? cedar_tc_both(c, t.caps, test.caps) : NULL;
		return after(test, t);
	}
	if (is_false(test)) {
		n->taken = TAKEN_SECOND;
		return after(test, cedar_tc(c, prior, n->c));
	}
	return check_branches(c, prior, n, test);
}

/* ---- the rest ---- */

static struct answer check_set(struct checker *c, const struct caps *prior, struct node *n)
{
	const struct type *element = &cedar_ty_never;
	bool all_ok = true;
	for (uint32_t i = 0; i < n->n; i++) {
		struct answer a = cedar_tc(c, prior, n->items[i]);
		all_ok = all_ok && a.is_ok;
		n->items[i]->answer = a;
	}
	for (uint32_t i = 0; i < n->n && element; i++)
		element = n->items[i]->answer.type;
	if (element) {
		element = &cedar_ty_never;
		for (uint32_t i = 0; i < n->n && element; i++)
			element = cedar_tc_bound(
				c, n, element, n->items[i]->answer.type, "the elements of a set");
	}
	if (n->n == 0 && c->types.is_strict) {
		cedar_found(c->report, FINDING_EMPTY_SET, at_of(n), NULL,
			"the type of an empty set cannot be told; policies may not write '[]'");
		return bad(NULL);
	}
	const struct type *t = element ? cedar_ty_set_of(c->types.arena, element) : NULL;
	c->is_full |= element && !t;
	return t && all_ok ? ok(t) : bad(t);
}

static struct answer check_record(struct checker *c, const struct caps *prior, struct node *n)
{
	struct type *t = rv_arena_alloc(c->types.arena, sizeof *t);
	struct attr_type *attrs = rv_arena_array(c->types.arena, n->n, sizeof *attrs);
	bool all_ok = true, all_known = true;
	if (!t || !attrs) {
		c->is_full = true;
		return bad(NULL);
	}
	for (uint32_t i = 0; i < n->n; i++) {
		struct answer a = cedar_tc(c, prior, n->items[i]);
		all_ok = all_ok && a.is_ok;
		all_known = all_known && a.type;
		attrs[i] = (struct attr_type){ n->names[i], a.type, false };
	}
	*t = (struct type){ .kind = TY_RECORD, .attrs = attrs, .n_attrs = n->n };
	return (struct answer){ all_known ? t : NULL, all_ok && all_known, NULL };
}

static const char *like_help(const struct type *got)
{
	return got->kind == TY_ENTITY || got->kind == TY_ANY_ENTITY
		? "'is' tests the type of an entity"
		: NULL;
}

static const char *is_help(const struct type *got)
{
	(void)got;
	return "only the type of an entity can be tested when a request is decided";
}

static struct answer check_is(struct checker *c, const struct caps *prior, struct node *n)
{
	struct answer a = cedar_tc_is(c, prior, n->a, &cedar_ty_any_entity, is_help);
	if (!a.type)
		return bad(&cedar_ty_bool);
	if (a.type->kind != TY_ENTITY)
		return after(a, ok(&cedar_ty_bool));
	uint32_t want = cedar_schema_type(c->types.schema, n->name);
	if (want == NO_TYPE || !cedar_u32_has(a.type->types, a.type->n_types, want))
		return after(a, ok(&cedar_ty_false));
	return after(a, ok(a.type->n_types == 1 ? &cedar_ty_true : &cedar_ty_bool));
}

static const char *empty_help(const struct type *got)
{
	return got->kind == TY_STRING ? "'== \"\"' tests whether a string is empty" : NULL;
}

static struct answer check_node(struct checker *c, const struct caps *prior, struct node *n)
{
	struct answer a;
	switch ((enum op)n->op) {
	case OP_LIT:
		return check_lit(c, &n->lit);
	case OP_PRINCIPAL:
		return ok(c->types.schema->types[c->env->principal].self);
	case OP_ACTION:
		return ok(c->types.schema->types[c->env->action->type].self);
	case OP_RESOURCE:
		return ok(c->types.schema->types[c->env->resource].self);
	case OP_CONTEXT:
		return ok(c->env->action->context);
	case OP_SLOT:
		return ok(slot_type(c, n));
	case OP_NOT:
		return check_not(c, prior, n);
	case OP_NEG:
		a = cedar_tc_is(c, prior, n->a, &cedar_ty_long, NULL);
		return after(a, ok(&cedar_ty_long));
	case OP_IS_EMPTY:
		a = cedar_tc_is(c, prior, n->a, &cedar_ty_any_set, empty_help);
		return after(a, ok(&cedar_ty_bool));
	case OP_AND:
		return check_and(c, prior, n);
	case OP_OR:
		return check_or(c, prior, n);
	case OP_IF:
		return check_if(c, prior, n);
	case OP_ATTR:
		return cedar_tc_attr(c, prior, n);
	case OP_HAS:
		return cedar_tc_has(c, prior, n);
	case OP_LIKE:
		a = cedar_tc_is(c, prior, n->a, &cedar_ty_string, like_help);
		return after(a, ok(&cedar_ty_bool));
	case OP_IS:
		return check_is(c, prior, n);
	case OP_SET:
		return check_set(c, prior, n);
	case OP_RECORD:
		return check_record(c, prior, n);
	case OP_CALL:
		return cedar_tc_call(c, prior, n);
	default:
		return cedar_tc_binary(c, prior, n);
	}
}

/* Depth is bounded where the tree is made. A node with several parents means the same for all: what
 * is known there besides concerns expressions around it, never one inside. */
struct answer cedar_tc(struct checker *c, const struct caps *prior, struct node *n)
{
	if (n->is_shared && n->stamp == c->stamp)
		return n->answer;
	if (c->is_full)
		return bad(NULL);
	n->taken = TAKEN_BOTH;
	n->answer = check_node(c, prior, n);
	n->stamp = c->stamp;
	return n->answer;
}

struct answer cedar_tc_condition(struct checker *c, struct node *whole)
{
	return cedar_tc_is(c, NULL, whole, &cedar_ty_bool, NULL);
}
