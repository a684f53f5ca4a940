/* Exact amounts: 64-bit integers in 1/10000 of a unit, never doubles. */
#include <stdio.h>

#include "governance/governance_int.h"

enum { DIGITS = 4, SCALE = 10000 };

bool rv_amount_parse(struct rv_str text, int64_t *ret)
{
	size_t dot = rv_str_find(text, '.', 0);
	struct rv_str whole = text, part = { "", 0 };
	int64_t v, f = 0;
	if (dot != SIZE_MAX) {
		whole = rv_str_sub(text, 0, dot);
		part = rv_str_sub(text, dot + 1, text.n);
		if (part.n == 0 || part.n > DIGITS)
			return false;
	}
	if (whole.n == 0 || whole.p[0] == '-' || (whole.n > 1 && whole.p[0] == '0') ||
		!rv_str_i64(whole, &v) || !rv_mul_ok(v, (int64_t)SCALE, &v))
		return false;
	for (size_t i = 0; i < DIGITS; i++) {
		char c = i < part.n ? part.p[i] : '0';
		if (c < '0' || c > '9')
			return false;
		f = f * 10 + (c - '0');
	}
	if (!rv_add_ok(v, f, &v))
		return false;
	*ret = v;
	return true;
}

const char *rv_amount_format(int64_t amount, unsigned min_digits, char buf[32])
{
	bool minus = amount < 0;
	uint64_t v = minus ? 0 - (uint64_t)amount : (uint64_t)amount;
	int n = snprintf(buf, 32, "%s%llu.%04llu", minus ? "-" : "",
		(unsigned long long)(v / SCALE), (unsigned long long)(v % SCALE));
	unsigned digits = DIGITS;
	while (digits > min_digits && buf[n - 1] == '0') {
		buf[--n] = '\0';
		digits--;
	}
	if (digits == 0)
		buf[--n] = '\0'; /* the point */
	return buf;
}
