/* Teams, people, groups and roles. */
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

/* ---- people ---- */

/* The first admin came from a link, without a spec. */
static enum rv_code spec_of_rights(
	struct rv_op *op, int64_t rights, struct rv_str *ret, struct rv_err *err)
{
	RV_AUTO_BUF b;
	struct rv_json_w w;
	char names[80];
	struct rv_str rest = rv_str_of(rv_rights_text(rights, names)), one;
	rv_buf_init(&b, 1024);
	rv_json_w_init(&w, &b);
	rv_json_w_obj(&w);
	rv_json_w_name(&w, "rights");
	rv_json_w_arr(&w);
	while (rest.n > 0 && rv_str_split(&rest, ',', &one))
		rv_json_w_str(&w, one);
	rv_json_w_arr_end(&w);
	rv_json_w_obj_end(&w);
	return rv_op_buf(op, &b, ret, err);
}

static enum rv_code person_load(struct rv_apply_one *o, struct rv_err *err)
{
	struct rv_db_person p = { .name = o->m->name };
	struct rv_err e = { 0 };
	bool is;
	RV_TRY(found(rv_db_person_get(o->op->txn, o->op->arena, &p, &e), &e, &is, err));
	if (!is)
		return RV_OK;
	if (!p.active)
		return rv_apply_fail(
			o, err, RV_ECONFLICT, NULL, "is disabled, and names are not used again");
	if (p.spec.n == 0)
		RV_TRY(spec_of_rights(o->op, p.rights, &p.spec, err));
	return set_old(o, p.spec, p.digest, err);
}

static enum rv_code person_check(struct rv_apply_one *o, struct rv_err *err)
{
	/* Nobody agrees to more power for themselves. */
	if (o->second && o->widens && rv_is_person(o->op, o->m->name))
		return rv_apply_fail(o, err, RV_EPERM, NULL, "does not approve this about oneself");
	return RV_OK;
}

static enum rv_code person_write(struct rv_apply_one *o, struct rv_err *err)
{
	struct rv_spec_person s;
	struct rv_db_person p = { .name = o->m->name,
		.active = 1,
		.created_ns = o->op->now_ns,
		.created_by = o->author };
	RV_TRY(rv_spec_person_read(o->op->arena, o->spec, &s, err));
	if (o->old) {
		RV_TRY(rv_person_row(o->op, o->m->name, &p, err));
		RV_TRY(rv_person_not_last(o->op, &p, p.rights & ~s.rights, err));
	}
	p.display = s.display;
	p.email = s.email;
	p.rights = s.rights;
	p.unseparated = o->unseparated || (p.unseparated && !o->second);
	p.spec = o->body;
	p.digest = o->digest;
	p.changed_ns = o->op->now_ns;
	RV_TRY(rv_db_person_put(o->op->txn, &p, err));
	return rv_touch(o->op, RV_PART_PERSON, p.name, (struct rv_str){ 0 }, err);
}

const struct rv_apply_kind rv_apply_person = { .kind = RV_KIND_PERSON,
	.rights = RV_RIGHT_ADMIN,
	.created = RV_EV_ADMIN_PERSON_CREATED,
	.changed = RV_EV_ADMIN_PERSON_CHANGED,
	.proposed = RV_EV_REGISTRY_PROPOSED,
	.load = person_load,
	.check = person_check,
	.write = person_write };

/* ---- teams and groups ---- */

static enum rv_code members_check(struct rv_apply_one *o, struct rv_err *err)
{
	struct rv_spec_members s;
	const struct rv_json *was = rv_json_get(o->old, "members");
	RV_TRY(rv_spec_members_read(o->op->arena, o->spec, &s, err));
	for (size_t i = 0; i < s.members.n; i++) {
		bool had = false;
		RV_TRY(rv_apply_need_person(o, "members", s.members.v[i], err));
		for (size_t k = 0; rv_json_is(was, RV_JSON_ARR) && k < was->n_items; k++)
			had = had || rv_str_eq(was->items[k]->str, s.members.v[i]);
		/* Nobody lets themselves in. */
		if (!had && o->second && rv_is_person(o->op, s.members.v[i]))
			return rv_apply_fail(o, err, RV_EPERM, "members",
				"'%.*s' does not approve joining it", RV_FMT(o->op->actor.id));
	}
	return RV_OK;
}

