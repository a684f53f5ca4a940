/* What the files of this folder share. */
#ifndef RV_LEDGER_LEDGER_INT_H
#define RV_LEDGER_LEDGER_INT_H
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>

#include "base/json.h"
#include "base/rd.h"
#include "base/uuid.h"
#include "ledger/ledger.h"

/* Slices on disk are little-endian and indexes are mapped as they are. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "index files are mapped");

/* ---- tree.c ---------------------------------------------------------------------------------- */

struct rv_tree_level {
	struct rv_sha256 *h;
	size_t n, cap;
};
struct rv_tree {
	uint64_t n; /* leaves */
	struct rv_sha256 front[RV_TILE_BITS]; /* of the tile that is not full: a root a set bit */
	struct rv_tree_level level[64 - RV_TILE_BITS]; /* roots of 256 << i leaves */
};
/* Where leaf hashes come from; any leaf below the tree's n. */
struct rv_leaf_src {
	const struct rv_sha256 *(*leaf)(void *arg, uint64_t seq);
	void *arg;
};
void rv_tree_node_hash(const struct rv_sha256 *l, const struct rv_sha256 *r, struct rv_sha256 *ret);
void rv_tree_done(struct rv_tree *t);
RV_MUST_USE bool rv_tree_add(struct rv_tree *t, const struct rv_sha256 *leaf);
/* Room for n more leaves, so that adding them cannot fail. */
RV_MUST_USE bool rv_tree_room(struct rv_tree *t, uint64_t n);
/* n must be a multiple of 256. */
RV_MUST_USE bool rv_tree_add_tile(struct rv_tree *t, const struct rv_sha256 *tile);
void rv_tree_root(const struct rv_tree *t, const struct rv_leaf_src *src, uint64_t size,
	struct rv_sha256 *ret);
void rv_tree_inclusion(const struct rv_tree *t, const struct rv_leaf_src *src, uint64_t index,
	uint64_t size, struct rv_proof *ret);
void rv_tree_consistency(const struct rv_tree *t, const struct rv_leaf_src *src, uint64_t old_size,
	uint64_t size, struct rv_proof *ret);

/* ---- note.c, cosign.c, witness.c ------------------------------------------------------------- */

/* The algorithm byte of C2SP signed notes. */
enum rv_sig_type { RV_SIG_ED25519 = 1, RV_SIG_COSIGNATURE = 4 };
enum { RV_SIG_MAX = 128 };
/* A verifier key taken apart; name points into its text. */
struct rv_vkey {
	struct rv_str name;
	enum rv_sig_type type;
	uint8_t id[4], pk[32];
};
RV_MUST_USE enum rv_code rv_vkey_parse(
	struct rv_str text, enum rv_sig_type type, struct rv_vkey *ret, struct rv_err *err);
RV_MUST_USE enum rv_code rv_vkey_write(const struct rv_ledger_key *k, struct rv_str name,
	enum rv_sig_type type, struct rv_buf *out, struct rv_err *err);
/* The signed text with its last newline, and the signature lines. RV_EINVAL. */
RV_MUST_USE enum rv_code rv_note_split(
	struct rv_str note, struct rv_str *ret_body, struct rv_str *ret_sigs, struct rv_err *err);
/* Takes one signature line off; *ret_n == 0: of an algorithm with longer ones. */
RV_MUST_USE enum rv_code rv_note_next_sig(struct rv_str *rest, struct rv_str *ret_name,
	uint8_t ret_raw[RV_SIG_MAX], size_t *ret_n, struct rv_err *err);
/* k NULL: only that the lines are well-formed. */
RV_MUST_USE enum rv_code rv_note_check_sigs(
	struct rv_str body, struct rv_str sigs, const struct rv_vkey *k, struct rv_err *err);
/* Appends a signature line. */
void rv_note_sign(
	struct rv_str body, struct rv_str name, const struct rv_ledger_key *k, struct rv_buf *out);
void rv_sig_line(struct rv_str name, const uint8_t *raw, size_t n, struct rv_buf *out);

