/* reeve policy replay, simulate, test: questions about policies. They are recorded as questions and
 * change nothing. */
#include <stdio.h>

#include "base/file.h"
#include "cli/cli.h"
#include "cli/policy.h"
#include "cli/show.h"

enum { FILE_MAX = 4 << 20 };
static const char *server, *since, *until, *system_name, *context, *at;
static struct rv_opt_list with, without;
static bool json, alone;
static int64_t examples;
#define COMMON_OPTS                                                             \
	{ "server", 's', RV_OPT_STR, "URL", "where (REEVE_SERVER)", &server },  \
	{                                                                       \
		"json", 0, RV_OPT_FLAG, NULL, "print the answer as JSON", &json \
	}
#define SET_OPTS                                                                                  \
	{ "with", 'w', RV_OPT_LIST, "FILE",                                                       \
		"put this file in the place of that of its name, or beside the others; "          \
		"also NAME=FILE",                                                                 \
		&with },                                                                          \
		{ "without", 0, RV_OPT_LIST, "NAME", "take this policy file away", &without },    \
	{                                                                                         \
		"alone", 0, RV_OPT_FLAG, NULL, "only these files, none of those in force", &alone \
	}

/* "with", "without", "alone" of a request. */
static enum rv_code put_set(struct rv_client *c, struct rv_json_w *w, struct rv_err *err)
{
	rv_json_w_name(w, "with");
	rv_json_w_arr(w);
	for (size_t i = 0; i < with.n; i++) {
		struct rv_str path = rv_str_of(with.v[i]), name, text;
		size_t eq = rv_str_find(path, '=', 0);
		name = eq == SIZE_MAX ? rv_policy_file_name(with.v[i]) : rv_str_sub(path, 0, eq);
		RV_TRY(rv_file_read(&c->arena, eq == SIZE_MAX ? with.v[i] : with.v[i] + eq + 1,
			FILE_MAX, &text, err));
		if (!rv_str_is_utf8(text))
			return RV_FAIL(err, RV_EINVAL, "'%s' is not UTF-8", with.v[i]);
		rv_json_w_obj(w);
		rv_json_w_kv_str(w, "name", name);
		rv_json_w_kv_str(w, "text", text);
		rv_json_w_obj_end(w);
	}
	rv_json_w_arr_end(w);
	rv_json_w_name(w, "without");
	rv_json_w_arr(w);
	for (size_t i = 0; i < without.n; i++)
		rv_json_w_strz(w, without.v[i]);
	rv_json_w_arr_end(w);
	rv_json_w_kv_bool(w, "alone", alone);
	return RV_OK;
}

/* ---- replay ---- */

static void show_change(const struct rv_json *g)
{
	size_t n;
	const struct rv_json *const *x = rv_jarr(g, "examples", &n);
	printf("%8lld  %s", (long long)rv_jint(g, "count"), rv_colour(RV_BOLD));
	rv_show(rv_jstr(g, "system"));
	printf("%s ", rv_colour(RV_PLAIN));
	rv_show(rv_jstr(g, "action"));
	printf(": %s%.*s%s -> %s%.*s%s\n", rv_colour(rv_outcome_colour(rv_jstr(g, "was"))),
		RV_FMT(rv_jstr(g, "was")), rv_colour(RV_PLAIN),
		rv_colour(rv_outcome_colour(rv_jstr(g, "now"))), RV_FMT(rv_jstr(g, "now")),
		rv_colour(RV_PLAIN));
	for (size_t i = 0; i < n; i++) {
		const struct rv_json *r = rv_json_get(x[i], "resource");
		printf("          %.*s  %.*s/", RV_FMT(rv_jstr(x[i], "id")),
			RV_FMT(rv_jstr(r, "type")));
		rv_show(rv_jstr(r, "id"));
		printf("  (");
		rv_show(rv_jstr(x[i], "was_by"));
		printf(" -> ");
		rv_show(rv_jstr(x[i], "now_by"));
		printf(")\n");
	}
}

static void show_replay(const struct rv_json *v)
{
	static const struct {
		const char *name, *text;
	} left[] = { { "before_policy", "stopped before any policy was asked" },
		{ "unreadable", "are no longer kept and were not decided again" },
		{ "damaged", "are damaged and were not decided again" } };
	size_t n;
	const struct rv_json *const *changes = rv_jarr(v, "changes", &n);
	printf("%lld of %lld decisions since %.*s would come out otherwise.\n",
		(long long)rv_jint(v, "changed"), (long long)rv_jint(v, "decided"),
		RV_FMT(rv_jstr(v, "since")));
	for (size_t i = 0; i < n; i++)
		show_change(changes[i]);
	for (size_t i = 0; i < RV_COUNT(left); i++)
		if (rv_jint(v, left[i].name) > 0)
			printf("%8lld  %s\n", (long long)rv_jint(v, left[i].name), left[i].text);
}

