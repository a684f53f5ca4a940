/* reeve audit prove | check: receipts of single events (c2sp.org/tlog-proof@v1). check needs no
 * server. */
#include <stdio.h>

#include "base/enc.h"
#include "base/file.h"
#include "cli/audit.h"

static const char *server, *out_file, *leaf_file;
static struct rv_trust trust;
static bool json;

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
	printf("%s written (it holds the event; %s is the leaf alone); check it anywhere with:\n"
	       "  reeve audit check %s --vkey '%.*s'\n",
		out_file, leaf_path, out_file, RV_FMT(rv_jstr(v, "vkey")));
	return RV_OK;
}

int rv_cmd_prove(int argc, char **argv)
{
	static const struct rv_opt opts[] = {
		{ "out", 'o', RV_OPT_STR, "FILE",
			"write the receipt there and the leaf to FILE.leaf; without it the receipt "
			"goes to standard output",
			&out_file },
		{ "server", 's', RV_OPT_STR, "URL", "where (REEVE_SERVER)", &server },
		{ "json", 0, RV_OPT_FLAG, NULL, "print the answer as JSON", &json },
	};
	static const struct rv_usage u = { "audit prove", "ID", "an offline receipt of one event",
		"The receipt (c2sp.org/tlog-proof@v1) holds the event, its path to the root and "
		"the signed checkpoint.\n\n"
		"  reeve audit prove 0193… --out event.tlog-proof\n"
		"  reeve audit check event.tlog-proof --vkey \"$(cat reeve.vkey)\"",
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
			rv_arena_printf(&c.arena, "/v1/audit/%s/proof", rv_client_seg(&c, argv[1]));
		code = rv_client_call(
			&c, RV_HTTP_GET, path ? path : "", (struct rv_str){ NULL, 0 }, &v, &err);
	}
	if (code == RV_OK && out_file)
		code = save_proof(&c, v, &err);
	else if (code == RV_OK && json)
		rv_print_json(v);
	else if (code == RV_OK)
		printf("%.*s", RV_FMT(rv_jstr(v, "receipt")));
	status = code == RV_OK ? 0 : rv_cli_fail(u.name, &err);
	rv_client_done(&c);
	return status;
}

/* ---- check ---- */

static enum rv_code check_witnesses(struct rv_str note, size_t *ret_n, struct rv_err *err)
{
	int64_t at;
	*ret_n = 0;
	for (size_t i = 0; i < trust.witnesses.n; i++) {
		char name[RV_LEDGER_ORIGIN_MAX + 1];
		RV_TRY(rv_witness_name(trust.witnesses.v[i], name, err));
		*ret_n += rv_witness_cosigned(note, trust.witnesses.v[i], &at, NULL) == RV_OK;
	}
	if (*ret_n < (size_t)trust.quorum)
		return RV_FAIL(err, RV_EAUTH,
			"%zu of the witnesses named have cosigned the checkpoint, %lld are asked "
			"for",
			*ret_n, (long long)trust.quorum);
	return RV_OK;
}

static void print_leaf(struct rv_str leaf)
{
	RV_AUTO_BUF safe;
	rv_buf_init(&safe, 8 * RV_LEDGER_LEAF_MAX);
	rv_put_safe(&safe, leaf);
	printf("%s\n", rv_buf_z(&safe));
}

static enum rv_code check(struct rv_arena *a, const char *path, struct rv_err *err)
{
	struct rv_str text, leaf = RV_STR("");
	struct rv_receipt r;
	uint64_t index, size;
	size_t witnesses;
	RV_AUTO_BUF own;
	rv_buf_init(&own, 4 * RV_LEDGER_LEAF_MAX);
	RV_TRY(rv_file_read(a, path, 1 << 20, &text, err));
	if (leaf_file)
		RV_TRY(rv_file_read(a, leaf_file, 1 << 20, &leaf, err));
	RV_TRY(rv_receipt_check(text, leaf, trust.vkey, &index, &size, err));
	RV_TRY(rv_receipt_parse(text, &r, err));
	RV_TRY(check_witnesses(r.note, &witnesses, err));
	if (!leaf_file)
		RV_TRY(rv_receipt_leaf(&r, &own, err));
	if (json) {
		printf("{\"verified\":true,\"seq\":%llu,\"size\":%llu,\"cosigned\":%zu}\n",
			(unsigned long long)index, (unsigned long long)size, witnesses);
		return RV_OK;
	}
	printf("verified: this is record %llu of a log of %llu, signed by %s\n",
		(unsigned long long)index, (unsigned long long)size, trust.vkey);
	if (trust.witnesses.n > 0)
		printf("cosigned by %zu of the %zu witnesses named\n", witnesses,
			trust.witnesses.n);
	if (!leaf_file)
		print_leaf(rv_buf_str(&own));
	return RV_OK;
}

int rv_cmd_check(int argc, char **argv)
{
	static const struct rv_opt opts[] = {
		{ "vkey", 'k', RV_OPT_STR, "KEY",
			"the log's verifier key, from elsewhere (required)", &trust.vkey },
		{ "leaf", 0, RV_OPT_STR, "FILE",
			"the leaf, for a receipt that does not hold it; else both must agree",
			&leaf_file },
		{ "witness-vkey", 0, RV_OPT_LIST, "KEY", "a witness; may be given several times",
			&trust.witnesses },
		{ "quorum", 0, RV_OPT_INT, "N", "how many of these must have cosigned",
			&trust.quorum },
		{ "json", 0, RV_OPT_FLAG, NULL, "print the answer as JSON", &json },
	};
	static const struct rv_usage u = { "audit check", "RECEIPT",
		"check a receipt without any server",
		"Prints the event that is proved. Exit status: 0 verified, 76 it does not fit, 5 "
		"a signature is wrong or missing.\n\n"
		"  reeve audit check event.tlog-proof --vkey \"$(cat reeve.vkey)\"",
		opts, RV_COUNT(opts), 1, 1 };
	struct rv_err err = { 0 };
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 4 << 20);
	int n, status = rv_cli_parse(&u, argc, argv, &n);
	if (status != RV_CLI_GO)
		return status;
	if (!trust.vkey)
		return rv_cli_bad(u.name, "needs --vkey");
	return check(&a, argv[1], &err) == RV_OK ? 0 : rv_cli_fail(u.name, &err);
}
