/* Searches that people keep for one another, under a name: rows of `setting` whose key begins with
 * "search.". What a query may be is the business of whoever takes it in. */
#include "governance/governance_int.h"

#define PREFIX "search."
enum { NAME_MAX_BYTES = 63, QUERY_MAX = 4096, NOTE_MAX = 500, SAVED_MAX = 200 };

static enum rv_code need(struct rv_op *op, struct rv_err *err)
{
	return rv_need(op,
		RV_RIGHT_AUDITOR | RV_RIGHT_GOVERNOR | RV_RIGHT_ADMIN | RV_RIGHT_RESPONDER, err);
}

static struct rv_str text_of(const struct rv_json *v, const char *name)
{
	const struct rv_json *m = rv_json_get(v, name);
	return rv_json_is(m, RV_JSON_STR) ? m->str : RV_STR("");
}

static enum rv_code read_row(struct rv_op *op, const struct rv_db_setting *row,
	struct rv_saved_search *ret, struct rv_err *err)
{
	const struct rv_json *v, *at;
	RV_TRY(rv_json_parse(op->arena, row->value, NULL, &v, err));
	at = rv_json_get(v, "at_ns");
	*ret = (struct rv_saved_search){
		.name = rv_str_sub(row->key, sizeof PREFIX - 1, row->key.n),
		.query = text_of(v, "query"),
		.note = text_of(v, "note"),
		.author = text_of(v, "by"),
		.at_ns = rv_json_is(at, RV_JSON_INT) ? at->integer : 0,
	};
	return RV_OK;
}

enum rv_code rv_saved_list(
	struct rv_op *op, struct rv_saved_search **ret, size_t *ret_n, struct rv_err *err)
{
	struct rv_db_setting *rows;
	size_t n, k = 0;
	RV_TRY(need(op, err));
	RV_TRY(rv_db_setting_list(op->txn, op->arena, RV_Q_ALL, &rows, &n, err));
	struct rv_saved_search *out = rv_arena_array(op->arena, n + 1, sizeof *out);
	if (!out)
		return RV_FAIL_ARENA(err);
	for (size_t i = 0; i < n; i++)
		if (rv_str_starts(rows[i].key, RV_STR(PREFIX)))
			RV_TRY(read_row(op, &rows[i], &out[k++], err));
	*ret = out;
	*ret_n = k;
	return RV_OK;
}

static enum rv_code key_of(
	struct rv_op *op, struct rv_str name, struct rv_str *ret, struct rv_err *err)
{
	if (!rv_str_is_slug(name, NAME_MAX_BYTES))
		return RV_FAIL_AT(err, RV_EINVAL, "name", 0, 0,
			"small letters, digits and '-', at most %d", NAME_MAX_BYTES);
	const char *key = rv_arena_printf(op->arena, PREFIX "%.*s", RV_FMT(name));
	*ret = rv_str_of(key);
	return key ? RV_OK : RV_FAIL_ARENA(err);
}

static enum rv_code record(struct rv_op *op, enum rv_event_kind kind, struct rv_str name,
	struct rv_str query, struct rv_err *err)
{
	struct rv_str detail;
	RV_TRY(rv_detail(op, &detail, err, "name", name, "query", query, NULL));
	const struct rv_event ev = { .kind = kind, .detail_json = detail };
	return rv_op_event(op, &ev, RV_STR(""), NULL, err);
}

enum rv_code rv_saved_put(struct rv_op *op, struct rv_str name, struct rv_str query,
	struct rv_str note, struct rv_err *err)
{
	struct rv_saved_search *rows;
	struct rv_json_w w;
	struct rv_db_setting row;
	size_t n;
	RV_AUTO_BUF b;
	rv_buf_init(&b, 16 << 10);
	RV_TRY(rv_saved_list(op, &rows, &n, err));
	RV_TRY(key_of(op, name, &row.key, err));
	if (query.n > QUERY_MAX || note.n > NOTE_MAX)
		return RV_FAIL(err, RV_ELIMIT, "a query has at most %d bytes, a note %d", QUERY_MAX,
			NOTE_MAX);
	if (n >= SAVED_MAX)
		return RV_FAIL(
			err, RV_ELIMIT, "%d searches are kept already; remove one", SAVED_MAX);
	rv_json_w_init(&w, &b);
	rv_json_w_obj(&w);
	rv_json_w_kv_str(&w, "query", query);
	rv_json_w_kv_str(&w, "note", note);
	rv_json_w_kv_str(&w, "by", op->actor.id);
	rv_json_w_kv_i64(&w, "at_ns", op->now_ns);
	rv_json_w_obj_end(&w);
	RV_TRY(rv_buf_ok(&b, err));
	row.value = rv_buf_str(&b);
	RV_TRY(rv_db_setting_put(op->txn, &row, err));
	return record(op, RV_EV_ADMIN_SEARCH_SAVED, name, query, err);
}

enum rv_code rv_saved_remove(struct rv_op *op, struct rv_str name, struct rv_err *err)
{
	struct rv_str key;
	int64_t n = 0;
	RV_TRY(need(op, err));
	RV_TRY(key_of(op, name, &key, err));
	RV_TRY(rv_db_setting_remove(op->txn, RV_Q_BY(setting, key, key), &n, err));
	if (n == 0)
		return RV_FAIL(err, RV_ENOENT, "no search '%.*s' is kept", RV_FMT(name));
	return record(op, RV_EV_ADMIN_SEARCH_REMOVED, name, RV_STR(""), err);
}
