/* The client's command: a credential and a name at first, then bytes both ways. It understands
 * nothing of what it carries. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/file.h"
#include "points/ask/ask.h"
#include "points/mcp/mcp.h"

enum { CHUNK_BYTES = 64 << 10, ANSWER_MAX = 8192 };

static enum rv_code dial(const char *path, int *ret_fd, struct rv_err *err)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof un.sun_path)
		return RV_FAIL(err, RV_EINVAL, "'%s' is too long for a socket", path);
	memcpy(un.sun_path, path, strlen(path) + 1);
	RV_AUTO_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return RV_FAIL(err, RV_EIO, "socket: %s", strerror(errno));
	if (connect(fd, (struct sockaddr *)&un, sizeof un) != 0)
		return RV_FAIL(err, errno == EACCES ? RV_EPERM : RV_ECLOSED,
			"no gateway at '%s' (%s): is `reeve mcp --config` running?", path,
			strerror(errno));
	*ret_fd = fd;
	fd = -1;
	return RV_OK;
}

static enum rv_code greet(
	struct rv_arena *a, int fd, const struct rv_mcp_relay_opts *o, struct rv_err *err)
{
	RV_AUTO_BUF b = { 0 };
	struct rv_json_w w;
	struct rv_str token;
	const char *path = o->token_file ? o->token_file : getenv("REEVE_TOKEN_FILE");
	const char *home = getenv("HOME");
	if (!path)
		path = rv_arena_printf(a, "%s/.config/reeve/token", home ? home : "");
	if (!path)
		return RV_FAIL_ARENA(err);
	RV_TRY(rv_ask_token_read(a, path, "rvs_", &token, err));
	rv_buf_init(&b, ANSWER_MAX);
	rv_json_w_init(&w, &b);
	rv_json_w_obj(&w);
	rv_json_w_kv_strz(&w, "server", o->server);
	rv_json_w_kv_str(&w, "token", token);
	rv_json_w_obj_end(&w);
	rv_buf_addc(&b, '\n');
	RV_TRY(rv_buf_ok(&b, err));
	enum rv_code code = rv_fd_write_all(fd, rv_buf_str(&b), err);
	explicit_bzero(b.p, b.n);
	return code;
}

/* The gateway's first line; nothing of what follows it is read here. */
static enum rv_code read_answer(struct rv_arena *a, int fd, struct rv_err *err)
{
	char text[ANSWER_MAX];
	size_t n = 0;
	const struct rv_json *v;
	while (n < sizeof text) {
		ssize_t r = read(fd, text + n, 1);
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return RV_FAIL(err, RV_ECLOSED, "the gateway hung up");
		if (text[n] == '\n')
			break;
		n++;
	}
	RV_TRY(rv_json_parse(a, rv_str_n(text, n), NULL, &v, err));
	const struct rv_json *e = rv_json_get(v, "error"), *name = rv_json_get(e, "code"),
			     *message = rv_json_get(e, "message");
	if (!e)
		return RV_OK;
	enum rv_code code = RV_EINTERNAL;
	for (int i = RV_OK + 1; i < RV_CODE_COUNT && rv_json_is(name, RV_JSON_STR); i++)
		if (rv_str_eqz(name->str, rv_code_name((enum rv_code)i)))
			code = (enum rv_code)i;
	return RV_FAIL(err, code, "%.*s",
		RV_FMT(rv_json_is(message, RV_JSON_STR) ? message->str : RV_STR("refused")));
}

/* One direction's bytes that are there. False: that side has ended. */
static bool carry(int from, int to, char *chunk)
{
	ssize_t n = read(from, chunk, CHUNK_BYTES);
	if (n < 0 && errno == EINTR)
		return true;
	return n > 0 && rv_fd_write_all(to, rv_str_n(chunk, (size_t)n), NULL) == RV_OK;
}

static enum rv_code carry_all(int fd, const struct rv_mcp_relay_opts *o, struct rv_err *err)
{
	RV_AUTO_FREE char *chunk = malloc(CHUNK_BYTES);
	struct pollfd p[2] = { { o->in_fd, POLLIN, 0 }, { fd, POLLIN, 0 } };
	if (!chunk)
		return RV_FAIL(err, RV_ENOMEM, "out of memory");
	for (;;) {
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return RV_FAIL(err, RV_EIO, "poll: %s", strerror(errno));
		if (p[1].revents && !carry(fd, o->out_fd, chunk))
			return p[0].fd < 0
				? RV_OK
				: RV_FAIL(err, RV_ECLOSED, "the gateway ended the session");
		if (p[0].fd >= 0 && p[0].revents && !carry(o->in_fd, fd, chunk)) {
			(void)shutdown(fd, SHUT_WR); /* what is under way still comes back */
			p[0].fd = -1;
		}
	}
}

enum rv_code rv_mcp_relay(const struct rv_mcp_relay_opts *o, struct rv_err *err)
{
	RV_AUTO_ARENA arena = { 0 };
	RV_AUTO_FD fd = -1;
	rv_arena_init(&arena, 1 << 20);
	RV_TRY(dial(o->socket ? o->socket : RV_MCP_SOCKET, &fd, err));
	RV_TRY(greet(&arena, fd, o, err));
	RV_TRY(read_answer(&arena, fd, err));
	return carry_all(fd, o, err);
}
