/* Whole requests of authz.txt, with the index and without; and what an answer promises. */
#include <stdio.h>

#include "base/buf.h"
#include "tests/cedar/text.h"
#include "tests/harness.h"

static void add_ids(struct rv_buf *b, const cedar_policies *ps, const uint32_t *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		cedar_str id = cedar_policy_at(ps, list[i])->id;
		rv_buf_printf(b, "%s%.*s", i ? " " : "", RV_FMT(id));
	}
}

static void check_ids(struct rv_str head, const char *what, struct rv_str body,
	const cedar_policies *ps, const uint32_t *list, size_t n)
{
	RV_AUTO_BUF b;
	rv_buf_init(&b, 1 << 20);
	add_ids(&b, ps, list, n);
	struct rv_str want = text_section(body, what), got = rv_buf_str(&b);
	CHECKF(rv_str_eq(got, want), "%.*s: %s: want '%.*s', got '%.*s'", RV_FMT(head), what,
		RV_FMT(want), RV_FMT(got));
}

static void run_case(struct rv_str head, struct rv_str body, bool no_index)
{
	cedar_error e = { .code = CEDAR_OK };
	cedar_policies *ps = NULL;
	cedar_entities *es = NULL;
	cedar_scratch *s = cedar_scratch_new();
	cedar_request rq;
	cedar_answer ans;
	uint32_t errors[64];
	const cedar_policies_opts opts = { .no_index = no_index };
	bool ok = s &&
		cedar_policies_parse(cs(text_section(body, "policies")), &opts, &ps, &e) ==
			CEDAR_OK &&
		cedar_entities_parse_json(cs(text_section(body, "entities")), &es, &e) ==
			CEDAR_OK &&
		cedar_request_parse_json(s, cs(text_section(body, "request")), &rq, &e) == CEDAR_OK;
	CHECKF(ok, "%.*s: %u:%u %s", RV_FMT(head), e.line, e.column, e.message);
	if (ok) {
		cedar_authorize(ps, es, &rq, s, &ans);
		for (size_t i = 0; i < ans.n_errors && i < RV_COUNT(errors); i++) {
			errors[i] = ans.errors[i].policy;
			CHECK(ans.errors[i].message.n > 0);
		}
		struct rv_str want = text_section(body, "want");
		CHECKF(ans.decision == (rv_str_eqz(want, "allow") ? CEDAR_ALLOW : CEDAR_DENY),
			"%.*s: decision", RV_FMT(head));
		check_ids(head, "permits", body, ps, ans.permits, ans.n_permits);
		check_ids(head, "forbids", body, ps, ans.forbids, ans.n_forbids);
		check_ids(head, "errors", body, ps, errors, ans.n_errors);
		CHECK(!ans.is_incomplete);
	}
	cedar_scratch_free(s);
	cedar_entities_free(es);
	cedar_policies_free(ps);
}

static void run_file(bool no_index)
{
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 1 << 24);
	struct rv_str rest, head, body;
	size_t n = 0;
	REQUIRE(text_read(&a, "authz.txt", &rest));
	while (text_case(&rest, &head, &body)) {
		run_case(head, body, no_index);
		n++;
	}
	CHECK(n > 10);
}

TEST(cases_with_the_index)
{
	run_file(false);
}

TEST(cases_without_the_index)
{
	run_file(true);
}

/* Entities of one request hide those of the set and have the set's ancestors. */
TEST(an_overlay_holds_for_one_request)
{
	static const char policies[] =
		"permit(principal, action, resource) when { principal.n == 2 };"
		"permit(principal in G::\"top\", action, resource);"
		"permit(principal in G::\"old\", action, resource);"
		"permit(principal, action, resource) when { resource.n == 3 };";
	static const char entities[] =
		"[{\"uid\":{\"type\":\"U\",\"id\":\"a\"},\"attrs\":{\"n\":1},\"parents\":[{"
		"\"type\":"
		"\"G\",\"id\":\"old\"}]},{\"uid\":{\"type\":\"G\",\"id\":\"g\"},\"attrs\":{},"
		"\"parents\":[{\"type\":\"G\",\"id\":\"top\"}]}]";
	for (int walk = 0; walk < 2; walk++) {
		cedar_error e = { .code = CEDAR_OK };
		cedar_policies *ps;
		cedar_entities *es;
		cedar_scratch *s = cedar_scratch_new();
		const cedar_policies_opts opts = { .no_index = walk };
		REQUIRE(s);
		REQUIRE(cedar_policies_parse(cedar_z(policies), &opts, &ps, &e) == CEDAR_OK);
		REQUIRE(cedar_entities_parse_json(cedar_z(entities), &es, &e) == CEDAR_OK);
		cedar_value two, three;
		const cedar_pair n2 = { cedar_z("n"), cedar_long(2) },
				 n3 = { cedar_z("n"), cedar_long(3) };
		REQUIRE(cedar_record_of(s, &n2, 1, &two, &e) == CEDAR_OK);
		REQUIRE(cedar_record_of(s, &n3, 1, &three, &e) == CEDAR_OK);
		const cedar_uid g[] = { cedar_uid_of(cedar_z("G"), cedar_z("g")),
			cedar_uid_of(cedar_z("G"), cedar_z("h")) };
		const cedar_entity overlay[] = {
			{ cedar_uid_of(cedar_z("D"), cedar_z("d")), three, { 0 }, NULL, 0 },
			{ cedar_uid_of(cedar_z("U"), cedar_z("a")), two, { 0 }, g, 2 },
		};
		cedar_request rq = { cedar_uid_of(cedar_z("U"), cedar_z("a")),
			cedar_uid_of(cedar_z("Action"), cedar_z("v")),
			cedar_uid_of(cedar_z("D"), cedar_z("d")), { 0 }, overlay, 2 };
		cedar_answer ans;
		cedar_authorize(ps, es, &rq, s, &ans);
		CHECK(ans.n_permits == 3 && ans.permits[0] == 0 && ans.permits[1] == 1 &&
			ans.permits[2] == 3);
		rq.n_overlay = 0;
		cedar_authorize(ps, es, &rq, s, &ans);
		CHECK(ans.n_permits == 1 && ans.permits[0] == 2 && ans.n_errors == 1);
		cedar_scratch_free(s);
		cedar_entities_free(es);
		cedar_policies_free(ps);
	}
}

MAIN()
