/* The entity store: built once, then read only. */
#include "cedar/entities.h"

enum { ENTITIES_MAX = 100000000 };

/* ---- counted parts ---- */

void cedar_node_unref(const struct node *n)
{
	struct node *own = (struct node *)(uintptr_t)n; /* the count is all that ever changes */
	if (atomic_fetch_sub_explicit(&own->refs, 1, memory_order_acq_rel) != 1)
		return;
	free((void *)(uintptr_t)own->up);
	free(own);
}

static void chunk_unref(struct chunk *c)
{
	if (!c || atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1)
		return;
	rv_arena_done(&c->arena);
	free(c->nodes);
	free(c);
}

void cedar_table_unref(struct table *t)
{
	if (!t || atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (size_t i = 0; i < t->n_alone; i++)
		cedar_node_unref(t->alone[i]);
	chunk_unref(t->chunk);
	free(t->slots.v);
	free(t->order);
	free(t->alone);
	free(t->replaced);
	free(t->parents);
	free(t);
}

void cedar_entities_attach(cedar_entities *es, struct table *t)
{
	es->table = t;
	es->chunk_at = (uintptr_t)t->chunk->nodes;
	es->chunk_bytes = t->chunk->n_nodes * sizeof *t->chunk->nodes;
	es->replaced = t->replaced;
	es->slots = t->slots;
}

void cedar_entities_free(cedar_entities *es)
{
	if (!es)
		return;
	for (size_t i = 0; i < es->delta.n; i++)
		cedar_node_unref(es->delta.nodes[i]);
	free(es->delta.slots.v);
	free(es->delta.nodes);
	free(es->delta.added);
	free(es->delta.gone);
	free(es->delta.parents);
	cedar_table_unref(es->table);
	free(es);
}

/* ---- hash tables ---- */

bool cedar_slots_init(struct slots *s, size_t n_nodes)
{
	size_t n = 16;
	while (n < 2 * n_nodes)
		n *= 2;
	s->v = calloc(n, sizeof *s->v);
	s->n = s->v ? n : 0;
	return s->v != NULL;
}

void cedar_slots_put(struct slots *s, const struct node *node)
{
	size_t i = node->entity.uid.hash & (s->n - 1);
	while (s->v[i] && !uid_eq(&s->v[i]->entity.uid, &node->entity.uid))
		i = (i + 1) & (s->n - 1);
	s->v[i] = node;
}

static uint64_t *hash_slot(uint64_t *slots, size_t n_slots, uint64_t hash)
{
	size_t i = hash & (n_slots - 1);
	while (slots[i] != 0 && slots[i] != hash)
		i = (i + 1) & (n_slots - 1);
	return &slots[i];
}

bool cedar_hashes_put(uint64_t **slots, size_t *n_slots, size_t *n, uint64_t hash)
{
	hash = hash ? hash : 1;
	if (2 * (*n + 1) > *n_slots) {
		size_t more = *n_slots ? *n_slots * 2 : 16;
		uint64_t *grown = calloc(more, sizeof *grown);
		if (!grown)
			return false;
		for (size_t i = 0; i < *n_slots; i++)
			if ((*slots)[i] != 0)
				*hash_slot(grown, more, (*slots)[i]) = (*slots)[i];
		free(*slots);
		*slots = grown;
		*n_slots = more;
	}
	uint64_t *at = hash_slot(*slots, *n_slots, hash);
	*n += *at == 0;
	*at = hash;
	return true;
}

bool cedar_hashes_have(const uint64_t *slots, size_t n_slots, uint64_t hash)
{
	hash = hash ? hash : 1;
	return n_slots > 0 && *hash_slot((uint64_t *)(uintptr_t)slots, n_slots, hash) == hash;
}

/* ---- building ---- */

struct build {
	struct table *t;
	struct rv_arena refs;
	struct intern names;
	struct keeper keep;
	size_t n, cap;
	uint32_t *slots; /* node numbers, UINT32_MAX: empty */
	size_t n_slots; /* at least twice cap */
	uint64_t *has_refs; /* bits */
};

void cedar_build_free(struct build *b)
{
	if (!b)
		return;
	cedar_table_unref(b->t);
	rv_arena_done(&b->refs);
	free(b->names.slots);
	free(b->slots);
	free(b->has_refs);
	free(b);
}

struct build *cedar_build_new(void)
{
	struct build *b = calloc(1, sizeof *b);
	struct table *t = calloc(1, sizeof *t);
	struct chunk *c = calloc(1, sizeof *c);
	if (!b || !t || !c) {
		free(b);
		free(t);
		free(c);
		return NULL;
	}
	atomic_init(&t->refs, 1);
	atomic_init(&c->refs, 1);
	rv_arena_init(&c->arena, SIZE_MAX / 2);
	rv_arena_init(&b->refs, SIZE_MAX / 2);
	t->chunk = c;
	b->t = t;
	b->keep = (struct keeper){ .arena = &c->arena, .refs = &b->refs, .names = &b->names };
	return b;
}

static uint32_t *build_slot(const struct build *b, const cedar_uid *uid)
{
	const struct node *nodes = b->t->chunk->nodes;
	size_t i = uid->hash & (b->n_slots - 1);
	while (b->slots[i] != UINT32_MAX && !uid_eq(&nodes[b->slots[i]].entity.uid, uid))
		i = (i + 1) & (b->n_slots - 1);
	return &b->slots[i];
}

static bool build_grow(struct build *b)
{
	size_t cap = b->cap ? b->cap * 2 : 16;
	struct node *nodes = realloc(b->t->chunk->nodes, cap * sizeof *nodes);
	if (!nodes)
		return false;
	b->t->chunk->nodes = nodes;
	uint64_t *bits = realloc(b->has_refs, (cap + 63) / 64 * sizeof *bits);
	if (!bits)
		return false;
	b->has_refs = bits;
	uint32_t *slots = malloc(2 * cap * sizeof *slots);
	if (!slots)
		return false;
	free(b->slots);
	b->slots = slots;
	b->n_slots = 2 * cap;
	b->cap = cap;
	memset(slots, 0xff, b->n_slots * sizeof *slots);
	for (size_t i = 0; i < b->n; i++)
		*build_slot(b, &nodes[i].entity.uid) = (uint32_t)i;
	return true;
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

cedar_code cedar_build_add(struct build *b, const cedar_entity *e, cedar_error *err)
{
	if (b->n == ENTITIES_MAX)
		return cedar_fail(err, CEDAR_ELIMIT, "more than %d entities", ENTITIES_MAX);
	if (b->n == b->cap && !build_grow(b))
		return CEDAR_FAIL_MEMORY(err);
	uint32_t *at = build_slot(b, &e->uid);
	struct node *nodes = b->t->chunk->nodes;
	if (*at != UINT32_MAX && same_entity(&nodes[*at].entity, e))
		return CEDAR_OK;
	if (*at != UINT32_MAX)
		return cedar_fail(err, CEDAR_EEXIST,
			"entity %.*s::\"%.*s\" is given twice, with different contents",
			RV_FMT(e->uid.type), RV_FMT(e->uid.id));
	nodes[b->n] = (struct node){ .is_gone = false };
	b->keep.has_refs = false;
	if (!cedar_keep_entity(&b->keep, e, &nodes[b->n].entity))
		return CEDAR_FAIL_MEMORY(err);
	const uint64_t bit = (uint64_t)1 << b->n % 64;
	b->has_refs[b->n / 64] = b->n % 64 == 0 ? 0 : b->has_refs[b->n / 64];
	b->has_refs[b->n / 64] |= b->keep.has_refs ? bit : 0;
	*at = (uint32_t)b->n++;
	b->t->chunk->n_nodes = b->n;
	return CEDAR_OK;
}

static const cedar_uid *find_own(void *arg, const cedar_uid *uid)
{
	const struct table *t = arg;
	const struct node *n = slots_find(&t->slots, uid);
	return n ? &n->entity.uid : NULL;
}

static cedar_code settle(struct build *b, cedar_error *err)
{
	struct table *t = b->t;
	struct chunk *c = t->chunk;
	size_t n_hashes = 0;
	struct node *nodes = realloc(c->nodes, (b->n + 1) * sizeof *nodes);
	if (!nodes || !cedar_slots_init(&t->slots, b->n))
		return CEDAR_FAIL_MEMORY(err);
	c->nodes = nodes;
	for (size_t i = 0; i < b->n; i++)
		cedar_slots_put(&t->slots, &nodes[i]);
	t->n = b->n;
	for (size_t i = 0; i < b->n; i++) {
		cedar_entity *e = &nodes[i].entity;
		b->keep.has_refs = b->has_refs[i / 64] >> i % 64 & 1;
		if (!cedar_keep_settle(&b->keep, e, find_own, t))
			return CEDAR_FAIL_MEMORY(err);
		for (size_t k = 0; k < e->n_parents; k++)
			if (!cedar_hashes_put(
				    &t->parents, &t->n_parents, &n_hashes, e->parents[k].hash))
				return CEDAR_FAIL_MEMORY(err);
	}
	return cedar_hierarchy_close(t, err);
}

cedar_code cedar_build_done(struct build *b, cedar_entities **ret, cedar_error *err)
{
	cedar_entities *es = calloc(1, sizeof *es);
	cedar_code code = es ? settle(b, err) : CEDAR_FAIL_MEMORY(err);
	if (code == CEDAR_OK) {
		cedar_entities_attach(es, rv_take(b->t));
		*ret = es;
	} else {
		free(es);
	}
	cedar_build_free(b);
	return code;
}

cedar_code cedar_entities_new(
	const cedar_entity *list, size_t n, cedar_entities **ret, cedar_error *err)
{
	struct build *b = cedar_build_new();
	cedar_code code = b ? CEDAR_OK : CEDAR_FAIL_MEMORY(err);
	for (size_t i = 0; code == CEDAR_OK && i < n; i++)
		code = cedar_build_add(b, &list[i], err);
	if (code == CEDAR_OK)
		return cedar_build_done(b, ret, err);
	cedar_build_free(b);
	return code;
}

/* ---- reading ---- */

size_t cedar_entities_count(const cedar_entities *es)
{
	return es->table->n - es->delta.n_gone + es->delta.n_added;
}

/* The i-th of the table's places that are not gone. */
static size_t place_in_table(const struct delta *d, size_t i)
{
	size_t lo = 0, hi = d->n_gone;
	while (lo < hi) { /* gone[k] - k: places left before gone[k] */
		size_t mid = (lo + hi) / 2;
		if (d->gone[mid] - mid <= i)
			lo = mid + 1;
		else
			hi = mid;
	}
	return i + lo;
}

const cedar_entity *cedar_entities_at(const cedar_entities *es, size_t i)
{
	const struct delta *d = &es->delta;
	size_t in_table = es->table->n - d->n_gone;
	if (i >= in_table)
		return &d->added[i - in_table]->entity;
	const struct node *n = table_at(es->table, place_in_table(d, i));
	const struct node *newer = d->slots.n ? slots_find(&d->slots, &n->entity.uid) : NULL;
	return newer ? &newer->entity : &n->entity;
}

const cedar_entity *cedar_entities_find(const cedar_entities *es, const cedar_uid *uid)
{
	const struct node *n = entities_node(es, uid);
	return n ? &n->entity : NULL;
}

bool cedar_entities_in(const cedar_entities *es, const cedar_uid *a, const cedar_uid *b)
{
	if (uid_eq(a, b))
		return true;
	const struct node *n = entities_node(es, a);
	return n && ancestors_have(n->up, b);
}
