/* A request's way: receive, check, seal, ask, wait, run, report. Each step only narrows: whatever
 * goes wrong before `allow` ends the request with nothing done, and after it with a report. */
#include "points/exec/child.h"

#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/clock.h"
#include "base/log.h"
#include "points/exec/exec_int.h"
#include "points/exec/run.h"
#include "points/exec/wire.h"

enum {
	MESSAGE_MS = 5000, /* for a worker to say what it wants */
	SEAL_S = 60, /* for copying its inputs; then SIGALRM ends the process */
	PATIENCE_MS = 10000, /* for a server that does not answer a first question */
	POLL_S = 30,
	BACKOFF_MIN_MS = 100,
	BACKOFF_MAX_MS = 5000,
	REPORT_TRIES = 3,
	ARENA_BYTES = 16 << 20,
	ROUND_BYTES = 8 << 20,
};

struct child {
	const struct rv_exec_child_opts *o;
	struct rv_arena arena; /* of the whole request */
	struct rv_buf packet;
	struct rv_exec_message msg;
	struct rv_str values[RV_EXEC_PARAMS_MAX];
	struct rv_exec_facts facts;
	struct rv_exec_serve serve;
	struct rv_str told_approval; /* the hold the worker was told of last; n == 0: none */
	bool was_told_to_wait;
	int64_t backoff_ms;
};

static int64_t now_ms(void)
{
	return rv_clock_mono_ns(rv_clock_system()) / RV_NS_PER_MS;
}

/* ---- to the worker ---- */

static void say(int sock, struct rv_buf *b, int flags)
{
	if (b->failed)
		return; /* the worker sees the connection close */
	ssize_t n = send(sock, b->p, b->n, MSG_NOSIGNAL | flags);
	(void)n; /* a worker that is gone is noticed where it matters */
}

static void begin(struct rv_buf *b, struct rv_json_w *w, const char *type)
{
	rv_buf_init(b, 64 << 10);
	rv_buf_addc(b, 'J');
	rv_json_w_init(w, b);
	rv_json_w_obj(w);
	rv_json_w_kv_strz(w, "type", type);
}

static void put_answer(struct rv_json_w *w, const struct rv_ask_answer *ans)
{
	rv_json_w_kv_str(w, "event", ans->event);
	rv_json_w_kv_str(w, "digest", ans->digest);
	if (ans->intent.n)
		rv_json_w_kv_str(w, "intent", ans->intent);
	if (ans->reasons) {
		rv_json_w_name(w, "reasons");
		rv_json_w_value(w, ans->reasons);
	}
	if (ans->approval) {
		rv_json_w_name(w, "approval");
		rv_json_w_value(w, ans->approval);
	}
}

static void say_answer(struct child *c, const char *type, const char *status, const char *text,
	const struct rv_ask_answer *ans)
{
	RV_AUTO_BUF b;
	struct rv_json_w w;
	begin(&b, &w, type);
	if (status)
		rv_json_w_kv_strz(&w, "status", status);
	if (text)
		rv_json_w_kv_strz(&w, "text", text);
	if (ans)
		put_answer(&w, ans);
	else if (c->told_approval.n) {
		rv_json_w_name(&w, "approval");
		rv_json_w_obj(&w);
		rv_json_w_kv_str(&w, "id", c->told_approval);
		rv_json_w_obj_end(&w);
	}
	rv_json_w_obj_end(&w);
	say(c->o->sock, &b, 0);
}

static int end(struct child *c, const char *status, const char *text)
{
	say_answer(c, "end", status, text, NULL);
	return RV_EXEC_CHILD_DONE;
}

static int end_err(struct child *c, const char *status, const struct rv_err *err)
{
	char text[900];
	return end(c, status, rv_err_text(err, text, sizeof text));
}

void rv_exec_turn_away(int sock, const char *status, const char *text)
{
	RV_AUTO_BUF b;
	struct rv_json_w w;
	begin(&b, &w, "end");
	rv_json_w_kv_strz(&w, "status", status);
	rv_json_w_kv_strz(&w, "text", text);
	rv_json_w_obj_end(&w);
	say(sock, &b, MSG_DONTWAIT);
}

