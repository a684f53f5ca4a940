#include "ledger/ledger.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define VKEY ""

/* Checkpoints, proofs and receipts come from anyone. Nothing here is signed, so with a key nothing
 * may pass. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct rv_str s = rv_str_n(data, n);
	struct rv_checkpoint c, back;
	struct rv_proof p;
	struct rv_err err = { 0 };
	uint64_t index, size;
	if (rv_checkpoint_open(s, NULL, &c, &err) == RV_OK) {
		/* What was read can be signed and read again. */
		struct rv_ledger_key k = { .seed = { 1 } };
		RV_AUTO_BUF b;
		rv_buf_init(&b, RV_CHECKPOINT_MAX);
		rv_assert(rv_checkpoint_sign(&c, &k, &b, NULL) == RV_OK);
		rv_assert(rv_checkpoint_open(rv_buf_str(&b), NULL, &back, NULL) == RV_OK);
		rv_assert(back.size == c.size && rv_sha256_eq(&back.root, &c.root));
	} else {
		rv_assert(err.msg[0]);
	}
	if (rv_proof_parse(s, &p, NULL) == RV_OK) {
		RV_AUTO_BUF b;
		rv_buf_init(&b, 1 << 16);
		rv_proof_write(&p, &b);
		rv_assert(rv_str_eq(rv_buf_str(&b), s));
		/* Roots that nobody computed. */
		if (p.n >= 2) {
			rv_assert(rv_tree_check_inclusion(
					  &p.hash[0], n, n + 5, &p, &p.hash[1], NULL) != RV_OK);
			rv_assert(rv_tree_check_consistency(
					  n, &p.hash[0], n + 5, &p.hash[1], &p, NULL) != RV_OK);
		}
	}
	rv_assert(rv_receipt_check(s, RV_STR("leaf"), VKEY, &index, &size, NULL) != RV_OK);
	rv_assert(rv_witness_check(VKEY, s, s, s, NULL) != RV_OK);
	return 0;
}
