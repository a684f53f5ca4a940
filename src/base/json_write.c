/* JSON out: the streaming writer, the canonical form (RFC 8785) and the indented form. */
#include <math.h>
#include <stdio.h>

#include "base/json.h"
#include "base/json_int.h"

enum { WRITER_DEPTH_MAX = 64 };
static const int64_t EXACT_MAX = INT64_C(9007199254740992); /* 2^53 */

/* One byte that is no character of its own: the short escapes, \u00xx for other controls, U+FFFD
 * for what is not UTF-8. */
static void put_escaped(struct rv_buf *out, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	const char u[6] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };
	const char *short_at = c ? strchr("\"\\\b\f\n\r\t", c) : NULL;
	if (c >= 0x80) {
		rv_buf_add(out, RV_STR("\xef\xbf\xbd"));
	} else if (short_at) {
		rv_buf_addc(out, '\\');
		rv_buf_addc(out, "\"\\bfnrt"[short_at - "\"\\\b\f\n\r\t"]);
	} else {
		rv_buf_add(out, rv_str_n(u, sizeof u));
	}
}

/* RFC 8785 3.2.2.2; what needs no escape is copied in runs. */
static void put_string_slowly(struct rv_buf *out, struct rv_str s, size_t at)
{
	size_t from = 0;
	rv_buf_addc(out, '"');
	while (at < s.n) {
		unsigned char c = (unsigned char)s.p[at];
		uint32_t scalar;
		size_t len = c >= 0x80 ? rv_utf8_get(s, at, &scalar) : 0;
		if (len == 0) {
			rv_buf_add(out, rv_str_sub(s, from, at));
			put_escaped(out, c);
			from = ++at;
		}
		at = rv_json_plain_end(s, at + len);
	}
	rv_buf_add(out, rv_str_sub(s, from, s.n));
	rv_buf_addc(out, '"');
}

static char *put_quoted(char *p, struct rv_str s)
{
	*p++ = '"';
	if (s.n > 0)
		memcpy(p, s.p, s.n);
	p += s.n;
	*p++ = '"';
	return p;
}

/* Nearly every string is plain and goes in one piece. */
static void put_string(struct rv_buf *out, struct rv_str s)
{
	size_t plain = rv_json_plain_end(s, 0), n;
	if (plain < s.n || !rv_add_ok(s.n, (size_t)2, &n)) {
		put_string_slowly(out, s, plain);
		return;
	}
	char *p = rv_buf_room(out, n);
	if (!p)
		return;
	(void)put_quoted(p, s); /* where it ends is known */
	out->n += n;
}

void rv_json_w_init(struct rv_json_w *w, struct rv_buf *out)
{
	*w = (struct rv_json_w){ .out = out };
}

static void before_value(struct rv_json_w *w)
{
	if (w->after_name) {
		w->after_name = false;
		return;
	}
	uint64_t bit = UINT64_C(1) << (w->depth & 63);
	if (w->has_item & bit)
		rv_buf_addc(w->out, ',');
	w->has_item |= bit;
}

static void open_level(struct rv_json_w *w, char c)
{
	before_value(w);
	rv_buf_addc(w->out, c);
	w->depth++;
	rv_assert(w->depth < WRITER_DEPTH_MAX);
	w->has_item &= ~(UINT64_C(1) << w->depth);
}

static void close_level(struct rv_json_w *w, char c)
{
	rv_assert(w->depth > 0 && !w->after_name);
	w->depth--;
	rv_buf_addc(w->out, c);
}

void rv_json_w_obj(struct rv_json_w *w)
{
	open_level(w, '{');
}

void rv_json_w_obj_end(struct rv_json_w *w)
{
	close_level(w, '}');
}

void rv_json_w_arr(struct rv_json_w *w)
{
	open_level(w, '[');
}

void rv_json_w_arr_end(struct rv_json_w *w)
{
	close_level(w, ']');
}

/* ,"name":  in one piece when the name is plain and `more` bytes fit behind it, as they do nearly
 * always; where those go, or NULL: nothing was written. */
static char *put_plain_name(struct rv_json_w *w, struct rv_str name, size_t more)
{
	uint64_t bit = UINT64_C(1) << (w->depth & 63);
	size_t n;
	rv_assert(!w->after_name);
	if (rv_json_plain_end(name, 0) < name.n || !rv_add_ok(name.n + 4, more, &n))
		return NULL;
	char *p = rv_buf_room(w->out, n);
	if (!p)
		return NULL;
	if (w->has_item & bit)
		*p++ = ',';
	w->has_item |= bit;
	p = put_quoted(p, name);
	*p++ = ':';
	return p;
}

