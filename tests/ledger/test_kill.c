/* kill -9: a child appends and tells each acknowledgement through a pipe; the parent kills it at a
 * random moment and opens what is left. RV_TORTURE=1 makes it a thousand rounds. */
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "tests/ledger/lab.h"

enum { ROUNDS = 30, CLIENTS = 64 };

static int told;
static struct rv_ledger *child_log;

struct client {
	uint64_t event;
	uint64_t next;
};

static void send_next(struct client *c);

/* Runs on the ledger thread when the event is durable: only then is it told. */
static void on_done(void *arg, enum rv_code code, uint64_t seq, const struct rv_sha256 *leaf)
{
	struct client *c = arg;
	const uint64_t msg[2] = { c->event, seq };
	if (code != RV_OK || write(told, msg, sizeof msg) != sizeof msg)
		_exit(1);
	send_next(c);
}

static void send_next(struct client *c)
{
	char text[LAB_EVENT];
	c->event = c->next;
	c->next += CLIENTS;
	struct rv_ledger_record r = { .event = rv_str_n(
					      text, lab_event(c->event, text, sizeof text)) };
	if (rv_ledger_submit(child_log, &r, on_done, c, NULL) != RV_OK)
		_exit(1);
}

_Noreturn static void child(struct lab *b, int fd, uint64_t from)
{
	static struct client clients[CLIENTS];
	told = fd;
	if (lab_open(b, NULL) != RV_OK)
		_exit(1);
	child_log = b->l;
	for (uint64_t i = 0; i < CLIENTS; i++) {
		clients[i].next = from + i;
		send_next(&clients[i]);
	}
	for (;;)
		pause();
}

/* Event ids and places that were acknowledged in all rounds. */
struct acks {
	uint64_t (*at)[2];
	size_t n, cap;
};

static bool read_ack(int fd, struct acks *a)
{
	if (a->n == a->cap) {
		a->cap = a->cap ? a->cap * 2 : 4096;
		a->at = realloc(a->at, a->cap * sizeof *a->at);
		rv_assert(a->at);
	}
	/* 16 bytes are less than PIPE_BUF: whole or not at all. */
	ssize_t n = read(fd, a->at[a->n], sizeof a->at[0]);
	a->n += n == (ssize_t)sizeof a->at[0];
	return n == (ssize_t)sizeof a->at[0];
}

static void one_round(struct lab *b, struct acks *a, uint64_t from)
{
	int fds[2], status;
	uint32_t lot;
	rv_assert(pipe(fds) == 0);
	fflush(stdout);
	pid_t pid = fork();
	rv_assert(pid >= 0);
	if (pid == 0) {
		(void)close(fds[0]);
		child(b, fds[1], from);
	}
	(void)close(fds[1]);
	rv_random(&lot, sizeof lot);
	for (uint32_t left = lot % 3000; left > 0 && read_ack(fds[0], a); left--)
		;
	rv_assert(kill(pid, SIGKILL) == 0);
	while (read_ack(fds[0], a))
		;
	(void)close(fds[0]);
	rv_assert(waitpid(pid, &status, 0) == pid);
	CHECK(WIFSIGNALED(status));
}

static void check_all(struct lab *b, const struct acks *a, size_t from)
{
	char want[LAB_EVENT];
	for (size_t i = from; i < a->n; i++) {
		RV_AUTO_ARENA arena;
		struct rv_ledger_entry e;
		struct rv_err err = { 0 };
		rv_arena_init(&arena, 1 << 20);
		if (rv_ledger_read(b->l, &arena, a->at[i][1], &e, &err) != RV_OK) {
			CHECKF(false, "acknowledged event %llu is gone: %s",
				(unsigned long long)a->at[i][0], err.msg);
			return;
		}
		size_t n = lab_event(a->at[i][0], want, sizeof want);
		CHECK(rv_str_eq(e.event, rv_str_n(want, n)));
	}
}

TEST(every_acknowledged_event_survives_kill_9)
{
	const char *torture = getenv("RV_TORTURE");
	int rounds = torture && *torture && strcmp(torture, "0") != 0 ? 1000 : ROUNDS;
	struct lab b;
	struct acks a = { 0 };
	lab_init(&b);
	b.opts.segment_bytes = 200000;
	for (int i = 0; i < rounds; i++) {
		size_t before = a.n;
		struct rv_err err = { 0 };
		one_round(&b, &a, (uint64_t)i * 10000000);
		if (lab_open(&b, &err) != RV_OK) {
			CHECKF(false, "round %d: %s", i, err.msg);
			break;
		}
		check_all(&b, &a, before);
		lab_close(&b);
	}
	lab_must_open(&b);
	check_all(&b, &a, 0);
	struct rv_verify_report rep;
	struct rv_err err = { 0 };
	lab_close(&b);
	REQUIRE_OK(rv_ledger_verify(b.dir, &(struct rv_verify_opts){ .vkey = b.vkey }, &rep, &err),
		&err);
	CHECKF(rep.level == RV_VERIFY_VERIFIED, "%s: %s", rep.problem[0].file, rep.problem[0].text);
	printf("# %d kills, %zu acknowledgements, %llu events\n", rounds, a.n,
		(unsigned long long)rep.size);
	free(a.at);
	lab_done(&b);
}

TEST(two_processes)
{
	struct lab b;
	int status;
	lab_init(&b);
	lab_must_open(&b);
	fflush(stdout);
	pid_t pid = fork();
	rv_assert(pid >= 0);
	if (pid == 0) {
		struct rv_ledger *l;
		struct rv_err err = { 0 };
		_exit(rv_ledger_open(&b.opts, &l, &err) == RV_EBUSY && strstr(err.msg, "in use")
				? 0
				: 1);
	}
	rv_assert(waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	lab_done(&b);
}

MAIN()
