/* reeve init and reeve serve: the data folder, and the process that holds it. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>

#include "api/api.h"
#include "base/file.h"
#include "base/log.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/serve_conf.h"
#include "gate/gate.h"
#include "ledger/ledger.h"
#include "points/authzen/serve_gate.h"
#include "search/search.h"
#include "witness/witness.h"

enum { PATH_SIZE = 4096, SEGMENT_BYTES = 4 << 20, RESERVE_BYTES = 256 << 10 };

/* ---- init
 * ---------------------------------------------------------------------------------------- */

int rv_cmd_init(int argc, char **argv)
{
	static const char *data, *origin, *admin;
	static bool json;
	static const struct rv_opt opts[] = {
		{ "data", 'd', RV_OPT_STR, "DIR", "the folder to make (required)", &data },
		{ "origin", 'o', RV_OPT_STR, "NAME",
			"the audit log's name, such as example.com/reeve (required)", &origin },
		{ "admin", 0, RV_OPT_STR, "NAME", "the first admin (default: admin)", &admin },
		{ "json", 0, RV_OPT_FLAG, NULL, "print the answer as JSON", &json },
	};
	static const struct rv_usage u = { "init", "", "make a new installation",
		"Makes keys (0600), an empty registry and the first admin's single-use link in "
		"DIR/first-admin, good for an hour.\n"
		"Prints the log's verifier key: keep it elsewhere, for it is what proves the log "
		"later.\n\n"
		"  reeve init --data /var/lib/reeve --origin example.com/reeve\n"
		"  reeve serve --data /var/lib/reeve &\n"
		"  reeve setup /var/lib/reeve/first-admin",
		opts, RV_COUNT(opts), 0, 0 };
	struct rv_err err = { 0 };
	RV_AUTO_BUF vkey;
	rv_buf_init(&vkey, 4096);
	int n, status = rv_cli_parse(&u, argc, argv, &n);
	if (status != RV_CLI_GO)
		return status;
	if (!data || !origin)
		return rv_cli_bad(u.name, "needs --data and --origin");
	const struct rv_init_opts o = { .dir = data, .origin = origin, .admin = admin };
	if (rv_gov_init(&o, &vkey, &err) != RV_OK)
		return rv_cli_fail(u.name, &err);
	if (json) {
		static const char *const names[] = { "vkey" };
		const struct rv_str values[] = { rv_buf_str(&vkey) };
		rv_print_object(names, values, RV_COUNT(names));
		return 0;
	}
	printf("%s\n", rv_buf_z(&vkey));
	fprintf(stderr,
		"The line above is the log's verifier key. Keep it somewhere else.\n"
		"Next: reeve serve --data %s, then within an hour: reeve setup %s/%s\n",
		data, data, RV_GOV_ADMIN_LINK);
	return 0;
}

/* ---- serve
 * --------------------------------------------------------------------------------------- */

struct serve {
	struct rv_serve_conf conf;
	const char *data;
	struct rv_ledger *ledger;
	pthread_mutex_t poke_mu;
	struct rv_search *search; /* under poke_mu where the ledger thread pokes it */
	struct rv_gov *gov;
	struct rv_gate *gate;
	struct rv_api *api;
	struct rv_authzen_gate authzen;
	struct rv_authzen_point point;
	struct rv_witness_push *push;
	struct rv_witness_service *cosigner;
	struct rv_http_router *router;
	struct rv_http_server *server;
	struct rv_http_server *corked; /* the ledger thread's own */
};

static void on_batch(void *arg, bool begin)
{
	struct serve *s = arg;
	/* The server may come into being, or go, between the two calls: what was corked is what is
	 * uncorked. */
	if (begin) {
		s->corked = __atomic_load_n(&s->server, __ATOMIC_ACQUIRE);
		if (s->corked)
			rv_http_cork(s->corked);
	} else if (s->corked) {
		rv_http_uncork(s->corked);
		s->corked = NULL;
	}
	if (begin)
		return;
	rv_assert(pthread_mutex_lock(&s->poke_mu) == 0);
	if (s->search)
		rv_search_poke(s->search);
	rv_assert(pthread_mutex_unlock(&s->poke_mu) == 0);
}

