/* Limits: meters over a window, reserved before the act, settled or released after it. All
 * arithmetic is exact, and all of it happens on the control thread, in the transaction of the
 * decision: two reservations cannot both see the last cent. What is reserved stays spent until a
 * point settles it or a person releases it, so that a crash in between errs towards having spent.
 *
 * Windows (limit_window.c) are those of a calendar, or slide. */
#include "governance/limit_int.h"

/* The definition as it is now: the caller's may come from an older snapshot. */
static enum rv_code def_now(
	struct rv_op *op, const struct rv_limit *l, struct rv_db_meter_def *ret, struct rv_err *err)
{
	*ret = (struct rv_db_meter_def){ .id = l->id };
	struct rv_err e = { 0 };
	enum rv_code code = rv_db_meter_def_get(op->txn, op->arena, ret, &e);
	if (code != RV_OK && code != RV_ENOENT)
		return RV_FAIL(err, code, "%s", e.msg);
	if (code == RV_ENOENT || !ret->active)
		return RV_FAIL(err, RV_ECONFLICT, "limit '%.*s' is no longer in force; ask again",
			RV_FMT(l->id));
	return RV_OK;
}

static enum rv_code meter_now(struct rv_op *op, struct rv_str def, int64_t window_ns,
	struct rv_db_meter *ret, struct rv_err *err)
{
	*ret = (struct rv_db_meter){ .def = def, .window_ns = window_ns };
	struct rv_err e = { 0 };
	enum rv_code code = rv_db_meter_get(op->txn, op->arena, ret, &e);
	if (code == RV_ENOENT)
		ret->used = 0;
	return code == RV_OK || code == RV_ENOENT ? RV_OK : RV_FAIL(err, code, "%s", e.msg);
}

/* What counts besides the meter that is written now: the other slices of a window that slides. */
static enum rv_code used_before(struct rv_op *op, const struct rv_db_meter *meter,
	const struct limit_window *w, int64_t *ret, struct rv_err *err)
{
	struct rv_db_meter *rows;
	size_t n;
	const struct rv_query q = { .where = { RV_Q_STR(meter, def, RV_CMP_EQ, meter->def),
					    RV_Q_INT(meter, window_ns, RV_CMP_GT, w->since_ns) },
		.n_where = 2 };
	*ret = 0;
	if (!w->slides)
		return RV_OK;
	RV_TRY(rv_db_meter_list(op->txn, op->arena, &q, &rows, &n, err));
	for (size_t i = 0; i < n; i++)
		if (rows[i].window_ns != meter->window_ns && !rv_add_ok(*ret, rows[i].used, ret))
			return RV_FAIL(err, RV_ELIMIT, "the meter is full");
	return RV_OK;
}

static enum rv_code look_one(struct rv_op *op, const struct rv_reserve *item,
	struct rv_db_meter_def *def, struct rv_db_meter *meter, struct rv_reserved *ret,
	struct rv_err *err)
{
	int64_t after, others;
	struct limit_window w;
	if (item->amount < 0)
		return RV_FAIL(err, RV_EINVAL, "limit '%.*s': a negative amount",
			RV_FMT(item->limit->name));
	*ret = (struct rv_reserved){ .amount = item->amount };
	RV_TRY(def_now(op, item->limit, def, err));
	RV_TRY(limit_window_of(op->arena, def, op->now_ns, &w, err));
	ret->window_ns = w.start_ns;
	ret->resets_ns = w.resets_ns;
	ret->since_ns = w.slides ? w.since_ns + 1 : w.start_ns;
	RV_TRY(meter_now(op, def->id, w.start_ns, meter, err));
	RV_TRY(used_before(op, meter, &w, &others, err));
	if (!rv_add_ok(meter->used, item->amount, &ret->in_window) ||
		!rv_add_ok(ret->in_window, others, &after))
		return RV_FAIL(err, RV_ELIMIT, "limit '%.*s': the amount is too large",
			RV_FMT(item->limit->name));
	ret->max = def->max;
	ret->used = after;
	ret->exceeds = after > def->max;
	return RV_OK;
}

enum rv_code rv_limit_look(struct rv_op *op, const struct rv_reserve *items, size_t n,
	struct rv_reserved *ret_states, struct rv_err *err)
{
	for (size_t i = 0; i < n; i++) {
		struct rv_db_meter_def def;
		struct rv_db_meter meter;
		RV_TRY(look_one(op, &items[i], &def, &meter, &ret_states[i], err));
	}
	return RV_OK;
}

