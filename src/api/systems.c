/* The registry: systems, their life and credentials. */
#include "api/api_int.h"

static void put_system(struct rv_json_w *w, const struct rv_db_system *s)
{
	rv_json_w_kv_str(w, "name", s->name);
	rv_api_kv(w, "class", s->class);
	rv_api_kv(w, "state", s->state);
	if (s->frozen)
		rv_json_w_kv_bool(w, "frozen", true);
	rv_api_kv(w, "owner", s->owner);
	rv_api_kv(w, "deputy", s->deputy);
	rv_api_kv(w, "role", s->role);
	rv_api_kv(w, "team", s->team);
	rv_api_kv(w, "parent", s->parent);
	rv_api_kv(w, "environment", s->environment);
	rv_api_kv(w, "risk", s->risk);
	if (s->labels_json.n > 2)
		rv_api_kv_json(w, "labels", s->labels_json);
	rv_json_w_kv_i64(w, "version", s->version);
	if (s->pending)
		rv_json_w_kv_i64(w, "pending_version", s->pending);
	if (s->observe)
		rv_json_w_kv_bool(w, "observe", true);
	rv_api_kv_time(w, "created", s->created_ns);
	rv_api_kv(w, "created_by", s->created_by);
	rv_api_kv_time(w, "submitted", s->submitted_ns);
	rv_api_kv(w, "submitted_by", s->submitted_by);
	rv_api_kv_time(w, "approved", s->approved_ns);
	rv_api_kv(w, "approved_by", s->approved_by);
	rv_api_kv_time(w, "unseparated_until", s->unseparated_until_ns);
	rv_api_kv_time(w, "suspended", s->suspended_ns);
	rv_api_kv(w, "suspended_by", s->suspended_by);
	rv_api_kv(w, "suspend_reason", s->suspend_reason);
}

/* ?label=a,b: all of them. */
static enum rv_code has_labels(struct rv_api_call *c, const struct rv_db_system *s,
	struct rv_str want, bool *ret, struct rv_err *err)
{
	const struct rv_json *labels;
	struct rv_str one;
	*ret = true;
	RV_TRY(rv_json_parse(c->arena, s->labels_json.n > 0 ? s->labels_json : RV_STR("[]"), NULL,
		&labels, err));
	while (*ret && rv_str_split(&want, ',', &one)) {
		bool found = false;
		for (size_t i = 0; i < labels->n_items && !found; i++)
			found = rv_str_eq(labels->items[i]->str, one);
		*ret = found;
	}
	return RV_OK;
}

/* Does it fit what the query selects? */
static enum rv_code is_selected(
	struct rv_api_call *c, const struct rv_db_system *s, bool *ret, struct rv_err *err)
{
	const struct {
		const char *name;
		struct rv_str value;
	} plain[] = { { "owner", s->owner }, { "role", s->role }, { "team", s->team },
		{ "class", s->class }, { "state", s->frozen ? RV_STR("frozen") : s->state } };
	struct rv_str labels = rv_api_query(c, "label");
	*ret = true;
	for (size_t i = 0; i < RV_COUNT(plain); i++) {
		struct rv_str want = rv_api_query(c, plain[i].name);
		if (want.p && !rv_str_eq(want, plain[i].value))
			*ret = false;
	}
	return *ret && labels.p ? has_labels(c, s, labels, ret, err) : RV_OK;
}

enum rv_code rv_api_systems(struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	struct rv_db_system *rows;
	size_t n;
	RV_TRY(rv_system_list(c->op, &rows, &n, err));
	rv_json_w_name(w, "systems");
	rv_json_w_arr(w);
	for (size_t i = 0; i < n; i++) {
		bool is;
		RV_TRY(is_selected(c, &rows[i], &is, err));
		if (!is)
			continue;
		rv_json_w_obj(w);
		put_system(w, &rows[i]);
		rv_json_w_obj_end(w);
	}
	rv_json_w_arr_end(w);
	return RV_OK;
}

static enum rv_code put_versions(struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	struct rv_db_system_version *rows;
	size_t n;
	RV_TRY(rv_system_history(c->op, c->param[0], &rows, &n, err));
	rv_json_w_name(w, "versions");
	rv_json_w_arr(w);
	for (size_t i = 0; i < n; i++) {
		rv_json_w_obj(w);
		rv_json_w_kv_i64(w, "version", rows[i].version);
		rv_api_kv(w, "state", rows[i].state);
		rv_api_kv(w, "digest", rows[i].digest);
		rv_api_kv(w, "author", rows[i].author);
		rv_api_kv_time(w, "created", rows[i].created_ns);
		rv_api_kv(w, "submitted_by", rows[i].submitted_by);
		rv_api_kv(w, "decided_by", rows[i].decided_by);
		rv_api_kv_time(w, "decided", rows[i].decided_ns);
		rv_api_kv(w, "reason", rows[i].reason);
		rv_json_w_obj_end(w);
	}
	rv_json_w_arr_end(w);
	return RV_OK;
}

