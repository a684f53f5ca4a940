#include <stdio.h>

#include "points/authzen/authzen.h"

void rv_authzen_write_decision(struct rv_json_w *w, bool is_allowed, struct rv_str context)
{
	rv_json_w_obj(w);
	rv_json_w_kv_bool(w, "decision", is_allowed);
	if (context.n > 0) {
		rv_json_w_name(w, "context");
		rv_json_w_raw(w, context);
	}
	rv_json_w_obj_end(w);
}

void rv_authzen_write_error(struct rv_json_w *w, enum rv_code code, struct rv_str message)
{
	rv_json_w_obj(w);
	rv_json_w_kv_bool(w, "decision", false);
	rv_json_w_name(w, "context");
	rv_json_w_obj(w);
	rv_json_w_name(w, "error");
	rv_json_w_obj(w);
	rv_json_w_kv_i64(w, "status", rv_code_http(code));
	rv_json_w_kv_str(w, "message", message);
	rv_json_w_obj_end(w);
	rv_json_w_obj_end(w);
	rv_json_w_obj_end(w);
}

static void put_url(struct rv_json_w *w, const char *name, struct rv_str base, const char *path)
{
	char url[512];
	int n = snprintf(url, sizeof url, "%.*s%s", RV_FMT(base), path);
	if (n > 0 && (size_t)n < sizeof url)
		rv_json_w_kv_strz(w, name, url);
}

void rv_authzen_write_metadata(struct rv_json_w *w, struct rv_str base, bool has_search)
{
	rv_json_w_obj(w);
	put_url(w, "policy_decision_point", base, "");
	put_url(w, "access_evaluation_endpoint", base, "/access/v1/evaluation");
	put_url(w, "access_evaluations_endpoint", base, "/access/v1/evaluations");
	if (has_search) {
		put_url(w, "search_subject_endpoint", base, "/access/v1/search/subject");
		put_url(w, "search_resource_endpoint", base, "/access/v1/search/resource");
		put_url(w, "search_action_endpoint", base, "/access/v1/search/action");
	}
	rv_json_w_obj_end(w);
}
