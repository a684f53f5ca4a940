/* The schema that policies are held against when they are published: reeve.cedarschema, and what
 * the policies themselves add to its words. */
#ifndef RV_GOVERNANCE_POLICY_SCHEMA_H
#define RV_GOVERNANCE_POLICY_SCHEMA_H
#include "governance/governance_int.h"

/* Holds one file's policies against the schema. An action is in the group of its effect, which is
 * told by the resource when a request is decided; so each file is checked once for each effect, and
 * what is an error in one of them is an error. Warnings are what all of them warn of, as "LINE:COL
 * text" in a. Errors: RV_EINVAL with line and column: the first error, with what to do. */
RV_MUST_USE enum rv_code rv_policy_validate(struct rv_arena *a, struct rv_str name,
	struct rv_str text, const struct rv_str **ret_warnings, size_t *ret_n, struct rv_err *err);
/* Appends a Cedar string. */
void rv_policy_quote(struct rv_buf *b, struct rv_str s);
#endif
