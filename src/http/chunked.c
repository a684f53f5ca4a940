/* Chunked coding (RFC 9112 7.1), byte by byte where it matters: size lines are hex digits and
 * nothing else before ';' or CR, extensions are skipped within a limit, trailers are refused or
 * skipped within a limit. */
#include "http/codec_int.h"

enum state {
	SIZE,
	EXTENSION,
	SIZE_LF,
	DATA,
	DATA_CR,
	DATA_LF,
	TRAILER,
	TRAILER_NAME,
	TRAILER_VALUE,
	TRAILER_LF,
	END_LF,
	DONE
};
enum { DIGITS_MAX = 15 }; /* so that a size cannot overflow */

#define NOT_CHUNKED(err, what) RV_FAIL((err), RV_EINVAL, "body: chunked coding: %s", (what))

static enum rv_code size_byte(
	struct rv_http_chunked *c, char b, const struct rv_buf *out, struct rv_err *err)
{
	int digit = rv_http_hex(b);
	if (digit >= 0) {
		if (++c->digits > DIGITS_MAX)
			return NOT_CHUNKED(err, "chunk size has too many digits");
		c->left = c->left << 4 | (uint64_t)digit;
		return RV_OK;
	}
	if (c->digits == 0)
		return NOT_CHUNKED(err, "chunk size is not a hex number");
	if (c->left > out->max_bytes - out->n)
		return RV_FAIL(
			err, RV_ELIMIT, "body: larger than the %zu bytes allowed", out->max_bytes);
	if (b == ';')
		c->state = EXTENSION;
	else if (b == '\r')
		c->state = SIZE_LF;
	else
		return NOT_CHUNKED(err, "chunk size is not a hex number");
	return RV_OK;
}

static enum rv_code trailer_byte(
	struct rv_http_chunked *c, char b, const struct rv_http_limits *limits, struct rv_err *err)
{
	if (limits->max_trailer_bytes == 0)
		return NOT_CHUNKED(err, "trailers are not allowed");
	if (++c->trailer_bytes > limits->max_trailer_bytes)
		return RV_FAIL(err, RV_ELIMIT, "body: trailers larger than the %zu bytes allowed",
			limits->max_trailer_bytes);
	if (c->state == TRAILER_VALUE) {
		if (b == '\r')
			c->state = TRAILER_LF;
		else if (!ct_is(b, CT_VALUE))
			return NOT_CHUNKED(err, "control character in a trailer");
	} else if (b == ':' && c->state == TRAILER_NAME) {
		c->state = TRAILER_VALUE;
	} else if (ct_is(b, CT_TOKEN)) {
		c->state = TRAILER_NAME;
	} else {
		return NOT_CHUNKED(err, "malformed trailer");
	}
	return RV_OK;
}

static enum rv_code extension_byte(
	struct rv_http_chunked *c, char b, const struct rv_http_limits *limits, struct rv_err *err)
{
	if (b == '\r') {
		c->state = SIZE_LF;
		return RV_OK;
	}
	if (!ct_is(b, CT_VALUE))
		return NOT_CHUNKED(err, "control character in a chunk extension");
	if (++c->extension_bytes > limits->max_extension_bytes)
		return RV_FAIL(err, RV_ELIMIT,
			"body: chunk extensions larger than the %zu bytes allowed",
			limits->max_extension_bytes);
	return RV_OK;
}

/* Every state but DATA takes one byte. */
static enum rv_code one_byte(struct rv_http_chunked *c, char b, const struct rv_http_limits *limits,
	const struct rv_buf *out, struct rv_err *err)
{
	switch ((enum state)c->state) {
	case SIZE:
		return size_byte(c, b, out, err);
	case EXTENSION:
		return extension_byte(c, b, limits, err);
	case SIZE_LF:
		c->state = c->left > 0 ? DATA : TRAILER;
		c->digits = 0;
		break;
	case DATA_CR:
		if (b != '\r')
			return NOT_CHUNKED(err, "chunk longer than its size");
		c->state = DATA_LF;
		return RV_OK;
	case DATA_LF:
		c->state = SIZE;
		break;
	case TRAILER:
		if (b == '\r') {
			c->state = END_LF;
			return RV_OK;
		}
		return trailer_byte(c, b, limits, err);
	case TRAILER_NAME:
	case TRAILER_VALUE:
		return trailer_byte(c, b, limits, err);
	case TRAILER_LF:
		c->state = TRAILER;
		break;
	case END_LF:
		c->state = DONE;
		break;
	case DATA:
	case DONE:
		rv_assert(false && "a byte in a state that takes none");
	}
	return b == '\n' ? RV_OK : NOT_CHUNKED(err, "a line must end with CR LF");
}

enum rv_code rv_http_chunked_feed(struct rv_http_chunked *c, struct rv_str bytes,
	const struct rv_http_limits *limits, struct rv_buf *out, size_t *ret_used, bool *ret_done,
	struct rv_err *err)
{
	const struct rv_http_limits l = rv_http_limits_of(limits);
	size_t at = 0;
	while (at < bytes.n && c->state != DONE) {
		if (c->state != DATA) {
			RV_TRY(one_byte(c, bytes.p[at++], &l, out, err));
			continue;
		}
		size_t n = bytes.n - at < c->left ? bytes.n - at : (size_t)c->left;
		rv_buf_add(out, rv_str_n(bytes.p + at, n));
		RV_TRY(rv_buf_ok(out, err));
		at += n;
		c->left -= n;
		if (c->left == 0)
			c->state = DATA_CR;
	}
	*ret_used = at;
	*ret_done = c->state == DONE;
	return RV_OK;
}
