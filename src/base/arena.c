#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>

/* Blocks double from 4 KiB to 1 MiB. A thing larger than a block gets a block of its own. */
enum { BLOCK_MIN = 4096, BLOCK_MAX = 1 << 20, ALIGN = 16 };

struct rv_arena_block {
	struct rv_arena_block *next;
	size_t size_bytes; /* of the data */
	_Alignas(ALIGN) char data[];
};

void rv_arena_init(struct rv_arena *a, size_t limit_bytes)
{
	*a = (struct rv_arena){ .limit_bytes = limit_bytes };
}

void rv_arena_done(struct rv_arena *a)
{
	if (!a)
		return;
	for (struct rv_arena_block *b = a->blocks, *next; b; b = next) {
		next = b->next;
		free(b);
	}
	*a = (struct rv_arena){ .limit_bytes = a->limit_bytes };
}

void rv_arena_clear(struct rv_arena *a)
{
	struct rv_arena_block *b = a->blocks;
	if (!b)
		return;
	while (b->next) {
		struct rv_arena_block *next = b->next;
		a->used_bytes -= b->size_bytes;
		free(b);
		b = next;
	}
	a->blocks = b;
	a->at = b->data;
	a->end = b->data + b->size_bytes;
}

void rv_arena_reuse(struct rv_arena *a, size_t most_bytes)
{
	size_t taken = a->used_bytes;
	if (!a->blocks || !a->blocks->next || taken > most_bytes) {
		rv_arena_clear(a);
		return;
	}
	size_t limit = a->limit_bytes;
	rv_arena_done(a);
	struct rv_arena_block *b = malloc(sizeof *b + taken);
	if (!b)
		return; /* empty: it grows again when it is asked */
	b->next = NULL;
	b->size_bytes = taken;
	*a = (struct rv_arena){ b->data, b->data + taken, b, taken, limit };
}

static bool arena_grow(struct rv_arena *a, size_t n)
{
	size_t size = a->blocks ? a->blocks->size_bytes * 2 : BLOCK_MIN;
	if (size > BLOCK_MAX)
		size = BLOCK_MAX;
	size_t left = a->limit_bytes - a->used_bytes;
	if (size > left)
		size = left;
	if (size < n)
		size = n;
	if (size > left)
		return false;
	struct rv_arena_block *b = malloc(sizeof *b + size);
	if (!b)
		return false;
	b->next = a->blocks;
	b->size_bytes = size;
	a->blocks = b;
	a->used_bytes += size;
	a->at = b->data;
	a->end = b->data + size;
	return true;
}

void *rv_arena_raw(struct rv_arena *a, size_t n)
{
	if (n > SIZE_MAX / 2)
		return NULL;
	n = n == 0 ? ALIGN : (n + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	if ((size_t)(a->end - a->at) < n && !arena_grow(a, n))
		return NULL;
	void *p = a->at;
	a->at += n;
	return p;
}

void *rv_arena_alloc(struct rv_arena *a, size_t n)
{
	void *p = rv_arena_raw(a, n);
	if (p)
		memset(p, 0, n);
	return p;
}

void *rv_arena_array(struct rv_arena *a, size_t n, size_t size_bytes)
{
	size_t total;
	if (!rv_mul_ok(n, size_bytes, &total))
		return NULL;
	return rv_arena_alloc(a, total);
}

struct rv_str rv_arena_str(struct rv_arena *a, struct rv_str s)
{
	char *p = rv_arena_raw(a, s.n + 1);
	if (!p)
		return (struct rv_str){ NULL, 0 };
	if (s.n > 0)
		memcpy(p, s.p, s.n);
	p[s.n] = '\0';
	return (struct rv_str){ p, s.n };
}

char *rv_arena_printf(struct rv_arena *a, const char *fmt, ...)
{
	va_list ap, again;
	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	char *p = n < 0 ? NULL : rv_arena_raw(a, (size_t)n + 1);
	if (p)
		vsnprintf(p, (size_t)n + 1, fmt, again);
	va_end(again);
	return p;
}
