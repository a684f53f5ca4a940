/* What differs between two specs, and whether it widens: gives more access, more autonomy, or lets
 * more people decide. What is not known to narrow counts as widening. */
#include "governance/spec_int.h"

enum rule { WIDE, FREE, GROW, ACCESS, ACTIONS, LIMITS, OBSERVE, TRUST, TOKEN, CADENCE };

static const struct {
	enum rv_kind kind;
	const char *field;
	enum rule rule;
} rules[] = {
	{ RV_KIND_TEAM, "display", FREE },
	{ RV_KIND_TEAM, "members", GROW },
	{ RV_KIND_GROUP, "display", FREE },
	{ RV_KIND_GROUP, "members", GROW },
	{ RV_KIND_PERSON, "display", FREE },
	{ RV_KIND_PERSON, "rights", GROW },
	{ RV_KIND_ROLE, "display", FREE },
	{ RV_KIND_ROLE, "description", FREE },
	{ RV_KIND_POINT, "display", FREE },
	{ RV_KIND_POINT, "trust", TRUST },
	{ RV_KIND_POINT, "systems", GROW },
	{ RV_KIND_POINT, "overlays", GROW },
	{ RV_KIND_POINT, "subject_token", TOKEN },
	{ RV_KIND_RESOURCE, "display", FREE },
	{ RV_KIND_SYSTEM, "display", FREE },
	{ RV_KIND_SYSTEM, "data", FREE },
	{ RV_KIND_SYSTEM, "access", ACCESS },
	{ RV_KIND_SYSTEM, "actions", ACTIONS },
	{ RV_KIND_SYSTEM, "limits", LIMITS },
	{ RV_KIND_SYSTEM, "observe", OBSERVE },
	{ RV_KIND_SYSTEM, "review", CADENCE },
	{ RV_KIND_POLICY, "display", FREE },
};

bool rv_pattern_covers(struct rv_str pattern, struct rv_str other)
{
	if (rv_str_eq(pattern, other))
		return true;
	if (pattern.n == 0 || pattern.p[pattern.n - 1] != '*')
		return false;
	return rv_str_starts(other, rv_str_sub(pattern, 0, pattern.n - 1));
}

/* Is the item in the list, or covered by a pattern of it? What has conditions is only what it is.
 */
static bool list_has(const struct rv_json *list, const struct rv_json *item)
{
	for (size_t i = 0; rv_json_is(list, RV_JSON_ARR) && i < list->n_items; i++) {
		const struct rv_json *x = list->items[i];
		if (item->type == RV_JSON_STR
				? x->type == RV_JSON_STR && rv_pattern_covers(x->str, item->str)
				: rv_json_eq(x, item))
			return true;
	}
	return false;
}

static bool list_covers(const struct rv_json *list, struct rv_str item)
{
	const struct rv_json text = { .type = RV_JSON_STR, .str = item };
	return list_has(list, &text);
}

/* Every item of a is covered by b. */
static bool list_within(const struct rv_json *a, const struct rv_json *b)
{
	for (size_t i = 0; rv_json_is(a, RV_JSON_ARR) && i < a->n_items; i++)
		if (!list_has(b, a->items[i]))
			return false;
	return true;
}

static struct rv_str text_of(const struct rv_json *v, const char *name)
{
	const struct rv_json *m = rv_json_get(v, name);
	return rv_json_is(m, RV_JSON_STR) ? m->str : RV_STR("");
}

/* A bare text stands for all actions on what it names. */
static struct rv_str resource_of(const struct rv_json *entry)
{
	return entry->type == RV_JSON_STR ? entry->str : text_of(entry, "resource");
}

static bool pair_is_covered(const struct rv_json *old, struct rv_str resource, struct rv_str action)
{
	for (size_t i = 0; rv_json_is(old, RV_JSON_ARR) && i < old->n_items; i++) {
		const struct rv_json *e = old->items[i];
		if (rv_pattern_covers(resource_of(e), resource) &&
			(e->type == RV_JSON_STR || list_covers(rv_json_get(e, "actions"), action)))
			return true;
	}
	return false;
}

static bool access_widens(const struct rv_json *old, const struct rv_json *now)
{
	for (size_t i = 0; rv_json_is(now, RV_JSON_ARR) && i < now->n_items; i++) {
		const struct rv_json *actions = rv_json_get(now->items[i], "actions");
		struct rv_str resource = resource_of(now->items[i]);
		if (now->items[i]->type == RV_JSON_STR &&
			!pair_is_covered(old, resource, RV_STR("*")))
			return true;
		for (size_t k = 0; rv_json_is(actions, RV_JSON_ARR) && k < actions->n_items; k++)
			if (!pair_is_covered(old, resource, actions->items[k]->str))
				return true;
	}
	return false;
}

