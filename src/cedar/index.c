/* Which policies can match: each policy is filed under the most telling part of its scope, and a
 * request looks under what it is and what it is in. A constraint that does not hold makes the
 * policy false without evaluating anything, hence without error: leaving such a policy out changes
 * neither decision nor errors (tests/cedar/test_index.c).
 *
 * A policy lies under exactly one key, so no candidate comes twice:
 *   (resource, uid), (principal, uid), (action, uid), (resource type), (principal type) or the list
 * of the rest. For "==" and "in" the key is the named entity; the request's side is the entity
 * itself and all its ancestors. */
#include "cedar/entities.h"

enum slot_kind { BY_RESOURCE, BY_PRINCIPAL, BY_ACTION, BY_RESOURCE_TYPE, BY_PRINCIPAL_TYPE };

struct bucket {
	uint64_t hash; /* of kind and key; 0: empty slot */
	enum slot_kind kind;
	cedar_uid key; /* types: id is empty */
	uint32_t *policies;
	uint32_t n, cap;
};
struct cedar_index {
	struct bucket *buckets;
	size_t n, cap; /* a power of two */
	uint32_t *rest;
	uint32_t n_rest, cap_rest;
	bool has[BY_PRINCIPAL_TYPE + 1]; /* kinds in use: others are not looked for */
};

static uint64_t key_hash(enum slot_kind kind, const cedar_uid *key)
{
	uint64_t h =
		(key->hash ^ ((uint64_t)kind + 1) * 0x9e3779b97f4a7c15ULL) * 0xd6e8feb86659fd93ULL;
	h ^= h >> 32;
	return h ? h : 1;
}

static struct bucket *find(const struct cedar_index *ix, enum slot_kind kind, const cedar_uid *key)
{
	uint64_t h = key_hash(kind, key);
	size_t i = h & (ix->cap - 1);
	for (;; i = (i + 1) & (ix->cap - 1)) {
		struct bucket *b = &ix->buckets[i];
		if (b->hash == 0 || (b->hash == h && b->kind == kind && uid_eq(&b->key, key)))
			return b;
	}
}

static bool push(uint32_t **list, uint32_t *n, uint32_t *cap, uint32_t v)
{
	if (*n == *cap) {
		uint32_t grown = *cap ? *cap * 2 : 2;
		uint32_t *more = realloc(*list, grown * sizeof *more);
		if (!more)
			return false;
		*list = more;
		*cap = grown;
	}
	(*list)[(*n)++] = v;
	return true;
}

static bool grow(struct cedar_index *ix)
{
	struct bucket *old = ix->buckets;
	size_t old_cap = ix->cap;
	ix->cap = old_cap ? old_cap * 2 : 64;
	ix->buckets = calloc(ix->cap, sizeof *ix->buckets);
	if (!ix->buckets) {
		ix->buckets = old;
		ix->cap = old_cap;
		return false;
	}
	for (size_t i = 0; i < old_cap; i++)
		if (old[i].hash != 0)
			*find(ix, old[i].kind, &old[i].key) = old[i];
	free(old);
	return true;
}

static bool file_under(
	struct cedar_index *ix, enum slot_kind kind, const cedar_uid *key, uint32_t at)
{
	if (2 * (ix->n + 1) > ix->cap && !grow(ix))
		return false;
	struct bucket *b = find(ix, kind, key);
	if (b->hash == 0) {
		*b = (struct bucket){ .hash = key_hash(kind, key), .kind = kind, .key = *key };
		ix->n++;
	}
	ix->has[kind] = true;
	return push(&b->policies, &b->n, &b->cap, at);
}

static bool names_entity(const struct scope *s)
{
	return !s->is_slot && (s->op == SCOPE_EQ || s->op == SCOPE_IN || s->op == SCOPE_IS_IN);
}

static bool file_policy(struct cedar_index *ix, const struct policy *p, uint32_t at)
{
	if (p->info.is_template)
		return true; /* never satisfied until linked */
	if (names_entity(&p->resource))
		return file_under(ix, BY_RESOURCE, p->resource.uid, at);
	if (names_entity(&p->principal))
		return file_under(ix, BY_PRINCIPAL, p->principal.uid, at);
	if (names_entity(&p->action))
		return file_under(ix, BY_ACTION, p->action.uid, at);
	if (p->action.op == SCOPE_IN_LIST && p->action.n_list == 1)
		return file_under(ix, BY_ACTION, p->action.list[0], at);
	if (p->resource.op == SCOPE_IS) {
		cedar_uid key = cedar_uid_of(p->resource.type, cedar_z(""));
		return file_under(ix, BY_RESOURCE_TYPE, &key, at);
	}
	if (p->principal.op == SCOPE_IS) {
		cedar_uid key = cedar_uid_of(p->principal.type, cedar_z(""));
		return file_under(ix, BY_PRINCIPAL_TYPE, &key, at);
	}
	return push(&ix->rest, &ix->n_rest, &ix->cap_rest, at);
}

