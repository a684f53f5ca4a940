/* Records by number and by id. What is read is held against the leaf hash in memory: bytes that
 * changed on disk are never handed out. */
#include <sys/stat.h>

#include "ledger/ledger_int.h"

static void lock(pthread_mutex_t *m)
{
	rv_assert(pthread_mutex_lock(m) == 0);
}

static void unlock(pthread_mutex_t *m)
{
	rv_assert(pthread_mutex_unlock(m) == 0);
}

void rv_reader_init(struct rv_reader *r, struct rv_ledger *l)
{
	*r = (struct rv_reader){ .l = l, .fd = -1 };
}

void rv_reader_done(struct rv_reader *r)
{
	if (r->fd >= 0)
		(void)close(r->fd); /* only read from */
	free(r->win);
}

/* Where a record lies. */
struct place {
	uint64_t first, at, end, used, rewrites;
	struct rv_sha256 hash;
	char name[RV_SEG_NAME];
};

static enum rv_code find_place(
	struct rv_ledger *l, uint64_t seq, struct place *ret, struct rv_err *err)
{
	lock(&l->mu);
	bool ok = seq < l->tree.n;
	if (ok) {
		const struct rv_seg *s = rv_ledger_seg(l, seq);
		uint32_t i = (uint32_t)(seq - s->first);
		ret->first = s->first;
		ret->at = s->at[i];
		ret->used = s->used;
		ret->end = i + 1 < s->n ? s->at[i + 1] : s->used;
		ret->hash = s->hash[i];
		ret->rewrites = l->rewrites;
	}
	unlock(&l->mu);
	if (!ok)
		return RV_FAIL(err, RV_ENOENT, "there is no event %llu", (unsigned long long)seq);
	rv_seg_name(ret->first, "seg", ret->name);
	return RV_OK;
}

static enum rv_code open_segment(struct rv_reader *r, const struct place *p, struct rv_err *err)
{
	char path[RV_PATH];
	if (r->fd >= 0 && r->first == p->first && r->rewrites == p->rewrites)
		return RV_OK;
	if (r->fd >= 0)
		(void)close(r->fd); /* only read from */
	rv_ledger_path(r->l, p->name, path);
	r->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (r->fd < 0)
		return RV_FAIL_AT(err, RV_EIO, p->name, 0, 0, "open: %s", strerror(errno));
	r->first = p->first;
	r->rewrites = p->rewrites;
	r->win_n = 0;
	return RV_OK;
}

/* A window that ends where the record ends, for readers that go backwards, or begins where it
 * begins; never behind the last durable record, for that will change. */
static enum rv_code load_window(struct rv_reader *r, const struct place *p, struct rv_err *err)
{
	if (p->at >= r->win_at && p->end <= r->win_at + r->win_n)
		return RV_OK;
	uint64_t from = p->end > r->ahead ? p->end - r->ahead : 0, to = p->end;
	if (from > p->at || r->ahead == 0 || r->is_forward)
		from = p->at;
	if (r->is_forward && to - from < r->ahead)
		to = from + r->ahead < p->used ? from + r->ahead : p->used;
	size_t n = (size_t)(to - from), got = 0;
	if (n > r->win_cap) {
		char *win = realloc(r->win, n);
		if (!win)
			return RV_FAIL(err, RV_ENOMEM, "out of memory");
		r->win = win;
		r->win_cap = n;
	}
	r->win_n = 0;
	while (got < n) {
		ssize_t k = pread(r->fd, r->win + got, n - got, (off_t)(from + got));
		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return RV_FAIL_AT(err, RV_EIO, p->name, 0, 0, "read: %s", strerror(errno));
		if (k == 0)
			break;
		got += (size_t)k;
	}
	r->win_at = from;
	r->win_n = got;
	return RV_OK;
}

