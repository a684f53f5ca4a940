#include <stdio.h>

#include "api/api_int.h"

enum rv_code rv_api_body(struct rv_api_call *c, struct rv_json_obj *o, struct rv_err *err)
{
	static const struct rv_json nothing = { .type = RV_JSON_OBJ, .line = 1, .col = 1 };
	return rv_json_obj_open(o, c->body ? c->body : &nothing, "", err);
}

enum rv_code rv_api_reason(struct rv_api_call *c, struct rv_str *ret, struct rv_err *err)
{
	struct rv_json_obj o;
	*ret = RV_STR("");
	RV_TRY(rv_api_body(c, &o, err));
	RV_TRY(rv_json_opt_str(&o, "reason", ret, err));
	return rv_json_obj_close(&o, err);
}

struct rv_str rv_api_query(const struct rv_api_call *c, const char *name)
{
	for (size_t i = 0; i < c->n_query; i++)
		if (rv_str_eqz(c->query[i].name, name))
			return c->query[i].value;
	return (struct rv_str){ NULL, 0 };
}

enum rv_code rv_api_query_i64(const struct rv_api_call *c, const char *name, int64_t min,
	int64_t max, int64_t *ret, struct rv_err *err)
{
	struct rv_str s = rv_api_query(c, name);
	int64_t v;
	if (!s.p)
		return RV_OK;
	if (!rv_str_i64(s, &v) || v < min || v > max)
		return RV_FAIL_AT(err, RV_EINVAL, name, 0, 0,
			"query parameter must be a whole number between %lld and %lld",
			(long long)min, (long long)max);
	*ret = v;
	return RV_OK;
}

void rv_api_kv_time(struct rv_json_w *w, const char *name, int64_t unix_ns)
{
	char buf[RV_TIME_SIZE];
	if (unix_ns > 0)
		rv_json_w_kv_strz(w, name, rv_time_format(unix_ns, buf));
}

void rv_api_kv(struct rv_json_w *w, const char *name, struct rv_str s)
{
	if (s.n > 0)
		rv_json_w_kv_str(w, name, s);
}

void rv_api_kv_list(struct rv_json_w *w, const char *name, const struct rv_str *v, size_t n)
{
	rv_json_w_name(w, name);
	rv_json_w_arr(w);
	for (size_t i = 0; i < n; i++)
		rv_json_w_str(w, v[i]);
	rv_json_w_arr_end(w);
}

void rv_api_kv_json(struct rv_json_w *w, const char *name, struct rv_str json)
{
	if (json.n == 0)
		return;
	rv_json_w_name(w, name);
	rv_json_w_raw(w, json);
}

struct rv_str rv_api_str(const struct rv_json *v, const char *name)
{
	const struct rv_json *m = rv_json_get(v, name);
	return rv_json_is(m, RV_JSON_STR) ? m->str : RV_STR("");
}
