/* Names of a schema resolved: types as written become types. A name without "::" is looked for in
 * its own namespace first, then among those without one, then among the language's own; at each
 * step common types come before entity types. */
#include "cedar/schema_resolve.h"

/* ---- names ---- */

cedar_str cedar_schema_full_name(struct resolver *r, cedar_str ns, cedar_str name)
{
	if (ns.n == 0)
		return name;
	return cedar_z(rv_arena_printf(r->arena, "%.*s::%.*s", RV_FMT(ns), RV_FMT(name)));
}

bool cedar_schema_is_qualified(cedar_str name)
{
	return rv_str_find(rs(name), ':', 0) != SIZE_MAX;
}

struct common *cedar_schema_find_common(struct resolver *r, cedar_str name)
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

cedar_code cedar_schema_resolve_common(
	struct resolver *r, struct common *c, struct place at, const struct type **ret)
{
	if (c->state == COMMON_BUSY)
		return FAIL(r, at, "type '%.*s' is defined by itself", RV_FMT(c->name));
	if (c->state == COMMON_NEW) {
		c->state = COMMON_BUSY;
		CEDAR_TRY(cedar_schema_resolve(r, c->ns, c->raw->type, &c->type));
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
cedar_code cedar_schema_resolve_name(struct resolver *r, const struct raw_namespace *ns,
	cedar_str name, unsigned kinds, struct place at, const struct type **ret)
{
	cedar_str candidates[2] = { name };
	size_t n = 1;
	if (!cedar_schema_is_qualified(name) && ns->name.n > 0) {
		candidates[0] = cedar_schema_full_name(r, ns->name, name);
		candidates[n++] = name;
	}
	for (size_t i = 0; i < n; i++) {
		struct common *c = kinds & 1 ? cedar_schema_find_common(r, candidates[i]) : NULL;
		if (c)
			return cedar_schema_resolve_common(r, c, at, ret);
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
		CEDAR_TRY(cedar_schema_resolve(r, ns, raw->attrs[i].type, &attrs[i].type));
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
		return cedar_schema_resolve_name(r, ns, raw->name, 3, raw->at, ret);
	case RAW_ENTITY:
		return cedar_schema_resolve_name(r, ns, raw->name, 2, raw->at, ret);
	case RAW_COMMON:
		return cedar_schema_resolve_name(r, ns, raw->name, 1, raw->at, ret);
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
		return cedar_schema_resolve(r, ns, raw->element, &t->element);
	case RAW_RECORD:
		return resolve_record(r, ns, raw, t);
	}
	return CEDAR_EPARSE;
}

cedar_code cedar_schema_resolve(struct resolver *r, const struct raw_namespace *ns,
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

cedar_code cedar_schema_resolve_record(struct resolver *r, const struct raw_namespace *ns,
	const struct raw_type *raw, const char *what, const struct type **ret)
{
	static const struct type none = { .kind = TY_RECORD };
	*ret = &none;
	if (!raw)
		return CEDAR_OK;
	CEDAR_TRY(cedar_schema_resolve(r, ns, raw, ret));
	if ((*ret)->kind != TY_RECORD)
		return FAIL(r, raw->at, "%s must be a record", what);
	return CEDAR_OK;
}
