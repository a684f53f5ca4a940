/* Classes and floors, every verb in every state, who may do what to whose system, and what of a
 * change waits for a second person. */
#include "tests/governance/fixture.h"

#include <stdio.h>

/* ---- classes (SEMANTICS 1) ---- */

static const struct {
	const char *class_;
	int trigger, persistence, autonomy, scope, identity;
	const char *refused; /* the dimension that is named; NULL: fine */
} classes[] = {
	{ "assistant", 0, 0, 0, 0, 0, NULL },
	{ "assistant", 0, 0, 0, 1, 1, NULL },
	{ "assistant", 1, 0, 0, 0, 0, "dimensions.trigger is 1" },
	{ "assistant", 0, 1, 0, 0, 0, "dimensions.persistence is 1" },
	{ "assistant", 0, 0, 1, 0, 0, "dimensions.autonomy is 1" },
	{ "assistant", 0, 0, 2, 0, 0, "at least 'worker'" },
	{ "assistant", 0, 0, 0, 2, 0, "dimensions.scope is 2" },
	{ "assistant", 0, 0, 0, 0, 2, "dimensions.identity is 2" },
	{ "agent", 0, 0, 0, 0, 0, NULL },
	{ "agent", 1, 1, 1, 2, 2, NULL },
	{ "agent", 2, 1, 1, 0, 0, "dimensions.trigger is 2" },
	{ "agent", 1, 2, 1, 0, 0, "dimensions.persistence is 2" },
	{ "agent", 1, 1, 2, 0, 0, "dimensions.autonomy is 2" },
	{ "worker", 0, 0, 0, 0, 0, NULL },
	{ "worker", 2, 2, 2, 2, 2, NULL },
	{ "worker", 3, 0, 0, 0, 0, "dimensions.trigger" },
	{ "worker", 0, -1, 0, 0, 0, "dimensions.persistence" },
	{ "robot", 0, 0, 0, 0, 0, "class" },
};

TEST(a_class_is_declared_and_checked)
{
	struct fixture f;
	fixture_open(&f, false);
	make_people(&f);
	for (size_t i = 0; i < RV_COUNT(classes); i++) {
		char yaml[400];
		snprintf(yaml, sizeof yaml,
			"kind: System\nname: s%zu\nspec: {class: %s, owner: olga, purpose: x, "
			"dimensions: {trigger: %d, persistence: %d, autonomy: %d, scope: %d, "
			"identity: %d}}\n",
			i, classes[i].class_, classes[i].trigger, classes[i].persistence,
			classes[i].autonomy, classes[i].scope, classes[i].identity);
		enum rv_code code = apply_text(&f, "olga", yaml, NULL, NULL);
		CHECKF((code == RV_OK) == !classes[i].refused, "row %zu: %s", i, f.err.msg);
		if (classes[i].refused)
			CHECKF(strstr(f.err.msg, classes[i].refused) && f.err.line > 0,
				"row %zu: %s (line %u)", i, f.err.msg, f.err.line);
	}
	fixture_done(&f);
}

/* ---- floors ---- */

#define DIMENSIONS \
	"  dimensions: {trigger: 0, persistence: 0, autonomy: 0, scope: 0, identity: 0}\n"
/* Each line can be left out. */
static const struct {
	const char *line, *control; /* what is missed without it; NULL: nothing */
	int from; /* lowest class that needs it: 0 assistant, 1 agent, 2 worker */
} floor_lines[] = {
	{ "  purpose: is there\n", "purpose", 0 },
	{ "  actions: {autonomous: [look]}\n", "action policy", 1 },
	{ "  escalation: [{to: olga, within: 15m}]\n", "escalation chain", 2 },
	{ "  failure: {plan: stop, call: olga}\n", "failure plan", 2 },
	{ "  output_reviewer: rita\n", "output reviewer", 2 },
	{ "  review: {cadence: 90d}\n", "review cadence", 2 },
	{ "  access: [{resource: 'Service/*', actions: [look]}]\n", "access policy", 2 },
	{ "  limits: none\n", "limits", 2 },
};

