/* The HTTP server: routes, requests, replies. Loops on threads of their own answer; a handler may
 * answer at once, later, or from any other thread. Every request is answered exactly once, and its
 * handle is good until then, whether or not the client still is there.
 *
 *   static void get_system(struct rv_http_req *r, void *self)
 *   {
 *           struct rv_str name = rv_http_param(r, "name");
 *           …
 *           rv_http_reply_json(r, 200, rv_buf_str(out));
 *   }
 *   static const struct rv_http_route routes[] = { { RV_HTTP_GET, "/v1/systems/{name}", get_system
 * }, … };
 */
#ifndef RV_HTTP_HTTP_H
#define RV_HTTP_HTTP_H
#include <sys/types.h>

#include "base/json.h"
#include "http/codec.h"

struct rv_http_req;
struct rv_http_server;
struct rv_http_router;
struct rv_http_loop;

/* ---- routes ---- */

/* Runs on the loop's thread; must not block. self: the table's. */
typedef void rv_http_handler(struct rv_http_req *r, void *self);

/* pattern: literal segments, "{name}" for one segment, "{name*}" last for all that is left (may be
 * empty). A literal beats a parameter. HEAD is answered by GET's handler. */
struct rv_http_route {
	enum rv_http_method method;
	const char *pattern;
	rv_http_handler *run;
	uint64_t max_body_bytes; /* 0: the server's */
	const void *meta; /* the caller's own, e.g. the right it needs; rv_http_route_of(r)->meta */
};
struct rv_http_table {
	const struct rv_http_route *routes; /* must outlive the router */
	size_t n;
	void *self; /* passed to the handlers */
};
/* Tables are copied, routes are not. Errors: RV_EINVAL a malformed pattern or two routes that mean
 * the same. */
RV_MUST_USE enum rv_code rv_http_router_new(const struct rv_http_table *tables, size_t n_tables,
	struct rv_http_router **ret, struct rv_err *err);
void rv_http_router_free(struct rv_http_router *router);
/* The i-th route of all tables, NULL behind the last: for the tests that hold documents against
 * them. */
const struct rv_http_route *rv_http_router_at(const struct rv_http_router *router, size_t i);

/* ---- requests: any thread may read until the reply is given ---- */

const struct rv_http_head *rv_http_head(const struct rv_http_req *r);
/* The whole body, decoded; n == 0 when there is none. */
struct rv_str rv_http_body(const struct rv_http_req *r);
/* First header of that name; p == NULL: none. Host, Content-*, Authorization, X-Request-ID and
 * Reeve-* are never there twice. */
struct rv_str rv_http_header(const struct rv_http_req *r, const char *name);
/* A path parameter, decoded; the name must be in the pattern (asserted). */
struct rv_str rv_http_param(const struct rv_http_req *r, const char *name);
const struct rv_http_route *rv_http_route_of(const struct rv_http_req *r);
/* Well-formed X-Request-ID (1..128 of A-Z a-z 0-9 . _ : / + = @ -); p == NULL: none. */
struct rv_str rv_http_request_id(const struct rv_http_req *r);
/* Memory of this request, gone with the reply; warm, so that small use calls no malloc. Whoever
 * holds the handle. */
struct rv_arena *rv_http_arena(struct rv_http_req *r);
/* The body as strict JSON in that arena. RV_EINVAL: content type is not JSON, empty, malformed;
 * limits may be NULL. */
RV_MUST_USE enum rv_code rv_http_json(struct rv_http_req *r, const struct rv_json_limits *limits,
	const struct rv_json **ret, struct rv_err *err);

struct rv_http_peer {
	bool is_unix, is_tls, is_loopback; /* is_loopback: true for Unix sockets too */
	uid_t uid; /* Unix sockets: as the kernel saw them at connect; else (uid_t)-1 */
	gid_t gid;
	pid_t pid; /* 0 if unknown */
	int listener; /* index into the server's options */
	char address[64]; /* "127.0.0.1:51234", "unix" */
};
const struct rv_http_peer *rv_http_peer(const struct rv_http_req *r);

