/* Every action that is named somewhere, put to the engine for everything in the catalogue. */
#include "gate/charter_int.h"

/* ---- which actions ---- */

static bool is_group(struct rv_str name)
{
	static const char *const groups[] = { "read", "write", "destructive", "external", "use" };
	for (size_t i = 0; i < RV_COUNT(groups); i++)
		if (rv_str_eqz(name, groups[i]))
			return true;
	return false;
}

static void add_action(struct charter *c, struct rv_str name)
{
	for (size_t i = 0; i < c->n_actions; i++)
		if (rv_str_eq(c->actions[i], name))
			return;
	if (name.n == 0)
		return;
	if (c->n_actions == CHARTER_ACTIONS_MAX)
		c->is_cut = true;
	else
		c->actions[c->n_actions++] = name;
}

/* A thing that a policy names, whether it is in the catalogue or not. */
static void add_named(struct charter *c, struct rv_str type, struct rv_str id)
{
	size_t slash = rv_str_find(id, '/', 0);
	if (rv_str_eqz(type, "Reeve::Resource")) {
		if (slash == SIZE_MAX || slash == 0)
			return;
		type = rv_str_sub(id, 0, slash);
		id = rv_str_sub(id, slash + 1, id.n);
	} else if (rv_str_starts(type, RV_STR("Reeve::")) ||
		rv_str_find(type, ':', 0) == SIZE_MAX) {
		return;
	}
	for (size_t i = 0; i < c->n_resources; i++)
		if (rv_str_eq(c->resources[i].type, type) && rv_str_eq(c->resources[i].id, id))
			return;
	if (c->n_resources == c->cap_resources)
		c->is_cut = true;
	else
		c->resources[c->n_resources++] =
			(struct rv_db_resource){ .type = type, .id = id, .active = 1 };
}

static void on_name(void *arg, cedar_str type, const cedar_uid *uid)
{
	if (!uid)
		return;
	struct rv_str name = rv_str_n(uid->id.p, uid->id.n);
	if (!rv_str_eqz(rv_str_n(type.p, type.n), "Reeve::Action"))
		add_named(arg, rv_str_n(type.p, type.n), name);
	else if (!is_group(name))
		add_action(arg, name);
}

static void add_list(struct charter *c, const struct rv_json *list)
{
	for (size_t i = 0; rv_json_is(list, RV_JSON_ARR) && i < list->n_items; i++) {
		const struct rv_json *v = list->items[i], *name = rv_json_get(v, "action");
		if (v->type == RV_JSON_STR)
			add_action(c, v->str);
		else if (rv_json_is(name, RV_JSON_STR))
			add_action(c, name->str);
	}
}

static enum rv_code add_profile(
	struct charter *c, const struct rv_db_system_version *v, struct rv_err *err)
{
	static const char *const lists[] = { "autonomous", "approval", "escalate", "never" };
	const struct rv_json *spec;
	RV_TRY(rv_json_parse(c->op->arena, v->body, NULL, &spec, err));
	const struct rv_json *access = rv_json_get(spec, "access");
	for (size_t i = 0; i < RV_COUNT(lists); i++)
		add_list(c, rv_json_get(rv_json_get(spec, "actions"), lists[i]));
	for (size_t i = 0; rv_json_is(access, RV_JSON_ARR) && i < access->n_items; i++)
		add_list(c, rv_json_get(access->items[i], "actions"));
	return RV_OK;
}

/* What the catalogue describes of each thing. */
static void add_effects(struct charter *c)
{
	for (size_t i = 0; i < c->n_resources; i++) {
		const struct rv_snap_resource *r =
			rv_snap_resource(c->d->snap, c->resources[i].type, c->resources[i].id);
		for (size_t k = 0; r && k < r->n_effects; k++)
			add_action(c, r->actions[k]);
	}
}

static int by_name(const void *a, const void *b)
{
	return rv_str_cmp(*(const struct rv_str *)a, *(const struct rv_str *)b);
}

static enum rv_code find_actions(struct charter *c, struct rv_err *err)
{
	struct rv_db_system row;
	struct rv_db_system_version v;
	const cedar_policies *ps = rv_snap_policies(c->d->snap);
	c->actions = rv_arena_array(c->op->arena, CHARTER_ACTIONS_MAX, sizeof *c->actions);
	if (!c->actions)
		return RV_FAIL_ARENA(err);
	RV_TRY(rv_system_get(c->op, c->system->name, &row, &v, err));
	RV_TRY(add_profile(c, &v, err));
	for (size_t i = 0; i < cedar_policies_count(ps); i++)
		cedar_policy_names(ps, i, on_name, c);
	add_effects(c);
	if (c->n_actions > 1)
		qsort(c->actions, c->n_actions, sizeof *c->actions, by_name);
	return RV_OK;
}

