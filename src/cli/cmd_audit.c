/* reeve audit …: searching, showing, proving and verifying the log. verify and check need no
 * server. */
#include <stdio.h>

#include "base/enc.h"
#include "base/file.h"
#include "cli/cli.h"
#include "cli/show.h"
#include "ledger/ledger.h"

static const char *server, *data, *vkey, *checkpoint, *out_file, *leaf_file;
static int64_t limit;
static bool json;
#define COMMON_OPTS                                                             \
	{ "server", 's', RV_OPT_STR, "URL", "where (REEVE_SERVER)", &server },  \
	{                                                                       \
		"json", 0, RV_OPT_FLAG, NULL, "print the answer as JSON", &json \
	}
static const struct rv_str NO_BODY = { NULL, 0 };

static int cmd_search(int argc, char **argv)
{
	static const struct rv_opt opts[] = {
		{ "limit", 'n', RV_OPT_INT, "N", "how many at most (100)", &limit },
		COMMON_OPTS,
	};
	static const struct rv_usage u = { "audit search", "[QUERY]", "find events, newest first",
		"  reeve audit search 'system:deploy-bot outcome:deny since:1h'\n"
		"  reeve audit search 'kind:approval.* action:release'",
		opts, RV_COUNT(opts), 0, 1 };
	struct rv_err err = { 0 };
	struct rv_client c;
	const struct rv_json *v;
	size_t n_items;
	int n, status = rv_cli_parse(&u, argc, argv, &n);
	if (status != RV_CLI_GO)
		return status;
	enum rv_code code = rv_client_open(&c, server, &err);
	if (code == RV_OK) {
		const char *path = rv_arena_printf(&c.arena, "/v1/audit?q=%s&limit=%lld",
			rv_client_seg(&c, n ? argv[1] : ""), (long long)(limit ? limit : 100));
		code = rv_client_call(&c, RV_HTTP_GET, path ? path : "", NO_BODY, &v, &err);
	}
	status = code == RV_OK ? 0 : rv_cli_fail(u.name, &err);
	if (code == RV_OK && json) {
		rv_print_json(v);
	} else if (code == RV_OK) {
		const struct rv_json *const *items = rv_jarr(v, "events", &n_items);
		for (size_t i = 0; i < n_items; i++)
			rv_show_event(items[i]);
		printf("%zu events%s\n", n_items, rv_jint(v, "next_before") ? ", and more" : "");
	}
	rv_client_done(&c);
	return status;
}

static void print_whole(const struct rv_json *v)
{
	size_t n;
	RV_AUTO_BUF pretty;
	rv_buf_init(&pretty, 1 << 20);
	rv_show_event(v);
	printf("\n%sWho answers%s\n", rv_colour(RV_BOLD), rv_colour(RV_PLAIN));
	rv_show_chain(rv_json_get(v, "chain"));
	const struct rv_json *const *causes = rv_jarr(v, "causes", &n);
	if (n > 0)
		printf("\n%sBecause of%s\n", rv_colour(RV_BOLD), rv_colour(RV_PLAIN));
	for (size_t i = 0; i < n; i++)
		rv_show_event(causes[i]);
	printf("\n%sThe record%s\n", rv_colour(RV_BOLD), rv_colour(RV_PLAIN));
	rv_json_pretty(rv_json_get(v, "event"), &pretty);
	for (struct rv_str rest = rv_buf_str(&pretty), line; rv_str_split(&rest, '\n', &line);) {
		printf("  ");
		rv_show(line);
		putchar('\n');
	}
	printf("  leaf hash %.*s\n", RV_FMT(rv_jstr(v, "leaf_hash")));
}

static int cmd_show(int argc, char **argv)
{
	static const struct rv_opt opts[] = { COMMON_OPTS };
	static const struct rv_usage u = { "audit show", "ID",
		"one event with what led to it: owner, policy version, approvers, causes", NULL,
		opts, RV_COUNT(opts), 1, 1 };
	struct rv_err err = { 0 };
	struct rv_client c;
	const struct rv_json *v;
	int n, status = rv_cli_parse(&u, argc, argv, &n);
	if (status != RV_CLI_GO)
		return status;
	enum rv_code code = rv_client_open(&c, server, &err);
	if (code == RV_OK) {
		const char *path =
			rv_arena_printf(&c.arena, "/v1/audit/%s", rv_client_seg(&c, argv[1]));
		code = rv_client_call(&c, RV_HTTP_GET, path ? path : "", NO_BODY, &v, &err);
	}
	status = code == RV_OK ? 0 : rv_cli_fail(u.name, &err);
	if (code == RV_OK && json)
		rv_print_json(v);
	else if (code == RV_OK)
		print_whole(v);
	rv_client_done(&c);
	return status;
}

