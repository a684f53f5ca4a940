/* reeve apply: a set of manifests, all or nothing. For each: what is there, what differs, may this
 * person do it, does it widen, then write now or wait for a second person. A dry run does all of it
 * in a savepoint that is taken back. */
#include <stdarg.h>
#include <stdio.h>

#include "governance/apply_int.h"

const struct rv_apply_kind *rv_apply_kind_of(enum rv_kind kind)
{
	static const struct rv_apply_kind *const kinds[] = { &rv_apply_team, &rv_apply_person,
		&rv_apply_group, &rv_apply_role, &rv_apply_point, &rv_apply_resource,
		&rv_apply_limit, &rv_apply_policy };
	for (size_t i = 0; i < RV_COUNT(kinds); i++)
		if (kinds[i]->kind == kind)
			return kinds[i];
	return NULL;
}

enum rv_code rv_apply_fail(const struct rv_apply_one *o, struct rv_err *err, enum rv_code code,
	const char *field, const char *fmt, ...)
{
	char text[400];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	const struct rv_json *at = field ? rv_json_get(o->m->spec, field) : NULL;
	return RV_FAIL_AT(err, code, o->m->path ? o->m->path : "", at ? at->line : o->m->line,
		at ? at->col : 1, "%s '%.*s': %s%s%s", rv_kind_name(o->m->kind), RV_FMT(o->m->name),
		field ? field : "", field ? ": " : "", text);
}

enum rv_code rv_apply_need_person(
	const struct rv_apply_one *o, const char *field, struct rv_str name, struct rv_err *err)
{
	struct rv_db_person p;
	struct rv_err e = { 0 };
	if (name.n == 0)
		return RV_OK;
	enum rv_code code = rv_person_row(o->op, name, &p, &e);
	if (code == RV_ENOENT)
		return rv_apply_fail(
			o, err, RV_EINVAL, field, "there is no person '%.*s'", RV_FMT(name));
	if (code != RV_OK)
		return RV_FAIL(err, code, "%s", e.msg);
	if (!p.active)
		return rv_apply_fail(
			o, err, RV_EINVAL, field, "'%.*s' is no longer active", RV_FMT(name));
	return RV_OK;
}

enum rv_code rv_apply_need_group(
	const struct rv_apply_one *o, const char *field, struct rv_str name, struct rv_err *err)
{
	struct rv_db_grp g = { .name = name };
	struct rv_err e = { 0 };
	enum rv_code code = rv_db_grp_get(o->op->txn, o->op->arena, &g, &e);
	if (code == RV_ENOENT)
		return rv_apply_fail(
			o, err, RV_EINVAL, field, "there is no group '%.*s'", RV_FMT(name));
	return code == RV_OK ? RV_OK : RV_FAIL(err, code, "%s", e.msg);
}

/* Names of the fields, for the event: values may be private. */
static enum rv_code field_names(struct rv_apply_one *o, struct rv_str *ret, struct rv_err *err)
{
	RV_AUTO_BUF b;
	rv_buf_init(&b, 8192);
	for (size_t i = 0; i < o->item->n_fields; i++) {
		rv_buf_addz(&b, i ? "," : "");
		rv_buf_add(&b, o->item->fields[i].path);
	}
	return rv_op_buf(o->op, &b, ret, err);
}

static enum rv_code leave_event(struct rv_apply_one *o, enum rv_event_kind kind, struct rv_err *err)
{
	struct rv_str detail, fields;
	RV_TRY(field_names(o, &fields, err));
	RV_TRY(rv_detail(o->op, &detail, err, "kind", rv_str_of(rv_kind_name(o->m->kind)), "name",
		o->m->name, "digest", o->digest, "fields", fields, "author", o->author, "change",
		o->item->change, "widens", o->widens ? RV_STR("true") : RV_STR(""), "separation",
		o->unseparated ? RV_STR("unseparated") : RV_STR(""), NULL));
	const struct rv_event ev = { .kind = kind, .detail_json = detail };
	return rv_op_event(o->op, &ev, (struct rv_str){ 0 }, NULL, err);
}

