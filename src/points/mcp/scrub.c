/* What a server says must not hold its own secrets: a model would read them, and a log keep them.
 */
#include "points/mcp/gateway.h"

enum { SHORT = 6 }; /* a secret shorter than this would strike out ordinary text */

static const char *find(const struct rv_mcp_backend *b, struct rv_str in, size_t *ret_n)
{
	const char *first = NULL;
	for (size_t i = 0; i < b->conf->n_secrets; i++) {
		struct rv_str s = b->secrets[i];
		const char *at = s.n >= SHORT ? memmem(in.p, in.n, s.p, s.n) : NULL;
		if (at && (!first || at < first)) {
			first = at;
			*ret_n = s.n;
		}
	}
	return first;
}

static void put_str(struct rv_json_w *w, const struct rv_mcp_backend *b, struct rv_str s)
{
	RV_AUTO_BUF clean = { 0 };
	size_t n = 0;
	const char *at = s.n ? find(b, s, &n) : NULL;
	if (!at) {
		rv_json_w_str(w, s);
		return;
	}
	rv_buf_init(&clean, 2 * RV_RPC_MESSAGE_MAX);
	for (; at; at = s.n ? find(b, s, &n) : NULL) {
		rv_buf_add(&clean, rv_str_n(s.p, (size_t)(at - s.p)));
		rv_buf_addz(&clean, "[struck out by reeve]");
		s = rv_str_sub(s, (size_t)(at - s.p) + n, s.n);
	}
	rv_buf_add(&clean, s);
	if (clean.failed)
		rv_json_w_strz(w, "[struck out by reeve]");
	else
		rv_json_w_str(w, rv_buf_str(&clean));
}

static void put(struct rv_json_w *w, const struct rv_mcp_backend *b, const struct rv_json *v)
{
	switch (v->type) {
	case RV_JSON_STR:
		put_str(w, b, v->str);
		return;
	case RV_JSON_ARR:
		rv_json_w_arr(w);
		for (size_t i = 0; i < v->n_items; i++)
			put(w, b, v->items[i]); /* as deep as the reader allowed */
		rv_json_w_arr_end(w);
		return;
	case RV_JSON_OBJ:
		rv_json_w_obj(w);
		RV_JSON_EACH (m, v) {
			size_t n;
			bool is_bad = m->name.n && find(b, m->name, &n);
			rv_json_w_name_str(w, is_bad ? RV_STR("[struck out by reeve]") : m->name);
			put(w, b, m->value);
		}
		rv_json_w_obj_end(w);
		return;
	default:
		rv_json_w_value(w, v);
		return;
	}
}

void rv_mcp_put_scrubbed(
	struct rv_json_w *w, const struct rv_mcp_backend *b, const struct rv_json *v)
{
	if (b->conf->n_secrets == 0)
		rv_json_w_value(w, v);
	else
		put(w, b, v);
}
