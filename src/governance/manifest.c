/* Manifests: what stands in files, checked file by file before anything is looked up or changed.
 *
 * A document is {kind, name, spec}; YAML files may hold several, JSON files one or a list; a
 * *.cedar file is a Policy whose name is the file's. docs/manifests.md describes the specs. */
#include <stdio.h>

#include "base/yaml.h"
#include "governance/spec_int.h"

enum { MANIFESTS_MAX = 20000, ANCESTORS_MAX = 64 };

enum rv_kind rv_kind_parse(struct rv_str name)
{
	for (int k = RV_KIND_NONE + 1; k < RV_KIND_COUNT; k++)
		if (rv_str_eqz(name, rv_kind_name((enum rv_kind)k)))
			return (enum rv_kind)k;
	return RV_KIND_NONE;
}

/* "Type/id": a Cedar type in front, any text without control characters behind. */
static bool is_resource_name(struct rv_str s)
{
	size_t slash = rv_str_find(s, '/', 0);
	if (slash == SIZE_MAX || slash == 0 || slash + 1 == s.n || s.n > 512)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
			return false;
	for (size_t i = 0; i < slash; i++) {
		char c = s.p[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
		if (!letter && !((c >= '0' && c <= '9') && i > 0) && c != ':')
			return false;
	}
	return true;
}

struct reader {
	struct rv_arena *a;
	struct rv_manifest *items;
	size_t n, cap;
};

static enum rv_code add(struct reader *r, const struct rv_manifest *m, struct rv_err *err)
{
	if (r->n == MANIFESTS_MAX)
		return RV_FAIL(err, RV_ELIMIT, "more than %d manifests", MANIFESTS_MAX);
	if (r->n == r->cap) {
		size_t cap = r->cap ? r->cap * 2 : 64;
		struct rv_manifest *items = rv_arena_array(r->a, cap, sizeof *items);
		if (!items)
			return RV_FAIL_ARENA(err);
		if (r->n > 0)
			memcpy(items, r->items, r->n * sizeof *items);
		r->items = items;
		r->cap = cap;
	}
	r->items[r->n++] = *m;
	return RV_OK;
}

static enum rv_code read_doc(
	struct reader *r, const char *path, const struct rv_json *v, struct rv_err *err)
{
	struct rv_json_obj o;
	struct rv_str kind;
	struct rv_manifest m = { .path = path, .line = v->line };
	RV_TRY(rv_json_obj_open(&o, v, "manifest", err));
	RV_TRY(rv_json_need_str(&o, "kind", &kind, err));
	RV_TRY(rv_json_need_str(&o, "name", &m.name, err));
	RV_TRY(rv_json_need(&o, "spec", RV_JSON_OBJ, &m.spec, err));
	RV_TRY(rv_json_obj_close(&o, err));
	const struct rv_json *at = rv_json_get(v, "kind");
	m.kind = rv_kind_parse(kind);
	if (m.kind == RV_KIND_NONE)
		return RV_FAIL_AT(err, RV_EINVAL, path, at->line, at->col,
			"kind '%.*s' is none of Team, Person, Group, Role, Point, Resource, "
			"System, "
			"Limit, Policy",
			RV_FMT(rv_str_sub(kind, 0, 80)));
	at = rv_json_get(v, "name");
	bool ok = m.kind == RV_KIND_RESOURCE ? is_resource_name(m.name)
					     : rv_str_is_slug(m.name, RV_NAME_MAX);
	if (!ok)
		return RV_FAIL_AT(err, RV_EINVAL, path, at->line, at->col, "name '%.*s': %s",
			RV_FMT(rv_str_sub(m.name, 0, 80)),
			m.kind == RV_KIND_RESOURCE
				? "a resource is named Type/id"
				: "a-z, 0-9 and '-', at most 64, no '-' at either end");
	RV_TRY(rv_spec_check(r->a, m.kind, m.spec, err));
	return add(r, &m, err);
}

/* A Cedar file in the shape of the other manifests. */
static enum rv_code read_cedar(struct reader *r, const struct rv_source *s, struct rv_err *err)
{
	struct rv_str path = rv_str_of(s->path), name;
	size_t from = 0;
	for (size_t i = 0; i < path.n; i++)
		if (path.p[i] == '/')
			from = i + 1;
	name = rv_str_sub(path, from, path.n - strlen(".cedar"));
	if (!rv_str_is_slug(name, RV_NAME_MAX))
		return RV_FAIL_AT(err, RV_EINVAL, s->path, 0, 0,
			"the file's name must be the policy's: a-z, 0-9 and '-'");
	if (!rv_str_is_utf8(s->text))
		return RV_FAIL_AT(err, RV_EINVAL, s->path, 0, 0, "not UTF-8");
	struct rv_json *text = rv_arena_alloc(r->a, sizeof *text);
	struct rv_json *spec = rv_arena_alloc(r->a, sizeof *spec);
	struct rv_json_member *m = rv_arena_alloc(r->a, sizeof *m);
	if (!text || !spec || !m)
		return RV_FAIL_ARENA(err);
	*text = (struct rv_json){ .type = RV_JSON_STR, .line = 1, .col = 1 };
	text->str = s->text.p ? s->text : RV_STR("");
	*m = (struct rv_json_member){ .name = RV_STR("cedar"), .value = text, .line = 1, .col = 1 };
	*spec = (struct rv_json){ .type = RV_JSON_OBJ, .line = 1, .col = 1 };
	spec->members = m;
	spec->n_members = 1;
	const struct rv_manifest out = {
		.kind = RV_KIND_POLICY, .name = name, .spec = spec, .path = s->path, .line = 1
	};
	return add(r, &out, err);
}

struct csv {
	struct reader *r;
	const char *path;
};

static enum rv_code on_csv_row(void *arg, struct rv_str doc, uint32_t line, struct rv_err *err)
{
	const struct csv *c = arg;
	const struct rv_json *v;
	RV_TRY(rv_json_parse(c->r->a, doc, NULL, &v, err));
	RV_TRY(read_doc(c->r, c->path, v, err));
	c->r->items[c->r->n - 1].line = line;
	return RV_OK;
}

static enum rv_code read_source(struct reader *r, const struct rv_source *s, struct rv_err *err)
{
	const struct rv_json *v;
	const struct rv_json_limits limits = { .max_bytes = 4 << 20, .max_depth = 32 };
	struct rv_str path = rv_str_of(s->path);
	struct csv csv = { r, s->path };
	if (rv_str_ends(path, RV_STR(".cedar")))
		return read_cedar(r, s, err);
	if (rv_str_ends(path, RV_STR(".csv")))
		return rv_csv_read(r->a, s->text, on_csv_row, &csv, err);
	if (!rv_str_ends(path, RV_STR(".json"))) {
		RV_TRY(rv_yaml_parse(r->a, s->text, &limits, &v, err));
	} else {
		RV_TRY(rv_json_parse(r->a, s->text, &limits, &v, err));
		if (v->type != RV_JSON_ARR)
			return read_doc(r, s->path, v, err);
	}
	for (size_t i = 0; i < v->n_items; i++)
		if (v->items[i]->type != RV_JSON_NULL) /* an empty YAML document */
			RV_TRY(read_doc(r, s->path, v->items[i], err));
	return RV_OK;
}

static int by_kind(const void *a, const void *b)
{
	const struct rv_manifest *x = a, *y = b;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return rv_str_cmp(x->name, y->name);
}

static struct rv_str parent_of(const struct rv_manifest *m)
{
	const struct rv_json *p = m->kind == RV_KIND_SYSTEM ? rv_json_get(m->spec, "parent") : NULL;
	return p ? p->str : (struct rv_str){ 0 };
}

static const struct rv_manifest *find(const struct reader *r, enum rv_kind kind, struct rv_str name)
{
	const struct rv_manifest want = { .kind = kind, .name = name };
	return r->n ? bsearch(&want, r->items, r->n, sizeof want, by_kind) : NULL;
}

/* How many ancestors stand in the same set; the cap is far above what registering allows. */
static enum rv_code depth_of(
	const struct reader *r, const struct rv_manifest *m, uint32_t *ret, struct rv_err *err)
{
	const struct rv_manifest *at = m;
	*ret = 0;
	for (struct rv_str p = parent_of(at); p.n > 0; p = parent_of(at)) {
		at = find(r, RV_KIND_SYSTEM, p);
		if (!at)
			return RV_OK;
		if (at == m || ++*ret > ANCESTORS_MAX)
			return RV_FAIL_AT(err, RV_EINVAL, m->path, m->line, 0,
				"system '%.*s': its parents form a cycle", RV_FMT(m->name));
	}
	return RV_OK;
}

static int by_depth(const void *a, const void *b)
{
	const struct rv_manifest *x = a, *y = b;
	if (x->kind == y->kind && x->depth != y->depth)
		return x->depth < y->depth ? -1 : 1;
	return by_kind(a, b);
}

/* Parents before their children. */
static enum rv_code order_parents(struct reader *r, struct rv_err *err)
{
	for (size_t i = 0; i < r->n; i++)
		RV_TRY(depth_of(r, &r->items[i], &r->items[i].depth, err));
	if (r->n > 1)
		qsort(r->items, r->n, sizeof *r->items, by_depth);
	return RV_OK;
}

enum rv_code rv_manifest_read(struct rv_arena *a, const struct rv_source *sources, size_t n_sources,
	struct rv_manifest_set *ret, struct rv_err *err)
{
	struct reader r = { .a = a };
	for (size_t i = 0; i < n_sources; i++) {
		enum rv_code code = read_source(&r, &sources[i], err);
		if (code != RV_OK) {
			if (err)
				rv_err_where(err, sources[i].path);
			return code;
		}
	}
	if (r.n > 1)
		qsort(r.items, r.n, sizeof *r.items, by_kind);
	for (size_t i = 1; i < r.n; i++)
		if (by_kind(&r.items[i - 1], &r.items[i]) == 0)
			return RV_FAIL_AT(err, RV_EINVAL, r.items[i].path, r.items[i].line, 0,
				"%s '%.*s' stands twice (also in '%s' line %u)",
				rv_kind_name(r.items[i].kind), RV_FMT(r.items[i].name),
				r.items[i - 1].path, r.items[i - 1].line);
	RV_TRY(order_parents(&r, err));
	*ret = (struct rv_manifest_set){ r.items, r.n };
	return RV_OK;
}
