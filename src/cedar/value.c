/* Values: equality over all kinds, sets without order or doubles, records by key. */
#include <stdarg.h>
#include <stdio.h>

#include "cedar/cedar_int.h"

const cedar_record cedar_empty_record = { .depth = 1 };

cedar_code cedar_fail(cedar_error *e, cedar_code code, const char *fmt, ...)
{
	if (!e || e->code != CEDAR_OK)
		return code;
	e->code = code;
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(e->message, sizeof e->message, fmt, ap);
	va_end(ap);
	return code;
}

const char *cedar_kind_name(cedar_kind k)
{
	static const char *const names[] = { "?", "bool", "long", "string", "entity", "set",
		"record", "decimal", "ipaddr", "datetime", "duration" };
	return (size_t)k < RV_COUNT(names) ? names[k] : "?";
}

static uint64_t mix(uint64_t h, uint64_t v)
{
	h ^= v;
	h *= 0x9fb21c651e98df25ULL;
	return h ^ (h >> 29);
}

cedar_uid cedar_uid_of(cedar_str type, cedar_str id)
{
	cedar_uid u = { type, id, rv_str_hash(rs(id), rv_str_hash(rs(type), 11)) };
	return u;
}

/* Depth is bounded where values are made. */
uint64_t cedar_value_hash(const cedar_value *v)
{
	uint64_t h = (uint64_t)v->kind * 0xd6e8feb86659fd93ULL;
	switch (v->kind) {
	case CEDAR_BOOL:
		return mix(h, v->u.boolean);
	case CEDAR_LONG:
	case CEDAR_DECIMAL:
	case CEDAR_DATETIME:
	case CEDAR_DURATION:
		return mix(h, (uint64_t)v->u.integer);
	case CEDAR_STRING:
		return rv_str_hash(rs(v->u.string), h);
	case CEDAR_ENTITY:
		return mix(h, v->u.uid->hash);
	case CEDAR_SET:
		return mix(h, v->u.set->hash);
	case CEDAR_RECORD:
		for (size_t i = 0; i < v->u.record->n; i++)
			h = mix(rv_str_hash(rs(v->u.record->pairs[i].key), h),
				cedar_value_hash(&v->u.record->pairs[i].value));
		return h;
	case CEDAR_IPADDR:
		return mix(rv_str_hash(rv_str_n(v->u.ip->address, 16), h),
			(uint64_t)v->u.ip->prefix << 1 | v->u.ip->is_v6);
	}
	return h;
}

static bool set_has_hashed(const cedar_set *s, const cedar_value *v, uint64_t hash)
{
	size_t lo = 0, hi = s->n;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (s->hashes[mid] < hash)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < s->n && s->hashes[lo] == hash; lo++)
		if (cedar_value_eq(&s->items[lo], v))
			return true;
	return false;
}

bool cedar_set_has(const cedar_set *s, const cedar_value *v)
{
	/* Small sets are the rule; a hash is dearer than a few comparisons. */
	if (s->n > 4)
		return set_has_hashed(s, v, cedar_value_hash(v));
	for (uint32_t i = 0; i < s->n; i++)
		if (cedar_value_eq(&s->items[i], v))
			return true;
	return false;
}

static bool set_eq(const cedar_set *a, const cedar_set *b)
{
	if (a->n != b->n || a->hash != b->hash)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!set_has_hashed(b, &a->items[i], a->hashes[i]))
			return false;
	return true;
}

bool cedar_value_eq(const cedar_value *a, const cedar_value *b)
{
	if (a->kind != b->kind)
		return false;
	switch (a->kind) {
	case CEDAR_BOOL:
		return a->u.boolean == b->u.boolean;
	case CEDAR_LONG:
	case CEDAR_DECIMAL:
	case CEDAR_DATETIME:
	case CEDAR_DURATION:
		return a->u.integer == b->u.integer;
	case CEDAR_STRING:
		return str_eq(a->u.string, b->u.string);
	case CEDAR_ENTITY:
		return uid_eq(a->u.uid, b->u.uid);
	case CEDAR_SET:
		return set_eq(a->u.set, b->u.set);
	case CEDAR_RECORD:
		if (a->u.record->n != b->u.record->n)
			return false;
		for (size_t i = 0; i < a->u.record->n; i++) {
			const cedar_pair *x = &a->u.record->pairs[i], *y = &b->u.record->pairs[i];
			if (!str_eq(x->key, y->key) || !cedar_value_eq(&x->value, &y->value))
				return false;
		}
		return true;
	case CEDAR_IPADDR:
		return a->u.ip->is_v6 == b->u.ip->is_v6 && a->u.ip->prefix == b->u.ip->prefix &&
			memcmp(a->u.ip->address, b->u.ip->address, 16) == 0;
	}
	return false;
}

