/* One connection of the pool: finds, connects, shakes hands, sends a call and reads its answer, and
 * waits for the next. After every callback the link may have been closed under us: its state tells,
 * its memory lives until the loop has closed its handles. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>

#include "http/pool_int.h"

enum { AGAIN = -1, BROKEN = -2 };

static void run(struct rv_http_link *l);

/* ---- the end ---- */

static void unref(struct rv_http_link *l)
{
	struct rv_http_pool *p = l->pool;
	if (--l->n_refs == 0) {
		rv_buf_done(&l->in);
		rv_buf_done(&l->body);
		if (l->addresses)
			freeaddrinfo(l->addresses);
		free(l);
	}
	rv_http_pool_handle_gone(p);
}

static void ref(struct rv_http_link *l)
{
	l->n_refs++;
	l->pool->n_handles++;
}

static void on_handle_closed(uv_handle_t *h)
{
	unref(h->data);
}

static void unlink_idle(struct rv_http_link *l)
{
	for (struct rv_http_link **at = &l->pool->idle; *at; at = &(*at)->idle_next)
		if (*at == l) {
			*at = l->idle_next;
			return;
		}
}

void rv_http_link_close(struct rv_http_link *l)
{
	struct rv_http_pool *p = l->pool;
	if (l->state == L_CLOSED)
		return;
	if (l->state == L_IDLE)
		unlink_idle(l);
	l->state = L_CLOSED;
	SSL_free(l->ssl);
	l->ssl = NULL;
	if (l->has_poll)
		uv_close((uv_handle_t *)&l->poll, on_handle_closed); /* before its descriptor */
	if (l->fd >= 0)
		(void)close(l->fd); /* nothing to do about it */
	l->fd = -1;
	*(l->prev ? &l->prev->next : &p->links) = l->next;
	if (l->next)
		l->next->prev = l->prev;
	p->n_links--;
	if (l->is_finding)
		(void)uv_cancel((uv_req_t *)&l->find); /* its callback runs in any case */
	uv_close((uv_handle_t *)&l->idle_timer, on_handle_closed);
}

/* The connection failed; its call ends with what err says, or is sent again elsewhere. */
static void fail(struct rv_http_link *l, enum rv_code code, const struct rv_err *err)
{
	struct rv_http_call *c = l->call;
	struct rv_http_pool *p = l->pool;
	bool again = c && code == RV_ECLOSED && l->was_used && !l->got_any && c->is_repeatable;
	l->call = NULL;
	rv_http_link_close(l);
	if (again)
		rv_http_call_again(c);
	else if (c)
		rv_http_call_end(c, code, NULL, err);
	rv_http_pool_pump_soon(p);
}

static void fail_with(struct rv_http_link *l, enum rv_code code, const char *what)
{
	struct rv_err err = { 0 };
	(void)RV_FAIL(&err, code, "'%s': %s", l->pool->to.url, what); /* told to the call */
	fail(l, code, &err);
}

static void fail_tls(struct rv_http_link *l, const char *what)
{
	long verify = SSL_get_verify_result(l->ssl);
	ERR_clear_error();
	if (verify == X509_V_OK) {
		fail_with(l, RV_ECLOSED, what);
		return;
	}
	struct rv_err err = { 0 };
	(void)RV_FAIL(&err, RV_EAUTH, "'%s': the certificate does not verify: %s", l->pool->to.url,
		X509_verify_cert_error_string(verify)); /* told to the call */
	fail(l, RV_EAUTH, &err);
}

/* ---- bytes ---- */

static ssize_t ssl_result(struct rv_http_link *l, int n)
{
	if (n > 0)
		return n;
	switch (SSL_get_error(l->ssl, n)) {
	case SSL_ERROR_WANT_WRITE:
		l->ssl_wants_write = true;
		return AGAIN;
	case SSL_ERROR_WANT_READ:
		return AGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	default:
		ERR_clear_error();
		return BROKEN;
	}
}

