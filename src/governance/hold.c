/* Held actions: opening one, showing it, taking it back. What is bound is a digest made by the
 * gate; what people are shown (the arguments) is sealed under the system's key. */
#include "governance/hold_int.h"

static enum rv_code write_waives(struct rv_op *op, const struct rv_waive *w, size_t n,
	struct rv_str *ret, struct rv_err *err)
{
	RV_AUTO_BUF b;
	struct rv_json_w j;
	rv_buf_init(&b, 1 << 18);
	rv_json_w_init(&j, &b);
	rv_json_w_arr(&j);
	for (size_t i = 0; i < n; i++) {
		rv_json_w_obj(&j);
		rv_json_w_kv_str(&j, "id", w[i].id);
		rv_json_w_kv_str(&j, "hash", w[i].hash);
		rv_json_w_kv_str(&j, "text", w[i].text);
		rv_json_w_name(&j, "groups");
		rv_json_w_arr(&j);
		for (size_t k = 0; k < w[i].n_groups; k++)
			rv_json_w_str(&j, w[i].groups[k]);
		rv_json_w_arr_end(&j);
		rv_json_w_kv_i64(&j, "quorum", w[i].quorum);
		rv_json_w_kv_i64(&j, "expires_ns", w[i].expires_ns);
		rv_json_w_kv_bool(&j, "owner_may", w[i].owner_may);
		rv_json_w_obj_end(&j);
	}
	rv_json_w_arr_end(&j);
	return rv_op_buf(op, &b, ret, err);
}

static enum rv_code read_waive(
	struct rv_op *op, const struct rv_json *v, struct rv_waive *ret, struct rv_err *err)
{
	struct rv_json_obj o;
	const struct rv_json *groups;
	RV_TRY(rv_json_obj_open(&o, v, "waive", err));
	RV_TRY(rv_json_need_str(&o, "id", &ret->id, err));
	RV_TRY(rv_json_need_str(&o, "hash", &ret->hash, err));
	RV_TRY(rv_json_opt_str(&o, "text", &ret->text, err));
	RV_TRY(rv_json_need(&o, "groups", RV_JSON_ARR, &groups, err));
	RV_TRY(rv_json_opt_i64(&o, "quorum", 1, 1000, &ret->quorum, err));
	RV_TRY(rv_json_opt_i64(&o, "expires_ns", 1, INT64_MAX, &ret->expires_ns, err));
	RV_TRY(rv_json_opt_bool(&o, "owner_may", &ret->owner_may, err));
	struct rv_str *list = rv_arena_array(op->arena, groups->n_items + 1, sizeof *list);
	if (!list)
		return RV_FAIL_ARENA(err);
	for (size_t i = 0; i < groups->n_items; i++)
		if (groups->items[i]->type == RV_JSON_STR)
			list[ret->n_groups++] = groups->items[i]->str;
	ret->groups = list;
	return RV_OK;
}

static enum rv_code read_waives(struct rv_op *op, struct rv_str text, struct rv_waive **ret,
	size_t *ret_n, struct rv_err *err)
{
	const struct rv_json *v;
	RV_TRY(rv_op_json(op, text, &v, err));
	if (v->type != RV_JSON_ARR || v->n_items == 0)
		return RV_FAIL(err, RV_ECORRUPT, "an approval that waives nothing");
	struct rv_waive *w = rv_arena_array(op->arena, v->n_items, sizeof *w);
	if (!w)
		return RV_FAIL_ARENA(err);
	for (size_t i = 0; i < v->n_items; i++)
		RV_TRY(read_waive(op, v->items[i], &w[i], err));
	*ret = w;
	*ret_n = v->n_items;
	return RV_OK;
}

enum rv_code rv_hold_row(
	struct rv_op *op, struct rv_str id, struct rv_db_approval *ret, struct rv_err *err)
{
	*ret = (struct rv_db_approval){ .id = id };
	struct rv_err e = { 0 };
	enum rv_code code = rv_db_approval_get(op->txn, op->arena, ret, &e);
	if (code == RV_ENOENT)
		return RV_FAIL(err, code, "no approval '%.*s'", RV_FMT(id));
	return code == RV_OK ? RV_OK : RV_FAIL(err, code, "%s", e.msg);
}

