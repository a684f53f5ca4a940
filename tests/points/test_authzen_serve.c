/* The endpoints over a decider of our own that answers at once, later, or from another thread. */
#include <pthread.h>
#include <stdio.h>

#include "tests/points/point.h"

/* Ids tell what to do: "yes…", "no…", "fail…", "error…"; a 't' in the resource's id hands the
 * question to another thread. */
struct decider {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct rv_authzen_ask *queue[64];
	size_t n;
	bool stop;
	_Atomic int asked;
};

static void answer(struct rv_authzen_ask *ask)
{
	struct rv_str id = rv_authzen_ask_item(ask)->subject.id;
	struct rv_err err = { 0 };
	char context[64];
	snprintf(context, sizeof context, "{\"i\":%zu}", rv_authzen_ask_index(ask));
	if (rv_str_starts(id, RV_STR("fail"))) {
		(void)rv_err_set(&err, RV_ECONFLICT, "conflict");
		rv_authzen_fail(ask, &err);
	} else if (rv_str_starts(id, RV_STR("error"))) {
		(void)rv_err_set(&err, RV_EINTERNAL, "secret");
		rv_authzen_fail_item(ask, &err);
	} else {
		rv_authzen_done(ask, rv_str_starts(id, RV_STR("yes")), rv_str_of(context));
	}
}

static void *decider_main(void *arg)
{
	struct decider *d = arg;
	pthread_mutex_lock(&d->lock);
	while (!d->stop || d->n > 0) {
		if (d->n == 0) {
			pthread_cond_wait(&d->changed, &d->lock);
			continue;
		}
		struct rv_authzen_ask *ask = d->queue[--d->n];
		pthread_mutex_unlock(&d->lock);
		answer(ask);
		pthread_mutex_lock(&d->lock);
	}
	pthread_mutex_unlock(&d->lock);
	return NULL;
}

static void decide(void *self, struct rv_authzen_ask *ask)
{
	struct decider *d = self;
	struct rv_str id = rv_authzen_ask_item(ask)->resource.id;
	d->asked++;
	if (rv_str_find(id, 't', 0) == SIZE_MAX) {
		answer(ask);
		return;
	}
	pthread_mutex_lock(&d->lock);
	d->queue[d->n++] = ask;
	pthread_cond_signal(&d->changed);
	pthread_mutex_unlock(&d->lock);
}

static enum rv_code admit(void *self, struct rv_http_req *r, void **ret_caller, struct rv_err *err)
{
	if (rv_str_eqz(rv_http_header(r, "x-request-id"), "stranger"))
		return RV_FAIL(err, RV_EAUTH, "no valid credential");
	*ret_caller = self;
	return RV_OK;
}

static const struct rv_authzen_ops ops = { .name = "test", .admit = admit, .decide = decide };

#define Q(s, r)                                    \
	"{\"subject\":{\"type\":\"u\",\"id\":\"" s \
	"\"},\"action\":{\"name\":\"n\"},\"resource\":{\"type\":\"d\",\"id\":\"" r "\"}}"
#define BATCH(semantic, items)                                                           \
	"{\"action\":{\"name\":\"n\"},\"options\":{\"evaluations_semantic\":\"" semantic \
	"\"},\"evaluations\":[" items "]}"
#define I(s, r)                                                                                   \
	"{\"subject\":{\"type\":\"u\",\"id\":\"" s "\"},\"resource\":{\"type\":\"d\",\"id\":\"" r \
	"\"}}"

