/* Rows of the database into entries of a snapshot. Each maker runs twice over the same row: once to
 * measure, once to fill one allocation. */
#include "governance/snapshot_int.h"

/* What many rows need at once when a whole part is read; lists are in key order. */
struct aux {
	struct rv_db_meter_def *defs; /* active ones, by subject_kind, subject */
	size_t n_defs;
	struct rv_db_seal_key *keys;
	size_t n_keys;
	struct rv_db_grp_member *members; /* by person */
	size_t n_members;
	struct rv_db_team_member *teams; /* by person */
	size_t n_teams;
};

static void entry_init(struct snap_entry *e, struct rv_str key, struct rv_str key2)
{
	atomic_init(&e->refs, 1);
	e->key = key;
	e->key2 = key2;
	e->hash = snap_hash(key, key2);
}

static const struct rv_limit *pack_limits(struct snap_pack *p, const struct rv_limit *v, size_t n)
{
	struct rv_limit *out = snap_pack_mem(p, n * sizeof *out);
	for (size_t i = 0; i < n; i++) {
		struct rv_limit l = v[i];
		l.id = snap_pack_str(p, l.id);
		l.name = snap_pack_str(p, l.name);
		l.subject = snap_pack_str(p, l.subject);
		l.currency = snap_pack_str(p, l.currency);
		l.hash = snap_pack_str(p, l.hash);
		l.per = snap_pack_str(p, l.per);
		l.zone = snap_pack_str(p, l.zone);
		l.resources = snap_pack_strs(p, l.resources, l.n_resources);
		l.actions = snap_pack_strs(p, l.actions, l.n_actions);
		l.groups = snap_pack_strs(p, l.groups, l.n_groups);
		if (out)
			out[i] = l;
	}
	return out;
}

struct system_in {
	const struct rv_db_system *row;
	const struct rv_str *labels;
	size_t n_labels;
	const struct rv_limit *limits;
	size_t n_limits;
	struct rv_str wrapped;
};

static void system_make(struct snap_pack *p, const void *arg)
{
	const struct system_in *in = arg;
	const struct rv_db_system *r = in->row;
	struct snap_system *s = snap_pack_mem(p, sizeof *s);
	const struct rv_snap_system pub = {
		.name = snap_pack_str(p, r->name),
		.state = snap_pack_str(p, r->state),
		.owner = snap_pack_str(p, r->owner),
		.deputy = snap_pack_str(p, r->deputy),
		.class_ = snap_pack_str(p, r->class),
		.role = snap_pack_str(p, r->role),
		.team = snap_pack_str(p, r->team),
		.parent = snap_pack_str(p, r->parent),
		.environment = snap_pack_str(p, r->environment),
		.risk = snap_pack_str(p, r->risk),
		.labels = snap_pack_strs(p, in->labels, in->n_labels),
		.n_labels = in->n_labels,
		.version = r->version,
		.unseparated_until_ns = r->unseparated_until_ns,
		.observe = r->observe != 0,
		.frozen = r->frozen != 0,
		.limits = pack_limits(p, in->limits, in->n_limits),
		.n_limits = in->n_limits,
		.wrapped_key = snap_pack_str(p, in->wrapped),
	};
	if (!s)
		return;
	s->pub = pub;
	entry_init(&s->e, pub.name, (struct rv_str){ 0 });
	atomic_init(&s->key_state, SNAP_KEY_NONE);
	s->e.secret = &s->key;
	s->e.secret_bytes = sizeof s->key;
}

static void credential_make(struct snap_pack *p, const void *arg)
{
	const struct rv_db_credential *r = arg;
	struct snap_credential *c = snap_pack_mem(p, sizeof *c);
	struct rv_str hash = snap_pack_str(p, r->hash);
	const struct rv_snap_credential pub = {
		.kind = rv_str_eqz(r->kind, "system")  ? RV_CRED_SYSTEM
			: rv_str_eqz(r->kind, "point") ? RV_CRED_POINT
						       : RV_CRED_SESSION,
		.id = snap_pack_str(p, r->id),
		.subject = snap_pack_str(p, r->subject),
		.expires_ns = r->expires_ns,
	};
	if (!c)
		return;
	c->pub = pub;
	entry_init(&c->e, hash, (struct rv_str){ 0 });
}

struct person_in {
	const struct rv_db_person *row;
	const struct rv_str *groups, *teams;
	size_t n_groups, n_teams;
};

