/* Relations between types. Their depth is bounded where schemas and expressions are read. */
#include "cedar/types.h"

const struct type cedar_ty_never = { .kind = TY_NEVER };
const struct type cedar_ty_true = { .kind = TY_TRUE };
const struct type cedar_ty_false = { .kind = TY_FALSE };
const struct type cedar_ty_bool = { .kind = TY_BOOL };
const struct type cedar_ty_long = { .kind = TY_LONG };
const struct type cedar_ty_string = { .kind = TY_STRING };
const struct type cedar_ty_any_set = { .kind = TY_SET };
const struct type cedar_ty_any_entity = { .kind = TY_ANY_ENTITY };
const struct type cedar_ty_any_record = { .kind = TY_RECORD, .is_open = true };
const struct type cedar_ty_decimal = { .kind = TY_EXTENSION, .extension = CEDAR_DECIMAL };
const struct type cedar_ty_ipaddr = { .kind = TY_EXTENSION, .extension = CEDAR_IPADDR };
const struct type cedar_ty_datetime = { .kind = TY_EXTENSION, .extension = CEDAR_DATETIME };
const struct type cedar_ty_duration = { .kind = TY_EXTENSION, .extension = CEDAR_DURATION };

const struct type *cedar_ty_extension(cedar_kind kind)
{
	switch (kind) {
	case CEDAR_DECIMAL:
		return &cedar_ty_decimal;
	case CEDAR_IPADDR:
		return &cedar_ty_ipaddr;
	case CEDAR_DATETIME:
		return &cedar_ty_datetime;
	default:
		return &cedar_ty_duration;
	}
}

const struct type *cedar_ty_set_of(struct rv_arena *a, const struct type *element)
{
	struct type *t = rv_arena_alloc(a, sizeof *t);
	if (t) {
		t->kind = TY_SET;
		t->element = element;
	}
	return t;
}

static bool is_bool(const struct type *t)
{
	return t->kind == TY_TRUE || t->kind == TY_FALSE || t->kind == TY_BOOL;
}

static bool is_entity(const struct type *t)
{
	return t->kind == TY_ENTITY || t->kind == TY_ANY_ENTITY;
}

/* ---- part of ---- */

static bool is_part(bool strict, const struct type *a, const struct type *b);

static bool attr_is_part(bool strict, const struct attr_type *a, const struct attr_type *b)
{
	bool fits = strict ? a->is_optional == b->is_optional : !a->is_optional || b->is_optional;
	return fits && is_part(strict, a->type, b->type);
}

static bool record_is_part(bool strict, const struct type *a, const struct type *b)
{
	bool wider = b->is_open && !strict;
	if ((a->is_open && !b->is_open) || (!wider && a->n_attrs != b->n_attrs))
		return false;
	for (size_t i = 0; i < b->n_attrs; i++) {
		const struct attr_type *in_a = cedar_type_attr(a, b->attrs[i].name);
		if (!in_a || !attr_is_part(strict, in_a, &b->attrs[i]))
			return false;
	}
	return true;
}

static bool entity_is_part(bool strict, const struct type *a, const struct type *b)
{
	if (b->kind == TY_ANY_ENTITY)
		return a->kind == TY_ANY_ENTITY || !strict;
	if (a->kind == TY_ANY_ENTITY || (strict && a->n_types != b->n_types))
		return false;
	for (size_t i = 0; i < a->n_types; i++)
		if (!cedar_u32_has(b->types, b->n_types, a->types[i]))
			return false;
	return true;
}

static bool is_part(bool strict, const struct type *a, const struct type *b)
{
	if (a == b || a->kind == TY_NEVER)
		return true;
	if (is_bool(a) && is_bool(b))
		return b->kind == TY_BOOL || a->kind == b->kind;
	if (is_entity(a) && is_entity(b))
		return entity_is_part(strict, a, b);
	if (a->kind != b->kind)
		return false;
	switch (a->kind) {
	case TY_SET:
		return !b->element || (a->element && is_part(strict, a->element, b->element));
	case TY_RECORD:
		return record_is_part(strict, a, b);
	case TY_EXTENSION:
		return a->extension == b->extension;
	default:
		return true;
	}
}

bool cedar_ty_is_part(const struct types *t, const struct type *a, const struct type *b)
{
	return is_part(t->is_strict, a, b);
}

bool cedar_ty_is_part_permissive(const struct type *a, const struct type *b)
{
	return is_part(false, a, b);
}

/* ---- bounds ---- */

static const struct type *none(enum lub_why *why, enum lub_why because)
{
	*why = because;
	return NULL;
}

static bool attr_bound(const struct types *t, const struct attr_type *a, const struct attr_type *b,
	struct attr_type *ret, enum lub_why *why)
{
	const struct type *bound = cedar_ty_bound(t, a->type, b->type, why);
	if (bound && t->is_strict && a->is_optional != b->is_optional)
		bound = none(why, LUB_OPTIONAL);
	if (!bound)
		return false;
	*ret = (struct attr_type){ a->name, bound, a->is_optional || b->is_optional };
	return true;
}

