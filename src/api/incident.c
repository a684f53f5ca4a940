/* One page about one event: what led to it, what its worker did around it, who answers, what had
 * been changed before, and the rule that would have stopped it. */
#include "api/api_int.h"
#include "gate/explain.h"

enum { AROUND = 20, RELATED = 50, CHANGES = 30, CAUSES = 16, READS = 50000 };

/* Events of the page, each once, with why it is there. */
struct page {
	struct rv_api_call *c;
	const char *why;
	struct {
		uint64_t seq;
		int64_t logged_ns;
		struct rv_str event;
		const char *why;
	} rows[CAUSES + 2 * AROUND + 2 * RELATED + 8];
	size_t n;
	bool failed;
};

static bool add(void *arg, const struct rv_ledger_entry *e)
{
	struct page *p = arg;
	for (size_t i = 0; i < p->n; i++)
		if (p->rows[i].seq == e->seq)
			return true;
	if (p->n == RV_COUNT(p->rows))
		return false;
	p->rows[p->n].seq = e->seq;
	p->rows[p->n].logged_ns = e->logged_ns;
	p->rows[p->n].event = rv_arena_str(p->c->arena, e->event);
	p->rows[p->n].why = p->why;
	p->failed |= !p->rows[p->n].event.p;
	p->n++;
	return true;
}

static int by_seq(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

/* The chain of causes upwards. */
static void add_causes(struct page *p, const struct rv_json *event)
{
	p->why = "cause";
	for (int i = 0; i < CAUSES; i++) {
		struct rv_str cause = rv_api_str(event, "cause");
		struct rv_ledger_entry e;
		uint64_t seq;
		if (cause.n == 0 || rv_ledger_find(p->c->ledger, cause, &seq, NULL) != RV_OK ||
			rv_ledger_read(p->c->ledger, p->c->arena, seq, &e, NULL) != RV_OK ||
			rv_json_parse(p->c->arena, e.event, NULL, &event, NULL) != RV_OK)
			return;
		(void)add(p, &e); /* a full page is long enough */
	}
}

static enum rv_code add_newest(struct page *p, const char *why, enum rv_field field,
	struct rv_str value, uint64_t before, size_t limit, struct rv_err *err)
{
	if (value.n == 0)
		return RV_OK;
	const struct rv_search_ask ask = { .query = rv_query_term(p->c->arena, field, value),
		.before_seq = before,
		.limit = limit,
		.reads = READS };
	if (!ask.query)
		return RV_FAIL_ARENA(err);
	p->why = why;
	return rv_search_events(p->c->search, &ask, add, p, NULL, err);
}

static enum rv_code add_after(
	struct page *p, struct rv_str system, uint64_t seq, struct rv_err *err)
{
	uint64_t next;
	if (system.n == 0)
		return RV_OK;
	const struct rv_search_ask ask = { .query = rv_query_term(
						   p->c->arena, RV_FIELD_SYSTEM, system),
		.limit = AROUND,
		.reads = READS };
	if (!ask.query)
		return RV_FAIL_ARENA(err);
	p->why = "after";
	return rv_search_follow(p->c->search, &ask, seq + 1, add, p, &next, err);
}

static enum rv_code fill(struct page *p, const struct rv_ledger_entry *e,
	const struct rv_json *event, struct rv_err *err)
{
	struct rv_str system = rv_api_str(event, "system");
	p->why = "this";
	(void)add(p, e); /* the first */
	add_causes(p, event);
	RV_TRY(add_newest(
		p, "effect", RV_FIELD_CAUSE, rv_api_str(event, "id"), 0, RELATED / 2, err));
	RV_TRY(add_newest(p, "trace", RV_FIELD_TRACE, rv_api_str(event, "trace"), 0, RELATED, err));
	RV_TRY(add_newest(
		p, "session", RV_FIELD_SESSION, rv_api_str(event, "session"), 0, RELATED / 2, err));
	if (e->seq > 0)
		RV_TRY(add_newest(p, "before", RV_FIELD_SYSTEM, system, e->seq, AROUND, err));
	RV_TRY(add_after(p, system, e->seq, err));
	return p->failed ? RV_FAIL_ARENA(err) : RV_OK;
}

static void put_timeline(struct page *p, const struct rv_api_viewer *viewer, struct rv_json_w *w)
{
	qsort(p->rows, p->n, sizeof p->rows[0], by_seq);
	rv_json_w_name(w, "timeline");
	rv_json_w_arr(w);
	for (size_t i = 0; i < p->n; i++) {
		const struct rv_json *v;
		if (rv_json_parse(p->c->arena, p->rows[i].event, NULL, &v, NULL) != RV_OK ||
			!rv_api_may_see(viewer, v))
			continue;
		rv_json_w_obj(w);
		rv_json_w_kv_i64(w, "seq", (int64_t)p->rows[i].seq);
		rv_api_kv_time(w, "logged", p->rows[i].logged_ns);
		rv_json_w_kv_strz(w, "why", p->rows[i].why);
		rv_json_w_name(w, "event");
		rv_json_w_raw(w, p->rows[i].event);
		rv_json_w_obj_end(w);
	}
	rv_json_w_arr_end(w);
}

/* ---- what had been changed ---- */

struct changes {
	struct rv_json_w *w;
	const struct rv_api_viewer *viewer;
};

static bool on_change(void *arg, const struct rv_ledger_entry *e)
{
	struct changes *k = arg;
	const struct rv_json *v;
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 8 << 20);
	if (rv_json_parse(&a, e->event, NULL, &v, NULL) == RV_OK && rv_api_may_see(k->viewer, v))
		rv_api_put_entry(k->w, e);
	return true;
}

