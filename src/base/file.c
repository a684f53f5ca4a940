#include "base/file.h"
#include "base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

static enum rv_code fail_errno(struct rv_err *err, const char *what, const char *path)
{
	int e = errno;
	enum rv_code code = e == ENOENT || e == ENOTDIR ? RV_ENOENT
		: e == EACCES || e == EPERM		? RV_EPERM
		: e == EEXIST				? RV_EEXIST
							: RV_EIO;
	return RV_FAIL(err, code, "%s '%s': %s", what, path, strerror(e));
}

enum rv_code rv_file_read(struct rv_arena *a, const char *path, size_t max_bytes,
	struct rv_str *ret, struct rv_err *err)
{
	RV_AUTO_FD fd = strcmp(path, "-") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
					       : open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fail_errno(err, "cannot open", path);
	struct stat st;
	if (fstat(fd, &st) != 0)
		return fail_errno(err, "cannot read", path);
	if (S_ISDIR(st.st_mode))
		return RV_FAIL(err, RV_EINVAL, "'%s' is a folder, not a file", path);
	RV_AUTO_BUF buf;
	rv_buf_init(&buf, max_bytes);
	char chunk[16384];
	for (;;) {
		ssize_t n = read(fd, chunk, sizeof chunk);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail_errno(err, "cannot read", path);
		if (n == 0)
			break;
		rv_buf_add(&buf, rv_str_n(chunk, (size_t)n));
		if (buf.failed)
			return RV_FAIL(err, RV_ELIMIT, "'%s' is larger than the %zu bytes allowed",
				path, max_bytes);
	}
	struct rv_str s = rv_arena_str(a, rv_buf_str(&buf));
	if (!s.p)
		return RV_FAIL_ARENA(err);
	*ret = s;
	return RV_OK;
}

enum rv_code rv_fd_write_all(int fd, struct rv_str bytes, struct rv_err *err)
{
	while (bytes.n > 0) {
		ssize_t n = write(fd, bytes.p, bytes.n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return RV_FAIL(err, RV_EIO, "write: %s", strerror(errno));
		bytes.p += n;
		bytes.n -= (size_t)n;
	}
	return RV_OK;
}

enum rv_code rv_dir_sync(const char *path, struct rv_err *err)
{
	RV_AUTO_FD fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) != 0)
		return fail_errno(err, "cannot sync folder", path);
	return RV_OK;
}

static enum rv_code sync_parent(const char *path, struct rv_err *err)
{
	char dir[4096];
	const char *slash = strrchr(path, '/');
	if (!slash)
		return rv_dir_sync(".", err);
	int n = slash == path ? 1 : (int)(slash - path);
	if (n >= (int)sizeof dir)
		return RV_FAIL(err, RV_ELIMIT, "path is too long: '%s'", path);
	snprintf(dir, sizeof dir, "%.*s", n, path);
	return rv_dir_sync(dir, err);
}

static enum rv_code write_and_sync(
	int fd, const char *path, struct rv_str bytes, struct rv_err *err)
{
	enum rv_code code = rv_fd_write_all(fd, bytes, err);
	if (code == RV_OK && fsync(fd) != 0)
		code = RV_FAIL(err, RV_EIO, "sync: %s", strerror(errno));
	if (code != RV_OK)
		rv_err_prefix(err, "cannot write '%s': ", path);
	return code;
}

enum rv_code rv_file_write(const char *path, struct rv_str bytes, mode_t mode, struct rv_err *err)
{
	char tmp[4096];
	if (snprintf(tmp, sizeof tmp, "%s.XXXXXX", path) >= (int)sizeof tmp)
		return RV_FAIL(err, RV_ELIMIT, "path is too long: '%s'", path);
	RV_AUTO_FD fd = mkostemp(tmp, O_CLOEXEC);
	if (fd < 0)
		return fail_errno(err, "cannot create a file beside", path);
	enum rv_code code = fchmod(fd, mode) == 0 ? write_and_sync(fd, path, bytes, err)
						  : fail_errno(err, "cannot set mode of", path);
	if (code == RV_OK && rename(tmp, path) != 0)
		code = fail_errno(err, "cannot replace", path);
	if (code != RV_OK) {
		(void)unlink(tmp); /* the first failure is what counts */
		return code;
	}
	return sync_parent(path, err);
}

enum rv_code rv_file_create(const char *path, struct rv_str bytes, mode_t mode, struct rv_err *err)
{
	RV_AUTO_FD fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0)
		return fail_errno(err, "cannot create", path);
	enum rv_code code = write_and_sync(fd, path, bytes, err);
	if (code != RV_OK) {
		(void)unlink(path); /* half a file is worse than none */
		return code;
	}
	return sync_parent(path, err);
}

enum rv_code rv_dir_make(const char *path, mode_t mode, struct rv_err *err)
{
	char part[4096];
	size_t n = strlen(path);
	if (n == 0 || n >= sizeof part)
		return RV_FAIL(err, RV_EINVAL, "bad folder name '%s'", path);
	memcpy(part, path, n + 1);
	for (size_t i = 1; i <= n; i++) {
		if (part[i] != '/' && part[i] != '\0')
			continue;
		char keep = part[i];
		part[i] = '\0';
		struct stat st;
		if (mkdir(part, mode) != 0 &&
			(errno != EEXIST || stat(part, &st) != 0 || !S_ISDIR(st.st_mode))) {
			if (errno == 0 || errno == EEXIST)
				errno = ENOTDIR;
			return fail_errno(err, "cannot make folder", part);
		}
		part[i] = keep;
	}
	return RV_OK;
}
