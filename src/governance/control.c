/* The control thread: every change of state, one after another, many to a transaction. All jobs
 * that wait are taken together and done as one batch (batch.c); between batches the house is kept.
 */
#include <errno.h>
#include <time.h>

#include "governance/control_int.h"
#include "governance/tally.h"

/* TICK_MS: how often housekeeping looks for what is due. */
enum { TICK_MS = 10000, QUEUE_MAX = 8192, BATCH_MAX = 512, RETRY_MS = 100 };
#define BATCH_MEMORY_MAX ((size_t)512 << 20)

/* ---- posting ---- */

static struct rv_str copy_into(char **at, struct rv_str s)
{
	struct rv_str r = { *at, s.n };
	if (s.n > 0)
		memcpy(*at, s.p, s.n);
	*at += s.n;
	return r;
}

static struct control_node *new_node(const struct rv_job *job)
{
	const struct rv_actor *a = &job->actor;
	struct control_node *n = calloc(1, sizeof *n);
	char *text = malloc(a->id.n + a->session.n + job->trace.n + job->cause.n + 1);
	if (!n || !text) {
		free(n);
		free(text);
		return NULL;
	}
	n->text = text;
	n->job = *job;
	n->job.actor.id = copy_into(&text, a->id);
	n->job.actor.session = copy_into(&text, a->session);
	n->job.trace = copy_into(&text, job->trace);
	n->job.cause = copy_into(&text, job->cause);
	return n;
}

enum rv_code rv_control_post(struct rv_gov *g, const struct rv_job *job, struct rv_err *err)
{
	rv_assert(g->magic == RV_GOV_MAGIC && g->control);
	struct rv_control *c = g->control;
	struct control_node *n = new_node(job);
	if (!n)
		return RV_FAIL(err, RV_ENOMEM, "out of memory");
	pthread_mutex_lock(&c->lock);
	/* Stops are never told to wait. */
	bool full = c->n >= QUEUE_MAX && job->kind != RV_JOB_STOP;
	bool closed = c->stops;
	if (!full && !closed) {
		*c->last = n;
		c->last = &n->next;
		if (c->n++ == 0)
			pthread_cond_signal(&c->more);
	}
	pthread_mutex_unlock(&c->lock);
	if (!full && !closed)
		return RV_OK;
	rv_control_node_free(n);
	return closed ? RV_FAIL(err, RV_ECLOSED, "the service is shutting down")
		      : RV_FAIL(err, RV_EBUSY, "too much is waiting; try again in a second");
}

struct call {
	pthread_mutex_t lock;
	pthread_cond_t ended;
	bool is_done;
	enum rv_code code;
	struct rv_err *err;
	rv_job_run *run;
	void *arg;
};

static enum rv_code call_run(void *arg, struct rv_op *op, struct rv_err *err)
{
	struct call *c = arg;
	return c->run(c->arg, op, err);
}

static void call_done(void *arg, enum rv_code code, const struct rv_err *err)
{
	struct call *c = arg;
	pthread_mutex_lock(&c->lock);
	c->code = code;
	if (c->err && c->err->code == RV_OK)
		*c->err = *err;
	c->is_done = true;
	pthread_cond_signal(&c->ended);
	pthread_mutex_unlock(&c->lock);
}

enum rv_code rv_control_call(struct rv_gov *g, const struct rv_job *job, struct rv_err *err)
{
	struct call c = { .err = err, .run = job->run, .arg = job->arg };
	struct rv_job inner = *job;
	inner.run = call_run;
	inner.done = call_done;
	inner.arg = &c;
	rv_assert(pthread_mutex_init(&c.lock, NULL) == 0 && pthread_cond_init(&c.ended, NULL) == 0);
	enum rv_code code = rv_control_post(g, &inner, err);
	if (code == RV_OK) {
		pthread_mutex_lock(&c.lock);
		while (!c.is_done)
			pthread_cond_wait(&c.ended, &c.lock);
		pthread_mutex_unlock(&c.lock);
		code = c.code;
	}
	pthread_cond_destroy(&c.ended);
	pthread_mutex_destroy(&c.lock);
	return code;
}

/* Events that a ledger out of order left behind go as soon as it works again. */
static void retry_outbox(struct rv_control *c)
{
	uint64_t waiting = 0;
	if (!rv_outbox_ledger_ok(c->gov) ||
		rv_outbox_drain(c->gov, false, NULL, &waiting, NULL) != RV_OK)
		return;
	pthread_mutex_lock(&c->lock);
	c->stats.outbox_waiting = waiting;
	pthread_mutex_unlock(&c->lock);
}

/* ---- housekeeping ---- */

struct tick {
	struct rv_gov *gov;
	bool is_last, was_run;
};

static enum rv_code tick_run(void *arg, struct rv_op *op, struct rv_err *err)
{
	struct tick *t = arg;
	int64_t n;
	t->was_run = true;
	RV_TRY(rv_hold_sweep(op, &n, err));
	RV_TRY(rv_idem_sweep(op, &n, err));
	return rv_tally_tell(op, t->is_last, err);
}

static void tick_done(void *arg, enum rv_code code, const struct rv_err *err)
{
	const struct tick *t = arg;
	/* Committed and not appended: the outbox brings it to the log later. */
	if (code == RV_OK || (code == RV_EAUDIT && t->was_run))
		rv_tally_told(t->gov->tally);
}

