/* What a thief of the log's key can do: copies a log with one event changed, every leaf and the
 * whole tree computed anew, and signs it. The copy is consistent and carries the right signature;
 * only a checkpoint that was kept elsewhere tells it from the true one.
 *
 * Usage: forge_log LEDGER LOG_KEY NEW_FOLDER SEQ FROM TO    changes FROM to TO in event SEQ */
#include <stdio.h>

#include "base/file.h"
#include "ledger/ledger.h"

enum { MEMORY_MAX = 64 << 20 };

struct forge {
	struct rv_ledger *from, *to;
	struct rv_clock clock; /* the copy is written at the times of the true one */
	uint64_t seq;
	struct rv_str old_text, new_text;
	bool is_done;
};

static enum rv_code open_both(
	struct forge *f, const char *dir, const char *key_file, const char *to, struct rv_err *err)
{
	struct rv_ledger_key key;
	struct rv_checkpoint c;
	struct rv_str seed;
	RV_AUTO_ARENA a;
	RV_AUTO_BUF note;
	rv_arena_init(&a, MEMORY_MAX);
	rv_buf_init(&note, RV_CHECKPOINT_MAX);
	const struct rv_ledger_opts read = { .dir = dir };
	RV_TRY(rv_ledger_open(&read, &f->from, err));
	RV_TRY(rv_ledger_checkpoint(f->from, false, &note, err));
	RV_TRY(rv_checkpoint_open(rv_buf_str(&note), NULL, &c, err));
	RV_TRY(rv_file_read(&a, key_file, 4096, &seed, err));
	RV_TRY(rv_ledger_key_load(seed, &key, err));
	const struct rv_ledger_opts write = { .dir = to,
		.origin = c.origin,
		.key = &key,
		.clock = &f->clock,
		.segment_bytes = 4 << 20 };
	return rv_ledger_open(&write, &f->to, err);
}

/* The event with the text changed, in the arena. */
static enum rv_code change(struct forge *f, struct rv_arena *a, struct rv_str event,
	struct rv_str *ret, struct rv_err *err)
{
	for (size_t at = 0; at + f->old_text.n <= event.n; at++) {
		if (memcmp(event.p + at, f->old_text.p, f->old_text.n) != 0)
			continue;
		size_t n = event.n - f->old_text.n + f->new_text.n;
		char *p = rv_arena_raw(a, n + 1);
		if (!p)
			return RV_FAIL_ARENA(err);
		memcpy(p, event.p, at);
		memcpy(p + at, f->new_text.p, f->new_text.n);
		memcpy(p + at + f->new_text.n, event.p + at + f->old_text.n,
			event.n - at - f->old_text.n);
		*ret = rv_str_n(p, n);
		f->is_done = true;
		return RV_OK;
	}
	return RV_FAIL(err, RV_ENOENT, "event %llu does not hold '%.*s'",
		(unsigned long long)f->seq, RV_FMT(f->old_text));
}

static enum rv_code copy(struct forge *f, struct rv_err *err)
{
	uint64_t size = rv_ledger_size(f->from);
	for (uint64_t seq = 0; seq < size; seq++) {
		struct rv_ledger_entry e;
		RV_AUTO_ARENA a;
		rv_arena_init(&a, MEMORY_MAX);
		RV_TRY(rv_ledger_read(f->from, &a, seq, &e, err));
		struct rv_ledger_record r = { .event = e.event, .side = e.side };
		if (seq == f->seq)
			RV_TRY(change(f, &a, e.event, &r.event, err));
		f->clock.fake_unix_ns = e.logged_ns;
		RV_TRY(rv_ledger_append(f->to, &r, 1, NULL, err));
	}
	return f->is_done ? RV_OK : RV_FAIL(err, RV_ENOENT, "the log has no such event");
}

int main(int argc, char **argv)
{
	struct forge f = { .clock = { .is_fake = true } };
	struct rv_err err = { 0 };
	char text[900];
	if (argc != 7 || !rv_str_u64(rv_str_of(argv[4]), &f.seq)) {
		fprintf(stderr, "usage: forge_log LEDGER LOG_KEY NEW_FOLDER SEQ FROM TO\n");
		return 2;
	}
	f.old_text = rv_str_of(argv[5]);
	f.new_text = rv_str_of(argv[6]);
	enum rv_code code = open_both(&f, argv[1], argv[2], argv[3], &err);
	if (code == RV_OK)
		code = copy(&f, &err);
	rv_ledger_free(f.to);
	rv_ledger_free(f.from);
	if (code == RV_OK)
		printf("forged: event %s now says '%s', and the log is signed again\n", argv[4],
			argv[6]);
	else
		fprintf(stderr, "forge_log: %s\n", rv_err_text(&err, text, sizeof text));
	return rv_code_exit(code);
}
