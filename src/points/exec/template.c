/* Templates and parameters: a value has one spelling, and what is decided, shown and run is made
 * from the same bytes. */
#include "points/exec/exec_int.h"

#include <stdio.h>

enum rv_code rv_exec_template_next(
	struct rv_str *rest, struct rv_exec_piece *ret, bool *ret_any, struct rv_err *err)
{
	struct rv_str t = *rest;
	*ret_any = t.n > 0;
	if (t.n == 0)
		return RV_OK;
	if (t.p[0] != '{') {
		size_t n = 0;
		while (n < t.n && t.p[n] != '{' && t.p[n] != '}')
			n++;
		if (n == 0)
			return RV_FAIL(err, RV_EINVAL, "'}' without '{'");
		*ret = (struct rv_exec_piece){ RV_EXEC_LITERAL, rv_str_sub(t, 0, n) };
		*rest = rv_str_sub(t, n, t.n);
		return RV_OK;
	}
	size_t end = rv_str_find(t, '}', 1);
	if (end == SIZE_MAX)
		return RV_FAIL(err, RV_EINVAL, "'{' without '}'");
	struct rv_str name = rv_str_sub(t, 1, end);
	enum rv_exec_piece_kind kind = RV_EXEC_REF_PARAM;
	if (rv_str_starts(name, RV_STR("input:"))) {
		kind = RV_EXEC_REF_INPUT;
		name = rv_str_sub(name, 6, name.n);
	}
	if (!rv_str_is_slug(name, RV_EXEC_NAME_MAX))
		return RV_FAIL(
			err, RV_EINVAL, "'{%.*s}' is no name", RV_FMT(rv_str_sub(t, 1, end)));
	*ret = (struct rv_exec_piece){ kind, name };
	*rest = rv_str_sub(t, end + 1, t.n);
	return RV_OK;
}

static struct rv_str stands_for(const struct rv_exec_command *cmd, const struct rv_exec_piece *p,
	const struct rv_str *values, const struct rv_str *inputs)
{
	if (p->kind == RV_EXEC_LITERAL)
		return p->text;
	for (size_t i = 0; p->kind == RV_EXEC_REF_PARAM && i < cmd->n_params; i++)
		if (rv_str_eq(cmd->params[i].name, p->text))
			return values[i];
	for (size_t i = 0; p->kind == RV_EXEC_REF_INPUT && inputs && i < cmd->n_inputs; i++)
		if (rv_str_eq(cmd->inputs[i].name, p->text))
			return inputs[i];
	/* The configuration's reader let no other reference through. */
	rv_assert_failed("a template refers to what its command has", __FILE__, __LINE__);
}

void rv_exec_template_expand(const struct rv_exec_command *cmd, struct rv_str text,
	const struct rv_str *values, const struct rv_str *inputs, struct rv_buf *out)
{
	struct rv_exec_piece p;
	bool any;
	for (;;) {
		enum rv_code code = rv_exec_template_next(&text, &p, &any, NULL);
		rv_assert(code == RV_OK);
		if (!any)
			return;
		rv_buf_add(out, stands_for(cmd, &p, values, inputs));
	}
}

bool rv_exec_decimal_parse(struct rv_str text, unsigned scale, int64_t *ret)
{
	int64_t v = 0;
	size_t point = rv_str_find(text, '.', 0);
	size_t whole = point == SIZE_MAX ? text.n : point;
	size_t behind = point == SIZE_MAX ? 0 : text.n - point - 1;
	if (whole == 0 || behind > scale || (point != SIZE_MAX && behind == 0))
		return false;
	if (whole > 1 && text.p[0] == '0')
		return false;
	for (size_t i = 0; i < text.n; i++) {
		if (i == point)
			continue;
		char c = text.p[i];
		if (c < '0' || c > '9' || !rv_mul_ok(v, INT64_C(10), &v) ||
			!rv_add_ok(v, (int64_t)(c - '0'), &v))
			return false;
	}
	for (size_t i = behind; i < scale; i++)
		if (!rv_mul_ok(v, INT64_C(10), &v))
			return false;
	*ret = v;
	return true;
}

void rv_exec_decimal_print(int64_t scaled, unsigned scale, struct rv_buf *out)
{
	int64_t unit = 1;
	for (unsigned i = 0; i < scale; i++)
		unit *= 10;
	rv_buf_add_i64(out, scaled / unit);
	if (scale > 0)
		rv_buf_printf(out, ".%0*lld", (int)scale, (long long)(scaled % unit));
}

/* ---- values ---- */