static enum rv_code team_members(
	struct rv_op *op, struct rv_str name, const struct rv_strs *want, struct rv_err *err)
{
	struct rv_db_team_member *was;
	size_t n;
	RV_TRY(rv_db_team_member_list(
		op->txn, op->arena, RV_Q_BY(team_member, team, name), &was, &n, err));
	for (size_t i = 0; i < n; i++) {
		const struct rv_query q = {
			.where = { RV_Q_STR(team_member, team, RV_CMP_EQ, name),
				RV_Q_STR(team_member, person, RV_CMP_EQ, was[i].person) },
			.n_where = 2
		};
		if (rv_strs_has(want->v, want->n, was[i].person))
			continue;
		RV_TRY(rv_db_team_member_remove(op->txn, &q, NULL, err));
		RV_TRY(rv_touch(op, RV_PART_PERSON, was[i].person, (struct rv_str){ 0 }, err));
	}
	for (size_t i = 0; i < want->n; i++) {
		const struct rv_db_team_member m = { name, want->v[i], op->now_ns };
		bool had = false;
		for (size_t k = 0; k < n; k++)
			had = had || rv_str_eq(was[k].person, m.person);
		if (had) /* since_ns of who stays is kept */
			continue;
		RV_TRY(rv_db_team_member_insert(op->txn, &m, err));
		RV_TRY(rv_touch(op, RV_PART_PERSON, m.person, (struct rv_str){ 0 }, err));
	}
	return RV_OK;
}

static enum rv_code team_load(struct rv_apply_one *o, struct rv_err *err)
{
	struct rv_db_team t = { .name = o->m->name };
	struct rv_err e = { 0 };
	bool is;
	RV_TRY(found(rv_db_team_get(o->op->txn, o->op->arena, &t, &e), &e, &is, err));
	return is ? set_old(o, t.spec, t.digest, err) : RV_OK;
}

static enum rv_code team_write(struct rv_apply_one *o, struct rv_err *err)
{
	struct rv_spec_members s;
	struct rv_db_team t = { .name = o->m->name, .created_ns = o->op->now_ns };
	RV_TRY(rv_spec_members_read(o->op->arena, o->spec, &s, err));
	if (o->old)
		RV_TRY(rv_db_team_get(o->op->txn, o->op->arena, &t, err));
	t.display = s.display;
	t.spec = o->body;
	t.digest = o->digest;
	RV_TRY(rv_db_team_put(o->op->txn, &t, err));
	return team_members(o->op, t.name, &s.members, err);
}

const struct rv_apply_kind rv_apply_team = { .kind = RV_KIND_TEAM,
	.rights = RV_RIGHT_ADMIN,
	.created = RV_EV_REGISTRY_CREATED,
	.changed = RV_EV_REGISTRY_CHANGED,
	.proposed = RV_EV_REGISTRY_PROPOSED,
	.load = team_load,
	.check = members_check,
	.write = team_write };

