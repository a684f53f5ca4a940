/* Event in, questions out, answer back. */
#include <stdio.h>

#include "base/clock.h"
#include "base/uuid.h"
#include "http/client.h"
#include "points/ask/ask.h"
#include "points/hook/hook.h"

enum { DEADLINE_MS = 10000, BODY_MAX = 2 << 20, REASON_MAX = 4096 };

struct run {
	const struct rv_hook_opts *o;
	struct rv_arena arena;
	struct rv_http_client *http;
	int64_t until_ns;
	struct rv_str system;
	struct rv_buf reason;
};

static struct rv_str text_of(const struct rv_json *v, const char *name)
{
	const struct rv_json *m = rv_json_get(v, name);
	return rv_json_is(m, RV_JSON_STR) ? m->str : RV_STR("");
}

static enum rv_code call(struct run *r, enum rv_http_method method, const char *path,
	struct rv_str body, const char *request_id, struct rv_http_answer *ret, struct rv_err *err)
{
	struct rv_http_header h[2];
	const char *auth = rv_arena_printf(&r->arena, "Bearer %.*s", RV_FMT(r->o->token));
	int64_t left_ms = (r->until_ns - rv_clock_mono_ns(rv_clock_system())) / RV_NS_PER_MS;
	if (!auth)
		return RV_FAIL_ARENA(err);
	if (left_ms <= 0)
		return RV_FAIL(err, RV_ETIMEOUT, "no answer in time");
	h[0] = (struct rv_http_header){ RV_STR("Authorization"), rv_str_of(auth) };
	if (request_id)
		h[1] = (struct rv_http_header){ RV_STR("X-Request-ID"), rv_str_of(request_id) };
	const struct rv_http_request q = { .method = method,
		.path = rv_str_of(path),
		.headers = h,
		.n_headers = request_id ? 2 : 1,
		.body = body,
		.deadline_ms = left_ms };
	RV_TRY(rv_http_call(r->http, &q, ret, err));
	return ret->head->status < 400 ? RV_OK : rv_http_answer_err(ret, err);
}

/* Whose credential it is. */
static enum rv_code find_system(struct run *r, struct rv_err *err)
{
	struct rv_http_answer a;
	const struct rv_json *v;
	RV_TRY(call(r, RV_HTTP_GET, "/v1/whoami", (struct rv_str){ NULL, 0 }, NULL, &a, err));
	struct rv_str kept = rv_arena_str(&r->arena, a.body);
	if (!kept.p)
		return RV_FAIL_ARENA(err);
	RV_TRY(rv_json_parse(&r->arena, kept, NULL, &v, err));
	r->system = text_of(v, "name");
	if (!rv_str_eqz(text_of(v, "type"), "ai_system") || r->system.n == 0)
		return RV_FAIL(err, RV_EPERM, "the credential is not an AI system's");
	return RV_OK;
}

static void put_question(struct run *r, const struct rv_hook_act *act, struct rv_buf *b)
{
	struct rv_json_w w;
	rv_json_w_init(&w, b);
	rv_json_w_obj(&w);
	rv_json_w_name(&w, "subject");
	rv_json_w_obj(&w);
	rv_json_w_kv_strz(&w, "type", "System");
	rv_json_w_kv_str(&w, "id", r->system);
	rv_json_w_obj_end(&w);
	rv_json_w_name(&w, "action");
	rv_json_w_obj(&w);
	rv_json_w_kv_strz(&w, "name", act->action);
	rv_json_w_obj_end(&w);
	rv_json_w_name(&w, "resource");
	rv_json_w_obj(&w);
	rv_json_w_kv_strz(&w, "type", act->type);
	rv_json_w_kv_str(&w, "id", act->id);
	rv_json_w_obj_end(&w);
	rv_json_w_name(&w, "context");
	rv_json_w_obj(&w);
	if (act->arguments) {
		rv_json_w_name(&w, "arguments");
		rv_json_w_value(&w, act->arguments);
	}
	rv_json_w_obj_end(&w);
	rv_json_w_obj_end(&w);
}

static void put_reasons(struct run *r, const struct rv_ask_answer *a)
{
	size_t before = r->reason.n;
	for (size_t i = 0; a->reasons && i < a->reasons->n_items; i++) {
		struct rv_str text = text_of(a->reasons->items[i], "text");
		if (text.n == 0)
			text = text_of(a->reasons->items[i], "code");
		if (text.n == 0)
			continue;
		rv_buf_addz(&r->reason, r->reason.n > before ? "; " : "");
		rv_buf_add(&r->reason, text);
	}
	if (r->reason.n == before)
		rv_buf_addz(&r->reason, "no policy permits it");
}

