/* rows.def, expanded into tables of columns. A row struct holds slices and 64-bit integers only, so
 * that its columns lie one after another without gaps and an offset is a sum. */
#include "store/store_int.h"

#define T(c) { #c, RV_COL_TEXT },
#define B(c) { #c, RV_COL_BYTES },
#define I(c) { #c, RV_COL_INT },
#define ROW(table, n_keys, columns) static const struct rv_col cols_##table[] = { columns };
#include "store/rows.def"
#undef ROW
#undef I
#undef B
#undef T

enum table_number {
#define T(c)
#define B(c)
#define I(c)
#define ROW(table, n_keys, columns) TABLE_##table,
#include "store/rows.def"
#undef ROW
};

#define ROW(table, n_keys, columns)                                   \
	const struct rv_table rv_tab_##table = {                      \
		.name = #table,                                       \
		.cols = cols_##table,                                 \
		.n_cols = sizeof cols_##table / sizeof *cols_##table, \
		.n_key = (n_keys),                                    \
		.row_bytes = sizeof(struct rv_db_##table),            \
		.number = TABLE_##table,                              \
	};
#include "store/rows.def"
#undef ROW
#undef I
#undef B
#undef T

#define T(c) +sizeof(struct rv_str)
#define B(c) +sizeof(struct rv_str)
#define I(c) +sizeof(int64_t)
#define ROW(table, n_keys, columns) \
	_Static_assert(sizeof(struct rv_db_##table) == 0 columns, "no gaps in " #table);
#include "store/rows.def"

static size_t col_size(enum rv_col_type type)
{
	return type == RV_COL_INT ? sizeof(int64_t) : sizeof(struct rv_str);
}

size_t rv_col_offset(const struct rv_table *t, size_t col)
{
	size_t at = 0;
	for (size_t i = 0; i < col; i++)
		at += col_size(t->cols[i].type);
	return at;
}

size_t rv_col_at(const struct rv_table *t, size_t offset)
{
	size_t at = 0, i = 0;
	while (i < t->n_cols && at < offset)
		at += col_size(t->cols[i++].type);
	rv_assert(i < t->n_cols && at == offset);
	return i;
}
