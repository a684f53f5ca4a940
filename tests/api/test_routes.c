/* Every route by every kind of caller. A route without a row here fails the test. */
#include <stdio.h>

#include "tests/api/openapi.h"
#include "tests/api/site.h"

enum auth { OPEN, ANYONE, PERSON };
static const struct {
	const char *method, *pattern;
	enum auth auth;
} routes[] = {
#define RV_API_ROUTE(method_, pattern_, handler_, kind_, auth_, query_, body_) \
	{ method_, pattern_, auth_ },
#define RV_API_RAW(method_, pattern_, handler_, auth_, query_) { method_, pattern_, auth_ },
#include "api/routes.def"
};

/* Done in order. $name in path and body: what an earlier answer left. */
struct row {
	const char *method, *pattern, *path, *body;
	const char *who; /* may do it; "worker", "point", or a person */
	int want; /* for who */
	int newt; /* for a person without any right; 0: the same as who, harmless */
	int worker, point; /* ANYONE only */
	const char *keep, *from; /* member `from` of who's answer is kept as $keep */
};

#define SYS "/v1/systems/{name}/"
#define NEW_SYSTEM(name)                                                                    \
	"{\"submit\":false,\"sources\":[{\"path\":\"s.yaml\",\"text\":\"kind: "             \
	"System\\nname: " name                                                              \
	"\\nspec: {class: agent, owner: olga, purpose: is there, dimensions: {trigger: 1, " \
	"persistence: 1, autonomy: 1, scope: 1, identity: 1}, actions: {autonomous: [look]}}\"}]}"