/* ---- asking ---- */

/* A clause that looks at the request's context: another request may make it come out otherwise. */
static bool looks_at_request(const cedar_clause *cl)
{
	return memmem(cl->at.text.p, cl->at.text.n, "context", 7) != NULL;
}

/* The condition under which this policy would speak of such requests, if it is one of the request;
 * empty: it speaks or is silent whatever the request says. */
static struct rv_str condition_of(struct charter *c, const cedar_policy_trace *t)
{
	RV_AUTO_BUF b;
	rv_buf_init(&b, 1 << 16);
	for (size_t i = 0; i < t->n_clauses; i++) {
		const cedar_clause *cl = &t->clauses[i];
		if (!looks_at_request(cl)) {
			if (cl->outcome == CEDAR_IS_FALSE)
				return RV_STR("");
			continue;
		}
		rv_buf_printf(&b, "%s%s%.*s%s", b.n ? " and " : "", cl->is_unless ? "not (" : "",
			RV_FMT(cl->at.text), cl->is_unless ? ")" : "");
	}
	struct rv_str s = rv_arena_str(c->op->arena, rv_buf_str(&b));
	return s.p ? s : RV_STR("");
}

/* Of a denial only what forbids without exception is a reason: a forbid that people may set aside
 * stops nothing that nobody permits. */
static bool is_reason(const struct charter_line *l, const struct rv_policy_note *n)
{
	return !n->is_observed && (l->outcome != RV_DENY || n->n_groups == 0);
}

static void add_maybe(struct charter *c, struct charter_line *l, const cedar_explanation *why)
{
	for (size_t i = 0; i < why->n_policies && l->n_maybe < CHARTER_SPOKEN_MAX; i++) {
		const cedar_policy_trace *t = &why->policies[i];
		const struct rv_policy_note *n = rv_snap_note(c->d->snap, t->policy);
		struct rv_str when = n->is_observed ? RV_STR("") : condition_of(c, t);
		/* A permit more changes nothing for what is allowed already. */
		bool matters = n->is_forbid || l->outcome == RV_DENY;
		if (when.n == 0 || !matters)
			continue;
		l->maybe[l->n_maybe].note = n;
		l->maybe[l->n_maybe++].when = when;
	}
}

static void add_spoken(struct charter *c, struct charter_line *l, const cedar_answer *a)
{
	const uint32_t *const lists[] = { a->forbids, a->permits };
	const size_t counts[] = { a->n_forbids, l->outcome == RV_ALLOW ? a->n_permits : 0 };
	for (size_t i = 0; i < RV_COUNT(lists); i++)
		for (size_t k = 0; k < counts[i] && l->n_spoken < CHARTER_SPOKEN_MAX; k++) {
			const struct rv_policy_note *n = rv_snap_note(c->d->snap, lists[i][k]);
			if (is_reason(l, n))
				l->spoken[l->n_spoken++] = n;
		}
}

static bool same_reasons(const struct charter_line *a, const struct charter_line *b)
{
	bool same = a->outcome == b->outcome && a->n_spoken == b->n_spoken &&
		a->n_maybe == b->n_maybe &&
		(a->code == b->code || (a->code && b->code && strcmp(a->code, b->code) == 0));
	for (size_t i = 0; same && i < a->n_spoken; i++)
		same = a->spoken[i] == b->spoken[i];
	for (size_t i = 0; same && i < a->n_maybe; i++)
		same = a->maybe[i].note == b->maybe[i].note;
	return same;
}

static bool is_alike(const struct charter_line *a, const struct charter_line *b)
{
	return rv_str_eq(a->actions[0], b->actions[0]) && same_reasons(a, b);
}

static bool same_resources(const struct charter_line *a, const struct charter_line *b)
{
	bool same = a->n_resources == b->n_resources;
	for (size_t i = 0; same && i < a->n_resources; i++)
		same = rv_str_eq(a->resources[i], b->resources[i]);
	return same;
}

/* What holds of several actions on the same things is one sentence. */
static enum rv_code merge(struct charter *c, struct rv_err *err)
{
	size_t n = 0;
	for (size_t i = 0; i < c->n_lines; i++) {
		size_t k = 0;
		while (k < n &&
			!(same_reasons(&c->lines[k], &c->lines[i]) &&
				same_resources(&c->lines[k], &c->lines[i])))
			k++;
		if (k == n) {
			c->lines[n++] = c->lines[i];
			continue;
		}
		struct charter_line *l = &c->lines[k];
		struct rv_str *more = rv_arena_array(c->op->arena, l->n_actions + 1, sizeof *more);
		if (!more)
			return RV_FAIL_ARENA(err);
		memcpy(more, l->actions, l->n_actions * sizeof *more);
		more[l->n_actions++] = c->lines[i].actions[0];
		l->actions = more;
	}
	c->n_lines = n;
	return RV_OK;
}

