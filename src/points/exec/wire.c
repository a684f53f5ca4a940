/* The wire between a worker and the runner: a Unix SOCK_SEQPACKET connection, one request each.
 *
 * Worker to runner: exactly one packet of at most RV_EXEC_MESSAGE_MAX bytes, one JSON object,
 *
 *     {"v":1,"command":"release","system":"deploy-bot","token":"rvs_…","params":{"target":"staging"},
 *      "inputs":["site"],"wait_ms":600000,"approval":"0193…"}
 *
 * with one SCM_RIGHTS message that carries exactly as many descriptors as `inputs` has names, in
 * that order. system, params, inputs, wait_ms and approval may be left out. A packet that is cut,
 * holds anything else, or comes from another user than the one that connected is refused; every
 * descriptor that came with it is closed.
 *
 * Runner to worker: packets whose first byte says what follows.
 *     'J'  one JSON object with "type": "held", "waiting", "allowed" or "end"
 *     '1'  bytes of the command's standard output     '2'  of its standard error
 * "end" comes exactly once and last:
 *
 *     {"type":"end","status":"done|held|denied|refused|unavailable|unknown","exit":0,"signal":0,
 *      "text":"…","reasons":[…],"approval":{…},"digest":"sha256:…","intent":"0193…","event":"0193…"}
 *
 * A connection that ends without it: `unknown` to the worker when "allowed" came, `unavailable`
 * otherwise. */
#include "points/exec/wire.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#include "points/exec/exec_int.h"

enum { WAIT_MS_MAX = 7 * 86400000, PASSED_MAX = 64 };

/* ---- the request ---- */

static bool is_token(struct rv_str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
			    c == '_' || c == '-'))
			return false;
	}
	return s.n > 4 && s.n <= RV_EXEC_TOKEN_MAX && rv_str_starts(s, RV_STR("rvs_"));
}

static enum rv_code read_params(
	const struct rv_json *v, struct rv_exec_message *m, struct rv_err *err)
{
	if (!v)
		return RV_OK;
	if (v->n_members > RV_EXEC_PARAMS_MAX)
		return RV_FAIL(err, RV_ELIMIT, "more than %d parameters", RV_EXEC_PARAMS_MAX);
	RV_JSON_EACH (p, v) {
		if (!rv_str_is_slug(p->name, RV_EXEC_NAME_MAX))
			return RV_FAIL(err, RV_EINVAL, "params: a name is a-z, 0-9 and -");
		if (p->value->type != RV_JSON_STR)
			return RV_FAIL(err, RV_EINVAL, "params.%.*s: must be a string, not %s",
				RV_FMT(p->name), rv_json_type_name(p->value->type));
		if (p->value->str.n > RV_EXEC_VALUE_MAX)
			return RV_FAIL(err, RV_ELIMIT, "params.%.*s: more than %d bytes",
				RV_FMT(p->name), RV_EXEC_VALUE_MAX);
		if (p->value->str.n && memchr(p->value->str.p, '\0', p->value->str.n))
			return RV_FAIL(err, RV_EINVAL, "params.%.*s: holds a NUL", RV_FMT(p->name));
		m->params[m->n_params++] = (struct rv_exec_pair){ p->name, p->value->str };
	}
	return RV_OK;
}

static enum rv_code read_inputs(
	const struct rv_json *v, struct rv_exec_message *m, struct rv_err *err)
{
	if (!v)
		return RV_OK;
	if (v->n_items > RV_EXEC_INPUTS_MAX)
		return RV_FAIL(err, RV_ELIMIT, "more than %d inputs", RV_EXEC_INPUTS_MAX);
	for (size_t i = 0; i < v->n_items; i++) {
		const struct rv_json *s = v->items[i];
		if (s->type != RV_JSON_STR || !rv_str_is_slug(s->str, RV_EXEC_NAME_MAX))
			return RV_FAIL(err, RV_EINVAL, "inputs: a name is a-z, 0-9 and -");
		for (size_t j = 0; j < i; j++)
			if (rv_str_eq(m->inputs[j], s->str))
				return RV_FAIL(err, RV_EINVAL, "inputs: '%.*s' stands twice",
					RV_FMT(s->str));
		m->inputs[m->n_inputs++] = s->str;
	}
	return RV_OK;
}

