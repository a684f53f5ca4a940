/* The runner's parent: listens, knows its peers by their credentials, gives each request a process
 * of its own and reaps it. It reads nothing of what workers send. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "points/exec/child.h"
#include "points/exec/exec_int.h"

enum {
	SLOTS = 1024 + 1, /* requests, and one that empties the spool */
	GRACE_MS = 30000,
	KILL_MS = 2000,
	FLUSH_FIRST_MS = 1000,
	FLUSH_MOST_MS = 60000,
	KNOCK_MS = 1000, /* at most one line a second about strangers */
};

struct slot {
	pid_t pid; /* 0: free */
	uid_t uid;
	bool is_flush;
};
struct runner {
	const struct rv_exec_runner_opts *o;
	const struct rv_exec_conf *conf;
	struct rv_arena arena;
	struct rv_exec_spool spool;
	char *listen_path, *spool_dir;
	int listen_fd, signal_fd;
	struct slot slots[SLOTS];
	size_t n_busy;
	bool is_flushing, has_orphans;
	int64_t flush_at_ms, flush_wait_ms; /* flush_at_ms < 0: nothing to send */
	int64_t knock_at_ms;
	uint64_t n_knocks;
};

static int64_t now_ms(void)
{
	return rv_clock_mono_ns(rv_clock_system()) / RV_NS_PER_MS;
}

/* ---- children ---- */

static struct slot *free_slot(struct runner *r)
{
	for (size_t i = 0; i < SLOTS; i++)
		if (r->slots[i].pid == 0)
			return &r->slots[i];
	return NULL;
}

static size_t n_of(const struct runner *r, uid_t uid)
{
	size_t n = 0;
	for (size_t i = 0; i < SLOTS; i++)
		n += r->slots[i].pid != 0 && !r->slots[i].is_flush && r->slots[i].uid == uid;
	return n;
}

/* In a new child: what only the parent has use of goes, and it dies with the parent. */
static void become_child(struct runner *r, pid_t parent)
{
	(void)close(r->listen_fd); /* the child's copy */
	(void)close(r->signal_fd); /* the child's copy */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 || getppid() != parent)
		_exit(RV_EXEC_CHILD_DONE);
}

static void start_request(struct runner *r, int sock, uid_t uid)
{
	pid_t parent = getpid();
	struct slot *s = free_slot(r);
	if (!s || r->n_busy >= (size_t)r->conf->max_requests ||
		n_of(r, uid) >= (size_t)r->conf->max_requests_per_worker) {
		rv_exec_turn_away(sock, "unavailable", "the runner has no room for more requests");
		return;
	}
	pid_t pid = fork();
	if (pid < 0) {
		rv_exec_turn_away(sock, "unavailable", "the runner cannot start a process");
		return;
	}
	if (pid == 0) {
		const struct rv_exec_child_opts o = {
			.conf = r->conf, .spool = &r->spool, .sock = sock, .peer = uid
		};
		become_child(r, parent);
		_exit(rv_exec_child_run(&o));
	}
	*s = (struct slot){ .pid = pid, .uid = uid };
	r->n_busy++;
}

static int flush_spool(struct runner *r)
{
	struct rv_arena a;
	struct rv_err err = { 0 };
	struct rv_exec_serve serve = { 0 };
	size_t left = 1;
	rv_arena_init(&a, 1 << 20);
	struct rv_http_client_opts o = { .base_url = rv_arena_str(&a, r->conf->server).p,
		.ca_file = r->conf->ca_file.p ? rv_arena_str(&a, r->conf->ca_file).p : NULL,
		.max_response_bytes = 1 << 20 };
	const char *token = rv_arena_str(&a, r->conf->token_file).p;
	if (rv_ask_token_read(&a, token, "rvp_", &serve.point_token, &err) == RV_OK &&
		rv_http_client_new(&o, &serve.http, &err) == RV_OK &&
		rv_exec_spool_flush(&r->spool, &serve, &left, &err) != RV_OK)
		left = 1;
	if (err.code != RV_OK)
		rv_log(RV_LOG_WARN, "runner", "%s", err.msg);
	rv_http_client_free(serve.http);
	rv_arena_done(&a);
	return left ? RV_EXEC_CHILD_SPOOLED : RV_EXEC_CHILD_DONE;
}

