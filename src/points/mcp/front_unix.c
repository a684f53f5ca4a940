/* Where `reeve mcp --server NAME` comes in: a Unix socket, one session a connection. The first line
 * is the client's {"server":…,"token":…}; ours is {"ok":true} or {"error":{"code","message"}}; all
 * further lines are MCP's, as over stdio. */
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/log.h"
#include "points/mcp/gateway.h"
#include "points/mcp/lines.h"

enum { WAITING_MAX = 16 << 20, HELLO_MAX = 4096, HELLO_MS = 10000, BACKLOG = 128 };

struct rv_mcp_front {
	struct rv_mcp_lines lines;
	uv_timer_t timer; /* of the first line; then of the goodbye */
	struct rv_mcp_gateway *gw;
	struct rv_mcp_session *session;
	struct rv_mcp_front *prev, *next;
	int n_handles;
	bool said_hello, is_closing;
};

static void on_closed(uv_handle_t *h)
{
	struct rv_mcp_front *f = h->data;
	if (--f->n_handles > 0)
		return;
	rv_mcp_lines_done(&f->lines);
	free(f);
}

static void close_now(struct rv_mcp_front *f)
{
	if (f->is_closing)
		return;
	f->is_closing = true;
	rv_mcp_lines_stop(&f->lines);
	*(f->prev ? &f->prev->next : &f->gw->fronts) = f->next;
	if (f->next)
		f->next->prev = f->prev;
	f->lines.pipe.data = f->timer.data = f;
	uv_close((uv_handle_t *)&f->lines.pipe, on_closed);
	uv_close((uv_handle_t *)&f->timer, on_closed);
}

static void leave(struct rv_mcp_front *f)
{
	struct rv_mcp_session *s = f->session;
	f->session = NULL;
	if (s)
		rv_mcp_session_drop(s);
	close_now(f);
}

/* ---- the session's side ---- */

static void on_send(void *front, struct rv_str message)
{
	struct rv_mcp_front *f = front;
	struct rv_err err = { 0 };
	if (rv_mcp_lines_send(&f->lines, message, &err) != RV_OK)
		leave(f);
}

static void on_over(void *front, const char *why)
{
	struct rv_mcp_front *f = front;
	f->session = NULL;
	close_now(f);
}

static void say(struct rv_mcp_front *f, const struct rv_err *err)
{
	RV_AUTO_BUF b = { 0 };
	struct rv_json_w w;
	rv_buf_init(&b, HELLO_MAX);
	rv_json_w_init(&w, &b);
	rv_json_w_obj(&w);
	if (err) {
		rv_json_w_name(&w, "error");
		rv_json_w_obj(&w);
		rv_json_w_kv_strz(&w, "code", rv_code_name(err->code));
		rv_json_w_kv_strz(&w, "message", err->msg);
		rv_json_w_obj_end(&w);
	} else {
		rv_json_w_kv_bool(&w, "ok", true);
	}
	rv_json_w_obj_end(&w);
	if (rv_mcp_lines_send(&f->lines, rv_buf_str(&b), NULL) != RV_OK)
		return; /* it is gone, which its end will tell */
}

static void on_ready(void *front, const struct rv_err *err)
{
	struct rv_mcp_front *f = front;
	say(f, err);
	if (!err)
		return;
	f->session = NULL;
	close_now(f);
}

static const struct rv_mcp_front_ops ops = { on_send, on_over };

/* ---- the client's side ---- */

static enum rv_code hello(struct rv_mcp_front *f, struct rv_str line, struct rv_err *err)
{
	RV_AUTO_ARENA arena = { 0 };
	const struct rv_json *v;
	struct rv_json_obj o;
	struct rv_str server, token;
	static const struct rv_json_limits limits = { .max_bytes = HELLO_MAX };
	rv_arena_init(&arena, 1 << 20);
	RV_TRY(rv_json_parse(&arena, line, &limits, &v, err));
	RV_TRY(rv_json_obj_open(&o, v, "hello", err));
	RV_TRY(rv_json_need_str(&o, "server", &server, err));
	RV_TRY(rv_json_need_str(&o, "token", &token, err));
	RV_TRY(rv_json_obj_close(&o, err));
	f->session = rv_mcp_session_open(f->gw, server, token, &ops, f, on_ready, err);
	return f->session ? RV_OK : err->code;
}

