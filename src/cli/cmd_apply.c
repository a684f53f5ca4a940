/* reeve apply: manifests from files and folders, all or nothing. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/file.h"
#include "cli/cli.h"
#include "cli/show.h"

enum { FILES_MAX = 1000, FILE_BYTES_MAX = 1 << 20, DEPTH_MAX = 8, VALUE_SHOWN = 100 };

struct files {
	struct rv_arena *arena;
	const char *paths[FILES_MAX];
	size_t n;
};

static bool is_manifest(const char *name)
{
	struct rv_str s = rv_str_of(name);
	return rv_str_ends(s, RV_STR(".yaml")) || rv_str_ends(s, RV_STR(".yml")) ||
		rv_str_ends(s, RV_STR(".json")) || rv_str_ends(s, RV_STR(".cedar"));
}

static enum rv_code add_file(struct files *f, const char *path, struct rv_err *err)
{
	if (f->n == FILES_MAX)
		return RV_FAIL(err, RV_ELIMIT, "more than %d files", FILES_MAX);
	f->paths[f->n] = rv_arena_str(f->arena, rv_str_of(path)).p;
	return f->paths[f->n++] ? RV_OK : RV_FAIL_ARENA(err);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static enum rv_code walk(struct files *f, const char *path, unsigned depth, struct rv_err *err)
{
	struct stat st;
	if (stat(path, &st) != 0)
		return RV_FAIL(err, RV_ENOENT, "cannot open '%s': %s", path, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return add_file(f, path, err);
	if (depth > DEPTH_MAX)
		return RV_FAIL(
			err, RV_ELIMIT, "'%s': folders nest more than %d deep", path, DEPTH_MAX);
	DIR *d = opendir(path);
	if (!d)
		return RV_FAIL(err, RV_EPERM, "cannot open '%s': %s", path, strerror(errno));
	const char *names[FILES_MAX];
	size_t n = 0;
	enum rv_code code = RV_OK;
	struct dirent *e;
	while (code == RV_OK && (e = readdir(d))) {
		bool is_dir = e->d_type == DT_DIR;
		if (e->d_name[0] == '.' || (!is_dir && !is_manifest(e->d_name)))
			continue;
		if (n == FILES_MAX)
			code = RV_FAIL(
				err, RV_ELIMIT, "'%s' holds more than %d files", path, FILES_MAX);
		else if (!(names[n++] = rv_arena_printf(f->arena, "%s/%s", path, e->d_name)))
			code = RV_FAIL_ARENA(err);
	}
	(void)closedir(d); /* read only */
	qsort(names, n, sizeof *names, by_name);
	for (size_t i = 0; code == RV_OK && i < n; i++)
		code = walk(f, names[i], depth + 1, err);
	return code;
}

static enum rv_code build_body(
	struct files *f, bool dry_run, bool submit, struct rv_buf *out, struct rv_err *err)
{
	struct rv_json_w w;
	rv_json_w_init(&w, out);
	rv_json_w_obj(&w);
	rv_json_w_kv_bool(&w, "dry_run", dry_run);
	rv_json_w_kv_bool(&w, "submit", submit);
	rv_json_w_name(&w, "sources");
	rv_json_w_arr(&w);
	for (size_t i = 0; i < f->n; i++) {
		struct rv_str text;
		RV_TRY(rv_file_read(f->arena, f->paths[i], FILE_BYTES_MAX, &text, err));
		if (!rv_str_is_utf8(text))
			return RV_FAIL(err, RV_EINVAL, "'%s' is not UTF-8", f->paths[i]);
		rv_json_w_obj(&w);
		rv_json_w_kv_strz(&w, "path", f->paths[i]);
		rv_json_w_kv_str(&w, "text", text);
		rv_json_w_obj_end(&w);
	}
	rv_json_w_arr_end(&w);
	rv_json_w_obj_end(&w);
	return rv_buf_ok(out, err);
}

static void put_value(const struct rv_json *v)
{
	RV_AUTO_BUF b, safe;
	rv_buf_init(&b, 1 << 20);
	rv_buf_init(&safe, 1 << 20);
	struct rv_json_w w;
	rv_json_w_init(&w, &b);
	if (v)
		rv_json_w_value(&w, v);
	rv_put_safe(&safe, rv_buf_str(&b));
	if (safe.n <= VALUE_SHOWN)
		printf("%.*s", RV_FMT(rv_buf_str(&safe)));
	else
		printf("%.*s… (%zu bytes; --json shows all)", VALUE_SHOWN, safe.p, safe.n);
}

static void print_warnings(const struct rv_json *it)
{
	size_t n;
	const struct rv_json *const *list = rv_jarr(it, "warnings", &n);
	for (size_t i = 0; i < n; i++) {
		RV_AUTO_BUF safe;
		rv_buf_init(&safe, 1 << 16);
		rv_put_safe(&safe, rv_json_is(list[i], RV_JSON_STR) ? list[i]->str : RV_STR(""));
		printf("    %swarning%s %s\n", rv_colour(RV_YELLOW), rv_colour(RV_PLAIN),
			rv_buf_z(&safe));
	}
}

