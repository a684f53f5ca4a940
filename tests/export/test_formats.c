/* What goes out: each format held to what its specification demands. */
#include "base/enc.h"
#include "export/export.h"
#include "tests/harness.h"

#define DECISION                                                                                   \
	"{\"id\":\"01930000-0000-7000-8000-000000000001\",\"time\":\"2026-11-23T07:00:00."         \
	"250000Z\","                                                                               \
	"\"kind\":\"decision\",\"actor\":{\"type\":\"system\",\"id\":\"bot\"},\"system\":\"bot\"," \
	"\"owner\":\"sam\",\"action\":\"deploy\",\"effect\":\"write\",\"resource\":{\"type\":"     \
	"\"service\",\"id\":\"shop\"},\"outcome\":\"deny\",\"reasons\":[{\"policy\":\"p1\","       \
	"\"text\":"                                                                                \
	"\"no \\\"way\\\"]\"}],\"point\":\"gw\",\"trace\":\"4bf92f3577b34da6a3ce929d0e0e4736\"}"

struct sample {
	struct rv_ledger_entry entry;
	struct rv_export_event ev;
	struct rv_arena a;
};

static struct rv_export_event *load(struct sample *s, const char *event)
{
	*s = (struct sample){ .entry = { .seq = 41,
				      .logged_ns = INT64_C(1795417201) * RV_NS_PER_S,
				      .event = rv_str_of(event) } };
	memset(s->entry.hash.b, 0xab, 32);
	rv_arena_init(&s->a, 1 << 20);
	rv_assert(rv_json_parse(&s->a, s->entry.event, NULL, &s->ev.event, NULL) == RV_OK);
	s->ev.entry = &s->entry;
	s->ev.origin = RV_STR("example.com/log");
	return &s->ev;
}

static void unload(struct sample *s)
{
	rv_arena_done(&s->a);
}

/* A member at a path such as "metadata.version"; numbers pick from arrays. */
static const struct rv_json *at(const struct rv_json *v, const char *path)
{
	struct rv_str rest = rv_str_of(path), name;
	while (v && rv_str_split(&rest, '.', &name)) {
		uint64_t i;
		if (v->type == RV_JSON_ARR)
			v = rv_str_u64(name, &i) && i < v->n_items ? v->items[i] : NULL;
		else
			v = rv_json_get_str(v, name);
	}
	return v;
}

static void check_str(const struct rv_json *v, const char *path, const char *want)
{
	const struct rv_json *m = at(v, path);
	CHECKF(rv_json_is(m, RV_JSON_STR) && rv_str_eqz(m->str, want), "%s: %.*s", path,
		rv_json_is(m, RV_JSON_STR) ? (int)m->str.n : 0,
		rv_json_is(m, RV_JSON_STR) ? m->str.p : "");
}

static void check_int(const struct rv_json *v, const char *path, int64_t want)
{
	const struct rv_json *m = at(v, path);
	CHECKF(rv_json_is(m, RV_JSON_INT) && m->integer == want, "%s: %lld", path,
		rv_json_is(m, RV_JSON_INT) ? (long long)m->integer : -1LL);
}

static const struct rv_json *parse(struct sample *s, struct rv_buf *b)
{
	const struct rv_json *v = NULL;
	struct rv_err err = { 0 };
	CHECKF(rv_json_parse(&s->a, rv_buf_str(b), NULL, &v, &err) == RV_OK, "%s: %s", err.msg,
		rv_buf_z(b));
	return v;
}

TEST(ocsf_of_a_decision)
{
	struct sample s;
	RV_AUTO_BUF b;
	rv_buf_init(&b, 1 << 20);
	rv_export_ocsf(load(&s, DECISION), &b);
	const struct rv_json *v = parse(&s, &b);
	check_int(v, "class_uid", 6003);
	check_int(v, "category_uid", 6);
	check_int(v, "activity_id", 3);
	check_int(v, "type_uid", 600303);
	check_int(v, "time", INT64_C(1795417200250));
	check_int(v, "severity_id", 2);
	check_int(v, "status_id", 2);
	check_str(v, "metadata.version", "1.8.0");
	check_str(v, "metadata.uid", "01930000-0000-7000-8000-000000000001");
	check_str(v, "metadata.product.name", "Reeve");
	check_str(v, "metadata.profiles.0", "ai_operation");
	check_str(v, "metadata.profiles.1", "security_control");
	check_str(v, "actor.user.uid", "bot");
	check_str(v, "api.operation", "deploy");
	check_str(v, "src_endpoint.name", "gw");
	check_str(v, "resources.0.uid", "shop");
	check_int(v, "action_id", 2);
	check_int(v, "disposition_id", 2);
	check_str(v, "authorizations.0.decision", "deny");
	check_str(v, "authorizations.0.policy.uid", "p1");
	check_str(v, "message_context.application.name", "bot");
	check_str(v, "unmapped.attestation.chain_uid", "example.com/log");
	check_str(v, "unmapped.reeve.owner", "sam");
	unload(&s);
}

