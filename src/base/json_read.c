/* The JSON reader. One pass, recursion bounded by the depth limit, no allocation per character:
 * strings without escapes point into the text, children of a container are collected on a scratch
 * stack and copied once. */
#include <math.h>

#include "base/json.h"
#include "base/json_int.h"

enum { MAX_BYTES_DEFAULT = 1 << 20, MAX_DEPTH_DEFAULT = 64 };

struct reader {
	struct rv_arena *arena;
	struct rv_str text;
	size_t at;
	size_t line_start;
	uint32_t line;
	uint32_t max_depth;
	bool integers_only;
	struct rv_err *err;
};

static enum rv_code fail_at(struct reader *r, size_t at, enum rv_code code, const char *msg)
{
	return RV_FAIL_AT(
		r->err, code, NULL, r->line, (uint32_t)(at - r->line_start + 1), "%s", msg);
}

static enum rv_code fail(struct reader *r, const char *msg)
{
	return fail_at(r, r->at, RV_EINVAL, msg);
}

static void skip_blank(struct reader *r)
{
	while (r->at < r->text.n) {
		char c = r->text.p[r->at];
		if (c == '\n') {
			r->line++;
			r->line_start = r->at + 1;
		} else if (c != ' ' && c != '\t' && c != '\r') {
			return;
		}
		r->at++;
	}
}

static bool hex4(struct reader *r, size_t at, uint32_t *ret)
{
	if (r->text.n - at < 4)
		return false;
	uint32_t v = 0;
	for (size_t i = 0; i < 4; i++) {
		char c = r->text.p[at + i];
		uint32_t d;
		if (c >= '0' && c <= '9')
			d = (uint32_t)(c - '0');
		else if ((c | 32) >= 'a' && (c | 32) <= 'f')
			d = (uint32_t)((c | 32) - 'a' + 10);
		else
			return false;
		v = v << 4 | d;
	}
	*ret = v;
	return true;
}

/* r->at stands behind the backslash. Writes 1..4 bytes. */
static enum rv_code read_escape(struct reader *r, char *out, size_t *ret_n)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	if (r->at >= r->text.n)
		return fail(r, "string is not closed");
	char c = r->text.p[r->at];
	const char *hit = c ? strchr(from, c) : NULL;
	if (hit) {
		*out = to[hit - from];
		*ret_n = 1;
		r->at++;
		return RV_OK;
	}
	uint32_t v, low;
	if (c != 'u' || !hex4(r, r->at + 1, &v))
		return fail(r, "unknown escape in a string");
	if (v >= 0xdc00 && v <= 0xdfff)
		return fail(r, "lone surrogate in a string");
	r->at += 5;
	if (v >= 0xd800 && v <= 0xdbff) {
		if (r->text.n - r->at < 6 || r->text.p[r->at] != '\\' ||
			r->text.p[r->at + 1] != 'u' || !hex4(r, r->at + 2, &low) || low < 0xdc00 ||
			low > 0xdfff)
			return fail(r, "lone surrogate in a string");
		v = 0x10000 + ((v - 0xd800) << 10) + (low - 0xdc00);
		r->at += 6;
	}
	*ret_n = rv_utf8_put(v, out);
	return RV_OK;
}

static enum rv_code read_string(struct reader *r, struct rv_str *ret)
{
	size_t start = ++r->at; /* behind the quote */
	char *copy = NULL;
	size_t n = 0, from = start;
	for (;;) {
		r->at = rv_json_plain_end(r->text, r->at);
		if (r->at >= r->text.n)
			return fail(r, "string is not closed");
		unsigned char c = (unsigned char)r->text.p[r->at];
		if (c == '"')
			break;
		if (c < 0x20)
			return fail(r, "control character in a string; write it as an escape");
		if (c >= 0x80) {
			uint32_t scalar;
			size_t len = rv_utf8_get(r->text, r->at, &scalar);
			if (len == 0)
				return fail(r, "malformed UTF-8");
			r->at += len;
			continue;
		}
		if (!copy) {
			/* An escape is never shorter than what it stands for. */
			size_t end = r->at;
			while (end < r->text.n && r->text.p[end] != '"')
				end += r->text.p[end] == '\\' ? 2 : 1;
			copy = rv_arena_raw(
				r->arena, (end > r->text.n ? r->text.n : end) - start + 1);
			if (!copy)
				return RV_FAIL_ARENA(r->err);
		}
		memcpy(copy + n, r->text.p + from, r->at - from);
		n += r->at - from;
		r->at++;
		size_t len = 0;
		char four[4];
		RV_TRY(read_escape(r, four, &len));
		memcpy(copy + n, four, len);
		n += len;
		from = r->at;
	}
	if (copy) {
		memcpy(copy + n, r->text.p + from, r->at - from);
		n += r->at - from;
		*ret = rv_str_n(copy, n);
	} else {
		*ret = rv_str_n(r->text.p + start, r->at - start);
	}
	r->at++;
	return RV_OK;
}