static enum rv_code save_proof(struct rv_client *c, const struct rv_json *v, struct rv_err *err)
{
	struct rv_str text = rv_jstr(v, "leaf");
	uint8_t *leaf = rv_arena_raw(&c->arena, text.n + 1);
	size_t n;
	if (!leaf)
		return RV_FAIL_ARENA(err);
	if (!rv_b64_parse(text, leaf, text.n, &n))
		return RV_FAIL(err, RV_EINVAL, "the answer's leaf is not base64");
	const char *leaf_path = rv_arena_printf(&c->arena, "%s.leaf", out_file);
	if (!leaf_path)
		return RV_FAIL_ARENA(err);
	RV_TRY(rv_file_write(out_file, rv_jstr(v, "receipt"), 0644, err));
	RV_TRY(rv_file_write(leaf_path, rv_str_n(leaf, n), 0644, err));
	printf("%s and %s written; check them anywhere with:\n  reeve audit check %s --leaf %s "
	       "--vkey '%.*s'\n",
		out_file, leaf_path, out_file, leaf_path, RV_FMT(rv_jstr(v, "vkey")));
	return RV_OK;
}

static int cmd_prove(int argc, char **argv)
{
	static const struct rv_opt opts[] = {
		{ "out", 'o', RV_OPT_STR, "FILE",
			"write the receipt to FILE and the leaf to FILE.leaf (required)",
			&out_file },
		COMMON_OPTS,
	};
	static const struct rv_usage u = { "audit prove", "ID", "an offline receipt of one event",
		NULL, opts, RV_COUNT(opts), 1, 1 };
	struct rv_err err = { 0 };
	struct rv_client c;
	const struct rv_json *v;
	int n, status = rv_cli_parse(&u, argc, argv, &n);
	if (status != RV_CLI_GO)
		return status;
	if (!out_file)
		return rv_cli_bad(u.name, "needs --out FILE");
	enum rv_code code = rv_client_open(&c, server, &err);
	if (code == RV_OK) {
		const char *path =
			rv_arena_printf(&c.arena, "/v1/audit/%s/proof", rv_client_seg(&c, argv[1]));
		code = rv_client_call(&c, RV_HTTP_GET, path ? path : "", NO_BODY, &v, &err);
	}
	if (code == RV_OK)
		code = save_proof(&c, v, &err);
	status = code == RV_OK ? 0 : rv_cli_fail(u.name, &err);
	rv_client_done(&c);
	return status;
}

static int cmd_check(int argc, char **argv)
{
	static const struct rv_opt opts[] = {
		{ "leaf", 0, RV_OPT_STR, "FILE", "the leaf that 'audit prove' wrote (required)",
			&leaf_file },
		{ "vkey", 'k', RV_OPT_STR, "KEY",
			"the log's verifier key, from elsewhere (required)", &vkey },
	};
	static const struct rv_usage u = { "audit check", "RECEIPT",
		"check a receipt without any server", NULL, opts, RV_COUNT(opts), 1, 1 };
	struct rv_err err = { 0 };
	struct rv_str receipt, leaf;
	uint64_t index, size;
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 4 << 20);
	int n, status = rv_cli_parse(&u, argc, argv, &n);
	if (status != RV_CLI_GO)
		return status;
	if (!leaf_file || !vkey)
		return rv_cli_bad(u.name, "needs --leaf and --vkey");
	enum rv_code code = rv_file_read(&a, argv[1], 1 << 20, &receipt, &err);
	if (code == RV_OK)
		code = rv_file_read(&a, leaf_file, 1 << 20, &leaf, &err);
	if (code == RV_OK)
		code = rv_receipt_check(receipt, leaf, vkey, &index, &size, &err);
	if (code != RV_OK)
		return rv_cli_fail(u.name, &err);
	printf("verified: this is record %llu of a log of %llu, signed by %s\n",
		(unsigned long long)index, (unsigned long long)size, vkey);
	return 0;
}

static int cmd_verify(int argc, char **argv)
{
	static const struct rv_opt opts[] = {
		{ "data", 'd', RV_OPT_STR, "DIR",
			"the data folder, or a copy of its ledger (required)", &data },
		{ "vkey", 'k', RV_OPT_STR, "KEY", "the log's verifier key, from elsewhere", &vkey },
		{ "checkpoint", 'c', RV_OPT_STR, "FILE",
			"a checkpoint that was kept elsewhere, such as a witness's", &checkpoint },
	};
	static const struct rv_usage u = { "audit verify", "",
		"recompute the whole log from its bytes",
		"Without a key or checkpoint from elsewhere the best it can say is "
		"'self-consistent': whoever holds the key can\n"
		"rewrite history consistently. Exit status: 0 fits, 76 it does not.",
		opts, RV_COUNT(opts), 0, 0 };
	struct rv_err err = { 0 };
	struct rv_str saved = { NULL, 0 };
	struct rv_verify_report r;
	char path[4096];
	RV_AUTO_ARENA a;
	RV_AUTO_BUF b;
	rv_arena_init(&a, 1 << 20);
	rv_buf_init(&b, 1 << 16);
	int n, status = rv_cli_parse(&u, argc, argv, &n);
	if (status != RV_CLI_GO)
		return status;
	if (!data)
		return rv_cli_bad(u.name, "needs --data DIR");
	snprintf(path, sizeof path, "%s/ledger", data);
	const char *dir = access(path, F_OK) == 0 ? path : data;
	enum rv_code code =
		checkpoint ? rv_file_read(&a, checkpoint, RV_CHECKPOINT_MAX, &saved, &err) : RV_OK;
	if (code == RV_OK)
		code = rv_ledger_verify(dir, vkey, saved, &r, &err);
	if (code != RV_OK)
		return rv_cli_fail(u.name, &err);
	rv_verify_print(&r, &b);
	printf("%s\n", rv_buf_z(&b));
	return r.level == RV_VERIFY_FAILED ? rv_code_exit(RV_ECORRUPT) : 0;
}

