/* The shards of a log, and the thread that follows it. One shard is open, in memory; when it has
 * its 65,536 events it is written, mapped, and the next begins. After a restart the open one is
 * built again from the log (under half a second); until then its events are scanned like any tail.
 *
 * Nothing here is believed: a shard is used only after its sums were checked and its last leaf hash
 * was found to be the log's; one that fails, or that says something an event does not bear out, is
 * taken out, its events are scanned, and it is built again. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <time.h>

#include "base/file.h"
#include "search/search_int.h"

enum { IDLE_MS = 500, INDEX_NICE = 19 };

static struct rv_search *self(struct rv_search *s)
{
	rv_assert(s && s->magic == RV_SEARCH_MAGIC);
	return s;
}

static void wr_lock(struct rv_search *s)
{
	rv_assert(pthread_rwlock_wrlock(&s->lock) == 0);
}

static void unlock(struct rv_search *s)
{
	rv_assert(pthread_rwlock_unlock(&s->lock) == 0);
}

void rv_search_path(const char *dir, uint64_t first, char ret[RV_SEARCH_PATH + 64])
{
	char name[RV_SHARD_NAME];
	rv_shard_name(first, name);
	snprintf(ret, RV_SEARCH_PATH + 64, "%s/%s", dir, name);
}

enum rv_code rv_search_lock(const char *dir, int *ret_fd, struct rv_err *err)
{
	char path[RV_SEARCH_PATH + 64];
	snprintf(path, sizeof path, "%s/" RV_SEARCH_LOCK, dir);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return RV_FAIL(err, RV_EIO, "open '%s': %s", path, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
		*ret_fd = fd;
		return RV_OK;
	}
	int e = errno;
	(void)close(fd); /* nothing was written */
	if (e == EWOULDBLOCK)
		return RV_FAIL(err, RV_EBUSY,
			"the search index '%s' is in use: stop the server first", dir);
	return RV_FAIL(err, RV_EIO, "lock '%s': %s", path, strerror(e));
}

static int by_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

enum rv_code rv_search_list(const char *dir, uint64_t **ret, size_t *ret_n, struct rv_err *err)
{
	size_t n = 0, cap = 0;
	RV_AUTO_FREE uint64_t *v = NULL;
	DIR *d = opendir(dir);
	if (!d)
		return RV_FAIL(err, errno == ENOENT ? RV_ENOENT : RV_EIO, "open '%s': %s", dir,
			strerror(errno));
	for (struct dirent *e; (e = readdir(d));) {
		uint64_t first;
		if (!rv_shard_name_parse(e->d_name, &first))
			continue;
		if (n == cap) {
			cap = cap ? cap * 2 : 64;
			uint64_t *p = realloc(v, cap * sizeof *p);
			if (!p) {
				(void)closedir(d); /* only read from */
				return RV_FAIL(err, RV_ENOMEM, "out of memory");
			}
			v = p;
		}
		v[n++] = first;
	}
	(void)closedir(d); /* only read from */
	if (n > 0)
		qsort(v, n, sizeof *v, by_u64);
	*ret = rv_take(v);
	*ret_n = n;
	return RV_OK;
}

/* ---- building ---- */

/* Of an event that retention has dropped nothing can be found; its row stays, so that rows and
 * numbers go together. */
static enum rv_code load_row(struct rv_ledger_reader *r, uint64_t seq, struct rv_doc *d,
	struct rv_ledger_entry *ret, struct rv_err *err)
{
	bool is_there = false;
	RV_TRY(rv_ledger_reader_row(r, seq, ret, &is_there, err));
	return rv_doc_load(d, is_there ? ret->event : RV_STR("{}"), err);
}