static const struct row rows[] = {
	/* sessions */
	{ "POST", "/v1/login", "/v1/login", "{\"name\":\"rita\",\"password\":\"correct horse\"}",
		"rita", 200, 0, 0, 0, "session", "token" },
	{ "POST", "/v1/login", "/v1/login", "{\"name\":\"rita\",\"password\":\"wrong horse!\"}",
		"rita", 401, 0, 0, 0, NULL, NULL },
	{ "POST", "/v1/login", "/v1/login", "{\"name\":\"nobody\",\"password\":\"correct horse\"}",
		"rita", 401, 0, 0, 0, NULL, NULL },
	{ "POST", "/v1/setup", "/v1/setup", "{\"token\":\"rvi_x\",\"password\":\"correct horse\"}",
		"rita", 401, 0, 0, 0, NULL, NULL },
	{ "POST", "/v1/password", "/v1/password",
		"{\"old\":\"correct horse\",\"new\":\"correct horse\"}", "aldo", 200, 200, 0, 0,
		NULL, NULL },
	{ "GET", "/v1/whoami", "/v1/whoami", NULL, "rita", 200, 200, 200, 200, NULL, NULL },
	{ "GET", "/v1/status", "/v1/status", NULL, "rita", 200, 200, 0, 0, NULL, NULL },
	/* registry */
	{ "POST", "/v1/apply", "/v1/apply", NEW_SYSTEM("life"), "olga", 200, 403, 0, 0, NULL,
		NULL },
	{ "POST", "/v1/apply", "/v1/apply", NEW_SYSTEM("short"), "olga", 200, 403, 0, 0, NULL,
		NULL },
	{ "GET", "/v1/systems", "/v1/systems", NULL, "olga", 200, 200, 0, 0, NULL, NULL },
	{ "GET", "/v1/systems/{name}", "/v1/systems/life", NULL, "olga", 200, 404, 0, 0, NULL,
		NULL },
	{ "GET", "/v1/systems/{name}", "/v1/systems/none", NULL, "gus", 404, 404, 0, 0, NULL,
		NULL },
	{ "GET", "/v1/gaps", "/v1/gaps", NULL, "olga", 200, 200, 0, 0, NULL, NULL },
	{ "POST", SYS "submit", "/v1/systems/life/submit", NULL, "olga", 200, 404, 0, 0, NULL,
		NULL },
	{ "POST", SYS "withdraw", "/v1/systems/life/withdraw", NULL, "olga", 200, 404, 0, 0, NULL,
		NULL },
	{ "POST", SYS "submit", "/v1/systems/life/submit", NULL, "olga", 200, 404, 0, 0, NULL,
		NULL },
	{ "POST", SYS "submit", "/v1/systems/short/submit", NULL, "olga", 200, 404, 0, 0, NULL,
		NULL },
	{ "POST", SYS "approve", "/v1/systems/life/approve", "{\"version\":1}", "olga", 403, 404, 0,
		0, NULL, NULL },
	{ "POST", SYS "approve", "/v1/systems/life/approve", "{\"version\":7}", "gus", 409, 404, 0,
		0, NULL, NULL },
	{ "POST", SYS "approve", "/v1/systems/life/approve", "{\"version\":1,\"reason\":\"ok\"}",
		"gus", 200, 404, 0, 0, NULL, NULL },
	{ "POST", SYS "reject", "/v1/systems/short/reject", "{\"reason\":\"no\"}", "gus", 200, 403,
		0, 0, NULL, NULL },
	{ "POST", SYS "credentials", "/v1/systems/life/credentials", "{\"ttl\":\"1h\"}", "olga",
		200, 404, 0, 0, "cred", "id" },
	{ "POST", SYS "credentials", "/v1/systems/life/credentials", "{}", "olga", 400, 400, 0, 0,
		NULL, NULL },
	{ "POST", SYS "activate", "/v1/systems/life/activate", NULL, "olga", 200, 404, 0, 0, NULL,
		NULL },
	{ "POST", SYS "suspend", "/v1/systems/life/suspend", "{\"reason\":\"x\"}", "resi", 200, 404,
		0, 0, NULL, NULL },
	{ "POST", SYS "resume", "/v1/systems/life/resume", "{\"reason\":\"x\"}", "resi", 403, 403,
		0, 0, NULL, NULL },
	{ "POST", SYS "resume", "/v1/systems/life/resume", "{\"reason\":\"x\"}", "gus", 200, 403, 0,
		0, NULL, NULL },
	{ "POST", "/v1/freeze", "/v1/freeze", "{\"name\":\"life\"}", "resi", 200, 404, 0, 0, NULL,
		NULL },
	{ "POST", "/v1/freeze", "/v1/freeze", "{}", "resi", 400, 400, 0, 0, NULL, NULL },
	{ "POST", "/v1/thaw", "/v1/thaw", "{\"name\":\"life\"}", "resi", 403, 403, 0, 0, NULL,
		NULL },
	{ "POST", "/v1/thaw", "/v1/thaw", "{\"name\":\"life\"}", "gus", 200, 403, 0, 0, NULL,
		NULL },
	{ "DELETE", "/v1/credentials/{id}", "/v1/credentials/$cred", NULL, "resi", 200, 404, 0, 0,
		NULL, NULL },
	{ "DELETE", "/v1/credentials/{id}", "/v1/credentials/none", NULL, "resi", 404, 404, 0, 0,
		NULL, NULL },
	{ "POST", SYS "offboard", "/v1/systems/life/offboard", "{\"reason\":\"x\"}", "olga", 200,
		404, 0, 0, NULL, NULL },
	{ "POST", SYS "retire", "/v1/systems/life/retire", "{\"destroy_key\":true}", "gus", 200,
		403, 0, 0, NULL, NULL },
	{ "POST", "/v1/points/{name}/credentials", "/v1/points/gw/credentials", "{\"ttl\":\"1h\"}",
		"gus", 200, 403, 0, 0, NULL, NULL },
	{ "GET", "/v1/limits/{name}", "/v1/limits/ads-bot", NULL, "olga", 200, 404, 0, 0, NULL,
		NULL },
	/* questions about policies */
	{ "GET", "/v1/manifests", "/v1/manifests?kind=Role", NULL, "aldo", 200, 403, 0, 0, NULL,
		NULL },
	{ "GET", SYS "diff", "/v1/systems/ads-bot/diff", NULL, "olga", 200, 404, 0, 0, NULL, NULL },
	{ "GET", SYS "charter", "/v1/systems/ads-bot/charter", NULL, "olga", 200, 404, 0, 0, NULL,
		NULL },
	{ "GET", SYS "policy", "/v1/systems/ads-bot/policy", NULL, "olga", 200, 404, 0, 0, NULL,
		NULL },
	{ "POST", "/v1/replay", "/v1/replay", "{\"since\":\"1d\"}", "aldo", 200, 403, 0, 0, NULL,
		NULL },
	{ "POST", "/v1/replay", "/v1/replay", "{\"without\":[\"none\"]}", "gus", 404, 403, 0, 0,
		NULL, NULL },
	{ "POST", "/v1/simulate", "/v1/simulate",
		"{\"system\":\"ads-bot\",\"action\":{\"name\":\"spend\"},\"resource\":{\"type\":"
		"\"Account\",\"id\":\"ads\"}}",
		"olga", 200, 404, 0, 0, NULL, NULL },
	/* people */
	{ "GET", "/v1/people", "/v1/people", NULL, "gus", 200, 403, 0, 0, NULL, NULL },
	{ "POST", "/v1/people/{name}/invite", "/v1/people/resi/invite", NULL, "gus", 200, 403, 0, 0,
		NULL, NULL },
	{ "POST", "/v1/people/{name}/disable", "/v1/people/extra/disable", NULL, "gus", 200, 403, 0,
		0, NULL, NULL },
	/* policies and changes */
	{ "GET", "/v1/policies", "/v1/policies", NULL, "rita", 200, 403, 0, 0, NULL, NULL },
	{ "GET", "/v1/policies/{name}", "/v1/policies/case", NULL, "rita", 200, 404, 0, 0, NULL,
		NULL },
	{ "GET", "/v1/policies/{name}/history", "/v1/policies/case/history", NULL, "rita", 200, 404,
		0, 0, NULL, NULL },
	{ "GET", "/v1/policies/{name}", "/v1/policies/case?version=9", NULL, "rita", 404, 404, 0, 0,
		NULL, NULL },
	{ "GET", "/v1/changes", "/v1/changes", NULL, "gus", 200, 200, 0, 0, NULL, NULL },
	{ "POST", "/v1/changes/{id}/approve", "/v1/changes/$c1/approve", NULL, "gus", 403, 404, 0,
		0, NULL, NULL },
	{ "POST", "/v1/changes/{id}/approve", "/v1/changes/$c1/approve", "{\"reason\":\"ok\"}",
		"ada", 200, 404, 0, 0, NULL, NULL },
	{ "POST", "/v1/changes/{id}/reject", "/v1/changes/$c2/reject", NULL, "ada", 200, 404, 0, 0,
		NULL, NULL },
	{ "POST", "/v1/changes/{id}/withdraw", "/v1/changes/$c3/withdraw", NULL, "ada", 403, 404, 0,
		0, NULL, NULL },
	{ "POST", "/v1/changes/{id}/withdraw", "/v1/changes/$c3/withdraw", NULL, "gus", 200, 404, 0,
		0, NULL, NULL },
	/* approvals */
	{ "GET", "/v1/approvals", "/v1/approvals?state=all&limit=10", NULL, "rita", 200, 200, 200,
		200, NULL, NULL },
	{ "GET", "/v1/approvals/{id}", "/v1/approvals/$a1", NULL, "rita", 200, 404, 200, 200, NULL,
		NULL },
	{ "GET", "/v1/approvals/{id}", "/v1/approvals/none", NULL, "rita", 404, 404, 404, 404, NULL,
		NULL },
	{ "GET", "/v1/approvals/{id}/arguments", "/v1/approvals/$a1/arguments", NULL, "rita", 200,
		404, 0, 0, NULL, NULL },
	{ "POST", "/v1/approvals/{id}/approve", "/v1/approvals/$a1/approve", "{\"digest\":\"$d1\"}",
		"olga", 403, 404, 403, 403, NULL, NULL },
	{ "POST", "/v1/approvals/{id}/approve", "/v1/approvals/$a1/approve", "{\"digest\":\"$d2\"}",
		"rita", 409, 404, 403, 403, NULL, NULL },
	{ "POST", "/v1/approvals/{id}/approve", "/v1/approvals/$a1/approve", "{}", "rita", 400, 400,
		400, 400, NULL, NULL },
	{ "POST", "/v1/approvals/{id}/approve", "/v1/approvals/$a1/approve",
		"{\"digest\":\"$d1\",\"reason\":\"fine\"}", "rita", 200, 404, 403, 403, NULL,
		NULL },
	{ "POST", "/v1/approvals/{id}/deny", "/v1/approvals/$a2/deny", "{\"reason\":\"no\"}",
		"rita", 200, 404, 403, 403, NULL, NULL },
	{ "POST", "/v1/approvals/{id}/withdraw", "/v1/approvals/$a3/withdraw", NULL, "rita", 403,
		404, 0, 0, NULL, NULL },
	{ "POST", "/v1/approvals/{id}/withdraw", "/v1/approvals/$a3/withdraw", NULL, "worker", 200,
		404, 0, 0, NULL, NULL },
	{ "POST", "/v1/approvals/{id}/withdraw", "/v1/approvals/$a4/withdraw", NULL, "point", 200,
		404, 0, 0, NULL, NULL },
	/* what came of it */
	{ "POST", "/v1/reservations/{id}/release", "/v1/reservations/$spent/release",
		"{\"reason\":\"x\"}", "olga", 403, 404, 404, 0, NULL, NULL },
	{ "POST", "/v1/reservations/{id}/release", "/v1/reservations/$spent/release",
		"{\"reason\":\"x\"}", "gil", 200, 404, 404, 0, NULL, NULL },
	{ "POST", "/v1/outcomes", "/v1/outcomes", "{\"intent\":\"$done\",\"status\":\"succeeded\"}",
		"rita", 404, 404, 404, 0, NULL, NULL },
	{ "POST", "/v1/outcomes", "/v1/outcomes", "{\"intent\":\"$done\",\"status\":\"succeeded\"}",
		"point", 200, 404, 404, 0, NULL, NULL },
	/* the log */
	{ "GET", "/v1/audit", "/v1/audit?q=kind%3Adecision&limit=5", NULL, "aldo", 200, 200, 0, 0,
		NULL, NULL },
	{ "GET", "/v1/audit/count", "/v1/audit/count?q=kind%3Adecision", NULL, "aldo", 200, 200, 0,
		0, NULL, NULL },
	{ "GET", "/v1/audit/facets", "/v1/audit/facets?field=action", NULL, "aldo", 200, 200, 0, 0,
		NULL, NULL },
	{ "GET", "/v1/audit/facets", "/v1/audit/facets?field=trace", NULL, "aldo", 400, 400, 0, 0,
		NULL, NULL },
	{ "GET", "/v1/audit/histogram", "/v1/audit/histogram?from=2h&step=15m", NULL, "aldo", 200,
		200, 0, 0, NULL, NULL },
	{ "GET", "/v1/audit/export", "/v1/audit/export?format=csv", NULL, "aldo", 200, 200, 0, 0,
		NULL, NULL },
	{ "GET", "/v1/audit/since", "/v1/audit/since?from=0", NULL, "aldo", 200, 200, 0, 0, NULL,
		NULL },
	{ "GET", "/v1/audit/follow", "/v1/audit/follow?q=%28", NULL, "aldo", 400, 400, 0, 0, NULL,
		NULL },
	{ "GET", "/v1/audit/follow", "/v1/audit/follow?after=0&for=1", NULL, "aldo", 200, 200, 0, 0,
		NULL, NULL },
	{ "GET", "/v1/audit/count", "/v1/audit/count?q=kind%3Adecision", NULL, "aldo", 200, 200, 0,
		0, NULL, NULL },
	{ "GET", "/v1/audit/facets", "/v1/audit/facets?field=kind", NULL, "aldo", 200, 200, 0, 0,
		NULL, NULL },
	{ "GET", "/v1/audit/facets", "/v1/audit/facets", NULL, "aldo", 400, 400, 0, 0, NULL, NULL },
	{ "GET", "/v1/audit/histogram", "/v1/audit/histogram?step=1h", NULL, "aldo", 200, 200, 0, 0,
		NULL, NULL },
	{ "GET", "/v1/audit/export", "/v1/audit/export?format=jsonl&limit=2", NULL, "aldo", 200,
		200, 0, 0, NULL, NULL },
	{ "GET", "/v1/audit/since", "/v1/audit/since?from=0&limit=2", NULL, "aldo", 200, 200, 0, 0,
		NULL, NULL },
	{ "GET", "/v1/audit/follow", "/v1/audit/follow?for=1", NULL, "aldo", 200, 200, 0, 0, NULL,
		NULL },
	{ "GET", "/v1/audit/{id}", "/v1/audit/$event", NULL, "aldo", 200, 404, 0, 0, NULL, NULL },
	{ "GET", "/v1/audit/{id}", "/v1/audit/999999", NULL, "aldo", 404, 404, 0, 0, NULL, NULL },
	{ "POST", "/v1/searches", "/v1/searches",
		"{\"name\":\"nightly\",\"query\":\"outcome:deny since:1d\",\"note\":\"look\"}",
		"aldo", 200, 403, 0, 0, NULL, NULL },
	{ "POST", "/v1/searches", "/v1/searches", "{\"name\":\"x\",\"query\":\"sytem:y\"}", "aldo",
		400, 400, 0, 0, NULL, NULL },
	{ "POST", "/v1/searches", "/v1/searches", "{\"name\":\"X!\",\"query\":\"a\"}", "aldo", 400,
		403, 0, 0, NULL, NULL },
	{ "GET", "/v1/searches", "/v1/searches", NULL, "aldo", 200, 403, 0, 0, NULL, NULL },
	{ "DELETE", "/v1/searches/{name}", "/v1/searches/nightly", NULL, "aldo", 200, 403, 0, 0,
		NULL, NULL },
	{ "DELETE", "/v1/searches/{name}", "/v1/searches/nightly", NULL, "aldo", 404, 403, 0, 0,
		NULL, NULL },
	{ "GET", "/v1/audit/{id}/incident", "/v1/audit/$event/incident", NULL, "aldo", 200, 404, 0,
		0, NULL, NULL },
	{ "GET", "/v1/audit/{id}/proof", "/v1/audit/$event/proof", NULL, "aldo", 200, 404, 0, 0,
		NULL, NULL },
	{ "GET", "/v1/audit/{id}/explain", "/v1/audit/$event/explain", NULL, "aldo", 200, 404, 0, 0,
		NULL, NULL },
	{ "GET", "/v1/log/retention", "/v1/log/retention", NULL, "aldo", 200, 403, 0, 0, NULL,
		NULL },
	{ "GET", "/log/checkpoint", "/log/checkpoint", NULL, "aldo", 200, 0, 0, 0, NULL, NULL },
	{ "GET", "/log/rotations", "/log/rotations", NULL, "aldo", 404, 0, 0, 0, NULL, NULL },
	{ "GET", "/log/tile/{path*}", "/log/tile/0/000.p/1", NULL, "aldo", 200, 0, 0, 0, NULL,
		NULL },
	{ "GET", "/log/tile/entries/{path*}", "/log/tile/entries/000.p/1", NULL, "aldo", 200, 403,
		0, 0, NULL, NULL },
	{ "GET", "/metrics", "/metrics", NULL, "aldo", 200, 0, 0, 0, NULL, NULL },
	{ "GET", "/v1/report/board", "/v1/report/board?since=7d", NULL, "aldo", 200, 403, 0, 0,
		NULL, NULL },
	{ "GET", "/v1/report/board", "/v1/report/board?since=soon", NULL, "aldo", 400, 400, 0, 0,
		NULL, NULL },
	{ "GET", "/v1/log/checkpoint", "/v1/log/checkpoint", NULL, "aldo", 200, 0, 0, 0, NULL,
		NULL },
	{ "GET", "/v1/log/consistency", "/v1/log/consistency?old=1&new=2", NULL, "aldo", 200, 0, 0,
		0, NULL, NULL },
	{ "GET", "/v1/log/retention", "/v1/log/retention", NULL, "aldo", 200, 403, 0, 0, NULL,
		NULL },
	{ "GET", "/log/checkpoint", "/log/checkpoint", NULL, "aldo", 200, 200, 0, 0, NULL, NULL },
	{ "GET", "/log/rotations", "/log/rotations", NULL, "aldo", 404, 404, 0, 0, NULL, NULL },
	{ "GET", "/log/tile/{path*}", "/log/tile/0/000.p/1", NULL, "aldo", 200, 200, 0, 0, NULL,
		NULL },
	{ "GET", "/log/tile/{path*}", "/log/tile/0/000.p/0", NULL, "aldo", 404, 404, 0, 0, NULL,
		NULL },
	{ "GET", "/log/tile/{path*}", "/log/tile/7/000", NULL, "aldo", 404, 404, 0, 0, NULL, NULL },
	{ "GET", "/log/tile/entries/{path*}", "/log/tile/entries/000.p/1", NULL, "aldo", 200, 403,
		0, 0, NULL, NULL },
	{ "GET", "/metrics", "/metrics", NULL, "aldo", 200, 200, 0, 0, NULL, NULL },
	/* last: it ends what others need */
	{ "DELETE", "/v1/policies/{name}", "/v1/policies/case", NULL, "gus", 200, 403, 0, 0, NULL,
		NULL },
	{ "POST", "/v1/logout", "/v1/logout", NULL, "rob", 200, 0, 0, 0, NULL, NULL },
};

