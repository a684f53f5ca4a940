/* reeve audit search, count, top, histogram, follow, export, reindex: questions to the log. A query
 * is read here first, so that a mistake is pointed at without a server. */
#include <stdio.h>
#include <time.h>

#include "cli/find.h"
#include "cli/show.h"
#include "search/search.h"

enum { PAGE = 1000, FOLLOW_MS = 500, BAR = 50 };

static const char *server, *data, *from, *to, *step, *format, *note;
static int64_t limit;
static bool json;
#define COMMON_OPTS                                                             \
	{ "server", 's', RV_OPT_STR, "URL", "where (REEVE_SERVER)", &server },  \
	{                                                                       \
		"json", 0, RV_OPT_FLAG, NULL, "print the answer as JSON", &json \
	}
static const struct rv_str NO_BODY = { NULL, 0 };
#define QUERY_HELP \
	"The language is described in docs/search.md. @NAME is a search kept by 'audit save':\n"

/* A command with its client, from arguments to exit status. */
struct find {
	const struct rv_usage *u;
	struct rv_client c;
	const char *query;
	struct rv_err err;
};

static enum rv_code check_query(struct find *f)
{
	const struct rv_search_query *q;
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 1 << 22);
	return rv_query_parse(
		&a, rv_str_of(f->query), rv_clock_unix_ns(rv_clock_system()), &q, &f->err);
}

static int fail(struct find *f)
{
	int status = rv_cli_fail(f->u->name, &f->err);
	RV_AUTO_BUF caret, safe;
	rv_buf_init(&caret, 4096);
	rv_buf_init(&safe, 8192);
	if (f->query)
		rv_query_caret(rv_str_of(f->query), &f->err, &caret);
	for (struct rv_str rest = rv_buf_str(&caret), line; rv_str_split(&rest, '\n', &line);) {
		if (line.n == 0)
			continue;
		rv_buf_clear(&safe);
		rv_put_safe(&safe, line);
		fprintf(stderr, "%s\n", rv_buf_z(&safe));
	}
	return status;
}

/* @NAME into what was kept under it. The copy lives as long as the command. */
static enum rv_code kept_query(struct find *f)
{
	static char kept[RV_QUERY_BYTES + 1];
	const struct rv_json *v;
	size_t n;
	RV_TRY(rv_client_call(&f->c, RV_HTTP_GET, "/v1/searches", NO_BODY, &v, &f->err));
	const struct rv_json *const *rows = rv_jarr(v, "searches", &n);
	for (size_t i = 0; i < n; i++)
		if (rv_str_eqz(rv_jstr(rows[i], "name"), f->query + 1)) {
			snprintf(kept, sizeof kept, "%.*s", RV_FMT(rv_jstr(rows[i], "query")));
			f->query = kept;
			return RV_OK;
		}
	return RV_FAIL(&f->err, RV_ENOENT, "no search '%s' is kept; see 'reeve audit saved'",
		f->query + 1);
}

/* Options, query, connection. RV_CLI_GO: f is open. */
static int begin(
	struct find *f, const struct rv_usage *u, int argc, char **argv, int query_at, int *ret_n)
{
	*f = (struct find){ .u = u };
	int status = rv_cli_parse(u, argc, argv, ret_n);
	if (status != RV_CLI_GO)
		return status;
	f->query = *ret_n >= query_at ? argv[query_at] : "";
	bool is_kept = f->query[0] == '@';
	if ((!is_kept && check_query(f) != RV_OK) ||
		rv_client_open(&f->c, server, &f->err) != RV_OK)
		return fail(f);
	if (!is_kept || kept_query(f) == RV_OK)
		return RV_CLI_GO;
	status = fail(f);
	rv_client_done(&f->c);
	return status;
}

static enum rv_code get(struct find *f, const char *path, const struct rv_json **ret)
{
	if (!path)
		return RV_FAIL_ARENA(&f->err);
	return rv_client_call(&f->c, RV_HTTP_GET, path, NO_BODY, ret, &f->err);
}

static int end(struct find *f, enum rv_code code)
{
	int status = code == RV_OK ? 0 : fail(f);
	rv_client_done(&f->c);
	return status;
}

/* ---- events ---- */

static void show_events(const struct rv_json *v)
{
	size_t n;
	const struct rv_json *const *items = rv_jarr(v, "events", &n);
	for (size_t i = 0; i < n; i++)
		rv_show_event(items[i]);
}