static enum rv_code resolve_enum(
	const struct rv_exec_param *p, struct rv_str value, struct rv_str *ret, struct rv_err *err)
{
	char words[300];
	size_t n = 0;
	for (size_t i = 0; i < p->n_words; i++) {
		if (rv_str_eq(p->words[i], value)) {
			*ret = p->words[i];
			return RV_OK;
		}
		if (n < sizeof words)
			n += (size_t)snprintf(words + n, sizeof words - n, "%s%.*s", i ? ", " : "",
				RV_FMT(p->words[i]));
	}
	return RV_FAIL(err, RV_EINVAL, "parameter '%.*s' is one of: %s", RV_FMT(p->name), words);
}

static enum rv_code resolve_text(
	const struct rv_exec_param *p, struct rv_str value, struct rv_str *ret, struct rv_err *err)
{
	if (value.n == 0 || value.n > p->max_bytes)
		return RV_FAIL(err, RV_EINVAL, "parameter '%.*s' has 1 to %zu bytes",
			RV_FMT(p->name), p->max_bytes);
	for (size_t i = 0; i < value.n; i++) {
		unsigned char c = (unsigned char)value.p[i];
		if (!(p->charset[c >> 6] >> (c & 63) & 1))
			return RV_FAIL(err, RV_EINVAL,
				"parameter '%.*s' holds a character that is not in its set (byte "
				"%zu)",
				RV_FMT(p->name), i + 1);
		if (c == '.' && i > 0 && value.p[i - 1] == '.')
			return RV_FAIL(
				err, RV_EINVAL, "parameter '%.*s' holds '..'", RV_FMT(p->name));
	}
	if (value.p[0] == '-')
		return RV_FAIL(err, RV_EINVAL,
			"parameter '%.*s' begins with '-' and could be taken for an option",
			RV_FMT(p->name));
	*ret = value;
	return RV_OK;
}

static enum rv_code resolve_decimal(struct rv_arena *a, const struct rv_exec_param *p,
	struct rv_str value, struct rv_str *ret, struct rv_err *err)
{
	int64_t v;
	if (!rv_exec_decimal_parse(value, p->scale, &v))
		return RV_FAIL(err, RV_EINVAL,
			"parameter '%.*s' is a number with at most %u digits behind the point",
			RV_FMT(p->name), p->scale);
	if (v <= 0 || v > p->max_scaled)
		return RV_FAIL(
			err, RV_EINVAL, "parameter '%.*s' is out of its range", RV_FMT(p->name));
	RV_AUTO_BUF b;
	rv_buf_init(&b, 64);
	rv_exec_decimal_print(v, p->scale, &b);
	*ret = rv_arena_str(a, rv_buf_str(&b));
	return ret->p ? RV_OK : RV_FAIL_ARENA(err);
}

static enum rv_code resolve(struct rv_arena *a, const struct rv_exec_param *p, struct rv_str value,
	struct rv_str *ret, struct rv_err *err)
{
	switch (p->kind) {
	case RV_EXEC_PARAM_ENUM:
		return resolve_enum(p, value, ret, err);
	case RV_EXEC_PARAM_TEXT:
		return resolve_text(p, value, ret, err);
	case RV_EXEC_PARAM_DECIMAL:
		return resolve_decimal(a, p, value, ret, err);
	case RV_EXEC_PARAM_UNSET:
		break;
	}
	return RV_FAIL(err, RV_EINTERNAL, "parameter without a kind");
}

enum rv_code rv_exec_params_resolve(struct rv_arena *a, const struct rv_exec_command *cmd,
	const struct rv_exec_pair *given, size_t n_given, struct rv_str *ret, struct rv_err *err)
{
	for (size_t i = 0; i < cmd->n_params; i++)
		ret[i] = (struct rv_str){ NULL, 0 };
	for (size_t g = 0; g < n_given; g++) {
		size_t i = 0;
		while (i < cmd->n_params && !rv_str_eq(cmd->params[i].name, given[g].name))
			i++;
		if (i == cmd->n_params)
			return RV_FAIL(err, RV_EINVAL, "command '%.*s' has no parameter '%.*s'",
				RV_FMT(cmd->name), RV_FMT(given[g].name));
		if (ret[i].p)
			return RV_FAIL(err, RV_EINVAL, "parameter '%.*s' is given twice",
				RV_FMT(given[g].name));
		RV_TRY(resolve(a, &cmd->params[i], given[g].value, &ret[i], err));
	}
	for (size_t i = 0; i < cmd->n_params; i++)
		if (!ret[i].p)
			return RV_FAIL(err, RV_EINVAL, "parameter '%.*s' is missing",
				RV_FMT(cmd->params[i].name));
	return RV_OK;
}
