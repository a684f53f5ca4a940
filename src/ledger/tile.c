/* C2SP tlog-tiles: names of tiles and their bytes.
 *
 *   tile/<L>/<N>[.p/<W>]        L: level 0..63; N: index in groups of three digits, all but the
 *   tile/entries/<N>[.p/<W>]    last behind an x (1234067: x001/x234/067); W: width 1..255 of a
 *                               partial one
 *
 * A tile of hashes is 256 (or W) hashes of 32 bytes; hash i of tile n of level l is the root of the
 * 256^l entries from (n * 256 + i) * 256^l on. A bundle of entries is, for each entry, its length
 * (two bytes, big-endian) and its bytes. */
#include "ledger/ledger_int.h"

enum { GROUPS_MAX = 7, LEVEL_MAX = 63 };
#define INDEX_MAX (UINT64_MAX >> RV_TILE_BITS)

/* ---- names ---- */

static bool take(struct rv_str *s, struct rv_str what)
{
	if (!rv_str_starts(*s, what))
		return false;
	*s = rv_str_sub(*s, what.n, s->n);
	return true;
}

/* A decimal without leading zeros up to `max`, off the beginning. */
static bool take_number(struct rv_str *s, uint64_t max, uint64_t *ret)
{
	size_t n = 0;
	while (n < s->n && s->p[n] >= '0' && s->p[n] <= '9')
		n++;
	struct rv_str digits = rv_str_sub(*s, 0, n);
	if (!rv_str_u64(digits, ret) || (n > 1 && digits.p[0] == '0') || *ret > max)
		return false;
	*s = rv_str_sub(*s, n, s->n);
	return true;
}

static bool take_group(struct rv_str *s, uint64_t *n)
{
	uint64_t v = 0;
	if (s->n < 3)
		return false;
	for (size_t i = 0; i < 3; i++) {
		if (s->p[i] < '0' || s->p[i] > '9')
			return false;
		v = v * 10 + (uint64_t)(s->p[i] - '0');
	}
	if (*n > (INDEX_MAX - v) / 1000)
		return false;
	*n = *n * 1000 + v;
	*s = rv_str_sub(*s, 3, s->n);
	return true;
}

static bool take_index(struct rv_str *s, uint64_t *ret)
{
	uint64_t n = 0;
	for (int i = 0; take(s, RV_STR("x")); i++)
		/* The first group of several is not 000: one name a tile. */
		if (!take_group(s, &n) || (i == 0 && n == 0) || !take(s, RV_STR("/")))
			return false;
	*ret = n;
	return take_group(s, ret);
}

enum rv_code rv_tile_parse(struct rv_str path, struct rv_tile *ret, struct rv_err *err)
{
	struct rv_tile t = { .width = RV_TILE_LEAVES };
	struct rv_str s = path;
	uint64_t level = 0, width = RV_TILE_LEAVES;
	t.is_entries = take(&s, RV_STR("entries/"));
	bool ok = t.is_entries || (take_number(&s, LEVEL_MAX, &level) && take(&s, RV_STR("/")));
	ok = ok && take_index(&s, &t.n);
	if (ok && take(&s, RV_STR(".p/")))
		ok = take_number(&s, RV_TILE_LEAVES - 1, &width) && width > 0;
	if (!ok || s.n > 0)
		return RV_FAIL(err, RV_EINVAL, "'%.*s' names no tile (c2sp.org/tlog-tiles)",
			RV_FMT(rv_str_sub(path, 0, 80)));
	t.level = (unsigned)level;
	t.width = (unsigned)width;
	*ret = t;
	return RV_OK;
}

void rv_tile_path(const struct rv_tile *t, struct rv_buf *out)
{
	unsigned group[GROUPS_MAX], n = 0;
	uint64_t v = t->n;
	do {
		group[n++] = (unsigned)(v % 1000);
		v /= 1000;
	} while (v > 0);
	if (t->is_entries)
		rv_buf_addz(out, "tile/entries/");
	else
		rv_buf_printf(out, "tile/%u/", t->level);
	while (n > 1)
		rv_buf_printf(out, "x%03u/", group[--n]);
	rv_buf_printf(out, "%03u", group[0]);
	if (t->width < RV_TILE_LEAVES)
		rv_buf_printf(out, ".p/%u", t->width);
}

