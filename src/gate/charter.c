/* The sentences. */
#include "gate/charter_int.h"

#include <stdio.h>

enum { SHOWN = 6, TEXT_MAX = 1 << 16 };

/* Kinds, in the order they are told. */
static const char *const KINDS[] = { "alone", "asks", "if", "never" };

static size_t kind_of(const struct charter_line *l)
{
	if (l->outcome == RV_ALLOW)
		return 0;
	if (l->outcome == RV_HOLD)
		return 1;
	/* Denied for now: by a rule, or because the request says too little for a permit. */
	for (size_t i = 0; i < l->n_maybe; i++)
		if (!l->maybe[i].note->is_forbid && l->n_spoken == 0)
			return 2;
	return 3;
}

static void put_names(struct rv_buf *b, const struct rv_str *v, size_t n)
{
	for (size_t i = 0; i < n && i < SHOWN; i++)
		rv_buf_printf(b, "%s%.*s", i == 0 ? "" : i + 1 == n ? " or " : ", ", RV_FMT(v[i]));
	if (n > SHOWN)
		rv_buf_printf(b, " and %zu more", n - SHOWN);
}

/* A condition may run over several lines; a sentence does not. */
static void put_condition(struct rv_buf *b, struct rv_str s)
{
	for (size_t i = 0; i < s.n; i++) {
		bool blank = s.p[i] == ' ' || s.p[i] == '\n' || s.p[i] == '\t' || s.p[i] == '\r';
		if (!blank)
			rv_buf_addc(b, s.p[i]);
		else if (b->n > 0 && b->p[b->n - 1] != ' ')
			rv_buf_addc(b, ' ');
	}
}

static void put_who(struct rv_buf *b, const struct rv_policy_note *n)
{
	rv_buf_printf(b, "%lld of ", (long long)n->quorum);
	for (size_t i = 0; i < n->n_groups; i++)
		rv_buf_printf(b, "%s%.*s", i ? " or " : "", RV_FMT(n->groups[i]));
}

static void put_because(struct rv_buf *b, const struct rv_policy_note *n)
{
	rv_buf_printf(
		b, " (%.*s%s%.*s)", RV_FMT(n->id), n->reason.n > 0 ? ": " : "", RV_FMT(n->reason));
}

static void put_spoken(struct rv_buf *b, const struct charter_line *l)
{
	bool first = true;
	for (size_t i = 0; i < l->n_spoken; i++) {
		const struct rv_policy_note *n = l->spoken[i];
		if (l->outcome == RV_HOLD && n->n_groups > 0) {
			rv_buf_addz(b, first ? "" : " and ");
			put_who(b, n);
			rv_buf_addz(b, n->quorum == 1 && n->n_groups == 1 ? " agrees" : " agree");
		} else if (l->outcome == RV_HOLD) {
			continue;
		}
		if (l->outcome != RV_ALLOW || first)
			put_because(b, n);
		first = false;
	}
}

/* What another request would meet. */
static void put_maybe(struct rv_buf *b, const struct charter_line *l, bool of_permits)
{
	bool first = true;
	for (size_t i = 0; i < l->n_maybe; i++) {
		const struct rv_policy_note *n = l->maybe[i].note;
		if (n->is_forbid == of_permits)
			continue;
		if (of_permits)
			rv_buf_addz(b, first ? " only if " : ", or if ");
		else if (n->n_groups > 0)
			rv_buf_addz(b, "; asks when ");
		else
			rv_buf_addz(b, "; not when ");
		put_condition(b, l->maybe[i].when);
		put_because(b, n);
		first = false;
	}
}

static void put_text(struct rv_buf *b, const struct charter *c, const struct charter_line *l)
{
	static const char *const forms[] = { "may by itself", "may, once people agree,", "may",
		"never may" };
	size_t kind = kind_of(l);
	bool escalates = kind == 3 && l->n_spoken > 0 && l->spoken[0]->escalate.n > 0;
	rv_buf_printf(b, "%.*s %s ", RV_FMT(c->system->name),
		escalates ? "hands to people what would" : forms[kind]);
	put_names(b, l->actions, l->n_actions);
	rv_buf_addc(b, ' ');
	put_names(b, l->resources, l->n_resources);
	if (kind == 1)
		rv_buf_addz(b, ": ");
	put_spoken(b, l);
	if (kind == 2)
		put_maybe(b, l, true);
	if (kind != 3)
		put_maybe(b, l, false);
	rv_buf_addc(b, '.');
}

