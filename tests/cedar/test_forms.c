/* Policies as text and as JSON, both ways: est.txt, est_bad.txt; sets with links; limits. */
#include <stdio.h>

#include "base/buf.h"
#include "tests/cedar/text.h"
#include "tests/harness.h"

static cedar_policies *load(struct rv_str text, bool is_json, cedar_error *e)
{
	const cedar_source src = { .text = cs(text), .is_json = is_json };
	cedar_policies *ps = NULL;
	*e = (cedar_error){ .code = CEDAR_OK };
	return cedar_policies_new(&src, 1, NULL, &ps, NULL, e) == CEDAR_OK ? ps : NULL;
}

/* The one policy of a document, written in the other form (or the same). */
static char *turn(struct rv_str head, struct rv_str text, bool from_json, bool to_json)
{
	cedar_error e;
	char *out = NULL;
	cedar_policies *ps = load(text, from_json, &e);
	CHECKF(ps, "%.*s: %u:%u %s", RV_FMT(head), e.line, e.column, e.message);
	if (!ps)
		return NULL;
	cedar_code code = to_json ? cedar_policy_to_json(ps, 0, &out, NULL, &e)
				  : cedar_policy_to_text(ps, 0, &out, NULL, &e);
	CHECKF(code == CEDAR_OK, "%.*s: %s", RV_FMT(head), e.message);
	cedar_policies_free(ps);
	return out;
}

static void same(struct rv_str head, const char *what, char *got, struct rv_str want)
{
	CHECKF(got && rv_str_eqz(want, got), "%.*s: %s:\n got  %s\n want %.*s", RV_FMT(head), what,
		got ? got : "(none)", RV_FMT(want));
	free(got);
}

/* A section as it stands, or around an expression what makes it a policy. */
static struct rv_str whole(struct rv_arena *a, struct rv_str section, struct rv_str inner,
	const char *before, const char *behind)
{
	if (section.p || !inner.p)
		return section;
	char *z = rv_arena_printf(a, "%s%.*s%s", before, RV_FMT(inner), behind);
	rv_assert(z);
	return rv_str_of(z);
}

static const char text_before[] = "permit (principal, action, resource) when { ";
static const char json_before[] =
	"{\"effect\":\"permit\",\"principal\":{\"op\":\"All\"},\"action\":{\"op\":\"All\"},"
	"\"resource\":{\"op\":\"All\"},\"conditions\":[{\"kind\":\"when\",\"body\":";

static void run_case(struct rv_arena *a, struct rv_str head, struct rv_str body)
{
	struct rv_str text = whole(
		a, text_section(body, "text"), text_section(body, "expr"), text_before, " };");
	struct rv_str json = whole(
		a, text_section(body, "json"), text_section(body, "body"), json_before, "}]}");
	struct rv_str none = { NULL, 0 }, again = text_section(body, "again");
	if (!text_section(body, "json").p)
		again = whole(a, none, again, text_before, " };");
	REQUIRE(json.p && (text.p || again.p));
	if (!again.p)
		again = text;
	if (text.p) {
		same(head, "text to JSON", turn(head, text, false, true), json);
		same(head, "JSON to JSON", turn(head, json, true, true), json);
	}
	same(head, "JSON to text", turn(head, json, true, false), again);
	same(head, "text to text", turn(head, again, false, false), again);
}

TEST(each_form_becomes_the_other)
{
	RV_AUTO_ARENA a;
	struct rv_str rest, head, body;
	size_t n = 0;
	rv_arena_init(&a, 1 << 22);
	REQUIRE(text_read(&a, "est.txt", &rest));
	for (; text_case(&rest, &head, &body); n++)
		run_case(&a, head, body);
	CHECK(n > 35);
}

