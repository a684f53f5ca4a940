/* Enforcement points, the catalogue, limits. */
#include "governance/apply_int.h"

static enum rv_code set_old(
	struct rv_apply_one *o, struct rv_str spec, struct rv_str digest, struct rv_err *err)
{
	o->old_digest = digest;
	return rv_op_json(o->op, spec.n > 0 ? spec : RV_STR("{}"), &o->old, err);
}

static enum rv_code found(enum rv_code code, const struct rv_err *e, bool *ret, struct rv_err *err)
{
	*ret = code == RV_OK;
	return code == RV_OK || code == RV_ENOENT ? RV_OK : RV_FAIL(err, code, "%s", e->msg);
}

/* ---- points ---- */

static enum rv_code point_load(struct rv_apply_one *o, struct rv_err *err)
{
	struct rv_db_point p = { .name = o->m->name };
	struct rv_err e = { 0 };
	bool is;
	RV_TRY(found(rv_db_point_get(o->op->txn, o->op->arena, &p, &e), &e, &is, err));
	return is ? set_old(o, p.spec, p.digest, err) : RV_OK;
}

static enum rv_code point_check(struct rv_apply_one *o, struct rv_err *err)
{
	struct rv_spec_point s;
	RV_TRY(rv_spec_point_read(o->op->arena, o->spec, &s, err));
	for (size_t i = 0; i < s.systems.n; i++)
		if (!rv_str_eqz(s.systems.v[i], "*") &&
			!rv_str_is_slug(s.systems.v[i], RV_NAME_MAX))
			return rv_apply_fail(o, err, RV_EINVAL, "systems",
				"'%.*s' is neither a name nor \"*\"", RV_FMT(s.systems.v[i]));
	return rv_apply_need_person(o, "owner", s.owner, err);
}

static enum rv_code point_write(struct rv_apply_one *o, struct rv_err *err)
{
	struct rv_spec_point s;
	struct rv_db_point p = { .name = o->m->name, .created_ns = o->op->now_ns };
	RV_TRY(rv_spec_point_read(o->op->arena, o->spec, &s, err));
	if (o->old)
		RV_TRY(rv_db_point_get(o->op->txn, o->op->arena, &p, err));
	p.kind = s.kind;
	p.trust = s.trust;
	p.owner = s.owner.n > 0 ? s.owner : (struct rv_str){ 0 };
	RV_TRY(rv_strs_json(o->op, s.systems.v, s.systems.n, &p.systems_json, err));
	RV_TRY(rv_strs_json(o->op, s.overlays.v, s.overlays.n, &p.overlays_json, err));
	p.subject_token = s.subject_token;
	p.active = 1;
	p.spec = o->body;
	p.digest = o->digest;
	RV_TRY(rv_db_point_put(o->op->txn, &p, err));
	return rv_touch(o->op, RV_PART_POINT, p.name, (struct rv_str){ 0 }, err);
}

const struct rv_apply_kind rv_apply_point = { .kind = RV_KIND_POINT,
	.rights = RV_RIGHT_ADMIN,
	.created = RV_EV_POINT_REGISTERED,
	.changed = RV_EV_POINT_CHANGED,
	.proposed = RV_EV_REGISTRY_PROPOSED,
	.load = point_load,
	.check = point_check,
	.write = point_write };

/* ---- the catalogue ---- */

static void split_name(struct rv_str name, struct rv_str *type, struct rv_str *id)
{
	size_t slash = rv_str_find(name, '/', 0);
	rv_assert(slash != SIZE_MAX); /* the manifest was read */
	*type = rv_str_sub(name, 0, slash);
	*id = rv_str_sub(name, slash + 1, name.n);
}

static enum rv_code resource_row(
	struct rv_apply_one *o, struct rv_db_resource *ret, bool *ret_found, struct rv_err *err)
{
	struct rv_err e = { 0 };
	*ret = (struct rv_db_resource){ .created_ns = o->op->now_ns };
	split_name(o->m->name, &ret->type, &ret->id);
	return found(rv_db_resource_get(o->op->txn, o->op->arena, ret, &e), &e, ret_found, err);
}

static enum rv_code resource_load(struct rv_apply_one *o, struct rv_err *err)
{
	struct rv_db_resource r;
	bool is;
	RV_TRY(resource_row(o, &r, &is, err));
	return is ? set_old(o, r.spec, r.digest, err) : RV_OK;
}

