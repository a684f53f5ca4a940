/* The one thread that writes. It takes all that waits (at most RV_LEDGER_BATCH_MAX records), makes
 * it durable with one write and one sync, folds it into the tree, and runs the callbacks. What
 * happens when that fails stands in recover.c. */
#include <sched.h>
#include <time.h>

#include "ledger/ledger_int.h"

static void lock(pthread_mutex_t *m)
{
	rv_assert(pthread_mutex_lock(m) == 0);
}

static void unlock(pthread_mutex_t *m)
{
	rv_assert(pthread_mutex_unlock(m) == 0);
}

static int64_t mono(void)
{
	return rv_clock_mono_ns(rv_clock_system());
}

static enum rv_ledger_state state_of(struct rv_ledger *l)
{
	lock(&l->q_mu);
	enum rv_ledger_state s = l->state;
	unlock(&l->q_mu);
	return s;
}

/* ---- one batch ---- */

void rv_writer_finish(struct rv_ledger *l, struct rv_list *q, enum rv_code code)
{
	if (!q->head)
		return;
	lock(&l->finish_mu);
	if (l->on_batch)
		l->on_batch(l->on_batch_arg, true);
	for (struct rv_job_rec *r; (r = rv_list_pop(q));) {
		if (r->cb)
			r->cb(r->arg, code, code == RV_OK ? r->seq : UINT64_MAX,
				code == RV_OK ? &r->hash : NULL);
		free(r);
	}
	if (l->on_batch)
		l->on_batch(l->on_batch_arg, false);
	unlock(&l->finish_mu);
}

static size_t size_of(const struct rv_job_rec *r)
{
	return rv_rec_size(RV_LEDGER_LEAF_FRAME + r->event.n, r->side.n);
}

/* Off `in` what goes into one write and fits the segment. */
static void pick(struct rv_ledger *l, struct rv_list *in, struct rv_list *ret)
{
	const struct rv_seg *s = rv_ledger_last(l);
	uint64_t bytes = 0;
	rv_list_init(ret);
	while (in->head && !l->must_roll) {
		size_t n = size_of(in->head);
		bool fits = s->used + bytes + n <= l->segment_bytes;
		if (ret->n > 0 && (!fits || bytes + n > RV_WRITE_MAX))
			return;
		if (!fits && s->n > 0)
			return;
		bytes += n;
		rv_list_push(ret, rv_list_pop(in));
	}
}

/* The next segment, and the index of the full one. */
static int roll(struct rv_ledger *l)
{
	struct rv_seg *old = rv_ledger_last(l), *s = rv_seg_new(old->first + old->n);
	int e = !s ? ENOMEM : l->is_tail_dirty ? rv_disk_cut(l) : 0;
	if (e) {
		rv_seg_free(s);
		return e;
	}
	l->must_roll = true;
	int full_fd = l->fd;
	uint64_t zeroed = l->zeroed;
	/* rv_disk_open_last would close the old file; it is trimmed first, when the new one is
	 * there. */
	l->fd = -1;
	e = rv_disk_open_last(l, s->first, true, rv_clock_unix_ns(l->clock));
	if (e) {
		l->fd = full_fd;
		l->zeroed = zeroed;
		rv_seg_free(s);
		return e;
	}
	if (zeroed > old->used)
		rv_disk_trim(l, full_fd, old->used);
	(void)close(full_fd); /* synced */
	lock(&l->mu);
	bool ok = rv_ledger_push_seg(l, s);
	unlock(&l->mu);
	rv_assert(ok);
	l->must_roll = false;
	rv_ledger_seal(l, l->n_segs - 2, true);
	return 0;
}

static void encode(struct rv_ledger *l, struct rv_list *q, int64_t now)
{
	const struct rv_seg *s = rv_ledger_last(l);
	uint64_t first = s->first + s->n, seq = first;
	char time[RV_TIME_SIZE]; /* one for the batch */
	rv_time_format(now, time);
	rv_buf_clear(&l->out);
	for (struct rv_job_rec *r = q->head; r; r = r->next) {
		char *p = rv_buf_room(&l->out, size_of(r) + 8);
		if (!p)
			return; /* sticky */
		r->leaf_n = (uint32_t)rv_leaf_write(p + RV_REC_HEAD, seq, time, r->event);
		if (r->side.n > 0)
			memcpy(p + RV_REC_HEAD + r->leaf_n, r->side.p, r->side.n);
		rv_rec_seal(p, seq, first, r->leaf_n, r->side.n);
		rv_tree_leaf_hash(rv_str_n(p + RV_REC_HEAD, r->leaf_n), &r->hash);
		r->seq = seq++;
		r->at = (uint32_t)(s->used + l->out.n);
		rv_ids_expect(&l->ids, r->id_hash);
		l->out.n += rv_rec_size(r->leaf_n, r->side.n);
	}
}

