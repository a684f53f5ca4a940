/* Why a decision came out as it did. Reading the facts in clear is an event. */
#include "api/api_int.h"
#include "gate/explain.h"

enum { CAUSES_MAX = 16 };

/* From an intent or an outcome back to the decision it came from. */
static enum rv_code to_decision(struct rv_api_call *c, struct rv_ledger_entry *e,
	const struct rv_json **event, struct rv_err *err)
{
	for (int i = 0; i < CAUSES_MAX; i++) {
		uint64_t seq;
		struct rv_str cause = rv_api_str(*event, "cause");
		struct rv_str kind = rv_api_str(*event, "kind");
		if (rv_str_eqz(kind, "decision") || rv_str_eqz(kind, "question") || cause.n == 0)
			return RV_OK;
		if (rv_ledger_find(c->ledger, cause, &seq, NULL) != RV_OK)
			return RV_OK;
		RV_TRY(rv_ledger_read(c->ledger, c->arena, seq, e, err));
		RV_TRY(rv_json_parse(c->arena, e->event, NULL, event, err));
	}
	return RV_OK;
}

/* The facts hold what a system was asked to do, in clear: for those who answer for it or look
 * after all. */
static bool may_read(struct rv_api_call *c, const struct rv_json *event)
{
	return rv_need(c->op, RV_RIGHT_AUDITOR | RV_RIGHT_GOVERNOR | RV_RIGHT_RESPONDER, NULL) ==
		RV_OK ||
		rv_str_eq(rv_api_str(event, "owner"), c->op->actor.id) ||
		rv_str_eq(rv_api_str(event, "on_behalf_of"), c->op->actor.id);
}

static enum rv_code record_access(
	struct rv_api_call *c, const struct rv_json *event, struct rv_err *err)
{
	RV_AUTO_BUF b;
	struct rv_json_w w;
	const struct rv_json *resource = rv_json_get(event, "resource");
	rv_buf_init(&b, 4096);
	rv_json_w_init(&w, &b);
	rv_json_w_obj(&w);
	rv_json_w_kv_strz(&w, "what", "facts");
	rv_json_w_kv_str(&w, "decision", rv_api_str(event, "id"));
	rv_json_w_obj_end(&w);
	RV_TRY(rv_buf_ok(&b, err));
	const struct rv_event ev = { .kind = RV_EV_ACCESS,
		.system = rv_api_str(event, "system"),
		.owner = rv_api_str(event, "owner"),
		.action = rv_api_str(event, "action"),
		.resource_type = rv_api_str(resource, "type"),
		.resource_id = rv_api_str(resource, "id"),
		.detail_json = rv_buf_str(&b) };
	return rv_op_event(c->op, &ev, RV_STR(""), NULL, err);
}

/* What the decision reserved of which limit: under its intent, or, as advice, under itself. */
static enum rv_code put_limits(struct rv_api_call *c, const struct rv_ledger_entry *e,
	const struct rv_json *event, struct rv_json_w *w, struct rv_err *err)
{
	struct rv_db_reservation *rows;
	struct rv_str intent = rv_api_intent_of(c, e->seq, event);
	size_t n;
	char buf[32];
	RV_TRY(rv_limit_reservations(
		c->op, intent.n > 0 ? intent : rv_api_str(event, "id"), &rows, &n, err));
	rv_json_w_name(w, "limits");
	rv_json_w_arr(w);
	for (size_t i = 0; i < n; i++) {
		rv_json_w_obj(w);
		rv_json_w_kv_str(w, "id", rows[i].def);
		rv_json_w_kv_strz(w, "reserved", rv_amount_format(rows[i].amount, 0, buf));
		rv_json_w_kv_str(w, "state", rows[i].state);
		if (rv_str_eqz(rows[i].state, "settled"))
			rv_json_w_kv_strz(w, "settled", rv_amount_format(rows[i].settled, 0, buf));
		rv_json_w_obj_end(w);
	}
	rv_json_w_arr_end(w);
	return RV_OK;
}

enum rv_code rv_api_event_explain(struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	struct rv_ledger_entry e;
	const struct rv_json *event;
	RV_TRY(rv_api_event_find(c, &e, &event, err));
	RV_TRY(to_decision(c, &e, &event, err));
	const struct rv_explain_ask ask = {
		.entry = &e, .event = event, .shows_values = may_read(c, event)
	};
	rv_json_w_kv_i64(w, "seq", (int64_t)e.seq);
	rv_api_kv_time(w, "logged", e.logged_ns);
	rv_json_w_name(w, "event");
	rv_json_w_raw(w, e.event);
	RV_TRY(rv_gate_explain(c->gate, c->op, &ask, w, err));
	RV_TRY(put_limits(c, &e, event, w, err));
	RV_TRY(rv_api_put_chain(c, &e, event, w, err));
	return ask.shows_values ? record_access(c, event, err) : RV_OK;
}
