#ifndef RV_POINTS_AUTHZEN_PDP_INT_H
#define RV_POINTS_AUTHZEN_PDP_INT_H
#include "points/authzen/pdp.h"

struct rv_pdp {
	cedar_policies *policies;
	cedar_entities *entities;
	cedar_scratch **scratches; /* one a thread */
	unsigned n_threads;
	char *action_type;
	bool no_overlay, explain;
};

static inline cedar_str rv_pdp_cs(struct rv_str s)
{
	return (cedar_str){ s.p, s.n };
}
/* The thread's scratch, cleared. */
cedar_scratch *rv_pdp_scratch(struct rv_pdp *p, const struct rv_http_req *r);

/* ---- map.c ---- */
/* True for a path of identifiers: "A", "NS::A". */
bool rv_pdp_type_ok(struct rv_str type);
/* A Cedar request, built in s (and a). overlay: room for two entities, must live as long as *ret.
 * Errors: RV_EINVAL what has no place in Cedar; RV_ELIMIT. */
RV_MUST_USE enum rv_code rv_pdp_map(const struct rv_pdp *p, cedar_scratch *s, struct rv_arena *a,
	const struct rv_authzen_item *item, cedar_entity overlay[2], cedar_request *ret,
	struct rv_err *err);

/* ---- search.c ---- */
enum rv_code rv_pdp_search(void *self, struct rv_http_req *r, const struct rv_authzen_search *s,
	struct rv_json_w *out, struct rv_err *err);
#endif
