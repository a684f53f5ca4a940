/* The endpoints. A batch is a row of questions asked one after another; each may be answered at
 * once or later on another thread.
 *
 * Whose turn it is, is told by `turn`: the loop's thread sets ASKING, calls decide, and then tries
 * to go from ASKING to AWAY. An answer exchanges turn for ANSWERED: if it found ASKING, the loop's
 * thread will see it when decide returns; if it found AWAY, the loop's thread has gone and is
 * called back. */
#include <stdatomic.h>
#include <stdio.h>

#include "points/authzen/authzen.h"

enum turn { ASKING = 1, AWAY, ANSWERED };

struct rv_authzen_ask {
	struct rv_http_task task; /* first: the call back */
	struct rv_authzen_point *point;
	struct rv_http_req *req;
	void *caller;
	struct rv_authzen_batch batch;
	size_t at;
	_Atomic int turn;
	bool is_allowed; /* of the current item */
	bool has_failed; /* a single evaluation that is answered with fail's status */
	struct rv_err *failure; /* in the arena */
	struct rv_json_w w; /* into the request's out */
};

struct rv_http_req *rv_authzen_ask_req(const struct rv_authzen_ask *ask)
{
	return ask->req;
}

const struct rv_authzen_item *rv_authzen_ask_item(const struct rv_authzen_ask *ask)
{
	return &ask->batch.items[ask->at];
}

size_t rv_authzen_ask_index(const struct rv_authzen_ask *ask)
{
	return ask->at;
}

void *rv_authzen_ask_caller(const struct rv_authzen_ask *ask)
{
	return ask->caller;
}

/* ---- answers of the decider ---- */

static void answered(struct rv_authzen_ask *ask)
{
	if (atomic_exchange(&ask->turn, ANSWERED) == AWAY)
		rv_http_task_post(rv_http_loop_of(ask->req), &ask->task);
}

void rv_authzen_done(struct rv_authzen_ask *ask, bool is_allowed, struct rv_str context)
{
	ask->is_allowed = is_allowed;
	rv_authzen_write_decision(&ask->w, is_allowed, context);
	answered(ask);
}

static void write_failure(struct rv_authzen_ask *ask, const struct rv_err *err)
{
	enum rv_code code = err->code == RV_OK ? RV_EINTERNAL : err->code;
	bool is_ours = code == RV_EINTERNAL || code == RV_ECORRUPT || code == RV_EIO;
	char text[900];
	ask->is_allowed = false;
	rv_authzen_write_error(&ask->w, code,
		rv_str_of(is_ours ? rv_code_doc(code) : rv_err_text(err, text, sizeof text)));
}

void rv_authzen_fail_item(struct rv_authzen_ask *ask, const struct rv_err *err)
{
	write_failure(ask, err);
	answered(ask);
}

void rv_authzen_fail(struct rv_authzen_ask *ask, const struct rv_err *err)
{
	if (ask->batch.is_single) {
		ask->has_failed = true;
		ask->failure = rv_arena_alloc(rv_http_arena(ask->req), sizeof *err);
		if (ask->failure)
			*ask->failure = *err;
	} else {
		write_failure(ask, err);
	}
	answered(ask);
}

/* ---- the row of questions ---- */

static void reply_whole(struct rv_authzen_ask *ask)
{
	struct rv_http_req *r = ask->req;
	if (ask->has_failed) {
		static const struct rv_err lost = { .code = RV_EINTERNAL };
		rv_http_reply_err(r, ask->failure ? ask->failure : &lost);
		return;
	}
	if (!ask->batch.is_single) {
		rv_json_w_arr_end(&ask->w);
		rv_json_w_obj_end(&ask->w);
	}
	rv_http_reply_json(r, 200, rv_buf_str(rv_http_out(r)));
}

static bool is_over(const struct rv_authzen_ask *ask)
{
	if (ask->at + 1 == ask->batch.n)
		return true;
	if (ask->is_allowed)
		return ask->batch.semantic == RV_AUTHZEN_PERMIT_ON_FIRST_PERMIT;
	return ask->batch.semantic == RV_AUTHZEN_DENY_ON_FIRST_DENY;
}

/* False: the answer will come later. */
static bool ask_one(struct rv_authzen_ask *ask)
{
	const struct rv_authzen_item *item = rv_authzen_ask_item(ask);
	if (item->code != RV_OK) {
		ask->is_allowed = false;
		rv_authzen_write_error(&ask->w, item->code, rv_str_of(item->message));
		return true;
	}
	atomic_store(&ask->turn, ASKING);
	ask->point->ops->decide(ask->point->self, ask);
	int expected = ASKING;
	return !atomic_compare_exchange_strong(&ask->turn, &expected, AWAY);
}

static void go_on(struct rv_authzen_ask *ask)
{
	while (ask_one(ask)) {
		if (is_over(ask)) {
			reply_whole(ask);
			return;
		}
		ask->at++;
	}
}

static void on_called_back(struct rv_http_task *t)
{
	struct rv_authzen_ask *ask = (struct rv_authzen_ask *)t;
	if (is_over(ask)) {
		reply_whole(ask);
		return;
	}
	ask->at++;
	go_on(ask);
}

/* ---- handlers ---- */

typedef enum rv_code read_fn(struct rv_arena *a, const struct rv_json *body,
	struct rv_authzen_batch *ret, struct rv_err *err);