static bool makes_governor(const struct rv_apply_one *o)
{
	const struct rv_json *rights = rv_json_get(o->spec, "rights");
	if (o->m->kind != RV_KIND_PERSON || rv_is_person(o->op, o->m->name))
		return false;
	for (size_t i = 0; rv_json_is(rights, RV_JSON_ARR) && i < rights->n_items; i++)
		if (rv_str_eqz(rights->items[i]->str, "governor"))
			return true;
	return false;
}

/* A widening by one person alone: waits, unless the installation has nobody else yet. */
static enum rv_code must_wait(struct rv_apply_one *o, bool *ret, struct rv_err *err)
{
	struct rv_bootstrap b;
	*ret = false;
	if (!o->widens || o->second)
		return RV_OK;
	RV_TRY(rv_bootstrap_state(o->op, &b, err));
	/* Bootstrap that has run out still has its way out: the second governor. */
	bool may = b.may_self_approve || (b.is_open && makes_governor(o));
	o->unseparated = may;
	*ret = !may;
	return RV_OK;
}

enum rv_code rv_apply_run(struct rv_apply_one *o, struct rv_err *err)
{
	const struct rv_apply_kind *k = rv_apply_kind_of(o->m->kind);
	bool waits;
	rv_assert(k);
	RV_TRY(rv_need(o->op, k->rights, err));
	RV_TRY(rv_spec_canonical(o->op->arena, o->m->spec, &o->body, err));
	RV_TRY(rv_op_digest(o->op, o->body, &o->digest, err));
	RV_TRY(rv_op_json(o->op, o->body, &o->spec, err));
	RV_TRY(k->load(o, err));
	if (o->old && rv_str_eq(o->old_digest, o->digest)) {
		bool did = false;
		o->item->result = RV_APPLY_UNCHANGED;
		if (k->confirm)
			RV_TRY(k->confirm(o, &did, err));
		if (!did)
			return RV_OK;
		o->item->result = RV_APPLY_CHANGED;
		return leave_event(o, k->changed, err);
	}
	RV_TRY(rv_spec_diff(o->op, o->m->kind, o->old, o->spec,
		(struct rv_apply_field **)(uintptr_t)&o->item->fields, &o->item->n_fields,
		&o->widens, err));
	if (k->check)
		RV_TRY(k->check(o, err));
	RV_TRY(must_wait(o, &waits, err));
	if (waits) {
		o->item->result = RV_APPLY_PENDING;
		bool is_new = false;
		RV_TRY(rv_change_propose(o, &is_new, err));
		if (is_new && k->propose)
			RV_TRY(k->propose(o, err));
		return is_new ? leave_event(o, k->proposed, err) : RV_OK;
	}
	o->item->unseparated = o->unseparated;
	o->item->result = o->old ? RV_APPLY_CHANGED : RV_APPLY_CREATED;
	RV_TRY(k->write(o, err));
	return leave_event(o, o->old ? k->changed : k->created, err);
}

enum rv_code rv_apply_finish(struct rv_op *op, bool policies_changed, struct rv_err *err)
{
	if (policies_changed) {
		RV_TRY(rv_policy_set_check(op, err));
		RV_TRY(rv_policy_set_advance(op, RV_STR("apply"), err));
	}
	return rv_bootstrap_check(op, err);
}

static enum rv_code apply_one(struct rv_op *op, const struct rv_manifest *m, bool submit,
	struct rv_apply_item *item, bool *policies_changed, struct rv_err *err)
{
	struct rv_apply_one o = { .op = op, .m = m, .item = item, .author = op->actor.id };
	*item = (struct rv_apply_item){ .kind = m->kind, .name = m->name };
	if (m->kind != RV_KIND_SYSTEM) {
		RV_TRY(rv_apply_run(&o, err));
		*policies_changed = *policies_changed || o.policies_changed;
		return RV_OK;
	}
	const struct rv_json *spec;
	RV_TRY(rv_spec_canonical(op->arena, m->spec, &o.body, err));
	RV_TRY(rv_op_json(op, o.body, &spec, err));
	return rv_system_register(op, m->name, spec, o.body, submit, item, err);
}

