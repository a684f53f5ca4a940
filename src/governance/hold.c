/* Approvals: held actions, who may decide them, and their use, once. */
#include <stdio.h>

#include "governance/governance_int.h"

enum { ARGS_SEALED_MAX = 1 << 20, LIST_MAX = 1000 };

/* ---- stored form ---- */

static enum rv_code waives_text(struct rv_op *op, const struct rv_waive *v, size_t n,
	struct rv_str *ret, struct rv_err *err)
{
	RV_AUTO_BUF b;
	struct rv_json_w w;
	rv_buf_init(&b, 1 << 20);
	rv_json_w_init(&w, &b);
	rv_json_w_arr(&w);
	for (size_t i = 0; i < n; i++) {
		rv_json_w_obj(&w);
		rv_json_w_kv_str(&w, "id", v[i].id);
		rv_json_w_kv_str(&w, "hash", v[i].hash);
		rv_json_w_kv_str(&w, "text", v[i].text);
		rv_json_w_kv_i64(&w, "quorum", v[i].quorum);
		rv_json_w_kv_i64(&w, "expires_ns", v[i].expires_ns);
		rv_json_w_kv_bool(&w, "owner_may", v[i].owner_may);
		rv_json_w_name(&w, "groups");
		rv_json_w_arr(&w);
		for (size_t k = 0; k < v[i].n_groups; k++)
			rv_json_w_str(&w, v[i].groups[k]);
		rv_json_w_arr_end(&w);
		rv_json_w_obj_end(&w);
	}
	rv_json_w_arr_end(&w);
	return rv_op_buf(op, &b, ret, err);
}

static struct rv_str get_str(const struct rv_json *v, const char *name)
{
	const struct rv_json *m = rv_json_get(v, name);
	return rv_json_is(m, RV_JSON_STR) ? m->str : RV_STR("");
}

static int64_t get_int(const struct rv_json *v, const char *name)
{
	const struct rv_json *m = rv_json_get(v, name);
	return rv_json_is(m, RV_JSON_INT) ? m->integer : 0;
}

static enum rv_code read_waives(struct rv_op *op, struct rv_hold *h, struct rv_err *err)
{
	const struct rv_json *v;
	RV_TRY(rv_op_json(op, h->row.waives_json, &v, err));
	if (v->type != RV_JSON_ARR)
		return RV_FAIL(err, RV_ECORRUPT, "a stored approval has no list of waives");
	struct rv_waive *out = rv_arena_array(op->arena, v->n_items + 1, sizeof *out);
	if (!out)
		return RV_FAIL_ARENA(err);
	for (size_t i = 0; i < v->n_items; i++) {
		const struct rv_json *it = v->items[i], *groups = rv_json_get(it, "groups");
		const struct rv_json *owner = rv_json_get(it, "owner_may");
		size_t n = rv_json_is(groups, RV_JSON_ARR) ? groups->n_items : 0;
		struct rv_str *list = rv_arena_array(op->arena, n + 1, sizeof *list);
		if (!list)
			return RV_FAIL_ARENA(err);
		for (size_t k = 0; k < n; k++)
			list[k] = rv_json_is(groups->items[k], RV_JSON_STR) ? groups->items[k]->str
									    : RV_STR("");
		out[i] = (struct rv_waive){ .id = get_str(it, "id"),
			.hash = get_str(it, "hash"),
			.text = get_str(it, "text"),
			.groups = list,
			.n_groups = n,
			.quorum = get_int(it, "quorum"),
			.expires_ns = get_int(it, "expires_ns"),
			.owner_may = rv_json_is(owner, RV_JSON_BOOL) && owner->boolean };
	}
	h->waives = out;
	h->n_waives = v->n_items;
	return RV_OK;
}

