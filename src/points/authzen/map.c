/* AuthZEN's JSON as Cedar values (the rules stand in pdp.h). */
#include "points/authzen/pdp_int.h"

enum { DEPTH_MAX = 32 };

bool rv_pdp_type_ok(struct rv_str type)
{
	bool at_start = true;
	for (size_t i = 0; i < type.n; i++) {
		char c = type.p[i];
		bool is_alpha = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
		if (is_alpha || (!at_start && c >= '0' && c <= '9')) {
			at_start = false;
			continue;
		}
		if (at_start || c != ':' || i + 1 == type.n || type.p[i + 1] != ':')
			return false;
		i++;
		at_start = true;
	}
	return !at_start;
}

struct map {
	cedar_scratch *s;
	struct rv_arena *a;
	struct rv_err *err;
};

static enum rv_code cedar_failed(const struct map *m, const char *path, const cedar_error *e)
{
	return RV_FAIL(m->err, e->code == CEDAR_ELIMIT ? RV_ELIMIT : RV_EINVAL, "%s: %s", path,
		e->message);
}

static enum rv_code map_value(const struct map *m, const struct rv_json *v, const char *path,
	int depth, cedar_value *ret);

/* Digits, '.', one to four digits; JSON allows more than Cedar's decimal does. */
static enum rv_code map_number(
	const struct map *m, const struct rv_json *v, const char *path, cedar_value *ret)
{
	cedar_error e = { .code = CEDAR_OK };
	size_t dot = rv_str_find(v->text, '.', 0);
	bool has_exponent = rv_str_find(v->text, 'e', 0) != SIZE_MAX ||
		rv_str_find(v->text, 'E', 0) != SIZE_MAX;
	if (has_exponent || dot == SIZE_MAX || v->text.n - dot - 1 > 4)
		return RV_FAIL(m->err, RV_EINVAL,
			"%s: number '%.*s' has no exact place in Cedar (whole numbers of 64 bits, "
			"or up to four digits behind the point)",
			path, RV_FMT(v->text));
	if (cedar_extension(m->s, cedar_z("decimal"), rv_pdp_cs(v->text), ret, &e) != CEDAR_OK)
		return cedar_failed(m, path, &e);
	return RV_OK;
}

static enum rv_code map_array(
	const struct map *m, const struct rv_json *v, const char *path, int depth, cedar_value *ret)
{
	cedar_error e = { .code = CEDAR_OK };
	cedar_value *items = rv_arena_array(m->a, v->n_items, sizeof *items);
	size_t n = 0;
	if (!items)
		return RV_FAIL_ARENA(m->err);
	for (size_t i = 0; i < v->n_items; i++)
		if (v->items[i]->type != RV_JSON_NULL)
			RV_TRY(map_value(m, v->items[i], path, depth + 1, &items[n++]));
	if (cedar_set_of(m->s, items, n, ret, &e) != CEDAR_OK)
		return cedar_failed(m, path, &e);
	return RV_OK;
}

/* pairs has room for n_members more. */
static enum rv_code map_members(const struct map *m, const struct rv_json *v, const char *path,
	int depth, cedar_pair *pairs, size_t *n)
{
	RV_JSON_EACH (member, v) {
		if (member->value->type == RV_JSON_NULL)
			continue;
		pairs[*n].key = rv_pdp_cs(member->name);
		RV_TRY(map_value(m, member->value, path, depth + 1, &pairs[*n].value));
		(*n)++;
	}
	return RV_OK;
}

static enum rv_code make_record(
	const struct map *m, const cedar_pair *pairs, size_t n, const char *path, cedar_value *ret)
{
	cedar_error e = { .code = CEDAR_OK };
	if (cedar_record_of(m->s, pairs, n, ret, &e) != CEDAR_OK)
		return cedar_failed(m, path, &e);
	return RV_OK;
}

