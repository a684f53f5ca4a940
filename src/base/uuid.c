#include "base/uuid.h"

#include "base/enc.h"

/* RFC 9562 method 1: 48 bits of milliseconds, a 12-bit counter that starts at random below its half
 * and counts within the millisecond, 62 random bits. */
struct state {
	uint64_t last_ms;
	uint16_t counter;
};
static _Thread_local struct state tls;

void rv_uuid7(int64_t unix_ns, struct rv_uuid *ret)
{
	struct state *t = &tls;
	uint64_t ms = unix_ns > 0 ? (uint64_t)unix_ns / 1000000 : 0;
	uint8_t random[10];
	rv_random(random, sizeof random);
	if (ms > t->last_ms) {
		t->last_ms = ms;
		t->counter = (uint16_t)((random[8] << 8 | random[9]) & 0x7ff);
	} else if (++t->counter > 0xfff) { /* full: borrow from the next millisecond */
		t->last_ms++;
		t->counter = (uint16_t)((random[8] << 8 | random[9]) & 0x7ff);
	}
	for (unsigned i = 0; i < 6; i++)
		ret->b[i] = (uint8_t)(t->last_ms >> (40 - 8 * i));
	ret->b[6] = (uint8_t)(0x70 | t->counter >> 8);
	ret->b[7] = (uint8_t)t->counter;
	memcpy(ret->b + 8, random, 8);
	ret->b[8] = (uint8_t)(0x80 | (ret->b[8] & 0x3f));
}

const char *rv_uuid_format(const struct rv_uuid *u, char buf[RV_UUID_SIZE])
{
	char hex[33];
	rv_hex_z(u->b, 16, hex);
	size_t to = 0;
	for (size_t i = 0; i < 32; i++) {
		if (i == 8 || i == 12 || i == 16 || i == 20)
			buf[to++] = '-';
		buf[to++] = hex[i];
	}
	buf[to] = '\0';
	return buf;
}

bool rv_uuid_parse(struct rv_str s, struct rv_uuid *ret)
{
	char hex[32];
	size_t n = 0;
	if (s.n != RV_UUID_SIZE - 1)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;
		if (dash != (s.p[i] == '-') || (s.p[i] >= 'A' && s.p[i] <= 'F'))
			return false;
		if (!dash)
			hex[n++] = s.p[i];
	}
	return rv_hex_parse(rv_str_n(hex, sizeof hex), ret->b, sizeof ret->b);
}
