/* Credentials lie in files that belong to their user alone. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "points/ask/ask.h"

enum { TOKEN_FILE_MAX = 4096 };

enum rv_code rv_ask_token_read(struct rv_arena *a, const char *path, const char *prefix,
	struct rv_str *ret, struct rv_err *err)
{
	struct stat st;
	char text[TOKEN_FILE_MAX];
	RV_AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return RV_FAIL(err, errno == ENOENT ? RV_ENOENT : RV_EPERM,
			"cannot open credential file '%s': %s", path, strerror(errno));
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return RV_FAIL(err, RV_EPERM, "credential file '%s' is no regular file", path);
	if (st.st_mode & 077 || (st.st_uid != geteuid() && st.st_uid != 0))
		return RV_FAIL(err, RV_EPERM,
			"credential file '%s' must be yours alone: chmod 600, and owned by you",
			path);
	ssize_t n = read(fd, text, sizeof text);
	if (n < 0)
		return RV_FAIL(err, RV_EIO, "cannot read '%s': %s", path, strerror(errno));
	struct rv_str s = rv_str_trim(rv_str_n(text, (size_t)n));
	bool good = (size_t)n < sizeof text && s.n > 4 && rv_str_starts(s, rv_str_of(prefix));
	for (size_t i = 0; i < s.n; i++)
		good = good && s.p[i] > ' ' && s.p[i] < 127;
	if (!good)
		return RV_FAIL(err, RV_EINVAL,
			"'%s' does not hold a credential that begins with %s", path, prefix);
	*ret = rv_arena_str(a, s);
	explicit_bzero(text, sizeof text);
	return ret->p ? RV_OK : RV_FAIL_ARENA(err);
}
