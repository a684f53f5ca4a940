/* What the cedar commands share: files read, answers shown. */
#include <stdio.h>

#include "cli/cedar/cedar_cli.h"

enum rv_code rv_cedar_fail(
	const cedar_error *e, const char *name, cedar_str text, struct rv_err *err)
{
	char buf[600];
	return RV_FAIL(err, RV_EINVAL, "%s", cedar_error_render(e, name, text, buf, sizeof buf));
}

enum rv_code rv_cedar_load_policies(struct rv_arena *a, const char *path, bool ids_from_annotation,
	cedar_policies **ret, struct rv_err *err)
{
	struct rv_str text;
	cedar_error e = { .code = CEDAR_OK };
	RV_TRY(rv_file_read(a, path, RV_CEDAR_FILE_MAX, &text, err));
	const cedar_source src = { .text = rv_cedar_str(text),
		.use_id_annotation = ids_from_annotation };
	if (cedar_policies_new(&src, 1, NULL, ret, NULL, &e) != CEDAR_OK)
		return rv_cedar_fail(&e, path, rv_cedar_str(text), err);
	return RV_OK;
}

static enum rv_code load_links(struct rv_arena *a, const struct rv_cedar_policies *o,
	cedar_scratch *s, const cedar_link **ret, size_t *ret_n, struct rv_err *err)
{
	struct rv_str text;
	cedar_error e = { .code = CEDAR_OK };
	if (!o->links)
		return RV_OK;
	enum rv_code code = rv_file_read(a, o->links, RV_CEDAR_FILE_MAX, &text, err);
	if (code == RV_ENOENT && o->links_may_miss) {
		if (err)
			*err = (struct rv_err){ .code = RV_OK };
		return RV_OK;
	}
	RV_TRY(code);
	if (cedar_links_parse_json(s, rv_cedar_str(text), ret, ret_n, &e) != CEDAR_OK)
		return rv_cedar_fail(&e, o->links, (cedar_str){ NULL, 0 }, err);
	return RV_OK;
}

static enum rv_code load_set(struct rv_arena *a, const struct rv_cedar_policies *o,
	const cedar_link *extra, cedar_scratch *s, cedar_policies **ret, struct rv_err *err)
{
	const char *name = o->path ? o->path : "-";
	const cedar_link *links = NULL;
	struct rv_str text;
	size_t n = 0, failed;
	cedar_error e = { .code = CEDAR_OK };
	bool json = o->format ? strcmp(o->format, "json") == 0
			      : rv_str_ends(rv_str_of(name), RV_STR(".json"));
	if (o->format && !json && strcmp(o->format, "cedar") != 0)
		return RV_FAIL(err, RV_EINVAL, "--policy-format is 'cedar' or 'json', not '%s'",
			o->format);
	RV_TRY(load_links(a, o, s, &links, &n, err));
	RV_TRY(rv_file_read(a, name, RV_CEDAR_FILE_MAX, &text, err));
	cedar_link *all = rv_arena_array(a, n + 1, sizeof *all);
	if (!all)
		return RV_FAIL_ARENA(err);
	if (n > 0)
		memcpy(all, links, n * sizeof *all);
	if (extra)
		all[n++] = *extra;
	const cedar_source src = {
		.text = rv_cedar_str(text), .use_id_annotation = true, .is_json = json
	};
	const cedar_policies_opts opts = { .links = all, .n_links = n };
	if (cedar_policies_new(&src, 1, &opts, ret, &failed, &e) == CEDAR_OK)
		return RV_OK;
	if (failed == 1)
		return rv_cedar_fail(&e, extra ? NULL : o->links, (cedar_str){ NULL, 0 }, err);
	return rv_cedar_fail(&e, name, json ? (cedar_str){ NULL, 0 } : rv_cedar_str(text), err);
}