static enum rv_code put_credentials(struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	struct rv_db_credential *rows;
	size_t n;
	RV_TRY(rv_credential_list(c->op, c->param[0], &rows, &n, err));
	rv_json_w_name(w, "credentials");
	rv_json_w_arr(w);
	for (size_t i = 0; i < n; i++) {
		rv_json_w_obj(w);
		rv_json_w_kv_str(w, "id", rows[i].id);
		rv_api_kv(w, "label", rows[i].label);
		rv_api_kv(w, "issued_by", rows[i].issued_by);
		rv_api_kv_time(w, "issued", rows[i].issued_ns);
		rv_api_kv_time(w, "expires", rows[i].expires_ns);
		rv_api_kv_time(w, "last_use", rows[i].last_use_ns);
		rv_api_kv_time(w, "revoked", rows[i].revoked_ns);
		rv_json_w_obj_end(w);
	}
	rv_json_w_arr_end(w);
	return RV_OK;
}

static enum rv_code put_gaps(
	struct rv_api_call *c, struct rv_str system, struct rv_json_w *w, struct rv_err *err)
{
	struct rv_gap *gaps;
	size_t n;
	RV_TRY(rv_gaps(c->op, system, &gaps, &n, err));
	rv_json_w_name(w, "gaps");
	rv_json_w_arr(w);
	for (size_t i = 0; i < n; i++) {
		rv_json_w_obj(w);
		rv_json_w_kv_str(w, "system", gaps[i].system);
		rv_json_w_kv_str(w, "control", gaps[i].control);
		rv_json_w_kv_str(w, "command", gaps[i].command);
		rv_json_w_obj_end(w);
	}
	rv_json_w_arr_end(w);
	return RV_OK;
}

enum rv_code rv_api_gaps(struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	return put_gaps(c, RV_STR(""), w, err);
}

enum rv_code rv_api_system(struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	struct rv_db_system s;
	struct rv_db_system_version v;
	RV_TRY(rv_system_get(c->op, c->param[0], &s, &v, err));
	put_system(w, &s);
	rv_api_kv_json(w, "profile", v.body);
	RV_TRY(put_versions(c, w, err));
	RV_TRY(put_credentials(c, w, err));
	return put_gaps(c, c->param[0], w, err);
}

/* The answer to every step: the system as it is now. */
static enum rv_code answer_state(struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	struct rv_db_system s;
	RV_TRY(rv_system_get(c->op, c->param[0], &s, NULL, err));
	put_system(w, &s);
	return RV_OK;
}

enum rv_code rv_api_system_submit(struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	RV_TRY(rv_system_submit(c->op, c->param[0], err));
	return answer_state(c, w, err);
}

enum rv_code rv_api_system_withdraw(struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	RV_TRY(rv_system_withdraw(c->op, c->param[0], err));
	return answer_state(c, w, err);
}

static enum rv_code version_and_reason(
	struct rv_api_call *c, int64_t *version, struct rv_str *reason, struct rv_err *err)
{
	struct rv_json_obj o;
	*version = 0;
	*reason = RV_STR("");
	RV_TRY(rv_api_body(c, &o, err));
	RV_TRY(rv_json_opt_i64(&o, "version", 1, INT32_MAX, version, err));
	RV_TRY(rv_json_opt_str(&o, "reason", reason, err));
	return rv_json_obj_close(&o, err);
}

enum rv_code rv_api_system_approve(struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	int64_t version;
	struct rv_str reason;
	RV_TRY(version_and_reason(c, &version, &reason, err));
	RV_TRY(rv_system_approve(c->op, c->param[0], version, reason, err));
	return answer_state(c, w, err);
}

enum rv_code rv_api_system_reject(struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	int64_t version;
	struct rv_str reason;
	RV_TRY(version_and_reason(c, &version, &reason, err));
	RV_TRY(rv_system_reject(c->op, c->param[0], version, reason, err));
	return answer_state(c, w, err);
}

enum rv_code rv_api_system_activate(struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	RV_TRY(rv_system_activate(c->op, c->param[0], err));
	return answer_state(c, w, err);
}

enum rv_code rv_api_system_suspend(struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	struct rv_str reason;
	RV_TRY(rv_api_reason(c, &reason, err));
	RV_TRY(rv_system_suspend(c->op, c->param[0], reason, err));
	return answer_state(c, w, err);
}

