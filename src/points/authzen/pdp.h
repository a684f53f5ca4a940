/* A stand-alone decision point: policies and entities from files, plain Cedar, no registry, no
 * audit. It trusts its callers.
 *
 * How AuthZEN becomes Cedar: type and id are an entity type::"id"; action.name is Action::"name";
 * context is context, in which action.properties stand as context.action. Subject's and resource's
 * properties lie over the stored attributes for this one question (or are ignored, no_overlay).
 * Values: strings, booleans, arrays (sets), objects (records), {"__entity":…} and {"__extn":…} as
 * in Cedar's JSON; whole numbers are Long, fractions of at most four digits decimal; null is left
 * out. What has no place in Cedar (a type that is no identifier, a longer fraction, a number beyond
 * 64 bits) denies that item and says why in context.error. */
#ifndef RV_POINTS_AUTHZEN_PDP_H
#define RV_POINTS_AUTHZEN_PDP_H
#include "cedar.h"
#include "points/authzen/authzen.h"

struct rv_pdp;
struct rv_pdp_opts {
	const char *const *policy_files;
	size_t n_policy_files; /* at least one */
	const char *entity_file; /* NULL: no entities */
	const char *action_type; /* NULL: "Action"; "NS::Action" for policies in a namespace */
	unsigned n_threads; /* of the server that will ask */
	bool no_overlay;
	bool explain; /* answers name the policies that decided, and those that failed */
};
/* Errors: RV_EINVAL with file, line and column; RV_ENOENT; RV_ELIMIT. */
RV_MUST_USE enum rv_code rv_pdp_new(
	const struct rv_pdp_opts *o, struct rv_pdp **ret, struct rv_err *err);
void rv_pdp_free(struct rv_pdp *p);
size_t rv_pdp_policy_count(const struct rv_pdp *p);
size_t rv_pdp_entity_count(const struct rv_pdp *p);
/* For struct rv_authzen_point; self is the pdp. decide answers at once. */
extern const struct rv_authzen_ops rv_pdp_ops;
#endif
