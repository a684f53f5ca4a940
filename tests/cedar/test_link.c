/* The cases of link.txt; what a linked policy says about itself; limits. */
#include <stdio.h>

#include "base/buf.h"
#include "base/json.h"
#include "tests/cedar/text.h"
#include "tests/harness.h"

static struct rv_str ids(struct rv_buf *b, const cedar_policies *ps, const uint32_t *list, size_t n)
{
	rv_buf_clear(b);
	for (size_t i = 0; i < n; i++) {
		cedar_str id = cedar_policy_at(ps, list[i])->id;
		rv_buf_printf(b, "%s%.*s", i ? " " : "", RV_FMT(id));
	}
	return rv_buf_str(b);
}

static void check_answer(
	struct rv_str head, struct rv_str body, const cedar_policies *ps, const cedar_answer *ans)
{
	RV_AUTO_BUF b;
	uint32_t errors[16];
	rv_buf_init(&b, 1 << 16);
	REQUIRE(ans->n_errors <= RV_COUNT(errors));
	for (size_t i = 0; i < ans->n_errors; i++)
		errors[i] = ans->errors[i].policy;
	CHECKF(ans->decision ==
			(rv_str_eqz(text_section(body, "want"), "allow") ? CEDAR_ALLOW
									 : CEDAR_DENY),
		"%.*s: decision", RV_FMT(head));
	CHECKF(rv_str_eq(ids(&b, ps, ans->permits, ans->n_permits), text_section(body, "permits")),
		"%.*s: permits: %s", RV_FMT(head), rv_buf_z(&b));
	CHECKF(rv_str_eq(ids(&b, ps, ans->forbids, ans->n_forbids), text_section(body, "forbids")),
		"%.*s: forbids: %s", RV_FMT(head), rv_buf_z(&b));
	CHECKF(rv_str_eq(ids(&b, ps, errors, ans->n_errors), text_section(body, "errors")),
		"%.*s: errors: %s", RV_FMT(head), rv_buf_z(&b));
}

static void run_case(struct rv_str head, struct rv_str body, bool no_index)
{
	cedar_error e = { .code = CEDAR_OK };
	cedar_scratch *s = cedar_scratch_new();
	cedar_policies *ps = NULL;
	cedar_entities *es = NULL;
	cedar_policies_opts opts = { .no_index = no_index };
	cedar_request rq;
	cedar_answer ans;
	struct rv_str want = text_section(body, "fail");
	REQUIRE(s);
	bool ok = cedar_links_parse_json(s, cs(text_section(body, "links")), &opts.links,
			  &opts.n_links, &e) == CEDAR_OK &&
		cedar_policies_parse(cs(text_section(body, "policies")), &opts, &ps, &e) ==
			CEDAR_OK;
	CHECKF(ok == !want.p, "%.*s: %s", RV_FMT(head), e.message);
	if (want.p)
		CHECKF(memmem(e.message, strlen(e.message), want.p, want.n) != NULL,
			"%.*s: got '%s'", RV_FMT(head), e.message);
	if (ok && !want.p) {
		REQUIRE(cedar_entities_parse_json(cs(text_section(body, "entities")), &es, &e) ==
			CEDAR_OK);
		REQUIRE(cedar_request_parse_json(s, cs(text_section(body, "request")), &rq, &e) ==
			CEDAR_OK);
		cedar_authorize(ps, es, &rq, s, &ans);
		check_answer(head, body, ps, &ans);
	}
	cedar_entities_free(es);
	cedar_policies_free(ps);
	cedar_scratch_free(s);
}

TEST(cases_with_and_without_the_index)
{
	for (int walk = 0; walk < 2; walk++) {
		RV_AUTO_ARENA a;
		rv_arena_init(&a, 1 << 20);
		struct rv_str rest, head, body;
		size_t n = 0;
		REQUIRE(text_read(&a, "link.txt", &rest));
		for (; text_case(&rest, &head, &body); n++)
			run_case(head, body, walk);
		CHECK(n > 25);
	}
}

static const char two[] =
	"@id(\"t\") @note(\"x\") forbid(principal in ?principal, action, resource);"
	"permit(principal, action, resource);";

TEST(a_link_tells_what_it_was_made_of)
{
	cedar_error e = { .code = CEDAR_OK };
	cedar_policies *ps;
	const cedar_uid who = cedar_uid_of(cedar_z("User"), cedar_z("a"));
	char id[] = "mine";
	const cedar_link link = { cedar_z("t"), cedar_z(id), &who, NULL };
	const cedar_policies_opts opts = { .links = &link, .n_links = 1 };
	const cedar_source src = { .text = cedar_z(two), .use_id_annotation = true };
	REQUIRE(cedar_policies_new(&src, 1, &opts, &ps, NULL, &e) == CEDAR_OK);
	id[0] = 'x'; /* the set has copies */
	CHECK(cedar_policies_count(ps) == 3);
	size_t at = cedar_policy_find(ps, cedar_z("mine"));
	REQUIRE(at == 2);
	const cedar_policy_info *t = cedar_policy_at(ps, 0), *l = cedar_policy_at(ps, at);
	CHECK(t->is_template && !t->is_linked);
	CHECK(!l->is_template && l->is_linked && l->template_index == 0 && l->is_forbid);
	CHECK(l->slot_principal && l->slot_principal != &who && !l->slot_resource);
	CHECK(rv_str_eqz((struct rv_str){ l->slot_principal->id.p, l->slot_principal->id.n }, "a"));
	CHECK(cedar_annotation_get(l, "note").n == 1 && l->text.p == t->text.p);
	CHECK(!cedar_policy_at(ps, 1)->is_linked);
	cedar_policies_free(ps);
}

