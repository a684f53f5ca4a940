/* The server seen from raw sockets: what is refused, what goes on, what a vanished or slow client
 * does. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/clock.h"
#include "tests/http/fixture.h"

#define H "Host: h\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\n" H "\r\n"
#define LAST(path) "GET " path " HTTP/1.1\r\n" H "Connection: close\r\n\r\n"

static bool has(const char *text, const char *needle)
{
	return strstr(text, needle) != NULL;
}

/* Each row is one connection that the server closes. */
TEST(one_request_one_answer)
{
	static const struct {
		struct rv_str in;
		const char *want[4];
	} rows[] = {
		{ RV_STR_INIT(LAST("/plain")),
			{ "HTTP/1.1 200 OK\r\n", "Content-Type: application/json\r\n",
				"Connection: close\r\nContent-Length: 11\r\n\r\n{\"ok\":true}" } },
		{ RV_STR_INIT("HEAD /plain HTTP/1.1\r\n" H "Connection: close\r\n\r\n"),
			{ "HTTP/1.1 200 OK\r\n", "Content-Length: 11\r\n" } },
		{ RV_STR_INIT("GET /plain HTTP/1.0\r\n\r\n"),
			{ "HTTP/1.1 200 OK\r\n", "Connection: close\r\n" } },
		{ RV_STR_INIT(LAST("/nope")),
			{ "HTTP/1.1 404 Not Found\r\n",
				"{\"error\":{\"code\":\"RV_ENOENT\",\"message\":\"no such "
				"path\"}}" } },
		{ RV_STR_INIT(LAST("/plain/")), { "HTTP/1.1 404 " } },
		{ RV_STR_INIT("DELETE /echo HTTP/1.1\r\n" H "Connection: close\r\n\r\n"),
			{ "HTTP/1.1 405 Method Not Allowed\r\n", "Allow: POST, PUT\r\n" } },
		{ RV_STR_INIT("BREW /plain HTTP/1.1\r\n" H "Connection: close\r\n\r\n"),
			{ "HTTP/1.1 405 ", "Allow: GET, HEAD\r\n" } },
		{ RV_STR_INIT(LAST("/p/%C3%A4/b/c%20d")), { "[\"\xc3\xa4\",\"b/c d\"]" } },
		{ RV_STR_INIT(LAST("/p/a/")), { "[\"a\",\"\"]" } },
		{ RV_STR_INIT(LAST("/p/literal/x")), { "\"literal\"" } },
		{ RV_STR_INIT(LAST("/p/literal/y")), { "[\"literal\",\"y\"]" } },
		{ RV_STR_INIT(LAST("/p//x")), { "HTTP/1.1 400 ", "empty segment" } },
		{ RV_STR_INIT(LAST("/bad-header")), { "HTTP/1.1 500 ", "RV_EINTERNAL" } },
		{ RV_STR_INIT(LAST("/fail/b")), { "HTTP/1.1 400 ", "secret 'detail'" } },
		{ RV_STR_INIT(LAST("/fail/i")),
			{ "HTTP/1.1 401 ", "WWW-Authenticate: Bearer\r\n" } },
		{ RV_STR_INIT("POST /json HTTP/1.1\r\n" H "Connection: close\r\nContent-Type: "
			      "application/json\r\nContent-Length: 7\r\n\r\n{\"a\":1}"),
			{ "HTTP/1.1 201 Created\r\n", "{\"a\":1}" } },
		{ RV_STR_INIT("POST /json HTTP/1.1\r\n" H
			      "Connection: close\r\nContent-Type: text/plain\r\nContent-Length: "
			      "7\r\n\r\n{\"a\":1}"),
			{ "HTTP/1.1 400 ", "Content-Type" } },
		{ RV_STR_INIT("POST /json HTTP/1.1\r\n" H
			      "Connection: close\r\nContent-Length: 7\r\n\r\n{\"a\":1}"),
			{ "HTTP/1.1 400 ", "Content-Type" } },
		{ RV_STR_INIT("POST /json HTTP/1.1\r\n" H "Connection: close\r\nContent-Type: "
			      "application/json\r\nContent-Length: 0\r\n\r\n"),
			{ "HTTP/1.1 400 ", "empty" } },
		{ RV_STR_INIT("POST /json HTTP/1.1\r\n" H "Connection: close\r\nContent-Type: "
			      "application/json\r\nContent-Length: 15\r\n\r\n{\"a\":1,\"a\":2}  "),
			{ "HTTP/1.1 400 " } },
		{ RV_STR_INIT("POST /echo HTTP/1.1\r\n" H
			      "Content-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx"),
			{ "HTTP/1.1 415 " } },
		{ RV_STR_INIT("POST /echo HTTP/1.1\r\n" H
			      "Content-Length: 1\r\nExpect: magic\r\n\r\nx"),
			{ "HTTP/1.1 417 " } },
		{ RV_STR_INIT("POST /small HTTP/1.1\r\n" H
			      "Connection: close\r\nContent-Length: 10\r\n\r\n0123456789"),
			{ "HTTP/1.1 200 ", "X-Echo: yes\r\n", "\r\n\r\n0123456789" } },
		{ RV_STR_INIT("POST /small HTTP/1.1\r\n" H "Content-Length: 11\r\n\r\n01234567890"),
			{ "HTTP/1.1 413 ", "10 bytes", "Connection: close" } },
		{ RV_STR_INIT("POST /small HTTP/1.1\r\n" H "Transfer-Encoding: "
			      "chunked\r\n\r\n6\r\n012345\r\n5\r\n01234\r\n0\r\n\r\n"),
			{ "HTTP/1.1 413 " } },
		{ RV_STR_INIT("POST /echo HTTP/1.1\r\n" H "Content-Length: 2000000\r\n\r\n"),
			{ "HTTP/1.1 413 " } },
		{ RV_STR_INIT("POST /large HTTP/1.1\r\n" H "Content-Length: 5000000\r\n\r\n"),
			{ "HTTP/1.1 413 " } },
		{ RV_STR_INIT("POST /echo HTTP/1.1\r\n" H "Connection: close\r\nTransfer-Encoding: "
			      "chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"),
			{ "HTTP/1.1 200 ", "\r\n\r\nabcde" } },
		{ RV_STR_INIT(
			  "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n3\nabc"),
			{ "HTTP/1.1 400 ", "chunk" } },
		{ RV_STR_INIT("POST /nope HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc"),
			{ "HTTP/1.1 404 ", "Connection: close" } },
		{ RV_STR_INIT("GET / HTTP/1.1\r\n\r\n"),
			{ "HTTP/1.1 400 ", "'Host'", "Connection: close" } },
		{ RV_STR_INIT("GET / HTTP/3.0\r\n" H "\r\n"), { "HTTP/1.1 505 " } },
		{ RV_STR_INIT("\x16\x03\x01"), { "HTTP/1.1 400 " } },
		{ RV_STR_INIT("POST /echo HTTP/1.1\r\n" H
			      "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET "
			      "/plain HTTP/1.1\r\n" H "\r\n"),
			{ "HTTP/1.1 400 ", "both" } },
		{ RV_STR_INIT("GET /plain HTTP/1.1\r\n" H
			      "X-Request-ID: a.b-c_1:/+=@\r\nConnection: close\r\n\r\n"),
			{ "X-Request-ID: a.b-c_1:/+=@\r\n" } },
		{ RV_STR_INIT("GET /nope HTTP/1.1\r\n" H
			      "X-Request-ID: abc\r\nConnection: close\r\n\r\n"),
			{ "404", "X-Request-ID: abc\r\n" } },
	};
	struct fixture f;
	char got[8192];
	REQUIRE(fixture_start(&f, (struct rv_http_server_opts){ 0 }, false));
	for (size_t i = 0; i < RV_COUNT(rows); i++) {
		(void)talk(f.port, rows[i].in, got, sizeof got);
		CHECKF(count_of(got, "\r\nDate: ") == 1, "row %zu: %s", i, got);
		for (size_t k = 0; k < 4 && rows[i].want[k]; k++)
			CHECKF(has(got, rows[i].want[k]), "row %zu: no '%s' in: %s", i,
				rows[i].want[k], got);
	}
	(void)talk(f.port,
		RV_STR("GET /plain HTTP/1.1\r\n" H
		       "X-Request-ID: a b\r\nConnection: close\r\n\r\n"),
		got, sizeof got);
	CHECKF(has(got, "200 OK") && !has(got, "X-Request-ID"), "%s", got);
	/* Our own faults are not told to clients. */
	char fail_internal[] = "GET /fail/? HTTP/1.1\r\n" H "Connection: close\r\n\r\n";
	fail_internal[10] = (char)('a' + RV_EINTERNAL);
	(void)talk(f.port, rv_str_of(fail_internal), got, sizeof got);
	CHECKF(has(got, "HTTP/1.1 500 ") && has(got, "RV_EINTERNAL") && !has(got, "secret"), "%s",
		got);
	fixture_stop(&f);
}

