/* The words of a search: key:value pairs and one text in quotes, in any order, all of which must
 * hold. Every error names its column. */
#include "ledger/ledger_int.h"

enum { QUERY_MAX = 4096 };

enum key { K_SYSTEM, K_ACTION, K_OUTCOME, K_KIND, K_SINCE, K_UNTIL, K_TEXT, K_COUNT };
static const char *const keys[K_COUNT] = { "system", "action", "outcome", "kind", "since", "until",
	"text" };

struct parser {
	struct rv_arena *a;
	struct rv_str text;
	size_t at;
	int64_t now_ns;
	bool is_set[K_COUNT];
	struct rv_ledger_query q;
	struct rv_err *err;
};

#define FAIL(p, at, ...) \
	RV_FAIL_AT((p)->err, RV_EINVAL, "query", 1, (uint32_t)(at) + 1, __VA_ARGS__)

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* "..." with \" and \\, at p->at. */
static enum rv_code quoted(struct parser *p, struct rv_str *ret)
{
	size_t from = p->at++, n = 0;
	char *out = rv_arena_raw(p->a, p->text.n + 1);
	if (!out)
		return RV_FAIL_ARENA(p->err);
	for (; p->at < p->text.n; p->at++) {
		char c = p->text.p[p->at];
		if (c == '"') {
			p->at++;
			*ret = rv_str_n(out, n);
			return RV_OK;
		}
		if (c == '\\') {
			c = ++p->at < p->text.n ? p->text.p[p->at] : 0;
			if (c != '"' && c != '\\')
				return FAIL(p, p->at - 1, "only \\\" and \\\\ are known");
		}
		out[n++] = c;
	}
	return FAIL(p, from, "the quote is not closed");
}

static enum rv_code value(struct parser *p, struct rv_str *ret)
{
	size_t from = p->at;
	if (p->at < p->text.n && p->text.p[p->at] == '"')
		return quoted(p, ret);
	while (p->at < p->text.n && !is_blank(p->text.p[p->at])) {
		if (p->text.p[p->at] == '"')
			return FAIL(p, p->at, "a quote in the middle of a word");
		p->at++;
	}
	struct rv_str v = rv_arena_str(p->a, rv_str_sub(p->text, from, p->at));
	if (!v.p)
		return RV_FAIL_ARENA(p->err);
	*ret = v;
	return RV_OK;
}

static enum rv_code set_time(struct parser *p, size_t col, struct rv_str v, int64_t *ret)
{
	int64_t t;
	if (rv_duration_parse(v, &t)) {
		*ret = t < p->now_ns ? p->now_ns - t : 1;
		return RV_OK;
	}
	if (!rv_time_parse(v, &t))
		return FAIL(p, col,
			"'%.*s' is neither a time like 2026-11-23T07:00:00Z nor a span "
			"like 90m",
			RV_FMT(v));
	*ret = t > 0 ? t : 1; /* 0 would not filter */
	return RV_OK;
}

static enum rv_code set_word(
	struct parser *p, size_t col, struct rv_str v, bool may_star, struct rv_str *ret)
{
	size_t star = rv_str_find(v, '*', 0);
	if (star != SIZE_MAX && (!may_star || star + 1 != v.n))
		return FAIL(p, col,
			may_star ? "a '*' may only stand last" : "no '*' here: the whole word");
	*ret = v;
	return RV_OK;
}

static enum rv_code set(struct parser *p, enum key k, size_t col, struct rv_str v)
{
	if (p->is_set[k])
		return FAIL(p, col, "'%s' is given twice", keys[k]);
	p->is_set[k] = true;
	if (v.n == 0)
		return FAIL(p, col, "'%s' has no value", keys[k]);
	switch (k) {
	case K_SYSTEM:
		return set_word(p, col, v, true, &p->q.system);
	case K_ACTION:
		return set_word(p, col, v, true, &p->q.action);
	case K_OUTCOME:
		return set_word(p, col, v, false, &p->q.outcome);
	case K_KIND:
		return set_word(p, col, v, true, &p->q.kind);
	case K_SINCE:
		return set_time(p, col, v, &p->q.since_ns);
	case K_UNTIL:
		return set_time(p, col, v, &p->q.until_ns);
	case K_TEXT:
	case K_COUNT:
		break;
	}
	p->q.text = v;
	return RV_OK;
}

static enum rv_code term(struct parser *p)
{
	size_t from = p->at, k = 0;
	struct rv_str v = { 0 };
	if (p->text.p[from] == '"') {
		RV_TRY(quoted(p, &v));
		if (p->at < p->text.n && !is_blank(p->text.p[p->at]))
			return FAIL(p, p->at, "a blank belongs behind the quote");
		return set(p, K_TEXT, from, v);
	}
	size_t end = from;
	while (end < p->text.n && p->text.p[end] != ':' && !is_blank(p->text.p[end]))
		end++;
	struct rv_str name = rv_str_sub(p->text, from, end);
	if (end == p->text.n || p->text.p[end] != ':')
		return FAIL(p, from, "'%.*s' is no key:value; text to look for stands in quotes",
			RV_FMT(name));
	while (k < K_TEXT && !rv_str_eqz(name, keys[k]))
		k++;
	if (k == K_TEXT)
		return FAIL(p, from,
			"'%.*s' is unknown; there are system, action, outcome, kind, since, until",
			RV_FMT(name));
	p->at = end + 1;
	RV_TRY(value(p, &v));
	if (p->at < p->text.n && !is_blank(p->text.p[p->at]))
		return FAIL(p, p->at, "a blank belongs behind the quote");
	return set(p, (enum key)k, end + 1, v);
}

enum rv_code rv_ledger_query_parse(struct rv_arena *a, struct rv_str text, int64_t now_ns,
	struct rv_ledger_query *ret, struct rv_err *err)
{
	struct parser p = { .a = a, .text = text, .now_ns = now_ns, .err = err };
	if (text.n > QUERY_MAX)
		return RV_FAIL(err, RV_ELIMIT, "a query has at most %d bytes", QUERY_MAX);
	for (size_t i = 0; i < text.n; i++)
		if (((uint8_t)text.p[i] < ' ' && text.p[i] != '\t') || text.p[i] == 0x7f)
			return FAIL(&p, i, "a control character");
	if (!rv_str_is_utf8(text))
		return FAIL(&p, 0, "the query is not UTF-8");
	while (p.at < text.n) {
		if (is_blank(text.p[p.at]))
			p.at++;
		else
			RV_TRY(term(&p));
	}
	if (p.q.since_ns && p.q.until_ns && p.q.since_ns >= p.q.until_ns)
		return FAIL(&p, 0, "'since' is not before 'until'");
	*ret = p.q;
	return RV_OK;
}
