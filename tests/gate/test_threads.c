/* Many callers at once against one meter, one approval, one request id, one stop. */
#include <stdio.h>

#include "tests/gate/lab.h"

enum { CALLERS = 64, ROUNDS = 4 };

static const char PERMIT[] = "permit (principal, action, resource);";
static const char HOLDS[] = "@approval(\"release-managers\") forbid (principal, action == "
			    "Reeve::Action::\"release\", resource);\n"
			    "permit (principal, action, resource);";

struct crowd;
typedef void caller_fn(struct crowd *c, unsigned number);
struct crowd {
	struct lab *lab;
	caller_fn *fn;
	pthread_barrier_t gate;
	pthread_mutex_t lock; /* guards all below */
	unsigned n_allowed, n_held, n_denied, n_other;
	int64_t spent; /* 1/10000 */
	unsigned running; /* allowed and not over */
	char intent[64]; /* of the first allowed one */
	bool intents_differ;
	bool is_stopped; /* the suspension has been reported */
	unsigned n_late; /* allowed although asked after that */
};
struct caller {
	struct crowd *c;
	unsigned number;
	pthread_t thread;
};

static void *caller_main(void *arg)
{
	struct caller *x = arg;
	(void)pthread_barrier_wait(&x->c->gate); /* one of them is told so; none cares */
	x->c->fn(x->c, x->number);
	return NULL;
}

static void crowd_run(struct crowd *c, struct lab *l, caller_fn *fn)
{
	struct caller callers[CALLERS];
	*c = (struct crowd){ .lab = l, .fn = fn };
	rv_assert(pthread_mutex_init(&c->lock, NULL) == 0 &&
		pthread_barrier_init(&c->gate, NULL, CALLERS) == 0);
	for (unsigned i = 0; i < CALLERS; i++) {
		callers[i] = (struct caller){ .c = c, .number = i };
		rv_assert(pthread_create(&callers[i].thread, NULL, caller_main, &callers[i]) == 0);
	}
	for (unsigned i = 0; i < CALLERS; i++)
		rv_assert(pthread_join(callers[i].thread, NULL) == 0);
	pthread_barrier_destroy(&c->gate);
	pthread_mutex_destroy(&c->lock);
}

static void count(struct crowd *c, const struct lab_answer *a, int64_t amount)
{
	pthread_mutex_lock(&c->lock);
	if (a->code == RV_OK && a->outcome == RV_ALLOW) {
		if (c->n_allowed++ == 0)
			snprintf(c->intent, sizeof c->intent, "%s", a->intent);
		c->intents_differ |= strcmp(c->intent, a->intent) != 0;
		c->spent += amount;
	} else if (a->code == RV_OK && a->outcome == RV_HOLD) {
		c->n_held++;
	} else if (a->code == RV_OK && a->outcome == RV_DENY) {
		c->n_denied++;
	} else {
		c->n_other++;
		test_fail(__FILE__, __LINE__, "%s: %s", rv_code_name(a->code), a->msg);
	}
	pthread_mutex_unlock(&c->lock);
}

/* ---- money ---- */

static void spend(struct crowd *c, unsigned number)
{
	for (unsigned round = 0; round < ROUNDS; round++) {
		char context[120];
		struct lab_answer a;
		/* 1.01 .. 8.64, each caller its own */
		int64_t amount = 10100 + (int64_t)((number * 7 + round * 13) % 64) * 1200;
		snprintf(context, sizeof context,
			"{\"reeve\":{\"act\":true},\"amount\":\"%lld.%04lld\"}",
			(long long)(amount / 10000), (long long)(amount % 10000));
		const struct lab_question q = { .asker = "gw",
			.system = "ads-bot",
			.action = "spend",
			.type = "Account",
			.id = "ads",
			.context = context };
		lab_ask(c->lab, &q, &a);
		count(c, &a, amount);
	}
}

