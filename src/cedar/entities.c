/* The entity store: built once, then read only. Every uid that occurs as an entity or a parent is a
 * node with a number; an entity's ancestors are a sorted array of numbers, so that `in` is one
 * look-up and one binary search. */
#include "cedar/entities.h"

enum { ENTITIES_MAX = 100000000 };
static const uint32_t NONE = UINT32_MAX;

struct node {
	const cedar_uid *uid;
	uint32_t entity; /* NONE: only ever named as a parent */
	uint32_t n_ancestors;
	const uint32_t *ancestors; /* ascending */
};
struct cedar_entities {
	struct rv_arena arena;
	cedar_entity *list;
	size_t n;
	struct node *nodes;
	size_t n_nodes, cap_nodes;
	uint32_t *slots; /* node numbers by hash of uid */
	size_t n_slots; /* a power of two, at least twice the nodes */
};

static uint32_t find_node(const cedar_entities *es, const cedar_uid *uid)
{
	if (es->n_slots == 0)
		return NONE;
	for (size_t i = uid->hash & (es->n_slots - 1);; i = (i + 1) & (es->n_slots - 1)) {
		uint32_t at = es->slots[i];
		if (at == NONE || uid_eq(es->nodes[at].uid, uid))
			return at;
	}
}

static void put_slot(cedar_entities *es, uint32_t node)
{
	size_t i = es->nodes[node].uid->hash & (es->n_slots - 1);
	while (es->slots[i] != NONE)
		i = (i + 1) & (es->n_slots - 1);
	es->slots[i] = node;
}

static bool grow_nodes(cedar_entities *es)
{
	size_t cap = es->cap_nodes ? es->cap_nodes * 2 : 16;
	struct node *nodes = realloc(es->nodes, cap * sizeof *nodes);
	if (!nodes)
		return false;
	es->nodes = nodes;
	es->cap_nodes = cap;
	uint32_t *slots = realloc(es->slots, cap * 2 * sizeof *slots);
	if (!slots)
		return false;
	es->slots = slots;
	es->n_slots = cap * 2;
	for (size_t i = 0; i < es->n_slots; i++)
		slots[i] = NONE;
	for (size_t i = 0; i < es->n_nodes; i++)
		put_slot(es, (uint32_t)i);
	return true;
}

/* uid is kept: it must live in the store's arena. */
static uint32_t add_node(cedar_entities *es, const cedar_uid *uid)
{
	uint32_t at = find_node(es, uid);
	if (at != NONE)
		return at;
	if (es->n_nodes == es->cap_nodes && !grow_nodes(es))
		return NONE;
	at = (uint32_t)es->n_nodes++;
	es->nodes[at] = (struct node){ .uid = uid, .entity = NONE };
	put_slot(es, at);
	return at;
}

/* ---- the closure ---- */

/* One entity of the walk upwards. */
struct frame {
	uint32_t node;
	size_t next_parent;
};
struct closure {
	cedar_entities *es;
	uint8_t *colour; /* per node: 0 new, 1 on the path, 2 done */
	struct frame *stack;
	size_t depth;
	uint32_t *found; /* ancestors being gathered */
	size_t n_found, cap_found;
	cedar_error *err;
};

