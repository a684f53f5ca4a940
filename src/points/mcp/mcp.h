/* The MCP gateway: a process that stands between MCP clients and MCP servers. It holds the servers'
 * secrets and reads hostile bytes from both sides; what a worker may do is asked of `reeve serve`,
 * call by call.
 *
 * A client's session has one instance of a server behind it: a process of its own, started without
 * anything of ours. Every message is read, decided about, and written anew from what was read. */
#ifndef RV_POINTS_MCP_MCP_H
#define RV_POINTS_MCP_MCP_H
#include "base/buf.h"
#include "base/json.h"

#define RV_MCP_SOCKET "/run/reeve-mcp/mcp.sock"

/* ---- configuration --------------------------------------------------------------------------- */

enum {
	RV_MCP_NAME_MAX = 64,
	RV_MCP_SERVERS_MAX = 64,
	RV_MCP_ARGS_MAX = 64,
	RV_MCP_ENV_MAX = 32,
};
struct rv_mcp_pair {
	struct rv_str name, value; /* value: NUL-terminated besides */
};
/* A server behind the gateway, started as a process. */
struct rv_mcp_server {
	struct rv_str name;
	const struct rv_str *argv; /* NUL-terminated besides; argv[0]: absolute path */
	size_t n_argv;
	struct rv_str cwd; /* p == NULL: "/" */
	const struct rv_mcp_pair *env; /* all of its environment but for secrets */
	size_t n_env;
	const struct rv_mcp_pair *secrets; /* environment from files: name, path */
	size_t n_secrets;
	int64_t timeout_ms; /* of one request to it */
	int64_t result_bytes; /* of one result */
};
struct rv_mcp_conf {
	struct rv_str server, ca_file,
		token_file; /* of `reeve serve`; ca_file.p == NULL: system's */
	struct rv_str socket, state; /* where clients come in; the folder of the pins */
	int64_t hold_wait_ms; /* how long a held call waits for people before the client is told */
	int64_t max_sessions, max_calls; /* max_calls: under way in one session */
	const struct rv_mcp_server *servers;
	size_t n_servers;
};
/* Reads mcp.yaml (docs/mcp.md). path: for messages. The result lies in the arena. Errors:
 * RV_EINVAL, RV_ELIMIT with line and column. Looks at no file. */
RV_MUST_USE enum rv_code rv_mcp_conf_read(struct rv_arena *a, struct rv_str text, const char *path,
	const struct rv_mcp_conf **ret, struct rv_err *err);
/* NULL: no such server. */
const struct rv_mcp_server *rv_mcp_server_find(const struct rv_mcp_conf *c, struct rv_str name);

/* ---- gateway --------------------------------------------------------------------------------- */

struct rv_mcp_opts {
	const struct rv_mcp_conf *conf;
	int ready_fd; /* a byte is written when it listens; -1: none */
};
/* Runs until SIGTERM or SIGINT. Errors: RV_EPERM a file that others may read or change; RV_EBUSY
 * another gateway has the socket or the state; RV_EIO. */
RV_MUST_USE enum rv_code rv_mcp_run(const struct rv_mcp_opts *o, struct rv_err *err);

/* ---- pins ------------------------------------------------------------------------------------ */

/* What the gateway knows of a server's tools: those a person approved, and those it saw. */
struct rv_mcp_pins;
enum rv_mcp_pin_state {
	RV_MCP_PIN_UNSET,
	RV_MCP_PIN_NEW, /* seen, never approved */
	RV_MCP_PIN_CHANGED, /* approved once, and other now */
	RV_MCP_PIN_APPROVED, /* as approved */
	RV_MCP_PIN_GONE, /* approved, and not offered when it was last looked at */
};
struct rv_mcp_pin {
	struct rv_str server, tool;
	enum rv_mcp_pin_state state;
	struct rv_str approved, seen; /* canonical definitions; n == 0: none */
	struct rv_str by, at; /* who approved and when; may be empty */
};
/* Opens the folder's file, which may not be there yet. Errors: RV_ECORRUPT it cannot be read. */
RV_MUST_USE enum rv_code rv_mcp_pins_open(
	const char *dir, struct rv_mcp_pins **ret, struct rv_err *err);
void rv_mcp_pins_free(struct rv_mcp_pins *p);
size_t rv_mcp_pins_count(const struct rv_mcp_pins *p);
struct rv_mcp_pin rv_mcp_pins_at(const struct rv_mcp_pins *p, size_t i);
/* Approves what was seen of a tool (tool.n == 0: of all of the server's) and writes the file.
 * *ret_n: how many. Errors: RV_ENOENT nothing of that name was seen. */
RV_MUST_USE enum rv_code rv_mcp_pins_approve(struct rv_mcp_pins *p, struct rv_str server,
	struct rv_str tool, struct rv_str by, size_t *ret_n, struct rv_err *err);

/* ---- the client's command -------------------------------------------------------------------- */

struct rv_mcp_relay_opts {
	const char *socket; /* NULL: RV_MCP_SOCKET */
	const char *server;
	const char *token_file; /* NULL: $REEVE_TOKEN_FILE, else ~/.config/reeve/token */
	int in_fd, out_fd;
};
/* Carries an MCP client's lines to the gateway and back, until one side ends. Errors: RV_EAUTH no
 * good credential; RV_ENOENT no such server; RV_ECLOSED no gateway. */
RV_MUST_USE enum rv_code rv_mcp_relay(const struct rv_mcp_relay_opts *o, struct rv_err *err);
#endif
