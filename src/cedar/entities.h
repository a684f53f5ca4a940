/* The entity store from the inside. Private to cedar/.
 *
 * A node is an entity with all its ancestors. Those of the first load lie side by side in a chunk,
 * so that a uid which is a node's own leads to it without a search; values and ancestors name such
 * uids wherever they can. A set is a table of nodes, counted and shared, and a small delta over it:
 * nodes that replace, add to or take from the table. cedar_entities_update makes a new delta; when
 * it has grown too large it is folded into a table of its own, which shares all nodes. */
#ifndef RV_CEDAR_ENTITIES_H
#define RV_CEDAR_ENTITIES_H
#include <stdatomic.h>

#include "cedar/cedar_int.h"

struct ancestor {
	uint64_t hash; /* of uid */
	const cedar_uid *uid;
};
struct ancestors {
	size_t n;
	struct ancestor v[]; /* by hash, then by uid */
};
struct node {
	cedar_entity entity; /* first: see above */
	const struct ancestors *up; /* NULL: none; a node outside the chunk owns it */
	atomic_uint refs; /* of a node outside the chunk */
	bool is_gone; /* in a delta: the table's entity is no more */
};
/* Memory of the first load. */
struct chunk {
	atomic_uint refs;
	struct rv_arena arena;
	struct node *nodes;
	size_t n_nodes;
};
struct slots {
	const struct node **v;
	size_t n; /* a power of two, at least twice the nodes; 0: none */
};
struct table {
	atomic_uint refs;
	struct chunk *chunk;
	struct slots slots;
	const struct node **order; /* as at() counts them; NULL: as they lie in the chunk */
	size_t n;
	const struct node **alone; /* nodes of this table outside the chunk */
	size_t n_alone;
	uint64_t *replaced; /* bits: nodes of the chunk that are not in this table; NULL: all are */
	uint64_t *parents; /* hashes of all uids that are named as a parent; 0: empty */
	size_t n_parents; /* slots of parents, a power of two */
};
struct delta {
	struct slots slots;
	const struct node **nodes; /* all, each counted */
	size_t n;
	const struct node **added; /* those that the table does not have, in order */
	size_t n_added;
	uint32_t *gone; /* places in the table's order, ascending */
	size_t n_gone;
	uint64_t *parents; /* hashes of parents that the table does not know as such */
	size_t n_parents;
};
struct cedar_entities {
	/* Copied from the table for speed. */
	uintptr_t chunk_at;
	size_t chunk_bytes;
	const uint64_t *replaced;
	struct slots slots;
	struct table *table;
	struct delta delta;
};

static inline const struct node *table_at(const struct table *t, size_t i)
{
	return t->order ? t->order[i] : &t->chunk->nodes[i];
}

static inline const struct node *slots_find(const struct slots *s, const cedar_uid *uid)
{
	for (size_t i = uid->hash & (s->n - 1);; i = (i + 1) & (s->n - 1)) {
		const struct node *at = s->v[i];
		if (!at || uid_eq(&at->entity.uid, uid))
			return at;
	}
}

/* NULL: not there. */
static inline const struct node *entities_node(const cedar_entities *es, const cedar_uid *uid)
{
	if (es->delta.slots.n > 0) {
		const struct node *at = slots_find(&es->delta.slots, uid);
		if (at)
			return at->is_gone ? NULL : at;
	}
	size_t off = (uintptr_t)uid - es->chunk_at;
	if (off < es->chunk_bytes) {
		if (!es->replaced)
			return (const struct node *)(const void *)uid;
		size_t i = off / sizeof(struct node);
		if (!(es->replaced[i / 64] >> i % 64 & 1))
			return (const struct node *)(const void *)uid;
	}
	return es->slots.n > 0 ? slots_find(&es->slots, uid) : NULL;
}

/* Hashes are even, so the place of one among n is known but for a few steps. */
static inline bool ancestors_have(const struct ancestors *up, const cedar_uid *uid)
{
	if (!up)
		return false;
	const uint64_t hash = uid->hash;
	size_t i = (size_t)((hash >> 32) * up->n >> 32);
	while (i > 0 && up->v[i - 1].hash >= hash)
		i--;
	while (i < up->n && up->v[i].hash < hash)
		i++;
	for (; i < up->n && up->v[i].hash == hash; i++)
		if (uid_eq(up->v[i].uid, uid))
			return true;
	return false;
}

static inline bool who_in(const struct who *a, const cedar_uid *b)
{
	return uid_eq(a->uid, b) || ancestors_have(a->up, b);
}

/* ---- keep.c: copies that a store owns ---- */

struct intern {
	cedar_str *slots;
	size_t n, cap;
};
struct keeper {
	struct rv_arena *arena;
	struct rv_arena *refs; /* uids that values name, until they are settled; NULL: arena */
	struct intern *names; /* types and attribute names are kept once; NULL: copied */
	bool has_refs;
};
bool cedar_keep_name(struct keeper *k, cedar_str s, cedar_str *ret);
bool cedar_keep_entity(struct keeper *k, const cedar_entity *from, cedar_entity *to);
/* Values that name entities of the store name its own uids from here on; other uids move from
 * k->refs to k->arena. find: NULL in its answer when there is none. */
typedef const cedar_uid *cedar_uid_find(void *arg, const cedar_uid *uid);
bool cedar_keep_settle(struct keeper *k, cedar_entity *e, cedar_uid_find *find, void *arg);

/* ---- hierarchy.c: ancestors ---- */

struct gather {
	struct ancestor *v;
	size_t n, cap;
};
/* False: memory. */
bool cedar_gather_add(struct gather *g, const cedar_uid *uid);
bool cedar_gather_all(struct gather *g, const struct ancestors *up);
/* Sorts, drops doubles and copies to a. NULL with *ok: none; NULL without: memory. */
const struct ancestors *cedar_gather_done(struct gather *g, struct rv_arena *a, bool *ok);
/* Ancestors of all nodes of the table's chunk. CEDAR_ECYCLE, CEDAR_ELIMIT. */
cedar_code cedar_hierarchy_close(struct table *t, cedar_error *err);
cedar_code cedar_hierarchy_cycle(const cedar_uid *uid, cedar_error *err);

/* ---- entities.c ---- */

struct build;
/* Entities one by one; each is copied. NULL: memory. */
struct build *cedar_build_new(void);
cedar_code cedar_build_add(struct build *b, const cedar_entity *e, cedar_error *err);
/* Takes b, also when it fails. */
cedar_code cedar_build_done(struct build *b, cedar_entities **ret, cedar_error *err);
void cedar_build_free(struct build *b);
bool cedar_slots_init(struct slots *s, size_t n_nodes);
void cedar_slots_put(struct slots *s, const struct node *node);
/* Sets the copies in es from its table. */
void cedar_entities_attach(cedar_entities *es, struct table *t);
void cedar_table_unref(struct table *t);
void cedar_node_unref(const struct node *n);
/* A set of hashes that never shrinks. False: memory. */
bool cedar_hashes_put(uint64_t **slots, size_t *n_slots, size_t *n, uint64_t hash);
bool cedar_hashes_have(const uint64_t *slots, size_t n_slots, uint64_t hash);
#endif
