/* reeve explain: why a decision came out as it did. */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/show.h"

static const char *server;
static bool json;

/* One line of source: as it stands in the policy it may run over several. */
static void show_source(struct rv_str text)
{
	RV_AUTO_BUF b;
	rv_buf_init(&b, 1 << 20);
	for (size_t i = 0; i < text.n; i++) {
		bool is_blank = text.p[i] == ' ' || text.p[i] == '\n' || text.p[i] == '\t';
		bool was_blank = b.n == 0 || b.p[b.n - 1] == ' ';
		if (!is_blank || !was_blank)
			rv_buf_addc(&b, is_blank ? ' ' : text.p[i]);
	}
	rv_show(rv_str_trim(rv_buf_str(&b)));
}

static enum rv_colour truth_colour(struct rv_str is)
{
	return rv_str_eqz(is, "true") ? RV_GREEN : rv_str_eqz(is, "error") ? RV_RED : RV_YELLOW;
}

/* A condition, the parts of it that counted, and what each came to. */
static void show_condition(const struct rv_json *c)
{
	size_t n;
	struct rv_str is = rv_jstr(c, "outcome");
	const struct rv_json *const *parts = rv_jarr(c, "parts", &n);
	printf("    %-6.*s ", RV_FMT(rv_jstr(c, "kind")));
	show_source(rv_jstr(c, "text"));
	const char *word = rv_str_eqz(is, "true") ? "holds"
		: rv_str_eqz(is, "false")	  ? "does not hold"
						  : is.p;
	printf("  %s%s%s", rv_colour(truth_colour(is)), word, rv_colour(RV_PLAIN));
	if (rv_jstr(c, "error").n > 0) {
		printf(": ");
		rv_show(rv_jstr(c, "error"));
	}
	putchar('\n');
	for (size_t i = 0; i < n; i++) {
		int64_t depth = rv_jint(parts[i], "depth");
		if (depth == 0)
			continue;
		printf("           %s%*s", rv_colour(RV_DIM), (int)(depth * 2 - 2), "");
		show_source(rv_jstr(parts[i], "text"));
		printf("%s", rv_jstr(parts[i], "value").n ? " = " : "");
		rv_show(rv_jstr(parts[i], "value"));
		printf("%s\n", rv_colour(RV_PLAIN));
	}
}

static void show_text(struct rv_str text)
{
	for (struct rv_str line; rv_str_split(&text, '\n', &line);) {
		printf("      %s| ", rv_colour(RV_DIM));
		rv_show(line);
		printf("%s\n", rv_colour(RV_PLAIN));
	}
}

static void show_origin(const struct rv_json *p)
{
	if (rv_jstr(p, "file").n == 0)
		return;
	printf("    %sfile '", rv_colour(RV_DIM));
	rv_show(rv_jstr(p, "file"));
	printf("' version %lld", (long long)rv_jint(p, "version"));
	if (rv_jstr(p, "written_by").n > 0)
		printf(", written by %.*s", RV_FMT(rv_jstr(p, "written_by")));
	if (rv_jstr(p, "published_by").n > 0)
		printf(", published by %.*s", RV_FMT(rv_jstr(p, "published_by")));
	printf("%s\n", rv_colour(RV_PLAIN));
}

static void show_policy(const struct rv_json *p, bool with_text)
{
	size_t n;
	struct rv_str applies = rv_jstr(p, "applies");
	const char *word = rv_str_eqz(applies, "yes") ? "applies"
		: rv_str_eqz(applies, "no")	      ? "does not apply"
						      : "failed";
	printf("  %.*s %s'", RV_FMT(rv_jstr(p, "effect")), rv_colour(RV_BOLD));
	rv_show(rv_jstr(p, "id"));
	printf("'%s %s%s\n", rv_colour(RV_PLAIN), word,
		rv_jbool(p, "observed_only") ? " (observed only: it never counts)" : "");
	if (rv_jstr(p, "reason").n > 0) {
		printf("    \"");
		rv_show(rv_jstr(p, "reason"));
		printf("\"\n");
	}
	show_origin(p);
	const struct rv_json *const *conditions = rv_jarr(p, "conditions", &n);
	for (size_t i = 0; i < n; i++)
		show_condition(conditions[i]);
	if (with_text)
		show_text(rv_jstr(p, "text"));
}

