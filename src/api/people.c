/* People, sessions, manifests, policies and changes that wait. */
#include <stdio.h>

#include "api/api_int.h"

enum { SOURCES_MAX = 1000 };

enum rv_code rv_api_logout(struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	RV_TRY(rv_session_close(c->op, c->op->actor.session, err));
	rv_json_w_kv_bool(w, "ended", true);
	return RV_OK;
}

static void put_person(struct rv_json_w *w, const struct rv_snap_person *p)
{
	char rights[80];
	rv_json_w_kv_str(w, "name", p->name);
	rv_api_kv(w, "display", p->display);
	rv_api_kv(w, "email", p->email);
	rv_json_w_kv_strz(w, "rights", rv_rights_text(p->rights, rights));
	rv_json_w_kv_bool(w, "active", p->active);
	rv_api_kv_list(w, "groups", p->groups, p->n_groups);
	rv_api_kv_list(w, "teams", p->teams, p->n_teams);
}

/* Whether a system may act now, for points that hold its sessions. */
static void put_standing(struct rv_api_call *c, struct rv_json_w *w)
{
	const struct rv_snapshot *snap = rv_snapshot_get(c->op->gov);
	const struct rv_snap_system *s = rv_snap_system(snap, c->op->actor.id);
	const char *why = s ? rv_snap_refusal(snap, s, c->op->now_ns) : "unregistered";
	rv_json_w_kv_bool(w, "may_act", why == NULL);
	if (why)
		rv_json_w_kv_strz(w, "code", why);
	rv_snapshot_unref(snap);
}

enum rv_code rv_api_whoami(struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	const struct rv_actor *a = &c->op->actor;
	rv_json_w_kv_strz(w, "type", rv_actor_type_name(a->type));
	if (a->type != RV_ACTOR_PERSON) {
		rv_json_w_kv_str(w, "name", a->id);
		if (a->type == RV_ACTOR_SYSTEM)
			put_standing(c, w);
		return RV_OK;
	}
	const struct rv_snapshot *snap = rv_snapshot_get(c->op->gov);
	const struct rv_snap_person *p = rv_snap_person(snap, a->id);
	if (p)
		put_person(w, p);
	rv_snapshot_unref(snap);
	return p ? RV_OK : RV_FAIL(err, RV_ENOENT, "person '%.*s' is gone", RV_FMT(a->id));
}

enum rv_code rv_api_people(struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	struct rv_db_person *rows;
	size_t n;
	RV_TRY(rv_need(c->op,
		RV_RIGHT_ADMIN | RV_RIGHT_GOVERNOR | RV_RIGHT_OWNER | RV_RIGHT_AUDITOR |
			RV_RIGHT_RESPONDER,
		err));
	RV_TRY(rv_db_person_list(c->op->txn, c->arena, RV_Q_ALL, &rows, &n, err));
	const struct rv_snapshot *snap = rv_snapshot_get(c->op->gov);
	rv_json_w_name(w, "people");
	rv_json_w_arr(w);
	for (size_t i = 0; i < n; i++) {
		const struct rv_snap_person *p = rv_snap_person(snap, rows[i].name);
		if (!p)
			continue;
		rv_json_w_obj(w);
		put_person(w, p);
		rv_json_w_kv_bool(w, "can_log_in", rows[i].password.n > 0);
		rv_json_w_obj_end(w);
	}
	rv_json_w_arr_end(w);
	rv_snapshot_unref(snap);
	return RV_OK;
}

enum rv_code rv_api_invite(struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	struct rv_str token;
	RV_TRY(rv_person_invite(c->op, c->param[0], &token, err));
	rv_json_w_kv_str(w, "person", c->param[0]);
	rv_json_w_kv_str(w, "token", token);
	return RV_OK;
}

enum rv_code rv_api_person_disable(struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	struct rv_str reason;
	RV_TRY(rv_api_reason(c, &reason, err));
	RV_TRY(rv_person_disable(c->op, c->param[0], reason, err));
	rv_json_w_kv_bool(w, "disabled", true);
	return RV_OK;
}

/* ---- apply ------------------------------------------------------------------------------------
 */

