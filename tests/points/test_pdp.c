/* The stand-alone decision point over small policies of our own. */
#include <stdio.h>

#include "points/authzen/pdp.h"
#include "tests/points/point.h"

static const char policies[] =
	"@id(\"read\") permit(principal is User, action == Action::\"read\", resource is Doc);\n"
	"@id(\"clerk\") permit(principal in Group::\"clerks\", action == Action::\"write\", "
	"resource is Doc)\n"
	"  unless { resource has locked && resource.locked };\n"
	"@id(\"role\") permit(principal, action == Action::\"admin\", resource) when { principal "
	"has role && principal.role == \"boss\" };\n"
	"@id(\"soft\") permit(principal, action == Action::\"delete\", resource) when { context "
	"has action.soft && context.action.soft };\n"
	"@id(\"price\") permit(principal, action == Action::\"buy\", resource) when { "
	"context.price.lessThan(decimal(\"10.5\")) };\n"
	"@id(\"tags\") permit(principal, action == Action::\"tag\", resource) when { "
	"context.tags.containsAll([\"a\", 1]) && !(context has gone) };\n"
	"@id(\"owner\") permit(principal, action == Action::\"own\", resource) when { "
	"resource.owner == principal };\n"
	"@id(\"never\") forbid(principal == User::\"eve\", action, resource);\n";
static const char entities[] =
	"[{\"uid\":{\"type\":\"User\",\"id\":\"ann\"},\"attrs\":{\"role\":\"clerk\",\"level\":3},"
	"\"parents\":[{\"type\":\"Group\",\"id\":\"clerks\"}]},"
	"{\"uid\":{\"type\":\"User\",\"id\":\"bob\"},\"attrs\":{\"role\":\"boss\"},\"parents\":[]},"
	"{\"uid\":{\"type\":\"User\",\"id\":\"eve\"},\"attrs\":{\"role\":\"boss\"},\"parents\":[]},"
	"{\"uid\":{\"type\":\"Group\",\"id\":\"clerks\"},\"attrs\":{},\"parents\":[]},"
	"{\"uid\":{\"type\":\"Doc\",\"id\":\"open\"},\"attrs\":{\"locked\":false},\"parents\":[]},"
	"{\"uid\":{\"type\":\"Doc\",\"id\":\"shut\"},\"attrs\":{\"locked\":true},\"parents\":[]},"
	"{\"uid\":{\"type\":\"Action\",\"id\":\"read\"},\"attrs\":{},\"parents\":[]},"
	"{\"uid\":{\"type\":\"Action\",\"id\":\"write\"},\"attrs\":{},\"parents\":[]},"
	"{\"uid\":{\"type\":\"Action\",\"id\":\"admin\"},\"attrs\":{},\"parents\":[]}]";

struct files {
	char policies[128], entities[128];
};
static bool files_make(struct files *f)
{
	return write_temp("p.cedar", policies, f->policies) &&
		write_temp("e.json", entities, f->entities);
}
static void files_remove(struct files *f)
{
	(void)unlink(f->policies);
	(void)unlink(f->entities);
}

static struct rv_pdp *pdp_of(const struct files *f, struct rv_pdp_opts o)
{
	const char *list[] = { f->policies };
	struct rv_pdp *p = NULL;
	struct rv_err err = { 0 };
	o.policy_files = list;
	o.n_policy_files = 1;
	o.entity_file = f->entities;
	enum rv_code code = rv_pdp_new(&o, &p, &err);
	CHECKF(code == RV_OK, "%s", err.msg);
	return p;
}

#define ENTITY(type, id, more) "{\"type\":\"" type "\",\"id\":\"" id "\"" more "}"
#define PROPS(p) ",\"properties\":{" p "}"
#define ASK(subject, action, resource, more) \
	"{\"subject\":" subject ",\"action\":" action ",\"resource\":" resource more "}"
