/* The registry's part of the board's report. */
#include <stdio.h>

#include "report/report_int.h"

const char *const BOARD_CLASS_NAMES[BOARD_CLASSES] = { "assistant", "agent", "worker" };

enum rv_code board_keep(struct rv_board *b, struct rv_str s, struct rv_str *ret, struct rv_err *err)
{
	*ret = rv_arena_str(b->arena, s.p ? s : RV_STR(""));
	return ret->p ? RV_OK : RV_FAIL_ARENA(err);
}

enum rv_code board_add(
	struct rv_board *b, struct board_list *l, struct rv_str s, struct rv_err *err)
{
	for (size_t i = 0; i < l->n; i++)
		if (rv_str_eq(l->v[i], s))
			return RV_OK;
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 4;
		struct rv_str *v = rv_arena_array(b->arena, cap, sizeof *v);
		if (!v)
			return RV_FAIL_ARENA(err);
		if (l->n > 0)
			memcpy(v, l->v, l->n * sizeof *v);
		l->v = v;
		l->cap = cap;
	}
	RV_TRY(board_keep(b, s, &l->v[l->n], err));
	l->n++;
	return RV_OK;
}

enum rv_code rv_board_new(struct rv_arena *a, int64_t now_ns, int64_t since_ns,
	struct rv_board **ret, struct rv_err *err)
{
	struct rv_board *b = rv_arena_alloc(a, sizeof *b);
	if (!b)
		return RV_FAIL_ARENA(err);
	b->arena = a;
	b->now_ns = now_ns;
	b->since_ns = since_ns;
	*ret = b;
	return RV_OK;
}

static enum rv_code is_alive(struct rv_op *op, struct rv_str person, bool *ret, struct rv_err *err)
{
	struct rv_db_person row = { .name = person };
	*ret = false;
	if (person.n == 0)
		return RV_OK;
	enum rv_code code = rv_db_person_get(op->txn, op->arena, &row, NULL);
	if (code != RV_OK && code != RV_ENOENT)
		return RV_FAIL(err, code, "cannot read person '%.*s'", RV_FMT(person));
	*ret = code == RV_OK && row.active;
	return RV_OK;
}

static bool is_covered(const struct rv_db_point *p, struct rv_str system, struct rv_op *op)
{
	const struct rv_json *v;
	if (!p->active || !rv_str_eqz(p->trust, "enforce") ||
		rv_json_parse(op->arena, p->systems_json, NULL, &v, NULL) != RV_OK)
		return false;
	for (size_t i = 0; v->type == RV_JSON_ARR && i < v->n_items; i++)
		if (v->items[i]->type == RV_JSON_STR &&
			(rv_str_eqz(v->items[i]->str, "*") || rv_str_eq(v->items[i]->str, system)))
			return true;
	return v->type == RV_JSON_STR && rv_str_eqz(v->str, "*");
}

struct rows {
	struct rv_db_system *systems;
	struct rv_db_resource *resources;
	struct rv_db_point *points;
	size_t n_systems, n_resources, n_points;
};

static enum rv_code add_system(struct rv_board *b, struct rv_op *op, const struct rows *r,
	const struct rv_db_system *row, struct rv_err *err)
{
	struct board_system *s = &b->systems[b->n_systems++];
	struct rv_db_system again;
	struct rv_db_system_version version;
	const struct rv_json *spec;
	bool owner, deputy;
	RV_TRY(rv_system_get(op, row->name, &again, &version, err));
	RV_TRY(rv_json_parse(op->arena, version.body, NULL, &spec, err));
	RV_TRY(board_profile(b, op, row, spec, r->resources, r->n_resources, s, err));
	RV_TRY(is_alive(op, row->owner, &owner, err));
	RV_TRY(is_alive(op, row->deputy, &deputy, err));
	s->has_owner = owner || deputy;
	for (size_t i = 0; i < r->n_points; i++)
		s->is_covered = s->is_covered || is_covered(&r->points[i], row->name, op);
	return RV_OK;
}

static enum rv_code add_points(struct rv_board *b, const struct rows *r, struct rv_err *err)
{
	b->points = rv_arena_array(b->arena, r->n_points + 1, sizeof *b->points);
	if (!b->points)
		return RV_FAIL_ARENA(err);
	for (size_t i = 0; i < r->n_points; i++) {
		if (!r->points[i].active)
			continue;
		struct board_point *p = &b->points[b->n_points++];
		RV_TRY(board_keep(b, r->points[i].name, &p->name, err));
		RV_TRY(board_keep(b, r->points[i].trust, &p->trust, err));
	}
	return RV_OK;
}

enum rv_code rv_board_registry(struct rv_board *b, struct rv_op *op, struct rv_err *err)
{
	struct rows r = { 0 };
	RV_TRY(rv_need(op,
		RV_RIGHT_AUDITOR | RV_RIGHT_GOVERNOR | RV_RIGHT_ADMIN | RV_RIGHT_RESPONDER, err));
	const struct rv_snapshot *snap = rv_snapshot_get(op->gov);
	b->generation = rv_snapshot_generation(snap);
	b->policy_version = rv_snap_policy_version(snap);
	rv_snapshot_unref(snap);
	RV_TRY(rv_bootstrap_state(op, &b->bootstrap, err));
	RV_TRY(rv_system_list(op, &r.systems, &r.n_systems, err));
	RV_TRY(rv_db_resource_list(
		op->txn, op->arena, RV_Q_ALL, &r.resources, &r.n_resources, err));
	RV_TRY(rv_db_point_list(op->txn, op->arena, RV_Q_ALL, &r.points, &r.n_points, err));
	b->systems = rv_arena_array(b->arena, r.n_systems + 1, sizeof *b->systems);
	if (!b->systems)
		return RV_FAIL_ARENA(err);
	for (size_t i = 0; i < r.n_systems; i++)
		if (!rv_str_eqz(r.systems[i].state, "retired"))
			RV_TRY(add_system(b, op, &r, &r.systems[i], err));
	RV_TRY(add_points(b, &r, err));
	return board_find_missing(b, op, err);
}
