/* reeve cedar check-parse */
#include <stdio.h>

#include "cli/cedar/cedar_cli.h"

/* ---- check-parse
 * ---------------------------------------------------------------------------------- */

int rv_cmd_cedar_check_parse(int argc, char **argv)
{
	static const char *policies, *entities, *schema, *format;
	static const struct rv_opt opts[] = {
		{ "schema", 's', RV_OPT_STR, "FILE", "a schema", &schema },
		{ "schema-format", 0, RV_OPT_STR, "FORMAT",
			"'cedar' or 'json'; guessed from the name", &format },
		{ "policies", 'p', RV_OPT_STR, "FILE",
			"policies in Cedar's text syntax; '-' is standard input", &policies },
		{ "entities", 0, RV_OPT_STR, "FILE", "entities as JSON", &entities },
	};
	static const struct rv_usage u = { "cedar check-parse", "",
		"tell whether files can be read", "Exit status: 0 they can, 1 they cannot.", opts,
		RV_COUNT(opts), 0, 0 };
	int n, status = rv_cli_parse(&u, argc, argv, &n);
	if (status != RV_CLI_GO)
		return status == 0 ? 0 : RV_CEDAR_ERROR;
	RV_AUTO_ARENA a;
	rv_arena_init(&a, RV_CEDAR_MEMORY_MAX);
	struct rv_err err = { 0 };
	cedar_policies *ps = NULL;
	cedar_entities *es = NULL;
	enum rv_code code = RV_OK;
	cedar_schema *sc = NULL;
	if (schema)
		code = rv_cedar_load_schema(&a, schema, format, &sc, &err);
	if (code == RV_OK && (policies || (!entities && !schema)))
		code = rv_cedar_load_policies(&a, policies ? policies : "-", false, &ps, &err);
	if (code == RV_OK && entities)
		code = rv_cedar_load_entities(&a, entities, sc, &es, &err);
	cedar_entities_free(es);
	cedar_policies_free(ps);
	cedar_schema_free(sc);
	if (code == RV_OK)
		return 0;
	(void)rv_cli_fail(u.name, &err);
	return RV_CEDAR_ERROR;
}
