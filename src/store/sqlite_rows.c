/* SQLite: rows in and out. The SQL of a statement is made once for its shape (table, conditions,
 * order) and kept prepared; values are always bound. */
#include <stdio.h>

#include "base/buf.h"
#include "store/sqlite_int.h"

enum { WHAT_INSERT, WHAT_UPDATE, WHAT_PUT, WHAT_GET, WHAT_EACH, WHAT_REMOVE, WHAT_COUNT };
static const char *const what_names[] = { "insert into", "update", "put into", "get from", "read",
	"remove from", "count" };
static const char *const cmp_sql[] = { "=", "IS NOT", "<", "<=", ">", ">=" };
enum { SQL_MAX = 8192 };

static void add_columns(struct rv_buf *b, const struct rv_table *t)
{
	for (size_t i = 0; i < t->n_cols; i++)
		rv_buf_printf(b, "%s\"%s\"", i ? ", " : "", t->cols[i].name);
}

static void add_where(struct rv_buf *b, const struct rv_table *t, const struct sqlite_shape *sh)
{
	for (size_t i = 0; i < sh->n_where; i++) {
		rv_buf_printf(
			b, "%s\"%s\" ", i ? " AND " : " WHERE ", t->cols[sh->where[i].col].name);
		if (sh->where[i].is_null)
			rv_buf_addz(b, sh->where[i].cmp == RV_CMP_EQ ? "IS NULL" : "IS NOT NULL");
		else
			rv_buf_printf(b, "%s ?%zu", cmp_sql[sh->where[i].cmp], i + 1);
	}
}

static void add_key(struct rv_buf *b, const struct rv_table *t)
{
	for (size_t i = 0; i < t->n_key; i++)
		rv_buf_printf(
			b, "%s\"%s\" = ?%zu", i ? " AND " : " WHERE ", t->cols[i].name, i + 1);
}

static void sql_write(struct rv_buf *b, int what, const struct rv_table *t)
{
	if (what == WHAT_UPDATE) {
		rv_buf_printf(b, "UPDATE \"%s\" SET ", t->name);
		for (size_t i = t->n_key; i < t->n_cols; i++)
			rv_buf_printf(b, "%s\"%s\" = ?%zu", i > t->n_key ? ", " : "",
				t->cols[i].name, i + 1);
		add_key(b, t);
		return;
	}
	rv_buf_printf(b, "INSERT INTO \"%s\" (", t->name);
	add_columns(b, t);
	rv_buf_addz(b, ") VALUES (");
	for (size_t i = 0; i < t->n_cols; i++)
		rv_buf_printf(b, "%s?%zu", i ? ", " : "", i + 1);
	rv_buf_addz(b, ")");
	if (what != WHAT_PUT)
		return;
	rv_buf_addz(b, " ON CONFLICT (");
	for (size_t i = 0; i < t->n_key; i++)
		rv_buf_printf(b, "%s\"%s\"", i ? ", " : "", t->cols[i].name);
	rv_buf_addz(b, ") DO UPDATE SET ");
	for (size_t i = t->n_key; i < t->n_cols; i++)
		rv_buf_printf(b, "%s\"%s\" = excluded.\"%s\"", i > t->n_key ? ", " : "",
			t->cols[i].name, t->cols[i].name);
}

static void sql_read(struct rv_buf *b, const struct rv_table *t, const struct sqlite_shape *sh)
{
	switch (sh->what) {
	case WHAT_REMOVE:
		rv_buf_printf(b, "DELETE FROM \"%s\"", t->name);
		add_where(b, t, sh);
		return;
	case WHAT_COUNT:
		rv_buf_printf(b, "SELECT count(*) FROM \"%s\"", t->name);
		add_where(b, t, sh);
		return;
	default:
		break;
	}
	rv_buf_addz(b, "SELECT ");
	add_columns(b, t);
	rv_buf_printf(b, " FROM \"%s\"", t->name);
	if (sh->what == WHAT_GET) {
		add_key(b, t);
		return;
	}
	add_where(b, t, sh);
	rv_buf_addz(b, " ORDER BY ");
	const char *way = sh->ordered == 2 ? " DESC" : "";
	if (sh->ordered)
		rv_buf_printf(b, "\"%s\"%s, ", t->cols[sh->order_col].name, way);
	for (size_t i = 0; i < t->n_key; i++)
		rv_buf_printf(b, "%s\"%s\"%s", i ? ", " : "", t->cols[i].name, way);
	if (sh->has_limit)
		rv_buf_printf(b, " LIMIT ?%d", sh->n_where + 1);
}

