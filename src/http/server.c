/* The server as a whole: options, sockets, threads, and how it ends. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>

#include "http/server_int.h"

static void fill_defaults(struct rv_http_server *s, const struct rv_http_server_opts *o)
{
	s->o = *o;
	s->o.listens = NULL;
	s->o.tls_cert_file = s->o.tls_key_file = NULL;
#define DEFAULT(field, value) s->o.field = s->o.field ? s->o.field : (value)
	DEFAULT(n_threads, 1);
	DEFAULT(max_connections, 4096);
	DEFAULT(max_requests, 1000000);
	DEFAULT(head_deadline_ms, 10000);
	DEFAULT(body_deadline_ms, 30000);
	DEFAULT(idle_timeout_ms, 60000);
	DEFAULT(send_timeout_ms, 30000);
	DEFAULT(max_stream_bytes, 256 << 10);
#undef DEFAULT
	s->o.limits = rv_http_limits_of(&o->limits);
	s->limits = s->o.limits;
	uint64_t most = rv_http_router_max_body(o->router);
	if (most > s->limits.max_body_bytes)
		s->limits.max_body_bytes =
			most; /* the route's own limit is checked when it is known */
	s->in_block_bytes =
		s->limits.max_head_bytes + 4096; /* room for a body's pieces behind any head */
	s->timeouts_ms[W_IDLE] = s->o.idle_timeout_ms;
	s->timeouts_ms[W_HEAD] = s->o.head_deadline_ms;
	s->timeouts_ms[W_BODY] = s->o.body_deadline_ms;
	s->timeouts_ms[W_SEND] = s->o.send_timeout_ms;
	s->timeouts_ms[W_LINGER] = 1000;
	s->n_loops = s->o.n_threads;
	s->n_listens = o->n_listens;
}

static enum rv_code open_listens(
	struct rv_http_server *s, const struct rv_http_server_opts *o, struct rv_err *err)
{
	for (size_t i = 0; i < o->n_listens; i++) {
		int fds[RV_HTTP_LOOPS_MAX];
		bool is_unix = strncmp(o->listens[i].address, "unix:", 5) == 0;
		RV_TRY(rv_http_listen_open(&o->listens[i], fds, s->n_loops, &s->ports[i], err));
		for (unsigned k = 0; k < s->n_loops; k++) {
			struct rv_http_acceptor *a = &s->loops[k].acceptors[i];
			a->fd = fds[k];
			a->is_unix = is_unix;
			a->is_plain = !s->ssl || is_unix || o->listens[i].is_plain;
		}
		if (is_unix) {
			s->unlink_paths[i] = strdup(o->listens[i].address + 5);
			if (!s->unlink_paths[i])
				return RV_FAIL(err, RV_ENOMEM, "no memory for an address");
		}
	}
	return RV_OK;
}

static enum rv_code server_init(
	struct rv_http_server *s, const struct rv_http_server_opts *o, struct rv_err *err)
{
	if (o->tls_cert_file || o->tls_key_file) {
		if (!o->tls_cert_file || !o->tls_key_file)
			return RV_FAIL(
				err, RV_EINVAL, "TLS needs both a certificate file and a key file");
		RV_TRY(rv_http_tls_new(o->tls_cert_file, o->tls_key_file, &s->ssl, err));
	}
	s->loops = calloc(s->n_loops, sizeof *s->loops);
	if (!s->loops)
		return RV_FAIL(err, RV_ENOMEM, "no memory for %u loops", s->n_loops);
	unsigned want = s->n_loops;
	for (s->n_loops = 0; s->n_loops < want; s->n_loops++)
		RV_TRY(rv_http_loop_init(&s->loops[s->n_loops], s, err));
	RV_TRY(open_listens(s, o, err));
	for (unsigned i = 0; i < s->n_loops; i++)
		RV_TRY(rv_http_accept_start(&s->loops[i], err));
	return RV_OK;
}

