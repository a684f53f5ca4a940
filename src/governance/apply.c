/* apply: a set of manifests into the registry, all or nothing. What widens waits for a second
 * person as a change; alone one may widen only in bootstrap, and then it is stamped. */
#include "governance/apply.h"

#include <stdio.h>

#include "governance/spec_int.h"

enum { FIELDS_MAX = 64 };
/* People first: groups and teams name them. */
static const enum rv_kind ORDER[] = { RV_KIND_PERSON, RV_KIND_TEAM, RV_KIND_GROUP, RV_KIND_ROLE,
	RV_KIND_POINT, RV_KIND_RESOURCE, RV_KIND_SYSTEM, RV_KIND_LIMIT, RV_KIND_POLICY };

/* ---- helpers ---- */

static enum rv_code canonical(
	struct rv_op *op, const struct rv_json *v, struct rv_str *ret, struct rv_err *err)
{
	return rv_spec_canonical(op->arena, v, ret, err);
}

/* What differs, member by member, for people to read. */
static enum rv_code diff(struct rv_op *op, const struct rv_json *old, const struct rv_json *now,
	struct rv_apply_item *item, struct rv_err *err)
{
	struct rv_apply_field *f = rv_arena_array(op->arena, FIELDS_MAX, sizeof *f);
	size_t n = 0;
	if (!f)
		return RV_FAIL_ARENA(err);
	for (size_t i = 0; now && i < now->n_members && n < FIELDS_MAX; i++) {
		const struct rv_json_member *m = &now->members[i];
		const struct rv_json *was = rv_json_get_str(old, m->name);
		if (was && rv_json_eq(was, m->value))
			continue;
		f[n].path = m->name;
		if (was)
			RV_TRY(canonical(op, was, &f[n].from, err));
		RV_TRY(canonical(op, m->value, &f[n++].to, err));
	}
	for (size_t i = 0; old && i < old->n_members && n < FIELDS_MAX; i++) {
		if (rv_json_get_str(now, old->members[i].name))
			continue;
		f[n].path = old->members[i].name;
		RV_TRY(canonical(op, old->members[i].value, &f[n++].from, err));
	}
	item->fields = f;
	item->n_fields = n;
	return RV_OK;
}

static enum rv_code registry_event(
	struct rv_op *op, const struct rv_put *p, bool is_new, struct rv_err *err)
{
	struct rv_str detail;
	enum rv_event_kind kind = is_new ? RV_EV_REGISTRY_CREATED : RV_EV_REGISTRY_CHANGED;
	if (p->kind == RV_KIND_PERSON)
		kind = is_new ? RV_EV_ADMIN_PERSON_CREATED : RV_EV_ADMIN_PERSON_CHANGED;
	if (p->kind == RV_KIND_POINT)
		kind = is_new ? RV_EV_POINT_REGISTERED : RV_EV_POINT_CHANGED;
	if (p->kind == RV_KIND_POLICY)
		kind = RV_EV_POLICY_PUBLISHED;
	RV_TRY(rv_detail(op, &detail, err, "kind", rv_str_of(rv_kind_name(p->kind)), "name",
		p->name, "digest", p->digest, "author", p->author, "unseparated",
		p->unseparated ? RV_STR("true") : RV_STR(""), NULL));
	const struct rv_event ev = { .kind = kind, .detail_json = detail };
	return rv_op_event(op, &ev, RV_STR(""), NULL, err);
}

/* ---- the kinds ---- */

