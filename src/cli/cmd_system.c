/* reeve system …: the registry and the life of what is in it. */
#include <stdio.h>

#include "base/file.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/policy.h"

static const char *server, *reason, *label, *ttl, *out_file;
static int64_t version;
static bool json, point;
#define COMMON_OPTS                                                             \
	{ "server", 's', RV_OPT_STR, "URL", "where (REEVE_SERVER)", &server },  \
	{                                                                       \
		"json", 0, RV_OPT_FLAG, NULL, "print the answer as JSON", &json \
	}
static const struct rv_str NO_BODY = { NULL, 0 };

static void print_list(struct rv_client *c, const struct rv_json *v)
{
	static const char *const heads[] = { "NAME", "CLASS", "STATE", "OWNER", "ROLE", "VERSION" };
	static const char *const names[] = { "name", "class", "state", "owner", "role" };
	struct rv_grid g;
	size_t n;
	const struct rv_json *const *items = rv_jarr(v, "systems", &n);
	rv_grid_init(&g, &c->arena, RV_COUNT(heads));
	for (size_t i = 0; i < RV_COUNT(heads); i++)
		rv_grid_add(&g, rv_str_of(heads[i]));
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < RV_COUNT(names); k++)
			rv_grid_add(&g,
				rv_jbool(items[i], "frozen") && k == 2
					? RV_STR("frozen")
					: rv_jstr(items[i], names[k]));
		const char *text = rv_arena_printf(&c->arena, "%lld%s",
			(long long)rv_jint(items[i], "version"),
			rv_jint(items[i], "pending_version") ? " (one waits)" : "");
		rv_grid_add(&g, rv_str_of(text ? text : ""));
	}
	rv_grid_print(&g);
	printf("%zu AI systems\n", n);
}

static void line(const struct rv_json *v, const char *label_text, const char *name)
{
	struct rv_str s = rv_jstr(v, name);
	RV_AUTO_BUF b;
	rv_buf_init(&b, 1 << 16);
	rv_put_safe(&b, s);
	if (s.n > 0)
		printf("%-14s %s\n", label_text, rv_buf_z(&b));
}

static void print_one(const struct rv_json *v)
{
	static const char *const rows[][2] = { { "state", "state" }, { "class", "class" },
		{ "owner", "owner" }, { "deputy", "deputy" }, { "role", "role" },
		{ "team", "team" }, { "environment", "environment" },
		{ "submitted by", "submitted_by" }, { "approved by", "approved_by" },
		{ "approved", "approved" }, { "unseparated", "unseparated_until" },
		{ "suspended", "suspended" }, { "suspended by", "suspended_by" },
		{ "reason", "suspend_reason" } };
	size_t n;
	printf("%s%.*s%s (version %lld)\n", rv_colour(RV_BOLD), RV_FMT(rv_jstr(v, "name")),
		rv_colour(RV_PLAIN), (long long)rv_jint(v, "version"));
	for (size_t i = 0; i < RV_COUNT(rows); i++)
		line(v, rows[i][0], rows[i][1]);
	line(rv_json_get(v, "profile"), "purpose", "purpose");
	const struct rv_json *const *creds = rv_jarr(v, "credentials", &n);
	for (size_t i = 0; i < n; i++)
		printf("%-14s %.*s, expires %.*s%s\n", i ? "" : "credentials",
			RV_FMT(rv_jstr(creds[i], "id")), RV_FMT(rv_jstr(creds[i], "expires")),
			rv_jstr(creds[i], "revoked").n ? " (revoked)" : "");
	const struct rv_json *const *gaps = rv_jarr(v, "gaps", &n);
	for (size_t i = 0; i < n; i++)
		printf("%s%-14s %.*s: %.*s%s\n", rv_colour(RV_YELLOW), i ? "" : "missing",
			RV_FMT(rv_jstr(gaps[i], "control")), RV_FMT(rv_jstr(gaps[i], "command")),
			rv_colour(RV_PLAIN));
}

static const char *label_of, *owner, *role, *class_, *state;

/* /v1/systems with what selects. */
static const char *list_path(struct rv_client *c)
{
	const char *const names[] = { "label", "owner", "role", "class", "state" };
	const char *const values[] = { label_of, owner, role, class_, state };
	RV_AUTO_BUF b;
	rv_buf_init(&b, 1 << 16);
	rv_buf_addz(&b, "/v1/systems");
	bool any = false;
	for (size_t i = 0; i < RV_COUNT(names); i++) {
		if (!values[i])
			continue;
		rv_buf_printf(
			&b, "%s%s=%s", any ? "&" : "?", names[i], rv_client_seg(c, values[i]));
		any = true;
	}
	struct rv_str s = rv_arena_str(&c->arena, rv_buf_str(&b));
	return s.p ? s.p : "/v1/systems";
}

