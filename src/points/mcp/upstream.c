#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/enc.h"
#include "base/file.h"
#include "base/log.h"
#include "points/ask/ask.h"
#include "points/mcp/lines.h"
#include "points/mcp/rpc.h"
#include "points/mcp/upstream.h"

enum {
	SECRET_MAX = 8192,
	WAITING_MAX = 8 << 20, /* bytes that a server may leave unread */
	LOG_LINE_MAX = 400,
	LOG_LINES_MAX = 1000, /* of one process */
	PATIENCE_MS = 2000, /* between closing its input, SIGTERM and SIGKILL */
};

struct rv_mcp_upstream {
	uv_process_t process;
	uv_timer_t timer;
	struct rv_mcp_lines in, out, err; /* in: what it is told */
	const struct rv_mcp_backend *backend;
	struct rv_mcp_upstream_ops ops;
	void *arg;
	void (*closed)(void *arg);
	void *closed_arg;
	int n_handles, n_logged, stage;
	bool is_closing, has_exited, was_told;
};

/* ---- what is started ---- */

/* A secret is one line of text. */
static enum rv_code read_secret(
	struct rv_arena *a, const char *path, struct rv_str *ret, struct rv_err *err)
{
	struct stat st;
	char text[SECRET_MAX];
	RV_AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return RV_FAIL(err, errno == ENOENT ? RV_ENOENT : RV_EPERM,
			"cannot open secret '%s': %s", path, strerror(errno));
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_mode & 077 ||
		(st.st_uid != geteuid() && st.st_uid != 0))
		return RV_FAIL(err, RV_EPERM,
			"secret '%s' must be a file that is yours alone: chmod 600, and owned by "
			"you",
			path);
	ssize_t n = read(fd, text, sizeof text);
	struct rv_str s = rv_str_trim(rv_str_n(text, n > 0 ? (size_t)n : 0));
	if (n < 0 || (size_t)n == sizeof text || s.n == 0 || memchr(s.p, '\0', s.n) ||
		memchr(s.p, '\n', s.n))
		return RV_FAIL(err, RV_EINVAL, "secret '%s' must hold one line of text", path);
	*ret = rv_arena_str(a, s);
	explicit_bzero(text, sizeof text);
	return ret->p ? RV_OK : RV_FAIL_ARENA(err);
}

static enum rv_code hash_file(const char *path, char hex[65], struct rv_err *err)
{
	static char block[256 << 10];
	struct rv_sha256 h;
	ssize_t n;
	RV_AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return RV_FAIL(err, RV_ENOENT, "cannot open '%s': %s", path, strerror(errno));
	struct rv_sha256_ctx *c = rv_sha256_new();
	while ((n = read(fd, block, sizeof block)) > 0)
		rv_sha256_add(c, rv_str_n(block, (size_t)n));
	rv_sha256_end(c, &h);
	rv_sha256_free(c);
	if (n < 0)
		return RV_FAIL(err, RV_EIO, "cannot read '%s': %s", path, strerror(errno));
	rv_hex_z(h.b, sizeof h.b, hex);
	return RV_OK;
}

/* The program and every argument that names a file: an interpreter's script is what runs. */
static enum rv_code describe(struct rv_arena *a, struct rv_mcp_backend *b, struct rv_err *err)
{
	RV_AUTO_BUF text = { 0 }, canonical = { 0 };
	struct rv_json_w w;
	struct stat st;
	const struct rv_json *v;
	rv_buf_init(&text, 1 << 20);
	rv_buf_init(&canonical, 1 << 20);
	rv_json_w_init(&w, &text);
	rv_json_w_obj(&w);
	rv_json_w_name(&w, "argv");
	rv_json_w_arr(&w);
	for (size_t i = 0; i < b->conf->n_argv; i++)
		rv_json_w_str(&w, b->conf->argv[i]);
	rv_json_w_arr_end(&w);
	rv_json_w_name(&w, "files");
	rv_json_w_arr(&w);
	for (size_t i = 0; i < b->conf->n_argv; i++) {
		const char *path = b->conf->argv[i].p;
		char hex[65];
		if (path[0] != '/' || stat(path, &st) != 0 || !S_ISREG(st.st_mode)) {
			if (i == 0)
				return RV_FAIL(err, RV_ENOENT, "'%s' is no program", path);
			continue;
		}
		RV_TRY(hash_file(path, hex, err));
		rv_json_w_obj(&w);
		rv_json_w_kv_strz(&w, "path", path);
		rv_json_w_kv_strz(&w, "sha256", hex);
		rv_json_w_obj_end(&w);
	}
	rv_json_w_arr_end(&w);
	rv_json_w_obj_end(&w);
	RV_TRY(rv_buf_ok(&text, err));
	RV_TRY(rv_json_parse(a, rv_arena_str(a, rv_buf_str(&text)), NULL, &v, err));
	RV_TRY(rv_json_canonical(v, &canonical, err));
	b->program = rv_arena_str(a, rv_buf_str(&canonical));
	return b->program.p ? RV_OK : RV_FAIL_ARENA(err);
}

