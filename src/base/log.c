#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"

static enum rv_log_level log_level = RV_LOG_INFO;

void rv_log_level_set(enum rv_log_level most_verbose)
{
	__atomic_store_n(&log_level, most_verbose, __ATOMIC_RELAXED);
}

void rv_log(enum rv_log_level level, const char *module, const char *fmt, ...)
{
	static const char *const names[] = { "error", "warn", "info", "debug" };
	if (level > __atomic_load_n(&log_level, __ATOMIC_RELAXED))
		return;
	char line[1200], when[RV_TIME_SIZE];
	int n = snprintf(line, sizeof line,
		"%s %s %s: ", rv_time_format(rv_clock_unix_ns(rv_clock_system()), when),
		names[level], module);
	va_list ap;
	va_start(ap, fmt);
	int m = vsnprintf(line + n, sizeof line - (size_t)n - 1, fmt, ap);
	va_end(ap);
	size_t end = (size_t)n + (m > 0 ? (size_t)m : 0);
	if (end > sizeof line - 2)
		end = sizeof line - 2;
	for (size_t i = (size_t)n; i < end; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?'; /* a name from outside must not start a line of its own */
	line[end] = '\n';
	fwrite(line, 1, end + 1, stderr);
}