static enum rv_code prepare(struct sqlite *s, const struct rv_table *t,
	const struct sqlite_shape *sh, sqlite3_stmt **ret, struct rv_err *err)
{
	RV_AUTO_BUF sql;
	rv_buf_init(&sql, SQL_MAX);
	if (sh->what <= WHAT_PUT)
		sql_write(&sql, sh->what, t);
	else
		sql_read(&sql, t, sh);
	RV_TRY(rv_buf_ok(&sql, err));
	int rc = sqlite3_prepare_v3(s->db, sql.p, (int)sql.n, SQLITE_PREPARE_PERSISTENT, ret, NULL);
	return rc == SQLITE_OK ? RV_OK : rv_sqlite_fail(s, rc, t->name, err);
}

/* A statement in use; own: made for this use because the cached one is inside a scan. */
struct use {
	sqlite3_stmt *stmt;
	struct sqlite_cached *slot;
};

static enum rv_code take(struct sqlite *s, const struct rv_table *t, const struct sqlite_shape *sh,
	struct use *ret, struct rv_err *err)
{
	uint64_t h = rv_str_hash(rv_str_n(sh, sizeof *sh), 0);
	for (size_t i = 0; i < SQLITE_CACHE_SLOTS / 8; i++) {
		struct sqlite_cached *c = &s->cache[(h + i) % SQLITE_CACHE_SLOTS];
		if (!c->stmt) {
			RV_TRY(prepare(s, t, sh, &c->stmt, err));
			c->shape = *sh;
		}
		if (memcmp(&c->shape, sh, sizeof *sh) != 0)
			continue;
		if (c->is_busy)
			break;
		c->is_busy = true;
		*ret = (struct use){ c->stmt, c };
		return RV_OK;
	}
	ret->slot = NULL;
	return prepare(s, t, sh, &ret->stmt, err);
}

static void give(struct use *u)
{
	if (!u->slot) {
		sqlite3_finalize(u->stmt);
		return;
	}
	sqlite3_reset(u->stmt);
	sqlite3_clear_bindings(u->stmt);
	u->slot->is_busy = false;
}

void rv_sqlite_cache_done(struct sqlite *s)
{
	for (size_t i = 0; i < SQLITE_CACHE_SLOTS; i++)
		sqlite3_finalize(s->cache[i].stmt);
}

static int bind_str(sqlite3_stmt *st, int at, enum rv_col_type type, struct rv_str v)
{
	if (!v.p)
		return sqlite3_bind_null(st, at);
	if (type == RV_COL_TEXT)
		return sqlite3_bind_text64(st, at, v.p, v.n, SQLITE_STATIC, SQLITE_UTF8);
	return sqlite3_bind_blob64(st, at, v.p, v.n, SQLITE_STATIC);
}

static int bind_row(
	sqlite3_stmt *st, const struct rv_table *t, const void *row, size_t n_cols, bool insert)
{
	size_t at = 0;
	for (size_t i = 0; i < n_cols; i++) {
		int rc;
		if (t->cols[i].type == RV_COL_INT) {
			int64_t v = *rv_row_int(row, at);
			/* A single integer key of 0 is given by the engine (outbox). */
			rc = insert && i == 0 && t->n_key == 1 && v == 0
				? sqlite3_bind_null(st, 1)
				: sqlite3_bind_int64(st, (int)i + 1, v);
			at += sizeof(int64_t);
		} else {
			rc = bind_str(st, (int)i + 1, t->cols[i].type, *rv_row_str(row, at));
			at += sizeof(struct rv_str);
		}
		if (rc != SQLITE_OK)
			return rc;
	}
	return SQLITE_OK;
}

