/* The system calls of the writer, behind a table, and what the writer does with them. */
#include <sys/stat.h>

#include "ledger/ledger_int.h"

static int sys_open(void *self, const char *path, int flags, mode_t mode)
{
	return open(path, flags | O_CLOEXEC, mode);
}

static ssize_t sys_pwrite(void *self, int fd, const void *p, size_t n, off_t at)
{
	return pwrite(fd, p, n, at);
}

static int sys_fdatasync(void *self, int fd)
{
	return fdatasync(fd);
}

static int sys_fallocate(void *self, int fd, off_t at, off_t n)
{
	return fallocate(fd, 0, at, n);
}

static int sys_ftruncate(void *self, int fd, off_t n)
{
	return ftruncate(fd, n);
}

static int sys_rename(void *self, const char *from, const char *to)
{
	return rename(from, to);
}

const struct rv_ledger_io *rv_ledger_io_system(void)
{
	static const struct rv_ledger_io io = { "system", NULL, sys_open, sys_pwrite, sys_fdatasync,
		sys_fallocate, sys_ftruncate, sys_rename };
	return &io;
}

/* Each call is watched; one that was given up has failed, whatever it returned (watch.c). */
static int io_open(struct rv_ledger *l, const char *path, int flags)
{
	rv_io_begin(l);
	int fd = l->io->open_file(l->io->self, path, flags | O_CLOEXEC, 0600);
	if (rv_io_end(l) || fd < 0)
		return fd;
	(void)close(fd); /* nothing was done with it */
	errno = ETIMEDOUT;
	return -1;
}

static ssize_t io_pwrite(struct rv_ledger *l, int fd, struct rv_str s, uint64_t at)
{
	rv_io_begin(l);
	ssize_t n = l->io->pwrite(l->io->self, fd, s.p, s.n, (off_t)at);
	return rv_io_end(l) ? n : -1;
}

static int io_sync(struct rv_ledger *l, int fd)
{
	rv_io_begin(l);
	int done = l->io->fdatasync(l->io->self, fd);
	return rv_io_end(l) ? done : -1;
}

static int io_allocate(struct rv_ledger *l, int fd, uint64_t at, uint64_t n)
{
	rv_io_begin(l);
	int done = l->io->fallocate(l->io->self, fd, (off_t)at, (off_t)n);
	return rv_io_end(l) ? done : -1;
}

static int io_truncate(struct rv_ledger *l, int fd, uint64_t n)
{
	rv_io_begin(l);
	int done = l->io->ftruncate(l->io->self, fd, (off_t)n);
	return rv_io_end(l) ? done : -1;
}

static int io_rename(struct rv_ledger *l, const char *from, const char *to)
{
	rv_io_begin(l);
	int done = l->io->rename(l->io->self, from, to);
	return rv_io_end(l) ? done : -1;
}

