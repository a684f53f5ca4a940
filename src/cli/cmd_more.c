/* Short commands over the API: people, changes, gaps, status, limits, ask. */
#include <stdio.h>

#include "base/file.h"
#include "cli/cli.h"
#include "cli/client.h"

static const char *server, *reason, *out_file, *on, *amount, *arguments, *approval;
static bool json;
#define COMMON_OPTS                                                             \
	{ "server", 's', RV_OPT_STR, "URL", "where (REEVE_SERVER)", &server },  \
	{                                                                       \
		"json", 0, RV_OPT_FLAG, NULL, "print the answer as JSON", &json \
	}
static const struct rv_str NO_BODY = { NULL, 0 };

typedef void printer(struct rv_client *c, const struct rv_json *v);

/* One call and its printing: what most commands are. path: with %s for the first argument. */
static int call(const struct rv_usage *u, int argc, char **argv, enum rv_http_method method,
	const char *path, bool sends_reason, printer *print)
{
	struct rv_err err = { 0 };
	struct rv_client c;
	const struct rv_json *v;
	RV_AUTO_BUF b, p;
	rv_buf_init(&b, 1 << 16);
	rv_buf_init(&p, 1 << 16);
	int n, status = rv_cli_parse(u, argc, argv, &n);
	if (status != RV_CLI_GO)
		return status;
	enum rv_code code = rv_client_open(&c, server, &err);
	if (code == RV_OK) {
		struct rv_json_w w;
		rv_json_w_init(&w, &b);
		rv_json_w_obj(&w);
		if (sends_reason && reason)
			rv_json_w_kv_strz(&w, "reason", reason);
		rv_json_w_obj_end(&w);
		for (const char *at = path; *at; at++) {
			if (*at == '%')
				rv_buf_addz(&p, rv_client_seg(&c, argv[1]));
			else
				rv_buf_addc(&p, *at);
		}
		code = rv_client_call(&c, method, rv_buf_z(&p),
			method == RV_HTTP_POST ? rv_buf_str(&b) : NO_BODY, &v, &err);
	}
	status = code == RV_OK ? 0 : rv_cli_fail(u->name, &err);
	if (code == RV_OK && json)
		rv_print_json(v);
	else if (code == RV_OK)
		print(&c, v);
	rv_client_done(&c);
	return status;
}

static void head(struct rv_grid *g, struct rv_arena *a, const char *const *names, size_t n)
{
	rv_grid_init(g, a, n);
	for (size_t i = 0; i < n; i++)
		rv_grid_add(g, rv_str_of(names[i]));
}

static void rows(struct rv_client *c, const struct rv_json *v, const char *list,
	const char *const *heads, const char *const *names, size_t n_cols, const char *none)
{
	struct rv_grid g;
	size_t n;
	const struct rv_json *const *items = rv_jarr(v, list, &n);
	head(&g, &c->arena, heads, n_cols);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < n_cols; k++)
			rv_grid_add(&g, rv_jstr(items[i], names[k]));
	if (n > 0)
		rv_grid_print(&g);
	else
		printf("%s\n", none);
}

/* ---- people ---- */

static void print_people(struct rv_client *c, const struct rv_json *v)
{
	static const char *const heads[] = { "NAME", "RIGHTS", "EMAIL" };
	static const char *const names[] = { "name", "rights", "email" };
	rows(c, v, "people", heads, names, RV_COUNT(heads), "Nobody yet.");
}

static void print_invite(struct rv_client *c, const struct rv_json *v)
{
	struct rv_err err = { 0 };
	struct rv_str token = rv_jstr(v, "token");
	if (json && !out_file) {
		rv_print_json(v);
		return;
	}
	if (!out_file)
		printf("%.*s\n", RV_FMT(token));
	else if (rv_file_write(out_file, token, 0600, &err) != RV_OK)
		(void)rv_cli_fail("person invite", &err); /* told; the link can be made again */
	else
		printf("Single-use link for %.*s written to %s; it is redeemed by: reeve setup "
		       "%s\n",
			RV_FMT(rv_jstr(v, "person")), out_file, out_file);
}

static int cmd_people(int argc, char **argv)
{
	static const struct rv_opt opts[] = { COMMON_OPTS };
	static const struct rv_usage u = { "person list", "", "people and their rights",
		"  reeve person list", opts, RV_COUNT(opts), 0, 0 };
	return call(&u, argc, argv, RV_HTTP_GET, "/v1/people", false, print_people);
}

