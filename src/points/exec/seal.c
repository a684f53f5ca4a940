/* What was decided is what runs: inputs and the executable are copied into sealed memory files
 * while they are hashed, so that nobody, their owner included, can change them afterwards. */
#include "points/exec/seal.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/memfd.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U /* Linux 6.3 */
#endif
#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

enum { COPY_BYTES = 256 << 10, PROGRAM_MAX = 256 << 20 };

void rv_exec_sealed_done(struct rv_exec_sealed *s)
{
	if (s->fd >= 0)
		(void)close(s->fd); /* nothing to do about it */
	s->fd = -1;
}

/* ---- copying ---- */

static int memory_file(bool is_program)
{
	unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd = memfd_create("reeve", flags | (is_program ? MFD_EXEC : MFD_NOEXEC_SEAL));
	if (fd < 0 && errno == EINVAL) /* a kernel that does not know them */
		fd = memfd_create("reeve", flags);
	return fd;
}

static void finish_digest(struct rv_sha256_ctx *ctx, struct rv_exec_sealed *s)
{
	struct rv_sha256 h;
	rv_sha256_end(ctx, &h);
	memcpy(s->digest, "sha256:", 7);
	rv_hex_z(h.b, sizeof h.b, s->digest + 7);
}

/* Reads from into the digest and, when to >= 0, into to. */
static enum rv_code pump(int from, int to, const char *name, int64_t max_bytes,
	struct rv_sha256_ctx *ctx, struct rv_exec_sealed *s, struct rv_err *err)
{
	RV_AUTO_FREE char *buf = malloc(COPY_BYTES);
	if (!buf)
		return RV_FAIL(err, RV_ENOMEM, "out of memory");
	s->size_bytes = 0;
	s->head_n = 0;
	for (;;) {
		ssize_t n = pread(from, buf, COPY_BYTES, s->size_bytes);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return RV_FAIL(err, RV_EIO, "cannot read %s: %s", name, strerror(errno));
		if (n == 0)
			return RV_OK;
		if (n > max_bytes - s->size_bytes)
			return RV_FAIL(err, RV_ELIMIT, "%s is larger than the %lld bytes allowed",
				name, (long long)max_bytes);
		if (s->size_bytes == 0) {
			s->head_n = (size_t)n < sizeof s->head ? (size_t)n : sizeof s->head;
			memcpy(s->head, buf, s->head_n);
		}
		rv_sha256_add(ctx, rv_str_n(buf, (size_t)n));
		if (to >= 0)
			RV_TRY(rv_fd_write_all(to, rv_str_n(buf, (size_t)n), err));
		s->size_bytes += n;
	}
}

static enum rv_code copy(int from, const char *name, int64_t max_bytes, bool is_program,
	struct rv_exec_sealed *ret, struct rv_err *err)
{
	struct rv_exec_sealed s = { .fd = -1 };
	char path[40];
	RV_AUTO_FD mem = memory_file(is_program);
	if (mem < 0)
		return RV_FAIL(err, RV_EIO, "memfd_create: %s", strerror(errno));
	struct rv_sha256_ctx *ctx = rv_sha256_new();
	enum rv_code code = pump(from, mem, name, max_bytes, ctx, &s, err);
	if (code == RV_OK)
		finish_digest(ctx, &s);
	rv_sha256_free(ctx);
	RV_TRY(code);
	int seals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	if (fchmod(mem, is_program ? 0500 : 0400) != 0 || fcntl(mem, F_ADD_SEALS, seals) != 0 ||
		(fcntl(mem, F_GET_SEALS) & seals) != seals)
		return RV_FAIL(err, RV_EIO, "cannot seal %s: %s", name, strerror(errno));
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", mem); /* fits */
	s.fd = open(path, O_RDONLY | O_CLOEXEC);
	if (s.fd < 0)
		return RV_FAIL(err, RV_EIO, "cannot open sealed %s: %s", name, strerror(errno));
	*ret = s;
	return RV_OK;
}

/* File systems whose regular files are questions to the kernel: what they say may depend on who
 * reads, and here a runner reads what a worker opened. */
static bool is_kernel_fs(int fd)
{
	static const unsigned long magics[] = { PROC_SUPER_MAGIC, SYSFS_MAGIC, DEBUGFS_MAGIC,
		TRACEFS_MAGIC, SECURITYFS_MAGIC, SELINUX_MAGIC, CGROUP_SUPER_MAGIC,
		CGROUP2_SUPER_MAGIC, BPF_FS_MAGIC, EFIVARFS_MAGIC, PSTOREFS_MAGIC };
	struct statfs fs;
	if (fstatfs(fd, &fs) != 0)
		return true;
	for (size_t i = 0; i < RV_COUNT(magics); i++)
		if ((unsigned long)fs.f_type == magics[i])
			return true;
	return false;
}

