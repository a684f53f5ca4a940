#include "base/zone.h"

#include <stdio.h>

#include "base/file.h"
#include "base/rd.h"

enum { FILE_MAX = 1 << 20, ENTRIES_MAX = 4096, TYPES_MAX = 256, HEAD = 44, DAY = 86400 };
#define ZONE_DIR "/usr/share/zoneinfo/"

/* The six counts of a header. */
struct head {
	uint32_t isutcnt, isstdcnt, leapcnt, timecnt, typecnt, charcnt;
};

static bool read_head(struct rv_rd *r, struct head *h)
{
	uint32_t *const counts[] = { &h->isutcnt, &h->isstdcnt, &h->leapcnt, &h->timecnt,
		&h->typecnt, &h->charcnt };
	bool is_tz = rv_str_eqz(rv_rd_take(r, 4), "TZif");
	(void)rv_rd_take(r, 16); /* version and what is reserved: failure shows below */
	for (size_t i = 0; i < RV_COUNT(counts); i++)
		*counts[i] = (uint32_t)rv_rd_be(r, 4);
	return is_tz && !r->failed && h->timecnt <= ENTRIES_MAX && h->typecnt >= 1 &&
		h->typecnt <= TYPES_MAX && h->charcnt <= FILE_MAX && h->leapcnt <= ENTRIES_MAX &&
		h->isutcnt <= TYPES_MAX && h->isstdcnt <= TYPES_MAX;
}

static size_t body_bytes(const struct head *h, size_t time_bytes)
{
	return h->timecnt * (time_bytes + 1) + h->typecnt * (size_t)6 + h->charcnt +
		h->leapcnt * (time_bytes + 4) + h->isstdcnt + h->isutcnt;
}

static enum rv_code read_body(struct rv_rd *r, const struct head *h, struct rv_arena *a,
	struct rv_zone *ret, struct rv_err *err)
{
	int32_t types[TYPES_MAX];
	int64_t *at = rv_arena_array(a, h->timecnt + 1, sizeof *at);
	int32_t *offsets = rv_arena_array(a, h->timecnt + 1, sizeof *offsets);
	if (!at || !offsets)
		return RV_FAIL_ARENA(err);
	bool ok = true;
	for (size_t i = 0; i < h->timecnt; i++) {
		at[i] = (int64_t)rv_rd_be(r, 8);
		ok = ok && (i == 0 || at[i] > at[i - 1]);
	}
	struct rv_str index = rv_rd_take(r, h->timecnt);
	for (size_t i = 0; i < h->typecnt; i++) {
		types[i] = (int32_t)rv_rd_be(r, 4);
		(void)rv_rd_take(r, 2); /* summer time and name: not needed; failure shows below */
		ok = ok && types[i] > -2 * DAY && types[i] < 2 * DAY;
	}
	for (size_t i = 0; ok && !r->failed && i < h->timecnt; i++) {
		unsigned char t = (unsigned char)index.p[i];
		ok = t < h->typecnt;
		offsets[i] = ok ? types[t] : 0;
	}
	if (r->failed || !ok)
		return RV_FAIL(err, RV_ECORRUPT, "not a time zone file");
	*ret = (struct rv_zone){ at, offsets, h->timecnt, types[0] };
	return RV_OK;
}

enum rv_code rv_zone_parse(
	struct rv_arena *a, struct rv_str file, struct rv_zone *ret, struct rv_err *err)
{
	struct rv_rd r = rv_rd_of(file);
	struct head h;
	bool has_second = file.n > HEAD && file.p[4] >= '2';
	/* The first half is for readers of 32 bits. */
	if (!has_second || !read_head(&r, &h))
		return RV_FAIL(err, RV_ECORRUPT, "not a time zone file of version 2 or later");
	(void)rv_rd_take(&r, body_bytes(&h, 4)); /* failure shows below */
	if (!read_head(&r, &h))
		return RV_FAIL(err, RV_ECORRUPT, "not a time zone file");
	return read_body(&r, &h, a, ret, err);
}

/* "Area/Place", nothing that leads elsewhere. */
static bool is_name(struct rv_str s)
{
	if (s.n == 0 || s.n > 64 || s.p[0] == '/' || rv_str_find(s, '.', 0) != SIZE_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			    c == '_' || c == '-' || c == '+' || c == '/'))
			return false;
	}
	return true;
}

enum rv_code rv_zone_load(
	struct rv_arena *a, struct rv_str name, struct rv_zone *ret, struct rv_err *err)
{
	char path[128];
	struct rv_str file;
	struct rv_err e = { 0 };
	if (!is_name(name))
		return RV_FAIL(err, RV_EINVAL, "'%.*s' is no time zone such as Europe/Berlin",
			RV_FMT(rv_str_sub(name, 0, name.n < 80 ? name.n : 80)));
	snprintf(path, sizeof path, ZONE_DIR "%.*s", RV_FMT(name));
	if (rv_file_read(a, path, FILE_MAX, &file, &e) != RV_OK)
		return RV_FAIL(
			err, RV_EINVAL, "the system knows no time zone '%.*s'", RV_FMT(name));
	return rv_zone_parse(a, file, ret, err);
}

/* How many changes lie at or before that time. */
static size_t changes_until(const struct rv_zone *z, int64_t unix_s)
{
	size_t low = 0, high = z->n;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (z->at_s[mid] <= unix_s)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

int32_t rv_zone_offset(const struct rv_zone *z, int64_t unix_s)
{
	size_t n = changes_until(z, unix_s);
	return n == 0 ? z->first_s : z->offset_s[n - 1];
}

/* The first moment at which clocks there show that time or a later one. */
int64_t rv_zone_day(const struct rv_zone *z, int64_t day)
{
	int64_t local = day * DAY, begin = local - 2 * DAY;
	for (size_t i = changes_until(z, begin);; i++) {
		int64_t at = local - (i == 0 ? z->first_s : z->offset_s[i - 1]);
		if (i > 0 && z->at_s[i - 1] > begin)
			begin = z->at_s[i - 1];
		if (at < begin)
			at = begin;
		if (i == z->n || at < z->at_s[i])
			return at;
	}
}
