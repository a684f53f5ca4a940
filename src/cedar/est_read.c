/* Policies in JSON into the tree: scope, conditions, annotations. */
#include "cedar/forms.h"

struct reader {
	struct rv_arena *a;
	cedar_error *err;
};
#define FAIL(r, at, v, ...) cedar_json_path_fail((r)->err, (at), (v), __VA_ARGS__)

/* ---- scope ---- */

/* Either "entity" or "slot" of v. */
static cedar_code read_target(struct reader *r, const struct json_path *at, const struct rv_json *v,
	const char *var, struct scope *s)
{
	const struct json_path entity_at = json_in(at, "entity"), slot_at = json_in(at, "slot");
	const struct rv_json *entity = rv_json_get(v, "entity"), *slot = rv_json_get(v, "slot");
	if (!entity == !slot)
		return FAIL(r, at, v, "needs either 'entity' or 'slot'");
	if (entity)
		return cedar_json_path_uid(r->a, r->err, &entity_at, entity, &s->uid);
	CEDAR_TRY(cedar_json_want(r->err, &slot_at, v, slot, RV_JSON_STR));
	if (slot->str.n != strlen(var) + 1 || slot->str.p[0] != '?' ||
		!rv_str_eqz(rv_str_sub(slot->str, 1, slot->str.n), var))
		return FAIL(r, &slot_at, slot, "must be '?%s', not '%.*s'", var,
			slot->str.n > 60 ? 60 : RV_FMT(slot->str));
	s->is_slot = true;
	return CEDAR_OK;
}

static cedar_code read_is(struct reader *r, const struct json_path *at, const struct rv_json *v,
	const char *var, struct scope *s)
{
	const struct json_path type_at = json_in(at, "entity_type"), in_at = json_in(at, "in");
	const struct rv_json *type, *in = rv_json_get(v, "in");
	CEDAR_TRY(cedar_json_only(r->err, at, v, "op entity_type in"));
	CEDAR_TRY(cedar_json_need(r->err, at, v, "entity_type", RV_JSON_STR, &type));
	if (!cedar_is_path(cs(type->str)))
		return FAIL(r, &type_at, type, "'%.*s' is not an entity type's name",
			type->str.n > 60 ? 60 : RV_FMT(type->str));
	s->op = SCOPE_IS;
	s->type = cs(type->str);
	if (!in)
		return CEDAR_OK;
	s->op = SCOPE_IS_IN;
	CEDAR_TRY(cedar_json_want(r->err, &in_at, v, in, RV_JSON_OBJ));
	CEDAR_TRY(cedar_json_only(r->err, &in_at, in, "entity slot"));
	return read_target(r, &in_at, in, var, s);
}

static cedar_code read_op(
	struct reader *r, const struct json_path *at, const struct rv_json *v, struct rv_str *ret)
{
	const struct rv_json *op;
	CEDAR_TRY(cedar_json_need(r->err, at, v, "op", RV_JSON_STR, &op));
	*ret = op->str;
	return CEDAR_OK;
}

static cedar_code fail_op(struct reader *r, const struct json_path *at, const struct rv_json *v,
	struct rv_str op, const char *known)
{
	const struct json_path here = json_in(at, "op");
	return FAIL(r, &here, rv_json_get(v, "op"), "'%.*s' cannot stand here; known are %s",
		op.n > 60 ? 60 : RV_FMT(op), known);
}

static bool is_all(struct rv_str op)
{
	return rv_str_eqz(op, "All") || rv_str_eqz(op, "all");
}

static cedar_code read_scope(struct reader *r, const struct json_path *up,
	const struct rv_json *policy, const char *var, struct scope *s)
{
	const struct json_path at = json_in(up, var);
	const struct rv_json *v;
	struct rv_str op;
	CEDAR_TRY(cedar_json_need(r->err, up, policy, var, RV_JSON_OBJ, &v));
	CEDAR_TRY(read_op(r, &at, v, &op));
	if (is_all(op)) {
		s->op = SCOPE_ANY;
		return cedar_json_only(r->err, &at, v, "op");
	}
	if (rv_str_eqz(op, "is"))
		return read_is(r, &at, v, var, s);
	if (!rv_str_eqz(op, "==") && !rv_str_eqz(op, "in"))
		return fail_op(r, &at, v, op, "All, ==, in and is");
	s->op = rv_str_eqz(op, "in") ? SCOPE_IN : SCOPE_EQ;
	CEDAR_TRY(cedar_json_only(r->err, &at, v, "op entity slot"));
	return read_target(r, &at, v, var, s);
}