static int cmd_invite(int argc, char **argv)
{
	static const struct rv_opt opts[] = {
		{ "out", 'o', RV_OPT_STR, "FILE",
			"write the token there (0600) instead of showing it", &out_file },
		COMMON_OPTS,
	};
	static const struct rv_usage u = { "person invite", "NAME",
		"a single-use link with which a person sets a password",
		"Good for 24 hours; it replaces an earlier one. Hand the file over, not its "
		"text.\n\n"
		"  reeve person invite olivia --out link-of-olivia",
		opts, RV_COUNT(opts), 1, 1 };
	return call(&u, argc, argv, RV_HTTP_POST, "/v1/people/%/invite", false, print_invite);
}

int rv_cmd_person(int argc, char **argv)
{
	static const struct rv_sub subs[] = {
		{ "list", cmd_people, "people and their rights" },
		{ "invite", cmd_invite, "a single-use link to set a password" },
	};
	return rv_cli_subs(
		"person", "people who answer for AI systems", subs, RV_COUNT(subs), argc, argv);
}

/* ---- changes ---- */

static void print_changes(struct rv_client *c, const struct rv_json *v)
{
	static const char *const heads[] = { "ID", "KIND", "NAME", "AUTHOR", "SINCE" };
	static const char *const names[] = { "id", "kind", "name", "author", "created" };
	rows(c, v, "changes", heads, names, RV_COUNT(heads), "No change waits.");
}

static void print_state(struct rv_client *c, const struct rv_json *v)
{
	printf("%.*s\n", RV_FMT(rv_jstr(v, "state")));
}

static int cmd_changes(int argc, char **argv)
{
	static const struct rv_opt opts[] = { COMMON_OPTS };
	static const struct rv_usage u = { "change list", "",
		"widenings that wait for a second person", "  reeve change list", opts,
		RV_COUNT(opts), 0, 0 };
	return call(&u, argc, argv, RV_HTTP_GET, "/v1/changes", false, print_changes);
}

static int cmd_change(int argc, char **argv)
{
	static const struct rv_opt opts[] = {
		{ "reason", 'r', RV_OPT_STR, "TEXT", "why; kept in the record", &reason },
		COMMON_OPTS,
	};
	char name[40], path[60], detail[400];
	snprintf(name, sizeof name, "change %s", argv[0]);
	snprintf(detail, sizeof detail,
		"What widens access, autonomy or who may approve waits for a person who did not "
		"propose it.\n\n"
		"  reeve change list\n  reeve change %s ID --reason \"why\"",
		argv[0]);
	snprintf(path, sizeof path, "/v1/changes/%%/%s", argv[0]);
	const struct rv_usage u = { name, "ID", "decide a change that somebody else proposed",
		detail, opts, RV_COUNT(opts), 1, 1 };
	return call(&u, argc, argv, RV_HTTP_POST, path, true, print_state);
}

int rv_cmd_change(int argc, char **argv)
{
	static const struct rv_sub subs[] = {
		{ "list", cmd_changes, "what waits" },
		{ "approve", cmd_change, "let it come into force" },
		{ "reject", cmd_change, "say no" },
		{ "withdraw", cmd_change, "take one's own back" },
	};
	return rv_cli_subs("change", "changes that wait for a second person", subs, RV_COUNT(subs),
		argc, argv);
}

/* ---- gaps, status, limits ---- */

static void print_gaps(struct rv_client *c, const struct rv_json *v)
{
	static const char *const heads[] = { "SYSTEM", "MISSING", "TO CLOSE IT" };
	static const char *const names[] = { "system", "control", "command" };
	rows(c, v, "gaps", heads, names, RV_COUNT(heads), "Nothing is missing.");
}

int rv_cmd_gaps(int argc, char **argv)
{
	static const struct rv_opt opts[] = { COMMON_OPTS };
	static const struct rv_usage u = { "gaps", "",
		"controls that classes ask for and nobody set, each with the command that closes "
		"it",
		"  reeve gaps\n  reeve gaps --json", opts, RV_COUNT(opts), 0, 0 };
	return call(&u, argc, argv, RV_HTTP_GET, "/v1/gaps", false, print_gaps);
}

static void print_witnesses(const struct rv_json *v)
{
	size_t n;
	const struct rv_json *const *w = rv_jarr(v, "witnesses", &n);
	for (size_t i = 0; i < n; i++) {
		bool alarm = rv_jbool(w[i], "alarm"), bad = rv_jstr(w[i], "error").n > 0;
		printf("%switness    %.*s: %lld records cosigned%s%.*s%s\n",
			rv_colour(alarm	      ? RV_RED
					: bad ? RV_YELLOW
					      : RV_PLAIN),
			RV_FMT(rv_jstr(w[i], "name")), (long long)rv_jint(w[i], "cosigned"),
			bad ? "; " : "", RV_FMT(rv_jstr(w[i], "error")), rv_colour(RV_PLAIN));
	}
}

