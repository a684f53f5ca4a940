/* The way in: a record is parsed and copied on the caller's thread, then waits in the queue. */
#include "ledger/ledger_int.h"

static void lock(pthread_mutex_t *m)
{
	rv_assert(pthread_mutex_lock(m) == 0);
}

static void unlock(pthread_mutex_t *m)
{
	rv_assert(pthread_mutex_unlock(m) == 0);
}

static enum rv_code ready(struct rv_ledger *l, bool is_control, struct rv_err *err)
{
	if (l->is_closing)
		return RV_FAIL(err, RV_EAUDIT, "the log is being closed");
	if (l->state == RV_LEDGER_OPEN || (l->state == RV_LEDGER_FULL && is_control))
		return RV_OK;
	return RV_FAIL(
		err, RV_EAUDIT, "the log is %s: %s", rv_ledger_state_name(l->state), l->reason);
}

enum rv_code rv_ledger_ready(struct rv_ledger *l, bool is_control, struct rv_err *err)
{
	lock(&l->q_mu);
	enum rv_code code = ready(l, is_control, err);
	unlock(&l->q_mu);
	return code;
}

/* ---- submitting ---- */

static struct rv_str keep(char **at, struct rv_str s)
{
	struct rv_str kept = rv_str_n(*at, s.n);
	if (s.n > 0)
		memcpy(*at, s.p, s.n);
	*at += s.n;
	return kept;
}

/* The words of the event, in the arena when they had to be read. */
static enum rv_code words_of(const struct rv_ledger_record *r, struct rv_arena *a,
	struct rv_fields *ret, struct rv_err *err)
{
	const struct rv_ledger_words *w = r->words;
	if (!w)
		return rv_event_fields(a, r->event, ret, err);
	*ret = (struct rv_fields){ .id = w->id,
		.word = { [RV_W_SYSTEM] = w->system,
			[RV_W_ACTION] = w->action,
			[RV_W_OUTCOME] = w->outcome,
			[RV_W_KIND] = w->kind } };
	return RV_OK;
}

enum rv_code rv_job_new(
	const struct rv_ledger_record *r, struct rv_job_rec **ret, struct rv_err *err)
{
	struct rv_fields f;
	RV_AUTO_ARENA a;
	rv_arena_init(&a, RV_EVENT_ARENA);
	if (r->event.n > RV_LEDGER_EVENT_MAX)
		return RV_FAIL(err, RV_ELIMIT, "the event has %zu bytes, at most %d fit",
			r->event.n, RV_LEDGER_EVENT_MAX);
	if (r->side.n > RV_LEDGER_SIDE_MAX)
		return RV_FAIL(err, RV_ELIMIT, "the side bytes are %zu, at most %d fit", r->side.n,
			RV_LEDGER_SIDE_MAX);
	RV_TRY(words_of(r, &a, &f, err));
	size_t n = r->event.n + r->side.n;
	for (int i = 0; i < RV_W_COUNT; i++)
		n += f.word[i].n;
	struct rv_job_rec *j = malloc(sizeof *j + n);
	if (!j)
		return RV_FAIL(err, RV_ENOMEM, "out of memory");
	*j = (struct rv_job_rec){ .is_control = r->is_control, .id_hash = rv_event_id_hash(f.id) };
	char *at = j->data;
	j->event = keep(&at, r->event);
	j->side = keep(&at, r->side);
	for (int i = 0; i < RV_W_COUNT; i++)
		j->word[i] = keep(&at, f.word[i]);
	*ret = j;
	return RV_OK;
}

/* Moves records into the queue, all that fit under one hold of the lock, so that the writer finds
 * them together. Those left in q were not taken. */
static enum rv_code push(struct rv_ledger *l, struct rv_list *q, bool may_wait, struct rv_err *err)
{
	enum rv_code code = RV_OK;
	lock(&l->q_mu);
	while (q->head && code == RV_OK) {
		code = ready(l, q->head->is_control, err);
		if (code == RV_OK && l->queue.n < l->queue_max) {
			rv_list_push(&l->queue, rv_list_pop(q));
			continue;
		}
		if (code == RV_OK && !may_wait)
			code = RV_FAIL(
				err, RV_EBUSY, "%zu records wait for the log already", l->queue.n);
		if (code == RV_OK) {
			rv_assert(pthread_cond_signal(&l->q_work) == 0);
			rv_assert(pthread_cond_wait(&l->q_room, &l->q_mu) == 0);
		}
	}
	if (l->is_writer_idle && l->queue.n > 0 && l->queue.n >= l->gather.want)
		rv_assert(pthread_cond_signal(&l->q_work) == 0);
	unlock(&l->q_mu);
	return code;
}

