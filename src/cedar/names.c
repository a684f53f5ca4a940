/* What a policy names, held against the schema: entity types, actions, enumerated ids; and whether
 * any action applies to what its scope lets through. */
#include "cedar/validate.h"

/* ---- names ---- */

static void unknown_type(struct reporter *r, const cedar_schema *s, struct span at, cedar_str name)
{
	struct nearest near;
	if (cedar_is_action_type(name) || cedar_schema_type(s, name) != NO_TYPE)
		return;
	cedar_nearest_start(&near, name);
	for (size_t i = 0; i < s->n_types; i++)
		if (!s->types[i].is_action)
			cedar_nearest_offer(&near, s->types[i].name);
	cedar_found(r, FINDING_UNKNOWN_ENTITY_TYPE, at, cedar_nearest_help(r, &near),
		"entity type '%.*s' is not in the schema", RV_FMT(name));
}

static bool holds(cedar_str text, cedar_str part)
{
	for (size_t i = 0; part.n > 0 && i + part.n <= text.n; i++)
		if (memcmp(text.p + i, part.p, part.n) == 0)
			return true;
	return false;
}

/* The nearest action, or one whose id was written with its type in it. */
static const char *action_help(struct reporter *r, const cedar_schema *s, const cedar_uid *uid)
{
	struct nearest near;
	const cedar_uid *best = NULL;
	cedar_str bare = cedar_z(cedar_report_text(r, "Action::%.*s", RV_FMT(uid->id)));
	cedar_str quoted = cedar_z(cedar_report_text(r, "Action::\"%.*s\"", RV_FMT(uid->id)));
	cedar_nearest_start(&near, uid->id);
	for (size_t i = 0; i < s->n_actions; i++) {
		const cedar_uid *one = &s->actions[i].uid;
		if (holds(one->id, bare) || holds(one->id, quoted))
			return cedar_report_text(r,
				"the id of the schema's action '%.*s' has the type written in it; "
				"is "
				"that meant?",
				RV_FMT(one->id));
		size_t before = near.distance;
		cedar_nearest_offer(&near, one->id);
		if (near.distance < before)
			best = one;
	}
	if (!best || !cedar_nearest_help(r, &near))
		return NULL;
	return cedar_report_text(
		r, "did you mean %.*s::\"%.*s\"?", RV_FMT(best->type), RV_FMT(best->id));
}

static const char *choices_help(struct reporter *r, const struct entity_type *t)
{
	RV_AUTO_BUF b;
	rv_buf_init(&b, 1 << 16);
	rv_buf_addz(&b, "its ids are ");
	for (size_t i = 0; i < t->n_choices && i < 8; i++)
		rv_buf_printf(&b, "%s\"%.*s\"", i ? ", " : "", RV_FMT(t->choices[i]));
	if (t->n_choices > 8)
		rv_buf_printf(&b, " and %zu more", t->n_choices - 8);
	return cedar_report_text(r, "%s", rv_buf_z(&b));
}

static void unknown_uid(
	struct reporter *r, const cedar_schema *s, struct span at, const cedar_uid *uid)
{
	unknown_type(r, s, at, uid->type);
	if (cedar_is_action_type(uid->type)) {
		if (cedar_schema_action(s, uid) == NO_TYPE)
			cedar_found(r, FINDING_UNKNOWN_ACTION, at, action_help(r, s, uid),
				"action %.*s::\"%.*s\" is not in the schema", RV_FMT(uid->type),
				RV_FMT(uid->id));
		return;
	}
	uint32_t type = cedar_schema_type(s, uid->type);
	if (type == NO_TYPE || !s->types[type].is_enum)
		return;
	for (size_t i = 0; i < s->types[type].n_choices; i++)
		if (str_eq(s->types[type].choices[i], uid->id))
			return;
	cedar_found(r, FINDING_UNKNOWN_ID, at, choices_help(r, &s->types[type]),
		"\"%.*s\" is not among the ids of the enumerated type '%.*s'", RV_FMT(uid->id),
		RV_FMT(uid->type));
}

static void names_in(struct reporter *r, const cedar_schema *s, struct node *n)
{
	if (cedar_report_seen(r, n))
		return;
	struct span at = { n->offset, n->length };
	if (cedar_core_is_lit(n, CEDAR_ENTITY))
		unknown_uid(r, s, at, n->lit.u.uid);
	if (n->op == OP_IS)
		unknown_type(r, s, at, n->name);
	struct node *const kids[] = { n->a, n->b, n->c };
	for (size_t i = 0; i < RV_COUNT(kids); i++)
		if (kids[i])
			names_in(r, s, kids[i]);
	for (uint32_t i = 0; n->items && i < n->n; i++)
		names_in(r, s, n->items[i]);
}