/* {"group":["person",…],…} of all groups that may decide. */
static enum rv_code eligible_text(
	struct rv_op *op, const struct rv_hold_request *req, struct rv_str *ret, struct rv_err *err)
{
	RV_AUTO_BUF b;
	struct rv_json_w w;
	struct rv_str done[RV_WAIVES_MAX * RV_GROUPS_MAX];
	size_t n_done = 0;
	rv_buf_init(&b, 1 << 20);
	rv_json_w_init(&w, &b);
	rv_json_w_obj(&w);
	for (size_t i = 0; i < req->n_waives; i++)
		for (size_t k = 0; k < req->waives[i].n_groups; k++) {
			struct rv_str group = req->waives[i].groups[k];
			struct rv_db_grp_member *rows;
			size_t n;
			if (rv_strs_has(done, n_done, group) || n_done == RV_COUNT(done))
				continue;
			done[n_done++] = group;
			RV_TRY(rv_db_grp_member_list(op->txn, op->arena,
				RV_Q_BY(grp_member, grp, group), &rows, &n, err));
			rv_json_w_name_str(&w, group);
			rv_json_w_arr(&w);
			for (size_t m = 0; m < n; m++)
				rv_json_w_str(&w, rows[m].person);
			rv_json_w_arr_end(&w);
		}
	rv_json_w_obj_end(&w);
	return rv_op_buf(op, &b, ret, err);
}

static bool was_in_group(const struct rv_json *eligible, struct rv_str group, struct rv_str person)
{
	const struct rv_json *list = rv_json_get_str(eligible, group);
	for (size_t i = 0; rv_json_is(list, RV_JSON_ARR) && i < list->n_items; i++)
		if (list->items[i]->type == RV_JSON_STR && rv_str_eq(list->items[i]->str, person))
			return true;
	return false;
}

/* ---- counting ---- */

/* May this person's yes count for this waive: in one of its groups then and now? */
static enum rv_code counts_for(struct rv_op *op, const struct rv_hold *h, const struct rv_waive *v,
	struct rv_str person, bool *ret, struct rv_err *err)
{
	const struct rv_json *eligible;
	*ret = false;
	if (rv_str_eq(person, h->row.owner) && !v->owner_may)
		return RV_OK;
	RV_TRY(rv_op_json(op, h->row.eligible_json, &eligible, err));
	for (size_t i = 0; i < v->n_groups && !*ret; i++)
		if (was_in_group(eligible, v->groups[i], person))
			RV_TRY(rv_person_in_group(op, person, v->groups[i], ret, err));
	return RV_OK;
}

/* Approvals still needed. A person counts once for each forbid, however many of its groups they are
 * in. */
static enum rv_code count_missing(struct rv_op *op, struct rv_hold *h, struct rv_err *err)
{
	h->missing = 0;
	for (size_t i = 0; i < h->n_waives; i++) {
		int64_t have = 0;
		for (size_t k = 0; k < h->n_votes; k++) {
			bool counts;
			if (!rv_str_eqz(h->votes[k].vote, "approve"))
				continue;
			RV_TRY(counts_for(op, h, &h->waives[i], h->votes[k].person, &counts, err));
			have += counts;
		}
		if (have < h->waives[i].quorum)
			h->missing += h->waives[i].quorum - have;
	}
	return RV_OK;
}

static enum rv_code fill(struct rv_op *op, struct rv_hold *h, struct rv_err *err)
{
	RV_TRY(read_waives(op, h, err));
	RV_TRY(rv_db_vote_list(op->txn, op->arena, RV_Q_BY(vote, approval, h->row.id), &h->votes,
		&h->n_votes, err));
	return count_missing(op, h, err);
}

static enum rv_code event(struct rv_op *op, enum rv_event_kind kind, const struct rv_hold *h,
	struct rv_str detail, struct rv_err *err)
{
	const struct rv_db_approval *r = &h->row;
	const struct rv_event ev = { .kind = kind,
		.system = r->system,
		.owner = r->owner,
		.on_behalf_of = r->on_behalf_of,
		.action = r->action,
		.resource_type = r->resource_type,
		.resource_id = r->resource_id,
		.args_digest = r->digest,
		.approval = r->id,
		.cause = r->decision_event,
		.policy_version = r->policy_set,
		.detail_json = detail };
	return rv_op_event(op, &ev, RV_STR(""), NULL, err);
}

static enum rv_code set_state(struct rv_op *op, struct rv_hold *h, const char *state,
	enum rv_event_kind kind, struct rv_str why, struct rv_err *err)
{
	struct rv_str detail;
	h->row.state = rv_str_of(state);
	if (why.n > 0)
		h->row.note = why;
	if (h->row.decided_ns == 0)
		h->row.decided_ns = op->now_ns;
	RV_TRY(rv_detail(op, &detail, err, "reason", why, NULL));
	RV_TRY(rv_db_approval_update(op->txn, &h->row, err));
	return event(op, kind, h, detail, err);
}

