/* The profile of an AI system, and limits. */
#include "base/zone.h"
#include "governance/class.h"
#include "governance/simple.h"
#include "governance/spec_int.h"

enum { TEXT_MAX = 4096, USAGE_MAX = 32768, SHORT_MAX = 200, LIMITS_MAX = 32 };

static const char *const dimensions[] = { "trigger", "persistence", "autonomy", "scope",
	"identity" };
static const char *const classes[] = { "assistant", "agent", "worker", NULL };

/* What per and zone say together. */
static enum rv_code check_window(struct rv_arena *a, const struct rv_json *v,
	const struct rv_spec_limit *l, struct rv_err *err)
{
	static const char *const pers[] = { "minute", "hour", "day", "week", "month", "total" };
	int64_t span;
	bool is_word = false;
	for (size_t i = 0; i < RV_COUNT(pers); i++)
		is_word |= rv_str_eqz(l->per, pers[i]);
	const struct rv_json *per = rv_json_get(v, "per"), *zone = rv_json_get(v, "zone");
	if (!is_word &&
		(!rv_duration_parse(l->per, &span) || span < RV_SLIDE_MIN_NS ||
			span > RV_SLIDE_MAX_NS))
		return RV_FAIL_AT(err, RV_EINVAL, "", per->line, per->col,
			"limits.per: '%.*s' is none of minute, hour, day, week, month, total, and "
			"no span from 1m to 366d that slides",
			RV_FMT(l->per));
	if (rv_str_eqz(l->unit, "concurrent") && !rv_str_eqz(l->per, "total"))
		return RV_FAIL_AT(err, RV_EINVAL, "", per->line, per->col,
			"limits.per: what is going on at once has no window");
	if (l->zone.n == 0)
		return RV_OK;
	struct rv_zone z;
	struct rv_err e = { 0 };
	if (!is_word || rv_str_eqz(l->per, "total"))
		return RV_FAIL_AT(err, RV_EINVAL, "", zone->line, zone->col,
			"limits.zone: goes with a window of the calendar");
	return rv_zone_load(a, l->zone, &z, &e) == RV_OK
		? RV_OK
		: RV_FAIL_AT(err, RV_EINVAL, "", zone->line, zone->col, "limits.zone: %s", e.msg);
}

enum rv_code rv_spec_limit_read(struct rv_arena *a, const struct rv_json *v, bool needs_role,
	struct rv_spec_limit *ret, struct rv_err *err)
{
	static const char *const units[] = { "count", "money", "bytes", "tokens", "concurrent",
		NULL };
	static const char *const excesses[] = { "deny", "hold", NULL };
	struct rv_json_obj o;
	*ret = (struct rv_spec_limit){
		.json = v, .quorum = 1, .unit = RV_STR("count"), .excess = RV_STR("deny")
	};
	RV_TRY(rv_json_obj_open(&o, v, needs_role ? "spec" : "limits", err));
	if (needs_role)
		RV_TRY(rv_spec_slug(&o, "role", &ret->role, err));
	else
		RV_TRY(rv_spec_slug(&o, "name", &ret->name, err));
	RV_TRY(rv_spec_word(&o, "unit", units, &ret->unit, err));
	RV_TRY(rv_spec_text(&o, "currency", 3, &ret->currency, err));
	RV_TRY(rv_spec_text(&o, "per", 16, &ret->per, err));
	RV_TRY(rv_spec_text(&o, "zone", 64, &ret->zone, err));
	RV_TRY(rv_spec_strs(a, &o, "resources", &ret->resources, err));
	RV_TRY(rv_spec_word(&o, "excess", excesses, &ret->excess, err));
	RV_TRY(rv_spec_strs(a, &o, "actions", &ret->actions, err));
	RV_TRY(rv_spec_slugs(a, &o, "approvers", &ret->approvers, err));
	RV_TRY(rv_json_opt_i64(&o, "quorum", 1, 20, &ret->quorum, err));
	const struct rv_json *max = rv_json_opt_any(&o, "max");
	RV_TRY(rv_json_obj_close(&o, err));
	if (ret->per.n == 0 && rv_str_eqz(ret->unit, "concurrent"))
		ret->per = RV_STR("total");
	const char *missing = !max ? "max" : ret->per.n == 0 ? "per" : NULL;
	if (needs_role && ret->role.n == 0)
		missing = "role";
	if (!needs_role && ret->name.n == 0)
		missing = "name";
	if (missing)
		return RV_FAIL_AT(
			err, RV_EINVAL, "", v->line, v->col, "a limit needs '%s'", missing);
	RV_TRY(check_window(a, v, ret, err));
	bool ok = max->type == RV_JSON_STR ? rv_amount_parse(max->str, &ret->max)
					   : max->type == RV_JSON_INT && max->integer >= 0 &&
			rv_mul_ok(max->integer, (int64_t)10000, &ret->max);
	if (!ok)
		return RV_FAIL_AT(err, RV_EINVAL, "", max->line, max->col,
			"limits.max: a whole number, or a text such as \"500.00\" with at most 4 "
			"digits after the point");
	bool money = rv_str_eqz(ret->unit, "money");
	if (money != (ret->currency.n == 3))
		return RV_FAIL_AT(err, RV_EINVAL, "", v->line, v->col,
			"limits.currency: three letters with unit money, and only then");
	bool holds = rv_str_eqz(ret->excess, "hold");
	if (holds != (ret->approvers.n > 0))
		return RV_FAIL_AT(err, RV_EINVAL, "", v->line, v->col,
			"limits.approvers: groups with excess hold, and only then");
	return RV_OK;
}

