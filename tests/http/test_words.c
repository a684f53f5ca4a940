/* Queries, header words, dates, escapes, routes. */
#include <stdio.h>

#include "http/http.h"
#include "tests/harness.h"

static enum rv_code read_query(
	struct rv_arena *a, struct rv_str query, char *out, size_t n, struct rv_err *err)
{
	struct rv_http_query q;
	struct rv_str name = RV_STR("-");
	int64_t wait = -1;
	bool all = false;
	RV_TRY(rv_http_query_open(&q, a, query, err));
	(void)rv_http_query_str(&q, "name", &name);
	RV_TRY(rv_http_query_i64(&q, "wait", 0, 60, &wait, err));
	RV_TRY(rv_http_query_bool(&q, "all", &all, err));
	RV_TRY(rv_http_query_close(&q, err));
	snprintf(out, n, "%.*s %d %d", RV_FMT(name), (int)wait, all);
	return RV_OK;
}

TEST(queries)
{
	static const struct {
		struct rv_str in;
		const char *want, *message; /* want NULL: refused with this in the message */
	} rows[] = {
		{ RV_STR_INIT(""), "- -1 0", NULL },
		{ RV_STR_INIT("name=a+b%20c%2B&wait=60&all=true"), "a b c+ 60 1", NULL },
		{ RV_STR_INIT("n%61me=%C3%A4"), "\xc3\xa4 -1 0", NULL },
		{ RV_STR_INIT("name="), " -1 0", NULL },
		{ RV_STR_INIT("name=a=b"), "a=b -1 0", NULL },
		{ RV_STR_INIT("wait=61"), NULL, "from 0 to 60" },
		{ RV_STR_INIT("wait=-1"), NULL, "from 0 to 60" },
		{ RV_STR_INIT("wait="), NULL, "from 0 to 60" },
		{ RV_STR_INIT("wait=1x"), NULL, "from 0 to 60" },
		{ RV_STR_INIT("all=yes"), NULL, "true or false" },
		{ RV_STR_INIT("name=a&name=b"), NULL, "query.name: given twice" },
		{ RV_STR_INIT("name=a&n%61me=b"), NULL, "query.name: given twice" },
		{ RV_STR_INIT("nam=a"), NULL, "query.nam: unknown; known are: name, wait, all" },
		{ RV_STR_INIT("name"), NULL, "no '='" },
		{ RV_STR_INIT("=a"), NULL, "without a name" },
		{ RV_STR_INIT("name=a&"), NULL, "ends with '&'" },
		{ RV_STR_INIT("&name=a"), NULL, "no '='" },
		{ RV_STR_INIT("name=%"), NULL, "two hex digits" },
		{ RV_STR_INIT("name=%4"), NULL, "two hex digits" },
		{ RV_STR_INIT("name=%zz"), NULL, "two hex digits" },
		{ RV_STR_INIT("name=%00"), NULL, "control characters" },
		{ RV_STR_INIT("name=%0a"), NULL, "control characters" },
		{ RV_STR_INIT("name=%7f"), NULL, "control characters" },
		{ RV_STR_INIT("name=%ff"), NULL, "UTF-8" },
		{ RV_STR_INIT("name=%ed%a0%80"), NULL, "UTF-8" },
		{ RV_STR_INIT("name=a b"), NULL, "must be escaped" },
		{ RV_STR_INIT("name=[a]"), NULL, "must be escaped" },
	};
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 1 << 20);
	for (size_t i = 0; i < RV_COUNT(rows); i++) {
		struct rv_err err = { 0 };
		char got[200] = "";
		enum rv_code code = read_query(&a, rows[i].in, got, sizeof got, &err);
		if (rows[i].want)
			CHECKF(code == RV_OK && strcmp(got, rows[i].want) == 0, "%s: got '%s' %s",
				rows[i].in.p, got, err.msg);
		else
			CHECKF(code == RV_EINVAL && strstr(err.msg, rows[i].message), "%s: %d %s",
				rows[i].in.p, code, err.msg);
	}
}

TEST(too_many_parameters)
{
	RV_AUTO_ARENA a;
	RV_AUTO_BUF text;
	struct rv_http_query q;
	rv_arena_init(&a, 1 << 20);
	rv_buf_init(&text, 4096);
	for (int i = 0; i < RV_HTTP_QUERY_MAX; i++)
		rv_buf_printf(&text, "%sk%d=v", i ? "&" : "", i);
	CHECK(rv_http_query_open(&q, &a, rv_buf_str(&text), NULL) == RV_OK);
	rv_buf_addz(&text, "&more=v");
	CHECK(rv_http_query_open(&q, &a, rv_buf_str(&text), NULL) == RV_ELIMIT);
}

