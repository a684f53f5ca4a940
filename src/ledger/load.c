/* Opening: from the files to columns, tree and checked checkpoint. Full segments come from their
 * index files, the last one is read. When what the indexes say does not lead to the signed root,
 * everything is read again from the segments before anything is believed. */
#include <sys/stat.h>

#include "base/file.h"
#include "ledger/ledger_int.h"

#define ADVICE                                                                             \
	"leave the folder as it is, and compare it with a copy and a saved checkpoint by " \
	"'reeve verify'"

void rv_ledger_path(const struct rv_ledger *l, const char *name, char ret[RV_PATH])
{
	/* rv_ledger_open made sure of the room. */
	int n = snprintf(ret, RV_PATH, "%s/%s", l->dir, name);
	rv_assert(n > 0 && n < RV_PATH);
}

bool rv_ledger_push_seg(struct rv_ledger *l, struct rv_seg *s)
{
	if (l->n_segs == l->segs_cap) {
		size_t cap = l->segs_cap ? l->segs_cap * 2 : 16;
		struct rv_seg **p = realloc(l->segs, cap * sizeof *p);
		if (!p)
			return false;
		l->segs = p;
		l->segs_cap = cap;
	}
	l->segs[l->n_segs++] = s;
	return true;
}

struct rv_seg *rv_ledger_seg(const struct rv_ledger *l, uint64_t seq)
{
	size_t from = 0, to = l->n_segs;
	while (to - from > 1) {
		size_t mid = from + (to - from) / 2;
		if (l->segs[mid]->first <= seq)
			from = mid;
		else
			to = mid;
	}
	return l->segs[from];
}

static const struct rv_sha256 *leaf_of(void *arg, uint64_t seq)
{
	const struct rv_seg *s = rv_ledger_seg(arg, seq);
	rv_assert(seq >= s->first && seq - s->first < s->n);
	return &s->hash[seq - s->first];
}

struct rv_leaf_src rv_ledger_leaves(const struct rv_ledger *l)
{
	return (struct rv_leaf_src){ leaf_of, (void *)l };
}

/* The writer's files go through its watched table, another thread's do not. */
static bool write_index(struct rv_ledger *l, const char *name, struct rv_str bytes, bool is_writer)
{
	char path[RV_PATH];
	if (is_writer)
		return rv_disk_write_file(l, name, bytes) == 0;
	rv_ledger_path(l, name, path);
	return rv_file_write(path, bytes, 0600, NULL) == RV_OK;
}

void rv_ledger_seal(struct rv_ledger *l, size_t i, bool is_writer)
{
	rv_assert(pthread_mutex_lock(&l->mu) == 0);
	struct rv_seg *s = l->segs[i], *mapped;
	const struct rv_sha256 *tiles;
	char name[RV_SEG_NAME], path[RV_PATH];
	RV_AUTO_BUF b;
	rv_buf_init(&b, SIZE_MAX);
	size_t from = s->first / RV_TILE_LEAVES, n = rv_index_tiles(s->first, s->n);
	bool ok = rv_index_write(s, l->tree.level[0].h + from, n, &b);
	rv_assert(pthread_mutex_unlock(&l->mu) == 0);
	if (!ok)
		return;
	rv_seg_name(s->first, "idx", name);
	rv_ledger_path(l, name, path);
	if (!write_index(l, name, rv_buf_str(&b), is_writer) ||
		rv_index_map(path, s->first, &mapped, &tiles, NULL) != RV_OK)
		return;
	rv_assert(pthread_mutex_lock(&l->mu) == 0);
	l->segs[i] = mapped;
	rv_assert(pthread_mutex_unlock(&l->mu) == 0);
	rv_seg_free(s);
}

/* ---- reading one segment ---- */

struct fill {
	struct rv_seg *s;
	struct rv_arena a;
	const char *name;
	int64_t last_logged;
	enum rv_code code;
	struct rv_err *err;
};

