/* What hostile workers send: each is refused, nothing is asked, nothing leaks. */
#include "tests/points/exec_rig.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct rig_end end;
static char buf[8192];
static const char TOKEN[] = "rvs_workerworkerworkerworkerworkerworkerwork00";

static const char *talk(struct rig *r, const char *text, const int *fds, size_t n_fds)
{
	return rig_talk(r, text, strlen(text), fds, n_fds, buf, sizeof buf);
}

static int fds_of(pid_t pid)
{
	char path[64];
	int n = 0;
	(void)snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
	DIR *d = opendir(path);
	while (d && readdir(d))
		n++;
	if (d)
		(void)closedir(d);
	return n;
}

/* A copy that the parent is about to close may still be there for a moment. */
static bool fds_become(pid_t pid, int want)
{
	for (int i = 0; i < 5000; i++) {
		if (fds_of(pid) == want)
			return true;
		(void)poll(NULL, 0, 2); /* for another process to get on */
	}
	return false;
}

TEST(malformed_messages)
{
#define HEAD "{\"v\":1,\"command\":\"scene\",\"system\":\"deploy-bot\",\"token\":\"rvs_abcdefgh\""
	static const struct {
		const char *text, *says;
	} cases[] = {
		{ "x", "refused" },
		{ "[]", "must be an object" },
		{ "{}", "command" },
		{ HEAD, "refused" },
		{ HEAD "} ", "scene" },
		{ HEAD "}{}", "refused" },
		{ HEAD ",\"argv\":[\"/bin/sh\"]}", "not a known field" },
		{ HEAD ",\"command\":\"cat\"}", "refused" },
		{ HEAD ",\"params\":{\"scene\":1}}", "must be a string" },
		{ HEAD ",\"params\":{\"scene\":null}}", "must be a string" },
		{ HEAD ",\"params\":{\"scene\":[\"echo\"]}}", "must be a string" },
		{ HEAD ",\"params\":[\"scene\"]}", "must be an object" },
		{ HEAD ",\"params\":{\"scene\":\"echo\",\"scene\":\"env\"}}", "refused" },
		{ HEAD ",\"params\":{\"scene\":\"ec\\u0000ho\"}}", "NUL" },
		{ HEAD ",\"params\":{\"SCENE\":\"echo\"}}", "a-z" },
		{ HEAD ",\"params\":{\"scene\":\"\\ud800\"}}", "refused" },
		{ HEAD ",\"inputs\":[\"a\",\"a\"]}", "stands twice" },
		{ HEAD ",\"inputs\":[\"../a\"]}", "a-z" },
		{ HEAD ",\"inputs\":[1]}", "a-z" },
		{ HEAD ",\"inputs\":{\"a\":1}}", "must be an array" },
		{ HEAD ",\"inputs\":[\"a\"]}", "refused" },
		{ HEAD ",\"inputs\":[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",\"i\"]}",
			"more than 8" },
		{ HEAD ",\"wait_ms\":-1}", "wait_ms" },
		{ HEAD ",\"wait_ms\":1.5}", "wait_ms" },
		{ HEAD ",\"wait_ms\":99999999999}", "wait_ms" },
		{ HEAD ",\"approval\":\"../../etc\"}", "approval" },
		{ HEAD ",\"approval\":\"01930000-0000-7000-8000-00000000000A\"}", "approval" },
		{ HEAD ",\"system\":null}", "refused" },
		{ "{\"command\":\"scene\",\"token\":\"rvs_abcdefgh\"}", "v: is required" },
		{ "{\"v\":2,\"command\":\"scene\",\"token\":\"rvs_abcdefgh\"}", "v" },
		{ "{\"v\":1,\"command\":\"scene\",\"token\":\"rvs_abcdefgh\"}", "several systems" },
		{ "{\"v\":1,\"command\":\"scene\"}", "token" },
		{ "{\"v\":1,\"command\":\"scene\",\"token\":\"rvs_\"}", "no credential" },
		{ "{\"v\":1,\"command\":\"scene\",\"token\":\"rvp_abcdefgh\"}", "no credential" },
		{ "{\"v\":1,\"command\":\"scene\",\"token\":\"rvs_ab\\r\\nHost: x\"}",
			"no credential" },
		{ "{\"v\":1,\"command\":\"Scene\",\"token\":\"rvs_abcdefgh\"}", "command" },
		{ "{\"v\":1,\"command\":\"\",\"token\":\"rvs_abcdefgh\"}", "command" },
		{ "{\"v\":1,\"command\":\"a/b\",\"token\":\"rvs_abcdefgh\"}", "command" },
		{ "{\"v\":1,\"command\":{\"a\":{\"b\":{\"c\":{}}}},\"token\":\"rvs_a\"}",
			"refused" },
	};
	struct rig r;
	if (!rig_start(&r, NULL))
		return;
	int before = fds_of(r.runner);
	for (size_t i = 0; i < RV_COUNT(cases); i++) {
		const char *got = talk(&r, cases[i].text, NULL, 0);
		CHECKF(strstr(got, "\"status\":\"refused\"") && strstr(got, cases[i].says),
			"%s: %s", cases[i].text, got);
		CHECKF(!strstr(got, "rvs_abc"), "%s: %s", cases[i].text, got);
	}
	CHECK(r.fake->n_calls == 0);
	CHECK(fds_become(r.runner, before));
	rig_stop(&r);
}

