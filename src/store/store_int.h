/* What an engine fills in, and what the folder shares. */
#ifndef RV_STORE_STORE_INT_H
#define RV_STORE_STORE_INT_H
#include "store/store.h"

enum rv_store_write { RV_STORE_INSERT, RV_STORE_UPDATE, RV_STORE_PUT };

struct rv_store_ops {
	const char *name;
	enum rv_code (*begin)(void *self, struct rv_err *err);
	enum rv_code (*commit)(void *self, struct rv_err *err);
	void (*rollback)(void *self);
	enum rv_code (*save)(void *self, struct rv_err *err);
	enum rv_code (*release)(void *self, struct rv_err *err);
	void (*undo)(void *self);
	enum rv_code (*write)(void *self, enum rv_store_write how, const struct rv_table *t,
		const void *row, struct rv_err *err);
	enum rv_code (*get)(void *self, const struct rv_table *t, struct rv_arena *a, void *row,
		struct rv_err *err);
	enum rv_code (*each)(void *self, const struct rv_table *t, const struct rv_query *q,
		rv_row_cb *cb, void *arg, struct rv_err *err);
	enum rv_code (*remove)(void *self, const struct rv_table *t, const struct rv_query *q,
		int64_t *ret_n, struct rv_err *err);
	enum rv_code (*count)(void *self, const struct rv_table *t, const struct rv_query *q,
		int64_t *ret, struct rv_err *err);
	enum rv_code (*check)(void *self, struct rv_err *err);
	int (*schema)(void *self);
	void (*free)(void *self);
};

struct rv_txn {
	struct rv_store *store;
	unsigned depth; /* of savepoints */
	bool is_open;
};
#define RV_STORE_MAGIC 0x53544f52u
struct rv_store {
	uint32_t magic;
	const struct rv_store_ops *ops;
	void *self;
	struct rv_txn txn;
};

/* Where a column lies in the row struct. */
size_t rv_col_offset(const struct rv_table *t, size_t col);
/* The column at an offset; asserts that there is one. */
size_t rv_col_at(const struct rv_table *t, size_t offset);
static inline struct rv_str *rv_row_str(const void *row, size_t offset)
{
	return (struct rv_str *)((char *)(uintptr_t)row + offset);
}
static inline int64_t *rv_row_int(const void *row, size_t offset)
{
	return (int64_t *)((char *)(uintptr_t)row + offset);
}

/* Numbered steps of the SQLite schema; n is the schema they lead to. */
struct rv_migration {
	int number;
	const char *sql;
};
extern const struct rv_migration rv_sqlite_migrations[];
extern const size_t rv_sqlite_n_migrations;
#endif
