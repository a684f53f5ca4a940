/* Trees: lookup, comparison and the checked object reader. */
#include "base/json.h"

#include <stdio.h>

const struct rv_json *rv_json_get_str(const struct rv_json *v, struct rv_str name)
{
	if (!rv_json_is(v, RV_JSON_OBJ))
		return NULL;
	for (size_t i = 0; i < v->n_members; i++)
		if (rv_str_eq(v->members[i].name, name))
			return v->members[i].value;
	return NULL;
}

const struct rv_json *rv_json_get(const struct rv_json *v, const char *name)
{
	return rv_json_get_str(v, rv_str_of(name));
}

const char *rv_json_type_name(enum rv_json_type type)
{
	switch (type) {
	case RV_JSON_NULL:
		return "null";
	case RV_JSON_BOOL:
		return "true or false";
	case RV_JSON_INT:
		return "an integer";
	case RV_JSON_DOUBLE:
		return "a number with a fraction or exponent";
	case RV_JSON_STR:
		return "a string";
	case RV_JSON_ARR:
		return "an array";
	case RV_JSON_OBJ:
		return "an object";
	}
	return "?";
}

static bool eq_number(const struct rv_json *a, const struct rv_json *b)
{
	if (a->type == RV_JSON_INT && b->type == RV_JSON_INT)
		return a->integer == b->integer;
	double x = a->type == RV_JSON_INT ? (double)a->integer : a->number;
	double y = b->type == RV_JSON_INT ? (double)b->integer : b->number;
	return x == y;
}

static bool is_number(const struct rv_json *v)
{
	return v->type == RV_JSON_INT || v->type == RV_JSON_DOUBLE;
}

/* Trees come out of a parser with a depth limit, which bounds this recursion too. */
bool rv_json_eq(const struct rv_json *a, const struct rv_json *b)
{
	if (!a || !b)
		return a == b;
	if (is_number(a) && is_number(b))
		return eq_number(a, b);
	if (a->type != b->type)
		return false;
	switch (a->type) {
	case RV_JSON_BOOL:
		return a->boolean == b->boolean;
	case RV_JSON_STR:
		return rv_str_eq(a->str, b->str);
	case RV_JSON_ARR:
		if (a->n_items != b->n_items)
			return false;
		for (size_t i = 0; i < a->n_items; i++)
			if (!rv_json_eq(a->items[i], b->items[i]))
				return false;
		return true;
	case RV_JSON_OBJ:
		if (a->n_members != b->n_members)
			return false;
		for (size_t i = 0; i < a->n_members; i++) {
			const struct rv_json *other = rv_json_get_str(b, a->members[i].name);
			if (!other || !rv_json_eq(a->members[i].value, other))
				return false;
		}
		return true;
	default:
		return true;
	}
}

/* "subject.id" or "id" when the object is the whole document. */
static enum rv_code obj_fail(const struct rv_json_obj *o, const struct rv_json *at,
	const char *name, struct rv_err *err, const char *msg)
{
	bool has_path = o->path && o->path[0];
	return RV_FAIL_AT(err, RV_EINVAL, NULL, at->line, at->col, "%s%s%s: %s",
		has_path ? o->path : "", has_path ? "." : "", name, msg);
}

enum rv_code rv_json_obj_open(
	struct rv_json_obj *o, const struct rv_json *v, const char *path, struct rv_err *err)
{
	*o = (struct rv_json_obj){ .v = v, .path = path };
	if (v->type != RV_JSON_OBJ)
		return RV_FAIL_AT(err, RV_EINVAL, NULL, v->line, v->col,
			"%s%smust be an object, not %s", path && path[0] ? path : "",
			path && path[0] ? ": " : "", rv_json_type_name(v->type));
	return RV_OK;
}

const struct rv_json *rv_json_opt_any(struct rv_json_obj *o, const char *name)
{
	rv_assert(o->n_asked < RV_COUNT(o->asked));
	o->asked[o->n_asked++] = name;
	return rv_json_get(o->v, name);
}

enum rv_code rv_json_opt(struct rv_json_obj *o, const char *name, enum rv_json_type type,
	const struct rv_json **ret, struct rv_err *err)
{
	const struct rv_json *v = rv_json_opt_any(o, name);
	if (v && v->type != type) {
		char msg[128];
		snprintf(msg, sizeof msg, "must be %s, not %s", rv_json_type_name(type),
			rv_json_type_name(v->type));
		return obj_fail(o, v, name, err, msg);
	}
	*ret = v;
	return RV_OK;
}

enum rv_code rv_json_need(struct rv_json_obj *o, const char *name, enum rv_json_type type,
	const struct rv_json **ret, struct rv_err *err)
{
	const struct rv_json *v;
	RV_TRY(rv_json_opt(o, name, type, &v, err));
	if (!v)
		return obj_fail(o, o->v, name, err, "is required");
	*ret = v;
	return RV_OK;
}

enum rv_code rv_json_need_str(
	struct rv_json_obj *o, const char *name, struct rv_str *ret, struct rv_err *err)
{
	const struct rv_json *v;
	RV_TRY(rv_json_need(o, name, RV_JSON_STR, &v, err));
	*ret = v->str;
	return RV_OK;
}

enum rv_code rv_json_opt_str(
	struct rv_json_obj *o, const char *name, struct rv_str *ret, struct rv_err *err)
{
	const struct rv_json *v;
	RV_TRY(rv_json_opt(o, name, RV_JSON_STR, &v, err));
	if (v)
		*ret = v->str;
	return RV_OK;
}

enum rv_code rv_json_opt_i64(struct rv_json_obj *o, const char *name, int64_t min, int64_t max,
	int64_t *ret, struct rv_err *err)
{
	const struct rv_json *v;
	RV_TRY(rv_json_opt(o, name, RV_JSON_INT, &v, err));
	if (!v)
		return RV_OK;
	if (v->integer < min || v->integer > max) {
		char msg[128];
		snprintf(msg, sizeof msg, "must lie between %lld and %lld", (long long)min,
			(long long)max);
		return obj_fail(o, v, name, err, msg);
	}
	*ret = v->integer;
	return RV_OK;
}

enum rv_code rv_json_opt_bool(
	struct rv_json_obj *o, const char *name, bool *ret, struct rv_err *err)
{
	const struct rv_json *v;
	RV_TRY(rv_json_opt(o, name, RV_JSON_BOOL, &v, err));
	if (v)
		*ret = v->boolean;
	return RV_OK;
}

static bool was_asked(const struct rv_json_obj *o, struct rv_str name)
{
	for (size_t i = 0; i < o->n_asked; i++)
		if (rv_str_eqz(name, o->asked[i]))
			return true;
	return false;
}

enum rv_code rv_json_obj_close(struct rv_json_obj *o, struct rv_err *err)
{
	RV_JSON_EACH (m, o->v) {
		if (was_asked(o, m->name))
			continue;
		char known[400];
		size_t n = 0;
		known[0] = '\0';
		for (size_t i = 0; i < o->n_asked && n < sizeof known - 1; i++) {
			int wrote = snprintf(
				known + n, sizeof known - n, "%s%s", i ? ", " : "", o->asked[i]);
			n += wrote > 0 ? (size_t)wrote : 0;
		}
		return RV_FAIL_AT(err, RV_EINVAL, NULL, m->line, m->col,
			"%s%s%.*s: is not a known field; known here: %s",
			o->path && o->path[0] ? o->path : "", o->path && o->path[0] ? "." : "",
			RV_FMT(m->name), known);
	}
	return RV_OK;
}
