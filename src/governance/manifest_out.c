/* The registry as the manifests that would make it: applied again they change nothing. What has no
 * manifest is left out: the first admin, who came by a link, and what was retired, whose name is
 * never used again. */
#include "governance/spec_int.h"
#include "governance/system_int.h"

enum { ITEMS_MAX = 100000 };

struct out {
	struct rv_op *op;
	enum rv_kind only; /* NONE: all */
	struct rv_manifest_text *items;
	size_t n, cap;
};

static enum rv_code add(struct out *o, enum rv_kind kind, struct rv_str name, struct rv_str spec,
	struct rv_err *err)
{
	if (spec.n == 0 || o->n == ITEMS_MAX)
		return spec.n == 0 ? RV_OK
				   : RV_FAIL(err, RV_ELIMIT, "more than %d manifests", ITEMS_MAX);
	if (o->n == o->cap) {
		size_t cap = o->cap ? o->cap * 2 : 64;
		struct rv_manifest_text *more = rv_arena_array(o->op->arena, cap, sizeof *more);
		if (!more)
			return RV_FAIL_ARENA(err);
		if (o->n > 0)
			memcpy(more, o->items, o->n * sizeof *more);
		o->items = more;
		o->cap = cap;
	}
	o->items[o->n++] = (struct rv_manifest_text){ kind, name, spec };
	return RV_OK;
}

