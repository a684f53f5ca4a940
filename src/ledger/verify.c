/* Checking a folder as a stranger would: everything again from the bytes of the segments. Nothing
 * derived is believed; what an index or the folder's own checkpoint says is held against what was
 * computed. */
#include "base/file.h"
#include "ledger/ledger_int.h"

struct verify {
	const char *dir;
	struct rv_verify_report *r;
	struct rv_tree tree;
	struct rv_sha256 recent[RV_TILE_LEAVES]; /* by seq mod 256 */
	uint64_t next; /* expected */
	int64_t last_logged;
	uint64_t dropped_to; /* retention events allow records below this to be gone */
	uint64_t gone_to; /* records below this are gone, the newest such */
	char name[RV_SEG_NAME];
	struct rv_seg *index; /* of the segment being read, or NULL */
	struct rv_verify_notes notes;
};

/* ---- the tree ---- */

static const struct rv_sha256 *recent_leaf(void *arg, uint64_t seq)
{
	struct verify *v = arg;
	return &v->recent[seq % RV_TILE_LEAVES];
}

static void root_now(struct verify *v, struct rv_sha256 *ret)
{
	/* At its own size a tree needs the leaves of its last, incomplete tile only. */
	const struct rv_leaf_src src = { recent_leaf, v };
	rv_tree_root(&v->tree, &src, v->tree.n, ret);
}

static void note_roots(struct verify *v)
{
	for (size_t i = 0; i < v->notes.n; i++)
		if (v->notes.note[i].c.size == v->tree.n)
			root_now(v, &v->notes.note[i].root);
}

/* ---- records ---- */

static void check_index(
	struct verify *v, const struct rv_rec *rec, const struct rv_sha256 *h, int64_t logged_ns)
{
	char name[RV_SEG_NAME];
	const struct rv_seg *s = v->index;
	uint64_t i = rec->seq - (s ? s->first : 0);
	if (!s)
		return;
	if (i < s->n && rv_sha256_eq(&s->hash[i], h) && s->at[i] == rec->offset &&
		s->logged[i] == logged_ns)
		return;
	rv_seg_name(s->first, "idx", name);
	rv_verify_problem(v->r, name, UINT64_MAX, rec->seq,
		"the index says otherwise than the segment (it is derived and can be deleted)");
	rv_seg_free(v->index);
	v->index = NULL; /* once is enough */
}

static void check_leaf(struct verify *v, const struct rv_rec *rec, int64_t *ret_logged_ns)
{
	uint64_t seq = 0;
	struct rv_str event;
	struct rv_err e = { 0 };
	struct rv_fields fields;
	RV_AUTO_ARENA a;
	rv_arena_init(&a, RV_EVENT_ARENA);
	if (rv_leaf_open(rec->leaf, &seq, ret_logged_ns, &event, &e) != RV_OK ||
		rv_event_fields(&a, event, &fields, &e) != RV_OK)
		rv_verify_problem(v->r, v->name, rec->offset, rec->seq, "%s", e.msg);
	else if (seq != rec->seq)
		rv_verify_problem(v->r, v->name, rec->offset, rec->seq,
			"the record is number %llu, its leaf says %llu: it was moved",
			(unsigned long long)rec->seq, (unsigned long long)seq);
	else
		rv_verify_retention(event, &v->dropped_to);
}

static enum rv_code take_record(struct verify *v, const struct rv_rec *rec, struct rv_err *err)
{
	struct rv_sha256 h;
	int64_t logged_ns = rec->logged_ns;
	rv_rec_hash(rec, &h);
	if (rec->is_dropped) {
		v->r->dropped++;
		v->gone_to = rec->seq + 1;
	} else {
		check_leaf(v, rec, &logged_ns);
	}
	if (logged_ns < v->last_logged)
		rv_verify_problem(v->r, v->name, rec->offset, rec->seq,
			"'logged' is earlier than that of the event before: it was back-dated");
	if (logged_ns > v->last_logged)
		v->last_logged = logged_ns;
	check_index(v, rec, &h, logged_ns);
	v->r->size++;
	if (v->notes.is_broken)
		return RV_OK;
	v->recent[v->tree.n % RV_TILE_LEAVES] = h;
	if (!rv_tree_add(&v->tree, &h))
		return RV_FAIL(err, RV_ENOMEM, "out of memory");
	note_roots(v);
	return RV_OK;
}

/* The next whole record from `at` on; false: none. */
static bool next_record(struct rv_str seg, uint64_t at, struct rv_rec *ret)
{
	for (at = (at + 7) & ~UINT64_C(7); at < seg.n; at += 8)
		if (rv_rec_read(seg, at, ret))
			return true;
	return false;
}

static uint64_t end_of_bytes(struct rv_str seg, uint64_t from)
{
	uint64_t end = seg.n;
	while (end > from && seg.p[end - 1] == 0)
		end--;
	return end > from ? end : from;
}

/* No record at *at. False: the segment ends here. */
static bool step_over(struct verify *v, struct rv_str seg, bool is_last, uint64_t *at)
{
	struct rv_rec rec;
	uint64_t end = end_of_bytes(seg, *at);
	if (end == *at)
		return false;
	bool more = next_record(seg, *at, &rec);
	if (is_last && (!more || rec.batch <= v->next)) {
		v->r->torn_bytes = end - *at;
		return false;
	}
	rv_verify_problem(v->r, v->name, *at, v->next, "the record is damaged");
	v->notes.is_broken = true;
	if (!more)
		return false;
	*at = rec.offset;
	v->next = rec.seq;
	return true;
}

