/* One client and the server's process behind it: every message is read here, and written anew. */
#include <stdio.h>

#include "base/log.h"
#include "points/mcp/gateway.h"

enum { MESSAGE_BYTES = RV_RPC_MESSAGE_MAX + (1 << 20), BACKS_MAX = 256, SCRATCH_BYTES = 64 << 20 };

/* ---- the end ---- */

static void session_free(struct rv_mcp_session *s)
{
	rv_arena_done(&s->scratch);
	rv_arena_done(&s->tools.arena);
	rv_arena_done(&s->fresh.arena);
	while (s->backs) {
		struct rv_mcp_back *b = s->backs;
		s->backs = b->next;
		free(b);
	}
	explicit_bzero(s->token, sizeof s->token);
	free(s);
}

static void release(struct rv_mcp_session *s)
{
	if (--s->n_busy == 0)
		session_free(s);
}

/* Everything under way ends; the memory goes when nobody stands on it any more. */
static void tear_down(struct rv_mcp_session *s, const char *why)
{
	struct rv_mcp_gateway *gw = s->gw;
	s->is_over = true;
	s->n_busy++;
	if (s->checking)
		rv_http_call_cancel(s->checking);
	s->checking = NULL;
	while (s->calls) {
		struct rv_mcp_call *c = s->calls;
		if (c->up_id && c->finish)
			c->finish(c, NULL, why);
		else
			rv_mcp_call_end(c);
	}
	rv_mcp_upstream_close(s->up, NULL, NULL);
	s->up = NULL;
	*(s->prev ? &s->prev->next : &gw->sessions) = s->next;
	if (s->next)
		s->next->prev = s->prev;
	gw->n_sessions--;
	s->n_busy--; /* the one of its life; ours is left */
	release(s);
}

void rv_mcp_session_drop(struct rv_mcp_session *s)
{
	if (!s->is_over)
		tear_down(s, "the client left");
}

void rv_mcp_session_end(struct rv_mcp_session *s, const char *why)
{
	const struct rv_mcp_front_ops *ops = s->front_ops;
	void *front = s->front;
	if (s->is_over)
		return;
	rv_log(RV_LOG_INFO, "mcp", "session of '%s' with '%.*s' ends: %s", s->system,
		RV_FMT(s->backend->conf->name), why);
	if (s->ready) {
		struct rv_err err = { 0 };
		void (*ready)(void *, const struct rv_err *) = s->ready;
		(void)RV_FAIL(&err, RV_ECLOSED, "%s", why); /* told to the client */
		tear_down(s, why);
		ready(front, &err);
		return;
	}
	tear_down(s, why);
	ops->over(front, why);
}

/* ---- calls ---- */

static void on_timer_closed(uv_handle_t *h)
{
	struct rv_mcp_call *c = h->data;
	free(c);
}

struct rv_mcp_call *rv_mcp_call_new(struct rv_mcp_session *s)
{
	struct rv_mcp_call *c = calloc(1, sizeof *c);
	if (!c)
		return NULL;
	rv_arena_init(&c->arena, RV_MCP_CALL_ARENA_BYTES);
	c->session = s;
	c->next = s->calls;
	s->calls = c;
	s->n_calls++;
	return c;
}

bool rv_mcp_is_modern(const struct rv_mcp_call *c)
{
	const struct rv_json *meta = rv_rpc_param(&c->m, "_meta", RV_JSON_OBJ);
	return rv_json_get(meta, "io.modelcontextprotocol/protocolVersion") != NULL;
}

void rv_mcp_call_no_timer(struct rv_mcp_call *c)
{
	if (c->has_timer)
		(void)uv_timer_stop(&c->timer); /* cannot fail */
}

void rv_mcp_call_after(struct rv_mcp_call *c, int64_t ms, uv_timer_cb fn)
{
	if (!c->has_timer) {
		(void)uv_timer_init(c->session->gw->loop, &c->timer); /* cannot fail */
		c->timer.data = c;
		c->has_timer = true;
	}
	(void)uv_timer_start(&c->timer, fn, (uint64_t)ms, 0); /* cannot fail: cb is set */
}

