/* When to wait a little before a write, so that more share its sync.
 *
 * Clients that ask again as soon as they are answered fall into two groups: while one batch is
 * being written the others queue up, and each sync serves half of them. If those answered at the
 * end of one write are back before the next one ends, then waiting for them costs less than the
 * sync it saves: the next batch is everybody. If they are not (the disk is quick, or answering is
 * slow), waiting would only leave the disk idle.
 *
 * So: `want` is how many were in play when a write ended. The writer waits for that many, but no
 * longer than a write takes; a wait that was in vain is not repeated for a while. A lone client
 * never waits. */
#include "ledger/ledger_int.h"

enum { REST_BATCHES = 16, SYNC_MAX_MS = 50 };

static bool nearly_all(size_t n, size_t of)
{
	return n >= of - of / 8;
}

void rv_gather_ended(struct rv_gather *g, size_t n, size_t waiting, int64_t took_ns, int64_t now_ns)
{
	bool pays = g->want > 0 ? nearly_all(n, g->want) : nearly_all(waiting, g->answered);
	if (g->rest > 0)
		g->rest--;
	else if (g->want > 0 && !pays)
		g->rest = REST_BATCHES;
	if (took_ns > SYNC_MAX_MS * RV_NS_PER_MS)
		took_ns = SYNC_MAX_MS * RV_NS_PER_MS;
	g->sync_ns += (took_ns - g->sync_ns) / 4;
	g->want = pays && g->rest == 0 && n + waiting > 1 ? n + waiting : 0;
	g->until_ns = now_ns + g->sync_ns;
	g->answered = n;
}