static enum rv_code resource_check(struct rv_apply_one *o, struct rv_err *err)
{
	struct rv_spec_resource s;
	RV_TRY(rv_spec_resource_read(o->op->arena, o->spec, &s, err));
	return rv_apply_need_person(o, "owner", s.owner, err);
}

static enum rv_code json_text(
	struct rv_apply_one *o, const struct rv_json *v, struct rv_str *ret, struct rv_err *err)
{
	*ret = (struct rv_str){ 0 };
	return v ? rv_spec_canonical(o->op->arena, v, ret, err) : RV_OK;
}

static enum rv_code resource_write(struct rv_apply_one *o, struct rv_err *err)
{
	struct rv_spec_resource s;
	struct rv_db_resource r;
	bool is;
	RV_TRY(rv_spec_resource_read(o->op->arena, o->spec, &s, err));
	RV_TRY(resource_row(o, &r, &is, err));
	r.kind = s.kind;
	if (r.kind.n == 0) {
		/* As a decision about something unlisted would name it: the type in lower case. */
		char *lower = rv_arena_printf(o->op->arena, "%.*s", RV_FMT(r.type));
		if (!lower)
			return RV_FAIL_ARENA(err);
		for (char *c = lower; *c; c++)
			if (*c >= 'A' && *c <= 'Z')
				*c = (char)(*c + 'a' - 'A');
		r.kind = rv_str_of(lower);
	}
	r.environment = s.environment;
	r.data_class = s.data_class;
	r.owner = s.owner.n > 0 ? s.owner : (struct rv_str){ 0 };
	RV_TRY(rv_strs_json(o->op, s.collections.v, s.collections.n, &r.parents_json, err));
	RV_TRY(json_text(o, s.tags, &r.tags_json, err));
	RV_TRY(json_text(o, s.effects, &r.effects_json, err));
	r.spec = o->body;
	r.digest = o->digest;
	r.active = 1;
	r.changed_ns = o->op->now_ns;
	RV_TRY(rv_db_resource_put(o->op->txn, &r, err));
	if (is)
		RV_TRY(rv_hold_stale_resource(o->op, r.type, r.id, err));
	return rv_touch(o->op, RV_PART_RESOURCE, r.type, r.id, err);
}

const struct rv_apply_kind rv_apply_resource = { .kind = RV_KIND_RESOURCE,
	.rights = RV_RIGHT_GOVERNOR,
	.created = RV_EV_REGISTRY_CREATED,
	.changed = RV_EV_REGISTRY_CHANGED,
	.proposed = RV_EV_REGISTRY_PROPOSED,
	.load = resource_load,
	.check = resource_check,
	.write = resource_write };

/* ---- limits ---- */

/* One meter; its hash is what an approval of an excess binds. An id that was there keeps what it
 * has counted. */
static enum rv_code put_meter(struct rv_op *op, bool is_role, struct rv_str subject,
	struct rv_str name, const struct rv_spec_limit *l, struct rv_str spec, struct rv_err *err)
{
	struct rv_str body;
	const char *id = rv_arena_printf(op->arena, "limit:%s%.*s/%.*s", is_role ? "role:" : "",
		RV_FMT(subject), RV_FMT(name));
	if (!id)
		return RV_FAIL_ARENA(err);
	struct rv_db_meter_def d = { .id = rv_str_of(id),
		.subject_kind = is_role ? RV_STR("role") : RV_STR("system"),
		.subject = subject,
		.name = name,
		.unit = l->unit,
		.currency = l->currency,
		.max = l->max,
		.per = l->per,
		.excess = l->excess,
		.quorum = l->quorum,
		.active = 1,
		.spec = spec,
		.zone = l->zone };
	RV_TRY(rv_spec_canonical(op->arena, l->json, &body, err));
	RV_TRY(rv_op_digest(op, body, &d.hash, err));
	RV_TRY(rv_strs_json(op, l->actions.v, l->actions.n, &d.actions_json, err));
	RV_TRY(rv_strs_json(op, l->approvers.v, l->approvers.n, &d.groups_json, err));
	RV_TRY(rv_strs_json(op, l->resources.v, l->resources.n, &d.resources_json, err));
	RV_TRY(rv_db_meter_def_put(op->txn, &d, err));
	return rv_touch(
		op, is_role ? RV_PART_ROLE : RV_PART_SYSTEM, subject, (struct rv_str){ 0 }, err);
}

