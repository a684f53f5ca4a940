/* The formatter: format.txt, and what must hold of every text: nothing but white space moves, and
 * formatting twice changes nothing. */
#include <stdio.h>

#include "base/buf.h"
#include "tests/cedar/text.h"
#include "tests/harness.h"

/* Comments of a text, one a line, blanks at their ends cut. Strings are skipped. */
static void comments(struct rv_str s, struct rv_buf *out)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"') {
			for (i++; i < s.n && s.p[i] != '"'; i++)
				i += s.p[i] == '\\';
			continue;
		}
		if (s.p[i] != '/' || i + 1 == s.n || s.p[i + 1] != '/')
			continue;
		size_t from = i;
		while (i < s.n && s.p[i] != '\n' && s.p[i] != '\r')
			i++;
		rv_buf_add(out, rv_str_trim(rv_str_sub(s, from, i)));
		rv_buf_addc(out, '\n');
	}
}

/* All of a text's policies as JSON; NULL: it does not parse. */
static char *meaning(struct rv_str text)
{
	cedar_policies *ps;
	char *out = NULL;
	if (cedar_policies_parse(cs(text), NULL, &ps, NULL) != CEDAR_OK)
		return NULL;
	if (cedar_policies_to_json(ps, &out, NULL, NULL) != CEDAR_OK)
		out = NULL;
	cedar_policies_free(ps);
	return out;
}

static void check_all(struct rv_str name, struct rv_str text, const cedar_format_opts *opts)
{
	cedar_error e = { .code = CEDAR_OK };
	char *once = NULL, *twice = NULL;
	size_t n;
	RV_AUTO_BUF a;
	RV_AUTO_BUF b;
	rv_buf_init(&a, 1 << 22);
	rv_buf_init(&b, 1 << 22);
	CHECKF(cedar_format(cs(text), opts, &once, &n, &e) == CEDAR_OK, "%.*s: %u:%u: %s",
		RV_FMT(name), e.line, e.column, e.message);
	REQUIRE(once);
	CHECKF(cedar_format(cedar_z(once), opts, &twice, NULL, &e) == CEDAR_OK, "%.*s: again: %s",
		RV_FMT(name), e.message);
	CHECKF(twice && strcmp(once, twice) == 0, "%.*s: not stable:\n%s", RV_FMT(name), once);
	char *was = meaning(text), *is = meaning(rv_str_of(once));
	CHECKF(was && is && strcmp(was, is) == 0, "%.*s: means something else", RV_FMT(name));
	comments(text, &a);
	comments(rv_str_of(once), &b);
	CHECKF(rv_str_eq(rv_buf_str(&a), rv_buf_str(&b)), "%.*s: comments", RV_FMT(name));
	CHECK(n == 0 || once[n - 1] == '\n');
	free(once);
	free(twice);
	free(was);
	free(is);
}

static cedar_format_opts opts_of(struct rv_str body)
{
	int64_t width = 0, indent = 0;
	struct rv_str w = text_section(body, "width"), i = text_section(body, "indent");
	rv_assert(!w.p || rv_str_i64(w, &width));
	rv_assert(!i.p || rv_str_i64(i, &indent));
	return (cedar_format_opts){ (unsigned)width, (unsigned)indent, i.p != NULL };
}

TEST(each_case_and_again)
{
	RV_AUTO_ARENA a;
	struct rv_str rest, head, body;
	size_t n = 0;
	rv_arena_init(&a, 1 << 20);
	REQUIRE(text_read(&a, "format.txt", &rest));
	for (; text_case(&rest, &head, &body); n++) {
		const cedar_format_opts opts = opts_of(body);
		struct rv_str text = text_section(body, "text"), want = text_section(body, "want");
		cedar_error e = { .code = CEDAR_OK };
		char *out = NULL;
		REQUIRE(text.p && want.p);
		CHECKF(cedar_format(cs(text), &opts, &out, NULL, &e) == CEDAR_OK, "%.*s: %s",
			RV_FMT(head), e.message);
		REQUIRE(out);
		CHECKF(rv_str_eq(rv_str_trim(rv_str_of(out)), want), "%.*s:\n%s", RV_FMT(head),
			out);
		free(out);
		check_all(head, text, &opts);
	}
	CHECK(n > 30);
}

