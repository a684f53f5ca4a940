/* Sessions of people: setup, login, logout, whoami, passwd. */
#include <stdio.h>

#include "base/file.h"
#include "cli/cli.h"
#include "cli/client.h"

static const char *server;
static bool json;
#define COMMON_OPTS                                                                    \
	{ "server", 's', RV_OPT_STR, "URL",                                            \
		"http://HOST:PORT, https://… or unix:/PATH (REEVE_SERVER)", &server }, \
	{                                                                              \
		"json", 0, RV_OPT_FLAG, NULL, "print the answer as JSON", &json        \
	}

/* The answer, or a sentence: a password or token is in neither. */
static void say(const char *what, struct rv_str person, const char *then, struct rv_str expires)
{
	static const char *const names[] = { "person", "expires" };
	const struct rv_str values[] = { person, expires.n ? expires : (struct rv_str){ NULL, 0 } };
	if (json)
		rv_print_object(names, values, RV_COUNT(names));
	else
		printf("%s%.*s%s%.*s\n", what, RV_FMT(person), then, RV_FMT(expires));
}

/* {"k":"v",…} of n pairs. */
static struct rv_str object(
	struct rv_buf *b, const char *const *names, const struct rv_str *values, size_t n)
{
	struct rv_json_w w;
	rv_json_w_init(&w, b);
	rv_json_w_obj(&w);
	for (size_t i = 0; i < n; i++)
		rv_json_w_kv_str(&w, names[i], values[i]);
	rv_json_w_obj_end(&w);
	return rv_buf_str(b);
}

static enum rv_code do_login(
	struct rv_client *c, const char *name, const struct rv_json **ret, struct rv_err *err)
{
	static const char *const names[] = { "name", "password" };
	struct rv_str v[2] = { rv_str_of(name) };
	RV_AUTO_BUF b;
	rv_buf_init(&b, 8192);
	RV_TRY(rv_client_secret(c, "password", &v[1], err));
	RV_TRY(rv_client_call(c, RV_HTTP_POST, "/v1/login", object(&b, names, v, 2), ret, err));
	return rv_client_keep(c, rv_jstr(*ret, "token"), err);
}

int rv_cmd_login(int argc, char **argv)
{
	static const struct rv_opt opts[] = { COMMON_OPTS };
	static const struct rv_usage u = { "login", "NAME", "open a session as a person",
		"Asks for the password (or reads one line of standard input) and keeps the "
		"session's token in\n"
		"~/.config/reeve/session (REEVE_SESSION_FILE), readable by you alone. It ends by "
		"itself after 12 hours.\n\n"
		"  reeve login olivia\n"
		"  reeve login olivia --server unix:/run/reeve/reeve.sock",
		opts, RV_COUNT(opts), 1, 1 };
	struct rv_err err = { 0 };
	struct rv_client c;
	const struct rv_json *v;
	int n, status = rv_cli_parse(&u, argc, argv, &n);
	if (status != RV_CLI_GO)
		return status;
	status = 0;
	if (rv_client_open(&c, server, &err) != RV_OK || do_login(&c, argv[1], &v, &err) != RV_OK)
		status = rv_cli_fail(u.name, &err);
	else
		say("Logged in as ", rv_jstr(v, "person"), " until ", rv_jstr(v, "expires"));
	rv_client_done(&c);
	return status;
}

static enum rv_code do_setup(
	struct rv_client *c, const char *link_file, const struct rv_json **ret, struct rv_err *err)
{
	static const char *const names[] = { "token", "password" };
	struct rv_str v[2];
	RV_AUTO_BUF b;
	rv_buf_init(&b, 8192);
	RV_TRY(rv_client_token_file(&c->arena, link_file, &v[0], err));
	RV_TRY(rv_client_secret(c, "new password", &v[1], err));
	if (isatty(STDIN_FILENO)) {
		struct rv_str again;
		RV_TRY(rv_client_secret(c, "again", &again, err));
		if (!rv_str_eq_secret(v[1], again))
			return RV_FAIL(err, RV_EINVAL,
				"the two are not the same; nothing was set, the link is still "
				"good");
	}
	return rv_client_call(c, RV_HTTP_POST, "/v1/setup", object(&b, names, v, 2), ret, err);
}

