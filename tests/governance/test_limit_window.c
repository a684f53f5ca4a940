#include "governance/limit_int.h"
#include "tests/harness.h"

static int64_t at(const char *text)
{
	int64_t ns = 0;
	CHECK(rv_time_parse(rv_str_of(text), &ns));
	return ns;
}

TEST(windows_of_the_calendar)
{
	static const struct {
		const char *per, *zone, *now, *start, *resets;
	} cases[] = {
		{ "minute", "", "2026-11-26T10:11:12Z", "2026-11-26T10:11:00Z",
			"2026-11-26T10:12:00Z" },
		{ "hour", "", "2026-11-26T10:11:12Z", "2026-11-26T10:00:00Z",
			"2026-11-26T11:00:00Z" },
		{ "day", "", "2026-11-26T23:59:59Z", "2026-11-26T00:00:00Z",
			"2026-11-27T00:00:00Z" },
		{ "week", "", "2026-11-29T12:00:00Z", "2026-11-23T00:00:00Z",
			"2026-11-30T00:00:00Z" },
		{ "month", "", "2026-12-31T23:00:00Z", "2026-12-01T00:00:00Z",
			"2027-01-01T00:00:00Z" },
		/* the same moment lies in another day there */
		{ "day", "Europe/Berlin", "2026-11-26T23:30:00Z", "2026-11-26T23:00:00Z",
			"2026-11-27T23:00:00Z" },
		{ "month", "Europe/Berlin", "2026-12-31T23:30:00Z", "2026-12-31T23:00:00Z",
			"2027-01-31T23:00:00Z" },
		/* a day of 23 hours, and one of 25 */
		{ "day", "Europe/Berlin", "2026-03-29T12:00:00Z", "2026-03-28T23:00:00Z",
			"2026-03-29T22:00:00Z" },
		{ "day", "Europe/Berlin", "2026-10-25T12:00:00Z", "2026-10-24T22:00:00Z",
			"2026-10-25T23:00:00Z" },
		{ "week", "Europe/Berlin", "2026-03-29T12:00:00Z", "2026-03-22T23:00:00Z",
			"2026-03-29T22:00:00Z" },
		/* hours that begin at half past */
		{ "hour", "Asia/Kolkata", "2026-11-26T10:11:12Z", "2026-11-26T09:30:00Z",
			"2026-11-26T10:30:00Z" },
	};
	for (size_t i = 0; i < RV_COUNT(cases); i++) {
		RV_AUTO_ARENA a;
		struct rv_err err = { 0 };
		struct limit_window w;
		const struct rv_db_meter_def d = { .per = rv_str_of(cases[i].per),
			.zone = rv_str_of(cases[i].zone) };
		rv_arena_init(&a, 1 << 22);
		enum rv_code code = limit_window_of(&a, &d, at(cases[i].now), &w, &err);
		CHECKF(code == RV_OK, "row %zu: %s", i, err.msg);
		CHECKF(w.start_ns == at(cases[i].start) && w.resets_ns == at(cases[i].resets) &&
				!w.slides,
			"row %zu: %s per %s %s", i, cases[i].now, cases[i].per, cases[i].zone);
	}
}

/* Whatever was counted within the last span is in a slice that still counts. */
TEST(a_sliding_window_forgets_nothing_too_early)
{
	RV_AUTO_ARENA a;
	struct rv_err err = { 0 };
	struct limit_window then, now;
	const struct rv_db_meter_def d = { .per = RV_STR_INIT("1h") };
	int64_t begin = at("2026-11-26T10:00:00Z");
	rv_arena_init(&a, 1 << 20);
	for (int64_t k = 0; k < 200; k++) {
		int64_t t = begin + k * 37 * RV_NS_PER_S;
		CHECK(limit_window_of(&a, &d, t, &then, &err) == RV_OK);
		CHECK(limit_window_of(&a, &d, t + 3600 * RV_NS_PER_S - 1, &now, &err) == RV_OK);
		CHECK(then.slides && then.start_ns > now.since_ns);
		CHECK(limit_window_of(&a, &d, t + 3720 * RV_NS_PER_S, &now, &err) == RV_OK);
		CHECK(then.start_ns <= now.since_ns);
	}
}

TEST(a_window_that_is_none)
{
	RV_AUTO_ARENA a;
	struct rv_err err = { 0 };
	struct limit_window w;
	const struct rv_db_meter_def odd = { .per = RV_STR_INIT("fortnight") };
	const struct rv_db_meter_def nowhere = { .per = RV_STR_INIT("day"),
		.zone = RV_STR_INIT("Nowhere/Land") };
	rv_arena_init(&a, 1 << 20);
	CHECK(limit_window_of(&a, &odd, 1, &w, &err) == RV_ECORRUPT);
	CHECK(limit_window_of(&a, &nowhere, 1, &w, NULL) == RV_EINVAL);
}

MAIN()
