/* reeve incident ID: why the guardrail failed, on one page: text, JSON or HTML. */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/show.h"

static const char *server;
static bool json, html;
static const struct rv_str NO_BODY = { NULL, 0 };

static const char *heading(const char *why)
{
	static const struct {
		const char *why, *text;
	} all[] = {
		{ "observed", "was only observed" },
		{ "waived", "was waived by people" },
		{ "stopped", "did stop it" },
		{ "not_written", "was not written yet" },
		{ "other_version", "had another text" },
		{ "removed", "had been taken out" },
	};
	for (size_t i = 0; i < RV_COUNT(all); i++)
		if (strcmp(all[i].why, why) == 0)
			return all[i].text;
	return why;
}

static const char *heading_of(const struct rv_json *rule)
{
	static char why[32]; /* may be what is returned; one thread */
	snprintf(why, sizeof why, "%.*s", RV_FMT(rv_jstr(rule, "why")));
	return heading(why);
}

/* One sentence for the top of the page. */
static void verdict(const struct rv_json *v, struct rv_buf *out)
{
	const struct rv_json *c = rv_json_get(v, "counterfactual");
	size_t n;
	const struct rv_json *const *rules = rv_jarr(c, "rules", &n);
	if (!c) {
		rv_buf_addz(out, "No decision stands behind this event.");
		return;
	}
	if (n == 0 && !rv_str_eqz(rv_jstr(c, "facts"), "kept")) {
		rv_buf_printf(out,
			"The facts of the decision cannot be read any more (%.*s), so it cannot be "
			"put to other policies.",
			RV_FMT(rv_jstr(c, "facts")));
		return;
	}
	if (n == 0) {
		rv_buf_addz(out,
			"No rule of then, of now or of the sets before would have stopped it: it "
			"is "
			"still to be written.");
		return;
	}
	rv_buf_printf(out, "'%.*s'%s: %.*s.", RV_FMT(rv_jstr(rules[0], "rule")),
		rv_str_eqz(rv_jstr(rules[0], "why"), "stopped") ? "" : " would have stopped it",
		RV_FMT(rv_jstr(rules[0], "text")));
}

/* ---- text ---- */

static void section(const char *title)
{
	printf("\n%s%s%s\n", rv_colour(RV_BOLD), title, rv_colour(RV_PLAIN));
}

static void print_text(const struct rv_json *v)
{
	size_t n;
	RV_AUTO_BUF b;
	rv_buf_init(&b, 1 << 16);
	rv_show_event(v);
	section("Why the guardrail failed");
	verdict(v, &b);
	printf("  ");
	rv_show(rv_buf_str(&b));
	putchar('\n');
	const struct rv_json *const *rules = rv_jarr(rv_json_get(v, "counterfactual"), "rules", &n);
	for (size_t i = 0; i < n; i++) {
		printf("  ");
		rv_show(rv_jstr(rules[i], "rule"));
		printf(" %s (policy set %lld): ", heading_of(rules[i]),
			(long long)rv_jint(rules[i], "set"));
		rv_show(rv_jstr(rules[i], "text"));
		putchar('\n');
	}
	section("Who answers");
	rv_show_chain(rv_json_get(v, "chain"));
	section("What had been changed before");
	const struct rv_json *const *changes = rv_jarr(v, "changes", &n);
	if (n == 0)
		printf("  nothing\n");
	for (size_t i = 0; i < n; i++)
		rv_show_event(changes[i]);
	section("Timeline");
	const struct rv_json *const *rows = rv_jarr(v, "timeline", &n);
	for (size_t i = 0; i < n; i++) {
		bool is_this = rv_jint(rows[i], "seq") == rv_jint(v, "seq");
		printf("%s%-8.*s%s", is_this ? rv_colour(RV_BOLD) : rv_colour(RV_DIM),
			RV_FMT(rv_jstr(rows[i], "why")), rv_colour(RV_PLAIN));
		rv_show_event(rows[i]);
	}
}

/* ---- HTML: one file, no script, nothing from elsewhere ---- */

static void put_html(struct rv_buf *out, struct rv_str s)
{
	RV_AUTO_BUF safe;
	rv_buf_init(&safe, 1 << 20);
	rv_put_safe(&safe, s);
	for (size_t i = 0; i < safe.n; i++) {
		char c = safe.p[i];
		if (c == '<' || c == '>' || c == '&' || c == '"' || c == '\'')
			rv_buf_printf(out, "&#%d;", c);
		else
			rv_buf_addc(out, c);
	}
}

static void cell(struct rv_buf *out, struct rv_str s)
{
	rv_buf_addz(out, "<td>");
	put_html(out, s);
	rv_buf_addz(out, "</td>");
}

static void event_row(struct rv_buf *out, const struct rv_json *item, bool is_this)
{
	const struct rv_json *e = rv_json_get(item, "event"), *r = rv_json_get(e, "resource");
	RV_AUTO_BUF res;
	rv_buf_init(&res, 1 << 17);
	if (r)
		rv_buf_printf(
			&res, "%.*s/%.*s", RV_FMT(rv_jstr(r, "type")), RV_FMT(rv_jstr(r, "id")));
	rv_buf_printf(out, "<tr%s><td>%lld</td>", is_this ? " class=\"this\"" : "",
		(long long)rv_jint(item, "seq"));
	cell(out, rv_str_sub(rv_jstr(item, "logged"), 0, 19));
	cell(out, rv_jstr(item, "why"));
	cell(out, rv_jstr(e, "kind"));
	cell(out, rv_jstr(e, "system"));
	cell(out, rv_jstr(e, "action"));
	cell(out, rv_buf_str(&res));
	cell(out, rv_jstr(e, "outcome"));
	rv_buf_addz(out, "</tr>\n");
}

