/* reeve init and reeve serve: the data folder, and the process that holds it. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>

#include "api/api.h"
#include "base/file.h"
#include "base/log.h"
#include "cli/cli.h"
#include "gate/gate.h"
#include "ledger/ledger.h"
#include "points/authzen/serve_gate.h"
#include "search/search.h"
#include "witness/witness.h"

enum { PATH_SIZE = 4096, LISTENS_MAX = 8, DRAIN_MS = 5000 };

/* ---- init
 * ---------------------------------------------------------------------------------------- */

int rv_cmd_init(int argc, char **argv)
{
	static const char *data, *origin, *admin;
	static const struct rv_opt opts[] = {
		{ "data", 'd', RV_OPT_STR, "DIR", "the folder to make (required)", &data },
		{ "origin", 'o', RV_OPT_STR, "NAME",
			"the audit log's name, such as example.com/reeve (required)", &origin },
		{ "admin", 0, RV_OPT_STR, "NAME", "the first admin (default: admin)", &admin },
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
	const char *data, *cert, *key, *public_url;
	const char *witnesses, *cosign_store, *cosign_logs, *retain_text, *retain_events;
	int64_t quorum;
	struct rv_opt_list listens;
	int64_t threads;
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

static enum rv_code open_ledger(struct serve *s, struct rv_err *err)
{
	char path[PATH_SIZE];
	struct rv_str seed, origin;
	struct rv_ledger_key key;
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 1 << 20);
	snprintf(path, sizeof path, "%s/%s", s->data, RV_GOV_LOG_KEY);
	RV_TRY(rv_file_read(&a, path, 4096, &seed, err));
	RV_TRY(rv_ledger_key_load(seed, &key, err));
	snprintf(path, sizeof path, "%s/%s", s->data, RV_GOV_ORIGIN);
	enum rv_code code = rv_file_read(&a, path, 4096, &origin, err);
	snprintf(path, sizeof path, "%s/%s", s->data, RV_GOV_LEDGER_DIR);
	const struct rv_ledger_opts o = { .dir = path,
		.origin = origin.p,
		.key = &key,
		.segment_bytes = 4 << 20,
		.reserve_bytes = 256 << 10,
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

static enum rv_code check_listens(const struct serve *s, struct rv_err *err)
{
	for (size_t i = 0; i < s->listens.n; i++)
		if (!rv_http_address_is_local(s->listens.v[i]) && !s->cert)
			return RV_FAIL(err, RV_EINVAL,
				"'%s' can be reached from other machines: that needs --tls-cert "
				"and --tls-key",
				s->listens.v[i]);
	if ((s->cert != NULL) != (s->key != NULL))
		return RV_FAIL(err, RV_EINVAL, "--tls-cert and --tls-key go together");
	return RV_OK;
}

static enum rv_code open_server(struct serve *s, struct rv_err *err)
{
	struct rv_http_listen listens[LISTENS_MAX];
	if (s->listens.n > LISTENS_MAX)
		return RV_FAIL(err, RV_ELIMIT, "at most %d addresses", LISTENS_MAX);
	for (size_t i = 0; i < s->listens.n; i++)
		listens[i] = (struct rv_http_listen){ .address = s->listens.v[i],
			.unix_mode = 0666, /* who may ask is decided by credentials */
			.is_plain = rv_http_address_is_local(s->listens.v[i]) };
	s->authzen = (struct rv_authzen_gate){ s->gov, s->gate };
	s->point = (struct rv_authzen_point){
		.ops = &rv_authzen_gate_ops, .self = &s->authzen, .public_url = s->public_url
	};
	struct rv_http_table tables[4] = { rv_api_table(s->api), rv_authzen_table(&s->point),
		{ own_routes, RV_COUNT(own_routes), s } };
	size_t n_tables = 3;
	if (s->cosigner)
		tables[n_tables++] = rv_witness_service_table(s->cosigner, false);
	RV_TRY(rv_http_router_new(tables, n_tables, &s->router, err));
	const struct rv_http_server_opts o = { .router = s->router,
		.listens = listens,
		.n_listens = s->listens.n,
		.n_threads = (unsigned)s->threads,
		.tls_cert_file = s->cert,
		.tls_key_file = s->key };
	struct rv_http_server *server;
	RV_TRY(rv_http_server_new(&o, &server, err));
	__atomic_store_n(&s->server, server, __ATOMIC_RELEASE);
	rv_api_serve(s->api, server);
	return RV_OK;
}

/* Others cosign our checkpoints; we cosign those of others. */
static enum rv_code open_witnesses(struct serve *s, struct rv_err *err)
{
	struct rv_witness_peer peers[RV_WITNESS_PEERS_MAX];
	struct rv_witness *w;
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 4 << 20);
	if (s->quorum > 0 && !s->witnesses)
		return RV_FAIL(err, RV_EINVAL, "--witness-quorum needs --witnesses");
	if ((s->cosign_store != NULL) != (s->cosign_logs != NULL))
		return RV_FAIL(err, RV_EINVAL, "--cosign-store and --cosign-logs go together");
	if (s->witnesses) {
		struct rv_witness_push_opts o = { .ledger = s->ledger,
			.peers = peers,
			.quorum = (size_t)s->quorum,
			.ca_file = getenv("REEVE_CA_FILE") };
		RV_TRY(rv_witness_peers_read(&a, s->witnesses, peers, &o.n_peers, err));
		RV_TRY(rv_witness_push_start(&o, &s->push, err));
		rv_api_witnesses(s->api, s->push, o.quorum);
	}
	if (!s->cosign_store)
		return RV_OK;
	RV_TRY(rv_witness_open(s->cosign_store, s->cosign_logs, &w, err));
	return rv_witness_service_new(w, &s->cosigner, err);
}

static enum rv_code read_age(const char *text, const char *option, int64_t *ret, struct rv_err *err)
{
	*ret = 0;
	if (!text)
		return RV_OK;
	if (!rv_duration_parse(rv_str_of(text), ret) || *ret <= 0)
		return RV_FAIL(err, RV_EINVAL, "%s '%s' is no duration such as 90d", option, text);
	return RV_OK;
}

static enum rv_code open_retention(struct serve *s, struct rv_err *err)
{
	int64_t texts, events;
	RV_TRY(read_age(s->retain_text, "--retain-text", &texts, err));
	RV_TRY(read_age(s->retain_events, "--retain-events", &events, err));
	return rv_api_retain(s->api, texts, events, err);
}

static enum rv_code start(struct serve *s, struct rv_err *err)
{
	RV_TRY(check_listens(s, err));
	RV_TRY(open_ledger(s, err));
	RV_TRY(open_search(s, err));
	const struct rv_gov_opts o = { .dir = s->data, .ledger = s->ledger };
	RV_TRY(rv_gov_open(&o, &s->gov, err));
	RV_TRY(rv_control_start(s->gov, err));
	RV_TRY(rv_gate_new(s->gov, s->ledger, &s->gate, err));
	RV_TRY(rv_api_new(s->gov, s->ledger, s->gate, s->search, &s->api, err));
	RV_TRY(open_witnesses(s, err));
	RV_TRY(open_retention(s, err));
	RV_TRY(open_server(s, err));
	return rv_http_server_start(s->server, err);
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
	if (s->api)
		rv_api_approval_changed(s->api, RV_STR(""));
	if (server)
		rv_http_server_stop(server, DRAIN_MS);
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
	for (size_t i = 0; i < s->listens.n; i++) {
		int port = rv_http_server_port(s->server, i);
		if (port > 0)
			rv_log(RV_LOG_INFO, "serve", "listening on %s (port %d)", s->listens.v[i],
				port);
		else
			rv_log(RV_LOG_INFO, "serve", "listening on %s", s->listens.v[i]);
	}
}

int rv_cmd_serve(int argc, char **argv)
{
	static struct serve s = { .threads = 1, .poke_mu = PTHREAD_MUTEX_INITIALIZER };
	static const struct rv_opt opts[] = {
		{ "data", 'd', RV_OPT_STR, "DIR",
			"the data folder that 'reeve init' made (required)", &s.data },
		{ "listen", 'l', RV_OPT_LIST, "ADDRESS",
			"127.0.0.1:7313 (default), unix:/PATH; may be given several times",
			&s.listens },
		{ "threads", 't', RV_OPT_INT, "N", "HTTP loops (default: 1)", &s.threads },
		{ "tls-cert", 0, RV_OPT_STR, "FILE",
			"PEM chain; required for an address beyond this machine", &s.cert },
		{ "tls-key", 0, RV_OPT_STR, "FILE", "its key", &s.key },
		{ "public-url", 0, RV_OPT_STR, "URL",
			"how clients name this server, for AuthZEN's metadata", &s.public_url },
		{ "witnesses", 0, RV_OPT_STR, "FILE",
			"witnesses of the log: their URL and verifier key, one a line",
			&s.witnesses },
		{ "witness-quorum", 0, RV_OPT_INT, "N",
			"publish only checkpoints that so many have cosigned (0: at once)",
			&s.quorum },
		{ "cosign-store", 0, RV_OPT_STR, "DIR",
			"be a witness too, under /witness/, with what 'reeve witness init' made",
			&s.cosign_store },
		{ "cosign-logs", 0, RV_OPT_STR, "FILE",
			"verifier keys of the logs it cosigns, one a line", &s.cosign_logs },
		{ "retain-text", 0, RV_OPT_STR, "AGE",
			"drop argument texts after so long, such as 90d (default: never)",
			&s.retain_text },
		{ "retain-events", 0, RV_OPT_STR, "AGE",
			"drop whole events after so long; their hashes stay (default: never)",
			&s.retain_events },
	};
	static const struct rv_usage u = { "serve", "",
		"run the control plane: registry, decisions, approvals, log",
		"Stops on SIGTERM or SIGINT, after what is being answered has been answered.\n\n"
		"  reeve serve --data /var/lib/reeve --listen 127.0.0.1:7313 --listen "
		"unix:/run/reeve/reeve.sock",
		opts, RV_COUNT(opts), 0, 0 };
	struct rv_err err = { 0 };
	int n, status = rv_cli_parse(&u, argc, argv, &n), sig = 0;
	if (status != RV_CLI_GO)
		return status;
	if (!s.data)
		return rv_cli_bad(u.name, "needs --data; a new folder is made by: reeve init");
	if (s.listens.n == 0)
		s.listens.v[s.listens.n++] = "127.0.0.1:7313";
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	rv_assert(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0); /* before any thread is made */
	enum rv_code code = start(&s, &err);
	if (code == RV_OK)
		code = note(&s, RV_EV_SERVICE_STARTED, &err);
	if (code != RV_OK) {
		status = rv_cli_fail(u.name, &err);
		stop(&s);
		return status;
	}
	announce(&s);
	while (sigwait(&set, &sig) != 0)
		continue;
	rv_log(RV_LOG_INFO, "serve", "stopping");
	stop(&s);
	return 0;
}