/* Members of a group or team: whoever left and whoever came sees it in the next snapshot. */
static enum rv_code put_members(
	struct rv_op *op, const struct rv_put *p, const struct rv_strs *members, struct rv_err *err)
{
	bool is_group = p->kind == RV_KIND_GROUP;
	for (size_t i = 0; i < members->n; i++) {
		struct rv_db_person who = { .name = members->v[i] };
		if (rv_db_person_get(op->txn, op->arena, &who, NULL) != RV_OK)
			return RV_FAIL_AT(err, RV_EINVAL, NULL, p->spec->line, p->spec->col,
				"spec.members: nobody is called '%.*s'", RV_FMT(members->v[i]));
	}
	op->dirty |= RV_DIRTY_PEOPLE;
	if (is_group)
		RV_TRY(rv_db_grp_member_remove(
			op->txn, RV_Q_BY(grp_member, grp, p->name), NULL, err));
	else
		RV_TRY(rv_db_team_member_remove(
			op->txn, RV_Q_BY(team_member, team, p->name), NULL, err));
	for (size_t i = 0; i < members->n; i++) {
		const struct rv_db_grp_member g = { p->name, members->v[i], op->now_ns };
		const struct rv_db_team_member t = { p->name, members->v[i], op->now_ns };
		RV_TRY(is_group ? rv_db_grp_member_insert(op->txn, &g, err)
				: rv_db_team_member_insert(op->txn, &t, err));
	}
	return RV_OK;
}

static enum rv_code put_named(struct rv_op *op, const struct rv_put *p, struct rv_err *err)
{
	struct rv_spec_members m;
	if (p->kind == RV_KIND_ROLE) {
		struct rv_spec_role r;
		RV_TRY(rv_spec_role_read(op->arena, p->spec, &r, err));
		const struct rv_db_role row = { p->name, r.display, p->body, p->digest,
			op->now_ns };
		RV_TRY(rv_db_role_put(op->txn, &row, err));
		return rv_touch(op, RV_PART_ROLE, p->name, (struct rv_str){ 0 }, err);
	}
	RV_TRY(rv_spec_members_read(op->arena, p->spec, &m, err));
	const struct rv_db_team team = { p->name, m.display, p->digest, op->now_ns };
	const struct rv_db_grp grp = { p->name, m.display, p->digest, op->now_ns };
	RV_TRY(p->kind == RV_KIND_TEAM ? rv_db_team_put(op->txn, &team, err)
				       : rv_db_grp_put(op->txn, &grp, err));
	return put_members(op, p, &m.members, err);
}

static enum rv_code put_person(struct rv_op *op, const struct rv_put *p, struct rv_err *err)
{
	struct rv_spec_person in;
	struct rv_db_person row = { .name = p->name };
	RV_TRY(rv_spec_person_read(op->arena, p->spec, &in, err));
	if (rv_db_person_get(op->txn, op->arena, &row, NULL) != RV_OK)
		row = (struct rv_db_person){ .name = p->name,
			.created_by = p->author,
			.created_ns = op->now_ns,
			.active = 1 };
	row.display = in.display;
	row.email = in.email;
	row.rights = in.rights;
	row.unseparated = p->unseparated;
	row.spec = p->body;
	row.digest = p->digest;
	row.changed_ns = op->now_ns;
	RV_TRY(rv_db_person_put(op->txn, &row, err));
	return rv_touch(op, RV_PART_PERSON, p->name, (struct rv_str){ 0 }, err);
}

static enum rv_code put_point(struct rv_op *op, const struct rv_put *p, struct rv_err *err)
{
	struct rv_spec_point in;
	struct rv_db_point row = { .name = p->name };
	RV_TRY(rv_spec_point_read(op->arena, p->spec, &in, err));
	if (rv_db_point_get(op->txn, op->arena, &row, NULL) != RV_OK)
		row = (struct rv_db_point){ .name = p->name, .created_ns = op->now_ns };
	row.kind = in.kind;
	row.trust = in.trust;
	row.owner = in.owner;
	RV_TRY(rv_strs_json(op, in.systems.v, in.systems.n, &row.systems_json, err));
	RV_TRY(rv_strs_json(op, in.overlays.v, in.overlays.n, &row.overlays_json, err));
	row.subject_token = in.subject_token;
	row.active = 1;
	row.spec = p->body;
	row.digest = p->digest;
	if (row.owner.n == 0)
		row.owner = (struct rv_str){ 0 };
	RV_TRY(rv_db_point_put(op->txn, &row, err));
	return rv_touch(op, RV_PART_POINT, p->name, (struct rv_str){ 0 }, err);
}

static enum rv_code object_text(
	struct rv_op *op, const struct rv_json *v, struct rv_str *ret, struct rv_err *err)
{
	if (v)
		return canonical(op, v, ret, err);
	*ret = RV_STR("{}");
	return RV_OK;
}