TEST(what_fails_names_the_links)
{
	cedar_error e = { .code = CEDAR_OK };
	cedar_policies *ps = NULL;
	size_t source = 9;
	const cedar_link link = { cedar_z("no"), cedar_z("l"), NULL, NULL };
	cedar_policies_opts opts = { .links = &link, .n_links = 1 };
	const cedar_source src = { .text = cedar_z(two) };
	CHECK(cedar_policies_new(&src, 1, &opts, &ps, &source, &e) == CEDAR_ELINK);
	CHECK(source == 1 && e.code == CEDAR_ELINK && !ps);
	opts.no_templates = true;
	e.code = CEDAR_OK;
	CHECK(cedar_policies_new(&src, 1, &opts, &ps, &source, &e) == CEDAR_EPARSE && source == 0);
}

/* Links count as policies: limit - 1, limit, limit + 1. */
TEST(links_count)
{
	const cedar_uid who = cedar_uid_of(cedar_z("User"), cedar_z("a"));
	const cedar_link links[] = { { cedar_z("policy0"), cedar_z("a"), &who, NULL },
		{ cedar_z("policy0"), cedar_z("b"), &who, NULL } };
	for (size_t max = 3; max <= 5; max++) {
		cedar_error e = { .code = CEDAR_OK };
		cedar_policies *ps = NULL;
		const cedar_policies_opts opts = {
			.max_policies = max, .links = links, .n_links = 2
		};
		cedar_code code = cedar_policies_parse(cedar_z(two), &opts, &ps, &e);
		CHECK(code == (max < 4 ? CEDAR_ELIMIT : CEDAR_OK));
		cedar_policies_free(ps);
	}
}

/* ---- the template sets of the OOPSLA workloads, answers by the reference's wasm ---- */

static bool has_all(
	const cedar_policies *ps, const uint32_t *got, size_t n, const struct rv_json *want)
{
	if (want->n_items != n)
		return false;
	for (size_t i = 0; i < n; i++) {
		cedar_str id = cedar_policy_at(ps, got[i])->id;
		bool found = false;
		for (size_t k = 0; k < n && !found; k++)
			found = rv_str_eq(want->items[k]->str, (struct rv_str){ id.p, id.n });
		if (!found)
			return false;
	}
	return true;
}

static const struct rv_json *read_json(struct rv_arena *a, const char *path)
{
	static const struct rv_json_limits limits = { .max_bytes = 1 << 26 };
	struct rv_str text;
	const struct rv_json *v = NULL;
	if (!text_read_shared(a, path, &text) || rv_json_parse(a, text, &limits, &v, NULL) != RV_OK)
		return NULL;
	return v;
}

static cedar_uid uid_of(const struct rv_json *v, const char *name)
{
	const struct rv_json *u = rv_json_get(v, name);
	return cedar_uid_of(cs(rv_json_get(u, "type")->str), cs(rv_json_get(u, "id")->str));
}

static void ask_all(const char *name, const cedar_policies *ps, const cedar_entities *es,
	const struct rv_json *requests, const struct rv_json *answers)
{
	cedar_scratch *s = cedar_scratch_new();
	REQUIRE(s && requests && answers && requests->n_items == answers->n_items);
	for (size_t i = 0; i < requests->n_items; i++) {
		const struct rv_json *want = answers->items[i];
		const cedar_request rq = { uid_of(requests->items[i], "principal"),
			uid_of(requests->items[i], "action"),
			uid_of(requests->items[i], "resource"), { 0 }, NULL, 0 };
		cedar_answer ans;
		cedar_authorize(ps, es, &rq, s, &ans);
		bool allow = ans.decision == CEDAR_ALLOW;
		CHECKF(rv_str_eqz(rv_json_get(want, "decision")->str, allow ? "allow" : "deny") &&
				has_all(ps, allow ? ans.permits : ans.forbids,
					allow ? ans.n_permits : ans.n_forbids,
					rv_json_get(want, "reason")) &&
				ans.n_errors == rv_json_get(want, "errors")->n_items,
			"%s: request %zu", name, i);
		cedar_scratch_clear(s);
	}
	cedar_scratch_free(s);
}

static void run_workload(struct rv_str path, struct rv_arena *a, size_t *n)
{
	char dir[300], name[400];
	struct rv_str set, entities;
	cedar_error e = { .code = CEDAR_OK };
	cedar_policies *ps;
	cedar_entities *es;
	snprintf(dir, sizeof dir, "%.*s", (int)(path.n - strlen("policyset.ffi.json")), path.p);
	REQUIRE(text_read_shared(a, path.p, &set));
	snprintf(name, sizeof name, "%sentities.json", dir);
	REQUIRE(text_read_shared(a, name, &entities));
	const cedar_source src = { .text = cs(set), .is_json = true };
	cedar_code code = cedar_policies_new(&src, 1, NULL, &ps, NULL, &e);
	CHECKF(code == CEDAR_OK, "%s: %s", dir, e.message);
	REQUIRE(code == CEDAR_OK);
	REQUIRE(cedar_entities_parse_json(cs(entities), &es, &e) == CEDAR_OK);
	snprintf(name, sizeof name, "%srequests.json", dir);
	const struct rv_json *requests = read_json(a, name);
	snprintf(name, sizeof name, "%sexpected.cedar-wasm-4.13.0.json", dir);
	ask_all(dir, ps, es, requests, read_json(a, name));
	*n += requests->n_items;
	cedar_entities_free(es);
	cedar_policies_free(ps);
}

TEST(the_shared_template_workloads_agree)
{
	size_t n = text_shared_each("policyset.ffi.json", run_workload);
	if (n == SIZE_MAX)
		SKIP("no shared data");
	CHECKF(n == 3000, "%zu requests", n);
}

MAIN()