RV_MUST_USE enum rv_code rv_note_check_name(struct rv_str name, struct rv_err *err);
RV_MUST_USE enum rv_code rv_note_check_vkey(const char *vkey, struct rv_err *err);
/* leaf empty: the receipt goes without it. */
void rv_receipt_write(uint64_t index, struct rv_str leaf, const struct rv_proof *p,
	struct rv_str checkpoint, struct rv_buf *out);

/* ---- keychain.c ------------------------------------------------------------------------------ */

enum { RV_KEYCHAIN_MAX = 32, RV_VKEY_MAX = RV_LEDGER_ORIGIN_MAX + 64, RV_ROTATIONS_MAX = 64 << 10 };
/* The trusted key and those that follow from it. */
struct rv_keychain {
	size_t n;
	char key[RV_KEYCHAIN_MAX][RV_VKEY_MAX];
};
/* RV_EINVAL, RV_EAUTH: a note that is malformed, not signed by both, or does not follow. */
RV_MUST_USE enum rv_code rv_keychain_read(
	struct rv_str rotations, const char *trusted, struct rv_keychain *ret, struct rv_err *err);
/* A checkpoint of any time: of a key of the chain, or of one before the trusted key. */
RV_MUST_USE enum rv_code rv_keychain_open(struct rv_str rotations, const struct rv_keychain *c,
	struct rv_str note, struct rv_checkpoint *ret, struct rv_err *err);
RV_MUST_USE enum rv_code rv_rotation_write(struct rv_str origin, uint64_t size, int64_t now_ns,
	const struct rv_ledger_key *old_key, const struct rv_ledger_key *new_key,
	struct rv_buf *out, struct rv_err *err);

/* ---- verify_notes.c -------------------------------------------------------------------------- */

/* A checkpoint the log is held against. */
struct rv_verify_note {
	const char *file, *what;
	struct rv_checkpoint c;
	struct rv_sha256 root; /* as computed at its size */
};
struct rv_verify_notes {
	struct rv_verify_note note[3]; /* the log's own first, if there is one */
	size_t n;
	bool has_own, has_saved;
	bool is_broken; /* a record is missing: no root can be computed any more */
	struct rv_keychain chain; /* n == 0: no key at all */
};
void rv_verify_problem(struct rv_verify_report *r, const char *file, uint64_t offset, uint64_t seq,
	const char *fmt, ...) RV_PRINTF(5, 6);
/* own, witnessed, own_vkey: as they lie in the log, empty when they are not there. Errors: the
 * caller's own key or checkpoint is no good. */
RV_MUST_USE enum rv_code rv_verify_take_notes(struct rv_verify_notes *v,
	const struct rv_verify_opts *o, struct rv_verify_report *r, struct rv_str rotations,
	struct rv_str own, struct rv_str witnessed, struct rv_str own_vkey, struct rv_err *err);
void rv_verify_conclude(const struct rv_verify_notes *v, const struct rv_verify_opts *o,
	struct rv_verify_report *r);
/* An event that tells of retention raises *dropped_to. */
void rv_verify_retention(struct rv_str event, uint64_t *dropped_to);

/* ---- leaf.c ---------------------------------------------------------------------------------- */

enum {
	RV_EVENT_ARENA = 8 << 20
}; /* what parsing one event may take; the same at append and open */

enum rv_word { RV_W_SYSTEM, RV_W_ACTION, RV_W_OUTCOME, RV_W_KIND, RV_W_COUNT };
struct rv_fields {
	struct rv_str id, word[RV_W_COUNT]; /* empty when absent or not a string */
};
/* RV_EINVAL: not one JSON object. */
RV_MUST_USE enum rv_code rv_event_fields(
	struct rv_arena *a, struct rv_str event, struct rv_fields *ret, struct rv_err *err);
uint64_t rv_event_id_hash(struct rv_str id); /* never 0; 0 stands for "no id" */
/* time: of rv_time_format. Room for RV_LEDGER_LEAF_FRAME + event.n; returns the bytes written. */
size_t rv_leaf_write(char *out, uint64_t seq, const char time[RV_TIME_SIZE], struct rv_str event);
/* Takes a leaf apart again; only what rv_leaf_write writes passes. */
RV_MUST_USE enum rv_code rv_leaf_open(struct rv_str leaf, uint64_t *ret_seq, int64_t *ret_logged_ns,
	struct rv_str *ret_event, struct rv_err *err);

