/* A disk that fails on demand, fills up, and forgets what was not synced when the power goes. */
#ifndef RV_TESTS_LEDGER_SHIM_H
#define RV_TESTS_LEDGER_SHIM_H
#include <pthread.h>

#include "ledger/ledger.h"

struct shim_undo;
struct shim {
	struct rv_ledger_io io;
	pthread_mutex_t mu;
	pthread_cond_t changed; /* after every call */
	uint64_t calls;
	uint64_t fail_from, fail_n; /* calls [fail_from, fail_from + fail_n) fail; from 1 */
	int fail_errno;
	bool is_short; /* a failing pwrite writes half first */
	bool is_hanging; /* calls wait until this is false again */
	uint64_t hang_at; /* the number of the call that sets is_hanging; 0: none */
	bool is_dead; /* everything fails, as after the power went */
	uint64_t room_bytes; /* files may grow by so much in all; UINT64_MAX: no limit */
	uint64_t grown_bytes;
	struct shim_undo *undo; /* newest first */
};
void shim_init(struct shim *s);
void shim_done(struct shim *s);
/* The power goes: from now on every call fails. */
void shim_kill(struct shim *s);
/* What was written and not synced is undone, sector by sector as `lost` decides (0: all is lost;
 * else a seed for which ones). */
void shim_power_loss(struct shim *s, unsigned lost);
/* Waits until pred holds, looking after every call; false: not within 20 s. */
bool shim_wait(struct shim *s, bool (*pred)(void *arg), void *arg);
#endif
