/* A call on its way: known tool → pinned → decided → (held → people → decided) → server → outcome.
 * Whatever goes wrong on it, the server is not asked. */
#include <stdarg.h>
#include <stdio.h>

#include "base/log.h"
#include "points/mcp/gateway.h"

enum {
	POLL_S = 25, /* one wait for people at serve */
	PROGRESS_MS = 5000,
	SHORT_WAIT_MS = 20000, /* a client that asked for no progress gives up soon */
	LEGS_MAX = 9, /* of a client that comes back by itself (MRTR) */
	TRIES_MAX = 8, /* decisions about one call */
	TEXT_MAX = 8 << 10,
};
static const char STATE_PREFIX[] = "reeve.";

/* What a guarded method acts on. */
static const struct {
	const char *method, *action, *type, *param;
} guarded[] = {
	{ "tools/call", "call", "McpTool", "name" },
	{ "resources/read", "read", "McpResource", "uri" },
	{ "resources/subscribe", "read", "McpResource", "uri" },
	{ "prompts/get", "get", "McpPrompt", "name" },
};

bool rv_mcp_is_guarded(struct rv_str method)
{
	for (size_t i = 0; i < RV_COUNT(guarded); i++)
		if (rv_str_eqz(method, guarded[i].method))
			return true;
	return false;
}

static bool is_tool(const struct rv_mcp_call *c)
{
	return rv_str_eqz(c->m.method, "tools/call");
}

static uint64_t now_ms(const struct rv_mcp_call *c)
{
	return uv_now(c->session->gw->loop);
}

/* ---- answers of our own ---- */

static void put_meta(struct rv_json_w *w, const struct rv_mcp_call *c, const char *outcome)
{
	rv_json_w_name(w, "_meta");
	rv_json_w_obj(w);
	rv_json_w_kv_strz(w, "reeve/outcome", outcome);
	if (c->answer.event.n)
		rv_json_w_kv_str(w, "reeve/event", c->answer.event);
	if (c->approval.n)
		rv_json_w_kv_str(w, "reeve/approval", c->approval);
	rv_json_w_obj_end(w);
}

/* Tools: a result that the model reads, so that it can do something sensible. Others: an error. */
static void tell(struct rv_mcp_call *c, const char *outcome, struct rv_str text)
{
	struct rv_mcp_session *s = c->session;
	RV_AUTO_BUF b = { 0 };
	struct rv_json_w w;
	rv_buf_init(&b, 1 << 20);
	rv_json_w_init(&w, &b);
	if (!is_tool(c)) {
		rv_rpc_w_error(&w, c->m.id, RV_RPC_REFUSED, text);
	} else {
		rv_rpc_w_reply(&w, c->m.id);
		rv_json_w_name(&w, "result");
		rv_json_w_obj(&w);
		if (rv_mcp_is_modern(c))
			rv_json_w_kv_strz(&w, "resultType", "complete");
		rv_json_w_name(&w, "content");
		rv_json_w_arr(&w);
		rv_json_w_obj(&w);
		rv_json_w_kv_strz(&w, "type", "text");
		rv_json_w_kv_str(&w, "text", text);
		rv_json_w_obj_end(&w);
		rv_json_w_arr_end(&w);
		rv_json_w_kv_bool(&w, "isError", true);
		put_meta(&w, c, outcome);
		rv_json_w_obj_end(&w);
		rv_json_w_obj_end(&w);
	}
	rv_mcp_call_end(c);
	rv_mcp_to_client(s, &b);
}

static void tellf(struct rv_mcp_call *c, const char *outcome, const char *fmt, ...) RV_PRINTF(3, 4);
static void tellf(struct rv_mcp_call *c, const char *outcome, const char *fmt, ...)
{
	char text[TEXT_MAX];
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap); /* cut is fine */
	va_end(ap);
	tell(c, outcome, rv_str_of(text));
}

static void put_reasons(struct rv_buf *b, const struct rv_mcp_call *c)
{
	const struct rv_json *reasons = c->answer.reasons;
	for (size_t i = 0; reasons && i < reasons->n_items; i++) {
		const struct rv_json *text = rv_json_get(reasons->items[i], "text"),
				     *code = rv_json_get(reasons->items[i], "code");
		const struct rv_json *v = rv_json_is(text, RV_JSON_STR) ? text : code;
		if (!rv_json_is(v, RV_JSON_STR))
			continue;
		rv_buf_addz(b, b->n ? "; " : "");
		rv_buf_add(b, v->str);
	}
}

