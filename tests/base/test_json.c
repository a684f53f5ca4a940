#include <stdio.h>

#include "base/json.h"
#include "tests/harness.h"

/* want: the compact form, or NULL with the place and part of the message. */
static const struct {
	const char *in, *want, *msg;
	uint32_t line, col;
} parse_cases[] = {
	{ "{}", "{}", NULL, 0, 0 },
	{ " [1, -2,\n\"a\\u00e9\\ud83d\\ude00\"] ", "[1,-2,\"a\xc3\xa9\xf0\x9f\x98\x80\"]", NULL, 0,
		0 },
	{ "{\"b\":{\"a\":[true,false,null]}}", "{\"b\":{\"a\":[true,false,null]}}", NULL, 0, 0 },
	{ "9223372036854775807", "9223372036854775807", NULL, 0, 0 },
	{ "-9223372036854775808", "-9223372036854775808", NULL, 0, 0 },
	{ "9223372036854775808", "9223372036854775808", NULL, 0, 0 },
	{ "1.50", "1.50", NULL, 0, 0 },
	{ "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\\"\\\\/\\b\\f\\n\\r\\t\"", NULL, 0, 0 },
	{ "\"\\u0000\\u001f\"", "\"\\u0000\\u001f\"", NULL, 0, 0 },
	{ "", NULL, "found the end", 1, 1 },
	{ "{\"a\":1,}", NULL, "expected a name", 1, 8 },
	{ "[1,]", NULL, "expected a value", 1, 4 },
	{ "[1 2]", NULL, "expected ',' or ']'", 1, 4 },
	{ "{\"a\" 1}", NULL, "expected ':'", 1, 6 },
	{ "{a:1}", NULL, "expected a name", 1, 2 },
	{ "{\"a\":1,\n \"a\":2}", NULL, "'a' occurs twice", 2, 2 },
	{ "{\"\\u0061\":1,\"a\":2}", NULL, "'a' occurs twice", 1, 13 },
	{ "tru", NULL, "expected a value", 1, 1 },
	{ "nul", NULL, "expected a value", 1, 1 },
	{ "truefalse", NULL, "behind the end", 1, 5 },
	{ "01", NULL, "may not begin with 0", 1, 1 },
	{ "-", NULL, "needs a digit", 1, 2 },
	{ "+1", NULL, "expected a value", 1, 1 },
	{ "1.", NULL, "behind its point", 1, 3 },
	{ ".5", NULL, "expected a value", 1, 1 },
	{ "1e", NULL, "exponent", 1, 3 },
	{ "1e999", NULL, "too large", 1, 1 },
	{ "NaN", NULL, "expected a value", 1, 1 },
	{ "\"a", NULL, "not closed", 1, 3 },
	{ "\"a\\", NULL, "not closed", 1, 4 },
	{ "\"\\x41\"", NULL, "unknown escape", 1, 3 },
	{ "\"\\u12\"", NULL, "unknown escape", 1, 3 },
	{ "\"\\ud800\"", NULL, "surrogate", 1, 8 },
	{ "\"\\ud800\\u0041\"", NULL, "surrogate", 1, 8 },
	{ "\"\\udc00\"", NULL, "surrogate", 1, 3 },
	{ "\"a\nb\"", NULL, "control character", 1, 3 },
	{ "\"\xff\"", NULL, "UTF-8", 1, 2 },
	{ "\"\xc0\x80\"", NULL, "UTF-8", 1, 2 },
	{ "\"\xed\xa0\x80\"", NULL, "UTF-8", 1, 2 },
	{ "[", NULL, "found the end", 1, 2 },
	{ "{\"a\":", NULL, "found the end", 1, 6 },
	{ "{} x", NULL, "behind the end", 1, 4 },
	{ "/* */ 1", NULL, "expected a value", 1, 1 },
};

static void compact(const struct rv_json *v, struct rv_buf *out)
{
	struct rv_json_w w;
	rv_json_w_init(&w, out);
	rv_json_w_value(&w, v);
}

