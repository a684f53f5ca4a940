/* Bytes in and out of a connection: plain sockets, or OpenSSL on the same non-blocking descriptor.
 */
#include <errno.h>
#include <openssl/err.h>

#include "http/server_int.h"

static ssize_t ssl_result(struct rv_http_conn *c, int n)
{
	if (n > 0)
		return n;
	switch (SSL_get_error(c->ssl, n)) {
	case SSL_ERROR_WANT_WRITE:
		c->ssl_wants_write = true;
		return RV_HTTP_AGAIN;
	case SSL_ERROR_WANT_READ:
		return RV_HTTP_AGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	default:
		ERR_clear_error();
		return RV_HTTP_BROKEN;
	}
}

static ssize_t socket_result(ssize_t n)
{
	if (n >= 0)
		return n;
	return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? RV_HTTP_AGAIN
									 : RV_HTTP_BROKEN;
}

ssize_t rv_http_wire_read(struct rv_http_conn *c, char *p, size_t n)
{
	if (!c->ssl)
		return socket_result(recv(c->fd, p, n, 0));
	c->ssl_wants_write = false;
	return ssl_result(c, SSL_read(c->ssl, p, n > INT_MAX ? INT_MAX : (int)n));
}

ssize_t rv_http_wire_write(struct rv_http_conn *c, const char *p, size_t n)
{
	if (!c->ssl)
		return socket_result(send(c->fd, p, n, MSG_NOSIGNAL));
	c->ssl_wants_write = false;
	ssize_t r = ssl_result(c, SSL_write(c->ssl, p, n > INT_MAX ? INT_MAX : (int)n));
	return r == 0 ? RV_HTTP_BROKEN : r;
}

int rv_http_wire_handshake(struct rv_http_conn *c)
{
	c->ssl_wants_write = false;
	ssize_t r = ssl_result(c, SSL_accept(c->ssl));
	return r == 0 ? RV_HTTP_BROKEN : (int)r;
}

void rv_http_wire_shutdown(struct rv_http_conn *c)
{
	if (c->ssl && SSL_is_init_finished(c->ssl)) {
		(void)SSL_shutdown(c->ssl); /* a courtesy: the client may be gone */
		ERR_clear_error();
	}
	(void)shutdown(c->fd, SHUT_WR); /* likewise */
}

static int choose_http11(SSL *ssl, const unsigned char **out, unsigned char *out_n,
	const unsigned char *in, unsigned in_n, void *arg)
{
	static const unsigned char ours[] = "\x08http/1.1";
	unsigned char *choice;
	int r = SSL_select_next_proto(&choice, out_n, ours, sizeof ours - 1, in, in_n);
	*out = choice;
	return r == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

static enum rv_code tls_error(struct rv_err *err, const char *path, const char *what)
{
	char text[256] = "unknown";
	unsigned long e = ERR_peek_last_error();
	if (e != 0)
		ERR_error_string_n(e, text, sizeof text);
	ERR_clear_error();
	return RV_FAIL(err, RV_EINVAL, "'%s': %s: %s", path, what, text);
}

static enum rv_code tls_fill(
	SSL_CTX *ctx, const char *cert_file, const char *key_file, struct rv_err *err)
{
	SSL_CTX_set_options(ctx,
		SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_mode(ctx,
		SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
			SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_alpn_select_cb(ctx, choose_http11, NULL);
	if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
		SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1)
		return tls_error(err, cert_file, "TLS settings");
	if (SSL_CTX_use_certificate_chain_file(ctx, cert_file) != 1)
		return tls_error(err, cert_file, "cannot use the certificate");
	if (SSL_CTX_use_PrivateKey_file(ctx, key_file, SSL_FILETYPE_PEM) != 1)
		return tls_error(err, key_file, "cannot use the key");
	if (SSL_CTX_check_private_key(ctx) != 1)
		return tls_error(err, key_file, "the key does not belong to the certificate");
	return RV_OK;
}

enum rv_code rv_http_tls_new(
	const char *cert_file, const char *key_file, SSL_CTX **ret, struct rv_err *err)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	if (!ctx)
		return tls_error(err, cert_file, "TLS cannot start");
	enum rv_code code = tls_fill(ctx, cert_file, key_file, err);
	if (code != RV_OK) {
		SSL_CTX_free(ctx);
		return code;
	}
	*ret = ctx;
	return RV_OK;
}

enum rv_code rv_http_tls_check(const char *cert_file, const char *key_file, struct rv_err *err)
{
	SSL_CTX *ctx;
	RV_TRY(rv_http_tls_new(cert_file, key_file, &ctx, err));
	SSL_CTX_free(ctx);
	return RV_OK;
}
