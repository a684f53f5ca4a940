/* An installation in a folder of its own, with a fake clock. Begin an operation as somebody, do it,
 * end it. Without a ledger all of it runs in the test's own thread. With one it is a job like any
 * other: the control thread waits inside it while the test's thread does what it came for. */
#ifndef RV_TESTS_GOVERNANCE_FIXTURE_H
#define RV_TESTS_GOVERNANCE_FIXTURE_H
#include <pthread.h>

#include "governance/governance_int.h"
#include "ledger/ledger.h"
#include "tests/harness.h"

/* Where the test's thread and the control thread meet. */
struct meeting {
	pthread_mutex_t lock;
	pthread_cond_t moved;
	enum { MEET_NONE, MEET_OPEN, MEET_LEAVING, MEET_OVER } at;
	struct rv_op *op;
	enum rv_code code;
	struct rv_err err;
};

struct fixture {
	char dir[64];
	struct rv_clock clock;
	struct rv_gov *gov;
	struct rv_ledger *ledger; /* NULL unless asked for */
	const struct rv_ledger_io *io; /* of the ledger; NULL: the system's */
	size_t segment_bytes; /* 0: 1 MiB */
	size_t reserve_bytes;
	struct rv_arena arena;
	struct rv_op op;
	bool is_open;
	struct meeting meeting;
	enum rv_job_kind job_kind; /* of the next operation; 0: a change */
	struct rv_err err; /* of the last operation */
	char id[80]; /* of the last item that waits, approval ... */
};
/* with_ledger: also opens the log and starts the control thread. Aborts when it cannot. */
void fixture_open(struct fixture *f, bool with_ledger);
/* A copy of another installation's folder as it lies there; that one must be closed. The copy is
 * closed too: fixture_reopen. What stands in f for the ledger stays. */
void fixture_copy(struct fixture *f, const struct fixture *from);
/* Closes and keeps the folder; fixture_done removes it. */
void fixture_close(struct fixture *f);
void fixture_done(struct fixture *f);
/* Closes and opens again, as after a restart. */
void fixture_reopen(struct fixture *f, bool with_ledger);
/* Begins an operation of a person; NULL: the program itself. */
struct rv_op *as(struct fixture *f, const char *person);
struct rv_op *as_type(struct fixture *f, enum rv_actor_type type, const char *id);
/* Ends it: commits and publishes when code is RV_OK, else takes it back. Returns code. */
enum rv_code end(struct fixture *f, enum rv_code code);
/* One call of the form fn(op, ..., err) as a person. */
#define AS(f, who, fn, ...)                                \
	({                                                 \
		struct rv_op *op_ = as((f), (who));        \
		end((f), fn(op_, __VA_ARGS__, &(f)->err)); \
	})
#define CHECK_OK(f, call)                                                                          \
	do {                                                                                       \
		enum rv_code code_ = (call);                                                       \
		if (code_ != RV_OK)                                                                \
			test_fail(__FILE__, __LINE__, "%s: %s %s (%s:%u)", #call,                  \
				rv_code_name(code_), (f)->err.msg, (f)->err.where, (f)->err.line); \
	} while (0)
#define CHECK_CODE(f, call, want)                                                       \
	do {                                                                            \
		enum rv_code code_ = (call);                                            \
		if (code_ != (want))                                                    \
			test_fail(__FILE__, __LINE__, "%s: got %s, want %s: %s", #call, \
				rv_code_name(code_), rv_code_name(want), (f)->err.msg); \
	} while (0)
/* Applies YAML text as a person; *report may be NULL. */
enum rv_code apply_text(struct fixture *f, const char *person, const char *yaml,
	const struct rv_apply_opts *opts, struct rv_apply_report *report);
/* The first admin "ada", made by the link. */
void make_admin(struct fixture *f);
/* ada, and people with rights: gus (governor, admin), gil (governor), olga (owner, approver), rita
 * and rob (approvers, release-managers), resi (responder), aldo (auditor). Ends bootstrap. */
void make_people(struct fixture *f);
/* An active worker of olga's called deploy-bot; needs make_people. */
void make_worker(struct fixture *f);
/* How many events of a kind wait in the outbox (without ledger they stay there). */
size_t events_of(struct fixture *f, const char *kind);
/* Does any waiting event hold this text? */
bool event_has(struct fixture *f, const char *kind, const char *text);
#endif