/* Has retention written segments anew since that place was looked up? */
static bool is_stale(struct rv_ledger *l, const struct place *p)
{
	lock(&l->mu);
	bool stale = l->rewrites != p->rewrites;
	unlock(&l->mu);
	return stale;
}

static enum rv_code get_at(struct rv_reader *r, uint64_t seq, const struct place *where,
	struct rv_ledger_entry *ret, struct rv_err *err)
{
	struct place p = *where;
	struct rv_rec rec;
	struct rv_ledger_entry e = { .seq = seq };
	uint64_t leaf_seq = 0;
	if (p.end <= p.at || p.end - p.at > rv_rec_size(RV_LEDGER_LEAF_MAX, RV_LEDGER_SIDE_MAX))
		return RV_FAIL_AT(err, RV_ECORRUPT, p.name, 0, 0, "the index does not fit");
	RV_TRY(open_segment(r, &p, err));
	RV_TRY(load_window(r, &p, err));
	bool ok = p.at >= r->win_at &&
		rv_rec_read(rv_str_n(r->win, r->win_n), p.at - r->win_at, &rec) && rec.seq == seq;
	if (ok)
		rv_rec_hash(&rec, &e.hash);
	if (ok && rec.is_dropped && rv_sha256_eq(&e.hash, &p.hash))
		return RV_FAIL(err, RV_ENOENT,
			"event %llu was dropped by retention; its hash is in the tree as before",
			(unsigned long long)seq);
	if (!ok || !rv_sha256_eq(&e.hash, &p.hash) ||
		rv_leaf_open(rec.leaf, &leaf_seq, &e.logged_ns, &e.event, NULL) != RV_OK ||
		leaf_seq != seq)
		return RV_FAIL_AT(err, RV_ECORRUPT, p.name, 0, 0,
			"event %llu at byte %llu is not what was written", (unsigned long long)seq,
			(unsigned long long)p.at);
	e.leaf = rec.leaf;
	e.side = rec.side;
	*ret = e;
	return RV_OK;
}

enum rv_code rv_reader_get(
	struct rv_reader *r, uint64_t seq, struct rv_ledger_entry *ret, struct rv_err *err)
{
	for (;;) {
		struct place p;
		struct rv_err e = { 0 };
		RV_TRY(find_place(r->l, seq, &p, err));
		enum rv_code code = get_at(r, seq, &p, ret, &e);
		if (code == RV_OK)
			return RV_OK;
		if (code != RV_ENOENT && is_stale(r->l, &p))
			continue;
		if (err)
			*err = e;
		return code;
	}
}

/* What is known of a record that is not there any more. */
static void row_of(struct rv_ledger *l, uint64_t seq, struct rv_ledger_entry *ret)
{
	lock(&l->mu);
	const struct rv_seg *s = rv_ledger_seg(l, seq);
	*ret = (struct rv_ledger_entry){
		.seq = seq, .logged_ns = s->logged[seq - s->first], .hash = s->hash[seq - s->first]
	};
	unlock(&l->mu);
}

enum rv_code rv_reader_try(struct rv_reader *r, uint64_t seq, struct rv_ledger_entry *ret,
	bool *ret_is_there, struct rv_err *err)
{
	struct rv_err e = { 0 };
	enum rv_code code = rv_reader_get(r, seq, ret, &e);
	*ret_is_there = code == RV_OK;
	if (code == RV_OK)
		return RV_OK;
	if (code == RV_ENOENT && seq < rv_ledger_size(r->l)) {
		row_of(r->l, seq, ret);
		return RV_OK;
	}
	if (err)
		*err = e;
	return code;
}

