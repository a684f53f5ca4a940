/* Policy files: a new text is compared policy by policy. What only adds forbids or takes permits
 * away narrows and comes into force at once; everything else waits for a second person. */
#include "cedar.h"
#include "governance/apply_int.h"
#include "governance/policy_schema.h"

static enum rv_code latest(struct rv_op *op, struct rv_str name, int64_t *ret, struct rv_err *err)
{
	struct rv_db_policy_version *rows;
	size_t n;
	RV_TRY(rv_db_policy_version_list(
		op->txn, op->arena, RV_Q_BY(policy_version, policy, name), &rows, &n, err));
	*ret = n > 0 ? rows[n - 1].version : 0;
	return RV_OK;
}

static enum rv_code in_force(struct rv_op *op, struct rv_str name, struct rv_db_policy *ret,
	struct rv_db_policy_version *ret_version, bool *ret_found, struct rv_err *err)
{
	struct rv_err e = { 0 };
	*ret = (struct rv_db_policy){ .name = name };
	enum rv_code code = rv_db_policy_get(op->txn, op->arena, ret, &e);
	*ret_found = code == RV_OK && ret->active && ret->version > 0;
	if (code != RV_OK && code != RV_ENOENT)
		return RV_FAIL(err, code, "%s", e.msg);
	if (!*ret_found)
		return RV_OK;
	*ret_version = (struct rv_db_policy_version){ .policy = name, .version = ret->version };
	return rv_db_policy_version_get(op->txn, op->arena, ret_version, err);
}

/* The spec as it would stand in a manifest. */
static enum rv_code spec_of(
	struct rv_op *op, struct rv_str text, struct rv_str *ret, struct rv_err *err)
{
	RV_AUTO_BUF b;
	struct rv_json_w w;
	rv_buf_init(&b, 8 << 20);
	rv_json_w_init(&w, &b);
	rv_json_w_obj(&w);
	rv_json_w_kv_str(&w, "cedar", text);
	rv_json_w_obj_end(&w);
	return rv_op_buf(op, &b, ret, err);
}

static enum rv_code policy_load(struct rv_apply_one *o, struct rv_err *err)
{
	struct rv_db_policy p;
	struct rv_db_policy_version v;
	struct rv_str spec;
	bool is;
	RV_TRY(in_force(o->op, o->m->name, &p, &v, &is, err));
	if (!is)
		return RV_OK;
	RV_TRY(spec_of(o->op, v.text, &spec, err));
	RV_TRY(rv_op_digest(o->op, spec, &o->old_digest, err));
	return rv_op_json(o->op, spec, &o->old, err);
}

static bool group_exists(void *arg, struct rv_str group)
{
	struct rv_op *op = arg;
	struct rv_db_grp g = { .name = group };
	return rv_db_grp_get(op->txn, op->arena, &g, NULL) == RV_OK;
}

/* ---- what a change of text does ---- */

static bool has(const struct rv_policy_note *v, size_t n, const struct rv_policy_note *x)
{
	for (size_t i = 0; i < n; i++)
		if (rv_str_eq(v[i].hash, x->hash) && rv_str_eq(v[i].id, x->id))
			return true;
	return false;
}

static bool texts_widen(const struct rv_policy_note *was, size_t n_was,
	const struct rv_policy_note *now, size_t n_now)
{
	for (size_t i = 0; i < n_now; i++)
		if (!now[i].is_forbid && !now[i].is_observed && !has(was, n_was, &now[i]))
			return true;
	for (size_t i = 0; i < n_was; i++)
		if (was[i].is_forbid && !was[i].is_observed && !has(now, n_now, &was[i]))
			return true;
	return false;
}

static enum rv_code policy_check(struct rv_apply_one *o, struct rv_err *err)
{
	struct rv_policy_note *now, *was = NULL;
	struct rv_str text, old_text;
	size_t n_now, n_was = 0;
	RV_TRY(rv_spec_policy_read(o->op->arena, o->spec, &text, err));
	enum rv_code code = rv_policy_check(
		o->op->arena, o->m->name, text, group_exists, o->op, &now, &n_now, err);
	if (code == RV_OK)
		code = rv_policy_validate(o->op->arena, o->m->name, text, &o->item->warnings,
			&o->item->n_warnings, err);
	if (code != RV_OK) {
		/* Lines are those of the text; in a YAML manifest it begins below. */
		const struct rv_json *at = rv_json_get(o->m->spec, "cedar");
		if (err && err->line > 0 && at->line > 1)
			err->line += at->line;
		if (err)
			rv_err_where(err, o->m->path ? o->m->path : "");
		return code;
	}
	if (o->old) {
		RV_TRY(rv_spec_policy_read(o->op->arena, o->old, &old_text, err));
		RV_TRY(rv_policy_check(
			o->op->arena, o->m->name, old_text, NULL, NULL, &was, &n_was, err));
	}
	o->widens = texts_widen(was, n_was, now, n_now);
	struct rv_apply_field *f = (struct rv_apply_field *)(uintptr_t)o->item->fields;
	for (size_t i = 0; i < o->item->n_fields; i++)
		f[i].widens = o->widens && rv_str_eqz(f[i].path, "cedar");
	return RV_OK;
}

