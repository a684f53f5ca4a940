/* The blocking client: a request goes out, an answer comes back, the connection is kept when it can
 * be. */
#include <poll.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/json.h"
#include "http/client_int.h"

enum { TRAILER_BYTES = 4096 };

/* ---- one exchange ---- */

static void drop_front(struct rv_buf *b, size_t n)
{
	memmove(b->p, b->p + n, b->n - n);
	b->n -= n;
}

static enum rv_code bad_answer(struct rv_http_client *c, enum rv_code code, struct rv_err *err)
{
	rv_err_prefix(err, "'%s': malformed answer: ", c->to.url);
	return code;
}

/* The head, interim ones skipped; what follows it stays at the front of c->in behind *ret_head_n
 * bytes. */
static enum rv_code read_head(
	struct rv_http_client *c, enum rv_http_method asked, size_t *ret_head_n, struct rv_err *err)
{
	size_t from = 0;
	for (;;) {
		enum rv_code code = rv_http_find_head(
			rv_buf_str(&c->in), &from, &c->limits, &c->head, ret_head_n, err);
		if (code == RV_OK && *ret_head_n > 0)
			code = rv_http_parse_response(
				rv_str_n(c->in.p, *ret_head_n), &c->limits, asked, &c->head, err);
		if (code != RV_OK)
			return bad_answer(c, code, err);
		if (*ret_head_n > 0 && c->head.status >= 200)
			return RV_OK;
		if (*ret_head_n > 0) {
			drop_front(&c->in, *ret_head_n);
			from = 0;
			continue;
		}
		size_t n;
		RV_TRY(rv_http_client_read(c, &n, err));
		if (n == 0)
			return rv_http_client_lost(c, 0, err);
	}
}

static enum rv_code hand_on(
	struct rv_http_client *c, const struct rv_http_request *q, struct rv_err *err)
{
	if (!q->on_body || c->head.status >= 300 || c->body.n == 0)
		return RV_OK;
	bool go_on = q->on_body(q->arg, rv_buf_str(&c->body));
	rv_buf_clear(&c->body);
	return go_on ? RV_OK : RV_FAIL(err, RV_ECLOSED, "stopped by the reader");
}

/* Takes the body's bytes that came with the head or after it; *at is where they begin in c->in. */
static enum rv_code take_body(
	struct rv_http_client *c, const struct rv_http_request *q, size_t at, struct rv_err *err)
{
	struct rv_http_chunked chunked = { 0 };
	uint64_t left = c->head.framing == RV_HTTP_LENGTH ? c->head.length : UINT64_MAX;
	bool is_done = c->head.framing == RV_HTTP_NO_BODY;
	rv_buf_clear(&c->body);
	while (!is_done) {
		struct rv_str got = rv_str_n(c->in.p + at, c->in.n - at);
		size_t used = got.n;
		enum rv_code code = RV_OK;
		if (c->head.framing == RV_HTTP_CHUNKED) {
			code = rv_http_chunked_feed(
				&chunked, got, &c->limits, &c->body, &used, &is_done, err);
		} else {
			used = got.n < left ? got.n : (size_t)left;
			left -= used;
			is_done = left == 0;
			rv_buf_add(&c->body, rv_str_sub(got, 0, used));
			code = rv_buf_ok(&c->body, err);
		}
		if (code != RV_OK)
			return bad_answer(c, code, err);
		c->in.n = at; /* bytes behind the end make the connection unfit for reuse */
		if (used < got.n)
			c->head.keep_alive = false;
		RV_TRY(hand_on(c, q, err));
		if (is_done)
			break;
		size_t n;
		RV_TRY(rv_http_client_read(c, &n, err));
		if (n > 0)
			continue;
		if (c->head.framing != RV_HTTP_UNTIL_CLOSE)
			return RV_FAIL(err, RV_ECLOSED,
				"'%s' closed the connection in the middle of an answer", c->to.url);
		is_done = true;
	}
	return RV_OK;
}

static enum rv_code exchange(
	struct rv_http_client *c, const struct rv_http_request *q, struct rv_err *err)
{
	size_t head_n = 0;
	struct rv_err sent_err = { .code = RV_OK };
	c->got_any = false;
	rv_buf_clear(&c->in);
	/* A server that refuses a large body may answer and close before it is all sent: look for
	 * the answer first. */
	enum rv_code sent = rv_http_client_write(c, rv_buf_str(&c->out), &sent_err);
	if (sent == RV_ETIMEOUT) {
		*err = sent_err;
		return sent;
	}
	RV_TRY(read_head(c, q->method, &head_n, err));
	return take_body(c, q, head_n, err);
}

/* A kept connection that has something to read before we asked has been closed, or is out of step.
 */
static bool is_stale(const struct rv_http_client *c)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };
	return poll(&p, 1, 0) != 0;
}

