#include "tests/ledger/shim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

struct shim_undo {
	struct shim_undo *next;
	char path[600];
	off_t at, size; /* size of the file before */
	size_t n; /* bytes it had at `at` */
	char old[];
};

static void path_of(int fd, char ret[600])
{
	char link[64];
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, ret, 599);
	rv_assert(n > 0);
	ret[n] = '\0';
}

/* Counts; true when this call is to fail, with errno set. mu held. */
static bool fails(struct shim *s)
{
	s->calls++;
	(void)pthread_cond_broadcast(&s->changed);
	s->is_hanging |= s->calls == s->hang_at;
	while (s->is_hanging)
		(void)pthread_cond_wait(&s->changed, &s->mu);
	if (s->is_dead) {
		errno = EIO;
		return true;
	}
	if (s->fail_from && s->calls >= s->fail_from && s->calls - s->fail_from < s->fail_n) {
		errno = s->fail_errno;
		return true;
	}
	return false;
}

static void remember(struct shim *s, int fd, off_t at, size_t n)
{
	struct stat st;
	rv_assert(fstat(fd, &st) == 0);
	size_t had = at >= st.st_size ? 0 : (size_t)(st.st_size - at);
	if (had > n)
		had = n;
	struct shim_undo *u = malloc(sizeof *u + had);
	rv_assert(u);
	path_of(fd, u->path);
	u->at = at;
	u->size = st.st_size;
	u->n = had;
	/* The log opens some files for writing only. */
	int rd = open(u->path, O_RDONLY | O_CLOEXEC);
	rv_assert(rd >= 0 && pread(rd, u->old, had, at) == (ssize_t)had);
	(void)close(rd);
	u->next = s->undo;
	s->undo = u;
}

static bool grows_too_much(struct shim *s, int fd, off_t to)
{
	struct stat st;
	rv_assert(fstat(fd, &st) == 0);
	if (to <= st.st_size || s->room_bytes == UINT64_MAX)
		return false;
	uint64_t by = (uint64_t)(to - st.st_size);
	if (s->grown_bytes + by > s->room_bytes) {
		errno = ENOSPC;
		return true;
	}
	s->grown_bytes += by;
	return false;
}

static int do_open(void *self, const char *path, int flags, mode_t mode)
{
	struct shim *s = self;
	(void)pthread_mutex_lock(&s->mu);
	int fd = fails(s) ? -1 : open(path, flags | O_CLOEXEC, mode);
	(void)pthread_mutex_unlock(&s->mu);
	return fd;
}

static ssize_t do_pwrite(void *self, int fd, const void *p, size_t n, off_t at)
{
	struct shim *s = self;
	ssize_t done = -1;
	(void)pthread_mutex_lock(&s->mu);
	bool bad = fails(s) || grows_too_much(s, fd, at + (off_t)n);
	int e = errno;
	size_t k = !bad ? n : s->is_short && !s->is_dead ? n / 2 : 0;
	if (k > 0) {
		remember(s, fd, at, k);
		done = pwrite(fd, p, k, at);
		e = errno;
	}
	/* Half is written, the rest fails at the next try. */
	if (bad && k > 0)
		s->fail_n++;
	(void)pthread_mutex_unlock(&s->mu);
	errno = e;
	return done;
}

static void forget(struct shim *s, const char *path)
{
	for (struct shim_undo **at = &s->undo; *at;) {
		struct shim_undo *u = *at;
		if (strcmp(u->path, path) != 0) {
			at = &u->next;
			continue;
		}
		*at = u->next;
		free(u);
	}
}

static int do_fdatasync(void *self, int fd)
{
	struct shim *s = self;
	char path[600];
	(void)pthread_mutex_lock(&s->mu);
	int done = fails(s) ? -1 : 0;
	if (done == 0) {
		path_of(fd, path);
		forget(s, path);
	}
	(void)pthread_mutex_unlock(&s->mu);
	return done;
}

static int do_fallocate(void *self, int fd, off_t at, off_t n)
{
	struct shim *s = self;
	(void)pthread_mutex_lock(&s->mu);
	int done = fails(s) ? -1 : 0;
	struct stat st;
	rv_assert(fstat(fd, &st) == 0);
	/* Room is promised here and used by the writes. */
	if (done == 0 && s->room_bytes != UINT64_MAX && at + n > st.st_size &&
		s->grown_bytes + (uint64_t)(at + n - st.st_size) > s->room_bytes) {
		errno = ENOSPC;
		done = -1;
	}
	(void)pthread_mutex_unlock(&s->mu);
	return done;
}

