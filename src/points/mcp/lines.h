/* Lines over a libuv stream, as the stdio transport has them: one message a line, bounded on both
 * ways. On the loop's thread. */
#ifndef RV_POINTS_MCP_LINES_H
#define RV_POINTS_MCP_LINES_H
#include <uv.h>

#include "base/buf.h"

struct rv_mcp_lines {
	uv_pipe_t pipe; /* opened by the owner, who sets arg */
	struct rv_buf in;
	size_t scanned; /* of in: no line's end before it */
	size_t max_line, max_waiting; /* bytes of one line; bytes not taken by the other side */
	/* line: may close; empty lines are left out. end: once, with what was wrong or NULL. */
	void (*line)(void *arg, struct rv_str line);
	void (*end)(void *arg, const char *why);
	void *arg;
	char *chunk;
	bool is_over;
};
RV_MUST_USE enum rv_code rv_mcp_lines_init(struct rv_mcp_lines *l, uv_loop_t *loop, size_t max_line,
	size_t max_waiting, struct rv_err *err);
void rv_mcp_lines_start(struct rv_mcp_lines *l);
/* Copies and adds the end of the line. Errors: RV_EBUSY too much waits; RV_ECLOSED. */
RV_MUST_USE enum rv_code rv_mcp_lines_send(
	struct rv_mcp_lines *l, struct rv_str line, struct rv_err *err);
/* Stops reading; no callback any more. The pipe is closed by the owner, who then calls _done. */
void rv_mcp_lines_stop(struct rv_mcp_lines *l);
void rv_mcp_lines_done(struct rv_mcp_lines *l);
#endif