static enum rv_code read_limits(
	struct rv_arena *a, const struct rv_json *v, struct rv_spec_system *ret, struct rv_err *err)
{
	if (!v)
		return RV_OK;
	ret->has_limits = true;
	if (v->type == RV_JSON_STR && rv_str_eqz(v->str, "none"))
		return RV_OK;
	if (v->type != RV_JSON_ARR || v->n_items == 0 || v->n_items > LIMITS_MAX)
		return RV_FAIL_AT(err, RV_EINVAL, "", v->line, v->col,
			"spec.limits: a list of 1 to %d limits, or the word none", LIMITS_MAX);
	ret->limits = rv_arena_array(a, v->n_items, sizeof *ret->limits);
	if (!ret->limits)
		return RV_FAIL_ARENA(err);
	for (size_t i = 0; i < v->n_items; i++) {
		RV_TRY(rv_spec_limit_read(a, v->items[i], false, &ret->limits[i], err));
		for (size_t k = 0; k < i; k++)
			if (rv_str_eq(ret->limits[k].name, ret->limits[i].name))
				return RV_FAIL_AT(err, RV_EINVAL, "", v->items[i]->line,
					v->items[i]->col, "spec.limits: '%.*s' twice",
					RV_FMT(ret->limits[i].name));
	}
	ret->n_limits = v->n_items;
	return RV_OK;
}

/* [{resource: "Service/shop-*", actions: [deploy]}] */
static enum rv_code check_access(struct rv_arena *a, const struct rv_json *v, struct rv_err *err)
{
	for (size_t i = 0; v && i < v->n_items; i++) {
		struct rv_json_obj o;
		struct rv_str resource;
		struct rv_strs actions = { 0 };
		RV_TRY(rv_json_obj_open(&o, v->items[i], "spec.access", err));
		RV_TRY(rv_json_need_str(&o, "resource", &resource, err));
		RV_TRY(rv_spec_strs(a, &o, "actions", &actions, err));
		RV_TRY(rv_json_obj_close(&o, err));
		if (resource.n == 0 || resource.n > SHORT_MAX || actions.n == 0)
			return RV_FAIL_AT(err, RV_EINVAL, "", v->items[i]->line, v->items[i]->col,
				"spec.access: each entry names a resource (\"Type/id\", a '*' last "
				"for all that begin so) and its actions");
	}
	return RV_OK;
}

