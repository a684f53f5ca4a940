/* Waiting for people: what was asked is what runs, once, however long it takes and whatever
 * restarts meanwhile. */
#include "tests/points/exec_rig.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

static struct rig_end end, other;

static struct rv_exec_client_opts show(const char *const *input, int64_t wait_ms)
{
	return (struct rv_exec_client_opts){
		.command = "cat", .inputs = input, .n_inputs = 1, .wait_ms = wait_ms
	};
}

/* A rig that holds, with a file to show. */
static bool start(struct rig *r, char path[128], char input[160])
{
	if (!rig_start(r, NULL))
		return false;
	r->fake->mode = RIG_HOLD;
	rig_file(r, "shown", "first\n", 6, 0600, path);
	(void)snprintf(input, 160, "file=%s", path);
	return true;
}

TEST(goes_on_when_people_approve)
{
	struct rig r;
	struct rig_worker w;
	char path[128], input[160];
	const char *in = input;
	if (!start(&r, path, input))
		return;
	rig_worker_start(&r, &w, show(&in, 30000));
	CHECK(rig_wait(&r.fake->n_polls, 1));
	CHECK(r.fake->n_intents == 0);
	r.fake->is_approved = 1;
	rig_worker_end(&w, &end);
	CHECKF(end.status == 0, "%d %s", end.status, end.err);
	CHECK_STR(rv_str_of(end.out), "first\n");
	CHECK(strstr(end.err, "waiting for people") && strstr(end.err, "release-managers"));
	CHECK(strstr(end.err, "people first") && strstr(end.err, r.fake->approval));
	const struct rig_call *one = rig_call(&r, "/access", 0), *two = rig_call(&r, "/access", 1);
	REQUIRE(one && two && !rig_call(&r, "/access", 2));
	/* The identical request, but that it names the approval; and a question of its own. */
	const char *cut = strstr(two->body, ",\"approval\":");
	REQUIRE(cut);
	CHECK(strncmp(one->body, two->body, (size_t)(cut - two->body)) == 0);
	CHECK(strstr(two->body, r.fake->approval));
	CHECK(strcmp(one->request_id, two->request_id) != 0);
	const struct rig_call *poll = rig_call(&r, "/v1/approvals/", 0);
	REQUIRE(poll);
	CHECK(strstr(poll->path, "?wait=30") && strstr(poll->auth, "Bearer rvp_"));
	rig_stop(&r);
}

TEST(no_wait_then_again_with_the_approval)
{
	struct rig r;
	struct rig_worker w;
	char path[128], input[160];
	const char *in = input;
	if (!start(&r, path, input))
		return;
	rig_worker_start(&r, &w, show(&in, 0));
	rig_worker_end(&w, &end);
	CHECKF(end.status == RV_EXEC_EXIT_HELD, "%d %s", end.status, end.err);
	CHECK(r.fake->n_polls == 0 && end.out[0] == '\0');
	CHECK(strstr(end.err, r.fake->approval));
	r.fake->is_approved = 1;
	struct rv_exec_client_opts o = show(&in, 0);
	o.approval = r.fake->approval;
	rig_worker_start(&r, &w, o);
	rig_worker_end(&w, &end);
	CHECKF(end.status == 0, "%d %s", end.status, end.err);
	CHECK_STR(rv_str_of(end.out), "first\n");
	/* Once. */
	rig_worker_start(&r, &w, o);
	rig_worker_end(&w, &end);
	CHECKF(end.status == RV_EXEC_EXIT_DENIED, "%d %s", end.status, end.err);
	CHECK(strstr(end.err, "approval_used") && end.out[0] == '\0');
	rig_stop(&r);
}

TEST(time_is_up)
{
	struct rig r;
	struct rig_worker w;
	char path[128], input[160];
	const char *in = input;
	if (!start(&r, path, input))
		return;
	rig_worker_start(&r, &w, show(&in, 700));
	rig_worker_end(&w, &end);
	CHECKF(end.status == RV_EXEC_EXIT_HELD, "%d %s", end.status, end.err);
	CHECK(r.fake->n_intents == 0 && end.out[0] == '\0');
	rig_stop(&r);
}

TEST(people_say_no)
{
	struct rig r;
	struct rig_worker w;
	char path[128], input[160];
	const char *in = input;
	if (!start(&r, path, input))
		return;
	rig_worker_start(&r, &w, show(&in, 30000));
	CHECK(rig_wait(&r.fake->n_polls, 1));
	r.fake->is_denied = 1;
	rig_worker_end(&w, &end);
	CHECKF(end.status == RV_EXEC_EXIT_DENIED, "%d %s", end.status, end.err);
	CHECK(strstr(end.err, "approval_denied") && end.out[0] == '\0');
	rig_stop(&r);
}