/* What had to be asked for, escalated or left alone must still be, or more strictly. */
static bool actions_widen(const struct rv_json *old, const struct rv_json *now)
{
	static const char *const kept[][4] = {
		{ "never", "never", NULL },
		{ "approval", "approval", "never", NULL },
		{ "escalate", "escalate", "approval", "never" },
	};
	if (!list_within(rv_json_get(now, "autonomous"), rv_json_get(old, "autonomous")) ||
		!list_within(rv_json_get(now, "approvers"), rv_json_get(old, "approvers")))
		return true;
	for (size_t i = 0; i < RV_COUNT(kept); i++) {
		const struct rv_json *was = rv_json_get(old, kept[i][0]);
		for (size_t k = 0; rv_json_is(was, RV_JSON_ARR) && k < was->n_items; k++) {
			bool found = false;
			for (size_t j = 1; j < 4 && kept[i][j] && !found; j++)
				found = list_has(rv_json_get(now, kept[i][j]), was->items[k]);
			if (!found)
				return true;
		}
	}
	return false;
}

/* What the old one counted, the new one counts. */
static bool resources_within(const struct rv_spec_limit *old, const struct rv_spec_limit *now)
{
	if (now->resources.n == 0)
		return true;
	for (size_t i = 0; i < old->resources.n; i++) {
		bool found = false;
		for (size_t k = 0; k < now->resources.n && !found; k++)
			found = rv_pattern_covers(now->resources.v[k], old->resources.v[i]);
		if (!found)
			return false;
	}
	return old->resources.n > 0;
}

static bool limit_is_looser(const struct rv_spec_limit *old, const struct rv_spec_limit *now)
{
	if (!rv_str_eq(old->unit, now->unit) || !rv_str_eq(old->currency, now->currency) ||
		!rv_str_eq(old->per, now->per) || !rv_str_eq(old->role, now->role) ||
		!rv_str_eq(old->zone, now->zone) || !resources_within(old, now) ||
		now->max > old->max || now->quorum < old->quorum)
		return true;
	if (rv_str_eqz(old->excess, "deny") && !rv_str_eqz(now->excess, "deny"))
		return true;
	if (rv_str_eqz(now->excess, "hold"))
		for (size_t i = 0; i < now->approvers.n; i++)
			if (!rv_strs_has(old->approvers.v, old->approvers.n, now->approvers.v[i]))
				return true;
	if (now->actions.n == 0)
		return false; /* counts everything */
	if (old->actions.n == 0)
		return true;
	for (size_t i = 0; i < old->actions.n; i++)
		if (!rv_strs_has(now->actions.v, now->actions.n, old->actions.v[i]))
			return true;
	return false;
}

/* Each that was there is still there, and no looser. Stored specs were checked: what cannot be read
 * widens. */
static bool limits_widen(struct rv_op *op, const struct rv_json *old, const struct rv_json *now)
{
	for (size_t i = 0; rv_json_is(old, RV_JSON_ARR) && i < old->n_items; i++) {
		struct rv_spec_limit was, is;
		bool kept = false;
		if (rv_spec_limit_read(op->arena, old->items[i], false, &was, NULL) != RV_OK)
			return true;
		for (size_t k = 0; rv_json_is(now, RV_JSON_ARR) && k < now->n_items && !kept; k++)
			kept = rv_spec_limit_read(op->arena, now->items[k], false, &is, NULL) ==
					RV_OK &&
				rv_str_eq(is.name, was.name) && !limit_is_looser(&was, &is);
		if (!kept)
			return true;
	}
	return false;
}

static int trust_rank(const struct rv_json *v)
{
	static const char *const ranks[] = { "claim", "observe", "enforce" };
	for (int i = 0; v && i < (int)RV_COUNT(ranks); i++)
		if (rv_json_is(v, RV_JSON_STR) && rv_str_eqz(v->str, ranks[i]))
			return i;
	return -1;
}

/* Reviewed more often by the same person. */
static bool cadence_widens(const struct rv_json *old, const struct rv_json *now)
{
	int64_t was, is;
	if (!old)
		return false;
	if (!rv_duration_parse(text_of(old, "cadence"), &was) ||
		!rv_duration_parse(text_of(now, "cadence"), &is))
		return true;
	return is > was || !rv_str_eq(text_of(old, "reviewer"), text_of(now, "reviewer"));
}

static bool is_true(const struct rv_json *v)
{
	return rv_json_is(v, RV_JSON_BOOL) && v->boolean;
}

static bool needs_token(const struct rv_json *v)
{
	return is_true(v) || (rv_json_is(v, RV_JSON_STR) && rv_str_eqz(v->str, "required"));
}

