/* A catalogue as a table: *.csv (RFC 4180, commas, quotes doubled), a resource a row. The first row
 * names the columns:
 *
 *     type,id,kind,environment,data_class,owner,display,collections,effects,tags
 *     Service,shop,service,production,public,olivia,The
 * shop,web;front,release=write;look=read,tier=front
 *
 * in any order; type and id must be there, and an empty cell says nothing. Lists are divided by
 * ';'.
 */
#include "governance/spec_int.h"

enum { COLUMNS_MAX = 10, ROWS_MAX = 20000 };

enum column {
	TYPE,
	ID,
	PLAIN_FIRST,
	KIND = PLAIN_FIRST,
	ENVIRONMENT,
	DATA_CLASS,
	OWNER,
	DISPLAY,
	PLAIN_LAST = DISPLAY,
	COLLECTIONS,
	EFFECTS,
	TAGS,
	N_COLUMNS
};
static const char *const NAMES[N_COLUMNS] = { "type", "id", "kind", "environment", "data_class",
	"owner", "display", "collections", "effects", "tags" };

struct table {
	struct rv_arena *a;
	struct rv_str rest;
	uint32_t line;
	enum column columns[COLUMNS_MAX];
	size_t n_columns;
};

static enum rv_code fail(const struct table *t, size_t col, const char *msg, struct rv_err *err)
{
	return RV_FAIL_AT(err, RV_EINVAL, "", t->line, (uint32_t)col + 1, "%s", msg);
}

/* One cell off the rest; *ret_last: it ended its row. */
static enum rv_code read_cell(
	struct table *t, size_t col, struct rv_str *ret, bool *ret_last, struct rv_err *err)
{
	RV_AUTO_BUF b;
	rv_buf_init(&b, 1 << 16);
	const char *p = t->rest.p, *const end = p + t->rest.n;
	bool quoted = p < end && *p == '"';
	uint32_t lines = 0;
	for (p += quoted; p < end; p++) {
		if (quoted && *p == '"') {
			p++;
			if (p == end || *p != '"') {
				quoted = false;
				break;
			}
		} else if (!quoted && (*p == ',' || *p == '\n' || *p == '\r')) {
			break;
		} else if (!quoted && *p == '"') {
			return fail(
				t, col, "a quote within a cell that does not begin with one", err);
		}
		lines += *p == '\n';
		rv_buf_addc(&b, *p);
	}
	if (quoted)
		return fail(t, col, "a quote without its end", err);
	if (p < end && *p == '\r')
		p++;
	if (p < end && *p != ',' && *p != '\n')
		return fail(t, col, "text behind a quote", err);
	*ret_last = p >= end || *p == '\n';
	t->line += lines;
	t->rest = p < end ? rv_str_n(p + 1, (size_t)(end - p - 1)) : rv_str_n(end, 0);
	*ret = rv_arena_str(t->a, rv_str_trim(rv_buf_str(&b)));
	return ret->p && !b.failed ? RV_OK : RV_FAIL_ARENA(err);
}

static enum rv_code read_head(struct table *t, struct rv_err *err)
{
	bool seen[N_COLUMNS] = { false };
	for (bool last = false; !last; t->n_columns++) {
		struct rv_str name;
		size_t k = 0;
		RV_TRY(read_cell(t, t->n_columns, &name, &last, err));
		while (k < N_COLUMNS && !rv_str_eqz(name, NAMES[k]))
			k++;
		if (k == N_COLUMNS || seen[k] || t->n_columns == COLUMNS_MAX)
			return RV_FAIL_AT(err, RV_EINVAL, "", t->line, (uint32_t)t->n_columns + 1,
				"column '%.*s': a column is type, id, kind, environment, "
				"data_class, "
				"owner, display, collections, effects or tags, each once",
				RV_FMT(rv_str_sub(name, 0, name.n < 80 ? name.n : 80)));
		seen[k] = true;
		t->columns[t->n_columns] = (enum column)k;
	}
	if (!seen[TYPE] || !seen[ID])
		return fail(t, 0, "the columns 'type' and 'id' must be there", err);
	return RV_OK;
}

