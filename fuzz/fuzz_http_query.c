#include "http/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* What is read can be encoded and read again, and is the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct rv_http_query q, again;
	struct rv_err err = { 0 };
	RV_AUTO_ARENA a;
	RV_AUTO_BUF text;
	rv_arena_init(&a, 8 << 20);
	rv_buf_init(&text, 4 << 20);
	(void)rv_http_is_json(rv_str_n(data, n));
	(void)rv_http_has_token(rv_str_n(data, n), "close");
	if (rv_http_query_open(&q, &a, rv_str_n(data, n), &err) != RV_OK) {
		rv_assert(err.msg[0]);
		return 0;
	}
	for (size_t i = 0; i < q.n; i++) {
		if (i)
			rv_buf_addc(&text, '&');
		rv_http_encode(&text, q.pairs[i].name);
		rv_buf_addc(&text, '=');
		rv_http_encode(&text, q.pairs[i].value);
	}
	rv_assert(
		rv_http_query_open(&again, &a, rv_buf_str(&text), NULL) == RV_OK && again.n == q.n);
	for (size_t i = 0; i < q.n; i++)
		rv_assert(rv_str_eq(q.pairs[i].name, again.pairs[i].name) &&
			rv_str_eq(q.pairs[i].value, again.pairs[i].value));
	return 0;
}
