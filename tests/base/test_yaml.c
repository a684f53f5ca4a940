#include "base/yaml.h"
#include "tests/harness.h"

static const struct {
	const char *in, *want, *msg;
	uint32_t line, col;
} cases[] = {
	{ "", "[]", NULL, 0, 0 },
	{ "a: 1\nb: [x, true, ~, \"3\"]\n", "[{\"a\":1,\"b\":[\"x\",true,null,\"3\"]}]", NULL, 0,
		0 },
	{ "a: 1\n---\n- 2\n", "[{\"a\":1},[2]]", NULL, 0, 0 },
	{ "d: 2026-11-23\nn: no\no: on\nv: 1.5\nh: 0x1f\nz: 007\n",
		"[{\"d\":\"2026-11-23\",\"n\":\"no\",\"o\":\"on\",\"v\":1.5,\"h\":\"0x1f\",\"z\":"
		"\"007\"}]",
		NULL, 0, 0 },
	{ "t: |\n  a\n  b\n", "[{\"t\":\"a\\nb\\n\"}]", NULL, 0, 0 },
	{ "k:\n", "[{\"k\":null}]", NULL, 0, 0 },
	{ "a: 1\na: 2\n", NULL, "'a' occurs twice, first on line 1", 2, 1 },
	{ "a: &x 1\nb: *x\n", NULL, "anchors are not allowed", 1, 4 },
	{ "b: *x\n", NULL, "aliases are not allowed", 1, 4 },
	{ "a: !!str 1\n", NULL, "tags are not allowed", 1, 4 },
	{ "<<: {a: 1}\n", NULL, "merge keys", 1, 1 },
	{ "? [a]\n: 1\n", NULL, "key must be plain text", 1, 3 },
	{ "a: [1\nb: 2\n", NULL, "expected ',' or ']'", 2, 2 },
	{ "a: 'x\n", NULL, "", 2, 1 },
	{ "\ta: 1\n", NULL, "", 1, 1 },
};

TEST(parse_table)
{
	for (size_t i = 0; i < RV_COUNT(cases); i++) {
		RV_AUTO_ARENA a;
		rv_arena_init(&a, 1 << 20);
		struct rv_err err = { 0 };
		const struct rv_json *v = NULL;
		enum rv_code code = rv_yaml_parse(&a, rv_str_of(cases[i].in), NULL, &v, &err);
		if (!cases[i].want) {
			CHECKF(code == RV_EINVAL && strstr(err.msg, cases[i].msg) &&
					err.line == cases[i].line && err.col == cases[i].col,
				"row %zu '%s': %s at %u:%u '%s'", i, cases[i].in,
				rv_code_name(code), err.line, err.col, err.msg);
			continue;
		}
		CHECKF(code == RV_OK, "row %zu '%s': %s", i, cases[i].in, err.msg);
		RV_AUTO_BUF out;
		rv_buf_init(&out, 4096);
		struct rv_json_w w;
		rv_json_w_init(&w, &out);
		if (code == RV_OK) {
			rv_json_w_value(&w, v);
			CHECK_STR(rv_buf_str(&out), cases[i].want);
		}
	}
}

TEST(depth_and_size)
{
	char text[300];
	for (uint32_t depth = 63; depth <= 65; depth++) {
		RV_AUTO_ARENA a;
		rv_arena_init(&a, 1 << 20);
		memset(text, '[', depth);
		memset(text + depth, ']', depth);
		const struct rv_json *v;
		enum rv_code code = rv_yaml_parse(&a, rv_str_n(text, 2 * depth), NULL, &v, NULL);
		CHECKF(code == (depth <= 64 ? RV_OK : RV_ELIMIT), "depth %u: %s", depth,
			rv_code_name(code));
	}
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 1 << 20);
	const struct rv_json *v;
	const struct rv_json_limits limits = { .max_bytes = 4 };
	CHECK(rv_yaml_parse(&a, RV_STR("a: 1"), &limits, &v, NULL) == RV_OK);
	CHECK(rv_yaml_parse(&a, RV_STR("a: 12"), &limits, &v, NULL) == RV_ELIMIT);
}

MAIN()
