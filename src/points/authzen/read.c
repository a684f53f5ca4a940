#include "points/authzen/authzen.h"

/* A member, NULL when it is absent or null. */
static const struct rv_json *member(const struct rv_json *v, const char *name)
{
	const struct rv_json *m = rv_json_get(v, name);
	return m && m->type != RV_JSON_NULL ? m : NULL;
}

static enum rv_code wrong_type(const struct rv_json *v, const char *path, const char *name,
	const char *want, struct rv_err *err)
{
	return RV_FAIL(err, RV_EINVAL, "%s%s%s: must be %s, not %s", path, *path ? "." : "", name,
		want, rv_json_type_name(v->type));
}

static enum rv_code need_str(const struct rv_json *o, const char *path, const char *name,
	struct rv_str *ret, struct rv_err *err)
{
	const struct rv_json *v = rv_json_get(o, name);
	if (!v)
		return RV_FAIL(err, RV_EINVAL, "%s.%s: missing", path, name);
	if (v->type != RV_JSON_STR)
		return wrong_type(v, path, name, "a string", err);
	*ret = v->str;
	return RV_OK;
}

static enum rv_code opt_object(const struct rv_json *o, const char *path, const char *name,
	const struct rv_json **ret, struct rv_err *err)
{
	const struct rv_json *v = member(o, name);
	*ret = v;
	if (v && v->type != RV_JSON_OBJ)
		return wrong_type(v, path, name, "an object", err);
	return RV_OK;
}

static enum rv_code need_object(const struct rv_json *v, const char *name, struct rv_err *err)
{
	if (!v)
		return RV_FAIL(err, RV_EINVAL, "%s: missing", name);
	if (v->type != RV_JSON_OBJ)
		return wrong_type(v, "", name, "an object", err);
	return RV_OK;
}

static enum rv_code read_entity(const struct rv_json *v, const char *name, bool needs_id,
	struct rv_authzen_entity *ret, struct rv_err *err)
{
	RV_TRY(need_object(v, name, err));
	RV_TRY(need_str(v, name, "type", &ret->type, err));
	if (needs_id)
		RV_TRY(need_str(v, name, "id", &ret->id, err));
	return opt_object(v, name, "properties", &ret->properties, err);
}

static enum rv_code read_action(
	const struct rv_json *v, struct rv_authzen_item *ret, struct rv_err *err)
{
	RV_TRY(need_object(v, "action", err));
	RV_TRY(need_str(v, "action", "name", &ret->action, err));
	return opt_object(v, "action", "properties", &ret->action_properties, err);
}

/* The four members of a question, wherever each comes from. */
struct parts {
	const struct rv_json *subject, *action, *resource, *context;
};

static struct parts parts_of(const struct rv_json *v)
{
	return (struct parts){ member(v, "subject"), member(v, "action"), member(v, "resource"),
		member(v, "context") };
}

static enum rv_code read_context(
	const struct rv_json *v, struct rv_authzen_item *ret, struct rv_err *err)
{
	if (v && v->type != RV_JSON_OBJ)
		return wrong_type(v, "", "context", "an object", err);
	ret->context = v;
	return RV_OK;
}

static enum rv_code read_parts(
	const struct parts *p, struct rv_authzen_item *ret, struct rv_err *err)
{
	memset(ret, 0, sizeof *ret);
	RV_TRY(read_entity(p->subject, "subject", true, &ret->subject, err));
	RV_TRY(read_action(p->action, ret, err));
	RV_TRY(read_entity(p->resource, "resource", true, &ret->resource, err));
	return read_context(p->context, ret, err);
}

static enum rv_code need_body(const struct rv_json *body, struct rv_err *err)
{
	if (body->type != RV_JSON_OBJ)
		return RV_FAIL(err, RV_EINVAL, "body: must be an object, not %s",
			rv_json_type_name(body->type));
	return RV_OK;
}

enum rv_code rv_authzen_read_evaluation(struct rv_arena *a, const struct rv_json *body,
	struct rv_authzen_item *ret, struct rv_err *err)
{
	RV_TRY(need_body(body, err));
	const struct parts p = parts_of(body);
	return read_parts(&p, ret, err);
}

static enum rv_code read_semantic(
	const struct rv_json *body, enum rv_authzen_semantic *ret, struct rv_err *err)
{
	static const struct {
		const char *name;
		enum rv_authzen_semantic semantic;
	} names[] = {
		{ "execute_all", RV_AUTHZEN_EXECUTE_ALL },
		{ "deny_on_first_deny", RV_AUTHZEN_DENY_ON_FIRST_DENY },
		{ "permit_on_first_permit", RV_AUTHZEN_PERMIT_ON_FIRST_PERMIT },
	};
	const struct rv_json *options;
	*ret = RV_AUTHZEN_EXECUTE_ALL;
	RV_TRY(opt_object(body, "", "options", &options, err));
	const struct rv_json *v = member(options, "evaluations_semantic");
	if (!v)
		return RV_OK;
	if (v->type != RV_JSON_STR)
		return wrong_type(v, "options", "evaluations_semantic", "a string", err);
	for (size_t i = 0; i < RV_COUNT(names); i++) {
		if (!rv_str_eqz(v->str, names[i].name))
			continue;
		*ret = names[i].semantic;
		return RV_OK;
	}
	return RV_FAIL(err, RV_EINVAL,
		"options.evaluations_semantic: '%.*s' is none of execute_all, deny_on_first_deny, "
		"permit_on_first_permit",
		RV_FMT(v->str));
}

