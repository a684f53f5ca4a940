/* A runner, a fake `reeve serve` that can be killed, and workers, each a process of its own, in a
 * fresh folder. Every wait has a deadline; nothing sleeps. */
#ifndef RV_TESTS_POINTS_EXEC_RIG_H
#define RV_TESTS_POINTS_EXEC_RIG_H
#include <sys/types.h>

#include "points/exec/exec.h"
#include "tests/harness.h"

/* What the fake server answers to a question. */
enum rig_mode {
	RIG_ALLOW,
	RIG_HOLD, /* until rig->fake->is_approved; then allows once what has the held digest */
	RIG_DENY,
	RIG_AUDIT, /* denies: audit_unavailable */
	RIG_401,
	RIG_500,
	RIG_GARBAGE,
	RIG_NO_INTENT, /* allow, but no intent */
	RIG_CONTRADICTION, /* decision true, outcome deny */
	RIG_REVERSED, /* decision false, outcome allow */
	RIG_ODD_OUTCOME, /* decision true, outcome "allowed" */
	RIG_EMPTY,
};
enum { RIG_CALLS = 256, RIG_BODY = 8192 };
struct rig_call {
	char path[128], body[RIG_BODY], auth[96], subject[96], request_id[96];
};
/* Shared with the fake server's process, and outliving it. Written by one side at a time. */
struct rig_fake {
	volatile int mode, is_approved, is_denied, n_asks, n_polls, n_outcomes, n_calls;
	volatile int refuse_outcomes; /* 503 for that many; -1: for ever */
	volatile int reject_outcomes; /* 1: 400, 2: 404 */
	volatile int answer_late; /* this many asks are taken, decided, and cut without an answer */
	volatile int n_used; /* of the approval */
	volatile int n_intents;
	char held_digest[80], approval[40], seen_id[96], seen_intent[40];
	struct rig_call calls[RIG_CALLS];
};
struct rig {
	char dir[64], socket[96], serve_url[96], token[96], conf_path[96];
	struct rig_fake *fake;
	pid_t serve, runner;
	int own_runner_log; /* -1: none */
};
struct rig_end {
	int status; /* exit status; -1: killed or late */
	char out[70000], err[16384];
};
struct rig_worker {
	pid_t pid;
	char out_path[128], err_path[128];
};

/* Folder, token files, scripts, fake server and runner. extra: more of the configuration's top
 * level, or NULL. False (and a failed check) when something does not start. */
bool rig_start(struct rig *r, const char *extra);
void rig_stop(struct rig *r);
bool rig_serve_start(struct rig *r);
void rig_serve_kill(struct rig *r); /* -9 */
bool rig_runner_start(struct rig *r);
void rig_runner_signal(struct rig *r, int sig); /* and waits for its end */
/* Waits until *what >= want; false after ten seconds. */
bool rig_wait(const volatile int *what, int want);
/* Waits until a file is there (or is not); false after ten seconds. */
bool rig_wait_file(const char *path, bool is_there);

/* Starts `reeve exec` with the rig's socket and credential (unless o says otherwise). */
void rig_worker_start(struct rig *r, struct rig_worker *w, struct rv_exec_client_opts o);
/* Waits for its end. */
void rig_worker_end(struct rig_worker *w, struct rig_end *ret);
/* Both; the common case: command, one parameter "scene=...", one input or none. */
void rig_exec(struct rig *r, const char *command, const char *param, const char *input,
	int64_t wait_ms, struct rig_end *ret);
/* Writes a file in the rig's folder; path gets its name. */
void rig_file(
	struct rig *r, const char *name, const void *bytes, size_t n, mode_t mode, char path[128]);
/* The n-th call to that path, from 0; NULL. */
const struct rig_call *rig_call(const struct rig *r, const char *path, int n);
int rig_count(const char *text, const char *needle);
int rig_spool_files(const struct rig *r, const char *end);
/* A raw connection to the runner; -1. */
int rig_connect(const struct rig *r);
/* Sends one packet with descriptors and returns the "end" text in buf ("" when it hung up). */
const char *rig_talk(const struct rig *r, const char *text, size_t n, const int *fds, size_t n_fds,
	char *buf, size_t size);
#endif
