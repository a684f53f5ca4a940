/* A delivery: some events in the format of a sink, and one try to hand them over. */
#include <stdio.h>
#include <time.h>

#include "export/export_int.h"

enum { BODY_MAX = 64 << 20 };
#define SCHEMA_URL "https://opentelemetry.io/schemas/gen-ai/development"

void rv_batch_init(struct rv_batch *b)
{
	*b = (struct rv_batch){ .n = 0 };
	rv_buf_init(&b->body, BODY_MAX);
}

void rv_batch_done(struct rv_batch *b)
{
	rv_buf_done(&b->body);
}

static const char *opening(const struct rv_sink *s)
{
	switch (s->type) {
	case RV_SINK_OTLP_LOGS:
		return "{\"resourceLogs\":[{\"resource\":{\"attributes\":[{\"key\":\"service."
		       "name\","
		       "\"value\":{\"stringValue\":\"reeve\"}}]},\"scopeLogs\":[{\"scope\":{"
		       "\"name\":"
		       "\"reeve.audit\",\"version\":\"" RV_VERSION "\"},\"schemaUrl\":\"" SCHEMA_URL
		       "\",\"logRecords\":[";
	case RV_SINK_OTLP_TRACES:
		return "{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"service."
		       "name\","
		       "\"value\":{\"stringValue\":\"reeve\"}}]},\"scopeSpans\":[{\"scope\":{"
		       "\"name\":"
		       "\"reeve.audit\",\"version\":\"" RV_VERSION "\"},\"schemaUrl\":\"" SCHEMA_URL
		       "\",\"spans\":[";
	case RV_SINK_SYSLOG:
		return "";
	case RV_SINK_OCSF:
	case RV_SINK_CLOUDEVENTS:
	case RV_SINK_WEBHOOK:
		break;
	}
	return "[";
}

static const char *closing(const struct rv_sink *s)
{
	bool is_otlp = s->type == RV_SINK_OTLP_LOGS || s->type == RV_SINK_OTLP_TRACES;
	return s->type == RV_SINK_SYSLOG ? "" : is_otlp ? "]}]}]}" : "]";
}

void rv_batch_begin(struct rv_batch *b, const struct rv_sink *s)
{
	rv_buf_clear(&b->body);
	rv_buf_addz(&b->body, opening(s));
	b->n = 0;
	b->first = b->last = 0;
}

void rv_batch_end(struct rv_batch *b, const struct rv_sink *s)
{
	rv_buf_addz(&b->body, closing(s));
}

/* RFC 5425: the length, a blank, the message. */
static void add_frame(struct rv_batch *b, const struct rv_export_event *e, const char *host)
{
	RV_AUTO_BUF one;
	rv_buf_init(&one, 1 << 20);
	rv_export_syslog(e, host, &one);
	rv_buf_printf(&b->body, "%zu ", one.n);
	rv_buf_add(&b->body, rv_buf_str(&one));
	b->body.failed |= one.failed;
}

static bool add_object(struct rv_buf *out, const struct rv_sink *s, const struct rv_export_event *e)
{
	switch (s->type) {
	case RV_SINK_OCSF:
		rv_export_ocsf(e, out);
		return true;
	case RV_SINK_OTLP_LOGS:
		rv_export_otlp_log(e, out);
		return true;
	case RV_SINK_OTLP_TRACES:
		return rv_export_otlp_span(e, out);
	case RV_SINK_CLOUDEVENTS:
	case RV_SINK_WEBHOOK:
	case RV_SINK_SYSLOG:
		break;
	}
	rv_export_cloudevent(e, out);
	return true;
}

void rv_batch_add(struct rv_batch *b, const struct rv_sink *s, const struct rv_export_event *e,
	const char *host)
{
	size_t before = b->body.n;
	if (s->type == RV_SINK_SYSLOG) {
		add_frame(b, e, host);
	} else {
		if (b->n > 0)
			rv_buf_addc(&b->body, ',');
		if (!add_object(&b->body, s, e)) {
			b->body.n = before; /* the comma, too */
			return;
		}
	}
	if (b->n++ == 0)
		b->first = e->entry->seq;
	b->last = e->entry->seq;
}

static const char *type_of(const struct rv_sink *s)
{
	return s->type == RV_SINK_CLOUDEVENTS ? "application/cloudevents-batch+json"
					      : "application/json";
}

/* Path and query of the sink's URL; the client knows the rest. */
static struct rv_str path_of(const struct rv_sink *s)
{
	struct rv_str u = s->url;
	const char *p = memmem(u.p, u.n, "://", 3);
	size_t slash = rv_str_find(u, '/', p ? (size_t)(p - u.p) + 3 : 0);
	return slash == SIZE_MAX ? RV_STR("/") : rv_str_sub(u, slash, u.n);
}

enum rv_code rv_batch_send(const struct rv_batch *b, const struct rv_sink *s,
	struct rv_http_client *c, struct rv_err *err)
{
	struct rv_http_header h[4];
	size_t n = 0;
	char bearer[4200], id[64], at[24];
	struct rv_http_answer a;
	RV_AUTO_BUF sig;
	rv_buf_init(&sig, 256);
	if (s->type == RV_SINK_SYSLOG)
		return rv_http_client_send(c, rv_buf_str(&b->body), err);
	if (s->token.n > 0) {
		snprintf(bearer, sizeof bearer, "Bearer %.*s", RV_FMT(s->token));
		h[n++] = (struct rv_http_header){ RV_STR("Authorization"), rv_str_of(bearer) };
	}
	if (s->type == RV_SINK_WEBHOOK) {
		/* The same delivery has the same id however often it is tried. */
		int64_t now_s = rv_clock_unix_ns(rv_clock_system()) / RV_NS_PER_S;
		snprintf(id, sizeof id, "msg_%llu_%llu", (unsigned long long)b->first,
			(unsigned long long)b->last);
		snprintf(at, sizeof at, "%lld", (long long)now_s);
		rv_export_sign(s->secret, id, now_s, rv_buf_str(&b->body), &sig);
		h[n++] = (struct rv_http_header){ RV_STR("webhook-id"), rv_str_of(id) };
		h[n++] = (struct rv_http_header){ RV_STR("webhook-timestamp"), rv_str_of(at) };
		h[n++] = (struct rv_http_header){ RV_STR("webhook-signature"), rv_buf_str(&sig) };
	}
	const struct rv_http_request q = { .method = RV_HTTP_POST,
		.path = path_of(s),
		.headers = h,
		.n_headers = n,
		.body = rv_buf_str(&b->body),
		.type = type_of(s) };
	enum rv_code code = rv_http_call(c, &q, &a, err);
	explicit_bzero(bearer, sizeof bearer);
	RV_TRY(code);
	if (a.head->status / 100 == 2)
		return RV_OK;
	return RV_FAIL(err, a.head->status == 413 ? RV_ELIMIT : RV_ECONFLICT, "it answered %d %.*s",
		a.head->status, RV_FMT(rv_str_sub(a.body, 0, 100)));
}
