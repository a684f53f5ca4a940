/* One request's way: loop thread (who, what) -> control thread (handler in a transaction) -> any
 * loop (answer). */
#include <stdio.h>

#include "api/api_int.h"

enum { MAGIC = 0x61706931 };

/* A QUERY reads who looks in a job, and searches on a thread of its own. */
#define KIND_READ RV_JOB_READ
#define KIND_CHANGE RV_JOB_CHANGE
#define KIND_STOP RV_JOB_STOP
#define KIND_QUERY RV_JOB_READ
#define IS_QUERY_READ false
#define IS_QUERY_CHANGE false
#define IS_QUERY_STOP false
#define IS_QUERY_QUERY true

/* What a route's meta points to. */
struct spec {
	rv_api_fn *fn;
	enum rv_job_kind kind;
	enum rv_api_auth auth;
	const char *query; /* names of its parameters, divided by blanks */
	bool has_body; /* false: a body with members is refused */
	bool is_query;
	bool is_follow; /* answers with a stream */
	bool is_vote; /* a refused attempt is recorded */
	bool is_poll; /* may wait for a change of the approval */
	bool is_approval; /* changes an approval: those who wait are told */
};
static const struct spec specs[] = {
#define EMPTY false
#define BODY true
#define RV_API_ROUTE(method_, pattern_, handler_, kind_, auth_, query_, body_) \
	{ .fn = rv_api_##handler_,                                             \
		.kind = KIND_##kind_,                                          \
		.auth = RV_API_##auth_,                                        \
		.query = (query_),                                             \
		.has_body = (body_),                                           \
		.is_query = IS_QUERY_##kind_ },
#include "api/routes.def"
#undef BODY
#undef EMPTY
};
static const struct {
	const char *method, *pattern;
} texts[] = {
#define RV_API_ROUTE(method_, pattern_, handler_, kind_, auth_, query_, body_) \
	{ method_, pattern_ },
#include "api/routes.def"
};

/* One request on its way. Lives in the request's arena. */
struct rv_api_call_state {
	struct rv_api_work work; /* first: a search's work is its state */
	struct rv_api *api;
	struct rv_http_req *req;
	const struct spec *spec;
	struct rv_api_call c;
	struct rv_actor actor;
	struct rv_json_w w;
	int64_t asked_ns;
	bool is_waiting; /* asked to wait, and the time is not up */
	bool is_pending; /* what the poll saw */
	char refusal[300];
	struct rv_err refusal_err;
	struct rv_api_call_state *next, **prev; /* in api->waiting; prev == NULL: not there */
};

struct rv_str rv_api_bearer(struct rv_str h)
{
	if (h.n < 8 || !rv_str_ieq(rv_str_sub(h, 0, 7), RV_STR("bearer ")))
		return (struct rv_str){ NULL, 0 };
	return rv_str_trim(rv_str_sub(h, 7, h.n));
}

enum rv_code rv_api_caller(const struct rv_http_req *r, const struct rv_snapshot *snap,
	int64_t now_ns, struct rv_actor *ret, struct rv_err *err)
{
	static const enum rv_actor_type types[] = { [RV_CRED_SYSTEM] = RV_ACTOR_SYSTEM,
		[RV_CRED_POINT] = RV_ACTOR_POINT,
		[RV_CRED_SESSION] = RV_ACTOR_PERSON };
	struct rv_str token = rv_api_bearer(rv_http_header(r, "Authorization"));
	if (token.n == 0)
		return RV_FAIL(err, RV_EAUTH,
			"no credential; send 'Authorization: Bearer …' (people: 'reeve login')");
	const struct rv_snap_credential *cred = rv_snap_token(snap, token, now_ns);
	if (!cred)
		return RV_FAIL(err, RV_EAUTH,
			"the credential is unknown, expired or revoked; people: 'reeve login'");
	*ret = (struct rv_actor){ .type = types[cred->kind], .id = cred->subject };
	if (cred->kind == RV_CRED_SESSION)
		ret->session = cred->id;
	return RV_OK;
}

void rv_api_knock(struct rv_gov *g, const struct rv_http_req *r)
{
	char source[80];
	rv_knock(g, RV_KNOCK_CREDENTIAL, rv_api_source(r, source), RV_STR(""));
}

struct rv_str rv_api_source(const struct rv_http_req *r, char buf[80])
{
	const struct rv_http_peer *p = rv_http_peer(r);
	if (p->is_unix)
		snprintf(buf, 80, "unix user %lu", (unsigned long)p->uid);
	else
		snprintf(buf, 80, "%s", p->address);
	return rv_str_of(buf);
}

static enum rv_code authenticate(struct rv_api_call_state *k, struct rv_err *err)
{
	if (k->spec->auth == RV_API_OPEN)
		return RV_OK;
	const struct rv_snapshot *snap = rv_snapshot_get(k->api->gov);
	struct rv_actor seen = { .type = RV_ACTOR_NONE };
	enum rv_code code = rv_api_caller(k->req, snap, rv_gov_now(k->api->gov), &seen, err);
	if (code == RV_OK) {
		k->actor.type = seen.type;
		k->actor.id = rv_arena_str(k->c.arena, seen.id);
		k->actor.session = rv_arena_str(k->c.arena, seen.session);
		if (!k->actor.id.p || !k->actor.session.p)
			code = RV_FAIL_ARENA(err);
	}
	rv_snapshot_unref(snap);
	RV_TRY(code);
	if (k->spec->auth == RV_API_PERSON && k->actor.type != RV_ACTOR_PERSON)
		return RV_FAIL(err, RV_EPERM,
			"only a person may do this; '%.*s' is a machine account (%s)",
			RV_FMT(k->actor.id), rv_actor_type_name(k->actor.type));
	return RV_OK;
}

/* "{name}" of the pattern, in order. */
static void read_params(struct rv_api_call_state *k, const char *pattern)
{
	size_t n = 0;
	for (const char *p = strchr(pattern, '{'); p && n < RV_COUNT(k->c.param);
		p = strchr(p + 1, '{')) {
		char name[32];
		snprintf(name, sizeof name, "%.*s", (int)strcspn(p + 1, "}"), p + 1);
		k->c.param[n++] = rv_http_param(k->req, name);
	}
}

/* What a path does not know is refused: a slip in a name would be a filter that filters nothing. */
static enum rv_code check_query(const struct rv_api_call_state *k, struct rv_err *err)
{
	for (size_t i = 0; i < k->c.n_query; i++) {
		struct rv_str rest = rv_str_of(k->spec->query), name;
		bool is_known = false;
		while (rv_str_split(&rest, ' ', &name))
			is_known |= name.n > 0 && rv_str_eq(name, k->c.query[i].name);
		if (!is_known)
			return RV_FAIL(err, RV_EINVAL,
				"'%.*s' is not a query parameter of this path%s%s",
				RV_FMT(rv_str_sub(k->c.query[i].name, 0, 80)),
				k->spec->query[0] ? "; known: " : "", k->spec->query);
	}
	return RV_OK;
}

static enum rv_code read_input(struct rv_api_call_state *k, struct rv_err *err)
{
	static const struct rv_json_limits limits = { .max_bytes = 8 << 20, .max_depth = 32 };
	struct rv_http_query *q = rv_arena_alloc(k->c.arena, sizeof *q);
	if (!q)
		return RV_FAIL_ARENA(err);
	RV_TRY(rv_http_query_open(q, k->c.arena, rv_http_head(k->req)->query, err));
	struct rv_api_pair *pairs = rv_arena_array(k->c.arena, q->n + 1, sizeof *pairs);
	if (!pairs)
		return RV_FAIL_ARENA(err);
	for (size_t i = 0; i < q->n; i++)
		pairs[i] = (struct rv_api_pair){ q->pairs[i].name, q->pairs[i].value };
	k->c.query = pairs;
	k->c.n_query = q->n;
	RV_TRY(check_query(k, err));
	if (rv_http_body(k->req).n == 0)
		return RV_OK;
	RV_TRY(rv_http_json(k->req, &limits, &k->c.body, err));
	struct rv_json_obj o;
	if (k->spec->has_body)
		return RV_OK; /* the handler reads it, member by member */
	RV_TRY(rv_json_obj_open(&o, k->c.body, "", err));
	return rv_json_obj_close(&o, err);
}

/* ---- long polls ---------------------------------------------------------------------------------
 */

static void post_job(struct rv_api_call_state *k);

static void unlink_waiter(struct rv_api_call_state *k)
{
	if (!k->prev)
		return;
	*k->prev = k->next;
	if (k->next)
		k->next->prev = k->prev;
	k->prev = NULL;
}

static void poll_timeout(struct rv_http_req *r, void *arg)
{
	struct rv_api_call_state *k = arg;
	pthread_mutex_lock(&k->api->lock);
	bool was_listed = k->prev != NULL;
	unlink_waiter(k);
	k->is_waiting = false; /* a job on its way answers whatever it sees */
	pthread_mutex_unlock(&k->api->lock);
	if (was_listed)
		post_job(k);
}

void rv_api_approval_changed(struct rv_api *api, struct rv_str id)
{
	for (;;) {
		pthread_mutex_lock(&api->lock);
		struct rv_api_call_state *k = api->waiting;
		while (k && id.n > 0 && !rv_str_eq(k->c.param[0], id))
			k = k->next;
		if (k) {
			unlink_waiter(k);
			k->is_waiting = false; /* whatever it is now is the answer */
		}
		pthread_mutex_unlock(&api->lock);
		if (!k)
			return;
		post_job(k);
	}
}

void rv_api_stop(struct rv_api *api)
{
	if (!api)
		return;
	pthread_mutex_lock(&api->lock);
	api->is_stopping = true;
	pthread_mutex_unlock(&api->lock);
	rv_api_approval_changed(api, RV_STR(""));
}

/* ---- the job
 * ------------------------------------------------------------------------------------- */

static enum rv_code run(void *arg, struct rv_op *op, struct rv_err *err)
{
	struct rv_api_call_state *k = arg;
	if (k->spec->is_query) {
		rv_api_viewer_of(op, &k->c.viewer);
		k->c.viewer.name = k->actor.id; /* the operation's own copy ends with it */
		k->c.now_ns = op->now_ns;
		return RV_OK;
	}
	k->c.op = op;
	struct rv_buf *out = rv_http_out(k->req);
	rv_buf_clear(out);
	rv_json_w_init(&k->w, out);
	rv_json_w_obj(&k->w);
	RV_TRY(k->spec->fn(&k->c, &k->w, err));
	if (k->spec->is_poll) {
		struct rv_hold h;
		RV_TRY(rv_hold_get(op, k->c.param[0], &h, err));
		k->is_pending = rv_str_eqz(h.row.state, "pending");
	}
	return rv_buf_ok(out, err);
}

/* ---- searches ------------------------------------------------------------------------------- */

static void search_reply(struct rv_api_call_state *k)
{
	char next[24];
	const struct rv_http_header header = { RV_STR("Reeve-Next-Before"), rv_str_of(next) };
	if (!k->c.type)
		rv_json_w_obj_end(&k->w);
	snprintf(next, sizeof next, "%lld", (long long)k->c.next_before);
	const struct rv_http_reply reply = { .status = 200,
		.type = k->c.type,
		.body = rv_buf_str(rv_http_out(k->req)),
		.headers = &header,
		.n_headers = k->c.next_before > 0 };
	rv_http_reply_post(k->req, &reply);
}

static void search_run(struct rv_api_work *work)
{
	struct rv_api_call_state *k = (struct rv_api_call_state *)work;
	struct rv_err err = { 0 };
	struct rv_buf *out = rv_http_out(k->req);
	rv_buf_clear(out);
	rv_json_w_init(&k->w, out);
	rv_json_w_obj(&k->w);
	enum rv_code code = k->spec->fn(&k->c, &k->w, &err);
	if (code == RV_OK)
		code = rv_buf_ok(out, &err);
	if (code == RV_OK)
		search_reply(k);
	else
		rv_http_reply_err_post(k->req, &err);
}

static enum rv_code follow_from(struct rv_api_call_state *k, uint64_t *ret, struct rv_err *err)
{
	int64_t after = (int64_t)rv_ledger_size(k->c.ledger) - 1;
	struct rv_str last = rv_http_header(k->req, "Last-Event-ID");
	RV_TRY(rv_api_query_i64(&k->c, "after", 0, INT64_MAX - 1, &after, err));
	if (last.p && (!rv_str_i64(last, &after) || after < 0 || after == INT64_MAX))
		return RV_FAIL(err, RV_EINVAL, "Last-Event-ID is not the number of an event");
	*ret = (uint64_t)(after + 1);
	return RV_OK;
}

static void search_begin(struct rv_api_call_state *k)
{
	struct rv_err err = { 0 };
	const struct rv_search_query *q;
	uint64_t from;
	int64_t for_s = 0;
	if (!k->spec->is_follow) {
		k->work.run = search_run;
		if (rv_api_work_post(k->api->searchers, &k->work, &err) != RV_OK)
			rv_http_reply_err_post(k->req, &err);
		return;
	}
	enum rv_code code = rv_api_query_of(&k->c, &q, &err);
	if (code == RV_OK)
		code = follow_from(k, &from, &err);
	if (code == RV_OK)
		code = rv_api_query_i64(&k->c, "for", 1, 86400, &for_s, &err);
	if (code == RV_OK)
		rv_api_follow_start(k->api, k->req, q, from, for_s);
	else
		rv_http_reply_err_post(k->req, &err);
}

/* ---- refusals ---------------------------------------------------------------------------------
 */

static enum rv_code run_refused(void *arg, struct rv_op *op, struct rv_err *err)
{
	struct rv_api_call_state *k = arg;
	return rv_hold_refused(op, k->c.param[0], rv_str_of(k->refusal), err);
}

/* The attempt is answered as it was refused, whether or not the record of it could be written: it
 * changed nothing. */
static void done_refused(void *arg, enum rv_code code, const struct rv_err *err)
{
	struct rv_api_call_state *k = arg;
	rv_http_reply_err_post(k->req, &k->refusal_err);
}

static void record_refusal(struct rv_api_call_state *k, const struct rv_err *err)
{
	k->refusal_err = *err;
	snprintf(k->refusal, sizeof k->refusal, "%.*s", (int)sizeof k->refusal - 1, err->msg);
	const struct rv_job job = { .kind = RV_JOB_CHANGE,
		.run = run_refused,
		.done = done_refused,
		.arg = k,
		.actor = k->actor };
	if (rv_control_post(k->api->gov, &job, NULL) != RV_OK)
		rv_http_reply_err_post(k->req, err);
}

static void finish(struct rv_api_call_state *k)
{
	if (k->spec->kind == RV_JOB_STOP) {
		rv_api_kv_time(&k->w, "requested", k->asked_ns);
		rv_api_kv_time(&k->w, "confirmed", rv_gov_now(k->api->gov));
	}
	rv_json_w_obj_end(&k->w);
	const struct rv_http_reply reply = { .status = 200,
		.body = rv_buf_str(rv_http_out(k->req)) };
	rv_http_reply_post(k->req, &reply);
}

/* True when the poll goes on waiting. The state was read by this very thread, and whatever changes
 * it later runs on this thread too and then tells those who wait: no change can fall between. */
static bool wait_on(struct rv_api_call_state *k)
{
	struct rv_api *api = k->api;
	pthread_mutex_lock(&api->lock);
	bool waits = k->is_waiting && k->is_pending && !api->is_stopping;
	if (waits) {
		k->next = api->waiting;
		if (k->next)
			k->next->prev = &k->next;
		k->prev = &api->waiting;
		api->waiting = k;
	}
	pthread_mutex_unlock(&api->lock);
	return waits;
}

static void done(void *arg, enum rv_code code, const struct rv_err *err)
{
	struct rv_api_call_state *k = arg;
	if (code == RV_EPERM && k->spec->is_vote) {
		record_refusal(k, err);
		return;
	}
	if (code != RV_OK) {
		rv_http_reply_err_post(k->req, err);
		return;
	}
	if (k->spec->is_query) {
		search_begin(k);
		return;
	}
	if (k->spec->is_approval)
		rv_api_approval_changed(k->api, k->c.param[0]);
	if (k->spec->is_poll && wait_on(k))
		return;
	finish(k);
}

static void post_job(struct rv_api_call_state *k)
{
	struct rv_err err = { 0 };
	const struct rv_job job = {
		.kind = k->spec->kind, .run = run, .done = done, .arg = k, .actor = k->actor
	};
	if (rv_control_post(k->api->gov, &job, &err) != RV_OK)
		rv_http_reply_err_post(k->req, &err);
}

static enum rv_code read_wait(struct rv_api_call_state *k, struct rv_err *err)
{
	int64_t wait_s = 0;
	if (!k->spec->is_poll)
		return RV_OK;
	RV_TRY(rv_api_query_i64(&k->c, "wait", 0, 60, &wait_s, err));
	if (wait_s > 0) {
		k->is_waiting = true;
		rv_http_after(k->req, wait_s * 1000, poll_timeout, k);
	}
	return RV_OK;
}

static void handle(struct rv_http_req *r, void *self)
{
	struct rv_api *api = self;
	rv_assert(api->magic == MAGIC);
	const struct rv_http_route *route = rv_http_route_of(r);
	struct rv_err err = { 0 };
	struct rv_api_call_state *k = rv_arena_alloc(rv_http_arena(r), sizeof *k);
	if (!k) {
		(void)RV_FAIL_ARENA(&err); /* told below */
		rv_http_reply_err(r, &err);
		return;
	}
	k->api = api;
	k->req = r;
	k->spec = route->meta;
	k->c.arena = rv_http_arena(r);
	k->c.ledger = api->ledger;
	k->c.gate = api->gate;
	k->c.search = api->search;
	k->c.retention = api->retention;
	k->c.push = api->push;
	k->asked_ns = rv_gov_now(api->gov);
	read_params(k, route->pattern);
	if (authenticate(k, &err) != RV_OK || read_input(k, &err) != RV_OK ||
		read_wait(k, &err) != RV_OK) {
		if (err.code == RV_EAUTH)
			rv_api_knock(api->gov, r);
		rv_http_reply_err(r, &err);
		return;
	}
	post_job(k);
}

/* ---- the table
 * ------------------------------------------------------------------------------------ */

static const struct {
	const char *method, *pattern;
	rv_http_handler *run;
} raw[] = {
#define RV_API_RAW(method_, pattern_, handler_, auth_, query_) \
	{ method_, pattern_, rv_api_##handler_ },
#include "api/routes.def"
};

static struct spec spec_of(size_t i)
{
	struct spec s = specs[i];
	s.is_vote = s.fn == rv_api_approval_approve || s.fn == rv_api_approval_deny;
	s.is_approval = s.is_vote || s.fn == rv_api_approval_withdraw;
	s.is_poll = s.fn == rv_api_approval;
	s.is_follow = s.fn == rv_api_audit_follow;
	return s;
}

static bool takes_files(const struct spec *s)
{
	return s->fn == rv_api_apply || s->fn == rv_api_replay || s->fn == rv_api_simulate;
}

enum rv_code rv_api_new(struct rv_gov *gov, struct rv_ledger *ledger, struct rv_gate *gate,
	struct rv_search *search, struct rv_api **ret, struct rv_err *err)
{
	struct rv_api *api = calloc(1, sizeof *api);
	/* one block: the routes, and behind them what their meta points to */
	size_t n = RV_COUNT(specs) + RV_COUNT(raw);
	struct rv_http_route *routes =
		calloc(1, n * sizeof *routes + RV_COUNT(specs) * sizeof(struct spec));
	if (!api || !routes) {
		free(routes);
		free(api);
		return RV_FAIL(err, RV_ENOMEM, "out of memory");
	}
	struct spec *metas = (struct spec *)(void *)(routes + n);
	for (size_t i = 0; i < RV_COUNT(specs); i++) {
		metas[i] = spec_of(i);
		routes[i] = (struct rv_http_route){
			.method = rv_http_method_of(rv_str_of(texts[i].method)),
			.pattern = texts[i].pattern,
			.run = handle,
			.max_body_bytes = takes_files(&specs[i]) ? 8 << 20 : 0,
			.meta = &metas[i],
		};
	}
	for (size_t i = 0; i < RV_COUNT(raw); i++)
		routes[RV_COUNT(specs) + i] = (struct rv_http_route){
			.method = rv_http_method_of(rv_str_of(raw[i].method)),
			.pattern = raw[i].pattern,
			.run = raw[i].run,
		};
	api->magic = MAGIC;
	api->gov = gov;
	api->ledger = ledger;
	api->gate = gate;
	api->search = search;
	api->routes = routes;
	api->n_routes = n;
	rv_assert(pthread_mutex_init(&api->lock, NULL) == 0);
	enum rv_code code = rv_api_workers_new(&api->workers, err);
	if (code == RV_OK)
		code = rv_api_workers_new(&api->searchers, err);
	if (code != RV_OK) {
		rv_api_free(api);
		return code;
	}
	*ret = api;
	return RV_OK;
}

void rv_api_stop_searches(struct rv_api *api)
{
	if (!api)
		return;
	rv_api_workers_free(rv_take(api->searchers));
}

void rv_api_free(struct rv_api *api)
{
	if (!api)
		return;
	rv_assert(api->magic == MAGIC && !api->waiting);
	rv_api_retention_stop(api);
	rv_api_workers_free(api->workers);
	rv_api_workers_free(api->searchers);
	pthread_mutex_destroy(&api->lock);
	free(api->routes);
	api->magic = 0;
	free(api);
}

void rv_api_witnesses(struct rv_api *api, struct rv_witness_push *push, size_t quorum)
{
	api->push = push;
	api->witness_quorum = quorum;
}

void rv_api_serve(struct rv_api *api, struct rv_http_server *server)
{
	__atomic_store_n(&api->server, server, __ATOMIC_RELEASE);
}

struct rv_http_table rv_api_table(struct rv_api *api)
{
	return (struct rv_http_table){ api->routes, api->n_routes, api };
}
