/* reeve report: what the board asks. */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/show.h"

static const char *server, *since;
static bool json;

static void title(const char *text)
{
	printf("\n%s%s%s\n", rv_colour(RV_BOLD), text, rv_colour(RV_PLAIN));
}

static void show_names(const struct rv_json *v, const char *list, const char *before)
{
	size_t n;
	const struct rv_json *const *names = rv_jarr(v, list, &n);
	for (size_t i = 0; i < n; i++) {
		printf("%s", i ? ", " : before);
		rv_show(names[i]->type == RV_JSON_STR ? names[i]->str : RV_STR("?"));
	}
}

/* "  3  text: names". */
static void show_figure(const struct rv_json *f, const char *indent)
{
	printf("%s%5lld  %.*s", indent, (long long)rv_jint(f, "value"), RV_FMT(rv_jstr(f, "text")));
	show_names(f, "names", ": ");
	putchar('\n');
}

static void show_figures(const struct rv_json *v, const char *prefix)
{
	size_t n;
	const struct rv_json *const *figures = rv_jarr(v, "figures", &n);
	for (size_t i = 0; i < n; i++) {
		struct rv_str id = rv_jstr(figures[i], "id");
		if (rv_str_starts(id, rv_str_of(prefix)))
			show_figure(
				figures[i], rv_str_find(id, '.', 0) == SIZE_MAX ? "  " : "    ");
	}
}

static void show_authority(const struct rv_json *v)
{
	size_t n;
	static const char *const rows[][2] = { { "without_asking", "alone" }, { "money", "money" },
		{ "production", "production" }, { "sensitive", "data" } };
	const struct rv_json *const *all = rv_jarr(v, "acting_alone", &n);
	for (size_t i = 0; i < n; i++) {
		printf("  %s", rv_colour(RV_BOLD));
		rv_show(rv_jstr(all[i], "name"));
		printf("%s (%.*s, ", rv_colour(RV_PLAIN), RV_FMT(rv_jstr(all[i], "class")));
		rv_show(rv_jstr(all[i], "owner"));
		printf("'s): %lld allowed, %lld held, %lld denied\n",
			(long long)rv_jint(all[i], "allowed"), (long long)rv_jint(all[i], "held"),
			(long long)rv_jint(all[i], "denied"));
		for (size_t k = 0; k < RV_COUNT(rows); k++) {
			size_t m;
			(void)rv_jarr(all[i], rows[k][0], &m); /* only how many */
			if (m == 0)
				continue;
			printf("    %-11s", rows[k][1]);
			show_names(all[i], rows[k][0], "");
			putchar('\n');
		}
	}
}

static void show_answers(const struct rv_json *v)
{
	size_t n, k;
	const struct rv_json *const *people = rv_jarr(v, "answers", &n);
	for (size_t i = 0; i < n; i++) {
		const struct rv_json *const *systems = rv_jarr(people[i], "systems", &k);
		printf("  ");
		rv_show(rv_jstr(people[i], "person"));
		for (size_t j = 0; j < k; j++) {
			printf("%s", j ? ", " : ": ");
			rv_show(rv_jstr(systems[j], "name"));
			if (rv_jstr(systems[j], "deputy").n > 0)
				printf(" (deputy %.*s)", RV_FMT(rv_jstr(systems[j], "deputy")));
		}
		putchar('\n');
	}
}

static void show_missing(const struct rv_json *v)
{
	size_t n;
	const struct rv_json *const *all = rv_jarr(v, "missing", &n);
	if (n == 0)
		printf("  nothing that is known\n");
	for (size_t i = 0; i < n; i++) {
		printf("  %s%.*s%s of ", rv_colour(RV_YELLOW), RV_FMT(rv_jstr(all[i], "what")),
			rv_colour(RV_PLAIN));
		rv_show(rv_jstr(all[i], "subject"));
		printf(": ");
		rv_show(rv_jstr(all[i], "text"));
		printf("\n      ");
		rv_show(rv_jstr(all[i], "command"));
		putchar('\n');
	}
}

static void show_not_enforced(const struct rv_json *v)
{
	size_t n;
	const struct rv_json *const *all = rv_jarr(v, "not_enforced", &n);
	for (size_t i = 0; i < n; i++)
		show_figure(all[i], "  ");
	const struct rv_json *const *points = rv_jarr(v, "points", &n);
	for (size_t i = 0; i < n; i++) {
		struct rv_str heard = rv_jstr(points[i], "last_heard");
		printf("         point ");
		rv_show(rv_jstr(points[i], "name"));
		if (heard.n > 0)
			printf(" was last heard from at %.*s\n", RV_FMT(heard));
		else
			printf(" was not heard from at all\n");
	}
}