static bool is_digit_at(const struct reader *r, size_t at)
{
	return at < r->text.n && r->text.p[at] >= '0' && r->text.p[at] <= '9';
}

static void skip_digits(struct reader *r)
{
	while (is_digit_at(r, r->at))
		r->at++;
}

static enum rv_code read_number(struct reader *r, struct rv_json *v)
{
	size_t start = r->at;
	bool is_integer = true;
	if (r->text.p[r->at] == '-')
		r->at++;
	if (!is_digit_at(r, r->at))
		return fail(r, "a number needs a digit here");
	if (r->text.p[r->at] == '0' && is_digit_at(r, r->at + 1))
		return fail(r, "a number may not begin with 0");
	skip_digits(r);
	if (r->at < r->text.n && r->text.p[r->at] == '.') {
		is_integer = false;
		r->at++;
		if (!is_digit_at(r, r->at))
			return fail(r, "a number needs a digit behind its point");
		skip_digits(r);
	}
	if (r->at < r->text.n && (r->text.p[r->at] | 32) == 'e') {
		is_integer = false;
		r->at++;
		if (r->at < r->text.n && (r->text.p[r->at] == '+' || r->text.p[r->at] == '-'))
			r->at++;
		if (!is_digit_at(r, r->at))
			return fail(r, "a number needs a digit in its exponent");
		skip_digits(r);
	}
	struct rv_str text = rv_str_sub(r->text, start, r->at);
	if (is_integer && rv_str_i64(text, &v->integer)) {
		v->type = RV_JSON_INT;
		return RV_OK;
	}
	if (r->integers_only)
		return fail_at(r, start, RV_EINVAL,
			is_integer ? "integer does not fit 64 bits" : "must be an integer");
	char z[64];
	if (text.n >= sizeof z)
		return fail_at(r, start, RV_ELIMIT, "number is longer than 63 characters");
	memcpy(z, text.p, text.n);
	z[text.n] = '\0';
	v->number = strtod(z, NULL);
	if (!isfinite(v->number))
		return fail_at(r, start, RV_EINVAL, "number is too large");
	v->type = RV_JSON_DOUBLE;
	v->text = text;
	return RV_OK;
}

static enum rv_code read_value(struct reader *r, uint32_t depth, const struct rv_json **ret);

/* A growing array of pointers or members; lives in the arena, so the old halves are garbage until
 * the arena goes. */
struct grow {
	char *p;
	size_t n, cap;
};

static void *grow_slot(struct reader *r, struct grow *g, size_t size)
{
	if (g->n == g->cap) {
		size_t cap = g->cap ? g->cap * 2 : 4;
		char *p = rv_arena_raw(r->arena, cap * size);
		if (!p)
			return NULL;
		if (g->n > 0)
			memcpy(p, g->p, g->n * size);
		g->p = p;
		g->cap = cap;
	}
	return g->p + size * g->n++;
}

static enum rv_code check_dups(struct reader *r, const struct rv_json_member *m, size_t n)
{
	size_t i = rv_json_dup(r->arena, m, n);
	if (i == SIZE_MAX)
		return RV_FAIL_ARENA(r->err);
	return i == n ? RV_OK
		      : RV_FAIL_AT(r->err, RV_EINVAL, NULL, m[i].line, m[i].col,
				"name '%.*s' occurs twice", RV_FMT(m[i].name));
}

static enum rv_code read_array(struct reader *r, uint32_t depth, struct rv_json *v)
{
	struct grow g = { 0 };
	r->at++;
	skip_blank(r);
	if (r->at < r->text.n && r->text.p[r->at] == ']') {
		r->at++;
		goto done;
	}
	for (;;) {
		const struct rv_json *item;
		RV_TRY(read_value(r, depth + 1, &item));
		const struct rv_json **slot = grow_slot(r, &g, sizeof *slot);
		if (!slot)
			return RV_FAIL_ARENA(r->err);
		*slot = item;
		skip_blank(r);
		if (r->at >= r->text.n)
			return fail(r, "array is not closed");
		char c = r->text.p[r->at++];
		if (c == ']')
			break;
		if (c != ',')
			return fail_at(r, r->at - 1, RV_EINVAL, "expected ',' or ']'");
	}
done:
	v->type = RV_JSON_ARR;
	v->items = (const struct rv_json *const *)(void *)g.p;
	v->n_items = g.n;
	return RV_OK;
}

static enum rv_code read_member(struct reader *r, uint32_t depth, struct rv_json_member *m)
{
	skip_blank(r);
	if (r->at >= r->text.n || r->text.p[r->at] != '"')
		return fail(r, "expected a name in double quotes");
	m->line = r->line;
	m->col = (uint32_t)(r->at - r->line_start + 1);
	RV_TRY(read_string(r, &m->name));
	skip_blank(r);
	if (r->at >= r->text.n || r->text.p[r->at] != ':')
		return fail(r, "expected ':'");
	r->at++;
	return read_value(r, depth + 1, &m->value);
}

