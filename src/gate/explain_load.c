/* What was kept of a decision: its facts, sealed beside the event, and the policy set of its
 * version. */
#include <stdio.h>

#include "gate/explain_int.h"

enum { SIDE_MAX = 4 << 20 };
static const struct rv_json_limits SIDE_LIMITS = { .max_bytes = SIDE_MAX };

void explain_done(struct explain *e)
{
	rv_gate_set_done(&e->set);
	cedar_entities_free(e->entities);
}

static enum rv_code unseal(struct explain *e, struct rv_str *ret, struct rv_err *err)
{
	struct rv_seal_key key;
	struct rv_str system = explain_str(e->ask->event, "system");
	RV_AUTO_BUF clear;
	rv_buf_init(&clear, SIDE_MAX);
	const struct rv_snapshot *snap = rv_snapshot_get(e->op->gov);
	enum rv_code code = rv_seal_key_of(e->op->gov, snap, system, &key, err);
	rv_snapshot_unref(snap);
	RV_TRY(code);
	code = rv_unseal(&key, e->ask->entry->side, system, &clear, err);
	explicit_bzero(&key, sizeof key);
	RV_TRY(code);
	*ret = rv_arena_str(e->op->arena, rv_buf_str(&clear));
	explicit_bzero(clear.p, clear.n);
	return ret->p ? RV_OK : RV_FAIL_ARENA(err);
}

/* The bytes of "facts", which the event's `snapshot` is the digest of: the last member of one line
 * of compact JSON. */
static bool facts_fit(const struct explain *e, struct rv_str clear, struct rv_str want)
{
	char text[RV_DIGEST_SIZE];
	if (e->facts->line != 1 || e->facts->col < 1 || e->facts->col >= clear.n)
		return false;
	rv_digest_text(rv_str_sub(clear, e->facts->col - 1, clear.n - 1), text);
	return rv_str_eqz(want, text);
}

static enum rv_code load_facts(struct explain *e, struct rv_err *err)
{
	struct rv_err why = { 0 };
	const struct rv_json *side;
	struct rv_str digest = explain_str(e->ask->event, "snapshot"), clear;
	if (digest.n == 0) {
		e->facts_state = "none: it stopped before any facts were looked up";
		return RV_OK;
	}
	if (e->ask->entry->side.n == 0) {
		e->facts_state = "gone: they are no longer kept beside the event";
		return RV_OK;
	}
	enum rv_code code = unseal(e, &clear, &why);
	if (code == RV_ENOENT) {
		e->facts_state = "destroyed: the system's key was destroyed, and with it this text";
		return RV_OK;
	}
	if (code == RV_ELIMIT)
		return RV_FAIL(err, code, "%s", why.msg);
	e->facts_state = "damaged: they do not open, or do not fit the digest in the event";
	if (code != RV_OK)
		return RV_OK;
	if (rv_json_parse(e->op->arena, clear, &SIDE_LIMITS, &side, NULL) != RV_OK)
		return RV_OK;
	e->facts = rv_json_get(side, "facts");
	if (e->facts && facts_fit(e, clear, digest))
		e->facts_state = "kept";
	else
		e->facts = NULL;
	return RV_OK;
}

/* {"principal":…,"action":…,"resource":…,"context":…} of the facts, and their entities. */
static bool load_request(struct explain *e)
{
	static const char *const names[] = { "principal", "action", "resource", "context" };
	cedar_error ce = { .code = CEDAR_OK };
	struct rv_json_w w;
	RV_AUTO_BUF rq, es;
	rv_buf_init(&rq, SIDE_MAX);
	rv_buf_init(&es, SIDE_MAX);
	rv_json_w_init(&w, &rq);
	rv_json_w_obj(&w);
	for (size_t i = 0; i < RV_COUNT(names); i++) {
		const struct rv_json *v = rv_json_get(e->facts, names[i]);
		if (!v)
			return false;
		rv_json_w_name(&w, names[i]);
		rv_json_w_value(&w, v);
	}
	rv_json_w_obj_end(&w);
	rv_json_w_init(&w, &es);
	const struct rv_json *list = rv_json_get(e->facts, "entities");
	if (!list)
		return false;
	rv_json_w_value(&w, list);
	/* The request's texts must live as long as it does. */
	struct rv_str text = rv_arena_str(e->op->arena, rv_buf_str(&rq));
	return text.p &&
		cedar_request_parse_json(e->scratch, rv_cs(text), &e->rq, &ce) == CEDAR_OK &&
		cedar_entities_parse_json(rv_cs(rv_buf_str(&es)), &e->entities, &ce) == CEDAR_OK;
}

static enum rv_code load_policies(struct explain *e, struct rv_err *err)
{
	struct rv_err why = { 0 };
	struct rv_str text;
	struct rv_set_file *files;
	size_t n_files;
	const struct rv_json *version = rv_json_get(e->ask->event, "policy_version");
	int64_t set = e->as_of;
	if (set == 0 && rv_json_is(version, RV_JSON_INT))
		set = version->integer;
	/* Before the first policy there is no set: nothing was permitted. */
	if (set == 0) {
		e->policies_state = "none: no policy was in force";
		return rv_gate_set_new(e->op->arena, NULL, 0, &e->set, err);
	}
	enum rv_code code = rv_policy_set_text(e->op, set, &text, &why);
	if (code == RV_OK)
		code = rv_gate_set_read(e->op->arena, text, &files, &n_files, &why);
	if (code == RV_OK)
		code = rv_gate_set_new(e->op->arena, files, n_files, &e->set, &why);
	if (code == RV_OK) {
		e->policies_state = "kept";
		return RV_OK;
	}
	if (code != RV_ENOENT && code != RV_EINVAL && code != RV_ECORRUPT)
		return RV_FAIL(err, code, "%s", why.msg);
	e->policies_state = rv_arena_printf(e->op->arena, "unreadable: %s", why.msg);
	return e->policies_state ? RV_OK : RV_FAIL_ARENA(err);
}

enum rv_code explain_load(struct explain *e, struct rv_err *err)
{
	cedar_error ce = { .code = CEDAR_OK };
	e->scratch = rv_gate_scratch();
	RV_TRY(load_facts(e, err));
	RV_TRY(load_policies(e, err));
	if (!e->facts || !e->set.policies)
		return RV_OK;
	if (!load_request(e)) {
		e->facts_state = "damaged: they are no request any more";
		return RV_OK;
	}
	if (cedar_explain(e->set.policies, e->entities, &e->rq, e->scratch, &e->why, &ce) !=
		CEDAR_OK)
		return RV_FAIL(err, RV_ELIMIT, "cannot explain: %s", ce.message);
	const struct rv_judge j = { .policies = e->set.policies,
		.notes = e->set.notes,
		.entities = e->entities,
		.rq = &e->rq,
		.scratch = e->scratch,
		.is_shadow = explain_is_shadow(e->ask->event) };
	rv_gate_judge(e->op->arena, &j, &e->why.answer, &e->again);
	e->is_ready = true;
	return RV_OK;
}
