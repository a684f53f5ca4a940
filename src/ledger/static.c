/* A log as static files (c2sp.org/tlog-tiles): where its tiles come from, and writing them to a
 * folder that any web server can serve. */
#include "base/file.h"
#include "ledger/ledger_int.h"

/* ---- an open log ---- */

static enum rv_code log_get(void *self, const char *path, struct rv_buf *out, struct rv_err *err)
{
	struct rv_ledger *l = self;
	struct rv_tile t;
	struct rv_str p = rv_str_of(path);
	if (strcmp(path, "checkpoint") == 0)
		return rv_ledger_checkpoint(l, false, out, err);
	if (strcmp(path, RV_F_ROTATIONS) == 0)
		return rv_ledger_rotations(l, out, err);
	if (!rv_str_starts(p, RV_STR("tile/")))
		return RV_FAIL(err, RV_ENOENT, "no file '%s'", path);
	RV_TRY(rv_tile_parse(rv_str_sub(p, 5, p.n), &t, err));
	return rv_ledger_tile(l, &t, out, err);
}

struct rv_tlog_src rv_tlog_log(struct rv_ledger *l)
{
	return (struct rv_tlog_src){ log_get, l };
}

/* ---- a folder ---- */

enum { FILE_MAX = 256 * (2 + RV_LEDGER_LEAF_MAX) };

static enum rv_code file_get(const char *path, struct rv_buf *out, struct rv_err *err)
{
	RV_AUTO_ARENA a;
	struct rv_str text;
	rv_arena_init(&a, FILE_MAX + (1 << 16));
	RV_TRY(rv_file_read(&a, path, FILE_MAX, &text, err));
	rv_buf_add(out, text);
	return rv_buf_ok(out, err);
}

static enum rv_code dir_get(void *self, const char *path, struct rv_buf *out, struct rv_err *err)
{
	RV_AUTO_BUF full;
	rv_buf_init(&full, 4096);
	rv_buf_printf(&full, "%s/%s", (const char *)self, path);
	RV_TRY(rv_buf_ok(&full, err));
	return file_get(rv_buf_z(&full), out, err);
}

struct rv_tlog_src rv_tlog_dir(const char *dir)
{
	return (struct rv_tlog_src){ dir_get, (void *)dir };
}

/* ---- writing one ---- */

struct export
{
	const struct rv_tlog_src *src;
	const char *dir;
	struct rv_tlog_exported *r;
	struct rv_buf bytes, path;
};

/* A file that is whole or not there; all of them together are made durable before the checkpoint.
 */
static enum rv_code write_whole(const char *path, struct rv_str bytes, struct rv_err *err)
{
	char tmp[RV_PATH * 8];
	int n = snprintf(tmp, sizeof tmp, "%s.tmp", path);
	if (n < 0 || (size_t)n >= sizeof tmp)
		return RV_FAIL(err, RV_EINVAL, "the path '%s' is too long", path);
	RV_AUTO_FD fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return RV_FAIL(err, RV_EIO, "open '%s': %s", tmp, strerror(errno));
	RV_TRY(rv_fd_write_all(fd, bytes, err));
	if (rename(tmp, path) != 0)
		return RV_FAIL(err, RV_EIO, "rename '%s': %s", tmp, strerror(errno));
	return RV_OK;
}

static enum rv_code put(struct export *x, const char *name, bool is_last, struct rv_err *err)
{
	rv_buf_clear(&x->path);
	rv_buf_printf(&x->path, "%s/%s", x->dir, name);
	RV_TRY(rv_buf_ok(&x->path, err));
	(void)rv_buf_z(&x->path); /* terminates it */
	char *slash = strrchr(x->path.p, '/');
	*slash = '\0';
	RV_TRY(rv_dir_make(x->path.p, 0755, err));
	*slash = '/';
	x->r->files++;
	return is_last ? rv_file_write(x->path.p, rv_buf_str(&x->bytes), 0644, err)
		       : write_whole(x->path.p, rv_buf_str(&x->bytes), err);
}

