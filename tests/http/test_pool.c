/* The asynchronous client: many calls on a loop of the test's own, against our server and against
 * servers that misbehave. */
#include <sys/socket.h>
#include <uv.h>

#include "http/pool.h"
#include "tests/http/fixture.h"

struct result {
	enum rv_code code;
	int status, n_done, n_heads;
	struct rv_err err;
	size_t body_n, n_pieces;
	char body[64];
	bool stop_at_head, stop_at_piece;
	struct rv_http_call **cancel; /* called off at the first piece */
};

static bool on_head(void *arg, const struct rv_http_head *head)
{
	struct result *r = arg;
	r->n_heads++;
	return !r->stop_at_head;
}

static bool on_body(void *arg, struct rv_str piece)
{
	struct result *r = arg;
	r->n_pieces++;
	r->body_n += piece.n;
	if (r->cancel) {
		rv_http_call_cancel(*r->cancel);
		return true;
	}
	return !r->stop_at_piece;
}

static void on_done(
	void *arg, enum rv_code code, const struct rv_http_answer *a, const struct rv_err *err)
{
	struct result *r = arg;
	r->n_done++;
	r->code = code;
	if (err)
		r->err = *err;
	if (!a)
		return;
	r->status = a->head->status;
	r->body_n += a->body.n;
	snprintf(r->body, sizeof r->body, "%.*s", RV_FMT(a->body));
}

static const struct rv_http_call_ops whole = { .head = on_head, .done = on_done };
static const struct rv_http_call_ops pieces = { .head = on_head, .body = on_body, .done = on_done };
static const struct rv_str none = { NULL, 0 };

static struct rv_http_pool *pool_of(uv_loop_t *loop, struct rv_http_pool_opts o)
{
	struct rv_http_pool *p = NULL;
	struct rv_err err = { 0 };
	char text[900];
	o.deadline_ms = o.deadline_ms ? o.deadline_ms : 5000;
	enum rv_code code = rv_http_pool_new(loop, &o, &p, &err);
	CHECKF(code == RV_OK, "%s: %s", o.base_url, rv_err_text(&err, text, sizeof text));
	return p;
}

static struct rv_http_call *start(struct rv_http_pool *p, enum rv_http_method method,
	const char *path, struct rv_str body, const struct rv_http_call_ops *ops, struct result *r)
{
	struct rv_err err = { 0 };
	struct rv_http_request q = { .method = method, .path = rv_str_of(path), .body = body };
	struct rv_http_call *c = rv_http_pool_call(p, &q, method == RV_HTTP_GET, ops, r, &err);
	CHECKF(c, "%s: %s", path, err.msg);
	CHECK(r->n_done == 0);
	return c;
}

/* Turns the loop until n results are done. */
static void until_done(uv_loop_t *loop, const struct result *r, size_t n)
{
	for (size_t i = 0; i < n; i++)
		while (r[i].n_done == 0 && uv_run(loop, UV_RUN_ONCE))
			;
	for (size_t i = 0; i < n; i++)
		CHECKF(r[i].n_done == 1, "call %zu ended %d times", i, r[i].n_done);
}

static void mark(void *arg)
{
	*(bool *)arg = true;
}

static void finish(uv_loop_t *loop, struct rv_http_pool *p)
{
	bool closed = false;
	rv_http_pool_free(p, mark, &closed);
	(void)uv_run(loop, UV_RUN_DEFAULT);
	CHECK(closed);
	CHECK(uv_loop_close(loop) == 0);
}