/* ---- the request ---- */

static const struct rv_exec_worker *worker_of(const struct rv_exec_conf *conf, uid_t uid)
{
	for (size_t i = 0; i < conf->n_workers; i++)
		if (conf->workers[i].uid == uid)
			return &conf->workers[i];
	return NULL;
}

static enum rv_code pick_system(struct child *c, struct rv_err *err)
{
	const struct rv_exec_worker *w = worker_of(c->o->conf, c->o->peer);
	if (!w)
		return RV_FAIL(err, RV_EPERM, "this Unix user speaks for no system here");
	if (!c->msg.system.n && w->n_systems == 1)
		c->msg.system = w->systems[0];
	for (size_t i = 0; i < w->n_systems; i++)
		if (rv_str_eq(w->systems[i], c->msg.system)) {
			c->facts.system = c->msg.system;
			return RV_OK;
		}
	if (!c->msg.system.n)
		return RV_FAIL(err, RV_EINVAL,
			"user '%.*s' may speak for several systems: say which with --system",
			RV_FMT(w->user));
	return RV_FAIL(err, RV_EPERM, "user '%.*s' does not speak for '%.*s'", RV_FMT(w->user),
		RV_FMT(c->msg.system));
}

/* The input's place among what came. */
static enum rv_code input_at(struct child *c, struct rv_str name, size_t *ret, struct rv_err *err)
{
	for (size_t i = 0; i < c->msg.n_inputs; i++)
		if (rv_str_eq(c->msg.inputs[i], name)) {
			*ret = i;
			return RV_OK;
		}
	return RV_FAIL(err, RV_EINVAL, "input '%.*s' is missing", RV_FMT(name));
}

static enum rv_code seal_all(struct child *c, const struct rv_exec_fds *fds, struct rv_err *err)
{
	const struct rv_exec_command *cmd = c->facts.cmd;
	if (fds->n_came != c->msg.n_inputs)
		return RV_FAIL(err, RV_EINVAL, "%zu descriptors came for %zu inputs", fds->n_came,
			c->msg.n_inputs);
	if (c->msg.n_inputs > cmd->n_inputs)
		return RV_FAIL(err, RV_EINVAL, "command '%.*s' has %zu inputs, not %zu",
			RV_FMT(cmd->name), cmd->n_inputs, c->msg.n_inputs);
	for (size_t i = 0; i < cmd->n_inputs; i++) {
		size_t at = 0;
		char name[RV_EXEC_NAME_MAX + 1];
		RV_TRY(input_at(c, cmd->inputs[i].name, &at, err));
		(void)snprintf(name, sizeof name, "%.*s", RV_FMT(cmd->inputs[i].name)); /* fits */
		RV_TRY(rv_exec_seal_input(
			fds->fd[at], name, cmd->inputs[i].max_bytes, &c->facts.inputs[i], err));
	}
	return RV_OK;
}

static enum rv_code name_user(struct child *c, struct rv_err *err)
{
	struct passwd pw, *found = NULL;
	char buf[4096];
	char *name = getpwuid_r(geteuid(), &pw, buf, sizeof buf, &found) == 0 && found
		? rv_arena_printf(&c->arena, "%s", pw.pw_name)
		: rv_arena_printf(&c->arena, "%u", (unsigned)geteuid());
	if (!name)
		return RV_FAIL_ARENA(err);
	c->facts.target_user = rv_str_of(name);
	return RV_OK;
}

