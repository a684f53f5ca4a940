/* reeve policy …: policy files before and after they are in force. */
#include <stdio.h>

#include "base/file.h"
#include "cli/cli.h"
#include "cli/policy.h"
#include "cli/show.h"

enum { FILE_MAX = 4 << 20, LINES_MAX = 4000 };
static const char *server;
static bool json;
#define COMMON_OPTS                                                             \
	{ "server", 's', RV_OPT_STR, "URL", "where (REEVE_SERVER)", &server },  \
	{                                                                       \
		"json", 0, RV_OPT_FLAG, NULL, "print the answer as JSON", &json \
	}
static const struct rv_str NO_BODY = { NULL, 0 };

struct rv_str rv_policy_file_name(const char *path)
{
	struct rv_str s = rv_str_of(path);
	for (size_t i = s.n; i-- > 0;)
		if (s.p[i] == '/') {
			s = rv_str_sub(s, i + 1, s.n);
			break;
		}
	return rv_str_ends(s, RV_STR(".cedar")) ? rv_str_sub(s, 0, s.n - 6) : s;
}

static enum rv_code get_policy(struct rv_client *c, const char *name, int64_t version,
	const struct rv_json **ret, struct rv_err *err)
{
	const char *path = version > 0
		? rv_arena_printf(&c->arena, "/v1/policies/%s?version=%lld", rv_client_seg(c, name),
			  (long long)version)
		: rv_arena_printf(&c->arena, "/v1/policies/%s", rv_client_seg(c, name));
	return rv_client_call(c, RV_HTTP_GET, path ? path : "", NO_BODY, ret, err);
}

/* ---- showing ---- */

static void print_versions(struct rv_client *c, const struct rv_json *v, const char *list)
{
	static const char *const heads[] = { "NAME", "VERSION", "STATE", "AUTHOR", "WHEN",
		"DECIDED BY" };
	struct rv_grid g;
	size_t n;
	const struct rv_json *const *items = rv_jarr(v, list, &n);
	rv_grid_init(&g, &c->arena, RV_COUNT(heads));
	for (size_t i = 0; i < RV_COUNT(heads); i++)
		rv_grid_add(&g, rv_str_of(heads[i]));
	for (size_t i = 0; i < n; i++) {
		const char *number =
			rv_arena_printf(&c->arena, "%lld", (long long)rv_jint(items[i], "version"));
		const struct rv_str cells[] = { rv_jstr(items[i], "name"),
			rv_str_of(number ? number : ""), rv_jstr(items[i], "state"),
			rv_jstr(items[i], "author"), rv_jstr(items[i], "created"),
			rv_jstr(items[i], "decided_by") };
		for (size_t k = 0; k < RV_COUNT(cells); k++)
			rv_grid_add(&g, cells[k]);
	}
	rv_grid_print(&g);
}

static int show_versions(
	const struct rv_usage *u, int argc, char **argv, const char *form, const char *list)
{
	struct rv_err err = { 0 };
	struct rv_client c;
	const struct rv_json *v;
	int n, status = rv_cli_parse(u, argc, argv, &n);
	if (status != RV_CLI_GO)
		return status;
	enum rv_code code = rv_client_open(&c, server, &err);
	if (code == RV_OK) {
		const char *path =
			rv_arena_printf(&c.arena, form, n > 0 ? rv_client_seg(&c, argv[1]) : "");
		code = rv_client_call(&c, RV_HTTP_GET, path ? path : "", NO_BODY, &v, &err);
	}
	status = code == RV_OK ? 0 : rv_cli_fail(u->name, &err);
	if (code == RV_OK && json)
		rv_print_json(v);
	else if (code == RV_OK)
		print_versions(&c, v, list);
	rv_client_done(&c);
	return status;
}

static int cmd_list(int argc, char **argv)
{
	static const struct rv_opt opts[] = { COMMON_OPTS };
	static const struct rv_usage u = { "policy list", "", "policy files in force and proposed",
		"  reeve policy list", opts, RV_COUNT(opts), 0, 0 };
	return show_versions(&u, argc, argv, "/v1/policies%s", "policies");
}

static int cmd_history(int argc, char **argv)
{
	static const struct rv_opt opts[] = { COMMON_OPTS };
	static const struct rv_usage u = { "policy history", "NAME",
		"every version of a policy file, newest first",
		"  reeve policy history acme\n  reeve policy diff acme 3 4", opts, RV_COUNT(opts),
		1, 1 };
	return show_versions(&u, argc, argv, "/v1/policies/%s/history", "versions");
}

