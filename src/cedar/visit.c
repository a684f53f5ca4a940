/* What a policy names. */
#include "cedar/cedar_int.h"

struct visit {
	cedar_name_cb *cb;
	void *arg;
};

static void on_uid(const struct visit *v, const cedar_uid *uid)
{
	if (uid)
		v->cb(v->arg, uid->type, uid);
}

static void scope(const struct visit *v, const struct scope *s)
{
	if (s->op == SCOPE_IS || s->op == SCOPE_IS_IN)
		v->cb(v->arg, s->type, NULL);
	on_uid(v, s->uid);
	for (size_t i = 0; i < s->n_list; i++)
		on_uid(v, s->list[i]);
}

/* Depth is bounded by the parser. */
static void expr(const struct visit *v, const struct expr *e)
{
	const struct expr *const kids[] = { e->a, e->b, e->c };
	if (e->op == OP_LIT && e->lit.kind == CEDAR_ENTITY)
		on_uid(v, e->lit.u.uid);
	if (e->op == OP_IS)
		v->cb(v->arg, e->name, NULL);
	for (size_t i = 0; i < RV_COUNT(kids); i++)
		if (kids[i])
			expr(v, kids[i]);
	if (e->op == OP_SET || e->op == OP_RECORD || e->op == OP_CALL)
		for (uint32_t i = 0; i < e->n; i++)
			expr(v, e->items[i]);
}

void cedar_policy_names(const cedar_policies *ps, size_t i, cedar_name_cb *cb, void *arg)
{
	const struct visit v = { cb, arg };
	const struct policy *p = &ps->list[i];
	scope(&v, &p->principal);
	scope(&v, &p->action);
	scope(&v, &p->resource);
	for (size_t k = 0; k < p->n_conditions; k++)
		expr(&v, p->conditions[k].expr);
}
