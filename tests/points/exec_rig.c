#include "tests/points/exec_rig.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/enc.h"
#include "base/file.h"
#include "base/log.h"
#include "base/uuid.h"
#include "http/http.h"
#include "points/exec/wire.h"

enum { WAIT_MS = 10000 };

static int64_t now_ms(void)
{
	return rv_clock_mono_ns(rv_clock_system()) / RV_NS_PER_MS;
}

bool rig_wait(const volatile int *what, int want)
{
	for (int64_t until = now_ms() + WAIT_MS; now_ms() < until;) {
		if (*what >= want)
			return true;
		(void)poll(NULL, 0, 2); /* for another process to get on */
	}
	return false;
}

bool rig_wait_file(const char *path, bool is_there)
{
	for (int64_t until = now_ms() + WAIT_MS; now_ms() < until;) {
		if ((access(path, F_OK) == 0) == is_there)
			return true;
		(void)poll(NULL, 0, 2); /* for another process to get on */
	}
	return false;
}

/* ---- the fake server ---- */

static void put(char *to, size_t size, struct rv_str s)
{
	(void)snprintf(to, size, "%.*s", RV_FMT(s)); /* cut is fine */
}

static void note(struct rig_fake *f, struct rv_http_req *r)
{
	struct rig_call *c = &f->calls[f->n_calls % RIG_CALLS];
	put(c->path, sizeof c->path, rv_http_head(r)->target);
	put(c->body, sizeof c->body, rv_http_body(r));
	put(c->auth, sizeof c->auth, rv_http_header(r, "Authorization"));
	put(c->subject, sizeof c->subject, rv_http_header(r, "Reeve-Subject-Token"));
	put(c->request_id, sizeof c->request_id, rv_http_header(r, "X-Request-ID"));
	f->n_calls++;
}

static void digest_of(const struct rv_json *q, char out[80])
{
	RV_AUTO_BUF b;
	struct rv_json_w w;
	struct rv_sha256 h;
	rv_buf_init(&b, 1 << 20);
	rv_json_w_init(&w, &b);
	rv_json_w_arr(&w);
	rv_json_w_value(&w, rv_json_get(q, "subject"));
	rv_json_w_value(&w, rv_json_get(q, "action"));
	rv_json_w_value(&w, rv_json_get(q, "resource"));
	rv_json_w_value(&w, rv_json_get(rv_json_get(q, "context"), "arguments"));
	rv_json_w_arr_end(&w);
	rv_sha256_of(rv_buf_str(&b), &h);
	memcpy(out, "sha256:", 7);
	rv_hex_z(h.b, sizeof h.b, out + 7);
}

static void uuid(char out[40])
{
	struct rv_uuid u;
	rv_uuid7(rv_clock_unix_ns(rv_clock_system()), &u);
	(void)rv_uuid_format(&u, out); /* returns its buffer */
}

static void answer(struct rv_http_req *r, bool decision, const char *outcome, const char *digest,
	const char *rest)
{
	rv_buf_printf(rv_http_out(r),
		"{\"decision\":%s,\"context\":{\"reeve\":{\"outcome\":\"%s\",\"id\":"
		"\"01930000-0000-7000-8000-000000000001\",\"digest\":\"%s\"%s%s}}}",
		decision ? "true" : "false", outcome, digest, rest[0] ? "," : "", rest);
	rv_http_reply_json(r, 200, rv_buf_str(rv_http_out(r)));
}

static void allow(struct rig_fake *f, struct rv_http_req *r, const char *digest)
{
	char rest[128], intent[40];
	uuid(intent);
	(void)snprintf(f->seen_intent, sizeof f->seen_intent, "%s", intent); /* fits */
	f->n_intents++;
	(void)snprintf(rest, sizeof rest, "\"intent\":{\"id\":\"%s\"}", intent); /* fits */
	answer(r, true, "allow", digest, rest);
}

static void deny(struct rv_http_req *r, const char *digest, const char *code, const char *more)
{
	char rest[2048];
	(void)snprintf(rest, sizeof rest,
		"\"reasons\":[{\"code\":\"%s\",\"text\":\"because of %s\"}]%s", code, code,
		more); /* fits */
	answer(r, false, "deny", digest, rest);
}

