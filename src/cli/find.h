/* The commands of `reeve audit` that ask the log. */
#ifndef RV_CLI_FIND_H
#define RV_CLI_FIND_H
#include "cli/cli.h"

enum { RV_FIND_SUBS = 10 };
/* Holds the search index of a data folder against its log, if there is one, and prints a line.
 * Returns status, or that of RV_ECORRUPT when they disagree. */
int rv_find_verify(const char *data, int status);
extern const struct rv_sub rv_find_subs[RV_FIND_SUBS];
#endif
