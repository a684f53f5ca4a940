/* The final bytes of a decision's events, and the answer that goes out. */
#include <stdio.h>

#include "gate/gate_int.h"

enum { SIDE_MAX = 512 << 10 };

static struct rv_str keep(struct rv_decision *d, const struct rv_buf *b)
{
	return b->n ? rv_arena_str(d->arena, rv_buf_str(b)) : RV_STR("");
}

/* What most decisions fit in; the rest moves to the heap. */
enum { EVENT_STACK = 4 << 10, SIDE_STACK = 8 << 10 };

/* "sha256:<hex>" */
static enum rv_code digest_of(
	struct rv_decision *d, struct rv_str bytes, struct rv_str *ret, struct rv_err *err)
{
	char text[RV_DIGEST_SIZE];
	rv_digest_text(bytes, text);
	*ret = rv_arena_str(d->arena, rv_str_n(text, sizeof text - 1));
	return ret->p ? RV_OK : RV_FAIL_ARENA(err);
}

/* {"args":{…salted values…},"facts":{…}} into clear; the commitments of the arguments into c, and
 * where in clear the facts stand. */
static enum rv_code clear_side(struct rv_decision *d, struct rv_buf *c, struct rv_buf *clear,
	size_t *ret_facts_at, struct rv_err *err)
{
	rv_buf_add(clear, RV_STR("{\"args\":"));
	if (d->arguments && d->arguments->n_members > 0)
		RV_TRY(rv_args_commit(d->arguments, c, clear, err));
	else
		rv_buf_add(clear, RV_STR("{}"));
	rv_buf_add(clear, RV_STR(",\"facts\":"));
	*ret_facts_at = clear->n;
	rv_gate_facts_json(d, clear);
	return rv_buf_ok(clear, err);
}

/* The side sealed under the system's key; *commits and *digest are what the leaf shows of it. */
static enum rv_code seal_side(
	struct rv_decision *d, struct rv_str *commits, struct rv_str *digest, struct rv_err *err)
{
	char c_mem[1024], clear_mem[SIDE_STACK], sealed_mem[SIDE_STACK];
	RV_AUTO_BUF c, clear, sealed;
	size_t facts_at;
	rv_buf_init_on(&c, c_mem, sizeof c_mem, SIDE_MAX);
	rv_buf_init_on(&clear, clear_mem, sizeof clear_mem, SIDE_MAX);
	rv_buf_init_on(&sealed, sealed_mem, sizeof sealed_mem, SIDE_MAX);
	RV_TRY(clear_side(d, &c, &clear, &facts_at, err));
	RV_TRY(digest_of(d, rv_str_sub(rv_buf_str(&clear), facts_at, clear.n), digest, err));
	rv_buf_addc(&clear, '}');
	RV_TRY(rv_buf_ok(&clear, err));
	struct rv_seal_key key;
	RV_TRY(rv_seal_key_of(d->gate->gov, d->snap, d->system->name, &key, err));
	enum rv_code code = rv_seal(&key, rv_buf_str(&clear), d->system->name, &sealed, err);
	explicit_bzero(&key, sizeof key);
	explicit_bzero(clear.p, clear.n);
	RV_TRY(code);
	*commits = keep(d, &c);
	d->event_side = keep(d, &sealed);
	return RV_OK;
}

static void fill_event(const struct rv_decision *d, struct rv_event *ev)
{
	const struct rv_gate_ask *q = d->ask;
	*ev = (struct rv_event){
		.kind = d->extra.question ? RV_EV_QUESTION : RV_EV_DECISION,
		.id = rv_str_of(d->event_id),
		.actor = q->caller,
		.system = q->subject_id,
		.owner = d->system ? d->system->owner : RV_STR(""),
		.on_behalf_of = d->on_behalf_of,
		.claimed_on_behalf_of = d->claimed_on_behalf_of,
		.action = q->action,
		.resource_type = d->catalogue_type.n > 0 ? d->catalogue_type : q->resource_type,
		.resource_id = d->catalogue_id.n > 0 ? d->catalogue_id : q->resource_id,
		.effect = d->effect,
		.outcome = d->verdict.outcome,
		.reasons = d->verdict.reasons,
		.n_reasons = d->verdict.n_reasons,
		.policy_version = rv_snap_policy_version(d->snap),
		.generation = rv_snapshot_generation(d->snap),
		.args_digest = d->digest,
		.point = d->point ? d->point->name : RV_STR(""),
		.trace = q->trace,
		.request = q->request_id,
		.evidence = rv_gate_evidence(d->point),
	};
	if (d->has_hold)
		ev->approval = d->hold.row.id;
}