static bool is_state(const struct rv_hold *h, const char *state)
{
	return rv_str_eqz(h->row.state, state);
}

/* What time alone has ended. */
static enum rv_code expire(struct rv_op *op, struct rv_hold *h, struct rv_err *err)
{
	bool is_late = (is_state(h, "pending") && op->now_ns >= h->row.expires_ns) ||
		(is_state(h, "approved") && op->now_ns >= h->row.use_until_ns);
	if (!is_late)
		return RV_OK;
	return set_state(op, h, "expired", RV_EV_APPROVAL_EXPIRED, RV_STR("time ran out"), err);
}

/* Every waive needed now was among those decided on, with the same text. */
static bool covers(const struct rv_hold *h, const struct rv_waive *need, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		bool found = false;
		for (size_t k = 0; k < h->n_waives && !found; k++)
			found = rv_str_eq(h->waives[k].id, need[i].id) &&
				rv_str_eq(h->waives[k].hash, need[i].hash) &&
				h->waives[k].quorum >= need[i].quorum;
		if (!found)
			return false;
	}
	return true;
}

/* ---- opening and finding ---- */

static enum rv_code seal_args(struct rv_op *op, const struct rv_hold_request *req, struct rv_str id,
	struct rv_str *ret, struct rv_err *err)
{
	struct rv_seal_key key;
	RV_AUTO_BUF sealed;
	rv_buf_init(&sealed, ARGS_SEALED_MAX);
	RV_TRY(rv_seal_key_load(op, req->system, &key, err));
	enum rv_code code = rv_seal(&key, req->args_json, id, &sealed, err);
	explicit_bzero(&key, sizeof key);
	RV_TRY(code);
	return rv_op_buf(op, &sealed, ret, err);
}

/* The newest of this digest in one of the open states. */
static enum rv_code find_open(struct rv_op *op, struct rv_str system, struct rv_str digest,
	struct rv_hold *ret, bool *ret_found, struct rv_err *err)
{
	struct rv_db_approval *rows;
	size_t n;
	const struct rv_query q = { .where = { RV_Q_STR(approval, system, RV_CMP_EQ, system),
					    RV_Q_STR(approval, digest, RV_CMP_EQ, digest) },
		.n_where = 2,
		.is_ordered = true,
		.is_descending = true,
		.order_offset = offsetof(struct rv_db_approval, created_ns),
		.limit = 1 };
	RV_TRY(rv_db_approval_list(op->txn, op->arena, &q, &rows, &n, err));
	*ret_found = n > 0;
	if (n == 0)
		return RV_OK;
	*ret = (struct rv_hold){ .row = rows[0] };
	RV_TRY(fill(op, ret, err));
	return expire(op, ret, err);
}

enum rv_code rv_hold_open(struct rv_op *op, const struct rv_hold_request *req, struct rv_hold *ret,
	bool *ret_is_new, struct rv_err *err)
{
	bool found;
	RV_TRY(find_open(op, req->system, req->digest, ret, &found, err));
	if (found && (is_state(ret, "pending") || is_state(ret, "approved"))) {
		if (covers(ret, req->waives, req->n_waives)) {
			if (ret_is_new)
				*ret_is_new = false;
			return RV_OK;
		}
		RV_TRY(set_state(op, ret, "stale", RV_EV_APPROVAL_STALE,
			RV_STR("the policies changed"), err));
	}
	struct rv_db_approval r = {
		.digest = req->digest,
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
		.created_ns = op->now_ns,
		.expires_ns = op->now_ns + RV_HOLD_PENDING_NS,
		.decision_event = req->decision_event,
		.note = RV_STR(""),
	};
	RV_TRY(rv_op_id(op, &r.id, err));
	RV_TRY(waives_text(op, req->waives, req->n_waives, &r.waives_json, err));
	RV_TRY(eligible_text(op, req, &r.eligible_json, err));
	RV_TRY(seal_args(op, req, r.id, &r.args, err));
	RV_TRY(rv_db_approval_insert(op->txn, &r, err));
	*ret = (struct rv_hold){ .row = r };
	RV_TRY(fill(op, ret, err));
	if (ret_is_new)
		*ret_is_new = true;
	return event(op, RV_EV_APPROVAL_OPENED, ret, RV_STR(""), err);
}

