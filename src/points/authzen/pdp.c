#include "points/authzen/pdp_int.h"

#include "base/file.h"

enum { FILE_MAX = 256 << 20, MEMORY_MAX = 1 << 30 };

static enum rv_code cedar_failed(
	const cedar_error *e, const char *path, cedar_str text, struct rv_err *err)
{
	char buf[600];
	return RV_FAIL(err, e->code == CEDAR_ELIMIT ? RV_ELIMIT : RV_EINVAL, "%s",
		cedar_error_render(e, path, text, buf, sizeof buf));
}

static enum rv_code load_policies(
	struct rv_pdp *p, const struct rv_pdp_opts *o, struct rv_arena *a, struct rv_err *err)
{
	cedar_error e = { .code = CEDAR_OK };
	size_t failed = 0;
	cedar_source *sources = rv_arena_array(a, o->n_policy_files, sizeof *sources);
	if (!sources)
		return RV_FAIL_ARENA(err);
	for (size_t i = 0; i < o->n_policy_files; i++) {
		struct rv_str text;
		RV_TRY(rv_file_read(a, o->policy_files[i], FILE_MAX, &text, err));
		sources[i].text = rv_pdp_cs(text);
		sources[i].id_prefix = "policy";
		if (o->n_policy_files > 1)
			sources[i].id_prefix = rv_arena_printf(a, "%s#", o->policy_files[i]);
	}
	if (cedar_policies_new(sources, o->n_policy_files, NULL, &p->policies, &failed, &e) ==
		CEDAR_OK)
		return RV_OK;
	return cedar_failed(&e, o->policy_files[failed], sources[failed].text, err);
}

static enum rv_code load_entities(
	struct rv_pdp *p, const char *path, struct rv_arena *a, struct rv_err *err)
{
	cedar_error e = { .code = CEDAR_OK };
	struct rv_str text = RV_STR("[]");
	if (path)
		RV_TRY(rv_file_read(a, path, FILE_MAX, &text, err));
	if (cedar_entities_parse_json(rv_pdp_cs(text), &p->entities, &e) == CEDAR_OK)
		return RV_OK;
	return cedar_failed(&e, path ? path : "entities", rv_pdp_cs(text), err);
}

static enum rv_code pdp_init(struct rv_pdp *p, const struct rv_pdp_opts *o, struct rv_err *err)
{
	RV_AUTO_ARENA a;
	rv_arena_init(&a, MEMORY_MAX);
	p->no_overlay = o->no_overlay;
	p->explain = o->explain;
	p->action_type = strdup(o->action_type ? o->action_type : "Action");
	unsigned n = o->n_threads ? o->n_threads : 1;
	p->scratches = calloc(n, sizeof(cedar_scratch *));
	if (!p->action_type || !p->scratches)
		return RV_FAIL(err, RV_ENOMEM, "no memory for a decision point");
	if (!rv_pdp_type_ok(rv_str_of(p->action_type)))
		return RV_FAIL(err, RV_EINVAL, "action type '%s': no Cedar type", p->action_type);
	for (; p->n_threads < n; p->n_threads++) {
		p->scratches[p->n_threads] = cedar_scratch_new();
		if (!p->scratches[p->n_threads])
			return RV_FAIL(err, RV_ENOMEM, "no memory for a decision point");
	}
	RV_TRY(load_policies(p, o, &a, err));
	return load_entities(p, o->entity_file, &a, err);
}

enum rv_code rv_pdp_new(const struct rv_pdp_opts *o, struct rv_pdp **ret, struct rv_err *err)
{
	struct rv_pdp *p = calloc(1, sizeof *p);
	if (!p)
		return RV_FAIL(err, RV_ENOMEM, "no memory for a decision point");
	enum rv_code code = pdp_init(p, o, err);
	if (code != RV_OK) {
		rv_pdp_free(p);
		return code;
	}
	*ret = p;
	return RV_OK;
}

