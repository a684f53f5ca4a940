/* One request of one worker, in a process of its own. */
#ifndef RV_POINTS_EXEC_CHILD_H
#define RV_POINTS_EXEC_CHILD_H
#include "points/exec/exec.h"
#include "points/exec/spool.h"

/* How the process ends, for its parent. */
enum { RV_EXEC_CHILD_DONE = 0, RV_EXEC_CHILD_SPOOLED = 3 };
struct rv_exec_child_opts {
	const struct rv_exec_conf *conf;
	const struct rv_exec_spool *spool;
	int sock;
	uid_t peer; /* as SO_PEERCRED had it */
};
/* Serves the request to its end; the process's exit status. SIGTERM is blocked by the caller and
 * let in only while nothing has been allowed. */
RV_MUST_USE int rv_exec_child_run(const struct rv_exec_child_opts *o);
/* {"type":"end",…} to a worker that gets no process of its own. Does not block. */
void rv_exec_turn_away(int sock, const char *status, const char *text);
#endif
