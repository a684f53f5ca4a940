/* reeve: one program, many commands. */
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>

#include "cli/cli.h"

static int cmd_version(int argc, char **argv)
{
	static bool json;
	static const struct rv_opt opts[] = {
		{ "json", 0, RV_OPT_FLAG, NULL, "print it as JSON", &json },
	};
	static const struct rv_usage u = { "version", "", "which version this is",
		"  reeve version\n  reeve --version", opts, RV_COUNT(opts), 0, 0 };
	int n, status = rv_cli_parse(&u, argc, argv, &n);
	if (status != RV_CLI_GO)
		return status;
	printf(json ? "{\"version\":\"%s\"}\n" : "reeve %s\n", RV_VERSION);
	return 0;
}

/* A row a command, in the order a newcomer needs them. */
static const struct rv_sub commands[] = {
	{ "Begin", NULL, NULL },
	{ "init", rv_cmd_init, "make a new installation" },
	{ "serve", rv_cmd_serve, "run the control plane" },
	{ "setup", rv_cmd_setup, "redeem a single-use link and set a password" },
	{ "login", rv_cmd_login, "open a session as a person" },
	{ "logout", rv_cmd_logout, "end it" },
	{ "whoami", rv_cmd_whoami, "whom the credential in use names" },
	{ "status", rv_cmd_status, "how the service is" },
	{ "Who and what", NULL, NULL },
	{ "apply", rv_cmd_apply, "bring registry, policies and people to what files say" },
	{ "manifests", rv_cmd_manifests, "the registry as files for apply" },
	{ "person", rv_cmd_person, "people who answer for AI systems" },
	{ "change", rv_cmd_change, "widenings that wait for a second person" },
	{ "system", rv_cmd_system, "AI systems and their life: approve, suspend, resume, retire" },
	{ "policy", rv_cmd_policy, "policy files: test, replay, publish, roll back" },
	{ "gaps", rv_cmd_gaps, "missing controls, each with the command that closes it" },
	{ "limits", rv_cmd_limits, "what a system has spent of its limits" },
	{ "Act", NULL, NULL },
	{ "exec", rv_cmd_exec, "have the runner do something, as policy and people allow" },
	{ "ask", rv_cmd_ask, "ask whether a system may do something" },
	{ "approvals", rv_cmd_approvals, "held actions: what waits for a person" },
	{ "approve", rv_cmd_approve, "let a held action happen, once" },
	{ "deny", rv_cmd_deny, "say no to a held action" },
	{ "runner", rv_cmd_runner, "run commands for workers, as policy and people allow" },
	{ "hook", rv_cmd_hook, "answer a coding agent that asks before it uses a tool" },
	{ "mcp", rv_cmd_mcp, "stand between MCP clients and MCP servers" },
	{ "Afterwards", NULL, NULL },
	{ "explain", rv_cmd_explain, "why a decision came out as it did" },
	{ "audit", rv_cmd_audit, "the log of everything: search, show, prove, verify" },
	{ "report", rv_cmd_report, "what the board asks: how many, over what, who answers" },
	{ "incident", rv_cmd_incident, "why the guardrail failed: one page about an event" },
	{ "export", rv_cmd_export, "deliver events to other systems" },
	{ "witness", rv_cmd_witness, "remember the log's checkpoints out of its reach" },
	{ "By itself", NULL, NULL },
	{ "cedar", rv_cmd_cedar, "the policy language on files" },
	{ "pdp", rv_cmd_pdp, "a stand-alone AuthZEN decision point over Cedar files" },
	{ "version", cmd_version, "which version this is" },
};

/* `reeve help a b` is `reeve a b --help`. */
static int help(int argc, char **argv)
{
	static char dash_help[] = "--help";
	char *words[8] = { argv[0] };
	int n = 1;
	for (int i = 2; i < argc && n < 6; i++)
		words[n++] = argv[i];
	words[n++] = dash_help;
	return rv_cli_subs(
		"", "the governance plane for AI workers", commands, RV_COUNT(commands), n, words);
}

int main(int argc, char **argv)
{
	/* A reader that closed its end is an error value, not a death; and no core file holds a
	 * token. */
	(void)signal(SIGPIPE, SIG_IGN); /* cannot fail for this signal */
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* best effort: old kernels may refuse */
	if (argc == 2 && strcmp(argv[1], "--version") == 0)
		return cmd_version(1, argv);
	if (argc > 2 && strcmp(argv[1], "help") == 0)
		return help(argc, argv);
	return rv_cli_subs("", "the governance plane for AI workers", commands, RV_COUNT(commands),
		argc, argv);
}
