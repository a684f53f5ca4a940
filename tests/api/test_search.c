/* Questions to the log over HTTP: who finds what, in which form, and the page about an incident. */
#include <stdio.h>

#include "tests/api/site.h"

#define RELEASE "action == Reeve::Action::\"release\""

static void ask_gate(struct site *s, const char *id, struct lab_answer *a)
{
	const struct lab_question q = { .asker = "gw",
		.system = "deploy-bot",
		.action = "release",
		.type = "Service",
		.id = id };
	lab_ask(&s->lab, &q, a);
}

static void get(struct site *s, const char *path, const char *who, struct site_answer *a)
{
	site_ask(s, "GET", path, site_token(s, who), NULL, a);
}

static size_t times(const char *text, const char *what)
{
	size_t n = 0;
	for (const char *p = text; (p = strstr(p, what)); p += strlen(what))
		n++;
	return n;
}

TEST(who_finds_what)
{
	static struct site s;
	static struct site_answer a;
	struct lab_answer d;
	site_open(&s);
	CHECK(lab_publish(&s.lab, "permit (principal, action, resource);") == RV_OK);
	for (int i = 0; i < 7; i++)
		ask_gate(&s, "lab", &d);
	get(&s, "/v1/audit?q=kind%3Adecision%20action%3Arelease", "aldo", &a);
	CHECKF(a.status == 200 && strstr(a.body, "\"found\":7"), "%s", a.body);
	get(&s, "/v1/audit?q=kind%3Adecision&limit=3", "aldo", &a);
	CHECKF(strstr(a.body, "\"found\":3") && strstr(a.body, "\"next_before\":"), "%s", a.body);
	/* The owner finds what concerns her systems, a stranger nothing. */
	get(&s, "/v1/audit/count?q=kind%3Adecision", "olga", &a);
	CHECKF(strstr(a.body, "\"count\":7,\"exact\":true"), "%s", a.body);
	get(&s, "/v1/audit/count?q=kind%3Adecision%20OR%20kind%3Aregistry.*", "newt", &a);
	CHECKF(strstr(a.body, "\"count\":0,\"exact\":true"), "%s", a.body);
	get(&s, "/v1/audit/facets?field=system&q=kind%3Adecision", "newt", &a);
	CHECKF(strstr(a.body, "\"words\":[]"), "%s", a.body);
	get(&s, "/v1/audit/since?from=0&q=kind%3Adecision", "newt", &a);
	CHECKF(strstr(a.body, "\"events\":[]"), "%s", a.body);
	get(&s, "/v1/audit/export?format=jsonl&q=kind%3Adecision", "newt", &a);
	CHECKF(a.status == 200 && !a.body[0], "%s", a.body);
	get(&s, "/v1/audit/facets?field=action&q=kind%3Adecision", "aldo", &a);
	CHECKF(strstr(a.body, "{\"word\":\"release\",\"count\":7}"), "%s", a.body);
	get(&s, "/v1/audit/export?format=jsonl&q=kind%3Adecision", "aldo", &a);
	CHECKF(times(a.body, "\n") == 7 && times(a.body, "\"kind\":\"decision\"") == 7, "%s",
		a.body);
	get(&s, "/v1/audit/histogram?q=kind%3Adecision&from=90d&step=24h", "aldo", &a);
	CHECKF(strstr(a.body, "\"count\":7"), "%s", a.body);
	get(&s, "/v1/audit/follow?after=0&for=1&q=kind%3Adecision", "aldo", &a);
	CHECKF(a.status == 200 && times(a.body, "\ndata: {\"seq\":") == 7 &&
			times(a.body, "\nid: ") == 7,
		"%s", a.body);
	get(&s, "/v1/audit/follow?after=0&for=1&q=kind%3Adecision", "newt", &a);
	CHECKF(a.status == 200 && times(a.body, "data:") == 0, "%s", a.body);
	get(&s, "/v1/status", "aldo", &a);
	CHECKF(strstr(a.body, "\"search\":{\"indexed\":"), "%s", a.body);
	site_done(&s);
}

TEST(mistakes_are_pointed_at)
{
	static struct site s;
	static struct site_answer a;
	static const struct {
		const char *path, *says;
	} cases[] = {
		{ "/v1/audit?q=sytem%3Ax",
			"query:1:1: there is no key 'sytem'; did you mean 'system'?" },
		{ "/v1/audit/count?q=%28a", "query:1:1: this '(' is not closed" },
		{ "/v1/audit?limit=1001", "limit" },
		{ "/v1/audit?limit=0", "limit" },
		{ "/v1/audit/facets?field=id", "must be one of kind, system" },
		{ "/v1/audit/facets", "must be one of kind, system" },
		{ "/v1/audit/export?format=xml", "jsonl or csv" },
		{ "/v1/audit/histogram?step=0s", "span like" },
		{ "/v1/audit/histogram?from=30d&step=1m", "at most 1000" },
		{ "/v1/audit/histogram?from=1h&to=2h", "before 'to'" },
		{ "/v1/audit/histogram?from=soon", "must be a time" },
		{ "/v1/audit/follow?after=-1", "after" },
		{ "/v1/audit/follow?for=0", "for" },
	};
	site_open(&s);
	for (size_t i = 0; i < RV_COUNT(cases); i++) {
		get(&s, cases[i].path, "aldo", &a);
		CHECKF(a.status == 400 && strstr(a.body, cases[i].says), "%s: %d %s", cases[i].path,
			a.status, a.body);
	}
	site_ask(&s, "GET", "/v1/audit/follow", NULL, NULL, &a);
	CHECK(a.status == 401);
	site_done(&s);
}