static enum rv_code used_now(struct lab *l, int64_t *ret)
{
	struct rv_limit_state *rows;
	size_t n;
	enum rv_code code = AS(&l->f, "gus", rv_limit_states, RV_STR("ads-bot"), &rows, &n);
	for (size_t i = 0; code == RV_OK && i < n; i++)
		if (rv_str_eqz(rows[i].limit->name, "budget"))
			*ret = rows[i].now.used;
	return code;
}

TEST(money_is_never_over_spent)
{
	struct lab l = { .gate = NULL };
	struct crowd c;
	int64_t used = -1;
	lab_open(&l);
	CHECK_OK(&l.f, lab_publish(&l, PERMIT));
	crowd_run(&c, &l, spend);
	CHECKF(c.spent <= 100 * 10000, "spent %lld of 1000000", (long long)c.spent);
	/* Nobody was sent away while what the smallest asks for was still there. */
	CHECKF(c.spent > 100 * 10000 - 10100, "spent %lld only", (long long)c.spent);
	CHECK(c.n_allowed + c.n_denied == CALLERS * ROUNDS);
	CHECK_OK(&l.f, used_now(&l, &used));
	CHECKF(used == c.spent, "the meter says %lld, the answers %lld", (long long)used,
		(long long)c.spent);
	CHECK(lab_logged(&l, "intent", "") == c.n_allowed);
	CHECK(lab_logged(&l, "decision", "\"reserved\"") == c.n_allowed);
	/* And not after a restart either. */
	lab_reopen(&l);
	CHECK_OK(&l.f, used_now(&l, &used));
	CHECK(used == c.spent);
	lab_done(&l);
}

/* ---- what goes on at once ---- */

enum { AT_ONCE = 5 };

struct over {
	struct rv_gate *gate;
	const char *intent;
};

static enum rv_code is_over(void *arg, struct rv_op *op, struct rv_err *err)
{
	const struct over *o = arg;
	const struct rv_gate_outcome out = { .intent = rv_str_of(o->intent),
		.status = RV_STR_INIT("succeeded") };
	struct rv_str event;
	return rv_gate_outcome(o->gate, op, &out, &event, err);
}

static void act_for_a_while(struct crowd *c, unsigned number)
{
	static const struct lab_question look = { .asker = "gw",
		.system = "ads-bot",
		.action = "look",
		.type = "Service",
		.id = "shop",
		.context = "{\"reeve\":{\"act\":true}}" };
	(void)number; /* all do the same */
	for (int i = 0; i < ROUNDS; i++) {
		struct lab_answer a;
		lab_ask(c->lab, &look, &a);
		count(c, &a, 0);
		if (a.outcome != RV_ALLOW)
			continue;
		pthread_mutex_lock(&c->lock);
		c->running++;
		c->n_late += c->running > AT_ONCE;
		pthread_mutex_unlock(&c->lock);
		struct rv_err err = { 0 };
		struct over o = { c->lab->gate, a.intent };
		const struct rv_job job = { .kind = RV_JOB_CHANGE,
			.run = is_over,
			.arg = &o,
			.actor = { .type = RV_ACTOR_POINT, .id = RV_STR_INIT("gw") } };
		pthread_mutex_lock(&c->lock);
		c->running--; /* before it is told: nobody may come in earlier */
		pthread_mutex_unlock(&c->lock);
		CHECKF(rv_control_call(c->lab->f.gov, &job, &err) == RV_OK, "%s", err.msg);
	}
}

TEST(never_more_at_once_than_the_limit)
{
	struct lab l = { .gate = NULL };
	struct crowd c;
	lab_open(&l);
	CHECK_OK(&l.f, lab_publish(&l, PERMIT));
	CHECK_OK(&l.f,
		lab_apply(&l,
			"kind: Limit\nname: at-once\nspec: {role: buyer, unit: concurrent, max: 5, "
			"actions: [look]}\n"));
	crowd_run(&c, &l, act_for_a_while);
	CHECK(c.n_late == 0 && c.n_other == 0 && c.n_allowed >= AT_ONCE);
	CHECK(c.n_allowed + c.n_denied == CALLERS * ROUNDS);
	lab_done(&l);
}