/* Only the hash is left: no word of it is found any more. */
static bool fill_dropped(struct fill *f, const struct rv_rec *r)
{
	const struct rv_seg_row row = {
		.at = (uint32_t)r->offset, .logged_ns = r->logged_ns, .hash = r->hash
	};
	f->code = RV_OK;
	if (row.logged_ns < f->last_logged)
		f->code = RV_FAIL(f->err, RV_ECORRUPT, "%s: event %llu: its time is not in order",
			f->name, (unsigned long long)r->seq);
	f->last_logged = row.logged_ns;
	f->s->used = r->offset + rv_rec_bytes(r);
	if (f->code == RV_OK && !rv_seg_push(f->s, &row))
		f->code = RV_FAIL(f->err, RV_ENOMEM, "out of memory");
	return f->code == RV_OK;
}

static bool fill_one(void *arg, const struct rv_rec *r)
{
	struct fill *f = arg;
	struct rv_seg_row row = { .at = (uint32_t)r->offset };
	struct rv_str event;
	struct rv_fields fields;
	uint64_t seq = 0;
	rv_arena_clear(&f->a);
	if (r->is_dropped)
		return fill_dropped(f, r);
	f->code = rv_leaf_open(r->leaf, &seq, &row.logged_ns, &event, f->err);
	if (f->code == RV_OK && (seq != r->seq || row.logged_ns < f->last_logged))
		f->code = RV_FAIL(f->err, RV_ECORRUPT, "its place or time is not in order");
	if (f->code == RV_OK)
		f->code = rv_event_fields(&f->a, event, &fields, f->err);
	if (f->code != RV_OK) {
		if (f->code != RV_ENOMEM)
			f->code = RV_ECORRUPT;
		rv_err_prefix(f->err, "%s: event %llu at byte %llu: ", f->name,
			(unsigned long long)r->seq, (unsigned long long)r->offset);
		return false;
	}
	rv_tree_leaf_hash(r->leaf, &row.hash);
	row.id = rv_event_id_hash(fields.id);
	memcpy(row.word, fields.word, sizeof row.word);
	f->last_logged = row.logged_ns;
	f->s->used = r->offset + rv_rec_size(r->leaf.n, r->side.n);
	if (!rv_seg_push(f->s, &row))
		f->code = RV_FAIL(f->err, RV_ENOMEM, "out of memory");
	return f->code == RV_OK;
}

static enum rv_code read_bytes(struct rv_ledger *l, struct rv_seg *s, struct rv_str bytes,
	bool is_last, struct rv_err *err)
{
	char name[RV_SEG_NAME];
	struct rv_seg_scan scan;
	struct fill f = { .s = s, .name = name, .last_logged = l->last_logged, .err = err };
	rv_seg_name(s->first, "seg", name);
	rv_arena_init(&f.a, RV_EVENT_ARENA);
	f.code = RV_OK;
	rv_seg_scan(bytes, s->first, fill_one, &f, &scan);
	rv_arena_done(&f.a);
	RV_TRY(f.code);
	if (scan.end == RV_SEG_DAMAGED || (scan.end == RV_SEG_TORN && !is_last))
		return RV_FAIL(err, RV_ECORRUPT,
			"%s: event %llu at byte %llu is damaged, though it was "
			"acknowledged; " ADVICE,
			name, (unsigned long long)scan.next, (unsigned long long)scan.used);
	l->last_logged = f.last_logged;
	if (is_last)
		l->torn_bytes = scan.torn_bytes;
	return RV_OK;
}

enum rv_code rv_ledger_read_full(
	struct rv_ledger *l, struct rv_str bytes, struct rv_seg *s, struct rv_err *err)
{
	char name[RV_SEG_NAME];
	struct rv_seg_scan scan;
	struct fill f = { .s = s, .name = name, .err = err };
	rv_seg_name(s->first, "seg", name);
	RV_TRY(rv_seg_head_check(bytes, s->first, rv_str_of(l->origin), err));
	rv_arena_init(&f.a, RV_EVENT_ARENA);
	f.code = RV_OK;
	rv_seg_scan(bytes, s->first, fill_one, &f, &scan);
	rv_arena_done(&f.a);
	RV_TRY(f.code);
	return scan.end == RV_SEG_CLEAN ? RV_OK
					: RV_FAIL(err, RV_ECORRUPT, "%s: damaged at byte %llu",
						  name, (unsigned long long)scan.used);
}

