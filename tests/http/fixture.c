#include "tests/http/cert.h"
#include "tests/http/fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/clock.h"

enum { WAIT_MS = 5000 };

/* ---- handlers ---- */

static void plain(struct rv_http_req *r, void *self)
{
	rv_http_reply_json(r, 200, RV_STR("{\"ok\":true}"));
}

static void echo(struct rv_http_req *r, void *self)
{
	const struct rv_http_header h = { RV_STR("X-Echo"), RV_STR("yes") };
	rv_http_reply(r,
		&(struct rv_http_reply){ .status = 200,
			.type = "application/octet-stream",
			.body = rv_http_body(r),
			.headers = &h,
			.n_headers = 1 });
}

static void read_json(struct rv_http_req *r, void *self)
{
	const struct rv_json *v;
	struct rv_err err = { 0 };
	if (rv_http_json(r, NULL, &v, &err) != RV_OK) {
		rv_http_reply_err(r, &err);
		return;
	}
	struct rv_json_w w;
	rv_json_w_init(&w, rv_http_out(r));
	rv_json_w_value(&w, v);
	rv_http_reply_json(r, 201, rv_buf_str(rv_http_out(r)));
}

static void params(struct rv_http_req *r, void *self)
{
	rv_buf_printf(rv_http_out(r), "[\"%.*s\",\"%.*s\"]", RV_FMT(rv_http_param(r, "a")),
		RV_FMT(rv_http_param(r, "rest")));
	rv_http_reply_json(r, 200, rv_buf_str(rv_http_out(r)));
}

static void literal(struct rv_http_req *r, void *self)
{
	rv_http_reply_json(r, 200, RV_STR("\"literal\""));
}

static void peer(struct rv_http_req *r, void *self)
{
	const struct rv_http_peer *p = rv_http_peer(r);
	rv_buf_printf(rv_http_out(r), "unix=%d tls=%d loop=%d uid=%d gid=%d pid=%d listener=%d %s",
		p->is_unix, p->is_tls, p->is_loopback, (int)p->uid, (int)p->gid, (int)p->pid,
		p->listener, p->address);
	rv_http_reply(r,
		&(struct rv_http_reply){
			.status = 200, .type = "text/plain", .body = rv_buf_str(rv_http_out(r)) });
}

/* 300 KB: two of them are more than a connection keeps waiting. */
static void big(struct rv_http_req *r, void *self)
{
	for (int i = 0; i < 30000; i++)
		rv_buf_add(rv_http_out(r), RV_STR("0123456789"));
	rv_http_reply_json(r, 200, rv_buf_str(rv_http_out(r)));
}

static void bad_header(struct rv_http_req *r, void *self)
{
	const struct rv_http_header h = { RV_STR("X-Evil"), RV_STR("a\r\nSet-Cookie: b") };
	rv_http_reply(r, &(struct rv_http_reply){ .status = 200, .headers = &h, .n_headers = 1 });
}

static void failing(struct rv_http_req *r, void *self)
{
	struct rv_err err = { 0 };
	(void)rv_err_set(
		&err, (enum rv_code)(rv_http_param(r, "n").p[0] - 'a'), "secret '%s'", "detail");
	rv_http_reply_err(r, &err);
}

static void note(struct fixture *f, int *what)
{
	pthread_mutex_lock(&f->lock);
	(*what)++;
	pthread_cond_broadcast(&f->changed);
	pthread_mutex_unlock(&f->lock);
}

static void on_cancel(struct rv_http_req *r, void *self)
{
	struct fixture *f = self;
	note(f, &f->n_cancelled);
}

static void on_done(void *self)
{
	struct fixture *f = self;
	note(f, &f->n_done);
}

static void hold(struct rv_http_req *r, void *self)
{
	struct fixture *f = self;
	rv_http_watch(r, &(struct rv_http_watch){ on_cancel, on_done, f });
	pthread_mutex_lock(&f->lock);
	if (f->n_held < RV_COUNT(f->held))
		f->held[f->n_held++] = r;
	pthread_cond_broadcast(&f->changed);
	pthread_mutex_unlock(&f->lock);
}

static void timed_out(struct rv_http_req *r, void *self)
{
	struct fixture *f = self;
	note(f, &f->n_timed);
	rv_http_reply_json(r, 200, RV_STR("\"late\""));
}

static void after(struct rv_http_req *r, void *self)
{
	rv_http_after(r, 60000, timed_out, self);
	rv_http_after(r, 10, timed_out, self);
}

/* Writes until it is refused, goes on when drained, ends after a number of pieces or when told. */
static void stream_more(struct rv_http_req *r, void *self)
{
	struct fixture *f = self;
	static const char piece[4096] = { [0] = 'x', [1] = '\n' };
	int64_t left = rv_str_ends(rv_http_head(r)->path, RV_STR("/endless")) ? 1 << 20 : 3;
	for (int64_t i = 0; i < left; i++) {
		enum rv_code code = rv_http_stream_write(
			r, left == 3 ? RV_STR("data: piece\n\n") : rv_str_n(piece, sizeof piece));
		if (code == RV_EBUSY) {
			note(f, &f->stream_busy);
			return;
		}
		if (code == RV_ECLOSED) {
			note(f, &f->stream_closed);
			break;
		}
	}
	rv_http_stream_end(r);
}

