/* Heads of requests and responses (RFC 9112 2..6), read once and strictly. */
#include "http/codec_int.h"

enum { METHOD_MAX = 32 };

struct rv_http_limits rv_http_limits_of(const struct rv_http_limits *l)
{
	struct rv_http_limits out = { 0 };
	if (l)
		out = *l;
	if (out.max_head_bytes == 0)
		out.max_head_bytes = 16 << 10;
	if (out.max_target_bytes == 0)
		out.max_target_bytes = 4 << 10;
	if (out.max_headers == 0 || out.max_headers > RV_HTTP_HEADERS_MAX)
		out.max_headers = RV_HTTP_HEADERS_MAX;
	if (out.max_body_bytes == 0)
		out.max_body_bytes = 1 << 20;
	if (out.max_extension_bytes == 0)
		out.max_extension_bytes = 256;
	return out;
}

/* Only what lies within the limit is ever looked at, so that the verdict does not depend on how the
 * bytes arrived. */
enum rv_code rv_http_find_head(struct rv_str bytes, size_t *from,
	const struct rv_http_limits *limits, struct rv_http_head *head, size_t *ret_n,
	struct rv_err *err)
{
	const size_t max = limits && limits->max_head_bytes
		? limits->max_head_bytes
		: rv_http_limits_of(limits).max_head_bytes;
	const size_t n = bytes.n < max ? bytes.n : max;
	*ret_n = 0;
	if (n == 0)
		return RV_OK;
	if (!ct_is(bytes.p[0], CT_TOKEN))
		return BAD(head, err, "message: does not begin like HTTP");
	while (*from < n) {
		const char *lf = memchr(bytes.p + *from, '\n', n - *from);
		if (!lf)
			break;
		size_t at = (size_t)(lf - bytes.p);
		if (at == 0 || bytes.p[at - 1] != '\r')
			return BAD(head, err, "message: a line must end with CR LF");
		*from = at + 1;
		if (at >= 3 && bytes.p[at - 2] == '\n') {
			*ret_n = at + 1;
			return RV_OK;
		}
	}
	if (bytes.n < max) {
		*from = n;
		return RV_OK;
	}
	if (!memchr(bytes.p, '\n', max))
		return REFUSE(head, 414, RV_ELIMIT, err,
			"message: first line longer than %zu bytes", max);
	return REFUSE(
		head, 431, RV_ELIMIT, err, "message: head larger than the %zu bytes allowed", max);
}

/* Headers that may stand once only: a bit each. */
enum field {
	F_NONE = 0,
	F_HOST = 1,
	F_LENGTH = 2,
	F_CODING = 4,
	F_TYPE = 8,
	F_CONNECTION = 16, /* may repeat */
	F_EXPECT = 32,
	F_AUTH = 64,
	F_REQUEST_ID = 128,
	F_OTHER_ONCE = 256,
	F_REEVE = 512,
};

static enum field field_of(struct rv_str name)
{
	static const struct {
		struct rv_str name;
		enum field field;
	} fields[] = {
		{ RV_STR_INIT("host"), F_HOST },
		{ RV_STR_INIT("expect"), F_EXPECT },
		{ RV_STR_INIT("connection"), F_CONNECTION },
		{ RV_STR_INIT("content-type"), F_TYPE },
		{ RV_STR_INIT("x-request-id"), F_REQUEST_ID },
		{ RV_STR_INIT("authorization"), F_AUTH },
		{ RV_STR_INIT("content-length"), F_LENGTH },
		{ RV_STR_INIT("content-encoding"), F_OTHER_ONCE },
		{ RV_STR_INIT("transfer-encoding"), F_CODING },
	};
	for (size_t i = 0; i < RV_COUNT(fields); i++)
		if (name.n == fields[i].name.n && rv_str_ieq(name, fields[i].name))
			return fields[i].field;
	if (name.n > 6 && rv_str_ieq(rv_str_sub(name, 0, 6), RV_STR("reeve-")))
		return F_REEVE;
	return F_NONE;
}

/* What the headers said about framing, judged when all are known. */
struct seen {
	unsigned fields;
	struct rv_str length, coding, expect, host;
	bool close, keep_alive;
};

