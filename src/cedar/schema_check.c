/* Values, entities and requests held against a schema. */
#include <stdarg.h>
#include <stdio.h>

#include "cedar/check.h"

static cedar_code refuse(cedar_error *err, const char *fmt, ...) RV_PRINTF(2, 3);

static cedar_code refuse(cedar_error *err, const char *fmt, ...)
{
	if (err && err->code == CEDAR_OK) {
		va_list ap;
		va_start(ap, fmt);
		(void)vsnprintf(err->message, sizeof err->message, fmt, ap); /* cut if too long */
		va_end(ap);
		err->code = CEDAR_ESCHEMA;
	}
	return CEDAR_ESCHEMA;
}

static cedar_code refuse_value(
	const cedar_schema *s, const struct type *t, const cedar_value *v, cedar_error *err)
{
	RV_AUTO_BUF b;
	rv_buf_init(&b, 1 << 16);
	cedar_type_print(s, t, &b);
	return refuse(err, "expected %.200s, got %s", rv_buf_z(&b), cedar_kind_name(v->kind));
}

cedar_code cedar_check_uid(const cedar_schema *s, const cedar_uid *u, cedar_error *err)
{
	if (cedar_is_action_type(u->type)) {
		if (cedar_schema_action(s, u) == NO_TYPE)
			return refuse(err, "action %.*s::\"%.*s\" is not in the schema",
				RV_FMT(u->type), RV_FMT(u->id));
		return CEDAR_OK;
	}
	uint32_t at = cedar_schema_type(s, u->type);
	if (at == NO_TYPE)
		return refuse(err, "entity type '%.*s' is not in the schema", RV_FMT(u->type));
	const struct entity_type *e = &s->types[at];
	for (size_t i = 0; i < e->n_choices; i++)
		if (str_eq(e->choices[i], u->id))
			return CEDAR_OK;
	if (e->is_enum)
		return refuse(err, "\"%.*s\" is not among the ids of the enumerated type '%.*s'",
			RV_FMT(u->id), RV_FMT(u->type));
	return CEDAR_OK;
}

static cedar_code check_record(const cedar_schema *s, const struct type *t, const cedar_record *r,
	const char *what, cedar_error *err)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct attr_type *a = cedar_type_attr(t, r->pairs[i].key);
		if (!a)
			return refuse(err, "%s '%.*s' is not in the schema", what,
				RV_FMT(r->pairs[i].key));
		cedar_code code = cedar_check_value(s, a->type, &r->pairs[i].value, err);
		if (code == CEDAR_ESCHEMA && err && !strstr(err->message, "in attribute")) {
			char text[300];
			(void)snprintf(text, sizeof text, "%.299s", err->message); /* may be cut */
			(void)snprintf(err->message, sizeof err->message, "in %s '%.*s': %s", what,
				RV_FMT(r->pairs[i].key), text); /* may be cut */
		}
		CEDAR_TRY(code);
	}
	for (size_t i = 0; i < t->n_attrs; i++)
		if (!t->attrs[i].is_optional && !cedar_record_get(r, t->attrs[i].name))
			return refuse(err, "%s '%.*s' is required and missing", what,
				RV_FMT(t->attrs[i].name));
	return CEDAR_OK;
}

/* Depth is bounded where values and types are made. */
cedar_code cedar_check_value(
	const cedar_schema *s, const struct type *t, const cedar_value *v, cedar_error *err)
{
	static const cedar_kind kinds[] = { [TY_BOOL] = CEDAR_BOOL,
		[TY_LONG] = CEDAR_LONG,
		[TY_STRING] = CEDAR_STRING,
		[TY_SET] = CEDAR_SET,
		[TY_RECORD] = CEDAR_RECORD,
		[TY_ENTITY] = CEDAR_ENTITY,
		[TY_ANY_ENTITY] = CEDAR_ENTITY,
		[TY_EXTENSION] = 0 };
	cedar_kind want = t->kind == TY_EXTENSION ? t->extension : kinds[t->kind];
	if (v->kind != want)
		return refuse_value(s, t, v, err);
	if (t->kind == TY_SET)
		for (size_t i = 0; i < v->u.set->n; i++)
			CEDAR_TRY(cedar_check_value(s, t->element, &v->u.set->items[i], err));
	if (t->kind == TY_RECORD)
		return check_record(s, t, v->u.record, "attribute", err);
	if (t->kind != TY_ENTITY)
		return CEDAR_OK;
	uint32_t at = cedar_schema_type(s, v->u.uid->type);
	if (at == NO_TYPE || !cedar_u32_has(t->types, t->n_types, at))
		return refuse(err, "expected an entity of type '%.*s', got one of type '%.*s'",
			RV_FMT(s->types[t->types[0]].name), RV_FMT(v->u.uid->type));
	return cedar_check_uid(s, v->u.uid, err);
}

