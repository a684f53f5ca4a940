/* Replies from other threads: no race, no loss, few wakes. Runs under TSan too. */
#include <stdatomic.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "tests/http/fixture.h"

enum { CLIENTS = 64, ROUNDS = 30 };
#define HOLD "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n"

static void answer_all(struct fixture *f)
{
	for (size_t i = 0; i < f->n_held; i++) {
		char body[32];
		struct rv_http_header h = { RV_STR("X-N"), RV_STR("1") };
		int n = snprintf(body, sizeof body, "\"n%zu\"", i);
		rv_http_reply_post(f->held[i],
			&(struct rv_http_reply){ .status = 200,
				.body = rv_str_n(body, (size_t)n),
				.headers = &h,
				.n_headers = 1 });
	}
	f->n_held = 0;
}

/* 64 replies posted by one thread: corked, each loop wakes once. */
TEST(a_cork_wakes_each_loop_once)
{
	struct fixture f;
	struct rv_http_stats before, after;
	int fds[CLIENTS];
	char got[1024];
	REQUIRE(fixture_start(&f, (struct rv_http_server_opts){ .n_threads = 2 }, false));
	for (int i = 0; i < CLIENTS; i++)
		fds[i] = tcp_connect(f.port);
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < CLIENTS; i++)
			send_all(fds[i], RV_STR(HOLD));
		REQUIRE(fixture_wait_held(&f, CLIENTS));
		rv_http_server_stats(f.server, &before);
		rv_http_cork(f.server);
		rv_http_cork(f.server);
		answer_all(&f);
		rv_http_uncork(f.server);
		rv_http_uncork(f.server);
		for (int i = 0; i < CLIENTS; i++) {
			(void)read_until(fds[i], "\"n", 1, got, sizeof got, NULL);
			CHECKF(strstr(got, "200 OK") && strstr(got, "X-N: 1\r\n"), "%s", got);
		}
		rv_http_server_stats(f.server, &after);
		CHECKF(after.wakes - before.wakes <= 2, "%llu wakes for %d replies",
			(unsigned long long)(after.wakes - before.wakes), CLIENTS);
	}
	for (int i = 0; i < CLIENTS; i++)
		close(fds[i]);
	fixture_stop(&f);
}

/* Many posting threads beside clients that come and go. */
struct poster {
	struct fixture *f;
	_Atomic bool stop;
};
static void *poster_main(void *arg)
{
	struct poster *p = arg;
	for (;;) {
		struct rv_http_req *r = NULL;
		pthread_mutex_lock(&p->f->lock);
		while (p->f->n_held == 0 && !p->stop)
			pthread_cond_wait(&p->f->changed, &p->f->lock);
		if (p->f->n_held > 0)
			r = p->f->held[--p->f->n_held];
		pthread_mutex_unlock(&p->f->lock);
		if (!r)
			return NULL;
		struct rv_err err = { 0 };
		(void)rv_err_set(&err, RV_EBUSY, "posted");
		if (rv_http_head(r)->query.n % 2)
			rv_http_reply_err_post(r, &err);
		else
			rv_http_reply_post(r,
				&(struct rv_http_reply){
					.status = 200, .body = RV_STR("\"posted\"") });
	}
}

struct client {
	int port, seed, answers;
};
static void *client_main(void *arg)
{
	struct client *c = arg;
	char got[4096];
	for (int round = 0; round < ROUNDS; round++) {
		int fd = tcp_connect(c->port);
		for (int i = 0; i < 4; i++)
			send_all(fd,
				(round + i) % 2 ? RV_STR("GET /hold?a HTTP/1.1\r\nHost: h\r\n\r\n")
						: RV_STR(HOLD));
		if ((round + c->seed) % 3) {
			(void)read_until(fd, "posted\"", 4, got, sizeof got, NULL);
			if (count_of(got, "posted\"") == 4)
				c->answers++;
		}
		close(fd); /* else with replies under way */
	}
	return NULL;
}

TEST(posts_beside_leaving_clients)
{
	struct fixture f;
	struct client clients[8];
	pthread_t posters[3], threads[8];
	int wanted = 0, answers = 0;
	REQUIRE(fixture_start(&f, (struct rv_http_server_opts){ .n_threads = 2 }, false));
	struct poster p = { .f = &f };
	for (int i = 0; i < 3; i++)
		REQUIRE(pthread_create(&posters[i], NULL, poster_main, &p) == 0);
	for (int i = 0; i < 8; i++) {
		clients[i] = (struct client){ f.port, i, 0 };
		REQUIRE(pthread_create(&threads[i], NULL, client_main, &clients[i]) == 0);
	}
	for (int i = 0; i < 8; i++) {
		pthread_join(threads[i], NULL);
		answers += clients[i].answers;
		for (int round = 0; round < ROUNDS; round++)
			wanted += (round + i) % 3 ? 1 : 0;
	}
	CHECKF(answers == wanted, "%d of %d", answers, wanted);
	rv_http_server_stop(f.server, 5000);
	pthread_mutex_lock(&f.lock);
	p.stop = true;
	pthread_cond_broadcast(&f.changed);
	pthread_mutex_unlock(&f.lock);
	for (int i = 0; i < 3; i++)
		pthread_join(posters[i], NULL);
	fixture_stop(&f);
}

struct task {
	struct rv_http_task node;
	struct rv_http_req *r;
	pthread_t ran_on;
};
static void run_task(struct rv_http_task *t)
{
	struct task *task = (struct task *)t;
	task->ran_on = pthread_self();
	rv_http_reply_json(
		task->r, 200, RV_STR("\"from a task\"")); /* asserts that it is the loop's thread */
}

TEST(tasks_run_on_the_loop)
{
	struct fixture f;
	char got[1024];
	REQUIRE(fixture_start(&f, (struct rv_http_server_opts){ .n_threads = 2 }, false));
	int fd = tcp_connect(f.port);
	send_all(fd, RV_STR(HOLD));
	REQUIRE(fixture_wait_held(&f, 1));
	struct task t = { .node.fn = run_task, .r = f.held[0] };
	rv_http_task_post(rv_http_loop_of(t.r), &t.node);
	(void)read_until(fd, "task\"", 1, got, sizeof got, NULL);
	CHECKF(strstr(got, "\"from a task\""), "%s", got);
	CHECK(!pthread_equal(t.ran_on, pthread_self()));
	close(fd);
	fixture_stop(&f);
}

MAIN()