static void tell_denied(struct rv_mcp_call *c)
{
	RV_AUTO_BUF why = { 0 };
	rv_buf_init(&why, TEXT_MAX / 2);
	put_reasons(&why, c);
	tellf(c, "deny",
		"DENIED by policy, nothing was done: %.*s. Do not look for another way to do the "
		"same.",
		RV_FMT(why.n ? rv_buf_str(&why) : RV_STR("no policy permits it")));
}

static void tell_held(struct rv_mcp_call *c)
{
	RV_AUTO_BUF why = { 0 }, who = { 0 };
	rv_buf_init(&why, TEXT_MAX / 2);
	rv_buf_init(&who, TEXT_MAX / 4);
	put_reasons(&why, c);
	const struct rv_json *groups = rv_json_get(c->answer.approval, "groups");
	for (size_t i = 0; rv_json_is(groups, RV_JSON_ARR) && i < groups->n_items; i++)
		if (groups->items[i]->type == RV_JSON_STR) {
			rv_buf_addz(&who, who.n ? ", " : "");
			rv_buf_add(&who, groups->items[i]->str);
		}
	tellf(c, "hold",
		"HELD, nothing was done: %.*s. It waits for approval %.*s by %.*s. When it is "
		"approved, make exactly the same call "
		"again: it will be carried out once. A changed call needs a new approval. Do not "
		"look for another way to do the "
		"same.",
		RV_FMT(rv_buf_str(&why)), RV_FMT(c->approval),
		RV_FMT(who.n ? rv_buf_str(&who) : RV_STR("people")));
}

static void tell_unavailable(struct rv_mcp_call *c, const char *why)
{
	tellf(c, "unavailable",
		"REFUSED, nothing was done: no decision could be had (%s). Try again later.", why);
}

/* ---- the outcome ---- */

static void report(struct rv_mcp_call *c, const struct rv_rpc *reply, const char *why)
{
	RV_AUTO_BUF detail = { 0 };
	struct rv_json_w w;
	const char *status = "unknown";
	const struct rv_json *is_error = NULL;
	if (reply && reply->kind == RV_RPC_RESULT) {
		is_error = rv_json_get(reply->result, "isError");
		status = rv_json_is(is_error, RV_JSON_BOOL) && is_error->boolean ? "failed"
										 : "succeeded";
	} else if (reply) {
		status = "failed";
	}
	rv_buf_init(&detail, 4096);
	rv_json_w_init(&w, &detail);
	rv_json_w_obj(&w);
	if (why)
		rv_json_w_kv_strz(&w, "why", why);
	if (reply && reply->kind == RV_RPC_ERROR)
		rv_json_w_kv_i64(&w, "error", rv_json_get(reply->error, "code")->integer);
	rv_json_w_obj_end(&w);
	rv_mcp_report(c->session->gw, c->answer.intent, status, rv_buf_str(&detail));
}

static void on_result(struct rv_mcp_call *c, const struct rv_rpc *reply, const char *why)
{
	struct rv_mcp_session *s = c->session;
	RV_AUTO_BUF b = { 0 };
	struct rv_json_w w;
	report(c, reply, why);
	if (!reply) {
		if (s->is_over)
			rv_mcp_call_end(c);
		else
			tellf(c, "unknown",
				"UNKNOWN: the call was sent, and %s. It may or may not have been "
				"carried out.",
				why);
		return;
	}
	rv_buf_init(&b, RV_RPC_MESSAGE_MAX + (1 << 20));
	rv_json_w_init(&w, &b);
	rv_mcp_put_scrubbed(
		&w, s->backend, reply->kind == RV_RPC_RESULT ? reply->result : reply->error);
	if (b.failed || b.n > (size_t)s->backend->conf->result_bytes) {
		tellf(c, "allow",
			"The call was carried out, but its result of %zu bytes is larger than the "
			"%lld that are let through.",
			b.n, (long long)s->backend->conf->result_bytes);
		return;
	}
	rv_mcp_call_pass(c, reply, NULL);
}

/* ---- deciding ---- */

static void decide(struct rv_mcp_call *c);

