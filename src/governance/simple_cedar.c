/* The simple form of an action policy as Cedar that people can read. A condition narrows what a
 * permit gives, and is met in doubt by a forbid: what it asks about may not have been said, and
 * then the forbid speaks. */
#include <stdio.h>

#include "governance/policy_schema.h"
#include "governance/simple.h"
#include "governance/system_int.h"

enum { TEXT_MAX = 1 << 20 };

struct writer {
	struct rv_op *op;
	struct rv_buf *b;
	struct rv_str system;
	const struct rv_json *access; /* or NULL: not bounded */
	const struct rv_db_resource *resources;
	size_t n_resources;
	const struct rv_json *approvers;
	bool in_doubt; /* writing a forbid */
	bool has_clause;
};

static void quote(struct writer *w, struct rv_str s)
{
	rv_policy_quote(w->b, s);
}

/* Begins one more clause of the condition. */
static void clause(struct writer *w)
{
	rv_buf_addz(w->b, w->has_clause ? " &&\n  " : "when {\n  ");
	w->has_clause = true;
}

/* What is asked about may be missing: (has && …) narrows, (if has then … else true) is met then.
 * end_guard ends either. */
static void begin_guard(struct writer *w)
{
	clause(w);
	rv_buf_addz(w->b, w->in_doubt ? "(if " : "(");
}

static void guarded(struct writer *w)
{
	rv_buf_addz(w->b, w->in_doubt ? " then " : " && ");
}

static void end_guard(struct writer *w)
{
	rv_buf_addz(w->b, w->in_doubt ? " else true)" : ")");
}

static void guard_argument(struct writer *w, struct rv_str name)
{
	begin_guard(w);
	rv_buf_addz(w->b, "context has arguments && context.arguments has ");
	quote(w, name);
	guarded(w);
}

static void put_attribute(struct writer *w, const char *name, const struct rv_strs *values)
{
	if (values->n == 0)
		return;
	begin_guard(w);
	rv_buf_printf(w->b, "resource has %s", name);
	guarded(w);
	if (values->n == 1) {
		rv_buf_printf(w->b, "resource.%s == ", name);
		quote(w, values->v[0]);
	} else {
		rv_buf_addc(w->b, '[');
		for (size_t i = 0; i < values->n; i++) {
			rv_buf_addz(w->b, i ? ", " : "");
			quote(w, values->v[i]);
		}
		rv_buf_printf(w->b, "].contains(resource.%s)", name);
	}
	end_guard(w);
}

static void put_amount(struct writer *w, int64_t amount, const char *method)
{
	char text[32];
	if (amount < 0)
		return;
	begin_guard(w);
	rv_buf_addz(w->b, "context has amount");
	guarded(w);
	rv_buf_printf(w->b, "context.amount.%s(decimal(\"%s\"))", method,
		rv_amount_format(amount, 1, text));
	end_guard(w);
}

static void put_plain(struct writer *w, const struct rv_json *v)
{
	if (v->type == RV_JSON_STR)
		quote(w, v->str);
	else if (v->type == RV_JSON_INT)
		rv_buf_printf(w->b, "%lld", (long long)v->integer);
	else
		rv_buf_addz(w->b, v->boolean ? "true" : "false");
}

static void put_argument_test(struct writer *w, struct rv_str name, const struct rv_json *v)
{
	guard_argument(w, name);
	if (v->type == RV_JSON_ARR) {
		rv_buf_addc(w->b, '[');
		for (size_t i = 0; i < v->n_items; i++) {
			rv_buf_addz(w->b, i ? ", " : "");
			put_plain(w, v->items[i]);
		}
		rv_buf_addz(w->b, "].contains(context.arguments[");
		quote(w, name);
		rv_buf_addz(w->b, "])");
	} else {
		rv_buf_addz(w->b, "context.arguments[");
		quote(w, name);
		rv_buf_addz(w->b, "] == ");
		put_plain(w, v);
	}
	end_guard(w);
}

