#include "tests/gate/lab.h"

#include <stdio.h>

/* deploy-bot comes from make_worker. */
static const char COMPANY[] =
	"kind: Group\nname: finance\nspec: {members: [rob, olga]}\n---\n"
	"kind: Role\nname: buyer\nspec: {}\n---\n"
	"kind: Point\nname: gw\nspec: {kind: gateway, trust: enforce, systems: ['*']}\n---\n"
	"kind: Point\nname: narrow\nspec: {kind: gateway, trust: enforce, systems: "
	"[ads-bot]}\n---\n"
	"kind: Point\nname: watcher\nspec: {kind: proxy, trust: observe, systems: ['*']}\n---\n"
	"kind: Point\nname: teller\nspec: {kind: hook, trust: claim, systems: ['*']}\n---\n"
	"kind: Point\nname: strict\nspec: {kind: exec, trust: enforce, systems: ['*'], "
	"subject_token: required}\n---\n"
	"kind: Point\nname: surveyor\nspec: {kind: gateway, trust: enforce, systems: ['*'], "
	"overlays: [Service.environment, Service.colour]}\n---\n"
	"kind: Resource\nname: Service/shop\nspec: {environment: production, owner: olga, "
	"effects: {release: write, look: read}}\n---\n"
	"kind: Resource\nname: Service/lab\nspec: {environment: staging, "
	"effects: {release: write, look: read}}\n---\n"
	"kind: Resource\nname: Table/payroll\nspec: {data_class: financial, "
	"effects: {read: read}}\n---\n"
	"kind: Resource\nname: Account/ads\nspec: {effects: {spend: write}}\n";

static const char SYSTEMS[] =
	"kind: System\nname: ads-bot\nspec:\n"
	"  class: worker\n  owner: olga\n  role: buyer\n  team: platform\n"
	"  dimensions: {trigger: 2, persistence: 2, autonomy: 2, scope: 1, identity: 2}\n"
	"  purpose: buys\n  environment: production\n"
	"  access: [{resource: 'Account/*', actions: [spend]}]\n"
	"  actions: {autonomous: [spend]}\n"
	"  failure: {plan: stop, call: olga}\n  escalation: [{to: olga, within: 15m}]\n"
	"  review: {cadence: 90d}\n  output_reviewer: rita\n"
	"  limits:\n"
	"    - {name: budget, unit: money, currency: EUR, max: '100.00', per: day, "
	"actions: [spend]}\n"
	"    - {name: gifts, unit: money, currency: EUR, max: '10.00', per: day, actions: [give], "
	"excess: hold, approvers: [finance]}\n"
	"    - {name: posts, unit: count, max: '3', per: hour, actions: [post]}\n"
	"---\n"
	"kind: System\nname: mail-agent\nspec:\n"
	"  class: agent\n  owner: olga\n"
	"  dimensions: {trigger: 1, persistence: 1, autonomy: 1, scope: 1, identity: 1}\n"
	"  purpose: answers mail\n  actions: {autonomous: [look]}\n"
	"---\n"
	"kind: System\nname: faq-bot\nspec:\n"
	"  class: assistant\n  owner: olga\n"
	"  dimensions: {trigger: 0, persistence: 0, autonomy: 0, scope: 0, identity: 0}\n"
	"  purpose: answers questions\n"
	"  usage_policy: {version: '1', text: Be kind.}\n"
	"---\n"
	"kind: System\nname: sub-bot\nspec:\n"
	"  class: worker\n  owner: olga\n  role: releaser\n  parent: deploy-bot\n"
	"  dimensions: {trigger: 2, persistence: 2, autonomy: 2, scope: 1, identity: 2}\n"
	"  purpose: helps\n  environment: production\n"
	"  access: [{resource: 'Service/*', actions: [release]}]\n"
	"  actions: {autonomous: [release]}\n"
	"  limits: none\n  failure: {plan: stop, call: olga}\n"
	"  escalation: [{to: olga, within: 15m}]\n"
	"  review: {cadence: 90d}\n  output_reviewer: rita\n";

static void must(struct fixture *f, const char *what, enum rv_code code)
{
	if (code == RV_OK)
		return;
	fprintf(stderr, "lab: %s: %s %s:%u\n", what, f->err.msg, f->err.where, f->err.line);
	abort();
}

