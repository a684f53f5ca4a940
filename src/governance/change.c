/* Widenings that wait for a second person. A change keeps the spec as it was proposed and what it
 * was proposed against; if that moved on in the meantime, it has to be proposed anew. */
#include "governance/apply_int.h"

static enum rv_code event_of(struct rv_op *op, enum rv_event_kind kind,
	const struct rv_db_change *c, struct rv_str reason, bool alone, struct rv_err *err)
{
	struct rv_str detail;
	RV_TRY(rv_detail(op, &detail, err, "change", c->id, "kind", c->kind, "name", c->name,
		"author", c->author, "reason", reason, "separation",
		alone ? RV_STR("unseparated") : RV_STR(""), NULL));
	const struct rv_event ev = { .kind = kind, .detail_json = detail };
	return rv_op_event(op, &ev, (struct rv_str){ 0 }, NULL, err);
}

static enum rv_code close_change(struct rv_op *op, struct rv_db_change *c, const char *state,
	struct rv_str reason, struct rv_err *err)
{
	c->state = rv_str_of(state);
	c->decided_by = op->actor.id;
	c->decided_ns = op->now_ns;
	c->reason = reason;
	return rv_db_change_update(op->txn, c, err);
}

/* The fields that widen, by name. */
static enum rv_code widening_fields(struct rv_apply_one *o, struct rv_str *ret, struct rv_err *err)
{
	RV_AUTO_BUF b;
	rv_buf_init(&b, 8192);
	for (size_t i = 0; i < o->item->n_fields; i++) {
		if (o->old && !o->item->fields[i].widens)
			continue;
		rv_buf_addz(&b, b.n ? "," : "");
		rv_buf_add(&b, o->item->fields[i].path);
	}
	return rv_op_buf(o->op, &b, ret, err);
}

enum rv_code rv_change_propose(struct rv_apply_one *o, bool *ret_is_new, struct rv_err *err)
{
	struct rv_op *op = o->op;
	struct rv_db_change *rows;
	size_t n;
	struct rv_db_change c = { .kind = rv_str_of(rv_kind_name(o->m->kind)),
		.name = o->m->name,
		.body = o->body,
		.base_digest = o->old ? o->old_digest : (struct rv_str){ 0 },
		.author = o->author,
		.created_ns = op->now_ns,
		.state = RV_STR("pending") };
	const struct rv_query q = { .where = { RV_Q_STR(change, kind, RV_CMP_EQ, c.kind),
					    RV_Q_STR(change, name, RV_CMP_EQ, c.name),
					    RV_Q_STR(change, state, RV_CMP_EQ, c.state) },
		.n_where = 3 };
	*ret_is_new = false;
	RV_TRY(rv_db_change_list(op->txn, op->arena, &q, &rows, &n, err));
	for (size_t i = 0; i < n; i++) {
		if (rv_str_eq(rows[i].body, c.body) &&
			rv_str_eq(rows[i].base_digest, c.base_digest)) {
			o->item->change = rows[i].id;
			return RV_OK;
		}
		RV_TRY(close_change(
			op, &rows[i], "withdrawn", RV_STR("replaced by a newer one"), err));
		RV_TRY(event_of(
			op, RV_EV_REGISTRY_WITHDRAWN, &rows[i], rows[i].reason, false, err));
	}
	RV_TRY(rv_op_id(op, &c.id, err));
	RV_TRY(widening_fields(o, &c.widens, err));
	RV_TRY(rv_db_change_insert(op->txn, &c, err));
	o->item->change = c.id;
	*ret_is_new = true;
	return RV_OK;
}

static enum rv_code load(
	struct rv_op *op, struct rv_str id, struct rv_db_change *ret, struct rv_err *err)
{
	*ret = (struct rv_db_change){ .id = id };
	struct rv_err e = { 0 };
	enum rv_code code = rv_db_change_get(op->txn, op->arena, ret, &e);
	if (code == RV_ENOENT)
		return RV_FAIL(err, code, "no change '%.*s'", RV_FMT(id));
	return code == RV_OK ? RV_OK : RV_FAIL(err, code, "%s", e.msg);
}

static bool may_see(const struct rv_op *op, int64_t rights, const struct rv_db_change *c)
{
	return (rights & (RV_RIGHT_ADMIN | RV_RIGHT_GOVERNOR | RV_RIGHT_AUDITOR)) ||
		rv_is_person(op, c->author);
}

static enum rv_code need_to_see(struct rv_op *op, const struct rv_db_change *c, struct rv_err *err)
{
	int64_t rights;
	RV_TRY(rv_actor_rights(op, &rights, err));
	if (op->actor.type == RV_ACTOR_SERVICE || may_see(op, rights, c))
		return RV_OK;
	return RV_FAIL(err, RV_ENOENT, "no change '%.*s'", RV_FMT(c->id));
}

enum rv_code rv_change_list(struct rv_op *op, bool pending_only, struct rv_db_change **ret,
	size_t *ret_n, struct rv_err *err)
{
	struct rv_db_change *rows;
	size_t n, k = 0;
	int64_t rights;
	struct rv_query q = { .is_ordered = true,
		.is_descending = true,
		.order_offset = offsetof(struct rv_db_change, created_ns) };
	if (pending_only)
		q.where[q.n_where++] = RV_Q_STR(change, state, RV_CMP_EQ, RV_STR("pending"));
	RV_TRY(rv_actor_rights(op, &rights, err));
	RV_TRY(rv_db_change_list(op->txn, op->arena, &q, &rows, &n, err));
	for (size_t i = 0; i < n; i++)
		if (may_see(op, rights, &rows[i]))
			rows[k++] = rows[i];
	*ret = rows;
	*ret_n = k;
	return RV_OK;
}