/* over, up_to and like are a clause each. */
static void put_range(struct writer *w, struct rv_str name, const struct rv_json *v)
{
	static const char *const ops[][2] = { { "over", ">" }, { "up_to", "<=" },
		{ "like", "like" } };
	for (size_t i = 0; i < RV_COUNT(ops); i++) {
		const struct rv_json *x = rv_json_get(v, ops[i][0]);
		if (!x)
			continue;
		guard_argument(w, name);
		rv_buf_addz(w->b, "context.arguments[");
		quote(w, name);
		rv_buf_printf(w->b, "] %s ", ops[i][1]);
		put_plain(w, x);
		end_guard(w);
	}
}

static void put_hours(struct writer *w, const struct rv_simple_time *t, bool is_outside)
{
	char at[80] = "context.time.toTime()";
	if (!t->is_there)
		return;
	if (t->offset != 0)
		snprintf(at, sizeof at, "context.time.offset(duration(\"%lldm\")).toTime()",
			(long long)t->offset);
	clause(w);
	rv_buf_printf(w->b, "%s(%s >= duration(\"%lldm\") %s %s < duration(\"%lldm\"))",
		is_outside ? "!" : "", at, (long long)t->from, t->from < t->until ? "&&" : "||", at,
		(long long)t->until);
}

/* "Acme::Service/x" is of that type; "Service/x" is Reeve::Resource::"Service/x". */
static void put_resource(struct writer *w, struct rv_str type, struct rv_str id)
{
	if (rv_str_find(type, ':', 0) != SIZE_MAX) {
		rv_buf_printf(w->b, "%.*s::", RV_FMT(type));
		quote(w, id);
		return;
	}
	const char *name = rv_arena_printf(w->op->arena, "%.*s/%.*s", RV_FMT(type), RV_FMT(id));
	rv_buf_addz(w->b, "Reeve::Resource::");
	quote(w, rv_str_of(name ? name : ""));
	w->b->failed |= !name;
}

static void put_scope(struct writer *w, const struct rv_simple_entry *e)
{
	rv_buf_addz(w->b, " (\n  principal == Reeve::System::");
	quote(w, w->system);
	rv_buf_addz(w->b, ",\n  action == Reeve::Action::");
	quote(w, e->action);
	rv_buf_addz(w->b, ",\n  resource");
	if (rv_str_starts(e->on, RV_STR("collection:"))) {
		rv_buf_addz(w->b, " in Reeve::Collection::");
		quote(w, rv_str_sub(e->on, 11, e->on.n));
	} else if (e->on.n > 0) {
		size_t slash = rv_str_find(e->on, '/', 0);
		rv_buf_addz(w->b, " == ");
		put_resource(w, rv_str_sub(e->on, 0, slash), rv_str_sub(e->on, slash + 1, e->on.n));
	}
	rv_buf_addz(w->b, "\n) ");
}

static bool names_action(const struct rv_json *access, struct rv_str action)
{
	const struct rv_json *actions = rv_json_get(access, "actions");
	for (size_t i = 0; rv_json_is(actions, RV_JSON_ARR) && i < actions->n_items; i++)
		if (rv_pattern_covers(actions->items[i]->str, action))
			return true;
	return false;
}

/* Does the profile's access reach this resource with this action? */
static bool reaches(const struct writer *w, const struct rv_db_resource *r, struct rv_str action)
{
	char name[512];
	snprintf(name, sizeof name, "%.*s/%.*s", RV_FMT(r->type), RV_FMT(r->id));
	for (size_t i = 0; i < w->access->n_items; i++)
		if (names_action(w->access->items[i], action) &&
			rv_pattern_covers(
				rv_spec_str(w->access->items[i], "resource"), rv_str_of(name)))
			return true;
	return false;
}

static int by_type(const void *a, const void *b)
{
	const struct rv_db_resource *x = a, *y = b;
	int c = rv_str_cmp(x->type, y->type);
	return c ? c : rv_str_cmp(x->id, y->id);
}

