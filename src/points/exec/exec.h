/* The exec runner and its client. A worker names a command that the runner's configuration
 * describes and hands over its input files as descriptors; the runner seals what it was given, asks
 * `reeve serve`, waits for people when told to, runs exactly what was decided and reports the
 * outcome. The runner is a process under a Unix user of its own; nothing it does is decided here.
 */
#ifndef RV_POINTS_EXEC_EXEC_H
#define RV_POINTS_EXEC_EXEC_H
#include <sys/types.h>

#include "base/buf.h"
#include "base/json.h"

#define RV_EXEC_SOCKET "/run/reeve-exec/exec.sock"

/* Exit statuses of `reeve exec` that are not the command's own. A command that ends with one of
 * them itself is reported as RV_EXEC_EXIT_MASKED, so that each has one meaning. */
enum rv_exec_exit {
	RV_EXEC_EXIT_MASKED = 79,
	RV_EXEC_EXIT_HELD = 80, /* waits for people; ask again, or name the approval */
	RV_EXEC_EXIT_DENIED = 81, /* decided: no */
	RV_EXEC_EXIT_REFUSED = 82, /* not decided: the request, an input or a credential is wrong */
	RV_EXEC_EXIT_UNAVAILABLE = 83, /* no runner, no serve, no audit: nothing was done */
	RV_EXEC_EXIT_UNKNOWN = 84, /* it was allowed, and what came of it is not known */
};

/* ---- configuration --------------------------------------------------------------------------- */

enum {
	RV_EXEC_NAME_MAX = 64,
	RV_EXEC_COMMANDS_MAX = 128,
	RV_EXEC_WORKERS_MAX = 256,
	RV_EXEC_PARAMS_MAX = 16,
	RV_EXEC_INPUTS_MAX = 8,
	RV_EXEC_ARGS_MAX = 64,
	RV_EXEC_ENV_MAX = 32,
	RV_EXEC_LIMITS_MAX = 4,
	RV_EXEC_VALUE_MAX = 1024, /* bytes of a parameter's value */
};

enum rv_exec_param_kind {
	RV_EXEC_PARAM_UNSET,
	RV_EXEC_PARAM_ENUM, /* one of the words */
	RV_EXEC_PARAM_TEXT, /* 1..max bytes of the character set; never "-..." nor ".." */
	RV_EXEC_PARAM_DECIMAL, /* 0 < value <= max, rewritten with exactly `scale` digits */
};
struct rv_exec_param {
	struct rv_str name;
	enum rv_exec_param_kind kind;
	const struct rv_str *words;
	size_t n_words;
	size_t max_bytes;
	uint64_t charset[4]; /* a bit a byte */
	int64_t max_scaled; /* in units of 10^-scale */
	unsigned scale; /* 0..4 */
};
struct rv_exec_input {
	struct rv_str name;
	int64_t max_bytes;
};
struct rv_exec_pair {
	struct rv_str name, value; /* value: a template, but for environment */
};
struct rv_exec_command {
	struct rv_str name, action, effect, resource_type, resource_id, cwd, amount;
	const struct rv_str *argv; /* argv[0]: absolute path; the others are templates */
	size_t n_argv;
	const struct rv_exec_param *params;
	size_t n_params;
	const struct rv_exec_input *inputs;
	size_t n_inputs;
	const struct rv_exec_pair *env, *limits;
	size_t n_env, n_limits;
	int64_t timeout_ms, output_bytes, file_bytes;
};
/* A Unix user and the systems it may speak for. */
struct rv_exec_worker {
	uid_t uid;
	struct rv_str user;
	const struct rv_str *systems;
	size_t n_systems;
};
struct rv_exec_conf {
	struct rv_str server, ca_file, token_file, listen, spool; /* ca_file.p == NULL: system's */
	int64_t max_requests, max_requests_per_worker, max_wait_ms;
	const struct rv_exec_worker *workers;
	size_t n_workers;
	const struct rv_exec_command *commands;
	size_t n_commands;
};
/* Reads runner.yaml (docs/exec.md). path: for messages. The result lies in the arena. Errors:
 * RV_EINVAL, RV_ELIMIT with line and column. Looks at no file; user names are looked up. */
RV_MUST_USE enum rv_code rv_exec_conf_read(struct rv_arena *a, struct rv_str text, const char *path,
	const struct rv_exec_conf **ret, struct rv_err *err);
/* What is in force, defaults written out, as JSON. */
void rv_exec_conf_print(const struct rv_exec_conf *c, struct rv_buf *out);
/* NULL: no such command. */
const struct rv_exec_command *rv_exec_command_find(
	const struct rv_exec_conf *c, struct rv_str name);

/* ---- the worker's message -------------------------------------------------------------------- */

enum { RV_EXEC_MESSAGE_MAX = 32768, RV_EXEC_TOKEN_MAX = 128 };
/* One request, as sent. Names are checked to be well-formed, not to exist. */
struct rv_exec_message {
	struct rv_str command, token;
	struct rv_str system; /* n == 0: the only one this user may speak for */
	struct rv_str approval; /* n == 0: none named */
	int64_t wait_ms; /* 0: do not wait for people */
	struct rv_exec_pair params[RV_EXEC_PARAMS_MAX];
	size_t n_params;
	struct rv_str inputs[RV_EXEC_INPUTS_MAX]; /* in the order of the descriptors */
	size_t n_inputs;
};
/* Strict. Errors: RV_EINVAL, RV_ELIMIT. */
RV_MUST_USE enum rv_code rv_exec_message_read(
	struct rv_arena *a, struct rv_str bytes, struct rv_exec_message *ret, struct rv_err *err);
void rv_exec_message_write(const struct rv_exec_message *m, struct rv_buf *out);

/* ---- runner ---------------------------------------------------------------------------------- */

struct rv_exec_runner_opts {
	const struct rv_exec_conf *conf;
	int ready_fd; /* a byte is written when it listens; -1: none */
	int64_t grace_ms; /* at SIGTERM for commands that run; 0: 30,000 */
};
/* Runs until SIGTERM or SIGINT. Errors: RV_EPERM a file that others may read or change; RV_EBUSY
 * another runner has the socket or the spool; RV_EIO. */
RV_MUST_USE enum rv_code rv_exec_runner_run(
	const struct rv_exec_runner_opts *o, struct rv_err *err);

/* ---- client ---------------------------------------------------------------------------------- */

struct rv_exec_client_opts {
	const char *socket; /* NULL: RV_EXEC_SOCKET */
	const char *token_file; /* NULL: $REEVE_TOKEN_FILE, else ~/.config/reeve/token */
	const char *command, *system, *approval; /* the latter two may be NULL */
	const char *const *params; /* "name=value" */
	size_t n_params;
	const char *const *inputs; /* "name=PATH" */
	size_t n_inputs;
	int64_t wait_ms;
	bool json; /* one JSON object a line on out_fd, instead of the command's own output */
	int out_fd, err_fd;
};
/* The exit status to leave with (rv_exec_exit, or the command's). What happened is told on err_fd,
 * or as JSON on out_fd. */
RV_MUST_USE int rv_exec_client_run(const struct rv_exec_client_opts *o);
#endif