void rv_mcp_call_end(struct rv_mcp_call *c)
{
	struct rv_mcp_session *s = c->session;
	struct rv_mcp_call **at = &s->calls;
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	s->n_calls--;
	if (c->asking)
		rv_http_call_cancel(c->asking);
	rv_arena_done(&c->arena);
	if (!c->has_timer) {
		free(c);
		return;
	}
	(void)uv_timer_stop(&c->timer); /* cannot fail */
	uv_close((uv_handle_t *)&c->timer, on_timer_closed);
}

void rv_mcp_to_client(struct rv_mcp_session *s, const struct rv_buf *b)
{
	if (b->failed)
		rv_mcp_session_end(s, "a message for the client is too large");
	else if (!s->is_over)
		s->front_ops->send(s->front, rv_buf_str(b));
}

static void to_server(struct rv_mcp_session *s, const struct rv_buf *b)
{
	struct rv_err err = { 0 };
	if (s->is_over || !s->up)
		return;
	enum rv_code code = rv_buf_ok(b, &err);
	if (code == RV_OK)
		code = rv_mcp_upstream_send(s->up, rv_buf_str(b), &err);
	if (code != RV_OK)
		rv_mcp_session_end(s, err.msg);
}

/* The call ends before its answer goes out: sending may end the session, and the call with it. */
static void fail(struct rv_mcp_call *c, const struct rv_json *id, int64_t code, const char *text)
{
	struct rv_mcp_session *s = c->session;
	RV_AUTO_BUF b = { 0 };
	struct rv_json_w w;
	rv_buf_init(&b, MESSAGE_BYTES);
	rv_json_w_init(&w, &b);
	rv_rpc_w_error(&w, id, code, rv_str_of(text));
	rv_mcp_call_end(c);
	rv_mcp_to_client(s, &b);
}

void rv_mcp_call_fail(struct rv_mcp_call *c, int64_t code, const char *text)
{
	if (c->m.id)
		fail(c, c->m.id, code, text);
	else
		rv_mcp_call_end(c);
}

static void on_late(uv_timer_t *t)
{
	struct rv_mcp_call *c = t->data;
	struct rv_mcp_session *s = c->session;
	RV_AUTO_BUF b = { 0 };
	struct rv_json_w w;
	rv_buf_init(&b, 4096);
	rv_json_w_init(&w, &b);
	rv_rpc_w_notification(&w, RV_STR("notifications/cancelled"));
	rv_json_w_name(&w, "params");
	rv_json_w_obj(&w);
	rv_json_w_kv_i64(&w, "requestId", c->up_id);
	rv_json_w_kv_strz(&w, "reason", "no answer in time");
	rv_json_w_obj_end(&w);
	rv_json_w_obj_end(&w);
	s->n_busy++;
	to_server(s, &b);
	if (!s->is_over)
		c->finish(c, NULL, "the server did not answer in time");
	release(s);
}

void rv_mcp_call_forward(struct rv_mcp_call *c,
	void (*finish)(struct rv_mcp_call *c, const struct rv_rpc *reply, const char *why))
{
	struct rv_mcp_session *s = c->session;
	RV_AUTO_BUF b = { 0 };
	struct rv_json_w w;
	rv_buf_init(&b, MESSAGE_BYTES);
	rv_json_w_init(&w, &b);
	c->up_id = ++s->last_id;
	c->finish = finish;
	rv_rpc_w_request_n(&w, c->up_id, c->m.method);
	if (c->m.params) {
		rv_json_w_name(&w, "params");
		rv_json_w_value(&w, c->m.params);
	}
	rv_json_w_obj_end(&w);
	rv_mcp_call_after(c, s->backend->conf->timeout_ms, on_late);
	to_server(s, &b);
}

void rv_mcp_call_pass(struct rv_mcp_call *c, const struct rv_rpc *reply, const char *why)
{
	struct rv_mcp_session *s = c->session;
	RV_AUTO_BUF b = { 0 };
	struct rv_json_w w;
	if (!reply) {
		rv_mcp_call_fail(c, RV_RPC_INTERNAL, why);
		return;
	}
	rv_buf_init(&b, MESSAGE_BYTES);
	rv_json_w_init(&w, &b);
	rv_rpc_w_reply(&w, c->m.id);
	rv_json_w_name(&w, reply->kind == RV_RPC_RESULT ? "result" : "error");
	rv_mcp_put_scrubbed(
		&w, s->backend, reply->kind == RV_RPC_RESULT ? reply->result : reply->error);
	rv_json_w_obj_end(&w);
	rv_mcp_call_end(c);
	rv_mcp_to_client(s, &b);
}

