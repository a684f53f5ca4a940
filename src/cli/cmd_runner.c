/* reeve runner: the process that acts for workers, under a user of its own. */
#include <stdio.h>

#include "base/file.h"
#include "cli/cli.h"
#include "points/exec/exec.h"

enum { CONF_MAX = 1 << 20 };

static enum rv_code check(const struct rv_exec_conf *conf, struct rv_err *err)
{
	RV_AUTO_BUF b;
	rv_buf_init(&b, 8 << 20);
	rv_exec_conf_print(conf, &b);
	rv_buf_addc(&b, '\n');
	RV_TRY(rv_buf_ok(&b, err));
	return rv_fd_write_all(STDOUT_FILENO, rv_buf_str(&b), err);
}

int rv_cmd_runner(int argc, char **argv)
{
	static const char *path;
	static bool check_only;
	static const struct rv_opt opts[] = {
		{ "config", 'c', RV_OPT_STR, "FILE", "runner.yaml (docs/exec.md)", &path },
		{ "check", 0, RV_OPT_FLAG, NULL,
			"print the configuration in force, defaults included, and end",
			&check_only },
	};
	static const struct rv_usage u = { "runner", "",
		"run commands for workers, as policy and people allow",
		"Listens on a Unix socket for `reeve exec`. Run it as a user that no worker can "
		"become: that user's rights\n"
		"are what workers can reach through it, and nothing else is.\n"
		"\n"
		"  reeve runner --config /etc/reeve/runner.yaml\n"
		"  reeve runner --config examples/acme-runner/runner.yaml --check",
		opts, RV_COUNT(opts), 0, 0 };
	struct rv_err err = { 0 };
	struct rv_str text;
	const struct rv_exec_conf *conf;
	RV_AUTO_ARENA arena;
	int n, status = rv_cli_parse(&u, argc, argv, &n);
	rv_arena_init(&arena, 32 << 20);
	if (status != RV_CLI_GO)
		return status;
	if (!path)
		return rv_cli_bad(u.name, "needs --config FILE");
	if (rv_file_read(&arena, path, CONF_MAX, &text, &err) != RV_OK ||
		rv_exec_conf_read(&arena, text, path, &conf, &err) != RV_OK)
		return rv_cli_fail(u.name, &err);
	if (check_only)
		return check(conf, &err) == RV_OK ? 0 : rv_cli_fail(u.name, &err);
	const struct rv_exec_runner_opts o = { .conf = conf, .ready_fd = -1 };
	return rv_exec_runner_run(&o, &err) == RV_OK ? 0 : rv_cli_fail(u.name, &err);
}
