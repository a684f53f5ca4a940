/* The query language. A query is a tree:
 *
 *     or   = and { "OR" and }
 *     and  = not { [ "AND" ] not }
 *     not  = ( "NOT" | "-" ) not | term
 *     term = "(" or ")" | key ":" value | key ":" "(" or of values ")" | text
 *
 * Times and seq are compared with the record, not the event. Every error names its column. */
#include "search/search_int.h"

static const struct rv_field_info infos[] = {
#define WORD true
#define ID false
#define X(name_, text_, class_, where_, example_) { text_, where_, example_, class_ },
#include "search/fields.def"
#undef X
#undef WORD
#undef ID
};

const struct rv_field_info *rv_field_info(enum rv_field f)
{
	rv_assert((unsigned)f < RV_FIELD_COUNT);
	return &infos[f];
}

bool rv_field_of(struct rv_str name, enum rv_field *ret)
{
	for (unsigned f = 0; f < RV_FIELD_COUNT; f++)
		if (rv_str_eqz(name, infos[f].name)) {
			*ret = (enum rv_field)f;
			return true;
		}
	return false;
}

enum key { K_SINCE = RV_FIELD_COUNT, K_UNTIL, K_TIME, K_SEQ, K_TEXT, K_NONE };
static const char *const more_keys[] = { "since", "until", "time", "seq", "text" };

struct parser {
	struct rv_arena *a;
	struct rv_str text;
	size_t at;
	int64_t now_ns;
	unsigned depth, terms;
	unsigned group; /* the key whose values stand in parentheses; K_NONE: none */
	struct rv_err *err;
};

/* A value with its stars turned into RV_STAR. */
struct value {
	struct rv_str s;
	size_t at;
	bool is_quoted, has_star;
};

#define FAIL(p, at, ...) \
	RV_FAIL_AT((p)->err, RV_EINVAL, "query", 1, (uint32_t)(at) + 1, __VA_ARGS__)

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool ends_word(char c)
{
	return is_blank(c) || c == '(' || c == ')';
}

static char peek(const struct parser *p)
{
	return p->at < p->text.n ? p->text.p[p->at] : '\0';
}

static void blanks(struct parser *p)
{
	while (is_blank(peek(p)))
		p->at++;
}

/* The word at p->at, or an empty slice. Nothing is taken. */
static struct rv_str word_here(const struct parser *p)
{
	size_t end = p->at;
	while (end < p->text.n && !ends_word(p->text.p[end]))
		end++;
	return rv_str_sub(p->text, p->at, end);
}

static enum rv_code node(struct parser *p, enum rv_q_op op, struct rv_search_query **ret)
{
	*ret = rv_arena_alloc(p->a, sizeof **ret);
	if (!*ret)
		return RV_FAIL_ARENA(p->err);
	(*ret)->op = op;
	(*ret)->field = RV_FIELD_NONE;
	return RV_OK;
}

/* ---- values ---- */

static enum rv_code quoted(struct parser *p, struct value *v)
{
	size_t from = p->at++, n = 0;
	char *out = rv_arena_raw(p->a, p->text.n + 1);
	if (!out)
		return RV_FAIL_ARENA(p->err);
	for (; p->at < p->text.n; p->at++) {
		char c = p->text.p[p->at];
		if (c == '"') {
			p->at++;
			if (p->at < p->text.n && !ends_word(peek(p)))
				return FAIL(p, p->at, "a blank belongs behind the quote");
			v->s = rv_str_n(out, n);
			return RV_OK;
		}
		if (c == '\\') {
			c = ++p->at < p->text.n ? p->text.p[p->at] : '\0';
			if (c != '"' && c != '\\' && c != '*')
				return FAIL(p, p->at - 1,
					"only \\\" and \\\\ and \\* are known in quotes");
		} else if (c == '*') {
			c = RV_STAR;
			v->has_star = true;
		}
		out[n++] = c;
	}
	return FAIL(p, from, "the quote is not closed");
}

static enum rv_code bare(struct parser *p, struct value *v)
{
	struct rv_str w = word_here(p);
	char *out = rv_arena_raw(p->a, w.n + 1);
	if (!out)
		return RV_FAIL_ARENA(p->err);
	for (size_t i = 0; i < w.n; i++) {
		if (w.p[i] == '"')
			return FAIL(p, p->at + i, "a quote in the middle of a word");
		out[i] = w.p[i] == '*' ? RV_STAR : w.p[i];
		v->has_star |= w.p[i] == '*';
	}
	p->at += w.n;
	v->s = rv_str_n(out, w.n);
	return RV_OK;
}

