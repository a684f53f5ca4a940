/* Dispatch to the engine, and the rules that hold for every engine: one transaction, balanced
 * savepoints, a row list in an arena. */
#include "store/store_int.h"

enum { LIST_FIRST = 16 };

static struct rv_store *live(struct rv_txn *x)
{
	rv_assert(x && x->store && x->store->magic == RV_STORE_MAGIC && x->is_open);
	return x->store;
}

void rv_store_free(struct rv_store *s)
{
	if (!s)
		return;
	rv_assert(s->magic == RV_STORE_MAGIC);
	if (s->txn.is_open)
		rv_store_rollback(&s->txn);
	s->ops->free(s->self);
	s->magic = 0;
	free(s);
}

const char *rv_store_engine(const struct rv_store *s)
{
	return s->ops->name;
}

int rv_store_schema(const struct rv_store *s)
{
	return s->ops->schema(s->self);
}

enum rv_code rv_store_begin(struct rv_store *s, struct rv_txn **ret, struct rv_err *err)
{
	rv_assert(s && s->magic == RV_STORE_MAGIC && !s->txn.is_open);
	RV_TRY(s->ops->begin(s->self, err));
	s->txn = (struct rv_txn){ .store = s, .is_open = true };
	*ret = &s->txn;
	return RV_OK;
}

enum rv_code rv_store_commit(struct rv_txn *x, struct rv_err *err)
{
	struct rv_store *s = live(x);
	rv_assert(x->depth == 0);
	enum rv_code code = s->ops->commit(s->self, err);
	if (code != RV_OK)
		s->ops->rollback(s->self);
	x->is_open = false;
	return code;
}

void rv_store_rollback(struct rv_txn *x)
{
	struct rv_store *s = live(x);
	s->ops->rollback(s->self);
	x->is_open = false;
}

enum rv_code rv_store_save(struct rv_txn *x, struct rv_err *err)
{
	struct rv_store *s = live(x);
	RV_TRY(s->ops->save(s->self, err));
	x->depth++;
	return RV_OK;
}

enum rv_code rv_store_release(struct rv_txn *x, struct rv_err *err)
{
	struct rv_store *s = live(x);
	rv_assert(x->depth > 0);
	x->depth--;
	return s->ops->release(s->self, err);
}

void rv_store_undo(struct rv_txn *x)
{
	struct rv_store *s = live(x);
	rv_assert(x->depth > 0);
	x->depth--;
	s->ops->undo(s->self);
}

enum rv_code rv_store_check(struct rv_store *s, struct rv_err *err)
{
	rv_assert(s && s->magic == RV_STORE_MAGIC);
	return s->ops->check(s->self, err);
}

enum rv_code rv_store_insert(
	struct rv_txn *x, const struct rv_table *t, const void *row, struct rv_err *err)
{
	struct rv_store *s = live(x);
	return s->ops->write(s->self, RV_STORE_INSERT, t, row, err);
}

enum rv_code rv_store_update(
	struct rv_txn *x, const struct rv_table *t, const void *row, struct rv_err *err)
{
	struct rv_store *s = live(x);
	return s->ops->write(s->self, RV_STORE_UPDATE, t, row, err);
}

enum rv_code rv_store_put(
	struct rv_txn *x, const struct rv_table *t, const void *row, struct rv_err *err)
{
	struct rv_store *s = live(x);
	return s->ops->write(s->self, RV_STORE_PUT, t, row, err);
}

enum rv_code rv_store_remove(struct rv_txn *x, const struct rv_table *t, const struct rv_query *q,
	int64_t *ret_n, struct rv_err *err)
{
	struct rv_store *s = live(x);
	rv_assert(q->n_where > 0);
	int64_t n = 0;
	RV_TRY(s->ops->remove(s->self, t, q, &n, err));
	if (ret_n)
		*ret_n = n;
	return RV_OK;
}

enum rv_code rv_store_get(struct rv_txn *x, const struct rv_table *t, struct rv_arena *a, void *row,
	struct rv_err *err)
{
	struct rv_store *s = live(x);
	return s->ops->get(s->self, t, a, row, err);
}

enum rv_code rv_store_each(struct rv_txn *x, const struct rv_table *t, const struct rv_query *q,
	rv_row_cb *cb, void *arg, struct rv_err *err)
{
	struct rv_store *s = live(x);
	return s->ops->each(s->self, t, q, cb, arg, err);
}

enum rv_code rv_store_count(struct rv_txn *x, const struct rv_table *t, const struct rv_query *q,
	int64_t *ret, struct rv_err *err)
{
	struct rv_store *s = live(x);
	return s->ops->count(s->self, t, q, ret, err);
}

struct list {
	struct rv_arena *a;
	const struct rv_table *t;
	char *rows;
	size_t n, cap;
};

static enum rv_code list_add(void *arg, const void *row, struct rv_err *err)
{
	struct list *l = arg;
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : LIST_FIRST;
		char *rows = rv_arena_array(l->a, cap, l->t->row_bytes);
		if (!rows)
			return RV_FAIL_ARENA(err);
		if (l->n > 0)
			memcpy(rows, l->rows, l->n * l->t->row_bytes);
		l->rows = rows;
		l->cap = cap;
	}
	char *to = l->rows + l->n * l->t->row_bytes;
	memcpy(to, row, l->t->row_bytes);
	for (size_t i = 0; i < l->t->n_cols; i++) {
		struct rv_str *s = rv_row_str(to, rv_col_offset(l->t, i));
		if (l->t->cols[i].type == RV_COL_INT || !s->p)
			continue;
		*s = rv_arena_str(l->a, *s);
		if (!s->p)
			return RV_FAIL_ARENA(err);
	}
	l->n++;
	return RV_OK;
}

enum rv_code rv_store_list(struct rv_txn *x, const struct rv_table *t, struct rv_arena *a,
	const struct rv_query *q, void **ret_rows, size_t *ret_n, struct rv_err *err)
{
	struct list l = { .a = a, .t = t };
	RV_TRY(rv_store_each(x, t, q, list_add, &l, err));
	*ret_rows = l.rows;
	*ret_n = l.n;
	return RV_OK;
}
