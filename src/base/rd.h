/* A cursor over bytes from outside: every read is checked, the first short read marks it failed and
 * yields zeros. */
#ifndef RV_BASE_RD_H
#define RV_BASE_RD_H
#include "base/str.h"

struct rv_rd {
	const uint8_t *at, *end;
	bool failed;
};
static inline struct rv_rd rv_rd_of(struct rv_str s)
{
	return (struct rv_rd){ (const uint8_t *)s.p, (const uint8_t *)s.p + s.n, false };
}
static inline size_t rv_rd_left(const struct rv_rd *r)
{
	return (size_t)(r->end - r->at);
}
static inline struct rv_str rv_rd_take(struct rv_rd *r, size_t n)
{
	if (r->failed || rv_rd_left(r) < n) {
		r->failed = true;
		return (struct rv_str){ NULL, 0 };
	}
	struct rv_str s = rv_str_n(r->at, n);
	r->at += n;
	return s;
}
/* Little-endian integers; 0 on failure. */
static inline uint64_t rv_rd_le(struct rv_rd *r, unsigned n_bytes)
{
	struct rv_str s = rv_rd_take(r, n_bytes);
	uint64_t v = 0;
	for (size_t i = s.n; i-- > 0;)
		v = (v << 8) | (uint8_t)s.p[i];
	return v;
}
/* Big-endian. */
static inline uint64_t rv_rd_be(struct rv_rd *r, unsigned n_bytes)
{
	struct rv_str s = rv_rd_take(r, n_bytes);
	uint64_t v = 0;
	for (size_t i = 0; i < s.n; i++)
		v = (v << 8) | (uint8_t)s.p[i];
	return v;
}
#endif
