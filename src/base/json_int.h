/* Inside base/: what the JSON reader and writer share. */
#ifndef RV_BASE_JSON_INT_H
#define RV_BASE_JSON_INT_H
#include <endian.h>
#include <string.h>

#include "base/json.h"
#include "base/str.h"

/* The end of the run of bytes from `at` on that stand in a JSON string as they are: ASCII without
 * controls, quote and backslash. Eight at a time: a byte's top bit is set in the sum of terms when
 * it is below 0x20, equals one of the two, or is not ASCII. A borrow can only spoil the bytes
 * behind one that is set, so the lowest is exact, and it is the one that is looked for (Hacker's
 * Delight, 6-1). */
static inline size_t rv_json_plain_end(struct rv_str s, size_t at)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
	for (uint64_t v; at + sizeof v <= s.n; at += sizeof v) {
		memcpy(&v, s.p + at, sizeof v);
		v = le64toh(v);
		uint64_t quote = v ^ (ones * '"'), slash = v ^ (ones * '\\');
		uint64_t odd = ((v - ones * 0x20) | (quote - ones) | (slash - ones) | v) & tops;
		if (odd)
			return at + (size_t)__builtin_ctzll(odd) / 8;
	}
	while (at < s.n) {
		unsigned char c = (unsigned char)s.p[at];
		if (c < 0x20 || c >= 0x80 || c == '"' || c == '\\')
			break;
		at++;
	}
	return at;
}
/* The first member whose name stands before it already; n: none; SIZE_MAX: no memory. */
size_t rv_json_dup(struct rv_arena *a, const struct rv_json_member *m, size_t n);
#endif
