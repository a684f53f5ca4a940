/* From bytes to a request: the head is found and read, its route looked up, the body taken, the
 * handler called. Each step says whether it did something; conn.c goes on until none does. */
#include <stdio.h>

#include "http/server_int.h"

enum { BODY_ROOM_BYTES = 4096 };

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
		rv_http_conn_compact(c);
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
bool rv_http_conn_step_head(struct rv_http_conn *c)
{
	struct rv_http_head why;
	struct rv_err err;
	if (rv_http_conn_pending(c) > RV_HTTP_OUT_FULL)
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

bool rv_http_conn_step_body(struct rv_http_conn *c)
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
