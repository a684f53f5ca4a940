/* JSON-RPC 2.0 as MCP uses it: one message, strictly. Pure; one thread. */
#ifndef RV_POINTS_MCP_RPC_H
#define RV_POINTS_MCP_RPC_H
#include "base/json.h"

enum rv_rpc_kind {
	RV_RPC_UNSET,
	RV_RPC_REQUEST,
	RV_RPC_NOTIFICATION,
	RV_RPC_RESULT,
	RV_RPC_ERROR,
};
/* Codes of JSON-RPC; those of -32000 to -32019 are an implementation's own (MCP 2026-07-28). */
enum {
	RV_RPC_PARSE_ERROR = -32700,
	RV_RPC_INVALID_REQUEST = -32600,
	RV_RPC_METHOD_NOT_FOUND = -32601,
	RV_RPC_INVALID_PARAMS = -32602,
	RV_RPC_INTERNAL = -32603,
	RV_RPC_REFUSED = -32001, /* decided: no, or nobody could decide */
};
enum { RV_RPC_MESSAGE_MAX = 4 << 20, RV_RPC_METHOD_MAX = 128, RV_RPC_ID_MAX = 256 };

struct rv_rpc {
	enum rv_rpc_kind kind;
	const struct rv_json
		*id; /* string or integer; NULL: notification, or an error about no request */
	struct rv_str method;
	const struct rv_json *params; /* an object, or NULL */
	const struct rv_json *result; /* an object */
	const struct rv_json *error; /* an object with code and message */
};
/* Reads one message; the tree points into text. Refused: batches, unknown members, ids that are
 * neither string nor integer, params that are no object, results that are none. Errors: RV_EINVAL,
 * RV_ELIMIT. ret->id is set even then, when the text could be read that far. */
RV_MUST_USE enum rv_code rv_rpc_read(
	struct rv_arena *a, struct rv_str text, struct rv_rpc *ret, struct rv_err *err);

/* "tools/call" of a request's params by name; NULL when absent or of another type. */
const struct rv_json *rv_rpc_param(
	const struct rv_rpc *m, const char *name, enum rv_json_type type);

/* Writers: begin the message and leave the writer where result, params or error goes. id NULL:
 * null. */
void rv_rpc_w_request(struct rv_json_w *w, const struct rv_json *id, struct rv_str method);
void rv_rpc_w_request_n(struct rv_json_w *w, int64_t id, struct rv_str method);
void rv_rpc_w_notification(struct rv_json_w *w, struct rv_str method);
void rv_rpc_w_reply(struct rv_json_w *w, const struct rv_json *id);
void rv_rpc_w_reply_n(struct rv_json_w *w, int64_t id);
/* A whole error reply. */
void rv_rpc_w_error(
	struct rv_json_w *w, const struct rv_json *id, int64_t code, struct rv_str message);
#endif
