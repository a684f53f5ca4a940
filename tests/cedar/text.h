/* Case files: cases divided by lines "--- HEAD". */
#ifndef RV_TESTS_CEDAR_TEXT_H
#define RV_TESTS_CEDAR_TEXT_H
#include "base/arena.h"
#include "cedar.h"

static inline cedar_str cs(struct rv_str s)
{
	return (cedar_str){ s.p, s.n };
}
/* Reads tests/cedar/NAME of the source tree. False: it is not there. */
bool text_read(struct rv_arena *a, const char *name, struct rv_str *ret);
/* The same below the shared data's folder. */
bool text_read_shared(struct rv_arena *a, const char *name, struct rv_str *ret);
/* Calls with each file below the shared data's folder whose name ends so; the path, terminated, is
 * relative to it, the arena is cleared behind each. Returns what the calls counted, SIZE_MAX when
 * there is no such folder. */
typedef void text_file_cb(struct rv_str path, struct rv_arena *a, size_t *count);
size_t text_shared_each(const char *ending, text_file_cb *cb);
/* The next case of *rest; what stands before the first one is skipped. */
bool text_case(struct rv_str *rest, struct rv_str *ret_head, struct rv_str *ret_body);
/* The text below the line "NAME:", or behind "NAME: " on the same line, up to the next such line.
 * p == NULL: there is none. */
struct rv_str text_section(struct rv_str body, const char *name);
#endif
