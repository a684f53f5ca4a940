/* reeve hook: asked by a coding agent before it uses a tool. */
#include <stdio.h>

#include "base/clock.h"
#include "base/file.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "points/hook/hook.h"

enum { EVENT_MAX = 1 << 20 };

/* What to put into the host's configuration, and where. */
static const struct {
	enum rv_hook_host host;
	const char *file, *managed, *text;
} configs[] = {
	{ RV_HOOK_CLAUDE, ".claude/settings.json", "/etc/claude-code/managed-settings.json",
		"{\"hooks\":{\"PreToolUse\":[{\"matcher\":\"*\",\"hooks\":[{\"type\":\"command\","
		"\"command\":\"reeve hook --host "
		"claude\",\"timeout\":60,\"onFailure\":\"block\"}]}]}}" },
	{ RV_HOOK_CODEX, "~/.codex/config.toml", "/etc/codex/config.toml",
		"[[hooks.PreToolUse]]\n[[hooks.PreToolUse.hooks]]\ntype = \"command\"\ncommand = "
		"\"reeve hook --host codex\"" },
	{ RV_HOOK_CURSOR, ".cursor/hooks.json", "/etc/cursor/hooks.json",
		"{\"version\":1,\"hooks\":{\"preToolUse\":[{\"command\":\"reeve hook --host "
		"cursor\",\"timeout\":60,\"failClosed\":true}]}}" },
	{ RV_HOOK_COPILOT, ".github/hooks/reeve.json", "/etc/github-copilot/policy.d/reeve.json",
		"{\"version\":1,\"hooks\":{\"PreToolUse\":[{\"type\":\"command\",\"exec\":"
		"\"reeve\",\"args\":[\"hook\",\"--host\","
		"\"copilot\"],\"timeoutSec\":30}]}}" },
	{ RV_HOOK_GEMINI, ".gemini/settings.json", "/etc/gemini-cli/settings.json",
		"{\"hooks\":{\"BeforeTool\":[{\"matcher\":\"*\",\"hooks\":[{\"type\":\"command\","
		"\"command\":\"reeve hook --host "
		"gemini\",\"timeout\":60000}]}]}}" },
};

static int cmd_config(int argc, char **argv)
{
	static const char *host;
	static const struct rv_opt opts[] = { { "host", 0, RV_OPT_STR, "NAME",
		"claude, codex, cursor, copilot or gemini", &host } };
	static const struct rv_usage u = { "hook config", "",
		"what to put into a host's configuration", "  reeve hook config --host claude",
		opts, RV_COUNT(opts), 0, 0 };
	int n, status = rv_cli_parse(&u, argc, argv, &n);
	if (status != RV_CLI_GO)
		return status;
	enum rv_hook_host h = host ? rv_hook_host_parse(host) : RV_HOOK_UNSET;
	for (size_t i = 0; i < RV_COUNT(configs); i++)
		if (configs[i].host == h) {
			fprintf(stderr,
				"# for one project or user: %s\n# for everybody, root's file: %s\n",
				configs[i].file, configs[i].managed);
			printf("%s\n", configs[i].text);
			return 0;
		}
	return rv_cli_bad(u.name, "--host: one of claude, codex, cursor, copilot, gemini");
}

static int run(const char *host_name, const char *server, const char *deadline)
{
	struct rv_hook_opts o = { .host = rv_hook_host_parse(host_name) };
	struct rv_client c;
	struct rv_str text;
	struct rv_err err = { 0 };
	int64_t ns = 0;
	RV_AUTO_BUF out = { 0 }, why = { 0 };
	rv_buf_init(&out, 1 << 20);
	rv_buf_init(&why, 1 << 20);
	/* From here on every end is the host's answer. */
	enum rv_code code = rv_client_open(&c, server, &err);
	if (code == RV_OK)
		code = rv_file_read(&c.arena, "-", EVENT_MAX, &text, &err);
	if (code == RV_OK && deadline && !rv_duration_parse(rv_str_of(deadline), &ns))
		code = RV_FAIL(
			&err, RV_EINVAL, "--deadline '%s': write a time such as 5s", deadline);
	int status;
	if (code == RV_OK) {
		o.server = c.server;
		o.token = c.token;
		o.deadline_ms = ns / RV_NS_PER_MS;
		status = rv_hook_run(&o, text, &out, &why);
	} else {
		status = rv_hook_answer(
			o.host, RV_STR("PreToolUse"), RV_HOOK_DENY, rv_str_of(err.msg), &out, &why);
	}
	bool told = rv_fd_write_all(STDOUT_FILENO, rv_buf_str(&out), NULL) == RV_OK;
	told &= why.n == 0 || rv_fd_write_all(STDERR_FILENO, rv_buf_str(&why), NULL) == RV_OK;
	rv_client_done(&c);
	return told ? status : 2; /* what could not be told is a no */
}

int rv_cmd_hook(int argc, char **argv)
{
	static const char *host, *server, *deadline;
	static const struct rv_opt opts[] = {
		{ "host", 0, RV_OPT_STR, "NAME", "claude, codex, cursor, copilot or gemini",
			&host },
		{ "server", 's', RV_OPT_STR, "URL", "the control plane (REEVE_SERVER)", &server },
		{ "deadline", 0, RV_OPT_STR, "TIME",
			"give up and deny after that long (default 10s; shorter than the host's "
			"own)",
			&deadline },
	};
	static const struct rv_usage u = { "hook", "",
		"answer a coding agent that asks before it uses a tool",
		"Reads the host's event on standard input and answers in the host's form. Uses the "
		"worker's own credential\n"
		"(REEVE_TOKEN_FILE): a hook is a courtesy, recorded as claimed. Whatever goes "
		"wrong is a deny. Exit status: 0\n"
		"allow, 2 deny or held.\n"
		"\n"
		"  reeve hook config --host claude\n"
		"  reeve hook --host claude <event.json",
		opts, RV_COUNT(opts), 0, 0 };
	if (argc > 1 && strcmp(argv[1], "config") == 0)
		return cmd_config(argc - 1, argv + 1);
	int n, status = rv_cli_parse(&u, argc, argv, &n);
	if (status != RV_CLI_GO)
		return status;
	if (!host || rv_hook_host_parse(host) == RV_HOOK_UNSET)
		return rv_cli_bad(u.name, "--host: one of claude, codex, cursor, copilot, gemini");
	return run(host, server, deadline);
}
