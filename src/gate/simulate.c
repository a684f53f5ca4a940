/* What if: a request decided on today's facts, under policies somebody thinks of and under those in
 * force. */
#include "gate/replay_int.h"

/* Who reads everything, and who answers for the system. */
static enum rv_code may_ask(struct rv_op *op, const struct rv_snap_system *s, struct rv_err *err)
{
	if (op->actor.type == RV_ACTOR_PERSON && rv_str_eq(s->owner, op->actor.id) &&
		rv_need(op, RV_RIGHTS_ALL, NULL) == RV_OK)
		return RV_OK;
	return rv_gate_may_replay(op, err);
}

static void put_verdict(struct rv_json_w *w, const struct rv_verdict *v)
{
	rv_json_w_kv_strz(w, "outcome", rv_outcome_name(v->outcome));
	rv_gate_put_reasons(w, v);
	rv_json_w_name(w, "groups");
	rv_json_w_arr(w);
	for (size_t i = 0; i < v->n_waives; i++)
		for (size_t k = 0; k < v->waives[i].n_groups; k++)
			rv_json_w_str(w, v->waives[i].groups[k]);
	rv_json_w_arr_end(w);
}

static enum rv_code decide(struct rv_decision *d, const struct rv_simulate_ask *ask,
	struct rv_op *op, struct rv_json_w *w, struct rv_err *err)
{
	struct rv_gate_set set;
	struct rv_verdict v;
	struct rv_str current, id;
	int64_t version;
	cedar_scratch *s = rv_gate_scratch();
	RV_TRY(rv_gate_facts(d, s, err));
	RV_TRY(rv_gate_current_set(op, &current, &version, err));
	RV_TRY(rv_gate_candidate(
		op->arena, current, ask->files, ask->n_files, ask->is_alone, &set, err));
	const struct rv_judge j = { .policies = set.policies,
		.notes = set.notes,
		.entities = rv_snap_entities(d->snap),
		.rq = &d->rq,
		.scratch = s,
		.is_shadow = d->system->observe };
	rv_gate_judge(op->arena, &j, NULL, &v);
	rv_gate_policy(d, s);
	struct rv_event ev = { .system = d->system->name,
		.owner = d->system->owner,
		.action = ask->what.action,
		.resource_type = d->catalogue_type,
		.resource_id = d->catalogue_id,
		.outcome = v.outcome,
		.policy_version = version };
	enum rv_code code = rv_gate_note_question(op, "simulate", &ev, &set, &id, err);
	const char *why = rv_snap_refusal(d->snap, d->system, op->now_ns);
	if (code == RV_OK) {
		rv_json_w_kv_str(w, "id", id);
		put_verdict(w, &v);
		if (why)
			rv_json_w_kv_strz(w, "refusal", why);
		rv_json_w_name(w, "in_force");
		rv_json_w_obj(w);
		put_verdict(w, &d->verdict);
		rv_json_w_obj_end(w);
	}
	rv_gate_set_done(&set);
	return code;
}

enum rv_code rv_gate_simulate(struct rv_gate *g, struct rv_op *op,
	const struct rv_simulate_ask *ask, struct rv_json_w *w, struct rv_err *err)
{
	struct rv_decision *d = rv_arena_alloc(op->arena, sizeof *d);
	if (!d)
		return RV_FAIL_ARENA(err);
	d->gate = g;
	d->arena = op->arena;
	d->ask = &ask->what;
	d->now_ns = ask->at_ns > 0 ? ask->at_ns : op->now_ns;
	d->snap = rv_snapshot_get(op->gov);
	enum rv_code code = rv_gate_read(d, err);
	d->extra.question = true; /* whatever the request says: nothing is reserved */
	d->system = rv_snap_system(d->snap, ask->what.subject_id);
	/* To others it does not exist. */
	if (code == RV_OK && (!d->system || may_ask(op, d->system, NULL) != RV_OK))
		code = RV_FAIL(err, RV_ENOENT, "no system '%.*s'", RV_FMT(ask->what.subject_id));
	if (code == RV_OK)
		code = decide(d, ask, op, w, err);
	rv_snapshot_unref(d->snap);
	return code;
}