enum rv_code rv_http_server_new(
	const struct rv_http_server_opts *o, struct rv_http_server **ret, struct rv_err *err)
{
	if (!o->router || o->n_listens > RV_HTTP_LISTENS_MAX)
		return RV_FAIL(err, RV_EINVAL, "a server needs a router and at most %d addresses",
			RV_HTTP_LISTENS_MAX);
	if (o->n_threads > RV_HTTP_LOOPS_MAX)
		return RV_FAIL(err, RV_EINVAL, "at most %d threads", RV_HTTP_LOOPS_MAX);
	struct rv_http_server *s = calloc(1, sizeof *s);
	if (!s)
		return RV_FAIL(err, RV_ENOMEM, "no memory for a server");
	s->magic = RV_HTTP_SERVER_MAGIC;
	pthread_condattr_t attr;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->empty, &attr);
	pthread_condattr_destroy(&attr);
	pthread_mutex_init(&s->lock, NULL);
	fill_defaults(s, o);
	enum rv_code code = server_init(s, o, err);
	if (code != RV_OK) {
		rv_http_server_free(s);
		return code;
	}
	*ret = s;
	return RV_OK;
}

struct rv_http_loop *rv_http_server_loop(struct rv_http_server *s, unsigned i)
{
	rv_assert(s && s->magic == RV_HTTP_SERVER_MAGIC && i < s->n_loops);
	return &s->loops[i];
}

static void on_stop(struct rv_http_task *t);
static void on_cut(struct rv_http_task *t);
static void on_quit(struct rv_http_task *t);

static void *loop_main(void *arg)
{
	struct rv_http_loop *l = arg;
	(void)uv_run(&l->uv, UV_RUN_DEFAULT); /* until on_quit */
	return NULL;
}

enum rv_code rv_http_server_start(struct rv_http_server *s, struct rv_err *err)
{
	rv_assert(s && s->magic == RV_HTTP_SERVER_MAGIC && !s->is_started);
	sigset_t all, old;
	sigfillset(&all);
	/* Signals are for the main thread; SIGPIPE from OpenSSL's writes is for nobody. */
	(void)pthread_sigmask(SIG_SETMASK, &all, &old); /* cannot fail with these arguments */
	int r = 0;
	s->is_started = true;
	for (unsigned i = 0; i < s->n_loops && r == 0; i++) {
		struct rv_http_loop *l = &s->loops[i];
		r = pthread_create(&l->thread, NULL, loop_main, l);
		l->has_thread = r == 0;
	}
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL); /* likewise */
	if (r != 0)
		return RV_FAIL(err, RV_EIO, "cannot start a thread: %s", strerror(r));
	return RV_OK;
}

int rv_http_server_port(const struct rv_http_server *s, size_t listener)
{
	return listener < s->n_listens ? s->ports[listener] : 0;
}

void rv_http_cork(struct rv_http_server *s)
{
	atomic_fetch_add(&s->corks, 1);
}

void rv_http_uncork(struct rv_http_server *s)
{
	int before = atomic_fetch_sub(&s->corks, 1);
	rv_assert(before > 0);
	for (unsigned i = 0; before == 1 && i < s->n_loops; i++)
		rv_http_wake_if_any(&s->loops[i]);
}

static void release_token(struct rv_http_server *s)
{
	if (atomic_fetch_sub(&s->n_open, 1) != 1)
		return;
	pthread_mutex_lock(&s->lock);
	pthread_cond_broadcast(&s->empty);
	pthread_mutex_unlock(&s->lock);
}

static void on_stop(struct rv_http_task *t)
{
	struct rv_http_loop *l =
		(struct rv_http_loop *)((char *)t - offsetof(struct rv_http_loop, stop_task));
	l->is_stopping = true;
	rv_http_accept_stop(l);
	for (struct rv_http_conn *c = l->conns, *next; c; c = next) {
		next = c->all_next;
		rv_http_conn_wind_up(c);
	}
	release_token(l->server);
}

