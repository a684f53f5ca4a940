/* What a case can do besides asking: the verbs of "do:". */
#include <stdarg.h>
#include <stdio.h>

#include "tests/gate/cases.h"

void cases_fail(struct runner *r, const char *fmt, ...)
{
	char text[3000];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	test_fail(r->file, (int)r->line, "case '%.*s': %s", RV_FMT(r->name), text);
}

const char *cases_z(struct runner *r, struct rv_str s)
{
	const char *p = rv_arena_printf(&r->arena, "%.*s", RV_FMT(s));
	rv_assert(p);
	return p;
}

struct rv_str cases_word(struct rv_str *rest)
{
	struct rv_str w;
	*rest = rv_str_trim(*rest);
	if (!rv_str_split(rest, ' ', &w))
		return RV_STR("");
	return w;
}

typedef enum rv_code verb_fn(struct runner *r, struct rv_str *rest);

static enum rv_code vote(struct runner *r, struct rv_str *rest, bool approve)
{
	struct rv_hold h;
	struct rv_str id = rv_str_of(r->approval);
	return AS(&r->lab.f, cases_z(r, cases_word(rest)), rv_hold_vote, id, rv_str_of(r->digest),
		approve, rv_str_trim(*rest), &h);
}

static enum rv_code verb_approve(struct runner *r, struct rv_str *rest)
{
	return vote(r, rest, true);
}

static enum rv_code verb_deny(struct runner *r, struct rv_str *rest)
{
	return vote(r, rest, false);
}

/* vote-as-machine KIND NAME */
static enum rv_code verb_machine_vote(struct runner *r, struct rv_str *rest)
{
	struct fixture *f = &r->lab.f;
	struct rv_hold h;
	enum rv_actor_type t =
		rv_str_eqz(cases_word(rest), "point") ? RV_ACTOR_POINT : RV_ACTOR_SYSTEM;
	struct rv_op *op = as_type(f, t, cases_z(r, cases_word(rest)));
	return end(f,
		rv_hold_vote(op, rv_str_of(r->approval), rv_str_of(r->digest), true, RV_STR(""), &h,
			&f->err));
}

static enum rv_code verb_withdraw(struct runner *r, struct rv_str *rest)
{
	return AS(&r->lab.f, cases_z(r, cases_word(rest)), rv_hold_withdraw, rv_str_of(r->approval),
		RV_STR("no longer needed"));
}

static enum rv_code verb_wait(struct runner *r, struct rv_str *rest)
{
	int64_t ns;
	if (!rv_duration_parse(cases_word(rest), &ns))
		return RV_EINVAL;
	rv_clock_advance(&r->lab.f.clock, ns);
	return RV_OK;
}

static enum rv_code verb_suspend(struct runner *r, struct rv_str *rest)
{
	const char *who = cases_z(r, cases_word(rest));
	r->lab.f.job_kind = RV_JOB_STOP;
	return AS(&r->lab.f, who, rv_system_suspend, cases_word(rest), RV_STR("stop it"));
}

static enum rv_code verb_resume(struct runner *r, struct rv_str *rest)
{
	const char *who = cases_z(r, cases_word(rest));
	return AS(&r->lab.f, who, rv_system_resume, cases_word(rest), RV_STR("go on"));
}

static enum rv_code verb_freeze(struct runner *r, struct rv_str *rest)
{
	const char *who = cases_z(r, cases_word(rest));
	const struct rv_selector sel = { .name = cases_word(rest) };
	int64_t n;
	r->lab.f.job_kind = RV_JOB_STOP;
	return AS(&r->lab.f, who, rv_freeze, &sel, RV_STR("hold it"), &n);
}

static enum rv_code verb_thaw(struct runner *r, struct rv_str *rest)
{
	const char *who = cases_z(r, cases_word(rest));
	const struct rv_selector sel = { .name = cases_word(rest) };
	int64_t n;
	return AS(&r->lab.f, who, rv_thaw, &sel, RV_STR("go on"), &n);
}

static enum rv_code verb_offboard(struct runner *r, struct rv_str *rest)
{
	const char *who = cases_z(r, cases_word(rest));
	r->lab.f.job_kind = RV_JOB_STOP;
	return AS(&r->lab.f, who, rv_system_offboard, cases_word(rest), RV_STR("enough"));
}