static enum rv_code put_resource(struct rv_op *op, const struct rv_put *p, struct rv_err *err)
{
	struct rv_spec_resource in;
	struct rv_db_resource row = { .created_ns = 0 };
	struct rv_str rest = p->name;
	RV_TRY(rv_spec_resource_read(op->arena, p->spec, &in, err));
	(void)rv_str_split(&rest, '/', &row.type); /* the reader has seen the slash */
	row.id = rest;
	if (rv_db_resource_get(op->txn, op->arena, &row, NULL) != RV_OK)
		row.created_ns = op->now_ns;
	row.kind = in.kind;
	row.environment = in.environment;
	row.data_class = in.data_class;
	row.owner = in.owner;
	RV_TRY(rv_strs_json(op, in.collections.v, in.collections.n, &row.parents_json, err));
	RV_TRY(object_text(op, in.tags, &row.tags_json, err));
	RV_TRY(object_text(op, in.effects, &row.effects_json, err));
	row.spec = p->body;
	row.digest = p->digest;
	row.active = 1;
	row.changed_ns = op->now_ns;
	if (row.owner.n == 0)
		row.owner = (struct rv_str){ 0 };
	RV_TRY(rv_db_resource_put(op->txn, &row, err));
	RV_TRY(rv_hold_stale_resource(op, row.type, row.id, err));
	return rv_touch(op, RV_PART_RESOURCE, row.type, row.id, err);
}

/* One meter of a system or a role; its hash is what an approval over it binds. */
static enum rv_code put_meter(struct rv_op *op, const char *subject_kind, struct rv_str subject,
	struct rv_str name, const struct rv_spec_limit *in, struct rv_err *err)
{
	struct rv_db_meter_def row = { .subject_kind = rv_str_of(subject_kind),
		.subject = subject,
		.name = name,
		.unit = in->unit,
		.currency = in->currency,
		.max = in->max,
		.per = in->per,
		.excess = in->excess,
		.quorum = in->quorum,
		.active = 1 };
	struct rv_str body;
	const char *id =
		rv_arena_printf(op->arena, "limit:%.*s/%.*s", RV_FMT(subject), RV_FMT(name));
	if (!id)
		return RV_FAIL_ARENA(err);
	row.id = rv_str_of(id);
	RV_TRY(canonical(op, in->json, &body, err));
	RV_TRY(rv_op_digest(op, body, &row.hash, err));
	RV_TRY(rv_strs_json(op, in->actions.v, in->actions.n, &row.actions_json, err));
	RV_TRY(rv_strs_json(op, in->approvers.v, in->approvers.n, &row.groups_json, err));
	op->dirty |= RV_DIRTY_LIMITS;
	return rv_db_meter_def_put(op->txn, &row, err);
}

static enum rv_code put_limit(struct rv_op *op, const struct rv_put *p, struct rv_err *err)
{
	struct rv_spec_limit in;
	RV_TRY(rv_spec_limit_read(op->arena, p->spec, true, &in, err));
	return put_meter(op, "role", in.role, p->name, &in, err);
}

enum rv_code rv_system_limits_sync(
	struct rv_op *op, struct rv_str system, const struct rv_json *spec, struct rv_err *err)
{
	struct rv_spec_system in;
	struct rv_db_meter_def *old;
	size_t n;
	const struct rv_query q = {
		.where = { RV_Q_STR(meter_def, subject, RV_CMP_EQ, system),
			RV_Q_STR(meter_def, subject_kind, RV_CMP_EQ, RV_STR("system")) },
		.n_where = 2
	};
	RV_TRY(rv_spec_system_read(op->arena, spec, &in, err));
	RV_TRY(rv_db_meter_def_list(op->txn, op->arena, &q, &old, &n, err));
	for (size_t i = 0; i < n; i++) {
		old[i].active = 0;
		op->dirty |= RV_DIRTY_LIMITS;
		RV_TRY(rv_db_meter_def_update(op->txn, &old[i], err));
	}
	for (size_t i = 0; i < in.n_limits; i++)
		RV_TRY(put_meter(op, "system", system, in.limits[i].name, &in.limits[i], err));
	return RV_OK;
}

