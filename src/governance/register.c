/* Registering AI systems: drafts, and new versions of what runs. What narrows applies at once, what
 * widens waits. */
#include <stdio.h>

#include "governance/spec_int.h"
#include "governance/system_int.h"

/* The columns that mirror the version in force. */
enum rv_code rv_sys_mirror(
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
		RV_TRY(rv_sys_load(op, at, &p, err));
		at = p.parent;
	}
	return RV_OK;
}

/* owner: who answers for it now; empty when it is new. */
static enum rv_code may_register(
	struct rv_op *op, const struct rv_json *spec, struct rv_str owner, struct rv_err *err)
{
	int64_t rights;
	RV_TRY(rv_actor_rights(op, &rights, err));
	if (rights & RV_RIGHT_GOVERNOR)
		return RV_OK;
	if ((rights & RV_RIGHT_OWNER) && rv_is_person(op, rv_spec_str(spec, "owner")) &&
		(owner.n == 0 || rv_is_person(op, owner)))
		return RV_OK;
	return RV_FAIL(err, RV_EPERM,
		"registering needs the right 'governor', or 'owner' for a system of your own");
}

static enum rv_code need_active(
	struct rv_op *op, const struct rv_json *spec, const char *field, struct rv_err *err)
{
	struct rv_str name = rv_spec_str(spec, field);
	struct rv_db_person p;
	if (name.n == 0)
		return RV_OK;
	RV_TRY(rv_person_row(op, name, &p, err));
	return p.active
		? RV_OK
		: RV_FAIL(err, RV_EINVAL, "%s: '%.*s' is no longer active", field, RV_FMT(name));
}

/* Whom and what the spec names must be there. */
static enum rv_code check_names(struct rv_op *op, const struct rv_json *spec, struct rv_err *err)
{
	struct rv_db_role role = { .name = rv_spec_str(spec, "role") };
	struct rv_db_team team = { .name = rv_spec_str(spec, "team") };
	RV_TRY(need_active(op, spec, "owner", err));
	RV_TRY(need_active(op, spec, "deputy", err));
	RV_TRY(need_active(op, spec, "output_reviewer", err));
	if (role.name.n > 0 && rv_db_role_get(op->txn, op->arena, &role, NULL) != RV_OK)
		return RV_FAIL(err, RV_EINVAL, "role: there is no role '%.*s'", RV_FMT(role.name));
	if (team.name.n > 0 && rv_db_team_get(op->txn, op->arena, &team, NULL) != RV_OK)
		return RV_FAIL(err, RV_EINVAL, "team: there is no team '%.*s'", RV_FMT(team.name));
	return RV_OK;
}

static enum rv_code add_version(struct rv_op *op, struct rv_db_system *s, int64_t version,
	const char *state, struct rv_str body, struct rv_str widens, struct rv_err *err)
{
	struct rv_db_system_version v = { .system = s->name,
		.version = version,
		.state = rv_str_of(state),
		.body = body,
		.author = op->actor.id,
		.created_ns = op->now_ns,
		.widens = widens };
	bool is_draft = strcmp(state, "draft") == 0;
	if (!is_draft) {
		v.submitted_by = op->actor.id;
		v.submitted_ns = op->now_ns;
	}
	if (strcmp(state, "approved") == 0) { /* it narrows: one person is enough */
		v.decided_by = op->actor.id;
		v.decided_ns = op->now_ns;
	}
	RV_TRY(rv_op_digest(op, body, &v.digest, err));
	return rv_db_system_version_insert(op->txn, &v, err);
}

static enum rv_code supersede(
	struct rv_op *op, const struct rv_db_system *s, int64_t version, struct rv_err *err)
{
	struct rv_db_system_version v;
	if (version == 0)
		return RV_OK;
	RV_TRY(rv_sys_version(op, s, version, &v, err));
	v.state = RV_STR("superseded");
	return rv_db_system_version_update(op->txn, &v, err);
}

