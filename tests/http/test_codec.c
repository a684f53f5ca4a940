/* Heads and chunked bodies as tables. Each row is read in one piece, cut in two at every place, and
 * byte by byte; the verdict must be the same. */
#include <stdio.h>

#include "http/codec.h"
#include "tests/harness.h"

static const struct rv_http_limits small = {
	.max_head_bytes = 512,
	.max_target_bytes = 100,
	.max_headers = 4,
	.max_body_bytes = 1000,
	.max_extension_bytes = 8,
};

enum kind { REQUEST, RESPONSE };

/* Reads bytes[0, cut), then with each further step bytes more; writes what came out. */
static void read_in_pieces(enum kind kind, enum rv_http_method asked,
	const struct rv_http_limits *limits, struct rv_str bytes, size_t cut, size_t step,
	char *out, size_t out_n)
{
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 1 << 20);
	struct rv_http_head h = { 0 };
	struct rv_err err = { 0 };
	size_t from = 0, n = 0, have = cut;
	enum rv_code code;
	for (;;) {
		code = rv_http_find_head(rv_str_n(bytes.p, have), &from, limits, &h, &n, &err);
		if (code != RV_OK || n > 0 || have == bytes.n)
			break;
		have = have + step < bytes.n ? have + step : bytes.n;
	}
	if (code == RV_OK && n == 0) {
		snprintf(out, out_n, "more");
		return;
	}
	struct rv_str head = rv_str_n(bytes.p, n);
	if (code == RV_OK && kind == REQUEST)
		code = rv_http_parse_request(&a, head, limits, &h, &err);
	else if (code == RV_OK)
		code = rv_http_parse_response(head, limits, asked, &h, &err);
	if (code != RV_OK) {
		CHECKF(err.code == code && err.msg[0], "no message for %.*s", RV_FMT(bytes));
		snprintf(out, out_n, "%d", h.refusal);
		return;
	}
	static const char *const framing[] = { "none", "length", "chunked", "close" };
	if (kind == REQUEST)
		snprintf(out, out_n, "%.*s %.*s q=%.*s a=%.*s 1.%d %s:%llu %s%s n=%zu",
			RV_FMT(h.method_text), RV_FMT(h.path), RV_FMT(h.query), RV_FMT(h.authority),
			h.minor, framing[h.framing], (unsigned long long)h.length,
			h.keep_alive ? "keep" : "close", h.expects_continue ? " continue" : "",
			h.n_headers);
	else
		snprintf(out, out_n, "%d '%.*s' 1.%d %s:%llu %s n=%zu", h.status, RV_FMT(h.reason),
			h.minor, framing[h.framing], (unsigned long long)h.length,
			h.keep_alive ? "keep" : "close", h.n_headers);
}

static void check_row(enum kind kind, enum rv_http_method asked,
	const struct rv_http_limits *limits, struct rv_str in, const char *want)
{
	char got[512];
	read_in_pieces(kind, asked, limits, in, in.n, 1, got, sizeof got);
	CHECKF(strcmp(got, want) == 0, "\"%.*s\"\ngot  %s\nwant %s", RV_FMT(in), got, want);
	for (size_t cut = 0; cut <= in.n; cut++) {
		read_in_pieces(kind, asked, limits, in, cut, in.n, got, sizeof got);
		CHECKF(strcmp(got, want) == 0, "\"%.*s\" cut at %zu\ngot  %s\nwant %s", RV_FMT(in),
			cut, got, want);
	}
	read_in_pieces(kind, asked, limits, in, 0, 1, got, sizeof got);
	CHECKF(strcmp(got, want) == 0, "\"%.*s\" byte by byte\ngot  %s\nwant %s", RV_FMT(in), got,
		want);
}

struct row {
	struct rv_str in;
	const char *want;
};
#define H "Host: h\r\n"
#define R(bytes, want)                   \
	{                                \
		RV_STR_INIT(bytes), want \
	}

