/* reeve audit verify | export-log | retention | rotate-key: the log as a whole. */
#include <stdio.h>

#include "base/file.h"
#include "base/enc.h"
#include "cli/audit.h"
#include "cli/client.h"
#include "cli/find.h"
#include "governance/governance.h"

enum { PATH_SIZE = 4096 };
static const char *server, *data, *url;
static struct rv_trust trust;
static bool json;

#define SOURCE_OPTS                                                                                \
	{ "data", 'd', RV_OPT_STR, "DIR",                                                          \
		"the data folder, a copy of its ledger, or static files of 'export-log'", &data }, \
		{ "url", 'u', RV_OPT_STR, "URL", "static files under a URL (c2sp.org/tlog-tiles)", \
			&url },                                                                    \
	{                                                                                          \
		"server", 's', RV_OPT_STR, "URL",                                                  \
			"a Reeve server (REEVE_SERVER), with the session of 'reeve login'",        \
			&server                                                                    \
	}

/* The ledger's folder of a data folder, or the folder itself. */
static enum rv_code ledger_dir(char ret[PATH_SIZE], struct rv_err *err)
{
	int n = snprintf(ret, PATH_SIZE, "%s/" RV_GOV_LEDGER_DIR, data);
	if (n < 0 || n >= PATH_SIZE)
		return RV_FAIL(err, RV_EINVAL, "the path of --data is too long");
	if (access(ret, F_OK) != 0)
		snprintf(ret, PATH_SIZE, "%s", data);
	return RV_OK;
}

static bool is_static(const char *dir)
{
	char path[PATH_SIZE + 16];
	snprintf(path, sizeof path, "%s/tile", dir);
	return access(path, F_OK) == 0;
}

/* ---- verify ---- */

static enum rv_code verify_http(
	const struct rv_verify_opts *o, struct rv_verify_report *r, struct rv_err *err)
{
	struct rv_log_http h;
	enum rv_code code = rv_log_http_open(&h, server, url, err);
	if (code == RV_OK) {
		const struct rv_tlog_src src = rv_log_http_src(&h);
		code = rv_tlog_verify(&src, o, r, err);
	}
	rv_log_http_done(&h);
	return code;
}

static enum rv_code verify(struct rv_arena *a, struct rv_verify_report *r, struct rv_err *err)
{
	char dir[PATH_SIZE];
	struct rv_verify_opts o;
	RV_TRY(rv_trust_opts(&trust, a, &o, err));
	if (!data)
		return verify_http(&o, r, err);
	RV_TRY(ledger_dir(dir, err));
	if (!is_static(dir))
		return rv_ledger_verify(dir, &o, r, err);
	const struct rv_tlog_src src = rv_tlog_dir(dir);
	return rv_tlog_verify(&src, &o, r, err);
}

static void put_report(const struct rv_verify_report *r, struct rv_buf *b)
{
	static const char *const levels[] = { [RV_VERIFY_FAILED] = "failed",
		[RV_VERIFY_CONSISTENT] = "self-consistent",
		[RV_VERIFY_VERIFIED] = "verified" };
	struct rv_json_w w;
	char hex[65];
	rv_json_w_init(&w, b);
	rv_json_w_obj(&w);
	rv_json_w_kv_strz(&w, "level", levels[r->level]);
	rv_json_w_kv_i64(&w, "events", (int64_t)r->size);
	rv_json_w_kv_i64(&w, "signed", (int64_t)r->signed_size);
	rv_json_w_kv_i64(&w, "saved", (int64_t)r->saved_size);
	rv_hex_z(r->root.b, sizeof r->root.b, hex);
	rv_json_w_kv_strz(&w, "root", hex);
	rv_json_w_name(&w, "problems");
	rv_json_w_arr(&w);
	for (size_t i = 0; i < r->n_problems && i < RV_VERIFY_PROBLEMS; i++) {
		const struct rv_verify_problem *p = &r->problem[i];
		rv_json_w_obj(&w);
		rv_json_w_kv_strz(&w, "where", p->file);
		if (p->offset != UINT64_MAX)
			rv_json_w_kv_i64(&w, "offset", (int64_t)p->offset);
		if (p->seq != UINT64_MAX)
			rv_json_w_kv_i64(&w, "seq", (int64_t)p->seq);
		rv_json_w_kv_strz(&w, "text", p->text);
		rv_json_w_obj_end(&w);
	}
	rv_json_w_arr_end(&w);
	rv_json_w_kv_i64(&w, "problems_in_all", (int64_t)r->n_problems);
	rv_json_w_obj_end(&w);
}