static enum rv_code note_field(
	struct rv_http_head *h, struct seen *s, struct rv_http_header f, struct rv_err *err)
{
	enum field field = field_of(f.name);
	if (field == F_NONE)
		return RV_OK;
	bool again = field != F_CONNECTION && field != F_REEVE && field != F_OTHER_ONCE &&
		(s->fields & field) != 0;
	if (field == F_REEVE || field == F_OTHER_ONCE)
		for (size_t i = 0; i < h->n_headers && !again; i++)
			again = rv_str_ieq(h->headers[i].name, f.name);
	if (again)
		return BAD(h, err, "header '%.*s': given twice", RV_FMT(f.name));
	s->fields |= field;
	switch (field) {
	case F_HOST:
		s->host = f.value;
		break;
	case F_LENGTH:
		s->length = f.value;
		break;
	case F_CODING:
		s->coding = f.value;
		break;
	case F_TYPE:
		h->content_type = f.value;
		break;
	case F_EXPECT:
		s->expect = f.value;
		break;
	case F_CONNECTION:
		s->close = s->close || rv_http_has_token(f.value, "close");
		s->keep_alive = s->keep_alive || rv_http_has_token(f.value, "keep-alive");
		break;
	default:
		break;
	}
	return RV_OK;
}

/* One line without its CR LF. */
static enum rv_code parse_field(
	struct rv_str line, struct rv_http_head *h, struct rv_http_header *ret, struct rv_err *err)
{
	size_t i = 0;
	while (i < line.n && ct_is(line.p[i], CT_TOKEN))
		i++;
	if (i == 0 && line.n > 0 && (line.p[0] == ' ' || line.p[0] == '\t'))
		return BAD(h, err, "header: folded over two lines");
	if (i == 0 || i == line.n || line.p[i] != ':')
		return BAD(h, err, "header: a name must be a token with ':' right behind it");
	ret->name = rv_str_sub(line, 0, i);
	const char *p = line.p + i + 1, *end = line.p + line.n;
	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	while (p < end && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	ret->value = rv_str_n(p, (size_t)(end - p));
	if (!ct_all(ret->value, CT_VALUE))
		return BAD(
			h, err, "header '%.*s': control character in its value", RV_FMT(ret->name));
	return RV_OK;
}

/* Takes one line off *rest; the head is known to end with an empty one. */
static struct rv_str take_line(struct rv_str *rest)
{
	const char *lf = memchr(rest->p, '\n', rest->n);
	rv_assert(lf && lf > rest->p && lf[-1] == '\r');
	size_t n = (size_t)(lf - rest->p);
	struct rv_str line = rv_str_n(rest->p, n - 1);
	rest->p += n + 1;
	rest->n -= n + 1;
	return line;
}

static enum rv_code parse_fields(struct rv_str rest, const struct rv_http_limits *limits,
	struct rv_http_head *h, struct seen *s, struct rv_err *err)
{
	for (;;) {
		struct rv_str line = take_line(&rest);
		if (line.n == 0)
			return RV_OK;
		if (h->n_headers == limits->max_headers)
			return REFUSE(h, 431, RV_ELIMIT, err, "message: more than %zu headers",
				limits->max_headers);
		struct rv_http_header *f = &h->headers[h->n_headers];
		RV_TRY(parse_field(line, h, f, err));
		RV_TRY(note_field(h, s, *f, err));
		h->n_headers++;
	}
}

static enum rv_code parse_coding(struct rv_http_head *h, const struct seen *s, struct rv_err *err)
{
	if (s->fields & F_LENGTH)
		return BAD(h, err, "message: both Content-Length and Transfer-Encoding");
	if (h->minor == 0)
		return BAD(h, err, "message: Transfer-Encoding in HTTP/1.0");
	if (rv_str_ieq(s->coding, RV_STR("chunked"))) {
		h->framing = RV_HTTP_CHUNKED;
		return RV_OK;
	}
	if (rv_http_has_token(s->coding, "chunked") || s->coding.n == 0)
		return BAD(h, err, "header 'Transfer-Encoding': must be 'chunked' alone");
	return REFUSE(h, 501, RV_EUNSUPPORTED, err,
		"header 'Transfer-Encoding': '%.*s' is not provided", RV_FMT(s->coding));
}

/* One decimal number; a list, a sign, a blank or leading zeros are other people's readings. */
static enum rv_code parse_length(struct rv_http_head *h, const struct seen *s,
	const struct rv_http_limits *limits, struct rv_err *err)
{
	struct rv_str v = s->length;
	if (v.n == 0 || v.n > 18 || !rv_str_u64(v, &h->length) || (v.n > 1 && v.p[0] == '0'))
		return BAD(h, err, "header 'Content-Length': not one plain number");
	if (h->length > limits->max_body_bytes)
		return REFUSE(h, 413, RV_ELIMIT, err, "body: larger than the %llu bytes allowed",
			(unsigned long long)limits->max_body_bytes);
	h->framing = h->length > 0 ? RV_HTTP_LENGTH : RV_HTTP_NO_BODY;
	return RV_OK;
}

static enum rv_code judge_framing(struct rv_http_head *h, const struct seen *s,
	const struct rv_http_limits *limits, struct rv_err *err)
{
	h->keep_alive = !s->close && (h->minor == 1 || s->keep_alive);
	if (s->fields & F_CODING)
		return parse_coding(h, s, err);
	if (s->fields & F_LENGTH)
		return parse_length(h, s, limits, err);
	return RV_OK;
}

static void head_reset(struct rv_http_head *h)
{
	memset(h, 0, offsetof(struct rv_http_head, headers));
	h->n_headers = 0;
	h->refusal = 0;
}

/* "HTTP/1.1", "HTTP/1.0" */
static enum rv_code parse_version(struct rv_str v, struct rv_http_head *h, struct rv_err *err)
{
	if (v.n != 8 || memcmp(v.p, "HTTP/", 5) != 0 || v.p[6] != '.' || v.p[5] < '0' ||
		v.p[5] > '9' || v.p[7] < '0' || v.p[7] > '9')
		return BAD(h, err, "first line: not an HTTP version");
	if (v.p[5] != '1' || v.p[7] > '1')
		return REFUSE(h, 505, RV_EUNSUPPORTED, err,
			"first line: '%.*s' is not provided, HTTP/1.1 is", RV_FMT(v));
	h->minor = v.p[7] - '0';
	return RV_OK;
}

static enum rv_code parse_request_line(struct rv_str line, const struct rv_http_limits *limits,
	struct rv_http_head *h, struct rv_err *err)
{
	size_t one = rv_str_find(line, ' ', 0);
	size_t two = one == SIZE_MAX ? SIZE_MAX : rv_str_find(line, ' ', one + 1);
	if (two == SIZE_MAX || rv_str_find(line, ' ', two + 1) != SIZE_MAX)
		return BAD(h, err,
			"first line: not method, target and version with one blank between");
	h->method_text = rv_str_sub(line, 0, one);
	h->target = rv_str_sub(line, one + 1, two);
	if (h->method_text.n == 0 || h->method_text.n > METHOD_MAX ||
		!ct_all(h->method_text, CT_TOKEN))
		return BAD(h, err, "first line: malformed method");
	RV_TRY(parse_version(rv_str_sub(line, two + 1, line.n), h, err));
	h->method = rv_http_method_of(h->method_text);
	if (h->target.n == 0)
		return BAD(h, err, "first line: no target");
	if (h->target.n > limits->max_target_bytes)
		return REFUSE(h, 414, RV_ELIMIT, err, "target: longer than the %zu bytes allowed",
			limits->max_target_bytes);
	return RV_OK;
}

static enum rv_code judge_host(struct rv_http_head *h, const struct seen *s, struct rv_err *err)
{
	if (!(s->fields & F_HOST))
		return h->minor == 0 ? RV_OK : BAD(h, err, "header 'Host': missing");
	if (!rv_http_authority_ok(s->host, false))
		return BAD(h, err, "header 'Host': malformed");
	if (h->authority.p && !rv_str_ieq(h->authority, s->host))
		return BAD(h, err, "header 'Host': differs from the target's");
	h->authority = s->host;
	return RV_OK;
}

enum rv_code rv_http_parse_request(struct rv_arena *a, struct rv_str head,
	const struct rv_http_limits *limits, struct rv_http_head *ret, struct rv_err *err)
{
	const struct rv_http_limits l = rv_http_limits_of(limits);
	struct seen s = { 0 };
	head_reset(ret);
	RV_TRY(parse_request_line(take_line(&head), &l, ret, err));
	RV_TRY(rv_http_parse_target(a, &l, ret, err));
	RV_TRY(parse_fields(head, &l, ret, &s, err));
	RV_TRY(judge_host(ret, &s, err));
	RV_TRY(judge_framing(ret, &s, &l, err));
	if (ret->method == RV_HTTP_CONNECT && ret->framing != RV_HTTP_NO_BODY)
		return BAD(ret, err, "message: CONNECT with a body");
	if (!(s.fields & F_EXPECT) || ret->minor == 0)
		return RV_OK;
	if (!rv_str_ieq(s.expect, RV_STR("100-continue")))
		return REFUSE(ret, 417, RV_EUNSUPPORTED, err,
			"header 'Expect': only '100-continue' is known");
	ret->expects_continue = ret->framing != RV_HTTP_NO_BODY;
	return RV_OK;
}

static enum rv_code parse_status_line(
	struct rv_str line, struct rv_http_head *h, struct rv_err *err)
{
	RV_TRY(parse_version(rv_str_sub(line, 0, 8), h, err));
	if (line.n < 13 || line.p[8] != ' ' || line.p[12] != ' ')
		return BAD(h, err, "first line: not version, status and reason");
	h->status = 0;
	for (size_t i = 9; i < 12; i++) {
		if (line.p[i] < '0' || line.p[i] > '9')
			return BAD(h, err, "first line: malformed status");
		h->status = h->status * 10 + (line.p[i] - '0');
	}
	h->reason = rv_str_sub(line, 13, line.n);
	if (h->status < 100 || h->status > 599 || !ct_all(h->reason, CT_VALUE))
		return BAD(h, err, "first line: malformed status");
	return RV_OK;
}

enum rv_code rv_http_parse_response(struct rv_str head, const struct rv_http_limits *limits,
	enum rv_http_method asked, struct rv_http_head *ret, struct rv_err *err)
{
	const struct rv_http_limits l = rv_http_limits_of(limits);
	struct rv_http_limits framing = l;
	struct seen s = { 0 };
	head_reset(ret);
	RV_TRY(parse_status_line(take_line(&head), ret, err));
	RV_TRY(parse_fields(head, &l, ret, &s, err));
	bool is_bodyless = asked == RV_HTTP_HEAD || ret->status < 200 || ret->status == 204 ||
		ret->status == 304 || (asked == RV_HTTP_CONNECT && ret->status < 300);
	if (is_bodyless)
		framing.max_body_bytes = UINT64_MAX; /* HEAD tells the length of what is not sent */
	RV_TRY(judge_framing(ret, &s, &framing, err));
	if (is_bodyless) {
		ret->framing = RV_HTTP_NO_BODY;
	} else if (!(s.fields & (F_CODING | F_LENGTH))) {
		ret->framing = RV_HTTP_UNTIL_CLOSE;
		ret->keep_alive = false;
	}
	return RV_OK;
}

struct rv_str rv_http_head_get(const struct rv_http_head *h, const char *name)
{
	struct rv_str want = rv_str_of(name);
	for (size_t i = 0; i < h->n_headers; i++)
		if (rv_str_ieq(h->headers[i].name, want))
			return h->headers[i].value;
	return (struct rv_str){ NULL, 0 };
}

enum rv_code rv_http_head_one(
	const struct rv_http_head *h, const char *name, struct rv_str *ret, struct rv_err *err)
{
	struct rv_str want = rv_str_of(name), found = { NULL, 0 };
	for (size_t i = 0; i < h->n_headers; i++) {
		if (!rv_str_ieq(h->headers[i].name, want))
			continue;
		if (found.p)
			return RV_FAIL(err, RV_EINVAL, "header '%s': given twice", name);
		found = h->headers[i].value;
	}
	*ret = found;
	return RV_OK;
}