void rv_json_w_name_str(struct rv_json_w *w, struct rv_str name)
{
	char *p = put_plain_name(w, name, 0);
	if (p) {
		w->out->n = (size_t)(p - w->out->p);
	} else {
		before_value(w);
		put_string(w->out, name);
		rv_buf_addc(w->out, ':');
	}
	w->after_name = true;
}

void rv_json_w_member(struct rv_json_w *w, struct rv_str name, struct rv_str s)
{
	size_t n;
	bool is_plain = rv_json_plain_end(s, 0) == s.n && rv_add_ok(s.n, (size_t)2, &n);
	char *p = is_plain ? put_plain_name(w, name, n) : NULL;
	if (p) {
		p = put_quoted(p, s);
		w->out->n = (size_t)(p - w->out->p);
		return;
	}
	rv_json_w_name_str(w, name);
	rv_json_w_str(w, s);
}

void rv_json_w_str(struct rv_json_w *w, struct rv_str s)
{
	before_value(w);
	put_string(w->out, s);
}

void rv_json_w_i64(struct rv_json_w *w, int64_t v)
{
	before_value(w);
	rv_buf_add_i64(w->out, v);
}

void rv_json_w_bool(struct rv_json_w *w, bool v)
{
	rv_json_w_raw(w, v ? RV_STR("true") : RV_STR("false"));
}

void rv_json_w_null(struct rv_json_w *w)
{
	rv_json_w_raw(w, RV_STR("null"));
}

void rv_json_w_raw(struct rv_json_w *w, struct rv_str json)
{
	before_value(w);
	rv_buf_add(w->out, json);
}

/* ECMAScript's Number::toString for a finite double: the shortest digits that read back, then
 * placed. */
static void put_double(struct rv_buf *out, double d)
{
	if (d == 0) { /* also -0 */
		rv_buf_addc(out, '0');
		return;
	}
	char text[32];
	int precision = 1;
	do
		snprintf(text, sizeof text, "%.*e", precision - 1, fabs(d));
	while (strtod(text, NULL) != fabs(d) && ++precision <= 17);
	/* text is d.ddde[+-]xx */
	char digits[20];
	int k = 0;
	char *p = text;
	for (; *p != 'e'; p++)
		if (*p != '.')
			digits[k++] = *p;
	int n = (int)strtol(p + 1, NULL, 10) + 1; /* value = 0.digits * 10^n */
	while (k > 1 && digits[k - 1] == '0')
		k--;
	if (d < 0)
		rv_buf_addc(out, '-');
	if (n > 21 || n <= -6) {
		rv_buf_add(out, rv_str_n(digits, 1));
		if (k > 1) {
			rv_buf_addc(out, '.');
			rv_buf_add(out, rv_str_n(digits + 1, (size_t)k - 1));
		}
		rv_buf_printf(out, "e%+d", n - 1);
		return;
	}
	if (n <= 0) {
		rv_buf_addz(out, "0.");
		for (int i = n; i < 0; i++)
			rv_buf_addc(out, '0');
		rv_buf_add(out, rv_str_n(digits, (size_t)k));
		return;
	}
	for (int i = 0; i < (k > n ? k : n); i++) {
		if (i == n)
			rv_buf_addc(out, '.');
		rv_buf_addc(out, i < k ? digits[i] : '0');
	}
}

void rv_json_w_value(struct rv_json_w *w, const struct rv_json *v)
{
	switch (v->type) {
	case RV_JSON_NULL:
		rv_json_w_null(w);
		return;
	case RV_JSON_BOOL:
		rv_json_w_bool(w, v->boolean);
		return;
	case RV_JSON_INT:
		rv_json_w_i64(w, v->integer);
		return;
	case RV_JSON_DOUBLE:
		rv_json_w_raw(w, v->text);
		return;
	case RV_JSON_STR:
		rv_json_w_str(w, v->str);
		return;
	case RV_JSON_ARR:
		rv_json_w_arr(w);
		for (size_t i = 0; i < v->n_items; i++)
			rv_json_w_value(w, v->items[i]);
		rv_json_w_arr_end(w);
		return;
	case RV_JSON_OBJ:
		rv_json_w_obj(w);
		RV_JSON_EACH (m, v) {
			rv_json_w_name_str(w, m->name);
			rv_json_w_value(w, m->value);
		}
		rv_json_w_obj_end(w);
		return;
	}
}

/* A scalar's first UTF-16 unit decides the order, for surrogates sort below U+E000..U+FFFF. */
static uint32_t utf16_rank(uint32_t scalar)
{
	return scalar >= 0x10000 ? 0xd800 : scalar;
}