/* 200 calls of three kinds at once; returns how many connections the server saw. */
static uint64_t use(struct fixture *f, const char *url, const char *ca, unsigned max)
{
	enum { N = 200, LARGE = 300000 };
	static struct result r[N];
	static char large[LARGE];
	uv_loop_t loop;
	struct rv_http_stats before, after;
	memset(r, 0, sizeof r);
	memset(large, 'z', sizeof large);
	uv_loop_init(&loop);
	rv_http_server_stats(f->server, &before);
	struct rv_http_pool *p = pool_of(&loop,
		(struct rv_http_pool_opts){
			.base_url = url, .ca_file = ca, .max_connections = max });
	if (!p)
		return 0;
	for (int i = 0; i < N; i++) {
		if (i % 3 == 0)
			start(p, RV_HTTP_GET, "/plain", none, &whole, &r[i]);
		else if (i % 3 == 1)
			start(p, RV_HTTP_POST, "/echo", rv_str_n(large, i == 1 ? LARGE : 5), &whole,
				&r[i]);
		else
			start(p, RV_HTTP_GET, "/stream", none, &pieces, &r[i]);
	}
	until_done(&loop, r, N);
	for (int i = 0; i < N; i++) {
		CHECKF(r[i].code == RV_OK && r[i].status == 200 && r[i].n_heads == 1, "%d: %s %d",
			i, r[i].err.msg, r[i].status);
		if (i % 3 == 0)
			CHECK(strcmp(r[i].body, "{\"ok\":true}") == 0);
		else if (i % 3 == 1)
			CHECK(r[i].body_n == (i == 1 ? LARGE : 5));
		else
			CHECK(r[i].body_n == 52 && r[i].n_pieces >= 1);
	}
	rv_http_server_stats(f->server, &after);
	finish(&loop, p);
	return after.connections - before.connections;
}

TEST(tcp_and_unix)
{
	struct fixture f;
	char url[64];
	REQUIRE(fixture_start(&f, (struct rv_http_server_opts){ 0 }, true));
	snprintf(url, sizeof url, "http://127.0.0.1:%d", f.port);
	uint64_t n = use(&f, url, NULL, 7);
	CHECKF(n >= 1 && n <= 7, "%llu", (unsigned long long)n);
	CHECK(use(&f, url, NULL, 1) == 1);
	snprintf(url, sizeof url, "http://localhost:%d/", f.port);
	CHECK(use(&f, url, NULL, 7) <= 7);
	CHECK(use(&f, f.unix_address, NULL, 7) <= 7);
	fixture_stop(&f);
}

TEST(tls)
{
	struct fixture f;
	struct tls_files t;
	char url[64];
	uv_loop_t loop;
	struct result r = { 0 };
	REQUIRE(tls_files_make(&t));
	struct rv_http_server_opts o = { .tls_cert_file = t.cert, .tls_key_file = t.key };
	REQUIRE(fixture_start(&f, o, false));
	snprintf(url, sizeof url, "https://127.0.0.1:%d", f.port);
	CHECK(use(&f, url, t.cert, 5) <= 5);
	uv_loop_init(&loop);
	struct rv_http_pool *p = pool_of(
		&loop, (struct rv_http_pool_opts){ .base_url = url, .ca_file = t.other_cert });
	REQUIRE(p);
	start(p, RV_HTTP_GET, "/plain", none, &whole, &r);
	until_done(&loop, &r, 1);
	CHECKF(r.code == RV_EAUTH && strstr(r.err.msg, "does not verify"), "%s %s",
		rv_code_name(r.code), r.err.msg);
	finish(&loop, p);
	fixture_stop(&f);
	tls_files_remove(&t);
}

TEST(what_is_refused)
{
	uv_loop_t loop;
	struct rv_http_pool *p = NULL;
	struct rv_err err = { 0 };
	uv_loop_init(&loop);
	CHECK(rv_http_pool_new(&loop, &(struct rv_http_pool_opts){ .base_url = "ftp://x" }, &p,
		      &err) == RV_EINVAL);
	rv_err_clear(&err);
	CHECK(rv_http_pool_new(&loop,
		      &(struct rv_http_pool_opts){
			      .base_url = "https://x", .ca_file = "/nonexistent" },
		      &p, &err) == RV_EINVAL);
	rv_err_clear(&err);
	p = pool_of(&loop,
		(struct rv_http_pool_opts){ .base_url = "http://127.0.0.1:1", .max_waiting = 2 });
	REQUIRE(p);
	struct result r[3] = { 0 };
	struct rv_http_request bad = { .method = RV_HTTP_GET, .path = RV_STR("/a b") };
	CHECK(!rv_http_pool_call(p, &bad, true, &whole, &r[0], &err) && err.code == RV_EINVAL);
	rv_err_clear(&err);
	start(p, RV_HTTP_GET, "/", none, &whole, &r[0]);
	start(p, RV_HTTP_GET, "/", none, &whole, &r[1]);
	struct rv_http_request q = { .method = RV_HTTP_GET, .path = RV_STR("/") };
	CHECK(!rv_http_pool_call(p, &q, true, &whole, &r[2], &err) && err.code == RV_EBUSY);
	until_done(&loop, r, 2);
	for (int i = 0; i < 2; i++)
		CHECKF(r[i].code == RV_ECLOSED && strstr(r[i].err.msg, "nobody listens"), "%s",
			r[i].err.msg);
	finish(&loop, p);
}

