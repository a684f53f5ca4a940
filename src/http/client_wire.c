/* The client's connection. The socket is non-blocking underneath; every wait is a poll with what is
 * left of the deadline. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/clock.h"
#include "http/client_int.h"

static enum rv_code wait_fd(
	struct rv_http_client *c, short events, short *ret_events, struct rv_err *err)
{
	for (;;) {
		int64_t left_ms =
			(c->until_ns - rv_clock_mono_ns(rv_clock_system())) / RV_NS_PER_MS;
		if (left_ms <= 0)
			return RV_FAIL(err, RV_ETIMEOUT, "'%s' did not answer in time", c->to.url);
		struct pollfd p = { .fd = c->fd, .events = events };
		int r = poll(&p, 1, left_ms > 1000000 ? 1000000 : (int)left_ms);
		if (r > 0) {
			*ret_events = p.revents;
			return RV_OK;
		}
		if (r < 0 && errno != EINTR)
			return RV_FAIL(err, RV_EIO, "poll: %s", strerror(errno));
	}
}

void rv_http_client_hang_up(struct rv_http_client *c)
{
	SSL_free(c->ssl);
	c->ssl = NULL;
	if (c->fd >= 0)
		(void)close(c->fd); /* nothing to do about it */
	c->fd = -1;
	rv_buf_clear(&c->in);
}

enum rv_code rv_http_client_lost(struct rv_http_client *c, int e, struct rv_err *err)
{
	if (e == 0)
		return RV_FAIL(err, RV_ECLOSED, "'%s' closed the connection", c->to.url);
	return RV_FAIL(err, RV_ECLOSED, "'%s': connection lost: %s", c->to.url, strerror(e));
}

/* ---- connecting ---- */

static enum rv_code connect_error(struct rv_http_client *c, int e, struct rv_err *err)
{
	if (e == ECONNREFUSED || e == ENOENT)
		return RV_FAIL(err, RV_ECLOSED, "nobody listens on '%s'", c->to.url);
	if (e == EACCES || e == EPERM)
		return RV_FAIL(err, RV_EPERM, "not allowed to connect to '%s': %s", c->to.url,
			strerror(e));
	return RV_FAIL(err, RV_ECLOSED, "cannot connect to '%s': %s", c->to.url, strerror(e));
}

static enum rv_code connect_to(
	struct rv_http_client *c, const struct sockaddr *a, socklen_t n, struct rv_err *err)
{
	c->fd = socket(a->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->fd < 0)
		return RV_FAIL(err, RV_EIO, "socket: %s", strerror(errno));
	int one = 1, e = 0;
	short events;
	socklen_t e_n = sizeof e;
	if (a->sa_family != AF_UNIX)
		(void)setsockopt(
			c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* only latency */
	if (connect(c->fd, a, n) == 0)
		return RV_OK;
	if (errno == EAGAIN) { /* a Unix socket whose queue is full cannot be waited for by poll */
		struct timespec nap = { .tv_nsec = 2000000 };
		(void)nanosleep(&nap, NULL); /* woken early is fine */
		return RV_EBUSY;
	}
	if (errno != EINPROGRESS)
		return connect_error(c, errno, err);
	RV_TRY(wait_fd(c, POLLOUT, &events, err));
	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &e, &e_n) != 0)
		e = errno;
	return e == 0 ? RV_OK : connect_error(c, e, err);
}

static enum rv_code connect_unix(struct rv_http_client *c, struct rv_err *err)
{
	enum rv_code code;
	while ((code = connect_to(c, (const struct sockaddr *)&c->to.un, sizeof c->to.un, err)) ==
		RV_EBUSY) {
		rv_http_client_hang_up(c);
		if (rv_clock_mono_ns(rv_clock_system()) >= c->until_ns)
			return RV_FAIL(err, RV_ETIMEOUT, "'%s' did not answer in time", c->to.url);
	}
	return code;
}

static enum rv_code connect_name(struct rv_http_client *c, struct rv_err *err)
{
	/* Addresses first: they need no resolver and none of its start-up. */
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV },
			*list = NULL;
	const char *host = strcmp(c->to.host, "localhost") == 0 ? "127.0.0.1" : c->to.host;
	int r = getaddrinfo(host, c->to.port, &hints, &list);
	if (r == EAI_NONAME) {
		hints.ai_flags = AI_NUMERICSERV;
		r = getaddrinfo(host, c->to.port, &hints, &list);
	}
	if (r != 0)
		return RV_FAIL(
			err, RV_ECLOSED, "cannot find '%s': %s", c->to.host, gai_strerror(r));
	enum rv_code code = RV_ECLOSED;
	for (struct addrinfo *a = list; a; a = a->ai_next) {
		rv_err_clear(err);
		code = connect_to(c, a->ai_addr, a->ai_addrlen, err);
		if (code == RV_OK || code == RV_ETIMEOUT)
			break;
		rv_http_client_hang_up(c);
	}
	freeaddrinfo(list);
	return code;
}

