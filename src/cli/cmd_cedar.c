/* reeve cedar …: the policy language on its own. Options and exit statuses follow the reference's
 * command line: authorize answers 0 allow, 2 deny, 1 error; the others 0 or 1. */
#include <stdio.h>

#include "base/file.h"
#include "cedar.h"
#include "cli/cli.h"

enum { FILE_MAX = 256 << 20, MEMORY_MAX = 1 << 30, PATH_SIZE = 4096 };
enum { EXIT_ALLOW = 0, EXIT_ERROR = 1, EXIT_DENY = 2 };

static cedar_str cs(struct rv_str s)
{
	return (cedar_str){ s.p, s.n };
}

static enum rv_code fail_cedar(
	const cedar_error *e, const char *name, cedar_str text, struct rv_err *err)
{
	char buf[600];
	return RV_FAIL(err, RV_EINVAL, "%s", cedar_error_render(e, name, text, buf, sizeof buf));
}

static enum rv_code load_policies(struct rv_arena *a, const char *path, bool ids_from_annotation,
	cedar_policies **ret, struct rv_err *err)
{
	struct rv_str text;
	cedar_error e = { .code = CEDAR_OK };
	RV_TRY(rv_file_read(a, path, FILE_MAX, &text, err));
	const cedar_source src = { .text = cs(text), .use_id_annotation = ids_from_annotation };
	if (cedar_policies_new(&src, 1, NULL, ret, NULL, &e) != CEDAR_OK)
		return fail_cedar(&e, path, cs(text), err);
	return RV_OK;
}

static enum rv_code load_entities(struct rv_arena *a, const char *path, const cedar_schema *schema,
	cedar_entities **ret, struct rv_err *err)
{
	struct rv_str text;
	cedar_error e = { .code = CEDAR_OK };
	RV_TRY(rv_file_read(a, path, FILE_MAX, &text, err));
	if (cedar_entities_parse_json_with(cs(text), schema, ret, &e) != CEDAR_OK)
		return fail_cedar(&e, path, (cedar_str){ NULL, 0 }, err);
	return RV_OK;
}

/* JSON when told so, or when nothing is told and the name ends in .json. */
static enum rv_code load_schema(struct rv_arena *a, const char *path, const char *format,
	cedar_schema **ret, struct rv_err *err)
{
	struct rv_str text;
	cedar_error e = { .code = CEDAR_OK };
	bool json = format ? strcmp(format, "json") == 0
			   : rv_str_ends(rv_str_of(path), RV_STR(".json"));
	if (format && !json && strcmp(format, "cedar") != 0)
		return RV_FAIL(
			err, RV_EINVAL, "--schema-format is 'cedar' or 'json', not '%s'", format);
	RV_TRY(rv_file_read(a, path, FILE_MAX, &text, err));
	cedar_code code = json ? cedar_schema_parse_json(cs(text), ret, &e)
			       : cedar_schema_parse(cs(text), ret, &e);
	if (code != CEDAR_OK)
		return fail_cedar(&e, path, json ? (cedar_str){ NULL, 0 } : cs(text), err);
	return RV_OK;
}

/* ---- authorize ----------------------------------------------------------------------------------
 */

struct authorize {
	const char *policies, *entities, *request, *principal, *action, *resource, *context;
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
		return fail_cedar(&e, name, cedar_z(text), err);
	return RV_OK;
}

static enum rv_code read_request(struct rv_arena *a, const struct authorize *o,
	const cedar_schema *schema, cedar_scratch *s, cedar_request *ret, struct rv_err *err)
{
	struct rv_str text;
	cedar_error e = { .code = CEDAR_OK };
	*ret = (cedar_request){ .n_overlay = 0 };
	if (o->request) {
		RV_TRY(rv_file_read(a, o->request, FILE_MAX, &text, err));
		if (cedar_request_parse_json_with(s, cs(text), schema, ret, &e) != CEDAR_OK)
			return fail_cedar(&e, o->request, (cedar_str){ NULL, 0 }, err);
		return RV_OK;
	}
	RV_TRY(read_uid(s, "principal", o->principal, &ret->principal, err));
	RV_TRY(read_uid(s, "action", o->action, &ret->action, err));
	RV_TRY(read_uid(s, "resource", o->resource, &ret->resource, err));
	if (o->context) {
		RV_TRY(rv_file_read(a, o->context, FILE_MAX, &text, err));
		if (cedar_context_parse_json_with(
			    s, cs(text), schema, &ret->action, &ret->context, &e) != CEDAR_OK)
			return fail_cedar(&e, o->context, (cedar_str){ NULL, 0 }, err);
	}
	if (schema && cedar_schema_check_request(schema, ret, &e) != CEDAR_OK)
		return fail_cedar(&e, "request", (cedar_str){ NULL, 0 }, err);
	return RV_OK;
}

