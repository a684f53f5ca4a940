/* Copies of entities that outlive what they were made from: attribute names and types once a store,
 * uids of other entities as pointers to those entities' own. */
#include "cedar/entities.h"

bool cedar_keep_name(struct keeper *k, cedar_str s, cedar_str *ret)
{
	struct intern *in = k->names;
	if (!in) {
		*ret = cs(rv_arena_str(k->arena, rs(s)));
		return ret->p != NULL;
	}
	if (2 * (in->n + 1) > in->cap) {
		size_t cap = in->cap ? in->cap * 2 : 64;
		cedar_str *slots = calloc(cap, sizeof *slots);
		if (!slots)
			return false;
		for (size_t i = 0; i < in->cap; i++) {
			if (!in->slots[i].p)
				continue;
			size_t at = rv_str_hash(rs(in->slots[i]), 7) & (cap - 1);
			while (slots[at].p)
				at = (at + 1) & (cap - 1);
			slots[at] = in->slots[i];
		}
		free(in->slots);
		in->slots = slots;
		in->cap = cap;
	}
	size_t i = rv_str_hash(rs(s), 7) & (in->cap - 1);
	while (in->slots[i].p && !str_eq(in->slots[i], s))
		i = (i + 1) & (in->cap - 1);
	if (!in->slots[i].p) {
		in->slots[i] = cs(rv_arena_str(k->arena, rs(s)));
		if (!in->slots[i].p)
			return false;
		in->n++;
	}
	*ret = in->slots[i];
	return true;
}

/* A uid that is settled later: its id lies in refs. */
static bool keep_ref(struct keeper *k, const cedar_uid *from, cedar_uid *to)
{
	to->hash = from->hash;
	to->id = cs(rv_arena_str(k->refs ? k->refs : k->arena, rs(from->id)));
	return to->id.p && cedar_keep_name(k, from->type, &to->type);
}

static bool keep_value(struct keeper *k, const cedar_value *v, cedar_value *ret);

static bool keep_set(struct keeper *k, const cedar_set *s, const cedar_set **ret)
{
	cedar_set *c =
		rv_arena_raw(k->arena, sizeof *c + s->n * (sizeof(cedar_value) + sizeof(uint64_t)));
	if (!c)
		return false;
	cedar_value *items = (cedar_value *)(void *)(c + 1);
	uint64_t *hashes = (uint64_t *)(void *)(items + s->n);
	*c = *s;
	c->hashes = hashes;
	c->items = items;
	for (size_t i = 0; i < s->n; i++) {
		hashes[i] = s->hashes[i];
		if (!keep_value(k, &s->items[i], &items[i]))
			return false;
	}
	*ret = c;
	return true;
}

static bool keep_record(struct keeper *k, const cedar_record *r, const cedar_record **ret)
{
	cedar_record *c =
		rv_arena_raw(k->arena, sizeof *c + r->n * (sizeof(cedar_pair) + sizeof(uint32_t)));
	if (!c)
		return false;
	cedar_pair *pairs = (cedar_pair *)(void *)(c + 1);
	uint32_t *hashes = (uint32_t *)(void *)(pairs + r->n);
	*c = *r;
	c->hashes = hashes;
	c->pairs = pairs;
	for (size_t i = 0; i < r->n; i++) {
		hashes[i] = r->hashes[i];
		if (!cedar_keep_name(k, r->pairs[i].key, &pairs[i].key) ||
			!keep_value(k, &r->pairs[i].value, &pairs[i].value))
			return false;
	}
	*ret = c;
	return true;
}

/* Depth is bounded where values are made. */
static bool keep_value(struct keeper *k, const cedar_value *v, cedar_value *ret)
{
	*ret = *v;
	switch (v->kind) {
	case CEDAR_ENTITY: {
		cedar_uid *u = rv_arena_raw(k->refs ? k->refs : k->arena, sizeof *u);
		k->has_refs = true;
		ret->u.uid = u;
		return u && keep_ref(k, v->u.uid, u);
	}
	case CEDAR_SET:
		return keep_set(k, v->u.set, &ret->u.set);
	case CEDAR_RECORD:
		return keep_record(k, v->u.record, &ret->u.record);
	default:
		return cedar_value_copy(k->arena, v, ret);
	}
}