static int write_all(struct rv_ledger *l, int fd, struct rv_str s, uint64_t at)
{
	while (s.n > 0) {
		ssize_t n = io_pwrite(l, fd, s, at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? errno : EIO;
		s = rv_str_sub(s, (size_t)n, s.n);
		at += (uint64_t)n;
	}
	return 0;
}

static int sync_fd(struct rv_ledger *l, int fd)
{
	return io_sync(l, fd) == 0 ? 0 : errno;
}

static int sync_dir(struct rv_ledger *l)
{
	RV_AUTO_FD fd = io_open(l, l->dir, O_RDONLY | O_DIRECTORY);
	return fd < 0 ? errno : sync_fd(l, fd);
}

int rv_disk_write_file(struct rv_ledger *l, const char *name, struct rv_str bytes)
{
	char path[RV_PATH], tmp[RV_PATH + 8];
	rv_ledger_path(l, name, path);
	snprintf(tmp, sizeof tmp, "%s.tmp", path);
	RV_AUTO_FD fd = io_open(l, tmp, O_WRONLY | O_CREAT | O_TRUNC);
	if (fd < 0)
		return errno;
	int e = write_all(l, fd, bytes, 0);
	if (e == 0)
		e = sync_fd(l, fd);
	if (e == 0 && io_rename(l, tmp, path) != 0)
		e = errno;
	return e ? e : sync_dir(l);
}

/* Zeros from zeroed up to `to`. */
static int fill(struct rv_ledger *l, int fd, uint64_t from, uint64_t to)
{
	static const char zeros[256 << 10];
	/* Keeps the blocks together, and knows at once when there are not enough of them. */
	if (io_allocate(l, fd, from, to - from) != 0 && errno != EOPNOTSUPP && errno != ENOSYS)
		return errno;
	while (from < to) {
		size_t n = to - from < sizeof zeros ? (size_t)(to - from) : sizeof zeros;
		int e = write_all(l, fd, rv_str_n(zeros, n), from);
		if (e)
			return e;
		from += n;
	}
	return 0;
}

int rv_disk_open_last(struct rv_ledger *l, uint64_t first, bool is_new, int64_t now_ns)
{
	char name[RV_SEG_NAME], path[RV_PATH], head[RV_SEG_HEAD];
	struct stat st;
	rv_seg_name(first, "seg", name);
	rv_ledger_path(l, name, path);
	RV_AUTO_FD fd = io_open(l, path, O_RDWR | (is_new ? O_CREAT | O_TRUNC : 0));
	if (fd < 0)
		return errno;
	if (is_new) {
		rv_seg_head_write(head, first, now_ns, rv_str_of(l->origin));
		int e = write_all(l, fd, rv_str_n(head, sizeof head), 0);
		if (e == 0)
			e = sync_fd(l, fd);
		if (e == 0)
			e = sync_dir(l);
		if (e)
			return e;
	}
	if (fstat(fd, &st) != 0)
		return errno;
	if (l->fd >= 0)
		(void)close(l->fd); /* synced; nothing hangs on it */
	l->fd = fd;
	fd = -1;
	l->zeroed = (uint64_t)st.st_size;
	l->is_tail_dirty = false;
	return 0;
}

void rv_disk_trim(struct rv_ledger *l, int fd, uint64_t n)
{
	(void)io_truncate(l, fd, n); /* zeros may stay */
}

int rv_disk_cut(struct rv_ledger *l)
{
	uint64_t used = rv_ledger_last(l)->used;
	if (io_truncate(l, l->fd, used) != 0)
		return errno;
	l->zeroed = used;
	int e = sync_fd(l, l->fd);
	if (e == 0)
		l->is_tail_dirty = false;
	return e;
}

static uint64_t round_up(uint64_t v, uint64_t to)
{
	return (v + to - 1) / to * to;
}

int rv_disk_extend(struct rv_ledger *l, uint64_t need)
{
	uint64_t end = rv_ledger_last(l)->used + need;
	if (end <= l->zeroed)
		return 0;
	uint64_t ahead = l->zeroed + RV_ZERO_CHUNK, to = round_up(end, 4096);
	if (ahead > l->segment_bytes)
		ahead = l->segment_bytes;
	int e = fill(l, l->fd, l->zeroed, ahead > to ? ahead : to);
	if (e == 0) {
		l->zeroed = ahead > to ? ahead : to;
		return 0;
	}
	/* Little is left: only what this needs. */
	if (ahead > to && (e == ENOSPC || e == EDQUOT)) {
		e = fill(l, l->fd, l->zeroed, to);
		if (e == 0)
			l->zeroed = to;
	}
	return e;
}

int rv_disk_append(struct rv_ledger *l, struct rv_str bytes)
{
	int e = 0;
	if (l->is_tail_dirty)
		e = rv_disk_cut(l);
	if (e == 0)
		e = rv_disk_extend(l, bytes.n);
	if (e)
		return e;
	l->is_tail_dirty = true;
	e = write_all(l, l->fd, bytes, rv_ledger_last(l)->used);
	if (e == 0)
		e = sync_fd(l, l->fd);
	if (e == 0)
		l->is_tail_dirty = false;
	return e;
}

int rv_disk_reserve(struct rv_ledger *l, bool want)
{
	char path[RV_PATH];
	struct stat st;
	rv_ledger_path(l, RV_F_RESERVE, path);
	RV_AUTO_FD fd = io_open(l, path, O_RDWR | O_CREAT);
	if (fd < 0 || fstat(fd, &st) != 0)
		return errno;
	if (want && st.st_blocks * 512 >= (blkcnt_t)l->reserve_bytes)
		return 0;
	int e = 0;
	if (!want && io_truncate(l, fd, 0) != 0)
		return errno;
	if (want)
		e = fill(l, fd, 0, l->reserve_bytes);
	if (e) /* half a reserve would only keep others from the room */
		(void)io_truncate(l, fd, 0);
	return e ? e : sync_fd(l, fd);
}

struct compare {
	const struct rv_seg *s;
	uint32_t n;
	bool differs;
};

static bool compare_one(void *arg, const struct rv_rec *r)
{
	struct compare *c = arg;
	struct rv_sha256 h;
	rv_rec_hash(r, &h);
	c->differs |= c->n >= c->s->n || !rv_sha256_eq(&h, &c->s->hash[c->n]);
	c->n++;
	return !c->differs;
}

int rv_disk_check_last(struct rv_ledger *l)
{
	struct compare c = { .s = rv_ledger_last(l) };
	struct rv_seg_scan scan;
	RV_AUTO_FREE char *p = NULL;
	size_t n;
	/* From the disk, not from what the kernel remembers of a write that failed. */
	rv_io_begin(l);
	(void)posix_fadvise(l->fd, 0, 0, POSIX_FADV_DONTNEED); /* a hint */
	enum rv_code code = rv_seg_load(l->dir, c.s->first, &p, &n, NULL);
	if (!rv_io_end(l))
		return ETIMEDOUT;
	if (code != RV_OK)
		return code == RV_ENOMEM ? ENOMEM : EIO;
	rv_seg_scan(rv_str_n(p, n), c.s->first, compare_one, &c, &scan);
	if (c.differs || c.n != c.s->n || scan.end != RV_SEG_CLEAN || scan.used != c.s->used)
		return EILSEQ;
	return 0;
}
