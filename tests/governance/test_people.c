#include "tests/governance/fixture.h"

static int64_t rights_of(struct fixture *f, const char *name)
{
	const struct rv_snapshot *s = rv_snapshot_get(f->gov);
	const struct rv_snap_person *p = rv_snap_person(s, rv_str_of(name));
	int64_t r = p && p->active ? p->rights : -1;
	rv_snapshot_unref(s);
	return r;
}

TEST(first_admin_comes_once_from_the_link)
{
	struct fixture f;
	fixture_open(&f, false);
	char hash[128];
	struct rv_str who;
	REQUIRE_OK(rv_password_hash(f.gov, RV_STR("correct horse"), hash, &f.err), &f.err);
	CHECK_CODE(&f, AS(&f, NULL, rv_invite_use, RV_STR("rvi_guess"), hash, &who), RV_EAUTH);
	make_admin(&f);
	CHECK(rights_of(&f, "ada") == (RV_RIGHT_ADMIN | RV_RIGHT_GOVERNOR | RV_RIGHT_OWNER));
	/* The link again. */
	struct rv_str token;
	char path[128];
	snprintf(path, sizeof path, "%s/first-admin", f.dir);
	FILE *file = fopen(path, "r");
	REQUIRE(file);
	char text[128] = "";
	REQUIRE(fgets(text, sizeof text, file));
	fclose(file);
	token = rv_str_trim(rv_str_of(text));
	CHECK_CODE(&f, AS(&f, NULL, rv_invite_use, token, hash, &who), RV_EAUTH);
	fixture_done(&f);
}

TEST(the_link_ends_after_an_hour)
{
	struct fixture f;
	fixture_open(&f, false);
	char hash[128], path[128], text[128] = "";
	struct rv_str who;
	snprintf(path, sizeof path, "%s/first-admin", f.dir);
	FILE *file = fopen(path, "r");
	REQUIRE(file && fgets(text, sizeof text, file));
	fclose(file);
	REQUIRE_OK(rv_password_hash(f.gov, RV_STR("correct horse"), hash, &f.err), &f.err);
	rv_clock_advance(&f.clock, 3600 * RV_NS_PER_S);
	CHECK_CODE(&f, AS(&f, NULL, rv_invite_use, rv_str_trim(rv_str_of(text)), hash, &who),
		RV_EAUTH);
	fixture_done(&f);
}

TEST(login)
{
	struct fixture f;
	fixture_open(&f, false);
	make_people(&f);
	struct rv_str hash, decoy, token;
	int64_t expires;
	struct rv_err err = { 0 };
	CHECK_OK(&f, AS(&f, NULL, rv_login_find, RV_STR("ada"), &hash));
	CHECK(rv_password_verify(hash.p, RV_STR("correct horse"), &err) == RV_OK);
	CHECK(rv_password_verify(hash.p, RV_STR("correct hors"), NULL) == RV_EAUTH);
	CHECK(rv_password_verify(hash.p, RV_STR(""), NULL) == RV_EAUTH);
	CHECK_OK(&f, AS(&f, NULL, rv_login_find, RV_STR("nobody"), &decoy));
	CHECK(rv_str_starts(decoy, RV_STR("$argon2id$v=19$m=8,t=1,p=1$")));
	CHECK(rv_password_verify(decoy.p, RV_STR("correct horse"), NULL) == RV_EAUTH);
	/* gus has no password yet: the answer looks like a wrong one. */
	CHECK_OK(&f, AS(&f, NULL, rv_login_find, RV_STR("gus"), &decoy));
	CHECK(rv_str_starts(decoy, RV_STR("$argon2id$")));
	CHECK_OK(&f, AS(&f, NULL, rv_session_open, RV_STR("ada"), hash, 0, &token, &expires));
	CHECK(expires == rv_gov_now(f.gov) + 12 * 3600 * RV_NS_PER_S);
	CHECK_CODE(&f,
		AS(&f, NULL, rv_session_open, RV_STR("ada"), RV_STR("x"), 0, &token, &expires),
		RV_EAUTH);
	const struct rv_snapshot *s = rv_snapshot_get(f.gov);
	const struct rv_snap_credential *c = rv_snap_token(s, token, rv_gov_now(f.gov));
	CHECK(c && c->kind == RV_CRED_SESSION && rv_str_eqz(c->subject, "ada"));
	CHECK(!rv_snap_token(s, token, expires));
	CHECK(!rv_snap_token(s, rv_str_sub(token, 0, token.n - 1), rv_gov_now(f.gov)));
	rv_snapshot_unref(s);
	CHECK(events_of(&f, "session.opened") == 1);
	/* Neither the password nor the token stands in any event. */
	CHECK(!event_has(&f, "session.opened", "correct horse"));
	CHECK(!event_has(&f, "session.opened", token.p));
	fixture_done(&f);
}