static enum rv_code value(struct parser *p, struct value *v)
{
	*v = (struct value){ .at = p->at, .is_quoted = peek(p) == '"' };
	RV_TRY(v->is_quoted ? quoted(p, v) : bare(p, v));
	return v->s.n > 0 ? RV_OK : FAIL(p, v->at, "a value is missing here");
}

bool rv_number_parse(struct rv_str s, int64_t *ret)
{
	bool minus = s.n > 0 && s.p[0] == '-';
	struct rv_str whole = minus ? rv_str_sub(s, 1, s.n) : s, part = RV_STR("");
	size_t dot = rv_str_find(whole, '.', 0);
	uint64_t a, b = 0;
	int64_t v;
	if (dot != SIZE_MAX) {
		part = rv_str_sub(whole, dot + 1, whole.n);
		whole = rv_str_sub(whole, 0, dot);
		if (part.n == 0 || part.n > 4 || !rv_str_u64(part, &b))
			return false;
	}
	for (size_t i = part.n; i < 4; i++)
		b *= 10;
	if (!rv_str_u64(whole, &a) || a > INT64_MAX / 10000 - 1)
		return false;
	v = (int64_t)(a * 10000 + b);
	*ret = minus ? -v : v;
	return true;
}

/* ---- ranges: a..b, >a, >=a, <b, <=b, a ---- */

typedef bool scalar_fn(const struct parser *p, struct rv_str s, int64_t *ret);

static bool scalar_number(const struct parser *p, struct rv_str s, int64_t *ret)
{
	return rv_number_parse(s, ret);
}

static bool scalar_seq(const struct parser *p, struct rv_str s, int64_t *ret)
{
	return rv_str_i64(s, ret) && *ret >= 0;
}

/* A time, a day, a span before now, or "now". */
static bool scalar_time(const struct parser *p, struct rv_str s, int64_t *ret)
{
	char day[32];
	int64_t span;
	if (rv_str_eqz(s, "now")) {
		*ret = p->now_ns;
		return true;
	}
	if (rv_duration_parse(s, &span)) {
		*ret = span < p->now_ns ? p->now_ns - span : 0;
		return true;
	}
	if (s.n == 10) {
		snprintf(day, sizeof day, "%.*sT00:00:00Z", RV_FMT(s));
		return rv_time_parse(rv_str_of(day), ret);
	}
	return rv_time_parse(s, ret);
}

static enum rv_code bound(struct parser *p, scalar_fn *scalar, const char *what, struct rv_str s,
	size_t at, int64_t *ret)
{
	if (memchr(s.p, RV_STAR, s.n))
		return FAIL(p, at, "no '*' here");
	if (!scalar(p, s, ret))
		return FAIL(p, at, "'%.*s' is not %s", RV_FMT(s), what);
	return RV_OK;
}

static size_t dots(struct rv_str s)
{
	for (size_t i = 0; i + 1 < s.n; i++)
		if (s.p[i] == '.' && s.p[i + 1] == '.')
			return i;
	return SIZE_MAX;
}

static enum rv_code compared(struct parser *p, scalar_fn *scalar, const char *what,
	const struct value *v, struct rv_search_query *q)
{
	bool is_less = v->s.p[0] == '<', is_or = v->s.n > 1 && v->s.p[1] == '=';
	size_t skip = is_or ? 2 : 1;
	int64_t x;
	RV_TRY(bound(
		p, scalar, what, rv_str_sub(v->s, skip, v->s.n), v->at + v->is_quoted + skip, &x));
	if (is_less) {
		if (!is_or && x == INT64_MIN)
			return FAIL(p, v->at, "nothing is less");
		q->hi = is_or ? x : x - 1;
	} else {
		q->lo = is_or ? x : x == INT64_MAX ? x : x + 1;
	}
	return RV_OK;
}

static enum rv_code range(struct parser *p, scalar_fn *scalar, const char *what,
	const struct value *v, bool is_half_open, struct rv_search_query *q)
{
	size_t cut = dots(v->s), at = v->at + v->is_quoted;
	q->lo = INT64_MIN;
	q->hi = INT64_MAX;
	if (v->s.p[0] == '<' || v->s.p[0] == '>')
		return compared(p, scalar, what, v, q);
	if (cut == SIZE_MAX) {
		RV_TRY(bound(p, scalar, what, v->s, at, &q->lo));
		q->hi = q->lo;
		return RV_OK;
	}
	if (v->s.n == 2)
		return FAIL(p, v->at, "a range needs at least one end");
	if (cut > 0)
		RV_TRY(bound(p, scalar, what, rv_str_sub(v->s, 0, cut), at, &q->lo));
	if (cut + 2 < v->s.n) {
		RV_TRY(bound(
			p, scalar, what, rv_str_sub(v->s, cut + 2, v->s.n), at + cut + 2, &q->hi));
		if (is_half_open)
			q->hi--;
	}
	if (q->lo > q->hi)
		return FAIL(p, v->at, "the range is empty: its end is before its beginning");
	return RV_OK;
}

