/* Requests as handlers see them, and their answers. An answer is first prepared (by any thread that
 * holds the handle), then written out on the loop's thread. */
#include <inttypes.h>
#include <stdio.h>

#include "http/server_int.h"

static void assert_on_loop(const struct rv_http_req *r)
{
	rv_assert(pthread_equal(pthread_self(), r->loop->thread));
}

/* ---- accessors ---- */

const struct rv_http_head *rv_http_head(const struct rv_http_req *r)
{
	return &r->head;
}

struct rv_str rv_http_body(const struct rv_http_req *r)
{
	return r->body;
}

struct rv_str rv_http_header(const struct rv_http_req *r, const char *name)
{
	return rv_http_head_get(&r->head, name);
}

struct rv_str rv_http_param(const struct rv_http_req *r, const char *name)
{
	for (size_t i = 0; i < r->match.n_params; i++)
		if (rv_str_eqz(rv_str_n(r->match.params[i].name, r->match.params[i].name_n), name))
			return r->match.params[i].value;
	rv_assert(false && "the route has no such parameter");
	return (struct rv_str){ NULL, 0 };
}

const struct rv_http_route *rv_http_route_of(const struct rv_http_req *r)
{
	return r->match.route;
}

struct rv_str rv_http_request_id(const struct rv_http_req *r)
{
	return r->request_id;
}

struct rv_arena *rv_http_arena(struct rv_http_req *r)
{
	return &r->arena;
}

const struct rv_http_peer *rv_http_peer(const struct rv_http_req *r)
{
	return &r->conn->peer;
}

struct rv_buf *rv_http_out(struct rv_http_req *r)
{
	return &r->out;
}

struct rv_http_loop *rv_http_loop_of(const struct rv_http_req *r)
{
	return r->loop;
}

enum rv_code rv_http_json(struct rv_http_req *r, const struct rv_json_limits *limits,
	const struct rv_json **ret, struct rv_err *err)
{
	if (!rv_http_is_json(r->head.content_type))
		return RV_FAIL(err, RV_EINVAL, "header 'Content-Type': must be application/json");
	if (r->body.n == 0)
		return RV_FAIL(err, RV_EINVAL, "body: empty, JSON is needed");
	struct rv_json_limits l = { .max_bytes = SIZE_MAX };
	if (limits)
		l = *limits;
	if (l.max_bytes == 0)
		l.max_bytes = SIZE_MAX; /* the server's limit has held already */
	return rv_json_parse(&r->arena, r->body, &l, ret, err);
}

/* ---- writing ---- */

static void add_status_line(struct rv_http_conn *c, int status)
{
	struct rv_buf *out = &c->out;
	if (status == 200) {
		rv_buf_add(out, RV_STR("HTTP/1.1 200 OK\r\n"));
		return;
	}
	rv_buf_add(out, RV_STR("HTTP/1.1 "));
	rv_buf_add_u64(out, (uint64_t)status);
	rv_buf_addc(out, ' ');
	rv_buf_addz(out, rv_http_reason(status));
	rv_buf_add(out, RV_STR("\r\n"));
}

/* All but the lines that frame the body. head: of the request, NULL when there was none. */
static void add_head(struct rv_http_conn *c, const struct rv_http_head *head, int status,
	struct rv_str request_id, bool is_json, struct rv_str extra)
{
	struct rv_buf *out = &c->out;
	if (!out->max_bytes)
		rv_http_out_take(c->loop, out);
	add_status_line(c, status);
	rv_buf_add(out, rv_http_date_line(c->loop));
	if (is_json)
		rv_buf_add(out, RV_STR("Content-Type: application/json\r\n"));
	rv_buf_add(out, extra);
	if (request_id.p) {
		rv_buf_add(out, RV_STR("X-Request-ID: "));
		rv_buf_add(out, request_id);
		rv_buf_add(out, RV_STR("\r\n"));
	}
	if (c->is_last)
		rv_buf_add(out, RV_STR("Connection: close\r\n"));
	else if (head && head->minor == 0)
		rv_buf_add(out, RV_STR("Connection: keep-alive\r\n"));
}

static void add_body(
	struct rv_http_conn *c, const struct rv_http_head *head, int status, struct rv_str body)
{
	struct rv_buf *out = &c->out;
	if (status >= 200 && status != 204 && status != 304) {
		rv_buf_add(out, RV_STR("Content-Length: "));
		rv_buf_add_u64(out, body.n);
		rv_buf_add(out, RV_STR("\r\n\r\n"));
		if (!head || head->method != RV_HTTP_HEAD)
			rv_buf_add(out, body);
		return;
	}
	rv_buf_add(out, RV_STR("\r\n"));
}

