#include "base/err.h"
#include "cedar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static size_t errors_of(const cedar_policies *ps, const cedar_schema *s,
	const cedar_validate_opts *o, cedar_scratch *scratch)
{
	cedar_report r;
	cedar_error e = { .code = CEDAR_OK };
	char text[300];
	cedar_code code = cedar_validate(ps, s, o, scratch, &r, &e);
	rv_assert(code == CEDAR_OK || code == CEDAR_ELIMIT);
	if (code != CEDAR_OK)
		return SIZE_MAX;
	for (size_t i = 0; i < r.n; i++) {
		rv_assert(r.diagnostics[i].policy < cedar_policies_count(ps));
		rv_assert(r.diagnostics[i].message.n > 0);
		cedar_diagnostic_render(ps, &r.diagnostics[i], "f", text, sizeof text);
	}
	cedar_scratch_clear(scratch);
	return r.n_errors;
}

/* A schema, a line "--", policies. What strict mode takes, permissive mode takes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const char *text = (const char *)data;
	const char *cut = n ? memmem(text, n, "\n--\n", 4) : NULL;
	cedar_schema *s = NULL;
	cedar_policies *ps = NULL;
	if (!cut)
		return 0;
	const cedar_str schema = { text, (size_t)(cut - text) };
	const cedar_str policies = { cut + 4, n - schema.n - 4 };
	cedar_scratch *scratch = cedar_scratch_new();
	rv_assert(scratch);
	if (cedar_schema_parse(schema, &s, NULL) == CEDAR_OK &&
		cedar_policies_parse(policies, NULL, &ps, NULL) == CEDAR_OK) {
		const cedar_validate_opts permissive = { .is_permissive = true };
		const cedar_validate_opts level = { .has_level = true, .level = 1 };
		size_t strict_errors = errors_of(ps, s, NULL, scratch);
		size_t permissive_errors = errors_of(ps, s, &permissive, scratch);
		size_t level_errors = errors_of(ps, s, &level, scratch);
		if (strict_errors == 0 && permissive_errors != SIZE_MAX)
			rv_assert(permissive_errors == 0);
		if (level_errors == 0)
			rv_assert(strict_errors == 0 || strict_errors == SIZE_MAX);
	}
	cedar_policies_free(ps);
	cedar_schema_free(s);
	cedar_scratch_free(scratch);
	return 0;
}
