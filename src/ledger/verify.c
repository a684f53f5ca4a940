/* Checking a folder as a stranger would: everything again from the bytes of the segments. Nothing
 * derived is believed; what an index or the folder's own checkpoint says is held against what was
 * computed. */
#include <stdarg.h>

#include "base/file.h"
#include "ledger/ledger_int.h"

struct verify {
	const char *dir;
	struct rv_verify_report *r;
	struct rv_tree tree;
	struct rv_sha256 recent[RV_TILE_LEAVES]; /* by seq mod 256 */
	uint64_t next; /* expected */
	int64_t last_logged;
	bool is_broken; /* a record is missing: no root can be computed any more */
	char name[RV_SEG_NAME];
	struct rv_seg *index; /* of the segment being read, or NULL */
	bool has_note;
	struct rv_checkpoint note, saved;
	struct rv_sha256 note_root, saved_root; /* computed at those sizes */
};

static void problem(struct verify *v, const char *file, uint64_t offset, uint64_t seq,
	const char *fmt, ...) RV_PRINTF(5, 6);
static void problem(
	struct verify *v, const char *file, uint64_t offset, uint64_t seq, const char *fmt, ...)
{
	struct rv_verify_report *r = v->r;
	if (r->n_problems++ >= RV_VERIFY_PROBLEMS)
		return;
	struct rv_verify_problem *p = &r->problem[r->n_problems - 1];
	va_list ap;
	snprintf(p->file, sizeof p->file, "%s", file);
	p->offset = offset;
	p->seq = seq;
	va_start(ap, fmt);
	vsnprintf(p->text, sizeof p->text, fmt, ap);
	va_end(ap);
}

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
	if (v->has_note && v->tree.n == v->note.size)
		root_now(v, &v->note_root);
	if (v->saved.origin[0] && v->tree.n == v->saved.size)
		root_now(v, &v->saved_root);
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
	problem(v, name, UINT64_MAX, rec->seq,
		"the index says otherwise than the segment (it is derived and can be deleted)");
	rv_seg_free(v->index);
	v->index = NULL; /* once is enough */
}

static enum rv_code take_record(struct verify *v, const struct rv_rec *rec, struct rv_err *err)
{
	struct rv_sha256 h;
	uint64_t seq = 0;
	int64_t logged_ns = 0;
	struct rv_str event;
	struct rv_err e = { 0 };
	struct rv_fields fields;
	RV_AUTO_ARENA a;
	rv_arena_init(&a, RV_EVENT_ARENA);
	if (rv_leaf_open(rec->leaf, &seq, &logged_ns, &event, &e) != RV_OK ||
		rv_event_fields(&a, event, &fields, &e) != RV_OK)
		problem(v, v->name, rec->offset, rec->seq, "%s", e.msg);
	else if (seq != rec->seq)
		problem(v, v->name, rec->offset, rec->seq,
			"the record is number %llu, its leaf says %llu: it was moved",
			(unsigned long long)rec->seq, (unsigned long long)seq);
	else if (logged_ns < v->last_logged)
		problem(v, v->name, rec->offset, rec->seq,
			"'logged' is earlier than that of the event before: it was back-dated");
	if (logged_ns > v->last_logged)
		v->last_logged = logged_ns;
	rv_tree_leaf_hash(rec->leaf, &h);
	check_index(v, rec, &h, logged_ns);
	v->r->size++;
	if (v->is_broken)
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
	problem(v, v->name, *at, v->next, "the record is damaged");
	v->is_broken = true;
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
			problem(v, v->name, at, rec.seq,
				"event %llu belongs here: order was changed",
				(unsigned long long)v->next);
			v->is_broken = true;
		}
		RV_TRY(take_record(v, &rec, err));
		at += rv_rec_size(rec.leaf.n, rec.side.n);
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
		problem(v, name, UINT64_MAX, UINT64_MAX,
			"the index is damaged (it is derived and can be deleted)");
}