static void put_question(struct rv_mcp_call *c, struct rv_buf *b)
{
	struct rv_json_w w;
	const struct rv_json *args = rv_rpc_param(&c->m, "arguments", RV_JSON_OBJ);
	rv_json_w_init(&w, b);
	rv_json_w_obj(&w);
	rv_json_w_name(&w, "subject");
	rv_json_w_obj(&w);
	rv_json_w_kv_strz(&w, "type", "System");
	rv_json_w_kv_strz(&w, "id", c->session->system);
	rv_json_w_obj_end(&w);
	rv_json_w_name(&w, "action");
	rv_json_w_obj(&w);
	rv_json_w_kv_str(&w, "name", c->action);
	rv_json_w_obj_end(&w);
	rv_json_w_name(&w, "resource");
	rv_json_w_obj(&w);
	rv_json_w_kv_str(&w, "type", c->resource_type);
	rv_json_w_kv_str(&w, "id", c->resource_id);
	rv_json_w_obj_end(&w);
	rv_json_w_name(&w, "context");
	rv_json_w_obj(&w);
	if (args) {
		rv_json_w_name(&w, "arguments");
		rv_json_w_value(&w, args);
	}
	rv_json_w_name(&w, "reeve");
	rv_json_w_obj(&w);
	rv_json_w_kv_bool(&w, "act", true);
	if (c->approval.n)
		rv_json_w_kv_str(&w, "approval", c->approval);
	rv_json_w_obj_end(&w);
	rv_json_w_obj_end(&w);
	rv_json_w_obj_end(&w);
}

/* ---- waiting for people ---- */

static void poll_approval(struct rv_mcp_call *c);

/* A client that comes back by itself gets a state to come back with; others a result to read. */
static void stop_waiting(struct rv_mcp_call *c)
{
	const struct rv_json *state = rv_rpc_param(&c->m, "requestState", RV_JSON_STR);
	int64_t leg = 0;
	rv_mcp_call_no_timer(c);
	if (state) {
		struct rv_str rest = state->str, part;
		while (rv_str_split(&rest, '.', &part))
			if (!rv_str_i64(part, &leg))
				leg = 0;
	}
	if (!rv_mcp_is_modern(c) || !is_tool(c) || leg < 0 || leg >= LEGS_MAX) {
		tell_held(c);
		return;
	}
	struct rv_mcp_session *s = c->session;
	RV_AUTO_BUF b = { 0 };
	struct rv_json_w w;
	char text[128];
	(void)snprintf(text, sizeof text, "%s%.*s.%lld", STATE_PREFIX, RV_FMT(c->approval),
		(long long)leg + 1); /* an id: fits */
	rv_buf_init(&b, 64 << 10);
	rv_json_w_init(&w, &b);
	rv_rpc_w_reply(&w, c->m.id);
	rv_json_w_name(&w, "result");
	rv_json_w_obj(&w);
	rv_json_w_kv_strz(&w, "resultType", "input_required");
	rv_json_w_kv_strz(&w, "requestState", text);
	put_meta(&w, c, "hold");
	rv_json_w_obj_end(&w);
	rv_json_w_obj_end(&w);
	rv_mcp_call_end(c);
	rv_mcp_to_client(s, &b);
}

static const struct rv_json *progress_token(const struct rv_mcp_call *c)
{
	return rv_json_get(rv_rpc_param(&c->m, "_meta", RV_JSON_OBJ), "progressToken");
}

static void on_beat(uv_timer_t *t)
{
	struct rv_mcp_call *c = t->data;
	struct rv_mcp_session *s = c->session;
	const struct rv_json *token = progress_token(c);
	if (now_ms(c) >= c->wait_until_ms) {
		if (c->asking)
			rv_http_call_cancel(c->asking);
		c->asking = NULL;
		stop_waiting(c);
		return;
	}
	uint64_t left = c->wait_until_ms - now_ms(c);
	rv_mcp_call_after(c, (int64_t)(left < PROGRESS_MS ? left : PROGRESS_MS), on_beat);
	if (!token || (token->type != RV_JSON_STR && token->type != RV_JSON_INT))
		return;
	RV_AUTO_BUF b = { 0 };
	struct rv_json_w w;
	rv_buf_init(&b, 64 << 10);
	rv_json_w_init(&w, &b);
	rv_rpc_w_notification(&w, RV_STR("notifications/progress"));
	rv_json_w_name(&w, "params");
	rv_json_w_obj(&w);
	rv_json_w_name(&w, "progressToken");
	rv_json_w_value(&w, token);
	rv_json_w_kv_i64(&w, "progress", ++c->n_progress);
	rv_json_w_kv_strz(&w, "message", "held: waiting for people to approve");
	rv_json_w_obj_end(&w);
	rv_json_w_obj_end(&w);
	rv_mcp_to_client(s, &b);
}

