/* Questions about policies: what would change, what would be said. */
#include "api/api_int.h"
#include "gate/charter.h"
#include "gate/replay.h"

enum { FILES_MAX = 100 };

struct candidate {
	struct rv_candidate_file *files;
	size_t n;
	bool is_alone;
};

static enum rv_code need_room(const struct candidate *to, size_t n_more, struct rv_err *err)
{
	return to->n + n_more <= FILES_MAX
		? RV_OK
		: RV_FAIL(err, RV_ELIMIT, "with, without: at most %d files", FILES_MAX);
}

/* with: [{name, text}], without: [name], alone: bool */
static enum rv_code read_candidate(
	struct rv_api_call *c, struct rv_json_obj *o, struct candidate *ret, struct rv_err *err)
{
	const struct rv_json *with, *without;
	*ret = (struct candidate){ .files = rv_arena_array(
					   c->arena, FILES_MAX, sizeof *ret->files) };
	if (!ret->files)
		return RV_FAIL_ARENA(err);
	RV_TRY(rv_json_opt(o, "with", RV_JSON_ARR, &with, err));
	RV_TRY(rv_json_opt(o, "without", RV_JSON_ARR, &without, err));
	RV_TRY(rv_json_opt_bool(o, "alone", &ret->is_alone, err));
	RV_TRY(need_room(ret, with ? with->n_items : 0, err));
	for (size_t i = 0; with && i < with->n_items; i++) {
		struct rv_json_obj f;
		struct rv_candidate_file *file = &ret->files[ret->n++];
		RV_TRY(rv_json_obj_open(&f, with->items[i], "with", err));
		RV_TRY(rv_json_need_str(&f, "name", &file->name, err));
		RV_TRY(rv_json_need_str(&f, "text", &file->text, err));
		RV_TRY(rv_json_obj_close(&f, err));
		if (!file->text.p)
			file->text = RV_STR("");
	}
	RV_TRY(need_room(ret, without ? without->n_items : 0, err));
	for (size_t i = 0; without && i < without->n_items; i++) {
		const struct rv_json *name = without->items[i];
		if (name->type != RV_JSON_STR)
			return RV_FAIL_AT(err, RV_EINVAL, "", name->line, name->col,
				"without: names of policy files");
		ret->files[ret->n++] = (struct rv_candidate_file){ .name = name->str };
	}
	return RV_OK;
}

/* A time, or a span before now; left alone when absent. */
static enum rv_code read_time(
	struct rv_json_obj *o, const char *name, int64_t now_ns, int64_t *ret, struct rv_err *err)
{
	struct rv_str s = { NULL, 0 };
	int64_t t;
	RV_TRY(rv_json_opt_str(o, name, &s, err));
	if (!s.p)
		return RV_OK;
	if (rv_duration_parse(s, &t))
		*ret = t < now_ns ? now_ns - t : 0;
	else if (!rv_time_parse(s, ret))
		return RV_FAIL(err, RV_EINVAL,
			"%s: '%.*s' is neither a time like 2026-11-23T07:00:00Z nor a span like "
			"30d",
			name, RV_FMT(rv_str_sub(s, 0, 80)));
	return RV_OK;
}

enum rv_code rv_api_replay(struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	struct rv_json_obj o;
	struct candidate with;
	struct rv_replay_ask ask = { .actor = { .type = RV_ACTOR_PERSON, .id = c->viewer.name },
		.since_ns = c->now_ns - 30 * 86400 * RV_NS_PER_S,
		.until_ns = c->now_ns + RV_NS_PER_S };
	RV_TRY(rv_api_body(c, &o, err));
	RV_TRY(read_candidate(c, &o, &with, err));
	RV_TRY(read_time(&o, "since", c->now_ns, &ask.since_ns, err));
	RV_TRY(read_time(&o, "until", c->now_ns, &ask.until_ns, err));
	RV_TRY(rv_json_opt_str(&o, "system", &ask.system, err));
	RV_TRY(rv_json_opt_i64(&o, "examples", 1, 10, &ask.examples, err));
	RV_TRY(rv_json_obj_close(&o, err));
	ask.files = with.files;
	ask.n_files = with.n;
	ask.is_alone = with.is_alone;
	return rv_gate_replay(c->gate, c->arena, &ask, w, err);
}

/* {type, id}, as AuthZEN has it */
static enum rv_code read_ref(struct rv_json_obj *o, const char *name, struct rv_str *type,
	struct rv_str *id, const struct rv_json **props, struct rv_err *err)
{
	const struct rv_json *v;
	struct rv_json_obj r;
	RV_TRY(rv_json_need(o, name, RV_JSON_OBJ, &v, err));
	RV_TRY(rv_json_obj_open(&r, v, name, err));
	RV_TRY(rv_json_need_str(&r, "type", type, err));
	RV_TRY(rv_json_need_str(&r, "id", id, err));
	RV_TRY(rv_json_opt(&r, "properties", RV_JSON_OBJ, props, err));
	return rv_json_obj_close(&r, err);
}

enum rv_code rv_api_simulate(struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	struct rv_json_obj o, action;
	const struct rv_json *v;
	struct candidate with;
	struct rv_simulate_ask ask = { .at_ns = 0 };
	struct rv_gate_ask *q = &ask.what;
	RV_TRY(rv_api_body(c, &o, err));
	RV_TRY(read_candidate(c, &o, &with, err));
	RV_TRY(read_time(&o, "at", c->op->now_ns, &ask.at_ns, err));
	RV_TRY(rv_json_need_str(&o, "system", &q->subject_id, err));
	RV_TRY(rv_json_need(&o, "action", RV_JSON_OBJ, &v, err));
	RV_TRY(rv_json_obj_open(&action, v, "action", err));
	RV_TRY(rv_json_need_str(&action, "name", &q->action, err));
	RV_TRY(rv_json_opt(&action, "properties", RV_JSON_OBJ, &q->action_properties, err));
	RV_TRY(rv_json_obj_close(&action, err));
	RV_TRY(read_ref(
		&o, "resource", &q->resource_type, &q->resource_id, &q->resource_properties, err));
	RV_TRY(rv_json_opt(&o, "context", RV_JSON_OBJ, &q->context, err));
	RV_TRY(rv_json_obj_close(&o, err));
	ask.files = with.files;
	ask.n_files = with.n;
	ask.is_alone = with.is_alone;
	return rv_gate_simulate(c->gate, c->op, &ask, w, err);
}

/* The simple form of a profile, as Cedar. */
enum rv_code rv_api_system_policy(struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	struct rv_str text;
	RV_TRY(rv_simple_compile(c->op, c->param[0], &text, err));
	rv_json_w_kv_str(w, "name", c->param[0]);
	rv_json_w_kv_str(w, "text", text);
	return RV_OK;
}

enum rv_code rv_api_system_charter(struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	return rv_gate_charter(c->gate, c->op, c->param[0], w, err);
}
