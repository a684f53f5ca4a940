/* Reads what `reeve serve` answered. It is believed only when everything in it says the same. */
#include "base/uuid.h"
#include "points/ask/ask.h"

static struct rv_str text_of(const struct rv_json *v, const char *name)
{
	const struct rv_json *m = rv_json_get(v, name);
	return rv_json_is(m, RV_JSON_STR) ? m->str : (struct rv_str){ NULL, 0 };
}

static bool is_id(struct rv_str s)
{
	struct rv_uuid u;
	return rv_uuid_parse(s, &u);
}

static bool has_code(const struct rv_json *reasons, const char *code)
{
	for (size_t i = 0; reasons && i < reasons->n_items; i++)
		if (rv_str_eqz(text_of(reasons->items[i], "code"), code))
			return true;
	return false;
}

static enum rv_code no_belief(struct rv_err *err, const char *why)
{
	return RV_FAIL(err, RV_EINVAL, "the answer of the server cannot be believed: %s", why);
}

enum rv_code rv_ask_advice_read(
	struct rv_arena *a, struct rv_str body, struct rv_ask_answer *ret, struct rv_err *err)
{
	const struct rv_json *v;
	struct rv_ask_answer r = { 0 };
	if (rv_json_parse(a, body, NULL, &v, NULL) != RV_OK)
		return no_belief(err, "it is no JSON");
	const struct rv_json *decision = rv_json_get(v, "decision");
	const struct rv_json *reeve = rv_json_get(rv_json_get(v, "context"), "reeve");
	struct rv_str outcome = text_of(reeve, "outcome");
	if (!rv_json_is(decision, RV_JSON_BOOL) || !outcome.p)
		return no_belief(err, "it holds no decision of Reeve's");
	if (rv_str_eqz(outcome, "allow"))
		r.verdict = RV_ASK_ALLOW;
	else if (rv_str_eqz(outcome, "hold"))
		r.verdict = RV_ASK_HOLD;
	else if (rv_str_eqz(outcome, "deny"))
		r.verdict = RV_ASK_DENY;
	else
		return no_belief(err, "its outcome is none of allow, hold, deny");
	if (decision->boolean != (r.verdict == RV_ASK_ALLOW))
		return no_belief(err, "decision and outcome contradict each other");
	r.event = text_of(reeve, "id");
	r.digest = text_of(reeve, "digest");
	r.intent = text_of(rv_json_get(reeve, "intent"), "id");
	r.reasons = rv_json_get(reeve, "reasons");
	r.approval = rv_json_get(reeve, "approval");
	r.approval_id = text_of(r.approval, "id");
	if (!rv_json_is(r.reasons, RV_JSON_ARR))
		r.reasons = NULL;
	if (!rv_json_is(r.approval, RV_JSON_OBJ))
		r.approval = NULL;
	if (r.verdict == RV_ASK_HOLD && !is_id(r.approval_id))
		return no_belief(err, "it holds without an approval to wait for");
	r.no_audit = r.verdict == RV_ASK_DENY && has_code(r.reasons, "audit_unavailable");
	*ret = r;
	return RV_OK;
}

enum rv_code rv_ask_answer_read(
	struct rv_arena *a, struct rv_str body, struct rv_ask_answer *ret, struct rv_err *err)
{
	struct rv_ask_answer r;
	RV_TRY(rv_ask_advice_read(a, body, &r, err));
	if (r.verdict == RV_ASK_ALLOW && !is_id(r.intent))
		return no_belief(err, "it allows without an intent on record");
	*ret = r;
	return RV_OK;
}
