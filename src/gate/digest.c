/* What an approval binds (SEMANTICS 3): the canonical form of everything that decides what will be
 * done, and nothing that changes from one asking to the next. */
#include "gate/gate_int.h"

enum { DIGEST_INPUT_MAX = 1 << 20 };

/* An empty object says as little as none. */
static void kv(struct rv_json_w *w, const char *name, const struct rv_json *v)
{
	if (!v || (v->type == RV_JSON_OBJ && v->n_members == 0))
		return;
	rv_json_w_name(w, name);
	rv_json_w_value(w, v);
}

static void put_bound(struct rv_json_w *w, const struct rv_decision *d)
{
	const struct rv_gate_ask *q = d->ask;
	rv_json_w_obj(w);
	rv_json_w_kv_str(w, "subject", q->subject_id);
	if (d->on_behalf_of.n > 0)
		rv_json_w_kv_str(w, "on_behalf_of", d->on_behalf_of);
	rv_json_w_kv_str(w, "action", q->action);
	kv(w, "action_properties", q->action_properties);
	rv_json_w_kv_str(w, "resource_type", d->catalogue_type);
	rv_json_w_kv_str(w, "resource_id", d->catalogue_id);
	kv(w, "resource_properties", q->resource_properties);
	kv(w, "arguments", d->arguments);
	kv(w, "amount", rv_json_get(q->context, "amount"));
	kv(w, "limits", d->extra.limits);
	rv_json_w_obj_end(w);
}

enum rv_code rv_gate_digest(struct rv_decision *d, struct rv_err *err)
{
	RV_AUTO_BUF text, canonical;
	rv_buf_init(&text, DIGEST_INPUT_MAX);
	rv_buf_init(&canonical, DIGEST_INPUT_MAX);
	struct rv_json_w w;
	rv_json_w_init(&w, &text);
	put_bound(&w, d);
	RV_TRY(rv_buf_ok(&text, err));
	const struct rv_json *tree;
	const struct rv_json_limits limits = { .max_bytes = DIGEST_INPUT_MAX };
	RV_TRY(rv_json_parse(d->arena, rv_buf_str(&text), &limits, &tree, err));
	RV_TRY(rv_json_canonical(tree, &canonical, err));
	struct rv_sha256 h;
	char hex[65];
	rv_sha256_of(rv_buf_str(&canonical), &h);
	rv_hex_z(h.b, sizeof h.b, hex);
	const char *s = rv_arena_printf(d->arena, "sha256:%s", hex);
	if (!s)
		return RV_FAIL_ARENA(err);
	d->digest = rv_str_of(s);
	return RV_OK;
}
