/* reeve cedar translate-policy */
#include <stdio.h>

#include "cli/cedar/cedar_cli.h"

static enum rv_code to_json(const cedar_policies *ps, struct rv_err *err)
{
	cedar_error e = { .code = CEDAR_OK };
	RV_AUTO_FREE char *out = NULL;
	if (cedar_policies_to_json(ps, &out, NULL, &e) != CEDAR_OK)
		return rv_cedar_fail(&e, NULL, (cedar_str){ NULL, 0 }, err);
	printf("%s\n", out);
	return RV_OK;
}

/* Ids are lost, as policy text has no place for them. */
static enum rv_code to_text(const cedar_policies *ps, struct rv_err *err)
{
	cedar_error e = { .code = CEDAR_OK };
	RV_AUTO_FREE char *out = NULL;
	if (cedar_policies_to_text(ps, NULL, &out, NULL, &e) != CEDAR_OK)
		return rv_cedar_fail(&e, NULL, (cedar_str){ NULL, 0 }, err);
	fputs(out, stdout);
	return RV_OK;
}

static enum rv_code translate(
	struct rv_arena *a, const char *direction, const char *path, struct rv_err *err)
{
	bool json = direction && strcmp(direction, "json-to-cedar") == 0;
	cedar_policies *ps = NULL;
	if (!direction || (!json && strcmp(direction, "cedar-to-json") != 0))
		return RV_FAIL(err, RV_EINVAL,
			"needs --direction cedar-to-json or --direction json-to-cedar");
	const struct rv_cedar_policies o = { .path = path, .format = json ? "json" : "cedar" };
	RV_TRY(rv_cedar_load_policy_set(a, &o, NULL, &ps, err));
	enum rv_code code = json ? to_text(ps, err) : to_json(ps, err);
	cedar_policies_free(ps);
	return code;
}

int rv_cmd_cedar_translate_policy(int argc, char **argv)
{
	static const char *direction, *policies;
	static const struct rv_opt opts[] = {
		{ "direction", 0, RV_OPT_STR, "DIRECTION", "'cedar-to-json' or 'json-to-cedar'",
			&direction },
		{ "policies", 'p', RV_OPT_STR, "FILE", "the policies; default: standard input",
			&policies },
	};
	static const struct rv_usage u = { "cedar translate-policy", "",
		"turn policies of one syntax into the other",
		"To JSON: a policy set, in which @id(\"…\") names a policy. To Cedar: formatted; "
		"ids that no annotation tells are lost, and links cannot be told.\n"
		"Exit status: 0, or 1 on errors.\n\n"
		"  reeve cedar translate-policy --direction cedar-to-json --policies p.cedar",
		opts, RV_COUNT(opts), 0, 0 };
	int n, status = rv_cli_parse(&u, argc, argv, &n);
	if (status != RV_CLI_GO)
		return status == 0 ? 0 : RV_CEDAR_ERROR;
	RV_AUTO_ARENA a;
	struct rv_err err = { 0 };
	rv_arena_init(&a, RV_CEDAR_MEMORY_MAX);
	if (translate(&a, direction, policies, &err) == RV_OK)
		return 0;
	(void)rv_cli_fail(u.name, &err);
	return RV_CEDAR_ERROR;
}
