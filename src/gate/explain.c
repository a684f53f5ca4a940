#include "gate/explain.h"

#include <stdio.h>

#include "gate/explain_int.h"

/* ---- does it come out the same? ---- */

static bool is_limit(struct rv_str id)
{
	return rv_str_starts(id, RV_STR("limit:"));
}

/* Is every policy that the event names one that spoke again, and the other way round? */
static bool same_policies(const struct explain *e)
{
	const struct rv_json *list = rv_json_get(e->ask->event, "reasons");
	size_t n = 0, m = 0;
	for (size_t i = 0; rv_json_is(list, RV_JSON_ARR) && i < list->n_items; i++) {
		struct rv_str id = explain_str(list->items[i], "policy");
		bool found = false;
		if (id.n == 0 || is_limit(id))
			continue;
		n++;
		for (size_t k = 0; k < e->again.n_reasons; k++)
			found |= rv_str_eq(e->again.reasons[k].policy, id);
		if (!found)
			return false;
	}
	for (size_t k = 0; k < e->again.n_reasons; k++)
		m += e->again.reasons[k].policy.n > 0;
	/* A limit that held or denied what policy allows speaks for itself. */
	return n == m || n == REASONS_MAX || m == REASONS_MAX || e->again.outcome == RV_ALLOW;
}

/* A fixed word among the recorded reasons; "" when policies spoke. */
static struct rv_str recorded_code(const struct explain *e)
{
	const struct rv_json *list = rv_json_get(e->ask->event, "reasons");
	for (size_t i = 0; rv_json_is(list, RV_JSON_ARR) && i < list->n_items; i++) {
		struct rv_str code = explain_str(list->items[i], "code");
		if (code.n > 0 && !rv_str_eqz(code, "observed"))
			return code;
	}
	return RV_STR("");
}

/* What policy alone says now, against what came out then: approvals and limits may have moved it,
 * and then the record says so. */
static bool same_outcome(const struct explain *e)
{
	struct rv_str was = explain_str(e->ask->event, "outcome"), code = recorded_code(e);
	bool has_approval = explain_str(e->ask->event, "approval").n > 0;
	bool by_limit = rv_str_eqz(code, "limit_exceeded");
	switch (e->again.outcome) {
	case RV_ALLOW:
		return rv_str_eqz(was, "allow") || by_limit;
	case RV_HOLD:
		return rv_str_eqz(was, "hold") || (rv_str_eqz(was, "allow") && has_approval) ||
			(rv_str_eqz(was, "deny") && (by_limit || code.n > 0));
	case RV_DENY:
		return rv_str_eqz(was, "deny");
	case RV_OUTCOME_UNSET:
		break;
	}
	return false;
}

static void put_again(struct explain *e)
{
	rv_json_w_name(e->w, "again");
	rv_json_w_obj(e->w);
	if (!e->is_ready) {
		rv_json_w_kv_bool(e->w, "possible", false);
	} else {
		bool agrees = same_outcome(e) && same_policies(e);
		rv_json_w_kv_bool(e->w, "possible", true);
		rv_json_w_kv_strz(e->w, "policy_says", rv_outcome_name(e->again.outcome));
		rv_json_w_kv_bool(e->w, "agrees", agrees);
		if (!agrees)
			rv_json_w_kv_strz(e->w, "note",
				"the same facts and policies do not give what was recorded: the "
				"facts kept may be incomplete, or this program decides otherwise "
				"than the one that did");
	}
	rv_json_w_obj_end(e->w);
}

/* ---- what would have changed it ---- */

static void put_line(struct explain *e, const char *text)
{
	if (text)
		rv_json_w_strz(e->w, text);
}

static const char *group_names(struct explain *e, const struct rv_policy_note *n)
{
	RV_AUTO_BUF b;
	rv_buf_init(&b, 4096);
	for (size_t i = 0; i < n->n_groups; i++) {
		rv_buf_addz(&b, i ? " or " : "");
		rv_buf_add(&b, n->groups[i]);
	}
	struct rv_str s = rv_arena_str(e->op->arena, rv_buf_str(&b));
	return s.p ? s.p : "";
}