static void start_flush(struct runner *r)
{
	pid_t parent = getpid();
	struct slot *s = free_slot(r);
	r->flush_at_ms = now_ms() + r->flush_wait_ms;
	if (!s)
		return;
	pid_t pid = fork();
	if (pid < 0)
		return;
	if (pid == 0) {
		become_child(r, parent);
		_exit(flush_spool(r));
	}
	*s = (struct slot){ .pid = pid, .is_flush = true };
	r->is_flushing = true;
	r->flush_at_ms = -1;
}

static void flush_soon(struct runner *r, bool is_new)
{
	r->flush_wait_ms = is_new		       ? FLUSH_FIRST_MS
		: r->flush_wait_ms * 2 < FLUSH_MOST_MS ? r->flush_wait_ms * 2
						       : FLUSH_MOST_MS;
	r->flush_at_ms = now_ms() + r->flush_wait_ms;
}

static void on_exit_of(struct runner *r, struct slot *s, int status)
{
	bool spooled = !WIFEXITED(status) || WEXITSTATUS(status) == RV_EXEC_CHILD_SPOOLED;
	if (s->is_flush) {
		r->is_flushing = false;
		if (spooled)
			flush_soon(r, false);
	} else {
		r->n_busy--;
		if (spooled)
			flush_soon(r, true);
		if (WIFSIGNALED(status)) {
			/* What it had started was reparented to us. */
			r->has_orphans = true;
			rv_log(RV_LOG_WARN, "runner", "a request's process was ended by signal %d",
				WTERMSIG(status));
		}
	}
	*s = (struct slot){ 0 };
}

static bool is_ours(const struct runner *r, pid_t pid)
{
	for (size_t i = 0; i < SLOTS; i++)
		if (r->slots[i].pid == pid)
			return true;
	return false;
}

/* Kills children that no request of ours is the father of any more. */
static void kill_orphans(struct runner *r)
{
	char path[64], text[16384];
	(void)snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid()); /* fits */
	RV_AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text);
	struct rv_str rest = rv_str_n(text, n > 0 ? (size_t)n : 0), word;
	r->has_orphans = false;
	while (rv_str_split(&rest, ' ', &word)) {
		int64_t pid;
		if (!rest.p || !rv_str_i64(word, &pid) || pid <= 1 || pid > INT32_MAX ||
			is_ours(r, (pid_t)pid))
			continue;
		r->has_orphans = true;
		(void)kill((pid_t)pid, SIGKILL); /* our child until we reap it: the right one */
	}
}

static void reap(struct runner *r)
{
	int status;
	pid_t pid;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (size_t i = 0; i < SLOTS; i++)
			if (r->slots[i].pid == pid) {
				on_exit_of(r, &r->slots[i], status);
				break;
			}
	if (r->has_orphans)
		kill_orphans(r);
}

/* ---- accepting ---- */

static void on_stranger(struct runner *r, int sock, const struct ucred *peer)
{
	rv_exec_turn_away(sock, "refused", "this Unix user speaks for no system here");
	r->n_knocks++;
	if (now_ms() < r->knock_at_ms)
		return;
	rv_log(RV_LOG_WARN, "runner",
		"refused %llu connection(s) of users that are no workers; last uid %u",
		(unsigned long long)r->n_knocks, (unsigned)peer->uid);
	r->n_knocks = 0;
	r->knock_at_ms = now_ms() + KNOCK_MS;
}

static void accept_one(struct runner *r)
{
	struct ucred peer;
	socklen_t n = sizeof peer;
	RV_AUTO_FD sock = accept4(r->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	if (sock < 0)
		return;
	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &peer, &n) != 0 || n != sizeof peer)
		return;
	for (size_t i = 0; i < r->conf->n_workers; i++)
		if (r->conf->workers[i].uid == peer.uid) {
			start_request(r, sock, peer.uid);
			return;
		}
	on_stranger(r, sock, &peer);
}

