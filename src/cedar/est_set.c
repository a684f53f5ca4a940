/* Documents of JSON policies into a policy set, and back. A document is one policy, or
 *   {"staticPolicies": {ID: P}, "templates": {ID: P}, "templateLinks": [{templateId, newId,
 * values}]} where each part may be missing. As in the set that the reference's foreign interface
 * takes, a P may also be a string of policy text, and staticPolicies a text or an array.
 *
 * A policy read from JSON is written as text and parsed from it: what JSON can say, text can, the
 * places of its expressions count in info.text, and there is one way into the tree. */
#include "cedar/forms.h"
#include "cedar/link_json.h"
#include "cedar/schema.h"

struct loader {
	cedar_policies *ps;
	const cedar_source *src;
	size_t source;
	const cedar_policies_opts *opts;
	struct rv_arena tmp; /* the document and the trees read from it */
	struct rv_buf text;
	cedar_error *err;
};

enum want { WANT_STATIC, WANT_TEMPLATE, WANT_EITHER };

static cedar_code check_kind(struct loader *l, const struct json_path *at, const struct rv_json *v,
	const cedar_policy_info *info, enum want want)
{
	if (info->is_template && (want == WANT_STATIC || (l->opts && l->opts->no_templates)))
		return cedar_json_path_fail(
			l->err, at, v, "is a template where only static policies may stand");
	if (!info->is_template && want == WANT_TEMPLATE)
		return cedar_json_path_fail(l->err, at, v,
			"is a static policy where only templates may stand: it has no slot");
	return CEDAR_OK;
}

/* Text within JSON fails with its own message at the place of the string. */
static cedar_code move_error(
	struct loader *l, const struct json_path *at, const struct rv_json *v, cedar_error *e)
{
	(void)cedar_json_path_fail(l->err, at, v, "%s", e->message); /* its code is e's */
	if (l->err)
		l->err->code = e->code;
	return e->code;
}

static cedar_code add_policy(struct loader *l, const struct json_path *at, const struct rv_json *v,
	cedar_str id, enum want want)
{
	struct policy tree, *out;
	cedar_str text = cs(v->str);
	cedar_error e = { .code = CEDAR_OK };
	rv_buf_clear(&l->text);
	if (v->type != RV_JSON_STR) {
		CEDAR_TRY(cedar_est_read_policy(&l->tmp, at, v, &tree, l->err));
		if (cedar_put_policy(&l->text, &tree, &e) != CEDAR_OK)
			return move_error(l, at, v, &e);
		text = cs(rv_buf_str(&l->text));
	}
	if ((out = cedar_policies_room(l->ps, l->err)) == NULL)
		return CEDAR_ELIMIT;
	if (cedar_parse_policy(&l->ps->arena, text, out, &e) != CEDAR_OK ||
		(out->info.offset > 0 && /* comments lead: places must count in info.text */
			cedar_parse_policy(&l->ps->arena, out->info.text, out, &e) != CEDAR_OK))
		return move_error(l, at, v, &e);
	CEDAR_TRY(check_kind(l, at, v, &out->info, want));
	out->info.id = cs(rv_arena_str(&l->ps->arena, rs(id)));
	if (!out->info.id.p)
		return CEDAR_FAIL_MEMORY(l->err);
	out->info.source = l->source;
	out->info.offset = 0;
	out->info.line = v->line;
	out->info.column = v->col;
	out->is_restated = true;
	l->ps->n++;
	return CEDAR_OK;
}

static cedar_code add_map(
	struct loader *l, const struct json_path *at, const struct rv_json *v, enum want want)
{
	CEDAR_TRY(cedar_json_want(l->err, at, v, v, RV_JSON_OBJ));
	RV_JSON_EACH (m, v) {
		const struct json_path here = json_in_str(at, m->name);
		CEDAR_TRY(add_policy(l, &here, m->value, cs(m->name), want));
	}
	return CEDAR_OK;
}

static const char *numbered_id(struct loader *l, size_t i)
{
	return rv_arena_printf(
		&l->tmp, "%s%zu", l->src->id_prefix ? l->src->id_prefix : "policy", i);
}

static cedar_code add_statics(struct loader *l, const struct json_path *at, const struct rv_json *v)
{
	if (v->type == RV_JSON_STR) {
		cedar_error e = { .code = CEDAR_OK };
		const cedar_source src = { .text = cs(v->str), .id_prefix = l->src->id_prefix };
		const cedar_policies_opts opts = { .no_templates = true };
		if (cedar_parse_policies(l->ps, &src, l->source, &opts, &e) != CEDAR_OK)
			return move_error(l, at, v, &e);
		return CEDAR_OK;
	}
	if (v->type != RV_JSON_ARR)
		return add_map(l, at, v, WANT_STATIC);
	for (size_t i = 0; i < v->n_items; i++) {
		const struct json_path here = json_at(at, i);
		const char *id = numbered_id(l, i);
		if (!id)
			return CEDAR_FAIL_MEMORY(l->err);
		CEDAR_TRY(add_policy(l, &here, v->items[i], cedar_z(id), WANT_STATIC));
	}
	return CEDAR_OK;
}

