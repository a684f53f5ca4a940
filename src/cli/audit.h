/* Commands under `reeve audit` that are in files of their own, and where a log comes from. */
#ifndef RV_CLI_AUDIT_H
#define RV_CLI_AUDIT_H
#include "cli/cli.h"
#include "cli/client.h"
#include "ledger/ledger.h"

int rv_cmd_prove(int argc, char **argv);
int rv_cmd_check(int argc, char **argv);
int rv_cmd_verify(int argc, char **argv);
int rv_cmd_export_log(int argc, char **argv);
int rv_cmd_retention(int argc, char **argv);
int rv_cmd_rotate_key(int argc, char **argv);

/* A log over HTTP: a Reeve server's /log/, asked with the session of `reeve login`, or any copy
 * under a URL, asked without credential. */
struct rv_log_http {
	struct rv_client client;
	struct rv_http_client *http; /* of a copy; NULL: client's */
	char prefix[512];
};
/* url NULL: the server that server, REEVE_SERVER … name. Always close it. */
RV_MUST_USE enum rv_code rv_log_http_open(
	struct rv_log_http *h, const char *server, const char *url, struct rv_err *err);
void rv_log_http_done(struct rv_log_http *h);
struct rv_tlog_src rv_log_http_src(struct rv_log_http *h);

/* --vkey, --checkpoint, --witness-vkey, --quorum as they stand in several commands. */
struct rv_trust {
	const char *vkey, *checkpoint;
	struct rv_opt_list witnesses;
	int64_t quorum;
};
/* Reads the saved checkpoint into the arena. RV_EINVAL: a quorum without that many witnesses. */
RV_MUST_USE enum rv_code rv_trust_opts(const struct rv_trust *t, struct rv_arena *a,
	struct rv_verify_opts *ret, struct rv_err *err);
#endif
