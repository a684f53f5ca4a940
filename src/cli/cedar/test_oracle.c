/* Oracles: what another validator found in a test's policies, entities and requests. */
#include <stdio.h>

#include "cli/cedar/test_suite.h"

struct oracle {
	struct rv_test_suite *s;
	const char *file;
	struct rv_arena arena;
	const struct rv_json *test; /* NAME.json */
	char path[RV_TEST_PATH_SIZE]; /* of it */
	cedar_schema *schema;
	cedar_policies *ps;
	cedar_scratch *scratch;
};

/* ---- the test an oracle is of ---- */

/* NAME.json in the folder or in one of tests below it. */
static bool is_in(struct oracle *o, const char *dir, const char *name, int n)
{
	static const char *const folders[] = { "", "corpus-tests/", "integration/corpus-tests/" };
	for (size_t i = 0; dir && i < RV_COUNT(folders); i++) {
		int size = snprintf(
			o->path, sizeof o->path, "%s/%s%.*s.json", dir, folders[i], n, name);
		if (size > 0 && (size_t)size < sizeof o->path && access(o->path, R_OK) == 0)
			return true;
	}
	return false;
}

/* Beside the oracle, or in a folder of tests beside or above it. */
static enum rv_code find_test(struct oracle *o, const char *suffix, struct rv_err *err)
{
	char dir[RV_TEST_PATH_SIZE];
	const char *slash = strrchr(o->file, '/'), *name = slash ? slash + 1 : o->file;
	int n = (int)(strlen(name) - strlen(suffix));
	snprintf(
		dir, sizeof dir, "%.*s", slash ? (int)(slash - o->file) : 1, slash ? o->file : ".");
	if (is_in(o, o->s->root, name, n))
		return RV_OK;
	for (char *up = NULL;; *up = '\0') {
		if (is_in(o, dir, name, n))
			return RV_OK;
		up = strrchr(dir, '/');
		if (!up)
			break;
	}
	if (is_in(o, ".", name, n))
		return RV_OK;
	return RV_FAIL(err, RV_ENOENT,
		"'%.*s.json' is neither beside it nor in a corpus-tests above; name it with --root",
		n, name);
}

static enum rv_code open_test(struct oracle *o, const char *suffix, struct rv_err *err)
{
	char path[RV_TEST_PATH_SIZE];
	RV_TRY(find_test(o, suffix, err));
	RV_TRY(rv_test_read(&o->arena, o->path, &o->test, err));
	RV_TRY(rv_test_path(o->s, o->path, o->test, "schema", path, err));
	return rv_cedar_load_schema(&o->arena, path, NULL, &o->schema, err);
}

static bool bool_member(const struct rv_json *v, const char *name)
{
	const struct rv_json *m = v ? rv_json_get(v, name) : NULL;
	return rv_json_is(m, RV_JSON_BOOL) && m->boolean;
}

/* ---- policies ---- */

/* Kinds of findings by the words that only messages about them have. */
static const struct {
	const char *words, *code;
} kinds[] = {
	{ "empty set", "empty-set" },
	{ "access to tag", "unguarded-tag" },
	{ "optional attribute", "unguarded-attribute" },
	{ "argument validation", "malformed-literal" },
	{ "non-literal", "constructor-argument" },
	{ "number of arguments", "argument-count" },
	{ "unrecognized entity type", "unknown-entity-type" },
	{ "unrecognized action", "unknown-action" },
	{ "enumerated entity type", "unknown-id" },
	{ "applicable action", "no-applicable-action" },
	{ "unexpected type", "unexpected-type" },
	{ "not compatible", "incompatible-types" },
	{ "getTag", "no-tags" },
	{ "attribute", "unknown-attribute" },
};

static bool has_words(struct rv_str text, struct rv_str words)
{
	for (size_t i = 0; i + words.n <= text.n; i++)
		if (memcmp(text.p + i, words.p, words.n) == 0)
			return true;
	return false;
}

static const char *kind_of(struct rv_str message)
{
	for (size_t i = 0; i < RV_COUNT(kinds); i++)
		if (has_words(message, rv_str_of(kinds[i].words)))
			return kinds[i].code;
	return NULL;
}

static bool is_wanted(const struct rv_json *messages, const char *code)
{
	for (size_t i = 0; rv_json_is(messages, RV_JSON_ARR) && i < messages->n_items; i++) {
		const char *kind = messages->items[i]->type == RV_JSON_STR
			? kind_of(messages->items[i]->str)
			: NULL;
		if (kind && strcmp(kind, code) == 0)
			return true;
	}
	return false;
}

static size_t count_found(const cedar_report *r, size_t policy, const char *code)
{
	size_t n = 0;
	for (size_t i = 0; i < r->n; i++)
		n += !r->diagnostics[i].is_warning && r->diagnostics[i].policy == policy &&
			(!code || strcmp(r->diagnostics[i].code, code) == 0);
	return n;
}