/* Text that is empty is "", not NULL: SQLite gives a pointer for both. */
static void read_row(sqlite3_stmt *st, const struct rv_table *t, void *row)
{
	size_t at = 0;
	for (size_t i = 0; i < t->n_cols; i++) {
		int col = (int)i;
		if (t->cols[i].type == RV_COL_INT) {
			*rv_row_int(row, at) = sqlite3_column_int64(st, col);
			at += sizeof(int64_t);
			continue;
		}
		struct rv_str *s = rv_row_str(row, at);
		at += sizeof(struct rv_str);
		*s = (struct rv_str){ NULL, 0 };
		if (sqlite3_column_type(st, col) == SQLITE_NULL)
			continue;
		const void *p = t->cols[i].type == RV_COL_TEXT
			? (const void *)sqlite3_column_text(st, col)
			: sqlite3_column_blob(st, col);
		*s = rv_str_n(p ? p : "", (size_t)sqlite3_column_bytes(st, col));
	}
}

static enum rv_code fail(
	struct sqlite *s, int rc, int what, const struct rv_table *t, struct rv_err *err)
{
	char text[80];
	snprintf(text, sizeof text, "%s '%s'", what_names[what], t->name);
	return rv_sqlite_fail(s, rc, text, err);
}

enum rv_code rv_sqlite_write(void *self, enum rv_store_write how, const struct rv_table *t,
	const void *row, struct rv_err *err)
{
	struct sqlite *s = self;
	static const uint8_t whats[] = { WHAT_INSERT, WHAT_UPDATE, WHAT_PUT };
	const struct sqlite_shape sh = { .what = whats[how], .table = (uint8_t)t->number };
	struct use u;
	RV_TRY(take(s, t, &sh, &u, err));
	int rc = bind_row(u.stmt, t, row, t->n_cols, how != RV_STORE_UPDATE);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(u.stmt);
	enum rv_code code = RV_OK;
	if (rc != SQLITE_DONE)
		code = fail(s, rc, sh.what, t, err);
	else if (how == RV_STORE_UPDATE && sqlite3_changes(s->db) == 0)
		code = RV_FAIL(err, RV_ENOENT, "no such row in '%s'", t->name);
	give(&u);
	return code;
}

static enum rv_code own_strings(
	const struct rv_table *t, struct rv_arena *a, void *row, struct rv_err *err)
{
	for (size_t i = 0; i < t->n_cols; i++) {
		struct rv_str *s = rv_row_str(row, rv_col_offset(t, i));
		if (t->cols[i].type == RV_COL_INT || !s->p)
			continue;
		*s = rv_arena_str(a, *s);
		if (!s->p)
			return RV_FAIL_ARENA(err);
	}
	return RV_OK;
}

enum rv_code rv_sqlite_get(
	void *self, const struct rv_table *t, struct rv_arena *a, void *row, struct rv_err *err)
{
	struct sqlite *s = self;
	const struct sqlite_shape sh = { .what = WHAT_GET, .table = (uint8_t)t->number };
	struct use u;
	RV_TRY(take(s, t, &sh, &u, err));
	int rc = bind_row(u.stmt, t, row, t->n_key, false);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(u.stmt);
	enum rv_code code;
	if (rc == SQLITE_ROW) {
		read_row(u.stmt, t, row);
		code = own_strings(t, a, row, err);
	} else if (rc == SQLITE_DONE) {
		code = RV_FAIL(err, RV_ENOENT, "no such %s", t->name);
	} else {
		code = fail(s, rc, sh.what, t, err);
	}
	give(&u);
	return code;
}

