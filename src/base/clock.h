/* Time: wall clock as Unix nanoseconds, monotonic nanoseconds, RFC 3339 text, and a clock that
 * tests can turn by hand. */
#ifndef RV_BASE_CLOCK_H
#define RV_BASE_CLOCK_H
#include "base/str.h"

/* A source of time; collaborators take one, tests pass a fake. Any thread may read; only a test
 * writes fake_*. */
struct rv_clock {
	bool is_fake;
	int64_t fake_unix_ns;
	int64_t fake_mono_ns;
};
/* The system's. Static. */
const struct rv_clock *rv_clock_system(void);
int64_t rv_clock_unix_ns(const struct rv_clock *c);
int64_t rv_clock_mono_ns(const struct rv_clock *c);
void rv_clock_advance(struct rv_clock *fake, int64_t ns);

#define RV_NS_PER_MS INT64_C(1000000)
#define RV_NS_PER_S INT64_C(1000000000)
enum { RV_TIME_SIZE = 32 };
/* "2026-11-23T07:13:16.123456Z", always UTC and microseconds; returns buf. Years 1970..9999, else
 * clamped. */
const char *rv_time_format(int64_t unix_ns, char buf[RV_TIME_SIZE]);
/* RFC 3339 with any offset, T/t/blank, fraction of 0..9 digits; leap second 60 is refused. */
RV_MUST_USE bool rv_time_parse(struct rv_str text, int64_t *ret_unix_ns);
/* "30d", "2h", "15m", "90s", "250ms", also joined "1h30m"; no sign, nothing else. */
RV_MUST_USE bool rv_duration_parse(struct rv_str text, int64_t *ret_ns);
/* Days since 1970-01-01 of a proleptic Gregorian date, and back. */
int64_t rv_days_from_civil(int64_t year, unsigned month, unsigned day);
void rv_civil_from_days(int64_t days, int64_t *year, unsigned *month, unsigned *day);
#endif
