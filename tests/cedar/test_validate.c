/* The validator. */
#include <stdio.h>

#include "base/buf.h"
#include "tests/cedar/text.h"
#include "tests/harness.h"

static bool has_flag(struct rv_str head, const char *flag)
{
	return head.n > 0 && memmem(head.p, head.n, flag, strlen(flag)) != NULL;
}

static cedar_validate_opts opts_of(struct rv_str head)
{
	cedar_validate_opts o = { .is_permissive = has_flag(head, "{permissive}"),
		.inapplicable_is_warning = has_flag(head, "{4.13}") };
	for (unsigned level = 0; level < 10; level++) {
		char flag[16];
		snprintf(flag, sizeof flag, "{level %u}", level);
		if (has_flag(head, flag)) {
			o.has_level = true;
			o.level = level;
		}
	}
	return o;
}

static void print_report(const cedar_policies *ps, const cedar_report *r, struct rv_buf *out)
{
	char line[1000];
	for (size_t i = 0; i < r->n; i++)
		rv_buf_printf(out, "%s\n",
			cedar_diagnostic_render(ps, &r->diagnostics[i], NULL, line, sizeof line));
	if (r->n == 0)
		rv_buf_addz(out, "valid\n");
}

/* The report of a text under a schema, in s; the policies are the caller's. False: it was not made.
 */
static bool validate(const char *schema_text, cedar_str text, const cedar_validate_opts *opts,
	cedar_scratch *s, cedar_policies **ret_ps, cedar_report *ret)
{
	cedar_schema *schema = NULL;
	cedar_error e = { .code = CEDAR_OK };
	bool done = s && cedar_schema_parse(cedar_z(schema_text), &schema, &e) == CEDAR_OK &&
		cedar_policies_parse(text, NULL, ret_ps, &e) == CEDAR_OK &&
		cedar_validate(*ret_ps, schema, opts, s, ret, &e) == CEDAR_OK;
	CHECKF(done, "%.*s: %s", RV_FMT(text), e.message);
	cedar_schema_free(schema); /* the report keeps nothing of it */
	return done;
}

TEST(table)
{
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 1 << 24);
	struct rv_str rest, head, body;
	char *schema = NULL;
	size_t n = 0;
	cedar_scratch *s = cedar_scratch_new();
	REQUIRE(text_read(&a, "validate.txt", &rest) && s);
	while (text_case(&rest, &head, &body)) {
		if (rv_str_eqz(head, "schema")) {
			schema = rv_arena_printf(&a, "%.*s", RV_FMT(body));
			continue;
		}
		const cedar_validate_opts opts = opts_of(head);
		struct rv_str policy = text_section(body, "policy");
		struct rv_str want = text_section(body, "want");
		cedar_policies *ps = NULL;
		cedar_report r;
		RV_AUTO_BUF got;
		rv_buf_init(&got, 1 << 16);
		REQUIRE(schema && policy.p && want.p);
		REQUIRE(validate(schema, cs(policy), &opts, s, &ps, &r));
		print_report(ps, &r, &got);
		CHECKF(rv_str_eq(rv_str_trim(rv_buf_str(&got)), rv_str_trim(want)), "%.*s: got\n%s",
			RV_FMT(head), rv_buf_z(&got));
		cedar_policies_free(ps);
		cedar_scratch_clear(s);
		n++;
	}
	CHECKF(n > 170, "%zu cases", n);
	cedar_scratch_free(s);
}

static const char small[] = "entity U in [G] = { a: Long, b?: Long, u?: U } tags Long; entity G;\n"
			    "action x, y appliesTo { principal: U, resource: U, context: {} };";

TEST(findings_name_policy_source_and_place)
{
	static const char first[] = "permit(principal, action, resource);\n";
	static const char second[] = "\n@id(\"two\")\nforbid(principal, action, resource)\nwhen {\n"
				     "\tprincipal.c == 1 };";
	const cedar_source sources[] = { { .text = cedar_z(first), .id_prefix = "p" },
		{ .text = cedar_z(second), .use_id_annotation = true } };
	cedar_schema *schema = NULL;
	cedar_policies *ps = NULL;
	cedar_report r;
	cedar_error e = { .code = CEDAR_OK };
	cedar_scratch *s = cedar_scratch_new();
	char text[600];
	REQUIRE(s && cedar_schema_parse(cedar_z(small), &schema, &e) == CEDAR_OK);
	REQUIRE(cedar_policies_new(sources, 2, NULL, &ps, NULL, &e) == CEDAR_OK);
	REQUIRE(cedar_validate(ps, schema, NULL, s, &r, &e) == CEDAR_OK);
	REQUIRE(r.n == 1 && r.n_errors == 1 && r.n_warnings == 0 && !r.is_cut);
	const cedar_diagnostic *d = &r.diagnostics[0];
	CHECK(d->policy == 1 && d->source == 1 && d->line == 5 && d->column == 2);
	CHECK(strncmp(second + d->offset, "principal.c", d->length) == 0 && d->length == 11);
	cedar_diagnostic_render(ps, d, "f.cedar", text, sizeof text);
	CHECKF(strcmp(text,
		       "f.cedar:5:2: error: there is no attribute 'c' of U [unknown-attribute]\n"
		       "  \tprincipal.c == 1 };\n"
		       "  \t^~~~~~~~~~~") == 0,
		"%s", text);
	cedar_policies_free(ps);
	cedar_schema_free(schema);
	cedar_scratch_free(s);
}

