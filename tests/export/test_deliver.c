/* Delivery to receivers that are down, refuse, stall, or vanish halfway; restarts in between. */
#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "export/export.h"
#include "http/http.h"
#include "tests/ledger/lab.h"

enum { SEEN = 4000 };

/* A receiver: counts how often it saw each event, and answers as it is told. */
struct receiver {
	struct rv_http_router *router;
	struct rv_http_server *server;
	int port;
	pthread_mutex_t mu;
	int fail_next; /* so many requests are answered 500 */
	size_t too_large; /* bodies above get 413; 0: none */
	bool is_stalled; /* answers nothing */
	unsigned seen[SEEN];
	uint64_t highest;
	bool is_out_of_order, is_unsigned;
	unsigned requests;
	struct rv_str key;
};

static void note(struct receiver *r, uint64_t seq)
{
	rv_assert(seq < SEEN);
	/* Again is fine; ahead of one that was never seen is not. */
	if (seq > 0 && r->seen[seq] == 0 && seq > r->highest + 1 && r->highest > 0)
		r->is_out_of_order = true;
	r->seen[seq]++;
	r->highest = seq > r->highest ? seq : r->highest;
}

static void take(struct receiver *r, struct rv_str body)
{
	const struct rv_json *v;
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 64 << 20);
	static const struct rv_json_limits limits = { .max_bytes = 32 << 20 };
	rv_assert(rv_json_parse(&a, body, &limits, &v, NULL) == RV_OK && v->type == RV_JSON_ARR);
	for (size_t i = 0; i < v->n_items; i++) {
		uint64_t seq;
		rv_assert(rv_str_u64(rv_json_get(v->items[i], "sequence")->str, &seq));
		note(r, seq);
	}
}

static void check_signature(struct receiver *r, struct rv_http_req *q)
{
	struct rv_str id = rv_http_header(q, "webhook-id"),
		      at = rv_http_header(q, "webhook-timestamp");
	char id_z[100];
	int64_t at_s;
	RV_AUTO_BUF b;
	rv_buf_init(&b, 200);
	snprintf(id_z, sizeof id_z, "%.*s", RV_FMT(id));
	if (!rv_str_i64(at, &at_s)) {
		r->is_unsigned = true;
		return;
	}
	rv_export_sign(r->key, id_z, at_s, rv_http_body(q), &b);
	if (!rv_str_eq(rv_buf_str(&b), rv_http_header(q, "webhook-signature")))
		r->is_unsigned = true;
}

static void stalled(struct rv_http_req *q, void *arg)
{
	rv_http_reply_json(q, 503, RV_STR("{}"));
}

static void handle(struct rv_http_req *q, void *self)
{
	struct receiver *r = self;
	int status = 200;
	(void)pthread_mutex_lock(&r->mu);
	r->requests++;
	bool stalls = r->is_stalled;
	if (r->fail_next > 0) {
		r->fail_next--;
		status = 500;
	} else if (r->too_large && rv_http_body(q).n > r->too_large) {
		status = 413;
	} else if (!stalls) {
		take(r, rv_http_body(q));
		if (r->key.n > 0)
			check_signature(r, q);
	}
	(void)pthread_mutex_unlock(&r->mu);
	if (stalls)
		rv_http_after(q, 2000, stalled, NULL);
	else
		rv_http_reply_json(q, status, RV_STR("{}"));
}

static const struct rv_http_route routes[] = {
	{ .method = RV_HTTP_POST, .pattern = "/in", .run = handle, .max_body_bytes = 32 << 20 },
};

static void receiver_start(struct receiver *r, int port)
{
	char address[64];
	struct rv_err err = { 0 };
	const struct rv_http_table table = { routes, RV_COUNT(routes), r };
	snprintf(address, sizeof address, "127.0.0.1:%d", port);
	const struct rv_http_listen listen = { .address = address };
	rv_assert(rv_http_router_new(&table, 1, &r->router, NULL) == RV_OK);
	const struct rv_http_server_opts o = { .router = r->router,
		.listens = &listen,
		.n_listens = 1,
		.limits = { .max_body_bytes = 32 << 20 } };
	if (rv_http_server_new(&o, &r->server, &err) != RV_OK ||
		rv_http_server_start(r->server, &err) != RV_OK) {
		fprintf(stderr, "receiver: %s\n", err.msg);
		abort();
	}
	r->port = rv_http_server_port(r->server, 0);
}

