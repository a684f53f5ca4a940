/* What would have stopped an act, and why it did not: the kept facts are put to the policies of
 * then, of now, and of the sets before, and each forbid that applies is held against what was in
 * force. */
#include "gate/explain_int.h"

enum { BACK = 20 }; /* sets before the decision's that are tried */

struct tried {
	struct rv_policy_note *notes;
	size_t n_notes;
	const struct rv_policy_note **applied; /* forbids */
	size_t n_applied;
	bool is_ready;
};

/* The forbids of the set of that version that apply to the facts. *e keeps what they point to. */
static enum rv_code try_set(
	struct explain *e, int64_t version, struct tried *ret, struct rv_err *err)
{
	e->as_of = version;
	*ret = (struct tried){ .is_ready = false };
	RV_TRY(explain_load(e, err));
	if (!e->is_ready)
		return RV_OK;
	ret->notes = e->set.notes;
	for (size_t i = 0; i < e->set.n_files; i++)
		ret->n_notes += e->set.files[i].n;
	ret->applied = rv_arena_array(e->op->arena, e->why.answer.n_forbids + 1, sizeof(void *));
	if (!ret->applied)
		return RV_FAIL_ARENA(err);
	for (size_t i = 0; i < e->why.answer.n_forbids; i++)
		ret->applied[ret->n_applied++] = &e->set.notes[e->why.answer.forbids[i]];
	ret->is_ready = true;
	return RV_OK;
}

static const struct rv_policy_note *find(const struct tried *t, struct rv_str id)
{
	for (size_t i = 0; i < t->n_notes; i++)
		if (rv_str_eq(t->notes[i].id, id))
			return &t->notes[i];
	return NULL;
}

static void put(struct rv_json_w *w, const struct rv_policy_note *n, const char *why,
	int64_t version, const char *text)
{
	rv_json_w_obj(w);
	rv_json_w_kv_str(w, "rule", n->id);
	if (n->reason.n > 0)
		rv_json_w_kv_str(w, "reason", n->reason);
	rv_json_w_kv_strz(w, "why", why);
	rv_json_w_kv_i64(w, "set", version);
	rv_json_w_kv_strz(w, "text", text);
	rv_json_w_obj_end(w);
}

/* The rules of then. */
static void put_then(
	struct rv_json_w *w, const struct tried *then, int64_t version, bool is_allowed)
{
	for (size_t i = 0; i < then->n_applied; i++) {
		const struct rv_policy_note *n = then->applied[i];
		if (n->is_observed)
			put(w, n, "observed", version,
				"it applied, but was only observed: logged, never counted");
		else if (n->n_groups > 0 && is_allowed)
			put(w, n, "waived", version,
				"it held the act until people approved, and they did; see the "
				"votes");
		else
			put(w, n, "stopped", version, "it stopped the act");
	}
}

/* Rules of another set that would have stopped it and were not in force so. */
static void put_other(struct rv_json_w *w, const struct tried *other, int64_t version,
	const struct tried *then, bool is_later)
{
	for (size_t i = 0; i < other->n_applied; i++) {
		const struct rv_policy_note *n = other->applied[i], *was = find(then, n->id);
		bool is_same = was && rv_str_eq(was->hash, n->hash);
		if (n->is_observed || is_same)
			continue;
		if (was && was->is_observed)
			put(w, n, "observed", version,
				is_later ? "then it was only observed; it was enforced later"
					 : "it had been enforced, and was only observed then");
		else if (was)
			put(w, n, "other_version", version,
				is_later
					? "then it had another text, which did not apply; this one "
					  "came later"
					: "it had been changed before, and the new text did not "
					  "apply");
		else
			put(w, n, is_later ? "not_written" : "removed", version,
				is_later ? "it was not written yet"
					 : "it had been taken out of force before");
	}
}

static enum rv_code other_sets(struct explain *e, const struct tried *then, int64_t version,
	int64_t now, struct rv_json_w *w, struct rv_err *err)
{
	struct tried t;
	if (now > version) {
		struct explain later = { .gate = e->gate, .op = e->op, .ask = e->ask };
		enum rv_code code = try_set(&later, now, &t, err);
		if (code == RV_OK && t.is_ready)
			put_other(w, &t, now, then, true);
		explain_done(&later);
		RV_TRY(code);
	}
	/* The newest set before then that would have stopped it speaks for all before it. */
	for (int64_t v = version - 1; v > 0 && v >= version - BACK; v--) {
		struct explain before = { .gate = e->gate, .op = e->op, .ask = e->ask };
		enum rv_code code = try_set(&before, v, &t, err);
		bool found = code == RV_OK && t.is_ready && t.n_applied > 0;
		if (found)
			put_other(w, &t, v, then, false);
		explain_done(&before);
		RV_TRY(code);
		if (found)
			break;
	}
	return RV_OK;
}

enum rv_code rv_gate_counterfactual(struct rv_gate *g, struct rv_op *op,
	const struct rv_explain_ask *ask, struct rv_json_w *w, struct rv_err *err)
{
	const struct rv_json *v = rv_json_get(ask->event, "policy_version");
	int64_t version = rv_json_is(v, RV_JSON_INT) ? v->integer : 0;
	const struct rv_snapshot *snap = rv_snapshot_get(op->gov);
	int64_t now = rv_snap_policy_version(snap);
	rv_snapshot_unref(snap);
	struct explain e = { .gate = g, .op = op, .ask = ask };
	struct tried then;
	bool is_allowed = rv_str_eqz(explain_str(ask->event, "outcome"), "allow");
	enum rv_code code = try_set(&e, version, &then, err);
	rv_json_w_kv_strz(w, "facts", e.facts_state ? e.facts_state : "none");
	rv_json_w_name(w, "rules");
	rv_json_w_arr(w);
	if (code == RV_OK && then.is_ready) {
		put_then(w, &then, version, is_allowed);
		code = other_sets(&e, &then, version, now, w, err);
	}
	rv_json_w_arr_end(w);
	explain_done(&e);
	return code;
}