static void on_polled(
	void *arg, enum rv_code code, const struct rv_http_answer *a, const struct rv_err *why)
{
	struct rv_mcp_call *c = arg;
	const struct rv_json *v = NULL;
	RV_AUTO_ARENA arena = { 0 };
	c->asking = NULL;
	rv_arena_init(&arena, 1 << 20);
	bool is_there = code == RV_OK && a->head->status == 200 &&
		rv_json_parse(&arena, a->body, NULL, &v, NULL) == RV_OK;
	const struct rv_json *state = rv_json_get(v, "state");
	if (is_there && rv_json_is(state, RV_JSON_STR) && !rv_str_eqz(state->str, "pending")) {
		rv_mcp_call_no_timer(c);
		decide(c); /* under the policy in force now */
		return;
	}
	if (is_there)
		poll_approval(c);
	/* else: serve is away for a moment; the beat ends the wait in time */
}

static void poll_approval(struct rv_mcp_call *c)
{
	static const struct rv_http_call_ops ops = { .done = on_polled };
	char path[128];
	uint64_t left = c->wait_until_ms > now_ms(c) ? c->wait_until_ms - now_ms(c) : 0;
	int64_t wait_s = (int64_t)(left / 1000 < POLL_S ? left / 1000 : POLL_S);
	(void)snprintf(path, sizeof path, "/v1/approvals/%.*s?wait=%lld", RV_FMT(c->approval),
		(long long)wait_s); /* an id: fits */
	const struct rv_mcp_question q = { .method = RV_HTTP_GET,
		.path = rv_str_of(path),
		.subject_token = rv_str_of(c->session->token),
		.deadline_ms = wait_s * 1000 + 10000 };
	c->asking = rv_mcp_ask(c->session->gw, &q, &ops, c, NULL);
}

static void wait_for_people(struct rv_mcp_call *c)
{
	int64_t most = c->session->gw->conf->hold_wait_ms;
	if (!rv_mcp_is_modern(c) && !progress_token(c) && most > SHORT_WAIT_MS)
		most = SHORT_WAIT_MS;
	if (c->wait_until_ms == 0)
		c->wait_until_ms = now_ms(c) + (uint64_t)most;
	if (now_ms(c) >= c->wait_until_ms) {
		stop_waiting(c);
		return;
	}
	rv_mcp_call_after(c, most < PROGRESS_MS ? most : PROGRESS_MS, on_beat);
	poll_approval(c);
}

/* ---- the answer of serve ---- */

/* The client's params without what was ours. */
static enum rv_code strip_state(struct rv_mcp_call *c, struct rv_err *err)
{
	const struct rv_json *state = rv_rpc_param(&c->m, "requestState", RV_JSON_STR);
	RV_AUTO_BUF b = { 0 };
	struct rv_json_w w;
	if (!state || !rv_str_starts(state->str, rv_str_of(STATE_PREFIX)))
		return RV_OK;
	rv_buf_init(&b, RV_RPC_MESSAGE_MAX + (1 << 20));
	rv_json_w_init(&w, &b);
	rv_json_w_obj(&w);
	RV_JSON_EACH (m, c->m.params) {
		if (rv_str_eqz(m->name, "requestState"))
			continue;
		rv_json_w_name_str(&w, m->name);
		rv_json_w_value(&w, m->value);
	}
	rv_json_w_obj_end(&w);
	RV_TRY(rv_buf_ok(&b, err));
	static const struct rv_json_limits limits = { .max_bytes = RV_RPC_MESSAGE_MAX + (1 << 20) };
	struct rv_str text = rv_arena_str(&c->arena, rv_buf_str(&b));
	return text.p ? rv_json_parse(&c->arena, text, &limits, &c->m.params, err)
		      : RV_FAIL_ARENA(err);
}

static void go(struct rv_mcp_call *c)
{
	struct rv_err err = { 0 };
	if (strip_state(c, &err) != RV_OK) {
		rv_mcp_report(c->session->gw, c->answer.intent, "failed", RV_STR("{}"));
		tell_unavailable(c, err.msg);
		return;
	}
	rv_mcp_call_forward(c, on_result);
}

static void on_answer(struct rv_mcp_call *c)
{
	switch (c->answer.verdict) {
	case RV_ASK_ALLOW:
		go(c);
		return;
	case RV_ASK_HOLD:
		if (!rv_str_eq(c->approval, c->answer.approval_id))
			c->approval = rv_arena_str(&c->arena, c->answer.approval_id);
		if (!c->approval.p || ++c->n_tries >= TRIES_MAX)
			tell_held(c);
		else
			wait_for_people(c);
		return;
	case RV_ASK_DENY:
		if (c->answer.no_audit)
			tell_unavailable(c, "the audit record cannot be written");
		else
			tell_denied(c);
		return;
	case RV_ASK_UNSET:
		break;
	}
	tell_unavailable(c, "the answer cannot be read");
}