static enum rv_code add_row(struct rv_build *b, struct rv_doc *d, const struct rv_ledger_entry *e,
	pthread_rwlock_t *lock, struct rv_err *err)
{
	if (lock)
		rv_assert(pthread_rwlock_wrlock(lock) == 0);
	bool ok = rv_build_add(b, d, e->logged_ns, &e->hash);
	if (lock)
		rv_assert(pthread_rwlock_unlock(lock) == 0);
	return ok ? RV_OK : RV_FAIL(err, RV_ENOMEM, "out of memory");
}

enum rv_code rv_search_build(struct rv_ledger_reader *r, struct rv_doc *d, uint64_t first,
	uint32_t n, struct rv_build **ret, struct rv_err *err)
{
	struct rv_build *b = rv_build_new(first, n);
	struct rv_ledger_entry e;
	enum rv_code code = b ? RV_OK : RV_FAIL(err, RV_ENOMEM, "out of memory");
	for (uint32_t i = 0; i < n && code == RV_OK; i++) {
		code = load_row(r, first + i, d, &e, err);
		if (code == RV_OK)
			code = add_row(b, d, &e, NULL, err);
	}
	if (code != RV_OK) {
		rv_build_free(b);
		return code;
	}
	*ret = b;
	return RV_OK;
}

/* b as a file, mapped. */
static enum rv_code seal(
	struct rv_search *s, const struct rv_build *b, struct rv_shard **ret, struct rv_err *err)
{
	char path[RV_SEARCH_PATH + 64];
	RV_AUTO_BUF out;
	rv_buf_init(&out, SIZE_MAX);
	rv_search_path(s->dir, b->first, path);
	if (!rv_shard_write(b, &out))
		return RV_FAIL(err, RV_ENOMEM, "out of memory");
	RV_TRY(rv_file_write(path, rv_buf_str(&out), 0600, err));
	RV_TRY(rv_shard_map(path, b->first, ret, err));
	(*ret)->is_checked = 1; /* it was just made from the log */
	return RV_OK;
}

static bool push_shard(struct rv_search *s, struct rv_shard *sh)
{
	if (s->n_shards == s->shards_cap) {
		size_t cap = s->shards_cap ? s->shards_cap * 2 : 64;
		struct rv_shard **p = realloc(s->shards, cap * sizeof *p);
		if (!p)
			return false;
		s->shards = p;
		s->shards_cap = cap;
	}
	s->shards[s->n_shards++] = sh;
	return true;
}

/* The open shard is full. */
static enum rv_code roll(struct rv_search *s, struct rv_err *err)
{
	struct rv_build *old = s->open, *next;
	struct rv_shard *sh;
	RV_TRY(seal(s, old, &sh, err));
	next = rv_build_new(old->first + old->n, s->shard_rows);
	if (!next) {
		rv_shard_free(sh);
		return RV_FAIL(err, RV_ENOMEM, "out of memory");
	}
	wr_lock(s);
	bool ok = push_shard(s, sh);
	if (ok)
		s->open = next;
	unlock(s);
	rv_build_free(ok ? old : next);
	if (!ok)
		rv_shard_free(sh);
	return ok ? RV_OK : RV_FAIL(err, RV_ENOMEM, "out of memory");
}

/* Shards that were taken out. */
static enum rv_code fill_holes(struct rv_search *s, struct rv_err *err)
{
	for (size_t i = 0; i < s->n_shards; i++) {
		struct rv_build *b;
		struct rv_shard *sh;
		if (s->shards[i]) /* only this thread fills, others only take out */
			continue;
		RV_TRY(rv_search_build(
			s->reader, &s->doc, i * s->shard_rows, s->shard_rows, &b, err));
		enum rv_code code = seal(s, b, &sh, err);
		rv_build_free(b);
		RV_TRY(code);
		wr_lock(s);
		s->shards[i] = sh;
		s->rebuilt++;
		unlock(s);
	}
	return RV_OK;
}

