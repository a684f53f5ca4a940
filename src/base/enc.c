#include "base/enc.h"
#include "base/enc_int.h"

#include <errno.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/random.h>

static const char HEX[] = "0123456789abcdef";

void rv_hex_z(const uint8_t *bytes, size_t n, char *out)
{
	for (size_t i = 0; i < n; i++) {
		out[2 * i] = HEX[bytes[i] >> 4];
		out[2 * i + 1] = HEX[bytes[i] & 15];
	}
	out[2 * n] = '\0';
}

void rv_hex_add(struct rv_buf *out, struct rv_str bytes)
{
	for (size_t i = 0; i < bytes.n; i++) {
		rv_buf_addc(out, HEX[(uint8_t)bytes.p[i] >> 4]);
		rv_buf_addc(out, HEX[(uint8_t)bytes.p[i] & 15]);
	}
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if ((c | 32) >= 'a' && (c | 32) <= 'f')
		return (c | 32) - 'a' + 10;
	return -1;
}

bool rv_hex_parse(struct rv_str hex, uint8_t *out, size_t n)
{
	if (hex.n != 2 * n)
		return false;
	for (size_t i = 0; i < n; i++) {
		int hi = hex_digit(hex.p[2 * i]), lo = hex_digit(hex.p[2 * i + 1]);
		if (hi < 0 || lo < 0)
			return false;
		out[i] = (uint8_t)(hi << 4 | lo);
	}
	return true;
}

static const char B64_STD[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char B64_URL[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void b64_add(struct rv_buf *out, struct rv_str s, const char *alphabet, bool pads)
{
	for (size_t i = 0; i < s.n; i += 3) {
		size_t left = s.n - i;
		uint32_t v = (uint32_t)(uint8_t)s.p[i] << 16;
		if (left > 1)
			v |= (uint32_t)(uint8_t)s.p[i + 1] << 8;
		if (left > 2)
			v |= (uint8_t)s.p[i + 2];
		rv_buf_addc(out, alphabet[v >> 18]);
		rv_buf_addc(out, alphabet[v >> 12 & 63]);
		if (left > 1)
			rv_buf_addc(out, alphabet[v >> 6 & 63]);
		if (left > 2)
			rv_buf_addc(out, alphabet[v & 63]);
		for (size_t pad = left; pads && pad < 3; pad++)
			rv_buf_addc(out, '=');
	}
}

void rv_b64_add(struct rv_buf *out, struct rv_str bytes)
{
	b64_add(out, bytes, B64_STD, true);
}

void rv_b64url_add(struct rv_buf *out, struct rv_str bytes)
{
	b64_add(out, bytes, B64_URL, false);
}

static int b64_digit(char c, const char *alphabet)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == alphabet[62])
		return 62;
	return c == alphabet[63] ? 63 : -1;
}

static bool b64_parse(
	struct rv_str t, const char *alphabet, uint8_t *out, size_t cap, size_t *ret_n)
{
	size_t n = 0;
	uint32_t v = 0;
	unsigned bits = 0;
	if (t.n % 4 == 1)
		return false;
	for (size_t i = 0; i < t.n; i++) {
		int d = b64_digit(t.p[i], alphabet);
		if (d < 0)
			return false;
		v = v << 6 | (uint32_t)d;
		bits += 6;
		if (bits < 8)
			continue;
		bits -= 8;
		if (n == cap)
			return false;
		out[n++] = (uint8_t)(v >> bits);
		v &= (1U << bits) - 1;
	}
	if (v != 0) /* bits left over must be zero: one spelling for one value */
		return false;
	*ret_n = n;
	return true;
}

bool rv_b64_parse(struct rv_str t, uint8_t *out, size_t cap, size_t *ret_n)
{
	if (t.n % 4 != 0)
		return false;
	for (int pads = 0; pads < 2 && t.n > 0 && t.p[t.n - 1] == '='; pads++)
		t.n--;
	return b64_parse(t, B64_STD, out, cap, ret_n);
}

bool rv_b64url_parse(struct rv_str t, uint8_t *out, size_t cap, size_t *ret_n)
{
	return b64_parse(t, B64_URL, out, cap, ret_n);
}

void rv_digest_text(struct rv_str bytes, char out[RV_DIGEST_SIZE])
{
	struct rv_sha256 h;
	rv_sha256_of(bytes, &h);
	memcpy(out, "sha256:", 7);
	rv_hex_z(h.b, sizeof h.b, out + 7);
}

struct rv_sha256_ctx {
	EVP_MD_CTX *evp;
};

struct rv_sha256_ctx *rv_sha256_new(void)
{
	struct rv_sha256_ctx *c = malloc(sizeof *c);
	rv_assert(c);
	c->evp = EVP_MD_CTX_new();
	rv_assert(c->evp && EVP_DigestInit_ex2(c->evp, rv_sha256_md(), NULL) == 1);
	return c;
}

void rv_sha256_add(struct rv_sha256_ctx *c, struct rv_str bytes)
{
	if (bytes.n > 0)
		rv_assert(EVP_DigestUpdate(c->evp, bytes.p, bytes.n) == 1);
}

void rv_sha256_end(struct rv_sha256_ctx *c, struct rv_sha256 *ret)
{
	rv_assert(EVP_DigestFinal_ex(c->evp, ret->b, NULL) == 1);
	rv_assert(EVP_DigestInit_ex2(c->evp, rv_sha256_md(), NULL) == 1);
}

void rv_sha256_free(struct rv_sha256_ctx *c)
{
	if (!c)
		return;
	EVP_MD_CTX_free(c->evp);
	free(c);
}

/* ---- randomness ----
 *
 * The kernel's, drawn a page at a time for small wants: a system call for each salt and nonce is
 * dear. What was given out is wiped, and a fork drops the page, so that no byte is used twice. */

enum { RANDOM_SMALL = 64 };
struct random_page {
	uint8_t bytes[4096];
	size_t left;
	unsigned fork_generation;
};
static _Thread_local struct random_page random_page;
static unsigned fork_generation;
static pthread_once_t random_once = PTHREAD_ONCE_INIT;

static void after_fork(void)
{
	__atomic_add_fetch(&fork_generation, 1, __ATOMIC_RELAXED);
}

static void random_setup(void)
{
	rv_assert(pthread_atfork(NULL, NULL, after_fork) == 0);
}

static void random_draw(void *out, size_t n)
{
	char *p = out;
	while (n > 0) {
		ssize_t got = getrandom(p, n, 0);
		if (got < 0 && errno == EINTR)
			continue;
		rv_assert(got > 0);
		p += got;
		n -= (size_t)got;
	}
}

void rv_random(void *out, size_t n)
{
	struct random_page *r = &random_page;
	if (n > RANDOM_SMALL) {
		random_draw(out, n);
		return;
	}
	rv_assert(pthread_once(&random_once, random_setup) == 0);
	unsigned now = __atomic_load_n(&fork_generation, __ATOMIC_RELAXED);
	if (r->left < n || r->fork_generation != now) {
		random_draw(r->bytes, sizeof r->bytes);
		r->left = sizeof r->bytes;
		r->fork_generation = now;
	}
	r->left -= n;
	memcpy(out, r->bytes + r->left, n);
	explicit_bzero(r->bytes + r->left, n);
}
