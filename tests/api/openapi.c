#include "tests/api/openapi.h"

#include <ctype.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/yaml.h"
#include "tests/harness.h"

const struct rv_json *openapi_load(struct rv_arena *a)
{
	static const struct rv_json_limits limits = { .max_bytes = 4 << 20 };
	const struct rv_json *docs;
	struct rv_str text;
	struct rv_err err = { 0 };
	char path[2000];
	const char *root = getenv("RV_SOURCE");
	snprintf(path, sizeof path, "%s/docs/openapi.yaml", root ? root : ".");
	if (rv_file_read(a, path, 4 << 20, &text, &err) == RV_OK &&
		rv_yaml_parse(a, text, &limits, &docs, &err) == RV_OK && docs->n_items == 1)
		return docs->items[0];
	test_fail(__FILE__, __LINE__, "%s:%u: %s", path, err.line, err.msg);
	return NULL;
}

/* A parameter that takes all that follows, "{path*}", is "{path}" there. */
const struct rv_json *openapi_path(const struct rv_json *doc, const char *pattern)
{
	char name[200];
	size_t n = 0;
	for (const char *p = pattern; *p && n + 1 < sizeof name; p++)
		if (*p != '*')
			name[n++] = *p;
	name[n] = '\0';
	return rv_json_get(rv_json_get(doc, "paths"), name);
}

const struct rv_json *openapi_operation(
	const struct rv_json *doc, const char *method, const char *pattern)
{
	char lower[8];
	size_t n = 0;
	for (; method[n] && n + 1 < sizeof lower; n++)
		lower[n] = (char)tolower((unsigned char)method[n]);
	lower[n] = '\0';
	return rv_json_get(openapi_path(doc, pattern), lower);
}

const struct rv_json *openapi_deref(const struct rv_json *doc, const struct rv_json *v)
{
	for (int hops = 0; hops < 8; hops++) {
		const struct rv_json *ref = rv_json_get(v, "$ref");
		struct rv_str rest, part;
		if (!ref)
			return v;
		if (!rv_json_is(ref, RV_JSON_STR) || !rv_str_starts(ref->str, RV_STR("#/")))
			return NULL;
		rest = rv_str_sub(ref->str, 2, ref->str.n);
		for (v = doc; v && rv_str_split(&rest, '/', &part);)
			v = rv_json_get_str(v, part);
		if (!v)
			return NULL;
	}
	return NULL;
}

const struct rv_json *openapi_schema(
	const struct rv_json *doc, const struct rv_json *operation, int status)
{
	char text[8];
	snprintf(text, sizeof text, "%d", status);
	const struct rv_json *v = status ? rv_json_get(rv_json_get(operation, "responses"), text)
					 : rv_json_get(operation, "requestBody");
	v = rv_json_get(openapi_deref(doc, v), "content");
	v = rv_json_get(rv_json_get(v, "application/json"), "schema");
	return v ? openapi_deref(doc, v) : NULL;
}

/* ---- a value against a schema ---- */

static bool is_type(struct rv_str type, const struct rv_json *v)
{
	static const struct {
		const char *name;
		enum rv_json_type type;
	} names[] = { { "string", RV_JSON_STR }, { "integer", RV_JSON_INT },
		{ "boolean", RV_JSON_BOOL }, { "object", RV_JSON_OBJ }, { "array", RV_JSON_ARR } };
	for (size_t i = 0; i < RV_COUNT(names); i++)
		if (rv_str_eqz(type, names[i].name))
			return v->type == names[i].type;
	return false;
}

static bool has_required(const struct rv_json *schema, const struct rv_json *v, const char *path,
	char *msg, size_t msg_n)
{
	const struct rv_json *list = rv_json_get(schema, "required");
	for (size_t i = 0; list && i < list->n_items; i++)
		if (!rv_json_get_str(v, list->items[i]->str)) {
			snprintf(msg, msg_n, "%s: lacks %.*s", path, RV_FMT(list->items[i]->str));
			return false;
		}
	return true;
}

static bool fits_object(const struct rv_json *doc, const struct rv_json *schema,
	const struct rv_json *v, const char *path, char *msg, size_t msg_n)
{
	const struct rv_json *more = rv_json_get(schema, "additionalProperties");
	const struct rv_json *props = rv_json_get(schema, "properties");
	bool is_closed = rv_json_is(more, RV_JSON_BOOL) && !more->boolean;
	if (!has_required(schema, v, path, msg, msg_n))
		return false;
	RV_JSON_EACH (m, v) {
		char below[300];
		const struct rv_json *p = rv_json_get_str(props, m->name);
		snprintf(below, sizeof below, "%s.%.*s", path, RV_FMT(m->name));
		if (!p && is_closed) {
			snprintf(msg, msg_n, "%s: is not described", below);
			return false;
		}
		if (p && !openapi_fits(doc, p, m->value, below, msg, msg_n))
			return false;
	}
	return true;
}

bool openapi_fits(const struct rv_json *doc, const struct rv_json *schema, const struct rv_json *v,
	const char *path, char *msg, size_t msg_n)
{
	schema = openapi_deref(doc, schema);
	const struct rv_json *type = rv_json_get(schema, "type"), *format, *items;
	int64_t ns;
	if (!schema) {
		snprintf(msg, msg_n, "%s: its schema is nowhere", path);
		return false;
	}
	if (type && !is_type(type->str, v)) {
		snprintf(msg, msg_n, "%s: is %s, not of type %.*s", path,
			rv_json_type_name(v->type), RV_FMT(type->str));
		return false;
	}
	format = rv_json_get(schema, "format");
	if (format && v->type == RV_JSON_STR && !rv_time_parse(v->str, &ns)) {
		snprintf(msg, msg_n, "%s: '%.*s' is no time", path, RV_FMT(v->str));
		return false;
	}
	if (v->type == RV_JSON_OBJ)
		return fits_object(doc, schema, v, path, msg, msg_n);
	items = rv_json_get(schema, "items");
	for (size_t i = 0; items && v->type == RV_JSON_ARR && i < v->n_items; i++) {
		char below[300];
		snprintf(below, sizeof below, "%s[%zu]", path, i);
		if (!openapi_fits(doc, items, v->items[i], below, msg, msg_n))
			return false;
	}
	return true;
}