TEST(message_size_at_its_limit)
{
	struct rig r;
	static char text[RV_EXEC_MESSAGE_MAX + 2];
	if (!rig_start(&r, NULL))
		return;
	for (size_t n = RV_EXEC_MESSAGE_MAX - 1; n <= RV_EXEC_MESSAGE_MAX + 1; n++) {
		int head = snprintf(text, sizeof text,
			"{\"v\":1,\"command\":\"scene\",\"system\":\"deploy-bot\",\"token\":\"%s\","
			"\"params\":{\"scene\":\"echo\"}",
			TOKEN);
		memset(text + head, ' ', n - (size_t)head - 1);
		text[n - 1] = '}';
		const char *got = rig_talk(&r, text, n, NULL, 0, buf, sizeof buf);
		bool fits = n <= RV_EXEC_MESSAGE_MAX;
		CHECKF(strstr(got, fits ? "\"status\":\"done\"" : "larger than 32768"), "%zu: %s",
			n, got);
	}
	rig_stop(&r);
}

static void cat_message(char *text, size_t size)
{
	(void)snprintf(text, size,
		"{\"v\":1,\"command\":\"cat\",\"system\":\"deploy-bot\",\"token\":\"%s\","
		"\"inputs\":[\"file\"]}",
		TOKEN);
}

TEST(descriptors_that_are_no_files_to_read)
{
	struct rig r;
	char text[512], path[128], fifo[128];
	int pair[2], ends[2];
	if (!rig_start(&r, NULL))
		return;
	cat_message(text, sizeof text);
	rig_file(&r, "plain", "plain", 5, 0600, path);
	(void)snprintf(fifo, sizeof fifo, "%s/fifo", r.dir);
	CHECK(mkfifo(fifo, 0600) == 0);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	CHECK(pipe2(ends, O_CLOEXEC) == 0);
	const struct {
		int fd;
		const char *says;
	} cases[] = {
		{ open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC), "not a regular file" },
		{ open(r.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), "not a regular file" },
		{ open("/dev/zero", O_RDONLY | O_CLOEXEC), "not a regular file" },
		{ pair[0], "not a regular file" },
		{ ends[0], "not a regular file" },
		{ open(path, O_WRONLY | O_CLOEXEC), "not open for reading" },
		{ open(path, O_PATH | O_CLOEXEC), "not open for reading" },
		{ open("/proc/self/environ", O_RDONLY | O_CLOEXEC), "stored somewhere" },
		{ open("/sys/kernel/mm/transparent_hugepage/enabled", O_RDONLY | O_CLOEXEC),
			"stored somewhere" },
	};
	for (size_t i = 0; i < RV_COUNT(cases); i++) {
		if (cases[i].fd < 0)
			continue; /* this machine has none */
		const char *got = talk(&r, text, &cases[i].fd, 1);
		CHECKF(strstr(got, "\"status\":\"refused\"") && strstr(got, cases[i].says),
			"case %zu: %s", i, got);
		(void)close(cases[i].fd);
	}
	(void)close(pair[1]);
	(void)close(ends[1]);
	CHECK(r.fake->n_calls == 0);
	/* Through the client as well, and without waiting for a writer. */
	char input[160];
	(void)snprintf(input, sizeof input, "file=%s", fifo);
	rig_exec(&r, "cat", NULL, input, 0, &end);
	CHECK(end.status == RV_EXEC_EXIT_REFUSED && strstr(end.err, "not a regular file"));
	rig_exec(&r, "cat", NULL, "file=/nowhere/at/all", 0, &end);
	CHECK(end.status == RV_EXEC_EXIT_REFUSED && strstr(end.err, "cannot open"));
	rig_stop(&r);
}

