/* The simple form of an action policy (docs/manifests.md, "Actions"), read and checked. */
#include "governance/simple.h"

enum { MINUTES = 24 * 60 };
const char *const rv_simple_lists[RV_SIMPLE_COUNT] = { "autonomous", "approval", "escalate",
	"never" };

/* ---- reading ---- */

enum rv_code rv_simple_fail(const struct rv_json *v, const char *msg, struct rv_err *err)
{
	return RV_FAIL_AT(err, RV_EINVAL, "", v->line, v->col, "spec.actions: %s", msg);
}

/* "09:30" in minutes. */
static bool read_clock(struct rv_str s, int64_t *ret)
{
	int64_t h, m;
	if (s.n != 5 || s.p[2] != ':' || !rv_str_i64(rv_str_sub(s, 0, 2), &h) ||
		!rv_str_i64(rv_str_sub(s, 3, 5), &m) || h < 0 || h > 24 || m < 0 || m > 59 ||
		h * 60 + m > MINUTES)
		return false;
	*ret = h * 60 + m;
	return true;
}

/* {from: "09:00", until: "17:00", utc_offset: "+01:00"} */
static enum rv_code read_hours(
	struct rv_json_obj *o, const char *name, struct rv_simple_time *ret, struct rv_err *err)
{
	const struct rv_json *v;
	struct rv_json_obj t;
	struct rv_str from, until, offset = { NULL, 0 };
	*ret = (struct rv_simple_time){ .is_there = false };
	RV_TRY(rv_json_opt(o, name, RV_JSON_OBJ, &v, err));
	if (!v)
		return RV_OK;
	RV_TRY(rv_json_obj_open(&t, v, "spec.actions", err));
	RV_TRY(rv_json_need_str(&t, "from", &from, err));
	RV_TRY(rv_json_need_str(&t, "until", &until, err));
	RV_TRY(rv_json_opt_str(&t, "utc_offset", &offset, err));
	RV_TRY(rv_json_obj_close(&t, err));
	ret->is_there = true;
	if (!read_clock(from, &ret->from) || !read_clock(until, &ret->until) ||
		ret->from == ret->until)
		return rv_simple_fail(
			v, "from and until are two times of day such as \"09:00\"", err);
	if (offset.n == 0)
		return RV_OK;
	bool is_minus = offset.p[0] == '-';
	if ((!is_minus && offset.p[0] != '+') ||
		!read_clock(rv_str_sub(offset, 1, offset.n), &ret->offset) || ret->offset > 14 * 60)
		return rv_simple_fail(v,
			"utc_offset is a fixed one such as \"+01:00\"; policies know no time zones "
			"with summer time",
			err);
	ret->offset = is_minus ? -ret->offset : ret->offset;
	return RV_OK;
}

static enum rv_code read_amount(
	struct rv_json_obj *o, struct rv_simple_entry *e, struct rv_err *err)
{
	const struct rv_json *v;
	struct rv_json_obj a;
	struct rv_str over = { NULL, 0 }, up_to = { NULL, 0 };
	RV_TRY(rv_json_opt(o, "amount", RV_JSON_OBJ, &v, err));
	if (!v)
		return RV_OK;
	RV_TRY(rv_json_obj_open(&a, v, "spec.actions.amount", err));
	RV_TRY(rv_json_opt_str(&a, "over", &over, err));
	RV_TRY(rv_json_opt_str(&a, "up_to", &up_to, err));
	RV_TRY(rv_json_obj_close(&a, err));
	if ((over.p && !rv_amount_parse(over, &e->over)) ||
		(up_to.p && !rv_amount_parse(up_to, &e->up_to)) || (!over.p && !up_to.p))
		return rv_simple_fail(v,
			"amount: {over: \"100.00\"} or {up_to: \"100.00\"}, decimals in text", err);
	return RV_OK;
}

static bool is_plain(const struct rv_json *v)
{
	return v->type == RV_JSON_STR || v->type == RV_JSON_INT || v->type == RV_JSON_BOOL;
}

/* {name: value | [values] | {over: N, up_to: N, like: "x*"}} */
static enum rv_code check_arguments(const struct rv_json *args, struct rv_err *err)
{
	RV_JSON_EACH (m, args) {
		const struct rv_json *v = m->value;
		bool ok = is_plain(v) || (v->type == RV_JSON_ARR && v->n_items > 0);
		for (size_t i = 0; v->type == RV_JSON_ARR && i < v->n_items; i++)
			ok = ok && is_plain(v->items[i]) && v->items[i]->type == v->items[0]->type;
		if (v->type == RV_JSON_OBJ) {
			struct rv_json_obj o;
			struct rv_str like = { NULL, 0 };
			int64_t n = 0;
			RV_TRY(rv_json_obj_open(&o, v, "spec.actions.arguments", err));
			RV_TRY(rv_json_opt_i64(&o, "over", INT64_MIN, INT64_MAX, &n, err));
			RV_TRY(rv_json_opt_i64(&o, "up_to", INT64_MIN, INT64_MAX, &n, err));
			RV_TRY(rv_json_opt_str(&o, "like", &like, err));
			RV_TRY(rv_json_obj_close(&o, err));
			ok = v->n_members > 0;
		}
		if (!ok)
			return rv_simple_fail(v,
				"an argument is held against a value, a list of them, or {over, "
				"up_to, like}",
				err);
	}
	return RV_OK;
}

