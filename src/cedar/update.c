/* A set with some entities changed: a new delta over the table of the old one. Entities that
 * change, and those below an entity that moved in the hierarchy, become nodes of their own; all
 * others are shared. A delta that has grown beyond a bound is folded into a new table, which costs
 * a pass over pointers and copies no entity. */
#include "cedar/entities.h"

enum { DELTA_LEAST = 64, DELTA_MOST = 2048, TABLE_SHARE = 16 };

/* ---- nodes that lie alone ---- */

/* A uid of the chunk stays as it is; others are the node's own copies already. */
static const cedar_uid *find_in_chunk(void *arg, const cedar_uid *uid)
{
	const struct table *t = arg;
	const struct node *n = t->slots.n > 0 ? slots_find(&t->slots, uid) : NULL;
	size_t off = (uintptr_t)n - (uintptr_t)t->chunk->nodes;
	return n && off < t->chunk->n_nodes * sizeof *n ? &n->entity.uid : uid;
}

/* One piece of memory, found by doubling; an entity is small. NULL: memory. */
static struct node *node_new(const struct table *t, const cedar_entity *e)
{
	const size_t head = (sizeof(struct node) + 15) & ~(size_t)15;
	for (size_t size = 512; size <= (size_t)1 << 32; size *= 2) {
		char *mem = malloc(head + size);
		if (!mem)
			return NULL;
		struct node *n = (struct node *)(void *)mem;
		struct rv_arena fixed = { .at = mem + head, .end = mem + head + size };
		struct keeper k = { .arena = &fixed };
		*n = (struct node){ .is_gone = false };
		atomic_init(&n->refs, 1);
		if (cedar_keep_entity(&k, e, &n->entity) &&
			cedar_keep_settle(&k, &n->entity, find_in_chunk, (void *)(uintptr_t)t))
			return n;
		free(mem);
	}
	return NULL;
}

/* Ancestors in one piece with the uids that are not the chunk's. NULL: memory. */
static struct ancestors *ancestors_alone(const struct table *t, const struct ancestors *from)
{
	size_t bytes = sizeof *from + from->n * sizeof *from->v, text = 0;
	for (size_t i = 0; i < from->n; i++)
		text += from->v[i].uid->type.n + from->v[i].uid->id.n;
	struct ancestors *up = malloc(bytes + from->n * sizeof(cedar_uid) + text);
	if (!up)
		return NULL;
	cedar_uid *uids = (cedar_uid *)(void *)((char *)up + bytes);
	char *at = (char *)(uids + from->n);
	up->n = from->n;
	for (size_t i = 0; i < from->n; i++) {
		const cedar_uid *u = from->v[i].uid;
		up->v[i] = (struct ancestor){ u->hash, find_in_chunk((void *)(uintptr_t)t, u) };
		if (up->v[i].uid != u ||
			(uintptr_t)u - (uintptr_t)t->chunk->nodes <
				t->chunk->n_nodes * sizeof(struct node))
			continue;
		uids[i] = *u;
		uids[i].type.p = memcpy(at, u->type.p, u->type.n);
		at += u->type.n;
		uids[i].id.p = memcpy(at, u->id.p, u->id.n);
		at += u->id.n;
		up->v[i].uid = &uids[i];
	}
	return up;
}

/* ---- an edit ---- */

struct edit {
	const cedar_entities *base;
	struct table *t;
	struct slots slots; /* of the new nodes */
	struct node **list;
	size_t n, cap;
	bool must_scan; /* somebody may be below what moved */
	uint8_t *colour; /* per new node: 0 new, 1 on the path, 2 done */
	struct gather found;
	cedar_error *err;
};

