/* Growable byte buffer with a maximum. A failed append is sticky: check once, at the end, with
 * rv_buf_ok. One thread. */
#ifndef RV_BASE_BUF_H
#define RV_BASE_BUF_H
#include "base/str.h"

struct rv_buf {
	char *p;
	size_t n, cap, max_bytes;
	bool failed; /* something did not fit or memory ran out; contents are incomplete */
	bool is_borrowed; /* p is memory of the caller's, not to be freed */
};

void rv_buf_init(struct rv_buf *b, size_t max_bytes);
/* Begins in memory of the caller's (on the stack, mostly), which outlives b; what does not fit
 * there moves to the heap. mem_bytes <= max_bytes. */
void rv_buf_init_on(struct rv_buf *b, void *mem, size_t mem_bytes, size_t max_bytes);
void rv_buf_done(struct rv_buf *b); /* frees; NULL and zeroed are fine */
void rv_buf_clear(struct rv_buf *b); /* empties, keeps the memory, clears failed */
void rv_buf_add(struct rv_buf *b, struct rv_str s);
void rv_buf_addz(struct rv_buf *b, const char *z);
void rv_buf_add_i64(struct rv_buf *b, int64_t v);
void rv_buf_add_u64(struct rv_buf *b, uint64_t v);
void rv_buf_printf(struct rv_buf *b, const char *fmt, ...) RV_PRINTF(2, 3);
/* Room for n more bytes to be written at p + n by the caller, who then adds to n; NULL if it does
 * not fit. */
char *rv_buf_room(struct rv_buf *b, size_t n);
static inline void rv_buf_addc(struct rv_buf *b, char c)
{
	char *p = b->n < b->cap && !b->failed ? b->p + b->n : rv_buf_room(b, 1);
	if (!p)
		return;
	*p = c;
	b->n++;
}
/* RV_OK, or RV_ELIMIT when something did not fit. */
RV_MUST_USE enum rv_code rv_buf_ok(const struct rv_buf *b, struct rv_err *err);
static inline struct rv_str rv_buf_str(const struct rv_buf *b)
{
	return (struct rv_str){ b->p, b->n };
}
/* NUL-terminated contents; "" when empty or failed. Valid until the next change. */
const char *rv_buf_z(struct rv_buf *b);

static inline void rv_auto_buf_(struct rv_buf *b)
{
	rv_buf_done(b);
}
#define RV_AUTO_BUF __attribute__((cleanup(rv_auto_buf_))) struct rv_buf
#endif