static bool field_widens(
	struct rv_op *op, enum rule rule, const struct rv_json *old, const struct rv_json *now)
{
	switch (rule) {
	case WIDE:
		return true;
	case FREE:
		return false;
	case GROW:
		return !list_within(now, old);
	case ACCESS:
		return access_widens(old, now);
	case ACTIONS:
		return actions_widen(old, now);
	case LIMITS:
		return limits_widen(op, old, now);
	case OBSERVE:
		return is_true(now) && !is_true(old);
	case TRUST:
		return trust_rank(now) > trust_rank(old);
	case TOKEN:
		return needs_token(old) && !needs_token(now);
	case CADENCE:
		return cadence_widens(old, now);
	}
	return true;
}

static enum rule rule_of(enum rv_kind kind, struct rv_str field)
{
	for (size_t i = 0; i < RV_COUNT(rules); i++)
		if (rules[i].kind == kind && rv_str_eqz(field, rules[i].field))
			return rules[i].rule;
	return WIDE;
}

/* Whether a thing that was not there gives somebody something by being there. */
static bool creation_widens(enum rv_kind kind, const struct rv_json *now)
{
	const struct rv_json *list =
		rv_json_get(now, kind == RV_KIND_PERSON ? "rights" : "members");
	switch (kind) {
	case RV_KIND_PERSON:
	case RV_KIND_TEAM:
	case RV_KIND_GROUP:
		return rv_json_is(list, RV_JSON_ARR) && list->n_items > 0;
	case RV_KIND_POINT:
	case RV_KIND_RESOURCE: /* what is in the catalogue is no longer unknown */
		return true;
	default:
		return false; /* roles, limits; systems have a life, policies a diff of
				 their own */
	}
}

static enum rv_code compact(
	struct rv_op *op, const struct rv_json *v, struct rv_str *ret, struct rv_err *err)
{
	*ret = (struct rv_str){ "", 0 };
	return v ? rv_spec_canonical(op->arena, v, ret, err) : RV_OK;
}

static enum rv_code add_field(struct rv_op *op, enum rv_kind kind, struct rv_str name,
	const struct rv_json *old, const struct rv_json *now, struct rv_apply_field *ret,
	struct rv_err *err)
{
	ret->path = name;
	RV_TRY(compact(op, old, &ret->from, err));
	RV_TRY(compact(op, now, &ret->to, err));
	ret->widens = field_widens(op, rule_of(kind, name), old, now);
	return RV_OK;
}

static enum rv_code differs(struct rv_op *op, const struct rv_json *a, const struct rv_json *b,
	bool *ret, struct rv_err *err)
{
	struct rv_str x, y;
	RV_TRY(compact(op, a, &x, err));
	RV_TRY(compact(op, b, &y, err));
	*ret = !a != !b || !rv_str_eq(x, y);
	return RV_OK;
}

enum rv_code rv_spec_diff(struct rv_op *op, enum rv_kind kind, const struct rv_json *old,
	const struct rv_json *now, struct rv_apply_field **ret, size_t *ret_n, bool *ret_widens,
	struct rv_err *err)
{
	size_t n = 0, cap = now->n_members + (old ? old->n_members : 0);
	struct rv_apply_field *f = rv_arena_array(op->arena, cap + 1, sizeof *f);
	bool is_other, any = !old && creation_widens(kind, now);
	if (!f)
		return RV_FAIL_ARENA(err);
	RV_JSON_EACH (m, now) {
		const struct rv_json *was = rv_json_get_str(old, m->name);
		RV_TRY(differs(op, was, m->value, &is_other, err));
		if (is_other)
			RV_TRY(add_field(op, kind, m->name, was, m->value, &f[n++], err));
	}
	for (size_t i = 0; old && i < old->n_members; i++)
		if (!rv_json_get_str(now, old->members[i].name))
			RV_TRY(add_field(op, kind, old->members[i].name, old->members[i].value,
				NULL, &f[n++], err));
	if (old && kind == RV_KIND_LIMIT) {
		/* Its fields mean something together only. */
		struct rv_spec_limit was, is;
		RV_TRY(rv_spec_limit_read(op->arena, old, true, &was, err));
		RV_TRY(rv_spec_limit_read(op->arena, now, true, &is, err));
		bool looser = limit_is_looser(&was, &is);
		for (size_t i = 0; i < n; i++)
			f[i].widens = looser;
	}
	for (size_t i = 0; old && i < n; i++)
		any = any || f[i].widens;
	for (size_t i = 0; !old && i < n; i++)
		f[i].widens = false; /* said once, for the whole */
	*ret = f;
	*ret_n = n;
	*ret_widens = any;
	return RV_OK;
}
