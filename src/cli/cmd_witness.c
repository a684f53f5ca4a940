/* reeve witness: a second pair of eyes on a log, under another user or in another team. `serve`
 * answers the log (c2sp.org/tlog-witness), `follow` asks it now and then. */
#include <signal.h>
#include <stdio.h>

#include "base/file.h"
#include "base/log.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "ledger/ledger.h"
#include "witness/witness.h"

enum { DRAIN_MS = 5000, LISTENS_MAX = 8 };
static const char *server, *vkey, *store, *name, *logs, *cert, *key;
static struct rv_opt_list listens;
static bool json;

/* ---- follow ---- */

static enum rv_code fetch_note(struct rv_client *c, struct rv_str *ret, struct rv_err *err)
{
	const struct rv_json *v;
	RV_TRY(rv_client_call(
		c, RV_HTTP_GET, "/v1/log/checkpoint", (struct rv_str){ NULL, 0 }, &v, err));
	*ret = rv_jstr(v, "checkpoint");
	return RV_OK;
}

static enum rv_code fetch_proof(
	struct rv_client *c, uint64_t from, uint64_t to, struct rv_str *ret, struct rv_err *err)
{
	const struct rv_json *v;
	const char *path = rv_arena_printf(&c->arena, "/v1/log/consistency?old=%llu&new=%llu",
		(unsigned long long)from, (unsigned long long)to);
	if (!path)
		return RV_FAIL_ARENA(err);
	RV_TRY(rv_client_call(c, RV_HTTP_GET, path, (struct rv_str){ NULL, 0 }, &v, err));
	*ret = rv_jstr(v, "proof");
	return RV_OK;
}

static enum rv_code follow(struct rv_client *c, struct rv_checkpoint *now, struct rv_err *err)
{
	struct rv_str stored = { "", 0 }, note, proof = { "", 0 };
	struct rv_checkpoint was = { .size = 0 };
	RV_TRY(fetch_note(c, &note, err));
	RV_TRY(rv_checkpoint_open(note, vkey, now, err));
	if (access(store, F_OK) == 0) {
		RV_TRY(rv_file_read(&c->arena, store, RV_CHECKPOINT_MAX, &stored, err));
		RV_TRY(rv_checkpoint_open(stored, vkey, &was, err));
		if (now->size >= was.size)
			RV_TRY(fetch_proof(c, was.size, now->size, &proof, err));
	}
	RV_TRY(rv_witness_check(vkey, stored, note, proof, err));
	return rv_file_write(store, note, 0644, err);
}

static void print_taken(const struct rv_checkpoint *now)
{
	static const char *const names[] = { "origin", "records" };
	char size[24];
	snprintf(size, sizeof size, "%llu", (unsigned long long)now->size);
	const struct rv_str values[] = { rv_str_of(now->origin), rv_str_of(size) };
	if (json)
		rv_print_object(names, values, RV_COUNT(names));
	else
		printf("%s: %s records, taken over\n", now->origin, size);
}

static int cmd_follow(int argc, char **argv)
{
	static const struct rv_opt opts[] = {
		{ "vkey", 'k', RV_OPT_STR, "KEY",
			"the log's verifier key, as 'reeve init' printed it (required)", &vkey },
		{ "store", 'o', RV_OPT_STR, "FILE",
			"where the checkpoint is kept, out of the server's reach (required)",
			&store },
		{ "server", 's', RV_OPT_STR, "URL", "where (REEVE_SERVER)", &server },
		{ "json", 0, RV_OPT_FLAG, NULL, "print the answer as JSON", &json },
	};
	static const struct rv_usage u = { "witness follow", "",
		"remember the log's newest checkpoint, if it continues the one remembered",
		"Run it now and then under a user of its own, on a machine of its own; 'reeve "
		"witness --vkey …' is the same. A log\n"
		"that was rewritten or set back is refused and named, and what was remembered "
		"stays. Exit status: 0 taken over,\n"
		"76 history was rewritten.\n\n"
		"  reeve witness follow --vkey \"$(cat reeve.vkey)\" --store /var/lib/witness/kept",
		opts, RV_COUNT(opts), 0, 0 };
	struct rv_err err = { 0 };
	struct rv_client c;
	struct rv_checkpoint now;
	int n, status = rv_cli_parse(&u, argc, argv, &n);
	if (status != RV_CLI_GO)
		return status;
	if (!vkey || !store)
		return rv_cli_bad(u.name, "needs --vkey and --store");
	enum rv_code code = rv_client_open(&c, server, &err);
	if (code == RV_OK)
		code = follow(&c, &now, &err);
	status = code == RV_OK ? 0 : rv_cli_fail(u.name, &err);
	if (code == RV_OK)
		print_taken(&now);
	rv_client_done(&c);
	return status;
}

/* ---- init ---- */

