/* reeve approvals, approve, deny: what waits for a person. */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/client.h"

static const char *server, *reason, *state, *digest;
static bool json;
#define COMMON_OPTS                                                             \
	{ "server", 's', RV_OPT_STR, "URL", "where (REEVE_SERVER)", &server },  \
	{                                                                       \
		"json", 0, RV_OPT_FLAG, NULL, "print the answer as JSON", &json \
	}
static const struct rv_str NO_BODY = { NULL, 0 };

static void safe(const char *head, struct rv_str s)
{
	RV_AUTO_BUF b;
	rv_buf_init(&b, 1 << 20);
	rv_put_safe(&b, s);
	if (s.n > 0)
		printf("  %-10s %s\n", head, rv_buf_z(&b));
}

/* Every argument, whole: what is approved is what is shown. */
static void print_arguments(struct rv_client *c, struct rv_str id)
{
	struct rv_err err = { 0 };
	const struct rv_json *v;
	const char *path = rv_arena_printf(&c->arena, "/v1/approvals/%.*s/arguments", RV_FMT(id));
	if (!path || rv_client_call(c, RV_HTTP_GET, path, NO_BODY, &v, &err) != RV_OK) {
		printf("  %-10s not for you to see\n", "arguments");
		return;
	}
	const struct rv_json *args = rv_json_get(v, "arguments");
	RV_AUTO_BUF b;
	rv_buf_init(&b, 1 << 20);
	if (!rv_json_is(args, RV_JSON_OBJ))
		return;
	printf("  arguments\n");
	RV_JSON_EACH (m, args) {
		struct rv_json_w w;
		RV_AUTO_BUF shown;
		rv_buf_init(&shown, 1 << 20);
		rv_buf_clear(&b);
		rv_json_w_init(&w, &b);
		rv_json_w_value(&w, m->value);
		rv_put_safe(&shown, rv_buf_str(&b));
		printf("    %-14.*s %s\n", RV_FMT(m->name), rv_buf_z(&shown));
	}
}

static void print_hold(struct rv_client *c, const struct rv_json *h)
{
	size_t n, k;
	const struct rv_json *resource = rv_json_get(h, "resource");
	const struct rv_json *asked = rv_json_get(h, "asked_by");
	printf("%s%.*s%s  %.*s\n", rv_colour(RV_BOLD), RV_FMT(rv_jstr(h, "id")),
		rv_colour(RV_PLAIN), RV_FMT(rv_jstr(h, "state")));
	printf("  %.*s asks to %s%.*s%s %.*s::%.*s\n", RV_FMT(rv_jstr(h, "system")),
		rv_colour(RV_BOLD), RV_FMT(rv_jstr(h, "action")), rv_colour(RV_PLAIN),
		RV_FMT(rv_jstr(resource, "type")), RV_FMT(rv_jstr(resource, "id")));
	safe("owner", rv_jstr(h, "owner"));
	safe("for", rv_jstr(h, "on_behalf_of"));
	safe("through", rv_jstr(asked, "id"));
	print_arguments(c, rv_jstr(h, "id"));
	const struct rv_json *const *because = rv_jarr(h, "because", &n);
	for (size_t i = 0; i < n; i++) {
		const struct rv_json *const *groups = rv_jarr(because[i], "groups", &k);
		safe("because", rv_jstr(because[i], "policy"));
		safe("", rv_jstr(because[i], "text"));
		printf("  %-10s %lld of", "needs", (long long)rv_jint(because[i], "quorum"));
		for (size_t j = 0; j < k; j++)
			if (groups[j]->type == RV_JSON_STR)
				printf(" %.*s", RV_FMT(groups[j]->str));
		printf("\n");
	}
	const struct rv_json *const *votes = rv_jarr(h, "votes", &n);
	for (size_t i = 0; i < n; i++)
		printf("  %-10s %.*s by %.*s\n", "vote", RV_FMT(rv_jstr(votes[i], "vote")),
			RV_FMT(rv_jstr(votes[i], "person")));
	safe("expires", rv_jstr(h, "expires"));
	safe("digest", rv_jstr(h, "digest"));
}

