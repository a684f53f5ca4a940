/* OpenID AuthZEN 1.0: its requests as structs, its answers as JSON, and the endpoints over HTTP.
 * Who decides is behind struct rv_authzen_ops: `reeve serve` asks the gate, `reeve pdp` asks Cedar
 * alone.
 *
 * Read as the specification and its certification ask: ids, types and names are any strings;
 * unknown members are ignored; duplicate names, bad UTF-8, malformed JSON, another content type, an
 * empty body, a missing member or one of the wrong type are 400; null in place of an optional
 * member means that it is absent. A denial is 200. */
#ifndef RV_POINTS_AUTHZEN_AUTHZEN_H
#define RV_POINTS_AUTHZEN_AUTHZEN_H
#include "base/json.h"
#include "http/http.h"

/* ---- requests ---- */

struct rv_authzen_entity {
	struct rv_str type;
	struct rv_str id; /* p == NULL only where a search looks for it */
	const struct rv_json *properties; /* an object; NULL: none */
};
struct rv_authzen_item {
	struct rv_authzen_entity subject, resource;
	struct rv_str action;
	const struct rv_json *action_properties; /* an object; NULL: none */
	const struct rv_json *context; /* an object; NULL: none */
	/* An item of a batch that is malformed on its own: RV_OK or what is wrong with it. */
	enum rv_code code;
	const char *message; /* in the arena; NULL when code is RV_OK */
};
enum rv_authzen_semantic {
	RV_AUTHZEN_EXECUTE_ALL = 1,
	RV_AUTHZEN_DENY_ON_FIRST_DENY,
	RV_AUTHZEN_PERMIT_ON_FIRST_PERMIT,
};
enum { RV_AUTHZEN_ITEMS_MAX = 1000, RV_AUTHZEN_PAGE_MAX = 1000 };
struct rv_authzen_batch {
	struct rv_authzen_item
		*items; /* in the arena, in order, defaults applied (whole members, never merged) */
	size_t n;
	enum rv_authzen_semantic semantic;
	bool is_single; /* no `evaluations`, or an empty one: answered like one evaluation */
};
/* Slices point into body. Errors: RV_EINVAL with the path ("subject.id: must be a string, not a
 * number"); RV_ELIMIT. */
RV_MUST_USE enum rv_code rv_authzen_read_evaluation(struct rv_arena *a, const struct rv_json *body,
	struct rv_authzen_item *ret, struct rv_err *err);
RV_MUST_USE enum rv_code rv_authzen_read_evaluations(struct rv_arena *a, const struct rv_json *body,
	struct rv_authzen_batch *ret, struct rv_err *err);

enum rv_authzen_search_kind { RV_AUTHZEN_SUBJECTS = 1, RV_AUTHZEN_RESOURCES, RV_AUTHZEN_ACTIONS };
struct rv_authzen_search {
	enum rv_authzen_search_kind kind;
	struct rv_authzen_item
		item; /* what is looked for has no id (subject, resource) or no name (action) */
	size_t limit; /* results of a page, 1..RV_AUTHZEN_PAGE_MAX */
	struct rv_str token; /* where to go on; n == 0: at the start */
};
RV_MUST_USE enum rv_code rv_authzen_read_search(struct rv_arena *a, const struct rv_json *body,
	enum rv_authzen_search_kind kind, struct rv_authzen_search *ret, struct rv_err *err);

/* ---- answers ---- */

/* {"decision":…} with "context":{…} when context (one JSON object) is not empty. */
void rv_authzen_write_decision(struct rv_json_w *w, bool is_allowed, struct rv_str context);
/* {"decision":false,"context":{"error":{"status":…,"message":…}}} */
void rv_authzen_write_error(struct rv_json_w *w, enum rv_code code, struct rv_str message);
/* The discovery document. base: "https://pdp.example" */
void rv_authzen_write_metadata(struct rv_json_w *w, struct rv_str base, bool has_search);

/* ---- endpoints ---- */

/* One HTTP request on its way: a single evaluation or a batch whose items are decided one after
 * another. */
struct rv_authzen_ask;
struct rv_http_req *rv_authzen_ask_req(const struct rv_authzen_ask *ask);
const struct rv_authzen_item *rv_authzen_ask_item(
	const struct rv_authzen_ask *ask); /* the current one */
size_t rv_authzen_ask_index(const struct rv_authzen_ask *ask); /* its place in the batch */
void *rv_authzen_ask_caller(const struct rv_authzen_ask *ask); /* what admit said */

struct rv_authzen_ops {
	const char *name;
	/* Who asks, once a request, before anything is decided; NULL: everybody may. *ret_caller is
	 * passed on. RV_EAUTH: 401. */
	enum rv_code (*admit)(
		void *self, struct rv_http_req *r, void **ret_caller, struct rv_err *err);
	/* Decides the current item; answers with rv_authzen_done or rv_authzen_fail exactly once,
	 * at once or later, on any thread. Runs on the request's loop thread. */
	void (*decide)(void *self, struct rv_authzen_ask *ask);
	/* Writes the answer of a search into out ({"results":[…],…}); NULL: no search. On the
	 * loop's thread. */
	enum rv_code (*search)(void *self, struct rv_http_req *r, const struct rv_authzen_search *s,
		struct rv_json_w *out, struct rv_err *err);
};
/* context: one JSON object or empty; copied. */
void rv_authzen_done(struct rv_authzen_ask *ask, bool is_allowed, struct rv_str context);
/* No decision: a denial whose context tells the error. */
void rv_authzen_fail_item(struct rv_authzen_ask *ask, const struct rv_err *err);
/* The same for an item of a batch; a single evaluation is answered with the code's HTTP status
 * instead (409, 503 …). */
void rv_authzen_fail(struct rv_authzen_ask *ask, const struct rv_err *err);

struct rv_authzen_point {
	const struct rv_authzen_ops *ops;
	void *self;
	const char *public_url; /* for the discovery document; NULL: http(s):// and the request's
				   Host */
	bool can_search;
};
/* The table for a router; self is the point, which must outlive it. */
struct rv_http_table rv_authzen_table(struct rv_authzen_point *p);
#endif