TEST(parse_table)
{
	for (size_t i = 0; i < RV_COUNT(parse_cases); i++) {
		RV_AUTO_ARENA a;
		rv_arena_init(&a, 1 << 20);
		struct rv_err err = { 0 };
		const struct rv_json *v = NULL;
		enum rv_code code = rv_json_parse(&a, rv_str_of(parse_cases[i].in), NULL, &v, &err);
		if (!parse_cases[i].want) {
			CHECKF(code == RV_EINVAL && strstr(err.msg, parse_cases[i].msg) &&
					err.line == parse_cases[i].line &&
					err.col == parse_cases[i].col,
				"row %zu '%s': %s at %u:%u '%s'", i, parse_cases[i].in,
				rv_code_name(code), err.line, err.col, err.msg);
			continue;
		}
		CHECKF(code == RV_OK, "row %zu '%s': %s", i, parse_cases[i].in, err.msg);
		RV_AUTO_BUF out;
		rv_buf_init(&out, 4096);
		if (code == RV_OK) {
			compact(v, &out);
			CHECK_STR(rv_buf_str(&out), parse_cases[i].want);
		}
	}
}

TEST(limits_at_and_over)
{
	char deep[200];
	for (uint32_t depth = 63; depth <= 65; depth++) {
		RV_AUTO_ARENA a;
		rv_arena_init(&a, 1 << 20);
		memset(deep, '[', depth);
		memset(deep + depth, ']', depth);
		const struct rv_json *v;
		struct rv_err err = { 0 };
		enum rv_code code = rv_json_parse(&a, rv_str_n(deep, 2 * depth), NULL, &v, &err);
		CHECKF(code == (depth <= 64 ? RV_OK : RV_ELIMIT), "depth %u: %s", depth,
			rv_code_name(code));
	}
	for (size_t n = 9; n <= 11; n++) {
		RV_AUTO_ARENA a;
		rv_arena_init(&a, 1 << 20);
		const struct rv_json *v;
		const struct rv_json_limits limits = { .max_bytes = 10 };
		enum rv_code code = rv_json_parse(
			&a, rv_str_sub(RV_STR("1          "), 0, n), &limits, &v, NULL);
		CHECK(code == (n <= 10 ? RV_OK : RV_ELIMIT));
	}
	RV_AUTO_ARENA tiny;
	rv_arena_init(&tiny, 64);
	const struct rv_json *v;
	CHECK(rv_json_parse(&tiny, RV_STR("[[[[[[[[1]]]]]]]]"), NULL, &v, NULL) == RV_ELIMIT);
}

/* What ends a run of plain characters is seen wherever it stands among the eight looked at at once.
 */
TEST(strings_of_every_length)
{
	static const struct {
		const char *in, *want; /* behind the run; want NULL: refused there */
	} ends[] = { { "", "" }, { "\\n", "\n" }, { "\\\"x", "\"x" }, { "\xc3\xa9", "\xc3\xa9" },
		{ "\x01", NULL }, { "\x80", NULL }, { "\x1f", NULL }, { "\x7f!", "\x7f!" } };
	for (size_t i = 0; i < RV_COUNT(ends); i++)
		for (size_t n = 0; n < 40; n++) {
			RV_AUTO_ARENA a;
			struct rv_err err = { 0 };
			const struct rv_json *v;
			char in[100], want[100];
			rv_arena_init(&a, 1 << 16);
			int len = snprintf(in, sizeof in, "\"%.*s%s%s\"", (int)n,
				"abcdefghijklmnopqrstuvwxyz0123456789!#$%&", ends[i].in, "tail]{}");
			(void)snprintf(want, sizeof want, "%.*s%stail]{}", (int)n,
				"abcdefghijklmnopqrstuvwxyz0123456789!#$%&",
				ends[i].want ? ends[i].want : "");
			enum rv_code code =
				rv_json_parse(&a, rv_str_n(in, (size_t)len), NULL, &v, &err);
			CHECKF(code == (ends[i].want ? RV_OK : RV_EINVAL), "%zu %zu", i, n);
			CHECKF(code != RV_OK || rv_str_eqz(v->str, want), "%zu %zu", i, n);
			CHECKF(code == RV_OK || err.col == n + 2, "%zu %zu: %u", i, n, err.col);
		}
}

struct items {
	size_t n;
	int64_t sum;
	size_t stop_at; /* 0: never */
};

static enum rv_code count_item(void *arg, const struct rv_json *item, struct rv_err *err)
{
	struct items *it = arg;
	const struct rv_json *a = rv_json_get(item, "a");
	it->n++;
	it->sum += a ? a->integer : 0;
	return it->n == it->stop_at ? RV_FAIL(err, RV_EBUSY, "enough") : RV_OK;
}