static void check_floor(struct fixture *f, int class_, size_t without, unsigned number)
{
	static const char *const names[] = { "assistant", "agent", "worker" };
	char yaml[1200], name[32];
	struct rv_issued cred;
	const struct rv_apply_opts submit = { .submit = true };
	snprintf(name, sizeof name, "s%u", number);
	size_t n = (size_t)snprintf(yaml, sizeof yaml,
		"kind: System\nname: %s\nspec:\n  class: %s\n  owner: olga\n" DIMENSIONS, name,
		names[class_]);
	if (class_ == 0)
		n += (size_t)snprintf(yaml + n, sizeof yaml - n,
			"  usage_policy: {version: '1', text: Be kind.}\n");
	for (size_t i = 0; i < RV_COUNT(floor_lines); i++)
		if (i != without && floor_lines[i].from <= class_)
			n += (size_t)snprintf(yaml + n, sizeof yaml - n, "%s", floor_lines[i].line);
	CHECK_OK(f, apply_text(f, "olga", yaml, &submit, NULL));
	CHECK_OK(f, AS(f, "gus", rv_system_approve, rv_str_of(name), 0, RV_STR("")));
	CHECK_OK(f,
		AS(f, "olga", rv_credential_issue, RV_CRED_SYSTEM, rv_str_of(name), RV_STR(""),
			RV_DAY_NS, &cred));
	enum rv_code code = AS(f, "olga", rv_system_activate, rv_str_of(name));
	bool lacks = without < RV_COUNT(floor_lines) && floor_lines[without].from <= class_;
	CHECKF((code == RV_OK) == !lacks, "%s without %s: %s %s", names[class_],
		lacks ? floor_lines[without].control : "anything", rv_code_name(code), f->err.msg);
	if (lacks)
		CHECKF(strstr(f->err.msg, floor_lines[without].control) &&
				strstr(f->err.msg, "to close it: "),
			"%s", f->err.msg);
}

TEST(the_floor_of_a_class_must_stand)
{
	struct fixture f;
	unsigned number = 0;
	fixture_open(&f, false);
	make_people(&f);
	for (int class_ = 0; class_ < 3; class_++)
		for (size_t without = 0; without <= RV_COUNT(floor_lines); without++)
			check_floor(&f, class_, without, number++);
	fixture_done(&f);
}

TEST(a_worker_needs_a_credential_of_its_own)
{
	struct fixture f;
	struct rv_gap *gaps;
	struct rv_db_credential *creds;
	size_t n;
	fixture_open(&f, false);
	make_people(&f);
	make_worker(&f);
	CHECK_OK(&f, AS(&f, "olga", rv_gaps, RV_STR("deploy-bot"), &gaps, &n));
	CHECK(n == 0);
	CHECK_OK(&f, AS(&f, "olga", rv_credential_list, RV_STR("deploy-bot"), &creds, &n));
	REQUIRE(n == 1);
	CHECK_OK(&f, AS(&f, "olga", rv_credential_revoke, creds[0].id, RV_STR("lost")));
	CHECK_OK(&f, AS(&f, "olga", rv_gaps, RV_STR("deploy-bot"), &gaps, &n));
	CHECK(n == 2 && rv_str_eqz(gaps[1].control, "credential"));
	fixture_done(&f);
}

/* ---- every verb in every state (SEMANTICS 2) ---- */

enum state { DRAFT, SUBMITTED, APPROVED, ACTIVE, SUSPENDED, OFFBOARDING, RETIRED, REJECTED };
static const char *const states[] = { "draft", "submitted", "approved", "active", "suspended",
	"offboarding", "retired", "rejected" };

static void make_system(struct fixture *f, const char *name)
{
	char yaml[400];
	snprintf(yaml, sizeof yaml,
		"kind: System\nname: %s\nspec: {class: agent, owner: olga, deputy: rob, purpose: "
		"x, "
		"actions: {autonomous: [look]}, dimensions: {trigger: 1, persistence: 1, autonomy: "
		"1, scope: 1, identity: 1}}\n",
		name);
	CHECK_OK(f, apply_text(f, "olga", yaml, NULL, NULL));
}