/* "a=x;b=y" */
static enum rv_code put_pairs(const struct table *t, size_t col, struct rv_json_w *w,
	struct rv_str cell, struct rv_err *err)
{
	struct rv_str part;
	rv_json_w_obj(w);
	while (rv_str_split(&cell, ';', &part)) {
		size_t eq = rv_str_find(part, '=', 0);
		if (eq == SIZE_MAX || eq == 0)
			return fail(t, col, "is written name=value;name=value", err);
		rv_json_w_name_str(w, rv_str_trim(rv_str_sub(part, 0, eq)));
		rv_json_w_str(w, rv_str_trim(rv_str_sub(part, eq + 1, part.n)));
	}
	rv_json_w_obj_end(w);
	return RV_OK;
}

static void put_list(struct rv_json_w *w, struct rv_str cell)
{
	struct rv_str part;
	rv_json_w_arr(w);
	while (rv_str_split(&cell, ';', &part))
		rv_json_w_str(w, rv_str_trim(part));
	rv_json_w_arr_end(w);
}

static enum rv_code put_row(
	const struct table *t, const struct rv_str *cells, struct rv_buf *out, struct rv_err *err)
{
	struct rv_json_w w;
	struct rv_str type = { "", 0 }, id = { "", 0 };
	for (size_t i = 0; i < t->n_columns; i++) {
		type = t->columns[i] == TYPE ? cells[i] : type;
		id = t->columns[i] == ID ? cells[i] : id;
	}
	const char *name = rv_arena_printf(t->a, "%.*s/%.*s", RV_FMT(type), RV_FMT(id));
	if (!name)
		return RV_FAIL_ARENA(err);
	rv_json_w_init(&w, out);
	rv_json_w_obj(&w);
	rv_json_w_kv_strz(&w, "kind", "Resource");
	rv_json_w_kv_strz(&w, "name", name);
	rv_json_w_name(&w, "spec");
	rv_json_w_obj(&w);
	for (size_t i = 0; i < t->n_columns; i++) {
		enum column c = t->columns[i];
		if (cells[i].n == 0 || c == TYPE || c == ID)
			continue;
		rv_json_w_name(&w, NAMES[c]);
		if (c <= PLAIN_LAST)
			rv_json_w_str(&w, cells[i]);
		else if (c == COLLECTIONS)
			put_list(&w, cells[i]);
		else
			RV_TRY(put_pairs(t, i, &w, cells[i], err));
	}
	rv_json_w_obj_end(&w);
	rv_json_w_obj_end(&w);
	return rv_buf_ok(out, err);
}

static enum rv_code read_row(struct table *t, rv_csv_row *row, void *arg, struct rv_err *err)
{
	struct rv_str cells[COLUMNS_MAX];
	size_t n = 0;
	RV_AUTO_BUF b;
	rv_buf_init(&b, 1 << 20);
	const uint32_t line = t->line;
	for (bool last = false; !last; n++) {
		if (n == t->n_columns)
			return fail(t, n, "more cells than columns", err);
		RV_TRY(read_cell(t, n, &cells[n], &last, err));
	}
	if (n == 1 && cells[0].n == 0)
		return RV_OK; /* an empty line */
	if (n < t->n_columns)
		return fail(t, n, "fewer cells than columns", err);
	RV_TRY(put_row(t, cells, &b, err));
	struct rv_str text = rv_arena_str(t->a, rv_buf_str(&b));
	if (!text.p)
		return RV_FAIL_ARENA(err);
	enum rv_code code = row(arg, text, line, err);
	if (code != RV_OK && err) {
		err->line = line;
		err->col = 1;
	}
	return code;
}

enum rv_code rv_csv_read(
	struct rv_arena *a, struct rv_str text, rv_csv_row *row, void *arg, struct rv_err *err)
{
	struct table t = { .a = a, .rest = text, .line = 1 };
	size_t n = 0;
	if (rv_str_starts(text, RV_STR("\xef\xbb\xbf")))
		t.rest = rv_str_sub(text, 3, text.n); /* what spreadsheets put in front */
	if (!rv_str_is_utf8(t.rest))
		return fail(&t, 0, "not UTF-8", err);
	RV_TRY(read_head(&t, err));
	while (t.rest.n > 0) {
		t.line++;
		if (n++ == ROWS_MAX)
			return RV_FAIL(err, RV_ELIMIT, "more than %d rows", ROWS_MAX);
		RV_TRY(read_row(&t, row, arg, err));
	}
	return RV_OK;
}