static bool keep_uid(struct rv_arena *a, const cedar_uid **uid)
{
	cedar_uid *copy = *uid ? rv_arena_alloc(a, sizeof *copy) : NULL;
	if (!*uid)
		return true;
	cedar_str type = cs(rv_arena_str(a, rs((*uid)->type)));
	cedar_str id = cs(rv_arena_str(a, rs((*uid)->id)));
	if (!copy || !type.p || !id.p)
		return false;
	*copy = cedar_uid_of(type, id);
	*uid = copy;
	return true;
}

static cedar_code add_links(struct loader *l, const struct json_path *at, const struct rv_json *v)
{
	cedar_policies *ps = l->ps;
	CEDAR_TRY(cedar_json_want(l->err, at, v, v, RV_JSON_ARR));
	for (size_t i = 0; i < v->n_items; i++) {
		const struct json_path here = json_at(at, i);
		struct pending_link p = {
			.source = l->source, .line = v->items[i]->line, .column = v->items[i]->col
		};
		CEDAR_TRY(cedar_link_read_json(&l->tmp, &here, v->items[i], &p.link, l->err));
		p.link.id = cs(rv_arena_str(&ps->arena, rs(p.link.id)));
		p.link.template_id = cs(rv_arena_str(&ps->arena, rs(p.link.template_id)));
		if (!p.link.id.p || !p.link.template_id.p ||
			!keep_uid(&ps->arena, &p.link.principal) ||
			!keep_uid(&ps->arena, &p.link.resource) ||
			!ARENA_PUSH(&ps->arena, ps->pending, ps->n_pending, ps->cap_pending, p))
			return CEDAR_FAIL_MEMORY(l->err);
	}
	return CEDAR_OK;
}

static cedar_code add_set(struct loader *l, const struct rv_json *v)
{
	const struct json_path statics = json_in(NULL, "staticPolicies"),
			       templates = json_in(NULL, "templates"),
			       links = json_in(NULL, "templateLinks");
	CEDAR_TRY(cedar_json_only(l->err, NULL, v, "staticPolicies templates templateLinks"));
	if (rv_json_get(v, "staticPolicies"))
		CEDAR_TRY(add_statics(l, &statics, rv_json_get(v, "staticPolicies")));
	if (rv_json_get(v, "templates"))
		CEDAR_TRY(add_map(l, &templates, rv_json_get(v, "templates"), WANT_TEMPLATE));
	if (rv_json_get(v, "templateLinks"))
		CEDAR_TRY(add_links(l, &links, rv_json_get(v, "templateLinks")));
	return CEDAR_OK;
}

static bool has_any(const struct rv_json *v, const char *words)
{
	struct rv_str rest = rv_str_of(words), word;
	while (rest.p && rv_str_split(&rest, ' ', &word))
		if (rv_json_get_str(v, word))
			return true;
	return false;
}

static cedar_code add_document(struct loader *l)
{
	static const struct rv_json_limits limits = { .max_bytes = TEXT_MAX,
		.max_depth = EST_JSON_DEPTH_MAX };
	struct rv_err e = { .code = RV_OK };
	const struct rv_json *v;
	if (l->src->text.n > TEXT_MAX)
		return cedar_fail(
			l->err, CEDAR_ELIMIT, "the text is larger than %d bytes", TEXT_MAX);
	if (rv_json_parse(&l->tmp, rs(l->src->text), &limits, &v, &e) != RV_OK)
		return cedar_json_fail(l->err, &e);
	CEDAR_TRY(cedar_json_want(l->err, NULL, v, v, RV_JSON_OBJ));
	bool set = has_any(v, "staticPolicies templates templateLinks");
	bool one = has_any(v, "effect principal action resource conditions");
	if (set && one)
		return cedar_json_path_fail(
			l->err, NULL, v, "has members of both a policy and a policy set");
	if (!set && !one)
		return cedar_json_path_fail(l->err, NULL, v,
			"is neither a policy ('effect', 'principal' …) nor a policy set "
			"('staticPolicies', 'templates', 'templateLinks')");
	if (set)
		return add_set(l, v);
	const char *id = l->src->id_prefix ? numbered_id(l, 0) : "JSON policy";
	return id ? add_policy(l, NULL, v, cedar_z(id), WANT_EITHER) : CEDAR_FAIL_MEMORY(l->err);
}