static enum rv_code load(
	struct rv_op *op, struct rv_str id, struct rv_hold *ret, struct rv_err *err)
{
	*ret = (struct rv_hold){ .row = { .id = id } };
	struct rv_err e = { 0 };
	enum rv_code code = rv_db_approval_get(op->txn, op->arena, &ret->row, &e);
	if (code == RV_ENOENT)
		return RV_FAIL(err, RV_ENOENT, "no approval '%.*s'", RV_FMT(id));
	if (code != RV_OK)
		return RV_FAIL(err, code, "%s", e.msg);
	RV_TRY(fill(op, ret, err));
	return expire(op, ret, err);
}

/* In a group that may decide it, now. */
static enum rv_code is_voter(
	struct rv_op *op, const struct rv_hold *h, bool *ret, struct rv_err *err)
{
	*ret = false;
	for (size_t i = 0; i < h->n_waives && !*ret; i++)
		for (size_t k = 0; k < h->waives[i].n_groups && !*ret; k++)
			RV_TRY(rv_person_in_group(
				op, op->actor.id, h->waives[i].groups[k], ret, err));
	return RV_OK;
}

static enum rv_code may_see(
	struct rv_op *op, const struct rv_hold *h, bool *ret, struct rv_err *err)
{
	int64_t rights;
	*ret = true;
	if (op->actor.type == RV_ACTOR_SERVICE)
		return RV_OK;
	if (op->actor.type != RV_ACTOR_PERSON) {
		bool is_self =
			op->actor.type == RV_ACTOR_SYSTEM && rv_str_eq(op->actor.id, h->row.system);
		*ret = is_self || rv_str_eq(op->actor.id, h->row.requester);
		return RV_OK;
	}
	RV_TRY(rv_actor_rights(op, &rights, err));
	if ((rights & (RV_RIGHT_GOVERNOR | RV_RIGHT_AUDITOR | RV_RIGHT_RESPONDER)) ||
		rv_is_person(op, h->row.owner) || rv_is_person(op, h->row.on_behalf_of))
		return RV_OK;
	return is_voter(op, h, ret, err);
}

enum rv_code rv_hold_get(
	struct rv_op *op, struct rv_str id, struct rv_hold *ret, struct rv_err *err)
{
	bool ok;
	RV_TRY(load(op, id, ret, err));
	RV_TRY(may_see(op, ret, &ok, err));
	return ok ? RV_OK : RV_FAIL(err, RV_ENOENT, "no approval '%.*s'", RV_FMT(id));
}

enum rv_code rv_hold_list(struct rv_op *op, struct rv_str state, int64_t limit,
	struct rv_hold **ret, size_t *ret_n, struct rv_err *err)
{
	struct rv_db_approval *rows;
	size_t n, k = 0;
	struct rv_query q = { .is_ordered = true,
		.is_descending = true,
		.order_offset = offsetof(struct rv_db_approval, created_ns),
		.limit = 10 * LIST_MAX };
	if (state.n > 0)
		q.where[q.n_where++] = RV_Q_STR(approval, state, RV_CMP_EQ, state);
	RV_TRY(rv_db_approval_list(op->txn, op->arena, &q, &rows, &n, err));
	if (limit <= 0 || limit > LIST_MAX)
		limit = LIST_MAX;
	struct rv_hold *out = rv_arena_array(op->arena, (size_t)limit + 1, sizeof *out);
	if (!out)
		return RV_FAIL_ARENA(err);
	for (size_t i = 0; i < n && k < (size_t)limit; i++) {
		bool ok;
		out[k] = (struct rv_hold){ .row = rows[i] };
		RV_TRY(fill(op, &out[k], err));
		RV_TRY(expire(op, &out[k], err));
		RV_TRY(may_see(op, &out[k], &ok, err));
		k += ok && (state.n == 0 || rv_str_eq(out[k].row.state, state));
	}
	*ret = out;
	*ret_n = k;
	return RV_OK;
}

