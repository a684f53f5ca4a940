/* The board's report as JSON. Each figure carries the question that gives it again and what it
 * rests on: the registry's generation, or the records of the log that were read. */
#include <stdio.h>

#include "report/report_int.h"

struct out {
	const struct rv_board *b;
	struct rv_json_w *w;
};
enum basis { REGISTRY, RECORDS };

static void put_time(struct rv_json_w *w, const char *name, int64_t ns)
{
	char buf[RV_TIME_SIZE];
	if (ns > 0)
		rv_json_w_kv_strz(w, name, rv_time_format(ns, buf));
}

static void put_list(struct rv_json_w *w, const char *name, const struct board_list *l)
{
	rv_json_w_name(w, name);
	rv_json_w_arr(w);
	for (size_t i = 0; i < l->n; i++)
		rv_json_w_str(w, l->v[i]);
	rv_json_w_arr_end(w);
}

/* The question; of the log it names the records it was asked over. */
static void put_query(const struct out *o, const char *query, enum basis basis)
{
	char text[300];
	bool has_range = basis == RECORDS && o->b->n_records > 0 &&
		strncmp(query, "reeve ", 6) != 0 && !strchr(query, ',');
	snprintf(text, sizeof text, "%s", query);
	if (has_range)
		snprintf(text, sizeof text, "%s seq:%llu..%llu", query,
			(unsigned long long)o->b->from_seq,
			(unsigned long long)(o->b->ledger.size - 1));
	rv_json_w_kv_strz(o->w, "query", text);
}

/* One figure; names (may be NULL): whom it counts. */
static void figure(const struct out *o, const char *id, uint64_t value, const char *text,
	const char *query, enum basis basis, const struct board_list *names)
{
	rv_json_w_obj(o->w);
	rv_json_w_kv_strz(o->w, "id", id);
	rv_json_w_kv_i64(o->w, "value", (int64_t)value);
	rv_json_w_kv_strz(o->w, "text", text);
	if (names)
		put_list(o->w, "names", names);
	put_query(o, query, basis);
	rv_json_w_kv_strz(o->w, "basis", basis == REGISTRY ? "registry" : "records");
	rv_json_w_obj_end(o->w);
}

/* The systems that a test picks; the array is the caller's. */
typedef bool picks(const struct board_system *s);
static struct board_list pick(const struct rv_board *b, struct rv_str *v, picks *test)
{
	struct board_list l = { .v = v };
	for (size_t i = 0; i < b->n_systems; i++)
		if (test(&b->systems[i]))
			v[l.n++] = b->systems[i].name;
	return l;
}

static bool is_active(const struct board_system *s)
{
	return s->is_active;
}

static bool acts_alone(const struct board_system *s)
{
	return s->is_active && s->acts_alone;
}

static bool spends(const struct board_system *s)
{
	return acts_alone(s) && s->has_money_limit;
}

static bool is_in_production(const struct board_system *s)
{
	return acts_alone(s) && s->production.n > 0;
}

static bool touches_sensitive(const struct board_system *s)
{
	return acts_alone(s) && s->sensitive.n > 0;
}

static bool is_only_claimed(const struct board_system *s)
{
	return s->counts.claimed > 0 && s->counts.enforced + s->counts.observed == 0;
}

static bool is_uncovered(const struct board_system *s)
{
	return s->is_active && !s->is_covered;
}

static bool has_open_intents(const struct board_system *s)
{
	return s->counts.open_intents > 0;
}

static bool has_no_owner(const struct board_system *s)
{
	return !s->has_owner;
}

static void put_how_many(const struct out *o, struct rv_str *v)
{
	const struct rv_board *b = o->b;
	static const char *const ids[] = { "systems.assistants", "systems.agents",
		"systems.workers" };
	static const char *const texts[] = { "assistants", "agents", "workers" };
	struct board_list l;
	figure(o, "systems", b->n_systems, "AI systems in the registry, the retired left out",
		"reeve system list", REGISTRY, NULL);
	for (int c = 0; c < BOARD_CLASSES; c++) {
		l = (struct board_list){ .v = v };
		for (size_t i = 0; i < b->n_systems; i++)
			if (b->systems[i].class_ == (enum board_class)c)
				v[l.n++] = b->systems[i].name;
		figure(o, ids[c], l.n, texts[c], "reeve system list", REGISTRY, &l);
	}
	l = pick(b, v, is_active);
	figure(o, "systems.active", l.n, "of them active", "reeve system list", REGISTRY, NULL);
	l = pick(b, v, acts_alone);
	figure(o, "alone", l.n, "active ones act on their own", "reeve system show NAME", REGISTRY,
		&l);
	l = pick(b, v, spends);
	figure(o, "alone.money", l.n, "of these spend money, within a limit", "reeve limits NAME",
		REGISTRY, &l);
	l = pick(b, v, is_in_production);
	figure(o, "alone.production", l.n, "of these change production", "reeve system show NAME",
		REGISTRY, &l);
	l = pick(b, v, touches_sensitive);
	figure(o, "alone.sensitive", l.n,
		"of these reach personal, financial, confidential or secret data",
		"reeve system show NAME", REGISTRY, &l);
	l = pick(b, v, has_no_owner);
	figure(o, "no_owner", l.n, "have nobody who answers", "reeve system list", REGISTRY, &l);
}