/* ---- writing ---- */

static enum rv_code need_row(struct rv_apply_one *o, struct rv_err *err)
{
	struct rv_db_policy p = { .name = o->m->name };
	struct rv_err e = { 0 };
	enum rv_code code = rv_db_policy_get(o->op->txn, o->op->arena, &p, &e);
	if (code == RV_OK)
		return RV_OK;
	if (code != RV_ENOENT)
		return RV_FAIL(err, code, "%s", e.msg);
	p.active = 1;
	p.created_ns = o->op->now_ns;
	return rv_db_policy_insert(o->op->txn, &p, err);
}

static enum rv_code add_version(struct rv_apply_one *o, const char *state,
	struct rv_db_policy_version *ret, struct rv_err *err)
{
	*ret = (struct rv_db_policy_version){ .policy = o->m->name,
		.state = rv_str_of(state),
		.digest = o->digest,
		.author = o->author,
		.created_ns = o->op->now_ns };
	RV_TRY(need_row(o, err));
	RV_TRY(latest(o->op, o->m->name, &ret->version, err));
	ret->version++;
	return rv_spec_policy_read(o->op->arena, o->spec, &ret->text, err);
}

static enum rv_code policy_propose(struct rv_apply_one *o, struct rv_err *err)
{
	struct rv_db_policy_version v;
	RV_TRY(add_version(o, "proposed", &v, err));
	return rv_db_policy_version_insert(o->op->txn, &v, err);
}

/* The version that was proposed with this digest, if there is one. */
static enum rv_code proposed(struct rv_apply_one *o, struct rv_db_policy_version *ret,
	bool *ret_found, struct rv_err *err)
{
	struct rv_db_policy_version *rows;
	size_t n;
	const struct rv_query q = {
		.where = { RV_Q_STR(policy_version, policy, RV_CMP_EQ, o->m->name),
			RV_Q_STR(policy_version, state, RV_CMP_EQ, RV_STR("proposed")),
			RV_Q_STR(policy_version, digest, RV_CMP_EQ, o->digest) },
		.n_where = 3
	};
	RV_TRY(rv_db_policy_version_list(o->op->txn, o->op->arena, &q, &rows, &n, err));
	*ret_found = n > 0;
	if (n > 0)
		*ret = rows[n - 1];
	return RV_OK;
}

static enum rv_code policy_write(struct rv_apply_one *o, struct rv_err *err)
{
	struct rv_db_policy p;
	struct rv_db_policy_version v, old;
	bool had, was_proposed;
	RV_TRY(in_force(o->op, o->m->name, &p, &old, &had, err));
	if (had) {
		old.state = RV_STR("superseded");
		RV_TRY(rv_db_policy_version_update(o->op->txn, &old, err));
	}
	RV_TRY(proposed(o, &v, &was_proposed, err));
	if (!was_proposed)
		RV_TRY(add_version(o, "published", &v, err));
	v.state = RV_STR("published");
	v.decided_by = o->op->actor.id;
	v.decided_ns = o->op->now_ns;
	v.unseparated_until_ns = o->unseparated ? o->op->now_ns + RV_UNSEPARATED_NS : 0;
	RV_TRY(rv_db_policy_version_put(o->op->txn, &v, err));
	p = (struct rv_db_policy){ .name = o->m->name };
	RV_TRY(rv_db_policy_get(o->op->txn, o->op->arena, &p, err));
	p.version = v.version;
	p.active = 1;
	o->policies_changed = true;
	return rv_db_policy_update(o->op->txn, &p, err);
}

/* Published by one person alone in bootstrap, applied again as it stands by another: the stamp
 * goes.
 */
static enum rv_code policy_confirm(struct rv_apply_one *o, bool *ret_did, struct rv_err *err)
{
	struct rv_db_policy p;
	struct rv_db_policy_version v;
	bool is;
	RV_TRY(in_force(o->op, o->m->name, &p, &v, &is, err));
	*ret_did = is && v.unseparated_until_ns > 0 && !rv_is_person(o->op, v.author) &&
		!rv_is_person(o->op, v.decided_by);
	if (!*ret_did)
		return RV_OK;
	v.unseparated_until_ns = 0;
	v.decided_by = o->op->actor.id;
	v.decided_ns = o->op->now_ns;
	o->op->dirty |= RV_DIRTY_POLICIES;
	return rv_db_policy_version_update(o->op->txn, &v, err);
}