/* An action may be given only as the schema has it. */
static cedar_code check_action(const cedar_schema *s, const cedar_entity *e, cedar_error *err)
{
	uint32_t at = cedar_schema_action(s, &e->uid);
	size_t above = 0, found = 0;
	if (at == NO_TYPE)
		return refuse(err, "action %.*s::\"%.*s\" is not in the schema",
			RV_FMT(e->uid.type), RV_FMT(e->uid.id));
	if ((e->attrs.kind == CEDAR_RECORD && e->attrs.u.record->n > 0) ||
		(e->tags.kind == CEDAR_RECORD && e->tags.u.record->n > 0))
		return refuse(err, "action %.*s::\"%.*s\" has neither attributes nor tags",
			RV_FMT(e->uid.type), RV_FMT(e->uid.id));
	for (uint32_t i = 0; i < s->n_actions; i++) {
		bool is_above =
			cedar_u32_has(s->actions[i].descendants, s->actions[i].n_descendants, at);
		bool given = false;
		for (size_t k = 0; k < e->n_parents && !given; k++) {
			uint32_t p = cedar_schema_action(s, &e->parents[k]);
			given = p != NO_TYPE &&
				(p == i ||
					cedar_u32_has(s->actions[i].descendants,
						s->actions[i].n_descendants, p));
		}
		above += is_above;
		found += is_above && given;
		if (given && !is_above)
			found = SIZE_MAX / 2;
	}
	for (size_t k = 0; k < e->n_parents; k++)
		if (cedar_schema_action(s, &e->parents[k]) == NO_TYPE)
			found = SIZE_MAX / 2;
	if (above != found)
		return refuse(err,
			"the groups of action %.*s::\"%.*s\" are not those of the schema",
			RV_FMT(e->uid.type), RV_FMT(e->uid.id));
	return CEDAR_OK;
}

static cedar_code check_parents(
	const cedar_schema *s, uint32_t type, const cedar_entity *e, cedar_error *err)
{
	for (size_t i = 0; i < e->n_parents; i++) {
		uint32_t p = cedar_schema_type(s, e->parents[i].type);
		bool allowed = p != NO_TYPE && !s->types[p].is_action &&
			(cedar_u32_has(s->types[p].descendants, s->types[p].n_descendants, type) ||
				(p == type &&
					cedar_u32_has(
						s->types[p].parents, s->types[p].n_parents, p)));
		/* A type that is above itself through others. */
		for (size_t k = 0; p == type && !allowed && k < s->types[p].n_parents; k++) {
			const struct entity_type *up = &s->types[s->types[p].parents[k]];
			allowed = cedar_u32_has(s->types[p].descendants, s->types[p].n_descendants,
				(uint32_t)(up - s->types));
		}
		if (!allowed)
			return refuse(err,
				"an entity of type '%.*s' cannot be in one of type '%.*s'",
				RV_FMT(e->uid.type), RV_FMT(e->parents[i].type));
		CEDAR_TRY(cedar_check_uid(s, &e->parents[i], err));
	}
	return CEDAR_OK;
}

cedar_code cedar_check_entity(const cedar_schema *s, const cedar_entity *e, cedar_error *err)
{
	const cedar_record *attrs =
		e->attrs.kind == CEDAR_RECORD ? e->attrs.u.record : &cedar_empty_record;
	const cedar_record *tags =
		e->tags.kind == CEDAR_RECORD ? e->tags.u.record : &cedar_empty_record;
	if (cedar_is_action_type(e->uid.type))
		return check_action(s, e, err);
	CEDAR_TRY(cedar_check_uid(s, &e->uid, err));
	uint32_t at = cedar_schema_type(s, e->uid.type);
	const struct entity_type *t = &s->types[at];
	cedar_code code = check_record(s, t->attrs, attrs, "attribute", err);
	if (code == CEDAR_OK)
		code = check_parents(s, at, e, err);
	if (code == CEDAR_OK && !t->tags && tags->n > 0)
		code = refuse(err, "entities of type '%.*s' have no tags", RV_FMT(e->uid.type));
	for (size_t i = 0; code == CEDAR_OK && i < tags->n; i++)
		code = cedar_check_value(s, t->tags, &tags->pairs[i].value, err);
	if (code == CEDAR_ESCHEMA && err) {
		char text[300];
		(void)snprintf(text, sizeof text, "%.299s", err->message); /* may be cut */
		(void)snprintf(err->message, sizeof err->message, "entity %.*s::\"%.*s\": %s",
			RV_FMT(e->uid.type), RV_FMT(e->uid.id), text); /* may be cut */
	}
	return code;
}

static cedar_code check_one(const cedar_schema *s, const cedar_uid *u, const uint32_t *types,
	size_t n, const char *what, const cedar_uid *action, cedar_error *err)
{
	CEDAR_TRY(cedar_check_uid(s, u, err));
	if (!cedar_u32_has(types, n, cedar_schema_type(s, u->type)))
		return refuse(err, "%s of type '%.*s' is not one that action \"%.*s\" applies to",
			what, RV_FMT(u->type), RV_FMT(action->id));
	return CEDAR_OK;
}

cedar_code cedar_schema_check_request(
	const cedar_schema *s, const cedar_request *rq, cedar_error *err)
{
	uint32_t at = cedar_schema_action(s, &rq->action);
	if (at == NO_TYPE)
		return refuse(err, "action %.*s::\"%.*s\" is not in the schema",
			RV_FMT(rq->action.type), RV_FMT(rq->action.id));
	const struct action_type *a = &s->actions[at];
	CEDAR_TRY(check_one(s, &rq->principal, a->principals, a->n_principals, "a principal",
		&rq->action, err));
	CEDAR_TRY(check_one(
		s, &rq->resource, a->resources, a->n_resources, "a resource", &rq->action, err));
	return check_record(s, a->context,
		rq->context.kind == CEDAR_RECORD ? rq->context.u.record : &cedar_empty_record,
		"context attribute", err);
}

cedar_code cedar_schema_check_entities(
	const cedar_schema *s, const cedar_entities *es, cedar_error *err)
{
	for (size_t i = 0; i < cedar_entities_count(es); i++)
		CEDAR_TRY(cedar_check_entity(s, cedar_entities_at(es, i), err));
	return CEDAR_OK;
}
