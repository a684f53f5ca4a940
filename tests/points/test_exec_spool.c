/* Outcomes are never lost, and one runner owns a spool. */
#include "tests/points/exec_rig.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct rig_end end;
static const char ID[] = "01930000-0000-7000-8000-00000000000a";

static const char *outcome(const struct rig *r, int n)
{
	const struct rig_call *c = rig_call(r, "/v1/outcomes", n);
	return c ? c->body : "";
}

static bool wait_spool_empty(const struct rig *r)
{
	char path[128];
	(void)snprintf(path, sizeof path, "%s/spool/%s.json", r->dir, r->fake->seen_intent);
	return rig_wait_file(path, false);
}

TEST(kept_until_the_server_takes_it)
{
	struct rig r;
	if (!rig_start(&r, NULL))
		return;
	r.fake->refuse_outcomes = -1;
	rig_exec(&r, "scene", "scene=fail", NULL, 0, &end);
	CHECKF(end.status == 7, "%d %s", end.status, end.err);
	CHECK(strstr(end.err, "not on record yet"));
	CHECK(rig_spool_files(&r, ".json") == 1);
	r.fake->refuse_outcomes = 0;
	CHECK(wait_spool_empty(&r));
	const char *last = outcome(&r, r.fake->n_outcomes - 1);
	CHECKF(strstr(last, "\"status\":\"failed\"") && strstr(last, "\"exit\":7") &&
			strstr(last, r.fake->seen_intent),
		"%s", last);
	rig_stop(&r);
}

TEST(kept_across_a_restart_of_the_runner)
{
	struct rig r;
	if (!rig_start(&r, NULL))
		return;
	r.fake->refuse_outcomes = -1;
	rig_exec(&r, "scene", "scene=echo", NULL, 0, &end);
	CHECK(end.status == 0);
	rig_runner_signal(&r, SIGKILL);
	CHECK(rig_spool_files(&r, ".json") == 1);
	r.fake->refuse_outcomes = 0;
	int before = r.fake->n_outcomes;
	CHECK(rig_runner_start(&r));
	CHECK(wait_spool_empty(&r));
	CHECKF(strstr(outcome(&r, before), "\"status\":\"succeeded\""), "%s", outcome(&r, before));
	rig_stop(&r);
}

TEST(a_runner_killed_while_it_ran_is_reported_as_unknown)
{
	struct rig r;
	struct rig_worker w;
	const char *param = "scene=hang";
	if (!rig_start(&r, NULL))
		return;
	rig_worker_start(&r, &w,
		(struct rv_exec_client_opts){ .command = "slow", .params = &param, .n_params = 1 });
	CHECK(rig_wait(&r.fake->n_intents, 1));
	char path[128];
	(void)snprintf(path, sizeof path, "%s/spool", r.dir);
	for (int i = 0; i < 5000 && rig_spool_files(&r, ".json") == 0; i++)
		(void)usleep(1000); /* for another process to get on */
	CHECK(rig_spool_files(&r, ".json") == 1);
	rig_runner_signal(&r, SIGKILL);
	rig_worker_end(&w, &end);
	CHECKF(end.status == RV_EXEC_EXIT_UNKNOWN || end.status == RV_EXEC_EXIT_UNAVAILABLE,
		"%d %s", end.status, end.err);
	CHECK(rig_runner_start(&r));
	CHECK(wait_spool_empty(&r));
	CHECKF(strstr(outcome(&r, 0), "\"status\":\"unknown\"") &&
			strstr(outcome(&r, 0), r.fake->seen_intent) &&
			!strstr(outcome(&r, 0), "settle"),
		"%s", outcome(&r, 0));
	rig_stop(&r);
}

TEST(what_the_server_never_takes_is_kept_aside)
{
	struct rig r;
	if (!rig_start(&r, NULL))
		return;
	r.fake->reject_outcomes = 1;
	rig_exec(&r, "scene", "scene=echo", NULL, 0, &end);
	CHECK(end.status == 0);
	CHECK(strstr(end.err, "not on record"));
	CHECK(rig_spool_files(&r, ".json") == 0);
	CHECK(rig_spool_files(&r, ".rejected") == 1);
	rig_stop(&r);
}

TEST(an_intent_the_server_does_not_know_yet_is_tried_again)
{
	struct rig r;
	if (!rig_start(&r, NULL))
		return;
	r.fake->reject_outcomes = 2;
	rig_exec(&r, "scene", "scene=echo", NULL, 0, &end);
	CHECK(end.status == 0);
	CHECK(rig_spool_files(&r, ".json") == 1);
	r.fake->reject_outcomes = 0;
	CHECK(wait_spool_empty(&r));
	CHECK(rig_spool_files(&r, ".rejected") == 0);
	rig_stop(&r);
}

TEST(no_note_no_act)
{
	struct rig r;
	char from[128], to[128];
	if (!rig_start(&r, NULL))
		return;
	(void)snprintf(from, sizeof from, "%s/spool", r.dir);
	(void)snprintf(to, sizeof to, "%s/away", r.dir);
	CHECK(rename(from, to) == 0);
	rig_exec(&r, "scene", "scene=echo", NULL, 0, &end);
	CHECKF(end.status == RV_EXEC_EXIT_UNAVAILABLE, "%d %s", end.status, end.err);
	CHECK(end.out[0] == '\0');
	CHECKF(strstr(outcome(&r, 0), "\"started\":false,\"step\":\"spool\""), "%s",
		outcome(&r, 0));
	rig_stop(&r);
}

