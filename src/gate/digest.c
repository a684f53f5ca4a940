/* What an approval binds (SEMANTICS 3): the canonical form of everything that decides what will be
 * done, and nothing that changes from one asking to the next. */
#include "gate/gate_int.h"

enum { DIGEST_INPUT_MAX = 1 << 20 };

/* Absent ones are left out; an empty object says as little as none. */
static enum rv_code put_tree(
	struct rv_json_w *w, const char *name, const struct rv_json *v, struct rv_err *err)
{
	if (!v || (v->type == RV_JSON_OBJ && v->n_members == 0))
		return RV_OK;
	rv_json_w_name(w, name);
	rv_json_w_raw(w, RV_STR("")); /* its place; the bytes follow */
	return rv_json_canonical(v, w->out, err);
}

/* RFC 8785: names in ascending order, as they stand here; the writer's strings are canonical. */
static enum rv_code put_bound(struct rv_json_w *w, const struct rv_decision *d, struct rv_err *err)
{
	const struct rv_gate_ask *q = d->ask;
	rv_json_w_obj(w);
	rv_json_w_kv_str(w, "action", q->action);
	RV_TRY(put_tree(w, "action_properties", q->action_properties, err));
	RV_TRY(put_tree(w, "amount", rv_json_get(q->context, "amount"), err));
	RV_TRY(put_tree(w, "arguments", d->arguments, err));
	RV_TRY(put_tree(w, "limits", d->extra.limits, err));
	if (d->on_behalf_of.n > 0)
		rv_json_w_kv_str(w, "on_behalf_of", d->on_behalf_of);
	rv_json_w_kv_str(w, "resource_id", d->catalogue_id);
	RV_TRY(put_tree(w, "resource_properties", q->resource_properties, err));
	rv_json_w_kv_str(w, "resource_type", d->catalogue_type);
	rv_json_w_kv_str(w, "subject", q->subject_id);
	rv_json_w_obj_end(w);
	return rv_buf_ok(w->out, err);
}

enum rv_code rv_gate_digest(struct rv_decision *d, struct rv_err *err)
{
	char mem[2048], text[RV_DIGEST_SIZE];
	RV_AUTO_BUF canonical;
	rv_buf_init_on(&canonical, mem, sizeof mem, DIGEST_INPUT_MAX);
	struct rv_json_w w;
	rv_json_w_init(&w, &canonical);
	RV_TRY(put_bound(&w, d, err));
	rv_digest_text(rv_buf_str(&canonical), text);
	d->digest = rv_arena_str(d->arena, rv_str_n(text, sizeof text - 1));
	if (!d->digest.p)
		return RV_FAIL_ARENA(err);
	return RV_OK;
}