TEST(a_changed_password_ends_sessions)
{
	struct fixture f;
	fixture_open(&f, false);
	make_people(&f);
	struct rv_str hash, token;
	int64_t expires;
	char next[128];
	CHECK_OK(&f, AS(&f, NULL, rv_login_find, RV_STR("ada"), &hash));
	CHECK_OK(&f, AS(&f, NULL, rv_session_open, RV_STR("ada"), hash, 0, &token, &expires));
	REQUIRE_OK(rv_password_hash(f.gov, RV_STR("another horse"), next, &f.err), &f.err);
	CHECK_CODE(&f, AS(&f, "gus", rv_person_set_password, RV_STR("ada"), next), RV_EPERM);
	CHECK_OK(&f, AS(&f, "ada", rv_person_set_password, RV_STR("ada"), next));
	const struct rv_snapshot *s = rv_snapshot_get(f.gov);
	CHECK(!rv_snap_token(s, token, rv_gov_now(f.gov)));
	rv_snapshot_unref(s);
	/* A login that was verified against the old one comes too late. */
	CHECK_CODE(&f, AS(&f, NULL, rv_session_open, RV_STR("ada"), hash, 0, &token, &expires),
		RV_EAUTH);
	fixture_done(&f);
}

TEST(invitations)
{
	struct fixture f;
	fixture_open(&f, false);
	make_people(&f);
	struct rv_str one, two, who;
	char hash[128];
	REQUIRE_OK(rv_password_hash(f.gov, RV_STR("correct horse"), hash, &f.err), &f.err);
	CHECK_CODE(&f, AS(&f, "olga", rv_person_invite, RV_STR("rita"), &one), RV_EPERM);
	CHECK_CODE(&f, AS(&f, "gus", rv_person_invite, RV_STR("nobody"), &one), RV_ENOENT);
	CHECK_OK(&f, AS(&f, "gus", rv_person_invite, RV_STR("rita"), &one));
	CHECK_OK(&f, AS(&f, "gus", rv_person_invite, RV_STR("rita"), &two));
	CHECK_CODE(&f, AS(&f, NULL, rv_invite_use, one, hash, &who), RV_EAUTH); /* replaced */
	CHECK_OK(&f, AS(&f, NULL, rv_invite_use, two, hash, &who));
	CHECK_STR(who, "rita");
	CHECK_CODE(&f, AS(&f, NULL, rv_invite_use, two, hash, &who), RV_EAUTH); /* once */
	CHECK_OK(&f, AS(&f, "gus", rv_person_invite, RV_STR("rob"), &one));
	rv_clock_advance(&f.clock, RV_DAY_NS);
	CHECK_CODE(&f, AS(&f, NULL, rv_invite_use, one, hash, &who), RV_EAUTH); /* late */
	CHECK(rv_password_hash(f.gov, RV_STR("short"), hash, NULL) == RV_EINVAL);
	fixture_done(&f);
}

TEST(bootstrap_ends_for_ever_with_the_second_governor)
{
	struct fixture f;
	struct rv_bootstrap b;
	struct rv_apply_report r;
	fixture_open(&f, false);
	make_admin(&f);
	CHECK_OK(&f, AS(&f, "ada", rv_bootstrap_state, &b));
	CHECK(b.is_open && b.may_self_approve);
	CHECK_OK(&f,
		apply_text(&f, "ada", "kind: Person\nname: rob\nspec: {rights: [approver]}\n", NULL,
			&r));
	CHECK(r.items[0].unseparated && r.items[0].result == RV_APPLY_CREATED);
	CHECK(event_has(&f, "admin.person_created", "unseparated"));
	CHECK_OK(&f,
		apply_text(&f, "ada", "kind: Person\nname: gus\nspec: {rights: [governor]}\n", NULL,
			&r));
	CHECK_OK(&f, AS(&f, "ada", rv_bootstrap_state, &b));
	CHECK(!b.is_open && !b.may_self_approve);
	CHECK(events_of(&f, "admin.bootstrap_ended") == 1);
	CHECK_OK(&f,
		apply_text(&f, "ada", "kind: Person\nname: eve\nspec: {rights: [approver]}\n", NULL,
			&r));
	CHECK(r.items[0].result == RV_APPLY_PENDING);
	CHECK(rights_of(&f, "eve") == -1);
	/* Taking the second governor away does not bring it back. */
	CHECK_OK(&f, apply_text(&f, "ada", "kind: Person\nname: gus\nspec: {}\n", NULL, &r));
	CHECK(rights_of(&f, "gus") == 0);
	CHECK_OK(&f, AS(&f, "ada", rv_bootstrap_state, &b));
	CHECK(!b.is_open);
	fixture_done(&f);
}

