/* Specs of the small kinds, and the readers all kinds share. Unknown fields, wrong types and
 * unknown words are refused with their place. */
#include "governance/spec_int.h"

enum { LIST_MAX = 10000, TEXT_MAX = 4096, SHORT_MAX = 200 };

enum rv_code rv_spec_text(struct rv_json_obj *o, const char *name, size_t max_bytes,
	struct rv_str *ret, struct rv_err *err)
{
	RV_TRY(rv_json_opt_str(o, name, ret, err));
	if (ret->n <= max_bytes)
		return RV_OK;
	const struct rv_json *v = rv_json_get(o->v, name);
	return RV_FAIL_AT(err, RV_ELIMIT, "", v->line, v->col, "%s.%s: at most %zu bytes", o->path,
		name, max_bytes);
}

enum rv_code rv_spec_slug(
	struct rv_json_obj *o, const char *name, struct rv_str *ret, struct rv_err *err)
{
	RV_TRY(rv_json_opt_str(o, name, ret, err));
	const struct rv_json *v = rv_json_get(o->v, name);
	if (!v || rv_str_is_slug(*ret, RV_NAME_MAX))
		return RV_OK;
	return RV_FAIL_AT(err, RV_EINVAL, "", v->line, v->col,
		"%s.%s: '%.*s' is no name (a-z, 0-9 and '-', at most %d)", o->path, name,
		RV_FMT(rv_str_sub(*ret, 0, 80)), RV_NAME_MAX);
}

enum rv_code rv_spec_word(struct rv_json_obj *o, const char *name, const char *const *words,
	struct rv_str *ret, struct rv_err *err)
{
	char list[200] = "";
	size_t n = 0;
	RV_TRY(rv_json_opt_str(o, name, ret, err));
	const struct rv_json *v = rv_json_get(o->v, name);
	if (!v)
		return RV_OK;
	for (size_t i = 0; words[i]; i++) {
		if (rv_str_eqz(*ret, words[i]))
			return RV_OK;
		size_t len = strlen(words[i]);
		if (n + len + 3 < sizeof list) {
			memcpy(list + n, i ? ", " : "", i ? 2 : 0);
			n += i ? 2 : 0;
			memcpy(list + n, words[i], len + 1);
			n += len;
		}
	}
	return RV_FAIL_AT(err, RV_EINVAL, "", v->line, v->col, "%s.%s: '%.*s' is none of %s",
		o->path, name, RV_FMT(rv_str_sub(*ret, 0, 80)), list);
}

enum rv_code rv_spec_strs(struct rv_arena *a, struct rv_json_obj *o, const char *name,
	struct rv_strs *ret, struct rv_err *err)
{
	const struct rv_json *v;
	RV_TRY(rv_json_opt(o, name, RV_JSON_ARR, &v, err));
	if (!v)
		return RV_OK;
	if (v->n_items > LIST_MAX)
		return RV_FAIL_AT(err, RV_ELIMIT, "", v->line, v->col, "%s.%s: at most %d items",
			o->path, name, LIST_MAX);
	struct rv_str *list = rv_arena_array(a, v->n_items + 1, sizeof *list);
	if (!list)
		return RV_FAIL_ARENA(err);
	for (size_t i = 0; i < v->n_items; i++) {
		const struct rv_json *it = v->items[i];
		if (it->type != RV_JSON_STR || it->str.n == 0 || it->str.n > SHORT_MAX)
			return RV_FAIL_AT(err, RV_EINVAL, "", it->line, it->col,
				"%s.%s: must hold texts of 1 to %d bytes", o->path, name,
				SHORT_MAX);
		list[i] = it->str;
	}
	*ret = (struct rv_strs){ list, v->n_items };
	return RV_OK;
}

