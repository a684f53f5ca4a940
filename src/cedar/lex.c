/* Policy text into tokens; string literals into strings and patterns. */
#include "cedar/lex.h"

#include <stdarg.h>
#include <stdio.h>

void cedar_error_place(cedar_error *err, cedar_str text, size_t at, size_t n)
{
	if (!err)
		return;
	unsigned line = 1;
	size_t start = 0;
	for (size_t i = 0; i < at && i < text.n; i++)
		if (text.p[i] == '\n') {
			line++;
			start = i + 1;
		}
	err->offset = at;
	err->length = n;
	err->line = line;
	err->column = (unsigned)(at - start) + 1;
}

cedar_code cedar_lex_fail(struct lexer *l, size_t at, size_t n, const char *fmt, ...)
{
	if (!l->err || l->err->code != CEDAR_OK)
		return CEDAR_EPARSE;
	l->err->code = CEDAR_EPARSE;
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(l->err->message, sizeof l->err->message, fmt, ap);
	va_end(ap);
	cedar_error_place(l->err, l->text, at, n);
	return CEDAR_EPARSE;
}

static bool is_ident_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_ident(char c)
{
	return is_ident_start(c) || (c >= '0' && c <= '9');
}

static void skip_blank(struct lexer *l)
{
	while (l->at < l->text.n) {
		char c = l->text.p[l->at];
		if (c == '/' && l->at + 1 < l->text.n && l->text.p[l->at + 1] == '/') {
			while (l->at < l->text.n && l->text.p[l->at] != '\n' &&
				l->text.p[l->at] != '\r')
				l->at++;
		} else if (c == ' ' || (c >= '\t' && c <= '\r')) {
			l->at++;
		} else {
			uint32_t scalar;
			size_t n = rv_utf8_get(rs(l->text), l->at, &scalar);
			bool is_space = scalar == 0x85 || scalar == 0xa0 || scalar == 0x1680 ||
				(scalar >= 0x2000 && scalar <= 0x200a) || scalar == 0x2028 ||
				scalar == 0x2029 || scalar == 0x202f || scalar == 0x205f ||
				scalar == 0x3000;
			if (n < 2 || !is_space)
				return;
			l->at += n;
		}
	}
}

static cedar_code lex_string(struct lexer *l, struct token *t)
{
	size_t i = l->at + 1;
	while (i < l->text.n && l->text.p[i] != '"') {
		bool escaped = l->text.p[i] == '\\';
		if (escaped && i + 1 < l->text.n && l->text.p[i + 1] == '\n')
			return cedar_lex_fail(l, i, 1, "a backslash cannot end a line; write \\n");
		i += escaped ? 2 : 1;
	}
	if (i >= l->text.n)
		return cedar_lex_fail(l, l->at, 1, "this string is not closed");
	t->kind = TOK_STRING;
	t->text = (cedar_str){ l->text.p + l->at + 1, i - l->at - 1 };
	l->at = i + 1;
	return CEDAR_OK;
}

static cedar_code lex_op(struct lexer *l, struct token *t)
{
	static const char pairs[] = "==!=<=>=&&||::";
	static const char singles[] = "@(){}[];,.<>+-*/%!?=:|&";
	const char *p = l->text.p + l->at;
	size_t left = l->text.n - l->at;
	t->kind = TOK_OP;
	for (size_t i = 0; left > 1 && i + 1 < sizeof pairs; i += 2)
		if (p[0] == pairs[i] && p[1] == pairs[i + 1]) {
			t->op = OP2(p[0], p[1]);
			l->at += 2;
			return CEDAR_OK;
		}
	if (p[0] == '\0' || !strchr(singles, p[0])) {
		uint32_t scalar;
		size_t n = rv_utf8_get(rs(l->text), l->at, &scalar);
		return cedar_lex_fail(l, l->at, n ? n : 1, "unexpected character '%.*s'",
			n > 0 && scalar >= 0x20 ? (int)n : 0, p);
	}
	t->op = OP1(p[0]);
	l->at++;
	return CEDAR_OK;
}

cedar_code cedar_lex_next(struct lexer *l)
{
	struct token t = { .kind = TOK_END };
	l->before = l->at;
	skip_blank(l);
	t.at = l->at;
	char c = l->at < l->text.n ? l->text.p[l->at] : '\0';
	size_t i = l->at;
	if (l->at >= l->text.n) {
		t.kind = TOK_END;
	} else if (is_ident_start(c)) {
		while (i < l->text.n && is_ident(l->text.p[i]))
			i++;
		t.kind = TOK_IDENT;
	} else if (c >= '0' && c <= '9') {
		while (i < l->text.n && l->text.p[i] >= '0' && l->text.p[i] <= '9')
			i++;
		t.kind = TOK_NUMBER;
	} else if (c == '"') {
		CEDAR_TRY(lex_string(l, &t));
	} else if (c == '?' && i + 1 < l->text.n && is_ident_start(l->text.p[i + 1])) {
		i++;
		while (i < l->text.n && is_ident(l->text.p[i]))
			i++;
		t.kind = TOK_SLOT;
	} else {
		CEDAR_TRY(lex_op(l, &t));
	}
	if (t.kind == TOK_IDENT || t.kind == TOK_NUMBER || t.kind == TOK_SLOT) {
		size_t skip = t.kind == TOK_SLOT;
		t.text = (cedar_str){ l->text.p + l->at + skip, i - l->at - skip };
		l->at = i;
	}
	t.n = l->at - t.at;
	l->tok = t;
	return CEDAR_OK;
}

