/* The command line: what every command shares. A command is one file cmd_NAME.c with `int
 * rv_cmd_NAME(int argc, char **argv)` (argv[0] is the command's name) and a row in main.c. Exit
 * statuses are those of base/codes.def; 0 is success. One thread. */
#ifndef RV_CLI_CLI_H
#define RV_CLI_CLI_H
#include "base/buf.h"
#include "base/json.h"

enum rv_opt_kind {
	RV_OPT_FLAG, /* to: bool */
	RV_OPT_STR, /* to: const char *; points into argv */
	RV_OPT_INT, /* to: int64_t; not negative */
	RV_OPT_LIST, /* to: struct rv_opt_list; may be given several times */
};
enum { RV_OPT_LIST_MAX = 64 };
struct rv_opt_list {
	const char *v[RV_OPT_LIST_MAX];
	size_t n;
};
struct rv_opt {
	const char *name; /* without the dashes */
	char letter; /* 0: none */
	enum rv_opt_kind kind;
	const char *arg; /* placeholder for help, NULL for flags */
	const char *help;
	void *to;
};
/* One command as its help shows it. */
struct rv_usage {
	const char *name; /* "audit search" */
	const char *args; /* "QUERY", "" */
	const char *summary; /* one line */
	const char *detail; /* paragraphs and examples; may be NULL */
	const struct rv_opt *opts;
	size_t n_opts;
	int min_args, max_args; /* max_args < 0: any number */
};
enum { RV_CLI_GO = -1 };
/* Reads options and moves the other arguments to the front of argv[1..]; everything behind "--" is
 * an argument. -h/--help is understood everywhere. Returns RV_CLI_GO and *ret_n_args, or the exit
 * status to leave with (message printed). */
RV_MUST_USE int rv_cli_parse(const struct rv_usage *u, int argc, char **argv, int *ret_n_args);
/* Prints "reeve NAME: text" on stderr and what to do when the code has a general remedy; returns
 * the exit status. */
int rv_cli_fail(const char *name, const struct rv_err *err);
/* "reeve NAME: ..." for a mistake in the arguments; returns 2. */
int rv_cli_bad(const char *name, const char *fmt, ...) RV_PRINTF(2, 3);

/* A command that has commands of its own. */
struct rv_sub {
	const char *name;
	int (*run)(int argc, char **argv); /* NULL: name is the heading of those that follow */
	const char *summary;
};
/* Runs the one named by argv[1]; prints help or "did you mean" otherwise. */
int rv_cli_subs(const char *name, const char *summary, const struct rv_sub *subs, size_t n,
	int argc, char **argv);

/* Colour, only when standard output is a terminal that knows them and NO_COLOR is empty or unset:
 * "" otherwise. */
enum rv_colour { RV_PLAIN, RV_BOLD, RV_DIM, RV_RED, RV_GREEN, RV_YELLOW };
const char *rv_colour(enum rv_colour c);
/* Writes text from outside so that it cannot fool a terminal: controls, ANSI and bidi marks are
 * shown as escapes. */
void rv_put_safe(struct rv_buf *out, struct rv_str text);

/* The commands; the table is in main.c. */
int rv_cmd_cedar(int argc, char **argv);
int rv_cmd_pdp(int argc, char **argv);
int rv_cmd_init(int argc, char **argv);
int rv_cmd_serve(int argc, char **argv);
int rv_cmd_person(int argc, char **argv);
int rv_cmd_change(int argc, char **argv);
int rv_cmd_gaps(int argc, char **argv);
int rv_cmd_limits(int argc, char **argv);
int rv_cmd_status(int argc, char **argv);
int rv_cmd_ask(int argc, char **argv);
int rv_cmd_audit(int argc, char **argv);
int rv_cmd_witness(int argc, char **argv);
int rv_cmd_login(int argc, char **argv);
int rv_cmd_setup(int argc, char **argv);
int rv_cmd_logout(int argc, char **argv);
int rv_cmd_whoami(int argc, char **argv);
int rv_cmd_apply(int argc, char **argv);
int rv_cmd_system(int argc, char **argv);
int rv_cmd_approvals(int argc, char **argv);
int rv_cmd_approve(int argc, char **argv);
int rv_cmd_deny(int argc, char **argv);
int rv_cmd_exec(int argc, char **argv);
int rv_cmd_explain(int argc, char **argv);
int rv_cmd_report(int argc, char **argv);
int rv_cmd_export(int argc, char **argv);
int rv_cmd_incident(int argc, char **argv);
int rv_cmd_runner(int argc, char **argv);
int rv_cmd_mcp(int argc, char **argv);
int rv_cmd_hook(int argc, char **argv);
int rv_cmd_policy(int argc, char **argv);
int rv_cmd_manifests(int argc, char **argv);
#endif
