/* The append-only event log: durable, Merkle-proved (RFC 6962 tree, C2SP signed checkpoints),
 * searchable. One process writes (an exclusive lock on the folder), any number read. All functions
 * on a struct rv_ledger may be called by any thread unless they say otherwise. How the files look
 * stands at the head of segment.c and index.c. */
#ifndef RV_LEDGER_LEDGER_H
#define RV_LEDGER_LEDGER_H
#include <sys/types.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/enc.h"

enum {
	RV_LEDGER_LEAF_MAX = 65535, /* what a C2SP entry bundle can hold */
	/* Room for {"v":1,"seq":...,"logged":"...","event": } with any sequence number. */
	RV_LEDGER_LEAF_FRAME = 82,
	RV_LEDGER_EVENT_MAX = RV_LEDGER_LEAF_MAX - RV_LEDGER_LEAF_FRAME,
	RV_LEDGER_SIDE_MAX = 1 << 20,
	RV_LEDGER_BATCH_MAX = 1000, /* records made durable by one sync */
	RV_LEDGER_ORIGIN_MAX = 200,
};

/* ---- keys ------------------------------------------------------------------------------------ */

struct rv_ledger_key {
	uint8_t seed[32];
};
void rv_ledger_key_generate(struct rv_ledger_key *ret);
/* file: the content of a key file, exactly 32 bytes. RV_EINVAL otherwise. */
RV_MUST_USE enum rv_code rv_ledger_key_load(
	struct rv_str file, struct rv_ledger_key *ret, struct rv_err *err);
void rv_ledger_key_wipe(struct rv_ledger_key *k);
/* Appends "origin+hex8+base64(0x01||public key)" without a newline (C2SP signed note). RV_EINVAL:
 * an origin with blanks, '+', control characters, empty or too long. */
RV_MUST_USE enum rv_code rv_ledger_vkey(const struct rv_ledger_key *k, struct rv_str origin,
	struct rv_buf *out, struct rv_err *err);

/* ---- hashes and proofs; pure ----------------------------------------------------------------- */

void rv_tree_leaf_hash(struct rv_str leaf, struct rv_sha256 *ret);
enum { RV_PROOF_MAX = 128 };
struct rv_proof {
	size_t n;
	struct rv_sha256 hash[RV_PROOF_MAX]; /* leaf side first */
};
/* RV_ECORRUPT: the proof does not lead from this leaf to this root. */
RV_MUST_USE enum rv_code rv_tree_check_inclusion(const struct rv_sha256 *leaf, uint64_t index,
	uint64_t size, const struct rv_proof *p, const struct rv_sha256 *root, struct rv_err *err);
/* RV_ECORRUPT: the old tree is not a prefix of the new one. */
RV_MUST_USE enum rv_code rv_tree_check_consistency(uint64_t old_size, const struct rv_sha256 *old,
	uint64_t new_size, const struct rv_sha256 *now, const struct rv_proof *p,
	struct rv_err *err);
/* One base64 hash a line, each with its newline. */
void rv_proof_write(const struct rv_proof *p, struct rv_buf *out);
RV_MUST_USE enum rv_code rv_proof_parse(
	struct rv_str text, struct rv_proof *ret, struct rv_err *err);

/* ---- checkpoints; pure ----------------------------------------------------------------------- */

struct rv_checkpoint {
	char origin[RV_LEDGER_ORIGIN_MAX + 1];
	uint64_t size;
	struct rv_sha256 root;
};
enum { RV_CHECKPOINT_MAX = 16 << 10 };
/* Parses the note. vkey NULL: the signature is not looked at. RV_EINVAL: not a checkpoint;
 * RV_EAUTH: no signature of this key, or a wrong one. */
RV_MUST_USE enum rv_code rv_checkpoint_open(
	struct rv_str note, const char *vkey, struct rv_checkpoint *ret, struct rv_err *err);
/* Appends the signed note. */
RV_MUST_USE enum rv_code rv_checkpoint_sign(const struct rv_checkpoint *c,
	const struct rv_ledger_key *k, struct rv_buf *out, struct rv_err *err);

