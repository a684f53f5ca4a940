/* Changes that wait for a second person. */
#include "governance/apply.h"

static enum rv_code event(struct rv_op *op, enum rv_event_kind kind, const struct rv_db_change *c,
	struct rv_str reason, struct rv_err *err)
{
	struct rv_str detail;
	RV_TRY(rv_detail(op, &detail, err, "change", c->id, "kind", c->kind, "name", c->name,
		"author", c->author, "reason", reason, NULL));
	const struct rv_event ev = { .kind = kind, .detail_json = detail };
	return rv_op_event(op, &ev, RV_STR(""), NULL, err);
}

enum rv_code rv_change_open(struct rv_op *op, const struct rv_put *p, struct rv_str base_digest,
	struct rv_str *ret_id, struct rv_err *err)
{
	struct rv_db_change *rows;
	size_t n;
	const struct rv_query q = { .where = { RV_Q_STR(change, name, RV_CMP_EQ, p->name),
					    RV_Q_STR(change, state, RV_CMP_EQ, RV_STR("pending")) },
		.n_where = 2 };
	struct rv_str kind = rv_str_of(rv_kind_name(p->kind));
	RV_TRY(rv_db_change_list(op->txn, op->arena, &q, &rows, &n, err));
	for (size_t i = 0; i < n; i++) {
		if (!rv_str_eq(rows[i].kind, kind))
			continue;
		if (rv_str_eq(rows[i].body, p->body)) {
			*ret_id = rows[i].id;
			return RV_OK;
		}
		rows[i].state = RV_STR("stale"); /* a newer proposal takes its place */
		RV_TRY(rv_db_change_update(op->txn, &rows[i], err));
	}
	struct rv_db_change row = { .kind = kind,
		.name = p->name,
		.body = p->body,
		.base_digest = base_digest,
		.author = p->author,
		.created_ns = op->now_ns,
		.state = RV_STR("pending") };
	RV_TRY(rv_op_id(op, &row.id, err));
	RV_TRY(rv_db_change_insert(op->txn, &row, err));
	*ret_id = row.id;
	return event(op,
		p->kind == RV_KIND_POLICY ? RV_EV_POLICY_PROPOSED : RV_EV_REGISTRY_PROPOSED, &row,
		RV_STR(""), err);
}

enum rv_code rv_change_list(struct rv_op *op, bool pending_only, struct rv_db_change **ret,
	size_t *ret_n, struct rv_err *err)
{
	RV_TRY(rv_need(op, RV_RIGHT_ADMIN | RV_RIGHT_GOVERNOR | RV_RIGHT_AUDITOR, err));
	return rv_db_change_list(op->txn, op->arena,
		pending_only ? RV_Q_BY(change, state, RV_STR("pending")) : RV_Q_ALL, ret, ret_n,
		err);
}

static enum rv_code load(
	struct rv_op *op, struct rv_str id, struct rv_db_change *ret, struct rv_err *err)
{
	struct rv_err e = { 0 };
	*ret = (struct rv_db_change){ .id = id };
	enum rv_code code = rv_db_change_get(op->txn, op->arena, ret, &e);
	if (code == RV_ENOENT)
		return RV_FAIL(err, RV_ENOENT, "no change '%.*s'", RV_FMT(id));
	if (code != RV_OK)
		return RV_FAIL(err, code, "%s", e.msg);
	if (!rv_str_eqz(ret->state, "pending"))
		return RV_FAIL(
			err, RV_ECONFLICT, "change '%.*s' is %.*s", RV_FMT(id), RV_FMT(ret->state));
	return RV_OK;
}

static enum rv_kind kind_of(struct rv_str name)
{
	for (int k = RV_KIND_NONE + 1; k < RV_KIND_COUNT; k++)
		if (rv_str_eqz(name, rv_kind_name((enum rv_kind)k)))
			return (enum rv_kind)k;
	return RV_KIND_NONE;
}

static enum rv_code end(struct rv_op *op, struct rv_db_change *c, const char *state,
	struct rv_str reason, struct rv_err *err)
{
	c->state = rv_str_of(state);
	c->decided_by = op->actor.id;
	c->decided_ns = op->now_ns;
	c->reason = reason;
	return rv_db_change_update(op->txn, c, err);
}

enum rv_code rv_change_decide(
	struct rv_op *op, struct rv_str id, bool approve, struct rv_str reason, struct rv_err *err)
{
	struct rv_db_change c;
	RV_TRY(load(op, id, &c, err));
	enum rv_kind kind = kind_of(c.kind);
	RV_TRY(rv_need(op, rv_change_right(kind), err));
	if (approve && rv_is_person(op, c.author))
		return RV_FAIL(err, RV_EPERM, "you proposed it: another person decides");
	if (approve && kind == RV_KIND_PERSON && rv_is_person(op, c.name))
		return RV_FAIL(err, RV_EPERM, "it is about you: another person decides");
	RV_TRY(end(op, &c, approve ? "approved" : "rejected", reason, err));
	RV_TRY(event(
		op, approve ? RV_EV_REGISTRY_APPROVED : RV_EV_REGISTRY_REJECTED, &c, reason, err));
	if (!approve)
		return RV_OK;
	struct rv_put p = { .kind = kind, .name = c.name, .body = c.body, .author = c.author };
	RV_TRY(rv_op_json(op, c.body, &p.spec, err));
	RV_TRY(rv_op_digest(op, c.body, &p.digest, err));
	RV_TRY(rv_put(op, &p, c.base_digest.n == 0, err));
	return rv_bootstrap_check(op, err);
}

enum rv_code rv_change_withdraw(struct rv_op *op, struct rv_str id, struct rv_err *err)
{
	struct rv_db_change c;
	RV_TRY(load(op, id, &c, err));
	if (!rv_is_person(op, c.author))
		RV_TRY(rv_need(op, rv_change_right(kind_of(c.kind)), err));
	RV_TRY(end(op, &c, "withdrawn", RV_STR(""), err));
	return event(op, RV_EV_REGISTRY_WITHDRAWN, &c, RV_STR(""), err);
}

/* Taking a policy file out of force may take out a forbid, so it waits like any other widening: as
 * an empty text. */
enum rv_code rv_policy_remove(
	struct rv_op *op, struct rv_str name, struct rv_str *ret_change, struct rv_err *err)
{
	struct rv_db_policy row = { .name = name };
	struct rv_bootstrap boot;
	struct rv_put p = { .kind = RV_KIND_POLICY,
		.name = name,
		.body = RV_STR("{\"cedar\":\"\"}"),
		.author = op->actor.id };
	RV_TRY(rv_need(op, RV_RIGHT_GOVERNOR, err));
	if (rv_db_policy_get(op->txn, op->arena, &row, NULL) != RV_OK)
		return RV_FAIL(err, RV_ENOENT, "no policy file '%.*s'", RV_FMT(name));
	RV_TRY(rv_op_json(op, p.body, &p.spec, err));
	RV_TRY(rv_op_digest(op, p.body, &p.digest, err));
	RV_TRY(rv_bootstrap_state(op, &boot, err));
	if (!boot.may_self_approve)
		return rv_change_open(op, &p, RV_STR("removed"), ret_change, err);
	*ret_change = (struct rv_str){ 0 };
	p.unseparated = true;
	return rv_put(op, &p, false, err);
}