/* The ledger thread pokes the search, and the search reads the ledger: one of them ends first. */
static struct rv_search *swap_search(struct serve *s, struct rv_search *with)
{
	rv_assert(pthread_mutex_lock(&s->poke_mu) == 0);
	struct rv_search *was = s->search;
	s->search = with;
	rv_assert(pthread_mutex_unlock(&s->poke_mu) == 0);
	return was;
}

static enum rv_code open_search(struct serve *s, struct rv_err *err)
{
	char path[PATH_SIZE];
	struct rv_search *search;
	snprintf(path, sizeof path, "%s/%s", s->data, RV_GOV_SEARCH_DIR);
	const struct rv_search_opts o = { .dir = path, .ledger = s->ledger };
	RV_TRY(rv_search_open(&o, &search, err));
	(void)swap_search(s, search); /* there was none */
	return RV_OK;
}

/* The log's key, closed to everybody else. */
static enum rv_code load_key(
	const struct serve *s, struct rv_arena *a, struct rv_ledger_key *ret, struct rv_err *err)
{
	char path[PATH_SIZE];
	struct rv_str seed;
	struct stat st;
	snprintf(path, sizeof path, "%s/%s", s->data, RV_GOV_LOG_KEY);
	if (stat(s->data, &st) == 0 && stat(path, &st) != 0 && errno == ENOENT)
		return RV_FAIL(err, RV_ENOENT,
			"there is no '%s': '%s' is no data folder, or its key was moved; a new "
			"folder is made by: reeve init --data %s; a lost key comes back from its "
			"copy only",
			path, s->data, s->data);
	if (stat(s->data, &st) != 0)
		return RV_FAIL(err, RV_ENOENT, "data folder '%s': %s; make it with: reeve init",
			s->data, strerror(errno));
	if (stat(path, &st) == 0 && (st.st_mode & 077) != 0)
		return RV_FAIL(
			err, RV_EPERM, "'%s' may be read by others; run: chmod 600 %s", path, path);
	RV_TRY(rv_file_read(a, path, 4096, &seed, err));
	enum rv_code code = rv_ledger_key_load(seed, ret, err);
	explicit_bzero((char *)(uintptr_t)seed.p, seed.n);
	if (code != RV_OK)
		rv_err_where(err, path);
	return code;
}

static enum rv_code open_ledger(struct serve *s, struct rv_err *err)
{
	char path[PATH_SIZE];
	struct rv_str origin;
	struct rv_ledger_key key;
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 1 << 20);
	RV_TRY(load_key(s, &a, &key, err));
	snprintf(path, sizeof path, "%s/%s", s->data, RV_GOV_ORIGIN);
	enum rv_code code = rv_file_read(&a, path, 4096, &origin, err);
	snprintf(path, sizeof path, "%s/%s", s->data, RV_GOV_LEDGER_DIR);
	const struct rv_ledger_opts o = { .dir = path,
		.origin = code == RV_OK ? origin.p : NULL,
		.key = &key,
		.segment_bytes = SEGMENT_BYTES,
		.reserve_bytes = RESERVE_BYTES,
		.on_batch = on_batch,
		.on_batch_arg = s };
	if (code == RV_OK)
		code = rv_ledger_open(&o, &s->ledger, err);
	rv_ledger_key_wipe(&key);
	return code;
}

static void health(struct rv_http_req *r, void *self)
{
	struct serve *s = self;
	struct rv_err err = { 0 };
	if (rv_ledger_ready(s->ledger, false, &err) != RV_OK)
		rv_http_reply_err(r, &err);
	else
		rv_http_reply_json(r, 200, RV_STR("{\"status\":\"ok\"}"));
}

static const struct rv_http_route own_routes[] = {
	{ .method = RV_HTTP_GET, .pattern = "/healthz", .run = health },
};

