/* The program is killed at every place where the database and the log could part, and at any moment
 * under load. Opened again, each change of state has its event exactly once, each event its change,
 * and everything that was answered is there. */
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/gate/lab.h"

static const char POLICY[] = "@approval(\"release-managers\") forbid (principal, action == "
			     "Reeve::Action::\"release\", resource);\n"
			     "permit (principal, action, resource);";

/* What the child tells before it dies: ids of events that it was given in an answer. */
struct word {
	char id[40];
};
enum { WORDS_MAX = 60 };

/* ---- the child ---- */

struct death {
	const char *place; /* NULL: anywhere, the parent's business */
	unsigned left; /* passes until it strikes */
};

static void strike(void *arg, const char *place)
{
	struct death *d = arg;
	if (d->place && strcmp(d->place, place) == 0 && d->left-- == 0)
		kill(getpid(), SIGKILL);
}

static void tell(int fd, const char *id)
{
	struct word w = { "" };
	if (!id[0])
		return;
	snprintf(w.id, sizeof w.id, "%.39s", id);
	if (write(fd, &w, sizeof w) != (ssize_t)sizeof w)
		_exit(2);
}

static void told_answer(int fd, const struct lab_answer *a)
{
	if (a->code != RV_OK)
		return;
	tell(fd, a->id);
	tell(fd, a->intent);
}

static void work_once(struct lab *l, int fd, unsigned round)
{
	char context[160];
	struct lab_answer a;
	struct rv_hold h;
	struct lab_question q = {
		.asker = "gw", .type = "Service", .id = "shop", .context = context
	};
	snprintf(context, sizeof context, "{\"reeve\":{\"act\":true},\"arguments\":{\"n\":%u}}",
		round);
	q.system = "deploy-bot";
	q.action = "release";
	lab_ask(l, &q, &a);
	told_answer(fd, &a);
	if (a.outcome == RV_HOLD &&
		AS(&l->f, "rita", rv_hold_vote, rv_str_of(a.approval), rv_str_of(a.digest), true,
			RV_STR("go"), &h) == RV_OK) {
		lab_ask(l, &q, &a);
		told_answer(fd, &a);
	}
	q.action = "look";
	lab_ask(l, &q, &a); /* straight to the log */
	told_answer(fd, &a);
	snprintf(context, sizeof context,
		"{\"reeve\":{\"act\":true},\"amount\":\"0.%04u\",\"arguments\":{\"n\":%u}}",
		1 + round % 100, round);
	q.system = "ads-bot";
	q.action = "spend";
	lab_ask(l, &q, &a);
	told_answer(fd, &a);
	l->f.job_kind = RV_JOB_STOP;
	if (AS(&l->f, "resi", rv_system_suspend, RV_STR("mail-agent"), RV_STR("x")) == RV_OK)
		(void)AS(&l->f, "gil", rv_system_resume, RV_STR("mail-agent"), RV_STR("y"));
	/* Its records are looked for, its code is of no interest: the child is about to die. */
}

static void child(struct lab *l, int fd, struct death *d)
{
	struct rv_err err = { 0 };
	fixture_reopen(&l->f, true);
	if (rv_gate_new(l->f.gov, l->f.ledger, &l->gate, &err) != RV_OK)
		_exit(3);
	l->f.gov->hook_arg = d;
	l->f.gov->hook = strike;
	for (unsigned round = 0; round < 100000; round++)
		work_once(l, fd, round);
	_exit(4);
}

/* ---- what must hold afterwards ---- */

struct seen {
	struct rv_arena arena;
	const struct rv_json **events;
	size_t n, cap;
};

static bool collect(void *arg, const struct rv_ledger_entry *e)
{
	struct seen *s = arg;
	rv_assert(s->n < s->cap);
	struct rv_str own = rv_arena_str(&s->arena, e->event);
	if (rv_json_parse(&s->arena, own, NULL, &s->events[s->n], NULL) != RV_OK)
		test_fail(__FILE__, __LINE__, "not JSON: %.*s", RV_FMT(own));
	else
		s->n++;
	return true;
}

static struct rv_str get(const struct rv_json *v, const char *name)
{
	const struct rv_json *m = rv_json_get(v, name);
	return rv_json_is(m, RV_JSON_STR) ? m->str : RV_STR("");
}