enum rv_code rv_spec_slugs(struct rv_arena *a, struct rv_json_obj *o, const char *name,
	struct rv_strs *ret, struct rv_err *err)
{
	RV_TRY(rv_spec_strs(a, o, name, ret, err));
	const struct rv_json *v = rv_json_get(o->v, name);
	for (size_t i = 0; i < ret->n; i++)
		if (!rv_str_is_slug(ret->v[i], RV_NAME_MAX))
			return RV_FAIL_AT(err, RV_EINVAL, "", v->items[i]->line, v->items[i]->col,
				"%s.%s: '%.*s' is no name", o->path, name, RV_FMT(ret->v[i]));
	return RV_OK;
}

/* An object whose values are texts; NULL when absent. */
static enum rv_code texts(
	struct rv_json_obj *o, const char *name, const struct rv_json **ret, struct rv_err *err)
{
	RV_TRY(rv_json_opt(o, name, RV_JSON_OBJ, ret, err));
	if (!*ret)
		return RV_OK;
	RV_JSON_EACH (m, *ret)
		if (m->value->type != RV_JSON_STR || m->value->str.n > SHORT_MAX)
			return RV_FAIL_AT(err, RV_EINVAL, "", m->value->line, m->value->col,
				"%s.%s.%.*s: must be a text of at most %d bytes", o->path, name,
				RV_FMT(m->name), SHORT_MAX);
	return RV_OK;
}

enum rv_code rv_spec_person_read(
	struct rv_arena *a, const struct rv_json *v, struct rv_spec_person *ret, struct rv_err *err)
{
	struct rv_json_obj o;
	struct rv_strs rights = { 0 };
	*ret = (struct rv_spec_person){ 0 };
	RV_TRY(rv_json_obj_open(&o, v, "spec", err));
	RV_TRY(rv_spec_text(&o, "display", SHORT_MAX, &ret->display, err));
	RV_TRY(rv_spec_text(&o, "email", SHORT_MAX, &ret->email, err));
	RV_TRY(rv_spec_strs(a, &o, "rights", &rights, err));
	for (size_t i = 0; i < rights.n; i++) {
		int64_t bit = rv_right_parse(rights.v[i]);
		const struct rv_json *at = rv_json_get(v, "rights")->items[i];
		if (!bit)
			return RV_FAIL_AT(err, RV_EINVAL, "", at->line, at->col,
				"spec.rights: '%.*s' is none of admin, governor, owner, approver, "
				"auditor, responder, breakglass",
				RV_FMT(rights.v[i]));
		ret->rights |= bit;
	}
	return rv_json_obj_close(&o, err);
}

enum rv_code rv_spec_members_read(struct rv_arena *a, const struct rv_json *v,
	struct rv_spec_members *ret, struct rv_err *err)
{
	struct rv_json_obj o;
	*ret = (struct rv_spec_members){ 0 };
	RV_TRY(rv_json_obj_open(&o, v, "spec", err));
	RV_TRY(rv_spec_text(&o, "display", SHORT_MAX, &ret->display, err));
	RV_TRY(rv_spec_slugs(a, &o, "members", &ret->members, err));
	return rv_json_obj_close(&o, err);
}

enum rv_code rv_spec_role_read(
	struct rv_arena *a, const struct rv_json *v, struct rv_spec_role *ret, struct rv_err *err)
{
	struct rv_json_obj o;
	(void)a; /* the same shape as its neighbours */
	*ret = (struct rv_spec_role){ 0 };
	RV_TRY(rv_json_obj_open(&o, v, "spec", err));
	RV_TRY(rv_spec_text(&o, "display", SHORT_MAX, &ret->display, err));
	RV_TRY(rv_spec_text(&o, "description", TEXT_MAX, &ret->description, err));
	return rv_json_obj_close(&o, err);
}

