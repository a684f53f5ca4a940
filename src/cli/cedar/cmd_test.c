/* reeve cedar test: files in the format of the public integration tests. */
#include <stdio.h>

#include "cli/cedar/cedar_cli.h"

/* ---- test: files in the format of the public integration tests
 * --------------------------------------- */

enum { PATH_SIZE = 4096 };

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
	*ret = cedar_uid_of(rv_cedar_str(type), rv_cedar_str(id));
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
				rv_str_eq(want->items[k]->str, rv_cedar_id_of(ps, got[i]));
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
	rv_buf_init(&context, RV_CEDAR_FILE_MAX);
	rv_json_w_init(&w, &context);
	RV_TRY(uid_member(rq_json, "principal", &rq.principal, err));
	RV_TRY(uid_member(rq_json, "action", &rq.action, err));
	RV_TRY(uid_member(rq_json, "resource", &rq.resource, err));
	const struct rv_json *c = rv_json_get(rq_json, "context");
	if (c) {
		rv_json_w_value(&w, c);
		if (cedar_context_parse_json_with(scratch, rv_cedar_str(rv_buf_str(&context)),
			    set->schema, &rq.action, &rq.context, &e) != CEDAR_OK)
			return rv_cedar_fail(&e, "context", (cedar_str){ NULL, 0 }, err);
	}
	cedar_authorize(ps, set->es, &rq, scratch, &ans);
	if (agrees(ps, &ans, rq_json)) {
		s->passed++;
	} else {
		s->failed++;
		struct rv_str what = { NULL, 0 };
		(void)str_member(rq_json, "description", &what, NULL); /* may be missing */
		printf("failed: %s: %.*s: got ", file, RV_FMT(what));
		rv_cedar_print_answer(ps, &ans);
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
		RV_TRY(rv_cedar_load_schema(a, path, NULL, &ret->schema, err));
	}
	RV_TRY(test_path(s, file, v, "policies", path, err));
	RV_TRY(rv_cedar_load_policies(a, path, false, &ret->ps, err));
	RV_TRY(test_path(s, file, v, "entities", path, err));
	return rv_cedar_load_entities(a, path, ret->schema, &ret->es, err);
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
	static const struct rv_json_limits limits = { .max_bytes = RV_CEDAR_FILE_MAX };
	RV_AUTO_ARENA a;
	rv_arena_init(&a, RV_CEDAR_MEMORY_MAX);
	struct rv_str text;
	const struct rv_json *v;
	struct setting set = { 0 };
	RV_TRY(rv_file_read(&a, file, RV_CEDAR_FILE_MAX, &text, err));
	RV_TRY(rv_json_parse(&a, text, &limits, &v, err));
	enum rv_code code = load_setting(s, &a, file, v, &set, err);
	if (code == RV_OK)
		code = test_requests(s, file, v, &set, err);
	cedar_schema_free(set.schema);
	cedar_entities_free(set.es);
	cedar_policies_free(set.ps);
	return code;
}

int rv_cmd_cedar_test(int argc, char **argv)
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
		return status == 0 ? 0 : RV_CEDAR_ERROR;
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
	return s.failed ? RV_CEDAR_ERROR : 0;
}