/* Did it bring the outcome about? Of what applied, forbids beat permits. */
static bool decides(const struct rv_json *p, struct rv_str outcome, bool has_forbid)
{
	bool is_forbid = rv_str_eqz(rv_jstr(p, "effect"), "forbid");
	if (rv_str_eqz(rv_jstr(p, "applies"), "no") || rv_jbool(p, "observed_only"))
		return false;
	return is_forbid || (!has_forbid && rv_str_eqz(outcome, "allow"));
}

static void show_some(const char *title, const struct rv_json *v, struct rv_str outcome, int what)
{
	size_t n;
	bool has_forbid = false, is_first = true;
	const struct rv_json *const *all = rv_jarr(v, "policies", &n);
	for (size_t i = 0; i < n; i++)
		has_forbid |= rv_str_eqz(rv_jstr(all[i], "effect"), "forbid") &&
			!rv_str_eqz(rv_jstr(all[i], "applies"), "no") &&
			!rv_jbool(all[i], "observed_only");
	for (size_t i = 0; i < n; i++) {
		int is = rv_str_eqz(rv_jstr(all[i], "applies"), "no") ? 2
			: decides(all[i], outcome, has_forbid)	      ? 0
								      : 1;
		if (is != what)
			continue;
		if (is_first)
			printf("\n%s%s%s\n", rv_colour(RV_BOLD), title, rv_colour(RV_PLAIN));
		is_first = false;
		show_policy(all[i], what == 0);
	}
}

static void show_policies(const struct rv_json *v)
{
	struct rv_str outcome = rv_jstr(rv_json_get(v, "event"), "outcome");
	show_some("Because", v, outcome, 0);
	show_some("Applied too, without changing it", v, outcome, 1);
	show_some("Looked at", v, outcome, 2);
	if (rv_jint(v, "others") > 0)
		printf("\n%lld other policies are about something else.\n",
			(long long)rv_jint(v, "others"));
}

static void show_head(const struct rv_json *v)
{
	size_t n;
	const struct rv_json *e = rv_json_get(v, "event"), *r = rv_json_get(e, "resource");
	struct rv_str o = rv_jstr(e, "outcome"), point = rv_jstr(e, "point");
	const struct rv_json *const *reasons = rv_jarr(e, "reasons", &n);
	printf("%s", rv_colour(RV_BOLD));
	rv_show(rv_jstr(e, "system"));
	printf(" asked to ");
	rv_show(rv_jstr(e, "action"));
	printf(" %.*s/", RV_FMT(rv_jstr(r, "type")));
	rv_show(rv_jstr(r, "id"));
	printf(": %s%.*s%s\n", rv_colour(rv_outcome_colour(o)), RV_FMT(o), rv_colour(RV_PLAIN));
	printf("  record %lld, %.*s, policy set %lld%s%.*s, %.*s\n", (long long)rv_jint(v, "seq"),
		RV_FMT(rv_jstr(e, "time")), (long long)rv_jint(e, "policy_version"),
		point.n ? ", through " : "", RV_FMT(point), RV_FMT(rv_jstr(e, "evidence")));
	for (size_t i = 0; i < n; i++) {
		if (rv_jstr(reasons[i], "code").n == 0)
			continue;
		printf("  %.*s: ", RV_FMT(rv_jstr(reasons[i], "code")));
		rv_show(rv_jstr(reasons[i], "text"));
		putchar('\n');
	}
}

static void show_limits(const struct rv_json *v)
{
	size_t n;
	const struct rv_json *const *l = rv_jarr(v, "limits", &n);
	if (n > 0)
		printf("\n%sLimits%s\n", rv_colour(RV_BOLD), rv_colour(RV_PLAIN));
	for (size_t i = 0; i < n; i++)
		printf("  %.*s: %.*s reserved, %.*s\n", RV_FMT(rv_jstr(l[i], "id")),
			RV_FMT(rv_jstr(l[i], "reserved")), RV_FMT(rv_jstr(l[i], "state")));
}

