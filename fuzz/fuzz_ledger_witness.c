#include "ledger/ledger_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* The body of add-checkpoint, cosigned notes and rotations come from anyone. Without a signature
 * nothing is cosigned and no key is believed. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static char witness_key[400], log_key[400];
	struct rv_str s = rv_str_n(data, n);
	struct rv_witness_request q;
	struct rv_err err = { 0 };
	int64_t at;
	if (!witness_key[0]) {
		const struct rv_ledger_key k = { .seed = { 3 } };
		RV_AUTO_BUF b;
		rv_buf_init(&b, 400);
		rv_assert(rv_witness_vkey(&k, RV_STR("w"), &b, NULL) == RV_OK);
		snprintf(witness_key, sizeof witness_key, "%s", rv_buf_z(&b));
		rv_buf_clear(&b);
		rv_assert(rv_ledger_vkey(&k, RV_STR("a"), &b, NULL) == RV_OK);
		snprintf(log_key, sizeof log_key, "%s", rv_buf_z(&b));
	}
	if (rv_witness_request_parse(s, &q, &err) == RV_OK) {
		RV_AUTO_BUF b;
		rv_buf_init(&b, n + 64);
		rv_witness_request_write(q.old_size, &q.proof, q.note, &b);
		rv_assert(rv_str_eq(rv_buf_str(&b), s));
	} else {
		rv_assert(err.msg[0]);
	}
	rv_assert(rv_witness_cosigned(s, witness_key, &at, NULL) != RV_OK);
	struct rv_keychain chain;
	if (n > 0)
		rv_assert(rv_keychain_read(s, log_key, &chain, NULL) != RV_OK);
	return 0;
}
