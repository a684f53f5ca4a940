/* What is known about what is asked: the catalogue first, claims only in its gaps. */
#include <stdio.h>

#include "gate/gate_int.h"

enum { CONTEXT_MAX = 64 };

/* Attributes a claim never fills. */
static bool is_authoritative(struct rv_str name)
{
	static const char *const names[] = { "environment", "data_class", "owner", "effect" };
	for (size_t i = 0; i < RV_COUNT(names); i++)
		if (rv_str_eqz(name, names[i]))
			return true;
	return false;
}

/* What the catalogue alone says, whoever asks. */
static bool is_catalogues(struct rv_str name)
{
	return rv_str_eqz(name, "known") || rv_str_eqz(name, "kind");
}

static enum rv_code no_memory(struct rv_err *err)
{
	return RV_FAIL(err, RV_ELIMIT, "the request needs more memory than is allowed");
}

/* ---- action and resource ---- */

static struct rv_str effect_of(const struct rv_snap_resource *r, struct rv_str action)
{
	for (size_t i = 0; r && i < r->n_effects; i++)
		if (rv_str_eq(r->actions[i], action))
			return r->effects[i];
	return RV_STR("destructive"); /* what nobody described is taken for the worst */
}

static cedar_uid reeve_uid(const char *type, struct rv_str id)
{
	return cedar_uid_of(cedar_z(type), rv_cs(id));
}

/* The action, in the group of its effect besides whatever the set says. */
static enum rv_code action_entity(struct rv_decision *d, struct rv_err *err)
{
	const cedar_entities *es = rv_snap_entities(d->snap);
	cedar_entity *e = &d->overlay[0];
	e->uid = reeve_uid("Reeve::Action", d->ask->action);
	const cedar_entity *known = cedar_entities_find(es, &e->uid);
	size_t n = known ? known->n_parents : 0;
	cedar_uid *parents = rv_arena_array(d->arena, n + 1, sizeof *parents);
	if (!parents)
		return RV_FAIL_ARENA(err);
	for (size_t i = 0; i < n; i++)
		parents[i] = known->parents[i];
	parents[n] = reeve_uid("Reeve::Action", d->effect);
	e->parents = parents;
	/* An action whose name is a group is that group, not below it. */
	e->n_parents = n + (rv_str_eq(d->ask->action, d->effect) ? 0 : 1);
	return RV_OK;
}

static bool may_overlay(const struct rv_decision *d, struct rv_str attribute)
{
	return d->point && !is_catalogues(attribute) &&
		rv_snap_point_may_overlay(d->point, d->catalogue_type, attribute);
}

/* null says nothing, so it takes nothing away. */
static bool asserts(const struct rv_json *props, struct rv_str name)
{
	const struct rv_json *v = rv_json_get_str(props, name);
	return v && v->type != RV_JSON_NULL;
}

/* The catalogue's attributes and, in their gaps, what the request asserts. */
static enum rv_code resource_attrs(struct rv_decision *d, cedar_scratch *s,
	const cedar_entity *known, cedar_value *ret, struct rv_err *err)
{
	static const struct rv_gate_path path = { NULL, RV_STR_INIT("resource.properties") };
	const struct rv_json *props = d->ask->resource_properties;
	const cedar_record *base =
		known && known->attrs.kind == CEDAR_RECORD ? known->attrs.u.record : NULL;
	size_t n_base = base ? cedar_record_count(base) : 0, n = 0;
	size_t n_props = props ? props->n_members : 0;
	cedar_pair *pairs = rv_arena_array(d->arena, n_base + n_props + 2, sizeof *pairs);
	if (!pairs)
		return RV_FAIL_ARENA(err);
	for (size_t i = 0; i < n_base; i++) {
		const cedar_pair *p = cedar_record_at(base, i);
		struct rv_str key = rv_str_n(p->key.p, p->key.n);
		if (!asserts(props, key) || !may_overlay(d, key))
			pairs[n++] = *p;
	}
	for (size_t i = 0; i < n_props; i++) {
		const struct rv_json_member *m = &props->members[i];
		bool is_there = base && cedar_record_get(base, rv_cs(m->name));
		bool may = may_overlay(d, m->name);
		if (m->value->type == RV_JSON_NULL || is_catalogues(m->name) ||
			(!may && (is_there || is_authoritative(m->name))))
			continue;
		pairs[n].key = rv_cs(m->name);
		RV_TRY(rv_gate_value(s, m->value, &path, 1, &pairs[n++].value, err));
	}
	if (!known) {
		char *kind = rv_arena_printf(d->arena, "%.*s", RV_FMT(d->catalogue_type));
		if (!kind)
			return RV_FAIL_ARENA(err);
		for (char *p = kind; *p; p++)
			if (*p >= 'A' && *p <= 'Z')
				*p = (char)(*p + 32);
		pairs[n++] = (cedar_pair){ cedar_z("kind"), cedar_string(cedar_z(kind)) };
		pairs[n++] = (cedar_pair){ cedar_z("known"), cedar_bool(false) };
	}
	return cedar_record_of(s, pairs, n, ret, NULL) == CEDAR_OK ? RV_OK : no_memory(err);
}

