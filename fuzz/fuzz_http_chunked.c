#include "http/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct outcome {
	enum rv_code code;
	struct rv_buf body;
	size_t used;
	bool done;
};

static void feed(struct rv_str in, size_t step, struct outcome *o)
{
	const struct rv_http_limits l = { .max_extension_bytes = 16, .max_trailer_bytes = 16 };
	struct rv_http_chunked c = { 0 };
	rv_buf_init(&o->body, 256);
	while (o->code == RV_OK && !o->done && o->used < in.n) {
		size_t used;
		o->code = rv_http_chunked_feed(&c, rv_str_sub(in, o->used, o->used + step), &l,
			&o->body, &used, &o->done, NULL);
		if (o->code == RV_OK)
			o->used += used;
	}
}

/* Any cut gives the same body and the same verdict. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (n == 0)
		return 0;
	struct rv_str in = rv_str_n(data + 1, n - 1);
	struct outcome one = { 0 }, two = { 0 };
	feed(in, in.n + 1, &one);
	feed(in, data[0] % 7 + 1u, &two);
	rv_assert(one.code == two.code && one.done == two.done);
	if (one.code == RV_OK)
		rv_assert(one.used == two.used &&
			rv_str_eq(rv_buf_str(&one.body), rv_buf_str(&two.body)));
	rv_buf_done(&one.body);
	rv_buf_done(&two.body);
	return 0;
}
