/* What is done with queries besides parsing: pointing into them, narrowing them, patterns. */
#include "search/search_int.h"

enum { CARET_WIDTH = 76 };

/* Columns are bytes; what people see are characters. */
static size_t width(struct rv_str s)
{
	size_t n = 0;
	for (size_t i = 0; i < s.n; i++)
		n += ((uint8_t)s.p[i] & 0xc0) != 0x80;
	return n;
}

void rv_query_caret(struct rv_str text, const struct rv_err *err, struct rv_buf *out)
{
	if (err->line != 1 || err->col == 0 || err->col > text.n + 1 ||
		strcmp(err->where, "query") != 0)
		return;
	size_t at = err->col - 1, from = at > CARET_WIDTH / 2 ? at - CARET_WIDTH / 2 : 0;
	while (from > 0 && ((uint8_t)text.p[from] & 0xc0) == 0x80)
		from--;
	size_t to = from + CARET_WIDTH < text.n ? from + CARET_WIDTH : text.n;
	while (to < text.n && ((uint8_t)text.p[to] & 0xc0) == 0x80)
		to++;
	rv_buf_addz(out, "  ");
	for (size_t i = from; i < to; i++) {
		uint8_t c = (uint8_t)text.p[i];
		rv_buf_addc(out, c < ' ' || c == 0x7f ? ' ' : (char)c);
	}
	rv_buf_addz(out, "\n  ");
	for (size_t n = width(rv_str_sub(text, from, at)); n > 0; n--)
		rv_buf_addc(out, ' ');
	rv_buf_addz(out, "^\n");
}

const struct rv_search_query *rv_query_concerning(
	struct rv_arena *a, const struct rv_search_query *q, struct rv_str person)
{
	static const enum rv_field fields[] = { RV_FIELD_OWNER, RV_FIELD_ACTOR, RV_FIELD_BEHALF };
	struct rv_search_query *v = rv_arena_array(a, RV_COUNT(fields) + 2, sizeof *v);
	struct rv_search_query *copy = rv_arena_alloc(a, sizeof *copy);
	struct rv_str name = rv_arena_str(a, person);
	if (!v || !copy || !name.p)
		return NULL;
	for (size_t i = 0; i < RV_COUNT(fields); i++)
		v[i] = (struct rv_search_query){ .op = RV_Q_WORD,
			.field = fields[i],
			.value = name,
			.next = i + 1 < RV_COUNT(fields) ? &v[i + 1] : NULL };
	*copy = q ? *q : (struct rv_search_query){ .op = RV_Q_ALL };
	copy->next = NULL;
	v[3] = (struct rv_search_query){ .op = RV_Q_OR, .kids = v, .next = copy };
	v[4] = (struct rv_search_query){ .op = RV_Q_AND, .kids = &v[3] };
	return &v[4];
}

struct rv_search_query *rv_query_term(struct rv_arena *a, enum rv_field field, struct rv_str value)
{
	struct rv_search_query *q = rv_arena_alloc(a, sizeof *q);
	struct rv_str copy = rv_arena_str(a, value);
	if (!q || !copy.p)
		return NULL;
	*q = (struct rv_search_query){ .op = rv_field_info(field)->is_word ? RV_Q_WORD : RV_Q_ID,
		.field = field,
		.value = copy };
	return q;
}

struct rv_search_query *rv_query_both(
	struct rv_arena *a, struct rv_search_query *x, struct rv_search_query *y)
{
	struct rv_search_query *q = rv_arena_alloc(a, sizeof *q);
	if (!q || !x || !y)
		return NULL;
	x->next = y;
	y->next = NULL;
	*q = (struct rv_search_query){ .op = RV_Q_AND, .field = RV_FIELD_NONE, .kids = x };
	return q;
}

struct rv_str rv_glob_prefix(struct rv_str pattern)
{
	const char *star = pattern.n ? memchr(pattern.p, RV_STAR, pattern.n) : NULL;
	return star ? rv_str_n(pattern.p, (size_t)(star - pattern.p)) : pattern;
}

/* Backtracks to the last star only, so time is bounded by the product of the lengths. */
bool rv_glob(struct rv_str pattern, struct rv_str word)
{
	size_t p = 0, w = 0, star = SIZE_MAX, mark = 0;
	while (w < word.n) {
		if (p < pattern.n && pattern.p[p] == RV_STAR) {
			star = p++;
			mark = w;
		} else if (p < pattern.n && pattern.p[p] == word.p[w]) {
			p++;
			w++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			w = ++mark;
		} else {
			return false;
		}
	}
	while (p < pattern.n && pattern.p[p] == RV_STAR)
		p++;
	return p == pattern.n;
}

enum rv_code rv_query_match(const struct rv_search_query *q, const struct rv_ledger_entry *e,
	bool *ret, struct rv_err *err)
{
	struct rv_doc d;
	rv_doc_init(&d);
	enum rv_code code = rv_doc_load(&d, e->event, err);
	if (code == RV_OK)
		*ret = !q || rv_doc_match(q, &d, e->seq, e->logged_ns);
	rv_doc_done(&d);
	return code;
}
