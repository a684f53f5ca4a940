/* CloudEvents 1.0, RFC 5424, OTLP/HTTP JSON (logs and spans with the GenAI conventions), Standard
 * Webhooks. OCSF is ocsf.c. */
#include <sodium.h>
#include <stdio.h>

#include "base/enc.h"
#include "export/export_int.h"

int64_t rv_xtime(const struct rv_export_event *e)
{
	int64_t t;
	return rv_time_parse(rv_xstr(e->event, "time"), &t) ? t : e->entry->logged_ns;
}

struct rv_str rv_xtrace(const struct rv_export_event *e)
{
	struct rv_str s = rv_xstr(e->event, "trace");
	uint8_t bytes[16];
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] >= 'A' && s.p[i] <= 'F')
			return RV_STR("");
	return s.n == 32 && rv_hex_parse(s, bytes, sizeof bytes) ? s : RV_STR("");
}

void rv_xspan(const struct rv_export_event *e, char ret[17])
{
	uint8_t b[8];
	memcpy(b, e->entry->hash.b, sizeof b);
	b[0] |= 1; /* all zeros is no span */
	rv_hex_z(b, sizeof b, ret);
}

static struct rv_str resource_of(const struct rv_export_event *e, char *buf, size_t size)
{
	const struct rv_json *r = rv_json_get(e->event, "resource");
	struct rv_str type = rv_xstr(r, "type"), id = rv_xstr(r, "id");
	if (type.n == 0 && id.n == 0)
		return RV_STR("");
	int n = snprintf(buf, size, "%.*s/%.*s", RV_FMT(type), RV_FMT(id));
	return rv_str_n(buf, (size_t)n < size ? (size_t)n : size - 1);
}

/* ---- CloudEvents ---- */

void rv_export_cloudevent(const struct rv_export_event *e, struct rv_buf *out)
{
	struct rv_json_w w;
	char time[RV_TIME_SIZE], text[1024], span[17];
	struct rv_str trace = rv_xtrace(e);
	rv_json_w_init(&w, out);
	rv_json_w_obj(&w);
	rv_json_w_kv_strz(&w, "specversion", "1.0");
	rv_json_w_kv_str(&w, "id", rv_xstr(e->event, "id"));
	snprintf(text, sizeof text, "urn:reeve:log:%.*s", RV_FMT(e->origin));
	rv_json_w_kv_strz(&w, "source", text);
	snprintf(text, sizeof text, "reeve.%.*s", RV_FMT(rv_xstr(e->event, "kind")));
	rv_json_w_kv_strz(&w, "type", text);
	rv_xkv(&w, "subject", resource_of(e, text, sizeof text));
	rv_json_w_kv_strz(&w, "time", rv_time_format(rv_xtime(e), time));
	rv_json_w_kv_strz(&w, "datacontenttype", "application/json");
	snprintf(text, sizeof text, "%020llu", (unsigned long long)e->entry->seq);
	rv_json_w_kv_strz(&w, "sequence", text);
	if (trace.n > 0) {
		rv_xspan(e, span);
		snprintf(text, sizeof text, "00-%.*s-%s-01", RV_FMT(trace), span);
		rv_json_w_kv_strz(&w, "traceparent", text);
	}
	rv_json_w_name(&w, "data");
	rv_json_w_raw(&w, e->entry->event);
	rv_json_w_obj_end(&w);
}

/* ---- syslog ---- */

enum { FACILITY_AUDIT = 13, CRITICAL = 2, WARNING = 4, NOTICE = 5, INFO = 6 };

static int severity(const struct rv_export_event *e)
{
	struct rv_str o = rv_xstr(e->event, "outcome"), kind = rv_xstr(e->event, "kind");
	if (rv_str_eqz(kind, "service.audit_gap") || rv_str_starts(kind, RV_STR("breakglass.")))
		return CRITICAL;
	if (rv_str_eqz(o, "deny") || rv_str_starts(kind, RV_STR("finding.")))
		return WARNING;
	return rv_str_eqz(o, "hold") ? NOTICE : INFO;
}

static void put_param(struct rv_buf *out, const char *name, struct rv_str v)
{
	if (v.n == 0)
		return;
	rv_buf_printf(out, " %s=\"", name);
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] == '"' || v.p[i] == '\\' || v.p[i] == ']')
			rv_buf_addc(out, '\\');
		rv_buf_addc(out, v.p[i]);
	}
	rv_buf_addc(out, '"');
}