int rv_cmd_policy_replay(int argc, char **argv)
{
	static const struct rv_opt opts[] = {
		SET_OPTS,
		{ "since", 0, RV_OPT_STR, "TIME", "a time, or a span before now (30d)", &since },
		{ "until", 0, RV_OPT_STR, "TIME", "a time, or a span before now", &until },
		{ "system", 0, RV_OPT_STR, "NAME", "only this system's decisions", &system_name },
		{ "examples", 0, RV_OPT_INT, "N", "so many of each sort of change (3)", &examples },
		COMMON_OPTS,
	};
	static const struct rv_usage u = { "policy replay", "",
		"decide recorded requests again and show what would change",
		"Each recorded decision is made again from the facts that were kept of it, under "
		"the policies of then and under\n"
		"these; approvals and limits are left out of both. It is a question: nothing is "
		"reserved, opened or changed.\n\n"
		"  reeve policy replay --since 30d --with new.cedar\n"
		"  reeve policy replay --with acme=draft.cedar --system deploy-bot --json",
		opts, RV_COUNT(opts), 0, 0 };
	struct rv_err err = { 0 };
	struct rv_client c;
	const struct rv_json *v;
	int n, status = rv_cli_parse(&u, argc, argv, &n);
	if (status != RV_CLI_GO)
		return status;
	RV_AUTO_BUF b;
	struct rv_json_w w;
	rv_buf_init(&b, 8 << 20);
	rv_json_w_init(&w, &b);
	enum rv_code code = rv_client_open(&c, server, &err);
	rv_json_w_obj(&w);
	if (code == RV_OK)
		code = put_set(&c, &w, &err);
	const char *const names[] = { "since", "until", "system" };
	const char *const values[] = { since, until, system_name };
	for (size_t i = 0; code == RV_OK && i < RV_COUNT(names); i++)
		if (values[i])
			rv_json_w_kv_strz(&w, names[i], values[i]);
	if (code == RV_OK && examples > 0)
		rv_json_w_kv_i64(&w, "examples", examples);
	if (code == RV_OK) {
		rv_json_w_obj_end(&w);
		code = rv_client_call(&c, RV_HTTP_POST, "/v1/replay", rv_buf_str(&b), &v, &err);
	}
	status = code == RV_OK ? 0 : rv_cli_fail(u.name, &err);
	if (code == RV_OK && json)
		rv_print_json(v);
	else if (code == RV_OK)
		show_replay(v);
	rv_client_done(&c);
	return status;
}

/* ---- simulate ---- */

struct question {
	struct rv_str system, action, resource, context, at; /* context, at: may be empty */
};

static enum rv_code simulate(struct rv_client *c, const struct question *q,
	const struct rv_json **ret, struct rv_err *err)
{
	RV_AUTO_BUF b;
	struct rv_json_w w;
	const struct rv_json *v;
	size_t slash = rv_str_find(q->resource, '/', 0);
	if (slash == SIZE_MAX)
		return RV_FAIL(err, RV_EINVAL,
			"the resource is written TYPE/ID, as in Service/site-staging");
	rv_buf_init(&b, 8 << 20);
	rv_json_w_init(&w, &b);
	rv_json_w_obj(&w);
	RV_TRY(put_set(c, &w, err));
	rv_json_w_kv_str(&w, "system", q->system);
	rv_json_w_name(&w, "action");
	rv_json_w_obj(&w);
	rv_json_w_kv_str(&w, "name", q->action);
	rv_json_w_obj_end(&w);
	rv_json_w_name(&w, "resource");
	rv_json_w_obj(&w);
	rv_json_w_kv_str(&w, "type", rv_str_sub(q->resource, 0, slash));
	rv_json_w_kv_str(&w, "id", rv_str_sub(q->resource, slash + 1, q->resource.n));
	rv_json_w_obj_end(&w);
	if (q->context.n > 0) {
		RV_TRY(rv_json_parse(&c->arena, q->context, NULL, &v, err));
		rv_json_w_name(&w, "context");
		rv_json_w_value(&w, v);
	}
	if (q->at.n > 0)
		rv_json_w_kv_str(&w, "at", q->at);
	rv_json_w_obj_end(&w);
	RV_TRY(rv_buf_ok(&b, err));
	return rv_client_call(c, RV_HTTP_POST, "/v1/simulate", rv_buf_str(&b), ret, err);
}