enum rv_code rv_cedar_load_policy_set(struct rv_arena *a, const struct rv_cedar_policies *o,
	const cedar_link *extra, cedar_policies **ret, struct rv_err *err)
{
	cedar_scratch *s = cedar_scratch_new();
	if (!s)
		return RV_FAIL_ARENA(err);
	enum rv_code code = load_set(a, o, extra, s, ret, err);
	cedar_scratch_free(s);
	return code;
}

enum rv_code rv_cedar_load_entities(struct rv_arena *a, const char *path,
	const cedar_schema *schema, cedar_entities **ret, struct rv_err *err)
{
	struct rv_str text;
	cedar_error e = { .code = CEDAR_OK };
	RV_TRY(rv_file_read(a, path, RV_CEDAR_FILE_MAX, &text, err));
	if (cedar_entities_parse_json_with(rv_cedar_str(text), schema, ret, &e) != CEDAR_OK)
		return rv_cedar_fail(&e, path, (cedar_str){ NULL, 0 }, err);
	return RV_OK;
}

/* JSON when told so, or when nothing is told and the name ends in .json. */
enum rv_code rv_cedar_load_schema(struct rv_arena *a, const char *path, const char *format,
	cedar_schema **ret, struct rv_err *err)
{
	struct rv_str text;
	cedar_error e = { .code = CEDAR_OK };
	bool json = format ? strcmp(format, "json") == 0
			   : rv_str_ends(rv_str_of(path), RV_STR(".json"));
	if (format && !json && strcmp(format, "cedar") != 0)
		return RV_FAIL(
			err, RV_EINVAL, "--schema-format is 'cedar' or 'json', not '%s'", format);
	RV_TRY(rv_file_read(a, path, RV_CEDAR_FILE_MAX, &text, err));
	cedar_code code = json ? cedar_schema_parse_json(rv_cedar_str(text), ret, &e)
			       : cedar_schema_parse(rv_cedar_str(text), ret, &e);
	if (code != CEDAR_OK)
		return rv_cedar_fail(
			&e, path, json ? (cedar_str){ NULL, 0 } : rv_cedar_str(text), err);
	return RV_OK;
}

struct rv_str rv_cedar_id_of(const cedar_policies *ps, uint32_t i)
{
	cedar_str id = cedar_policy_at(ps, i)->id;
	return rv_str_n(id.p, id.n);
}

static void put_ids(struct rv_json_w *w, const char *name, const cedar_policies *ps,
	const uint32_t *list, size_t n)
{
	rv_json_w_name(w, name);
	rv_json_w_arr(w);
	for (size_t i = 0; i < n; i++)
		rv_json_w_str(w, rv_cedar_id_of(ps, list[i]));
	rv_json_w_arr_end(w);
}

void rv_cedar_print_answer(const cedar_policies *ps, const cedar_answer *ans)
{
	RV_AUTO_BUF b;
	struct rv_json_w w;
	rv_buf_init(&b, RV_CEDAR_FILE_MAX);
	rv_json_w_init(&w, &b);
	rv_json_w_obj(&w);
	rv_json_w_kv_strz(&w, "decision", ans->decision == CEDAR_ALLOW ? "allow" : "deny");
	put_ids(&w, "permits", ps, ans->permits, ans->n_permits);
	put_ids(&w, "forbids", ps, ans->forbids, ans->n_forbids);
	rv_json_w_name(&w, "errors");
	rv_json_w_arr(&w);
	for (size_t i = 0; i < ans->n_errors; i++) {
		rv_json_w_obj(&w);
		rv_json_w_kv_str(&w, "policy", rv_cedar_id_of(ps, ans->errors[i].policy));
		rv_json_w_kv_str(&w, "message",
			rv_str_n(ans->errors[i].message.p, ans->errors[i].message.n));
		rv_json_w_obj_end(&w);
	}
	rv_json_w_arr_end(&w);
	rv_json_w_obj_end(&w);
	printf("%s\n", rv_buf_z(&b));
}