struct group_look {
	struct rv_op *op;
};

static bool group_exists(void *arg, struct rv_str group)
{
	struct group_look *l = arg;
	struct rv_db_grp row = { .name = group };
	return rv_db_grp_get(l->op->txn, l->op->arena, &row, NULL) == RV_OK;
}

static enum rv_code put_policy(struct rv_op *op, const struct rv_put *p, struct rv_err *err)
{
	struct group_look look = { op };
	struct rv_policy_note *notes;
	size_t n;
	struct rv_db_policy row = { .name = p->name };
	struct rv_str cedar;
	RV_TRY(rv_spec_policy_read(op->arena, p->spec, &cedar, err));
	RV_TRY(rv_policy_check(op->arena, p->name, cedar, group_exists, &look, &notes, &n, err));
	bool is_new = rv_db_policy_get(op->txn, op->arena, &row, NULL) != RV_OK;
	if (is_new)
		row = (struct rv_db_policy){ .name = p->name, .created_ns = op->now_ns };
	if (!is_new && row.version > 0) {
		struct rv_db_policy_version old = { .policy = p->name, .version = row.version };
		RV_TRY(rv_db_policy_version_get(op->txn, op->arena, &old, err));
		old.state = RV_STR("superseded");
		RV_TRY(rv_db_policy_version_update(op->txn, &old, err));
	}
	row.version++;
	row.active = 1;
	RV_TRY(rv_db_policy_put(op->txn, &row, err));
	const struct rv_db_policy_version v = { .policy = p->name,
		.version = row.version,
		.state = RV_STR("published"),
		.text = cedar,
		.digest = p->digest,
		.author = p->author,
		.created_ns = op->now_ns,
		.decided_by = op->actor.id,
		.decided_ns = op->now_ns,
		.unseparated_until_ns = p->unseparated ? op->now_ns + RV_UNSEPARATED_NS : 0 };
	RV_TRY(rv_db_policy_version_insert(op->txn, &v, err));
	return rv_policy_set_advance(op, p->name, err);
}

enum rv_code rv_put(struct rv_op *op, const struct rv_put *p, bool is_new, struct rv_err *err)
{
	switch (p->kind) {
	case RV_KIND_TEAM:
	case RV_KIND_GROUP:
	case RV_KIND_ROLE:
		RV_TRY(put_named(op, p, err));
		break;
	case RV_KIND_PERSON:
		RV_TRY(put_person(op, p, err));
		break;
	case RV_KIND_POINT:
		RV_TRY(put_point(op, p, err));
		break;
	case RV_KIND_RESOURCE:
		RV_TRY(put_resource(op, p, err));
		break;
	case RV_KIND_LIMIT:
		RV_TRY(put_limit(op, p, err));
		break;
	case RV_KIND_POLICY:
		RV_TRY(put_policy(op, p, err));
		break;
	default:
		return RV_FAIL(err, RV_EINTERNAL, "a kind without a writer");
	}
	return registry_event(op, p, is_new, err);
}

/* ---- what is there ---- */

/* A role's limit by its name; its hash is that of its spec. */
static enum rv_code stored_limit(
	struct rv_op *op, struct rv_str name, struct rv_str *digest, struct rv_err *err)
{
	struct rv_db_meter_def *rows;
	size_t n;
	const struct rv_query q = {
		.where = { RV_Q_STR(meter_def, name, RV_CMP_EQ, name),
			RV_Q_STR(meter_def, subject_kind, RV_CMP_EQ, RV_STR("role")) },
		.n_where = 2,
		.limit = 1
	};
	RV_TRY(rv_db_meter_def_list(op->txn, op->arena, &q, &rows, &n, err));
	if (n == 0)
		return RV_ENOENT;
	*digest = rows[0].hash;
	return RV_OK;
}