enum rv_code rv_http_call(struct rv_http_client *c, const struct rv_http_request *q,
	struct rv_http_answer *ret, struct rv_err *err)
{
	struct rv_err first = { .code = RV_OK };
	RV_TRY(rv_http_request_build(&c->to, q, &c->out, err));
	int64_t ms = q->deadline_ms ? q->deadline_ms : c->deadline_ms;
	c->until_ns = rv_clock_mono_ns(rv_clock_system()) + ms * RV_NS_PER_MS;
	if (c->fd >= 0 && is_stale(c))
		rv_http_client_hang_up(c);
	bool is_kept = c->fd >= 0;
	if (!is_kept)
		RV_TRY(rv_http_client_connect(c, err));
	enum rv_code code = exchange(c, q, &first);
	bool may_repeat =
		is_kept && !c->got_any && (q->method == RV_HTTP_GET || q->method == RV_HTTP_HEAD);
	if (code == RV_ECLOSED && may_repeat) {
		rv_http_client_hang_up(c);
		rv_err_clear(&first);
		RV_TRY(rv_http_client_connect(c, err));
		code = exchange(c, q, &first);
	}
	if (code != RV_OK || !c->head.keep_alive || !c->sent_all)
		rv_http_client_hang_up(c); /* the answer's slices stay: buffers keep their memory */
	if (code != RV_OK) {
		if (err && err->code == RV_OK)
			*err = first;
		return code;
	}
	*ret = (struct rv_http_answer){ .head = &c->head, .body = rv_buf_str(&c->body) };
	return RV_OK;
}

/* ---- life ---- */

enum rv_code rv_http_client_new(
	const struct rv_http_client_opts *o, struct rv_http_client **ret, struct rv_err *err)
{
	struct rv_http_client *c = calloc(1, sizeof *c);
	if (!c)
		return RV_FAIL(err, RV_ENOMEM, "no memory for a client");
	size_t max = o->max_response_bytes ? o->max_response_bytes : 16 << 20;
	c->fd = -1;
	c->ca_file = o->ca_file ? strdup(o->ca_file) : NULL;
	c->deadline_ms = o->deadline_ms ? o->deadline_ms : 30000;
	c->limits = rv_http_limits_of(&(struct rv_http_limits){ .max_head_bytes = CLIENT_HEAD_BYTES,
		.max_body_bytes = max,
		.max_trailer_bytes = TRAILER_BYTES });
	rv_buf_init(&c->out, SIZE_MAX / 4);
	rv_buf_init(&c->in, CLIENT_HEAD_BYTES + CLIENT_READ_BYTES);
	rv_buf_init(&c->body, max);
	enum rv_code code = RV_ENOMEM;
	/* All at once: answers' slices point there, so it must never move. */
	bool has_room = rv_buf_room(&c->in, CLIENT_HEAD_BYTES + CLIENT_READ_BYTES) != NULL;
	if (has_room && (c->ca_file || !o->ca_file))
		code = rv_http_origin_parse(o->base_url, &c->to, err);
	if (code != RV_OK) {
		rv_http_client_free(c);
		return code;
	}
	*ret = c;
	return RV_OK;
}

void rv_http_client_free(struct rv_http_client *c)
{
	if (!c)
		return;
	rv_http_client_hang_up(c);
	SSL_CTX_free(c->ctx);
	rv_buf_done(&c->out);
	rv_buf_done(&c->in);
	rv_buf_done(&c->body);
	rv_http_origin_done(&c->to);
	free(c->ca_file);
	free(c);
}

static enum rv_code code_of_status(int status)
{
	switch (status) {
	case 401:
		return RV_EAUTH;
	case 403:
		return RV_EPERM;
	case 404:
		return RV_ENOENT;
	case 409:
		return RV_ECONFLICT;
	case 413:
		return RV_ELIMIT;
	case 501:
		return RV_EUNSUPPORTED;
	case 503:
		return RV_EBUSY;
	case 504:
		return RV_ETIMEOUT;
	default:
		return status < 500 ? RV_EINVAL : RV_EINTERNAL;
	}
}

enum rv_code rv_http_answer_err(const struct rv_http_answer *a, struct rv_err *err)
{
	RV_AUTO_ARENA arena;
	const struct rv_json *v = NULL;
	enum rv_code code = code_of_status(a->head->status);
	rv_arena_init(&arena, 4 << 20);
	if (!rv_http_is_json(a->head->content_type) ||
		rv_json_parse(&arena, a->body, NULL, &v, NULL) != RV_OK)
		v = NULL; /* not ours: the status says enough */
	const struct rv_json *problem = rv_json_get(v, "error"),
			     *name = rv_json_get(problem, "code"),
			     *message = rv_json_get(problem, "message");
	for (int i = RV_OK + 1; i < RV_CODE_COUNT && rv_json_is(name, RV_JSON_STR); i++)
		if (rv_str_eqz(name->str, rv_code_name((enum rv_code)i)))
			code = (enum rv_code)i;
	if (rv_json_is(message, RV_JSON_STR))
		return RV_FAIL(err, code, "%.*s", RV_FMT(message->str));
	return RV_FAIL(err, code, "the server answered %d %s", a->head->status,
		rv_http_reason(a->head->status));
}
