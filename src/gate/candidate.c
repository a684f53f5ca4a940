/* Policies that somebody thinks of: files in force with others in their place. */
#include "gate/replay_int.h"

enum rv_code rv_gate_may_replay(struct rv_op *op, struct rv_err *err)
{
	/* Outcomes under policies of one's own making tell values of the facts: whoever may not
	 * read those may not ask. */
	return rv_need(op, RV_RIGHT_AUDITOR | RV_RIGHT_GOVERNOR | RV_RIGHT_RESPONDER, err);
}

enum rv_code rv_gate_current_set(
	struct rv_op *op, struct rv_str *ret, int64_t *ret_version, struct rv_err *err)
{
	struct rv_db_policy_set *rows;
	size_t n;
	const struct rv_query last = { .is_ordered = true,
		.is_descending = true,
		.order_offset = offsetof(struct rv_db_policy_set, version),
		.limit = 1 };
	*ret = RV_STR("");
	*ret_version = 0;
	RV_TRY(rv_db_policy_set_list(op->txn, op->arena, &last, &rows, &n, err));
	if (n == 0)
		return RV_OK;
	*ret_version = rows[0].version;
	return rv_policy_set_text(op, rows[0].version, ret, err);
}

static bool is_replaced(const struct rv_candidate_file *files, size_t n_files, struct rv_str name)
{
	for (size_t i = 0; i < n_files; i++)
		if (rv_str_eq(files[i].name, name))
			return true;
	return false;
}

static enum rv_code check_names(const struct rv_candidate_file *files, size_t n,
	const struct rv_set_file *old, size_t n_old, struct rv_err *err)
{
	for (size_t i = 0; i < n; i++) {
		bool is_there = false;
		if (!rv_str_is_slug(files[i].name, 63))
			return RV_FAIL(err, RV_EINVAL, "'%.*s' is no name of a policy file",
				RV_FMT(rv_str_sub(files[i].name, 0, 80)));
		if (is_replaced(files, i, files[i].name))
			return RV_FAIL(err, RV_EINVAL, "the policy file '%.*s' is given twice",
				RV_FMT(files[i].name));
		for (size_t k = 0; k < n_old; k++)
			is_there |= rv_str_eq(old[k].name, files[i].name);
		if (!files[i].text.p && !is_there)
			return RV_FAIL(err, RV_ENOENT, "no policy '%.*s' is in force",
				RV_FMT(files[i].name));
	}
	return RV_OK;
}

enum rv_code rv_gate_candidate(struct rv_arena *a, struct rv_str current,
	const struct rv_candidate_file *files, size_t n_files, bool is_alone,
	struct rv_gate_set *ret, struct rv_err *err)
{
	struct rv_set_file *old = NULL;
	size_t n_old = 0, n = 0;
	if (current.n > 0 && !is_alone)
		RV_TRY(rv_gate_set_read(a, current, &old, &n_old, err));
	RV_TRY(check_names(files, n_files, old, n_old, err));
	struct rv_set_file *all = rv_arena_array(a, n_old + n_files + 1, sizeof *all);
	if (!all)
		return RV_FAIL_ARENA(err);
	for (size_t i = 0; i < n_old; i++)
		if (!is_replaced(files, n_files, old[i].name))
			all[n++] = old[i];
	for (size_t i = 0; i < n_files; i++)
		if (files[i].text.p)
			all[n++] = (struct rv_set_file){ .name = files[i].name,
				.text = files[i].text };
	return rv_gate_set_new(a, all, n, ret, err);
}

enum rv_code rv_gate_note_question(struct rv_op *op, const char *what, struct rv_event *ev,
	const struct rv_gate_set *set, struct rv_str *ret_id, struct rv_err *err)
{
	RV_AUTO_BUF b;
	struct rv_json_w w;
	rv_buf_init(&b, RV_EVENT_MAX);
	rv_json_w_init(&w, &b);
	rv_json_w_obj(&w);
	rv_json_w_kv_strz(&w, "what", what);
	rv_json_w_name(&w, "policies");
	rv_json_w_arr(&w);
	for (size_t i = 0; i < set->n_files && i < 100; i++) {
		struct rv_sha256 h;
		char hex[65];
		rv_sha256_of(set->files[i].text, &h);
		rv_hex_z(h.b, sizeof h.b, hex);
		rv_json_w_obj(&w);
		rv_json_w_kv_str(&w, "name", set->files[i].name);
		if (set->files[i].version > 0)
			rv_json_w_kv_i64(&w, "version", set->files[i].version);
		else
			rv_json_w_kv_strz(&w, "sha256", hex);
		rv_json_w_obj_end(&w);
	}
	rv_json_w_arr_end(&w);
	rv_json_w_obj_end(&w);
	RV_TRY(rv_buf_ok(&b, err));
	ev->kind = RV_EV_QUESTION;
	ev->detail_json = rv_buf_str(&b);
	return rv_op_event(op, ev, RV_STR(""), ret_id, err);
}
