/* reeve cedar test: files in the formats of the public integration tests. */
#include <stdarg.h>
#include <stdio.h>

#include "cli/cedar/test_suite.h"

void rv_test_note(struct rv_test_suite *s, const char *file, bool passed, const char *fmt, ...)
{
	if (passed) {
		s->passed++;
		return;
	}
	va_list ap;
	s->failed++;
	printf("failed: %s: ", file);
	va_start(ap, fmt);
	(void)vprintf(fmt, ap); /* as printf */
	va_end(ap);
	printf("\n");
}

enum rv_code rv_test_read(
	struct rv_arena *a, const char *path, const struct rv_json **ret, struct rv_err *err)
{
	static const struct rv_json_limits limits = { .max_bytes = RV_CEDAR_FILE_MAX };
	struct rv_str text;
	RV_TRY(rv_file_read(a, path, RV_CEDAR_FILE_MAX, &text, err));
	return rv_json_parse(a, text, &limits, ret, err);
}

enum rv_code rv_test_str(
	const struct rv_json *v, const char *name, struct rv_str *ret, struct rv_err *err)
{
	const struct rv_json *m = rv_json_get(v, name);
	if (!rv_json_is(m, RV_JSON_STR))
		return RV_FAIL_AT(
			err, RV_EINVAL, NULL, v->line, v->col, "'%s' must be a string", name);
	*ret = m->str;
	return RV_OK;
}

static bool is_there(char out[RV_TEST_PATH_SIZE], const char *dir, struct rv_str rel)
{
	int n = snprintf(out, RV_TEST_PATH_SIZE, "%s%s%.*s", dir, dir[0] ? "/" : "", RV_FMT(rel));
	return n < RV_TEST_PATH_SIZE && access(out, R_OK) == 0;
}

/* In a folder above the file, in the current one, or by its bare name beside the file. */
enum rv_code rv_test_path(const struct rv_test_suite *s, const char *file, const struct rv_json *v,
	const char *member, char path[RV_TEST_PATH_SIZE], struct rv_err *err)
{
	char dir[RV_TEST_PATH_SIZE];
	struct rv_str rel;
	RV_TRY(rv_test_str(v, member, &rel, err));
	if (s->root && is_there(path, s->root, rel))
		return RV_OK;
	snprintf(dir, sizeof dir, "%s", file);
	for (char *slash = strrchr(dir, '/'); slash; slash = strrchr(dir, '/')) {
		*slash = '\0';
		if (is_there(path, dir, rel))
			return RV_OK;
	}
	if (is_there(path, "", rel))
		return RV_OK;
	const char *own = strrchr(file, '/');
	struct rv_str bare = rel;
	for (size_t i = 0; i < rel.n; i++)
		if (rel.p[i] == '/')
			bare = rv_str_n(rel.p + i + 1, rel.n - i - 1);
	snprintf(dir, sizeof dir, "%.*s", own ? (int)(own - file) : 0, file);
	if (is_there(path, dir, bare))
		return RV_OK;
	return RV_FAIL(err, RV_ENOENT, "'%.*s' is in no folder above '%s'; name it with --root",
		RV_FMT(rel), file);
}

static enum rv_code test_file(struct rv_test_suite *s, const char *file, struct rv_err *err)
{
	RV_AUTO_ARENA a;
	const struct rv_json *v;
	struct rv_str name = rv_str_of(file);
	rv_arena_init(&a, RV_CEDAR_MEMORY_MAX);
	RV_TRY(rv_test_read(&a, file, &v, err));
	if (rv_str_ends(name, RV_STR(".validation.json")))
		return rv_test_validation(s, file, v, err);
	if (rv_str_ends(name, RV_STR(".parsing.json")))
		return rv_test_parsing(s, file, v, err);
	return rv_test_integration(s, file, v, err);
}

int rv_cmd_cedar_test(int argc, char **argv)
{
	static struct rv_test_suite s;
	static const struct rv_opt opts[] = {
		{ "root", 0, RV_OPT_STR, "DIR", "where the files' relative paths begin", &s.root },
		{ "no-schema", 0, RV_OPT_FLAG, NULL, "leave the files' schemas aside",
			&s.no_schema },
		{ "inapplicable-warning", 0, RV_OPT_FLAG, NULL,
			"a scope that no action applies to is a warning, as of 4.13",
			&s.inapplicable_is_warning },
	};
	static const struct rv_usage u = { "cedar test", "FILE…", "run integration-test files",
		"A file names policies, entities and perhaps a schema, and requests with their "
		"expected decision, reasons and errors; each request counts. A file without "
		"requests counts for whether its policies are valid.\n"
		"NAME.validation.json says what a validator finds in NAME.json: each policy in "
		"either mode, each entity and each request counts. NAME.parsing.json says which "
		"entities can be read.\n"
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
