/* reeve cedar …: the policy language on its own. One file a command, cmd_NAME.c, and a row here. */
#include "cli/cedar/cedar_cli.h"

int rv_cmd_cedar(int argc, char **argv)
{
	static const struct rv_sub subs[] = {
		{ "authorize", rv_cmd_cedar_authorize, "answer one request" },
		{ "bench", rv_cmd_cedar_bench, "measure how long decisions take" },
		{ "check-parse", rv_cmd_cedar_check_parse, "tell whether files can be read" },
		{ "explain", rv_cmd_cedar_explain, "tell why a request is answered so" },
		{ "format", rv_cmd_cedar_format, "put policies into one style" },
		{ "link", rv_cmd_cedar_link, "fill a template's slots" },
		{ "test", rv_cmd_cedar_test, "run integration-test files" },
		{ "translate-policy", rv_cmd_cedar_translate_policy,
			"turn policies of one syntax into the other" },
		{ "translate-schema", rv_cmd_cedar_translate_schema,
			"turn a schema of one syntax into the other" },
		{ "validate", rv_cmd_cedar_validate, "hold policies against a schema" },
	};
	return rv_cli_subs("cedar", "the Cedar policy language", subs, RV_COUNT(subs), argc, argv);
}