static void names_in_scope(struct reporter *r, const cedar_schema *s, const struct scope *scope)
{
	if (scope->op == SCOPE_IS || scope->op == SCOPE_IS_IN)
		unknown_type(r, s, scope->type_at, scope->type);
	if (scope->uid)
		unknown_uid(r, s, scope->uid_at, scope->uid);
	for (size_t i = 0; i < scope->n_list; i++)
		unknown_uid(r, s, scope->list_at ? scope->list_at[i] : (struct span){ 0 },
			scope->list[i]);
}

void cedar_validate_names(
	struct reporter *r, const cedar_schema *s, const struct policy *p, struct node *condition)
{
	r->pass++;
	names_in_scope(r, s, &p->principal);
	names_in_scope(r, s, &p->action);
	names_in_scope(r, s, &p->resource);
	if (condition)
		names_in(r, s, condition);
}

void cedar_validate_slots(struct reporter *r, const cedar_schema *s, const cedar_uid *uid)
{
	if (uid)
		unknown_type(r, s, (struct span){ 0 }, uid->type);
}

/* ---- an action that applies ---- */

/* An entity of the type may pass. */
static bool admits(const cedar_schema *s, const struct scope *scope, uint32_t type)
{
	cedar_str name = s->types[type].name;
	if ((scope->op == SCOPE_IS || scope->op == SCOPE_IS_IN) && !str_eq(scope->type, name))
		return false;
	if (scope->op == SCOPE_ANY || scope->op == SCOPE_IS || scope->is_slot)
		return true;
	if (str_eq(scope->uid->type, name))
		return true;
	uint32_t above = cedar_schema_type(s, scope->uid->type);
	return scope->op != SCOPE_EQ && above != NO_TYPE &&
		cedar_u32_has(s->types[above].descendants, s->types[above].n_descendants, type);
}

static bool admits_one(
	const cedar_schema *s, const struct scope *scope, const uint32_t *types, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (admits(s, scope, types[i]))
			return true;
	return false;
}

/* What `==` compares with is no type of the action's, but one above such a type. */
static bool in_would_fix(
	const cedar_schema *s, const struct scope *scope, const uint32_t *types, size_t n)
{
	if (scope->op != SCOPE_EQ || scope->is_slot)
		return false;
	uint32_t above = cedar_schema_type(s, scope->uid->type);
	for (size_t i = 0; above != NO_TYPE && i < n; i++)
		if (cedar_u32_has(
			    s->types[above].descendants, s->types[above].n_descendants, types[i]))
			return true;
	return false;
}

/* The action is one that the scope names, or in one. */
static bool names_action(const cedar_schema *s, const struct scope *scope, uint32_t action)
{
	const cedar_uid *const *list = scope->op == SCOPE_IN_LIST ? scope->list : &scope->uid;
	size_t n = scope->op == SCOPE_IN_LIST ? scope->n_list : 1;
	if (scope->op == SCOPE_ANY)
		return true;
	bool found = false;
	for (size_t i = 0; i < n; i++) {
		uint32_t one = cedar_schema_action(s, list[i]);
		if (one == NO_TYPE)
			return false; /* said already; nothing can be told of the rest */
		found |= one == action ||
			(scope->op != SCOPE_EQ &&
				cedar_u32_has(s->actions[one].descendants,
					s->actions[one].n_descendants, action));
	}
	return found;
}

void cedar_validate_scope(struct reporter *r, const cedar_schema *s, const struct policy *p,
	bool inapplicable_is_warning)
{
	bool principal_fix = false, resource_fix = false;
	for (uint32_t i = 0; i < s->n_actions; i++) {
		const struct action_type *a = &s->actions[i];
		if (!names_action(s, &p->action, i))
			continue;
		if (admits_one(s, &p->principal, a->principals, a->n_principals) &&
			admits_one(s, &p->resource, a->resources, a->n_resources))
			return;
		principal_fix |= in_would_fix(s, &p->principal, a->principals, a->n_principals);
		resource_fix |= in_would_fix(s, &p->resource, a->resources, a->n_resources);
	}
	const char *help = NULL;
	if (principal_fix || resource_fix)
		help = cedar_report_text(r, "with 'in' instead of '==' the %s could match",
			principal_fix && resource_fix ? "principal and the resource"
				: principal_fix	      ? "principal"
						      : "resource");
	cedar_found(r,
		inapplicable_is_warning ? FINDING_INAPPLICABLE_SCOPE : FINDING_NO_APPLICABLE_ACTION,
		(struct span){ 0 }, help,
		"no action of the schema applies to the principals and resources of this scope");
}
