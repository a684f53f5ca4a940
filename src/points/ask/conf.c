/* What configuration files of points have in common. */
#include "base/clock.h"
#include "points/ask/ask.h"

enum rv_code rv_ask_opt_path(
	struct rv_json_obj *o, const char *name, struct rv_str *ret, struct rv_err *err)
{
	const struct rv_json *v;
	RV_TRY(rv_json_opt(o, name, RV_JSON_STR, &v, err));
	if (!v)
		return RV_OK;
	struct rv_str rest = v->str, part;
	bool is_good =
		rest.n > 0 && rest.n < 4096 && rest.p[0] == '/' && !memchr(rest.p, '\0', rest.n);
	while (is_good && rv_str_split(&rest, '/', &part))
		is_good = !rv_str_eqz(part, "..");
	if (!is_good)
		return RV_FAIL_AT(err, RV_EINVAL, NULL, v->line, v->col,
			"%s.%s: must be an absolute path without '..'", o->path, name);
	*ret = v->str;
	return RV_OK;
}

enum rv_code rv_ask_opt_duration(struct rv_json_obj *o, const char *name, int64_t min_ms,
	int64_t max_ms, int64_t *ret_ms, struct rv_err *err)
{
	const struct rv_json *v;
	int64_t ns;
	RV_TRY(rv_json_opt(o, name, RV_JSON_STR, &v, err));
	if (!v)
		return RV_OK;
	if (!rv_duration_parse(v->str, &ns) || ns / RV_NS_PER_MS < min_ms ||
		ns / RV_NS_PER_MS > max_ms)
		return RV_FAIL_AT(err, RV_EINVAL, NULL, v->line, v->col,
			"%s.%s: must be a duration such as 90s or 5m, from %lld s to %lld s",
			o->path, name, (long long)(min_ms / 1000), (long long)(max_ms / 1000));
	*ret_ms = ns / RV_NS_PER_MS;
	return RV_OK;
}