enum rv_code rv_spec_point_read(
	struct rv_arena *a, const struct rv_json *v, struct rv_spec_point *ret, struct rv_err *err)
{
	static const char *const trusts[] = { "enforce", "observe", "claim", NULL };
	static const char *const tokens[] = { "required", "optional", NULL };
	struct rv_json_obj o;
	struct rv_str token = RV_STR("optional");
	*ret = (struct rv_spec_point){ 0 };
	RV_TRY(rv_json_obj_open(&o, v, "spec", err));
	RV_TRY(rv_spec_text(&o, "display", SHORT_MAX, &ret->display, err));
	RV_TRY(rv_spec_slug(&o, "kind", &ret->kind, err));
	RV_TRY(rv_spec_word(&o, "trust", trusts, &ret->trust, err));
	RV_TRY(rv_spec_slug(&o, "owner", &ret->owner, err));
	RV_TRY(rv_spec_strs(a, &o, "systems", &ret->systems, err));
	RV_TRY(rv_spec_strs(a, &o, "overlays", &ret->overlays, err));
	RV_TRY(rv_spec_word(&o, "subject_token", tokens, &token, err));
	RV_TRY(rv_json_obj_close(&o, err));
	if (ret->trust.n == 0 || ret->systems.n == 0)
		return RV_FAIL_AT(err, RV_EINVAL, "", v->line, v->col,
			"spec: a point needs 'trust' and 'systems' (names, or \"*\" for all)");
	for (size_t i = 0; i < ret->overlays.n; i++)
		if (rv_str_find(ret->overlays.v[i], '.', 1) == SIZE_MAX)
			return RV_FAIL_AT(err, RV_EINVAL, "", v->line, v->col,
				"spec.overlays: '%.*s' is not \"Type.attribute\"",
				RV_FMT(ret->overlays.v[i]));
	ret->subject_token = rv_str_eqz(token, "required");
	return RV_OK;
}

enum rv_code rv_spec_resource_read(struct rv_arena *a, const struct rv_json *v,
	struct rv_spec_resource *ret, struct rv_err *err)
{
	static const char *const classes[] = { "public", "internal", "confidential", "personal",
		"financial", "secret", NULL };
	static const char *const effects[] = { "read", "write", "destructive", "external", NULL };
	struct rv_json_obj o;
	*ret = (struct rv_spec_resource){ 0 };
	RV_TRY(rv_json_obj_open(&o, v, "spec", err));
	RV_TRY(rv_spec_text(&o, "display", SHORT_MAX, &ret->display, err));
	RV_TRY(rv_spec_text(&o, "kind", SHORT_MAX, &ret->kind, err));
	RV_TRY(rv_spec_text(&o, "environment", SHORT_MAX, &ret->environment, err));
	RV_TRY(rv_spec_word(&o, "data_class", classes, &ret->data_class, err));
	RV_TRY(rv_spec_slug(&o, "owner", &ret->owner, err));
	RV_TRY(rv_spec_strs(a, &o, "collections", &ret->collections, err));
	RV_TRY(texts(&o, "tags", &ret->tags, err));
	RV_TRY(texts(&o, "effects", &ret->effects, err));
	RV_TRY(rv_json_obj_close(&o, err));
	if (!ret->effects)
		return RV_OK;
	struct rv_json_obj e;
	RV_TRY(rv_json_obj_open(&e, ret->effects, "spec.effects", err));
	RV_JSON_EACH (m, ret->effects) {
		size_t i = 0;
		while (effects[i] && !rv_str_eqz(m->value->str, effects[i]))
			i++;
		if (!effects[i])
			return RV_FAIL_AT(err, RV_EINVAL, "", m->value->line, m->value->col,
				"spec.effects.%.*s: '%.*s' is none of read, write, destructive, "
				"external",
				RV_FMT(m->name), RV_FMT(m->value->str));
	}
	return RV_OK;
}

enum rv_code rv_spec_policy_read(
	struct rv_arena *a, const struct rv_json *v, struct rv_str *ret_cedar, struct rv_err *err)
{
	struct rv_json_obj o;
	struct rv_str display = { 0 };
	(void)a; /* the same shape as its neighbours */
	RV_TRY(rv_json_obj_open(&o, v, "spec", err));
	RV_TRY(rv_spec_text(&o, "display", SHORT_MAX, &display, err));
	RV_TRY(rv_json_need_str(&o, "cedar", ret_cedar, err));
	return rv_json_obj_close(&o, err);
}

