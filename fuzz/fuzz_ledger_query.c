#include "ledger/ledger.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct rv_ledger_query q;
	struct rv_err err = { 0 };
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 1 << 22);
	if (rv_ledger_query_parse(
		    &a, rv_str_n(data, n), INT64_C(1764000000) * RV_NS_PER_S, &q, &err) != RV_OK) {
		rv_assert(err.msg[0]);
		rv_assert(err.code != RV_EINVAL ||
			(err.line == 1 && err.col >= 1 && err.col <= n + 1));
		return 0;
	}
	rv_assert(q.system.n + q.action.n + q.outcome.n + q.kind.n + q.text.n <= n);
	rv_assert(!q.since_ns || !q.until_ns || q.since_ns < q.until_ns);
	return 0;
}
