/* The registry as manifests, and what changed between versions. */
#include "api/api_int.h"

enum rv_code rv_api_manifests(struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	struct rv_manifest_text *items;
	size_t n;
	struct rv_str word = rv_api_query(c, "kind");
	enum rv_kind kind = word.p ? rv_kind_parse(word) : RV_KIND_NONE;
	if (word.p && kind == RV_KIND_NONE)
		return RV_FAIL_AT(err, RV_EINVAL, "kind", 0, 0,
			"must be one of Team, Person, Group, Role, Point, Resource, System, Limit, "
			"Policy");
	RV_TRY(rv_manifest_list(c->op, kind, &items, &n, err));
	rv_json_w_name(w, "manifests");
	rv_json_w_arr(w);
	for (size_t i = 0; i < n; i++) {
		rv_json_w_obj(w);
		rv_json_w_kv_strz(w, "kind", rv_kind_name(items[i].kind));
		rv_json_w_kv_str(w, "name", items[i].name);
		rv_json_w_name(w, "spec");
		rv_json_w_raw(w, items[i].spec);
		rv_json_w_obj_end(w);
	}
	rv_json_w_arr_end(w);
	return RV_OK;
}

enum rv_code rv_api_system_diff(struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	struct rv_system_diff d;
	int64_t from = 0, to = 0;
	RV_TRY(rv_api_query_i64(c, "from", 1, INT32_MAX, &from, err));
	RV_TRY(rv_api_query_i64(c, "to", 1, INT32_MAX, &to, err));
	RV_TRY(rv_system_diff(c->op, c->param[0], from, to, &d, err));
	rv_json_w_kv_str(w, "name", c->param[0]);
	rv_json_w_kv_i64(w, "from", d.from);
	rv_json_w_kv_i64(w, "to", d.to);
	rv_json_w_kv_bool(w, "widens", d.widens);
	rv_api_put_fields(w, d.fields, d.n_fields);
	return RV_OK;
}
