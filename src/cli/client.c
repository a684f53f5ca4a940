#include "cli/client.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <termios.h>

#include "base/file.h"
#include "cli/cli.h"

enum { TOKEN_MAX = 512 };

static enum rv_code config_path(const char *name, char *out, size_t size, struct rv_err *err)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	int n;
	if (config && config[0])
		n = snprintf(out, size, "%s/reeve/%s", config, name);
	else if (home && home[0])
		n = snprintf(out, size, "%s/.config/reeve/%s", home, name);
	else
		return RV_FAIL(err, RV_EINVAL, "neither XDG_CONFIG_HOME nor HOME is set");
	if (n < 0 || (size_t)n >= size)
		return RV_FAIL(err, RV_ELIMIT, "the path of the configuration is too long");
	return RV_OK;
}

enum rv_code rv_client_token_file(
	struct rv_arena *a, const char *path, struct rv_str *ret, struct rv_err *err)
{
	struct stat st;
	if (stat(path, &st) == 0 && (st.st_mode & 077) != 0)
		return RV_FAIL(err, RV_EPERM,
			"'%s' holds a credential but others may open it (mode %03o); run: chmod "
			"600 %s",
			path, (unsigned)(st.st_mode & 0777), path);
	struct rv_str text;
	RV_TRY(rv_file_read(a, path, TOKEN_MAX, &text, err));
	*ret = rv_str_trim(text);
	if (ret->n == 0)
		return RV_FAIL(err, RV_EINVAL, "'%s' is empty", path);
	return RV_OK;
}

static enum rv_code find_token(struct rv_client *c, struct rv_err *err)
{
	const char *file = getenv("REEVE_TOKEN_FILE"), *session = getenv("REEVE_SESSION_FILE");
	if (session && session[0])
		snprintf(c->session_path, sizeof c->session_path, "%s", session);
	else
		RV_TRY(config_path("session", c->session_path, sizeof c->session_path, err));
	if (file && file[0])
		return rv_client_token_file(&c->arena, file, &c->token, err);
	if (access(c->session_path, F_OK) != 0)
		return RV_OK;
	return rv_client_token_file(&c->arena, c->session_path, &c->token, err);
}

static enum rv_code find_server(struct rv_client *c, const char *server, struct rv_err *err)
{
	char path[512];
	const char *env = getenv("REEVE_SERVER");
	c->server = server ? server : env && env[0] ? env : NULL;
	if (c->server)
		return RV_OK;
	c->server = "http://127.0.0.1:7313";
	if (config_path("server", path, sizeof path, NULL) != RV_OK || access(path, R_OK) != 0)
		return RV_OK;
	struct rv_str text;
	RV_TRY(rv_file_read(&c->arena, path, 4096, &text, err));
	c->server = rv_arena_str(&c->arena, rv_str_trim(text)).p;
	return c->server ? RV_OK : RV_FAIL_ARENA(err);
}

enum rv_code rv_client_open(struct rv_client *c, const char *server, struct rv_err *err)
{
	*c = (struct rv_client){ .server = NULL };
	rv_arena_init(&c->arena, RV_CLIENT_MEMORY_MAX);
	RV_TRY(find_server(c, server, err));
	RV_TRY(find_token(c, err));
	const struct rv_http_client_opts opts = { .base_url = c->server,
		.ca_file = getenv("REEVE_CA_FILE") };
	return rv_http_client_new(&opts, &c->http, err);
}

void rv_client_done(struct rv_client *c)
{
	rv_http_client_free(c->http);
	rv_arena_done(&c->arena);
}