enum rv_code rv_hold_view(
	struct rv_op *op, const struct rv_db_approval *row, struct rv_hold *ret, struct rv_err *err)
{
	*ret = (struct rv_hold){ .row = *row };
	RV_TRY(read_waives(op, row->waives_json, &ret->waives, &ret->n_waives, err));
	RV_TRY(rv_db_vote_list(op->txn, op->arena, RV_Q_BY(vote, approval, row->id), &ret->votes,
		&ret->n_votes, err));
	if (!rv_str_eqz(row->state, "pending") && !rv_str_eqz(row->state, "approved"))
		return RV_OK;
	return rv_hold_missing(
		op, row, ret->waives, ret->n_waives, ret->votes, ret->n_votes, &ret->missing, err);
}

static struct rv_event event_of(
	const struct rv_db_approval *row, enum rv_event_kind kind, struct rv_str detail)
{
	return (struct rv_event){ .kind = kind,
		.system = row->system,
		.owner = row->owner,
		.on_behalf_of = row->on_behalf_of,
		.action = row->action,
		.resource_type = row->resource_type,
		.resource_id = row->resource_id,
		.policy_version = row->policy_set,
		.args_digest = row->digest,
		.approval = row->id,
		.cause = row->decision_event,
		.detail_json = detail };
}

enum rv_code rv_hold_move(struct rv_op *op, struct rv_db_approval *row, const char *state,
	enum rv_event_kind kind, struct rv_str why, struct rv_err *err)
{
	struct rv_str detail;
	row->state = rv_str_of(state);
	if (why.n > 0)
		row->note = why;
	if (row->decided_ns == 0)
		row->decided_ns = op->now_ns;
	RV_TRY(rv_db_approval_update(op->txn, row, err));
	RV_TRY(rv_detail(op, &detail, err, "why", why, NULL));
	const struct rv_event ev = event_of(row, kind, detail);
	return rv_op_event(op, &ev, (struct rv_str){ 0 }, NULL, err);
}

static enum rv_code write_eligible(
	struct rv_op *op, const struct rv_hold_request *req, struct rv_str *ret, struct rv_err *err)
{
	struct rv_str seen[RV_WAIVES_MAX * RV_GROUPS_MAX];
	size_t n_seen = 0;
	RV_AUTO_BUF b;
	struct rv_json_w j;
	rv_buf_init(&b, 1 << 20);
	rv_json_w_init(&j, &b);
	rv_json_w_obj(&j);
	for (size_t i = 0; i < req->n_waives; i++) {
		for (size_t k = 0; k < req->waives[i].n_groups; k++) {
			struct rv_str g = req->waives[i].groups[k], *people;
			size_t n;
			if (rv_strs_has(seen, n_seen, g))
				continue;
			seen[n_seen++] = g;
			RV_TRY(rv_hold_group_people(op, g, &people, &n, err));
			rv_json_w_name_str(&j, g);
			rv_json_w_arr(&j);
			for (size_t p = 0; p < n; p++)
				rv_json_w_str(&j, people[p]);
			rv_json_w_arr_end(&j);
		}
	}
	rv_json_w_obj_end(&j);
	return rv_op_buf(op, &b, ret, err);
}

static enum rv_code args_context(
	struct rv_op *op, struct rv_str id, struct rv_str *ret, struct rv_err *err)
{
	const char *text = rv_arena_printf(op->arena, "approval:%.*s", RV_FMT(id));
	if (!text)
		return RV_FAIL_ARENA(err);
	*ret = rv_str_of(text);
	return RV_OK;
}

static enum rv_code seal_args(struct rv_op *op, const struct rv_hold_request *req,
	struct rv_db_approval *row, struct rv_err *err)
{
	struct rv_seal_key key;
	struct rv_str context;
	RV_AUTO_BUF sealed;
	rv_buf_init(&sealed, 1 << 21);
	RV_TRY(args_context(op, row->id, &context, err));
	RV_TRY(rv_seal_key_load(op, req->system, &key, err));
	enum rv_code code = rv_seal(&key, req->args_json, context, &sealed, err);
	explicit_bzero(&key, sizeof key);
	RV_TRY(code);
	return rv_op_buf(op, &sealed, &row->args, err);
}

