/* Inside api/: one call, and the handlers. A handler runs in a job on the control thread, reads its
 * parameters, calls one governance function and writes the answer's members; it knows nothing of
 * sockets. */
#ifndef RV_API_API_INT_H
#define RV_API_API_INT_H
#include <pthread.h>

#include "api/api.h"
#include "gate/gate.h"
#include "ledger/ledger.h"
#include "search/search.h"

struct rv_api_call_state;
struct rv_api_workers;
struct rv_api_retention;
struct rv_api {
	uint32_t magic;
	struct rv_gov *gov;
	struct rv_ledger *ledger;
	struct rv_gate *gate;
	struct rv_search *search;
	struct rv_api_workers *workers;
	struct rv_api_workers *searchers; /* of their own: a search must not keep a login waiting */
	struct rv_http_route *routes;
	size_t n_routes;
	size_t witness_quorum; /* 0: checkpoints are published before anybody cosigns them */
	struct rv_witness_push *push; /* NULL: no witnesses */
	struct rv_api_retention *retention; /* NULL: all is kept for ever */
	struct rv_http_server *server; /* atomic; NULL before rv_api_serve */
	pthread_mutex_t lock; /* guards waiting, and the waits' own fields */
	struct rv_api_call_state *waiting; /* long polls of approvals */
	bool is_stopping; /* nobody waits any more */
};

/* A few threads for slow work (hashing of passwords), with a short queue. */
struct rv_api_work {
	struct rv_api_work *next;
	void (*run)(struct rv_api_work *w); /* on a worker */
};
RV_MUST_USE enum rv_code rv_api_workers_new(struct rv_api_workers **ret, struct rv_err *err);
void rv_api_workers_free(struct rv_api_workers *ws); /* finishes what is queued; NULL is fine */
/* w: the caller's until run. RV_EBUSY: queue full. Any thread. */
RV_MUST_USE enum rv_code rv_api_work_post(
	struct rv_api_workers *ws, struct rv_api_work *w, struct rv_err *err);

/* Where a request comes from, for counting: an address, or "unix user 1000". Returns buf. */
struct rv_str rv_api_source(const struct rv_http_req *r, char buf[80]);

/* The checkpoint that others get to see (tlog.c). */
RV_MUST_USE enum rv_code rv_api_published(
	struct rv_api *api, struct rv_buf *out, struct rv_err *err);

enum rv_api_auth {
	RV_API_OPEN, /* no credential */
	RV_API_ANYONE, /* person, system or point */
	RV_API_PERSON, /* a person's session */
};
struct rv_api_pair {
	struct rv_str name, value;
};
/* Who may see an event: those who read everything, and those it concerns. */
struct rv_api_viewer {
	bool sees_all;
	struct rv_str name;
};
void rv_api_viewer_of(struct rv_op *op, struct rv_api_viewer *ret);
bool rv_api_may_see(const struct rv_api_viewer *v, const struct rv_json *event);

struct rv_api_call {
	struct rv_op *op; /* NULL in a search */
	struct rv_ledger *ledger;
	struct rv_gate *gate;
	struct rv_search *search;
	struct rv_api_viewer viewer; /* in a search */
	int64_t now_ns; /* in a search */
	const char *type; /* set by a search whose answer is not JSON: w's buffer is the body */
	int64_t next_before; /* ... and goes on there; 0: it does not */
	struct rv_api_retention *retention;
	struct rv_witness_push *push;
	struct rv_arena *arena;
	struct rv_str param[2]; /* the path's {…}, in order, decoded */
	const struct rv_json *body; /* an object; NULL when the request had none */
	const struct rv_api_pair *query;
	size_t n_query;
};
/* w stands inside the answer's object. A QUERY runs on a thread for searches, after a job on the
 * control thread has said who looks; the others run in a job. */
typedef enum rv_code rv_api_fn(struct rv_api_call *c, struct rv_json_w *w, struct rv_err *err);
/* Raw handlers (login.c, metrics.c, report.c, tlog.c) get the struct rv_api as self. */

#define RV_API_ROUTE(method, pattern, handler, kind, auth, query, body) rv_api_fn rv_api_##handler;
#define RV_API_RAW(method, pattern, handler, auth, query) rv_http_handler rv_api_##handler;
#include "api/routes.def"

/* ---- shared by the handlers (call.c) ----------------------------------------------------------
 */

/* The body as a checked object: an absent body is an empty one. Close it with rv_json_obj_close. */
RV_MUST_USE enum rv_code rv_api_body(
	struct rv_api_call *c, struct rv_json_obj *o, struct rv_err *err);
/* {"reason":"…"} and nothing else; empty when absent. */
RV_MUST_USE enum rv_code rv_api_reason(
	struct rv_api_call *c, struct rv_str *ret, struct rv_err *err);
/* A query parameter; p == NULL when absent. */
struct rv_str rv_api_query(const struct rv_api_call *c, const char *name);
RV_MUST_USE enum rv_code rv_api_query_i64(const struct rv_api_call *c, const char *name,
	int64_t min, int64_t max, int64_t *ret, struct rv_err *err);
/* RFC 3339 text under name; nothing for 0. */
void rv_api_kv_time(struct rv_json_w *w, const char *name, int64_t unix_ns);
/* Nothing for an empty slice (NULL or ""). */
void rv_api_kv(struct rv_json_w *w, const char *name, struct rv_str s);
/* An array of strings. */
void rv_api_kv_list(struct rv_json_w *w, const char *name, const struct rv_str *v, size_t n);
/* A text member; "" when absent. */
struct rv_str rv_api_str(const struct rv_json *v, const char *name);
/* Stored JSON text as a value; nothing for an empty slice. */
void rv_api_kv_json(struct rv_json_w *w, const char *name, struct rv_str json);
/* people.c: "fields": what differs. */
void rv_api_put_fields(struct rv_json_w *w, const struct rv_apply_field *fields, size_t n);
/* audit.c: the event that the path's first parameter names (an id, or a place in the log), if the
 * caller may see it. */
RV_MUST_USE enum rv_code rv_api_event_find(struct rv_api_call *c, struct rv_ledger_entry *ret,
	const struct rv_json **ret_event, struct rv_err *err);
/* chain.c: the id of the intent that the decision at seq caused; "" when there is none. */
struct rv_str rv_api_intent_of(struct rv_api_call *c, uint64_t seq, const struct rv_json *event);
/* chain.c: "chain", who answers for an event: owner, profile, policies, approval, intent, outcome,
 * each as it was then. */
RV_MUST_USE enum rv_code rv_api_put_chain(struct rv_api_call *c, const struct rv_ledger_entry *e,
	const struct rv_json *event, struct rv_json_w *w, struct rv_err *err);

/* search.c: ?q= narrowed to what the viewer may see. */
RV_MUST_USE enum rv_code rv_api_query_of(
	struct rv_api_call *c, const struct rv_search_query **ret, struct rv_err *err);
/* {"seq":…,"logged":…,"event":…} */
void rv_api_put_entry(struct rv_json_w *w, const struct rv_ledger_entry *e);
/* follow.c: answers with server-sent events of what is recorded from `from` on, for so many
 * seconds (0: no end). Any thread. */
void rv_api_follow_start(struct rv_api *api, struct rv_http_req *r, const struct rv_search_query *q,
	uint64_t from, int64_t for_s);
#endif