/* A reader beside a running writer may catch a batch half written: it looks again. */
static enum rv_code read_segment(
	struct rv_ledger *l, uint64_t first, bool is_last, struct rv_seg **ret, struct rv_err *err)
{
	char name[RV_SEG_NAME];
	enum rv_code code = RV_OK;
	rv_seg_name(first, "seg", name);
	for (int tries = l->is_writer ? 1 : 3; tries > 0; tries--) {
		RV_AUTO_FREE char *p = NULL;
		size_t n;
		int64_t before = l->last_logged;
		rv_err_clear(err);
		RV_TRY(rv_seg_load(l->dir, first, &p, &n, err));
		code = rv_seg_head_check(rv_str_n(p, n), first, rv_str_of(l->origin), err);
		if (code != RV_OK)
			rv_err_prefix(err, "%s: ", name);
		struct rv_seg *s = code == RV_OK ? rv_seg_new(first) : NULL;
		if (code == RV_OK && !s)
			return RV_FAIL(err, RV_ENOMEM, "out of memory");
		if (s)
			code = read_bytes(l, s, rv_str_n(p, n), is_last, err);
		if (code == RV_OK) {
			*ret = s;
			return RV_OK;
		}
		rv_seg_free(s);
		l->last_logged = before;
	}
	return code;
}

/* A last file without a valid head and without any record: its creation was torn. */
static bool is_torn_creation(struct rv_ledger *l, uint64_t first)
{
	RV_AUTO_FREE char *p = NULL;
	size_t n;
	struct rv_rec rec;
	if (rv_seg_load(l->dir, first, &p, &n, NULL) != RV_OK ||
		rv_seg_head_check(rv_str_n(p, n), first, RV_STR(""), NULL) == RV_OK)
		return false;
	for (uint64_t at = 0; at < n; at += 8)
		if (rv_rec_read(rv_str_n(p, n), at, &rec))
			return false;
	return true;
}

/* ---- all of them ---- */

/* A full segment is not read at open, but it must be there, long enough, and the right one. */
static enum rv_code check_full(struct rv_ledger *l, const struct rv_seg *s, struct rv_err *err)
{
	char name[RV_SEG_NAME], path[RV_PATH], head[RV_SEG_HEAD];
	struct stat st;
	rv_seg_name(s->first, "seg", name);
	rv_ledger_path(l, name, path);
	RV_AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) != 0 || pread(fd, head, sizeof head, 0) != sizeof head)
		return RV_FAIL(err, RV_ECORRUPT, "%s: cannot be read", name);
	if ((uint64_t)st.st_size + 7 < s->used)
		return RV_FAIL(err, RV_ECORRUPT, "%s: it was cut", name);
	return rv_seg_head_check(rv_str_n(head, sizeof head), s->first, rv_str_of(l->origin), err);
}

static enum rv_code map_segment(
	struct rv_ledger *l, uint64_t first, uint64_t next, struct rv_seg **ret, struct rv_err *err)
{
	char name[RV_SEG_NAME], path[RV_PATH];
	const struct rv_sha256 *tiles;
	struct rv_seg *s;
	rv_seg_name(first, "idx", name);
	rv_ledger_path(l, name, path);
	RV_TRY(rv_index_map(path, first, &s, &tiles, err));
	if (s->first + s->n != next || s->logged[0] < l->last_logged ||
		check_full(l, s, err) != RV_OK) {
		rv_seg_free(s);
		return RV_FAIL(err, RV_ECORRUPT, "%s: not of this segment", name);
	}
	size_t n_tiles = rv_index_tiles(first, s->n);
	for (size_t i = 0; i < n_tiles; i++)
		if (!rv_tree_add_tile(&l->tree, &tiles[i])) {
			rv_seg_free(s);
			return RV_FAIL(err, RV_ENOMEM, "out of memory");
		}
	l->last_logged = s->logged[s->n - 1];
	*ret = s;
	return RV_OK;
}