static struct sqlite_shape shape_of(int what, const struct rv_table *t, const struct rv_query *q)
{
	struct sqlite_shape sh = { .what = (uint8_t)what, .table = (uint8_t)t->number };
	rv_assert(q->n_where <= RV_COUNT(q->where));
	sh.n_where = (uint8_t)q->n_where;
	for (size_t i = 0; i < q->n_where; i++) {
		size_t col = rv_col_at(t, q->where[i].offset);
		sh.where[i].col = (uint8_t)col;
		sh.where[i].cmp = (uint8_t)q->where[i].cmp;
		sh.where[i].is_null = t->cols[col].type != RV_COL_INT && !q->where[i].s.p;
		rv_assert(!sh.where[i].is_null || q->where[i].cmp <= RV_CMP_NE);
	}
	if (what != WHAT_EACH)
		return sh;
	sh.has_limit = q->limit > 0;
	sh.ordered = (uint8_t)(q->is_descending ? 2 : q->is_ordered ? 1 : 0);
	if (q->is_ordered)
		sh.order_col = (uint8_t)rv_col_at(t, q->order_offset);
	return sh;
}

static int bind_query(sqlite3_stmt *st, const struct rv_table *t, const struct rv_query *q,
	const struct sqlite_shape *sh)
{
	int rc = SQLITE_OK;
	for (size_t i = 0; i < q->n_where && rc == SQLITE_OK; i++) {
		enum rv_col_type type = t->cols[sh->where[i].col].type;
		if (type == RV_COL_INT)
			rc = sqlite3_bind_int64(st, (int)i + 1, q->where[i].i);
		else if (!sh->where[i].is_null)
			rc = bind_str(st, (int)i + 1, type, q->where[i].s);
	}
	if (rc == SQLITE_OK && sh->has_limit)
		rc = sqlite3_bind_int64(st, (int)q->n_where + 1, q->limit);
	return rc;
}

enum rv_code rv_sqlite_each(void *self, const struct rv_table *t, const struct rv_query *q,
	rv_row_cb *cb, void *arg, struct rv_err *err)
{
	struct sqlite *s = self;
	_Alignas(16) char row[1024];
	rv_assert(t->row_bytes <= sizeof row);
	const struct sqlite_shape sh = shape_of(WHAT_EACH, t, q);
	struct use u;
	RV_TRY(take(s, t, &sh, &u, err));
	enum rv_code code = RV_OK;
	int rc = bind_query(u.stmt, t, q, &sh);
	while (rc == SQLITE_OK && code == RV_OK) {
		rc = sqlite3_step(u.stmt);
		if (rc != SQLITE_ROW)
			break;
		read_row(u.stmt, t, row);
		code = cb(arg, row, err);
		rc = SQLITE_OK;
	}
	if (code == RV_OK && rc != SQLITE_DONE)
		code = fail(s, rc, WHAT_EACH, t, err);
	give(&u);
	return code;
}

enum rv_code rv_sqlite_remove(void *self, const struct rv_table *t, const struct rv_query *q,
	int64_t *ret_n, struct rv_err *err)
{
	struct sqlite *s = self;
	const struct sqlite_shape sh = shape_of(WHAT_REMOVE, t, q);
	struct use u;
	RV_TRY(take(s, t, &sh, &u, err));
	int rc = bind_query(u.stmt, t, q, &sh);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(u.stmt);
	enum rv_code code = rc == SQLITE_DONE ? RV_OK : fail(s, rc, WHAT_REMOVE, t, err);
	if (code == RV_OK)
		*ret_n = sqlite3_changes(s->db);
	give(&u);
	return code;
}

enum rv_code rv_sqlite_count(void *self, const struct rv_table *t, const struct rv_query *q,
	int64_t *ret, struct rv_err *err)
{
	struct sqlite *s = self;
	const struct sqlite_shape sh = shape_of(WHAT_COUNT, t, q);
	struct use u;
	RV_TRY(take(s, t, &sh, &u, err));
	int rc = bind_query(u.stmt, t, q, &sh);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(u.stmt);
	enum rv_code code = rc == SQLITE_ROW ? RV_OK : fail(s, rc, WHAT_COUNT, t, err);
	if (code == RV_OK)
		*ret = sqlite3_column_int64(u.stmt, 0);
	give(&u);
	return code;
}
