/* Diagnostics of long-running processes on stderr: one line each, "time level module: text". Only
 * main, cli and the processes' own loops log; library code returns errors. Thread-safe. Never give
 * it secrets. */
#ifndef RV_BASE_LOG_H
#define RV_BASE_LOG_H
#include "base/err.h"

enum rv_log_level { RV_LOG_ERROR, RV_LOG_WARN, RV_LOG_INFO, RV_LOG_DEBUG };
void rv_log_level_set(enum rv_log_level most_verbose);
void rv_log(enum rv_log_level level, const char *module, const char *fmt, ...) RV_PRINTF(3, 4);
#endif
