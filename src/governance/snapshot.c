/* The snapshot: what decisions read. Immutable once published; counted; swapped under a mutex that
 * is held for a few instructions. */
#include "governance/snapshot_int.h"

static const struct {
	unsigned dirty;
	enum rv_part part;
} whole[] = {
	{ RV_DIRTY_SYSTEMS | RV_DIRTY_LIMITS | RV_DIRTY_KEYS, RV_PART_SYSTEM },
	{ RV_DIRTY_CREDENTIALS, RV_PART_CREDENTIAL },
	{ RV_DIRTY_PEOPLE, RV_PART_PERSON },
	{ RV_DIRTY_POINTS, RV_PART_POINT },
	{ RV_DIRTY_RESOURCES, RV_PART_RESOURCE },
	{ RV_DIRTY_LIMITS | RV_DIRTY_SYSTEMS, RV_PART_ROLE },
};

const struct rv_snapshot *rv_snapshot_get(struct rv_gov *g)
{
	rv_assert(g && g->magic == RV_GOV_MAGIC);
	pthread_mutex_lock(&g->snap_mutex);
	struct rv_snapshot *s = g->snap;
	atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
	pthread_mutex_unlock(&g->snap_mutex);
	return s;
}

void rv_snapshot_unref(const struct rv_snapshot *cs)
{
	struct rv_snapshot *s = (struct rv_snapshot *)(uintptr_t)cs;
	if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
		return;
	rv_assert(s->magic == RV_SNAPSHOT_MAGIC);
	s->magic = 0;
	for (size_t i = 0; i < RV_PART_COUNT; i++)
		snap_map_unref(s->maps[i]);
	snap_policies_unref(s->policies);
	snap_entities_unref(s->entities);
	free(s);
}

uint64_t rv_snapshot_generation(const struct rv_snapshot *s)
{
	return s->generation;
}

void rv_snapshot_publish(struct rv_gov *g, struct rv_snapshot *next)
{
	pthread_mutex_lock(&g->snap_mutex);
	struct rv_snapshot *old = g->snap;
	next->generation = old ? old->generation + 1 : 1;
	g->snap = next;
	pthread_mutex_unlock(&g->snap_mutex);
	rv_snapshot_unref(old);
}

static bool is_whole(enum rv_part part, unsigned dirty, const struct rv_snapshot *old)
{
	for (size_t i = 0; i < RV_COUNT(whole); i++)
		if (whole[i].part == part && (whole[i].dirty & dirty))
			return true;
	return !old;
}

static enum rv_code build_part(struct snap_load *l, enum rv_part part,
	const struct rv_snapshot *old, unsigned dirty, const struct rv_touch *touched,
	struct snap_map **ret, struct rv_err *err)
{
	size_t n = 0;
	if (is_whole(part, dirty, old))
		return snap_load_part(l, part, ret, err);
	for (const struct rv_touch *t = touched; t; t = t->next)
		n += t->part == part;
	if (n == 0) {
		*ret = snap_map_ref(old->maps[part]);
		return RV_OK;
	}
	struct snap_map *m = snap_map_clone(old->maps[part], n);
	if (!m)
		return RV_FAIL(err, RV_ENOMEM, "no memory for the snapshot");
	enum rv_code code = RV_OK;
	for (const struct rv_touch *t = touched; t && code == RV_OK; t = t->next)
		if (t->part == part)
			code = snap_load_row(l, t, &m, err);
	*ret = m; /* freed with the snapshot on failure */
	return code;
}

static bool same_strs(const struct rv_str *a, size_t n_a, const struct rv_str *b, size_t n_b)
{
	bool same = n_a == n_b;
	for (size_t i = 0; same && i < n_a; i++)
		same = rv_str_eq(a[i], b[i]);
	return same;
}

/* Does policy see a difference between the two? A stop changes the state, which is none of its
 * business. */
static bool looks_same(const struct rv_snap_system *a, const struct rv_snap_system *b)
{
	return a && b && rv_str_eq(a->class_, b->class_) &&
		rv_str_eq(a->environment, b->environment) && rv_str_eq(a->owner, b->owner) &&
		rv_str_eq(a->risk, b->risk) && rv_str_eq(a->role, b->role) &&
		rv_str_eq(a->team, b->team) && rv_str_eq(a->parent, b->parent) &&
		same_strs(a->labels, a->n_labels, b->labels, b->n_labels);
}

/* Whole parts changed: the entities are made anew. */
static bool shows_anew(const struct rv_snapshot *old, unsigned dirty)
{
	return !old ||
		(dirty &
			(RV_DIRTY_SYSTEMS | RV_DIRTY_PEOPLE | RV_DIRTY_POINTS |
				RV_DIRTY_RESOURCES));
}

