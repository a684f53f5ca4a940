/* What the pool's two files share: calls and their queue (pool.c), connections (pool_link.c). */
#ifndef RV_HTTP_POOL_INT_H
#define RV_HTTP_POOL_INT_H
#include <uv.h>

#include "http/client_int.h"
#include "http/pool.h"

enum rv_http_link_state {
	L_FINDING, /* the resolver looks for addresses */
	L_CONNECTING,
	L_HANDSHAKE, /* TLS */
	L_HEAD, /* a call is being sent and its head read */
	L_BODY,
	L_IDLE,
	L_CLOSED,
};

struct rv_http_link {
	uv_poll_t poll;
	uv_timer_t idle_timer;
	uv_getaddrinfo_t find;
	struct rv_http_pool *pool;
	struct rv_http_link *prev, *next; /* of the pool's links */
	struct rv_http_link *idle_next;
	enum rv_http_link_state state;
	struct addrinfo *addresses, *address; /* those left to try */
	SSL *ssl;
	struct rv_http_call *call;
	struct rv_buf in, body;
	struct rv_http_head head;
	struct rv_http_chunked chunked;
	uint64_t body_left;
	size_t sent_n, find_from;
	int fd, events, n_refs; /* n_refs: its open handles and its resolver */
	bool has_poll, is_finding, was_used, got_any, is_spoilt, ssl_wants_write;
};

struct rv_http_call {
	uv_timer_t timer;
	struct rv_http_pool *pool;
	struct rv_http_call *prev, *next; /* waiting, or spare (next alone) */
	struct rv_http_link *link; /* NULL: waits */
	struct rv_http_call_ops ops;
	void *arg;
	struct rv_buf out;
	enum rv_http_method method;
	bool is_repeatable, is_live;
};

enum { RV_HTTP_POOL_MAGIC = 0x52564850 };
struct rv_http_pool {
	uint32_t magic;
	uv_loop_t *loop;
	struct rv_http_pool_opts o; /* defaults filled in; its strings are NULL */
	struct rv_http_origin to;
	struct rv_http_limits limits;
	SSL_CTX *ssl;
	struct rv_http_link *links, *idle;
	struct rv_http_call *first, *last; /* waiting */
	struct rv_http_call *spare;
	unsigned n_links, n_waiting;
	size_t n_handles; /* open ones of the loop */
	uv_idle_t pump; /* begins calls that could not be begun where they were made */
	bool is_closing;
	void (*closed)(void *arg);
	void *closed_arg;
};

/* ---- pool.c ---- */
/* Ends the link's call and detaches it. */
void rv_http_call_end(struct rv_http_call *call, enum rv_code code,
	const struct rv_http_answer *answer, const struct rv_err *err);
/* Puts a call that was not answered at all at the head of the queue again. */
void rv_http_call_again(struct rv_http_call *call);
/* Gives waiting calls to idle or new links, in the next turn of the loop. */
void rv_http_pool_pump_soon(struct rv_http_pool *p);
/* One handle fewer; frees the pool after the last. */
void rv_http_pool_handle_gone(struct rv_http_pool *p);

/* ---- pool_link.c ---- */
/* A new connection for a call; may end it. */
void rv_http_link_open(struct rv_http_pool *p, struct rv_http_call *call);
/* Sends a call on a link that was taken off the idle ones. False: the link turned out to be dead
 * and is closed; the call is untouched. Runs no callback. */
bool rv_http_link_use(struct rv_http_link *l, struct rv_http_call *call);
void rv_http_link_close(struct rv_http_link *l);
#endif
