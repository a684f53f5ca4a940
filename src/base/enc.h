/* Hex and base64, SHA-256, random bytes. Pure or thread-safe throughout. */
#ifndef RV_BASE_ENC_H
#define RV_BASE_ENC_H
#include "base/buf.h"

void rv_hex_add(struct rv_buf *out, struct rv_str bytes);
/* out: 2 * n + 1 bytes, terminated. */
void rv_hex_z(const uint8_t *bytes, size_t n, char *out);
/* Lower or upper case, exactly n bytes. */
RV_MUST_USE bool rv_hex_parse(struct rv_str hex, uint8_t *out, size_t n);
/* Standard alphabet with padding, or URL alphabet without. */
void rv_b64_add(struct rv_buf *out, struct rv_str bytes);
void rv_b64url_add(struct rv_buf *out, struct rv_str bytes);
/* Strict: right alphabet, canonical trailing bits, padding exactly as written by the adders. cap:
 * size of out. False: malformed or too long. */
RV_MUST_USE bool rv_b64_parse(struct rv_str text, uint8_t *out, size_t cap, size_t *ret_n);
RV_MUST_USE bool rv_b64url_parse(struct rv_str text, uint8_t *out, size_t cap, size_t *ret_n);

struct rv_sha256 {
	uint8_t b[32];
};
/* Of the parts one after another. No allocation after a thread's first call. */
void rv_sha256_parts(const struct rv_str *parts, size_t n_parts, struct rv_sha256 *ret);
static inline void rv_sha256_of(struct rv_str bytes, struct rv_sha256 *ret)
{
	rv_sha256_parts(&bytes, 1, ret);
}
static inline bool rv_sha256_eq(const struct rv_sha256 *a, const struct rv_sha256 *b)
{
	return memcmp(a->b, b->b, 32) == 0;
}
/* "sha256:" and 64 hex digits, terminated. */
enum { RV_DIGEST_SIZE = 7 + 64 + 1 };
void rv_digest_text(struct rv_str bytes, char out[RV_DIGEST_SIZE]);
/* Streaming. */
struct rv_sha256_ctx;
struct rv_sha256_ctx *rv_sha256_new(void);
void rv_sha256_add(struct rv_sha256_ctx *c, struct rv_str bytes);
/* Yields the digest and starts anew. */
void rv_sha256_end(struct rv_sha256_ctx *c, struct rv_sha256 *ret);
void rv_sha256_free(struct rv_sha256_ctx *c);

/* CRC-32C (Castagnoli): against rot and torn writes, not against people. */
uint32_t rv_crc32c(const void *bytes, size_t n);

/* From the kernel; aborts if it cannot (there is no safe way on). */
void rv_random(void *out, size_t n);
#endif
