/* libyaml's events into JSON trees. Two readings are refused, so that a reviewer and the program
 * see the same file. */
#include "base/yaml.h"

#include <yaml.h>

enum { MAX_BYTES_DEFAULT = 1 << 20, MAX_DEPTH_DEFAULT = 64 };

struct reader {
	yaml_parser_t parser;
	struct rv_arena *arena;
	uint32_t max_depth;
	bool integers_only;
	struct rv_err *err;
};

static enum rv_code fail_mark(struct reader *r, const yaml_mark_t *m, const char *msg)
{
	return RV_FAIL_AT(
		r->err, RV_EINVAL, NULL, (uint32_t)m->line + 1, (uint32_t)m->column + 1, "%s", msg);
}

static enum rv_code next_event(struct reader *r, yaml_event_t *ev)
{
	if (yaml_parser_parse(&r->parser, ev))
		return RV_OK;
	const yaml_parser_t *p = &r->parser;
	if (p->error == YAML_MEMORY_ERROR)
		return RV_FAIL(r->err, RV_ENOMEM, "out of memory");
	if (p->error == YAML_READER_ERROR)
		return RV_FAIL(r->err, RV_EINVAL, "%s at byte %zu", p->problem, p->problem_offset);
	return RV_FAIL_AT(r->err, RV_EINVAL, NULL, (uint32_t)p->problem_mark.line + 1,
		(uint32_t)p->problem_mark.column + 1, "%s%s%s",
		p->problem ? p->problem : "bad YAML", p->context ? " " : "",
		p->context ? p->context : "");
}

static struct rv_json *new_value(struct reader *r, const yaml_event_t *ev)
{
	struct rv_json *v = rv_arena_alloc(r->arena, sizeof *v);
	if (v) {
		v->line = (uint32_t)ev->start_mark.line + 1;
		v->col = (uint32_t)ev->start_mark.column + 1;
	}
	return v;
}

/* A plain scalar that reads as a JSON literal is one; everything else is a string. */
static bool as_literal(struct reader *r, struct rv_str s, struct rv_json *v)
{
	if (s.n == 0 || rv_str_eqz(s, "~")) {
		v->type = RV_JSON_NULL;
		return true;
	}
	bool numeric = s.p[0] == '-' || (s.p[0] >= '0' && s.p[0] <= '9');
	if (!numeric && !rv_str_eqz(s, "true") && !rv_str_eqz(s, "false") && !rv_str_eqz(s, "null"))
		return false;
	const struct rv_json *lit;
	if (rv_json_parse(r->arena, s, NULL, &lit, NULL) != RV_OK)
		return false;
	uint32_t line = v->line, col = v->col;
	*v = *lit;
	v->line = line;
	v->col = col;
	return true;
}

static enum rv_code read_scalar(struct reader *r, const yaml_event_t *ev, struct rv_json *v)
{
	if (ev->data.scalar.anchor)
		return fail_mark(
			r, &ev->start_mark, "anchors are not allowed; write the value out");
	if (ev->data.scalar.tag)
		return fail_mark(r, &ev->start_mark, "tags are not allowed");
	struct rv_str s =
		rv_arena_str(r->arena, rv_str_n(ev->data.scalar.value, ev->data.scalar.length));
	if (!s.p)
		return RV_FAIL_ARENA(r->err);
	bool plain = ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	if (!plain || !as_literal(r, s, v)) {
		v->type = RV_JSON_STR;
		v->str = s;
	}
	if (v->type == RV_JSON_DOUBLE && r->integers_only)
		return fail_mark(r, &ev->start_mark, "must be an integer");
	return RV_OK;
}

static enum rv_code read_node(
	struct reader *r, const yaml_event_t *ev, uint32_t depth, struct rv_json **ret);