/* Strict: all attributes or nothing. Permissive: those that both have and that have a bound. */
static const struct type *record_bound(
	const struct types *t, const struct type *a, const struct type *b, enum lub_why *why)
{
	struct type *r = rv_arena_alloc(t->arena, sizeof *r);
	struct attr_type *attrs = rv_arena_array(t->arena, a->n_attrs, sizeof *attrs);
	if (!r || !attrs)
		return none(why, LUB_MEMORY);
	if (t->is_strict && a->n_attrs != b->n_attrs)
		return none(why, LUB_WIDTH);
	for (size_t i = 0; i < a->n_attrs; i++) {
		const struct attr_type *other = cedar_type_attr(b, a->attrs[i].name);
		if (!other && t->is_strict)
			return none(why, LUB_WIDTH);
		if (!other)
			continue;
		if (attr_bound(t, &a->attrs[i], other, &attrs[r->n_attrs], why))
			r->n_attrs++;
		else if (t->is_strict || *why == LUB_MEMORY)
			return NULL;
	}
	r->kind = TY_RECORD;
	r->attrs = attrs;
	r->is_open =
		a->is_open || b->is_open || r->n_attrs != a->n_attrs || r->n_attrs != b->n_attrs;
	return r;
}

static const struct type *entity_union(
	const struct types *t, const struct type *a, const struct type *b, enum lub_why *why)
{
	struct type *r = rv_arena_alloc(t->arena, sizeof *r);
	uint32_t *all = rv_arena_array(t->arena, a->n_types + b->n_types, sizeof *all);
	size_t i = 0, k = 0;
	if (!r || !all)
		return none(why, LUB_MEMORY);
	while (i < a->n_types || k < b->n_types) {
		bool from_a = k == b->n_types || (i < a->n_types && a->types[i] <= b->types[k]);
		uint32_t v = from_a ? a->types[i] : b->types[k];
		if (i < a->n_types && a->types[i] == v)
			i++;
		if (k < b->n_types && b->types[k] == v)
			k++;
		all[r->n_types++] = v;
	}
	r->kind = TY_ENTITY;
	r->types = all;
	return r;
}

static const struct type *set_bound(
	const struct types *t, const struct type *a, const struct type *b, enum lub_why *why)
{
	if (!a->element || !b->element)
		return &cedar_ty_any_set;
	const struct type *e = cedar_ty_bound(t, a->element, b->element, why);
	if (!e)
		return NULL;
	e = cedar_ty_set_of(t->arena, e);
	return e ? e : none(why, LUB_MEMORY);
}

const struct type *cedar_ty_bound(
	const struct types *t, const struct type *a, const struct type *b, enum lub_why *why)
{
	*why = LUB_OK;
	if (is_part(t->is_strict, a, b))
		return b;
	if (is_part(t->is_strict, b, a))
		return a;
	if (is_bool(a) && is_bool(b))
		return &cedar_ty_bool;
	if (a->kind == TY_SET && b->kind == TY_SET)
		return set_bound(t, a, b, why);
	if (a->kind == TY_RECORD && b->kind == TY_RECORD)
		return record_bound(t, a, b, why);
	if (is_entity(a) && is_entity(b)) {
		if (t->is_strict)
			return none(why, LUB_ENTITY);
		if (a->kind == TY_ANY_ENTITY || b->kind == TY_ANY_ENTITY)
			return &cedar_ty_any_entity;
		return entity_union(t, a, b, why);
	}
	if ((is_entity(a) && b->kind == TY_RECORD) || (a->kind == TY_RECORD && is_entity(b)))
		return none(why, LUB_ENTITY_RECORD);
	return none(why, LUB_DIFFERENT);
}

bool cedar_ty_is_disjoint(const struct type *a, const struct type *b)
{
	if (a->kind != TY_ENTITY || b->kind != TY_ENTITY)
		return false;
	for (size_t i = 0; i < a->n_types; i++)
		if (cedar_u32_has(b->types, b->n_types, a->types[i]))
			return false;
	return true;
}

/* ---- attributes ---- */

/* Actions have none. */
static const struct type *attrs_of(const struct types *t, uint32_t type)
{
	static const struct type nothing = { .kind = TY_RECORD };
	const struct entity_type *e = &t->schema->types[type];
	return e->is_action ? &nothing : e->attrs;
}

/* A union has what all its types have, with a bound of their types. */
static bool union_attr(
	const struct types *t, const struct type *of, cedar_str name, struct attr_type *ret)
{
	const struct types permissive = { t->schema, t->arena, false };
	enum lub_why why;
	for (size_t i = 0; i < of->n_types; i++) {
		const struct attr_type *one = cedar_type_attr(attrs_of(t, of->types[i]), name);
		if (!one)
			return false;
		if (i == 0)
			*ret = *one;
		else if (!attr_bound(&permissive, ret, one, ret, &why))
			return false;
	}
	return of->n_types > 0;
}

bool cedar_ty_attr(
	const struct types *t, const struct type *of, cedar_str name, struct attr_type *ret)
{
	if (of->kind == TY_ENTITY)
		return union_attr(t, of, name, ret);
	if (of->kind != TY_RECORD)
		return false;
	const struct attr_type *a = cedar_type_attr(of, name);
	if (a)
		*ret = *a;
	return a != NULL;
}

bool cedar_ty_may_have_attr(const struct types *t, const struct type *of, cedar_str name)
{
	switch (of->kind) {
	case TY_NEVER:
	case TY_ANY_ENTITY:
		return true;
	case TY_ENTITY:
		for (size_t i = 0; i < of->n_types; i++)
			if (cedar_type_attr(attrs_of(t, of->types[i]), name))
				return true;
		return false;
	case TY_RECORD:
		return of->is_open || cedar_type_attr(of, name) != NULL;
	default:
		return false;
	}
}