/* The stored spec; *ret_found false when there is none. */
static enum rv_code stored(struct rv_op *op, enum rv_kind kind, struct rv_str name,
	struct rv_str *body, struct rv_str *digest, bool *ret_found, struct rv_err *err)
{
	enum rv_code code = RV_ENOENT;
	struct rv_err e = { 0 };
	*body = *digest = (struct rv_str){ 0 };
#define LOOK(table, key_init, body_expr)                                  \
	do {                                                              \
		struct rv_db_##table row = key_init;                      \
		code = rv_db_##table##_get(op->txn, op->arena, &row, &e); \
		*digest = row.digest;                                     \
		*body = body_expr;                                        \
	} while (0)
#define NAMED                \
	{                    \
		.name = name \
	}
	struct rv_str rest = name, type = { 0 };
	struct rv_db_policy pol = { .name = name };
	switch (kind) {
	case RV_KIND_TEAM:
		LOOK(team, NAMED, RV_STR("{}"));
		break;
	case RV_KIND_GROUP:
		LOOK(grp, NAMED, RV_STR("{}"));
		break;
	case RV_KIND_ROLE:
		LOOK(role, NAMED, row.spec);
		break;
	case RV_KIND_PERSON:
		LOOK(person, NAMED, row.spec);
		break;
	case RV_KIND_POINT:
		LOOK(point, NAMED, row.spec);
		break;
	case RV_KIND_RESOURCE:
		(void)rv_str_split(&rest, '/', &type); /* the reader put the slash there */
		{
			struct rv_db_resource row = { .type = type, .id = rest };
			code = rv_db_resource_get(op->txn, op->arena, &row, &e);
			*digest = row.digest;
			*body = row.spec;
		}
		break;
	case RV_KIND_LIMIT:
		code = stored_limit(op, name, digest, &e);
		*body = RV_STR("{}");
		break;
	case RV_KIND_POLICY:
		code = rv_db_policy_get(op->txn, op->arena, &pol, &e);
		if (code == RV_OK && pol.version > 0 && pol.active) {
			struct rv_db_policy_version v = { .policy = name, .version = pol.version };
			code = rv_db_policy_version_get(op->txn, op->arena, &v, &e);
			*digest = v.digest;
		} else if (code == RV_OK) {
			code = RV_ENOENT;
		}
		*body = RV_STR("{}");
		break;
	default:
		break;
	}
#undef LOOK
#undef NAMED
	if (code != RV_OK && code != RV_ENOENT)
		return RV_FAIL(err, code, "%s", e.msg);
	*ret_found = code == RV_OK;
	if (body->n == 0)
		*body = RV_STR("{}");
	return RV_OK;
}

/* Does it give anybody or anything more than before? */
static enum rv_code widens(struct rv_op *op, const struct rv_put *p, const struct rv_json *old,
	bool is_new, bool *ret, struct rv_err *err)
{
	struct rv_spec_person was = { .rights = 0 }, now;
	*ret = false;
	switch (p->kind) {
	case RV_KIND_PERSON:
		RV_TRY(rv_spec_person_read(op->arena, p->spec, &now, err));
		if (!is_new)
			RV_TRY(rv_spec_person_read(op->arena, old, &was, err));
		*ret = (now.rights & ~was.rights) != 0;
		return RV_OK;
	case RV_KIND_GROUP:
	case RV_KIND_TEAM:
		/* What the members were is not kept beside the row: a change with members counts as
		 * a gain. */
		*ret = rv_json_is(rv_json_get(p->spec, "members"), RV_JSON_ARR);
		return RV_OK;
	case RV_KIND_POINT:
	case RV_KIND_RESOURCE:
	case RV_KIND_POLICY:
		*ret = true;
		return RV_OK;
	case RV_KIND_LIMIT:
		*ret = !is_new; /* a first limit narrows; what a change does is for a second person
				   to say */
		return RV_OK;
	default:
		return RV_OK;
	}
}

static int64_t right_for(enum rv_kind kind)
{
	switch (kind) {
	case RV_KIND_TEAM:
	case RV_KIND_GROUP:
	case RV_KIND_ROLE:
	case RV_KIND_PERSON:
	case RV_KIND_POINT:
		return RV_RIGHT_ADMIN;
	default:
		return RV_RIGHT_GOVERNOR;
	}
}

int64_t rv_change_right(enum rv_kind kind)
{
	return right_for(kind);
}