static enum rv_hook_verdict take(
	struct run *r, const struct rv_hook_act *act, const struct rv_ask_answer *a)
{
	if (a->verdict == RV_ASK_ALLOW)
		return RV_HOOK_ALLOW;
	bool hold = a->verdict == RV_ASK_HOLD;
	rv_buf_printf(&r->reason, "%s: %s %s/%.*s: ", hold ? "HELD, nothing was done" : "DENIED",
		act->action, act->type, RV_FMT(act->id));
	put_reasons(r, a);
	if (hold)
		rv_buf_printf(&r->reason,
			". It waits for approval %.*s; when people have approved it, do exactly "
			"the same again.",
			RV_FMT(a->approval_id));
	rv_buf_addz(&r->reason, " Do not look for another way to do the same.");
	return hold ? RV_HOOK_HOLD : RV_HOOK_DENY;
}

static enum rv_code ask(
	struct run *r, const struct rv_hook_act *act, enum rv_hook_verdict *ret, struct rv_err *err)
{
	struct rv_http_answer a;
	struct rv_ask_answer answer;
	struct rv_uuid id;
	char request_id[RV_UUID_SIZE];
	RV_AUTO_BUF b = { 0 };
	rv_buf_init(&b, BODY_MAX);
	put_question(r, act, &b);
	RV_TRY(rv_buf_ok(&b, err));
	rv_uuid7(rv_clock_unix_ns(rv_clock_system()), &id);
	RV_TRY(call(r, RV_HTTP_POST, "/access/v1/evaluation", rv_buf_str(&b),
		rv_uuid_format(&id, request_id), &a, err));
	struct rv_str kept = rv_arena_str(&r->arena, a.body);
	if (!kept.p)
		return RV_FAIL_ARENA(err);
	RV_TRY(rv_ask_advice_read(&r->arena, kept, &answer, err));
	*ret = take(r, act, &answer);
	return RV_OK;
}

/* The first thing that may not be ends it: what stands before it was not done either. */
static enum rv_code decide(
	struct run *r, const struct rv_hook_event *e, enum rv_hook_verdict *ret, struct rv_err *err)
{
	size_t n;
	struct rv_hook_act *acts = rv_arena_array(&r->arena, RV_HOOK_ACTS_MAX, sizeof *acts);
	if (!acts)
		return RV_FAIL_ARENA(err);
	RV_TRY(rv_hook_acts(&r->arena, e, acts, &n, err));
	if (r->o->token.n == 0)
		return RV_FAIL(err, RV_EAUTH, "the worker has no credential");
	const struct rv_http_client_opts o = { .base_url = r->o->server, .ca_file = r->o->ca_file };
	RV_TRY(rv_http_client_new(&o, &r->http, err));
	RV_TRY(find_system(r, err));
	enum rv_hook_verdict v = RV_HOOK_ALLOW;
	for (size_t i = 0; i < n && v == RV_HOOK_ALLOW; i++) {
		v = RV_HOOK_NONE;
		RV_TRY(ask(r, &acts[i], &v, err));
	}
	*ret = v;
	return RV_OK;
}

int rv_hook_run(
	const struct rv_hook_opts *o, struct rv_str text, struct rv_buf *out, struct rv_buf *why)
{
	struct rv_err err = { 0 };
	struct rv_hook_event e = { .host = o->host };
	enum rv_hook_verdict v = RV_HOOK_NONE;
	struct run r = { .o = o };
	int64_t ms = o->deadline_ms ? o->deadline_ms : DEADLINE_MS;
	r.until_ns = rv_clock_mono_ns(rv_clock_system()) + ms * RV_NS_PER_MS;
	rv_arena_init(&r.arena, 64 << 20);
	rv_buf_init(&r.reason, REASON_MAX);
	enum rv_code code = rv_hook_event_read(&r.arena, o->host, text, &e, &err);
	if (code == RV_OK)
		code = decide(&r, &e, &v, &err);
	if (code != RV_OK || v == RV_HOOK_NONE) {
		v = RV_HOOK_DENY;
		rv_buf_clear(&r.reason);
		rv_buf_printf(&r.reason,
			"REFUSED, nothing was done: no decision could be had (%s).",
			err.msg[0] ? err.msg : "the answer cannot be read");
	}
	struct rv_str reason = r.reason.failed ? RV_STR("") : rv_buf_str(&r.reason);
	int status = rv_hook_answer(o->host, e.event, v, reason, out, why);
	rv_http_client_free(r.http);
	rv_buf_done(&r.reason);
	rv_arena_done(&r.arena);
	return status;
}
