/* Every default that denies, each with a test that fails when it is flipped (tests/gate/flip turns
 * them round one by one and looks). */
#include <stdio.h>

#include "tests/gate/lab.h"
#include "tests/ledger/shim.h"

static const char ALL[] = "permit (principal, action, resource);";

static const struct lab_question LOOK = {
	.asker = "gw", .system = "deploy-bot", .action = "look", .type = "Service", .id = "shop"
};

/* Publishes (unless NULL), asks, and holds the answer to "allow", "hold" or the first word of a
 * denial. */
static void expect(const char *policy, const struct lab_question *q, const char *want)
{
	struct lab l = { .gate = NULL };
	struct lab_answer a;
	lab_open(&l);
	if (policy)
		CHECK_OK(&l.f, lab_publish(&l, policy));
	lab_ask(&l, q, &a);
	const char *got = a.outcome == RV_DENY ? a.first : rv_outcome_name(a.outcome);
	CHECKF(strcmp(got, want) == 0, "want %s, got %s %s %s", want, got, a.text, a.msg);
	lab_done(&l);
}

TEST(a_verdict_is_nothing_a_slip_can_make)
{
	static const int verdicts[] = { RV_DENY, RV_HOLD, RV_ALLOW };
	CHECK(RV_OUTCOME_UNSET == 0);
	for (size_t i = 0; i < RV_COUNT(verdicts); i++) {
		CHECK(__builtin_popcount((unsigned)verdicts[i]) >= 3);
		for (size_t k = 0; k < i; k++)
			CHECK(__builtin_popcount((unsigned)(verdicts[i] ^ verdicts[k])) >= 3);
	}
}

TEST(no_policy_denies)
{
	expect(NULL, &LOOK, "no_permit");
}

TEST(what_is_not_permitted_is_denied)
{
	expect("permit (principal, action == Reeve::Action::\"release\", resource);", &LOOK,
		"no_permit");
}

TEST(a_forbid_that_errs_denies)
{
	expect("permit (principal, action, resource); forbid (principal, action, resource) when { "
	       "9223372036854775807 + 1 == 0 };",
		&LOOK, "policy_error");
}

TEST(an_effect_nobody_described_is_destructive)
{
	struct lab_question q = LOOK;
	q.action = "paint";
	expect("permit (principal, action, resource); @id(\"d\") forbid (principal, action in "
	       "Reeve::Action::\"destructive\", resource);",
		&q, "d");
}

TEST(an_unknown_resource_is_out_of_bounds)
{
	struct lab_question q = LOOK;
	q.id = "new";
	expect(ALL, &q, "unknown_resource");
}

TEST(a_claim_does_not_beat_the_catalogue)
{
	struct lab_question q = LOOK;
	q.props = "{\"environment\":\"staging\"}";
	expect("permit (principal, action, resource) when { resource has environment && "
	       "resource.environment == \"staging\" };",
		&q, "no_permit");
}

TEST(a_claim_does_not_fill_what_is_authoritative)
{
	struct lab_question q = LOOK;
	q.type = "Account";
	q.id = "ads";
	q.props = "{\"environment\":\"staging\"}";
	expect("permit (principal, action, resource) when { resource has environment };", &q,
		"no_permit");
}

TEST(a_claimed_person_is_not_believed)
{
	struct lab_question q = LOOK;
	q.asker = "self";
	q.context = "{\"on_behalf_of\":\"rita\"}";
	expect("permit (principal, action, resource) when { context has on_behalf_of };", &q,
		"no_permit");
}

TEST(a_point_asks_for_its_own_systems_only)
{
	struct lab_question q = LOOK;
	q.asker = "narrow";
	expect(ALL, &q, "not_for_this_point");
}

TEST(a_system_asks_for_itself_only)
{
	struct lab_question q = LOOK;
	q.asker = "system:ads-bot";
	expect(ALL, &q, "not_for_this_point");
}

TEST(an_unknown_system_is_denied)
{
	struct lab_question q = LOOK;
	q.system = "ghost";
	expect(ALL, &q, "unregistered");
}

TEST(a_limit_denies_unless_it_says_hold)
{
	struct lab_question q = { .asker = "gw",
		.system = "ads-bot",
		.action = "spend",
		.type = "Account",
		.id = "ads",
		.context = "{\"amount\":\"100.0001\"}" };
	expect(ALL, &q, "limit_exceeded");
}

TEST(a_point_that_asks_for_the_process_credential_gets_it)
{
	struct lab_question q = LOOK;
	q.asker = "strict";
	expect(ALL, &q, "no_credential");
}

