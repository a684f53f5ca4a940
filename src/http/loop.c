/* A loop and its thread: the queue of tasks, deadlines, and what is kept warm so that the way of a
 * request calls no malloc. The queue is a stack that any thread pushes on; whoever finds it empty
 * wakes the loop, which takes all of it at once. */
#include <sched.h>
#include <stdio.h>

#include "base/clock.h"
#include "http/server_int.h"

enum {
	OUT_KEEP_BYTES = 64 << 10,
	ARENA_BYTES = 64 << 20,
	BODY_KEEP_BYTES = 64 << 10,
	REQS_KEEP = 256
};

/* ---- tasks ---- */

static void push(struct rv_http_loop *l, struct rv_http_task *t)
{
	/* The task may run, and be the last, before we are out of here: rv_http_loop_done waits. */
	atomic_fetch_add(&l->n_pushing, 1);
	struct rv_http_task *old = atomic_load(&l->tasks);
	do
		t->next = old;
	while (!atomic_compare_exchange_weak(&l->tasks, &old, t));
	/* Sequentially consistent against uncork: either we see no cork, or uncork sees the task.
	 */
	if (!old && atomic_load(&l->server->corks) == 0)
		(void)uv_async_send(&l->wake); /* fails only on a closed handle */
	atomic_fetch_sub(&l->n_pushing, 1);
}

void rv_http_task_post(struct rv_http_loop *loop, struct rv_http_task *t)
{
	push(loop, t);
}

void rv_http_wake_if_any(struct rv_http_loop *l)
{
	if (atomic_load(&l->tasks))
		(void)uv_async_send(&l->wake); /* fails only on a closed handle */
}

unsigned rv_http_loop_index(const struct rv_http_loop *loop)
{
	return (unsigned)(loop - loop->server->loops);
}

struct uv_loop_s *rv_http_loop_uv(struct rv_http_loop *loop)
{
	return &loop->uv;
}

static void run_tasks(struct rv_http_loop *l)
{
	struct rv_http_task *t = atomic_exchange(&l->tasks, NULL), *in_order = NULL;
	while (t) {
		struct rv_http_task *next = t->next;
		t->next = in_order;
		in_order = t;
		t = next;
	}
	while (in_order) {
		t = in_order;
		in_order = t->next; /* t may be gone after fn */
		t->fn(t);
	}
}

static void on_wake(uv_async_t *a)
{
	struct rv_http_loop *l = a->data;
	atomic_fetch_add_explicit(&l->n_wakes, 1, memory_order_relaxed);
	run_tasks(l);
}

/* ---- deadlines ---- */

static void wait_unlink(struct rv_http_conn *c)
{
	struct rv_http_list *list = &c->loop->waits[c->wait];
	*(c->wait_prev ? &c->wait_prev->wait_next : &list->first) = c->wait_next;
	*(c->wait_next ? &c->wait_next->wait_prev : &list->last) = c->wait_prev;
	c->wait_prev = c->wait_next = NULL;
}

static void on_wait_timer(uv_timer_t *t);

static void wait_timer_set(struct rv_http_loop *l, uint64_t at_ms)
{
	uint64_t now = uv_now(&l->uv);
	l->wait_timer_at_ms = at_ms;
	(void)uv_timer_start(&l->wait_timer, on_wait_timer, at_ms > now ? at_ms - now : 0,
		0); /* cannot fail: cb is set */
}

static void on_wait_timer(uv_timer_t *t)
{
	struct rv_http_loop *l = t->data;
	uint64_t now = uv_now(&l->uv), soonest = 0;
	l->wait_timer_at_ms = 0;
	for (int w = W_NONE + 1; w < W_COUNT; w++) {
		struct rv_http_conn *c;
		while ((c = l->waits[w].first) && c->wait_until_ms <= now) {
			rv_http_wait_set(c, W_NONE);
			rv_http_conn_late(c);
		}
	}
	for (int w = W_NONE + 1; w < W_COUNT; w++) {
		struct rv_http_conn *c = l->waits[w].first;
		if (c && (soonest == 0 || c->wait_until_ms < soonest))
			soonest = c->wait_until_ms;
	}
	if (soonest != 0 && !l->is_quitting)
		wait_timer_set(l, soonest);
}