static cedar_code read_action_uid(struct reader *r, const struct json_path *at,
	const struct rv_json *v, const cedar_uid **ret)
{
	CEDAR_TRY(cedar_json_path_uid(r->a, r->err, at, v, ret));
	struct rv_str type = rs((*ret)->type);
	if (!rv_str_eqz(type, "Action") && !rv_str_ends(type, RV_STR("::Action")))
		return FAIL(r, at, v, "expected an entity uid with type 'Action' but got '%.*s'",
			type.n > 60 ? 60 : RV_FMT(type));
	return CEDAR_OK;
}

static cedar_code read_action_list(
	struct reader *r, const struct json_path *up, const struct rv_json *v, struct scope *s)
{
	const struct json_path at = json_in(up, "entities");
	const struct rv_json *list;
	CEDAR_TRY(cedar_json_need(r->err, up, v, "entities", RV_JSON_ARR, &list));
	const cedar_uid **out = rv_arena_array(r->a, list->n_items, sizeof *out);
	if (!out)
		return CEDAR_FAIL_MEMORY(r->err);
	for (size_t i = 0; i < list->n_items; i++) {
		const struct json_path here = json_at(&at, i);
		CEDAR_TRY(read_action_uid(r, &here, list->items[i], &out[i]));
	}
	s->op = SCOPE_IN_LIST;
	s->list = out;
	s->n_list = list->n_items;
	return CEDAR_OK;
}

static cedar_code read_action(
	struct reader *r, const struct json_path *up, const struct rv_json *policy, struct scope *s)
{
	const struct json_path at = json_in(up, "action"), entity_at = json_in(&at, "entity");
	const struct rv_json *v, *entity;
	struct rv_str op;
	CEDAR_TRY(cedar_json_need(r->err, up, policy, "action", RV_JSON_OBJ, &v));
	CEDAR_TRY(read_op(r, &at, v, &op));
	if (is_all(op)) {
		s->op = SCOPE_ANY;
		return cedar_json_only(r->err, &at, v, "op");
	}
	bool in = rv_str_eqz(op, "in"), list = in && rv_json_get(v, "entities");
	if (!in && !rv_str_eqz(op, "=="))
		return fail_op(r, &at, v, op, "All, == and in");
	if (rv_json_get(v, "slot"))
		return FAIL(r, &at, v, "the action takes no slot");
	CEDAR_TRY(cedar_json_only(r->err, &at, v, list ? "op entities" : "op entity"));
	if (list)
		return read_action_list(r, &at, v, s);
	s->op = in ? SCOPE_IN : SCOPE_EQ;
	entity = rv_json_get(v, "entity");
	if (!entity)
		return FAIL(r, &at, v, "needs %s", in ? "'entity' or 'entities'" : "'entity'");
	return read_action_uid(r, &entity_at, entity, &s->uid);
}

/* ---- the rest ---- */

static cedar_code read_condition(struct reader *r, const struct json_path *at,
	const struct rv_json *v, struct condition *ret)
{
	const struct json_path kind_at = json_in(at, "kind"), body_at = json_in(at, "body");
	const struct rv_json *kind, *body;
	CEDAR_TRY(cedar_json_want(r->err, at, v, v, RV_JSON_OBJ));
	CEDAR_TRY(cedar_json_only(r->err, at, v, "kind body"));
	CEDAR_TRY(cedar_json_need(r->err, at, v, "kind", RV_JSON_STR, &kind));
	CEDAR_TRY(cedar_json_need(r->err, at, v, "body", RV_JSON_OBJ, &body));
	ret->is_unless = rv_str_eqz(kind->str, "unless");
	if (!ret->is_unless && !rv_str_eqz(kind->str, "when"))
		return FAIL(r, &kind_at, kind, "must be 'when' or 'unless'");
	return cedar_est_read_expr(r->a, &body_at, body, 1, &ret->expr, r->err);
}