TEST(what_is_no_policy_is_refused_with_its_place)
{
	RV_AUTO_ARENA a;
	struct rv_str rest, head, body;
	size_t n = 0;
	rv_arena_init(&a, 1 << 22);
	REQUIRE(text_read(&a, "est_bad.txt", &rest));
	for (; text_case(&rest, &head, &body); n++) {
		static const char scope_before[] = "{\"effect\":\"permit\",\"principal\":";
		static const char scope_behind[] =
			",\"action\":{\"op\":\"All\"},\"resource\":{\"op\":\"All\"},\"conditions\":"
			"[]}";
		cedar_error e;
		struct rv_str want = text_section(body, "fail");
		struct rv_str json = whole(&a, text_section(body, "json"),
			text_section(body, "body"), json_before, "}]}");
		json = whole(&a, json, text_section(body, "scope"), scope_before, scope_behind);
		REQUIRE(json.p && want.p);
		cedar_policies *ps = load(json, true, &e);
		CHECKF(!ps && e.code != CEDAR_OK && e.line > 0, "%.*s: taken", RV_FMT(head));
		CHECKF(ps || memmem(e.message, strlen(e.message), want.p, want.n), "%.*s: got '%s'",
			RV_FMT(head), e.message);
		cedar_policies_free(ps);
	}
	CHECK(n > 60);
}

static const char set_json[] =
	"{\"templates\":{\"t\":{\"effect\":\"permit\",\"principal\":{\"op\":\"==\",\"slot\":"
	"\"?principal\"},\"action\":{\"op\":\"All\"},\"resource\":{\"op\":\"in\",\"slot\":"
	"\"?resource\"},\"conditions\":[]}},"
	"\"staticPolicies\":{\"s 1\":{\"effect\":\"forbid\",\"principal\":{\"op\":\"All\"},"
	"\"action\":{\"op\":\"All\"},\"resource\":{\"op\":\"All\"},\"conditions\":[]}},"
	"\"templateLinks\":[{\"templateId\":\"t\",\"newId\":\"l\",\"values\":{\"?principal\":{"
	"\"__entity\":{\"type\":\"U\",\"id\":\"a\"}},\"?resource\":{\"__entity\":{\"type\":\"F\","
	"\"id\":\"f\"}}}}]}";

TEST(a_set_comes_back_as_it_was)
{
	cedar_error e;
	char *out;
	size_t n;
	cedar_policies *ps = load(rv_str_of(set_json), true, &e);
	REQUIRE(ps);
	CHECK(cedar_policies_count(ps) == 3);
	REQUIRE(cedar_policies_to_json(ps, &out, &n, &e) == CEDAR_OK);
	CHECK(n == strlen(out));
	same(rv_str_of("set"), "JSON", out, rv_str_of(set_json));
	size_t l = cedar_policy_find(ps, cedar_z("l"));
	REQUIRE(l != SIZE_MAX);
	REQUIRE(cedar_policy_to_text(ps, l, &out, &n, &e) == CEDAR_OK);
	same(rv_str_of("link"), "text", out,
		rv_str_of("permit (principal == U::\"a\", action, resource in F::\"f\");"));
	const cedar_policy_info *s = cedar_policy_at(ps, cedar_policy_find(ps, cedar_z("s 1")));
	CHECK(s->is_forbid && s->line == 1 && s->column > 100);
	CHECK(rv_str_eqz(
		(struct rv_str){ s->text.p, s->text.n }, "forbid (principal, action, resource);"));
	cedar_policies_free(ps);
}

TEST(text_may_stand_in_a_set)
{
	static const char json[] =
		"{\"staticPolicies\": \"permit(principal, action, resource); // one\\n"
		"forbid(principal, action, resource);\", \"templates\": {\"t\": \"// c\\n@a "
		"permit(principal == ?principal, action, resource);\"}}";
	static const char list[] = "{\"staticPolicies\": [\"permit(principal, action, "
				   "resource);\", \"forbid(principal, action, resource);\"]}";
	cedar_error e;
	cedar_policies *ps = load(rv_str_of(json), true, &e);
	REQUIRE(ps);
	CHECK(cedar_policies_count(ps) == 3);
	CHECK(cedar_policy_find(ps, cedar_z("policy1")) == 1);
	CHECK(cedar_policy_find(ps, cedar_z("t")) == 2);
	cedar_policies_free(ps);
	ps = load(rv_str_of(list), true, &e);
	REQUIRE(ps);
	CHECK(cedar_policy_find(ps, cedar_z("policy1")) == 1);
	cedar_policies_free(ps);
}