static int cmd_search(int argc, char **argv)
{
	static const struct rv_opt opts[] = {
		{ "limit", 'n', RV_OPT_INT, "N", "how many at most (100)", &limit },
		COMMON_OPTS,
	};
	static const struct rv_usage u = { "audit search", "[QUERY]", "find events, newest first",
		QUERY_HELP
		"  reeve audit search 'system:deploy-bot outcome:deny since:1h'\n"
		"  reeve audit search 'kind:approval.* (action:release OR \"prod*\") -person:ana'",
		opts, RV_COUNT(opts), 0, 1 };
	struct find f;
	const struct rv_json *v;
	int n, status = begin(&f, &u, argc, argv, 1, &n);
	if (status != RV_CLI_GO)
		return status;
	int64_t left = limit ? limit : 100, before = 0, found = 0;
	enum rv_code code = RV_OK;
	do {
		code = get(&f,
			rv_arena_printf(&f.c.arena, "/v1/audit?q=%s&limit=%lld&before=%lld",
				rv_client_seg(&f.c, f.query),
				(long long)(left < PAGE ? left : PAGE), (long long)before),
			&v);
		if (code != RV_OK)
			break;
		if (json)
			rv_print_json(v);
		else
			show_events(v);
		found += rv_jint(v, "found");
		left -= rv_jint(v, "found");
		before = rv_jint(v, "next_before");
	} while (left > 0 && before > 0);
	if (code == RV_OK && !json)
		printf("%lld events%s\n", (long long)found, before ? ", and more" : "");
	return end(&f, code);
}

static int cmd_follow(int argc, char **argv)
{
	static const struct rv_opt opts[] = { COMMON_OPTS };
	static const struct rv_usage u = { "audit follow", "[QUERY]",
		"show events as they are recorded",
		"Goes on until it is interrupted. For programs there is a stream of server-sent "
		"events, /v1/audit/follow.\n"
		"  reeve audit follow 'outcome:(deny OR hold)'",
		opts, RV_COUNT(opts), 0, 1 };
	struct find f;
	const struct rv_json *v;
	int n, status = begin(&f, &u, argc, argv, 1, &n);
	if (status != RV_CLI_GO)
		return status;
	const char *at = "";
	for (;;) {
		char place[64];
		enum rv_code code = get(&f,
			rv_arena_printf(&f.c.arena, "/v1/audit/since?q=%s%s",
				rv_client_seg(&f.c, f.query), at),
			&v);
		if (code != RV_OK)
			return end(&f, code);
		if (json)
			rv_print_json(v);
		else
			show_events(v);
		fflush(stdout);
		snprintf(place, sizeof place, "&from=%lld", (long long)rv_jint(v, "next_from"));
		bool more = rv_jbool(v, "more");
		rv_arena_clear(&f.c.arena);
		at = rv_arena_printf(&f.c.arena, "%s", place);
		if (!at)
			return end(&f, RV_FAIL_ARENA(&f.err));
		const struct timespec pause = { 0, FOLLOW_MS * 1000000L };
		if (!more)
			(void)nanosleep(&pause, NULL); /* a signal only shortens it */
	}
}

static enum rv_code export_page(struct find *f, bool is_csv, int64_t *before)
{
	struct rv_http_answer a;
	const char *path = rv_arena_printf(&f->c.arena,
		"/v1/audit/export?q=%s&format=%s&limit=%d&before=%lld",
		rv_client_seg(&f->c, f->query), is_csv ? "csv" : "jsonl", PAGE, (long long)*before);
	if (!path)
		return RV_FAIL_ARENA(&f->err);
	RV_TRY(rv_client_get_raw(&f->c, path, &a, &f->err));
	if (fwrite(a.body.p, 1, a.body.n, stdout) != a.body.n || fflush(stdout) != 0)
		return RV_FAIL(&f->err, RV_EIO, "cannot write to standard output");
	struct rv_str next = rv_http_head_get(a.head, "Reeve-Next-Before");
	if (!next.p || !rv_str_i64(next, before))
		*before = 0;
	return RV_OK;
}

