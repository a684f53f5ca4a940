/* The spool folder. A file INTENT.json is one JSON object:
 *
 *     {"v":1,"instance":"0193…","pid":4711,"running":true,
 *      "report":{"intent":"0193…","status":"unknown","detail":{…}}}
 *
 * It is written and synced before the command starts, saying what must be reported if nothing else
 * ever is; replaced (temporary file, sync, rename) by the real report when the command has ended;
 * removed when the server took it. So a reader sees one report or the other, never a mix, and the
 * same report is sent again rather than none. A note of another instance, or of a process that is
 * gone, is final as it stands: what came of it is not known. */
#include "points/exec/spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
#include "points/exec/exec_int.h"

enum { ENTRY_MAX = 256 << 10, PATH_SIZE = 4200, FORGOTTEN_S = 7 * 86400 };

enum rv_code rv_exec_spool_open(struct rv_exec_spool *s, const char *dir, struct rv_err *err)
{
	struct stat st;
	char path[PATH_SIZE];
	struct rv_uuid u;
	*s = (struct rv_exec_spool){ .dir = dir, .lock_fd = -1 };
	if (mkdir(dir, 0700) != 0 && errno != EEXIST)
		return RV_FAIL(err, RV_EIO, "cannot make spool '%s': %s", dir, strerror(errno));
	if (lstat(dir, &st) != 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid() ||
		st.st_mode & 077)
		return RV_FAIL(err, RV_EPERM,
			"spool '%s' must be a folder of the runner's user alone (mode 0700)", dir);
	(void)snprintf(path, sizeof path, "%s/lock", dir); /* configuration bounds it */
	RV_AUTO_FD fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return RV_FAIL(err, RV_EIO, "cannot open '%s': %s", path, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) != 0)
		return RV_FAIL(err, RV_EBUSY, "another runner has the spool '%s'", dir);
	rv_uuid7(rv_clock_unix_ns(rv_clock_system()), &u);
	(void)rv_uuid_format(&u, s->instance); /* returns its buffer */
	s->lock_fd = fd;
	fd = -1;
	return RV_OK;
}

void rv_exec_spool_close(struct rv_exec_spool *s)
{
	if (s->lock_fd >= 0)
		(void)close(s->lock_fd); /* gives the lock back when the last holder is gone */
	s->lock_fd = -1;
}

static void entry_path(
	const struct rv_exec_spool *s, struct rv_str intent, const char *end, char path[PATH_SIZE])
{
	(void)snprintf(path, PATH_SIZE, "%s/%.*s%s", s->dir, RV_FMT(intent), end); /* bounded */
}

static enum rv_code write_entry(const struct rv_exec_spool *s, struct rv_str intent, bool running,
	struct rv_str report, struct rv_err *err)
{
	char path[PATH_SIZE];
	RV_AUTO_BUF b;
	struct rv_json_w w;
	struct rv_uuid u;
	rv_buf_init(&b, ENTRY_MAX);
	if (!rv_uuid_parse(intent, &u)) /* it becomes a file's name */
		return RV_FAIL(err, RV_EINVAL, "the intent has no id");
	rv_json_w_init(&w, &b);
	rv_json_w_obj(&w);
	rv_json_w_kv_i64(&w, "v", 1);
	rv_json_w_kv_strz(&w, "instance", s->instance);
	rv_json_w_kv_i64(&w, "pid", getpid());
	rv_json_w_kv_bool(&w, "running", running);
	rv_json_w_name(&w, "report");
	rv_json_w_raw(&w, report);
	rv_json_w_obj_end(&w);
	RV_TRY(rv_buf_ok(&b, err));
	entry_path(s, intent, ".json", path);
	return rv_file_write(path, rv_buf_str(&b), 0600, err);
}

enum rv_code rv_exec_spool_begin(
	const struct rv_exec_spool *s, struct rv_str intent, struct rv_err *err)
{
	char report[256];
	(void)snprintf(report, sizeof report,
		"{\"intent\":\"%.*s\",\"status\":\"unknown\",\"detail\":{\"error\":"
		"\"the runner ended while the command ran\"}}",
		RV_FMT(intent)); /* an id fits */
	return write_entry(s, intent, true, rv_str_of(report), err);
}

enum rv_code rv_exec_spool_end(const struct rv_exec_spool *s, struct rv_str intent,
	struct rv_str report, struct rv_err *err)
{
	return write_entry(s, intent, false, report, err);
}