static void on_drain(struct rv_http_req *r, void *self)
{
	struct fixture *f = self;
	note(f, &f->stream_drained);
	pthread_mutex_lock(&f->lock);
	bool stop = f->stop_stream;
	pthread_mutex_unlock(&f->lock);
	if (stop)
		rv_http_stream_end(r);
	else
		stream_more(r, self);
}

static void on_stream_cancel(struct rv_http_req *r, void *self)
{
	struct fixture *f = self;
	note(f, &f->n_cancelled);
	rv_http_stream_end(r);
}

static void stream(struct rv_http_req *r, void *self)
{
	if (rv_str_ends(rv_http_head(r)->path, RV_STR("/endless")))
		rv_http_watch(r, &(struct rv_http_watch){ on_stream_cancel, on_done, self });
	rv_http_stream_on_drain(r, on_drain, self);
	rv_http_stream_start(r,
		&(struct rv_http_reply){ .status = 200,
			.type = "text/event-stream",
			.body = RV_STR("data: first\n\n") });
	stream_more(r, self);
}

static const struct rv_http_route routes[] = {
	{ RV_HTTP_GET, "/plain", plain },
	{ RV_HTTP_POST, "/echo", echo },
	{ RV_HTTP_PUT, "/echo", echo },
	{ RV_HTTP_POST, "/json", read_json },
	{ RV_HTTP_POST, "/small", echo, .max_body_bytes = 10 },
	{ RV_HTTP_POST, "/large", echo, .max_body_bytes = 4 << 20 },
	{ RV_HTTP_GET, "/p/{a}/{rest*}", params },
	{ RV_HTTP_GET, "/p/literal/x", literal },
	{ RV_HTTP_GET, "/peer", peer },
	{ RV_HTTP_GET, "/big", big },
	{ RV_HTTP_GET, "/bad-header", bad_header },
	{ RV_HTTP_GET, "/fail/{n}", failing },
	{ RV_HTTP_GET, "/hold", hold },
	{ RV_HTTP_POST, "/hold", hold },
	{ RV_HTTP_GET, "/after", after },
	{ RV_HTTP_GET, "/stream", stream },
	{ RV_HTTP_GET, "/stream/endless", stream },
};

/* ---- life ---- */

bool fixture_open(struct fixture *f, struct rv_http_server_opts o, bool with_unix)
{
	struct rv_err err = { 0 };
	char text[900];
	memset(f, 0, sizeof *f);
	pthread_mutex_init(&f->lock, NULL);
	pthread_condattr_t attr;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&f->changed, &attr);
	pthread_condattr_destroy(&attr);
	snprintf(f->dir, sizeof f->dir, "/tmp/rv-http-XXXXXX");
	if (with_unix && !mkdtemp(f->dir))
		return false;
	snprintf(f->unix_path, sizeof f->unix_path, "%s/s", f->dir);
	snprintf(f->unix_address, sizeof f->unix_address, "unix:%s", f->unix_path);
	const struct rv_http_listen listens[] = { { .address = "127.0.0.1:0" },
		{ .address = f->unix_address } };
	const struct rv_http_table table = { routes, RV_COUNT(routes), f };
	enum rv_code code = rv_http_router_new(&table, 1, &f->router, &err);
	o.router = f->router;
	o.listens = listens;
	o.n_listens = with_unix ? 2 : 1;
	if (code == RV_OK)
		code = rv_http_server_new(&o, &f->server, &err);
	CHECKF(code == RV_OK, "%s", rv_err_text(&err, text, sizeof text));
	if (code == RV_OK)
		f->port = rv_http_server_port(f->server, 0);
	return code == RV_OK;
}

bool fixture_start(struct fixture *f, struct rv_http_server_opts o, bool with_unix)
{
	return fixture_open(f, o, with_unix) && rv_http_server_start(f->server, NULL) == RV_OK;
}

void fixture_stop(struct fixture *f)
{
	rv_http_server_free(f->server);
	rv_http_router_free(f->router);
	CHECKF(access(f->unix_path, F_OK) != 0, "the socket file is left");
	(void)rmdir(f->dir);
	pthread_cond_destroy(&f->changed);
	pthread_mutex_destroy(&f->lock);
}

static struct timespec soon(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += WAIT_MS / 1000;
	return t;
}

bool fixture_wait(struct fixture *f, const int *what, int want)
{
	struct timespec until = soon();
	int r = 0;
	pthread_mutex_lock(&f->lock);
	while (*what < want && r == 0)
		r = pthread_cond_timedwait(&f->changed, &f->lock, &until);
	bool ok = *what >= want;
	pthread_mutex_unlock(&f->lock);
	return ok;
}

