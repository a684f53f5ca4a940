/* The class of an AI system: declared by its owner, checked against the five dimensions, and the
 * floor of controls that comes with it (SEMANTICS 1). */
#include "governance/class.h"

#include <stdio.h>

static const char *const CLASSES[] = { "assistant", "agent", "worker" };
static const char *const DIMENSIONS[] = { "trigger", "persistence", "autonomy", "scope",
	"identity" };
enum { TRIGGER, PERSISTENCE, AUTONOMY, SCOPE, IDENTITY };

static const struct rv_json *member(const struct rv_json *spec, const char *name)
{
	const struct rv_json *v = rv_json_get(spec, name);
	return v && v->type != RV_JSON_NULL ? v : NULL;
}

struct rv_str rv_spec_str(const struct rv_json *spec, const char *name)
{
	const struct rv_json *v = rv_json_get(spec, name);
	return rv_json_is(v, RV_JSON_STR) ? v->str : RV_STR("");
}

static int class_number(struct rv_str name)
{
	for (int i = 0; i < (int)RV_COUNT(CLASSES); i++)
		if (rv_str_eqz(name, CLASSES[i]))
			return i;
	return -1;
}

enum rv_code rv_class_check(const struct rv_json *spec, struct rv_err *err)
{
	const struct rv_json *dims = rv_json_get(spec, "dimensions");
	const struct rv_json *at = rv_json_get(spec, "class");
	int declared = class_number(rv_spec_str(spec, "class"));
	int64_t v[RV_COUNT(DIMENSIONS)] = { 0 };
	if (declared < 0)
		return RV_FAIL_AT(err, RV_EINVAL, NULL, at ? at->line : spec->line,
			at ? at->col : spec->col, "class: must be assistant, agent or worker");
	for (size_t i = 0; i < RV_COUNT(DIMENSIONS); i++) {
		const struct rv_json *d = rv_json_get(dims, DIMENSIONS[i]);
		if (!rv_json_is(d, RV_JSON_INT) || d->integer < 0 || d->integer > 2)
			return RV_FAIL_AT(err, RV_EINVAL, NULL, dims ? dims->line : spec->line,
				dims ? dims->col : spec->col,
				"dimensions.%s: must be 0, 1 or 2 (docs/manifests.md tells what "
				"they mean)",
				DIMENSIONS[i]);
		v[i] = d->integer;
	}
	for (int i = TRIGGER; i <= AUTONOMY; i++)
		if (v[i] > declared)
			return RV_FAIL_AT(err, RV_EINVAL, NULL, at->line, at->col,
				"class: '%s' is too low: dimensions.%s is %lld, which makes it at "
				"least '%s'",
				CLASSES[declared], DIMENSIONS[i], (long long)v[i], CLASSES[v[i]]);
	if (declared == 0 && (v[SCOPE] == 2 || v[IDENTITY] == 2))
		return RV_FAIL_AT(err, RV_EINVAL, NULL, at->line, at->col,
			"class: 'assistant' is too low: dimensions.%s is 2, which makes it at "
			"least 'agent'",
			DIMENSIONS[v[SCOPE] == 2 ? SCOPE : IDENTITY]);
	return RV_OK;
}

/* from: the lowest class that needs it. */
static const struct {
	int from;
	const char *field, *control, *hint;
} FLOOR[] = {
	{ 0, "owner", "owner", "set 'owner' in its manifest" },
	{ 0, "purpose", "purpose", "set 'purpose' in its manifest" },
	{ 1, "actions", "action policy",
		"list under 'actions' what it does alone, with approval, must escalate, never" },
	{ 2, "escalation", "escalation chain", "list people or groups under 'escalation'" },
	{ 2, "failure", "failure plan", "set 'failure: {plan: stop|degrade|person, call: NAME}'" },
	{ 2, "output_reviewer", "output reviewer", "name a person under 'output_reviewer'" },
	{ 2, "review", "review cadence", "set 'review: {cadence: 90d}'" },
	{ 2, "access", "access policy", "list what it may reach under 'access'" },
};

static enum rv_code add_gap(struct rv_op *op, struct rv_gaps_list *l, struct rv_str system,
	const char *control, const char *what, struct rv_err *err)
{
	const char *command = rv_arena_printf(op->arena, "%s", what);
	if (!command)
		return RV_FAIL_ARENA(err);
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 16;
		struct rv_gap *more = rv_arena_array(op->arena, cap, sizeof *more);
		if (!more)
			return RV_FAIL_ARENA(err);
		if (l->n > 0)
			memcpy(more, l->items, l->n * sizeof *more);
		l->items = more;
		l->cap = cap;
	}
	l->items[l->n++] = (struct rv_gap){
		.system = system, .control = rv_str_of(control), .command = rv_str_of(command)
	};
	return RV_OK;
}

