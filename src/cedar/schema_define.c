/* Declarations of a schema become entity types and actions. */
#include "cedar/schema_resolve.h"

/* ---- collecting ---- */

static bool is_ident(cedar_str s)
{
	return !cedar_schema_is_qualified(s) && cedar_is_path(s);
}

static cedar_code add_entity_type(struct resolver *r, struct entity_type e)
{
	struct type *self = rv_arena_alloc(r->arena, sizeof *self);
	if (!self || !e.name.p)
		return CEDAR_FAIL_MEMORY(r->err);
	self->kind = TY_ENTITY;
	self->n_types = 1;
	e.self = self;
	if (!ARENA_PUSH(r->arena, r->s->types, r->s->n_types, r->s->cap_types, e))
		return CEDAR_FAIL_MEMORY(r->err);
	return CEDAR_OK;
}

static cedar_code collect_commons(struct resolver *r, const struct raw_namespace *ns)
{
	static const char *const reserved[] = { "Bool", "Boolean", "Entity", "Extension", "Long",
		"Record", "Set", "String", "EntityOrCommon" };
	for (size_t i = 0; i < ns->n_commons; i++) {
		const struct raw_common *c = &ns->commons[i];
		if (!is_ident(c->name))
			return FAIL(r, c->at, "'%.*s' cannot name a type", RV_FMT(c->name));
		for (size_t k = 0; k + 1 < RV_COUNT(reserved); k++)
			if (rv_str_eqz(rs(c->name), reserved[k]))
				return FAIL(r, c->at, "'%.*s' is reserved and cannot name a type",
					RV_FMT(c->name));
		struct common common = {
			.name = cedar_schema_full_name(r, ns->name, c->name), .ns = ns, .raw = c
		};
		if (!common.name.p ||
			!ARENA_PUSH(r->arena, r->commons, r->n_commons, r->cap_commons, common))
			return CEDAR_FAIL_MEMORY(r->err);
	}
	return CEDAR_OK;
}

cedar_code cedar_schema_collect(struct resolver *r, const struct raw_namespace *ns)
{
	cedar_str action = cedar_schema_full_name(r, ns->name, cedar_z("Action"));
	CEDAR_TRY(collect_commons(r, ns));
	for (size_t i = 0; i < ns->n_entities; i++) {
		const struct raw_entity *e = &ns->entities[i];
		if (!is_ident(e->name))
			return FAIL(r, e->at, "'%.*s' cannot name an entity type", RV_FMT(e->name));
		if (rv_str_eqz(rs(e->name), "Action"))
			return FAIL(r, e->at, "the entity type 'Action' cannot be declared");
		CEDAR_TRY(add_entity_type(r,
			(struct entity_type){ .name = cedar_schema_full_name(r, ns->name, e->name),
				.is_enum = e->is_enum,
				.choices = e->choices,
				.n_choices = e->n_choices }));
	}
	if (ns->n_actions > 0)
		CEDAR_TRY(add_entity_type(
			r, (struct entity_type){ .name = action, .is_action = true }));
	for (size_t i = 0; i < ns->n_actions; i++) {
		struct action_type a = { .uid = cedar_uid_of(action, ns->actions[i].name) };
		if (!ARENA_PUSH(r->arena, r->s->actions, r->s->n_actions, r->s->cap_actions, a))
			return CEDAR_FAIL_MEMORY(r->err);
	}
	return CEDAR_OK;
}

static int type_order(const void *a, const void *b)
{
	return rv_str_cmp(rs(((const struct entity_type *)a)->name),
		rs(((const struct entity_type *)b)->name));
}

static int common_order(const void *a, const void *b)
{
	return rv_str_cmp(
		rs(((const struct common *)a)->name), rs(((const struct common *)b)->name));
}

static int action_order(const void *a, const void *b)
{
	return cedar_uid_order(
		&((const struct action_type *)a)->uid, &((const struct action_type *)b)->uid);
}

