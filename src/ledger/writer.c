/* The one thread that writes. It takes all that waits (at most RV_LEDGER_BATCH_MAX records), makes
 * it durable with one write and one sync, folds it into the tree, and runs the callbacks.
 *
 * When the disk is full, ordinary records are refused, the reserve is given back to the file system
 * and control records go on. When anything else fails all are refused. Either way this thread tries
 * again by itself until the log can be written as before. */
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

static bool is_full(int e)
{
	return e == ENOSPC || e == EDQUOT;
}

static enum rv_ledger_state state_of(struct rv_ledger *l)
{
	lock(&l->q_mu);
	enum rv_ledger_state s = l->state;
	unlock(&l->q_mu);
	return s;
}

static void set_state(struct rv_ledger *l, enum rv_ledger_state s, const char *reason)
{
	lock(&l->q_mu);
	l->state = s;
	snprintf(l->reason, sizeof l->reason, "%s", reason);
	/* Who waits for room learns of it. */
	rv_assert(pthread_cond_broadcast(&l->q_room) == 0);
	unlock(&l->q_mu);
	if (s == RV_LEDGER_OPEN || s == RV_LEDGER_BROKEN) {
		l->retry_at = 0;
		l->retry_ms = 0;
		l->failing_since = 0;
		return;
	}
	l->retry_ms = l->retry_ms ? l->retry_ms * 2 : RV_RETRY_MIN_MS;
	if (l->retry_ms > RV_RETRY_MAX_MS)
		l->retry_ms = RV_RETRY_MAX_MS;
	l->retry_at = mono() + l->retry_ms * RV_NS_PER_MS;
	if (!l->failing_since)
		l->failing_since = mono();
}

void rv_ledger_note_event(
	struct rv_ledger *l, const char *kind, const char *name, int64_t value, int64_t now_ns)
{
	struct rv_uuid u;
	struct rv_json_w w;
	struct rv_job_rec *j;
	char id[RV_UUID_SIZE], time[RV_TIME_SIZE];
	RV_AUTO_BUF b;
	rv_buf_init(&b, 4096);
	rv_uuid7(now_ns, &u);
	rv_json_w_init(&w, &b);
	rv_json_w_obj(&w);
	rv_json_w_kv_strz(&w, "id", rv_uuid_format(&u, id));
	rv_json_w_kv_strz(&w, "time", rv_time_format(now_ns, time));
	rv_json_w_kv_strz(&w, "kind", kind);
	rv_json_w_name(&w, "actor");
	rv_json_w_obj(&w);
	rv_json_w_kv_strz(&w, "type", "service");
	rv_json_w_kv_strz(&w, "id", "ledger");
	rv_json_w_obj_end(&w);
	rv_json_w_kv_strz(&w, "evidence", "enforced");
	rv_json_w_name(&w, "detail");
	rv_json_w_obj(&w);
	rv_json_w_kv_i64(&w, name, value);
	rv_json_w_obj_end(&w);
	rv_json_w_obj_end(&w);
	const struct rv_ledger_record r = { .event = rv_buf_str(&b), .is_control = true };
	if (rv_job_new(&r, &j, NULL) == RV_OK) /* else memory is out, and this is the least of it */
		rv_list_push(&l->ours, j);
}

/* ---- one batch ---- */

static void finish(struct rv_ledger *l, struct rv_list *q, enum rv_code code)
{
	if (!q->head)
		return;
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
		(void)l->io->ftruncate(l->io->self, full_fd, (off_t)old->used); /* zeros may stay */
	(void)close(full_fd); /* synced */
	lock(&l->mu);
	bool ok = rv_ledger_push_seg(l, s);
	unlock(&l->mu);
	rv_assert(ok);
	l->must_roll = false;
	rv_ledger_seal(l, l->n_segs - 2);
	return 0;
}

