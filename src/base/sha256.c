/* SHA-256 (FIPS 180-4) of bytes that are all at hand. Where the processor has the instructions for
 * it they are used directly: a log hashes three short strings an event, and the way through the
 * library's generic interface costs as much as the hashing. Elsewhere the library does it. See
 * docs/adr/0012. */
#include <openssl/evp.h>
#include <pthread.h>

#include "base/enc.h"
#include "base/enc_int.h"

enum { BLOCK = 64 };

/* ---- by the library ---- */

/* EVP_Digest(EVP_sha256()) looks the algorithm up at every call; fetched once it is twice as fast.
 */
static EVP_MD *sha256_md;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t ctx_key;

static void ctx_free(void *p)
{
	EVP_MD_CTX_free(p);
}

static void setup(void)
{
	sha256_md = EVP_MD_fetch(NULL, "SHA256", NULL);
	rv_assert(sha256_md && pthread_key_create(&ctx_key, ctx_free) == 0);
}

const EVP_MD *rv_sha256_md(void)
{
	rv_assert(pthread_once(&once, setup) == 0);
	return sha256_md;
}

void rv_sha256_by_library(const struct rv_str *parts, size_t n_parts, struct rv_sha256 *ret)
{
	static _Thread_local EVP_MD_CTX *c;
	if (!c) {
		(void)rv_sha256_md(); /* makes the key */
		c = EVP_MD_CTX_new();
		rv_assert(c && pthread_setspecific(ctx_key, c) == 0);
	}
	rv_assert(EVP_DigestInit_ex2(c, sha256_md, NULL) == 1);
	for (size_t i = 0; i < n_parts; i++)
		if (parts[i].n > 0)
			rv_assert(EVP_DigestUpdate(c, parts[i].p, parts[i].n) == 1);
	rv_assert(EVP_DigestFinal_ex(c, ret->b, NULL) == 1);
}

/* ---- by instruction ---- */

#ifdef __x86_64__
#include <cpuid.h>
#include <immintrin.h>

#define BY_INSTRUCTION __attribute__((target("sha,ssse3,sse4.1")))

static const uint32_t K[64] = { 0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b,
	0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
	0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6,
	0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d,
	0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
	0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585,
	0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
	0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa,
	0xa4506ceb, 0xbef9a3f7, 0xc67178f2 };

/* The working variables as the instructions want them: a b e f in one, c d g h in the other. */
struct state {
	__m128i abef, cdgh;
};

BY_INSTRUCTION static inline void four_rounds(struct state *s, __m128i w, unsigned t)
{
	__m128i wk = _mm_add_epi32(w, _mm_loadu_si128((const __m128i *)(const void *)&K[t]));
	s->cdgh = _mm_sha256rnds2_epu32(s->cdgh, s->abef, wk);
	s->abef = _mm_sha256rnds2_epu32(s->abef, s->cdgh, _mm_shuffle_epi32(wk, 0x0e));
}

/* The next four words of the schedule from the sixteen before: a the oldest four, d the newest. */
BY_INSTRUCTION static inline __m128i schedule(__m128i a, __m128i b, __m128i c, __m128i d)
{
	__m128i part = _mm_add_epi32(_mm_sha256msg1_epu32(a, b), _mm_alignr_epi8(d, c, 4));
	return _mm_sha256msg2_epu32(part, d);
}

BY_INSTRUCTION static inline __m128i load(const uint8_t *p)
{
	const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
	return _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)p), big_endian);
}

BY_INSTRUCTION static void blocks(struct state *to, const uint8_t *p, size_t n)
{
	struct state s = *to;
	for (; n > 0; n--, p += BLOCK) {
		const struct state before = s;
		__m128i a = load(p), b = load(p + 16), c = load(p + 32), d = load(p + 48);
		for (unsigned t = 0;; t += 16) {
			four_rounds(&s, a, t);
			four_rounds(&s, b, t + 4);
			four_rounds(&s, c, t + 8);
			four_rounds(&s, d, t + 12);
			if (t == 48)
				break;
			a = schedule(a, b, c, d);
			b = schedule(b, c, d, a);
			c = schedule(c, d, a, b);
			d = schedule(d, a, b, c);
		}
		s.abef = _mm_add_epi32(s.abef, before.abef);
		s.cdgh = _mm_add_epi32(s.cdgh, before.cdgh);
	}
	*to = s;
}

BY_INSTRUCTION static void write_out(const struct state *s, struct rv_sha256 *ret)
{
	const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
	__m128i abef = _mm_shuffle_epi32(s->abef, 0x1b), cdgh = _mm_shuffle_epi32(s->cdgh, 0xb1);
	__m128i abcd = _mm_blend_epi16(abef, cdgh, 0xf0), efgh = _mm_alignr_epi8(cdgh, abef, 8);
	_mm_storeu_si128((__m128i *)(void *)ret->b, _mm_shuffle_epi8(abcd, big_endian));
	_mm_storeu_si128((__m128i *)(void *)(ret->b + 16), _mm_shuffle_epi8(efgh, big_endian));
}

BY_INSTRUCTION static void by_instruction(
	const struct rv_str *parts, size_t n_parts, struct rv_sha256 *ret)
{
	struct state s = { _mm_set_epi32(0x6a09e667, (int)0xbb67ae85, 0x510e527f, (int)0x9b05688c),
		_mm_set_epi32(0x3c6ef372, (int)0xa54ff53a, 0x1f83d9ab, 0x5be0cd19) };
	uint8_t rest[2 * BLOCK];
	size_t n = 0; /* bytes in rest, less than a block */
	uint64_t all = 0;
	for (size_t i = 0; i < n_parts; i++) {
		const uint8_t *p = (const uint8_t *)parts[i].p;
		size_t left = parts[i].n;
		all += left;
		if (n > 0 && n + left >= BLOCK) {
			memcpy(rest + n, p, BLOCK - n);
			p += BLOCK - n;
			left -= BLOCK - n;
			blocks(&s, rest, 1);
			n = 0;
		}
		if (n == 0 && left >= BLOCK) {
			blocks(&s, p, left / BLOCK);
			p += left / BLOCK * BLOCK;
			left %= BLOCK;
		}
		if (left > 0)
			memcpy(rest + n, p, left);
		n += left;
	}
	size_t end = n < BLOCK - 8 ? BLOCK : sizeof rest;
	const uint64_t bits = __builtin_bswap64(all * 8);
	rest[n] = 0x80;
	memset(rest + n + 1, 0, end - n - 9);
	memcpy(rest + end - 8, &bits, 8);
	blocks(&s, rest, end / BLOCK);
	write_out(&s, ret);
	explicit_bzero(rest, end); /* it may have been a secret */
}

static bool has_instruction; /* set before main, never again */

__attribute__((constructor)) static void look(void)
{
	unsigned a, b, c, d;
	has_instruction = __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA) &&
		__builtin_cpu_supports("ssse3") && __builtin_cpu_supports("sse4.1");
}
#endif

void rv_sha256_parts(const struct rv_str *parts, size_t n_parts, struct rv_sha256 *ret)
{
#ifdef __x86_64__
	if (has_instruction) {
		by_instruction(parts, n_parts, ret);
		return;
	}
#endif
	rv_sha256_by_library(parts, n_parts, ret);
}
