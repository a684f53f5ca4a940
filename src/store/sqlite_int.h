/* The SQLite engine's own state, shared by its files. */
#ifndef RV_STORE_SQLITE_INT_H
#define RV_STORE_SQLITE_INT_H
#include <sqlite3.h>

#include "store/store_int.h"

enum { SQLITE_CACHE_SLOTS = 512 };

/* What a cached statement was made for; compared as bytes. */
struct sqlite_shape {
	uint8_t what, table, n_where, ordered; /* ordered: 0, 1 up, 2 down */
	uint8_t order_col, has_limit, pad[2];
	struct {
		uint8_t col, cmp, is_null, pad;
	} where[6];
};
struct sqlite_cached {
	struct sqlite_shape shape;
	sqlite3_stmt *stmt; /* NULL: free slot */
	bool is_busy; /* a scan is inside it */
};
struct sqlite {
	sqlite3 *db;
	int schema;
	sqlite3_stmt *begin, *commit, *rollback, *save, *release, *undo;
	struct sqlite_cached cache[SQLITE_CACHE_SLOTS];
};

/* Turns a result code into ours, with the engine's words. what: "insert into 'person'". */
enum rv_code rv_sqlite_fail(struct sqlite *s, int rc, const char *what, struct rv_err *err);
enum rv_code rv_sqlite_migrate(struct sqlite *s, int max_schema, bool create, struct rv_err *err);
enum rv_code rv_sqlite_exec(struct sqlite *s, const char *sql, struct rv_err *err);
enum rv_code rv_sqlite_pragma(
	struct sqlite *s, const char *sql, char *ret, size_t size_bytes, struct rv_err *err);

enum rv_code rv_sqlite_write(void *self, enum rv_store_write how, const struct rv_table *t,
	const void *row, struct rv_err *err);
enum rv_code rv_sqlite_get(
	void *self, const struct rv_table *t, struct rv_arena *a, void *row, struct rv_err *err);
enum rv_code rv_sqlite_each(void *self, const struct rv_table *t, const struct rv_query *q,
	rv_row_cb *cb, void *arg, struct rv_err *err);
enum rv_code rv_sqlite_remove(void *self, const struct rv_table *t, const struct rv_query *q,
	int64_t *ret_n, struct rv_err *err);
enum rv_code rv_sqlite_count(void *self, const struct rv_table *t, const struct rv_query *q,
	int64_t *ret, struct rv_err *err);
void rv_sqlite_cache_done(struct sqlite *s);
#endif