static enum rv_code read_segment(
	struct verify *v, struct rv_str seg, bool is_last, struct rv_err *err)
{
	struct rv_rec rec;
	uint64_t at = RV_SEG_HEAD;
	for (;;) {
		if (!rv_rec_read(seg, at, &rec)) {
			if (!step_over(v, seg, is_last, &at))
				return RV_OK;
			continue;
		}
		if (rec.seq != v->next) {
			rv_verify_problem(v->r, v->name, at, rec.seq,
				"event %llu belongs here: order was changed",
				(unsigned long long)v->next);
			v->notes.is_broken = true;
		}
		RV_TRY(take_record(v, &rec, err));
		at += rv_rec_bytes(&rec);
		v->next = rec.seq + 1;
	}
}

static void open_index(struct verify *v, uint64_t first)
{
	char name[RV_SEG_NAME], path[RV_PATH];
	const struct rv_sha256 *tiles;
	rv_seg_free(v->index);
	v->index = NULL;
	rv_seg_name(first, "idx", name);
	snprintf(path, sizeof path, "%s/%s", v->dir, name);
	enum rv_code code = rv_index_map(path, first, &v->index, &tiles, NULL);
	if (code == RV_ENOENT)
		return;
	if (code != RV_OK || !rv_index_is_whole(v->index))
		rv_verify_problem(v->r, name, UINT64_MAX, UINT64_MAX,
			"the index is damaged (it is derived and can be deleted)");
}

static enum rv_code one_segment(struct verify *v, uint64_t first, bool is_last, struct rv_err *err)
{
	RV_AUTO_FREE char *p = NULL;
	size_t n;
	struct rv_err e = { 0 };
	rv_seg_name(first, "seg", v->name);
	RV_TRY(rv_seg_load(v->dir, first, &p, &n, err));
	struct rv_str seg = rv_str_n(p, n),
		      origin = rv_str_of(v->notes.has_own ? v->notes.note[0].c.origin : "");
	if (rv_seg_head_check(seg, first, origin, &e) != RV_OK) {
		/* Without records it is a creation that was torn. */
		struct rv_rec rec;
		if (is_last && !next_record(seg, 0, &rec))
			return RV_OK;
		rv_verify_problem(v->r, v->name, 0, UINT64_MAX, "%s", e.msg);
	}
	if (first != v->next) {
		rv_verify_problem(v->r, v->name, UINT64_MAX, v->next,
			"events %llu to %llu are missing", (unsigned long long)v->next,
			(unsigned long long)first - 1);
		v->notes.is_broken = true;
		v->next = first;
	}
	open_index(v, first);
	return read_segment(v, seg, is_last, err);
}

/* ---- checkpoints ---- */

static enum rv_code read_file(struct verify *v, struct rv_arena *a, const char *name,
	struct rv_str *ret, struct rv_err *err)
{
	char path[RV_PATH];
	struct rv_err e = { 0 };
	snprintf(path, sizeof path, "%s/%s", v->dir, name);
	*ret = RV_STR("");
	enum rv_code code = rv_file_read(a, path, RV_ROTATIONS_MAX, ret, &e);
	if (code == RV_OK || code == RV_ENOENT)
		return RV_OK;
	return RV_FAIL(err, code, "'%s': %s", path, e.msg);
}

static enum rv_code take_notes(struct verify *v, const struct rv_verify_opts *o, struct rv_err *err)
{
	RV_AUTO_ARENA a;
	struct rv_str own, witnessed, vkey, rotations;
	rv_arena_init(&a, 8 * RV_CHECKPOINT_MAX + RV_ROTATIONS_MAX);
	RV_TRY(read_file(v, &a, RV_F_CHECKPOINT, &own, err));
	RV_TRY(read_file(v, &a, RV_F_WITNESSED, &witnessed, err));
	RV_TRY(read_file(v, &a, RV_F_VKEY, &vkey, err));
	RV_TRY(read_file(v, &a, RV_F_ROTATIONS, &rotations, err));
	return rv_verify_take_notes(&v->notes, o, v->r, rotations, own, witnessed, vkey, err);
}

static void conclude(struct verify *v, const struct rv_verify_opts *o)
{
	if (v->gone_to > v->dropped_to)
		rv_verify_problem(v->r, v->name, UINT64_MAX, v->dropped_to,
			"events up to %llu are gone and no retention event accounts for them",
			(unsigned long long)v->gone_to - 1);
	if (!v->notes.is_broken)
		root_now(v, &v->r->root);
	rv_verify_conclude(&v->notes, o, v->r);
}

enum rv_code rv_ledger_verify(const char *dir, const struct rv_verify_opts *o,
	struct rv_verify_report *ret, struct rv_err *err)
{
	RV_AUTO_FREE uint64_t *first = NULL;
	RV_AUTO_FREE struct verify *v = calloc(1, sizeof *v);
	size_t n;
	*ret = (struct rv_verify_report){ 0 };
	if (!v)
		return RV_FAIL(err, RV_ENOMEM, "out of memory");
	if (strlen(dir) > RV_PATH - 64)
		return RV_FAIL(err, RV_EINVAL, "the path of the log is too long");
	v->dir = dir;
	v->r = ret;
	RV_TRY(take_notes(v, o, err));
	note_roots(v);
	RV_TRY(rv_seg_list(dir, &first, &n, err));
	enum rv_code code = RV_OK;
	for (size_t i = 0; i < n && code == RV_OK; i++)
		code = one_segment(v, first[i], i + 1 == n, err);
	if (code == RV_OK)
		conclude(v, o);
	rv_seg_free(v->index);
	rv_tree_done(&v->tree);
	return code;
}