static enum rv_code ask(struct rv_client *c, enum rv_http_method method, const char *path,
	struct rv_str body, struct rv_http_answer *ret, struct rv_err *err)
{
	char bearer[TOKEN_MAX + 16];
	struct rv_http_header header = { RV_STR("Authorization"), { NULL, 0 } };
	if (c->token.p) {
		int n = snprintf(bearer, sizeof bearer, "Bearer %.*s", RV_FMT(c->token));
		header.value = rv_str_n(bearer, (size_t)n);
	}
	const struct rv_http_request q = { .method = method,
		.path = rv_str_of(path),
		.headers = &header,
		.n_headers = c->token.p ? 1 : 0,
		.body = body,
		.deadline_ms = 90000 };
	enum rv_code code = rv_http_call(c->http, &q, ret, err);
	explicit_bzero(bearer, sizeof bearer);
	if (code == RV_ECLOSED)
		rv_err_prefix(err, "no answer from %s (is 'reeve serve' running?): ", c->server);
	RV_TRY(code);
	return ret->head->status >= 400 ? rv_http_answer_err(ret, err) : RV_OK;
}

enum rv_code rv_client_get_raw(
	struct rv_client *c, const char *path, struct rv_http_answer *ret, struct rv_err *err)
{
	return ask(c, RV_HTTP_GET, path, (struct rv_str){ NULL, 0 }, ret, err);
}

enum rv_code rv_client_call(struct rv_client *c, enum rv_http_method method, const char *path,
	struct rv_str body, const struct rv_json **ret, struct rv_err *err)
{
	struct rv_http_answer answer;
	RV_TRY(ask(c, method, path, body, &answer, err));
	struct rv_str copy = rv_arena_str(&c->arena, answer.body);
	if (!copy.p)
		return RV_FAIL_ARENA(err);
	const struct rv_json_limits limits = { .max_bytes = RV_CLIENT_MEMORY_MAX };
	enum rv_code code = rv_json_parse(&c->arena, copy, &limits, ret, err);
	if (code != RV_OK)
		rv_err_prefix(err, "the answer of %s is not JSON: ", c->server);
	return code;
}

const char *rv_client_seg(struct rv_client *c, const char *text)
{
	RV_AUTO_BUF b;
	rv_buf_init(&b, 8192);
	rv_http_encode(&b, rv_str_of(text));
	const char *p = rv_arena_str(&c->arena, rv_buf_str(&b)).p;
	return p ? p : "";
}

enum rv_code rv_client_keep(struct rv_client *c, struct rv_str token, struct rv_err *err)
{
	char dir[512];
	snprintf(dir, sizeof dir, "%s", c->session_path);
	char *slash = strrchr(dir, '/');
	if (token.n == 0) {
		if (unlink(c->session_path) != 0 && errno != ENOENT)
			return RV_FAIL(err, RV_EIO, "cannot remove '%s': %s", c->session_path,
				strerror(errno));
		return RV_OK;
	}
	if (slash && slash != dir) {
		*slash = '\0';
		RV_TRY(rv_dir_make(dir, 0700, err));
	}
	return rv_file_write(c->session_path, token, 0600, err);
}

/* The terminal as it was, for who is interrupted while it is silent. */
static struct termios terminal;

static void on_interrupt(int sig)
{
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &terminal); /* the last thing that is done */
	(void)signal(sig, SIG_DFL);
	(void)raise(sig);
}

/* False: it cannot be silenced, so nothing is asked. */
static bool silence(const char *prompt)
{
	struct termios silent = terminal;
	silent.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
	if (signal(SIGINT, on_interrupt) == SIG_ERR || signal(SIGTERM, on_interrupt) == SIG_ERR ||
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) != 0)
		return false;
	fprintf(stderr, "%s: ", prompt);
	return true;
}

static void unsilence(void)
{
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &terminal); /* nothing to do about it */
	(void)signal(SIGINT, SIG_DFL); /* nor about these */
	(void)signal(SIGTERM, SIG_DFL);
	fputc('\n', stderr);
}

enum rv_code rv_client_secret(
	struct rv_client *c, const char *prompt, struct rv_str *ret, struct rv_err *err)
{
	char line[2048];
	bool is_terminal = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &terminal) == 0;
	if (is_terminal && !silence(prompt))
		return RV_FAIL(err, RV_EIO,
			"this terminal would show what is typed; give the %s on standard input",
			prompt);
	char *got = fgets(line, sizeof line, stdin);
	if (is_terminal)
		unsilence();
	if (!got)
		return RV_FAIL(err, RV_EINVAL, "no password on standard input");
	*ret = rv_arena_str(&c->arena, rv_str_n(line, strcspn(line, "\r\n")));
	explicit_bzero(line, sizeof line);
	return ret->p ? RV_OK : RV_FAIL_ARENA(err);
}