static void forbids_say(struct explain *e)
{
	struct rv_str approval = explain_str(e->ask->event, "approval");
	bool allowed = rv_str_eqz(explain_str(e->ask->event, "outcome"), "allow");
	for (size_t i = 0; i < e->why.answer.n_forbids; i++) {
		const struct rv_policy_note *n = &e->set.notes[e->why.answer.forbids[i]];
		if (n->is_observed)
			continue;
		if (n->n_groups == 0)
			put_line(e,
				rv_arena_printf(e->op->arena,
					"no approval lifts '%.*s': it forbids without exception",
					RV_FMT(n->id)));
		else if (allowed)
			put_line(e,
				rv_arena_printf(e->op->arena,
					"without approval %.*s, '%.*s' would have held it",
					RV_FMT(approval), RV_FMT(n->id)));
		else
			put_line(e,
				rv_arena_printf(e->op->arena,
					"'%.*s' is set aside once %lld of %s approve",
					RV_FMT(n->id), (long long)n->quorum, group_names(e, n)));
	}
}

static void put_otherwise(struct explain *e)
{
	struct rv_str code = recorded_code(e);
	rv_json_w_name(e->w, "otherwise");
	rv_json_w_arr(e->w);
	if (e->is_ready)
		forbids_say(e);
	if (rv_str_eqz(code, "no_permit"))
		put_line(e,
			"what no policy permits is denied; a permit that applies would allow it");
	else if (rv_str_eqz(code, "unknown_resource"))
		put_line(e,
			"a resource in the catalogue, or a permit that names this one, would allow "
			"it");
	else if (rv_str_eqz(code, "policy_error"))
		put_line(e, "a forbid failed on this request, so nobody knows what it would say");
	else if (rv_str_eqz(code, "limit_exceeded"))
		put_line(e, "within its limit it would have been decided by policy alone");
	else if (e->is_ready && e->again.outcome == RV_ALLOW)
		put_line(e, "no forbid applied");
	rv_json_w_arr_end(e->w);
}

/* ---- the whole ---- */

static void put_facts(struct explain *e)
{
	rv_json_w_name(e->w, "facts");
	rv_json_w_obj(e->w);
	rv_json_w_kv_strz(e->w, "state", e->facts_state);
	if (explain_str(e->ask->event, "snapshot").n > 0)
		rv_json_w_kv_str(e->w, "digest", explain_str(e->ask->event, "snapshot"));
	if (e->facts && e->ask->shows_values)
		RV_JSON_EACH (m, e->facts) {
			rv_json_w_name_str(e->w, m->name);
			rv_json_w_value(e->w, m->value);
		}
	else if (e->facts)
		rv_json_w_kv_bool(e->w, "withheld", true);
	rv_json_w_obj_end(e->w);
}

static enum rv_code put_all(struct explain *e, struct rv_err *err)
{
	const struct rv_json *version = rv_json_get(e->ask->event, "policy_version");
	RV_TRY(explain_load(e, err));
	put_facts(e);
	rv_json_w_name(e->w, "policy_set");
	rv_json_w_obj(e->w);
	if (rv_json_is(version, RV_JSON_INT))
		rv_json_w_kv_i64(e->w, "version", version->integer);
	rv_json_w_kv_strz(e->w, "state", e->policies_state);
	rv_json_w_obj_end(e->w);
	put_again(e);
	if (e->is_ready)
		RV_TRY(explain_policies(e, err));
	if (e->is_ready)
		explain_flips(e);
	put_otherwise(e);
	return rv_buf_ok(e->w->out, err);
}

enum rv_code rv_gate_explain(struct rv_gate *g, struct rv_op *op, const struct rv_explain_ask *ask,
	struct rv_json_w *w, struct rv_err *err)
{
	struct rv_str kind = explain_str(ask->event, "kind");
	if (!rv_str_eqz(kind, "decision") && !rv_str_eqz(kind, "question"))
		return RV_FAIL(err, RV_EINVAL, "event '%.*s' is a %.*s; decisions can be explained",
			RV_FMT(explain_str(ask->event, "id")), RV_FMT(kind));
	struct explain *e = rv_arena_alloc(op->arena, sizeof *e);
	if (!e)
		return RV_FAIL_ARENA(err);
	e->gate = g;
	e->op = op;
	e->ask = ask;
	e->w = w;
	enum rv_code code = put_all(e, err);
	explain_done(e);
	return code;
}
