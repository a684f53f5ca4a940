/* A connection: bytes become requests one after another, replies go out in the same order. It is a
 * machine of states (server_int.h) driven by conn_run, which goes on until it would have to wait,
 * then says what it waits for and how long.
 *
 * A request's bytes stay in the block `in` until it is answered; the handler's slices point there.
 * While a handler has the request the connection reads on into what room is left, to hear of the
 * client's end; the next request is begun only after the reply. */
#include <errno.h>
#include <stdio.h>

#include "http/server_int.h"

enum {
	OUT_FULL_BYTES = 256 << 10,
	LINGER_BYTES = 256 << 10,
	DISCARD_BYTES = 16 << 10,
	BODY_ROOM_BYTES = 4096
};

static size_t pending(const struct rv_http_conn *c)
{
	return c->out.n - c->out_at;
}

static size_t room(const struct rv_http_conn *c)
{
	size_t used = c->state == C_HEAD ? c->in_n - c->in_at : c->in_n;
	return c->in ? c->loop->server->in_block_bytes - used : c->loop->server->in_block_bytes;
}

/* ---- closing ---- */

void rv_http_conn_free(struct rv_http_conn *c)
{
	free(c);
}

static void on_closed(uv_handle_t *h)
{
	struct rv_http_conn *c = h->data;
	c->handle_closed = true;
	if (!c->req)
		rv_http_conn_free(c);
}

static void one_less(struct rv_http_server *s)
{
	if (atomic_fetch_sub(&s->n_open, 1) != 1)
		return;
	pthread_mutex_lock(&s->lock);
	pthread_cond_broadcast(&s->empty);
	pthread_mutex_unlock(&s->lock);
}

/* The object lives on while a handler has its request. */
void rv_http_conn_close(struct rv_http_conn *c)
{
	struct rv_http_loop *l = c->loop;
	if (c->state == C_CLOSED)
		return;
	bool in_handler = c->state == C_HANDLER || c->state == C_STREAM;
	c->state = C_CLOSED;
	rv_http_wait_set(c, W_NONE);
	*(c->all_prev ? &c->all_prev->all_next : &l->conns) = c->all_next;
	if (c->all_next)
		c->all_next->all_prev = c->all_prev;
	uv_close((uv_handle_t *)&c->poll, on_closed);
	SSL_free(c->ssl);
	c->ssl = NULL;
	(void)close(c->fd); /* nothing to do about it */
	rv_http_out_give(l, &c->out);
	c->out_at = 0;
	if (in_handler) {
		rv_http_req_cancel(c->req);
	} else {
		if (c->req)
			rv_http_req_end(c->req);
		c->req = NULL;
		rv_http_in_give(l, c->in);
		c->in = NULL;
	}
	one_less(l->server);
}

/* Everything is sent: close, but not under the client's feet. */
static void finish(struct rv_http_conn *c)
{
	if (!c->has_unread || c->is_eof) {
		rv_http_wire_shutdown(c);
		rv_http_conn_close(c);
		return;
	}
	rv_http_wire_shutdown(c);
	c->state = C_LINGER;
}

static void linger(struct rv_http_conn *c)
{
	char waste[DISCARD_BYTES];
	ssize_t n = recv(c->fd, waste, sizeof waste, MSG_DONTWAIT);
	if (n > 0)
		c->lingered_bytes += (size_t)n;
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR) ||
		c->lingered_bytes > LINGER_BYTES)
		rv_http_conn_close(c);
}

/* ---- sending ---- */

static void flush(struct rv_http_conn *c)
{
	while (c->state != C_CLOSED && pending(c) > 0) {
		ssize_t n = rv_http_wire_write(c, c->out.p + c->out_at, pending(c));
		if (n == RV_HTTP_AGAIN)
			break;
		if (n < 0) {
			rv_http_conn_close(c);
			return;
		}
		c->out_at += (size_t)n;
		if (c->wait == W_SEND)
			rv_http_wait_set(c, W_NONE); /* progress: a new deadline */
	}
	if (c->out.p && pending(c) == 0) {
		rv_http_out_give(c->loop, &c->out);
		c->out_at = 0;
	} else if (c->out_at > OUT_FULL_BYTES) {
		memmove(c->out.p, c->out.p + c->out_at, pending(c));
		c->out.n -= c->out_at;
		c->out_at = 0;
	}
}