TEST(head_has_no_body)
{
	struct fixture f;
	char got[4096];
	REQUIRE(fixture_start(&f, (struct rv_http_server_opts){ 0 }, false));
	(void)talk(f.port,
		RV_STR("HEAD /plain HTTP/1.1\r\n" H "\r\nHEAD /nope HTTP/1.1\r\n" H
		       "\r\n" LAST("/plain")),
		got, sizeof got);
	CHECK(count_of(got, "HTTP/1.1 200 ") == 2 && count_of(got, "HTTP/1.1 404 ") == 1);
	CHECKF(count_of(got, "{") == 1, "%s", got);
	fixture_stop(&f);
}

TEST(pipelining_in_order_and_in_pieces)
{
	static const char in[] =
		GET("/p/1/") "POST /echo HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\n\"two\"" GET(
			"/p/3/") "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: "
				 "chunked\r\n\r\n4\r\n\"fou\r\n2\r\nr\"\r\n0\r\n\r\n" LAST("/p/5/");
	struct fixture f;
	char whole[8192], got[8192];
	REQUIRE(fixture_start(&f, (struct rv_http_server_opts){ .n_threads = 2 }, false));
	(void)talk(f.port, rv_str_n(in, sizeof in - 1), whole, sizeof whole);
	const char *one = strstr(whole, "[\"1\""), *two = strstr(whole, "\"two\""),
		   *three = strstr(whole, "[\"3\""), *four = strstr(whole, "\"four\""),
		   *five = strstr(whole, "[\"5\"");
	CHECKF(one && two > one && three > two && four > three && five > four, "%s", whole);
	for (size_t cut = 1; cut < sizeof in - 1; cut++) {
		int fd = tcp_connect(f.port);
		send_all(fd, rv_str_n(in, cut));
		send_all(fd, rv_str_n(in + cut, sizeof in - 1 - cut));
		(void)read_until(fd, NULL, 0, got, sizeof got, NULL);
		CHECKF(count_of(got, "HTTP/1.1 200 ") == 5 && has(got, "\"four\"") &&
				has(got, "[\"5\""),
			"cut %zu: %s", cut, got);
		close(fd);
	}
	fixture_stop(&f);
}