int rv_cmd_audit(int argc, char **argv)
{
	static const struct rv_sub subs[] = {
		{ "search", cmd_search, "find events" },
		{ "show", cmd_show, "one event and what led to it" },
		{ "prove", cmd_prove, "an offline receipt of one event" },
		{ "check", cmd_check, "check a receipt without any server" },
		{ "verify", cmd_verify, "recompute the whole log from its bytes" },
	};
	return rv_cli_subs("audit", "the log of everything", subs, RV_COUNT(subs), argc, argv);
}

/* ---- witness
 * --------------------------------------------------------------------------------------- */

static enum rv_code fetch_note(struct rv_client *c, struct rv_str *ret, struct rv_err *err)
{
	const struct rv_json *v;
	RV_TRY(rv_client_call(c, RV_HTTP_GET, "/v1/log/checkpoint", NO_BODY, &v, err));
	*ret = rv_jstr(v, "checkpoint");
	return RV_OK;
}

static enum rv_code fetch_proof(
	struct rv_client *c, uint64_t from, uint64_t to, struct rv_str *ret, struct rv_err *err)
{
	const struct rv_json *v;
	const char *path = rv_arena_printf(&c->arena, "/v1/log/consistency?old=%llu&new=%llu",
		(unsigned long long)from, (unsigned long long)to);
	if (!path)
		return RV_FAIL_ARENA(err);
	RV_TRY(rv_client_call(c, RV_HTTP_GET, path, NO_BODY, &v, err));
	*ret = rv_jstr(v, "proof");
	return RV_OK;
}

static enum rv_code witness(struct rv_client *c, struct rv_checkpoint *now, struct rv_err *err)
{
	struct rv_str stored = { "", 0 }, note, proof = { "", 0 };
	struct rv_checkpoint was = { .size = 0 };
	RV_TRY(fetch_note(c, &note, err));
	RV_TRY(rv_checkpoint_open(note, vkey, now, err));
	if (access(out_file, F_OK) == 0) {
		RV_TRY(rv_file_read(&c->arena, out_file, RV_CHECKPOINT_MAX, &stored, err));
		RV_TRY(rv_checkpoint_open(stored, vkey, &was, err));
		if (now->size >= was.size)
			RV_TRY(fetch_proof(c, was.size, now->size, &proof, err));
	}
	RV_TRY(rv_witness_check(vkey, stored, note, proof, err));
	return rv_file_write(out_file, note, 0644, err);
}

int rv_cmd_witness(int argc, char **argv)
{
	static const struct rv_opt opts[] = {
		{ "vkey", 'k', RV_OPT_STR, "KEY",
			"the log's verifier key, as 'reeve init' printed it (required)", &vkey },
		{ "store", 'o', RV_OPT_STR, "FILE",
			"where the checkpoint is kept, out of the server's reach (required)",
			&out_file },
		COMMON_OPTS,
	};
	static const struct rv_usage u = { "witness", "",
		"remember the log's newest checkpoint, if it continues the one remembered",
		"Run it now and then under a user of its own, on a machine of its own. A log that "
		"was rewritten or set back is\n"
		"refused and named, and what was remembered stays. Exit status: 0 taken over, 76 "
		"history was rewritten.",
		opts, RV_COUNT(opts), 0, 0 };
	struct rv_err err = { 0 };
	struct rv_client c;
	struct rv_checkpoint now;
	int n, status = rv_cli_parse(&u, argc, argv, &n);
	if (status != RV_CLI_GO)
		return status;
	if (!vkey || !out_file)
		return rv_cli_bad(u.name, "needs --vkey and --store");
	enum rv_code code = rv_client_open(&c, server, &err);
	if (code == RV_OK)
		code = witness(&c, &now, &err);
	status = code == RV_OK ? 0 : rv_cli_fail(u.name, &err);
	if (code == RV_OK)
		printf("%s: %llu records, taken over\n", now.origin, (unsigned long long)now.size);
	rv_client_done(&c);
	return status;
}
