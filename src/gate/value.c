/* JSON to Cedar: what a request asserts, as values that policies can read. */
#include "gate/gate_int.h"

enum { VALUE_DEPTH = 32 };

enum { PATH_SIZE = 160 };

/* "context.arguments.to", cut at the end; only messages need it. */
static size_t add_path(const struct rv_gate_path *p, char buf[PATH_SIZE])
{
	size_t n = 0, most;
	if (p->above) {
		n = add_path(p->above, buf);
		if (n < PATH_SIZE - 1)
			buf[n++] = '.';
	}
	most = p->name.n < PATH_SIZE - 1 - n ? p->name.n : PATH_SIZE - 1 - n;
	memcpy(buf + n, p->name.p, most);
	return n + most;
}

static const char *text_of(const struct rv_gate_path *p, char buf[PATH_SIZE])
{
	buf[add_path(p, buf)] = '\0';
	return buf;
}

static enum rv_code no_memory(struct rv_err *err)
{
	return RV_FAIL(err, RV_ELIMIT, "the request needs more memory than is allowed");
}

/* A fraction becomes a decimal when it is exact as one. */
static enum rv_code to_decimal(const struct rv_json *v, const struct rv_gate_path *path,
	cedar_value *ret, struct rv_err *err)
{
	struct rv_str t = v->text;
	bool negative = t.n > 0 && t.p[0] == '-';
	int64_t n;
	char text[PATH_SIZE];
	if (!rv_amount_parse(negative ? rv_str_sub(t, 1, t.n) : t, &n))
		return RV_FAIL(err, RV_EINVAL,
			"%s: %.*s is not exact with four decimals; send it as a string",
			text_of(path, text), RV_FMT(t));
	*ret = cedar_decimal_of(negative ? -n : n);
	return RV_OK;
}

static enum rv_code to_set(cedar_scratch *s, const struct rv_json *v,
	const struct rv_gate_path *path, unsigned depth, cedar_value *ret, struct rv_err *err)
{
	RV_AUTO_FREE cedar_value *items = calloc(v->n_items + 1, sizeof *items);
	size_t n = 0;
	if (!items)
		return no_memory(err);
	for (size_t i = 0; i < v->n_items; i++) {
		if (v->items[i]->type == RV_JSON_NULL)
			continue;
		RV_TRY(rv_gate_value(s, v->items[i], path, depth + 1, &items[n++], err));
	}
	return cedar_set_of(s, items, n, ret, NULL) == CEDAR_OK ? RV_OK : no_memory(err);
}

static enum rv_code to_record(cedar_scratch *s, const struct rv_json *v,
	const struct rv_gate_path *path, unsigned depth, cedar_value *ret, struct rv_err *err)
{
	cedar_pair few[8];
	RV_AUTO_FREE cedar_pair *many =
		v->n_members > RV_COUNT(few) ? calloc(v->n_members, sizeof *many) : NULL;
	cedar_pair *pairs = v->n_members > RV_COUNT(few) ? many : few;
	size_t n = 0;
	if (!pairs)
		return no_memory(err);
	RV_JSON_EACH (m, v) {
		const struct rv_gate_path below = { path, m->name };
		if (m->value->type == RV_JSON_NULL)
			continue;
		pairs[n].key = rv_cs(m->name);
		RV_TRY(rv_gate_value(s, m->value, &below, depth + 1, &pairs[n++].value, err));
	}
	return cedar_record_of(s, pairs, n, ret, NULL) == CEDAR_OK ? RV_OK : no_memory(err);
}

enum rv_code rv_gate_value(cedar_scratch *s, const struct rv_json *v,
	const struct rv_gate_path *path, unsigned depth, cedar_value *ret, struct rv_err *err)
{
	char text[PATH_SIZE];
	if (depth > VALUE_DEPTH)
		return RV_FAIL(err, RV_ELIMIT, "%s: nested more than %d deep", text_of(path, text),
			VALUE_DEPTH);
	switch (v->type) {
	case RV_JSON_BOOL:
		*ret = cedar_bool(v->boolean);
		return RV_OK;
	case RV_JSON_INT:
		*ret = cedar_long(v->integer);
		return RV_OK;
	case RV_JSON_DOUBLE:
		return to_decimal(v, path, ret, err);
	case RV_JSON_STR:
		*ret = cedar_string(rv_cs(v->str));
		return RV_OK;
	case RV_JSON_ARR:
		return to_set(s, v, path, depth, ret, err);
	case RV_JSON_OBJ:
		return to_record(s, v, path, depth, ret, err);
	case RV_JSON_NULL:
		break;
	}
	return RV_FAIL(err, RV_EINVAL, "%s: null has no meaning here", text_of(path, text));
}
