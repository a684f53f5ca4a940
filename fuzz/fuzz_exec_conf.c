#include "points/exec/exec.h"
#include "points/exec/ask.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* runner.yaml: what is taken can be printed and asked about, whatever its templates hold. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	RV_AUTO_ARENA a;
	RV_AUTO_BUF out;
	const struct rv_exec_conf *c;
	const struct rv_json *tree;
	struct rv_err err = { 0 };
	rv_arena_init(&a, 1 << 24);
	rv_buf_init(&out, 1 << 23);
	if (rv_exec_conf_read(&a, rv_str_n(data, n), "fuzz", &c, &err) != RV_OK) {
		rv_assert(err.code != RV_OK && err.msg[0] != '\0');
		return 0;
	}
	const struct rv_json_limits wide = { .max_bytes = 1 << 23 };
	rv_exec_conf_print(c, &out);
	rv_assert(rv_json_parse(&a, rv_buf_str(&out), &wide, &tree, &err) == RV_OK);
	for (size_t i = 0; i < c->n_commands; i++) {
		struct rv_exec_facts f;
		struct rv_str values[RV_EXEC_PARAMS_MAX];
		for (size_t k = 0; k < RV_EXEC_PARAMS_MAX; k++)
			values[k] = RV_STR("{value}");
		rv_exec_facts_init(&f);
		f.cmd = &c->commands[i];
		f.values = values;
		f.system = RV_STR("some");
		rv_buf_clear(&out);
		rv_exec_request_write(&f, RV_STR(""), &out);
		rv_assert(out.failed ||
			rv_json_parse(&a, rv_buf_str(&out), &wide, &tree, &err) == RV_OK);
	}
	return 0;
}