/* All memory that folding will take, so that it cannot fail once the bytes are durable. */
static bool make_room(struct rv_ledger *l, struct rv_list *q)
{
	struct rv_seg *s = rv_ledger_last(l);
	lock(&l->mu);
	bool ok = rv_seg_room(s, (uint32_t)q->n) && rv_tree_room(&l->tree, q->n);
	for (struct rv_job_rec *r = q->head; ok && r; r = r->next)
		ok = rv_seg_words(s, r->word, r->w);
	unlock(&l->mu);
	return ok;
}

static void fold_in(struct rv_ledger *l, const struct rv_list *q, int64_t now)
{
	struct rv_seg *s = rv_ledger_last(l);
	lock(&l->mu);
	for (const struct rv_job_rec *r = q->head; r; r = r->next) {
		const struct rv_seg_row row = {
			.hash = r->hash, .logged_ns = now, .id = r->id_hash, .at = r->at
		};
		rv_seg_put(s, &row, r->w);
		rv_assert(rv_tree_add(&l->tree, &r->hash));
		(void)rv_ids_add(&l->ids, r->id_hash, r->seq); /* else found by scanning */
	}
	s->used += l->out.n;
	unlock(&l->mu);
	l->last_logged = now;
	if (!l->sign_due)
		l->sign_due = mono() + RV_SIGN_AFTER_MS * RV_NS_PER_MS;
}

static int write_batch(struct rv_ledger *l, struct rv_list *q)
{
	int64_t now = rv_clock_unix_ns(l->clock);
	now -= now % 1000;
	if (now < l->last_logged)
		now = l->last_logged;
	encode(l, q, now);
	if (l->out.failed || !make_room(l, q))
		return ENOMEM;
	int e = rv_disk_append(l, rv_buf_str(&l->out));
	if (e == 0)
		fold_in(l, q, now);
	lock(&l->q_mu);
	l->batches += e == 0;
	l->failed_batches += e != 0;
	unlock(&l->q_mu);
	return e;
}

static void note_clock(struct rv_ledger *l)
{
	int64_t now = rv_clock_unix_ns(l->clock);
	if (l->last_wall - now > RV_NS_PER_S)
		rv_ledger_note_event(l, "service.clock_step",
			&(struct rv_note_num){ "back_ms", (l->last_wall - now) / RV_NS_PER_MS }, 1,
			l->last_logged);
	l->last_wall = now;
}

/* Makes all of `in` durable or refuses it. */
static void commit(struct rv_ledger *l, struct rv_list *in)
{
	struct rv_list now;
	int64_t began = mono();
	size_t n = in->n;
	note_clock(l);
	rv_list_move(&l->ours, in); /* ours go first */
	rv_list_move(in, &l->ours);
	rv_list_init(&now);
	l->flight[0] = &now;
	l->flight[1] = in;
	while (in->head) {
		pick(l, in, &now);
		int e = now.n == 0 ? roll(l) : write_batch(l, &now);
		if (e)
			rv_writer_failed(l, e, &now, in);
		else
			rv_writer_finish(l, &now, RV_OK);
	}
	l->flight[0] = l->flight[1] = NULL;
	int64_t ended = mono();
	lock(&l->q_mu);
	rv_gather_ended(&l->gather, n, l->queue.n, ended - began, ended);
	unlock(&l->q_mu);
}

/* ---- the loop ---- */

