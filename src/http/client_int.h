/* What the clients share: whom they talk to (origin.c); and of the blocking one the exchange
 * (client.c) and the connection under it (client_wire.c). */
#ifndef RV_HTTP_CLIENT_INT_H
#define RV_HTTP_CLIENT_INT_H
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "http/client.h"

enum rv_http_scheme { RV_HTTP_PLAIN, RV_HTTP_TLS, RV_HTTP_UNIX };
enum { CLIENT_HEAD_BYTES = 64 << 10, CLIENT_READ_BYTES = 32 << 10 };

/* ---- origin.c ---- */

struct rv_http_origin {
	enum rv_http_scheme scheme;
	char *url;
	char host[256], port[6], authority[264]; /* host without brackets */
	struct sockaddr_un un;
};
/* Errors: RV_EINVAL, RV_ENOMEM. */
RV_MUST_USE enum rv_code rv_http_origin_parse(
	const char *url, struct rv_http_origin *ret, struct rv_err *err);
void rv_http_origin_done(struct rv_http_origin *o);
/* The whole request into out, which it empties first. Errors: RV_EINVAL a path or header that
 * cannot be sent, RV_ELIMIT. */
RV_MUST_USE enum rv_code rv_http_request_build(const struct rv_http_origin *to,
	const struct rv_http_request *q, struct rv_buf *out, struct rv_err *err);
/* A context that verifies servers; ca_file NULL: the system's roots. */
RV_MUST_USE enum rv_code rv_http_tls_client_new(
	const char *ca_file, SSL_CTX **ret, struct rv_err *err);
/* A client's end on fd that expects the origin's name; NULL: it cannot be made. */
SSL *rv_http_tls_client_open(SSL_CTX *ctx, const struct rv_http_origin *to, int fd);

/* ---- the blocking client ---- */

struct rv_http_client {
	struct rv_http_origin to;
	char *ca_file;
	int64_t deadline_ms;
	struct rv_http_limits limits;

	int fd;
	SSL_CTX *ctx;
	SSL *ssl;
	int64_t until_ns; /* of the current call */
	struct rv_buf out, in, body;
	struct rv_http_head head;
	bool got_any, sent_all; /* of the current exchange */
};

/* Connects, with TLS if the URL says so. Errors as rv_http_call. */
RV_MUST_USE enum rv_code rv_http_client_connect(struct rv_http_client *c, struct rv_err *err);
void rv_http_client_hang_up(struct rv_http_client *c);
/* Sends; stops early (RV_OK, sent_all false) when the answer comes before all is sent: a server may
 * refuse a large body and close. */
RV_MUST_USE enum rv_code rv_http_client_write(
	struct rv_http_client *c, struct rv_str s, struct rv_err *err);
/* More of the answer behind what in holds; *ret_n == 0 at the end. */
RV_MUST_USE enum rv_code rv_http_client_read(
	struct rv_http_client *c, size_t *ret_n, struct rv_err *err);
/* "closed the connection", or e as the system tells it. */
enum rv_code rv_http_client_lost(struct rv_http_client *c, int e, struct rv_err *err);
#endif