#define ACT(name) "{\"name\":\"" name "\"}"
#define ANN ENTITY("User", "ann", "")
#define OPEN ENTITY("Doc", "open", "")
#define YES "200 {\"decision\":true}"
#define NO "200 {\"decision\":false}"
#define SAYS "200 {\"decision\":false,\"context\":{\"error\":{\"status\":400,\"message\":\""

struct row {
	const char *body, *want; /* want: the beginning of the answer */
};

static const struct row rows[] = {
	{ ASK(ANN, ACT("read"), OPEN, ""), YES },
	{ ASK(ENTITY("User", "stranger", ""), ACT("read"), ENTITY("Doc", "none", ""), ""), YES },
	{ ASK(ENTITY("Bot", "ann", ""), ACT("read"), OPEN, ""), NO },
	{ ASK(ENTITY("User", "eve", ""), ACT("read"), OPEN, ""), NO },
	{ ASK(ANN, ACT("nothing"), OPEN, ""), NO },
	{ ASK(ANN, ACT("write"), OPEN, ""), YES },
	{ ASK(ANN, ACT("write"), ENTITY("Doc", "shut", ""), ""), NO },
	{ ASK(ENTITY("User", "bob", ""), ACT("write"), OPEN, ""), NO },
	/* properties over stored attributes; what is not asserted stays, parents too */
	{ ASK(ANN, ACT("write"), ENTITY("Doc", "open", PROPS("\"locked\":true")), ""), NO },
	{ ASK(ANN, ACT("write"), ENTITY("Doc", "shut", PROPS("\"locked\":false")), ""), YES },
	{ ASK(ENTITY("User", "ann", PROPS("\"x\":1")), ACT("write"), OPEN, ""), YES },
	{ ASK(ANN, ACT("admin"), OPEN, ""), NO },
	{ ASK(ENTITY("User", "ann", PROPS("\"role\":\"boss\"")), ACT("admin"), OPEN, ""), YES },
	{ ASK(ENTITY("User", "bob", PROPS("\"role\":null")), ACT("admin"), OPEN, ""),
		YES }, /* null asserts nothing */
	{ ASK(ENTITY("User", "bob", PROPS("\"role\":7")), ACT("admin"), OPEN, ""), NO },
	{ ASK(ENTITY("User", "eve", PROPS("\"role\":\"boss\"")), ACT("admin"), OPEN, ""), NO },
	{ ASK(ENTITY("User", "ann", ""), ACT("admin"),
		  ENTITY("User", "ann", PROPS("\"role\":\"boss\"")), ""),
		YES }, /* one entity */
	/* action properties and context */
	{ ASK(ANN, "{\"name\":\"delete\",\"properties\":{\"soft\":true}}", OPEN, ""), YES },
	{ ASK(ANN, "{\"name\":\"delete\",\"properties\":{\"soft\":false}}", OPEN,
		  ",\"context\":{\"action\":{\"soft\":true}}"),
		NO },
	{ ASK(ANN, ACT("delete"), OPEN, ",\"context\":{\"action\":{\"soft\":true}}"), YES },
	{ ASK(ANN, ACT("delete"), OPEN, ""), NO },
	{ ASK(ANN, ACT("buy"), OPEN, ",\"context\":{\"price\":10.4999}"), YES },
	{ ASK(ANN, ACT("buy"), OPEN, ",\"context\":{\"price\":10.5}"), NO },
	{ ASK(ANN, ACT("buy"), OPEN, ",\"context\":{\"price\":10}"),
		NO }, /* a Long has no lessThan: the policy fails */
	{ ASK(ANN, ACT("buy"), OPEN,
		  ",\"context\":{\"price\":{\"__extn\":{\"fn\":\"decimal\",\"arg\":\"1.0\"}}}"),
		YES },
	{ ASK(ANN, ACT("tag"), OPEN, ",\"context\":{\"tags\":[\"a\",null,1,1],\"gone\":null}"),
		YES },
	{ ASK(ANN, ACT("tag"), OPEN, ",\"context\":{\"tags\":[\"a\"]}"), NO },
	{ ASK(ANN, ACT("own"),
		  ENTITY("Doc", "open",
			  PROPS("\"owner\":{\"__entity\":{\"type\":\"User\",\"id\":\"ann\"}}")),
		  ""),
		YES },
	{ ASK(ANN, ACT("own"),
		  ENTITY("Doc", "open", PROPS("\"owner\":{\"type\":\"User\",\"id\":\"ann\"}")), ""),
		NO },
	/* what has no place in Cedar */
	{ ASK(ENTITY("a user", "ann", ""), ACT("read"), OPEN, ""),
		SAYS "subject.type: 'a user' is no Cedar type" },
	{ ASK(ENTITY("", "ann", ""), ACT("read"), OPEN, ""), SAYS "subject.type" },
	{ ASK(ENTITY("1User", "ann", ""), ACT("read"), OPEN, ""), SAYS "subject.type" },
	{ ASK(ENTITY("User::", "ann", ""), ACT("read"), OPEN, ""), SAYS "subject.type" },
	{ ASK(ENTITY("User:x", "ann", ""), ACT("read"), OPEN, ""), SAYS "subject.type" },
	{ ASK(ENTITY("Us\\u0000er", "ann", ""), ACT("read"), OPEN, ""), SAYS "subject.type" },
	{ ASK(ANN, ACT("read"), ENTITY("https://d", "1", ""), ""), SAYS "resource.type" },
	{ ASK(ANN, ACT("read"), OPEN, ",\"context\":{\"n\":1.23456}"),
		SAYS "context: number '1.23456' has no exact place" },
	{ ASK(ANN, ACT("read"), OPEN, ",\"context\":{\"n\":1e3}"), SAYS "context: number '1e3'" },
	{ ASK(ANN, ACT("read"), OPEN, ",\"context\":{\"n\":1.5e3}"),
		SAYS "context: number '1.5e3'" },
	{ ASK(ANN, ACT("read"), OPEN, ",\"context\":{\"n\":9223372036854775808}"),
		SAYS "context: number" },
	{ ASK(ANN, ACT("read"), OPEN, ",\"context\":{\"n\":9223372036854775807}"), YES },
	{ ASK(ANN, ACT("read"), OPEN, ",\"context\":{\"n\":922337203685477.5808}"),
		SAYS "context" },
	{ ASK(ANN, "{\"name\":\"read\",\"properties\":{\"n\":[[0.12345]]}}", OPEN, ""),
		SAYS "action.properties: number" },
	{ ASK(ENTITY("User", "ann", PROPS("\"n\":{\"__extn\":{\"fn\":\"ip\",\"arg\":\"x\"}}")),
		  ACT("read"), OPEN, ""),
		SAYS "subject.properties" },
	{ ASK(ENTITY("User", "ann", PROPS("\"n\":{\"__extn\":{\"fn\":\"system\",\"arg\":\"x\"}}")),
		  ACT("read"), OPEN, ""),
		SAYS "subject.properties" },
	{ ASK(ANN, ACT("read"),
		  ENTITY("Doc", "1", PROPS("\"n\":{\"__entity\":{\"type\":\"a b\",\"id\":\"\"}}")),
		  ""),
		SAYS "resource.properties: __entity" },
	{ ASK(ANN, ACT("read"), ENTITY("Doc", "1", PROPS("\"n\":{\"__entity\":7}")), ""),
		SAYS "resource.properties: __entity" },
	/* ids and names are any strings */
	{ ASK(ENTITY("User", "\\u0000\\\"\\n\\u00e4", ""), ACT("read"), ENTITY("Doc", "", ""), ""),
		YES },
	{ ASK(ENTITY("User", "", ""), ACT(""), ENTITY("Doc", "", ""), ""), NO },
	{ ASK(ENTITY("User", "", ""), "{}", ENTITY("Doc", "", ""), ""), "400 " },
};

