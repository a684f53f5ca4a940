/* Held actions and limits. */
#include "api/api_int.h"

static void put_waives(struct rv_json_w *w, const struct rv_hold *h)
{
	rv_json_w_name(w, "because");
	rv_json_w_arr(w);
	for (size_t i = 0; i < h->n_waives; i++) {
		const struct rv_waive *v = &h->waives[i];
		rv_json_w_obj(w);
		rv_json_w_kv_str(w, "policy", v->id);
		rv_api_kv(w, "text", v->text);
		rv_api_kv(w, "hash", v->hash);
		rv_api_kv_list(w, "groups", v->groups, v->n_groups);
		rv_json_w_kv_i64(w, "quorum", v->quorum);
		rv_json_w_obj_end(w);
	}
	rv_json_w_arr_end(w);
}

static void put_votes(struct rv_json_w *w, const struct rv_hold *h)
{
	rv_json_w_name(w, "votes");
	rv_json_w_arr(w);
	for (size_t i = 0; i < h->n_votes; i++) {
		rv_json_w_obj(w);
		rv_json_w_kv_str(w, "person", h->votes[i].person);
		rv_json_w_kv_str(w, "vote", h->votes[i].vote);
		rv_api_kv(w, "reason", h->votes[i].reason);
		rv_api_kv_time(w, "at", h->votes[i].at_ns);
		rv_json_w_obj_end(w);
	}
	rv_json_w_arr_end(w);
}

static void put_hold(struct rv_json_w *w, const struct rv_hold *h)
{
	const struct rv_db_approval *r = &h->row;
	rv_json_w_kv_str(w, "id", r->id);
	rv_json_w_kv_str(w, "state", r->state);
	rv_json_w_kv_str(w, "digest", r->digest);
	rv_api_kv(w, "system", r->system);
	rv_api_kv(w, "owner", r->owner);
	rv_api_kv(w, "on_behalf_of", r->on_behalf_of);
	rv_json_w_name(w, "asked_by");
	rv_json_w_obj(w);
	rv_api_kv(w, "type", r->requester_type);
	rv_api_kv(w, "id", r->requester);
	rv_json_w_obj_end(w);
	rv_api_kv(w, "action", r->action);
	rv_json_w_name(w, "resource");
	rv_json_w_obj(w);
	rv_api_kv(w, "type", r->resource_type);
	rv_api_kv(w, "id", r->resource_id);
	rv_json_w_obj_end(w);
	rv_json_w_kv_i64(w, "policy_version", r->policy_set);
	put_waives(w, h);
	put_votes(w, h);
	rv_json_w_kv_i64(w, "missing", h->missing);
	rv_api_kv_time(w, "created", r->created_ns);
	rv_api_kv_time(w, "expires", r->expires_ns);
	rv_api_kv_time(w, "decided", r->decided_ns);
	rv_api_kv_time(w, "use_until", r->use_until_ns);
	rv_api_kv_time(w, "consumed", r->consumed_ns);
	rv_api_kv(w, "decision", r->decision_event);
	rv_api_kv(w, "note", r->note);
}

enum rv_code rv_api_approvals(struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	struct rv_str state = rv_api_query(c, "state");
	int64_t limit = 100;
	struct rv_hold *holds;
	size_t n;
	RV_TRY(rv_api_query_i64(c, "limit", 1, 1000, &limit, err));
	if (!state.p)
		state = RV_STR("pending");
	if (rv_str_eqz(state, "all"))
		state = RV_STR("");
	RV_TRY(rv_hold_list(c->op, state, limit, &holds, &n, err));
	rv_json_w_name(w, "approvals");
	rv_json_w_arr(w);
	for (size_t i = 0; i < n; i++) {
		rv_json_w_obj(w);
		put_hold(w, &holds[i]);
		rv_json_w_obj_end(w);
	}
	rv_json_w_arr_end(w);
	return RV_OK;
}

/* The wait is the server's business (serve.c): it comes back here when the state has changed. */
enum rv_code rv_api_approval(struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	struct rv_hold h;
	RV_TRY(rv_hold_get(c->op, c->param[0], &h, err));
	put_hold(w, &h);
	return RV_OK;
}