uint64_t rv_tile_count(uint64_t size, unsigned level)
{
	return level * RV_TILE_BITS < 64 ? size >> level * RV_TILE_BITS : 0;
}

unsigned rv_tile_width(uint64_t size, unsigned level, uint64_t n)
{
	uint64_t hashes = rv_tile_count(size, level), first = n << RV_TILE_BITS;
	if (hashes <= first)
		return 0;
	return hashes - first < RV_TILE_LEAVES ? (unsigned)(hashes - first) : RV_TILE_LEAVES;
}

/* ---- bundles ---- */

enum rv_code rv_bundle_next(struct rv_str *rest, struct rv_str *ret_leaf, struct rv_err *err)
{
	if (rest->n < 2)
		return RV_FAIL(err, RV_ECORRUPT, "the bundle ends early");
	size_t n = (size_t)(uint8_t)rest->p[0] << 8 | (uint8_t)rest->p[1];
	if (rest->n - 2 < n)
		return RV_FAIL(err, RV_ECORRUPT, "the bundle ends within an entry of %zu bytes", n);
	*ret_leaf = rv_str_sub(*rest, 2, 2 + n);
	*rest = rv_str_sub(*rest, 2 + n, rest->n);
	return RV_OK;
}

static void bundle_add(struct rv_buf *out, struct rv_str leaf)
{
	rv_buf_addc(out, (char)(leaf.n >> 8));
	rv_buf_addc(out, (char)(leaf.n & 255));
	rv_buf_add(out, leaf);
}

/* ---- of this log ---- */

static enum rv_code add_entries(
	struct rv_ledger *l, const struct rv_tile *t, struct rv_buf *out, struct rv_err *err)
{
	struct rv_reader r;
	struct rv_ledger_entry e;
	enum rv_code code = RV_OK;
	uint64_t first = t->n << RV_TILE_BITS;
	rv_reader_init(&r, l);
	/* Backwards, so that one read brings many: the reader's window ends where a record ends. */
	r.ahead = 1 << 20;
	struct rv_buf leaves;
	rv_buf_init(&leaves, SIZE_MAX);
	size_t from[RV_TILE_LEAVES], n[RV_TILE_LEAVES];
	for (unsigned i = t->width; i-- > 0 && code == RV_OK;) {
		code = rv_reader_get(&r, first + i, &e, err);
		if (code != RV_OK)
			break;
		from[i] = leaves.n;
		n[i] = e.leaf.n;
		rv_buf_add(&leaves, e.leaf);
	}
	for (unsigned i = 0; i < t->width && code == RV_OK && !leaves.failed; i++)
		bundle_add(out, rv_str_n(leaves.p + from[i], n[i]));
	if (code == RV_OK)
		code = rv_buf_ok(&leaves, err);
	rv_buf_done(&leaves);
	rv_reader_done(&r);
	return code == RV_OK ? rv_buf_ok(out, err) : code;
}

static void add_hashes(struct rv_ledger *l, const struct rv_tile *t, struct rv_buf *out)
{
	const struct rv_leaf_src src = rv_ledger_leaves(l);
	uint64_t first = t->n << RV_TILE_BITS;
	for (unsigned i = 0; i < t->width; i++) {
		const struct rv_sha256 *h = t->level == 0
			? src.leaf(src.arg, first + i)
			: &l->tree.level[(t->level - 1) * RV_TILE_BITS].h[first + i];
		rv_buf_add(out, rv_str_n(h->b, sizeof h->b));
	}
}

enum rv_code rv_ledger_tile(
	struct rv_ledger *l, const struct rv_tile *t, struct rv_buf *out, struct rv_err *err)
{
	rv_assert(l && l->magic == RV_LEDGER_MAGIC && t->width > 0);
	rv_assert(pthread_mutex_lock(&l->mu) == 0);
	/* Only what a signed checkpoint covers is published. */
	bool is_there = rv_tile_width(l->signed_size, t->level, t->n) >= t->width;
	if (is_there && !t->is_entries)
		add_hashes(l, t, out);
	rv_assert(pthread_mutex_unlock(&l->mu) == 0);
	if (!is_there)
		return RV_FAIL(err, RV_ENOENT, "the signed log has no such tile");
	return t->is_entries ? add_entries(l, t, out, err) : rv_buf_ok(out, err);
}
