#include "base/clock.h"

#include <stdio.h>
#include <time.h>

const struct rv_clock *rv_clock_system(void)
{
	static const struct rv_clock system_clock = { .is_fake = false };
	return &system_clock;
}

static int64_t now_ns(clockid_t id)
{
	struct timespec ts;
	rv_assert(clock_gettime(id, &ts) == 0);
	return (int64_t)ts.tv_sec * RV_NS_PER_S + ts.tv_nsec;
}

int64_t rv_clock_unix_ns(const struct rv_clock *c)
{
	return c->is_fake ? __atomic_load_n(&c->fake_unix_ns, __ATOMIC_RELAXED)
			  : now_ns(CLOCK_REALTIME);
}

int64_t rv_clock_mono_ns(const struct rv_clock *c)
{
	return c->is_fake ? __atomic_load_n(&c->fake_mono_ns, __ATOMIC_RELAXED)
			  : now_ns(CLOCK_MONOTONIC);
}

void rv_clock_advance(struct rv_clock *fake, int64_t ns)
{
	rv_assert(fake->is_fake);
	(void)__atomic_add_fetch(&fake->fake_unix_ns, ns, __ATOMIC_RELAXED);
	(void)__atomic_add_fetch(&fake->fake_mono_ns, ns, __ATOMIC_RELAXED);
}

/* Howard Hinnant's civil calendar arithmetic: eras of 400 years, years that begin in March. */
int64_t rv_days_from_civil(int64_t y, unsigned m, unsigned d)
{
	y -= m <= 2;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	unsigned yoe = (unsigned)(y - era * 400);
	unsigned doy = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;
	unsigned doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
	return era * 146097 + (int64_t)doe - 719468;
}

void rv_civil_from_days(int64_t days, int64_t *year, unsigned *month, unsigned *day)
{
	days += 719468;
	int64_t era = (days >= 0 ? days : days - 146096) / 146097;
	unsigned doe = (unsigned)(days - era * 146097);
	unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	unsigned mp = (5 * doy + 2) / 153;
	*day = doy - (153 * mp + 2) / 5 + 1;
	*month = mp < 10 ? mp + 3 : mp - 9;
	*year = (int64_t)yoe + era * 400 + (*month <= 2);
}

static void put_digits(char *at, unsigned width, uint64_t v)
{
	while (width-- > 0) {
		at[width] = (char)('0' + v % 10);
		v /= 10;
	}
}

const char *rv_time_format(int64_t unix_ns, char buf[RV_TIME_SIZE])
{
	const int64_t max_s = INT64_C(253402300799); /* 9999-12-31T23:59:59Z */
	if (unix_ns < 0)
		unix_ns = 0;
	int64_t s = unix_ns / RV_NS_PER_S;
	if (s > max_s)
		s = max_s;
	int64_t year;
	unsigned month, day;
	rv_civil_from_days(s / 86400, &year, &month, &day);
	uint64_t in_day = (uint64_t)(s % 86400);
	memcpy(buf, "0000-00-00T00:00:00.000000Z", 28);
	put_digits(buf, 4, (uint64_t)year);
	put_digits(buf + 5, 2, month);
	put_digits(buf + 8, 2, day);
	put_digits(buf + 11, 2, in_day / 3600);
	put_digits(buf + 14, 2, in_day / 60 % 60);
	put_digits(buf + 17, 2, in_day % 60);
	put_digits(buf + 20, 6, (uint64_t)(unix_ns % RV_NS_PER_S) / 1000);
	return buf;
}

static bool digits(struct rv_str s, size_t *at, size_t n, unsigned *ret)
{
	uint64_t v;
	if (*at + n > s.n || !rv_str_u64(rv_str_sub(s, *at, *at + n), &v))
		return false;
	*at += n;
	*ret = (unsigned)v;
	return true;
}

static bool mark(struct rv_str s, size_t *at, const char *any_of)
{
	if (*at >= s.n || s.p[*at] == '\0' || !strchr(any_of, s.p[*at]))
		return false;
	(*at)++;
	return true;
}

static unsigned month_days(unsigned year, unsigned month)
{
	static const unsigned char days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return month == 2 && leap ? 29 : days[month - 1];
}

bool rv_time_parse(struct rv_str s, int64_t *ret_unix_ns)
{
	unsigned y, mo, d, h, mi, sec, oh = 0, om = 0;
	size_t at = 0;
	if (!digits(s, &at, 4, &y) || !mark(s, &at, "-") || !digits(s, &at, 2, &mo) ||
		!mark(s, &at, "-") || !digits(s, &at, 2, &d) || !mark(s, &at, "Tt ") ||
		!digits(s, &at, 2, &h) || !mark(s, &at, ":") || !digits(s, &at, 2, &mi) ||
		!mark(s, &at, ":") || !digits(s, &at, 2, &sec))
		return false;
	if (mo < 1 || mo > 12 || d < 1 || d > month_days(y, mo) || h > 23 || mi > 59 || sec > 59)
		return false;
	int64_t fraction_ns = 0;
	if (mark(s, &at, ".")) {
		int64_t unit = RV_NS_PER_S;
		size_t first = at;
		while (at < s.n && s.p[at] >= '0' && s.p[at] <= '9' && at - first < 9) {
			unit /= 10;
			fraction_ns += (s.p[at++] - '0') * unit;
		}
		if (at == first)
			return false;
	}
	int sign = 0;
	if (!mark(s, &at, "Zz")) {
		sign = at < s.n && s.p[at] == '-' ? -1 : 1;
		if (!mark(s, &at, "+-") || !digits(s, &at, 2, &oh) || !mark(s, &at, ":") ||
			!digits(s, &at, 2, &om) || oh > 23 || om > 59)
			return false;
	}
	if (at != s.n)
		return false;
	int64_t t = rv_days_from_civil(y, mo, d) * 86400 + h * 3600 + mi * 60 + sec;
	t -= sign * (int64_t)(oh * 3600 + om * 60);
	return rv_mul_ok(t, RV_NS_PER_S, &t) && rv_add_ok(t, fraction_ns, ret_unix_ns);
}

bool rv_duration_parse(struct rv_str s, int64_t *ret_ns)
{
	static const struct {
		struct rv_str unit;
		int64_t ns;
	} units[] = {
		{ RV_STR_INIT("ms"), RV_NS_PER_MS },
		{ RV_STR_INIT("s"), RV_NS_PER_S },
		{ RV_STR_INIT("m"), 60 * RV_NS_PER_S },
		{ RV_STR_INIT("h"), 3600 * RV_NS_PER_S },
		{ RV_STR_INIT("d"), 86400 * RV_NS_PER_S },
	};
	int64_t total = 0;
	size_t at = 0;
	if (s.n == 0)
		return false;
	while (at < s.n) {
		size_t from = at;
		while (at < s.n && s.p[at] >= '0' && s.p[at] <= '9')
			at++;
		size_t unit_at = at;
		while (at < s.n && s.p[at] >= 'a' && s.p[at] <= 'z')
			at++;
		struct rv_str unit = rv_str_sub(s, unit_at, at);
		int64_t n, ns = 0;
		for (size_t i = 0; i < RV_COUNT(units); i++)
			if (rv_str_eq(unit, units[i].unit))
				ns = units[i].ns;
		if (ns == 0 || !rv_str_i64(rv_str_sub(s, from, unit_at), &n) ||
			!rv_mul_ok(n, ns, &n) || !rv_add_ok(total, n, &total))
			return false;
	}
	*ret_ns = total;
	return true;
}