/* Defaults that are there must be well-formed, whether or not an item uses them. */
static enum rv_code check_defaults(const struct parts *p, struct rv_err *err)
{
	struct rv_authzen_item ignored;
	if (p->subject)
		RV_TRY(read_entity(p->subject, "subject", true, &ignored.subject, err));
	if (p->action)
		RV_TRY(read_action(p->action, &ignored, err));
	if (p->resource)
		RV_TRY(read_entity(p->resource, "resource", true, &ignored.resource, err));
	return read_context(p->context, &ignored, err);
}

/* What is wrong with one item is that item's error alone. */
static enum rv_code read_item(struct rv_arena *a, const struct rv_json *v,
	const struct parts *defaults, struct rv_authzen_item *ret, struct rv_err *err)
{
	struct parts p = parts_of(v);
	p.subject = p.subject ? p.subject : defaults->subject;
	p.action = p.action ? p.action : defaults->action;
	p.resource = p.resource ? p.resource : defaults->resource;
	p.context = p.context ? p.context : defaults->context;
	struct rv_err own = { .code = RV_OK };
	enum rv_code code = read_parts(&p, ret, &own);
	ret->code = code;
	if (code == RV_OK)
		return RV_OK;
	struct rv_str kept = rv_arena_str(a, rv_str_of(own.msg));
	if (!kept.p)
		return RV_FAIL_ARENA(err);
	ret->message = kept.p;
	return RV_OK;
}

enum rv_code rv_authzen_read_evaluations(struct rv_arena *a, const struct rv_json *body,
	struct rv_authzen_batch *ret, struct rv_err *err)
{
	RV_TRY(need_body(body, err));
	const struct rv_json *list = member(body, "evaluations");
	const struct parts defaults = parts_of(body);
	if (list && list->type != RV_JSON_ARR)
		return wrong_type(list, "", "evaluations", "an array", err);
	ret->is_single = !list || list->n_items == 0;
	ret->n = ret->is_single ? 1 : list->n_items;
	if (ret->n > RV_AUTHZEN_ITEMS_MAX)
		return RV_FAIL(
			err, RV_ELIMIT, "evaluations: more than %d items", RV_AUTHZEN_ITEMS_MAX);
	RV_TRY(read_semantic(body, &ret->semantic, err));
	ret->items = rv_arena_array(a, ret->n, sizeof *ret->items);
	if (!ret->items)
		return RV_FAIL_ARENA(err);
	if (ret->is_single)
		return read_parts(&defaults, &ret->items[0], err);
	RV_TRY(check_defaults(&defaults, err));
	for (size_t i = 0; i < ret->n; i++) {
		if (list->items[i]->type != RV_JSON_OBJ)
			return RV_FAIL(err, RV_EINVAL,
				"evaluations[%zu]: must be an object, not %s", i,
				rv_json_type_name(list->items[i]->type));
		RV_TRY(read_item(a, list->items[i], &defaults, &ret->items[i], err));
	}
	return RV_OK;
}

static enum rv_code read_page(
	const struct rv_json *body, struct rv_authzen_search *ret, struct rv_err *err)
{
	const struct rv_json *page;
	ret->limit = RV_AUTHZEN_PAGE_MAX;
	RV_TRY(opt_object(body, "", "page", &page, err));
	const struct rv_json *limit = member(page, "limit"), *token = member(page, "token");
	if (limit && (limit->type != RV_JSON_INT || limit->integer < 1))
		return RV_FAIL(err, RV_EINVAL, "page.limit: must be a whole number of at least 1");
	if (limit && limit->integer < RV_AUTHZEN_PAGE_MAX)
		ret->limit = (size_t)limit->integer;
	if (token && token->type != RV_JSON_STR)
		return wrong_type(token, "page", "token", "a string", err);
	if (token)
		ret->token = token->str;
	return RV_OK;
}

enum rv_code rv_authzen_read_search(struct rv_arena *a, const struct rv_json *body,
	enum rv_authzen_search_kind kind, struct rv_authzen_search *ret, struct rv_err *err)
{
	memset(ret, 0, sizeof *ret);
	ret->kind = kind;
	RV_TRY(need_body(body, err));
	const struct parts p = parts_of(body);
	RV_TRY(read_entity(
		p.subject, "subject", kind != RV_AUTHZEN_SUBJECTS, &ret->item.subject, err));
	if (kind != RV_AUTHZEN_ACTIONS)
		RV_TRY(read_action(p.action, &ret->item, err));
	RV_TRY(read_entity(
		p.resource, "resource", kind != RV_AUTHZEN_RESOURCES, &ret->item.resource, err));
	RV_TRY(read_context(p.context, &ret->item, err));
	return read_page(body, ret, err);
}
