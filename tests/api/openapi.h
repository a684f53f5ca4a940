/* docs/openapi.yaml, read with our own YAML reader, and values held against its schemas: as much of
 * JSON Schema as that file uses. */
#ifndef RV_TESTS_API_OPENAPI_H
#define RV_TESTS_API_OPENAPI_H
#include "base/json.h"

/* NULL when it cannot be read; the test has failed then. */
const struct rv_json *openapi_load(struct rv_arena *a);
/* Both NULL when it is not described. */
const struct rv_json *openapi_path(const struct rv_json *doc, const char *pattern);
const struct rv_json *openapi_operation(
	const struct rv_json *doc, const char *method, const char *pattern);
/* Follows a $ref; NULL: it leads nowhere. */
const struct rv_json *openapi_deref(const struct rv_json *doc, const struct rv_json *v);
/* The schema of an operation's answer of a status, or of its request's body (status 0). */
const struct rv_json *openapi_schema(
	const struct rv_json *doc, const struct rv_json *operation, int status);
/* False: what does not fit stands in msg. */
bool openapi_fits(const struct rv_json *doc, const struct rv_json *schema, const struct rv_json *v,
	const char *path, char *msg, size_t msg_n);
#endif
