/* What policy sees of the registry: the snapshot's entries as Cedar entities, as reeve.cedarschema
 * words them. */
#include <stdio.h>

#include "cedar.h"
#include "governance/snapshot_int.h"

/* A text somebody made of an entity. Once in its slot it stays as long as the set does. */
struct memo {
	const cedar_entity *of;
	size_t n;
	char text[];
};
enum { MEMOS = 1024, MEMO_PROBES = 4, MEMO_MAX = 4 << 10 };

struct snap_entities {
	atomic_uint refs;
	cedar_entities *set;
	_Atomic(struct memo *) memos[MEMOS];
};

struct snap_entities *snap_entities_ref(struct snap_entities *e)
{
	if (e)
		atomic_fetch_add_explicit(&e->refs, 1, memory_order_relaxed);
	return e;
}

void snap_entities_unref(struct snap_entities *e)
{
	if (!e || atomic_fetch_sub_explicit(&e->refs, 1, memory_order_acq_rel) != 1)
		return;
	cedar_entities_free(e->set);
	for (size_t i = 0; i < MEMOS; i++)
		free(atomic_load_explicit(&e->memos[i], memory_order_relaxed));
	free(e);
}

/* Entities being gathered; everything lies in one scratch until the store has copied it. */
struct gather {
	cedar_scratch *s;
	struct rv_arena *a;
	cedar_entity *list;
	size_t n, cap;
	struct rv_err *err;
};

static cedar_str cs(struct rv_str s)
{
	return (cedar_str){ s.p, s.n };
}

static cedar_uid uid(const char *type, struct rv_str id)
{
	return cedar_uid_of(cedar_z(type), cs(id));
}

static enum rv_code no_memory(struct gather *g)
{
	return RV_FAIL(g->err, RV_ELIMIT, "no memory for the entities");
}

struct attrs {
	cedar_pair v[8];
	size_t n;
};

static void add_str(struct attrs *at, const char *name, struct rv_str s)
{
	at->v[at->n++] = (cedar_pair){ cedar_z(name), cedar_string(cs(s)) };
}

static enum rv_code add_person(
	struct gather *g, struct attrs *at, const char *name, struct rv_str who)
{
	const cedar_uid u = uid("Reeve::Person", who);
	cedar_value v;
	if (cedar_entity_value(g->s, &u, &v, NULL) != CEDAR_OK)
		return no_memory(g);
	at->v[at->n++] = (cedar_pair){ cedar_z(name), v };
	return RV_OK;
}

static enum rv_code add_strs(
	struct gather *g, struct attrs *at, const char *name, const struct rv_str *v, size_t n)
{
	cedar_value *items = rv_arena_array(g->a, n + 1, sizeof *items), set;
	if (!items)
		return no_memory(g);
	for (size_t i = 0; i < n; i++)
		items[i] = cedar_string(cs(v[i]));
	if (cedar_set_of(g->s, items, n, &set, NULL) != CEDAR_OK)
		return no_memory(g);
	at->v[at->n++] = (cedar_pair){ cedar_z(name), set };
	return RV_OK;
}

static enum rv_code add(struct gather *g, cedar_uid u, const struct attrs *at,
	const cedar_uid *parents, size_t n_parents)
{
	if (g->n == g->cap) {
		size_t cap = g->cap ? g->cap * 2 : 256;
		cedar_entity *list = realloc(g->list, cap * sizeof *list);
		if (!list)
			return no_memory(g);
		g->list = list;
		g->cap = cap;
	}
	cedar_uid *kept = rv_arena_array(g->a, n_parents + 1, sizeof *kept);
	cedar_entity *e = &g->list[g->n];
	*e = (cedar_entity){ .uid = u, .parents = kept, .n_parents = n_parents };
	if (!kept || cedar_record_of(g->s, at->v, at->n, &e->attrs, NULL) != CEDAR_OK)
		return no_memory(g);
	if (n_parents > 0)
		memcpy(kept, parents, n_parents * sizeof *kept);
	g->n++;
	return RV_OK;
}