TEST(bootstrap_self_approval_ends_after_seven_days)
{
	struct fixture f;
	struct rv_bootstrap b;
	struct rv_apply_report r;
	fixture_open(&f, false);
	make_admin(&f);
	rv_clock_advance(&f.clock, 7 * RV_DAY_NS);
	CHECK_OK(&f, AS(&f, "ada", rv_bootstrap_state, &b));
	CHECK(b.is_open && !b.may_self_approve);
	CHECK_OK(&f,
		apply_text(&f, "ada", "kind: Person\nname: rob\nspec: {rights: [approver]}\n", NULL,
			&r));
	CHECK(r.items[0].result == RV_APPLY_PENDING);
	CHECK_CODE(
		&f, AS(&f, "ada", rv_change_decide, rv_str_of(f.id), true, RV_STR("")), RV_EPERM);
	/* The way out: a second governor. */
	CHECK_OK(&f,
		apply_text(&f, "ada", "kind: Person\nname: gus\nspec: {rights: [governor]}\n", NULL,
			&r));
	CHECKF(r.items[0].result == RV_APPLY_CREATED, "%d", r.items[0].result);
	fixture_done(&f);
}

TEST(widening_a_person_needs_two)
{
	struct fixture f;
	struct rv_apply_report r;
	fixture_open(&f, false);
	make_people(&f);
	static const char wide[] =
		"kind: Person\nname: resi\nspec: {rights: [responder, approver]}\n";
	CHECK_CODE(&f, apply_text(&f, "resi", wide, NULL, &r), RV_EPERM);
	CHECK_OK(&f, apply_text(&f, "ada", wide, NULL, &r));
	CHECK(r.items[0].result == RV_APPLY_PENDING && r.items[0].n_fields == 1);
	CHECK(rights_of(&f, "resi") == RV_RIGHT_RESPONDER);
	char first[80];
	snprintf(first, sizeof first, "%s", f.id);
	CHECK_OK(&f, apply_text(&f, "ada", wide, NULL, &r)); /* again: the same change */
	CHECK(strcmp(first, f.id) == 0);
	CHECK_CODE(
		&f, AS(&f, "ada", rv_change_decide, rv_str_of(f.id), true, RV_STR("")), RV_EPERM);
	/* Not even that it is there. */
	CHECK_CODE(
		&f, AS(&f, "rita", rv_change_decide, rv_str_of(f.id), true, RV_STR("")), RV_ENOENT);
	CHECK_CODE(
		&f, AS(&f, "resi", rv_change_decide, rv_str_of(f.id), true, RV_STR("")), RV_ENOENT);
	CHECK_OK(&f, AS(&f, "gus", rv_change_decide, rv_str_of(f.id), true, RV_STR("yes")));
	CHECK(rights_of(&f, "resi") == (RV_RIGHT_RESPONDER | RV_RIGHT_APPROVER));
	CHECK_CODE(&f, AS(&f, "gus", rv_change_decide, rv_str_of(f.id), true, RV_STR("")),
		RV_ECONFLICT);
	/* Narrowing: one, at once. */
	CHECK_OK(&f,
		apply_text(&f, "ada", "kind: Person\nname: resi\nspec: {rights: [responder]}\n",
			NULL, &r));
	CHECK(r.items[0].result == RV_APPLY_CHANGED && !r.items[0].unseparated);
	CHECK(rights_of(&f, "resi") == RV_RIGHT_RESPONDER);
	fixture_done(&f);
}

TEST(nobody_approves_their_own_rights)
{
	struct fixture f;
	struct rv_apply_report r;
	fixture_open(&f, false);
	make_people(&f);
	CHECK_OK(&f,
		apply_text(&f, "ada",
			"kind: Person\nname: gus\nspec: {rights: [governor, admin, approver]}\n",
			NULL, &r));
	CHECK_CODE(
		&f, AS(&f, "gus", rv_change_decide, rv_str_of(f.id), true, RV_STR("")), RV_EPERM);
	fixture_done(&f);
}

