/* The RFC 6962 tree. Roots of complete subtrees of 256 leaves and up are kept in memory (32 bytes
 * per 128 leaves, all levels together); the seven levels below are folded from leaf hashes when
 * asked for, at most 255 hashes a time. A complete subtree of 256 leaves is what C2SP calls a tile.
 */
#include "ledger/ledger_int.h"

void rv_tree_leaf_hash(struct rv_str leaf, struct rv_sha256 *ret)
{
	const struct rv_str parts[] = { rv_str_n("\0", 1), leaf };
	rv_sha256_parts(parts, 2, ret);
}

void rv_tree_node_hash(const struct rv_sha256 *l, const struct rv_sha256 *r, struct rv_sha256 *ret)
{
	char in[65] = { 1 };
	memcpy(in + 1, l->b, 32);
	memcpy(in + 33, r->b, 32);
	rv_sha256_of(rv_str_n(in, sizeof in), ret);
}

void rv_tree_done(struct rv_tree *t)
{
	for (size_t i = 0; i < RV_COUNT(t->level); i++)
		free(t->level[i].h);
	*t = (struct rv_tree){ 0 };
}

static bool level_room(struct rv_tree_level *v, size_t n)
{
	if (v->cap - v->n >= n)
		return true;
	size_t cap = v->cap ? v->cap * 2 : 64;
	while (cap - v->n < n)
		cap *= 2;
	struct rv_sha256 *p = realloc(v->h, cap * sizeof *p);
	if (!p)
		return false;
	v->h = p;
	v->cap = cap;
	return true;
}

bool rv_tree_room(struct rv_tree *t, uint64_t n)
{
	uint64_t tiles = n / RV_TILE_LEAVES + 1;
	for (size_t i = 0; i < RV_COUNT(t->level); i++) {
		/* A level gets at most one root more than half of those below. */
		if (!level_room(&t->level[i], (size_t)tiles))
			return false;
		if (t->level[i].n + tiles < 2)
			break;
		tiles = tiles / 2 + 1;
	}
	return true;
}

static bool level_push(struct rv_tree_level *v, const struct rv_sha256 *h)
{
	if (!level_room(v, 1))
		return false;
	v->h[v->n++] = *h;
	return true;
}

bool rv_tree_add_tile(struct rv_tree *t, const struct rv_sha256 *tile)
{
	struct rv_sha256 h = *tile;
	rv_assert((t->n & 255) == 0);
	for (size_t i = 0;; i++) {
		struct rv_tree_level *v = &t->level[i];
		if (!level_push(v, &h))
			return false;
		if (v->n % 2 == 1)
			break;
		rv_tree_node_hash(&v->h[v->n - 2], &v->h[v->n - 1], &h);
	}
	t->n += 256;
	return true;
}

bool rv_tree_add(struct rv_tree *t, const struct rv_sha256 *leaf)
{
	struct rv_sha256 h = *leaf;
	unsigned k = 0;
	for (; k < RV_TILE_BITS && (t->n >> k & 1); k++)
		rv_tree_node_hash(&t->front[k], &h, &h);
	if (k < RV_TILE_BITS) {
		t->front[k] = h;
		t->n++;
		return true;
	}
	t->n -= 255;
	if (rv_tree_add_tile(t, &h))
		return true;
	t->n += 255;
	return false;
}

/* Root of the 2^bits leaves from first on. */
static void fold(
	const struct rv_leaf_src *src, uint64_t first, unsigned bits, struct rv_sha256 *ret)
{
	struct rv_sha256 stack[RV_TILE_BITS + 1];
	size_t n = 0;
	for (uint64_t i = 0; i < UINT64_C(1) << bits; i++) {
		struct rv_sha256 h = *src->leaf(src->arg, first + i);
		for (uint64_t k = i; k & 1; k >>= 1)
			rv_tree_node_hash(&stack[--n], &h, &h);
		stack[n++] = h;
	}
	*ret = stack[0];
}

static void node(const struct rv_tree *t, const struct rv_leaf_src *src, uint64_t first,
	unsigned bits, struct rv_sha256 *ret)
{
	if (bits < RV_TILE_BITS)
		fold(src, first, bits, ret);
	else
		*ret = t->level[bits - RV_TILE_BITS].h[first >> bits];
}

/* Largest power of two below n (n > 1). */
static unsigned split_bits(uint64_t n)
{
	return 63 - (unsigned)__builtin_clzll(n - 1);
}

/* Root of leaves [from, to), a range as the recursion of RFC 6962 2.1 yields it. */
static void range(const struct rv_tree *t, const struct rv_leaf_src *src, uint64_t from,
	uint64_t to, struct rv_sha256 *ret)
{
	struct rv_sha256 left[64];
	size_t n = 0;
	while (to - from > 1 && ((to - from) & (to - from - 1)) != 0) {
		unsigned bits = split_bits(to - from);
		node(t, src, from, bits, &left[n++]);
		from += UINT64_C(1) << bits;
	}
	node(t, src, from, (unsigned)__builtin_ctzll(to - from), ret);
	while (n > 0)
		rv_tree_node_hash(&left[--n], ret, ret);
}

void rv_tree_root(const struct rv_tree *t, const struct rv_leaf_src *src, uint64_t size,
	struct rv_sha256 *ret)
{
	rv_assert(size <= t->n);
	if (size == 0)
		rv_sha256_of(RV_STR(""), ret);
	else
		range(t, src, 0, size, ret);
}

static void reverse(struct rv_proof *p)
{
	for (size_t i = 0; i + 1 < p->n - i; i++) {
		struct rv_sha256 h = p->hash[i];
		p->hash[i] = p->hash[p->n - 1 - i];
		p->hash[p->n - 1 - i] = h;
	}
}

void rv_tree_inclusion(const struct rv_tree *t, const struct rv_leaf_src *src, uint64_t index,
	uint64_t size, struct rv_proof *ret)
{
	uint64_t from = 0, to = size;
	rv_assert(index < size && size <= t->n);
	ret->n = 0;
	while (to - from > 1) {
		uint64_t mid = from + (UINT64_C(1) << split_bits(to - from));
		if (index < mid) {
			range(t, src, mid, to, &ret->hash[ret->n++]);
			to = mid;
		} else {
			range(t, src, from, mid, &ret->hash[ret->n++]);
			from = mid;
		}
	}
	reverse(ret);
}

void rv_tree_consistency(const struct rv_tree *t, const struct rv_leaf_src *src, uint64_t old_size,
	uint64_t size, struct rv_proof *ret)
{
	uint64_t from = 0, to = size, m = old_size;
	bool is_whole = true;
	rv_assert(old_size <= size && size <= t->n);
	ret->n = 0;
	if (old_size == 0)
		return;
	while (m != to - from) {
		uint64_t k = UINT64_C(1) << split_bits(to - from);
		if (m <= k) {
			range(t, src, from + k, to, &ret->hash[ret->n++]);
			to = from + k;
		} else {
			range(t, src, from, from + k, &ret->hash[ret->n++]);
			from += k;
			m -= k;
			is_whole = false;
		}
	}
	if (!is_whole)
		range(t, src, from, to, &ret->hash[ret->n++]);
	reverse(ret);
}
