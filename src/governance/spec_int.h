/* The spec of each kind of manifest, read out of its tree. Slices point into the tree. */
#ifndef RV_GOVERNANCE_SPEC_INT_H
#define RV_GOVERNANCE_SPEC_INT_H
#include "governance/governance_int.h"

struct rv_strs {
	const struct rv_str *v;
	size_t n;
};
struct rv_spec_limit {
	struct rv_str name, unit, currency, per, excess, zone;
	int64_t max, quorum;
	struct rv_strs actions, approvers, resources;
	struct rv_str role; /* kind Limit only */
	const struct rv_json *json;
};
struct rv_spec_person {
	struct rv_str display, email;
	int64_t rights;
};
struct rv_spec_members { /* Group, Team */
	struct rv_str display;
	struct rv_strs members;
};
struct rv_spec_role {
	struct rv_str display, description;
};
struct rv_spec_point {
	struct rv_str display, kind, trust, owner;
	struct rv_strs systems, overlays;
	bool subject_token;
};
struct rv_spec_resource {
	struct rv_str display, kind, environment, data_class, owner;
	struct rv_strs collections;
	const struct rv_json *tags, *effects; /* objects of text, or NULL */
};
struct rv_spec_system {
	struct rv_str display, class_, role, owner, deputy, team, parent, purpose, environment,
		risk;
	struct rv_str runtime, failure_plan, output_reviewer, usage_policy, review_cadence,
		reviewer;
	struct rv_strs labels;
	const struct rv_json *access; /* array or NULL */
	const struct rv_json *actions; /* object or NULL */
	const struct rv_json *escalation; /* array or NULL */
	bool has_limits; /* also by an explicit "none" */
	struct rv_spec_limit *limits;
	size_t n_limits;
	bool observe;
};

enum rv_code rv_spec_person_read(struct rv_arena *a, const struct rv_json *v,
	struct rv_spec_person *ret, struct rv_err *err);
enum rv_code rv_spec_members_read(struct rv_arena *a, const struct rv_json *v,
	struct rv_spec_members *ret, struct rv_err *err);
enum rv_code rv_spec_role_read(
	struct rv_arena *a, const struct rv_json *v, struct rv_spec_role *ret, struct rv_err *err);
enum rv_code rv_spec_point_read(
	struct rv_arena *a, const struct rv_json *v, struct rv_spec_point *ret, struct rv_err *err);
enum rv_code rv_spec_resource_read(struct rv_arena *a, const struct rv_json *v,
	struct rv_spec_resource *ret, struct rv_err *err);
enum rv_code rv_spec_limit_read(struct rv_arena *a, const struct rv_json *v, bool needs_role,
	struct rv_spec_limit *ret, struct rv_err *err);
enum rv_code rv_spec_system_read(struct rv_arena *a, const struct rv_json *v,
	struct rv_spec_system *ret, struct rv_err *err);
enum rv_code rv_spec_policy_read(
	struct rv_arena *a, const struct rv_json *v, struct rv_str *ret_cedar, struct rv_err *err);
/* Any kind, only to check it. */
enum rv_code rv_spec_check(
	struct rv_arena *a, enum rv_kind kind, const struct rv_json *v, struct rv_err *err);

/* Readers the files share. */
enum rv_code rv_spec_strs(struct rv_arena *a, struct rv_json_obj *o, const char *name,
	struct rv_strs *ret, struct rv_err *err);
enum rv_code rv_spec_slugs(struct rv_arena *a, struct rv_json_obj *o, const char *name,
	struct rv_strs *ret, struct rv_err *err);
enum rv_code rv_spec_slug(
	struct rv_json_obj *o, const char *name, struct rv_str *ret, struct rv_err *err);
enum rv_code rv_spec_word(struct rv_json_obj *o, const char *name, const char *const *words,
	struct rv_str *ret, struct rv_err *err);
enum rv_code rv_spec_text(struct rv_json_obj *o, const char *name, size_t max_bytes,
	struct rv_str *ret, struct rv_err *err);

/* One form for one meaning: lists of text are sets (sorted, once each), then RFC 8785. */
enum rv_code rv_spec_canonical(
	struct rv_arena *a, const struct rv_json *v, struct rv_str *ret, struct rv_err *err);

/* manifest_csv.c: a catalogue as a table; each row becomes a document {kind, name, spec}. line:
 * where it begins. Errors: RV_EINVAL with line and, as column, the cell; what row returned, with
 * its line.
 */
typedef enum rv_code rv_csv_row(void *arg, struct rv_str doc, uint32_t line, struct rv_err *err);
enum rv_code rv_csv_read(
	struct rv_arena *a, struct rv_str text, rv_csv_row *row, void *arg, struct rv_err *err);

/* diff.c: fields that differ; old NULL: created. */
enum rv_code rv_spec_diff(struct rv_op *op, enum rv_kind kind, const struct rv_json *old,
	const struct rv_json *now, struct rv_apply_field **ret, size_t *ret_n, bool *ret_widens,
	struct rv_err *err);
#endif
