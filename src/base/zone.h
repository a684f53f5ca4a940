/* Time zones: what a place's clocks say, from the system's tz files (RFC 8536). A file says it up
 * to 2037; later times use its last rule that it lists. */
#ifndef RV_BASE_ZONE_H
#define RV_BASE_ZONE_H
#include "base/arena.h"

struct rv_zone {
	const int64_t *at_s; /* ascending Unix seconds from which ... */
	const int32_t *offset_s; /* ... clocks are so far ahead of UTC */
	size_t n;
	int32_t first_s; /* before all of them */
};
/* name: "Europe/Berlin". Errors: RV_EINVAL no such name, RV_ECORRUPT the file. Any thread. */
RV_MUST_USE enum rv_code rv_zone_load(
	struct rv_arena *a, struct rv_str name, struct rv_zone *ret, struct rv_err *err);
/* The bytes of such a file, copied where kept. RV_ECORRUPT. */
RV_MUST_USE enum rv_code rv_zone_parse(
	struct rv_arena *a, struct rv_str file, struct rv_zone *ret, struct rv_err *err);
/* Seconds that clocks there are ahead of UTC at that time. */
int32_t rv_zone_offset(const struct rv_zone *z, int64_t unix_s);
/* When those clocks show midnight at the start of that day (days since 1970-01-01); where a day
 * begins later, its first moment. Unix seconds. */
int64_t rv_zone_day(const struct rv_zone *z, int64_t day);
#endif
