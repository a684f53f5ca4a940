/* What the server costs beside its limit: the same bytes answered by a bare epoll loop that reads
 * nothing into what it gets. bench_http bare|plain|posted    prints its port, serves until its
 * standard input closes posted: each request is answered from another thread, as decisions are
 * whose audit record is made durable first. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "http/http.h"

#define BODY "{\"decision\":true}"

/* ---- ours ---- */

struct poster {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct rv_http_req *queue[4096];
	size_t n;
	struct rv_http_server *server;
};

static void *poster_main(void *arg)
{
	struct poster *p = arg;
	static struct rv_http_req *mine[RV_COUNT(p->queue)];
	for (;;) {
		pthread_mutex_lock(&p->lock);
		while (p->n == 0)
			pthread_cond_wait(&p->changed, &p->lock);
		size_t n = p->n;
		memcpy(mine, p->queue, n * sizeof mine[0]);
		p->n = 0;
		pthread_mutex_unlock(&p->lock);
		rv_http_cork(p->server);
		for (size_t i = 0; i < n; i++)
			rv_http_reply_post(mine[i],
				&(struct rv_http_reply){ .status = 200, .body = RV_STR(BODY) });
		rv_http_uncork(p->server);
	}
	return NULL;
}

static void plain(struct rv_http_req *r, void *self)
{
	rv_http_reply_json(r, 200, RV_STR(BODY));
}

static void posted(struct rv_http_req *r, void *self)
{
	struct poster *p = self;
	pthread_mutex_lock(&p->lock);
	p->queue[p->n++] = r; /* no more connections than that */
	if (p->n == 1)
		pthread_cond_signal(&p->changed);
	pthread_mutex_unlock(&p->lock);
}

static int serve_ours(bool is_posted)
{
	static struct poster p = { .lock = PTHREAD_MUTEX_INITIALIZER,
		.changed = PTHREAD_COND_INITIALIZER };
	const struct rv_http_route routes[] = { { RV_HTTP_POST, "/access/v1/evaluation",
		is_posted ? posted : plain } };
	const struct rv_http_table table = { routes, 1, &p };
	struct rv_http_listen l = { .address = "127.0.0.1:0" };
	struct rv_http_router *router;
	struct rv_err err = { 0 };
	pthread_t t;
	enum rv_code code = rv_http_router_new(&table, 1, &router, &err);
	if (code == RV_OK)
		code = rv_http_server_new(
			&(struct rv_http_server_opts){
				.router = router, .listens = &l, .n_listens = 1 },
			&p.server, &err);
	if (code == RV_OK && is_posted && pthread_create(&t, NULL, poster_main, &p) != 0)
		code = RV_EIO;
	if (code == RV_OK)
		code = rv_http_server_start(p.server, &err);
	if (code != RV_OK) {
		fprintf(stderr, "bench_http: %s\n", err.msg);
		return 1;
	}
	printf("%d\n", rv_http_server_port(p.server, 0));
	fflush(stdout);
	while (getchar() != EOF)
		;
	return 0; /* the process's end cleans up */
}

/* ---- the limit ---- */

static const char answer[] = "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 "
			     "GMT\r\nContent-Type: application/json\r\n"
			     "Content-Length: 17\r\n\r\n" BODY;

static void *bare_main(void *arg)
{
	int listener = *(int *)arg, ep = epoll_create1(EPOLL_CLOEXEC), one = 1;
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = listener }, got[64];
	char in[16384];
	epoll_ctl(ep, EPOLL_CTL_ADD, listener, &ev);
	for (;;) {
		int n = epoll_wait(ep, got, 64, -1);
		for (int i = 0; i < n; i++) {
			int fd = got[i].data.fd;
			if (fd == listener) {
				fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
				setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
				ev.data.fd = fd;
				epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
			} else if (recv(fd, in, sizeof in, 0) <= 0 ||
				send(fd, answer, sizeof answer - 1, MSG_NOSIGNAL) <= 0) {
				close(fd);
			}
		}
	}
	return NULL;
}

static int serve_bare(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof a;
	pthread_t t;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(fd, 1024) != 0 ||
		getsockname(fd, (struct sockaddr *)&a, &n) != 0 ||
		pthread_create(&t, NULL, bare_main, &fd) != 0)
		return 1;
	printf("%d\n", ntohs(a.sin_port));
	fflush(stdout);
	while (getchar() != EOF)
		;
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "bare") == 0)
		return serve_bare();
	if (argc == 2 && strcmp(argv[1], "plain") == 0)
		return serve_ours(false);
	if (argc == 2 && strcmp(argv[1], "posted") == 0)
		return serve_ours(true);
	fprintf(stderr, "usage: bench_http bare|plain|posted\n");
	return 2;
}