static void show_verdict(const char *label, const struct rv_json *v)
{
	size_t n, m;
	struct rv_str o = rv_jstr(v, "outcome");
	const struct rv_json *const *groups = rv_jarr(v, "groups", &m);
	const struct rv_json *const *reasons = rv_jarr(v, "reasons", &n);
	printf("%s%s%.*s%s", label, rv_colour(rv_outcome_colour(o)), RV_FMT(o),
		rv_colour(RV_PLAIN));
	for (size_t i = 0; i < m; i++)
		printf("%s%.*s", i ? ", " : " by ",
			RV_FMT(groups[i]->type == RV_JSON_STR ? groups[i]->str : RV_STR("?")));
	putchar('\n');
	for (size_t i = 0; i < n; i++) {
		printf("  ");
		rv_show(rv_jstr(reasons[i], rv_jstr(reasons[i], "policy").n ? "policy" : "code"));
		printf("  ");
		rv_show(rv_jstr(reasons[i], "text"));
		putchar('\n');
	}
}

static void show_simulation(const struct rv_json *v)
{
	show_verdict("", v);
	if (with.n + without.n > 0 || alone)
		show_verdict("in force: ", rv_json_get(v, "in_force"));
	if (rv_jstr(v, "refusal").n > 0)
		printf("It would not get so far now: %.*s.\n", RV_FMT(rv_jstr(v, "refusal")));
}

int rv_cmd_policy_simulate(int argc, char **argv)
{
	static const struct rv_opt opts[] = {
		SET_OPTS,
		{ "context", 'c', RV_OPT_STR, "JSON", "the request's context: amount, arguments, …",
			&context },
		{ "at", 0, RV_OPT_STR, "TIME", "as if it were then", &at },
		COMMON_OPTS,
	};
	static const struct rv_usage u = { "policy simulate", "SYSTEM ACTION TYPE/ID",
		"what would be said of a request, under other policies too",
		"Decided on today's facts, without approvals and limits. Recorded as a question; "
		"nothing is reserved or opened.\n\n"
		"  reeve policy simulate deploy-bot release Service/site-production --with "
		"new.cedar\n"
		"  reeve policy simulate ads-bot spend Account/ads -c '{\"amount\":\"250.00\"}'",
		opts, RV_COUNT(opts), 3, 3 };
	struct rv_err err = { 0 };
	struct rv_client c;
	const struct rv_json *v;
	int n, status = rv_cli_parse(&u, argc, argv, &n);
	if (status != RV_CLI_GO)
		return status;
	enum rv_code code = rv_client_open(&c, server, &err);
	const struct question q = { rv_str_of(argv[1]), rv_str_of(argv[2]), rv_str_of(argv[3]),
		rv_str_of(context ? context : ""), rv_str_of(at ? at : "") };
	if (code == RV_OK)
		code = simulate(&c, &q, &v, &err);
	status = code == RV_OK ? 0 : rv_cli_fail(u.name, &err);
	if (code == RV_OK && json)
		rv_print_json(v);
	else if (code == RV_OK)
		show_simulation(v);
	rv_client_done(&c);
	return status;
}

/* ---- test ---- */

struct test_run {
	struct rv_client *c;
	const char *path;
	unsigned line;
	const struct rv_json *last; /* answer to the last given; NULL: none yet */
	int64_t passed, failed;
};

static struct rv_str word_of(struct rv_str *rest)
{
	struct rv_str w;
	*rest = rv_str_trim(*rest);
	if (rest->n == 0 || !rv_str_split(rest, ' ', &w))
		return RV_STR("");
	return w;
}

/* given SYSTEM ACTION TYPE/ID [at TIME] [CONTEXT] */
static enum rv_code given(struct test_run *t, struct rv_str rest, struct rv_err *err)
{
	struct question q = { .at = RV_STR("") };
	q.system = word_of(&rest);
	q.action = word_of(&rest);
	q.resource = word_of(&rest);
	rest = rv_str_trim(rest);
	if (rv_str_starts(rest, RV_STR("at "))) {
		(void)word_of(&rest); /* "at" */
		q.at = word_of(&rest);
	}
	q.context = rv_str_trim(rest);
	if (q.resource.n == 0)
		return RV_FAIL_AT(err, RV_EINVAL, t->path, t->line, 1,
			"given SYSTEM ACTION TYPE/ID [at TIME] [CONTEXT]");
	enum rv_code code = simulate(t->c, &q, &t->last, err);
	if (code != RV_OK && err && !err->where[0])
		rv_err_where(err, t->path);
	if (code != RV_OK && err && err->line == 0)
		err->line = t->line;
	return code;
}

