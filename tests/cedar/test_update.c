/* Sets made of sets: each version against one built from nothing, while others live on. RV_SEED
 * picks another sequence. */
#include <stdio.h>

#include "base/arena.h"
#include "cedar.h"
#include "tests/harness.h"

enum { MOST = 400, VERSIONS = 6, CHANGES = 5 };
static uint64_t state;

static unsigned pick(unsigned n)
{
	state = state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (unsigned)((state >> 33) % n);
}

/* What a version should hold: an entity for each uid, or none. */
struct model {
	cedar_entity list[MOST];
	bool is_there[MOST];
	unsigned n; /* of uids in use */
};
struct version {
	cedar_entities *es;
	struct model *model;
};
static cedar_uid uids[MOST];
static struct rv_arena arena;
static cedar_scratch *scratch;

static void make_uids(void)
{
	for (unsigned i = 0; i < MOST; i++)
		uids[i] = cedar_uid_of(cedar_z(i % 3 ? "User" : "Group"),
			cedar_z(rv_arena_printf(&arena, "%u", i)));
}

/* Parents have a higher number, so that there is no circle; some are nowhere. */
static cedar_entity random_entity(unsigned i, unsigned n)
{
	cedar_uid *parents = rv_arena_array(&arena, 3, sizeof *parents);
	cedar_value ref = { 0 };
	cedar_entity e = { .uid = uids[i], .parents = parents };
	rv_assert(parents);
	for (unsigned k = pick(4); k > 0 && i + 1 < n && e.n_parents < 3; k--)
		parents[e.n_parents++] = uids[i + 1 + pick(n - i - 1)];
	(void)!cedar_entity_value(scratch, &uids[pick(n)], &ref, NULL);
	const cedar_pair pairs[] = { { cedar_z("n"), cedar_long(pick(1000)) },
		{ cedar_z("other"), ref } };
	(void)!cedar_record_of(scratch, pairs, 1 + pick(2), &e.attrs, NULL);
	return e;
}

static cedar_entities *rebuilt(const struct model *m)
{
	cedar_entity list[MOST];
	cedar_entities *es = NULL;
	size_t n = 0;
	for (unsigned i = 0; i < m->n; i++)
		if (m->is_there[i])
			list[n++] = m->list[i];
	CHECK(cedar_entities_new(list, n, &es, NULL) == CEDAR_OK);
	return es;
}

static bool is_uid(const cedar_uid *a, const cedar_uid *b)
{
	const cedar_value x = { CEDAR_ENTITY, { .uid = a } }, y = { CEDAR_ENTITY, { .uid = b } };
	return cedar_value_eq(&x, &y);
}

static void check_listed(const struct version *v)
{
	bool seen[MOST] = { false };
	size_t n = cedar_entities_count(v->es);
	for (size_t i = 0; i < n; i++) {
		const cedar_entity *e = cedar_entities_at(v->es, i);
		unsigned k = 0;
		while (k < v->model->n && !is_uid(&uids[k], &e->uid))
			k++;
		REQUIRE(k < v->model->n && !seen[k] && v->model->is_there[k]);
		seen[k] = true;
		CHECK(cedar_entities_find(v->es, &uids[k]) == e);
	}
}

static void check_version(const struct version *v)
{
	cedar_entities *full = rebuilt(v->model);
	REQUIRE(full);
	CHECK(cedar_entities_count(v->es) == cedar_entities_count(full));
	check_listed(v);
	for (unsigned i = 0; i < v->model->n; i++) {
		const cedar_entity *a = cedar_entities_find(v->es, &uids[i]),
				   *b = cedar_entities_find(full, &uids[i]);
		REQUIRE((a != NULL) == (b != NULL));
		CHECK(!a || (cedar_value_eq(&a->attrs, &b->attrs) && a->n_parents == b->n_parents));
		for (unsigned k = 0; k < v->model->n; k++)
			CHECKF(cedar_entities_in(v->es, &uids[i], &uids[k]) ==
					cedar_entities_in(full, &uids[i], &uids[k]),
				"%u in %u", i, k);
	}
	cedar_entities_free(full);
}

/* A version made of another with a few changes. */
static struct version next_version(const struct version *from)
{
	cedar_entity put[CHANGES];
	cedar_uid removed[CHANGES];
	size_t n_put = 0, n_removed = 0;
	struct version v = { NULL, malloc(sizeof *v.model) };
	cedar_error e = { .code = CEDAR_OK };
	rv_assert(v.model);
	*v.model = *from->model;
	for (unsigned i = pick(CHANGES + 1); i > 0; i--) {
		unsigned k = pick(v.model->n);
		bool twice = false;
		for (size_t j = 0; j < n_put; j++)
			twice = twice || is_uid(&put[j].uid, &uids[k]);
		if (twice)
			continue;
		if (pick(4) == 0) {
			removed[n_removed++] = uids[k];
			v.model->is_there[k] = false;
			continue;
		}
		put[n_put++] = v.model->list[k] = random_entity(k, v.model->n);
		v.model->is_there[k] = true;
	}
	cedar_code code =
		cedar_entities_update(from->es, put, n_put, removed, n_removed, &v.es, &e);
	CHECKF(code == CEDAR_OK, "%s", e.message);
	return v;
}