/* A header field: printable ASCII without blanks, "-" for nothing. */
static void put_field(struct rv_buf *out, struct rv_str v, size_t max)
{
	rv_buf_addc(out, ' ');
	if (v.n == 0)
		rv_buf_addc(out, '-');
	for (size_t i = 0; i < v.n && i < max; i++)
		rv_buf_addc(out, v.p[i] > ' ' && v.p[i] < 0x7f ? v.p[i] : '_');
}

void rv_export_syslog(const struct rv_export_event *e, const char *host, struct rv_buf *out)
{
	static const char *const params[] = { "id", "system", "owner", "action", "outcome", "point",
		"trace" };
	char time[RV_TIME_SIZE], text[1024];
	rv_buf_printf(out, "<%d>1 %s", FACILITY_AUDIT * 8 + severity(e),
		rv_time_format(rv_xtime(e), time));
	put_field(out, rv_str_of(host), 255);
	rv_buf_addz(out, " reeve -");
	put_field(out, rv_xstr(e->event, "kind"), 32);
	/* 32473 is the number that RFC 5612 sets aside for those without one. */
	rv_buf_printf(out, " [reeve@32473 seq=\"%llu\"", (unsigned long long)e->entry->seq);
	for (size_t i = 0; i < RV_COUNT(params); i++)
		put_param(out, params[i], rv_xstr(e->event, params[i]));
	put_param(out, "resource", resource_of(e, text, sizeof text));
	rv_buf_addz(out, "] \xef\xbb\xbf");
	rv_buf_add(out, e->entry->event);
}

/* ---- OTLP ---- */

static void put_attr(struct rv_json_w *w, const char *key, struct rv_str v)
{
	if (v.n == 0)
		return;
	rv_json_w_obj(w);
	rv_json_w_kv_strz(w, "key", key);
	rv_json_w_name(w, "value");
	rv_json_w_obj(w);
	rv_json_w_kv_str(w, "stringValue", v);
	rv_json_w_obj_end(w);
	rv_json_w_obj_end(w);
}

/* 64-bit numbers are strings in OTLP's JSON. */
static void put_nanos(struct rv_json_w *w, const char *name, int64_t ns)
{
	char text[24];
	snprintf(text, sizeof text, "%lld", (long long)ns);
	rv_json_w_kv_strz(w, name, text);
}

static struct rv_str first_policy(const struct rv_export_event *e)
{
	const struct rv_json *r = rv_json_get(e->event, "reasons");
	return rv_json_is(r, RV_JSON_ARR) && r->n_items > 0 ? rv_xstr(r->items[0], "policy")
							    : RV_STR("");
}

/* Names of open-telemetry/semantic-conventions-genai; those of our own begin with "reeve.". */
static void put_attrs(struct rv_json_w *w, const struct rv_export_event *e, bool is_span)
{
	static const struct {
		const char *key, *member;
	} plain[] = {
		{ "gen_ai.agent.id", "system" },
		{ "gen_ai.agent.name", "system" },
		{ "gen_ai.conversation.id", "session" },
		{ "gen_ai.tool.name", "action" },
		{ "gen_ai.tool.call.id", "request" },
		{ "reeve.event.id", "id" },
		{ "reeve.kind", "kind" },
		{ "reeve.outcome", "outcome" },
		{ "reeve.owner", "owner" },
		{ "reeve.on_behalf_of", "on_behalf_of" },
		{ "reeve.effect", "effect" },
		{ "reeve.point", "point" },
		{ "reeve.evidence", "evidence" },
		{ "reeve.cause", "cause" },
		{ "reeve.approval", "approval" },
	};
	char text[1024];
	const struct rv_json *r = rv_json_get(e->event, "resource");
	struct rv_str type = rv_xstr(r, "type");
	rv_json_w_name(w, "attributes");
	rv_json_w_arr(w);
	for (size_t i = 0; i < RV_COUNT(plain); i++)
		put_attr(w, plain[i].key, rv_xstr(e->event, plain[i].member));
	put_attr(w, "reeve.resource", resource_of(e, text, sizeof text));
	put_attr(w, "reeve.policy", first_policy(e));
	if (rv_xstr(e->event, "action").n > 0)
		put_attr(w, "gen_ai.operation.name", RV_STR("execute_tool"));
	if (rv_str_starts(type, RV_STR("mcp"))) {
		put_attr(w, "mcp.method.name", RV_STR("tools/call"));
		put_attr(w, "mcp.session.id", rv_xstr(e->event, "session"));
	}
	if (is_span && rv_str_eqz(rv_xstr(e->event, "outcome"), "deny"))
		put_attr(w, "error.type", RV_STR("denied"));
	rv_json_w_arr_end(w);
}

