/* The policy set: ids and look-ups. */
#include <stdio.h>

#include "cedar/code.h"

static const uint32_t NONE = UINT32_MAX;

static uint32_t *id_slot(const cedar_policies *ps, cedar_str id)
{
	size_t i = rv_str_hash(rs(id), 0) & (ps->by_id_cap - 1);
	while (ps->by_id[i] != NONE && !str_eq(ps->list[ps->by_id[i]].info.id, id))
		i = (i + 1) & (ps->by_id_cap - 1);
	return &ps->by_id[i];
}

struct policy *cedar_policies_room(cedar_policies *ps, cedar_error *err)
{
	if (ps->n == ps->max) {
		(void)cedar_fail(err, CEDAR_ELIMIT, "more than %zu policies", ps->max);
		return NULL;
	}
	if (ps->n == ps->cap) {
		size_t cap = ps->cap ? ps->cap * 2 : 16;
		struct policy *list = realloc(ps->list, cap * sizeof *list);
		if (!list) {
			(void)CEDAR_FAIL_MEMORY(err); /* callers see NULL */
			return NULL;
		}
		ps->list = list;
		ps->cap = cap;
	}
	struct policy *out = &ps->list[ps->n];
	*out = (struct policy){ .n_conditions = 0 };
	return out;
}

/* Room for n ids. */
static cedar_code make_ids(cedar_policies *ps, size_t n, cedar_error *err)
{
	size_t cap = 16;
	while (cap < 2 * n)
		cap *= 2;
	ps->by_id = malloc(cap * sizeof *ps->by_id);
	if (!ps->by_id)
		return CEDAR_FAIL_MEMORY(err);
	ps->by_id_cap = cap;
	for (size_t i = 0; i < cap; i++)
		ps->by_id[i] = NONE;
	return CEDAR_OK;
}

static cedar_code enter_id(cedar_policies *ps, size_t at, cedar_error *err)
{
	const cedar_policy_info *info = &ps->list[at].info;
	uint32_t *slot = id_slot(ps, info->id);
	if (*slot == NONE) {
		*slot = (uint32_t)at;
		return CEDAR_OK;
	}
	if (err && !info->is_linked) {
		err->line = info->line;
		err->column = info->column;
		err->offset = info->offset;
	}
	return cedar_fail(err, CEDAR_EEXIST, "policy id '%.*s' is used twice", RV_FMT(info->id));
}

static cedar_code add_link(
	cedar_policies *ps, const cedar_link *link, size_t source, cedar_error *err)
{
	struct policy *out = cedar_policies_room(ps, err);
	if (!out)
		return CEDAR_ELIMIT;
	CEDAR_TRY(cedar_link_fill(ps, link, out, err));
	out->info.source = source;
	CEDAR_TRY(enter_id(ps, ps->n, err));
	ps->n++;
	return CEDAR_OK;
}

static bool copy_uid(struct rv_arena *a, const cedar_uid **uid)
{
	if (!*uid)
		return true;
	cedar_uid *copy = rv_arena_alloc(a, sizeof *copy);
	cedar_str type = cs(rv_arena_str(a, rs((*uid)->type)));
	cedar_str id = cs(rv_arena_str(a, rs((*uid)->id)));
	if (!copy || !type.p || !id.p)
		return false;
	*copy = cedar_uid_of(type, id);
	*uid = copy;
	return true;
}

/* Those of JSON sources first, then those of the options. */
static cedar_code add_links(cedar_policies *ps, const cedar_policies_opts *opts, size_t n_sources,
	size_t *ret_source, cedar_error *err)
{
	for (size_t i = 0; i < ps->n_pending; i++) {
		const struct pending_link *p = &ps->pending[i];
		*ret_source = p->source;
		cedar_code code = add_link(ps, &p->link, p->source, err);
		if (code != CEDAR_OK && err && err->line == 0) {
			err->line = p->line;
			err->column = p->column;
		}
		if (code != CEDAR_OK)
			return code;
	}
	*ret_source = n_sources;
	for (size_t i = 0; opts && i < opts->n_links; i++) {
		cedar_link link = opts->links[i];
		link.id = cs(rv_arena_str(&ps->arena, rs(link.id)));
		if (!link.id.p || !copy_uid(&ps->arena, &link.principal) ||
			!copy_uid(&ps->arena, &link.resource))
			return CEDAR_FAIL_MEMORY(err);
		CEDAR_TRY(add_link(ps, &link, n_sources, err));
	}
	return CEDAR_OK;
}

