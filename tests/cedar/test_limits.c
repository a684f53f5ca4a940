/* Every limit of the engine at one less, at itself and at one more; and that deep trees are
 * evaluated within an ordinary stack. */
#include <stdio.h>

#include "base/arena.h"
#include "base/buf.h"
#include "cedar.h"
#include "tests/harness.h"

static cedar_str cs(const struct rv_buf *b)
{
	return (cedar_str){ b->p, b->n };
}

static void repeat(struct rv_buf *b, const char *z, size_t n)
{
	for (size_t i = 0; i < n; i++)
		rv_buf_addz(b, z);
}

/* Values that a program builds nest 64 deep at most. */
TEST(built_values_nest_to_a_limit)
{
	enum { LIMIT = 64 };
	for (int records = 0; records < 2; records++) {
		cedar_scratch *s = cedar_scratch_new();
		cedar_value v = cedar_long(1);
		REQUIRE(s);
		for (int depth = 1; depth <= LIMIT + 1; depth++) {
			const cedar_pair p = { cedar_z("a"), v };
			cedar_error e = { .code = CEDAR_OK };
			cedar_value next;
			cedar_code code = records ? cedar_record_of(s, &p, 1, &next, &e)
						  : cedar_set_of(s, &v, 1, &next, &e);
			CHECKF(code == (depth <= LIMIT ? CEDAR_OK : CEDAR_ELIMIT), "%d: %d", depth,
				code);
			CHECK(code == CEDAR_OK || strstr(e.message, "64") != NULL);
			if (code == CEDAR_OK)
				v = next;
		}
		cedar_scratch_free(s);
	}
}

/* The same of JSON: attrs is the first of 64 levels. */
TEST(values_in_json_nest_to_a_limit)
{
	enum { LIMIT = 63 };
	RV_AUTO_BUF b;
	rv_buf_init(&b, 1 << 20);
	for (size_t depth = LIMIT - 1; depth <= LIMIT + 1; depth++) {
		cedar_entities *es = NULL;
		cedar_error e = { .code = CEDAR_OK };
		rv_buf_clear(&b);
		rv_buf_addz(&b,
			"[{\"uid\":{\"type\":\"U\",\"id\":\"a\"},\"parents\":[],\"attrs\":{\"x\":");
		repeat(&b, "[", depth);
		repeat(&b, "]", depth);
		rv_buf_addz(&b, "}}]");
		cedar_code code = cedar_entities_parse_json(cs(&b), &es, &e);
		CHECKF(code == (depth <= LIMIT ? CEDAR_OK : CEDAR_ELIMIT), "%zu: %d %s", depth,
			code, e.message);
		cedar_entities_free(es);
	}
}

TEST(policies_have_a_limit)
{
	for (size_t n = 4; n <= 6; n++) {
		const cedar_policies_opts opts = { .max_policies = 5 };
		RV_AUTO_BUF b;
		cedar_policies *ps = NULL;
		cedar_error e = { .code = CEDAR_OK };
		rv_buf_init(&b, 1 << 20);
		repeat(&b, "permit(principal, action, resource);", n);
		cedar_code code = cedar_policies_parse(cs(&b), &opts, &ps, &e);
		CHECKF(code == (n <= 5 ? CEDAR_OK : CEDAR_ELIMIT), "%zu: %d %s", n, code,
			e.message);
		cedar_policies_free(ps);
	}
}

static const cedar_entities *nobody(void)
{
	static cedar_entities *es;
	if (!es)
		CHECK(cedar_entities_new(NULL, 0, &es, NULL) == CEDAR_OK);
	return es;
}