TEST(decisions)
{
	struct files f;
	struct point p;
	char got[4096];
	REQUIRE(files_make(&f));
	struct rv_pdp *pdp = pdp_of(&f, (struct rv_pdp_opts){ .n_threads = 2 });
	REQUIRE(pdp && point_start(&p, &rv_pdp_ops, pdp, 2));
	CHECK(rv_pdp_policy_count(pdp) == 8 && rv_pdp_entity_count(pdp) == 9);
	for (size_t i = 0; i < RV_COUNT(rows); i++) {
		(void)point_post(&p, "/access/v1/evaluation", rv_str_of(rows[i].body), NULL, got,
			sizeof got);
		CHECKF(strncmp(got, rows[i].want, strlen(rows[i].want)) == 0,
			"%s\ngot  %s\nwant %s", rows[i].body, got, rows[i].want);
	}
	point_stop(&p);
	rv_pdp_free(pdp);
	files_remove(&f);
}

TEST(nothing_asserted_counts_without_overlay)
{
	struct files f;
	struct point p;
	char got[4096];
	REQUIRE(files_make(&f));
	struct rv_pdp *pdp = pdp_of(&f, (struct rv_pdp_opts){ .no_overlay = true });
	REQUIRE(pdp && point_start(&p, &rv_pdp_ops, pdp, 1));
	(void)point_post(&p, "/access/v1/evaluation",
		RV_STR(ASK(
			ENTITY("User", "ann", PROPS("\"role\":\"boss\"")), ACT("admin"), OPEN, "")),
		NULL, got, sizeof got);
	CHECK_STR(rv_str_of(got), NO);
	(void)point_post(&p, "/access/v1/evaluation",
		RV_STR(ASK(
			ANN, ACT("write"), ENTITY("Doc", "shut", PROPS("\"locked\":false")), "")),
		NULL, got, sizeof got);
	CHECK_STR(rv_str_of(got), NO);
	(void)point_post(&p, "/access/v1/evaluation",
		RV_STR(ASK(ENTITY("User", "bob", ""), ACT("admin"), OPEN, "")), NULL, got,
		sizeof got);
	CHECK_STR(rv_str_of(got), YES);
	point_stop(&p);
	rv_pdp_free(pdp);
	files_remove(&f);
}