TEST(counts_of_descriptors)
{
	struct rig r;
	char text[512], plain[512], path[128];
	int fds[64];
	if (!rig_start(&r, NULL))
		return;
	int before = fds_of(r.runner);
	cat_message(text, sizeof text);
	(void)snprintf(plain, sizeof plain,
		"{\"v\":1,\"command\":\"scene\",\"system\":\"deploy-bot\",\"token\":\"%s\","
		"\"params\":{\"scene\":\"echo\"}}",
		TOKEN);
	rig_file(&r, "plain", "plain", 5, 0600, path);
	for (size_t i = 0; i < 64; i++)
		fds[i] = open(path, O_RDONLY | O_CLOEXEC);
	static const size_t counts[] = { 2, 8, 9, 16, 17, 63, 64 };
	for (size_t i = 0; i < RV_COUNT(counts); i++) {
		const char *got = talk(&r, text, fds, counts[i]);
		CHECKF(strstr(got, "descriptors came") || strstr(got, "more descriptors"),
			"%zu: %s", counts[i], got);
		got = talk(&r, plain, fds, counts[i]);
		CHECKF(strstr(got, "\"status\":\"refused\""), "%zu: %s", counts[i], got);
	}
	CHECK(strstr(talk(&r, text, NULL, 0), "0 descriptors came for 1 inputs"));
	CHECK(strstr(talk(&r, plain, fds, 1), "1 descriptors came for 0 inputs"));
	CHECK(r.fake->n_calls == 0);
	CHECK(strstr(talk(&r, text, fds, 1), "\"status\":\"done\""));
	CHECK(fds_become(r.runner, before));
	for (size_t i = 0; i < 64; i++)
		(void)close(fds[i]);
	rig_stop(&r);
}

TEST(an_input_at_its_limit)
{
	struct rig r;
	static char bytes[65537];
	char path[128], input[160], text[512];
	if (!rig_start(&r, NULL))
		return;
	memset(bytes, 'a', sizeof bytes);
	for (size_t n = 65535; n <= 65537; n++) {
		rig_file(&r, "large", bytes, n, 0600, path);
		(void)snprintf(input, sizeof input, "file=%s", path);
		rig_exec(&r, "cat", NULL, input, 0, &end);
		CHECKF(end.status == (n <= 65536 ? 0 : RV_EXEC_EXIT_REFUSED), "%zu: %d %s", n,
			end.status, end.err);
		CHECK(strlen(end.out) == (n <= 65536 ? n : 0));
	}
	/* Of a size that nobody could copy. */
	int huge = memfd_create("huge", MFD_CLOEXEC);
	CHECK(ftruncate(huge, INT64_C(1) << 50) == 0);
	cat_message(text, sizeof text);
	CHECK(strstr(talk(&r, text, &huge, 1), "larger than the 65536"));
	(void)close(huge);
	/* Reads from the start, whatever the offset. */
	rig_file(&r, "large", "whole", 5, 0600, path);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	CHECK(lseek(fd, 3, SEEK_SET) == 3);
	CHECK(strstr(talk(&r, text, &fd, 1), "\"status\":\"done\""));
	CHECK(lseek(fd, 0, SEEK_CUR) == 3);
	(void)close(fd);
	rig_stop(&r);
}

