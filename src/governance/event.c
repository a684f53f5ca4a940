/* The event: one JSON object whose bytes never change once they are made. Order of members is
 * fixed, absent ones are left out. */
#include "governance/governance_int.h"

const char *rv_evidence_name(enum rv_evidence e)
{
	static const char *const names[] = { "", "enforced", "observed", "claimed" };
	return names[e];
}

static void put_ref(struct rv_json_w *w, const char *name, const char *type, struct rv_str type_s,
	struct rv_str id)
{
	rv_json_w_name(w, name);
	rv_json_w_obj(w);
	if (type)
		rv_json_w_kv_strz(w, "type", type);
	else
		rv_json_w_kv_str(w, "type", type_s);
	rv_json_w_kv_str(w, "id", id);
	rv_json_w_obj_end(w);
}

static void put(struct rv_json_w *w, const char *name, struct rv_str v)
{
	if (v.n > 0)
		rv_json_w_kv_str(w, name, v);
}

static void put_raw(struct rv_json_w *w, const char *name, struct rv_str json)
{
	if (json.n == 0)
		return;
	rv_json_w_name(w, name);
	rv_json_w_raw(w, json);
}

static void put_reasons(struct rv_json_w *w, const struct rv_event *ev)
{
	if (ev->n_reasons == 0)
		return;
	rv_json_w_name(w, "reasons");
	rv_json_w_arr(w);
	for (size_t i = 0; i < ev->n_reasons; i++) {
		rv_json_w_obj(w);
		put(w, "policy", ev->reasons[i].policy);
		put(w, "code", ev->reasons[i].code);
		put(w, "text", ev->reasons[i].text);
		rv_json_w_obj_end(w);
	}
	rv_json_w_arr_end(w);
}

static void put_where(struct rv_json_w *w, const struct rv_event *ev)
{
	put(w, "point", ev->point);
	put(w, "session", ev->session);
	put(w, "trace", ev->trace);
	put(w, "request", ev->request);
	put(w, "cause", ev->cause);
	put(w, "approval", ev->approval);
	if (ev->evidence)
		rv_json_w_kv_strz(w, "evidence", rv_evidence_name(ev->evidence));
	put_raw(w, "detail", ev->detail_json);
}

static void put_what(struct rv_json_w *w, const struct rv_event *ev)
{
	put(w, "system", ev->system);
	put(w, "owner", ev->owner);
	put(w, "on_behalf_of", ev->on_behalf_of);
	put(w, "claimed_on_behalf_of", ev->claimed_on_behalf_of);
	put(w, "action", ev->action);
	put(w, "effect", ev->effect);
	if (ev->resource_id.n > 0 || ev->resource_type.n > 0)
		put_ref(w, "resource", NULL, ev->resource_type, ev->resource_id);
	if (ev->outcome != RV_OUTCOME_UNSET)
		rv_json_w_kv_strz(w, "outcome", rv_outcome_name(ev->outcome));
	put_reasons(w, ev);
	if (ev->policy_version > 0)
		rv_json_w_kv_i64(w, "policy_version", ev->policy_version);
	if (ev->generation > 0)
		rv_json_w_kv_i64(w, "generation", (int64_t)ev->generation);
	put(w, "snapshot", ev->snapshot);
	put(w, "args_digest", ev->args_digest);
	put_raw(w, "args", ev->args_json);
}

enum rv_code rv_event_build(const struct rv_event *ev, int64_t now_ns, struct rv_buf *out,
	char id[RV_UUID_SIZE], struct rv_err *err)
{
	struct rv_uuid u;
	struct rv_json_w w;
	char time[RV_TIME_SIZE];
	size_t before = out->n;
	if (ev->kind == RV_EV_NONE || ev->kind >= RV_EV_COUNT)
		return RV_FAIL(err, RV_EINTERNAL, "an event without a kind");
	if (ev->actor.type == RV_ACTOR_NONE)
		return RV_FAIL(err, RV_EINTERNAL, "an event without an actor");
	if (ev->id.n > 0) {
		rv_assert(ev->id.n == RV_UUID_SIZE - 1);
		memmove(id, ev->id.p, ev->id.n);
		id[ev->id.n] = '\0';
	} else {
		rv_uuid7(now_ns, &u);
		rv_uuid_format(&u, id);
	}
	rv_json_w_init(&w, out);
	rv_json_w_obj(&w);
	rv_json_w_kv_strz(&w, "id", id);
	rv_json_w_kv_strz(&w, "time", rv_time_format(now_ns, time));
	rv_json_w_kv_strz(&w, "kind", rv_event_kind_name(ev->kind));
	put_ref(&w, "actor", rv_actor_type_name(ev->actor.type), (struct rv_str){ 0 },
		ev->actor.id.p ? ev->actor.id : RV_STR(""));
	put_what(&w, ev);
	put_where(&w, ev);
	rv_json_w_obj_end(&w);
	RV_TRY(rv_buf_ok(out, err));
	if (out->n - before > RV_EVENT_MAX)
		return RV_FAIL(err, RV_ELIMIT, "the event of %zu bytes is larger than %d",
			out->n - before, RV_EVENT_MAX);
	return RV_OK;
}

enum rv_code rv_op_event(struct rv_op *op, const struct rv_event *ev, struct rv_str side,
	struct rv_str *ret_id, struct rv_err *err)
{
	struct rv_event full = *ev;
	char id[RV_UUID_SIZE];
	if (full.actor.type == RV_ACTOR_NONE)
		full.actor = op->actor;
	if (full.session.n == 0)
		full.session = op->actor.session;
	if (full.trace.n == 0)
		full.trace = op->trace;
	if (full.cause.n == 0)
		full.cause = op->cause;
	/* What a person does through the API is enforced by the program itself. */
	if (full.evidence == RV_EVIDENCE_NONE)
		full.evidence = RV_ENFORCED;
	RV_AUTO_BUF b;
	rv_buf_init(&b, RV_EVENT_MAX + 4096);
	RV_TRY(rv_event_build(&full, op->now_ns, &b, id, err));
	RV_TRY(rv_op_record(op, rv_str_of(id), rv_buf_str(&b), side, err));
	if (ret_id)
		RV_TRY(rv_op_str(op, rv_str_of(id), ret_id, err));
	return RV_OK;
}
