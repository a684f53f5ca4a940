/* The worker's side: reads its credential, opens its files itself, hands both over and tells what
 * came of it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/enc.h"
#include "base/file.h"
#include "points/ask/ask.h"
#include "points/exec/exec.h"
#include "points/exec/seal.h"
#include "points/exec/wire.h"

enum { REPLY_MAX = 256 << 10, TEXT_MAX = 64 << 10 };

struct client {
	const struct rv_exec_client_opts *o;
	struct rv_arena arena;
	struct rv_buf packet;
	int sock;
	int fds[RV_EXEC_INPUTS_MAX];
	size_t n_fds;
	bool was_allowed;
};

/* ---- telling ---- */

/* Text from elsewhere cannot steer a terminal: controls become '?'. */
static void put_plain(struct rv_buf *b, struct rv_str s)
{
	for (size_t i = 0; i < s.n;) {
		uint32_t c;
		size_t n = rv_utf8_get(s, i, &c);
		bool shown = n > 0 && c >= 0x20 && !(c >= 0x7f && c < 0xa0) &&
			!(c >= 0x200b && c <= 0x200f) && !(c >= 0x2028 && c <= 0x202e) &&
			!(c >= 0x2060 && c <= 0x206f) && c != 0xfeff;
		if (shown)
			rv_buf_add(b, rv_str_sub(s, i, i + n));
		else
			rv_buf_addc(b, '?');
		i += n ? n : 1;
	}
}

static void put_bytes(int fd, struct rv_str bytes)
{
	enum rv_code code = rv_fd_write_all(fd, bytes, NULL);
	(void)code; /* nobody is left to be told */
}

static void put_out(int fd, const struct rv_buf *b)
{
	put_bytes(fd, rv_buf_str(b));
}

static struct rv_str text_of(const struct rv_json *v, const char *name)
{
	const struct rv_json *m = rv_json_get(v, name);
	return rv_json_is(m, RV_JSON_STR) ? m->str : RV_STR("");
}

static int64_t int_of(const struct rv_json *v, const char *name)
{
	const struct rv_json *m = rv_json_get(v, name);
	return rv_json_is(m, RV_JSON_INT) ? m->integer : 0;
}

static bool is_true(const struct rv_json *v, const char *name)
{
	const struct rv_json *m = rv_json_get(v, name);
	return rv_json_is(m, RV_JSON_BOOL) && m->boolean;
}

static void put_field(struct rv_buf *b, const char *before, struct rv_str s)
{
	if (!s.n)
		return;
	rv_buf_addz(b, before);
	put_plain(b, s);
}

static void put_reasons(struct rv_buf *b, const struct rv_json *v)
{
	const struct rv_json *list = rv_json_get(v, "reasons");
	for (size_t i = 0; rv_json_is(list, RV_JSON_ARR) && i < list->n_items; i++) {
		const struct rv_json *r = list->items[i];
		put_field(b, "\n  why: ", text_of(r, "text"));
		put_field(b, "\n  policy: ", text_of(r, "policy"));
		put_field(b, "\n  code: ", text_of(r, "code"));
	}
}

static void put_approval(struct rv_buf *b, const struct rv_json *v)
{
	const struct rv_json *a = rv_json_get(v, "approval"), *groups = rv_json_get(a, "groups");
	struct rv_str ours = text_of(v, "digest"), theirs = text_of(a, "digest");
	put_field(b, "\n  approval: ", text_of(a, "id"));
	if (rv_json_is(groups, RV_JSON_ARR) && groups->n_items) {
		rv_buf_addz(b, "\n  waits for: ");
		for (size_t i = 0; i < groups->n_items; i++)
			if (rv_json_is(groups->items[i], RV_JSON_STR))
				put_field(b, i ? ", " : "", groups->items[i]->str);
	}
	put_field(b, "\n  until: ", text_of(a, "expires"));
	put_field(b, "\n  digest: ", ours);
	if (theirs.n && !rv_str_eq(ours, theirs))
		put_field(b, "\n  approved was: ", theirs);
}

/* One notice for people on err_fd; nothing with --json, where the object itself is printed. */
static void notice(struct client *c, const struct rv_json *v, const char *head)
{
	RV_AUTO_BUF b;
	rv_buf_init(&b, TEXT_MAX);
	if (c->o->json)
		return;
	rv_buf_printf(&b, "reeve exec: %s", head);
	put_field(&b, ": ", text_of(v, "text"));
	put_reasons(&b, v);
	put_approval(&b, v);
	put_field(&b, "\n  event: ", text_of(v, "event"));
	rv_buf_addc(&b, '\n');
	put_out(c->o->err_fd, &b);
}