/* {"__entity":{"type","id"}} */
static enum rv_code map_entity(
	const struct map *m, const struct rv_json *v, const char *path, cedar_value *ret)
{
	cedar_error e = { .code = CEDAR_OK };
	const struct rv_json *type = rv_json_get(v, "type"), *id = rv_json_get(v, "id");
	if (!rv_json_is(type, RV_JSON_STR) || !rv_json_is(id, RV_JSON_STR) || v->n_members != 2 ||
		!rv_pdp_type_ok(type->str))
		return RV_FAIL(
			m->err, RV_EINVAL, "%s: __entity needs a Cedar type and an id", path);
	cedar_uid uid = cedar_uid_of(rv_pdp_cs(type->str), rv_pdp_cs(id->str));
	if (cedar_entity_value(m->s, &uid, ret, &e) != CEDAR_OK)
		return cedar_failed(m, path, &e);
	return RV_OK;
}

/* {"__extn":{"fn","arg"}} */
static enum rv_code map_extension(
	const struct map *m, const struct rv_json *v, const char *path, cedar_value *ret)
{
	cedar_error e = { .code = CEDAR_OK };
	const struct rv_json *fn = rv_json_get(v, "fn"), *arg = rv_json_get(v, "arg");
	if (!rv_json_is(fn, RV_JSON_STR) || !rv_json_is(arg, RV_JSON_STR) || v->n_members != 2)
		return RV_FAIL(m->err, RV_EINVAL, "%s: __extn needs fn and arg", path);
	if (cedar_extension(m->s, rv_pdp_cs(fn->str), rv_pdp_cs(arg->str), ret, &e) != CEDAR_OK)
		return cedar_failed(m, path, &e);
	return RV_OK;
}

static enum rv_code map_object(
	const struct map *m, const struct rv_json *v, const char *path, int depth, cedar_value *ret)
{
	if (v->n_members == 1 && rv_str_eqz(v->members[0].name, "__entity"))
		return map_entity(m, v->members[0].value, path, ret);
	if (v->n_members == 1 && rv_str_eqz(v->members[0].name, "__extn"))
		return map_extension(m, v->members[0].value, path, ret);
	cedar_pair *pairs = rv_arena_array(m->a, v->n_members, sizeof *pairs);
	size_t n = 0;
	if (!pairs)
		return RV_FAIL_ARENA(m->err);
	RV_TRY(map_members(m, v, path, depth, pairs, &n));
	return make_record(m, pairs, n, path, ret);
}

static enum rv_code map_value(
	const struct map *m, const struct rv_json *v, const char *path, int depth, cedar_value *ret)
{
	if (depth > DEPTH_MAX)
		return RV_FAIL(
			m->err, RV_ELIMIT, "%s: nested more than %d levels deep", path, DEPTH_MAX);
	switch (v->type) {
	case RV_JSON_BOOL:
		*ret = cedar_bool(v->boolean);
		return RV_OK;
	case RV_JSON_INT:
		*ret = cedar_long(v->integer);
		return RV_OK;
	case RV_JSON_STR:
		*ret = cedar_string(rv_pdp_cs(v->str));
		return RV_OK;
	case RV_JSON_DOUBLE:
		return map_number(m, v, path, ret);
	case RV_JSON_ARR:
		return map_array(m, v, path, depth, ret);
	case RV_JSON_OBJ:
		return map_object(m, v, path, depth, ret);
	case RV_JSON_NULL:
		break;
	}
	return RV_FAIL(m->err, RV_EINVAL, "%s: null is no Cedar value", path);
}

static bool has_key(const cedar_pair *pairs, size_t n, cedar_str key)
{
	for (size_t i = 0; i < n; i++)
		if (pairs[i].key.n == key.n &&
			(key.n == 0 || memcmp(pairs[i].key.p, key.p, key.n) == 0))
			return true;
	return false;
}

/* What is asserted first, then what is stored under other names. */
static enum rv_code overlay_attrs(const struct map *m, const struct rv_json *properties,
	const cedar_value *stored, const char *path, cedar_value *ret)
{
	size_t n_stored = stored->kind == CEDAR_RECORD ? cedar_record_count(stored->u.record) : 0,
	       n = 0;
	cedar_pair *pairs = rv_arena_array(m->a, properties->n_members + n_stored, sizeof *pairs);
	if (!pairs)
		return RV_FAIL_ARENA(m->err);
	RV_TRY(map_members(m, properties, path, 0, pairs, &n));
	size_t n_asserted = n;
	for (size_t i = 0; i < n_stored; i++) {
		const cedar_pair *pair = cedar_record_at(stored->u.record, i);
		if (!has_key(pairs, n_asserted, pair->key))
			pairs[n++] = *pair;
	}
	return make_record(m, pairs, n, path, ret);
}

