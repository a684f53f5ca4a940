/* reeve audit …: showing. Questions are cmd_find.c, proofs and keys cmd_log.c and cmd_prove.c. */
#include <stdio.h>

#include "cli/audit.h"
#include "cli/find.h"
#include "cli/show.h"

static const char *server;
static bool json;
#define COMMON_OPTS                                                             \
	{ "server", 's', RV_OPT_STR, "URL", "where (REEVE_SERVER)", &server },  \
	{                                                                       \
		"json", 0, RV_OPT_FLAG, NULL, "print the answer as JSON", &json \
	}
static const struct rv_str NO_BODY = { NULL, 0 };

static void print_whole(const struct rv_json *v)
{
	size_t n;
	RV_AUTO_BUF pretty;
	rv_buf_init(&pretty, 1 << 20);
	rv_show_event(v);
	printf("\n%sWho answers%s\n", rv_colour(RV_BOLD), rv_colour(RV_PLAIN));
	rv_show_chain(rv_json_get(v, "chain"));
	const struct rv_json *const *causes = rv_jarr(v, "causes", &n);
	if (n > 0)
		printf("\n%sBecause of%s\n", rv_colour(RV_BOLD), rv_colour(RV_PLAIN));
	for (size_t i = 0; i < n; i++)
		rv_show_event(causes[i]);
	printf("\n%sThe record%s\n", rv_colour(RV_BOLD), rv_colour(RV_PLAIN));
	rv_json_pretty(rv_json_get(v, "event"), &pretty);
	for (struct rv_str rest = rv_buf_str(&pretty), line; rv_str_split(&rest, '\n', &line);) {
		printf("  ");
		rv_show(line);
		putchar('\n');
	}
	printf("  leaf hash %.*s\n", RV_FMT(rv_jstr(v, "leaf_hash")));
}

static int cmd_show(int argc, char **argv)
{
	static const struct rv_opt opts[] = { COMMON_OPTS };
	static const struct rv_usage u = { "audit show", "ID",
		"one event with who answers for it: owner, versions, approvers, causes, outcome",
		"ID is an event's id, or its place in the log.\n\n"
		"  reeve audit show 41\n"
		"  reeve audit show 0193f8e2-0000-7000-8000-000000000000 --json",
		opts, RV_COUNT(opts), 1, 1 };
	struct rv_err err = { 0 };
	struct rv_client c;
	const struct rv_json *v;
	int n, status = rv_cli_parse(&u, argc, argv, &n);
	if (status != RV_CLI_GO)
		return status;
	enum rv_code code = rv_client_open(&c, server, &err);
	if (code == RV_OK) {
		const char *path =
			rv_arena_printf(&c.arena, "/v1/audit/%s", rv_client_seg(&c, argv[1]));
		code = rv_client_call(&c, RV_HTTP_GET, path ? path : "", NO_BODY, &v, &err);
	}
	status = code == RV_OK ? 0 : rv_cli_fail(u.name, &err);
	if (code == RV_OK && json)
		rv_print_json(v);
	else if (code == RV_OK)
		print_whole(v);
	rv_client_done(&c);
	return status;
}

int rv_cmd_audit(int argc, char **argv)
{
	static const struct rv_sub subs[] = {
		{ "show", cmd_show, "one event and what led to it" },
		{ "prove", rv_cmd_prove, "an offline receipt of one event" },
		{ "check", rv_cmd_check, "check a receipt without any server" },
		{ "verify", rv_cmd_verify, "recompute the whole log from its bytes" },
		{ "export-log", rv_cmd_export_log, "write the log as static files" },
		{ "retention", rv_cmd_retention, "what is kept how long, and what is gone" },
		{ "rotate-key", rv_cmd_rotate_key, "change the key the log is signed with" },
	};
	struct rv_sub all[RV_FIND_SUBS + RV_COUNT(subs)];
	memcpy(all, rv_find_subs, sizeof rv_find_subs);
	memcpy(all + RV_FIND_SUBS, subs, sizeof subs);
	return rv_cli_subs("audit", "the log of everything", all, RV_COUNT(all), argc, argv);
}
