/* Slices: pointer and length, may hold NUL, never own their bytes. Pure functions, any thread. */
#ifndef RV_BASE_STR_H
#define RV_BASE_STR_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"

struct rv_str {
	const char *p;
	size_t n;
};

#define RV_STR(lit) ((struct rv_str){ "" lit, sizeof(lit) - 1 })
/* For initialisers of static data. */
#define RV_STR_INIT(lit)                \
	{                               \
		"" lit, sizeof(lit) - 1 \
	}
/* printf: "%.*s", RV_FMT(s). Cut at INT_MAX. */
#define RV_FMT(s) ((s).n > 0x7fffffff ? 0x7fffffff : (int)(s).n), ((s).p ? (s).p : "")

static inline struct rv_str rv_str_of(const char *z)
{
	return (struct rv_str){ z, z ? strlen(z) : 0 };
}

static inline struct rv_str rv_str_n(const void *p, size_t n)
{
	return (struct rv_str){ (const char *)p, n };
}

static inline bool rv_str_eq(struct rv_str a, struct rv_str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool rv_str_eqz(struct rv_str a, const char *z)
{
	return rv_str_eq(a, rv_str_of(z));
}

/* Bytewise order; a prefix sorts first. */
int rv_str_cmp(struct rv_str a, struct rv_str b);
bool rv_str_starts(struct rv_str s, struct rv_str prefix);
bool rv_str_ends(struct rv_str s, struct rv_str suffix);
/* ASCII letters compare without case (header names). */
bool rv_str_ieq(struct rv_str a, struct rv_str b);
/* First place of c at or after from; SIZE_MAX if there is none. */
size_t rv_str_find(struct rv_str s, char c, size_t from);
/* s[from, to), cut at the end. */
struct rv_str rv_str_sub(struct rv_str s, size_t from, size_t to);
/* Without ASCII blanks, tabs, CR and LF at both ends. */
struct rv_str rv_str_trim(struct rv_str s);
/* Takes the text up to sep off *rest, and sep with it; false when nothing is left (*rest.p becomes
 * NULL). */
bool rv_str_split(struct rv_str *rest, char sep, struct rv_str *ret_part);
/* Decimal i64 / u64: whole slice, no blanks, no '+', exact. */
RV_MUST_USE bool rv_str_i64(struct rv_str s, int64_t *ret);
RV_MUST_USE bool rv_str_u64(struct rv_str s, uint64_t *ret);
/* True when the bytes are well-formed UTF-8 (no surrogates, no overlong forms). */
bool rv_str_is_utf8(struct rv_str s);
/* Writes one scalar value (< 0x110000) as UTF-8; returns bytes written, 1..4. */
size_t rv_utf8_put(uint32_t scalar, char out[4]);
/* Reads one scalar of valid or invalid UTF-8; returns its bytes, 0 if malformed or at the end. */
size_t rv_utf8_get(struct rv_str s, size_t at, uint32_t *ret_scalar);
/* A slug: [a-z0-9] first, then [a-z0-9-], at most max bytes, no '-' last. */
bool rv_str_is_slug(struct rv_str s, size_t max_bytes);
/* FNV-1a-like 64-bit hash for tables; seed it per table when keys come from outside. Not for
 * secrets. */
uint64_t rv_str_hash(struct rv_str s, uint64_t seed);
/* Compares secrets in time that depends on the lengths only. */
bool rv_str_eq_secret(struct rv_str a, struct rv_str b);

/* Scope-bound resources. */
static inline void rv_auto_free_(void *p)
{
	free(*(void **)p);
}
static inline void rv_auto_fd_(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd); /* nothing to do about it at scope end */
}
#define RV_AUTO_FREE __attribute__((cleanup(rv_auto_free_)))
#define RV_AUTO_FD __attribute__((cleanup(rv_auto_fd_))) int
/* Hands a pointer over and forgets it. */
#define rv_take(p)                             \
	({                                     \
		__typeof__(p) rv_taken_ = (p); \
		(p) = NULL;                    \
		rv_taken_;                     \
	})
#define RV_COUNT(a) (sizeof(a) / sizeof((a)[0]))
/* Checked arithmetic on untrusted sizes; true when it fits. */
#define rv_add_ok(a, b, ret) (!__builtin_add_overflow((a), (b), (ret)))
#define rv_sub_ok(a, b, ret) (!__builtin_sub_overflow((a), (b), (ret)))
#define rv_mul_ok(a, b, ret) (!__builtin_mul_overflow((a), (b), (ret)))
#endif