/* What a worker names itself cannot become a formula in somebody's spreadsheet. */
TEST(csv_is_inert)
{
	static struct site s;
	static struct site_answer a;
	struct lab_answer d;
	site_open(&s);
	CHECK(lab_publish(&s.lab, "permit (principal, action, resource);") == RV_OK);
	const struct lab_question q = { .asker = "gw",
		.system = "deploy-bot",
		.action = "=HYPERLINK(\\\"x\\\")",
		.type = "Service",
		.id = "lab" };
	lab_ask(&s.lab, &q, &d);
	get(&s, "/v1/audit/export?format=csv&q=kind%3Adecision", "aldo", &a);
	CHECKF(a.status == 200 && strncmp(a.body, "seq,logged,id,kind,", 19) == 0, "%s", a.body);
	CHECKF(!strstr(a.body, ",\"=") && strstr(a.body, "\"'=HYPERLINK("), "%s", a.body);
	CHECK(times(a.body, "\r\n") == 2);
	site_done(&s);
}

/* ---- incidents ---- */

static void incident(struct site *s, const char *id, const char *who, struct site_answer *a)
{
	char path[200];
	snprintf(path, sizeof path, "/v1/audit/%s/incident", id);
	get(s, path, who, a);
}

TEST(the_rule_that_was_not_written)
{
	static struct site s;
	static struct site_answer a;
	struct lab_answer d;
	site_open(&s);
	CHECK(lab_publish(&s.lab, "permit (principal, action, resource);") == RV_OK);
	ask_gate(&s, "lab", &d);
	CHECK(d.outcome == RV_ALLOW);
	incident(&s, d.id, "aldo", &a);
	CHECKF(a.status == 200 && strstr(a.body, "\"rules\":[]"), "%s", a.body);
	CHECK(lab_publish(&s.lab,
		      "permit (principal, action, resource);\n@id(\"late\") forbid "
		      "(principal, " RELEASE ", resource);") == RV_OK);
	incident(&s, d.id, "aldo", &a);
	CHECKF(strstr(a.body, "\"rule\":\"late\",\"why\":\"not_written\""), "%s", a.body);
	/* The act is on its timeline, with what had been changed. */
	CHECK(strstr(a.body, "\"why\":\"this\"") &&
		strstr(a.body, "\"kind\":\"policy.published\""));
	CHECK(strstr(a.body, "\"chain\":{\"system\":\"deploy-bot\",\"owner\":\"olga\""));
	/* One that it does stop is said to have stopped it. */
	ask_gate(&s, "lab", &d);
	CHECK(d.outcome == RV_DENY);
	incident(&s, d.id, "aldo", &a);
	CHECKF(strstr(a.body, "\"rule\":\"late\",\"why\":\"stopped\""), "%s", a.body);
	incident(&s, d.id, "newt", &a);
	CHECK(a.status == 404);
	incident(&s, "none", "aldo", &a);
	CHECK(a.status == 404);
	site_done(&s);
}

TEST(the_rule_that_was_only_observed)
{
	static struct site s;
	static struct site_answer a;
	struct lab_answer d;
	site_open(&s);
	CHECK(lab_publish(&s.lab,
		      "permit (principal, action, resource);\n@id(\"shadow\") "
		      "@mode(\"observe\") forbid (principal, " RELEASE ", resource);") == RV_OK);
	ask_gate(&s, "lab", &d);
	CHECK(d.outcome == RV_ALLOW);
	incident(&s, d.id, "aldo", &a);
	CHECKF(strstr(a.body, "\"rule\":\"shadow\",\"why\":\"observed\""), "%s", a.body);
	site_done(&s);
}

TEST(the_rule_that_had_been_taken_out)
{
	static struct site s;
	static struct site_answer a;
	struct lab_answer d;
	site_open(&s);
	CHECK(lab_publish(&s.lab,
		      "permit (principal, action, resource);\n@id(\"gone\") forbid "
		      "(principal, " RELEASE ", resource);\n@id(\"narrowed\") forbid "
		      "(principal, " RELEASE ", resource);") == RV_OK);
	CHECK(lab_publish(&s.lab,
		      "permit (principal, action, resource);\n@id(\"narrowed\") forbid "
		      "(principal, " RELEASE ", resource == "
		      "Reeve::Resource::\"Service/shop\");") == RV_OK);
	ask_gate(&s, "lab", &d);
	CHECKF(d.outcome == RV_ALLOW, "%s", d.text);
	incident(&s, d.id, "aldo", &a);
	CHECKF(strstr(a.body, "\"rule\":\"gone\",\"why\":\"removed\""), "%s", a.body);
	CHECKF(strstr(a.body, "\"rule\":\"narrowed\",\"why\":\"other_version\""), "%s", a.body);
	site_done(&s);
	lab_end();
}

MAIN()