/* Of a policy in JSON the place is its own, and what is shown is how text would say it. */
TEST(a_policy_in_json)
{
	static const char json[] =
		"{\"staticPolicies\": {\n  \"a\": {\"effect\": \"permit\", \"principal\": {\"op\": "
		"\"All\"}, \"action\": {\"op\": \"All\"}, \"resource\": {\"op\": \"All\"}, "
		"\"conditions\": [{\"kind\": \"when\", \"body\": {\"==\": {\"left\": {\".\": "
		"{\"left\": {\"Var\": \"principal\"}, \"attr\": \"b\"}}, \"right\": {\"Value\": "
		"1}}}}]}}}";
	const cedar_source src = { .text = cedar_z(json), .is_json = true };
	cedar_schema *schema = NULL;
	cedar_policies *ps = NULL;
	cedar_report r;
	cedar_error e = { .code = CEDAR_OK };
	cedar_scratch *s = cedar_scratch_new();
	char text[600];
	REQUIRE(s && cedar_schema_parse(cedar_z(small), &schema, &e) == CEDAR_OK);
	REQUIRE(cedar_policies_new(&src, 1, NULL, &ps, NULL, &e) == CEDAR_OK);
	REQUIRE(cedar_validate(ps, schema, NULL, s, &r, &e) == CEDAR_OK && r.n == 1);
	cedar_diagnostic_render(ps, &r.diagnostics[0], "p.json", text, sizeof text);
	CHECKF(strstr(text, "p.json:2:8: error: attribute 'b' of U is optional") == text &&
			strstr(text, "principal.b == 1") && strstr(text, "^~~~~~~~~~~") &&
			strstr(text, "'principal has b && …'"),
		"%s", text);
	cedar_policies_free(ps);
	cedar_schema_free(schema);
	cedar_scratch_free(s);
}

TEST(links_are_held_against_what_fills_them)
{
	static const char text[] = "@id(\"t\") permit(principal == ?principal, action, resource);";
	const cedar_uid good = cedar_uid_of(cedar_z("U"), cedar_z("u")),
			unknown = cedar_uid_of(cedar_z("V"), cedar_z("v")),
			group = cedar_uid_of(cedar_z("G"), cedar_z("g"));
	const cedar_link links[] = { { cedar_z("t"), cedar_z("l0"), &good, NULL },
		{ cedar_z("t"), cedar_z("l1"), &unknown, NULL },
		{ cedar_z("t"), cedar_z("l2"), &group, NULL } };
	const cedar_source src = { .text = cedar_z(text), .use_id_annotation = true };
	const cedar_policies_opts po = { .links = links, .n_links = RV_COUNT(links) };
	cedar_schema *schema = NULL;
	cedar_policies *ps = NULL;
	cedar_report r;
	cedar_error e = { .code = CEDAR_OK };
	cedar_scratch *s = cedar_scratch_new();
	REQUIRE(s && cedar_schema_parse(cedar_z(small), &schema, &e) == CEDAR_OK);
	REQUIRE(cedar_policies_new(&src, 1, &po, &ps, NULL, &e) == CEDAR_OK);
	REQUIRE(cedar_validate(ps, schema, NULL, s, &r, &e) == CEDAR_OK);
	REQUIRE(r.n == 3);
	CHECK(r.diagnostics[0].policy == 2 && r.diagnostics[1].policy == 2);
	CHECK(strcmp(r.diagnostics[0].code, "unknown-entity-type") == 0);
	CHECK(strcmp(r.diagnostics[1].code, "no-applicable-action") == 0);
	CHECK(r.diagnostics[2].policy == 3);
	CHECK(strcmp(r.diagnostics[2].code, "no-applicable-action") == 0);
	CHECK(strstr(r.diagnostics[2].help.p, "'in' instead of '=='"));
	cedar_policies_free(ps);
	cedar_schema_free(schema);
	cedar_scratch_free(s);
}

