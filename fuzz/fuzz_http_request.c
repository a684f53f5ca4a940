#include "http/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static enum rv_code read_head(
	struct rv_arena *a, struct rv_str in, size_t cut, struct rv_http_head *h, size_t *ret_n)
{
	const struct rv_http_limits l = {
		.max_head_bytes = 1024, .allow_absolute_form = true, .allow_connect = true
	};
	struct rv_err err = { 0 };
	size_t from = 0;
	enum rv_code code = rv_http_find_head(rv_str_sub(in, 0, cut), &from, &l, h, ret_n, &err);
	if (code == RV_OK && *ret_n == 0)
		code = rv_http_find_head(in, &from, &l, h, ret_n, &err);
	if (code == RV_OK && *ret_n > 0)
		code = rv_http_parse_request(a, rv_str_sub(in, 0, *ret_n), &l, h, &err);
	rv_assert(code == RV_OK || (err.msg[0] && h->refusal >= 400 && h->refusal < 600));
	return code;
}

/* The first byte says where to cut: both readings must agree. What is accepted holds what the
 * header promises. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct rv_http_head one, two;
	size_t n_one = 0, n_two = 0;
	if (n == 0)
		return 0;
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 1 << 20);
	struct rv_str in = rv_str_n(data + 1, n - 1);
	enum rv_code code = read_head(&a, in, in.n, &one, &n_one);
	size_t cut = in.n ? data[0] * in.n / 255 : 0;
	rv_assert(code == read_head(&a, in, cut, &two, &n_two));
	if (code != RV_OK) {
		rv_assert(one.refusal == two.refusal);
		return 0;
	}
	rv_assert(n_one == n_two);
	if (n_one == 0)
		return 0;
	rv_assert(rv_str_eq(one.path, two.path) && one.framing == two.framing &&
		one.length == two.length);
	rv_assert(one.path.n > 0 && one.path.p[0] == '/' && rv_str_is_utf8(one.path));
	rv_assert(!memmem(one.path.p, one.path.n, "/../", 4) &&
		!memmem(one.path.p, one.path.n, "//", 2));
	rv_assert(!memchr(one.path.p, '\0', one.path.n) && !memchr(one.path.p, '\\', one.path.n));
	for (size_t i = 0; i < one.n_headers; i++)
		rv_assert(rv_http_header_ok(one.headers[i].name, one.headers[i].value));
	rv_assert(one.minor == 0 || one.authority.n > 0);
	return 0;
}