static void sign(struct rv_ledger *l, uint64_t ticket)
{
	struct rv_err err = { 0 };
	enum rv_code code = rv_ledger_sign(l, &err);
	l->sign_due = code == RV_OK ? 0 : mono() + RV_SIGN_AFTER_MS * RV_NS_PER_MS;
	lock(&l->q_mu);
	l->sign_code = code;
	if (ticket > l->sign_done)
		l->sign_done = ticket;
	snprintf(l->checkpoint_error, sizeof l->checkpoint_error, "%.*s",
		(int)sizeof l->checkpoint_error - 1, code == RV_OK ? "" : err.msg);
	rv_assert(pthread_cond_broadcast(&l->q_signed) == 0);
	unlock(&l->q_mu);
}

static bool is_due(int64_t at)
{
	return at && mono() >= at;
}

/* q_mu held. Something else than records to write. */
static bool is_called(const struct rv_ledger *l)
{
	return l->is_closing || l->sign_wanted != l->sign_done || is_due(l->sign_due) ||
		is_due(l->retry_at);
}

/* q_mu held; 0: for ever. */
static void sleep_until(struct rv_ledger *l, int64_t until_ns)
{
	const struct timespec ts = { .tv_sec = until_ns / RV_NS_PER_S,
		.tv_nsec = until_ns % RV_NS_PER_S };
	l->is_writer_idle = true;
	int e = until_ns ? pthread_cond_timedwait(&l->q_work, &l->q_mu, &ts)
			 : pthread_cond_wait(&l->q_work, &l->q_mu);
	rv_assert(e == 0 || e == ETIMEDOUT);
	l->is_writer_idle = false;
	rv_assert(pthread_cond_signal(&l->q_watch) == 0);
}

/* q_mu held. Whoever woke us may have more in hand: on a shared core it is let finish. */
static void yield(struct rv_ledger *l)
{
	unlock(&l->q_mu);
	(void)sched_yield(); /* cannot fail on Linux */
	lock(&l->q_mu);
}

/* q_mu held. */
static void wait_for_work(struct rv_ledger *l)
{
	struct rv_gather *g = &l->gather;
	while (g->want > l->queue.n && !is_called(l) && mono() < g->until_ns)
		sleep_until(l, g->until_ns);
	size_t wanted = g->want;
	g->want = 0; /* from now on any one wakes us */
	bool slept = false;
	for (; !l->queue.head && !is_called(l); slept = true) {
		int64_t until = l->sign_due;
		if (l->retry_at && (!until || l->retry_at < until))
			until = l->retry_at;
		sleep_until(l, until);
	}
	g->want = wanted;
	if (slept && l->queue.head)
		yield(l);
}

/* q_mu held. What can be taken in this state, and what cannot. */
static void take(struct rv_ledger *l, struct rv_list *ret, struct rv_list *refused)
{
	rv_list_init(ret);
	rv_list_init(refused);
	bool may = l->state == RV_LEDGER_OPEN, may_control = may || l->state == RV_LEDGER_FULL;
	if (may &&
		l->queue.n <= RV_LEDGER_BATCH_MAX) /* however many, those who submit wait little */
		rv_list_move(ret, &l->queue);
	while (l->queue.head && ret->n < RV_LEDGER_BATCH_MAX) {
		struct rv_job_rec *r = rv_list_pop(&l->queue);
		rv_list_push(may || (may_control && r->is_control) ? ret : refused, r);
	}
	rv_assert(pthread_cond_broadcast(&l->q_room) == 0);
}

void *rv_writer_main(void *ledger)
{
	struct rv_ledger *l = ledger;
	struct rv_list work, refused;
	for (bool is_last = false; !is_last;) {
		if (is_due(l->retry_at) && state_of(l) != RV_LEDGER_BROKEN)
			rv_writer_retry(l);
		lock(&l->q_mu);
		if (!l->ours.head || l->state != RV_LEDGER_OPEN)
			wait_for_work(l);
		take(l, &work, &refused);
		uint64_t ticket = l->sign_wanted;
		bool is_wanted = ticket != l->sign_done;
		is_last = l->is_closing && !l->queue.head;
		bool can_write = l->state == RV_LEDGER_OPEN || l->state == RV_LEDGER_FULL;
		unlock(&l->q_mu);
		rv_writer_finish(l, &refused, RV_EAUDIT);
		if (can_write && (work.head || l->ours.head))
			commit(l, &work);
		if (is_wanted || is_due(l->sign_due) || (is_last && l->sign_due))
			sign(l, ticket);
		rv_writer_unhang(l);
	}
	return NULL;
}