static enum rv_code verb_disable(struct runner *r, struct rv_str *rest)
{
	return AS(&r->lab.f, "ada", rv_person_disable, cases_word(rest), RV_STR("left"));
}

static enum rv_code verb_restart(struct runner *r, struct rv_str *rest)
{
	(void)rest;
	lab_reopen(&r->lab);
	return RV_OK;
}

/* release PERSON: what the last allowed act reserved */
static enum rv_code verb_release(struct runner *r, struct rv_str *rest)
{
	return AS(&r->lab.f, cases_z(r, cases_word(rest)), rv_limit_release,
		rv_str_of(r->answer.intent), RV_STR("it never happened"));
}

/* outcome POINT STATUS [LIMIT AMOUNT] */
static enum rv_code verb_outcome(struct runner *r, struct rv_str *rest)
{
	struct fixture *f = &r->lab.f;
	struct rv_str event;
	const char *who = cases_z(r, cases_word(rest));
	struct rv_gate_outcome o = { .intent = rv_str_of(r->answer.intent),
		.status = cases_word(rest) };
	struct rv_str limit = cases_word(rest), amount = cases_word(rest);
	if (limit.n > 0) {
		const char *text = rv_arena_printf(
			&r->arena, "{\"%.*s\":\"%.*s\"}", RV_FMT(limit), RV_FMT(amount));
		if (rv_json_parse(&r->arena, rv_str_of(text), NULL, &o.settle, NULL) != RV_OK)
			return RV_EINVAL;
	}
	bool is_system = strncmp(who, "system:", 7) == 0;
	struct rv_op *op =
		as_type(f, is_system ? RV_ACTOR_SYSTEM : RV_ACTOR_POINT, is_system ? who + 7 : who);
	return end(f, rv_gate_outcome(r->lab.gate, op, &o, &event, &f->err));
}

static enum rv_code verb_remove_policy(struct runner *r, struct rv_str *rest)
{
	struct rv_str change;
	const char *who = cases_z(r, cases_word(rest)), *second = cases_z(r, cases_word(rest));
	enum rv_code code = AS(&r->lab.f, who, rv_policy_remove, RV_STR("case"), &change);
	if (code == RV_OK && second[0])
		code = AS(&r->lab.f, second, rv_change_decide, change, true, RV_STR("yes"));
	return code;
}

/* edit PERSON: a forbid more, which one person may publish */
static enum rv_code verb_edit(struct runner *r, struct rv_str *rest)
{
	return apply_text(&r->lab.f, cases_z(r, cases_word(rest)),
		"kind: Policy\nname: other\nspec: {cedar: 'forbid (principal, action, resource == "
		"Reeve::Resource::\"Service/none\");'}\n",
		NULL, NULL);
}

/* widen PERSON: a new version of deploy-bot's profile, which waits; confirm PERSON: into force */
static enum rv_code verb_widen(struct runner *r, struct rv_str *rest)
{
	return apply_text(&r->lab.f, cases_z(r, cases_word(rest)),
		"kind: System\nname: deploy-bot\nspec:\n"
		"  class: worker\n  owner: olga\n  role: releaser\n  team: platform\n"
		"  dimensions: {trigger: 2, persistence: 2, autonomy: 2, scope: 1, identity: 2}\n"
		"  purpose: releases more\n  environment: production\n"
		"  access: [{resource: 'Service/site-*', actions: [release]}]\n"
		"  actions: {autonomous: [build], approval: [release], never: [delete]}\n"
		"  limits: none\n  failure: {plan: stop, call: olga}\n  escalation: [{to: olga, "
		"within: 15m}]\n"
		"  review: {cadence: 90d}\n  output_reviewer: rita\n",
		NULL, NULL);
}

static enum rv_code confirm(struct runner *r, struct rv_str *rest, const char *name)
{
	return AS(&r->lab.f, cases_z(r, cases_word(rest)), rv_system_approve, rv_str_of(name), 0,
		RV_STR("fine"));
}

static enum rv_code verb_confirm(struct runner *r, struct rv_str *rest)
{
	return confirm(r, rest, "deploy-bot");
}

/* observe PERSON: a profile under which the system is only observed; it waits, as a widening. The
 * profiles are those of the lab and the fixture, and one line more. */