enum rv_code rv_api_approval_arguments(
	struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	struct rv_str json;
	RV_TRY(rv_hold_args(c->op, c->param[0], &json, err));
	rv_api_kv_json(w, "arguments", json);
	return RV_OK;
}

static enum rv_code vote(
	struct rv_api_call *c, bool approve, struct rv_json_w *w, struct rv_err *err)
{
	struct rv_json_obj o;
	struct rv_str digest = RV_STR(""), reason = RV_STR("");
	struct rv_hold h;
	RV_TRY(rv_api_body(c, &o, err));
	if (approve) /* what was looked at must be what is approved */
		RV_TRY(rv_json_need_str(&o, "digest", &digest, err));
	else
		RV_TRY(rv_json_opt_str(&o, "digest", &digest, err));
	RV_TRY(rv_json_opt_str(&o, "reason", &reason, err));
	RV_TRY(rv_json_obj_close(&o, err));
	RV_TRY(rv_hold_vote(c->op, c->param[0], digest, approve, reason, &h, err));
	put_hold(w, &h);
	return RV_OK;
}

enum rv_code rv_api_approval_approve(struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	return vote(c, true, w, err);
}

enum rv_code rv_api_approval_deny(struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	return vote(c, false, w, err);
}

enum rv_code rv_api_approval_withdraw(
	struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	struct rv_str reason;
	RV_TRY(rv_api_reason(c, &reason, err));
	RV_TRY(rv_hold_withdraw(c->op, c->param[0], reason, err));
	rv_json_w_kv_strz(w, "state", "withdrawn");
	return RV_OK;
}

static void kv_amount(struct rv_json_w *w, const char *name, int64_t amount)
{
	char buf[32];
	rv_json_w_kv_strz(w, name, rv_amount_format(amount, 0, buf));
}

enum rv_code rv_api_limits(struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	struct rv_limit_state *rows;
	size_t n;
	RV_TRY(rv_limit_states(c->op, c->param[0], &rows, &n, err));
	rv_json_w_name(w, "limits");
	rv_json_w_arr(w);
	for (size_t i = 0; i < n; i++) {
		const struct rv_limit *l = rows[i].limit;
		rv_json_w_obj(w);
		rv_json_w_kv_str(w, "id", l->id);
		rv_api_kv(w, "name", l->name);
		rv_api_kv(w, "subject", l->subject);
		rv_json_w_kv_strz(w, "unit", rv_unit_name(l->unit));
		rv_api_kv(w, "currency", l->currency);
		rv_api_kv(w, "per", l->per);
		rv_api_kv(w, "zone", l->zone);
		if (l->n_resources > 0)
			rv_api_kv_list(w, "resources", l->resources, l->n_resources);
		kv_amount(w, "max", l->max);
		kv_amount(w, "used", rows[i].now.used);
		kv_amount(w, "unsettled", rows[i].open);
		kv_amount(w, "left", l->max > rows[i].now.used ? l->max - rows[i].now.used : 0);
		rv_api_kv_time(w, "resets", rows[i].now.resets_ns);
		rv_json_w_kv_strz(w, "excess", l->holds ? "hold" : "deny");
		rv_json_w_obj_end(w);
	}
	rv_json_w_arr_end(w);
	return RV_OK;
}

enum rv_code rv_api_release(struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	struct rv_str reason;
	RV_TRY(rv_api_reason(c, &reason, err));
	RV_TRY(rv_limit_release(c->op, c->param[0], reason, err));
	rv_json_w_kv_bool(w, "released", true);
	return RV_OK;
}

enum rv_code rv_api_outcome(struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	struct rv_json_obj o;
	struct rv_gate_outcome out = { .detail = NULL };
	struct rv_str event;
	RV_TRY(rv_api_body(c, &o, err));
	RV_TRY(rv_json_need_str(&o, "intent", &out.intent, err));
	RV_TRY(rv_json_need_str(&o, "status", &out.status, err));
	RV_TRY(rv_json_opt(&o, "detail", RV_JSON_OBJ, &out.detail, err));
	RV_TRY(rv_json_opt(&o, "settle", RV_JSON_OBJ, &out.settle, err));
	RV_TRY(rv_json_obj_close(&o, err));
	RV_TRY(rv_gate_outcome(c->gate, c->op, &out, &event, err));
	rv_json_w_kv_str(w, "id", event);
	return RV_OK;
}
