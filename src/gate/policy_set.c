/* Policy files compiled together: those of a version that was kept, or those somebody thinks of. */
#include "gate/judge.h"

enum { SET_MAX = 64 << 20 };
static const struct rv_json_limits SET_LIMITS = { .max_bytes = SET_MAX };

static struct rv_str text_of(const struct rv_json *v, const char *name)
{
	const struct rv_json *m = rv_json_get(v, name);
	return rv_json_is(m, RV_JSON_STR) ? m->str : RV_STR("");
}

enum rv_code rv_gate_set_read(struct rv_arena *a, struct rv_str text, struct rv_set_file **ret,
	size_t *ret_n, struct rv_err *err)
{
	const struct rv_json *v;
	RV_TRY(rv_json_parse(a, text, &SET_LIMITS, &v, err));
	if (v->type != RV_JSON_ARR)
		return RV_FAIL(err, RV_ECORRUPT, "the kept set is not a list");
	struct rv_set_file *files = rv_arena_array(a, v->n_items + 1, sizeof *files);
	if (!files)
		return RV_FAIL_ARENA(err);
	for (size_t i = 0; i < v->n_items; i++) {
		const struct rv_json *version = rv_json_get(v->items[i], "version");
		files[i] = (struct rv_set_file){ .name = text_of(v->items[i], "name"),
			.text = text_of(v->items[i], "text"),
			.version = rv_json_is(version, RV_JSON_INT) ? version->integer : 0 };
	}
	*ret = files;
	*ret_n = v->n_items;
	return RV_OK;
}

static enum rv_code load_notes(struct rv_arena *a, struct rv_gate_set *s, struct rv_err *err)
{
	size_t n = 0, cap = 0;
	for (size_t i = 0; i < s->n_files; i++) {
		struct rv_set_file *f = &s->files[i];
		struct rv_policy_note *notes;
		enum rv_code code =
			rv_policy_check(a, f->name, f->text, NULL, NULL, &notes, &f->n, err);
		if (code != RV_OK) {
			const char *name = rv_arena_printf(a, "%.*s", RV_FMT(f->name));
			if (err && !err->where[0])
				rv_err_where(err, name ? name : "");
			return code;
		}
		f->first = n;
		if (n + f->n > cap) {
			cap = (n + f->n) * 2 + 16;
			struct rv_policy_note *more = rv_arena_array(a, cap, sizeof *more);
			if (!more)
				return RV_FAIL_ARENA(err);
			if (n > 0)
				memcpy(more, s->notes, n * sizeof *more);
			s->notes = more;
		}
		if (f->n > 0)
			memcpy(s->notes + n, notes, f->n * sizeof *notes);
		n += f->n;
		s->reads_time |= memmem(f->text.p, f->text.n, "time", 4) != NULL;
	}
	return RV_OK;
}

static enum rv_code compile(struct rv_arena *a, struct rv_gate_set *s, struct rv_err *err)
{
	cedar_error ce = { .code = CEDAR_OK };
	size_t bad = 0;
	cedar_source *src = rv_arena_array(a, s->n_files + 1, sizeof *src);
	if (!src)
		return RV_FAIL_ARENA(err);
	for (size_t i = 0; i < s->n_files; i++) {
		src[i] = (cedar_source){ .text = rv_cs(s->files[i].text),
			.id_prefix = rv_arena_printf(a, "%.*s#", RV_FMT(s->files[i].name)),
			.use_id_annotation = true };
		if (!src[i].id_prefix)
			return RV_FAIL_ARENA(err);
	}
	if (cedar_policies_new(src, s->n_files, NULL, &s->policies, &bad, &ce) == CEDAR_OK)
		return RV_OK;
	const char *name =
		bad < s->n_files ? rv_arena_printf(a, "%.*s", RV_FMT(s->files[bad].name)) : NULL;
	return RV_FAIL_AT(err, RV_EINVAL, name, ce.line, ce.column, "%s", ce.message);
}

enum rv_code rv_gate_set_new(struct rv_arena *a, struct rv_set_file *files, size_t n_files,
	struct rv_gate_set *ret, struct rv_err *err)
{
	*ret = (struct rv_gate_set){ .files = files, .n_files = n_files };
	RV_TRY(load_notes(a, ret, err));
	return compile(a, ret, err);
}

void rv_gate_set_done(struct rv_gate_set *s)
{
	cedar_policies_free(s->policies);
	s->policies = NULL;
}