/* Leaves up to `to` that no tile brought. */
static enum rv_code catch_up(struct rv_ledger *l, uint64_t to, struct rv_err *err)
{
	while (l->tree.n < to)
		if (!rv_tree_add(&l->tree, leaf_of(l, l->tree.n)))
			return RV_FAIL(err, RV_ENOMEM, "out of memory");
	return RV_OK;
}

static enum rv_code load_one(
	struct rv_ledger *l, uint64_t first, uint64_t next, bool is_trusting, struct rv_err *err)
{
	bool is_last = next == UINT64_MAX;
	struct rv_seg *s = NULL;
	enum rv_code code = RV_ENOENT;
	if (!is_last && is_trusting)
		code = map_segment(l, first, next, &s, NULL);
	bool is_mapped = code == RV_OK;
	if (!is_mapped)
		RV_TRY(read_segment(l, first, is_last, &s, err));
	if (!rv_ledger_push_seg(l, s)) {
		rv_seg_free(s);
		return RV_FAIL(err, RV_ENOMEM, "out of memory");
	}
	uint64_t end = first + s->n;
	if (!is_last && end != next)
		return RV_FAIL(err, RV_ECORRUPT,
			"events %llu to %llu are missing between two segments; " ADVICE,
			(unsigned long long)end, (unsigned long long)next - 1);
	if (is_mapped)
		return RV_OK;
	if (is_last)
		return catch_up(l, end, err);
	RV_TRY(catch_up(l, end - end % RV_TILE_LEAVES, err));
	if (l->is_writer)
		rv_ledger_seal(l, l->n_segs - 1, true);
	return RV_OK;
}

static void unload(struct rv_ledger *l)
{
	for (size_t i = 0; i < l->n_segs; i++)
		rv_seg_free(l->segs[i]);
	l->n_segs = 0;
	l->last_logged = 0;
	l->torn_bytes = 0;
	rv_tree_done(&l->tree);
}

static enum rv_code load_all(
	struct rv_ledger *l, const uint64_t *first, size_t n, bool is_trusting, struct rv_err *err)
{
	unload(l);
	if (n > 0 && first[0] != 0)
		return RV_FAIL(err, RV_ECORRUPT, "events 0 to %llu are missing; " ADVICE,
			(unsigned long long)first[0] - 1);
	for (size_t i = 0; i < n; i++)
		RV_TRY(load_one(
			l, first[i], i + 1 < n ? first[i + 1] : UINT64_MAX, is_trusting, err));
	return RV_OK;
}

static enum rv_code check_root(
	struct rv_ledger *l, const struct rv_checkpoint *c, struct rv_err *err)
{
	struct rv_sha256 root;
	struct rv_leaf_src src = rv_ledger_leaves(l);
	if (c->size > l->tree.n)
		return RV_FAIL(err, RV_ECORRUPT,
			"%llu events are signed and %llu are here: the log was cut; " ADVICE,
			(unsigned long long)c->size, (unsigned long long)l->tree.n);
	rv_tree_root(&l->tree, &src, c->size, &root);
	if (!rv_sha256_eq(&root, &c->root))
		return RV_FAIL(err, RV_ECORRUPT,
			"the first %llu events are not those that were signed; " ADVICE,
			(unsigned long long)c->size);
	return RV_OK;
}

