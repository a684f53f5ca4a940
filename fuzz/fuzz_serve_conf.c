#include "cli/serve_conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* serve.yaml: a refusal has a place and words; what is taken reads back from its own print as the
 * same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct rv_serve_conf c = { 0 }, again = { 0 };
	struct rv_err err = { 0 };
	RV_AUTO_ARENA a;
	RV_AUTO_BUF out;
	rv_arena_init(&a, 1 << 24);
	rv_buf_init(&out, 1 << 23);
	if (rv_serve_conf_file(&a, rv_str_n(data, n), "fuzz", &c, &err) != RV_OK) {
		rv_assert(err.code != RV_OK && err.msg[0] != '\0' && err.where[0] != '\0');
		return 0;
	}
	if (rv_serve_conf_check(&c, &err) != RV_OK) {
		rv_assert(err.msg[0] != '\0');
		return 0;
	}
	rv_serve_conf_print(&c, &out);
	rv_assert(rv_serve_conf_file(&a, rv_buf_str(&out), "again", &again, &err) == RV_OK);
	rv_assert(rv_serve_conf_check(&again, &err) == RV_OK);
	for (size_t i = 0; i < RV_SERVE_KEYS; i++) {
		const char *was = c.v[i].text, *is = again.v[i].text;
		rv_assert(c.v[i].number == again.v[i].number);
		rv_assert(!was == !is && (!was || strcmp(was, is) == 0));
	}
	rv_assert(c.listens.n == again.listens.n);
	for (size_t i = 0; i < c.listens.n; i++)
		rv_assert(strcmp(c.listens.v[i], again.listens.v[i]) == 0);
	return 0;
}
