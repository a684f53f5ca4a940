/* `in`: often decided by the schema alone. */
#include "cedar/typecheck.h"

static const char *left_help(const struct type *got)
{
	(void)got;
	return "'contains', 'containsAny' and 'containsAll' look into a set";
}

static const char *right_help(const struct type *got)
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

/* The entity that a literal names, or the action of the request. */
static const cedar_uid *uid_of(const struct checker *c, const struct node *n)
{
	if (n->op == OP_ACTION)
		return &c->env->action->uid;
	return cedar_core_is_lit(n, CEDAR_ENTITY) ? n->lit.u.uid : NULL;
}

/* All that stand on the right are entities known by name. */
static bool is_named(const struct checker *c, const struct node *n)
{
	if (n->op != OP_SET)
		return uid_of(c, n) != NULL;
	for (uint32_t i = 0; i < n->n; i++)
		if (!uid_of(c, n->items[i]))
			return false;
	return true;
}

/* An action in entities known by name: the schema knows. False *ret_known: it does not know one of
 * the actions. */
static bool action_is_in(
	const struct checker *c, const cedar_uid *action, const struct node *right, bool *ret_known)
{
	const cedar_schema *s = c->types.schema;
	uint32_t at = cedar_schema_action(s, action);
	uint32_t n = right->op == OP_SET ? right->n : 1;
	bool found = false;
	*ret_known = true;
	for (uint32_t i = 0; i < n; i++) {
		const cedar_uid *u = uid_of(c, right->op == OP_SET ? right->items[i] : right);
		if (!cedar_is_action_type(u->type))
			continue; /* no action is in anything else */
		uint32_t up = cedar_schema_action(s, u);
		if (up == NO_TYPE) {
			*ret_known = false;
			continue;
		}
		found |= up == at ||
			cedar_u32_has(s->actions[up].descendants, s->actions[up].n_descendants, at);
	}
	return found;
}

/* Some action of type `below` is in one of type `above`. */
static bool action_type_is_in(const cedar_schema *s, uint32_t below, uint32_t above)
{
	for (size_t i = 0; i < s->n_actions; i++) {
		const struct action_type *a = &s->actions[i];
		for (size_t k = 0; a->type == above && k < a->n_descendants; k++)
			if (s->actions[a->descendants[k]].type == below)
				return true;
	}
	return false;
}

static bool type_may_be_in(const cedar_schema *s, uint32_t below, uint32_t above)
{
	const struct entity_type *up = &s->types[above];
	return below == above || cedar_u32_has(up->descendants, up->n_descendants, below) ||
		(up->is_action && action_type_is_in(s, below, above));
}

static bool may_be_in(const cedar_schema *s, const struct type *below, const struct type *above)
{
	for (size_t i = 0; i < below->n_types; i++)
		for (size_t k = 0; k < above->n_types; k++)
			if (type_may_be_in(s, below->types[i], above->types[k]))
				return true;
	return false;
}

static struct answer by_type(
	const struct checker *c, const struct type *below, const struct type *above)
{
	if (above->kind == TY_SET)
		above = above->element;
	if (below->kind == TY_ENTITY && above && above->kind == TY_ENTITY &&
		!may_be_in(c->types.schema, below, above))
		return ok(&cedar_ty_false);
	return ok(&cedar_ty_bool);
}

struct answer cedar_tc_in(struct checker *c, const struct caps *prior, struct node *n)
{
	static const struct type set_of_entities = { .kind = TY_SET,
		.element = &cedar_ty_any_entity };
	static const struct type *const right[] = { &set_of_entities, &cedar_ty_any_entity };
	struct answer a = cedar_tc_is(c, prior, n->a, &cedar_ty_any_entity, left_help);
	struct answer b = cedar_tc_one_of(c, prior, n->b, right, RV_COUNT(right), right_help);
	const cedar_uid *action = uid_of(c, n->a);
	if (!a.is_ok || !b.is_ok)
		return bad(&cedar_ty_bool);
	if (!action || !cedar_is_action_type(action->type) || !is_named(c, n->b))
		return by_type(c, a.type, b.type);
	bool is_known, is_in = action_is_in(c, action, n->b, &is_known);
	return is_known ? ok(ty_bool_of(is_in)) : bad(&cedar_ty_bool);
}