enum rv_code rv_system_limits_sync(
	struct rv_op *op, struct rv_str system, const struct rv_json *spec, struct rv_err *err)
{
	struct rv_spec_system s;
	struct rv_db_meter_def *old;
	size_t n;
	const struct rv_query q = {
		.where = { RV_Q_STR(meter_def, subject, RV_CMP_EQ, system),
			RV_Q_STR(meter_def, subject_kind, RV_CMP_EQ, RV_STR("system")) },
		.n_where = 2
	};
	RV_TRY(rv_spec_system_read(op->arena, spec, &s, err));
	RV_TRY(rv_db_meter_def_list(op->txn, op->arena, &q, &old, &n, err));
	for (size_t i = 0; i < n; i++) {
		old[i].active = 0;
		RV_TRY(rv_db_meter_def_update(op->txn, &old[i], err));
	}
	for (size_t i = 0; i < s.n_limits; i++) {
		for (size_t k = 0; k < s.limits[i].approvers.n; k++) {
			struct rv_db_grp g = { .name = s.limits[i].approvers.v[k] };
			if (rv_db_grp_get(op->txn, op->arena, &g, NULL) != RV_OK)
				return RV_FAIL(err, RV_EINVAL, "limits: there is no group '%.*s'",
					RV_FMT(g.name));
		}
		RV_TRY(put_meter(op, false, system, s.limits[i].name, &s.limits[i],
			(struct rv_str){ 0 }, err));
	}
	return rv_touch(op, RV_PART_SYSTEM, system, (struct rv_str){ 0 }, err);
}

/* A Limit is of a role; its name is unique among them. */
static enum rv_code limit_row(
	struct rv_apply_one *o, struct rv_db_meter_def *ret, bool *ret_found, struct rv_err *err)
{
	struct rv_db_meter_def *rows;
	size_t n;
	const struct rv_query q = {
		.where = { RV_Q_STR(meter_def, name, RV_CMP_EQ, o->m->name),
			RV_Q_STR(meter_def, subject_kind, RV_CMP_EQ, RV_STR("role")) },
		.n_where = 2
	};
	RV_TRY(rv_db_meter_def_list(o->op->txn, o->op->arena, &q, &rows, &n, err));
	*ret_found = n > 0;
	if (n > 0)
		*ret = rows[0];
	return RV_OK;
}

static enum rv_code limit_load(struct rv_apply_one *o, struct rv_err *err)
{
	struct rv_db_meter_def d;
	bool is;
	RV_TRY(limit_row(o, &d, &is, err));
	return is ? set_old(o, d.spec, d.hash, err) : RV_OK;
}

static enum rv_code limit_check(struct rv_apply_one *o, struct rv_err *err)
{
	struct rv_spec_limit s;
	struct rv_db_meter_def d;
	struct rv_err e = { 0 };
	bool is;
	RV_TRY(rv_spec_limit_read(o->op->arena, o->spec, true, &s, err));
	RV_TRY(limit_row(o, &d, &is, err));
	if (is && !rv_str_eq(d.subject, s.role))
		return rv_apply_fail(o, err, RV_ECONFLICT, "role",
			"it is a limit of '%.*s': one of another role needs another name",
			RV_FMT(d.subject));
	for (size_t i = 0; i < s.approvers.n; i++)
		RV_TRY(rv_apply_need_group(o, "approvers", s.approvers.v[i], err));
	struct rv_db_role r = { .name = s.role };
	enum rv_code code = rv_db_role_get(o->op->txn, o->op->arena, &r, &e);
	if (code == RV_ENOENT)
		return rv_apply_fail(
			o, err, RV_EINVAL, "role", "there is no role '%.*s'", RV_FMT(s.role));
	return code == RV_OK ? RV_OK : RV_FAIL(err, code, "%s", e.msg);
}

static enum rv_code limit_write(struct rv_apply_one *o, struct rv_err *err)
{
	struct rv_spec_limit s;
	RV_TRY(rv_spec_limit_read(o->op->arena, o->spec, true, &s, err));
	return put_meter(o->op, true, s.role, o->m->name, &s, o->body, err);
}

const struct rv_apply_kind rv_apply_limit = { .kind = RV_KIND_LIMIT,
	.rights = RV_RIGHT_GOVERNOR,
	.created = RV_EV_REGISTRY_CREATED,
	.changed = RV_EV_REGISTRY_CHANGED,
	.proposed = RV_EV_REGISTRY_PROPOSED,
	.load = limit_load,
	.check = limit_check,
	.write = limit_write };