/* ---- receiving ---- */

static void saw_end(struct rv_http_conn *c)
{
	c->is_eof = true;
	if (c->state == C_HANDLER || c->state == C_STREAM)
		rv_http_req_cancel(c->req);
}

static void compact(struct rv_http_conn *c)
{
	if (c->state != C_HEAD || c->in_at == 0)
		return;
	memmove(c->in, c->in + c->in_at, c->in_n - c->in_at);
	c->in_n -= c->in_at;
	c->in_at = 0;
}

static void fill(struct rv_http_conn *c)
{
	if (c->is_eof || c->state == C_FLUSH || c->state == C_CLOSED)
		return;
	if (!c->in) {
		c->in = rv_http_in_take(c->loop);
		c->in_at = c->in_n = 0;
	}
	if (!c->in) {
		rv_http_conn_close(c);
		return;
	}
	compact(c);
	if (room(c) == 0)
		return;
	ssize_t n = rv_http_wire_read(c, c->in + c->in_n, room(c));
	if (n > 0)
		c->in_n += (size_t)n;
	else if (n == 0)
		saw_end(c);
	else if (n == RV_HTTP_BROKEN)
		rv_http_conn_close(c);
}

/* ---- requests ---- */

void rv_http_conn_refuse(struct rv_http_conn *c, int status, enum rv_code code, const char *message)
{
	atomic_fetch_add_explicit(&c->loop->n_refused, 1, memory_order_relaxed);
	c->is_last = true;
	rv_http_write_problem(c, c->req ? &c->req->head : NULL, status, code, message,
		(struct rv_str){ NULL, 0 });
	if (c->req)
		rv_http_req_end(c->req);
	c->req = NULL;
	c->state = C_FLUSH;
	c->has_unread = true;
}

static void refuse_err(struct rv_http_conn *c, int status, const struct rv_err *err)
{
	rv_http_conn_refuse(c, status, err->code, err->msg);
}

static void dispatch(struct rv_http_conn *c)
{
	struct rv_http_req *r = c->req;
	atomic_fetch_add_explicit(&c->loop->n_requests, 1, memory_order_relaxed);
	rv_http_wait_set(c, W_NONE);
	c->state = C_HANDLER;
	r->match.route->run(r, r->match.self);
}

static bool request_id_ok(struct rv_str s)
{
	if (s.n == 0 || s.n > 128)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		bool is_alnum =
			(c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		if (!is_alnum && !memchr("._:/+=@-", c, 8))
			return false;
	}
	return true;
}

/* 404 or 405. The connection goes on when no body is due. */
static void no_route(struct rv_http_conn *c, unsigned allowed)
{
	char text[128] = "Allow: ";
	size_t n = 7;
	if (allowed & 1u << RV_HTTP_GET)
		allowed |= 1u << RV_HTTP_HEAD;
	for (int m = RV_HTTP_GET; m < RV_HTTP_OTHER; m++)
		if (allowed & 1u << m)
			n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", n > 7 ? ", " : "",
				rv_http_method_name((enum rv_http_method)m));
	n += (size_t)snprintf(text + n, sizeof text - n, "\r\n");
	struct rv_http_head *h = &c->req->head;
	if (h->framing != RV_HTTP_NO_BODY)
		c->is_last = c->has_unread = true;
	rv_http_write_problem(c, h, allowed ? 405 : 404, allowed ? RV_EUNSUPPORTED : RV_ENOENT,
		allowed ? "this path does not take that method" : "no such path",
		allowed ? rv_str_n(text, n) : (struct rv_str){ NULL, 0 });
	c->in_at += c->head_n;
	rv_http_conn_answered(c);
}

static uint64_t body_limit(const struct rv_http_conn *c)
{
	uint64_t own = c->req->match.route->max_body_bytes;
	return own ? own : c->loop->server->o.limits.max_body_bytes;
}