static int do_ftruncate(void *self, int fd, off_t n)
{
	struct shim *s = self;
	struct stat st;
	(void)pthread_mutex_lock(&s->mu);
	int done = fails(s) ? -1 : 0;
	rv_assert(fstat(fd, &st) == 0);
	if (done == 0 && n < st.st_size)
		remember(s, fd, n, (size_t)(st.st_size - n));
	if (done == 0 && n < st.st_size && s->room_bytes != UINT64_MAX) {
		uint64_t by = (uint64_t)(st.st_size - n);
		s->grown_bytes -= by < s->grown_bytes ? by : s->grown_bytes;
	}
	if (done == 0)
		done = ftruncate(fd, n);
	(void)pthread_mutex_unlock(&s->mu);
	return done;
}

static int do_rename(void *self, const char *from, const char *to)
{
	struct shim *s = self;
	(void)pthread_mutex_lock(&s->mu);
	int done = fails(s) ? -1 : rename(from, to);
	(void)pthread_mutex_unlock(&s->mu);
	return done;
}

void shim_init(struct shim *s)
{
	pthread_condattr_t attr;
	*s = (struct shim){ .room_bytes = UINT64_MAX, .fail_errno = EIO };
	s->io = (struct rv_ledger_io){ "shim", s, do_open, do_pwrite, do_fdatasync, do_fallocate,
		do_ftruncate, do_rename };
	rv_assert(pthread_mutex_init(&s->mu, NULL) == 0);
	rv_assert(pthread_condattr_init(&attr) == 0);
	rv_assert(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
	rv_assert(pthread_cond_init(&s->changed, &attr) == 0);
	(void)pthread_condattr_destroy(&attr);
}

void shim_done(struct shim *s)
{
	for (struct shim_undo *u = s->undo, *next; u; u = next) {
		next = u->next;
		free(u);
	}
	(void)pthread_mutex_destroy(&s->mu);
	(void)pthread_cond_destroy(&s->changed);
}

void shim_kill(struct shim *s)
{
	(void)pthread_mutex_lock(&s->mu);
	s->is_dead = true;
	(void)pthread_mutex_unlock(&s->mu);
}

enum { SECTOR = 512 };

/* Puts old bytes back where the lot says so; bytes that were not there become zeros. */
static void put_back(const struct shim_undo *u, unsigned *lost)
{
	int fd = open(u->path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return; /* renamed or gone */
	bool all = *lost == 0;
	for (size_t at = 0; at < u->n; at += SECTOR) {
		*lost = *lost * 1103515245U + (all ? 0 : 12345U);
		size_t n = u->n - at < SECTOR ? u->n - at : SECTOR;
		if (all || (*lost >> 16 & 1))
			rv_assert(pwrite(fd, u->old + at, n, u->at + (off_t)at) == (ssize_t)n);
	}
	/* The length is metadata: it goes with the first sync, and comes back with a loss of all.
	 */
	if (all)
		rv_assert(ftruncate(fd, u->size) == 0);
	(void)close(fd);
}

void shim_power_loss(struct shim *s, unsigned lost)
{
	for (struct shim_undo *u = s->undo, *next; u; u = next) {
		next = u->next;
		put_back(u, &lost);
		free(u);
	}
	s->undo = NULL;
}

bool shim_wait(struct shim *s, bool (*pred)(void *arg), void *arg)
{
	struct timespec until;
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += 20;
	for (;;) {
		if (pred(arg))
			return true;
		(void)pthread_mutex_lock(&s->mu);
		struct timespec look;
		(void)clock_gettime(CLOCK_MONOTONIC, &look);
		bool late = look.tv_sec > until.tv_sec;
		/* A change right before this wait would be missed: look again soon anyway. */
		look.tv_nsec += 5000000;
		if (look.tv_nsec >= 1000000000) {
			look.tv_nsec -= 1000000000;
			look.tv_sec++;
		}
		(void)pthread_cond_timedwait(&s->changed, &s->mu, &look);
		(void)pthread_mutex_unlock(&s->mu);
		if (late)
			return pred(arg);
	}
}
