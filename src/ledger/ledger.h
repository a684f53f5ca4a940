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

/* ---- witnesses (c2sp.org/tlog-witness, tlog-cosignature) --------------------------------------
 */

/* The verifier key of a witness: as rv_ledger_vkey, algorithm 4. */
RV_MUST_USE enum rv_code rv_witness_vkey(
	const struct rv_ledger_key *k, struct rv_str name, struct rv_buf *out, struct rv_err *err);
/* The name in a witness's verifier key. RV_EINVAL: it is none. */
RV_MUST_USE enum rv_code rv_witness_name(
	const char *vkey, char ret[RV_LEDGER_ORIGIN_MAX + 1], struct rv_err *err);
/* Appends the witness's signature line for this checkpoint. */
RV_MUST_USE enum rv_code rv_witness_cosign(struct rv_str note, const struct rv_ledger_key *k,
	struct rv_str name, int64_t now_ns, struct rv_buf *out, struct rv_err *err);
/* RV_OK: the note carries a good cosignature of this witness, made at *ret_time_s. RV_EAUTH: none,
 * or a wrong one; RV_EINVAL. */
RV_MUST_USE enum rv_code rv_witness_cosigned(
	struct rv_str note, const char *witness_vkey, int64_t *ret_time_s, struct rv_err *err);

/* The body of add-checkpoint. note points into the text. */
enum { RV_WITNESS_PROOF_MAX = 63 };
struct rv_witness_request {
	uint64_t old_size;
	struct rv_proof proof;
	struct rv_str note;
};
void rv_witness_request_write(
	uint64_t old_size, const struct rv_proof *p, struct rv_str note, struct rv_buf *out);
RV_MUST_USE enum rv_code rv_witness_request_parse(
	struct rv_str body, struct rv_witness_request *ret, struct rv_err *err);

struct rv_witness;
struct rv_witness_opts {
	const char *dir; /* where what was cosigned is kept; made when missing */
	const char *name; /* of the witness, in its signature lines */
	const struct rv_ledger_key *key; /* copied */
	const char *const *log_vkeys; /* copied; several of one origin: any of them */
	size_t n_logs;
	const struct rv_clock *clock; /* NULL: the system's */
};
RV_MUST_USE enum rv_code rv_witness_new(
	const struct rv_witness_opts *o, struct rv_witness **ret, struct rv_err *err);
void rv_witness_free(struct rv_witness *w);
/* Answers add-checkpoint. RV_OK: out holds the cosignature, what was cosigned is durable.
 * RV_ECONFLICT: out holds the size that is known, with a newline (409). RV_EINVAL malformed, or the
 * old size is larger than the new one (400); RV_ENOENT unknown origin (404); RV_EPERM no signature
 * of a trusted key (403); RV_ECORRUPT the proof does not hold (422); RV_EIO. Any thread. */
RV_MUST_USE enum rv_code rv_witness_add(
	struct rv_witness *w, struct rv_str body, struct rv_buf *out, struct rv_err *err);
/* Appends the newest checkpoint cosigned for the log of that origin. origin_hash: SHA-256 in lower
 * case hex. RV_ENOENT. */
RV_MUST_USE enum rv_code rv_witness_latest(
	struct rv_witness *w, struct rv_str origin_hash, struct rv_buf *out, struct rv_err *err);

/* A c2sp.org/tlog-proof@v1 receipt taken apart; slices point into its text. */
struct rv_receipt {
	uint64_t index;
	struct rv_proof proof;
	struct rv_str extra; /* base64; in receipts of ours the leaf. May be empty */
	struct rv_str note;
};
RV_MUST_USE enum rv_code rv_receipt_parse(
	struct rv_str receipt, struct rv_receipt *ret, struct rv_err *err);
/* Appends the leaf it carries. RV_ENOENT: none. What it says is proved by rv_receipt_check only. */
RV_MUST_USE enum rv_code rv_receipt_leaf(
	const struct rv_receipt *r, struct rv_buf *out, struct rv_err *err);
/* Checks a receipt without the log. leaf: the exact bytes; empty: those in the receipt. */
RV_MUST_USE enum rv_code rv_receipt_check(struct rv_str receipt, struct rv_str leaf,
	const char *vkey, uint64_t *ret_index, uint64_t *ret_size, struct rv_err *err);

/* ---- tlog-tiles (c2sp.org/tlog-tiles); pure ----------------------------------------------------
 */

enum { RV_TILE_BITS = 8, RV_TILE_LEAVES = 256 };
struct rv_tile {
	bool is_entries; /* a bundle of entries; level is 0 then */
	unsigned level; /* 0..63 */
	uint64_t n; /* place within the level */
	unsigned width; /* 1..256 */
};
/* What stands behind "tile/": "0/x001/234", "entries/005.p/17". RV_EINVAL. */
RV_MUST_USE enum rv_code rv_tile_parse(struct rv_str path, struct rv_tile *ret, struct rv_err *err);
/* Appends "tile/0/x001/234". */
void rv_tile_path(const struct rv_tile *t, struct rv_buf *out);
/* Hashes that level has in a tree of that size, and those of them in its n-th tile, 0..256. */
uint64_t rv_tile_count(uint64_t size, unsigned level);
unsigned rv_tile_width(uint64_t size, unsigned level, uint64_t n);
/* The next entry off a bundle. RV_ECORRUPT: it ends within one. */
RV_MUST_USE enum rv_code rv_bundle_next(
	struct rv_str *rest, struct rv_str *ret_leaf, struct rv_err *err);

