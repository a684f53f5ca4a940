/* Moves the wall clock of one process: the nanoseconds in the file that RV_CLOCK_FILE names are
 * added to CLOCK_REALTIME, read anew each time. For LD_PRELOAD in the system tests; the monotonic
 * clock stays. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static long long shift_ns(void)
{
	char text[32] = "";
	const char *path = getenv("RV_CLOCK_FILE");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (fd < 0)
		return 0;
	ssize_t n = read(fd, text, sizeof text - 1);
	(void)close(fd); /* only read from */
	return n > 0 ? strtoll(text, NULL, 10) : 0;
}

int clock_gettime(clockid_t id, struct timespec *ts);
int clock_gettime(clockid_t id, struct timespec *ts)
{
	static int (*real)(clockid_t, struct timespec *);
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
	int r = real(id, ts);
	if (r != 0 || id != CLOCK_REALTIME)
		return r;
	long long ns = (long long)ts->tv_sec * 1000000000LL + ts->tv_nsec + shift_ns();
	ts->tv_sec = (time_t)(ns / 1000000000LL);
	ts->tv_nsec = (long)(ns % 1000000000LL);
	return 0;
}
