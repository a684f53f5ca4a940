/* What system.c, register.c, life.c and freeze.c share. */
#ifndef RV_GOVERNANCE_SYSTEM_INT_H
#define RV_GOVERNANCE_SYSTEM_INT_H
#include "governance/class.h"

enum rv_code rv_sys_load(
	struct rv_op *op, struct rv_str name, struct rv_db_system *ret, struct rv_err *err);
bool rv_sys_is(const struct rv_db_system *s, const char *state);
enum rv_code rv_sys_version(struct rv_op *op, const struct rv_db_system *s, int64_t version,
	struct rv_db_system_version *ret, struct rv_err *err);
/* The version that is looked at: in force, else the newest. */
int64_t rv_sys_shown(const struct rv_db_system *s);
enum rv_code rv_sys_event(struct rv_op *op, enum rv_event_kind kind, const struct rv_db_system *s,
	int64_t version, struct rv_str reason, bool unseparated, struct rv_err *err);
enum rv_code rv_sys_save(struct rv_op *op, struct rv_db_system *s, struct rv_err *err);
/* The columns that mirror the version in force. */
enum rv_code rv_sys_mirror(
	struct rv_op *op, struct rv_db_system *s, const struct rv_json *spec, struct rv_err *err);
/* Whether the actor may know of it. */
enum rv_code rv_sys_may_see(
	struct rv_op *op, const struct rv_db_system *s, bool *ret, struct rv_err *err);
enum rv_code rv_sys_may_stop(struct rv_op *op, const struct rv_db_system *s, struct rv_err *err);
#endif