int rv_cmd_verify(int argc, char **argv)
{
	static const struct rv_opt opts[] = {
		SOURCE_OPTS,
		{ "vkey", 'k', RV_OPT_STR, "KEY", "the log's verifier key, from elsewhere",
			&trust.vkey },
		{ "checkpoint", 'c', RV_OPT_STR, "FILE",
			"a checkpoint that was kept elsewhere, such as a witness's",
			&trust.checkpoint },
		{ "witness-vkey", 0, RV_OPT_LIST, "KEY",
			"a witness's verifier key; may be given several times", &trust.witnesses },
		{ "quorum", 0, RV_OPT_INT, "N", "how many of these must have cosigned",
			&trust.quorum },
		{ "json", 0, RV_OPT_FLAG, NULL, "print the answer as JSON", &json },
	};
	static const struct rv_usage u = { "audit verify", "",
		"recompute the whole log from its bytes",
		"From a folder every record and checksum is looked at, from static files or a "
		"server every bundle and tile.\n"
		"Without a key, checkpoint or witness from elsewhere the best it can say is "
		"'self-consistent': whoever holds the\n"
		"key can rewrite history consistently. Exit status: 0 fits, 76 it does not.\n\n"
		"  reeve audit verify --data /var/lib/reeve --vkey \"$(cat reeve.vkey)\" "
		"--checkpoint kept\n"
		"  reeve audit verify --url https://logs.example/reeve --vkey KEY --witness-vkey "
		"W1 --witness-vkey W2 --quorum 2",
		opts, RV_COUNT(opts), 0, 0 };
	struct rv_err err = { 0 };
	struct rv_verify_report r;
	RV_AUTO_ARENA a;
	RV_AUTO_BUF b;
	rv_arena_init(&a, 1 << 20);
	rv_buf_init(&b, 1 << 16);
	int n, status = rv_cli_parse(&u, argc, argv, &n);
	if (status != RV_CLI_GO)
		return status;
	if ((data != NULL) + (url != NULL) + (server != NULL) > 1)
		return rv_cli_bad(u.name, "one of --data, --url and --server");
	if (verify(&a, &r, &err) != RV_OK)
		return rv_cli_fail(u.name, &err);
	if (json)
		put_report(&r, &b);
	else
		rv_verify_print(&r, &b);
	printf("%s\n", rv_buf_z(&b));
	status = r.level == RV_VERIFY_FAILED ? rv_code_exit(RV_ECORRUPT) : 0;
	return data && !json ? rv_find_verify(data, status) : status;
}

/* ---- export-log ---- */

static enum rv_code export_local(const char *to, struct rv_tlog_exported *x, struct rv_err *err)
{
	char dir[PATH_SIZE];
	struct rv_ledger *l;
	RV_TRY(ledger_dir(dir, err));
	if (is_static(dir)) {
		const struct rv_tlog_src src = rv_tlog_dir(dir);
		return rv_tlog_export(&src, to, x, err);
	}
	const struct rv_ledger_opts o = { .dir = dir };
	RV_TRY(rv_ledger_open(&o, &l, err));
	const struct rv_tlog_src src = rv_tlog_log(l);
	enum rv_code code = rv_tlog_export(&src, to, x, err);
	rv_ledger_free(l);
	return code;
}

static enum rv_code export_http(const char *to, struct rv_tlog_exported *x, struct rv_err *err)
{
	struct rv_log_http h;
	enum rv_code code = rv_log_http_open(&h, server, url, err);
	if (code == RV_OK) {
		const struct rv_tlog_src src = rv_log_http_src(&h);
		code = rv_tlog_export(&src, to, x, err);
	}
	rv_log_http_done(&h);
	return code;
}

