/* The event mix of the search benchmarks: what a busy installation records. 1,000 systems, 60
 * actions and 20,000 resources, a few of each far busier than the rest; 3 % denied, 1 % held; each
 * decision has an id, a trace, a digest of its arguments and one of the facts it saw.
 * Deterministic: event i is the same in every run. */
#ifndef RV_BENCH_MIX_H
#define RV_BENCH_MIX_H
#include "base/clock.h"
#include "base/str.h"

enum { MIX_EVENT = 1200, MIX_SYSTEMS = 1000, MIX_ACTIONS = 60, MIX_RESOURCES = 20000 };
/* The mix's own numbers for event i, so that queries can ask for what is there. */
struct mix {
	unsigned system, action, resource, outcome; /* outcome: 0 allow, 1 hold, 2 deny */
	uint64_t trace[2];
	const char *word; /* of the reason's text */
};
void mix_of(uint64_t i, struct mix *ret);
size_t mix_event(uint64_t i, int64_t at_ns, char out[MIX_EVENT]);
#endif