static void bring_to(struct fixture *f, const char *name, enum state to)
{
	struct rv_str s = rv_str_of(name);
	struct rv_issued cred;
	make_system(f, name);
	if (to == DRAFT)
		return;
	CHECK_OK(f, AS(f, "olga", rv_system_submit, s));
	if (to == REJECTED)
		CHECK_OK(f, AS(f, "gus", rv_system_reject, s, 0, RV_STR("no")));
	if (to == SUBMITTED || to == REJECTED)
		return;
	CHECK_OK(f, AS(f, "gus", rv_system_approve, s, 0, RV_STR("yes")));
	CHECK_OK(f,
		AS(f, "olga", rv_credential_issue, RV_CRED_SYSTEM, s, RV_STR(""), RV_DAY_NS,
			&cred));
	if (to == APPROVED)
		return;
	CHECK_OK(f, AS(f, "olga", rv_system_activate, s));
	if (to == SUSPENDED)
		CHECK_OK(f, AS(f, "resi", rv_system_suspend, s, RV_STR("x")));
	if (to == ACTIVE || to == SUSPENDED)
		return;
	CHECK_OK(f, AS(f, "olga", rv_system_offboard, s, RV_STR("x")));
	if (to == RETIRED)
		CHECK_OK(f, AS(f, "gus", rv_system_retire, s, false));
}

static enum rv_code verb(struct fixture *f, const char *what, struct rv_str s)
{
	if (strcmp(what, "submit") == 0)
		return AS(f, "olga", rv_system_submit, s);
	if (strcmp(what, "withdraw") == 0)
		return AS(f, "olga", rv_system_withdraw, s);
	if (strcmp(what, "approve") == 0)
		return AS(f, "gus", rv_system_approve, s, 0, RV_STR(""));
	if (strcmp(what, "reject") == 0)
		return AS(f, "gus", rv_system_reject, s, 0, RV_STR(""));
	if (strcmp(what, "activate") == 0)
		return AS(f, "olga", rv_system_activate, s);
	if (strcmp(what, "suspend") == 0)
		return AS(f, "resi", rv_system_suspend, s, RV_STR(""));
	if (strcmp(what, "resume") == 0)
		return AS(f, "gus", rv_system_resume, s, RV_STR(""));
	if (strcmp(what, "offboard") == 0)
		return AS(f, "olga", rv_system_offboard, s, RV_STR(""));
	return AS(f, "gus", rv_system_retire, s, false);
}

/* Where each verb leads from each state; "" : nowhere. In the order of the states above. */
static const struct {
	const char *verb;
	const char *to[8];
} moves[] = {
	{ "submit", { "submitted", "", "", "", "", "", "", "" } },
	{ "withdraw", { "", "draft", "", "", "", "", "", "" } },
	{ "approve", { "", "approved", "", "", "", "", "", "" } },
	{ "reject", { "", "rejected", "", "", "", "", "", "" } },
	{ "activate", { "", "", "active", "", "", "", "", "" } },
	{ "suspend", { "", "", "", "suspended", "", "", "", "" } },
	{ "resume", { "", "", "", "", "active", "", "", "" } },
	{ "offboard", { "", "", "offboarding", "offboarding", "offboarding", "", "", "" } },
	{ "retire", { "", "", "", "", "", "retired", "", "" } },
};

TEST(every_verb_in_every_state)
{
	struct fixture f;
	fixture_open(&f, false);
	make_people(&f);
	for (size_t m = 0; m < RV_COUNT(moves); m++) {
		for (size_t st = 0; st < RV_COUNT(states); st++) {
			char name[32];
			struct rv_db_system row;
			snprintf(name, sizeof name, "s-%zu-%zu", m, st);
			bring_to(&f, name, (enum state)st);
			enum rv_code code = verb(&f, moves[m].verb, rv_str_of(name));
			const char *to = moves[m].to[st];
			CHECKF(code == (to[0] ? RV_OK : RV_ECONFLICT), "%s of a %s one: %s %s",
				moves[m].verb, states[st], rv_code_name(code), f.err.msg);
			CHECK_OK(&f, AS(&f, "gus", rv_system_get, rv_str_of(name), &row, NULL));
			CHECK_STR(row.state, to[0] ? to : states[st]);
		}
	}
	fixture_done(&f);
}