const struct rv_apply_kind rv_apply_policy = { .kind = RV_KIND_POLICY,
	.rights = RV_RIGHT_GOVERNOR,
	.created = RV_EV_POLICY_PUBLISHED,
	.changed = RV_EV_POLICY_PUBLISHED,
	.proposed = RV_EV_POLICY_PROPOSED,
	.load = policy_load,
	.check = policy_check,
	.write = policy_write,
	.propose = policy_propose,
	.confirm = policy_confirm };

enum rv_code rv_policy_set_check(struct rv_op *op, struct rv_err *err)
{
	struct rv_db_policy *rows;
	size_t n, k = 0, bad = 0;
	RV_TRY(rv_db_policy_list(op->txn, op->arena, RV_Q_ALL, &rows, &n, err));
	cedar_source *src = rv_arena_array(op->arena, n + 1, sizeof *src);
	if (!src)
		return RV_FAIL_ARENA(err);
	for (size_t i = 0; i < n; i++) {
		if (!rows[i].active || rows[i].version == 0)
			continue;
		struct rv_db_policy_version v = { .policy = rows[i].name,
			.version = rows[i].version };
		RV_TRY(rv_db_policy_version_get(op->txn, op->arena, &v, err));
		rows[k].name = rows[i].name;
		src[k++] = (cedar_source){ .text = { v.text.p, v.text.n },
			.id_prefix = rv_arena_printf(op->arena, "%.*s#", RV_FMT(v.policy)),
			.use_id_annotation = true };
	}
	cedar_policies *ps = NULL;
	cedar_error e = { .code = CEDAR_OK };
	const cedar_policies_opts opts = { .no_templates = true, .no_index = true };
	if (k > 0 && cedar_policies_new(src, k, &opts, &ps, &bad, &e) != CEDAR_OK)
		return RV_FAIL(err, e.code == CEDAR_EEXIST ? RV_ECONFLICT : RV_EINVAL,
			"policy file '%.*s': %s", RV_FMT(rows[bad < k ? bad : 0].name), e.message);
	cedar_policies_free(ps);
	return RV_OK;
}

enum rv_code rv_policy_take_out(
	struct rv_op *op, struct rv_str name, bool alone, struct rv_err *err)
{
	struct rv_db_policy p;
	struct rv_db_policy_version v;
	struct rv_str detail;
	bool is;
	RV_TRY(in_force(op, name, &p, &v, &is, err));
	if (!is)
		return RV_FAIL(err, RV_ENOENT, "no policy '%.*s' is in force", RV_FMT(name));
	v.state = RV_STR("superseded");
	RV_TRY(rv_db_policy_version_update(op->txn, &v, err));
	p.active = 0;
	RV_TRY(rv_db_policy_update(op->txn, &p, err));
	RV_TRY(rv_policy_set_advance(op, RV_STR("remove"), err));
	RV_TRY(rv_detail(op, &detail, err, "name", name, "separation",
		alone ? RV_STR("unseparated") : RV_STR(""), NULL));
	const struct rv_event ev = { .kind = RV_EV_POLICY_REMOVED, .detail_json = detail };
	return rv_op_event(op, &ev, (struct rv_str){ 0 }, NULL, err);
}

enum rv_code rv_policy_remove(
	struct rv_op *op, struct rv_str name, struct rv_str *ret_change, struct rv_err *err)
{
	struct rv_db_policy p;
	struct rv_db_policy_version v;
	struct rv_policy_note *notes;
	struct rv_bootstrap b;
	size_t n;
	bool is;
	*ret_change = (struct rv_str){ "", 0 };
	RV_TRY(rv_need(op, RV_RIGHT_GOVERNOR, err));
	RV_TRY(in_force(op, name, &p, &v, &is, err));
	if (!is)
		return RV_FAIL(err, RV_ENOENT, "no policy '%.*s' is in force", RV_FMT(name));
	RV_TRY(rv_policy_check(op->arena, name, v.text, NULL, NULL, &notes, &n, err));
	RV_TRY(rv_bootstrap_state(op, &b, err));
	bool widens = texts_widen(notes, n, NULL, 0);
	if (!widens || b.may_self_approve)
		return rv_policy_take_out(op, name, widens, err);
	/* A change without a body takes the file away. */
	const struct rv_manifest m = { .kind = RV_KIND_POLICY, .name = name };
	struct rv_apply_item item = { 0 };
	struct rv_apply_one o = { .op = op,
		.m = &m,
		.item = &item,
		.body = RV_STR("{}"),
		.widens = true,
		.author = op->actor.id };
	bool is_new;
	RV_TRY(policy_load(&o, err));
	RV_TRY(rv_op_digest(op, o.body, &o.digest, err));
	RV_TRY(rv_change_propose(&o, &is_new, err));
	*ret_change = item.change;
	return RV_OK;
}
