/* Retention by policy: a thread of its own looks at start and every hour what is older than the
 * policy allows, and takes it out (ledger/retain.c). What the policy is, is said when the service
 * is started; nobody can ask over the network for more to go. */
#include <pthread.h>
#include <stdio.h>

#include "api/api_int.h"
#include "base/log.h"
#include "ledger/ledger.h"
#include "search/search.h"

enum { EVERY_S = 3600 };

struct rv_api_retention {
	struct rv_api *api;
	int64_t texts_ns, events_ns; /* ages; 0: for ever */
	pthread_t thread;
	bool has_thread;
	pthread_mutex_t mu;
	pthread_cond_t wake;
	bool stops;
	/* of the last pass, under mu */
	int64_t last_ns;
	struct rv_retained last;
	char error[256];
};

static void pass(struct rv_api_retention *t)
{
	struct rv_retained r = { 0 };
	struct rv_err err = { 0 };
	int64_t now = rv_gov_now(t->api->gov);
	const struct rv_retention p = {
		.texts_before_ns = t->texts_ns ? now - t->texts_ns : 0,
		.events_before_ns = t->events_ns ? now - t->events_ns : 0,
	};
	enum rv_code code = rv_ledger_retain(t->api->ledger, &p, &r, &err);
	if (code != RV_OK)
		rv_log(RV_LOG_ERROR, "retention", "%s", err.msg);
	else if (r.segments > 0)
		rv_log(RV_LOG_INFO, "retention",
			"%llu argument texts and %llu events were dropped, %llu bytes",
			(unsigned long long)r.texts, (unsigned long long)r.events,
			(unsigned long long)r.bytes);
	/* At start too: the service may have stopped between the dropping and this. */
	if (code == RV_OK && t->api->search && (r.events > 0 || t->last_ns == 0))
		rv_search_forget(t->api->search, t->last.events_below, r.events_below);
	pthread_mutex_lock(&t->mu);
	t->last_ns = now;
	snprintf(t->error, sizeof t->error, "%.*s", (int)sizeof t->error - 1, err.msg);
	if (code == RV_OK)
		t->last = r;
	pthread_mutex_unlock(&t->mu);
}

static void *run(void *arg)
{
	struct rv_api_retention *t = arg;
	pthread_mutex_lock(&t->mu);
	while (!t->stops) {
		pthread_mutex_unlock(&t->mu);
		pass(t);
		pthread_mutex_lock(&t->mu);
		int64_t until = rv_clock_mono_ns(rv_clock_system()) + EVERY_S * RV_NS_PER_S;
		const struct timespec ts = { .tv_sec = until / RV_NS_PER_S,
			.tv_nsec = until % RV_NS_PER_S };
		while (!t->stops && pthread_cond_timedwait(&t->wake, &t->mu, &ts) == 0)
			continue;
	}
	pthread_mutex_unlock(&t->mu);
	return NULL;
}

enum rv_code rv_api_retain(
	struct rv_api *api, int64_t texts_ns, int64_t events_ns, struct rv_err *err)
{
	pthread_condattr_t attr;
	rv_assert(!api->retention);
	if (texts_ns == 0 && events_ns == 0)
		return RV_OK;
	if (events_ns && texts_ns > events_ns)
		return RV_FAIL(err, RV_EINVAL,
			"argument texts cannot be kept longer than the events they belong to");
	struct rv_api_retention *t = calloc(1, sizeof *t);
	if (!t)
		return RV_FAIL(err, RV_ENOMEM, "out of memory");
	*t = (struct rv_api_retention){ .api = api, .texts_ns = texts_ns, .events_ns = events_ns };
	rv_assert(pthread_mutex_init(&t->mu, NULL) == 0);
	rv_assert(pthread_condattr_init(&attr) == 0);
	rv_assert(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
	rv_assert(pthread_cond_init(&t->wake, &attr) == 0);
	(void)pthread_condattr_destroy(&attr);
	api->retention = t;
	t->has_thread = pthread_create(&t->thread, NULL, run, t) == 0;
	return t->has_thread ? RV_OK : RV_FAIL(err, RV_EIO, "cannot start a thread");
}

void rv_api_retention_stop(struct rv_api *api)
{
	struct rv_api_retention *t = api->retention;
	if (!t)
		return;
	pthread_mutex_lock(&t->mu);
	t->stops = true;
	pthread_cond_broadcast(&t->wake);
	pthread_mutex_unlock(&t->mu);
	if (t->has_thread)
		(void)pthread_join(t->thread, NULL); /* ours and joinable */
	pthread_cond_destroy(&t->wake);
	pthread_mutex_destroy(&t->mu);
	free(t);
	api->retention = NULL;
}

static void put_age(struct rv_json_w *w, const char *name, int64_t ns)
{
	rv_json_w_name(w, name);
	if (ns)
		rv_json_w_i64(w, ns / RV_NS_PER_S);
	else
		rv_json_w_null(w);
}

enum rv_code rv_api_retention(struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	struct rv_api_retention *t = c->retention, now = { 0 };
	RV_TRY(rv_need(c->op,
		RV_RIGHT_AUDITOR | RV_RIGHT_GOVERNOR | RV_RIGHT_ADMIN | RV_RIGHT_RESPONDER, err));
	if (t) {
		pthread_mutex_lock(&t->mu);
		now.last_ns = t->last_ns;
		now.last = t->last;
		memcpy(now.error, t->error, sizeof now.error);
		pthread_mutex_unlock(&t->mu);
	}
	put_age(w, "texts_kept_s", t ? t->texts_ns : 0);
	put_age(w, "events_kept_s", t ? t->events_ns : 0);
	rv_api_kv_time(w, "last_run", now.last_ns);
	rv_json_w_kv_i64(w, "texts_below", (int64_t)now.last.texts_below);
	rv_json_w_kv_i64(w, "events_below", (int64_t)now.last.events_below);
	rv_json_w_kv_i64(w, "texts_dropped", (int64_t)now.last.texts);
	rv_json_w_kv_i64(w, "events_dropped", (int64_t)now.last.events);
	rv_api_kv(w, "error", rv_str_of(now.error));
	return RV_OK;
}