static void receiver_stop(struct receiver *r)
{
	rv_http_server_stop(r->server, 100);
	rv_http_server_free(r->server);
	rv_http_router_free(r->router);
	r->server = NULL;
}

struct world {
	struct lab b;
	char state[300], config[300];
	struct rv_arena a;
	struct rv_export_config c;
	struct rv_exporter *x;
};

static void world_init(struct world *w)
{
	*w = (struct world){ .x = NULL };
	lab_init(&w->b);
	lab_must_open(&w->b);
	rv_arena_init(&w->a, 1 << 20);
	snprintf(w->state, sizeof w->state, "%s/export", w->b.dir);
	snprintf(w->config, sizeof w->config, "%s/export.yaml", w->b.dir);
}

static void world_done(struct world *w)
{
	rv_exporter_free(w->x);
	rv_export_config_wipe(&w->c);
	rv_arena_done(&w->a);
	lab_remove(w->state);
	lab_done(&w->b);
}

static void configure(struct world *w, const char *yaml)
{
	struct rv_err err = { 0 };
	lab_write(&w->b, "export.yaml", yaml, strlen(yaml));
	if (rv_export_config_read(&w->a, w->config, &w->c, &err) != RV_OK) {
		fprintf(stderr, "config: %s\n", err.msg);
		abort();
	}
}

static void start(struct world *w)
{
	struct rv_err err = { 0 };
	const struct rv_export_opts o = { .ledger_dir = w->b.dir,
		.state_dir = w->state,
		.config = &w->c,
		.retry_min_ms = 10,
		.retry_max_ms = 50 };
	if (rv_exporter_new(&o, &w->x, &err) != RV_OK) {
		fprintf(stderr, "export: %s\n", err.msg);
		abort();
	}
}

static void stop(struct world *w)
{
	rv_exporter_free(w->x);
	w->x = NULL;
}

/* Events [from, from + n), signed. */
static void append(struct world *w, uint64_t from, size_t n)
{
	RV_AUTO_BUF note;
	rv_buf_init(&note, 1 << 16);
	rv_assert(lab_append(&w->b, from, n, 100, NULL) == RV_OK);
	rv_assert(rv_ledger_checkpoint(w->b.l, true, &note, NULL) == RV_OK);
}

static void drain(struct world *w)
{
	struct rv_err err = { 0 };
	enum rv_code code = rv_exporter_drain(w->x, 60000, &err);
	CHECKF(code == RV_OK, "%s", err.msg);
}

static void check_all_seen(struct receiver *r, uint64_t n, const char *when)
{
	(void)pthread_mutex_lock(&r->mu);
	for (uint64_t i = 0; i < n; i++)
		if (r->seen[i] == 0) {
			test_fail(__FILE__, __LINE__, "%s: event %llu never came", when,
				(unsigned long long)i);
			break;
		}
	CHECKF(!r->is_out_of_order, "%s: out of order", when);
	CHECKF(!r->is_unsigned, "%s: a signature that does not verify", when);
	(void)pthread_mutex_unlock(&r->mu);
}

static void cloud(struct world *w, int port, const char *more)
{
	char yaml[600];
	snprintf(yaml, sizeof yaml,
		"sinks:\n- name: one\n  type: cloudevents\n  url: http://127.0.0.1:%d/in\n  batch: "
		"50\n  deadline_ms: 300\n%s",
		port, more);
	configure(w, yaml);
}

TEST(a_receiver_that_fails_now_and_then)
{
	struct world w;
	struct receiver r = { .mu = PTHREAD_MUTEX_INITIALIZER, .fail_next = 5 };
	struct rv_sink_status st;
	world_init(&w);
	receiver_start(&r, 0);
	append(&w, 0, 500);
	cloud(&w, r.port, "");
	start(&w);
	drain(&w);
	check_all_seen(&r, 500, "at first");
	append(&w, 500, 300);
	(void)pthread_mutex_lock(&r.mu);
	r.fail_next = 3;
	(void)pthread_mutex_unlock(&r.mu);
	drain(&w);
	check_all_seen(&r, 800, "later");
	rv_exporter_status(w.x, 0, &st);
	CHECK(st.next == 800 && st.delivered == 800 && st.failures == 8 && !st.error[0]);
	world_done(&w);
	receiver_stop(&r);
}

