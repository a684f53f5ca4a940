#include "base/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* What parses must print, read back equal and keep its canonical form. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 1 << 24);
	const struct rv_json *v, *back;
	struct rv_err err = { 0 };
	if (rv_yaml_parse(&a, rv_str_n(data, n), NULL, &v, &err) != RV_OK) {
		rv_assert(err.code != RV_OK && err.msg[0] != '\0');
		return 0;
	}
	RV_AUTO_BUF out;
	rv_buf_init(&out, 1 << 23);
	struct rv_json_w w;
	rv_json_w_init(&w, &out);
	rv_json_w_value(&w, v);
	const struct rv_json_limits wide = { .max_bytes = 1 << 23, .max_depth = 80 };
	rv_assert(rv_json_parse(&a, rv_buf_str(&out), &wide, &back, NULL) == RV_OK);
	rv_assert(rv_json_eq(v, back));
	RV_AUTO_BUF one, two;
	rv_buf_init(&one, 1 << 23);
	rv_buf_init(&two, 1 << 23);
	if (rv_json_canonical(v, &one, NULL) == RV_OK) {
		rv_assert(rv_json_parse(&a, rv_buf_str(&one), &wide, &back, NULL) == RV_OK);
		/* An integer of 2^53 written as a double reads back as an integer and may be
		 * refused. */
		if (rv_json_canonical(back, &two, NULL) == RV_OK)
			rv_assert(rv_str_eq(rv_buf_str(&one), rv_buf_str(&two)));
	}
	return 0;
}
