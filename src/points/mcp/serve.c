/* Questions to `reeve serve`, and reports. */
#include <stdio.h>

#include "base/log.h"
#include "points/mcp/gateway.h"

enum { HEADERS_MAX = 3, RETRY_MIN_MS = 250, RETRY_MAX_MS = 30000, REPORT_MAX = 64 << 10 };

struct rv_http_call *rv_mcp_ask(struct rv_mcp_gateway *gw, const struct rv_mcp_question *q,
	const struct rv_http_call_ops *ops, void *arg, struct rv_err *err)
{
	struct rv_http_header h[HEADERS_MAX];
	struct rv_http_request r = { .method = q->method,
		.path = q->path,
		.body = q->body,
		.headers = h,
		.deadline_ms = q->deadline_ms };
	h[r.n_headers++] =
		(struct rv_http_header){ RV_STR("Authorization"), q->as.n ? q->as : gw->auth };
	if (q->subject_token.n)
		h[r.n_headers++] =
			(struct rv_http_header){ RV_STR("Reeve-Subject-Token"), q->subject_token };
	if (q->request_id)
		h[r.n_headers++] =
			(struct rv_http_header){ RV_STR("X-Request-ID"), rv_str_of(q->request_id) };
	/* With an id the server knows a repeated question. */
	bool is_repeatable = q->method == RV_HTTP_GET || q->request_id;
	return rv_http_pool_call(gw->serve, &r, is_repeatable, ops, arg, err);
}

void rv_mcp_id_new(char buf[RV_UUID_SIZE])
{
	struct rv_uuid id;
	rv_uuid7(rv_clock_unix_ns(rv_clock_system()), &id);
	rv_uuid_format(&id, buf);
}

/* ---- outcomes: they must not be lost while the process lives ---- */

struct rv_mcp_report {
	struct rv_mcp_gateway *gw;
	struct rv_mcp_report *prev, *next; /* of the gateway's */
	struct rv_http_call *asking;
	uv_timer_t timer;
	int64_t wait_ms;
	char request_id[RV_UUID_SIZE];
	char intent[RV_UUID_SIZE];
	size_t body_n;
	char body[];
};

static void report_send(struct rv_mcp_report *r);

static void on_gone(uv_handle_t *h)
{
	free(h->data);
}

static void end(struct rv_mcp_report *r)
{
	*(r->prev ? &r->prev->next : &r->gw->reports) = r->next;
	if (r->next)
		r->next->prev = r->prev;
	r->gw->n_reports--;
	(void)uv_timer_stop(&r->timer); /* cannot fail */
	uv_close((uv_handle_t *)&r->timer, on_gone);
}

static void on_again(uv_timer_t *t)
{
	report_send(t->data);
}

static void later(struct rv_mcp_report *r, const char *why)
{
	rv_log(RV_LOG_WARN, "mcp", "outcome of %s: %s; will be tried again", r->intent, why);
	r->wait_ms = r->wait_ms * 2 < RETRY_MAX_MS ? r->wait_ms * 2 : RETRY_MAX_MS;
	(void)uv_timer_start(
		&r->timer, on_again, (uint64_t)r->wait_ms, 0); /* cannot fail: cb is set */
}

static void on_reported(
	void *arg, enum rv_code code, const struct rv_http_answer *a, const struct rv_err *why)
{
	struct rv_mcp_report *r = arg;
	struct rv_err err = { 0 };
	r->asking = NULL;
	if (code == RV_OK && a->head->status < 400) {
		end(r);
		return;
	}
	if (code == RV_OK)
		code = rv_http_answer_err(a, &err);
	else
		err = *why;
	/* A credential can be renewed, an intent restored with its log; a report that is wrong
	 * stays wrong. */
	if (code == RV_EINVAL || code == RV_ECONFLICT || code == RV_ELIMIT) {
		rv_log(RV_LOG_ERROR, "mcp", "outcome of %s is not taken: %s", r->intent, err.msg);
		end(r);
		return;
	}
	later(r, err.msg);
}

static void report_send(struct rv_mcp_report *r)
{
	static const struct rv_http_call_ops ops = { .done = on_reported };
	struct rv_err err = { 0 };
	const struct rv_mcp_question q = { .method = RV_HTTP_POST,
		.path = RV_STR("/v1/outcomes"),
		.body = rv_str_n(r->body, r->body_n),
		.request_id = r->request_id,
		.deadline_ms = 10000 };
	r->asking = rv_mcp_ask(r->gw, &q, &ops, r, &err);
	if (!r->asking)
		later(r, err.msg);
}

void rv_mcp_report(struct rv_mcp_gateway *gw, struct rv_str intent, const char *status,
	struct rv_str detail_json)
{
	RV_AUTO_BUF b = { 0 };
	struct rv_json_w w;
	rv_buf_init(&b, REPORT_MAX);
	rv_json_w_init(&w, &b);
	rv_json_w_obj(&w);
	rv_json_w_kv_str(&w, "intent", intent);
	rv_json_w_kv_strz(&w, "status", status);
	if (detail_json.n) {
		rv_json_w_name(&w, "detail");
		rv_json_w_raw(&w, detail_json);
	}
	rv_json_w_obj_end(&w);
	struct rv_mcp_report *r = b.failed ? NULL : malloc(sizeof *r + b.n);
	if (!r) {
		rv_log(RV_LOG_ERROR, "mcp",
			"outcome of %.*s: no memory; it will be shown as unknown", RV_FMT(intent));
		return;
	}
	*r = (struct rv_mcp_report){ .gw = gw, .next = gw->reports, .wait_ms = RETRY_MIN_MS };
	if (r->next)
		r->next->prev = r;
	gw->reports = r;
	gw->n_reports++;
	(void)snprintf(r->intent, sizeof r->intent, "%.*s", RV_FMT(intent)); /* an id: fits */
	rv_mcp_id_new(r->request_id);
	memcpy(r->body, b.p, b.n);
	r->body_n = b.n;
	(void)uv_timer_init(gw->loop, &r->timer); /* cannot fail */
	r->timer.data = r;
	report_send(r);
}

void rv_mcp_reports_drop(struct rv_mcp_gateway *gw)
{
	while (gw->reports) {
		struct rv_mcp_report *r = gw->reports;
		rv_log(RV_LOG_WARN, "mcp", "outcome of %s was not taken before the end", r->intent);
		if (r->asking)
			rv_http_call_cancel(r->asking);
		end(r);
	}
}