/* ---- replies ---- */

struct rv_http_reply {
	int status;
	const char *type; /* NULL: application/json. Static or alive until the call returns */
	struct rv_str body; /* copied, unless it is rv_http_out's */
	const struct rv_http_header
		*headers; /* further ones; copied. Not Date, Content-*, Connection, X-Request-ID */
	size_t n_headers;
};
/* The request's own buffer for a reply's body, empty at first: fill it and pass rv_buf_str of it as
 * body, so that nothing is copied. */
struct rv_buf *rv_http_out(struct rv_http_req *r);
/* Answers; the handle is gone. On the loop's thread. An ill-formed header or a failed buffer turns
 * it into a 500. */
void rv_http_reply(struct rv_http_req *r, const struct rv_http_reply *reply);
/* The same from any thread, without blocking. Many posted together wake a loop once (see
 * rv_http_cork). */
void rv_http_reply_post(struct rv_http_req *r, const struct rv_http_reply *reply);
/* Between cork and uncork (which nest, any thread) posts wait, and each loop that has some is woken
 * once at the end. */
void rv_http_cork(struct rv_http_server *s);
void rv_http_uncork(struct rv_http_server *s);
/* {"error":{"code":"RV_EINVAL","message":"where:1:2: …"}} with the code's HTTP status; 401 carries
 * WWW-Authenticate: Bearer. Messages of RV_EINTERNAL, RV_ECORRUPT and RV_EIO are for the log: the
 * client gets the code's own words. */
void rv_http_reply_err(struct rv_http_req *r, const struct rv_err *err);
void rv_http_reply_err_post(struct rv_http_req *r, const struct rv_err *err);
static inline void rv_http_reply_json(struct rv_http_req *r, int status, struct rv_str json)
{
	rv_http_reply(r, &(struct rv_http_reply){ .status = status, .body = json });
}

/* ---- waiting: on the loop's thread ---- */

/* cancel: the client has closed its side, is gone, or the server is stopping: answer soon. Called
 * once at most, and not once answered. The reply still reaches a client that only half closed, and
 * is dropped if it is gone. With replies from another thread cancel may run beside them: lock what
 * both use. done: the last word about this request, after which neither is called; free arg here.
 * Either may be NULL. */
struct rv_http_watch {
	void (*cancel)(struct rv_http_req *r, void *arg);
	void (*done)(void *arg);
	void *arg;
};
void rv_http_watch(struct rv_http_req *r, const struct rv_http_watch *w);
/* Runs fn(r, arg) once, after_ms from now, unless the request is answered before. One timer a
 * request: a second call moves it. With replies from another thread fn may run beside them. */
void rv_http_after(struct rv_http_req *r, int64_t after_ms,
	void (*fn)(struct rv_http_req *r, void *arg), void *arg);

/* Work for a loop's thread from any thread; the caller owns the node until fn runs. Coalesced and
 * corked like posts. */
struct rv_http_task {
	struct rv_http_task *next;
	void (*fn)(struct rv_http_task *t);
};
struct rv_http_loop *rv_http_loop_of(const struct rv_http_req *r);
/* The libuv loop under it, for handles of the caller's own (and http/pool.h): on its thread only,
 * and closed before rv_http_server_free. */
struct uv_loop_s *rv_http_loop_uv(struct rv_http_loop *loop);
/* 0 … n_threads - 1: for what a handler keeps per thread. */
unsigned rv_http_loop_index(const struct rv_http_loop *loop);
void rv_http_task_post(struct rv_http_loop *loop, struct rv_http_task *t);

/* ---- streams (server-sent events): on the loop's thread ---- */

/* Sends the head; the body follows in pieces (chunked). reply->body is the first piece. */
void rv_http_stream_start(struct rv_http_req *r, const struct rv_http_reply *reply);
/* RV_EBUSY: too much waits to be sent already, nothing was taken; drain runs when there is room.
 * RV_ECLOSED: the client is gone. */
