/* reeve: one program, many commands. */
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>

#include "cli/cli.h"

static int cmd_version(int argc, char **argv)
{
	printf("reeve %s\n", RV_VERSION);
	return 0;
}

/* A row a command, in the order a newcomer needs them. */
static const struct rv_sub commands[] = {
	{ "init", rv_cmd_init, "make a new installation" },
	{ "serve", rv_cmd_serve, "run the control plane" },
	{ "setup", rv_cmd_setup, "redeem a single-use link and set a password" },
	{ "login", rv_cmd_login, "open a session as a person" },
	{ "logout", rv_cmd_logout, "end it" },
	{ "whoami", rv_cmd_whoami, "whom the credential in use names" },
	{ "apply", rv_cmd_apply, "bring registry, policies and people to what files say" },
	{ "person", rv_cmd_person, "people who answer for AI systems" },
	{ "change", rv_cmd_change, "widenings that wait for a second person" },
	{ "system", rv_cmd_system, "AI systems and their life" },
	{ "approvals", rv_cmd_approvals, "held actions: what waits for a person" },
	{ "approve", rv_cmd_approve, "let a held action happen, once" },
	{ "deny", rv_cmd_deny, "say no to a held action" },
	{ "exec", rv_cmd_exec, "have the runner do something, as policy and people allow" },
	{ "runner", rv_cmd_runner, "run commands for workers, as policy and people allow" },
	{ "hook", rv_cmd_hook, "answer a coding agent that asks before it uses a tool" },
	{ "mcp", rv_cmd_mcp, "stand between MCP clients and MCP servers" },
	{ "gaps", rv_cmd_gaps, "missing controls, each with its remedy" },
	{ "limits", rv_cmd_limits, "what a system has spent of its limits" },
	{ "ask", rv_cmd_ask, "ask whether a system may do something" },
	{ "explain", rv_cmd_explain, "why a decision came out as it did" },
	{ "report", rv_cmd_report, "what the board asks: how many, over what, who answers" },
	{ "audit", rv_cmd_audit, "the log of everything: search, show, prove, verify" },
	{ "witness", rv_cmd_witness, "remember the log's checkpoints out of its reach" },
	{ "status", rv_cmd_status, "how the service is" },
	{ "cedar", rv_cmd_cedar, "the policy language: authorize, check-parse, test" },
	{ "pdp", rv_cmd_pdp, "a stand-alone AuthZEN decision point over Cedar files" },
	{ "version", cmd_version, "which version this is" },
};

int main(int argc, char **argv)
{
	/* A reader that closed its end is an error value, not a death; and no core file holds a
	 * token. */
	(void)signal(SIGPIPE, SIG_IGN); /* cannot fail for this signal */
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* best effort: old kernels may refuse */
	if (argc == 2 && strcmp(argv[1], "--version") == 0)
		return cmd_version(argc, argv);
	return rv_cli_subs("", "the governance plane for AI workers", commands, RV_COUNT(commands),
		argc, argv);
}