TEST(a_receiver_that_is_down)
{
	struct world w;
	struct receiver r = { .mu = PTHREAD_MUTEX_INITIALIZER };
	struct rv_err err = { 0 };
	world_init(&w);
	receiver_start(&r, 0); /* to learn a port that is free */
	int port = r.port;
	receiver_stop(&r);
	append(&w, 0, 200);
	cloud(&w, port, "");
	start(&w);
	CHECK(rv_exporter_drain(w.x, 100, &err) == RV_ETIMEOUT);
	CHECKF(strstr(err.msg, "'one' has 200 events to go"), "%s", err.msg);
	append(&w, 200, 100); /* the log goes on meanwhile */
	receiver_start(&r, port);
	drain(&w);
	check_all_seen(&r, 300, "when it came");
	world_done(&w);
	receiver_stop(&r);
}

TEST(a_receiver_that_stalls)
{
	struct world w;
	struct receiver r = { .mu = PTHREAD_MUTEX_INITIALIZER, .is_stalled = true };
	struct rv_err err = { 0 };
	world_init(&w);
	receiver_start(&r, 0);
	append(&w, 0, 100);
	cloud(&w, r.port, "");
	start(&w);
	CHECK(rv_exporter_drain(w.x, 700, &err) == RV_ETIMEOUT);
	(void)pthread_mutex_lock(&r.mu);
	r.is_stalled = false;
	(void)pthread_mutex_unlock(&r.mu);
	drain(&w);
	check_all_seen(&r, 100, "at last");
	world_done(&w);
	receiver_stop(&r);
}

TEST(restarts_in_between)
{
	struct world w;
	struct receiver r = { .mu = PTHREAD_MUTEX_INITIALIZER };
	uint64_t next;
	world_init(&w);
	receiver_start(&r, 0);
	cloud(&w, r.port, "");
	for (uint64_t i = 0; i < 10; i++) {
		append(&w, i * 100, 100);
		(void)pthread_mutex_lock(&r.mu);
		r.fail_next = (int)(i % 3);
		(void)pthread_mutex_unlock(&r.mu);
		start(&w);
		if (i % 2)
			drain(&w);
		stop(&w); /* wherever it was */
	}
	start(&w);
	drain(&w);
	stop(&w);
	check_all_seen(&r, 1000, "after ten lives");
	CHECK(rv_export_cursor_read(w.state, RV_STR("one"), &next, NULL) == RV_OK && next == 1000);
	CHECK(rv_export_cursor_read(w.state, RV_STR("two"), &next, NULL) == RV_OK &&
		next == UINT64_MAX);
	/* Nothing new: nothing is sent. */
	unsigned before = r.requests;
	start(&w);
	drain(&w);
	CHECK(r.requests == before);
	world_done(&w);
	receiver_stop(&r);
}

TEST(one_that_is_dead_holds_up_no_other)
{
	struct world w;
	struct receiver r = { .mu = PTHREAD_MUTEX_INITIALIZER };
	struct rv_sink_status st;
	struct rv_err err = { 0 };
	char more[300];
	world_init(&w);
	receiver_start(&r, 0);
	append(&w, 0, 300);
	snprintf(more, sizeof more,
		"- name: dead\n  type: ocsf\n  url: http://127.0.0.1:1/x\n  deadline_ms: 200\n");
	cloud(&w, r.port, more);
	start(&w);
	CHECK(rv_exporter_drain(w.x, 3000, &err) == RV_ETIMEOUT);
	CHECKF(strstr(err.msg, "'dead'"), "%s", err.msg);
	check_all_seen(&r, 300, "beside a dead one");
	rv_exporter_status(w.x, 1, &st);
	CHECK(st.next == 0 && st.failures > 0 && st.error[0]);
	world_done(&w);
	receiver_stop(&r);
}

TEST(too_large_is_sent_in_pieces)
{
	struct world w;
	struct receiver r = { .mu = PTHREAD_MUTEX_INITIALIZER, .too_large = 5000 };
	world_init(&w);
	receiver_start(&r, 0);
	append(&w, 0, 200);
	cloud(&w, r.port, "");
	start(&w);
	drain(&w);
	check_all_seen(&r, 200, "in pieces");
	world_done(&w);
	receiver_stop(&r);
}