struct rv_str rv_jstr(const struct rv_json *v, const char *name)
{
	const struct rv_json *m = rv_json_get(v, name);
	return rv_json_is(m, RV_JSON_STR) ? m->str : RV_STR("");
}

int64_t rv_jint(const struct rv_json *v, const char *name)
{
	const struct rv_json *m = rv_json_get(v, name);
	return rv_json_is(m, RV_JSON_INT) ? m->integer : 0;
}

bool rv_jbool(const struct rv_json *v, const char *name)
{
	const struct rv_json *m = rv_json_get(v, name);
	return rv_json_is(m, RV_JSON_BOOL) && m->boolean;
}

const struct rv_json *const *rv_jarr(const struct rv_json *v, const char *name, size_t *ret_n)
{
	const struct rv_json *m = rv_json_get(v, name);
	*ret_n = rv_json_is(m, RV_JSON_ARR) ? m->n_items : 0;
	return *ret_n > 0 ? m->items : NULL;
}

void rv_print_json(const struct rv_json *v)
{
	RV_AUTO_BUF b;
	rv_buf_init(&b, RV_CLIENT_MEMORY_MAX);
	struct rv_json_w w;
	rv_json_w_init(&w, &b);
	if (isatty(STDOUT_FILENO))
		rv_json_pretty(v, &b);
	else
		rv_json_w_value(&w, v);
	rv_buf_addc(&b, '\n');
	fwrite(b.p, 1, b.n, stdout);
}

void rv_print_object(const char *const *names, const struct rv_str *values, size_t n)
{
	RV_AUTO_BUF b;
	struct rv_json_w w;
	rv_buf_init(&b, 1 << 20);
	rv_json_w_init(&w, &b);
	rv_json_w_obj(&w);
	for (size_t i = 0; i < n; i++)
		rv_json_w_kv_str(&w, names[i], values[i]);
	rv_json_w_obj_end(&w);
	printf("%s\n", rv_buf_z(&b));
}

void rv_grid_init(struct rv_grid *g, struct rv_arena *a, size_t n_cols)
{
	*g = (struct rv_grid){ .arena = a, .n_cols = n_cols };
}

void rv_grid_add(struct rv_grid *g, struct rv_str cell)
{
	if (g->n_cells == g->cap) {
		size_t cap = g->cap ? g->cap * 2 : 64;
		struct rv_str *cells = rv_arena_array(g->arena, cap, sizeof *cells);
		if (!cells)
			return; /* the table ends here; the limit is 64 MiB of text */
		if (g->n_cells > 0)
			memcpy(cells, g->cells, g->n_cells * sizeof *cells);
		g->cells = cells;
		g->cap = cap;
	}
	RV_AUTO_BUF b;
	rv_buf_init(&b, 1 << 20);
	rv_put_safe(&b, cell);
	g->cells[g->n_cells++] = rv_arena_str(g->arena, rv_buf_str(&b));
}

/* Columns a text takes, counting scalars: good enough for names. */
static size_t width_of(struct rv_str s)
{
	size_t n = 0;
	for (size_t i = 0; i < s.n; i++)
		n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
	return n;
}

void rv_grid_print(const struct rv_grid *g)
{
	for (size_t i = 0; i < g->n_cells; i++) {
		size_t col = i % g->n_cols, width = 0;
		for (size_t j = col; j < g->n_cells; j += g->n_cols)
			if (width_of(g->cells[j]) > width)
				width = width_of(g->cells[j]);
		bool is_head = i < g->n_cols, is_last = col + 1 == g->n_cols;
		printf("%s%.*s%s", is_head ? rv_colour(RV_BOLD) : "", RV_FMT(g->cells[i]),
			is_head ? rv_colour(RV_PLAIN) : "");
		size_t pad = is_last ? 0 : width - width_of(g->cells[i]) + 2;
		printf("%*s%s", (int)pad, "", is_last ? "\n" : "");
	}
}
