/* The registry of AI systems: reading it, and what its classes still miss. */
#include <stdio.h>

#include "governance/system_int.h"

enum rv_code rv_sys_load(
	struct rv_op *op, struct rv_str name, struct rv_db_system *ret, struct rv_err *err)
{
	struct rv_err e = { 0 };
	*ret = (struct rv_db_system){ .name = name };
	enum rv_code code = rv_db_system_get(op->txn, op->arena, ret, &e);
	if (code == RV_ENOENT)
		return RV_FAIL(err, RV_ENOENT, "no AI system '%.*s'", RV_FMT(name));
	return code == RV_OK ? RV_OK : RV_FAIL(err, code, "%s", e.msg);
}

bool rv_sys_is(const struct rv_db_system *s, const char *state)
{
	return rv_str_eqz(s->state, state);
}

enum rv_code rv_sys_version(struct rv_op *op, const struct rv_db_system *s, int64_t version,
	struct rv_db_system_version *ret, struct rv_err *err)
{
	*ret = (struct rv_db_system_version){ .system = s->name, .version = version };
	return rv_db_system_version_get(op->txn, op->arena, ret, err);
}

/* The version that is looked at: in force, else the newest. */
int64_t rv_sys_shown(const struct rv_db_system *s)
{
	return s->version > 0 ? s->version : s->pending;
}

enum rv_code rv_sys_event(struct rv_op *op, enum rv_event_kind kind, const struct rv_db_system *s,
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

enum rv_code rv_sys_save(struct rv_op *op, struct rv_db_system *s, struct rv_err *err)
{
	s->changed_ns = op->now_ns;
	RV_TRY(rv_db_system_update(op->txn, s, err));
	return rv_touch(op, RV_PART_SYSTEM, s->name, (struct rv_str){ 0 }, err);
}

enum rv_code rv_sys_may_stop(struct rv_op *op, const struct rv_db_system *s, struct rv_err *err)
{
	if (rv_is_person(op, s->owner) || rv_is_person(op, s->deputy))
		return RV_OK;
	return rv_need(op, RV_RIGHT_RESPONDER | RV_RIGHT_GOVERNOR | RV_RIGHT_ADMIN, err);
}

enum rv_code rv_sys_may_see(
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
		RV_TRY(rv_sys_may_see(op, &rows[i], &ok, err));
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
	RV_TRY(rv_sys_load(op, name, ret, err));
	RV_TRY(rv_sys_may_see(op, ret, &ok, err));
	if (!ok)
		return RV_FAIL(err, RV_ENOENT, "no AI system '%.*s'", RV_FMT(name));
	return ret_version ? rv_sys_version(op, ret, rv_sys_shown(ret), ret_version, err) : RV_OK;
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
		if (rv_sys_is(&rows[i], "retired") || rv_sys_is(&rows[i], "rejected"))
			continue;
		RV_TRY(rv_sys_version(op, &rows[i], rv_sys_shown(&rows[i]), &v, err));
		RV_TRY(rv_op_json(op, v.body, &spec, err));
		RV_TRY(rv_class_gaps(op, rows[i].name, spec, &l, err));
	}
	*ret = l.items;
	*ret_n = l.n;
	return RV_OK;
}