void rv_export_otlp_log(const struct rv_export_event *e, struct rv_buf *out)
{
	struct rv_json_w w;
	char text[300], span[17];
	struct rv_str trace = rv_xtrace(e);
	bool is_warning = severity(e) <= WARNING;
	rv_json_w_init(&w, out);
	rv_json_w_obj(&w);
	put_nanos(&w, "timeUnixNano", rv_xtime(e));
	put_nanos(&w, "observedTimeUnixNano", e->entry->logged_ns);
	rv_json_w_kv_i64(&w, "severityNumber", is_warning ? 13 : 9);
	rv_json_w_kv_strz(&w, "severityText", is_warning ? "WARN" : "INFO");
	snprintf(text, sizeof text, "reeve.%.*s", RV_FMT(rv_xstr(e->event, "kind")));
	rv_json_w_kv_strz(&w, "eventName", text);
	rv_json_w_name(&w, "body");
	rv_json_w_obj(&w);
	rv_json_w_kv_str(&w, "stringValue", e->entry->event);
	rv_json_w_obj_end(&w);
	put_attrs(&w, e, false);
	if (trace.n > 0) {
		rv_xspan(e, span);
		rv_json_w_kv_str(&w, "traceId", trace);
		rv_json_w_kv_strz(&w, "spanId", span);
	}
	rv_json_w_obj_end(&w);
}

bool rv_export_otlp_span(const struct rv_export_event *e, struct rv_buf *out)
{
	struct rv_str kind = rv_xstr(e->event, "kind"), trace = rv_xtrace(e);
	struct rv_json_w w;
	struct rv_sha256 h;
	char text[300], span[17], made[33];
	bool is_denied = rv_str_eqz(rv_xstr(e->event, "outcome"), "deny");
	if (!rv_str_eqz(kind, "decision") && !rv_str_eqz(kind, "outcome"))
		return false;
	if (trace.n == 0) { /* a trace of its own */
		rv_sha256_of(rv_xstr(e->event, "id"), &h);
		h.b[0] |= 1;
		rv_hex_z(h.b, 16, made);
		trace = rv_str_of(made);
	}
	rv_xspan(e, span);
	rv_json_w_init(&w, out);
	rv_json_w_obj(&w);
	rv_json_w_kv_str(&w, "traceId", trace);
	rv_json_w_kv_strz(&w, "spanId", span);
	snprintf(text, sizeof text, "execute_tool %.*s", RV_FMT(rv_xstr(e->event, "action")));
	rv_json_w_kv_strz(&w, "name", text);
	rv_json_w_kv_i64(&w, "kind", 1);
	put_nanos(&w, "startTimeUnixNano", rv_xtime(e));
	put_nanos(&w, "endTimeUnixNano",
		e->entry->logged_ns > rv_xtime(e) ? e->entry->logged_ns : rv_xtime(e));
	put_attrs(&w, e, true);
	rv_json_w_name(&w, "status");
	rv_json_w_obj(&w);
	rv_json_w_kv_i64(&w, "code", is_denied ? 2 : 1);
	rv_json_w_obj_end(&w);
	rv_json_w_obj_end(&w);
	return true;
}

/* ---- webhook ---- */

void rv_export_sign(
	struct rv_str key, const char *id, int64_t unix_s, struct rv_str body, struct rv_buf *out)
{
	crypto_auth_hmacsha256_state st;
	uint8_t mac[crypto_auth_hmacsha256_BYTES];
	char head[200];
	int n = snprintf(head, sizeof head, "%s.%lld.", id, (long long)unix_s);
	rv_assert(n > 0 && (size_t)n < sizeof head);
	crypto_auth_hmacsha256_init(&st, (const uint8_t *)key.p, key.n);
	crypto_auth_hmacsha256_update(&st, (const uint8_t *)head, (size_t)n);
	crypto_auth_hmacsha256_update(&st, (const uint8_t *)body.p, body.n);
	crypto_auth_hmacsha256_final(&st, mac);
	rv_buf_addz(out, "v1,");
	rv_b64_add(out, rv_str_n(mac, sizeof mac));
}