/* Rows changed, and policy sees it. */
static bool shows_change(
	const struct rv_snapshot *s, const struct rv_snapshot *old, const struct rv_touch *touched)
{
	for (const struct rv_touch *t = touched; t; t = t->next) {
		if (t->part == RV_PART_CREDENTIAL)
			continue;
		if (t->part != RV_PART_SYSTEM ||
			!looks_same(rv_snap_system(s, t->key), rv_snap_system(old, t->key)))
			return true;
	}
	return false;
}

static enum rv_code build_entities(struct rv_snapshot *s, const struct rv_snapshot *old,
	unsigned dirty, const struct rv_touch *touched, struct rv_err *err)
{
	if (shows_anew(old, dirty))
		return snap_entities_build(s, &s->entities, err);
	if (shows_change(s, old, touched))
		return snap_entities_change(s, old->entities, touched, &s->entities, err);
	s->entities = snap_entities_ref(old->entities);
	return RV_OK;
}

struct rv_snapshot *rv_snapshot_build(struct rv_gov *g, struct rv_txn *txn,
	const struct rv_snapshot *old, unsigned dirty, const struct rv_touch *touched,
	struct rv_err *err)
{
	struct rv_snapshot *s = calloc(1, sizeof *s);
	struct snap_load l = { .gov = g, .txn = txn, .now_ns = rv_gov_now(g) };
	if (!s) {
		(void)RV_FAIL(err, RV_ENOMEM, "no memory for the snapshot"); /* told by NULL */
		return NULL;
	}
	rv_arena_init(&l.arena, (size_t)1 << 30);
	s->magic = RV_SNAPSHOT_MAGIC;
	atomic_init(&s->refs, 1);
	enum rv_code code = RV_OK;
	for (unsigned p = 0; p < RV_PART_COUNT && code == RV_OK; p++)
		code = build_part(&l, (enum rv_part)p, old, dirty, touched, &s->maps[p], err);
	if (code == RV_OK && (!old || (dirty & RV_DIRTY_POLICIES)))
		code = snap_policies_load(&l, &s->policies, err);
	else if (code == RV_OK)
		s->policies = snap_policies_ref(old->policies);
	if (code == RV_OK)
		code = build_entities(s, old, dirty, touched, err);
	rv_arena_done(&l.arena);
	if (code == RV_OK)
		return s;
	rv_snapshot_unref(s);
	return NULL;
}

static bool stop_each(
	const struct rv_snapshot *old, const struct rv_stop_note *stops, struct snap_map **m)
{
	size_t n = 0;
	for (const struct rv_stop_note *t = stops; t; t = t->next) {
		const struct snap_system *is =
			(const struct snap_system *)(const void *)snap_map_get(
				old->maps[RV_PART_SYSTEM], t->system, (struct rv_str){ 0 });
		if (!is)
			continue;
		if (!snap_system_stopped(is, t->is_freeze, m))
			return false;
		n++;
	}
	return n > 0;
}

struct rv_snapshot *rv_snapshot_with_stops(
	const struct rv_snapshot *old, const struct rv_stop_note *stops)
{
	size_t n = 0;
	for (const struct rv_stop_note *t = stops; t; t = t->next)
		n++;
	struct rv_snapshot *s = calloc(1, sizeof *s);
	if (!s)
		return NULL;
	s->magic = RV_SNAPSHOT_MAGIC;
	atomic_init(&s->refs, 1);
	for (unsigned p = 0; p < RV_PART_COUNT; p++)
		s->maps[p] = p == RV_PART_SYSTEM ? snap_map_clone(old->maps[p], n)
						 : snap_map_ref(old->maps[p]);
	s->policies = snap_policies_ref(old->policies);
	s->entities = snap_entities_ref(old->entities);
	if (s->maps[RV_PART_SYSTEM] && stop_each(old, stops, &s->maps[RV_PART_SYSTEM]))
		return s;
	rv_snapshot_unref(s);
	return NULL;
}

static const void *look(
	const struct rv_snapshot *s, enum rv_part part, struct rv_str key, struct rv_str key2)
{
	return snap_map_get(s->maps[part], key, key2);
}

struct snap_system *snap_system_of(const struct rv_snapshot *s, struct rv_str name)
{
	return (struct snap_system *)look(s, RV_PART_SYSTEM, name, (struct rv_str){ 0 });
}

const struct rv_snap_system *rv_snap_system(const struct rv_snapshot *s, struct rv_str name)
{
	const struct snap_system *e = look(s, RV_PART_SYSTEM, name, (struct rv_str){ 0 });
	return e ? &e->pub : NULL;
}

size_t rv_snap_systems(const struct rv_snapshot *s)
{
	return s->maps[RV_PART_SYSTEM]->n;
}

const struct rv_snap_person *rv_snap_person(const struct rv_snapshot *s, struct rv_str name)
{
	const struct snap_person *e = look(s, RV_PART_PERSON, name, (struct rv_str){ 0 });
	return e ? &e->pub : NULL;
}

const struct rv_snap_point *rv_snap_point(const struct rv_snapshot *s, struct rv_str name)
{
	const struct snap_point *e = look(s, RV_PART_POINT, name, (struct rv_str){ 0 });
	return e && e->active ? &e->pub : NULL;
}