static enum rv_code group_members(
	struct rv_op *op, struct rv_str name, const struct rv_strs *want, struct rv_err *err)
{
	struct rv_db_grp_member *was;
	size_t n;
	RV_TRY(rv_db_grp_member_list(
		op->txn, op->arena, RV_Q_BY(grp_member, grp, name), &was, &n, err));
	for (size_t i = 0; i < n; i++) {
		const struct rv_query q = {
			.where = { RV_Q_STR(grp_member, grp, RV_CMP_EQ, name),
				RV_Q_STR(grp_member, person, RV_CMP_EQ, was[i].person) },
			.n_where = 2
		};
		if (rv_strs_has(want->v, want->n, was[i].person))
			continue;
		RV_TRY(rv_db_grp_member_remove(op->txn, &q, NULL, err));
		RV_TRY(rv_touch(op, RV_PART_PERSON, was[i].person, (struct rv_str){ 0 }, err));
	}
	for (size_t i = 0; i < want->n; i++) {
		const struct rv_db_grp_member m = { name, want->v[i], op->now_ns };
		bool had = false;
		for (size_t k = 0; k < n; k++)
			had = had || rv_str_eq(was[k].person, m.person);
		if (had) /* since_ns of who stays is kept */
			continue;
		RV_TRY(rv_db_grp_member_insert(op->txn, &m, err));
		RV_TRY(rv_touch(op, RV_PART_PERSON, m.person, (struct rv_str){ 0 }, err));
	}
	return RV_OK;
}

static enum rv_code group_load(struct rv_apply_one *o, struct rv_err *err)
{
	struct rv_db_grp g = { .name = o->m->name };
	struct rv_err e = { 0 };
	bool is;
	RV_TRY(found(rv_db_grp_get(o->op->txn, o->op->arena, &g, &e), &e, &is, err));
	return is ? set_old(o, g.spec, g.digest, err) : RV_OK;
}

static enum rv_code group_write(struct rv_apply_one *o, struct rv_err *err)
{
	struct rv_spec_members s;
	struct rv_db_grp g = { .name = o->m->name, .created_ns = o->op->now_ns };
	RV_TRY(rv_spec_members_read(o->op->arena, o->spec, &s, err));
	if (o->old)
		RV_TRY(rv_db_grp_get(o->op->txn, o->op->arena, &g, err));
	g.display = s.display;
	g.spec = o->body;
	g.digest = o->digest;
	RV_TRY(rv_db_grp_put(o->op->txn, &g, err));
	return group_members(o->op, g.name, &s.members, err);
}

const struct rv_apply_kind rv_apply_group = { .kind = RV_KIND_GROUP,
	.rights = RV_RIGHT_ADMIN,
	.created = RV_EV_REGISTRY_CREATED,
	.changed = RV_EV_REGISTRY_CHANGED,
	.proposed = RV_EV_REGISTRY_PROPOSED,
	.load = group_load,
	.check = members_check,
	.write = group_write };

static enum rv_code role_load(struct rv_apply_one *o, struct rv_err *err)
{
	struct rv_db_role r = { .name = o->m->name };
	struct rv_err e = { 0 };
	bool is;
	RV_TRY(found(rv_db_role_get(o->op->txn, o->op->arena, &r, &e), &e, &is, err));
	return is ? set_old(o, r.spec, r.digest, err) : RV_OK;
}

static enum rv_code role_write(struct rv_apply_one *o, struct rv_err *err)
{
	struct rv_spec_role s;
	struct rv_db_role r = { .name = o->m->name, .created_ns = o->op->now_ns };
	RV_TRY(rv_spec_role_read(o->op->arena, o->spec, &s, err));
	if (o->old)
		RV_TRY(rv_db_role_get(o->op->txn, o->op->arena, &r, err));
	r.display = s.display;
	r.spec = o->body;
	r.digest = o->digest;
	RV_TRY(rv_db_role_put(o->op->txn, &r, err));
	return rv_touch(o->op, RV_PART_ROLE, r.name, (struct rv_str){ 0 }, err);
}

const struct rv_apply_kind rv_apply_role = { .kind = RV_KIND_ROLE,
	.rights = RV_RIGHT_ADMIN,
	.created = RV_EV_REGISTRY_CREATED,
	.changed = RV_EV_REGISTRY_CHANGED,
	.proposed = RV_EV_REGISTRY_PROPOSED,
	.load = role_load,
	.write = role_write };