/* Doubles the room of an arena array when n has reached a power of two. */
static void *room(struct reader *r, void *old, size_t n, size_t size)
{
	if (n < 4 ? n != 0 : (n & (n - 1)) != 0)
		return old;
	char *p = rv_arena_raw(r->arena, (n < 4 ? 4 : n * 2) * size);
	if (p && n > 0)
		memcpy(p, old, n * size);
	return p;
}

static enum rv_code read_seq(struct reader *r, uint32_t depth, struct rv_json *v)
{
	const struct rv_json **items = NULL;
	size_t n = 0;
	for (;;) {
		yaml_event_t ev;
		RV_TRY(next_event(r, &ev));
		if (ev.type == YAML_SEQUENCE_END_EVENT) {
			yaml_event_delete(&ev);
			break;
		}
		struct rv_json *item = NULL;
		enum rv_code code = read_node(r, &ev, depth + 1, &item);
		yaml_event_delete(&ev);
		RV_TRY(code);
		items = room(r, items, n, sizeof *items);
		if (!items)
			return RV_FAIL_ARENA(r->err);
		items[n++] = item;
	}
	v->type = RV_JSON_ARR;
	v->items = items;
	v->n_items = n;
	return RV_OK;
}

static int member_order(const void *a, const void *b)
{
	const struct rv_json_member *const *x = a, *const *y = b;
	int c = rv_str_cmp((*x)->name, (*y)->name);
	return c != 0 ? c : (*x < *y ? -1 : *x > *y);
}

static enum rv_code check_dups(struct reader *r, const struct rv_json_member *m, size_t n)
{
	const struct rv_json_member **order = rv_arena_array(r->arena, n, sizeof *order);
	if (!order)
		return RV_FAIL_ARENA(r->err);
	for (size_t i = 0; i < n; i++)
		order[i] = &m[i];
	qsort(order, n, sizeof *order, member_order);
	for (size_t i = 1; i < n; i++)
		if (rv_str_eq(order[i]->name, order[i - 1]->name))
			return RV_FAIL_AT(r->err, RV_EINVAL, NULL, order[i]->line, order[i]->col,
				"key '%.*s' occurs twice, first on line %u", RV_FMT(order[i]->name),
				order[i - 1]->line);
	return RV_OK;
}

static enum rv_code read_key(struct reader *r, const yaml_event_t *ev, struct rv_json_member *m)
{
	if (ev->type != YAML_SCALAR_EVENT)
		return fail_mark(r, &ev->start_mark, "a key must be plain text");
	struct rv_json key = { .type = RV_JSON_NULL };
	RV_TRY(read_scalar(r, ev, &key));
	m->name = rv_arena_str(r->arena, rv_str_n(ev->data.scalar.value, ev->data.scalar.length));
	if (!m->name.p)
		return RV_FAIL_ARENA(r->err);
	m->line = (uint32_t)ev->start_mark.line + 1;
	m->col = (uint32_t)ev->start_mark.column + 1;
	if (rv_str_eqz(m->name, "<<"))
		return fail_mark(r, &ev->start_mark, "merge keys are not allowed; write it out");
	return RV_OK;
}

static enum rv_code read_map(struct reader *r, uint32_t depth, struct rv_json *v)
{
	struct rv_json_member *members = NULL;
	size_t n = 0;
	for (;;) {
		yaml_event_t ev;
		RV_TRY(next_event(r, &ev));
		if (ev.type == YAML_MAPPING_END_EVENT) {
			yaml_event_delete(&ev);
			break;
		}
		struct rv_json_member m = { .value = NULL };
		enum rv_code code = read_key(r, &ev, &m);
		yaml_event_delete(&ev);
		RV_TRY(code);
		RV_TRY(next_event(r, &ev));
		struct rv_json *value = NULL;
		code = read_node(r, &ev, depth + 1, &value);
		yaml_event_delete(&ev);
		RV_TRY(code);
		m.value = value;
		members = room(r, members, n, sizeof *members);
		if (!members)
			return RV_FAIL_ARENA(r->err);
		members[n++] = m;
	}
	RV_TRY(check_dups(r, members, n));
	v->type = RV_JSON_OBJ;
	v->members = members;
	v->n_members = n;
	return RV_OK;
}

