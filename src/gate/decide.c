/* The order decide, record, answer lives here and nowhere else. */
#include <pthread.h>
#include <stdio.h>

#include "base/uuid.h"
#include "gate/gate_int.h"

enum { MAGIC = 0x67617431 };

/* ---- scratch, one a thread ---- */

static pthread_key_t scratch_key;
static pthread_once_t scratch_once = PTHREAD_ONCE_INIT;

static void scratch_end(void *p)
{
	cedar_scratch_free(p);
}

static void scratch_setup(void)
{
	rv_assert(pthread_key_create(&scratch_key, scratch_end) == 0);
}

cedar_scratch *rv_gate_scratch(void)
{
	rv_assert(pthread_once(&scratch_once, scratch_setup) == 0);
	cedar_scratch *s = pthread_getspecific(scratch_key);
	if (!s) {
		s = cedar_scratch_new();
		rv_assert(s && pthread_setspecific(scratch_key, s) == 0);
	}
	cedar_scratch_clear(s);
	return s;
}

/* ---- answering ---- */

static void answer(struct rv_decision *d)
{
	rv_snapshot_unref(d->snap);
	d->snap = NULL;
	d->done(d->arg, &d->answer);
}

/* The request itself was wrong: nothing was decided. */
static void answer_error(struct rv_decision *d, enum rv_code code, const struct rv_err *err)
{
	d->answer.outcome = RV_DENY;
	d->answer.code = code;
	d->answer.err = *err;
	answer(d);
}

/* What cannot be recorded does not happen; the log counts it, and tells when it can again. */
static void answer_unavailable(struct rv_decision *d)
{
	rv_ledger_refused(d->gate->ledger);
	d->event_id[0] = d->intent_id[0] = '\0';
	d->has_hold = false;
	rv_gate_refuse(d, "audit_unavailable", "the audit record could not be made durable");
	rv_gate_answer_json(d);
	answer(d);
}

/* ---- caller, facts, policy: pure, from one snapshot ---- */

static enum rv_code evaluate(struct rv_decision *d, struct rv_err *err)
{
	cedar_scratch *s = rv_gate_scratch();
	struct rv_uuid id;
	/* Nothing of an earlier look stays: the snapshot may be another one. */
	d->rq = (cedar_request){ .n_overlay = 0 };
	d->resource = NULL;
	d->point = NULL;
	d->n_limits = 0;
	d->digest = d->effect = d->catalogue_type = d->catalogue_id = RV_STR("");
	d->on_behalf_of = d->claimed_on_behalf_of = RV_STR("");
	rv_uuid7(d->now_ns, &id);
	rv_uuid_format(&id, d->event_id);
	RV_TRY(rv_gate_caller(d, err));
	if (d->verdict.outcome != RV_OUTCOME_UNSET)
		return RV_OK;
	RV_TRY(rv_gate_facts(d, s, err));
	RV_TRY(rv_gate_digest(d, err));
	rv_gate_policy(d, s);
	return RV_OK;
}

/* ---- without state: straight to the ledger ---- */

static void on_durable(void *arg, enum rv_code code, uint64_t seq, const struct rv_sha256 *leaf)
{
	struct rv_decision *d = arg;
	if (code != RV_OK)
		answer_unavailable(d);
	else
		answer(d);
}

/* Two records of one thread become durable in their order, so the second one's word is enough when
 * it is good; when it is not, the first may stand in the log as a decision that was answered with
 * deny. */
static void ignore(void *arg, enum rv_code code, uint64_t seq, const struct rv_sha256 *leaf)
{
}

static struct rv_ledger_words words_of(
	const struct rv_decision *d, const char *id, enum rv_event_kind kind)
{
	return (struct rv_ledger_words){ .id = rv_str_of(id),
		.system = d->ask->subject_id,
		.action = d->ask->action,
		.outcome = rv_str_of(rv_outcome_name(d->verdict.outcome)),
		.kind = rv_str_of(rv_event_kind_name(kind)) };
}