static cedar_code add_node(struct edit *ed, struct node *n)
{
	if (!n)
		return CEDAR_FAIL_MEMORY(ed->err);
	if (2 * (ed->n + 1) > ed->slots.n) {
		struct slots more;
		if (!cedar_slots_init(&more, 2 * (ed->n + 1))) {
			cedar_node_unref(n);
			return CEDAR_FAIL_MEMORY(ed->err);
		}
		for (size_t i = 0; i < ed->n; i++)
			cedar_slots_put(&more, ed->list[i]);
		free(ed->slots.v);
		ed->slots = more;
	}
	if (ed->n == ed->cap) {
		size_t cap = ed->cap ? ed->cap * 2 : 8;
		struct node **list = realloc(ed->list, cap * sizeof *list);
		if (!list) {
			cedar_node_unref(n);
			return CEDAR_FAIL_MEMORY(ed->err);
		}
		ed->list = list;
		ed->cap = cap;
	}
	ed->list[ed->n++] = n;
	cedar_slots_put(&ed->slots, n);
	return CEDAR_OK;
}

static const struct node *find_new(const struct edit *ed, const cedar_uid *uid)
{
	return ed->slots.n > 0 ? slots_find(&ed->slots, uid) : NULL;
}

static bool is_parent(const cedar_entities *es, uint64_t hash)
{
	return cedar_hashes_have(es->table->parents, es->table->n_parents, hash) ||
		cedar_hashes_have(es->delta.parents, es->delta.n_parents, hash);
}

static bool same_parents(const cedar_entity *a, const cedar_entity *b)
{
	if (a->n_parents != b->n_parents)
		return false;
	for (size_t i = 0; i < a->n_parents; i++)
		if (!uid_eq(&a->parents[i], &b->parents[i]))
			return false;
	return true;
}

static cedar_code put(struct edit *ed, const cedar_entity *e)
{
	const struct node *old = entities_node(ed->base, &e->uid);
	if (find_new(ed, &e->uid))
		return cedar_fail(ed->err, CEDAR_EEXIST, "entity %.*s::\"%.*s\" is given twice",
			RV_FMT(e->uid.type), RV_FMT(e->uid.id));
	if (!old || !same_parents(&old->entity, e))
		ed->must_scan = ed->must_scan || is_parent(ed->base, e->uid.hash);
	return add_node(ed, node_new(ed->t, e));
}

static cedar_code take_away(struct edit *ed, const cedar_uid *uid)
{
	const cedar_entity none = { .uid = *uid };
	if (find_new(ed, uid) || !entities_node(ed->base, uid))
		return CEDAR_OK;
	struct node *n = node_new(ed->t, &none);
	if (n)
		n->is_gone = true;
	ed->must_scan = ed->must_scan || is_parent(ed->base, uid->hash);
	return add_node(ed, n);
}

static bool is_below(const struct edit *ed, size_t n_moved, const struct ancestors *up)
{
	if (!up)
		return false;
	if (n_moved <= 4) {
		for (size_t i = 0; i < n_moved; i++)
			if (ancestors_have(up, &ed->list[i]->entity.uid))
				return true;
		return false;
	}
	for (size_t i = 0; i < up->n; i++)
		if (find_new(ed, up->v[i].uid))
			return true;
	return false;
}

/* Whoever is below a node that changed gets ancestors anew. */
static cedar_code scan(struct edit *ed)
{
	size_t n_moved = ed->n, n = cedar_entities_count(ed->base);
	for (size_t i = 0; i < n; i++) {
		/* What at() tells is the first member of a node. */
		const struct node *at =
			(const struct node *)(const void *)cedar_entities_at(ed->base, i);
		if (is_below(ed, n_moved, at->up) && !find_new(ed, &at->entity.uid))
			CEDAR_TRY(add_node(ed, node_new(ed->t, &at->entity)));
	}
	return CEDAR_OK;
}

/* ---- ancestors of the new nodes ---- */

struct frame {
	size_t at; /* in list */
	size_t next_parent;
};

static size_t place_in_list(const struct edit *ed, const struct node *n)
{
	/* Nodes of an edit are few; their places lie in refs until the edit is done. */
	return atomic_load_explicit(&((struct node *)(uintptr_t)n)->refs, memory_order_relaxed);
}

