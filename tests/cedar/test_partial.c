/* Requests with an open part against the same requests whole, over random worlds: each candidate's
 * answer to the last message, and search against trying everybody. RV_SEED picks another sequence.
 */
#include <stdio.h>

#include "base/arena.h"
#include "cedar.h"
#include "tests/cedar/gen.h"
#include "tests/harness.h"

enum { WORLDS = 120, REQUESTS = 3, POLICIES = 12 };

static cedar_str cs(const struct rv_buf *b)
{
	return (cedar_str){ b->p, b->n };
}

static bool same_ids(const uint32_t *a, size_t n, const uint32_t *b, size_t m)
{
	return n == m && (n == 0 || memcmp(a, b, n * sizeof *a) == 0);
}

static bool same(const cedar_answer *a, const cedar_answer *b)
{
	if (a->decision != b->decision || a->n_errors != b->n_errors ||
		!same_ids(a->permits, a->n_permits, b->permits, b->n_permits) ||
		!same_ids(a->forbids, a->n_forbids, b->forbids, b->n_forbids))
		return false;
	for (size_t i = 0; i < a->n_errors; i++)
		if (a->errors[i].policy != b->errors[i].policy ||
			a->errors[i].message.n != b->errors[i].message.n ||
			memcmp(a->errors[i].message.p, b->errors[i].message.p,
				a->errors[i].message.n) != 0)
			return false;
	return true;
}

struct world {
	cedar_policies *ps;
	cedar_entities *es;
};
static size_t n_allowed, n_errors, n_asked;

static cedar_request with(const cedar_request *rq, cedar_var open, const cedar_uid *uid)
{
	cedar_request out = *rq;
	*(open == CEDAR_PRINCIPAL	       ? &out.principal
			: open == CEDAR_ACTION ? &out.action
					       : &out.resource) = *uid;
	return out;
}

static void one_candidate(const struct world *w, const cedar_partial *p, const cedar_request *rq,
	cedar_var open, const cedar_uid *uid, cedar_scratch *s, bool *ret_allowed)
{
	const cedar_request whole = with(rq, open, uid);
	cedar_answer a, b;
	cedar_authorize(w->ps, w->es, &whole, s, &a);
	cedar_partial_answer(p, uid, s, &b);
	CHECKF(same(&a, &b), "%.*s::\"%.*s\": %zu %zu %zu and %zu %zu %zu", RV_FMT(uid->type),
		RV_FMT(uid->id), a.n_permits, a.n_forbids, a.n_errors, b.n_permits, b.n_forbids,
		b.n_errors);
	*ret_allowed = a.decision == CEDAR_ALLOW;
	n_asked++;
	n_allowed += *ret_allowed;
	n_errors += a.n_errors;
	cedar_scratch_clear(s);
}

/* Pages of two, whatever the type. */
static void search(const struct world *w, const cedar_partial *p, const bool *allowed,
	const char *type, cedar_scratch *s)
{
	size_t at = 0, n = cedar_entities_count(w->es), next = 0;
	while (at < n && test_failures == 0) {
		const cedar_uid *found[2];
		size_t n_found;
		REQUIRE(cedar_search(p, cedar_z(type), &at, found, 2, &n_found, s, NULL) ==
			CEDAR_OK);
		for (size_t i = 0; i < n_found; i++) {
			const cedar_uid *u;
			do {
				REQUIRE(next < n);
				u = &cedar_entities_at(w->es, next)->uid;
			} while (!allowed[next++] ||
				(type && !rv_str_eqz(rv_str_n(u->type.p, u->type.n), type)));
			CHECK(found[i] == u);
		}
		CHECK(n_found > 0 || at == n);
	}
	for (; next < n; next++) {
		const cedar_uid *u = &cedar_entities_at(w->es, next)->uid;
		CHECK(!allowed[next] ||
			(type && !rv_str_eqz(rv_str_n(u->type.p, u->type.n), type)));
	}
}

