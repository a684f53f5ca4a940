/* Hash of event id -> sequence number for the newest records: two tables, of which the older one is
 * dropped whole when the newer one is full. So at least the last RV_IDS_MAX records are in it. */
#include "ledger/ledger_int.h"

enum { SLOTS = RV_IDS_MAX * 2 };

static void table_done(struct rv_ids_table *t)
{
	free(t->slot);
	*t = (struct rv_ids_table){ 0 };
}

void rv_ids_done(struct rv_ids *t)
{
	table_done(&t->now);
	table_done(&t->before);
}

bool rv_ids_add(struct rv_ids *t, uint64_t hash, uint64_t seq)
{
	if (hash == 0)
		return true;
	if (t->now.n == RV_IDS_MAX) {
		table_done(&t->before);
		t->before = t->now;
		t->now = (struct rv_ids_table){ 0 };
	}
	struct rv_ids_table *now = &t->now;
	if (!now->slot)
		now->slot = calloc(SLOTS, sizeof *now->slot);
	if (!now->slot)
		return false;
	size_t i = hash & (SLOTS - 1);
	while (now->slot[i].hash)
		i = (i + 1) & (SLOTS - 1);
	now->slot[i] = (struct rv_ids_slot){ hash, seq };
	now->n++;
	return true;
}

void rv_ids_expect(const struct rv_ids *t, uint64_t hash)
{
	if (t->now.slot)
		__builtin_prefetch(&t->now.slot[hash & (SLOTS - 1)], 1);
}

/* Along a chain of slots the later record stands later. */
static size_t table_find(
	const struct rv_ids_table *t, uint64_t hash, uint64_t *ret, size_t n, size_t cap)
{
	size_t from = n;
	if (!t->slot)
		return n;
	for (size_t i = hash & (SLOTS - 1); t->slot[i].hash; i = (i + 1) & (SLOTS - 1)) {
		if (t->slot[i].hash != hash)
			continue;
		if (n == cap) { /* keep the newest */
			if (from == cap)
				return n;
			memmove(ret + from, ret + from + 1, (cap - from - 1) * sizeof *ret);
			n--;
		}
		ret[n++] = t->slot[i].seq;
	}
	for (size_t i = from, k = n; i + 1 < k; i++, k--) {
		uint64_t v = ret[i];
		ret[i] = ret[k - 1];
		ret[k - 1] = v;
	}
	return n;
}

size_t rv_ids_find(const struct rv_ids *t, uint64_t hash, uint64_t *ret, size_t cap)
{
	size_t n = table_find(&t->now, hash, ret, 0, cap);
	return table_find(&t->before, hash, ret, n, cap);
}
