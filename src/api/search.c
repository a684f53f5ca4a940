/* Questions to the log. They run on threads of their own: a slow one keeps no change waiting. */
#include <stdio.h>

#include "api/api_int.h"

enum {
	EVENTS = 100,
	EVENTS_MAX = 1000,
	EXPORT_MAX = 10000,
	READS = 200000, /* of events that are not indexed, for one page */
	STEPS = 1000,
};

void rv_api_put_entry(struct rv_json_w *w, const struct rv_ledger_entry *e)
{
	rv_json_w_obj(w);
	rv_json_w_kv_i64(w, "seq", (int64_t)e->seq);
	rv_api_kv_time(w, "logged", e->logged_ns);
	rv_json_w_name(w, "event");
	rv_json_w_raw(w, e->event);
	rv_json_w_obj_end(w);
}

enum rv_code rv_api_query_of(
	struct rv_api_call *c, const struct rv_search_query **ret, struct rv_err *err)
{
	struct rv_str text = rv_api_query(c, "q");
	const struct rv_search_query *q;
	RV_TRY(rv_query_parse(c->arena, text.p ? text : RV_STR(""), c->now_ns, &q, err));
	if (!c->viewer.sees_all)
		q = rv_query_concerning(c->arena, q, c->viewer.name);
	if (!q)
		return RV_FAIL_ARENA(err);
	*ret = q;
	return RV_OK;
}

static enum rv_code ask_of(struct rv_api_call *c, int64_t limit, int64_t limit_max,
	struct rv_search_ask *ret, struct rv_err *err)
{
	int64_t before = 0;
	*ret = (struct rv_search_ask){ 0 };
	RV_TRY(rv_api_query_i64(c, "before", 0, INT64_MAX, &before, err));
	RV_TRY(rv_api_query_i64(c, "limit", 1, limit_max, &limit, err));
	RV_TRY(rv_api_query_of(c, &ret->query, err));
	ret->before_seq = (uint64_t)before;
	ret->limit = (size_t)limit;
	return RV_OK;
}

/* ---- events ---- */

struct page {
	struct rv_json_w *w;
	int64_t n;
};

static bool on_event(void *arg, const struct rv_ledger_entry *e)
{
	struct page *p = arg;
	rv_api_put_entry(p->w, e);
	p->n++;
	return true;
}

enum rv_code rv_api_audit(struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	struct rv_search_ask ask;
	struct page p = { .w = w };
	uint64_t next;
	RV_TRY(ask_of(c, EVENTS, EVENTS_MAX, &ask, err));
	ask.reads = READS;
	rv_json_w_name(w, "events");
	rv_json_w_arr(w);
	RV_TRY(rv_search_events(c->search, &ask, on_event, &p, &next, err));
	rv_json_w_arr_end(w);
	rv_json_w_kv_i64(w, "found", p.n);
	if (next > 0)
		rv_json_w_kv_i64(w, "next_before", (int64_t)next);
	return RV_OK;
}

/* Oldest first from a place on: for those who follow by asking again. */
enum rv_code rv_api_audit_since(struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	int64_t from = (int64_t)rv_ledger_size(c->ledger);
	struct rv_search_ask ask;
	struct page p = { .w = w };
	uint64_t next;
	RV_TRY(ask_of(c, EVENTS, EVENTS_MAX, &ask, err));
	RV_TRY(rv_api_query_i64(c, "from", 0, INT64_MAX, &from, err));
	rv_json_w_name(w, "events");
	rv_json_w_arr(w);
	RV_TRY(rv_search_follow(c->search, &ask, (uint64_t)from, on_event, &p, &next, err));
	rv_json_w_arr_end(w);
	rv_json_w_kv_i64(w, "next_from", (int64_t)next);
	rv_json_w_kv_bool(w, "more", next < rv_ledger_size(c->ledger));
	return RV_OK;
}

/* ---- numbers ---- */

enum rv_code rv_api_audit_count(struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	struct rv_search_ask ask;
	struct rv_search_count n;
	RV_TRY(ask_of(c, 1, 1, &ask, err));
	RV_TRY(rv_search_count(c->search, &ask, &n, err));
	rv_json_w_kv_i64(w, "count", (int64_t)n.n);
	rv_json_w_kv_bool(w, "exact", n.is_exact);
	return RV_OK;
}

static enum rv_code field_of(struct rv_api_call *c, enum rv_field *ret, struct rv_err *err)
{
	struct rv_str name = rv_api_query(c, "field");
	if (name.p && rv_field_of(name, ret) && rv_field_info(*ret)->is_word)
		return RV_OK;
	RV_AUTO_BUF all;
	rv_buf_init(&all, 1024);
	for (unsigned f = 0; f < RV_FIELD_COUNT; f++)
		if (rv_field_info((enum rv_field)f)->is_word)
			rv_buf_printf(&all, "%s%s", all.n ? ", " : "",
				rv_field_info((enum rv_field)f)->name);
	return RV_FAIL_AT(err, RV_EINVAL, "field", 0, 0, "must be one of %s", rv_buf_z(&all));
}