TEST(a_child_has_no_more_than_its_parent)
{
	struct lab_question q = LOOK;
	q.system = "sub-bot";
	expect("permit (principal == Reeve::System::\"sub-bot\", action, resource);", &q,
		"no_permit");
}

/* ---- the log ---- */

TEST(no_log_no_answer)
{
	struct lab l = { .gate = NULL };
	struct shim s;
	struct lab_answer a;
	shim_init(&s);
	l.f.io = &s.io;
	lab_open(&l);
	CHECK_OK(&l.f, lab_publish(&l, ALL));
	shim_kill(&s);
	lab_ask(&l, &LOOK, &a);
	CHECK(a.outcome == RV_DENY && strcmp(a.first, "audit_unavailable") == 0);
	lab_done(&l);
	shim_done(&s);
}

static void only_deny(void *arg, const struct rv_gate_answer *a)
{
	CHECK(a->outcome == RV_DENY && a->code != RV_OK);
	++*(int *)arg;
}

TEST(no_memory_no_answer)
{
	struct lab l = { .gate = NULL };
	lab_open(&l);
	CHECK_OK(&l.f, lab_publish(&l, ALL));
	/* Every size at which the request's memory can end, until it is enough. */
	for (size_t size = 1; size <= 1 << 12; size *= 2) {
		RV_AUTO_ARENA a;
		int n = 0;
		rv_arena_init(&a, size);
		const struct rv_gate_ask ask = { .caller = { .type = RV_ACTOR_POINT,
							 .id = RV_STR_INIT("gw") },
			.subject_type = RV_STR_INIT("System"),
			.subject_id = RV_STR_INIT("deploy-bot"),
			.action = RV_STR_INIT("look"),
			.resource_type = RV_STR_INIT("Service"),
			.resource_id = RV_STR_INIT("shop") };
		rv_gate_decide(l.gate, &a, &ask, only_deny, &n);
		CHECK(n == 1);
	}
	lab_done(&l);
}

/* ---- who may act: every state but one ---- */

TEST(only_active_systems_act)
{
	static const struct {
		const char *name, *state;
		bool may;
	} rows[] = {
		{ "s-draft", "draft", false },
		{ "s-submitted", "submitted", false },
		{ "s-approved", "approved", false },
		{ "s-active", "active", true },
		{ "s-suspended", "suspended", false },
		{ "s-offboarding", "offboarding", false },
		{ "s-retired", "retired", false },
		{ "s-rejected", "rejected", false },
	};
	struct lab l = { .gate = NULL };
	const struct rv_apply_opts draft = { .dry_run = false };
	lab_open(&l);
	CHECK_OK(&l.f, lab_publish(&l, ALL));
	for (size_t i = 0; i < RV_COUNT(rows); i++) {
		char yaml[600];
		struct rv_str s = rv_str_of(rows[i].name);
		struct rv_issued cred;
		struct lab_answer a;
		struct rv_db_system row;
		snprintf(yaml, sizeof yaml,
			"kind: System\nname: %s\nspec:\n  class: agent\n  owner: olga\n"
			"  dimensions: {trigger: 1, persistence: 1, autonomy: 1, scope: 1, "
			"identity: 1}\n"
			"  purpose: is there\n  actions: {autonomous: [look]}\n",
			rows[i].name);
		CHECK_OK(&l.f, apply_text(&l.f, "olga", yaml, &draft, NULL));
		if (i >= 1)
			CHECK_OK(&l.f, AS(&l.f, "olga", rv_system_submit, s));
		if (i == 7)
			CHECK_OK(&l.f, AS(&l.f, "gus", rv_system_reject, s, 0, RV_STR("no")));
		if (i >= 2 && i <= 6)
			CHECK_OK(&l.f, AS(&l.f, "gus", rv_system_approve, s, 0, RV_STR("ok")));
		if (i >= 3 && i <= 6) {
			CHECK_OK(&l.f,
				AS(&l.f, "olga", rv_credential_issue, RV_CRED_SYSTEM, s, RV_STR(""),
					RV_DAY_NS, &cred));
			CHECK_OK(&l.f, AS(&l.f, "olga", rv_system_activate, s));
		}
		if (i == 4)
			CHECK_OK(&l.f, AS(&l.f, "olga", rv_system_suspend, s, RV_STR("")));
		if (i == 5 || i == 6)
			CHECK_OK(&l.f, AS(&l.f, "olga", rv_system_offboard, s, RV_STR("")));
		if (i == 6)
			CHECK_OK(&l.f, AS(&l.f, "gus", rv_system_retire, s, false));
		CHECK_OK(&l.f, AS(&l.f, "gus", rv_system_get, s, &row, NULL));
		CHECK_STR(row.state, rows[i].state);
		struct lab_question q = LOOK;
		q.system = rows[i].name;
		lab_ask(&l, &q, &a);
		CHECKF((a.outcome == RV_ALLOW) == rows[i].may, "%s: %s %s", rows[i].state, a.text,
			a.msg);
	}
	lab_done(&l);
}

