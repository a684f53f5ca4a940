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

/* What cannot be recorded does not happen. */
static void answer_unavailable(struct rv_decision *d)
{
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

static void record_directly(struct rv_decision *d)
{
	const struct rv_ledger_record first = { .event = d->event, .side = d->event_side };
	const struct rv_ledger_record second = { .event = d->intent };
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

/* What decides stands first. */
static void add_first(struct rv_verdict *v, const struct rv_reason *r)
{
	size_t n = v->n_reasons < REASONS_MAX ? v->n_reasons : REASONS_MAX - 1;
	memmove(v->reasons + 1, v->reasons, n * sizeof *r);
	v->reasons[0] = *r;
	v->n_reasons = n + 1;
}

static struct rv_str limit_text(struct rv_decision *d, const struct rv_limit *l, int64_t used)
{
	char after[32], max[32];
	const char *text = rv_arena_printf(d->arena,
		"limit '%.*s': with this, %s of %s%s%.*s would be used (%.*s%.*s)", RV_FMT(l->name),
		rv_amount_format(used, 0, after), rv_amount_format(l->max, 0, max),
		l->currency.n > 0 ? " " : "", RV_FMT(l->currency),
		rv_str_eqz(l->per, "total") ? 0 : 4, "per ", RV_FMT(l->per));
	return rv_str_of(text ? text : "limit exceeded");
}

/* Meters first: which of them would be passed, and whether that denies or holds. */
static enum rv_code look_at_limits(
	struct rv_decision *d, struct rv_op *op, struct rv_reserve *items, struct rv_err *err)
{
	struct rv_reserved states[LIMITS_MAX];
	struct rv_verdict *v = &d->verdict;
	for (size_t i = 0; i < d->n_limits; i++)
		items[i] = (struct rv_reserve){ .limit = d->limits[i], .amount = d->amounts[i] };
	if (d->n_limits == 0)
		return RV_OK;
	RV_TRY(rv_limit_look(op, items, d->n_limits, states, err));
	for (size_t i = 0; i < d->n_limits; i++) {
		if (!states[i].exceeds)
			continue;
		const struct rv_limit *l = d->limits[i];
		const struct rv_reason reason = { .policy = l->id,
			.text = limit_text(d, l, states[i].used),
			.code = RV_STR("limit_exceeded") };
		add_first(v, &reason);
		if (!l->holds || v->n_waives == WAIVES_MAX) {
			v->outcome = RV_DENY;
			v->code = "limit_exceeded";
			continue;
		}
		items[i].is_lifted = true;
		v->waives[v->n_waives++] = (struct rv_waive){ .id = l->id,
			.hash = l->hash,
			.text = reason.text,
			.groups = l->groups,
			.n_groups = l->n_groups,
			.quorum = l->quorum,
			.expires_ns = 3600 * RV_NS_PER_S };
		if (v->outcome == RV_ALLOW)
			v->outcome = RV_HOLD;
	}
	return RV_OK;
}

/* The words for an approval that was named but cannot be used. */
static const char *use_code(enum rv_use use)
{
	switch (use) {
	case RV_USE_DENIED:
		return "approval_denied";
	case RV_USE_EXPIRED:
		return "approval_expired";
	case RV_USE_USED:
		return "approval_used";
	case RV_USE_MISMATCH:
		return "approval_mismatch";
	case RV_USE_SUSPENDED:
		return "suspended";
	default:
		return NULL;
	}
}

static void refuse_use(struct rv_decision *d, enum rv_use use)
{
	const char *code = use_code(use);
	const char *text = "the approval cannot be used";
	if (use == RV_USE_MISMATCH)
		text = rv_arena_printf(d->arena,
			"approved was %.*s, asked is %.*s: not the same request",
			RV_FMT(d->hold.row.digest), RV_FMT(d->digest));
	const struct rv_reason reason = { .text = rv_str_of(
						  text ? text : "the approval cannot be used"),
		.code = rv_str_of(code) };
	d->verdict.outcome = RV_DENY;
	d->verdict.code = code;
	d->verdict.n_waives = 0;
	add_first(&d->verdict, &reason);
}

static enum rv_code open_hold(struct rv_decision *d, struct rv_op *op, struct rv_err *err)
{
	RV_AUTO_BUF args;
	rv_buf_init(&args, 512 << 10);
	struct rv_json_w w;
	rv_json_w_init(&w, &args);
	if (d->arguments)
		rv_json_w_value(&w, d->arguments);
	else
		rv_buf_addz(&args, "{}");
	RV_TRY(rv_buf_ok(&args, err));
	const struct rv_hold_request req = {
		.digest = d->digest,
		.system = d->system->name,
		.owner = d->system->owner,
		.on_behalf_of = d->on_behalf_of,
		.action = d->ask->action,
		.resource_type = d->catalogue_type,
		.resource_id = d->catalogue_id,
		.resource_digest = d->resource ? d->resource->digest : RV_STR(""),
		.policy_version = rv_snap_policy_version(d->snap),
		.profile_version = d->system->version,
		.args_json = rv_buf_str(&args),
		.waives = d->verdict.waives,
		.n_waives = d->verdict.n_waives,
		.decision_event = rv_str_of(d->event_id),
	};
	struct rv_err e = { 0 };
	enum rv_code code = rv_hold_open(op, &req, &d->hold, NULL, &e);
	if (code == RV_EBUSY) {
		const char *text = rv_arena_printf(d->arena, "%s", e.msg);
		rv_gate_refuse(d, "too_many_waiting", text ? text : "too much waits already");
		return RV_OK;
	}
	if (code != RV_OK)
		return RV_FAIL(err, code, "%s", e.msg);
	d->has_hold = true;
	return RV_OK;
}

/* More than one approval can carry is nothing people can decide. */
static bool fits_one_approval(const struct rv_verdict *v)
{
	int64_t places = 0;
	for (size_t i = 0; i < v->n_waives; i++) {
		if (v->waives[i].n_groups > RV_GROUPS_MAX)
			return false;
		places += v->waives[i].quorum;
	}
	return v->n_waives <= RV_WAIVES_MAX && places <= RV_PLACES_MAX;
}

/* A hold: is there an approval to consume? */
static enum rv_code settle_hold(struct rv_decision *d, struct rv_op *op, struct rv_err *err)
{
	enum rv_use use;
	const struct rv_verdict *v = &d->verdict;
	if (!fits_one_approval(v)) {
		rv_gate_refuse(d, "too_many_waives",
			"more would have to be waived than one approval can carry");
		return RV_OK;
	}
	RV_TRY(rv_hold_find(op, d->extra.approval, d->system->name, d->digest, v->waives,
		v->n_waives, &use, &d->hold, err));
	if (use == RV_USE_OK) {
		RV_TRY(rv_hold_consume(
			op, d->hold.row.id, d->digest, v->waives, v->n_waives, &d->hold, err));
		d->has_hold = true;
		d->verdict.outcome = RV_ALLOW;
		return RV_OK;
	}
	/* One that was named must fit; without a name a new hold is opened for what is not there.
	 */
	bool fresh = d->extra.approval.n == 0 &&
		(use == RV_USE_EXPIRED || use == RV_USE_USED || use == RV_USE_MISMATCH);
	if (use_code(use) && !fresh) {
		d->has_hold = use != RV_USE_NONE;
		refuse_use(d, use);
		return RV_OK;
	}
	if (use == RV_USE_NONE && d->extra.approval.n > 0)
		return RV_FAIL(err, RV_ENOENT, "no approval '%.*s' of this system",
			RV_FMT(d->extra.approval));
	return open_hold(d, op, err);
}

static enum rv_code reserve(
	struct rv_decision *d, struct rv_op *op, const struct rv_reserve *items, struct rv_err *err)
{
	struct rv_reserved states[LIMITS_MAX];
	bool ok = true;
	if (d->verdict.outcome != RV_ALLOW || d->n_limits == 0)
		return RV_OK;
	/* The intent is what is settled later; advice without one reserves under the decision's id.
	 */
	struct rv_str id = rv_str_of(d->intent_id[0] ? d->intent_id : d->event_id);
	RV_TRY(rv_limit_reserve(op, id, d->system->name, d->point ? d->point->name : RV_STR(""),
		items, d->n_limits, states, &ok, err));
	return ok ? RV_OK
		  : RV_FAIL(err, RV_EINTERNAL, "a limit changed inside its own transaction");
}

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
	d->has_hold = d->is_replay = false;
	RV_TRY(evaluate(d, err));
	RV_TRY(find_replay(d, op, err));
	if (d->is_replay)
		return RV_OK;
	if (d->verdict.outcome == RV_ALLOW || d->verdict.outcome == RV_HOLD)
		RV_TRY(look_at_limits(d, op, items, err));
	if (d->verdict.outcome == RV_HOLD)
		RV_TRY(settle_hold(d, op, err));
	RV_TRY(rv_gate_record(d, err));
	RV_TRY(reserve(d, op, items, err));
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