/* A thousand requests in one go, answered while the client does not read. */
TEST(pipelining_without_reading)
{
	struct fixture f;
	RV_AUTO_BUF in;
	rv_buf_init(&in, 1 << 20);
	REQUIRE(fixture_start(&f, (struct rv_http_server_opts){ 0 }, false));
	for (int i = 0; i < 5000; i++)
		rv_buf_addz(&in, GET("/plain"));
	rv_buf_addz(&in, LAST("/peer"));
	int fd = tcp_connect(f.port);
	send_all(fd, rv_buf_str(&in));
	char *got = malloc(4 << 20);
	REQUIRE(got);
	(void)read_until(fd, NULL, 0, got, 4 << 20, NULL);
	CHECKF(count_of(got, "{\"ok\":true}") == 5000, "%d", count_of(got, "{\"ok\":true}"));
	CHECK(has(got, "unix=0 tls=0 loop=1 uid=-1 gid=-1 pid=0 listener=0 127.0.0.1:"));
	free(got);
	close(fd);
	fixture_stop(&f);
}

/* Requests that wait because too much is unsent go on when it is sent, whether the client reads at
 * once or later. */
TEST(pipelining_of_large_answers)
{
	struct fixture f;
	enum { N = 9, SIZE = 4 << 20 };
	char *got = malloc(SIZE);
	REQUIRE(got && fixture_start(&f, (struct rv_http_server_opts){ 0 }, false));
	for (int round = 0; round < 4; round++) {
		RV_AUTO_BUF in;
		struct rv_http_stats stats;
		rv_buf_init(&in, 1 << 16);
		for (int i = 0; i < N; i++)
			rv_buf_addz(&in, i == 4 ? GET("/stream") : GET("/big"));
		rv_buf_addz(&in, LAST("/plain"));
		int fd = tcp_connect(f.port);
		send_all(fd, rv_buf_str(&in));
		if (round % 2) /* not before the server has stopped for want of room */
			do
				rv_http_server_stats(f.server, &stats);
			while (stats.requests < (unsigned)(round * (N + 1) + 2));
		size_t n = read_until(fd, NULL, 0, got, SIZE, NULL);
		CHECKF(count_of(got, "HTTP/1.1 200 ") == N + 1 && n > (N - 1) * 300000,
			"%d answers, %zu bytes", count_of(got, "HTTP/1.1 200 "), n);
		close(fd);
	}
	free(got);
	fixture_stop(&f);
}

/* The handler of a stream ends it when it is told of room: what was pipelined behind it is
 * answered. */
TEST(pipelining_behind_a_drained_stream)
{
	struct fixture f;
	char *got = malloc(8 << 20);
	REQUIRE(got &&
		fixture_start(&f, (struct rv_http_server_opts){ .max_stream_bytes = 4096 }, false));
	f.stop_stream = true;
	int fd = tcp_connect(f.port);
	send_all(fd, RV_STR(GET("/stream/endless") LAST("/plain")));
	size_t n = read_until(fd, NULL, 0, got, 8 << 20, NULL);
	CHECKF(memmem(got, n, "{\"ok\":true}", 11), "the second request was not answered");
	free(got);
	close(fd);
	fixture_stop(&f);
}