/* "Acme::Service" keeps its type; a bare "Service" is Reeve::Resource::"Service/id". However it was
 * spelled, one thing has one entry in the catalogue, one entity and one digest. */
static enum rv_code resource_uid(struct rv_decision *d, struct rv_err *err)
{
	struct rv_str type = d->ask->resource_type, id = d->ask->resource_id;
	size_t slash = rv_str_find(id, '/', 0);
	bool has_namespace = false;
	for (size_t i = 0; i + 1 < type.n; i++)
		has_namespace |= type.p[i] == ':' && type.p[i + 1] == ':';
	if (type.n == 0 || id.n == 0)
		return RV_FAIL(err, RV_EINVAL, "resource.type and resource.id may not be empty");
	if (rv_str_find(type, '/', 0) != SIZE_MAX)
		return RV_FAIL(err, RV_EINVAL, "resource.type: '%.*s' is no type: it holds a '/'",
			RV_FMT(type));
	d->catalogue_type = d->resource_type = type;
	d->catalogue_id = d->resource_id = id;
	if (rv_str_eqz(type, "Reeve::Resource") && slash != SIZE_MAX && slash > 0) {
		d->catalogue_type = rv_str_sub(id, 0, slash);
		d->catalogue_id = rv_str_sub(id, slash + 1, id.n);
		if (rv_str_find(d->catalogue_type, ':', 0) != SIZE_MAX)
			return RV_FAIL(err, RV_EINVAL, "resource.id: '%.*s' is no bare type",
				RV_FMT(d->catalogue_type));
	}
	if (has_namespace)
		return RV_OK;
	char *full = rv_arena_raw(d->arena, type.n + 1 + id.n);
	if (!full)
		return RV_FAIL_ARENA(err);
	memcpy(full, type.p, type.n);
	full[type.n] = '/';
	memcpy(full + type.n + 1, id.p, id.n);
	d->resource_type = RV_STR("Reeve::Resource");
	d->resource_id = rv_str_n(full, type.n + 1 + id.n);
	return RV_OK;
}

static enum rv_code resource_entity(struct rv_decision *d, cedar_scratch *s, struct rv_err *err)
{
	cedar_entity *e = &d->overlay[1];
	e->uid = cedar_uid_of(rv_cs(d->resource_type), rv_cs(d->resource_id));
	const cedar_entity *known = cedar_entities_find(rv_snap_entities(d->snap), &e->uid);
	if (known && !d->ask->resource_properties) {
		d->rq.n_overlay = 1; /* the catalogue's own entity will do */
		return RV_OK;
	}
	if (known) {
		e->parents = known->parents;
		e->n_parents = known->n_parents;
		e->tags = known->tags;
	}
	d->rq.n_overlay = 2;
	return resource_attrs(d, s, known, &e->attrs, err);
}

/* ---- context ---- */

static const char *const RESERVED[] = { "reeve", "effect", "arguments", "amount", "time", "point",
	"evidence", "session", "on_behalf_of" };

static bool is_reserved(struct rv_str name)
{
	for (size_t i = 0; i < RV_COUNT(RESERVED); i++)
		if (rv_str_eqz(name, RESERVED[i]))
			return true;
	return false;
}

struct pairs {
	cedar_pair v[CONTEXT_MAX];
	size_t n;
};

static enum rv_code add(struct pairs *p, const char *key, cedar_value v, struct rv_err *err)
{
	if (p->n == CONTEXT_MAX)
		return RV_FAIL(err, RV_ELIMIT, "context has more than %d members", CONTEXT_MAX);
	p->v[p->n++] = (cedar_pair){ cedar_z(key), v };
	return RV_OK;
}