TEST(server_killed_during_a_hold)
{
	struct rig r;
	struct rig_worker w;
	char path[128], input[160];
	const char *in = input;
	if (!start(&r, path, input))
		return;
	rig_worker_start(&r, &w, show(&in, 30000));
	CHECK(rig_wait(&r.fake->n_polls, 1));
	rig_serve_kill(&r);
	int before = r.fake->n_polls;
	CHECK(rig_serve_start(&r));
	CHECK(rig_wait(&r.fake->n_polls, before + 1));
	r.fake->is_approved = 1;
	rig_worker_end(&w, &end);
	CHECKF(end.status == 0, "%d %s", end.status, end.err);
	CHECK_STR(rv_str_of(end.out), "first\n");
	CHECK(r.fake->n_used == 1);
	rig_stop(&r);
}

TEST(an_answer_that_was_lost_is_asked_for_with_the_same_id)
{
	struct rig r;
	struct rig_worker w;
	char path[128], input[160];
	const char *in = input;
	if (!start(&r, path, input))
		return;
	r.fake->mode = RIG_ALLOW;
	r.fake->answer_late = 1;
	rig_worker_start(&r, &w, show(&in, 30000));
	CHECK(rig_wait(&r.fake->n_asks, 1));
	rig_serve_kill(&r);
	CHECK(rig_serve_start(&r));
	rig_worker_end(&w, &end);
	CHECKF(end.status == 0, "%d %s", end.status, end.err);
	const struct rig_call *two = rig_call(&r, "/access", 1);
	REQUIRE(two);
	CHECK_STR(rv_str_of(two->request_id), r.fake->seen_id);
	rig_stop(&r);
}

TEST(changes_after_the_file_was_passed_change_nothing)
{
	struct rig r;
	struct rig_worker w;
	char path[128], input[160];
	const char *in = input;
	if (!start(&r, path, input))
		return;
	int writer = open(path, O_WRONLY | O_CLOEXEC);
	rig_worker_start(&r, &w, show(&in, 30000));
	CHECK(rig_wait(&r.fake->n_polls, 1));
	CHECK(pwrite(writer, "SECOND", 6, 0) == 6); /* the same file, in place */
	(void)close(writer);
	rig_file(&r, "shown", "third\n", 6, 0600, path); /* and another one under its name */
	r.fake->is_approved = 1;
	rig_worker_end(&w, &end);
	CHECKF(end.status == 0, "%d %s", end.status, end.err);
	CHECK_STR(rv_str_of(end.out), "first\n");
	rig_stop(&r);
}

TEST(a_swapped_input_does_not_fit_the_approval)
{
	struct rig r;
	struct rig_worker w;
	char path[128], input[160], held[80];
	const char *in = input;
	if (!start(&r, path, input))
		return;
	rig_worker_start(&r, &w, show(&in, 0));
	rig_worker_end(&w, &end);
	CHECK(end.status == RV_EXEC_EXIT_HELD);
	r.fake->is_approved = 1;
	(void)snprintf(held, sizeof held, "%s", r.fake->held_digest);
	rig_file(&r, "shown", "worse\n", 6, 0600, path);
	struct rv_exec_client_opts o = show(&in, 0);
	o.approval = r.fake->approval;
	rig_worker_start(&r, &w, o);
	rig_worker_end(&w, &end);
	CHECKF(end.status == RV_EXEC_EXIT_DENIED, "%d %s", end.status, end.err);
	CHECK(strstr(end.err, "approval_mismatch") && end.out[0] == '\0');
	CHECKF(strstr(end.err, held) && rig_count(end.err, "sha256:") == 2, "%s", end.err);
	CHECK(r.fake->n_intents == 0);
	/* What was approved still can be done. */
	rig_file(&r, "shown", "first\n", 6, 0600, path);
	rig_worker_start(&r, &w, o);
	rig_worker_end(&w, &end);
	CHECK(end.status == 0);
	rig_stop(&r);
}