TEST(large_bodies)
{
	struct fixture f;
	enum { N = 3 << 20 };
	char *body = malloc(N), *got = malloc(N + 4096), head[256];
	REQUIRE(body && got && fixture_start(&f, (struct rv_http_server_opts){ 0 }, false));
	for (size_t i = 0; i < N; i++)
		body[i] = (char)('a' + i * 7 % 26);
	for (size_t n = 12000; n <= N; n = n < 40000 ? n + 997 : n * 3) {
		int fd = tcp_connect(f.port);
		int head_n = snprintf(head, sizeof head,
			"POST /large HTTP/1.1\r\n" H
			"Connection: close\r\nContent-Length: %zu\r\n\r\n",
			n);
		send_all(fd, rv_str_n(head, (size_t)head_n));
		send_all(fd, rv_str_n(body, n));
		size_t have = read_until(fd, NULL, 0, got, N + 4096, NULL);
		const char *at = strstr(got, "\r\n\r\n");
		CHECKF(at && have - (size_t)(at + 4 - got) == n && memcmp(at + 4, body, n) == 0,
			"body of %zu bytes came back changed", n);
		close(fd);
	}
	free(body);
	free(got);
	fixture_stop(&f);
}

/* Heads that end near the end of the read block, with a body behind. */
TEST(heads_of_every_size)
{
	struct fixture f;
	char in[20000], got[8192];
	struct rv_http_server_opts o = { .limits.max_head_bytes = 1024 };
	REQUIRE(fixture_start(&f, o, false));
	for (size_t pad = 900; pad < 960; pad++) {
		int n = snprintf(in, sizeof in,
			"POST /echo HTTP/1.1\r\n" H
			"Connection: close\r\nContent-Length: 6000\r\nX: %0*d\r\n\r\n",
			(int)pad, 0);
		bool fits = n <= 1024;
		memset(in + n, 'b', 6000);
		(void)talk(f.port, rv_str_n(in, (size_t)n + 6000), got, sizeof got);
		CHECKF(has(got, fits ? "HTTP/1.1 200 " : "HTTP/1.1 431 "),
			"head of %d bytes: %.60s", n, got);
	}
	/* Pipelined: the second head ends at any distance from the block's end. */
	for (size_t pad = 3000; pad < 5200; pad += 13) {
		int n = snprintf(in, sizeof in,
			"POST /echo HTTP/1.1\r\n" H "Content-Length: %zu\r\n\r\n", pad);
		memset(in + n, 'a', pad);
		size_t at = (size_t)n + pad;
		n = snprintf(in + at, sizeof in - at,
			"POST /echo HTTP/1.1\r\n" H
			"Content-Length: 7000\r\nConnection: close\r\n\r\n");
		memset(in + at + (size_t)n, 'b', 7000);
		int fd = tcp_connect(f.port);
		char *all = malloc(20000);
		send_all(fd, rv_str_n(in, at + (size_t)n + 7000));
		size_t have = read_until(fd, NULL, 0, all, 20000, NULL);
		CHECKF(count_of(all, "HTTP/1.1 200 ") == 2 && have > pad + 7000,
			"pad %zu: %zu bytes", pad, have);
		free(all);
		close(fd);
	}
	fixture_stop(&f);
}

TEST(continue_is_sent_when_awaited)
{
	struct fixture f;
	char got[4096];
	REQUIRE(fixture_start(&f, (struct rv_http_server_opts){ 0 }, false));
	int fd = tcp_connect(f.port);
	send_all(fd,
		RV_STR("POST /echo HTTP/1.1\r\n" H
		       "Content-Length: 3\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"));
	(void)read_until(fd, "\r\n\r\n", 1, got, sizeof got, NULL);
	CHECK_STR(rv_str_of(got), "HTTP/1.1 100 Continue\r\n\r\n");
	send_all(fd, RV_STR("abc"));
	(void)read_until(fd, NULL, 0, got, sizeof got, NULL);
	CHECKF(has(got, "HTTP/1.1 200 ") && has(got, "\r\n\r\nabc"), "%s", got);
	close(fd);
	/* Refused at once instead, and never asked for. */
	(void)talk(f.port,
		RV_STR("POST /small HTTP/1.1\r\n" H
		       "Content-Length: 30\r\nExpect: 100-continue\r\n\r\n"),
		got, sizeof got);
	CHECKF(!has(got, "100 Continue") && has(got, "HTTP/1.1 413 "), "%s", got);
	fixture_stop(&f);
}