/* The resources of the catalogue that access reaches now, kind by kind; false: none. */
static bool put_access(struct writer *w, const struct rv_simple_entry *e)
{
	struct rv_str type = { NULL, 0 };
	bool any = false, bare = false;
	for (size_t i = 0; i < w->n_resources; i++) {
		const struct rv_db_resource *r = &w->resources[i];
		bool is_bare = rv_str_find(r->type, ':', 0) == SIZE_MAX;
		if (!r->active || !reaches(w, r, e->action))
			continue;
		if (any && (is_bare ? bare : rv_str_eq(type, r->type))) {
			rv_buf_addz(w->b, ", ");
		} else if (any) {
			rv_buf_addz(w->b, "].contains(resource) || [");
		} else {
			clause(w);
			rv_buf_addz(w->b, "([");
		}
		put_resource(w, r->type, r->id);
		type = r->type;
		bare = is_bare;
		any = true;
	}
	if (any)
		rv_buf_addz(w->b, "].contains(resource))");
	return any;
}

static void put_conditions(struct writer *w, const struct rv_simple_entry *e)
{
	if (e->kind.n > 0) {
		clause(w);
		rv_buf_addz(w->b, "resource.kind == ");
		quote(w, e->kind);
	}
	put_attribute(w, "environment", &e->environment);
	put_attribute(w, "data_class", &e->data_class);
	put_amount(w, e->over, "greaterThan");
	put_amount(w, e->up_to, "lessThanOrEqual");
	if (e->arguments)
		RV_JSON_EACH (m, e->arguments) {
			if (m->value->type == RV_JSON_OBJ)
				put_range(w, m->name, m->value);
			else
				put_argument_test(w, m->name, m->value);
		}
	put_hours(w, &e->inside, false);
	put_hours(w, &e->outside, true);
}

static void put_annotation(struct writer *w, const char *name, struct rv_str value)
{
	if (value.n == 0)
		return;
	rv_buf_printf(w->b, "@%s(", name);
	quote(w, value);
	rv_buf_addz(w->b, ")\n");
}

static void put_head(struct writer *w, const char *list, size_t number, const char *suffix,
	const struct rv_simple_entry *e, const char *form)
{
	const char *id = rv_arena_printf(
		w->op->arena, "%.*s-%s-%zu%s", RV_FMT(w->system), list, number + 1, suffix);
	const char *reason =
		rv_arena_printf(w->op->arena, form, RV_FMT(w->system), RV_FMT(e->action));
	w->b->failed |= !id || !reason;
	rv_buf_addz(w->b, "\n");
	put_annotation(w, "id", rv_str_of(id ? id : ""));
	put_annotation(w, "reason", e->reason.n > 0 ? e->reason : rv_str_of(reason ? reason : ""));
}

static void put_end(struct writer *w)
{
	rv_buf_addz(w->b, w->has_clause ? "\n};\n" : ";\n");
}

static void put_permit(struct writer *w, const char *list, size_t number,
	const struct rv_simple_entry *e, const char *form)
{
	size_t before = w->b->n;
	w->in_doubt = w->has_clause = false;
	put_head(w, list, number, "", e, form);
	rv_buf_addz(w->b, "permit");
	put_scope(w, e);
	if (w->access && e->on.n == 0 && !put_access(w, e)) {
		w->b->n = before;
		rv_buf_printf(w->b,
			"\n// '%.*s': nothing in the catalogue is within its access for this; "
			"nothing is permitted.\n",
			RV_FMT(e->action));
		return;
	}
	put_conditions(w, e);
	put_end(w);
}

static void put_forbid(struct writer *w, const struct rv_simple_entry *e)
{
	w->in_doubt = true;
	w->has_clause = false;
	rv_buf_addz(w->b, "forbid");
	put_scope(w, e);
	put_conditions(w, e);
	put_end(w);
}

