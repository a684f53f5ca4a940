/* CRC-32C (Castagnoli), eight bytes a step. It finds torn and rotten records; against people there
 * is the tree. */
#include "ledger/ledger_int.h"

#include <pthread.h>

static uint32_t table[8][256];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void setup(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;
		for (int k = 0; k < 8; k++)
			c = (c >> 1) ^ (c & 1 ? 0x82f63b78U : 0);
		table[0][i] = c;
	}
	for (uint32_t i = 0; i < 256; i++)
		for (int t = 1; t < 8; t++)
			table[t][i] = (table[t - 1][i] >> 8) ^ table[0][table[t - 1][i] & 0xff];
}

uint32_t rv_crc32c(const void *bytes, size_t n)
{
	const uint8_t *p = bytes;
	uint32_t c = 0xffffffffU;
	rv_assert(pthread_once(&once, setup) == 0);
	for (; n >= 8; n -= 8, p += 8) {
		uint32_t lo, hi;
		memcpy(&lo, p, 4);
		memcpy(&hi, p + 4, 4);
		lo = le32toh(lo) ^ c;
		hi = le32toh(hi);
		c = table[7][lo & 0xff] ^ table[6][lo >> 8 & 0xff] ^ table[5][lo >> 16 & 0xff] ^
			table[4][lo >> 24] ^ table[3][hi & 0xff] ^ table[2][hi >> 8 & 0xff] ^
			table[1][hi >> 16 & 0xff] ^ table[0][hi >> 24];
	}
	for (; n > 0; n--, p++)
		c = (c >> 8) ^ table[0][(c ^ *p) & 0xff];
	return ~c;
}
