/* The relations between types: which is part of which, the least one that holds two, and what they
 * say of attributes. In strict mode only equal types go together; permissive mode has width
 * subtyping of records and unions of entity types. */
#ifndef RV_CEDAR_TYPES_H
#define RV_CEDAR_TYPES_H
#include "cedar/schema.h"

/* Types without parts. */
extern const struct type cedar_ty_never, cedar_ty_true, cedar_ty_false, cedar_ty_bool,
	cedar_ty_long, cedar_ty_string, cedar_ty_any_set, cedar_ty_any_entity, cedar_ty_any_record,
	cedar_ty_decimal, cedar_ty_ipaddr, cedar_ty_datetime, cedar_ty_duration;
/* TY_EXTENSION of a kind. */
const struct type *cedar_ty_extension(cedar_kind kind);
/* NULL: memory. */
const struct type *cedar_ty_set_of(struct rv_arena *a, const struct type *element);

/* Why two types have no bound. */
enum lub_why {
	LUB_OK,
	LUB_MEMORY,
	LUB_OPTIONAL, /* an attribute is optional in one record only */
	LUB_WIDTH, /* records with different attributes */
	LUB_ENTITY, /* entities of different types */
	LUB_ENTITY_RECORD,
	LUB_DIFFERENT,
};
struct types {
	const cedar_schema *schema;
	struct rv_arena *arena; /* for types made on the way */
	bool is_strict;
};
bool cedar_ty_is_part(
	const struct types *t, const struct type *a, const struct type *b); /* of b, by the mode */
bool cedar_ty_is_part_permissive(const struct type *a, const struct type *b);
/* NULL: none, for the reason told. */
const struct type *cedar_ty_bound(
	const struct types *t, const struct type *a, const struct type *b, enum lub_why *why);
/* No value is of both, certainly. */
bool cedar_ty_is_disjoint(const struct type *a, const struct type *b);
/* The attribute of a record or entity type. False: not known. */
bool cedar_ty_attr(
	const struct types *t, const struct type *of, cedar_str name, struct attr_type *ret);
/* A value of the type might have it. */
bool cedar_ty_may_have_attr(const struct types *t, const struct type *of, cedar_str name);
#endif