static enum rv_code read_sources(struct rv_api_call *c, const struct rv_json *list,
	struct rv_source **ret, size_t *ret_n, struct rv_err *err)
{
	if (list->n_items > SOURCES_MAX)
		return RV_FAIL(err, RV_ELIMIT, "sources: %zu files are more than the %d allowed",
			list->n_items, SOURCES_MAX);
	struct rv_source *s = rv_arena_array(c->arena, list->n_items + 1, sizeof *s);
	if (!s)
		return RV_FAIL_ARENA(err);
	for (size_t i = 0; i < list->n_items; i++) {
		struct rv_json_obj o;
		struct rv_str path;
		RV_TRY(rv_json_obj_open(&o, list->items[i], "sources", err));
		RV_TRY(rv_json_need_str(&o, "path", &path, err));
		RV_TRY(rv_json_need_str(&o, "text", &s[i].text, err));
		RV_TRY(rv_json_obj_close(&o, err));
		s[i].path = rv_arena_str(c->arena, path).p;
		if (!s[i].path)
			return RV_FAIL_ARENA(err);
	}
	*ret = s;
	*ret_n = list->n_items;
	return RV_OK;
}

static void put_warnings(struct rv_json_w *w, const struct rv_apply_item *it)
{
	if (it->n_warnings == 0)
		return;
	rv_json_w_name(w, "warnings");
	rv_json_w_arr(w);
	for (size_t i = 0; i < it->n_warnings; i++)
		rv_json_w_str(w, it->warnings[i]);
	rv_json_w_arr_end(w);
}

void rv_api_put_fields(struct rv_json_w *w, const struct rv_apply_field *fields, size_t n)
{
	rv_json_w_name(w, "fields");
	rv_json_w_arr(w);
	for (size_t i = 0; i < n; i++) {
		const struct rv_apply_field *f = &fields[i];
		rv_json_w_obj(w);
		rv_json_w_kv_str(w, "path", f->path);
		rv_api_kv_json(w, "from", f->from);
		rv_api_kv_json(w, "to", f->to);
		if (f->widens)
			rv_json_w_kv_bool(w, "widens", true);
		rv_json_w_obj_end(w);
	}
	rv_json_w_arr_end(w);
}

static void put_apply_item(struct rv_json_w *w, const struct rv_apply_item *it)
{
	static const char *const words[] = { [RV_APPLY_UNCHANGED] = "unchanged",
		[RV_APPLY_CREATED] = "created",
		[RV_APPLY_CHANGED] = "changed",
		[RV_APPLY_PENDING] = "pending" };
	rv_json_w_obj(w);
	rv_json_w_kv_strz(w, "kind", rv_kind_name(it->kind));
	rv_json_w_kv_str(w, "name", it->name);
	rv_json_w_kv_strz(w, "result", words[it->result]);
	rv_api_kv(w, "change", it->change);
	if (it->unseparated)
		rv_json_w_kv_bool(w, "unseparated", true);
	put_warnings(w, it);
	if (it->n_fields > 0)
		rv_api_put_fields(w, it->fields, it->n_fields);
	rv_json_w_obj_end(w);
}

enum rv_code rv_api_apply(struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	struct rv_json_obj o;
	const struct rv_json *list;
	struct rv_apply_opts opts = { .dry_run = false };
	RV_TRY(rv_api_body(c, &o, err));
	RV_TRY(rv_json_need(&o, "sources", RV_JSON_ARR, &list, err));
	RV_TRY(rv_json_opt_bool(&o, "dry_run", &opts.dry_run, err));
	RV_TRY(rv_json_opt_bool(&o, "submit", &opts.submit, err));
	RV_TRY(rv_json_obj_close(&o, err));
	struct rv_source *sources;
	size_t n;
	struct rv_manifest_set set;
	struct rv_apply_report report;
	RV_TRY(read_sources(c, list, &sources, &n, err));
	RV_TRY(rv_manifest_read(c->arena, sources, n, &set, err));
	RV_TRY(rv_apply(c->op, &set, &opts, &report, err));
	rv_json_w_kv_bool(w, "dry_run", opts.dry_run);
	rv_json_w_kv_i64(w, "created", (int64_t)report.n_created);
	rv_json_w_kv_i64(w, "changed", (int64_t)report.n_changed);
	rv_json_w_kv_i64(w, "unchanged", (int64_t)report.n_unchanged);
	rv_json_w_kv_i64(w, "pending", (int64_t)report.n_pending);
	rv_json_w_name(w, "items");
	rv_json_w_arr(w);
	for (size_t i = 0; i < report.n; i++)
		put_apply_item(w, &report.items[i]);
	rv_json_w_arr_end(w);
	return RV_OK;
}