enum rv_code rv_ledger_submit(struct rv_ledger *l, const struct rv_ledger_record *r,
	rv_ledger_cb *cb, void *arg, struct rv_err *err)
{
	struct rv_list q;
	struct rv_job_rec *j;
	rv_assert(l && l->magic == RV_LEDGER_MAGIC);
	RV_TRY(rv_job_new(r, &j, err));
	j->cb = cb;
	j->arg = arg;
	rv_list_init(&q);
	rv_list_push(&q, j);
	enum rv_code code = push(l, &q, false, err);
	free(rv_list_pop(&q));
	return code;
}

/* ---- submitting and waiting ---- */

struct waiter {
	pthread_mutex_t mu;
	pthread_cond_t done;
	size_t left, failed;
};
struct slot {
	struct waiter *w;
	uint64_t seq;
};

static void on_done(void *arg, enum rv_code code, uint64_t seq, const struct rv_sha256 *leaf)
{
	struct slot *s = arg;
	struct waiter *w = s->w;
	lock(&w->mu);
	s->seq = code == RV_OK ? seq : UINT64_MAX;
	w->failed += code != RV_OK;
	if (--w->left == 0)
		rv_assert(pthread_cond_signal(&w->done) == 0);
	unlock(&w->mu);
}

/* Parses and copies all before any goes on its way: a malformed one in the middle stops them all.
 */
static enum rv_code prepare(const struct rv_ledger_record *r, size_t n, struct waiter *w,
	struct slot *slots, struct rv_list *ret, struct rv_err *err)
{
	for (size_t i = 0; i < n; i++) {
		struct rv_job_rec *j;
		enum rv_code code = rv_job_new(&r[i], &j, err);
		if (code != RV_OK) {
			rv_err_prefix(err, "record %zu: ", i);
			return code;
		}
		slots[i] = (struct slot){ w, UINT64_MAX };
		j->cb = on_done;
		j->arg = &slots[i];
		rv_list_push(ret, j);
	}
	return RV_OK;
}

enum rv_code rv_ledger_append(struct rv_ledger *l, const struct rv_ledger_record *r, size_t n,
	uint64_t *ret_seqs, struct rv_err *err)
{
	struct waiter w = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, n, 0 };
	struct rv_list q;
	rv_assert(l && l->magic == RV_LEDGER_MAGIC);
	rv_assert(!l->has_thread || !pthread_equal(pthread_self(), l->thread));
	for (size_t i = 0; ret_seqs && i < n; i++)
		ret_seqs[i] = UINT64_MAX;
	RV_AUTO_FREE struct slot *slots = calloc(n + 1, sizeof *slots);
	if (!slots)
		return RV_FAIL(err, RV_ENOMEM, "out of memory");
	rv_list_init(&q);
	enum rv_code code = prepare(r, n, &w, slots, &q, err);
	if (code == RV_OK)
		code = push(l, &q, true, err);
	else
		w.left = q.n;
	lock(&w.mu);
	w.left -= q.n;
	while (w.left > 0)
		rv_assert(pthread_cond_wait(&w.done, &w.mu) == 0);
	unlock(&w.mu);
	rv_list_free(&q);
	(void)pthread_cond_destroy(&w.done); /* nobody waits */
	(void)pthread_mutex_destroy(&w.mu);
	for (size_t i = 0; ret_seqs && i < n; i++)
		ret_seqs[i] = slots[i].w ? slots[i].seq : UINT64_MAX;
	if (code == RV_OK && w.failed > 0) {
		lock(&l->q_mu);
		code = RV_FAIL(err, RV_EAUDIT, "%zu of %zu records were not made durable: %s",
			w.failed, n, l->reason);
		unlock(&l->q_mu);
	}
	return code;
}
