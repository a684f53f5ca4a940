/* reeve cedar validate */
#include <stdio.h>

#include "cli/cedar/cedar_cli.h"

struct validate {
	struct rv_cedar_policies policies;
	const char *schema, *schema_format, *mode;
	int64_t level;
	bool has_level, deny_warnings, inapplicable_warning, json;
};

static void print_text(const char *path, const cedar_policies *ps, const cedar_report *r)
{
	char buf[2000];
	for (size_t i = 0; i < r->n; i++)
		printf("%s\n",
			cedar_diagnostic_render(ps, &r->diagnostics[i], path, buf, sizeof buf));
	if (r->is_cut)
		printf("… and more\n");
}

static struct rv_str to_str(cedar_str s)
{
	return rv_str_n(s.p, s.n);
}

static void print_json(const cedar_policies *ps, const cedar_report *r, bool passed)
{
	RV_AUTO_BUF b;
	struct rv_json_w w;
	rv_buf_init(&b, RV_CEDAR_FILE_MAX);
	rv_json_w_init(&w, &b);
	rv_json_w_obj(&w);
	rv_json_w_kv_bool(&w, "passed", passed);
	rv_json_w_kv_i64(&w, "errors", (int64_t)r->n_errors);
	rv_json_w_kv_i64(&w, "warnings", (int64_t)r->n_warnings);
	rv_json_w_name(&w, "diagnostics");
	rv_json_w_arr(&w);
	for (size_t i = 0; i < r->n; i++) {
		const cedar_diagnostic *d = &r->diagnostics[i];
		rv_json_w_obj(&w);
		rv_json_w_kv_strz(&w, "severity", d->is_warning ? "warning" : "error");
		rv_json_w_kv_strz(&w, "code", d->code);
		rv_json_w_kv_str(&w, "policy", rv_cedar_id_of(ps, (uint32_t)d->policy));
		rv_json_w_kv_str(&w, "message", to_str(d->message));
		if (d->help.n)
			rv_json_w_kv_str(&w, "help", to_str(d->help));
		rv_json_w_kv_i64(&w, "line", d->line);
		rv_json_w_kv_i64(&w, "column", d->column);
		rv_json_w_kv_i64(&w, "offset", (int64_t)d->offset);
		rv_json_w_kv_i64(&w, "length", (int64_t)d->length);
		rv_json_w_obj_end(&w);
	}
	rv_json_w_arr_end(&w);
	rv_json_w_obj_end(&w);
	printf("%s\n", rv_buf_z(&b));
}

static enum rv_code run(struct rv_arena *a, const struct validate *o, cedar_schema **schema,
	cedar_policies **ps, cedar_scratch *s, bool *ret_passed, struct rv_err *err)
{
	const char *path = o->policies.path ? o->policies.path : "-";
	cedar_error e = { .code = CEDAR_OK };
	cedar_report r;
	const cedar_validate_opts opts = { .is_permissive = strcmp(o->mode, "permissive") == 0,
		.has_level = o->has_level,
		.level = (unsigned)o->level,
		.inapplicable_is_warning = o->inapplicable_warning };
	RV_TRY(rv_cedar_load_schema(a, o->schema, o->schema_format, schema, err));
	RV_TRY(rv_cedar_load_policy_set(a, &o->policies, NULL, ps, err));
	if (cedar_validate(*ps, *schema, &opts, s, &r, &e) != CEDAR_OK)
		return rv_cedar_fail(&e, path, (cedar_str){ NULL, 0 }, err);
	*ret_passed = r.n_errors == 0 && (!o->deny_warnings || r.n_warnings == 0);
	if (o->json) {
		print_json(*ps, &r, *ret_passed);
		return RV_OK;
	}
	print_text(path, *ps, &r);
	printf("policy set validation %s: %zu error%s, %zu warning%s\n",
		*ret_passed ? "passed" : "failed", r.n_errors, r.n_errors == 1 ? "" : "s",
		r.n_warnings, r.n_warnings == 1 ? "" : "s");
	return RV_OK;
}

static bool is_usable(struct validate *o, const char *name)
{
	if (!o->mode)
		o->mode = "strict";
	if (!o->schema)
		(void)rv_cli_bad(name, "needs --schema"); /* its status is not ours */
	else if (strcmp(o->mode, "strict") != 0 && strcmp(o->mode, "permissive") != 0)
		(void)rv_cli_bad(name, "--validation-mode is 'strict' or 'permissive', not '%s'",
			o->mode); /* the same */
	else if (o->level > UINT32_MAX)
		(void)rv_cli_bad(name, "--level is too large"); /* the same */
	else
		return true;
	return false;
}

int rv_cmd_cedar_validate(int argc, char **argv)
{
	static struct validate o = { .level = -1 };
	static const struct rv_opt opts[] = {
		{ "schema", 's', RV_OPT_STR, "FILE", "the schema", &o.schema },
		{ "schema-format", 0, RV_OPT_STR, "FORMAT",
			"'cedar' or 'json'; guessed from the name", &o.schema_format },
		RV_CEDAR_POLICIES_OPTS(o.policies),
		{ "validation-mode", 0, RV_OPT_STR, "MODE",
			"'strict' (the default) or 'permissive'", &o.mode },
		{ "level", 0, RV_OPT_INT, "N",
			"refuse what reads entities more than N steps from the request", &o.level },
		{ "deny-warnings", 0, RV_OPT_FLAG, NULL, "a warning fails, too", &o.deny_warnings },
		{ "inapplicable-warning", 0, RV_OPT_FLAG, NULL,
			"a scope that no action applies to is a warning, as of 4.13",
			&o.inapplicable_warning },
		{ "json", 0, RV_OPT_FLAG, NULL, "the findings as JSON", &o.json },
	};
	static const struct rv_usage u = { "cedar validate", "", "hold policies against a schema",
		"Every policy is checked in each kind of request that the schema allows. What "
		"passes cannot fail for a wrong type or a missing attribute.\n"
		"Exit status: 0 valid, 3 not valid, 1 a file cannot be read.\n\n"
		"  reeve cedar validate --schema app.cedarschema --policies app.cedar",
		opts, RV_COUNT(opts), 0, 0 };
	int n, status = rv_cli_parse(&u, argc, argv, &n);
	if (status != RV_CLI_GO)
		return status == 0 ? 0 : RV_CEDAR_ERROR;
	if (!is_usable(&o, u.name))
		return RV_CEDAR_ERROR;
	o.has_level = o.level >= 0;
	RV_AUTO_ARENA a;
	rv_arena_init(&a, RV_CEDAR_MEMORY_MAX);
	struct rv_err err = { 0 };
	cedar_policies *ps = NULL;
	cedar_schema *schema = NULL;
	cedar_scratch *s = cedar_scratch_new();
	bool passed = false;
	rv_assert(s);
	if (run(&a, &o, &schema, &ps, s, &passed, &err) != RV_OK) {
		(void)rv_cli_fail(u.name, &err); /* its status is not ours */
		status = RV_CEDAR_ERROR;
	} else {
		status = passed ? 0 : RV_CEDAR_INVALID;
	}
	cedar_scratch_free(s);
	cedar_policies_free(ps);
	cedar_schema_free(schema);
	return status;
}
