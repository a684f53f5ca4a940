/* Sets of capabilities. A set is one capability or the union of two sets; a mask of all hashes
 * below lets a search pass by what cannot hold it. */
#include "cedar/caps.h"

struct caps {
	uint64_t mask; /* a bit for each hash below */
	uint64_t hash;
	const struct node *on; /* NULL: a union */
	const struct node *tag; /* NULL: an attribute */
	cedar_str attr;
	const struct caps *left, *right;
};

static uint64_t hash_of(const struct node *on, const struct node *tag, cedar_str attr)
{
	return (on->hash ^ (tag ? tag->hash * 3 : rv_str_hash(rs(attr), 7))) * 0x9e3779b97f4a7c15u;
}

static uint64_t bit_of(uint64_t hash)
{
	return 1ull << (hash >> 58);
}

static const struct caps *one(
	struct rv_arena *a, const struct node *on, const struct node *tag, cedar_str attr)
{
	struct caps *c = rv_arena_alloc(a, sizeof *c);
	if (c) {
		c->hash = hash_of(on, tag, attr);
		c->mask = bit_of(c->hash);
		c->on = on;
		c->tag = tag;
		c->attr = attr;
	}
	return c;
}

const struct caps *cedar_caps_attr(struct rv_arena *a, const struct node *on, cedar_str attr)
{
	return one(a, on, NULL, attr);
}

const struct caps *cedar_caps_tag(struct rv_arena *a, const struct node *on, const struct node *tag)
{
	return one(a, on, tag, (cedar_str){ NULL, 0 });
}

const struct caps *cedar_caps_union(
	struct rv_arena *a, const struct caps *x, const struct caps *y, bool *ret_full)
{
	if (!x || x == y)
		return y;
	if (!y)
		return x;
	struct caps *c = rv_arena_alloc(a, sizeof *c);
	if (!c) {
		*ret_full = true;
		return NULL;
	}
	c->mask = x->mask | y->mask;
	c->left = x;
	c->right = y;
	return c;
}

/* Unions are as deep as the expressions that made them. */
static bool has(const struct caps *c, uint64_t hash, const struct node *on, const struct node *tag,
	cedar_str attr)
{
	for (; c && (c->mask & bit_of(hash)); c = c->right) {
		if (c->on)
			return c->hash == hash && !c->tag == !tag && cedar_core_same(c->on, on) &&
				(tag ? cedar_core_same(c->tag, tag) : str_eq(c->attr, attr));
		if (has(c->left, hash, on, tag, attr))
			return true;
	}
	return false;
}

bool cedar_caps_has_attr(const struct caps *c, const struct node *on, cedar_str attr)
{
	return c && has(c, hash_of(on, NULL, attr), on, NULL, attr);
}

bool cedar_caps_has_tag(const struct caps *c, const struct node *on, const struct node *tag)
{
	return c &&
		has(c, hash_of(on, tag, (cedar_str){ NULL, 0 }), on, tag, (cedar_str){ NULL, 0 });
}

const struct caps *cedar_caps_intersection(
	struct rv_arena *a, const struct caps *x, const struct caps *y, bool *ret_full)
{
	const struct caps *all = NULL;
	if (!y || x == y)
		return y;
	for (; x; x = x->right) {
		if (x->on) {
			if (has(y, x->hash, x->on, x->tag, x->attr))
				all = cedar_caps_union(a, all, x, ret_full);
			break;
		}
		all = cedar_caps_union(
			a, all, cedar_caps_intersection(a, x->left, y, ret_full), ret_full);
	}
	return all;
}