/* ---- who (separation of duties) ---- */

static const struct {
	const char *verb, *who;
	enum state from;
	enum rv_code want;
} duties[] = {
	{ "submit", "rita", DRAFT, RV_ENOENT },
	{ "submit", "gus", DRAFT, RV_OK },
	{ "submit", "olga", DRAFT, RV_OK },
	{ "submit", "resi", DRAFT, RV_EPERM },
	{ "approve", "olga", SUBMITTED, RV_EPERM },
	{ "approve", "resi", SUBMITTED, RV_EPERM },
	{ "approve", "aldo", SUBMITTED, RV_EPERM },
	{ "approve", "rita", SUBMITTED, RV_ENOENT },
	{ "approve", "gil", SUBMITTED, RV_OK },
	{ "activate", "resi", APPROVED, RV_EPERM },
	{ "activate", "gil", APPROVED, RV_OK },
	{ "suspend", "olga", ACTIVE, RV_OK },
	{ "suspend", "rob", ACTIVE, RV_OK }, /* the deputy */
	{ "suspend", "resi", ACTIVE, RV_OK },
	{ "suspend", "ada", ACTIVE, RV_OK },
	{ "suspend", "aldo", ACTIVE, RV_EPERM },
	{ "suspend", "rita", ACTIVE, RV_ENOENT },
	{ "resume", "resi", SUSPENDED, RV_EPERM }, /* who stopped it */
	{ "resume", "olga", SUSPENDED, RV_EPERM }, /* the owner */
	{ "resume", "rob", SUSPENDED, RV_EPERM },
	{ "resume", "gil", SUSPENDED, RV_OK },
	{ "offboard", "resi", ACTIVE, RV_EPERM },
	{ "offboard", "olga", ACTIVE, RV_OK },
	{ "retire", "olga", OFFBOARDING, RV_EPERM },
	{ "retire", "ada", OFFBOARDING, RV_OK },
};

static enum rv_code verb_by(struct fixture *f, const char *what, const char *who, struct rv_str s)
{
	if (strcmp(what, "submit") == 0)
		return AS(f, who, rv_system_submit, s);
	if (strcmp(what, "approve") == 0)
		return AS(f, who, rv_system_approve, s, 0, RV_STR(""));
	if (strcmp(what, "activate") == 0)
		return AS(f, who, rv_system_activate, s);
	if (strcmp(what, "suspend") == 0)
		return AS(f, who, rv_system_suspend, s, RV_STR(""));
	if (strcmp(what, "resume") == 0)
		return AS(f, who, rv_system_resume, s, RV_STR(""));
	if (strcmp(what, "offboard") == 0)
		return AS(f, who, rv_system_offboard, s, RV_STR(""));
	return AS(f, who, rv_system_retire, s, false);
}

TEST(duties_are_separated)
{
	struct fixture f;
	fixture_open(&f, false);
	make_people(&f);
	for (size_t i = 0; i < RV_COUNT(duties); i++) {
		char name[32];
		snprintf(name, sizeof name, "s-%zu", i);
		bring_to(&f, name, duties[i].from);
		enum rv_code code = verb_by(&f, duties[i].verb, duties[i].who, rv_str_of(name));
		CHECKF(code == duties[i].want ||
				(duties[i].want == RV_ENOENT && code == RV_EPERM &&
					strcmp(duties[i].verb, "approve") == 0),
			"%s by %s: %s, want %s: %s", duties[i].verb, duties[i].who,
			rv_code_name(code), rv_code_name(duties[i].want), f.err.msg);
	}
	fixture_done(&f);
}

/* The author of a version is not who approves it, nor is who submitted it, whatever else they are.
 */
