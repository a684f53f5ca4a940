/* Following a log from another process: segment files are read as they are, up to what the newest
 * checkpoint covers, for that is durable and stays. No lock is taken and nothing is loaded, so that
 * a log of any size is followed at once. */
#include <sys/stat.h>

#include "base/file.h"
#include "ledger/ledger_int.h"

struct rv_ledger_tail {
	char dir[RV_PATH];
	char origin[RV_LEDGER_ORIGIN_MAX + 1];
	uint64_t next, end; /* end: of what is signed, as last seen */
	/* The segment at hand; bytes: the file as far as it was read. */
	bool is_open;
	uint64_t first, after; /* after: sequence number behind the last record passed */
	uint64_t at; /* of the record `after` */
	char *bytes;
	size_t n;
};

struct rv_ledger_tail *rv_ledger_tail_new(const char *dir, uint64_t from, struct rv_err *err)
{
	struct rv_ledger_tail *t = calloc(1, sizeof *t);
	if (!t || strlen(dir) > RV_PATH - 64) {
		(void)RV_FAIL(err, t ? RV_EINVAL : RV_ENOMEM,
			t ? "the path of the log is too long" : "out of memory");
		free(t);
		return NULL;
	}
	snprintf(t->dir, sizeof t->dir, "%s", dir);
	t->next = from;
	return t;
}

void rv_ledger_tail_free(struct rv_ledger_tail *t)
{
	if (!t)
		return;
	free(t->bytes);
	free(t);
}

const char *rv_ledger_tail_origin(const struct rv_ledger_tail *t)
{
	return t->origin;
}

enum rv_code rv_ledger_tail_signed(struct rv_ledger_tail *t, uint64_t *ret, struct rv_err *err)
{
	char path[RV_PATH + 16];
	struct rv_str note;
	struct rv_checkpoint c;
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 4 * RV_CHECKPOINT_MAX);
	snprintf(path, sizeof path, "%s/" RV_F_CHECKPOINT, t->dir);
	struct rv_err e = { 0 };
	enum rv_code code = rv_file_read(&a, path, RV_CHECKPOINT_MAX, &note, &e);
	if (code == RV_OK) {
		code = rv_checkpoint_open(note, NULL, &c, &e);
		snprintf(t->origin, sizeof t->origin, "%s", c.origin);
	} else if (code == RV_ENOENT && access(t->dir, R_OK | X_OK) == 0) {
		c.size = 0; /* nothing was signed yet */
		code = RV_OK;
	}
	if (code != RV_OK)
		return RV_FAIL(err, code, "log '%s': %s", t->dir, e.msg);
	t->end = c.size;
	*ret = c.size;
	return RV_OK;
}

/* The segment that holds t->next. */
static enum rv_code open_segment(struct rv_ledger_tail *t, struct rv_err *err)
{
	RV_AUTO_FREE uint64_t *first = NULL;
	size_t n, i;
	RV_TRY(rv_seg_list(t->dir, &first, &n, err));
	for (i = n; i > 0 && first[i - 1] > t->next; i--)
		continue;
	if (i == 0)
		return RV_FAIL(err, RV_ENOENT, "event %llu is in no segment of '%s'",
			(unsigned long long)t->next, t->dir);
	free(rv_take(t->bytes));
	RV_TRY(rv_seg_load(t->dir, first[i - 1], &t->bytes, &t->n, err));
	t->first = t->after = first[i - 1];
	t->at = RV_SEG_HEAD;
	t->is_open = true;
	return RV_OK;
}

/* The record t->next, if it lies in the bytes at hand. */
static bool step(struct rv_ledger_tail *t, struct rv_rec *ret)
{
	const struct rv_str seg = { t->bytes, t->n };
	while (t->is_open && t->after <= t->next) {
		if (!rv_rec_read(seg, t->at, ret) || ret->seq != t->after)
			return false;
		t->at += rv_rec_bytes(ret);
		t->after++;
		if (ret->seq == t->next)
			return true;
	}
	return false;
}

enum rv_code rv_ledger_tail_next(
	struct rv_ledger_tail *t, struct rv_ledger_entry *ret, struct rv_err *err)
{
	struct rv_rec rec;
	uint64_t seq;
	for (;;) {
		if (t->next >= t->end)
			RV_TRY(rv_ledger_tail_signed(t, &t->end, err));
		if (t->next >= t->end)
			return RV_ENOENT;
		if (!step(t, &rec)) {
			RV_TRY(open_segment(t, err));
			if (!step(t, &rec))
				return RV_FAIL(err, RV_ECORRUPT,
					"event %llu of '%s' cannot be read; 'reeve audit verify' "
					"says more",
					(unsigned long long)t->next, t->dir);
		}
		*ret = (struct rv_ledger_entry){
			.seq = t->next++, .leaf = rec.leaf, .side = rec.side
		};
		if (rec.is_dropped)
			continue;
		rv_rec_hash(&rec, &ret->hash);
		RV_TRY(rv_leaf_open(rec.leaf, &seq, &ret->logged_ns, &ret->event, err));
		return seq == ret->seq
			? RV_OK
			: RV_FAIL(err, RV_ECORRUPT, "event %llu of '%s' says that it is another",
				  (unsigned long long)ret->seq, t->dir);
	}
}