static enum rv_code open_server(struct serve *s, struct rv_err *err)
{
	const struct rv_serve_conf *c = &s->conf;
	struct rv_http_listen listens[RV_SERVE_LISTENS_MAX];
	for (size_t i = 0; i < c->listens.n; i++)
		listens[i] = (struct rv_http_listen){ .address = c->listens.v[i],
			.unix_mode = (mode_t)rv_serve_number(c, RV_SERVE_ID_unix_mode),
			.is_plain = rv_http_address_is_local(c->listens.v[i]) };
	s->authzen = (struct rv_authzen_gate){ s->gov, s->gate };
	s->point = (struct rv_authzen_point){ .ops = &rv_authzen_gate_ops,
		.self = &s->authzen,
		.public_url = rv_serve_text(c, RV_SERVE_ID_public_url) };
	struct rv_http_table tables[4] = { rv_api_table(s->api), rv_authzen_table(&s->point),
		{ own_routes, RV_COUNT(own_routes), s } };
	size_t n_tables = 3;
	if (s->cosigner)
		tables[n_tables++] = rv_witness_service_table(s->cosigner, false);
	RV_TRY(rv_http_router_new(tables, n_tables, &s->router, err));
	const struct rv_http_server_opts o = { .router = s->router,
		.listens = listens,
		.n_listens = c->listens.n,
		.n_threads = (unsigned)rv_serve_number(c, RV_SERVE_ID_threads),
		.tls_cert_file = rv_serve_text(c, RV_SERVE_ID_tls_cert),
		.tls_key_file = rv_serve_text(c, RV_SERVE_ID_tls_key),
		.limits = { .max_body_bytes = (uint64_t)rv_serve_number(c, RV_SERVE_ID_max_body) },
		.max_connections = (uint32_t)rv_serve_number(c, RV_SERVE_ID_max_connections),
		.head_deadline_ms = rv_serve_number(c, RV_SERVE_ID_head_timeout),
		.body_deadline_ms = rv_serve_number(c, RV_SERVE_ID_body_timeout),
		.idle_timeout_ms = rv_serve_number(c, RV_SERVE_ID_idle_timeout),
		.send_timeout_ms = rv_serve_number(c, RV_SERVE_ID_send_timeout) };
	struct rv_http_server *server;
	RV_TRY(rv_http_server_new(&o, &server, err));
	__atomic_store_n(&s->server, server, __ATOMIC_RELEASE);
	rv_api_serve(s->api, server);
	return RV_OK;
}

/* Others cosign our checkpoints; we cosign those of others. */
static enum rv_code open_witnesses(struct serve *s, struct rv_err *err)
{
	const struct rv_serve_conf *c = &s->conf;
	const char *witnesses = rv_serve_text(c, RV_SERVE_ID_witnesses);
	const char *store = rv_serve_text(c, RV_SERVE_ID_cosign_store);
	struct rv_witness_peer peers[RV_WITNESS_PEERS_MAX];
	struct rv_witness *w;
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 4 << 20);
	if (witnesses) {
		struct rv_witness_push_opts o = { .ledger = s->ledger,
			.peers = peers,
			.quorum = (size_t)rv_serve_number(c, RV_SERVE_ID_witness_quorum),
			.ca_file = getenv("REEVE_CA_FILE") };
		RV_TRY(rv_witness_peers_read(&a, witnesses, peers, &o.n_peers, err));
		RV_TRY(rv_witness_push_start(&o, &s->push, err));
		rv_api_witnesses(s->api, s->push, o.quorum);
	}
	if (!store)
		return RV_OK;
	RV_TRY(rv_witness_open(store, rv_serve_text(c, RV_SERVE_ID_cosign_logs), &w, err));
	return rv_witness_service_new(w, &s->cosigner, err);
}

static enum rv_code open_retention(struct serve *s, struct rv_err *err)
{
	const struct rv_serve_conf *c = &s->conf;
	return rv_api_retain(s->api, rv_serve_number(c, RV_SERVE_ID_retain_text) * RV_NS_PER_MS,
		rv_serve_number(c, RV_SERVE_ID_retain_events) * RV_NS_PER_MS, err);
}

static enum rv_code open_all(struct serve *s, struct rv_err *err)
{
	RV_TRY(open_ledger(s, err));
	RV_TRY(open_search(s, err));
	const struct rv_gov_opts o = { .dir = s->data, .ledger = s->ledger };
	RV_TRY(rv_gov_open(&o, &s->gov, err));
	RV_TRY(rv_control_start(s->gov, err));
	RV_TRY(rv_gate_new(s->gov, s->ledger, &s->gate, err));
	RV_TRY(rv_api_new(s->gov, s->ledger, s->gate, s->search, &s->api, err));
	RV_TRY(open_witnesses(s, err));
	RV_TRY(open_retention(s, err));
	return open_server(s, err);
}

