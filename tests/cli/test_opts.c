#include "cli/cli.h"
#include "tests/harness.h"

static bool flag;
static const char *text;
static int64_t number;
static struct rv_opt_list list;
static const struct rv_opt opts[] = {
	{ "flag", 'f', RV_OPT_FLAG, NULL, "a flag", &flag },
	{ "text", 't', RV_OPT_STR, "TEXT", "a text", &text },
	{ "number", 0, RV_OPT_INT, "N", "a number", &number },
	{ "item", 'i', RV_OPT_LIST, "X", "an item", &list },
};
static const struct rv_usage usage = { "try", "FILE...", "tries", NULL, opts, RV_COUNT(opts), 0,
	2 };

/* Words split at blanks; the messages go to stderr, which TAP ignores. */
static int run(const char *line, int *ret_n, char **ret_argv)
{
	static char buf[256];
	char *argv[16] = { "try" };
	int argc = 1;
	snprintf(buf, sizeof buf, "%s", line);
	char *save = NULL;
	for (char *w = strtok_r(buf, " ", &save); w; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	flag = false;
	text = NULL;
	number = -1;
	list.n = 0;
	*ret_n = -1;
	int status = rv_cli_parse(&usage, argc, argv, ret_n);
	memcpy(ret_argv, argv, sizeof argv);
	return status;
}

TEST(options_and_arguments_mix)
{
	int n;
	char *argv[16];
	CHECK(run("a -f --text=x=y --number 7 b", &n, argv) == RV_CLI_GO);
	CHECK(n == 2 && !strcmp(argv[1], "a") && !strcmp(argv[2], "b"));
	CHECK(flag && !strcmp(text, "x=y") && number == 7);
	CHECK(run("-i 1 --item 2 -- --flag", &n, argv) == RV_CLI_GO);
	CHECK(n == 1 && !strcmp(argv[1], "--flag") && list.n == 2 && !flag);
	CHECK(run("-", &n, argv) == RV_CLI_GO && n == 1);
}

TEST(mistakes_exit_with_2)
{
	static const char *const bad[] = { "--nope", "-x", "--flag=1", "--text", "--number x",
		"--number -1", "a b c", "-ft x" };
	for (size_t i = 0; i < RV_COUNT(bad); i++) {
		int n;
		char *argv[16];
		CHECKF(run(bad[i], &n, argv) == 2, "%s", bad[i]);
	}
}

TEST(text_from_outside_is_inert)
{
	RV_AUTO_BUF out;
	rv_buf_init(&out, 1000);
	rv_put_safe(&out,
		RV_STR("a\033[2J\r\n\xe2\x80\xae\xff"
		       "b \xc3\xa9"));
	CHECK_STR(rv_buf_str(&out),
		"a\\u{1b}[2J\\u{d}\\u{a}\\u{202e}\\xff"
		"b \xc3\xa9");
}

MAIN()