/* Another person than the author; alone only in bootstrap, and then it shows. */
static enum rv_code need_second(
	struct rv_op *op, const struct rv_db_change *c, bool *ret_alone, struct rv_err *err)
{
	struct rv_bootstrap b;
	*ret_alone = rv_is_person(op, c->author);
	if (!*ret_alone)
		return RV_OK;
	RV_TRY(rv_bootstrap_state(op, &b, err));
	if (b.may_self_approve)
		return RV_OK;
	return RV_FAIL(err, RV_EPERM, "you proposed change '%.*s': another person approves it",
		RV_FMT(c->id));
}

static enum rv_code carry_out(
	struct rv_op *op, const struct rv_db_change *c, bool alone, struct rv_err *err)
{
	struct rv_apply_item item = { .kind = rv_kind_parse(c->kind), .name = c->name };
	struct rv_manifest m = { .kind = item.kind, .name = c->name };
	struct rv_apply_one o = {
		.op = op, .m = &m, .item = &item, .author = c->author, .second = !alone
	};
	const struct rv_apply_kind *k = rv_apply_kind_of(m.kind);
	if (!k)
		return RV_FAIL(err, RV_ECORRUPT, "change '%.*s' is of no kind", RV_FMT(c->id));
	RV_TRY(k->load(&o, err));
	if ((o.old != NULL) != (c->base_digest.n > 0) ||
		(o.old && !rv_str_eq(o.old_digest, c->base_digest)))
		return RV_FAIL(err, RV_ECONFLICT,
			"%.*s '%.*s' has changed since: apply the change again", RV_FMT(c->kind),
			RV_FMT(c->name));
	if (m.kind == RV_KIND_POLICY && rv_str_eqz(c->body, "{}"))
		return rv_policy_take_out(op, c->name, alone, err);
	o.old = NULL;
	o.old_digest = (struct rv_str){ 0 };
	RV_TRY(rv_op_json(op, c->body, &m.spec, err));
	item.change = c->id;
	RV_TRY(rv_apply_run(&o, err));
	return rv_apply_finish(op, o.policies_changed, err);
}

/* A proposed text of a policy that will not come into force. */
static enum rv_code drop_proposed(
	struct rv_op *op, const struct rv_db_change *c, struct rv_str reason, struct rv_err *err)
{
	struct rv_db_policy_version *rows;
	struct rv_str digest;
	size_t n;
	RV_TRY(rv_op_digest(op, c->body, &digest, err));
	const struct rv_query q = {
		.where = { RV_Q_STR(policy_version, policy, RV_CMP_EQ, c->name),
			RV_Q_STR(policy_version, state, RV_CMP_EQ, RV_STR("proposed")),
			RV_Q_STR(policy_version, digest, RV_CMP_EQ, digest) },
		.n_where = 3
	};
	RV_TRY(rv_db_policy_version_list(op->txn, op->arena, &q, &rows, &n, err));
	for (size_t i = 0; i < n; i++) {
		rows[i].state = RV_STR("rejected");
		rows[i].decided_by = op->actor.id;
		rows[i].decided_ns = op->now_ns;
		rows[i].reason = reason;
		RV_TRY(rv_db_policy_version_update(op->txn, &rows[i], err));
	}
	return RV_OK;
}

static enum rv_code need_pending(const struct rv_db_change *c, struct rv_err *err)
{
	if (rv_str_eqz(c->state, "pending"))
		return RV_OK;
	return RV_FAIL(err, RV_ECONFLICT, "change '%.*s' is %.*s", RV_FMT(c->id), RV_FMT(c->state));
}

enum rv_code rv_change_decide(
	struct rv_op *op, struct rv_str id, bool approve, struct rv_str reason, struct rv_err *err)
{
	struct rv_db_change c;
	bool alone = false;
	RV_TRY(load(op, id, &c, err));
	RV_TRY(need_to_see(op, &c, err));
	const struct rv_apply_kind *k = rv_apply_kind_of(rv_kind_parse(c.kind));
	RV_TRY(rv_need(op, k ? k->rights : RV_RIGHT_GOVERNOR, err));
	RV_TRY(need_pending(&c, err));
	if (!approve) {
		RV_TRY(close_change(op, &c, "rejected", reason, err));
		if (rv_str_eqz(c.kind, "Policy"))
			RV_TRY(drop_proposed(op, &c, reason, err));
		return event_of(op, RV_EV_REGISTRY_REJECTED, &c, reason, false, err);
	}
	RV_TRY(need_second(op, &c, &alone, err));
	RV_TRY(carry_out(op, &c, alone, err));
	RV_TRY(close_change(op, &c, "approved", reason, err));
	return event_of(op, RV_EV_REGISTRY_APPROVED, &c, reason, alone, err);
}

enum rv_code rv_change_withdraw(struct rv_op *op, struct rv_str id, struct rv_err *err)
{
	struct rv_db_change c;
	RV_TRY(load(op, id, &c, err));
	RV_TRY(need_to_see(op, &c, err));
	if (!rv_is_person(op, c.author))
		return RV_FAIL(
			err, RV_EPERM, "only who proposed it withdraws change '%.*s'", RV_FMT(id));
	RV_TRY(need_pending(&c, err));
	RV_TRY(close_change(op, &c, "withdrawn", RV_STR(""), err));
	if (rv_str_eqz(c.kind, "Policy"))
		RV_TRY(drop_proposed(op, &c, RV_STR("withdrawn"), err));
	return event_of(op, RV_EV_REGISTRY_WITHDRAWN, &c, RV_STR(""), false, err);
}
