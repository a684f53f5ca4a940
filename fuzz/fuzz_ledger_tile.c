#include "ledger/ledger.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* A tile's name comes in a URL, a bundle from any server. A name that passes has one spelling; a
 * bundle that passes is taken apart into just its bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct rv_str s = rv_str_n(data, n), rest = s, leaf;
	struct rv_tile t;
	struct rv_err err = { 0 };
	if (rv_tile_parse(s, &t, &err) == RV_OK) {
		RV_AUTO_BUF b;
		rv_buf_init(&b, 256);
		rv_tile_path(&t, &b);
		rv_assert(rv_str_eq(rv_str_sub(rv_buf_str(&b), 5, b.n), s));
		rv_assert(t.width >= 1 && t.width <= RV_TILE_LEAVES && t.level <= 63);
		rv_assert(rv_tile_width(t.n, t.level, t.n) <= RV_TILE_LEAVES);
	} else {
		rv_assert(err.msg[0]);
	}
	size_t taken = 0;
	rv_err_clear(&err);
	while (rest.n > 0 && rv_bundle_next(&rest, &leaf, &err) == RV_OK)
		taken += 2 + leaf.n;
	rv_assert(taken + rest.n == n && (rest.n == 0) == (err.msg[0] == '\0'));
	return 0;
}
