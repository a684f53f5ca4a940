/* Schemas out of their declarations: as JSON and as text. Private to cedar/. */
#ifndef RV_CEDAR_SCHEMA_WRITE_H
#define RV_CEDAR_SCHEMA_WRITE_H
#include "cedar/schema.h"

enum schema_names {
	NAMES_AS_WRITTEN,
	NAMES_RESOLVED, /* every type is told to be an entity type or a common type, in full */
	NAMES_CANONICAL, /* and what may be said in several ways is said in one: to compare */
};
/* The schema must be whole unless names stay as written. */
void cedar_schema_put_json(struct rv_buf *b, const cedar_schema *s, enum schema_names names);
/* CEDAR_ESCHEMA: something that text has no words for. */
cedar_code cedar_schema_put_text(struct rv_buf *b, const cedar_schema *s, cedar_error *err);

/* What a name means. kind: RAW_COMMON, RAW_ENTITY, or RAW_NAME for one of the language's own types.
 */
struct schema_ref {
	enum raw_kind kind;
	cedar_str ns, name; /* in full: with the namespace in front, unless that is empty */
};
struct schema_ref cedar_schema_ref(
	const cedar_schema *s, const struct raw_namespace *ns, enum raw_kind kind, cedar_str name);
#endif