/* ---- credentials ---- */

static const struct rv_snap_credential *look_up(struct lab *l, struct rv_str token)
{
	const struct rv_snapshot *s = rv_snapshot_get(l->f.gov);
	const struct rv_snap_credential *c = rv_snap_token(s, token, rv_gov_now(l->f.gov));
	rv_snapshot_unref(s);
	return c;
}

TEST(every_credential_ends)
{
	struct lab l = { .gate = NULL };
	struct rv_issued cred;
	struct rv_str s = RV_STR("deploy-bot");
	static const struct {
		int64_t ttl_ns;
		enum rv_code want;
	} rows[] = { { 0, RV_EINVAL }, { -1, RV_EINVAL }, { 366 * RV_DAY_NS + 1, RV_EINVAL },
		{ 366 * RV_DAY_NS, RV_OK }, { 1, RV_OK } };
	lab_open(&l);
	for (size_t i = 0; i < RV_COUNT(rows); i++)
		CHECK_CODE(&l.f,
			AS(&l.f, "olga", rv_credential_issue, RV_CRED_SYSTEM, s, RV_STR(""),
				rows[i].ttl_ns, &cred),
			rows[i].want);
	CHECK_OK(&l.f,
		AS(&l.f, "olga", rv_credential_issue, RV_CRED_SYSTEM, s, RV_STR(""), RV_DAY_NS,
			&cred));
	CHECK(look_up(&l, cred.token));
	rv_clock_advance(&l.f.clock, RV_DAY_NS - 1);
	CHECK(look_up(&l, cred.token));
	rv_clock_advance(&l.f.clock, 1);
	CHECK(!look_up(&l, cred.token));
	lab_done(&l);
}

TEST(a_session_ends_after_twelve_hours)
{
	struct lab l = { .gate = NULL };
	struct rv_str hash, token;
	int64_t expires;
	lab_open(&l);
	CHECK_OK(&l.f, AS(&l.f, NULL, rv_login_find, RV_STR("ada"), &hash));
	CHECK_OK(&l.f,
		AS(&l.f, NULL, rv_session_open, RV_STR("ada"), hash, 365 * RV_DAY_NS, &token,
			&expires));
	CHECK(look_up(&l, token));
	rv_clock_advance(&l.f.clock, 12 * 3600 * RV_NS_PER_S);
	CHECK(!look_up(&l, token));
	lab_done(&l);
}

TEST(a_token_of_another_kind_is_none)
{
	struct lab l = { .gate = NULL };
	struct rv_issued cred, point;
	struct lab_answer a;
	char token[64];
	lab_open(&l);
	CHECK_OK(&l.f, lab_publish(&l, ALL));
	CHECK_OK(&l.f,
		AS(&l.f, "olga", rv_credential_issue, RV_CRED_SYSTEM, RV_STR("deploy-bot"),
			RV_STR(""), RV_DAY_NS, &cred));
	CHECK_OK(&l.f,
		AS(&l.f, "gus", rv_credential_issue, RV_CRED_POINT, RV_STR("gw"), RV_STR(""),
			RV_DAY_NS, &point));
	snprintf(token, sizeof token, "rvp_%.*s", RV_FMT(rv_str_sub(cred.token, 4, cred.token.n)));
	CHECK(!look_up(&l, rv_str_of(token)));
	snprintf(token, sizeof token, "rvh_%.*s", RV_FMT(rv_str_sub(cred.token, 4, cred.token.n)));
	CHECK(!look_up(&l, rv_str_of(token)));
	/* As the subject's own: the system's is right, the point's, another's, a made-up one are
	 * not. */
	const struct {
		const char *system, *token, *want;
	} rows[] = {
		{ "deploy-bot", cred.token.p, "" },
		{ "deploy-bot", point.token.p, "no_credential" },
		{ "ads-bot", cred.token.p, "no_credential" },
		{ "deploy-bot", "rvs_0123456789012345678901234567890123456789012",
			"no_credential" },
		{ "deploy-bot", "x", "no_credential" },
	};
	for (size_t i = 0; i < RV_COUNT(rows); i++) {
		struct lab_question q = LOOK;
		q.asker = "strict";
		q.system = rows[i].system;
		q.token = rows[i].token;
		lab_ask(&l, &q, &a);
		CHECKF((a.outcome == RV_ALLOW) == !rows[i].want[0] &&
				(!rows[i].want[0] || strcmp(a.first, rows[i].want) == 0),
			"row %zu: %s", i, a.text);
	}
	lab_done(&l);
}