static struct rv_str id_of(const cedar_policies *ps, uint32_t i)
{
	cedar_str id = cedar_policy_at(ps, i)->id;
	return rv_str_n(id.p, id.n);
}

static void put_ids(struct rv_json_w *w, const char *name, const cedar_policies *ps,
	const uint32_t *list, size_t n)
{
	rv_json_w_name(w, name);
	rv_json_w_arr(w);
	for (size_t i = 0; i < n; i++)
		rv_json_w_str(w, id_of(ps, list[i]));
	rv_json_w_arr_end(w);
}

static void print_json(const cedar_policies *ps, const cedar_answer *ans)
{
	RV_AUTO_BUF b;
	struct rv_json_w w;
	rv_buf_init(&b, FILE_MAX);
	rv_json_w_init(&w, &b);
	rv_json_w_obj(&w);
	rv_json_w_kv_strz(&w, "decision", ans->decision == CEDAR_ALLOW ? "allow" : "deny");
	put_ids(&w, "permits", ps, ans->permits, ans->n_permits);
	put_ids(&w, "forbids", ps, ans->forbids, ans->n_forbids);
	rv_json_w_name(&w, "errors");
	rv_json_w_arr(&w);
	for (size_t i = 0; i < ans->n_errors; i++) {
		rv_json_w_obj(&w);
		rv_json_w_kv_str(&w, "policy", id_of(ps, ans->errors[i].policy));
		rv_json_w_kv_str(&w, "message",
			rv_str_n(ans->errors[i].message.p, ans->errors[i].message.n));
		rv_json_w_obj_end(&w);
	}
	rv_json_w_arr_end(&w);
	rv_json_w_obj_end(&w);
	printf("%s\n", rv_buf_z(&b));
}

static void print_answer(const cedar_policies *ps, const cedar_answer *ans, bool verbose)
{
	bool allow = ans->decision == CEDAR_ALLOW;
	printf("%s\n", allow ? "ALLOW" : "DENY");
	const uint32_t *why = allow ? ans->permits : ans->forbids;
	size_t n = allow ? ans->n_permits : ans->n_forbids;
	for (size_t i = 0; i < ans->n_errors; i++)
		fprintf(stderr, "error while evaluating policy '%.*s': %.*s\n",
			RV_FMT(id_of(ps, ans->errors[i].policy)), RV_FMT(ans->errors[i].message));
	if (!verbose)
		return;
	printf(n ? "\nnote: this decision was due to the following policies:\n"
		 : "\nnote: no policies applied to this request\n");
	for (size_t i = 0; i < n; i++)
		printf("  %.*s\n", RV_FMT(id_of(ps, why[i])));
}

static enum rv_code authorize_with(struct rv_arena *a, const struct authorize *o,
	const cedar_schema *schema, cedar_policies **ps, cedar_entities **es, cedar_scratch *s,
	cedar_answer *ret, struct rv_err *err)
{
	cedar_request rq;
	RV_TRY(load_policies(a, o->policies, true, ps, err));
	RV_TRY(load_entities(a, o->entities, schema, es, err));
	RV_TRY(read_request(a, o, schema, s, &rq, err));
	cedar_authorize(*ps, *es, &rq, s, ret);
	return RV_OK;
}

static enum rv_code authorize(struct rv_arena *a, const struct authorize *o, cedar_policies **ps,
	cedar_entities **es, cedar_scratch *s, cedar_answer *ret, struct rv_err *err)
{
	cedar_schema *schema = NULL;
	if (o->schema)
		RV_TRY(load_schema(a, o->schema, o->schema_format, &schema, err));
	enum rv_code code = authorize_with(a, o, schema, ps, es, s, ret, err);
	cedar_schema_free(schema);
	return code;
}