static void problem_json(struct rv_buf *out, enum rv_code code, struct rv_str message)
{
	struct rv_json_w w;
	rv_json_w_init(&w, out);
	rv_json_w_obj(&w);
	rv_json_w_name(&w, "error");
	rv_json_w_obj(&w);
	rv_json_w_kv_strz(&w, "code", rv_code_name(code));
	rv_json_w_kv_str(&w, "message", message);
	rv_json_w_obj_end(&w);
	rv_json_w_obj_end(&w);
}

void rv_http_write_problem(struct rv_http_conn *c, const struct rv_http_head *head, int status,
	enum rv_code code, const char *message, struct rv_str extra)
{
	RV_AUTO_BUF body;
	rv_buf_init(&body, 16 << 10);
	problem_json(&body, code, rv_str_of(message));
	add_head(c, head, status, c->req ? c->req->request_id : (struct rv_str){ NULL, 0 }, true,
		extra);
	add_body(c, head, status, body.failed ? RV_STR("{}") : rv_buf_str(&body));
}

/* ---- preparing ---- */

static bool add_extra(struct rv_buf *extra, struct rv_str name, struct rv_str value)
{
	if (!rv_http_header_ok(name, value))
		return false;
	rv_buf_add(extra, name);
	rv_buf_add(extra, RV_STR(": "));
	rv_buf_add(extra, value);
	rv_buf_add(extra, RV_STR("\r\n"));
	return !extra->failed;
}

static bool prepare_ok(struct rv_http_req *r, const struct rv_http_reply *reply)
{
	rv_buf_clear(&r->extra);
	if (r->out.failed || reply->status < 200 || reply->status > 599)
		return false;
	if (reply->type && !add_extra(&r->extra, RV_STR("Content-Type"), rv_str_of(reply->type)))
		return false;
	for (size_t i = 0; i < reply->n_headers; i++)
		if (!add_extra(&r->extra, reply->headers[i].name, reply->headers[i].value))
			return false;
	return true;
}

static void prepare(struct rv_http_req *r, const struct rv_http_reply *reply)
{
	r->status = reply->status;
	r->is_json = !reply->type && reply->status != 204 && reply->status != 304;
	r->reply_body = reply->body;
	if (prepare_ok(r, reply))
		return;
	rv_buf_clear(&r->extra);
	r->status = 500;
	r->is_json = true;
	r->reply_body = RV_STR("{\"error\":{\"code\":\"RV_EINTERNAL\",\"message\":\"the reply "
			       "could not be built\"}}");
}

/* The body must outlive the call: it is moved into r->out unless it lies there. */
static void keep_body(struct rv_http_req *r)
{
	if (r->reply_body.n == 0 || r->reply_body.p == r->out.p || r->status == 500)
		return;
	rv_buf_clear(&r->out);
	rv_buf_add(&r->out, r->reply_body);
	r->reply_body = rv_buf_str(&r->out);
}

static void send_prepared(struct rv_http_req *r)
{
	struct rv_http_conn *c = r->conn;
	rv_assert(c->state == C_HANDLER || c->state == C_CLOSED);
	if (c->state != C_CLOSED) {
		add_head(c, &r->head, r->status, r->request_id, r->is_json, rv_buf_str(&r->extra));
		add_body(c, &r->head, r->status, r->reply_body);
		if (c->out.failed)
			rv_http_conn_close(c);
	}
	rv_http_conn_answered(c);
}

void rv_http_reply(struct rv_http_req *r, const struct rv_http_reply *reply)
{
	assert_on_loop(r);
	prepare(r, reply);
	send_prepared(r);
}

static void on_posted(struct rv_http_task *t)
{
	send_prepared((struct rv_http_req *)t);
}

void rv_http_reply_post(struct rv_http_req *r, const struct rv_http_reply *reply)
{
	prepare(r, reply);
	keep_body(r);
	r->post.fn = on_posted;
	rv_http_task_post(r->loop, &r->post);
}

static struct rv_http_reply problem_reply(struct rv_http_req *r, const struct rv_err *err)
{
	static const struct rv_http_header bearer = { RV_STR_INIT("WWW-Authenticate"),
		RV_STR_INIT("Bearer") };
	enum rv_code code = err->code == RV_OK ? RV_EINTERNAL : err->code;
	char text[sizeof err->msg + sizeof err->where + 32];
	bool is_ours = code == RV_EINTERNAL || code == RV_ECORRUPT || code == RV_EIO;
	rv_buf_clear(&r->out);
	problem_json(&r->out, code,
		rv_str_of(is_ours ? rv_code_doc(code) : rv_err_text(err, text, sizeof text)));
	return (struct rv_http_reply){
		.status = rv_code_http(code),
		.body = rv_buf_str(&r->out),
		.headers = &bearer,
		.n_headers = code == RV_EAUTH ? 1 : 0,
	};
}

void rv_http_reply_err(struct rv_http_req *r, const struct rv_err *err)
{
	struct rv_http_reply reply = problem_reply(r, err);
	rv_http_reply(r, &reply);
}