cedar_code cedar_lex_init(struct lexer *l, cedar_str text, cedar_error *err)
{
	*l = (struct lexer){ .text = text, .err = err };
	if (!rv_str_is_utf8(rs(text)))
		return cedar_fail(err, CEDAR_EPARSE, "the text is not well-formed UTF-8");
	return cedar_lex_next(l);
}

/* ---- escapes ---- */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if ((c | 32) >= 'a' && (c | 32) <= 'f')
		return (c | 32) - 'a' + 10;
	return -1;
}

/* \u{1 to 6 hex digits, '_' between them} ; s.p[*i] stands behind the 'u'. */
static bool unicode_escape(cedar_str s, size_t *i, uint32_t *ret)
{
	uint32_t v = 0;
	int n = 0;
	if (*i >= s.n || s.p[(*i)++] != '{')
		return false;
	for (; *i < s.n && s.p[*i] != '}'; (*i)++) {
		if (s.p[*i] == '_' && n > 0)
			continue;
		int d = hex_digit(s.p[*i]);
		if (d < 0 || ++n > 6)
			return false;
		v = v << 4 | (uint32_t)d;
	}
	*ret = v;
	return n > 0 && (*i)++ < s.n && v <= 0x10ffff && !(v >= 0xd800 && v <= 0xdfff);
}

/* s.p[*i] stands behind the backslash. */
static bool escape(cedar_str s, size_t *i, char out[4], size_t *ret_n)
{
	static const char from[] = "nrt\\0'\"", to[] = "\n\r\t\\\0'\"";
	char c = s.p[(*i)++];
	const char *hit = c ? strchr(from, c) : NULL;
	uint32_t v;
	*ret_n = 1;
	if (hit) {
		out[0] = to[hit - from];
		return true;
	}
	if (c == 'x') {
		int hi = *i < s.n ? hex_digit(s.p[*i]) : -1;
		int lo = *i + 1 < s.n ? hex_digit(s.p[*i + 1]) : -1;
		*i += 2;
		out[0] = (char)(hi << 4 | lo);
		return hi >= 0 && lo >= 0 && hi < 8;
	}
	if (c == 'u') {
		if (!unicode_escape(s, i, &v))
			return false;
		*ret_n = rv_utf8_put(v, out);
		return true;
	}
	return false;
}

static cedar_code bad_escape(struct lexer *l, const struct token *t, size_t from, size_t to)
{
	if (to > t->text.n)
		to = t->text.n;
	return cedar_lex_fail(l, t->at + 1 + from, to - from, "'%.*s' is not a valid escape",
		(int)(to - from), t->text.p + from);
}

cedar_code cedar_unescape(
	struct lexer *l, struct rv_arena *a, const struct token *t, cedar_str *ret)
{
	cedar_str s = t->text;
	char *out = rv_arena_raw(a, s.n + 1);
	size_t n = 0;
	if (!out)
		return CEDAR_FAIL_MEMORY(l->err);
	for (size_t i = 0; i < s.n;) {
		if (s.p[i] == '\r')
			return cedar_lex_fail(l, t->at + 1 + i, 1,
				"a bare carriage return in a string; write \\r");
		if (s.p[i] != '\\') {
			out[n++] = s.p[i++];
			continue;
		}
		size_t from = i++, k;
		char four[4];
		if (i >= s.n || !escape(s, &i, four, &k))
			return bad_escape(l, t, from, i);
		memcpy(out + n, four, k);
		n += k;
	}
	*ret = (cedar_str){ out, n };
	return CEDAR_OK;
}

cedar_code cedar_unescape_pattern(struct lexer *l, struct rv_arena *a, const struct token *t,
	const struct pattern_part **ret, uint32_t *ret_n)
{
	cedar_str s = t->text;
	char *out = rv_arena_raw(a, s.n + 1);
	struct pattern_part *parts = rv_arena_array(a, s.n + 1, sizeof *parts);
	size_t n = 0, start = 0;
	uint32_t k = 0;
	if (!out || !parts)
		return CEDAR_FAIL_MEMORY(l->err);
	for (size_t i = 0; i < s.n;) {
		if (s.p[i] == '*') {
			if (n > start)
				parts[k++] =
					(struct pattern_part){ false, { out + start, n - start } };
			start = n;
			parts[k++] = (struct pattern_part){ .is_wildcard = true };
			i++;
			continue;
		}
		if (s.p[i] != '\\') {
			out[n++] = s.p[i++];
			continue;
		}
		size_t from = i++, m;
		char four[4];
		if (i < s.n && s.p[i] == '*') {
			out[n++] = s.p[i++];
			continue;
		}
		if (i >= s.n || !escape(s, &i, four, &m))
			return bad_escape(l, t, from, i);
		memcpy(out + n, four, m);
		n += m;
	}
	if (n > start)
		parts[k++] = (struct pattern_part){ false, { out + start, n - start } };
	*ret = parts;
	*ret_n = k;
	return CEDAR_OK;
}
