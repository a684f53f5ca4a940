#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "cedar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static cedar_policies *load(cedar_str text, bool is_json, cedar_error *e)
{
	const cedar_source src = { .text = text, .is_json = is_json };
	cedar_policies *ps = NULL;
	return cedar_policies_new(&src, 1, NULL, &ps, NULL, e) == CEDAR_OK ? ps : NULL;
}

/* The text of each policy says what its JSON says. */
static void check_each(const cedar_policies *ps)
{
	for (size_t i = 0; i < cedar_policies_count(ps); i++) {
		char *json, *text, *again;
		rv_assert(cedar_policy_to_json(ps, i, &json, NULL, NULL) == CEDAR_OK);
		rv_assert(cedar_policy_to_text(ps, i, &text, NULL, NULL) == CEDAR_OK);
		cedar_policies *one = load(cedar_z(text), false, NULL);
		rv_assert(one && cedar_policies_count(one) == 1);
		rv_assert(cedar_policy_to_json(one, 0, &again, NULL, NULL) == CEDAR_OK);
		rv_assert(strcmp(json, again) == 0);
		cedar_policies_free(one);
		free(json);
		free(text);
		free(again);
	}
}

/* JSON that is taken is written and read back to the same; what is not has an error with a place.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const cedar_str text = { (const char *)data, n };
	cedar_error e = { .code = CEDAR_OK };
	char *json, *again;
	cedar_policies *ps = load(text, true, &e);
	if (!ps) {
		rv_assert(e.code != CEDAR_OK && e.message[0] != '\0');
		return 0;
	}
	check_each(ps);
	rv_assert(cedar_policies_to_json(ps, &json, NULL, NULL) == CEDAR_OK);
	cedar_policies *back = load(cedar_z(json), true, &e);
	rv_assert(back && cedar_policies_count(back) == cedar_policies_count(ps));
	rv_assert(cedar_policies_to_json(back, &again, NULL, NULL) == CEDAR_OK);
	rv_assert(strcmp(json, again) == 0);
	free(json);
	free(again);
	cedar_policies_free(back);
	cedar_policies_free(ps);
	return 0;
}
