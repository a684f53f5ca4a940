/* Words of the protocol: methods, reasons, dates, escapes, and which byte may stand where. */
#include <stdio.h>

#include "base/clock.h"
#include "http/codec_int.h"

/* Rows: first and last byte of a range, the classes all of it is in. Expanded by hand below, for C
 * has no loops at compile time. */
#define ALNUM (CT_TOKEN | CT_VALUE | CT_TARGET | CT_HOST | CT_PLAIN)
#define TV (CT_TOKEN | CT_VALUE)
#define TVT (CT_TOKEN | CT_VALUE | CT_TARGET)
#define VT (CT_VALUE | CT_TARGET)
const uint8_t rv_http_ctype[256] = {
	['\t'] = CT_VALUE,
	[' '] = CT_VALUE,
	['!'] = TVT,
	['"'] = CT_VALUE,
	['#'] = TV,
	['$'] = TVT,
	['%'] = TVT,
	['&'] = TVT,
	['\''] = TVT,
	['('] = VT,
	[')'] = VT,
	['*'] = TVT,
	['+'] = TVT,
	[','] = VT,
	['-'] = ALNUM,
	['.'] = ALNUM,
	['/'] = VT,
	['0' ... '9'] = ALNUM,
	[':'] = VT,
	[';'] = VT,
	['<'] = CT_VALUE,
	['='] = VT,
	['>'] = CT_VALUE,
	['?'] = VT,
	['@'] = VT,
	['A' ... 'Z'] = ALNUM,
	['['] = CT_VALUE,
	['\\'] = CT_VALUE,
	[']'] = CT_VALUE,
	['^'] = TV,
	['_'] = ALNUM,
	['`'] = TV,
	['a' ... 'z'] = ALNUM,
	['{'] = CT_VALUE,
	['|'] = TV,
	['}'] = CT_VALUE,
	['~'] = ALNUM,
	[0x80 ... 0xff] = CT_VALUE,
};

int rv_http_hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static const struct rv_str methods[] = {
	[RV_HTTP_METHOD_UNSET] = RV_STR_INIT("?"),
	[RV_HTTP_GET] = RV_STR_INIT("GET"),
	[RV_HTTP_HEAD] = RV_STR_INIT("HEAD"),
	[RV_HTTP_POST] = RV_STR_INIT("POST"),
	[RV_HTTP_PUT] = RV_STR_INIT("PUT"),
	[RV_HTTP_PATCH] = RV_STR_INIT("PATCH"),
	[RV_HTTP_DELETE] = RV_STR_INIT("DELETE"),
	[RV_HTTP_OPTIONS] = RV_STR_INIT("OPTIONS"),
	[RV_HTTP_CONNECT] = RV_STR_INIT("CONNECT"),
};

const char *rv_http_method_name(enum rv_http_method m)
{
	return (size_t)m < RV_COUNT(methods) ? methods[m].p : "?";
}

enum rv_http_method rv_http_method_of(struct rv_str token)
{
	for (size_t i = RV_HTTP_GET; i < RV_COUNT(methods); i++)
		if (rv_str_eq(token, methods[i]))
			return (enum rv_http_method)i;
	return RV_HTTP_OTHER;
}

const char *rv_http_reason(int status)
{
	static const struct {
		int status;
		const char *reason;
	} reasons[] = {
		{ 100, "Continue" },
		{ 101, "Switching Protocols" },
		{ 200, "OK" },
		{ 201, "Created" },
		{ 202, "Accepted" },
		{ 204, "No Content" },
		{ 206, "Partial Content" },
		{ 301, "Moved Permanently" },
		{ 302, "Found" },
		{ 303, "See Other" },
		{ 304, "Not Modified" },
		{ 307, "Temporary Redirect" },
		{ 308, "Permanent Redirect" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 406, "Not Acceptable" },
		{ 408, "Request Timeout" },
		{ 409, "Conflict" },
		{ 410, "Gone" },
		{ 411, "Length Required" },
		{ 412, "Precondition Failed" },
		{ 413, "Content Too Large" },
		{ 414, "URI Too Long" },
		{ 415, "Unsupported Media Type" },
		{ 417, "Expectation Failed" },
		{ 422, "Unprocessable Content" },
		{ 428, "Precondition Required" },
		{ 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" },
		{ 501, "Not Implemented" },
		{ 502, "Bad Gateway" },
		{ 503, "Service Unavailable" },
		{ 504, "Gateway Timeout" },
		{ 505, "HTTP Version Not Supported" },
		{ 507, "Insufficient Storage" },
	};
	for (size_t i = 0; i < RV_COUNT(reasons); i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "";
}

const char *rv_http_date(int64_t unix_s, char out[RV_HTTP_DATE_SIZE])
{
	static const char days[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug",
		"Sep", "Oct", "Nov", "Dec" };
	const int64_t last = INT64_C(253402300799); /* the end of 9999 */
	unix_s = unix_s < 0 ? 0 : unix_s > last ? last : unix_s;
	int64_t day = unix_s / 86400, in_day = unix_s % 86400, year;
	unsigned month, mday;
	rv_civil_from_days(day, &year, &month, &mday);
	(void)snprintf(out, RV_HTTP_DATE_SIZE, "%s, %02u %s %04u %02u:%02u:%02u GMT",
		days[(day + 4) % 7], mday % 100, months[(month - 1) % 12], (unsigned)year % 10000,
		(unsigned)(in_day / 3600) % 100, (unsigned)(in_day / 60 % 60),
		(unsigned)(in_day % 60)); /* always fits */
	return out;
}

void rv_http_encode(struct rv_buf *out, struct rv_str s)
{
	static const char hex[] = "0123456789ABCDEF";
	for (size_t i = 0; i < s.n; i++) {
		if (ct_is(s.p[i], CT_PLAIN)) {
			rv_buf_addc(out, s.p[i]);
			continue;
		}
		const uint8_t c = (uint8_t)s.p[i];
		const char esc[3] = { '%', hex[c >> 4], hex[c & 15] };
		rv_buf_add(out, rv_str_n(esc, 3));
	}
}

bool rv_http_header_ok(struct rv_str name, struct rv_str value)
{
	return name.n > 0 && ct_all(name, CT_TOKEN) && ct_all(value, CT_VALUE);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct rv_str trim_blanks(struct rv_str s)
{
	while (s.n > 0 && is_blank(s.p[0])) {
		s.p++;
		s.n--;
	}
	while (s.n > 0 && is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

bool rv_http_has_token(struct rv_str value, const char *token)
{
	struct rv_str part;
	while (rv_str_split(&value, ',', &part))
		if (rv_str_ieq(trim_blanks(part), rv_str_of(token)))
			return true;
	return false;
}

bool rv_http_is_json(struct rv_str content_type)
{
	struct rv_str part;
	if (!rv_str_split(&content_type, ';', &part) ||
		!rv_str_ieq(trim_blanks(part), RV_STR("application/json")))
		return false;
	while (rv_str_split(&content_type, ';', &part)) {
		part = trim_blanks(part);
		size_t eq = rv_str_find(part, '=', 0);
		if (eq == SIZE_MAX || !rv_str_ieq(rv_str_sub(part, 0, eq), RV_STR("charset")))
			continue;
		struct rv_str v = rv_str_sub(part, eq + 1, part.n);
		if (v.n >= 2 && v.p[0] == '"' && v.p[v.n - 1] == '"')
			v = rv_str_sub(v, 1, v.n - 1);
		if (!rv_str_ieq(v, RV_STR("utf-8")))
			return false;
	}
	return true;
}