static ssize_t link_read(struct rv_http_link *l, char *p, size_t n)
{
	if (l->ssl)
		return ssl_result(l, SSL_read(l->ssl, p, (int)n));
	ssize_t r = recv(l->fd, p, n, 0);
	return r >= 0 ? r : errno == EAGAIN || errno == EINTR ? AGAIN : BROKEN;
}

static ssize_t link_write(struct rv_http_link *l, const char *p, size_t n)
{
	if (l->ssl) {
		ssize_t r = ssl_result(l, SSL_write(l->ssl, p, n > INT_MAX ? INT_MAX : (int)n));
		return r == 0 ? BROKEN : r;
	}
	ssize_t r = send(l->fd, p, n, MSG_NOSIGNAL);
	return r >= 0 ? r : errno == EAGAIN || errno == EINTR ? AGAIN : BROKEN;
}

static void on_ready(uv_poll_t *h, int status, int events);

static void want(struct rv_http_link *l)
{
	int events = l->state == L_CONNECTING ? UV_WRITABLE : UV_READABLE;
	bool sends =
		l->call && (l->state == L_HEAD || l->state == L_BODY) && l->sent_n < l->call->out.n;
	if (l->ssl_wants_write || sends)
		events |= UV_WRITABLE;
	if (events == l->events)
		return;
	l->events = events;
	(void)uv_poll_start(&l->poll, events, on_ready); /* cannot fail on an open handle */
}

/* ---- the answer ---- */

static void on_idle_late(uv_timer_t *t)
{
	rv_http_link_close(t->data);
}

static void become_idle(struct rv_http_link *l)
{
	struct rv_http_pool *p = l->pool;
	l->state = L_IDLE;
	l->was_used = true;
	l->idle_next = p->idle;
	p->idle = l;
	(void)uv_timer_start(&l->idle_timer, on_idle_late, (uint64_t)p->o.idle_ms,
		0); /* cannot fail: cb is set */
	rv_http_pool_pump_soon(p);
}

static void finish(struct rv_http_link *l)
{
	struct rv_http_call *c = l->call;
	struct rv_http_pool *p = l->pool;
	const struct rv_http_answer a = { .head = &l->head, .body = rv_buf_str(&l->body) };
	bool keep = l->head.keep_alive && !l->is_spoilt && l->sent_n == c->out.n;
	l->call = NULL;
	rv_http_call_end(c, RV_OK, &a, NULL);
	if (l->state == L_CLOSED)
		return;
	rv_buf_clear(&l->in);
	rv_buf_clear(&l->body);
	if (keep) {
		become_idle(l);
		return;
	}
	rv_http_link_close(l);
	rv_http_pool_pump_soon(p);
}

/* Hands a piece on, or keeps it. False: the call is over. */
static bool take_piece(struct rv_http_link *l)
{
	struct rv_http_call *c = l->call;
	if (!c->ops.body || l->body.n == 0)
		return true;
	bool go_on = c->ops.body(c->arg, rv_buf_str(&l->body));
	if (l->state == L_CLOSED)
		return false;
	rv_buf_clear(&l->body);
	if (!go_on)
		fail_with(l, RV_ECLOSED, "stopped by the reader");
	return go_on;
}

static enum rv_code feed(
	struct rv_http_link *l, struct rv_str got, bool *ret_done, struct rv_err *err)
{
	size_t used = got.n;
	if (l->head.framing == RV_HTTP_CHUNKED) {
		RV_TRY(rv_http_chunked_feed(
			&l->chunked, got, &l->pool->limits, &l->body, &used, ret_done, err));
	} else {
		used = got.n < l->body_left ? got.n : (size_t)l->body_left;
		l->body_left -= used;
		*ret_done = l->body_left == 0;
		rv_buf_add(&l->body, rv_str_sub(got, 0, used));
		RV_TRY(rv_buf_ok(&l->body, err));
	}
	if (used < got.n)
		l->head.keep_alive = false; /* bytes that belong to no call */
	return RV_OK;
}