static const struct row accepted[] = {
	R("GET / HTTP/1.1\r\n" H "\r\n", "GET / q= a=h 1.1 none:0 keep n=1"),
	R("GET /a/b HTTP/1.1\r\nhOsT:\t h:80 \t\r\n\r\n", "GET /a/b q= a=h:80 1.1 none:0 keep n=1"),
	R("GET /v1/systems/?a=b&c HTTP/1.1\r\n" H "\r\n",
		"GET /v1/systems/ q=a=b&c a=h 1.1 none:0 keep n=1"),
	R("GET /%41%c3%A4%25%3f HTTP/1.1\r\n" H "\r\n",
		"GET /A\xc3\xa4%? q= a=h 1.1 none:0 keep n=1"),
	R("GET /a...b/.c/d. HTTP/1.1\r\n" H "\r\n", "GET /a...b/.c/d. q= a=h 1.1 none:0 keep n=1"),
	R("POST /x HTTP/1.1\r\n" H "Content-Length: 10\r\n\r\n0123456789",
		"POST /x q= a=h 1.1 length:10 keep n=2"),
	R("POST /x HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n",
		"POST /x q= a=h 1.1 none:0 keep n=2"),
	R("POST /x HTTP/1.1\r\n" H "Transfer-Encoding: CHUNKED\r\n\r\n",
		"POST /x q= a=h 1.1 chunked:0 keep n=2"),
	R("POST /x HTTP/1.1\r\n" H "Content-Length: 5\r\nExpect: 100-Continue\r\n\r\n",
		"POST /x q= a=h 1.1 length:5 keep continue n=3"),
	R("GET / HTTP/1.1\r\n" H "Connection: foo, Close\r\n\r\n",
		"GET / q= a=h 1.1 none:0 close n=2"),
	R("GET / HTTP/1.1\r\n" H "Connection: keep-alive\r\nConnection: close\r\n\r\n",
		"GET / q= a=h 1.1 none:0 close n=3"),
	R("GET / HTTP/1.0\r\n\r\n", "GET / q= a= 1.0 none:0 close n=0"),
	R("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "GET / q= a= 1.0 none:0 keep n=1"),
	R("GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n",
		"GET / q= a=[::1]:8080 1.1 none:0 keep n=1"),
	R("PURGE /x HTTP/1.1\r\n" H "\r\n", "PURGE /x q= a=h 1.1 none:0 keep n=1"),
	R("GET / HTTP/1.1\r\n" H "X: \r\nY:caf\xc3\xa9\r\n\r\n",
		"GET / q= a=h 1.1 none:0 keep n=3"),
	R("GET / HTTP/1.1\r\n" H "A: 1\r\nB: 2\r\nC: 3\r\n\r\n",
		"GET / q= a=h 1.1 none:0 keep n=4"),
	R("GET / HTTP/1.1\r\n" H "\r\nGET / HTTP/9.9\n", "GET / q= a=h 1.1 none:0 keep n=1"),
};

static const struct row refused[] = {
	/* lines */
	R("GET / HTTP/1.1\nHost: h\n\n", "400"),
	R("GET / HTTP/1.1\r\nHost: h\n\r\n", "400"),
	R("GET / HTTP/1.1\r\n" H "\n", "400"),
	R("\r\nGET / HTTP/1.1\r\n" H "\r\n", "400"),
	R("\nGET / HTTP/1.1\r\n" H "\r\n", "400"),
	R("GET / HTTP/1.1\r\r\n" H "\r\n", "400"),
	R("GET / HTTP/1.1\r\nHost: h\r\r\n\r\n", "400"),
	R("GET / HTTP/1.1\r\nHost: h\rX: y\r\n\r\n", "400"),
	R("\x16\x03\x01\x02", "400"),
	/* first line */
	R("GET  / HTTP/1.1\r\n" H "\r\n", "400"),
	R("GET / HTTP/1.1 \r\n" H "\r\n", "400"),
	R("GET\t/ HTTP/1.1\r\n" H "\r\n", "400"),
	R("GET / foo HTTP/1.1\r\n" H "\r\n", "400"),
	R("GET /\r\n" H "\r\n", "400"),
	R("G(T / HTTP/1.1\r\n" H "\r\n", "400"),
	R("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG / HTTP/1.1\r\n" H "\r\n", "400"),
	R("GET / HTTP/2.0\r\n" H "\r\n", "505"),
	R("GET / HTTP/1.2\r\n" H "\r\n", "505"),
	R("GET / HTTP/0.9\r\n" H "\r\n", "505"),
	R("GET / HTTP/11\r\n" H "\r\n", "400"),
	R("GET / HTTP/1.10\r\n" H "\r\n", "400"),
	R("GET / http/1.1\r\n" H "\r\n", "400"),
	R("GET / HTTP/1.x\r\n" H "\r\n", "400"),
	/* targets */
	R("GET a HTTP/1.1\r\n" H "\r\n", "400"),
	R("GET * HTTP/1.1\r\n" H "\r\n", "400"),
	R("OPTIONS * HTTP/1.1\r\n" H "\r\n", "400"),
	R("GET http://h/ HTTP/1.1\r\n" H "\r\n", "400"),
	R("CONNECT h:443 HTTP/1.1\r\n" H "\r\n", "501"),
	R("GET /a#b HTTP/1.1\r\n" H "\r\n", "400"),
	R("GET /a\"b HTTP/1.1\r\n" H "\r\n", "400"),
	R("GET /a\\b HTTP/1.1\r\n" H "\r\n", "400"),
	R("GET /a|b HTTP/1.1\r\n" H "\r\n", "400"),
	R("GET /\xc3\xa4 HTTP/1.1\r\n" H "\r\n", "400"),
	R("GET /a\x01 HTTP/1.1\r\n" H "\r\n", "400"),
	R("GET /a\0b HTTP/1.1\r\n" H "\r\n", "400"),
	R("GET /a%2Fb HTTP/1.1\r\n" H "\r\n", "400"),
	R("GET /a%2fb HTTP/1.1\r\n" H "\r\n", "400"),
	R("GET /a%5Cb HTTP/1.1\r\n" H "\r\n", "400"),
	R("GET /a%00 HTTP/1.1\r\n" H "\r\n", "400"),
	R("GET /a%0d%0a HTTP/1.1\r\n" H "\r\n", "400"),
	R("GET /a%7F HTTP/1.1\r\n" H "\r\n", "400"),
	R("GET /a%ff HTTP/1.1\r\n" H "\r\n", "400"),
	R("GET /a%c0%af HTTP/1.1\r\n" H "\r\n", "400"),
	R("GET /a% HTTP/1.1\r\n" H "\r\n", "400"),
	R("GET /a%4 HTTP/1.1\r\n" H "\r\n", "400"),
	R("GET /a%4g HTTP/1.1\r\n" H "\r\n", "400"),
	R("GET /a%u0041 HTTP/1.1\r\n" H "\r\n", "400"),
	R("GET /. HTTP/1.1\r\n" H "\r\n", "400"),
	R("GET /.. HTTP/1.1\r\n" H "\r\n", "400"),
	R("GET /a/../b HTTP/1.1\r\n" H "\r\n", "400"),
	R("GET /a/./b HTTP/1.1\r\n" H "\r\n", "400"),
	R("GET /a/%2e%2E/b HTTP/1.1\r\n" H "\r\n", "400"),
	R("GET /a/.%2e HTTP/1.1\r\n" H "\r\n", "400"),
	R("GET //a HTTP/1.1\r\n" H "\r\n", "400"),
	R("GET /a//b HTTP/1.1\r\n" H "\r\n", "400"),
	R("GET // HTTP/1.1\r\n" H "\r\n", "400"),
	/* headers */
	R("GET / HTTP/1.1\r\n" H "X : y\r\n\r\n", "400"),
	R("GET / HTTP/1.1\r\n" H "X\t: y\r\n\r\n", "400"),
	R("GET / HTTP/1.1\r\n" H "X: a\r\n b\r\n\r\n", "400"),
	R("GET / HTTP/1.1\r\n" H "X: a\r\n\tb\r\n\r\n", "400"),
	R("GET / HTTP/1.1\r\n X: y\r\n" H "\r\n", "400"),
	R("GET / HTTP/1.1\r\n" H "X\r\n\r\n", "400"),
	R("GET / HTTP/1.1\r\n" H ": y\r\n\r\n", "400"),
	R("GET / HTTP/1.1\r\n" H "X(y: z\r\n\r\n", "400"),
	R("GET / HTTP/1.1\r\n" H "X\xc3\xa4: z\r\n\r\n", "400"),
	R("GET / HTTP/1.1\r\n" H "X: a\0b\r\n\r\n", "400"),
	R("GET / HTTP/1.1\r\n" H "X: a\x01\r\n\r\n", "400"),
	R("GET / HTTP/1.1\r\n" H "X: a\x7f\r\n\r\n", "400"),
	R("GET / HTTP/1.1\r\n" H "X: a\x0b\r\n\r\n", "400"),
	R("GET / HTTP/1.1\r\n" H "A: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\n\r\n", "431"),
	/* host */
	R("GET / HTTP/1.1\r\n\r\n", "400"),
	R("GET / HTTP/1.1\r\n" H H "\r\n", "400"),
	R("GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n", "400"),
	R("GET / HTTP/1.1\r\nHost:\r\n\r\n", "400"),
	R("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "400"),
	R("GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", "400"),
	R("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "400"),
	R("GET / HTTP/1.1\r\nHost: a:\r\n\r\n", "400"),
	R("GET / HTTP/1.1\r\nHost: a:0\r\n\r\n", "400"),
	R("GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n", "400"),
	R("GET / HTTP/1.1\r\nHost: a:8x\r\n\r\n", "400"),
	R("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", "400"),
	R("GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n", "400"),
	R("GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", "400"),
	/* framing */
	R("POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", "400"),
	R("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", "400"),
	R("POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", "400"),
	R("POST / HTTP/1.1\r\n" H "Content-Length: 5\r\ncontent-length: 6\r\n\r\n", "400"),
	R("POST / HTTP/1.1\r\n" H "Content-Length: 5, 5\r\n\r\n", "400"),
	R("POST / HTTP/1.1\r\n" H "Content-Length: +5\r\n\r\n", "400"),
	R("POST / HTTP/1.1\r\n" H "Content-Length: -5\r\n\r\n", "400"),
	R("POST / HTTP/1.1\r\n" H "Content-Length: 05\r\n\r\n", "400"),
	R("POST / HTTP/1.1\r\n" H "Content-Length: 0x5\r\n\r\n", "400"),
	R("POST / HTTP/1.1\r\n" H "Content-Length: 5 5\r\n\r\n", "400"),
	R("POST / HTTP/1.1\r\n" H "Content-Length: 5.0\r\n\r\n", "400"),
	R("POST / HTTP/1.1\r\n" H "Content-Length:\r\n\r\n", "400"),
	R("POST / HTTP/1.1\r\n" H "Content-Length: 18446744073709551617\r\n\r\n", "400"),
	R("POST / HTTP/1.1\r\n" H "Content-Length: 1001\r\n\r\n", "413"),
	R("POST / HTTP/1.1\r\n" H "Content-Length: 999999999999999999\r\n\r\n", "413"),
	R("POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip\r\n\r\n", "501"),
	R("POST / HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n", "501"),
	R("POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n", "400"),
	R("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, gzip\r\n\r\n", "400"),
	R("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, chunked\r\n\r\n", "400"),
	R("POST / HTTP/1.1\r\n" H
	  "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
		"400"),
	R("POST / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n", "501"),
	R("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked;q=1\r\n\r\n", "501"),
	R("POST / HTTP/1.1\r\n" H "Transfer-Encoding:\r\n\r\n", "400"),
	R("POST / HTTP/1.1\r\n" H "Transfer-Encoding : chunked\r\n\r\n", "400"),
	R("POST / HTTP/1.1\r\n" H "Transfer-Encoding: \x0b"
	  "chunked\r\n\r\n",
		"400"),
	R("POST / HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n", "400"),
	/* told once only */
	R("POST / HTTP/1.1\r\n" H "Authorization: a\r\nAuthorization: b\r\n\r\n", "400"),
	R("POST / HTTP/1.1\r\n" H "Content-Type: a\r\nContent-Type: b\r\n\r\n", "400"),
	R("POST / HTTP/1.1\r\n" H "Content-Encoding: a\r\nContent-encoding: b\r\n\r\n", "400"),
	R("POST / HTTP/1.1\r\n" H "X-Request-Id: a\r\nx-request-id: a\r\n\r\n", "400"),
	R("POST / HTTP/1.1\r\n" H "Reeve-Subject-Token: a\r\nreeve-subject-token: b\r\n\r\n",
		"400"),
	R("POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nExpect: 200-maybe\r\n\r\n", "417"),
};

/* Not yet a whole head. */
static const struct row unfinished[] = {
	R("", "more"),
	R("GET", "more"),
	R("GET / HTTP/1.1\r\n", "more"),
	R("GET / HTTP/1.1\r\n" H "\r", "more"),
};

TEST(requests_accepted)
{
	for (size_t i = 0; i < RV_COUNT(accepted); i++)
		check_row(REQUEST, RV_HTTP_GET, &small, accepted[i].in, accepted[i].want);
}

TEST(requests_refused)
{
	for (size_t i = 0; i < RV_COUNT(refused); i++)
		check_row(REQUEST, RV_HTTP_GET, &small, refused[i].in, refused[i].want);
}

TEST(requests_unfinished)
{
	for (size_t i = 0; i < RV_COUNT(unfinished); i++)
		check_row(REQUEST, RV_HTTP_GET, &small, unfinished[i].in, unfinished[i].want);
}

TEST(relay_forms)
{
	static const struct row rows[] = {
		R("GET http://a.example/x?y HTTP/1.1\r\nHost: a.example\r\n\r\n",
			"GET /x q=y a=a.example 1.1 none:0 keep n=1"),
		R("GET HTTPS://a HTTP/1.1\r\nHost: A\r\n\r\n", "GET / q= a=A 1.1 none:0 keep n=1"),
		R("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n",
			"CONNECT / q= a=a:443 1.1 none:0 keep n=1"),
		R("GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n", "400"),
		R("GET http://a@b/ HTTP/1.1\r\nHost: a@b\r\n\r\n", "400"),
		R("GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
		R("GET http://a?x HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
		R("GET http://a/../b HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
		R("GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
		R("CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
		R("CONNECT a:0 HTTP/1.1\r\nHost: a:0\r\n\r\n", "400"),
		R("CONNECT a:443 HTTP/1.1\r\nHost: b:443\r\n\r\n", "400"),
		R("CONNECT http://a:443/ HTTP/1.1\r\nHost: a:443\r\n\r\n", "400"),
		R("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\nContent-Length: 5\r\n\r\n", "400"),
	};
	struct rv_http_limits l = small;
	l.allow_absolute_form = l.allow_connect = true;
	for (size_t i = 0; i < RV_COUNT(rows); i++)
		check_row(REQUEST, RV_HTTP_GET, &l, rows[i].in, rows[i].want);
}

TEST(responses)
{
	static const struct {
		enum rv_http_method asked;
		struct rv_str in;
		const char *want;
	} rows[] = {
		{ RV_HTTP_GET, RV_STR_INIT("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"),
			"200 'OK' 1.1 length:5 keep n=1" },
		{ RV_HTTP_GET, RV_STR_INIT("HTTP/1.1 200 \r\n\r\n"),
			"200 '' 1.1 close:0 close n=0" },
		{ RV_HTTP_GET,
			RV_STR_INIT("HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n"),
			"404 'Not Found' 1.1 chunked:0 keep n=1" },
		{ RV_HTTP_HEAD, RV_STR_INIT("HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n"),
			"200 'OK' 1.1 none:99999 keep n=1" },
		{ RV_HTTP_GET, RV_STR_INIT("HTTP/1.1 204 No Content\r\n\r\n"),
			"204 'No Content' 1.1 none:0 keep n=0" },
		{ RV_HTTP_GET, RV_STR_INIT("HTTP/1.1 100 Continue\r\n\r\n"),
			"100 'Continue' 1.1 none:0 keep n=0" },
		{ RV_HTTP_GET, RV_STR_INIT("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n"),
			"200 'OK' 1.0 length:5 close n=1" },
		{ RV_HTTP_GET, RV_STR_INIT("HTTP/1.1 200\r\n\r\n"), "400" },
		{ RV_HTTP_GET, RV_STR_INIT("HTTP/1.1 20 OK\r\n\r\n"), "400" },
		{ RV_HTTP_GET, RV_STR_INIT("HTTP/1.1 2000 OK\r\n\r\n"), "400" },
		{ RV_HTTP_GET, RV_STR_INIT("HTTP/1.1 099 OK\r\n\r\n"), "400" },
		{ RV_HTTP_GET, RV_STR_INIT("HTTP/1.1 600 OK\r\n\r\n"), "400" },
		{ RV_HTTP_GET, RV_STR_INIT("HTTP/1.1  200 OK\r\n\r\n"), "400" },
		{ RV_HTTP_GET, RV_STR_INIT("HTTP/1.1 200 O\x01K\r\n\r\n"), "400" },
		{ RV_HTTP_GET, RV_STR_INIT("ICY 200 OK\r\n\r\n"), "400" },
		{ RV_HTTP_GET, RV_STR_INIT("HTTP/2.0 200 OK\r\n\r\n"), "505" },
		{ RV_HTTP_GET, RV_STR_INIT("HTTP/1.1 200 OK\nContent-Length: 5\n\n"), "400" },
		{ RV_HTTP_GET,
			RV_STR_INIT("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: "
				    "chunked\r\n\r\n"),
			"400" },
		{ RV_HTTP_GET,
			RV_STR_INIT("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: "
				    "6\r\n\r\n"),
			"400" },
		{ RV_HTTP_HEAD, RV_STR_INIT("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"),
			"400" },
		{ RV_HTTP_GET, RV_STR_INIT("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n"),
			"413" },
		{ RV_HTTP_GET, RV_STR_INIT("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"),
			"501" },
		{ RV_HTTP_GET, RV_STR_INIT("HTTP/1.1 200 OK\r\nX : y\r\n\r\n"), "400" },
	};
	for (size_t i = 0; i < RV_COUNT(rows); i++)
		check_row(RESPONSE, rows[i].asked, &small, rows[i].in, rows[i].want);
}

/* A head of exactly n bytes, the padding in a header or in the target. */
static void check_sized(size_t n, bool in_target, size_t target_n, const char *want)
{
	char in[2048], pad[1024];
	memset(pad, 'a', sizeof pad);
	int len = in_target
		? snprintf(in, sizeof in, "GET /%.*s HTTP/1.1\r\n" H "\r\n", (int)target_n - 1, pad)
		: snprintf(in, sizeof in, "GET / HTTP/1.1\r\n" H "X: %.*s\r\n\r\n",
			  (int)(n - strlen("GET / HTTP/1.1\r\n" H "X: \r\n\r\n")), pad);
	char got[512];
	for (size_t step = 1; step < 600; step += 97) {
		read_in_pieces(REQUEST, RV_HTTP_GET, &small, rv_str_n(in, (size_t)len), 0, step,
			got, sizeof got);
		CHECKF(strncmp(got, want, strlen(want)) == 0,
			"size %zu/%zu step %zu: got %s, want %s", n, target_n, step, got, want);
	}
}

TEST(limits_are_exact)
{
	check_sized(511, false, 0, "GET / ");
	check_sized(512, false, 0, "GET / ");
	check_sized(513, false, 0, "431");
	check_sized(0, true, 99, "GET /aaa");
	check_sized(0, true, 100, "GET /aaa");
	check_sized(0, true, 101, "414");
	check_sized(0, true, 600, "414"); /* no end of the first line within the head's limit */
}

/* ---- chunked ---- */

static void feed_in_pieces(struct rv_str in, size_t cut, size_t step,
	const struct rv_http_limits *l, char *out, size_t out_n)
{
	RV_AUTO_BUF body;
	rv_buf_init(&body, (size_t)l->max_body_bytes);
	struct rv_http_chunked c = { 0 };
	struct rv_err err = { 0 };
	size_t at = 0, have = cut, used;
	bool done = false;
	for (;;) {
		enum rv_code code = rv_http_chunked_feed(
			&c, rv_str_n(in.p + at, have - at), l, &body, &used, &done, &err);
		if (code != RV_OK) {
			snprintf(out, out_n, "%s", code == RV_ELIMIT ? "limit" : "bad");
			return;
		}
		at += used;
		CHECKF(done || at == have, "stopped early without an end");
		if (done || have == in.n)
			break;
		have = have + step < in.n ? have + step : in.n;
	}
	snprintf(out, out_n, "%s'%.*s'+%zu", done ? "" : "more ", RV_FMT(rv_buf_str(&body)),
		in.n - at);
}

TEST(chunked)
{
	static const struct row rows[] = {
		R("0\r\n\r\n", "''+0"),
		R("5\r\nhello\r\n0\r\n\r\n", "'hello'+0"),
		R("5\r\nhello\r\n1\r\n!\r\n0\r\n\r\nGET", "'hello!'+3"),
		R("00a\r\n0123456789\r\n000\r\n\r\n", "'0123456789'+0"),
		R("A\r\n0123456789\r\n0\r\n\r\n", "'0123456789'+0"),
		R("1;a=b\r\nx\r\n0;c\r\n\r\n", "'x'+0"),
		R("2\r\n\r\n\r\n0\r\n\r\n", "'\r\n'+0"),
		R("5\r\nhel", "more 'hel'+0"),
		R("5\r\nhello\r\n0\r\n", "more 'hello'+0"),
		R("", "more ''+0"),
		R("\r\n", "bad"),
		R("x\r\n", "bad"),
		R("-1\r\n", "bad"),
		R("+1\r\n", "bad"),
		R("0x1\r\nx\r\n0\r\n\r\n", "bad"),
		R(" 1\r\nx\r\n0\r\n\r\n", "bad"),
		R("1 \r\nx\r\n0\r\n\r\n", "bad"),
		R("1 ;a\r\nx\r\n0\r\n\r\n", "bad"),
		R("1\nx\n0\n\n", "bad"),
		R("1\r\nx\n0\r\n\r\n", "bad"),
		R("1\rx\r\n0\r\n\r\n", "bad"),
		R("1\r\nxx\r\n0\r\n\r\n", "bad"),
		R("2\r\nx\r\n0\r\n\r\n", "bad"),
		R("1\r\nx0\r\n\r\n", "bad"),
		R("1;a\nx\r\n0\r\n\r\n", "bad"),
		R("1;a\x01\r\nx\r\n0\r\n\r\n", "bad"),
		R("1;a\0\r\nx\r\n0\r\n\r\n", "bad"),
		R("0\r\n\n", "bad"),
		R("0\r\nX: y\r\n\r\n", "bad"),
		R("0\r\n \r\n\r\n", "bad"),
		R("fffffffffffffff0\r\n", "bad"),
		R("10000000000000000\r\n", "bad"),
		R("0000000000000000\r\n\r\n", "bad"),
		R("3e9\r\n", "limit"),
		R("fffffffffffffff\r\n", "limit"),
		R("1;12345678\r\nx\r\n0\r\n\r\n", "'x'+0"),
		R("1;123456789\r\nx\r\n0\r\n\r\n", "limit"),
		R("1;1234\r\nx\r\n1;1234\r\ny\r\n0;1\r\n\r\n", "limit"),
	};
	char got[1200];
	for (size_t i = 0; i < RV_COUNT(rows); i++) {
		for (size_t cut = 0; cut <= rows[i].in.n; cut++) {
			feed_in_pieces(rows[i].in, cut, rows[i].in.n, &small, got, sizeof got);
			CHECKF(strcmp(got, rows[i].want) == 0,
				"\"%.*s\" cut at %zu: got %s, want %s", RV_FMT(rows[i].in), cut,
				got, rows[i].want);
		}
		feed_in_pieces(rows[i].in, 0, 1, &small, got, sizeof got);
		CHECKF(strcmp(got, rows[i].want) == 0, "\"%.*s\" byte by byte: got %s",
			RV_FMT(rows[i].in), got);
	}
}

TEST(trailers_bounded)
{
	static const struct row rows[] = {
		R("0\r\nX: y\r\n\r\n", "''+0"),
		R("0\r\nX:\r\nY: z\r\n\r\n", "''+0"),
		R("0\r\nX\r\n\r\n", "bad"),
		R("0\r\n: y\r\n\r\n", "bad"),
		R("0\r\n X: y\r\n\r\n", "bad"),
		R("0\r\nX : y\r\n\r\n", "bad"),
		R("0\r\nX: y\n\r\n", "bad"),
		R("0\r\nX: y\0\r\n\r\n", "bad"),
		R("0\r\nX: 0123456789012\r\n\r\n", "''+0"),
		R("0\r\nX: 01234567890123\r\n\r\n", "limit"),
	};
	struct rv_http_limits l = small;
	l.max_trailer_bytes = 17;
	char got[1200];
	for (size_t i = 0; i < RV_COUNT(rows); i++) {
		for (size_t cut = 0; cut <= rows[i].in.n; cut++) {
			feed_in_pieces(rows[i].in, cut, rows[i].in.n, &l, got, sizeof got);
			CHECKF(strcmp(got, rows[i].want) == 0,
				"\"%.*s\" cut at %zu: got %s, want %s", RV_FMT(rows[i].in), cut,
				got, rows[i].want);
		}
	}
}

TEST(body_limit_is_exact)
{
	struct rv_http_limits l = small;
	char got[64];
	l.max_body_bytes = 5;
	feed_in_pieces(RV_STR("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"), 0, 1, &l, got, sizeof got);
	CHECK_STR(rv_str_of(got), "'abcde'+0");
	feed_in_pieces(RV_STR("3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n"), 0, 1, &l, got, sizeof got);
	CHECK_STR(rv_str_of(got), "limit");
}

MAIN()