static enum rv_code read_node(
	struct reader *r, const yaml_event_t *ev, uint32_t depth, struct rv_json **ret)
{
	if (depth > r->max_depth)
		return RV_FAIL_AT(r->err, RV_ELIMIT, NULL, (uint32_t)ev->start_mark.line + 1,
			(uint32_t)ev->start_mark.column + 1, "nested too deeply");
	struct rv_json *v = new_value(r, ev);
	if (!v)
		return RV_FAIL_ARENA(r->err);
	*ret = v;
	switch (ev->type) {
	case YAML_SCALAR_EVENT:
		return read_scalar(r, ev, v);
	case YAML_SEQUENCE_START_EVENT:
		if (ev->data.sequence_start.anchor || ev->data.sequence_start.tag)
			return fail_mark(r, &ev->start_mark, "anchors and tags are not allowed");
		return read_seq(r, depth, v);
	case YAML_MAPPING_START_EVENT:
		if (ev->data.mapping_start.anchor || ev->data.mapping_start.tag)
			return fail_mark(r, &ev->start_mark, "anchors and tags are not allowed");
		return read_map(r, depth, v);
	case YAML_ALIAS_EVENT:
		return fail_mark(
			r, &ev->start_mark, "aliases are not allowed; write the value out");
	default:
		return fail_mark(r, &ev->start_mark, "expected a value");
	}
}

static enum rv_code read_stream(struct reader *r, struct rv_json *docs)
{
	const struct rv_json **items = NULL;
	size_t n = 0;
	for (;;) {
		yaml_event_t ev;
		RV_TRY(next_event(r, &ev));
		yaml_event_type_t type = ev.type;
		enum rv_code code = RV_OK;
		struct rv_json *doc = NULL;
		if (type != YAML_STREAM_START_EVENT && type != YAML_DOCUMENT_START_EVENT &&
			type != YAML_DOCUMENT_END_EVENT && type != YAML_STREAM_END_EVENT)
			code = read_node(r, &ev, 1, &doc);
		yaml_event_delete(&ev);
		RV_TRY(code);
		if (type == YAML_STREAM_END_EVENT)
			break;
		if (!doc)
			continue;
		items = room(r, items, n, sizeof *items);
		if (!items)
			return RV_FAIL_ARENA(r->err);
		items[n++] = doc;
	}
	*docs = (struct rv_json){ .type = RV_JSON_ARR, .line = 1, .col = 1 };
	docs->items = items;
	docs->n_items = n;
	return RV_OK;
}

enum rv_code rv_yaml_parse(struct rv_arena *a, struct rv_str text,
	const struct rv_json_limits *limits, const struct rv_json **ret_docs, struct rv_err *err)
{
	size_t max_bytes = limits && limits->max_bytes ? limits->max_bytes : MAX_BYTES_DEFAULT;
	struct reader r = {
		.arena = a,
		.max_depth = limits && limits->max_depth ? limits->max_depth : MAX_DEPTH_DEFAULT,
		.integers_only = limits && limits->integers_only,
		.err = err,
	};
	if (text.n > max_bytes)
		return RV_FAIL(err, RV_ELIMIT,
			"document of %zu bytes is larger than the %zu allowed", text.n, max_bytes);
	struct rv_json *docs = rv_arena_alloc(a, sizeof *docs);
	if (!docs)
		return RV_FAIL_ARENA(err);
	if (!yaml_parser_initialize(&r.parser))
		return RV_FAIL(err, RV_ENOMEM, "out of memory");
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(
		&r.parser, (const unsigned char *)(text.p ? text.p : ""), text.n);
	enum rv_code code = read_stream(&r, docs);
	yaml_parser_delete(&r.parser);
	RV_TRY(code);
	*ret_docs = docs;
	return RV_OK;
}
