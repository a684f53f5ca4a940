/* The runner's questions to `reeve serve`: may this run, did people decide, this is what came of
 * it. Blocking; one thread. */
#ifndef RV_POINTS_EXEC_ASK_H
#define RV_POINTS_EXEC_ASK_H
#include "http/client.h"
#include "points/ask/ask.h"
#include "points/exec/exec.h"
#include "points/exec/seal.h"

/* What was materialised: everything that is decided about and then run, nothing else. */
struct rv_exec_facts {
	const struct rv_exec_command *cmd;
	struct rv_str system, target_user;
	const struct rv_str *values; /* of the parameters */
	struct rv_exec_sealed inputs[RV_EXEC_INPUTS_MAX];
	struct rv_exec_sealed program;
	struct rv_exec_sealed interpreter; /* fd -1: the program is none for a "#!" */
	struct rv_str interpreter_path, interpreter_arg; /* arg.n == 0: none */
};
void rv_exec_facts_init(struct rv_exec_facts *f);
void rv_exec_facts_done(struct rv_exec_facts *f);
/* Opens and seals the program, and its interpreter when it is a script. RV_EINVAL: a script whose
 * interpreter is looked up in PATH, is a script itself or is no absolute path. */
RV_MUST_USE enum rv_code rv_exec_facts_program(
	struct rv_arena *a, struct rv_exec_facts *f, struct rv_err *err);
/* The AuthZEN request. approval: the one it means to use; n == 0: none. */
void rv_exec_request_write(
	const struct rv_exec_facts *f, struct rv_str approval, struct rv_buf *out);
/* {"ad-spend":"12.50"}; p == NULL: no limits. */
struct rv_str rv_exec_settle_json(struct rv_arena *a, const struct rv_exec_facts *f);

struct rv_exec_serve {
	struct rv_http_client *http;
	struct rv_str point_token, subject_token; /* subject_token.n == 0: none to pass on */
};

enum rv_exec_reach {
	RV_EXEC_REACH_UNSET,
	RV_EXEC_ANSWERED,
	RV_EXEC_NOT_NOW, /* nobody there, too slow, or an error of the server: may pass */
	RV_EXEC_NO, /* refused without a decision (4xx), or an answer that cannot be believed */
};
/* One attempt. request_id: a new one for each question, the same when it is repeated because no
 * answer came. err tells when it is not RV_EXEC_ANSWERED. The answer lies in the arena. */
RV_MUST_USE enum rv_exec_reach rv_exec_ask(struct rv_exec_serve *s, struct rv_arena *a,
	struct rv_str body, const char *request_id, struct rv_ask_answer *ret, struct rv_err *err);
/* Waits up to wait_s for an approval's state to change; *ret_pending tells whether it still is
 * pending. */
RV_MUST_USE enum rv_exec_reach rv_exec_poll(struct rv_exec_serve *s, struct rv_arena *a,
	struct rv_str approval, int64_t wait_s, bool *ret_pending, struct rv_err *err);
/* POST /v1/outcomes. RV_EXEC_NO: it will not be taken, ever. A credential that is not good, or an
 * intent that is not known, may pass. */
RV_MUST_USE enum rv_exec_reach rv_exec_report(
	struct rv_exec_serve *s, struct rv_str body, const char *request_id, struct rv_err *err);
#endif