static bool same_waives(const struct rv_hold *h, const struct rv_hold_request *req)
{
	if (h->n_waives != req->n_waives)
		return false;
	for (size_t i = 0; i < req->n_waives; i++) {
		bool found = false;
		for (size_t k = 0; k < h->n_waives; k++)
			found = found ||
				(rv_str_eq(h->waives[k].id, req->waives[i].id) &&
					rv_str_eq(h->waives[k].hash, req->waives[i].hash));
		if (!found)
			return false;
	}
	return true;
}

/* The identical one that still waits or can still be used; what differs in its forbids is stale. */
static enum rv_code find_identical(struct rv_op *op, const struct rv_hold_request *req,
	const char *state, struct rv_hold *ret, bool *ret_found, struct rv_err *err)
{
	struct rv_db_approval *rows;
	size_t n;
	const struct rv_query q = { .where = { RV_Q_STR(approval, system, RV_CMP_EQ, req->system),
					    RV_Q_STR(approval, digest, RV_CMP_EQ, req->digest),
					    RV_Q_STR(
						    approval, state, RV_CMP_EQ, rv_str_of(state)) },
		.n_where = 3 };
	*ret_found = false;
	RV_TRY(rv_db_approval_list(op->txn, op->arena, &q, &rows, &n, err));
	for (size_t i = 0; i < n; i++) {
		struct rv_hold h;
		bool waits = rv_str_eqz(rows[i].state, "pending");
		RV_TRY(rv_hold_view(op, &rows[i], &h, err));
		if ((waits ? rows[i].expires_ns : rows[i].use_until_ns) <= op->now_ns) {
			RV_TRY(rv_hold_move(op, &rows[i], "expired", RV_EV_APPROVAL_EXPIRED,
				RV_STR("time is up"), err));
		} else if (!same_waives(&h, req) || (!waits && h.missing > 0)) {
			RV_TRY(rv_hold_move(op, &rows[i], "stale", RV_EV_APPROVAL_STALE,
				RV_STR("what has to be waived, or who may, changed"), err));
		} else {
			*ret = h;
			*ret_found = true;
		}
	}
	return RV_OK;
}

static enum rv_code check_request(
	struct rv_op *op, const struct rv_hold_request *req, struct rv_err *err)
{
	int64_t n;
	if (req->n_waives == 0 || req->n_waives > RV_WAIVES_MAX)
		return RV_FAIL(err, RV_ELIMIT, "an approval waives 1 to %d forbids", RV_WAIVES_MAX);
	for (size_t i = 0; i < req->n_waives; i++)
		if (req->waives[i].n_groups == 0 || req->waives[i].n_groups > RV_GROUPS_MAX ||
			req->waives[i].quorum < 1 || req->waives[i].expires_ns <= 0)
			return RV_FAIL(err, RV_EINTERNAL, "forbid '%.*s' cannot be waived",
				RV_FMT(req->waives[i].id));
	const struct rv_query q = {
		.where = { RV_Q_STR(approval, system, RV_CMP_EQ, req->system),
			RV_Q_STR(approval, state, RV_CMP_EQ, RV_STR("pending")) },
		.n_where = 2
	};
	RV_TRY(rv_store_count(op->txn, &rv_tab_approval, &q, &n, err));
	if (n >= RV_HOLD_PENDING_MAX)
		return RV_FAIL(err, RV_EBUSY, "'%.*s' has %d actions waiting for people already",
			RV_FMT(req->system), RV_HOLD_PENDING_MAX);
	return RV_OK;
}

static enum rv_code opened_event(struct rv_op *op, const struct rv_hold_request *req,
	const struct rv_db_approval *row, struct rv_err *err)
{
	char time[RV_TIME_SIZE];
	struct rv_str detail;
	struct rv_reason *reasons = rv_arena_array(op->arena, req->n_waives, sizeof *reasons);
	if (!reasons)
		return RV_FAIL_ARENA(err);
	for (size_t i = 0; i < req->n_waives; i++)
		reasons[i] = (struct rv_reason){ .policy = req->waives[i].id,
			.text = req->waives[i].text };
	RV_TRY(rv_detail(op, &detail, err, "expires",
		rv_str_of(rv_time_format(row->expires_ns, time)), NULL));
	struct rv_event ev = event_of(row, RV_EV_APPROVAL_OPENED, detail);
	ev.outcome = RV_HOLD;
	ev.reasons = reasons;
	ev.n_reasons = req->n_waives;
	return rv_op_event(op, &ev, (struct rv_str){ 0 }, NULL, err);
}

