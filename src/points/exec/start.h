/* From sealed facts to a process (start.c). */
#ifndef RV_POINTS_EXEC_START_H
#define RV_POINTS_EXEC_START_H
#include "points/exec/ask.h"
#include "points/exec/exec_int.h"

/* Everything that needs memory, made before the fork. */
struct rv_exec_start {
	const struct rv_exec_facts *facts;
	char **argv, **envp;
	const char *cwd;
};
RV_MUST_USE enum rv_code rv_exec_start_make(struct rv_arena *a, const struct rv_exec_facts *f,
	struct rv_exec_start *ret, struct rv_err *err);
struct rv_exec_start_failure {
	int error;
	char step[28];
};
/* In the new process, a child of parent: becomes the command, or writes a failure to report_fd
 * (which closes when it succeeds) and exits. */
_Noreturn void rv_exec_start_go(
	const struct rv_exec_start *s, pid_t parent, int out_fd, int err_fd, int report_fd);
#endif