static enum rv_code add_uid(
	struct pairs *p, cedar_scratch *s, const char *key, cedar_uid uid, struct rv_err *err)
{
	cedar_value v;
	if (cedar_entity_value(s, &uid, &v, NULL) != CEDAR_OK)
		return no_memory(err);
	return add(p, key, v, err);
}

static enum rv_code add_session(struct pairs *p, cedar_scratch *s, struct rv_err *err)
{
	cedar_value touched, session;
	if (cedar_set_of(s, NULL, 0, &touched, NULL) != CEDAR_OK)
		return no_memory(err);
	const cedar_pair members[] = { { cedar_z("read_untrusted"), cedar_bool(false) },
		{ cedar_z("touched"), touched }, { cedar_z("actions"), cedar_long(0) } };
	if (cedar_record_of(s, members, RV_COUNT(members), &session, NULL) != CEDAR_OK)
		return no_memory(err);
	return add(p, "session", session, err);
}

/* Believed from a trusted point only; else it is kept as a claim and policy does not see it. */
static enum rv_code read_behalf(struct rv_decision *d, struct rv_err *err)
{
	const struct rv_json *v = rv_json_get(d->ask->context, "on_behalf_of");
	if (!v)
		return RV_OK;
	if (v->type != RV_JSON_STR)
		return RV_FAIL(err, RV_EINVAL, "context.on_behalf_of: must be a person's name");
	const struct rv_snap_person *p = rv_snap_person(d->snap, v->str);
	bool trusted = d->point && rv_str_eqz(d->point->trust, "enforce") && p && p->active;
	if (trusted)
		d->on_behalf_of = v->str;
	else
		d->claimed_on_behalf_of = v->str;
	return RV_OK;
}

static enum rv_code build_context(struct rv_decision *d, cedar_scratch *s, struct rv_err *err)
{
	static const struct rv_gate_path context = { NULL, RV_STR_INIT("context") };
	struct pairs p = { .n = 0 };
	cedar_value v;
	RV_TRY(add(&p, "effect", cedar_string(rv_cs(d->effect)), err));
	RV_TRY(add(&p, "time", cedar_datetime_ms(d->now_ns / RV_NS_PER_MS), err));
	RV_TRY(add(&p, "evidence",
		cedar_string(cedar_z(rv_evidence_name(rv_gate_evidence(d->point)))), err));
	RV_TRY(add_uid(&p, s, "point",
		reeve_uid("Reeve::Point", d->point ? d->point->name : RV_STR("authzen")), err));
	RV_TRY(add_session(&p, s, err));
	if (d->on_behalf_of.n > 0)
		RV_TRY(add_uid(
			&p, s, "on_behalf_of", reeve_uid("Reeve::Person", d->on_behalf_of), err));
	if (d->amount >= 0)
		RV_TRY(add(&p, "amount", cedar_decimal_of(d->amount), err));
	if (d->arguments) {
		const struct rv_gate_path path = { &context, RV_STR_INIT("arguments") };
		RV_TRY(rv_gate_value(s, d->arguments, &path, 1, &v, err));
		RV_TRY(add(&p, "arguments", v, err));
	}
	const struct rv_json *c = d->ask->context;
	for (size_t i = 0; c && i < c->n_members; i++) {
		const struct rv_json_member *m = &c->members[i];
		const struct rv_gate_path path = { &context, m->name };
		if (is_reserved(m->name) || m->value->type == RV_JSON_NULL)
			continue;
		RV_TRY(rv_gate_value(s, m->value, &path, 1, &v, err));
		if (p.n == CONTEXT_MAX)
			return RV_FAIL(
				err, RV_ELIMIT, "context has more than %d members", CONTEXT_MAX);
		p.v[p.n++] = (cedar_pair){ rv_cs(m->name), v };
	}
	return cedar_record_of(s, p.v, p.n, &d->rq.context, NULL) == CEDAR_OK ? RV_OK
									      : no_memory(err);
}

/* ---- limits that bind this action ---- */