static int cmd_authorize(int argc, char **argv)
{
	static struct authorize o;
	static const struct rv_opt opts[] = {
		{ "policies", 'p', RV_OPT_STR, "FILE", "policies in Cedar's text syntax",
			&o.policies },
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
		return status == 0 ? 0 : EXIT_ERROR;
	if (!o.policies || !o.entities) {
		(void)rv_cli_bad(
			u.name, "needs --policies and --entities"); /* its status is not ours */
		return EXIT_ERROR;
	}
	RV_AUTO_ARENA a;
	rv_arena_init(&a, MEMORY_MAX);
	struct rv_err err = { 0 };
	cedar_policies *ps = NULL;
	cedar_entities *es = NULL;
	cedar_scratch *s = cedar_scratch_new();
	cedar_answer ans = { .decision = CEDAR_DENY };
	rv_assert(s);
	if (authorize(&a, &o, &ps, &es, s, &ans, &err) != RV_OK) {
		(void)rv_cli_fail(u.name, &err);
		status = EXIT_ERROR;
	} else {
		status = ans.decision == CEDAR_ALLOW ? EXIT_ALLOW : EXIT_DENY;
		if (o.json)
			print_json(ps, &ans);
		else
			print_answer(ps, &ans, o.verbose);
	}
	cedar_scratch_free(s);
	cedar_entities_free(es);
	cedar_policies_free(ps);
	return status;
}

/* ---- check-parse
 * ---------------------------------------------------------------------------------- */

static int cmd_check_parse(int argc, char **argv)
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
		return status == 0 ? 0 : EXIT_ERROR;
	RV_AUTO_ARENA a;
	rv_arena_init(&a, MEMORY_MAX);
	struct rv_err err = { 0 };
	cedar_policies *ps = NULL;
	cedar_entities *es = NULL;
	enum rv_code code = RV_OK;
	cedar_schema *sc = NULL;
	if (schema)
		code = load_schema(&a, schema, format, &sc, &err);
	if (code == RV_OK && (policies || (!entities && !schema)))
		code = load_policies(&a, policies ? policies : "-", false, &ps, &err);
	if (code == RV_OK && entities)
		code = load_entities(&a, entities, sc, &es, &err);
	cedar_entities_free(es);
	cedar_policies_free(ps);
	cedar_schema_free(sc);
	if (code == RV_OK)
		return 0;
	(void)rv_cli_fail(u.name, &err);
	return EXIT_ERROR;
}

/* ---- test: files in the format of the public integration tests
 * --------------------------------------- */

struct suite {
	const char *root; /* NULL: found by walking up from the file */
	bool no_schema;
	size_t passed, failed;
};

/* Where the file's relative paths begin. */
static enum rv_code resolve(const struct suite *s, const char *file, struct rv_str rel,
	char out[PATH_SIZE], struct rv_err *err)
{
	char dir[PATH_SIZE];
	snprintf(dir, sizeof dir, "%s", file);
	if (s->root) {
		snprintf(out, PATH_SIZE, "%s/%.*s", s->root, RV_FMT(rel));
		return RV_OK;
	}
	for (char *slash = strrchr(dir, '/'); slash; slash = strrchr(dir, '/')) {
		*slash = '\0';
		int n = snprintf(out, PATH_SIZE, "%s/%.*s", dir, RV_FMT(rel));
		if (n < PATH_SIZE && access(out, R_OK) == 0)
			return RV_OK;
	}
	snprintf(out, PATH_SIZE, "%.*s", RV_FMT(rel));
	if (access(out, R_OK) == 0)
		return RV_OK;
	return RV_FAIL(err, RV_ENOENT, "'%.*s' is in no folder above '%s'; name it with --root",
		RV_FMT(rel), file);
}

static enum rv_code str_member(
	const struct rv_json *v, const char *name, struct rv_str *ret, struct rv_err *err)
{
	const struct rv_json *m = rv_json_get(v, name);
	if (!rv_json_is(m, RV_JSON_STR))
		return RV_FAIL_AT(
			err, RV_EINVAL, NULL, v->line, v->col, "'%s' must be a string", name);
	*ret = m->str;
	return RV_OK;
}