/* ---- segment.c ------------------------------------------------------------------------------- */

enum { RV_SEG_HEAD = 64, RV_REC_HEAD = 32, RV_SEG_NAME = 32 };
#define RV_SEG_BYTES_MAX (UINT64_C(1) << 30)
struct rv_rec {
	uint64_t offset, seq, batch;
	struct rv_str leaf, side;
	/* Retention has taken the leaf away and left its hash and time. */
	bool is_dropped;
	struct rv_sha256 hash;
	int64_t logged_ns;
};
/* Of the leaf, or the one that was left in its place. */
void rv_rec_hash(const struct rv_rec *r, struct rv_sha256 *ret);
static inline size_t rv_rec_size(size_t leaf_n, size_t side_n)
{
	return (RV_REC_HEAD + leaf_n + side_n + 7) & ~(size_t)7;
}
void rv_seg_head_write(char out[RV_SEG_HEAD], uint64_t first, int64_t now_ns, struct rv_str origin);
/* origin empty: any. */
RV_MUST_USE enum rv_code rv_seg_head_check(
	struct rv_str seg, uint64_t first, struct rv_str origin, struct rv_err *err);
/* Fills the 32 bytes at p for leaf and side that stand behind them already, and the padding. */
void rv_rec_seal(char *p, uint64_t seq, uint64_t batch, size_t leaf_n, size_t side_n);
/* The same for a record of which only the hash is left, in rv_rec_hash_size() bytes. */
void rv_rec_seal_hash(
	char *p, const struct rv_rec *r, const struct rv_sha256 *hash, int64_t logged_ns);
size_t rv_rec_hash_size(void);
static inline size_t rv_rec_bytes(const struct rv_rec *r)
{
	return r->is_dropped ? rv_rec_hash_size() : rv_rec_size(r->leaf.n, r->side.n);
}
/* The record at offset, if one is there whole. */
RV_MUST_USE bool rv_rec_read(struct rv_str seg, uint64_t offset, struct rv_rec *ret);

enum rv_seg_end {
	RV_SEG_CLEAN = 1, /* nothing but zeros follows */
	RV_SEG_TORN, /* something follows that is no record; nothing later was ever synced */
	RV_SEG_DAMAGED, /* ... but a record of a later batch follows: this one had been synced */
	RV_SEG_STOPPED, /* the callback returned false */
};
struct rv_seg_scan {
	enum rv_seg_end end;
	uint64_t used; /* offset behind the last whole record */
	uint64_t next; /* sequence number expected there */
	uint64_t torn_bytes;
};
typedef bool rv_rec_each(void *arg, const struct rv_rec *r);
void rv_seg_scan(
	struct rv_str seg, uint64_t first, rv_rec_each *each, void *arg, struct rv_seg_scan *ret);
void rv_seg_name(uint64_t first, const char *ext, char ret[RV_SEG_NAME]);
/* Only names made by rv_seg_name(…, "seg", …). */
RV_MUST_USE bool rv_seg_name_parse(const char *name, uint64_t *ret_first);
/* First numbers of all segments there, sorted; malloc'ed. */
RV_MUST_USE enum rv_code rv_seg_list(
	const char *dir, uint64_t **ret, size_t *ret_n, struct rv_err *err);
/* Whole file; malloc'ed. */
RV_MUST_USE enum rv_code rv_seg_load(
	const char *dir, uint64_t first, char **ret, size_t *ret_n, struct rv_err *err);

/* ---- index.c --------------------------------------------------------------------------------- */