static enum rv_code add_system(struct gather *g, const struct rv_snap_system *s)
{
	struct attrs at = { .n = 0 };
	cedar_uid parents[3];
	size_t n = 0;
	add_str(&at, "class", s->class_);
	add_str(&at, "environment", s->environment);
	add_str(&at, "risk", s->risk);
	RV_TRY(add_person(g, &at, "owner", s->owner));
	RV_TRY(add_strs(g, &at, "labels", s->labels, s->n_labels));
	if (s->role.n > 0)
		parents[n++] = uid("Reeve::Role", s->role);
	if (s->team.n > 0)
		parents[n++] = uid("Reeve::Team", s->team);
	if (s->parent.n > 0)
		parents[n++] = uid("Reeve::System", s->parent);
	return add(g, uid("Reeve::System", s->name), &at, parents, n);
}

static enum rv_code add_human(struct gather *g, const struct rv_snap_person *p)
{
	struct attrs at = { .n = 0 };
	size_t n = 0;
	cedar_uid *parents = rv_arena_array(g->a, p->n_groups + p->n_teams + 1, sizeof *parents);
	if (!parents)
		return no_memory(g);
	add_str(&at, "email", p->email);
	at.v[at.n++] = (cedar_pair){ cedar_z("active"), cedar_bool(p->active) };
	for (size_t i = 0; i < p->n_groups; i++)
		parents[n++] = uid("Reeve::Group", p->groups[i]);
	for (size_t i = 0; i < p->n_teams; i++)
		parents[n++] = uid("Reeve::Team", p->teams[i]);
	return add(g, uid("Reeve::Person", p->name), &at, parents, n);
}

static bool has_namespace(struct rv_str type)
{
	for (size_t i = 0; i + 1 < type.n; i++)
		if (type.p[i] == ':' && type.p[i + 1] == ':')
			return true;
	return false;
}

static enum rv_code resource_uid(struct gather *g, const struct rv_snap_resource *r, cedar_uid *ret)
{
	if (has_namespace(r->type)) {
		*ret = cedar_uid_of(cs(r->type), cs(r->id));
		return RV_OK;
	}
	const char *id = rv_arena_printf(g->a, "%.*s/%.*s", RV_FMT(r->type), RV_FMT(r->id));
	if (!id)
		return no_memory(g);
	*ret = cedar_uid_of(cedar_z("Reeve::Resource"), cedar_z(id));
	return RV_OK;
}

static enum rv_code add_tags(struct gather *g, const struct rv_snap_resource *r, cedar_value *ret)
{
	cedar_pair *pairs = rv_arena_array(g->a, r->n_tags + 1, sizeof *pairs);
	if (!pairs)
		return no_memory(g);
	for (size_t i = 0; i < r->n_tags; i++)
		pairs[i] = (cedar_pair){ cs(r->tag_names[i]), cedar_string(cs(r->tag_values[i])) };
	return cedar_record_of(g->s, pairs, r->n_tags, ret, NULL) == CEDAR_OK ? RV_OK
									      : no_memory(g);
}

static enum rv_code add_resource(struct gather *g, const struct rv_snap_resource *r)
{
	struct attrs at = { .n = 0 };
	cedar_uid u, *parents = rv_arena_array(g->a, r->n_parents + 1, sizeof *parents);
	if (!parents)
		return no_memory(g);
	RV_TRY(resource_uid(g, r, &u));
	add_str(&at, "kind", r->kind);
	at.v[at.n++] = (cedar_pair){ cedar_z("known"), cedar_bool(true) };
	if (r->environment.n > 0)
		add_str(&at, "environment", r->environment);
	if (r->data_class.n > 0)
		add_str(&at, "data_class", r->data_class);
	if (r->owner.n > 0)
		RV_TRY(add_person(g, &at, "owner", r->owner));
	for (size_t i = 0; i < r->n_parents; i++)
		parents[i] = uid("Reeve::Collection", r->parents[i]);
	RV_TRY(add(g, u, &at, parents, r->n_parents));
	return add_tags(g, r, &g->list[g->n - 1].tags);
}

