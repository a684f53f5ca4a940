/* Server-sent events of what is recorded. One follower goes round: a search thread reads what is
 * new into a buffer; the loop's thread sends it, and waits until there is more, or room. What is
 * not sent is not lost: a follower that falls behind reads on from where it was.
 *
 *     id: 41
 *     data: {"seq":41,"logged":"…","event":{…}}
 *
 * A client that comes again says Last-Event-ID and misses nothing. */
#include <stdio.h>

#include "api/api_int.h"

enum { TICK_MS = 250, BEAT_MS = 15000, PAGE = 100, READS = 5000, PIECE_MAX = 8 << 20 };

struct follow {
	struct rv_api_work work; /* first: a work is its follow */
	struct rv_http_task task;
	struct rv_api *api;
	struct rv_http_req *req;
	const struct rv_search_query *query;
	uint64_t next;
	struct rv_buf out;
	struct rv_err err;
	enum rv_code code;
	int64_t quiet_ms; /* since something was sent */
	int64_t until_ns; /* monotonic; 0: for as long as the client likes */
	bool is_away; /* with a search thread, or on the way from it */
	bool is_over; /* the client is gone, or the server stops */
	bool is_ended;
};

static struct follow *of_task(struct rv_http_task *t)
{
	return (struct follow *)(void *)((char *)t - offsetof(struct follow, task));
}

static bool on_event(void *arg, const struct rv_ledger_entry *e)
{
	struct rv_buf *out = arg;
	struct rv_json_w w;
	rv_buf_printf(out, "id: %llu\ndata: ", (unsigned long long)e->seq);
	rv_json_w_init(&w, out);
	rv_api_put_entry(&w, e);
	rv_buf_addz(out, "\n\n");
	return !out->failed;
}

/* On a search thread. */
static void read_more(struct rv_api_work *work)
{
	struct follow *f = (struct follow *)work;
	const struct rv_search_ask ask = { .query = f->query, .limit = PAGE, .reads = READS };
	f->code = rv_search_follow(
		f->api->search, &ask, f->next, on_event, &f->out, &f->next, &f->err);
	rv_http_task_post(rv_http_loop_of(f->req), &f->task);
}

/* ---- on the loop's thread ---- */

static void end(struct follow *f)
{
	f->is_ended = true;
	rv_buf_done(&f->out);
	rv_http_stream_end(f->req);
}

static void tick(struct rv_http_req *r, void *arg);

static void wait_for(struct follow *f, int64_t ms)
{
	rv_http_after(f->req, ms, tick, f);
}

static void ask_again(struct follow *f)
{
	f->is_away = true;
	if (rv_api_work_post(f->api->searchers, &f->work, NULL) == RV_OK)
		return;
	f->is_away = false; /* all are busy */
	wait_for(f, TICK_MS);
}

static void send_it(struct follow *f)
{
	enum rv_code code = rv_http_stream_write(f->req, rv_buf_str(&f->out));
	if (code == RV_EBUSY) { /* drain comes, and tries again */
		return;
	}
	if (code != RV_OK) {
		end(f);
		return;
	}
	rv_buf_clear(&f->out);
	f->quiet_ms = 0;
	if (f->next < rv_ledger_size(f->api->ledger))
		ask_again(f);
	else
		wait_for(f, TICK_MS);
}

static void on_drain(struct rv_http_req *r, void *arg)
{
	struct follow *f = arg;
	if (!f->is_away && !f->is_ended && f->out.n > 0)
		send_it(f);
}

/* A session that ended, or a person who was disabled, sees no more. */
static bool is_welcome(struct follow *f)
{
	if (f->until_ns && rv_clock_mono_ns(rv_clock_system()) >= f->until_ns)
		return false;
	const struct rv_snapshot *snap = rv_snapshot_get(f->api->gov);
	struct rv_actor seen;
	bool ok = rv_api_caller(f->req, snap, rv_gov_now(f->api->gov), &seen, NULL) == RV_OK;
	rv_snapshot_unref(snap);
	return ok;
}

static void tick(struct rv_http_req *r, void *arg)
{
	struct follow *f = arg;
	if (f->is_away || f->is_ended)
		return;
	if (f->is_over || !is_welcome(f)) {
		end(f);
		return;
	}
	f->quiet_ms += TICK_MS;
	if (f->next < rv_ledger_size(f->api->ledger)) {
		ask_again(f);
	} else if (f->quiet_ms >= BEAT_MS) {
		rv_buf_addz(&f->out, ": still here\n\n");
		send_it(f);
	} else {
		wait_for(f, TICK_MS);
	}
}

static void came_back(struct rv_http_task *t)
{
	struct follow *f = of_task(t);
	f->is_away = false;
	if (f->is_over || f->code != RV_OK || f->out.failed || !is_welcome(f)) {
		end(f);
		return;
	}
	if (f->out.n > 0)
		send_it(f);
	else if (f->next < rv_ledger_size(f->api->ledger))
		ask_again(f);
	else
		wait_for(f, TICK_MS);
}

static void cancelled(struct rv_http_req *r, void *arg)
{
	struct follow *f = arg;
	f->is_over = true;
	if (!f->is_away && !f->is_ended)
		end(f);
}

static void begin(struct rv_http_task *t)
{
	static const struct rv_http_header no_store = { RV_STR_INIT("Cache-Control"),
		RV_STR_INIT("no-store") };
	struct follow *f = of_task(t);
	const struct rv_http_watch watch = { .cancel = cancelled, .arg = f };
	const struct rv_http_reply reply = { .status = 200,
		.type = "text/event-stream",
		.body = RV_STR(": follow\n\n"),
		.headers = &no_store,
		.n_headers = 1 };
	f->task.fn = came_back;
	rv_http_stream_start(f->req, &reply);
	rv_http_stream_on_drain(f->req, on_drain, f);
	f->is_away = true; /* a cancel within watch only marks */
	rv_http_watch(f->req, &watch);
	f->is_away = false;
	if (f->is_over)
		end(f);
	else
		ask_again(f);
}

void rv_api_follow_start(struct rv_api *api, struct rv_http_req *r, const struct rv_search_query *q,
	uint64_t from, int64_t for_s)
{
	struct rv_err err = { 0 };
	struct follow *f = rv_arena_alloc(rv_http_arena(r), sizeof *f);
	if (!f) {
		(void)RV_FAIL_ARENA(&err); /* told below */
		rv_http_reply_err_post(r, &err);
		return;
	}
	*f = (struct follow){ .work = { .run = read_more },
		.task = { .fn = begin },
		.api = api,
		.req = r,
		.query = q,
		.next = from };
	if (for_s > 0)
		f->until_ns = rv_clock_mono_ns(rv_clock_system()) + for_s * RV_NS_PER_S;
	rv_buf_init(&f->out, PIECE_MAX);
	rv_http_task_post(rv_http_loop_of(r), &f->task);
}