/* ---- what shows it ---- */

static void put_request(
	struct rv_json_w *w, const char *name, struct rv_str action, const struct rv_str resource)
{
	rv_json_w_name(w, name);
	rv_json_w_obj(w);
	rv_json_w_kv_str(w, "action", action);
	rv_json_w_kv_str(w, "resource", resource);
}

static bool has_action(const struct charter_line *l, struct rv_str action)
{
	for (size_t i = 0; i < l->n_actions; i++)
		if (rv_str_eq(l->actions[i], action))
			return true;
	return false;
}

/* A line that was answered otherwise: about the same action, if there is one. */
static const struct charter_line *other_line(const struct charter *c, const struct charter_line *l)
{
	const struct charter_line *any = NULL;
	for (size_t i = 0; i < c->n_lines; i++) {
		if (c->lines[i].outcome == l->outcome)
			continue;
		if (has_action(&c->lines[i], l->actions[0]))
			return &c->lines[i];
		any = &c->lines[i];
	}
	return any;
}

/* What is answered otherwise: best the same action on something else, or on this something that
 * nobody named. A system that may do nothing at all has none to show. */
static enum rv_code put_twin(
	struct charter *c, struct rv_json_w *w, const struct charter_line *l, struct rv_err *err)
{
	const struct charter_line *o = other_line(c, l);
	if (o && (l->outcome == RV_DENY || has_action(o, l->actions[0]))) {
		put_request(w, "twin", has_action(o, l->actions[0]) ? l->actions[0] : o->actions[0],
			o->resources[0]);
		rv_json_w_kv_strz(w, "outcome", rv_outcome_name(o->outcome));
		rv_json_w_obj_end(w);
		return RV_OK;
	}
	if (l->outcome == RV_DENY)
		return RV_OK;
	struct rv_gate_ask *q = (struct rv_gate_ask *)(uintptr_t)c->d->ask;
	q->action = RV_STR("an-action-that-nobody-named");
	q->resource_type = l->first->type;
	q->resource_id = l->first->id;
	cedar_scratch *s = rv_gate_scratch();
	RV_TRY(rv_gate_facts(c->d, s, err));
	rv_gate_policy(c->d, s);
	if (c->d->verdict.outcome == l->outcome)
		return RV_OK; /* it may do everything */
	put_request(w, "twin", q->action, l->resources[0]);
	rv_json_w_kv_strz(w, "outcome", rv_outcome_name(c->d->verdict.outcome));
	rv_json_w_obj_end(w);
	return RV_OK;
}

static void put_list(struct rv_json_w *w, const char *name, const struct rv_str *v, size_t n)
{
	rv_json_w_name(w, name);
	rv_json_w_arr(w);
	for (size_t i = 0; i < n; i++)
		rv_json_w_str(w, v[i]);
	rv_json_w_arr_end(w);
}

static enum rv_code put_line(
	struct charter *c, struct rv_json_w *w, const struct charter_line *l, struct rv_err *err)
{
	RV_AUTO_BUF b;
	rv_buf_init(&b, TEXT_MAX);
	put_text(&b, c, l);
	rv_json_w_obj(w);
	rv_json_w_kv_strz(w, "kind", KINDS[kind_of(l)]);
	rv_json_w_kv_str(w, "text", rv_buf_str(&b));
	rv_json_w_kv_strz(w, "outcome", rv_outcome_name(l->outcome));
	rv_json_w_name(w, "policies");
	rv_json_w_arr(w);
	for (size_t i = 0; i < l->n_spoken; i++)
		rv_json_w_str(w, l->spoken[i]->id);
	rv_json_w_arr_end(w);
	put_list(w, "actions", l->actions, l->n_actions);
	put_list(w, "resources", l->resources, l->n_resources);
	put_request(w, "request", l->actions[0], l->resources[0]);
	rv_json_w_obj_end(w);
	RV_TRY(put_twin(c, w, l, err));
	rv_json_w_obj_end(w);
	return rv_buf_ok(&b, err);
}