static enum rv_code load_note(struct rv_ledger *l, struct rv_checkpoint *c, struct rv_err *err)
{
	char path[RV_PATH];
	RV_AUTO_ARENA a;
	struct rv_str note;
	struct rv_err e = { 0 };
	rv_arena_init(&a, 4 * RV_CHECKPOINT_MAX);
	rv_ledger_path(l, RV_F_CHECKPOINT, path);
	*c = (struct rv_checkpoint){ 0 };
	enum rv_code code = rv_file_read(&a, path, RV_CHECKPOINT_MAX, &note, &e);
	if (code == RV_ENOENT) {
		rv_sha256_of(RV_STR(""), &c->root);
		return RV_OK;
	}
	if (code == RV_OK)
		code = rv_checkpoint_open(note, l->vkey[0] ? l->vkey : NULL, c, &e);
	if (code != RV_OK)
		return RV_FAIL(
			err, code == RV_EINVAL ? RV_ECORRUPT : code, "'%s': %s", path, e.msg);
	if (l->origin[0] && strcmp(l->origin, c->origin) != 0)
		return RV_FAIL(err, RV_EAUTH, "'%s' is of the log '%s', not '%s'", path, c->origin,
			l->origin);
	snprintf(l->origin, sizeof l->origin, "%s", c->origin);
	rv_buf_add(&l->note, note);
	l->signed_size = c->size;
	return rv_buf_ok(&l->note, err);
}

/* The newest checkpoint with cosignatures; one that does not fit is left to verify. */
static enum rv_code load_witnessed(struct rv_ledger *l, struct rv_err *err)
{
	char path[RV_PATH];
	RV_AUTO_ARENA a;
	struct rv_str note;
	struct rv_checkpoint c;
	struct rv_sha256 root;
	rv_arena_init(&a, 4 * RV_CHECKPOINT_MAX);
	rv_ledger_path(l, RV_F_WITNESSED, path);
	if (rv_file_read(&a, path, RV_CHECKPOINT_MAX, &note, NULL) != RV_OK ||
		rv_checkpoint_open(note, NULL, &c, NULL) != RV_OK || c.size > l->tree.n)
		return RV_OK;
	struct rv_leaf_src src = rv_ledger_leaves(l);
	rv_tree_root(&l->tree, &src, c.size, &root);
	if (!rv_sha256_eq(&root, &c.root) || strcmp(c.origin, l->origin) != 0)
		return RV_OK;
	rv_buf_add(&l->witnessed, note);
	l->witnessed_size = c.size;
	return rv_buf_ok(&l->witnessed, err);
}

static enum rv_code drop_torn_creation(
	struct rv_ledger *l, const uint64_t *first, size_t *n, struct rv_err *err)
{
	char name[RV_SEG_NAME], path[RV_PATH];
	if (*n == 0 || !is_torn_creation(l, first[*n - 1]))
		return RV_OK;
	(*n)--;
	rv_seg_name(first[*n], "seg", name);
	rv_ledger_path(l, name, path);
	if (l->is_writer && unlink(path) != 0)
		return RV_FAIL(err, RV_EIO, "remove '%s': %s", path, strerror(errno));
	return RV_OK;
}

static void fill_ids(struct rv_ledger *l)
{
	uint64_t n = l->tree.n;
	for (uint64_t seq = n > RV_IDS_MAX ? n - RV_IDS_MAX : 0; seq < n; seq++) {
		const struct rv_seg *s = rv_ledger_seg(l, seq);
		if (!rv_ids_add(&l->ids, s->id[seq - s->first], seq))
			return; /* found by scanning instead */
	}
}

enum rv_code rv_ledger_load(struct rv_ledger *l, struct rv_err *err)
{
	struct rv_checkpoint c;
	RV_AUTO_FREE uint64_t *first = NULL;
	size_t n;
	struct rv_err e = { 0 };
	/* The note first: a writer beside us only adds. */
	RV_TRY(load_note(l, &c, err));
	RV_TRY(rv_seg_list(l->dir, &first, &n, err));
	RV_TRY(drop_torn_creation(l, first, &n, err));
	enum rv_code code = load_all(l, first, n, true, &e);
	if (code == RV_OK)
		code = check_root(l, &c, &e);
	if (code == RV_ECORRUPT) {
		rv_err_clear(&e);
		code = load_all(l, first, n, false, &e);
		if (code == RV_OK)
			code = check_root(l, &c, &e);
	}
	if (code != RV_OK)
		return RV_FAIL(err, code, "log '%s': %s", l->dir, e.msg);
	fill_ids(l);
	return load_witnessed(l, err);
}