enum rv_code rv_ledger_read(struct rv_ledger *l, struct rv_arena *a, uint64_t seq,
	struct rv_ledger_entry *ret, struct rv_err *err)
{
	struct rv_reader r;
	struct rv_ledger_entry e;
	rv_assert(l && l->magic == RV_LEDGER_MAGIC);
	rv_reader_init(&r, l);
	enum rv_code code = rv_reader_get(&r, seq, &e, err);
	if (code == RV_OK) {
		size_t at = (size_t)(e.event.p - e.leaf.p);
		e.leaf = rv_arena_str(a, e.leaf);
		e.side = rv_arena_str(a, e.side);
		if (!e.leaf.p || !e.side.p)
			code = RV_FAIL_ARENA(err);
		else
			e.event = rv_str_sub(e.leaf, at, at + e.event.n);
	}
	rv_reader_done(&r);
	if (code == RV_OK)
		*ret = e;
	return code;
}

/* ---- by id ---- */

struct finder {
	struct rv_reader r;
	struct rv_arena a;
	struct rv_str id;
};

/* Equal hashes are not yet equal ids. */
static enum rv_code is_it(struct finder *f, uint64_t seq, bool *ret, struct rv_err *err)
{
	struct rv_ledger_entry e;
	struct rv_fields fields;
	RV_TRY(rv_reader_get(&f->r, seq, &e, err));
	rv_arena_clear(&f->a);
	RV_TRY(rv_event_fields(&f->a, e.event, &fields, err));
	*ret = rv_str_eq(fields.id, f->id);
	return RV_OK;
}

/* Newest place of hash below `before`, in the columns; UINT64_MAX: none. */
static uint64_t scan_ids(struct rv_ledger *l, uint64_t hash, uint64_t before)
{
	uint64_t found = UINT64_MAX;
	while (before > 0 && found == UINT64_MAX) {
		lock(&l->mu); /* a segment at a time, so that the writer gets its turn */
		const struct rv_seg *s = rv_ledger_seg(l, before - 1);
		for (uint64_t i = before - s->first; i > 0 && found == UINT64_MAX; i--)
			if (s->id[i - 1] == hash)
				found = s->first + i - 1;
		before = s->first;
		unlock(&l->mu);
	}
	return found;
}

static enum rv_code find(struct finder *f, uint64_t *ret, struct rv_err *err)
{
	struct rv_ledger *l = f->r.l;
	uint64_t hash = rv_event_id_hash(f->id), seqs[16], before;
	bool is_same = false;
	lock(&l->mu);
	size_t n = rv_ids_find(&l->ids, hash, seqs, RV_COUNT(seqs));
	before = l->tree.n;
	unlock(&l->mu);
	for (size_t i = 0; i < n; i++) {
		RV_TRY(is_it(f, seqs[i], &is_same, err));
		*ret = seqs[i];
		if (is_same)
			return RV_OK;
	}
	while (hash && (before = scan_ids(l, hash, before)) != UINT64_MAX) {
		RV_TRY(is_it(f, before, &is_same, err));
		*ret = before;
		if (is_same)
			return RV_OK;
	}
	return RV_FAIL(err, RV_ENOENT, "there is no event '%.*s'", RV_FMT(f->id));
}

enum rv_code rv_ledger_find(
	struct rv_ledger *l, struct rv_str event_id, uint64_t *ret_seq, struct rv_err *err)
{
	struct finder f = { .id = event_id };
	uint64_t seq;
	rv_assert(l && l->magic == RV_LEDGER_MAGIC);
	rv_reader_init(&f.r, l);
	rv_arena_init(&f.a, RV_EVENT_ARENA);
	enum rv_code code = find(&f, &seq, err);
	rv_arena_done(&f.a);
	rv_reader_done(&f.r);
	if (code == RV_OK)
		*ret_seq = seq;
	return code;
}

enum rv_code rv_ledger_has(
	struct rv_ledger *l, struct rv_str event_id, bool *ret, struct rv_err *err)
{
	struct rv_err e = { 0 };
	uint64_t seq;
	enum rv_code code = rv_ledger_find(l, event_id, &seq, &e);
	if (code != RV_OK && code != RV_ENOENT) {
		if (err)
			*err = e;
		return code;
	}
	*ret = code == RV_OK;
	return RV_OK;
}
