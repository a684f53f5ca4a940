/* Expressions and their values: our own table, and the golden one when it is there. */
#include "base/file.h"
#include "base/json.h"
#include "cedar.h"
#include "tests/harness.h"

static struct rv_arena arena;
static cedar_entities *es;
static cedar_scratch *scratch, *kept;
static cedar_request rq;

static cedar_str cs(struct rv_str s)
{
	return (cedar_str){ s.p, s.n };
}

static struct rv_str read_file(const char *env, const char *name)
{
	char path[1000];
	struct rv_str s = { NULL, 0 };
	snprintf(path, sizeof path, "%s/%s", getenv(env) ? getenv(env) : ".", name);
	if (rv_file_read(&arena, path, 1 << 24, &s, NULL) != RV_OK)
		s.p = NULL;
	return s;
}

static bool setup(void)
{
	cedar_error e = { .code = CEDAR_OK };
	if (scratch)
		return true;
	rv_arena_init(&arena, 1 << 26);
	struct rv_str ents = read_file("RV_SOURCE", "tests/cedar/expr.entities.json");
	struct rv_str req = read_file("RV_SOURCE", "tests/cedar/expr.request.json");
	kept = cedar_scratch_new();
	scratch = cedar_scratch_new();
	return ents.p && req.p && kept && scratch &&
		cedar_entities_parse_json(cs(ents), &es, &e) == CEDAR_OK &&
		cedar_request_parse_json(kept, cs(req), &rq, &e) == CEDAR_OK;
}

/* What comes of an expression: "VALUE", "error: ..." or "parse error: ...". */
static cedar_code outcome(struct rv_str text, cedar_value *v, cedar_error *e)
{
	*e = (cedar_error){ .code = CEDAR_OK };
	return cedar_eval_text(cs(text), es, &rq, scratch, v, e);
}

static bool as_wanted(struct rv_str expr, struct rv_str want, char *why, size_t size)
{
	cedar_value got, value;
	cedar_error e, e2;
	cedar_code code = outcome(expr, &got, &e);
	bool parse = rv_str_starts(want, RV_STR("parse error"));
	if (parse || rv_str_starts(want, RV_STR("error"))) {
		size_t colon = rv_str_find(want, ':', 0);
		struct rv_str part = rv_str_trim(
			rv_str_sub(want, colon == SIZE_MAX ? want.n : colon + 1, want.n));
		snprintf(why, size, "code %d, message '%s'", code, e.message);
		return code == (parse ? CEDAR_EPARSE : CEDAR_EEVAL) &&
			memmem(e.message, strlen(e.message), part.p, part.n) &&
			(!parse || e.line > 0);
	}
	if (code != CEDAR_OK) {
		snprintf(why, size, "code %d, message '%s'", code, e.message);
		return false;
	}
	cedar_value_print(&got, why, size);
	return outcome(want, &value, &e2) == CEDAR_OK && cedar_value_eq(&got, &value);
}

TEST(own_table)
{
	REQUIRE(setup());
	struct rv_str rest = read_file("RV_SOURCE", "tests/cedar/expr.txt"), line;
	REQUIRE(rest.p);
	size_t n = 0, line_no = 0;
	while (rv_str_split(&rest, '\n', &line)) {
		line_no++;
		if (line.n == 0 || line.p[0] == '#')
			continue;
		const char *arrow = memmem(line.p, line.n, " => ", 4);
		CHECKF(arrow, "expr.txt:%zu: no =>", line_no);
		if (!arrow)
			continue;
		size_t at = (size_t)(arrow - line.p);
		struct rv_str expr = rv_str_sub(line, 0, at),
			      want = rv_str_sub(line, at + 4, line.n);
		char why[800];
		CHECKF(as_wanted(expr, want, why, sizeof why),
			"expr.txt:%zu: %.*s: want %.*s, got %s", line_no, RV_FMT(expr),
			RV_FMT(want), why);
		cedar_scratch_clear(scratch);
		n++;
	}
	CHECK(n > 400);
}

/* One line of the golden table: an expression as a condition, or a whole policy in JSON quotes. */
static void golden_line(struct rv_str line, size_t line_no)
{
	const char *arrow = memmem(line.p, line.n, " => ", 4);
	if (!arrow || line.p[0] == '"' || line.p[0] == '{') {
		/* Strings begin a line only in the header part, unless an arrow follows. */
		if (!arrow)
			return;
	}
	struct rv_str expr = rv_str_trim(rv_str_sub(line, 0, (size_t)(arrow - line.p)));
	struct rv_str want =
		rv_str_trim(rv_str_n(arrow + 4, line.n - (size_t)(arrow - line.p) - 4));
	cedar_value v;
	cedar_error e;
	cedar_code code = outcome(expr, &v, &e);
	char got[600];
	snprintf(got, sizeof got, "%s", code == CEDAR_OK ? "a value" : e.message);
	if (code == CEDAR_OK)
		cedar_value_print(&v, got, sizeof got);
	bool ok = rv_str_starts(want, RV_STR("PARSE-ERR")) ? code == CEDAR_EPARSE
		: rv_str_starts(want, RV_STR("EVAL-ERR"))
		? code == CEDAR_EEVAL
		: code == CEDAR_OK && rv_str_eqz(want, got);
	CHECKF(ok, "golden:%zu: %.*s: want %.*s, got %s", line_no, RV_FMT(expr), RV_FMT(want), got);
	cedar_scratch_clear(scratch);
}

/* "POLICY" ok | ERR message, the policy as a JSON string. */
static void golden_policy(struct rv_str line, size_t line_no)
{
	struct rv_arena a;
	rv_arena_init(&a, 1 << 20);
	size_t end = 1;
	while (end < line.n && line.p[end] != '"')
		end += line.p[end] == '\\' ? 2 : 1;
	const struct rv_json *v;
	struct rv_str quoted = rv_str_sub(line, 0, end + 1),
		      want = rv_str_trim(rv_str_sub(line, end + 1, line.n));
	if (rv_json_parse(&a, quoted, NULL, &v, NULL) == RV_OK) {
		cedar_policies *ps = NULL;
		cedar_error e = { .code = CEDAR_OK };
		const cedar_policies_opts opts = { .no_templates = true };
		cedar_code code = cedar_policies_parse(cs(v->str), &opts, &ps, &e);
		CHECKF((code == CEDAR_OK) == rv_str_eqz(want, "ok"),
			"golden:%zu: %.*s: want %.*s, got %s", line_no, RV_FMT(v->str),
			RV_FMT(want), code == CEDAR_OK ? "ok" : e.message);
		cedar_policies_free(ps);
	}
	rv_arena_done(&a);
}

TEST(golden_table)
{
	if (!getenv("RV_SHARED"))
		SKIP("RV_SHARED is not set");
	REQUIRE(setup());
	struct rv_str rest = read_file("RV_SHARED", "cedar/golden-expressions.txt"), line;
	if (!rest.p)
		SKIP("no golden-expressions.txt");
	size_t n = 0, line_no = 0;
	while (rv_str_split(&rest, '\n', &line)) {
		line_no++;
		if (line.n == 0 || (line.p[0] == '{' && !memmem(line.p, line.n, " => ", 4)))
			continue;
		if (memmem(line.p, line.n, " => ", 4))
			golden_line(line, line_no);
		else if (line.p[0] == '"')
			golden_policy(line, line_no);
		n++;
	}
	CHECK(n >= 100);
}

MAIN()
