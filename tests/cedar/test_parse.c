/* The parser on texts of parse.txt, and its limits. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/file.h"
#include "cedar.h"
#include "tests/harness.h"

static cedar_str cs(struct rv_str s)
{
	return (cedar_str){ s.p, s.n };
}

static cedar_code parse(struct rv_str text, size_t *ret_n, cedar_error *e)
{
	cedar_policies *ps = NULL;
	*e = (cedar_error){ .code = CEDAR_OK };
	cedar_code code = cedar_policies_parse(cs(text), NULL, &ps, e);
	*ret_n = code == CEDAR_OK ? cedar_policies_count(ps) : 0;
	cedar_policies_free(ps);
	return code;
}

/* head: "ok 1" or "error 1:23 words|other words"; text ends where the next case begins. */
static void one_case(struct rv_str head, struct rv_str text)
{
	cedar_error e;
	size_t n, want_n = 0;
	if (rv_str_starts(head, RV_STR("ok "))) {
		uint64_t v;
		CHECK(rv_str_u64(rv_str_sub(head, 3, head.n), &v));
		want_n = (size_t)v;
		CHECKF(parse(text, &n, &e) == CEDAR_OK && n == want_n,
			"%.*s: got %zu policies, error %u:%u '%s'", RV_FMT(text), n, e.line,
			e.column, e.message);
		return;
	}
	struct rv_str place, rest = rv_str_sub(head, 6, head.n);
	CHECK(rv_str_split(&rest, ' ', &place));
	char got[40];
	CHECKF(parse(text, &n, &e) == CEDAR_EPARSE, "%.*s: parses", RV_FMT(text));
	snprintf(got, sizeof got, "%u:%u", e.line, e.column);
	bool words = rest.n == 0;
	for (struct rv_str part; rest.p && rv_str_split(&rest, '|', &part);)
		words = words || memmem(e.message, strlen(e.message), part.p, part.n) != NULL;
	CHECKF(rv_str_eqz(place, got) && words, "%.*s: want %.*s, got %s '%s'", RV_FMT(text),
		RV_FMT(head), got, e.message);
	CHECK(e.offset <= text.n && e.offset + e.length <= text.n);
}

TEST(cases_of_the_file)
{
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 1 << 22);
	char path[1000];
	struct rv_str all;
	struct rv_err err = { 0 };
	snprintf(path, sizeof path, "%s/tests/cedar/parse.txt", getenv("RV_SOURCE"));
	REQUIRE_OK(rv_file_read(&a, path, 1 << 20, &all, &err), &err);
	const char *at = memmem(all.p, all.n, "\n--- ", 5), *end = all.p + all.n;
	size_t n = 0;
	while (at) {
		at += 5;
		const char *eol = memchr(at, '\n', (size_t)(end - at));
		REQUIRE(eol);
		const char *next = memmem(eol, (size_t)(end - eol), "\n--- ", 5);
		const char *stop = next ? next : end;
		one_case(rv_str_n(at, (size_t)(eol - at)),
			stop > eol ? rv_str_n(eol + 1, (size_t)(stop - eol - 1)) : RV_STR(""));
		at = next;
		n++;
	}
	CHECK(n > 50);
}

static cedar_code nested(struct rv_buf *b, const char *open, const char *close, size_t n)
{
	cedar_error e;
	size_t count;
	rv_buf_clear(b);
	rv_buf_addz(b, "permit(principal, action, resource) when { ");
	for (size_t i = 0; i < n; i++)
		rv_buf_addz(b, open);
	rv_buf_addz(b, "true");
	for (size_t i = 0; i < n; i++)
		rv_buf_addz(b, close);
	rv_buf_addz(b, " };");
	return parse(rv_buf_str(b), &count, &e);
}

TEST(depth_is_bounded)
{
	static const struct {
		const char *open, *close;
	} shapes[] = { { "(", ")" }, { "[", "]" }, { "{a: ", "}" },
		{ "if true then true else (", ")" }, { "decimal(", ")" },
		{ "[1].contains(", ")" } };
	RV_AUTO_BUF b;
	rv_buf_init(&b, 1 << 26);
	for (size_t i = 0; i < RV_COUNT(shapes); i++) {
		CHECKF(nested(&b, shapes[i].open, shapes[i].close, 100) == CEDAR_OK, "%s",
			shapes[i].open);
		CHECKF(nested(&b, shapes[i].open, shapes[i].close, 100000) == CEDAR_ELIMIT, "%s",
			shapes[i].open);
	}
	CHECK(nested(&b, "true && ", "", 900) == CEDAR_OK);
	CHECK(nested(&b, "true && ", "", 200000) == CEDAR_ELIMIT);
	CHECK(nested(&b, "", ".a", 200000) == CEDAR_ELIMIT);
	CHECK(nested(&b, "1 + ", "", 200000) == CEDAR_ELIMIT);
}