/* More are counted than listed. */
TEST(the_list_is_bounded)
{
	RV_AUTO_BUF b;
	cedar_scratch *s = cedar_scratch_new();
	cedar_policies *ps = NULL;
	cedar_report r;
	const cedar_validate_opts opts = { .max_diagnostics = 7 };
	rv_buf_init(&b, 1 << 20);
	for (int i = 0; i < 10; i++)
		rv_buf_printf(
			&b, "permit(principal, action, resource) when { principal.c%d };\n", i);
	REQUIRE(validate(small, cs(rv_buf_str(&b)), &opts, s, &ps, &r));
	CHECK(r.n == 7 && r.n_errors == 10 && r.is_cut);
	cedar_policies_free(ps);
	cedar_scratch_clear(s);
	REQUIRE(validate(small, cs(rv_buf_str(&b)), NULL, s, &ps, &r));
	CHECK(r.n == 10 && r.n_errors == 10 && !r.is_cut);
	cedar_policies_free(ps);
	cedar_scratch_free(s);
}

/* One policy cannot keep the validator busy with its findings. */
TEST(findings_of_one_policy_are_bounded)
{
	RV_AUTO_BUF b;
	cedar_scratch *s = cedar_scratch_new();
	cedar_policies *ps = NULL;
	cedar_report r;
	const cedar_validate_opts opts = { .max_diagnostics = 5000 };
	rv_buf_init(&b, 1 << 20);
	rv_buf_addz(&b, "permit(principal, action, resource) when { [");
	for (int i = 0; i < 1200; i++)
		rv_buf_printf(&b, "principal.c%d, ", i);
	rv_buf_addz(&b, "1].contains(1) };");
	REQUIRE(validate(small, cs(rv_buf_str(&b)), &opts, s, &ps, &r));
	CHECK(r.n == 1000 && r.n_errors == 1000 && r.is_cut);
	cedar_policies_free(ps);
	cedar_scratch_free(s);
}

/* `is … in` and `has a.b` say their left side twice; nested, that must not double the work. */
TEST(what_is_written_out_is_checked_once)
{
	static const char *const forms[] = { "is U in G::\"g\"", "has u.u" };
	for (size_t f = 0; f < RV_COUNT(forms); f++) {
		RV_AUTO_BUF b;
		cedar_scratch *s = cedar_scratch_new();
		cedar_policies *ps = NULL;
		cedar_report r;
		const cedar_validate_opts opts = { .has_level = true, .level = 60 };
		rv_buf_init(&b, 1 << 20);
		rv_buf_addz(&b, "permit(principal, action, resource) when { ");
		for (int i = 0; i < 60; i++)
			rv_buf_addz(&b, "(if ");
		rv_buf_printf(&b, "principal %s", forms[f]);
		for (int i = 0; i < 60; i++)
			rv_buf_printf(&b, " then principal else resource) %s", forms[f]);
		rv_buf_addz(&b, " };");
		REQUIRE(validate(small, cs(rv_buf_str(&b)), &opts, s, &ps, &r));
		CHECKF(r.n_errors == 0, "%s", r.diagnostics[0].message.p);
		cedar_policies_free(ps);
		cedar_scratch_free(s);
	}
}

TEST(too_deep_once_written_out)
{
	RV_AUTO_BUF b;
	cedar_scratch *s = cedar_scratch_new();
	cedar_policies *ps = NULL;
	cedar_report r;
	rv_buf_init(&b, 1 << 20);
	rv_buf_addz(&b, "permit(principal, action, resource) when { principal has u");
	for (int i = 0; i < 1200; i++)
		rv_buf_addz(&b, ".u");
	rv_buf_addz(&b, " };");
	REQUIRE(validate(small, cs(rv_buf_str(&b)), NULL, s, &ps, &r));
	REQUIRE(r.n == 1);
	CHECK(strcmp(r.diagnostics[0].code, "too-deep") == 0);
	cedar_policies_free(ps);
	cedar_scratch_free(s);
}

TEST(a_policy_set_without_policies_is_valid)
{
	cedar_scratch *s = cedar_scratch_new();
	cedar_policies *ps = NULL;
	cedar_report r;
	REQUIRE(validate(small, cedar_z(""), NULL, s, &ps, &r));
	CHECK(r.n == 0 && r.n_errors == 0 && r.n_warnings == 0);
	cedar_policies_free(ps);
	cedar_scratch_free(s);
}

MAIN()