static enum rv_code has_credential(
	struct rv_op *op, struct rv_str system, bool *ret, struct rv_err *err)
{
	struct rv_db_credential *rows;
	size_t n;
	const struct rv_query q = {
		.where = { RV_Q_STR(credential, subject, RV_CMP_EQ, system),
			RV_Q_STR(credential, kind, RV_CMP_EQ, RV_STR("system")),
			RV_Q_INT(credential, revoked_ns, RV_CMP_EQ, 0),
			RV_Q_INT(credential, expires_ns, RV_CMP_GT, op->now_ns) },
		.n_where = 4,
		.limit = 1
	};
	RV_TRY(rv_db_credential_list(op->txn, op->arena, &q, &rows, &n, err));
	*ret = n > 0;
	return RV_OK;
}

static enum rv_code has_point(struct rv_op *op, struct rv_str system, bool *ret, struct rv_err *err)
{
	struct rv_db_point *rows;
	size_t n;
	*ret = false;
	RV_TRY(rv_db_point_list(op->txn, op->arena, RV_Q_ALL, &rows, &n, err));
	for (size_t i = 0; i < n && !*ret; i++) {
		const struct rv_str *systems;
		size_t k;
		RV_TRY(rv_strs_parse(op->arena, rows[i].systems_json, &systems, &k, err));
		*ret = rows[i].active &&
			(rv_strs_has(systems, k, RV_STR("*")) || rv_strs_has(systems, k, system));
	}
	return RV_OK;
}

static enum rv_code has_limit(
	struct rv_op *op, struct rv_str system, struct rv_str role, bool *ret, struct rv_err *err)
{
	const struct rv_str subjects[] = { system, role };
	*ret = false;
	for (size_t i = 0; i < RV_COUNT(subjects) && !*ret; i++) {
		struct rv_db_meter_def *rows;
		size_t n;
		const struct rv_query q = {
			.where = { RV_Q_STR(meter_def, subject, RV_CMP_EQ, subjects[i]),
				RV_Q_INT(meter_def, active, RV_CMP_EQ, 1) },
			.n_where = 2,
			.limit = 1
		};
		RV_TRY(rv_db_meter_def_list(op->txn, op->arena, &q, &rows, &n, err));
		*ret = n > 0;
	}
	return RV_OK;
}

static bool is_filled(const struct rv_json *v)
{
	if (!v)
		return false;
	if (v->type == RV_JSON_STR)
		return v->str.n > 0;
	if (v->type == RV_JSON_ARR)
		return v->n_items > 0;
	return v->type != RV_JSON_OBJ || v->n_members > 0;
}

enum rv_code rv_class_gaps(struct rv_op *op, struct rv_str system, const struct rv_json *spec,
	struct rv_gaps_list *l, struct rv_err *err)
{
	int class_ = class_number(rv_spec_str(spec, "class"));
	bool has;
	for (size_t i = 0; i < RV_COUNT(FLOOR); i++) {
		char what[200];
		snprintf(what, sizeof what, "%s, then: reeve apply -f FILE", FLOOR[i].hint);
		if (class_ >= FLOOR[i].from && !is_filled(member(spec, FLOOR[i].field)))
			RV_TRY(add_gap(op, l, system, FLOOR[i].control, what, err));
	}
	if (class_ == 0 && rv_spec_str(rv_json_get(spec, "usage_policy"), "text").n == 0)
		RV_TRY(add_gap(op, l, system, "usage policy",
			"set 'usage_policy: {version: …, text: …}', then: reeve apply -f FILE",
			err));
	if (class_ < 1)
		return RV_OK;
	char what[200];
	bool seen;
	RV_TRY(has_credential(op, system, &has, err));
	RV_TRY(has_point(op, system, &seen, err));
	/* Somebody must see what it does: a point that asks for it, or it asks itself. */
	if (!has && !seen)
		RV_TRY(add_gap(op, l, system, "audit",
			"name it under 'systems' of a Point, then: reeve apply -f FILE", err));
	if (class_ < 2)
		return RV_OK;
	snprintf(what, sizeof what, "reeve system token %.*s --ttl 30d", RV_FMT(system));
	if (!has)
		RV_TRY(add_gap(op, l, system, "credential", what, err));
	RV_TRY(has_limit(op, system, rv_spec_str(spec, "role"), &has, err));
	const struct rv_json *limits = rv_json_get(spec, "limits");
	has = has || (rv_json_is(limits, RV_JSON_ARR) && limits->n_items > 0);
	if (!has && !rv_str_eqz(rv_spec_str(spec, "limits"), "none"))
		RV_TRY(add_gap(op, l, system, "limits",
			"apply a Limit for it, or say 'limits: none' in its manifest", err));
	return RV_OK;
}