/* The same wait again keeps its deadline: a slow sender gains nothing by sending another byte. */
void rv_http_wait_set(struct rv_http_conn *c, enum rv_http_wait w)
{
	struct rv_http_loop *l = c->loop;
	if (c->wait == w)
		return;
	if (c->wait != W_NONE)
		wait_unlink(c);
	c->wait = w;
	if (w == W_NONE)
		return;
	c->wait_until_ms = uv_now(&l->uv) + (uint64_t)l->server->timeouts_ms[w];
	c->wait_prev = l->waits[w].last;
	*(c->wait_prev ? &c->wait_prev->wait_next : &l->waits[w].first) = c;
	l->waits[w].last = c;
	if (l->wait_timer_at_ms == 0 || c->wait_until_ms < l->wait_timer_at_ms)
		wait_timer_set(l, c->wait_until_ms);
}

/* ---- kept warm ---- */

char *rv_http_in_take(struct rv_http_loop *l)
{
	if (l->n_spare_in > 0)
		return l->spare_in[--l->n_spare_in];
	return malloc(l->server->in_block_bytes);
}

void rv_http_in_give(struct rv_http_loop *l, char *block)
{
	if (block && l->n_spare_in < RV_HTTP_SPARES_MAX)
		l->spare_in[l->n_spare_in++] = block;
	else
		free(block);
}

void rv_http_out_take(struct rv_http_loop *l, struct rv_buf *out)
{
	if (l->n_spare_out > 0)
		*out = l->spare_out[--l->n_spare_out];
	else
		rv_buf_init(out, SIZE_MAX / 4);
}

void rv_http_out_give(struct rv_http_loop *l, struct rv_buf *out)
{
	rv_buf_clear(out);
	if (out->p && out->cap <= OUT_KEEP_BYTES && l->n_spare_out < RV_HTTP_SPARES_MAX)
		l->spare_out[l->n_spare_out++] = *out;
	else
		rv_buf_done(out);
	*out = (struct rv_buf){ 0 };
}

struct rv_http_req *rv_http_req_take(struct rv_http_loop *l)
{
	struct rv_http_req *r = l->spare_reqs;
	if (r) {
		l->spare_reqs = r->next;
		l->n_spare_reqs--;
	} else {
		r = calloc(1, sizeof *r);
		if (!r)
			return NULL;
		r->loop = l;
		rv_arena_init(&r->arena, ARENA_BYTES);
		rv_buf_init(&r->extra, 64 << 10);
		rv_buf_init(&r->out, SIZE_MAX / 4);
	}
	r->prev = NULL;
	r->next = l->live_reqs;
	if (r->next)
		r->next->prev = r;
	l->live_reqs = r;
	return r;
}

static void on_timer_closed(uv_handle_t *h)
{
	free(h);
}

static void req_free(struct rv_http_req *r)
{
	rv_arena_done(&r->arena);
	rv_buf_done(&r->extra);
	rv_buf_done(&r->out);
	rv_buf_done(&r->body_buf);
	if (r->timer)
		uv_close((uv_handle_t *)r->timer, on_timer_closed);
	free(r);
}

static void buf_trim(struct rv_buf *b)
{
	if (b->cap > BODY_KEEP_BYTES)
		rv_buf_done(b);
	rv_buf_clear(b);
}

