#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "cedar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static char *turn(cedar_str text, bool is_json, cedar_schema_form to, cedar_error *e)
{
	char *out = NULL;
	return cedar_schema_translate(text, is_json, to, &out, NULL, e) == CEDAR_OK ? out : NULL;
}

static void check_same(char *a, char *b)
{
	rv_assert(a && b && strcmp(a, b) == 0);
	free(a);
	free(b);
}

/* A schema that is taken comes back: JSON from JSON as it was, and text through JSON to the same
 * JSON, as written and with its names resolved. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const cedar_str text = { (const char *)data, n };
	bool is_json = n > 0 && data[0] == '{';
	cedar_error e = { .code = CEDAR_OK };
	char *json = turn(text, is_json, CEDAR_SCHEMA_JSON, &e);
	if (!json) {
		rv_assert(e.code != CEDAR_OK && e.message[0] != '\0');
		return 0;
	}
	check_same(turn(cedar_z(json), true, CEDAR_SCHEMA_JSON, NULL), strdup(json));
	char *back = turn(cedar_z(json), true, CEDAR_SCHEMA_TEXT, &e);
	rv_assert(back || is_json || e.code != CEDAR_OK);
	if (back) {
		char *json2 = turn(cedar_z(back), false, CEDAR_SCHEMA_JSON, NULL);
		rv_assert(json2 && (is_json || strcmp(json, json2) == 0));
		check_same(turn(cedar_z(json2), true, CEDAR_SCHEMA_TEXT, NULL),
			turn(cedar_z(back), false, CEDAR_SCHEMA_TEXT, NULL));
		char *resolved = turn(text, is_json, CEDAR_SCHEMA_JSON_RESOLVED, NULL);
		if (resolved && !is_json)
			check_same(strdup(resolved),
				turn(cedar_z(back), false, CEDAR_SCHEMA_JSON_RESOLVED, NULL));
		free(resolved);
		free(json2);
	}
	free(back);
	free(json);
	return 0;
}