static enum rv_code one_segment(struct verify *v, uint64_t first, bool is_last, struct rv_err *err)
{
	RV_AUTO_FREE char *p = NULL;
	size_t n;
	struct rv_err e = { 0 };
	rv_seg_name(first, "seg", v->name);
	RV_TRY(rv_seg_load(v->dir, first, &p, &n, err));
	struct rv_str seg = rv_str_n(p, n), origin = rv_str_of(v->has_note ? v->note.origin : "");
	if (rv_seg_head_check(seg, first, origin, &e) != RV_OK) {
		/* Without records it is a creation that was torn. */
		struct rv_rec rec;
		if (is_last && !next_record(seg, 0, &rec))
			return RV_OK;
		problem(v, v->name, 0, UINT64_MAX, "%s", e.msg);
	}
	if (first != v->next) {
		problem(v, v->name, UINT64_MAX, v->next, "events %llu to %llu are missing",
			(unsigned long long)v->next, (unsigned long long)first - 1);
		v->is_broken = true;
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
	enum rv_code code = rv_file_read(a, path, RV_CHECKPOINT_MAX, ret, &e);
	if (code == RV_OK || code == RV_ENOENT)
		return RV_OK;
	return RV_FAIL(err, code, "'%s': %s", path, e.msg);
}

static enum rv_code take_notes(
	struct verify *v, const char *vkey, struct rv_str saved, struct rv_err *err)
{
	RV_AUTO_ARENA a;
	struct rv_str note, own;
	struct rv_err e = { 0 };
	rv_arena_init(&a, 8 * RV_CHECKPOINT_MAX);
	rv_sha256_of(RV_STR(""), &v->note_root);
	v->saved_root = v->note_root;
	if (saved.n > 0) {
		enum rv_code code = rv_checkpoint_open(saved, vkey, &v->saved, err);
		if (code != RV_OK) {
			rv_err_prefix(err, "the saved checkpoint: ");
			return code;
		}
		v->r->saved_size = v->saved.size;
	}
	RV_TRY(read_file(v, &a, RV_F_CHECKPOINT, &note, err));
	RV_TRY(read_file(v, &a, RV_F_VKEY, &own, err));
	own = rv_str_trim(own);
	if (vkey && own.n > 0 && !rv_str_eq(own, rv_str_trim(rv_str_of(vkey))))
		problem(v, RV_F_VKEY, UINT64_MAX, UINT64_MAX, "the log is of another key");
	const char *key = vkey ? vkey : own.n > 0 ? rv_arena_printf(&a, "%.*s", RV_FMT(own)) : NULL;
	if (note.n == 0)
		return RV_OK;
	if (rv_checkpoint_open(note, key, &v->note, &e) != RV_OK) {
		problem(v, RV_F_CHECKPOINT, UINT64_MAX, UINT64_MAX, "%s", e.msg);
		return RV_OK;
	}
	v->has_note = true;
	v->r->signed_size = v->note.size;
	return RV_OK;
}

static void compare(struct verify *v, const char *file, const char *what,
	const struct rv_checkpoint *c, const struct rv_sha256 *root)
{
	if (c->size > v->r->size)
		problem(v, file, UINT64_MAX, v->r->size,
			"%s has %llu events, the log has %llu: it was cut or an older copy put in "
			"its place",
			what, (unsigned long long)c->size, (unsigned long long)v->r->size);
	else if (v->is_broken)
		problem(v, file, UINT64_MAX, UINT64_MAX, "%s could not be compared", what);
	else if (!rv_sha256_eq(root, &c->root))
		problem(v, file, UINT64_MAX, UINT64_MAX,
			"the first %llu events are not those of %s: history was rewritten",
			(unsigned long long)c->size, what);
}

static void conclude(struct verify *v, const char *vkey)
{
	struct rv_verify_report *r = v->r;
	bool has_saved = v->saved.origin[0] != 0;
	if (v->has_note)
		compare(v, RV_F_CHECKPOINT, "the signed checkpoint", &v->note, &v->note_root);
	if (has_saved)
		compare(v, "saved", "the saved checkpoint", &v->saved, &v->saved_root);
	if (has_saved && v->has_note && strcmp(v->saved.origin, v->note.origin) != 0)
		problem(v, RV_F_CHECKPOINT, UINT64_MAX, UINT64_MAX,
			"the saved checkpoint is of the log '%s', this one is '%s'",
			v->saved.origin, v->note.origin);
	if (!v->is_broken)
		root_now(v, &r->root);
	r->level = r->n_problems > 0		     ? RV_VERIFY_FAILED
		: has_saved || (vkey && v->has_note) ? RV_VERIFY_VERIFIED
						     : RV_VERIFY_CONSISTENT;
}

enum rv_code rv_ledger_verify(const char *dir, const char *vkey, struct rv_str saved,
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
	if (vkey)
		RV_TRY(rv_note_check_vkey(vkey, err));
	RV_TRY(take_notes(v, vkey, saved, err));
	note_roots(v);
	RV_TRY(rv_seg_list(dir, &first, &n, err));
	enum rv_code code = RV_OK;
	for (size_t i = 0; i < n && code == RV_OK; i++)
		code = one_segment(v, first[i], i + 1 == n, err);
	if (code == RV_OK)
		conclude(v, vkey);
	rv_seg_free(v->index);
	rv_tree_done(&v->tree);
	return code;
}

void rv_verify_print(const struct rv_verify_report *r, struct rv_buf *out)
{
	char root[65];
	rv_hex_z(r->root.b, 32, root);
	const char *word = r->level == RV_VERIFY_VERIFIED ? "verified"
		: r->level == RV_VERIFY_CONSISTENT	  ? "self-consistent"
							  : "FAILED";
	rv_buf_printf(out, "%s: %llu events, %llu of them signed, root %s\n", word,
		(unsigned long long)r->size, (unsigned long long)r->signed_size, root);
	if (r->level == RV_VERIFY_CONSISTENT)
		rv_buf_addz(out,
			"  (it fits together, which whoever holds the log's key can arrange; give "
			"the verifier key or a saved checkpoint from elsewhere)\n");
	if (r->saved_size > 0 && r->level == RV_VERIFY_VERIFIED)
		rv_buf_printf(out, "  the first %llu events are those of the saved checkpoint\n",
			(unsigned long long)r->saved_size);
	if (r->torn_bytes > 0)
		rv_buf_printf(out, "  %llu bytes of a write that was never acknowledged follow\n",
			(unsigned long long)r->torn_bytes);
	for (size_t i = 0; i < r->n_problems && i < RV_VERIFY_PROBLEMS; i++) {
		const struct rv_verify_problem *p = &r->problem[i];
		rv_buf_printf(out, "  %s", p->file);
		if (p->offset != UINT64_MAX)
			rv_buf_printf(out, ", byte %llu", (unsigned long long)p->offset);
		if (p->seq != UINT64_MAX)
			rv_buf_printf(out, ", event %llu", (unsigned long long)p->seq);
		rv_buf_printf(out, ": %s\n", p->text);
	}
	if (r->n_problems > RV_VERIFY_PROBLEMS)
		rv_buf_printf(out, "  and %zu more\n", r->n_problems - RV_VERIFY_PROBLEMS);
}