/* The same kinds of findings. How often is not compared: others repeat one that concerns several
 * kinds of request, or both halves of `is … in`. */
static void test_policy(struct oracle *o, const cedar_report *r, size_t i, const char *mode,
	const struct rv_json *want)
{
	char list[40];
	struct rv_str id = rv_cedar_id_of(o->ps, (uint32_t)i);
	size_t found = count_found(r, i, NULL);
	snprintf(list, sizeof list, "%sErrors", mode);
	const struct rv_json *messages = rv_json_get(want, list);
	if ((found == 0) != bool_member(want, mode)) {
		rv_test_note(o->s, o->file, false, "%.*s: %s: %zu errors", RV_FMT(id), mode, found);
		return;
	}
	for (size_t k = 0; k < RV_COUNT(kinds); k++) {
		size_t got = count_found(r, i, kinds[k].code);
		bool wanted = is_wanted(messages, kinds[k].code);
		if ((got > 0) != wanted) {
			rv_test_note(o->s, o->file, false, "%.*s: %s: %s is %sfound", RV_FMT(id),
				mode, kinds[k].code, wanted ? "not " : "");
			return;
		}
	}
	o->s->passed++;
}

static enum rv_code test_mode(
	struct oracle *o, const char *mode, const struct rv_json *want, struct rv_err *err)
{
	const struct rv_json *policies = rv_json_get(want, "perPolicy");
	const cedar_validate_opts opts = { .is_permissive = strcmp(mode, "permissive") == 0,
		.inapplicable_is_warning = o->s->inapplicable_is_warning };
	cedar_error e = { .code = CEDAR_OK };
	cedar_report r;
	if (cedar_validate(o->ps, o->schema, &opts, o->scratch, &r, &e) != CEDAR_OK)
		return rv_cedar_fail(&e, o->path, (cedar_str){ NULL, 0 }, err);
	bool valid = r.n_errors == 0;
	rv_test_note(o->s, o->file, valid == bool_member(want, mode),
		"%s: the policies are %svalid", mode, valid ? "" : "not ");
	for (size_t i = 0; i < cedar_policies_count(o->ps); i++) {
		char id[300];
		snprintf(id, sizeof id, "%.*s", RV_FMT(rv_cedar_id_of(o->ps, (uint32_t)i)));
		const struct rv_json *one = policies ? rv_json_get(policies, id) : NULL;
		if (one)
			test_policy(o, &r, i, mode, one);
	}
	cedar_scratch_clear(o->scratch);
	return RV_OK;
}

static enum rv_code test_policies(struct oracle *o, const struct rv_json *v, struct rv_err *err)
{
	char path[RV_TEST_PATH_SIZE];
	const struct rv_json *want = rv_json_get(v, "policyValidation");
	if (!want)
		return RV_OK;
	RV_TRY(rv_test_path(o->s, o->path, o->test, "policies", path, err));
	RV_TRY(rv_cedar_load_policies(&o->arena, path, false, &o->ps, err));
	RV_TRY(test_mode(o, "strict", want, err));
	return test_mode(o, "permissive", want, err);
}

/* ---- entities ---- */

/* "Type::id", as oracles name an entity. */
static const char *entity_name(struct oracle *o, const struct rv_json *entity)
{
	struct rv_str type, id;
	const struct rv_json *uid = rv_json_get(entity, "uid");
	const struct rv_json *inner = uid ? rv_json_get(uid, "__entity") : NULL;
	if (!uid || rv_test_str(inner ? inner : uid, "type", &type, NULL) != RV_OK ||
		rv_test_str(inner ? inner : uid, "id", &id, NULL) != RV_OK)
		return NULL;
	RV_AUTO_BUF b;
	rv_buf_init(&b, 1 << 16);
	rv_buf_printf(&b, "%.*s::", RV_FMT(type));
	rv_buf_add(&b, id);
	return rv_arena_str(&o->arena, rv_buf_str(&b)).p;
}

/* Whether one entity alone can be read and is what the schema says. */
static bool fits(struct oracle *o, const struct rv_json *entity, cedar_error *e)
{
	RV_AUTO_BUF b;
	struct rv_json_w w;
	cedar_entities *es = NULL;
	rv_buf_init(&b, RV_CEDAR_FILE_MAX);
	rv_buf_addc(&b, '[');
	rv_json_w_init(&w, &b);
	rv_json_w_value(&w, entity);
	rv_buf_addc(&b, ']');
	cedar_code code =
		cedar_entities_parse_json_with(rv_cedar_str(rv_buf_str(&b)), o->schema, &es, e);
	cedar_entities_free(es);
	return code == CEDAR_OK;
}