/* What a witness asks before it takes over a new checkpoint. stored: the note it holds, empty at
 * first. proof: the text of rv_proof_write. RV_OK: store `now` durably, then answer. RV_EAUTH: not
 * signed by vkey, or another origin. RV_ECONFLICT: smaller than, or other than, what is stored.
 * RV_ECORRUPT: the proof does not show that the old log is a prefix: history was rewritten.
 * RV_EINVAL: malformed. */
RV_MUST_USE enum rv_code rv_witness_check(const char *vkey, struct rv_str stored, struct rv_str now,
	struct rv_str proof, struct rv_err *err);

/* Checks a c2sp.org/tlog-proof@v1 receipt without the log. leaf: the exact bytes. */
RV_MUST_USE enum rv_code rv_receipt_check(struct rv_str receipt, struct rv_str leaf,
	const char *vkey, uint64_t *ret_index, uint64_t *ret_size, struct rv_err *err);

/* ---- the log --------------------------------------------------------------------------------- */

struct rv_ledger;

/* Every durable effect of the writer goes through this table, so that tests can make each call
 * fail. Results and errno as the system calls of that name. */
struct rv_ledger_io {
	const char *name;
	void *self;
	int (*open_file)(void *self, const char *path, int flags, mode_t mode);
	ssize_t (*pwrite)(void *self, int fd, const void *p, size_t n, off_t at);
	int (*fdatasync)(void *self, int fd); /* files and folders */
	int (*fallocate)(void *self, int fd, off_t at, off_t n);
	int (*ftruncate)(void *self, int fd, off_t n);
	int (*rename)(void *self, const char *from, const char *to);
};
/* The system's. Static. */
const struct rv_ledger_io *rv_ledger_io_system(void);

struct rv_ledger_opts {
	const char *dir; /* made when missing, 0700 */
	const char *origin; /* name of the log; NULL with key NULL: that of the checkpoint there */
	const struct rv_ledger_key
		*key; /* copied. NULL: read only, takes no lock, writes nothing */
	const struct rv_clock *clock; /* NULL: the system's */
	size_t segment_bytes; /* 0: 64 MiB */
	size_t queue_max; /* records waiting; 0: 65,536 */
	size_t reserve_bytes; /* set aside for control records on a full disk; 0: none */
	const struct rv_ledger_io *io; /* NULL: the system's */
	/* Around the callbacks of one batch, on the ledger thread. May be NULL. */
	void (*on_batch)(void *arg, bool begin);
	void *on_batch_arg;
};
/* Cuts a torn tail (and records service.torn_tail), checks the root at the last signed size, starts
 * the writer. Errors: RV_EBUSY another process has it open; RV_ECORRUPT stored bytes do not verify
 * (the message says where and what to do); RV_EAUTH the checkpoint there is of another key;
 * RV_EIO. */
RV_MUST_USE enum rv_code rv_ledger_open(
	const struct rv_ledger_opts *opts, struct rv_ledger **ret, struct rv_err *err);
/* Takes no more records, makes durable what waits, signs, stops. Not from a callback. NULL is fine.
 */
void rv_ledger_free(struct rv_ledger *l);

enum rv_ledger_state {
	RV_LEDGER_OPEN = 1, /* appends work */
	RV_LEDGER_FULL, /* disk full: only control records are taken, from the reserve */
	RV_LEDGER_UNAVAILABLE, /* nothing can be made durable; the writer retries by itself */
	RV_LEDGER_BROKEN, /* what was acknowledged reads back differently; stays so */
	RV_LEDGER_READ_ONLY,
	RV_LEDGER_CLOSED,
};
const char *rv_ledger_state_name(enum rv_ledger_state s);
struct rv_ledger_status {
	enum rv_ledger_state state;
	char reason[256]; /* "" when open */
	char checkpoint_error[256]; /* the last try to sign failed with this; "" when it did not */
	uint64_t size; /* durable records */
	uint64_t signed_size;
	size_t waiting; /* in the queue */
	uint64_t batches, failed_batches;
	bool has_reserve;
};
void rv_ledger_status(struct rv_ledger *l, struct rv_ledger_status *ret);
/* RV_OK when a record of this sort would be taken now; else RV_EAUDIT with the reason. */
RV_MUST_USE enum rv_code rv_ledger_ready(struct rv_ledger *l, bool is_control, struct rv_err *err);
uint64_t rv_ledger_size(struct rv_ledger *l);