/* ---- terms ---- */

#define A_TIME "a time like 2026-11-23T07:00:00Z, a day like 2026-11-23, or a span like 90m"

static enum rv_code time_term(
	struct parser *p, unsigned key, const struct value *v, struct rv_search_query **ret)
{
	int64_t t;
	RV_TRY(node(p, RV_Q_TIME, ret));
	if (key == K_TIME)
		return range(p, scalar_time, A_TIME, v, true, *ret);
	RV_TRY(bound(p, scalar_time, A_TIME, v->s, v->at, &t));
	(*ret)->lo = key == K_SINCE ? t : INT64_MIN;
	(*ret)->hi = key == K_SINCE ? INT64_MAX : t - 1;
	return RV_OK;
}

static enum rv_code text_tokens(struct parser *p, const struct value *v, struct rv_search_query *q)
{
	struct rv_str rest = q->value, t;
	char buf[RV_TOKEN_MAX];
	q->tokens = rv_arena_array(p->a, rest.n / 2 + 1, sizeof *q->tokens);
	if (!q->tokens)
		return RV_FAIL_ARENA(p->err);
	while ((t = rv_token_next(&rest, buf)).n > 0) {
		t = rv_arena_str(p->a, t);
		if (!t.p)
			return RV_FAIL_ARENA(p->err);
		q->tokens[q->n_tokens++] = t;
	}
	return q->n_tokens > 0 ? RV_OK : FAIL(p, v->at, "there is no word in this to look for");
}

static enum rv_code text_term(struct parser *p, const struct value *v, struct rv_search_query **ret)
{
	struct rv_str s = v->s, id;
	const char *star = memchr(s.p, RV_STAR, s.n);
	if (star && star != s.p + s.n - 1)
		return FAIL(p, v->at, "in text a '*' may only stand last, behind a word begun");
	RV_TRY(node(p, RV_Q_TEXT, ret));
	if (star)
		s = rv_str_sub(s, 0, s.n - 1);
	(*ret)->value = s;
	if (!star && rv_text_is_id(s, &id)) {
		(*ret)->op = RV_Q_ID;
		(*ret)->value = id;
		return RV_OK;
	}
	(*ret)->is_open = star != NULL;
	RV_TRY(text_tokens(p, v, *ret));
	/* "rate *" asks for a whole "rate" and anything behind it. */
	uint8_t last = (uint8_t)s.p[s.n - 1];
	if (star &&
		!(last >= 0x80 || (last >= '0' && last <= '9') || (last >= 'a' && last <= 'z') ||
			(last >= 'A' && last <= 'Z')))
		return FAIL(p, v->at, "in text a '*' may only stand last, behind a word begun");
	return RV_OK;
}

static bool is_number(unsigned key)
{
	return key == RV_FIELD_VERSION || key == RV_FIELD_GENERATION || key == RV_FIELD_AMOUNT;
}

static enum rv_code term_of(
	struct parser *p, unsigned key, const struct value *v, struct rv_search_query **ret)
{
	if (++p->terms > RV_QUERY_TERMS)
		return RV_FAIL_AT(p->err, RV_ELIMIT, "query", 1, (uint32_t)v->at + 1,
			"a query has at most %d terms", RV_QUERY_TERMS);
	if (key == K_TEXT || key == K_NONE)
		return text_term(p, v, ret);
	if (key == K_SINCE || key == K_UNTIL || key == K_TIME)
		return time_term(p, key, v, ret);
	if (key == K_SEQ) {
		RV_TRY(node(p, RV_Q_SEQ, ret));
		return range(p, scalar_seq, "a number of an event", v, false, *ret);
	}
	if (is_number(key) && !(v->has_star && v->s.n == 1)) {
		RV_TRY(node(p, RV_Q_RANGE, ret));
		(*ret)->field = (enum rv_field)key;
		return range(p, scalar_number, "a number", v, false, *ret);
	}
	if (!infos[key].is_word && v->has_star)
		return FAIL(p, v->at, "'%s' takes a whole id: no '*'", infos[key].name);
	RV_TRY(node(p, infos[key].is_word ? RV_Q_WORD : RV_Q_ID, ret));
	(*ret)->field = (enum rv_field)key;
	(*ret)->value = v->s;
	(*ret)->has_star = v->has_star;
	return RV_OK;
}