enum rv_exec_reach rv_exec_spool_send(const struct rv_exec_spool *s, struct rv_exec_serve *serve,
	struct rv_str intent, struct rv_str report, struct rv_err *err)
{
	char path[PATH_SIZE], away[PATH_SIZE], request_id[64];
	entry_path(s, intent, ".json", path);
	entry_path(s, intent, ".rejected", away);
	(void)snprintf(request_id, sizeof request_id, "outcome-%.*s", RV_FMT(intent)); /* fits */
	enum rv_exec_reach r = rv_exec_report(serve, report, request_id, err);
	if (r == RV_EXEC_ANSWERED)
		(void)unlink(path); /* if not, it is sent again, with the same request id */
	if (r == RV_EXEC_NO)
		(void)rename(path, away); /* if not, it is tried again */
	return r;
}

/* ---- what lies there ---- */

static bool is_alive(const struct rv_exec_spool *s, const struct rv_json *v)
{
	const struct rv_json *instance = rv_json_get(v, "instance"), *pid = rv_json_get(v, "pid");
	if (!rv_json_is(instance, RV_JSON_STR) || !rv_str_eqz(instance->str, s->instance) ||
		!rv_json_is(pid, RV_JSON_INT) || pid->integer <= 0 || pid->integer > INT32_MAX)
		return false;
	return (pid_t)pid->integer != getpid() && kill((pid_t)pid->integer, 0) == 0;
}

/* An intent that the server has not heard of for so long will not come back. */
static bool is_old(const char *path)
{
	struct stat st;
	int64_t now_s = rv_clock_unix_ns(rv_clock_system()) / RV_NS_PER_S;
	return stat(path, &st) == 0 && now_s - st.st_mtime > FORGOTTEN_S;
}

/* One file. Counts into *left; a file that cannot be read as an entry is put aside, not deleted. */
static void flush_one(const struct rv_exec_spool *s, struct rv_exec_serve *serve,
	struct rv_str intent, size_t *left, struct rv_err *err)
{
	RV_AUTO_ARENA a;
	RV_AUTO_BUF report;
	const struct rv_json *v = NULL;
	struct rv_str text;
	char path[PATH_SIZE], away[PATH_SIZE];
	rv_arena_init(&a, 4 << 20);
	rv_buf_init(&report, ENTRY_MAX);
	entry_path(s, intent, ".json", path);
	entry_path(s, intent, ".rejected", away);
	enum rv_code code = rv_file_read(&a, path, ENTRY_MAX, &text, NULL);
	if (code == RV_ENOENT) /* its process was quicker */
		return;
	if (code == RV_OK)
		code = rv_json_parse(&a, text, NULL, &v, NULL);
	const struct rv_json *r = rv_json_get(v, "report");
	const struct rv_json *named = rv_json_get(r, "intent");
	if (code != RV_OK || !rv_json_is(named, RV_JSON_STR) || !rv_str_eq(named->str, intent)) {
		(void)rename(path, away); /* if not, it is tried again */
		(void)RV_FAIL(err, RV_ECORRUPT, "spool entry '%s' is damaged; it is kept as '%s'",
			path, away); /* told by the caller */
		return;
	}
	if (is_alive(s, v)) {
		++*left;
		return;
	}
	struct rv_json_w w;
	struct rv_err mine = { 0 };
	rv_json_w_init(&w, &report);
	rv_json_w_value(&w, r);
	enum rv_exec_reach reach = rv_exec_spool_send(s, serve, intent, rv_buf_str(&report), &mine);
	if (reach == RV_EXEC_NOT_NOW && mine.code == RV_ENOENT && is_old(path))
		(void)rename(path, away); /* if not, it is tried again */
	else if (reach == RV_EXEC_NOT_NOW)
		++*left;
	if (reach != RV_EXEC_ANSWERED)
		(void)RV_FAIL(err, mine.code, "outcome of %.*s: %s", RV_FMT(intent), mine.msg);
}

enum rv_code rv_exec_spool_flush(const struct rv_exec_spool *s, struct rv_exec_serve *serve,
	size_t *ret_left, struct rv_err *err)
{
	struct rv_uuid u;
	DIR *d = opendir(s->dir);
	if (!d)
		return RV_FAIL(err, RV_EIO, "cannot read '%s': %s", s->dir, strerror(errno));
	*ret_left = 0;
	for (struct dirent *e; (e = readdir(d));) {
		struct rv_str name = rv_str_of(e->d_name);
		if (!rv_str_ends(name, RV_STR(".json")))
			continue;
		struct rv_str intent = rv_str_sub(name, 0, name.n - 5);
		if (rv_uuid_parse(intent, &u))
			flush_one(s, serve, intent, ret_left, err);
	}
	(void)closedir(d); /* read only */
	return RV_OK;
}