/* ---- from the client ---- */

/* Requests that act on nothing: they are carried. What is in no list is not known to be harmless.
 */
static bool is_carried(struct rv_str method)
{
	static const char *const names[] = { "initialize", "ping", "server/discover",
		"completion/complete", "logging/setLevel", "resources/unsubscribe" };
	for (size_t i = 0; i < RV_COUNT(names); i++)
		if (rv_str_eqz(method, names[i]))
			return true;
	return false;
}

static struct rv_mcp_call *find_by_client_id(
	const struct rv_mcp_session *s, const struct rv_json *id)
{
	for (struct rv_mcp_call *c = s->calls; c; c = c->next)
		if (id && c->m.id && rv_json_eq(c->m.id, id))
			return c;
	return NULL;
}

static void on_request(struct rv_mcp_call *c, bool is_twice)
{
	struct rv_mcp_session *s = c->session;
	if (is_twice)
		rv_mcp_call_fail(c, RV_RPC_INVALID_REQUEST, "this id is in use by another request");
	else if (s->n_calls > (size_t)s->gw->conf->max_calls)
		rv_mcp_call_fail(c, RV_RPC_REFUSED, "too many requests at once in this session");
	else if (rv_mcp_is_guarded(c->m.method))
		rv_mcp_guard(c);
	else if (rv_mcp_is_list(c->m.method))
		rv_mcp_list(c);
	else if (is_carried(c->m.method))
		rv_mcp_call_forward(c, rv_mcp_call_pass);
	else
		rv_mcp_call_fail(
			c, RV_RPC_METHOD_NOT_FOUND, "the gateway does not carry this method");
}

/* A notification to the server, its params as they are but for an id of a request. */
static void notify_server(struct rv_mcp_session *s, const struct rv_rpc *m, int64_t request_id)
{
	RV_AUTO_BUF b = { 0 };
	struct rv_json_w w;
	rv_buf_init(&b, MESSAGE_BYTES);
	rv_json_w_init(&w, &b);
	rv_rpc_w_notification(&w, m->method);
	if (m->params) {
		rv_json_w_name(&w, "params");
		rv_json_w_obj(&w);
		RV_JSON_EACH (p, m->params) {
			rv_json_w_name_str(&w, p->name);
			if (request_id && rv_str_eqz(p->name, "requestId"))
				rv_json_w_i64(&w, request_id);
			else
				rv_json_w_value(&w, p->value);
		}
		rv_json_w_obj_end(&w);
	}
	rv_json_w_obj_end(&w);
	to_server(s, &b);
}

static void on_cancelled(struct rv_mcp_session *s, const struct rv_rpc *m)
{
	struct rv_mcp_call *c = find_by_client_id(s, rv_json_get(m->params, "requestId"));
	if (!c)
		return;
	if (c->up_id) {
		notify_server(s, m, c->up_id); /* it may be too late: the reply is awaited */
		return;
	}
	rv_mcp_call_end(c); /* it was not sent, and will not be */
}

static void on_client_notification(struct rv_mcp_session *s, const struct rv_rpc *m)
{
	static const char *const carried[] = { "notifications/initialized",
		"notifications/progress", "notifications/roots/list_changed" };
	if (rv_str_eqz(m->method, "notifications/cancelled")) {
		on_cancelled(s, m);
		return;
	}
	for (size_t i = 0; i < RV_COUNT(carried); i++)
		if (rv_str_eqz(m->method, carried[i]))
			notify_server(s, m, 0);
}