bool cedar_index_build(cedar_policies *ps)
{
	struct cedar_index *ix = calloc(1, sizeof *ix);
	if (!ix)
		return false;
	bool ok = grow(ix);
	for (size_t i = 0; ok && i < ps->n; i++)
		ok = file_policy(ix, &ps->list[i], (uint32_t)i);
	if (!ok) {
		cedar_index_free(ix);
		return false;
	}
	ps->index = ix;
	return true;
}

void cedar_index_free(struct cedar_index *ix)
{
	if (!ix)
		return;
	for (size_t i = 0; i < ix->cap; i++)
		free(ix->buckets[i].policies);
	free(ix->buckets);
	free(ix->rest);
	free(ix);
}

static void each_under(const struct cedar_index *ix, enum slot_kind kind, const cedar_uid *key,
	cedar_index_cb *cb, void *arg)
{
	const struct bucket *b = find(ix, kind, key);
	for (uint32_t i = 0; i < b->n; i++)
		cb(arg, b->policies[i]);
}

static void each_ancestor(const struct cedar_index *ix, const cedar_entities *es,
	enum slot_kind kind, const cedar_uid *uid, cedar_index_cb *cb, void *arg)
{
	const uint32_t *v;
	size_t n = cedar_entities_ancestors(es, uid, &v);
	for (size_t i = 0; i < n; i++)
		each_under(ix, kind, cedar_entities_node(es, v[i]), cb, arg);
}

/* An overlay's ancestors are its parents and theirs; one that two parents share must be looked
 * under once. */
static void each_overlay(const struct cedar_index *ix, const struct env *env, const cedar_entity *e,
	enum slot_kind kind, cedar_index_cb *cb, void *arg)
{
	for (size_t i = 0; i < ix->cap; i++) {
		const struct bucket *b = &ix->buckets[i];
		if (b->hash == 0 || b->kind != kind || uid_eq(&b->key, &e->uid) ||
			!cedar_env_in(env, &e->uid, &b->key))
			continue;
		for (uint32_t k = 0; k < b->n; k++)
			cb(arg, b->policies[k]);
	}
}

static void each_entity(const struct cedar_index *ix, const struct env *env, enum slot_kind kind,
	const cedar_uid *uid, cedar_index_cb *cb, void *arg)
{
	if (!ix->has[kind])
		return;
	each_under(ix, kind, uid, cb, arg);
	for (size_t i = 0; i < env->rq->n_overlay; i++) {
		const cedar_entity *e = &env->rq->overlay[i];
		if (!uid_eq(&e->uid, uid))
			continue;
		if (e->n_parents == 1) { /* the usual overlay: no way to come by the same twice */
			each_under(ix, kind, &e->parents[0], cb, arg);
			each_ancestor(ix, env->es, kind, &e->parents[0], cb, arg);
		} else if (e->n_parents > 1) {
			each_overlay(ix, env, e, kind, cb, arg);
		}
		return;
	}
	each_ancestor(ix, env->es, kind, uid, cb, arg);
}

void cedar_index_each(
	const struct cedar_index *ix, const struct env *env, cedar_index_cb *cb, void *arg)
{
	const cedar_request *rq = env->rq;
	each_entity(ix, env, BY_RESOURCE, &rq->resource, cb, arg);
	each_entity(ix, env, BY_PRINCIPAL, &rq->principal, cb, arg);
	each_entity(ix, env, BY_ACTION, &rq->action, cb, arg);
	if (ix->has[BY_RESOURCE_TYPE]) {
		cedar_uid key = cedar_uid_of(rq->resource.type, cedar_z(""));
		each_under(ix, BY_RESOURCE_TYPE, &key, cb, arg);
	}
	if (ix->has[BY_PRINCIPAL_TYPE]) {
		cedar_uid key = cedar_uid_of(rq->principal.type, cedar_z(""));
		each_under(ix, BY_PRINCIPAL_TYPE, &key, cb, arg);
	}
	for (uint32_t i = 0; i < ix->n_rest; i++)
		cb(arg, ix->rest[i]);
}
