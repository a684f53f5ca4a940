/* Schemas inside cedar/: as written (either syntax reads into the same declarations), and as meant
 * (names resolved). */
#ifndef RV_CEDAR_SCHEMA_H
#define RV_CEDAR_SCHEMA_H
#include "cedar/cedar_int.h"

enum { SCHEMA_DEPTH_MAX = 100, SCHEMA_TEXT_MAX = 1 << 26 };

/* Appends to an array in an arena; false: memory. */
#define ARENA_PUSH(arena, list, n, cap, item)                                                    \
	({                                                                                       \
		bool pushed_ = true;                                                             \
		if ((n) == (cap)) {                                                              \
			size_t grown_ = (cap) ? (size_t)(cap)*2 : 4;                             \
			__typeof__(list) more_ = rv_arena_array((arena), grown_, sizeof *more_); \
			if (more_ && (n) > 0)                                                    \
				memcpy(more_, (list), (n) * sizeof *more_);                      \
			if (more_) {                                                             \
				(list) = more_;                                                  \
				(cap) = (__typeof__(cap))grown_;                                 \
			}                                                                        \
			pushed_ = more_ != NULL;                                                 \
		}                                                                                \
		if (pushed_)                                                                     \
			(list)[(n)++] = (item);                                                  \
		pushed_;                                                                         \
	})

/* ---- as written ---- */

struct place {
	size_t offset, length;
	unsigned line, column; /* line 0: counted from offset when it is needed */
};
struct notes { /* annotations */
	const cedar_annotation *list;
	size_t n;
};
enum raw_kind {
	RAW_NAME, /* an entity type or a common type, whichever is found */
	RAW_ENTITY,
	RAW_COMMON, /* JSON: {"type": "NAME"} */
	RAW_EXTENSION,
	RAW_LONG,
	RAW_STRING,
	RAW_BOOL,
	RAW_SET,
	RAW_RECORD,
};
struct raw_attr;
struct raw_type {
	enum raw_kind kind;
	bool is_open; /* record: additionalAttributes */
	cedar_str name;
	const struct raw_type *element;
	const struct raw_attr *attrs;
	size_t n_attrs;
	struct notes notes;
	struct place at;
};
struct raw_attr {
	cedar_str name;
	const struct raw_type *type;
	bool is_optional;
	struct notes notes;
	struct place at;
};
struct raw_name {
	cedar_str name;
	struct place at;
};
struct raw_entity {
	cedar_str name;
	const struct raw_name *parents;
	size_t n_parents;
	const struct raw_type *shape; /* NULL: no attributes */
	const struct raw_type *tags; /* NULL: none */
	bool is_enum;
	const cedar_str *choices;
	size_t n_choices;
	struct notes notes;
	struct place at;
};
struct raw_action_ref {
	cedar_str type; /* p == NULL: an action of the same namespace */
	cedar_str id;
	struct place at;
};
struct raw_action {
	cedar_str name;
	bool has_parents;
	const struct raw_action_ref *parents;
	size_t n_parents;
	bool has_applies;
	const struct raw_name *principals, *resources;
	size_t n_principals, n_resources;
	const struct raw_type *context; /* NULL: the empty record */
	struct notes notes;
	struct place at;
};
struct raw_common {
	cedar_str name;
	const struct raw_type *type;
	struct notes notes;
	struct place at;
};
struct raw_namespace {
	cedar_str name; /* "" is the one without a name */
	struct raw_entity *entities;
	size_t n_entities, cap_entities;
	struct raw_action *actions;
	size_t n_actions, cap_actions;
	struct raw_common *commons;
	size_t n_commons, cap_commons;
	struct notes notes;
};
struct raw_schema {
	struct raw_namespace *list;
	size_t n, cap;
	cedar_str text; /* for places */
};
/* Everything is copied into the arena. */
cedar_code cedar_schema_read_text(
	struct rv_arena *a, cedar_str text, struct raw_schema *ret, cedar_error *err);
cedar_code cedar_schema_read_json(
	struct rv_arena *a, cedar_str text, struct raw_schema *ret, cedar_error *err);
/* The namespace of that name, made if it is new. NULL: memory. */
struct raw_namespace *cedar_raw_namespace(
	struct rv_arena *a, struct raw_schema *raw, cedar_str name);
cedar_code cedar_schema_fail(const struct raw_schema *raw, struct place at, cedar_error *err,
	const char *fmt, ...) RV_PRINTF(4, 5);

/* ---- as meant ---- */

enum type_kind {
	TY_NEVER, /* of no value: the element type of [] */
	TY_TRUE,
	TY_FALSE,
	TY_BOOL,
	TY_LONG,
	TY_STRING,
	TY_SET, /* element; NULL: of anything */
	TY_RECORD,
	TY_ENTITY, /* one of types */
	TY_ANY_ENTITY,
	TY_EXTENSION,
};
struct attr_type;
struct type {
	enum type_kind kind;
	cedar_kind extension;
	bool is_open; /* record: may have attributes that are not listed */
	const struct type *element;
	const struct attr_type *attrs; /* by name */
	size_t n_attrs;
	const uint32_t *types; /* entity types, ascending */
	size_t n_types;
};
struct attr_type {
	cedar_str name;
	const struct type *type;
	bool is_optional;
};
struct entity_type {
	cedar_str name;
	bool is_action; /* its entities are actions; it has no declaration */
	bool is_enum;
	const cedar_str *choices;
	size_t n_choices;
	const struct type *attrs; /* a record */
	const struct type *tags; /* NULL: none allowed */
	const struct type *self; /* TY_ENTITY of this one */
	uint32_t *parents; /* declared */
	size_t n_parents;
	uint32_t *descendants; /* all, ascending, without itself */
	size_t n_descendants;
};
struct action_type {
	cedar_uid uid;
	uint32_t type; /* the entity type of the uid */
	uint32_t *parents; /* declared */
	size_t n_parents;
	uint32_t *descendants; /* all, ascending, without itself */
	size_t n_descendants;
	uint32_t *principals, *resources; /* entity types, ascending */
	size_t n_principals, n_resources;
	const struct type *context; /* a record */
};
struct cedar_schema {
	struct rv_arena arena;
	bool names_unknown; /* building failed for a name that is not declared */
	struct raw_schema raw; /* for translation */
	struct entity_type *types;
	size_t n_types, cap_types;
	struct action_type *actions;
	size_t n_actions, cap_actions;
};
/* ret_whole: where not NULL, a schema that fails for names it does not declare is given out too,
 * with *ret_whole false: its declarations may be read, nothing else. */
cedar_code cedar_schema_open(
	cedar_str text, bool is_json, bool *ret_whole, cedar_schema **ret, cedar_error *err);
enum { NO_TYPE = UINT32_MAX };
/* NO_TYPE: not in the schema. */
uint32_t cedar_schema_type(const cedar_schema *s, cedar_str name);
uint32_t cedar_schema_action(const cedar_schema *s, const cedar_uid *uid);
const struct attr_type *cedar_type_attr(const struct type *record, cedar_str name);
void cedar_type_sort_attrs(struct attr_type *attrs, size_t n);
bool cedar_u32_has(const uint32_t *list, size_t n, uint32_t v); /* ascending */
/* "Action", or a name that ends with "::Action". */
bool cedar_is_action_type(cedar_str name);
/* In the language's spelling. */
void cedar_type_print(const cedar_schema *s, const struct type *t, struct rv_buf *out);
#endif
