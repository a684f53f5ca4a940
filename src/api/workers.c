/* Threads for slow work. The queue is short on purpose: hashing costs memory, and a flood of logins
 * must be told to wait. */
#include "api/api_int.h"

enum { N_THREADS = 2, QUEUE_MAX = 64 };

struct rv_api_workers {
	pthread_t threads[N_THREADS];
	size_t n_threads;
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct rv_api_work *first, **last;
	size_t n;
	bool stops;
};

static void *worker(void *arg)
{
	struct rv_api_workers *ws = arg;
	pthread_mutex_lock(&ws->lock);
	for (;;) {
		while (!ws->first && !ws->stops)
			pthread_cond_wait(&ws->more, &ws->lock);
		struct rv_api_work *w = ws->first;
		if (!w)
			break;
		ws->first = w->next;
		if (!ws->first)
			ws->last = &ws->first;
		ws->n--;
		pthread_mutex_unlock(&ws->lock);
		w->run(w);
		pthread_mutex_lock(&ws->lock);
	}
	pthread_mutex_unlock(&ws->lock);
	return NULL;
}

enum rv_code rv_api_workers_new(struct rv_api_workers **ret, struct rv_err *err)
{
	struct rv_api_workers *ws = calloc(1, sizeof *ws);
	if (!ws)
		return RV_FAIL(err, RV_ENOMEM, "out of memory");
	ws->last = &ws->first;
	rv_assert(pthread_mutex_init(&ws->lock, NULL) == 0 &&
		pthread_cond_init(&ws->more, NULL) == 0);
	for (; ws->n_threads < N_THREADS; ws->n_threads++)
		if (pthread_create(&ws->threads[ws->n_threads], NULL, worker, ws) != 0) {
			rv_api_workers_free(ws);
			return RV_FAIL(err, RV_EIO, "cannot start a thread");
		}
	*ret = ws;
	return RV_OK;
}

void rv_api_workers_free(struct rv_api_workers *ws)
{
	if (!ws)
		return;
	pthread_mutex_lock(&ws->lock);
	ws->stops = true;
	pthread_cond_broadcast(&ws->more);
	pthread_mutex_unlock(&ws->lock);
	for (size_t i = 0; i < ws->n_threads; i++)
		(void)pthread_join(ws->threads[i], NULL); /* ours and joinable */
	pthread_cond_destroy(&ws->more);
	pthread_mutex_destroy(&ws->lock);
	free(ws);
}

enum rv_code rv_api_work_post(struct rv_api_workers *ws, struct rv_api_work *w, struct rv_err *err)
{
	if (!ws)
		return RV_FAIL(err, RV_EBUSY, "the server is stopping");
	pthread_mutex_lock(&ws->lock);
	bool fits = ws->n < QUEUE_MAX && !ws->stops;
	if (fits) {
		w->next = NULL;
		*ws->last = w;
		ws->last = &w->next;
		ws->n++;
		pthread_cond_signal(&ws->more);
	}
	pthread_mutex_unlock(&ws->lock);
	if (!fits)
		return RV_FAIL(err, RV_EBUSY,
			"too many requests of this sort at once; try again in a second");
	return RV_OK;
}
