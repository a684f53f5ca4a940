#include "governance/spec_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static enum rv_code on_row(void *arg, struct rv_str doc, uint32_t line, struct rv_err *err)
{
	const struct rv_json *v;
	struct rv_arena *a = arg;
	rv_assert(line > 1);
	/* Whatever stood in the cells, the document is one. */
	return rv_json_parse(a, doc, NULL, &v, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	RV_AUTO_ARENA a;
	struct rv_err err = { 0 };
	rv_arena_init(&a, 64 << 20);
	enum rv_code code = rv_csv_read(&a, rv_str_n(data, n), on_row, &a, &err);
	rv_assert(code == RV_OK || (err.code == code && err.msg[0] != '\0'));
	return 0;
}
