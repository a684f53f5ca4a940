/* A disk that does not answer. The writer marks when a call to the disk began; this thread looks at
 * the mark. A call that lasts longer than the deadline is given up: everybody who waits is told
 * RV_EAUDIT here and now, and the log refuses until the call has come back. Then the writer treats
 * it as failed, whatever it returned: the segment is cut to its last acknowledged record and read
 * back (recover.c), so that what was refused is not in the log. */
#include <time.h>

#include "ledger/ledger_int.h"

enum { GIVEN_UP = -1 };

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

void rv_io_begin(struct rv_ledger *l)
{
	__atomic_store_n(&l->io_since, mono(), __ATOMIC_RELEASE);
}

bool rv_io_end(struct rv_ledger *l)
{
	int e = errno;
	bool given_up = __atomic_exchange_n(&l->io_since, 0, __ATOMIC_ACQ_REL) == GIVEN_UP;
	if (given_up) {
		/* Until the watcher has taken what it answers. */
		lock(&l->q_mu);
		unlock(&l->q_mu);
	}
	errno = given_up ? ETIMEDOUT : e;
	return !given_up;
}

/* q_mu held. */
static void take_all(struct rv_ledger *l, struct rv_list *ret)
{
	struct rv_list *from[] = { l->flight[0], l->flight[1], &l->queue };
	rv_list_init(ret);
	for (size_t i = 0; i < RV_COUNT(from); i++)
		for (struct rv_job_rec *r; from[i] && (r = rv_list_pop(from[i]));)
			rv_list_push(ret, r);
}

static void give_up(struct rv_ledger *l, int64_t since)
{
	struct rv_list refused;
	lock(&l->q_mu);
	if (!__atomic_compare_exchange_n(
		    &l->io_since, &since, GIVEN_UP, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
		unlock(&l->q_mu);
		return; /* it came back just now */
	}
	l->hung_since = since;
	l->state = RV_LEDGER_UNAVAILABLE;
	snprintf(l->reason, sizeof l->reason,
		"the disk has not answered for %lld ms; it goes on by itself when it does",
		(long long)l->io_deadline_ms);
	take_all(l, &refused);
	/* Who waits for a signature learns that there will be none. */
	l->sign_done = l->sign_wanted;
	l->sign_code = RV_EAUDIT;
	snprintf(l->checkpoint_error, sizeof l->checkpoint_error, "%s", l->reason);
	rv_assert(pthread_cond_broadcast(&l->q_signed) == 0);
	rv_assert(pthread_cond_broadcast(&l->q_room) == 0);
	unlock(&l->q_mu);
	rv_writer_finish(l, &refused, RV_EAUDIT);
}

void *rv_watch_main(void *ledger)
{
	struct rv_ledger *l = ledger;
	const int64_t deadline = l->io_deadline_ms * RV_NS_PER_MS;
	lock(&l->q_mu);
	while (!l->is_writer_gone) {
		int64_t since = __atomic_load_n(&l->io_since, __ATOMIC_ACQUIRE), now = mono();
		if (since > 0 && now - since >= deadline) {
			unlock(&l->q_mu);
			give_up(l, since);
			lock(&l->q_mu);
			continue;
		}
		/* A writer that sleeps has no call out; whoever wakes it wakes this one too. */
		if (l->is_writer_idle && since == 0) {
			rv_assert(pthread_cond_wait(&l->q_watch, &l->q_mu) == 0);
			continue;
		}
		int64_t until = (since > 0 ? since : now) + deadline;
		const struct timespec ts = { .tv_sec = until / RV_NS_PER_S,
			.tv_nsec = until % RV_NS_PER_S };
		int e = pthread_cond_timedwait(&l->q_watch, &l->q_mu, &ts);
		rv_assert(e == 0 || e == ETIMEDOUT);
	}
	unlock(&l->q_mu);
	return NULL;
}
