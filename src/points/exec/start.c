/* The last steps before the command: from a copy of the runner to a process that has only what the
 * configuration says. */
#include "points/exec/start.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

enum { FIRST_INPUT = 3, HIGH_FD = 100, NOFILE = 1024 };

/* ---- argv and environment, made before the fork ---- */

static char *expand(struct rv_arena *a, const struct rv_exec_facts *f, struct rv_str text,
	const struct rv_str *inputs)
{
	RV_AUTO_BUF b;
	rv_buf_init(&b, 1 << 17);
	rv_exec_template_expand(f->cmd, text, f->values, inputs, &b);
	if (b.failed)
		return NULL;
	return (char *)rv_arena_str(a, b.n ? rv_buf_str(&b) : RV_STR("")).p; /* arena's own */
}

enum rv_code rv_exec_start_make(struct rv_arena *a, const struct rv_exec_facts *f,
	struct rv_exec_start *ret, struct rv_err *err)
{
	const struct rv_exec_command *c = f->cmd;
	struct rv_str inputs[RV_EXEC_INPUTS_MAX];
	struct rv_exec_start s = { .facts = f,
		.argv = rv_arena_array(a, c->n_argv + 4, sizeof(char *)),
		.envp = rv_arena_array(a, c->n_env + 1, sizeof(char *)),
		.cwd = rv_arena_str(a, c->cwd).p };
	if (!s.argv || !s.envp || !s.cwd)
		return RV_FAIL_ARENA(err);
	for (size_t i = 0; i < c->n_inputs; i++) {
		char *path = rv_arena_printf(a, "/proc/self/fd/%zu", FIRST_INPUT + i);
		if (!path)
			return RV_FAIL_ARENA(err);
		inputs[i] = rv_str_of(path);
	}
	size_t n = 0;
	if (f->interpreter.fd >= 0) {
		s.argv[n++] = (char *)f->interpreter_path.p; /* execve does not write to it */
		if (f->interpreter_arg.n)
			s.argv[n++] = (char *)f->interpreter_arg.p;
		s.argv[n++] = rv_arena_printf(a, "/proc/self/fd/%zu", FIRST_INPUT + c->n_inputs);
	} else {
		s.argv[n++] = (char *)rv_arena_str(a, c->argv[0]).p;
	}
	for (size_t i = 1; i < c->n_argv; i++)
		s.argv[n++] = expand(a, f, c->argv[i], inputs);
	for (size_t i = 0; i < n; i++)
		if (!s.argv[i])
			return RV_FAIL_ARENA(err);
	for (size_t i = 0; i < c->n_env; i++) {
		s.envp[i] = rv_arena_printf(
			a, "%.*s=%.*s", RV_FMT(c->env[i].name), RV_FMT(c->env[i].value));
		if (!s.envp[i])
			return RV_FAIL_ARENA(err);
	}
	*ret = s;
	return RV_OK;
}

/* ---- after the fork ---- */

_Noreturn static void give_up(int report_fd, const char *step)
{
	struct rv_exec_start_failure f = { .error = errno };
	(void)snprintf(f.step, sizeof f.step, "%s", step); /* cut is fine */
	ssize_t n = write(report_fd, &f, sizeof f);
	_exit(n == sizeof f ? 126 : 125);
}

static int raise_fd(int fd, int report_fd)
{
	int high = fcntl(fd, F_DUPFD_CLOEXEC, HIGH_FD);
	if (high < 0)
		give_up(report_fd, "F_DUPFD");
	return high;
}

static void place_fd(int from, int to, int report_fd)
{
	if (dup2(from, to) != to) /* clears close-on-exec */
		give_up(report_fd, "dup2");
}

static void limit(int what, rlim_t most, int report_fd)
{
	struct rlimit r = { most, most }, now;
	if (getrlimit((__rlimit_resource_t)what, &now) != 0)
		give_up(report_fd, "getrlimit");
	if (now.rlim_max < most)
		r.rlim_cur = r.rlim_max = now.rlim_max;
	if (setrlimit((__rlimit_resource_t)what, &r) != 0)
		give_up(report_fd, "setrlimit");
}

/* The command's descriptors: 0 nothing, 1 and 2 the pipes, from 3 on its inputs, then the script.
 * Everything is lifted out of the way first. Returns what is to be executed. */
static int place_all(const struct rv_exec_start *s, int out_fd, int err_fd, int *report_fd)
{
	const struct rv_exec_facts *f = s->facts;
	size_t n = f->cmd->n_inputs;
	int in[RV_EXEC_INPUTS_MAX];
	bool is_script = f->interpreter.fd >= 0;
	int report = raise_fd(*report_fd, *report_fd);
	*report_fd = report;
	int program = raise_fd(is_script ? f->interpreter.fd : f->program.fd, report);
	int script = is_script ? raise_fd(f->program.fd, report) : -1;
	int out = raise_fd(out_fd, report), error = raise_fd(err_fd, report);
	for (size_t i = 0; i < n; i++)
		in[i] = raise_fd(f->inputs[i].fd, report);
	int none = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (none < 0)
		give_up(report, "/dev/null");
	place_fd(raise_fd(none, report), 0, report);
	place_fd(out, 1, report);
	place_fd(error, 2, report);
	for (size_t i = 0; i < n; i++)
		place_fd(in[i], FIRST_INPUT + (int)i, report);
	int next = FIRST_INPUT + (int)n;
	if (is_script)
		place_fd(script, next++, report);
	if (close_range((unsigned)next, ~0U, CLOSE_RANGE_CLOEXEC) != 0)
		give_up(report, "close_range");
	return program;
}

static void plain_signals(int report_fd)
{
	sigset_t none;
	struct sigaction dfl = { .sa_handler = SIG_DFL };
	for (int i = 1; i < NSIG; i++)
		(void)sigaction(i, &dfl, NULL); /* KILL, STOP and libc's own cannot be set */
	if (sigemptyset(&none) != 0 || sigprocmask(SIG_SETMASK, &none, NULL) != 0)
		give_up(report_fd, "sigprocmask");
}

_Noreturn void rv_exec_start_go(
	const struct rv_exec_start *s, pid_t parent, int out_fd, int err_fd, int report_fd)
{
	const struct rv_exec_command *c = s->facts->cmd;
	int program = place_all(s, out_fd, err_fd, &report_fd);
	plain_signals(report_fd);
	if (setsid() < 0)
		give_up(report_fd, "setsid");
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 || getppid() != parent)
		give_up(report_fd, "PR_SET_PDEATHSIG");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		give_up(report_fd, "PR_SET_NO_NEW_PRIVS");
	limit(RLIMIT_CORE, 0, report_fd);
	limit(RLIMIT_NOFILE, NOFILE, report_fd);
	limit(RLIMIT_FSIZE, (rlim_t)c->file_bytes, report_fd);
	limit(RLIMIT_CPU, (rlim_t)(c->timeout_ms / 1000 + 1), report_fd);
	(void)umask(022); /* cannot fail */
	if (chdir(s->cwd) != 0)
		give_up(report_fd, "chdir");
	(void)execveat(program, "", s->argv, s->envp, AT_EMPTY_PATH); /* returns only on failure */
	give_up(report_fd, "execve");
}
