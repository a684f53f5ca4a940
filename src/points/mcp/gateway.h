/* What the files of the gateway share: the gateway > sessions (a client, a server's process) >
 * calls. All of it lives on one loop's thread. */
#ifndef RV_POINTS_MCP_GATEWAY_H
#define RV_POINTS_MCP_GATEWAY_H
#include <uv.h>

#include "base/clock.h"
#include "base/uuid.h"
#include "http/pool.h"
#include "points/ask/ask.h"
#include "points/mcp/mcp.h"
#include "points/mcp/pin.h"
#include "points/mcp/rpc.h"
#include "points/mcp/upstream.h"

enum {
	RV_MCP_TOKEN_MAX = 128,
	RV_MCP_CALL_ARENA_BYTES = 64 << 20, /* at most; a message is read into it */
	RV_MCP_BUCKETS = 64,
};

struct rv_mcp_session;
struct rv_mcp_call;
struct rv_mcp_front;
struct rv_mcp_report;

struct rv_mcp_gateway {
	uv_loop_t *loop;
	const struct rv_mcp_conf *conf;
	struct rv_arena arena; /* as long as the process */
	struct rv_mcp_backend *backends; /* in the order of conf->servers */
	struct rv_http_pool *serve;
	struct rv_str auth; /* "Bearer rvp_…" */
	struct rv_mcp_pins *pins;
	struct rv_mcp_session *sessions;
	size_t n_sessions;
	struct rv_mcp_front *fronts; /* front_unix.c's */
	struct rv_mcp_report *reports; /* serve.c's: outcomes that serve has not taken yet */
	size_t n_reports;
	uv_timer_t beat; /* looks after sessions and pins */
	uv_signal_t term, intr;
	uv_poll_t acceptor;
	int listen_fd, lock_fd;
	bool is_stopping, is_grace_over;
};

/* ---- how a client is reached ----------------------------------------------------------------- */

struct rv_mcp_front_ops {
	/* A whole message for the client. Copies. */
	void (*send)(void *front, struct rv_str message);
	/* The session is over; why may be NULL. Nothing is sent any more, and the session is gone.
	 */
	void (*over)(void *front, const char *why);
};

/* ---- session.c ------------------------------------------------------------------------------- */

/* A request of the client's, or one of our own (m.id NULL), on its way. */
struct rv_mcp_call {
	struct rv_mcp_session *session;
	struct rv_mcp_call *next; /* of the session's, or spare */
	struct rv_arena arena;
	struct rv_rpc m; /* in the arena */
	int64_t up_id; /* our id towards the server; 0: it does not have the call */
	/* The server's reply; NULL: there will be none, why tells. Ends the call. */
	void (*finish)(struct rv_mcp_call *c, const struct rv_rpc *reply, const char *why);
	struct rv_http_call *asking; /* a question to serve under way */
	uv_timer_t timer; /* of the server's answer, or of the wait for people */
	bool has_timer;
	/* guard.c */
	struct rv_str resource_type, resource_id, action;
	struct rv_ask_answer answer;
	struct rv_str approval; /* the one that is waited for; n == 0: none */
	char request_id[RV_UUID_SIZE];
	uint64_t wait_until_ms;
	int64_t n_progress;
	int n_tries;
	/* tools.c: set while it waits for the list of tools. */
	void (*learned)(struct rv_mcp_call *c, const char *why);
	/* list.c */
	struct rv_mcp_listing *listing;
};

/* A tool as the server defines it now. */
struct rv_mcp_tool {
	struct rv_str name, canonical;
	const struct rv_json *tree;
};
struct rv_mcp_tools {
	struct rv_arena arena;
	struct rv_mcp_tool *v;
	size_t n, cap;
};

struct rv_mcp_session {
	struct rv_mcp_gateway *gw;
	struct rv_mcp_session *prev, *next;
	const struct rv_mcp_backend *backend;
	struct rv_mcp_upstream *up;
	const struct rv_mcp_front_ops *front_ops;
	void *front;
	void (*ready)(void *front, const struct rv_err *err); /* NULL: it was told */
	char token[RV_MCP_TOKEN_MAX + 1];
	char system[RV_MCP_NAME_MAX + 1];
	struct rv_mcp_call *calls;
	size_t n_calls;
	int64_t last_id;
	struct rv_http_call *checking; /* whether the system may still act */
	struct rv_arena scratch; /* of the server's message that is being read */
	/* What the server asked the client. */
	struct rv_mcp_back *backs;
	size_t n_backs;
	int64_t last_back_id;
	struct rv_mcp_tools tools; /* as of the last whole list */
	struct rv_mcp_tools fresh; /* of the list that is coming, page by page */
	int n_pages;
	bool knows_tools, is_learning;
	bool is_over;
	int n_busy; /* on the stack: freed when it is back to 0 */
};
struct rv_mcp_back {
	struct rv_mcp_back *next;
	int64_t id; /* ours, towards the client */
	char server_id[]; /* JSON text */
};

/* Opens a session for a credential: asks serve whose it is, then starts the server. ready runs
 * once, with err NULL when the session is open. Until then only rv_mcp_session_drop may be called.
 * NULL: refused at once, err tells. */