TEST(explanations)
{
	static const struct row explained[] = {
		{ ASK(ANN, ACT("read"), OPEN, ""),
			"200 {\"decision\":true,\"context\":{\"policies\":[\"read\"]}}" },
		{ ASK(ANN, ACT("none"), OPEN, ""),
			"200 {\"decision\":false,\"context\":{\"policies\":[]}}" },
		{ ASK(ENTITY("User", "eve", ""), ACT("read"), OPEN, ""),
			"200 {\"decision\":false,\"context\":{\"policies\":[\"never\"]}}" },
		{ ASK(ANN, ACT("buy"), OPEN, ""),
			"200 "
			"{\"decision\":false,\"context\":{\"policies\":[],\"errors\":[{\"policy\":"
			"\"price\",\"message\":\"" },
	};
	struct files f;
	struct point p;
	char got[4096];
	REQUIRE(files_make(&f));
	struct rv_pdp *pdp = pdp_of(&f, (struct rv_pdp_opts){ .explain = true });
	REQUIRE(pdp && point_start(&p, &rv_pdp_ops, pdp, 1));
	for (size_t i = 0; i < RV_COUNT(explained); i++) {
		(void)point_post(&p, "/access/v1/evaluation", rv_str_of(explained[i].body), NULL,
			got, sizeof got);
		CHECKF(strncmp(got, explained[i].want, strlen(explained[i].want)) == 0,
			"got  %s\nwant %s", got, explained[i].want);
	}
	point_stop(&p);
	rv_pdp_free(pdp);
	files_remove(&f);
}

