#include <stdarg.h>
#include <stdio.h>

#include "cli/cli.h"

int rv_cli_bad(const char *name, const char *fmt, ...)
{
	va_list ap;
	fprintf(stderr, "reeve %s: ", name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\nSee 'reeve %s --help'.\n", name);
	return rv_code_exit(RV_EINVAL);
}

/* What to do about it, where the code alone tells. */
static const char *remedy_of(enum rv_code code)
{
	switch (code) {
	case RV_EAUDIT:
		return "Nothing was done. 'reeve status' says how the log is; it goes on by itself "
		       "when the cause is gone.";
	case RV_EBUSY:
	case RV_ETIMEOUT:
		return "Nothing was lost: try again.";
	case RV_EINTERNAL:
		return "This should not happen: please report it with the command and this "
		       "message.";
	case RV_ECORRUPT:
		return "Stop what writes there, keep a copy, and restore a good one; "
		       "docs/ledger.md "
		       "tells how to look.";
	default:
		return NULL;
	}
}

int rv_cli_fail(const char *name, const struct rv_err *err)
{
	char text[900];
	const char *remedy = remedy_of(err->code);
	fprintf(stderr, "reeve %s: %s\n", name, rv_err_text(err, text, sizeof text));
	if (remedy)
		fprintf(stderr, "%s\n", remedy);
	return rv_code_exit(err->code);
}

static void print_opt(const struct rv_opt *o)
{
	char left[80];
	char letter[8] = "    ";
	if (o->letter)
		snprintf(letter, sizeof letter, "-%c, ", o->letter);
	snprintf(left, sizeof left, "%s--%s%s%s", letter, o->name, o->arg ? " " : "",
		o->arg ? o->arg : "");
	if (strlen(left) > 28)
		printf("  %s\n  %-28s  %s\n", left, "", o->help);
	else
		printf("  %-28s  %s\n", left, o->help);
}

static void print_help(const struct rv_usage *u)
{
	printf("%sreeve %s%s: %s\n\nUsage: reeve %s%s%s%s\n", rv_colour(RV_BOLD), u->name,
		rv_colour(RV_PLAIN), u->summary, u->name, u->n_opts ? " [options]" : "",
		u->args[0] ? " " : "", u->args);
	if (u->detail)
		printf("\n%s\n", u->detail);
	printf("\nOptions:\n");
	for (size_t i = 0; i < u->n_opts; i++)
		print_opt(&u->opts[i]);
	printf("  %-28s  %s\n", "-h, --help", "this text");
}

static const struct rv_opt *find_opt(const struct rv_usage *u, struct rv_str name, char letter)
{
	for (size_t i = 0; i < u->n_opts; i++)
		if (letter ? u->opts[i].letter == letter : rv_str_eqz(name, u->opts[i].name))
			return &u->opts[i];
	return NULL;
}

static int set_opt(const struct rv_usage *u, const struct rv_opt *o, const char *value)
{
	struct rv_opt_list *list;
	switch (o->kind) {
	case RV_OPT_FLAG:
		*(bool *)o->to = true;
		return RV_CLI_GO;
	case RV_OPT_STR:
		*(const char **)o->to = value;
		return RV_CLI_GO;
	case RV_OPT_INT:
		if (!rv_str_i64(rv_str_of(value), (int64_t *)o->to) || *(int64_t *)o->to < 0)
			return rv_cli_bad(
				u->name, "--%s needs a whole number, not '%s'", o->name, value);
		return RV_CLI_GO;
	case RV_OPT_LIST:
		list = o->to;
		if (list->n == RV_OPT_LIST_MAX)
			return rv_cli_bad(u->name, "--%s may be given %d times at most", o->name,
				RV_OPT_LIST_MAX);
		list->v[list->n++] = value;
		return RV_CLI_GO;
	}
	return RV_CLI_GO;
}

/* Edits between two words, for "did you mean"; words longer than the table count as far apart. */
static size_t distance(const char *a, const char *b)
{
	enum { LONGEST = 32 };
	size_t row[LONGEST + 1], n = strlen(b);
	if (n > LONGEST || strlen(a) > LONGEST)
		return LONGEST;
	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 0; a[i]; i++) {
		size_t diagonal = row[0];
		row[0] = i + 1;
		for (size_t j = 0; j < n; j++) {
			size_t up = row[j + 1], best = diagonal + (a[i] != b[j]);
			if (up + 1 < best)
				best = up + 1;
			if (row[j] + 1 < best)
				best = row[j] + 1;
			diagonal = up;
			row[j + 1] = best;
		}
	}
	return row[n];
}