struct rv_dict {
	uint32_t n, cap; /* words; word 0 is "" */
	uint32_t *at; /* n + 1 offsets */
	char *bytes;
	size_t bytes_cap;
	uint32_t *slots; /* word + 1; NULL in mapped ones */
	uint32_t n_slots;
};
/* What is known of each record of one segment. Either all on the heap, or all in a mapped file. */
struct rv_seg {
	uint64_t first;
	uint32_t n, cap;
	uint64_t used; /* bytes */
	struct rv_sha256 *hash;
	int64_t *logged;
	uint64_t *id;
	uint32_t *at;
	uint32_t *word[RV_W_COUNT];
	struct rv_dict dict;
	void *map;
	size_t map_n;
};
struct rv_seg_row {
	struct rv_sha256 hash;
	int64_t logged_ns;
	uint64_t id;
	uint32_t at;
	struct rv_str word[RV_W_COUNT];
};
struct rv_seg *rv_seg_new(uint64_t first); /* NULL: memory */
void rv_seg_free(struct rv_seg *s);
/* False: memory; nothing changed. */
RV_MUST_USE bool rv_seg_push(struct rv_seg *s, const struct rv_seg_row *r);
/* The same in two steps: what can fail goes before the write to disk, what cannot after it. */
RV_MUST_USE bool rv_seg_room(struct rv_seg *s, uint32_t n);
RV_MUST_USE bool rv_seg_words(
	struct rv_seg *s, const struct rv_str word[RV_W_COUNT], uint32_t ret[RV_W_COUNT]);
void rv_seg_put(struct rv_seg *s, const struct rv_seg_row *r, const uint32_t w[RV_W_COUNT]);
struct rv_str rv_dict_word(const struct rv_dict *d, uint32_t w);
/* The bytes of the index file. tiles: those that end in this segment. */
RV_MUST_USE bool rv_index_write(
	const struct rv_seg *s, const struct rv_sha256 *tiles, size_t n_tiles, struct rv_buf *out);
static inline size_t rv_index_tiles(uint64_t first, uint64_t n)
{
	return (size_t)((first + n) / RV_TILE_LEAVES - first / RV_TILE_LEAVES);
}
/* Maps an index file. RV_ECORRUPT: not one of this segment; RV_ENOENT. tiles point into the map. */
RV_MUST_USE enum rv_code rv_index_map(const char *path, uint64_t first, struct rv_seg **ret,
	const struct rv_sha256 **ret_tiles, struct rv_err *err);
/* Do the columns have the sum in the header? Reads them all. */
RV_MUST_USE bool rv_index_is_whole(const struct rv_seg *s);

/* ---- ids.c: the newest records by hash of id --------------------------------------------------
 */

enum { RV_IDS_MAX = 1 << 17 };
struct rv_ids_slot {
	uint64_t hash, seq; /* hash 0: free */
};
struct rv_ids_table {
	struct rv_ids_slot *slot;
	size_t n;
};
struct rv_ids {
	struct rv_ids_table now, before;
};
void rv_ids_done(struct rv_ids *t);
/* False: no memory; it is found by scanning then. */
bool rv_ids_add(struct rv_ids *t, uint64_t hash, uint64_t seq);
/* This hash is about to be added: a hint to the processor. */
void rv_ids_expect(const struct rv_ids *t, uint64_t hash);
/* Sequence numbers of this hash, newest first, at most cap. */
size_t rv_ids_find(const struct rv_ids *t, uint64_t hash, uint64_t *ret, size_t cap);

/* ---- the log --------------------------------------------------------------------------------- */

#define RV_LEDGER_MAGIC 0x4c656467U
#define RV_F_LOCK "lock"
#define RV_F_CHECKPOINT "checkpoint"
#define RV_F_VKEY "vkey"
#define RV_F_WITNESSED "witnessed"
#define RV_F_ROTATIONS "rotations"
#define RV_F_RESERVE "reserve"
enum {
	RV_PATH = 512,
	RV_WRITE_MAX = 8 << 20, /* bytes of one write, unless one record is larger */
	RV_ZERO_CHUNK = 4 << 20, /* zero-filled ahead of the records */
	RV_RETRY_MIN_MS = 20,
	RV_RETRY_MAX_MS = 2000,
	RV_SIGN_AFTER_MS = 1000,
	RV_IO_DEADLINE_MS = 5000,
};

