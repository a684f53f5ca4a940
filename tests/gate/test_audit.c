/* The log cannot be written: nothing is allowed, nothing is charged, stops still stop; and when it
 * can again, what was lost is told by a number. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

#include "tests/gate/lab.h"
#include "tests/ledger/shim.h"

static const char PERMIT[] = "permit (principal, action, resource);";

static void disk_fails(struct shim *s, int error)
{
	pthread_mutex_lock(&s->mu);
	s->fail_from = s->calls + 1;
	s->fail_n = UINT64_MAX - s->fail_from;
	s->fail_errno = error;
	pthread_mutex_unlock(&s->mu);
}

static void disk_works(struct shim *s)
{
	pthread_mutex_lock(&s->mu);
	s->fail_from = s->fail_n = 0;
	pthread_mutex_unlock(&s->mu);
}

static bool is_open(void *arg)
{
	return rv_ledger_ready(arg, false, NULL) == RV_OK;
}

static void open_on(struct lab *l, struct shim *s)
{
	shim_init(s);
	memset(l, 0, sizeof *l);
	l->f.io = &s->io;
	lab_open(l);
}

static void close_on(struct lab *l, struct shim *s)
{
	lab_done(l);
	shim_done(s);
}

static const struct lab_question LOOK = {
	.asker = "gw", .system = "deploy-bot", .action = "look", .type = "Service", .id = "shop"
};
static const struct lab_question SPEND = { .asker = "gw",
	.system = "ads-bot",
	.action = "spend",
	.type = "Account",
	.id = "ads",
	.context = "{\"reeve\":{\"act\":true},\"amount\":\"100\"}" };

static bool is_unavailable(struct lab *l, const struct lab_question *q)
{
	struct lab_answer a;
	lab_ask(l, q, &a);
	return a.code == RV_OK && a.outcome == RV_DENY && !a.id[0] && !a.intent[0] &&
		strcmp(a.first, "audit_unavailable") == 0;
}

static bool is_allowed(struct lab *l, const struct lab_question *q)
{
	struct lab_answer a;
	lab_ask(l, q, &a);
	return a.code == RV_OK && a.outcome == RV_ALLOW;
}

static void outage(int error)
{
	struct lab l;
	struct shim s;
	open_on(&l, &s);
	CHECK_OK(&l.f, lab_publish(&l, PERMIT));
	CHECK(is_allowed(&l, &LOOK));
	uint64_t before = rv_ledger_size(l.f.ledger);
	disk_fails(&s, error);
	for (int i = 0; i < 5; i++)
		CHECK(is_unavailable(&l, &LOOK));
	for (int i = 0; i < 2; i++)
		CHECK(is_unavailable(&l, &SPEND));
	/* Somebody unknown is denied for what it is, or for the log: never allowed, never told
	 * more. */
	struct lab_answer a;
	struct lab_question ghost = LOOK;
	ghost.system = "ghost";
	lab_ask(&l, &ghost, &a);
	CHECK(a.outcome == RV_DENY && strcmp(a.first, "audit_unavailable") == 0);
	disk_works(&s);
	REQUIRE(shim_wait(&s, is_open, l.f.ledger));
	CHECK(is_allowed(&l, &LOOK));
	CHECK(is_allowed(&l, &SPEND)); /* the whole budget: nothing was charged meanwhile */
	CHECK(lab_logged(&l, "service.audit_gap", "") == 1);
	CHECK(lab_logged(&l, "service.audit_gap", "\"denied\":8") == 1);
	CHECK(rv_ledger_size(l.f.ledger) ==
		before + 5); /* recovered, the gap, look, spend, its intent */
	close_on(&l, &s);
}

TEST(a_broken_disk_denies)
{
	outage(EIO);
}

TEST(a_full_disk_denies)
{
	outage(ENOSPC);
}

struct found {
	size_t n;
	char id[64];
};

static bool take(void *arg, const struct rv_ledger_entry *e)
{
	struct found *f = arg;
	RV_AUTO_ARENA a;
	const struct rv_json *v;
	rv_arena_init(&a, 1 << 20);
	f->n++;
	rv_assert(rv_json_parse(&a, e->event, NULL, &v, NULL) == RV_OK);
	const struct rv_json *id = rv_json_get(v, "id");
	snprintf(f->id, sizeof f->id, "%.*s", RV_FMT(id->str));
	return true;
}

static size_t count(struct lab *l, struct rv_ledger_query q, const char *id)
{
	struct found f = { 0 };
	uint64_t next;
	rv_assert(rv_ledger_search(l->f.ledger, &q, take, &f, &next, NULL) == RV_OK);
	CHECKF(f.n != 1 || strcmp(f.id, id) == 0, "%s, not %s", f.id, id);
	return f.n;
}

/* The log takes the words of a decision from the gate and does not read its event: they are those
 * that stand in it, as a restart reads them. */