TEST(empty_text_stays_empty)
{
	static const char *const texts[] = { "", "\n", " \t\r\n " };
	for (size_t i = 0; i < RV_COUNT(texts); i++) {
		char *out;
		size_t n;
		REQUIRE(cedar_format(cedar_z(texts[i]), NULL, &out, &n, NULL) == CEDAR_OK);
		CHECK(n == 0 && out[0] == '\0');
		free(out);
	}
}

TEST(line_ends_of_other_systems)
{
	static const char text[] = "// a\r\n\r\n// b\rpermit(principal,action,resource); // c\r\n"
				   "// d\r\n";
	static const char want[] =
		"// a\n\n// b\npermit (principal, action, resource); // c\n// d\n";
	char *out;
	REQUIRE(cedar_format(cedar_z(text), NULL, &out, NULL, NULL) == CEDAR_OK);
	CHECKF(strcmp(out, want) == 0, "%s", out);
	free(out);
	check_all(rv_str_of("other systems"), rv_str_of(text), NULL);
}

TEST(what_does_not_parse_is_refused)
{
	static const char *const texts[] = { "permit", "permit(principal, action, resource)",
		"// only\nx", "permit(principal, action, resource) when {};",
		"permit(principal, action, resource); \xff", "\"" };
	for (size_t i = 0; i < RV_COUNT(texts); i++) {
		cedar_error e = { .code = CEDAR_OK };
		char *out = NULL;
		CHECKF(cedar_format(cedar_z(texts[i]), NULL, &out, NULL, &e) == CEDAR_EPARSE,
			"row %zu", i);
		CHECK(!out && e.message[0]);
	}
}

TEST(widths_have_limits)
{
	static const struct {
		cedar_format_opts opts;
		cedar_code want;
	} rows[] = { { { 1, 64, true }, CEDAR_OK }, { { 1, 65, true }, CEDAR_ELIMIT },
		{ { 100000, 2, true }, CEDAR_OK }, { { 100001, 2, true }, CEDAR_ELIMIT } };
	for (size_t i = 0; i < RV_COUNT(rows); i++) {
		char *out = NULL;
		CHECKF(cedar_format(cedar_z("permit(principal,action,resource)when{1==1};"),
			       &rows[i].opts, &out, NULL, NULL) == rows[i].want,
			"row %zu", i);
		free(out);
	}
}

/* A policy of three thousand links in a chain, and one as deep as the parser goes. */
TEST(long_and_deep)
{
	RV_AUTO_BUF b;
	rv_buf_init(&b, 1 << 20);
	rv_buf_addz(&b, "permit(principal,action,resource)when{context");
	for (int i = 0; i < 900; i++)
		rv_buf_addz(&b, ".a");
	rv_buf_addz(&b, "||");
	for (int i = 0; i < 240; i++)
		rv_buf_addz(&b, i % 3 == 0 ? "(" : i % 3 == 1 ? "[" : "!{a:");
	rv_buf_addz(&b, "1 // c\n");
	for (int i = 239; i >= 0; i--)
		rv_buf_addz(&b, i % 3 == 0 ? ")" : i % 3 == 1 ? "]" : "}");
	rv_buf_addz(&b, "};");
	check_all(rv_str_of("deep"), rv_buf_str(&b), NULL);
}

static void run_shared(struct rv_str path, struct rv_arena *a, size_t *n)
{
	static const cedar_format_opts narrow = { 20, 3, true };
	struct rv_str text;
	cedar_policies *ps;
	REQUIRE(text_read_shared(a, path.p, &text));
	if (cedar_policies_parse(cs(text), NULL, &ps, NULL) != CEDAR_OK)
		return; /* data that must fail */
	cedar_policies_free(ps);
	check_all(path, text, NULL);
	check_all(path, text, &narrow);
	++*n;
}

TEST(the_shared_corpus_keeps_its_meaning)
{
	size_t n = text_shared_each(".cedar", run_shared);
	if (n == SIZE_MAX)
		SKIP("no shared data");
	CHECKF(n > 1200, "%zu files", n);
}

MAIN()