static void hold(
	struct rig_fake *f, struct rv_http_req *r, const struct rv_json *q, const char *digest)
{
	char rest[512];
	const struct rv_json *named =
		rv_json_get(rv_json_get(rv_json_get(q, "context"), "reeve"), "approval");
	if (named && strcmp(digest, f->held_digest) != 0) {
		(void)snprintf(rest, sizeof rest, ",\"approval\":{\"id\":\"%s\",\"digest\":\"%s\"}",
			f->approval, f->held_digest); /* fits */
		deny(r, digest, "approval_mismatch", rest);
		return;
	}
	if (f->is_denied) {
		deny(r, digest, "approval_denied", "");
		return;
	}
	if (f->is_approved && strcmp(digest, f->held_digest) == 0) {
		if (f->n_used > 0) {
			deny(r, digest, "approval_used", "");
			return;
		}
		f->n_used++;
		allow(f, r, digest);
		return;
	}
	if (!f->approval[0])
		uuid(f->approval);
	(void)snprintf(f->held_digest, sizeof f->held_digest, "%s", digest); /* fits */
	(void)snprintf(rest, sizeof rest,
		"\"reasons\":[{\"policy\":\"prod#0\",\"text\":\"people first\"}],\"approval\":{"
		"\"id\":\"%s\",\"state\":\"pending\",\"digest\":\"%s\",\"groups\":[\"release-"
		"managers\"],\"expires\":\"2030-01-01T00:00:00Z\"}",
		f->approval, digest); /* fits */
	answer(r, false, "hold", digest, rest);
}

static void on_ask(struct rv_http_req *r, void *self)
{
	struct rig_fake *f = self;
	const struct rv_json *q;
	struct rv_err err = { 0 };
	char digest[80];
	note(f, r);
	if (rv_http_json(r, NULL, &q, &err) != RV_OK) {
		rv_http_reply_err(r, &err);
		f->n_asks++;
		return;
	}
	digest_of(q, digest);
	if (f->answer_late > 0) { /* decided and recorded, and then the power fails */
		f->answer_late--;
		put(f->seen_id, sizeof f->seen_id, rv_http_header(r, "X-Request-ID"));
		f->n_intents++;
		f->n_asks++;
		_exit(9);
	}
	switch ((enum rig_mode)f->mode) {
	case RIG_ALLOW:
		allow(f, r, digest);
		break;
	case RIG_HOLD:
		hold(f, r, q, digest);
		break;
	case RIG_DENY:
		deny(r, digest, "no_permit", "");
		break;
	case RIG_AUDIT:
		deny(r, digest, "audit_unavailable", "");
		break;
	case RIG_401:
		err = (struct rv_err){ .code = RV_EAUTH };
		(void)snprintf(err.msg, sizeof err.msg, "no valid credential"); /* fits */
		rv_http_reply_err(r, &err);
		break;
	case RIG_500:
		err = (struct rv_err){ .code = RV_EBUSY };
		rv_http_reply_err(r, &err);
		break;
	case RIG_GARBAGE:
		rv_http_reply_json(r, 200, RV_STR("{\"decision\":true"));
		break;
	case RIG_NO_INTENT:
		answer(r, true, "allow", digest, "");
		break;
	case RIG_CONTRADICTION:
		answer(r, true, "deny", digest, "");
		break;
	case RIG_REVERSED:
		answer(r, false, "allow", digest,
			"\"intent\":{\"id\":\"01930000-0000-7000-8000-000000000009\"}");
		break;
	case RIG_ODD_OUTCOME:
		answer(r, true, "allowed", digest,
			"\"intent\":{\"id\":\"01930000-0000-7000-8000-000000000009\"}");
		break;
	case RIG_EMPTY:
		rv_http_reply_json(r, 200, RV_STR("{\"decision\":true}"));
		break;
	}
	f->n_asks++;
}

struct poll_state {
	struct rig_fake *f;
	int64_t until_ms;
};

static void look_again(struct rv_http_req *r, void *arg)
{
	struct poll_state *p = arg;
	bool is_over = p->f->is_approved || p->f->is_denied;
	if (!is_over && now_ms() < p->until_ms) {
		rv_http_after(r, 5, look_again, p);
		return;
	}
	rv_buf_printf(rv_http_out(r), "{\"id\":\"%s\",\"state\":\"%s\"}", p->f->approval,
		p->f->is_denied		    ? "denied"
			: p->f->is_approved ? "approved"
					    : "pending");
	rv_http_reply_json(r, 200, rv_buf_str(rv_http_out(r)));
}

