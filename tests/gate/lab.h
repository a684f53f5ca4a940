/* A small company with a gate in front of it: make_people and make_worker of the governance
 * fixture, and what lab.c adds (systems, points, a catalogue). Asking blocks until the answer is
 * there. */
#ifndef RV_TESTS_GATE_LAB_H
#define RV_TESTS_GATE_LAB_H
#include "gate/gate.h"
#include "tests/governance/fixture.h"

struct lab {
	struct fixture f;
	struct rv_gate *gate;
};
/* A copy of one installation that is made once. with: io and the like of l->f are set before. */
void lab_open(struct lab *l);
void lab_done(struct lab *l);
/* As after a restart of the program. */
void lab_reopen(struct lab *l);
/* Removes the one installation; at the end of main. */
void lab_end(void);

struct lab_answer {
	enum rv_outcome outcome;
	enum rv_code code;
	char msg[640]; /* of the error, when code is not RV_OK */
	char text[8192]; /* context.reeve */
	char id[64], approval[64], intent[64], digest[80]; /* "" when absent */
	char first[128]; /* code of the first reason, else its policy */
};
/* asker: a point's name, "self" for the system itself, or "system:NAME" for another one. props and
 * context: JSON objects or NULL. Any thread; the strings end with the call. */
struct lab_question {
	const char *asker, *system, *action, *type, *id, *props, *context, *request_id, *token;
};
void lab_ask(struct lab *l, const struct lab_question *q, struct lab_answer *ret);
/* Applies as gus, and lets ada approve what waits. Yields the error of the application. */
enum rv_code lab_apply(struct lab *l, const char *yaml);
/* Publishes Cedar text as the file "case". */
enum rv_code lab_publish(struct lab *l, const char *cedar);
/* How many records of the log are of this kind and hold this text ("" for any). */
size_t lab_logged(struct lab *l, const char *kind, const char *text);
#endif