static void begin_body(struct rv_http_conn *c)
{
	struct rv_http_req *r = c->req;
	uint64_t limit = body_limit(c);
	if (r->head.framing == RV_HTTP_LENGTH && r->head.length > limit) {
		char text[96];
		(void)snprintf(text, sizeof text, "body: larger than the %llu bytes allowed here",
			(unsigned long long)limit);
		rv_http_conn_refuse(c, 413, RV_ELIMIT, text);
		return;
	}
	c->state = C_BODY;
	c->chunked = (struct rv_http_chunked){ 0 };
	c->body_left = 0;
	r->body_buf.max_bytes = limit;
	if (r->head.framing == RV_HTTP_LENGTH &&
		r->head.length > c->loop->server->in_block_bytes - c->in_at - c->head_n)
		c->body_left = r->head.length; /* does not fit beside the head */
	bool has_some = c->in_n > c->in_at + c->head_n;
	if (!r->head.expects_continue || has_some)
		return;
	if (!c->out.p)
		rv_http_out_take(c->loop, &c->out);
	rv_buf_add(&c->out, RV_STR("HTTP/1.1 100 Continue\r\n\r\n"));
}

/* The head is whole: read it, find its route. */
static void begin_request(struct rv_http_conn *c)
{
	struct rv_http_server *s = c->loop->server;
	struct rv_http_req *r = rv_http_req_take(c->loop);
	if (!r) {
		rv_http_conn_refuse(c, 503, RV_ENOMEM, rv_code_doc(RV_ENOMEM));
		return;
	}
	struct rv_err err;
	unsigned allowed;
	if (s->in_block_bytes - c->in_at - c->head_n < BODY_ROOM_BYTES)
		compact(c);
	c->req = r;
	r->conn = c;
	err.code = RV_OK;
	if (rv_http_parse_request(&r->arena, rv_str_n(c->in + c->in_at, c->head_n), &s->limits,
		    &r->head, &err) != RV_OK) {
		r->head.minor = 1;
		refuse_err(c, r->head.refusal, &err);
		return;
	}
	c->n_requests++;
	c->is_last =
		!r->head.keep_alive || c->n_requests >= s->o.max_requests || c->loop->is_stopping;
	r->request_id = rv_http_head_get(&r->head, "x-request-id");
	if (!request_id_ok(r->request_id))
		r->request_id = (struct rv_str){ NULL, 0 };
	struct rv_str encoding = rv_http_head_get(&r->head, "content-encoding");
	if (encoding.p && !rv_str_ieq(encoding, RV_STR("identity")))
		rv_http_conn_refuse(c, 415, RV_EUNSUPPORTED,
			"header 'Content-Encoding': send the body as it is");
	else if (!rv_http_router_match(
			 s->o.router, r->head.method, r->head.path, &r->match, &allowed))
		no_route(c, allowed);
	else
		begin_body(c);
}

/* True: something was done, go on. */
static bool step_head(struct rv_http_conn *c)
{
	struct rv_http_head why;
	struct rv_err err;
	if (pending(c) > OUT_FULL_BYTES)
		return false;
	if (c->in_n == c->in_at) {
		if (c->is_eof || c->loop->is_stopping) {
			c->state = C_FLUSH;
			return true;
		}
		return false;
	}
	err.code = RV_OK;
	struct rv_str got = rv_str_n(c->in + c->in_at, c->in_n - c->in_at);
	if (rv_http_find_head(got, &c->find_from, &c->loop->server->limits, &why, &c->head_n,
		    &err) != RV_OK) {
		refuse_err(c, why.refusal, &err);
		return true;
	}
	if (c->head_n > 0) {
		begin_request(c);
		return true;
	}
	if (c->is_eof)
		rv_http_conn_close(c);
	return false;
}

/* A body with a buffer of its own: moves what has come over; true when it is whole. */
static bool take_body(struct rv_http_conn *c, char *at, size_t have)
{
	struct rv_http_req *r = c->req;
	struct rv_err err = { .code = RV_OK };
	size_t used = 0;
	bool is_whole = false;
	enum rv_code code;
	if (r->head.framing == RV_HTTP_CHUNKED) {
		code = rv_http_chunked_feed(&c->chunked, rv_str_n(at, have),
			&c->loop->server->limits, &r->body_buf, &used, &is_whole, &err);
	} else {
		used = have < c->body_left ? have : (size_t)c->body_left;
		rv_buf_add(&r->body_buf, rv_str_n(at, used));
		c->body_left -= used;
		is_whole = c->body_left == 0;
		code = rv_buf_ok(&r->body_buf, &err);
	}
	if (code != RV_OK) {
		refuse_err(c, rv_code_http(code), &err);
		return false;
	}
	memmove(at, at + used, have - used);
	c->in_n -= used;
	r->body = rv_buf_str(&r->body_buf);
	return is_whole;
}

