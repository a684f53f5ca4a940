/* The registry and the life of AI systems (SEMANTICS 2). */
#include <stdio.h>

#include "governance/class.h"

static enum rv_code load(
	struct rv_op *op, struct rv_str name, struct rv_db_system *ret, struct rv_err *err)
{
	struct rv_err e = { 0 };
	*ret = (struct rv_db_system){ .name = name };
	enum rv_code code = rv_db_system_get(op->txn, op->arena, ret, &e);
	if (code == RV_ENOENT)
		return RV_FAIL(err, RV_ENOENT, "no AI system '%.*s'", RV_FMT(name));
	return code == RV_OK ? RV_OK : RV_FAIL(err, code, "%s", e.msg);
}

static bool is_state(const struct rv_db_system *s, const char *state)
{
	return rv_str_eqz(s->state, state);
}

static enum rv_code load_version(struct rv_op *op, const struct rv_db_system *s, int64_t version,
	struct rv_db_system_version *ret, struct rv_err *err)
{
	*ret = (struct rv_db_system_version){ .system = s->name, .version = version };
	return rv_db_system_version_get(op->txn, op->arena, ret, err);
}

/* The version that is looked at: in force, else the newest. */
static int64_t version_of(const struct rv_db_system *s)
{
	return s->version > 0 ? s->version : s->pending;
}

static enum rv_code event(struct rv_op *op, enum rv_event_kind kind, const struct rv_db_system *s,
	int64_t version, struct rv_str reason, bool unseparated, struct rv_err *err)
{
	char text[24];
	struct rv_str detail;
	snprintf(text, sizeof text, "%lld", (long long)version);
	RV_TRY(rv_detail(op, &detail, err, "version", rv_str_of(text), "reason", reason, "state",
		s->state, "unseparated", unseparated ? RV_STR("true") : RV_STR(""), NULL));
	const struct rv_event ev = {
		.kind = kind, .system = s->name, .owner = s->owner, .detail_json = detail
	};
	return rv_op_event(op, &ev, RV_STR(""), NULL, err);
}

static enum rv_code save(struct rv_op *op, struct rv_db_system *s, struct rv_err *err)
{
	s->changed_ns = op->now_ns;
	RV_TRY(rv_db_system_update(op->txn, s, err));
	return rv_touch(op, RV_PART_SYSTEM, s->name, (struct rv_str){ 0 }, err);
}

/* ---- reading ---- */

static enum rv_code may_see(
	struct rv_op *op, const struct rv_db_system *s, bool *ret, struct rv_err *err)
{
	int64_t rights;
	struct rv_db_team_member *teams;
	size_t n;
	*ret = true;
	if (op->actor.type == RV_ACTOR_SERVICE || rv_is_person(op, s->owner) ||
		rv_is_person(op, s->deputy) || rv_is_person(op, s->created_by))
		return RV_OK;
	RV_TRY(rv_actor_rights(op, &rights, err));
	if (rights & (RV_RIGHT_ADMIN | RV_RIGHT_GOVERNOR | RV_RIGHT_AUDITOR | RV_RIGHT_RESPONDER))
		return RV_OK;
	*ret = false;
	if (s->team.n == 0)
		return RV_OK;
	RV_TRY(rv_db_team_member_list(
		op->txn, op->arena, RV_Q_BY(team_member, team, s->team), &teams, &n, err));
	for (size_t i = 0; i < n && !*ret; i++)
		*ret = rv_is_person(op, teams[i].person);
	return RV_OK;
}

enum rv_code rv_system_list(
	struct rv_op *op, struct rv_db_system **ret, size_t *ret_n, struct rv_err *err)
{
	struct rv_db_system *rows;
	size_t n, k = 0;
	RV_TRY(rv_db_system_list(op->txn, op->arena, RV_Q_ALL, &rows, &n, err));
	for (size_t i = 0; i < n; i++) {
		bool ok;
		RV_TRY(may_see(op, &rows[i], &ok, err));
		if (ok)
			rows[k++] = rows[i];
	}
	*ret = rows;
	*ret_n = k;
	return RV_OK;
}