static cedar_code finish(struct edit *ed, struct node *n)
{
	struct rv_arena a;
	bool ok = true;
	ed->found.n = 0;
	for (size_t i = 0; ok && i < n->entity.n_parents; i++) {
		const cedar_uid *uid = &n->entity.parents[i];
		const struct node *p = find_new(ed, uid);
		if (!p)
			p = entities_node(ed->base, uid);
		ok = cedar_gather_add(&ed->found, uid) &&
			(!p || p->is_gone || cedar_gather_all(&ed->found, p->up));
	}
	if (!ok)
		return CEDAR_FAIL_MEMORY(ed->err);
	rv_arena_init(&a, SIZE_MAX / 2);
	const struct ancestors *up = cedar_gather_done(&ed->found, &a, &ok);
	if (up) {
		n->up = ancestors_alone(ed->t, up);
		ok = n->up != NULL;
	}
	rv_arena_done(&a);
	return ok ? CEDAR_OK : CEDAR_FAIL_MEMORY(ed->err);
}

static cedar_code walk(struct edit *ed, struct frame *stack, size_t root)
{
	size_t depth = 1;
	stack[0] = (struct frame){ root, 0 };
	ed->colour[root] = 1;
	while (depth > 0) {
		struct frame *f = &stack[depth - 1];
		struct node *n = ed->list[f->at];
		if (f->next_parent == n->entity.n_parents) {
			CEDAR_TRY(finish(ed, n));
			ed->colour[f->at] = 2;
			depth--;
			continue;
		}
		const struct node *p = find_new(ed, &n->entity.parents[f->next_parent++]);
		if (!p || p->is_gone)
			continue;
		size_t at = place_in_list(ed, p);
		if (ed->colour[at] == 1)
			return cedar_hierarchy_cycle(&p->entity.uid, ed->err);
		if (ed->colour[at] == 0) {
			ed->colour[at] = 1;
			stack[depth++] = (struct frame){ at, 0 };
		}
	}
	return CEDAR_OK;
}

/* A circle goes through something that changed, hence only new nodes need be walked; but it may go
 * on through old ones, which then are below a node that moved, hence new as well. */
static cedar_code close_hierarchy(struct edit *ed)
{
	struct frame *stack = malloc((ed->n + 1) * sizeof *stack);
	cedar_code code = CEDAR_OK;
	ed->colour = calloc(ed->n + 1, 1);
	if (!stack || !ed->colour)
		code = CEDAR_FAIL_MEMORY(ed->err);
	for (size_t i = 0; i < ed->n; i++)
		atomic_store_explicit(&ed->list[i]->refs, (unsigned)i, memory_order_relaxed);
	for (size_t i = 0; code == CEDAR_OK && i < ed->n; i++)
		if (ed->colour[i] == 0)
			code = walk(ed, stack, i);
	for (size_t i = 0; i < ed->n; i++)
		atomic_store_explicit(&ed->list[i]->refs, 1, memory_order_relaxed);
	free(stack);
	return code;
}

/* ---- the new set ---- */

static const struct node *in_table(const struct table *t, const cedar_uid *uid)
{
	return t->slots.n > 0 ? slots_find(&t->slots, uid) : NULL;
}

static size_t place_in_table(const struct table *t, const struct node *n)
{
	if (!t->order)
		return (size_t)(n - t->chunk->nodes);
	for (size_t i = 0; i < t->n; i++)
		if (t->order[i] == n)
			return i;
	return SIZE_MAX; /* not reached: n is of the table */
}

/* All nodes of the new delta: the old ones that are not replaced, then the new ones. A node that is
 * gone and was never in the table leaves no trace. */