static enum rv_code reserve_one(struct rv_op *op, struct rv_str id, struct rv_str system,
	struct rv_str point, const struct rv_reserve *item, const struct rv_reserved *state,
	struct rv_err *err)
{
	const struct rv_db_meter meter = {
		.def = item->limit->id, .window_ns = state->window_ns, .used = state->in_window
	};
	const struct rv_db_reservation row = { .id = id,
		.def = item->limit->id,
		.window_ns = state->window_ns,
		.amount = item->amount,
		.state = RV_STR("reserved"),
		.system = system,
		.point = point,
		.at_ns = op->now_ns };
	RV_TRY(rv_db_meter_put(op->txn, &meter, err));
	return rv_db_reservation_insert(op->txn, &row, err);
}

enum rv_code rv_limit_reserve(struct rv_op *op, struct rv_str id, struct rv_str system,
	struct rv_str point, const struct rv_reserve *items, size_t n,
	struct rv_reserved *ret_states, bool *ret_ok, struct rv_err *err)
{
	bool ok = true;
	*ret_ok = false;
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < i; j++)
			if (rv_str_eq(items[i].limit->id, items[j].limit->id))
				return RV_FAIL(err, RV_EINVAL, "limit '%.*s' is named twice",
					RV_FMT(items[i].limit->id));
	RV_TRY(rv_limit_look(op, items, n, ret_states, err));
	for (size_t i = 0; i < n; i++)
		ok = ok && (!ret_states[i].exceeds || items[i].is_lifted);
	if (!ok)
		return RV_OK;
	for (size_t i = 0; i < n; i++)
		RV_TRY(reserve_one(op, id, system, point, &items[i], &ret_states[i], err));
	*ret_ok = true;
	return RV_OK;
}

static enum rv_code rows_of(struct rv_op *op, struct rv_str id, struct rv_db_reservation **ret,
	size_t *ret_n, struct rv_err *err)
{
	RV_TRY(rv_db_reservation_list(
		op->txn, op->arena, RV_Q_BY(reservation, id, id), ret, ret_n, err));
	if (*ret_n == 0)
		return RV_FAIL(err, RV_ENOENT, "no reservation '%.*s'", RV_FMT(id));
	return RV_OK;
}

static enum rv_code move_meter(struct rv_op *op, const struct rv_db_reservation *r, int64_t by,
	struct rv_db_meter *ret, struct rv_err *err)
{
	RV_TRY(meter_now(op, r->def, r->window_ns, ret, err));
	if (!rv_add_ok(ret->used, by, &ret->used) || ret->used < 0)
		return RV_FAIL(
			err, RV_EINVAL, "meter '%.*s' cannot move by that amount", RV_FMT(r->def));
	return rv_db_meter_put(op->txn, ret, err);
}

static enum rv_code event_of(struct rv_op *op, enum rv_event_kind kind,
	const struct rv_db_reservation *r, int64_t amount, bool over, struct rv_str reason,
	struct rv_err *err)
{
	struct rv_str detail;
	char text[32], reserved[32];
	RV_TRY(rv_detail(op, &detail, err, "reservation", r->id, "limit", r->def, "amount",
		rv_str_of(rv_amount_format(amount, 0, text)), "reserved",
		rv_str_of(rv_amount_format(r->amount, 0, reserved)), "over",
		over ? RV_STR("true") : RV_STR(""), "reason", reason, NULL));
	const struct rv_event ev = { .kind = kind,
		.system = r->system,
		.point = r->point,
		.cause = r->id,
		.detail_json = detail };
	return rv_op_event(op, &ev, (struct rv_str){ 0 }, NULL, err);
}

/* Only the point that did the act knows; a system's own word never frees money. */
static bool is_its_point(const struct rv_op *op, const struct rv_db_reservation *r)
{
	return op->actor.type == RV_ACTOR_POINT && r->point.n > 0 &&
		rv_str_eq(op->actor.id, r->point);
}

static enum rv_code settle_one(
	struct rv_op *op, struct rv_db_reservation *r, int64_t amount, struct rv_err *err)
{
	struct rv_db_meter meter;
	struct rv_db_meter_def def = { .id = r->def };
	RV_TRY(rv_db_meter_def_get(op->txn, op->arena, &def, err));
	if (rv_str_eqz(def.unit, "concurrent"))
		amount = 0; /* it is over, whatever it was */
	if (rv_str_eqz(r->state, "settled") && r->settled == amount)
		return RV_OK;
	if (!rv_str_eqz(r->state, "reserved"))
		return RV_FAIL(err, RV_ECONFLICT, "reservation '%.*s' is %.*s already",
			RV_FMT(r->id), RV_FMT(r->state));
	RV_TRY(move_meter(op, r, amount - r->amount, &meter, err));
	r->state = RV_STR("settled");
	r->settled = amount;
	r->closed_ns = op->now_ns;
	r->closed_by = op->actor.id;
	RV_TRY(rv_db_reservation_update(op->txn, r, err));
	return event_of(op, RV_EV_LIMIT_SETTLED, r, amount, meter.used > def.max,
		(struct rv_str){ 0 }, err);
}

