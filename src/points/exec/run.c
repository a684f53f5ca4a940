/* The command's life: started from its sealed copy, listened to, ended in time, and observed to be
 * gone with everything it had started. */
#include "points/exec/run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "points/exec/start.h"
#include "points/exec/wire.h"

enum {
	READ_BYTES = RV_EXEC_PIECE_MAX,
	TERM_GRACE_MS = 2000, /* between SIGTERM and SIGKILL when the time is up */
	EMPTY_MS = 5000, /* for killed processes to be gone */
	FLUSH_MS = 10000, /* for a slow worker to take what is left, after the end */
	FRAME_HEAD = 1 + sizeof(uint32_t),
};

struct pipe_end {
	int fd; /* -1: closed */
	char tag;
	struct rv_exec_stream *stream;
	struct rv_sha256_ctx *sha256;
};
struct run {
	struct rv_exec_result *r;
	const struct rv_exec_command *cmd;
	struct pipe_end pipes[2];
	int worker; /* -1: gone */
	struct rv_buf queue; /* frames: tag, length, bytes */
	size_t queue_at, last_frame; /* last_frame: where the newest begins */
	bool has_frame;
	uint64_t kept_bytes;
	pid_t pid;
	int pidfd;
	int status;
	bool is_over; /* the command itself was reaped */
};

static int64_t now_ms(void)
{
	return rv_clock_mono_ns(rv_clock_system()) / RV_NS_PER_MS;
}

/* ---- output towards the worker ---- */

static void enqueue(struct run *u, char tag, struct rv_str s)
{
	uint64_t room = (uint64_t)u->cmd->output_bytes - u->kept_bytes;
	if (s.n > room) {
		u->r->truncated = true;
		s.n = (size_t)room;
	}
	if (s.n == 0 || u->worker < 0)
		return;
	u->kept_bytes += s.n;
	uint32_t n = (uint32_t)s.n;
	if (u->queue_at == u->queue.n) {
		rv_buf_clear(&u->queue);
		u->queue_at = 0;
		u->has_frame = false;
	}
	/* Small writes join the newest frame, so that the queue stays about as large as its text.
	 */
	if (u->has_frame && u->last_frame > u->queue_at && u->queue.p[u->last_frame] == tag) {
		uint32_t old;
		memcpy(&old, u->queue.p + u->last_frame + 1, sizeof old);
		if (old + n <= RV_EXEC_PIECE_MAX) {
			rv_buf_add(&u->queue, s);
			n += old;
			if (!u->queue.failed)
				memcpy(u->queue.p + u->last_frame + 1, &n, sizeof n);
			return;
		}
	}
	u->last_frame = u->queue.n;
	u->has_frame = true;
	rv_buf_addc(&u->queue, tag);
	rv_buf_add(&u->queue, rv_str_n(&n, sizeof n));
	rv_buf_add(&u->queue, s);
}

static void drop_worker(struct run *u)
{
	u->worker = -1;
	rv_buf_clear(&u->queue);
	u->queue_at = 0;
}

/* Sends frames until the socket is full. */
static void send_some(struct run *u)
{
	char packet[1 + RV_EXEC_PIECE_MAX];
	if (u->queue.failed) { /* memory: the digest still covers everything */
		u->r->truncated = true;
		drop_worker(u);
	}
	while (u->worker >= 0 && u->queue_at < u->queue.n) {
		uint32_t n;
		const char *frame = u->queue.p + u->queue_at;
		memcpy(&n, frame + 1, sizeof n);
		packet[0] = frame[0];
		memcpy(packet + 1, frame + FRAME_HEAD, n);
		ssize_t sent = send(u->worker, packet, 1 + n, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0) {
			drop_worker(u);
			return;
		}
		u->queue_at += FRAME_HEAD + n;
	}
}

static void flush_worker(struct run *u)
{
	int64_t until = now_ms() + FLUSH_MS;
	for (;;) {
		size_t before = u->queue_at;
		send_some(u);
		if (u->worker < 0 || u->queue_at == u->queue.n)
			return;
		if (u->queue_at != before)
			until = now_ms() + FLUSH_MS;
		int64_t left = until - now_ms();
		struct pollfd p = { .fd = u->worker, .events = POLLOUT };
		if (left <= 0)
			return;
		if (poll(&p, 1, (int)left) < 0 && errno != EINTR)
			return;
	}
}