/* ---- people ---- */

TEST(a_new_person_has_no_right)
{
	struct lab l = { .gate = NULL };
	struct rv_str change;
	struct rv_hold h;
	int64_t n;
	const struct rv_selector all = { .all = true };
	lab_open(&l);
	CHECK_OK(&l.f, lab_publish(&l, ALL));
	CHECK_OK(&l.f, lab_apply(&l, "kind: Person\nname: newt\nspec: {}\n"));
	struct rv_str s = RV_STR("deploy-bot");
	CHECK_CODE(&l.f, AS(&l.f, "newt", rv_system_suspend, s, RV_STR("")), RV_ENOENT);
	CHECK_CODE(&l.f, AS(&l.f, "newt", rv_freeze, &all, RV_STR(""), &n), RV_ENOENT);
	CHECK_CODE(&l.f, AS(&l.f, "newt", rv_system_get, s, &(struct rv_db_system){ 0 }, NULL),
		RV_ENOENT);
	CHECK_CODE(&l.f, AS(&l.f, "newt", rv_policy_remove, RV_STR("case"), &change), RV_EPERM);
	CHECK_CODE(&l.f,
		AS(&l.f, "newt", rv_policy_get, RV_STR("case"), 0,
			&(struct rv_db_policy_version){ 0 }),
		RV_ENOENT);
	CHECK_CODE(&l.f, AS(&l.f, "newt", rv_hold_get, RV_STR("x"), &h), RV_ENOENT);
	CHECK_CODE(&l.f, apply_text(&l.f, "newt", "kind: Role\nname: r\nspec: {}\n", NULL, NULL),
		RV_EPERM);
	lab_done(&l);
}

TEST(an_approval_lives_an_hour_unless_it_says_so)
{
	struct lab l = { .gate = NULL };
	struct lab_answer a;
	struct rv_hold h;
	lab_open(&l);
	CHECK_OK(&l.f,
		lab_publish(&l,
			"@approval(\"release-managers\") forbid (principal, action, "
			"resource); permit (principal, action, resource);"));
	lab_ask(&l, &LOOK, &a);
	REQUIRE(a.outcome == RV_HOLD);
	CHECK_OK(&l.f,
		AS(&l.f, "rita", rv_hold_vote, rv_str_of(a.approval), rv_str_of(a.digest), true,
			RV_STR(""), &h));
	CHECK(h.row.use_until_ns == rv_gov_now(l.f.gov) + 3600 * RV_NS_PER_S);
	CHECK(h.row.expires_ns == h.row.created_ns + 7 * RV_DAY_NS);
	rv_clock_advance(&l.f.clock, 3600 * RV_NS_PER_S);
	lab_ask(&l, &LOOK, &a);
	CHECK(a.outcome == RV_HOLD);
	lab_done(&l);
}

/* ada alone: a system and a permit, both good for seven days; gus confirms the system only. */
TEST(a_lapsed_permit_gives_nothing)
{
	struct lab l = { .gate = NULL };
	struct lab_answer a;
	struct rv_err err = { 0 };
	const struct rv_apply_opts submit = { .submit = true };
	struct rv_str bot = RV_STR("bot");
	fixture_open(&l.f, true);
	REQUIRE_OK(rv_gate_new(l.f.gov, l.f.ledger, &l.gate, &err), &err);
	make_admin(&l.f);
	CHECK_OK(&l.f,
		apply_text(&l.f, "ada",
			"kind: Policy\nname: p\nspec: {cedar: 'permit (principal, action, "
			"resource);'}\n---\n"
			"kind: System\nname: bot\nspec:\n  class: assistant\n  owner: ada\n"
			"  dimensions: {trigger: 0, persistence: 0, autonomy: 0, scope: 0, "
			"identity: 0}\n  purpose: helps\n"
			"  usage_policy: {version: '1', text: Be kind.}\n",
			&submit, NULL));
	CHECK_OK(&l.f, AS(&l.f, "ada", rv_system_approve, bot, 0, RV_STR("")));
	CHECK_OK(&l.f, AS(&l.f, "ada", rv_system_activate, bot));
	const struct lab_question q = {
		.asker = "self", .system = "bot", .action = "look", .type = "Service", .id = "x"
	};
	lab_ask(&l, &q, &a);
	CHECKF(a.outcome == RV_ALLOW, "%s %s", a.text, a.msg);
	rv_clock_advance(&l.f.clock, 7 * RV_DAY_NS - 1);
	lab_ask(&l, &q, &a);
	CHECK(a.outcome == RV_ALLOW);
	rv_clock_advance(&l.f.clock, 1);
	lab_ask(&l, &q, &a);
	CHECK(a.outcome == RV_DENY && strcmp(a.first, "not_active") == 0);
	CHECK_OK(&l.f,
		apply_text(&l.f, "ada", "kind: Person\nname: gus\nspec: {rights: [governor]}\n",
			NULL, NULL));
	CHECK_OK(&l.f, AS(&l.f, "gus", rv_system_approve, bot, 0, RV_STR("looked at")));
	lab_ask(&l, &q, &a);
	CHECKF(a.outcome == RV_DENY && strcmp(a.first, "no_permit") == 0, "%s", a.text);
	CHECK_OK(&l.f,
		apply_text(&l.f, "gus",
			"kind: Policy\nname: p\nspec: {cedar: 'permit (principal, action, "
			"resource);'}\n",
			NULL, NULL));
	lab_ask(&l, &q, &a);
	CHECKF(a.outcome == RV_ALLOW, "%s", a.text);
	lab_done(&l);
}

