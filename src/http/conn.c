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

enum { LINGER_BYTES = 256 << 10, DISCARD_BYTES = 16 << 10 };

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
	while (c->state != C_CLOSED && rv_http_conn_pending(c) > 0) {
		ssize_t n = rv_http_wire_write(c, c->out.p + c->out_at, rv_http_conn_pending(c));
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
	if (c->out.p && rv_http_conn_pending(c) == 0) {
		rv_http_out_give(c->loop, &c->out);
		c->out_at = 0;
	} else if (c->out_at > RV_HTTP_OUT_FULL) {
		memmove(c->out.p, c->out.p + c->out_at, rv_http_conn_pending(c));
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

void rv_http_conn_compact(struct rv_http_conn *c)
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
	rv_http_conn_compact(c);
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

/* ---- the machine ---- */

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
	int events = rv_http_conn_pending(c) > 0 || c->ssl_wants_write ? UV_WRITABLE : 0;
	switch (c->state) {
	case C_HANDSHAKE:
	case C_LINGER:
		return events | UV_READABLE;
	case C_HEAD:
	case C_BODY:
	case C_HANDLER:
	case C_STREAM:
		if (c->is_eof || (c->state == C_HEAD && rv_http_conn_pending(c) > RV_HTTP_OUT_FULL))
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
	if (rv_http_conn_pending(c) > 0)
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
		return rv_http_conn_step_head(c);
	case C_BODY:
		return rv_http_conn_step_body(c);
	case C_FLUSH:
		if (rv_http_conn_pending(c) == 0)
			finish(c);
		return false;
	default:
		return false;
	}
}

/* True when a handler was told, who may have gone on with its stream or ended it. */
static bool drained(struct rv_http_conn *c)
{
	struct rv_http_req *r = c->req;
	if (c->state != C_STREAM || !r->wants_drain || rv_http_conn_pending(c) > 0)
		return false;
	r->wants_drain = false;
	if (r->drain_fn)
		r->drain_fn(r, r->drain_arg);
	return true;
}

/* OpenSSL may hold bytes back that poll cannot see. */
static bool has_hidden(const struct rv_http_conn *c)
{
	return c->ssl && c->state >= C_HEAD && c->state <= C_STREAM && !c->is_eof && room(c) > 0 &&
		SSL_pending(c->ssl) > 0;
}

/* Steps until it has to wait, sends what came of it, and goes on if that changed anything. */
static void run_steps(struct rv_http_conn *c)
{
	bool again;
	do {
		again = false;
		while (step(c))
			again = true;
		bool was_full = rv_http_conn_pending(c) > RV_HTTP_OUT_FULL;
		flush(c);
		if (was_full && rv_http_conn_pending(c) <= RV_HTTP_OUT_FULL)
			again = true;
		if (drained(c) || (c->state == C_FLUSH && rv_http_conn_pending(c) == 0))
			again = true;
		if (has_hidden(c)) {
			fill(c);
			again = true;
		}
	} while (again && c->state != C_CLOSED);
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
	if (!is_partial || rv_http_conn_pending(c) > 0) {
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
		(c->state == C_HEAD && c->in_n == c->in_at && rv_http_conn_pending(c) == 0))
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