struct rv_ledger_record {
	struct rv_str
		event; /* one JSON object; "id", "kind", "system", "action", "outcome" are indexed
			*/
	struct rv_str side; /* kept beside the leaf, not hashed; may be empty */
	bool is_control; /* may use the reserve */
};
/* code RV_OK: durable, and in the tree as leaf seq with this hash. RV_EAUDIT: not acknowledged; the
 * record is not in the log (it may be after a crash: ids make a second try harmless). */
typedef void rv_ledger_cb(void *arg, enum rv_code code, uint64_t seq, const struct rv_sha256 *leaf);
/* Queues one record; copies. cb runs on the ledger thread, in the order of submission of one
 * thread, must not block and must not call rv_ledger_append, _checkpoint or _free. When this fails
 * cb never runs. Errors: RV_EINVAL not a JSON object; RV_ELIMIT too large; RV_EBUSY queue full;
 * RV_EAUDIT not writable. */
RV_MUST_USE enum rv_code rv_ledger_submit(struct rv_ledger *l, const struct rv_ledger_record *r,
	rv_ledger_cb *cb, void *arg, struct rv_err *err);
/* Submits n and waits for all, in order; waits for room in the queue. ret_seqs (may be NULL) gets
 * UINT64_MAX where a record was not made durable. RV_EAUDIT: not all were. */
RV_MUST_USE enum rv_code rv_ledger_append(struct rv_ledger *l, const struct rv_ledger_record *r,
	size_t n, uint64_t *ret_seqs, struct rv_err *err);

/* ---- reading --------------------------------------------------------------------------------- */

struct rv_ledger_entry {
	uint64_t seq;
	int64_t logged_ns;
	struct rv_str leaf, event, side; /* event lies within leaf */
	struct rv_sha256 hash;
};
/* RV_ENOENT: no such record (yet); RV_ECORRUPT with file and offset. Bytes live in the arena. */
RV_MUST_USE enum rv_code rv_ledger_read(struct rv_ledger *l, struct rv_arena *a, uint64_t seq,
	struct rv_ledger_entry *ret, struct rv_err *err);
/* By the event's "id". Quick for the last 100,000 and more, a scan of hashes for older ones. */
RV_MUST_USE enum rv_code rv_ledger_find(
	struct rv_ledger *l, struct rv_str event_id, uint64_t *ret_seq, struct rv_err *err);
/* Is there a durable record of this id? RV_EIO and RV_ECORRUPT when that cannot be told. */
RV_MUST_USE enum rv_code rv_ledger_has(
	struct rv_ledger *l, struct rv_str event_id, bool *ret, struct rv_err *err);

/* A reader keeps a segment open and a window of it: for those who read many. One thread at a time;
 * none may outlive the log. */
enum rv_ledger_order {
	RV_READ_RANDOM = 1,
	RV_READ_FORWARD,
	RV_READ_BACKWARD,
};
struct rv_ledger_reader;
/* NULL: memory. */
RV_MUST_USE struct rv_ledger_reader *rv_ledger_reader_new(
	struct rv_ledger *l, enum rv_ledger_order order);
void rv_ledger_reader_free(struct rv_ledger_reader *r); /* NULL is fine */
/* As rv_ledger_read; slices live until the reader's next call. */
RV_MUST_USE enum rv_code rv_ledger_reader_get(
	struct rv_ledger_reader *r, uint64_t seq, struct rv_ledger_entry *ret, struct rv_err *err);
/* False ends it. The entry's bytes are valid during the call only. */
typedef bool rv_ledger_each(void *arg, const struct rv_ledger_entry *e);

