/* A blocking HTTP client for one server: commands and runners. Keeps its connection between calls.
 * One thread at a time. OpenSSL is touched only for https. */
#ifndef RV_HTTP_CLIENT_H
#define RV_HTTP_CLIENT_H
#include "http/codec.h"

struct rv_http_client;
struct rv_http_client_opts {
	const char *base_url; /* "http://127.0.0.1:8080", "https://reeve.example:8443",
				 "unix:/run/reeve/reeve.sock"; no path */
	const char *ca_file; /* https: PEM of trusted roots; NULL: the system's */
	int64_t deadline_ms; /* for a whole call; 0: 30,000 */
	size_t max_response_bytes; /* 0: 16 MiB */
};
/* Reads the URL; connects at the first call. Errors: RV_EINVAL. */
RV_MUST_USE enum rv_code rv_http_client_new(
	const struct rv_http_client_opts *o, struct rv_http_client **ret, struct rv_err *err);
void rv_http_client_free(struct rv_http_client *c);

struct rv_http_request {
	enum rv_http_method method;
	struct rv_str path; /* with query; encoded (rv_http_encode) */
	const struct rv_http_header
		*headers; /* not Host, Content-Length, Connection, Transfer-Encoding */
	size_t n_headers;
	struct rv_str body; /* p == NULL: none */
	const char *type; /* of the body; NULL: application/json */
	int64_t deadline_ms; /* 0: the client's */
	/* When set and the status is 2xx, the body goes there piece by piece and not into the
	 * answer; false ends the call with RV_ECLOSED. */
	bool (*on_body)(void *arg, struct rv_str piece);
	void *arg;
};
struct rv_http_answer {
	const struct rv_http_head *head; /* status, headers */
	struct rv_str body;
};
/* One request, one answer, of whatever status. *ret points into the client, until the next call.
 * A kept connection that was closed meanwhile is opened anew; a request that may have reached the
 * server is never sent twice (GET and HEAD are). Errors: RV_ECLOSED nobody listens or it hung up;
 * RV_ETIMEOUT; RV_EAUTH the certificate does not verify; RV_ELIMIT the answer is too large;
 * RV_EINVAL it is malformed, or the request is; RV_EPERM a socket file that may not be opened. */
RV_MUST_USE enum rv_code rv_http_call(struct rv_http_client *c, const struct rv_http_request *q,
	struct rv_http_answer *ret, struct rv_err *err);
/* Sends bytes that are not HTTP, over a connection that is kept, and waits until the peer's TCP has
 * taken them: for protocols without answers (syslog). After an error nothing is known of what
 * arrived. Errors as rv_http_call. A client is used for this or for calls, not for both. */
RV_MUST_USE enum rv_code rv_http_client_send(
	struct rv_http_client *c, struct rv_str bytes, struct rv_err *err);
/* The problem in an answer of status >= 400 as an error value: code from
 * {"error":{"code","message"}}, else from the status. */
enum rv_code rv_http_answer_err(const struct rv_http_answer *a, struct rv_err *err);
#endif