TEST(a_decision_is_found_by_its_words)
{
	static const struct lab_question q = { .asker = "gw",
		.system = "deploy-bot",
		.action = "look",
		.type = "Service",
		.id = "shop",
		.context = "{\"reeve\":{\"act\":true}}" };
	struct lab l = { 0 };
	struct lab_answer a;
	lab_open(&l);
	CHECK_OK(&l.f, lab_publish(&l, PERMIT));
	lab_ask(&l, &q, &a);
	REQUIRE(a.outcome == RV_ALLOW && a.intent[0]);
	for (int again = 0; again < 2; again++) {
		struct rv_ledger_query want = { .system = RV_STR("deploy-bot"),
			.action = RV_STR("look"),
			.outcome = RV_STR("allow"),
			.kind = RV_STR("decision") };
		uint64_t seq;
		CHECK(count(&l, want, a.id) == 1);
		want.kind = RV_STR("intent");
		CHECK(count(&l, want, a.intent) == 1);
		want.outcome = RV_STR("deny");
		CHECK(count(&l, want, "") == 0);
		CHECK(rv_ledger_find(l.f.ledger, rv_str_of(a.id), &seq, NULL) == RV_OK);
		CHECK(rv_ledger_find(l.f.ledger, rv_str_of(a.intent), &seq, NULL) == RV_OK);
		lab_reopen(&l);
	}
	lab_done(&l);
}

TEST(a_stop_does_not_wait_for_the_log)
{
	struct lab l;
	struct shim s;
	struct lab_answer a;
	struct rv_err err = { 0 };
	open_on(&l, &s);
	CHECK_OK(&l.f, lab_publish(&l, PERMIT));
	CHECK(is_allowed(&l, &LOOK));
	disk_fails(&s, EIO);
	CHECK(is_unavailable(&l, &LOOK));
	l.f.job_kind = RV_JOB_STOP;
	CHECK_OK(&l.f, AS(&l.f, "resi", rv_system_suspend, RV_STR("deploy-bot"), RV_STR("now")));
	/* It is stopped for every reader of the snapshot. */
	const struct rv_snapshot *snap = rv_snapshot_get(l.f.gov);
	const char *why = rv_snap_refusal(
		snap, rv_snap_system(snap, RV_STR("deploy-bot")), rv_gov_now(l.f.gov));
	CHECK(why && strcmp(why, "suspended") == 0);
	rv_snapshot_unref(snap);
	CHECK(lab_logged(&l, "lifecycle.suspended", "") == 0);
	/* What is no stop is not done. */
	const struct rv_job job = { .kind = RV_JOB_CHANGE };
	CHECK(rv_control_call(l.f.gov, &job, &err) == RV_EAUDIT);
	disk_works(&s);
	REQUIRE(shim_wait(&s, is_open, l.f.ledger));
	lab_ask(&l, &LOOK, &a);
	CHECK(a.outcome == RV_DENY && strcmp(a.first, "suspended") == 0);
	rv_control_tick(l.f.gov);
	CHECK(lab_logged(&l, "lifecycle.suspended", "now") == 1);
	close_on(&l, &s);
}

TEST(an_approval_is_not_spent_in_vain)
{
	static const char holds[] = "@approval(\"release-managers\") forbid (principal, action, "
				    "resource); permit (principal, action, resource);";
	struct lab l;
	struct shim s;
	struct lab_answer a;
	struct rv_hold h;
	open_on(&l, &s);
	CHECK_OK(&l.f, lab_publish(&l, holds));
	lab_ask(&l, &LOOK, &a);
	REQUIRE(a.outcome == RV_HOLD);
	CHECK_OK(&l.f,
		AS(&l.f, "rita", rv_hold_vote, rv_str_of(a.approval), rv_str_of(a.digest), true,
			RV_STR(""), &h));
	disk_fails(&s, EIO);
	/* The writer notices with the first record that it cannot write. */
	struct lab_question other = LOOK;
	other.asker = "nowhere";
	CHECK(is_unavailable(&l, &other));
	CHECK(is_unavailable(&l, &LOOK));
	disk_works(&s);
	REQUIRE(shim_wait(&s, is_open, l.f.ledger));
	CHECK(is_allowed(&l, &LOOK));
	CHECK(lab_logged(&l, "approval.consumed", "") == 1);
	close_on(&l, &s);
}

TEST(a_broken_log_at_the_moment_of_consuming_never_allows_twice)
{
	static const char holds[] = "@approval(\"release-managers\") forbid (principal, action, "
				    "resource); permit (principal, action, resource);";
	struct lab l;
	struct shim s;
	struct lab_answer a;
	struct rv_hold h;
	open_on(&l, &s);
	CHECK_OK(&l.f, lab_publish(&l, holds));
	lab_ask(&l, &LOOK, &a);
	REQUIRE(a.outcome == RV_HOLD);
	CHECK_OK(&l.f,
		AS(&l.f, "rita", rv_hold_vote, rv_str_of(a.approval), rv_str_of(a.digest), true,
			RV_STR(""), &h));
	disk_fails(&s, EIO); /* the ledger still believes it can write: the database commits */
	CHECK(is_unavailable(&l, &LOOK));
	disk_works(&s);
	REQUIRE(shim_wait(&s, is_open, l.f.ledger));
	rv_control_tick(l.f.gov);
	/* Spent, recorded once, and answered with no: asked again, people are asked again. */
	lab_ask(&l, &LOOK, &a);
	CHECK(a.outcome == RV_HOLD);
	CHECK(lab_logged(&l, "approval.consumed", "") == 1);
	CHECK(lab_logged(&l, "service.audit_gap", "") == 1);
	close_on(&l, &s);
}