/* A row that failed may have left something behind it: the open shard begins again. */
static enum rv_code restart(struct rv_search *s, struct rv_err *err)
{
	struct rv_build *b = rv_build_new(s->open->first, s->shard_rows), *old = s->open;
	if (!b)
		return RV_FAIL(err, RV_ENOMEM, "out of memory");
	wr_lock(s);
	s->open = b;
	unlock(s);
	rv_build_free(old);
	return RV_OK;
}

static bool is_closing(struct rv_search *s)
{
	return __atomic_load_n(&s->is_closing, __ATOMIC_ACQUIRE);
}

/* feed_mu held. */
static enum rv_code feed(struct rv_search *s, struct rv_err *err)
{
	struct rv_ledger_entry e;
	uint64_t size = rv_ledger_size(s->ledger);
	RV_TRY(fill_holes(s, err));
	for (uint64_t seq = s->open->first + s->open->n; seq < size && !is_closing(s); seq++) {
		enum rv_code code = load_row(s->reader, seq, &s->doc, &e, err);
		if (code == RV_OK)
			code = add_row(s->open, &s->doc, &e, &s->lock, err);
		if (code == RV_ENOMEM)
			RV_TRY(restart(s, err));
		RV_TRY(code);
		if (s->open->n == s->shard_rows)
			RV_TRY(roll(s, err));
	}
	return RV_OK;
}

enum rv_code rv_search_catch_up(struct rv_search *s, struct rv_err *err)
{
	struct rv_err e = { 0 };
	rv_assert(pthread_mutex_lock(&self(s)->feed_mu) == 0);
	enum rv_code code = feed(s, &e);
	rv_assert(pthread_mutex_unlock(&s->feed_mu) == 0);
	wr_lock(s);
	snprintf(s->error, sizeof s->error, "%.*s", (int)sizeof s->error - 1,
		code == RV_OK ? "" : e.msg);
	unlock(s);
	return code == RV_OK ? RV_OK : RV_FAIL(err, code, "%s", e.msg);
}

/* ---- trust ---- */

/* Takes sh out. Others may still look at it, so it is kept mapped until the end. */
void rv_search_distrust(struct rv_search *s, struct rv_shard *sh)
{
	size_t i = sh->first / s->shard_rows;
	wr_lock(s);
	struct rv_shard **p = realloc(s->gone, (s->n_gone + 1) * sizeof *p);
	if (p)
		s->gone = p;
	/* Without memory it stays, and is looked at again the next time. */
	if (p && i < s->n_shards && s->shards[i] == sh) {
		s->gone[s->n_gone++] = sh;
		s->shards[i] = NULL;
	}
	unlock(s);
	rv_search_poke(s);
}

void rv_search_forget(struct rv_search *s, uint64_t from, uint64_t to)
{
	for (size_t i = from / s->shard_rows; i * s->shard_rows < to; i++) {
		rv_assert(pthread_rwlock_rdlock(&self(s)->lock) == 0);
		struct rv_shard *sh = i < s->n_shards ? s->shards[i] : NULL;
		unlock(s);
		if (sh)
			rv_search_distrust(s, sh);
	}
}

static bool is_of_log(struct rv_search *s, const struct rv_shard *sh)
{
	struct rv_ledger_entry e;
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 4 << 20);
	/* An event that was dropped by retention can no longer speak against it. */
	enum rv_code code = rv_ledger_read(s->ledger, &a, sh->first + sh->n - 1, &e, NULL);
	return code != RV_OK || rv_sha256_eq(&e.hash, &sh->last);
}

struct rv_shard *rv_search_trusted(struct rv_search *s, struct rv_shard *sh)
{
	if (!sh)
		return NULL;
	if (__atomic_load_n(&sh->is_checked, __ATOMIC_ACQUIRE) == 1)
		return sh;
	if (is_of_log(s, sh) && rv_shard_is_whole(sh))
		return sh;
	rv_search_distrust(s, sh);
	return NULL;
}