size_t cedar_set_count(const cedar_set *s)
{
	return s->n;
}

const cedar_value *cedar_set_at(const cedar_set *s, size_t i)
{
	return &s->items[i];
}

size_t cedar_record_count(const cedar_record *r)
{
	return r->n;
}

const cedar_pair *cedar_record_at(const cedar_record *r, size_t i)
{
	return &r->pairs[i];
}

static int key_cmp(cedar_str a, cedar_str b)
{
	/* Any total order will do; by length first is the quickest. */
	if (a.n != b.n)
		return a.n < b.n ? -1 : 1;
	return a.n ? memcmp(a.p, b.p, a.n) : 0;
}

const cedar_value *cedar_record_search(const cedar_record *r, cedar_str key)
{
	size_t lo = 0, hi = r->n;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		int c = key_cmp(r->pairs[mid].key, key);
		if (c == 0)
			return &r->pairs[mid].value;
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

const cedar_value *cedar_record_get(const cedar_record *r, cedar_str key)
{
	return cedar_record_search(r, key);
}

struct hashed {
	uint64_t hash;
	size_t at;
};

static bool hashed_less(const struct hashed *a, const struct hashed *b)
{
	return a->hash != b->hash ? a->hash < b->hash : a->at < b->at;
}

static void hashed_sink(struct hashed *v, size_t i, size_t n)
{
	for (size_t kid; (kid = 2 * i + 1) < n; i = kid) {
		if (kid + 1 < n && hashed_less(&v[kid], &v[kid + 1]))
			kid++;
		if (!hashed_less(&v[i], &v[kid]))
			return;
		struct hashed t = v[i];
		v[i] = v[kid];
		v[kid] = t;
	}
}

/* In place: the library's own may take memory, and this is on the path of a decision. */
static void hashed_sort(struct hashed *v, size_t n)
{
	if (n <= 16) {
		for (size_t i = 1; i < n; i++)
			for (size_t k = i; k > 0 && hashed_less(&v[k], &v[k - 1]); k--) {
				struct hashed t = v[k];
				v[k] = v[k - 1];
				v[k - 1] = t;
			}
		return;
	}
	for (size_t i = n / 2; i-- > 0;)
		hashed_sink(v, i, n);
	for (size_t i = n; i-- > 1;) {
		struct hashed t = v[0];
		v[0] = v[i];
		v[i] = t;
		hashed_sink(v, 0, i);
	}
}

static unsigned value_depth(const cedar_value *v)
{
	return v->kind == CEDAR_SET	  ? v->u.set->depth
		: v->kind == CEDAR_RECORD ? v->u.record->depth
					  : 0;
}

static bool seen_before(const cedar_set *s, size_t n, const cedar_value *v, uint64_t hash)
{
	for (size_t i = n; i-- > 0 && s->hashes[i] == hash;)
		if (cedar_value_eq(&s->items[i], v))
			return true;
	return false;
}

const cedar_set *cedar_set_make(struct rv_arena *a, const cedar_value *items, size_t n)
{
	if (n > UINT32_MAX / 64)
		return NULL;
	cedar_set *s = rv_arena_raw(a, sizeof *s + n * (sizeof *s->items + sizeof *s->hashes));
	struct hashed *order = rv_arena_raw(a, n * sizeof *order);
	if (!s || !order)
		return NULL;
	cedar_value *kept = (cedar_value *)(void *)(s + 1);
	uint64_t *hashes = (uint64_t *)(void *)(kept + n);
	*s = (cedar_set){ .is_entities = true, .hashes = hashes, .items = kept };
	for (size_t i = 0; i < n; i++)
		order[i] = (struct hashed){ cedar_value_hash(&items[i]), i };
	hashed_sort(order, n);
	unsigned depth = 0;
	for (size_t i = 0; i < n; i++) {
		const cedar_value *v = &items[order[i].at];
		if (seen_before(s, s->n, v, order[i].hash))
			continue;
		unsigned d = value_depth(v);
		depth = d > depth ? d : depth;
		s->is_entities = s->is_entities && v->kind == CEDAR_ENTITY;
		hashes[s->n] = order[i].hash;
		kept[s->n++] = *v;
		s->hash += order[i].hash;
	}
	s->depth = (uint16_t)(depth + 1);
	return s;
}

/* Few pairs, mostly in order already. */
static void pairs_sort(cedar_pair *v, size_t n)
{
	for (size_t gap = n > 64 ? n / 2 : 1; gap > 0; gap /= 2)
		for (size_t i = gap; i < n; i++) {
			const cedar_pair p = v[i];
			size_t k = i;
			for (; k >= gap && key_cmp(p.key, v[k - gap].key) < 0; k -= gap)
				v[k] = v[k - gap];
			v[k] = p;
		}
}

const cedar_record *cedar_record_make(
	struct rv_arena *a, const cedar_pair *pairs, size_t n, cedar_str *ret_twice)
{
	*ret_twice = (cedar_str){ NULL, 0 };
	if (n > UINT32_MAX / 64)
		return NULL;
	cedar_record *r = rv_arena_raw(a, sizeof *r + n * (sizeof *pairs + sizeof *r->hashes));
	if (!r)
		return NULL;
	cedar_pair *kept = (cedar_pair *)(void *)(r + 1);
	uint32_t *hashes = (uint32_t *)(void *)(kept + n);
	unsigned depth = 0;
	if (n > 0)
		memcpy(kept, pairs, n * sizeof *kept);
	pairs_sort(kept, n);
	for (size_t i = 0; i < n; i++) {
		unsigned d = value_depth(&kept[i].value);
		depth = d > depth ? d : depth;
		hashes[i] = key_hash(kept[i].key);
		if (i > 0 && str_eq(kept[i - 1].key, kept[i].key)) {
			*ret_twice = kept[i].key;
			return NULL;
		}
	}
	*r = (cedar_record){
		.n = (uint32_t)n, .depth = (uint16_t)(depth + 1), .pairs = kept, .hashes = hashes
	};
	return r;
}

static bool copy_str(struct rv_arena *a, cedar_str s, cedar_str *ret)
{
	*ret = cs(rv_arena_str(a, rs(s)));
	return ret->p != NULL;
}

static bool copy_uid(struct rv_arena *a, const cedar_uid *u, const cedar_uid **ret)
{
	cedar_uid *c = rv_arena_alloc(a, sizeof *c);
	*ret = c;
	if (!c || !copy_str(a, u->type, &c->type) || !copy_str(a, u->id, &c->id))
		return false;
	c->hash = u->hash;
	return true;
}

static bool copy_set(struct rv_arena *a, const cedar_set *s, const cedar_set **ret)
{
	cedar_set *c = rv_arena_raw(a, sizeof *c);
	uint64_t *hashes = rv_arena_raw(a, s->n * sizeof *hashes);
	cedar_value *items = rv_arena_raw(a, s->n * sizeof *items);
	if (!c || !hashes || !items)
		return false;
	for (size_t i = 0; i < s->n; i++) {
		hashes[i] = s->hashes[i];
		if (!cedar_value_copy(a, &s->items[i], &items[i]))
			return false;
	}
	*c = *s;
	c->hashes = hashes;
	c->items = items;
	*ret = c;
	return true;
}

static bool copy_record(struct rv_arena *a, const cedar_record *r, const cedar_record **ret)
{
	cedar_record *c = rv_arena_raw(a, sizeof *c);
	cedar_pair *pairs = rv_arena_raw(a, r->n * sizeof *pairs);
	uint32_t *hashes = rv_arena_raw(a, r->n * sizeof *hashes);
	if (!c || !pairs || !hashes)
		return false;
	for (size_t i = 0; i < r->n; i++) {
		hashes[i] = r->hashes[i];
		if (!copy_str(a, r->pairs[i].key, &pairs[i].key) ||
			!cedar_value_copy(a, &r->pairs[i].value, &pairs[i].value))
			return false;
	}
	*c = *r;
	c->pairs = pairs;
	c->hashes = hashes;
	*ret = c;
	return true;
}

bool cedar_value_copy(struct rv_arena *a, const cedar_value *v, cedar_value *ret)
{
	*ret = *v;
	switch (v->kind) {
	case CEDAR_STRING:
		return copy_str(a, v->u.string, &ret->u.string);
	case CEDAR_ENTITY:
		return copy_uid(a, v->u.uid, &ret->u.uid);
	case CEDAR_SET:
		return copy_set(a, v->u.set, &ret->u.set);
	case CEDAR_RECORD:
		return copy_record(a, v->u.record, &ret->u.record);
	case CEDAR_IPADDR: {
		cedar_ip *ip = rv_arena_alloc(a, sizeof *ip);
		if (ip)
			*ip = *v->u.ip;
		ret->u.ip = ip;
		return ip != NULL;
	}
	default:
		return true;
	}
}

/* ---- builders ---- */

cedar_scratch *cedar_scratch_new(void)
{
	cedar_scratch *s = calloc(1, sizeof *s);
	if (s)
		rv_arena_init(&s->arena, SCRATCH_MAX);
	return s;
}

void cedar_scratch_free(cedar_scratch *s)
{
	if (!s)
		return;
	rv_arena_done(&s->arena);
	free(s);
}

void cedar_scratch_clear(cedar_scratch *s)
{
	rv_arena_reuse(&s->arena, SCRATCH_KEPT);
}

cedar_code cedar_entity_value(
	cedar_scratch *s, const cedar_uid *uid, cedar_value *ret, cedar_error *err)
{
	cedar_uid *u = rv_arena_alloc(&s->arena, sizeof *u);
	if (!u)
		return CEDAR_FAIL_MEMORY(err);
	*u = *uid;
	*ret = (cedar_value){ CEDAR_ENTITY, { .uid = u } };
	return CEDAR_OK;
}

cedar_code cedar_set_of(
	cedar_scratch *s, const cedar_value *items, size_t n, cedar_value *ret, cedar_error *err)
{
	const cedar_set *set = cedar_set_make(&s->arena, items, n);
	if (!set)
		return CEDAR_FAIL_MEMORY(err);
	if (set->depth > VALUE_DEPTH_MAX)
		return cedar_fail(
			err, CEDAR_ELIMIT, "values nest more than %d deep", VALUE_DEPTH_MAX);
	*ret = (cedar_value){ CEDAR_SET, { .set = set } };
	return CEDAR_OK;
}

cedar_code cedar_record_of(
	cedar_scratch *s, const cedar_pair *pairs, size_t n, cedar_value *ret, cedar_error *err)
{
	cedar_str twice;
	const cedar_record *r = cedar_record_make(&s->arena, pairs, n, &twice);
	if (!r && twice.p)
		return cedar_fail(
			err, CEDAR_EPARSE, "key '%.*s' occurs twice in a record", RV_FMT(twice));
	if (!r)
		return CEDAR_FAIL_MEMORY(err);
	if (r->depth > VALUE_DEPTH_MAX)
		return cedar_fail(
			err, CEDAR_ELIMIT, "values nest more than %d deep", VALUE_DEPTH_MAX);
	*ret = (cedar_value){ CEDAR_RECORD, { .record = r } };
	return CEDAR_OK;
}

cedar_code cedar_extension(
	cedar_scratch *s, cedar_str fn, cedar_str text, cedar_value *ret, cedar_error *err)
{
	const cedar_value arg = cedar_string(text);
	for (int i = 0; i < CEDAR_FN_COUNT; i++)
		if (!cedar_fns[i].is_method && rv_str_eqz(rs(fn), cedar_fns[i].name))
			return cedar_fn_call(&s->arena, (enum cedar_fn)i, &arg, 1, ret, err);
	return cedar_fail(err, CEDAR_EEVAL, "'%.*s' is not an extension constructor", RV_FMT(fn));
}