static size_t count(const struct seen *s, const char *kind, const char *field, struct rv_str value)
{
	size_t n = 0;
	for (size_t i = 0; i < s->n; i++)
		n += rv_str_eqz(get(s->events[i], "kind"), kind) &&
			rv_str_eq(get(s->events[i], field), value);
	return n;
}

static size_t count_kind(const struct seen *s, const char *kind)
{
	size_t n = 0;
	for (size_t i = 0; i < s->n; i++)
		n += rv_str_eqz(get(s->events[i], "kind"), kind);
	return n;
}

static void check_ids(const struct seen *s)
{
	for (size_t i = 0; i < s->n; i++)
		for (size_t k = 0; k < i; k++)
			if (rv_str_eq(get(s->events[i], "id"), get(s->events[k], "id")))
				test_fail(__FILE__, __LINE__, "event %.*s is there twice",
					RV_FMT(get(s->events[i], "id")));
}

static void check_approvals(struct lab *l, const struct seen *s)
{
	struct rv_db_approval *rows;
	struct rv_db_vote *votes;
	size_t n, n_votes, consumed = 0;
	struct rv_op *op = as(&l->f, NULL);
	enum rv_code code = rv_db_approval_list(op->txn, op->arena, RV_Q_ALL, &rows, &n, &l->f.err);
	if (code == RV_OK)
		code = rv_db_vote_list(op->txn, op->arena, RV_Q_ALL, &votes, &n_votes, &l->f.err);
	CHECK_OK(&l->f, end(&l->f, code));
	if (code != RV_OK)
		return;
	for (size_t i = 0; i < n; i++) {
		struct rv_str id = rows[i].id;
		bool is_used = rv_str_eqz(rows[i].state, "consumed");
		bool is_approved = is_used || rv_str_eqz(rows[i].state, "approved");
		CHECK(count(s, "approval.opened", "approval", id) == 1);
		CHECKF(count(s, "approval.approved", "approval", id) == is_approved, "%.*s is %.*s",
			RV_FMT(id), RV_FMT(rows[i].state));
		CHECK(count(s, "approval.consumed", "approval", id) == is_used);
		CHECK(count(s, "intent", "approval", id) == is_used);
		/* The decision that opened it is in the log, and says so. */
		CHECK(count(s, "decision", "id", rows[i].decision_event) == 1);
		consumed += is_used;
	}
	CHECK(count_kind(s, "approval.opened") == n);
	CHECK(count_kind(s, "approval.voted") == n_votes);
	CHECK(count_kind(s, "approval.consumed") == consumed);
}

/* Every reservation has its intent, every intent of money its reservation, and the meter is their
 * sum. */
static void check_meters(struct lab *l, const struct seen *s)
{
	struct rv_db_reservation *rows;
	struct rv_db_meter *meters;
	size_t n, n_meters;
	int64_t sum = 0, used = 0;
	struct rv_op *op = as(&l->f, NULL);
	enum rv_code code =
		rv_db_reservation_list(op->txn, op->arena, RV_Q_ALL, &rows, &n, &l->f.err);
	if (code == RV_OK)
		code = rv_db_meter_list(
			op->txn, op->arena, RV_Q_ALL, &meters, &n_meters, &l->f.err);
	CHECK_OK(&l->f, end(&l->f, code));
	if (code != RV_OK)
		return;
	for (size_t i = 0; i < n; i++) {
		CHECK(count(s, "intent", "id", rows[i].id) == 1);
		sum += rows[i].amount;
	}
	for (size_t i = 0; i < n_meters; i++)
		used += meters[i].used;
	CHECKF(used == sum, "the meters say %lld, the reservations %lld", (long long)used,
		(long long)sum);
	CHECK(count(s, "intent", "action", RV_STR("spend")) == n);
}

static void check_life(struct lab *l, const struct seen *s)
{
	struct rv_db_system row;
	CHECK_OK(&l->f, AS(&l->f, "gus", rv_system_get, RV_STR("mail-agent"), &row, NULL));
	size_t stops = count(s, "lifecycle.suspended", "system", RV_STR("mail-agent"));
	size_t starts = count(s, "lifecycle.resumed", "system", RV_STR("mail-agent"));
	bool is_stopped = rv_str_eqz(row.state, "suspended");
	CHECKF(stops == starts + is_stopped, "%zu stops, %zu starts, and it is %.*s", stops, starts,
		RV_FMT(row.state));
}

