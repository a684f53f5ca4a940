/* The index from outside: held against the log byte for byte, or made again. */
#include <errno.h>
#include <fcntl.h>

#include "base/file.h"
#include "search/search_int.h"

struct checker {
	const char *dir;
	struct rv_ledger *ledger;
	struct rv_ledger_reader *reader;
	struct rv_doc doc;
	struct rv_search_check *ret;
};

static void wrong(struct checker *c, uint64_t first, const char *how)
{
	char name[RV_SHARD_NAME];
	rv_shard_name(first, name);
	if (c->ret->wrong++ == 0)
		snprintf(c->ret->first, sizeof c->ret->first, "%s: %s", name, how);
}

static enum rv_code compare(struct checker *c, struct rv_shard *sh, struct rv_err *err)
{
	struct rv_build *b;
	RV_AUTO_BUF out;
	rv_buf_init(&out, SIZE_MAX);
	RV_TRY(rv_search_build(c->reader, &c->doc, sh->first, sh->n, &b, err));
	bool ok = rv_shard_write(b, &out);
	rv_build_free(b);
	if (!ok)
		return RV_FAIL(err, RV_ENOMEM, "out of memory");
	if (out.n != sh->map_n || memcmp(out.p, sh->map, out.n) != 0)
		wrong(c, sh->first,
			rv_shard_is_whole(sh) ? "says other than the log: it was changed on purpose"
					      : "is damaged");
	c->ret->shards++;
	c->ret->events += sh->n;
	return RV_OK;
}

static enum rv_code check_one(struct checker *c, uint64_t first, struct rv_err *err)
{
	char path[RV_SEARCH_PATH + 64];
	struct rv_shard *sh;
	struct rv_err e = { 0 };
	rv_search_path(c->dir, first, path);
	enum rv_code code = rv_shard_map(path, first, &sh, &e);
	if (code == RV_ENOENT) /* thrown away meanwhile */
		return RV_OK;
	if (code == RV_ECORRUPT) {
		wrong(c, first, "is damaged, or of another version");
		return RV_OK;
	}
	if (code != RV_OK)
		return RV_FAIL(err, code, "%s", e.msg);
	if (first + sh->n > rv_ledger_size(c->ledger))
		wrong(c, first, "goes on behind the end of the log");
	else
		code = compare(c, sh, &e);
	rv_shard_free(sh);
	if (code == RV_ENOENT) /* retention dropped its events: nothing to hold it against */
		return RV_OK;
	return code == RV_OK ? RV_OK : RV_FAIL(err, code, "%s", e.msg);
}

enum rv_code rv_search_verify(
	const char *dir, struct rv_ledger *ledger, struct rv_search_check *ret, struct rv_err *err)
{
	RV_AUTO_FREE uint64_t *first = NULL;
	size_t n;
	struct checker c = { .dir = dir, .ledger = ledger, .ret = ret };
	*ret = (struct rv_search_check){ 0 };
	RV_TRY(rv_search_list(dir, &first, &n, err));
	c.reader = rv_ledger_reader_new(ledger, RV_READ_FORWARD);
	if (!c.reader)
		return RV_FAIL(err, RV_ENOMEM, "out of memory");
	rv_doc_init(&c.doc);
	enum rv_code code = RV_OK;
	for (size_t i = 0; i < n && code == RV_OK; i++)
		code = check_one(&c, first[i], err);
	rv_doc_done(&c.doc);
	rv_ledger_reader_free(c.reader);
	return code;
}

static enum rv_code remove_all(const char *dir, struct rv_err *err)
{
	RV_AUTO_FREE uint64_t *first = NULL;
	char path[RV_SEARCH_PATH + 64];
	size_t n;
	int fd;
	RV_TRY(rv_dir_make(dir, 0700, err));
	RV_TRY(rv_search_lock(dir, &fd, err));
	enum rv_code code = rv_search_list(dir, &first, &n, err);
	for (size_t i = 0; i < n && code == RV_OK; i++) {
		rv_search_path(dir, first[i], path);
		if (unlink(path) != 0 && errno != ENOENT)
			code = RV_FAIL(err, RV_EIO, "remove '%s': %s", path, strerror(errno));
	}
	(void)close(fd); /* gives the lock back; the next open takes it */
	return code;
}

enum rv_code rv_search_reindex(
	const char *dir, struct rv_ledger *ledger, uint64_t *ret_events, struct rv_err *err)
{
	const struct rv_search_opts o = { .dir = dir, .ledger = ledger, .has_no_thread = true };
	struct rv_search *s;
	if (strlen(dir) >= RV_SEARCH_PATH)
		return RV_FAIL(err, RV_EINVAL, "the path of the search index is too long");
	RV_TRY(remove_all(dir, err));
	RV_TRY(rv_search_open(&o, &s, err));
	enum rv_code code = rv_search_catch_up(s, err);
	struct rv_search_status st;
	rv_search_status(s, &st);
	*ret_events = st.indexed;
	rv_search_free(s);
	return code;
}
