/* The extension types: decimal, ipaddr, datetime, duration, and their functions. */
#include <arpa/inet.h>

#include "base/clock.h"
#include "cedar/cedar_int.h"

enum { MS_PER_DAY = 86400000, IP_TEXT_MAX = 43, DECIMAL_DIGITS = 4 };

const struct cedar_fn_info cedar_fns[CEDAR_FN_COUNT] = {
#define X(fn, name, is_method, n_args, first) [CEDAR_FN_##fn] = { name, is_method, n_args, first },
	CEDAR_FNS(X)
#undef X
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static size_t digit_run(cedar_str s, size_t at)
{
	size_t n = 0;
	while (at + n < s.n && is_digit(s.p[at + n]))
		n++;
	return n;
}

/* -?digits.digits, one to four behind the point. */
bool cedar_decimal_parse(cedar_str s, int64_t *ret, const char **why)
{
	size_t at = s.n > 0 && s.p[0] == '-';
	bool negative = at == 1;
	size_t whole = digit_run(s, at);
	*why = "not a well-formed decimal";
	if (whole == 0 || at + whole >= s.n || s.p[at + whole] != '.')
		return false;
	size_t point = at + whole, fraction = digit_run(s, point + 1);
	if (fraction == 0 || point + 1 + fraction != s.n)
		return false;
	*why = "more than four digits behind the point";
	if (fraction > DECIMAL_DIGITS)
		return false;
	*why = "does not fit a decimal";
	int64_t v = 0;
	for (size_t i = at; i < point + 1 + DECIMAL_DIGITS; i++) {
		if (i == point)
			continue;
		int64_t d = i < s.n ? s.p[i] - '0' : 0;
		if (!rv_mul_ok(v, (int64_t)10, &v) || !rv_add_ok(v, negative ? -d : d, &v))
			return false;
	}
	*ret = v;
	return true;
}

static bool parse_v4(cedar_str s, uint8_t out[4])
{
	size_t at = 0;
	for (int i = 0; i < 4; i++) {
		size_t n = digit_run(s, at);
		if (n == 0 || n > 3 || (n > 1 && s.p[at] == '0'))
			return false;
		int v = 0;
		for (size_t k = 0; k < n; k++)
			v = v * 10 + (s.p[at + k] - '0');
		if (v > 255)
			return false;
		out[i] = (uint8_t)v;
		at += n;
		if (i < 3 && (at >= s.n || s.p[at++] != '.'))
			return false;
	}
	return at == s.n;
}

static bool parse_v6(cedar_str s, uint8_t out[16])
{
	char z[IP_TEXT_MAX + 1];
	if (s.n == 0 || s.n > IP_TEXT_MAX)
		return false;
	memcpy(z, s.p, s.n);
	z[s.n] = '\0';
	return strlen(z) == s.n && inet_pton(AF_INET6, z, out) == 1;
}

static bool parse_prefix(cedar_str s, bool is_v6, uint8_t *ret)
{
	size_t most = is_v6 ? 3 : 2;
	if (s.n == 0 || s.n > most || digit_run(s, 0) != s.n || (s.n > 1 && s.p[0] == '0'))
		return false;
	int v = 0;
	for (size_t i = 0; i < s.n; i++)
		v = v * 10 + (s.p[i] - '0');
	*ret = (uint8_t)v;
	return v <= (is_v6 ? 128 : 32);
}

bool cedar_ip_parse(cedar_str s, cedar_ip *ret, const char **why)
{
	memset(ret, 0, sizeof *ret); /* equality and hash look at all of it */
	*why = "longer than 43 bytes";
	if (s.n > IP_TEXT_MAX)
		return false;
	size_t slash = rv_str_find(rs(s), '/', 0);
	cedar_str address = cs(rv_str_sub(rs(s), 0, slash));
	bool has_colon = rv_str_find(rs(address), ':', 0) != SIZE_MAX;
	bool has_dot = rv_str_find(rs(address), '.', 0) != SIZE_MAX;
	*why = "an IPv4 address inside an IPv6 address is not accepted";
	if (has_colon && has_dot)
		return false;
	*why = "not an IP address";
	ret->is_v6 = has_colon;
	if (has_colon ? !parse_v6(address, ret->address) : !parse_v4(address, ret->address))
		return false;
	ret->prefix = has_colon ? 128 : 32;
	*why = "not a prefix length";
	return slash == SIZE_MAX ||
		parse_prefix(cs(rv_str_sub(rs(s), slash + 1, s.n)), has_colon, &ret->prefix);
}

static bool digits(cedar_str s, size_t *at, size_t n, int *ret)
{
	if (digit_run(s, *at) < n)
		return false;
	int v = 0;
	for (size_t i = 0; i < n; i++)
		v = v * 10 + (s.p[*at + i] - '0');
	*at += n;
	*ret = v;
	return true;
}

static bool mark(cedar_str s, size_t *at, char c)
{
	if (*at >= s.n || s.p[*at] != c)
		return false;
	(*at)++;
	return true;
}

static int month_days(int year, int month)
{
	static const unsigned char days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return month == 2 && leap ? 29 : days[month - 1];
}

/* YYYY-MM-DD[Thh:mm:ss[.SSS](Z|+hhmm|-hhmm)] */
bool cedar_datetime_parse(cedar_str s, int64_t *ret_ms, const char **why)
{
	int y, mo, d, h, mi, sec, ms = 0, oh, om;
	size_t at = 0;
	*why = "not a date as YYYY-MM-DD";
	if (!digits(s, &at, 4, &y) || !mark(s, &at, '-') || !digits(s, &at, 2, &mo) ||
		!mark(s, &at, '-') || !digits(s, &at, 2, &d))
		return false;
	*why = "no such day";
	if (mo < 1 || mo > 12 || d < 1 || d > month_days(y, mo))
		return false;
	int64_t day_ms = rv_days_from_civil(y, (unsigned)mo, (unsigned)d) * MS_PER_DAY;
	*ret_ms = day_ms;
	if (at == s.n)
		return true;
	*why = "not a time as Thh:mm:ss";
	if (!mark(s, &at, 'T') || !digits(s, &at, 2, &h) || !mark(s, &at, ':') ||
		!digits(s, &at, 2, &mi) || !mark(s, &at, ':') || !digits(s, &at, 2, &sec))
		return false;
	*why = "no such time of day";
	if (h > 23 || mi > 59 || sec > 59)
		return false;
	*why = "milliseconds are '.SSS', the offset 'Z', '+hhmm' or '-hhmm'";
	if (mark(s, &at, '.') && !digits(s, &at, 3, &ms))
		return false;
	day_ms += (int64_t)h * 3600000 + mi * 60000 + sec * 1000 + ms;
	*ret_ms = day_ms;
	if (mark(s, &at, 'Z'))
		return at == s.n;
	int sign = at < s.n && s.p[at] == '-' ? -1 : 1;
	if ((!mark(s, &at, '+') && !mark(s, &at, '-')) || !digits(s, &at, 2, &oh) ||
		!digits(s, &at, 2, &om) || at != s.n)
		return false;
	*why = "no such offset";
	if (oh > 23 || om > 59)
		return false;
	*ret_ms = day_ms - sign * (int64_t)(oh * 3600000 + om * 60000);
	return true;
}

/* -?(Nd)?(Nh)?(Nm)?(Ns)?(Nms)?, at least one. */
bool cedar_duration_parse(cedar_str s, int64_t *ret_ms, const char **why)
{
	static const struct {
		const char *unit;
		int64_t ms;
	} units[] = { { "d", MS_PER_DAY }, { "h", 3600000 }, { "m", 60000 }, { "s", 1000 },
		{ "ms", 1 } };
	size_t at = s.n > 0 && s.p[0] == '-', next = 0;
	int64_t sign = at == 1 ? -1 : 1, total = 0;
	*why = "a duration is written as in '1d2h3m4s5ms', in this order";
	if (at == s.n)
		return false;
	while (at < s.n) {
		size_t n = digit_run(s, at), unit_at = at + n, unit_n = 0, u = next;
		while (unit_at + unit_n < s.n && !is_digit(s.p[unit_at + unit_n]))
			unit_n++;
		struct rv_str unit = rv_str_n(s.p + unit_at, unit_n);
		while (u < RV_COUNT(units) && !rv_str_eqz(unit, units[u].unit))
			u++;
		if (n == 0 || u == RV_COUNT(units))
			return false;
		int64_t v = 0;
		bool fits = true;
		for (size_t i = 0; i < n && fits; i++)
			fits = rv_mul_ok(v, (int64_t)10, &v) &&
				rv_add_ok(v, sign * (s.p[at + i] - '0'), &v);
		if (!fits || !rv_mul_ok(v, units[u].ms, &v) || !rv_add_ok(total, v, &total)) {
			*why = "does not fit a duration";
			return false;
		}
		next = u + 1;
		at = unit_at + unit_n;
	}
	*ret_ms = total;
	return true;
}

/* ---- functions ---- */

static cedar_code construct(
	struct rv_arena *a, enum cedar_fn fn, cedar_str text, cedar_value *ret, cedar_error *err)
{
	const char *why = "";
	bool ok = false;
	cedar_ip ip;
	switch (fn) {
	case CEDAR_FN_DECIMAL:
		ret->kind = CEDAR_DECIMAL;
		ok = cedar_decimal_parse(text, &ret->u.integer, &why);
		break;
	case CEDAR_FN_DATETIME:
		ret->kind = CEDAR_DATETIME;
		ok = cedar_datetime_parse(text, &ret->u.integer, &why);
		break;
	case CEDAR_FN_DURATION:
		ret->kind = CEDAR_DURATION;
		ok = cedar_duration_parse(text, &ret->u.integer, &why);
		break;
	default:
		ret->kind = CEDAR_IPADDR;
		ok = cedar_ip_parse(text, &ip, &why);
		if (ok) {
			cedar_ip *kept = rv_arena_raw(a, sizeof *kept);
			if (!kept)
				return CEDAR_FAIL_MEMORY(err);
			*kept = ip;
			ret->u.ip = kept;
		}
	}
	if (!ok)
		return cedar_fail(err, CEDAR_EEVAL, "%s(\"%.*s\"): %s", cedar_fns[fn].name,
			text.n > 80 ? 80 : RV_FMT(text), why);
	return CEDAR_OK;
}

static bool same_prefix(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	if (memcmp(a, b, bits / 8) != 0)
		return false;
	unsigned rest = bits % 8;
	return rest == 0 || ((a[bits / 8] ^ b[bits / 8]) >> (8 - rest)) == 0;
}

static bool in_range(const cedar_ip *ip, const cedar_ip *range)
{
	return ip->is_v6 == range->is_v6 && ip->prefix >= range->prefix &&
		same_prefix(ip->address, range->address, range->prefix);
}

static bool is_loopback(const cedar_ip *ip)
{
	static const cedar_ip v4 = { .address = { 127 }, .prefix = 8 };
	static const cedar_ip v6 = { .address = { [15] = 1 }, .prefix = 128, .is_v6 = true };
	return in_range(ip, ip->is_v6 ? &v6 : &v4);
}

static bool is_multicast(const cedar_ip *ip)
{
	static const cedar_ip v4 = { .address = { 224 }, .prefix = 4 };
	static const cedar_ip v6 = { .address = { 0xff }, .prefix = 8, .is_v6 = true };
	return in_range(ip, ip->is_v6 ? &v6 : &v4);
}

static cedar_code overflow(enum cedar_fn fn, cedar_error *err)
{
	return cedar_fail(err, CEDAR_EEVAL, "overflow in %s", cedar_fns[fn].name);
}

static int64_t floor_days(int64_t ms)
{
	int64_t d = ms / MS_PER_DAY;
	return ms % MS_PER_DAY < 0 ? d - 1 : d;
}

static cedar_code of_datetime(
	enum cedar_fn fn, const cedar_value *v, cedar_value *ret, cedar_error *err)
{
	int64_t t = v[0].u.integer, out;
	switch (fn) {
	case CEDAR_FN_OFFSET:
		if (!rv_add_ok(t, v[1].u.integer, &out))
			return overflow(fn, err);
		*ret = cedar_datetime_ms(out);
		return CEDAR_OK;
	case CEDAR_FN_DURATION_SINCE:
		if (!rv_sub_ok(t, v[1].u.integer, &out))
			return overflow(fn, err);
		break;
	case CEDAR_FN_TO_DATE:
		if (!rv_mul_ok(floor_days(t), (int64_t)MS_PER_DAY, &out))
			return overflow(fn, err);
		*ret = cedar_datetime_ms(out);
		return CEDAR_OK;
	default: /* toTime */
		out = t % MS_PER_DAY;
		if (out < 0)
			out += MS_PER_DAY;
	}
	*ret = (cedar_value){ CEDAR_DURATION, { .integer = out } };
	return CEDAR_OK;
}

static cedar_code apply(enum cedar_fn fn, const cedar_value *v, cedar_value *ret, cedar_error *err)
{
	int64_t x = v[0].u.integer;
	switch (fn) {
	case CEDAR_FN_LESS_THAN:
		*ret = cedar_bool(x < v[1].u.integer);
		return CEDAR_OK;
	case CEDAR_FN_LESS_THAN_OR_EQUAL:
		*ret = cedar_bool(x <= v[1].u.integer);
		return CEDAR_OK;
	case CEDAR_FN_GREATER_THAN:
		*ret = cedar_bool(x > v[1].u.integer);
		return CEDAR_OK;
	case CEDAR_FN_GREATER_THAN_OR_EQUAL:
		*ret = cedar_bool(x >= v[1].u.integer);
		return CEDAR_OK;
	case CEDAR_FN_IS_IPV4:
		*ret = cedar_bool(!v[0].u.ip->is_v6);
		return CEDAR_OK;
	case CEDAR_FN_IS_IPV6:
		*ret = cedar_bool(v[0].u.ip->is_v6);
		return CEDAR_OK;
	case CEDAR_FN_IS_LOOPBACK:
		*ret = cedar_bool(is_loopback(v[0].u.ip));
		return CEDAR_OK;
	case CEDAR_FN_IS_MULTICAST:
		*ret = cedar_bool(is_multicast(v[0].u.ip));
		return CEDAR_OK;
	case CEDAR_FN_IS_IN_RANGE:
		*ret = cedar_bool(in_range(v[0].u.ip, v[1].u.ip));
		return CEDAR_OK;
	case CEDAR_FN_TO_MILLISECONDS:
		*ret = cedar_long(x);
		return CEDAR_OK;
	case CEDAR_FN_TO_SECONDS:
		*ret = cedar_long(x / 1000);
		return CEDAR_OK;
	case CEDAR_FN_TO_MINUTES:
		*ret = cedar_long(x / 60000);
		return CEDAR_OK;
	case CEDAR_FN_TO_HOURS:
		*ret = cedar_long(x / 3600000);
		return CEDAR_OK;
	case CEDAR_FN_TO_DAYS:
		*ret = cedar_long(x / MS_PER_DAY);
		return CEDAR_OK;
	default:
		return of_datetime(fn, v, ret, err);
	}
}

cedar_code cedar_fn_call(struct rv_arena *a, enum cedar_fn fn, const cedar_value *args, size_t n,
	cedar_value *ret, cedar_error *err)
{
	const struct cedar_fn_info *f = &cedar_fns[fn];
	if (n != f->n_args)
		return cedar_fail(err, CEDAR_EEVAL, "%s takes %zu argument%s, not %zu", f->name,
			f->n_args, f->n_args == 1 ? "" : "s", n);
	for (size_t i = 0; i < n; i++) {
		cedar_kind want = i == 1 && fn == CEDAR_FN_OFFSET ? CEDAR_DURATION : f->first;
		if (args[i].kind != want)
			return cedar_fail(err, CEDAR_EEVAL, "type error: expected %s, got %s",
				cedar_kind_name(want), cedar_kind_name(args[i].kind));
	}
	if (f->first == CEDAR_STRING)
		return construct(a, fn, args[0].u.string, ret, err);
	return apply(fn, args, ret, err);
}
