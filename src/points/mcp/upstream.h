/* A server's process behind one session: lines out, lines in. On the loop's thread. */
#ifndef RV_POINTS_MCP_UPSTREAM_H
#define RV_POINTS_MCP_UPSTREAM_H
#include "points/mcp/mcp.h"

struct uv_loop_s;
struct rv_mcp_upstream;

/* What the gateway knows of a server beyond its configuration: its secrets, read once. */
struct rv_mcp_backend {
	const struct rv_mcp_server *conf;
	struct rv_str *secrets; /* values, in the order of conf->secrets */
	const char *const *argv, *const *envp; /* for the process */
	struct rv_str program; /* canonical JSON: {"argv":[…],"files":{path: digest}} */
};
/* Reads the secrets' files (each 0600 and ours or root's) and hashes what is started. Errors:
 * RV_EPERM, RV_ENOENT, RV_EINVAL. */
RV_MUST_USE enum rv_code rv_mcp_backend_open(struct rv_arena *a, const struct rv_mcp_server *conf,
	struct rv_mcp_backend *ret, struct rv_err *err);

struct rv_mcp_upstream_ops {
	void (*line)(void *arg, struct rv_str line); /* without its end; may close */
	void (*gone)(void *arg, const char *why); /* once; nothing is called any more */
};
/* Starts the process in a group of its own, with nothing of ours but three pipes; what it says on
 * its standard error is logged. Errors: RV_EIO it cannot be started. */
RV_MUST_USE enum rv_code rv_mcp_upstream_start(struct uv_loop_s *loop,
	const struct rv_mcp_backend *b, const struct rv_mcp_upstream_ops *ops, void *arg,
	struct rv_mcp_upstream **ret, struct rv_err *err);
/* Copies; the line's end is added. Errors: RV_EBUSY it does not read what it is sent. */
RV_MUST_USE enum rv_code rv_mcp_upstream_send(
	struct rv_mcp_upstream *u, struct rv_str line, struct rv_err *err);
/* Closes its input, then asks it to end, then kills its group. No callback runs any more. closed
 * (may be NULL) runs when the process is gone and its handles are closed. */
void rv_mcp_upstream_close(struct rv_mcp_upstream *u, void (*closed)(void *arg), void *arg);
#endif
