/* Checking a log by its tiles, as any stranger can: every entry from the bundles, each hash anew,
 * each tile held against what was computed, the root against the signed checkpoint. A hash is never
 * believed because it came with others: where an entry is there, its hash is computed from it;
 * where retention has dropped it, its hash must still lead to the signed root. */
#include "ledger/ledger_int.h"

enum { LEVELS = 8 };

struct tiles {
	const struct rv_tlog_src *src;
	struct rv_verify_report *r;
	struct rv_verify_notes notes;
	struct rv_tree tree;
	struct rv_sha256 recent[RV_TILE_LEAVES];
	int64_t last_logged;
	uint64_t dropped_to; /* retention events allow entries below this to be gone */
	uint64_t gone_to; /* entries below this are gone, the newest such */
	struct rv_buf bytes, level0, name;
};

static const struct rv_sha256 *recent_leaf(void *arg, uint64_t seq)
{
	struct tiles *v = arg;
	return &v->recent[seq % RV_TILE_LEAVES];
}

static void root_now(struct tiles *v, struct rv_sha256 *ret)
{
	const struct rv_leaf_src src = { recent_leaf, v };
	rv_tree_root(&v->tree, &src, v->tree.n, ret);
}

/* RV_ENOENT: not there, which may be a fault. */
static enum rv_code get(
	struct tiles *v, const struct rv_tile *t, struct rv_buf *out, struct rv_err *err)
{
	rv_buf_clear(out);
	rv_buf_clear(&v->name);
	rv_tile_path(t, &v->name);
	return v->src->get(v->src->self, rv_buf_z(&v->name), out, err);
}

static void check_leaf(struct tiles *v, uint64_t seq, struct rv_str leaf)
{
	uint64_t said = 0;
	int64_t logged_ns = 0;
	struct rv_str event;
	struct rv_err e = { 0 };
	const char *file = rv_buf_z(&v->name);
	if (rv_leaf_open(leaf, &said, &logged_ns, &event, &e) != RV_OK)
		rv_verify_problem(v->r, file, UINT64_MAX, seq, "%s", e.msg);
	else if (said != seq)
		rv_verify_problem(v->r, file, UINT64_MAX, seq,
			"the entry is number %llu, its leaf says %llu: it was moved",
			(unsigned long long)seq, (unsigned long long)said);
	else if (logged_ns < v->last_logged)
		rv_verify_problem(v->r, file, UINT64_MAX, seq,
			"'logged' is earlier than that of the event before: it was back-dated");
	else
		rv_verify_retention(event, &v->dropped_to);
	if (logged_ns > v->last_logged)
		v->last_logged = logged_ns;
}

/* Tiles above the leaves whose last hash has just been completed. */
static enum rv_code check_upper(struct tiles *v, uint64_t size, struct rv_err *err)
{
	for (unsigned l = 1; l < LEVELS; l++) {
		uint64_t n = rv_tile_count(v->tree.n, l), at = n - 1;
		if (n == 0 || (v->tree.n & ((UINT64_C(1) << l * RV_TILE_BITS) - 1)) != 0)
			return RV_OK;
		struct rv_tile t = { .level = l, .n = at >> RV_TILE_BITS };
		t.width = rv_tile_width(size, l, t.n);
		/* Each tile once, when its last hash is known. */
		if ((at & 255) + 1 != t.width)
			continue;
		struct rv_err e = { 0 };
		enum rv_code code = get(v, &t, &v->bytes, &e);
		if (code != RV_OK && code != RV_ENOENT)
			return RV_FAIL(err, code, "%s: %s", rv_buf_z(&v->name), e.msg);
		if (code == RV_ENOENT || v->bytes.n != t.width * 32u) {
			rv_verify_problem(v->r, rv_buf_z(&v->name), UINT64_MAX, UINT64_MAX,
				"the tile is missing or has a wrong size");
			continue;
		}
		const struct rv_sha256 *is = &v->tree.level[(l - 1) * RV_TILE_BITS].h[t.n << 8];
		for (unsigned i = 0; i < t.width; i++)
			if (memcmp(v->bytes.p + 32 * i, is[i].b, 32) != 0) {
				uint64_t first = ((t.n << 8) + i) << l * RV_TILE_BITS;
				rv_verify_problem(v->r, rv_buf_z(&v->name), 32 * (uint64_t)i, first,
					"the %llu events from here on do not lead to this hash: "
					"an event was changed together with its own hash, or the "
					"tile was",
					1ULL << l * RV_TILE_BITS);
			}
	}
	return RV_OK;
}

static enum rv_code add_hash(
	struct tiles *v, const struct rv_sha256 *h, uint64_t size, struct rv_err *err)
{
	v->recent[v->tree.n % RV_TILE_LEAVES] = *h;
	if (!rv_tree_add(&v->tree, h))
		return RV_FAIL(err, RV_ENOMEM, "out of memory");
	for (size_t i = 0; i < v->notes.n; i++)
		if (v->notes.note[i].c.size == v->tree.n)
			root_now(v, &v->notes.note[i].root);
	return check_upper(v, size, err);
}