TEST(nobody_lets_themselves_into_a_group)
{
	struct fixture f;
	struct rv_apply_report r;
	fixture_open(&f, false);
	make_people(&f);
	CHECK_OK(&f,
		apply_text(&f, "ada", "kind: Group\nname: security\nspec: {members: [rita, gus]}\n",
			NULL, &r));
	CHECK(r.items[0].result == RV_APPLY_PENDING);
	CHECK_CODE(
		&f, AS(&f, "gus", rv_change_decide, rv_str_of(f.id), true, RV_STR("")), RV_EPERM);
	/* Fewer members: at once. */
	CHECK_OK(&f,
		apply_text(
			&f, "ada", "kind: Group\nname: security\nspec: {members: []}\n", NULL, &r));
	CHECK(r.items[0].result == RV_APPLY_CHANGED);
	const struct rv_snapshot *s = rv_snapshot_get(f.gov);
	CHECK(rv_snap_person(s, RV_STR("rita"))->n_groups == 1);
	rv_snapshot_unref(s);
	fixture_done(&f);
}

TEST(a_change_against_something_else_is_refused)
{
	struct fixture f;
	struct rv_apply_report r;
	fixture_open(&f, false);
	make_people(&f);
	CHECK_OK(&f,
		apply_text(&f, "ada",
			"kind: Person\nname: rob\nspec: {rights: [approver, auditor]}\n", NULL,
			&r));
	char change[80];
	snprintf(change, sizeof change, "%s", f.id);
	CHECK_OK(&f, apply_text(&f, "gus", "kind: Person\nname: rob\nspec: {}\n", NULL, &r));
	/* rob was cut down in the meantime: the old proposal must not bring his rights back. */
	CHECK_CODE(&f, AS(&f, "gus", rv_change_decide, rv_str_of(change), true, RV_STR("")),
		RV_ECONFLICT);
	CHECK(rights_of(&f, "rob") == 0);
	fixture_done(&f);
}

TEST(disabling_a_person)
{
	struct fixture f;
	struct rv_str hash, token;
	int64_t expires;
	fixture_open(&f, false);
	make_people(&f);
	CHECK_OK(&f, AS(&f, NULL, rv_login_find, RV_STR("ada"), &hash));
	CHECK_OK(&f, AS(&f, NULL, rv_session_open, RV_STR("ada"), hash, 0, &token, &expires));
	CHECK_CODE(&f, AS(&f, "olga", rv_person_disable, RV_STR("ada"), RV_STR("x")), RV_EPERM);
	CHECK_OK(&f, AS(&f, "gus", rv_person_disable, RV_STR("ada"), RV_STR("left")));
	const struct rv_snapshot *s = rv_snapshot_get(f.gov);
	CHECK(!rv_snap_token(s, token, rv_gov_now(f.gov)));
	rv_snapshot_unref(s);
	CHECK_CODE(&f, AS(&f, "ada", rv_need, RV_RIGHT_ADMIN), RV_EPERM);
	CHECK_CODE(&f, AS(&f, "gus", rv_person_disable, RV_STR("gus"), RV_STR("x")), RV_ECONFLICT);
	/* The name stays taken. */
	CHECK_CODE(&f, apply_text(&f, "gus", "kind: Person\nname: ada\nspec: {}\n", NULL, NULL),
		RV_ECONFLICT);
	fixture_done(&f);
}

TEST(only_people_and_rights_count)
{
	struct fixture f;
	fixture_open(&f, false);
	make_people(&f);
	struct rv_op *op = as_type(&f, RV_ACTOR_SYSTEM, "ada");
	CHECK_CODE(&f, end(&f, rv_need(op, RV_RIGHTS_ALL, &f.err)), RV_EPERM);
	op = as_type(&f, RV_ACTOR_POINT, "ada");
	CHECK_CODE(&f, end(&f, rv_need(op, RV_RIGHTS_ALL, &f.err)), RV_EPERM);
	CHECK_CODE(&f, AS(&f, "nobody", rv_need, RV_RIGHTS_ALL), RV_EPERM);
	CHECK_CODE(&f, AS(&f, "aldo", rv_need, RV_RIGHT_GOVERNOR | RV_RIGHT_ADMIN), RV_EPERM);
	CHECK_OK(&f, AS(&f, "aldo", rv_need, RV_RIGHT_AUDITOR));
	CHECK_CODE(&f, AS(&f, "ada", rv_admin_recover, RV_STR("ada"), &(struct rv_str){ 0 }),
		RV_EPERM);
	struct rv_str token;
	CHECK_CODE(&f, AS(&f, NULL, rv_admin_recover, RV_STR("olga"), &token), RV_EPERM);
	CHECK_OK(&f, AS(&f, NULL, rv_admin_recover, RV_STR("ada"), &token));
	CHECK(events_of(&f, "admin.recovered") == 1);
	fixture_done(&f);
}

MAIN()
