/* The control thread: every change of state, one after another, many to a transaction. All jobs
 * that wait are taken together; each runs in a savepoint; then one commit, the new snapshot, the
 * outbox into the ledger, and the answers. */
#include <errno.h>
#include <time.h>

#include "governance/tally.h"

/* TICK_MS: how often housekeeping looks for what is due. */
enum { TICK_MS = 10000, QUEUE_MAX = 8192, BATCH_MAX = 512, RETRY_MS = 100 };
#define BATCH_MEMORY_MAX ((size_t)512 << 20)

struct node {
	struct node *next;
	struct rv_job job;
	struct rv_op op;
	enum rv_code code;
	struct rv_err err;
	bool was_run;
	bool is_stopped; /* what it was to stop is stopped, whatever becomes of the batch */
	char *text; /* what the job's slices point to */
};
struct rv_control {
	struct rv_gov *gov;
	pthread_t thread;
	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t more;
	struct node *first, **last;
	size_t n;
	bool stops;
	uint64_t ticks_wanted, ticks_done; /* beyond those of the clock */
	pthread_cond_t ticked;
	struct rv_control_stats stats;
	/* The thread's own. */
	struct rv_arena arena;
	int64_t ticked_ms;
};

/* ---- posting ---- */

static struct rv_str copy_into(char **at, struct rv_str s)
{
	struct rv_str r = { *at, s.n };
	if (s.n > 0)
		memcpy(*at, s.p, s.n);
	*at += s.n;
	return r;
}

