/* The control-plane database behind one interface: typed rows, one writer, nested savepoints.
 * SQLite today; another engine fills struct rv_store_ops. No SQL outside this folder. A store and
 * its transaction belong to one thread at a time (governance's control thread); nothing here is
 * thread-safe. */
#ifndef RV_STORE_STORE_H
#define RV_STORE_STORE_H
#include "base/arena.h"

struct rv_store;
struct rv_txn; /* the open transaction; one a store */

struct rv_store_opts {
	const char *path; /* file; made 0600 if absent and create is set */
	bool create;
	int busy_timeout_ms; /* 0: 5000; how long another process's lock is waited for */
	/* The newest schema this binary knows; 0: its own. Tests set it lower to make an "older"
	 * binary. */
	int max_schema;
};
/* Opens and migrates. Errors: RV_ENOENT (absent, no create), RV_EBUSY (another process writes),
 * RV_EUNSUPPORTED (schema newer than this binary), RV_ECORRUPT (damaged, another program's, or
 * empty without create), RV_EIO. */
RV_MUST_USE enum rv_code rv_store_open_sqlite(
	const struct rv_store_opts *opts, struct rv_store **ret, struct rv_err *err);
/* Rolls back what is open. NULL is fine. */
void rv_store_free(struct rv_store *s);
const char *rv_store_engine(const struct rv_store *s);
int rv_store_schema(const struct rv_store *s);

/* Transactions. begin takes the write lock. After a failed commit the transaction is rolled back
 * and gone. */
RV_MUST_USE enum rv_code rv_store_begin(
	struct rv_store *s, struct rv_txn **ret, struct rv_err *err);
RV_MUST_USE enum rv_code rv_store_commit(struct rv_txn *x, struct rv_err *err);
void rv_store_rollback(struct rv_txn *x);
/* Savepoints nest; release keeps the work in the enclosing one, undo takes it back. Both end the
 * innermost savepoint. */
RV_MUST_USE enum rv_code rv_store_save(struct rv_txn *x, struct rv_err *err);
RV_MUST_USE enum rv_code rv_store_release(struct rv_txn *x, struct rv_err *err);
void rv_store_undo(struct rv_txn *x);
/* Full check of pages, indexes and foreign keys (slow). RV_ECORRUPT names the first fault. */
RV_MUST_USE enum rv_code rv_store_check(struct rv_store *s, struct rv_err *err);

/* Columns and tables, expanded from rows.def. */
enum rv_col_type { RV_COL_TEXT, RV_COL_BYTES, RV_COL_INT };
struct rv_col {
	const char *name;
	enum rv_col_type type;
};
struct rv_table {
	const char *name;
	const struct rv_col *cols; /* laid out in the row struct in this order, without gaps */
	size_t n_cols, n_key;
	size_t row_bytes;
	uint32_t number;
};