/* One record on its way. */
struct rv_job_rec {
	struct rv_job_rec *next;
	rv_ledger_cb *cb;
	void *arg;
	bool is_control;
	uint64_t id_hash, seq;
	struct rv_sha256 hash;
	struct rv_str event, side, word[RV_W_COUNT]; /* in data */
	uint32_t leaf_n, at, w[RV_W_COUNT];
	char data[];
};
struct rv_list {
	struct rv_job_rec *head, **tail;
	size_t n;
};
void rv_list_init(struct rv_list *q);
void rv_list_push(struct rv_list *q, struct rv_job_rec *r);
struct rv_job_rec *rv_list_pop(struct rv_list *q);
/* All of `from` behind `to`. */
void rv_list_move(struct rv_list *to, struct rv_list *from);
void rv_list_free(struct rv_list *q);

/* gather.c: how long the writer waits for company. Its own, save `want`, which q_mu guards. */
struct rv_gather {
	size_t want; /* records worth waiting for; 0: none */
	int64_t until_ns; /* monotonic */
	size_t answered; /* by the write before */
	int64_t sync_ns; /* smoothed time of a write */
	unsigned rest; /* batches without waiting */
};
/* A write of n records ended and they were answered; `waiting` queued meanwhile. */
void rv_gather_ended(
	struct rv_gather *g, size_t n, size_t waiting, int64_t took_ns, int64_t now_ns);

struct rv_ledger {
	uint32_t magic;
	char dir[RV_PATH], origin[RV_LEDGER_ORIGIN_MAX + 1], vkey[RV_VKEY_MAX];
	bool is_writer;
	struct rv_ledger_key key;
	const struct rv_clock *clock;
	const struct rv_ledger_io *io;
	size_t segment_bytes, queue_max, reserve_bytes;
	void (*on_batch)(void *arg, bool begin);
	void *on_batch_arg;
	int lock_fd;

	/* Between submitters and the writer. */
	pthread_mutex_t q_mu;
	pthread_cond_t q_work, q_room, q_signed;
	struct rv_list queue;
	bool is_closing, is_writer_idle, has_thread, has_watcher;
	struct rv_gather gather;
	uint64_t sign_wanted, sign_done; /* tickets */
	pthread_cond_t q_watch;
	bool is_writer_gone;
	int64_t hung_since; /* of the call that was given up; 0: none is out */
	uint64_t refused; /* decisions that could not be recorded since the last gap ended */
	enum rv_code sign_code; /* of the last signing */
	enum rv_ledger_state state;
	char reason[256], checkpoint_error[256];
	uint64_t batches, failed_batches;
	bool has_reserve;
	pthread_t thread, watcher;
	pthread_mutex_t finish_mu; /* callbacks run on one thread at a time */
	int64_t io_deadline_ms;
	int64_t io_since; /* atomic: when the writer's call to the disk began; 0: none is out */

	/* What is durable; changed by the writer only, under mu. */
	pthread_mutex_t mu;
	struct rv_seg **segs; /* the last one is being written */
	size_t n_segs, segs_cap;
	struct rv_tree tree;
	struct rv_ids ids;
	struct rv_buf note; /* newest published checkpoint */
	struct rv_buf witnessed; /* newest with cosignatures */
	uint64_t witnessed_size;
	uint64_t signed_size;
	uint64_t rewrites; /* segments that retention has written anew */
	pthread_mutex_t retain_mu; /* one retention at a time; before mu */

	/* The writer's own. */
	int fd; /* of the last segment; -1: to be opened again */
	uint64_t zeroed; /* file size: zeros from used on */
	bool is_tail_dirty; /* bytes of a failed batch may lie behind used */
	bool must_check; /* read the last segment back before going on */
	bool must_roll; /* a next segment may have been begun: nothing more goes into this one */
	int64_t last_logged, last_wall;
	int64_t retry_at, retry_ms, sign_due, failing_since; /* monotonic; 0: not */
	struct rv_list *flight[2]; /* taken off the queue, not answered yet */
	struct rv_list ours; /* events of the log itself, to go before the next batch */
	struct rv_buf out; /* bytes of one batch */
	uint64_t torn_bytes; /* cut at open */
};
static inline struct rv_seg *rv_ledger_last(const struct rv_ledger *l)
{
	return l->segs[l->n_segs - 1];
}
void rv_ledger_path(const struct rv_ledger *l, const char *name, char ret[RV_PATH]);
/* Segment of a durable record; mu held. */
struct rv_seg *rv_ledger_seg(const struct rv_ledger *l, uint64_t seq);
struct rv_leaf_src rv_ledger_leaves(const struct rv_ledger *l);
/* A record of ours or theirs, parsed and copied. */
RV_MUST_USE enum rv_code rv_job_new(
	const struct rv_ledger_record *r, struct rv_job_rec **ret, struct rv_err *err);