static struct node *new_node(const struct rv_job *job)
{
	const struct rv_actor *a = &job->actor;
	struct node *n = calloc(1, sizeof *n);
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

static void node_free(struct node *n)
{
	free(n->text);
	free(n);
}

enum rv_code rv_control_post(struct rv_gov *g, const struct rv_job *job, struct rv_err *err)
{
	rv_assert(g->magic == RV_GOV_MAGIC && g->control);
	struct rv_control *c = g->control;
	struct node *n = new_node(job);
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
	node_free(n);
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

/* ---- one batch ---- */

struct batch {
	struct rv_gov *g;
	struct rv_control *c;
	struct node *jobs;
	unsigned dirty;
	struct rv_touch *touched;
	uint64_t n_jobs, n_events;
	struct rv_snapshot *next;
};

static void fail_node(struct node *n, enum rv_code code, const struct rv_err *err)
{
	n->code = code;
	rv_err_clear(&n->err);
	n->err = *err;
}

static void stop_in_memory(struct batch *b, struct node *n)
{
	struct rv_snapshot *next = rv_snapshot_with_stops(b->g->snap, n->op.stops);
	n->is_stopped = next != NULL;
	if (next)
		rv_snapshot_publish(b->g, next);
}

static void run_node(struct batch *b, struct node *n, struct rv_txn *txn)
{
	n->op = (struct rv_op){
		.gov = b->g,
		.txn = txn,
		.arena = &b->c->arena,
		.now_ns = rv_gov_now(b->g),
		.actor = n->job.actor,
		.trace = n->job.trace,
		.cause = n->job.cause,
	};
	n->was_run = true;
	n->code = rv_store_save(txn, &n->err);
	if (n->code != RV_OK)
		return;
	n->code = n->job.run(n->job.arg, &n->op, &n->err);
	if (n->code == RV_OK)
		n->code = rv_store_release(txn, &n->err);
	else
		rv_store_undo(txn);
	if (n->code != RV_OK)
		return;
	/* A stop that is allowed stops now: what follows it, even in this batch, sees it. */
	if (n->op.stops)
		stop_in_memory(b, n);
	b->dirty |= n->op.dirty;
	b->n_events += n->op.n_events;
	while (n->op.touched) {
		struct rv_touch *t = n->op.touched;
		n->op.touched = t->next;
		t->next = b->touched;
		b->touched = t;
	}
}

static void run_all(struct batch *b, struct rv_txn *txn)
{
	bool can_record = rv_outbox_ledger_ok(b->g);
	for (struct node *n = b->jobs; n; n = n->next) {
		b->n_jobs++;
		if (n->job.kind == RV_JOB_CHANGE && !can_record) {
			n->code = RV_FAIL(&n->err, RV_EAUDIT,
				"the audit log cannot be written, so nothing was done");
			continue;
		}
		run_node(b, n, txn);
	}
}

/* Everything up to the commit. On failure nothing of it stays. */
static enum rv_code transact(struct batch *b, struct rv_err *err)
{
	struct rv_txn *txn;
	RV_TRY(rv_store_begin(b->g->store, &txn, err));
	enum rv_code code = RV_OK;
	if (b->g->outbox_done_seq > 0) {
		const struct rv_query sent = {
			.where = { RV_Q_INT(outbox, seq, RV_CMP_LE, b->g->outbox_done_seq) },
			.n_where = 1
		};
		code = rv_db_outbox_remove(txn, &sent, NULL, err);
	}
	if (code == RV_OK)
		run_all(b, txn);
	if (code == RV_OK && (b->dirty || b->touched)) {
		b->next = rv_snapshot_build(b->g, txn, b->g->snap, b->dirty, b->touched, err);
		code = b->next ? RV_OK : RV_EIO;
	}
	if (code != RV_OK) {
		rv_store_rollback(txn);
		return code;
	}
	rv_hook(b->g, "before-commit");
	code = rv_store_commit(txn, err);
	rv_hook(b->g, "after-commit");
	if (code != RV_OK) {
		rv_snapshot_unref(b->next);
		b->next = NULL;
	}
	return code;
}

/* The database cannot be written: what was to stop is stopped nevertheless, for as long as this
 * process lives. */
static void fail_all(struct batch *b, enum rv_code code, const struct rv_err *err)
{
	for (struct node *n = b->jobs; n; n = n->next) {
		if (n->job.kind == RV_JOB_STOP && n->code == RV_OK && n->is_stopped) {
			pthread_mutex_lock(&b->c->lock);
			b->c->stats.stops_unrecorded++;
			pthread_mutex_unlock(&b->c->lock);
			rv_err_clear(&n->err);
			n->code = RV_FAIL(&n->err, RV_EAUDIT,
				"it is stopped now, but this could not be stored; repeat it once "
				"storage works again (%s)",
				err->msg);
			continue;
		}
		if (n->job.kind == RV_JOB_READ && n->code == RV_OK && n->was_run)
			continue; /* what was read is as true as before */
		fail_node(n, code, err);
	}
}

static void answer_all(struct batch *b)
{
	struct node *n = b->jobs;
	while (n) {
		struct node *next = n->next;
		if (n->job.done)
			n->job.done(n->job.arg, n->code, &n->err);
		node_free(n);
		n = next;
	}
}

static void run_batch(struct rv_control *c, struct node *jobs)
{
	struct batch b = { .g = c->gov, .c = c, .jobs = jobs };
	struct rv_err err = { 0 };
	uint64_t waiting = 0;
	enum rv_code code = transact(&b, &err);
	if (code != RV_OK) {
		fail_all(&b, code, &err);
	} else {
		if (b.next)
			rv_snapshot_publish(c->gov, b.next);
		rv_err_clear(&err);
		code = b.n_events > 0 ? rv_outbox_drain(c->gov, false, NULL, &waiting, &err)
				      : RV_OK;
		for (struct node *n = jobs; n && code != RV_OK; n = n->next)
			if (n->code == RV_OK && n->op.n_events > 0 && n->job.kind != RV_JOB_STOP)
				fail_node(n, RV_EAUDIT, &err);
	}
	pthread_mutex_lock(&c->lock);
	c->stats.jobs += b.n_jobs;
	c->stats.batches++;
	c->stats.events += b.n_events;
	c->stats.failed_batches += code != RV_OK;
	if (b.n_events > 0)
		c->stats.outbox_waiting = waiting;
	pthread_mutex_unlock(&c->lock);
	answer_all(&b);
	rv_arena_clear(&c->arena);
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
	struct node *n = rv_outbox_ledger_ok(c->gov) ? new_node(&job) : NULL;
	if (n)
		run_batch(c, n);
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

static struct node *take_batch(struct rv_control *c)
{
	struct node *first = c->first, *at = first;
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
		struct node *jobs = c->first ? take_batch(c) : NULL;
		bool ends = !jobs && c->stops, ticks = is_due(c);
		pthread_mutex_unlock(&c->lock);
		if (jobs)
			run_batch(c, jobs);
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