/* ---- names ---- */

static struct {
	char name[16], value[96];
} kept[32];
static size_t n_kept;

static void keep(const char *name, const char *value)
{
	rv_assert(n_kept < RV_COUNT(kept));
	snprintf(kept[n_kept].name, sizeof kept[0].name, "$%s", name);
	snprintf(kept[n_kept++].value, sizeof kept[0].value, "%s", value);
}

static const char *fill(const char *text, char *out, size_t out_n)
{
	size_t n = 0;
	if (!text)
		return NULL;
	while (*text && n + 1 < out_n) {
		const char *value = NULL;
		size_t len = 0;
		for (size_t i = 0; i < n_kept; i++) {
			size_t k = strlen(kept[i].name);
			if (k > len && strncmp(text, kept[i].name, k) == 0) {
				value = kept[i].value;
				len = k;
			}
		}
		if (!value) {
			out[n++] = *text++;
			continue;
		}
		n += (size_t)snprintf(out + n, out_n - n, "%s", value);
		text += len;
	}
	out[n] = '\0';
	return out;
}

/* ---- what the rows need ---- */

static void hold(struct site *s, const char *asker, const char *name, const char *digest, int v)
{
	char context[80];
	struct lab_answer a;
	snprintf(context, sizeof context, "{\"arguments\":{\"v\":%d}}", v);
	const struct lab_question q = { .asker = asker,
		.system = "deploy-bot",
		.action = "release",
		.type = "Service",
		.id = "shop",
		.context = context };
	lab_ask(&s->lab, &q, &a);
	CHECKF(a.outcome == RV_HOLD, "%s %s", a.text, a.msg);
	keep(name, a.approval);
	keep(digest, a.digest);
}

