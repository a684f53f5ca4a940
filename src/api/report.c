/* Reports: the registry's part is a job, the log's is read on a worker, so that nobody's decision
 * waits for it. */
#include "report/report.h"

#include "api/api_int.h"

#define SINCE_DEFAULT_NS (30 * 86400 * RV_NS_PER_S)

struct report {
	struct rv_api_work work; /* first: a work is its report */
	struct rv_api *api;
	struct rv_http_req *req;
	struct rv_actor actor;
	struct rv_board *board;
};

static void on_worker(struct rv_api_work *w)
{
	struct report *r = (struct report *)w;
	struct rv_err err = { 0 };
	struct rv_buf *out = rv_http_out(r->req);
	struct rv_json_w j;
	enum rv_code code = rv_board_log(r->board, r->api->ledger, &err);
	rv_buf_clear(out);
	if (code == RV_OK) {
		rv_json_w_init(&j, out);
		rv_json_w_obj(&j);
		rv_board_write(r->board, &j);
		rv_json_w_obj_end(&j);
		code = rv_buf_ok(out, &err);
	}
	if (code != RV_OK) {
		rv_http_reply_err_post(r->req, &err);
		return;
	}
	const struct rv_http_reply reply = { .status = 200, .body = rv_buf_str(out) };
	rv_http_reply_post(r->req, &reply);
}

static enum rv_code run(void *arg, struct rv_op *op, struct rv_err *err)
{
	struct report *r = arg;
	return rv_board_registry(r->board, op, err);
}

static void done(void *arg, enum rv_code code, const struct rv_err *err)
{
	struct report *r = arg;
	struct rv_err busy = { 0 };
	if (code != RV_OK) {
		rv_http_reply_err_post(r->req, err);
		return;
	}
	r->work.run = on_worker;
	if (rv_api_work_post(r->api->workers, &r->work, &busy) != RV_OK)
		rv_http_reply_err_post(r->req, &busy);
}

static enum rv_code read_person(struct report *r, struct rv_err *err)
{
	struct rv_actor a = { .type = RV_ACTOR_NONE };
	const struct rv_snapshot *snap = rv_snapshot_get(r->api->gov);
	enum rv_code code = rv_api_caller(r->req, snap, rv_gov_now(r->api->gov), &a, err);
	if (code == RV_OK && a.type != RV_ACTOR_PERSON)
		code = RV_FAIL(err, RV_EPERM, "only a person may do this; '%.*s' is a %s",
			RV_FMT(a.id), rv_actor_type_name(a.type));
	if (code == RV_OK) {
		r->actor.type = a.type;
		r->actor.id = rv_arena_str(rv_http_arena(r->req), a.id);
		r->actor.session = rv_arena_str(rv_http_arena(r->req), a.session);
		if (!r->actor.id.p || !r->actor.session.p)
			code = RV_FAIL_ARENA(err);
	}
	rv_snapshot_unref(snap);
	return code;
}

/* ?since=30d, or an RFC 3339 time. */
static enum rv_code read_since(
	const struct report *r, int64_t now_ns, int64_t *ret, struct rv_err *err)
{
	struct rv_http_query q;
	int64_t ns;
	*ret = now_ns - SINCE_DEFAULT_NS;
	RV_TRY(rv_http_query_open(&q, rv_http_arena(r->req), rv_http_head(r->req)->query, err));
	for (size_t i = 0; i < q.n; i++) {
		if (!rv_str_eqz(q.pairs[i].name, "since"))
			return RV_FAIL(err, RV_EINVAL,
				"'%.*s' is not a query parameter of this path",
				RV_FMT(q.pairs[i].name));
		if (rv_time_parse(q.pairs[i].value, ret))
			continue;
		if (!rv_duration_parse(q.pairs[i].value, &ns))
			return RV_FAIL_AT(err, RV_EINVAL, "since", 0, 0,
				"'%.*s' is neither a time such as 2026-11-23T07:00:00Z nor a "
				"duration such as 30d",
				RV_FMT(q.pairs[i].value));
		*ret = now_ns > ns ? now_ns - ns : 0;
	}
	return RV_OK;
}

static enum rv_code begin(struct report *r, struct rv_err *err)
{
	int64_t now_ns = rv_gov_now(r->api->gov), since_ns;
	RV_TRY(read_person(r, err));
	RV_TRY(read_since(r, now_ns, &since_ns, err));
	RV_TRY(rv_board_new(rv_http_arena(r->req), now_ns, since_ns, &r->board, err));
	const struct rv_job job = {
		.kind = RV_JOB_READ, .run = run, .done = done, .arg = r, .actor = r->actor
	};
	return rv_control_post(r->api->gov, &job, err);
}

void rv_api_report_board(struct rv_http_req *req, void *self)
{
	struct rv_err err = { 0 };
	struct report *r = rv_arena_alloc(rv_http_arena(req), sizeof *r);
	if (!r) {
		(void)RV_FAIL_ARENA(&err); /* told below */
		rv_http_reply_err(req, &err);
		return;
	}
	r->api = self;
	r->req = req;
	if (begin(r, &err) != RV_OK)
		rv_http_reply_err(req, &err);
}