/* 256 entries, or the last few. */
static enum rv_code one_bundle(
	struct tiles *v, uint64_t n, unsigned width, uint64_t size, struct rv_err *err)
{
	struct rv_tile hashes = { .n = n, .width = width };
	const struct rv_tile bundle = { .is_entries = true, .n = n, .width = width };
	uint64_t first = n << RV_TILE_BITS;
	struct rv_err e = { 0 };
	enum rv_code code = get(v, &hashes, &v->level0, &e);
	if (code != RV_OK && code != RV_ENOENT)
		return RV_FAIL(err, code, "%s: %s", rv_buf_z(&v->name), e.msg);
	bool has_hashes = code == RV_OK && v->level0.n == width * 32u;
	if (!has_hashes)
		rv_verify_problem(v->r, rv_buf_z(&v->name), UINT64_MAX, first,
			"the tile is missing or has a wrong size");
	rv_err_clear(&e);
	code = get(v, &bundle, &v->bytes, &e);
	if (code != RV_OK && code != RV_ENOENT)
		return RV_FAIL(err, code, "%s: %s", rv_buf_z(&v->name), e.msg);
	bool is_gone = code == RV_ENOENT && has_hashes;
	if (code == RV_ENOENT && !is_gone) {
		rv_verify_problem(v->r, rv_buf_z(&v->name), UINT64_MAX, first,
			"entries and hashes are missing: the log was cut");
		v->notes.is_broken = true;
		return RV_OK;
	}
	struct rv_buf entries = v->bytes; /* check_upper reads into bytes */
	rv_buf_init(&v->bytes, entries.max_bytes);
	struct rv_str rest = rv_buf_str(&entries);
	code = RV_OK;
	for (unsigned i = 0; i < width && code == RV_OK; i++) {
		struct rv_sha256 h;
		struct rv_str leaf;
		uint64_t seq = first + i;
		if (is_gone) {
			memcpy(h.b, v->level0.p + 32 * i, 32);
			v->r->dropped++;
			v->gone_to = seq + 1;
		} else if (rv_bundle_next(&rest, &leaf, &e) != RV_OK) {
			rv_verify_problem(v->r, rv_buf_z(&v->name), UINT64_MAX, seq, "%s", e.msg);
			v->notes.is_broken = true;
			break;
		} else {
			rv_tree_leaf_hash(leaf, &h);
			check_leaf(v, seq, leaf);
			if (has_hashes && memcmp(h.b, v->level0.p + 32 * i, 32) != 0)
				rv_verify_problem(v->r, rv_buf_z(&v->name), UINT64_MAX, seq,
					"the event does not fit its hash in tile/0: it was edited");
		}
		v->r->size++;
		code = add_hash(v, &h, size, err);
		rv_buf_clear(&v->name);
		rv_tile_path(&bundle, &v->name);
	}
	if (code == RV_OK && rest.n > 0 && !is_gone && !v->notes.is_broken)
		rv_verify_problem(v->r, rv_buf_z(&v->name), UINT64_MAX, first + width,
			"%zu bytes follow the last entry", rest.n);
	rv_buf_done(&entries);
	return code;
}

static enum rv_code run(struct tiles *v, const struct rv_verify_opts *o, struct rv_err *err)
{
	RV_AUTO_BUF note, rotations;
	struct rv_err e = { 0 };
	rv_buf_init(&note, RV_CHECKPOINT_MAX);
	rv_buf_init(&rotations, RV_ROTATIONS_MAX);
	enum rv_code code = v->src->get(v->src->self, RV_F_ROTATIONS, &rotations, &e);
	if (code != RV_OK && code != RV_ENOENT)
		return RV_FAIL(err, code, "%s: %s", RV_F_ROTATIONS, e.msg);
	RV_TRY(v->src->get(v->src->self, "checkpoint", &note, err));
	RV_TRY(rv_verify_take_notes(&v->notes, o, v->r, rv_buf_str(&rotations), rv_buf_str(&note),
		RV_STR(""), RV_STR(""), err));
	uint64_t size = v->notes.has_own ? v->notes.note[0].c.size : 0;
	for (uint64_t n = 0; !v->notes.is_broken; n++) {
		unsigned width = rv_tile_width(size, 0, n);
		if (width == 0)
			break;
		RV_TRY(one_bundle(v, n, width, size, err));
	}
	if (v->gone_to > v->dropped_to)
		rv_verify_problem(v->r, "tile/entries", UINT64_MAX, v->dropped_to,
			"events up to %llu are gone and no retention event accounts for them",
			(unsigned long long)v->gone_to - 1);
	if (!v->notes.is_broken)
		root_now(v, &v->r->root);
	rv_verify_conclude(&v->notes, o, v->r);
	return RV_OK;
}

enum rv_code rv_tlog_verify(const struct rv_tlog_src *src, const struct rv_verify_opts *o,
	struct rv_verify_report *ret, struct rv_err *err)
{
	struct tiles *v = calloc(1, sizeof *v);
	*ret = (struct rv_verify_report){ 0 };
	if (!v)
		return RV_FAIL(err, RV_ENOMEM, "out of memory");
	v->src = src;
	v->r = ret;
	rv_buf_init(&v->bytes, RV_TILE_LEAVES * (2 + RV_LEDGER_LEAF_MAX));
	rv_buf_init(&v->level0, RV_TILE_LEAVES * 32);
	rv_buf_init(&v->name, 256);
	enum rv_code code = run(v, o, err);
	rv_buf_done(&v->bytes);
	rv_buf_done(&v->level0);
	rv_buf_done(&v->name);
	rv_tree_done(&v->tree);
	free(v);
	return code;
}