static enum rv_code register_new(struct rv_op *op, struct rv_str name, const struct rv_json *spec,
	struct rv_str body, struct rv_err *err)
{
	struct rv_db_system s = { .name = name,
		.state = RV_STR_INIT("draft"),
		.pending = 1,
		.created_ns = op->now_ns,
		.created_by = op->actor.id };
	RV_TRY(rv_sys_mirror(op, &s, spec, err));
	s.changed_ns = op->now_ns;
	RV_TRY(rv_db_system_insert(op->txn, &s, err));
	RV_TRY(add_version(op, &s, 1, "draft", body, (struct rv_str){ 0 }, err));
	RV_TRY(rv_seal_key_make(op, name, err));
	RV_TRY(rv_touch(op, RV_PART_SYSTEM, name, (struct rv_str){ 0 }, err));
	return rv_sys_event(op, RV_EV_REGISTRY_CREATED, &s, 1, RV_STR(""), false, err);
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

static enum rv_code diff(struct rv_op *op, const struct rv_db_system_version *old,
	const struct rv_json *spec, struct rv_apply_item *item, bool *ret_widens,
	struct rv_str *ret_names, struct rv_err *err)
{
	const struct rv_json *was;
	struct rv_apply_field *f;
	RV_AUTO_BUF b;
	rv_buf_init(&b, 8192);
	RV_TRY(rv_op_json(op, old->body, &was, err));
	RV_TRY(rv_spec_diff(op, RV_KIND_SYSTEM, was, spec, &f, &item->n_fields, ret_widens, err));
	item->fields = f;
	for (size_t i = 0; i < item->n_fields; i++) {
		if (!f[i].widens)
			continue;
		rv_buf_addz(&b, b.n ? "," : "");
		rv_buf_add(&b, f[i].path);
	}
	return rv_op_buf(op, &b, ret_names, err);
}

/* A draft is nobody's decision yet: it is replaced. */
static enum rv_code change_draft(struct rv_op *op, struct rv_db_system *s, int64_t next,
	const struct rv_json *spec, struct rv_str body, struct rv_apply_item *item,
	struct rv_err *err)
{
	RV_TRY(supersede(op, s, s->pending, err));
	RV_TRY(add_version(op, s, next, "draft", body, (struct rv_str){ 0 }, err));
	s->pending = next;
	RV_TRY(rv_sys_mirror(op, s, spec, err));
	RV_TRY(rv_sys_save(op, s, err));
	item->result = RV_APPLY_CHANGED;
	return rv_sys_event(op, RV_EV_REGISTRY_CHANGED, s, next, RV_STR(""), false, err);
}

/* What was approved changes: at once when it narrows, else as a version that waits. Whatever waited
 * before was proposed against something else and ends. */
static enum rv_code change_approved(struct rv_op *op, struct rv_db_system *s, int64_t next,
	const struct rv_json *spec, struct rv_str body, struct rv_apply_item *item,
	struct rv_err *err)
{
	struct rv_db_system_version v;
	struct rv_str names;
	bool widening;
	RV_TRY(rv_sys_version(op, s, s->version, &v, err));
	RV_TRY(diff(op, &v, spec, item, &widening, &names, err));
	RV_TRY(supersede(op, s, s->pending, err));
	s->pending = 0;
	if (widening) {
		const char *text = rv_arena_printf(op->arena, "v%lld", (long long)next);
		if (!text)
			return RV_FAIL_ARENA(err);
		RV_TRY(add_version(op, s, next, "submitted", body, names, err));
		s->pending = next;
		RV_TRY(rv_sys_save(op, s, err));
		item->result = RV_APPLY_PENDING;
		item->change = rv_str_of(text);
		return rv_sys_event(op, RV_EV_REGISTRY_PROPOSED, s, next, names, false, err);
	}
	item->result = RV_APPLY_CHANGED;
	if (item->n_fields == 0) { /* back to what is in force: only the pending one ends */
		RV_TRY(rv_sys_save(op, s, err));
		return rv_sys_event(
			op, RV_EV_REGISTRY_WITHDRAWN, s, s->version, RV_STR(""), false, err);
	}
	RV_TRY(supersede(op, s, s->version, err));
	RV_TRY(add_version(op, s, next, "approved", body, (struct rv_str){ 0 }, err));
	s->version = next;
	RV_TRY(rv_system_limits_sync(op, s->name, spec, err));
	RV_TRY(rv_sys_mirror(op, s, spec, err));
	RV_TRY(rv_sys_save(op, s, err));
	return rv_sys_event(op, RV_EV_REGISTRY_CHANGED, s, next, RV_STR(""), false, err);
}

static enum rv_code register_change(struct rv_op *op, struct rv_db_system *s,
	const struct rv_json *spec, struct rv_str body, struct rv_apply_item *item,
	struct rv_err *err)
{
	struct rv_db_system_version v;
	int64_t newest;
	bool widens;
	struct rv_str names;
	if (rv_sys_is(s, "retired") || rv_sys_is(s, "offboarding") || rv_sys_is(s, "rejected"))
		return RV_FAIL(err, RV_ECONFLICT, "'%.*s' is %.*s; its name is never used again",
			RV_FMT(s->name), RV_FMT(s->state));
	int64_t current = s->pending > 0 ? s->pending : s->version;
	RV_TRY(rv_sys_version(op, s, current, &v, err));
	if (rv_str_eq(v.body, body)) {
		item->result =
			s->pending > 0 && s->version > 0 ? RV_APPLY_PENDING : RV_APPLY_UNCHANGED;
		return RV_OK;
	}
	if (rv_sys_is(s, "submitted"))
		return RV_FAIL(err, RV_ECONFLICT,
			"'%.*s' is submitted and frozen; withdraw it first (reeve system withdraw "
			"%.*s)",
			RV_FMT(s->name), RV_FMT(s->name));
	RV_TRY(newest_version(op, s->name, &newest, err));
	if (!rv_sys_is(s, "draft"))
		return change_approved(op, s, newest + 1, spec, body, item, err);
	RV_TRY(diff(op, &v, spec, item, &widens, &names, err));
	return change_draft(op, s, newest + 1, spec, body, item, err);
}

enum rv_code rv_system_register(struct rv_op *op, struct rv_str name, const struct rv_json *spec,
	struct rv_str body, bool submit, struct rv_apply_item *item, struct rv_err *err)
{
	struct rv_db_system s;
	struct rv_err e = { 0 };
	RV_TRY(rv_need_slug(name, "system", err));
	enum rv_code code = rv_sys_load(op, name, &s, &e);
	RV_TRY(may_register(op, spec, code == RV_OK ? s.owner : RV_STR(""), err));
	RV_TRY(rv_class_check(spec, err));
	RV_TRY(check_names(op, spec, err));
	RV_TRY(check_parent(op, name, spec, err));
	if (code == RV_ENOENT) {
		RV_TRY(register_new(op, name, spec, body, err));
		item->result = RV_APPLY_CREATED;
	} else if (code != RV_OK) {
		return RV_FAIL(err, code, "%s", e.msg);
	} else {
		RV_TRY(register_change(op, &s, spec, body, item, err));
	}
	RV_TRY(rv_sys_load(op, name, &s, err));
	return submit && rv_sys_is(&s, "draft") ? rv_system_submit(op, name, err) : RV_OK;
}