cedar_code cedar_schema_sort(struct resolver *r)
{
	cedar_schema *s = r->s;
	const struct place nowhere = { 0 };
	if (s->n_types > 1)
		qsort(s->types, s->n_types, sizeof *s->types, type_order);
	if (s->n_actions > 1)
		qsort(s->actions, s->n_actions, sizeof *s->actions, action_order);
	if (r->n_commons > 1)
		qsort(r->commons, r->n_commons, sizeof *r->commons, common_order);
	for (size_t i = 1; i < s->n_types; i++)
		if (str_eq(s->types[i - 1].name, s->types[i].name))
			return FAIL(r, nowhere, "entity type '%.*s' is declared twice",
				RV_FMT(s->types[i].name));
	for (size_t i = 1; i < s->n_actions; i++)
		if (uid_eq(&s->actions[i - 1].uid, &s->actions[i].uid))
			return FAIL(r, nowhere, "action '%.*s' is declared twice",
				RV_FMT(s->actions[i].uid.id));
	for (size_t i = 0; i < r->n_commons; i++) {
		if (i > 0 && str_eq(r->commons[i - 1].name, r->commons[i].name))
			return FAIL(r, r->commons[i].raw->at, "type '%.*s' is declared twice",
				RV_FMT(r->commons[i].name));
	}
	for (size_t i = 0; i < s->n_types; i++) {
		uint32_t *self = rv_arena_alloc(r->arena, sizeof *self);
		if (!self)
			return CEDAR_FAIL_MEMORY(r->err);
		*self = (uint32_t)i;
		((struct type *)s->types[i].self)->types = self; /* made in add_entity_type */
	}
	return CEDAR_OK;
}

/* A name without a namespace must mean the same everywhere (RFC 70). */
cedar_code cedar_schema_check_shadowing(struct resolver *r)
{
	const struct raw_schema *raw = &r->s->raw;
	const struct raw_namespace *bare = NULL;
	for (size_t i = 0; i < raw->n; i++)
		if (raw->list[i].name.n == 0)
			bare = &raw->list[i];
	for (size_t i = 0; bare && i < raw->n; i++) {
		const struct raw_namespace *ns = &raw->list[i];
		if (ns == bare)
			continue;
		for (size_t k = 0; k < ns->n_entities + ns->n_commons; k++) {
			bool entity = k < ns->n_entities;
			cedar_str name = entity ? ns->entities[k].name
						: ns->commons[k - ns->n_entities].name;
			struct place at =
				entity ? ns->entities[k].at : ns->commons[k - ns->n_entities].at;
			if (cedar_schema_find_common(r, name) ||
				(cedar_schema_type(r->s, name) != NO_TYPE &&
					!rv_str_eqz(rs(name), "Action")))
				return FAIL(r, at,
					"'%.*s' would hide the declaration of that name without a "
					"namespace",
					RV_FMT(name));
		}
		for (size_t k = 0; k < ns->n_actions; k++)
			for (size_t m = 0; m < bare->n_actions; m++)
				if (str_eq(ns->actions[k].name, bare->actions[m].name))
					return FAIL(r, ns->actions[k].at,
						"action '%.*s' would hide the one of that name "
						"without a namespace",
						RV_FMT(ns->actions[k].name));
	}
	return CEDAR_OK;
}

/* ---- entity types and actions ---- */

static cedar_code name_list(struct resolver *r, const struct raw_namespace *ns,
	const struct raw_name *names, size_t n, uint32_t **ret, size_t *ret_n)
{
	uint32_t *list = rv_arena_array(r->arena, n, sizeof *list);
	const struct type *t;
	if (!list)
		return CEDAR_FAIL_MEMORY(r->err);
	*ret_n = 0;
	for (size_t i = 0; i < n; i++) {
		CEDAR_TRY(cedar_schema_resolve_name(r, ns, names[i].name, 2, names[i].at, &t));
		if (r->s->types[t->types[0]].is_action)
			return FAIL(r, names[i].at,
				"'%.*s' is the type of actions, which cannot "
				"stand here",
				RV_FMT(names[i].name));
		size_t at = *ret_n;
		bool twice = false;
		for (size_t k = 0; k < *ret_n; k++)
			twice = twice || list[k] == t->types[0];
		if (twice)
			continue;
		for (; at > 0 && list[at - 1] > t->types[0]; at--)
			list[at] = list[at - 1];
		list[at] = t->types[0];
		(*ret_n)++;
	}
	*ret = list;
	return CEDAR_OK;
}

