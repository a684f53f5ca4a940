/* The log: one event with its accountability chain, receipts, checkpoints. */
#include "api/api_int.h"
#include "ledger/ledger.h"

void rv_api_viewer_of(struct rv_op *op, struct rv_api_viewer *ret)
{
	ret->name = op->actor.id;
	ret->sees_all =
		rv_need(op,
			RV_RIGHT_AUDITOR | RV_RIGHT_GOVERNOR | RV_RIGHT_ADMIN | RV_RIGHT_RESPONDER,
			NULL) == RV_OK;
}

bool rv_api_may_see(const struct rv_api_viewer *v, const struct rv_json *event)
{
	if (v->sees_all)
		return true;
	const struct rv_json *owner = rv_json_get(event, "owner");
	const struct rv_json *actor = rv_json_get(rv_json_get(event, "actor"), "id");
	const struct rv_json *behalf = rv_json_get(event, "on_behalf_of");
	return (rv_json_is(owner, RV_JSON_STR) && rv_str_eq(owner->str, v->name)) ||
		(rv_json_is(actor, RV_JSON_STR) && rv_str_eq(actor->str, v->name)) ||
		(rv_json_is(behalf, RV_JSON_STR) && rv_str_eq(behalf->str, v->name));
}

/* An event by its id, or by its place in the log. */
enum rv_code rv_api_event_find(struct rv_api_call *c, struct rv_ledger_entry *ret,
	const struct rv_json **ret_event, struct rv_err *err)
{
	struct rv_api_viewer viewer;
	uint64_t seq;
	struct rv_str id = c->param[0];
	rv_api_viewer_of(c->op, &viewer);
	if (!rv_str_u64(id, &seq) && rv_ledger_find(c->ledger, id, &seq, NULL) != RV_OK)
		return RV_FAIL(err, RV_ENOENT, "no event '%.*s'", RV_FMT(id));
	RV_TRY(rv_ledger_read(c->ledger, c->arena, seq, ret, err));
	RV_TRY(rv_json_parse(c->arena, ret->event, NULL, ret_event, err));
	if (!rv_api_may_see(&viewer, *ret_event))
		return RV_FAIL(err, RV_ENOENT, "no event '%.*s'", RV_FMT(id));
	return RV_OK;
}

/* The chain of causes, nearest first: why this came to be. */
static void put_causes(struct rv_api_call *c, const struct rv_json *event, struct rv_json_w *w)
{
	rv_json_w_name(w, "causes");
	rv_json_w_arr(w);
	for (int depth = 0; depth < 16; depth++) {
		const struct rv_json *cause = rv_json_get(event, "cause");
		struct rv_ledger_entry e;
		uint64_t seq;
		if (!rv_json_is(cause, RV_JSON_STR) ||
			rv_ledger_find(c->ledger, cause->str, &seq, NULL) != RV_OK ||
			rv_ledger_read(c->ledger, c->arena, seq, &e, NULL) != RV_OK ||
			rv_json_parse(c->arena, e.event, NULL, &event, NULL) != RV_OK)
			break;
		rv_api_put_entry(w, &e);
	}
	rv_json_w_arr_end(w);
}

enum rv_code rv_api_event(struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	struct rv_ledger_entry e;
	const struct rv_json *event;
	char hex[65];
	RV_TRY(rv_api_event_find(c, &e, &event, err));
	rv_json_w_kv_i64(w, "seq", (int64_t)e.seq);
	rv_api_kv_time(w, "logged", e.logged_ns);
	rv_hex_z(e.hash.b, sizeof e.hash.b, hex);
	rv_json_w_kv_strz(w, "leaf_hash", hex);
	rv_json_w_name(w, "event");
	rv_json_w_raw(w, e.event);
	put_causes(c, event, w);
	return rv_api_put_chain(c, &e, event, w, err);
}

enum rv_code rv_api_event_proof(struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	struct rv_ledger_entry e;
	const struct rv_json *event;
	RV_AUTO_BUF receipt, leaf;
	rv_buf_init(&receipt, 192 << 10);
	rv_buf_init(&leaf, 128 << 10);
	RV_TRY(rv_api_event_find(c, &e, &event, err));
	RV_TRY(rv_ledger_receipt(c->ledger, e.seq, &receipt, err));
	rv_b64_add(&leaf, e.leaf);
	rv_json_w_kv_i64(w, "seq", (int64_t)e.seq);
	rv_json_w_kv_strz(w, "vkey", rv_ledger_own_vkey(c->ledger));
	rv_json_w_kv_str(w, "leaf", rv_buf_str(&leaf));
	rv_json_w_kv_str(w, "receipt", rv_buf_str(&receipt));
	return RV_OK;
}

enum rv_code rv_api_checkpoint(struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	RV_AUTO_BUF note;
	rv_buf_init(&note, RV_CHECKPOINT_MAX);
	RV_TRY(rv_ledger_checkpoint(c->ledger, true, &note, err));
	rv_json_w_kv_str(w, "checkpoint", rv_buf_str(&note));
	return RV_OK;
}