enum rv_code rv_spec_check(
	struct rv_arena *a, enum rv_kind kind, const struct rv_json *v, struct rv_err *err)
{
	union {
		struct rv_spec_person person;
		struct rv_spec_members members;
		struct rv_spec_role role;
		struct rv_spec_point point;
		struct rv_spec_resource resource;
		struct rv_spec_limit limit;
		struct rv_spec_system system;
		struct rv_str cedar;
	} u;
	switch (kind) {
	case RV_KIND_PERSON:
		return rv_spec_person_read(a, v, &u.person, err);
	case RV_KIND_TEAM:
	case RV_KIND_GROUP:
		return rv_spec_members_read(a, v, &u.members, err);
	case RV_KIND_ROLE:
		return rv_spec_role_read(a, v, &u.role, err);
	case RV_KIND_POINT:
		return rv_spec_point_read(a, v, &u.point, err);
	case RV_KIND_RESOURCE:
		return rv_spec_resource_read(a, v, &u.resource, err);
	case RV_KIND_LIMIT:
		return rv_spec_limit_read(a, v, true, &u.limit, err);
	case RV_KIND_SYSTEM:
		return rv_spec_system_read(a, v, &u.system, err);
	case RV_KIND_POLICY:
		return rv_spec_policy_read(a, v, &u.cedar, err);
	case RV_KIND_NONE:
	case RV_KIND_COUNT:
		break;
	}
	return RV_FAIL(err, RV_EINTERNAL, "a spec of no kind");
}

/* ---- one form for one meaning ---- */

static int str_cmp(const void *a, const void *b)
{
	return rv_str_cmp(
		(*(const struct rv_json *const *)a)->str, (*(const struct rv_json *const *)b)->str);
}

static const struct rv_json *sorted(struct rv_arena *a, const struct rv_json *v)
{
	struct rv_json *out = rv_arena_alloc(a, sizeof *out);
	if (!out)
		return NULL;
	*out = *v;
	if (v->type == RV_JSON_ARR) {
		const struct rv_json **items = rv_arena_array(a, v->n_items + 1, sizeof *items);
		bool all_text = true;
		if (!items)
			return NULL;
		for (size_t i = 0; i < v->n_items; i++) {
			items[i] = sorted(a, v->items[i]);
			if (!items[i])
				return NULL;
			all_text = all_text && items[i]->type == RV_JSON_STR;
		}
		size_t n = v->n_items;
		if (all_text && n > 1) {
			qsort(items, n, sizeof *items, str_cmp);
			size_t k = 1;
			for (size_t i = 1; i < n; i++)
				if (!rv_str_eq(items[i]->str, items[k - 1]->str))
					items[k++] = items[i];
			n = k;
		}
		out->items = items;
		out->n_items = n;
	} else if (v->type == RV_JSON_OBJ) {
		struct rv_json_member *m = rv_arena_array(a, v->n_members + 1, sizeof *m);
		if (!m)
			return NULL;
		for (size_t i = 0; i < v->n_members; i++) {
			m[i] = v->members[i];
			m[i].value = sorted(a, v->members[i].value);
			if (!m[i].value)
				return NULL;
		}
		out->members = m;
	}
	return out;
}

enum rv_code rv_spec_canonical(
	struct rv_arena *a, const struct rv_json *v, struct rv_str *ret, struct rv_err *err)
{
	const struct rv_json *s = sorted(a, v);
	RV_AUTO_BUF b;
	rv_buf_init(&b, 1 << 22);
	if (!s)
		return RV_FAIL_ARENA(err);
	RV_TRY(rv_json_canonical(s, &b, err));
	*ret = rv_arena_str(a, rv_buf_str(&b));
	return ret->p ? RV_OK : RV_FAIL_ARENA(err);
}