TEST(one_policy_has_an_id)
{
	static const char json[] =
		"{\"effect\":\"permit\",\"principal\":{\"op\":\"all\"},\"action\":{\"op\":\"all\"},"
		"\"resource\":{\"op\":\"all\"},\"conditions\":[],\"annotations\":{\"id\":\"x\"}}";
	cedar_error e = { .code = CEDAR_OK };
	cedar_source src = { .text = cedar_z(json), .is_json = true, .use_id_annotation = true };
	cedar_policies *ps;
	REQUIRE(cedar_policies_new(&src, 1, NULL, &ps, NULL, &e) == CEDAR_OK);
	CHECK(cedar_policy_find(ps, cedar_z("JSON policy")) == 0);
	cedar_policies_free(ps);
	src.id_prefix = "p";
	REQUIRE(cedar_policies_new(&src, 1, NULL, &ps, NULL, &e) == CEDAR_OK);
	CHECK(cedar_policy_find(ps, cedar_z("p0")) == 0);
	cedar_policies_free(ps);
}

/* n times BEFORE, then INNER, then n times BEHIND, as the body of a policy. */
static cedar_policies *deep(
	const char *before, const char *inner, const char *behind, size_t n, cedar_error *e)
{
	RV_AUTO_BUF b;
	rv_buf_init(&b, 1 << 24);
	rv_buf_addz(&b, json_before);
	for (size_t i = 0; i < n; i++)
		rv_buf_addz(&b, before);
	rv_buf_addz(&b, inner);
	for (size_t i = 0; i < n; i++)
		rv_buf_addz(&b, behind);
	rv_buf_addz(&b, "}]}");
	rv_assert(rv_buf_ok(&b, NULL) == RV_OK);
	return load(rv_buf_str(&b), true, e);
}

TEST(depth_is_limited)
{
	static const char left[] = "{\"&&\":{\"left\":", right[] = "{\"&&\":{\"right\":";
	static const char leaf[] = "{\"Value\":true}";
	static const char left_end[] = ",\"right\":{\"Value\":true}}}",
			  right_end[] = ",\"left\":{\"Value\":true}}}";
	/* A chain to the left needs no parentheses: JSON's own limit. One to the right does. */
	static const struct {
		const char *before, *behind;
		size_t limit;
	} rows[] = { { left, left_end, 399 }, { right, right_end, 250 },
		{ "{\"!\":{\"arg\":", "}}", 399 }, { "{\"Set\":[", "]}", 249 },
		{ "{\"Record\":{\"a\":", "}}", 249 } };
	for (size_t i = 0; i < RV_COUNT(rows); i++)
		for (size_t n = rows[i].limit - 1; n <= rows[i].limit + 1; n++) {
			cedar_error e;
			cedar_policies *ps = deep(rows[i].before, leaf, rows[i].behind, n, &e);
			CHECKF((ps != NULL) == (n <= rows[i].limit), "row %zu, depth %zu: %s", i, n,
				e.message);
			CHECK(ps || e.code == CEDAR_ELIMIT);
			cedar_policies_free(ps);
		}
	cedar_error e;
	CHECK(!deep("[", "1", "]", 5000, &e) && e.code == CEDAR_ELIMIT);
}

/* Every policy of the shared corpus: text, JSON, text, JSON. Skipped where the data is not. */
static void run_shared(struct rv_str path, struct rv_arena *a, size_t *n)
{
	struct rv_str text;
	cedar_error e;
	char *json, *line, *json2;
	REQUIRE(text_read_shared(a, path.p, &text));
	cedar_policies *ps = load(text, false, &e);
	if (!ps)
		return; /* data that must fail */
	for (size_t i = 0; i < cedar_policies_count(ps); i++, (*n)++) {
		REQUIRE(cedar_policy_to_json(ps, i, &json, NULL, &e) == CEDAR_OK);
		REQUIRE(cedar_policy_to_text(ps, i, &line, NULL, &e) == CEDAR_OK);
		json2 = turn(path, rv_str_of(json), true, true);
		same(path, "JSON", json2, rv_str_of(json));
		json2 = turn(path, rv_str_of(line), false, true);
		same(path, "text", json2, rv_str_of(json));
		free(json);
		free(line);
	}
	cedar_policies_free(ps);
}

TEST(the_shared_corpus_goes_both_ways)
{
	size_t n = text_shared_each(".cedar", run_shared);
	if (n == SIZE_MAX)
		SKIP("no shared data");
	CHECKF(n > 1200, "%zu policies", n);
}

MAIN()