/* From the first byte to sealed facts. */
static enum rv_code take_request(struct child *c, struct rv_exec_fds *fds, struct rv_err *err)
{
	struct ucred from;
	struct timeval tv = { .tv_sec = MESSAGE_MS / 1000 };
	if (setsockopt(c->o->sock, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv) != 0 ||
		setsockopt(c->o->sock, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv) != 0)
		return RV_FAIL(err, RV_EIO, "socket: %s", strerror(errno));
	RV_TRY(rv_exec_packet_recv(c->o->sock, &c->packet, fds, &from, err));
	if (from.uid != c->o->peer)
		return RV_FAIL(err, RV_EPERM, "another user sent the request than connected");
	RV_TRY(rv_exec_message_read(&c->arena, rv_buf_str(&c->packet), &c->msg, err));
	RV_TRY(pick_system(c, err));
	c->facts.cmd = rv_exec_command_find(c->o->conf, c->msg.command);
	if (!c->facts.cmd)
		return RV_FAIL(
			err, RV_ENOENT, "there is no command '%.*s' here", RV_FMT(c->msg.command));
	RV_TRY(rv_exec_params_resolve(
		&c->arena, c->facts.cmd, c->msg.params, c->msg.n_params, c->values, err));
	c->facts.values = c->values;
	RV_TRY(seal_all(c, fds, err));
	RV_TRY(name_user(c, err));
	return rv_exec_facts_program(&c->arena, &c->facts, err);
}

static enum rv_code connect_serve(struct child *c, struct rv_err *err)
{
	const struct rv_exec_conf *conf = c->o->conf;
	struct rv_http_client_opts o = { .base_url = rv_arena_str(&c->arena, conf->server).p,
		.ca_file = conf->ca_file.p ? rv_arena_str(&c->arena, conf->ca_file).p : NULL,
		.max_response_bytes = 1 << 20 };
	struct rv_str path = rv_arena_str(&c->arena, conf->token_file);
	if (!o.base_url || !path.p)
		return RV_FAIL_ARENA(err);
	RV_TRY(rv_ask_token_read(&c->arena, path.p, "rvp_", &c->serve.point_token, err));
	c->serve.subject_token = c->msg.token;
	return rv_http_client_new(&o, &c->serve.http, err);
}

/* ---- waiting ---- */

static void let_term_in(bool in)
{
	sigset_t s;
	(void)sigemptyset(&s); /* cannot fail */
	(void)sigaddset(&s, SIGTERM); /* cannot fail */
	(void)sigprocmask(in ? SIG_UNBLOCK : SIG_BLOCK, &s, NULL); /* cannot fail */
}

/* Sleeps; false when the worker hung up meanwhile. Nothing has been allowed, so SIGTERM may end it
 * here. */
static bool sleep_ms(struct child *c, int64_t ms)
{
	struct pollfd p = { .fd = c->o->sock, .events = POLLRDHUP };
	let_term_in(true);
	int n = poll(&p, 1, ms > 0 ? (int)ms : 0);
	let_term_in(false);
	return n <= 0;
}

static bool back_off(struct child *c, int64_t until_ms)
{
	int64_t left = until_ms - now_ms(), ms = c->backoff_ms;
	c->backoff_ms = ms * 2 < BACKOFF_MAX_MS ? ms * 2 : BACKOFF_MAX_MS;
	return sleep_ms(c, ms < left ? ms : left > 0 ? left : 0);
}

static void tell_to_wait(struct child *c, const char *text)
{
	if (!c->was_told_to_wait)
		say_answer(c, "waiting", NULL, text, NULL);
	c->was_told_to_wait = true;
}

/* Until the approval is no longer pending (true: ask again), or the time is up or the worker gone
 * (false). */
static bool wait_for_people(struct child *c, int64_t until_ms)
{
	for (;;) {
		RV_AUTO_ARENA a;
		struct rv_err err = { 0 };
		bool is_pending = true;
		int64_t left_s = (until_ms - now_ms() + 999) / 1000;
		rv_arena_init(&a, ROUND_BYTES);
		if (left_s <= 0 || !sleep_ms(c, 0))
			return false;
		let_term_in(true);
		enum rv_exec_reach r = rv_exec_poll(&c->serve, &a, c->told_approval,
			left_s < POLL_S ? left_s : POLL_S, &is_pending, &err);
		let_term_in(false);
		if (!sleep_ms(c, 0))
			return false;
		if (r == RV_EXEC_NO || (r == RV_EXEC_ANSWERED && !is_pending))
			return true; /* the next question says what it means */
		if (r == RV_EXEC_ANSWERED) {
			c->backoff_ms = BACKOFF_MIN_MS;
			c->was_told_to_wait = false;
			continue;
		}
		tell_to_wait(c, err.msg);
		if (!back_off(c, until_ms))
			return false;
	}
}