static enum rv_code note_run(void *arg, struct rv_op *op, struct rv_err *err)
{
	const struct rv_event ev = { .kind = *(const enum rv_event_kind *)arg };
	return rv_op_event(op, &ev, RV_STR(""), NULL, err);
}

/* The program's own comings and goings are events too. */
static enum rv_code note(struct serve *s, enum rv_event_kind kind, struct rv_err *err)
{
	const struct rv_job job = { .kind = RV_JOB_CHANGE,
		.run = note_run,
		.arg = &kind,
		.actor = { .type = RV_ACTOR_SERVICE, .id = RV_STR_INIT("reeve") } };
	return rv_control_call(s->gov, &job, err);
}

static void stop(struct serve *s)
{
	struct rv_http_server *server = s->server;
	rv_api_stop(s->api);
	if (server)
		rv_http_server_stop(server, rv_serve_number(&s->conf, RV_SERVE_ID_drain_timeout));
	if (s->gov && server)
		(void)note(s, RV_EV_SERVICE_STOPPED, NULL); /* the log may be what failed */
	if (s->gov)
		rv_control_stop(s->gov);
	__atomic_store_n(&s->server, NULL, __ATOMIC_RELEASE);
	rv_api_stop_searches(s->api);
	rv_search_free(swap_search(s, NULL));
	rv_witness_push_stop(s->push);
	if (s->api)
		rv_api_retention_stop(s->api);
	if (s->ledger)
		rv_ledger_free(s->ledger);
	rv_http_server_free(server);
	rv_http_router_free(s->router);
	rv_witness_service_free(s->cosigner);
	rv_api_free(s->api);
	rv_gate_free(s->gate);
	rv_gov_free(s->gov);
}

static void announce(const struct serve *s)
{
	const struct rv_opt_list *l = &s->conf.listens;
	for (size_t i = 0; i < l->n; i++) {
		int port = rv_http_server_port(s->server, i);
		if (port > 0)
			rv_log(RV_LOG_INFO, "serve", "listening on %s (port %d)", l->v[i], port);
		else
			rv_log(RV_LOG_INFO, "serve", "listening on %s", l->v[i]);
	}
}

static enum rv_code start(struct serve *s, struct rv_err *err)
{
	RV_TRY(open_all(s, err));
	RV_TRY(rv_http_server_start(s->server, err));
	return note(s, RV_EV_SERVICE_STARTED, err);
}

/* All that can be told without taking the folder, which a running serve may hold. */
static int check(const struct serve *s)
{
	const char *cert = rv_serve_text(&s->conf, RV_SERVE_ID_tls_cert);
	struct rv_err err = { 0 };
	struct rv_ledger_key key;
	RV_AUTO_BUF out;
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 1 << 20);
	rv_buf_init(&out, 1 << 20);
	enum rv_code code = load_key(s, &a, &key, &err);
	rv_ledger_key_wipe(&key);
	if (code == RV_OK && cert)
		code = rv_http_tls_check(cert, rv_serve_text(&s->conf, RV_SERVE_ID_tls_key), &err);
	if (code != RV_OK)
		return rv_cli_fail("serve", &err);
	rv_serve_conf_print(&s->conf, &out);
	fputs(rv_buf_z(&out), stdout);
	return 0;
}

static int run(struct serve *s)
{
	struct rv_err err = { 0 };
	sigset_t set;
	int sig;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	rv_assert(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0); /* before any thread is made */
	if (start(s, &err) != RV_OK) {
		int status = rv_cli_fail("serve", &err);
		stop(s);
		return status;
	}
	announce(s);
	while (sigwait(&set, &sig) != 0)
		continue;
	rv_log(RV_LOG_INFO, "serve", "stopping");
	stop(s);
	return 0;
}

int rv_cmd_serve(int argc, char **argv)
{
	struct serve s = { .poke_mu = PTHREAD_MUTEX_INITIALIZER };
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 1 << 20);
	int status = rv_serve_conf_read(&a, argc, argv, &s.conf);
	if (status != RV_CLI_GO)
		return status;
	s.data = rv_serve_text(&s.conf, RV_SERVE_ID_data);
	rv_log_level_set((enum rv_log_level)rv_serve_number(&s.conf, RV_SERVE_ID_log_level));
	return s.conf.is_check ? check(&s) : run(&s);
}
