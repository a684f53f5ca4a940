/* What the server's files share: server > loops (a thread each) > connections > one request each.
 * Everything of a loop belongs to its thread, but for the queue of tasks. */
#ifndef RV_HTTP_SERVER_INT_H
#define RV_HTTP_SERVER_INT_H
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <uv.h>

#include "http/http.h"

enum { RV_HTTP_LOOPS_MAX = 64, RV_HTTP_LISTENS_MAX = 16, RV_HTTP_PARAMS_MAX = 8 };

/* ---- router.c ---- */

struct rv_http_param_value {
	const char *name; /* within the pattern, name_n bytes */
	size_t name_n;
	struct rv_str value;
};
struct rv_http_match {
	const struct rv_http_route *route;
	void *self;
	struct rv_http_param_value params[RV_HTTP_PARAMS_MAX];
	size_t n_params;
};
/* False: no route; *ret_allowed then has a bit (1 << method) for each method the path has, 0 =
 * unknown path. */
bool rv_http_router_match(const struct rv_http_router *router, enum rv_http_method method,
	struct rv_str path, struct rv_http_match *ret, unsigned *ret_allowed);
/* The largest max_body_bytes of a route. */
uint64_t rv_http_router_max_body(const struct rv_http_router *router);

/* ---- listen.c ---- */

union rv_http_sockaddr {
	struct sockaddr any;
	struct sockaddr_in in4;
	struct sockaddr_in6 in6;
	struct sockaddr_un un;
};
/* Errors: RV_EINVAL. */
RV_MUST_USE enum rv_code rv_http_address_parse(
	const char *address, union rv_http_sockaddr *ret, socklen_t *ret_n, struct rv_err *err);
/* n_fds listening sockets that share the address (one socket duplicated for Unix sockets). */
RV_MUST_USE enum rv_code rv_http_listen_open(
	const struct rv_http_listen *l, int *fds, size_t n_fds, int *ret_port, struct rv_err *err);

/* ---- the server ---- */

/* What a connection may be late with. A list for each; all its members have the same timeout, so
 * the oldest is first. */
enum rv_http_wait { W_NONE, W_IDLE, W_HEAD, W_BODY, W_SEND, W_LINGER, W_COUNT };

enum rv_http_conn_state {
	C_HANDSHAKE, /* TLS */
	C_HEAD, /* reading a head, or idle */
	C_BODY,
	C_HANDLER, /* the handler has the request */
	C_STREAM, /* and has begun to answer in pieces */
	C_FLUSH, /* what is in out goes out, then the connection closes */
	C_LINGER, /* told to close; reads on for a moment so that the client gets to read the reply
		   */
	C_CLOSED,
};

struct rv_http_conn {
	uv_poll_t poll; /* first: closed through uv_close */
	int fd;
	int events; /* polled for now */
	enum rv_http_conn_state state;
	struct rv_http_loop *loop;
	SSL *ssl; /* NULL: plain */
	struct rv_http_conn *all_prev, *all_next;
	struct rv_http_conn *wait_prev, *wait_next;
	enum rv_http_wait wait;
	uint64_t wait_until_ms; /* loop time */

	char *in; /* a block of the loop's, or NULL */
	size_t in_at, in_n; /* the current request begins at in_at */
	size_t find_from, head_n; /* relative to in_at */
	uint64_t body_left; /* C_BODY with a length and a buffer of its own */
	struct rv_http_chunked chunked;
	struct rv_http_req *req; /* the current one */

	struct rv_buf out; /* a spare of the loop's when something waits to be sent */
	size_t out_at;
	uint32_t n_requests;
	bool is_busy; /* conn_run is on the stack */
	bool is_eof; /* the client sends no more */
	bool saw_hup; /* the same, seen while bytes still wait unread */
	bool is_last; /* close after the reply */
	bool has_unread; /* bytes of the client will stay unread: linger */
	bool ssl_wants_write;
	bool handle_closed; /* libuv is done with poll */
	size_t lingered_bytes;
	struct rv_http_peer peer;
};

struct rv_http_req {
	struct rv_http_task post; /* first: a posted reply */
	struct rv_http_conn *conn;
	struct rv_http_loop *loop;
	struct rv_http_req *prev, *next; /* of the loop's live requests */
	struct rv_http_head head;
	struct rv_http_match match;
	struct rv_str body, request_id;
	struct rv_buf body_buf;
	struct rv_arena arena;
	struct rv_http_watch watch;
	bool was_cancelled;
	uv_timer_t *timer;
	void (*timer_fn)(struct rv_http_req *r, void *arg);
	void *timer_arg;
	void (*drain_fn)(struct rv_http_req *r, void *arg);
	void *drain_arg;
	/* the reply */
	int status;
	bool is_json; /* type is application/json and stands not in extra */
	bool is_chunked; /* stream to HTTP/1.1 */
	bool is_bodyless; /* stream to HEAD */
	bool wants_drain; /* a write was refused */
	struct rv_buf extra; /* header lines */
	struct rv_buf out; /* the body, when it has to be kept */
	struct rv_str reply_body;
};