static void on_poll(struct rv_http_req *r, void *self)
{
	struct rig_fake *f = self;
	struct poll_state *p = rv_arena_alloc(rv_http_arena(r), sizeof *p);
	rv_assert(p);
	note(f, r);
	*p = (struct poll_state){ f, now_ms() + 2000 };
	f->n_polls++;
	look_again(r, p);
}

static void on_outcome(struct rv_http_req *r, void *self)
{
	struct rig_fake *f = self;
	struct rv_err err = { .code = RV_EBUSY };
	note(f, r);
	if (f->reject_outcomes) {
		err.code = f->reject_outcomes == 2 ? RV_ENOENT : RV_EINVAL;
		rv_http_reply_err(r, &err);
	} else if (f->refuse_outcomes) {
		if (f->refuse_outcomes > 0)
			f->refuse_outcomes--;
		rv_http_reply_err(r, &err);
	} else {
		rv_http_reply_json(r, 200, RV_STR("{}"));
	}
	f->n_outcomes++;
}

static const struct rv_http_route routes[] = {
	{ RV_HTTP_POST, "/access/v1/evaluation", on_ask, 0, NULL },
	{ RV_HTTP_GET, "/v1/approvals/{id}", on_poll, 0, NULL },
	{ RV_HTTP_POST, "/v1/outcomes", on_outcome, 0, NULL },
};

_Noreturn static void serve_main(struct rig *r, int ready_fd)
{
	struct rv_err err = { 0 };
	struct rv_http_router *router;
	struct rv_http_server *server;
	const struct rv_http_table table = { routes, RV_COUNT(routes), r->fake };
	const struct rv_http_listen l = { .address = r->serve_url };
	struct rv_http_server_opts o = { .listens = &l, .n_listens = 1 };
	if (rv_http_router_new(&table, 1, &router, &err) != RV_OK)
		_exit(1);
	o.router = router;
	if (rv_http_server_new(&o, &server, &err) != RV_OK ||
		rv_http_server_start(server, &err) != RV_OK) {
		fprintf(stderr, "fake serve: %s\n", err.msg);
		_exit(1);
	}
	if (write(ready_fd, "", 1) != 1)
		_exit(1);
	(void)close(ready_fd);
	for (;;)
		(void)pause();
}

/* ---- processes ---- */

static bool wait_ready(int fd)
{
	struct pollfd p = { fd, POLLIN, 0 };
	char c;
	bool ok = poll(&p, 1, WAIT_MS) == 1 && read(fd, &c, 1) == 1;
	(void)close(fd);
	return ok;
}

static pid_t fork_bound(void)
{
	(void)fflush(stdout);
	pid_t pid = fork();
	if (pid == 0)
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	return pid;
}

bool rig_serve_start(struct rig *r)
{
	int fd[2];
	if (pipe2(fd, O_CLOEXEC) != 0)
		return false;
	r->serve = fork_bound();
	if (r->serve == 0)
		serve_main(r, fd[1]);
	(void)close(fd[1]);
	return wait_ready(fd[0]);
}

void rig_serve_kill(struct rig *r)
{
	if (r->serve > 0) {
		(void)kill(r->serve, SIGKILL);
		(void)waitpid(r->serve, NULL, 0);
	}
	r->serve = 0;
}

_Noreturn static void runner_main(struct rig *r, int ready_fd)
{
	struct rv_arena a;
	struct rv_err err = { 0 };
	struct rv_str text;
	const struct rv_exec_conf *conf;
	char buf[900];
	rv_log_level_set(RV_LOG_ERROR);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* as main.c has it */
	rv_arena_init(&a, 32 << 20);
	(void)signal(SIGPIPE, SIG_IGN);
	if (rv_file_read(&a, r->conf_path, 1 << 20, &text, &err) != RV_OK ||
		rv_exec_conf_read(&a, text, r->conf_path, &conf, &err) != RV_OK ||
		rv_exec_runner_run(
			&(struct rv_exec_runner_opts){
				.conf = conf, .ready_fd = ready_fd, .grace_ms = 5000 },
			&err) != RV_OK) {
		fprintf(stderr, "runner: %s\n", rv_err_text(&err, buf, sizeof buf));
		_exit(rv_code_exit(err.code));
	}
	rv_arena_done(&a);
	_exit(0);
}

