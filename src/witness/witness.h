/* Witnesses over HTTP (c2sp.org/tlog-witness): the service one runs, and the log's side that has
 * its checkpoints cosigned by others. What a witness checks stands in ledger/witness_store.c. */
#ifndef RV_WITNESS_WITNESS_H
#define RV_WITNESS_WITNESS_H
#include "http/http.h"
#include "ledger/ledger.h"

/* ---- a witness's key and store on disk --------------------------------------------------------
 */

/* A folder with the files "key" (0600), "name" and "logs/": made by rv_witness_init. */
RV_MUST_USE enum rv_code rv_witness_init(
	const char *dir, const char *name, struct rv_buf *ret_vkey, struct rv_err *err);
/* logs_file: verifier keys of the logs to witness, one a line; '#' begins a comment. */
RV_MUST_USE enum rv_code rv_witness_open(
	const char *dir, const char *logs_file, struct rv_witness **ret, struct rv_err *err);

/* ---- the service ------------------------------------------------------------------------------
 */

struct rv_witness_service;
/* w: owned from here on, also on failure. Starts one thread: cosigning waits for the disk. */
RV_MUST_USE enum rv_code rv_witness_service_new(
	struct rv_witness *w, struct rv_witness_service **ret, struct rv_err *err);
/* Only when no request is open any more. NULL is fine. */
void rv_witness_service_free(struct rv_witness_service *s);
/* POST <prefix>/add-checkpoint and GET <prefix>/{origin hash}/checkpoint. is_root: prefix "", else
 * "/witness". Good until the service is freed. */
struct rv_http_table rv_witness_service_table(struct rv_witness_service *s, bool is_root);

/* ---- the log's side ---------------------------------------------------------------------------
 */

enum { RV_WITNESS_PEERS_MAX = 16 };
struct rv_witness_peer {
	const char *url; /* submission prefix: http(s)://host[:port][/path], unix:/path */
	const char *vkey;
};
struct rv_witness_push_opts {
	struct rv_ledger *ledger; /* borrowed */
	const struct rv_witness_peer *peers; /* copied */
	size_t n_peers;
	size_t quorum; /* cosignatures before a checkpoint counts as witnessed; 0: one */
	const char *ca_file; /* for https; NULL: the system's */
};
struct rv_witness_push;
/* One thread: each new signed checkpoint goes to every witness with a consistency proof; what comes
 * back is verified and, when the quorum is there, given to rv_ledger_cosigned. A witness that does
 * not answer is tried again with growing pauses and holds up nothing. */
RV_MUST_USE enum rv_code rv_witness_push_start(
	const struct rv_witness_push_opts *o, struct rv_witness_push **ret, struct rv_err *err);
void rv_witness_push_stop(struct rv_witness_push *p); /* and frees; NULL is fine */

struct rv_witness_peer_status {
	char name[RV_LEDGER_ORIGIN_MAX + 1];
	uint64_t size; /* the largest tree it has cosigned */
	int64_t at_ns; /* when, by its clock; 0: never */
	/* It holds what this log does not lead to: the log was set back or rewritten. */
	bool is_alarm;
	char error[256]; /* of the last try, "" when it went well */
};
size_t rv_witness_push_status(
	struct rv_witness_push *p, struct rv_witness_peer_status ret[RV_WITNESS_PEERS_MAX]);
/* A file of lines "URL VERIFIER-KEY"; '#' begins a comment. Text lives in the arena. */
RV_MUST_USE enum rv_code rv_witness_peers_read(struct rv_arena *a, const char *path,
	struct rv_witness_peer ret[RV_WITNESS_PEERS_MAX], size_t *ret_n, struct rv_err *err);
#endif
