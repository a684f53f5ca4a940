/* Calls of the asynchronous client: made, queued, timed, ended. */
#include <stdio.h>

#include "http/pool_int.h"

enum { OUT_MAX = 64 << 20, OUT_KEEP = 64 << 10, TRAILER_BYTES = 4096 };

/* ---- the queue ---- */

static void enqueue(struct rv_http_call *c, bool at_head)
{
	struct rv_http_pool *p = c->pool;
	c->link = NULL;
	c->prev = at_head ? NULL : p->last;
	c->next = at_head ? p->first : NULL;
	*(c->prev ? &c->prev->next : &p->first) = c;
	*(c->next ? &c->next->prev : &p->last) = c;
	p->n_waiting++;
}

static void dequeue(struct rv_http_call *c)
{
	struct rv_http_pool *p = c->pool;
	*(c->prev ? &c->prev->next : &p->first) = c->next;
	*(c->next ? &c->next->prev : &p->last) = c->prev;
	c->prev = c->next = NULL;
	p->n_waiting--;
}

static struct rv_http_link *idle_take(struct rv_http_pool *p)
{
	struct rv_http_link *l = p->idle;
	if (l)
		p->idle = l->idle_next;
	return l;
}

static void on_pump(uv_idle_t *h)
{
	struct rv_http_pool *p = h->data;
	(void)uv_idle_stop(h); /* cannot fail */
	while (p->first && !p->is_closing) {
		struct rv_http_call *c = p->first;
		struct rv_http_link *l = idle_take(p);
		if (!l && p->n_links >= p->o.max_connections)
			return;
		dequeue(c);
		if (!l)
			rv_http_link_open(p, c);
		else if (!rv_http_link_use(l, c))
			enqueue(c, true);
	}
}

/* Never inside the caller's call. */
void rv_http_pool_pump_soon(struct rv_http_pool *p)
{
	if (!p->is_closing && p->first)
		(void)uv_idle_start(&p->pump, on_pump); /* cannot fail: cb is set */
}

/* ---- calls ---- */

static void release(struct rv_http_call *c)
{
	struct rv_http_pool *p = c->pool;
	(void)uv_timer_stop(&c->timer); /* cannot fail */
	if (c->out.cap > OUT_KEEP)
		rv_buf_done(&c->out);
	rv_buf_clear(&c->out);
	c->is_live = false;
	c->link = NULL;
	c->next = p->spare;
	p->spare = c;
}

void rv_http_call_end(struct rv_http_call *c, enum rv_code code,
	const struct rv_http_answer *answer, const struct rv_err *err)
{
	struct rv_http_call_ops ops = c->ops;
	void *arg = c->arg;
	release(c);
	ops.done(arg, code, answer, err);
}

void rv_http_call_again(struct rv_http_call *c)
{
	enqueue(c, true);
	rv_http_pool_pump_soon(c->pool);
}

static void on_late(uv_timer_t *t)
{
	struct rv_http_call *c = t->data;
	struct rv_err err = { 0 };
	(void)RV_FAIL(&err, RV_ETIMEOUT, "'%s' did not answer in time", c->pool->to.url);
	struct rv_http_link *l = c->link;
	if (l) {
		l->call = NULL;
		rv_http_link_close(l);
		rv_http_pool_pump_soon(c->pool);
	} else {
		dequeue(c);
	}
	rv_http_call_end(c, RV_ETIMEOUT, NULL, &err);
}

void rv_http_call_cancel(struct rv_http_call *c)
{
	rv_assert(c->is_live);
	struct rv_http_link *l = c->link;
	if (l) {
		l->call = NULL;
		rv_http_link_close(l);
		rv_http_pool_pump_soon(c->pool);
	} else {
		dequeue(c);
	}
	release(c);
}

static struct rv_http_call *call_new(struct rv_http_pool *p)
{
	struct rv_http_call *c = p->spare;
	if (c) {
		p->spare = c->next;
		c->next = NULL;
		return c;
	}
	c = calloc(1, sizeof *c);
	if (!c)
		return NULL;
	c->pool = p;
	rv_buf_init(&c->out, OUT_MAX);
	(void)uv_timer_init(p->loop, &c->timer); /* cannot fail */
	c->timer.data = c;
	p->n_handles++;
	return c;
}