enum rv_code rv_hold_args(
	struct rv_op *op, struct rv_str id, struct rv_str *ret_json, struct rv_err *err)
{
	struct rv_hold h;
	struct rv_seal_key key;
	RV_AUTO_BUF clear;
	rv_buf_init(&clear, ARGS_SEALED_MAX);
	RV_TRY(rv_hold_get(op, id, &h, err));
	RV_TRY(rv_seal_key_load(op, h.row.system, &key, err));
	enum rv_code code = rv_unseal(&key, h.row.args, h.row.id, &clear, err);
	explicit_bzero(&key, sizeof key);
	RV_TRY(code);
	RV_TRY(event(op, RV_EV_ACCESS, &h, RV_STR("{\"what\":\"arguments\"}"), err));
	return rv_op_buf(op, &clear, ret_json, err);
}

/* ---- deciding ---- */

/* Whoever changed the rules since the request was made may not decide it. */
static enum rv_code edited_since(
	struct rv_op *op, const struct rv_hold *h, bool *ret, struct rv_err *err)
{
	struct rv_db_policy_version *policies;
	struct rv_db_system_version *versions;
	size_t n;
	const struct rv_query by_author = {
		.where = { RV_Q_STR(policy_version, author, RV_CMP_EQ, op->actor.id),
			RV_Q_INT(policy_version, created_ns, RV_CMP_GE, h->row.created_ns) },
		.n_where = 2
	};
	const struct rv_query of_system = {
		.where = { RV_Q_STR(system_version, system, RV_CMP_EQ, h->row.system),
			RV_Q_STR(system_version, author, RV_CMP_EQ, op->actor.id),
			RV_Q_INT(system_version, created_ns, RV_CMP_GE, h->row.created_ns) },
		.n_where = 3
	};
	RV_TRY(rv_db_policy_version_list(op->txn, op->arena, &by_author, &policies, &n, err));
	*ret = n > 0;
	RV_TRY(rv_db_system_version_list(op->txn, op->arena, &of_system, &versions, &n, err));
	*ret |= n > 0;
	return RV_OK;
}

static enum rv_code check_voter(struct rv_op *op, const struct rv_hold *h, struct rv_err *err)
{
	bool edited, counts = false, owner_only = false;
	if (op->actor.type != RV_ACTOR_PERSON)
		return RV_FAIL(err, RV_EPERM,
			"only a person approves; '%.*s' is a machine account (%s)",
			RV_FMT(op->actor.id), rv_actor_type_name(op->actor.type));
	RV_TRY(rv_need(op, RV_RIGHT_APPROVER, err));
	if (rv_is_person(op, h->row.on_behalf_of))
		return RV_FAIL(err, RV_EPERM, "it is done on your behalf: somebody else decides");
	for (size_t i = 0; i < h->n_waives && !counts; i++) {
		RV_TRY(counts_for(op, h, &h->waives[i], op->actor.id, &counts, err));
		owner_only |= rv_is_person(op, h->row.owner) && !h->waives[i].owner_may;
	}
	if (!counts && owner_only)
		return RV_FAIL(err, RV_EPERM,
			"the owner of '%.*s' does not approve what it does: somebody else decides",
			RV_FMT(h->row.system));
	if (!counts)
		return RV_FAIL(err, RV_EPERM,
			"you are not in a group that may decide this, or were not when it was "
			"asked");
	RV_TRY(edited_since(op, h, &edited, err));
	if (edited)
		return RV_FAIL(err, RV_EPERM,
			"you changed a policy or this system's profile since it was asked: "
			"somebody else decides");
	return RV_OK;
}

static enum rv_code check_open(const struct rv_hold *h, struct rv_str digest, struct rv_err *err)
{
	if (!is_state(h, "pending"))
		return RV_FAIL(err, RV_ECONFLICT, "approval '%.*s' is %.*s", RV_FMT(h->row.id),
			RV_FMT(h->row.state));
	if (digest.n > 0 && !rv_str_eq(digest, h->row.digest))
		return RV_FAIL(err, RV_ECONFLICT,
			"you looked at %.*s, but it is %.*s: look again before you decide",
			RV_FMT(digest), RV_FMT(h->row.digest));
	return RV_OK;
}