static int cmd_show(int argc, char **argv)
{
	static int64_t version;
	static const struct rv_opt opts[] = {
		{ "version", 0, RV_OPT_INT, "N", "that version (else the one in force)", &version },
		COMMON_OPTS,
	};
	static const struct rv_usage u = { "policy show", "NAME", "the text of a policy file",
		"  reeve policy show acme\n  reeve policy show acme --version 3 > acme.cedar", opts,
		RV_COUNT(opts), 1, 1 };
	struct rv_err err = { 0 };
	struct rv_client c;
	const struct rv_json *v;
	int n, status = rv_cli_parse(&u, argc, argv, &n);
	if (status != RV_CLI_GO)
		return status;
	enum rv_code code = rv_client_open(&c, server, &err);
	if (code == RV_OK)
		code = get_policy(&c, argv[1], version, &v, &err);
	status = code == RV_OK ? 0 : rv_cli_fail(u.name, &err);
	if (code == RV_OK && json)
		rv_print_json(v);
	else if (code == RV_OK)
		printf("%.*s", RV_FMT(rv_jstr(v, "text")));
	rv_client_done(&c);
	return status;
}

static int cmd_new(int argc, char **argv)
{
	static const struct rv_opt opts[] = { COMMON_OPTS };
	static const struct rv_usage u = { "policy new", "SYSTEM",
		"the policy that a system's profile asks for, as Cedar to read and publish",
		"Made of 'actions' and 'access' in its manifest (docs/manifests.md). Patterns of "
		"access become the resources of the\ncatalogue that they reach now.\n\n"
		"  reeve policy new deploy-bot > deploy-bot.cedar\n"
		"  reeve policy replay --with deploy-bot.cedar\n"
		"  reeve policy publish deploy-bot.cedar",
		opts, RV_COUNT(opts), 1, 1 };
	struct rv_err err = { 0 };
	struct rv_client c;
	const struct rv_json *v;
	int n, status = rv_cli_parse(&u, argc, argv, &n);
	if (status != RV_CLI_GO)
		return status;
	enum rv_code code = rv_client_open(&c, server, &err);
	if (code == RV_OK) {
		const char *path = rv_arena_printf(
			&c.arena, "/v1/systems/%s/policy", rv_client_seg(&c, argv[1]));
		code = rv_client_call(&c, RV_HTTP_GET, path ? path : "", NO_BODY, &v, &err);
	}
	status = code == RV_OK ? 0 : rv_cli_fail(u.name, &err);
	if (code == RV_OK && json)
		rv_print_json(v);
	else if (code == RV_OK)
		printf("%.*s", RV_FMT(rv_jstr(v, "text")));
	rv_client_done(&c);
	return status;
}

/* ---- diff ---- */

struct lines {
	struct rv_str v[LINES_MAX];
	size_t n;
};

static bool split(struct rv_str text, struct lines *ret)
{
	ret->n = 0;
	if (rv_str_ends(text, RV_STR("\n")))
		text.n--;
	for (struct rv_str line; rv_str_split(&text, '\n', &line);) {
		if (ret->n == LINES_MAX)
			return false;
		ret->v[ret->n++] = line;
	}
	return true;
}

static void put_line(char mark, struct rv_str line)
{
	printf("%s%c", rv_colour(mark == '+' ? RV_GREEN : mark == '-' ? RV_RED : RV_DIM), mark);
	rv_show(line);
	printf("%s\n", rv_colour(RV_PLAIN));
}

/* The longest common run of lines, by the book; files of policies are short. */
static bool print_diff(struct rv_client *c, const struct lines *a, const struct lines *b)
{
	size_t w = b->n + 1;
	uint16_t *len = rv_arena_array(&c->arena, (a->n + 1) * w, sizeof *len);
	bool any = false;
	if (!len)
		return false;
	for (size_t i = a->n; i-- > 0;)
		for (size_t k = b->n; k-- > 0;) {
			uint16_t down = len[(i + 1) * w + k], right = len[i * w + k + 1];
			len[i * w + k] = rv_str_eq(a->v[i], b->v[k])
				? (uint16_t)(len[(i + 1) * w + k + 1] + 1)
				: down > right ? down
					       : right;
		}
	for (size_t i = 0, k = 0; i < a->n || k < b->n;) {
		if (i < a->n && k < b->n && rv_str_eq(a->v[i], b->v[k])) {
			put_line(' ', a->v[i]);
			i++, k++;
		} else if (k == b->n || (i < a->n && len[(i + 1) * w + k] >= len[i * w + k + 1])) {
			put_line('-', a->v[i++]);
			any = true;
		} else {
			put_line('+', b->v[k++]);
			any = true;
		}
	}
	if (!any)
		printf("No difference.\n");
	return true;
}