static enum rv_code uid_member(
	const struct rv_json *v, const char *name, cedar_uid *ret, struct rv_err *err)
{
	const struct rv_json *m = rv_json_get(v, name);
	struct rv_str type, id;
	if (!m)
		return RV_FAIL_AT(err, RV_EINVAL, NULL, v->line, v->col, "'%s' is required", name);
	RV_TRY(str_member(m, "type", &type, err));
	RV_TRY(str_member(m, "id", &id, err));
	*ret = cedar_uid_of(cs(type), cs(id));
	return RV_OK;
}

/* Compares as sets; both are without doubles. */
static bool same_ids(
	const cedar_policies *ps, const uint32_t *got, size_t n, const struct rv_json *want)
{
	if (!rv_json_is(want, RV_JSON_ARR) || want->n_items != n)
		return false;
	for (size_t i = 0; i < n; i++) {
		bool found = false;
		for (size_t k = 0; k < n && !found; k++)
			found = want->items[k]->type == RV_JSON_STR &&
				rv_str_eq(want->items[k]->str, id_of(ps, got[i]));
		if (!found)
			return false;
	}
	return true;
}

static bool agrees(const cedar_policies *ps, const cedar_answer *ans, const struct rv_json *want)
{
	const struct rv_json *decision = rv_json_get(want, "decision");
	bool allow = ans->decision == CEDAR_ALLOW;
	uint32_t errors[64];
	if (!rv_json_is(decision, RV_JSON_STR) ||
		!rv_str_ieq(decision->str, allow ? RV_STR("allow") : RV_STR("deny")))
		return false;
	size_t n = ans->n_errors < RV_COUNT(errors) ? ans->n_errors : RV_COUNT(errors);
	for (size_t i = 0; i < n; i++)
		errors[i] = ans->errors[i].policy;
	return same_ids(ps, allow ? ans->permits : ans->forbids,
		       allow ? ans->n_permits : ans->n_forbids, rv_json_get(want, "reason")) &&
		n == ans->n_errors && same_ids(ps, errors, n, rv_json_get(want, "errors"));
}

/* What the requests of one file are asked against. */
struct setting {
	cedar_schema *schema; /* NULL: none named */
	cedar_policies *ps;
	cedar_entities *es;
};

static enum rv_code test_request(struct suite *s, const char *file, const struct rv_json *rq_json,
	const struct setting *set, cedar_scratch *scratch, struct rv_err *err)
{
	const cedar_policies *ps = set->ps;
	cedar_request rq = { .n_overlay = 0 };
	cedar_answer ans;
	cedar_error e = { .code = CEDAR_OK };
	RV_AUTO_BUF context;
	struct rv_json_w w;
	rv_buf_init(&context, FILE_MAX);
	rv_json_w_init(&w, &context);
	RV_TRY(uid_member(rq_json, "principal", &rq.principal, err));
	RV_TRY(uid_member(rq_json, "action", &rq.action, err));
	RV_TRY(uid_member(rq_json, "resource", &rq.resource, err));
	const struct rv_json *c = rv_json_get(rq_json, "context");
	if (c) {
		rv_json_w_value(&w, c);
		if (cedar_context_parse_json_with(scratch, cs(rv_buf_str(&context)), set->schema,
			    &rq.action, &rq.context, &e) != CEDAR_OK)
			return fail_cedar(&e, "context", (cedar_str){ NULL, 0 }, err);
	}
	cedar_authorize(ps, set->es, &rq, scratch, &ans);
	if (agrees(ps, &ans, rq_json)) {
		s->passed++;
	} else {
		s->failed++;
		struct rv_str what = { NULL, 0 };
		(void)str_member(rq_json, "description", &what, NULL); /* may be missing */
		printf("failed: %s: %.*s: got ", file, RV_FMT(what));
		print_json(ps, &ans);
	}
	cedar_scratch_clear(scratch);
	return RV_OK;
}