/* ---- acting ---- */

static const char *hex_of(const struct rv_sha256 *h, char out[65])
{
	rv_hex_z(h->b, sizeof h->b, out);
	return out;
}

/* What the server is told: an observation, never a hope. */
static const char *status_of(const struct rv_exec_result *r)
{
	if (!r->started)
		return "failed";
	if (!r->is_empty)
		return "unknown";
	return r->exit_status == 0 && r->signal == 0 && !r->timed_out ? "succeeded" : "failed";
}

static void put_detail(struct rv_json_w *w, const struct rv_exec_result *r)
{
	char hex[65];
	rv_json_w_obj(w);
	if (!r->started) {
		rv_json_w_kv_bool(w, "started", false);
		rv_json_w_kv_strz(w, "step", r->start_step);
		rv_json_w_kv_strz(w, "error", strerror(r->start_error));
		rv_json_w_obj_end(w);
		return;
	}
	if (r->signal)
		rv_json_w_kv_i64(w, "signal", r->signal);
	else
		rv_json_w_kv_i64(w, "exit", r->exit_status);
	rv_json_w_kv_bool(w, "timed_out", r->timed_out);
	rv_json_w_kv_bool(w, "group_empty", r->is_empty);
	rv_json_w_kv_i64(w, "duration_ms", r->duration_ms);
	rv_json_w_kv_i64(w, "stdout_bytes", (int64_t)r->out.n_bytes);
	rv_json_w_kv_strz(w, "stdout_sha256", hex_of(&r->out.sha256, hex));
	rv_json_w_kv_i64(w, "stderr_bytes", (int64_t)r->err.n_bytes);
	rv_json_w_kv_strz(w, "stderr_sha256", hex_of(&r->err.sha256, hex));
	rv_json_w_kv_bool(w, "truncated", r->truncated);
	rv_json_w_obj_end(w);
}

/* The report's body. A command that failed may have spent: what it was charged with is settled in
 * full then, and said so; success settles what was reserved, and what never started gives it back.
 */
static void put_report(
	struct child *c, struct rv_str intent, const struct rv_exec_result *r, struct rv_buf *out)
{
	struct rv_json_w w;
	const char *status = status_of(r);
	struct rv_str settle = { NULL, 0 };
	if (r->started && strcmp(status, "failed") == 0)
		settle = rv_exec_settle_json(&c->arena, &c->facts);
	rv_json_w_init(&w, out);
	rv_json_w_obj(&w);
	rv_json_w_kv_str(&w, "intent", intent);
	rv_json_w_kv_strz(&w, "status", status);
	rv_json_w_name(&w, "detail");
	put_detail(&w, r);
	if (settle.p) {
		rv_json_w_name(&w, "settle");
		rv_json_w_raw(&w, settle);
	}
	rv_json_w_obj_end(&w);
}

/* True when the server took it; else it stays in the spool, and the reason is logged. */
static bool report(struct child *c, struct rv_str intent, struct rv_str body, bool is_spooled)
{
	for (int i = 0; i < REPORT_TRIES; i++) {
		struct rv_err err = { 0 };
		enum rv_exec_reach r = is_spooled
			? rv_exec_spool_send(c->o->spool, &c->serve, intent, body, &err)
			: rv_exec_report(&c->serve, body, NULL, &err);
		if (r == RV_EXEC_ANSWERED)
			return true;
		rv_log(RV_LOG_WARN, "runner", "outcome of %.*s: %s%s", RV_FMT(intent), err.msg,
			r == RV_EXEC_NO ? "; it is kept aside" : "");
		if (r == RV_EXEC_NO)
			return false;
		if (i + 1 < REPORT_TRIES)
			(void)poll(NULL, 0, BACKOFF_MIN_MS << i);
	}
	return false;
}