static enum rv_code add_entry(struct gather *g, enum rv_part part, const struct snap_entry *e)
{
	const void *p = e;
	const struct attrs none = { .n = 0 };
	switch (part) {
	case RV_PART_SYSTEM:
		return add_system(g, &((const struct snap_system *)p)->pub);
	case RV_PART_PERSON:
		return add_human(g, &((const struct snap_person *)p)->pub);
	case RV_PART_RESOURCE:
		return add_resource(g, &((const struct snap_resource *)p)->pub);
	case RV_PART_POINT:
		return add(g, uid("Reeve::Point", e->key), &none, NULL, 0);
	case RV_PART_ROLE:
		return add(g, uid("Reeve::Role", e->key), &none, NULL, 0);
	default:
		return RV_OK;
	}
}

static enum rv_code gather_all(struct gather *g, const struct rv_snapshot *s)
{
	for (unsigned p = 0; p < RV_PART_COUNT; p++) {
		const struct snap_map *m = s->maps[p];
		for (size_t i = 0; m && i <= m->mask; i++)
			if (m->slots[i])
				RV_TRY(add_entry(g, (enum rv_part)p, m->slots[i]));
	}
	return RV_OK;
}

/* Wraps the set; takes it over, also when it fails. */
static enum rv_code wrap(cedar_entities *set, struct snap_entities **ret, struct rv_err *err)
{
	struct snap_entities *out = calloc(1, sizeof *out);
	if (!out) {
		cedar_entities_free(set);
		return RV_FAIL(err, RV_ELIMIT, "no memory for the entities");
	}
	atomic_init(&out->refs, 1);
	out->set = set;
	*ret = out;
	return RV_OK;
}

static enum rv_code fail_cedar(const cedar_error *e, struct rv_err *err)
{
	return RV_FAIL(err, e->code == CEDAR_ELIMIT ? RV_ELIMIT : RV_EINVAL, "%s", e->message);
}

enum rv_code snap_entities_build(
	const struct rv_snapshot *s, struct snap_entities **ret, struct rv_err *err)
{
	cedar_error e = { .code = CEDAR_OK };
	cedar_entities *set = NULL;
	RV_AUTO_ARENA a;
	rv_arena_init(&a, (size_t)1 << 30);
	struct gather g = { .s = cedar_scratch_new(), .a = &a, .err = err };
	enum rv_code code = g.s ? gather_all(&g, s) : no_memory(&g);
	if (code == RV_OK && cedar_entities_new(g.list, g.n, &set, &e) != CEDAR_OK)
		code = fail_cedar(&e, err);
	cedar_scratch_free(g.s);
	free(g.list);
	return code == RV_OK ? wrap(set, ret, err) : code;
}

/* ---- a few rows ---- */

enum { ROWS_MAX = 64 }; /* more are as dear as all */

/* The entity of a row that may be gone. False: policy sees none of this part. */
static enum rv_code row_uid(
	struct gather *g, const struct rv_touch *t, cedar_uid *ret, bool *ret_is_entity)
{
	const struct rv_snap_resource r = { .type = t->key, .id = t->key2 };
	*ret_is_entity = true;
	switch (t->part) {
	case RV_PART_SYSTEM:
		*ret = uid("Reeve::System", t->key);
		return RV_OK;
	case RV_PART_PERSON:
		*ret = uid("Reeve::Person", t->key);
		return RV_OK;
	case RV_PART_POINT:
		*ret = uid("Reeve::Point", t->key);
		return RV_OK;
	case RV_PART_ROLE:
		*ret = uid("Reeve::Role", t->key);
		return RV_OK;
	case RV_PART_RESOURCE:
		return resource_uid(g, &r, ret);
	default:
		*ret_is_entity = false;
		return RV_OK;
	}
}