static void test_entity(
	struct oracle *o, const struct rv_json *entity, const struct rv_json *per_entity)
{
	cedar_error e = { .code = CEDAR_OK };
	const char *name = entity_name(o, entity);
	const struct rv_json *want = name ? rv_json_get(per_entity, name) : NULL;
	if (!want)
		return;
	const struct rv_json *errors = rv_json_get(want, "errors");
	const struct rv_json *success = rv_json_get(want, "success");
	bool wanted = success ? bool_member(want, "success")
			      : !rv_json_is(errors, RV_JSON_ARR) || errors->n_items == 0;
	bool got = fits(o, entity, &e);
	rv_test_note(o->s, o->file, got == wanted, "entity %s: %s", name, got ? "fits" : e.message);
}

static enum rv_code test_entities(
	struct oracle *o, const struct rv_json *per_entity, struct rv_err *err)
{
	char path[RV_TEST_PATH_SIZE];
	const struct rv_json *list;
	if (!rv_json_is(per_entity, RV_JSON_OBJ) || per_entity->n_items == 0)
		return RV_OK;
	RV_TRY(rv_test_path(o->s, o->path, o->test, "entities", path, err));
	RV_TRY(rv_test_read(&o->arena, path, &list, err));
	for (size_t i = 0; rv_json_is(list, RV_JSON_ARR) && i < list->n_items; i++)
		test_entity(o, list->items[i], per_entity);
	return RV_OK;
}

/* ---- requests ---- */

static enum rv_code test_requests(struct oracle *o, const struct rv_json *v, struct rv_err *err)
{
	const struct rv_json *want = rv_json_get(v, "requestValidation");
	const struct rv_json *requests = rv_json_get(o->test, "requests");
	if (!rv_json_is(want, RV_JSON_ARR) || !rv_json_is(requests, RV_JSON_ARR))
		return RV_OK;
	for (size_t i = 0; i < want->n_items && i < requests->n_items; i++) {
		cedar_request rq;
		bool fits;
		RV_TRY(rv_test_request(requests->items[i], o->schema, o->scratch, &rq, &fits, err));
		rv_test_note(o->s, o->file, fits == bool_member(want->items[i], "strict"),
			"request %zu %s the schema", i, fits ? "fits" : "does not fit");
		cedar_scratch_clear(o->scratch);
	}
	return RV_OK;
}

/* ---- whole files ---- */

static void oracle_init(struct oracle *o, struct rv_test_suite *s, const char *file)
{
	*o = (struct oracle){ .s = s, .file = file, .scratch = cedar_scratch_new() };
	rv_assert(o->scratch);
	rv_arena_init(&o->arena, RV_CEDAR_MEMORY_MAX);
}

static void oracle_done(struct oracle *o)
{
	cedar_scratch_free(o->scratch);
	cedar_policies_free(o->ps);
	cedar_schema_free(o->schema);
	rv_arena_done(&o->arena);
}

static enum rv_code run_validation(struct oracle *o, const struct rv_json *v, struct rv_err *err)
{
	const struct rv_json *entities = rv_json_get(v, "entityValidation");
	RV_TRY(open_test(o, ".validation.json", err));
	RV_TRY(test_policies(o, v, err));
	if (entities)
		RV_TRY(test_entities(o, rv_json_get(entities, "perEntity"), err));
	return test_requests(o, v, err);
}

enum rv_code rv_test_validation(
	struct rv_test_suite *s, const char *file, const struct rv_json *v, struct rv_err *err)
{
	struct oracle o;
	oracle_init(&o, s, file);
	enum rv_code code = run_validation(&o, v, err);
	oracle_done(&o);
	return code;
}

static enum rv_code run_parsing(struct oracle *o, const struct rv_json *v, struct rv_err *err)
{
	char path[RV_TEST_PATH_SIZE];
	struct rv_err why = { 0 };
	cedar_entities *es = NULL;
	const struct rv_json *all = rv_json_get(v, "allEntities");
	RV_TRY(open_test(o, ".parsing.json", err));
	RV_TRY(rv_test_path(o->s, o->path, o->test, "entities", path, err));
	bool got = rv_cedar_load_entities(&o->arena, path, o->schema, &es, &why) == RV_OK;
	cedar_entities_free(es);
	rv_test_note(o->s, o->file, got == bool_member(all, "success"), "the entities %s",
		got ? "can be read" : "cannot be read");
	return test_entities(o, rv_json_get(v, "perEntity"), err);
}

enum rv_code rv_test_parsing(
	struct rv_test_suite *s, const char *file, const struct rv_json *v, struct rv_err *err)
{
	struct oracle o;
	oracle_init(&o, s, file);
	enum rv_code code = run_parsing(&o, v, err);
	oracle_done(&o);
	return code;
}
