/* What came of an intent: by the point that was given it, once; what is said about oneself settles
 * nothing. */
#include "gate/gate_int.h"

enum { EVENT_MEMORY = 1 << 20 };

static struct rv_str get(const struct rv_json *v, const char *name)
{
	const struct rv_json *m = rv_json_get(v, name);
	return rv_json_is(m, RV_JSON_STR) ? m->str : RV_STR("");
}

/* The intent's event; RV_ENOENT also when it was given to another caller. */
static enum rv_code find_intent(struct rv_gate *g, struct rv_op *op, struct rv_str id,
	const struct rv_json **ret, struct rv_err *err)
{
	struct rv_ledger_entry e;
	uint64_t seq;
	if (rv_ledger_find(g->ledger, id, &seq, NULL) != RV_OK)
		return RV_FAIL(err, RV_ENOENT, "no intent '%.*s'", RV_FMT(id));
	RV_TRY(rv_ledger_read(g->ledger, op->arena, seq, &e, err));
	RV_TRY(rv_json_parse(op->arena, e.event, NULL, ret, err));
	bool is_intent = rv_str_eqz(get(*ret, "kind"), "intent");
	bool is_point =
		op->actor.type == RV_ACTOR_POINT && rv_str_eq(get(*ret, "point"), op->actor.id);
	bool is_system =
		op->actor.type == RV_ACTOR_SYSTEM && rv_str_eq(get(*ret, "system"), op->actor.id);
	if (!is_intent || (!is_point && !is_system))
		return RV_FAIL(err, RV_ENOENT, "no intent '%.*s' of yours", RV_FMT(id));
	return RV_OK;
}

/* A reservation that is not there is fine: not every intent is metered. */
static enum rv_code lenient(enum rv_code code, const struct rv_err *e, struct rv_err *err)
{
	if (code == RV_OK || code == RV_ENOENT)
		return RV_OK;
	return RV_FAIL(err, code, "%s", e->msg);
}

static enum rv_code settle(struct rv_op *op, const struct rv_gate_outcome *o, struct rv_err *err)
{
	struct rv_err e = { 0 };
	if (rv_str_eqz(o->status, "unknown"))
		return RV_OK; /* stays spent until a person releases it */
	if (rv_str_eqz(o->status, "failed") && !o->settle)
		return lenient(
			rv_limit_release(op, o->intent, RV_STR("it did not happen"), &e), &e, err);
	if (!o->settle)
		return lenient(rv_limit_settle(op, o->intent, RV_STR(""), 0, &e), &e, err);
	for (size_t i = 0; i < o->settle->n_members; i++) {
		const struct rv_json_member *m = &o->settle->members[i];
		int64_t amount;
		if (m->value->type != RV_JSON_STR || !rv_amount_parse(m->value->str, &amount))
			return RV_FAIL(err, RV_EINVAL, "settle.%.*s: must be a decimal in a string",
				RV_FMT(m->name));
		RV_TRY(rv_limit_settle(op, o->intent, m->name, amount, err));
	}
	return RV_OK;
}

static enum rv_code detail_text(
	struct rv_op *op, const struct rv_gate_outcome *o, struct rv_str *ret, struct rv_err *err)
{
	RV_AUTO_BUF b;
	struct rv_json_w w;
	rv_buf_init(&b, 32 << 10);
	rv_json_w_init(&w, &b);
	rv_json_w_obj(&w);
	rv_json_w_kv_str(&w, "status", o->status);
	if (o->detail) {
		rv_json_w_name(&w, "detail");
		rv_json_w_value(&w, o->detail);
	}
	rv_json_w_obj_end(&w);
	RV_TRY(rv_buf_ok(&b, err));
	*ret = rv_arena_str(op->arena, rv_buf_str(&b));
	return ret->p ? RV_OK : RV_FAIL_ARENA(err);
}

/* Told twice in other words about the money is another outcome. */
static enum rv_code what_is_said(
	struct rv_op *op, const struct rv_gate_outcome *o, struct rv_str *ret, struct rv_err *err)
{
	RV_AUTO_BUF b;
	rv_buf_init(&b, 32 << 10);
	rv_buf_add(&b, o->status);
	if (o->settle)
		RV_TRY(rv_json_canonical(o->settle, &b, err));
	RV_TRY(rv_buf_ok(&b, err));
	*ret = rv_arena_str(op->arena, rv_buf_str(&b));
	return ret->p ? RV_OK : RV_FAIL_ARENA(err);
}

/* One outcome of each intent from each of the two who may tell. */
static const char *outcome_key(struct rv_op *op, const struct rv_gate_outcome *o)
{
	return rv_arena_printf(
		op->arena, "%s:%.*s", rv_actor_type_name(op->actor.type), RV_FMT(o->intent));
}

static enum rv_code is_first(struct rv_op *op, const struct rv_gate_outcome *o,
	struct rv_str digest, bool *ret, struct rv_str *ret_event, struct rv_err *err)
{
	const char *key = outcome_key(op, o);
	enum rv_idem idem;
	if (!key)
		return RV_FAIL_ARENA(err);
	RV_TRY(rv_idem_find(op, RV_STR("outcome"), rv_str_of(key), digest, &idem, ret_event, err));
	if (idem == RV_IDEM_OTHER)
		return RV_FAIL(err, RV_ECONFLICT, "another outcome of '%.*s' was reported already",
			RV_FMT(o->intent));
	*ret = idem == RV_IDEM_NEW;
	return RV_OK;
}

enum rv_code rv_gate_outcome(struct rv_gate *g, struct rv_op *op, const struct rv_gate_outcome *o,
	struct rv_str *ret_event, struct rv_err *err)
{
	static const char *const words[] = { "succeeded", "failed", "unknown" };
	const struct rv_json *intent;
	struct rv_str detail;
	bool known = false, first;
	for (size_t i = 0; i < RV_COUNT(words); i++)
		known |= rv_str_eqz(o->status, words[i]);
	if (!known)
		return RV_FAIL(err, RV_EINVAL, "status: must be succeeded, failed or unknown");
	RV_TRY(find_intent(g, op, o->intent, &intent, err));
	struct rv_str said;
	RV_TRY(what_is_said(op, o, &said, err));
	RV_TRY(is_first(op, o, said, &first, ret_event, err));
	if (!first)
		return RV_OK;
	/* An intent is given to points that enforce only; what a system says settles nothing. */
	bool enforced = op->actor.type == RV_ACTOR_POINT;
	if (enforced)
		RV_TRY(settle(op, o, err));
	RV_TRY(detail_text(op, o, &detail, err));
	const struct rv_json *resource = rv_json_get(intent, "resource");
	const struct rv_event ev = {
		.kind = RV_EV_OUTCOME,
		.system = get(intent, "system"),
		.owner = get(intent, "owner"),
		.on_behalf_of = get(intent, "on_behalf_of"),
		.action = get(intent, "action"),
		.resource_type = get(resource, "type"),
		.resource_id = get(resource, "id"),
		.point = enforced ? op->actor.id : RV_STR(""),
		.cause = o->intent,
		.evidence = enforced ? RV_ENFORCED : RV_CLAIMED,
		.detail_json = detail,
	};
	RV_TRY(rv_op_event(op, &ev, RV_STR(""), ret_event, err));
	const char *key = outcome_key(op, o);
	if (!key)
		return RV_FAIL_ARENA(err);
	return rv_idem_keep(op, RV_STR("outcome"), rv_str_of(key), said, *ret_event, err);
}