enum rv_code rv_system_get(struct rv_op *op, struct rv_str name, struct rv_db_system *ret,
	struct rv_db_system_version *ret_version, struct rv_err *err)
{
	bool ok;
	RV_TRY(load(op, name, ret, err));
	RV_TRY(may_see(op, ret, &ok, err));
	if (!ok)
		return RV_FAIL(err, RV_ENOENT, "no AI system '%.*s'", RV_FMT(name));
	return ret_version ? load_version(op, ret, version_of(ret), ret_version, err) : RV_OK;
}

enum rv_code rv_system_history(struct rv_op *op, struct rv_str name,
	struct rv_db_system_version **ret, size_t *ret_n, struct rv_err *err)
{
	struct rv_db_system s;
	RV_TRY(rv_system_get(op, name, &s, NULL, err));
	return rv_db_system_version_list(
		op->txn, op->arena, RV_Q_BY(system_version, system, name), ret, ret_n, err);
}

enum rv_code rv_gaps(struct rv_op *op, struct rv_str name, struct rv_gap **ret, size_t *ret_n,
	struct rv_err *err)
{
	struct rv_db_system *rows, one;
	struct rv_gaps_list l = { .n = 0 };
	size_t n = 1;
	if (name.n > 0) {
		RV_TRY(rv_system_get(op, name, &one, NULL, err));
		rows = &one;
	} else {
		RV_TRY(rv_system_list(op, &rows, &n, err));
	}
	for (size_t i = 0; i < n; i++) {
		struct rv_db_system_version v;
		const struct rv_json *spec;
		if (is_state(&rows[i], "retired") || is_state(&rows[i], "rejected"))
			continue;
		RV_TRY(load_version(op, &rows[i], version_of(&rows[i]), &v, err));
		RV_TRY(rv_op_json(op, v.body, &spec, err));
		RV_TRY(rv_class_gaps(op, rows[i].name, spec, &l, err));
	}
	*ret = l.items;
	*ret_n = l.n;
	return RV_OK;
}

/* ---- registering ---- */

/* What can give more power when it changes. */
static bool widens(const struct rv_json *old, const struct rv_json *now)
{
	static const char *const powers[] = { "class", "dimensions", "role", "team", "owner",
		"environment", "risk", "labels", "parent", "limits", "observe", "usage_policy" };
	for (size_t i = 0; i < RV_COUNT(powers); i++)
		if (!rv_json_eq(rv_json_get(old, powers[i]), rv_json_get(now, powers[i])))
			return true;
	const struct rv_json *before = rv_json_get(old, "access"),
			     *after = rv_json_get(now, "access");
	for (size_t i = 0; rv_json_is(after, RV_JSON_ARR) && i < after->n_items; i++) {
		bool had = false;
		for (size_t k = 0; rv_json_is(before, RV_JSON_ARR) && k < before->n_items && !had;
			k++)
			had = rv_json_eq(before->items[k], after->items[i]);
		if (!had)
			return true;
	}
	return false;
}

/* The columns that mirror the version in force. */
static enum rv_code mirror(
	struct rv_op *op, struct rv_db_system *s, const struct rv_json *spec, struct rv_err *err)
{
	const struct rv_json *labels = rv_json_get(spec, "labels");
	const struct rv_json *observe = rv_json_get(spec, "observe");
	RV_AUTO_BUF b;
	struct rv_json_w w;
	rv_buf_init(&b, 1 << 16);
	rv_json_w_init(&w, &b);
	if (rv_json_is(labels, RV_JSON_ARR))
		rv_json_w_value(&w, labels);
	else
		rv_buf_addz(&b, "[]");
	s->owner = rv_spec_str(spec, "owner");
	s->deputy = rv_spec_str(spec, "deputy");
	s->class = rv_spec_str(spec, "class");
	s->role = rv_spec_str(spec, "role");
	s->team = rv_spec_str(spec, "team");
	s->parent = rv_spec_str(spec, "parent");
	s->environment = rv_spec_str(spec, "environment");
	s->risk = rv_spec_str(spec, "risk");
	s->observe = rv_json_is(observe, RV_JSON_BOOL) && observe->boolean;
	/* What is not said is NULL, for the foreign keys. */
	struct rv_str *const optional[] = { &s->deputy, &s->role, &s->team, &s->parent };
	for (size_t i = 0; i < RV_COUNT(optional); i++)
		if (optional[i]->n == 0)
			*optional[i] = (struct rv_str){ 0 };
	return rv_op_buf(op, &b, &s->labels_json, err);
}