/* No file may grow while the database commits; the log's turn comes after it. */
static void no_room_for_the_database(void *arg, const char *place)
{
	const struct rlimit *all = arg;
	const struct rlimit none = { .rlim_cur = 0, .rlim_max = all->rlim_max };
	rv_assert(setrlimit(RLIMIT_FSIZE, strcmp(place, "before-commit") == 0 ? &none : all) == 0);
}

TEST(a_full_database_denies_and_the_log_says_so)
{
	struct lab l = { .gate = NULL };
	struct lab_answer a;
	struct rlimit all;
	lab_open(&l);
	CHECK_OK(&l.f, lab_publish(&l, PERMIT));
	rv_assert(signal(SIGXFSZ, SIG_IGN) != SIG_ERR && getrlimit(RLIMIT_FSIZE, &all) == 0);
	l.f.gov->hook_arg = &all;
	l.f.gov->hook = no_room_for_the_database;
	lab_ask(&l, &SPEND, &a);
	CHECKF(a.outcome == RV_DENY && strcmp(a.first, "storage_unavailable") == 0, "%s %s", a.text,
		a.msg);
	CHECK(a.id[0] && !a.intent[0]);
	CHECK(lab_logged(&l, "decision", "storage_unavailable") == 1);
	CHECK(lab_logged(&l, "intent", "") == 0);
	CHECK(is_allowed(&l, &LOOK)); /* needs no database */
	l.f.gov->hook = NULL;
	CHECK(is_allowed(&l, &SPEND)); /* all of the budget is there */
	lab_done(&l);
}

TEST(knocks_are_counted_by_source_and_minute)
{
	struct lab l = { .gate = NULL };
	char source[40];
	lab_open(&l);
	for (int i = 0; i < 1000; i++) {
		snprintf(source, sizeof source, "10.0.0.7:%d", 40000 + i);
		rv_knock(l.f.gov, RV_KNOCK_CREDENTIAL, rv_str_of(source), RV_STR(""));
	}
	rv_knock(l.f.gov, RV_KNOCK_LOGIN, RV_STR("[::1]:99"), RV_STR("rita"));
	rv_knock(l.f.gov, RV_KNOCK_LOGIN, RV_STR("[::1]:98"), RV_STR("rita"));
	rv_knock(l.f.gov, RV_KNOCK_LOGIN, RV_STR("[::1]:97"), RV_STR(""));
	rv_control_tick(l.f.gov);
	CHECK(lab_logged(&l, "service.knocks", "") == 0); /* the minute is not over */
	rv_clock_advance(&l.f.clock, 60 * RV_NS_PER_S);
	rv_knock(l.f.gov, RV_KNOCK_CREDENTIAL, RV_STR("10.0.0.7:1"), RV_STR(""));
	rv_control_tick(l.f.gov);
	CHECK(lab_logged(&l, "service.knocks", "") == 1);
	CHECK(lab_logged(&l, "service.knocks", "\"source\":\"10.0.0.7\"") == 1);
	CHECK(lab_logged(&l, "service.knocks", "\"count\":1000") == 1);
	CHECK(lab_logged(&l, "session.refused", "") == 2);
	CHECK(lab_logged(&l, "session.refused", "\"person\":\"rita\"") == 1);
	CHECK(lab_logged(&l, "session.refused", "\"count\":2") == 1);
	/* A flood of sources becomes a bounded number of records. */
	for (int i = 0; i < 5000; i++) {
		snprintf(source, sizeof source, "10.1.%d.%d:1", i / 250, i % 250);
		rv_knock(l.f.gov, RV_KNOCK_CREDENTIAL, rv_str_of(source), RV_STR(""));
	}
	rv_clock_advance(&l.f.clock, 60 * RV_NS_PER_S);
	rv_control_tick(l.f.gov);
	size_t n = lab_logged(&l, "service.knocks", "");
	CHECKF(n <= 1 + 256, "%zu", n);
	CHECK(lab_logged(&l, "service.knocks", "\"source\":\"others\"") == 1);
	/* What is left when the program ends is told then. */
	rv_knock(l.f.gov, RV_KNOCK_CREDENTIAL, RV_STR("192.0.2.1:1"), RV_STR(""));
	lab_reopen(&l);
	CHECK(lab_logged(&l, "service.knocks", "192.0.2.1") == 1);
	lab_done(&l);
}

int main(int argc, char **argv)
{
	int status = test_main(argc, argv);
	lab_end();
	return status;
}
