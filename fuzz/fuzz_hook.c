#include "points/hook/hook.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Any event of any host, and any shell line: read, bounded, and never without a word. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct rv_hook_command cmds[RV_HOOK_ACTS_MAX];
	static struct rv_hook_act acts[RV_HOOK_ACTS_MAX];
	RV_AUTO_ARENA a = { 0 };
	struct rv_hook_event e;
	struct rv_err err = { 0 };
	size_t n_found;
	if (n < 1)
		return 0;
	rv_arena_init(&a, 64 << 20);
	if (data[0] == 's') {
		if (rv_hook_shell(&a, rv_str_n(data + 1, n - 1), cmds, &n_found, &err) == RV_OK)
			for (size_t i = 0; i < n_found; i++)
				rv_assert(cmds[i].program.n == 0 || cmds[i].n_words > 0);
		return 0;
	}
	enum rv_hook_host host = RV_HOOK_CLAUDE + data[0] % 5;
	if (rv_hook_event_read(&a, host, rv_str_n(data + 1, n - 1), &e, &err) != RV_OK) {
		rv_assert(err.msg[0]);
		return 0;
	}
	if (rv_hook_acts(&a, &e, acts, &n_found, &err) != RV_OK) {
		rv_assert(err.msg[0]);
		return 0;
	}
	for (size_t i = 0; i < n_found; i++)
		rv_assert(acts[i].id.n > 0 && acts[i].action && acts[i].type);
	return 0;
}