/* A text, or a list of them. */
static enum rv_code read_texts(struct rv_arena *a, struct rv_json_obj *o, const char *name,
	struct rv_strs *ret, struct rv_err *err)
{
	const struct rv_json *v = rv_json_get(o->v, name);
	if (!rv_json_is(v, RV_JSON_STR))
		return rv_spec_strs(a, o, name, ret, err);
	struct rv_str *one = rv_arena_alloc(a, sizeof *one);
	if (!one)
		return RV_FAIL_ARENA(err);
	*ret = (struct rv_strs){ one, 1 };
	return rv_json_opt_str(o, name, one, err);
}

static enum rv_code read_people(struct rv_arena *a, struct rv_json_obj *o, enum rv_simple_list list,
	struct rv_simple_entry *e, struct rv_err *err)
{
	RV_TRY(rv_spec_slugs(a, o, "by", &e->by, err));
	RV_TRY(rv_json_opt_i64(o, "quorum", 1, 20, &e->quorum, err));
	RV_TRY(rv_json_opt_str(o, "expires", &e->expires, err));
	RV_TRY(rv_spec_slug(o, "to", &e->to, err));
	if (e->by.n > 0 && list != RV_SIMPLE_APPROVAL && list != RV_SIMPLE_ESCALATE)
		return rv_simple_fail(o->v, "by: stands under approval or escalate", err);
	if ((e->quorum > 0 || e->expires.n > 0) && list != RV_SIMPLE_APPROVAL && e->by.n == 0)
		return rv_simple_fail(o->v, "quorum and expires go with those who approve", err);
	if (e->to.n > 0 && list != RV_SIMPLE_ESCALATE)
		return rv_simple_fail(o->v, "to: stands under escalate", err);
	int64_t ns;
	if (e->expires.n > 0 && (!rv_duration_parse(e->expires, &ns) || ns <= 0))
		return rv_simple_fail(o->v, "expires: a time such as 1h", err);
	return RV_OK;
}

enum rv_code rv_simple_read(struct rv_arena *a, const struct rv_json *v, enum rv_simple_list list,
	struct rv_simple_entry *e, struct rv_err *err)
{
	struct rv_json_obj o;
	*e = (struct rv_simple_entry){ .over = -1, .up_to = -1 };
	if (v->type == RV_JSON_STR) {
		e->action = v->str;
		return v->str.n > 0 && v->str.n <= 200
			? RV_OK
			: rv_simple_fail(v, "an action has a name", err);
	}
	RV_TRY(rv_json_obj_open(&o, v, "spec.actions", err));
	RV_TRY(rv_json_need_str(&o, "action", &e->action, err));
	RV_TRY(rv_spec_text(&o, "on", 200, &e->on, err));
	RV_TRY(rv_spec_text(&o, "kind", 200, &e->kind, err));
	RV_TRY(rv_spec_text(&o, "reason", 400, &e->reason, err));
	RV_TRY(read_texts(a, &o, "environment", &e->environment, err));
	RV_TRY(read_texts(a, &o, "data_class", &e->data_class, err));
	RV_TRY(rv_json_opt(&o, "arguments", RV_JSON_OBJ, &e->arguments, err));
	RV_TRY(read_amount(&o, e, err));
	RV_TRY(read_hours(&o, "time", &e->inside, err));
	RV_TRY(read_hours(&o, "outside", &e->outside, err));
	RV_TRY(read_people(a, &o, list, e, err));
	RV_TRY(rv_json_obj_close(&o, err));
	if (e->action.n == 0 || e->action.n > 200)
		return rv_simple_fail(v, "an action has a name", err);
	if (rv_str_find(e->on, '*', 0) != SIZE_MAX ||
		(e->on.n > 0 && !rv_str_starts(e->on, RV_STR("collection:")) &&
			rv_str_find(e->on, '/', 0) == SIZE_MAX))
		return rv_simple_fail(v,
			"on: one resource (\"Type/id\") or \"collection:NAME\"; patterns stand "
			"under "
			"access",
			err);
	return e->arguments ? check_arguments(e->arguments, err) : RV_OK;
}

enum rv_code rv_simple_check(struct rv_arena *a, const struct rv_json *actions, struct rv_err *err)
{
	struct rv_json_obj o;
	struct rv_strs approvers = { 0 };
	size_t n = 0;
	if (!actions)
		return RV_OK;
	RV_TRY(rv_json_obj_open(&o, actions, "spec.actions", err));
	RV_TRY(rv_spec_slugs(a, &o, "approvers", &approvers, err));
	for (int l = 0; l < RV_SIMPLE_COUNT; l++) {
		const struct rv_json *list;
		RV_TRY(rv_json_opt(&o, rv_simple_lists[l], RV_JSON_ARR, &list, err));
		for (size_t i = 0; list && i < list->n_items; i++) {
			struct rv_simple_entry e;
			RV_TRY(rv_simple_read(a, list->items[i], (enum rv_simple_list)l, &e, err));
		}
		n += list ? list->n_items : 0;
	}
	RV_TRY(rv_json_obj_close(&o, err));
	if (n == 0)
		return rv_simple_fail(actions,
			"says nothing; list what it does by itself (autonomous), with approval, "
			"must "
			"escalate, never does",
			err);
	return RV_OK;
}