static void put_what_happened(const struct out *o)
{
	const struct board_counts *c = &o->b->all;
	figure(o, "decisions", c->allowed + c->held + c->denied, "decisions", "kind:decision",
		RECORDS, NULL);
	figure(o, "decisions.allowed", c->allowed, "allowed", "kind:decision outcome:allow",
		RECORDS, NULL);
	figure(o, "decisions.held", c->held, "held for a person", "kind:decision outcome:hold",
		RECORDS, NULL);
	figure(o, "decisions.denied", c->denied, "denied", "kind:decision outcome:deny", RECORDS,
		NULL);
}

static void put_not_enforced(const struct out *o, struct rv_str *v)
{
	const struct rv_board *b = o->b;
	struct board_list l;
	figure(o, "claimed", b->all.claimed,
		"decisions rest on the system's own word: nobody held it to the answer",
		"kind:decision evidence:claimed", RECORDS, NULL);
	l = pick(b, v, is_only_claimed);
	figure(o, "claimed.only", l.n, "systems were seen only through their own word",
		"kind:decision system:NAME -evidence:claimed", RECORDS, &l);
	l = pick(b, v, is_uncovered);
	figure(o, "uncovered", l.n,
		"active systems have no enforcing point: what they do besides asking is not seen",
		"reeve system list", REGISTRY, &l);
	l = (struct board_list){ .v = v };
	for (size_t i = 0; i < b->n_points; i++)
		if (b->points[i].last_ns == 0)
			v[l.n++] = b->points[i].name;
	figure(o, "points.silent", l.n, "enforcement points were not heard from",
		"actor:point/NAME", RECORDS, &l);
	l = pick(b, v, has_open_intents);
	figure(o, "intents.open", b->all.open_intents,
		"actions were begun and nobody reported what came of them",
		"kind:intent, whose id is the cause of no kind:outcome", RECORDS, &l);
	figure(o, "outcomes.unknown", b->unknown_outcomes, "outcomes were reported as unknown",
		"kind:outcome \"unknown\"", RECORDS, NULL);
	figure(o, "unregistered", b->not_ours,
		"decisions were about systems not in the registry now",
		"kind:decision -system:NAME, for every NAME of the registry", RECORDS, NULL);
	figure(o, "unsigned", b->ledger.size - b->ledger.signed_size,
		"newest records are not yet under a signed checkpoint", "reeve status", RECORDS,
		NULL);
	figure(o, "gaps", b->gaps,
		"times decisions were refused because they could not be recorded",
		"kind:service.audit_gap", RECORDS, NULL);
	figure(o, "torn", b->torn_tails, "times the log's end was cut after a crash",
		"kind:service.torn_tail", RECORDS, NULL);
	if (b->bootstrap.is_open)
		figure(o, "bootstrap", 1,
			"installation in bootstrap: one person can still approve alone",
			"reeve status", REGISTRY, NULL);
}

static void put_alone(const struct out *o)
{
	rv_json_w_name(o->w, "acting_alone");
	rv_json_w_arr(o->w);
	for (size_t i = 0; i < o->b->n_systems; i++) {
		const struct board_system *s = &o->b->systems[i];
		if (!acts_alone(s))
			continue;
		rv_json_w_obj(o->w);
		rv_json_w_kv_str(o->w, "name", s->name);
		rv_json_w_kv_strz(o->w, "class", BOARD_CLASS_NAMES[s->class_]);
		rv_json_w_kv_str(o->w, "owner", s->owner);
		put_list(o->w, "without_asking", &s->alone);
		put_list(o->w, "money", &s->money);
		put_list(o->w, "production", &s->production);
		put_list(o->w, "sensitive", &s->sensitive);
		rv_json_w_kv_i64(o->w, "allowed", (int64_t)s->counts.allowed);
		rv_json_w_kv_i64(o->w, "held", (int64_t)s->counts.held);
		rv_json_w_kv_i64(o->w, "denied", (int64_t)s->counts.denied);
		put_time(o->w, "last_decision", s->counts.last_ns);
		rv_json_w_obj_end(o->w);
	}
	rv_json_w_arr_end(o->w);
}