static void record_directly(struct rv_decision *d)
{
	const struct rv_ledger_words words =
		words_of(d, d->event_id, d->extra.question ? RV_EV_QUESTION : RV_EV_DECISION);
	const struct rv_ledger_words intent_words = words_of(d, d->intent_id, RV_EV_INTENT);
	const struct rv_ledger_record first = {
		.event = d->event, .side = d->event_side, .words = &words
	};
	const struct rv_ledger_record second = { .event = d->intent, .words = &intent_words };
	bool has_second = d->intent_id[0] != '\0';
	rv_gate_answer_json(d);
	if (rv_ledger_submit(d->gate->ledger, &first, has_second ? ignore : on_durable, d, NULL) !=
		RV_OK) {
		answer_unavailable(d);
		return;
	}
	if (has_second && rv_ledger_submit(d->gate->ledger, &second, on_durable, d, NULL) != RV_OK)
		answer_unavailable(d);
}

/* ---- with state: one job ---- */

/* Request ids are each caller's own; a system and a point may bear one name. */
static enum rv_code idem_caller(const struct rv_decision *d, struct rv_str *ret, struct rv_err *err)
{
	const char *text = rv_arena_printf(d->arena, "%s:%.*s",
		rv_actor_type_name(d->ask->caller.type), RV_FMT(d->ask->caller.id));
	if (!text)
		return RV_FAIL_ARENA(err);
	*ret = rv_str_of(text);
	return RV_OK;
}

/* Without a digest the request stopped at its caller: a stop outlives what was answered before it.
 */
static bool is_kept(const struct rv_decision *d)
{
	return d->ask->request_id.n > 0 && d->digest.n > 0;
}

static enum rv_code find_replay(struct rv_decision *d, struct rv_op *op, struct rv_err *err)
{
	enum rv_idem idem;
	struct rv_str first, caller;
	if (!is_kept(d))
		return RV_OK;
	RV_TRY(idem_caller(d, &caller, err));
	RV_TRY(rv_idem_find(op, caller, d->ask->request_id, d->digest, &idem, &first, err));
	if (idem == RV_IDEM_OTHER)
		return RV_FAIL(err, RV_ECONFLICT,
			"request id '%.*s' was used for another request within 24 hours",
			RV_FMT(d->ask->request_id));
	d->is_replay = idem == RV_IDEM_SAME;
	if (d->is_replay) {
		d->replay = rv_arena_str(d->arena, first);
		if (!d->replay.p)
			return RV_FAIL_ARENA(err);
	}
	return RV_OK;
}

static enum rv_code keep_answer(struct rv_decision *d, struct rv_op *op, struct rv_err *err)
{
	struct rv_str caller;
	if (!is_kept(d))
		return RV_OK;
	RV_TRY(idem_caller(d, &caller, err));
	return rv_idem_keep(op, caller, d->ask->request_id, d->digest, d->answer.reeve_json, err);
}

/* A point knows of a system that the registry does not. */
static bool is_unregistered(const struct rv_decision *d)
{
	return d->point && d->verdict.code && strcmp(d->verdict.code, "unregistered") == 0;
}

static enum rv_code run(void *arg, struct rv_op *op, struct rv_err *err)
{
	struct rv_decision *d = arg;
	struct rv_reserve items[LIMITS_MAX];
	/* What was true at the door may have changed on the way: decide on what is true now. */
	rv_snapshot_unref(d->snap);
	d->snap = rv_snapshot_get(d->gate->gov);
	d->now_ns = op->now_ns;
	d->has_hold = d->is_replay = d->has_states = false;
	RV_TRY(evaluate(d, err));
	RV_TRY(find_replay(d, op, err));
	if (d->is_replay)
		return RV_OK;
	if (d->verdict.outcome == RV_ALLOW || d->verdict.outcome == RV_HOLD)
		RV_TRY(rv_gate_limits(d, op, items, err));
	if (d->verdict.outcome == RV_HOLD)
		RV_TRY(rv_gate_hold(d, op, err));
	RV_TRY(rv_gate_record(d, err));
	RV_TRY(rv_gate_reserve(d, op, items, err));
	RV_TRY(rv_op_record(op, rv_str_of(d->event_id), d->event, d->event_side, err));
	if (is_unregistered(d))
		RV_TRY(rv_finding_unregistered(
			op, d->ask->subject_id, d->point->name, rv_str_of(d->event_id), err));
	if (d->intent_id[0])
		RV_TRY(rv_op_record(op, rv_str_of(d->intent_id), d->intent, RV_STR(""), err));
	rv_gate_answer_json(d);
	return keep_answer(d, op, err);
}