TEST(items_of_an_array)
{
	static const struct {
		const char *in;
		size_t n;
		int64_t sum;
		enum rv_code code;
		uint32_t line, col;
	} cases[] = {
		{ "[]", 0, 0, RV_OK, 0, 0 },
		{ " [ ] ", 0, 0, RV_OK, 0, 0 },
		{ "[{\"a\":1},\n {}, {\"a\":41}]", 3, 42, RV_OK, 0, 0 },
		{ "{}", 0, 0, RV_EINVAL, 1, 1 },
		{ "", 0, 0, RV_EINVAL, 1, 1 },
		{ "[", 0, 0, RV_EINVAL, 1, 2 },
		{ "[1,]", 1, 0, RV_EINVAL, 1, 4 },
		{ "[1 2]", 1, 0, RV_EINVAL, 1, 4 },
		{ "[1", 1, 0, RV_EINVAL, 1, 3 },
		{ "[1] 2", 1, 0, RV_EINVAL, 1, 5 },
		{ "[{\"a\":1},\n{\"a\":1,\"a\":2}]", 1, 1, RV_EINVAL, 2, 8 },
	};
	for (size_t i = 0; i < RV_COUNT(cases); i++) {
		RV_AUTO_ARENA a;
		struct rv_err err = { 0 };
		struct items it = { .n = 0 };
		rv_arena_init(&a, 1 << 16);
		enum rv_code code = rv_json_parse_items(
			&a, rv_str_of(cases[i].in), NULL, count_item, &it, &err);
		CHECKF(code == cases[i].code && it.n == cases[i].n && it.sum == cases[i].sum,
			"%s: %d, %zu items", cases[i].in, code, it.n);
		CHECKF(err.line == cases[i].line && err.col == cases[i].col, "%s: %u:%u",
			cases[i].in, err.line, err.col);
	}
	RV_AUTO_ARENA a;
	struct rv_err err = { 0 };
	struct items it = { .stop_at = 2 };
	rv_arena_init(&a, 1 << 16);
	CHECK(rv_json_parse_items(&a, RV_STR("[1,2,3]"), NULL, count_item, &it, &err) == RV_EBUSY);
	CHECK(it.n == 2);
}

TEST(integers_only)
{
	const struct rv_json_limits limits = { .integers_only = true };
	static const char *const bad[] = { "1.0", "1e3", "9223372036854775808", "[1,2.5]" };
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 1 << 20);
	const struct rv_json *v;
	for (size_t i = 0; i < RV_COUNT(bad); i++)
		CHECKF(rv_json_parse(&a, rv_str_of(bad[i]), &limits, &v, NULL) == RV_EINVAL, "%s",
			bad[i]);
	CHECK(rv_json_parse(&a, RV_STR("-7"), &limits, &v, NULL) == RV_OK && v->integer == -7);
}

TEST(duplicate_names_in_a_large_object)
{
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 1 << 22);
	RV_AUTO_BUF text;
	rv_buf_init(&text, 1 << 20);
	rv_buf_addc(&text, '{');
	for (int i = 0; i < 1000; i++)
		rv_buf_printf(&text, "\"k%d\":%d,", i, i);
	size_t n = text.n;
	rv_buf_addz(&text, "\"k1000\":0}");
	const struct rv_json *v;
	CHECK(rv_json_parse(&a, rv_buf_str(&text), NULL, &v, NULL) == RV_OK &&
		v->n_members == 1001);
	text.n = n;
	rv_buf_addz(&text, "\"k500\":0}");
	struct rv_err err = { 0 };
	CHECK(rv_json_parse(&a, rv_buf_str(&text), NULL, &v, &err) == RV_EINVAL);
	CHECK(strstr(err.msg, "'k500' occurs twice"));
}

/* Small objects are searched by pairs, large ones sorted: around where that changes, with names of
 * one length and the same ends. */