bool rig_runner_start(struct rig *r)
{
	int fd[2];
	if (pipe2(fd, O_CLOEXEC) != 0)
		return false;
	r->runner = fork_bound();
	if (r->runner == 0)
		runner_main(r, fd[1]);
	(void)close(fd[1]);
	return wait_ready(fd[0]);
}

void rig_runner_signal(struct rig *r, int sig)
{
	if (r->runner > 0) {
		(void)kill(r->runner, sig);
		(void)waitpid(r->runner, NULL, 0);
	}
	r->runner = 0;
}

void rig_file(
	struct rig *r, const char *name, const void *bytes, size_t n, mode_t mode, char path[128])
{
	struct rv_err err = { 0 };
	(void)snprintf(path, 128, "%s/%s", r->dir, name); /* fits */
	enum rv_code code = rv_file_write(path, rv_str_n(bytes, n), mode, &err);
	CHECKF(code == RV_OK, "%s: %s", path, err.msg);
}

static const char SCENES[] =
	"#!/bin/sh\n"
	"dir=${0%/*}\n"
	"case \"$1\" in\n"
	"echo) echo out; echo err >&2 ;;\n"
	"env) /usr/bin/env | /usr/bin/sort ;;\n"
	"fds) for f in /proc/self/fd/*; do echo \"${f##*/}\"; done ;;\n"
	"where) pwd; umask; ulimit -c; /bin/grep NoNewPrivs /proc/self/status ;;\n"
	"fail) exit 7 ;;\n"
	"masked) exit 81 ;;\n"
	"signal) kill -USR1 $$ ;;\n"
	"hang) echo started; exec /bin/sleep 600 ;;\n"
	"stubborn) trap '' TERM; echo started; while :; do /bin/sleep 600; done ;;\n"
	"leave) (exec /bin/sleep 611 </dev/null >/dev/null 2>&1) & echo left ;;\n"
	"escape) /usr/bin/setsid /bin/sleep 612 </dev/null >/dev/null 2>&1 & echo left ;;\n"
	"flood) /usr/bin/head -c 100000 /dev/zero | /usr/bin/tr '\\0' x ;;\n"
	"binary) printf '\\377\\000\\001' ;;\n"
	"stdin) /bin/cat; echo end ;;\n"
	"esac\n";

static const char CONF[] = "server: \"%s\"\n"
			   "token_file: %s/point.token\n"
			   "listen: %s\n"
			   "spool: %s/spool\n"
			   "workers:\n"
			   "  - {user: %u, systems: [deploy-bot, spare-bot]}\n"
			   "%s"
			   "commands:\n"
			   "  cat:\n"
			   "    action: show\n"
			   "    argv: [/bin/cat, \"{input:file}\"]\n"
			   "    inputs: {file: {max: 65536}}\n"
			   "    resource: {type: File, id: it}\n"
			   "    effect: read\n"
			   "  release:\n"
			   "    action: deploy\n"
			   "    argv: [/bin/echo, \"{target}\", \"--from={input:site}\"]\n"
			   "    params: {target: {enum: [staging, production]}}\n"
			   "    inputs: {site: {max: 65536}}\n"
			   "    resource: {type: Service, id: \"shop-{target}\"}\n"
			   "    effect: write\n"
			   "    env: {STAGE: yes-please}\n"
			   "    cwd: /tmp\n"
			   "  scene:\n"
			   "    action: play\n"
			   "    argv: [%s/scenes, \"{scene}\"]\n"
			   "    params: {scene: {text: {max: 20, charset: a-z}}}\n"
			   "    resource: {type: Stage, id: \"{scene}\"}\n"
			   "    effect: write\n"
			   "    env: {PATH: /nowhere, ONE: \"1 and more\"}\n"
			   "    cwd: /tmp\n"
			   "    timeout: 1s\n"
			   "    output: 4096\n"
			   "  slow:\n"
			   "    action: play\n"
			   "    argv: [%s/scenes, \"{scene}\"]\n"
			   "    params: {scene: {text: {max: 20, charset: a-z}}}\n"
			   "    resource: {type: Stage, id: \"{scene}\"}\n"
			   "    effect: write\n"
			   "    timeout: 60s\n"
			   "  spend:\n"
			   "    action: spend\n"
			   "    argv: [/bin/echo, \"{amount}\", for, \"{campaign}\"]\n"
			   "    params:\n"
			   "      amount: {decimal: {max: \"5000.00\"}}\n"
			   "      campaign: {text: {max: 16, charset: \"a-z0-9./-\"}}\n"
			   "    resource: {type: Account, id: ads}\n"
			   "    effect: external\n"
			   "    amount: \"{amount}\"\n"
			   "    limits: {ad-spend: \"{amount}\"}\n"
			   "  lose:\n"
			   "    action: play\n"
			   "    argv: [/bin/false]\n"
			   "    resource: {type: Stage, id: lose}\n"
			   "    effect: write\n"
			   "    limits: {ad-spend: \"3\"}\n"
			   "  gone:\n"
			   "    action: play\n"
			   "    argv: [%s/gone]\n"
			   "    resource: {type: Stage, id: gone}\n"
			   "    effect: write\n"
			   "    cwd: %s/nowhere\n"
			   "    limits: {ad-spend: \"3\"}\n";