TEST(a_filter_and_a_beginning)
{
	struct world w;
	struct receiver r = { .mu = PTHREAD_MUTEX_INITIALIZER };
	world_init(&w);
	receiver_start(&r, 0);
	append(&w, 0, 100);
	cloud(&w, r.port, "  query: \"outcome:deny\"\n  begin: now\n");
	start(&w);
	append(&w, 100, 100);
	drain(&w);
	for (uint64_t i = 0; i < 200; i++)
		CHECKF((r.seen[i] > 0) == (i >= 100 && i % 5 == 4), "event %llu",
			(unsigned long long)i);
	world_done(&w);
	receiver_stop(&r);
}

TEST(webhooks_are_signed)
{
	struct world w;
	struct receiver r = { .mu = PTHREAD_MUTEX_INITIALIZER,
		.key = RV_STR_INIT("0123456789abcdef01234567") };
	char yaml[600];
	world_init(&w);
	receiver_start(&r, 0);
	append(&w, 0, 120);
	lab_write(&w.b, "secret", "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3\n", 39);
	rv_assert(chmod(lab_path(&w.b, "secret"), 0600) == 0);
	snprintf(yaml, sizeof yaml,
		"sinks:\n- name: hook\n  type: webhook\n  url: http://127.0.0.1:%d/in\n  "
		"secret_file: %s\n",
		r.port, lab_path(&w.b, "secret"));
	configure(&w, yaml);
	start(&w);
	drain(&w);
	check_all_seen(&r, 120, "signed");
	world_done(&w);
	receiver_stop(&r);
}

/* ---- syslog over TCP: a collector that counts frames, and hangs up once ---- */

struct collector {
	int fd, port;
	pthread_t thread;
	pthread_mutex_t mu;
	unsigned seen[SEEN];
	bool is_malformed, hangs_up, is_over;
};

static void frame(struct collector *c, struct rv_str f)
{
	const char *p = memmem(f.p, f.n, "seq=\"", 5);
	uint64_t seq = 0;
	if (!p || !rv_str_starts(f, RV_STR("<1"))) {
		c->is_malformed = true;
		return;
	}
	for (p += 5; *p >= '0' && *p <= '9'; p++)
		seq = seq * 10 + (uint64_t)(*p - '0');
	if (seq < SEEN)
		c->seen[seq]++;
}

static void one_connection(struct collector *c, int fd)
{
	RV_AUTO_BUF b;
	rv_buf_init(&b, 16 << 20);
	size_t frames = 0;
	for (;;) {
		char *p = rv_buf_room(&b, 4096);
		ssize_t n = recv(fd, p, 4096, 0);
		if (n <= 0)
			return;
		b.n += (size_t)n;
		for (;;) {
			struct rv_str all = rv_buf_str(&b);
			size_t blank = rv_str_find(all, ' ', 0);
			uint64_t len;
			if (blank == SIZE_MAX || !rv_str_u64(rv_str_sub(all, 0, blank), &len) ||
				all.n - blank - 1 < len)
				break;
			(void)pthread_mutex_lock(&c->mu);
			frame(c, rv_str_sub(all, blank + 1, blank + 1 + len));
			bool stops = c->hangs_up && ++frames == 30;
			c->hangs_up = c->hangs_up && !stops;
			(void)pthread_mutex_unlock(&c->mu);
			if (stops)
				return;
			size_t used = blank + 1 + len;
			memmove(b.p, b.p + used, b.n - used);
			b.n -= used;
		}
	}
}

static void *collect(void *arg)
{
	struct collector *c = arg;
	for (;;) {
		int fd = accept(c->fd, NULL, NULL);
		if (fd < 0)
			return NULL;
		one_connection(c, fd);
		(void)close(fd);
	}
}

static void collector_start(struct collector *c)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t n = sizeof a;
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	rv_assert(c->fd >= 0 && bind(c->fd, (struct sockaddr *)&a, sizeof a) == 0 &&
		listen(c->fd, 8) == 0 && getsockname(c->fd, (struct sockaddr *)&a, &n) == 0);
	c->port = ntohs(a.sin_port);
	rv_assert(pthread_create(&c->thread, NULL, collect, c) == 0);
}