static void on_line(void *arg, struct rv_str line)
{
	struct rv_mcp_front *f = arg;
	struct rv_err err = { 0 };
	if (f->is_closing)
		return;
	if (f->said_hello) {
		if (f->session)
			rv_mcp_session_client(f->session, line);
		return;
	}
	f->said_hello = true;
	(void)uv_timer_stop(&f->timer); /* cannot fail */
	if (hello(f, line, &err) == RV_OK)
		return;
	say(f, &err);
	close_now(f);
}

static void on_end(void *arg, const char *why)
{
	leave(arg);
}

static void on_silent(uv_timer_t *t)
{
	leave(t->data);
}

/* ---- connections ---- */

static void accept_one(struct rv_mcp_gateway *gw)
{
	struct rv_err err = { 0 };
	int fd = accept4(gw->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return;
	struct rv_mcp_front *f = gw->n_sessions < (size_t)gw->conf->max_sessions && !gw->is_stopping
		? calloc(1, sizeof *f)
		: NULL;
	if (!f ||
		rv_mcp_lines_init(&f->lines, gw->loop, RV_RPC_MESSAGE_MAX, WAITING_MAX, &err) !=
			RV_OK) {
		free(f);
		(void)close(fd); /* nothing to do about it */
		return;
	}
	f->gw = gw;
	f->lines.arg = f;
	f->lines.line = on_line;
	f->lines.end = on_end;
	f->n_handles = 2;
	(void)uv_timer_init(gw->loop, &f->timer); /* cannot fail */
	f->timer.data = f;
	f->next = gw->fronts;
	if (f->next)
		f->next->prev = f;
	gw->fronts = f;
	if (uv_pipe_open(&f->lines.pipe, fd) != 0) {
		(void)close(fd); /* nothing to do about it */
		close_now(f);
		return;
	}
	(void)uv_timer_start(&f->timer, on_silent, HELLO_MS, 0); /* cannot fail: cb is set */
	rv_mcp_lines_start(&f->lines);
}

static void on_acceptable(uv_poll_t *p, int status, int events)
{
	accept_one(p->data);
}

static enum rv_code listen_on(const char *path, int *ret_fd, struct rv_err *err)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct stat st;
	memcpy(un.sun_path, path, strlen(path) + 1); /* the reader bounds it */
	RV_AUTO_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return RV_FAIL(err, RV_EIO, "socket: %s", strerror(errno));
	/* The state folder is locked: a socket that is there was left by a dead gateway. */
	if (lstat(path, &st) == 0 && (!S_ISSOCK(st.st_mode) || unlink(path) != 0))
		return RV_FAIL(err, RV_EEXIST, "'%s' is there and cannot be replaced", path);
	/* Whoever has a system's credential may connect; the folder says who reaches it at all. */
	mode_t old = umask(0111);
	int r = bind(fd, (struct sockaddr *)&un, sizeof un);
	int e = errno;
	(void)umask(old); /* cannot fail */
	if (r != 0 || listen(fd, BACKLOG) != 0)
		return RV_FAIL(err, RV_EIO, "cannot listen on '%s': %s", path,
			strerror(r != 0 ? e : errno));
	*ret_fd = fd;
	fd = -1;
	return RV_OK;
}

enum rv_code rv_mcp_front_unix_open(struct rv_mcp_gateway *gw, struct rv_err *err)
{
	RV_TRY(listen_on(gw->conf->socket.p, &gw->listen_fd, err));
	int r = uv_poll_init(gw->loop, &gw->acceptor, gw->listen_fd);
	if (r != 0)
		return RV_FAIL(err, RV_EIO, "event loop: %s", uv_strerror(r));
	gw->acceptor.data = gw;
	(void)uv_poll_start(
		&gw->acceptor, UV_READABLE, on_acceptable); /* cannot fail on a new handle */
	return RV_OK;
}

void rv_mcp_front_unix_close(struct rv_mcp_gateway *gw)
{
	if (gw->listen_fd < 0)
		return;
	uv_close((uv_handle_t *)&gw->acceptor, NULL);
	(void)close(gw->listen_fd); /* nothing to lose */
	gw->listen_fd = -1;
	(void)unlink(gw->conf->socket.p); /* the next gateway copes with a stale one */
	while (gw->fronts)
		leave(gw->fronts);
}
