/* Opening and closing, the queue, and what others ask about the state. The writer is writer.c. */
#include <sodium.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/file.h"
#include "ledger/ledger_int.h"

enum { QUEUE_MAX = 65536 };

static void lock(pthread_mutex_t *m)
{
	rv_assert(pthread_mutex_lock(m) == 0);
}

static void unlock(pthread_mutex_t *m)
{
	rv_assert(pthread_mutex_unlock(m) == 0);
}

static struct rv_ledger *self(struct rv_ledger *l)
{
	rv_assert(l && l->magic == RV_LEDGER_MAGIC);
	return l;
}

const char *rv_ledger_state_name(enum rv_ledger_state s)
{
	static const char *const names[] = { "?", "open", "full", "unavailable", "broken",
		"read-only", "closed" };
	return (size_t)s < RV_COUNT(names) ? names[s] : "?";
}

/* ---- lists ---- */

void rv_list_init(struct rv_list *q)
{
	*q = (struct rv_list){ .tail = &q->head };
}

void rv_list_push(struct rv_list *q, struct rv_job_rec *r)
{
	r->next = NULL;
	*q->tail = r;
	q->tail = &r->next;
	q->n++;
}

struct rv_job_rec *rv_list_pop(struct rv_list *q)
{
	struct rv_job_rec *r = q->head;
	if (!r)
		return NULL;
	q->head = r->next;
	if (!q->head)
		q->tail = &q->head;
	q->n--;
	return r;
}

void rv_list_move(struct rv_list *to, struct rv_list *from)
{
	if (!from->head)
		return;
	*to->tail = from->head;
	to->tail = from->tail;
	to->n += from->n;
	rv_list_init(from);
}

void rv_list_free(struct rv_list *q)
{
	for (struct rv_job_rec *r; (r = rv_list_pop(q));)
		free(r);
}

/* ---- opening ---- */

