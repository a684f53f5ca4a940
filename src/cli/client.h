/* Talking to a server from a command: where it is, who one is, JSON there and back. One thread. */
#ifndef RV_CLI_CLIENT_H
#define RV_CLI_CLIENT_H
#include "base/arena.h"
#include "base/json.h"
#include "http/client.h"

enum { RV_CLIENT_MEMORY_MAX = 64 << 20 };

struct rv_client {
	struct rv_arena arena;
	struct rv_http_client *http;
	const char *server; /* as found: --server, REEVE_SERVER, ~/.config/reeve/server,
			       http://127.0.0.1:7313 */
	struct rv_str token; /* p == NULL: none */
	char session_path[512];
};
/* server: from --server, may be NULL. The token is REEVE_TOKEN_FILE's, else the session's of `reeve
 * login` (REEVE_SESSION_FILE or ~/.config/reeve/session); a file that others may read is refused.
 * Having none is fine here. */
RV_MUST_USE enum rv_code rv_client_open(
	struct rv_client *c, const char *server, struct rv_err *err);
void rv_client_done(struct rv_client *c);
/* body: JSON or p == NULL. The answer's JSON in the client's arena. A status >= 400 is the server's
 * error. */
RV_MUST_USE enum rv_code rv_client_call(struct rv_client *c, enum rv_http_method method,
	const char *path, struct rv_str body, const struct rv_json **ret, struct rv_err *err);
/* GET, whatever the type of the answer's body; *ret lives until the next call. */
RV_MUST_USE enum rv_code rv_client_get_raw(
	struct rv_client *c, const char *path, struct rv_http_answer *ret, struct rv_err *err);
/* A path of printf's making, each %s percent-encoded beforehand by rv_client_seg. */
const char *rv_client_seg(struct rv_client *c, const char *text);
/* Keeps or forgets the session (0600). */
RV_MUST_USE enum rv_code rv_client_keep(
	struct rv_client *c, struct rv_str token, struct rv_err *err);
/* One line from the terminal without echo, or from standard input when it is none. */
RV_MUST_USE enum rv_code rv_client_secret(
	struct rv_client *c, const char *prompt, struct rv_str *ret, struct rv_err *err);
/* A file that holds one token; others may not read it. */
RV_MUST_USE enum rv_code rv_client_token_file(
	struct rv_arena *a, const char *path, struct rv_str *ret, struct rv_err *err);

/* Members of an answer: "" or 0 when absent or of another type. */
struct rv_str rv_jstr(const struct rv_json *v, const char *name);
int64_t rv_jint(const struct rv_json *v, const char *name);
bool rv_jbool(const struct rv_json *v, const char *name);
/* An array member; *ret_n == 0 when absent. */
const struct rv_json *const *rv_jarr(const struct rv_json *v, const char *name, size_t *ret_n);
/* Prints a whole answer: indented on a terminal, compact otherwise. */
void rv_print_json(const struct rv_json *v);
/* Prints {"name":"value",…} for a command that has no answer to print; values with p == NULL are
 * left out. */
void rv_print_object(const char *const *names, const struct rv_str *values, size_t n);
/* A table for people: cells are shown inert, columns as wide as needed; the first row is the head.
 */
struct rv_grid {
	struct rv_arena *arena;
	size_t n_cols, n_cells, cap;
	struct rv_str *cells;
};
void rv_grid_init(struct rv_grid *g, struct rv_arena *a, size_t n_cols);
void rv_grid_add(struct rv_grid *g, struct rv_str cell);
void rv_grid_print(const struct rv_grid *g);
#endif
