/* Attributes and tags: what may be read, and behind which test. */
#include <stdio.h>

#include "cedar/typecheck.h"

static const struct type *const has_attrs[] = { &cedar_ty_any_entity, &cedar_ty_any_record };

/* ---- attributes ---- */

/* As it stands behind 'has'. */
static const char *attr_text(struct checker *c, cedar_str name)
{
	return cedar_report_text(
		c->report, cedar_is_path(name) ? "%.*s" : "\"%.*s\"", RV_FMT(name));
}

/* What is read, from the nearest entity or the context on: "'address.zip' of User", "'ip' of the
 * context of Action::"view"". */
static const char *attr_where(struct checker *c, const struct node *n)
{
	const cedar_uid *action = &c->env->action->uid;
	const char *path = cedar_report_text(c->report, "%.*s", RV_FMT(n->name));
	const struct node *on = n->a;
	for (; on->op == OP_ATTR && on->answer.type && on->answer.type->kind == TY_RECORD;
		on = on->a)
		path = cedar_report_text(c->report, "%.*s.%s", RV_FMT(on->name), path);
	if (on->op == OP_CONTEXT)
		return cedar_report_text(c->report, "'%s' of the context of %.*s::\"%.*s\"", path,
			RV_FMT(action->type), RV_FMT(action->id));
	return cedar_report_text(c->report, "'%s' of %s", path,
		cedar_report_type(c->report, c->types.schema, on->answer.type));
}

static void offer_attrs(struct nearest *near, const struct type *record)
{
	for (size_t i = 0; i < record->n_attrs; i++)
		if (!str_eq(record->attrs[i].name, near->written))
			cedar_nearest_offer(near, record->attrs[i].name);
}

/* Another type of principal or resource that the action applies to has it. */
static const char *other_type_help(struct checker *c, const struct node *n)
{
	const struct action_type *a = c->env->action;
	const cedar_schema *s = c->types.schema;
	if (n->a->op != OP_PRINCIPAL && n->a->op != OP_RESOURCE)
		return NULL;
	bool is_principal = n->a->op == OP_PRINCIPAL;
	const uint32_t *types = is_principal ? a->principals : a->resources;
	size_t count = is_principal ? a->n_principals : a->n_resources;
	for (size_t i = 0; i < count; i++)
		if (cedar_type_attr(s->types[types[i]].attrs, n->name))
			return cedar_report_text(c->report, "%.*s has it; test '%s is %.*s' first",
				RV_FMT(s->types[types[i]].name),
				is_principal ? "principal" : "resource",
				RV_FMT(s->types[types[i]].name));
	return NULL;
}

static const char *attr_help(struct checker *c, const struct node *n, const struct type *of)
{
	struct nearest near;
	const cedar_schema *s = c->types.schema;
	const char *help = other_type_help(c, n);
	cedar_nearest_start(&near, n->name);
	if (help)
		return help;
	if (of->kind == TY_RECORD)
		offer_attrs(&near, of);
	for (size_t i = 0; of->kind == TY_ENTITY && i < of->n_types; i++)
		if (!s->types[of->types[i]].is_action)
			offer_attrs(&near, s->types[of->types[i]].attrs);
	if (cedar_ty_may_have_attr(&c->types, of, n->name))
		return "not all values that may stand here have it; test the type with 'is' first";
	return cedar_nearest_help(c->report, &near);
}

static void unknown_attr(struct checker *c, const struct node *n, const struct type *of)
{
	cedar_found(c->report, FINDING_UNKNOWN_ATTRIBUTE, at_of(n), attr_help(c, n, of),
		"there is no attribute %s", attr_where(c, n));
}

static void unguarded_attr(struct checker *c, const struct node *n)
{
	cedar_str base = cedar_report_source(c->report, at_of(n->a));
	if (base.n == 0)
		base = cedar_z("…");
	const char *help = cedar_report_text(c->report, "test it first: '%.*s has %s && …'",
		RV_FMT(base), attr_text(c, n->name));
	cedar_found(c->report, FINDING_UNGUARDED_ATTRIBUTE, at_of(n), help,
		"attribute %s is optional; it may be read only where it is known to be there",
		attr_where(c, n));
}

struct answer cedar_tc_attr(struct checker *c, const struct caps *prior, struct node *n)
{
	struct attr_type attr;
	struct answer a = cedar_tc_one_of(c, prior, n->a, has_attrs, RV_COUNT(has_attrs), NULL);
	if (!a.type)
		return bad(NULL);
	if (!cedar_ty_attr(&c->types, a.type, n->name, &attr)) {
		unknown_attr(c, n, a.type);
		return bad(NULL);
	}
	if (!attr.is_optional || cedar_caps_has_attr(prior, n->a, n->name))
		return after(a, ok(attr.type));
	unguarded_attr(c, n);
	return bad(attr.type);
}

