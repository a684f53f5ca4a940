/* What a tool call amounts to. The hosts name their tools differently; a name that is in no row is
 * Tool/NAME. */
#include "points/hook/hook.h"

enum kind { K_SHELL, K_READ, K_WRITE, K_FETCH, K_PATCH };
static const struct {
	const char *tool;
	enum kind kind;
	const char *param, *other; /* what holds what it acts on */
} tools[] = {
	{ "Bash", K_SHELL, "command", "cmd" },
	{ "bash", K_SHELL, "command", "cmd" },
	{ "Shell", K_SHELL, "command", "cmd" },
	{ "shell", K_SHELL, "command", "cmd" },
	{ "exec_command", K_SHELL, "cmd", "command" },
	{ "local_shell", K_SHELL, "command", "cmd" },
	{ "run_shell_command", K_SHELL, "command", "cmd" },
	{ "Read", K_READ, "file_path", "path" },
	{ "view", K_READ, "path", "file_path" },
	{ "read_file", K_READ, "file_path", "absolute_path" },
	{ "NotebookRead", K_READ, "notebook_path", "path" },
	{ "Glob", K_READ, "path", "pattern" },
	{ "Grep", K_READ, "path", "pattern" },
	{ "LS", K_READ, "path", "file_path" },
	{ "list_directory", K_READ, "path", "dir_path" },
	{ "Write", K_WRITE, "file_path", "path" },
	{ "Edit", K_WRITE, "file_path", "path" },
	{ "MultiEdit", K_WRITE, "file_path", "path" },
	{ "NotebookEdit", K_WRITE, "notebook_path", "path" },
	{ "create", K_WRITE, "path", "file_path" },
	{ "edit", K_WRITE, "path", "file_path" },
	{ "str_replace", K_WRITE, "path", "file_path" },
	{ "write_file", K_WRITE, "file_path", "path" },
	{ "replace", K_WRITE, "file_path", "path" },
	{ "Delete", K_WRITE, "file_path", "path" },
	{ "WebFetch", K_FETCH, "url", "prompt" },
	{ "web_fetch", K_FETCH, "url", "prompt" },
	{ "apply_patch", K_PATCH, "command", "input" },
};

struct maker {
	struct rv_arena *a;
	const struct rv_hook_event *e;
	struct rv_hook_act *acts;
	size_t *n;
	struct rv_err *err;
};

static enum rv_code put(struct maker *m, const char *action, const char *type, struct rv_str id,
	const struct rv_json *args)
{
	if (*m->n == RV_HOOK_ACTS_MAX)
		return RV_FAIL(m->err, RV_ELIMIT, "one tool call does more than %d things",
			RV_HOOK_ACTS_MAX);
	if (id.n == 0 || id.n > 2048)
		return RV_FAIL(m->err, RV_EINVAL, "tool '%.*s': what it acts on has no usable name",
			RV_FMT(m->e->tool));
	m->acts[(*m->n)++] = (struct rv_hook_act){ action, type, id, args };
	return RV_OK;
}

/* ---- paths ---- */

/* Absolute, without "." and ".." and doubled slashes: two spellings of a file are one resource.
 * Links are not followed: the kernel knows what they lead to, a policy on names does not. */
static enum rv_code clean_path(struct maker *m, struct rv_str path, struct rv_str *ret)
{
	RV_AUTO_BUF b = { 0 };
	rv_buf_init(&b, 8192);
	struct rv_str bases[2] = { m->e->cwd, path };
	if (path.n > 0 && path.p[0] == '/')
		bases[0] = RV_STR("/");
	if (bases[0].n == 0 || bases[0].p[0] != '/')
		return RV_FAIL(m->err, RV_EINVAL,
			"'%.*s' is no absolute path, and the host says no folder", RV_FMT(path));
	for (size_t i = 0; i < 2; i++) {
		struct rv_str rest = bases[i], part;
		while (rv_str_split(&rest, '/', &part)) {
			if (part.n == 0 || rv_str_eqz(part, "."))
				continue;
			if (rv_str_eqz(part, "..")) {
				while (b.n > 0 && b.p[--b.n] != '/')
					;
				continue;
			}
			rv_buf_addc(&b, '/');
			rv_buf_add(&b, part);
		}
	}
	if (b.n == 0)
		rv_buf_addc(&b, '/');
	RV_TRY(rv_buf_ok(&b, m->err));
	*ret = rv_arena_str(m->a, rv_buf_str(&b));
	return ret->p ? RV_OK : RV_FAIL_ARENA(m->err);
}