enum rv_code rv_exec_seal_input(
	int fd, const char *name, int64_t max_bytes, struct rv_exec_sealed *ret, struct rv_err *err)
{
	struct stat st;
	char what[RV_EXEC_DIGEST_SIZE + 16];
	(void)snprintf(what, sizeof what, "input '%.64s'", name); /* fits */
	int flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fstat(fd, &st) != 0)
		return RV_FAIL(err, RV_EINVAL, "%s is no open file", what);
	if (!S_ISREG(st.st_mode))
		return RV_FAIL(err, RV_EINVAL, "%s is not a regular file", what);
	if (flags & O_PATH || (flags & O_ACCMODE) == O_WRONLY)
		return RV_FAIL(err, RV_EINVAL, "%s is not open for reading", what);
	if (is_kernel_fs(fd))
		return RV_FAIL(err, RV_EINVAL, "%s is no file that is stored somewhere", what);
	if (st.st_size > max_bytes)
		return RV_FAIL(err, RV_ELIMIT, "%s is larger than the %lld bytes allowed", what,
			(long long)max_bytes);
	return copy(fd, what, max_bytes, false, ret, err);
}

/* ---- files of ours ---- */

static bool is_held_by_ours(const struct stat *st, uid_t also_uid)
{
	bool ours = st->st_uid == 0 || st->st_uid == geteuid() || st->st_uid == also_uid;
	if (S_ISDIR(st->st_mode) && st->st_mode & S_ISVTX)
		return ours;
	return ours && !(st->st_mode & (S_IWGRP | S_IWOTH));
}

enum rv_code rv_exec_path_is_ours(
	const char *path, uid_t also_uid, char real[4096], struct rv_err *err)
{
	struct stat st;
	char at[4096];
	if (!realpath(path, real))
		return RV_FAIL(err, errno == ENOENT ? RV_ENOENT : RV_EIO, "cannot open '%s': %s",
			path, strerror(errno));
	for (size_t n = strlen(real); n > 0; n--) {
		if (real[n] != '/' && real[n] != '\0')
			continue;
		memcpy(at, real, n);
		at[n] = '\0';
		if (lstat(at, &st) != 0)
			return RV_FAIL(err, RV_EIO, "cannot look at '%s': %s", at, strerror(errno));
		bool is_socket = S_ISSOCK(st.st_mode); /* writable means that one may connect */
		if (is_socket)
			st.st_mode &= ~(mode_t)(S_IWGRP | S_IWOTH);
		if (!is_held_by_ours(&st, also_uid))
			return RV_FAIL(err, RV_EPERM, "'%s': others may change '%s'", path, at);
	}
	return RV_OK;
}

static enum rv_code open_program(const char *path, int *ret_fd, struct rv_err *err)
{
	struct stat st;
	char real[4096];
	RV_TRY(rv_exec_path_is_ours(path, 0, real, err));
	RV_AUTO_FD fd = open(real, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &st) != 0)
		return RV_FAIL(err, RV_EIO, "cannot open '%s': %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode) || !(st.st_mode & 0111) || !is_held_by_ours(&st, 0))
		return RV_FAIL(err, RV_EPERM, "'%s' is no executable file of ours", path);
	if (st.st_mode & (S_ISUID | S_ISGID))
		return RV_FAIL(err, RV_EPERM, "'%s' changes its user and cannot be run here", path);
	*ret_fd = fd;
	fd = -1;
	return RV_OK;
}

enum rv_code rv_exec_seal_program(const char *path, struct rv_exec_sealed *ret, struct rv_err *err)
{
	int opened;
	RV_TRY(open_program(path, &opened, err));
	RV_AUTO_FD fd = opened;
	char what[300];
	(void)snprintf(what, sizeof what, "'%.256s'", path); /* cut is fine */
	return copy(fd, what, PROGRAM_MAX, true, ret, err);
}

enum rv_code rv_exec_open_program(const char *path, struct rv_exec_sealed *ret, struct rv_err *err)
{
	struct rv_exec_sealed s = { .fd = -1 };
	int opened;
	RV_TRY(open_program(path, &opened, err));
	RV_AUTO_FD fd = opened;
	struct rv_sha256_ctx *ctx = rv_sha256_new();
	enum rv_code code = pump(fd, -1, path, PROGRAM_MAX, ctx, &s, err);
	if (code == RV_OK)
		finish_digest(ctx, &s);
	rv_sha256_free(ctx);
	RV_TRY(code);
	s.fd = fd;
	fd = -1;
	*ret = s;
	return RV_OK;
}