enum rv_code rv_hold_open(struct rv_op *op, const struct rv_hold_request *req, struct rv_hold *ret,
	bool *ret_is_new, struct rv_err *err)
{
	bool found;
	if (ret_is_new)
		*ret_is_new = false;
	RV_TRY(find_identical(op, req, "approved", ret, &found, err));
	if (!found)
		RV_TRY(find_identical(op, req, "pending", ret, &found, err));
	if (found)
		return RV_OK;
	RV_TRY(check_request(op, req, err));
	struct rv_db_approval row = { .digest = req->digest,
		.state = RV_STR("pending"),
		.system = req->system,
		.requester_type = rv_str_of(rv_actor_type_name(op->actor.type)),
		.requester = op->actor.id,
		.on_behalf_of = req->on_behalf_of,
		.owner = req->owner,
		.action = req->action,
		.resource_type = req->resource_type,
		.resource_id = req->resource_id,
		.resource_digest = req->resource_digest,
		.policy_set = req->policy_version,
		.profile_version = req->profile_version,
		.owner_may = 1,
		.created_ns = op->now_ns,
		.expires_ns = op->now_ns + RV_HOLD_PENDING_NS,
		.decision_event = req->decision_event };
	for (size_t i = 0; i < req->n_waives; i++)
		row.owner_may = row.owner_may && req->waives[i].owner_may;
	RV_TRY(rv_op_id(op, &row.id, err));
	RV_TRY(write_waives(op, req->waives, req->n_waives, &row.waives_json, err));
	RV_TRY(write_eligible(op, req, &row.eligible_json, err));
	RV_TRY(seal_args(op, req, &row, err));
	RV_TRY(rv_db_approval_insert(op->txn, &row, err));
	RV_TRY(opened_event(op, req, &row, err));
	if (ret_is_new)
		*ret_is_new = true;
	return rv_hold_view(op, &row, ret, err);
}

/* ---- seeing ---- */

static enum rv_code may_see(
	struct rv_op *op, const struct rv_hold *h, bool *ret, struct rv_err *err)
{
	const struct rv_db_approval *r = &h->row;
	int64_t rights;
	*ret = true;
	if (op->actor.type == RV_ACTOR_SERVICE)
		return RV_OK;
	if (op->actor.type == RV_ACTOR_SYSTEM && rv_str_eq(op->actor.id, r->system))
		return RV_OK;
	if (op->actor.type == RV_ACTOR_POINT && rv_str_eqz(r->requester_type, "point") &&
		rv_str_eq(op->actor.id, r->requester))
		return RV_OK;
	RV_TRY(rv_actor_rights(op, &rights, err));
	if (rights & (RV_RIGHT_GOVERNOR | RV_RIGHT_AUDITOR | RV_RIGHT_ADMIN | RV_RIGHT_RESPONDER))
		return RV_OK;
	if (rv_is_person(op, r->owner) || rv_is_person(op, r->on_behalf_of))
		return RV_OK;
	*ret = false;
	if (op->actor.type != RV_ACTOR_PERSON)
		return RV_OK;
	return rv_hold_concerns(op, r, h->waives, h->n_waives, op->actor.id, ret, err);
}

enum rv_code rv_hold_get(
	struct rv_op *op, struct rv_str id, struct rv_hold *ret, struct rv_err *err)
{
	struct rv_db_approval row;
	bool sees;
	RV_TRY(rv_hold_row(op, id, &row, err));
	RV_TRY(rv_hold_view(op, &row, ret, err));
	RV_TRY(may_see(op, ret, &sees, err));
	/* The same words as for one that is not there. */
	return sees ? RV_OK : RV_FAIL(err, RV_ENOENT, "no approval '%.*s'", RV_FMT(id));
}

