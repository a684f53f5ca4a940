/* reeve exec: have a command run by the runner, as policy and people allow. */
#include <stdio.h>

#include "base/clock.h"
#include "cli/cli.h"
#include "points/exec/exec.h"

static const char DETAIL[] =
	"The runner does it under its own Unix user, after `reeve serve` allowed exactly this: the "
	"program's and the\n"
	"inputs' digests, the arguments, the folder and the environment. Your credential is read "
	"from REEVE_TOKEN_FILE\n"
	"(~/.config/reeve/token), which nobody else may read.\n"
	"\n"
	"  reeve exec release --param target=staging --input site=site.tar\n"
	"  reeve exec release --param target=production --input site=site.tar --wait 30m\n"
	"  reeve exec spend --param campaign=autumn --param amount=120.00 --no-wait\n"
	"\n"
	"Exit status: the command's own (128+N when a signal N ended it), or\n"
	"   2  the options are wrong\n"
	"  79  the command itself ended with 79 to 84\n"
	"  80  held: people have not decided yet; nothing was done\n"
	"  81  denied\n"
	"  82  refused without a decision: request, input or credential is wrong\n"
	"  83  unavailable: no runner, no server or no audit; nothing was done\n"
	"  84  it was started, and what came of it is not known";

int rv_cmd_exec(int argc, char **argv)
{
	static struct rv_opt_list params, inputs;
	static const char *wait, *approval, *socket, *system_name, *token_file;
	static bool no_wait, json;
	static const struct rv_opt opts[] = {
		{ "param", 'p', RV_OPT_LIST, "NAME=VALUE", "a parameter of the command", &params },
		{ "input", 'i', RV_OPT_LIST, "NAME=PATH", "a file to hand over", &inputs },
		{ "wait", 'w', RV_OPT_STR, "TIME",
			"when held, wait for people that long (default 10m)", &wait },
		{ "no-wait", 0, RV_OPT_FLAG, NULL, "when held, end at once with status 80",
			&no_wait },
		{ "approval", 0, RV_OPT_STR, "ID", "use this approval", &approval },
		{ "system", 0, RV_OPT_STR, "NAME",
			"as which system, where this user may speak for several", &system_name },
		{ "token-file", 0, RV_OPT_STR, "PATH", "the credential (REEVE_TOKEN_FILE)",
			&token_file },
		{ "runner", 0, RV_OPT_STR, "SOCKET", "default " RV_EXEC_SOCKET, &socket },
		{ "json", 0, RV_OPT_FLAG, NULL, "what happens as JSON, an object a line", &json },
	};
	static const struct rv_usage u = { "exec", "COMMAND",
		"have the runner do something, as policy and people allow", DETAIL, opts,
		RV_COUNT(opts), 1, 1 };
	int n, status = rv_cli_parse(&u, argc, argv, &n);
	int64_t wait_ns = 10 * 60 * RV_NS_PER_S;
	if (status != RV_CLI_GO)
		return status;
	if (wait && no_wait)
		return rv_cli_bad(u.name, "--wait and --no-wait contradict each other");
	if (wait &&
		(!rv_duration_parse(rv_str_of(wait), &wait_ns) ||
			wait_ns > INT64_C(7) * 86400 * RV_NS_PER_S))
		return rv_cli_bad(u.name, "--wait '%s': write a time such as 90s, 10m or 7d", wait);
	const struct rv_exec_client_opts o = {
		.socket = socket,
		.token_file = token_file,
		.command = argv[1],
		.system = system_name,
		.approval = approval,
		.params = params.v,
		.n_params = params.n,
		.inputs = inputs.v,
		.n_inputs = inputs.n,
		.wait_ms = no_wait ? 0 : wait_ns / RV_NS_PER_MS,
		.json = json,
		.out_fd = STDOUT_FILENO,
		.err_fd = STDERR_FILENO,
	};
	return rv_exec_client_run(&o);
}