TEST(who_wrote_or_submitted_does_not_approve)
{
	struct fixture f;
	fixture_open(&f, false);
	make_people(&f);
	static const char yaml[] =
		"kind: System\nname: s\nspec: {class: agent, owner: olga, purpose: x, actions: "
		"{autonomous: [look]}, dimensions: {trigger: 1, persistence: 1, autonomy: 1, "
		"scope: "
		"1, identity: 1}}\n";
	CHECK_OK(&f, apply_text(&f, "gus", yaml, NULL, NULL));
	CHECK_OK(&f, AS(&f, "gil", rv_system_submit, RV_STR("s")));
	CHECK_CODE(&f, AS(&f, "gus", rv_system_approve, RV_STR("s"), 0, RV_STR("")), RV_EPERM);
	CHECK(strstr(f.err.msg, "who wrote it"));
	CHECK_CODE(&f, AS(&f, "gil", rv_system_approve, RV_STR("s"), 0, RV_STR("")), RV_EPERM);
	CHECK(strstr(f.err.msg, "who submitted it"));
	CHECK_OK(&f, AS(&f, "ada", rv_system_approve, RV_STR("s"), 0, RV_STR("")));
	fixture_done(&f);
}

/* ---- what waits ---- */

#define BASE                                                                             \
	"kind: System\nname: s\nspec:\n  class: worker\n  owner: olga\n" DIMENSIONS      \
	"  failure: {plan: stop, call: olga}\n  escalation: [{to: olga, within: 15m}]\n" \
	"  output_reviewer: rita\n"

/* purpose, display, access, actions, limits, review, observe */
static const char VERSION[] = BASE "  purpose: %s\n  display: %s\n  access: %s\n  actions: %s\n"
				   "  limits: %s\n  review: {cadence: %s}\n  observe: %s\n";
enum { N_FIELDS = 7 };
static const char *const first[N_FIELDS] = { "works", "Bot",
	"[{resource: 'Service/a*', actions: [release, look]}]",
	"{autonomous: [look], approval: [release], never: [delete], escalate: [odd]}",
	"[{name: m, unit: money, currency: EUR, max: '100', per: day}]", "90d", "false" };

static const struct {
	int field;
	const char *value;
	bool waits;
} changes[] = {
	{ 1, "Robot", false },
	{ 0, "works harder", true },
	{ 2, "[{resource: 'Service/a*', actions: [look]}]", false },
	{ 2, "[{resource: 'Service/ab', actions: [look]}]", false },
	{ 2, "[{resource: 'Service/a*', actions: [release, look, paint]}]", true },
	{ 2, "[{resource: 'Service/*', actions: [look]}]", true },
	{ 2, "[{resource: 'Table/*', actions: [look]}]", true },
	{ 3, "{approval: [release, look], never: [delete], escalate: [odd]}", false },
	{ 3, "{autonomous: [look, paint], approval: [release], never: [delete], escalate: [odd]}",
		true },
	{ 3, "{autonomous: [look], never: [delete], escalate: [odd]}", true },
	{ 3, "{autonomous: [look], approval: [release], escalate: [odd]}", true },
	{ 3, "{autonomous: [look], approval: [release], never: [delete]}", true },
	{ 3, "{autonomous: [look], never: [delete, release], escalate: [odd]}", false },
	{ 4, "[{name: m, unit: money, currency: EUR, max: '99', per: day}]", false },
	{ 4, "[{name: m, unit: money, currency: EUR, max: '100.01', per: day}]", true },
	{ 4, "[{name: m, unit: money, currency: EUR, max: '100', per: hour}]", true },
	{ 4, "[{name: m, unit: money, currency: EUR, max: '100', per: day, actions: [look]}]",
		true },
	{ 4, "none", true },
	{ 5, "30d", false },
	{ 5, "91d", true },
	{ 6, "true", true },
};

