/* Names of a schema resolved: declarations as written become types, entity types and actions. A
 * name without "::" is looked for in its own namespace first, then among those without one, then
 * among the language's own; at each step common types come before entity types. */
#include "cedar/lex.h"
#include "cedar/schema.h"

#include <stdarg.h>
#include <stdio.h>

struct common {
	cedar_str name; /* full */
	const struct raw_namespace *ns;
	const struct raw_common *raw;
	enum { COMMON_NEW, COMMON_BUSY, COMMON_DONE } state;
	const struct type *type;
};
struct resolver {
	cedar_schema *s;
	struct rv_arena *arena;
	struct common *commons; /* by name */
	size_t n_commons, cap_commons;
	unsigned depth;
	cedar_error *err;
};

cedar_code cedar_schema_fail(
	const struct raw_schema *raw, struct place at, cedar_error *err, const char *fmt, ...)
{
	if (!err || err->code != CEDAR_OK)
		return CEDAR_EPARSE;
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(err->message, sizeof err->message, fmt, ap); /* cut if too long */
	va_end(ap);
	err->code = CEDAR_EPARSE;
	if (raw->text.p)
		cedar_error_place(err, raw->text, at.offset, at.length);
	else {
		err->line = at.line;
		err->column = at.column;
	}
	return CEDAR_EPARSE;
}
#define FAIL(r, at, ...) cedar_schema_fail(&(r)->s->raw, (at), (r)->err, __VA_ARGS__)

struct raw_namespace *cedar_raw_namespace(
	struct rv_arena *a, struct raw_schema *raw, cedar_str name)
{
	for (size_t i = 0; i < raw->n; i++)
		if (str_eq(raw->list[i].name, name))
			return &raw->list[i];
	struct raw_namespace ns = { .name = name };
	return ARENA_PUSH(a, raw->list, raw->n, raw->cap, ns) ? &raw->list[raw->n - 1] : NULL;
}

bool cedar_u32_has(const uint32_t *list, size_t n, uint32_t v)
{
	size_t lo = 0, hi = n;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (list[mid] < v)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < n && list[lo] == v;
}

bool cedar_is_action_type(cedar_str name)
{
	return rv_str_eqz(rs(name), "Action") || rv_str_ends(rs(name), RV_STR("::Action"));
}

uint32_t cedar_schema_type(const cedar_schema *s, cedar_str name)
{
	size_t lo = 0, hi = s->n_types;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		int c = rv_str_cmp(rs(s->types[mid].name), rs(name));
		if (c == 0)
			return (uint32_t)mid;
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NO_TYPE;
}

static int uid_order(const cedar_uid *a, const cedar_uid *b)
{
	int c = rv_str_cmp(rs(a->type), rs(b->type));
	return c ? c : rv_str_cmp(rs(a->id), rs(b->id));
}

uint32_t cedar_schema_action(const cedar_schema *s, const cedar_uid *uid)
{
	size_t lo = 0, hi = s->n_actions;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		int c = uid_order(&s->actions[mid].uid, uid);
		if (c == 0)
			return (uint32_t)mid;
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NO_TYPE;
}