static void propose(struct site *s, const char *name, const char *person)
{
	char yaml[120];
	snprintf(yaml, sizeof yaml, "kind: Person\nname: %s\nspec: {rights: [auditor]}\n", person);
	CHECK_OK(&s->lab.f, apply_text(&s->lab.f, "gus", yaml, NULL, NULL));
	keep(name, s->lab.f.id);
}

static void act(struct site *s, const char *name, const char *amount)
{
	char context[100];
	struct lab_answer a;
	snprintf(context, sizeof context, "{\"reeve\":{\"act\":true},\"amount\":\"%s\"}", amount);
	const struct lab_question q = { .asker = "gw",
		.system = "ads-bot",
		.action = "spend",
		.type = "Account",
		.id = "ads",
		.context = context };
	lab_ask(&s->lab, &q, &a);
	CHECKF(a.outcome == RV_ALLOW, "%s %s", a.text, a.msg);
	keep(name, a.intent);
	if (strcmp(name, "done") == 0)
		keep("event", a.id);
}

static void prepare(struct site *s)
{
	n_kept = 0;
	CHECK_OK(&s->lab.f,
		lab_publish(&s->lab,
			"@approval(\"release-managers\") forbid (principal, action == "
			"Reeve::Action::\"release\", resource); permit (principal, "
			"action, resource);"));
	CHECK_OK(&s->lab.f, lab_apply(&s->lab, "kind: Person\nname: extra\nspec: {}\n"));
	/* The point asked for the first; the system for itself, which its points do not see. */
	hold(s, "gw", "a1", "d1", 1);
	hold(s, "gw", "a2", "d2", 2);
	hold(s, "self", "a3", "d3", 3);
	hold(s, "gw", "a4", "d4", 4);
	act(s, "spent", "1");
	act(s, "done", "2");
	propose(s, "c1", "one");
	propose(s, "c2", "two");
	propose(s, "c3", "three");
}