static void check_word(const struct word *w, const struct seen *s)
{
	size_t n = 0;
	for (size_t i = 0; i < s->n; i++)
		n += rv_str_eqz(get(s->events[i], "id"), w->id);
	CHECKF(n == 1, "%s was answered and is there %zu times", w->id, n);
}

/* Those that were heard before it was killed, and those still on their way. */
static void check_told(
	int fd, const struct word *heard, unsigned n_heard, const struct seen *s, unsigned *ret_n)
{
	struct word w;
	for (unsigned i = 0; i < n_heard; i++)
		check_word(&heard[i], s);
	*ret_n += n_heard;
	for (; read(fd, &w, sizeof w) == (ssize_t)sizeof w; ++*ret_n)
		check_word(&w, s);
}

static void check_all(
	struct lab *l, int fd, const struct word *heard, unsigned n_heard, unsigned *ret_told)
{
	struct seen s = { .cap = 200000 };
	struct rv_err err = { 0 };
	const struct rv_ledger_query all = { .limit = SIZE_MAX };
	rv_arena_init(&s.arena, (size_t)1 << 30);
	s.events = calloc(s.cap, sizeof *s.events);
	rv_assert(s.events);
	fixture_reopen(&l->f, true);
	REQUIRE_OK(rv_ledger_search(l->f.ledger, &all, collect, &s, NULL, &err), &err);
	check_ids(&s);
	check_approvals(l, &s);
	check_meters(l, &s);
	check_life(l, &s);
	check_told(fd, heard, n_heard, &s, ret_told);
	free(s.events);
	rv_arena_done(&s.arena);
}

/* ---- one death ---- */

/* place NULL: killed from outside as soon as it has told of so many answers. */
static void die_once(struct lab *base, const char *place, unsigned passes, unsigned *ret_told)
{
	struct lab l = { .gate = NULL };
	struct death d = { place, passes };
	struct word heard[WORDS_MAX];
	unsigned n_heard = 0;
	int fds[2], status;
	rv_assert(pipe(fds) == 0 && passes <= WORDS_MAX);
	fixture_copy(&l.f, &base->f);
	pid_t pid = fork();
	rv_assert(pid >= 0);
	if (pid == 0) {
		close(fds[0]);
		child(&l, fds[1], &d);
	}
	close(fds[1]);
	if (!place) {
		while (n_heard < passes &&
			read(fds[0], &heard[n_heard], sizeof *heard) == (ssize_t)sizeof *heard)
			n_heard++;
		kill(pid, SIGKILL);
	}
	rv_assert(waitpid(pid, &status, 0) == pid);
	CHECKF(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "it ended by itself: %d",
		status);
	check_all(&l, fds[0], heard, n_heard, ret_told);
	close(fds[0]);
	fixture_done(&l.f);
}

static void make_base(struct lab *base)
{
	lab_open(base);
	CHECK_OK(&base->f, lab_publish(base, POLICY));
	rv_control_stop(base->f.gov);
	rv_gate_free(base->gate);
	fixture_close(&base->f);
}

TEST(killed_between_the_database_and_the_log)
{
	static const char *const places[] = { "before-commit", "after-commit", "before-append",
		"after-append" };
	struct lab base = { .gate = NULL };
	unsigned told = 0;
	make_base(&base);
	for (size_t i = 0; i < RV_COUNT(places); i++)
		for (unsigned passes = 0; passes < 9; passes++)
			die_once(&base, places[i], passes, &told);
	CHECKF(told > 36, "only %u answers were looked for", told);
	fixture_done(&base.f);
}

TEST(killed_at_any_moment)
{
	struct lab base = { .gate = NULL };
	unsigned told = 0, seed = 12345;
	make_base(&base);
	for (unsigned i = 0; i < 12; i++) {
		seed = seed * 1103515245u + 12345u;
		die_once(&base, NULL, 1 + (seed >> 8) % WORDS_MAX, &told);
	}
	CHECKF(told >= 12 * 5, "only %u answers were looked for", told);
	fixture_done(&base.f);
}

int main(int argc, char **argv)
{
	int status = test_main(argc, argv);
	lab_end();
	return status;
}