static int cmd_export(int argc, char **argv)
{
	static const struct rv_opt opts[] = {
		{ "format", 'f', RV_OPT_STR, "jsonl|csv", "what to write (jsonl)", &format },
		{ "server", 's', RV_OPT_STR, "URL", "where (REEVE_SERVER)", &server },
	};
	static const struct rv_usage u = { "audit export", "[QUERY]",
		"write all events that fit to standard output, newest first",
		"  reeve audit export 'kind:approval.* since:30d' --format csv > approvals.csv",
		opts, RV_COUNT(opts), 0, 1 };
	struct find f;
	int64_t before = 0;
	int n, status = begin(&f, &u, argc, argv, 1, &n);
	if (status != RV_CLI_GO)
		return status;
	bool is_csv = format && strcmp(format, "csv") == 0;
	if (format && !is_csv && strcmp(format, "jsonl") != 0) {
		rv_client_done(&f.c);
		return rv_cli_bad(u.name, "--format is jsonl or csv");
	}
	enum rv_code code;
	do {
		code = export_page(&f, is_csv, &before);
		rv_arena_clear(&f.c.arena);
	} while (code == RV_OK && before > 0);
	return end(&f, code);
}

/* ---- numbers ---- */

static const char *about(const struct rv_json *v)
{
	return rv_jbool(v, "exact") ? "" : "at least ";
}

static int cmd_count(int argc, char **argv)
{
	static const struct rv_opt opts[] = { COMMON_OPTS };
	static const struct rv_usage u = { "audit count", "[QUERY]", "how many events fit",
		"  reeve audit count 'outcome:deny since:24h'", opts, RV_COUNT(opts), 0, 1 };
	struct find f;
	const struct rv_json *v;
	int n, status = begin(&f, &u, argc, argv, 1, &n);
	if (status != RV_CLI_GO)
		return status;
	enum rv_code code = get(&f,
		rv_arena_printf(&f.c.arena, "/v1/audit/count?q=%s", rv_client_seg(&f.c, f.query)),
		&v);
	if (code == RV_OK && json)
		rv_print_json(v);
	else if (code == RV_OK)
		printf("%s%lld\n", about(v), (long long)rv_jint(v, "count"));
	return end(&f, code);
}

static void bar(int64_t n, int64_t most)
{
	for (int64_t i = 0; most > 0 && i < (n * BAR + most - 1) / most; i++)
		putchar('#');
	putchar('\n');
}

static int cmd_top(int argc, char **argv)
{
	static const struct rv_opt opts[] = {
		{ "limit", 'n', RV_OPT_INT, "N", "how many words (10)", &limit },
		COMMON_OPTS,
	};
	static const struct rv_usage u = { "audit top", "FIELD [QUERY]",
		"the words of a field and how often each, most first",
		"  reeve audit top system 'outcome:deny since:24h'", opts, RV_COUNT(opts), 1, 2 };
	struct find f;
	const struct rv_json *v;
	size_t n_words;
	int n, status = begin(&f, &u, argc, argv, 2, &n);
	if (status != RV_CLI_GO)
		return status;
	enum rv_code code = get(&f,
		rv_arena_printf(&f.c.arena, "/v1/audit/facets?field=%s&q=%s&limit=%lld",
			rv_client_seg(&f.c, argv[1]), rv_client_seg(&f.c, f.query),
			(long long)(limit ? limit : 10)),
		&v);
	if (code == RV_OK && json)
		rv_print_json(v);
	if (code != RV_OK || json)
		return end(&f, code);
	const struct rv_json *const *words = rv_jarr(v, "words", &n_words);
	for (size_t i = 0; i < n_words; i++) {
		printf("%s%10lld  ", about(v), (long long)rv_jint(words[i], "count"));
		rv_show(rv_jstr(words[i], "word"));
		putchar('\n');
	}
	return end(&f, code);
}

static const char *with(struct find *f, const char *path, const char *name, const char *value)
{
	if (!path || !value)
		return path;
	return rv_arena_printf(&f->c.arena, "%s&%s=%s", path, name, rv_client_seg(&f->c, value));
}