static void person_make(struct snap_pack *p, const void *arg)
{
	const struct person_in *in = arg;
	struct snap_person *s = snap_pack_mem(p, sizeof *s);
	const struct rv_snap_person pub = {
		.name = snap_pack_str(p, in->row->name),
		.display = snap_pack_str(p, in->row->display),
		.email = snap_pack_str(p, in->row->email),
		.rights = in->row->rights,
		.active = in->row->active != 0,
		.groups = snap_pack_strs(p, in->groups, in->n_groups),
		.n_groups = in->n_groups,
		.teams = snap_pack_strs(p, in->teams, in->n_teams),
		.n_teams = in->n_teams,
	};
	if (!s)
		return;
	s->pub = pub;
	entry_init(&s->e, pub.name, (struct rv_str){ 0 });
}

struct point_in {
	const struct rv_db_point *row;
	const struct rv_str *systems, *overlays;
	size_t n_systems, n_overlays;
};

static void point_make(struct snap_pack *p, const void *arg)
{
	const struct point_in *in = arg;
	struct snap_point *s = snap_pack_mem(p, sizeof *s);
	const struct rv_snap_point pub = {
		.name = snap_pack_str(p, in->row->name),
		.kind = snap_pack_str(p, in->row->kind),
		.trust = snap_pack_str(p, in->row->trust),
		.owner = snap_pack_str(p, in->row->owner),
		.all_systems = rv_strs_has(in->systems, in->n_systems, RV_STR("*")),
		.needs_subject_token = in->row->subject_token != 0,
		.systems = snap_pack_strs(p, in->systems, in->n_systems),
		.n_systems = in->n_systems,
		.overlays = snap_pack_strs(p, in->overlays, in->n_overlays),
		.n_overlays = in->n_overlays,
	};
	if (!s)
		return;
	s->pub = pub;
	s->active = in->row->active != 0;
	entry_init(&s->e, pub.name, (struct rv_str){ 0 });
}

struct resource_in {
	const struct rv_db_resource *row;
	const struct rv_str *parents, *actions, *effects, *tag_names, *tag_values;
	size_t n_parents, n_effects, n_tags;
};

static void resource_make(struct snap_pack *p, const void *arg)
{
	const struct resource_in *in = arg;
	const struct rv_db_resource *r = in->row;
	struct snap_resource *s = snap_pack_mem(p, sizeof *s);
	const struct rv_snap_resource pub = {
		.type = snap_pack_str(p, r->type),
		.id = snap_pack_str(p, r->id),
		.kind = snap_pack_str(p, r->kind),
		.environment = snap_pack_str(p, r->environment),
		.data_class = snap_pack_str(p, r->data_class),
		.owner = snap_pack_str(p, r->owner),
		.digest = snap_pack_str(p, r->digest),
		.parents = snap_pack_strs(p, in->parents, in->n_parents),
		.n_parents = in->n_parents,
		.actions = snap_pack_strs(p, in->actions, in->n_effects),
		.effects = snap_pack_strs(p, in->effects, in->n_effects),
		.n_effects = in->n_effects,
		.tag_names = snap_pack_strs(p, in->tag_names, in->n_tags),
		.tag_values = snap_pack_strs(p, in->tag_values, in->n_tags),
		.n_tags = in->n_tags,
	};
	if (!s)
		return;
	s->pub = pub;
	entry_init(&s->e, pub.type, pub.id);
}

struct role_in {
	struct rv_str name;
	const struct rv_limit *limits;
	size_t n_limits;
};

static void role_make(struct snap_pack *p, const void *arg)
{
	const struct role_in *in = arg;
	struct snap_role *s = snap_pack_mem(p, sizeof *s);
	struct rv_str name = snap_pack_str(p, in->name);
	const struct rv_limit *limits = pack_limits(p, in->limits, in->n_limits);
	if (!s)
		return;
	s->limits = limits;
	s->n_limits = in->n_limits;
	entry_init(&s->e, name, (struct rv_str){ 0 });
}

typedef void make_fn(struct snap_pack *p, const void *in);

static enum rv_code put(struct snap_map **m, make_fn *make, const void *in, struct rv_err *err)
{
	struct snap_pack p = { 0 };
	make(&p, in);
	p.base = calloc(1, p.at);
	p.at = 0;
	if (!p.base)
		return RV_FAIL(err, RV_ENOMEM, "no memory for the snapshot");
	make(&p, in);
	if (!snap_map_put(m, (struct snap_entry *)(void *)p.base))
		return RV_FAIL(err, RV_ENOMEM, "no memory for the snapshot");
	return RV_OK;
}

