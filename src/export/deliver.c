/* One thread a sink: reads what is signed, sends it in batches, and keeps a cursor.
 *
 * A cursor is STATE/NAME.cursor, {"next":41}: the first event that was not delivered. It is
 * replaced whole and durably, after the receiver has said that it has the batch: so a crash in
 * between sends a batch again, and never skips one. A receiver that fails is tried again for ever,
 * at growing intervals; nothing is dropped, for the log is the queue. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/file.h>
#include <time.h>

#include "base/file.h"
#include "export/export_int.h"

enum { POLL_MS = 200, RETRY_MIN_MS = 1000, RETRY_MAX_MS = 60000, SKIP_SAVE = 10000 };

struct worker {
	struct rv_exporter *x;
	const struct rv_sink *sink;
	pthread_t thread;
	bool has_thread;
	struct rv_ledger_tail *tail;
	struct rv_http_client *client;
	struct rv_arena arena;
	struct rv_batch batch;
	char host[256];
	uint64_t saved; /* what the cursor on disk says */
	size_t batch_max; /* halved when a receiver finds it too large */
	struct rv_sink_status st; /* under x->mu */
};
struct rv_exporter {
	char ledger_dir[512], state_dir[512];
	const struct rv_export_config *config;
	int64_t retry_min_ms, retry_max_ms;
	int lock_fd;
	pthread_mutex_t mu;
	pthread_cond_t moved; /* a sink moved on, or it ends */
	bool is_closing;
	struct worker workers[RV_SINKS_MAX];
};

static void lock(struct rv_exporter *x)
{
	rv_assert(pthread_mutex_lock(&x->mu) == 0);
}

static void unlock(struct rv_exporter *x)
{
	rv_assert(pthread_mutex_unlock(&x->mu) == 0);
}

static struct timespec after(int64_t ms)
{
	int64_t t = rv_clock_mono_ns(rv_clock_system()) + ms * RV_NS_PER_MS;
	return (struct timespec){ .tv_sec = (time_t)(t / RV_NS_PER_S), .tv_nsec = t % RV_NS_PER_S };
}

/* False: it ends. */
static bool pause_for(struct worker *w, int64_t ms)
{
	struct rv_exporter *x = w->x;
	struct timespec until = after(ms);
	lock(x);
	while (!x->is_closing)
		if (pthread_cond_timedwait(&x->moved, &x->mu, &until) == ETIMEDOUT)
			break;
	bool goes_on = !x->is_closing;
	unlock(x);
	return goes_on;
}

/* ---- cursors ---- */

static void cursor_path(const char *dir, struct rv_str name, char ret[700])
{
	snprintf(ret, 700, "%s/%.*s.cursor", dir, RV_FMT(name));
}

enum rv_code rv_export_cursor_read(
	const char *state_dir, struct rv_str name, uint64_t *ret, struct rv_err *err)
{
	char path[700];
	struct rv_str text;
	const struct rv_json *v, *next;
	struct rv_err e = { 0 };
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 1 << 16);
	cursor_path(state_dir, name, path);
	enum rv_code code = rv_file_read(&a, path, 4096, &text, &e);
	if (code == RV_ENOENT) {
		*ret = UINT64_MAX;
		return RV_OK;
	}
	if (code == RV_OK)
		code = rv_json_parse(&a, text, NULL, &v, &e);
	if (code != RV_OK)
		return RV_FAIL(err, code, "'%s': %s", path, e.msg);
	next = rv_json_get(v, "next");
	if (!rv_json_is(next, RV_JSON_INT) || next->integer < 0)
		return RV_FAIL(err, RV_ECORRUPT,
			"'%s' is no cursor; remove it to deliver everything again", path);
	*ret = (uint64_t)next->integer;
	return RV_OK;
}

static enum rv_code cursor_save(struct worker *w, uint64_t next, struct rv_err *err)
{
	char path[700], text[64];
	int n = snprintf(text, sizeof text, "{\"next\":%llu}\n", (unsigned long long)next);
	cursor_path(w->x->state_dir, w->sink->name, path);
	RV_TRY(rv_file_write(path, rv_str_n(text, (size_t)n), 0600, err));
	w->saved = next;
	return RV_OK;
}

static void report(struct worker *w, uint64_t next, size_t delivered, const struct rv_err *failure)
{
	lock(w->x);
	w->st.next = next;
	w->st.delivered += delivered;
	w->st.failures += failure != NULL;
	snprintf(w->st.error, sizeof w->st.error, "%.*s", (int)sizeof w->st.error - 1,
		failure ? failure->msg : "");
	rv_assert(pthread_cond_broadcast(&w->x->moved) == 0);
	unlock(w->x);
}

/* ---- one batch ---- */