/* Every kind of event has a class, its activity, and what the class demands. */
TEST(ocsf_of_every_kind)
{
	static const struct {
		const char *kind, *more;
		int class_uid, activity;
		const char *needs;
	} cases[] = {
		{ "decision", ",\"effect\":\"read\",\"resource\":{\"type\":\"table\",\"id\":\"t\"}",
			6005, 1, "table.name" },
		{ "intent",
			",\"effect\":\"delete\",\"resource\":{\"type\":\"bucket\",\"id\":\"t\"}",
			6005, 7, "databucket.name" },
		{ "outcome", ",\"effect\":\"write\",\"resource\":{\"type\":\"db\",\"id\":\"t\"}",
			6005, 5, "database.name" },
		{ "decision", "", 6003, 99, "api.operation" },
		{ "access", "", 6003, 99, "src_endpoint.name" },
		{ "registry.created", "", 3004, 1, "entity.uid" },
		{ "registry.changed", "", 3004, 3, "entity.uid" },
		{ "policy.removed", "", 3004, 4, "entity.uid" },
		{ "lifecycle.suspended", "", 3004, 12, "entity.uid" },
		{ "lifecycle.resumed", "", 3004, 13, "entity.uid" },
		{ "lifecycle.activated", "", 3004, 10, "entity.uid" },
		{ "credential.revoked", "", 3004, 4, "entity.uid" },
		{ "approval.opened", "", 3004, 1, "entity.uid" },
		{ "approval.approved", "", 3003, 1, "user.uid" },
		{ "breakglass.used", "", 3003, 1, "user.uid" },
		{ "session.opened", "", 3002, 1, "user.uid" },
		{ "session.closed", "", 3002, 2, "user.uid" },
		{ "finding.opened", "", 2004, 1, "finding_info.uid" },
		{ "limit.exceeded", "", 2004, 1, "finding_info.title" },
		{ "service.started", "", 6002, 3, "app.name" },
		{ "service.audit_gap", "", 6002, 99, "app.name" },
		{ "something.new", "", 6003, 99, "api.operation" },
	};
	for (size_t i = 0; i < RV_COUNT(cases); i++) {
		char text[400];
		struct sample s;
		RV_AUTO_BUF b;
		rv_buf_init(&b, 1 << 20);
		snprintf(text, sizeof text,
			"{\"id\":\"x\",\"kind\":\"%s\",\"actor\":{\"type\":\"person\",\"id\":"
			"\"ana\"}%s}",
			cases[i].kind, cases[i].more);
		rv_export_ocsf(load(&s, text), &b);
		const struct rv_json *v = parse(&s, &b);
		check_int(v, "class_uid", cases[i].class_uid);
		check_int(v, "activity_id", cases[i].activity);
		check_int(v, "type_uid", cases[i].class_uid * 100 + cases[i].activity);
		check_int(v, "category_uid", cases[i].class_uid / 1000);
		CHECKF(at(v, cases[i].needs) != NULL, "%s has no %s", cases[i].kind,
			cases[i].needs);
		CHECK(at(v, "metadata.product.vendor_name") && at(v, "severity_id") &&
			at(v, "time"));
		unload(&s);
	}
}

TEST(cloudevents)
{
	struct sample s;
	RV_AUTO_BUF b;
	rv_buf_init(&b, 1 << 20);
	rv_export_cloudevent(load(&s, DECISION), &b);
	const struct rv_json *v = parse(&s, &b);
	check_str(v, "specversion", "1.0");
	check_str(v, "id", "01930000-0000-7000-8000-000000000001");
	check_str(v, "source", "urn:reeve:log:example.com/log");
	check_str(v, "type", "reeve.decision");
	check_str(v, "subject", "service/shop");
	check_str(v, "time", "2026-11-23T07:00:00.250000Z");
	check_str(v, "sequence", "00000000000000000041");
	check_str(v, "traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-abababababababab-01");
	check_str(v, "data.owner", "sam");
	unload(&s);
}