static void show_otherwise(const struct rv_json *v)
{
	size_t n, n_flips, k;
	const struct rv_json *const *lines = rv_jarr(v, "otherwise", &n);
	const struct rv_json *const *flips = rv_jarr(v, "flips", &n_flips);
	if (n + n_flips > 0)
		printf("\n%sOtherwise%s\n", rv_colour(RV_BOLD), rv_colour(RV_PLAIN));
	for (size_t i = 0; i < n; i++) {
		printf("  ");
		rv_show(lines[i]->type == RV_JSON_STR ? lines[i]->str : RV_STR("?"));
		putchar('\n');
	}
	for (size_t i = 0; i < n_flips; i++) {
		const struct rv_json *const *changes =
			flips[i]->type == RV_JSON_ARR ? flips[i]->items : NULL;
		k = changes ? flips[i]->n_items : 0;
		printf("  it would have turned round with: ");
		for (size_t j = 0; j < k; j++) {
			printf("%s", j ? " and " : "");
			rv_show(rv_jstr(changes[j], "text"));
		}
		putchar('\n');
	}
}

static void show_again(const struct rv_json *v)
{
	const struct rv_json *again = rv_json_get(v, "again"), *facts = rv_json_get(v, "facts");
	putchar('\n');
	if (!rv_jbool(again, "possible"))
		printf("It cannot be decided again. Facts: %.*s. Policies: %.*s.\n",
			RV_FMT(rv_jstr(facts, "state")),
			RV_FMT(rv_jstr(rv_json_get(v, "policy_set"), "state")));
	else if (rv_jbool(again, "agrees"))
		printf("Decided again on the facts as they were (%.*s…): policy says %.*s, and the "
		       "record agrees.\n",
			RV_FMT(rv_str_sub(rv_jstr(facts, "digest"), 0, 19)),
			RV_FMT(rv_jstr(again, "policy_says")));
	else
		printf("%sDecided again, policy says %.*s: this is not what was recorded.%s\n  "
		       "%.*s\n",
			rv_colour(RV_RED), RV_FMT(rv_jstr(again, "policy_says")),
			rv_colour(RV_PLAIN), RV_FMT(rv_jstr(again, "note")));
	if (rv_jbool(facts, "withheld"))
		printf("The values are shown to the owner, auditors, governors and responders.\n");
}

int rv_cmd_explain(int argc, char **argv)
{
	static const struct rv_opt opts[] = {
		{ "server", 's', RV_OPT_STR, "URL", "where (REEVE_SERVER)", &server },
		{ "json", 0, RV_OPT_FLAG, NULL, "print the answer as JSON", &json },
	};
	static const struct rv_usage u = { "explain", "ID",
		"why a decision came out as it did: which policy, which condition, which values",
		"ID is a decision's event, or an intent or outcome that came of one. It is decided "
		"again from the facts and the\n"
		"policies that were kept, and held against the record. Reading the facts is an "
		"event.\n\n"
		"  reeve audit search 'system:deploy-bot outcome:deny since:1h'\n"
		"  reeve explain 0193f8e2-…\n"
		"  reeve explain 0193f8e2-… --json",
		opts, RV_COUNT(opts), 1, 1 };
	struct rv_err err = { 0 };
	struct rv_client c;
	const struct rv_json *v;
	int n, status = rv_cli_parse(&u, argc, argv, &n);
	if (status != RV_CLI_GO)
		return status;
	enum rv_code code = rv_client_open(&c, server, &err);
	if (code == RV_OK) {
		const char *path = rv_arena_printf(
			&c.arena, "/v1/audit/%s/explain", rv_client_seg(&c, argv[1]));
		code = rv_client_call(
			&c, RV_HTTP_GET, path ? path : "", (struct rv_str){ NULL, 0 }, &v, &err);
	}
	status = code == RV_OK ? 0 : rv_cli_fail(u.name, &err);
	if (code == RV_OK && json) {
		rv_print_json(v);
	} else if (code == RV_OK) {
		show_head(v);
		show_policies(v);
		show_limits(v);
		show_otherwise(v);
		printf("\n%sWho answers%s\n", rv_colour(RV_BOLD), rv_colour(RV_PLAIN));
		rv_show_chain(rv_json_get(v, "chain"));
		show_again(v);
	}
	rv_client_done(&c);
	return status;
}