/* ---- one approval ---- */

static const struct lab_question RELEASE = { .asker = "gw",
	.system = "deploy-bot",
	.action = "release",
	.type = "Service",
	.id = "shop",
	.context = "{\"reeve\":{\"act\":true},\"arguments\":{\"v\":\"1\"}}" };

static void release(struct crowd *c, unsigned number)
{
	struct lab_answer a;
	(void)number; /* all ask for the same */
	lab_ask(c->lab, &RELEASE, &a);
	count(c, &a, 0);
}

TEST(one_approval_is_used_once)
{
	struct lab l = { .gate = NULL };
	struct crowd c;
	struct lab_answer a;
	struct rv_hold h;
	lab_open(&l);
	CHECK_OK(&l.f, lab_publish(&l, HOLDS));
	crowd_run(&c, &l, release);
	CHECK(c.n_held == CALLERS);
	CHECK(lab_logged(&l, "approval.opened", "") == 1);
	lab_ask(&l, &RELEASE, &a);
	REQUIRE(a.outcome == RV_HOLD && a.approval[0]);
	CHECK_OK(&l.f,
		AS(&l.f, "rita", rv_hold_vote, rv_str_of(a.approval), rv_str_of(a.digest), true,
			RV_STR("once"), &h));
	crowd_run(&c, &l, release);
	CHECKF(c.n_allowed == 1, "%u were allowed by one approval", c.n_allowed);
	CHECK(c.n_held == CALLERS - 1);
	CHECK(lab_logged(&l, "approval.consumed", "") == 1);
	CHECK(lab_logged(&l, "intent", "") == 1);
	CHECK(lab_logged(&l, "approval.opened", "") == 2);
	lab_done(&l);
}

/* ---- one request id ---- */

static void spend_once(struct crowd *c, unsigned number)
{
	struct lab_answer a;
	(void)number; /* all are one and the same try */
	const struct lab_question q = { .asker = "gw",
		.system = "ads-bot",
		.action = "spend",
		.type = "Account",
		.id = "ads",
		.context = "{\"reeve\":{\"act\":true},\"amount\":\"60\"}",
		.request_id = "the-one" };
	lab_ask(c->lab, &q, &a);
	count(c, &a, 600000);
}

TEST(one_request_id_is_one_decision)
{
	struct lab l = { .gate = NULL };
	struct crowd c;
	int64_t used = -1;
	lab_open(&l);
	CHECK_OK(&l.f, lab_publish(&l, PERMIT));
	crowd_run(&c, &l, spend_once);
	CHECK(c.n_allowed == CALLERS && !c.intents_differ && c.intent[0]);
	CHECK(lab_logged(&l, "intent", "") == 1);
	CHECK_OK(&l.f, used_now(&l, &used));
	CHECK(used == 600000);
	lab_done(&l);
}

/* ---- one stop ---- */

static void look_or_stop(struct crowd *c, unsigned number)
{
	struct rv_err err = { 0 };
	if (number == 0) {
		struct fixture *f = &c->lab->f;
		f->job_kind = RV_JOB_STOP;
		enum rv_code code =
			AS(f, "resi", rv_system_suspend, RV_STR("deploy-bot"), RV_STR("stop"));
		pthread_mutex_lock(&c->lock);
		if (code != RV_OK)
			test_fail(__FILE__, __LINE__, "%s", err.msg);
		c->is_stopped = true;
		pthread_mutex_unlock(&c->lock);
		return;
	}
	for (unsigned round = 0; round < 2 * ROUNDS; round++) {
		struct lab_answer a;
		/* Half of them go the way over the control thread. */
		char id[40];
		snprintf(id, sizeof id, "r-%u-%u", number, round);
		const struct lab_question q = { .asker = "gw",
			.system = "deploy-bot",
			.action = "look",
			.type = "Service",
			.id = "shop",
			.context = "{\"reeve\":{\"act\":true}}",
			.request_id = number % 2 ? id : NULL };
		pthread_mutex_lock(&c->lock);
		bool was_stopped = c->is_stopped;
		pthread_mutex_unlock(&c->lock);
		lab_ask(c->lab, &q, &a);
		count(c, &a, 0);
		pthread_mutex_lock(&c->lock);
		c->n_late += was_stopped && a.outcome != RV_DENY;
		pthread_mutex_unlock(&c->lock);
	}
}

