/* The gateway's process: opens what it needs, tells, and turns its loop until it is asked to end.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "points/mcp/gateway.h"

enum { BEAT_MS = 500, ARENA_BYTES = 64 << 20, GRACE_MS = 5000, SERVE_CONNECTIONS = 256 };

/* ---- opening ---- */

/* The folder is ours alone to write: what lies in it says which tools are approved. */
static enum rv_code open_state(struct rv_mcp_gateway *gw, struct rv_err *err)
{
	struct stat st;
	const char *dir = gw->conf->state.p;
	if (stat(dir, &st) != 0 || !S_ISDIR(st.st_mode))
		return RV_FAIL(
			err, RV_ENOENT, "state folder '%s' is not there: make it, mode 0700", dir);
	if (st.st_mode & 022 || (st.st_uid != geteuid() && st.st_uid != 0))
		return RV_FAIL(err, RV_EPERM,
			"state folder '%s' must be writable by its user alone: chmod 700", dir);
	const char *path = rv_arena_printf(&gw->arena, "%s/lock", dir);
	if (!path)
		return RV_FAIL_ARENA(err);
	gw->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (gw->lock_fd < 0)
		return RV_FAIL(err, RV_EIO, "open '%s': %s", path, strerror(errno));
	if (flock(gw->lock_fd, LOCK_EX | LOCK_NB) != 0)
		return RV_FAIL(err, RV_EBUSY, "another gateway uses '%s'", dir);
	return rv_mcp_pins_open(dir, &gw->pins, err);
}

static enum rv_code open_serve(struct rv_mcp_gateway *gw, struct rv_err *err)
{
	struct rv_str token;
	RV_TRY(rv_ask_token_read(&gw->arena, gw->conf->token_file.p, "rvp_", &token, err));
	const char *auth = rv_arena_printf(&gw->arena, "Bearer %.*s", RV_FMT(token));
	if (!auth)
		return RV_FAIL_ARENA(err);
	gw->auth = rv_str_of(auth);
	const struct rv_http_pool_opts o = { .base_url = gw->conf->server.p,
		.ca_file = gw->conf->ca_file.p,
		.max_connections = SERVE_CONNECTIONS };
	return rv_http_pool_new(gw->loop, &o, &gw->serve, err);
}

static enum rv_code open_backends(struct rv_mcp_gateway *gw, struct rv_err *err)
{
	gw->backends = rv_arena_array(&gw->arena, gw->conf->n_servers, sizeof *gw->backends);
	if (!gw->backends)
		return RV_FAIL_ARENA(err);
	for (size_t i = 0; i < gw->conf->n_servers; i++) {
		const struct rv_mcp_server *s = &gw->conf->servers[i];
		enum rv_code code = rv_mcp_backend_open(&gw->arena, s, &gw->backends[i], err);
		if (code != RV_OK) {
			rv_err_prefix(err, "server '%.*s': ", RV_FMT(s->name));
			return code;
		}
	}
	return RV_OK;
}

/* ---- the beat ---- */

static void on_beat(uv_timer_t *t)
{
	struct rv_mcp_gateway *gw = t->data;
	bool changed = rv_mcp_pins_refresh(gw->pins);
	for (struct rv_mcp_session *s = gw->sessions, *next; s; s = next) {
		next = s->next;
		rv_mcp_session_check(s);
		if (changed)
			rv_mcp_session_tools_changed(s); /* may end it */
	}
}

/* ---- the end ---- */

static void on_grace_over(uv_timer_t *t)
{
	struct rv_mcp_gateway *gw = t->data;
	if (gw->n_reports > 0 && !gw->is_grace_over) {
		gw->is_grace_over = true;
		(void)uv_timer_start(
			&gw->beat, on_grace_over, GRACE_MS, 0); /* cannot fail: cb is set */
		return;
	}
	rv_mcp_reports_drop(gw);
	uv_close((uv_handle_t *)&gw->beat, NULL);
	rv_http_pool_free(gw->serve, NULL, NULL);
	gw->serve = NULL;
}

static void stop(struct rv_mcp_gateway *gw)
{
	if (gw->is_stopping)
		return;
	gw->is_stopping = true;
	rv_mcp_front_unix_close(gw);
	while (gw->sessions)
		rv_mcp_session_drop(gw->sessions);
	uv_close((uv_handle_t *)&gw->term, NULL);
	uv_close((uv_handle_t *)&gw->intr, NULL);
	/* Outcomes that are on their way get a moment; the first turn sees whether there are any.
	 */
	(void)uv_timer_start(&gw->beat, on_grace_over, 0, 0); /* cannot fail: cb is set */
}

static void on_signal(uv_signal_t *h, int sig)
{
	stop(h->data);
}

/* ---- the whole ---- */

static enum rv_code start(struct rv_mcp_gateway *gw, struct rv_err *err)
{
	(void)uv_timer_init(gw->loop, &gw->beat); /* cannot fail */
	(void)uv_signal_init(gw->loop, &gw->term); /* cannot fail once a loop has signals */
	(void)uv_signal_init(gw->loop, &gw->intr);
	gw->beat.data = gw->term.data = gw->intr.data = gw;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return RV_FAIL(err, RV_EIO, "prctl: %s", strerror(errno));
	RV_TRY(open_state(gw, err));
	RV_TRY(open_serve(gw, err));
	RV_TRY(open_backends(gw, err));
	RV_TRY(rv_mcp_front_unix_open(gw, err));
	(void)uv_timer_start(&gw->beat, on_beat, BEAT_MS, BEAT_MS); /* cannot fail: cb is set */
	if (uv_signal_start(&gw->term, on_signal, SIGTERM) != 0 ||
		uv_signal_start(&gw->intr, on_signal, SIGINT) != 0)
		return RV_FAIL(err, RV_EIO, "signals cannot be watched");
	return RV_OK;
}

enum rv_code rv_mcp_run(const struct rv_mcp_opts *o, struct rv_err *err)
{
	uv_loop_t loop;
	struct rv_mcp_gateway gw = {
		.conf = o->conf, .loop = &loop, .listen_fd = -1, .lock_fd = -1
	};
	int r = uv_loop_init(&loop);
	if (r != 0)
		return RV_FAIL(err, RV_EIO, "event loop: %s", uv_strerror(r));
	rv_arena_init(&gw.arena, ARENA_BYTES);
	enum rv_code code = start(&gw, err);
	if (code == RV_OK) {
		rv_log(RV_LOG_INFO, "mcp", "listens on %s", gw.conf->socket.p);
		if (o->ready_fd >= 0)
			code = rv_fd_write_all(o->ready_fd, RV_STR("\n"), err);
	}
	if (code != RV_OK)
		stop(&gw);
	(void)uv_run(&loop, UV_RUN_DEFAULT); /* until stop() has closed everything */
	rv_assert(uv_loop_close(&loop) == 0);
	rv_mcp_pins_free(gw.pins);
	if (gw.lock_fd >= 0)
		(void)close(gw.lock_fd); /* nothing to lose */
	rv_arena_done(&gw.arena);
	return code;
}