const struct attr_type *cedar_type_attr(const struct type *record, cedar_str name)
{
	size_t lo = 0, hi = record->n_attrs;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		int c = rv_str_cmp(rs(record->attrs[mid].name), rs(name));
		if (c == 0)
			return &record->attrs[mid];
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

/* ---- names ---- */

static cedar_str full_name(struct resolver *r, cedar_str ns, cedar_str name)
{
	if (ns.n == 0)
		return name;
	return cedar_z(rv_arena_printf(r->arena, "%.*s::%.*s", RV_FMT(ns), RV_FMT(name)));
}

static bool is_qualified(cedar_str name)
{
	return rv_str_find(rs(name), ':', 0) != SIZE_MAX;
}

static struct common *find_common(struct resolver *r, cedar_str name)
{
	size_t lo = 0, hi = r->n_commons;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		int c = rv_str_cmp(rs(r->commons[mid].name), rs(name));
		if (c == 0)
			return &r->commons[mid];
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

static const struct type *builtin(cedar_str name)
{
	static const struct {
		const char *name;
		struct type type;
	} all[] = {
		{ "Long", { .kind = TY_LONG } },
		{ "String", { .kind = TY_STRING } },
		{ "Bool", { .kind = TY_BOOL } },
		{ "decimal", { .kind = TY_EXTENSION, .extension = CEDAR_DECIMAL } },
		{ "ipaddr", { .kind = TY_EXTENSION, .extension = CEDAR_IPADDR } },
		{ "datetime", { .kind = TY_EXTENSION, .extension = CEDAR_DATETIME } },
		{ "duration", { .kind = TY_EXTENSION, .extension = CEDAR_DURATION } },
	};
	struct rv_str n = rs(name);
	if (rv_str_starts(n, RV_STR("__cedar::")))
		n = rv_str_sub(n, 9, n.n);
	for (size_t i = 0; i < RV_COUNT(all); i++)
		if (rv_str_eqz(n, all[i].name))
			return &all[i].type;
	return NULL;
}

/* ---- types ---- */

static cedar_code resolve(struct resolver *r, const struct raw_namespace *ns,
	const struct raw_type *t, const struct type **ret);

static cedar_code resolve_common(
	struct resolver *r, struct common *c, struct place at, const struct type **ret)
{
	if (c->state == COMMON_BUSY)
		return FAIL(r, at, "type '%.*s' is defined by itself", RV_FMT(c->name));
	if (c->state == COMMON_NEW) {
		c->state = COMMON_BUSY;
		CEDAR_TRY(resolve(r, c->ns, c->raw->type, &c->type));
		c->state = COMMON_DONE;
	}
	*ret = c->type;
	return CEDAR_OK;
}

static bool any_action_of(const struct resolver *r, cedar_str type)
{
	for (size_t i = 0; i < r->s->n_actions; i++)
		if (str_eq(r->s->actions[i].uid.type, type))
			return true;
	return false;
}

/* The name as it is, or with the namespace in front; what it can be: bits of 1 common, 2 entity. */
static cedar_code resolve_name(struct resolver *r, const struct raw_namespace *ns, cedar_str name,
	unsigned kinds, struct place at, const struct type **ret)
{
	cedar_str candidates[2] = { name };
	size_t n = 1;
	if (!is_qualified(name) && ns->name.n > 0) {
		candidates[0] = full_name(r, ns->name, name);
		candidates[n++] = name;
	}
	for (size_t i = 0; i < n; i++) {
		struct common *c = kinds & 1 ? find_common(r, candidates[i]) : NULL;
		if (c)
			return resolve_common(r, c, at, ret);
		uint32_t e = kinds & 2 ? cedar_schema_type(r->s, candidates[i]) : NO_TYPE;
		if (e != NO_TYPE &&
			(!r->s->types[e].is_action || any_action_of(r, candidates[i]))) {
			*ret = r->s->types[e].self;
			return CEDAR_OK;
		}
	}
	*ret = kinds & 1 ? builtin(name) : NULL;
	if (*ret)
		return CEDAR_OK;
	r->s->names_unknown = true;
	return FAIL(r, at, "'%.*s' is no %s of this schema", RV_FMT(name),
		kinds == 1	     ? "common type"
			: kinds == 2 ? "entity type"
				     : "type");
}

static int attr_order(const void *a, const void *b)
{
	return rv_str_cmp(
		rs(((const struct attr_type *)a)->name), rs(((const struct attr_type *)b)->name));
}

void cedar_type_sort_attrs(struct attr_type *attrs, size_t n)
{
	if (n > 1)
		qsort(attrs, n, sizeof *attrs, attr_order);
}

static cedar_code resolve_record(struct resolver *r, const struct raw_namespace *ns,
	const struct raw_type *raw, struct type *t)
{
	struct attr_type *attrs = rv_arena_array(r->arena, raw->n_attrs, sizeof *attrs);
	if (!attrs)
		return CEDAR_FAIL_MEMORY(r->err);
	if (raw->is_open)
		return FAIL(r, raw->at, "records with additional attributes are not supported");
	for (size_t i = 0; i < raw->n_attrs; i++) {
		attrs[i].name = raw->attrs[i].name;
		attrs[i].is_optional = raw->attrs[i].is_optional;
		CEDAR_TRY(resolve(r, ns, raw->attrs[i].type, &attrs[i].type));
	}
	cedar_type_sort_attrs(attrs, raw->n_attrs);
	t->kind = TY_RECORD;
	t->attrs = attrs;
	t->n_attrs = raw->n_attrs;
	return CEDAR_OK;
}

static cedar_code resolve_plain(struct resolver *r, const struct raw_namespace *ns,
	const struct raw_type *raw, const struct type **ret)
{
	const struct type *b;
	struct type *t = rv_arena_alloc(r->arena, sizeof *t);
	if (!t)
		return CEDAR_FAIL_MEMORY(r->err);
	*ret = t;
	switch (raw->kind) {
	case RAW_NAME:
		return resolve_name(r, ns, raw->name, 3, raw->at, ret);
	case RAW_ENTITY:
		return resolve_name(r, ns, raw->name, 2, raw->at, ret);
	case RAW_COMMON:
		return resolve_name(r, ns, raw->name, 1, raw->at, ret);
	case RAW_EXTENSION:
		b = builtin(raw->name);
		if (!b || b->kind != TY_EXTENSION)
			return FAIL(r, raw->at, "'%.*s' is no extension type", RV_FMT(raw->name));
		*ret = b;
		return CEDAR_OK;
	case RAW_LONG:
		t->kind = TY_LONG;
		return CEDAR_OK;
	case RAW_STRING:
		t->kind = TY_STRING;
		return CEDAR_OK;
	case RAW_BOOL:
		t->kind = TY_BOOL;
		return CEDAR_OK;
	case RAW_SET:
		t->kind = TY_SET;
		return resolve(r, ns, raw->element, &t->element);
	case RAW_RECORD:
		return resolve_record(r, ns, raw, t);
	}
	return CEDAR_EPARSE;
}

static cedar_code resolve(struct resolver *r, const struct raw_namespace *ns,
	const struct raw_type *raw, const struct type **ret)
{
	if (++r->depth > SCHEMA_DEPTH_MAX) {
		(void)FAIL(r, raw->at, "types nest more than %d deep", SCHEMA_DEPTH_MAX);
		if (r->err)
			r->err->code = CEDAR_ELIMIT;
		return CEDAR_ELIMIT;
	}
	cedar_code code = resolve_plain(r, ns, raw, ret);
	r->depth--;
	return code;
}

static cedar_code resolve_as_record(struct resolver *r, const struct raw_namespace *ns,
	const struct raw_type *raw, const char *what, const struct type **ret)
{
	static const struct type none = { .kind = TY_RECORD };
	*ret = &none;
	if (!raw)
		return CEDAR_OK;
	CEDAR_TRY(resolve(r, ns, raw, ret));
	if ((*ret)->kind != TY_RECORD)
		return FAIL(r, raw->at, "%s must be a record", what);
	return CEDAR_OK;
}

/* ---- collecting ---- */

static bool is_ident(cedar_str s)
{
	return !is_qualified(s) && cedar_is_path(s);
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
			.name = full_name(r, ns->name, c->name), .ns = ns, .raw = c
		};
		if (!common.name.p ||
			!ARENA_PUSH(r->arena, r->commons, r->n_commons, r->cap_commons, common))
			return CEDAR_FAIL_MEMORY(r->err);
	}
	return CEDAR_OK;
}

