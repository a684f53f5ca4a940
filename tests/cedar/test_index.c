/* The index against the walk over all policies, on random policy sets, hierarchies and requests:
 * the same permits, forbids and errors, messages included. RV_SEED picks another sequence. */
#include <stdio.h>

#include "base/arena.h"
#include "base/buf.h"
#include "cedar.h"
#include "tests/harness.h"

static uint64_t state;

static unsigned pick(unsigned n)
{
	state = state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (unsigned)((state >> 33) % n);
}

static const char *const types[] = { "User", "NS::User", "Group", "Doc" };

static void add_uid(struct rv_buf *b, bool action)
{
	if (action)
		rv_buf_printf(b, "Action::\"%u\"", pick(4));
	else
		rv_buf_printf(b, "%s::\"%u\"", types[pick(4)], pick(5));
}

static void add_scope(struct rv_buf *b, const char *var)
{
	rv_buf_addz(b, var);
	switch (pick(6)) {
	case 0:
		rv_buf_addz(b, " == ");
		add_uid(b, false);
		break;
	case 1:
		rv_buf_addz(b, " in ");
		add_uid(b, false);
		break;
	case 2:
		rv_buf_printf(b, " is %s", types[pick(4)]);
		break;
	case 3:
		rv_buf_printf(b, " is %s in ", types[pick(4)]);
		add_uid(b, false);
		break;
	case 4:
		if (pick(8) == 0)
			rv_buf_printf(b, " == ?%s", var);
		break;
	default:
		break;
	}
}

static void add_action(struct rv_buf *b)
{
	unsigned n = pick(4);
	rv_buf_addz(b, "action");
	switch (pick(5)) {
	case 0:
		rv_buf_addz(b, " == ");
		add_uid(b, true);
		break;
	case 1:
		rv_buf_addz(b, " in ");
		add_uid(b, true);
		break;
	case 2:
		rv_buf_addz(b, " in [");
		for (unsigned i = 0; i < n; i++) {
			add_uid(b, true);
			rv_buf_addz(b, ",");
		}
		rv_buf_addz(b, "]");
		break;
	default:
		break;
	}
}

static void add_policies(struct rv_buf *b, unsigned n)
{
	static const char *const conditions[] = { "", " when { principal has n }",
		" when { principal.n > 1 }", " unless { resource.n == 1 }",
		" when { resource in principal }",
		" when { principal.n + 9223372036854775807 > 0 }",
		" when { context.x } when { resource.n == 0 }" };
	for (unsigned i = 0; i < n; i++) {
		rv_buf_addz(b, pick(3) ? "permit(" : "forbid(");
		add_scope(b, "principal");
		rv_buf_addz(b, ", ");
		add_action(b);
		rv_buf_addz(b, ", ");
		add_scope(b, "resource");
		rv_buf_printf(b, ")%s;\n", conditions[pick(RV_COUNT(conditions))]);
	}
}

static cedar_uid random_uid(struct rv_arena *a, bool action, unsigned max)
{
	return cedar_uid_of(cedar_z(action ? "Action" : types[pick(4)]),
		cedar_z(rv_arena_printf(a, "%u", pick(max))));
}

/* Parents have a higher id, so that there is no circle. */
static void random_entity(struct rv_arena *a, cedar_scratch *s, cedar_entity *e)
{
	cedar_uid *parents = rv_arena_array(a, 3, sizeof *parents);
	bool action = pick(4) == 0;
	unsigned id = pick(5);
	*e = (cedar_entity){ .parents = parents };
	e->uid = cedar_uid_of(
		cedar_z(action ? "Action" : types[pick(4)]), cedar_z(rv_arena_printf(a, "%u", id)));
	unsigned n = pick(4);
	for (unsigned i = 0; i < n && id < 5; i++)
		parents[e->n_parents++] = cedar_uid_of(cedar_z(action ? "Action" : types[pick(4)]),
			cedar_z(rv_arena_printf(a, "%u", id + 1 + pick(5 - id))));
	if (pick(2)) {
		const cedar_pair p = { cedar_z("n"), cedar_long(pick(3)) };
		(void)!cedar_record_of(s, &p, 1, &e->attrs, NULL);
	}
}

