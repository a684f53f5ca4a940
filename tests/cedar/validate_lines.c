/* Validates policies, one text a line of standard input, under a schema: prints for each the codes
 * of its findings as JSON,
 * {"errors":[…],"warnings":[…]}, or "unread". For comparing with other validators. Usage:
 * cedar_validate_lines SCHEMA */
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "tests/cedar/text.h"

static void print_codes(const cedar_report *r, bool warnings)
{
	const char *comma = "";
	for (size_t i = 0; i < r->n; i++)
		if (r->diagnostics[i].is_warning == warnings) {
			printf("%s\"%s\"", comma, r->diagnostics[i].code);
			comma = ",";
		}
}

static void validate_line(cedar_str text, const cedar_schema *schema, cedar_scratch *s)
{
	cedar_policies *ps = NULL;
	cedar_report r;
	const cedar_validate_opts opts = { .inapplicable_is_warning = true };
	if (cedar_policies_parse(text, NULL, &ps, NULL) != CEDAR_OK ||
		cedar_validate(ps, schema, &opts, s, &r, NULL) != CEDAR_OK) {
		printf("\"unread\"\n");
	} else {
		printf("{\"errors\":[");
		print_codes(&r, false);
		printf("],\"warnings\":[");
		print_codes(&r, true);
		printf("]}\n");
	}
	cedar_scratch_clear(s);
	cedar_policies_free(ps);
}

int main(int argc, char **argv)
{
	RV_AUTO_ARENA a;
	struct rv_str text;
	struct rv_err err = { 0 };
	cedar_schema *schema = NULL;
	cedar_scratch *s = cedar_scratch_new();
	char *line = NULL;
	size_t size = 0;
	ssize_t n;
	rv_arena_init(&a, 1 << 24);
	if (argc != 2 || !s || rv_file_read(&a, argv[1], 1 << 20, &text, &err) != RV_OK ||
		cedar_schema_parse(cs(text), &schema, NULL) != CEDAR_OK)
		return 1;
	while ((n = getline(&line, &size, stdin)) > 0)
		validate_line((cedar_str){ line, (size_t)n }, schema, s);
	free(line);
	cedar_scratch_free(s);
	cedar_schema_free(schema);
	return 0;
}
