/* The registry's past, and all of it as manifests. */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/manifest_schema.inc" /* made of docs/manifest.schema.json */
#include "cli/policy.h"
#include "cli/show.h"

static const char *server, *kind;
static bool json;
#define COMMON_OPTS                                                             \
	{ "server", 's', RV_OPT_STR, "URL", "where (REEVE_SERVER)", &server },  \
	{                                                                       \
		"json", 0, RV_OPT_FLAG, NULL, "print the answer as JSON", &json \
	}
typedef void printer(struct rv_client *c, const struct rv_json *v);
typedef const char *path_of(struct rv_client *c, char **argv, int n);

static int get(const struct rv_usage *u, int argc, char **argv, path_of *path, printer *print)
{
	struct rv_err err = { 0 };
	struct rv_client c;
	const struct rv_json *v;
	int n, status = rv_cli_parse(u, argc, argv, &n);
	if (status != RV_CLI_GO)
		return status;
	enum rv_code code = rv_client_open(&c, server, &err);
	if (code == RV_OK) {
		const char *p = path(&c, argv, n);
		code = rv_client_call(
			&c, RV_HTTP_GET, p ? p : "", (struct rv_str){ NULL, 0 }, &v, &err);
	}
	status = code == RV_OK ? 0 : rv_cli_fail(u->name, &err);
	if (code == RV_OK && json)
		rv_print_json(v);
	else if (code == RV_OK)
		print(&c, v);
	rv_client_done(&c);
	return status;
}

/* ---- history ---- */

static const char *system_path(struct rv_client *c, char **argv, int n)
{
	return rv_arena_printf(&c->arena, "/v1/systems/%s", rv_client_seg(c, argv[1]));
}

static void print_history(struct rv_client *c, const struct rv_json *v)
{
	static const char *const heads[] = { "VERSION", "STATE", "WRITTEN BY", "WHEN", "DECIDED BY",
		"DECIDED", "REASON" };
	static const char *const names[] = { "state", "author", "created", "decided_by", "decided",
		"reason" };
	struct rv_grid g;
	size_t n;
	const struct rv_json *const *rows = rv_jarr(v, "versions", &n);
	rv_grid_init(&g, &c->arena, RV_COUNT(heads));
	for (size_t i = 0; i < RV_COUNT(heads); i++)
		rv_grid_add(&g, rv_str_of(heads[i]));
	for (size_t i = n; i-- > 0;) {
		const char *number =
			rv_arena_printf(&c->arena, "%lld", (long long)rv_jint(rows[i], "version"));
		rv_grid_add(&g, rv_str_of(number ? number : ""));
		for (size_t k = 0; k < RV_COUNT(names); k++)
			rv_grid_add(&g, rv_jstr(rows[i], names[k]));
	}
	rv_grid_print(&g);
}

int rv_cmd_system_history(int argc, char **argv)
{
	static const struct rv_opt opts[] = { COMMON_OPTS };
	static const struct rv_usage u = { "system history", "NAME",
		"every version of its profile, newest first",
		"  reeve system history deploy-bot\n  reeve system diff deploy-bot 1 2", opts,
		RV_COUNT(opts), 1, 1 };
	return get(&u, argc, argv, system_path, print_history);
}

/* ---- diff ---- */

static const char *diff_path(struct rv_client *c, char **argv, int n)
{
	const char *base = system_path(c, argv, n);
	if (!base || n == 1)
		return base ? rv_arena_printf(&c->arena, "%s/diff", base) : NULL;
	return n == 2 ? rv_arena_printf(&c->arena, "%s/diff?to=%s", base, rv_client_seg(c, argv[2]))
		      : rv_arena_printf(&c->arena, "%s/diff?from=%s&to=%s", base,
				rv_client_seg(c, argv[2]), rv_client_seg(c, argv[3]));
}

static void print_diff(struct rv_client *c, const struct rv_json *v)
{
	size_t n;
	(void)rv_jarr(v, "fields", &n); /* for the number */
	printf("%.*s, version %lld -> %lld%s\n", RV_FMT(rv_jstr(v, "name")),
		(long long)rv_jint(v, "from"), (long long)rv_jint(v, "to"),
		n == 0 ? ": no difference" : "");
	rv_show_fields(v);
}

int rv_cmd_system_diff(int argc, char **argv)
{
	static const struct rv_opt opts[] = { COMMON_OPTS };
	static const struct rv_usage u = { "system diff", "NAME [[FROM] TO]",
		"what differs between two versions of its profile",
		"Without numbers: what waits for approval against what is in force, else the last "
		"change.\n\n"
		"  reeve system diff deploy-bot\n  reeve system diff deploy-bot 1 3",
		opts, RV_COUNT(opts), 1, 3 };
	return get(&u, argc, argv, diff_path, print_diff);
}

/* ---- manifests ---- */

static const char *manifests_path(struct rv_client *c, char **argv, int n)
{
	return kind ? rv_arena_printf(&c->arena, "/v1/manifests?kind=%s", rv_client_seg(c, kind))
		    : "/v1/manifests";
}

/* YAML 1.2 takes JSON as it is. Nothing is escaped for the terminal: it is written for a file. */
static void print_manifests(struct rv_client *c, const struct rv_json *v)
{
	size_t n;
	const struct rv_json *const *items = rv_jarr(v, "manifests", &n);
	for (size_t i = 0; i < n; i++) {
		RV_AUTO_BUF b;
		struct rv_json_w w;
		rv_buf_init(&b, 64 << 20);
		rv_json_w_init(&w, &b);
		rv_buf_printf(&b, "%skind: %.*s\nname: ", i ? "---\n" : "",
			RV_FMT(rv_jstr(items[i], "kind")));
		rv_json_w_str(&w, rv_jstr(items[i], "name"));
		rv_buf_addz(&b, "\nspec:\n");
		struct rv_buf pretty;
		rv_buf_init(&pretty, 64 << 20);
		rv_json_pretty(rv_json_get(items[i], "spec"), &pretty);
		struct rv_str rest = rv_buf_str(&pretty), line;
		while (rv_str_split(&rest, '\n', &line))
			if (line.n > 0)
				rv_buf_printf(&b, "  %.*s\n", RV_FMT(line));
		fwrite(b.p, 1, b.n, stdout);
		rv_buf_done(&pretty);
	}
}

int rv_cmd_manifests(int argc, char **argv)
{
	static bool schema;
	static const struct rv_opt opts[] = {
		{ "kind", 'k', RV_OPT_STR, "KIND", "only these: Person, System, Policy …", &kind },
		{ "schema", 0, RV_OPT_FLAG, NULL,
			"print the JSON Schema of manifests, for editors; needs no server",
			&schema },
		COMMON_OPTS,
	};
	static const struct rv_usage u = { "manifests", "",
		"the registry as the manifests that would make it",
		"Applied again they change nothing; kept in Git they are where to go on from. Left "
		"out is what has no manifest: the\nfirst admin, and systems that were "
		"offboarded.\n\n"
		"  reeve manifests > acme.yaml\n  reeve apply -f acme.yaml --dry-run\n"
		"  reeve manifests --schema > manifest.schema.json",
		opts, RV_COUNT(opts), 0, 0 };
	int n, status = rv_cli_parse(&u, argc, argv, &n);
	if (status != RV_CLI_GO)
		return status;
	if (schema) {
		fputs(manifest_schema, stdout);
		return 0;
	}
	return get(&u, argc, argv, manifests_path, print_manifests);
}