static enum rv_code check_parent(
	struct rv_op *op, struct rv_str name, const struct rv_json *spec, struct rv_err *err)
{
	struct rv_str at = rv_spec_str(spec, "parent");
	for (int depth = 1; at.n > 0; depth++) {
		struct rv_db_system p;
		if (rv_str_eq(at, name))
			return RV_FAIL(err, RV_EINVAL, "parent: '%.*s' would be its own ancestor",
				RV_FMT(name));
		if (depth >= RV_PARENT_DEPTH_MAX)
			return RV_FAIL(err, RV_EINVAL, "parent: sub-agents nest at most %d deep",
				RV_PARENT_DEPTH_MAX);
		RV_TRY(load(op, at, &p, err));
		at = p.parent;
	}
	return RV_OK;
}

static enum rv_code may_register(struct rv_op *op, const struct rv_json *spec, struct rv_err *err)
{
	int64_t rights;
	RV_TRY(rv_actor_rights(op, &rights, err));
	if (rights & RV_RIGHT_GOVERNOR)
		return RV_OK;
	if ((rights & RV_RIGHT_OWNER) && rv_is_person(op, rv_spec_str(spec, "owner")))
		return RV_OK;
	return RV_FAIL(err, RV_EPERM,
		"registering needs the right 'governor', or 'owner' for a system of your own");
}

static enum rv_code add_version(struct rv_op *op, struct rv_db_system *s, int64_t version,
	const char *state, struct rv_str body, struct rv_err *err)
{
	struct rv_db_system_version v = { .system = s->name,
		.version = version,
		.state = rv_str_of(state),
		.body = body,
		.author = op->actor.id,
		.created_ns = op->now_ns };
	RV_TRY(rv_op_digest(op, body, &v.digest, err));
	return rv_db_system_version_insert(op->txn, &v, err);
}

static enum rv_code register_new(struct rv_op *op, struct rv_str name, const struct rv_json *spec,
	struct rv_str body, struct rv_err *err)
{
	struct rv_db_system s = { .name = name,
		.state = RV_STR_INIT("draft"),
		.pending = 1,
		.created_ns = op->now_ns,
		.created_by = op->actor.id };
	RV_TRY(mirror(op, &s, spec, err));
	s.changed_ns = op->now_ns;
	RV_TRY(rv_db_system_insert(op->txn, &s, err));
	RV_TRY(add_version(op, &s, 1, "draft", body, err));
	RV_TRY(rv_seal_key_make(op, name, err));
	RV_TRY(rv_touch(op, RV_PART_SYSTEM, name, (struct rv_str){ 0 }, err));
	return event(op, RV_EV_REGISTRY_CREATED, &s, 1, RV_STR(""), false, err);
}

static enum rv_code newest_version(
	struct rv_op *op, struct rv_str name, int64_t *ret, struct rv_err *err)
{
	struct rv_db_system_version *rows;
	size_t n;
	const struct rv_query q = { .where = { RV_Q_STR(system_version, system, RV_CMP_EQ, name) },
		.n_where = 1,
		.is_ordered = true,
		.is_descending = true,
		.order_offset = offsetof(struct rv_db_system_version, version),
		.limit = 1 };
	RV_TRY(rv_db_system_version_list(op->txn, op->arena, &q, &rows, &n, err));
	*ret = n > 0 ? rows[0].version : 0;
	return RV_OK;
}

