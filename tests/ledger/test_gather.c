/* The writer's patience, against a model of closed-loop clients: each asks again as soon as it is
 * answered, one after another through one server. */
#include "ledger/ledger_int.h"
#include "tests/harness.h"

enum { CLIENTS_MAX = 128, WRITES = 400 };

struct model {
	int64_t sync_ns, answer_ns; /* a write; one client's way back into the queue */
	size_t clients;
};
struct outcome {
	double per_write; /* records, on average of the last half */
	double rate; /* records a sync time */
	int64_t longest_wait_ns;
};

static size_t arrived(const int64_t *at, size_t n, int64_t now)
{
	size_t k = 0;
	for (size_t i = 0; i < n; i++)
		k += at[i] <= now;
	return k;
}

static int64_t earliest_with(const int64_t *at, size_t n, size_t want)
{
	int64_t best = INT64_MAX;
	for (size_t i = 0; i < n; i++)
		if (at[i] < best && arrived(at, n, at[i]) >= want)
			best = at[i];
	return best;
}

static struct outcome play(const struct model *m)
{
	struct rv_gather g = { 0 };
	struct outcome o = { 0 };
	int64_t at[CLIENTS_MAX], now = 0, half = 0;
	size_t done = 0;
	for (size_t i = 0; i < m->clients; i++)
		at[i] = (int64_t)i * m->answer_ns;
	for (int w = 0; w < WRITES; w++) {
		int64_t start = earliest_with(at, m->clients, 1);
		start = start > now ? start : now;
		if (g.want > 0 && arrived(at, m->clients, now) < g.want) {
			int64_t full = earliest_with(at, m->clients, g.want);
			int64_t until = full < g.until_ns ? full : g.until_ns;
			if (until - now > o.longest_wait_ns)
				o.longest_wait_ns = until - now;
			start = start > until ? start : until;
		}
		int64_t end = start + m->sync_ns, back = end;
		size_t n = 0;
		for (size_t i = 0; i < m->clients; i++) {
			if (at[i] > start)
				continue;
			at[i] = back += m->answer_ns;
			n++;
		}
		rv_gather_ended(&g, n, arrived(at, m->clients, end), m->sync_ns, end);
		now = end;
		done += w >= WRITES / 2 ? n : 0;
		half = w == WRITES / 2 - 1 ? end : half;
	}
	o.per_write = (double)done / (WRITES / 2);
	o.rate = (double)done * (double)m->sync_ns / (double)(now - half);
	return o;
}

TEST(a_slow_disk_is_shared_by_everybody)
{
	/* 64 ways back take 1.28 ms: less than a write. Without waiting 32 would share each. */
	const struct model m = { .sync_ns = 3000000, .answer_ns = 20000, .clients = 64 };
	struct outcome o = play(&m);
	CHECKF(o.per_write > 60, "%.1f records a write", o.per_write);
	CHECKF(o.rate > 0.6 * 64, "%.1f records a sync time", o.rate);
}

TEST(a_quick_disk_is_not_kept_idle)
{
	/* Here the way back is what takes long: waiting gains nothing. */
	const struct model m = { .sync_ns = 200000, .answer_ns = 20000, .clients = 64 };
	struct outcome o = play(&m);
	CHECKF(o.rate > 0.9 * 10, "%.2f records a sync time, 10 come back in one", o.rate);
}

TEST(a_lone_client_never_waits)
{
	const struct model m = { .sync_ns = 3000000, .answer_ns = 20000, .clients = 1 };
	struct outcome o = play(&m);
	CHECK(o.longest_wait_ns == 0);
	CHECKF(o.rate > 0.98, "%.2f", o.rate);
}

TEST(clients_that_leave_cost_one_short_wait)
{
	struct rv_gather g = { 0 };
	rv_gather_ended(&g, 32, 32, 1000000, 0);
	rv_gather_ended(&g, 64, 0, 1000000, 2000000);
	CHECK(g.want == 64 && g.until_ns > 2000000 && g.until_ns <= 3000000);
	rv_gather_ended(&g, 8, 0, 1000000, 4000000); /* most are gone: waited in vain */
	CHECK(g.want == 0);
	for (int i = 0; i < 15; i++) {
		rv_gather_ended(&g, 4, 4, 1000000, 5000000 + i);
		CHECKF(g.want == 0, "batch %d waits again", i);
	}
	rv_gather_ended(&g, 4, 4, 1000000, 6000000);
	CHECK(g.want == 8);
}

TEST(a_disk_that_hangs_does_not_teach_patience)
{
	struct rv_gather g = { 0 };
	for (int i = 0; i < 20; i++)
		rv_gather_ended(&g, 2, 2, INT64_C(10000000000), i);
	CHECKF(g.until_ns - 19 <= 50000000, "%lld", (long long)g.until_ns);
}

MAIN()
