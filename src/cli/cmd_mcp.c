/* reeve mcp: the gateway, the command that puts a client behind it, and the tools people approve.
 */
#include <pwd.h>
#include <stdio.h>

#include "base/enc.h"
#include "base/file.h"
#include "cli/cli.h"
#include "points/mcp/mcp.h"

enum { CONF_MAX = 1 << 20 };

static enum rv_code read_conf(
	struct rv_arena *a, const char *path, const struct rv_mcp_conf **ret, struct rv_err *err)
{
	struct rv_str text;
	RV_TRY(rv_file_read(a, path, CONF_MAX, &text, err));
	return rv_mcp_conf_read(a, text, path, ret, err);
}

/* ---- tools ---- */

static const char *state_name(enum rv_mcp_pin_state s)
{
	switch (s) {
	case RV_MCP_PIN_NEW:
		return "new";
	case RV_MCP_PIN_CHANGED:
		return "changed";
	case RV_MCP_PIN_APPROVED:
		return "approved";
	case RV_MCP_PIN_GONE:
		return "gone";
	case RV_MCP_PIN_UNSET:
		break;
	}
	return "?";
}

static void put_digest(struct rv_json_w *w, const char *name, struct rv_str definition)
{
	struct rv_sha256 h;
	char hex[65];
	if (definition.n == 0)
		return;
	rv_sha256_of(definition, &h);
	rv_hex_z(h.b, sizeof h.b, hex);
	rv_json_w_kv_strz(w, name, hex);
}

static void put_json(const struct rv_mcp_pins *pins, struct rv_buf *out)
{
	struct rv_json_w w;
	rv_json_w_init(&w, out);
	rv_json_w_obj(&w);
	rv_json_w_name(&w, "tools");
	rv_json_w_arr(&w);
	for (size_t i = 0; i < rv_mcp_pins_count(pins); i++) {
		struct rv_mcp_pin p = rv_mcp_pins_at(pins, i);
		rv_json_w_obj(&w);
		rv_json_w_kv_str(&w, "server", p.server);
		rv_json_w_kv_str(&w, "tool", p.tool);
		rv_json_w_kv_strz(&w, "state", state_name(p.state));
		put_digest(&w, "seen_sha256", p.seen);
		put_digest(&w, "approved_sha256", p.approved);
		if (p.seen.n) {
			rv_json_w_name(&w, "seen");
			rv_json_w_raw(&w, p.seen);
		}
		if (p.approved.n) {
			rv_json_w_name(&w, "approved");
			rv_json_w_raw(&w, p.approved);
		}
		if (p.by.n)
			rv_json_w_kv_str(&w, "by", p.by);
		if (p.at.n)
			rv_json_w_kv_str(&w, "at", p.at);
		rv_json_w_obj_end(&w);
	}
	rv_json_w_arr_end(&w);
	rv_json_w_obj_end(&w);
	rv_buf_addc(out, '\n');
}

/* One member of a definition a line, so that a change shows where it is. */
static void put_members(
	struct rv_buf *out, const char *sign, struct rv_str definition, struct rv_str other)
{
	RV_AUTO_ARENA a = { 0 };
	const struct rv_json *v, *o = NULL;
	rv_arena_init(&a, 64 << 20);
	if (definition.n == 0 || rv_json_parse(&a, definition, NULL, &v, NULL) != RV_OK)
		return;
	if (other.n && rv_json_parse(&a, other, NULL, &o, NULL) != RV_OK)
		o = NULL;
	RV_JSON_EACH (m, v) {
		RV_AUTO_BUF text = { 0 };
		struct rv_json_w w;
		const struct rv_json *same = rv_json_get_str(o, m->name);
		if (same && rv_json_eq(same, m->value))
			continue;
		rv_buf_init(&text, 8 << 20);
		rv_json_w_init(&w, &text);
		rv_json_w_value(&w, m->value);
		rv_buf_printf(out, "    %s ", sign);
		rv_put_safe(out, m->name);
		rv_buf_addz(out, ": ");
		rv_put_safe(out, rv_buf_str(&text));
		rv_buf_addc(out, '\n');
	}
}

