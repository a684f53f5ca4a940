/* One batch of jobs: each in a savepoint of one transaction; then one commit, the new snapshot, the
 * outbox into the ledger, and the answers. */
#include "governance/control_int.h"

void rv_control_node_free(struct control_node *n)
{
	free(n->text);
	free(n);
}

struct batch {
	struct rv_gov *g;
	struct rv_control *c;
	struct control_node *jobs;
	unsigned dirty;
	struct rv_touch *touched;
	uint64_t n_jobs, n_events;
	struct rv_snapshot *next;
};

static void fail_node(struct control_node *n, enum rv_code code, const struct rv_err *err)
{
	n->code = code;
	rv_err_clear(&n->err);
	n->err = *err;
}

static void stop_in_memory(struct batch *b, struct control_node *n)
{
	struct rv_snapshot *next = rv_snapshot_with_stops(b->g->snap, n->op.stops);
	n->is_stopped = next != NULL;
	if (next)
		rv_snapshot_publish(b->g, next);
}

static void run_node(struct batch *b, struct control_node *n, struct rv_txn *txn)
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
	for (struct control_node *n = b->jobs; n; n = n->next) {
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
	for (struct control_node *n = b->jobs; n; n = n->next) {
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
	struct control_node *n = b->jobs;
	while (n) {
		struct control_node *next = n->next;
		if (n->job.done)
			n->job.done(n->job.arg, n->code, &n->err);
		rv_control_node_free(n);
		n = next;
	}
}

void rv_control_batch(struct rv_control *c, struct control_node *jobs)
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
		for (struct control_node *n = jobs; n && code != RV_OK; n = n->next)
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