static bool same(const cedar_answer *a, const cedar_answer *b)
{
	if (a->decision != b->decision || a->n_permits != b->n_permits ||
		a->n_forbids != b->n_forbids || a->n_errors != b->n_errors)
		return false;
	for (size_t i = 0; i < a->n_permits; i++)
		if (a->permits[i] != b->permits[i])
			return false;
	for (size_t i = 0; i < a->n_forbids; i++)
		if (a->forbids[i] != b->forbids[i])
			return false;
	for (size_t i = 0; i < a->n_errors; i++)
		if (a->errors[i].policy != b->errors[i].policy ||
			a->errors[i].message.n != b->errors[i].message.n ||
			memcmp(a->errors[i].message.p, b->errors[i].message.p,
				a->errors[i].message.n) != 0)
			return false;
	return true;
}

static cedar_entities *random_entities(struct rv_arena *a, cedar_scratch *s)
{
	enum { MOST = 24 };
	cedar_entity *list = rv_arena_array(a, MOST, sizeof *list);
	cedar_entities *es = NULL;
	size_t n = 0, want = pick(MOST);
	for (size_t i = 0; i < want; i++) {
		random_entity(a, s, &list[n]);
		bool twice = false;
		for (size_t k = 0; k < n; k++)
			twice = twice || memcmp(&list[k].uid.hash, &list[n].uid.hash, 8) == 0;
		n += !twice;
	}
	cedar_error e = { .code = CEDAR_OK };
	cedar_code code = cedar_entities_new(list, n, &es, &e);
	CHECKF(code == CEDAR_OK, "%s", e.message);
	return es;
}

static size_t n_errors, n_satisfied;

static void one_request(struct rv_arena *a, cedar_scratch *s, const cedar_policies *fast,
	const cedar_policies *slow, const cedar_entities *es)
{
	cedar_entity overlay[2];
	cedar_request rq = { .principal = random_uid(a, false, 6),
		.action = random_uid(a, true, 4),
		.resource = random_uid(a, false, 6) };
	if (pick(3) == 0) {
		for (size_t i = 0; i < RV_COUNT(overlay); i++)
			random_entity(a, s, &overlay[i]);
		overlay[0].uid = rq.resource;
		if (pick(2))
			overlay[1].uid = rq.principal;
		rq.overlay = overlay;
		rq.n_overlay = 1 + pick(2);
	}
	cedar_answer x, y;
	cedar_authorize(fast, es, &rq, s, &x);
	cedar_authorize(slow, es, &rq, s, &y);
	n_errors += x.n_errors;
	n_satisfied += x.n_permits + x.n_forbids;
	CHECK(same(&x, &y));
	for (size_t i = 1; i < x.n_permits; i++)
		CHECK(x.permits[i - 1] < x.permits[i]);
	for (size_t i = 1; i < x.n_errors; i++)
		CHECK(x.errors[i - 1].policy < x.errors[i].policy);
}

TEST(index_and_walk_agree)
{
	const char *seed = getenv("RV_SEED");
	uint64_t v = 1;
	if (seed)
		REQUIRE(rv_str_u64(rv_str_of(seed), &v));
	state = v;
	for (int round = 0; round < 300 && test_failures == 0; round++) {
		RV_AUTO_ARENA a;
		RV_AUTO_BUF text;
		rv_arena_init(&a, 1 << 24);
		rv_buf_init(&text, 1 << 20);
		cedar_scratch *build = cedar_scratch_new(), *s = cedar_scratch_new();
		cedar_policies *fast = NULL, *slow = NULL;
		cedar_error e = { .code = CEDAR_OK };
		const cedar_policies_opts walk = { .no_index = true };
		add_policies(&text, 1 + pick(40));
		const cedar_str t = { text.p, text.n };
		REQUIRE(build && s);
		CHECKF(cedar_policies_parse(t, NULL, &fast, &e) == CEDAR_OK, "%s", e.message);
		CHECK(cedar_policies_parse(t, &walk, &slow, &e) == CEDAR_OK);
		cedar_entities *es = random_entities(&a, build);
		REQUIRE(fast && slow && es);
		for (int i = 0; i < 40; i++) {
			one_request(&a, s, fast, slow, es);
			cedar_scratch_clear(s);
		}
		cedar_scratch_free(build);
		cedar_scratch_free(s);
		cedar_entities_free(es);
		cedar_policies_free(fast);
		cedar_policies_free(slow);
	}
	/* Otherwise nothing was compared. */
	CHECKF(n_errors > 1000 && n_satisfied > 1000, "%zu errors, %zu satisfied", n_errors,
		n_satisfied);
}

MAIN()