static void put_text(const struct rv_mcp_pins *pins, struct rv_buf *out)
{
	if (rv_mcp_pins_count(pins) == 0)
		rv_buf_addz(out, "No server was seen yet: let a client connect once.\n");
	for (size_t i = 0; i < rv_mcp_pins_count(pins); i++) {
		struct rv_mcp_pin p = rv_mcp_pins_at(pins, i);
		enum rv_colour c = p.state == RV_MCP_PIN_APPROVED ? RV_GREEN : RV_YELLOW;
		rv_buf_printf(out, "%s%-9s%s %.*s ", rv_colour(c), state_name(p.state),
			rv_colour(RV_PLAIN), RV_FMT(p.server));
		rv_put_safe(out, p.tool.n ? p.tool : RV_STR("(the program)"));
		if (p.state == RV_MCP_PIN_APPROVED)
			rv_buf_printf(out, "  by %.*s, %.*s", RV_FMT(p.by), RV_FMT(p.at));
		rv_buf_addc(out, '\n');
		if (p.state == RV_MCP_PIN_CHANGED)
			put_members(out, "-", p.approved, p.seen);
		if (p.state == RV_MCP_PIN_NEW || p.state == RV_MCP_PIN_CHANGED)
			put_members(out, "+", p.seen, p.approved);
	}
}

static int cmd_tools(int argc, char **argv)
{
	static const char *path;
	static bool json;
	static const struct rv_opt opts[] = {
		{ "config", 'c', RV_OPT_STR, "FILE", "mcp.yaml (docs/mcp.md)", &path },
		{ "json", 0, RV_OPT_FLAG, NULL, "as JSON, whole definitions included", &json },
	};
	static const struct rv_usage u = { "mcp tools", "",
		"the servers' tools: approved, new, changed",
		"What is new or changed is not shown to workers and not called until a person "
		"approved it.\n"
		"\n"
		"  reeve mcp tools --config /etc/reeve/mcp.yaml",
		opts, RV_COUNT(opts), 0, 0 };
	struct rv_err err = { 0 };
	const struct rv_mcp_conf *conf;
	struct rv_mcp_pins *pins;
	RV_AUTO_ARENA arena = { 0 };
	RV_AUTO_BUF out = { 0 };
	int n, status = rv_cli_parse(&u, argc, argv, &n);
	rv_arena_init(&arena, 32 << 20);
	rv_buf_init(&out, 256 << 20);
	if (status != RV_CLI_GO)
		return status;
	if (!path)
		return rv_cli_bad(u.name, "needs --config FILE");
	if (read_conf(&arena, path, &conf, &err) != RV_OK ||
		rv_mcp_pins_open(conf->state.p, &pins, &err) != RV_OK)
		return rv_cli_fail(u.name, &err);
	if (json)
		put_json(pins, &out);
	else
		put_text(pins, &out);
	rv_mcp_pins_free(pins);
	if (rv_buf_ok(&out, &err) != RV_OK ||
		rv_fd_write_all(STDOUT_FILENO, rv_buf_str(&out), &err) != RV_OK)
		return rv_cli_fail(u.name, &err);
	return 0;
}

static int cmd_approve(int argc, char **argv)
{
	static const char *path;
	static const struct rv_opt opts[] = {
		{ "config", 'c', RV_OPT_STR, "FILE", "mcp.yaml (docs/mcp.md)", &path },
	};
	static const struct rv_usage u = { "mcp approve", "SERVER [TOOL]",
		"approve a server's tools as they were seen",
		"Look at `reeve mcp tools` first. Needs the right to write the gateway's state "
		"folder.\n"
		"\n"
		"  reeve mcp approve files --config /etc/reeve/mcp.yaml\n"
		"  reeve mcp approve files write_file --config /etc/reeve/mcp.yaml",
		opts, RV_COUNT(opts), 1, 2 };
	struct rv_err err = { 0 };
	const struct rv_mcp_conf *conf;
	struct rv_mcp_pins *pins;
	RV_AUTO_ARENA arena = { 0 };
	size_t n_approved = 0;
	int n, status = rv_cli_parse(&u, argc, argv, &n);
	rv_arena_init(&arena, 32 << 20);
	if (status != RV_CLI_GO)
		return status;
	if (!path)
		return rv_cli_bad(u.name, "needs --config FILE");
	if (read_conf(&arena, path, &conf, &err) != RV_OK ||
		rv_mcp_pins_open(conf->state.p, &pins, &err) != RV_OK)
		return rv_cli_fail(u.name, &err);
	const struct passwd *pw = getpwuid(getuid());
	const char *by = pw ? pw->pw_name : rv_arena_printf(&arena, "uid %u", (unsigned)getuid());
	enum rv_code code = rv_mcp_pins_approve(pins, rv_str_of(argv[1]),
		n > 1 ? rv_str_of(argv[2]) : RV_STR(""), rv_str_of(by), &n_approved, &err);
	rv_mcp_pins_free(pins);
	if (code != RV_OK)
		return rv_cli_fail(u.name, &err);
	printf("%zu tool%s of %s approved.\n", n_approved, n_approved == 1 ? "" : "s", argv[1]);
	return 0;
}

