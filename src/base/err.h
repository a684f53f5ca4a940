/* Errors as values: a code for programs, a message and a place for people.
 * Thread-safety: an rv_err belongs to one thread at a time. No function here allocates. */
#ifndef RV_BASE_ERR_H
#define RV_BASE_ERR_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum rv_code {
#define X(name, http, exit_status, doc) name,
#include "base/codes.def"
#undef X
	RV_CODE_COUNT
};

#define RV_MUST_USE __attribute__((warn_unused_result))
#define RV_PRINTF(f, a) __attribute__((format(printf, f, a)))

/* What went wrong. msg: lower case, no newline, names the thing in 'quotes'.
 * where: a file name or field path, "" if it does not apply; line and col count from 1, 0 = unknown
 * (col in bytes). */
struct rv_err {
	enum rv_code code;
	uint32_t line, col;
	char where[160];
	char msg[640];
};

/* Sets *err (may be NULL) unless it holds a failure already; returns code. */
enum rv_code rv_err_set(struct rv_err *err, enum rv_code code, const char *fmt, ...)
	RV_PRINTF(3, 4);
/* The same with a place. where may be NULL. */
enum rv_code rv_err_set_at(struct rv_err *err, enum rv_code code, const char *where, uint32_t line,
	uint32_t col, const char *fmt, ...) RV_PRINTF(6, 7);
/* Puts text in front of the message of a failure; leaves code and place alone. */
void rv_err_prefix(struct rv_err *err, const char *fmt, ...) RV_PRINTF(2, 3);
/* Sets the place of a failure that has none yet; a place already known is kept. */
void rv_err_where(struct rv_err *err, const char *where);
/* Back to "no failure". */
void rv_err_clear(struct rv_err *err);
/* Writes "where:line:col: msg" (parts that are unknown are left out) into buf, always terminated;
 * returns buf. */
const char *rv_err_text(const struct rv_err *err, char *buf, size_t size_bytes);

const char *rv_code_name(enum rv_code code); /* "RV_EINVAL"; "?" if unknown. Static. */
const char *rv_code_doc(enum rv_code code); /* Static. */
int rv_code_http(enum rv_code code);
int rv_code_exit(enum rv_code code);

/* With RV_TRY the only macros that hide a return value or a return. */
#define RV_FAIL(err, code, ...) rv_err_set((err), (code), __VA_ARGS__)
#define RV_FAIL_AT(err, code, where, line, col, ...) \
	rv_err_set_at((err), (code), (where), (line), (col), __VA_ARGS__)
#define RV_TRY(call)                                \
	do {                                        \
		enum rv_code rv_try_code_ = (call); \
		if (rv_try_code_ != RV_OK)          \
			return rv_try_code_;        \
	} while (0)

/* For mistakes of ours; always on. Prints to stderr and aborts. */
#define rv_assert(x) ((x) ? (void)0 : rv_assert_failed(#x, __FILE__, __LINE__))
_Noreturn void rv_assert_failed(const char *what, const char *file, int line);
#endif