/* The text of this value, wherever it stands. Depth was bounded when it was read. */
static const struct rv_json *find_text(const struct rv_json *v, struct rv_str text)
{
	const struct rv_json *at = NULL;
	if (v->type == RV_JSON_STR && rv_str_eq(v->str, text))
		return v;
	for (size_t i = 0; !at && v->type == RV_JSON_ARR && i < v->n_items; i++)
		at = find_text(v->items[i], text);
	for (size_t i = 0; !at && v->type == RV_JSON_OBJ && i < v->n_members; i++)
		at = find_text(v->members[i].value, text);
	return at;
}

/* Rules that look at the registry know no places: what they name, as "field: ..." or in 'quotes',
 * is looked for in the document. */
static const struct rv_json *place_of(const struct rv_manifest *m, struct rv_str msg)
{
	size_t colon = rv_str_find(msg, ':', 0), open = rv_str_find(msg, '\'', 0);
	size_t close = open == SIZE_MAX ? SIZE_MAX : rv_str_find(msg, '\'', open + 1);
	const struct rv_json *at =
		colon == SIZE_MAX ? NULL : rv_json_get_str(m->spec, rv_str_sub(msg, 0, colon));
	if (!at && close != SIZE_MAX)
		at = find_text(m->spec, rv_str_sub(msg, open + 1, close));
	return at ? at : m->spec;
}

static enum rv_code apply_all(struct rv_op *op, const struct rv_manifest_set *set, bool submit,
	struct rv_apply_report *r, struct rv_err *err)
{
	bool policies_changed = false;
	size_t *const counts[] = { [RV_APPLY_UNCHANGED] = &r->n_unchanged,
		[RV_APPLY_CREATED] = &r->n_created,
		[RV_APPLY_CHANGED] = &r->n_changed,
		[RV_APPLY_PENDING] = &r->n_pending };
	for (size_t i = 0; i < set->n; i++) {
		const struct rv_manifest *m = &set->items[i];
		struct rv_err e = { 0 };
		enum rv_code code = apply_one(op, m, submit, &r->items[i], &policies_changed, &e);
		if (code != RV_OK) {
			/* Whatever refused it: the reader wants to know which document. */
			bool placed = e.where[0] != '\0';
			const struct rv_json *at = place_of(m, rv_str_of(e.msg));
			if (code == RV_ENOENT) /* what it names is missing: the file is wrong */
				code = RV_EINVAL;
			return RV_FAIL_AT(err, code, m->path ? m->path : "",
				e.line ? e.line : at->line, e.line ? e.col : at->col,
				"%s%s%.*s%s%s", placed ? "" : rv_kind_name(m->kind),
				placed ? "" : " '", placed ? 0 : (int)m->name.n, m->name.p,
				placed ? "" : "': ", e.msg);
		}
		++*counts[r->items[i].result];
	}
	return rv_apply_finish(op, policies_changed, err);
}

enum rv_code rv_apply(struct rv_op *op, const struct rv_manifest_set *set,
	const struct rv_apply_opts *opts, struct rv_apply_report *ret, struct rv_err *err)
{
	struct rv_apply_report r = { .n = set->n };
	const struct rv_op before = *op;
	r.items = rv_arena_array(op->arena, set->n + 1, sizeof *r.items);
	if (!r.items)
		return RV_FAIL_ARENA(err);
	if (op->actor.type != RV_ACTOR_PERSON && op->actor.type != RV_ACTOR_SERVICE)
		return RV_FAIL(err, RV_EPERM, "only people apply manifests");
	op->is_dry_run = opts->dry_run;
	RV_TRY(rv_store_save(op->txn, err));
	enum rv_code code = apply_all(op, set, opts->submit, &r, err);
	if (code != RV_OK || opts->dry_run) {
		rv_store_undo(op->txn);
		*op = before;
	} else {
		code = rv_store_release(op->txn, err);
	}
	RV_TRY(code);
	*ret = r;
	return RV_OK;
}
