/* People and their rights. */
#include "governance/governance_int.h"

enum rv_code rv_person_row(
	struct rv_op *op, struct rv_str name, struct rv_db_person *ret, struct rv_err *err)
{
	*ret = (struct rv_db_person){ .name = name };
	struct rv_err e = { 0 };
	enum rv_code code = rv_db_person_get(op->txn, op->arena, ret, &e);
	if (code == RV_ENOENT)
		return RV_FAIL(err, RV_ENOENT, "no person '%.*s'", RV_FMT(name));
	return code == RV_OK ? RV_OK : RV_FAIL(err, code, "%s", e.msg);
}

enum rv_code rv_actor_rights(struct rv_op *op, int64_t *ret, struct rv_err *err)
{
	*ret = 0;
	if (op->actor.type == RV_ACTOR_SERVICE) {
		*ret = RV_RIGHTS_ALL;
		return RV_OK;
	}
	if (op->actor.type != RV_ACTOR_PERSON)
		return RV_OK;
	struct rv_db_person p;
	struct rv_err e = { 0 };
	enum rv_code code = rv_person_row(op, op->actor.id, &p, &e);
	if (code == RV_ENOENT)
		return RV_OK;
	if (code != RV_OK)
		return RV_FAIL(err, code, "%s", e.msg);
	*ret = p.active ? p.rights : 0;
	return RV_OK;
}

enum rv_code rv_need(struct rv_op *op, int64_t rights_any, struct rv_err *err)
{
	int64_t has;
	char want[80];
	RV_TRY(rv_actor_rights(op, &has, err));
	if (has & rights_any)
		return RV_OK;
	return RV_FAIL(err, RV_EPERM, "%s '%.*s' has none of the rights %s",
		rv_actor_type_name(op->actor.type), RV_FMT(op->actor.id),
		rv_rights_text(rights_any, want));
}

enum rv_code rv_person_in_group(
	struct rv_op *op, struct rv_str person, struct rv_str group, bool *ret, struct rv_err *err)
{
	struct rv_db_grp_member m = { .grp = group, .person = person };
	struct rv_err e = { 0 };
	enum rv_code code = rv_db_grp_member_get(op->txn, op->arena, &m, &e);
	*ret = code == RV_OK;
	return code == RV_OK || code == RV_ENOENT ? RV_OK : RV_FAIL(err, code, "%s", e.msg);
}

static enum rv_code setting_ns(struct rv_op *op, const char *key, int64_t *ret, struct rv_err *err)
{
	struct rv_str v;
	*ret = 0;
	RV_TRY(rv_setting_get(op, key, &v, err));
	if (v.n > 0 && !rv_str_i64(v, ret))
		return RV_FAIL(err, RV_ECORRUPT, "setting '%s' is no number", key);
	return RV_OK;
}

static enum rv_code setting_ns_put(struct rv_op *op, const char *key, int64_t v, struct rv_err *err)
{
	const char *text = rv_arena_printf(op->arena, "%lld", (long long)v);
	if (!text)
		return RV_FAIL_ARENA(err);
	return rv_setting_put(op, key, rv_str_of(text), err);
}

enum rv_code rv_bootstrap_state(struct rv_op *op, struct rv_bootstrap *ret, struct rv_err *err)
{
	int64_t ended;
	*ret = (struct rv_bootstrap){ 0 };
	RV_TRY(setting_ns(op, "bootstrap.since_ns", &ret->since_ns, err));
	RV_TRY(setting_ns(op, "bootstrap.ended_ns", &ended, err));
	ret->is_open = ended == 0;
	ret->until_ns = ret->since_ns ? ret->since_ns + RV_BOOTSTRAP_NS : 0;
	ret->may_self_approve = ret->is_open && ret->since_ns && op->now_ns < ret->until_ns;
	return RV_OK;
}

enum rv_code rv_bootstrap_check(struct rv_op *op, struct rv_err *err)
{
	struct rv_bootstrap b;
	struct rv_db_person *rows;
	size_t n, governors = 0;
	RV_TRY(rv_bootstrap_state(op, &b, err));
	if (!b.is_open)
		return RV_OK;
	RV_TRY(rv_db_person_list(op->txn, op->arena, RV_Q_ALL, &rows, &n, err));
	for (size_t i = 0; i < n; i++)
		governors += rows[i].active && (rows[i].rights & RV_RIGHT_GOVERNOR);
	if (governors < 2)
		return RV_OK;
	RV_TRY(setting_ns_put(op, "bootstrap.ended_ns", op->now_ns, err));
	const struct rv_event ev = { .kind = RV_EV_ADMIN_BOOTSTRAP_ENDED };
	return rv_op_event(op, &ev, (struct rv_str){ 0 }, NULL, err);
}

enum rv_code rv_bootstrap_begin(struct rv_op *op, struct rv_err *err)
{
	return setting_ns_put(op, "bootstrap.since_ns", op->now_ns, err);
}

enum rv_code rv_person_not_last(
	struct rv_op *op, const struct rv_db_person *p, int64_t lost, struct rv_err *err)
{
	static const int64_t needed[] = { RV_RIGHT_ADMIN, RV_RIGHT_GOVERNOR };
	struct rv_db_person *rows;
	size_t n;
	char text[80];
	RV_TRY(rv_db_person_list(op->txn, op->arena, RV_Q_ALL, &rows, &n, err));
	for (size_t k = 0; k < RV_COUNT(needed); k++) {
		bool other = false;
		for (size_t i = 0; i < n; i++)
			other = other ||
				(rows[i].active && (rows[i].rights & needed[k]) &&
					!rv_str_eq(rows[i].name, p->name));
		if ((lost & p->rights & needed[k]) && !other)
			return RV_FAIL(err, RV_ECONFLICT, "'%.*s' is the last with the right %s",
				RV_FMT(p->name), rv_rights_text(needed[k], text));
	}
	return RV_OK;
}

enum rv_code rv_person_disable(
	struct rv_op *op, struct rv_str person, struct rv_str reason, struct rv_err *err)
{
	struct rv_db_person p;
	struct rv_str detail;
	RV_TRY(rv_need(op, RV_RIGHT_ADMIN, err));
	RV_TRY(rv_person_row(op, person, &p, err));
	if (!p.active)
		return RV_FAIL(err, RV_ECONFLICT, "'%.*s' is disabled already", RV_FMT(person));
	RV_TRY(rv_person_not_last(op, &p, RV_RIGHTS_ALL, err));
	p.active = 0;
	p.changed_ns = op->now_ns;
	RV_TRY(rv_db_person_update(op->txn, &p, err));
	RV_TRY(rv_credentials_revoke_all(
		op, RV_CRED_SESSION, person, (struct rv_str){ 0 }, RV_STR("person disabled"), err));
	RV_TRY(rv_touch(op, RV_PART_PERSON, person, (struct rv_str){ 0 }, err));
	RV_TRY(rv_detail(op, &detail, err, "person", person, "change", RV_STR("disabled"), "reason",
		reason, NULL));
	const struct rv_event ev = { .kind = RV_EV_ADMIN_PERSON_CHANGED, .detail_json = detail };
	return rv_op_event(op, &ev, (struct rv_str){ 0 }, NULL, err);
}