TEST(endpoints)
{
	static const struct {
		const char *path;
		struct rv_str body;
		const char *type, *want;
		int asked;
	} rows[] = {
		{ "/access/v1/evaluation", RV_STR_INIT(Q("yes", "1")), NULL,
			"200 {\"decision\":true,\"context\":{\"i\":0}}", 1 },
		{ "/access/v1/evaluation", RV_STR_INIT(Q("no", "1")), NULL,
			"200 {\"decision\":false,\"context\":{\"i\":0}}", 1 },
		{ "/access/v1/evaluation", RV_STR_INIT(Q("yes", "t")), NULL,
			"200 {\"decision\":true,\"context\":{\"i\":0}}", 1 },
		{ "/access/v1/evaluation", RV_STR_INIT(Q("fail", "1")), NULL,
			"409 {\"error\":{\"code\":\"RV_ECONFLICT\",\"message\":\"conflict\"}}", 1 },
		{ "/access/v1/evaluation", RV_STR_INIT(Q("fail", "t")), NULL,
			"409 {\"error\":{\"code\":\"RV_ECONFLICT\",\"message\":\"conflict\"}}", 1 },
		{ "/access/v1/evaluation", RV_STR_INIT(Q("error", "t")), NULL,
			"200 "
			"{\"decision\":false,\"context\":{\"error\":{\"status\":500,\"message\":"
			"\"a mistake of the program\"}}}",
			1 },
		{ "/access/v1/evaluations", RV_STR_INIT(Q("fail", "t")), NULL,
			"409 {\"error\":{\"code\":\"RV_ECONFLICT\",\"message\":\"conflict\"}}", 1 },
		{ "/access/v1/evaluations",
			RV_STR_INIT(BATCH("execute_all",
				I("yes", "1") "," I("no", "t") "," I("fail", "t") "," I(
					"yes", "2"))),
			NULL,
			"200 "
			"{\"evaluations\":[{\"decision\":true,\"context\":{\"i\":0}},{\"decision\":"
			"false,\"context\":{\"i\":1}},"
			"{\"decision\":false,\"context\":{\"error\":{\"status\":409,\"message\":"
			"\"conflict\"}}},{\"decision\":true,\"context\":{\"i\":3}}]}",
			4 },
		{ "/access/v1/evaluations",
			RV_STR_INIT(BATCH("deny_on_first_deny",
				I("yes", "t") "," I("no", "t") "," I("yes", "t"))),
			NULL,
			"200 "
			"{\"evaluations\":[{\"decision\":true,\"context\":{\"i\":0}},{\"decision\":"
			"false,\"context\":{\"i\":1}}]}",
			2 },
		{ "/access/v1/evaluations",
			RV_STR_INIT(BATCH("deny_on_first_deny", I("fail", "1") "," I("yes", "t"))),
			NULL,
			"200 "
			"{\"evaluations\":[{\"decision\":false,\"context\":{\"error\":{\"status\":"
			"409,\"message\":\"conflict\"}}}]}",
			1 },
		{ "/access/v1/evaluations",
			RV_STR_INIT(BATCH("deny_on_first_deny", "{}," I("yes", "t"))), NULL,
			"200 "
			"{\"evaluations\":[{\"decision\":false,\"context\":{\"error\":{\"status\":"
			"400,\"message\":\"subject: missing\"}}}]}",
			0 },
		{ "/access/v1/evaluations",
			RV_STR_INIT(BATCH("permit_on_first_permit",
				I("no", "t") "," I("yes", "t") "," I("no", "1"))),
			NULL,
			"200 "
			"{\"evaluations\":[{\"decision\":false,\"context\":{\"i\":0}},{"
			"\"decision\":true,\"context\":{\"i\":1}}]}",
			2 },
		{ "/access/v1/evaluations", RV_STR_INIT(BATCH("any", I("no", "t"))), NULL, "400",
			0 },
		{ "/access/v1/evaluation", RV_STR_INIT(Q("yes", "1")), "text/plain", "400", 0 },
		{ "/access/v1/evaluation", RV_STR_INIT(Q("yes", "1")),
			"application/json; charset=latin1", "400", 0 },
		{ "/access/v1/evaluation", RV_STR_INIT(""), NULL, "400", 0 },
		{ "/access/v1/evaluation", RV_STR_INIT("{"), NULL, "400", 0 },
		{ "/access/v1/evaluation",
			RV_STR_INIT("{\"subject\":{\"type\":\"\xff\",\"id\":\"\"}}"), NULL, "400",
			0 },
		{ "/access/v1/evaluation", RV_STR_INIT(Q("yes", "1") Q("yes", "1")), NULL, "400",
			0 },
		{ "/access/v1/search/subject", RV_STR_INIT(Q("yes", "1")), NULL, "501", 0 },
		{ "/access/v1/search/other", RV_STR_INIT(Q("yes", "1")), NULL, "404", 0 },
		{ "/access/v1/evaluation", { NULL, 0 }, NULL, "405", 0 },
		{ "/.well-known/authzen-configuration", { NULL, 0 }, NULL,
			"200 "
			"{\"policy_decision_point\":\"http://"
			"localhost\",\"access_evaluation_endpoint\":\"http://localhost/access/v1/"
			"evaluation\","
			"\"access_evaluations_endpoint\":\"http://localhost/access/v1/"
			"evaluations\"}",
			0 },
	};
	struct decider d = { .stop = false };
	struct point p;
	char got[4096];
	pthread_mutex_init(&d.lock, NULL);
	pthread_cond_init(&d.changed, NULL);
	REQUIRE(pthread_create(&d.thread, NULL, decider_main, &d) == 0);
	REQUIRE(point_start(&p, &ops, &d, 2));
	for (int round = 0; round < 20; round++) {
		for (size_t i = 0; i < RV_COUNT(rows); i++) {
			d.asked = 0;
			(void)point_post(
				&p, rows[i].path, rows[i].body, rows[i].type, got, sizeof got);
			bool is_whole = strlen(rows[i].want) > 3;
			CHECKF(strncmp(got, rows[i].want, is_whole ? sizeof got : 3) == 0,
				"row %zu: %s", i, got);
			CHECKF(d.asked == rows[i].asked, "row %zu asked %d times", i, d.asked);
		}
	}
	const struct rv_http_header id = { RV_STR("X-Request-ID"), RV_STR("stranger") };
	struct rv_http_request q = { .method = RV_HTTP_POST,
		.path = RV_STR("/access/v1/evaluation"),
		.body = RV_STR(Q("yes", "1")),
		.headers = &id,
		.n_headers = 1 };
	struct rv_http_answer a;
	struct rv_err err = { 0 };
	REQUIRE_OK(rv_http_call(p.client, &q, &a, &err), &err);
	CHECK(a.head->status == 401);
	CHECK_STR(rv_http_head_get(a.head, "www-authenticate"), "Bearer");
	point_stop(&p);
	pthread_mutex_lock(&d.lock);
	d.stop = true;
	pthread_cond_signal(&d.changed);
	pthread_mutex_unlock(&d.lock);
	pthread_join(d.thread, NULL);
}

MAIN()