TEST(duplicate_names_at_the_limit)
{
	for (int n = 63; n <= 66; n++) {
		for (int twice = 0; twice < 2; twice++) {
			RV_AUTO_ARENA a;
			RV_AUTO_BUF text;
			const struct rv_json *v;
			rv_arena_init(&a, 1 << 20);
			rv_buf_init(&text, 1 << 16);
			rv_buf_addz(&text, "{\"\":0");
			for (int i = 1; i < n; i++)
				rv_buf_printf(&text, ",\"a%03dz\":0", twice && i == n - 1 ? 1 : i);
			rv_buf_addc(&text, '}');
			enum rv_code code = rv_json_parse(&a, rv_buf_str(&text), NULL, &v, NULL);
			CHECKF(code == (twice ? RV_EINVAL : RV_OK), "%d names, twice %d", n, twice);
		}
	}
}

/* Expected texts are ECMAScript's, worked out by JSON.stringify. */
TEST(canonical_form)
{
	static const struct {
		const char *in, *want;
	} cases[] = {
		{ "{\"b\":1,\"a\":2}", "{\"a\":2,\"b\":1}" },
		{ "{\"aa\":1,\"a\":2,\"\":3}", "{\"\":3,\"a\":2,\"aa\":1}" },
		/* U+FB33 sorts behind U+1F600, whose first UTF-16 unit is D83D. */
		{ "{\"\xef\xac\xb3\":1,\"\xf0\x9f\x98\x80\":2}",
			"{\"\xf0\x9f\x98\x80\":2,\"\xef\xac\xb3\":1}" },
		{ "{\"\xc3\xb6\":1,\"\xc3\xa9\":2,\"z\":3}",
			"{\"z\":3,\"\xc3\xa9\":2,\"\xc3\xb6\":1}" },
		{ "[1.0,-0,0.1,1e21,1e20,1e-6,1e-7,123456789012.5]",
			"[1,0,0.1,1e+21,100000000000000000000,0.000001,1e-7,123456789012.5]" },
		{ "[5e-324,1.7976931348623157e308,-1.5e10,333333333.33333329]",
			"[5e-324,1.7976931348623157e+308,-15000000000,333333333.3333333]" },
		{ "\"\\u0041\\u000f\\u20ac\\/\"", "\"A\\u000f\xe2\x82\xac/\"" },
		{ "9007199254740992", "9007199254740992" },
	};
	for (size_t i = 0; i < RV_COUNT(cases); i++) {
		RV_AUTO_ARENA a;
		rv_arena_init(&a, 1 << 20);
		const struct rv_json *v;
		RV_AUTO_BUF out;
		rv_buf_init(&out, 4096);
		REQUIRE(rv_json_parse(&a, rv_str_of(cases[i].in), NULL, &v, NULL) == RV_OK);
		CHECK(rv_json_canonical(v, &out, NULL) == RV_OK);
		CHECK_STR(rv_buf_str(&out), cases[i].want);
	}
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 1 << 20);
	const struct rv_json *v;
	RV_AUTO_BUF out;
	rv_buf_init(&out, 4096);
	REQUIRE(rv_json_parse(&a, RV_STR("[9007199254740993]"), NULL, &v, NULL) == RV_OK);
	CHECK(rv_json_canonical(v, &out, NULL) == RV_EINVAL);
}

TEST(checked_object)
{
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 1 << 20);
	const struct rv_json *v;
	struct rv_err err = { 0 };
	struct rv_json_obj o;
	struct rv_str s = { 0 };
	int64_t n = 5;
	REQUIRE(rv_json_parse(&a, RV_STR("{\"id\":7,\n\"size\":11,\"odd\":1}"), NULL, &v, NULL) ==
		RV_OK);
	REQUIRE(rv_json_obj_open(&o, v, "subject", NULL) == RV_OK);
	CHECK(rv_json_need_str(&o, "id", &s, &err) == RV_EINVAL);
	CHECK_STR(rv_str_of(err.msg), "subject.id: must be a string, not an integer");
	rv_err_clear(&err);
	CHECK(rv_json_need_str(&o, "name", &s, &err) == RV_EINVAL);
	CHECK_STR(rv_str_of(err.msg), "subject.name: is required");
	rv_err_clear(&err);
	CHECK(rv_json_opt_i64(&o, "size", 0, 10, &n, &err) == RV_EINVAL && n == 5 && err.line == 2);
	rv_err_clear(&err);
	CHECK(rv_json_obj_close(&o, &err) == RV_EINVAL);
	CHECK_STR(rv_str_of(err.msg),
		"subject.odd: is not a known field; known here: id, name, size");
	rv_err_clear(&err);
	CHECK(rv_json_obj_open(&o, rv_json_get(v, "id"), "x", &err) == RV_EINVAL);
	CHECK_STR(rv_str_of(err.msg), "x: must be an object, not an integer");
}