static const char *has_help(const struct type *got)
{
	switch (got->kind) {
	case TY_SET:
		return "'contains', 'containsAny' and 'containsAll' look into a set";
	case TY_STRING:
		return "'like' looks into a string";
	default:
		return NULL;
	}
}

/* An entity may be missing, and then has nothing: only a record, or a test that held before, makes
 * the answer certain. */
static const struct type *has_type(
	struct checker *c, const struct caps *prior, const struct node *n, const struct type *of)
{
	struct attr_type attr;
	if (!cedar_ty_attr(&c->types, of, n->name, &attr))
		return cedar_ty_may_have_attr(&c->types, of, n->name) ? &cedar_ty_bool
								      : &cedar_ty_false;
	if (cedar_caps_has_attr(prior, n->a, n->name))
		return &cedar_ty_true;
	return !attr.is_optional && of->kind == TY_RECORD ? &cedar_ty_true : &cedar_ty_bool;
}

struct answer cedar_tc_has(struct checker *c, const struct caps *prior, struct node *n)
{
	struct attr_type attr;
	struct answer whole;
	struct answer a = cedar_tc_one_of(c, prior, n->a, has_attrs, RV_COUNT(has_attrs), has_help);
	if (!a.type)
		return bad(&cedar_ty_bool);
	whole = ok(has_type(c, prior, n, a.type));
	if (cedar_ty_attr(&c->types, a.type, n->name, &attr)) {
		whole.caps = cedar_caps_attr(c->types.arena, n->a, n->name);
		c->is_full |= !whole.caps;
	}
	return after(a, whole);
}

/* ---- tags ---- */

/* The tag types of what the entity may be; those that have no tags are passed over. False: none. */
static bool tag_types(struct checker *c, const struct type *of, const struct node *n, bool bound,
	const struct type **ret)
{
	const cedar_schema *s = c->types.schema;
	size_t count = of->kind == TY_ENTITY ? of->n_types : s->n_types;
	bool found = false;
	*ret = &cedar_ty_never;
	for (size_t i = 0; i < count; i++) {
		const struct entity_type *e = &s->types[of->kind == TY_ENTITY ? of->types[i] : i];
		if (!e->tags)
			continue;
		found = true;
		if (bound && *ret)
			*ret = cedar_tc_bound(c, n, *ret, e->tags, "the tags that may be meant");
	}
	return found;
}

/* Entity and tag name; false: one of them cannot be told. */
static bool check_tag_operands(struct checker *c, const struct caps *prior, struct node *n,
	struct answer *ret_a, struct answer *ret_b)
{
	*ret_a = cedar_tc_is(c, prior, n->a, &cedar_ty_any_entity, NULL);
	*ret_b = cedar_tc_is(c, prior, n->b, &cedar_ty_string, NULL);
	return ret_a->type != NULL;
}

struct answer cedar_tc_has_tag(struct checker *c, const struct caps *prior, struct node *n)
{
	struct answer a, b, whole = ok(&cedar_ty_bool);
	const struct type *unused;
	if (!check_tag_operands(c, prior, n, &a, &b))
		return bad(NULL);
	if (!tag_types(c, a.type, n, false, &unused))
		whole.type = &cedar_ty_false;
	else if (cedar_caps_has_tag(prior, n->a, n->b))
		whole.type = &cedar_ty_true;
	whole.caps = cedar_caps_tag(c->types.arena, n->a, n->b);
	c->is_full |= !whole.caps;
	return after(a, after(b, whole));
}

static void unguarded_tag(struct checker *c, const struct node *n, const struct type *of)
{
	cedar_str base = cedar_report_source(c->report, at_of(n->a));
	cedar_str tag = cedar_report_source(c->report, at_of(n->b));
	const char *help = NULL;
	if (base.n && tag.n)
		help = cedar_report_text(c->report, "test it first: '%.*s.hasTag(%.*s) && …'",
			RV_FMT(base), RV_FMT(tag));
	cedar_found(c->report, FINDING_UNGUARDED_TAG, at_of(n), help,
		"a tag of %s may be read only where it is known to be there",
		cedar_report_type(c->report, c->types.schema, of));
}

struct answer cedar_tc_get_tag(struct checker *c, const struct caps *prior, struct node *n)
{
	struct answer a, b;
	const struct type *tags;
	if (!check_tag_operands(c, prior, n, &a, &b))
		return bad(NULL);
	if (!cedar_caps_has_tag(prior, n->a, n->b)) {
		unguarded_tag(c, n, a.type);
		return bad(NULL);
	}
	if (!tag_types(c, a.type, n, true, &tags)) {
		cedar_found(c->report, FINDING_NO_TAGS, at_of(n), NULL,
			"the schema declares no tags for %s",
			cedar_report_type(c->report, c->types.schema, a.type));
		return bad(NULL);
	}
	return tags ? after(a, after(b, ok(tags))) : bad(NULL);
}