#define END ",\"page\":{\"next_token\":\"\"}}"

TEST(searches)
{
	static const struct {
		const char *path, *body, *want;
	} searches[] = {
		{ "subject", ASK("{\"type\":\"User\"}", ACT("read"), OPEN, ""),
			"200 "
			"{\"results\":[{\"type\":\"User\",\"id\":\"ann\"},{\"type\":\"User\","
			"\"id\":\"bob\"}]" END },
		{ "subject", ASK(ENTITY("User", "ann", ""), ACT("admin"), OPEN, ""),
			"200 {\"results\":[{\"type\":\"User\",\"id\":\"bob\"}]" END },
		{ "subject", ASK("{\"type\":\"Ghost\"}", ACT("read"), OPEN, ""),
			"200 {\"results\":[]" END },
		{ "subject", ASK("{\"type\":\"a b\"}", ACT("read"), OPEN, ""),
			"200 {\"results\":[]" END },
		{ "resource", ASK(ANN, ACT("write"), "{\"type\":\"Doc\"}", ""),
			"200 {\"results\":[{\"type\":\"Doc\",\"id\":\"open\"}]" END },
		{ "resource", ASK(ENTITY("User", "eve", ""), ACT("read"), "{\"type\":\"Doc\"}", ""),
			"200 {\"results\":[]" END },
		{ "action", "{\"subject\":" ANN ",\"resource\":" OPEN "}",
			"200 {\"results\":[{\"name\":\"read\"},{\"name\":\"write\"}]" END },
		{ "action",
			"{\"subject\":" ENTITY("User", "ann",
				PROPS("\"role\":\"boss\"")) ",\"resource\":" OPEN "}",
			"200 "
			"{\"results\":[{\"name\":\"read\"},{\"name\":\"write\"},{\"name\":"
			"\"admin\"}]" END },
		{ "action", "{\"subject\":{\"type\":\"User\"},\"resource\":" OPEN "}", "400 " },
		{ "subject",
			ASK("{\"type\":\"User\"}", ACT("read"), OPEN,
				",\"page\":{\"token\":\"0.1\"}"),
			"400 " },
		{ "subject",
			ASK("{\"type\":\"User\"}", ACT("read"), OPEN,
				",\"page\":{\"token\":\"0123456789abcdef.1\"}"),
			"400 " },
	};
	struct files f;
	struct point p;
	char got[4096], path[64];
	REQUIRE(files_make(&f));
	struct rv_pdp *pdp = pdp_of(&f, (struct rv_pdp_opts){ 0 });
	REQUIRE(pdp && point_start(&p, &rv_pdp_ops, pdp, 1));
	for (size_t i = 0; i < RV_COUNT(searches); i++) {
		snprintf(path, sizeof path, "/access/v1/search/%s", searches[i].path);
		(void)point_post(&p, path, rv_str_of(searches[i].body), NULL, got, sizeof got);
		CHECKF(strncmp(got, searches[i].want, strlen(searches[i].want)) == 0,
			"row %zu\ngot  %s\nwant %s", i, got, searches[i].want);
	}
	/* page by page */
	char body[512], seen[256] = "", token[64] = "";
	int pages = 0;
	do {
		snprintf(body, sizeof body,
			ASK("{\"type\":\"User\"}", ACT("read"), OPEN,
				",\"page\":{\"limit\":1,\"token\":\"%s\"}"),
			token);
		(void)point_post(
			&p, "/access/v1/search/subject", rv_str_of(body), NULL, got, sizeof got);
		const char *id = strstr(got, "\"id\":\""), *next = strstr(got, "\"next_token\":\"");
		REQUIRE(next && strncmp(got, "200 ", 4) == 0);
		if (id)
			snprintf(seen + strlen(seen), sizeof seen - strlen(seen), "%.3s ", id + 6);
		snprintf(token, sizeof token, "%.*s", (int)strcspn(next + 14, "\""), next + 14);
	} while (token[0] && ++pages < 10);
	CHECK_STR(rv_str_of(seen), "ann bob ");
	/* another question's token */
	snprintf(body, sizeof body,
		ASK("{\"type\":\"User\"}", ACT("read"), OPEN, ",\"page\":{\"limit\":1}"));
	(void)point_post(&p, "/access/v1/search/subject", rv_str_of(body), NULL, got, sizeof got);
	const char *next = strstr(got, "\"next_token\":\"");
	REQUIRE(next);
	snprintf(token, sizeof token, "%.*s", (int)strcspn(next + 14, "\""), next + 14);
	snprintf(body, sizeof body,
		ASK("{\"type\":\"User\"}", ACT("write"), OPEN,
			",\"page\":{\"limit\":1,\"token\":\"%s\"}"),
		token);
	CHECK(point_post(&p, "/access/v1/search/subject", rv_str_of(body), NULL, got, sizeof got) ==
		400);
	point_stop(&p);
	rv_pdp_free(pdp);
	files_remove(&f);
}