static enum rv_code put_file(struct maker *m, enum kind kind, struct rv_str path)
{
	struct rv_str clean;
	RV_TRY(clean_path(m, path, &clean));
	return put(m, kind == K_READ ? "read" : "write", "File", clean, m->e->input);
}

/* ---- shell ---- */

static enum rv_code arguments_of(struct maker *m, const struct rv_hook_command *c,
	struct rv_str line, const struct rv_json **ret)
{
	RV_AUTO_BUF b = { 0 };
	struct rv_json_w w;
	rv_buf_init(&b, 1 << 20);
	rv_json_w_init(&w, &b);
	rv_json_w_obj(&w);
	rv_json_w_kv_str(&w, "line", line);
	rv_json_w_name(&w, "argv");
	rv_json_w_arr(&w);
	for (size_t i = 0; i < c->n_words; i++)
		rv_json_w_str(&w, c->words[i]);
	rv_json_w_arr_end(&w);
	rv_json_w_kv_bool(&w, "vague", c->is_vague);
	if (m->e->cwd.n)
		rv_json_w_kv_str(&w, "cwd", m->e->cwd);
	rv_json_w_obj_end(&w);
	RV_TRY(rv_buf_ok(&b, m->err));
	struct rv_str text = rv_arena_str(m->a, rv_buf_str(&b));
	return text.p ? rv_json_parse(m->a, text, NULL, ret, m->err) : RV_FAIL_ARENA(m->err);
}

static enum rv_code put_line(struct maker *m, struct rv_str line)
{
	struct rv_hook_command *cmds = rv_arena_array(m->a, RV_HOOK_ACTS_MAX, sizeof *cmds);
	const struct rv_json *args;
	size_t n;
	if (!cmds)
		return RV_FAIL_ARENA(m->err);
	RV_TRY(rv_hook_shell(m->a, line, cmds, &n, m->err));
	for (size_t i = 0; i < n; i++) {
		RV_TRY(arguments_of(m, &cmds[i], line, &args));
		RV_TRY(put(m, "run", "Command",
			cmds[i].program.n ? cmds[i].program : RV_STR("(unknown)"), args));
	}
	return RV_OK; /* a line that runs nothing, such as an assignment, is nothing */
}

/* A list of words is one command that no shell looks at. */
static enum rv_code put_argv(struct maker *m, const struct rv_json *argv)
{
	struct rv_hook_command c = { .n_words = argv->n_items };
	const struct rv_json *args;
	struct rv_str *words = rv_arena_array(m->a, argv->n_items + 1, sizeof *words);
	if (!words)
		return RV_FAIL_ARENA(m->err);
	for (size_t i = 0; i < argv->n_items; i++) {
		if (argv->items[i]->type != RV_JSON_STR)
			return RV_FAIL(m->err, RV_EINVAL, "command: must be words of text");
		words[i] = argv->items[i]->str;
	}
	/* ["bash", "-lc", "…"]: then one does. */
	if (argv->n_items == 3 && words[1].n > 1 && words[1].p[0] == '-' &&
		words[1].p[words[1].n - 1] == 'c') {
		c.words = words;
		RV_TRY(arguments_of(m, &c, words[2], &args));
		RV_TRY(put(m, "run", "Command", words[0], args));
		return put_line(m, words[2]);
	}
	c.words = words;
	RV_TRY(arguments_of(m, &c, RV_STR(""), &args));
	return put(m, "run", "Command", argv->n_items ? words[0] : RV_STR(""), args);
}

