/* Inside `reeve cedar test`: files that say what is expected, and what they are held against. */
#ifndef RV_CLI_CEDAR_TEST_SUITE_H
#define RV_CLI_CEDAR_TEST_SUITE_H
#include "cli/cedar/cedar_cli.h"

enum { RV_TEST_PATH_SIZE = 4096 };

struct rv_test_suite {
	const char *root; /* NULL: found by walking up from the file */
	bool no_schema;
	bool inapplicable_is_warning;
	size_t passed, failed;
};
/* One expectation met or not; fmt says of a failure what was got. */
void rv_test_note(struct rv_test_suite *s, const char *file, bool passed, const char *fmt, ...)
	RV_PRINTF(4, 5);

/* The JSON of a file, in the arena. */
RV_MUST_USE enum rv_code rv_test_read(
	struct rv_arena *a, const char *path, const struct rv_json **ret, struct rv_err *err);
/* The file that a member of the test names. */
RV_MUST_USE enum rv_code rv_test_path(const struct rv_test_suite *s, const char *file,
	const struct rv_json *v, const char *member, char path[RV_TEST_PATH_SIZE],
	struct rv_err *err);
RV_MUST_USE enum rv_code rv_test_str(
	const struct rv_json *v, const char *name, struct rv_str *ret, struct rv_err *err);
/* The request of a test: {principal, action, resource: {type, id}, context}, its context directed
 * by the schema, which may be NULL. In scratch. *ret_fits: it is what the schema says. */
RV_MUST_USE enum rv_code rv_test_request(const struct rv_json *v, const cedar_schema *schema,
	cedar_scratch *scratch, cedar_request *ret, bool *ret_fits, struct rv_err *err);

/* An integration test: policies, entities, a schema, requests with their answers. */
RV_MUST_USE enum rv_code rv_test_integration(
	struct rv_test_suite *s, const char *file, const struct rv_json *v, struct rv_err *err);
/* NAME.validation.json: what a validator says of NAME.json. */
RV_MUST_USE enum rv_code rv_test_validation(
	struct rv_test_suite *s, const char *file, const struct rv_json *v, struct rv_err *err);
/* NAME.parsing.json: which entities of NAME.json can be read. */
RV_MUST_USE enum rv_code rv_test_parsing(
	struct rv_test_suite *s, const char *file, const struct rv_json *v, struct rv_err *err);
#endif
