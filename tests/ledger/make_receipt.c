/* Writes LEAF, RECEIPT and VKEY of event N of a small log into a folder: food for
 * verify_by_hand.sh. Usage: make_receipt FOLDER EVENT EVENTS */
#include "tests/ledger/lab.h"

static void put(const char *dir, const char *name, struct rv_str bytes)
{
	char path[600];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	rv_assert(rv_file_write(path, bytes, 0644, NULL) == RV_OK);
}

int main(int argc, char **argv)
{
	struct lab b;
	struct rv_ledger_entry e;
	uint64_t seq = 0, n = 0;
	RV_AUTO_ARENA a;
	RV_AUTO_BUF r;
	if (argc != 4 || !rv_str_u64(rv_str_of(argv[2]), &seq) ||
		!rv_str_u64(rv_str_of(argv[3]), &n))
		return 2;
	rv_arena_init(&a, 1 << 20);
	rv_buf_init(&r, 1 << 16);
	lab_init(&b);
	lab_must_open(&b);
	rv_assert(lab_append(&b, 0, n, 10, NULL) == RV_OK);
	rv_assert(rv_ledger_read(b.l, &a, seq, &e, NULL) == RV_OK);
	rv_assert(rv_ledger_receipt(b.l, seq, &r, NULL) == RV_OK);
	put(argv[1], "leaf", e.leaf);
	put(argv[1], "receipt", rv_buf_str(&r));
	put(argv[1], "vkey", rv_str_of(b.vkey));
	lab_done(&b);
	return 0;
}