/* Runs fn as another user; its result. */
static int as_nobody(int (*fn)(struct rig *r, int sock), struct rig *r, int sock)
{
	(void)fflush(stdout);
	pid_t pid = fork();
	if (pid == 0)
		_exit(setgid(65534) == 0 && setuid(65534) == 0 ? fn(r, sock) : 99);
	int status = -1;
	(void)waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int knock(struct rig *r, int sock)
{
	char got[4096] = "";
	struct pollfd p = { rig_connect(r), POLLIN, 0 };
	if (p.fd < 0)
		return 1;
	if (poll(&p, 1, 10000) != 1 || recv(p.fd, got, sizeof got - 1, 0) <= 0)
		return 2;
	return strstr(got, "speaks for no system here") ? 0 : 3;
}

static int send_on(struct rig *r, int sock)
{
	char text[512];
	cat_message(text, sizeof text);
	return send(sock, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text) ? 0 : 1;
}

TEST(another_user_than_a_worker)
{
	struct rig r;
	char got[4096] = "";
	if (geteuid() != 0)
		SKIP("needs root to become somebody else");
	if (!rig_start(&r, NULL))
		return;
	CHECK(chmod(r.dir, 0711) == 0);
	CHECK(as_nobody(knock, &r, -1) == 0);
	/* A worker's connection in somebody else's hands. */
	struct pollfd p = { rig_connect(&r), POLLIN, 0 };
	CHECK(as_nobody(send_on, &r, p.fd) == 0);
	CHECK(poll(&p, 1, 10000) == 1 && recv(p.fd, got, sizeof got - 1, 0) > 0);
	CHECKF(strstr(got, "another user sent"), "%s", got);
	(void)close(p.fd);
	CHECK(r.fake->n_calls == 0);
	rig_stop(&r);
}

TEST(a_false_runner_gets_no_credential)
{
	struct rig r;
	if (!rig_start(&r, NULL))
		return;
	rig_runner_signal(&r, SIGTERM);
	/* Anybody may write to the folder: whoever listens there could be anybody. */
	CHECK(rig_runner_start(&r));
	CHECK(chmod(r.dir, 0777) == 0);
	rig_exec(&r, "scene", "scene=echo", NULL, 0, &end);
	CHECKF(end.status == RV_EXEC_EXIT_REFUSED && strstr(end.err, "others may change"), "%d %s",
		end.status, end.err);
	CHECK(r.fake->n_calls == 0);
	CHECK(chmod(r.dir, 0700) == 0);
	rig_stop(&r);
}

TEST(a_program_that_became_unsafe_is_not_run)
{
	struct rig r;
	char path[128];
	if (!rig_start(&r, NULL))
		return;
	(void)snprintf(path, sizeof path, "%s/scenes", r.dir);
	CHECK(chmod(path, 0775) == 0);
	rig_exec(&r, "scene", "scene=echo", NULL, 0, &end);
	CHECKF(end.status == RV_EXEC_EXIT_REFUSED && strstr(end.err, "others may change"), "%d %s",
		end.status, end.err);
	CHECK(r.fake->n_calls == 0);
	rig_stop(&r);
}

TEST(room_is_bounded)
{
	struct rig r;
	int idle[2];
	if (!rig_start(&r, "max_requests_per_worker: 2\n"))
		return;
	for (size_t i = 0; i < 2; i++)
		idle[i] = rig_connect(&r); /* says nothing */
	rig_exec(&r, "scene", "scene=echo", NULL, 0, &end);
	CHECKF(end.status == RV_EXEC_EXIT_UNAVAILABLE && strstr(end.err, "no room"), "%d %s",
		end.status, end.err);
	for (size_t i = 0; i < 2; i++)
		(void)close(idle[i]);
	for (int i = 0; i < 200 && end.status != 0; i++)
		rig_exec(&r, "scene", "scene=echo", NULL, 0, &end);
	CHECKF(end.status == 0, "%d %s", end.status, end.err);
	rig_stop(&r);
}

TEST(silence_ends_by_itself)
{
	struct rig r;
	char got[4096] = "";
	if (!rig_start(&r, NULL))
		return;
	struct pollfd p = { rig_connect(&r), POLLIN, 0 };
	CHECK(poll(&p, 1, 10000) == 1 && recv(p.fd, got, sizeof got - 1, 0) > 0);
	CHECKF(strstr(got, "no request came"), "%s", got);
	(void)close(p.fd);
	rig_stop(&r);
}

MAIN()
