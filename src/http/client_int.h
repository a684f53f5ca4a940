/* What the client's two files share: the exchange (client.c) and the connection under it
 * (client_wire.c). */
#ifndef RV_HTTP_CLIENT_INT_H
#define RV_HTTP_CLIENT_INT_H
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "http/client.h"

enum rv_http_scheme { RV_HTTP_PLAIN, RV_HTTP_TLS, RV_HTTP_UNIX };
enum { CLIENT_HEAD_BYTES = 64 << 10, CLIENT_READ_BYTES = 32 << 10 };

struct rv_http_client {
	enum rv_http_scheme scheme;
	char *url, *ca_file;
	char host[256], port[6], authority[264]; /* host without brackets */
	struct sockaddr_un un;
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