/* Where the files of a static log come from. path: "checkpoint", "rotations", "tile/0/000" …
 * Appends the bytes. RV_ENOENT: there is none. */
struct rv_tlog_src {
	enum rv_code (*get)(void *self, const char *path, struct rv_buf *out, struct rv_err *err);
	void *self;
};
/* A folder; dir is borrowed. */
struct rv_tlog_src rv_tlog_dir(const char *dir);
struct rv_tlog_exported {
	uint64_t size; /* of the log */
	uint64_t files; /* written now */
	uint64_t dropped; /* entries whose bundle retention has taken away */
};
/* Writes all that its checkpoint covers into a folder that any web server can serve, the checkpoint
 * last. Full tiles that are there are not written again, so that it can be repeated. */
RV_MUST_USE enum rv_code rv_tlog_export(const struct rv_tlog_src *src, const char *dir,
	struct rv_tlog_exported *ret, struct rv_err *err);

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
	int64_t io_deadline_ms; /* a call to the disk that lasts longer is given up; 0: 5,000 */
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
	int64_t hung_ms; /* a call to the disk that was given up is out for so long; 0: none */
	uint64_t refused; /* decisions counted by rv_ledger_refused since the last gap ended */
};
void rv_ledger_status(struct rv_ledger *l, struct rv_ledger_status *ret);
/* RV_OK when a record of this sort would be taken now; else RV_EAUDIT with the reason. */
RV_MUST_USE enum rv_code rv_ledger_ready(struct rv_ledger *l, bool is_control, struct rv_err *err);
uint64_t rv_ledger_size(struct rv_ledger *l);
/* Counts a decision that was answered with a denial because it could not be recorded. When the log
 * can be written again, one service.audit_gap event tells how many there were; then from 0. */
void rv_ledger_refused(struct rv_ledger *l);

/* What is indexed of an event: strings of its top level, empty when absent. */
struct rv_ledger_words {
	struct rv_str id, system, action, outcome, kind;
};
struct rv_ledger_record {
	struct rv_str event; /* one JSON object */
	struct rv_str side; /* kept beside the leaf, not hashed; may be empty */
	bool is_control; /* may use the reserve */
	/* Of whoever wrote the event member by member and knows them; NULL: the event is read, and
	 * refused when it is not JSON. Borrowed for the call. */
	const struct rv_ledger_words *words;
};
/* code RV_OK: durable, and in the tree as leaf seq with this hash. RV_EAUDIT: not acknowledged; the
 * record is not in the log (it may be after a crash: ids make a second try harmless). */
typedef void rv_ledger_cb(void *arg, enum rv_code code, uint64_t seq, const struct rv_sha256 *leaf);
/* Queues one record; copies. cb runs on the ledger thread, in the order of submission of one
 * thread (on the watching thread when the disk hangs), must not block and must not call
 * rv_ledger_append, _checkpoint or _free. When this fails cb never runs. Errors: RV_EINVAL not a
 * JSON object; RV_ELIMIT too large; RV_EBUSY queue full; RV_EAUDIT not writable. */
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
/* The same where a record whose leaf retention has dropped is no error: ret has its number, hash
 * and time, and *ret_is_there is false. */
RV_MUST_USE enum rv_code rv_ledger_reader_row(struct rv_ledger_reader *r, uint64_t seq,
	struct rv_ledger_entry *ret, bool *ret_is_there, struct rv_err *err);
/* False ends it. The entry's bytes are valid during the call only. */
typedef bool rv_ledger_each(void *arg, const struct rv_ledger_entry *e);

/* Follows a log from outside its process, without a lock: what the newest checkpoint covers, so
 * nothing that could still be taken back. One thread at a time. */
struct rv_ledger_tail;
/* NULL: memory, or a path that is too long. */
struct rv_ledger_tail *rv_ledger_tail_new(const char *dir, uint64_t from, struct rv_err *err);
void rv_ledger_tail_free(struct rv_ledger_tail *t); /* NULL is fine */
/* The next event; slices live until the next call. Events that retention has dropped are passed
 * over. RV_ENOENT: there is none yet, err is left alone; RV_ECORRUPT; RV_EIO. */
RV_MUST_USE enum rv_code rv_ledger_tail_next(
	struct rv_ledger_tail *t, struct rv_ledger_entry *ret, struct rv_err *err);
/* How many events are signed now. */
RV_MUST_USE enum rv_code rv_ledger_tail_signed(
	struct rv_ledger_tail *t, uint64_t *ret, struct rv_err *err);