/* One call against fixed bytes. */
static void ask_fake(struct rv_str answer, struct result *r)
{
	struct fake f = { .answers = &answer, .n_answers = 1 };
	pthread_t t;
	char url[64];
	uv_loop_t loop;
	*r = (struct result){ 0 };
	REQUIRE(fake_start(&f, &t));
	snprintf(url, sizeof url, "http://127.0.0.1:%d", f.port);
	uv_loop_init(&loop);
	struct rv_http_pool *p = pool_of(
		&loop, (struct rv_http_pool_opts){ .base_url = url, .max_response_bytes = 1000 });
	REQUIRE(p);
	start(p, RV_HTTP_POST, "/", RV_STR("x"), &whole, r);
	until_done(&loop, r, 1);
	finish(&loop, p);
	pthread_join(t, NULL);
	close(f.fd);
}

TEST(malformed_answers)
{
	static const struct {
		struct rv_str in;
		enum rv_code want;
		const char *body;
	} rows[] = {
		{ RV_STR_INIT("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"), RV_OK, "hi" },
		{ RV_STR_INIT("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: "
			      "2\r\n\r\nhi"),
			RV_OK, "hi" },
		{ RV_STR_INIT("HTTP/1.1 200 OK\r\n\r\nuntil the end"), RV_OK, "until the end" },
		{ RV_STR_INIT("HTTP/1.1 200 OK\r\nTransfer-Encoding: "
			      "chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"),
			RV_OK, "hi" },
		{ RV_STR_INIT("HTTP/1.1 204 No Content\r\n\r\n"), RV_OK, "" },
		{ RV_STR_INIT(""), RV_ECLOSED, "" },
		{ RV_STR_INIT("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi"), RV_ECLOSED, "" },
		{ RV_STR_INIT("HTTP/1.1 200 OK\nContent-Length: 2\n\nhi"), RV_EINVAL, "" },
		{ RV_STR_INIT("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxx\r\n"),
			RV_EINVAL, "" },
		{ RV_STR_INIT("HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n"), RV_ELIMIT, "" },
		{ RV_STR_INIT("SSH-2.0-OpenSSH\r\n\r\n"), RV_EINVAL, "" },
	};
	for (size_t i = 0; i < RV_COUNT(rows); i++) {
		struct result r;
		ask_fake(rows[i].in, &r);
		CHECKF(r.code == rows[i].want && strcmp(r.body, rows[i].body) == 0,
			"row %zu: %s '%s' '%s'", i, rv_code_name(r.code), r.err.msg, r.body);
	}
}

TEST(deadlines)
{
	struct fixture f;
	char url[64];
	uv_loop_t loop;
	struct result r[3] = { 0 };
	REQUIRE(fixture_start(&f, (struct rv_http_server_opts){ 0 }, false));
	snprintf(url, sizeof url, "http://127.0.0.1:%d", f.port);
	uv_loop_init(&loop);
	/* The second waits for the first's connection and is late in the queue. */
	struct rv_http_pool *p = pool_of(&loop,
		(struct rv_http_pool_opts){
			.base_url = url, .max_connections = 1, .deadline_ms = 60 });
	REQUIRE(p);
	start(p, RV_HTTP_GET, "/hold", none, &whole, &r[0]);
	start(p, RV_HTTP_GET, "/hold", none, &whole, &r[1]);
	until_done(&loop, r, 2);
	CHECK(r[0].code == RV_ETIMEOUT && r[1].code == RV_ETIMEOUT);
	/* And the pool is as good as before. */
	start(p, RV_HTTP_GET, "/plain", none, &whole, &r[2]);
	until_done(&loop, &r[2], 1);
	CHECK(r[2].code == RV_OK);
	finish(&loop, p);
	fixture_stop(&f);
}