static enum rv_code sync_all(const char *dir, struct rv_err *err)
{
	RV_AUTO_FD fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || syncfs(fd) != 0)
		return RV_FAIL(err, RV_EIO, "sync '%s': %s", dir, strerror(errno));
	return RV_OK;
}

static bool is_there(struct export *x, const char *name)
{
	rv_buf_clear(&x->path);
	rv_buf_printf(&x->path, "%s/%s", x->dir, name);
	return access(rv_buf_z(&x->path), F_OK) == 0;
}

/* Full tiles never change: what is there stays. */
static enum rv_code one(struct export *x, const struct rv_tile *t, struct rv_err *err)
{
	RV_AUTO_BUF name;
	rv_buf_init(&name, 256);
	rv_tile_path(t, &name);
	if (is_there(x, rv_buf_z(&name)))
		return RV_OK;
	rv_buf_clear(&x->bytes);
	struct rv_err e = { 0 };
	enum rv_code code = x->src->get(x->src->self, rv_buf_z(&name), &x->bytes, &e);
	if (code == RV_ENOENT && t->is_entries) {
		x->r->dropped += t->width; /* retention: the hashes are there */
		return RV_OK;
	}
	if (code != RV_OK)
		return RV_FAIL(err, code, "%s: %s", rv_buf_z(&name), e.msg);
	return put(x, rv_buf_z(&name), false, err);
}

static enum rv_code level(
	struct export *x, bool is_entries, unsigned level, uint64_t size, struct rv_err *err)
{
	for (uint64_t n = 0;; n++) {
		struct rv_tile t = { .is_entries = is_entries,
			.level = level,
			.n = n,
			.width = rv_tile_width(size, level, n) };
		if (t.width == 0)
			return RV_OK;
		RV_TRY(one(x, &t, err));
	}
}

static enum rv_code all(struct export *x, struct rv_err *err)
{
	struct rv_checkpoint c;
	struct rv_err e = { 0 };
	RV_AUTO_BUF note;
	rv_buf_init(&note, RV_CHECKPOINT_MAX);
	RV_TRY(x->src->get(x->src->self, "checkpoint", &note, err));
	RV_TRY(rv_checkpoint_open(rv_buf_str(&note), NULL, &c, err));
	RV_TRY(level(x, true, 0, c.size, err));
	for (unsigned l = 0; rv_tile_count(c.size, l) > 0; l++)
		RV_TRY(level(x, false, l, c.size, err));
	enum rv_code code = RV_OK;
	rv_buf_clear(&x->bytes);
	code = x->src->get(x->src->self, RV_F_ROTATIONS, &x->bytes, &e);
	if (code == RV_OK && x->bytes.n > 0)
		RV_TRY(put(x, RV_F_ROTATIONS, false, err));
	else if (code != RV_OK && code != RV_ENOENT)
		return RV_FAIL(err, code, "%s: %s", RV_F_ROTATIONS, e.msg);
	/* Last: what it covers is there. */
	RV_TRY(sync_all(x->dir, err));
	rv_buf_clear(&x->bytes);
	rv_buf_add(&x->bytes, rv_buf_str(&note));
	x->r->size = c.size;
	return put(x, "checkpoint", true, err);
}

enum rv_code rv_tlog_export(const struct rv_tlog_src *src, const char *dir,
	struct rv_tlog_exported *ret, struct rv_err *err)
{
	struct export x = { .src = src, .dir = dir, .r = ret };
	*ret = (struct rv_tlog_exported){ 0 };
	rv_buf_init(&x.bytes, FILE_MAX);
	rv_buf_init(&x.path, 4096);
	enum rv_code code = rv_dir_make(dir, 0755, err);
	if (code == RV_OK)
		code = all(&x, err);
	rv_buf_done(&x.bytes);
	rv_buf_done(&x.path);
	return code;
}