bool fixture_wait_held(struct fixture *f, size_t want)
{
	struct timespec until = soon();
	int r = 0;
	pthread_mutex_lock(&f->lock);
	while (f->n_held < want && r == 0)
		r = pthread_cond_timedwait(&f->changed, &f->lock, &until);
	bool ok = f->n_held >= want;
	pthread_mutex_unlock(&f->lock);
	return ok;
}

/* ---- sockets ---- */

int tcp_connect(int port)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) != 0) {
		test_fail(__FILE__, __LINE__, "connect: %s", strerror(errno));
		exit(1);
	}
	return fd;
}

int unix_connect(const char *path)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) != 0) {
		test_fail(__FILE__, __LINE__, "connect: %s", strerror(errno));
		exit(1);
	}
	return fd;
}

/* The other side may be gone: that is what some tests are about. */
void send_all(int fd, struct rv_str s)
{
	while (s.n > 0) {
		ssize_t n = send(fd, s.p, s.n, MSG_NOSIGNAL);
		if (n <= 0)
			return;
		s = rv_str_sub(s, (size_t)n, s.n);
	}
}

int count_of(const char *text, const char *needle)
{
	int n = 0;
	for (const char *p = text; (p = strstr(p, needle)); p += strlen(needle))
		n++;
	return n;
}

size_t read_until(int fd, const char *needle, int n, char *out, size_t out_n, bool *ret_eof)
{
	size_t have = 0;
	int64_t until = rv_clock_mono_ns(rv_clock_system()) + WAIT_MS * RV_NS_PER_MS;
	bool eof = false;
	out[0] = '\0';
	while (have + 1 < out_n && (!needle || count_of(out, needle) < n)) {
		int64_t left = (until - rv_clock_mono_ns(rv_clock_system())) / RV_NS_PER_MS;
		struct pollfd p = { .fd = fd, .events = POLLIN };
		if (left <= 0 || poll(&p, 1, (int)left) <= 0)
			break;
		ssize_t r = recv(fd, out + have, out_n - 1 - have, 0);
		if (r <= 0) {
			eof = true;
			break;
		}
		have += (size_t)r;
		out[have] = '\0';
	}
	if (ret_eof)
		*ret_eof = eof;
	return have;
}

size_t talk(int port, struct rv_str s, char *out, size_t out_n)
{
	int fd = tcp_connect(port);
	bool eof;
	send_all(fd, s);
	size_t n = read_until(fd, NULL, 0, out, out_n, &eof);
	CHECKF(eof, "the connection stayed open after: %.*s", (int)(s.n < 200 ? s.n : 200), s.p);
	close(fd);
	return n;
}

/* ---- servers that misbehave ---- */

static void *fake_main(void *arg)
{
	struct fake *f = arg;
	for (size_t i = 0; i < f->n_answers; i++) {
		char got[8192];
		int fd = accept4(f->fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			break;
		f->n_accepts++;
		(void)read_until(fd, "\r\n\r\n", 1, got, sizeof got, NULL);
		send_all(fd, f->answers[i]);
		if (f->keep)
			(void)read_until(fd, NULL, 0, got, sizeof got, NULL);
		close(fd);
	}
	return NULL;
}

bool fake_start(struct fake *f, pthread_t *t)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof a;
	f->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(f->fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(f->fd, 8) != 0 ||
		getsockname(f->fd, (struct sockaddr *)&a, &n) != 0)
		return false;
	f->port = ntohs(a.sin_port);
	return pthread_create(t, NULL, fake_main, f) == 0;
}

/* ---- certificates ---- */

bool tls_files_make(struct tls_files *t)
{
	snprintf(t->dir, sizeof t->dir, "/tmp/rv-tls-XXXXXX");
	if (!mkdtemp(t->dir))
		return false;
	snprintf(t->cert, sizeof t->cert, "%s/cert", t->dir);
	snprintf(t->key, sizeof t->key, "%s/key", t->dir);
	snprintf(t->other_cert, sizeof t->other_cert, "%s/other-cert", t->dir);
	snprintf(t->other_key, sizeof t->other_key, "%s/other-key", t->dir);
	snprintf(t->old_cert, sizeof t->old_cert, "%s/old-cert", t->dir);
	snprintf(t->old_key, sizeof t->old_key, "%s/old-key", t->dir);
	return cert_make(t->cert, t->key, false) && cert_make(t->other_cert, t->other_key, false) &&
		cert_make(t->old_cert, t->old_key, true);
}
void tls_files_remove(struct tls_files *t)
{
	const char *const all[] = { t->cert, t->key, t->other_cert, t->other_key, t->old_cert,
		t->old_key };
	for (size_t i = 0; i < RV_COUNT(all); i++)
		(void)unlink(all[i]);
	(void)rmdir(t->dir);
}