static void put_quoted(struct rv_buf *out, struct rv_str s)
{
	rv_buf_addc(out, '"');
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\' || s.p[i] == '*')
			rv_buf_addc(out, '\\');
		rv_buf_addc(out, s.p[i]);
	}
	rv_buf_addc(out, '"');
}

/* Policies, and this system's registration, life, credentials, limits: newest first. */
static enum rv_code put_changes(struct rv_api_call *c, const struct rv_api_viewer *viewer,
	uint64_t seq, struct rv_str system, struct rv_json_w *w, struct rv_err *err)
{
	struct rv_search_ask ask = { .before_seq = seq, .limit = CHANGES, .reads = READS };
	struct changes k = { w, viewer };
	RV_AUTO_BUF text;
	rv_buf_init(&text, 4000);
	rv_buf_addz(&text, "kind:policy.*");
	if (system.n > 0) {
		rv_buf_addz(&text,
			" OR kind:(registry.* OR lifecycle.* OR credential.* OR breakglass.*) "
			"system:");
		put_quoted(&text, system);
	}
	rv_json_w_name(w, "changes");
	rv_json_w_arr(w);
	RV_TRY(rv_buf_ok(&text, err));
	RV_TRY(rv_query_parse(c->arena, rv_buf_str(&text), 1, &ask.query, err));
	if (seq > 0)
		RV_TRY(rv_search_events(c->search, &ask, on_change, &k, NULL, err));
	rv_json_w_arr_end(w);
	return RV_OK;
}

/* ---- the page ---- */

/* From an intent or an outcome back to its decision: that is what policy spoke on. */
static void to_decision(
	struct rv_api_call *c, struct rv_ledger_entry *e, const struct rv_json **event)
{
	for (int i = 0; i < CAUSES; i++) {
		struct rv_str kind = rv_api_str(*event, "kind"),
			      cause = rv_api_str(*event, "cause");
		struct rv_ledger_entry up;
		const struct rv_json *v;
		uint64_t seq;
		if (!rv_str_eqz(kind, "intent") && !rv_str_eqz(kind, "outcome"))
			return;
		if (cause.n == 0 || rv_ledger_find(c->ledger, cause, &seq, NULL) != RV_OK ||
			rv_ledger_read(c->ledger, c->arena, seq, &up, NULL) != RV_OK ||
			rv_json_parse(c->arena, up.event, NULL, &v, NULL) != RV_OK)
			return;
		*e = up;
		*event = v;
	}
}

static enum rv_code put_counterfactual(struct rv_api_call *c, struct rv_ledger_entry e,
	const struct rv_json *event, struct rv_json_w *w, struct rv_err *err)
{
	to_decision(c, &e, &event);
	if (!rv_str_eqz(rv_api_str(event, "kind"), "decision"))
		return RV_OK;
	const struct rv_explain_ask ask = { .entry = &e, .event = event };
	rv_json_w_name(w, "counterfactual");
	rv_json_w_obj(w);
	rv_json_w_kv_str(w, "decision", rv_api_str(event, "id"));
	rv_api_kv(w, "outcome", rv_api_str(event, "outcome"));
	RV_TRY(rv_gate_counterfactual(c->gate, c->op, &ask, w, err));
	rv_json_w_obj_end(w);
	return RV_OK;
}

enum rv_code rv_api_event_incident(struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	struct rv_ledger_entry e;
	const struct rv_json *event;
	struct rv_api_viewer viewer;
	struct page *p = rv_arena_alloc(c->arena, sizeof *p);
	if (!p)
		return RV_FAIL_ARENA(err);
	p->c = c;
	rv_api_viewer_of(c->op, &viewer);
	RV_TRY(rv_api_event_find(c, &e, &event, err));
	rv_json_w_kv_i64(w, "seq", (int64_t)e.seq);
	rv_api_kv_time(w, "logged", e.logged_ns);
	rv_json_w_name(w, "event");
	rv_json_w_raw(w, e.event);
	RV_TRY(rv_api_put_chain(c, &e, event, w, err));
	RV_TRY(put_counterfactual(c, e, event, w, err));
	RV_TRY(put_changes(c, &viewer, e.seq, rv_api_str(event, "system"), w, err));
	RV_TRY(fill(p, &e, event, err));
	put_timeline(p, &viewer, w);
	return RV_OK;
}