int rv_cmd_approvals(int argc, char **argv)
{
	static const struct rv_opt opts[] = {
		{ "state", 0, RV_OPT_STR, "STATE",
			"pending (default), approved, denied, consumed … or all", &state },
		COMMON_OPTS,
	};
	static const struct rv_usage u = { "approvals", "[ID]",
		"held actions: exactly what would be done, and why it waits",
		"  reeve approvals\n  reeve approve ID --reason \"looked at the diff\"", opts,
		RV_COUNT(opts), 0, 1 };
	struct rv_err err = { 0 };
	struct rv_client c;
	const struct rv_json *v;
	int n, status = rv_cli_parse(&u, argc, argv, &n);
	if (status != RV_CLI_GO)
		return status;
	enum rv_code code = rv_client_open(&c, server, &err);
	if (code == RV_OK) {
		const char *path = n == 1
			? rv_arena_printf(&c.arena, "/v1/approvals/%s", rv_client_seg(&c, argv[1]))
			: rv_arena_printf(&c.arena, "/v1/approvals?state=%s",
				  rv_client_seg(&c, state ? state : "pending"));
		code = rv_client_call(&c, RV_HTTP_GET, path, NO_BODY, &v, &err);
	}
	status = code == RV_OK ? 0 : rv_cli_fail(u.name, &err);
	if (code == RV_OK && json) {
		rv_print_json(v);
	} else if (code == RV_OK && n == 1) {
		print_hold(&c, v);
	} else if (code == RV_OK) {
		size_t k;
		const struct rv_json *const *items = rv_jarr(v, "approvals", &k);
		for (size_t i = 0; i < k; i++)
			print_hold(&c, items[i]);
		if (k == 0)
			printf("Nothing waits for you.\n");
	}
	rv_client_done(&c);
	return status;
}

/* The digest approved is the one that was shown: read from the server unless it is given. */
static enum rv_code vote(struct rv_client *c, const char *id, const char *verb,
	const struct rv_json **ret, struct rv_err *err)
{
	const char *path = rv_arena_printf(&c->arena, "/v1/approvals/%s", rv_client_seg(c, id));
	struct rv_str seen = rv_str_of(digest);
	RV_AUTO_BUF b;
	struct rv_json_w w;
	rv_buf_init(&b, 1 << 16);
	if (!path)
		return RV_FAIL_ARENA(err);
	if (!digest) {
		RV_TRY(rv_client_call(c, RV_HTTP_GET, path, NO_BODY, ret, err));
		seen = rv_jstr(*ret, "digest");
	}
	rv_json_w_init(&w, &b);
	rv_json_w_obj(&w);
	rv_json_w_kv_str(&w, "digest", seen);
	if (reason)
		rv_json_w_kv_strz(&w, "reason", reason);
	rv_json_w_obj_end(&w);
	path = rv_arena_printf(&c->arena, "%s/%s", path, verb);
	if (!path)
		return RV_FAIL_ARENA(err);
	return rv_client_call(c, RV_HTTP_POST, path, rv_buf_str(&b), ret, err);
}

static int cmd_vote(const char *verb, int argc, char **argv)
{
	static const struct rv_opt opts[] = {
		{ "reason", 'r', RV_OPT_STR, "TEXT", "why; kept in the record", &reason },
		{ "digest", 'd', RV_OPT_STR, "SHA256",
			"the digest you looked at; refused when it is another", &digest },
		COMMON_OPTS,
	};
	char detail[500];
	snprintf(detail, sizeof detail,
		"Not for the requester, the person it is done for, the system's owner or who wrote "
		"the policy.\n\n"
		"  reeve approvals\n"
		"  reeve %s ID --reason \"looked at it\"",
		verb);
	const struct rv_usage u = { verb, "ID", "decide a held action", detail, opts,
		RV_COUNT(opts), 1, 1 };
	struct rv_err err = { 0 };
	struct rv_client c;
	const struct rv_json *v;
	int n, status = rv_cli_parse(&u, argc, argv, &n);
	if (status != RV_CLI_GO)
		return status;
	enum rv_code code = rv_client_open(&c, server, &err);
	if (code == RV_OK)
		code = vote(&c, argv[1], verb, &v, &err);
	status = code == RV_OK ? 0 : rv_cli_fail(u.name, &err);
	if (code == RV_OK && json)
		rv_print_json(v);
	else if (code == RV_OK)
		printf("%.*s: %.*s%s\n", RV_FMT(rv_jstr(v, "id")), RV_FMT(rv_jstr(v, "state")),
			rv_jint(v, "missing") > 0 ? "; more approvals are needed" : "");
	rv_client_done(&c);
	return status;
}

int rv_cmd_approve(int argc, char **argv)
{
	return cmd_vote("approve", argc, argv);
}

int rv_cmd_deny(int argc, char **argv)
{
	return cmd_vote("deny", argc, argv);
}