/* ---- patches: "*** Update File: PATH" and its like ---- */

static enum rv_code put_patch(struct maker *m, struct rv_str text)
{
	static const char *const heads[] = {
		"*** Update File: ", "*** Add File: ", "*** Delete File: ", "*** Move to: "
	};
	struct rv_str line;
	size_t before = *m->n;
	while (rv_str_split(&text, '\n', &line))
		for (size_t i = 0; i < RV_COUNT(heads); i++)
			if (rv_str_starts(line, rv_str_of(heads[i])))
				RV_TRY(put_file(m, K_WRITE,
					rv_str_trim(rv_str_sub(line, strlen(heads[i]), line.n))));
	if (*m->n == before)
		return RV_FAIL(m->err, RV_EINVAL, "the patch names no file");
	return RV_OK;
}

/* ---- MCP: mcp__server__tool, mcp_server_tool ---- */

static enum rv_code put_mcp(struct maker *m, bool *ret_is)
{
	struct rv_str t = m->e->tool, rest;
	bool is_double = rv_str_starts(t, RV_STR("mcp__"));
	*ret_is = is_double || rv_str_starts(t, RV_STR("mcp_"));
	if (!*ret_is)
		return RV_OK;
	rest = rv_str_sub(t, is_double ? 5 : 4, t.n);
	const char *sep = is_double ? "__" : "_";
	const char *at = memmem(rest.p, rest.n, sep, strlen(sep));
	if (!at)
		return RV_FAIL(m->err, RV_EINVAL, "tool '%.*s' names no server", RV_FMT(t));
	struct rv_str server = rv_str_sub(rest, 0, (size_t)(at - rest.p));
	struct rv_str tool = rv_str_sub(rest, server.n + strlen(sep), rest.n);
	const char *id = rv_arena_printf(m->a, "%.*s/%.*s", RV_FMT(server), RV_FMT(tool));
	if (!id)
		return RV_FAIL_ARENA(m->err);
	return put(m, "call", "McpTool", rv_str_of(id), m->e->input);
}

static enum rv_code put_known(struct maker *m, size_t row)
{
	const struct rv_json *v = rv_json_get(m->e->input, tools[row].param);
	if (!v || v->type == RV_JSON_NULL)
		v = rv_json_get(m->e->input, tools[row].other);
	if (tools[row].kind == K_SHELL && rv_json_is(v, RV_JSON_ARR))
		return put_argv(m, v);
	if (tools[row].kind == K_READ && !v && m->e->cwd.n)
		return put_file(m, K_READ, m->e->cwd); /* a search of where it stands */
	if (!rv_json_is(v, RV_JSON_STR))
		return RV_FAIL(m->err, RV_EINVAL, "tool '%.*s': its input has no text in '%s'",
			RV_FMT(m->e->tool), tools[row].param);
	switch (tools[row].kind) {
	case K_SHELL:
		return put_line(m, v->str);
	case K_FETCH:
		return put(m, "fetch", "Url", v->str, m->e->input);
	case K_PATCH:
		return put_patch(m, v->str);
	default:
		return put_file(m, tools[row].kind, v->str);
	}
}

enum rv_code rv_hook_acts(struct rv_arena *a, const struct rv_hook_event *e,
	struct rv_hook_act acts[RV_HOOK_ACTS_MAX], size_t *ret_n, struct rv_err *err)
{
	struct maker m = { a, e, acts, ret_n, err };
	bool is_mcp;
	*ret_n = 0;
	RV_TRY(put_mcp(&m, &is_mcp));
	if (is_mcp)
		return RV_OK;
	for (size_t i = 0; i < RV_COUNT(tools); i++)
		if (rv_str_eqz(e->tool, tools[i].tool))
			return put_known(&m, i);
	return put(&m, "use", "Tool", e->tool, e->input);
}
