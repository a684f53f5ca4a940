/* The command's life: what it is given, what it cannot leave behind, how it ends. */
#include "tests/points/exec_rig.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/enc.h"

static struct rig_end end;

/* The first process whose file (cmdline, environ) holds text; 0. */
static pid_t find_process(const char *file, const char *text)
{
	static char buf[1 << 17];
	pid_t found = 0;
	DIR *d = opendir("/proc");
	for (struct dirent *e; d && !found && (e = readdir(d));) {
		char path[300];
		int64_t pid;
		if (!rv_str_i64(rv_str_of(e->d_name), &pid) || pid == getpid())
			continue;
		(void)snprintf(path, sizeof path, "/proc/%s/%s", e->d_name, file);
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		ssize_t n = fd < 0 ? 0 : read(fd, buf, sizeof buf);
		if (fd >= 0)
			(void)close(fd);
		if (n > 0 && memmem(buf, (size_t)n, text, strlen(text)))
			found = (pid_t)pid;
	}
	if (d)
		(void)closedir(d);
	return found;
}

/* True when it is so within ten seconds. */
static bool process_is(const char *text, bool is_there)
{
	for (int i = 0; i < 5000; i++) {
		if ((find_process("cmdline", text) != 0) == is_there)
			return true;
		(void)poll(NULL, 0, 2); /* for another process to get on */
	}
	return false;
}

static void play(struct rig *r, const char *scene)
{
	rig_exec(r, "scene", scene, NULL, 0, &end);
}

static const char *last_outcome(const struct rig *r)
{
	const struct rig_call *c = NULL, *next;
	for (int i = 0; (next = rig_call(r, "/v1/outcomes", i)); i++)
		c = next;
	return c ? c->body : "";
}

TEST(nothing_is_inherited)
{
	struct rig r;
	if (!rig_start(&r, NULL))
		return;
	CHECK(setenv("RV_SECRET", "leak", 1) == 0);
	play(&r, "scene=env");
	/* PWD and friends are the shell's own. */
	CHECKF(strstr(end.out, "ONE=1 and more\n") && strstr(end.out, "PATH=/nowhere\n"), "%s",
		end.out);
	CHECK(!strstr(end.out, "LEAK") && !strstr(end.out, "RV_SECRET") &&
		!strstr(end.out, "HOME=") && !strstr(end.out, "USER="));
	play(&r, "scene=fds");
	/* 0..2, the script, and what the shell opens itself for reading the folder and the script.
	 */
	CHECKF(rig_count(end.out, "\n") <= 6 && strstr(end.out, "0\n1\n"), "%s", end.out);
	play(&r, "scene=where");
	CHECK_STR(rv_str_of(end.out), "/tmp\n0022\n0\nNoNewPrivs:\t1\n");
	play(&r, "scene=stdin");
	CHECK_STR(rv_str_of(end.out), "end\n");
	play(&r, "scene=echo");
	CHECK_STR(rv_str_of(end.out), "out\n");
	CHECK_STR(rv_str_of(end.err), "err\n");
	rig_stop(&r);
}

TEST(exit_statuses)
{
	static const struct {
		const char *scene;
		int status;
		const char *outcome;
	} cases[] = {
		{ "scene=fail", 7, "\"status\":\"failed\",\"detail\":{\"exit\":7" },
		{ "scene=masked", RV_EXEC_EXIT_MASKED,
			"\"status\":\"failed\",\"detail\":{\"exit\":81" },
		{ "scene=signal", 128 + SIGUSR1,
			"\"status\":\"failed\",\"detail\":{\"signal\":10" },
		{ "scene=echo", 0, "\"status\":\"succeeded\",\"detail\":{\"exit\":0" },
	};
	struct rig r;
	if (!rig_start(&r, NULL))
		return;
	for (size_t i = 0; i < RV_COUNT(cases); i++) {
		play(&r, cases[i].scene);
		CHECKF(end.status == cases[i].status, "%s: %d %s", cases[i].scene, end.status,
			end.err);
		CHECKF(strstr(last_outcome(&r), cases[i].outcome), "%s: %s", cases[i].scene,
			last_outcome(&r));
	}
	CHECK(rig_spool_files(&r, ".json") == 0);
	rig_stop(&r);
}