static enum rv_code register_change(struct rv_op *op, struct rv_db_system *s,
	const struct rv_json *spec, struct rv_str body, struct rv_apply_item *item,
	struct rv_err *err)
{
	struct rv_db_system_version v;
	const struct rv_json *old;
	int64_t newest;
	if (is_state(s, "retired") || is_state(s, "offboarding") || is_state(s, "rejected"))
		return RV_FAIL(err, RV_ECONFLICT, "'%.*s' is %.*s; its name is never used again",
			RV_FMT(s->name), RV_FMT(s->state));
	int64_t current = s->pending > 0 ? s->pending : s->version;
	RV_TRY(load_version(op, s, current, &v, err));
	if (rv_str_eq(v.body, body)) {
		item->result = RV_APPLY_UNCHANGED;
		return RV_OK;
	}
	if (is_state(s, "submitted"))
		return RV_FAIL(err, RV_ECONFLICT,
			"'%.*s' is submitted and frozen; withdraw it first (reeve system withdraw "
			"%.*s)",
			RV_FMT(s->name), RV_FMT(s->name));
	RV_TRY(newest_version(op, s->name, &newest, err));
	if (is_state(s, "draft")) {
		RV_TRY(add_version(op, s, newest + 1, "draft", body, err));
		s->pending = newest + 1;
		RV_TRY(mirror(op, s, spec, err));
		RV_TRY(save(op, s, err));
		item->result = RV_APPLY_CHANGED;
		return event(op, RV_EV_REGISTRY_CHANGED, s, newest + 1, RV_STR(""), false, err);
	}
	RV_TRY(load_version(op, s, s->version, &v, err));
	RV_TRY(rv_op_json(op, v.body, &old, err));
	bool widening = widens(old, spec);
	RV_TRY(add_version(op, s, newest + 1, widening ? "submitted" : "approved", body, err));
	if (widening) {
		s->pending = newest + 1;
		RV_TRY(save(op, s, err));
		item->result = RV_APPLY_PENDING;
		const char *text = rv_arena_printf(op->arena, "v%lld", (long long)(newest + 1));
		item->change = rv_str_of(text ? text : "");
		return event(op, RV_EV_REGISTRY_PROPOSED, s, newest + 1, RV_STR(""), false, err);
	}
	s->version = newest + 1;
	RV_TRY(rv_system_limits_sync(op, s->name, spec, err));
	RV_TRY(mirror(op, s, spec, err));
	RV_TRY(save(op, s, err));
	item->result = RV_APPLY_CHANGED;
	return event(op, RV_EV_REGISTRY_CHANGED, s, newest + 1, RV_STR(""), false, err);
}

enum rv_code rv_system_register(struct rv_op *op, struct rv_str name, const struct rv_json *spec,
	struct rv_str body, bool submit, struct rv_apply_item *item, struct rv_err *err)
{
	struct rv_db_system s;
	struct rv_err e = { 0 };
	RV_TRY(rv_need_slug(name, "system", err));
	RV_TRY(may_register(op, spec, err));
	RV_TRY(rv_class_check(spec, err));
	RV_TRY(check_parent(op, name, spec, err));
	enum rv_code code = load(op, name, &s, &e);
	if (code == RV_ENOENT) {
		RV_TRY(register_new(op, name, spec, body, err));
		item->result = RV_APPLY_CREATED;
	} else if (code != RV_OK) {
		return RV_FAIL(err, code, "%s", e.msg);
	} else {
		RV_TRY(register_change(op, &s, spec, body, item, err));
	}
	RV_TRY(load(op, name, &s, err));
	return submit && is_state(&s, "draft") ? rv_system_submit(op, name, err) : RV_OK;
}

/* ---- life ---- */

static enum rv_code need_state(const struct rv_db_system *s, const char *a, const char *b,
	const char *c, const char *verb, struct rv_err *err)
{
	if (is_state(s, a) || (b && is_state(s, b)) || (c && is_state(s, c)))
		return RV_OK;
	return RV_FAIL(err, RV_ECONFLICT, "'%.*s' is %.*s: it cannot be %s", RV_FMT(s->name),
		RV_FMT(s->state), verb);
}

enum rv_code rv_system_submit(struct rv_op *op, struct rv_str name, struct rv_err *err)
{
	struct rv_db_system s;
	struct rv_db_system_version v;
	RV_TRY(load(op, name, &s, err));
	if (!rv_is_person(op, s.owner) && !rv_is_person(op, s.created_by))
		RV_TRY(rv_need(op, RV_RIGHT_GOVERNOR, err));
	RV_TRY(need_state(&s, "draft", NULL, NULL, "submitted", err));
	RV_TRY(load_version(op, &s, s.pending, &v, err));
	v.state = RV_STR("submitted");
	v.submitted_by = s.submitted_by = op->actor.id;
	v.submitted_ns = s.submitted_ns = op->now_ns;
	RV_TRY(rv_db_system_version_update(op->txn, &v, err));
	s.state = RV_STR("submitted");
	RV_TRY(save(op, &s, err));
	return event(op, RV_EV_LIFECYCLE_SUBMITTED, &s, s.pending, RV_STR(""), false, err);
}

