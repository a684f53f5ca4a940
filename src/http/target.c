/* Request targets. A path is decoded once, and whatever another reader could see otherwise after
 * decoding again, merging or resolving is refused: "%2F", "%5C", "%00" and other controls, dot
 * segments in any spelling, empty segments, bad UTF-8. */
#include "http/codec_int.h"

static bool port_ok(struct rv_str s)
{
	uint64_t port;
	return s.n >= 1 && s.n <= 5 && rv_str_u64(s, &port) && port >= 1 && port <= 65535;
}

bool rv_http_authority_ok(struct rv_str s, bool need_port)
{
	size_t end;
	if (s.n > 0 && s.p[0] == '[') {
		end = rv_str_find(s, ']', 1);
		if (end == SIZE_MAX || end < 3)
			return false;
		for (size_t i = 1; i < end; i++)
			if (rv_http_hex(s.p[i]) < 0 && s.p[i] != ':' && s.p[i] != '.')
				return false;
		end++;
	} else {
		end = rv_str_find(s, ':', 0);
		if (end == SIZE_MAX)
			end = s.n;
		if (end == 0 || end > 255 || !ct_all(rv_str_sub(s, 0, end), CT_HOST))
			return false;
	}
	if (end == s.n)
		return !need_port;
	return s.p[end] == ':' && port_ok(rv_str_sub(s, end + 1, s.n));
}

static enum rv_code decode_path(
	struct rv_arena *a, struct rv_str raw, struct rv_http_head *h, struct rv_err *err)
{
	char *out = rv_arena_raw(a, raw.n);
	if (!out)
		return REFUSE(h, 503, RV_ELIMIT, err, "path: needs more memory than allowed");
	size_t n = 0;
	for (size_t i = 0; i < raw.n; i++) {
		if (raw.p[i] != '%') {
			out[n++] = raw.p[i];
			continue;
		}
		int hi = i + 2 < raw.n ? rv_http_hex(raw.p[i + 1]) : -1;
		int lo = i + 2 < raw.n ? rv_http_hex(raw.p[i + 2]) : -1;
		if (hi < 0 || lo < 0)
			return BAD(h, err, "path: '%%' without two hex digits");
		int c = hi << 4 | lo;
		if (c == '/' || c == '\\' || c < 0x20 || c == 0x7f)
			return BAD(h, err, "path: escape '%%%02X' is not allowed", (unsigned)c);
		out[n++] = (char)c;
		i += 2;
	}
	h->path = rv_str_n(out, n);
	if (!rv_str_is_utf8(h->path))
		return BAD(h, err, "path: not well-formed UTF-8");
	return RV_OK;
}

static enum rv_code check_segments(struct rv_http_head *h, struct rv_err *err)
{
	struct rv_str path = h->path;
	size_t start = 1;
	for (size_t i = 1; i <= path.n; i++) {
		if (i < path.n && path.p[i] != '/')
			continue;
		struct rv_str seg = rv_str_sub(path, start, i);
		if (seg.n == 0 && i < path.n)
			return BAD(h, err, "path: empty segment");
		if (rv_str_eqz(seg, ".") || rv_str_eqz(seg, ".."))
			return BAD(h, err, "path: dot segment");
		start = i + 1;
	}
	return RV_OK;
}

static enum rv_code split_origin(
	struct rv_arena *a, struct rv_str target, struct rv_http_head *h, struct rv_err *err)
{
	size_t q = rv_str_find(target, '?', 0);
	h->path = target;
	if (q != SIZE_MAX) {
		h->path = rv_str_sub(target, 0, q);
		h->query = rv_str_sub(target, q + 1, target.n);
	}
	if (memchr(h->path.p, '%', h->path.n))
		RV_TRY(decode_path(a, h->path, h, err));
	return check_segments(h, err);
}

static enum rv_code parse_absolute(
	struct rv_arena *a, size_t scheme, struct rv_http_head *h, struct rv_err *err)
{
	struct rv_str rest = rv_str_sub(h->target, scheme, h->target.n);
	size_t end = 0;
	while (end < rest.n && rest.p[end] != '/' && rest.p[end] != '?')
		end++;
	h->authority = rv_str_sub(rest, 0, end);
	h->is_absolute = true;
	if (!rv_http_authority_ok(h->authority, false))
		return BAD(h, err, "target: malformed authority");
	rest = rv_str_sub(rest, end, rest.n);
	if (rest.n == 0) {
		h->path = RV_STR("/");
		return RV_OK;
	}
	if (rest.p[0] != '/')
		return BAD(h, err, "target: a query needs a path before it");
	return split_origin(a, rest, h, err);
}

enum rv_code rv_http_parse_target(struct rv_arena *a, const struct rv_http_limits *limits,
	struct rv_http_head *h, struct rv_err *err)
{
	struct rv_str t = h->target;
	if (h->method == RV_HTTP_CONNECT) {
		if (!limits->allow_connect)
			return REFUSE(h, 501, RV_EUNSUPPORTED, err, "CONNECT is not provided here");
		if (!rv_http_authority_ok(t, true))
			return BAD(h, err, "target: CONNECT needs host:port");
		h->authority = t;
		h->path = RV_STR("/");
		return RV_OK;
	}
	if (!ct_all(t, CT_TARGET))
		return BAD(h, err, "target: a character that must be escaped");
	if (t.p[0] == '/')
		return split_origin(a, t, h, err);
	if (limits->allow_absolute_form) {
		for (size_t i = 0; i < 2; i++) {
			struct rv_str scheme = i == 0 ? RV_STR("http://") : RV_STR("https://");
			if (t.n > scheme.n && rv_str_ieq(rv_str_sub(t, 0, scheme.n), scheme))
				return parse_absolute(a, scheme.n, h, err);
		}
	}
	return BAD(h, err, "target: must begin with '/'");
}