void rv_show_fields(const struct rv_json *v)
{
	size_t n;
	const struct rv_json *const *fields = rv_jarr(v, "fields", &n);
	for (size_t i = 0; i < n; i++) {
		printf("    %.*s: ", RV_FMT(rv_jstr(fields[i], "path")));
		put_value(rv_json_get(fields[i], "from"));
		printf(" -> ");
		put_value(rv_json_get(fields[i], "to"));
		printf("%s\n", rv_jbool(fields[i], "widens") ? "  (widens)" : "");
	}
}

static void print_item(const struct rv_json *it)
{
	static const struct {
		const char *word, *mark;
		enum rv_colour colour;
	} marks[] = { { "created", "+", RV_GREEN }, { "changed", "~", RV_YELLOW },
		{ "pending", "?", RV_YELLOW }, { "unchanged", "=", RV_DIM } };
	struct rv_str result = rv_jstr(it, "result");
	for (size_t i = 0; i < RV_COUNT(marks); i++)
		if (rv_str_eqz(result, marks[i].word))
			printf("%s%s %.*s %.*s%s", rv_colour(marks[i].colour), marks[i].mark,
				RV_FMT(rv_jstr(it, "kind")), RV_FMT(rv_jstr(it, "name")),
				rv_colour(RV_PLAIN));
	if (rv_jstr(it, "change").n > 0)
		printf("  (waits for another person: %.*s)", RV_FMT(rv_jstr(it, "change")));
	if (rv_jbool(it, "unseparated"))
		printf("  %s[unseparated]%s", rv_colour(RV_RED), rv_colour(RV_PLAIN));
	printf("\n");
	if (!rv_str_eqz(result, "created"))
		rv_show_fields(it);
	print_warnings(it);
}

void rv_show_apply(const struct rv_json *v)
{
	size_t n;
	const struct rv_json *const *items = rv_jarr(v, "items", &n);
	for (size_t i = 0; i < n; i++)
		if (!rv_str_eqz(rv_jstr(items[i], "result"), "unchanged"))
			print_item(items[i]);
	printf("%s%lld created, %lld changed, %lld unchanged, %lld waiting for another person.\n",
		rv_jbool(v, "dry_run") ? "Dry run, nothing was changed: " : "",
		(long long)rv_jint(v, "created"), (long long)rv_jint(v, "changed"),
		(long long)rv_jint(v, "unchanged"), (long long)rv_jint(v, "pending"));
}

int rv_cmd_apply(int argc, char **argv)
{
	static struct rv_opt_list paths;
	static bool dry_run, submit, json;
	static const char *server;
	static const struct rv_opt opts[] = {
		{ "file", 'f', RV_OPT_LIST, "PATH",
			"a file or a folder of *.yaml, *.json, *.cedar, *.csv; '-' is standard "
			"input",
			&paths },
		{ "dry-run", 'n', RV_OPT_FLAG, NULL, "show what would change, change nothing",
			&dry_run },
		{ "submit", 0, RV_OPT_FLAG, NULL, "submit new and changed systems for approval",
			&submit },
		{ "server", 's', RV_OPT_STR, "URL", "where (REEVE_SERVER)", &server },
		{ "json", 0, RV_OPT_FLAG, NULL, "print the answer as JSON", &json },
	};
	static const struct rv_usage u = { "apply", "",
		"bring registry, policies and people to what files say",
		"All or nothing: one mistake in one file and nothing is changed. What widens "
		"access waits for another person;\n"
		"what narrows holds at once. The format is in docs/manifests.md.\n\n"
		"  reeve apply -f examples/acme/ --dry-run\n"
		"  reeve apply -f examples/acme/ --submit",
		opts, RV_COUNT(opts), 0, 0 };
	struct rv_err err = { 0 };
	struct rv_client c;
	const struct rv_json *v;
	int n, status = rv_cli_parse(&u, argc, argv, &n);
	if (status != RV_CLI_GO)
		return status;
	if (paths.n == 0)
		return rv_cli_bad(u.name, "which files? -f PATH");
	RV_AUTO_BUF body;
	rv_buf_init(&body, 8 << 20);
	enum rv_code code = rv_client_open(&c, server, &err);
	struct files *f = code == RV_OK ? rv_arena_alloc(&c.arena, sizeof *f) : NULL;
	if (f) {
		f->arena = &c.arena;
		for (size_t i = 0; code == RV_OK && i < paths.n; i++)
			code = strcmp(paths.v[i], "-") == 0 ? add_file(f, "-", &err)
							    : walk(f, paths.v[i], 0, &err);
		if (code == RV_OK && f->n == 0)
			code = RV_FAIL(&err, RV_ENOENT, "no *.yaml, *.json or *.cedar file there");
		if (code == RV_OK)
			code = build_body(f, dry_run, submit, &body, &err);
		if (code == RV_OK)
			code = rv_client_call(
				&c, RV_HTTP_POST, "/v1/apply", rv_buf_str(&body), &v, &err);
	}
	if (code != RV_OK)
		status = rv_cli_fail(u.name, &err);
	else if (json)
		rv_print_json(v);
	else
		rv_show_apply(v);
	rv_client_done(&c);
	return code == RV_OK ? 0 : status;
}