static void take_body(struct rv_http_link *l, size_t at)
{
	struct rv_err err = { 0 };
	bool done = false;
	struct rv_str got = rv_str_n(l->in.p + at, l->in.n - at);
	enum rv_code code = RV_OK;
	if (l->head.framing == RV_HTTP_NO_BODY)
		done = true;
	else
		code = feed(l, got, &done, &err);
	l->in.n = at;
	if (code != RV_OK) {
		rv_err_prefix(&err, "'%s': malformed answer: ", l->pool->to.url);
		fail(l, code, &err);
		return;
	}
	if (take_piece(l) && done)
		finish(l);
}

static void take_head(struct rv_http_link *l)
{
	struct rv_err err = { 0 };
	size_t n = 0;
	for (;;) {
		enum rv_code code = rv_http_find_head(
			rv_buf_str(&l->in), &l->find_from, &l->pool->limits, &l->head, &n, &err);
		if (code == RV_OK && n > 0)
			code = rv_http_parse_response(rv_str_n(l->in.p, n), &l->pool->limits,
				l->call->method, &l->head, &err);
		if (code != RV_OK) {
			rv_err_prefix(&err, "'%s': malformed answer: ", l->pool->to.url);
			fail(l, code, &err);
			return;
		}
		if (n == 0)
			return;
		if (l->head.status >= 200)
			break;
		memmove(l->in.p, l->in.p + n, l->in.n - n);
		l->in.n -= n;
		l->find_from = 0;
	}
	l->state = L_BODY;
	l->chunked = (struct rv_http_chunked){ 0 };
	l->body_left = l->head.framing == RV_HTTP_LENGTH ? l->head.length : UINT64_MAX;
	bool go_on = !l->call->ops.head || l->call->ops.head(l->call->arg, &l->head);
	if (l->state == L_CLOSED)
		return;
	if (!go_on)
		fail_with(l, RV_ECLOSED, "stopped by the reader");
	else
		take_body(l, n);
}

static void at_end(struct rv_http_link *l)
{
	if (l->state == L_IDLE) {
		rv_http_link_close(l);
		return;
	}
	if (l->state == L_BODY && l->head.framing == RV_HTTP_UNTIL_CLOSE) {
		l->head.keep_alive = false;
		finish(l);
		return;
	}
	fail_with(l, RV_ECLOSED, "closed the connection");
}

/* Reads what there is. False: the link is closed, idle, or waits. */
static bool read_some(struct rv_http_link *l)
{
	char *p = rv_buf_room(&l->in, CLIENT_READ_BYTES);
	if (!p) {
		fail_with(l, RV_ELIMIT, "the answer is too large");
		return false;
	}
	ssize_t n = link_read(l, p, CLIENT_READ_BYTES);
	if (n == AGAIN)
		return false;
	if (n <= 0 || l->state == L_IDLE) { /* nobody asked an idle one */
		at_end(l);
		return false;
	}
	size_t at = l->in.n;
	l->in.n += (size_t)n;
	l->got_any = true;
	bool is_more = l->ssl || n == CLIENT_READ_BYTES;
	if (l->state == L_HEAD)
		take_head(l);
	else
		take_body(l, at);
	return is_more && (l->state == L_HEAD || l->state == L_BODY);
}

/* ---- sending ---- */

/* A failure shows when the answer is read: a server that refuses a large body may have answered
 * before it closed. */
static void send_some(struct rv_http_link *l)
{
	struct rv_http_call *c = l->call;
	while (c && l->sent_n < c->out.n) {
		ssize_t n = link_write(l, c->out.p + l->sent_n, c->out.n - l->sent_n);
		if (n == AGAIN)
			return;
		if (n < 0) {
			l->is_spoilt = true;
			l->sent_n = c->out.n;
			return;
		}
		l->sent_n += (size_t)n;
	}
}