/* The client answers what the server asked. */
static void on_client_reply(struct rv_mcp_session *s, const struct rv_rpc *m)
{
	struct rv_mcp_back **at = &s->backs;
	RV_AUTO_BUF b = { 0 };
	struct rv_json_w w;
	while (*at && !(m->id && m->id->type == RV_JSON_INT && (*at)->id == m->id->integer))
		at = &(*at)->next;
	struct rv_mcp_back *back = *at;
	if (!back)
		return; /* nobody asked */
	*at = back->next;
	s->n_backs--;
	rv_buf_init(&b, MESSAGE_BYTES);
	rv_json_w_init(&w, &b);
	rv_json_w_obj(&w);
	rv_json_w_kv_strz(&w, "jsonrpc", "2.0");
	rv_json_w_name(&w, "id");
	rv_json_w_raw(&w, rv_str_of(back->server_id));
	rv_json_w_name(&w, m->kind == RV_RPC_RESULT ? "result" : "error");
	rv_json_w_value(&w, m->kind == RV_RPC_RESULT ? m->result : m->error);
	rv_json_w_obj_end(&w);
	free(back);
	to_server(s, &b);
}

void rv_mcp_session_client(struct rv_mcp_session *s, struct rv_str text)
{
	struct rv_err err = { 0 };
	if (s->is_over || s->ready)
		return;
	struct rv_mcp_call *c = rv_mcp_call_new(s);
	struct rv_rpc m;
	char why[900];
	if (!c) {
		rv_mcp_session_end(s, "out of memory");
		return;
	}
	struct rv_str kept = rv_arena_str(&c->arena, text);
	enum rv_code code = kept.p ? rv_rpc_read(&c->arena, kept, &m, &err) : RV_ELIMIT;
	if (code != RV_OK) {
		bool is_json = kept.p && m.id;
		rv_err_text(&err, why, sizeof why);
		fail(c, m.id, is_json ? RV_RPC_INVALID_REQUEST : RV_RPC_PARSE_ERROR, why);
		return;
	}
	s->n_busy++;
	if (m.kind == RV_RPC_REQUEST) {
		bool is_twice = find_by_client_id(s, m.id) != NULL;
		c->m = m;
		on_request(c, is_twice);
	} else {
		if (m.kind == RV_RPC_NOTIFICATION)
			on_client_notification(s, &m);
		else
			on_client_reply(s, &m);
		if (!s->is_over)
			rv_mcp_call_end(c);
	}
	release(s);
}

/* ---- from the server ---- */

static void on_server_reply(struct rv_mcp_session *s, const struct rv_rpc *m)
{
	for (struct rv_mcp_call *c = s->calls; c; c = c->next)
		if (c->up_id && m->id && m->id->type == RV_JSON_INT && c->up_id == m->id->integer) {
			rv_mcp_call_no_timer(c);
			c->finish(c, m, NULL);
			return;
		}
}

static bool is_for_client(struct rv_str method, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (rv_str_eqz(method, names[i]))
			return true;
	return false;
}

/* The server asks the client: under an id of ours, so that it cannot be taken for another's. */
static void on_server_request(struct rv_mcp_session *s, const struct rv_rpc *m)
{
	static const char *const carried[] = { "ping", "sampling/createMessage",
		"elicitation/create", "roots/list" };
	RV_AUTO_BUF b = { 0 }, id = { 0 };
	struct rv_json_w w;
	rv_buf_init(&b, MESSAGE_BYTES);
	rv_buf_init(&id, 4096);
	rv_json_w_init(&w, &b);
	if (!is_for_client(m->method, carried, RV_COUNT(carried)) || s->n_backs >= BACKS_MAX) {
		rv_rpc_w_error(&w, m->id, RV_RPC_METHOD_NOT_FOUND,
			RV_STR("the gateway does not carry this to the client"));
		to_server(s, &b);
		return;
	}
	struct rv_json_w id_w;
	rv_json_w_init(&id_w, &id);
	rv_json_w_value(&id_w, m->id);
	struct rv_mcp_back *back = id.failed ? NULL : malloc(sizeof *back + id.n + 1);
	if (!back) {
		rv_mcp_session_end(s, "out of memory");
		return;
	}
	*back = (struct rv_mcp_back){ .next = s->backs, .id = ++s->last_back_id };
	memcpy(back->server_id, id.p, id.n);
	back->server_id[id.n] = '\0';
	s->backs = back;
	s->n_backs++;
	rv_rpc_w_request_n(&w, back->id, m->method);
	if (m->params) {
		rv_json_w_name(&w, "params");
		rv_mcp_put_scrubbed(&w, s->backend, m->params);
	}
	rv_json_w_obj_end(&w);
	rv_mcp_to_client(s, &b);
}

