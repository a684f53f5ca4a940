/* Integration tests: requests and the answers they must have. */
#include <stdio.h>

#include "cli/cedar/test_suite.h"

static enum rv_code uid_member(
	const struct rv_json *v, const char *name, cedar_uid *ret, struct rv_err *err)
{
	const struct rv_json *m = rv_json_get(v, name);
	struct rv_str type, id;
	if (!m)
		return RV_FAIL_AT(err, RV_EINVAL, NULL, v->line, v->col, "'%s' is required", name);
	RV_TRY(rv_test_str(m, "type", &type, err));
	RV_TRY(rv_test_str(m, "id", &id, err));
	*ret = cedar_uid_of(rv_cedar_str(type), rv_cedar_str(id));
	return RV_OK;
}

enum rv_code rv_test_request(const struct rv_json *v, const cedar_schema *schema,
	cedar_scratch *scratch, cedar_request *ret, bool *ret_fits, struct rv_err *err)
{
	cedar_error e = { .code = CEDAR_OK };
	RV_AUTO_BUF context;
	struct rv_json_w w;
	rv_buf_init(&context, RV_CEDAR_FILE_MAX);
	rv_json_w_init(&w, &context);
	*ret = (cedar_request){ .n_overlay = 0 };
	*ret_fits = true;
	RV_TRY(uid_member(v, "principal", &ret->principal, err));
	RV_TRY(uid_member(v, "action", &ret->action, err));
	RV_TRY(uid_member(v, "resource", &ret->resource, err));
	const struct rv_json *c = rv_json_get(v, "context");
	if (c) {
		rv_json_w_value(&w, c);
		cedar_code code =
			cedar_context_parse_json_with(scratch, rv_cedar_str(rv_buf_str(&context)),
				schema, &ret->action, &ret->context, &e);
		*ret_fits = code != CEDAR_ESCHEMA;
		if (code != CEDAR_OK && *ret_fits)
			return rv_cedar_fail(&e, "context", (cedar_str){ NULL, 0 }, err);
	}
	if (schema && *ret_fits)
		*ret_fits = cedar_schema_check_request(schema, ret, NULL) == CEDAR_OK;
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

static bool same_errors(
	const cedar_policies *ps, const cedar_answer *ans, const struct rv_json *want)
{
	if (!rv_json_is(want, RV_JSON_ARR) || want->n_items != ans->n_errors)
		return false;
	for (size_t i = 0; i < ans->n_errors; i++) {
		bool found = false;
		for (size_t k = 0; k < want->n_items && !found; k++)
			found = want->items[k]->type == RV_JSON_STR &&
				rv_str_eq(want->items[k]->str,
					rv_cedar_id_of(ps, ans->errors[i].policy));
		if (!found)
			return false;
	}
	return true;
}

static bool agrees(const cedar_policies *ps, const cedar_answer *ans, const struct rv_json *want)
{
	const struct rv_json *decision = rv_json_get(want, "decision");
	bool allow = ans->decision == CEDAR_ALLOW;
	return rv_json_is(decision, RV_JSON_STR) &&
		rv_str_ieq(decision->str, allow ? RV_STR("allow") : RV_STR("deny")) &&
		same_ids(ps, allow ? ans->permits : ans->forbids,
			allow ? ans->n_permits : ans->n_forbids, rv_json_get(want, "reason")) &&
		same_errors(ps, ans, rv_json_get(want, "errors"));
}

/* What the requests of one file are asked against. */
struct setting {
	cedar_schema *schema; /* NULL: none named */
	cedar_policies *ps;
	cedar_entities *es;
};

/* A request that should fit the schema and does not is denied unseen. */
static enum rv_code test_request(struct rv_test_suite *s, const char *file, const struct rv_json *v,
	const struct setting *set, cedar_scratch *scratch, struct rv_err *err)
{
	cedar_request rq;
	cedar_answer ans = { .decision = CEDAR_DENY };
	bool fits;
	const struct rv_json *validate = rv_json_get(v, "validateRequest");
	RV_TRY(rv_test_request(v, set->schema, scratch, &rq, &fits, err));
	if (fits || (rv_json_is(validate, RV_JSON_BOOL) && !validate->boolean))
		cedar_authorize(set->ps, set->es, &rq, scratch, &ans);
	if (agrees(set->ps, &ans, v)) {
		s->passed++;
	} else {
		s->failed++;
		const struct rv_json *what = rv_json_get(v, "description");
		printf("failed: %s: %.*s: got ", file,
			RV_FMT(rv_json_is(what, RV_JSON_STR) ? what->str : RV_STR("")));
		rv_cedar_print_answer(set->ps, &ans);
	}
	cedar_scratch_clear(scratch);
	return RV_OK;
}

/* Whether the policies are valid is one expectation more; it counts where there is no other, and
 * when it is not met. */
static enum rv_code test_policies(struct rv_test_suite *s, const char *file,
	const struct rv_json *v, const struct setting *set, cedar_scratch *scratch, bool counts,
	struct rv_err *err)
{
	const struct rv_json *want = rv_json_get(v, "shouldValidate");
	const cedar_validate_opts opts = { .inapplicable_is_warning = s->inapplicable_is_warning };
	cedar_error e = { .code = CEDAR_OK };
	cedar_report r;
	if (!set->schema || !rv_json_is(want, RV_JSON_BOOL))
		return RV_OK;
	if (cedar_validate(set->ps, set->schema, &opts, scratch, &r, &e) != CEDAR_OK)
		return rv_cedar_fail(&e, file, (cedar_str){ NULL, 0 }, err);
	bool agrees = (r.n_errors == 0) == want->boolean;
	if (!agrees || counts)
		rv_test_note(s, file, agrees, "the policies are %svalid%s%.*s",
			r.n_errors ? "not " : "", r.n_errors ? ": " : "",
			RV_FMT(r.n ? r.diagnostics[0].message : cedar_z("")));
	cedar_scratch_clear(scratch);
	return RV_OK;
}

static enum rv_code load(const struct rv_test_suite *s, struct rv_arena *a, const char *file,
	const struct rv_json *v, bool entities, struct setting *ret, struct rv_err *err)
{
	char path[RV_TEST_PATH_SIZE];
	if (rv_json_get(v, "schema") && !s->no_schema) {
		RV_TRY(rv_test_path(s, file, v, "schema", path, err));
		RV_TRY(rv_cedar_load_schema(a, path, NULL, &ret->schema, err));
	}
	RV_TRY(rv_test_path(s, file, v, "policies", path, err));
	RV_TRY(rv_cedar_load_policies(a, path, false, &ret->ps, err));
	if (!entities)
		return RV_OK;
	RV_TRY(rv_test_path(s, file, v, "entities", path, err));
	return rv_cedar_load_entities(a, path, ret->schema, &ret->es, err);
}

static enum rv_code test_all(struct rv_test_suite *s, struct rv_arena *a, const char *file,
	const struct rv_json *v, struct setting *set, cedar_scratch *scratch, struct rv_err *err)
{
	const struct rv_json *requests = rv_json_get(v, "requests");
	if (!rv_json_is(requests, RV_JSON_ARR))
		return RV_FAIL(err, RV_EINVAL, "'requests' must be an array");
	RV_TRY(load(s, a, file, v, requests->n_items > 0, set, err));
	RV_TRY(test_policies(s, file, v, set, scratch, requests->n_items == 0, err));
	for (size_t i = 0; i < requests->n_items; i++)
		RV_TRY(test_request(s, file, requests->items[i], set, scratch, err));
	return RV_OK;
}

enum rv_code rv_test_integration(
	struct rv_test_suite *s, const char *file, const struct rv_json *v, struct rv_err *err)
{
	RV_AUTO_ARENA a;
	struct setting set = { 0 };
	cedar_scratch *scratch = cedar_scratch_new();
	rv_assert(scratch);
	rv_arena_init(&a, RV_CEDAR_MEMORY_MAX);
	enum rv_code code = test_all(s, &a, file, v, &set, scratch, err);
	cedar_scratch_free(scratch);
	cedar_schema_free(set.schema);
	cedar_entities_free(set.es);
	cedar_policies_free(set.ps);
	return code;
}
