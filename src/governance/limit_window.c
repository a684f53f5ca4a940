/* When a limit counts anew. Windows of the calendar are UTC's, or of the clocks of a place: a day
 * there may have 23 or 25 hours. A week begins on Monday; "total" never ends.
 *
 * A window that slides is kept in sixty slices. A slice that lies in it only partly counts whole,
 * so that at no moment more than the maximum lies within any span of that length. */
#include "base/zone.h"
#include "governance/limit_int.h"

enum { SLICES = 60 };
#define MINUTE_NS (60 * RV_NS_PER_S)
#define HOUR_NS (3600 * RV_NS_PER_S)

/* First days of the week or month that a day lies in, and of the next one. */
static bool days_of(struct rv_str per, int64_t day, int64_t *first, int64_t *next)
{
	int64_t y;
	unsigned m, d;
	if (rv_str_eqz(per, "day")) {
		*first = day;
		*next = day + 1;
	} else if (rv_str_eqz(per, "week")) {
		*first = day - (day + 3) % 7; /* day 0 was a Thursday */
		*next = *first + 7;
	} else if (rv_str_eqz(per, "month")) {
		rv_civil_from_days(day, &y, &m, &d);
		*first = rv_days_from_civil(y, m, 1);
		*next = m == 12 ? rv_days_from_civil(y + 1, 1, 1) : rv_days_from_civil(y, m + 1, 1);
	} else {
		return false;
	}
	return true;
}

static enum rv_code calendar(struct rv_arena *a, const struct rv_db_meter_def *def, int64_t now_ns,
	struct limit_window *ret, struct rv_err *err)
{
	static const struct rv_zone utc = { .n = 0 };
	struct rv_zone place = utc;
	int64_t now_s = now_ns / RV_NS_PER_S, first, next, ns = 0;
	if (def->zone.n > 0)
		RV_TRY(rv_zone_load(a, def->zone, &place, err));
	int64_t local_s = now_s + rv_zone_offset(&place, now_s);
	if (days_of(def->per, local_s / 86400, &first, &next)) {
		ret->start_ns = rv_zone_day(&place, first) * RV_NS_PER_S;
		ret->resets_ns = rv_zone_day(&place, next) * RV_NS_PER_S;
		return RV_OK;
	}
	if (rv_str_eqz(def->per, "minute"))
		ns = MINUTE_NS;
	else if (rv_str_eqz(def->per, "hour"))
		ns = HOUR_NS;
	if (ns == 0)
		return RV_FAIL(err, RV_ECORRUPT, "a limit per '%.*s'", RV_FMT(def->per));
	int64_t shift = (int64_t)rv_zone_offset(&place, now_s) * RV_NS_PER_S;
	ret->start_ns = now_ns - (now_ns + shift) % ns;
	ret->resets_ns = ret->start_ns + ns;
	return RV_OK;
}

enum rv_code limit_window_of(struct rv_arena *a, const struct rv_db_meter_def *def, int64_t now_ns,
	struct limit_window *ret, struct rv_err *err)
{
	int64_t span;
	*ret = (struct limit_window){ .slides = false };
	if (rv_str_eqz(def->per, "total"))
		return RV_OK;
	if (!rv_duration_parse(def->per, &span))
		return calendar(a, def, now_ns, ret, err);
	int64_t slice = span / SLICES;
	ret->slides = true;
	ret->start_ns = now_ns - now_ns % slice;
	ret->since_ns = now_ns - span - slice;
	ret->resets_ns = ret->start_ns + slice + span;
	return RV_OK;
}
