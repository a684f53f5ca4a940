/* Inside cli/cedar/: what the commands share. Options and exit statuses follow the reference's
 * command line: authorize answers 0 allow, 2 deny, 1 error; validate 0, 1 error, 3 invalid; the
 * others 0 or 1. One thread. */
#ifndef RV_CLI_CEDAR_CEDAR_CLI_H
#define RV_CLI_CEDAR_CEDAR_CLI_H
#include "base/file.h"
#include "cedar.h"
#include "cli/cli.h"

enum { RV_CEDAR_FILE_MAX = 256 << 20, RV_CEDAR_MEMORY_MAX = 1 << 30 };
enum {
	RV_CEDAR_ALLOW = 0,
	RV_CEDAR_ERROR = 1,
	RV_CEDAR_DENY = 2,
	RV_CEDAR_INVALID = 3, /* validation failed */
};

static inline cedar_str rv_cedar_str(struct rv_str s)
{
	return (cedar_str){ s.p, s.n };
}
/* What the language says is wrong, as an error of ours: place, line, caret and help included. */
enum rv_code rv_cedar_fail(
	const cedar_error *e, const char *name, cedar_str text, struct rv_err *err);
/* The callers own what they get. path "-" is standard input. */
RV_MUST_USE enum rv_code rv_cedar_load_policies(struct rv_arena *a, const char *path,
	bool ids_from_annotation, cedar_policies **ret, struct rv_err *err);
/* The policies a command works on, as its options name them. */
struct rv_cedar_policies {
	const char *path; /* NULL: standard input */
	const char *format; /* "cedar", "json", or NULL: JSON when the name ends in .json */
	const char *links; /* a file of links; NULL: none */
	bool links_may_miss; /* no such file is no link */
};
/* clang-format off */
#define RV_CEDAR_POLICIES_OPTS(o)                                                               \
	{ "policies", 'p', RV_OPT_STR, "FILE", "policies and templates; default: standard input", \
		&(o).path },                                                                    \
	{ "policy-format", 0, RV_OPT_STR, "FORMAT", "'cedar' or 'json'; guessed from the name",  \
		&(o).format },                                                                  \
	{ "template-linked", 'k', RV_OPT_STR, "FILE", "links of templates, as JSON", &(o).links }
/* clang-format on */
/* In text @id("…") names a policy. extra: one more link behind those of the file; may be NULL. */
RV_MUST_USE enum rv_code rv_cedar_load_policy_set(struct rv_arena *a,
	const struct rv_cedar_policies *o, const cedar_link *extra, cedar_policies **ret,
	struct rv_err *err);
/* schema: may be NULL. */
RV_MUST_USE enum rv_code rv_cedar_load_entities(struct rv_arena *a, const char *path,
	const cedar_schema *schema, cedar_entities **ret, struct rv_err *err);
/* format: "json", "cedar", or NULL: JSON when the name ends in .json. */
RV_MUST_USE enum rv_code rv_cedar_load_schema(struct rv_arena *a, const char *path,
	const char *format, cedar_schema **ret, struct rv_err *err);
struct rv_str rv_cedar_id_of(const cedar_policies *ps, uint32_t i);
/* One line of JSON on standard output: all that holds. */
void rv_cedar_print_answer(const cedar_policies *ps, const cedar_answer *ans);

/* The commands; the table is in cmd_cedar.c. */
int rv_cmd_cedar_authorize(int argc, char **argv);
int rv_cmd_cedar_bench(int argc, char **argv);
int rv_cmd_cedar_check_parse(int argc, char **argv);
int rv_cmd_cedar_explain(int argc, char **argv);
int rv_cmd_cedar_format(int argc, char **argv);
int rv_cmd_cedar_link(int argc, char **argv);
int rv_cmd_cedar_test(int argc, char **argv);
int rv_cmd_cedar_translate_policy(int argc, char **argv);
int rv_cmd_cedar_translate_schema(int argc, char **argv);
int rv_cmd_cedar_validate(int argc, char **argv);
#endif