static bool is_first_of_owner(const struct rv_board *b, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (rv_str_eq(b->systems[k].owner, b->systems[i].owner))
			return false;
	return true;
}

static void put_answers(const struct out *o)
{
	const struct rv_board *b = o->b;
	rv_json_w_name(o->w, "answers");
	rv_json_w_arr(o->w);
	for (size_t i = 0; i < b->n_systems; i++) {
		if (!is_first_of_owner(b, i))
			continue;
		rv_json_w_obj(o->w);
		rv_json_w_kv_str(o->w, "person", b->systems[i].owner);
		rv_json_w_name(o->w, "systems");
		rv_json_w_arr(o->w);
		for (size_t k = i; k < b->n_systems; k++) {
			const struct board_system *s = &b->systems[k];
			if (!rv_str_eq(s->owner, b->systems[i].owner))
				continue;
			rv_json_w_obj(o->w);
			rv_json_w_kv_str(o->w, "name", s->name);
			rv_json_w_kv_strz(o->w, "class", BOARD_CLASS_NAMES[s->class_]);
			rv_json_w_kv_str(o->w, "state", s->state);
			if (s->deputy.n > 0)
				rv_json_w_kv_str(o->w, "deputy", s->deputy);
			rv_json_w_obj_end(o->w);
		}
		rv_json_w_arr_end(o->w);
		rv_json_w_obj_end(o->w);
	}
	rv_json_w_arr_end(o->w);
}

static void put_missing(const struct out *o)
{
	rv_json_w_name(o->w, "missing");
	rv_json_w_arr(o->w);
	for (size_t i = 0; i < o->b->n_missing; i++) {
		const struct board_missing *m = &o->b->missing[i];
		rv_json_w_obj(o->w);
		rv_json_w_kv_strz(o->w, "what", m->what);
		rv_json_w_kv_str(o->w, "subject", m->subject);
		rv_json_w_kv_str(o->w, "text", m->text);
		rv_json_w_kv_str(o->w, "command", m->command);
		rv_json_w_obj_end(o->w);
	}
	rv_json_w_arr_end(o->w);
}

static void put_points(const struct out *o)
{
	rv_json_w_name(o->w, "points");
	rv_json_w_arr(o->w);
	for (size_t i = 0; i < o->b->n_points; i++) {
		rv_json_w_obj(o->w);
		rv_json_w_kv_str(o->w, "name", o->b->points[i].name);
		rv_json_w_kv_str(o->w, "trust", o->b->points[i].trust);
		put_time(o->w, "last_heard", o->b->points[i].last_ns);
		rv_json_w_obj_end(o->w);
	}
	rv_json_w_arr_end(o->w);
}

static void put_range(const struct out *o)
{
	const struct rv_board *b = o->b;
	rv_json_w_name(o->w, "registry");
	rv_json_w_obj(o->w);
	rv_json_w_kv_i64(o->w, "generation", (int64_t)b->generation);
	rv_json_w_kv_i64(o->w, "policy_version", b->policy_version);
	rv_json_w_obj_end(o->w);
	rv_json_w_name(o->w, "records");
	rv_json_w_obj(o->w);
	rv_json_w_kv_i64(o->w, "count", (int64_t)b->n_records);
	if (b->n_records > 0) {
		rv_json_w_kv_i64(o->w, "from", (int64_t)b->from_seq);
		rv_json_w_kv_i64(o->w, "to", (int64_t)(b->ledger.size - 1));
	}
	put_time(o->w, "since", b->since_ns);
	if (b->is_cut)
		rv_json_w_kv_bool(o->w, "cut", true);
	rv_json_w_obj_end(o->w);
}

void rv_board_write(const struct rv_board *b, struct rv_json_w *w)
{
	const struct out o = { b, w };
	size_t n = b->n_systems > b->n_points ? b->n_systems : b->n_points;
	struct rv_str *v = rv_arena_array(b->arena, n + 1, sizeof *v);
	rv_json_w_kv_strz(w, "report", "board");
	rv_json_w_kv_strz(w, "origin", b->origin);
	put_time(w, "made", b->now_ns);
	put_range(&o);
	rv_json_w_name(w, "figures");
	rv_json_w_arr(w);
	if (v)
		put_how_many(&o, v);
	put_what_happened(&o);
	rv_json_w_arr_end(w);
	put_alone(&o);
	put_answers(&o);
	put_missing(&o);
	put_points(&o);
	/* Last, and always there: what the figures above do not cover. */
	rv_json_w_name(w, "not_enforced");
	rv_json_w_arr(w);
	if (v)
		put_not_enforced(&o, v);
	rv_json_w_arr_end(w);
	if (!v)
		w->out->failed = true; /* half a report is none */
}