static int name_order(struct rv_str a, struct rv_str b)
{
	size_t i = 0;
	while (i < a.n && i < b.n && a.p[i] == b.p[i])
		i++;
	/* back to the beginning of the scalar that differs */
	while (i > 0 && i < a.n && i < b.n && ((unsigned char)a.p[i] & 0xc0) == 0x80)
		i--;
	uint32_t x, y;
	if (rv_utf8_get(a, i, &x) == 0 || rv_utf8_get(b, i, &y) == 0)
		return rv_str_cmp(a, b);
	if (utf16_rank(x) != utf16_rank(y))
		return utf16_rank(x) < utf16_rank(y) ? -1 : 1;
	return x < y ? -1 : x > y;
}

static int member_order(const void *a, const void *b)
{
	const struct rv_json_member *x = a, *y = b;
	return name_order(x->name, y->name);
}

static enum rv_code canonical(const struct rv_json *v, struct rv_buf *out, struct rv_err *err)
{
	switch (v->type) {
	case RV_JSON_NULL:
		rv_buf_addz(out, "null");
		return RV_OK;
	case RV_JSON_BOOL:
		rv_buf_addz(out, v->boolean ? "true" : "false");
		return RV_OK;
	case RV_JSON_INT:
		if (v->integer > EXACT_MAX || v->integer < -EXACT_MAX)
			return RV_FAIL_AT(err, RV_EINVAL, NULL, v->line, v->col,
				"integer %lld lies beyond 2^53, where readers disagree; send it as "
				"a string",
				(long long)v->integer);
		rv_buf_add_i64(out, v->integer);
		return RV_OK;
	case RV_JSON_DOUBLE:
		put_double(out, v->number);
		return RV_OK;
	case RV_JSON_STR:
		put_string(out, v->str);
		return RV_OK;
	case RV_JSON_ARR:
		rv_buf_addc(out, '[');
		for (size_t i = 0; i < v->n_items; i++) {
			if (i > 0)
				rv_buf_addc(out, ',');
			RV_TRY(canonical(v->items[i], out, err));
		}
		rv_buf_addc(out, ']');
		return RV_OK;
	case RV_JSON_OBJ:
		break;
	}
	struct rv_json_member few[8];
	RV_AUTO_FREE struct rv_json_member *many = NULL;
	struct rv_json_member *sorted = few;
	if (v->n_members > RV_COUNT(few))
		sorted = many = malloc(v->n_members * sizeof *many);
	if (!sorted)
		return RV_FAIL(err, RV_ENOMEM, "out of memory");
	if (v->n_members > 0)
		memcpy(sorted, v->members, v->n_members * sizeof *sorted);
	if (v->n_members > 1)
		qsort(sorted, v->n_members, sizeof *sorted, member_order);
	rv_buf_addc(out, '{');
	for (size_t i = 0; i < v->n_members; i++) {
		if (i > 0)
			rv_buf_addc(out, ',');
		put_string(out, sorted[i].name);
		rv_buf_addc(out, ':');
		RV_TRY(canonical(sorted[i].value, out, err));
	}
	rv_buf_addc(out, '}');
	return RV_OK;
}

enum rv_code rv_json_canonical(const struct rv_json *v, struct rv_buf *out, struct rv_err *err)
{
	RV_TRY(canonical(v, out, err));
	return rv_buf_ok(out, err);
}

static void indent(struct rv_buf *out, unsigned depth)
{
	rv_buf_addc(out, '\n');
	for (unsigned i = 0; i < depth; i++)
		rv_buf_addz(out, "  ");
}

static void pretty(const struct rv_json *v, struct rv_buf *out, unsigned depth)
{
	bool is_obj = v->type == RV_JSON_OBJ;
	size_t n = is_obj ? v->n_members : v->type == RV_JSON_ARR ? v->n_items : 0;
	if (n == 0) {
		struct rv_json_w w;
		rv_json_w_init(&w, out);
		rv_json_w_value(&w, v);
		return;
	}
	rv_buf_addc(out, is_obj ? '{' : '[');
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			rv_buf_addc(out, ',');
		indent(out, depth + 1);
		if (is_obj) {
			put_string(out, v->members[i].name);
			rv_buf_addz(out, ": ");
		}
		pretty(is_obj ? v->members[i].value : v->items[i], out, depth + 1);
	}
	indent(out, depth);
	rv_buf_addc(out, is_obj ? '}' : ']');
}

void rv_json_pretty(const struct rv_json *v, struct rv_buf *out)
{
	pretty(v, out, 0);
}
