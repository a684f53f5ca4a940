/* What the files of this folder share. */
#ifndef RV_EXPORT_EXPORT_INT_H
#define RV_EXPORT_EXPORT_INT_H
#include "base/json.h"
#include "export/export.h"
#include "http/client.h"

/* A text member; "" when absent or of another type. */
static inline struct rv_str rv_xstr(const struct rv_json *v, const char *name)
{
	const struct rv_json *m = rv_json_get(v, name);
	return rv_json_is(m, RV_JSON_STR) ? m->str : RV_STR("");
}
static inline void rv_xkv(struct rv_json_w *w, const char *name, struct rv_str s)
{
	if (s.n > 0)
		rv_json_w_kv_str(w, name, s);
}
/* When the event says it happened; else when it was logged. */
int64_t rv_xtime(const struct rv_export_event *e);
/* The trace as 32 lower case hex digits, or an empty slice. */
struct rv_str rv_xtrace(const struct rv_export_event *e);
/* Eight bytes of the event's leaf hash: its span. */
void rv_xspan(const struct rv_export_event *e, char ret[17]);

/* batch.c: what goes out at once, in a sink's format. */
struct rv_batch {
	struct rv_buf body;
	size_t n; /* events in it */
	uint64_t first, last; /* of the events in it */
};
void rv_batch_init(struct rv_batch *b);
void rv_batch_done(struct rv_batch *b);
void rv_batch_begin(struct rv_batch *b, const struct rv_sink *s);
void rv_batch_add(struct rv_batch *b, const struct rv_sink *s, const struct rv_export_event *e,
	const char *host);
void rv_batch_end(struct rv_batch *b, const struct rv_sink *s);
/* One try. RV_OK: the receiver has it. */
RV_MUST_USE enum rv_code rv_batch_send(const struct rv_batch *b, const struct rv_sink *s,
	struct rv_http_client *c, struct rv_err *err);
#endif