/* The file that a member of the test names; *ret_path is untouched when it names none. */
static enum rv_code test_path(const struct suite *s, const char *file, const struct rv_json *v,
	const char *member, char path[PATH_SIZE], struct rv_err *err)
{
	struct rv_str rel;
	RV_TRY(str_member(v, member, &rel, err));
	return resolve(s, file, rel, path, err);
}

static enum rv_code load_setting(const struct suite *s, struct rv_arena *a, const char *file,
	const struct rv_json *v, struct setting *ret, struct rv_err *err)
{
	char path[PATH_SIZE];
	if (rv_json_get(v, "schema") && !s->no_schema) {
		RV_TRY(test_path(s, file, v, "schema", path, err));
		RV_TRY(load_schema(a, path, NULL, &ret->schema, err));
	}
	RV_TRY(test_path(s, file, v, "policies", path, err));
	RV_TRY(load_policies(a, path, false, &ret->ps, err));
	RV_TRY(test_path(s, file, v, "entities", path, err));
	return load_entities(a, path, ret->schema, &ret->es, err);
}

static enum rv_code test_requests(struct suite *s, const char *file, const struct rv_json *v,
	const struct setting *set, struct rv_err *err)
{
	const struct rv_json *requests = rv_json_get(v, "requests");
	if (!rv_json_is(requests, RV_JSON_ARR))
		return RV_FAIL(err, RV_EINVAL, "'requests' must be an array");
	cedar_scratch *scratch = cedar_scratch_new();
	enum rv_code code = RV_OK;
	rv_assert(scratch);
	for (size_t i = 0; code == RV_OK && i < requests->n_items; i++)
		code = test_request(s, file, requests->items[i], set, scratch, err);
	cedar_scratch_free(scratch);
	return code;
}

static enum rv_code test_file(struct suite *s, const char *file, struct rv_err *err)
{
	static const struct rv_json_limits limits = { .max_bytes = FILE_MAX };
	RV_AUTO_ARENA a;
	rv_arena_init(&a, MEMORY_MAX);
	struct rv_str text;
	const struct rv_json *v;
	struct setting set = { 0 };
	RV_TRY(rv_file_read(&a, file, FILE_MAX, &text, err));
	RV_TRY(rv_json_parse(&a, text, &limits, &v, err));
	enum rv_code code = load_setting(s, &a, file, v, &set, err);
	if (code == RV_OK)
		code = test_requests(s, file, v, &set, err);
	cedar_schema_free(set.schema);
	cedar_entities_free(set.es);
	cedar_policies_free(set.ps);
	return code;
}

static int cmd_test(int argc, char **argv)
{
	static struct suite s;
	static const struct rv_opt opts[] = {
		{ "root", 0, RV_OPT_STR, "DIR", "where the files' relative paths begin", &s.root },
		{ "no-schema", 0, RV_OPT_FLAG, NULL, "leave the files' schemas aside",
			&s.no_schema },
	};
	static const struct rv_usage u = { "cedar test", "FILE…", "run integration-test files",
		"Each file names policies, entities and perhaps a schema, and requests with their "
		"expected decision, "
		"reasons and errors.\n"
		"Ends with 'N passed, N failed'. Exit status: 0 all passed, 1 otherwise.",
		opts, RV_COUNT(opts), 1, -1 };
	int n, status = rv_cli_parse(&u, argc, argv, &n);
	if (status != RV_CLI_GO)
		return status == 0 ? 0 : EXIT_ERROR;
	for (int i = 1; i <= n; i++) {
		struct rv_err err = { 0 };
		char msg[900];
		if (test_file(&s, argv[i], &err) == RV_OK)
			continue;
		s.failed++;
		rv_err_where(&err, argv[i]);
		printf("failed: %s\n", rv_err_text(&err, msg, sizeof msg));
	}
	printf("%zu passed, %zu failed\n", s.passed, s.failed);
	return s.failed ? EXIT_ERROR : 0;
}

int rv_cmd_cedar(int argc, char **argv)
{
	static const struct rv_sub subs[] = {
		{ "authorize", cmd_authorize, "answer one request" },
		{ "check-parse", cmd_check_parse, "tell whether files can be read" },
		{ "test", cmd_test, "run integration-test files" },
	};
	return rv_cli_subs("cedar", "the Cedar policy language", subs, RV_COUNT(subs), argc, argv);
}