enum rv_code rv_api_consistency(struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	int64_t from = -1, to = -1;
	struct rv_proof proof;
	RV_AUTO_BUF text;
	rv_buf_init(&text, 64 << 10);
	RV_TRY(rv_api_query_i64(c, "old", 0, INT64_MAX, &from, err));
	RV_TRY(rv_api_query_i64(c, "new", 0, INT64_MAX, &to, err));
	if (from < 0 || to < from)
		return RV_FAIL(err, RV_EINVAL, "needs ?old= and ?new= with old <= new");
	RV_TRY(rv_ledger_prove_consistency(c->ledger, (uint64_t)from, (uint64_t)to, &proof, err));
	rv_proof_write(&proof, &text);
	rv_json_w_kv_str(w, "proof", rv_buf_str(&text));
	return RV_OK;
}

static void put_search_status(struct rv_api_call *c, struct rv_json_w *w)
{
	struct rv_search_status s;
	rv_search_status(c->search, &s);
	rv_json_w_name(w, "search");
	rv_json_w_obj(w);
	rv_json_w_kv_i64(w, "indexed", (int64_t)s.indexed);
	rv_json_w_kv_i64(w, "lag", s.size > s.indexed ? (int64_t)(s.size - s.indexed) : 0);
	rv_json_w_kv_i64(w, "shards", (int64_t)s.shards);
	rv_json_w_kv_i64(w, "bytes", (int64_t)s.bytes);
	rv_json_w_kv_i64(w, "rebuilt", (int64_t)s.rebuilt);
	if (s.error[0])
		rv_json_w_kv_strz(w, "error", s.error);
	rv_json_w_obj_end(w);
}

static void put_witnesses(struct rv_api_call *c, struct rv_json_w *w)
{
	struct rv_witness_peer_status s[RV_WITNESS_PEERS_MAX];
	if (!c->push)
		return;
	size_t n = rv_witness_push_status(c->push, s);
	rv_json_w_name(w, "witnesses");
	rv_json_w_arr(w);
	for (size_t i = 0; i < n; i++) {
		rv_json_w_obj(w);
		rv_json_w_kv_strz(w, "name", s[i].name);
		rv_json_w_kv_i64(w, "cosigned", (int64_t)s[i].size);
		rv_api_kv_time(w, "at", s[i].at_ns);
		rv_json_w_kv_bool(w, "alarm", s[i].is_alarm);
		rv_api_kv(w, "error", rv_arena_str(c->arena, rv_str_of(s[i].error)));
		rv_json_w_obj_end(w);
	}
	rv_json_w_arr_end(w);
}

enum rv_code rv_api_status(struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	struct rv_ledger_status l;
	struct rv_control_stats control;
	struct rv_bootstrap boot;
	RV_TRY(rv_bootstrap_state(c->op, &boot, err));
	rv_ledger_status(c->ledger, &l);
	rv_control_stats(c->op->gov, &control);
	const struct rv_snapshot *snap = rv_snapshot_get(c->op->gov);
	rv_json_w_kv_strz(w, "version", RV_VERSION);
	rv_json_w_name(w, "ledger");
	rv_json_w_obj(w);
	rv_json_w_kv_strz(w, "state", rv_ledger_state_name(l.state));
	if (l.reason[0])
		rv_json_w_kv_strz(w, "reason", l.reason);
	rv_json_w_kv_i64(w, "records", (int64_t)l.size);
	rv_json_w_kv_i64(w, "writes", (int64_t)l.batches); /* since the start; each one sync */
	rv_json_w_kv_i64(w, "signed", (int64_t)l.signed_size);
	rv_json_w_kv_i64(w, "waiting", (int64_t)l.waiting);
	rv_json_w_kv_i64(w, "refused_decisions", (int64_t)l.refused);
	rv_json_w_kv_bool(w, "reserve", l.has_reserve);
	if (l.hung_ms)
		rv_json_w_kv_i64(w, "hung_ms", l.hung_ms);
	if (l.checkpoint_error[0])
		rv_json_w_kv_strz(w, "checkpoint_error", l.checkpoint_error);
	rv_json_w_kv_strz(w, "vkey", rv_ledger_own_vkey(c->ledger));
	rv_json_w_obj_end(w);
	put_search_status(c, w);
	put_witnesses(c, w);
	rv_json_w_kv_i64(w, "systems", (int64_t)rv_snap_systems(snap));
	rv_json_w_kv_i64(w, "generation", (int64_t)rv_snapshot_generation(snap));
	rv_json_w_kv_i64(w, "outbox_waiting", (int64_t)control.outbox_waiting);
	rv_json_w_kv_i64(w, "stops_unrecorded", (int64_t)control.stops_unrecorded);
	rv_json_w_name(w, "bootstrap");
	rv_json_w_obj(w);
	rv_json_w_kv_bool(w, "open", boot.is_open);
	rv_json_w_kv_bool(w, "self_approval", boot.may_self_approve);
	rv_api_kv_time(w, "until", boot.is_open ? boot.until_ns : 0);
	rv_json_w_obj_end(w);
	rv_snapshot_unref(snap);
	return RV_OK;
}