TEST(slow_clients_are_cut)
{
	struct fixture f;
	char got[4096];
	bool eof;
	struct rv_http_server_opts o = {
		.head_deadline_ms = 60, .body_deadline_ms = 60, .idle_timeout_ms = 60
	};
	REQUIRE(fixture_start(&f, o, false));
	int64_t start = rv_clock_mono_ns(rv_clock_system());
	/* idle: closed without a word */
	int fd = tcp_connect(f.port);
	CHECK(read_until(fd, NULL, 0, got, sizeof got, &eof) == 0 && eof);
	close(fd);
	/* a head that drips: the deadline is for all of it */
	fd = tcp_connect(f.port);
	for (int i = 0; i < 4000; i++) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		send_all(fd, i == 0 ? RV_STR("GET / HTTP/1.1\r\nX:") : RV_STR("x"));
		if (poll(&p, 1, 5) > 0)
			break;
	}
	(void)read_until(fd, NULL, 0, got, sizeof got, &eof);
	CHECKF(has(got, "HTTP/1.1 408 ") && eof, "%s", got);
	close(fd);
	/* a body that does not come */
	(void)talk(f.port, RV_STR("POST /echo HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nab"), got,
		sizeof got);
	CHECKF(has(got, "HTTP/1.1 408 "), "%s", got);
	/* the second request on a connection */
	(void)talk(f.port, RV_STR(GET("/plain") "GET /pl"), got, sizeof got);
	CHECKF(has(got, "HTTP/1.1 200 ") && has(got, "HTTP/1.1 408 "), "%s", got);
	CHECK(rv_clock_mono_ns(rv_clock_system()) - start < 4 * RV_NS_PER_S);
	fixture_stop(&f);
}

TEST(a_client_that_takes_nothing_is_cut)
{
	struct fixture f;
	REQUIRE(fixture_start(&f,
		(struct rv_http_server_opts){
			.send_timeout_ms = 60, .limits.max_body_bytes = 1 << 20 },
		false));
	int fd = tcp_connect(f.port), small = 2048;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
	send_all(fd, RV_STR(GET("/stream/endless")));
	CHECK(fixture_wait(&f, &f.stream_busy, 1));
	CHECK(fixture_wait(&f, &f.n_cancelled, 1));
	CHECK(fixture_wait(&f, &f.n_done, 1));
	close(fd);
	fixture_stop(&f);
}

TEST(half_closed_clients_get_their_answer)
{
	struct fixture f;
	char got[4096];
	REQUIRE(fixture_start(&f, (struct rv_http_server_opts){ 0 }, false));
	int fd = tcp_connect(f.port);
	send_all(fd, RV_STR(GET("/plain") GET("/hold")));
	shutdown(fd, SHUT_WR);
	REQUIRE(fixture_wait_held(&f, 1));
	CHECK(fixture_wait(&f, &f.n_cancelled, 1));
	rv_http_reply_post(
		f.held[0], &(struct rv_http_reply){ .status = 200, .body = RV_STR("\"held\"") });
	(void)read_until(fd, NULL, 0, got, sizeof got, NULL);
	CHECKF(has(got, "{\"ok\":true}") && has(got, "\"held\""), "%s", got);
	close(fd);
	/* an unfinished request */
	fd = tcp_connect(f.port);
	send_all(fd, RV_STR("POST /echo HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nab"));
	shutdown(fd, SHUT_WR);
	(void)read_until(fd, NULL, 0, got, sizeof got, NULL);
	CHECKF(has(got, "HTTP/1.1 400 ") && has(got, "ended early"), "%s", got);
	close(fd);
	fd = tcp_connect(f.port);
	send_all(fd, RV_STR("GET /pl"));
	shutdown(fd, SHUT_WR);
	CHECK(read_until(fd, NULL, 0, got, sizeof got, NULL) == 0);
	close(fd);
	fixture_stop(&f);
}

/* The client goes while a handler works: it is told, its reply falls away, the handle is good until
 * then. */
TEST(client_gone_before_the_reply)
{
	struct fixture f;
	struct rv_http_stats stats;
	REQUIRE(fixture_start(&f, (struct rv_http_server_opts){ .n_threads = 2 }, false));
	for (int round = 0; round < 20; round++) {
		int fd = tcp_connect(f.port);
		send_all(fd, RV_STR("POST /hold HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhello"));
		REQUIRE(fixture_wait_held(&f, (size_t)round + 1));
		struct linger hard = { .l_onoff = 1, .l_linger = 0 };
		if (round % 2)
			(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard,
				sizeof hard); /* RST instead of FIN */
		close(fd);
		CHECK(fixture_wait(&f, &f.n_cancelled, round + 1));
		CHECK_STR(rv_http_body(f.held[round]), "hello");
		CHECK(rv_http_peer(f.held[round])->is_loopback);
		rv_http_reply_post(f.held[round],
			&(struct rv_http_reply){
				.status = 200, .body = RV_STR("nobody reads this") });
		CHECK(fixture_wait(&f, &f.n_done, round + 1));
	}
	rv_http_server_stop(f.server, 2000);
	rv_http_server_stats(f.server, &stats);
	CHECKF(stats.open_connections == 0, "%llu open",
		(unsigned long long)stats.open_connections);
	CHECK(stats.requests == 20 && stats.connections == 20);
	fixture_stop(&f);
}

