#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name, *doc;
	int http, exit_status;
} codes[RV_CODE_COUNT] = {
#define X(name, http, exit_status, doc) [name] = { #name, doc, http, exit_status },
#include "base/codes.def"
#undef X
};

static void err_vset(struct rv_err *err, enum rv_code code, const char *where, uint32_t line,
	uint32_t col, const char *fmt, va_list ap)
{
	if (!err || err->code != RV_OK)
		return;
	err->code = code;
	err->line = line;
	err->col = col;
	snprintf(err->where, sizeof err->where, "%s", where ? where : "");
	vsnprintf(err->msg, sizeof err->msg, fmt, ap);
}

enum rv_code rv_err_set(struct rv_err *err, enum rv_code code, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	err_vset(err, code, NULL, 0, 0, fmt, ap);
	va_end(ap);
	return code;
}

enum rv_code rv_err_set_at(struct rv_err *err, enum rv_code code, const char *where, uint32_t line,
	uint32_t col, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	err_vset(err, code, where, line, col, fmt, ap);
	va_end(ap);
	return code;
}

void rv_err_prefix(struct rv_err *err, const char *fmt, ...)
{
	if (!err || err->code == RV_OK)
		return;
	char old[sizeof err->msg];
	memcpy(old, err->msg, sizeof old);
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(err->msg, sizeof err->msg, fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < sizeof err->msg - 1)
		snprintf(err->msg + n, sizeof err->msg - (size_t)n, "%s", old);
}

void rv_err_where(struct rv_err *err, const char *where)
{
	if (err && err->code != RV_OK && err->where[0] == '\0')
		snprintf(err->where, sizeof err->where, "%s", where);
}

void rv_err_clear(struct rv_err *err)
{
	if (err)
		*err = (struct rv_err){ .code = RV_OK };
}

const char *rv_err_text(const struct rv_err *err, char *buf, size_t size_bytes)
{
	if (err->line != 0)
		snprintf(buf, size_bytes, "%s%s%u:%u: %s", err->where, err->where[0] ? ":" : "",
			err->line, err->col, err->msg);
	else
		snprintf(
			buf, size_bytes, "%s%s%s", err->where, err->where[0] ? ": " : "", err->msg);
	return buf;
}

const char *rv_code_name(enum rv_code code)
{
	return code < RV_CODE_COUNT ? codes[code].name : "?";
}

const char *rv_code_doc(enum rv_code code)
{
	return code < RV_CODE_COUNT ? codes[code].doc : "?";
}

int rv_code_http(enum rv_code code)
{
	return code < RV_CODE_COUNT ? codes[code].http : 500;
}

int rv_code_exit(enum rv_code code)
{
	return code < RV_CODE_COUNT ? codes[code].exit_status : 70;
}

void rv_assert_failed(const char *what, const char *file, int line)
{
	fprintf(stderr, "reeve: assertion failed: %s (%s:%d)\n", what, file, line);
	abort();
}
