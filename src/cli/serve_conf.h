/* The settings of `reeve serve`: flags over a YAML file over defaults. One table (serve_conf.def)
 * makes the flags, the file's keys, the checks and what --check-config prints. One thread. */
#ifndef RV_CLI_SERVE_CONF_H
#define RV_CLI_SERVE_CONF_H
#include "base/arena.h"
#include "cli/cli.h"

enum rv_serve_kind {
	RV_SERVE_PATH = 1, /* in a file: absolute */
	RV_SERVE_URL, /* http:// or https:// */
	RV_SERVE_MODE, /* octal */
	RV_SERVE_COUNT,
	RV_SERVE_SIZE, /* 512, 64KiB, 1MiB */
	RV_SERVE_TIME, /* 500ms, 10s, 90d */
	RV_SERVE_LEVEL,
};
struct rv_serve_key {
	const char *key, *flag;
	char letter;
	enum rv_serve_kind kind;
	int64_t least, most; /* milliseconds for times */
	const char *fallback; /* NULL: none */
	const char *arg, *help;
};
enum rv_serve_id {
#define RV_SERVE_KEY(field, ...) RV_SERVE_ID_##field,
#include "cli/serve_conf.def"
#undef RV_SERVE_KEY
	RV_SERVE_KEYS
};
extern const struct rv_serve_key rv_serve_keys[RV_SERVE_KEYS];

enum { RV_SERVE_LISTENS_MAX = 8 };
struct rv_serve_value {
	const char *text; /* NULL: not set, and no default */
	int64_t number; /* of those that are numbers; milliseconds for times */
	const char *from; /* "flag", "file", "default" */
	uint32_t line, col; /* in the file */
};
struct rv_serve_conf {
	const char *file; /* NULL: none */
	struct rv_serve_value v[RV_SERVE_KEYS];
	struct rv_opt_list listens;
	const char *listens_from;
	uint32_t listens_line, listens_col;
	bool is_check; /* --check-config */
};

/* Reads the arguments and the file they name, and checks every value. Texts live in argv, in the
 * table or in the arena. Returns RV_CLI_GO, or the exit status to leave with (message printed). */
RV_MUST_USE int rv_serve_conf_read(
	struct rv_arena *a, int argc, char **argv, struct rv_serve_conf *ret);
/* The file alone: fills what is not set yet. Errors: RV_EINVAL with file, line and column. */
RV_MUST_USE enum rv_code rv_serve_conf_file(struct rv_arena *a, struct rv_str text,
	const char *path, struct rv_serve_conf *c, struct rv_err *err);
/* Defaults and checks: each value alone, then what must fit together. */
RV_MUST_USE enum rv_code rv_serve_conf_check(struct rv_serve_conf *c, struct rv_err *err);
/* The settings in force as such a file, each with where it comes from. */
void rv_serve_conf_print(const struct rv_serve_conf *c, struct rv_buf *out);

static inline const char *rv_serve_text(const struct rv_serve_conf *c, enum rv_serve_id id)
{
	return c->v[id].text;
}
static inline int64_t rv_serve_number(const struct rv_serve_conf *c, enum rv_serve_id id)
{
	return c->v[id].number;
}
#endif