enum rv_code rv_api_audit_facets(struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	struct rv_search_ask ask;
	struct rv_search_facet *f;
	enum rv_field field;
	size_t n;
	bool is_exact;
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 256 << 20);
	RV_TRY(ask_of(c, 10, RV_FACETS_MAX, &ask, err));
	RV_TRY(field_of(c, &field, err));
	RV_TRY(rv_search_facets(c->search, &ask, field, &a, &f, &n, &is_exact, err));
	rv_json_w_kv_strz(w, "field", rv_field_info(field)->name);
	rv_json_w_kv_bool(w, "exact", is_exact);
	rv_json_w_name(w, "words");
	rv_json_w_arr(w);
	for (size_t i = 0; i < n; i++) {
		rv_json_w_obj(w);
		rv_json_w_kv_str(w, "word", f[i].word);
		rv_json_w_kv_i64(w, "count", (int64_t)f[i].n);
		rv_json_w_obj_end(w);
	}
	rv_json_w_arr_end(w);
	return RV_OK;
}

/* A time, or a span before now. */
static enum rv_code time_param(
	struct rv_api_call *c, const char *name, int64_t *ret, struct rv_err *err)
{
	struct rv_str s = rv_api_query(c, name);
	int64_t t;
	if (!s.p || rv_str_eqz(s, "now"))
		return RV_OK;
	if (rv_duration_parse(s, &t))
		*ret = t < c->now_ns ? c->now_ns - t : 0;
	else if (!rv_time_parse(s, ret))
		return RV_FAIL_AT(err, RV_EINVAL, name, 0, 0,
			"must be a time like 2026-11-23T07:00:00Z or a span like 90m");
	return RV_OK;
}

/* from, to and step; buckets begin at multiples of the step, so that they stay where they are. */
static enum rv_code steps_of(
	struct rv_api_call *c, int64_t *from, int64_t *step, size_t *n, struct rv_err *err)
{
	int64_t to = c->now_ns;
	struct rv_str s = rv_api_query(c, "step");
	*from = c->now_ns - 24 * 3600 * RV_NS_PER_S;
	*step = 3600 * RV_NS_PER_S;
	RV_TRY(time_param(c, "from", from, err));
	RV_TRY(time_param(c, "to", &to, err));
	if (s.p && (!rv_duration_parse(s, step) || *step < RV_NS_PER_MS))
		return RV_FAIL_AT(err, RV_EINVAL, "step", 0, 0, "must be a span like 15m or 1h");
	if (*from < 0 || to <= *from)
		return RV_FAIL_AT(err, RV_EINVAL, "from", 0, 0, "must be before 'to'");
	*from -= *from % *step;
	int64_t steps = (to - *from + *step - 1) / *step;
	if (steps > STEPS)
		return RV_FAIL_AT(err, RV_EINVAL, "step", 0, 0,
			"%lld steps from 'from' to 'to'; at most %d", (long long)steps, STEPS);
	*n = (size_t)steps;
	return RV_OK;
}

enum rv_code rv_api_audit_histogram(struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	struct rv_search_ask ask;
	int64_t from, step;
	uint64_t counts[STEPS];
	size_t n;
	bool is_exact;
	RV_TRY(ask_of(c, 1, 1, &ask, err));
	RV_TRY(steps_of(c, &from, &step, &n, err));
	RV_TRY(rv_search_histogram(c->search, &ask, from, step, n, counts, &is_exact, err));
	rv_json_w_kv_i64(w, "step_ms", step / RV_NS_PER_MS);
	rv_json_w_kv_bool(w, "exact", is_exact);
	rv_json_w_name(w, "buckets");
	rv_json_w_arr(w);
	for (size_t i = 0; i < n; i++) {
		char at[RV_TIME_SIZE];
		rv_json_w_obj(w);
		rv_json_w_kv_strz(w, "from", rv_time_format(from + (int64_t)i * step, at));
		rv_json_w_kv_i64(w, "count", (int64_t)counts[i]);
		rv_json_w_obj_end(w);
	}
	rv_json_w_arr_end(w);
	return RV_OK;
}

/* ---- export ---- */

