/* reeve cedar translate-schema */
#include <stdio.h>

#include "cli/cedar/cedar_cli.h"

static const struct direction {
	const char *name;
	bool from_json;
	cedar_schema_form to;
} directions[] = {
	{ "json-to-cedar", true, CEDAR_SCHEMA_TEXT },
	{ "cedar-to-json", false, CEDAR_SCHEMA_JSON },
	{ "cedar-to-json-with-resolved-types", false, CEDAR_SCHEMA_JSON_RESOLVED },
};

static enum rv_code translate(
	struct rv_arena *a, const struct direction *d, const char *path, struct rv_err *err)
{
	struct rv_str text;
	cedar_error e = { .code = CEDAR_OK };
	RV_AUTO_FREE char *out = NULL;
	RV_TRY(rv_file_read(a, path, RV_CEDAR_FILE_MAX, &text, err));
	if (cedar_schema_translate(rv_cedar_str(text), d->from_json, d->to, &out, NULL, &e) !=
		CEDAR_OK)
		return rv_cedar_fail(
			&e, path, d->from_json ? (cedar_str){ NULL, 0 } : rv_cedar_str(text), err);
	fputs(out, stdout);
	if (d->to != CEDAR_SCHEMA_TEXT)
		putchar('\n');
	return RV_OK;
}

int rv_cmd_cedar_translate_schema(int argc, char **argv)
{
	static const char *name, *schema;
	static const struct rv_opt opts[] = {
		{ "direction", 0, RV_OPT_STR, "DIRECTION",
			"'cedar-to-json', 'json-to-cedar' or 'cedar-to-json-with-resolved-types'",
			&name },
		{ "schema", 's', RV_OPT_STR, "FILE", "the schema; default: standard input",
			&schema },
	};
	static const struct rv_usage u = { "cedar translate-schema", "",
		"turn a schema of one syntax into the other",
		"Comments are lost. A schema may name types that another one declares; with "
		"resolved types it must be whole.\n"
		"Exit status: 0, or 1 on errors.\n\n"
		"  reeve cedar translate-schema --direction cedar-to-json --schema "
		"app.cedarschema",
		opts, RV_COUNT(opts), 0, 0 };
	int n, status = rv_cli_parse(&u, argc, argv, &n);
	if (status != RV_CLI_GO)
		return status == 0 ? 0 : RV_CEDAR_ERROR;
	const struct direction *d = NULL;
	for (size_t i = 0; name && i < RV_COUNT(directions); i++)
		if (strcmp(name, directions[i].name) == 0)
			d = &directions[i];
	if (!d) {
		(void)rv_cli_bad(u.name,
			"needs --direction: cedar-to-json, json-to-cedar or "
			"cedar-to-json-with-resolved-types"); /* not our status */
		return RV_CEDAR_ERROR;
	}
	RV_AUTO_ARENA a;
	struct rv_err err = { 0 };
	rv_arena_init(&a, RV_CEDAR_MEMORY_MAX);
	if (translate(&a, d, schema ? schema : "-", &err) == RV_OK)
		return 0;
	(void)rv_cli_fail(u.name, &err);
	return RV_CEDAR_ERROR;
}