static unsigned distance(struct rv_str a, const char *b)
{
	unsigned row[40], n = (unsigned)strlen(b);
	for (unsigned j = 0; j <= n; j++)
		row[j] = j;
	for (unsigned i = 1; i <= a.n; i++) {
		unsigned diag = row[0];
		row[0] = i;
		for (unsigned j = 1; j <= n; j++) {
			unsigned up = row[j], best = diag + (a.p[i - 1] != b[j - 1]);
			best = up + 1 < best ? up + 1 : best;
			best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
			diag = up;
			row[j] = best;
		}
	}
	return row[n];
}

static const char *key_name(unsigned key)
{
	return key < RV_FIELD_COUNT ? infos[key].name : more_keys[key - RV_FIELD_COUNT];
}

static enum rv_code unknown_key(struct parser *p, struct rv_str name)
{
	unsigned best = name.n < 6 ? 2 : 3, found = K_NONE;
	for (unsigned k = 0; k < K_NONE && name.n > 0 && name.n < 32; k++) {
		unsigned d = distance(name, key_name(k));
		if (d < best) {
			best = d;
			found = k;
		}
	}
	if (found != K_NONE)
		return FAIL(p, p->at, "there is no key '%.*s'; did you mean '%s'?", RV_FMT(name),
			key_name(found));
	RV_AUTO_BUF all;
	rv_buf_init(&all, 1024);
	for (unsigned k = 0; k < K_NONE; k++)
		rv_buf_printf(&all, "%s%s", k ? ", " : "", key_name(k));
	return FAIL(p, p->at, "there is no key '%.*s'; there are %s", RV_FMT(name), rv_buf_z(&all));
}

static enum rv_code key_of(struct parser *p, struct rv_str name, unsigned *ret)
{
	for (unsigned k = 0; k < K_NONE; k++)
		if (rv_str_eqz(name, key_name(k))) {
			*ret = k;
			return RV_OK;
		}
	return unknown_key(p, name);
}

static enum rv_code parse_or(struct parser *p, const struct rv_search_query **ret);

static enum rv_code in_parens(struct parser *p, const struct rv_search_query **ret)
{
	size_t open = p->at++;
	RV_TRY(parse_or(p, ret));
	blanks(p);
	if (peek(p) != ')')
		return FAIL(p, open, "this '(' is not closed");
	p->at++;
	if (p->at < p->text.n && !ends_word(peek(p)))
		return FAIL(p, p->at, "a blank belongs behind the ')'");
	return RV_OK;
}

static enum rv_code key_term(
	struct parser *p, struct rv_str name, const struct rv_search_query **ret)
{
	struct rv_search_query *q;
	struct value v;
	unsigned key;
	RV_TRY(key_of(p, name, &key));
	if (p->group != K_NONE)
		return FAIL(p, p->at, "within %s:( ) stand values only", key_name(p->group));
	p->at += name.n + 1;
	if (peek(p) == '(') {
		p->group = key;
		RV_TRY(in_parens(p, ret));
		p->group = K_NONE;
		return RV_OK;
	}
	if (p->at == p->text.n || ends_word(peek(p)))
		return FAIL(p, p->at, "'%s' has no value", key_name(key));
	RV_TRY(value(p, &v));
	RV_TRY(term_of(p, key, &v, &q));
	*ret = q;
	return RV_OK;
}

/* Keys are letters and '_'; "a:b" in quotes is text. */
static bool is_key(struct rv_str w, size_t *ret_n)
{
	size_t i = 0;
	while (i < w.n &&
		((w.p[i] >= 'a' && w.p[i] <= 'z') || (w.p[i] >= 'A' && w.p[i] <= 'Z') ||
			w.p[i] == '_'))
		i++;
	*ret_n = i;
	return i < w.n && w.p[i] == ':';
}