static void one_request(struct gen *g, const struct world *w, cedar_scratch *keep, cedar_scratch *s)
{
	static const cedar_var opens[] = { CEDAR_PRINCIPAL, CEDAR_ACTION, CEDAR_RESOURCE };
	RV_AUTO_BUF text;
	cedar_request rq;
	cedar_entity overlay;
	bool allowed[64], nowhere;
	const cedar_uid stranger = cedar_uid_of(cedar_z("Doc"), cedar_z("stranger"));
	size_t n = cedar_entities_count(w->es);
	rv_buf_init(&text, 1 << 20);
	g->out = &text;
	gen_request(g);
	REQUIRE(cedar_request_parse_json(keep, cs(&text), &rq, NULL) == CEDAR_OK);
	REQUIRE(n <= RV_COUNT(allowed));
	if (n > 0 && gen_pick(g, 3) == 0) {
		overlay = *cedar_entities_at(w->es, gen_pick(g, (unsigned)n));
		overlay.uid = gen_pick(g, 2) ? rq.principal : rq.resource;
		rq.overlay = &overlay;
		rq.n_overlay = 1;
	}
	for (size_t i = 0; i < RV_COUNT(opens); i++) {
		cedar_partial *p;
		REQUIRE(cedar_partial_new(w->ps, w->es, &rq, opens[i], &p, NULL) == CEDAR_OK);
		for (size_t k = 0; k < n; k++)
			one_candidate(w, p, &rq, opens[i], &cedar_entities_at(w->es, k)->uid, s,
				&allowed[k]);
		one_candidate(w, p, &rq, opens[i], &stranger, s, &nowhere);
		search(w, p, allowed, NULL, s);
		search(w, p, allowed, "NS::Thing", s);
		CHECK(cedar_partial_left(p) <= cedar_policies_count(w->ps));
		cedar_partial_free(p);
	}
}

TEST(an_open_part_changes_nothing)
{
	const char *seed = getenv("RV_SEED");
	uint64_t first = 1;
	if (seed)
		REQUIRE(rv_str_u64(rv_str_of(seed), &first));
	cedar_scratch *keep = cedar_scratch_new(), *s = cedar_scratch_new();
	REQUIRE(keep && s);
	for (uint64_t i = first; i < first + WORLDS && test_failures == 0; i++) {
		RV_AUTO_BUF text;
		RV_AUTO_BUF entities;
		struct gen g;
		struct world w = { NULL, NULL };
		rv_buf_init(&text, 1 << 24);
		rv_buf_init(&entities, 1 << 24);
		gen_init(&g, i, &text);
		gen_policies(&g, 1 + gen_pick(&g, POLICIES), 0);
		g.out = &entities;
		gen_entities(&g, 60);
		REQUIRE(cedar_policies_parse(cs(&text), NULL, &w.ps, NULL) == CEDAR_OK);
		REQUIRE(cedar_entities_parse_json(cs(&entities), &w.es, NULL) == CEDAR_OK);
		for (int k = 0; k < REQUESTS; k++)
			one_request(&g, &w, keep, s);
		CHECKF(test_failures == 0, "RV_SEED=%llu", (unsigned long long)i);
		cedar_policies_free(w.ps);
		cedar_entities_free(w.es);
		cedar_scratch_clear(keep);
	}
	CHECKF(n_allowed > n_asked / 20 && n_errors > n_asked / 20,
		"%zu asked, %zu allowed, %zu errors", n_asked, n_allowed, n_errors);
	cedar_scratch_free(keep);
	cedar_scratch_free(s);
}

/* What the known parts rule out does not remain. */
TEST(what_remains)
{
	static const char policies[] =
		"permit(principal == U::\"a\", action, resource) when { resource.n > 1 };"
		"permit(principal == U::\"b\", action, resource);"
		"permit(principal, action, resource) when { principal.n > 5 };"
		"permit(principal, action, resource) when { principal.n < 5 && resource.open };"
		"forbid(principal, action, resource in F::\"x\");"
		"forbid(principal, action == Action::\"other\", resource);";
	static const char entities[] =
		"[{\"uid\":{\"type\":\"U\",\"id\":\"a\"},\"attrs\":{\"n\":1},\"parents\":[]}]";
	cedar_policies *ps;
	cedar_entities *es;
	cedar_partial *p;
	const cedar_request rq = { .principal = cedar_uid_of(cedar_z("U"), cedar_z("a")),
		.action = cedar_uid_of(cedar_z("Action"), cedar_z("v")) };
	REQUIRE(cedar_policies_parse(cedar_z(policies), NULL, &ps, NULL) == CEDAR_OK);
	REQUIRE(cedar_entities_parse_json(cedar_z(entities), &es, NULL) == CEDAR_OK);
	REQUIRE(cedar_partial_new(ps, es, &rq, CEDAR_RESOURCE, &p, NULL) == CEDAR_OK);
	CHECK(cedar_partial_left(p) == 3);
	cedar_partial_free(p);
	cedar_policies_free(ps);
	cedar_entities_free(es);
}

MAIN()