enum rv_code rv_exec_message_read(
	struct rv_arena *a, struct rv_str bytes, struct rv_exec_message *ret, struct rv_err *err)
{
	static const struct rv_json_limits limits = { .max_bytes = RV_EXEC_MESSAGE_MAX,
		.max_depth = 4 };
	const struct rv_json *v, *params, *inputs;
	struct rv_exec_message m = { 0 };
	struct rv_json_obj o;
	struct rv_uuid id;
	int64_t version = 0;
	RV_TRY(rv_json_parse(a, bytes, &limits, &v, err));
	RV_TRY(rv_json_obj_open(&o, v, "", err));
	RV_TRY(rv_json_opt_i64(&o, "v", 1, 1, &version, err));
	RV_TRY(rv_json_need_str(&o, "command", &m.command, err));
	RV_TRY(rv_json_need_str(&o, "token", &m.token, err));
	RV_TRY(rv_json_opt_str(&o, "system", &m.system, err));
	RV_TRY(rv_json_opt_str(&o, "approval", &m.approval, err));
	RV_TRY(rv_json_opt_i64(&o, "wait_ms", 0, WAIT_MS_MAX, &m.wait_ms, err));
	RV_TRY(rv_json_opt(&o, "params", RV_JSON_OBJ, &params, err));
	RV_TRY(rv_json_opt(&o, "inputs", RV_JSON_ARR, &inputs, err));
	RV_TRY(rv_json_obj_close(&o, err));
	if (version != 1)
		return RV_FAIL(err, RV_EINVAL, "v: is required: 1");
	if (!rv_str_is_slug(m.command, RV_EXEC_NAME_MAX))
		return RV_FAIL(err, RV_EINVAL, "command: is no command's name");
	if (!is_token(m.token)) /* never quoted: it may be a secret that is merely misplaced */
		return RV_FAIL(err, RV_EINVAL, "token: is no credential of a system (rvs_…)");
	if (m.system.p && !rv_str_is_slug(m.system, RV_EXEC_NAME_MAX))
		return RV_FAIL(err, RV_EINVAL, "system: is no system's name");
	if (m.approval.p && !rv_uuid_parse(m.approval, &id))
		return RV_FAIL(err, RV_EINVAL, "approval: is no approval's id");
	RV_TRY(read_params(params, &m, err));
	RV_TRY(read_inputs(inputs, &m, err));
	*ret = m;
	return RV_OK;
}

void rv_exec_message_write(const struct rv_exec_message *m, struct rv_buf *out)
{
	struct rv_json_w w;
	rv_json_w_init(&w, out);
	rv_json_w_obj(&w);
	rv_json_w_kv_i64(&w, "v", 1);
	rv_json_w_kv_str(&w, "command", m->command);
	if (m->system.n)
		rv_json_w_kv_str(&w, "system", m->system);
	rv_json_w_kv_str(&w, "token", m->token);
	rv_json_w_name(&w, "params");
	rv_json_w_obj(&w);
	for (size_t i = 0; i < m->n_params; i++) {
		rv_json_w_name_str(&w, m->params[i].name);
		rv_json_w_str(&w, m->params[i].value);
	}
	rv_json_w_obj_end(&w);
	rv_json_w_name(&w, "inputs");
	rv_json_w_arr(&w);
	for (size_t i = 0; i < m->n_inputs; i++)
		rv_json_w_str(&w, m->inputs[i]);
	rv_json_w_arr_end(&w);
	rv_json_w_kv_i64(&w, "wait_ms", m->wait_ms);
	if (m->approval.n)
		rv_json_w_kv_str(&w, "approval", m->approval);
	rv_json_w_obj_end(&w);
}

