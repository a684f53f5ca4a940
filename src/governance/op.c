/* Helpers of one operation: strings in its arena, settings, what it touched. */
#include <stdarg.h>
#include <stdio.h>

#include "governance/governance_int.h"

enum { DETAIL_MAX = 16384 };

enum rv_code rv_op_id(struct rv_op *op, struct rv_str *ret, struct rv_err *err)
{
	struct rv_uuid u;
	char text[RV_UUID_SIZE];
	rv_uuid7(op->now_ns, &u);
	return rv_op_str(op, rv_str_of(rv_uuid_format(&u, text)), ret, err);
}

enum rv_code rv_op_str(struct rv_op *op, struct rv_str s, struct rv_str *ret, struct rv_err *err)
{
	struct rv_str own = rv_arena_str(op->arena, s);
	if (!own.p)
		return RV_FAIL_ARENA(err);
	*ret = own;
	return RV_OK;
}

enum rv_code rv_op_buf(struct rv_op *op, struct rv_buf *b, struct rv_str *ret, struct rv_err *err)
{
	RV_TRY(rv_buf_ok(b, err));
	return rv_op_str(op, rv_buf_str(b), ret, err);
}

enum rv_code rv_op_json(
	struct rv_op *op, struct rv_str text, const struct rv_json **ret, struct rv_err *err)
{
	const struct rv_json_limits limits = { .max_bytes = 1 << 22 };
	return rv_json_parse(op->arena, text, &limits, ret, err);
}

enum rv_code rv_detail(struct rv_op *op, struct rv_str *ret, struct rv_err *err, ...)
{
	RV_AUTO_BUF b;
	struct rv_json_w w;
	va_list ap;
	rv_buf_init(&b, DETAIL_MAX);
	rv_json_w_init(&w, &b);
	rv_json_w_obj(&w);
	va_start(ap, err);
	for (const char *name = va_arg(ap, const char *); name; name = va_arg(ap, const char *)) {
		struct rv_str v = va_arg(ap, struct rv_str);
		if (v.n > 0)
			rv_json_w_kv_str(&w, name, v);
	}
	va_end(ap);
	rv_json_w_obj_end(&w);
	return rv_op_buf(op, &b, ret, err);
}

enum rv_code rv_op_digest(
	struct rv_op *op, struct rv_str bytes, struct rv_str *ret, struct rv_err *err)
{
	struct rv_sha256 d;
	char text[7 + 65] = "sha256:";
	rv_sha256_of(bytes, &d);
	rv_hex_z(d.b, 32, text + 7);
	return rv_op_str(op, rv_str_of(text), ret, err);
}

enum rv_code rv_strs_json(
	struct rv_op *op, const struct rv_str *v, size_t n, struct rv_str *ret, struct rv_err *err)
{
	RV_AUTO_BUF b;
	struct rv_json_w w;
	rv_buf_init(&b, 1 << 20);
	rv_json_w_init(&w, &b);
	rv_json_w_arr(&w);
	for (size_t i = 0; i < n; i++)
		rv_json_w_str(&w, v[i]);
	rv_json_w_arr_end(&w);
	return rv_op_buf(op, &b, ret, err);
}

enum rv_code rv_strs_parse(struct rv_arena *a, struct rv_str text, const struct rv_str **ret,
	size_t *ret_n, struct rv_err *err)
{
	const struct rv_json *v;
	*ret = NULL;
	*ret_n = 0;
	if (text.n == 0)
		return RV_OK;
	RV_TRY(rv_json_parse(a, text, NULL, &v, err));
	if (v->type != RV_JSON_ARR)
		return RV_FAIL(err, RV_ECORRUPT, "a stored list is not a list");
	struct rv_str *out = rv_arena_array(a, v->n_items + 1, sizeof *out);
	if (!out)
		return RV_FAIL_ARENA(err);
	for (size_t i = 0; i < v->n_items; i++) {
		if (v->items[i]->type != RV_JSON_STR)
			return RV_FAIL(err, RV_ECORRUPT, "a stored list holds no text");
		out[i] = v->items[i]->str;
	}
	*ret = out;
	*ret_n = v->n_items;
	return RV_OK;
}

bool rv_strs_has(const struct rv_str *v, size_t n, struct rv_str s)
{
	for (size_t i = 0; i < n; i++)
		if (rv_str_eq(v[i], s))
			return true;
	return false;
}

enum rv_code rv_need_slug(struct rv_str name, const char *what, struct rv_err *err)
{
	if (rv_str_is_slug(name, RV_NAME_MAX))
		return RV_OK;
	return RV_FAIL(err, RV_EINVAL,
		"%s '%.*s' is no name: a-z, 0-9 and '-', at most %d, no '-' at either end", what,
		RV_FMT(rv_str_sub(name, 0, 80)), RV_NAME_MAX);
}

enum rv_code rv_setting_get(
	struct rv_op *op, const char *key, struct rv_str *ret, struct rv_err *err)
{
	struct rv_db_setting row = { .key = rv_str_of(key) };
	struct rv_err e = { 0 };
	enum rv_code code = rv_db_setting_get(op->txn, op->arena, &row, &e);
	*ret = (struct rv_str){ "", 0 };
	if (code == RV_OK)
		*ret = row.value;
	if (code == RV_OK || code == RV_ENOENT)
		return RV_OK;
	return RV_FAIL(err, code, "%s", e.msg);
}

enum rv_code rv_setting_put(
	struct rv_op *op, const char *key, struct rv_str value, struct rv_err *err)
{
	struct rv_db_setting row = { rv_str_of(key), value };
	return rv_db_setting_put(op->txn, &row, err);
}

enum rv_code rv_touch(struct rv_op *op, enum rv_part part, struct rv_str key, struct rv_str key2,
	struct rv_err *err)
{
	for (const struct rv_touch *t = op->touched; t; t = t->next)
		if (t->part == part && rv_str_eq(t->key, key) && rv_str_eq(t->key2, key2))
			return RV_OK;
	struct rv_touch *t = rv_arena_alloc(op->arena, sizeof *t);
	if (!t)
		return RV_FAIL_ARENA(err);
	t->part = part;
	RV_TRY(rv_op_str(op, key, &t->key, err));
	RV_TRY(rv_op_str(op, key2, &t->key2, err));
	t->next = op->touched;
	op->touched = t;
	return RV_OK;
}

enum rv_code rv_stop_note(struct rv_op *op, struct rv_str system, struct rv_str reason,
	bool is_freeze, struct rv_err *err)
{
	struct rv_stop_note *n = rv_arena_alloc(op->arena, sizeof *n);
	if (!n)
		return RV_FAIL_ARENA(err);
	RV_TRY(rv_op_str(op, system, &n->system, err));
	RV_TRY(rv_op_str(op, reason, &n->reason, err));
	n->is_freeze = is_freeze;
	n->next = op->stops;
	op->stops = n;
	return RV_OK;
}

int64_t rv_gov_now(const struct rv_gov *g)
{
	return rv_clock_unix_ns(g->clock);
}

const struct rv_clock *rv_gov_clock(const struct rv_gov *g)
{
	return g->clock;
}
