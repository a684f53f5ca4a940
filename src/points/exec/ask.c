/* HTTP towards `reeve serve`. An answer is believed only when everything in it says the same. */
#include "points/exec/ask.h"

#include <stdio.h>

#include "points/exec/exec_int.h"

enum { ANSWER_MAX = 1 << 20, ASK_DEADLINE_MS = 30000, AUTH_MAX = 256 };

/* ---- one call ---- */

static enum rv_exec_reach call(struct rv_exec_serve *s, struct rv_http_request *q,
	const char *request_id, struct rv_http_answer *ret, struct rv_err *err)
{
	char auth[AUTH_MAX];
	struct rv_http_header h[3];
	int n = snprintf(auth, sizeof auth, "Bearer %.*s", RV_FMT(s->point_token));
	if (n < 0 || (size_t)n >= sizeof auth) {
		(void)RV_FAIL(
			err, RV_EINVAL, "the runner's credential is too long"); /* RV_EXEC_NO */
		return RV_EXEC_NO;
	}
	h[q->n_headers++] = (struct rv_http_header){ RV_STR("Authorization"), rv_str_of(auth) };
	if (s->subject_token.n)
		h[q->n_headers++] =
			(struct rv_http_header){ RV_STR("Reeve-Subject-Token"), s->subject_token };
	if (request_id)
		h[q->n_headers++] =
			(struct rv_http_header){ RV_STR("X-Request-ID"), rv_str_of(request_id) };
	q->headers = h;
	enum rv_code code = rv_http_call(s->http, q, ret, err);
	explicit_bzero(auth, sizeof auth);
	q->headers = NULL;
	q->n_headers = 0;
	switch (code) {
	case RV_OK:
		break;
	case RV_ECLOSED:
	case RV_ETIMEOUT:
	case RV_EIO:
	case RV_ENOMEM:
	case RV_EBUSY:
		return RV_EXEC_NOT_NOW;
	default:
		return RV_EXEC_NO;
	}
	if (ret->head->status < 400)
		return RV_EXEC_ANSWERED;
	(void)rv_http_answer_err(ret, err); /* told in err */
	return ret->head->status >= 500 || ret->head->status == 429 ? RV_EXEC_NOT_NOW : RV_EXEC_NO;
}

/* ---- questions ---- */

static struct rv_str text_of(const struct rv_json *v, const char *name)
{
	const struct rv_json *m = rv_json_get(v, name);
	return rv_json_is(m, RV_JSON_STR) ? m->str : (struct rv_str){ NULL, 0 };
}

enum rv_exec_reach rv_exec_ask(struct rv_exec_serve *s, struct rv_arena *a, struct rv_str body,
	const char *request_id, struct rv_ask_answer *ret, struct rv_err *err)
{
	struct rv_http_request q = { .method = RV_HTTP_POST,
		.path = RV_STR("/access/v1/evaluation"),
		.body = body,
		.deadline_ms = ASK_DEADLINE_MS };
	struct rv_http_answer ans;
	enum rv_exec_reach r = call(s, &q, request_id, &ans, err);
	if (r != RV_EXEC_ANSWERED)
		return r;
	struct rv_str kept = rv_arena_str(a, ans.body);
	if (ans.head->status != 200 || ans.body.n > ANSWER_MAX || !kept.p) {
		(void)RV_FAIL(err, RV_EINVAL,
			"the answer of the server cannot be believed: it is no decision"); /* RV_EXEC_NO
											    */
		return RV_EXEC_NO;
	}
	return rv_ask_answer_read(a, kept, ret, err) == RV_OK ? RV_EXEC_ANSWERED : RV_EXEC_NO;
}

enum rv_exec_reach rv_exec_poll(struct rv_exec_serve *s, struct rv_arena *a, struct rv_str approval,
	int64_t wait_s, bool *ret_pending, struct rv_err *err)
{
	const struct rv_json *v;
	struct rv_http_answer ans;
	char *path = rv_arena_printf(
		a, "/v1/approvals/%.*s?wait=%lld", RV_FMT(approval), (long long)wait_s);
	if (!path) {
		(void)RV_FAIL_ARENA(err); /* RV_EXEC_NO */
		return RV_EXEC_NO;
	}
	struct rv_http_request q = {
		.method = RV_HTTP_GET, .path = rv_str_of(path), .deadline_ms = wait_s * 1000 + 10000
	};
	enum rv_exec_reach r = call(s, &q, NULL, &ans, err);
	if (r != RV_EXEC_ANSWERED)
		return r;
	struct rv_str kept = rv_arena_str(a, ans.body);
	if (!kept.p || rv_json_parse(a, kept, NULL, &v, err) != RV_OK)
		return RV_EXEC_NO;
	*ret_pending = rv_str_eqz(text_of(v, "state"), "pending");
	return RV_EXEC_ANSWERED;
}

enum rv_exec_reach rv_exec_report(
	struct rv_exec_serve *s, struct rv_str body, const char *request_id, struct rv_err *err)
{
	struct rv_http_request q = { .method = RV_HTTP_POST,
		.path = RV_STR("/v1/outcomes"),
		.body = body,
		.deadline_ms = 10000 };
	struct rv_http_answer ans;
	enum rv_exec_reach r = call(s, &q, request_id, &ans, err);
	/* A credential can be renewed, an intent restored with its log; the outcome must not be
	 * lost. */
	if (r == RV_EXEC_NO &&
		(err->code == RV_EAUTH || err->code == RV_EPERM || err->code == RV_ENOENT))
		return RV_EXEC_NOT_NOW;
	return r;
}