enum rv_code rv_api_system_resume(struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	struct rv_str reason;
	RV_TRY(rv_api_reason(c, &reason, err));
	RV_TRY(rv_system_resume(c->op, c->param[0], reason, err));
	return answer_state(c, w, err);
}

enum rv_code rv_api_system_offboard(struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	struct rv_str reason;
	RV_TRY(rv_api_reason(c, &reason, err));
	RV_TRY(rv_system_offboard(c->op, c->param[0], reason, err));
	return answer_state(c, w, err);
}

enum rv_code rv_api_system_retire(struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	struct rv_json_obj o;
	bool destroy_key = false;
	RV_TRY(rv_api_body(c, &o, err));
	RV_TRY(rv_json_opt_bool(&o, "destroy_key", &destroy_key, err));
	RV_TRY(rv_json_obj_close(&o, err));
	RV_TRY(rv_system_retire(c->op, c->param[0], destroy_key, err));
	return answer_state(c, w, err);
}

/* {"label":"…","ttl":"30d"}; both credentials and points take the same. */
static enum rv_code issue(struct rv_api_call *c, enum rv_credential_kind kind, struct rv_json_w *w,
	struct rv_err *err)
{
	struct rv_json_obj o;
	struct rv_str label = RV_STR(""), ttl = { NULL, 0 };
	int64_t ttl_ns;
	RV_TRY(rv_api_body(c, &o, err));
	RV_TRY(rv_json_opt_str(&o, "label", &label, err));
	RV_TRY(rv_json_need_str(&o, "ttl", &ttl, err));
	RV_TRY(rv_json_obj_close(&o, err));
	if (!rv_duration_parse(ttl, &ttl_ns))
		return RV_FAIL(err, RV_EINVAL,
			"ttl: '%.*s' is not a duration such as '30d' or '12h'", RV_FMT(ttl));
	struct rv_issued issued;
	RV_TRY(rv_credential_issue(c->op, kind, c->param[0], label, ttl_ns, &issued, err));
	rv_json_w_kv_str(w, "id", issued.id);
	rv_json_w_kv_str(w, "token", issued.token);
	rv_api_kv_time(w, "expires", issued.expires_ns);
	return RV_OK;
}

enum rv_code rv_api_system_credential(
	struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	return issue(c, RV_CRED_SYSTEM, w, err);
}

enum rv_code rv_api_point_credential(struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	return issue(c, RV_CRED_POINT, w, err);
}

enum rv_code rv_api_credential_revoke(
	struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	struct rv_str reason;
	RV_TRY(rv_api_reason(c, &reason, err));
	RV_TRY(rv_credential_revoke(c->op, c->param[0], reason, err));
	rv_json_w_kv_bool(w, "revoked", true);
	return RV_OK;
}

static enum rv_code selector(
	struct rv_api_call *c, struct rv_selector *sel, struct rv_str *reason, struct rv_err *err)
{
	struct rv_json_obj o;
	*sel = (struct rv_selector){ .all = false };
	*reason = RV_STR("");
	RV_TRY(rv_api_body(c, &o, err));
	RV_TRY(rv_json_opt_str(&o, "name", &sel->name, err));
	RV_TRY(rv_json_opt_str(&o, "role", &sel->role, err));
	RV_TRY(rv_json_opt_str(&o, "owner", &sel->owner, err));
	RV_TRY(rv_json_opt_bool(&o, "all", &sel->all, err));
	RV_TRY(rv_json_opt_str(&o, "reason", reason, err));
	RV_TRY(rv_json_obj_close(&o, err));
	int given = (sel->name.n > 0) + (sel->role.n > 0) + (sel->owner.n > 0) + sel->all;
	if (given != 1)
		return RV_FAIL(err, RV_EINVAL, "name exactly one of name, role, owner or all");
	return RV_OK;
}

enum rv_code rv_api_freeze(struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	struct rv_selector sel;
	struct rv_str reason;
	int64_t n;
	RV_TRY(selector(c, &sel, &reason, err));
	RV_TRY(rv_freeze(c->op, &sel, reason, &n, err));
	rv_json_w_kv_i64(w, "frozen", n);
	return RV_OK;
}

enum rv_code rv_api_thaw(struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	struct rv_selector sel;
	struct rv_str reason;
	int64_t n;
	RV_TRY(selector(c, &sel, &reason, err));
	RV_TRY(rv_thaw(c->op, &sel, reason, &n, err));
	rv_json_w_kv_i64(w, "thawed", n);
	return RV_OK;
}