/* RFC 4180, and no cell that a spreadsheet would take for a formula. */
static void put_cell(struct rv_buf *out, struct rv_str s, bool is_first)
{
	if (!is_first)
		rv_buf_addc(out, ',');
	bool is_formula = s.n > 0 && memchr("=+-@\t\r", s.p[0], 6);
	rv_buf_addc(out, '"');
	if (is_formula)
		rv_buf_addc(out, '\'');
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"')
			rv_buf_addc(out, '"');
		rv_buf_addc(out, s.p[i]);
	}
	rv_buf_addc(out, '"');
}

static struct rv_str text_at(const struct rv_json *v, const char *name)
{
	const struct rv_json *m = rv_json_get(v, name);
	return rv_json_is(m, RV_JSON_STR) ? m->str : RV_STR("");
}

static void put_ref(struct rv_buf *out, const struct rv_json *v)
{
	RV_AUTO_BUF b;
	rv_buf_init(&b, RV_LEDGER_LEAF_MAX * 2);
	if (v)
		rv_buf_printf(
			&b, "%.*s/%.*s", RV_FMT(text_at(v, "type")), RV_FMT(text_at(v, "id")));
	put_cell(out, rv_buf_str(&b), false);
}

static void put_policies(struct rv_buf *out, const struct rv_json *reasons)
{
	RV_AUTO_BUF b;
	rv_buf_init(&b, RV_LEDGER_LEAF_MAX * 2);
	for (size_t i = 0; rv_json_is(reasons, RV_JSON_ARR) && i < reasons->n_items; i++) {
		struct rv_str s = text_at(reasons->items[i], "policy");
		if (s.n > 0 && b.n > 0)
			rv_buf_addc(&b, ' ');
		rv_buf_add(&b, s);
	}
	put_cell(out, rv_buf_str(&b), false);
}

static const char csv_head[] = "seq,logged,id,kind,actor,system,owner,on_behalf_of,action,resource,"
			       "outcome,policies,point,session,trace,evidence,event\r\n";

static bool on_csv(void *arg, const struct rv_ledger_entry *e)
{
	static const char *const before[] = { "system", "owner", "on_behalf_of", "action" };
	static const char *const after[] = { "point", "session", "trace", "evidence" };
	struct rv_buf *out = arg;
	char seq[24], at[RV_TIME_SIZE];
	const struct rv_json *v;
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 8 << 20);
	if (rv_json_parse(&a, e->event, NULL, &v, NULL) != RV_OK) {
		out->failed = true;
		return false;
	}
	snprintf(seq, sizeof seq, "%llu", (unsigned long long)e->seq);
	put_cell(out, rv_str_of(seq), true);
	put_cell(out, rv_str_of(rv_time_format(e->logged_ns, at)), false);
	put_cell(out, text_at(v, "id"), false);
	put_cell(out, text_at(v, "kind"), false);
	put_ref(out, rv_json_get(v, "actor"));
	for (size_t i = 0; i < RV_COUNT(before); i++)
		put_cell(out, text_at(v, before[i]), false);
	put_ref(out, rv_json_get(v, "resource"));
	put_cell(out, text_at(v, "outcome"), false);
	put_policies(out, rv_json_get(v, "reasons"));
	for (size_t i = 0; i < RV_COUNT(after); i++)
		put_cell(out, text_at(v, after[i]), false);
	put_cell(out, e->event, false);
	rv_buf_addz(out, "\r\n");
	return !out->failed;
}

static bool on_jsonl(void *arg, const struct rv_ledger_entry *e)
{
	struct rv_buf *out = arg;
	struct rv_json_w w;
	rv_json_w_init(&w, out);
	rv_api_put_entry(&w, e);
	rv_buf_addc(out, '\n');
	return !out->failed;
}

enum rv_code rv_api_audit_export(struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	struct rv_str format = rv_api_query(c, "format");
	bool is_csv = rv_str_eqz(format, "csv");
	struct rv_search_ask ask;
	uint64_t next;
	if (format.p && !is_csv && !rv_str_eqz(format, "jsonl"))
		return RV_FAIL_AT(err, RV_EINVAL, "format", 0, 0, "must be jsonl or csv");
	RV_TRY(ask_of(c, EXPORT_MAX, EXPORT_MAX, &ask, err));
	ask.reads = READS;
	rv_buf_clear(w->out); /* w's object is not begun after all */
	if (is_csv && ask.before_seq == 0)
		rv_buf_addz(w->out, csv_head);
	RV_TRY(rv_search_events(c->search, &ask, is_csv ? on_csv : on_jsonl, w->out, &next, err));
	c->type = is_csv ? "text/csv; charset=utf-8" : "application/x-ndjson";
	c->next_before = (int64_t)next;
	return RV_OK;
}

/* Never runs: api.c answers with a stream. */
enum rv_code rv_api_audit_follow(struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err)
{
	return RV_FAIL(err, RV_EINTERNAL, "a stream is no object");
}
