/* One case on its way through the runner of test_cases.c. */
#ifndef RV_TESTS_GATE_CASES_H
#define RV_TESTS_GATE_CASES_H
#include "tests/gate/lab.h"

struct runner {
	struct lab lab;
	struct rv_arena arena;
	const char *file;
	struct rv_str name; /* of the case */
	unsigned line; /* of the step */
	char asker[80];
	char request_id[80];
	struct lab_answer answer;
	bool has_answer; /* the last thing done was a request */
	enum rv_code code; /* of the last do or policy */
	char approval[64], digest[80]; /* of the last answer that had them */
};

/* Fails the test, with the file, the line of the step and the name of the case. */
void cases_fail(struct runner *r, const char *fmt, ...) RV_PRINTF(2, 3);
/* Ends with the case. */
const char *cases_z(struct runner *r, struct rv_str s);
/* The next word of *rest; empty at the end. */
struct rv_str cases_word(struct rv_str *rest);
/* "do: VERB ..." */
void cases_do(struct runner *r, struct rv_str rest);
#endif