TEST(what_a_policy_says_of_itself)
{
	const struct rv_str text = RV_STR("// first\n@id(\"one\")\n@note permit(principal, action, "
					  "resource);\n  forbid(principal == ?principal, action, "
					  "resource) when { true };");
	cedar_policies *ps;
	cedar_error e = { .code = CEDAR_OK };
	const cedar_source src = { .text = cs(text), .id_prefix = "p", .use_id_annotation = true };
	REQUIRE(cedar_policies_new(&src, 1, NULL, &ps, NULL, &e) == CEDAR_OK);
	const cedar_policy_info *a = cedar_policy_at(ps, 0), *b = cedar_policy_at(ps, 1);
	CHECK(rv_str_eqz(rv_str_n(a->id.p, a->id.n), "one"));
	CHECK(rv_str_eqz(rv_str_n(b->id.p, b->id.n), "p1"));
	CHECK(!a->is_forbid && !a->is_template && b->is_forbid && b->is_template);
	CHECK(a->line == 2 && a->column == 1 && b->line == 4 && b->column == 3);
	CHECK(rv_str_starts(rv_str_n(a->text.p, a->text.n), RV_STR("@id(")));
	CHECK(b->text.p[b->text.n - 1] == ';' && a->text.p[a->text.n - 1] == ';');
	CHECK(a->n_annotations == 2 && !a->annotations[1].has_value);
	CHECK(cedar_annotation_get(a, "note").p && !cedar_annotation_get(a, "none").p);
	CHECK(cedar_policy_find(ps, cedar_z("p1")) == 1);
	CHECK(cedar_policy_find(ps, cedar_z("p0")) == SIZE_MAX);
	cedar_policies_free(ps);
}

TEST(ids_are_unique)
{
	const struct rv_str text = RV_STR("@id(\"x\") permit(principal, action, resource);\n"
					  "@id(\"x\") permit(principal, action, resource);");
	cedar_policies *ps = NULL;
	cedar_error e = { .code = CEDAR_OK };
	const cedar_source src = { .text = cs(text), .use_id_annotation = true };
	CHECK(cedar_policies_new(&src, 1, NULL, &ps, NULL, &e) == CEDAR_EEXIST);
	CHECK(e.line == 2 && strstr(e.message, "'x'"));
	const cedar_source two[] = { { .text = cedar_z("permit(principal,action,resource);") },
		{ .text = cedar_z("permit(principal,action,resource);") } };
	size_t which = 9;
	e.code = CEDAR_OK;
	CHECK(cedar_policies_new(two, 2, NULL, &ps, &which, &e) == CEDAR_EEXIST);
	const cedar_policies_opts few = { .max_policies = 1 };
	const cedar_str both = cedar_z("permit(principal,action,resource);"
				       "permit(principal,action,resource);");
	e.code = CEDAR_OK;
	CHECK(cedar_policies_parse(both, &few, &ps, &e) == CEDAR_ELIMIT);
	const cedar_policies_opts no_templates = { .no_templates = true };
	e.code = CEDAR_OK;
	CHECK(cedar_policies_parse(cedar_z("permit(principal==?principal,action,resource);"),
		      &no_templates, &ps, &e) == CEDAR_EPARSE);
}

TEST(errors_are_shown_with_a_caret)
{
	const cedar_str text = cedar_z("permit(principal, action, resource)\nwhen { \t1 ++ 2 };\n");
	cedar_policies *ps = NULL;
	cedar_error e = { .code = CEDAR_OK };
	char buf[300];
	REQUIRE(cedar_policies_parse(text, NULL, &ps, &e) == CEDAR_EPARSE);
	const char *shown = cedar_error_render(&e, "x.cedar", text, buf, sizeof buf);
	CHECKF(strncmp(shown, "x.cedar:2:12: ", 14) == 0, "%s", shown);
	CHECKF(strstr(shown, "\n  when { \t1 ++ 2 };\n         \t   ^"), "%s", shown);
	const cedar_str bad = { "permit\xff", 7 };
	e.code = CEDAR_OK;
	CHECK(cedar_policies_parse(bad, NULL, &ps, &e) == CEDAR_EPARSE);
}

MAIN()