static bool uid_eq(const cedar_uid *a, const cedar_uid *b)
{
	return a->type.n == b->type.n && a->id.n == b->id.n &&
		memcmp(a->type.p, b->type.p, a->type.n) == 0 &&
		(a->id.n == 0 || memcmp(a->id.p, b->id.p, a->id.n) == 0);
}

/* When subject and resource are one entity, the second's properties lie over the first's. */
static enum rv_code add_overlay(const struct rv_pdp *p, const struct map *m,
	const struct rv_json *properties, const cedar_uid *uid, const char *path,
	cedar_entity *overlay, size_t *n)
{
	if (!properties || p->no_overlay)
		return RV_OK;
	const cedar_entity *stored = cedar_entities_find(p->entities, uid);
	cedar_entity *at = &overlay[*n];
	if (*n == 1 && uid_eq(&overlay[0].uid, uid)) {
		at = &overlay[0];
		return overlay_attrs(m, properties, &at->attrs, path, &at->attrs);
	}
	*at = stored ? *stored : (cedar_entity){ .uid = *uid };
	(*n)++;
	return overlay_attrs(m, properties, &at->attrs, path, &at->attrs);
}

static enum rv_code map_context(
	const struct map *m, const struct rv_authzen_item *item, cedar_value *ret)
{
	size_t n = 0, most = (item->context ? item->context->n_members : 0) + 1;
	if (!item->context && !item->action_properties)
		return RV_OK;
	cedar_pair *pairs = rv_arena_array(m->a, most, sizeof *pairs);
	if (!pairs)
		return RV_FAIL_ARENA(m->err);
	if (item->action_properties) {
		pairs[0].key = cedar_z("action");
		RV_TRY(map_value(
			m, item->action_properties, "action.properties", 0, &pairs[0].value));
		n = 1;
	}
	for (size_t i = 0; item->context && i < item->context->n_members; i++) {
		const struct rv_json_member *member = &item->context->members[i];
		bool is_hidden = item->action_properties && rv_str_eqz(member->name, "action");
		if (member->value->type == RV_JSON_NULL || is_hidden)
			continue;
		pairs[n].key = rv_pdp_cs(member->name);
		RV_TRY(map_value(m, member->value, "context", 0, &pairs[n].value));
		n++;
	}
	return make_record(m, pairs, n, "context", ret);
}

static enum rv_code map_uid(
	const struct map *m, const struct rv_authzen_entity *e, const char *path, cedar_uid *ret)
{
	if (!rv_pdp_type_ok(e->type))
		return RV_FAIL(m->err, RV_EINVAL,
			"%s.type: '%.*s' is no Cedar type (identifiers joined by '::')", path,
			(int)(e->type.n < 100 ? e->type.n : 100), e->type.p);
	*ret = cedar_uid_of(rv_pdp_cs(e->type), rv_pdp_cs(e->id));
	return RV_OK;
}

enum rv_code rv_pdp_map(const struct rv_pdp *p, cedar_scratch *s, struct rv_arena *a,
	const struct rv_authzen_item *item, cedar_entity overlay[2], cedar_request *ret,
	struct rv_err *err)
{
	const struct map m = { s, a, err };
	memset(ret, 0, sizeof *ret);
	RV_TRY(map_uid(&m, &item->subject, "subject", &ret->principal));
	RV_TRY(map_uid(&m, &item->resource, "resource", &ret->resource));
	ret->action = cedar_uid_of(cedar_z(p->action_type), rv_pdp_cs(item->action));
	RV_TRY(add_overlay(p, &m, item->subject.properties, &ret->principal, "subject.properties",
		overlay, &ret->n_overlay));
	RV_TRY(add_overlay(p, &m, item->resource.properties, &ret->resource, "resource.properties",
		overlay, &ret->n_overlay));
	ret->overlay = ret->n_overlay > 0 ? overlay : NULL;
	return map_context(&m, item, &ret->context);
}