static int u32_cmp(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

static bool found_add(struct closure *c, const uint32_t *v, size_t n)
{
	if (c->n_found + n > c->cap_found) {
		size_t cap = (c->n_found + n) * 2;
		uint32_t *found = realloc(c->found, cap * sizeof *found);
		if (!found)
			return false;
		c->found = found;
		c->cap_found = cap;
	}
	if (n > 0)
		memcpy(c->found + c->n_found, v, n * sizeof *v);
	c->n_found += n;
	return true;
}

/* All parents are done: theirs and themselves are the ancestors. */
static bool finish(struct closure *c, uint32_t node)
{
	cedar_entities *es = c->es;
	const cedar_entity *e = &es->list[es->nodes[node].entity];
	c->n_found = 0;
	for (size_t i = 0; i < e->n_parents; i++) {
		uint32_t p = find_node(es, &e->parents[i]);
		if (!found_add(c, &p, 1) ||
			!found_add(c, es->nodes[p].ancestors, es->nodes[p].n_ancestors))
			return false;
	}
	if (c->n_found > 0)
		qsort(c->found, c->n_found, sizeof *c->found, u32_cmp);
	size_t n = 0;
	for (size_t i = 0; i < c->n_found; i++)
		if (n == 0 || c->found[n - 1] != c->found[i])
			c->found[n++] = c->found[i];
	uint32_t *kept = rv_arena_raw(&es->arena, n * sizeof *kept);
	if (!kept)
		return false;
	if (n > 0)
		memcpy(kept, c->found, n * sizeof *kept);
	es->nodes[node].ancestors = kept;
	es->nodes[node].n_ancestors = (uint32_t)n;
	c->colour[node] = 2;
	return true;
}

static cedar_code walk(struct closure *c, uint32_t root)
{
	cedar_entities *es = c->es;
	c->stack[0] = (struct frame){ root, 0 };
	c->depth = 1;
	c->colour[root] = 1;
	while (c->depth > 0) {
		struct frame *f = &c->stack[c->depth - 1];
		const cedar_entity *e = &es->list[es->nodes[f->node].entity];
		if (f->next_parent == e->n_parents) {
			if (!finish(c, f->node))
				return CEDAR_FAIL_MEMORY(c->err);
			c->depth--;
			continue;
		}
		uint32_t p = find_node(es, &e->parents[f->next_parent++]);
		if (c->colour[p] == 1)
			return cedar_fail(c->err, CEDAR_ECYCLE,
				"%.*s::\"%.*s\" is its own ancestor: the hierarchy has a cycle",
				RV_FMT(es->nodes[p].uid->type), RV_FMT(es->nodes[p].uid->id));
		if (c->colour[p] == 0 && es->nodes[p].entity == NONE)
			c->colour[p] = 2;
		if (c->colour[p] == 0) {
			c->colour[p] = 1;
			c->stack[c->depth++] = (struct frame){ p, 0 };
		}
	}
	return CEDAR_OK;
}

static cedar_code close_hierarchy(cedar_entities *es, cedar_error *err)
{
	struct closure c = { .es = es, .err = err };
	c.colour = calloc(es->n_nodes + 1, 1);
	c.stack = malloc((es->n_nodes + 1) * sizeof *c.stack);
	cedar_code code = c.colour && c.stack ? CEDAR_OK : CEDAR_FAIL_MEMORY(err);
	for (size_t i = 0; code == CEDAR_OK && i < es->n_nodes; i++)
		if (c.colour[i] == 0 && es->nodes[i].entity != NONE)
			code = walk(&c, (uint32_t)i);
	free(c.colour);
	free(c.stack);
	free(c.found);
	return code;
}

/* ---- building ---- */

cedar_entities *cedar_entities_begin(cedar_error *err)
{
	cedar_entities *es = calloc(1, sizeof *es);
	if (!es) {
		(void)CEDAR_FAIL_MEMORY(err); /* callers see NULL */
		return NULL;
	}
	rv_arena_init(&es->arena, SIZE_MAX / 2);
	return es;
}

struct rv_arena *cedar_entities_arena(cedar_entities *es)
{
	return &es->arena;
}

static bool has_parent(const cedar_entity *e, const cedar_uid *p)
{
	for (size_t i = 0; i < e->n_parents; i++)
		if (uid_eq(&e->parents[i], p))
			return true;
	return false;
}

static bool same_record(const cedar_value *a, const cedar_value *b)
{
	const cedar_value none = { CEDAR_RECORD, { .record = &cedar_empty_record } };
	return cedar_value_eq(a->kind ? a : &none, b->kind ? b : &none);
}

static bool same_entity(const cedar_entity *a, const cedar_entity *b)
{
	if (!same_record(&a->attrs, &b->attrs) || !same_record(&a->tags, &b->tags))
		return false;
	for (size_t i = 0; i < a->n_parents; i++)
		if (!has_parent(b, &a->parents[i]))
			return false;
	for (size_t i = 0; i < b->n_parents; i++)
		if (!has_parent(a, &b->parents[i]))
			return false;
	return true;
}

cedar_code cedar_entities_finish(cedar_entities *es, cedar_entity *list, size_t n, cedar_error *err)
{
	if (n > ENTITIES_MAX)
		return cedar_fail(err, CEDAR_ELIMIT, "more than %d entities", ENTITIES_MAX);
	es->list = list;
	for (size_t i = 0; i < n; i++) {
		uint32_t at = add_node(es, &list[i].uid);
		if (at == NONE)
			return CEDAR_FAIL_MEMORY(err);
		if (es->nodes[at].entity != NONE) {
			if (!same_entity(&list[es->nodes[at].entity], &list[i]))
				return cedar_fail(err, CEDAR_EEXIST,
					"entity %.*s::\"%.*s\" is given twice, with different "
					"contents",
					RV_FMT(list[i].uid.type), RV_FMT(list[i].uid.id));
			continue;
		}
		/* Duplicates leave holes, which are closed up; the node names its uid where it
		 * comes to lie. */
		if (es->n != i)
			list[es->n] = list[i];
		es->nodes[at].entity = (uint32_t)es->n;
		es->nodes[at].uid = &list[es->n++].uid;
	}
	for (size_t i = 0; i < es->n; i++)
		for (size_t k = 0; k < list[i].n_parents; k++)
			if (add_node(es, &list[i].parents[k]) == NONE)
				return CEDAR_FAIL_MEMORY(err);
	return close_hierarchy(es, err);
}

static bool copy_uid(struct rv_arena *a, const cedar_uid *from, cedar_uid *to)
{
	to->type = cs(rv_arena_str(a, rs(from->type)));
	to->id = cs(rv_arena_str(a, rs(from->id)));
	to->hash = from->hash;
	return to->type.p && to->id.p;
}

static bool copy_entity(struct rv_arena *a, const cedar_entity *from, cedar_entity *to)
{
	cedar_uid *parents = rv_arena_array(a, from->n_parents, sizeof *parents);
	if (!parents || !copy_uid(a, &from->uid, &to->uid))
		return false;
	for (size_t i = 0; i < from->n_parents; i++)
		if (!copy_uid(a, &from->parents[i], &parents[i]))
			return false;
	to->parents = parents;
	to->n_parents = from->n_parents;
	return cedar_value_copy(a, &from->attrs, &to->attrs) &&
		cedar_value_copy(a, &from->tags, &to->tags);
}

cedar_code cedar_entities_new(
	const cedar_entity *list, size_t n, cedar_entities **ret, cedar_error *err)
{
	cedar_entities *es = cedar_entities_begin(err);
	if (!es)
		return CEDAR_ELIMIT;
	cedar_entity *copy = rv_arena_array(&es->arena, n, sizeof *copy);
	cedar_code code = copy ? CEDAR_OK : CEDAR_FAIL_MEMORY(err);
	for (size_t i = 0; code == CEDAR_OK && i < n; i++)
		if (!copy_entity(&es->arena, &list[i], &copy[i]))
			code = CEDAR_FAIL_MEMORY(err);
	if (code == CEDAR_OK)
		code = cedar_entities_finish(es, copy, n, err);
	if (code != CEDAR_OK) {
		cedar_entities_free(es);
		return code;
	}
	*ret = es;
	return CEDAR_OK;
}

void cedar_entities_free(cedar_entities *es)
{
	if (!es)
		return;
	rv_arena_done(&es->arena);
	free(es->nodes);
	free(es->slots);
	free(es);
}

/* ---- reading ---- */

size_t cedar_entities_count(const cedar_entities *es)
{
	return es->n;
}

const cedar_entity *cedar_entities_at(const cedar_entities *es, size_t i)
{
	return &es->list[i];
}

const cedar_entity *cedar_entities_find(const cedar_entities *es, const cedar_uid *uid)
{
	uint32_t at = find_node(es, uid);
	if (at == NONE || es->nodes[at].entity == NONE)
		return NULL;
	return &es->list[es->nodes[at].entity];
}

bool cedar_entities_in(const cedar_entities *es, const cedar_uid *a, const cedar_uid *b)
{
	if (uid_eq(a, b))
		return true;
	uint32_t x = find_node(es, a);
	if (x == NONE || es->nodes[x].n_ancestors == 0)
		return false;
	uint32_t y = find_node(es, b);
	if (y == NONE)
		return false;
	const uint32_t *v = es->nodes[x].ancestors;
	size_t lo = 0, hi = es->nodes[x].n_ancestors;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (v[mid] < y)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < es->nodes[x].n_ancestors && v[lo] == y;
}

size_t cedar_entities_ancestors(
	const cedar_entities *es, const cedar_uid *uid, const uint32_t **ret)
{
	uint32_t at = find_node(es, uid);
	*ret = at == NONE ? NULL : es->nodes[at].ancestors;
	return at == NONE ? 0 : es->nodes[at].n_ancestors;
}

const cedar_uid *cedar_entities_node(const cedar_entities *es, uint32_t node)
{
	return es->nodes[node].uid;
}