TEST(time_is_up_for_all_of_it)
{
	struct rig r;
	if (!rig_start(&r, NULL))
		return;
	play(&r, "scene=hang");
	CHECKF(end.status == 128 + SIGTERM, "%d %s", end.status, end.err);
	CHECK_STR(rv_str_of(end.out), "started\n");
	CHECK(strstr(end.err, "time was up"));
	CHECK(strstr(last_outcome(&r), "\"timed_out\":true,\"group_empty\":true"));
	play(&r, "scene=stubborn");
	CHECKF(end.status == 128 + SIGKILL, "%d %s", end.status, end.err);
	CHECK(strstr(last_outcome(&r), "\"status\":\"failed\""));
	CHECK(strstr(last_outcome(&r), "\"timed_out\":true,\"group_empty\":true"));
	CHECK(!find_process("cmdline", "sleep\000600"));
	rig_stop(&r);
}

TEST(nothing_stays_behind)
{
	struct rig r;
	if (!rig_start(&r, NULL))
		return;
	play(&r, "scene=leave");
	CHECKF(end.status == 0, "%d %s", end.status, end.err);
	CHECK(!find_process("cmdline",
		"sleep\0"
		"611"));
	CHECK(!find_process("cmdline", "611"));
	CHECK(strstr(last_outcome(&r), "\"group_empty\":true"));
	/* One that left the group and the session. */
	play(&r, "scene=escape");
	CHECKF(end.status == 0, "%d %s", end.status, end.err);
	CHECK(!find_process("cmdline", "612"));
	CHECK(strstr(last_outcome(&r), "\"group_empty\":true"));
	rig_stop(&r);
}

TEST(output_over_the_limit)
{
	struct rig r;
	struct rv_sha256 h;
	char hex[65], line[120];
	static char all[100000];
	if (!rig_start(&r, NULL))
		return;
	play(&r, "scene=flood");
	CHECKF(end.status == 0, "%d %s", end.status, end.err);
	CHECKF(strlen(end.out) == 4096, "%zu bytes", strlen(end.out));
	CHECK(strstr(end.err, "rest was dropped"));
	memset(all, 'x', sizeof all);
	rv_sha256_of(rv_str_n(all, sizeof all), &h);
	rv_hex_z(h.b, 32, hex);
	(void)snprintf(line, sizeof line, "\"stdout_bytes\":100000,\"stdout_sha256\":\"%s\"", hex);
	CHECKF(strstr(last_outcome(&r), line), "%s", last_outcome(&r));
	CHECK(strstr(last_outcome(&r), "\"truncated\":true"));
	rig_stop(&r);
}

TEST(what_cannot_start_gives_the_money_back)
{
	struct rig r;
	if (!rig_start(&r, NULL))
		return;
	rig_exec(&r, "gone", NULL, NULL, 0, &end);
	CHECKF(end.status == RV_EXEC_EXIT_UNAVAILABLE, "%d %s", end.status, end.err);
	CHECK(strstr(end.err, "chdir: No such file"));
	CHECK(strstr(last_outcome(&r), "\"status\":\"failed\",\"detail\":{\"started\":false"));
	CHECK(!strstr(last_outcome(&r), "settle"));
	CHECK(rig_spool_files(&r, ".json") == 0);
	rig_stop(&r);
}

TEST(what_failed_may_have_spent)
{
	struct rig r;
	if (!rig_start(&r, NULL))
		return;
	rig_exec(&r, "lose", NULL, NULL, 0, &end);
	CHECKF(end.status == 1, "%d %s", end.status, end.err);
	CHECK(strstr(last_outcome(&r), "\"status\":\"failed\""));
	CHECK(strstr(last_outcome(&r), "\"settle\":{\"ad-spend\":\"3\"}"));
	rig_stop(&r);
}

