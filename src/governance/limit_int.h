/* Windows of limits. */
#ifndef RV_GOVERNANCE_LIMIT_INT_H
#define RV_GOVERNANCE_LIMIT_INT_H
#include "governance/governance_int.h"

struct limit_window {
	int64_t start_ns; /* key of the meter that counts now */
	int64_t resets_ns; /* 0: never */
	bool slides; /* then every meter of a later key than since_ns counts, too */
	int64_t since_ns;
};
enum rv_code limit_window_of(struct rv_arena *a, const struct rv_db_meter_def *def, int64_t now_ns,
	struct limit_window *ret, struct rv_err *err);
#endif
