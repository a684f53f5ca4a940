/* The validator: every policy in every kind of request the schema allows. */
#include "cedar/validate.h"

enum { FINDINGS_MAX = 1000, ENV_MEMORY_MAX = 256 << 20, POLICY_MEMORY_MAX = 256 << 20 };

struct run {
	const cedar_policies *ps;
	const cedar_schema *schema;
	cedar_validate_opts opts;
	struct reporter report;
	struct rv_arena policy, env; /* memory for one of each */
	uint64_t stamp;
	cedar_error *err;
};
/* What the environments of one policy came to. */
struct verdicts {
	bool all_false;
};

static cedar_code check_env(
	struct run *r, struct node *whole, const struct request_env *env, struct verdicts *v)
{
	struct checker c = { .report = &r->report,
		.types = { r->schema, &r->env, !r->opts.is_permissive },
		.env = env,
		.stamp = ++r->stamp };
	rv_arena_clear(&r->env);
	struct answer a = cedar_tc_condition(&c, whole);
	bool is_false = a.type && a.type->kind == TY_FALSE;
	v->all_false &= is_false;
	if (r->opts.has_level && !c.is_full && (a.is_ok || is_false))
		cedar_level(&c, whole, r->opts.level);
	if (c.is_full || r->report.is_full)
		return CEDAR_FAIL_MEMORY(r->err);
	return CEDAR_OK;
}

/* What a slot may be filled with, for a variable of that type: `==` its own type, `in` every type
 * it may be in besides. The policy applies to nothing else. Returns the number; ret has room for
 * all. */
static size_t slot_types(
	const cedar_schema *s, const struct scope *scope, uint32_t var, uint32_t *ret)
{
	size_t n = 0;
	ret[n++] = scope->is_slot ? var : NO_TYPE;
	if (!scope->is_slot || scope->op == SCOPE_EQ)
		return n;
	for (uint32_t i = 0; i < s->n_types; i++)
		if (i != var &&
			cedar_u32_has(s->types[i].descendants, s->types[i].n_descendants, var))
			ret[n++] = i;
	return n;
}

static cedar_code check_slots(struct run *r, const struct policy *p, struct node *whole,
	struct request_env *env, uint32_t *room, struct verdicts *v)
{
	uint32_t *principals = room, *resources = room + r->schema->n_types + 1;
	size_t n = slot_types(r->schema, &p->principal, env->principal, principals);
	size_t m = slot_types(r->schema, &p->resource, env->resource, resources);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < m; k++) {
			env->principal_slot = principals[i];
			env->resource_slot = resources[k];
			CEDAR_TRY(check_env(r, whole, env, v));
		}
	return CEDAR_OK;
}

static cedar_code check_envs(struct run *r, const struct policy *p, struct node *whole)
{
	struct verdicts v = { true };
	const cedar_schema *s = r->schema;
	uint32_t *room = rv_arena_array(&r->policy, 2 * (s->n_types + 1), sizeof *room);
	if (!room)
		return CEDAR_FAIL_MEMORY(r->err);
	for (size_t i = 0; i < s->n_actions; i++) {
		const struct action_type *a = &s->actions[i];
		for (size_t k = 0; k < a->n_principals; k++)
			for (size_t m = 0; m < a->n_resources; m++) {
				struct request_env env = { .action = a,
					.principal = a->principals[k],
					.resource = a->resources[m] };
				CEDAR_TRY(check_slots(r, p, whole, &env, room, &v));
			}
	}
	if (v.all_false)
		cedar_found(&r->report, FINDING_IMPOSSIBLE_POLICY, (struct span){ 0 }, NULL,
			"the policy holds for no request that the schema allows");
	return CEDAR_OK;
}

/* Its template was checked as what it is; here what fills the slots. */
static void check_link(struct run *r, const struct policy *p)
{
	cedar_validate_slots(&r->report, r->schema, p->info.slot_principal);
	cedar_validate_slots(&r->report, r->schema, p->info.slot_resource);
	cedar_validate_scope(&r->report, r->schema, p, r->opts.inapplicable_is_warning);
}

static cedar_code check_policy(struct run *r, uint32_t i)
{
	const struct policy *p = &r->ps->list[i];
	struct node *whole, *condition;
	cedar_error e = { .code = CEDAR_OK };
	rv_arena_clear(&r->policy);
	cedar_report_policy(&r->report, p, i);
	if (p->info.is_linked) {
		check_link(r, p);
		return CEDAR_OK;
	}
	if (cedar_core_policy(&r->policy, p, &whole, &condition, &e) != CEDAR_OK) {
		cedar_found(
			&r->report, FINDING_TOO_DEEP, (struct span){ 0 }, NULL, "%s", e.message);
		return CEDAR_OK;
	}
	cedar_validate_names(&r->report, r->schema, p, condition);
	cedar_validate_scope(&r->report, r->schema, p, r->opts.inapplicable_is_warning);
	CEDAR_TRY(check_envs(r, p, whole));
	cedar_confusable(&r->report, whole);
	return CEDAR_OK;
}

cedar_code cedar_validate(const cedar_policies *ps, const cedar_schema *schema,
	const cedar_validate_opts *opts, cedar_scratch *s, cedar_report *ret, cedar_error *err)
{
	struct run r = { .ps = ps, .schema = schema, .err = err };
	cedar_code code = CEDAR_OK;
	if (opts)
		r.opts = *opts;
	r.report.arena = &s->arena;
	r.report.spill = &r.policy;
	r.report.max = r.opts.max_diagnostics ? r.opts.max_diagnostics : FINDINGS_MAX;
	rv_arena_init(&r.policy, POLICY_MEMORY_MAX);
	rv_arena_init(&r.env, ENV_MEMORY_MAX);
	for (uint32_t i = 0; code == CEDAR_OK && i < ps->n; i++) {
		code = check_policy(&r, i);
		cedar_report_policy_done(&r.report);
	}
	rv_arena_done(&r.policy);
	rv_arena_done(&r.env);
	if (code == CEDAR_OK && r.report.is_full)
		code = CEDAR_FAIL_MEMORY(err);
	if (code == CEDAR_OK)
		*ret = (cedar_report){ r.report.list, r.report.n, r.report.n_errors,
			r.report.n_warnings, r.report.is_cut };
	return code;
}