enum rv_code rv_mcp_backend_open(struct rv_arena *a, const struct rv_mcp_server *conf,
	struct rv_mcp_backend *ret, struct rv_err *err)
{
	const char **argv = rv_arena_array(a, conf->n_argv + 1, sizeof *argv);
	const char **envp = rv_arena_array(a, conf->n_env + conf->n_secrets + 1, sizeof *envp);
	*ret = (struct rv_mcp_backend){ .conf = conf, .argv = argv, .envp = envp };
	ret->secrets = rv_arena_array(a, conf->n_secrets + 1, sizeof *ret->secrets);
	if (!argv || !envp || !ret->secrets)
		return RV_FAIL_ARENA(err);
	for (size_t i = 0; i < conf->n_argv; i++)
		argv[i] = conf->argv[i].p;
	for (size_t i = 0; i < conf->n_env; i++)
		envp[i] = rv_arena_printf(a, "%s=%s", conf->env[i].name.p, conf->env[i].value.p);
	for (size_t i = 0; i < conf->n_secrets; i++) {
		RV_TRY(read_secret(a, conf->secrets[i].value.p, &ret->secrets[i], err));
		envp[conf->n_env + i] =
			rv_arena_printf(a, "%s=%s", conf->secrets[i].name.p, ret->secrets[i].p);
	}
	for (size_t i = 0; i < conf->n_env + conf->n_secrets; i++)
		if (!envp[i])
			return RV_FAIL_ARENA(err);
	return describe(a, ret, err);
}

/* ---- its end ---- */

static void on_handle_closed(uv_handle_t *h)
{
	struct rv_mcp_upstream *u = h->data;
	if (--u->n_handles > 0)
		return;
	rv_mcp_lines_done(&u->out);
	rv_mcp_lines_done(&u->err);
	rv_mcp_lines_done(&u->in);
	if (u->closed)
		u->closed(u->closed_arg);
	free(u);
}

/* Those that were opened: a failed start comes here too. */
static void close_handle(struct rv_mcp_upstream *u, uv_handle_t *h)
{
	if (!h->loop || uv_is_closing(h))
		return;
	h->data = u;
	uv_close(h, on_handle_closed);
}

static void close_all(struct rv_mcp_upstream *u)
{
	close_handle(u, (uv_handle_t *)&u->in.pipe);
	close_handle(u, (uv_handle_t *)&u->out.pipe);
	close_handle(u, (uv_handle_t *)&u->err.pipe);
	close_handle(u, (uv_handle_t *)&u->timer);
	close_handle(u, (uv_handle_t *)&u->process);
}

/* Only while the leader is ours to wait for, or in the moment it was: later the number may be
 * another's. */
static void kill_group(struct rv_mcp_upstream *u, int sig)
{
	if (u->process.pid > 1)
		(void)kill(-u->process.pid, sig); /* it may be gone */
}

static void on_impatient(uv_timer_t *t)
{
	struct rv_mcp_upstream *u = t->data;
	kill_group(u, u->stage++ == 0 ? SIGTERM : SIGKILL);
	(void)uv_timer_start(t, on_impatient, PATIENCE_MS, 0); /* cannot fail: cb is set */
}

void rv_mcp_upstream_close(struct rv_mcp_upstream *u, void (*closed)(void *arg), void *arg)
{
	if (!u) {
		if (closed)
			closed(arg);
		return;
	}
	rv_assert(!u->is_closing);
	u->is_closing = true;
	u->closed = closed;
	u->closed_arg = arg;
	rv_mcp_lines_stop(&u->out);
	rv_mcp_lines_stop(&u->err);
	rv_mcp_lines_stop(&u->in);
	close_handle(u, (uv_handle_t *)&u->in.pipe); /* the end of its input */
	if (u->has_exited) {
		close_all(u);
		return;
	}
	(void)uv_timer_start(&u->timer, on_impatient, PATIENCE_MS, 0); /* cannot fail: cb is set */
}

static void tell_gone(struct rv_mcp_upstream *u, const char *why)
{
	if (u->is_closing || u->was_told)
		return;
	u->was_told = true;
	u->ops.gone(u->arg, why);
}

static void on_process_exit(uv_process_t *p, int64_t status, int sig)
{
	struct rv_mcp_upstream *u = p->data;
	u->has_exited = true;
	kill_group(u, SIGKILL); /* what it left behind ends with it */
	if (u->is_closing) {
		close_all(u);
		return;
	}
	char why[64];
	if (sig)
		(void)snprintf(why, sizeof why, "ended by signal %d", sig); /* fits */
	else
		(void)snprintf(
			why, sizeof why, "ended with status %lld", (long long)status); /* fits */
	tell_gone(u, why);
}