TEST(no_more_waits_than_people_can_look_at)
{
	struct lab l = { .gate = NULL };
	struct lab_answer a;
	lab_open(&l);
	CHECK_OK(&l.f,
		lab_publish(&l,
			"@approval(\"release-managers\") forbid (principal, action, "
			"resource); permit (principal, action, resource);"));
	for (int i = 0; i <= 200; i++) {
		char context[60];
		struct lab_question q = LOOK;
		snprintf(context, sizeof context, "{\"arguments\":{\"n\":%d}}", i);
		q.context = context;
		lab_ask(&l, &q, &a);
		if (i < 200 && a.outcome != RV_HOLD)
			test_fail(__FILE__, __LINE__, "%d: %s %s", i, a.text, a.msg);
	}
	CHECKF(a.outcome == RV_DENY && strcmp(a.first, "too_many_waiting") == 0, "%s %s", a.text,
		a.msg);
	CHECK(lab_logged(&l, "decision", "too_many_waiting") == 1);
	lab_ask(&l, &LOOK, &a); /* without arguments: another one, denied as well */
	CHECK(a.outcome == RV_DENY);
	/* The one that waits already is found again. */
	struct lab_question q = LOOK;
	q.context = "{\"arguments\":{\"n\":7}}";
	lab_ask(&l, &q, &a);
	CHECK(a.outcome == RV_HOLD);
	lab_done(&l);
}

TEST(what_one_person_published_alone_lapses)
{
	struct fixture f;
	struct rv_apply_report r;
	struct rv_bootstrap b;
	fixture_open(&f, false);
	make_admin(&f);
	CHECK_OK(&f,
		apply_text(&f, "ada",
			"kind: Policy\nname: p\nspec: {cedar: 'permit (principal, action, "
			"resource);'}\n",
			NULL, &r));
	CHECK(r.items[0].unseparated);
	const struct rv_snapshot *s = rv_snapshot_get(f.gov);
	CHECK(rv_snap_note(s, 0)->unseparated_until_ns == rv_gov_now(f.gov) + 7 * RV_DAY_NS);
	rv_snapshot_unref(s);
	/* The same person again takes nothing away; another does. */
	CHECK_OK(&f,
		apply_text(&f, "ada",
			"kind: Policy\nname: p\nspec: {cedar: 'permit (principal, action, "
			"resource);'}\n",
			NULL, &r));
	CHECK(r.items[0].result == RV_APPLY_UNCHANGED);
	rv_clock_advance(&f.clock, 7 * RV_DAY_NS);
	CHECK_OK(&f, AS(&f, "ada", rv_bootstrap_state, &b));
	CHECK(b.is_open && !b.may_self_approve);
	CHECK_OK(&f,
		apply_text(&f, "ada", "kind: Person\nname: gus\nspec: {rights: [governor]}\n", NULL,
			&r));
	CHECK_OK(&f,
		apply_text(&f, "gus",
			"kind: Policy\nname: p\nspec: {cedar: 'permit (principal, action, "
			"resource);'}\n",
			NULL, &r));
	CHECK(r.items[0].result == RV_APPLY_CHANGED);
	s = rv_snapshot_get(f.gov);
	CHECK(rv_snap_note(s, 0)->unseparated_until_ns == 0);
	rv_snapshot_unref(s);
	fixture_done(&f);
}

int main(int argc, char **argv)
{
	int status = test_main(argc, argv);
	lab_end();
	return status;
}