enum rv_code rv_hold_vote(struct rv_op *op, struct rv_str id, struct rv_str digest, bool approve,
	struct rv_str reason, struct rv_hold *ret, struct rv_err *err)
{
	struct rv_str detail;
	RV_TRY(rv_hold_get(op, id, ret, err));
	RV_TRY(check_voter(op, ret, err));
	RV_TRY(check_open(ret, digest, err));
	for (size_t i = 0; i < ret->n_votes; i++)
		if (rv_str_eq(ret->votes[i].person, op->actor.id))
			return RV_FAIL(err, RV_ECONFLICT, "you have voted on this already");
	const struct rv_db_vote v = { .approval = id,
		.person = op->actor.id,
		.vote = approve ? RV_STR("approve") : RV_STR("deny"),
		.reason = reason,
		.session = op->actor.session,
		.at_ns = op->now_ns,
		.groups_json = RV_STR("[]") };
	RV_TRY(rv_db_vote_insert(op->txn, &v, err));
	RV_TRY(fill(op, ret, err));
	RV_TRY(rv_detail(op, &detail, err, "vote", v.vote, "reason", reason, NULL));
	RV_TRY(event(op, RV_EV_APPROVAL_VOTED, ret, detail, err));
	if (!approve)
		return set_state(op, ret, "denied", RV_EV_APPROVAL_DENIED, reason, err);
	if (ret->missing > 0)
		return RV_OK;
	int64_t life = ret->n_waives > 0 ? ret->waives[0].expires_ns : RV_NS_PER_S;
	for (size_t i = 1; i < ret->n_waives; i++)
		if (ret->waives[i].expires_ns < life)
			life = ret->waives[i].expires_ns;
	ret->row.use_until_ns = op->now_ns + life;
	return set_state(op, ret, "approved", RV_EV_APPROVAL_APPROVED, reason, err);
}

enum rv_code rv_hold_refused(
	struct rv_op *op, struct rv_str id, struct rv_str why, struct rv_err *err)
{
	struct rv_hold h;
	struct rv_str detail;
	RV_TRY(load(op, id, &h, err));
	RV_TRY(rv_detail(op, &detail, err, "reason", why, NULL));
	return event(op, RV_EV_APPROVAL_REFUSED, &h, detail, err);
}

enum rv_code rv_hold_withdraw(
	struct rv_op *op, struct rv_str id, struct rv_str reason, struct rv_err *err)
{
	struct rv_hold h;
	RV_TRY(rv_hold_get(op, id, &h, err));
	if (op->actor.type == RV_ACTOR_PERSON && !rv_is_person(op, h.row.owner))
		RV_TRY(rv_need(op, RV_RIGHT_GOVERNOR | RV_RIGHT_RESPONDER, err));
	if (!is_state(&h, "pending") && !is_state(&h, "approved"))
		return RV_FAIL(err, RV_ECONFLICT, "approval '%.*s' is %.*s", RV_FMT(id),
			RV_FMT(h.row.state));
	return set_state(op, &h, "withdrawn", RV_EV_APPROVAL_WITHDRAWN, reason, err);
}

static enum rv_code end_open(struct rv_op *op, const struct rv_query *base, const char *state,
	enum rv_event_kind kind, struct rv_str why, struct rv_err *err)
{
	static const char *const open_states[] = { "pending", "approved" };
	for (size_t s = 0; s < RV_COUNT(open_states); s++) {
		struct rv_db_approval *rows;
		size_t n;
		struct rv_query q = *base;
		q.where[q.n_where++] =
			RV_Q_STR(approval, state, RV_CMP_EQ, rv_str_of(open_states[s]));
		RV_TRY(rv_db_approval_list(op->txn, op->arena, &q, &rows, &n, err));
		for (size_t i = 0; i < n; i++) {
			struct rv_hold h = { .row = rows[i] };
			RV_TRY(set_state(op, &h, state, kind, why, err));
		}
	}
	return RV_OK;
}

enum rv_code rv_hold_withdraw_all(
	struct rv_op *op, struct rv_str system, struct rv_str why, struct rv_err *err)
{
	const struct rv_query q = { .where = { RV_Q_STR(approval, system, RV_CMP_EQ, system) },
		.n_where = 1 };
	return end_open(op, &q, "withdrawn", RV_EV_APPROVAL_WITHDRAWN, why, err);
}

