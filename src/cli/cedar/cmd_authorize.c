/* reeve cedar authorize */
#include <stdio.h>

#include "cli/cedar/cedar_cli.h"

struct authorize {
	struct rv_cedar_policies policies;
	const char *entities, *request, *principal, *action, *resource, *context;
	const char *schema, *schema_format;
	bool verbose, json;
};

static enum rv_code read_uid(
	cedar_scratch *s, const char *option, const char *text, cedar_uid *ret, struct rv_err *err)
{
	cedar_error e = { .code = CEDAR_OK };
	char name[40];
	snprintf(name, sizeof name, "--%s", option);
	if (!text)
		return RV_FAIL(err, RV_EINVAL,
			"needs --request-json, or --principal, --action and --resource");
	if (cedar_uid_parse(s, cedar_z(text), ret, &e) != CEDAR_OK)
		return rv_cedar_fail(&e, name, cedar_z(text), err);
	return RV_OK;
}

static enum rv_code read_request(struct rv_arena *a, const struct authorize *o,
	const cedar_schema *schema, cedar_scratch *s, cedar_request *ret, struct rv_err *err)
{
	struct rv_str text;
	cedar_error e = { .code = CEDAR_OK };
	*ret = (cedar_request){ .n_overlay = 0 };
	if (o->request) {
		RV_TRY(rv_file_read(a, o->request, RV_CEDAR_FILE_MAX, &text, err));
		if (cedar_request_parse_json_with(s, rv_cedar_str(text), schema, ret, &e) !=
			CEDAR_OK)
			return rv_cedar_fail(&e, o->request, (cedar_str){ NULL, 0 }, err);
		return RV_OK;
	}
	RV_TRY(read_uid(s, "principal", o->principal, &ret->principal, err));
	RV_TRY(read_uid(s, "action", o->action, &ret->action, err));
	RV_TRY(read_uid(s, "resource", o->resource, &ret->resource, err));
	if (o->context) {
		RV_TRY(rv_file_read(a, o->context, RV_CEDAR_FILE_MAX, &text, err));
		if (cedar_context_parse_json_with(s, rv_cedar_str(text), schema, &ret->action,
			    &ret->context, &e) != CEDAR_OK)
			return rv_cedar_fail(&e, o->context, (cedar_str){ NULL, 0 }, err);
	}
	if (schema && cedar_schema_check_request(schema, ret, &e) != CEDAR_OK)
		return rv_cedar_fail(&e, "request", (cedar_str){ NULL, 0 }, err);
	return RV_OK;
}

static void print_answer(const cedar_policies *ps, const cedar_answer *ans, bool verbose)
{
	bool allow = ans->decision == CEDAR_ALLOW;
	printf("%s\n", allow ? "ALLOW" : "DENY");
	const uint32_t *why = allow ? ans->permits : ans->forbids;
	size_t n = allow ? ans->n_permits : ans->n_forbids;
	for (size_t i = 0; i < ans->n_errors; i++)
		fprintf(stderr, "error while evaluating policy '%.*s': %.*s\n",
			RV_FMT(rv_cedar_id_of(ps, ans->errors[i].policy)),
			RV_FMT(ans->errors[i].message));
	if (!verbose)
		return;
	printf(n ? "\nnote: this decision was due to the following policies:\n"
		 : "\nnote: no policies applied to this request\n");
	for (size_t i = 0; i < n; i++)
		printf("  %.*s\n", RV_FMT(rv_cedar_id_of(ps, why[i])));
}

static enum rv_code authorize_with(struct rv_arena *a, const struct authorize *o,
	const cedar_schema *schema, cedar_policies **ps, cedar_entities **es, cedar_scratch *s,
	cedar_answer *ret, struct rv_err *err)
{
	cedar_request rq;
	RV_TRY(rv_cedar_load_policy_set(a, &o->policies, NULL, ps, err));
	RV_TRY(rv_cedar_load_entities(a, o->entities, schema, es, err));
	RV_TRY(read_request(a, o, schema, s, &rq, err));
	cedar_authorize(*ps, *es, &rq, s, ret);
	return RV_OK;
}

static enum rv_code authorize(struct rv_arena *a, const struct authorize *o, cedar_policies **ps,
	cedar_entities **es, cedar_scratch *s, cedar_answer *ret, struct rv_err *err)
{
	cedar_schema *schema = NULL;
	if (o->schema)
		RV_TRY(rv_cedar_load_schema(a, o->schema, o->schema_format, &schema, err));
	enum rv_code code = authorize_with(a, o, schema, ps, es, s, ret, err);
	cedar_schema_free(schema);
	return code;
}

int rv_cmd_cedar_authorize(int argc, char **argv)
{
	static struct authorize o;
	static const struct rv_opt opts[] = {
		RV_CEDAR_POLICIES_OPTS(o.policies),
		{ "entities", 0, RV_OPT_STR, "FILE", "entities as JSON", &o.entities },
		{ "request-json", 0, RV_OPT_STR, "FILE",
			"the request as JSON; '-' is standard input", &o.request },
		{ "principal", 'l', RV_OPT_STR, "UID", "such as 'User::\"alice\"'", &o.principal },
		{ "action", 'a', RV_OPT_STR, "UID", "such as 'Action::\"view\"'", &o.action },
		{ "resource", 'r', RV_OPT_STR, "UID", "such as 'Photo::\"p.jpg\"'", &o.resource },
		{ "context", 'c', RV_OPT_STR, "FILE", "the context as JSON", &o.context },
		{ "schema", 's', RV_OPT_STR, "FILE", "a schema that entities and request must fit",
			&o.schema },
		{ "schema-format", 0, RV_OPT_STR, "FORMAT",
			"'cedar' or 'json'; guessed from the name", &o.schema_format },
		{ "verbose", 'v', RV_OPT_FLAG, NULL, "name the policies that decided", &o.verbose },
		{ "json", 0, RV_OPT_FLAG, NULL, "print all that holds as JSON", &o.json },
	};
	static const struct rv_usage u = { "cedar authorize", "", "answer one request",
		"Exit status: 0 allow, 2 deny, 1 error.\n\n"
		"  reeve cedar authorize --policies p.cedar --entities e.json --request-json "
		"r.json --verbose",
		opts, RV_COUNT(opts), 0, 0 };
	int n, status = rv_cli_parse(&u, argc, argv, &n);
	if (status != RV_CLI_GO)
		return status == 0 ? 0 : RV_CEDAR_ERROR;
	if (!o.entities) {
		(void)rv_cli_bad(u.name, "needs --entities"); /* its status is not ours */
		return RV_CEDAR_ERROR;
	}
	RV_AUTO_ARENA a;
	rv_arena_init(&a, RV_CEDAR_MEMORY_MAX);
	struct rv_err err = { 0 };
	cedar_policies *ps = NULL;
	cedar_entities *es = NULL;
	cedar_scratch *s = cedar_scratch_new();
	cedar_answer ans = { .decision = CEDAR_DENY };
	rv_assert(s);
	if (authorize(&a, &o, &ps, &es, s, &ans, &err) != RV_OK) {
		(void)rv_cli_fail(u.name, &err);
		status = RV_CEDAR_ERROR;
	} else {
		status = ans.decision == CEDAR_ALLOW ? RV_CEDAR_ALLOW : RV_CEDAR_DENY;
		if (o.json)
			rv_cedar_print_answer(ps, &ans);
		else
			print_answer(ps, &ans, o.verbose);
	}
	cedar_scratch_free(s);
	cedar_entities_free(es);
	cedar_policies_free(ps);
	return status;
}