static const char POINT[] = "rvp_pointpointpointpointpointpointpointpoint000\n";
static const char SYSTEM[] = "rvs_workerworkerworkerworkerworkerworkerwork00\n";

bool rig_start(struct rig *r, const char *extra)
{
	static char conf[8192];
	char path[128];
	memset(r, 0, sizeof *r);
	(void)snprintf(r->dir, sizeof r->dir, "/tmp/reeve-exec-XXXXXX"); /* fits */
	if (!mkdtemp(r->dir))
		return false;
	(void)snprintf(r->socket, sizeof r->socket, "%s/exec.sock", r->dir); /* fits */
	(void)snprintf(r->serve_url, sizeof r->serve_url, "unix:%s/serve.sock", r->dir); /* fits */
	(void)snprintf(r->token, sizeof r->token, "%s/worker.token", r->dir); /* fits */
	(void)snprintf(r->conf_path, sizeof r->conf_path, "%s/runner.yaml", r->dir); /* fits */
	r->fake = mmap(
		NULL, sizeof *r->fake, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (r->fake == MAP_FAILED)
		return false;
	rig_file(r, "point.token", POINT, sizeof POINT - 1, 0600, path);
	rig_file(r, "worker.token", SYSTEM, sizeof SYSTEM - 1, 0600, path);
	rig_file(r, "scenes", SCENES, sizeof SCENES - 1, 0755, path);
	rig_file(r, "gone", SCENES, sizeof SCENES - 1, 0755, path);
	int n = snprintf(conf, sizeof conf, CONF, r->serve_url, r->dir, r->socket, r->dir,
		(unsigned)geteuid(), extra ? extra : "", r->dir, r->dir, r->dir, r->dir);
	rig_file(r, "runner.yaml", conf, (size_t)n, 0600, path);
	bool ok = rig_serve_start(r) && rig_runner_start(r);
	CHECKF(ok, "the rig does not start in %s", r->dir);
	return ok;
}

static void remove_tree(const char *dir)
{
	DIR *d = opendir(dir);
	if (!d)
		return;
	for (struct dirent *e; (e = readdir(d));) {
		char path[512];
		struct stat st;
		(void)snprintf(path, sizeof path, "%s/%s", dir, e->d_name); /* fits */
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode))
			remove_tree(path);
		(void)remove(path);
	}
	(void)closedir(d);
	(void)remove(dir);
}

void rig_stop(struct rig *r)
{
	rig_runner_signal(r, SIGTERM);
	rig_serve_kill(r);
	if (r->fake)
		(void)munmap(r->fake, sizeof *r->fake);
	remove_tree(r->dir);
}

/* ---- workers ---- */