RV_MUST_USE enum rv_code rv_http_stream_write(struct rv_http_req *r, struct rv_str bytes);
void rv_http_stream_on_drain(
	struct rv_http_req *r, void (*fn)(struct rv_http_req *r, void *arg), void *arg);
/* The handle is gone. Due exactly once for every start, whether or not the client still is there.
 */
void rv_http_stream_end(struct rv_http_req *r);

/* ---- server ---- */

struct rv_http_listen {
	const char *address; /* "127.0.0.1:8080", "[::1]:0", "unix:/run/reeve/reeve.sock" */
	mode_t unix_mode; /* 0: 0600 */
	bool is_plain; /* no TLS here though the server has a certificate; Unix sockets never have
			  it */
};
struct rv_http_server_opts {
	const struct rv_http_router *router; /* must outlive the server */
	const struct rv_http_listen *listens; /* copied; none: loops alone */
	size_t n_listens;
	unsigned n_threads; /* 0: 1; at most 64 */
	const char *tls_cert_file, *tls_key_file; /* PEM chain and key; NULL: no TLS */
	struct rv_http_limits limits;
	/* Zero means the default in the comment. */
	uint32_t max_connections; /* 4096, of all threads together; more get 503 and are closed */
	uint32_t max_requests; /* 1,000,000 on one connection */
	int64_t head_deadline_ms; /* 10,000 from the first byte of a request (or TLS handshake) to
				     the end of its head */
	int64_t body_deadline_ms; /* 30,000 from there to the end of its body */
	int64_t idle_timeout_ms; /* 60,000 between requests */
	int64_t send_timeout_ms; /* 30,000 in which a client takes nothing of what waits for it */
	size_t max_stream_bytes; /* 256 KiB waiting to be sent on one stream */
};
/* Binds and listens (so that ports are known and errors told), serves nothing yet.
 * Errors: RV_EINVAL an address or certificate; RV_EBUSY the address is in use; RV_EPERM; RV_EIO. */
RV_MUST_USE enum rv_code rv_http_server_new(
	const struct rv_http_server_opts *o, struct rv_http_server **ret, struct rv_err *err);
/* The i-th loop, i < n_threads; tasks posted to it run once the threads have started. */
struct rv_http_loop *rv_http_server_loop(struct rv_http_server *s, unsigned i);
/* Starts the loop threads. */
RV_MUST_USE enum rv_code rv_http_server_start(struct rv_http_server *s, struct rv_err *err);
/* TCP port of a listener; 0 for Unix sockets. */
int rv_http_server_port(const struct rv_http_server *s, size_t listener);
/* Stops accepting, lets requests in flight finish until the deadline, then cuts their connections
 * (cancel runs). Blocks until every connection is closed. Handles not answered yet stay good, their
 * replies are dropped. Any thread but a loop's. */
void rv_http_server_stop(struct rv_http_server *s, int64_t deadline_ms);
/* Stops (at once, if that was not done), joins the threads and frees. No thread may use a handle of
 * this server afterwards; requests never answered get their done callback. */
void rv_http_server_free(struct rv_http_server *s);

struct rv_http_stats {
	uint64_t connections, open_connections, requests, refused,
		wakes; /* refused: malformed, too large, too slow, too many */
};
void rv_http_server_stats(const struct rv_http_server *s, struct rv_http_stats *ret);

/* Is it an address at all? RV_EINVAL says what one looks like. Any thread. */
RV_MUST_USE enum rv_code rv_http_address_check(const char *address, struct rv_err *err);
/* Can the pair be used? RV_EINVAL names the file. Any thread. */
RV_MUST_USE enum rv_code rv_http_tls_check(
	const char *cert_file, const char *key_file, struct rv_err *err);
/* True when an address can only be reached from this machine: "unix:…", 127.0.0.0/8, [::1],
 * localhost. */
bool rv_http_address_is_local(const char *address);
#endif