static void table(struct rv_buf *out, const struct rv_json *v, const char *member)
{
	size_t n;
	const struct rv_json *const *rows = rv_jarr(v, member, &n);
	rv_buf_addz(out,
		"<table><tr><th>#</th><th>logged</th><th>why here</th><th>kind</th><th>system</th>"
		"<th>action</th><th>resource</th><th>outcome</th></tr>\n");
	for (size_t i = 0; i < n; i++)
		event_row(out, rows[i], rv_jint(rows[i], "seq") == rv_jint(v, "seq"));
	rv_buf_addz(out, "</table>\n");
}

static void put_json(struct rv_buf *out, const struct rv_json *v)
{
	RV_AUTO_BUF pretty;
	rv_buf_init(&pretty, 4 << 20);
	rv_buf_addz(out, "<pre>");
	if (v)
		rv_json_pretty(v, &pretty);
	for (struct rv_str rest = rv_buf_str(&pretty), line; rv_str_split(&rest, '\n', &line);) {
		put_html(out, line);
		rv_buf_addc(out, '\n');
	}
	rv_buf_addz(out, "</pre>\n");
}

static void print_html(const struct rv_json *v)
{
	size_t n;
	RV_AUTO_BUF out, sentence;
	rv_buf_init(&out, 64 << 20);
	rv_buf_init(&sentence, 1 << 16);
	rv_buf_addz(&out,
		"<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta "
		"http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
		"'unsafe-inline'\"><title>Incident</title><style>body{font:15px/1.45 "
		"system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 "
		"1rem}table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:."
		"25rem "
		".5rem;border-bottom:1px solid "
		"#ccc;vertical-align:top}.this{background:#fff3c4}.say{font-size:1.2rem;border-"
		"left:4px"
		" solid "
		"#b00;padding-left:1rem}pre{white-space:pre-wrap;overflow-wrap:anywhere}</style>"
		"\n<h1>Incident ");
	put_html(&out, rv_jstr(rv_json_get(v, "event"), "id"));
	rv_buf_addz(&out, "</h1>\n<h2>Why the guardrail failed</h2>\n<p class=\"say\">");
	verdict(v, &sentence);
	put_html(&out, rv_buf_str(&sentence));
	rv_buf_addz(
		&out, "</p>\n<table><tr><th>rule</th><th></th><th>policy set</th><th></th></tr>\n");
	const struct rv_json *const *rules = rv_jarr(rv_json_get(v, "counterfactual"), "rules", &n);
	for (size_t i = 0; i < n; i++) {
		rv_buf_addz(&out, "<tr>");
		cell(&out, rv_jstr(rules[i], "rule"));
		cell(&out, rv_str_of(heading_of(rules[i])));
		rv_buf_printf(&out, "<td>%lld</td>", (long long)rv_jint(rules[i], "set"));
		cell(&out, rv_jstr(rules[i], "text"));
		rv_buf_addz(&out, "</tr>\n");
	}
	rv_buf_addz(&out, "</table>\n<h2>Who answers</h2>\n");
	put_json(&out, rv_json_get(v, "chain"));
	rv_buf_addz(&out, "<h2>What had been changed before</h2>\n");
	table(&out, v, "changes");
	rv_buf_addz(&out, "<h2>Timeline</h2>\n");
	table(&out, v, "timeline");
	rv_buf_addz(&out, "<h2>The record</h2>\n");
	put_json(&out, rv_json_get(v, "event"));
	rv_buf_addz(&out, "</html>\n");
	(void)fwrite(out.p, 1, out.n, stdout); /* the exit status of a broken pipe is the shell's */
}

int rv_cmd_incident(int argc, char **argv)
{
	static const struct rv_opt opts[] = {
		{ "html", 0, RV_OPT_FLAG, NULL, "one HTML file, without script", &html },
		{ "json", 0, RV_OPT_FLAG, NULL, "print the answer as JSON", &json },
		{ "server", 's', RV_OPT_STR, "URL", "where (REEVE_SERVER)", &server },
	};
	static const struct rv_usage u = { "incident", "ID",
		"why the guardrail failed: one page about an event",
		"What led to it, what its worker did before and after, who owned and approved it, "
		"what had been changed before,\nand the rule that would have stopped it with why "
		"it "
		"was not in force.\n\n"
		"  reeve incident 0193b6a0-7c1e-7000-8000-000000000001 --html > incident.html",
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
			&c.arena, "/v1/audit/%s/incident", rv_client_seg(&c, argv[1]));
		code = rv_client_call(&c, RV_HTTP_GET, path ? path : "", NO_BODY, &v, &err);
	}
	status = code == RV_OK ? 0 : rv_cli_fail(u.name, &err);
	if (code == RV_OK && json)
		rv_print_json(v);
	else if (code == RV_OK && html)
		print_html(v);
	else if (code == RV_OK)
		print_text(v);
	rv_client_done(&c);
	return status;
}