struct rv_http_call *rv_http_pool_call(struct rv_http_pool *p, const struct rv_http_request *q,
	bool is_repeatable, const struct rv_http_call_ops *ops, void *arg, struct rv_err *err)
{
	rv_assert(p->magic == RV_HTTP_POOL_MAGIC && ops->done);
	if (p->is_closing || p->n_waiting >= p->o.max_waiting) {
		(void)RV_FAIL(err, p->is_closing ? RV_ECLOSED : RV_EBUSY, /* told in err */
			"'%s': %s", p->to.url,
			p->is_closing ? "is being left" : "too many calls wait for it");
		return NULL;
	}
	struct rv_http_call *c = call_new(p);
	if (!c) {
		(void)RV_FAIL(err, RV_ENOMEM, "no memory for a call"); /* told in err */
		return NULL;
	}
	c->ops = *ops;
	c->arg = arg;
	c->method = q->method;
	c->is_repeatable = is_repeatable;
	c->is_live = true;
	if (rv_http_request_build(&p->to, q, &c->out, err) != RV_OK) {
		release(c);
		return NULL;
	}
	int64_t ms = q->deadline_ms ? q->deadline_ms : p->o.deadline_ms;
	if (ms > 0)
		(void)uv_timer_start(
			&c->timer, on_late, (uint64_t)ms, 0); /* cannot fail: cb is set */
	struct rv_http_link *l = p->first ? NULL : idle_take(p);
	if (l && rv_http_link_use(l, c))
		return c;
	enqueue(c, false);
	rv_http_pool_pump_soon(p);
	return c;
}

/* ---- life ---- */

static void destroy(struct rv_http_pool *p)
{
	void (*closed)(void *) = p->closed;
	void *arg = p->closed_arg;
	for (struct rv_http_call *c = p->spare, *next; c; c = next) {
		next = c->next;
		rv_buf_done(&c->out);
		free(c);
	}
	SSL_CTX_free(p->ssl);
	rv_http_origin_done(&p->to);
	p->magic = 0;
	free(p);
	if (closed)
		closed(arg);
}

void rv_http_pool_handle_gone(struct rv_http_pool *p)
{
	rv_assert(p->n_handles > 0);
	if (--p->n_handles == 0)
		destroy(p);
}

static void on_pump_closed(uv_handle_t *h)
{
	rv_http_pool_handle_gone(h->data);
}

static void on_timer_closed(uv_handle_t *h)
{
	struct rv_http_call *c = h->data;
	rv_http_pool_handle_gone(c->pool);
}

void rv_http_pool_free(struct rv_http_pool *p, void (*closed)(void *arg), void *arg)
{
	struct rv_err err = { 0 };
	if (!p) {
		if (closed)
			closed(arg);
		return;
	}
	rv_assert(p->magic == RV_HTTP_POOL_MAGIC && !p->is_closing);
	p->is_closing = true;
	p->closed = closed;
	p->closed_arg = arg;
	(void)RV_FAIL(&err, RV_ECLOSED, "'%s': is being left", p->to.url); /* told to the calls */
	while (p->first) {
		struct rv_http_call *c = p->first;
		dequeue(c);
		rv_http_call_end(c, RV_ECLOSED, NULL, &err);
	}
	while (p->links) {
		struct rv_http_call *c = p->links->call;
		p->links->call = NULL;
		rv_http_link_close(p->links);
		if (c)
			rv_http_call_end(c, RV_ECLOSED, NULL, &err);
	}
	uv_close((uv_handle_t *)&p->pump, on_pump_closed);
	/* Every call is a spare one now. */
	for (struct rv_http_call *c = p->spare; c; c = c->next)
		uv_close((uv_handle_t *)&c->timer, on_timer_closed);
}

enum rv_code rv_http_pool_new(struct uv_loop_s *loop, const struct rv_http_pool_opts *o,
	struct rv_http_pool **ret, struct rv_err *err)
{
	struct rv_http_pool *p = calloc(1, sizeof *p);
	if (!p)
		return RV_FAIL(err, RV_ENOMEM, "no memory for a client");
	p->magic = RV_HTTP_POOL_MAGIC;
	p->loop = loop;
	p->o = *o;
	p->o.base_url = p->o.ca_file = NULL;
#define DEFAULT(field, value) p->o.field = p->o.field ? p->o.field : (value)
	DEFAULT(max_connections, 64);
	DEFAULT(max_waiting, 65536);
	DEFAULT(max_response_bytes, 16 << 20);
	DEFAULT(deadline_ms, 30000);
	DEFAULT(idle_ms, 50000);
#undef DEFAULT
	p->limits = rv_http_limits_of(&(struct rv_http_limits){ .max_head_bytes = CLIENT_HEAD_BYTES,
		.max_body_bytes = p->o.max_response_bytes,
		.max_trailer_bytes = TRAILER_BYTES });
	enum rv_code code = rv_http_origin_parse(o->base_url, &p->to, err);
	if (code == RV_OK && p->to.scheme == RV_HTTP_TLS)
		code = rv_http_tls_client_new(o->ca_file, &p->ssl, err);
	if (code != RV_OK) {
		rv_http_origin_done(&p->to);
		free(p);
		return code;
	}
	(void)uv_idle_init(loop, &p->pump); /* cannot fail */
	p->pump.data = p;
	p->n_handles = 1;
	*ret = p;
	return RV_OK;
}