/* "limit:subject/name" -> name */
static struct rv_str name_of(struct rv_str def)
{
	size_t slash = rv_str_find(def, '/', 0);
	return slash == SIZE_MAX ? def : rv_str_sub(def, slash + 1, def.n);
}

enum rv_code rv_limit_settle(struct rv_op *op, struct rv_str id, struct rv_str limit_name,
	int64_t amount, struct rv_err *err)
{
	struct rv_db_reservation *rows;
	size_t n, found = 0;
	if (amount < 0)
		return RV_FAIL(err, RV_EINVAL, "a negative amount");
	RV_TRY(rows_of(op, id, &rows, &n, err));
	for (size_t i = 0; i < n; i++) {
		if (limit_name.n > 0 && !rv_str_eq(name_of(rows[i].def), limit_name))
			continue;
		found++;
		if (!is_its_point(op, &rows[i]))
			return RV_FAIL(err, RV_EPERM,
				"only the point that did the act settles what it reserved");
		RV_TRY(settle_one(op, &rows[i], limit_name.n > 0 ? amount : rows[i].amount, err));
	}
	if (found == 0)
		return RV_FAIL(err, RV_ENOENT, "reservation '%.*s' has no limit '%.*s'", RV_FMT(id),
			RV_FMT(limit_name));
	return RV_OK;
}

static enum rv_code may_release(struct rv_op *op, const struct rv_db_reservation *r,
	struct rv_str reason, struct rv_err *err)
{
	if (is_its_point(op, r))
		return RV_OK;
	struct rv_db_system s;
	if (op->actor.type != RV_ACTOR_PERSON ||
		rv_system_get(op, r->system, &s, NULL, NULL) != RV_OK)
		return RV_FAIL(err, RV_ENOENT, "no reservation '%.*s'", RV_FMT(r->id));
	RV_TRY(rv_need(op, RV_RIGHT_GOVERNOR | RV_RIGHT_RESPONDER, err));
	if (rv_is_person(op, s.owner))
		return RV_FAIL(err, RV_EPERM, "the owner of '%.*s' does not release its limits",
			RV_FMT(s.name));
	if (reason.n == 0)
		return RV_FAIL(err, RV_EINVAL, "a release by a person needs a reason");
	return RV_OK;
}

enum rv_code rv_limit_release(
	struct rv_op *op, struct rv_str id, struct rv_str reason, struct rv_err *err)
{
	struct rv_db_reservation *rows;
	size_t n;
	RV_TRY(rows_of(op, id, &rows, &n, err));
	for (size_t i = 0; i < n; i++) {
		struct rv_db_reservation *r = &rows[i];
		struct rv_db_meter meter;
		RV_TRY(may_release(op, r, reason, err));
		if (rv_str_eqz(r->state, "released"))
			continue;
		if (!rv_str_eqz(r->state, "reserved"))
			return RV_FAIL(
				err, RV_ECONFLICT, "reservation '%.*s' is settled", RV_FMT(id));
		RV_TRY(move_meter(op, r, -r->amount, &meter, err));
		r->state = RV_STR("released");
		r->closed_ns = op->now_ns;
		r->closed_by = op->actor.id;
		RV_TRY(rv_db_reservation_update(op->txn, r, err));
		RV_TRY(event_of(op, RV_EV_LIMIT_RELEASED, r, r->amount, false, reason, err));
	}
	return RV_OK;
}

static const char *const units[] = { "", "count", "money", "bytes", "tokens", "concurrent" };

const char *rv_unit_name(enum rv_unit u)
{
	return (size_t)u < RV_COUNT(units) ? units[u] : "";
}