static void encode(struct rv_ledger *l, struct rv_list *q, int64_t now)
{
	const struct rv_seg *s = rv_ledger_last(l);
	uint64_t first = s->first + s->n, seq = first;
	rv_buf_clear(&l->out);
	for (struct rv_job_rec *r = q->head; r; r = r->next) {
		char *p = rv_buf_room(&l->out, size_of(r) + 8);
		if (!p)
			return; /* sticky */
		r->leaf_n = (uint32_t)rv_leaf_write(p + RV_REC_HEAD, seq, now, r->event);
		if (r->side.n > 0)
			memcpy(p + RV_REC_HEAD + r->leaf_n, r->side.p, r->side.n);
		rv_rec_seal(p, seq, first, r->leaf_n, r->side.n);
		rv_tree_leaf_hash(rv_str_n(p + RV_REC_HEAD, r->leaf_n), &r->hash);
		r->seq = seq++;
		r->at = (uint32_t)(s->used + l->out.n);
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

/* ---- failure ---- */

static void keep_control(struct rv_list *from, struct rv_list *control, struct rv_list *others)
{
	for (struct rv_job_rec *r; (r = rv_list_pop(from));)
		rv_list_push(r->is_control ? control : others, r);
}

static void append_list(struct rv_list *to, struct rv_list *from)
{
	for (struct rv_job_rec *r; (r = rv_list_pop(from));)
		rv_list_push(to, r);
}

static void set_full(struct rv_ledger *l)
{
	set_state(l, RV_LEDGER_FULL,
		"the disk is full; it goes on by itself when there is room again");
}

static void set_failed(struct rv_ledger *l, int e)
{
	char reason[128];
	snprintf(reason, sizeof reason, "writing fails: %s", strerror(e));
	l->must_check = true;
	set_state(l, RV_LEDGER_UNAVAILABLE, reason);
}

/* True: the reserve was there and is free now. */
static bool give_reserve(struct rv_ledger *l)
{
	lock(&l->q_mu);
	bool had = l->has_reserve;
	l->has_reserve = false;
	unlock(&l->q_mu);
	return had && rv_disk_reserve(l, false) == 0;
}

/* now: the batch that failed with e, not in the log. rest: what has not been tried. Afterwards rest
 * holds what is worth trying again. */
static void on_failure(struct rv_ledger *l, int e, struct rv_list *now, struct rv_list *rest)
{
	struct rv_list control, others;
	rv_list_init(&control);
	rv_list_init(&others);
	if (!is_full(e)) {
		set_failed(l, e);
		finish(l, now, RV_EAUDIT);
		finish(l, rest, RV_EAUDIT);
		return;
	}
	set_full(l);
	keep_control(now, &control, &others);
	keep_control(rest, &control, &others);
	finish(l, &others, RV_EAUDIT);
	if (give_reserve(l))
		append_list(rest, &control);
	else
		finish(l, &control, RV_EAUDIT);
}

static void note_clock(struct rv_ledger *l)
{
	int64_t now = rv_clock_unix_ns(l->clock);
	if (l->last_wall - now > RV_NS_PER_S)
		rv_ledger_note_event(l, "service.clock_step", "back_ms",
			(l->last_wall - now) / RV_NS_PER_MS, l->last_logged);
	l->last_wall = now;
}

/* Makes all of `in` durable or refuses it. */
static void commit(struct rv_ledger *l, struct rv_list *in)
{
	struct rv_list now;
	note_clock(l);
	append_list(&l->ours, in); /* ours go first */
	*in = l->ours;
	if (!in->head)
		in->tail = &in->head;
	rv_list_init(&l->ours);
	while (in->head) {
		pick(l, in, &now);
		int e = now.n == 0 ? roll(l) : write_batch(l, &now);
		if (e)
			on_failure(l, e, &now, in);
		else
			finish(l, &now, RV_OK);
	}
}

static void try_again(struct rv_ledger *l)
{
	int64_t failing_ms = (mono() - l->failing_since) / RV_NS_PER_MS;
	int e = 0;
	if (l->must_check) {
		e = rv_disk_open_last(l, rv_ledger_last(l)->first, false, 0);
		if (e == 0)
			e = rv_disk_cut(l);
		if (e == 0)
			e = rv_disk_check_last(l);
	}
	if (e == EILSEQ) {
		set_state(l, RV_LEDGER_BROKEN,
			"the last segment reads back differently from what was written");
		return;
	}
	if (e == 0) {
		l->must_check = false;
		if (l->reserve_bytes)
			e = rv_disk_reserve(l, true);
		/* And room for one record of any size. */
		if (e == 0)
			e = rv_disk_extend(l, 2 * RV_LEDGER_LEAF_MAX);
	}
	if (e) {
		if (is_full(e))
			set_full(l);
		else
			set_failed(l, e);
		return;
	}
	lock(&l->q_mu);
	l->has_reserve = l->reserve_bytes > 0;
	unlock(&l->q_mu);
	set_state(l, RV_LEDGER_OPEN, "");
	rv_ledger_note_event(l, "service.audit_gap", "ms", failing_ms, rv_clock_unix_ns(l->clock));
}

/* ---- the loop ---- */

static void sign(struct rv_ledger *l, uint64_t ticket)
{
	struct rv_err err = { 0 };
	enum rv_code code = rv_ledger_sign(l, &err);
	l->sign_due = code == RV_OK ? 0 : mono() + RV_SIGN_AFTER_MS * RV_NS_PER_MS;
	lock(&l->q_mu);
	l->sign_code = code;
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

/* q_mu held. */
static void wait_for_work(struct rv_ledger *l)
{
	while (!l->queue.head && !l->is_closing && l->sign_wanted == l->sign_done &&
		!is_due(l->sign_due) && !is_due(l->retry_at)) {
		int64_t until = l->sign_due;
		if (l->retry_at && (!until || l->retry_at < until))
			until = l->retry_at;
		l->is_writer_idle = true;
		int e;
		if (until) {
			struct timespec ts = { .tv_sec = until / RV_NS_PER_S,
				.tv_nsec = until % RV_NS_PER_S };
			e = pthread_cond_timedwait(&l->q_work, &l->q_mu, &ts);
		} else {
			e = pthread_cond_wait(&l->q_work, &l->q_mu);
		}
		rv_assert(e == 0 || e == ETIMEDOUT);
		l->is_writer_idle = false;
	}
}

/* q_mu held. What can be taken in this state, and what cannot. */
static void take(struct rv_ledger *l, struct rv_list *ret, struct rv_list *refused)
{
	rv_list_init(ret);
	rv_list_init(refused);
	bool may = l->state == RV_LEDGER_OPEN, may_control = may || l->state == RV_LEDGER_FULL;
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
			try_again(l);
		lock(&l->q_mu);
		if (!l->ours.head || l->state != RV_LEDGER_OPEN)
			wait_for_work(l);
		take(l, &work, &refused);
		uint64_t ticket = l->sign_wanted;
		bool is_wanted = ticket != l->sign_done;
		is_last = l->is_closing && !l->queue.head;
		bool can_write = l->state == RV_LEDGER_OPEN || l->state == RV_LEDGER_FULL;
		unlock(&l->q_mu);
		finish(l, &refused, RV_EAUDIT);
		if (can_write && (work.head || l->ours.head))
			commit(l, &work);
		if (is_wanted || is_due(l->sign_due) || (is_last && l->sign_due))
			sign(l, ticket);
	}
	return NULL;
}