static bool merge_nodes(const struct edit *ed, struct delta *d)
{
	const struct delta *old = &ed->base->delta;
	d->nodes = malloc((old->n + ed->n + 1) * sizeof *d->nodes);
	if (!d->nodes || !cedar_slots_init(&d->slots, old->n + ed->n))
		return false;
	for (size_t i = 0; i < old->n; i++) {
		if (find_new(ed, &old->nodes[i]->entity.uid))
			continue;
		struct node *shared = (struct node *)(uintptr_t)old->nodes[i];
		atomic_fetch_add_explicit(&shared->refs, 1, memory_order_relaxed);
		d->nodes[d->n++] = shared;
	}
	for (size_t i = 0; i < ed->n; i++) {
		struct node *n = ed->list[i];
		if (n->is_gone && !in_table(ed->t, &n->entity.uid))
			continue;
		atomic_fetch_add_explicit(&n->refs, 1, memory_order_relaxed);
		d->nodes[d->n++] = n;
	}
	for (size_t i = 0; i < d->n; i++)
		cedar_slots_put(&d->slots, d->nodes[i]);
	return true;
}

static void add_if_new(const struct edit *ed, struct delta *d, const cedar_uid *uid)
{
	const struct node *n = slots_find(&d->slots, uid);
	if (n && !n->is_gone && !in_table(ed->t, uid))
		d->added[d->n_added++] = n;
}

static bool merge_added(const struct edit *ed, struct delta *d)
{
	const cedar_entities *base = ed->base;
	d->added = malloc((base->delta.n_added + ed->n + 1) * sizeof *d->added);
	if (!d->added)
		return false;
	for (size_t i = 0; i < base->delta.n_added; i++)
		add_if_new(ed, d, &base->delta.added[i]->entity.uid);
	for (size_t i = 0; i < ed->n; i++)
		if (!entities_node(base, &ed->list[i]->entity.uid))
			add_if_new(ed, d, &ed->list[i]->entity.uid);
	return true;
}