static cedar_code fill(cedar_policies *ps, const cedar_source *sources, size_t n,
	const cedar_policies_opts *opts, size_t *ret_source, cedar_error *err)
{
	for (size_t i = 0; i < n; i++) {
		*ret_source = i;
		CEDAR_TRY(sources[i].is_json
				? cedar_read_policies_json(ps, &sources[i], i, opts, err)
				: cedar_parse_policies(ps, &sources[i], i, opts, err));
	}
	CEDAR_TRY(make_ids(ps, ps->n + ps->n_pending + (opts ? opts->n_links : 0), err));
	for (size_t i = 0; i < ps->n; i++) {
		*ret_source = ps->list[i].info.source;
		CEDAR_TRY(enter_id(ps, i, err));
	}
	CEDAR_TRY(add_links(ps, opts, n, ret_source, err));
	ps->infos = malloc((ps->n + 1) * sizeof *ps->infos);
	if (!ps->infos)
		return CEDAR_FAIL_MEMORY(err);
	for (size_t i = 0; i < ps->n; i++)
		ps->infos[i] = &ps->list[i].info;
	return cedar_rules_build(ps, opts && opts->no_index, err);
}

cedar_code cedar_policies_new(const cedar_source *sources, size_t n,
	const cedar_policies_opts *opts, cedar_policies **ret, size_t *ret_source, cedar_error *err)
{
	size_t source = 0;
	cedar_policies *ps = calloc(1, sizeof *ps);
	if (!ps)
		return CEDAR_FAIL_MEMORY(err);
	rv_arena_init(&ps->arena, SIZE_MAX / 2);
	ps->max = opts && opts->max_policies ? opts->max_policies : 1000000;
	cedar_code code = fill(ps, sources, n, opts, &source, err);
	if (code != CEDAR_OK) {
		if (ret_source)
			*ret_source = source;
		cedar_policies_free(ps);
		return code;
	}
	*ret = ps;
	return CEDAR_OK;
}

cedar_code cedar_policies_parse(
	cedar_str text, const cedar_policies_opts *opts, cedar_policies **ret, cedar_error *err)
{
	const cedar_source src = { .text = text };
	return cedar_policies_new(&src, 1, opts, ret, NULL, err);
}

void cedar_policies_free(cedar_policies *ps)
{
	if (!ps)
		return;
	cedar_rules_free(ps->rules);
	rv_arena_done(&ps->arena);
	free(ps->list);
	free(ps->infos);
	free(ps->by_id);
	free(ps);
}

size_t cedar_policies_count(const cedar_policies *ps)
{
	return ps->n;
}

const cedar_policy_info *cedar_policy_at(const cedar_policies *ps, size_t i)
{
	return ps->infos[i];
}

bool cedar_policy_names_resource(const cedar_policies *ps, size_t i, const cedar_uid *uid)
{
	const struct scope *s = &ps->list[i].resource;
	return s->op == SCOPE_EQ && !s->is_slot && uid_eq(s->uid, uid);
}

size_t cedar_policy_find(const cedar_policies *ps, cedar_str id)
{
	uint32_t at = *id_slot(ps, id);
	return at == NONE ? SIZE_MAX : at;
}

struct policy *cedar_policies_get(const cedar_policies *ps, cedar_str id)
{
	uint32_t at = *id_slot(ps, id);
	return at == NONE ? NULL : &ps->list[at];
}

cedar_str cedar_annotation_get(const cedar_policy_info *p, const char *key)
{
	for (size_t i = 0; i < p->n_annotations; i++)
		if (rv_str_eqz(rs(p->annotations[i].key), key))
			return p->annotations[i].value;
	return (cedar_str){ NULL, 0 };
}