static void print_status(struct rv_client *c, const struct rv_json *v)
{
	const struct rv_json *l = rv_json_get(v, "ledger"), *b = rv_json_get(v, "bootstrap");
	printf("reeve %.*s, %lld AI systems, generation %lld\n", RV_FMT(rv_jstr(v, "version")),
		(long long)rv_jint(v, "systems"), (long long)rv_jint(v, "generation"));
	printf("ledger     %.*s%s%.*s, %lld records, %lld signed\n", RV_FMT(rv_jstr(l, "state")),
		rv_jstr(l, "reason").n ? ": " : "", RV_FMT(rv_jstr(l, "reason")),
		(long long)rv_jint(l, "records"), (long long)rv_jint(l, "signed"));
	if (!rv_str_eqz(rv_jstr(l, "state"), "open"))
		printf("%sdecisions  denied as audit_unavailable while the ledger cannot record "
		       "them: %lld so far; it goes on by itself%s\n",
			rv_colour(RV_RED), (long long)rv_jint(l, "refused_decisions"),
			rv_colour(RV_PLAIN));
	if (rv_jstr(l, "checkpoint_error").n > 0)
		printf("%scheckpoint not written: %.*s%s\n", rv_colour(RV_YELLOW),
			RV_FMT(rv_jstr(l, "checkpoint_error")), rv_colour(RV_PLAIN));
	const struct rv_json *x = rv_json_get(v, "search");
	printf("search     %lld indexed, %lld behind%s%.*s\n", (long long)rv_jint(x, "indexed"),
		(long long)rv_jint(x, "lag"), rv_jstr(x, "error").n ? ": " : "",
		RV_FMT(rv_jstr(x, "error")));
	printf("verifier   %.*s\n", RV_FMT(rv_jstr(l, "vkey")));
	print_witnesses(v);
	if (rv_jint(v, "outbox_waiting") > 0)
		printf("%soutbox     %lld events wait for the ledger%s\n", rv_colour(RV_YELLOW),
			(long long)rv_jint(v, "outbox_waiting"), rv_colour(RV_PLAIN));
	if (rv_jbool(b, "open"))
		printf("%sbootstrap  one person may still approve alone, until %.*s: give a second "
		       "person the right 'governor'%s\n",
			rv_colour(RV_RED), RV_FMT(rv_jstr(b, "until")), rv_colour(RV_PLAIN));
}

int rv_cmd_status(int argc, char **argv)
{
	static const struct rv_opt opts[] = { COMMON_OPTS };
	static const struct rv_usage u = { "status", "", "how the service is",
		"  reeve status\n  reeve status --json", opts, RV_COUNT(opts), 0, 0 };
	return call(&u, argc, argv, RV_HTTP_GET, "/v1/status", false, print_status);
}

static void print_limits(struct rv_client *c, const struct rv_json *v)
{
	static const char *const heads[] = { "LIMIT", "PER", "MAX", "USED", "LEFT", "", "OVER IT" };
	static const char *const names[] = { "name", "per", "max", "used", "left", "currency",
		"excess" };
	rows(c, v, "limits", heads, names, RV_COUNT(heads), "No limit binds it.");
}

int rv_cmd_limits(int argc, char **argv)
{
	static const struct rv_opt opts[] = { COMMON_OPTS };
	static const struct rv_usage u = { "limits", "SYSTEM",
		"what a system has spent of its limits", "  reeve limits ads-bot", opts,
		RV_COUNT(opts), 1, 1 };
	return call(&u, argc, argv, RV_HTTP_GET, "/v1/limits/%", false, print_limits);
}

/* ---- ask ---- */