static void collector_stop(struct collector *c)
{
	(void)shutdown(c->fd, SHUT_RDWR);
	(void)pthread_join(c->thread, NULL);
	(void)close(c->fd);
}

TEST(syslog_over_tcp)
{
	struct world w;
	struct collector c = { .mu = PTHREAD_MUTEX_INITIALIZER };
	char yaml[300];
	world_init(&w);
	collector_start(&c);
	append(&w, 0, 200);
	snprintf(yaml, sizeof yaml,
		"sinks:\n- name: log\n  type: syslog\n  url: syslog+tcp://127.0.0.1:%d\n  batch: "
		"20\n",
		c.port);
	configure(&w, yaml);
	start(&w);
	drain(&w);
	stop(&w); /* closes: the collector has read all */
	collector_stop(&c);
	CHECK(!c.is_malformed);
	for (size_t i = 0; i < 200; i++)
		CHECKF(c.seen[i] > 0, "event %zu never came", i);
	world_done(&w);
}

/* ---- configuration ---- */

TEST(bad_configurations)
{
#define ONE "sinks:\n- name: a\n  type: ocsf\n  url: https://x/\n"
	static const struct {
		const char *yaml, *says;
	} cases[] = {
		{ "", "one document" },
		{ "sinks: []\n", "no sink" },
		{ "sinks: 3\n", "sinks" },
		{ "sink: []\n", "sinks" },
		{ ONE "  colour: red\n", "colour" },
		{ ONE "- name: a\n  type: ocsf\n  url: https://x/\n", "two sinks 'a'" },
		{ "sinks:\n- name: A!\n  type: ocsf\n  url: https://x/\n", "no name" },
		{ "sinks:\n- name: a\n  type: smoke\n  url: https://x/\n", "'smoke' is unknown" },
		{ "sinks:\n- name: a\n  type: ocsf\n  url: ftp://x/\n", "the url begins with" },
		{ "sinks:\n- name: a\n  type: syslog\n  url: https://x/\n", "syslog+tls" },
		{ "sinks:\n- name: a\n  type: ocsf\n", "url" },
		{ ONE "  query: \"sytem:x\"\n", "column 1" },
		{ ONE "  batch: 0\n", "batch" },
		{ ONE "  batch: 1001\n", "batch" },
		{ ONE "  begin: later\n", "'first' or 'now'" },
		{ ONE "  secret_file: /nowhere\n", "only that" },
		{ "sinks:\n- name: a\n  type: webhook\n  url: https://x/\n", "secret_file" },
		{ ONE "  token_file: /nowhere/at/all\n", "/nowhere/at/all" },
		{ "sinks:\n- name: a\n  type: ocsf\n  url: http://x/\n  token_file: /etc/passwd\n",
			"https:// only" },
		{ ONE "  token_file: /etc/passwd\n", "can be read by others" },
	};
	struct lab b;
	lab_init(&b);
	for (size_t i = 0; i < RV_COUNT(cases); i++) {
		struct rv_export_config c;
		struct rv_err err = { 0 };
		RV_AUTO_ARENA a;
		rv_arena_init(&a, 1 << 20);
		lab_write(&b, "x.yaml", cases[i].yaml, strlen(cases[i].yaml));
		enum rv_code code = rv_export_config_read(&a, lab_path(&b, "x.yaml"), &c, &err);
		CHECKF(code != RV_OK && strstr(err.msg, cases[i].says) &&
				strstr(err.where, "x.yaml"),
			"row %zu: %s: %s", i, err.where, err.msg);
	}
	lab_done(&b);
}

TEST(one_process_only)
{
	struct world w;
	struct rv_exporter *other;
	struct rv_err err = { 0 };
	world_init(&w);
	cloud(&w, 1, "");
	start(&w);
	const struct rv_export_opts o = {
		.ledger_dir = w.b.dir, .state_dir = w.state, .config = &w.c
	};
	CHECK(rv_exporter_new(&o, &other, &err) == RV_EBUSY);
	stop(&w);
	lab_write(&w.b, "export/one.cursor", "garbage", 7);
	rv_err_clear(&err);
	CHECK(rv_exporter_new(&o, &other, &err) != RV_OK);
	CHECKF(strstr(err.msg, "one.cursor"), "%s", err.msg);
	world_done(&w);
}

MAIN()