static int cmd_histogram(int argc, char **argv)
{
	static const struct rv_opt opts[] = {
		{ "from", 0, RV_OPT_STR, "TIME", "a time, or a span before now (24h)", &from },
		{ "to", 0, RV_OPT_STR, "TIME", "the same (now)", &to },
		{ "step", 0, RV_OPT_STR, "SPAN", "of one line (1h)", &step },
		COMMON_OPTS,
	};
	static const struct rv_usage u = { "audit histogram", "[QUERY]", "events over time",
		"  reeve audit histogram outcome:deny --from 7d --step 6h", opts, RV_COUNT(opts), 0,
		1 };
	struct find f;
	const struct rv_json *v;
	size_t n_buckets;
	int64_t most = 0;
	int n, status = begin(&f, &u, argc, argv, 1, &n);
	if (status != RV_CLI_GO)
		return status;
	const char *path = rv_arena_printf(
		&f.c.arena, "/v1/audit/histogram?q=%s", rv_client_seg(&f.c, f.query));
	path = with(&f, path, "from", from);
	path = with(&f, path, "to", to);
	path = with(&f, path, "step", step);
	enum rv_code code = get(&f, path, &v);
	if (code == RV_OK && json)
		rv_print_json(v);
	if (code != RV_OK || json)
		return end(&f, code);
	const struct rv_json *const *b = rv_jarr(v, "buckets", &n_buckets);
	for (size_t i = 0; i < n_buckets; i++)
		most = rv_jint(b[i], "count") > most ? rv_jint(b[i], "count") : most;
	for (size_t i = 0; i < n_buckets; i++) {
		printf("%.*s %s%10lld ", RV_FMT(rv_str_sub(rv_jstr(b[i], "from"), 0, 19)), about(v),
			(long long)rv_jint(b[i], "count"));
		bar(rv_jint(b[i], "count"), most);
	}
	return end(&f, code);
}

/* ---- searches kept under a name ---- */

static int cmd_save(int argc, char **argv)
{
	static const struct rv_opt opts[] = {
		{ "note", 0, RV_OPT_STR, "TEXT", "what it is for", &note },
		COMMON_OPTS,
	};
	static const struct rv_usage u = { "audit save", "NAME QUERY",
		"keep a search under a name, for everybody who reads the log",
		"  reeve audit save nightly 'outcome:deny since:1d'\n  reeve audit search @nightly",
		opts, RV_COUNT(opts), 2, 2 };
	struct find f;
	struct rv_json_w w;
	const struct rv_json *v;
	RV_AUTO_BUF b;
	rv_buf_init(&b, 32 << 10);
	int n, status = begin(&f, &u, argc, argv, 2, &n);
	if (status != RV_CLI_GO)
		return status;
	rv_json_w_init(&w, &b);
	rv_json_w_obj(&w);
	rv_json_w_kv_strz(&w, "name", argv[1]);
	rv_json_w_kv_strz(&w, "query", f.query);
	rv_json_w_kv_strz(&w, "note", note ? note : "");
	rv_json_w_obj_end(&w);
	return end(
		&f, rv_client_call(&f.c, RV_HTTP_POST, "/v1/searches", rv_buf_str(&b), &v, &f.err));
}

static int cmd_forget(int argc, char **argv)
{
	static const struct rv_opt opts[] = { COMMON_OPTS };
	static const struct rv_usage u = { "audit forget", "NAME", "forget a kept search",
		"  reeve audit forget denials", opts, RV_COUNT(opts), 1, 1 };
	struct find f;
	const struct rv_json *v;
	int n, status = begin(&f, &u, argc, argv, 2, &n);
	if (status != RV_CLI_GO)
		return status;
	const char *path =
		rv_arena_printf(&f.c.arena, "/v1/searches/%s", rv_client_seg(&f.c, argv[1]));
	return end(&f,
		path ? rv_client_call(&f.c, RV_HTTP_DELETE, path, NO_BODY, &v, &f.err)
		     : RV_FAIL_ARENA(&f.err));
}

static int cmd_saved(int argc, char **argv)
{
	static const struct rv_opt opts[] = { COMMON_OPTS };
	static const struct rv_usage u = { "audit saved", "", "searches kept under a name",
		"  reeve audit saved", opts, RV_COUNT(opts), 0, 0 };
	struct find f;
	const struct rv_json *v;
	size_t n_rows;
	int n, status = begin(&f, &u, argc, argv, 1, &n);
	if (status != RV_CLI_GO)
		return status;
	enum rv_code code = get(&f, "/v1/searches", &v);
	if (code == RV_OK && json)
		rv_print_json(v);
	if (code != RV_OK || json)
		return end(&f, code);
	const struct rv_json *const *rows = rv_jarr(v, "searches", &n_rows);
	for (size_t i = 0; i < n_rows; i++) {
		printf("@%-20.*s ", RV_FMT(rv_jstr(rows[i], "name")));
		rv_show(rv_jstr(rows[i], "query"));
		printf("%s", rv_jstr(rows[i], "note").n ? "   " : "");
		rv_show(rv_jstr(rows[i], "note"));
		putchar('\n');
	}
	return end(&f, code);
}