/* Checks one shard that nobody has used yet; false when there is none. */
static bool scrub(struct rv_search *s)
{
	struct rv_shard *sh = NULL;
	rv_assert(pthread_rwlock_rdlock(&s->lock) == 0);
	for (size_t i = s->n_shards; i > 0 && !sh; i--)
		if (s->shards[i - 1] &&
			__atomic_load_n(&s->shards[i - 1]->is_checked, __ATOMIC_ACQUIRE) == 0)
			sh = s->shards[i - 1];
	unlock(s);
	(void)rv_search_trusted(s, sh); /* what is damaged is taken out within */
	return sh != NULL;
}

/* ---- the thread ---- */

static void wait_for_more(struct rv_search *s)
{
	struct timespec until;
	rv_assert(clock_gettime(CLOCK_MONOTONIC, &until) == 0);
	until.tv_nsec += IDLE_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	rv_assert(pthread_mutex_lock(&s->wake_mu) == 0);
	while (!s->is_poked && !is_closing(s))
		if (pthread_cond_timedwait(&s->wake, &s->wake_mu, &until) == ETIMEDOUT)
			break;
	s->is_poked = false;
	rv_assert(pthread_mutex_unlock(&s->wake_mu) == 0);
}

static void *follow(void *arg)
{
	struct rv_search *s = arg;
	bool has_failed = false;
	/* Decisions go first where cores are few; whoever searches waits for what is missing. */
	(void)setpriority(PRIO_PROCESS, (id_t)gettid(), INDEX_NICE); /* only slower without */
	while (!is_closing(s)) {
		if (has_failed || !scrub(s))
			wait_for_more(s);
		if (!is_closing(s))
			has_failed = rv_search_catch_up(s, NULL) != RV_OK; /* status says why */
	}
	return NULL;
}

void rv_search_poke(struct rv_search *s)
{
	rv_assert(pthread_mutex_lock(&self(s)->wake_mu) == 0);
	s->is_poked = true;
	rv_assert(pthread_cond_signal(&s->wake) == 0);
	rv_assert(pthread_mutex_unlock(&s->wake_mu) == 0);
}

/* ---- opening ---- */

/* Files that continue one another from event 0, no further than the log goes. Holes are built
 * again; what lies behind the log's end is of another log. */
static enum rv_code load(struct rv_search *s, struct rv_err *err)
{
	RV_AUTO_FREE uint64_t *first = NULL;
	char path[RV_SEARCH_PATH + 64];
	size_t n, want = 0;
	uint64_t size = rv_ledger_size(s->ledger), rows = s->shard_rows;
	RV_TRY(rv_search_list(s->dir, &first, &n, err));
	for (size_t i = 0; i < n; i++) {
		if (first[i] % rows == 0 && first[i] + rows <= size) {
			want = first[i] / rows + 1;
			continue;
		}
		rv_search_path(s->dir, first[i], path);
		if (unlink(path) != 0 && errno != ENOENT)
			return RV_FAIL(err, RV_EIO, "remove '%s': %s", path, strerror(errno));
	}
	for (size_t i = 0; i < want; i++) {
		struct rv_shard *sh = NULL;
		rv_search_path(s->dir, i * rows, path);
		if (rv_shard_map(path, i * rows, &sh, NULL) == RV_OK && sh->n != rows) {
			rv_shard_free(sh);
			sh = NULL;
		}
		if (!push_shard(s, sh)) {
			rv_shard_free(sh);
			return RV_FAIL(err, RV_ENOMEM, "out of memory");
		}
	}
	s->open = rv_build_new(want * rows, s->shard_rows);
	return s->open ? RV_OK : RV_FAIL(err, RV_ENOMEM, "out of memory");
}