static bool speaks(const struct rv_json *v, struct rv_str who)
{
	size_t n;
	const struct rv_json *const *reasons = rv_jarr(v, "reasons", &n);
	for (size_t i = 0; i < n; i++)
		if (rv_str_eq(rv_jstr(reasons[i], "policy"), who) ||
			rv_str_eq(rv_jstr(reasons[i], "code"), who))
			return true;
	return false;
}

static bool asks(const struct rv_json *v, struct rv_str group)
{
	size_t n;
	const struct rv_json *const *groups = rv_jarr(v, "groups", &n);
	for (size_t i = 0; i < n; i++)
		if (rv_json_is(groups[i], RV_JSON_STR) && rv_str_eq(groups[i]->str, group))
			return true;
	return false;
}

/* expect allow | hold [by GROUP[,GROUP]] | deny, each with [because POLICY-OR-CODE] */
static enum rv_code expect(struct test_run *t, struct rv_str rest, struct rv_err *err)
{
	struct rv_str all = rv_str_trim(rest), outcome = word_of(&rest), word, part;
	bool ok = t->last && rv_str_eq(rv_jstr(t->last, "outcome"), outcome);
	bool is_known = rv_str_eqz(outcome, "allow") || rv_str_eqz(outcome, "hold") ||
		rv_str_eqz(outcome, "deny");
	if (!t->last)
		return RV_FAIL_AT(err, RV_EINVAL, t->path, t->line, 1, "no 'given' before this");
	while (is_known && (word = word_of(&rest)).n > 0) {
		struct rv_str value = word_of(&rest);
		if (rv_str_eqz(word, "by") && rv_str_eqz(outcome, "hold"))
			while (rv_str_split(&value, ',', &part))
				ok = ok && asks(t->last, part);
		else if (rv_str_eqz(word, "because") && value.n > 0)
			ok = ok && speaks(t->last, value);
		else
			is_known = false;
	}
	if (!is_known)
		return RV_FAIL_AT(err, RV_EINVAL, t->path, t->line, 1,
			"expect allow | hold [by GROUP,GROUP] | deny, and [because POLICY]");
	*(ok ? &t->passed : &t->failed) += 1;
	if (!ok && !json) {
		printf("%s:%u: expected %.*s, but:\n", t->path, t->line, RV_FMT(all));
		show_verdict("  ", t->last);
	}
	return RV_OK;
}

static enum rv_code run_file(struct test_run *t, struct rv_err *err)
{
	struct rv_str text, line;
	RV_TRY(rv_file_read(&t->c->arena, t->path, FILE_MAX, &text, err));
	t->line = 0;
	t->last = NULL;
	while (rv_str_split(&text, '\n', &line)) {
		t->line++;
		line = rv_str_trim(line);
		if (line.n == 0 || line.p[0] == '#')
			continue;
		struct rv_str verb = word_of(&line);
		if (rv_str_eqz(verb, "given"))
			RV_TRY(given(t, line, err));
		else if (rv_str_eqz(verb, "expect"))
			RV_TRY(expect(t, line, err));
		else
			return RV_FAIL_AT(err, RV_EINVAL, t->path, t->line, 1,
				"'%.*s': a line begins with given, expect or #", RV_FMT(verb));
	}
	return RV_OK;
}

static int finish_test(const struct test_run *t)
{
	if (json)
		printf("{\"passed\":%lld,\"failed\":%lld}\n", (long long)t->passed,
			(long long)t->failed);
	else
		printf("%lld passed, %lld failed\n", (long long)t->passed, (long long)t->failed);
	return t->failed > 0 ? 1 : 0;
}

int rv_cmd_policy_test(int argc, char **argv)
{
	static const struct rv_opt opts[] = { SET_OPTS, COMMON_OPTS };
	static const struct rv_usage u = { "policy test", "FILE...",
		"run tests of policies against the registry",
		"Lines of a test: 'given SYSTEM ACTION TYPE/ID [at TIME] [CONTEXT]', then 'expect "
		"allow', 'expect hold by GROUP'\n"
		"or 'expect deny', each with 'because POLICY' if that matters; '#' begins a "
		"comment. Exit status 1 when one fails.\n\n"
		"  reeve policy test policies/tests/*.test --with policies/acme.cedar",
		opts, RV_COUNT(opts), 1, -1 };
	struct rv_err err = { 0 };
	struct rv_client c;
	int n, status = rv_cli_parse(&u, argc, argv, &n);
	if (status != RV_CLI_GO)
		return status;
	struct test_run t = { .c = &c };
	enum rv_code code = rv_client_open(&c, server, &err);
	for (int i = 1; code == RV_OK && i <= n; i++) {
		t.path = argv[i];
		code = run_file(&t, &err);
	}
	status = code == RV_OK ? finish_test(&t) : rv_cli_fail(u.name, &err);
	rv_client_done(&c);
	return status;
}