/* ---- output from the command ---- */

static void close_pipe(struct pipe_end *e)
{
	if (e->fd >= 0)
		(void)close(e->fd); /* read only */
	e->fd = -1;
}

/* Reads what is there; false when there is no more for now. */
static bool read_some(struct run *u, struct pipe_end *e)
{
	char buf[READ_BYTES];
	if (e->fd < 0)
		return false;
	ssize_t n = read(e->fd, buf, sizeof buf);
	if (n < 0 && (errno == EINTR))
		return true;
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return false;
	if (n <= 0) {
		close_pipe(e);
		return false;
	}
	rv_sha256_add(e->sha256, rv_str_n(buf, (size_t)n));
	e->stream->n_bytes += (uint64_t)n;
	enqueue(u, e->tag, rv_str_n(buf, (size_t)n));
	return true;
}

/* ---- the processes ---- */

static void reap(struct run *u, bool *ret_none_left)
{
	int status;
	*ret_none_left = false;
	for (;;) {
		pid_t p = waitpid(-1, &status, WNOHANG);
		if (p == u->pid) {
			u->status = status;
			u->is_over = true;
		}
		if (p < 0 && errno == EINTR)
			continue;
		if (p < 0)
			*ret_none_left = errno == ECHILD;
		if (p <= 0)
			return;
	}
}

/* Everything that was reparented to us because its parent died; and the group. */
static void kill_all(struct run *u, int sig)
{
	char path[64], text[4096];
	(void)kill(-u->pid, sig); /* ESRCH: nobody left in it */
	(void)snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid()); /* fits */
	RV_AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	ssize_t n = read(fd, text, sizeof text - 1);
	struct rv_str rest = rv_str_n(text, n > 0 ? (size_t)n : 0), word;
	while (rv_str_split(&rest, ' ', &word)) {
		int64_t pid;
		/* A number cut at the buffer's end is not followed by a blank: its turn comes. */
		if (rest.p && rv_str_i64(word, &pid) && pid > 1 && pid <= INT32_MAX)
			(void)kill((pid_t)pid, sig); /* our child until we reap it: the right one */
	}
}

/* After the command's own end: nothing of it may go on. */
static void clear_out(struct run *u)
{
	int64_t until = now_ms() + EMPTY_MS;
	bool none_left = false;
	for (;;) {
		kill_all(u, SIGKILL);
		reap(u, &none_left);
		while (read_some(u, &u->pipes[0]) || read_some(u, &u->pipes[1]))
			;
		if ((none_left && u->is_over) || now_ms() >= until)
			break;
		(void)poll(NULL, 0, 2); /* killed processes take a moment to be gone */
	}
	u->r->is_empty = none_left && u->is_over && kill(-u->pid, 0) != 0 && errno == ESRCH;
}

/* Listens until the command itself has ended or its time is up. */
static void listen_to(struct run *u)
{
	int64_t until = now_ms() + u->cmd->timeout_ms;
	bool none_left;
	while (!u->is_over) {
		int64_t left = until - now_ms();
		if (left <= 0 && u->r->timed_out)
			return;
		if (left <= 0) {
			u->r->timed_out = true;
			kill_all(u, SIGTERM);
			until = now_ms() + TERM_GRACE_MS;
			continue;
		}
		bool wants_out = u->worker >= 0 && u->queue_at < u->queue.n;
		struct pollfd p[4] = { { u->pidfd, POLLIN, 0 }, { u->pipes[0].fd, POLLIN, 0 },
			{ u->pipes[1].fd, POLLIN, 0 }, { wants_out ? u->worker : -1, POLLOUT, 0 } };
		if (poll(p, 4, left > 1000000 ? 1000000 : (int)left) < 0 && errno != EINTR)
			return;
		for (int i = 0; i < 2; i++)
			if (p[1 + i].revents)
				(void)read_some(u, &u->pipes[i]);
		send_some(u);
		if (p[0].revents)
			reap(u, &none_left);
	}
}

/* ---- start ---- */