static int cmd_list(int argc, char **argv)
{
	static const struct rv_opt opts[] = {
		{ "label", 'l', RV_OPT_STR, "NAME", "with this label; several divided by commas",
			&label_of },
		{ "owner", 0, RV_OPT_STR, "PERSON", "of this owner", &owner },
		{ "role", 0, RV_OPT_STR, "ROLE", "in this role", &role },
		{ "class", 0, RV_OPT_STR, "CLASS", "assistant, agent or worker", &class_ },
		{ "state", 0, RV_OPT_STR, "STATE", "draft … retired, or frozen", &state },
		COMMON_OPTS,
	};
	static const struct rv_usage u = { "system list", "", "every AI system you may see",
		"  reeve system list\n  reeve system list -l pci,web --class worker\n  reeve "
		"system "
		"list --json",
		opts, RV_COUNT(opts), 0, 0 };
	struct rv_err err = { 0 };
	struct rv_client c;
	const struct rv_json *v;
	int n, status = rv_cli_parse(&u, argc, argv, &n);
	if (status != RV_CLI_GO)
		return status;
	enum rv_code code = rv_client_open(&c, server, &err);
	if (code == RV_OK)
		code = rv_client_call(&c, RV_HTTP_GET, list_path(&c), NO_BODY, &v, &err);
	status = code == RV_OK ? 0 : rv_cli_fail(u.name, &err);
	if (code == RV_OK && json)
		rv_print_json(v);
	else if (code == RV_OK)
		print_list(&c, v);
	rv_client_done(&c);
	return status;
}

static int cmd_show(int argc, char **argv)
{
	static const struct rv_opt opts[] = { COMMON_OPTS };
	static const struct rv_usage u = { "system show", "NAME",
		"one AI system: profile, state, credentials, gaps",
		"  reeve system show deploy-bot", opts, RV_COUNT(opts), 1, 1 };
	struct rv_err err = { 0 };
	struct rv_client c;
	const struct rv_json *v;
	int n, status = rv_cli_parse(&u, argc, argv, &n);
	if (status != RV_CLI_GO)
		return status;
	enum rv_code code = rv_client_open(&c, server, &err);
	if (code == RV_OK)
		code = rv_client_call(&c, RV_HTTP_GET,
			rv_arena_printf(&c.arena, "/v1/systems/%s", rv_client_seg(&c, argv[1])),
			NO_BODY, &v, &err);
	status = code == RV_OK ? 0 : rv_cli_fail(u.name, &err);
	if (code == RV_OK && json)
		rv_print_json(v);
	else if (code == RV_OK)
		print_one(v);
	rv_client_done(&c);
	return status;
}

static void build_move(struct rv_buf *b)
{
	struct rv_json_w w;
	rv_json_w_init(&w, b);
	rv_json_w_obj(&w);
	if (reason)
		rv_json_w_kv_strz(&w, "reason", reason);
	if (version > 0)
		rv_json_w_kv_i64(&w, "version", version);
	rv_json_w_obj_end(&w);
}

/* submit, approve, suspend … : argv[0] is the step. */
static int cmd_move(int argc, char **argv)
{
	static const struct rv_opt opts[] = {
		{ "reason", 'r', RV_OPT_STR, "TEXT", "why; kept in the record", &reason },
		{ "version", 0, RV_OPT_INT, "N", "the version you looked at (approve, reject)",
			&version },
		COMMON_OPTS,
	};
	char name[40], detail[600];
	snprintf(name, sizeof name, "system %s", argv[0]);
	snprintf(detail, sizeof detail,
		"draft -> submitted -> approved -> active <-> suspended -> offboarding -> "
		"retired.\n"
		"Approving, and coming back from suspension, need another person. Suspending holds "
		"at once, everywhere.\n\n"
		"  reeve system %s deploy-bot --reason \"why\"",
		argv[0]);
	const struct rv_usage u = { name, "NAME", "one step of a system's life", detail, opts,
		RV_COUNT(opts), 1, 1 };
	struct rv_err err = { 0 };
	struct rv_client c;
	const struct rv_json *v;
	int n;
	version = 0;
	const char *step = argv[0];
	int status = rv_cli_parse(&u, argc, argv, &n);
	if (status != RV_CLI_GO)
		return status;
	RV_AUTO_BUF b;
	rv_buf_init(&b, 1 << 16);
	build_move(&b);
	enum rv_code code = rv_client_open(&c, server, &err);
	if (code == RV_OK)
		code = rv_client_call(&c, RV_HTTP_POST,
			rv_arena_printf(
				&c.arena, "/v1/systems/%s/%s", rv_client_seg(&c, argv[1]), step),
			rv_buf_str(&b), &v, &err);
	status = code == RV_OK ? 0 : rv_cli_fail(u.name, &err);
	if (code == RV_OK && json) {
		rv_print_json(v);
	} else if (code == RV_OK) {
		printf("%.*s is %.*s.\n", RV_FMT(rv_jstr(v, "name")), RV_FMT(rv_jstr(v, "state")));
		if (rv_jstr(v, "confirmed").n > 0)
			printf("requested %.*s\nconfirmed %.*s\n", RV_FMT(rv_jstr(v, "requested")),
				RV_FMT(rv_jstr(v, "confirmed")));
	}
	rv_client_done(&c);
	return status;
}