static int u32_cmp(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

static bool merge_gone(const struct edit *ed, struct delta *d)
{
	const struct delta *old = &ed->base->delta;
	d->gone = malloc((old->n_gone + ed->n + 1) * sizeof *d->gone);
	if (!d->gone)
		return false;
	for (size_t i = 0; i < old->n_gone; i++)
		if (!find_new(ed, &table_at(ed->t, old->gone[i])->entity.uid))
			d->gone[d->n_gone++] = old->gone[i];
	for (size_t i = 0; i < ed->n; i++) {
		const struct node *n = ed->list[i];
		const struct node *in = n->is_gone ? in_table(ed->t, &n->entity.uid) : NULL;
		if (in)
			d->gone[d->n_gone++] = (uint32_t)place_in_table(ed->t, in);
	}
	qsort(d->gone, d->n_gone, sizeof *d->gone, u32_cmp);
	return true;
}

static bool merge_parents(const struct edit *ed, struct delta *d)
{
	const struct delta *old = &ed->base->delta;
	size_t n = 0;
	for (size_t i = 0; i < old->n_parents; i++)
		if (old->parents[i] != 0 &&
			!cedar_hashes_put(&d->parents, &d->n_parents, &n, old->parents[i]))
			return false;
	for (size_t i = 0; i < ed->n; i++)
		for (size_t k = 0; k < ed->list[i]->entity.n_parents; k++) {
			uint64_t hash = ed->list[i]->entity.parents[k].hash;
			if (!cedar_hashes_have(ed->t->parents, ed->t->n_parents, hash) &&
				!cedar_hashes_put(&d->parents, &d->n_parents, &n, hash))
				return false;
		}
	return true;
}

/* ---- folding ---- */

static bool is_in_chunk(const struct table *t, const struct node *n)
{
	return (uintptr_t)n - (uintptr_t)t->chunk->nodes < t->chunk->n_nodes * sizeof *n;
}

static bool fold_nodes(const cedar_entities *es, struct table *t)
{
	size_t n = cedar_entities_count(es), n_chunk = t->chunk->n_nodes;
	t->order = malloc((n + 1) * sizeof *t->order);
	t->alone = malloc((n + 1) * sizeof *t->alone);
	t->replaced = malloc((n_chunk / 64 + 1) * sizeof *t->replaced);
	if (!t->order || !t->alone || !t->replaced || !cedar_slots_init(&t->slots, n))
		return false;
	memset(t->replaced, 0xff, (n_chunk / 64 + 1) * sizeof *t->replaced);
	for (size_t i = 0; i < n; i++) {
		struct node *at = (struct node *)(uintptr_t)cedar_entities_at(es, i);
		t->order[t->n++] = at;
		cedar_slots_put(&t->slots, at);
		if (is_in_chunk(t, at)) {
			size_t k = (size_t)(at - t->chunk->nodes);
			t->replaced[k / 64] &= ~((uint64_t)1 << k % 64);
		} else {
			atomic_fetch_add_explicit(&at->refs, 1, memory_order_relaxed);
			t->alone[t->n_alone++] = at;
		}
	}
	return true;
}

static bool fold_parents(const cedar_entities *es, struct table *t)
{
	const struct table *old = es->table;
	size_t n = 0;
	for (size_t i = 0; i < old->n_parents; i++)
		if (old->parents[i] != 0 &&
			!cedar_hashes_put(&t->parents, &t->n_parents, &n, old->parents[i]))
			return false;
	for (size_t i = 0; i < es->delta.n_parents; i++)
		if (es->delta.parents[i] != 0 &&
			!cedar_hashes_put(&t->parents, &t->n_parents, &n, es->delta.parents[i]))
			return false;
	return true;
}

/* The same set with an empty delta. NULL: memory. Takes es. */
static cedar_entities *fold(cedar_entities *es)
{
	cedar_entities *out = calloc(1, sizeof *out);
	struct table *t = calloc(1, sizeof *t);
	if (t) {
		atomic_init(&t->refs, 1);
		t->chunk = es->table->chunk;
		atomic_fetch_add_explicit(&t->chunk->refs, 1, memory_order_relaxed);
	}
	bool ok = out && t && fold_nodes(es, t) && fold_parents(es, t);
	cedar_entities_free(es);
	if (ok) {
		cedar_entities_attach(out, t);
		return out;
	}
	cedar_table_unref(t);
	free(out);
	return NULL;
}

static cedar_code make_set(struct edit *ed, cedar_entities **ret)
{
	cedar_entities *es = calloc(1, sizeof *es);
	if (!es)
		return CEDAR_FAIL_MEMORY(ed->err);
	atomic_fetch_add_explicit(&ed->t->refs, 1, memory_order_relaxed);
	cedar_entities_attach(es, ed->t);
	if (!merge_nodes(ed, &es->delta) || !merge_added(ed, &es->delta) ||
		!merge_gone(ed, &es->delta) || !merge_parents(ed, &es->delta)) {
		cedar_entities_free(es);
		return CEDAR_FAIL_MEMORY(ed->err);
	}
	size_t most = ed->t->n / TABLE_SHARE;
	most = most < DELTA_LEAST ? DELTA_LEAST : most > DELTA_MOST ? DELTA_MOST : most;
	if (es->delta.n > most)
		es = fold(es);
	if (!es)
		return CEDAR_FAIL_MEMORY(ed->err);
	*ret = es;
	return CEDAR_OK;
}

cedar_code cedar_entities_update(const cedar_entities *base, const cedar_entity *puts,
	size_t n_puts, const cedar_uid *removed, size_t n_removed, cedar_entities **ret,
	cedar_error *err)
{
	struct edit ed = { .base = base, .t = base->table, .err = err };
	cedar_code code = CEDAR_OK;
	for (size_t i = 0; code == CEDAR_OK && i < n_puts; i++)
		code = put(&ed, &puts[i]);
	for (size_t i = 0; code == CEDAR_OK && i < n_removed; i++)
		code = take_away(&ed, &removed[i]);
	if (code == CEDAR_OK && ed.must_scan)
		code = scan(&ed);
	if (code == CEDAR_OK)
		code = close_hierarchy(&ed);
	if (code == CEDAR_OK)
		code = make_set(&ed, ret);
	for (size_t i = 0; i < ed.n; i++)
		cedar_node_unref(ed.list[i]);
	free(ed.slots.v);
	free(ed.list);
	free(ed.colour);
	free(ed.found.v);
	return code;
}