static void begin(struct rv_http_link *l)
{
	l->state = L_HEAD;
	l->sent_n = l->find_from = 0;
	l->got_any = false;
	rv_buf_clear(&l->in);
	rv_buf_clear(&l->body);
}

bool rv_http_link_use(struct rv_http_link *l, struct rv_http_call *call)
{
	char c;
	(void)uv_timer_stop(&l->idle_timer); /* cannot fail */
	/* One that has something to say before it was asked is closed or out of step. */
	if (!l->ssl && (recv(l->fd, &c, 1, MSG_PEEK) >= 0 || errno != EAGAIN)) {
		l->state = L_HEAD; /* it is in the list of idle ones no more */
		rv_http_link_close(l);
		return false;
	}
	l->call = call;
	call->link = l;
	begin(l);
	send_some(l);
	want(l);
	return true;
}

/* ---- connecting ---- */

static void connected(struct rv_http_link *l)
{
	if (l->pool->to.scheme != RV_HTTP_TLS) {
		begin(l);
		return;
	}
	l->ssl = rv_http_tls_client_open(l->pool->ssl, &l->pool->to, l->fd);
	if (l->ssl)
		l->state = L_HANDSHAKE;
	else
		fail_with(l, RV_ENOMEM, "TLS cannot start");
}

static bool watch(struct rv_http_link *l)
{
	if (uv_poll_init(l->pool->loop, &l->poll, l->fd) != 0)
		return false;
	l->poll.data = l;
	l->has_poll = true;
	ref(l);
	return true;
}