int rv_cmd_setup(int argc, char **argv)
{
	static const struct rv_opt opts[] = { COMMON_OPTS };
	static const struct rv_usage u = { "setup", "FILE",
		"redeem the first admin's link, or an invitation, and set a password",
		"FILE holds the single-use token: DATA/first-admin after 'reeve init', or what "
		"'reeve person invite' gave.\n"
		"The new password is asked for, or read as one line of standard input; it has at "
		"least 12 bytes.\n\n"
		"  reeve setup /var/lib/reeve/first-admin\n"
		"  reeve setup link-of-olivia",
		opts, RV_COUNT(opts), 1, 1 };
	struct rv_err err = { 0 };
	struct rv_client c;
	const struct rv_json *v;
	int n, status = rv_cli_parse(&u, argc, argv, &n);
	if (status != RV_CLI_GO)
		return status;
	status = 0;
	if (rv_client_open(&c, server, &err) != RV_OK || do_setup(&c, argv[1], &v, &err) != RV_OK)
		status = rv_cli_fail(u.name, &err);
	else
		say("Password set. Next: reeve login ", rv_jstr(v, "person"), "", RV_STR(""));
	rv_client_done(&c);
	return status;
}

int rv_cmd_logout(int argc, char **argv)
{
	static const struct rv_opt opts[] = { COMMON_OPTS };
	static const struct rv_usage u = { "logout", "", "end the session, here and at the server",
		"  reeve logout", opts, RV_COUNT(opts), 0, 0 };
	struct rv_err err = { 0 };
	struct rv_client c;
	const struct rv_json *v;
	int n, status = rv_cli_parse(&u, argc, argv, &n);
	if (status != RV_CLI_GO)
		return status;
	status = 0;
	/* A session that the server no longer knows is ended too: forget it here. */
	enum rv_code code = rv_client_open(&c, server, &err);
	if (code == RV_OK)
		code = rv_client_call(
			&c, RV_HTTP_POST, "/v1/logout", (struct rv_str){ NULL, 0 }, &v, &err);
	if ((code == RV_OK || code == RV_EAUTH) && rv_client_keep(&c, RV_STR(""), NULL) == RV_OK)
		printf(json ? "{\"logged_out\":true}\n" : "Logged out.\n");
	else
		status = rv_cli_fail(u.name, &err);
	rv_client_done(&c);
	return status;
}

static void print_who(const struct rv_json *v)
{
	size_t n;
	const struct rv_json *const *groups = rv_jarr(v, "groups", &n);
	printf("%.*s (%.*s)\n", RV_FMT(rv_jstr(v, "name")), RV_FMT(rv_jstr(v, "type")));
	if (rv_jstr(v, "rights").n > 0)
		printf("rights  %.*s\n", RV_FMT(rv_jstr(v, "rights")));
	for (size_t i = 0; i < n; i++)
		if (groups[i]->type == RV_JSON_STR)
			printf("%s%.*s%s", i ? ", " : "groups  ", RV_FMT(groups[i]->str),
				i + 1 == n ? "\n" : "");
}

int rv_cmd_whoami(int argc, char **argv)
{
	static const struct rv_opt opts[] = { COMMON_OPTS };
	static const struct rv_usage u = { "whoami", "", "whom the credential in use names",
		"  reeve whoami\n  REEVE_TOKEN_FILE=/etc/deploy-bot/token reeve whoami", opts,
		RV_COUNT(opts), 0, 0 };
	struct rv_err err = { 0 };
	struct rv_client c;
	const struct rv_json *v;
	int n, status = rv_cli_parse(&u, argc, argv, &n);
	if (status != RV_CLI_GO)
		return status;
	status = 0;
	enum rv_code code = rv_client_open(&c, server, &err);
	if (code == RV_OK)
		code = rv_client_call(
			&c, RV_HTTP_GET, "/v1/whoami", (struct rv_str){ NULL, 0 }, &v, &err);
	if (code != RV_OK)
		status = rv_cli_fail(u.name, &err);
	else if (json)
		rv_print_json(v);
	else
		print_who(v);
	rv_client_done(&c);
	return status;
}