void rv_http_req_give(struct rv_http_req *r)
{
	struct rv_http_loop *l = r->loop;
	*(r->prev ? &r->prev->next : &l->live_reqs) = r->next;
	if (r->next)
		r->next->prev = r->prev;
	if (l->n_spare_reqs >= REQS_KEEP) {
		req_free(r);
		return;
	}
	rv_arena_clear(&r->arena);
	buf_trim(&r->extra);
	buf_trim(&r->out);
	buf_trim(&r->body_buf);
	r->conn = NULL;
	r->body = r->request_id = r->reply_body = (struct rv_str){ NULL, 0 };
	r->watch = (struct rv_http_watch){ 0 };
	r->timer_fn = NULL;
	r->drain_fn = NULL;
	r->was_cancelled = r->is_json = r->is_chunked = r->is_bodyless = r->wants_drain = false;
	r->status = 0;
	r->match.n_params = 0;
	r->next = l->spare_reqs;
	l->spare_reqs = r;
	l->n_spare_reqs++;
}

struct rv_str rv_http_date_line(struct rv_http_loop *l)
{
	int64_t now_s = rv_clock_unix_ns(rv_clock_system()) / RV_NS_PER_S;
	if (now_s != l->date_s || l->date_n == 0) {
		char date[RV_HTTP_DATE_SIZE];
		l->date_s = now_s;
		l->date_n = (size_t)snprintf(
			l->date_line, sizeof l->date_line, "Date: %s\r", rv_http_date(now_s, date));
		l->date_line[l->date_n++] = '\n';
	}
	return rv_str_n(l->date_line, l->date_n);
}

/* ---- life ---- */

enum rv_code rv_http_loop_init(struct rv_http_loop *l, struct rv_http_server *s, struct rv_err *err)
{
	l->server = s;
	for (size_t i = 0; i < RV_HTTP_LISTENS_MAX; i++)
		l->acceptors[i] = (struct rv_http_acceptor){ .loop = l, .index = (int)i, .fd = -1 };
	int r = uv_loop_init(&l->uv);
	bool has_loop = r == 0;
	if (has_loop)
		r = uv_async_init(&l->uv, &l->wake, on_wake);
	if (r != 0 && has_loop)
		(void)uv_loop_close(&l->uv); /* empty, so it closes */
	if (r != 0)
		return RV_FAIL(err, RV_EIO, "event loop: %s", uv_strerror(r));
	(void)uv_timer_init(&l->uv, &l->wait_timer); /* cannot fail */
	(void)uv_timer_init(&l->uv, &l->accept_timer);
	l->wake.data = l->wait_timer.data = l->accept_timer.data = l;
	return RV_OK;
}

void rv_http_loop_done(struct rv_http_loop *l)
{
	l->thread = pthread_self(); /* callbacks run here from now on */
	l->is_quitting = true;
	rv_http_accept_stop(l);
	while (atomic_load(&l->n_pushing) > 0)
		(void)sched_yield(); /* a few instructions of another thread */
	run_tasks(l);
	while (l->conns)
		rv_http_conn_close(l->conns);
	(void)uv_run(&l->uv, UV_RUN_NOWAIT); /* connections without a request go */
	while (l->live_reqs) {
		struct rv_http_req *r = l->live_reqs;
		struct rv_http_conn *c = r->conn;
		rv_http_req_end(r);
		c->req = NULL;
		rv_http_in_give(l, c->in);
		c->in = NULL;
		if (c->handle_closed)
			rv_http_conn_free(c);
	}
	while (l->spare_reqs) {
		struct rv_http_req *r = l->spare_reqs;
		l->spare_reqs = r->next;
		req_free(r);
	}
	uv_close((uv_handle_t *)&l->wake, NULL);
	uv_close((uv_handle_t *)&l->wait_timer, NULL);
	uv_close((uv_handle_t *)&l->accept_timer, NULL);
	(void)uv_run(&l->uv, UV_RUN_DEFAULT);
	rv_assert(uv_loop_close(&l->uv) == 0);
	for (size_t i = 0; i < l->n_spare_in; i++)
		free(l->spare_in[i]);
	for (size_t i = 0; i < l->n_spare_out; i++)
		rv_buf_done(&l->spare_out[i]);
}