struct rv_http_list {
	struct rv_http_conn *first, *last;
};
struct rv_http_acceptor {
	uv_poll_t poll;
	struct rv_http_loop *loop;
	int fd, index;
	bool is_unix, is_plain, is_open;
};
enum { RV_HTTP_SPARES_MAX = 128 };
struct rv_http_loop {
	struct rv_http_server *server;
	uv_loop_t uv;
	uv_async_t wake;
	uv_timer_t wait_timer, accept_timer;
	pthread_t thread;
	bool has_thread, is_stopping, is_quitting;
	_Atomic(struct rv_http_task *) tasks; /* newest first */
	_Atomic int n_pushing; /* threads that are in the middle of posting */
	struct rv_http_task stop_task, cut_task, quit_task;
	struct rv_http_acceptor acceptors[RV_HTTP_LISTENS_MAX];
	struct rv_http_conn *conns;
	struct rv_http_list waits[W_COUNT];
	uint64_t wait_timer_at_ms; /* 0: not running */
	struct rv_http_req *live_reqs;
	/* kept warm */
	char *spare_in[RV_HTTP_SPARES_MAX];
	size_t n_spare_in;
	struct rv_buf spare_out[RV_HTTP_SPARES_MAX];
	size_t n_spare_out;
	struct rv_http_req *spare_reqs; /* by next */
	size_t n_spare_reqs;
	int64_t date_s;
	char date_line[8 + RV_HTTP_DATE_SIZE]; /* "Date: …\r\n", not terminated */
	size_t date_n;
	_Atomic uint64_t n_requests, n_refused, n_accepted, n_wakes;
};

enum { RV_HTTP_SERVER_MAGIC = 0x52564854 };
struct rv_http_server {
	uint32_t magic;
	struct rv_http_server_opts o; /* defaults filled in; listens is NULL */
	struct rv_http_limits limits;
	SSL_CTX *ssl;
	size_t n_listens;
	int ports[RV_HTTP_LISTENS_MAX];
	char *unlink_paths[RV_HTTP_LISTENS_MAX];
	int64_t timeouts_ms[W_COUNT];
	size_t in_block_bytes;
	unsigned n_loops;
	struct rv_http_loop *loops;
	_Atomic uint32_t n_open;
	_Atomic int corks;
	pthread_mutex_t lock; /* with empty: n_open became 0 */
	pthread_cond_t empty;
	bool is_started, is_stopped;
};

/* ---- loop.c ---- */
RV_MUST_USE enum rv_code rv_http_loop_init(
	struct rv_http_loop *l, struct rv_http_server *s, struct rv_err *err);
/* Only of a loop whose thread does not run (any more). */
void rv_http_loop_done(struct rv_http_loop *l);
void rv_http_wake_if_any(struct rv_http_loop *l);
void rv_http_wait_set(struct rv_http_conn *c, enum rv_http_wait w);
char *rv_http_in_take(struct rv_http_loop *l);
void rv_http_in_give(struct rv_http_loop *l, char *block);
void rv_http_out_take(struct rv_http_loop *l, struct rv_buf *out);
void rv_http_out_give(struct rv_http_loop *l, struct rv_buf *out);
struct rv_http_req *rv_http_req_take(struct rv_http_loop *l);
void rv_http_req_give(struct rv_http_req *r);
struct rv_str rv_http_date_line(struct rv_http_loop *l);

/* ---- accept.c ---- */
RV_MUST_USE enum rv_code rv_http_accept_start(struct rv_http_loop *l, struct rv_err *err);
void rv_http_accept_stop(struct rv_http_loop *l);
void rv_http_accept_retry(uv_timer_t *t);

/* ---- conn.c ---- */
/* Takes fd over. */
void rv_http_conn_open(struct rv_http_acceptor *a, int fd, const struct rv_http_peer *peer);
/* Goes on after a reply: sends, and begins with the next request. */
void rv_http_conn_run(struct rv_http_conn *c);
void rv_http_conn_late(struct rv_http_conn *c);
/* A stop: an idle one closes, others after their reply. */
void rv_http_conn_wind_up(struct rv_http_conn *c);
void rv_http_conn_close(struct rv_http_conn *c);
/* The request of c has been answered in full. */
void rv_http_conn_answered(struct rv_http_conn *c);
/* Refuses what is being read with a problem, and closes. */
void rv_http_conn_refuse(
	struct rv_http_conn *c, int status, enum rv_code code, const char *message);
void rv_http_conn_free(struct rv_http_conn *c);
/* Bytes that wait to be sent; beyond RV_HTTP_OUT_FULL no further request is begun. */
enum { RV_HTTP_OUT_FULL = 256 << 10 };
static inline size_t rv_http_conn_pending(const struct rv_http_conn *c)
{
	return c->out.n - c->out_at;
}
/* Moves what is unread to the block's front; only while no request is under way. */
void rv_http_conn_compact(struct rv_http_conn *c);

/* ---- conn_request.c: true when something was done and there may be more to do ---- */
bool rv_http_conn_step_head(struct rv_http_conn *c);
bool rv_http_conn_step_body(struct rv_http_conn *c);

/* ---- wire.c: bytes in and out, plain or TLS ---- */
enum { RV_HTTP_AGAIN = -1, RV_HTTP_BROKEN = -2 };
/* Bytes read, 0 at the end, or RV_HTTP_AGAIN / RV_HTTP_BROKEN. */
ssize_t rv_http_wire_read(struct rv_http_conn *c, char *p, size_t n);
ssize_t rv_http_wire_write(struct rv_http_conn *c, const char *p, size_t n);
/* RV_HTTP_AGAIN, RV_HTTP_BROKEN, or 1 when done. */
int rv_http_wire_handshake(struct rv_http_conn *c);
void rv_http_wire_shutdown(struct rv_http_conn *c);
RV_MUST_USE enum rv_code rv_http_tls_new(
	const char *cert_file, const char *key_file, SSL_CTX **ret, struct rv_err *err);

/* ---- reply.c ---- */
/* Writes a reply of the server's own into c->out. */
void rv_http_write_problem(struct rv_http_conn *c, const struct rv_http_head *head, int status,
	enum rv_code code, const char *message, struct rv_str extra);
void rv_http_req_cancel(struct rv_http_req *r);
/* done callback, timer; then the object goes back. */
void rv_http_req_end(struct rv_http_req *r);
#endif
