/* LD_PRELOAD: the disk under the log of a real process, failing on demand. The first byte of the
 * file that RV_DISK names says how the calls on files of a folder "ledger" end: E: EIO, F: ENOSPC,
 * H: not before it says otherwise; anything else: as they do. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int fdatasync(int fd);
ssize_t pwrite(int fd, const void *p, size_t n, off_t at);

static char mood(void)
{
	const char *path = getenv("RV_DISK");
	char c = 'o';
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (fd >= 0) {
		if (read(fd, &c, 1) != 1)
			c = 'o';
		(void)close(fd);
	}
	return c;
}

static int is_log(int fd)
{
	char link[64], path[600];
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, path, sizeof path - 1);
	if (n <= 0)
		return 0;
	path[n] = '\0';
	return strstr(path, "/ledger/") && strstr(path, ".seg");
}

/* 0: go on; else errno. */
static int fate(int fd, int may_be_full)
{
	if (!is_log(fd))
		return 0;
	for (;;) {
		char c = mood();
		if (c == 'E')
			return EIO;
		if (c == 'F' && may_be_full)
			return ENOSPC;
		if (c != 'H')
			return 0;
		const struct timespec ts = { 0, 20000000 };
		(void)nanosleep(&ts, NULL);
	}
}

/* With 64-bit offsets this is pwrite64, for us and for the process. */
ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
	int e = fate(fd, 1);
	if (e) {
		errno = e;
		return -1;
	}
	ssize_t (*real)(int, const void *, size_t, off_t);
	*(void **)&real = dlsym(RTLD_NEXT, "pwrite64");
	return real(fd, p, n, at);
}

int fdatasync(int fd)
{
	int e = fate(fd, 0);
	if (e) {
		errno = e;
		return -1;
	}
	int (*real)(int);
	*(void **)&real = dlsym(RTLD_NEXT, "fdatasync");
	return real(fd);
}