static enum rv_code tls_error(struct rv_http_client *c, const char *what, struct rv_err *err)
{
	char text[256] = "unknown";
	unsigned long e = ERR_peek_last_error();
	long verify = c->ssl ? SSL_get_verify_result(c->ssl) : X509_V_OK;
	if (e != 0)
		ERR_error_string_n(e, text, sizeof text);
	ERR_clear_error();
	if (verify != X509_V_OK)
		return RV_FAIL(err, RV_EAUTH, "'%s': the certificate does not verify: %s",
			c->to.url, X509_verify_cert_error_string(verify));
	return RV_FAIL(err, RV_ECLOSED, "'%s': %s: %s", c->to.url, what, text);
}

static enum rv_code tls_context(struct rv_http_client *c, struct rv_err *err)
{
	return c->ctx ? RV_OK : rv_http_tls_client_new(c->ca_file, &c->ctx, err);
}

/* What to poll for after an OpenSSL call that returned r; 0: it failed. */
static short tls_wants(struct rv_http_client *c, int r)
{
	switch (SSL_get_error(c->ssl, r)) {
	case SSL_ERROR_WANT_READ:
		return POLLIN;
	case SSL_ERROR_WANT_WRITE:
		return POLLOUT;
	default:
		return 0;
	}
}

static enum rv_code tls_connect(struct rv_http_client *c, struct rv_err *err)
{
	c->ssl = rv_http_tls_client_open(c->ctx, &c->to, c->fd);
	if (!c->ssl)
		return tls_error(c, "TLS cannot start", err);
	for (;;) {
		int r = SSL_connect(c->ssl);
		if (r == 1)
			return RV_OK;
		short events = tls_wants(c, r);
		if (events == 0)
			return tls_error(c, "TLS handshake", err);
		RV_TRY(wait_fd(c, events, &events, err));
	}
}

enum rv_code rv_http_client_connect(struct rv_http_client *c, struct rv_err *err)
{
	if (c->to.scheme == RV_HTTP_TLS)
		RV_TRY(tls_context(
			c, err)); /* reading roots takes time that the server need not see */
	enum rv_code code =
		c->to.scheme == RV_HTTP_UNIX ? connect_unix(c, err) : connect_name(c, err);
	if (code == RV_OK && c->to.scheme == RV_HTTP_TLS)
		code = tls_connect(c, err);
	if (code != RV_OK)
		rv_http_client_hang_up(c);
	return code;
}

/* ---- bytes ---- */

static enum rv_code read_some(
	struct rv_http_client *c, char *p, size_t n, size_t *ret_n, struct rv_err *err)
{
	for (;;) {
		short events = POLLIN;
		ssize_t r;
		if (c->ssl) {
			r = SSL_read(c->ssl, p, (int)n);
			events = r > 0 ? POLLIN : tls_wants(c, (int)r);
			bool is_end =
				r <= 0 && SSL_get_error(c->ssl, (int)r) == SSL_ERROR_ZERO_RETURN;
			if (events == 0 && !is_end)
				return tls_error(c, "TLS read", err);
			r = is_end ? 0 : r > 0 ? r : -1;
		} else {
			r = recv(c->fd, p, n, 0);
			if (r < 0 && errno != EAGAIN && errno != EINTR)
				return rv_http_client_lost(c, errno, err);
		}
		if (r >= 0) {
			*ret_n = (size_t)r;
			c->got_any = c->got_any || r > 0;
			return RV_OK;
		}
		RV_TRY(wait_fd(c, events, &events, err));
	}
}

/* Stops early when the answer comes before all is sent: a server may refuse a large body and close.
 */
enum rv_code rv_http_client_write(struct rv_http_client *c, struct rv_str s, struct rv_err *err)
{
	c->sent_all = false;
	while (s.n > 0) {
		short events = POLLOUT;
		ssize_t r;
		if (c->ssl) {
			r = SSL_write(c->ssl, s.p, s.n > INT_MAX ? INT_MAX : (int)s.n);
			events = r > 0 ? POLLOUT : tls_wants(c, (int)r);
			if (events == 0)
				return tls_error(c, "TLS write", err);
		} else {
			r = send(c->fd, s.p, s.n, MSG_NOSIGNAL);
			if (r < 0 && errno != EAGAIN && errno != EINTR)
				return rv_http_client_lost(c, errno, err);
		}
		if (r > 0) {
			s = rv_str_sub(s, (size_t)r, s.n);
			continue;
		}
		RV_TRY(wait_fd(c, (short)(events | POLLIN), &events, err));
		if (!c->ssl && events & POLLIN)
			return RV_OK;
	}
	c->sent_all = true;
	return RV_OK;
}

enum rv_code rv_http_client_read(struct rv_http_client *c, size_t *ret_n, struct rv_err *err)
{
	char *p = rv_buf_room(&c->in, CLIENT_READ_BYTES);
	if (!p)
		return RV_FAIL(err, RV_ELIMIT, "'%s': the answer is too large", c->to.url);
	RV_TRY(read_some(c, p, CLIENT_READ_BYTES, ret_n, err));
	c->in.n += *ret_n;
	return RV_OK;
}