static enum rv_code build(struct rv_decision *d, const struct rv_event *ev, struct rv_str *ret,
	char id[RV_UUID_SIZE], struct rv_err *err)
{
	char mem[EVENT_STACK];
	RV_AUTO_BUF b;
	rv_buf_init_on(&b, mem, sizeof mem, RV_EVENT_MAX);
	RV_TRY(rv_event_build(ev, d->now_ns, &b, id, err));
	*ret = keep(d, &b);
	return ret->p ? RV_OK : RV_FAIL_ARENA(err);
}

/* {"observe":true,"reserved":{"limit:ads-bot/budget":"12.5"}}: that the system was not held to its
 * policies, and the change of the meters, in the event it came with. */
static enum rv_code detail_text(struct rv_decision *d, struct rv_str *ret, struct rv_err *err)
{
	bool reserves = d->verdict.outcome == RV_ALLOW && d->n_limits > 0;
	bool is_shadow = d->system && d->system->observe;
	if (!reserves && !is_shadow)
		return RV_OK;
	RV_AUTO_BUF b;
	struct rv_json_w w;
	char amount[32];
	rv_buf_init(&b, RV_EVENT_MAX);
	rv_json_w_init(&w, &b);
	rv_json_w_obj(&w);
	if (is_shadow)
		rv_json_w_kv_bool(&w, "observe", true);
	if (reserves) {
		rv_json_w_name(&w, "reserved");
		rv_json_w_obj(&w);
	}
	for (size_t i = 0; reserves && i < d->n_limits; i++) {
		rv_json_w_name_str(&w, d->limits[i]->id);
		rv_json_w_strz(&w, rv_amount_format(d->amounts[i], 0, amount));
	}
	if (reserves)
		rv_json_w_obj_end(&w);
	rv_json_w_obj_end(&w);
	RV_TRY(rv_buf_ok(&b, err));
	*ret = keep(d, &b);
	return ret->p ? RV_OK : RV_FAIL_ARENA(err);
}

enum rv_code rv_gate_record(struct rv_decision *d, struct rv_err *err)
{
	struct rv_event ev;
	fill_event(d, &ev);
	RV_TRY(detail_text(d, &ev.detail_json, err));
	d->intent_id[0] = '\0';
	d->event_side = RV_STR("");
	/* Nothing was looked up for a request that stopped at its caller. */
	if (d->rq.overlay)
		RV_TRY(seal_side(d, &ev.args_json, &ev.snapshot, err));
	RV_TRY(build(d, &ev, &d->event, d->event_id, err));
	if (d->verdict.outcome != RV_ALLOW || !d->extra.act)
		return RV_OK;
	struct rv_event intent = ev;
	intent.kind = RV_EV_INTENT;
	intent.id = RV_STR("");
	intent.detail_json = RV_STR("");
	intent.cause = rv_str_of(d->event_id);
	intent.reasons = NULL;
	intent.n_reasons = 0;
	return build(d, &intent, &d->intent, d->intent_id, err);
}

/* ---- the answer ---- */

void rv_gate_put_reasons(struct rv_json_w *w, const struct rv_verdict *v)
{
	rv_json_w_name(w, "reasons");
	rv_json_w_arr(w);
	for (size_t i = 0; i < v->n_reasons; i++) {
		const struct rv_reason *r = &v->reasons[i];
		rv_json_w_obj(w);
		if (r->policy.n > 0)
			rv_json_w_kv_str(w, "policy", r->policy);
		if (r->code.n > 0)
			rv_json_w_kv_str(w, "code", r->code);
		if (r->text.n > 0)
			rv_json_w_kv_str(w, "text", r->text);
		rv_json_w_obj_end(w);
	}
	rv_json_w_arr_end(w);
}