static void say_end_of_run(struct child *c, const struct rv_ask_answer *ans,
	const struct rv_exec_result *r, const char *text, bool is_reported)
{
	RV_AUTO_BUF b;
	struct rv_json_w w;
	bool unknown = r->started && !r->is_empty;
	begin(&b, &w, "end");
	rv_json_w_kv_strz(&w, "status", unknown ? "unknown" : r->started ? "done" : "unavailable");
	if (r->started && !unknown && r->signal)
		rv_json_w_kv_i64(&w, "signal", r->signal);
	if (r->started && !unknown && !r->signal)
		rv_json_w_kv_i64(&w, "exit", r->exit_status);
	if (text)
		rv_json_w_kv_strz(&w, "text", text);
	rv_json_w_kv_bool(&w, "timed_out", r->timed_out);
	rv_json_w_kv_bool(&w, "truncated", r->truncated);
	rv_json_w_kv_strz(&w, "outcome", status_of(r));
	rv_json_w_kv_bool(&w, "outcome_recorded", is_reported);
	rv_json_w_kv_str(&w, "event", ans->event);
	rv_json_w_kv_str(&w, "intent", ans->intent);
	rv_json_w_kv_str(&w, "digest", ans->digest);
	rv_json_w_obj_end(&w);
	say(c->o->sock, &b, 0);
}

static int act(struct child *c, const struct rv_ask_answer *ans)
{
	RV_AUTO_BUF body;
	struct rv_err err = { 0 };
	struct rv_exec_result r = { 0 };
	char text[900] = "";
	rv_buf_init(&body, 64 << 10);
	/* No note, no act: if this process died, nobody would say that the outcome is unknown. */
	bool is_spooled = rv_exec_spool_begin(c->o->spool, ans->intent, &err) == RV_OK;
	bool may_run = is_spooled;
	if (may_run) {
		say_answer(c, "allowed", NULL, NULL, ans);
		may_run = rv_exec_run(&c->arena, &c->facts, c->o->sock, &r, &err) == RV_OK;
	}
	if (!may_run) {
		r.start_error = err.code == RV_ENOMEM ? ENOMEM : EIO;
		r.start_step = is_spooled ? "preparation" : "spool";
	}
	if (!r.started)
		(void)snprintf(text, sizeof text, "allowed, but it could not be started (%s: %s)",
			r.start_step,
			may_run ? strerror(r.start_error) : err.msg); /* cut is fine */
	put_report(c, ans->intent, &r, &body);
	/* A failure leaves the note: the outcome is unknown unless this gets through now. */
	enum rv_code code = RV_EINTERNAL;
	if (is_spooled)
		code = rv_exec_spool_end(c->o->spool, ans->intent, rv_buf_str(&body), NULL);
	(void)code; /* told above */
	bool done = report(c, ans->intent, rv_buf_str(&body), is_spooled);
	say_end_of_run(c, ans, &r, text[0] ? text : NULL, done);
	return done ? RV_EXEC_CHILD_DONE : RV_EXEC_CHILD_SPOOLED;
}

/* ---- the question ---- */

enum step { STEP_AGAIN, STEP_END };