static bool step_body(struct rv_http_conn *c)
{
	struct rv_http_req *r = c->req;
	char *at = c->in + c->in_at + c->head_n;
	size_t have = c->in_n - c->in_at - c->head_n;
	bool is_whole;
	if (r->head.framing == RV_HTTP_NO_BODY) {
		is_whole = true;
		c->in_at += c->head_n;
	} else if (r->head.framing == RV_HTTP_LENGTH && c->body_left == 0) {
		is_whole = have >= r->head.length;
		r->body = rv_str_n(at, (size_t)r->head.length);
		if (is_whole)
			c->in_at += c->head_n + (size_t)r->head.length;
	} else {
		is_whole = take_body(c, at, have);
		if (is_whole)
			c->in_at += c->head_n;
	}
	if (is_whole)
		dispatch(c);
	else if (c->is_eof && c->state == C_BODY)
		rv_http_conn_refuse(c, 400, RV_EINVAL, "body: ended early");
	return is_whole || c->state == C_FLUSH;
}

void rv_http_conn_answered(struct rv_http_conn *c)
{
	struct rv_http_req *r = c->req;
	c->req = NULL;
	if (c->state == C_CLOSED) {
		rv_http_in_give(c->loop, c->in);
		c->in = NULL;
		rv_http_req_end(r);
		if (c->handle_closed)
			rv_http_conn_free(c);
		return;
	}
	c->find_from = c->head_n = 0;
	c->state = c->is_last ? C_FLUSH : C_HEAD;
	if (c->is_last && c->in_n > c->in_at)
		c->has_unread = true;
	rv_http_req_end(r);
	rv_http_conn_run(c);
}

/* ---- the machine ---- */

static void on_event(uv_poll_t *p, int status, int events);

static void poll_for(struct rv_http_conn *c, int events)
{
	if (events == c->events)
		return;
	c->events = events;
	if (events == 0)
		(void)uv_poll_stop(&c->poll); /* cannot fail */
	else if (uv_poll_start(&c->poll, events, on_event) != 0)
		rv_http_conn_close(c);
}

static int wanted_events(const struct rv_http_conn *c)
{
	int events = pending(c) > 0 || c->ssl_wants_write ? UV_WRITABLE : 0;
	switch (c->state) {
	case C_HANDSHAKE:
	case C_LINGER:
		return events | UV_READABLE;
	case C_HEAD:
	case C_BODY:
	case C_HANDLER:
	case C_STREAM:
		if (c->is_eof || (c->state == C_HEAD && pending(c) > OUT_FULL_BYTES))
			return events;
		if (room(c) > 0)
			return events | UV_READABLE;
		return c->saw_hup ? events : events | UV_DISCONNECT;
	case C_FLUSH:
	case C_CLOSED:
		break;
	}
	return events;
}

static enum rv_http_wait wanted_wait(const struct rv_http_conn *c)
{
	if (c->state == C_LINGER)
		return W_LINGER;
	if (c->state == C_HANDSHAKE)
		return W_HEAD;
	if (pending(c) > 0)
		return W_SEND;
	if (c->state == C_HEAD)
		return c->in_n > c->in_at ? W_HEAD : W_IDLE;
	return c->state == C_BODY ? W_BODY : W_NONE;
}

static bool step(struct rv_http_conn *c)
{
	int r;
	switch (c->state) {
	case C_HANDSHAKE:
		r = rv_http_wire_handshake(c);
		if (r == RV_HTTP_BROKEN)
			rv_http_conn_close(c);
		if (r == 1) {
			c->state = C_HEAD;
			rv_http_wait_set(c, W_NONE);
			fill(c);
		}
		return r == 1;
	case C_HEAD:
		return step_head(c);
	case C_BODY:
		return step_body(c);
	case C_FLUSH:
		if (pending(c) == 0)
			finish(c);
		return false;
	default:
		return false;
	}
}

