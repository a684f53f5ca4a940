/* REST for people and tools under /v1/: authenticates, runs the handler as a job on the control
 * thread, answers when everything is durable. The table of routes is src/api/routes.def;
 * docs/openapi.yaml describes it. */
#ifndef RV_API_API_H
#define RV_API_API_H
#include "governance/governance.h"
#include "http/http.h"
#include "witness/witness.h"

struct rv_api;
/* All borrowed; the control thread must run. Starts the threads that hash passwords. */
struct rv_gate;
struct rv_search;
RV_MUST_USE enum rv_code rv_api_new(struct rv_gov *gov, struct rv_ledger *ledger,
	struct rv_gate *gate, struct rv_search *search, struct rv_api **ret, struct rv_err *err);
/* Waits for searches under way, and refuses others from now on: before search and ledger are freed,
 * after the control thread has stopped. NULL is fine. */
void rv_api_stop_searches(struct rv_api *api);
/* Only when no request is open any more (after rv_http_server_stop). NULL is fine. */
void rv_api_free(struct rv_api *api);
/* Witnesses that cosign the log's checkpoints; with a quorum only what that many have cosigned is
 * published. push: borrowed. Before the server starts. */
void rv_api_witnesses(struct rv_api *api, struct rv_witness_push *push, size_t quorum);
/* Starts a thread that drops what was logged longer ago than these ages; 0: kept for ever.
 * RV_EINVAL texts longer than events. Before the server starts. */
RV_MUST_USE enum rv_code rv_api_retain(
	struct rv_api *api, int64_t texts_ns, int64_t events_ns, struct rv_err *err);
/* Ends that thread, before the ledger is closed. */
void rv_api_retention_stop(struct rv_api *api);
/* The server whose numbers /metrics shows; NULL: none. */
void rv_api_serve(struct rv_api *api, struct rv_http_server *server);
/* The routes, for rv_http_router_new; good until rv_api_free. */
struct rv_http_table rv_api_table(struct rv_api *api);
/* Tells those who wait for this approval (empty: for any) that it may have changed. Any thread. */
void rv_api_approval_changed(struct rv_api *api, struct rv_str id);

/* Answers all who wait, now and from now on at once: before rv_http_server_stop. NULL is fine. */
void rv_api_stop(struct rv_api *api);

/* Who presents the request's bearer token, looked up in the snapshot. Errors: RV_EAUTH without a
 * valid one. actor's text lives as long as the snapshot. Any thread. */
RV_MUST_USE enum rv_code rv_api_caller(const struct rv_http_req *r, const struct rv_snapshot *snap,
	int64_t now_ns, struct rv_actor *ret, struct rv_err *err);
/* Counts a caller who was refused with RV_EAUTH. Any thread. */
void rv_api_knock(struct rv_gov *g, const struct rv_http_req *r);
/* The token of an Authorization header ("Bearer x"); p == NULL when it is none. */
struct rv_str rv_api_bearer(struct rv_str header);
#endif