enum rv_code rv_hold_list(struct rv_op *op, struct rv_str state, int64_t limit,
	struct rv_hold **ret, size_t *ret_n, struct rv_err *err)
{
	struct rv_db_approval *rows;
	size_t n, k = 0;
	struct rv_query q = { .is_ordered = true,
		.is_descending = true,
		.order_offset = offsetof(struct rv_db_approval, created_ns) };
	if (state.n > 0)
		q.where[q.n_where++] = RV_Q_STR(approval, state, RV_CMP_EQ, state);
	RV_TRY(rv_db_approval_list(op->txn, op->arena, &q, &rows, &n, err));
	struct rv_hold *out = rv_arena_array(op->arena, n + 1, sizeof *out);
	if (!out)
		return RV_FAIL_ARENA(err);
	for (size_t i = 0; i < n && (limit <= 0 || k < (size_t)limit); i++) {
		bool sees;
		RV_TRY(rv_hold_view(op, &rows[i], &out[k], err));
		RV_TRY(may_see(op, &out[k], &sees, err));
		k += sees;
	}
	*ret = out;
	*ret_n = k;
	return RV_OK;
}

enum rv_code rv_hold_args(
	struct rv_op *op, struct rv_str id, struct rv_str *ret_json, struct rv_err *err)
{
	struct rv_hold h;
	struct rv_str context, detail;
	struct rv_seal_key key;
	RV_TRY(rv_hold_get(op, id, &h, err));
	if (op->actor.type != RV_ACTOR_PERSON)
		return RV_FAIL(err, RV_EPERM, "arguments are shown to people only");
	RV_AUTO_BUF clear;
	rv_buf_init(&clear, 1 << 21);
	RV_TRY(args_context(op, id, &context, err));
	RV_TRY(rv_seal_key_load(op, h.row.system, &key, err));
	enum rv_code code = rv_unseal(&key, h.row.args, context, &clear, err);
	explicit_bzero(&key, sizeof key);
	if (code == RV_OK)
		code = rv_op_buf(op, &clear, ret_json, err);
	if (clear.p)
		explicit_bzero(clear.p, clear.n);
	RV_TRY(code);
	RV_TRY(rv_detail(op, &detail, err, "what", RV_STR("arguments"), NULL));
	const struct rv_event ev = event_of(&h.row, RV_EV_ACCESS, detail);
	return rv_op_event(op, &ev, (struct rv_str){ 0 }, NULL, err);
}

/* ---- taking back ---- */

enum rv_code rv_hold_withdraw(
	struct rv_op *op, struct rv_str id, struct rv_str reason, struct rv_err *err)
{
	struct rv_hold h;
	RV_TRY(rv_hold_get(op, id, &h, err));
	bool own = op->actor.type == RV_ACTOR_SYSTEM || op->actor.type == RV_ACTOR_POINT ||
		rv_is_person(op, h.row.owner);
	if (!own)
		RV_TRY(rv_need(op, RV_RIGHT_GOVERNOR | RV_RIGHT_RESPONDER, err));
	if (!rv_str_eqz(h.row.state, "pending") && !rv_str_eqz(h.row.state, "approved"))
		return RV_FAIL(err, RV_ECONFLICT, "approval '%.*s' is %.*s", RV_FMT(id),
			RV_FMT(h.row.state));
	h.row.decided_ns = op->now_ns;
	return rv_hold_move(op, &h.row, "withdrawn", RV_EV_APPROVAL_WITHDRAWN, reason, err);
}

enum rv_code rv_hold_refused(
	struct rv_op *op, struct rv_str id, struct rv_str why, struct rv_err *err)
{
	struct rv_db_approval row;
	struct rv_str detail;
	RV_TRY(rv_hold_row(op, id, &row, err));
	RV_TRY(rv_detail(op, &detail, err, "why", rv_str_sub(why, 0, RV_HOLD_REASON_MAX), NULL));
	struct rv_event ev = event_of(&row, RV_EV_APPROVAL_REFUSED, detail);
	ev.outcome = RV_DENY;
	return rv_op_event(op, &ev, (struct rv_str){ 0 }, NULL, err);
}