TEST(nothing_asked_after_a_stop_was_reported_is_allowed)
{
	struct lab l = { .gate = NULL };
	struct crowd c;
	struct lab_answer a;
	lab_open(&l);
	CHECK_OK(&l.f, lab_publish(&l, PERMIT));
	crowd_run(&c, &l, look_or_stop);
	CHECKF(c.n_late == 0, "%u were allowed after the stop", c.n_late);
	const struct lab_question q = { .asker = "gw",
		.system = "deploy-bot",
		.action = "look",
		.type = "Service",
		.id = "shop" };
	lab_ask(&l, &q, &a);
	CHECK(a.outcome == RV_DENY && strcmp(a.first, "suspended") == 0);
	lab_done(&l);
}

/* ---- a stop and what follows it in one batch ---- */

static enum rv_code stop_run(void *arg, struct rv_op *op, struct rv_err *err)
{
	return rv_system_suspend(op, RV_STR("deploy-bot"), RV_STR("stop"), err);
}

struct late {
	pthread_mutex_t lock;
	pthread_cond_t there;
	enum rv_outcome outcome;
};

static void late_done(void *arg, const struct rv_gate_answer *a)
{
	struct late *w = arg;
	pthread_mutex_lock(&w->lock);
	w->outcome = a->outcome;
	pthread_cond_signal(&w->there);
	pthread_mutex_unlock(&w->lock);
}

TEST(a_stop_is_seen_by_what_follows_it_in_its_batch)
{
	struct lab l = { .gate = NULL };
	struct late w = { .outcome = RV_OUTCOME_UNSET };
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 1 << 24);
	rv_assert(pthread_mutex_init(&w.lock, NULL) == 0 && pthread_cond_init(&w.there, NULL) == 0);
	lab_open(&l);
	CHECK_OK(&l.f, lab_publish(&l, PERMIT));
	const struct rv_job stop = { .kind = RV_JOB_STOP,
		.run = stop_run,
		.actor = { .type = RV_ACTOR_PERSON, .id = RV_STR_INIT("resi") } };
	const struct rv_gate_ask ask = { .caller = { .type = RV_ACTOR_POINT,
						 .id = RV_STR_INIT("gw") },
		.subject_type = RV_STR_INIT("System"),
		.subject_id = RV_STR_INIT("deploy-bot"),
		.action = RV_STR_INIT("look"),
		.resource_type = RV_STR_INIT("Service"),
		.resource_id = RV_STR_INIT("shop"),
		.request_id = RV_STR_INIT("late") }; /* by way of the control thread */
	/* The control thread is busy with this one while the two queue up behind it. */
	struct rv_op *op = as(&l.f, NULL);
	CHECK(op != NULL);
	REQUIRE_OK(rv_control_post(l.f.gov, &stop, &l.f.err), &l.f.err);
	rv_gate_decide(l.gate, &a, &ask, late_done, &w);
	CHECK_OK(&l.f, end(&l.f, RV_OK));
	pthread_mutex_lock(&w.lock);
	while (w.outcome == RV_OUTCOME_UNSET)
		pthread_cond_wait(&w.there, &w.lock);
	pthread_mutex_unlock(&w.lock);
	CHECKF(w.outcome == RV_DENY, "%s", rv_outcome_name(w.outcome));
	pthread_cond_destroy(&w.there);
	pthread_mutex_destroy(&w.lock);
	lab_done(&l);
}

int main(int argc, char **argv)
{
	int status = test_main(argc, argv);
	lab_end();
	return status;
}