static int fail_with(
	struct client *c, const char *status, int exit_status, const struct rv_err *err)
{
	RV_AUTO_BUF b;
	struct rv_json_w w;
	char text[900];
	rv_buf_init(&b, TEXT_MAX);
	if (c->o->json) {
		rv_json_w_init(&w, &b);
		rv_json_w_obj(&w);
		rv_json_w_kv_strz(&w, "type", "end");
		rv_json_w_kv_strz(&w, "status", status);
		rv_json_w_kv_strz(&w, "text", rv_err_text(err, text, sizeof text));
		rv_json_w_obj_end(&w);
	} else {
		rv_buf_printf(&b, "reeve exec: %s: ", status);
		put_plain(&b, rv_str_of(rv_err_text(err, text, sizeof text)));
	}
	rv_buf_addc(&b, '\n');
	put_out(c->o->json ? c->o->out_fd : c->o->err_fd, &b);
	return exit_status;
}

/* ---- asking ---- */

static enum rv_code split(const char *word, struct rv_str *name, struct rv_str *value,
	const char *what, struct rv_err *err)
{
	struct rv_str s = rv_str_of(word);
	size_t eq = rv_str_find(s, '=', 0);
	if (eq == SIZE_MAX || eq == 0)
		return RV_FAIL(err, RV_EINVAL, "--%s '%s': write NAME=%s", what, word,
			strcmp(what, "input") == 0 ? "PATH" : "VALUE");
	*name = rv_str_sub(s, 0, eq);
	*value = rv_str_sub(s, eq + 1, s.n);
	return RV_OK;
}