static struct charter_line *line_for(struct charter *c, const struct charter_line *like)
{
	for (size_t i = 0; i < c->n_lines; i++)
		if (is_alike(&c->lines[i], like))
			return &c->lines[i];
	if (c->n_lines == c->cap_lines) {
		size_t cap = c->cap_lines ? c->cap_lines * 2 : 32;
		struct charter_line *more = rv_arena_array(c->op->arena, cap, sizeof *more);
		if (!more)
			return NULL;
		if (c->n_lines > 0)
			memcpy(more, c->lines, c->n_lines * sizeof *more);
		c->lines = more;
		c->cap_lines = cap;
	}
	c->lines[c->n_lines] = *like;
	return &c->lines[c->n_lines++];
}

static enum rv_code add_resource(struct charter *c, struct charter_line *l,
	const struct rv_db_resource *r, struct rv_err *err)
{
	const char *name =
		rv_arena_printf(c->op->arena, "%.*s/%.*s", RV_FMT(r->type), RV_FMT(r->id));
	if (l->n_resources == l->cap_resources) {
		size_t cap = l->cap_resources ? l->cap_resources * 2 : 8;
		struct rv_str *more = rv_arena_array(c->op->arena, cap, sizeof *more);
		if (!more)
			return RV_FAIL_ARENA(err);
		if (l->n_resources > 0)
			memcpy(more, l->resources, l->n_resources * sizeof *more);
		l->resources = more;
		l->cap_resources = cap;
	}
	if (!name)
		return RV_FAIL_ARENA(err);
	l->resources[l->n_resources++] = rv_str_of(name);
	return RV_OK;
}

static enum rv_code ask_one(
	struct charter *c, struct rv_str action, const struct rv_db_resource *r, struct rv_err *err)
{
	struct rv_decision *d = c->d;
	struct rv_gate_ask *q = (struct rv_gate_ask *)(uintptr_t)d->ask;
	cedar_scratch *s = rv_gate_scratch();
	cedar_explanation why;
	cedar_error e = { .code = CEDAR_OK };
	q->action = action;
	q->resource_type = r->type;
	q->resource_id = r->id;
	RV_TRY(rv_gate_facts(d, s, err));
	rv_gate_policy(d, s);
	if (cedar_explain(rv_snap_policies(d->snap), rv_snap_entities(d->snap), &d->rq, s, &why,
		    &e) != CEDAR_OK)
		return RV_FAIL(err, RV_ELIMIT, "cannot explain: %s", e.message);
	struct charter_line like = { .actions = rv_arena_alloc(c->op->arena, sizeof action),
		.n_actions = 1,
		.outcome = d->verdict.outcome,
		.code = d->verdict.code,
		.first = r };
	if (!like.actions)
		return RV_FAIL_ARENA(err);
	like.actions[0] = action;
	add_spoken(c, &like, &why.answer);
	add_maybe(c, &like, &why);
	/* What nothing permits, whatever the request says, is told once for all. */
	bool may_be = false;
	for (size_t i = 0; i < like.n_maybe; i++)
		may_be |= !like.maybe[i].note->is_forbid;
	if (like.outcome == RV_DENY && like.n_spoken == 0 && !may_be)
		return RV_OK;
	struct charter_line *l = line_for(c, &like);
	return l ? add_resource(c, l, r, err) : RV_FAIL_ARENA(err);
}

static enum rv_code load_catalogue(struct charter *c, struct rv_err *err)
{
	struct rv_db_resource *rows;
	size_t n;
	RV_TRY(rv_db_resource_list(c->op->txn, c->op->arena, RV_Q_ALL, &rows, &n, err));
	c->cap_resources = n + CHARTER_NAMED_MAX;
	c->resources = rv_arena_array(c->op->arena, c->cap_resources, sizeof *c->resources);
	if (!c->resources)
		return RV_FAIL_ARENA(err);
	for (size_t i = 0; i < n; i++)
		if (rows[i].active)
			c->resources[c->n_resources++] = rows[i];
	return RV_OK;
}

enum rv_code charter_ask(struct charter *c, struct rv_err *err)
{
	size_t asked = 0;
	RV_TRY(load_catalogue(c, err));
	RV_TRY(find_actions(c, err));
	for (size_t i = 0; i < c->n_actions && asked < CHARTER_PAIRS_MAX; i++)
		for (size_t k = 0; k < c->n_resources && asked < CHARTER_PAIRS_MAX; k++, asked++)
			RV_TRY(ask_one(c, c->actions[i], &c->resources[k], err));
	c->is_cut |= asked < c->n_actions * c->n_resources;
	return merge(c, err);
}
