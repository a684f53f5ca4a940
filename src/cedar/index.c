/* Which policies can match. Each rule is filed under one part of its head; a request looks under
 * what its principal, action and resource are, under all they are in, and under their types. What a
 * head asks for cannot fail, so a rule that is not found would have been false without an error:
 * leaving it out changes neither decision nor errors (tests/cedar/test_index.c).
 *
 * Keys are hashes: of a uid ("==", "in", "is … in" of one of the three) or of a type ("is"). Two
 * keys of one hash share a bucket, which costs a look at a rule that does not fit and nothing else.
 * Of its parts a rule is filed under the one that fewest rules have, so that a group everybody is
 * in does not gather them all; under each action of a list when that is still fewer. */
#include "cedar/code.h"
#include "cedar/entities.h"

enum kind { BY_RESOURCE, BY_PRINCIPAL, BY_ACTION, BY_RESOURCE_TYPE, BY_PRINCIPAL_TYPE, KINDS };

struct bucket {
	uint64_t key; /* 0: empty */
	uint32_t n;
	uint32_t at; /* in filed; of a single rule: itself */
};
struct cedar_index {
	struct bucket *buckets;
	size_t n, cap; /* a power of two */
	uint32_t *filed;
	uint32_t *rest; /* under nothing: always tried */
	uint32_t n_rest;
	bool has[KINDS]; /* others are not looked for */
};

static inline uint64_t make_key(enum kind kind, uint64_t hash)
{
	uint64_t h = (hash ^ ((uint64_t)kind + 1) * 0x9e3779b97f4a7c15ULL) * 0xd6e8feb86659fd93ULL;
	h ^= h >> 32;
	return h ? h : 1;
}

static uint64_t type_hash(cedar_str type)
{
	return rv_str_hash(rs(type), 3);
}

static inline struct bucket *find(const struct cedar_index *ix, uint64_t key)
{
	size_t i = key & (ix->cap - 1);
	while (ix->buckets[i].key != 0 && ix->buckets[i].key != key)
		i = (i + 1) & (ix->cap - 1);
	return &ix->buckets[i];
}

static bool grow(struct cedar_index *ix)
{
	struct bucket *old = ix->buckets;
	size_t old_cap = ix->cap, cap = old_cap ? old_cap * 2 : 64;
	struct bucket *more = calloc(cap, sizeof *more);
	if (!more)
		return false;
	ix->buckets = more;
	ix->cap = cap;
	for (size_t i = 0; i < old_cap; i++)
		if (old[i].key != 0)
			*find(ix, old[i].key) = old[i];
	free(old);
	return true;
}

/* ---- what a rule may be filed under ---- */

struct choices {
	uint64_t keys[KINDS];
	enum kind kinds[KINDS];
	unsigned weights[KINDS]; /* how likely a request comes by */
	size_t n;
	bool is_never; /* its head fits no request */
};

static bool names_entity(const struct match *m)
{
	return m->op == SCOPE_EQ || m->op == SCOPE_IN || m->op == SCOPE_IS_IN;
}

/* What a request is in it is in with many others; what it is, it is alone. */
enum { WEIGHT_IS = 1, WEIGHT_IN = 8 };

static void choose(struct choices *c, enum kind kind, uint64_t hash, bool is_eq)
{
	c->keys[c->n] = make_key(kind, hash);
	c->weights[c->n] = is_eq ? WEIGHT_IS : WEIGHT_IN;
	c->kinds[c->n++] = kind;
}

static struct choices choices_of(const struct rule *r)
{
	const struct match *p = &r->heads[WHO_PRINCIPAL], *a = &r->heads[WHO_ACTION],
			   *o = &r->heads[WHO_RESOURCE];
	struct choices c = { .n = 0 };
	if (names_entity(o))
		choose(&c, BY_RESOURCE, o->uid->hash, o->op == SCOPE_EQ);
	if (names_entity(p))
		choose(&c, BY_PRINCIPAL, p->uid->hash, p->op == SCOPE_EQ);
	if (names_entity(a))
		choose(&c, BY_ACTION, a->uid->hash, false);
	if (o->op == SCOPE_IS || o->op == SCOPE_IS_IN)
		choose(&c, BY_RESOURCE_TYPE, type_hash(*o->type), false);
	if (p->op == SCOPE_IS || p->op == SCOPE_IS_IN)
		choose(&c, BY_PRINCIPAL_TYPE, type_hash(*p->type), false);
	c.is_never = a->op == SCOPE_IN_LIST && a->n == 0;
	return c;
}

/* ---- building ---- */

static bool count(struct cedar_index *ix, uint64_t key)
{
	if (2 * (ix->n + 1) > ix->cap && !grow(ix))
		return false;
	struct bucket *b = find(ix, key);
	ix->n += b->key == 0;
	b->key = key;
	b->n++;
	return true;
}

static bool count_rule(struct cedar_index *ix, const struct rule *r)
{
	const struct choices c = choices_of(r);
	const struct match *a = &r->heads[WHO_ACTION];
	for (size_t i = 0; i < c.n; i++)
		if (!count(ix, c.keys[i]))
			return false;
	for (uint32_t i = 0; a->op == SCOPE_IN_LIST && i < a->n; i++)
		if (!count(ix, make_key(BY_ACTION, a->list[i]->hash)))
			return false;
	return true;
}

/* Where a rule goes, decided while the buckets hold how many could. */
enum { IN_REST = KINDS, IN_LIST, NOWHERE };