/* [{to: "olga", within: "15m"}]; to is a person or "group:name". */
static enum rv_code check_escalation(const struct rv_json *v, struct rv_err *err)
{
	for (size_t i = 0; v && i < v->n_items; i++) {
		struct rv_json_obj o;
		struct rv_str to, within;
		int64_t ns;
		RV_TRY(rv_json_obj_open(&o, v->items[i], "spec.escalation", err));
		RV_TRY(rv_json_need_str(&o, "to", &to, err));
		RV_TRY(rv_json_need_str(&o, "within", &within, err));
		RV_TRY(rv_json_obj_close(&o, err));
		struct rv_str name =
			rv_str_starts(to, RV_STR("group:")) ? rv_str_sub(to, 6, to.n) : to;
		if (!rv_str_is_slug(name, RV_NAME_MAX) || !rv_duration_parse(within, &ns) ||
			ns <= 0)
			return RV_FAIL_AT(err, RV_EINVAL, "", v->items[i]->line, v->items[i]->col,
				"spec.escalation: each level is {to: person or group:name, "
				"within: a time such as 15m}");
	}
	return RV_OK;
}

/* Their values are class.c's business. */
static enum rv_code check_dimensions(struct rv_json_obj *parent, struct rv_err *err)
{
	const struct rv_json *v;
	struct rv_json_obj o;
	RV_TRY(rv_json_need(parent, "dimensions", RV_JSON_OBJ, &v, err));
	RV_TRY(rv_json_obj_open(&o, v, "spec.dimensions", err));
	for (size_t i = 0; i < RV_COUNT(dimensions); i++)
		(void)rv_json_opt_any(&o, dimensions[i]); /* names them as known */
	return rv_json_obj_close(&o, err);
}

static enum rv_code read_parts(
	struct rv_arena *a, struct rv_json_obj *o, struct rv_spec_system *ret, struct rv_err *err)
{
	static const char *const plans[] = { "stop", "degrade", "person", NULL };
	const struct rv_json *v, *model, *data;
	struct rv_json_obj p;
	RV_TRY(rv_json_opt(o, "failure", RV_JSON_OBJ, &v, err));
	if (v) {
		struct rv_str call = { 0 };
		RV_TRY(rv_json_obj_open(&p, v, "spec.failure", err));
		RV_TRY(rv_spec_word(&p, "plan", plans, &ret->failure_plan, err));
		RV_TRY(rv_spec_slug(&p, "call", &call, err));
		RV_TRY(rv_json_obj_close(&p, err));
		if (ret->failure_plan.n == 0 || call.n == 0)
			return RV_FAIL_AT(err, RV_EINVAL, "", v->line, v->col,
				"spec.failure: needs a plan and whom to call");
	}
	RV_TRY(rv_json_opt(o, "review", RV_JSON_OBJ, &v, err));
	if (v) {
		int64_t ns;
		RV_TRY(rv_json_obj_open(&p, v, "spec.review", err));
		RV_TRY(rv_json_need_str(&p, "cadence", &ret->review_cadence, err));
		RV_TRY(rv_spec_slug(&p, "reviewer", &ret->reviewer, err));
		RV_TRY(rv_json_obj_close(&p, err));
		if (!rv_duration_parse(ret->review_cadence, &ns) || ns <= 0)
			return RV_FAIL_AT(err, RV_EINVAL, "", v->line, v->col,
				"spec.review.cadence: a time such as 90d");
	}
	RV_TRY(rv_json_opt(o, "usage_policy", RV_JSON_OBJ, &v, err));
	if (v) {
		struct rv_str version = { 0 };
		RV_TRY(rv_json_obj_open(&p, v, "spec.usage_policy", err));
		RV_TRY(rv_spec_text(&p, "version", SHORT_MAX, &version, err));
		RV_TRY(rv_spec_text(&p, "text", USAGE_MAX, &ret->usage_policy, err));
		RV_TRY(rv_json_obj_close(&p, err));
		if (version.n == 0 || ret->usage_policy.n == 0)
			return RV_FAIL_AT(err, RV_EINVAL, "", v->line, v->col,
				"spec.usage_policy: needs a version and a text");
	}
	RV_TRY(rv_json_opt(o, "model", RV_JSON_OBJ, &model, err));
	if (model) {
		struct rv_str s = { 0 };
		RV_TRY(rv_json_obj_open(&p, model, "spec.model", err));
		RV_TRY(rv_spec_text(&p, "provider", SHORT_MAX, &s, err));
		RV_TRY(rv_spec_text(&p, "name", SHORT_MAX, &s, err));
		RV_TRY(rv_json_obj_close(&p, err));
	}
	RV_TRY(rv_json_opt(o, "data", RV_JSON_ARR, &data, err));
	for (size_t i = 0; data && i < data->n_items; i++)
		if (data->items[i]->type != RV_JSON_STR)
			return RV_FAIL_AT(err, RV_EINVAL, "", data->items[i]->line,
				data->items[i]->col, "spec.data: a list of texts");
	(void)a; /* the same shape as its neighbours */
	return RV_OK;
}

