/* Who answers for an event: the owner then, the profile and the policies in force then with who
 * wrote and who approved them, the people who approved a held action, and what came of it. */
#include "api/api_int.h"

enum {
	NEAR = 256, /* an intent stands right behind its decision, others may fall between */
	SET_MAX = 64 << 20,
};

static int64_t time_of(const struct rv_json *event)
{
	int64_t ns = 0;
	return rv_time_parse(rv_api_str(event, "time"), &ns) ? ns : 0;
}

/* ---- profile ---- */

static enum rv_code put_profile(
	struct rv_api_call *c, const struct rv_json *event, struct rv_json_w *w, struct rv_err *err)
{
	struct rv_db_system_version *rows, *then = NULL;
	struct rv_str system = rv_api_str(event, "system");
	int64_t at_ns = time_of(event);
	size_t n;
	if (system.n == 0 || rv_system_history(c->op, system, &rows, &n, NULL) != RV_OK)
		return RV_OK; /* not registered, or not for this reader */
	for (size_t i = 0; i < n; i++) {
		bool was_in_force = rows[i].decided_ns > 0 && rows[i].decided_ns <= at_ns &&
			(rv_str_eqz(rows[i].state, "approved") ||
				rv_str_eqz(rows[i].state, "superseded"));
		if (was_in_force && (!then || rows[i].decided_ns >= then->decided_ns))
			then = &rows[i];
	}
	if (!then)
		return RV_OK;
	rv_json_w_name(w, "profile");
	rv_json_w_obj(w);
	rv_json_w_kv_i64(w, "version", then->version);
	rv_api_kv(w, "digest", then->digest);
	rv_api_kv(w, "written_by", then->author);
	rv_api_kv(w, "submitted_by", then->submitted_by);
	rv_api_kv(w, "approved_by", then->decided_by);
	rv_api_kv_time(w, "approved", then->decided_ns);
	rv_json_w_obj_end(w);
	return rv_buf_ok(w->out, err);
}

/* ---- policies ---- */

static void put_policy(struct rv_api_call *c, struct rv_str id, struct rv_str file, int64_t version,
	struct rv_json_w *w)
{
	struct rv_db_policy_version v;
	rv_json_w_obj(w);
	rv_json_w_kv_str(w, "id", id);
	rv_json_w_kv_str(w, "file", file);
	rv_json_w_kv_i64(w, "version", version);
	if (rv_policy_get(c->op, file, version, &v, NULL) == RV_OK) {
		rv_api_kv(w, "written_by", v.author);
		rv_api_kv(w, "published_by", v.decided_by);
		rv_api_kv_time(w, "published", v.decided_ns);
	}
	rv_json_w_obj_end(w);
}

static bool names(const struct rv_json *reasons, struct rv_str id)
{
	for (size_t i = 0; rv_json_is(reasons, RV_JSON_ARR) && i < reasons->n_items; i++)
		if (rv_str_eq(rv_api_str(reasons->items[i], "policy"), id))
			return true;
	return false;
}

/* The files of the set in which the policies that spoke stand. */
static void put_files(struct rv_api_call *c, const struct rv_json *set,
	const struct rv_json *reasons, struct rv_json_w *w)
{
	for (size_t i = 0; rv_json_is(set, RV_JSON_ARR) && i < set->n_items; i++) {
		struct rv_policy_note *notes;
		const struct rv_json *version = rv_json_get(set->items[i], "version");
		struct rv_str name = rv_api_str(set->items[i], "name");
		size_t n;
		if (!rv_json_is(version, RV_JSON_INT) ||
			rv_policy_check(c->arena, name, rv_api_str(set->items[i], "text"), NULL,
				NULL, &notes, &n, NULL) != RV_OK)
			continue;
		for (size_t k = 0; k < n; k++)
			if (names(reasons, notes[k].id))
				put_policy(c, notes[k].id, name, version->integer, w);
	}
}

static enum rv_code put_policies(
	struct rv_api_call *c, const struct rv_json *event, struct rv_json_w *w, struct rv_err *err)
{
	static const struct rv_json_limits limits = { .max_bytes = SET_MAX };
	const struct rv_json *version = rv_json_get(event, "policy_version"), *set;
	struct rv_str text;
	if (!rv_json_is(version, RV_JSON_INT))
		return RV_OK;
	rv_json_w_name(w, "policy");
	rv_json_w_obj(w);
	rv_json_w_kv_i64(w, "version", version->integer);
	rv_json_w_name(w, "spoke");
	rv_json_w_arr(w);
	if (rv_policy_set_text(c->op, version->integer, &text, NULL) == RV_OK &&
		rv_json_parse(c->arena, text, &limits, &set, NULL) == RV_OK)
		put_files(c, set, rv_json_get(event, "reasons"), w);
	rv_json_w_arr_end(w);
	rv_json_w_obj_end(w);
	return rv_buf_ok(w->out, err);
}

/* ---- approval ---- */

static void put_approval(struct rv_api_call *c, const struct rv_json *event, struct rv_json_w *w)
{
	struct rv_str id = rv_api_str(event, "approval");
	struct rv_hold h;
	if (id.n == 0 || rv_hold_get(c->op, id, &h, NULL) != RV_OK)
		return;
	rv_json_w_name(w, "approval");
	rv_json_w_obj(w);
	rv_json_w_kv_str(w, "id", h.row.id);
	rv_json_w_kv_str(w, "state", h.row.state);
	rv_json_w_kv_str(w, "digest", h.row.digest);
	rv_api_kv_time(w, "consumed", h.row.consumed_ns);
	rv_json_w_name(w, "votes");
	rv_json_w_arr(w);
	for (size_t i = 0; i < h.n_votes; i++) {
		rv_json_w_obj(w);
		rv_json_w_kv_str(w, "person", h.votes[i].person);
		rv_json_w_kv_str(w, "vote", h.votes[i].vote);
		rv_api_kv(w, "reason", h.votes[i].reason);
		rv_api_kv_time(w, "at", h.votes[i].at_ns);
		rv_json_w_obj_end(w);
	}
	rv_json_w_arr_end(w);
	rv_json_w_obj_end(w);
}