/* Never answered at all: freed with the server. */
TEST(never_answered)
{
	struct fixture f;
	REQUIRE(fixture_start(&f, (struct rv_http_server_opts){ 0 }, false));
	int one = tcp_connect(f.port), two = tcp_connect(f.port);
	send_all(one, RV_STR(GET("/hold")));
	send_all(two, RV_STR(GET("/hold")));
	REQUIRE(fixture_wait_held(&f, 2));
	close(one);
	CHECK(fixture_wait(&f, &f.n_cancelled, 1));
	rv_http_server_free(f.server);
	f.server = NULL;
	CHECKF(f.n_cancelled == 2 && f.n_done == 2, "%d %d", f.n_cancelled, f.n_done);
	close(two);
	fixture_stop(&f);
}

TEST(timers)
{
	struct fixture f;
	char got[4096];
	REQUIRE(fixture_start(&f, (struct rv_http_server_opts){ 0 }, false));
	(void)talk(f.port, RV_STR(GET("/after") GET("/after") LAST("/plain")), got, sizeof got);
	CHECKF(count_of(got, "\"late\"") == 2 && has(got, "{\"ok\":true}"), "%s", got);
	CHECK(fixture_wait(&f, &f.n_timed, 2));
	fixture_stop(&f);
}

TEST(streams)
{
	struct fixture f;
	char got[4096];
	REQUIRE(fixture_start(&f, (struct rv_http_server_opts){ 0 }, false));
	(void)talk(f.port, RV_STR(GET("/stream") LAST("/plain")), got, sizeof got);
	CHECKF(has(got,
		       "Transfer-Encoding: chunked\r\n\r\nd\r\ndata: first\n\n\r\nd\r\ndata: "
		       "piece\n\n\r\n") &&
			has(got, "\r\n0\r\n\r\nHTTP/1.1 200 ") && has(got, "{\"ok\":true}"),
		"%s", got);
	(void)talk(f.port, RV_STR("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"), got,
		sizeof got);
	CHECKF(!has(got, "chunked") && has(got, "\r\n\r\ndata: first\n\ndata: piece\n\n"), "%s",
		got);
	(void)talk(f.port, RV_STR("HEAD /stream HTTP/1.1\r\n" H "\r\n" LAST("/plain")), got,
		sizeof got);
	CHECKF(!has(got, "data:") && has(got, "{\"ok\":true}"), "%s", got);
	fixture_stop(&f);
}

TEST(streams_hold_back)
{
	struct fixture f;
	char *got = malloc(1 << 20);
	REQUIRE(got &&
		fixture_start(
			&f, (struct rv_http_server_opts){ .max_stream_bytes = 64 << 10 }, false));
	int fd = tcp_connect(f.port);
	send_all(fd, RV_STR(GET("/stream/endless")));
	REQUIRE(fixture_wait(&f, &f.stream_busy, 1));
	int drained = 0;
	while (drained < 3 && read_until(fd, NULL, 0, got, 1 << 20, NULL) > 0) {
		pthread_mutex_lock(&f.lock);
		drained = f.stream_drained;
		pthread_mutex_unlock(&f.lock);
	}
	CHECK(fixture_wait(&f, &f.stream_drained, 3));
	close(fd); /* gone in the middle: the handler is told and ends */
	CHECK(fixture_wait(&f, &f.n_cancelled, 1));
	CHECK(fixture_wait(&f, &f.n_done, 1));
	free(got);
	fixture_stop(&f);
}

TEST(too_many_connections)
{
	struct fixture f;
	char got[4096];
	bool eof;
	REQUIRE(fixture_start(&f, (struct rv_http_server_opts){ .max_connections = 3 }, false));
	int fds[3];
	for (int i = 0; i < 3; i++) {
		fds[i] = tcp_connect(f.port);
		send_all(fds[i], RV_STR(GET("/plain")));
		(void)read_until(fds[i], "true", 1, got, sizeof got, NULL);
	}
	int fd = tcp_connect(f.port);
	(void)read_until(fd, NULL, 0, got, sizeof got, &eof);
	const char *body = strstr(got, "\r\n\r\n");
	CHECKF(has(got, "HTTP/1.1 503 ") && has(got, "Content-Length: 73\r\n") && body &&
			strlen(body + 4) == 73 && eof,
		"%s", got);
	close(fd);
	/* one leaves, there is room again */
	send_all(fds[0], RV_STR(LAST("/plain")));
	(void)read_until(fds[0], NULL, 0, got, sizeof got, NULL);
	close(fds[0]);
	(void)talk(f.port, RV_STR(LAST("/plain")), got, sizeof got);
	CHECKF(has(got, "HTTP/1.1 200 "), "%s", got);
	close(fds[1]);
	close(fds[2]);
	fixture_stop(&f);
}