/* True: connected or under way. Else errno tells. */
static bool connect_to(struct rv_http_link *l, const struct sockaddr *a, socklen_t n)
{
	int one = 1;
	l->fd = socket(a->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (l->fd < 0)
		return false;
	if (a->sa_family != AF_UNIX)
		(void)setsockopt(
			l->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* only latency */
	int r = connect(l->fd, a, n);
	int e = errno;
	if ((r == 0 || e == EINPROGRESS) && watch(l)) {
		l->state = L_CONNECTING;
		if (r == 0)
			connected(l);
		return true;
	}
	(void)close(l->fd); /* nothing to do about it */
	l->fd = -1;
	errno = e;
	return false;
}

static void cannot_connect(struct rv_http_link *l, int e)
{
	struct rv_err err = { 0 };
	enum rv_code code = e == EACCES || e == EPERM ? RV_EPERM : RV_ECLOSED;
	if (e == ECONNREFUSED || e == ENOENT)
		(void)RV_FAIL(&err, code, "nobody listens on '%s'", l->pool->to.url);
	else
		(void)RV_FAIL(&err, code, "cannot connect to '%s': %s", l->pool->to.url,
			strerror(e)); /* told to the call */
	fail(l, code, &err);
}

static void try_addresses(struct rv_http_link *l, int e)
{
	while (l->address) {
		struct addrinfo *a = l->address;
		l->address = a->ai_next;
		if (connect_to(l, a->ai_addr, a->ai_addrlen)) {
			if (l->state == L_CONNECTING)
				want(l);
			else
				run(l);
			return;
		}
		e = errno;
	}
	cannot_connect(l, e);
}

static struct rv_http_link *link_new(struct rv_http_pool *p, struct rv_http_call *call)
{
	struct rv_http_link *l = calloc(1, sizeof *l);
	if (!l)
		return NULL;
	rv_buf_init(&l->in, CLIENT_HEAD_BYTES + CLIENT_READ_BYTES);
	rv_buf_init(&l->body, p->o.max_response_bytes);
	/* All at once: the head's slices point there, so it must never move. */
	if (!rv_buf_room(&l->in, CLIENT_HEAD_BYTES + CLIENT_READ_BYTES)) {
		free(l);
		return NULL;
	}
	l->pool = p;
	l->fd = -1;
	l->state = L_FINDING;
	l->call = call;
	call->link = l;
	(void)uv_timer_init(p->loop, &l->idle_timer); /* cannot fail */
	l->idle_timer.data = l;
	ref(l);
	l->next = p->links;
	if (l->next)
		l->next->prev = l;
	p->links = l;
	p->n_links++;
	return l;
}

/* The next address gets a link of its own: a poll handle stays with its descriptor. */
static void try_elsewhere(struct rv_http_link *l, int e)
{
	struct rv_http_link *other = l->address ? link_new(l->pool, l->call) : NULL;
	if (!other) {
		cannot_connect(l, e);
		return;
	}
	other->addresses = l->addresses;
	other->address = l->address;
	l->addresses = l->address = NULL;
	l->call = NULL;
	rv_http_link_close(l);
	try_addresses(other, e);
}

static void connect_done(struct rv_http_link *l)
{
	int e = 0;
	socklen_t n = sizeof e;
	if (getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &e, &n) != 0)
		e = errno;
	if (e == 0)
		connected(l);
	else
		try_elsewhere(l, e);
}

static void on_found(uv_getaddrinfo_t *req, int status, struct addrinfo *list)
{
	struct rv_http_link *l = req->data;
	l->is_finding = false;
	l->addresses = l->address = list;
	if (l->state != L_CLOSED && status == 0) {
		try_addresses(l, ENOENT);
	} else if (l->state != L_CLOSED) {
		struct rv_err err = { 0 };
		(void)RV_FAIL(&err, RV_ECLOSED, "cannot find '%s': %s", l->pool->to.host,
			uv_strerror(status)); /* told to the call */
		fail(l, RV_ECLOSED, &err);
	}
	unref(l);
}

static void find(struct rv_http_link *l)
{
	const struct rv_http_origin *to = &l->pool->to;
	if (to->scheme == RV_HTTP_UNIX) {
		if (!connect_to(l, (const struct sockaddr *)&to->un, sizeof to->un))
			cannot_connect(l, errno);
		else
			run(l);
		return;
	}
	/* Addresses first: they need no resolver. */
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV };
	const char *host = strcmp(to->host, "localhost") == 0 ? "127.0.0.1" : to->host;
	if (getaddrinfo(host, to->port, &hints, &l->addresses) == 0) {
		l->address = l->addresses;
		try_addresses(l, ENOENT);
		return;
	}
	hints.ai_flags = AI_NUMERICSERV;
	l->find.data = l;
	int r = uv_getaddrinfo(l->pool->loop, &l->find, on_found, host, to->port, &hints);
	l->is_finding = r == 0;
	if (r == 0)
		ref(l);
	else
		fail_with(l, RV_EIO, "the resolver cannot start");
}

void rv_http_link_open(struct rv_http_pool *p, struct rv_http_call *call)
{
	struct rv_err err = { 0 };
	struct rv_http_link *l = link_new(p, call);
	if (l) {
		find(l);
		return;
	}
	(void)RV_FAIL(&err, RV_ENOMEM, "no memory for a connection"); /* told to the call */
	rv_http_call_end(call, RV_ENOMEM, NULL, &err);
}

/* ---- the wheel ---- */

static void shake(struct rv_http_link *l)
{
	l->ssl_wants_write = false;
	int r = SSL_connect(l->ssl);
	ssize_t got = r == 1 ? 1 : ssl_result(l, r);
	if (got == 1)
		begin(l);
	else if (got != AGAIN)
		fail_tls(l, "TLS handshake");
}

static void on_ready(uv_poll_t *h, int status, int events)
{
	struct rv_http_link *l = h->data;
	if (l->state == L_CONNECTING)
		connect_done(l);
	run(l);
}

static void run(struct rv_http_link *l)
{
	if (l->state == L_HANDSHAKE)
		shake(l);
	if (l->state == L_HEAD || l->state == L_BODY || l->state == L_IDLE) {
		l->ssl_wants_write = false;
		if (l->state != L_IDLE)
			send_some(l);
		while (read_some(l))
			;
	}
	if (l->state != L_CLOSED && l->has_poll)
		want(l);
}