cedar_code cedar_read_policies_json(cedar_policies *ps, const cedar_source *src, size_t source,
	const cedar_policies_opts *opts, cedar_error *err)
{
	struct loader l = { .ps = ps, .src = src, .source = source, .opts = opts, .err = err };
	rv_arena_init(&l.tmp, SIZE_MAX / 2);
	rv_buf_init(&l.text, OUT_MAX);
	cedar_code code = add_document(&l);
	rv_buf_done(&l.text);
	rv_arena_done(&l.tmp);
	return code;
}

/* ---- out ---- */

static void put_values(struct rv_buf *b, const cedar_policy_info *info)
{
	const cedar_uid *const uids[] = { info->slot_principal, info->slot_resource };
	static const char *const names[] = { "?principal", "?resource" };
	bool first = true;
	rv_buf_addc(b, '{');
	for (size_t i = 0; i < 2; i++) {
		if (!uids[i])
			continue;
		rv_buf_printf(b, "%s\"%s\":{\"__entity\":{\"type\":", first ? "" : ",", names[i]);
		cedar_put_json_string(b, uids[i]->type);
		rv_buf_addz(b, ",\"id\":");
		cedar_put_json_string(b, uids[i]->id);
		rv_buf_addz(b, "}}");
		first = false;
	}
	rv_buf_addc(b, '}');
}

static void put_part(struct rv_buf *b, const cedar_policies *ps, bool templates)
{
	bool first = true;
	rv_buf_addc(b, '{');
	for (size_t i = 0; i < ps->n; i++) {
		const struct policy *p = &ps->list[i];
		if (p->info.is_linked || p->info.is_template != templates)
			continue;
		rv_buf_addz(b, first ? "" : ",");
		cedar_put_json_string(b, p->info.id);
		rv_buf_addc(b, ':');
		cedar_est_put_policy(b, p);
		first = false;
	}
	rv_buf_addc(b, '}');
}

static void put_links(struct rv_buf *b, const cedar_policies *ps)
{
	bool first = true;
	rv_buf_addc(b, '[');
	for (size_t i = 0; i < ps->n; i++) {
		const cedar_policy_info *info = &ps->list[i].info;
		if (!info->is_linked)
			continue;
		rv_buf_addz(b, first ? "{\"templateId\":" : ",{\"templateId\":");
		cedar_put_json_string(b, ps->list[info->template_index].info.id);
		rv_buf_addz(b, ",\"newId\":");
		cedar_put_json_string(b, info->id);
		rv_buf_addz(b, ",\"values\":");
		put_values(b, info);
		rv_buf_addc(b, '}');
		first = false;
	}
	rv_buf_addc(b, ']');
}

cedar_code cedar_buf_give(struct rv_buf *b, char **ret, size_t *ret_n, cedar_error *err)
{
	rv_buf_addc(b, '\0');
	if (b->failed) {
		rv_buf_done(b);
		return CEDAR_FAIL_MEMORY(err);
	}
	*ret = b->p;
	if (ret_n)
		*ret_n = b->n - 1;
	return CEDAR_OK;
}

cedar_code cedar_policies_to_json(
	const cedar_policies *ps, char **ret, size_t *ret_n, cedar_error *err)
{
	struct rv_buf b;
	rv_buf_init(&b, OUT_MAX);
	rv_buf_addz(&b, "{\"templates\":");
	put_part(&b, ps, true);
	rv_buf_addz(&b, ",\"staticPolicies\":");
	put_part(&b, ps, false);
	rv_buf_addz(&b, ",\"templateLinks\":");
	put_links(&b, ps);
	rv_buf_addc(&b, '}');
	return cedar_buf_give(&b, ret, ret_n, err);
}

cedar_code cedar_policy_to_json(
	const cedar_policies *ps, size_t i, char **ret, size_t *ret_n, cedar_error *err)
{
	struct rv_buf b;
	rv_buf_init(&b, OUT_MAX);
	cedar_est_put_policy(&b, &ps->list[i]);
	return cedar_buf_give(&b, ret, ret_n, err);
}

cedar_code cedar_policy_to_text(
	const cedar_policies *ps, size_t i, char **ret, size_t *ret_n, cedar_error *err)
{
	struct rv_buf b;
	rv_buf_init(&b, OUT_MAX);
	cedar_code code = cedar_put_policy(&b, &ps->list[i], err);
	if (code == CEDAR_OK)
		return cedar_buf_give(&b, ret, ret_n, err);
	rv_buf_done(&b);
	return code;
}