static enum rv_code open_inputs(struct client *c, struct rv_exec_message *m, struct rv_err *err)
{
	if (c->o->n_inputs > RV_EXEC_INPUTS_MAX)
		return RV_FAIL(err, RV_ELIMIT, "at most %d inputs", RV_EXEC_INPUTS_MAX);
	for (size_t i = 0; i < c->o->n_inputs; i++) {
		struct stat st;
		struct rv_str path;
		RV_TRY(split(c->o->inputs[i], &m->inputs[i], &path, "input", err));
		/* Never blocks on a FIFO; the runner looks again at what it is given. */
		int fd = open(path.p, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
		if (fd < 0)
			return RV_FAIL(err, RV_ENOENT, "input '%.*s': cannot open '%s': %s",
				RV_FMT(m->inputs[i]), path.p, strerror(errno));
		c->fds[c->n_fds++] = fd;
		if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
			return RV_FAIL(err, RV_EINVAL, "input '%.*s': '%s' is not a regular file",
				RV_FMT(m->inputs[i]), path.p);
	}
	m->n_inputs = c->o->n_inputs;
	return RV_OK;
}

static enum rv_code read_token(struct client *c, struct rv_str *ret, struct rv_err *err)
{
	const char *path = c->o->token_file;
	if (!path)
		path = getenv("REEVE_TOKEN_FILE");
	if (!path || !path[0]) {
		const char *home = getenv("HOME");
		path = rv_arena_printf(&c->arena, "%s/.config/reeve/token", home ? home : "");
		if (!path)
			return RV_FAIL_ARENA(err);
	}
	return rv_ask_token_read(&c->arena, path, "rvs_", ret, err);
}

static enum rv_code make_message(struct client *c, struct rv_exec_message *m, struct rv_err *err)
{
	*m = (struct rv_exec_message){ .command = rv_str_of(c->o->command),
		.system = rv_str_of(c->o->system ? c->o->system : ""),
		.approval = rv_str_of(c->o->approval ? c->o->approval : ""),
		.wait_ms = c->o->wait_ms };
	if (c->o->n_params > RV_EXEC_PARAMS_MAX)
		return RV_FAIL(err, RV_ELIMIT, "at most %d parameters", RV_EXEC_PARAMS_MAX);
	for (size_t i = 0; i < c->o->n_params; i++)
		RV_TRY(split(
			c->o->params[i], &m->params[i].name, &m->params[i].value, "param", err));
	m->n_params = c->o->n_params;
	RV_TRY(open_inputs(c, m, err));
	return read_token(c, &m->token, err);
}

/* The credential goes to whoever listens: that must be the user in whose hands the path is. */
static enum rv_code connect_runner(struct client *c, struct rv_err *err)
{
	const char *path = c->o->socket ? c->o->socket : RV_EXEC_SOCKET;
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct ucred peer;
	struct stat st;
	socklen_t n = sizeof peer;
	char real[4096];
	if (strlen(path) >= sizeof un.sun_path)
		return RV_FAIL(err, RV_EINVAL, "'%s' is too long for a socket", path);
	memcpy(un.sun_path, path, strlen(path) + 1);
	c->sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (c->sock < 0)
		return RV_FAIL(err, RV_EIO, "socket: %s", strerror(errno));
	if (connect(c->sock, (struct sockaddr *)&un, sizeof un) != 0)
		return RV_FAIL(err, RV_ECLOSED, "no runner at '%s': %s", path, strerror(errno));
	if (getsockopt(c->sock, SOL_SOCKET, SO_PEERCRED, &peer, &n) != 0)
		return RV_FAIL(err, RV_EIO, "SO_PEERCRED: %s", strerror(errno));
	if (lstat(path, &st) != 0 || st.st_uid != peer.uid)
		return RV_FAIL(
			err, RV_EAUTH, "'%s' belongs to another user than who listens there", path);
	if (rv_exec_path_is_ours(path, peer.uid, real, err) != RV_OK) {
		err->code = RV_EAUTH;
		return RV_EAUTH;
	}
	return RV_OK;
}

static enum rv_code send_request(
	struct client *c, const struct rv_exec_message *m, struct rv_err *err)
{
	struct rv_exec_message checked;
	RV_AUTO_BUF b;
	rv_buf_init(&b, RV_EXEC_MESSAGE_MAX);
	rv_exec_message_write(m, &b);
	if (rv_buf_ok(&b, NULL) != RV_OK)
		return RV_FAIL(
			err, RV_ELIMIT, "the request is larger than %d bytes", RV_EXEC_MESSAGE_MAX);
	RV_TRY(rv_exec_message_read(&c->arena, rv_buf_str(&b), &checked, err));
	enum rv_code code = rv_exec_packet_send(c->sock, rv_buf_str(&b), c->fds, c->n_fds, err);
	explicit_bzero(b.p, b.n);
	return code;
}

/* ---- hearing ---- */

static void output_json(struct client *c, const char *stream, struct rv_str bytes)
{
	RV_AUTO_BUF b, b64;
	struct rv_json_w w;
	rv_buf_init(&b, 128 << 10);
	rv_buf_init(&b64, 64 << 10);
	rv_b64_add(&b64, bytes);
	rv_json_w_init(&w, &b);
	rv_json_w_obj(&w);
	rv_json_w_kv_strz(&w, "type", "output");
	rv_json_w_kv_strz(&w, "stream", stream);
	if (rv_str_is_utf8(bytes))
		rv_json_w_kv_str(&w, "text", bytes);
	else
		rv_json_w_kv_str(&w, "base64", rv_buf_str(&b64));
	rv_json_w_obj_end(&w);
	rv_buf_addc(&b, '\n');
	put_out(c->o->out_fd, &b);
}

static void on_output(struct client *c, bool is_err, struct rv_str bytes)
{
	if (c->o->json)
		output_json(c, is_err ? "stderr" : "stdout", bytes);
	else
		put_bytes(is_err ? c->o->err_fd : c->o->out_fd, bytes);
}

static int done_status(struct client *c, const struct rv_json *v)
{
	int64_t sig = int_of(v, "signal"), status = int_of(v, "exit");
	if (is_true(v, "timed_out"))
		notice(c, NULL, "the command's time was up; it was ended");
	if (is_true(v, "truncated"))
		notice(c, NULL, "the command wrote more than is passed on; the rest was dropped");
	if (!is_true(v, "outcome_recorded"))
		notice(c, NULL,
			"the outcome is not on record yet; the runner keeps it and tries again");
	if (sig)
		return 128 + (int)(sig & 127);
	if (status >= RV_EXEC_EXIT_MASKED && status <= RV_EXEC_EXIT_UNKNOWN) {
		RV_AUTO_BUF b;
		rv_buf_init(&b, 256);
		rv_buf_printf(&b, "the command ended with status %lld", (long long)status);
		notice(c, NULL, rv_buf_z(&b));
		return RV_EXEC_EXIT_MASKED;
	}
	return (int)(status & 255);
}

static int on_end(struct client *c, const struct rv_json *v)
{
	static const struct {
		const char *status, *head;
		int exit_status;
	} ends[] = {
		{ "held", "held: nothing was done; ask again when people have decided",
			RV_EXEC_EXIT_HELD },
		{ "denied", "denied", RV_EXEC_EXIT_DENIED },
		{ "refused", "refused", RV_EXEC_EXIT_REFUSED },
		{ "unavailable", "unavailable: nothing was done", RV_EXEC_EXIT_UNAVAILABLE },
	};
	struct rv_str status = text_of(v, "status");
	if (rv_str_eqz(status, "done"))
		return done_status(c, v);
	for (size_t i = 0; i < RV_COUNT(ends); i++)
		if (rv_str_eqz(status, ends[i].status)) {
			notice(c, v, ends[i].head);
			return ends[i].exit_status;
		}
	notice(c, v, "what came of the command is not known");
	return RV_EXEC_EXIT_UNKNOWN;
}

/* One JSON packet; true when it was the last, with *ret_status. */
static bool on_json(struct client *c, struct rv_str text, int *ret_status)
{
	RV_AUTO_ARENA a;
	const struct rv_json *v;
	rv_arena_init(&a, 4 << 20);
	if (rv_json_parse(&a, text, NULL, &v, NULL) != RV_OK)
		return false; /* the connection's end will tell */
	if (c->o->json) {
		RV_AUTO_BUF b;
		rv_buf_init(&b, REPLY_MAX);
		rv_buf_add(&b, text);
		rv_buf_addc(&b, '\n');
		put_out(c->o->out_fd, &b);
	}
	struct rv_str type = text_of(v, "type");
	if (rv_str_eqz(type, "allowed"))
		c->was_allowed = true;
	if (rv_str_eqz(type, "held") && c->o->wait_ms) /* else the end says it */
		notice(c, v, "held; waiting for people");
	if (rv_str_eqz(type, "waiting"))
		notice(c, v, "still waiting");
	if (!rv_str_eqz(type, "end"))
		return false;
	*ret_status = on_end(c, v);
	return true;
}

static int hear(struct client *c)
{
	struct rv_err err = { 0 };
	bool was_reset = false;
	int status;
	for (;;) {
		rv_buf_clear(&c->packet);
		char *p = rv_buf_room(&c->packet, REPLY_MAX);
		ssize_t n = p ? recv(c->sock, p, REPLY_MAX, 0) : -1;
		if (n < 0 && errno == EINTR)
			continue;
		/* The runner hung up without reading: what it had said before is still there. */
		if (n < 0 && errno == ECONNRESET && !was_reset) {
			was_reset = true;
			continue;
		}
		if (n <= 0)
			break;
		c->packet.n = (size_t)n;
		struct rv_str rest = rv_str_n(p + 1, (size_t)n - 1);
		if (p[0] == 'J' && on_json(c, rest, &status))
			return status;
		if (p[0] == '1' || p[0] == '2')
			on_output(c, p[0] == '2', rest);
	}
	(void)RV_FAIL(&err, RV_ECLOSED, "the runner went away%s",
		c->was_allowed ? " while the command ran" : ""); /* told next */
	return c->was_allowed ? fail_with(c, "unknown", RV_EXEC_EXIT_UNKNOWN, &err)
			      : fail_with(c, "unavailable", RV_EXEC_EXIT_UNAVAILABLE, &err);
}

static int run(struct client *c)
{
	struct rv_err err = { 0 };
	struct rv_exec_message m;
	if (make_message(c, &m, &err) != RV_OK)
		return fail_with(c, "refused", RV_EXEC_EXIT_REFUSED, &err);
	enum rv_code code = connect_runner(c, &err);
	if (code == RV_EAUTH || code == RV_EINVAL)
		return fail_with(c, "refused", RV_EXEC_EXIT_REFUSED, &err);
	if (code != RV_OK)
		return fail_with(c, "unavailable", RV_EXEC_EXIT_UNAVAILABLE, &err);
	code = send_request(c, &m, &err);
	for (size_t i = 0; i < c->n_fds; i++)
		(void)close(c->fds[i]); /* the runner has them now */
	c->n_fds = 0;
	/* A runner that turned us away has said why before it hung up. */
	if (code != RV_OK && code != RV_ECLOSED)
		return fail_with(c, "refused", RV_EXEC_EXIT_REFUSED, &err);
	return hear(c);
}

int rv_exec_client_run(const struct rv_exec_client_opts *o)
{
	struct client c = { .o = o, .sock = -1 };
	rv_arena_init(&c.arena, 4 << 20);
	rv_buf_init(&c.packet, REPLY_MAX + 1);
	int status = run(&c);
	for (size_t i = 0; i < c.n_fds; i++)
		(void)close(c.fds[i]); /* read only */
	if (c.sock >= 0)
		(void)close(c.sock); /* nothing to lose */
	rv_buf_done(&c.packet);
	rv_arena_done(&c.arena);
	return status;
}
