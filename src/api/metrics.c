/* GET /metrics: how the service is, as Prometheus text. Counts only: no name of a system or person
 * stands here, so that whoever may ask from this machine needs no credential; from other machines
 * any valid one will do. */
#include "api/api_int.h"
#include "ledger/ledger.h"

static void head(struct rv_buf *b, const char *name, const char *type, const char *help)
{
	rv_buf_printf(b, "# HELP reeve_%s %s\n# TYPE reeve_%s %s\n", name, help, name, type);
}

static void gauge(struct rv_buf *b, const char *name, const char *help, uint64_t v)
{
	head(b, name, "gauge", help);
	rv_buf_printf(b, "reeve_%s %llu\n", name, (unsigned long long)v);
}

static void counter(struct rv_buf *b, const char *name, const char *help, uint64_t v)
{
	head(b, name, "counter", help);
	rv_buf_printf(b, "reeve_%s %llu\n", name, (unsigned long long)v);
}

static void put_ledger(struct rv_buf *b, struct rv_ledger *l)
{
	static const enum rv_ledger_state states[] = { RV_LEDGER_OPEN, RV_LEDGER_FULL,
		RV_LEDGER_UNAVAILABLE, RV_LEDGER_BROKEN };
	struct rv_ledger_status s;
	rv_ledger_status(l, &s);
	gauge(b, "ledger_up", "1 when decisions can be recorded; else each is denied",
		s.state == RV_LEDGER_OPEN);
	head(b, "ledger_state", "gauge", "1 for the state the log is in");
	for (size_t i = 0; i < RV_COUNT(states); i++)
		rv_buf_printf(b, "reeve_ledger_state{state=\"%s\"} %d\n",
			rv_ledger_state_name(states[i]), s.state == states[i]);
	counter(b, "ledger_records_total", "durable records", s.size);
	gauge(b, "ledger_unsigned_records", "durable records no signed checkpoint covers yet",
		s.size - s.signed_size);
	gauge(b, "ledger_checkpoint_failing", "1 when the last checkpoint could not be written",
		s.checkpoint_error[0] != '\0');
	gauge(b, "ledger_queue_length", "records that wait to be made durable", s.waiting);
	counter(b, "ledger_batches_total", "syncs that succeeded", s.batches);
	counter(b, "ledger_failed_batches_total", "batches that could not be made durable",
		s.failed_batches);
	gauge(b, "ledger_reserve", "1 when room for control records is set aside", s.has_reserve);
	gauge(b, "ledger_hung_milliseconds", "since when the disk does not answer; 0: it does",
		(uint64_t)s.hung_ms);
	gauge(b, "ledger_refused_decisions",
		"decisions denied for want of a record, since the last gap ended", s.refused);
}

static void put_witnesses(struct rv_buf *b, struct rv_api *api)
{
	struct rv_witness_peer_status s[RV_WITNESS_PEERS_MAX];
	size_t n = api->push ? rv_witness_push_status(api->push, s) : 0, failing = 0, alarms = 0;
	uint64_t least = UINT64_MAX;
	if (n == 0)
		return;
	for (size_t i = 0; i < n; i++) {
		failing += s[i].error[0] != '\0';
		alarms += s[i].is_alarm;
		least = s[i].size < least ? s[i].size : least;
	}
	gauge(b, "witnesses", "witnesses the log sends its checkpoints to", n);
	gauge(b, "witnesses_failing", "of these, whose last try failed", failing);
	gauge(b, "witness_alarms",
		"of these, that hold what the log does not lead to: it was set back or rewritten",
		alarms);
	gauge(b, "witnessed_records", "records that every witness has cosigned", least);
}

static void put_service(struct rv_buf *b, struct rv_api *api)
{
	struct rv_control_stats c;
	struct rv_http_stats h = { 0 };
	struct rv_http_server *server = __atomic_load_n(&api->server, __ATOMIC_ACQUIRE);
	const struct rv_snapshot *snap = rv_snapshot_get(api->gov);
	rv_control_stats(api->gov, &c);
	if (server)
		rv_http_server_stats(server, &h);
	head(b, "build_info", "gauge", "1, labelled with the version");
	rv_buf_addz(b, "reeve_build_info{version=\"" RV_VERSION "\"} 1\n");
	gauge(b, "systems", "registered AI systems", rv_snap_systems(snap));
	gauge(b, "snapshot_generation", "generation of the snapshot in force",
		rv_snapshot_generation(snap));
	counter(b, "control_jobs_total", "jobs the control thread has run", c.jobs);
	counter(b, "control_failed_batches_total", "transactions that failed", c.failed_batches);
	gauge(b, "outbox_waiting", "committed events not in the log yet", c.outbox_waiting);
	gauge(b, "stops_unrecorded", "stops in force that are not recorded yet",
		c.stops_unrecorded);
	counter(b, "http_requests_total", "HTTP requests", h.requests);
	counter(b, "http_refused_total", "requests that were malformed, too large or too slow",
		h.refused);
	counter(b, "http_connections_total", "connections accepted", h.connections);
	gauge(b, "http_connections", "connections open now", h.open_connections);
	rv_snapshot_unref(snap);
}

static bool may_ask(struct rv_api *api, struct rv_http_req *r, struct rv_err *err)
{
	struct rv_actor who;
	if (rv_http_peer(r)->is_loopback)
		return true;
	const struct rv_snapshot *snap = rv_snapshot_get(api->gov);
	bool ok = rv_api_caller(r, snap, rv_gov_now(api->gov), &who, err) == RV_OK;
	rv_snapshot_unref(snap);
	return ok;
}

void rv_api_metrics(struct rv_http_req *r, void *self)
{
	struct rv_api *api = self;
	struct rv_err err = { 0 };
	static const struct rv_http_header fresh = { RV_STR_INIT("Cache-Control"),
		RV_STR_INIT("no-store") };
	if (!may_ask(api, r, &err)) {
		rv_http_reply_err(r, &err);
		return;
	}
	struct rv_buf *b = rv_http_out(r);
	put_ledger(b, api->ledger);
	put_witnesses(b, api);
	put_service(b, api);
	rv_http_reply(r,
		&(struct rv_http_reply){ .status = 200,
			.type = "text/plain; version=0.0.4; charset=utf-8",
			.body = rv_buf_str(b),
			.headers = &fresh,
			.n_headers = 1 });
}