static enum rv_code read_object(struct reader *r, uint32_t depth, struct rv_json *v)
{
	struct grow g = { 0 };
	r->at++;
	skip_blank(r);
	if (r->at < r->text.n && r->text.p[r->at] == '}') {
		r->at++;
		goto done;
	}
	for (;;) {
		struct rv_json_member m;
		RV_TRY(read_member(r, depth, &m));
		struct rv_json_member *slot = grow_slot(r, &g, sizeof *slot);
		if (!slot)
			return RV_FAIL_ARENA(r->err);
		*slot = m;
		skip_blank(r);
		if (r->at >= r->text.n)
			return fail(r, "object is not closed");
		char c = r->text.p[r->at++];
		if (c == '}')
			break;
		if (c != ',')
			return fail_at(r, r->at - 1, RV_EINVAL, "expected ',' or '}'");
	}
	RV_TRY(check_dups(r, (const struct rv_json_member *)(void *)g.p, g.n));
done:
	v->type = RV_JSON_OBJ;
	v->members = (const struct rv_json_member *)(void *)g.p;
	v->n_members = g.n;
	return RV_OK;
}

static bool take_word(struct reader *r, const char *word)
{
	struct rv_str w = rv_str_of(word);
	if (!rv_str_starts(rv_str_sub(r->text, r->at, r->text.n), w))
		return false;
	r->at += w.n;
	return true;
}

static enum rv_code read_value(struct reader *r, uint32_t depth, const struct rv_json **ret)
{
	skip_blank(r);
	if (depth > r->max_depth)
		return fail_at(r, r->at, RV_ELIMIT, "nested too deeply");
	if (r->at >= r->text.n)
		return fail(r, "expected a value, found the end");
	struct rv_json *v = rv_arena_alloc(r->arena, sizeof *v);
	if (!v)
		return RV_FAIL_ARENA(r->err);
	v->line = r->line;
	v->col = (uint32_t)(r->at - r->line_start + 1);
	*ret = v;
	char c = r->text.p[r->at];
	if (c == '"') {
		v->type = RV_JSON_STR;
		return read_string(r, &v->str);
	}
	if (c == '{')
		return read_object(r, depth, v);
	if (c == '[')
		return read_array(r, depth, v);
	if (c == '-' || (c >= '0' && c <= '9'))
		return read_number(r, v);
	v->type = RV_JSON_BOOL;
	if (take_word(r, "true")) {
		v->boolean = true;
		return RV_OK;
	}
	if (take_word(r, "false"))
		return RV_OK;
	v->type = RV_JSON_NULL;
	if (take_word(r, "null"))
		return RV_OK;
	return fail(r, "expected a value");
}

static enum rv_code reader_init(struct reader *r, struct rv_arena *a, struct rv_str text,
	const struct rv_json_limits *limits, struct rv_err *err)
{
	size_t max_bytes = limits && limits->max_bytes ? limits->max_bytes : MAX_BYTES_DEFAULT;
	*r = (struct reader){
		.arena = a,
		.text = text,
		.line = 1,
		.max_depth = limits && limits->max_depth ? limits->max_depth : MAX_DEPTH_DEFAULT,
		.integers_only = limits && limits->integers_only,
		.err = err,
	};
	if (text.n > max_bytes)
		return RV_FAIL(err, RV_ELIMIT,
			"document of %zu bytes is larger than the %zu allowed", text.n, max_bytes);
	return RV_OK;
}

static enum rv_code reader_end(struct reader *r)
{
	skip_blank(r);
	return r->at == r->text.n ? RV_OK : fail(r, "text behind the end of the document");
}

enum rv_code rv_json_parse(struct rv_arena *a, struct rv_str text,
	const struct rv_json_limits *limits, const struct rv_json **ret, struct rv_err *err)
{
	struct reader r;
	const struct rv_json *v;
	RV_TRY(reader_init(&r, a, text, limits, err));
	RV_TRY(read_value(&r, 1, &v));
	RV_TRY(reader_end(&r));
	*ret = v;
	return RV_OK;
}

enum rv_code rv_json_parse_items(struct rv_arena *a, struct rv_str text,
	const struct rv_json_limits *limits, rv_json_item_cb *cb, void *arg, struct rv_err *err)
{
	struct reader r;
	RV_TRY(reader_init(&r, a, text, limits, err));
	skip_blank(&r);
	if (r.at >= text.n || text.p[r.at] != '[')
		return fail(&r, "expected an array");
	r.at++;
	skip_blank(&r);
	if (r.at < text.n && text.p[r.at] == ']') {
		r.at++;
		return reader_end(&r);
	}
	for (;;) {
		const struct rv_json *item;
		RV_TRY(read_value(&r, 2, &item));
		RV_TRY(cb(arg, item, err));
		rv_arena_clear(a);
		skip_blank(&r);
		if (r.at >= text.n)
			return fail(&r, "array is not closed");
		char c = text.p[r.at++];
		if (c == ']')
			return reader_end(&r);
		if (c != ',')
			return fail_at(&r, r.at - 1, RV_EINVAL, "expected ',' or ']'");
	}
}
