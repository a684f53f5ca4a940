/* A warm server answers without malloc. Built without sanitizers, which need malloc for themselves.
 */
#include <stdatomic.h>
#include <sys/socket.h>

#include "tests/http/fixture.h"

static _Atomic long n_mallocs;
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void *malloc(size_t n)
{
	n_mallocs++;
	return __libc_malloc(n);
}
void *calloc(size_t n, size_t size)
{
	n_mallocs++;
	return __libc_calloc(n, size);
}
void *realloc(void *p, size_t n)
{
	n_mallocs++;
	return __libc_realloc(p, n);
}

static void exchange(int fd, struct rv_str request, const char *end)
{
	char got[4096];
	send_all(fd, request);
	(void)read_until(fd, end, 1, got, sizeof got, NULL);
	CHECKF(strstr(got, end), "%s", got);
}

TEST(no_malloc_on_the_way_of_a_request)
{
	struct fixture f;
	REQUIRE(fixture_start(&f, (struct rv_http_server_opts){ 0 }, false));
	int fd = tcp_connect(f.port);
	long before = 0;
	for (int i = 0; i < 5000; i++) {
		if (i == 100)
			before = n_mallocs;
		exchange(fd, RV_STR("GET /plain HTTP/1.1\r\nHost: h\r\nX-Request-ID: a\r\n\r\n"),
			"{\"ok\":true}");
		exchange(fd,
			RV_STR("POST /json HTTP/1.1\r\nHost: h\r\nContent-Type: "
			       "application/json\r\nContent-Length: 27\r\n\r\n"
			       "{\"a\":[1,2,{\"b\":\"c\"}],\"d\":1}"),
			"\"d\":1}");
		exchange(fd,
			RV_STR("POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
			       "chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
			"hello");
	}
	CHECKF(n_mallocs == before, "%ld calls for 14,700 requests", n_mallocs - before);
	close(fd);
	fixture_stop(&f);
}

MAIN()