static void on_decided(
	void *arg, enum rv_code code, const struct rv_http_answer *a, const struct rv_err *why)
{
	struct rv_mcp_call *c = arg;
	struct rv_err err = { 0 };
	c->asking = NULL;
	c->answer = (struct rv_ask_answer){ .verdict = RV_ASK_UNSET };
	if (code != RV_OK)
		err = *why;
	else if (a->head->status >= 400)
		code = rv_http_answer_err(a, &err);
	if (code == RV_OK) {
		struct rv_str kept = rv_arena_str(&c->arena, a->body);
		code = kept.p ? rv_ask_answer_read(&c->arena, kept, &c->answer, &err) : RV_ELIMIT;
	}
	if (code != RV_OK) {
		rv_log(RV_LOG_WARN, "mcp", "no decision about '%.*s': %s", RV_FMT(c->resource_id),
			err.msg);
		tell_unavailable(c, err.msg);
		return;
	}
	on_answer(c);
}

static void decide(struct rv_mcp_call *c)
{
	static const struct rv_http_call_ops ops = { .done = on_decided };
	struct rv_err err = { 0 };
	RV_AUTO_BUF b = { 0 };
	rv_buf_init(&b, RV_RPC_MESSAGE_MAX + (64 << 10));
	put_question(c, &b);
	rv_mcp_id_new(c->request_id);
	const struct rv_mcp_question q = { .method = RV_HTTP_POST,
		.path = RV_STR("/access/v1/evaluation"),
		.body = rv_buf_str(&b),
		.subject_token = rv_str_of(c->session->token),
		.request_id = c->request_id };
	c->asking = b.failed ? NULL : rv_mcp_ask(c->session->gw, &q, &ops, c, &err);
	if (!c->asking)
		tell_unavailable(c, b.failed ? "the request is too large" : err.msg);
}

/* ---- the beginning ---- */

static void with_tools(struct rv_mcp_call *c, const char *why)
{
	const struct rv_json *name = rv_rpc_param(&c->m, "name", RV_JSON_STR);
	if (why) {
		tell_unavailable(c, why);
		return;
	}
	const struct rv_mcp_tool *t = rv_mcp_tool_find(c->session, name->str);
	if (!t) {
		rv_mcp_call_fail(c, RV_RPC_INVALID_PARAMS, "Unknown tool");
		return;
	}
	(void)rv_mcp_pins_refresh(c->session->gw->pins); /* told to sessions at the next beat */
	switch (rv_mcp_tool_state(c->session, t)) {
	case RV_MCP_PIN_APPROVED:
		decide(c);
		return;
	case RV_MCP_PIN_CHANGED:
		tellf(c, "quarantined",
			"REFUSED, nothing was done: this tool is no longer what was approved; a "
			"person has to look at the change first.");
		return;
	default:
		tellf(c, "quarantined",
			"REFUSED, nothing was done: nobody has approved this tool yet.");
		return;
	}
}

void rv_mcp_guard(struct rv_mcp_call *c)
{
	size_t i = 0;
	while (!rv_str_eqz(c->m.method, guarded[i].method))
		i++;
	const struct rv_json *what = rv_rpc_param(&c->m, guarded[i].param, RV_JSON_STR);
	const struct rv_json *args = rv_json_get(c->m.params, "arguments");
	if (!what || what->str.n == 0) {
		rv_mcp_call_fail(c, RV_RPC_INVALID_PARAMS, "params: says not what it is about");
		return;
	}
	if (args && args->type != RV_JSON_OBJ) {
		rv_mcp_call_fail(c, RV_RPC_INVALID_PARAMS, "params.arguments: must be an object");
		return;
	}
	const char *id = rv_arena_printf(
		&c->arena, "%.*s/%.*s", RV_FMT(c->session->backend->conf->name), RV_FMT(what->str));
	if (!id) {
		rv_mcp_call_fail(c, RV_RPC_INTERNAL, "out of memory");
		return;
	}
	c->action = rv_str_of(guarded[i].action);
	c->resource_type = rv_str_of(guarded[i].type);
	c->resource_id = rv_str_of(id);
	if (!is_tool(c))
		decide(c);
	else if (c->session->knows_tools)
		with_tools(c, NULL);
	else
		rv_mcp_learn_tools(c, with_tools);
}