static void one_round(unsigned n, unsigned steps)
{
	struct version all[VERSIONS];
	memset(all, 0, sizeof all);
	for (unsigned i = 0; i < VERSIONS; i++) {
		all[i].model = calloc(1, sizeof *all[i].model);
		REQUIRE(all[i].model);
		all[i].model->n = n;
		for (unsigned k = 0; k < n; k++) {
			all[i].model->list[k] = random_entity(k, n);
			all[i].model->is_there[k] = pick(3) > 0;
		}
		all[i].es = rebuilt(all[i].model);
		REQUIRE(all[i].es);
	}
	for (unsigned i = 0; i < steps && test_failures == 0; i++) {
		unsigned from = pick(VERSIONS), to = pick(VERSIONS);
		struct version v = next_version(&all[from]);
		cedar_entities_free(all[to].es);
		free(all[to].model);
		all[to] = v;
		if (i % 40 == 0)
			check_version(&all[pick(VERSIONS)]);
	}
	for (unsigned i = 0; i < VERSIONS; i++) {
		check_version(&all[i]);
		cedar_entities_free(all[i].es);
		free(all[i].model);
	}
}

TEST(an_updated_set_is_as_one_built_anew)
{
	const char *seed = getenv("RV_SEED");
	uint64_t v = 1;
	if (seed)
		REQUIRE(rv_str_u64(rv_str_of(seed), &v));
	state = v;
	rv_arena_init(&arena, 1 << 28);
	scratch = cedar_scratch_new();
	REQUIRE(scratch);
	make_uids();
	for (int i = 0; i < 20 && test_failures == 0; i++)
		one_round(12, 200);
	one_round(MOST, 1200); /* long enough for deltas to be folded several times */
	cedar_scratch_free(scratch);
	rv_arena_done(&arena);
}

static cedar_uid uid(const char *id)
{
	return cedar_uid_of(cedar_z("G"), cedar_z(id));
}

TEST(what_an_update_refuses)
{
	const cedar_uid a = uid("a"), b = uid("b"), c = uid("c");
	const cedar_entity chain[] = { { .uid = a, .parents = &b, .n_parents = 1 },
		{ .uid = b, .parents = &c, .n_parents = 1 }, { .uid = c } };
	const cedar_entity back = { .uid = c, .parents = &a, .n_parents = 1 };
	const cedar_entity self = { .uid = c, .parents = &c, .n_parents = 1 };
	const cedar_entity twice[] = { { .uid = a }, { .uid = a } };
	cedar_entities *es, *next = NULL;
	cedar_error e = { .code = CEDAR_OK };
	REQUIRE(cedar_entities_new(chain, 3, &es, &e) == CEDAR_OK);
	CHECK(cedar_entities_update(es, &back, 1, NULL, 0, &next, &e) == CEDAR_ECYCLE);
	e.code = CEDAR_OK;
	CHECK(cedar_entities_update(es, &self, 1, NULL, 0, &next, &e) == CEDAR_ECYCLE);
	e.code = CEDAR_OK;
	CHECK(cedar_entities_update(es, twice, 2, NULL, 0, &next, &e) == CEDAR_EEXIST);
	CHECK(strstr(e.message, "G::\"a\"") != NULL && next == NULL);
	/* The circle is not one when another link goes at the same time. */
	const cedar_entity turned[] = { back, { .uid = b } };
	REQUIRE(cedar_entities_update(es, turned, 2, NULL, 0, &next, NULL) == CEDAR_OK);
	CHECK(cedar_entities_in(next, &c, &b) && !cedar_entities_in(next, &a, &c));
	CHECK(cedar_entities_in(es, &a, &c) && !cedar_entities_in(es, &c, &a));
	cedar_entities_free(es);
	CHECK(cedar_entities_in(next, &c, &a) && cedar_entities_count(next) == 3);
	cedar_entities_free(next);
}

/* A parent that was nowhere appears, with parents of its own; it goes again. */
TEST(descendants_follow)
{
	const cedar_uid a = uid("a"), b = uid("b"), top = uid("top"), higher = uid("higher");
	const cedar_entity list[] = { { .uid = a, .parents = &b, .n_parents = 1 },
		{ .uid = b, .parents = &top, .n_parents = 1 } };
	const cedar_entity late = { .uid = top, .parents = &higher, .n_parents = 1 };
	cedar_entities *es, *with, *without;
	REQUIRE(cedar_entities_new(list, 2, &es, NULL) == CEDAR_OK);
	CHECK(cedar_entities_in(es, &a, &top) && !cedar_entities_in(es, &a, &higher));
	REQUIRE(cedar_entities_update(es, &late, 1, NULL, 0, &with, NULL) == CEDAR_OK);
	cedar_entities_free(es);
	CHECK(cedar_entities_in(with, &a, &higher) && cedar_entities_in(with, &top, &higher));
	REQUIRE(cedar_entities_update(with, NULL, 0, &b, 1, &without, NULL) == CEDAR_OK);
	cedar_entities_free(with);
	CHECK(cedar_entities_in(without, &a, &b) && !cedar_entities_in(without, &a, &top));
	CHECK(cedar_entities_count(without) == 2 && !cedar_entities_find(without, &b));
	cedar_entities_free(without);
}

MAIN()
