/* reeve cedar check-parse */
#include "cli/cedar/cedar_cli.h"

struct check {
	struct rv_cedar_policies policies;
	const char *expression, *entities, *schema, *schema_format;
};
static const char name[] = "cedar check-parse";

/* Shows what was wrong. */
static bool told(enum rv_code code, struct rv_err *err)
{
	if (code == RV_OK)
		return true;
	(void)rv_cli_fail(name, err); /* the status is one for all */
	*err = (struct rv_err){ .code = RV_OK };
	return false;
}

static bool check_policies(struct rv_arena *a, const struct check *o, struct rv_err *err)
{
	cedar_policies *ps = NULL;
	bool ok = told(rv_cedar_load_policy_set(a, &o->policies, NULL, &ps, err), err);
	cedar_policies_free(ps);
	return ok;
}

static bool check_expression(const char *text, struct rv_err *err)
{
	cedar_error e = { .code = CEDAR_OK };
	if (cedar_expression_check(cedar_z(text), &e) == CEDAR_OK)
		return true;
	return told(rv_cedar_fail(&e, "--expression", cedar_z(text), err), err);
}

/* The entities as the schema has them, if one could be read. */
static bool check_entities(
	struct rv_arena *a, const char *path, const cedar_schema *schema, struct rv_err *err)
{
	cedar_entities *es = NULL;
	bool ok = told(rv_cedar_load_entities(a, path, schema, &es, err), err);
	cedar_entities_free(es);
	return ok;
}

static bool check_all(struct rv_arena *a, const struct check *o)
{
	struct rv_err err = { .code = RV_OK };
	cedar_schema *schema = NULL;
	bool ok = true, nothing = !o->entities && !o->schema && !o->expression;
	if (o->policies.path || nothing)
		ok = check_policies(a, o, &err);
	if (o->expression)
		ok = check_expression(o->expression, &err) && ok;
	if (o->schema)
		ok = told(rv_cedar_load_schema(a, o->schema, o->schema_format, &schema, &err),
			     &err) &&
			ok;
	if (o->entities)
		ok = check_entities(a, o->entities, schema, &err) && ok;
	cedar_schema_free(schema);
	return ok;
}

int rv_cmd_cedar_check_parse(int argc, char **argv)
{
	static struct check o;
	static const struct rv_opt opts[] = {
		RV_CEDAR_POLICIES_OPTS(o.policies),
		{ "expression", 0, RV_OPT_STR, "TEXT", "an expression", &o.expression },
		{ "schema", 's', RV_OPT_STR, "FILE", "a schema", &o.schema },
		{ "schema-format", 0, RV_OPT_STR, "FORMAT",
			"'cedar' or 'json'; guessed from the name", &o.schema_format },
		{ "entities", 0, RV_OPT_STR, "FILE", "entities as JSON, read as the schema says",
			&o.entities },
	};
	static const struct rv_usage u = { name, "", "tell whether files can be read",
		"Checks all that is named and shows all that is wrong; without any of these, "
		"policies from standard input.\n"
		"Exit status: 0 all can be read, 1 not.",
		opts, RV_COUNT(opts), 0, 0 };
	int n, status = rv_cli_parse(&u, argc, argv, &n);
	if (status != RV_CLI_GO)
		return status == 0 ? 0 : RV_CEDAR_ERROR;
	RV_AUTO_ARENA a;
	rv_arena_init(&a, RV_CEDAR_MEMORY_MAX);
	return check_all(&a, &o) ? 0 : RV_CEDAR_ERROR;
}