enum rv_cmp { RV_CMP_EQ, RV_CMP_NE, RV_CMP_LT, RV_CMP_LE, RV_CMP_GT, RV_CMP_GE };
struct rv_where {
	size_t offset; /* of the column in the row struct */
	enum rv_cmp cmp;
	struct rv_str s; /* for text and bytes; p == NULL compares with NULL */
	int64_t i;
};
/* Conditions are joined by AND; order is by one column, then by the key. */
struct rv_query {
	struct rv_where where[6];
	size_t n_where;
	bool is_ordered, is_descending;
	size_t order_offset;
	int64_t limit; /* 0: all */
};
#define RV_Q_STR(table, col, c, v) \
	((struct rv_where){ .offset = offsetof(struct rv_db_##table, col), .cmp = (c), .s = (v) })
#define RV_Q_INT(table, col, c, v) \
	((struct rv_where){ .offset = offsetof(struct rv_db_##table, col), .cmp = (c), .i = (v) })
/* The usual case: one equality. */
#define RV_Q_BY(table, col, v) \
	(&(struct rv_query){ .where = { RV_Q_STR(table, col, RV_CMP_EQ, v) }, .n_where = 1 })
#define RV_Q_ALL (&(struct rv_query){ 0 })

/* Called for each row; its strings live until the call returns. Anything but RV_OK ends the scan
 * and is returned. It must not write to the table it reads. */
typedef enum rv_code rv_row_cb(void *arg, const void *row, struct rv_err *err);

/* The generic functions below the typed ones. key columns of row are inputs of get, update and
 * remove. */
RV_MUST_USE enum rv_code rv_store_insert(
	struct rv_txn *x, const struct rv_table *t, const void *row, struct rv_err *err);
RV_MUST_USE enum rv_code rv_store_update(
	struct rv_txn *x, const struct rv_table *t, const void *row, struct rv_err *err);
RV_MUST_USE enum rv_code rv_store_put(
	struct rv_txn *x, const struct rv_table *t, const void *row, struct rv_err *err);
RV_MUST_USE enum rv_code rv_store_remove(struct rv_txn *x, const struct rv_table *t,
	const struct rv_query *q, int64_t *ret_n, struct rv_err *err);
RV_MUST_USE enum rv_code rv_store_get(struct rv_txn *x, const struct rv_table *t,
	struct rv_arena *a, void *row, struct rv_err *err);
RV_MUST_USE enum rv_code rv_store_each(struct rv_txn *x, const struct rv_table *t,
	const struct rv_query *q, rv_row_cb *cb, void *arg, struct rv_err *err);
RV_MUST_USE enum rv_code rv_store_list(struct rv_txn *x, const struct rv_table *t,
	struct rv_arena *a, const struct rv_query *q, void **ret_rows, size_t *ret_n,
	struct rv_err *err);
RV_MUST_USE enum rv_code rv_store_count(struct rv_txn *x, const struct rv_table *t,
	const struct rv_query *q, int64_t *ret, struct rv_err *err);

/* struct rv_db_person { struct rv_str name; ... } and so on. */
#define T(c) struct rv_str c;
#define B(c) struct rv_str c;
#define I(c) int64_t c;
#define ROW(table, n_keys, columns) \
	struct rv_db_##table {      \
		columns             \
	};                          \
	extern const struct rv_table rv_tab_##table;
#include "store/rows.def"
#undef ROW
#undef I
#undef B
#undef T

/* For each table:
 *   _insert  RV_EEXIST when the key (or a unique column) is taken; RV_EINVAL when a foreign key
 * dangles _update  all columns of the row with this key; RV_ENOENT _put     insert or replace all
 * columns but the key _get     fills the row whose key columns are set; RV_ENOENT. Strings come
 * from the arena _list    rows in the arena, in key order unless the query says otherwise _each the
 * same, streamed _remove  by query (a condition is required); ret_n may be NULL. Refused
 * (RV_ECONFLICT) for rows kept for ever */
#define ROW(table, n_keys, columns)                                                             \
	static inline RV_MUST_USE enum rv_code rv_db_##table##_insert(                          \
		struct rv_txn *x, const struct rv_db_##table *row, struct rv_err *err)          \
	{                                                                                       \
		return rv_store_insert(x, &rv_tab_##table, row, err);                           \
	}                                                                                       \
	static inline RV_MUST_USE enum rv_code rv_db_##table##_update(                          \
		struct rv_txn *x, const struct rv_db_##table *row, struct rv_err *err)          \
	{                                                                                       \
		return rv_store_update(x, &rv_tab_##table, row, err);                           \
	}                                                                                       \
	static inline RV_MUST_USE enum rv_code rv_db_##table##_put(                             \
		struct rv_txn *x, const struct rv_db_##table *row, struct rv_err *err)          \
	{                                                                                       \
		return rv_store_put(x, &rv_tab_##table, row, err);                              \
	}                                                                                       \
	static inline RV_MUST_USE enum rv_code rv_db_##table##_get(struct rv_txn *x,            \
		struct rv_arena *a, struct rv_db_##table *row, struct rv_err *err)              \
	{                                                                                       \
		return rv_store_get(x, &rv_tab_##table, a, row, err);                           \
	}                                                                                       \
	static inline RV_MUST_USE enum rv_code rv_db_##table##_list(struct rv_txn *x,           \
		struct rv_arena *a, const struct rv_query *q, struct rv_db_##table **ret,       \
		size_t *ret_n, struct rv_err *err)                                              \
	{                                                                                       \
		void *rows = NULL;                                                              \
		enum rv_code code = rv_store_list(x, &rv_tab_##table, a, q, &rows, ret_n, err); \
		if (code == RV_OK)                                                              \
			*ret = (struct rv_db_##table *)rows;                                    \
		return code;                                                                    \
	}                                                                                       \
	static inline RV_MUST_USE enum rv_code rv_db_##table##_each(struct rv_txn *x,           \
		const struct rv_query *q, rv_row_cb *cb, void *arg, struct rv_err *err)         \
	{                                                                                       \
		return rv_store_each(x, &rv_tab_##table, q, cb, arg, err);                      \
	}                                                                                       \
	static inline RV_MUST_USE enum rv_code rv_db_##table##_remove(                          \
		struct rv_txn *x, const struct rv_query *q, int64_t *ret_n, struct rv_err *err) \
	{                                                                                       \
		return rv_store_remove(x, &rv_tab_##table, q, ret_n, err);                      \
	}
#define T(c)
#define B(c)
#define I(c)
#include "store/rows.def"
#undef ROW
#undef I
#undef B
#undef T
#endif