enum rv_code rv_system_withdraw(struct rv_op *op, struct rv_str name, struct rv_err *err)
{
	struct rv_db_system s;
	struct rv_db_system_version v;
	RV_TRY(load(op, name, &s, err));
	if (!rv_is_person(op, s.submitted_by))
		RV_TRY(rv_need(op, RV_RIGHT_GOVERNOR, err));
	if (s.pending == 0)
		return RV_FAIL(err, RV_ECONFLICT, "nothing of '%.*s' waits", RV_FMT(name));
	int64_t version = s.pending;
	RV_TRY(load_version(op, &s, version, &v, err));
	bool is_first = is_state(&s, "submitted");
	v.state = is_first ? RV_STR("draft") : RV_STR("superseded");
	RV_TRY(rv_db_system_version_update(op->txn, &v, err));
	if (is_first)
		s.state = RV_STR("draft");
	else
		s.pending = 0;
	RV_TRY(save(op, &s, err));
	return event(op, RV_EV_LIFECYCLE_WITHDRAWN, &s, version, RV_STR(""), false, err);
}

/* Two people: not the owner, not who wrote or submitted it; alone only in bootstrap, and then it
 * shows. */
static enum rv_code separated(struct rv_op *op, const struct rv_db_system *s,
	const struct rv_db_system_version *v, const struct rv_json *spec, bool *ret_unseparated,
	struct rv_err *err)
{
	struct rv_bootstrap boot;
	const char *why = NULL;
	RV_TRY(rv_need(op, RV_RIGHT_GOVERNOR, err));
	if (rv_is_person(op, rv_spec_str(spec, "owner")) || rv_is_person(op, s->owner))
		why = "its owner";
	else if (rv_is_person(op, v->author))
		why = "who wrote it";
	else if (rv_is_person(op, v->submitted_by))
		why = "who submitted it";
	*ret_unseparated = why != NULL;
	if (!why)
		return RV_OK;
	RV_TRY(rv_bootstrap_state(op, &boot, err));
	if (boot.may_self_approve)
		return RV_OK;
	return RV_FAIL(err, RV_EPERM, "you are %s: another governor approves '%.*s'", why,
		RV_FMT(s->name));
}

static enum rv_code pending_version(struct rv_op *op, struct rv_db_system *s, int64_t version,
	struct rv_db_system_version *ret, struct rv_err *err)
{
	if (s->pending == 0 || is_state(s, "draft"))
		return RV_FAIL(
			err, RV_ECONFLICT, "nothing of '%.*s' waits for approval", RV_FMT(s->name));
	if (version > 0 && version != s->pending)
		return RV_FAIL(err, RV_ECONFLICT, "version %lld waits, not %lld: look again",
			(long long)s->pending, (long long)version);
	return load_version(op, s, s->pending, ret, err);
}

enum rv_code rv_system_approve(struct rv_op *op, struct rv_str name, int64_t version,
	struct rv_str note, struct rv_err *err)
{
	struct rv_db_system s;
	struct rv_db_system_version v, old;
	const struct rv_json *spec;
	bool unseparated;
	RV_TRY(load(op, name, &s, err));
	RV_TRY(pending_version(op, &s, version, &v, err));
	RV_TRY(rv_op_json(op, v.body, &spec, err));
	RV_TRY(separated(op, &s, &v, spec, &unseparated, err));
	if (s.version > 0) {
		RV_TRY(load_version(op, &s, s.version, &old, err));
		old.state = RV_STR("superseded");
		RV_TRY(rv_db_system_version_update(op->txn, &old, err));
	}
	v.state = RV_STR("approved");
	v.decided_by = op->actor.id;
	v.decided_ns = op->now_ns;
	v.reason = note;
	RV_TRY(rv_db_system_version_update(op->txn, &v, err));
	if (is_state(&s, "submitted"))
		s.state = RV_STR("approved");
	s.version = v.version;
	s.pending = 0;
	s.approved_by = op->actor.id;
	s.approved_ns = op->now_ns;
	s.unseparated_until_ns = unseparated ? op->now_ns + RV_UNSEPARATED_NS : 0;
	RV_TRY(mirror(op, &s, spec, err));
	RV_TRY(rv_system_limits_sync(op, name, spec, err));
	RV_TRY(save(op, &s, err));
	return event(op, RV_EV_LIFECYCLE_APPROVED, &s, v.version, note, unseparated, err);
}