static int unknown_opt(const struct rv_usage *u, const char *word, struct rv_str name)
{
	char given[40];
	const char *best = NULL;
	size_t best_d = 3;
	snprintf(given, sizeof given, "%.*s", RV_FMT(name));
	for (size_t i = 0; i < u->n_opts; i++) {
		size_t d = distance(given, u->opts[i].name);
		if (name.n > 1 && d < best_d) {
			best = u->opts[i].name;
			best_d = d;
		}
	}
	if (best)
		return rv_cli_bad(u->name, "unknown option '%s'; did you mean '--%s'?", word, best);
	return rv_cli_bad(u->name, "unknown option '%s'", word);
}

/* One option at argv[*i]; moves *i to the last word it used. */
static int take_opt(const struct rv_usage *u, int argc, char **argv, int *i)
{
	const char *word = argv[*i];
	bool is_long = word[1] == '-';
	struct rv_str name = rv_str_of(is_long ? word + 2 : word + 1);
	const char *value = NULL;
	size_t eq = is_long ? rv_str_find(name, '=', 0) : SIZE_MAX;
	if (eq != SIZE_MAX) {
		value = name.p + eq + 1;
		name.n = eq;
	}
	if (rv_str_eqz(name, "help") || rv_str_eqz(name, "h")) {
		print_help(u);
		return 0;
	}
	const struct rv_opt *o = find_opt(u, name, is_long || name.n != 1 ? '\0' : name.p[0]);
	if (!o)
		return unknown_opt(u, word, name);
	if (o->kind == RV_OPT_FLAG) {
		if (value)
			return rv_cli_bad(u->name, "--%s takes no value", o->name);
		return set_opt(u, o, NULL);
	}
	if (!value) {
		if (*i + 1 >= argc)
			return rv_cli_bad(u->name, "--%s needs a value (%s)", o->name, o->arg);
		value = argv[++*i];
	}
	return set_opt(u, o, value);
}

int rv_cli_parse(const struct rv_usage *u, int argc, char **argv, int *ret_n_args)
{
	int n = 0;
	bool only_args = false;
	for (int i = 1; i < argc; i++) {
		if (!only_args && strcmp(argv[i], "--") == 0) {
			only_args = true;
			continue;
		}
		if (only_args || argv[i][0] != '-' || argv[i][1] == '\0') {
			argv[++n] = argv[i];
			continue;
		}
		int status = take_opt(u, argc, argv, &i);
		if (status != RV_CLI_GO)
			return status;
	}
	if (n < u->min_args)
		return rv_cli_bad(u->name, "needs %s", u->args);
	if (u->max_args >= 0 && n > u->max_args)
		return rv_cli_bad(u->name, "'%s' is one argument too many", argv[u->max_args + 1]);
	*ret_n_args = n;
	return RV_CLI_GO;
}

static const char *closest(const struct rv_sub *subs, size_t n, const char *word)
{
	const char *best = NULL;
	size_t best_d = 3;
	for (size_t i = 0; i < n; i++) {
		size_t d = subs[i].run ? distance(word, subs[i].name) : SIZE_MAX;
		if (d < best_d) {
			best = subs[i].name;
			best_d = d;
		}
	}
	return best;
}

int rv_cli_subs(const char *name, const char *summary, const struct rv_sub *subs, size_t n,
	int argc, char **argv)
{
	const char *space = name[0] ? " " : "";
	bool asks = argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
		strcmp(argv[1], "help") == 0;
	for (size_t i = 0; !asks && i < n; i++)
		if (subs[i].run && strcmp(argv[1], subs[i].name) == 0)
			return subs[i].run(argc - 1, argv + 1);
	if (!asks) {
		const char *near = closest(subs, n, argv[1]);
		fprintf(stderr, "reeve%s%s: unknown command '%s'", space, name, argv[1]);
		if (near)
			fprintf(stderr, "; did you mean '%s'?", near);
		fprintf(stderr, "\nSee 'reeve%s%s --help'.\n", space, name);
		return rv_code_exit(RV_EINVAL);
	}
	printf("%sreeve%s%s%s: %s\n\nUsage: reeve%s%s COMMAND [options]\n", rv_colour(RV_BOLD),
		space, name, rv_colour(RV_PLAIN), summary, space, name);
	if (n > 0 && subs[0].run)
		printf("\nCommands:\n");
	for (size_t i = 0; i < n; i++)
		if (subs[i].run)
			printf("  %-14s  %s\n", subs[i].name, subs[i].summary);
		else
			printf("\n%s:\n", subs[i].name);
	printf("\n'reeve%s%s COMMAND --help' tells more, with examples.\n", space, name);
	return argc < 2 ? rv_code_exit(RV_EINVAL) : 0;
}