/* ---- asking ---- */

static const struct rv_json *doc;

static enum auth auth_of(const struct row *r)
{
	for (size_t i = 0; i < RV_COUNT(routes); i++)
		if (strcmp(routes[i].method, r->method) == 0 &&
			strcmp(routes[i].pattern, r->pattern) == 0)
			return routes[i].auth;
	test_fail(__FILE__, __LINE__, "%s %s is no route", r->method, r->pattern);
	return OPEN;
}

/* The answer is of the form that docs/openapi.yaml gives it. */
static void check_form(const struct row *r, const char *who, const struct site_answer *a)
{
	const struct rv_json *op = openapi_operation(doc, r->method, r->pattern), *v;
	const struct rv_json *schema = op ? openapi_schema(doc, op, a->status) : NULL;
	char msg[600];
	RV_AUTO_ARENA arena;
	rv_arena_init(&arena, 1 << 24);
	const struct rv_json *answer =
		rv_json_get(rv_json_get(rv_json_get(op, "responses"), "200"), "content");
	if (a->status == 200 && answer && !rv_json_get(answer, "application/json"))
		return; /* lines, or a stream */
	CHECKF(schema, "%s %s by %s: %d is not described", r->method, r->pattern, who, a->status);
	if (schema && rv_json_parse(&arena, rv_str_of(a->body), NULL, &v, NULL) == RV_OK &&
		!openapi_fits(doc, schema, v, "answer", msg, sizeof msg))
		test_fail(__FILE__, __LINE__, "%s %s by %s, %d: %s", r->method, r->pattern, who,
			a->status, msg);
}