/* Without descriptors left the server looks away for a moment, and goes on when there are some. */
TEST(out_of_descriptors)
{
	struct fixture f;
	struct rlimit old, tight;
	char got[1024];
	REQUIRE(fixture_start(&f, (struct rv_http_server_opts){ 0 }, false));
	REQUIRE(getrlimit(RLIMIT_NOFILE, &old) == 0);
	int one = tcp_connect(f.port);
	send_all(one, RV_STR(GET("/plain")));
	(void)read_until(one, "true", 1, got, sizeof got, NULL);
	int two = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	tight = old;
	tight.rlim_cur = (rlim_t)two + 1; /* everything below is taken */
	REQUIRE(setrlimit(RLIMIT_NOFILE, &tight) == 0);
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)f.port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	CHECK(connect(two, (struct sockaddr *)&a, sizeof a) == 0);
	send_all(two, RV_STR(LAST("/plain")));
	/* served meanwhile: who is in already */
	for (int i = 0; i < 100; i++) {
		send_all(one, RV_STR(GET("/plain")));
		(void)read_until(one, "true", 1, got, sizeof got, NULL);
		CHECK(has(got, "{\"ok\":true}"));
	}
	struct pollfd p = { .fd = two, .events = POLLIN };
	CHECKF(poll(&p, 1, 0) == 0, "it was accepted: the limit did not bite");
	REQUIRE(setrlimit(RLIMIT_NOFILE, &old) == 0);
	(void)read_until(two, NULL, 0, got, sizeof got, NULL);
	CHECKF(has(got, "{\"ok\":true}"), "%s", got);
	close(one);
	close(two);
	fixture_stop(&f);
}

TEST(requests_on_one_connection_are_counted)
{
	struct fixture f;
	char got[4096];
	REQUIRE(fixture_start(&f, (struct rv_http_server_opts){ .max_requests = 2 }, false));
	(void)talk(f.port, RV_STR(GET("/plain") GET("/plain") GET("/plain")), got, sizeof got);
	CHECKF(count_of(got, "HTTP/1.1 200 ") == 2 && count_of(got, "Connection: close\r\n") == 1,
		"%s", got);
	fixture_stop(&f);
}

struct stopper {
	struct fixture *f;
	int64_t deadline_ms, took_ns;
};
static void *stop_main(void *arg)
{
	struct stopper *s = arg;
	int64_t start = rv_clock_mono_ns(rv_clock_system());
	rv_http_server_stop(s->f->server, s->deadline_ms);
	s->took_ns = rv_clock_mono_ns(rv_clock_system()) - start;
	return NULL;
}

/* Each loop closes its own listener, one may be a moment later than the other. */
static bool stops_accepting(int port)
{
	int64_t until = rv_clock_mono_ns(rv_clock_system()) + 4 * RV_NS_PER_S;
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	bool refused = false;
	while (!refused && rv_clock_mono_ns(rv_clock_system()) < until) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		refused = connect(fd, (struct sockaddr *)&a, sizeof a) != 0;
		close(fd);
	}
	return refused;
}

TEST(graceful_stop)
{
	struct fixture f;
	char got[4096];
	bool eof;
	REQUIRE(fixture_start(&f, (struct rv_http_server_opts){ .n_threads = 2 }, false));
	int idle = tcp_connect(f.port), busy = tcp_connect(f.port);
	send_all(idle, RV_STR(GET("/plain")));
	(void)read_until(idle, "true", 1, got, sizeof got, NULL);
	send_all(busy, RV_STR(GET("/hold") GET("/plain")));
	REQUIRE(fixture_wait_held(&f, 1));
	struct stopper s = { .f = &f, .deadline_ms = 5000 };
	pthread_t t;
	REQUIRE(pthread_create(&t, NULL, stop_main, &s) == 0);
	CHECK(read_until(idle, NULL, 0, got, sizeof got, &eof) == 0 && eof);
	CHECK(fixture_wait(&f, &f.n_cancelled, 1)); /* hurry */
	CHECKF(stops_accepting(f.port), "still accepting");
	rv_http_reply_post(
		f.held[0], &(struct rv_http_reply){ .status = 200, .body = RV_STR("\"in time\"") });
	(void)read_until(busy, NULL, 0, got, sizeof got, &eof);
	CHECKF(has(got, "\"in time\"") && has(got, "Connection: close\r\n") &&
			!has(got, "{\"ok\"") && eof,
		"%s", got);
	pthread_join(t, NULL);
	CHECK(s.took_ns < 4 * RV_NS_PER_S);
	close(idle);
	close(busy);
	fixture_stop(&f);
}