TEST(syslog)
{
	struct sample s;
	RV_AUTO_BUF b;
	rv_buf_init(&b, 1 << 20);
	rv_export_syslog(load(&s, DECISION), "host one", &b);
	const char *want = "<108>1 2026-11-23T07:00:00.250000Z host_one reeve - decision "
			   "[reeve@32473 seq=\"41\" id=\"01930000-0000-7000-8000-000000000001\" "
			   "system=\"bot\" owner=\"sam\" action=\"deploy\" outcome=\"deny\" "
			   "point=\"gw\" trace=\"4bf92f3577b34da6a3ce929d0e0e4736\" "
			   "resource=\"service/shop\"] \xef\xbb\xbf{\"id\":";
	CHECKF(rv_str_starts(rv_buf_str(&b), rv_str_of(want)), "%s", rv_buf_z(&b));
	unload(&s);
	/* Nothing from an event leaves its parameter. */
	rv_buf_clear(&b);
	rv_export_syslog(load(&s, "{\"kind\":\"a b\",\"system\":\"x\\\"] evil \\\\\"}"), "", &b);
	want = "<110>1 2026-11-23T07:00:01.000000Z - reeve - a_b [reeve@32473 seq=\"41\" "
	       "system=\"x\\\"\\] evil \\\\\"] ";
	CHECKF(rv_str_starts(rv_buf_str(&b), rv_str_of(want)), "%s", rv_buf_z(&b));
	unload(&s);
}

TEST(otlp)
{
	struct sample s;
	RV_AUTO_BUF b;
	rv_buf_init(&b, 1 << 20);
	rv_export_otlp_log(load(&s, DECISION), &b);
	const struct rv_json *v = parse(&s, &b);
	check_str(v, "timeUnixNano", "1795417200250000000");
	check_str(v, "observedTimeUnixNano", "1795417201000000000");
	check_str(v, "eventName", "reeve.decision");
	check_int(v, "severityNumber", 13);
	check_str(v, "traceId", "4bf92f3577b34da6a3ce929d0e0e4736");
	check_str(v, "spanId", "abababababababab");
	check_str(v, "attributes.0.key", "gen_ai.agent.id");
	check_str(v, "attributes.0.value.stringValue", "bot");
	unload(&s);
	rv_buf_clear(&b);
	CHECK(rv_export_otlp_span(load(&s, DECISION), &b));
	v = parse(&s, &b);
	check_str(v, "name", "execute_tool deploy");
	check_str(v, "traceId", "4bf92f3577b34da6a3ce929d0e0e4736");
	check_int(v, "status.code", 2);
	check_str(v, "endTimeUnixNano", "1795417201000000000");
	unload(&s);
	rv_buf_clear(&b);
	CHECK(!rv_export_otlp_span(load(&s, "{\"kind\":\"registry.created\"}"), &b) && b.n == 0);
	unload(&s);
	/* A trace that is none is left out, not passed on. */
	rv_buf_clear(&b);
	rv_export_otlp_log(load(&s, "{\"kind\":\"x\",\"trace\":\"ABC\"}"), &b);
	v = parse(&s, &b);
	CHECK(!at(v, "traceId") && !at(v, "spanId"));
	unload(&s);
}

/* The HMAC computed by hand: echo -n 'msg_1.1614265330.{"a":1}' | openssl dgst -sha256 -mac HMAC
 * -macopt hexkey:0001..17 -binary | base64 */
TEST(signatures)
{
	uint8_t key[24];
	RV_AUTO_BUF a, b;
	rv_buf_init(&a, 200);
	rv_buf_init(&b, 200);
	for (size_t i = 0; i < sizeof key; i++)
		key[i] = (uint8_t)i;
	struct rv_str k = rv_str_n(key, sizeof key);
	rv_export_sign(k, "msg_1", 1614265330, RV_STR("{\"a\":1}"), &a);
	CHECK_STR(rv_buf_str(&a), "v1,oH5HpTzbOI3hdV1SdOf9HJFZEM+ebORw0skMVi6lToM=");
	static const struct {
		const char *id, *body;
		int64_t at;
	} others[] = { { "msg_2", "{\"a\":1}", 1614265330 }, { "msg_1", "{\"a\":2}", 1614265330 },
		{ "msg_1", "{\"a\":1}", 1614265331 } };
	for (size_t i = 0; i < RV_COUNT(others); i++) {
		rv_buf_clear(&b);
		rv_export_sign(k, others[i].id, others[i].at, rv_str_of(others[i].body), &b);
		CHECK(!rv_str_eq(rv_buf_str(&a), rv_buf_str(&b)));
	}
}

MAIN()
