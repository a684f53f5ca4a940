/* Writes a log for verifiers that are not ours: DIR/static (c2sp.org/tlog-tiles, its checkpoint
 * cosigned), DIR/vkey, DIR/witness, DIR/saved (a checkpoint of half of it), DIR/receipt, DIR/leaf.
 * Usage: make_log DIR EVENTS [FORK]   FORK: other events under the same key */
#include "tests/ledger/lab.h"

static const char *dir;

static void put(const char *name, struct rv_str bytes)
{
	char path[600];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	rv_assert(rv_file_write(path, bytes, 0644, NULL) == RV_OK);
}

/* What a witness adds, taken over by the log as in life. */
static void cosign(struct lab *b)
{
	struct rv_ledger_key k;
	RV_AUTO_BUF note, vkey;
	rv_buf_init(&note, RV_CHECKPOINT_MAX);
	rv_buf_init(&vkey, 1000);
	memset(k.seed, 33, sizeof k.seed);
	rv_assert(rv_ledger_checkpoint(b->l, true, &note, NULL) == RV_OK);
	RV_AUTO_BUF both;
	rv_buf_init(&both, RV_CHECKPOINT_MAX);
	rv_buf_add(&both, rv_buf_str(&note));
	rv_assert(rv_witness_cosign(rv_buf_str(&note), &k, RV_STR("witness.example/w1"),
			  rv_clock_unix_ns(rv_clock_system()), &both, NULL) == RV_OK);
	rv_assert(rv_ledger_cosigned(b->l, rv_buf_str(&both), NULL) == RV_OK);
	rv_assert(rv_witness_vkey(&k, RV_STR("witness.example/w1"), &vkey, NULL) == RV_OK);
	put("witness", rv_buf_str(&vkey));
	put("static/checkpoint", rv_buf_str(&both));
}

int main(int argc, char **argv)
{
	struct lab b;
	uint64_t n = 0;
	struct rv_tlog_exported x;
	struct rv_ledger_entry e;
	char path[600];
	RV_AUTO_ARENA a;
	RV_AUTO_BUF saved, receipt;
	if (argc < 3 || !rv_str_u64(rv_str_of(argv[2]), &n) || n < 10)
		return 2;
	dir = argv[1];
	rv_arena_init(&a, 1 << 20);
	rv_buf_init(&saved, 1 << 14);
	rv_buf_init(&receipt, 1 << 16);
	lab_init(&b);
	lab_must_open(&b);
	uint64_t from = argc > 3 ? 1000000 : 0;
	rv_assert(lab_append(&b, from, n / 2, 1000, NULL) == RV_OK);
	rv_assert(rv_ledger_checkpoint(b.l, true, &saved, NULL) == RV_OK);
	rv_assert(lab_append(&b, from + n / 2, n - n / 2, 1000, NULL) == RV_OK);
	RV_AUTO_BUF now;
	rv_buf_init(&now, 1 << 14);
	rv_assert(rv_ledger_checkpoint(b.l, true, &now, NULL) == RV_OK);
	snprintf(path, sizeof path, "%s/static", dir);
	const struct rv_tlog_src src = rv_tlog_log(b.l);
	rv_assert(rv_tlog_export(&src, path, &x, NULL) == RV_OK && x.size == n);
	cosign(&b);
	rv_assert(rv_ledger_read(b.l, &a, n / 3, &e, NULL) == RV_OK);
	rv_assert(rv_ledger_receipt(b.l, n / 3, &receipt, NULL) == RV_OK);
	put("leaf", e.leaf);
	put("receipt", rv_buf_str(&receipt));
	put("saved", rv_buf_str(&saved));
	put("vkey", rv_str_of(b.vkey));
	lab_done(&b);
	return 0;
}
