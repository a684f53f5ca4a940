/* reeve cedar format */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "cli/cedar/cedar_cli.h"

struct format {
	const char *policies;
	int64_t line_width, indent_width;
	bool write, check;
};

/* Keeps the file's mode; one that is formatted already is left alone. */
static enum rv_code write_back(
	const char *path, struct rv_str was, struct rv_str text, struct rv_err *err)
{
	struct stat st;
	if (rv_str_eq(was, text))
		return RV_OK;
	if (stat(path, &st) != 0)
		return RV_FAIL(err, RV_EIO, "stat '%s': %s", path, strerror(errno));
	return rv_file_write(path, text, st.st_mode & 07777, err);
}

static enum rv_code format(
	struct rv_arena *a, const struct format *o, bool *ret_same, struct rv_err *err)
{
	const char *path = o->policies ? o->policies : "-";
	const cedar_format_opts opts = { (unsigned)o->line_width, (unsigned)o->indent_width, true };
	cedar_error e = { .code = CEDAR_OK };
	RV_AUTO_FREE char *out = NULL;
	struct rv_str text;
	size_t n;
	if (o->line_width > UINT32_MAX || o->indent_width > UINT32_MAX)
		return RV_FAIL(err, RV_EINVAL, "a width is too large");
	RV_TRY(rv_file_read(a, path, RV_CEDAR_FILE_MAX, &text, err));
	if (cedar_format(rv_cedar_str(text), &opts, &out, &n, &e) != CEDAR_OK)
		return rv_cedar_fail(&e, path, rv_cedar_str(text), err);
	struct rv_str made = rv_str_n(out, n);
	*ret_same = rv_str_eq(text, made);
	if (o->write)
		return write_back(path, text, made, err);
	if (!o->check)
		fwrite(out, 1, n, stdout);
	else if (!*ret_same)
		fprintf(stderr, "%s: not formatted; 'reeve cedar format --write' does it\n", path);
	return RV_OK;
}

int rv_cmd_cedar_format(int argc, char **argv)
{
	static struct format o = { .line_width = 80, .indent_width = 2 };
	static const struct rv_opt opts[] = {
		{ "policies", 'p', RV_OPT_STR, "FILE", "the policies; default: standard input",
			&o.policies },
		{ "line-width", 'l', RV_OPT_INT, "N", "columns of a line; default: 80",
			&o.line_width },
		{ "indent-width", 'i', RV_OPT_INT, "N", "columns of an indentation; default: 2",
			&o.indent_width },
		{ "write", 'w', RV_OPT_FLAG, NULL, "write the result into the file", &o.write },
		{ "check", 'c', RV_OPT_FLAG, NULL,
			"tell by the exit status whether it is formatted", &o.check },
	};
	static const struct rv_usage u = { "cedar format", "", "put policies into one style",
		"Only white space moves, and commas that close lists go; comments stay where they "
		"are. Formatting twice changes nothing.\n"
		"Exit status: 0, or 1 on errors and when --check finds a difference.\n\n"
		"  reeve cedar format --policies p.cedar --write",
		opts, RV_COUNT(opts), 0, 0 };
	int n, status = rv_cli_parse(&u, argc, argv, &n);
	if (status != RV_CLI_GO)
		return status == 0 ? 0 : RV_CEDAR_ERROR;
	if ((o.write && o.check) || (o.write && !o.policies)) {
		(void)rv_cli_bad(u.name,
			o.check ? "takes either --write or --check"
				: "--write needs --policies"); /* not our status */
		return RV_CEDAR_ERROR;
	}
	if (o.line_width == 0)
		o.line_width = 1; /* as narrow as can be: 0 would ask for the default */
	RV_AUTO_ARENA a;
	struct rv_err err = { 0 };
	bool same = false;
	rv_arena_init(&a, RV_CEDAR_MEMORY_MAX);
	if (format(&a, &o, &same, &err) == RV_OK)
		return o.check && !same ? RV_CEDAR_ERROR : 0;
	(void)rv_cli_fail(u.name, &err);
	return RV_CEDAR_ERROR;
}