/* The kinds whose row keeps its spec under its name. */
#define PLAIN(table, KIND)                                                                        \
	static enum rv_code out_##table(struct out *o, struct rv_err *err)                        \
	{                                                                                         \
		struct rv_db_##table *rows;                                                       \
		size_t n;                                                                         \
		RV_TRY(rv_db_##table##_list(o->op->txn, o->op->arena, RV_Q_ALL, &rows, &n, err)); \
		for (size_t i = 0; i < n; i++)                                                    \
			RV_TRY(add(o, KIND, rows[i].name, rows[i].spec, err));                    \
		return RV_OK;                                                                     \
	}
PLAIN(person, RV_KIND_PERSON)
PLAIN(team, RV_KIND_TEAM)
PLAIN(grp, RV_KIND_GROUP)
PLAIN(role, RV_KIND_ROLE)

static enum rv_code out_point(struct out *o, struct rv_err *err)
{
	struct rv_db_point *rows;
	size_t n;
	RV_TRY(rv_db_point_list(o->op->txn, o->op->arena, RV_Q_ALL, &rows, &n, err));
	for (size_t i = 0; i < n; i++)
		if (rows[i].active)
			RV_TRY(add(o, RV_KIND_POINT, rows[i].name, rows[i].spec, err));
	return RV_OK;
}

static enum rv_code out_resource(struct out *o, struct rv_err *err)
{
	struct rv_db_resource *rows;
	size_t n;
	RV_TRY(rv_db_resource_list(o->op->txn, o->op->arena, RV_Q_ALL, &rows, &n, err));
	for (size_t i = 0; i < n; i++) {
		const char *name = rv_arena_printf(
			o->op->arena, "%.*s/%.*s", RV_FMT(rows[i].type), RV_FMT(rows[i].id));
		if (!name)
			return RV_FAIL_ARENA(err);
		if (rows[i].active)
			RV_TRY(add(o, RV_KIND_RESOURCE, rv_str_of(name), rows[i].spec, err));
	}
	return RV_OK;
}

static enum rv_code out_system(struct out *o, struct rv_err *err)
{
	struct rv_db_system *rows;
	size_t n;
	RV_TRY(rv_db_system_list(o->op->txn, o->op->arena, RV_Q_ALL, &rows, &n, err));
	for (size_t i = 0; i < n; i++) {
		struct rv_db_system_version v;
		if (rv_sys_is(&rows[i], "retired") || rv_sys_is(&rows[i], "offboarding") ||
			rv_sys_is(&rows[i], "rejected"))
			continue;
		RV_TRY(rv_sys_version(o->op, &rows[i], rv_sys_shown(&rows[i]), &v, err));
		RV_TRY(add(o, RV_KIND_SYSTEM, rows[i].name, v.body, err));
	}
	return RV_OK;
}

static enum rv_code out_limit(struct out *o, struct rv_err *err)
{
	struct rv_db_meter_def *rows;
	size_t n;
	const struct rv_query q = {
		.where = { RV_Q_STR(meter_def, subject_kind, RV_CMP_EQ, RV_STR("role")),
			RV_Q_INT(meter_def, active, RV_CMP_EQ, 1) },
		.n_where = 2
	};
	RV_TRY(rv_db_meter_def_list(o->op->txn, o->op->arena, &q, &rows, &n, err));
	for (size_t i = 0; i < n; i++)
		RV_TRY(add(o, RV_KIND_LIMIT, rows[i].name, rows[i].spec, err));
	return RV_OK;
}

static enum rv_code out_policy(struct out *o, struct rv_err *err)
{
	struct rv_db_policy *rows;
	size_t n;
	RV_TRY(rv_db_policy_list(o->op->txn, o->op->arena, RV_Q_ALL, &rows, &n, err));
	for (size_t i = 0; i < n; i++) {
		if (!rows[i].active || rows[i].version == 0)
			continue;
		struct rv_db_policy_version v = { .policy = rows[i].name,
			.version = rows[i].version };
		struct rv_str spec;
		RV_AUTO_BUF b;
		struct rv_json_w w;
		rv_buf_init(&b, 16 << 20);
		rv_json_w_init(&w, &b);
		RV_TRY(rv_db_policy_version_get(o->op->txn, o->op->arena, &v, err));
		rv_json_w_obj(&w);
		rv_json_w_kv_str(&w, "cedar", v.text);
		rv_json_w_obj_end(&w);
		RV_TRY(rv_op_buf(o->op, &b, &spec, err));
		RV_TRY(add(o, RV_KIND_POLICY, rows[i].name, spec, err));
	}
	return RV_OK;
}

enum rv_code rv_manifest_list(struct rv_op *op, enum rv_kind kind, struct rv_manifest_text **ret,
	size_t *ret_n, struct rv_err *err)
{
	static enum rv_code (*const makers[RV_KIND_COUNT])(struct out * o, struct rv_err * err) = {
		[RV_KIND_PERSON] = out_person,
		[RV_KIND_TEAM] = out_team,
		[RV_KIND_GROUP] = out_grp,
		[RV_KIND_ROLE] = out_role,
		[RV_KIND_POINT] = out_point,
		[RV_KIND_RESOURCE] = out_resource,
		[RV_KIND_SYSTEM] = out_system,
		[RV_KIND_LIMIT] = out_limit,
		[RV_KIND_POLICY] = out_policy,
	};
	struct out o = { .op = op };
	RV_TRY(rv_need(op, RV_RIGHT_ADMIN | RV_RIGHT_GOVERNOR | RV_RIGHT_AUDITOR, err));
	for (int k = RV_KIND_NONE + 1; k < RV_KIND_COUNT; k++)
		if (makers[k] && (kind == RV_KIND_NONE || kind == (enum rv_kind)k))
			RV_TRY(makers[k](&o, err));
	*ret = o.items;
	*ret_n = o.n;
	return RV_OK;
}

/* The version of that number; 0: in force, or the newest. */
static enum rv_code version_of(struct rv_op *op, const struct rv_db_system *s, int64_t number,
	struct rv_db_system_version *ret, const struct rv_json **ret_spec, struct rv_err *err)
{
	RV_TRY(rv_sys_version(op, s, number > 0 ? number : rv_sys_shown(s), ret, err));
	return rv_op_json(op, ret->body, ret_spec, err);
}

enum rv_code rv_system_diff(struct rv_op *op, struct rv_str name, int64_t from, int64_t to,
	struct rv_system_diff *ret, struct rv_err *err)
{
	struct rv_db_system s;
	struct rv_db_system_version a, b;
	const struct rv_json *was, *now;
	struct rv_apply_field *fields;
	RV_TRY(rv_system_get(op, name, &s, NULL, err));
	/* Without numbers: what waits against what is in force, else the last change. */
	if (to == 0)
		to = s.pending > 0 ? s.pending : s.version;
	if (from == 0)
		from = to == s.pending && s.version > 0 ? s.version : to > 1 ? to - 1 : to;
	RV_TRY(version_of(op, &s, from, &a, &was, err));
	RV_TRY(version_of(op, &s, to, &b, &now, err));
	*ret = (struct rv_system_diff){ .from = from, .to = to };
	RV_TRY(rv_spec_diff(
		op, RV_KIND_SYSTEM, was, now, &fields, &ret->n_fields, &ret->widens, err));
	ret->fields = fields;
	return RV_OK;
}