void rv_http_reply_err_post(struct rv_http_req *r, const struct rv_err *err)
{
	struct rv_http_reply reply = problem_reply(r, err);
	rv_http_reply_post(r, &reply);
}

/* ---- waiting ---- */

void rv_http_watch(struct rv_http_req *r, const struct rv_http_watch *w)
{
	assert_on_loop(r);
	r->watch = *w;
	if (r->conn->state == C_CLOSED || r->loop->is_stopping)
		rv_http_req_cancel(r); /* it happened already */
}

void rv_http_req_cancel(struct rv_http_req *r)
{
	if (r->was_cancelled || !r->watch.cancel)
		return;
	r->was_cancelled = true;
	r->watch.cancel(r, r->watch.arg);
}

void rv_http_req_end(struct rv_http_req *r)
{
	if (r->timer)
		(void)uv_timer_stop(r->timer); /* cannot fail */
	if (r->watch.done)
		r->watch.done(r->watch.arg);
	rv_http_req_give(r);
}

static void on_timer(uv_timer_t *t)
{
	struct rv_http_req *r = t->data;
	void (*fn)(struct rv_http_req *, void *) = r->timer_fn;
	r->timer_fn = NULL;
	if (fn)
		fn(r, r->timer_arg);
}

void rv_http_after(struct rv_http_req *r, int64_t after_ms,
	void (*fn)(struct rv_http_req *r, void *arg), void *arg)
{
	assert_on_loop(r);
	if (!r->timer) {
		r->timer = malloc(sizeof *r->timer);
		rv_assert(r->timer);
		(void)uv_timer_init(&r->loop->uv, r->timer); /* cannot fail */
		r->timer->data = r;
	}
	r->timer_fn = fn;
	r->timer_arg = arg;
	(void)uv_timer_start(r->timer, on_timer, after_ms > 0 ? (uint64_t)after_ms : 0,
		0); /* cannot fail: cb is set */
}

/* ---- streams ---- */

static void add_piece(struct rv_http_req *r, struct rv_str bytes)
{
	struct rv_buf *out = &r->conn->out;
	if (bytes.n == 0 || r->is_bodyless)
		return;
	if (!out->max_bytes)
		rv_http_out_take(r->loop, out);
	if (r->is_chunked)
		rv_buf_printf(out, "%zx\r\n", bytes.n);
	rv_buf_add(out, bytes);
	if (r->is_chunked)
		rv_buf_add(out, RV_STR("\r\n"));
}

void rv_http_stream_start(struct rv_http_req *r, const struct rv_http_reply *reply)
{
	struct rv_http_conn *c = r->conn;
	assert_on_loop(r);
	rv_assert(c->state == C_HANDLER || c->state == C_CLOSED);
	if (c->state == C_CLOSED)
		return;
	prepare(r, reply);
	r->is_chunked = r->head.minor == 1;
	r->is_bodyless = r->head.method == RV_HTTP_HEAD;
	if (!r->is_chunked)
		c->is_last = true; /* HTTP/1.0: the end of the connection ends the body */
	c->state = C_STREAM;
	add_head(c, &r->head, r->status, r->request_id, r->is_json, rv_buf_str(&r->extra));
	rv_buf_add(&c->out,
		r->is_chunked ? RV_STR("Transfer-Encoding: chunked\r\n\r\n") : RV_STR("\r\n"));
	add_piece(r, r->reply_body);
	rv_http_conn_run(c);
}

enum rv_code rv_http_stream_write(struct rv_http_req *r, struct rv_str bytes)
{
	struct rv_http_conn *c = r->conn;
	assert_on_loop(r);
	if (c->state == C_CLOSED)
		return RV_ECLOSED;
	rv_assert(c->state == C_STREAM);
	if (c->out.n - c->out_at >= r->loop->server->o.max_stream_bytes) {
		r->wants_drain = true;
		return RV_EBUSY;
	}
	add_piece(r, bytes);
	if (c->out.failed)
		rv_http_conn_close(c);
	rv_http_conn_run(c);
	return c->state == C_CLOSED ? RV_ECLOSED : RV_OK;
}

void rv_http_stream_on_drain(
	struct rv_http_req *r, void (*fn)(struct rv_http_req *r, void *arg), void *arg)
{
	r->drain_fn = fn;
	r->drain_arg = arg;
}

void rv_http_stream_end(struct rv_http_req *r)
{
	struct rv_http_conn *c = r->conn;
	assert_on_loop(r);
	if (c->state == C_STREAM && r->is_chunked && !r->is_bodyless) {
		if (!c->out.max_bytes)
			rv_http_out_take(c->loop, &c->out);
		rv_buf_add(&c->out, RV_STR("0\r\n\r\n"));
	}
	rv_http_conn_answered(c);
}