/* ---- what it says ---- */

static void on_line(void *arg, struct rv_str line)
{
	struct rv_mcp_upstream *u = arg;
	if (!u->is_closing && !u->was_told)
		u->ops.line(u->arg, line);
}

static void on_end(void *arg, const char *why)
{
	tell_gone(arg, why ? why : "closed its output");
}

/* Its own words, for the operator: control characters made harmless, bounded. */
static void on_log_line(void *arg, struct rv_str line)
{
	struct rv_mcp_upstream *u = arg;
	char text[LOG_LINE_MAX + 1];
	size_t n = line.n < LOG_LINE_MAX ? line.n : LOG_LINE_MAX;
	for (size_t i = 0; i < n; i++)
		text[i] = line.p[i] >= ' ' && line.p[i] < 127 ? line.p[i] : '?';
	text[n] = '\0';
	for (size_t i = 0; i < u->backend->conf->n_secrets; i++) {
		struct rv_str s = u->backend->secrets[i];
		char *at;
		while ((at = memmem(text, n, s.p, s.n)))
			memset(at, '*', s.n);
	}
	if (++u->n_logged <= LOG_LINES_MAX)
		rv_log(RV_LOG_INFO, "mcp", "%.*s: %s", RV_FMT(u->backend->conf->name), text);
}

static void on_log_end(void *arg, const char *why)
{
}

/* ---- start ---- */

static enum rv_code spawn(struct rv_mcp_upstream *u, uv_loop_t *loop, struct rv_err *err)
{
	const struct rv_mcp_server *s = u->backend->conf;
	uv_stdio_container_t io[3] = {
		{ .flags = UV_CREATE_PIPE | UV_READABLE_PIPE,
			.data.stream = (uv_stream_t *)&u->in.pipe },
		{ .flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE,
			.data.stream = (uv_stream_t *)&u->out.pipe },
		{ .flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE,
			.data.stream = (uv_stream_t *)&u->err.pipe },
	};
	uv_process_options_t o = {
		.file = u->backend->argv[0],
		.args = (char **)u->backend->argv, /* execve's type: only read */
		.env = (char **)u->backend->envp, /* likewise */
		.cwd = s->cwd.p ? s->cwd.p : "/",
		.flags = UV_PROCESS_DETACHED, /* a session, and so a group, of its own */
		.stdio = io,
		.stdio_count = 3,
		.exit_cb = on_process_exit,
	};
	u->n_handles++;
	int r = uv_spawn(loop, &u->process, &o);
	u->process.data = u;
	if (r != 0)
		return RV_FAIL(err, RV_EIO, "server '%.*s' cannot be started: '%s': %s",
			RV_FMT(s->name), u->backend->argv[0], uv_strerror(r));
	return RV_OK;
}

static enum rv_code open_pipes(struct rv_mcp_upstream *u, uv_loop_t *loop, struct rv_err *err)
{
	struct rv_mcp_lines *const all[] = { &u->out, &u->err, &u->in };
	for (size_t i = 0; i < RV_COUNT(all); i++) {
		RV_TRY(rv_mcp_lines_init(all[i], loop,
			all[i] == &u->err ? 64 << 10 : RV_RPC_MESSAGE_MAX, WAITING_MAX, err));
		all[i]->arg = u;
		all[i]->line = all[i] == &u->err ? on_log_line : on_line;
		all[i]->end = all[i] == &u->err ? on_log_end : on_end;
		u->n_handles++;
	}
	return RV_OK;
}

enum rv_code rv_mcp_upstream_start(struct uv_loop_s *loop, const struct rv_mcp_backend *b,
	const struct rv_mcp_upstream_ops *ops, void *arg, struct rv_mcp_upstream **ret,
	struct rv_err *err)
{
	struct rv_mcp_upstream *u = calloc(1, sizeof *u);
	if (!u)
		return RV_FAIL(err, RV_ENOMEM, "out of memory");
	u->backend = b;
	u->ops = *ops;
	u->arg = arg;
	(void)uv_timer_init(loop, &u->timer); /* cannot fail */
	u->timer.data = u;
	u->n_handles = 1;
	enum rv_code code = open_pipes(u, loop, err);
	if (code == RV_OK)
		code = spawn(u, loop, err);
	if (code != RV_OK) {
		u->is_closing = true;
		close_all(u);
		return code;
	}
	rv_mcp_lines_start(&u->out);
	rv_mcp_lines_start(&u->err);
	*ret = u;
	return RV_OK;
}

enum rv_code rv_mcp_upstream_send(struct rv_mcp_upstream *u, struct rv_str line, struct rv_err *err)
{
	return rv_mcp_lines_send(&u->in, line, err);
}
