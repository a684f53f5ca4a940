/* Freeze and thaw: suspend without a profile change, for one, a role, an owner's, or all. */
#include "governance/system_int.h"

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
	bool sees;
	*ret_n = 0;
	RV_TRY(rv_db_system_list(op->txn, op->arena, RV_Q_ALL, &rows, &n, err));
	for (size_t i = 0; i < n; i++) {
		if (rows[i].frozen || !is_selected(sel, &rows[i]))
			continue;
		RV_TRY(rv_sys_may_see(op, &rows[i], &sees, err));
		if (!sees)
			continue; /* not there, for this person */
		RV_TRY(rv_sys_may_stop(op, &rows[i], err));
		RV_TRY(rv_stop_note(op, rows[i].name, reason, true, err));
		RV_TRY(rv_hold_stale_approved(op, rows[i].name, RV_STR("frozen since"), err));
		rows[i].frozen = 1;
		rows[i].frozen_by = op->actor.id;
		RV_TRY(rv_sys_save(op, &rows[i], err));
		RV_TRY(rv_sys_event(
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
		RV_TRY(rv_sys_save(op, &rows[i], err));
		RV_TRY(rv_sys_event(
			op, RV_EV_LIFECYCLE_THAWED, &rows[i], rows[i].version, reason, false, err));
		++*ret_n;
	}
	return *ret_n > 0 ? RV_OK : RV_FAIL(err, RV_ENOENT, "nothing there is frozen");
}