enum rv_code rv_hold_stale_resource(
	struct rv_op *op, struct rv_str type, struct rv_str id, struct rv_err *err)
{
	const struct rv_query q = { .where = { RV_Q_STR(approval, resource_type, RV_CMP_EQ, type),
					    RV_Q_STR(approval, resource_id, RV_CMP_EQ, id) },
		.n_where = 2 };
	return end_open(op, &q, "stale", RV_EV_APPROVAL_STALE, RV_STR("its target changed"), err);
}

/* ---- using ---- */

static enum rv_use use_of(const struct rv_hold *h)
{
	static const struct {
		const char *state;
		enum rv_use use;
	} uses[] = { { "pending", RV_USE_PENDING }, { "approved", RV_USE_OK },
		{ "denied", RV_USE_DENIED }, { "expired", RV_USE_EXPIRED },
		{ "consumed", RV_USE_USED }, { "stale", RV_USE_STALE },
		{ "withdrawn", RV_USE_STALE } };
	for (size_t i = 0; i < RV_COUNT(uses); i++)
		if (is_state(h, uses[i].state))
			return uses[i].use;
	return RV_USE_NONE;
}

enum rv_code rv_hold_find(struct rv_op *op, struct rv_str id, struct rv_str system,
	struct rv_str digest, const struct rv_waive *need, size_t n_need, enum rv_use *ret_use,
	struct rv_hold *ret, struct rv_err *err)
{
	bool found = true;
	*ret_use = RV_USE_NONE;
	if (id.n > 0) {
		struct rv_err e = { 0 };
		enum rv_code code = load(op, id, ret, &e);
		if (code != RV_OK && code != RV_ENOENT)
			return RV_FAIL(err, code, "%s", e.msg);
		found = code == RV_OK && rv_str_eq(ret->row.system, system);
	} else {
		RV_TRY(find_open(op, system, digest, ret, &found, err));
	}
	if (!found)
		return RV_OK;
	*ret_use = use_of(ret);
	if (!rv_str_eq(ret->row.digest, digest)) {
		*ret_use = RV_USE_MISMATCH;
		return RV_OK;
	}
	if (*ret_use != RV_USE_OK && *ret_use != RV_USE_PENDING)
		return RV_OK;
	/* The stricter of then and now: other forbids, a higher quorum, or voters who are voters no
	 * more. */
	if (!covers(ret, need, n_need) || (*ret_use == RV_USE_OK && ret->missing > 0)) {
		*ret_use = RV_USE_STALE;
		return set_state(op, ret, "stale", RV_EV_APPROVAL_STALE,
			RV_STR("the policies or the voters changed"), err);
	}
	return RV_OK;
}

enum rv_code rv_hold_consume(struct rv_op *op, struct rv_str id, struct rv_str digest,
	const struct rv_waive *need, size_t n_need, struct rv_hold *ret, struct rv_err *err)
{
	enum rv_use use;
	struct rv_hold h;
	RV_TRY(load(op, id, &h, err));
	RV_TRY(rv_hold_find(op, id, h.row.system, digest, need, n_need, &use, ret, err));
	if (use != RV_USE_OK)
		return RV_FAIL(err, RV_ECONFLICT, "approval '%.*s' is %.*s", RV_FMT(id),
			RV_FMT(ret->row.state));
	ret->row.consumed_ns = op->now_ns;
	return set_state(op, ret, "consumed", RV_EV_APPROVAL_CONSUMED, RV_STR(""), err);
}

enum rv_code rv_hold_sweep(struct rv_op *op, int64_t *ret_n, struct rv_err *err)
{
	static const char *const open_states[] = { "pending", "approved" };
	*ret_n = 0;
	for (size_t s = 0; s < RV_COUNT(open_states); s++) {
		struct rv_db_approval *rows;
		size_t n;
		RV_TRY(rv_db_approval_list(op->txn, op->arena,
			RV_Q_BY(approval, state, rv_str_of(open_states[s])), &rows, &n, err));
		for (size_t i = 0; i < n; i++) {
			struct rv_hold h = { .row = rows[i] };
			RV_TRY(expire(op, &h, err));
			*ret_n += rv_str_eqz(h.row.state, "expired");
		}
	}
	return RV_OK;
}