static enum rv_code take_lock(struct rv_ledger *l, struct rv_err *err)
{
	char path[RV_PATH];
	rv_ledger_path(l, RV_F_LOCK, path);
	l->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (l->lock_fd < 0)
		return RV_FAIL(err, RV_EIO, "open '%s': %s", path, strerror(errno));
	if (flock(l->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return RV_OK;
	if (errno == EWOULDBLOCK)
		return RV_FAIL(err, RV_EBUSY,
			"the log '%s' is in use: another process writes it; stop that one first",
			l->dir);
	return RV_FAIL(err, RV_EIO, "lock '%s': %s", path, strerror(errno));
}

/* Do both keys say that ours is the next one after that? */
static bool follows(struct rv_ledger *l, struct rv_str old_key)
{
	struct rv_keychain chain;
	char key[RV_VKEY_MAX];
	RV_AUTO_BUF b;
	rv_buf_init(&b, RV_ROTATIONS_MAX);
	if (old_key.n >= sizeof key || rv_ledger_rotations(l, &b, NULL) != RV_OK)
		return false;
	memcpy(key, old_key.p, old_key.n);
	key[old_key.n] = '\0';
	return rv_keychain_read(rv_buf_str(&b), key, &chain, NULL) == RV_OK && chain.n > 1 &&
		strcmp(chain.key[chain.n - 1], l->vkey) == 0;
}

/* Is there a key after ours? */
static bool is_succeeded(struct rv_ledger *l)
{
	struct rv_keychain chain;
	RV_AUTO_BUF b;
	rv_buf_init(&b, RV_ROTATIONS_MAX);
	return rv_ledger_rotations(l, &b, NULL) == RV_OK &&
		rv_keychain_read(rv_buf_str(&b), l->vkey, &chain, NULL) == RV_OK && chain.n > 1;
}

/* The verifier key beside the log says whose log it is; a writer makes it. */
static enum rv_code take_vkey(struct rv_ledger *l, struct rv_err *err)
{
	char path[RV_PATH];
	RV_AUTO_ARENA a;
	struct rv_str text;
	struct rv_err e = { 0 };
	rv_arena_init(&a, 1 << 16);
	rv_ledger_path(l, RV_F_VKEY, path);
	enum rv_code code = rv_file_read(&a, path, 1024, &text, &e);
	if (code != RV_OK && code != RV_ENOENT)
		return RV_FAIL(err, code, "'%s': %s", path, e.msg);
	text = code == RV_OK ? rv_str_trim(text) : RV_STR("");
	if (!l->is_writer) {
		if (text.n < sizeof l->vkey && text.n > 0)
			memcpy(l->vkey, text.p, text.n);
		return l->vkey[0] ? rv_note_check_vkey(l->vkey, err) : RV_OK;
	}
	if (code == RV_OK && !rv_str_eqz(text, l->vkey) && follows(l, text)) {
		/* A rotation that stopped before its last step. */
		return rv_file_write(path, rv_str_of(l->vkey), 0600, err);
	}
	if (code == RV_OK && !rv_str_eqz(text, l->vkey))
		return RV_FAIL(err, RV_EAUTH, "the log '%s' is of the key '%.*s', not '%s'", l->dir,
			RV_FMT(text), l->vkey);
	if (code == RV_OK && is_succeeded(l))
		return RV_FAIL(err, RV_EAUTH,
			"the key of the log '%s' was changed and this is the old one; finish the "
			"change with 'reeve audit rotate-key'",
			l->dir);
	return code == RV_OK ? RV_OK : rv_file_create(path, rv_str_of(l->vkey), 0600, err);
}

static enum rv_code take_opts(
	struct rv_ledger *l, const struct rv_ledger_opts *o, struct rv_err *err)
{
	if (strlen(o->dir) > RV_PATH - 64)
		return RV_FAIL(err, RV_EINVAL, "the path of the log is too long");
	snprintf(l->dir, sizeof l->dir, "%s", o->dir);
	if (o->origin) {
		RV_TRY(rv_note_check_name(rv_str_of(o->origin), err));
		snprintf(l->origin, sizeof l->origin, "%s", o->origin);
	}
	l->is_writer = o->key != NULL;
	if (l->is_writer && !o->origin)
		return RV_FAIL(err, RV_EINVAL, "a log that is written has an origin");
	l->clock = o->clock ? o->clock : rv_clock_system();
	l->io = o->io ? o->io : rv_ledger_io_system();
	l->segment_bytes = o->segment_bytes ? o->segment_bytes : 64 << 20;
	if (l->segment_bytes > RV_SEG_BYTES_MAX)
		return RV_FAIL(err, RV_ELIMIT, "a segment has at most 1 GiB");
	l->queue_max = o->queue_max ? o->queue_max : QUEUE_MAX;
	l->reserve_bytes = o->reserve_bytes;
	l->io_deadline_ms = o->io_deadline_ms ? o->io_deadline_ms : RV_IO_DEADLINE_MS;
	l->on_batch = o->on_batch;
	l->on_batch_arg = o->on_batch_arg;
	if (!l->is_writer)
		return RV_OK;
	l->key = *o->key;
	RV_AUTO_BUF b;
	rv_buf_init(&b, sizeof l->vkey);
	RV_TRY(rv_ledger_vkey(&l->key, rv_str_of(l->origin), &b, err));
	snprintf(l->vkey, sizeof l->vkey, "%s", rv_buf_z(&b));
	return RV_OK;
}

static void init_sync(struct rv_ledger *l)
{
	pthread_condattr_t attr;
	rv_assert(pthread_condattr_init(&attr) == 0);
	rv_assert(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
	rv_assert(pthread_mutex_init(&l->q_mu, NULL) == 0);
	rv_assert(pthread_mutex_init(&l->mu, NULL) == 0);
	rv_assert(pthread_mutex_init(&l->finish_mu, NULL) == 0);
	rv_assert(pthread_mutex_init(&l->retain_mu, NULL) == 0);
	rv_assert(pthread_cond_init(&l->q_watch, &attr) == 0);
	rv_assert(pthread_cond_init(&l->q_work, &attr) == 0);
	rv_assert(pthread_cond_init(&l->q_room, &attr) == 0);
	rv_assert(pthread_cond_init(&l->q_signed, &attr) == 0);
	rv_assert(pthread_condattr_destroy(&attr) == 0);
}

/* The end of the last segment as it must be before the first append. */
static enum rv_code ready_to_write(struct rv_ledger *l, struct rv_err *err)
{
	int64_t now = rv_clock_unix_ns(l->clock);
	int e;
	if (l->n_segs == 0) {
		struct rv_seg *s = rv_seg_new(0);
		if (!s || !rv_ledger_push_seg(l, s)) {
			rv_seg_free(s);
			return RV_FAIL(err, RV_ENOMEM, "out of memory");
		}
		e = rv_disk_open_last(l, 0, true, now);
	} else {
		e = rv_disk_open_last(l, rv_ledger_last(l)->first, false, now);
	}
	if (e == 0 && (l->torn_bytes > 0 || l->zeroed < rv_ledger_last(l)->used))
		e = rv_disk_cut(l);
	if (e)
		return RV_FAIL(err, RV_EIO, "log '%s': %s", l->dir, strerror(e));
	l->last_wall = l->last_logged;
	if (l->torn_bytes > 0)
		rv_ledger_note_event(l, "service.torn_tail",
			&(struct rv_note_num){ "bytes", (int64_t)l->torn_bytes }, 1, now);
	if (l->tree.n > l->signed_size)
		l->sign_due = rv_clock_mono_ns(rv_clock_system());
	l->state = RV_LEDGER_OPEN;
	e = l->reserve_bytes ? rv_disk_reserve(l, true) : 0;
	l->has_reserve = l->reserve_bytes && e == 0;
	if (e) { /* the writer tries again */
		l->state = RV_LEDGER_FULL;
		snprintf(l->reason, sizeof l->reason, "cannot set the reserve aside: %s",
			strerror(e));
		l->retry_ms = RV_RETRY_MIN_MS;
		l->retry_at = rv_clock_mono_ns(rv_clock_system());
	}
	return RV_OK;
}

static enum rv_code open_it(
	struct rv_ledger *l, const struct rv_ledger_opts *opts, struct rv_err *err)
{
	RV_TRY(take_opts(l, opts, err));
	if (l->is_writer) {
		RV_TRY(rv_dir_make(l->dir, 0700, err));
		RV_TRY(take_lock(l, err));
	}
	RV_TRY(take_vkey(l, err));
	RV_TRY(rv_ledger_load(l, err));
	if (!l->is_writer) {
		l->state = RV_LEDGER_READ_ONLY;
		snprintf(l->reason, sizeof l->reason, "opened for reading only");
		return RV_OK;
	}
	RV_TRY(ready_to_write(l, err));
	if (pthread_create(&l->thread, NULL, rv_writer_main, l) != 0)
		return RV_FAIL(err, RV_ENOMEM, "cannot start the ledger thread");
	l->has_thread = true;
	if (pthread_create(&l->watcher, NULL, rv_watch_main, l) != 0)
		return RV_FAIL(err, RV_ENOMEM, "cannot start the thread that watches the disk");
	l->has_watcher = true;
	return RV_OK;
}

enum rv_code rv_ledger_open(
	const struct rv_ledger_opts *opts, struct rv_ledger **ret, struct rv_err *err)
{
	struct rv_ledger *l = calloc(1, sizeof *l);
	if (!l)
		return RV_FAIL(err, RV_ENOMEM, "out of memory");
	l->magic = RV_LEDGER_MAGIC;
	l->fd = l->lock_fd = -1;
	init_sync(l);
	rv_list_init(&l->queue);
	rv_list_init(&l->ours);
	rv_buf_init(&l->note, RV_CHECKPOINT_MAX);
	rv_buf_init(&l->witnessed, RV_CHECKPOINT_MAX);
	rv_buf_init(&l->out, SIZE_MAX);
	enum rv_code code = sodium_init() < 0 ? RV_FAIL(err, RV_EINTERNAL, "no libsodium")
					      : open_it(l, opts, err);
	if (code == RV_OK)
		*ret = l;
	else
		rv_ledger_free(l);
	return code;
}

void rv_ledger_free(struct rv_ledger *l)
{
	if (!l)
		return;
	self(l);
	if (l->has_thread) {
		lock(&l->q_mu);
		l->is_closing = true;
		rv_assert(pthread_cond_broadcast(&l->q_work) == 0);
		rv_assert(pthread_cond_broadcast(&l->q_room) == 0);
		unlock(&l->q_mu);
		rv_assert(pthread_join(l->thread, NULL) == 0);
		lock(&l->q_mu);
		l->is_writer_gone = true;
		rv_assert(pthread_cond_signal(&l->q_watch) == 0);
		unlock(&l->q_mu);
		if (l->has_watcher)
			rv_assert(pthread_join(l->watcher, NULL) == 0);
	}
	rv_list_free(&l->queue);
	rv_list_free(&l->ours);
	for (size_t i = 0; i < l->n_segs; i++)
		rv_seg_free(l->segs[i]);
	free(l->segs);
	rv_tree_done(&l->tree);
	rv_ids_done(&l->ids);
	rv_buf_done(&l->note);
	rv_buf_done(&l->witnessed);
	rv_buf_done(&l->out);
	if (l->fd >= 0)
		(void)close(l->fd); /* synced batch by batch */
	if (l->lock_fd >= 0)
		(void)close(l->lock_fd); /* gives the lock back */
	(void)pthread_cond_destroy(&l->q_work); /* nobody waits */
	(void)pthread_cond_destroy(&l->q_room);
	(void)pthread_cond_destroy(&l->q_signed);
	(void)pthread_cond_destroy(&l->q_watch);
	(void)pthread_mutex_destroy(&l->finish_mu);
	(void)pthread_mutex_destroy(&l->retain_mu);
	(void)pthread_mutex_destroy(&l->q_mu);
	(void)pthread_mutex_destroy(&l->mu);
	rv_ledger_key_wipe(&l->key);
	l->magic = 0;
	free(l);
}

/* ---- state ---- */

void rv_ledger_status(struct rv_ledger *l, struct rv_ledger_status *ret)
{
	*ret = (struct rv_ledger_status){ 0 };
	lock(&self(l)->q_mu);
	ret->state = l->is_closing ? RV_LEDGER_CLOSED : l->state;
	memcpy(ret->reason, l->reason, sizeof ret->reason);
	memcpy(ret->checkpoint_error, l->checkpoint_error, sizeof ret->checkpoint_error);
	ret->waiting = l->queue.n;
	ret->batches = l->batches;
	ret->failed_batches = l->failed_batches;
	ret->has_reserve = l->has_reserve;
	ret->refused = l->refused;
	if (l->hung_since)
		ret->hung_ms = (rv_clock_mono_ns(rv_clock_system()) - l->hung_since) / RV_NS_PER_MS;
	unlock(&l->q_mu);
	lock(&l->mu);
	ret->size = l->tree.n;
	ret->signed_size = l->signed_size;
	unlock(&l->mu);
}

void rv_ledger_refused(struct rv_ledger *l)
{
	lock(&self(l)->q_mu);
	l->refused++;
	unlock(&l->q_mu);
}

uint64_t rv_ledger_size(struct rv_ledger *l)
{
	lock(&self(l)->mu);
	uint64_t n = l->tree.n;
	unlock(&l->mu);
	return n;
}

const char *rv_ledger_own_vkey(const struct rv_ledger *l)
{
	return l->vkey;
}