static enum rv_code build_ask(
	struct rv_client *c, char **argv, struct rv_buf *b, struct rv_err *err)
{
	struct rv_json_w w;
	struct rv_str rest = rv_str_of(argv[3]), type;
	const struct rv_json *args = NULL;
	if (!rv_str_split(&rest, '/', &type) || !rest.p)
		return RV_FAIL(err, RV_EINVAL,
			"the resource is written TYPE/ID, as in Service/site-staging");
	if (arguments)
		RV_TRY(rv_json_parse(&c->arena, rv_str_of(arguments), NULL, &args, err));
	rv_json_w_init(&w, b);
	rv_json_w_obj(&w);
	rv_json_w_name(&w, "subject");
	rv_json_w_obj(&w);
	rv_json_w_kv_strz(&w, "type", "System");
	rv_json_w_kv_strz(&w, "id", argv[1]);
	rv_json_w_obj_end(&w);
	rv_json_w_name(&w, "action");
	rv_json_w_obj(&w);
	rv_json_w_kv_strz(&w, "name", argv[2]);
	rv_json_w_obj_end(&w);
	rv_json_w_name(&w, "resource");
	rv_json_w_obj(&w);
	rv_json_w_kv_str(&w, "type", type);
	rv_json_w_kv_str(&w, "id", rest);
	rv_json_w_obj_end(&w);
	rv_json_w_name(&w, "context");
	rv_json_w_obj(&w);
	if (on)
		rv_json_w_kv_strz(&w, "on_behalf_of", on);
	if (amount)
		rv_json_w_kv_strz(&w, "amount", amount);
	if (args) {
		rv_json_w_name(&w, "arguments");
		rv_json_w_value(&w, args);
	}
	if (approval) {
		rv_json_w_name(&w, "reeve");
		rv_json_w_obj(&w);
		rv_json_w_kv_strz(&w, "approval", approval);
		rv_json_w_obj_end(&w);
	}
	rv_json_w_obj_end(&w);
	rv_json_w_obj_end(&w);
	return rv_buf_ok(b, err);
}

static void print_decision(const struct rv_json *v)
{
	const struct rv_json *r = rv_json_get(rv_json_get(v, "context"), "reeve");
	size_t n;
	const struct rv_json *const *why = rv_jarr(r, "reasons", &n);
	printf("%.*s\n", RV_FMT(rv_jstr(r, "outcome")));
	for (size_t i = 0; i < n; i++)
		printf("  %.*s%.*s: %.*s\n", RV_FMT(rv_jstr(why[i], "policy")),
			RV_FMT(rv_jstr(why[i], "policy").n ? RV_STR("") : rv_jstr(why[i], "code")),
			RV_FMT(rv_jstr(why[i], "text")));
	const struct rv_json *a = rv_json_get(r, "approval");
	if (a)
		printf("  approval %.*s is %.*s\n", RV_FMT(rv_jstr(a, "id")),
			RV_FMT(rv_jstr(a, "state")));
	printf("  event %.*s\n", RV_FMT(rv_jstr(r, "id")));
}

int rv_cmd_ask(int argc, char **argv)
{
	static const struct rv_opt opts[] = {
		{ "arguments", 'a', RV_OPT_STR, "JSON", "what the action would be done with",
			&arguments },
		{ "amount", 0, RV_OPT_STR, "DECIMAL", "money that it would cost", &amount },
		{ "for", 0, RV_OPT_STR, "PERSON", "on whose behalf (a claim)", &on },
		{ "approval", 0, RV_OPT_STR, "ID", "the approval it means to use", &approval },
		COMMON_OPTS,
	};
	static const struct rv_usage u = { "ask", "SYSTEM ACTION TYPE/ID",
		"ask whether a system may do something",
		"With the system's own token (REEVE_TOKEN_FILE). The answer is advice: nothing is "
		"enforced by asking, and the\n"
		"record says 'claimed'. Exit status: 0 allow, 80 hold, 81 deny.\n\n"
		"  reeve ask deploy-bot release Service/site-staging",
		opts, RV_COUNT(opts), 3, 3 };
	struct rv_err err = { 0 };
	struct rv_client c;
	const struct rv_json *v;
	RV_AUTO_BUF b;
	rv_buf_init(&b, 1 << 20);
	int n, status = rv_cli_parse(&u, argc, argv, &n);
	if (status != RV_CLI_GO)
		return status;
	enum rv_code code = rv_client_open(&c, server, &err);
	if (code == RV_OK)
		code = build_ask(&c, argv, &b, &err);
	if (code == RV_OK)
		code = rv_client_call(
			&c, RV_HTTP_POST, "/access/v1/evaluation", rv_buf_str(&b), &v, &err);
	if (code != RV_OK) {
		status = rv_cli_fail(u.name, &err);
	} else {
		struct rv_str o =
			rv_jstr(rv_json_get(rv_json_get(v, "context"), "reeve"), "outcome");
		status = rv_str_eqz(o, "allow") ? 0 : rv_str_eqz(o, "hold") ? 80 : 81;
		if (json)
			rv_print_json(v);
		else
			print_decision(v);
	}
	rv_client_done(&c);
	return status;
}