static void on_cut(struct rv_http_task *t)
{
	struct rv_http_loop *l =
		(struct rv_http_loop *)((char *)t - offsetof(struct rv_http_loop, cut_task));
	while (l->conns)
		rv_http_conn_close(l->conns);
	release_token(l->server);
}

static void on_quit(struct rv_http_task *t)
{
	struct rv_http_loop *l =
		(struct rv_http_loop *)((char *)t - offsetof(struct rv_http_loop, quit_task));
	uv_stop(&l->uv);
}

/* Posts one task to each loop; the loop's token keeps n_open above zero until it ran. */
static void post_all(struct rv_http_server *s, size_t offset, void (*fn)(struct rv_http_task *t))
{
	for (unsigned i = 0; s->loops && i < s->n_loops; i++) {
		if (!s->loops[i].has_thread)
			continue;
		struct rv_http_task *t = (struct rv_http_task *)((char *)&s->loops[i] + offset);
		t->fn = fn;
		if (fn != on_quit)
			atomic_fetch_add(&s->n_open, 1);
		rv_http_task_post(&s->loops[i], t);
		(void)uv_async_send(&s->loops[i].wake); /* even when corked */
	}
}

/* False: the deadline passed first. deadline NULL: none. */
static bool wait_empty(struct rv_http_server *s, const struct timespec *deadline)
{
	int r = 0;
	pthread_mutex_lock(&s->lock);
	while (atomic_load(&s->n_open) > 0 && r == 0)
		r = deadline ? pthread_cond_timedwait(&s->empty, &s->lock, deadline)
			     : pthread_cond_wait(&s->empty, &s->lock);
	pthread_mutex_unlock(&s->lock);
	return r == 0;
}

void rv_http_server_stop(struct rv_http_server *s, int64_t deadline_ms)
{
	rv_assert(s && s->magic == RV_HTTP_SERVER_MAGIC);
	if (!s->is_started || s->is_stopped)
		return;
	s->is_stopped = true;
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += (time_t)(deadline_ms / 1000);
	until.tv_nsec += (long)(deadline_ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	post_all(s, offsetof(struct rv_http_loop, stop_task), on_stop);
	if (wait_empty(s, &until))
		return;
	post_all(s, offsetof(struct rv_http_loop, cut_task), on_cut);
	(void)wait_empty(s, NULL); /* cutting needs no client's help */
}

void rv_http_server_free(struct rv_http_server *s)
{
	if (!s)
		return;
	rv_assert(s->magic == RV_HTTP_SERVER_MAGIC);
	rv_http_server_stop(s, 0);
	post_all(s, offsetof(struct rv_http_loop, quit_task), on_quit);
	for (unsigned i = 0; s->loops && i < s->n_loops; i++) {
		if (s->loops[i].has_thread)
			pthread_join(s->loops[i].thread, NULL);
		rv_http_loop_done(&s->loops[i]);
	}
	for (size_t i = 0; i < RV_HTTP_LISTENS_MAX; i++) {
		if (s->unlink_paths[i])
			(void)unlink(
				s->unlink_paths[i]); /* a stale one is cleared at the next start */
		free(s->unlink_paths[i]);
	}
	SSL_CTX_free(s->ssl);
	pthread_cond_destroy(&s->empty);
	pthread_mutex_destroy(&s->lock);
	free(s->loops);
	s->magic = 0;
	free(s);
}

void rv_http_server_stats(const struct rv_http_server *s, struct rv_http_stats *ret)
{
	*ret = (struct rv_http_stats){ .open_connections = atomic_load(&s->n_open) };
	for (unsigned i = 0; i < s->n_loops; i++) {
		struct rv_http_loop *l = &s->loops[i];
		ret->connections += atomic_load_explicit(&l->n_accepted, memory_order_relaxed);
		ret->requests += atomic_load_explicit(&l->n_requests, memory_order_relaxed);
		ret->refused += atomic_load_explicit(&l->n_refused, memory_order_relaxed);
		ret->wakes += atomic_load_explicit(&l->n_wakes, memory_order_relaxed);
	}
}