/* Where each figure comes from: asked again, over the same records, it must be the same. */
static void show_sources(const struct rv_json *v)
{
	static const char *const lists[] = { "figures", "not_enforced" };
	const struct rv_json *r = rv_json_get(v, "records");
	for (size_t l = 0; l < RV_COUNT(lists); l++) {
		size_t n;
		const struct rv_json *const *all = rv_jarr(v, lists[l], &n);
		for (size_t i = 0; i < n; i++) {
			bool is_log = rv_str_eqz(rv_jstr(all[i], "basis"), "records");
			bool is_command = rv_str_starts(rv_jstr(all[i], "query"), RV_STR("reeve "));
			printf("  %s%-20.*s %s", rv_colour(RV_DIM), RV_FMT(rv_jstr(all[i], "id")),
				is_log && !is_command ? "reeve audit search '" : "");
			rv_show(rv_jstr(all[i], "query"));
			printf("%s%s\n", is_log && !is_command ? "'" : "", rv_colour(RV_PLAIN));
		}
	}
	printf("  Of the log: records %lld to %lld (%lld), since %.*s. Of the registry: generation "
	       "%lld, policy set %lld.\n",
		(long long)rv_jint(r, "from"), (long long)rv_jint(r, "to"),
		(long long)rv_jint(r, "count"), RV_FMT(rv_jstr(r, "since")),
		(long long)rv_jint(rv_json_get(v, "registry"), "generation"),
		(long long)rv_jint(rv_json_get(v, "registry"), "policy_version"));
	if (rv_jbool(r, "cut"))
		printf("  %sOlder records of that time were not read: there are too many.%s\n",
			rv_colour(RV_RED), rv_colour(RV_PLAIN));
}

static void show_board(const struct rv_json *v, bool with_sources)
{
	printf("%sBoard report%s of %.*s, %.*s\n", rv_colour(RV_BOLD), rv_colour(RV_PLAIN),
		RV_FMT(rv_jstr(v, "origin")), RV_FMT(rv_jstr(v, "made")));
	title("How many AI systems");
	show_figures(v, "systems");
	title("Which act on their own, and over what");
	show_figures(v, "alone");
	show_authority(v);
	title("Who answers");
	show_answers(v);
	show_figures(v, "no_owner");
	title("What they did");
	show_figures(v, "decisions");
	title("What is missing");
	show_missing(v);
	if (with_sources) {
		title("Where the figures come from");
		show_sources(v);
	}
	title("What is NOT enforced, or not known");
	show_not_enforced(v);
}

static int cmd_board(int argc, char **argv)
{
	static bool brief;
	static const struct rv_opt opts[] = {
		{ "since", 0, RV_OPT_STR, "TIME",
			"events from then on: 30d (default), or an RFC 3339 time", &since },
		{ "brief", 'b', RV_OPT_FLAG, NULL, "without the question behind each figure",
			&brief },
		{ "server", 's', RV_OPT_STR, "URL", "where (REEVE_SERVER)", &server },
		{ "json", 0, RV_OPT_FLAG, NULL, "print the answer as JSON", &json },
	};
	static const struct rv_usage u = { "report board", "",
		"how many AI systems act on their own, over what, who answers, what is missing",
		"The last lines say what was not enforced, or is not known. For auditors, "
		"governors, admins and responders.\n\n"
		"  reeve report board\n"
		"  reeve report board --since 7d --brief\n"
		"  reeve report board --json",
		opts, RV_COUNT(opts), 0, 0 };
	struct rv_err err = { 0 };
	struct rv_client c;
	const struct rv_json *v;
	int n, status = rv_cli_parse(&u, argc, argv, &n);
	if (status != RV_CLI_GO)
		return status;
	enum rv_code code = rv_client_open(&c, server, &err);
	if (code == RV_OK) {
		const char *path = since ? rv_arena_printf(&c.arena, "/v1/report/board?since=%s",
						   rv_client_seg(&c, since))
					 : "/v1/report/board";
		code = rv_client_call(
			&c, RV_HTTP_GET, path ? path : "", (struct rv_str){ NULL, 0 }, &v, &err);
	}
	status = code == RV_OK ? 0 : rv_cli_fail(u.name, &err);
	if (code == RV_OK && json)
		rv_print_json(v);
	else if (code == RV_OK)
		show_board(v, !brief);
	rv_client_done(&c);
	return status;
}

int rv_cmd_report(int argc, char **argv)
{
	static const struct rv_sub subs[] = {
		{ "board", cmd_board, "one sheet for the board" },
	};
	return rv_cli_subs(
		"report", "what others ask about the AI systems", subs, RV_COUNT(subs), argc, argv);
}