static void on_server_notification(struct rv_mcp_session *s, const struct rv_rpc *m)
{
	static const char *const carried[] = { "notifications/progress", "notifications/message",
		"notifications/tools/list_changed", "notifications/resources/list_changed",
		"notifications/prompts/list_changed", "notifications/resources/updated",
		"notifications/elicitation/complete" };
	RV_AUTO_BUF b = { 0 };
	struct rv_json_w w;
	if (!is_for_client(m->method, carried, RV_COUNT(carried)))
		return;
	if (rv_str_eqz(m->method, "notifications/tools/list_changed"))
		s->knows_tools = false; /* the next call looks first */
	rv_buf_init(&b, MESSAGE_BYTES);
	rv_json_w_init(&w, &b);
	rv_rpc_w_notification(&w, m->method);
	if (m->params) {
		rv_json_w_name(&w, "params");
		rv_mcp_put_scrubbed(&w, s->backend, m->params);
	}
	rv_json_w_obj_end(&w);
	rv_mcp_to_client(s, &b);
}

void rv_mcp_session_tools_changed(struct rv_mcp_session *s)
{
	const struct rv_rpc m = { .kind = RV_RPC_NOTIFICATION,
		.method = RV_STR("notifications/tools/list_changed") };
	if (!s->is_over && !s->ready && s->knows_tools)
		on_server_notification(s, &m);
}

static void on_server_line(void *arg, struct rv_str line)
{
	struct rv_mcp_session *s = arg;
	struct rv_err err = { 0 };
	struct rv_rpc m;
	if (s->is_over)
		return;
	s->n_busy++;
	rv_arena_clear(&s->scratch);
	if (rv_rpc_read(&s->scratch, line, &m, &err) != RV_OK) {
		char why[760];
		(void)snprintf(why, sizeof why, "the server sent what is no message: %s",
			err.msg); /* cut is fine */
		rv_mcp_session_end(s, why);
	} else if (m.kind == RV_RPC_REQUEST) {
		on_server_request(s, &m);
	} else if (m.kind == RV_RPC_NOTIFICATION) {
		on_server_notification(s, &m);
	} else {
		on_server_reply(s, &m);
	}
	release(s);
}

static void on_server_gone(void *arg, const char *why)
{
	char text[200];
	(void)snprintf(text, sizeof text, "the server %s", why); /* cut is fine */
	rv_mcp_session_end(arg, text);
}

/* ---- the beginning, and whether it may go on ---- */

static const struct rv_mcp_upstream_ops upstream_ops = { on_server_line, on_server_gone };

static void refuse(struct rv_mcp_session *s, const struct rv_err *err)
{
	void (*ready)(void *, const struct rv_err *) = s->ready;
	void *front = s->front;
	s->ready = NULL;
	tear_down(s, "refused");
	ready(front, err);
}

static enum rv_code read_whoami(
	struct rv_mcp_session *s, const struct rv_http_answer *a, struct rv_err *err)
{
	const struct rv_json *v;
	RV_AUTO_ARENA arena = { 0 };
	rv_arena_init(&arena, 1 << 20);
	if (a->head->status >= 400)
		return rv_http_answer_err(a, err);
	RV_TRY(rv_json_parse(&arena, a->body, NULL, &v, err));
	const struct rv_json *type = rv_json_get(v, "type"), *name = rv_json_get(v, "name"),
			     *may = rv_json_get(v, "may_act"), *code = rv_json_get(v, "code");
	if (!rv_json_is(type, RV_JSON_STR) || !rv_str_eqz(type->str, "ai_system") ||
		!rv_json_is(name, RV_JSON_STR) || name->str.n > RV_MCP_NAME_MAX)
		return RV_FAIL(err, RV_EPERM, "the credential is not an AI system's");
	if (!rv_json_is(may, RV_JSON_BOOL) || !may->boolean)
		return RV_FAIL(err, RV_EPERM, "AI system '%.*s' may not act now: %.*s",
			RV_FMT(name->str),
			RV_FMT(rv_json_is(code, RV_JSON_STR) ? code->str : RV_STR("?")));
	memcpy(s->system, name->str.p, name->str.n);
	s->system[name->str.n] = '\0';
	return RV_OK;
}

