/* The log's part of the board's report: one pass, newest first. An outcome stands behind its
 * intent, so going backwards each intent's outcome was seen already. */
#include "report/report_int.h"

enum { EVENT_MEMORY = 1 << 20 };

/* Ids of the intents whose outcome was seen. */
struct ids {
	struct rv_uuid *v;
	size_t n, cap; /* cap: a power of two; an all-zero id is a free place */
};

static size_t place_of(const struct ids *s, const struct rv_uuid *u)
{
	uint64_t h;
	memcpy(&h, u->b + 8, sizeof h); /* its random half */
	size_t at = (size_t)h & (s->cap - 1);
	static const struct rv_uuid none;
	while (memcmp(&s->v[at], &none, sizeof none) != 0 && memcmp(&s->v[at], u, sizeof *u) != 0)
		at = (at + 1) & (s->cap - 1);
	return at;
}

static bool ids_add(struct ids *s, const struct rv_uuid *u)
{
	if ((s->n + 1) * 2 > s->cap) {
		struct ids more = { .cap = s->cap ? s->cap * 2 : 1024, .n = s->n };
		static const struct rv_uuid none;
		more.v = calloc(more.cap, sizeof *more.v);
		if (!more.v)
			return false;
		for (size_t i = 0; i < s->cap; i++)
			if (memcmp(&s->v[i], &none, sizeof none) != 0)
				more.v[place_of(&more, &s->v[i])] = s->v[i];
		free(s->v);
		*s = more;
	}
	size_t at = place_of(s, u);
	if (memcmp(&s->v[at], u, sizeof *u) != 0)
		s->n++;
	s->v[at] = *u;
	return true;
}

static bool ids_has(const struct ids *s, const struct rv_uuid *u)
{
	return s->cap > 0 && memcmp(&s->v[place_of(s, u)], u, sizeof *u) == 0;
}

struct pass {
	struct rv_board *b;
	struct ids done;
	bool is_out_of_memory;
};

static struct board_system *system_of(struct rv_board *b, struct rv_str name)
{
	size_t from = 0, to = b->n_systems; /* they come in the order of their names */
	while (from < to) {
		size_t mid = from + (to - from) / 2;
		int c = rv_str_cmp(b->systems[mid].name, name);
		if (c == 0)
			return &b->systems[mid];
		if (c < 0)
			from = mid + 1;
		else
			to = mid;
	}
	return NULL;
}

static void count(struct board_counts *c, const struct rv_json *e, int64_t logged_ns)
{
	struct rv_str o = board_str(e, "outcome"), evidence = board_str(e, "evidence");
	c->allowed += rv_str_eqz(o, "allow");
	c->held += rv_str_eqz(o, "hold");
	c->denied += rv_str_eqz(o, "deny");
	c->enforced += rv_str_eqz(evidence, "enforced");
	c->observed += rv_str_eqz(evidence, "observed");
	c->claimed += rv_str_eqz(evidence, "claimed");
	if (c->last_ns == 0)
		c->last_ns = logged_ns;
}

/* A point is heard when it does something, not when it is spoken of. */
static void hear_point(struct rv_board *b, const struct rv_json *actor, int64_t logged_ns)
{
	struct rv_str name = board_str(actor, "id");
	if (!rv_str_eqz(board_str(actor, "type"), "point"))
		return;
	for (size_t i = 0; i < b->n_points; i++)
		if (b->points[i].last_ns == 0 && rv_str_eq(b->points[i].name, name))
			b->points[i].last_ns = logged_ns;
}

static void on_outcome(struct pass *p, const struct rv_json *e)
{
	struct rv_uuid u;
	p->b->unknown_outcomes +=
		rv_str_eqz(board_str(rv_json_get(e, "detail"), "status"), "unknown");
	if (rv_uuid_parse(board_str(e, "cause"), &u) && !ids_add(&p->done, &u))
		p->is_out_of_memory = true;
}

static void on_intent(struct pass *p, const struct rv_json *e)
{
	struct rv_uuid u;
	struct board_system *s = system_of(p->b, board_str(e, "system"));
	if (!rv_uuid_parse(board_str(e, "id"), &u) || ids_has(&p->done, &u))
		return;
	p->b->all.open_intents++;
	if (s)
		s->counts.open_intents++;
}

static void on_decision(struct pass *p, const struct rv_json *e, int64_t logged_ns)
{
	struct board_system *s = system_of(p->b, board_str(e, "system"));
	count(&p->b->all, e, logged_ns);
	if (s)
		count(&s->counts, e, logged_ns);
	else
		p->b->not_ours++;
}

static bool on_record(void *arg, const struct rv_ledger_entry *r)
{
	struct pass *p = arg;
	const struct rv_json *e;
	RV_AUTO_ARENA a;
	rv_arena_init(&a, EVENT_MEMORY);
	if (p->b->n_records == RV_BOARD_RECORDS_MAX) {
		p->b->is_cut = true;
		return false;
	}
	p->b->n_records++;
	p->b->from_seq = r->seq;
	if (rv_json_parse(&a, r->event, NULL, &e, NULL) != RV_OK)
		return true;
	struct rv_str kind = board_str(e, "kind");
	hear_point(p->b, rv_json_get(e, "actor"), r->logged_ns);
	if (rv_str_eqz(kind, "decision"))
		on_decision(p, e, r->logged_ns);
	else if (rv_str_eqz(kind, "outcome"))
		on_outcome(p, e);
	else if (rv_str_eqz(kind, "intent"))
		on_intent(p, e);
	else if (rv_str_starts(kind, RV_STR("review."))) {
		struct board_system *s = system_of(p->b, board_str(e, "system"));
		if (s && s->counts.reviewed_ns == 0)
			s->counts.reviewed_ns = r->logged_ns;
	}
	p->b->gaps += rv_str_eqz(kind, "service.audit_gap");
	p->b->torn_tails += rv_str_eqz(kind, "service.torn_tail");
	p->b->knocks += rv_str_eqz(kind, "service.knocks");
	p->b->refused_logins += rv_str_eqz(kind, "session.refused");
	return !p->is_out_of_memory;
}

static enum rv_code read_origin(struct rv_board *b, struct rv_ledger *l)
{
	struct rv_checkpoint c;
	RV_AUTO_BUF note;
	rv_buf_init(&note, RV_CHECKPOINT_MAX);
	if (rv_ledger_checkpoint(l, false, &note, NULL) == RV_OK &&
		rv_checkpoint_open(rv_buf_str(&note), NULL, &c, NULL) == RV_OK)
		memcpy(b->origin, c.origin, sizeof b->origin);
	return RV_OK;
}

enum rv_code rv_board_log(struct rv_board *b, struct rv_ledger *l, struct rv_err *err)
{
	struct pass p = { .b = b };
	rv_ledger_status(l, &b->ledger);
	const struct rv_ledger_query q = { .since_ns = b->since_ns,
		.before_seq = b->ledger.size,
		.limit = RV_BOARD_RECORDS_MAX + 1 };
	b->from_seq = b->ledger.size;
	enum rv_code code =
		b->ledger.size > 0 ? rv_ledger_search(l, &q, on_record, &p, NULL, err) : RV_OK;
	free(p.done.v);
	RV_TRY(code);
	if (p.is_out_of_memory)
		return RV_FAIL(err, RV_ENOMEM, "no memory for the outcomes of the range");
	RV_TRY(read_origin(b, l));
	return board_find_overdue(b, err);
}