static enum rv_code read_single(struct rv_arena *a, const struct rv_json *body,
	struct rv_authzen_batch *ret, struct rv_err *err)
{
	ret->items = rv_arena_array(a, 1, sizeof *ret->items);
	if (!ret->items)
		return RV_FAIL_ARENA(err);
	ret->n = 1;
	ret->is_single = true;
	ret->semantic = RV_AUTHZEN_EXECUTE_ALL;
	return rv_authzen_read_evaluation(a, body, &ret->items[0], err);
}

static enum rv_code admit(
	struct rv_authzen_point *p, struct rv_http_req *r, void **ret_caller, struct rv_err *err)
{
	*ret_caller = NULL;
	return p->ops->admit ? p->ops->admit(p->self, r, ret_caller, err) : RV_OK;
}

static enum rv_code begin(struct rv_authzen_point *p, struct rv_http_req *r, read_fn *read,
	struct rv_authzen_ask **ret, struct rv_err *err)
{
	const struct rv_json *body;
	struct rv_authzen_ask *ask = rv_arena_alloc(rv_http_arena(r), sizeof *ask);
	if (!ask)
		return RV_FAIL_ARENA(err);
	ask->point = p;
	ask->req = r;
	ask->task.fn = on_called_back;
	RV_TRY(admit(p, r, &ask->caller, err));
	RV_TRY(rv_http_json(r, NULL, &body, err));
	RV_TRY(read(rv_http_arena(r), body, &ask->batch, err));
	rv_json_w_init(&ask->w, rv_http_out(r));
	*ret = ask;
	return RV_OK;
}

static void evaluate(struct rv_http_req *r, struct rv_authzen_point *p, read_fn *read)
{
	struct rv_authzen_ask *ask;
	struct rv_err err;
	err.code = RV_OK; /* the rest is written when there is something to tell */
	if (begin(p, r, read, &ask, &err) != RV_OK) {
		rv_http_reply_err(r, &err);
		return;
	}
	if (!ask->batch.is_single) {
		rv_json_w_obj(&ask->w);
		rv_json_w_name(&ask->w, "evaluations");
		rv_json_w_arr(&ask->w);
	}
	go_on(ask);
}

static void post_evaluation(struct rv_http_req *r, void *self)
{
	evaluate(r, self, read_single);
}

static void post_evaluations(struct rv_http_req *r, void *self)
{
	evaluate(r, self, rv_authzen_read_evaluations);
}

static enum rv_code run_search(struct rv_authzen_point *p, struct rv_http_req *r,
	enum rv_authzen_search_kind kind, struct rv_err *err)
{
	const struct rv_json *body;
	struct rv_authzen_search s;
	struct rv_json_w w;
	void *caller;
	if (!p->can_search || !p->ops->search)
		return RV_FAIL(err, RV_EUNSUPPORTED, "this decision point does not search");
	RV_TRY(admit(p, r, &caller, err));
	RV_TRY(rv_http_json(r, NULL, &body, err));
	RV_TRY(rv_authzen_read_search(rv_http_arena(r), body, kind, &s, err));
	rv_json_w_init(&w, rv_http_out(r));
	return p->ops->search(p->self, r, &s, &w, err);
}

static void search(
	struct rv_http_req *r, struct rv_authzen_point *p, enum rv_authzen_search_kind kind)
{
	struct rv_err err = { .code = RV_OK };
	if (run_search(p, r, kind, &err) != RV_OK) {
		rv_http_reply_err(r, &err);
		return;
	}
	rv_http_reply_json(r, 200, rv_buf_str(rv_http_out(r)));
}

static void post_search_subject(struct rv_http_req *r, void *self)
{
	search(r, self, RV_AUTHZEN_SUBJECTS);
}

static void post_search_resource(struct rv_http_req *r, void *self)
{
	search(r, self, RV_AUTHZEN_RESOURCES);
}

static void post_search_action(struct rv_http_req *r, void *self)
{
	search(r, self, RV_AUTHZEN_ACTIONS);
}

static void get_metadata(struct rv_http_req *r, void *self)
{
	struct rv_authzen_point *p = self;
	char base[300];
	struct rv_json_w w;
	struct rv_str host = rv_http_head(r)->authority;
	if (p->public_url)
		(void)snprintf(base, sizeof base, "%.299s", p->public_url);
	else
		(void)snprintf(base, sizeof base, "%s://%.*s",
			rv_http_peer(r)->is_tls ? "https" : "http",
			(int)(host.n < 280 ? host.n : 280), host.p ? host.p : "localhost");
	rv_json_w_init(&w, rv_http_out(r));
	rv_authzen_write_metadata(&w, rv_str_of(base), p->can_search && p->ops->search);
	rv_http_reply_json(r, 200, rv_buf_str(rv_http_out(r)));
}

struct rv_http_table rv_authzen_table(struct rv_authzen_point *p)
{
	static const struct rv_http_route routes[] = {
		{ RV_HTTP_POST, "/access/v1/evaluation", post_evaluation },
		{ RV_HTTP_POST, "/access/v1/evaluations", post_evaluations },
		{ RV_HTTP_POST, "/access/v1/search/subject", post_search_subject },
		{ RV_HTTP_POST, "/access/v1/search/resource", post_search_resource },
		{ RV_HTTP_POST, "/access/v1/search/action", post_search_action },
		{ RV_HTTP_GET, "/.well-known/authzen-configuration", get_metadata },
	};
	return (struct rv_http_table){ routes, RV_COUNT(routes), p };
}