static enum rv_code approve_waiting(struct fixture *f)
{
	struct rv_db_change *rows;
	size_t n;
	enum rv_code code = AS(f, "ada", rv_change_list, true, &rows, &n);
	for (size_t i = 0; code == RV_OK && i < n; i++)
		code = AS(f, "ada", rv_change_decide, rows[i].id, true, RV_STR("looked at"));
	return code;
}

static enum rv_code apply_two(struct fixture *f, const char *yaml)
{
	enum rv_code code = apply_text(f, "gus", yaml, NULL, NULL);
	return code == RV_OK ? approve_waiting(f) : code;
}

static void bring_to_life(struct fixture *f, const char *name)
{
	struct rv_issued cred;
	struct rv_str s = rv_str_of(name);
	must(f, name, AS(f, "gus", rv_system_approve, s, 0, RV_STR("fine")));
	must(f, name,
		AS(f, "olga", rv_credential_issue, RV_CRED_SYSTEM, s, RV_STR("first"),
			300 * RV_DAY_NS, &cred));
	must(f, name, AS(f, "olga", rv_system_activate, s));
}

static struct fixture base;
static bool has_base;

static void make_base(void)
{
	static const char *const names[] = { "ads-bot", "mail-agent", "faq-bot", "sub-bot" };
	const struct rv_apply_opts submit = { .submit = true };
	fixture_open(&base, false);
	make_people(&base);
	make_worker(&base);
	must(&base, "company", apply_two(&base, COMPANY));
	must(&base, "systems", apply_text(&base, "olga", SYSTEMS, &submit, NULL));
	for (size_t i = 0; i < RV_COUNT(names); i++)
		bring_to_life(&base, names[i]);
	fixture_close(&base);
	has_base = true;
}

void lab_end(void)
{
	if (has_base)
		fixture_done(&base);
	has_base = false;
}

void lab_open(struct lab *l)
{
	struct rv_err err = { 0 };
	if (!has_base)
		make_base();
	fixture_copy(&l->f, &base);
	fixture_reopen(&l->f, true);
	rv_clock_advance(&l->f.clock, 3600 * RV_NS_PER_S); /* all of that was an hour ago */
	must(&l->f, "gate", rv_gate_new(l->f.gov, l->f.ledger, &l->gate, &err));
}

void lab_done(struct lab *l)
{
	rv_control_stop(l->f.gov);
	rv_gate_free(l->gate);
	fixture_done(&l->f);
}

void lab_reopen(struct lab *l)
{
	struct rv_err err = { 0 };
	rv_control_stop(l->f.gov);
	rv_gate_free(l->gate);
	fixture_reopen(&l->f, true);
	must(&l->f, "gate", rv_gate_new(l->f.gov, l->f.ledger, &l->gate, &err));
}

/* ---- asking ---- */

struct wait {
	pthread_mutex_t lock;
	pthread_cond_t there;
	bool is_there;
	const struct rv_gate_answer *answer;
	struct lab_answer *ret;
};

static void copy_str(char *to, size_t n, const struct rv_json *v)
{
	to[0] = '\0';
	if (rv_json_is(v, RV_JSON_STR))
		snprintf(to, n, "%.*s", RV_FMT(v->str));
}

static void read_answer(struct rv_str json, struct lab_answer *ret)
{
	const struct rv_json *v, *reasons;
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 1 << 22);
	snprintf(ret->text, sizeof ret->text, "%.*s", RV_FMT(json));
	if (rv_json_parse(&a, json, NULL, &v, NULL) != RV_OK) {
		test_fail(__FILE__, __LINE__, "not JSON: %.*s", RV_FMT(json));
		return;
	}
	copy_str(ret->id, sizeof ret->id, rv_json_get(v, "id"));
	copy_str(ret->digest, sizeof ret->digest, rv_json_get(v, "digest"));
	copy_str(
		ret->approval, sizeof ret->approval, rv_json_get(rv_json_get(v, "approval"), "id"));
	copy_str(ret->intent, sizeof ret->intent, rv_json_get(rv_json_get(v, "intent"), "id"));
	reasons = rv_json_get(v, "reasons");
	if (!rv_json_is(reasons, RV_JSON_ARR) || reasons->n_items == 0)
		return;
	copy_str(ret->first, sizeof ret->first, rv_json_get(reasons->items[0], "code"));
	if (!ret->first[0])
		copy_str(ret->first, sizeof ret->first, rv_json_get(reasons->items[0], "policy"));
}

