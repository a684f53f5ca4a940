#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>

/* Most texts that are put together fit; smaller steps would only copy them about. */
enum { FIRST_BYTES = 1024 };

void rv_buf_init(struct rv_buf *b, size_t max_bytes)
{
	*b = (struct rv_buf){ .max_bytes = max_bytes };
}

void rv_buf_init_on(struct rv_buf *b, void *mem, size_t mem_bytes, size_t max_bytes)
{
	rv_assert(mem_bytes <= max_bytes);
	*b = (struct rv_buf){
		.p = mem, .cap = mem_bytes, .max_bytes = max_bytes, .is_borrowed = true
	};
}

void rv_buf_done(struct rv_buf *b)
{
	if (!b)
		return;
	if (!b->is_borrowed)
		free(b->p);
	*b = (struct rv_buf){ .max_bytes = b->max_bytes };
}

void rv_buf_clear(struct rv_buf *b)
{
	b->n = 0;
	b->failed = false;
}

char *rv_buf_room(struct rv_buf *b, size_t n)
{
	size_t need;
	if (b->failed || !rv_add_ok(b->n, n, &need) || need > b->max_bytes) {
		b->failed = true;
		return NULL;
	}
	if (need > b->cap) {
		size_t cap = b->cap ? b->cap : FIRST_BYTES;
		while (cap < need)
			cap = cap > SIZE_MAX / 2 ? need : cap * 2;
		if (cap > b->max_bytes)
			cap = b->max_bytes;
		char *p = realloc(b->is_borrowed ? NULL : b->p, cap);
		if (!p) {
			b->failed = true;
			return NULL;
		}
		if (b->is_borrowed && b->n > 0)
			memcpy(p, b->p, b->n);
		b->is_borrowed = false;
		b->p = p;
		b->cap = cap;
	}
	return b->p ? b->p + b->n : NULL;
}

void rv_buf_add(struct rv_buf *b, struct rv_str s)
{
	if (s.n == 0)
		return;
	char *p = rv_buf_room(b, s.n);
	if (!p)
		return;
	memcpy(p, s.p, s.n);
	b->n += s.n;
}

void rv_buf_addz(struct rv_buf *b, const char *z)
{
	rv_buf_add(b, rv_str_of(z));
}

void rv_buf_add_u64(struct rv_buf *b, uint64_t v)
{
	char tmp[20];
	size_t i = sizeof tmp;
	do {
		tmp[--i] = (char)('0' + v % 10);
		v /= 10;
	} while (v != 0);
	rv_buf_add(b, rv_str_n(tmp + i, sizeof tmp - i));
}

void rv_buf_add_i64(struct rv_buf *b, int64_t v)
{
	if (v < 0)
		rv_buf_addc(b, '-');
	rv_buf_add_u64(b, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

void rv_buf_printf(struct rv_buf *b, const char *fmt, ...)
{
	va_list ap, again;
	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	/* vsnprintf wants a byte for its NUL, which is not counted as content. */
	char *p = n < 0 ? NULL : rv_buf_room(b, (size_t)n + 1);
	if (p) {
		vsnprintf(p, (size_t)n + 1, fmt, again);
		b->n += (size_t)n;
	}
	va_end(again);
	if (n < 0)
		b->failed = true;
}

enum rv_code rv_buf_ok(const struct rv_buf *b, struct rv_err *err)
{
	if (b->failed)
		return RV_FAIL(err, RV_ELIMIT, "larger than the %zu bytes allowed", b->max_bytes);
	return RV_OK;
}

const char *rv_buf_z(struct rv_buf *b)
{
	if (b->failed)
		return "";
	char *p = rv_buf_room(b, 1);
	if (!p)
		return "";
	*p = '\0';
	return b->p;
}
