/* Searches that people keep for one another. */
#include "api/api_int.h"

enum rv_code rv_api_searches(struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	struct rv_saved_search *rows;
	size_t n;
	RV_TRY(rv_saved_list(c->op, &rows, &n, err));
	rv_json_w_name(w, "searches");
	rv_json_w_arr(w);
	for (size_t i = 0; i < n; i++) {
		rv_json_w_obj(w);
		rv_json_w_kv_str(w, "name", rows[i].name);
		rv_json_w_kv_str(w, "query", rows[i].query);
		rv_api_kv(w, "note", rows[i].note);
		rv_api_kv(w, "author", rows[i].author);
		rv_api_kv_time(w, "saved", rows[i].at_ns);
		rv_json_w_obj_end(w);
	}
	rv_json_w_arr_end(w);
	return RV_OK;
}

enum rv_code rv_api_search_save(struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	struct rv_json_obj o;
	struct rv_str name, query, note = RV_STR("");
	const struct rv_search_query *q;
	RV_TRY(rv_api_body(c, &o, err));
	RV_TRY(rv_json_need_str(&o, "name", &name, err));
	RV_TRY(rv_json_need_str(&o, "query", &query, err));
	RV_TRY(rv_json_opt_str(&o, "note", &note, err));
	RV_TRY(rv_json_obj_close(&o, err));
	RV_TRY(rv_query_parse(c->arena, query, c->op->now_ns, &q, err));
	RV_TRY(rv_saved_put(c->op, name, query, note, err));
	rv_json_w_kv_str(w, "name", name);
	return RV_OK;
}

enum rv_code rv_api_search_remove(struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	RV_TRY(rv_saved_remove(c->op, c->param[0], err));
	rv_json_w_kv_str(w, "name", c->param[0]);
	return RV_OK;
}
