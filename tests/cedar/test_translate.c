/* Schemas from one form into another: translate.txt, and the shared corpus with its oracles. */
#include <stdio.h>

#include "base/buf.h"
#include "base/json.h"
#include "tests/cedar/text.h"
#include "tests/harness.h"

static char *turn(struct rv_str text, bool is_json, cedar_schema_form to, cedar_error *e)
{
	char *out = NULL;
	*e = (cedar_error){ .code = CEDAR_OK };
	return cedar_schema_translate(cs(text), is_json, to, &out, NULL, e) == CEDAR_OK ? out
											: NULL;
}

static bool same_json(struct rv_arena *a, struct rv_str x, struct rv_str y)
{
	static const struct rv_json_limits limits = { .max_bytes = 1 << 26, .max_depth = 400 };
	const struct rv_json *v, *w;
	return rv_json_parse(a, x, &limits, &v, NULL) == RV_OK &&
		rv_json_parse(a, y, &limits, &w, NULL) == RV_OK && rv_json_eq(v, w);
}

static void check(
	struct rv_str head, const char *what, char *got, struct rv_str want, const cedar_error *e)
{
	CHECKF(got && rv_str_eq(rv_str_trim(rv_str_of(got)), want),
		"%.*s: %s: %s\n got  %s\n want %.*s", RV_FMT(head), what, e->message,
		got ? got : "(none)", RV_FMT(want));
	free(got);
}

/* text and json become each other; "again:" and "back:" say otherwise. */
static void run_case(struct rv_str head, struct rv_str body)
{
	struct rv_str text = text_section(body, "text"), json = text_section(body, "json"),
		      again = text_section(body, "again"), back = text_section(body, "back"),
		      resolved = text_section(body, "resolved");
	cedar_error e;
	if (text.p && json.p)
		check(head, "text to JSON", turn(text, false, CEDAR_SCHEMA_JSON, &e), json, &e);
	if (json.p) {
		check(head, "JSON to text", turn(json, true, CEDAR_SCHEMA_TEXT, &e),
			again.p ? again : text, &e);
		check(head, "JSON to JSON", turn(json, true, CEDAR_SCHEMA_JSON, &e), json, &e);
	}
	if (again.p)
		check(head, "text to text", turn(again, false, CEDAR_SCHEMA_TEXT, &e), again, &e);
	if (back.p)
		check(head, "and back", turn(again.p ? again : text, false, CEDAR_SCHEMA_JSON, &e),
			back, &e);
	if (resolved.p)
		check(head, "resolved",
			turn(text.p ? text : json, !text.p, CEDAR_SCHEMA_JSON_RESOLVED, &e),
			resolved, &e);
}

static void run_failure(struct rv_str head, struct rv_str body, struct rv_str want)
{
	static const struct {
		const char *from;
		bool is_json;
		cedar_schema_form to;
	} ways[] = { { "to-text", true, CEDAR_SCHEMA_TEXT },
		{ "to-json", false, CEDAR_SCHEMA_JSON },
		{ "to-resolved", false, CEDAR_SCHEMA_JSON_RESOLVED } };
	for (size_t i = 0; i < RV_COUNT(ways); i++) {
		struct rv_str from = text_section(body, ways[i].from);
		cedar_error e;
		if (!from.p)
			continue;
		char *out = turn(from, ways[i].is_json, ways[i].to, &e);
		CHECKF(!out, "%.*s: taken: %s", RV_FMT(head), out ? out : "");
		CHECKF(out || memmem(e.message, strlen(e.message), want.p, want.n),
			"%.*s: got '%s'", RV_FMT(head), e.message);
		free(out);
	}
}

TEST(each_case)
{
	RV_AUTO_ARENA a;
	struct rv_str rest, head, body;
	size_t n = 0;
	rv_arena_init(&a, 1 << 22);
	REQUIRE(text_read(&a, "translate.txt", &rest));
	for (; text_case(&rest, &head, &body); n++) {
		struct rv_str want = text_section(body, "fail");
		if (want.p)
			run_failure(head, body, want);
		else
			run_case(head, body);
	}
	CHECK(n > 25);
}

/* text, JSON, text, JSON: the second pair is like the first. */
static void check_fix_point(struct rv_arena *a, struct rv_str path, struct rv_str text)
{
	cedar_error e;
	char *json = turn(text, false, CEDAR_SCHEMA_JSON, &e), *back = NULL, *json2 = NULL,
	     *back2 = NULL;
	CHECKF(json, "%.*s: %u:%u: %s", RV_FMT(path), e.line, e.column, e.message);
	if (json)
		back = turn(rv_str_of(json), true, CEDAR_SCHEMA_TEXT, &e);
	CHECKF(back, "%.*s: %s", RV_FMT(path), e.message);
	if (back)
		json2 = turn(rv_str_of(back), false, CEDAR_SCHEMA_JSON, &e);
	CHECKF(json2 && strcmp(json, json2) == 0, "%.*s: %s\n%s", RV_FMT(path), e.message, back);
	if (json2)
		back2 = turn(rv_str_of(json2), true, CEDAR_SCHEMA_TEXT, &e);
	CHECKF(back2 && strcmp(back, back2) == 0, "%.*s: text", RV_FMT(path));
	char *resolved = turn(text, false, CEDAR_SCHEMA_JSON_RESOLVED, &e);
	char *resolved2 =
		back ? turn(rv_str_of(back), false, CEDAR_SCHEMA_JSON_RESOLVED, &e) : NULL;
	CHECKF(resolved && resolved2 && same_json(a, rv_str_of(resolved), rv_str_of(resolved2)),
		"%.*s: resolved", RV_FMT(path));
	free(json);
	free(json2);
	free(back);
	free(back2);
	free(resolved);
	free(resolved2);
}

static void run_fix_point(struct rv_str path, struct rv_arena *a, size_t *n)
{
	struct rv_str text;
	cedar_schema *s;
	REQUIRE(text_read_shared(a, path.p, &text));
	if (cedar_schema_parse(cs(text), &s, NULL) != CEDAR_OK)
		return; /* data that must fail */
	cedar_schema_free(s);
	check_fix_point(a, path, text);
	++*n;
}

TEST(the_shared_schemas_have_a_fix_point)
{
	size_t n = text_shared_each(".cedarschema", run_fix_point);
	if (n == SIZE_MAX)
		SKIP("no shared data");
	CHECKF(n > 1200, "%zu schemas", n);
}

/* json-schemas/HASH.cedarschema.json is what the reference makes of corpus-tests/HASH.cedarschema.
 */
static void run_oracle(struct rv_str path, struct rv_arena *a, size_t *n)
{
	struct rv_str want, text;
	cedar_error e;
	char name[300];
	size_t slash = rv_str_find(path, '/', 0);
	if (!rv_str_starts(path, RV_STR("json-schemas/")))
		return;
	snprintf(name, sizeof name, "integration/corpus-tests/%.*s",
		(int)(path.n - slash - 1 - strlen(".json")), path.p + slash + 1);
	REQUIRE(text_read_shared(a, path.p, &want));
	REQUIRE(text_read_shared(a, name, &text));
	char *got = turn(text, false, CEDAR_SCHEMA_JSON, &e);
	CHECKF(got && same_json(a, rv_str_of(got), want), "%.*s: %s\n%s", RV_FMT(path), e.message,
		got ? got : "");
	free(got);
	++*n;
}

TEST(the_shared_oracles_agree)
{
	size_t n = text_shared_each(".cedarschema.json", run_oracle);
	if (n == SIZE_MAX)
		SKIP("no shared data");
	CHECKF(n > 1100, "%zu schemas", n);
}

MAIN()
