/* Findings: what somebody has to look at. */
#include "governance/governance_int.h"

enum rv_code rv_finding_unregistered(struct rv_op *op, struct rv_str system, struct rv_str point,
	struct rv_str decision_event, struct rv_err *err)
{
	enum rv_idem seen;
	struct rv_str digest, detail, first;
	const char *key = rv_arena_printf(op->arena, "unregistered:%.*s", RV_FMT(point));
	if (!key)
		return RV_FAIL_ARENA(err);
	/* The name is a stranger's: of any length, so its digest is the key. */
	RV_TRY(rv_op_digest(op, system, &digest, err));
	RV_TRY(rv_idem_find(op, rv_str_of(key), digest, digest, &seen, &first, err));
	if (seen != RV_IDEM_NEW)
		return RV_OK;
	RV_TRY(rv_detail(op, &detail, err, "finding", RV_STR("unregistered_system"), "system",
		rv_str_sub(system, 0, 200), "point", point, NULL));
	const struct rv_event ev = { .kind = RV_EV_FINDING_OPENED,
		.system = rv_str_sub(system, 0, 200),
		.point = point,
		.cause = decision_event,
		.evidence = RV_OBSERVED,
		.detail_json = detail };
	RV_TRY(rv_op_event(op, &ev, RV_STR(""), NULL, err));
	return rv_idem_keep(op, rv_str_of(key), digest, digest, RV_STR("opened"), err);
}