/* ---- what came of it ---- */

struct follower {
	struct rv_arena *arena;
	struct rv_str cause;
	struct rv_str event; /* in the arena; p == NULL: none yet */
	uint64_t seq;
};

static bool on_hit(void *arg, const struct rv_ledger_entry *e)
{
	struct follower *f = arg;
	const struct rv_json *v;
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 1 << 20);
	if (rv_json_parse(&a, e->event, NULL, &v, NULL) != RV_OK ||
		!rv_str_eq(rv_api_str(v, "cause"), f->cause))
		return true;
	f->event = rv_arena_str(f->arena, e->event);
	f->seq = e->seq;
	return false;
}

/* The intent that a decision caused. */
static void find_intent(struct rv_api_call *c, uint64_t seq, struct follower *f)
{
	for (uint64_t s = seq + 1; s <= seq + NEAR && !f->event.p; s++) {
		struct rv_ledger_entry e;
		RV_AUTO_ARENA a;
		rv_arena_init(&a, 4 << 20);
		if (rv_ledger_read(c->ledger, &a, s, &e, NULL) != RV_OK)
			return;
		(void)on_hit(f, &e); /* found or not stands in f */
	}
}

struct rv_str rv_api_intent_of(struct rv_api_call *c, uint64_t seq, const struct rv_json *event)
{
	struct follower f = { .arena = c->arena, .cause = rv_api_str(event, "id") };
	const struct rv_json *intent;
	find_intent(c, seq, &f);
	if (!f.event.p || rv_json_parse(c->arena, f.event, NULL, &intent, NULL) != RV_OK)
		return RV_STR("");
	return rv_api_str(intent, "id");
}

static void put_follower(struct rv_json_w *w, const char *name, const struct follower *f,
	const struct rv_json *event)
{
	const struct rv_json *detail = rv_json_get(event, "detail");
	rv_json_w_name(w, name);
	rv_json_w_obj(w);
	rv_api_kv(w, "id", rv_api_str(event, "id"));
	rv_json_w_kv_i64(w, "seq", (int64_t)f->seq);
	rv_api_kv(w, "time", rv_api_str(event, "time"));
	rv_api_kv(w, "status", rv_api_str(detail, "status"));
	rv_api_kv(w, "point", rv_api_str(event, "point"));
	rv_api_kv(w, "evidence", rv_api_str(event, "evidence"));
	rv_json_w_obj_end(w);
}

static enum rv_code put_outcome(struct rv_api_call *c, const struct rv_json *intent,
	struct rv_json_w *w, struct rv_err *err)
{
	struct follower f = { .arena = c->arena, .cause = rv_api_str(intent, "id") };
	const struct rv_json *outcome;
	const struct rv_search_ask ask = {
		.query = rv_query_both(c->arena,
			rv_query_term(c->arena, RV_FIELD_KIND, RV_STR("outcome")),
			rv_query_term(c->arena, RV_FIELD_CAUSE, f.cause)),
		.limit = 8
	};
	if (!ask.query)
		return RV_FAIL_ARENA(err);
	RV_TRY(rv_search_events(c->search, &ask, on_hit, &f, NULL, err));
	if (!f.event.p) {
		rv_json_w_name(w, "outcome");
		rv_json_w_obj(w);
		rv_json_w_kv_strz(w, "status", "none was reported");
		rv_json_w_obj_end(w);
		return RV_OK;
	}
	RV_TRY(rv_json_parse(c->arena, f.event, NULL, &outcome, err));
	put_follower(w, "outcome", &f, outcome);
	return RV_OK;
}

static enum rv_code put_followers(struct rv_api_call *c, const struct rv_ledger_entry *e,
	const struct rv_json *event, struct rv_json_w *w, struct rv_err *err)
{
	struct rv_str kind = rv_api_str(event, "kind");
	struct follower f = { .arena = c->arena, .cause = rv_api_str(event, "id") };
	const struct rv_json *intent;
	if (rv_str_eqz(kind, "intent"))
		return put_outcome(c, event, w, err);
	if (!rv_str_eqz(kind, "decision") || !rv_str_eqz(rv_api_str(event, "outcome"), "allow"))
		return RV_OK;
	find_intent(c, e->seq, &f);
	if (!f.event.p)
		return RV_OK; /* advice: nobody said it would be done */
	RV_TRY(rv_json_parse(c->arena, f.event, NULL, &intent, err));
	put_follower(w, "intent", &f, intent);
	return put_outcome(c, intent, w, err);
}

enum rv_code rv_api_put_chain(struct rv_api_call *c, const struct rv_ledger_entry *e,
	const struct rv_json *event, struct rv_json_w *w, struct rv_err *err)
{
	rv_json_w_name(w, "chain");
	rv_json_w_obj(w);
	rv_api_kv(w, "system", rv_api_str(event, "system"));
	rv_api_kv(w, "owner", rv_api_str(event, "owner"));
	rv_api_kv(w, "on_behalf_of", rv_api_str(event, "on_behalf_of"));
	RV_TRY(put_profile(c, event, w, err));
	RV_TRY(put_policies(c, event, w, err));
	put_approval(c, event, w);
	RV_TRY(put_followers(c, e, event, w, err));
	rv_json_w_obj_end(w);
	return RV_OK;
}