static enum rv_code read_plain(
	struct rv_arena *a, struct rv_json_obj *o, struct rv_spec_system *ret, struct rv_err *err)
{
	RV_TRY(rv_spec_text(o, "display", SHORT_MAX, &ret->display, err));
	RV_TRY(rv_spec_word(o, "class", classes, &ret->class_, err));
	RV_TRY(rv_spec_slug(o, "role", &ret->role, err));
	RV_TRY(rv_spec_slug(o, "owner", &ret->owner, err));
	RV_TRY(rv_spec_slug(o, "deputy", &ret->deputy, err));
	RV_TRY(rv_spec_slug(o, "team", &ret->team, err));
	RV_TRY(rv_spec_slug(o, "parent", &ret->parent, err));
	RV_TRY(rv_spec_text(o, "purpose", TEXT_MAX, &ret->purpose, err));
	RV_TRY(rv_spec_text(o, "environment", SHORT_MAX, &ret->environment, err));
	RV_TRY(rv_spec_text(o, "risk", SHORT_MAX, &ret->risk, err));
	RV_TRY(rv_spec_text(o, "runtime", SHORT_MAX, &ret->runtime, err));
	RV_TRY(rv_spec_slug(o, "output_reviewer", &ret->output_reviewer, err));
	RV_TRY(rv_spec_slugs(a, o, "labels", &ret->labels, err));
	return rv_json_opt_bool(o, "observe", &ret->observe, err);
}

enum rv_code rv_spec_system_read(
	struct rv_arena *a, const struct rv_json *v, struct rv_spec_system *ret, struct rv_err *err)
{
	struct rv_json_obj o;
	*ret = (struct rv_spec_system){ 0 };
	RV_TRY(rv_json_obj_open(&o, v, "spec", err));
	RV_TRY(read_plain(a, &o, ret, err));
	RV_TRY(check_dimensions(&o, err));
	RV_TRY(rv_json_opt(&o, "access", RV_JSON_ARR, &ret->access, err));
	RV_TRY(rv_json_opt(&o, "actions", RV_JSON_OBJ, &ret->actions, err));
	RV_TRY(rv_json_opt(&o, "escalation", RV_JSON_ARR, &ret->escalation, err));
	RV_TRY(read_parts(a, &o, ret, err));
	RV_TRY(read_limits(a, rv_json_opt_any(&o, "limits"), ret, err));
	RV_TRY(rv_json_obj_close(&o, err));
	if (ret->class_.n == 0 || ret->owner.n == 0)
		return RV_FAIL_AT(err, RV_EINVAL, "", v->line, v->col, "spec: a system needs '%s'",
			ret->owner.n == 0 ? "owner" : "class");
	RV_TRY(rv_class_check(v, err));
	RV_TRY(check_access(a, ret->access, err));
	RV_TRY(rv_simple_check(a, ret->actions, err));
	return check_escalation(ret->escalation, err);
}