/* ---- start and end ---- */

static enum rv_code bind_socket(struct runner *r, struct rv_err *err)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int one = 1;
	struct stat st;
	memcpy(un.sun_path, r->listen_path, strlen(r->listen_path) + 1); /* the reader bounds it */
	RV_AUTO_FD fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	RV_AUTO_FD probe = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || probe < 0)
		return RV_FAIL(err, RV_EIO, "socket: %s", strerror(errno));
	if (lstat(r->listen_path, &st) == 0) {
		/* One that a dead runner left is taken away; anything else is somebody's. */
		if (!S_ISSOCK(st.st_mode))
			return RV_FAIL(
				err, RV_EEXIST, "'%s' is there and no socket", r->listen_path);
		if (connect(probe, (struct sockaddr *)&un, sizeof un) == 0 || errno != ECONNREFUSED)
			return RV_FAIL(
				err, RV_EBUSY, "another runner listens on '%s'", r->listen_path);
		if (unlink(r->listen_path) != 0)
			return RV_FAIL(err, RV_EPERM, "cannot remove '%s': %s", r->listen_path,
				strerror(errno));
	}
	/* Who may connect is decided by SO_PEERCRED, and by the folder. */
	mode_t old = umask(0111);
	int bound = bind(fd, (struct sockaddr *)&un, sizeof un);
	int e = errno;
	(void)umask(old); /* cannot fail */
	if (bound != 0)
		return RV_FAIL(
			err, RV_EIO, "cannot listen on '%s': %s", r->listen_path, strerror(e));
	if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &one, sizeof one) != 0 || listen(fd, 64) != 0)
		return RV_FAIL(
			err, RV_EIO, "cannot listen on '%s': %s", r->listen_path, strerror(errno));
	r->listen_fd = fd;
	fd = -1;
	return RV_OK;
}

/* Everything a request will need is looked at once, so that mistakes show at the start. */
static enum rv_code check_files(struct runner *r, struct rv_err *err)
{
	struct rv_str token;
	struct rv_http_client *http;
	const char *path = rv_arena_str(&r->arena, r->conf->token_file).p;
	struct rv_http_client_opts o = { .base_url = rv_arena_str(&r->arena, r->conf->server).p,
		.ca_file =
			r->conf->ca_file.p ? rv_arena_str(&r->arena, r->conf->ca_file).p : NULL };
	if (!path || !o.base_url)
		return RV_FAIL_ARENA(err);
	RV_TRY(rv_ask_token_read(&r->arena, path, "rvp_", &token, err));
	RV_TRY(rv_http_client_new(&o, &http, err));
	rv_http_client_free(http);
	for (size_t i = 0; i < r->conf->n_commands; i++) {
		struct rv_exec_facts f;
		rv_exec_facts_init(&f);
		f.cmd = &r->conf->commands[i];
		enum rv_code code = rv_exec_facts_program(&r->arena, &f, err);
		rv_exec_facts_done(&f);
		if (code != RV_OK) {
			rv_err_prefix(err, "command '%.*s': ", RV_FMT(f.cmd->name));
			return code;
		}
	}
	return RV_OK;
}

static enum rv_code set_up(struct runner *r, sigset_t *signals, struct rv_err *err)
{
	r->listen_path = (char *)rv_arena_str(&r->arena, r->conf->listen).p; /* arena's own */
	r->spool_dir = (char *)rv_arena_str(&r->arena, r->conf->spool).p; /* arena's own */
	if (!r->listen_path || !r->spool_dir)
		return RV_FAIL_ARENA(err);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
		prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0)
		return RV_FAIL(err, RV_EIO, "prctl: %s", strerror(errno));
	RV_TRY(check_files(r, err));
	RV_TRY(rv_exec_spool_open(&r->spool, r->spool_dir, err));
	(void)sigemptyset(signals); /* cannot fail */
	(void)sigaddset(signals, SIGCHLD); /* cannot fail */
	(void)sigaddset(signals, SIGTERM); /* cannot fail */
	(void)sigaddset(signals, SIGINT); /* cannot fail */
	if (sigprocmask(SIG_BLOCK, signals, NULL) != 0)
		return RV_FAIL(err, RV_EIO, "sigprocmask: %s", strerror(errno));
	r->signal_fd = signalfd(-1, signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (r->signal_fd < 0)
		return RV_FAIL(err, RV_EIO, "signalfd: %s", strerror(errno));
	return bind_socket(r, err);
}