static void answered(void *arg, const struct rv_gate_answer *a)
{
	struct wait *w = arg;
	w->ret->outcome = a->outcome;
	w->ret->code = a->code;
	if (a->code != RV_OK)
		snprintf(w->ret->msg, sizeof w->ret->msg, "%s", a->err.msg);
	else
		read_answer(a->reeve_json, w->ret);
	pthread_mutex_lock(&w->lock);
	w->is_there = true;
	pthread_cond_signal(&w->there);
	pthread_mutex_unlock(&w->lock);
}

static const struct rv_json *object(struct rv_arena *a, const char *text)
{
	const struct rv_json *v = NULL;
	struct rv_err err = { 0 };
	if (text && rv_json_parse(a, rv_str_of(text), NULL, &v, &err) != RV_OK)
		test_fail(__FILE__, __LINE__, "%s: %s", text, err.msg);
	return v;
}

static struct rv_actor actor_of(const struct lab_question *q)
{
	struct rv_actor a = { .type = RV_ACTOR_POINT, .id = rv_str_of(q->asker) };
	bool is_self = strcmp(q->asker, "self") == 0;
	if (is_self || rv_str_starts(a.id, RV_STR("system:"))) {
		a.type = RV_ACTOR_SYSTEM;
		a.id = is_self ? rv_str_of(q->system) : rv_str_sub(a.id, 7, a.id.n);
	}
	return a;
}

void lab_ask(struct lab *l, const struct lab_question *q, struct lab_answer *ret)
{
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 1 << 26);
	struct wait w = { .ret = ret };
	*ret = (struct lab_answer){ .outcome = RV_OUTCOME_UNSET };
	rv_assert(pthread_mutex_init(&w.lock, NULL) == 0 && pthread_cond_init(&w.there, NULL) == 0);
	const struct rv_gate_ask ask = {
		.caller = actor_of(q),
		.subject_token = q->token ? rv_str_of(q->token) : RV_STR(""),
		.subject_type = RV_STR_INIT("System"),
		.subject_id = rv_str_of(q->system),
		.action = rv_str_of(q->action),
		.resource_type = rv_str_of(q->type),
		.resource_id = rv_str_of(q->id),
		.resource_properties = object(&a, q->props),
		.context = object(&a, q->context),
		.request_id = q->request_id ? rv_str_of(q->request_id) : RV_STR(""),
	};
	rv_gate_decide(l->gate, &a, &ask, answered, &w);
	pthread_mutex_lock(&w.lock);
	while (!w.is_there)
		pthread_cond_wait(&w.there, &w.lock);
	pthread_mutex_unlock(&w.lock);
	pthread_cond_destroy(&w.there);
	pthread_mutex_destroy(&w.lock);
}

/* ---- policies ---- */

enum rv_code lab_apply(struct lab *l, const char *yaml)
{
	return apply_two(&l->f, yaml);
}

enum rv_code lab_publish(struct lab *l, const char *cedar)
{
	struct fixture *f = &l->f;
	const struct rv_source src = { "case.cedar", rv_str_of(cedar) };
	const struct rv_apply_opts opts = { .dry_run = false };
	struct rv_manifest_set set;
	struct rv_apply_report r;
	rv_err_clear(&f->err);
	enum rv_code code = rv_manifest_read(&f->arena, &src, 1, &set, &f->err);
	if (code == RV_OK)
		code = AS(f, "gus", rv_apply, &set, &opts, &r);
	return code == RV_OK ? approve_waiting(f) : code;
}

/* ---- the log ---- */

struct count {
	const char *text;
	size_t n;
};

static bool count_one(void *arg, const struct rv_ledger_entry *e)
{
	struct count *c = arg;
	c->n += !c->text[0] || memmem(e->event.p, e->event.n, c->text, strlen(c->text)) != NULL;
	return true;
}

size_t lab_logged(struct lab *l, const char *kind, const char *text)
{
	struct count c = { text, 0 };
	struct rv_err err = { 0 };
	const struct rv_ledger_query q = { .kind = rv_str_of(kind), .limit = SIZE_MAX };
	if (rv_ledger_search(l->f.ledger, &q, count_one, &c, NULL, &err) != RV_OK)
		test_fail(__FILE__, __LINE__, "search: %s", err.msg);
	return c.n;
}