TEST(readers_that_stop)
{
	struct fixture f;
	char url[64];
	uv_loop_t loop;
	REQUIRE(fixture_start(&f, (struct rv_http_server_opts){ 0 }, false));
	snprintf(url, sizeof url, "http://127.0.0.1:%d", f.port);
	uv_loop_init(&loop);
	struct rv_http_pool *p =
		pool_of(&loop, (struct rv_http_pool_opts){ .base_url = url, .max_connections = 1 });
	REQUIRE(p);
	struct result r[4] = { { .stop_at_head = true }, { .stop_at_piece = true } };
	struct rv_http_call *third = NULL;
	r[2].cancel = &third;
	start(p, RV_HTTP_GET, "/stream/endless", none, &pieces, &r[0]);
	start(p, RV_HTTP_GET, "/stream/endless", none, &pieces, &r[1]);
	until_done(&loop, r, 2);
	CHECK(r[0].code == RV_ECLOSED && r[0].n_pieces == 0);
	CHECK(r[1].code == RV_ECLOSED && r[1].n_pieces == 1);
	third = start(p, RV_HTTP_GET, "/stream/endless", none, &pieces, &r[2]);
	start(p, RV_HTTP_GET, "/plain", none, &whole, &r[3]);
	until_done(&loop, &r[3], 1);
	CHECK(r[3].code == RV_OK);
	CHECK(r[2].n_done == 0 && r[2].n_pieces == 1); /* called off: no word any more */
	/* Called off while it waits. */
	struct result held = { 0 }, waiting = { 0 };
	struct rv_http_call *a = start(p, RV_HTTP_GET, "/hold", none, &whole, &held);
	struct rv_http_call *b = start(p, RV_HTTP_GET, "/plain", none, &whole, &waiting);
	rv_http_call_cancel(b);
	rv_http_call_cancel(a);
	finish(&loop, p);
	CHECK(held.n_done == 0 && waiting.n_done == 0);
	fixture_stop(&f);
}

/* A kept connection that died under a call: what may be repeated is, what may have arrived is not.
 */
TEST(kept_connections_that_died)
{
	static const struct rv_str answers[] = {
		RV_STR_INIT("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1"),
		RV_STR_INIT("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2"),
	};
	struct fake f = { .answers = answers, .n_answers = 2 };
	pthread_t t;
	char url[64];
	uv_loop_t loop;
	struct result r[2] = { 0 };
	REQUIRE(fake_start(&f, &t));
	snprintf(url, sizeof url, "http://127.0.0.1:%d", f.port);
	uv_loop_init(&loop);
	struct rv_http_pool *p =
		pool_of(&loop, (struct rv_http_pool_opts){ .base_url = url, .max_connections = 1 });
	REQUIRE(p);
	for (int i = 0; i < 2; i++) {
		start(p, RV_HTTP_GET, "/", none, &whole, &r[i]);
		until_done(&loop, &r[i], 1);
		CHECKF(r[i].code == RV_OK && r[i].body[0] == '1' + i, "%s", r[i].err.msg);
	}
	finish(&loop, p);
	pthread_join(t, NULL);
	close(f.fd);
}

TEST(left_with_calls_under_way)
{
	struct fixture f;
	char url[64];
	uv_loop_t loop;
	struct result r[20] = { 0 };
	REQUIRE(fixture_start(&f, (struct rv_http_server_opts){ 0 }, false));
	snprintf(url, sizeof url, "http://127.0.0.1:%d", f.port);
	uv_loop_init(&loop);
	struct rv_http_pool *p =
		pool_of(&loop, (struct rv_http_pool_opts){ .base_url = url, .max_connections = 5 });
	REQUIRE(p);
	for (int i = 0; i < 20; i++)
		start(p, RV_HTTP_GET, i % 2 ? "/hold" : "/stream/endless", none,
			i % 2 ? &whole : &pieces, &r[i]);
	while (r[0].n_pieces == 0)
		(void)uv_run(&loop, UV_RUN_ONCE);
	finish(&loop, p);
	for (int i = 0; i < 20; i++)
		CHECKF(r[i].n_done == 1 && r[i].code == RV_ECLOSED, "%d: %d %s", i, r[i].n_done,
			r[i].err.msg);
	fixture_stop(&f);
}

MAIN()