bool snap_system_stopped(const struct snap_system *is, bool is_freeze, struct snap_map **m)
{
	const struct rv_snap_system *p = &is->pub;
	const struct rv_db_system row = { .name = p->name,
		.state = is_freeze ? p->state : RV_STR("suspended"),
		.version = p->version,
		.owner = p->owner,
		.deputy = p->deputy,
		.class = p->class_,
		.role = p->role,
		.team = p->team,
		.parent = p->parent,
		.environment = p->environment,
		.risk = p->risk,
		.observe = p->observe,
		.unseparated_until_ns = p->unseparated_until_ns,
		.frozen = is_freeze || p->frozen };
	const struct system_in in = { &row, p->labels, p->n_labels, p->limits, p->n_limits,
		p->wrapped_key };
	return put(m, system_make, &in, NULL) == RV_OK;
}

/* ---- auxiliary rows ---- */

static int by_subject(const void *a, const void *b)
{
	const struct rv_db_meter_def *x = a, *y = b;
	int c = rv_str_cmp(x->subject_kind, y->subject_kind);
	if (c == 0)
		c = rv_str_cmp(x->subject, y->subject);
	return c ? c : rv_str_cmp(x->id, y->id);
}

static enum rv_code limits_of(struct snap_load *l, const struct aux *aux, const char *kind,
	struct rv_str subject, const struct rv_limit **ret, size_t *ret_n, struct rv_err *err)
{
	struct rv_db_meter_def want = {
		.subject_kind = rv_str_of(kind), .subject = subject, .id = RV_STR("")
	};
	size_t lo = 0, hi = aux->n_defs, n = 0;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (by_subject(&aux->defs[mid], &want) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	while (lo + n < aux->n_defs && rv_str_eq(aux->defs[lo + n].subject, subject) &&
		rv_str_eqz(aux->defs[lo + n].subject_kind, kind))
		n++;
	*ret = NULL;
	*ret_n = n;
	if (n == 0)
		return RV_OK;
	struct rv_limit *out = rv_arena_array(&l->arena, n, sizeof *out);
	if (!out)
		return RV_FAIL_ARENA(err);
	for (size_t i = 0; i < n; i++)
		RV_TRY(rv_limit_of_row(&l->arena, &aux->defs[lo + i], &out[i], err));
	*ret = out;
	return RV_OK;
}

static enum rv_code aux_defs(struct snap_load *l, struct aux *aux, const struct rv_str *kind,
	const struct rv_str *subject, struct rv_err *err)
{
	struct rv_query q = { .where = { RV_Q_INT(meter_def, active, RV_CMP_EQ, 1) },
		.n_where = 1 };
	if (subject) {
		q.where[q.n_where++] = RV_Q_STR(meter_def, subject_kind, RV_CMP_EQ, *kind);
		q.where[q.n_where++] = RV_Q_STR(meter_def, subject, RV_CMP_EQ, *subject);
	}
	RV_TRY(rv_db_meter_def_list(l->txn, &l->arena, &q, &aux->defs, &aux->n_defs, err));
	if (aux->n_defs > 0)
		qsort(aux->defs, aux->n_defs, sizeof *aux->defs, by_subject);
	return RV_OK;
}

static int key_cmp(const void *a, const void *b)
{
	return rv_str_cmp(((const struct rv_db_seal_key *)a)->system,
		((const struct rv_db_seal_key *)b)->system);
}

static enum rv_code add_system(struct snap_load *l, const struct aux *aux,
	const struct rv_db_system *row, struct snap_map **m, struct rv_err *err)
{
	struct system_in in = { .row = row };
	RV_TRY(rv_strs_parse(&l->arena, row->labels_json, &in.labels, &in.n_labels, err));
	RV_TRY(limits_of(l, aux, "system", row->name, &in.limits, &in.n_limits, err));
	const struct rv_db_seal_key want = { .system = row->name };
	const struct rv_db_seal_key *key =
		aux->n_keys ? bsearch(&want, aux->keys, aux->n_keys, sizeof want, key_cmp) : NULL;
	if (key)
		in.wrapped = key->wrapped;
	return put(m, system_make, &in, err);
}

/* Arena use of one row must not pile up over 10,000. */
struct each {
	struct snap_load *l;
	const struct aux *aux;
	struct snap_map **m;
};

static enum rv_code each_system(void *arg, const void *row, struct rv_err *err)
{
	struct each *e = arg;
	return add_system(e->l, e->aux, row, e->m, err);
}

static enum rv_code load_systems(struct snap_load *l, struct snap_map **m, struct rv_err *err)
{
	struct aux aux = { 0 };
	RV_TRY(aux_defs(l, &aux, NULL, NULL, err));
	RV_TRY(rv_db_seal_key_list(l->txn, &l->arena, RV_Q_ALL, &aux.keys, &aux.n_keys, err));
	struct each e = { l, &aux, m };
	return rv_db_system_each(l->txn, RV_Q_ALL, each_system, &e, err);
}

static enum rv_code row_system(
	struct snap_load *l, struct rv_str name, struct snap_map **m, struct rv_err *err)
{
	struct aux aux = { 0 };
	struct rv_db_system row = { .name = name };
	RV_TRY(rv_db_system_get(l->txn, &l->arena, &row, err));
	const struct rv_str kind = RV_STR("system");
	RV_TRY(aux_defs(l, &aux, &kind, &name, err));
	RV_TRY(rv_db_seal_key_list(
		l->txn, &l->arena, RV_Q_BY(seal_key, system, name), &aux.keys, &aux.n_keys, err));
	return add_system(l, &aux, &row, m, err);
}

static enum rv_code each_credential(void *arg, const void *row, struct rv_err *err)
{
	struct each *e = arg;
	return put(e->m, credential_make, row, err);
}

static enum rv_code load_credentials(struct snap_load *l, struct snap_map **m, struct rv_err *err)
{
	const struct rv_query q = { .where = { RV_Q_INT(credential, revoked_ns, RV_CMP_EQ, 0),
					    RV_Q_INT(
						    credential, expires_ns, RV_CMP_GT, l->now_ns) },
		.n_where = 2 };
	struct each e = { l, NULL, m };
	return rv_db_credential_each(l->txn, &q, each_credential, &e, err);
}

static enum rv_code row_credential(
	struct snap_load *l, struct rv_str id, struct snap_map **m, struct rv_err *err)
{
	struct rv_db_credential row = { .id = id };
	RV_TRY(rv_db_credential_get(l->txn, &l->arena, &row, err));
	if (row.revoked_ns == 0 && row.expires_ns > l->now_ns)
		return put(m, credential_make, &row, err);
	snap_map_drop(*m, row.hash, (struct rv_str){ 0 });
	return RV_OK;
}

static int member_cmp(const void *a, const void *b)
{
	const struct rv_db_grp_member *x = a, *y = b;
	int c = rv_str_cmp(x->person, y->person);
	return c ? c : rv_str_cmp(x->grp, y->grp);
}

static int team_cmp(const void *a, const void *b)
{
	const struct rv_db_team_member *x = a, *y = b;
	int c = rv_str_cmp(x->person, y->person);
	return c ? c : rv_str_cmp(x->team, y->team);
}

static enum rv_code aux_members(
	struct snap_load *l, struct aux *aux, const struct rv_str *person, struct rv_err *err)
{
	const struct rv_query *qm = person ? RV_Q_BY(grp_member, person, *person) : RV_Q_ALL;
	const struct rv_query *qt = person ? RV_Q_BY(team_member, person, *person) : RV_Q_ALL;
	RV_TRY(rv_db_grp_member_list(l->txn, &l->arena, qm, &aux->members, &aux->n_members, err));
	RV_TRY(rv_db_team_member_list(l->txn, &l->arena, qt, &aux->teams, &aux->n_teams, err));
	if (aux->n_members > 0)
		qsort(aux->members, aux->n_members, sizeof *aux->members, member_cmp);
	if (aux->n_teams > 0)
		qsort(aux->teams, aux->n_teams, sizeof *aux->teams, team_cmp);
	return RV_OK;
}

static enum rv_code add_person(struct snap_load *l, const struct aux *aux,
	const struct rv_db_person *row, struct snap_map **m, struct rv_err *err)
{
	struct rv_str *groups = rv_arena_array(&l->arena, aux->n_members + 1, sizeof *groups);
	struct rv_str *teams = rv_arena_array(&l->arena, aux->n_teams + 1, sizeof *teams);
	if (!groups || !teams)
		return RV_FAIL_ARENA(err);
	struct person_in in = { .row = row, .groups = groups, .teams = teams };
	for (size_t i = 0; i < aux->n_members; i++)
		if (rv_str_eq(aux->members[i].person, row->name))
			groups[in.n_groups++] = aux->members[i].grp;
	for (size_t i = 0; i < aux->n_teams; i++)
		if (rv_str_eq(aux->teams[i].person, row->name))
			teams[in.n_teams++] = aux->teams[i].team;
	return put(m, person_make, &in, err);
}

static enum rv_code each_person(void *arg, const void *row, struct rv_err *err)
{
	/* The slice of one person, found in the sorted lists, keeps the whole linear. */
	struct each *e = arg;
	const struct rv_db_person *p = row;
	struct aux own = *e->aux;
	size_t lo = 0, hi = own.n_members;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (rv_str_cmp(own.members[mid].person, p->name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	own.members += lo;
	own.n_members = 0;
	while (lo + own.n_members < e->aux->n_members &&
		rv_str_eq(own.members[own.n_members].person, p->name))
		own.n_members++;
	lo = 0;
	hi = own.n_teams;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (rv_str_cmp(own.teams[mid].person, p->name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	own.teams += lo;
	own.n_teams = 0;
	while (lo + own.n_teams < e->aux->n_teams &&
		rv_str_eq(own.teams[own.n_teams].person, p->name))
		own.n_teams++;
	return add_person(e->l, &own, p, e->m, err);
}

static enum rv_code load_people(struct snap_load *l, struct snap_map **m, struct rv_err *err)
{
	struct aux aux = { 0 };
	RV_TRY(aux_members(l, &aux, NULL, err));
	struct each e = { l, &aux, m };
	return rv_db_person_each(l->txn, RV_Q_ALL, each_person, &e, err);
}

static enum rv_code row_person(
	struct snap_load *l, struct rv_str name, struct snap_map **m, struct rv_err *err)
{
	struct aux aux = { 0 };
	struct rv_db_person row = { .name = name };
	RV_TRY(rv_db_person_get(l->txn, &l->arena, &row, err));
	RV_TRY(aux_members(l, &aux, &name, err));
	return add_person(l, &aux, &row, m, err);
}

static enum rv_code each_point(void *arg, const void *row, struct rv_err *err)
{
	struct each *e = arg;
	struct point_in in = { .row = row };
	RV_TRY(rv_strs_parse(&e->l->arena, in.row->systems_json, &in.systems, &in.n_systems, err));
	RV_TRY(rv_strs_parse(
		&e->l->arena, in.row->overlays_json, &in.overlays, &in.n_overlays, err));
	return put(e->m, point_make, &in, err);
}

static enum rv_code pairs(struct snap_load *l, struct rv_str json, const struct rv_str **names,
	const struct rv_str **values, size_t *n, struct rv_err *err)
{
	const struct rv_json *v;
	*n = 0;
	if (json.n == 0)
		return RV_OK;
	RV_TRY(rv_json_parse(&l->arena, json, NULL, &v, err));
	if (v->type != RV_JSON_OBJ)
		return RV_FAIL(err, RV_ECORRUPT, "a stored object is none");
	struct rv_str *k = rv_arena_array(&l->arena, v->n_members + 1, sizeof *k);
	struct rv_str *w = rv_arena_array(&l->arena, v->n_members + 1, sizeof *w);
	if (!k || !w)
		return RV_FAIL_ARENA(err);
	RV_JSON_EACH (m, v) {
		if (m->value->type != RV_JSON_STR)
			return RV_FAIL(err, RV_ECORRUPT, "a stored object holds no text");
		k[*n] = m->name;
		w[(*n)++] = m->value->str;
	}
	*names = k;
	*values = w;
	return RV_OK;
}

static enum rv_code each_resource(void *arg, const void *row, struct rv_err *err)
{
	struct each *e = arg;
	struct resource_in in = { .row = row };
	if (!in.row->active) {
		snap_map_drop(*e->m, in.row->type, in.row->id);
		return RV_OK;
	}
	RV_TRY(rv_strs_parse(&e->l->arena, in.row->parents_json, &in.parents, &in.n_parents, err));
	RV_TRY(pairs(e->l, in.row->effects_json, &in.actions, &in.effects, &in.n_effects, err));
	RV_TRY(pairs(e->l, in.row->tags_json, &in.tag_names, &in.tag_values, &in.n_tags, err));
	return put(e->m, resource_make, &in, err);
}

static enum rv_code add_role(struct snap_load *l, const struct aux *aux, struct rv_str name,
	struct snap_map **m, struct rv_err *err)
{
	struct role_in in = { .name = name };
	RV_TRY(limits_of(l, aux, "role", name, &in.limits, &in.n_limits, err));
	return put(m, role_make, &in, err);
}

static enum rv_code each_role(void *arg, const void *row, struct rv_err *err)
{
	struct each *e = arg;
	return add_role(e->l, e->aux, ((const struct rv_db_role *)row)->name, e->m, err);
}

static enum rv_code load_roles(struct snap_load *l, struct snap_map **m, struct rv_err *err)
{
	struct aux aux = { 0 };
	RV_TRY(aux_defs(l, &aux, NULL, NULL, err));
	struct each e = { l, &aux, m };
	return rv_db_role_each(l->txn, RV_Q_ALL, each_role, &e, err);
}

static enum rv_code load_into(
	struct snap_load *l, enum rv_part part, struct snap_map **m, struct rv_err *err)
{
	struct each e = { l, NULL, m };
	switch (part) {
	case RV_PART_SYSTEM:
		return load_systems(l, m, err);
	case RV_PART_CREDENTIAL:
		return load_credentials(l, m, err);
	case RV_PART_PERSON:
		return load_people(l, m, err);
	case RV_PART_POINT:
		return rv_db_point_each(l->txn, RV_Q_ALL, each_point, &e, err);
	case RV_PART_RESOURCE:
		return rv_db_resource_each(l->txn, RV_Q_ALL, each_resource, &e, err);
	case RV_PART_ROLE:
		return load_roles(l, m, err);
	case RV_PART_COUNT:
		break;
	}
	return RV_FAIL(err, RV_EINTERNAL, "no such part");
}

static const struct rv_table *const part_tables[] = {
	[RV_PART_SYSTEM] = &rv_tab_system,
	[RV_PART_CREDENTIAL] = &rv_tab_credential,
	[RV_PART_PERSON] = &rv_tab_person,
	[RV_PART_POINT] = &rv_tab_point,
	[RV_PART_RESOURCE] = &rv_tab_resource,
	[RV_PART_ROLE] = &rv_tab_role,
};

enum rv_code snap_load_part(
	struct snap_load *l, enum rv_part part, struct snap_map **ret, struct rv_err *err)
{
	int64_t n;
	RV_TRY(rv_store_count(l->txn, part_tables[part], RV_Q_ALL, &n, err));
	struct snap_map *m = snap_map_new((size_t)n);
	if (!m)
		return RV_FAIL(err, RV_ENOMEM, "no memory for the snapshot");
	enum rv_code code = load_into(l, part, &m, err);
	if (code != RV_OK) {
		snap_map_unref(m);
		return code;
	}
	*ret = m;
	return RV_OK;
}

enum rv_code snap_load_row(
	struct snap_load *l, const struct rv_touch *t, struct snap_map **m, struct rv_err *err)
{
	struct each e = { l, NULL, m };
	switch (t->part) {
	case RV_PART_SYSTEM:
		return row_system(l, t->key, m, err);
	case RV_PART_CREDENTIAL:
		return row_credential(l, t->key, m, err);
	case RV_PART_PERSON:
		return row_person(l, t->key, m, err);
	case RV_PART_POINT:
		return rv_db_point_each(l->txn, RV_Q_BY(point, name, t->key), each_point, &e, err);
	case RV_PART_RESOURCE: {
		const struct rv_query q = { .where = { RV_Q_STR(resource, type, RV_CMP_EQ, t->key),
						    RV_Q_STR(resource, id, RV_CMP_EQ, t->key2) },
			.n_where = 2 };
		return rv_db_resource_each(l->txn, &q, each_resource, &e, err);
	}
	case RV_PART_ROLE: {
		struct aux aux = { 0 };
		const struct rv_str kind = RV_STR("role");
		RV_TRY(aux_defs(l, &aux, &kind, &t->key, err));
		return add_role(l, &aux, t->key, m, err);
	}
	case RV_PART_COUNT:
		break;
	}
	return RV_FAIL(err, RV_EINTERNAL, "no such part");
}
