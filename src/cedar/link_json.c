/* Links in JSON, in two spellings that differ in names only:
 *   {"template_id", "link_id", "args": {"?principal": "User::\"a\""}}      a file of links
 *   {"templateId", "newId", "values": {"?principal": {"type", "id"}}}      inside a policy set */
#include "cedar/link_json.h"

static cedar_code read_value(struct rv_arena *a, const struct json_path *at,
	const struct rv_json *v, const cedar_uid **ret, cedar_error *err)
{
	if (v->type != RV_JSON_STR)
		return cedar_json_path_uid(a, err, at, v, ret);
	cedar_uid *u = rv_arena_alloc(a, sizeof *u);
	cedar_error why = { .code = CEDAR_OK };
	if (!u)
		return CEDAR_FAIL_MEMORY(err);
	if (cedar_parse_uid(a, cs(v->str), u, &why) != CEDAR_OK)
		return cedar_json_path_fail(err, at, v, "%s", why.message);
	*ret = u;
	return CEDAR_OK;
}

static cedar_code read_values(struct rv_arena *a, const struct json_path *at,
	const struct rv_json *v, cedar_link *ret, cedar_error *err)
{
	RV_JSON_EACH (m, v) {
		const struct json_path here = json_in_str(at, m->name);
		if (rv_str_eqz(m->name, "?principal"))
			CEDAR_TRY(read_value(a, &here, m->value, &ret->principal, err));
		else if (rv_str_eqz(m->name, "?resource"))
			CEDAR_TRY(read_value(a, &here, m->value, &ret->resource, err));
		else
			return cedar_json_path_fail(err, &here, m->value,
				"is no slot; slots are ?principal and ?resource");
	}
	return CEDAR_OK;
}

cedar_code cedar_link_read_json(struct rv_arena *a, const struct json_path *at,
	const struct rv_json *v, cedar_link *ret, cedar_error *err)
{
	const struct rv_json *template_id, *id, *values;
	CEDAR_TRY(cedar_json_want(err, at, v, v, RV_JSON_OBJ));
	bool file = rv_json_get(v, "template_id") || rv_json_get(v, "link_id");
	const char *name = file ? "args" : "values";
	const struct json_path inner = json_in(at, name);
	CEDAR_TRY(cedar_json_only(
		err, at, v, file ? "template_id link_id args" : "templateId newId values"));
	CEDAR_TRY(cedar_json_need(
		err, at, v, file ? "template_id" : "templateId", RV_JSON_STR, &template_id));
	CEDAR_TRY(cedar_json_need(err, at, v, file ? "link_id" : "newId", RV_JSON_STR, &id));
	CEDAR_TRY(cedar_json_need(err, at, v, name, RV_JSON_OBJ, &values));
	*ret = (cedar_link){ .template_id = cs(template_id->str), .id = cs(id->str) };
	return read_values(a, &inner, values, ret, err);
}

cedar_code cedar_links_parse_json(
	cedar_scratch *s, cedar_str json, const cedar_link **ret, size_t *ret_n, cedar_error *err)
{
	static const struct rv_json_limits limits = { .max_bytes = TEXT_MAX, .max_depth = 8 };
	struct rv_str copy = rv_arena_str(&s->arena, rs(json));
	const struct rv_json *v;
	struct rv_err e = { .code = RV_OK };
	if (!copy.p)
		return CEDAR_FAIL_MEMORY(err);
	if (rv_json_parse(&s->arena, copy, &limits, &v, &e) != RV_OK)
		return cedar_json_fail(err, &e);
	CEDAR_TRY(cedar_json_want(err, NULL, v, v, RV_JSON_ARR));
	cedar_link *list = rv_arena_array(&s->arena, v->n_items, sizeof *list);
	if (!list)
		return CEDAR_FAIL_MEMORY(err);
	for (size_t i = 0; i < v->n_items; i++) {
		const struct json_path at = json_at(NULL, i);
		CEDAR_TRY(cedar_link_read_json(&s->arena, &at, v->items[i], &list[i], err));
	}
	*ret = list;
	*ret_n = v->n_items;
	return CEDAR_OK;
}