TEST(what_widens_waits_and_what_narrows_does_not)
{
	struct fixture f;
	const struct rv_apply_opts submit = { .submit = true };
	fixture_open(&f, false);
	make_people(&f);
	for (size_t i = 0; i < RV_COUNT(changes); i++) {
		char yaml[2000], name[16];
		const char *v[N_FIELDS];
		struct rv_apply_report r;
		struct rv_db_system row;
		memcpy(v, first, sizeof v);
		snprintf(name, sizeof name, "name: s%zu\n", i);
		for (int round = 0; round < 2; round++) {
			if (round == 1)
				v[changes[i].field] = changes[i].value;
			snprintf(yaml, sizeof yaml, VERSION, v[0], v[1], v[2], v[3], v[4], v[5],
				v[6]);
			char *at = strstr(yaml, "name: s\n"), rest[2000];
			snprintf(rest, sizeof rest, "%s", at + 8);
			snprintf(at, sizeof yaml - (size_t)(at - yaml), "%s%s", name, rest);
			CHECK_OK(&f, apply_text(&f, "olga", yaml, &submit, &r));
			struct rv_str s = r.items[0].name;
			if (round == 0)
				CHECK_OK(&f, AS(&f, "gus", rv_system_approve, s, 0, RV_STR("")));
			CHECK_OK(&f, AS(&f, "gus", rv_system_get, s, &row, NULL));
		}
		enum rv_apply_result want = changes[i].waits ? RV_APPLY_PENDING : RV_APPLY_CHANGED;
		CHECKF(r.items[0].result == want, "row %zu (%s): %d", i, changes[i].value,
			(int)r.items[0].result);
		CHECKF(row.version == (changes[i].waits ? 1 : 2) &&
				row.pending == (changes[i].waits ? 2 : 0),
			"row %zu: version %lld, pending %lld", i, (long long)row.version,
			(long long)row.pending);
	}
	fixture_done(&f);
}

/* ---- freezing ---- */

TEST(freezing_by_selector)
{
	static const struct {
		struct rv_selector sel;
		int64_t n;
	} rows[] = {
		{ { .name = RV_STR_INIT("deploy-bot") }, 1 },
		{ { .role = RV_STR_INIT("releaser") }, 1 },
		{ { .owner = RV_STR_INIT("olga") }, 2 },
		{ { .all = true }, 2 },
		{ { .owner = RV_STR_INIT("rita") }, 0 },
		{ { .name = RV_STR_INIT("none") }, 0 },
		{ { .all = false }, 0 },
	};
	struct fixture f;
	int64_t n;
	fixture_open(&f, false);
	make_people(&f);
	make_worker(&f);
	bring_to(&f, "other", ACTIVE);
	for (size_t i = 0; i < RV_COUNT(rows); i++) {
		enum rv_code code = AS(&f, "resi", rv_freeze, &rows[i].sel, RV_STR("x"), &n);
		CHECKF(code == (rows[i].n ? RV_OK : RV_ENOENT) && n == rows[i].n,
			"row %zu: %s %lld", i, rv_code_name(code), (long long)n);
		if (rows[i].n == 0)
			continue;
		CHECK_CODE(&f, AS(&f, "resi", rv_thaw, &rows[i].sel, RV_STR("x"), &n), RV_EPERM);
		CHECK_CODE(&f, AS(&f, "olga", rv_thaw, &rows[i].sel, RV_STR("x"), &n), RV_EPERM);
		CHECK_OK(&f, AS(&f, "gus", rv_thaw, &rows[i].sel, RV_STR("x"), &n));
		CHECK(n == rows[i].n);
	}
	/* One's own may be stopped, another's not, and what one may not see is not there. */
	const struct rv_selector all = { .all = true };
	CHECK_CODE(&f, AS(&f, "rita", rv_freeze, &all, RV_STR("x"), &n), RV_ENOENT);
	CHECK_CODE(&f, AS(&f, "aldo", rv_freeze, &all, RV_STR("x"), &n), RV_EPERM);
	CHECK_OK(&f, AS(&f, "olga", rv_freeze, &all, RV_STR("x"), &n));
	fixture_done(&f);
}