static cedar_code collect(struct resolver *r, const struct raw_namespace *ns)
{
	cedar_str action = full_name(r, ns->name, cedar_z("Action"));
	CEDAR_TRY(collect_commons(r, ns));
	for (size_t i = 0; i < ns->n_entities; i++) {
		const struct raw_entity *e = &ns->entities[i];
		if (!is_ident(e->name))
			return FAIL(r, e->at, "'%.*s' cannot name an entity type", RV_FMT(e->name));
		if (rv_str_eqz(rs(e->name), "Action"))
			return FAIL(r, e->at, "the entity type 'Action' cannot be declared");
		CEDAR_TRY(add_entity_type(r,
			(struct entity_type){ .name = full_name(r, ns->name, e->name),
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
	return uid_order(
		&((const struct action_type *)a)->uid, &((const struct action_type *)b)->uid);
}

static cedar_code sort_all(struct resolver *r)
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
static cedar_code check_shadowing(struct resolver *r)
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
			if (find_common(r, name) ||
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
		CEDAR_TRY(resolve_name(r, ns, names[i].name, 2, names[i].at, &t));
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

static cedar_code define_entities(struct resolver *r, const struct raw_namespace *ns)
{
	static const struct type none = { .kind = TY_RECORD };
	for (size_t i = 0; i < ns->n_entities; i++) {
		const struct raw_entity *raw = &ns->entities[i];
		uint32_t at = cedar_schema_type(r->s, full_name(r, ns->name, raw->name));
		struct entity_type *e = &r->s->types[at];
		CEDAR_TRY(
			name_list(r, ns, raw->parents, raw->n_parents, &e->parents, &e->n_parents));
		CEDAR_TRY(resolve_as_record(
			r, ns, raw->shape, "the shape of an entity type", &e->attrs));
		if (raw->tags)
			CEDAR_TRY(resolve(r, ns, raw->tags, &e->tags));
	}
	for (size_t i = 0; i < r->s->n_types; i++)
		if (!r->s->types[i].attrs)
			r->s->types[i].attrs = &none;
	/* Those nobody uses must be right too. */
	for (size_t i = 0; i < r->n_commons; i++) {
		const struct type *t;
		CEDAR_TRY(resolve_common(r, &r->commons[i], r->commons[i].raw->at, &t));
	}
	return CEDAR_OK;
}

static cedar_code find_group(struct resolver *r, const struct raw_namespace *ns,
	const struct raw_action_ref *ref, uint32_t *ret)
{
	cedar_str own = full_name(r, ns->name, cedar_z("Action"));
	cedar_str types[2] = { ref->type, ref->type };
	if (!ref->type.p) {
		types[0] = own;
		types[1] = cedar_z("Action");
	}
	if (ref->type.p && !is_qualified(ref->type))
		types[0] = full_name(r, ns->name, ref->type);
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

static cedar_code define_actions(struct resolver *r, const struct raw_namespace *ns)
{
	cedar_str type = full_name(r, ns->name, cedar_z("Action"));
	for (size_t i = 0; i < ns->n_actions; i++) {
		const struct raw_action *raw = &ns->actions[i];
		cedar_uid uid = cedar_uid_of(type, raw->name);
		struct action_type *a = &r->s->actions[cedar_schema_action(r->s, &uid)];
		a->type = cedar_schema_type(r->s, type);
		CEDAR_TRY(name_list(r, ns, raw->principals, raw->n_principals, &a->principals,
			&a->n_principals));
		CEDAR_TRY(name_list(
			r, ns, raw->resources, raw->n_resources, &a->resources, &a->n_resources));
		CEDAR_TRY(resolve_as_record(r, ns, raw->context, "a context", &a->context));
		a->parents = rv_arena_array(r->arena, raw->n_parents, sizeof *a->parents);
		if (!a->parents)
			return CEDAR_FAIL_MEMORY(r->err);
		for (size_t k = 0; k < raw->n_parents; k++)
			CEDAR_TRY(find_group(r, ns, &raw->parents[k], &a->parents[a->n_parents++]));
	}
	return CEDAR_OK;
}

/* ---- closures ---- */

/* Marks everything above `at`. next: parents of one; *cycle: at is above itself. */
struct climb {
	const cedar_schema *s;
	bool actions;
	uint8_t *seen;
	uint32_t *stack;
};

static size_t parents_of(const struct climb *c, uint32_t at, const uint32_t **ret)
{
	if (c->actions) {
		*ret = c->s->actions[at].parents;
		return c->s->actions[at].n_parents;
	}
	*ret = c->s->types[at].parents;
	return c->s->types[at].n_parents;
}

static void climb(struct climb *c, uint32_t at, size_t n)
{
	size_t depth = 0;
	const uint32_t *parents;
	memset(c->seen, 0, n);
	c->stack[depth++] = at;
	while (depth > 0) {
		size_t k = parents_of(c, c->stack[--depth], &parents);
		for (size_t i = 0; i < k; i++)
			if (!c->seen[parents[i]]) {
				c->seen[parents[i]] = 1;
				c->stack[depth++] = parents[i];
			}
	}
}

static cedar_code close_over(struct resolver *r, bool actions)
{
	cedar_schema *s = r->s;
	size_t n = actions ? s->n_actions : s->n_types, *caps;
	struct climb c = { s, actions, NULL, NULL };
	c.seen = rv_arena_alloc(r->arena, n + 1);
	c.stack = rv_arena_array(r->arena, n + 1, sizeof *c.stack);
	caps = rv_arena_array(r->arena, n + 1, sizeof *caps);
	if (!c.seen || !c.stack || !caps)
		return CEDAR_FAIL_MEMORY(r->err);
	for (uint32_t at = 0; at < n; at++) {
		climb(&c, at, n);
		for (uint32_t up = 0; up < n; up++) {
			if (!c.seen[up])
				continue;
			if (up == at && actions)
				return FAIL(r, (struct place){ 0 },
					"action '%.*s' is its own group",
					RV_FMT(s->actions[at].uid.id));
			if (up == at)
				continue;
			uint32_t **list =
				actions ? &s->actions[up].descendants : &s->types[up].descendants;
			size_t *count = actions ? &s->actions[up].n_descendants
						: &s->types[up].n_descendants;
			if (!ARENA_PUSH(r->arena, *list, *count, caps[up], at))
				return CEDAR_FAIL_MEMORY(r->err);
		}
	}
	return CEDAR_OK;
}

static cedar_code build(cedar_schema *s, cedar_error *err)
{
	struct resolver r = { .s = s, .arena = &s->arena, .err = err };
	for (size_t i = 0; i < s->raw.n; i++)
		CEDAR_TRY(collect(&r, &s->raw.list[i]));
	CEDAR_TRY(sort_all(&r));
	CEDAR_TRY(check_shadowing(&r));
	for (size_t i = 0; i < s->raw.n; i++)
		CEDAR_TRY(define_entities(&r, &s->raw.list[i]));
	for (size_t i = 0; i < s->raw.n; i++)
		CEDAR_TRY(define_actions(&r, &s->raw.list[i]));
	CEDAR_TRY(close_over(&r, false));
	return close_over(&r, true);
}

cedar_code cedar_schema_open(
	cedar_str text, bool is_json, bool *ret_whole, cedar_schema **ret, cedar_error *err)
{
	cedar_error why = { .code = CEDAR_OK };
	cedar_schema *s = calloc(1, sizeof *s);
	if (!s)
		return CEDAR_FAIL_MEMORY(err);
	rv_arena_init(&s->arena, SIZE_MAX / 2);
	cedar_code code = is_json ? cedar_schema_read_json(&s->arena, text, &s->raw, &why)
				  : cedar_schema_read_text(&s->arena, text, &s->raw, &why);
	if (code == CEDAR_OK)
		code = build(s, &why);
	if (ret_whole)
		*ret_whole = code == CEDAR_OK;
	if (code == CEDAR_OK || (ret_whole && s->names_unknown)) {
		*ret = s;
		return CEDAR_OK;
	}
	if (err && err->code == CEDAR_OK)
		*err = why;
	cedar_schema_free(s);
	return code;
}

cedar_code cedar_schema_parse(cedar_str text, cedar_schema **ret, cedar_error *err)
{
	return cedar_schema_open(text, false, NULL, ret, err);
}

cedar_code cedar_schema_parse_json(cedar_str json, cedar_schema **ret, cedar_error *err)
{
	return cedar_schema_open(json, true, NULL, ret, err);
}

void cedar_schema_free(cedar_schema *s)
{
	if (!s)
		return;
	rv_arena_done(&s->arena);
	free(s);
}

/* ---- for people ---- */

static void print_record(const cedar_schema *s, const struct type *t, struct rv_buf *out)
{
	if (t->is_open && t->n_attrs == 0) {
		rv_buf_addz(out, "a record");
		return;
	}
	rv_buf_addc(out, '{');
	for (size_t i = 0; i < t->n_attrs; i++) {
		rv_buf_printf(out, "%s%.*s%s: ", i ? ", " : "", RV_FMT(t->attrs[i].name),
			t->attrs[i].is_optional ? "?" : "");
		cedar_type_print(s, t->attrs[i].type, out);
	}
	rv_buf_addz(out, t->is_open ? ", ...}" : "}");
}

void cedar_type_print(const cedar_schema *s, const struct type *t, struct rv_buf *out)
{
	switch (t->kind) {
	case TY_NEVER:
		rv_buf_addz(out, "nothing");
		break;
	case TY_TRUE:
		rv_buf_addz(out, "true");
		break;
	case TY_FALSE:
		rv_buf_addz(out, "false");
		break;
	case TY_BOOL:
		rv_buf_addz(out, "Bool");
		break;
	case TY_LONG:
		rv_buf_addz(out, "Long");
		break;
	case TY_STRING:
		rv_buf_addz(out, "String");
		break;
	case TY_SET:
		if (!t->element) {
			rv_buf_addz(out, "a set");
			break;
		}
		if (t->element->kind == TY_ANY_ENTITY) {
			rv_buf_addz(out, "a set of entities");
			break;
		}
		rv_buf_addz(out, "Set<");
		cedar_type_print(s, t->element, out);
		rv_buf_addc(out, '>');
		break;
	case TY_RECORD:
		print_record(s, t, out);
		break;
	case TY_ENTITY:
		for (size_t i = 0; i < t->n_types; i++)
			rv_buf_printf(
				out, "%s%.*s", i ? " | " : "", RV_FMT(s->types[t->types[i]].name));
		break;
	case TY_ANY_ENTITY:
		rv_buf_addz(out, "an entity");
		break;
	case TY_EXTENSION:
		rv_buf_addz(out, cedar_kind_name(t->extension));
		break;
	}
}
