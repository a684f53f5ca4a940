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

enum { RV_TILE_BITS = 8, RV_TILE_LEAVES = 256 };
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

/* ---- note.c, witness.c ----------------------------------------------------------------------- */

RV_MUST_USE enum rv_code rv_note_check_name(struct rv_str name, struct rv_err *err);
RV_MUST_USE enum rv_code rv_note_check_vkey(const char *vkey, struct rv_err *err);
void rv_receipt_write(
	uint64_t index, const struct rv_proof *p, struct rv_str checkpoint, struct rv_buf *out);
RV_MUST_USE enum rv_code rv_receipt_parse(struct rv_str receipt, uint64_t *ret_index,
	struct rv_proof *ret, struct rv_str *ret_checkpoint, struct rv_err *err);

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
/* Room for RV_LEDGER_LEAF_FRAME + event.n; returns the bytes written. */
size_t rv_leaf_write(char *out, uint64_t seq, int64_t logged_ns, struct rv_str event);
/* Takes a leaf apart again; only what rv_leaf_write writes passes. */
RV_MUST_USE enum rv_code rv_leaf_open(struct rv_str leaf, uint64_t *ret_seq, int64_t *ret_logged_ns,
	struct rv_str *ret_event, struct rv_err *err);

/* ---- segment.c ------------------------------------------------------------------------------- */

enum { RV_SEG_HEAD = 64, RV_REC_HEAD = 32, RV_SEG_NAME = 32 };
#define RV_SEG_BYTES_MAX (UINT64_C(1) << 30)
struct rv_rec {
	uint64_t offset, seq, batch;
	struct rv_str leaf, side;
};
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
struct rv_ids_table {
	uint64_t *hash, *seq;
	size_t n;
};
struct rv_ids {
	struct rv_ids_table now, before;
};
void rv_ids_done(struct rv_ids *t);
/* False: no memory; it is found by scanning then. */
bool rv_ids_add(struct rv_ids *t, uint64_t hash, uint64_t seq);
/* Sequence numbers of this hash, newest first, at most cap. */
size_t rv_ids_find(const struct rv_ids *t, uint64_t hash, uint64_t *ret, size_t cap);

/* ---- the log --------------------------------------------------------------------------------- */

#define RV_LEDGER_MAGIC 0x4c656467U
#define RV_F_LOCK "lock"
#define RV_F_CHECKPOINT "checkpoint"
#define RV_F_VKEY "vkey"
#define RV_F_RESERVE "reserve"
enum {
	RV_PATH = 512,
	RV_WRITE_MAX = 8 << 20, /* bytes of one write, unless one record is larger */
	RV_ZERO_CHUNK = 4 << 20, /* zero-filled ahead of the records */
	RV_RETRY_MIN_MS = 20,
	RV_RETRY_MAX_MS = 2000,
	RV_SIGN_AFTER_MS = 1000,
};

/* One record on its way. */
struct rv_job_rec {
	struct rv_job_rec *next;
	rv_ledger_cb *cb;
	void *arg;
	bool is_control, is_ours; /* ours: not in the queue's count */
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
void rv_list_free(struct rv_list *q);

struct rv_ledger {
	uint32_t magic;
	char dir[RV_PATH], origin[RV_LEDGER_ORIGIN_MAX + 1], vkey[RV_LEDGER_ORIGIN_MAX + 64];
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
	bool is_closing, is_writer_idle, has_thread;
	uint64_t sign_wanted, sign_done; /* tickets */
	enum rv_code sign_code; /* of the last signing */
	enum rv_ledger_state state;
	char reason[256], checkpoint_error[256];
	uint64_t batches, failed_batches;
	bool has_reserve;
	pthread_t thread;

	/* What is durable; changed by the writer only, under mu. */
	pthread_mutex_t mu;
	struct rv_seg **segs; /* the last one is being written */
	size_t n_segs, segs_cap;
	struct rv_tree tree;
	struct rv_ids ids;
	struct rv_buf note; /* newest published checkpoint */
	uint64_t signed_size;

	/* The writer's own. */
	int fd; /* of the last segment; -1: to be opened again */
	uint64_t zeroed; /* file size: zeros from used on */
	bool is_tail_dirty; /* bytes of a failed batch may lie behind used */
	bool must_check; /* read the last segment back before going on */
	bool must_roll; /* a next segment may have been begun: nothing more goes into this one */
	int64_t last_logged, last_wall;
	int64_t retry_at, retry_ms, sign_due, failing_since; /* monotonic; 0: not */
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
void rv_ledger_note_event(
	struct rv_ledger *l, const char *kind, const char *name, int64_t value, int64_t now_ns);

/* load.c: segments, tree, checkpoint, as they are on disk. */
RV_MUST_USE enum rv_code rv_ledger_load(struct rv_ledger *l, struct rv_err *err);
RV_MUST_USE bool rv_ledger_push_seg(struct rv_ledger *l, struct rv_seg *s);
/* Index file of a full segment; afterwards it is mapped. Failing is no harm: open makes it again.
 */
void rv_ledger_seal(struct rv_ledger *l, size_t i);

/* disk.c: what touches the disk. All return 0 or an errno. */
int rv_disk_write_file(struct rv_ledger *l, const char *name, struct rv_str bytes);
int rv_disk_open_last(struct rv_ledger *l, uint64_t first, bool is_new, int64_t now_ns);
int rv_disk_cut(struct rv_ledger *l); /* to used */
int rv_disk_extend(struct rv_ledger *l, uint64_t need);
int rv_disk_append(struct rv_ledger *l, struct rv_str bytes);
int rv_disk_reserve(struct rv_ledger *l, bool want);
int rv_disk_check_last(struct rv_ledger *l); /* EILSEQ: reads back differently */

/* writer.c */
void *rv_writer_main(void *ledger);
/* Runs the callbacks and frees the records. */
void rv_writer_finish(struct rv_ledger *l, struct rv_list *q, enum rv_code code);
/* recover.c; writer thread. now: the batch that failed with e, not in the log. rest: what has not
 * been tried. Afterwards rest holds what is worth trying again. */
void rv_writer_failed(struct rv_ledger *l, int e, struct rv_list *now, struct rv_list *rest);
void rv_writer_retry(struct rv_ledger *l);
/* checkpoint.c: writer thread or before it runs. */
RV_MUST_USE enum rv_code rv_ledger_sign(struct rv_ledger *l, struct rv_err *err);
/* read.c: a reader that keeps one segment open and a window of it. */
struct rv_reader {
	struct rv_ledger *l;
	uint64_t first; /* of the open segment */
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
#endif