TEST(offboarding_takes_the_children_along)
{
	struct fixture f;
	struct rv_db_system row;
	struct rv_db_credential *creds;
	size_t n;
	fixture_open(&f, false);
	make_people(&f);
	bring_to(&f, "parent", ACTIVE);
	const struct rv_apply_opts submit = { .submit = true };
	CHECK_OK(&f,
		apply_text(&f, "olga",
			"kind: System\nname: child\nspec: {class: agent, parent: parent, owner: "
			"olga, "
			"purpose: x, actions: {autonomous: [look]}, dimensions: {trigger: 1, "
			"persistence: 1, autonomy: 1, scope: 1, identity: 1}}\n",
			&submit, NULL));
	CHECK_OK(&f, AS(&f, "gus", rv_system_approve, RV_STR("child"), 0, RV_STR("")));
	CHECK_OK(&f, AS(&f, "olga", rv_system_offboard, RV_STR("parent"), RV_STR("enough")));
	CHECK_OK(&f, AS(&f, "gus", rv_system_get, RV_STR("child"), &row, NULL));
	CHECK_STR(row.state, "offboarding");
	CHECK_OK(&f, AS(&f, "gus", rv_credential_list, RV_STR("parent"), &creds, &n));
	for (size_t i = 0; i < n; i++)
		CHECK(creds[i].revoked_ns > 0);
	CHECK(n == 1 && events_of(&f, "lifecycle.offboarding") == 2);
	fixture_done(&f);
}

TEST(in_bootstrap_one_person_is_stamped)
{
	struct fixture f;
	struct rv_db_system row;
	const struct rv_apply_opts submit = { .submit = true };
	fixture_open(&f, false);
	make_admin(&f);
	CHECK_OK(&f,
		apply_text(&f, "ada",
			"kind: System\nname: s\nspec: {class: assistant, owner: ada, purpose: x, "
			"usage_policy: {version: '1', text: Be kind.}, dimensions: {trigger: 0, "
			"persistence: 0, autonomy: 0, scope: 0, identity: 0}}\n",
			&submit, NULL));
	CHECK_OK(&f, AS(&f, "ada", rv_system_approve, RV_STR("s"), 0, RV_STR("alone")));
	CHECK_OK(&f, AS(&f, "ada", rv_system_get, RV_STR("s"), &row, NULL));
	CHECK(row.unseparated_until_ns == rv_gov_now(f.gov) + 7 * RV_DAY_NS);
	CHECK(event_has(&f, "lifecycle.approved", "\"unseparated\":\"true\""));
	/* The same person does not take the stamp away. */
	CHECK_CODE(&f, AS(&f, "ada", rv_system_approve, RV_STR("s"), 0, RV_STR("")), RV_EPERM);
	/* Taking out what forbids, alone, is stamped as well. */
	struct rv_str change;
	CHECK_OK(&f,
		apply_text(&f, "ada",
			"kind: Policy\nname: p\nspec: {cedar: 'forbid (principal, action, "
			"resource);'}\n",
			NULL, NULL));
	CHECK_OK(&f, AS(&f, "ada", rv_policy_remove, RV_STR("p"), &change));
	CHECK(event_has(&f, "policy.removed", "unseparated"));
	fixture_done(&f);
}

/* ---- apply: all or nothing ---- */

#define GOOD                                                                               \
	"kind: Team\nname: t-new\nspec: {}\n---\nkind: Role\nname: r-new\nspec: {}\n---\n" \
	"kind: Policy\nname: p-new\nspec: {cedar: 'forbid (principal, action, resource);'}\n---\n"
#define SYSTEM(rest)                                                                             \
	"kind: System\nname: s-new\nspec: {class: assistant, purpose: x, dimensions: {trigger: " \
	"0, persistence: 0, autonomy: 0, scope: 0, identity: 0}, " rest "}\n"
