/* reeve cedar authorize */
#include <stdio.h>

#include "base/clock.h"
#include "cli/cedar/cedar_cli.h"

struct authorize {
	struct rv_cedar_policies policies;
	const char *entities, *request, *principal, *action, *resource, *context;
	const char *schema, *schema_format, *validation;
	bool verbose, json, timing;
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

/* The request of a file. Without the check its context is still read as the schema says. */
static enum rv_code read_request_file(struct rv_arena *a, const struct authorize *o, bool check,
	const cedar_schema *schema, cedar_scratch *s, cedar_request *ret, struct rv_err *err)
{
	static const struct rv_json_limits limits = { .max_bytes = RV_CEDAR_FILE_MAX };
	const struct rv_json *v, *context;
	struct rv_str text;
	struct rv_json_w w;
	cedar_error e = { .code = CEDAR_OK };
	RV_AUTO_BUF b;
	rv_buf_init(&b, RV_CEDAR_FILE_MAX);
	rv_json_w_init(&w, &b);
	RV_TRY(rv_file_read(a, o->request, RV_CEDAR_FILE_MAX, &text, err));
	if (cedar_request_parse_json_with(s, rv_cedar_str(text), check ? schema : NULL, ret, &e) !=
		CEDAR_OK)
		return rv_cedar_fail(&e, o->request, (cedar_str){ NULL, 0 }, err);
	if (check || !schema)
		return RV_OK;
	RV_TRY(rv_json_parse(a, text, &limits, &v, err));
	if ((context = rv_json_get(v, "context")) == NULL)
		return RV_OK;
	rv_json_w_value(&w, context);
	RV_TRY(rv_buf_ok(&b, err));
	if (cedar_context_parse_json_with(s, rv_cedar_str(rv_buf_str(&b)), schema, &ret->action,
		    &ret->context, &e) != CEDAR_OK)
		return rv_cedar_fail(&e, o->request, (cedar_str){ NULL, 0 }, err);
	return RV_OK;
}

static enum rv_code read_request(struct rv_arena *a, const struct authorize *o,
	const cedar_schema *schema, cedar_scratch *s, cedar_request *ret, struct rv_err *err)
{
	struct rv_str text;
	cedar_error e = { .code = CEDAR_OK };
	bool check = !o->validation || strcmp(o->validation, "true") == 0;
	*ret = (cedar_request){ .n_overlay = 0 };
	if (!check && strcmp(o->validation, "false") != 0)
		return RV_FAIL(err, RV_EINVAL,
			"--request-validation is 'true' or 'false', not '%s'", o->validation);
	if (o->request && (o->principal || o->action || o->resource || o->context))
		return RV_FAIL(err, RV_EINVAL,
			"--request-json says all of the request; leave --principal, --action, "
			"--resource and --context out");
	if (o->request)
		return read_request_file(a, o, check, schema, s, ret, err);
	RV_TRY(read_uid(s, "principal", o->principal, &ret->principal, err));
	RV_TRY(read_uid(s, "action", o->action, &ret->action, err));
	RV_TRY(read_uid(s, "resource", o->resource, &ret->resource, err));
	if (o->context) {
		RV_TRY(rv_file_read(a, o->context, RV_CEDAR_FILE_MAX, &text, err));
		if (cedar_context_parse_json_with(s, rv_cedar_str(text), schema, &ret->action,
			    &ret->context, &e) != CEDAR_OK)
			return rv_cedar_fail(&e, o->context, (cedar_str){ NULL, 0 }, err);
	}
	if (schema && check && cedar_schema_check_request(schema, ret, &e) != CEDAR_OK)
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
	const struct rv_clock *clock = rv_clock_system();
	int64_t began = rv_clock_mono_ns(clock);
	cedar_authorize(*ps, *es, &rq, s, ret);
	if (o->timing)
		printf("Authorization Time (micro seconds) : %lld\n",
			(long long)((rv_clock_mono_ns(clock) - began) / 1000));
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
		{ "request-validation", 0, RV_OPT_STR, "BOOL",
			"'false': the request need not fit the schema; default: true",
			&o.validation },
		{ "timing", 't', RV_OPT_FLAG, NULL, "tell how long deciding took", &o.timing },
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