static void on_whoami(
	void *arg, enum rv_code code, const struct rv_http_answer *a, const struct rv_err *why)
{
	struct rv_mcp_session *s = arg;
	struct rv_err err = { 0 };
	s->checking = NULL;
	if (code == RV_OK)
		code = read_whoami(s, a, &err);
	else
		err = *why;
	if (code == RV_OK)
		code = rv_mcp_upstream_start(
			s->gw->loop, s->backend, &upstream_ops, s, &s->up, &err);
	if (code != RV_OK) {
		refuse(s, &err);
		return;
	}
	rv_log(RV_LOG_INFO, "mcp", "session of '%s' with '%.*s'", s->system,
		RV_FMT(s->backend->conf->name));
	void (*ready)(void *, const struct rv_err *) = s->ready;
	s->ready = NULL;
	ready(s->front, NULL);
}

static void on_checked(
	void *arg, enum rv_code code, const struct rv_http_answer *a, const struct rv_err *why)
{
	struct rv_mcp_session *s = arg;
	struct rv_err err = { 0 };
	s->checking = NULL;
	if (code != RV_OK || a->head->status >= 500)
		return; /* nobody says no; calls are refused one by one meanwhile */
	if (read_whoami(s, a, &err) != RV_OK)
		rv_mcp_session_end(s, err.msg);
}

static bool ask_whoami(
	struct rv_mcp_session *s, const struct rv_http_call_ops *ops, struct rv_err *err)
{
	char auth[RV_MCP_TOKEN_MAX + 16];
	(void)snprintf(auth, sizeof auth, "Bearer %s", s->token); /* fits */
	const struct rv_mcp_question q = { .method = RV_HTTP_GET,
		.path = RV_STR("/v1/whoami"),
		.as = rv_str_of(auth),
		.deadline_ms = 10000 };
	s->checking = rv_mcp_ask(s->gw, &q, ops, s, err);
	explicit_bzero(auth, sizeof auth);
	return s->checking != NULL;
}

void rv_mcp_session_check(struct rv_mcp_session *s)
{
	static const struct rv_http_call_ops ops = { .done = on_checked };
	if (!s->is_over && !s->ready && !s->checking)
		(void)ask_whoami(s, &ops, NULL); /* else at the next beat */
}

struct rv_mcp_session *rv_mcp_session_open(struct rv_mcp_gateway *gw, struct rv_str server,
	struct rv_str token, const struct rv_mcp_front_ops *ops, void *front,
	void (*ready)(void *front, const struct rv_err *err), struct rv_err *err)
{
	static const struct rv_http_call_ops whoami = { .done = on_whoami };
	const struct rv_mcp_server *conf = rv_mcp_server_find(gw->conf, server);
	struct rv_mcp_session *s = NULL;
	if (!conf)
		(void)RV_FAIL(err, RV_ENOENT, "there is no MCP server '%.*s' here",
			RV_FMT(server)); /* told in err */
	else if (token.n == 0 || token.n > RV_MCP_TOKEN_MAX)
		(void)RV_FAIL(err, RV_EAUTH, "no credential of an AI system"); /* told in err */
	else if (gw->n_sessions >= (size_t)gw->conf->max_sessions || gw->is_stopping)
		(void)RV_FAIL(err, RV_EBUSY, "no room for another session"); /* told in err */
	else if (!(s = calloc(1, sizeof *s)))
		(void)RV_FAIL(err, RV_ENOMEM, "out of memory"); /* told in err */
	if (!s)
		return NULL;
	s->gw = gw;
	s->backend = &gw->backends[conf - gw->conf->servers];
	s->front_ops = ops;
	s->front = front;
	s->ready = ready;
	s->n_busy = 1;
	memcpy(s->token, token.p, token.n);
	rv_arena_init(&s->scratch, SCRATCH_BYTES);
	rv_arena_init(&s->tools.arena, SCRATCH_BYTES);
	rv_arena_init(&s->fresh.arena, SCRATCH_BYTES);
	if (!ask_whoami(s, &whoami, err)) {
		session_free(s);
		return NULL;
	}
	s->next = gw->sessions;
	if (s->next)
		s->next->prev = s;
	gw->sessions = s;
	gw->n_sessions++;
	return s;
}