/* Each is the last of a set whose others are good. */
static const struct {
	const char *yaml, *says;
} last[] = {
	{ "kind: Policy\nname: q\nspec: {cedar: 'permit (principal'}\n", "" },
	{ "kind: Policy\nname: q\nspec: {cedar: '@approval(\"none\") forbid (principal, action, "
	  "resource);'}\n",
		"'none', which does not exist" },
	{ SYSTEM("owner: nobody"), "nobody" },
	{ SYSTEM("owner: olga, role: none"), "there is no role 'none'" },
	{ SYSTEM("owner: olga, team: none"), "there is no team 'none'" },
	{ SYSTEM("owner: olga, parent: none"), "none" },
	{ SYSTEM("owner: olga, parent: s-new"), "" },
	{ SYSTEM("owner: olga, colour: red"), "colour" },
	{ "kind: Person\nname: x\nspec: {rights: [king]}\n", "'king' is none of" },
	{ "kind: Group\nname: g\nspec: {members: [nobody]}\n", "nobody" },
	{ "kind: Limit\nname: l\nspec: {role: none, unit: count, max: 1, per: day}\n", "none" },
	{ "kind: Crown\nname: x\nspec: {}\n", "Crown" },
	{ "kind: Team\nname: Not A Name\nspec: {}\n", "" },
	{ "kind: Team\nname: t-new\nspec: {}\n", "t-new" },
};

static bool has_new(struct fixture *f)
{
	struct rv_op *op = as(f, NULL);
	struct rv_db_team team = { .name = RV_STR("t-new") };
	struct rv_db_role role = { .name = RV_STR("r-new") };
	struct rv_db_policy policy = { .name = RV_STR("p-new") };
	struct rv_db_system system = { .name = RV_STR("s-new") };
	bool any = rv_db_team_get(op->txn, op->arena, &team, NULL) == RV_OK ||
		rv_db_role_get(op->txn, op->arena, &role, NULL) == RV_OK ||
		rv_db_policy_get(op->txn, op->arena, &policy, NULL) == RV_OK ||
		rv_db_system_get(op->txn, op->arena, &system, NULL) == RV_OK;
	end(f, RV_OK);
	return any;
}

TEST(apply_is_all_or_nothing)
{
	struct fixture f;
	fixture_open(&f, false);
	make_people(&f);
	size_t events = events_of(&f, "registry.created") + events_of(&f, "policy.published");
	for (size_t i = 0; i < RV_COUNT(last); i++) {
		char yaml[2000];
		snprintf(yaml, sizeof yaml, GOOD "%s", last[i].yaml);
		enum rv_code code = apply_text(&f, "ada", yaml, NULL, NULL);
		CHECKF(code != RV_OK && strstr(f.err.msg, last[i].says) && f.err.line > 0 &&
				strcmp(f.err.where, "test.yaml") == 0,
			"row %zu: %s %s (%s:%u)", i, rv_code_name(code), f.err.msg, f.err.where,
			f.err.line);
		CHECKF(!has_new(&f), "row %zu left something behind", i);
	}
	CHECK(events_of(&f, "registry.created") + events_of(&f, "policy.published") == events);
	fixture_done(&f);
}

TEST(a_dry_run_tells_and_does_nothing)
{
	struct fixture f;
	struct rv_apply_report dry, wet;
	const struct rv_apply_opts opts = { .dry_run = true };
	fixture_open(&f, false);
	make_people(&f);
	static const char yaml[] =
		GOOD SYSTEM("owner: olga, usage_policy: {version: '1', text: x}");
	uint64_t before = rv_snapshot_generation(f.gov->snap);
	CHECK_OK(&f, apply_text(&f, "ada", yaml, &opts, &dry));
	CHECK(!has_new(&f) && rv_snapshot_generation(f.gov->snap) == before);
	CHECK_OK(&f, apply_text(&f, "ada", yaml, NULL, &wet));
	CHECK(has_new(&f) && dry.n == wet.n && dry.n_created == wet.n_created && dry.n == 4);
	for (size_t i = 0; i < wet.n && i < dry.n; i++)
		CHECK(dry.items[i].result == wet.items[i].result);
	/* The difference, field by field, from and to. */
	CHECK_OK(&f,
		apply_text(
			&f, "ada", "kind: Team\nname: t-new\nspec: {display: New}\n", &opts, &dry));
	REQUIRE(dry.n == 1 && dry.items[0].n_fields == 1);
	CHECK_STR(dry.items[0].fields[0].path, "display");
	CHECK(dry.items[0].fields[0].from.n == 0);
	CHECK_STR(dry.items[0].fields[0].to, "\"New\"");
	fixture_done(&f);
}

MAIN()