void rv_pdp_free(struct rv_pdp *p)
{
	if (!p)
		return;
	cedar_policies_free(p->policies);
	cedar_entities_free(p->entities);
	for (unsigned i = 0; i < p->n_threads; i++)
		cedar_scratch_free(p->scratches[i]);
	free(p->scratches);
	free(p->action_type);
	free(p);
}

size_t rv_pdp_policy_count(const struct rv_pdp *p)
{
	return cedar_policies_count(p->policies);
}

size_t rv_pdp_entity_count(const struct rv_pdp *p)
{
	return cedar_entities_count(p->entities);
}

cedar_scratch *rv_pdp_scratch(struct rv_pdp *p, const struct rv_http_req *r)
{
	unsigned i = rv_http_loop_index(rv_http_loop_of(r));
	rv_assert(i < p->n_threads);
	cedar_scratch_clear(p->scratches[i]);
	return p->scratches[i];
}

/* ---- deciding ---- */

/* The name people gave it with @id, else the engine's. */
static struct rv_str name_of(const struct rv_pdp *p, uint32_t index)
{
	const cedar_policy_info *info = cedar_policy_at(p->policies, index);
	cedar_str id = cedar_annotation_get(info, "id");
	if (!id.p || id.n == 0)
		id = info->id;
	return rv_str_n(id.p, id.n);
}

static void put_explanation(const struct rv_pdp *p, const cedar_answer *answer, struct rv_buf *out)
{
	struct rv_json_w w;
	bool is_allowed = answer->decision == CEDAR_ALLOW;
	const uint32_t *list = is_allowed ? answer->permits : answer->forbids;
	size_t n = is_allowed ? answer->n_permits : answer->n_forbids;
	rv_json_w_init(&w, out);
	rv_json_w_obj(&w);
	rv_json_w_name(&w, "policies");
	rv_json_w_arr(&w);
	for (size_t i = 0; i < n; i++)
		rv_json_w_str(&w, name_of(p, list[i]));
	rv_json_w_arr_end(&w);
	if (answer->n_errors > 0) {
		rv_json_w_name(&w, "errors");
		rv_json_w_arr(&w);
		for (size_t i = 0; i < answer->n_errors; i++) {
			rv_json_w_obj(&w);
			rv_json_w_kv_str(&w, "policy", name_of(p, answer->errors[i].policy));
			rv_json_w_kv_str(&w, "message",
				rv_str_n(answer->errors[i].message.p, answer->errors[i].message.n));
			rv_json_w_obj_end(&w);
		}
		rv_json_w_arr_end(&w);
	}
	rv_json_w_obj_end(&w);
}

static void decide(void *self, struct rv_authzen_ask *ask)
{
	struct rv_pdp *p = self;
	struct rv_http_req *r = rv_authzen_ask_req(ask);
	cedar_scratch *s = rv_pdp_scratch(p, r);
	cedar_entity overlay[2];
	cedar_request rq;
	cedar_answer answer;
	struct rv_err err;
	err.code = RV_OK;
	if (rv_pdp_map(p, s, rv_http_arena(r), rv_authzen_ask_item(ask), overlay, &rq, &err) !=
		RV_OK) {
		rv_authzen_fail_item(ask, &err);
		return;
	}
	cedar_authorize(p->policies, p->entities, &rq, s, &answer);
	if (!p->explain) {
		rv_authzen_done(ask, answer.decision == CEDAR_ALLOW, (struct rv_str){ NULL, 0 });
		return;
	}
	RV_AUTO_BUF context;
	rv_buf_init(&context, 1 << 20);
	put_explanation(p, &answer, &context);
	rv_authzen_done(ask, answer.decision == CEDAR_ALLOW,
		context.failed ? (struct rv_str){ NULL, 0 } : rv_buf_str(&context));
}

const struct rv_authzen_ops rv_pdp_ops = {
	.name = "cedar", .decide = decide, .search = rv_pdp_search
};