/* "Service/shop-*": a '*' last stands for all that begin so. */
static bool is_named(const struct rv_decision *d, struct rv_str pattern)
{
	char name[600];
	int n = snprintf(
		name, sizeof name, "%.*s/%.*s", RV_FMT(d->catalogue_type), RV_FMT(d->catalogue_id));
	if (n < 0 || (size_t)n >= sizeof name)
		return true; /* in doubt it counts */
	return rv_pattern_covers(pattern, rv_str_n(name, (size_t)n));
}

static bool limit_covers(const struct rv_decision *d, const struct rv_limit *l)
{
	bool acts = l->n_actions == 0, is_on = l->n_resources == 0;
	for (size_t i = 0; i < l->n_actions && !acts; i++)
		acts = rv_str_eq(l->actions[i], d->ask->action);
	for (size_t i = 0; acts && i < l->n_resources && !is_on; i++)
		is_on = is_named(d, l->resources[i]);
	return acts && is_on;
}

static enum rv_code limit_amount(
	const struct rv_decision *d, const struct rv_limit *l, int64_t *ret, struct rv_err *err)
{
	const struct rv_json *given = rv_json_get_str(d->extra.limits, l->name);
	if (l->unit == RV_UNIT_COUNT || l->unit == RV_UNIT_CONCURRENT) {
		*ret = 10000;
		return RV_OK;
	}
	if (given) {
		if (given->type != RV_JSON_STR || !rv_amount_parse(given->str, ret))
			return RV_FAIL(err, RV_EINVAL,
				"context.reeve.limits.%.*s: must be a decimal in a string",
				RV_FMT(l->name));
		return RV_OK;
	}
	if (l->unit == RV_UNIT_MONEY && d->amount >= 0) {
		*ret = d->amount;
		return RV_OK;
	}
	return RV_FAIL(err, RV_EINVAL, "limit '%.*s' binds this action: say how much in context.%s",
		RV_FMT(l->name), l->unit == RV_UNIT_MONEY ? "amount" : "reeve.limits");
}

/* A slip in a name would otherwise charge another amount than was meant. */
static enum rv_code check_amounts(const struct rv_decision *d, const struct rv_limit *const *all,
	size_t n, struct rv_err *err)
{
	if (!d->extra.limits)
		return RV_OK;
	RV_JSON_EACH (m, d->extra.limits) {
		bool found = false;
		for (size_t i = 0; i < n && !found; i++)
			found = rv_str_eq(all[i]->name, m->name);
		if (!found)
			return RV_FAIL(err, RV_EINVAL,
				"context.reeve.limits.%.*s: no limit of that name binds '%.*s'",
				RV_FMT(m->name), RV_FMT(d->system->name));
	}
	return RV_OK;
}

static enum rv_code find_limits(struct rv_decision *d, struct rv_err *err)
{
	const struct rv_limit *all[LIMITS_MAX];
	size_t n = rv_snap_limits(d->snap, d->system, all, LIMITS_MAX);
	if (n > LIMITS_MAX)
		return RV_FAIL(err, RV_ELIMIT, "more than %d limits bind this system", LIMITS_MAX);
	RV_TRY(check_amounts(d, all, n, err));
	d->n_limits = 0;
	for (size_t i = 0; i < n; i++) {
		if (!limit_covers(d, all[i]))
			continue;
		RV_TRY(limit_amount(d, all[i], &d->amounts[d->n_limits], err));
		d->limits[d->n_limits++] = all[i];
	}
	return RV_OK;
}

enum rv_code rv_gate_facts(struct rv_decision *d, cedar_scratch *s, struct rv_err *err)
{
	d->rq = (cedar_request){ .n_overlay = 0 };
	d->on_behalf_of = d->claimed_on_behalf_of = RV_STR("");
	RV_TRY(resource_uid(d, err));
	RV_TRY(read_behalf(d, err));
	d->resource = rv_snap_resource(d->snap, d->catalogue_type, d->catalogue_id);
	d->effect = effect_of(d->resource, d->ask->action);
	memset(d->overlay, 0, sizeof d->overlay);
	RV_TRY(action_entity(d, err));
	RV_TRY(resource_entity(d, s, err));
	d->rq.principal = reeve_uid("Reeve::System", d->system->name);
	d->rq.action = d->overlay[0].uid;
	d->rq.resource = d->overlay[1].uid;
	d->rq.overlay = d->overlay;
	RV_TRY(build_context(d, s, err));
	d->n_limits = 0;
	return d->extra.question ? RV_OK : find_limits(d, err);
}
