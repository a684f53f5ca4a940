/* reeve pdp: a decision point over policy and entity files alone. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>

#include "cli/cli.h"
#include "points/authzen/pdp.h"

enum { STOP_MS = 5000, LISTENS_MAX = 8 };

struct pdp_args {
	struct rv_opt_list policies, listens;
	const char *entities, *action_type, *public_url, *tls_cert, *tls_key;
	int64_t threads;
	bool insecure_listen, no_overlay, explain;
};

static const char detail[] =
	"Answers OpenID AuthZEN 1.0 evaluations, batches and searches with plain Cedar: no "
	"registry, no approvals, no audit. It trusts\n"
	"whoever can reach it, so it listens on this machine only unless told otherwise.\n"
	"\n"
	"  reeve pdp --policies app.cedar --entities people.json --listen 127.0.0.1:8181\n"
	"  curl -s localhost:8181/access/v1/evaluation -H 'Content-Type: application/json' \\\n"
	"    -d "
	"'{\"subject\":{\"type\":\"User\",\"id\":\"alice\"},\"action\":{\"name\":\"read\"},"
	"\"resource\":{\"type\":\"Doc\",\"id\":\"1\"}}'\n"
	"\n"
	"A caller's properties lie over the stored attributes of subject and resource for that one "
	"question (as AuthZEN's certification\n"
	"asks): whoever may ask may also claim. --no-overlay ignores them.";

static int check_args(struct pdp_args *a)
{
	if (a->policies.n == 0)
		return rv_cli_bad("pdp", "needs --policies FILE");
	if (a->listens.n == 0)
		a->listens.v[a->listens.n++] = "127.0.0.1:8181";
	if (a->listens.n > LISTENS_MAX)
		return rv_cli_bad("pdp", "at most %d addresses", LISTENS_MAX);
	if (a->threads < 1 || a->threads > 64)
		return rv_cli_bad("pdp", "--threads must be 1 to 64");
	for (size_t i = 0; i < a->listens.n; i++)
		if (!a->insecure_listen && !rv_http_address_is_local(a->listens.v[i]))
			return rv_cli_bad("pdp",
				"--listen %s can be reached from other machines, and whoever "
				"reaches it is trusted.\n"
				"Use 127.0.0.1:PORT, [::1]:PORT or unix:/path; or say "
				"--insecure-listen",
				a->listens.v[i]);
	return RV_CLI_GO;
}

static void announce(
	const struct pdp_args *a, const struct rv_pdp *pdp, const struct rv_http_server *s)
{
	for (size_t i = 0; i < a->listens.n; i++) {
		const char *address = a->listens.v[i], *colon = strrchr(address, ':');
		if (rv_http_server_port(s, i) == 0)
			printf("listening on %s\n", address);
		else
			printf("listening on %s://%.*s:%d\n", a->tls_cert ? "https" : "http",
				(int)(colon - address), address, rv_http_server_port(s, i));
	}
	printf("%zu policies, %zu entities\n", rv_pdp_policy_count(pdp), rv_pdp_entity_count(pdp));
	fflush(stdout);
}

/* Until SIGINT or SIGTERM, which are blocked in all threads. */
static void wait_for_signal(void)
{
	sigset_t set;
	int got;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	while (sigwait(&set, &got) != 0)
		;
}

static enum rv_code serve(const struct pdp_args *a, struct rv_pdp *pdp,
	struct rv_http_router *router, struct rv_err *err)
{
	struct rv_http_listen listens[LISTENS_MAX] = { 0 };
	struct rv_http_server *server;
	sigset_t set;
	for (size_t i = 0; i < a->listens.n; i++)
		listens[i].address = a->listens.v[i];
	const struct rv_http_server_opts o = {
		.router = router,
		.listens = listens,
		.n_listens = a->listens.n,
		.n_threads = (unsigned)a->threads,
		.tls_cert_file = a->tls_cert,
		.tls_key_file = a->tls_key,
	};
	RV_TRY(rv_http_server_new(&o, &server, err));
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	(void)pthread_sigmask(SIG_BLOCK, &set, NULL); /* cannot fail with these arguments */
	enum rv_code code = rv_http_server_start(server, err);
	if (code == RV_OK) {
		announce(a, pdp, server);
		wait_for_signal();
		rv_http_server_stop(server, STOP_MS);
	}
	rv_http_server_free(server);
	return code;
}

static enum rv_code run(const struct pdp_args *a, struct rv_err *err)
{
	struct rv_pdp *pdp = NULL;
	struct rv_http_router *router = NULL;
	const struct rv_pdp_opts o = {
		.policy_files = a->policies.v,
		.n_policy_files = a->policies.n,
		.entity_file = a->entities,
		.action_type = a->action_type,
		.n_threads = (unsigned)a->threads,
		.no_overlay = a->no_overlay,
		.explain = a->explain,
	};
	RV_TRY(rv_pdp_new(&o, &pdp, err));
	struct rv_authzen_point point = {
		.ops = &rv_pdp_ops, .self = pdp, .public_url = a->public_url, .can_search = true
	};
	const struct rv_http_table table = rv_authzen_table(&point);
	enum rv_code code = rv_http_router_new(&table, 1, &router, err);
	if (code == RV_OK)
		code = serve(a, pdp, router, err);
	rv_http_router_free(router);
	rv_pdp_free(pdp);
	return code;
}

int rv_cmd_pdp(int argc, char **argv)
{
	struct pdp_args a = { .threads = 1 };
	const struct rv_opt opts[] = {
		{ "policies", 'p', RV_OPT_LIST, "FILE",
			"Cedar policies; may be given several times", &a.policies },
		{ "entities", 'e', RV_OPT_STR, "FILE", "entities as Cedar JSON", &a.entities },
		{ "listen", 'l', RV_OPT_LIST, "ADDR",
			"IP:PORT or unix:/path (default 127.0.0.1:8181); port 0 takes a free one",
			&a.listens },
		{ "threads", 't', RV_OPT_INT, "N", "loop threads (default 1)", &a.threads },
		{ "action-type", 0, RV_OPT_STR, "TYPE", "entity type of actions (default Action)",
			&a.action_type },
		{ "no-overlay", 0, RV_OPT_FLAG, NULL, "ignore the properties that callers send",
			&a.no_overlay },
		{ "explain", 0, RV_OPT_FLAG, NULL,
			"name the deciding policies in the answer's context", &a.explain },
		{ "public-url", 0, RV_OPT_STR, "URL",
			"base of the discovery document (default: from the Host header)",
			&a.public_url },
		{ "tls-cert", 0, RV_OPT_STR, "FILE", "PEM certificate chain", &a.tls_cert },
		{ "tls-key", 0, RV_OPT_STR, "FILE", "PEM key", &a.tls_key },
		{ "insecure-listen", 0, RV_OPT_FLAG, NULL,
			"allow an address that other machines can reach", &a.insecure_listen },
	};
	const struct rv_usage usage = { .name = "pdp",
		.args = "",
		.summary = "a stand-alone AuthZEN decision point over Cedar files",
		.detail = detail,
		.opts = opts,
		.n_opts = RV_COUNT(opts) };
	int n_args;
	int status = rv_cli_parse(&usage, argc, argv, &n_args);
	if (status == RV_CLI_GO)
		status = check_args(&a);
	if (status != RV_CLI_GO)
		return status;
	struct rv_err err = { .code = RV_OK };
	if (run(&a, &err) != RV_OK)
		return rv_cli_fail("pdp", &err);
	return 0;
}