int rv_cmd_export_log(int argc, char **argv)
{
	static const struct rv_opt opts[] = {
		SOURCE_OPTS,
		{ "json", 0, RV_OPT_FLAG, NULL, "print the answer as JSON", &json },
	};
	static const struct rv_usage u = { "audit export-log", "DIR",
		"write the log as static files (c2sp.org/tlog-tiles)",
		"Any web server can serve the folder, and any tlog client can read it. Run again "
		"to add what is new: full tiles\n"
		"are not written twice. Bundles hold the events; whoever may read the folder may "
		"read them.\n\n"
		"  reeve audit export-log /srv/log --data /var/lib/reeve\n"
		"  reeve audit verify --data /srv/log --vkey \"$(cat reeve.vkey)\"",
		opts, RV_COUNT(opts), 1, 1 };
	struct rv_err err = { 0 };
	struct rv_tlog_exported x;
	int n, status = rv_cli_parse(&u, argc, argv, &n);
	if (status != RV_CLI_GO)
		return status;
	if ((data != NULL) + (url != NULL) + (server != NULL) > 1)
		return rv_cli_bad(u.name, "one of --data, --url and --server");
	enum rv_code code = data ? export_local(argv[1], &x, &err) : export_http(argv[1], &x, &err);
	if (code != RV_OK)
		return rv_cli_fail(u.name, &err);
	if (json) {
		printf("{\"events\":%llu,\"files\":%llu,\"dropped\":%llu}\n",
			(unsigned long long)x.size, (unsigned long long)x.files,
			(unsigned long long)x.dropped);
		return 0;
	}
	printf("%llu events, %llu files written\n", (unsigned long long)x.size,
		(unsigned long long)x.files);
	if (x.dropped > 0)
		printf("%llu events were dropped by retention; their hashes are there\n",
			(unsigned long long)x.dropped);
	return 0;
}

/* ---- retention ---- */

static void put_age(const char *what, const struct rv_json *v, const char *name)
{
	int64_t s = rv_jint(v, name);
	if (s > 0)
		printf("%s are kept for %lld days\n", what, (long long)(s / 86400));
	else
		printf("%s are kept for ever\n", what);
}

int rv_cmd_retention(int argc, char **argv)
{
	static const struct rv_opt opts[] = {
		{ "server", 's', RV_OPT_STR, "URL", "where (REEVE_SERVER)", &server },
		{ "json", 0, RV_OPT_FLAG, NULL, "print the answer as JSON", &json },
	};
	static const struct rv_usage u = { "audit retention", "",
		"what is kept how long, and what is gone",
		"The policy is part of how the service is started: reeve serve --retain-text 90d "
		"--retain-events 730d\n\n"
		"  reeve audit retention",
		opts, RV_COUNT(opts), 0, 0 };
	struct rv_err err = { 0 };
	struct rv_client c;
	const struct rv_json *v;
	int n, status = rv_cli_parse(&u, argc, argv, &n);
	if (status != RV_CLI_GO)
		return status;
	enum rv_code code = rv_client_open(&c, server, &err);
	if (code == RV_OK)
		code = rv_client_call(
			&c, RV_HTTP_GET, "/v1/log/retention", (struct rv_str){ NULL, 0 }, &v, &err);
	status = code == RV_OK ? 0 : rv_cli_fail(u.name, &err);
	if (code == RV_OK && json) {
		rv_print_json(v);
	} else if (code == RV_OK) {
		put_age("argument texts", v, "texts_kept_s");
		put_age("events", v, "events_kept_s");
		printf("argument texts of records below %lld and events below %lld are gone; "
		       "every hash is there\n",
			(long long)rv_jint(v, "texts_below"),
			(long long)rv_jint(v, "events_below"));
		if (rv_jstr(v, "error").n > 0)
			printf("%sthe last run failed: %.*s%s\n", rv_colour(RV_RED),
				RV_FMT(rv_jstr(v, "error")), rv_colour(RV_PLAIN));
	}
	rv_client_done(&c);
	return status;
}

/* ---- rotate-key ---- */

static enum rv_code read_key(
	struct rv_arena *a, const char *path, struct rv_ledger_key *ret, struct rv_err *err)
{
	struct rv_str seed;
	RV_TRY(rv_file_read(a, path, 4096, &seed, err));
	return rv_ledger_key_load(seed, ret, err);
}