/* Who approves: the entry's groups, else those of all. */
static enum rv_code put_approval(struct writer *w, const struct rv_json *at,
	const struct rv_simple_entry *e, struct rv_err *err)
{
	RV_AUTO_BUF groups;
	char quorum[24];
	rv_buf_init(&groups, 4096);
	for (size_t i = 0; i < e->by.n; i++)
		rv_buf_printf(&groups, "%s%.*s", i ? "," : "", RV_FMT(e->by.v[i]));
	for (size_t i = 0; e->by.n == 0 && w->approvers && i < w->approvers->n_items; i++)
		rv_buf_printf(&groups, "%s%.*s", i ? "," : "", RV_FMT(w->approvers->items[i]->str));
	if (groups.n == 0)
		return rv_simple_fail(at,
			"who approves? by: [GROUP] beside the action, or approvers: [GROUP] for "
			"all",
			err);
	put_annotation(w, "approval", rv_buf_str(&groups));
	snprintf(quorum, sizeof quorum, "%lld", (long long)e->quorum);
	put_annotation(w, "quorum", e->quorum > 1 ? rv_str_of(quorum) : RV_STR(""));
	put_annotation(w, "expires", e->expires);
	return RV_OK;
}

static enum rv_code put_entry(struct writer *w, enum rv_simple_list list, size_t number,
	const struct rv_json *v, struct rv_err *err)
{
	struct rv_simple_entry e;
	RV_TRY(rv_simple_read(w->op->arena, v, list, &e, err));
	switch (list) {
	case RV_SIMPLE_AUTONOMOUS:
		put_permit(w, rv_simple_lists[list], number, &e, "%.*s may %.*s by itself");
		break;
	case RV_SIMPLE_APPROVAL:
		put_permit(w, rv_simple_lists[list], number, &e, "%.*s may %.*s with approval");
		put_head(w, rv_simple_lists[list], number, "-asks", &e,
			"%.*s asks before it may %.*s");
		RV_TRY(put_approval(w, v, &e, err));
		put_forbid(w, &e);
		break;
	case RV_SIMPLE_ESCALATE:
		if (e.by.n > 0)
			put_permit(w, "may", number, &e, "%.*s may %.*s once people agree");
		put_head(w, rv_simple_lists[list], number, "", &e, "%.*s escalates %.*s to people");
		put_annotation(w, "escalate", e.to.n > 0 ? e.to : w->system);
		if (e.by.n > 0)
			RV_TRY(put_approval(w, v, &e, err));
		put_forbid(w, &e);
		break;
	case RV_SIMPLE_NEVER:
		put_head(w, rv_simple_lists[list], number, "", &e, "%.*s never does %.*s");
		put_forbid(w, &e);
		break;
	case RV_SIMPLE_COUNT:
		break;
	}
	return rv_buf_ok(w->b, err);
}

enum rv_code rv_simple_compile(
	struct rv_op *op, struct rv_str system, struct rv_str *ret, struct rv_err *err)
{
	struct rv_db_system s;
	struct rv_db_system_version v;
	struct rv_db_resource *resources;
	const struct rv_json *spec;
	RV_AUTO_BUF b;
	rv_buf_init(&b, TEXT_MAX);
	RV_TRY(rv_system_get(op, system, &s, &v, err));
	RV_TRY(rv_op_json(op, v.body, &spec, err));
	const struct rv_json *actions = rv_json_get(spec, "actions");
	if (!actions)
		return RV_FAIL(err, RV_ECONFLICT, "the profile of '%.*s' names no actions",
			RV_FMT(system));
	struct writer w = { .op = op,
		.b = &b,
		.system = s.name,
		.access = rv_json_get(spec, "access"),
		.approvers = rv_json_get(actions, "approvers") };
	RV_TRY(rv_db_resource_list(op->txn, op->arena, RV_Q_ALL, &resources, &w.n_resources, err));
	if (w.n_resources > 1)
		qsort(resources, w.n_resources, sizeof *resources, by_type);
	w.resources = resources;
	rv_buf_printf(&b,
		"// What %.*s may do, made of version %lld of its profile (reeve policy new).\n",
		RV_FMT(s.name), (long long)v.version);
	for (int l = 0; l < RV_SIMPLE_COUNT; l++) {
		const struct rv_json *list = rv_json_get(actions, rv_simple_lists[l]);
		for (size_t i = 0; list && i < list->n_items; i++)
			RV_TRY(put_entry(&w, (enum rv_simple_list)l, i, list->items[i], err));
	}
	return rv_op_buf(op, &b, ret, err);
}