static enum rv_code open_pipes(struct run *u, int write_ends[2], struct rv_err *err)
{
	for (int i = 0; i < 2; i++) {
		int fd[2];
		if (pipe2(fd, O_CLOEXEC) != 0)
			return RV_FAIL(err, RV_EIO, "pipe: %s", strerror(errno));
		u->pipes[i].fd = fd[0];
		write_ends[i] = fd[1];
		if (fcntl(fd[0], F_SETFL, O_NONBLOCK) != 0)
			return RV_FAIL(err, RV_EIO, "O_NONBLOCK: %s", strerror(errno));
	}
	return RV_OK;
}

static enum rv_code start(
	struct run *u, const struct rv_exec_start *s, const int write_ends[2], struct rv_err *err)
{
	int fd[2];
	struct rv_exec_start_failure f = { 0 };
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0 || pipe2(fd, O_CLOEXEC) != 0)
		return RV_FAIL(err, RV_EIO, "cannot prepare: %s", strerror(errno));
	pid_t self = getpid();
	u->pid = fork();
	if (u->pid == 0)
		rv_exec_start_go(s, self, write_ends[0], write_ends[1], fd[1]);
	(void)close(fd[1]); /* so that its closing by execve is seen */
	RV_AUTO_FD report = fd[0];
	if (u->pid < 0)
		return RV_FAIL(err, RV_EIO, "fork: %s", strerror(errno));
	u->pidfd = (int)syscall(SYS_pidfd_open, u->pid, 0);
	ssize_t n;
	do
		n = read(report, &f, sizeof f);
	while (n < 0 && errno == EINTR);
	u->r->started = n == 0 && u->pidfd >= 0;
	if (!u->r->started) {
		static const char *const steps[] = { "execve", "chdir", "setrlimit", "/dev/null" };
		u->r->start_error = n > 0 ? f.error : EIO;
		u->r->start_step = "preparation";
		for (size_t i = 0; i < RV_COUNT(steps); i++)
			if (n > 0 && strncmp(f.step, steps[i], sizeof f.step) == 0)
				u->r->start_step = steps[i];
	}
	return RV_OK;
}

static void finish(struct run *u, int64_t began_ms)
{
	struct rv_exec_result *r = u->r;
	r->duration_ms = now_ms() - began_ms;
	if (WIFSIGNALED(u->status))
		r->signal = WTERMSIG(u->status);
	else
		r->exit_status = WEXITSTATUS(u->status);
	for (int i = 0; i < 2; i++)
		rv_sha256_end(u->pipes[i].sha256, &u->pipes[i].stream->sha256);
}

static enum rv_code run(struct run *u, const struct rv_exec_start *s, struct rv_err *err)
{
	int write_ends[2] = { -1, -1 };
	int64_t began_ms = now_ms();
	enum rv_code code = open_pipes(u, write_ends, err);
	if (code == RV_OK)
		code = start(u, s, write_ends, err);
	for (int i = 0; i < 2; i++)
		if (write_ends[i] >= 0)
			(void)close(write_ends[i]); /* the command has its own */
	if (code != RV_OK)
		return code;
	if (u->r->started)
		listen_to(u);
	clear_out(u);
	finish(u, began_ms);
	flush_worker(u);
	return RV_OK;
}

enum rv_code rv_exec_run(struct rv_arena *a, const struct rv_exec_facts *f, int worker,
	struct rv_exec_result *ret, struct rv_err *err)
{
	struct rv_exec_start s;
	*ret = (struct rv_exec_result){ 0 };
	struct run u = { .r = ret,
		.cmd = f->cmd,
		.worker = worker,
		.pidfd = -1,
		.pipes = { { -1, '1', &ret->out, NULL }, { -1, '2', &ret->err, NULL } } };
	RV_TRY(rv_exec_start_make(a, f, &s, err));
	rv_buf_init(&u.queue, (size_t)f->cmd->output_bytes * 2 + (1 << 20));
	u.pipes[0].sha256 = rv_sha256_new();
	u.pipes[1].sha256 = rv_sha256_new();
	enum rv_code code = run(&u, &s, err);
	for (int i = 0; i < 2; i++) {
		close_pipe(&u.pipes[i]);
		rv_sha256_free(u.pipes[i].sha256);
	}
	if (u.pidfd >= 0)
		(void)close(u.pidfd); /* nothing to lose */
	rv_buf_done(&u.queue);
	return code;
}