/* ---- the gateway, and the way in ---- */

static int gateway(const char *path, bool check_only)
{
	struct rv_err err = { 0 };
	const struct rv_mcp_conf *conf;
	RV_AUTO_ARENA arena = { 0 };
	rv_arena_init(&arena, 32 << 20);
	if (read_conf(&arena, path, &conf, &err) != RV_OK)
		return rv_cli_fail("mcp", &err);
	if (check_only) {
		printf("%s: %zu server%s\n", path, conf->n_servers,
			conf->n_servers == 1 ? "" : "s");
		return 0;
	}
	const struct rv_mcp_opts o = { .conf = conf, .ready_fd = -1 };
	return rv_mcp_run(&o, &err) == RV_OK ? 0 : rv_cli_fail("mcp", &err);
}

int rv_cmd_mcp(int argc, char **argv)
{
	static const char *path, *server, *socket, *token_file;
	static bool check_only;
	static const struct rv_opt opts[] = {
		{ "server", 's', RV_OPT_STR, "NAME",
			"speak MCP on standard input and output, with this server behind the "
			"gateway",
			&server },
		{ "socket", 0, RV_OPT_STR, "PATH", "the gateway's (default " RV_MCP_SOCKET ")",
			&socket },
		{ "token-file", 0, RV_OPT_STR, "PATH", "the worker's credential (REEVE_TOKEN_FILE)",
			&token_file },
		{ "config", 'c', RV_OPT_STR, "FILE", "run the gateway (docs/mcp.md)", &path },
		{ "check", 0, RV_OPT_FLAG, NULL, "with --config: read it and end", &check_only },
	};
	static const struct rv_usage u = { "mcp", "", "stand between MCP clients and MCP servers",
		"With --server it is a drop-in command for any MCP client's configuration; with "
		"--config it is the gateway\n"
		"itself, run under a user that no worker can become: it holds the servers' "
		"secrets. Every call is decided by\n"
		"`reeve serve`; tools that nobody approved, or that changed since, are neither "
		"shown nor called.\n"
		"\n"
		"  reeve mcp --server files\n"
		"  reeve mcp --config /etc/reeve/mcp.yaml\n"
		"  reeve mcp tools --config /etc/reeve/mcp.yaml\n"
		"  reeve mcp approve files --config /etc/reeve/mcp.yaml",
		opts, RV_COUNT(opts), 0, 0 };
	struct rv_err err = { 0 };
	if (argc > 1 && strcmp(argv[1], "tools") == 0)
		return cmd_tools(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "approve") == 0)
		return cmd_approve(argc - 1, argv + 1);
	int n, status = rv_cli_parse(&u, argc, argv, &n);
	if (status != RV_CLI_GO)
		return status;
	if (!path == !server)
		return rv_cli_bad(u.name, "needs one of --server NAME and --config FILE");
	if (path)
		return gateway(path, check_only);
	const struct rv_mcp_relay_opts o = { .socket = socket,
		.server = server,
		.token_file = token_file,
		.in_fd = STDIN_FILENO,
		.out_fd = STDOUT_FILENO };
	return rv_mcp_relay(&o, &err) == RV_OK ? 0 : rv_cli_fail(u.name, &err);
}
