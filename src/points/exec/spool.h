/* Outcomes that must not be lost: a file an intent, from before the command starts until the server
 * has taken the report (spool.c tells the format). Blocking; a process at a time by the lock, and
 * its children a file each. */
#ifndef RV_POINTS_EXEC_SPOOL_H
#define RV_POINTS_EXEC_SPOOL_H
#include "points/exec/ask.h"

struct rv_exec_spool {
	const char *dir;
	char instance[37]; /* of this run of the runner */
	int lock_fd; /* held by the runner and its children */
};
/* Makes the folder (0700) when it is not there, checks that nobody else may look into it, locks it.
 * Errors: RV_EPERM, RV_EBUSY another runner has it, RV_EIO. */
RV_MUST_USE enum rv_code rv_exec_spool_open(
	struct rv_exec_spool *s, const char *dir, struct rv_err *err);
void rv_exec_spool_close(struct rv_exec_spool *s);
/* Durable note that the command of this intent is about to start. */
RV_MUST_USE enum rv_code rv_exec_spool_begin(
	const struct rv_exec_spool *s, struct rv_str intent, struct rv_err *err);
/* Durable: report (the body of POST /v1/outcomes) takes the note's place. */
RV_MUST_USE enum rv_code rv_exec_spool_end(const struct rv_exec_spool *s, struct rv_str intent,
	struct rv_str report, struct rv_err *err);
/* One attempt; the file is gone when it was taken, and renamed to *.rejected when it never will be.
 */
RV_MUST_USE enum rv_exec_reach rv_exec_spool_send(const struct rv_exec_spool *s,
	struct rv_exec_serve *serve, struct rv_str intent, struct rv_str report,
	struct rv_err *err);
/* Sends what lies there and belongs to no living process; ret_left: what could not be sent, or is
 * running. */
RV_MUST_USE enum rv_code rv_exec_spool_flush(const struct rv_exec_spool *s,
	struct rv_exec_serve *serve, size_t *ret_left, struct rv_err *err);
#endif