static enum rv_code observe(
	struct runner *r, struct rv_str *rest, const char *name, const char *more)
{
	const char *yaml = rv_arena_printf(&r->arena,
		"kind: System\nname: %s\nspec:\n  class: worker\n  owner: olga\n  observe: true\n"
		"  dimensions: {trigger: 2, persistence: 2, autonomy: 2, scope: 1, identity: 2}\n"
		"  environment: production\n  failure: {plan: stop, call: olga}\n"
		"  escalation: [{to: olga, within: 15m}]\n  review: {cadence: 90d}\n"
		"  output_reviewer: rita\n  actions: {approval: [release], never: [delete]}\n%s",
		name, more);
	return yaml ? apply_text(&r->lab.f, cases_z(r, cases_word(rest)), yaml, NULL, NULL)
		    : RV_ENOMEM;
}

static enum rv_code verb_observe(struct runner *r, struct rv_str *rest)
{
	return observe(r, rest, "deploy-bot",
		"  role: releaser\n  team: platform\n  purpose: releases\n  limits: none\n"
		"  access: [{resource: 'Service/site-*', actions: [release]}]\n");
}

static enum rv_code verb_observe_child(struct runner *r, struct rv_str *rest)
{
	return observe(r, rest, "sub-bot",
		"  role: releaser\n  parent: deploy-bot\n  purpose: helps\n  limits: none\n"
		"  access: [{resource: 'Service/*', actions: [release]}]\n");
}

static enum rv_code verb_observe_ads(struct runner *r, struct rv_str *rest)
{
	return observe(r, rest, "ads-bot",
		"  role: buyer\n  team: platform\n  purpose: buys\n"
		"  access: [{resource: 'Account/*', actions: [spend]}]\n"
		"  limits: [{name: posts, unit: count, max: '3', per: hour, actions: [post]}]\n");
}

static enum rv_code verb_confirm_child(struct runner *r, struct rv_str *rest)
{
	return confirm(r, rest, "sub-bot");
}

static enum rv_code verb_confirm_ads(struct runner *r, struct rv_str *rest)
{
	return confirm(r, rest, "ads-bot");
}

/* What was looked at was something else. */
static enum rv_code verb_approve_other(struct runner *r, struct rv_str *rest)
{
	struct rv_hold h;
	return AS(&r->lab.f, cases_z(r, cases_word(rest)), rv_hold_vote, rv_str_of(r->approval),
		RV_STR("sha256:00"), true, RV_STR(""), &h);
}

static enum rv_code verb_tick(struct runner *r, struct rv_str *rest)
{
	(void)rest;
	rv_control_tick(r->lab.f.gov);
	return RV_OK;
}

static const struct {
	const char *name;
	verb_fn *fn;
} verbs[] = {
	{ "edit", verb_edit },
	{ "widen", verb_widen },
	{ "confirm", verb_confirm },
	{ "observe", verb_observe },
	{ "observe-child", verb_observe_child },
	{ "observe-ads", verb_observe_ads },
	{ "confirm-child", verb_confirm_child },
	{ "confirm-ads", verb_confirm_ads },
	{ "approve-other", verb_approve_other },
	{ "tick", verb_tick },
	{ "approve", verb_approve },
	{ "deny", verb_deny },
	{ "machine-vote", verb_machine_vote },
	{ "withdraw", verb_withdraw },
	{ "wait", verb_wait },
	{ "suspend", verb_suspend },
	{ "resume", verb_resume },
	{ "freeze", verb_freeze },
	{ "thaw", verb_thaw },
	{ "offboard", verb_offboard },
	{ "disable", verb_disable },
	{ "restart", verb_restart },
	{ "release", verb_release },
	{ "outcome", verb_outcome },
	{ "remove-policy", verb_remove_policy },
};

void cases_do(struct runner *r, struct rv_str rest)
{
	struct rv_str name = cases_word(&rest);
	for (size_t i = 0; i < RV_COUNT(verbs); i++)
		if (rv_str_eqz(name, verbs[i].name)) {
			rv_err_clear(&r->lab.f.err);
			r->code = verbs[i].fn(r, &rest);
			r->has_answer = false;
			return;
		}
	cases_fail(r, "no verb '%.*s'", RV_FMT(name));
}