static void expect(struct site *s, const struct row *r, const char *who, const char *token,
	int want, struct site_answer *ret)
{
	char path[300], body[2000];
	site_ask(s, r->method, fill(r->path, path, sizeof path), token,
		fill(r->body, body, sizeof body), ret);
	CHECKF(ret->status == want, "%s %s by %s: want %d, got %d %.300s", r->method, path, who,
		want, ret->status, ret->body);
	check_form(r, who, ret);
	if (want < 400)
		return;
	/* Every refusal says what is wrong in one form. */
	char message[300];
	site_get(ret, "error.message", message, sizeof message);
	CHECKF(message[0], "%s %s by %s: %.300s", r->method, path, who, ret->body);
}

struct strangers {
	const char *token;
	const char *who;
};

static void run_row(
	struct site *s, const struct row *r, const struct strangers *none, size_t n_none)
{
	static struct site_answer a;
	enum auth auth = auth_of(r);
	bool is_open = auth == OPEN;
	for (size_t i = 0; i < n_none && !is_open; i++)
		expect(s, r, none[i].who, none[i].token, 401, &a);
	if (auth == PERSON) {
		expect(s, r, "a worker", s->worker, 403, &a);
		expect(s, r, "a point", s->enforcer, 403, &a);
	}
	if (auth == ANYONE && r->worker)
		expect(s, r, "a worker", s->worker, r->worker, &a);
	if (auth == ANYONE && r->point)
		expect(s, r, "a point", s->enforcer, r->point, &a);
	if (r->newt)
		expect(s, r, "newt", site_token(s, "newt"), r->newt, &a);
	const char *token = strcmp(r->who, "worker") == 0 ? s->worker
		: strcmp(r->who, "point") == 0		  ? s->enforcer
							  : site_token(s, r->who);
	expect(s, r, r->who, is_open ? NULL : token, r->want, &a);
	if (r->keep) {
		char value[96];
		site_get(&a, r->from, value, sizeof value);
		CHECKF(value[0], "%s %s: no %s in %.300s", r->method, r->path, r->from, a.body);
		keep(r->keep, value);
	}
}