/* What an answer that is neither allow nor passing means. */
static enum step on_answer(
	struct child *c, const struct rv_ask_answer *ans, int64_t until_ms, int *ret_status)
{
	*ret_status = RV_EXEC_CHILD_DONE;
	if (ans->verdict == RV_ASK_DENY && ans->no_audit) {
		if (c->told_approval.n && now_ms() < until_ms) {
			tell_to_wait(c, "the audit record cannot be written");
			return back_off(c, until_ms) ? STEP_AGAIN : STEP_END;
		}
		say_answer(c, "end", "unavailable", "the audit record cannot be written", ans);
		return STEP_END;
	}
	if (ans->verdict == RV_ASK_DENY) {
		say_answer(c, "end", "denied", NULL, ans);
		return STEP_END;
	}
	if (ans->verdict != RV_ASK_HOLD) {
		*ret_status = end(c, "unavailable", "the answer is none");
		return STEP_END;
	}
	bool is_new = !rv_str_eq(ans->approval_id, c->told_approval);
	c->told_approval = rv_arena_str(&c->arena, ans->approval_id);
	if (!c->told_approval.p) {
		*ret_status = end(c, "unavailable", "out of memory");
		return STEP_END;
	}
	if (is_new)
		say_answer(c, "held", NULL, NULL, ans);
	else if (!back_off(c, until_ms)) /* it did not fit what people said: no hurry */
		return STEP_END;
	if (c->msg.wait_ms == 0 || !wait_for_people(c, until_ms)) {
		say_answer(c, "end", "held", NULL, ans);
		return STEP_END;
	}
	return STEP_AGAIN;
}

static void new_request_id(char out[RV_UUID_SIZE])
{
	struct rv_uuid u;
	rv_uuid7(rv_clock_unix_ns(rv_clock_system()), &u);
	(void)rv_uuid_format(&u, out); /* returns its buffer */
}

static int ask_and_act(struct child *c)
{
	int64_t began = now_ms(), wait = c->msg.wait_ms;
	if (wait > c->o->conf->max_wait_ms)
		wait = c->o->conf->max_wait_ms;
	int64_t until = began + wait;
	int64_t patience = began + (wait < PATIENCE_MS ? wait : PATIENCE_MS);
	char request_id[RV_UUID_SIZE];
	new_request_id(request_id);
	c->backoff_ms = BACKOFF_MIN_MS;
	for (;;) {
		RV_AUTO_ARENA a;
		RV_AUTO_BUF body;
		struct rv_err err = { 0 };
		struct rv_ask_answer ans;
		int status;
		rv_arena_init(&a, ROUND_BYTES);
		rv_buf_init(&body, 1 << 20);
		rv_exec_request_write(
			&c->facts, c->told_approval.n ? c->told_approval : c->msg.approval, &body);
		if (rv_buf_ok(&body, &err) != RV_OK)
			return end_err(c, "refused", &err);
		enum rv_exec_reach r =
			rv_exec_ask(&c->serve, &a, rv_buf_str(&body), request_id, &ans, &err);
		if (r == RV_EXEC_NO)
			return end_err(c, "refused", &err);
		if (r != RV_EXEC_ANSWERED) {
			/* No answer came: the same question with the same id, so that it is decided
			 * once. */
			if (now_ms() >= (c->told_approval.n ? until : patience))
				return end_err(c, "unavailable", &err);
			tell_to_wait(c, err.msg);
			if (!back_off(c, until))
				return RV_EXEC_CHILD_DONE;
			continue;
		}
		if (ans.verdict == RV_ASK_ALLOW)
			return act(c, &ans);
		new_request_id(request_id);
		if (on_answer(c, &ans, until, &status) == STEP_END)
			return status;
	}
}

int rv_exec_child_run(const struct rv_exec_child_opts *o)
{
	struct child c = { .o = o };
	struct rv_exec_fds fds = { 0 };
	struct rv_err err = { 0 };
	int status;
	rv_arena_init(&c.arena, ARENA_BYTES);
	rv_buf_init(&c.packet, 2 * RV_EXEC_MESSAGE_MAX);
	rv_exec_facts_init(&c.facts);
	(void)alarm(SEAL_S); /* a file system that never answers ends this process only */
	enum rv_code code = take_request(&c, &fds, &err);
	rv_exec_fds_close(&fds);
	(void)alarm(0);
	if (code != RV_OK)
		status = end_err(&c, "refused", &err);
	else if (connect_serve(&c, &err) != RV_OK)
		status = end_err(&c, "unavailable", &err);
	else
		status = ask_and_act(&c);
	rv_http_client_free(c.serve.http);
	rv_exec_facts_done(&c.facts);
	rv_buf_done(&c.packet);
	rv_arena_done(&c.arena);
	return status;
}