TEST(damaged_entries_stop_nothing_and_are_kept)
{
	static const struct {
		const char *id, *text;
	} bad[] = {
		{ "01930000-0000-7000-8000-000000000001", "" },
		{ "01930000-0000-7000-8000-000000000002", "{" },
		{ "01930000-0000-7000-8000-000000000003", "{\"v\":1}" },
		{ "01930000-0000-7000-8000-000000000004",
			"{\"report\":{\"intent\":\"01930000-0000-7000-8000-000000000009\"}}" },
	};
	struct rig r;
	char name[96], path[128], entry[256];
	if (!rig_start(&r, NULL))
		return;
	rig_runner_signal(&r, SIGTERM);
	for (size_t i = 0; i < RV_COUNT(bad); i++) {
		(void)snprintf(name, sizeof name, "spool/%s.json", bad[i].id);
		rig_file(&r, name, bad[i].text, strlen(bad[i].text), 0600, path);
	}
	rig_file(&r, "spool/notes.txt", "mine", 4, 0600, path);
	(void)snprintf(entry, sizeof entry,
		"{\"v\":1,\"instance\":\"old\",\"pid\":1,\"running\":true,\"report\":{\"intent\":"
		"\"%s\",\"status\":\"unknown\"}}",
		ID);
	(void)snprintf(name, sizeof name, "spool/%s.json", ID);
	rig_file(&r, name, entry, strlen(entry), 0600, path);
	CHECK(rig_runner_start(&r));
	CHECK(rig_wait_file(path, false));
	CHECK(rig_wait(&r.fake->n_outcomes, 1));
	CHECK(strstr(outcome(&r, 0), ID));
	for (int i = 0; i < 5000 && rig_spool_files(&r, ".rejected") < 4; i++)
		(void)usleep(1000); /* for another process to get on */
	CHECK(rig_spool_files(&r, ".rejected") == 4);
	rig_exec(&r, "scene", "scene=echo", NULL, 0, &end);
	CHECK(end.status == 0);
	rig_stop(&r);
}

/* The exit status of a second runner. */
static int try_runner(struct rig *r)
{
	struct rig two = *r;
	int status = -1;
	CHECK(!rig_runner_start(&two));
	CHECK(waitpid(two.runner, &status, 0) == two.runner);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(what_a_runner_will_not_start_with)
{
	struct rig r;
	char path[128];
	if (!rig_start(&r, NULL))
		return;
	CHECK(try_runner(&r) == rv_code_exit(RV_EBUSY)); /* another one runs */
	rig_exec(&r, "scene", "scene=echo", NULL, 0, &end);
	CHECK(end.status == 0);
	rig_runner_signal(&r, SIGTERM);

	(void)snprintf(path, sizeof path, "%s/spool", r.dir);
	CHECK(chmod(path, 0750) == 0);
	CHECK(try_runner(&r) == rv_code_exit(RV_EPERM));
	CHECK(chmod(path, 0700) == 0);

	(void)snprintf(path, sizeof path, "%s/point.token", r.dir);
	CHECK(chmod(path, 0640) == 0);
	CHECK(try_runner(&r) == rv_code_exit(RV_EPERM));
	CHECK(chmod(path, 0600) == 0);

	(void)snprintf(path, sizeof path, "%s/scenes", r.dir);
	CHECK(chmod(path, 0777) == 0); /* others may change what runs */
	CHECK(try_runner(&r) == rv_code_exit(RV_EPERM));
	CHECK(chmod(path, 04755) == 0); /* another user's rights */
	CHECK(try_runner(&r) == rv_code_exit(RV_EPERM));
	CHECK(chmod(path, 0644) == 0); /* not executable */
	CHECK(try_runner(&r) == rv_code_exit(RV_EPERM));
	CHECK(chmod(path, 0755) == 0);
	CHECK(chmod(r.dir, 0777) == 0); /* or the folder it lies in */
	CHECK(try_runner(&r) == rv_code_exit(RV_EPERM));
	CHECK(chmod(r.dir, 0700) == 0);

	static const char *const scripts[] = { "#!/usr/bin/env sh\n", "#!sh\n", "#!\n", "#!",
		"#! /bin/sh" };
	for (size_t i = 0; i < RV_COUNT(scripts); i++) {
		rig_file(&r, "scenes", scripts[i], strlen(scripts[i]), 0755, path);
		CHECKF(try_runner(&r) == rv_code_exit(RV_EINVAL), "%s", scripts[i]);
	}
	rig_file(&r, "scenes", "#!/bin/sh\n", 10, 0755, path);
	rig_file(&r, "exec.sock", "", 0, 0600, path); /* not a socket: somebody's */
	CHECK(try_runner(&r) == rv_code_exit(RV_EEXIST));
	CHECK(unlink(path) == 0);
	CHECK(rig_runner_start(&r));
	rig_stop(&r);
}

TEST(a_stale_socket_is_taken_over)
{
	struct rig r;
	if (!rig_start(&r, NULL))
		return;
	rig_runner_signal(&r, SIGKILL);
	CHECK(access(r.socket, F_OK) == 0);
	CHECK(rig_runner_start(&r));
	rig_exec(&r, "scene", "scene=echo", NULL, 0, &end);
	CHECK(end.status == 0);
	rig_stop(&r);
}

MAIN()