/* The answer without the token, which lies in the file. */
static void print_issued(const struct rv_json *v)
{
	static const char *const names[] = { "id", "expires", "file" };
	const struct rv_str values[] = { rv_jstr(v, "id"), rv_jstr(v, "expires"),
		rv_str_of(out_file) };
	rv_print_object(names, values, RV_COUNT(names));
}

static int cmd_token(int argc, char **argv)
{
	static const struct rv_opt opts[] = {
		{ "ttl", 't', RV_OPT_STR, "TIME",
			"how long it is good, such as 30d (required: every credential expires)",
			&ttl },
		{ "label", 'l', RV_OPT_STR, "TEXT", "what it is for", &label },
		{ "out", 'o', RV_OPT_STR, "FILE",
			"write the token there (0600) instead of showing it", &out_file },
		{ "point", 0, RV_OPT_FLAG, NULL, "NAME is an enforcement point", &point },
		COMMON_OPTS,
	};
	static const struct rv_usage u = { "system token", "NAME",
		"issue a credential; it is shown this once",
		"  reeve system token deploy-bot --ttl 30d --out /etc/deploy-bot/token\n"
		"  reeve system token exec-runner --point --ttl 90d --out /etc/reeve/runner-token",
		opts, RV_COUNT(opts), 1, 1 };
	struct rv_err err = { 0 };
	struct rv_client c;
	const struct rv_json *v;
	int n, status = rv_cli_parse(&u, argc, argv, &n);
	if (status != RV_CLI_GO)
		return status;
	if (!ttl)
		return rv_cli_bad(u.name, "needs --ttl: every credential expires");
	RV_AUTO_BUF b;
	struct rv_json_w w;
	rv_buf_init(&b, 1 << 16);
	rv_json_w_init(&w, &b);
	rv_json_w_obj(&w);
	rv_json_w_kv_strz(&w, "ttl", ttl);
	if (label)
		rv_json_w_kv_strz(&w, "label", label);
	rv_json_w_obj_end(&w);
	enum rv_code code = rv_client_open(&c, server, &err);
	if (code == RV_OK)
		code = rv_client_call(&c, RV_HTTP_POST,
			rv_arena_printf(&c.arena, "/v1/%s/%s/credentials",
				point ? "points" : "systems", rv_client_seg(&c, argv[1])),
			rv_buf_str(&b), &v, &err);
	if (code == RV_OK && out_file)
		code = rv_file_write(out_file, rv_jstr(v, "token"), 0600, &err);
	status = code == RV_OK ? 0 : rv_cli_fail(u.name, &err);
	if (code == RV_OK && json && out_file)
		print_issued(v);
	else if (code == RV_OK && json)
		rv_print_json(v);
	else if (code == RV_OK && out_file)
		printf("%.*s written to %s, good until %.*s\n", RV_FMT(rv_jstr(v, "id")), out_file,
			RV_FMT(rv_jstr(v, "expires")));
	else if (code == RV_OK)
		printf("%.*s\n", RV_FMT(rv_jstr(v, "token")));
	rv_client_done(&c);
	return status;
}

int rv_cmd_system(int argc, char **argv)
{
	static const struct rv_sub subs[] = {
		{ "list", cmd_list, "every AI system you may see" },
		{ "show", cmd_show, "one, with what is missing" },
		{ "history", rv_cmd_system_history, "every version of its profile" },
		{ "diff", rv_cmd_system_diff, "what differs between two" },
		{ "charter", rv_cmd_system_charter, "what it may do, in sentences" },
		{ "submit", cmd_move, "ask for approval of a draft" },
		{ "withdraw", cmd_move, "take a submission back" },
		{ "approve", cmd_move,
			"let it be (a governor who is not owner, author or submitter)" },
		{ "reject", cmd_move, "say no to it" },
		{ "activate", cmd_move, "let it run" },
		{ "suspend", cmd_move, "stop it at once" },
		{ "resume", cmd_move, "let it run again (another person than who stopped it)" },
		{ "offboard", cmd_move, "begin its end: stop, revoke, withdraw" },
		{ "retire", cmd_move, "end it" },
		{ "token", cmd_token, "issue a credential" },
	};
	return rv_cli_subs("system", "AI systems and their life", subs, RV_COUNT(subs), argc, argv);
}
