#include "cli/show.h"

#include <stdio.h>

#include "cli/cli.h"

void rv_show(struct rv_str text)
{
	RV_AUTO_BUF b;
	rv_buf_init(&b, 4 << 20);
	rv_put_safe(&b, text);
	fputs(rv_buf_z(&b), stdout);
}

void rv_show_line(const char *label, struct rv_str text)
{
	if (text.n == 0)
		return;
	printf("  %-12s ", label);
	rv_show(text);
	putchar('\n');
}

enum rv_colour rv_outcome_colour(struct rv_str o)
{
	return rv_str_eqz(o, "deny")	 ? RV_RED
		: rv_str_eqz(o, "hold")	 ? RV_YELLOW
		: rv_str_eqz(o, "allow") ? RV_GREEN
					 : RV_PLAIN;
}

void rv_show_event(const struct rv_json *item)
{
	const struct rv_json *e = rv_json_get(item, "event"), *r = rv_json_get(e, "resource");
	struct rv_str o = rv_jstr(e, "outcome");
	RV_AUTO_BUF b;
	rv_buf_init(&b, 1 << 16);
	rv_buf_printf(&b, "%.*s ", RV_FMT(rv_jstr(e, "system")));
	rv_buf_add(&b, rv_jstr(e, "action"));
	if (r)
		rv_buf_printf(
			&b, " %.*s/%.*s", RV_FMT(rv_jstr(r, "type")), RV_FMT(rv_jstr(r, "id")));
	printf("%6lld %.*s %-20.*s %s%-5.*s%s ", (long long)rv_jint(item, "seq"),
		RV_FMT(rv_str_sub(rv_jstr(item, "logged"), 0, 19)), RV_FMT(rv_jstr(e, "kind")),
		rv_colour(rv_outcome_colour(o)), RV_FMT(o), rv_colour(RV_PLAIN));
	rv_show(rv_buf_str(&b));
	printf("\n       %s%.*s%s\n", rv_colour(RV_DIM), RV_FMT(rv_jstr(e, "id")),
		rv_colour(RV_PLAIN));
}

/* "name, written by x, approved by y at z". */
static void show_signed(const char *label, const char *name, const struct rv_json *v,
	const char *approved_word, const char *who, const char *when)
{
	RV_AUTO_BUF b;
	rv_buf_init(&b, 1 << 16);
	rv_buf_addz(&b, name);
	if (rv_jstr(v, "written_by").n > 0)
		rv_buf_printf(&b, ", written by %.*s", RV_FMT(rv_jstr(v, "written_by")));
	if (rv_jstr(v, who).n > 0)
		rv_buf_printf(&b, ", %s by %.*s", approved_word, RV_FMT(rv_jstr(v, who)));
	if (rv_jstr(v, when).n > 0)
		rv_buf_printf(&b, " at %.*s", RV_FMT(rv_jstr(v, when)));
	rv_show_line(label, rv_buf_str(&b));
}

static void show_policies(const struct rv_json *policy)
{
	size_t n;
	char name[300];
	const struct rv_json *const *spoke = rv_jarr(policy, "spoke", &n);
	for (size_t i = 0; i < n; i++) {
		snprintf(name, sizeof name, "'%.*s' in %.*s version %lld",
			RV_FMT(rv_jstr(spoke[i], "id")), RV_FMT(rv_jstr(spoke[i], "file")),
			(long long)rv_jint(spoke[i], "version"));
		show_signed(i ? "" : "policy", name, spoke[i], "published", "published_by",
			"published");
	}
	if (n == 0 && policy) {
		snprintf(name, sizeof name, "set %lld", (long long)rv_jint(policy, "version"));
		rv_show_line("policy", rv_str_of(name));
	}
}

static void show_approval(const struct rv_json *a)
{
	size_t n;
	char text[700];
	const struct rv_json *const *votes = rv_jarr(a, "votes", &n);
	if (!a)
		return;
	snprintf(text, sizeof text, "%.*s (%.*s)", RV_FMT(rv_jstr(a, "id")),
		RV_FMT(rv_jstr(a, "state")));
	rv_show_line("approval", rv_str_of(text));
	for (size_t i = 0; i < n; i++) {
		struct rv_str reason = rv_jstr(votes[i], "reason");
		snprintf(text, sizeof text, "%.*s by %.*s at %.*s%s%.*s",
			RV_FMT(rv_jstr(votes[i], "vote")), RV_FMT(rv_jstr(votes[i], "person")),
			RV_FMT(rv_jstr(votes[i], "at")), reason.n ? ": " : "", RV_FMT(reason));
		rv_show_line("vote", rv_str_of(text));
	}
}

static void show_step(const char *label, const struct rv_json *v)
{
	char text[300];
	if (!v)
		return;
	struct rv_str status = rv_jstr(v, "status"), point = rv_jstr(v, "point");
	snprintf(text, sizeof text, "%.*s%s%.*s%s%.*s%s%.*s", RV_FMT(status),
		status.n && rv_jstr(v, "time").n ? " at " : "", RV_FMT(rv_jstr(v, "time")),
		point.n ? ", through " : "", RV_FMT(point), rv_jstr(v, "evidence").n ? ", " : "",
		RV_FMT(rv_jstr(v, "evidence")));
	rv_show_line(label, rv_str_of(text));
}

void rv_show_chain(const struct rv_json *c)
{
	const struct rv_json *profile = rv_json_get(c, "profile");
	rv_show_line("system", rv_jstr(c, "system"));
	rv_show_line("owner then", rv_jstr(c, "owner"));
	rv_show_line("on behalf of", rv_jstr(c, "on_behalf_of"));
	if (profile) {
		char name[40];
		snprintf(name, sizeof name, "version %lld", (long long)rv_jint(profile, "version"));
		show_signed("profile", name, profile, "approved", "approved_by", "approved");
	}
	show_policies(rv_json_get(c, "policy"));
	show_approval(rv_json_get(c, "approval"));
	show_step("intent", rv_json_get(c, "intent"));
	show_step("outcome", rv_json_get(c, "outcome"));
}