static void put_hold(struct rv_json_w *w, const struct rv_decision *d)
{
	char when[RV_TIME_SIZE];
	const struct rv_db_approval *r = &d->hold.row;
	rv_json_w_name(w, "approval");
	rv_json_w_obj(w);
	rv_json_w_kv_str(w, "id", r->id);
	rv_json_w_kv_str(w, "state", r->state);
	rv_json_w_kv_str(w, "digest", r->digest);
	rv_json_w_name(w, "groups");
	rv_json_w_arr(w);
	for (size_t i = 0; i < d->hold.n_waives; i++)
		for (size_t k = 0; k < d->hold.waives[i].n_groups; k++)
			rv_json_w_str(w, d->hold.waives[i].groups[k]);
	rv_json_w_arr_end(w);
	rv_json_w_kv_i64(w, "missing", d->hold.missing);
	if (r->expires_ns > 0)
		rv_json_w_kv_strz(w, "expires", rv_time_format(r->expires_ns, when));
	rv_json_w_obj_end(w);
}

/* What is left of each limit that binds this action, after it if it was allowed. */
static void put_limits(struct rv_json_w *w, const struct rv_decision *d)
{
	char text[32], when[RV_TIME_SIZE];
	bool counts = d->verdict.outcome == RV_ALLOW;
	rv_json_w_name(w, "limits");
	rv_json_w_arr(w);
	for (size_t i = 0; i < d->n_limits; i++) {
		const struct rv_limit *l = d->limits[i];
		const struct rv_reserved *s = &d->states[i];
		int64_t used = counts ? s->used : s->used - s->amount;
		rv_json_w_obj(w);
		rv_json_w_kv_str(w, "name", l->name);
		rv_json_w_kv_strz(w, "unit", rv_unit_name(l->unit));
		if (l->currency.n > 0)
			rv_json_w_kv_str(w, "currency", l->currency);
		rv_json_w_kv_strz(w, "max", rv_amount_format(s->max, 0, text));
		rv_json_w_kv_strz(w, "used", rv_amount_format(used, 0, text));
		rv_json_w_kv_strz(
			w, "left", rv_amount_format(s->max > used ? s->max - used : 0, 0, text));
		if (s->resets_ns > 0)
			rv_json_w_kv_strz(w, "resets", rv_time_format(s->resets_ns, when));
		rv_json_w_obj_end(w);
	}
	rv_json_w_arr_end(w);
}

void rv_gate_answer_json(struct rv_decision *d)
{
	char mem[EVENT_STACK];
	RV_AUTO_BUF b;
	struct rv_json_w w;
	rv_buf_init_on(&b, mem, sizeof mem, 1 << 20);
	rv_json_w_init(&w, &b);
	rv_json_w_obj(&w);
	rv_json_w_kv_strz(&w, "outcome", rv_outcome_name(d->verdict.outcome));
	if (d->event_id[0])
		rv_json_w_kv_strz(&w, "id", d->event_id);
	rv_gate_put_reasons(&w, &d->verdict);
	rv_json_w_kv_i64(&w, "policy_version", rv_snap_policy_version(d->snap));
	rv_json_w_kv_i64(&w, "generation", (int64_t)rv_snapshot_generation(d->snap));
	if (d->digest.n > 0)
		rv_json_w_kv_str(&w, "digest", d->digest);
	if (d->has_hold)
		put_hold(&w, d);
	if (d->has_states)
		put_limits(&w, d);
	if (d->intent_id[0]) {
		rv_json_w_name(&w, "intent");
		rv_json_w_obj(&w);
		rv_json_w_kv_strz(&w, "id", d->intent_id);
		rv_json_w_obj_end(&w);
	}
	rv_json_w_obj_end(&w);
	d->answer.reeve_json = keep(d, &b);
	if (!d->answer.reeve_json.p) {
		d->answer.reeve_json = RV_STR("{\"outcome\":\"deny\"}");
		d->answer.outcome = RV_DENY;
		return;
	}
	d->answer.outcome = d->verdict.outcome;
}