static void drained(struct rv_http_conn *c)
{
	struct rv_http_req *r = c->req;
	if (c->state != C_STREAM || !r->wants_drain || pending(c) > 0)
		return;
	r->wants_drain = false;
	if (r->drain_fn)
		r->drain_fn(r, r->drain_arg);
}

/* Steps until it has to wait; then everything goes out in one write. OpenSSL may hold bytes back
 * that poll cannot see. */
static void run_steps(struct rv_http_conn *c)
{
	do {
		while (step(c))
			;
		flush(c);
		drained(c);
		if (c->state == C_FLUSH && pending(c) == 0)
			finish(c);
		if (c->ssl && SSL_pending(c->ssl) > 0 && c->state != C_FLUSH &&
			c->state != C_LINGER && !c->is_eof && room(c) > 0)
			fill(c);
		else
			return;
	} while (c->state != C_CLOSED);
}

void rv_http_conn_run(struct rv_http_conn *c)
{
	if (c->is_busy || c->state == C_CLOSED)
		return;
	c->is_busy = true;
	run_steps(c);
	c->is_busy = false;
	if (c->state == C_CLOSED)
		return;
	if (c->in && c->in_n == c->in_at && c->state == C_HEAD) {
		rv_http_in_give(c->loop, c->in);
		c->in = NULL;
		c->in_at = c->in_n = 0;
	}
	rv_http_wait_set(c, wanted_wait(c));
	poll_for(c, wanted_events(c));
}

static void on_event(uv_poll_t *p, int status, int events)
{
	struct rv_http_conn *c = p->data;
	if (status != 0) {
		rv_http_conn_close(c);
		return;
	}
	if (events & UV_DISCONNECT) {
		c->saw_hup = true;
		if (c->state == C_HANDLER || c->state == C_STREAM)
			rv_http_req_cancel(c->req);
	}
	if (c->state == C_LINGER)
		linger(c);
	else if (c->state != C_HANDSHAKE && (events & UV_READABLE || c->ssl_wants_write))
		fill(c);
	rv_http_conn_run(c);
}

void rv_http_conn_late(struct rv_http_conn *c)
{
	bool is_partial = (c->state == C_HEAD && c->in_n > c->in_at) || c->state == C_BODY;
	if (!is_partial || pending(c) > 0) {
		rv_http_conn_close(c);
		return;
	}
	rv_http_conn_refuse(c, 408, RV_ETIMEOUT,
		c->state == C_HEAD ? "the request's head took too long"
				   : "the request's body took too long");
	rv_http_conn_run(c);
}

void rv_http_conn_wind_up(struct rv_http_conn *c)
{
	c->is_last = true;
	if (c->state == C_HANDSHAKE ||
		(c->state == C_HEAD && c->in_n == c->in_at && pending(c) == 0))
		rv_http_conn_close(c);
	else if (c->state == C_HANDLER || c->state == C_STREAM)
		rv_http_req_cancel(c->req);
}

void rv_http_conn_open(struct rv_http_acceptor *a, int fd, const struct rv_http_peer *peer)
{
	struct rv_http_loop *l = a->loop;
	struct rv_http_conn *c = calloc(1, sizeof *c);
	if (!c || uv_poll_init(&l->uv, &c->poll, fd) != 0) {
		(void)close(fd); /* nothing to do about it */
		free(c);
		one_less(l->server);
		return;
	}
	c->poll.data = c;
	c->fd = fd;
	c->loop = l;
	c->peer = *peer;
	c->state = C_HEAD;
	c->all_next = l->conns;
	if (c->all_next)
		c->all_next->all_prev = c;
	l->conns = c;
	if (!a->is_plain) {
		c->state = C_HANDSHAKE;
		c->ssl = SSL_new(l->server->ssl);
		if (!c->ssl || SSL_set_fd(c->ssl, fd) != 1) {
			rv_http_conn_close(c);
			return;
		}
	} else {
		fill(c); /* the request often is there already */
	}
	rv_http_conn_run(c);
}