static enum rv_outcome replay_outcome(struct rv_decision *d)
{
	const struct rv_json *v;
	if (rv_json_parse(d->arena, d->replay, NULL, &v, NULL) != RV_OK)
		return RV_DENY;
	const struct rv_json *o = rv_json_get(v, "outcome");
	if (rv_json_is(o, RV_JSON_STR) && rv_str_eqz(o->str, "allow"))
		return RV_ALLOW;
	return rv_json_is(o, RV_JSON_STR) && rv_str_eqz(o->str, "hold") ? RV_HOLD : RV_DENY;
}

/* The database failed and took the decision back; the log works and can say so. */
static void record_failure(struct rv_decision *d)
{
	struct rv_err err = { 0 };
	struct rv_uuid id;
	rv_uuid7(d->now_ns, &id);
	rv_uuid_format(&id, d->event_id); /* the other may have been in what failed */
	d->has_hold = d->is_replay = false;
	d->n_limits = 0;
	d->has_states = false;
	rv_gate_refuse(d, "storage_unavailable", "the decision could not be stored");
	if (rv_gate_record(d, &err) == RV_OK)
		record_directly(d);
	else
		answer_unavailable(d);
}

static void done(void *arg, enum rv_code code, const struct rv_err *err)
{
	struct rv_decision *d = arg;
	if (code == RV_EAUDIT) {
		answer_unavailable(d);
		return;
	}
	if (code == RV_EIO) {
		record_failure(d);
		return;
	}
	if (code != RV_OK) {
		answer_error(d, code, err);
		return;
	}
	if (d->is_replay) {
		d->answer.reeve_json = d->replay;
		d->answer.outcome = replay_outcome(d);
	}
	answer(d);
}

static void post(struct rv_decision *d)
{
	struct rv_err err = { 0 };
	const struct rv_job job = { .kind = RV_JOB_CHANGE,
		.run = run,
		.done = done,
		.arg = d,
		.actor = d->ask->caller,
		.trace = d->ask->trace };
	enum rv_code code = rv_control_post(d->gate->gov, &job, &err);
	if (code != RV_OK)
		answer_error(d, code, &err);
}

/* ---- the door ---- */

/* Stateless means: nothing to look up, count, open or consume. Questions never are acts. */
static bool needs_state(const struct rv_decision *d)
{
	if (d->extra.question)
		return false;
	if (is_kept(d) || is_unregistered(d))
		return true;
	if (d->verdict.outcome == RV_DENY)
		return false;
	return d->verdict.outcome == RV_HOLD || d->n_limits > 0 || d->extra.approval.n > 0;
}

void rv_gate_decide(struct rv_gate *g, struct rv_arena *arena, const struct rv_gate_ask *ask,
	rv_gate_done *done_cb, void *arg)
{
	rv_assert(g->magic == MAGIC);
	struct rv_err err = { 0 };
	struct rv_decision *d = rv_arena_alloc(arena, sizeof *d);
	if (!d) {
		struct rv_gate_answer a = { .outcome = RV_DENY, .code = RV_ELIMIT };
		(void)RV_FAIL_ARENA(&a.err); /* told in the answer */
		done_cb(arg, &a);
		return;
	}
	d->gate = g;
	d->arena = arena;
	d->ask = ask;
	d->done = done_cb;
	d->arg = arg;
	d->now_ns = rv_gov_now(g->gov);
	d->snap = rv_snapshot_get(g->gov);
	enum rv_code code = rv_gate_read(d, &err);
	if (code == RV_OK)
		code = evaluate(d, &err);
	if (code == RV_OK && needs_state(d)) {
		post(d);
		return;
	}
	if (code == RV_OK)
		code = rv_gate_record(d, &err);
	if (code != RV_OK) {
		answer_error(d, code, &err);
		return;
	}
	record_directly(d);
}

enum rv_code rv_gate_new(
	struct rv_gov *gov, struct rv_ledger *ledger, struct rv_gate **ret, struct rv_err *err)
{
	struct rv_gate *g = calloc(1, sizeof *g);
	if (!g)
		return RV_FAIL(err, RV_ENOMEM, "out of memory");
	*g = (struct rv_gate){ MAGIC, gov, ledger };
	*ret = g;
	return RV_OK;
}

void rv_gate_free(struct rv_gate *g)
{
	if (!g)
		return;
	g->magic = 0;
	free(g);
}