static enum rv_code text_of(struct rv_client *c, const char *name, const char *word,
	struct rv_str *ret, struct rv_err *err)
{
	const struct rv_json *v;
	int64_t version = 0;
	if (word && !rv_str_i64(rv_str_of(word), &version))
		return rv_file_read(&c->arena, word, FILE_MAX, ret, err);
	RV_TRY(get_policy(c, name, version, &v, err));
	*ret = rv_jstr(v, "text");
	return RV_OK;
}

static int cmd_diff(int argc, char **argv)
{
	static const struct rv_opt opts[] = { COMMON_OPTS };
	static const struct rv_usage u = { "policy diff", "NAME FILE | NAME VERSION [VERSION]",
		"what differs between a file, a version and what is in force",
		"One word behind the name is held against what is in force; two against each "
		"other.\nExit status 0, whether or not anything differs.\n\n"
		"  reeve policy diff acme acme.cedar\n  reeve policy diff acme 3 4",
		opts, RV_COUNT(opts), 2, 3 };
	struct rv_err err = { 0 };
	struct rv_client c;
	struct rv_str from = { NULL, 0 }, to = { NULL, 0 };
	int n, status = rv_cli_parse(&u, argc, argv, &n);
	if (status != RV_CLI_GO)
		return status;
	enum rv_code code = rv_client_open(&c, server, &err);
	if (code == RV_OK)
		code = text_of(&c, argv[1], n == 3 ? argv[2] : NULL, &from, &err);
	if (code == RV_OK)
		code = text_of(&c, argv[1], argv[n == 3 ? 3 : 2], &to, &err);
	struct lines *a = code == RV_OK ? rv_arena_alloc(&c.arena, sizeof *a) : NULL;
	struct lines *b = code == RV_OK ? rv_arena_alloc(&c.arena, sizeof *b) : NULL;
	if (code == RV_OK && (!a || !b || !split(from, a) || !split(to, b)))
		code = RV_FAIL(&err, RV_ELIMIT, "more than %d lines", LINES_MAX);
	if (code == RV_OK && json) {
		static const char *const names[] = { "from", "to" };
		const struct rv_str values[] = { from, to };
		rv_print_object(names, values, 2);
	} else if (code == RV_OK && !print_diff(&c, a, b)) {
		code = RV_FAIL(&err, RV_ELIMIT, "too long to compare");
	}
	status = code == RV_OK ? 0 : rv_cli_fail(u.name, &err);
	rv_client_done(&c);
	return status;
}

/* ---- lint, publish, rollback: the way of reeve apply ---- */

static void begin_apply(struct rv_json_w *w, struct rv_buf *b, bool dry_run)
{
	rv_json_w_init(w, b);
	rv_json_w_obj(w);
	rv_json_w_kv_bool(w, "dry_run", dry_run);
	rv_json_w_name(w, "sources");
	rv_json_w_arr(w);
}

static void add_source(struct rv_json_w *w, const char *path, struct rv_str text)
{
	rv_json_w_obj(w);
	rv_json_w_kv_strz(w, "path", path);
	rv_json_w_kv_str(w, "text", text);
	rv_json_w_obj_end(w);
}

static enum rv_code send_apply(
	struct rv_client *c, struct rv_json_w *w, const struct rv_json **ret, struct rv_err *err)
{
	rv_json_w_arr_end(w);
	rv_json_w_obj_end(w);
	RV_TRY(rv_buf_ok(w->out, err));
	return rv_client_call(c, RV_HTTP_POST, "/v1/apply", rv_buf_str(w->out), ret, err);
}

static enum rv_code apply_files(struct rv_client *c, char **paths, int n, bool dry_run,
	const struct rv_json **ret, struct rv_err *err)
{
	RV_AUTO_BUF b;
	struct rv_json_w w;
	rv_buf_init(&b, 8 << 20);
	begin_apply(&w, &b, dry_run);
	for (int i = 0; i < n; i++) {
		struct rv_str text;
		if (!rv_str_ends(rv_str_of(paths[i]), RV_STR(".cedar")))
			return RV_FAIL(err, RV_EINVAL, "'%s' does not end in .cedar", paths[i]);
		RV_TRY(rv_file_read(&c->arena, paths[i], FILE_MAX, &text, err));
		if (!rv_str_is_utf8(text))
			return RV_FAIL(err, RV_EINVAL, "'%s' is not UTF-8", paths[i]);
		add_source(&w, paths[i], text);
	}
	return send_apply(c, &w, ret, err);
}