static int64_t now_ms(void)
{
	struct timespec t;
	rv_assert(clock_gettime(CLOCK_MONOTONIC, &t) == 0);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* A batch of its own, between those of others. */
static void tick(struct rv_control *c, bool is_last)
{
	struct tick t = { .gov = c->gov, .is_last = is_last };
	const struct rv_job job = { .kind = RV_JOB_CHANGE,
		.run = tick_run,
		.done = tick_done,
		.arg = &t,
		.actor = { .type = RV_ACTOR_SERVICE, .id = RV_STR_INIT("reeve") } };
	pthread_mutex_lock(&c->lock);
	uint64_t wanted = c->ticks_wanted;
	pthread_mutex_unlock(&c->lock);
	c->ticked_ms = now_ms();
	struct control_node *n = rv_outbox_ledger_ok(c->gov) ? new_node(&job) : NULL;
	if (n)
		rv_control_batch(c, n);
	pthread_mutex_lock(&c->lock);
	c->ticks_done = wanted;
	pthread_cond_broadcast(&c->ticked);
	pthread_mutex_unlock(&c->lock);
}

void rv_control_tick(struct rv_gov *g)
{
	struct rv_control *c = g->control;
	pthread_mutex_lock(&c->lock);
	uint64_t mine = ++c->ticks_wanted;
	pthread_cond_signal(&c->more);
	while (c->ticks_done < mine)
		pthread_cond_wait(&c->ticked, &c->lock);
	pthread_mutex_unlock(&c->lock);
}

static bool is_due(const struct rv_control *c)
{
	int64_t ago_ms = now_ms() - c->ticked_ms;
	return ago_ms >= TICK_MS || c->ticks_done < c->ticks_wanted;
}

static void wait_until(struct rv_control *c, int64_t at_ms)
{
	const struct timespec at = { .tv_sec = at_ms / 1000, .tv_nsec = at_ms % 1000 * 1000000 };
	(void)pthread_cond_timedwait(&c->more, &c->lock, &at); /* the caller looks at the clock */
}

/* Returns with the lock held, as it was called. */
static void wait_for_more(struct rv_control *c)
{
	wait_until(c, c->stats.outbox_waiting > 0 ? now_ms() + RETRY_MS : c->ticked_ms + TICK_MS);
	if (c->first || c->stops || c->stats.outbox_waiting == 0)
		return;
	pthread_mutex_unlock(&c->lock);
	retry_outbox(c);
	pthread_mutex_lock(&c->lock);
}

static struct control_node *take_batch(struct rv_control *c)
{
	struct control_node *first = c->first, *at = first;
	size_t n = 1;
	for (; at->next && n < BATCH_MAX; n++)
		at = at->next;
	c->first = at->next;
	if (!c->first)
		c->last = &c->first;
	at->next = NULL;
	c->n -= n;
	return first;
}

static void *control_main(void *arg)
{
	struct rv_control *c = arg;
	pthread_mutex_lock(&c->lock);
	for (;;) {
		while (!c->first && !c->stops && !is_due(c))
			wait_for_more(c);
		struct control_node *jobs = c->first ? take_batch(c) : NULL;
		bool ends = !jobs && c->stops, ticks = is_due(c);
		pthread_mutex_unlock(&c->lock);
		if (jobs)
			rv_control_batch(c, jobs);
		if (ends || ticks)
			tick(c, ends);
		if (ends)
			return NULL;
		pthread_mutex_lock(&c->lock);
	}
}

enum rv_code rv_control_start(struct rv_gov *g, struct rv_err *err)
{
	rv_assert(g->magic == RV_GOV_MAGIC && !g->control);
	struct rv_control *c = calloc(1, sizeof *c);
	pthread_condattr_t monotonic;
	if (!c)
		return RV_FAIL(err, RV_ENOMEM, "out of memory");
	c->gov = g;
	c->ticked_ms = now_ms();
	c->last = &c->first;
	rv_arena_init(&c->arena, BATCH_MEMORY_MAX);
	rv_assert(pthread_condattr_init(&monotonic) == 0 &&
		pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0);
	rv_assert(pthread_mutex_init(&c->lock, NULL) == 0 &&
		pthread_cond_init(&c->more, &monotonic) == 0 &&
		pthread_cond_init(&c->ticked, NULL) == 0);
	pthread_condattr_destroy(&monotonic);
	if (pthread_create(&c->thread, NULL, control_main, c) != 0) {
		free(c);
		return RV_FAIL(err, RV_EIO, "cannot start the control thread");
	}
	g->control = c;
	return RV_OK;
}

void rv_control_stop(struct rv_gov *g)
{
	struct rv_control *c = g->control;
	if (!c)
		return;
	pthread_mutex_lock(&c->lock);
	c->stops = true;
	pthread_cond_signal(&c->more);
	pthread_mutex_unlock(&c->lock);
	(void)pthread_join(c->thread, NULL); /* ours and joinable */
	pthread_cond_destroy(&c->more);
	pthread_cond_destroy(&c->ticked);
	pthread_mutex_destroy(&c->lock);
	rv_arena_done(&c->arena);
	free(c);
	g->control = NULL;
}

void rv_control_stats(struct rv_gov *g, struct rv_control_stats *ret)
{
	pthread_mutex_lock(&g->control->lock);
	*ret = g->control->stats;
	pthread_mutex_unlock(&g->control->lock);
}