static uint8_t place_of(const struct cedar_index *ix, const struct rule *r, size_t n_rules)
{
	enum { LIST_MAX = 64 };
	const struct choices c = choices_of(r);
	const struct match *a = &r->heads[WHO_ACTION];
	size_t best = WEIGHT_IN * (n_rules + 1);
	uint8_t place = IN_REST;
	if (c.is_never)
		return NOWHERE;
	for (size_t i = 0; i < c.n; i++) {
		size_t cost = (size_t)find(ix, c.keys[i])->n * c.weights[i];
		if (cost < best) {
			best = cost;
			place = (uint8_t)c.kinds[i];
		}
	}
	if (a->op != SCOPE_IN_LIST || a->n > LIST_MAX)
		return place;
	size_t sum = 0;
	for (uint32_t i = 0; i < a->n; i++)
		sum += find(ix, make_key(BY_ACTION, a->list[i]->hash))->n;
	return sum * WEIGHT_IN < best ? IN_LIST : place;
}

static uint64_t key_of(const struct rule *r, uint8_t place)
{
	const struct choices c = choices_of(r);
	for (size_t i = 0; i < c.n; i++)
		if (c.kinds[i] == (enum kind)place)
			return c.keys[i];
	return 0;
}

typedef void bucket_fn(struct cedar_index *ix, struct bucket *b, uint32_t rule);

static void tally(struct cedar_index *ix, struct bucket *b, uint32_t rule)
{
	b->n++;
}

static void file(struct cedar_index *ix, struct bucket *b, uint32_t rule)
{
	ix->filed[b->at + b->n++] = rule;
}

static void each_bucket(
	struct cedar_index *ix, const struct rule *r, uint8_t place, uint32_t rule, bucket_fn *fn)
{
	const struct match *a = &r->heads[WHO_ACTION];
	if (place < KINDS) {
		ix->has[place] = true;
		fn(ix, find(ix, key_of(r, place)), rule);
	}
	for (uint32_t i = 0; place == IN_LIST && i < a->n; i++) {
		ix->has[BY_ACTION] = true;
		fn(ix, find(ix, make_key(BY_ACTION, a->list[i]->hash)), rule);
	}
}

/* Counts what each bucket will hold, lays them one behind the other, fills them. */
static bool fill(struct cedar_index *ix, const struct rule *rules, const uint8_t *places, size_t n)
{
	uint32_t total = 0;
	for (size_t i = 0; i < ix->cap; i++)
		ix->buckets[i].n = 0;
	for (size_t i = 0; i < n; i++)
		each_bucket(ix, &rules[i], places[i], (uint32_t)i, tally);
	for (size_t i = 0; i < ix->cap; i++) {
		ix->buckets[i].at = total;
		total += ix->buckets[i].n;
		ix->buckets[i].n = 0;
	}
	ix->filed = malloc((total + 1) * sizeof *ix->filed);
	ix->rest = malloc((n + 1) * sizeof *ix->rest);
	if (!ix->filed || !ix->rest)
		return false;
	for (size_t i = 0; i < n; i++) {
		each_bucket(ix, &rules[i], places[i], (uint32_t)i, file);
		if (places[i] == IN_REST)
			ix->rest[ix->n_rest++] = (uint32_t)i;
	}
	for (size_t i = 0; i < ix->cap; i++)
		if (ix->buckets[i].n == 1)
			ix->buckets[i].at = ix->filed[ix->buckets[i].at];
	return true;
}

struct cedar_index *cedar_index_new(const struct rule *rules, size_t n)
{
	struct cedar_index *ix = calloc(1, sizeof *ix);
	uint8_t *places = malloc(n + 1);
	bool ok = ix && places && grow(ix);
	for (size_t i = 0; ok && i < n; i++)
		ok = count_rule(ix, &rules[i]);
	for (size_t i = 0; ok && i < n; i++)
		places[i] = place_of(ix, &rules[i], n);
	ok = ok && fill(ix, rules, places, n);
	free(places);
	if (ok)
		return ix;
	cedar_index_free(ix);
	return NULL;
}

void cedar_index_free(struct cedar_index *ix)
{
	if (!ix)
		return;
	free(ix->buckets);
	free(ix->filed);
	free(ix->rest);
	free(ix);
}

/* ---- reading ---- */

static inline void each_under(const struct cedar_index *ix, uint64_t key, unsigned who,
	const cedar_uid *found, cedar_index_cb *cb, void *arg)
{
	const struct bucket *b = find(ix, key);
	if (b->n == 1) {
		cb(arg, b->at, who, found);
		return;
	}
	for (uint32_t i = 0; i < b->n; i++)
		cb(arg, ix->filed[b->at + i], who, found);
}

void cedar_index_each(
	const struct cedar_index *ix, const struct env *env, cedar_index_cb *cb, void *arg)
{
	static const struct {
		enum kind kind, type_kind;
		unsigned who;
	} by[] = { { BY_RESOURCE, BY_RESOURCE_TYPE, WHO_RESOURCE },
		{ BY_PRINCIPAL, BY_PRINCIPAL_TYPE, WHO_PRINCIPAL },
		{ BY_ACTION, KINDS, WHO_ACTION } };
	for (size_t i = 0; i < RV_COUNT(by); i++) {
		const struct who *w = &env->who[by[i].who];
		if (by[i].type_kind != KINDS && ix->has[by[i].type_kind])
			each_under(ix, make_key(by[i].type_kind, type_hash(w->uid->type)),
				by[i].who, NULL, cb, arg);
		if (!ix->has[by[i].kind])
			continue;
		each_under(ix, make_key(by[i].kind, w->uid->hash), by[i].who, w->uid, cb, arg);
		for (size_t k = 0; w->up && k < w->up->n; k++)
			each_under(ix, make_key(by[i].kind, w->up->v[k].hash), by[i].who,
				w->up->v[k].uid, cb, arg);
	}
	for (uint32_t i = 0; i < ix->n_rest; i++)
		cb(arg, ix->rest[i], 0, NULL);
}