TEST(stop_cuts_at_the_deadline)
{
	struct fixture f;
	char got[4096];
	bool eof;
	REQUIRE(fixture_start(&f, (struct rv_http_server_opts){ 0 }, false));
	int busy = tcp_connect(f.port), slow = tcp_connect(f.port);
	send_all(busy, RV_STR(GET("/hold")));
	send_all(slow, RV_STR("GET /pl"));
	REQUIRE(fixture_wait_held(&f, 1));
	rv_http_server_stop(f.server, 30);
	CHECK(read_until(busy, NULL, 0, got, sizeof got, &eof) == 0 && eof);
	CHECK(read_until(slow, NULL, 0, got, sizeof got, &eof) == 0 && eof);
	/* the handle outlives its connection */
	rv_http_reply_post(
		f.held[0], &(struct rv_http_reply){ .status = 200, .body = RV_STR("too late") });
	CHECK(fixture_wait(&f, &f.n_done, 1));
	close(busy);
	close(slow);
	fixture_stop(&f);
}

TEST(busy_addresses)
{
	struct fixture f;
	/* Its threads would meet descriptor numbers that libuv closed without telling TSan. */
	REQUIRE(fixture_open(&f, (struct rv_http_server_opts){ .n_threads = 2 }, true));
	char address[64], path[160];
	snprintf(address, sizeof address, "127.0.0.1:%d", f.port);
	snprintf(path, sizeof path, "unix:%s/file", f.dir);
	int fd = open(path + 5, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	close(fd);
	const struct {
		const char *address;
		enum rv_code want;
		const char *message;
	} rows[] = {
		{ address, RV_EBUSY, "is in use: another process listens there" },
		{ f.unix_address, RV_EBUSY, "is in use" },
		{ path, RV_EEXIST, "not a socket" },
		{ "unix:/nonexistent/x", RV_EIO, "No such file" },
		{ "unix:", RV_EINVAL, "a path of" },
		{ "203.0.113.7:80", RV_EIO, "annot assign" },
		{ "127.0.0.1", RV_EINVAL, "must be IP:PORT" },
		{ "127.0.0.1:", RV_EINVAL, "must be IP:PORT" },
		{ "127.0.0.1:65536", RV_EINVAL, "must be IP:PORT" },
		{ "127.0.0.1:x", RV_EINVAL, "must be IP:PORT" },
		{ "example.org:80", RV_EINVAL, "not an IP address" },
		{ "[::1:80", RV_EINVAL, "not an IP address" },
		{ ":80", RV_EINVAL, "must be IP:PORT" },
		{ "", RV_EINVAL, "must be IP:PORT" },
	};
	for (size_t i = 0; i < RV_COUNT(rows); i++) {
		for (unsigned threads = 1; threads <= 2; threads++) {
			struct rv_http_listen l = { .address = rows[i].address };
			struct rv_http_server *s = NULL;
			struct rv_err err = { 0 };
			enum rv_code code = rv_http_server_new(
				&(struct rv_http_server_opts){ .router = f.router,
					.listens = &l,
					.n_listens = 1,
					.n_threads = threads },
				&s, &err);
			CHECKF(code == rows[i].want && strstr(err.msg, rows[i].message),
				"%s: %s %s", rows[i].address, rv_code_name(code), err.msg);
		}
	}
	(void)unlink(path + 5);
	fixture_stop(&f);
}

TEST(stale_socket_files_are_replaced)
{
	struct fixture f;
	char got[1024];
	REQUIRE(fixture_open(&f, (struct rv_http_server_opts){ 0 }, true));
	/* A dead server's file: bound, never listening again. */
	char path[160], address[176];
	snprintf(path, sizeof path, "%s/dead", f.dir);
	snprintf(address, sizeof address, "unix:%s", path);
	struct rv_http_listen l = { .address = address, .unix_mode = 0666 };
	struct rv_http_server *s = NULL;
	struct rv_err err = { 0 };
	const struct rv_http_server_opts o = {
		.router = f.router, .listens = &l, .n_listens = 1, .n_threads = 2
	};
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	snprintf(a.sun_path, sizeof a.sun_path, "%.100s", path);
	int dead = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	REQUIRE(bind(dead, (struct sockaddr *)&a, sizeof a) == 0);
	close(dead);
	REQUIRE(access(path, F_OK) == 0);
	REQUIRE_OK(rv_http_server_new(&o, &s, &err), &err);
	struct stat st;
	CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0666);
	CHECK(stat(f.unix_path, &st) == 0 && (st.st_mode & 0777) == 0600);
	rv_http_server_free(s);
	CHECK(access(path, F_OK) != 0);
	REQUIRE_OK(rv_http_server_start(f.server, &err), &err);
	int fd = unix_connect(f.unix_path);
	send_all(fd, RV_STR(LAST("/peer")));
	(void)read_until(fd, NULL, 0, got, sizeof got, NULL);
	char want[128];
	snprintf(want, sizeof want, "unix=1 tls=0 loop=1 uid=%d gid=%d pid=%d listener=1 unix",
		(int)getuid(), (int)getgid(), (int)getpid());
	CHECKF(has(got, want), "%s\nwant %s", got, want);
	close(fd);
	fixture_stop(&f);
}

MAIN()