cedar_code cedar_schema_define_entities(struct resolver *r, const struct raw_namespace *ns)
{
	static const struct type none = { .kind = TY_RECORD };
	for (size_t i = 0; i < ns->n_entities; i++) {
		const struct raw_entity *raw = &ns->entities[i];
		uint32_t at =
			cedar_schema_type(r->s, cedar_schema_full_name(r, ns->name, raw->name));
		struct entity_type *e = &r->s->types[at];
		CEDAR_TRY(
			name_list(r, ns, raw->parents, raw->n_parents, &e->parents, &e->n_parents));
		CEDAR_TRY(cedar_schema_resolve_record(
			r, ns, raw->shape, "the shape of an entity type", &e->attrs));
		if (raw->tags)
			CEDAR_TRY(cedar_schema_resolve(r, ns, raw->tags, &e->tags));
	}
	for (size_t i = 0; i < r->s->n_types; i++)
		if (!r->s->types[i].attrs)
			r->s->types[i].attrs = &none;
	/* Those nobody uses must be right too. */
	for (size_t i = 0; i < r->n_commons; i++) {
		const struct type *t;
		CEDAR_TRY(
			cedar_schema_resolve_common(r, &r->commons[i], r->commons[i].raw->at, &t));
	}
	return CEDAR_OK;
}

static cedar_code find_group(struct resolver *r, const struct raw_namespace *ns,
	const struct raw_action_ref *ref, uint32_t *ret)
{
	cedar_str own = cedar_schema_full_name(r, ns->name, cedar_z("Action"));
	cedar_str types[2] = { ref->type, ref->type };
	if (!ref->type.p) {
		types[0] = own;
		types[1] = cedar_z("Action");
	}
	if (ref->type.p && !cedar_schema_is_qualified(ref->type))
		types[0] = cedar_schema_full_name(r, ns->name, ref->type);
	for (size_t i = 0; i < 2; i++) {
		cedar_uid uid = cedar_uid_of(types[i], ref->id);
		*ret = cedar_schema_action(r->s, &uid);
		if (*ret != NO_TYPE)
			return CEDAR_OK;
	}
	r->s->names_unknown = true;
	return FAIL(r, ref->at, "%.*s::\"%.*s\" is no action of this schema", RV_FMT(types[0]),
		RV_FMT(ref->id));
}

cedar_code cedar_schema_define_actions(struct resolver *r, const struct raw_namespace *ns)
{
	cedar_str type = cedar_schema_full_name(r, ns->name, cedar_z("Action"));
	for (size_t i = 0; i < ns->n_actions; i++) {
		const struct raw_action *raw = &ns->actions[i];
		cedar_uid uid = cedar_uid_of(type, raw->name);
		struct action_type *a = &r->s->actions[cedar_schema_action(r->s, &uid)];
		a->type = cedar_schema_type(r->s, type);
		CEDAR_TRY(name_list(r, ns, raw->principals, raw->n_principals, &a->principals,
			&a->n_principals));
		CEDAR_TRY(name_list(
			r, ns, raw->resources, raw->n_resources, &a->resources, &a->n_resources));
		CEDAR_TRY(
			cedar_schema_resolve_record(r, ns, raw->context, "a context", &a->context));
		a->parents = rv_arena_array(r->arena, raw->n_parents, sizeof *a->parents);
		if (!a->parents)
			return CEDAR_FAIL_MEMORY(r->err);
		for (size_t k = 0; k < raw->n_parents; k++)
			CEDAR_TRY(find_group(r, ns, &raw->parents[k], &a->parents[a->n_parents++]));
	}
	return CEDAR_OK;
}
