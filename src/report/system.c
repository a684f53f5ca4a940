/* What one profile says of authority: what it does without asking, over which money, in production,
 * with whose data. */
#include <stdio.h>

#include "report/report_int.h"

/* Review cadence where the profile names none (SEMANTICS 2). */
static const int64_t CADENCE_DAYS[BOARD_CLASSES] = { 365, 180, 90 };
#define DAY_NS (86400 * RV_NS_PER_S)

static enum board_class class_of(struct rv_str name)
{
	for (int i = 0; i < BOARD_CLASSES; i++)
		if (rv_str_eqz(name, BOARD_CLASS_NAMES[i]))
			return (enum board_class)i;
	return BOARD_WORKER; /* what is not understood is taken for the most */
}

/* "Service/site-*" covers what begins so. */
static bool covers(struct rv_str pattern, const struct rv_db_resource *r)
{
	char name[512];
	snprintf(name, sizeof name, "%.*s/%.*s", RV_FMT(r->type), RV_FMT(r->id));
	bool is_prefix = pattern.n > 0 && pattern.p[pattern.n - 1] == '*';
	return is_prefix ? rv_str_starts(rv_str_of(name), rv_str_sub(pattern, 0, pattern.n - 1))
			 : rv_str_eqz(pattern, name);
}

static bool is_sensitive(struct rv_str data_class)
{
	static const char *const words[] = { "personal", "financial", "confidential", "secret" };
	for (size_t i = 0; i < RV_COUNT(words); i++)
		if (rv_str_eqz(data_class, words[i]))
			return true;
	return false;
}

static enum rv_code add_reach(struct rv_board *b, const struct rv_json *access,
	const struct rv_db_resource *resources, size_t n, struct board_system *s,
	struct rv_err *err)
{
	for (size_t i = 0; rv_json_is(access, RV_JSON_ARR) && i < access->n_items; i++) {
		struct rv_str pattern = board_str(access->items[i], "resource");
		for (size_t k = 0; k < n; k++) {
			const struct rv_db_resource *r = &resources[k];
			char name[600];
			if (!r->active || !covers(pattern, r))
				continue;
			snprintf(name, sizeof name, "%.*s/%.*s", RV_FMT(r->type), RV_FMT(r->id));
			if (rv_str_eqz(r->environment, "production"))
				RV_TRY(board_add(b, &s->production, rv_str_of(name), err));
			if (!is_sensitive(r->data_class))
				continue;
			snprintf(name, sizeof name, "%.*s/%.*s (%.*s)", RV_FMT(r->type),
				RV_FMT(r->id), RV_FMT(r->data_class));
			RV_TRY(board_add(b, &s->sensitive, rv_str_of(name), err));
		}
	}
	return RV_OK;
}

static enum rv_code add_money(
	struct rv_board *b, struct rv_op *op, struct board_system *s, struct rv_err *err)
{
	struct rv_limit_state *states;
	size_t n;
	RV_TRY(rv_limit_states(op, s->name, &states, &n, err));
	for (size_t i = 0; i < n; i++) {
		const struct rv_limit *l = states[i].limit;
		char max[32], used[32], text[200];
		if (l->unit != RV_UNIT_MONEY)
			continue;
		s->has_money_limit = true;
		snprintf(text, sizeof text, "%s %.*s per %.*s, then %s (%s used now)",
			rv_amount_format(l->max, 2, max), RV_FMT(l->currency), RV_FMT(l->per),
			l->holds ? "held" : "denied",
			rv_amount_format(states[i].now.used, 2, used));
		RV_TRY(board_add(b, &s->money, rv_str_of(text), err));
	}
	return RV_OK;
}

static enum rv_code add_alone(struct rv_board *b, const struct rv_json *actions,
	struct board_system *s, struct rv_err *err)
{
	const struct rv_json *list = rv_json_get(actions, "autonomous");
	for (size_t i = 0; rv_json_is(list, RV_JSON_ARR) && i < list->n_items; i++) {
		const struct rv_json *v = list->items[i];
		/* With conditions or without: it is done alone. */
		RV_TRY(board_add(b, &s->alone,
			v->type == RV_JSON_STR ? v->str : board_str(v, "action"), err));
	}
	return RV_OK;
}

static int64_t cadence_of(const struct rv_json *spec, enum board_class c)
{
	int64_t ns;
	struct rv_str text = board_str(rv_json_get(spec, "review"), "cadence");
	return rv_duration_parse(text, &ns) && ns > 0 ? ns : CADENCE_DAYS[c] * DAY_NS;
}

enum rv_code board_profile(struct rv_board *b, struct rv_op *op, const struct rv_db_system *row,
	const struct rv_json *spec, const struct rv_db_resource *resources, size_t n_resources,
	struct board_system *s, struct rv_err *err)
{
	RV_TRY(board_keep(b, row->name, &s->name, err));
	RV_TRY(board_keep(b, row->frozen ? RV_STR("frozen") : row->state, &s->state, err));
	RV_TRY(board_keep(b, row->owner, &s->owner, err));
	RV_TRY(board_keep(b, row->deputy, &s->deputy, err));
	RV_TRY(board_keep(b, row->environment, &s->environment, err));
	s->class_ = class_of(row->class);
	s->is_active = rv_str_eqz(s->state, "active");
	s->approved_ns = row->approved_ns;
	s->unseparated_until_ns = row->unseparated_until_ns;
	s->cadence_ns = cadence_of(spec, s->class_);
	RV_TRY(add_alone(b, rv_json_get(spec, "actions"), s, err));
	RV_TRY(add_reach(b, rv_json_get(spec, "access"), resources, n_resources, s, err));
	RV_TRY(add_money(b, op, s, err));
	/* A worker begins by itself; an agent acts alone in what its profile lets it. */
	s->acts_alone = s->class_ == BOARD_WORKER || (s->class_ == BOARD_AGENT && s->alone.n > 0);
	return RV_OK;
}