/* Events up to the batch's size; *ret_next: behind the last one looked at. */
static enum rv_code fill(struct worker *w, uint64_t *ret_next, struct rv_err *err)
{
	static const struct rv_json_limits limits = { .max_bytes = RV_LEDGER_LEAF_MAX };
	size_t looked = 0;
	rv_batch_begin(&w->batch, w->sink);
	while (w->batch.n < w->batch_max && looked++ < SKIP_SAVE) {
		struct rv_ledger_entry e;
		struct rv_export_event x = { .entry = &e };
		bool fits;
		enum rv_code code = rv_ledger_tail_next(w->tail, &e, err);
		if (code == RV_ENOENT)
			break;
		RV_TRY(code);
		*ret_next = e.seq + 1;
		RV_TRY(rv_query_match(w->sink->query, &e, &fits, err));
		if (!fits)
			continue;
		rv_arena_clear(&w->arena);
		RV_TRY(rv_json_parse(&w->arena, e.event, &limits, &x.event, err));
		x.origin = rv_str_of(rv_ledger_tail_origin(w->tail));
		rv_batch_add(&w->batch, w->sink, &x, w->host);
	}
	rv_batch_end(&w->batch, w->sink);
	return rv_buf_ok(&w->batch.body, err);
}

static enum rv_code go_to(struct worker *w, uint64_t seq, struct rv_err *err)
{
	rv_ledger_tail_free(w->tail);
	w->tail = rv_ledger_tail_new(w->x->ledger_dir, seq, err);
	return w->tail ? RV_OK : RV_ENOMEM;
}

/* RV_OK and *ret_moved false: there is nothing new. */
static enum rv_code deliver(struct worker *w, bool *ret_moved, struct rv_err *err)
{
	uint64_t next = w->saved;
	*ret_moved = false;
	RV_TRY(go_to(w, w->saved, err));
	RV_TRY(fill(w, &next, err));
	if (next == w->saved)
		return RV_OK;
	if (w->batch.n > 0) {
		enum rv_code code = rv_batch_send(&w->batch, w->sink, w->client, err);
		if (code == RV_ELIMIT && w->batch_max > 1)
			w->batch_max /= 2;
		RV_TRY(code);
	}
	size_t n = w->batch.n;
	RV_TRY(cursor_save(w, next, err));
	report(w, next, n, NULL);
	*ret_moved = true;
	return RV_OK;
}

static void *run(void *arg)
{
	struct worker *w = arg;
	int64_t retry = w->x->retry_min_ms;
	for (bool goes_on = true; goes_on;) {
		struct rv_err err = { 0 };
		bool moved = false;
		if (deliver(w, &moved, &err) != RV_OK) {
			report(w, w->saved, 0, &err);
			goes_on = pause_for(w, retry);
			retry = retry * 2 < w->x->retry_max_ms ? retry * 2 : w->x->retry_max_ms;
			continue;
		}
		retry = w->x->retry_min_ms;
		goes_on = pause_for(w, moved ? 0 : POLL_MS);
	}
	return NULL;
}

/* ---- all of them ---- */

