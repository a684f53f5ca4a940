/* Runs what was decided: sealed program, exact argv, environment and folder, nothing inherited, and
 * an end that is observed. Blocking; the caller is single-threaded and has no other children. */
#ifndef RV_POINTS_EXEC_RUN_H
#define RV_POINTS_EXEC_RUN_H
#include "points/exec/ask.h"

struct rv_exec_stream {
	struct rv_sha256 sha256; /* of all of it, passed on or not */
	uint64_t n_bytes;
};
struct rv_exec_result {
	bool started; /* false: not one instruction of it ran; start_error says why */
	int start_error;
	const char *start_step; /* "execve" ... static */
	int exit_status; /* when signal == 0 */
	int signal;
	bool timed_out, truncated; /* truncated: output over the limit was not passed on */
	bool is_empty; /* observed: no process of it is left, not even one that left the group */
	int64_t duration_ms;
	struct rv_exec_stream out, err;
};
/* worker: socket that output goes to as it comes; a worker that hangs up or is slow does not
 * disturb the command. Errors (nothing ran): RV_EIO, RV_ENOMEM. */
RV_MUST_USE enum rv_code rv_exec_run(struct rv_arena *a, const struct rv_exec_facts *f, int worker,
	struct rv_exec_result *ret, struct rv_err *err);
#endif