TEST(a_worker_that_leaves_does_not_cut_the_command_short)
{
	struct rig r;
	struct rig_worker w;
	const char *param = "scene=hang";
	if (!rig_start(&r, NULL))
		return;
	rig_worker_start(&r, &w,
		(struct rv_exec_client_opts){
			.command = "scene", .params = &param, .n_params = 1 });
	CHECK(process_is("/bin/sleep", true));
	CHECK(kill(w.pid, SIGKILL) == 0);
	rig_worker_end(&w, &end);
	CHECK(rig_wait(&r.fake->n_outcomes, 1));
	CHECK(strstr(last_outcome(&r), "\"timed_out\":true"));
	rig_stop(&r);
}

TEST(secrets_stand_on_no_command_line)
{
	struct rig r;
	struct rig_worker w;
	const char *param = "scene=hang";
	if (!rig_start(&r, NULL))
		return;
	rig_worker_start(&r, &w,
		(struct rv_exec_client_opts){ .command = "slow", .params = &param, .n_params = 1 });
	CHECK(process_is("/bin/sleep", true));
	static const char *const secrets[] = { "rvs_workerworker", "rvp_pointpoint" };
	for (size_t i = 0; i < RV_COUNT(secrets); i++) {
		CHECK(!find_process("cmdline", secrets[i]));
		CHECK(!find_process("environ", secrets[i]));
	}
	for (int i = 0; i < r.fake->n_calls; i++)
		CHECK(!strstr(r.fake->calls[i].body, "rvs_") &&
			!strstr(r.fake->calls[i].body, "rvp_"));
	rig_runner_signal(&r, SIGKILL);
	rig_worker_end(&w, &end);
	CHECKF(end.status == RV_EXEC_EXIT_UNKNOWN, "%d %s", end.status, end.err);
	rig_stop(&r);
}

TEST(orphans_of_a_killed_request_are_ended)
{
	struct rig r;
	struct rig_worker w;
	char path[80], text[64] = "";
	const char *param = "scene=stubborn";
	int64_t child = 0;
	if (!rig_start(&r, NULL))
		return;
	rig_worker_start(&r, &w,
		(struct rv_exec_client_opts){ .command = "slow", .params = &param, .n_params = 1 });
	CHECK(process_is("/bin/sleep", true));
	(void)snprintf(
		path, sizeof path, "/proc/%d/task/%d/children", (int)r.runner, (int)r.runner);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	REQUIRE(fd >= 0);
	REQUIRE(read(fd, text, sizeof text - 1) > 0);
	(void)close(fd);
	REQUIRE(rv_str_i64(rv_str_trim(rv_str_of(text)), &child));
	CHECK(kill((pid_t)child, SIGKILL) == 0);
	rig_worker_end(&w, &end);
	CHECKF(end.status == RV_EXEC_EXIT_UNKNOWN, "%d %s", end.status, end.err);
	CHECK(process_is("/bin/sleep", false));
	CHECK(rig_wait(&r.fake->n_outcomes, 1));
	CHECKF(strstr(last_outcome(&r), "\"status\":\"unknown\""), "%s", last_outcome(&r));
	rig_stop(&r);
}

/* Everything again, without any privilege. */
TEST(works_as_an_ordinary_user)
{
	if (geteuid() != 0)
		SKIP("needs root to become somebody else");
	(void)fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		struct rig r;
		if (setgid(65534) != 0 || setuid(65534) != 0 || !rig_start(&r, NULL))
			_exit(1);
		play(&r, "scene=echo");
		bool ok = end.status == 0 && strcmp(end.out, "out\n") == 0;
		rig_exec(&r, "cat", NULL, "file=/etc/passwd", 0, &end);
		ok = ok && end.status == 0 && strstr(end.out, "root:");
		ok = ok && strstr(last_outcome(&r), "succeeded");
		rig_stop(&r);
		_exit(ok ? 0 : 2);
	}
	int status = -1;
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECKF(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x: %s %s", status, end.out,
		end.err);
}

MAIN()