TEST(words)
{
	CHECK(rv_http_has_token(RV_STR("a, Close ,b"), "close"));
	CHECK(!rv_http_has_token(RV_STR("closed"), "close"));
	CHECK(!rv_http_has_token(RV_STR(""), "close"));
	CHECK(rv_http_is_json(RV_STR("application/json")));
	CHECK(rv_http_is_json(RV_STR("Application/JSON; charset=UTF-8")));
	CHECK(rv_http_is_json(RV_STR("application/json;charset=\"utf-8\"; v=1")));
	CHECK(!rv_http_is_json(RV_STR("application/json; charset=utf-16")));
	CHECK(!rv_http_is_json(RV_STR("application/jsonx")));
	CHECK(!rv_http_is_json(RV_STR("text/plain")));
	CHECK(!rv_http_is_json(RV_STR("")));
	CHECK(!rv_http_is_json((struct rv_str){ NULL, 0 }));
	CHECK(rv_http_header_ok(RV_STR("X-A"), RV_STR("b c")));
	CHECK(!rv_http_header_ok(RV_STR("X-A"), RV_STR("b\r\nSet-Cookie: x")));
	CHECK(!rv_http_header_ok(RV_STR("X A"), RV_STR("b")));
	CHECK(!rv_http_header_ok(RV_STR(""), RV_STR("b")));
	char date[RV_HTTP_DATE_SIZE];
	CHECK_STR(rv_str_of(rv_http_date(784111777, date)), "Sun, 06 Nov 1994 08:49:37 GMT");
	CHECK_STR(rv_str_of(rv_http_date(0, date)), "Thu, 01 Jan 1970 00:00:00 GMT");
	CHECK_STR(rv_str_of(rv_http_date(-5, date)), "Thu, 01 Jan 1970 00:00:00 GMT");
	RV_AUTO_BUF b;
	rv_buf_init(&b, 100);
	rv_http_encode(&b, RV_STR("a/b c\0\xc3\xa4~"));
	CHECK_STR(rv_buf_str(&b), "a%2Fb%20c%00%C3%A4~");
}

TEST(local_addresses)
{
	CHECK(rv_http_address_is_local("127.0.0.1:80"));
	CHECK(rv_http_address_is_local("127.9.9.9:80"));
	CHECK(rv_http_address_is_local("[::1]:80"));
	CHECK(rv_http_address_is_local("localhost:80"));
	CHECK(rv_http_address_is_local("unix:/x"));
	CHECK(!rv_http_address_is_local("0.0.0.0:80"));
	CHECK(!rv_http_address_is_local("[::]:80"));
	CHECK(!rv_http_address_is_local("10.0.0.1:80"));
	CHECK(!rv_http_address_is_local("[::ffff:127.0.0.1]:80"));
	CHECK(!rv_http_address_is_local("example.org:80"));
	CHECK(!rv_http_address_is_local(""));
	CHECK(!rv_http_address_is_local("unix:"));
}

static void nothing(struct rv_http_req *r, void *self)
{
}

TEST(routes_refused)
{
	static const struct {
		struct rv_http_route routes[2];
		size_t n;
		const char *message;
	} rows[] = {
		{ { { RV_HTTP_GET, "a", nothing } }, 1, "must begin with '/'" },
		{ { { RV_HTTP_GET, NULL, nothing } }, 1, "must begin with '/'" },
		{ { { RV_HTTP_GET, "/a", NULL } }, 1, "needs a method and a handler" },
		{ { { RV_HTTP_METHOD_UNSET, "/a", nothing } }, 1, "needs a method and a handler" },
		{ { { RV_HTTP_GET, "/a//b", nothing } }, 1, "empty segment" },
		{ { { RV_HTTP_GET, "/a{b}", nothing } }, 1, "whole segment" },
		{ { { RV_HTTP_GET, "/{b", nothing } }, 1, "malformed parameter" },
		{ { { RV_HTTP_GET, "/{}", nothing } }, 1, "malformed parameter" },
		{ { { RV_HTTP_GET, "/{*}", nothing } }, 1, "malformed parameter" },
		{ { { RV_HTTP_GET, "/{a*}/b", nothing } }, 1, "last segment" },
		{ { { RV_HTTP_GET, "/{a}/{a}", nothing } }, 1, "a parameter twice" },
		{ { { RV_HTTP_GET, "/a", nothing }, { RV_HTTP_GET, "/a", nothing } }, 2,
			"means the same" },
		{ { { RV_HTTP_GET, "/{a}", nothing }, { RV_HTTP_GET, "/{b}", nothing } }, 2,
			"means the same" },
		{ { { RV_HTTP_GET, "/1/2/3/4/5/6/7/8/9/a/b/c/d", nothing } }, 1,
			"too many segments" },
	};
	for (size_t i = 0; i < RV_COUNT(rows); i++) {
		struct rv_http_router *router = NULL;
		struct rv_err err = { 0 };
		struct rv_http_table t = { rows[i].routes, rows[i].n, NULL };
		CHECKF(rv_http_router_new(&t, 1, &router, &err) == RV_EINVAL &&
				strstr(err.msg, rows[i].message),
			"row %zu: %s", i, err.msg);
	}
}

TEST(routes_can_be_listed)
{
	static const struct rv_http_route one[] = { { RV_HTTP_GET, "/b", nothing },
		{ RV_HTTP_GET, "/a", nothing } };
	static const struct rv_http_route two[] = { { RV_HTTP_POST, "/a", nothing } };
	const struct rv_http_table t[] = { { one, 2, NULL }, { two, 1, NULL } };
	struct rv_http_router *router = NULL;
	struct rv_err err = { 0 };
	REQUIRE_OK(rv_http_router_new(t, 2, &router, &err), &err);
	CHECK(rv_http_router_at(router, 0) == &one[0] && rv_http_router_at(router, 1) == &one[1]);
	CHECK(rv_http_router_at(router, 2) == &two[0] && rv_http_router_at(router, 3) == NULL);
	rv_http_router_free(router);
}

MAIN()
