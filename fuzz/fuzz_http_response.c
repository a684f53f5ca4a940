#include "http/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* An answer is read to its end: head, then body as it is framed. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct rv_http_head h;
	const struct rv_http_limits l = {
		.max_head_bytes = 1024, .max_body_bytes = 4096, .max_trailer_bytes = 64
	};
	struct rv_err err = { 0 };
	size_t from = 0, head_n;
	if (n == 0)
		return 0;
	struct rv_str in = rv_str_n(data + 1, n - 1);
	enum rv_http_method asked = data[0] % 2 ? RV_HTTP_GET : RV_HTTP_HEAD;
	if (rv_http_find_head(in, &from, &l, &h, &head_n, &err) != RV_OK || head_n == 0)
		return 0;
	if (rv_http_parse_response(rv_str_sub(in, 0, head_n), &l, asked, &h, &err) != RV_OK) {
		rv_assert(err.msg[0] && h.refusal);
		return 0;
	}
	rv_assert(h.status >= 100 && h.status <= 599);
	rv_assert(asked != RV_HTTP_HEAD || h.framing == RV_HTTP_NO_BODY);
	rv_assert(h.framing != RV_HTTP_LENGTH || h.length <= l.max_body_bytes);
	if (h.framing != RV_HTTP_CHUNKED)
		return 0;
	RV_AUTO_BUF body;
	rv_buf_init(&body, 4096);
	struct rv_http_chunked c = { 0 };
	size_t used;
	bool done;
	if (rv_http_chunked_feed(&c, rv_str_sub(in, head_n, in.n), &l, &body, &used, &done, &err) !=
		RV_OK)
		rv_assert(err.msg[0]);
	return 0;
}