TEST(equality)
{
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 1 << 20);
	const struct rv_json *x, *y, *z;
	REQUIRE(rv_json_parse(&a, RV_STR("{\"a\":[1,2.0],\"b\":null}"), NULL, &x, NULL) == RV_OK);
	REQUIRE(rv_json_parse(&a, RV_STR("{\"b\":null,\"a\":[1.0,2]}"), NULL, &y, NULL) == RV_OK);
	REQUIRE(rv_json_parse(&a, RV_STR("{\"b\":null,\"a\":[2,1]}"), NULL, &z, NULL) == RV_OK);
	CHECK(rv_json_eq(x, y));
	CHECK(!rv_json_eq(x, z));
}

/* Each byte at each place of a longer string: strings are looked through eight bytes at a time. */
TEST(every_byte_at_every_place)
{
	for (int c = 0; c < 256; c++) {
		for (size_t at = 0; at < 19; at++) {
			char in[20], text[64];
			RV_AUTO_BUF out;
			rv_buf_init(&out, 4096);
			memset(in, 'a', sizeof in);
			in[at] = (char)c;
			struct rv_json_w w;
			rv_json_w_init(&w, &out);
			rv_json_w_str(&w, rv_str_n(in, 19));
			char plain[2] = { (char)c, 0 };
			const char *mid = plain;
			char u[8];
			snprintf(u, sizeof u, "\\u%04x", (unsigned)c);
			if (c >= 0x80)
				mid = "\xef\xbf\xbd";
			else if (c == '"' || c == '\\')
				mid = c == '"' ? "\\\"" : "\\\\";
			else if (c < 0x20)
				mid = c == 8	  ? "\\b"
					: c == 9  ? "\\t"
					: c == 10 ? "\\n"
					: c == 12 ? "\\f"
					: c == 13 ? "\\r"
						  : u;
			snprintf(text, sizeof text, "\"%.*s%s%.*s\"", (int)at, in, mid,
				(int)(18 - at), in + at + 1);
			CHECKF(rv_str_eqz(rv_buf_str(&out), text), "byte %d at %zu: %.*s", c, at,
				RV_FMT(rv_buf_str(&out)));
			/* Raw, as a reader meets it. */
			RV_AUTO_ARENA a;
			rv_arena_init(&a, 1 << 16);
			const struct rv_json *v;
			char raw[24] = "\"";
			memcpy(raw + 1, in, 19);
			raw[20] = '"';
			bool ok = rv_json_parse(&a, rv_str_n(raw, 21), NULL, &v, NULL) == RV_OK;
			bool want = c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
			/* An escaped letter or a quote at the end reads as something else. */
			if (c != '\\')
				CHECKF(ok == want, "raw byte %d at %zu", c, at);
		}
	}
}

/* Objects of every size that is looked through differently: the last name is a new one, or that of
 * any other. */
TEST(a_name_twice_among_many)
{
	static const size_t sizes[] = { 2, 8, 9, 30, 64, 65, 200 };
	for (size_t k = 0; k < RV_COUNT(sizes); k++) {
		size_t n = sizes[k];
		for (size_t last = 0; last < n; last++) {
			RV_AUTO_BUF in;
			RV_AUTO_ARENA a;
			const struct rv_json *v;
			struct rv_err err = { 0 };
			char name[32];
			rv_buf_init(&in, 1 << 16);
			rv_arena_init(&a, 1 << 20);
			for (size_t i = 0; i + 1 < n; i++)
				rv_buf_printf(&in, "%c\"n%zu\":0", i ? ',' : '{', i);
			rv_buf_printf(&in, ",\n\"n%zu\":0}", last);
			snprintf(name, sizeof name, "'n%zu'", last);
			enum rv_code code = rv_json_parse(&a, rv_buf_str(&in), NULL, &v, &err);
			if (last + 1 == n)
				CHECKF(code == RV_OK, "%zu names: %s", n, err.msg);
			else
				CHECKF(code == RV_EINVAL && err.line == 2 && strstr(err.msg, name),
					"%zu names, %zu twice: %s", n, last, err.msg);
		}
	}
}

MAIN()
