#include "bench/mix.h"

#include <stdio.h>

static uint64_t scramble(uint64_t x)
{
	x ^= x >> 30;
	x *= UINT64_C(0xbf58476d1ce4e5b9);
	x ^= x >> 27;
	x *= UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

/* Of n things, the first far more often than the last. */
static unsigned skewed(uint64_t r, unsigned n)
{
	double u = (double)(r >> 11) / (double)(UINT64_C(1) << 53);
	return (unsigned)(u * u * u * n);
}

void mix_of(uint64_t i, struct mix *ret)
{
	static const char *const words[] = { "quota", "window", "freeze", "region", "ledger",
		"ticket", "change", "review", "invoice", "payroll", "customer", "secret", "token",
		"branch", "release", "rollback", "schema", "cluster", "budget", "overnight" };
	uint64_t r = scramble(i + 1), s = scramble(r), t = scramble(s), u = scramble(t);
	*ret = (struct mix){ .system = skewed(r, MIX_SYSTEMS),
		.action = skewed(s, MIX_ACTIONS),
		.resource = skewed(t, MIX_RESOURCES),
		.outcome = u % 100 < 3 ? 2
			: u % 100 < 4  ? 1
				       : 0,
		.trace = { scramble(i / 4 + 77), scramble(i / 4 + 78) },
		.word = words[(u >> 8) % RV_COUNT(words)] };
}

size_t mix_event(uint64_t i, int64_t at_ns, char out[MIX_EVENT])
{
	static const char *const outcomes[] = { "allow", "hold", "deny" };
	static const char *const effects[] = { "read", "write", "delete", "execute" };
	static const char *const types[] = { "db", "service", "repo", "bucket", "queue" };
	struct mix m;
	char time[RV_TIME_SIZE];
	uint64_t a = scramble(i ^ 0xa5a5), b = scramble(a), c = scramble(b), d = scramble(c);
	mix_of(i, &m);
	int n = snprintf(out, MIX_EVENT,
		"{\"id\":\"%08llx-%04llx-7%03llx-8%03llx-%012llx\",\"time\":\"%s\",\"kind\":"
		"\"decision\",\"actor\":{\"type\":\"system\",\"id\":\"worker-%u\"},\"system\":"
		"\"worker-%u\",\"owner\":\"person-%u\",\"action\":\"action-%u\",\"effect\":\"%s\","
		"\"resource\":{\"type\":\"%s\",\"id\":\"team-%u/thing-%u\"},\"outcome\":\"%s\","
		"\"reasons\":[{\"policy\":\"policy-%u\",\"text\":\"within %s rules of the team\"}],"
		"\"policy_version\":%u,\"generation\":%u,\"args_digest\":\"sha256:%016llx%016llx"
		"%016llx%016llx\",\"point\":\"point-%u\",\"trace\":\"%016llx%016llx\",\"evidence\":"
		"\"enforced\"}",
		(unsigned long long)(at_ns / 1000000 >> 16 & 0xffffffff),
		(unsigned long long)(at_ns / 1000000 & 0xffff), (unsigned long long)(a & 0xfff),
		(unsigned long long)(b & 0xfff), (unsigned long long)(c & 0xffffffffffff),
		rv_time_format(at_ns, time), m.system, m.system, m.system % 40, m.action,
		effects[m.action % 4], types[m.resource % 5], m.resource % 50, m.resource,
		outcomes[m.outcome], m.action % 30, m.word, (unsigned)(i / 100000 % 1000),
		(unsigned)(i / 5000 % 100000), (unsigned long long)a, (unsigned long long)b,
		(unsigned long long)c, (unsigned long long)d, m.system % 12,
		(unsigned long long)m.trace[0], (unsigned long long)m.trace[1]);
	rv_assert(n > 0 && n < MIX_EVENT);
	return (size_t)n;
}