/* ---- policies ---------------------------------------------------------------------------------
 */

static void put_policy(struct rv_json_w *w, const struct rv_db_policy_version *v, bool with_text)
{
	rv_json_w_kv_str(w, "name", v->policy);
	rv_json_w_kv_i64(w, "version", v->version);
	rv_api_kv(w, "state", v->state);
	rv_api_kv(w, "digest", v->digest);
	rv_api_kv(w, "author", v->author);
	rv_api_kv_time(w, "created", v->created_ns);
	rv_api_kv(w, "decided_by", v->decided_by);
	rv_api_kv_time(w, "decided", v->decided_ns);
	rv_api_kv_time(w, "unseparated_until", v->unseparated_until_ns);
	if (with_text)
		rv_json_w_kv_str(w, "text", v->text);
}

enum rv_code rv_api_policies(struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	struct rv_db_policy_version *rows;
	size_t n;
	RV_TRY(rv_policy_list(c->op, &rows, &n, err));
	rv_json_w_name(w, "policies");
	rv_json_w_arr(w);
	for (size_t i = 0; i < n; i++) {
		rv_json_w_obj(w);
		put_policy(w, &rows[i], false);
		rv_json_w_obj_end(w);
	}
	rv_json_w_arr_end(w);
	return RV_OK;
}

enum rv_code rv_api_policy(struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	struct rv_db_policy_version v;
	int64_t version = 0;
	RV_TRY(rv_api_query_i64(c, "version", 1, INT32_MAX, &version, err));
	RV_TRY(rv_policy_get(c->op, c->param[0], version, &v, err));
	put_policy(w, &v, true);
	return RV_OK;
}

enum rv_code rv_api_policy_history(struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	struct rv_db_policy_version *rows;
	size_t n;
	RV_TRY(rv_policy_history(c->op, c->param[0], &rows, &n, err));
	rv_json_w_kv_str(w, "name", c->param[0]);
	rv_json_w_name(w, "versions");
	rv_json_w_arr(w);
	for (size_t i = n; i-- > 0;) {
		rv_json_w_obj(w);
		put_policy(w, &rows[i], false);
		rv_api_kv(w, "reason", rows[i].reason);
		rv_json_w_obj_end(w);
	}
	rv_json_w_arr_end(w);
	return RV_OK;
}

enum rv_code rv_api_policy_remove(struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	struct rv_str change = { NULL, 0 };
	RV_TRY(rv_policy_remove(c->op, c->param[0], &change, err));
	rv_api_kv(w, "change", change);
	rv_json_w_kv_bool(w, "removed", change.n == 0);
	return RV_OK;
}

/* ---- changes that wait -------------------------------------------------------------------------
 */

enum rv_code rv_api_changes(struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	struct rv_db_change *rows;
	size_t n;
	RV_TRY(rv_change_list(c->op, true, &rows, &n, err));
	rv_json_w_name(w, "changes");
	rv_json_w_arr(w);
	for (size_t i = 0; i < n; i++) {
		rv_json_w_obj(w);
		rv_json_w_kv_str(w, "id", rows[i].id);
		rv_api_kv(w, "kind", rows[i].kind);
		rv_api_kv(w, "name", rows[i].name);
		rv_api_kv(w, "state", rows[i].state);
		rv_api_kv(w, "author", rows[i].author);
		rv_api_kv_time(w, "created", rows[i].created_ns);
		rv_api_kv(w, "widens", rows[i].widens);
		rv_json_w_obj_end(w);
	}
	rv_json_w_arr_end(w);
	return RV_OK;
}

static enum rv_code decide_change(
	struct rv_api_call *c, bool approve, struct rv_json_w *w, struct rv_err *err)
{
	struct rv_str reason;
	RV_TRY(rv_api_reason(c, &reason, err));
	RV_TRY(rv_change_decide(c->op, c->param[0], approve, reason, err));
	rv_json_w_kv_strz(w, "state", approve ? "approved" : "rejected");
	return RV_OK;
}

enum rv_code rv_api_change_approve(struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	return decide_change(c, true, w, err);
}

enum rv_code rv_api_change_reject(struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	return decide_change(c, false, w, err);
}

enum rv_code rv_api_change_withdraw(struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	RV_TRY(rv_change_withdraw(c->op, c->param[0], err));
	rv_json_w_kv_strz(w, "state", "withdrawn");
	return RV_OK;
}