static bool is_same(const struct rv_touch *a, const struct rv_touch *b)
{
	return a->part == b->part && rv_str_eq(a->key, b->key) && rv_str_eq(a->key2, b->key2);
}

static enum rv_code gather_rows(struct gather *g, const struct rv_snapshot *s,
	const struct rv_touch *touched, cedar_uid removed[ROWS_MAX], size_t *ret_removed)
{
	*ret_removed = 0;
	for (const struct rv_touch *t = touched; t; t = t->next) {
		bool is_entity, twice = false;
		cedar_uid u;
		for (const struct rv_touch *b = touched; b != t && !twice; b = b->next)
			twice = is_same(b, t);
		RV_TRY(row_uid(g, t, &u, &is_entity));
		if (twice || !is_entity)
			continue;
		const struct snap_entry *e = snap_map_get(s->maps[t->part], t->key, t->key2);
		if (e)
			RV_TRY(add_entry(g, t->part, e));
		else
			removed[(*ret_removed)++] = u;
	}
	return RV_OK;
}

enum rv_code snap_entities_change(const struct rv_snapshot *s, const struct snap_entities *old,
	const struct rv_touch *touched, struct snap_entities **ret, struct rv_err *err)
{
	cedar_uid removed[ROWS_MAX];
	size_t n = 0, n_removed;
	cedar_error e = { .code = CEDAR_OK };
	cedar_entities *set = NULL;
	for (const struct rv_touch *t = touched; t; t = t->next)
		n++;
	if (n > ROWS_MAX)
		return snap_entities_build(s, ret, err);
	RV_AUTO_ARENA a;
	rv_arena_init(&a, (size_t)1 << 30);
	struct gather g = { .s = cedar_scratch_new(), .a = &a, .err = err };
	enum rv_code code = g.s ? gather_rows(&g, s, touched, removed, &n_removed) : no_memory(&g);
	if (code == RV_OK &&
		cedar_entities_update(old->set, g.list, g.n, removed, n_removed, &set, &e) !=
			CEDAR_OK)
		code = fail_cedar(&e, err);
	cedar_scratch_free(g.s);
	free(g.list);
	return code == RV_OK ? wrap(set, ret, err) : code;
}

const struct cedar_entities *rv_snap_entities(const struct rv_snapshot *s)
{
	return s->entities->set;
}

static struct memo *memo_make(
	const cedar_entity *of, void (*make)(const cedar_entity *e, struct rv_buf *out))
{
	RV_AUTO_BUF b;
	rv_buf_init(&b, MEMO_MAX);
	make(of, &b);
	struct memo *m = b.failed ? NULL : malloc(sizeof *m + b.n);
	if (!m)
		return NULL;
	m->of = of;
	m->n = b.n;
	memcpy(m->text, b.p, b.n);
	return m;
}

struct rv_str rv_snap_entity_text(const struct rv_snapshot *s, const struct cedar_entity *e,
	void (*make)(const struct cedar_entity *e, struct rv_buf *out))
{
	struct snap_entities *es = s->entities;
	struct memo *mine = NULL, *m = NULL;
	for (size_t i = 0; i < MEMO_PROBES; i++) {
		_Atomic(struct memo *) *slot = &es->memos[(e->uid.hash + i) % MEMOS];
		m = atomic_load_explicit(slot, memory_order_acquire);
		if (!m && !mine)
			mine = memo_make(e, make);
		if (!m && !mine)
			break;
		/* Another thread may be quicker; then m is what it put there. */
		if (!m && atomic_compare_exchange_strong(slot, &m, mine))
			return rv_str_n(mine->text, mine->n);
		if (m->of == e)
			break;
		m = NULL;
	}
	free(mine);
	return m ? rv_str_n(m->text, m->n) : (struct rv_str){ NULL, 0 };
}