enum rv_code rv_limit_of_row(struct rv_arena *a, const struct rv_db_meter_def *d,
	struct rv_limit *ret, struct rv_err *err)
{
	*ret = (struct rv_limit){ .id = d->id,
		.name = d->name,
		.subject = d->subject,
		.currency = d->currency,
		.hash = d->hash,
		.max = d->max,
		.per = d->per,
		.zone = d->zone,
		.holds = rv_str_eqz(d->excess, "hold"),
		.quorum = d->quorum,
		.subject_is_role = rv_str_eqz(d->subject_kind, "role") };
	for (size_t i = 1; i < RV_COUNT(units); i++)
		if (rv_str_eqz(d->unit, units[i]))
			ret->unit = (enum rv_unit)i;
	if (!ret->unit)
		return RV_FAIL(err, RV_ECORRUPT, "limit '%.*s' counts '%.*s'", RV_FMT(d->id),
			RV_FMT(d->unit));
	RV_TRY(rv_strs_parse(a, d->actions_json, &ret->actions, &ret->n_actions, err));
	RV_TRY(rv_strs_parse(a, d->resources_json, &ret->resources, &ret->n_resources, err));
	return rv_strs_parse(a, d->groups_json, &ret->groups, &ret->n_groups, err);
}

enum rv_code rv_limit_reservations(struct rv_op *op, struct rv_str id,
	struct rv_db_reservation **ret, size_t *ret_n, struct rv_err *err)
{
	const struct rv_query q = { .where = { RV_Q_STR(reservation, id, RV_CMP_EQ, id) },
		.n_where = 1 };
	return rv_db_reservation_list(op->txn, op->arena, &q, ret, ret_n, err);
}

struct states {
	struct rv_limit_state *items;
	size_t n, cap;
};

static enum rv_code states_add(
	struct rv_op *op, struct states *s, const struct rv_db_meter_def *d, struct rv_err *err)
{
	if (s->n == s->cap)
		return RV_FAIL(err, RV_ELIMIT, "more than %zu limits", s->cap);
	struct rv_limit *l = rv_arena_alloc(op->arena, sizeof *l);
	if (!l)
		return RV_FAIL_ARENA(err);
	RV_TRY(rv_limit_of_row(op->arena, d, l, err));
	struct rv_limit_state *st = &s->items[s->n++];
	struct rv_db_meter_def def;
	struct rv_db_meter meter;
	const struct rv_reserve none = { .limit = l };
	st->limit = l;
	RV_TRY(look_one(op, &none, &def, &meter, &st->now, err));
	struct rv_db_reservation *rows;
	size_t n;
	const struct rv_query q = {
		.where = { RV_Q_STR(reservation, def, RV_CMP_EQ, d->id),
			RV_Q_STR(reservation, state, RV_CMP_EQ, RV_STR("reserved")) },
		.n_where = 2
	};
	RV_TRY(rv_db_reservation_list(op->txn, op->arena, &q, &rows, &n, err));
	for (size_t i = 0; i < n; i++)
		if (rows[i].window_ns >= st->now.since_ns)
			st->open += rows[i].amount;
	return RV_OK;
}

static enum rv_code states_of(struct rv_op *op, struct states *s, const char *kind,
	struct rv_str subject, struct rv_err *err)
{
	struct rv_db_meter_def *rows;
	size_t n;
	const struct rv_query q = {
		.where = { RV_Q_STR(meter_def, subject_kind, RV_CMP_EQ, rv_str_of(kind)),
			RV_Q_STR(meter_def, subject, RV_CMP_EQ, subject),
			RV_Q_INT(meter_def, active, RV_CMP_EQ, 1) },
		.n_where = 3
	};
	if (subject.n == 0)
		return RV_OK;
	RV_TRY(rv_db_meter_def_list(op->txn, op->arena, &q, &rows, &n, err));
	for (size_t i = 0; i < n; i++)
		RV_TRY(states_add(op, s, &rows[i], err));
	return RV_OK;
}

enum rv_code rv_limit_states(struct rv_op *op, struct rv_str system, struct rv_limit_state **ret,
	size_t *ret_n, struct rv_err *err)
{
	enum { STATES_MAX = 256 };
	struct states s = { .cap = STATES_MAX };
	s.items = rv_arena_array(op->arena, s.cap, sizeof *s.items);
	if (!s.items)
		return RV_FAIL_ARENA(err);
	struct rv_db_system row;
	RV_TRY(rv_system_get(op, system, &row, NULL, err));
	for (unsigned depth = 0; depth < RV_PARENT_DEPTH_MAX; depth++) {
		RV_TRY(states_of(op, &s, "system", row.name, err));
		RV_TRY(states_of(op, &s, "role", row.role, err));
		if (row.parent.n == 0)
			break;
		row = (struct rv_db_system){ .name = row.parent };
		RV_TRY(rv_db_system_get(op->txn, op->arena, &row, err));
	}
	*ret = s.items;
	*ret_n = s.n;
	return RV_OK;
}