static int cmd_init(int argc, char **argv)
{
	static const struct rv_opt opts[] = {
		{ "store", 'o', RV_OPT_STR, "DIR", "the folder to make (required)", &store },
		{ "name", 'n', RV_OPT_STR, "NAME",
			"the witness's name in its signatures, such as witness.example/w1 "
			"(required)",
			&name },
		{ "json", 0, RV_OPT_FLAG, NULL, "print the answer as JSON", &json },
	};
	static const struct rv_usage u = { "witness init", "", "make a witness's key",
		"Prints its verifier key: give it to those who will ask for its cosignatures.\n\n"
		"  reeve witness init --store /var/lib/witness --name witness.example/w1\n"
		"  reeve witness serve --store /var/lib/witness --logs logs.txt --listen "
		"0.0.0.0:7316 --tls-cert c.pem --tls-key k.pem",
		opts, RV_COUNT(opts), 0, 0 };
	struct rv_err err = { 0 };
	RV_AUTO_BUF out;
	rv_buf_init(&out, 4096);
	int n, status = rv_cli_parse(&u, argc, argv, &n);
	if (status != RV_CLI_GO)
		return status;
	if (!store || !name)
		return rv_cli_bad(u.name, "needs --store and --name");
	if (rv_witness_init(store, name, &out, &err) != RV_OK)
		return rv_cli_fail(u.name, &err);
	static const char *const names[] = { "vkey" };
	const struct rv_str values[] = { rv_buf_str(&out) };
	if (json)
		rv_print_object(names, values, RV_COUNT(names));
	else
		printf("%s\n", rv_buf_z(&out));
	return 0;
}

/* ---- serve ---- */

struct running {
	struct rv_witness_service *service;
	struct rv_http_router *router;
	struct rv_http_server *http;
};

static enum rv_code start(struct running *r, struct rv_err *err)
{
	struct rv_http_listen l[LISTENS_MAX];
	struct rv_witness *w;
	if (listens.n > LISTENS_MAX)
		return RV_FAIL(err, RV_ELIMIT, "at most %d addresses", LISTENS_MAX);
	for (size_t i = 0; i < listens.n; i++) {
		bool is_local = rv_http_address_is_local(listens.v[i]);
		l[i] = (struct rv_http_listen){
			.address = listens.v[i], .unix_mode = 0666, .is_plain = is_local || !cert
		};
	}
	RV_TRY(rv_witness_open(store, logs, &w, err));
	RV_TRY(rv_witness_service_new(w, &r->service, err));
	const struct rv_http_table table = rv_witness_service_table(r->service, true);
	RV_TRY(rv_http_router_new(&table, 1, &r->router, err));
	const struct rv_http_server_opts o = { .router = r->router,
		.listens = l,
		.n_listens = listens.n,
		.tls_cert_file = cert,
		.tls_key_file = key };
	RV_TRY(rv_http_server_new(&o, &r->http, err));
	return rv_http_server_start(r->http, err);
}

static void stop(struct running *r)
{
	if (r->http)
		rv_http_server_stop(r->http, DRAIN_MS);
	rv_witness_service_free(r->service);
	rv_http_server_free(r->http);
	rv_http_router_free(r->router);
}

static int cmd_serve(int argc, char **argv)
{
	static const struct rv_opt opts[] = {
		{ "store", 'o', RV_OPT_STR, "DIR", "what 'reeve witness init' made (required)",
			&store },
		{ "logs", 0, RV_OPT_STR, "FILE",
			"verifier keys of the logs to witness, one a line (required)", &logs },
		{ "listen", 'l', RV_OPT_LIST, "ADDRESS",
			"127.0.0.1:7316 (default), unix:/PATH; may be given several times",
			&listens },
		{ "tls-cert", 0, RV_OPT_STR, "FILE", "PEM chain", &cert },
		{ "tls-key", 0, RV_OPT_STR, "FILE", "its key", &key },
	};
	static const struct rv_usage u = { "witness serve", "",
		"cosign the checkpoints of logs (c2sp.org/tlog-witness)",
		"POST /add-checkpoint, GET /<SHA-256 of the origin>/checkpoint. A checkpoint is "
		"cosigned only if it is signed by a\n"
		"key in FILE and continues what was cosigned before; what was cosigned is on disk "
		"before the answer leaves.\n"
		"Requests carry no secret and every answer is signed: TLS is a matter of taste "
		"here.\n\n"
		"  reeve witness serve --store /var/lib/witness --logs logs.txt",
		opts, RV_COUNT(opts), 0, 0 };
	struct rv_err err = { 0 };
	struct running r = { 0 };
	sigset_t set;
	int n, sig, status = rv_cli_parse(&u, argc, argv, &n);
	if (status != RV_CLI_GO)
		return status;
	if (!store || !logs)
		return rv_cli_bad(u.name, "needs --store and --logs");
	if ((cert != NULL) != (key != NULL))
		return rv_cli_bad(u.name, "--tls-cert and --tls-key go together");
	if (listens.n == 0)
		listens.v[listens.n++] = "127.0.0.1:7316";
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	rv_assert(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0); /* before any thread is made */
	if (start(&r, &err) != RV_OK) {
		status = rv_cli_fail(u.name, &err);
		stop(&r);
		return status;
	}
	for (size_t i = 0; i < listens.n; i++)
		rv_log(RV_LOG_INFO, "witness", "listening on %s (port %d)", listens.v[i],
			rv_http_server_port(r.http, i));
	while (sigwait(&set, &sig) != 0)
		continue;
	stop(&r);
	return 0;
}

int rv_cmd_witness(int argc, char **argv)
{
	static const struct rv_sub subs[] = {
		{ "follow", cmd_follow, "remember a log's newest checkpoint" },
		{ "init", cmd_init, "make a witness's key" },
		{ "serve", cmd_serve, "cosign the checkpoints of logs" },
	};
	/* Options alone: follow. */
	if (argc > 1 && argv[1][0] == '-' && strcmp(argv[1], "-h") != 0 &&
		strcmp(argv[1], "--help") != 0)
		return cmd_follow(argc, argv);
	return rv_cli_subs(
		"witness", "a second pair of eyes on a log", subs, RV_COUNT(subs), argc, argv);
}