TEST(every_route_by_every_caller)
{
	static struct site s;
	char wrong_kind[SITE_TOKEN_SIZE];
	static struct site_answer a;
	site_open(&s);
	/* Sessions that were good: one revoked, one of somebody disabled, one run out. */
	CHECK_OK(&s.lab.f,
		lab_apply(&s.lab, "kind: Person\nname: gone\nspec: {rights: [governor]}\n"));
	struct rv_str token, who;
	char hash[128];
	CHECK_OK(&s.lab.f, AS(&s.lab.f, "ada", rv_person_invite, RV_STR("gone"), &token));
	REQUIRE_OK(rv_password_hash(s.lab.f.gov, RV_STR("correct horse"), hash, NULL), NULL);
	CHECK_OK(&s.lab.f, AS(&s.lab.f, NULL, rv_invite_use, token, hash, &who));
	const char *disabled = site_login(&s, "gone");
	const char *revoked = site_login(&s, "gus");
	const char *expired = site_login(&s, "gus");
	CHECK_OK(&s.lab.f, AS(&s.lab.f, "ada", rv_person_disable, RV_STR("gone"), RV_STR("left")));
	site_ask(&s, "POST", "/v1/logout", revoked, NULL, &a);
	CHECK(a.status == 200);
	rv_clock_advance(&s.lab.f.clock, 12 * 3600 * RV_NS_PER_S);
	for (size_t i = 0; i < s.n_people; i++)
		snprintf(s.people[i].token, sizeof s.people[i].token, "%s",
			site_login(&s, s.people[i].name));
	snprintf(wrong_kind, sizeof wrong_kind, "rvh_%.50s", s.worker + 4);
	const struct strangers none[] = {
		{ NULL, "nobody" },
		{ "", "an empty token" },
		{ "rvh_0123456789012345678901234567890123456789012", "a made-up token" },
		{ wrong_kind, "a worker's token under another name" },
		{ revoked, "a session that was closed" },
		{ disabled, "somebody who was disabled" },
		{ expired, "a session that has run out" },
	};
	RV_AUTO_ARENA arena;
	rv_arena_init(&arena, 1 << 26);
	doc = openapi_load(&arena);
	REQUIRE(doc);
	prepare(&s);
	for (size_t i = 0; i < RV_COUNT(rows); i++)
		run_row(&s, &rows[i], none, RV_COUNT(none));
	site_done(&s);
}

