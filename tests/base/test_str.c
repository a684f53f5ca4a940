#include "base/str.h"
#include "tests/harness.h"

TEST(integers)
{
	static const struct {
		const char *in;
		bool ok;
		int64_t want;
	} cases[] = {
		{ "0", true, 0 },
		{ "-1", true, -1 },
		{ "9223372036854775807", true, INT64_MAX },
		{ "-9223372036854775808", true, INT64_MIN },
		{ "9223372036854775808", false, 0 },
		{ "-9223372036854775809", false, 0 },
		{ "", false, 0 },
		{ "-", false, 0 },
		{ "+1", false, 0 },
		{ " 1", false, 0 },
		{ "1 ", false, 0 },
		{ "0x1", false, 0 },
		{ "99999999999999999999", false, 0 },
	};
	for (size_t i = 0; i < RV_COUNT(cases); i++) {
		int64_t v = 0;
		bool ok = rv_str_i64(rv_str_of(cases[i].in), &v);
		CHECKF(ok == cases[i].ok && v == cases[i].want, "'%s'", cases[i].in);
	}
	uint64_t u;
	CHECK(rv_str_u64(RV_STR("18446744073709551615"), &u) && u == UINT64_MAX);
	CHECK(!rv_str_u64(RV_STR("18446744073709551616"), &u));
}

TEST(utf8)
{
	static const struct {
		struct rv_str in;
		bool ok;
	} cases[] = {
		{ RV_STR_INIT("plain ascii, long"), true },
		{ RV_STR_INIT("\xc3\xa9"), true },
		{ RV_STR_INIT("\xf4\x8f\xbf\xbf"), true },
		{ RV_STR_INIT("\0"), true },
		{ RV_STR_INIT("\xc3"), false },
		{ RV_STR_INIT("\x80"), false },
		{ RV_STR_INIT("\xc1\x81"), false },
		{ RV_STR_INIT("\xe0\x80\x80"), false },
		{ RV_STR_INIT("\xed\xbf\xbf"), false },
		{ RV_STR_INIT("\xf4\x90\x80\x80"), false },
		{ RV_STR_INIT("\xf5\x80\x80\x80"), false },
		{ RV_STR_INIT("12345678\xff"), false },
		{ RV_STR_INIT("\xe2\x82"), false },
	};
	for (size_t i = 0; i < RV_COUNT(cases); i++)
		CHECKF(rv_str_is_utf8(cases[i].in) == cases[i].ok, "row %zu", i);
	for (uint32_t c = 0; c < 0x110000; c += c < 0x900 ? 1 : 97) {
		if (c >= 0xd800 && c < 0xe000)
			continue;
		char four[4];
		uint32_t back;
		size_t n = rv_utf8_put(c, four);
		CHECKF(rv_utf8_get(rv_str_n(four, n), 0, &back) == n && back == c, "U+%04X", c);
	}
}

TEST(slugs)
{
	static const char *const good[] = { "a", "deploy-bot", "7up", "a1-b2" };
	static const char *const bad[] = { "", "-a", "a-", "A", "a_b", "a.b", "a b", "\xc3\xa9",
		"abcdefghijk" };
	for (size_t i = 0; i < RV_COUNT(good); i++)
		CHECKF(rv_str_is_slug(rv_str_of(good[i]), 10), "%s", good[i]);
	for (size_t i = 0; i < RV_COUNT(bad); i++)
		CHECKF(!rv_str_is_slug(rv_str_of(bad[i]), 10), "%s", bad[i]);
}

TEST(cutting)
{
	struct rv_str rest = RV_STR("a,,b"), part;
	CHECK(rv_str_split(&rest, ',', &part) && rv_str_eqz(part, "a"));
	CHECK(rv_str_split(&rest, ',', &part) && part.n == 0);
	CHECK(rv_str_split(&rest, ',', &part) && rv_str_eqz(part, "b"));
	CHECK(!rv_str_split(&rest, ',', &part));
	CHECK_STR(rv_str_trim(RV_STR(" \t x y\r\n")), "x y");
	CHECK(rv_str_trim(RV_STR("  ")).n == 0);
	CHECK_STR(rv_str_sub(RV_STR("abc"), 1, 99), "bc");
	CHECK(rv_str_sub(RV_STR("abc"), 5, 9).n == 0);
	CHECK(rv_str_cmp(RV_STR("a"), RV_STR("ab")) < 0 &&
		rv_str_cmp(RV_STR("b"), RV_STR("ab")) > 0);
	CHECK(rv_str_ieq(RV_STR("Host"), RV_STR("hOST")) &&
		!rv_str_ieq(RV_STR("a"), RV_STR("\xc1")));
	CHECK(rv_str_eq_secret(RV_STR("tok"), RV_STR("tok")));
	CHECK(!rv_str_eq_secret(RV_STR("tok"), RV_STR("toK")));
	CHECK(!rv_str_eq_secret(RV_STR("tok"), RV_STR("toke")));
}

TEST(error_values)
{
	struct rv_err err = { 0 };
	CHECK(RV_FAIL_AT(&err, RV_EINVAL, "a.yaml", 3, 7, "bad '%s'", "x") == RV_EINVAL);
	CHECK(RV_FAIL(&err, RV_EIO, "later") == RV_EIO); /* the first failure stays */
	rv_err_prefix(&err, "apply: ");
	rv_err_where(&err, "other");
	char text[900];
	CHECK(strcmp(rv_err_text(&err, text, sizeof text), "a.yaml:3:7: apply: bad 'x'") == 0);
	CHECK(err.code == RV_EINVAL && rv_code_http(err.code) == 400 &&
		rv_code_exit(err.code) == 2);
	CHECK(strcmp(rv_code_name((enum rv_code)999), "?") == 0);
	CHECK(RV_FAIL(NULL, RV_EIO, "nobody listens") == RV_EIO);
}

MAIN()