/* ---- the index ---- */

static int cmd_reindex(int argc, char **argv)
{
	static const struct rv_opt opts[] = {
		{ "data", 'd', RV_OPT_STR, "DIR", "the data folder (required)", &data },
		{ "json", 0, RV_OPT_FLAG, NULL, "the answer as JSON", &json },
	};
	static const struct rv_usage u = { "audit reindex", "",
		"throw the search index away and build it from the log",
		"The server must be stopped. It is never needed for correctness: a damaged index "
		"is "
		"found and built again by itself.\n"
		"\n"
		"  reeve audit reindex --data /var/lib/reeve",
		opts, RV_COUNT(opts), 0, 0 };
	struct rv_err err = { 0 };
	struct rv_ledger *l = NULL;
	char ledger_dir[4096], dir[4096];
	uint64_t events = 0;
	int n, status = rv_cli_parse(&u, argc, argv, &n);
	if (status != RV_CLI_GO)
		return status;
	if (!data)
		return rv_cli_bad(u.name, "needs --data DIR");
	snprintf(ledger_dir, sizeof ledger_dir, "%s/ledger", data);
	snprintf(dir, sizeof dir, "%s/search", data);
	const struct rv_ledger_opts o = { .dir = ledger_dir };
	int64_t began = rv_clock_mono_ns(rv_clock_system());
	enum rv_code code = rv_ledger_open(&o, &l, &err);
	if (code == RV_OK)
		code = rv_search_reindex(dir, l, &events, &err);
	rv_ledger_free(l);
	if (code != RV_OK)
		return rv_cli_fail(u.name, &err);
	double took_s = (double)(rv_clock_mono_ns(rv_clock_system()) - began) / 1e9;
	printf(json ? "{\"events\":%llu,\"seconds\":%.3f}\n" : "%llu events indexed in %.1f s\n",
		(unsigned long long)events, took_s);
	return 0;
}

int rv_find_verify(const char *data_dir, int status)
{
	struct rv_err err = { 0 };
	struct rv_ledger *l = NULL;
	struct rv_search_check c;
	char ledger_dir[4096], dir[4096];
	snprintf(ledger_dir, sizeof ledger_dir, "%s/ledger", data_dir);
	snprintf(dir, sizeof dir, "%s/search", data_dir);
	if (access(dir, F_OK) != 0 || access(ledger_dir, F_OK) != 0)
		return status; /* a copy of the log alone */
	const struct rv_ledger_opts o = { .dir = ledger_dir };
	enum rv_code code = rv_ledger_open(&o, &l, &err);
	if (code == RV_OK)
		code = rv_search_verify(dir, l, &c, &err);
	rv_ledger_free(l);
	if (code != RV_OK) {
		printf("search index: not looked at: %s\n", err.msg);
		return status;
	}
	if (c.wrong > 0) {
		printf("search index: FAILED: %llu of %llu shards are not what the log gives; %s\n"
		       "  the log is not touched by that: 'reeve audit reindex' builds it anew\n",
			(unsigned long long)c.wrong, (unsigned long long)c.shards, c.first);
		return rv_code_exit(RV_ECORRUPT);
	}
	printf("search index: %llu events of %llu shards agree with the log\n",
		(unsigned long long)c.events, (unsigned long long)c.shards);
	return status;
}

const struct rv_sub rv_find_subs[RV_FIND_SUBS] = {
	{ "search", cmd_search, "find events" },
	{ "count", cmd_count, "how many events fit" },
	{ "top", cmd_top, "the words of a field, most first" },
	{ "histogram", cmd_histogram, "events over time" },
	{ "follow", cmd_follow, "show events as they are recorded" },
	{ "export", cmd_export, "write events as JSON lines or CSV" },
	{ "save", cmd_save, "keep a search under a name" },
	{ "saved", cmd_saved, "searches kept under a name" },
	{ "forget", cmd_forget, "forget a kept search" },
	{ "reindex", cmd_reindex, "build the search index anew" },
};
