/* Arenas: memory for trees and for one request, freed all at once. One thread at a time.
 * Every arena has a limit; passing it yields NULL, which callers turn into RV_ELIMIT. */
#ifndef RV_BASE_ARENA_H
#define RV_BASE_ARENA_H
#include "base/str.h"

struct rv_arena_block;
struct rv_arena {
	char *at, *end; /* free part of the current block */
	struct rv_arena_block *blocks; /* newest first */
	size_t used_bytes; /* taken from the system */
	size_t limit_bytes;
};

/* limit_bytes: most that may be taken from the system. Takes nothing yet. */
void rv_arena_init(struct rv_arena *a, size_t limit_bytes);
/* Frees everything; the arena may be used again afterwards. NULL and zeroed arenas are fine. */
void rv_arena_done(struct rv_arena *a);
/* Forgets the contents but keeps the first block, so that a warm arena calls no malloc. */
void rv_arena_clear(struct rv_arena *a);
/* The same, and keeps room for as much as was taken this time in one block, up to most_bytes: a
 * round like the last one then calls no malloc, whatever it needs. */
void rv_arena_reuse(struct rv_arena *a, size_t most_bytes);
/* 16-byte aligned, zeroed. NULL: limit or memory. */
RV_MUST_USE void *rv_arena_alloc(struct rv_arena *a, size_t n);
/* The same, not zeroed. */
RV_MUST_USE void *rv_arena_raw(struct rv_arena *a, size_t n);
/* n things of size bytes each, zeroed; the product is checked. */
RV_MUST_USE void *rv_arena_array(struct rv_arena *a, size_t n, size_t size_bytes);
/* Copies; NUL-terminated besides. p == NULL in the result: limit or memory. */
struct rv_str rv_arena_str(struct rv_arena *a, struct rv_str s);
/* printf into the arena, NUL-terminated; NULL: limit or memory. */
char *rv_arena_printf(struct rv_arena *a, const char *fmt, ...) RV_PRINTF(2, 3);

/* The usual failure. */
#define RV_FAIL_ARENA(err) \
	RV_FAIL((err), RV_ELIMIT, "needs more memory than this operation may use")

static inline void rv_auto_arena_(struct rv_arena *a)
{
	rv_arena_done(a);
}
#define RV_AUTO_ARENA __attribute__((cleanup(rv_auto_arena_))) struct rv_arena
#endif