/* The next key is durable before anything says that it is the key. One that lies there already is
 * of a change that stopped half way. */
static enum rv_code next_key(
	struct rv_arena *a, const char *path, struct rv_ledger_key *ret, struct rv_err *err)
{
	if (access(path, F_OK) == 0)
		return read_key(a, path, ret, err);
	rv_ledger_key_generate(ret);
	return rv_file_create(path, rv_str_n(ret->seed, sizeof ret->seed), 0600, err);
}

static enum rv_code finish(const char *next, const char *key, struct rv_err *err)
{
	if (rename(next, key) != 0)
		return RV_FAIL(err, RV_EIO, "cannot put '%s' in the place of '%s'", next, key);
	return rv_dir_sync(data, err);
}

static enum rv_code rotate(struct rv_arena *a, struct rv_buf *vkey, struct rv_err *err)
{
	char key[PATH_SIZE], next[PATH_SIZE + 8], dir[PATH_SIZE], origin_path[PATH_SIZE];
	struct rv_ledger_key now = { 0 }, then = { 0 };
	struct rv_str origin;
	struct rv_ledger *l;
	RV_TRY(ledger_dir(dir, err));
	snprintf(key, sizeof key, "%s/" RV_GOV_LOG_KEY, data);
	snprintf(next, sizeof next, "%s.next", key);
	snprintf(origin_path, sizeof origin_path, "%s/" RV_GOV_ORIGIN, data);
	RV_TRY(rv_file_read(a, origin_path, 4096, &origin, err));
	RV_TRY(read_key(a, key, &now, err));
	bool is_half = access(next, F_OK) == 0;
	RV_TRY(next_key(a, next, &then, err));
	struct rv_ledger_opts o = { .dir = dir, .origin = origin.p, .key = &then };
	/* A change that had its note already is finished by opening the log with the new key. */
	enum rv_code code = is_half ? rv_ledger_open(&o, &l, NULL) : RV_EAUTH;
	if (code == RV_OK) {
		rv_ledger_free(l);
	} else {
		o.key = &now;
		code = rv_ledger_rotate(&o, &then, err);
	}
	if (code == RV_OK)
		code = rv_ledger_vkey(&then, origin, vkey, err);
	rv_ledger_key_wipe(&now);
	rv_ledger_key_wipe(&then);
	return code == RV_OK ? finish(next, key, err) : code;
}

int rv_cmd_rotate_key(int argc, char **argv)
{
	static const struct rv_opt opts[] = {
		{ "data", 'd', RV_OPT_STR, "DIR", "the data folder (required)", &data },
		{ "json", 0, RV_OPT_FLAG, NULL, "print the answer as JSON", &json },
	};
	static const struct rv_usage u = { "audit rotate-key", "",
		"change the key the log is signed with",
		"Stop 'reeve serve' first. Both keys sign the change, so that whoever holds the "
		"old verifier key can go on\n"
		"verifying; prints the new one: keep it elsewhere too. Witnesses must be told the "
		"new key. Safe to run again\n"
		"after a crash.\n\n"
		"  reeve audit rotate-key --data /var/lib/reeve",
		opts, RV_COUNT(opts), 0, 0 };
	struct rv_err err = { 0 };
	RV_AUTO_ARENA a;
	RV_AUTO_BUF vkey;
	rv_arena_init(&a, 1 << 20);
	rv_buf_init(&vkey, 4096);
	int n, status = rv_cli_parse(&u, argc, argv, &n);
	if (status != RV_CLI_GO)
		return status;
	if (!data)
		return rv_cli_bad(u.name, "needs --data");
	if (rotate(&a, &vkey, &err) != RV_OK)
		return rv_cli_fail(u.name, &err);
	if (json) {
		static const char *const names[] = { "vkey" };
		const struct rv_str values[] = { rv_buf_str(&vkey) };
		rv_print_object(names, values, RV_COUNT(names));
		return 0;
	}
	printf("%s\n", rv_buf_z(&vkey));
	fprintf(stderr, "The line above is the log's new verifier key. Keep it somewhere else.\n");
	return 0;
}