const struct rv_snap_resource *rv_snap_resource(
	const struct rv_snapshot *s, struct rv_str type, struct rv_str id)
{
	const struct snap_resource *e = look(s, RV_PART_RESOURCE, type, id);
	return e ? &e->pub : NULL;
}

bool rv_snap_point_may_ask(const struct rv_snap_point *p, struct rv_str system)
{
	return p->all_systems || rv_strs_has(p->systems, p->n_systems, system);
}

bool rv_snap_point_may_overlay(
	const struct rv_snap_point *p, struct rv_str type, struct rv_str attribute)
{
	for (size_t i = 0; i < p->n_overlays; i++) {
		struct rv_str o = p->overlays[i];
		if (o.n == type.n + 1 + attribute.n && rv_str_starts(o, type) &&
			o.p[type.n] == '.' && rv_str_ends(o, attribute))
			return true;
	}
	return false;
}

static bool person_lives(const struct rv_snapshot *s, struct rv_str name)
{
	const struct rv_snap_person *p = name.n > 0 ? rv_snap_person(s, name) : NULL;
	return p && p->active;
}

static const char *refusal_of_one(
	const struct rv_snapshot *s, const struct rv_snap_system *sys, int64_t now_ns)
{
	if (!sys)
		return "unregistered";
	if (sys->frozen)
		return "frozen";
	if (rv_str_eqz(sys->state, "suspended"))
		return "suspended";
	if (!rv_str_eqz(sys->state, "active"))
		return "not_active";
	if (sys->unseparated_until_ns && now_ns >= sys->unseparated_until_ns)
		return "not_active";
	/* Somebody must answer for it. */
	if (!person_lives(s, sys->owner) && !person_lives(s, sys->deputy))
		return "not_active";
	return NULL;
}

const char *rv_snap_refusal(
	const struct rv_snapshot *s, const struct rv_snap_system *sys, int64_t now_ns)
{
	for (unsigned depth = 0; depth <= RV_PARENT_DEPTH_MAX; depth++) {
		const char *why = refusal_of_one(s, sys, now_ns);
		if (why)
			return depth > 0 && strcmp(why, "unregistered") == 0 ? "not_active" : why;
		if (sys->parent.n == 0)
			return NULL;
		sys = rv_snap_system(s, sys->parent);
	}
	return "not_active";
}

size_t rv_snap_limits(const struct rv_snapshot *s, const struct rv_snap_system *sys,
	const struct rv_limit **ret, size_t cap)
{
	size_t n = 0;
	for (unsigned depth = 0; sys && depth <= RV_PARENT_DEPTH_MAX; depth++) {
		for (size_t i = 0; i < sys->n_limits; i++, n++)
			if (n < cap)
				ret[n] = &sys->limits[i];
		const struct snap_role *r = sys->role.n > 0
			? look(s, RV_PART_ROLE, sys->role, (struct rv_str){ 0 })
			: NULL;
		for (size_t i = 0; r && i < r->n_limits; i++) {
			size_t j = 0;
			while (j < n && j < cap && ret[j] != &r->limits[i])
				j++;
			if (j < n && j < cap)
				continue; /* parent and child of one role: counted once */
			if (n < cap)
				ret[n] = &r->limits[i];
			n++;
		}
		sys = sys->parent.n > 0 ? rv_snap_system(s, sys->parent) : NULL;
	}
	return n;
}

const struct rv_snap_credential *rv_snap_token(
	const struct rv_snapshot *s, struct rv_str token, int64_t now_ns)
{
	static const struct {
		struct rv_str prefix;
		enum rv_credential_kind kind;
	} kinds[] = {
		{ RV_STR_INIT("rvs_"), RV_CRED_SYSTEM },
		{ RV_STR_INIT("rvp_"), RV_CRED_POINT },
		{ RV_STR_INIT("rvh_"), RV_CRED_SESSION },
	};
	struct rv_sha256 d;
	if (token.n != RV_TOKEN_SIZE - 1)
		return NULL;
	rv_token_hash(token, &d);
	const struct snap_credential *c =
		look(s, RV_PART_CREDENTIAL, rv_str_n(d.b, 32), (struct rv_str){ 0 });
	if (!c || c->pub.expires_ns <= now_ns)
		return NULL;
	for (size_t i = 0; i < RV_COUNT(kinds); i++)
		if (kinds[i].kind == c->pub.kind && !rv_str_starts(token, kinds[i].prefix))
			return NULL;
	if (c->pub.kind == RV_CRED_SYSTEM && !rv_snap_system(s, c->pub.subject))
		return NULL;
	if (c->pub.kind == RV_CRED_POINT && !rv_snap_point(s, c->pub.subject))
		return NULL;
	if (c->pub.kind == RV_CRED_SESSION && !person_lives(s, c->pub.subject))
		return NULL;
	return &c->pub;
}