static enum rv_code take_lock(struct rv_exporter *x, struct rv_err *err)
{
	char path[600];
	snprintf(path, sizeof path, "%s/lock", x->state_dir);
	x->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (x->lock_fd < 0)
		return RV_FAIL(err, RV_EIO, "open '%s': %s", path, strerror(errno));
	if (flock(x->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return RV_OK;
	return RV_FAIL(err, errno == EWOULDBLOCK ? RV_EBUSY : RV_EIO,
		"another process exports with the cursors of '%s'", x->state_dir);
}

/* The client's view of a syslog URL: http or https to the same place. */
static enum rv_code open_client(struct worker *w, struct rv_err *err)
{
	const struct rv_sink *s = w->sink;
	char base[600], ca[512];
	struct rv_str u = s->url;
	const char *scheme = "";
	if (rv_str_starts(u, RV_STR("syslog+tls://"))) {
		scheme = "https://";
		u = rv_str_sub(u, 13, u.n);
	} else if (rv_str_starts(u, RV_STR("syslog+tcp://"))) {
		scheme = "http://";
		u = rv_str_sub(u, 13, u.n);
	} else if (!rv_str_starts(u, RV_STR("unix:"))) {
		const char *p = memmem(u.p, u.n, "://", 3);
		size_t slash = rv_str_find(u, '/', (size_t)(p - u.p) + 3);
		u = rv_str_sub(u, 0, slash == SIZE_MAX ? u.n : slash);
	}
	snprintf(base, sizeof base, "%s%.*s", scheme, RV_FMT(u));
	snprintf(ca, sizeof ca, "%.*s", RV_FMT(s->ca_file));
	const struct rv_http_client_opts o = { .base_url = base,
		.ca_file = s->ca_file.n ? ca : NULL,
		.deadline_ms = s->deadline_ms,
		.max_response_bytes = 1 << 20 };
	return rv_http_client_new(&o, &w->client, err);
}

static enum rv_code open_worker(struct worker *w, struct rv_err *err)
{
	uint64_t end;
	RV_TRY(open_client(w, err));
	RV_TRY(rv_export_cursor_read(w->x->state_dir, w->sink->name, &w->saved, err));
	if (w->saved == UINT64_MAX) {
		RV_TRY(go_to(w, 0, err));
		RV_TRY(rv_ledger_tail_signed(w->tail, &end, err));
		RV_TRY(cursor_save(w, w->sink->from < 0 ? end : 0, err));
	}
	if (gethostname(w->host, sizeof w->host - 1) != 0)
		snprintf(w->host, sizeof w->host, "-");
	snprintf(w->st.name, sizeof w->st.name, "%.*s", RV_FMT(w->sink->name));
	w->st.next = w->saved;
	w->batch_max = (size_t)w->sink->batch;
	return RV_OK;
}

static enum rv_code open_it(
	struct rv_exporter *x, const struct rv_export_opts *o, struct rv_err *err)
{
	if (strlen(o->ledger_dir) >= sizeof x->ledger_dir ||
		strlen(o->state_dir) >= sizeof x->state_dir)
		return RV_FAIL(err, RV_EINVAL, "a path is too long");
	snprintf(x->ledger_dir, sizeof x->ledger_dir, "%s", o->ledger_dir);
	snprintf(x->state_dir, sizeof x->state_dir, "%s", o->state_dir);
	x->retry_min_ms = o->retry_min_ms ? o->retry_min_ms : RETRY_MIN_MS;
	x->retry_max_ms = o->retry_max_ms ? o->retry_max_ms : RETRY_MAX_MS;
	RV_TRY(rv_dir_make(x->state_dir, 0700, err));
	RV_TRY(take_lock(x, err));
	for (size_t i = 0; i < x->config->n; i++)
		RV_TRY(open_worker(&x->workers[i], err));
	for (size_t i = 0; i < x->config->n; i++) {
		if (pthread_create(&x->workers[i].thread, NULL, run, &x->workers[i]) != 0)
			return RV_FAIL(err, RV_ENOMEM, "cannot start a thread");
		x->workers[i].has_thread = true;
	}
	return RV_OK;
}

enum rv_code rv_exporter_new(
	const struct rv_export_opts *o, struct rv_exporter **ret, struct rv_err *err)
{
	pthread_condattr_t attr;
	struct rv_exporter *x = calloc(1, sizeof *x);
	if (!x)
		return RV_FAIL(err, RV_ENOMEM, "out of memory");
	x->lock_fd = -1;
	x->config = o->config;
	rv_assert(pthread_condattr_init(&attr) == 0);
	rv_assert(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
	rv_assert(pthread_cond_init(&x->moved, &attr) == 0);
	rv_assert(pthread_condattr_destroy(&attr) == 0);
	rv_assert(pthread_mutex_init(&x->mu, NULL) == 0);
	for (size_t i = 0; i < x->config->n; i++) {
		x->workers[i].x = x;
		x->workers[i].sink = &x->config->sinks[i];
		rv_arena_init(&x->workers[i].arena, 8 << 20);
		rv_batch_init(&x->workers[i].batch);
	}
	enum rv_code code = open_it(x, o, err);
	if (code == RV_OK)
		*ret = x;
	else
		rv_exporter_free(x);
	return code;
}

void rv_exporter_free(struct rv_exporter *x)
{
	if (!x)
		return;
	lock(x);
	x->is_closing = true;
	rv_assert(pthread_cond_broadcast(&x->moved) == 0);
	unlock(x);
	for (size_t i = 0; i < x->config->n; i++) {
		struct worker *w = &x->workers[i];
		if (w->has_thread)
			rv_assert(pthread_join(w->thread, NULL) == 0);
		rv_ledger_tail_free(w->tail);
		rv_http_client_free(w->client);
		rv_arena_done(&w->arena);
		rv_batch_done(&w->batch);
	}
	if (x->lock_fd >= 0)
		(void)close(x->lock_fd); /* gives the lock back */
	(void)pthread_cond_destroy(&x->moved); /* nobody waits */
	(void)pthread_mutex_destroy(&x->mu);
	free(x);
}

void rv_exporter_status(struct rv_exporter *x, size_t i, struct rv_sink_status *ret)
{
	lock(x);
	*ret = x->workers[i].st;
	unlock(x);
}

/* The first sink that has not come as far as end; NULL: all have. Locked. */
static const struct worker *behind(const struct rv_exporter *x, uint64_t end)
{
	for (size_t i = 0; i < x->config->n; i++)
		if (x->workers[i].st.next < end)
			return &x->workers[i];
	return NULL;
}

enum rv_code rv_exporter_drain(struct rv_exporter *x, int64_t wait_ms, struct rv_err *err)
{
	struct timespec until = after(wait_ms);
	uint64_t end;
	struct rv_ledger_tail *t = rv_ledger_tail_new(x->ledger_dir, 0, err);
	enum rv_code code = t ? rv_ledger_tail_signed(t, &end, err) : RV_ENOMEM;
	rv_ledger_tail_free(t);
	RV_TRY(code);
	lock(x);
	const struct worker *late;
	while ((late = behind(x, end)))
		if (pthread_cond_timedwait(&x->moved, &x->mu, &until) == ETIMEDOUT)
			break;
	late = behind(x, end);
	if (late)
		code = RV_FAIL(err, RV_ETIMEOUT, "'%s' has %llu events to go%s%s", late->st.name,
			(unsigned long long)(end - late->st.next), late->st.error[0] ? ": " : "",
			late->st.error);
	unlock(x);
	return code;
}
