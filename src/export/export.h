/* Events to other systems, behind the log: a process of its own reads what is signed from the
 * folder and delivers it, one thread a receiver, each with a cursor on disk. A receiver that is
 * down holds up nothing but itself, and nothing is dropped: delivery goes on from the cursor, at
 * least once, in order. docs/export.md describes the configuration and the formats. */
#ifndef RV_EXPORT_EXPORT_H
#define RV_EXPORT_EXPORT_H
#include "base/json.h"
#include "search/search.h"

/* ---- formats; pure --------------------------------------------------------------------------- */

struct rv_export_event {
	const struct rv_ledger_entry *entry;
	const struct rv_json *event; /* its tree */
	struct rv_str origin; /* of the log */
};
/* Each appends one JSON object, or for rv_export_syslog one RFC 5424 message without framing. */
void rv_export_ocsf(const struct rv_export_event *e, struct rv_buf *out);
void rv_export_cloudevent(const struct rv_export_event *e, struct rv_buf *out);
void rv_export_syslog(const struct rv_export_event *e, const char *host, struct rv_buf *out);
void rv_export_otlp_log(const struct rv_export_event *e, struct rv_buf *out);
/* False, and nothing appended: the event is no action, and has no span. */
bool rv_export_otlp_span(const struct rv_export_event *e, struct rv_buf *out);
/* "v1,BASE64" of Standard Webhooks; key as in "whsec_…" after decoding. */
void rv_export_sign(
	struct rv_str key, const char *id, int64_t unix_s, struct rv_str body, struct rv_buf *out);

/* ---- configuration --------------------------------------------------------------------------- */

enum rv_sink_type {
	RV_SINK_OCSF = 1,
	RV_SINK_CLOUDEVENTS,
	RV_SINK_WEBHOOK,
	RV_SINK_OTLP_LOGS,
	RV_SINK_OTLP_TRACES,
	RV_SINK_SYSLOG,
};
enum { RV_SINKS_MAX = 32, RV_SINK_NAME_MAX = 63 };
struct rv_sink {
	struct rv_str name, url, query_text, ca_file, token_file, secret_file;
	enum rv_sink_type type;
	const struct rv_search_query *query;
	struct rv_str token, secret; /* read from their files; wiped by rv_export_config_wipe */
	int64_t batch; /* events of one delivery at most */
	int64_t deadline_ms;
	int64_t from; /* where a sink without a cursor begins; -1: at the end of the log */
};
struct rv_export_config {
	struct rv_sink sinks[RV_SINKS_MAX];
	size_t n;
};
/* The YAML of docs/export.md. Files that hold secrets must not be readable by others. Errors:
 * RV_EINVAL with file, line and column; RV_EPERM; RV_ENOENT. */
RV_MUST_USE enum rv_code rv_export_config_read(
	struct rv_arena *a, const char *path, struct rv_export_config *ret, struct rv_err *err);
void rv_export_config_wipe(struct rv_export_config *c);

/* ---- delivery -------------------------------------------------------------------------------- */

struct rv_exporter;
struct rv_export_opts {
	const char *ledger_dir; /* of the server, or a copy; only read */
	const char *state_dir; /* cursors; made when missing, 0700. One process at a time */
	const struct rv_export_config *config; /* must outlive the exporter */
	int64_t retry_min_ms, retry_max_ms; /* 0: 1,000 and 60,000 */
};
/* Starts a thread a sink. Errors: RV_EBUSY another process exports from there; RV_EIO. */
RV_MUST_USE enum rv_code rv_exporter_new(
	const struct rv_export_opts *o, struct rv_exporter **ret, struct rv_err *err);
/* Stops after the delivery under way. NULL is fine. */
void rv_exporter_free(struct rv_exporter *x);
/* Waits until every sink has delivered all that was signed when it was called, at most wait_ms.
 * RV_ETIMEOUT names a sink that has not, and why. */
RV_MUST_USE enum rv_code rv_exporter_drain(
	struct rv_exporter *x, int64_t wait_ms, struct rv_err *err);

struct rv_sink_status {
	char name[RV_SINK_NAME_MAX + 1];
	uint64_t next; /* the first event not delivered yet */
	uint64_t delivered, failures; /* events and tries, since the process began */
	char error[256]; /* of the last try; "" when it went well */
};
/* i < config->n. */
void rv_exporter_status(struct rv_exporter *x, size_t i, struct rv_sink_status *ret);
/* The cursors on disk, without any process: next of each sink; UINT64_MAX: never delivered. */
RV_MUST_USE enum rv_code rv_export_cursor_read(
	const char *state_dir, struct rv_str name, uint64_t *ret, struct rv_err *err);
#endif