static cedar_code read_conditions(struct reader *r, const struct json_path *up,
	const struct rv_json *policy, struct policy *ret)
{
	const struct json_path at = json_in(up, "conditions");
	const struct rv_json *list;
	CEDAR_TRY(cedar_json_need(r->err, up, policy, "conditions", RV_JSON_ARR, &list));
	struct condition *out = rv_arena_array(r->a, list->n_items, sizeof *out);
	if (!out)
		return CEDAR_FAIL_MEMORY(r->err);
	for (size_t i = 0; i < list->n_items; i++) {
		const struct json_path here = json_at(&at, i);
		CEDAR_TRY(read_condition(r, &here, list->items[i], &out[i]));
	}
	ret->conditions = out;
	ret->n_conditions = list->n_items;
	return CEDAR_OK;
}

/* Reserved words may name annotations. */
static bool is_any_ident(struct rv_str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!(s.p[i] == '_' || ((s.p[i] | 32) >= 'a' && (s.p[i] | 32) <= 'z') ||
			    (i > 0 && s.p[i] >= '0' && s.p[i] <= '9')))
			return false;
	return s.n > 0;
}

static cedar_code read_annotations(struct reader *r, const struct json_path *up,
	const struct rv_json *policy, struct policy *ret)
{
	const struct json_path at = json_in(up, "annotations");
	const struct rv_json *v = rv_json_get(policy, "annotations");
	if (!v)
		return CEDAR_OK;
	CEDAR_TRY(cedar_json_want(r->err, &at, policy, v, RV_JSON_OBJ));
	cedar_annotation *out = rv_arena_array(r->a, v->n_members, sizeof *out);
	if (!out)
		return CEDAR_FAIL_MEMORY(r->err);
	for (size_t i = 0; i < v->n_members; i++) {
		const struct rv_json_member *m = &v->members[i];
		const struct json_path here = json_in_str(&at, m->name);
		const struct rv_json place = { .line = m->line, .col = m->col };
		if (!is_any_ident(m->name))
			return FAIL(r, &at, &place, "'%.*s' cannot name an annotation",
				m->name.n > 60 ? 60 : RV_FMT(m->name));
		out[i] = (cedar_annotation){ cs(m->name), cedar_z(""), false };
		if (m->value->type == RV_JSON_NULL)
			continue;
		if (m->value->type != RV_JSON_STR)
			return FAIL(r, &here, m->value, "must be a string or null, not %s",
				rv_json_type_name(m->value->type));
		out[i].value = cs(m->value->str);
		out[i].has_value = true;
	}
	ret->info.annotations = out;
	ret->info.n_annotations = v->n_members;
	return CEDAR_OK;
}

cedar_code cedar_est_read_policy(struct rv_arena *a, const struct json_path *at,
	const struct rv_json *v, struct policy *ret, cedar_error *err)
{
	struct reader r = { a, err };
	const struct json_path effect_at = json_in(at, "effect");
	const struct rv_json *effect;
	*ret = (struct policy){ .n_conditions = 0 };
	CEDAR_TRY(cedar_json_want(err, at, v, v, RV_JSON_OBJ));
	CEDAR_TRY(cedar_json_only(
		err, at, v, "effect principal action resource conditions annotations"));
	CEDAR_TRY(cedar_json_need(err, at, v, "effect", RV_JSON_STR, &effect));
	ret->info.is_forbid = rv_str_eqz(effect->str, "forbid");
	if (!ret->info.is_forbid && !rv_str_eqz(effect->str, "permit"))
		return FAIL(&r, &effect_at, effect, "must be 'permit' or 'forbid'");
	CEDAR_TRY(read_scope(&r, at, v, "principal", &ret->principal));
	CEDAR_TRY(read_action(&r, at, v, &ret->action));
	CEDAR_TRY(read_scope(&r, at, v, "resource", &ret->resource));
	CEDAR_TRY(read_conditions(&r, at, v, ret));
	ret->info.is_template = ret->principal.is_slot || ret->resource.is_slot;
	return read_annotations(&r, at, v, ret);
}
