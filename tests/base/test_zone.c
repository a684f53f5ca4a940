#include "base/zone.h"

#include <stdio.h>

#include "base/clock.h"
#include "tests/harness.h"

enum { SIZE = 2000 };

/* A file of version 2 with these changes; the first half is empty. */
struct made {
	uint8_t b[SIZE];
	size_t n;
};

static void put(struct made *m, uint64_t v, unsigned n_bytes)
{
	for (unsigned i = n_bytes; i-- > 0;)
		m->b[m->n++] = (uint8_t)(v >> (8 * i));
}

static void put_head(struct made *m, unsigned n_times, unsigned n_types)
{
	memcpy(m->b + m->n, "TZif2", 5);
	m->n += 20;
	for (int i = 0; i < 3; i++)
		put(m, 0, 4);
	put(m, n_times, 4);
	put(m, n_types, 4);
	put(m, 4, 4); /* "ABC" */
}

static struct rv_str make(struct made *m, const int64_t *at, const int32_t *offsets, unsigned n)
{
	*m = (struct made){ .n = 0 };
	put_head(m, 0, 1);
	put(m, 0, 6);
	put(m, 0, 4);
	put_head(m, n, n + 1);
	for (unsigned i = 0; i < n; i++)
		put(m, (uint64_t)at[i], 8);
	for (unsigned i = 0; i < n; i++)
		put(m, i + 1, 1);
	put(m, 3600, 4); /* before all of them */
	put(m, 0, 2);
	for (unsigned i = 0; i < n; i++) {
		put(m, (uint32_t)offsets[i], 4);
		put(m, 0, 2);
	}
	put(m, 0, 4);
	return rv_str_n(m->b, m->n);
}

static int64_t at(const char *text)
{
	int64_t ns = 0;
	CHECK(rv_time_parse(rv_str_of(text), &ns));
	return ns / RV_NS_PER_S;
}

static const char *day_start(const struct rv_zone *z, const char *day, char buf[RV_TIME_SIZE])
{
	return rv_time_format(rv_zone_day(z, at(day) / 86400) * RV_NS_PER_S, buf);
}

TEST(days_of_23_and_25_hours)
{
	RV_AUTO_ARENA a;
	struct made m;
	struct rv_zone z;
	char buf[RV_TIME_SIZE];
	/* As in central Europe in 2026: clocks go on at 02:00 and back at 03:00. */
	const int64_t times[] = { at("2026-03-29T01:00:00Z"), at("2026-10-25T01:00:00Z") };
	const int32_t offsets[] = { 7200, 3600 };
	static const struct {
		const char *day, *want;
	} cases[] = {
		{ "2026-03-29T00:00:00Z", "2026-03-28T23:00:00.000000Z" },
		{ "2026-03-30T00:00:00Z", "2026-03-29T22:00:00.000000Z" },
		{ "2026-10-25T00:00:00Z", "2026-10-24T22:00:00.000000Z" },
		{ "2026-10-26T00:00:00Z", "2026-10-25T23:00:00.000000Z" },
	};
	rv_arena_init(&a, 1 << 20);
	REQUIRE(rv_zone_parse(&a, make(&m, times, offsets, 2), &z, NULL) == RV_OK);
	for (size_t i = 0; i < RV_COUNT(cases); i++)
		CHECKF(strcmp(day_start(&z, cases[i].day, buf), cases[i].want) == 0, "%s: %s",
			cases[i].day, buf);
	CHECK(rv_zone_offset(&z, times[0] - 1) == 3600);
	CHECK(rv_zone_offset(&z, times[0]) == 7200);
	CHECK(rv_zone_offset(&z, INT64_MAX) == 3600);
	CHECK(rv_zone_offset(&z, INT64_MIN) == 3600);
}

TEST(a_midnight_that_is_never_shown_and_one_shown_twice)
{
	RV_AUTO_ARENA a;
	struct made m;
	struct rv_zone z;
	char buf[RV_TIME_SIZE];
	/* +1h at local midnight: 23:59:59 -> 01:00. Back at local midnight: 00:00 -> 23:00. */
	const int64_t times[] = { at("2026-05-09T23:00:00Z"), at("2026-09-09T22:00:00Z") };
	const int32_t offsets[] = { 7200, 3600 };
	rv_arena_init(&a, 1 << 20);
	REQUIRE(rv_zone_parse(&a, make(&m, times, offsets, 2), &z, NULL) == RV_OK);
	CHECKF(strcmp(day_start(&z, "2026-05-10T00:00:00Z", buf), "2026-05-09T23:00:00.000000Z") ==
			0,
		"%s", buf);
	CHECKF(strcmp(day_start(&z, "2026-09-10T00:00:00Z", buf), "2026-09-09T23:00:00.000000Z") ==
			0,
		"%s", buf);
}

TEST(what_is_no_file_is_refused)
{
	RV_AUTO_ARENA a;
	struct made m;
	struct rv_zone z;
	const int64_t times[] = { 100, 200 }, twisted[] = { 200, 100 };
	const int32_t offsets[] = { 7200, 3600 }, wild[] = { 7200, 400000 };
	rv_arena_init(&a, 1 << 22);
	struct rv_str good = make(&m, times, offsets, 2);
	for (size_t n = 0; n < good.n - 4; n++) /* behind lies only the name */
		CHECKF(rv_zone_parse(&a, rv_str_n(good.p, n), &z, NULL) == RV_ECORRUPT, "%zu bytes",
			n);
	CHECK(rv_zone_parse(&a, make(&m, twisted, offsets, 2), &z, NULL) == RV_ECORRUPT);
	CHECK(rv_zone_parse(&a, make(&m, times, wild, 2), &z, NULL) == RV_ECORRUPT);
}

TEST(names_lead_nowhere_else)
{
	static const char *const bad[] = { "", "/etc/passwd", "../../../etc/passwd",
		"Europe/../UTC", "Nowhere/Land", "Europe/Ber lin", "Europe" };
	RV_AUTO_ARENA a;
	struct rv_zone z;
	struct rv_err err;
	rv_arena_init(&a, 1 << 22);
	for (size_t i = 0; i < RV_COUNT(bad); i++) {
		err = (struct rv_err){ 0 };
		CHECKF(rv_zone_load(&a, rv_str_of(bad[i]), &z, &err) == RV_EINVAL, "'%s'", bad[i]);
		CHECK(strstr(err.msg, "time zone") != NULL);
	}
	CHECK(rv_zone_load(&a, RV_STR("Europe/Berlin"), &z, &err) == RV_OK);
	CHECK(rv_zone_offset(&z, at("2026-07-01T00:00:00Z")) == 7200);
}

MAIN()
