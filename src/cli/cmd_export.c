/* reeve export: events to other systems, by a process beside the server. */
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>

#include "base/log.h"
#include "cli/cli.h"
#include "export/export.h"

enum { PATH_SIZE = 4096, ONCE_MS = 600000, LOG_MS = 1000 };

struct export
{
	char ledger_dir[PATH_SIZE], state_dir[PATH_SIZE];
	struct rv_export_config config;
};

static int print_status(const struct export *x)
{
	struct rv_err err = { 0 };
	struct rv_ledger_tail *t = rv_ledger_tail_new(x->ledger_dir, 0, &err);
	uint64_t end = 0, next;
	enum rv_code code = t ? rv_ledger_tail_signed(t, &end, &err) : RV_ENOMEM;
	rv_ledger_tail_free(t);
	for (size_t i = 0; i < x->config.n && code == RV_OK; i++) {
		struct rv_str name = x->config.sinks[i].name;
		code = rv_export_cursor_read(x->state_dir, name, &next, &err);
		if (code == RV_OK && next == UINT64_MAX)
			printf("%-24.*s nothing delivered yet\n", RV_FMT(name));
		else if (code == RV_OK)
			printf("%-24.*s %llu delivered, %llu to go\n", RV_FMT(name),
				(unsigned long long)next,
				(unsigned long long)(end > next ? end - next : 0));
	}
	return code == RV_OK ? 0 : rv_cli_fail("export", &err);
}

/* Tells changes of fortune: a sink that begins or ceases to fail. */
static void watch(struct rv_exporter *x, size_t n, const sigset_t *set)
{
	static bool has_failed[RV_SINKS_MAX];
	const struct timespec pause = { LOG_MS / 1000, 0 };
	for (;;) {
		for (size_t i = 0; i < n; i++) {
			struct rv_sink_status st;
			rv_exporter_status(x, i, &st);
			if (st.error[0] && !has_failed[i])
				rv_log(RV_LOG_WARN, "export", "%s: %s; it is tried again", st.name,
					st.error);
			else if (!st.error[0] && has_failed[i])
				rv_log(RV_LOG_INFO, "export", "%s: delivered up to %llu again",
					st.name, (unsigned long long)st.next);
			has_failed[i] = st.error[0] != '\0';
		}
		if (sigtimedwait(set, NULL, &pause) > 0)
			return;
	}
}

static int run(struct export *x, bool is_once)
{
	struct rv_err err = { 0 };
	struct rv_exporter *exporter;
	sigset_t set;
	const struct rv_export_opts o = {
		.ledger_dir = x->ledger_dir, .state_dir = x->state_dir, .config = &x->config
	};
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	rv_assert(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0); /* before any thread is made */
	(void)prctl(
		PR_SET_DUMPABLE, 0); /* no secrets in cores; older kernels refuse, and do no harm */
	if (rv_exporter_new(&o, &exporter, &err) != RV_OK)
		return rv_cli_fail("export", &err);
	enum rv_code code = RV_OK;
	if (is_once)
		code = rv_exporter_drain(exporter, ONCE_MS, &err);
	else
		watch(exporter, x->config.n, &set);
	rv_exporter_free(exporter);
	return code == RV_OK ? 0 : rv_cli_fail("export", &err);
}

int rv_cmd_export(int argc, char **argv)
{
	static const char *data, *config, *state;
	static bool is_once, is_status;
	static struct export x;
	static const struct rv_opt opts[] = {
		{ "data", 'd', RV_OPT_STR, "DIR", "the server's data folder; only read (required)",
			&data },
		{ "config", 'c', RV_OPT_STR, "FILE", "the receivers, as YAML (required)", &config },
		{ "state", 0, RV_OPT_STR, "DIR", "where cursors are kept (DATA/export)", &state },
		{ "once", 0, RV_OPT_FLAG, NULL, "deliver what is there, then end", &is_once },
		{ "status", 0, RV_OPT_FLAG, NULL, "say how far each receiver is, then end",
			&is_status },
	};
	static const struct rv_usage u = { "export", "",
		"deliver events to other systems: OCSF, OpenTelemetry, CloudEvents, webhooks, "
		"syslog",
		"Runs beside 'reeve serve' and reads what is signed. A receiver that is down is "
		"tried "
		"again until it has everything;\nit never slows a decision. docs/export.md "
		"describes "
		"the file.\n\n"
		"  reeve export --data /var/lib/reeve --config /etc/reeve/export.yaml",
		opts, RV_COUNT(opts), 0, 0 };
	struct rv_err err = { 0 };
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 8 << 20);
	int n, status = rv_cli_parse(&u, argc, argv, &n);
	if (status != RV_CLI_GO)
		return status;
	if (!data || !config)
		return rv_cli_bad(u.name, "needs --data and --config");
	snprintf(x.ledger_dir, sizeof x.ledger_dir, "%s/ledger", data);
	snprintf(x.state_dir, sizeof x.state_dir, "%s%s", state ? state : data,
		state ? "" : "/export");
	if (rv_export_config_read(&a, config, &x.config, &err) != RV_OK)
		return rv_cli_fail(u.name, &err);
	status = is_status ? print_status(&x) : run(&x, is_once);
	rv_export_config_wipe(&x.config);
	return status;
}