void rig_worker_start(struct rig *r, struct rig_worker *w, struct rv_exec_client_opts o)
{
	static int number;
	number++;
	(void)snprintf(w->out_path, sizeof w->out_path, "%s/out%d", r->dir, number); /* fits */
	(void)snprintf(w->err_path, sizeof w->err_path, "%s/err%d", r->dir, number); /* fits */
	w->pid = fork_bound();
	if (w->pid != 0)
		return;
	(void)signal(SIGPIPE, SIG_IGN);
	if (!o.socket)
		o.socket = r->socket;
	if (!o.token_file)
		o.token_file = r->token;
	if (!o.system)
		o.system = "deploy-bot";
	o.out_fd = open(w->out_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	o.err_fd = open(w->err_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	_exit(rv_exec_client_run(&o));
}

static void slurp(const char *path, char *to, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, to, size - 1);
	to[n > 0 ? n : 0] = '\0';
	if (fd >= 0)
		(void)close(fd);
}

void rig_worker_end(struct rig_worker *w, struct rig_end *ret)
{
	int status;
	ret->status = -1;
	for (int64_t until = now_ms() + 3 * WAIT_MS; now_ms() < until;) {
		if (waitpid(w->pid, &status, WNOHANG) == w->pid) {
			ret->status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
			w->pid = 0;
			break;
		}
		(void)poll(NULL, 0, 2); /* for another process to get on */
	}
	if (w->pid) {
		(void)kill(w->pid, SIGKILL);
		(void)waitpid(w->pid, NULL, 0);
	}
	slurp(w->out_path, ret->out, sizeof ret->out);
	slurp(w->err_path, ret->err, sizeof ret->err);
}

void rig_exec(struct rig *r, const char *command, const char *param, const char *input,
	int64_t wait_ms, struct rig_end *ret)
{
	struct rig_worker w;
	rig_worker_start(r, &w,
		(struct rv_exec_client_opts){ .command = command,
			.params = &param,
			.n_params = param ? 1 : 0,
			.inputs = &input,
			.n_inputs = input ? 1 : 0,
			.wait_ms = wait_ms });
	rig_worker_end(&w, ret);
}

const struct rig_call *rig_call(const struct rig *r, const char *path, int n)
{
	for (int i = 0; i < r->fake->n_calls && i < RIG_CALLS; i++)
		if (strncmp(r->fake->calls[i].path, path, strlen(path)) == 0 && n-- == 0)
			return &r->fake->calls[i];
	return NULL;
}

int rig_count(const char *text, const char *needle)
{
	int n = 0;
	for (const char *p = text; (p = strstr(p, needle)); p += strlen(needle))
		n++;
	return n;
}

int rig_spool_files(const struct rig *r, const char *end)
{
	char path[96];
	int n = 0;
	(void)snprintf(path, sizeof path, "%s/spool", r->dir); /* fits */
	DIR *d = opendir(path);
	for (struct dirent *e; d && (e = readdir(d));)
		n += rv_str_ends(rv_str_of(e->d_name), rv_str_of(end));
	if (d)
		(void)closedir(d);
	return n;
}

int rig_connect(const struct rig *r)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	memcpy(un.sun_path, r->socket, strlen(r->socket) + 1);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&un, sizeof un) == 0)
		return fd;
	if (fd >= 0)
		(void)close(fd);
	return -1;
}

const char *rig_talk(const struct rig *r, const char *text, size_t n, const int *fds, size_t n_fds,
	char *buf, size_t size)
{
	struct pollfd p = { rig_connect(r), POLLIN, 0 };
	union {
		char bytes[CMSG_SPACE(64 * sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	struct iovec io = { (void *)text, n };
	struct msghdr h = { .msg_iov = &io, .msg_iovlen = 1 };
	buf[0] = '\0';
	if (n_fds) {
		h.msg_control = control.bytes;
		h.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		struct cmsghdr *c = CMSG_FIRSTHDR(&h);
		*c = (struct cmsghdr){ .cmsg_len = CMSG_LEN(n_fds * sizeof(int)),
			.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS };
		memcpy(CMSG_DATA(c), fds, n_fds * sizeof(int));
	}
	ssize_t got = sendmsg(p.fd, &h, MSG_NOSIGNAL);
	CHECKF(got == (ssize_t)n, "sent %zd of %zu: %s", got, n, strerror(errno));
	for (;;) {
		got = poll(&p, 1, WAIT_MS) == 1 ? recv(p.fd, buf, size - 1, 0) : 0;
		buf[got > 0 ? got : 0] = '\0';
		if (got <= 0 || strstr(buf, "\"type\":\"end\""))
			break;
	}
	(void)close(p.fd);
	return buf;
}