/* ---- packets ---- */

void rv_exec_fds_close(struct rv_exec_fds *f)
{
	for (size_t i = 0; i < f->n; i++)
		(void)close(f->fd[i]); /* not ours to care about */
	f->n = 0;
}

/* Takes every descriptor out of the control messages, wanted or not, so that none leaks. */
static void take_control(
	struct msghdr *h, struct rv_exec_fds *f, struct ucred *cred, bool *has_cred)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		if (c->cmsg_level != SOL_SOCKET)
			continue;
		if (c->cmsg_type == SCM_CREDENTIALS &&
			c->cmsg_len == CMSG_LEN(sizeof(struct ucred))) {
			memcpy(cred, CMSG_DATA(c), sizeof *cred);
			*has_cred = true;
		}
		if (c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
			if (f->n < RV_EXEC_FDS_MAX)
				f->fd[f->n++] = fd;
			else
				(void)close(fd); /* more than fit: refused below by their count */
			f->n_came++;
		}
	}
}

enum rv_code rv_exec_packet_recv(int sock, struct rv_buf *out, struct rv_exec_fds *fds,
	struct ucred *ret_from, struct rv_err *err)
{
	static const size_t room = RV_EXEC_MESSAGE_MAX + 1;
	union {
		char bytes[CMSG_SPACE(PASSED_MAX * sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
		struct cmsghdr align;
	} control;
	char *p = rv_buf_room(out, room);
	if (!p)
		return RV_FAIL(err, RV_ENOMEM, "out of memory");
	struct iovec io = { p, room };
	struct msghdr h = { .msg_iov = &io,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof control.bytes };
	struct ucred cred;
	bool has_cred = false;
	ssize_t n;
	*fds = (struct rv_exec_fds){ 0 };
	do
		n = recvmsg(sock, &h, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return RV_FAIL(err, RV_ECLOSED, "no request came: %s", strerror(errno));
	take_control(&h, fds, &cred, &has_cred);
	enum rv_code code = RV_OK;
	if (n == 0)
		code = RV_FAIL(err, RV_ECLOSED, "the worker hung up");
	else if (h.msg_flags & MSG_TRUNC || (size_t)n > RV_EXEC_MESSAGE_MAX)
		code = RV_FAIL(
			err, RV_ELIMIT, "the request is larger than %d bytes", RV_EXEC_MESSAGE_MAX);
	else if (h.msg_flags & MSG_CTRUNC || fds->n_came > RV_EXEC_INPUTS_MAX)
		code = RV_FAIL(err, RV_EINVAL, "more descriptors came than a request has inputs");
	else if (ret_from && !has_cred)
		code = RV_FAIL(err, RV_EAUTH, "the request does not say who sent it");
	if (code != RV_OK) {
		rv_exec_fds_close(fds);
		return code;
	}
	if (ret_from)
		*ret_from = cred;
	out->n += (size_t)n;
	return RV_OK;
}

enum rv_code rv_exec_packet_send(
	int sock, struct rv_str bytes, const int *fds, size_t n_fds, struct rv_err *err)
{
	union {
		char bytes[CMSG_SPACE(RV_EXEC_INPUTS_MAX * sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	struct iovec io = { (void *)bytes.p, bytes.n }; /* not written to */
	struct msghdr h = { .msg_iov = &io, .msg_iovlen = 1 };
	rv_assert(n_fds <= RV_EXEC_INPUTS_MAX);
	if (n_fds > 0) {
		h.msg_control = control.bytes;
		h.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		struct cmsghdr *c = CMSG_FIRSTHDR(&h);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(c), fds, n_fds * sizeof(int));
	}
	ssize_t n;
	do
		n = sendmsg(sock, &h, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n == (ssize_t)bytes.n)
		return RV_OK;
	return RV_FAIL(err, RV_ECLOSED, "cannot send: %s", n < 0 ? strerror(errno) : "cut short");
}
