#include "base/zone.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* What is read answers for every time, and days follow one another. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 1 << 22);
	struct rv_zone z;
	if (rv_zone_parse(&a, rv_str_n(data, n), &z, NULL) != RV_OK)
		return 0;
	for (int64_t day = 20000; day < 20800; day += 7)
		rv_assert(rv_zone_day(&z, day) < rv_zone_day(&z, day + 7));
	return 0;
}
