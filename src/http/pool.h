/* An asynchronous client of one server: calls on kept connections, on an event loop. For processes
 * whose handlers ask others before they answer. Everything here, callbacks included, runs on the
 * loop's thread. */
#ifndef RV_HTTP_POOL_H
#define RV_HTTP_POOL_H
#include "http/client.h"

struct uv_loop_s;
struct rv_http_pool;
struct rv_http_call;

struct rv_http_pool_opts {
	const char *base_url; /* as in struct rv_http_client_opts */
	const char *ca_file; /* https: PEM of trusted roots; NULL: the system's */
	unsigned max_connections; /* 0: 64; further calls wait for one */
	unsigned max_waiting; /* 0: 65,536 calls; more are refused with RV_EBUSY */
	size_t max_response_bytes; /* 0: 16 MiB; of a body that is not taken piece by piece */
	int64_t deadline_ms; /* of a whole call, waiting included; 0: 30,000; -1: none */
	int64_t idle_ms; /* 0: 50,000; after that a kept connection closes */
};
/* Connects at the first call. Errors: RV_EINVAL the URL or the roots; RV_ENOMEM. */
RV_MUST_USE enum rv_code rv_http_pool_new(struct uv_loop_s *loop, const struct rv_http_pool_opts *o,
	struct rv_http_pool **ret, struct rv_err *err);
/* Ends every call with RV_ECLOSED and frees the pool once the loop has closed its handles; then
 * closed (may be NULL) runs. NULL is fine, closed then runs at once. */
void rv_http_pool_free(struct rv_http_pool *p, void (*closed)(void *arg), void *arg);

/* What happens to a call, in this order. */
struct rv_http_call_ops {
	/* The head has come. May be NULL. false ends the call with RV_ECLOSED. */
	bool (*head)(void *arg, const struct rv_http_head *head);
	/* A piece of the body. NULL: the body is gathered for done. false: as above. */
	bool (*body)(void *arg, struct rv_str piece);
	/* Exactly once. answer: NULL unless RV_OK; good until done returns. Codes as rv_http_call,
	 * and RV_EBUSY when too many calls wait. */
	void (*done)(void *arg, enum rv_code code, const struct rv_http_answer *answer,
		const struct rv_err *err);
};
/* Begins a call; q is copied. is_repeatable: the request may be sent again on a fresh connection
 * when a kept one turns out to be dead (a GET, or one with an id that the server remembers). done
 * never runs before this returns. NULL: nothing was begun and done will not run; err tells. */
struct rv_http_call *rv_http_pool_call(struct rv_http_pool *p, const struct rv_http_request *q,
	bool is_repeatable, const struct rv_http_call_ops *ops, void *arg, struct rv_err *err);
/* The caller is no longer interested: its connection closes, no callback runs any more. Only before
 * done. */
void rv_http_call_cancel(struct rv_http_call *call);
#endif
