/* Accepting: every loop has a listening socket of its own for each address. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

#include "http/server_int.h"

enum { ACCEPTS_AT_ONCE = 64, RETRY_MS = 100 };

static void fill_peer(struct rv_http_peer *peer, int fd, const union rv_http_sockaddr *from)
{
	char ip[INET6_ADDRSTRLEN] = "?";
	peer->uid = (uid_t)-1;
	peer->gid = (gid_t)-1;
	if (from->any.sa_family == AF_INET) {
		(void)inet_ntop(AF_INET, &from->in4.sin_addr, ip, sizeof ip); /* the buffer fits */
		peer->is_loopback = ntohl(from->in4.sin_addr.s_addr) >> 24 == 127;
		(void)snprintf(peer->address, sizeof peer->address, "%s:%u", ip,
			ntohs(from->in4.sin_port));
		return;
	}
	if (from->any.sa_family == AF_INET6) {
		(void)inet_ntop(AF_INET6, &from->in6.sin6_addr, ip, sizeof ip);
		peer->is_loopback = IN6_IS_ADDR_LOOPBACK(&from->in6.sin6_addr);
		(void)snprintf(peer->address, sizeof peer->address, "[%s]:%u", ip,
			ntohs(from->in6.sin6_port));
		return;
	}
	struct ucred cred;
	socklen_t n = sizeof cred;
	peer->is_unix = peer->is_loopback = true;
	(void)snprintf(peer->address, sizeof peer->address, "unix");
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) == 0 && n == sizeof cred) {
		peer->uid = cred.uid;
		peer->gid = cred.gid;
		peer->pid = cred.pid;
	}
}

/* Best effort: the reply of a full house. */
static void turn_away(struct rv_http_loop *l, int fd, bool is_plain)
{
	static const char text[] = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: "
				   "application/json\r\nContent-Length: 73\r\n"
				   "Retry-After: 1\r\nConnection: close\r\n\r\n"
				   "{\"error\":{\"code\":\"RV_EBUSY\",\"message\":\"too many "
				   "connections, try again\"}}";
	if (is_plain)
		(void)send(fd, text, sizeof text - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)close(fd);
	atomic_fetch_add_explicit(&l->n_refused, 1, memory_order_relaxed);
}

/* False: nothing more to accept now. */
static bool accept_one(struct rv_http_acceptor *a)
{
	struct rv_http_loop *l = a->loop;
	union rv_http_sockaddr from;
	socklen_t n = sizeof from;
	memset(&from, 0, sizeof from);
	int fd = accept4(a->fd, &from.any, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			/* The waiting client would wake us for ever: look away for a moment. */
			(void)uv_poll_stop(&a->poll); /* cannot fail */
			(void)uv_timer_start(&l->accept_timer, rv_http_accept_retry, RETRY_MS, 0);
		}
		return errno == ECONNABORTED || errno == EINTR;
	}
	if (atomic_fetch_add(&l->server->n_open, 1) >= l->server->o.max_connections) {
		atomic_fetch_sub(&l->server->n_open, 1);
		turn_away(l, fd, a->is_plain);
		return true;
	}
	struct rv_http_peer peer = { .listener = a->index, .is_tls = !a->is_plain };
	fill_peer(&peer, fd, &from);
	atomic_fetch_add_explicit(&l->n_accepted, 1, memory_order_relaxed);
	rv_http_conn_open(a, fd, &peer);
	return true;
}

static void on_acceptable(uv_poll_t *p, int status, int events)
{
	struct rv_http_acceptor *a = p->data;
	for (int i = 0; i < ACCEPTS_AT_ONCE && a->is_open; i++)
		if (!accept_one(a))
			return;
}

void rv_http_accept_retry(uv_timer_t *t)
{
	struct rv_http_loop *l = t->data;
	for (size_t i = 0; i < l->server->n_listens; i++)
		if (l->acceptors[i].is_open)
			(void)uv_poll_start(&l->acceptors[i].poll, UV_READABLE,
				on_acceptable); /* it worked before */
}

enum rv_code rv_http_accept_start(struct rv_http_loop *l, struct rv_err *err)
{
	for (size_t i = 0; i < l->server->n_listens; i++) {
		struct rv_http_acceptor *a = &l->acceptors[i];
		int r = uv_poll_init(&l->uv, &a->poll, a->fd);
		if (r != 0)
			return RV_FAIL(err, RV_EIO, "listener: %s", uv_strerror(r));
		a->poll.data = a;
		a->is_open = true;
		r = uv_poll_start(&a->poll, UV_READABLE, on_acceptable);
		if (r != 0)
			return RV_FAIL(err, RV_EIO, "listener: %s", uv_strerror(r));
	}
	return RV_OK;
}

void rv_http_accept_stop(struct rv_http_loop *l)
{
	for (size_t i = 0; i < l->server->n_listens; i++) {
		struct rv_http_acceptor *a = &l->acceptors[i];
		if (a->is_open)
			uv_close((uv_handle_t *)&a->poll, NULL);
		a->is_open = false;
		if (a->fd >= 0)
			(void)close(a->fd);
		a->fd = -1;
	}
	(void)uv_timer_stop(&l->accept_timer); /* cannot fail */
}