static enum rv_code parse_term(struct parser *p, const struct rv_search_query **ret)
{
	struct rv_str w = word_here(p);
	struct rv_search_query *q;
	struct value v;
	size_t n;
	if (p->at == p->text.n)
		return FAIL(p, p->at, "the query ends where a term is expected");
	if (peek(p) == ')')
		return FAIL(p, p->at, "a ')' where a term is expected");
	if (peek(p) == '(')
		return in_parens(p, ret);
	if (rv_str_eqz(w, "AND") || rv_str_eqz(w, "OR"))
		return FAIL(p, p->at, "'%.*s' stands between two terms", RV_FMT(w));
	if (rv_str_eqz(w, "and") || rv_str_eqz(w, "or") || rv_str_eqz(w, "not"))
		return FAIL(p, p->at,
			"write it in capitals to join terms, or in quotes to look for it");
	if (w.p[0] == ':')
		return FAIL(p, p->at, "a ':' without a key");
	if (is_key(w, &n))
		return key_term(p, rv_str_sub(w, 0, n), ret);
	RV_TRY(value(p, &v));
	RV_TRY(term_of(p, p->group, &v, &q));
	*ret = q;
	return RV_OK;
}

static enum rv_code parse_not(struct parser *p, const struct rv_search_query **ret)
{
	struct rv_search_query *q;
	blanks(p);
	bool is_word = rv_str_eqz(word_here(p), "NOT");
	bool is_minus = peek(p) == '-' && p->at + 1 < p->text.n && !is_blank(p->text.p[p->at + 1]);
	bool is_nested = is_word || is_minus || peek(p) == '(';
	if (is_nested && ++p->depth > RV_QUERY_DEPTH)
		return RV_FAIL_AT(p->err, RV_ELIMIT, "query", 1, (uint32_t)p->at + 1,
			"parentheses and NOT go at most %d deep", RV_QUERY_DEPTH);
	if (!is_word && !is_minus) {
		RV_TRY(parse_term(p, ret));
		p->depth -= is_nested;
		return RV_OK;
	}
	p->at += is_word ? 3 : 1;
	RV_TRY(node(p, RV_Q_NOT, &q));
	RV_TRY(parse_not(p, &q->kids));
	p->depth--;
	*ret = q;
	return RV_OK;
}

/* First and the rest under one node of op; just the first when there is no rest. */
static enum rv_code joined(struct parser *p, enum rv_q_op op, const struct rv_search_query **ret)
{
	const struct rv_search_query *first = NULL;
	struct rv_search_query *last = NULL, *q;
	for (size_t n = 0;; n++) {
		const struct rv_search_query *kid;
		if (op == RV_Q_OR)
			RV_TRY(joined(p, RV_Q_AND, &kid));
		else
			RV_TRY(parse_not(p, &kid));
		/* A kid may be linked once only: each is of this parse alone. */
		struct rv_search_query *k = (struct rv_search_query *)(uintptr_t)kid;
		if (last)
			last->next = k;
		else
			first = k;
		last = k;
		blanks(p);
		struct rv_str w = word_here(p);
		bool is_or = rv_str_eqz(w, "OR"), ends = p->at == p->text.n || peek(p) == ')';
		if (ends || is_or != (op == RV_Q_OR)) {
			*ret = first;
			if (n == 0)
				return RV_OK;
			break;
		}
		if (is_or || rv_str_eqz(w, "AND"))
			p->at += w.n;
	}
	RV_TRY(node(p, op, &q));
	q->kids = first;
	*ret = q;
	return RV_OK;
}

static enum rv_code parse_or(struct parser *p, const struct rv_search_query **ret)
{
	return joined(p, RV_Q_OR, ret);
}

enum rv_code rv_query_parse(struct rv_arena *a, struct rv_str text, int64_t now_ns,
	const struct rv_search_query **ret, struct rv_err *err)
{
	struct parser p = { .a = a, .text = text, .now_ns = now_ns, .group = K_NONE, .err = err };
	struct rv_search_query *all;
	if (text.n > RV_QUERY_BYTES)
		return RV_FAIL(err, RV_ELIMIT, "a query has at most %d bytes", RV_QUERY_BYTES);
	for (size_t i = 0; i < text.n; i++)
		if (((uint8_t)text.p[i] < ' ' && text.p[i] != '\t') || text.p[i] == 0x7f)
			return FAIL(&p, i, "a control character");
	if (!rv_str_is_utf8(text))
		return FAIL(&p, 0, "the query is not UTF-8");
	blanks(&p);
	if (p.at == text.n) {
		RV_TRY(node(&p, RV_Q_ALL, &all));
		*ret = all;
		return RV_OK;
	}
	RV_TRY(parse_or(&p, ret));
	return p.at == text.n ? RV_OK : FAIL(&p, p.at, "this ')' was never opened");
}