/* Shapes that nest, and how deep each may be written; the deepest are evaluated, each to true. */
TEST(expressions_nest_to_a_limit_and_are_evaluated)
{
	static const struct {
		const char *open, *middle, *close;
		size_t limit;
	} rows[] = {
		{ "(", "true", ")", 249 },
		{ "true && ", "true", "", 999 },
		{ "false || ", "true", "", 999 },
		{ "if true then ", "true", " else false", 249 },
		{ "[1].contains(1) && (", "true", ")", 249 },
		{ "{a: ", "true", "}.a", 249 },
	};
	const cedar_request rq = { .n_overlay = 0 };
	cedar_scratch *s = cedar_scratch_new();
	REQUIRE(s);
	for (size_t i = 0; i < RV_COUNT(rows); i++)
		for (size_t n = rows[i].limit - 1; n <= rows[i].limit + 1; n++) {
			RV_AUTO_BUF b;
			cedar_value v = { 0 };
			cedar_error e = { .code = CEDAR_OK };
			rv_buf_init(&b, 1 << 20);
			repeat(&b, rows[i].open, n);
			rv_buf_addz(&b, rows[i].middle);
			repeat(&b, rows[i].close, n);
			cedar_code code = cedar_eval_text(cs(&b), nobody(), &rq, s, &v, &e);
			CHECKF(code == (n <= rows[i].limit ? CEDAR_OK : CEDAR_ELIMIT),
				"%s %zu: %d %s", rows[i].open, n, code, e.message);
			CHECK(code != CEDAR_OK || (v.kind == CEDAR_BOOL && v.u.boolean));
			cedar_scratch_clear(s);
		}
	cedar_scratch_free(s);
}

/* A request that needs more than a scratch may hold is denied, whatever was found, and says so. */
TEST(memory_has_a_limit)
{
	RV_AUTO_BUF b;
	cedar_policies *ps;
	cedar_answer a;
	const cedar_request rq = { .principal = cedar_uid_of(cedar_z("U"), cedar_z("a")),
		.action = cedar_uid_of(cedar_z("Action"), cedar_z("v")),
		.resource = cedar_uid_of(cedar_z("D"), cedar_z("d")) };
	cedar_scratch *s = cedar_scratch_new();
	cedar_error e = { .code = CEDAR_OK };
	REQUIRE(s);
	rv_buf_init(&b, 1 << 24);
	rv_buf_addz(&b, "permit(principal, action, resource);");
	for (int i = 0; i < 1000; i++) {
		rv_buf_addz(&b, "forbid(principal, action, resource) when { [");
		repeat(&b, "principal, ", 1500);
		rv_buf_addz(&b, "].isEmpty() };");
	}
	REQUIRE(cedar_policies_parse(cs(&b), NULL, &ps, &e) == CEDAR_OK);
	cedar_authorize(ps, nobody(), &rq, s, &a);
	CHECK(a.is_incomplete && a.decision == CEDAR_DENY);
	cedar_scratch_clear(s);
	cedar_policies_free(ps);
	/* The scratch is as good as new. */
	REQUIRE(cedar_policies_parse(cedar_z("permit(principal, action, resource);"), NULL, &ps,
			&e) == CEDAR_OK);
	cedar_authorize(ps, nobody(), &rq, s, &a);
	CHECK(!a.is_incomplete && a.decision == CEDAR_ALLOW);
	cedar_policies_free(ps);
	cedar_scratch_free(s);
}

/* Exact to the last bit, and an error beyond. */
TEST(integers_are_exact)
{
	static const struct {
		const char *text;
		bool is_error;
	} rows[] = {
		{ "9223372036854775806 + 1 == 9223372036854775807", false },
		{ "9223372036854775807 + 1 == 0", true },
		{ "-9223372036854775807 - 1 == -9223372036854775808", false },
		{ "-9223372036854775808 - 1 == 0", true },
		{ "3037000499 * 3037000499 == 9223372030926249001", false },
		{ "3037000500 * 3037000500 == 0", true },
		{ "-9223372036854775808 * 1 == -9223372036854775808", false },
		{ "-9223372036854775808 * -1 == 0", true },
		{ "-(-9223372036854775807) == 9223372036854775807", false },
		{ "-(-9223372036854775808) == 0", true },
		{ "9007199254740993 == 9007199254740992 + 1", false },
	};
	const cedar_request rq = { .n_overlay = 0 };
	cedar_scratch *s = cedar_scratch_new();
	REQUIRE(s);
	for (size_t i = 0; i < RV_COUNT(rows); i++) {
		cedar_value v = { 0 };
		cedar_error e = { .code = CEDAR_OK };
		cedar_code code = cedar_eval_text(cedar_z(rows[i].text), nobody(), &rq, s, &v, &e);
		CHECKF(code == (rows[i].is_error ? CEDAR_EEVAL : CEDAR_OK), "%s: %s", rows[i].text,
			e.message);
		CHECKF(rows[i].is_error || v.u.boolean, "%s", rows[i].text);
	}
	cedar_scratch_free(s);
}

MAIN()