TEST(files_refused)
{
	struct files f;
	char bad_policy[128], bad_entities[128];
	REQUIRE(files_make(&f) &&
		write_temp(
			"bad.cedar", "permit(principal, action, resource);\npermit(", bad_policy) &&
		write_temp("bad.json", "[{\"uid\":7}]", bad_entities));
	const struct {
		const char *policies, *entities, *action_type;
		enum rv_code want;
		const char *message;
	} bad[] = {
		{ "/nonexistent", f.entities, NULL, RV_ENOENT, "/nonexistent" },
		{ bad_policy, f.entities, NULL, RV_EINVAL, "bad.cedar:2:" },
		{ f.policies, bad_entities, NULL, RV_EINVAL, "bad.json" },
		{ f.policies, "/nonexistent", NULL, RV_ENOENT, "/nonexistent" },
		{ f.policies, f.entities, "an action", RV_EINVAL, "an action" },
	};
	for (size_t i = 0; i < RV_COUNT(bad); i++) {
		struct rv_pdp *p = NULL;
		struct rv_err err = { 0 };
		const struct rv_pdp_opts o = { .policy_files = &bad[i].policies,
			.n_policy_files = 1,
			.entity_file = bad[i].entities,
			.action_type = bad[i].action_type };
		CHECKF(rv_pdp_new(&o, &p, &err) == bad[i].want && strstr(err.msg, bad[i].message),
			"row %zu: %s %s", i, rv_code_name(err.code), err.msg);
	}
	/* several files, and policies in a namespace */
	char more[128];
	REQUIRE(write_temp(
		"more.cedar", "permit(principal, action == NS::Action::\"go\", resource);", more));
	const char *two[] = { f.policies, more };
	struct rv_pdp *p = NULL;
	struct rv_err err = { 0 };
	REQUIRE_OK(rv_pdp_new(&(struct rv_pdp_opts){ .policy_files = two,
				      .n_policy_files = 2,
				      .action_type = "NS::Action" },
			   &p, &err),
		&err);
	struct point point;
	char got[512];
	REQUIRE(point_start(&point, &rv_pdp_ops, p, 1));
	(void)point_post(&point, "/access/v1/evaluation", RV_STR(ASK(ANN, ACT("go"), OPEN, "")),
		NULL, got, sizeof got);
	CHECK_STR(rv_str_of(got), YES);
	(void)point_post(&point, "/access/v1/evaluation", RV_STR(ASK(ANN, ACT("read"), OPEN, "")),
		NULL, got, sizeof got);
	CHECK_STR(rv_str_of(got), NO);
	point_stop(&point);
	rv_pdp_free(p);
	(void)unlink(more);
	(void)unlink(bad_policy);
	(void)unlink(bad_entities);
	files_remove(&f);
}

MAIN()