/* True when it is time to end. */
static bool read_signals(struct runner *r)
{
	struct signalfd_siginfo info;
	bool stop = false;
	while (read(r->signal_fd, &info, sizeof info) == sizeof info)
		stop = stop || info.ssi_signo != SIGCHLD;
	reap(r);
	return stop;
}

static int timeout_of(const struct runner *r)
{
	if (r->has_orphans)
		return 20;
	if (r->flush_at_ms < 0)
		return -1;
	int64_t left = r->flush_at_ms - now_ms();
	return left < 0 ? 0 : (int)left;
}

static void serve(struct runner *r)
{
	for (;;) {
		struct pollfd p[2] = { { r->signal_fd, POLLIN, 0 }, { r->listen_fd, POLLIN, 0 } };
		int n = poll(p, 2, timeout_of(r));
		if (n < 0 && errno != EINTR)
			return;
		if (n > 0 && p[0].revents && read_signals(r))
			return;
		if (n > 0 && p[1].revents)
			accept_one(r);
		if (r->has_orphans)
			reap(r);
		if (r->flush_at_ms >= 0 && !r->is_flushing && now_ms() >= r->flush_at_ms)
			start_flush(r);
	}
}

static void signal_all(struct runner *r, int sig)
{
	for (size_t i = 0; i < SLOTS; i++)
		if (r->slots[i].pid)
			(void)kill(r->slots[i].pid, sig); /* our child until we reap it */
}

/* Requests that wait end at SIGTERM; commands that run may finish until the grace is over. */
static void wind_down(struct runner *r)
{
	int64_t until = now_ms() + (r->o->grace_ms ? r->o->grace_ms : GRACE_MS);
	bool killed = false;
	(void)unlink(r->listen_path); /* the next runner copes with a stale one */
	(void)close(r->listen_fd); /* nothing to lose */
	signal_all(r, SIGTERM);
	for (;;) {
		bool busy = r->n_busy > 0 || r->is_flushing;
		int64_t left = until - now_ms();
		if (!busy || (left <= 0 && killed))
			break;
		if (left <= 0) {
			signal_all(r, SIGKILL);
			killed = true;
			until = now_ms() + KILL_MS;
			continue;
		}
		struct pollfd p = { r->signal_fd, POLLIN, 0 };
		(void)poll(&p, 1, (int)left); /* woken early is fine */
		(void)read_signals(r); /* told already */
	}
	for (int i = 0; i < 100 && r->has_orphans; i++) {
		reap(r);
		(void)poll(NULL, 0, 5); /* killed processes take a moment to be gone */
	}
}

enum rv_code rv_exec_runner_run(const struct rv_exec_runner_opts *o, struct rv_err *err)
{
	sigset_t signals;
	RV_AUTO_FREE struct runner *r = calloc(1, sizeof *r);
	if (!r)
		return RV_FAIL(err, RV_ENOMEM, "out of memory");
	r->o = o;
	r->conf = o->conf;
	r->listen_fd = r->signal_fd = r->spool.lock_fd = -1;
	r->flush_wait_ms = FLUSH_FIRST_MS;
	rv_arena_init(&r->arena, 16 << 20);
	enum rv_code code = set_up(r, &signals, err);
	if (code == RV_OK) {
		rv_log(RV_LOG_INFO, "runner", "listens on %s", r->listen_path);
		if (o->ready_fd >= 0)
			code = rv_fd_write_all(o->ready_fd, RV_STR("\n"), err);
		start_flush(r);
		serve(r);
		wind_down(r);
	}
	if (r->signal_fd >= 0)
		(void)close(r->signal_fd); /* nothing to lose */
	rv_exec_spool_close(&r->spool);
	rv_arena_done(&r->arena);
	return code;
}