static enum rv_code open_it(struct rv_search *s, const struct rv_search_opts *o, struct rv_err *err)
{
	if (strlen(o->dir) >= sizeof s->dir)
		return RV_FAIL(err, RV_EINVAL, "the path of the search index is too long");
	snprintf(s->dir, sizeof s->dir, "%s", o->dir);
	s->ledger = o->ledger;
	s->shard_rows = o->shard_rows ? o->shard_rows : RV_SEARCH_ROWS;
	rv_assert(s->shard_rows <= RV_SEARCH_ROWS);
	s->reader = rv_ledger_reader_new(s->ledger, RV_READ_FORWARD);
	if (!s->reader)
		return RV_FAIL(err, RV_ENOMEM, "out of memory");
	RV_TRY(rv_dir_make(s->dir, 0700, err));
	RV_TRY(rv_search_lock(s->dir, &s->lock_fd, err));
	RV_TRY(load(s, err));
	if (o->has_no_thread)
		return RV_OK;
	if (pthread_create(&s->thread, NULL, follow, s) != 0)
		return RV_FAIL(err, RV_ENOMEM, "cannot start the thread that indexes");
	s->has_thread = true;
	return RV_OK;
}

static void init_sync(struct rv_search *s)
{
	pthread_condattr_t attr;
	rv_assert(pthread_condattr_init(&attr) == 0);
	rv_assert(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
	rv_assert(pthread_cond_init(&s->wake, &attr) == 0);
	rv_assert(pthread_condattr_destroy(&attr) == 0);
	rv_assert(pthread_mutex_init(&s->wake_mu, NULL) == 0);
	rv_assert(pthread_mutex_init(&s->feed_mu, NULL) == 0);
	rv_assert(pthread_rwlock_init(&s->lock, NULL) == 0);
}

enum rv_code rv_search_open(
	const struct rv_search_opts *o, struct rv_search **ret, struct rv_err *err)
{
	struct rv_search *s = calloc(1, sizeof *s);
	if (!s)
		return RV_FAIL(err, RV_ENOMEM, "out of memory");
	s->magic = RV_SEARCH_MAGIC;
	s->lock_fd = -1;
	rv_doc_init(&s->doc);
	init_sync(s);
	s->is_poked = true; /* there may be a tail */
	enum rv_code code = open_it(s, o, err);
	if (code == RV_OK)
		*ret = s;
	else
		rv_search_free(s);
	return code;
}

void rv_search_free(struct rv_search *s)
{
	if (!s)
		return;
	__atomic_store_n(&self(s)->is_closing, true, __ATOMIC_RELEASE);
	rv_search_poke(s);
	if (s->has_thread)
		rv_assert(pthread_join(s->thread, NULL) == 0);
	for (size_t i = 0; i < s->n_shards; i++)
		rv_shard_free(s->shards[i]);
	for (size_t i = 0; i < s->n_gone; i++)
		rv_shard_free(s->gone[i]);
	free(s->shards);
	free(s->gone);
	rv_build_free(s->open);
	rv_ledger_reader_free(s->reader);
	rv_doc_done(&s->doc);
	if (s->lock_fd >= 0)
		(void)close(s->lock_fd); /* gives the lock back */
	(void)pthread_cond_destroy(&s->wake); /* nobody waits */
	(void)pthread_mutex_destroy(&s->wake_mu);
	(void)pthread_mutex_destroy(&s->feed_mu);
	(void)pthread_rwlock_destroy(&s->lock);
	s->magic = 0;
	free(s);
}

void rv_search_status(struct rv_search *s, struct rv_search_status *ret)
{
	*ret = (struct rv_search_status){ .size = rv_ledger_size(self(s)->ledger) };
	rv_assert(pthread_rwlock_rdlock(&s->lock) == 0);
	ret->indexed = s->open->first + s->open->n;
	for (size_t i = 0; i < s->n_shards; i++) {
		if (!s->shards[i]) {
			ret->indexed -= s->shard_rows;
			continue;
		}
		ret->shards++;
		ret->bytes += s->shards[i]->map_n;
		ret->text_bytes += rv_shard_text_bytes(s->shards[i]);
	}
	ret->rebuilt = s->rebuilt;
	memcpy(ret->error, s->error, sizeof ret->error);
	unlock(s);
}