enum rv_code rv_system_reject(struct rv_op *op, struct rv_str name, int64_t version,
	struct rv_str reason, struct rv_err *err)
{
	struct rv_db_system s;
	struct rv_db_system_version v;
	RV_TRY(rv_need(op, RV_RIGHT_GOVERNOR, err));
	RV_TRY(load(op, name, &s, err));
	RV_TRY(pending_version(op, &s, version, &v, err));
	v.state = RV_STR("rejected");
	v.decided_by = op->actor.id;
	v.decided_ns = op->now_ns;
	v.reason = reason;
	RV_TRY(rv_db_system_version_update(op->txn, &v, err));
	if (is_state(&s, "submitted"))
		s.state = RV_STR("rejected");
	else
		s.pending = 0;
	RV_TRY(save(op, &s, err));
	return event(op, RV_EV_LIFECYCLE_REJECTED, &s, v.version, reason, false, err);
}

enum rv_code rv_system_activate(struct rv_op *op, struct rv_str name, struct rv_err *err)
{
	struct rv_db_system s;
	struct rv_gap *gaps;
	size_t n;
	RV_TRY(load(op, name, &s, err));
	if (!rv_is_person(op, s.owner))
		RV_TRY(rv_need(op, RV_RIGHT_GOVERNOR, err));
	RV_TRY(need_state(&s, "approved", NULL, NULL, "activated", err));
	RV_TRY(rv_gaps(op, name, &gaps, &n, err));
	if (n > 0)
		return RV_FAIL(err, RV_ECONFLICT,
			"'%.*s' lacks what its class needs: %.*s%s; to close it: %.*s",
			RV_FMT(name), RV_FMT(gaps[0].control),
			n > 1 ? " and more (reeve gaps)" : "", RV_FMT(gaps[0].command));
	s.state = RV_STR("active");
	RV_TRY(save(op, &s, err));
	return event(op, RV_EV_LIFECYCLE_ACTIVATED, &s, s.version, RV_STR(""), false, err);
}

static enum rv_code may_stop(struct rv_op *op, const struct rv_db_system *s, struct rv_err *err)
{
	if (rv_is_person(op, s->owner) || rv_is_person(op, s->deputy))
		return RV_OK;
	return rv_need(op, RV_RIGHT_RESPONDER | RV_RIGHT_GOVERNOR | RV_RIGHT_ADMIN, err);
}

enum rv_code rv_system_suspend(
	struct rv_op *op, struct rv_str name, struct rv_str reason, struct rv_err *err)
{
	struct rv_db_system s;
	RV_TRY(load(op, name, &s, err));
	RV_TRY(may_stop(op, &s, err));
	RV_TRY(need_state(&s, "active", "approved", NULL, "suspended", err));
	RV_TRY(rv_stop_note(op, name, reason, false, err));
	s.state = RV_STR("suspended");
	s.suspended_ns = op->now_ns;
	s.suspended_by = op->actor.id;
	s.suspend_reason = reason;
	RV_TRY(save(op, &s, err));
	return event(op, RV_EV_LIFECYCLE_SUSPENDED, &s, s.version, reason, false, err);
}

enum rv_code rv_system_resume(
	struct rv_op *op, struct rv_str name, struct rv_str reason, struct rv_err *err)
{
	struct rv_db_system s;
	RV_TRY(rv_need(op, RV_RIGHT_RESPONDER | RV_RIGHT_GOVERNOR, err));
	RV_TRY(load(op, name, &s, err));
	RV_TRY(need_state(&s, "suspended", NULL, NULL, "resumed", err));
	if (rv_is_person(op, s.suspended_by) || rv_is_person(op, s.owner))
		return RV_FAIL(err, RV_EPERM, "coming back needs another person than %s",
			rv_is_person(op, s.owner) ? "the owner" : "the one who stopped it");
	s.state = RV_STR("active");
	s.suspended_ns = 0;
	s.suspended_by = s.suspend_reason = (struct rv_str){ 0 };
	RV_TRY(save(op, &s, err));
	return event(op, RV_EV_LIFECYCLE_RESUMED, &s, s.version, reason, false, err);
}