bool cedar_keep_entity(struct keeper *k, const cedar_entity *from, cedar_entity *to)
{
	cedar_uid *parents = NULL;
	*to = *from;
	to->uid.id = cs(rv_arena_str(k->arena, rs(from->uid.id)));
	if (!to->uid.id.p || !cedar_keep_name(k, from->uid.type, &to->uid.type))
		return false;
	if (from->n_parents > 0) {
		/* One alone is the parent's own uid once that is known. */
		struct rv_arena *a = k->refs && from->n_parents == 1 ? k->refs : k->arena;
		parents = rv_arena_raw(a, from->n_parents * sizeof *parents);
		if (!parents)
			return false;
	}
	for (size_t i = 0; i < from->n_parents; i++)
		if (!keep_ref(k, &from->parents[i], &parents[i]))
			return false;
	to->parents = parents;
	if (from->attrs.kind == CEDAR_RECORD && from->attrs.u.record->n == 0)
		to->attrs = (cedar_value){ CEDAR_RECORD, { .record = &cedar_empty_record } };
	else if (!keep_value(k, &from->attrs, &to->attrs))
		return false;
	return from->tags.kind == 0 || keep_value(k, &from->tags, &to->tags);
}

/* ---- settling ---- */

struct settle {
	struct keeper *k;
	cedar_uid_find *find;
	void *arg;
};

static bool settle_value(struct settle *s, cedar_value *v)
{
	switch (v->kind) {
	case CEDAR_ENTITY: {
		const cedar_uid *own = s->find(s->arg, v->u.uid);
		if (!own) {
			cedar_uid *u = rv_arena_raw(s->k->arena, sizeof *u);
			if (!u)
				return false;
			*u = *v->u.uid;
			u->id = cs(rv_arena_str(s->k->arena, rs(u->id)));
			own = u->id.p ? u : NULL;
		}
		v->u.uid = own;
		return own != NULL;
	}
	case CEDAR_SET: /* the store's own copy: nobody else sees it yet */
		for (size_t i = 0; i < v->u.set->n; i++)
			if (!settle_value(s, (cedar_value *)(uintptr_t)&v->u.set->items[i]))
				return false;
		return true;
	case CEDAR_RECORD:
		for (size_t i = 0; i < v->u.record->n; i++)
			if (!settle_value(
				    s, (cedar_value *)(uintptr_t)&v->u.record->pairs[i].value))
				return false;
		return true;
	default:
		return true;
	}
}

static bool settle_only_parent(struct settle *s, cedar_entity *e)
{
	const cedar_uid *own = s->find(s->arg, &e->parents[0]);
	if (!own) {
		cedar_uid *p = rv_arena_raw(s->k->arena, sizeof *p);
		if (!p)
			return false;
		*p = e->parents[0];
		p->id = cs(rv_arena_str(s->k->arena, rs(p->id)));
		own = p->id.p ? p : NULL;
	}
	e->parents = own;
	return own != NULL;
}

bool cedar_keep_settle(struct keeper *k, cedar_entity *e, cedar_uid_find *find, void *arg)
{
	struct settle s = { k, find, arg };
	if (k->refs && e->n_parents == 1 && !settle_only_parent(&s, e))
		return false;
	for (size_t i = 0; i < e->n_parents && !(k->refs && e->n_parents == 1); i++) {
		cedar_uid *p = (cedar_uid *)(uintptr_t)&e->parents[i];
		const cedar_uid *own = find(arg, p);
		p->id = own ? own->id : cs(rv_arena_str(k->arena, rs(p->id)));
		if (!p->id.p)
			return false;
	}
	return !k->has_refs || (settle_value(&s, &e->attrs) && settle_value(&s, &e->tags));
}