/* What the log can find by itself, looking through its columns; search/search.h asks an index.
 * Empty slices and zeros do not filter. A '*' last in system, action or kind: prefix. */
struct rv_ledger_query {
	struct rv_str system, action, outcome, kind;
	struct rv_str text; /* bytes that occur in the event as it is written */
	int64_t since_ns, until_ns; /* of "logged", since <= t < until */
	uint64_t before_seq; /* for the next page; 0: from the newest */
	size_t limit; /* 0: 100 */
};
/* Newest first. *ret_next (may be NULL): before_seq of the next page, 0 when there is none. */
RV_MUST_USE enum rv_code rv_ledger_search(struct rv_ledger *l, const struct rv_ledger_query *q,
	rv_ledger_each *each, void *arg, uint64_t *ret_next, struct rv_err *err);

/* ---- proofs of this log ---------------------------------------------------------------------- */

/* The newest published note. fresh: one that covers everything durable now, signed for this call if
 * need be (waits for the ledger thread). RV_ENOENT: nothing was signed yet. RV_EAUDIT: cannot sign.
 */
RV_MUST_USE enum rv_code rv_ledger_checkpoint(
	struct rv_ledger *l, bool fresh, struct rv_buf *out, struct rv_err *err);
/* size 0: all that is durable. RV_ENOENT: larger than the log. */
RV_MUST_USE enum rv_code rv_ledger_root(
	struct rv_ledger *l, uint64_t size, struct rv_sha256 *ret, struct rv_err *err);
RV_MUST_USE enum rv_code rv_ledger_prove_inclusion(
	struct rv_ledger *l, uint64_t seq, uint64_t size, struct rv_proof *ret, struct rv_err *err);
RV_MUST_USE enum rv_code rv_ledger_prove_consistency(struct rv_ledger *l, uint64_t old_size,
	uint64_t new_size, struct rv_proof *ret, struct rv_err *err);
/* Appends a c2sp.org/tlog-proof@v1 receipt of one record; signs first when it is not covered yet.
 */
RV_MUST_USE enum rv_code rv_ledger_receipt(
	struct rv_ledger *l, uint64_t seq, struct rv_buf *out, struct rv_err *err);
/* The log's verifier key, for as long as the log is open; "" when read only without a vkey file. */
const char *rv_ledger_own_vkey(const struct rv_ledger *l);

/* ---- checking a folder from outside ---------------------------------------------------------- */

enum rv_verdict_level {
	RV_VERIFY_FAILED = 1,
	RV_VERIFY_CONSISTENT, /* "self-consistent": fits together, which whoever holds the key can
				 arrange */
	RV_VERIFY_VERIFIED, /* held against a key or checkpoint from elsewhere */
};
struct rv_verify_problem {
	char file[64]; /* name within the folder */
	uint64_t offset, seq; /* UINT64_MAX: does not apply */
	char text[256];
};
enum { RV_VERIFY_PROBLEMS = 16 };
struct rv_verify_report {
	enum rv_verdict_level level;
	uint64_t size; /* records read */
	uint64_t signed_size; /* covered by the checkpoint in the folder */
	uint64_t saved_size; /* covered by the saved one */
	uint64_t torn_bytes; /* after the last whole record; no fault by itself */
	struct rv_sha256 root; /* of all records read */
	size_t n_problems; /* all; the first RV_VERIFY_PROBLEMS are kept */
	struct rv_verify_problem problem[RV_VERIFY_PROBLEMS];
};
/* Recomputes everything from the segments; needs no lock and trusts no index. vkey, saved: from
 * elsewhere, or NULL / empty. RV_OK: see ret->level; other codes: it could not be carried out. */
RV_MUST_USE enum rv_code rv_ledger_verify(const char *dir, const char *vkey, struct rv_str saved,
	struct rv_verify_report *ret, struct rv_err *err);
/* A paragraph for people: "verified: ..." or "self-consistent: ..." or "FAILED: ..." with a line a
 * problem. */
void rv_verify_print(const struct rv_verify_report *r, struct rv_buf *out);
#endif