/* "" before anything was signed. */
const char *rv_ledger_tail_origin(const struct rv_ledger_tail *t);

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
/* This log as static files. */
struct rv_tlog_src rv_tlog_log(struct rv_ledger *l);
/* Appends the notes by which the log's key was changed; nothing when it never was. */
RV_MUST_USE enum rv_code rv_ledger_rotations(
	struct rv_ledger *l, struct rv_buf *out, struct rv_err *err);
/* Takes over a checkpoint of this log to which witnesses have added their lines: durable, then
 * published. RV_EINVAL, RV_EAUTH, RV_ECORRUPT: it is not of this log; RV_ECONFLICT: older than the
 * one that is there; RV_EIO. Not the ledger thread. */
RV_MUST_USE enum rv_code rv_ledger_cosigned(
	struct rv_ledger *l, struct rv_str note, struct rv_err *err);
/* The newest of those; RV_ENOENT. */
RV_MUST_USE enum rv_code rv_ledger_witnessed(
	struct rv_ledger *l, struct rv_buf *out, struct rv_err *err);
/* Waits until a checkpoint larger than `size` is signed, or for wait_ms. Returns its size. */
uint64_t rv_ledger_await_signed(struct rv_ledger *l, uint64_t size, int64_t wait_ms);
/* Appends a c2sp.org/tlog-proof@v1 receipt of one record; signs first when it is not covered yet.
 */
RV_MUST_USE enum rv_code rv_ledger_receipt(
	struct rv_ledger *l, uint64_t seq, struct rv_buf *out, struct rv_err *err);
/* Appends the bytes of a tile, or of a bundle (reads from disk then). RV_ENOENT: not covered by the
 * newest signed checkpoint; RV_ECORRUPT. */
RV_MUST_USE enum rv_code rv_ledger_tile(
	struct rv_ledger *l, const struct rv_tile *t, struct rv_buf *out, struct rv_err *err);
/* The log's verifier key, for as long as the log is open; "" when read only without a vkey file. */
const char *rv_ledger_own_vkey(const struct rv_ledger *l);

/* ---- retention and keys ---------------------------------------------------------------------- */

/* What was logged before these times goes, as far as it lies in full segments: side bytes, or whole
 * leaves, whose hashes stay. 0: nothing of that sort. */
struct rv_retention {
	int64_t texts_before_ns, events_before_ns;
	bool is_dry; /* only count */
	struct rv_str actor; /* the person who asked for it; empty: the service by its policy */
};
struct rv_retained {
	uint64_t events, texts; /* leaves and sides taken away, or that would be */
	uint64_t events_below, texts_below; /* records with smaller numbers have none left */
	uint64_t segments, bytes;
};
/* The act is recorded first (service.retention). Reads and rewrites whole segments: not on a thread
 * that others wait for, not on the ledger thread. RV_EAUDIT: it could not be recorded, nothing was
 * done; RV_ECORRUPT; RV_EIO: what was done so far stays done and is recorded. */
RV_MUST_USE enum rv_code rv_ledger_retain(struct rv_ledger *l, const struct rv_retention *p,
	struct rv_retained *ret, struct rv_err *err);

/* Changes the log's key: opens the log with the old one (o->key), records service.log_key_rotated,
 * signs, and makes durable a note that both keys have signed. From then on only new_key opens the
 * log. The caller has new_key durable before, and puts it in the old one's place after. */
RV_MUST_USE enum rv_code rv_ledger_rotate(
	const struct rv_ledger_opts *o, const struct rv_ledger_key *new_key, struct rv_err *err);

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
	uint64_t dropped; /* records of which retention has left the hash */
	size_t witnesses; /* of those named, how many have cosigned the newest checkpoint that any
			     has */
	uint64_t witnessed_size;
	int64_t witnessed_ns;
	uint64_t torn_bytes; /* after the last whole record; no fault by itself */
	struct rv_sha256 root; /* of all records read */
	size_t n_problems; /* all; the first RV_VERIFY_PROBLEMS are kept */
	struct rv_verify_problem problem[RV_VERIFY_PROBLEMS];
};
/* What comes from elsewhere, each NULL, empty or 0 when there is none. */
struct rv_verify_opts {
	const char *vkey; /* the log's, of now or of before a rotation */
	struct rv_str saved; /* a checkpoint */
	const char *const *witness_vkeys;
	size_t n_witnesses, quorum; /* fewer cosignatures than quorum: FAILED */
};
/* Recomputes everything from the segments; needs no lock and trusts no index. RV_OK: see
 * ret->level; other codes: it could not be carried out. */
RV_MUST_USE enum rv_code rv_ledger_verify(const char *dir, const struct rv_verify_opts *o,
	struct rv_verify_report *ret, struct rv_err *err);
/* The same from the bundles and tiles of a static log. */
RV_MUST_USE enum rv_code rv_tlog_verify(const struct rv_tlog_src *src,
	const struct rv_verify_opts *o, struct rv_verify_report *ret, struct rv_err *err);
/* A paragraph for people: "verified: ..." or "self-consistent: ..." or "FAILED: ..." with a line a
 * problem. */
void rv_verify_print(const struct rv_verify_report *r, struct rv_buf *out);
#endif
