/* What the tests of the log share: a folder of their own, a key, events to append, files to spoil.
 */
#ifndef RV_TESTS_LEDGER_LAB_H
#define RV_TESTS_LEDGER_LAB_H
#include "base/file.h"
#include "ledger/ledger.h"
#include "tests/harness.h"

#define LAB_ORIGIN "reeve.example/test"
struct lab {
	char dir[256];
	struct rv_ledger_key key;
	struct rv_ledger_opts opts;
	struct rv_ledger *l;
	struct rv_clock clock; /* used when opts.clock is set to it */
	char vkey[400];
};
/* A new empty folder, options for a writer. Nothing is opened. */
void lab_init(struct lab *b);
/* Closes, removes the folder. */
void lab_done(struct lab *b);
RV_MUST_USE enum rv_code lab_open(struct lab *b, struct rv_err *err);
void lab_close(struct lab *b);
void lab_must_open(struct lab *b); /* fails the test and aborts when it does not */
/* Event i: its id is lab_id(i), its system bot-(i mod 3), every fifth is denied; of several
 * lengths. */
enum { LAB_EVENT = 512 };
void lab_id(uint64_t i, char ret[40]);
size_t lab_event(uint64_t i, char *out, size_t cap);
/* Appends events [from, from + n), one after another in batches of `batch`. */
RV_MUST_USE enum rv_code lab_append(
	struct lab *b, uint64_t from, size_t n, size_t batch, struct rv_err *err);
/* True when records 0..n-1 are events 0..n-1. */
bool lab_holds(struct lab *b, uint64_t n);
/* Appends the path of a file in the folder. */
const char *lab_path(const struct lab *b, const char *name);
/* Whole file; malloc'ed. */
char *lab_read(const struct lab *b, const char *name, size_t *ret_n);
void lab_write(const struct lab *b, const char *name, const void *p, size_t n);
/* One byte is turned into another. */
void lab_flip(const struct lab *b, const char *name, size_t at);
/* Copies all files of one folder into another. */
void lab_copy(const char *from, const char *to);
void lab_remove(const char *dir);
#define LAB_SEG0 "00000000000000000000.seg"
#endif
