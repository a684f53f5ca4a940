/* A server with handlers of every kind, and raw sockets to talk to it. Every wait has a deadline;
 * nothing sleeps. */
#ifndef RV_TESTS_HTTP_FIXTURE_H
#define RV_TESTS_HTTP_FIXTURE_H
#include <pthread.h>

#include "http/http.h"
#include "tests/harness.h"

struct fixture {
	struct rv_http_router *router;
	struct rv_http_server *server;
	int port;
	char dir[64], unix_path[80], unix_address[96];
	/* What handlers saw; under lock, changes are signalled. */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct rv_http_req *held[256]; /* by /hold and /later */
	size_t n_held;
	int n_cancelled, n_done, n_timed;
	bool stop_stream;
	int stream_busy, stream_drained, stream_closed;
};

/* listens "127.0.0.1:0" and, if asked for, a Unix socket in a fresh folder. o: listens and router
 * are filled in. */
bool fixture_start(struct fixture *f, struct rv_http_server_opts o, bool with_unix);
/* The same, but for the threads: it listens and does not accept. */
bool fixture_open(struct fixture *f, struct rv_http_server_opts o, bool with_unix);
void fixture_stop(struct fixture *f);
/* Waits until *what >= want; false after five seconds. */
bool fixture_wait(struct fixture *f, const int *what, int want);
bool fixture_wait_held(struct fixture *f, size_t want);

int tcp_connect(int port);
int unix_connect(const char *path);
void send_all(int fd, struct rv_str s);
/* Reads until it holds n times needle, or the end, or five seconds. Returns bytes read; out is
 * terminated. *ret_eof may be NULL. */
size_t read_until(int fd, const char *needle, int n, char *out, size_t out_n, bool *ret_eof);
/* Sends and reads to the end of the connection. */
size_t talk(int port, struct rv_str s, char *out, size_t out_n);
int count_of(const char *text, const char *needle);

/* A server that misbehaves: accepts, reads a request, writes fixed bytes, closes. */
struct fake {
	int fd, port, n_accepts;
	const struct rv_str *answers; /* one a connection */
	size_t n_answers;
	bool keep; /* do not close before the client does */
};
bool fake_start(struct fake *f, pthread_t *t);

struct tls_files {
	char dir[64], cert[96], key[96], other_cert[96], other_key[96], old_cert[96], old_key[96];
};
bool tls_files_make(struct tls_files *t);
void tls_files_remove(struct tls_files *t);
#endif