struct rv_mcp_session *rv_mcp_session_open(struct rv_mcp_gateway *gw, struct rv_str server,
	struct rv_str token, const struct rv_mcp_front_ops *ops, void *front,
	void (*ready)(void *front, const struct rv_err *err), struct rv_err *err);
/* A message of the client's. */
void rv_mcp_session_client(struct rv_mcp_session *s, struct rv_str text);
/* The client is gone. */
void rv_mcp_session_drop(struct rv_mcp_session *s);
/* Ends it from our side: over runs. */
void rv_mcp_session_end(struct rv_mcp_session *s, const char *why);
/* Looks whether the system may still act; ends the session when it may not. */
void rv_mcp_session_check(struct rv_mcp_session *s);
/* Tells the client that the list of tools is another now. */
void rv_mcp_session_tools_changed(struct rv_mcp_session *s);

/* Sends what a buffer holds to the client, secrets struck out. */
void rv_mcp_to_client(struct rv_mcp_session *s, const struct rv_buf *b);
/* A call of our own. NULL: no memory. */
struct rv_mcp_call *rv_mcp_call_new(struct rv_mcp_session *s);
/* A client of MCP 2026-07-28 says in every request which version it speaks. */
bool rv_mcp_is_modern(const struct rv_mcp_call *c);
/* Answers the client with an error. Ends the call. */
void rv_mcp_call_fail(struct rv_mcp_call *c, int64_t code, const char *text);
/* Sends the call to the server under an id of ours; finish gets the reply, within the server's
 * timeout. */
void rv_mcp_call_forward(struct rv_mcp_call *c,
	void (*finish)(struct rv_mcp_call *c, const struct rv_rpc *reply, const char *why));
/* Hands the server's reply to the client as it came. Ends the call. */
void rv_mcp_call_pass(struct rv_mcp_call *c, const struct rv_rpc *reply, const char *why);
/* Runs fn(c's timer) once; one timer a call. */
void rv_mcp_call_after(struct rv_mcp_call *c, int64_t ms, uv_timer_cb fn);
void rv_mcp_call_no_timer(struct rv_mcp_call *c);
/* Ends it: nothing more is sent about it. */
void rv_mcp_call_end(struct rv_mcp_call *c);

/* ---- guard.c: calls that are decided about --------------------------------------------------- */

/* True when the method acts on something: tools/call, resources/read, prompts/get … */
bool rv_mcp_is_guarded(struct rv_str method);
void rv_mcp_guard(struct rv_mcp_call *c);

/* ---- tools.c: what the server offers --------------------------------------------------------- */

/* Asks the server for its whole list of tools and takes note of it; then done(c, why): why NULL
 * when session->tools is fresh. c waits meanwhile. */
void rv_mcp_learn_tools(
	struct rv_mcp_call *c, void (*done)(struct rv_mcp_call *c, const char *why));
const struct rv_mcp_tool *rv_mcp_tool_find(const struct rv_mcp_session *s, struct rv_str name);
/* Whether a person approved exactly this, and the program that offers it. */
enum rv_mcp_pin_state rv_mcp_tool_state(
	const struct rv_mcp_session *s, const struct rv_mcp_tool *t);

/* ---- list.c: what a worker is shown ---------------------------------------------------------- */

/* tools/list, resources/list, resources/templates/list, prompts/list. */
bool rv_mcp_is_list(struct rv_str method);
void rv_mcp_list(struct rv_mcp_call *c);

/* ---- scrub.c --------------------------------------------------------------------------------- */

/* v with every string in it free of the server's secrets. */
void rv_mcp_put_scrubbed(
	struct rv_json_w *w, const struct rv_mcp_backend *b, const struct rv_json *v);

/* ---- serve.c: questions to `reeve serve` ----------------------------------------------------- */

struct rv_mcp_question {
	enum rv_http_method method;
	struct rv_str path, body;
	struct rv_str as; /* "Bearer …" to ask as; n == 0: as the point */
	struct rv_str subject_token; /* n == 0: none */
	const char *request_id; /* NULL: none, and the call is not repeated */
	int64_t deadline_ms; /* 0: the pool's */
};
/* NULL: not begun, err tells. */
struct rv_http_call *rv_mcp_ask(struct rv_mcp_gateway *gw, const struct rv_mcp_question *q,
	const struct rv_http_call_ops *ops, void *arg, struct rv_err *err);
void rv_mcp_id_new(char buf[RV_UUID_SIZE]);
/* Reports what came of an intent; tried again until serve takes it or the process ends. */
void rv_mcp_report(struct rv_mcp_gateway *gw, struct rv_str intent, const char *status,
	struct rv_str detail_json);
/* At the end: those that serve did not take are logged and given up. */
void rv_mcp_reports_drop(struct rv_mcp_gateway *gw);

/* ---- front_unix.c ---------------------------------------------------------------------------- */

RV_MUST_USE enum rv_code rv_mcp_front_unix_open(struct rv_mcp_gateway *gw, struct rv_err *err);
void rv_mcp_front_unix_close(struct rv_mcp_gateway *gw);
#endif
