/* Between the files that make a schema of declarations. */
#ifndef RV_CEDAR_SCHEMA_RESOLVE_H
#define RV_CEDAR_SCHEMA_RESOLVE_H
#include "cedar/schema.h"

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
#define FAIL(r, at, ...) cedar_schema_fail(&(r)->s->raw, (at), (r)->err, __VA_ARGS__)

/* By type, then id. */
int cedar_uid_order(const cedar_uid *a, const cedar_uid *b);
/* "NS::NAME", or NAME in the namespace without a name. p == NULL: memory. */
cedar_str cedar_schema_full_name(struct resolver *r, cedar_str ns, cedar_str name);
/* It has a "::". */
bool cedar_schema_is_qualified(cedar_str name);
/* NULL: none. */
struct common *cedar_schema_find_common(struct resolver *r, cedar_str name);
/* Its type, resolved on the way if it is new. */
cedar_code cedar_schema_resolve_common(
	struct resolver *r, struct common *c, struct place at, const struct type **ret);
/* What a name stands for: see the head of schema_resolve.c. */
cedar_code cedar_schema_resolve_name(struct resolver *r, const struct raw_namespace *ns,
	cedar_str name, unsigned kinds, struct place at, const struct type **ret);
/* raw: NULL is the empty record. what: for messages, "a context". */
cedar_code cedar_schema_resolve_record(struct resolver *r, const struct raw_namespace *ns,
	const struct raw_type *raw, const char *what, const struct type **ret);
cedar_code cedar_schema_resolve(struct resolver *r, const struct raw_namespace *ns,
	const struct raw_type *raw, const struct type **ret);
/* All names a namespace declares. */
cedar_code cedar_schema_collect(struct resolver *r, const struct raw_namespace *ns);
/* Everything by name; refuses what is declared twice. */
cedar_code cedar_schema_sort(struct resolver *r);
/* A name without a namespace must mean the same everywhere (RFC 70). */
cedar_code cedar_schema_check_shadowing(struct resolver *r);
/* What the collected names stand for. */
cedar_code cedar_schema_define_entities(struct resolver *r, const struct raw_namespace *ns);
cedar_code cedar_schema_define_actions(struct resolver *r, const struct raw_namespace *ns);
/* Descendants of types or actions; an action may not be its own group. */
cedar_code cedar_schema_close(struct resolver *r, bool actions);
#endif
