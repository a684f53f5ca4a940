/* What the codec's files share: character classes and the one way to refuse. */
#ifndef RV_HTTP_CODEC_INT_H
#define RV_HTTP_CODEC_INT_H
#include "http/codec.h"

enum {
	CT_TOKEN = 1, /* RFC 9110 5.6.2 tchar */
	CT_VALUE = 2, /* field-vchar, blank, tab; bytes from 0x80 are opaque */
	CT_TARGET = 4, /* RFC 3986 pchar, "/", "?" and "%" */
	CT_HOST = 8, /* letters, digits, "-", ".", "_" and "~" */
	CT_PLAIN = 16, /* RFC 3986 unreserved */
};
extern const uint8_t rv_http_ctype[256];
static inline bool ct_is(char c, int class)
{
	return (rv_http_ctype[(uint8_t)c] & class) != 0;
}
static inline bool ct_all(struct rv_str s, int class)
{
	for (size_t i = 0; i < s.n; i++)
		if (!ct_is(s.p[i], class))
			return false;
	return true;
}
/* 0..15, or -1. */
int rv_http_hex(char c);

#define REFUSE(h, status, code, err, ...) \
	((h)->refusal = (status), RV_FAIL((err), (code), __VA_ARGS__))
#define BAD(h, err, ...) REFUSE(h, 400, RV_EINVAL, err, __VA_ARGS__)

/* host[:port], strictly. need_port: authority form. */
bool rv_http_authority_ok(struct rv_str s, bool need_port);
/* Fills path, query, authority and is_absolute from target. */
RV_MUST_USE enum rv_code rv_http_parse_target(struct rv_arena *a,
	const struct rv_http_limits *limits, struct rv_http_head *h, struct rv_err *err);
#endif