static void put_limits(struct charter *c, struct rv_json_w *w)
{
	const struct rv_limit *limits[LIMITS_MAX];
	size_t n = rv_snap_limits(c->d->snap, c->system, limits, LIMITS_MAX);
	rv_json_w_name(w, "limits");
	rv_json_w_arr(w);
	for (size_t i = 0; i < n && i < LIMITS_MAX; i++) {
		const struct rv_limit *l = limits[i];
		RV_AUTO_BUF b;
		char max[32];
		rv_buf_init(&b, TEXT_MAX);
		rv_buf_printf(&b, "%.*s: at most %s %s", RV_FMT(l->name),
			rv_amount_format(l->max, 0, max),
			l->unit == RV_UNIT_MONEY	   ? ""
				: l->unit == RV_UNIT_COUNT ? "actions"
							   : rv_unit_name(l->unit));
		rv_buf_add(&b, l->currency);
		if (l->unit != RV_UNIT_CONCURRENT)
			rv_buf_printf(&b, " per %.*s", RV_FMT(l->per));
		for (size_t k = 0; k < l->n_actions; k++)
			rv_buf_printf(&b, "%s%.*s", k ? ", " : " for ", RV_FMT(l->actions[k]));
		for (size_t k = 0; k < l->n_resources; k++)
			rv_buf_printf(&b, "%s%.*s", k ? ", " : " on ", RV_FMT(l->resources[k]));
		rv_buf_addz(
			&b, l->holds ? "; beyond that it asks." : "; beyond that it is denied.");
		rv_json_w_str(w, rv_buf_str(&b));
	}
	rv_json_w_arr_end(w);
}

static enum rv_code put_all(struct charter *c, struct rv_json_w *w, struct rv_err *err)
{
	const char *refusal = rv_snap_refusal(c->d->snap, c->system, c->op->now_ns);
	rv_json_w_kv_str(w, "name", c->system->name);
	rv_json_w_kv_str(w, "class", c->system->class_);
	rv_json_w_kv_str(w, "owner", c->system->owner);
	rv_json_w_kv_i64(w, "policy_version", rv_snap_policy_version(c->d->snap));
	if (refusal)
		rv_json_w_kv_strz(w, "refusal", refusal);
	if (c->system->observe)
		rv_json_w_kv_bool(w, "observe", true);
	rv_json_w_name(w, "sentences");
	rv_json_w_arr(w);
	for (size_t kind = 0; kind < RV_COUNT(KINDS); kind++)
		for (size_t i = 0; i < c->n_lines; i++)
			if (kind_of(&c->lines[i]) == kind)
				RV_TRY(put_line(c, w, &c->lines[i], err));
	rv_json_w_arr_end(w);
	put_limits(c, w);
	rv_json_w_kv_strz(w, "otherwise", "What stands above is all: anything else is denied.");
	rv_json_w_kv_bool(w, "cut", c->is_cut);
	return RV_OK;
}

enum rv_code rv_gate_charter(struct rv_gate *g, struct rv_op *op, struct rv_str system,
	struct rv_json_w *w, struct rv_err *err)
{
	struct charter *c = rv_arena_alloc(op->arena, sizeof *c);
	struct rv_gate_ask *q = rv_arena_alloc(op->arena, sizeof *q);
	struct rv_db_system row;
	if (c)
		c->d = rv_arena_alloc(op->arena, sizeof *c->d);
	if (!c || !q || !c->d)
		return RV_FAIL_ARENA(err);
	RV_TRY(rv_system_get(op, system, &row, NULL, err));
	c->gate = g;
	c->op = op;
	q->subject_id = system;
	c->d->gate = g;
	c->d->arena = op->arena;
	c->d->ask = q;
	c->d->amount = -1;
	c->d->now_ns = op->now_ns;
	c->d->extra.question = true;
	c->d->snap = rv_snapshot_get(op->gov);
	c->system = c->d->system = rv_snap_system(c->d->snap, system);
	enum rv_code code = c->system ? charter_ask(c, err)
				      : RV_FAIL(err, RV_ENOENT, "no system '%.*s'", RV_FMT(system));
	if (code == RV_OK)
		code = put_all(c, w, err);
	rv_snapshot_unref(c->d->snap);
	return code;
}