TEST(every_route_has_a_row)
{
	for (size_t i = 0; i < RV_COUNT(routes); i++) {
		bool found = false;
		for (size_t k = 0; k < RV_COUNT(rows) && !found; k++)
			found = strcmp(routes[i].method, rows[k].method) == 0 &&
				strcmp(routes[i].pattern, rows[k].pattern) == 0 &&
				rows[k].want < 400;
		/* The first admin's link can be used once, by make_admin; and the log's key was
		 * never changed. */
		CHECKF(found || strcmp(routes[i].pattern, "/v1/setup") == 0 ||
				strcmp(routes[i].pattern, "/log/rotations") == 0,
			"%s %s has no row that succeeds", routes[i].method, routes[i].pattern);
	}
}

/* Entries are events: without a credential there are none. Hashes and counts are for everybody
 * here. */
TEST(entries_are_for_those_who_read_the_log)
{
	static struct site_answer a;
	struct site s;
	site_open(&s);
	site_ask(&s, "GET", "/v1/log/checkpoint", NULL, NULL, &a);
	CHECK(a.status == 200);
	site_ask(&s, "GET", "/log/tile/0/000.p/1", NULL, NULL, &a);
	CHECKF(a.status == 200, "%d", a.status);
	site_ask(&s, "GET", "/log/tile/entries/000.p/1", NULL, NULL, &a);
	CHECKF(a.status == 401, "%d", a.status);
	site_ask(&s, "GET", "/log/tile/entries/000.p/1", "rv_nonsense", NULL, &a);
	CHECKF(a.status == 401, "%d", a.status);
	site_ask(&s, "GET", "/metrics", NULL, NULL, &a);
	CHECKF(a.status == 200 && strstr(a.body, "reeve_ledger_up 1\n") &&
			strstr(a.body, "# TYPE reeve_ledger_records_total counter"),
		"%d %.200s", a.status, a.body);
	site_done(&s);
}

int main(int argc, char **argv)
{
	int status = test_main(argc, argv);
	lab_end();
	return status;
}