TEST(a_swapped_program_does_not_fit_the_approval)
{
	struct rig r;
	struct rig_worker w;
	char path[128];
	static const char evil[] = "#!/bin/sh\necho evil\n";
	const char *param = "scene=echo";
	if (!rig_start(&r, NULL))
		return;
	r.fake->mode = RIG_HOLD;
	/* Swapped while it waits: what was sealed runs. */
	rig_worker_start(&r, &w,
		(struct rv_exec_client_opts){
			.command = "scene", .params = &param, .n_params = 1, .wait_ms = 30000 });
	CHECK(rig_wait(&r.fake->n_polls, 1));
	rig_file(&r, "scenes", evil, sizeof evil - 1, 0755, path);
	r.fake->is_approved = 1;
	rig_worker_end(&w, &end);
	CHECKF(end.status == 0, "%d %s", end.status, end.err);
	CHECK_STR(rv_str_of(end.out), "out\n");
	/* Swapped between: another request. */
	r.fake->n_used = 0;
	rig_worker_start(&r, &w,
		(struct rv_exec_client_opts){ .command = "scene",
			.params = &param,
			.n_params = 1,
			.approval = r.fake->approval });
	rig_worker_end(&w, &end);
	CHECKF(end.status == RV_EXEC_EXIT_DENIED, "%d %s", end.status, end.err);
	CHECK(strstr(end.err, "approval_mismatch") && end.out[0] == '\0');
	rig_stop(&r);
}

TEST(two_at_once_use_one_approval_once)
{
	struct rig r;
	struct rig_worker a, b;
	char path[128], input[160];
	const char *in = input;
	if (!start(&r, path, input))
		return;
	rig_worker_start(&r, &a, show(&in, 30000));
	rig_worker_start(&r, &b, show(&in, 30000));
	CHECK(rig_wait(&r.fake->n_polls, 2));
	r.fake->is_approved = 1;
	rig_worker_end(&a, &end);
	rig_worker_end(&b, &other);
	CHECKF((end.status == 0) != (other.status == 0), "%d %d", end.status, other.status);
	CHECK(end.status + other.status == RV_EXEC_EXIT_DENIED);
	CHECK(r.fake->n_used == 1);
	rig_stop(&r);
}

TEST(a_worker_that_left_is_not_acted_for)
{
	struct rig r;
	struct rig_worker w;
	char path[128], input[160];
	const char *in = input;
	if (!start(&r, path, input))
		return;
	rig_worker_start(&r, &w, show(&in, 30000));
	CHECK(rig_wait(&r.fake->n_polls, 1));
	CHECK(kill(w.pid, SIGKILL) == 0);
	rig_worker_end(&w, &end);
	CHECK(end.status == -1);
	r.fake->is_approved = 1;
	rig_runner_signal(&r, SIGTERM); /* waits for requests to end */
	CHECK(r.fake->n_asks == 1 && r.fake->n_used == 0);
	rig_stop(&r);
}

TEST(runner_ending_during_a_hold_says_so)
{
	struct rig r;
	struct rig_worker w;
	char path[128], input[160];
	const char *in = input;
	if (!start(&r, path, input))
		return;
	rig_worker_start(&r, &w, show(&in, 30000));
	CHECK(rig_wait(&r.fake->n_polls, 1));
	rig_runner_signal(&r, SIGTERM);
	rig_worker_end(&w, &end);
	CHECKF(end.status == RV_EXEC_EXIT_UNAVAILABLE, "%d %s", end.status, end.err);
	CHECK(r.fake->n_used == 0 && end.out[0] == '\0');
	rig_stop(&r);
}

TEST(no_audit_during_a_hold_is_waited_out)
{
	struct rig r;
	struct rig_worker w;
	char path[128], input[160];
	const char *in = input;
	if (!start(&r, path, input))
		return;
	rig_worker_start(&r, &w, show(&in, 30000));
	CHECK(rig_wait(&r.fake->n_polls, 1));
	int asks = r.fake->n_asks;
	r.fake->mode = RIG_AUDIT;
	r.fake->is_approved = 1;
	CHECK(rig_wait(&r.fake->n_asks, asks + 2));
	CHECK(r.fake->n_used == 0);
	r.fake->mode = RIG_HOLD;
	rig_worker_end(&w, &end);
	CHECKF(end.status == 0, "%d %s", end.status, end.err);
	CHECK(r.fake->n_used == 1);
	rig_stop(&r);
}

TEST(a_credential_revoked_during_a_hold_ends_it)
{
	struct rig r;
	struct rig_worker w;
	char path[128], input[160];
	const char *in = input;
	if (!start(&r, path, input))
		return;
	rig_worker_start(&r, &w, show(&in, 30000));
	CHECK(rig_wait(&r.fake->n_polls, 1));
	r.fake->mode = RIG_401;
	r.fake->is_approved = 1;
	rig_worker_end(&w, &end);
	CHECKF(end.status == RV_EXEC_EXIT_REFUSED, "%d %s", end.status, end.err);
	CHECK(r.fake->n_used == 0 && end.out[0] == '\0');
	rig_stop(&r);
}

MAIN()