enum rv_code rv_system_offboard(
	struct rv_op *op, struct rv_str name, struct rv_str reason, struct rv_err *err)
{
	struct rv_db_system s;
	RV_TRY(load(op, name, &s, err));
	if (!rv_is_person(op, s.owner))
		RV_TRY(rv_need(op, RV_RIGHT_GOVERNOR | RV_RIGHT_ADMIN, err));
	RV_TRY(need_state(&s, "approved", "active", "suspended", "offboarded", err));
	RV_TRY(rv_stop_note(op, name, reason, false, err));
	s.state = RV_STR("offboarding");
	RV_TRY(save(op, &s, err));
	RV_TRY(event(op, RV_EV_LIFECYCLE_OFFBOARDING, &s, s.version, reason, false, err));
	RV_TRY(rv_credentials_revoke_all(
		op, RV_CRED_SYSTEM, name, RV_STR(""), RV_STR("offboarding"), err));
	return rv_hold_withdraw_all(op, name, RV_STR("offboarding"), err);
}

enum rv_code rv_system_retire(
	struct rv_op *op, struct rv_str name, bool destroy_key, struct rv_err *err)
{
	struct rv_db_system s;
	RV_TRY(rv_need(op, RV_RIGHT_GOVERNOR | RV_RIGHT_ADMIN, err));
	RV_TRY(load(op, name, &s, err));
	RV_TRY(need_state(&s, "offboarding", NULL, NULL, "retired", err));
	s.state = RV_STR("retired");
	RV_TRY(save(op, &s, err));
	RV_TRY(event(op, RV_EV_LIFECYCLE_RETIRED, &s, s.version, RV_STR(""), false, err));
	return destroy_key ? rv_seal_key_destroy(op, name, err) : RV_OK;
}

/* ---- freeze and thaw ---- */

static bool is_selected(const struct rv_selector *sel, const struct rv_db_system *s)
{
	if (sel->all)
		return true;
	if (sel->name.n > 0)
		return rv_str_eq(sel->name, s->name);
	if (sel->role.n > 0)
		return rv_str_eq(sel->role, s->role);
	return sel->owner.n > 0 && rv_str_eq(sel->owner, s->owner);
}

enum rv_code rv_freeze(struct rv_op *op, const struct rv_selector *sel, struct rv_str reason,
	int64_t *ret_n, struct rv_err *err)
{
	struct rv_db_system *rows;
	size_t n;
	*ret_n = 0;
	RV_TRY(rv_db_system_list(op->txn, op->arena, RV_Q_ALL, &rows, &n, err));
	for (size_t i = 0; i < n; i++) {
		if (rows[i].frozen || !is_selected(sel, &rows[i]))
			continue;
		RV_TRY(may_stop(op, &rows[i], err));
		RV_TRY(rv_stop_note(op, rows[i].name, reason, true, err));
		rows[i].frozen = 1;
		rows[i].frozen_by = op->actor.id;
		RV_TRY(save(op, &rows[i], err));
		RV_TRY(event(
			op, RV_EV_LIFECYCLE_FROZEN, &rows[i], rows[i].version, reason, false, err));
		++*ret_n;
	}
	return *ret_n > 0 ? RV_OK : RV_FAIL(err, RV_ENOENT, "nothing there that is not frozen yet");
}

enum rv_code rv_thaw(struct rv_op *op, const struct rv_selector *sel, struct rv_str reason,
	int64_t *ret_n, struct rv_err *err)
{
	struct rv_db_system *rows;
	size_t n;
	*ret_n = 0;
	RV_TRY(rv_need(op, RV_RIGHT_RESPONDER | RV_RIGHT_GOVERNOR, err));
	RV_TRY(rv_db_system_list(op->txn, op->arena, RV_Q_ALL, &rows, &n, err));
	for (size_t i = 0; i < n; i++) {
		if (!rows[i].frozen || !is_selected(sel, &rows[i]))
			continue;
		if (rv_is_person(op, rows[i].frozen_by))
			return RV_FAIL(err, RV_EPERM,
				"thawing '%.*s' needs another person than the one who froze it",
				RV_FMT(rows[i].name));
		rows[i].frozen = 0;
		rows[i].frozen_by = (struct rv_str){ 0 };
		RV_TRY(save(op, &rows[i], err));
		RV_TRY(event(
			op, RV_EV_LIFECYCLE_THAWED, &rows[i], rows[i].version, reason, false, err));
		++*ret_n;
	}
	return *ret_n > 0 ? RV_OK : RV_FAIL(err, RV_ENOENT, "nothing there is frozen");
}