static enum rv_code apply_system(struct rv_op *op, const struct rv_manifest *m, bool submit,
	struct rv_apply_item *item, struct rv_err *err)
{
	struct rv_str body;
	RV_TRY(canonical(op, m->spec, &body, err));
	return rv_system_register(op, m->name, m->spec, body, submit, item, err);
}

static enum rv_code apply_one(struct rv_op *op, const struct rv_manifest *m,
	const struct rv_apply_opts *opts, const struct rv_bootstrap *boot,
	struct rv_apply_item *item, struct rv_err *err)
{
	struct rv_put p = {
		.kind = m->kind, .name = m->name, .spec = m->spec, .author = op->actor.id
	};
	struct rv_str old_body, old_digest;
	const struct rv_json *old;
	bool found;
	*item = (struct rv_apply_item){ .kind = m->kind, .name = m->name };
	if (m->kind == RV_KIND_SYSTEM)
		return apply_system(op, m, opts->submit, item, err);
	RV_TRY(rv_need(op, right_for(m->kind), err));
	RV_TRY(canonical(op, m->spec, &p.body, err));
	RV_TRY(rv_op_digest(op, p.body, &p.digest, err));
	RV_TRY(stored(op, m->kind, m->name, &old_body, &old_digest, &found, err));
	if (found && rv_str_eq(old_digest, p.digest))
		return RV_OK;
	RV_TRY(rv_op_json(op, old_body, &old, err));
	RV_TRY(diff(op, old, m->spec, item, err));
	item->result = found ? RV_APPLY_CHANGED : RV_APPLY_CREATED;
	bool power;
	RV_TRY(widens(op, &p, old, !found, &power, err));
	if (power && !boot->may_self_approve) {
		/* Everything that could be wrong with it is found now, not when somebody approves
		 * it. */
		RV_TRY(rv_store_save(op->txn, err));
		enum rv_code code = rv_put(op, &p, !found, err);
		rv_store_undo(op->txn);
		RV_TRY(code);
		item->result = RV_APPLY_PENDING;
		return rv_change_open(op, &p, old_digest, &item->change, err);
	}
	p.unseparated = item->unseparated = power;
	return rv_put(op, &p, !found, err);
}

enum rv_code rv_apply(struct rv_op *op, const struct rv_manifest_set *set,
	const struct rv_apply_opts *opts, struct rv_apply_report *ret, struct rv_err *err)
{
	struct rv_bootstrap boot;
	const unsigned dirty = op->dirty;
	const uint32_t n_events = op->n_events;
	*ret = (struct rv_apply_report){ .n = set->n };
	ret->items = rv_arena_array(op->arena, set->n + 1, sizeof *ret->items);
	if (!ret->items)
		return RV_FAIL_ARENA(err);
	RV_TRY(rv_bootstrap_state(op, &boot, err));
	if (opts->dry_run)
		RV_TRY(rv_store_save(op->txn, err));
	for (size_t at = 0; at < set->n * RV_COUNT(ORDER); at++) {
		struct rv_err local = { 0 };
		size_t i = at % set->n;
		if (set->items[i].kind != ORDER[at / set->n])
			continue;
		enum rv_code code =
			apply_one(op, &set->items[i], opts, &boot, &ret->items[i], &local);
		if (code != RV_OK) {
			rv_err_prefix(&local, "%s '%.*s': ", rv_kind_name(set->items[i].kind),
				RV_FMT(set->items[i].name));
			rv_err_where(&local, set->items[i].path);
			if (local.line == 0)
				local.line = set->items[i].line;
			if (err && err->code == RV_OK)
				*err = local;
			if (opts->dry_run)
				rv_store_undo(op->txn);
			return code;
		}
		ret->n_created += ret->items[i].result == RV_APPLY_CREATED;
		ret->n_changed += ret->items[i].result == RV_APPLY_CHANGED;
		ret->n_unchanged += ret->items[i].result == RV_APPLY_UNCHANGED;
		ret->n_pending += ret->items[i].result == RV_APPLY_PENDING;
	}
	if (!opts->dry_run)
		return rv_bootstrap_check(op, err);
	rv_store_undo(op->txn);
	op->dirty = dirty;
	op->n_events = n_events;
	op->touched = NULL;
	return RV_OK;
}
