/* Agent hooks: a coding agent asks before it uses a tool, in its host's own form, and is answered
 * in it. The hook runs as the worker and with the worker's credential: it is a courtesy, recorded
 * as claimed; what it refuses must also be refused by a point that the worker cannot leave out. It
 * never fails open where the host lets it choose. */
#ifndef RV_POINTS_HOOK_HOOK_H
#define RV_POINTS_HOOK_HOOK_H
#include "base/buf.h"
#include "base/json.h"

/* ---- hosts ----------------------------------------------------------------------------------- */

enum rv_hook_host {
	RV_HOOK_UNSET,
	RV_HOOK_CLAUDE, /* Claude Code */
	RV_HOOK_CODEX,
	RV_HOOK_CURSOR,
	RV_HOOK_COPILOT, /* Copilot CLI and cloud agent */
	RV_HOOK_GEMINI, /* Gemini CLI */
};
/* RV_HOOK_UNSET: no such host. */
enum rv_hook_host rv_hook_host_parse(const char *name);
const char *rv_hook_host_name(enum rv_hook_host h);

/* What the host says is about to happen. */
struct rv_hook_event {
	enum rv_hook_host host;
	struct rv_str event; /* "PreToolUse", "beforeShellExecution" … */
	struct rv_str tool; /* the host's name for it */
	const struct rv_json *input; /* the tool's; an object, or NULL */
	struct rv_str session, cwd; /* n == 0: not said */
};
/* Reads the host's JSON. Unknown members are the host's business and left alone; what is needed
 * must be there and of its type. Errors: RV_EINVAL, RV_ELIMIT. */
RV_MUST_USE enum rv_code rv_hook_event_read(struct rv_arena *a, enum rv_hook_host host,
	struct rv_str text, struct rv_hook_event *ret, struct rv_err *err);

/* ---- acts ------------------------------------------------------------------------------------ */

enum { RV_HOOK_ACTS_MAX = 64 };
/* One thing that the tool would do, as it is asked about. */
struct rv_hook_act {
	const char *action; /* "run", "read", "write", "fetch", "call", "use" */
	const char *type; /* "Command", "File", "Url", "McpTool", "Tool" */
	struct rv_str id;
	const struct rv_json *arguments;
};
/* What a tool call amounts to: a shell line is every command in it. A tool that is not known is one
 * use of Tool/NAME, which policy has to name. Errors: RV_EINVAL the input lacks what says what it
 * acts on; RV_ELIMIT too many commands. */
RV_MUST_USE enum rv_code rv_hook_acts(struct rv_arena *a, const struct rv_hook_event *e,
	struct rv_hook_act acts[RV_HOOK_ACTS_MAX], size_t *ret_n, struct rv_err *err);

/* ---- shell ----------------------------------------------------------------------------------- */

/* A command that a shell line would run. */
struct rv_hook_command {
	struct rv_str program; /* as written; n == 0: what runs cannot be told */
	const struct rv_str *words; /* the program first; quotes taken off */
	size_t n_words;
	bool is_vague; /* a word holds an expansion: its value is not known here */
};
/* Every command of a POSIX shell line: in lists, pipelines, groups, substitutions, control
 * structures, and behind those that run others (sudo, env, xargs, sh -c, find -exec …). What cannot
 * be told is a command without a program, so that it is asked about as such. Errors: RV_ELIMIT. */
RV_MUST_USE enum rv_code rv_hook_shell(struct rv_arena *a, struct rv_str line,
	struct rv_hook_command cmds[RV_HOOK_ACTS_MAX], size_t *ret_n, struct rv_err *err);

/* ---- answer ---------------------------------------------------------------------------------- */

/* Zero is none of them. */
enum rv_hook_verdict {
	RV_HOOK_NONE = 0,
	RV_HOOK_DENY = 0x5a,
	RV_HOOK_HOLD = 0x3c,
	RV_HOOK_ALLOW = 0xa5
};
/* In the host's form, into out (standard output) and why (standard error); the exit status to leave
 * with. reason is never empty. */
int rv_hook_answer(enum rv_hook_host host, struct rv_str event, enum rv_hook_verdict v,
	struct rv_str reason, struct rv_buf *out, struct rv_buf *why);

/* ---- the whole ------------------------------------------------------------------------------- */

struct rv_hook_opts {
	enum rv_hook_host host;
	const char *server, *ca_file; /* of `reeve serve` */
	struct rv_str token; /* the worker's; n == 0: none, which denies */
	int64_t deadline_ms; /* for all questions together; 0: 10,000 */
};
/* Reads the event, asks about every act in turn and writes the host's answer. Whatever goes wrong
 * is a deny. Returns the exit status. */
int rv_hook_run(
	const struct rv_hook_opts *o, struct rv_str text, struct rv_buf *out, struct rv_buf *why);
#endif