/* Queues an event of the log itself; writer thread, or before it runs. */
struct rv_note_num {
	const char *name;
	int64_t value;
};
void rv_ledger_note_event(struct rv_ledger *l, const char *kind, const struct rv_note_num *detail,
	size_t n, int64_t now_ns);

/* load.c: segments, tree, checkpoint, as they are on disk. */
RV_MUST_USE enum rv_code rv_ledger_load(struct rv_ledger *l, struct rv_err *err);
RV_MUST_USE bool rv_ledger_push_seg(struct rv_ledger *l, struct rv_seg *s);
/* Index file of a full segment; afterwards it is mapped. Failing is no harm: open makes it again.
 */
void rv_ledger_seal(struct rv_ledger *l, size_t i, bool is_writer);
/* Columns of a full segment from its bytes. */
RV_MUST_USE enum rv_code rv_ledger_read_full(
	struct rv_ledger *l, struct rv_str bytes, struct rv_seg *s, struct rv_err *err);

/* io.c: what touches the disk. All return 0 or an errno. */
int rv_disk_write_file(struct rv_ledger *l, const char *name, struct rv_str bytes);
int rv_disk_open_last(struct rv_ledger *l, uint64_t first, bool is_new, int64_t now_ns);
int rv_disk_cut(struct rv_ledger *l); /* to used */
void rv_disk_trim(struct rv_ledger *l, int fd, uint64_t n); /* as far as it goes */
int rv_disk_extend(struct rv_ledger *l, uint64_t need);
int rv_disk_append(struct rv_ledger *l, struct rv_str bytes);
int rv_disk_reserve(struct rv_ledger *l, bool want);
int rv_disk_check_last(struct rv_ledger *l); /* EILSEQ: reads back differently */

/* watch.c: around each call to the disk. False from rv_io_end: it was given up, errno is ETIMEDOUT,
 * and whoever waited has been answered. */
void rv_io_begin(struct rv_ledger *l);
RV_MUST_USE bool rv_io_end(struct rv_ledger *l);
void *rv_watch_main(void *ledger);

/* writer.c */
void *rv_writer_main(void *ledger);
/* Runs the callbacks and frees the records. */
void rv_writer_finish(struct rv_ledger *l, struct rv_list *q, enum rv_code code);
/* recover.c; writer thread. now: the batch that failed with e, not in the log. rest: what has not
 * been tried. Afterwards rest holds what is worth trying again. */
void rv_writer_failed(struct rv_ledger *l, int e, struct rv_list *now, struct rv_list *rest);
void rv_writer_retry(struct rv_ledger *l);
void rv_writer_unhang(struct rv_ledger *l); /* a call that was given up has come back */
/* checkpoint.c: writer thread or before it runs. */
RV_MUST_USE enum rv_code rv_ledger_sign(struct rv_ledger *l, struct rv_err *err);
/* read.c: a reader that keeps one segment open and a window of it. */
struct rv_reader {
	struct rv_ledger *l;
	uint64_t first, rewrites; /* of the open segment */
	int fd;
	size_t ahead; /* bytes worth reading with a record; 0: reads at random */
	bool is_forward; /* those behind it, else those before it */
	char *win;
	uint64_t win_at;
	size_t win_n, win_cap;
};
void rv_reader_init(struct rv_reader *r, struct rv_ledger *l);
void rv_reader_done(struct rv_reader *r);
/* Slices live until the next call. */
RV_MUST_USE enum rv_code rv_reader_get(
	struct rv_reader *r, uint64_t seq, struct rv_ledger_entry *ret, struct rv_err *err);
/* The same, where a record that retention has dropped is no error: ret has its hash and time. */
RV_MUST_USE enum rv_code rv_reader_try(struct rv_reader *r, uint64_t seq,
	struct rv_ledger_entry *ret, bool *ret_is_there, struct rv_err *err);
#endif