static int run_files(const struct rv_usage *u, int argc, char **argv, bool dry_run)
{
	struct rv_err err = { 0 };
	struct rv_client c;
	const struct rv_json *v;
	int n, status = rv_cli_parse(u, argc, argv, &n);
	if (status != RV_CLI_GO)
		return status;
	enum rv_code code = rv_client_open(&c, server, &err);
	if (code == RV_OK)
		code = apply_files(&c, argv + 1, n, dry_run, &v, &err);
	status = code == RV_OK ? 0 : rv_cli_fail(u->name, &err);
	if (code == RV_OK && json)
		rv_print_json(v);
	else if (code == RV_OK)
		rv_show_apply(v);
	rv_client_done(&c);
	return status;
}

static int cmd_lint(int argc, char **argv)
{
	static const struct rv_opt opts[] = { COMMON_OPTS };
	static const struct rv_usage u = { "policy lint", "FILE...",
		"hold policy files against the schema, the groups and the set in force",
		"Errors and warnings as publishing would give them, and what would change; nothing "
		"is changed.\n\n"
		"  reeve policy lint policies/*.cedar",
		opts, RV_COUNT(opts), 1, -1 };
	return run_files(&u, argc, argv, true);
}

static int cmd_publish(int argc, char **argv)
{
	static const struct rv_opt opts[] = { COMMON_OPTS };
	static const struct rv_usage u = { "policy publish", "FILE...",
		"bring policy files into force",
		"All or nothing. What widens (a permit more, a forbid less) waits for another "
		"person; what narrows holds at once.\nThe file's name is the policy's.\n\n"
		"  reeve policy publish policies/acme.cedar",
		opts, RV_COUNT(opts), 1, -1 };
	return run_files(&u, argc, argv, false);
}

static int cmd_rollback(int argc, char **argv)
{
	static const struct rv_opt opts[] = { COMMON_OPTS };
	static const struct rv_usage u = { "policy rollback", "NAME VERSION",
		"publish the text of an earlier version again",
		"It becomes a new version, and is held to the same rules: where it widens, it "
		"waits for another person.\n\n"
		"  reeve policy history acme\n  reeve policy rollback acme 3",
		opts, RV_COUNT(opts), 2, 2 };
	struct rv_err err = { 0 };
	struct rv_client c;
	const struct rv_json *v;
	int64_t version;
	int n, status = rv_cli_parse(&u, argc, argv, &n);
	if (status != RV_CLI_GO)
		return status;
	if (!rv_str_i64(rv_str_of(argv[2]), &version) || version < 1)
		return rv_cli_bad(u.name, "'%s' is no version", argv[2]);
	RV_AUTO_BUF b;
	struct rv_json_w w;
	rv_buf_init(&b, 8 << 20);
	enum rv_code code = rv_client_open(&c, server, &err);
	if (code == RV_OK)
		code = get_policy(&c, argv[1], version, &v, &err);
	if (code == RV_OK) {
		const char *path = rv_arena_printf(&c.arena, "%s.cedar", argv[1]);
		begin_apply(&w, &b, false);
		add_source(&w, path ? path : "", rv_jstr(v, "text"));
		code = send_apply(&c, &w, &v, &err);
	}
	status = code == RV_OK ? 0 : rv_cli_fail(u.name, &err);
	if (code == RV_OK && json)
		rv_print_json(v);
	else if (code == RV_OK)
		rv_show_apply(v);
	rv_client_done(&c);
	return status;
}

int rv_cmd_policy(int argc, char **argv)
{
	static const struct rv_sub subs[] = {
		{ "new", cmd_new, "a first one, made of a system's profile" },
		{ "list", cmd_list, "files in force and proposed" },
		{ "show", cmd_show, "the text of one" },
		{ "history", cmd_history, "its versions" },
		{ "diff", cmd_diff, "what differs between two" },
		{ "lint", cmd_lint, "what publishing would say" },
		{ "test", rv_cmd_policy_test, "run tests of policies" },
		{ "simulate", rv_cmd_policy_simulate, "what would be said of one request" },
		{ "replay", rv_cmd_policy_replay, "what would change of what was recorded" },
		{ "publish", cmd_publish, "bring files into force" },
		{ "rollback", cmd_rollback, "an earlier version again" },
	};
	return rv_cli_subs("policy", "policy files, before and after they are in force", subs,
		RV_COUNT(subs), argc, argv);
}
