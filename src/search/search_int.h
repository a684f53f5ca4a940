/* What the files of this folder share. */
#ifndef RV_SEARCH_SEARCH_INT_H
#define RV_SEARCH_SEARCH_INT_H
#include <pthread.h>
#include <stdio.h>

#include "base/json.h"
#include "search/search.h"

/* ---- query.c: the tree ----------------------------------------------------------------------- */

#define RV_STAR '\x01' /* a '*' that stands for anything; a written one is "\*" */

enum rv_q_op {
	RV_Q_ALL = 1,
	RV_Q_AND,
	RV_Q_OR,
	RV_Q_NOT,
	RV_Q_WORD,
	RV_Q_RANGE,
	RV_Q_ID,
	RV_Q_TEXT,
	RV_Q_TIME,
	RV_Q_SEQ
};
struct rv_search_query {
	enum rv_q_op op;
	enum rv_field field; /* WORD, RANGE, ID; ID with NONE: any id */
	struct rv_str value; /* WORD: the pattern; ID: the id; TEXT: as written */
	bool has_star;
	int64_t lo, hi; /* inclusive: RANGE in 1/10000, TIME in ns, SEQ */
	struct rv_str *tokens; /* TEXT: folded, in order */
	size_t n_tokens;
	bool is_open; /* TEXT: the last token is the beginning of a word */
	const struct rv_search_query *kids, *next; /* AND, OR, NOT */
};
/* Does word fit a pattern with RV_STAR? */
bool rv_glob(struct rv_str pattern, struct rv_str word);
/* What stands before the first star. */
struct rv_str rv_glob_prefix(struct rv_str pattern);
/* A decimal with at most four places, in 1/10000. */
RV_MUST_USE bool rv_number_parse(struct rv_str s, int64_t *ret);

/* ---- doc.c: what of an event can be found ---------------------------------------------------- */

enum {
	RV_DOC_ARENA = 8 << 20, /* what parsing one event may take: as much as at append */
	RV_TOKEN_MAX = 64, /* bytes of a token; what is longer is cut */
	RV_ID_MIN = 16, /* characters from which hexadecimal text is an id */
};
struct rv_doc_word {
	uint8_t field;
	struct rv_str s;
};
struct rv_doc {
	struct rv_arena a;
	struct rv_doc_word *words, *ids;
	struct rv_str *texts;
	size_t n_words, words_cap, n_ids, ids_cap, n_texts, texts_cap;
};
void rv_doc_init(struct rv_doc *d);
void rv_doc_done(struct rv_doc *d);
/* Slices live until the next load, and as long as the event's bytes. RV_EINVAL: no event. */
RV_MUST_USE enum rv_code rv_doc_load(struct rv_doc *d, struct rv_str event, struct rv_err *err);
/* Takes the next token off *text, folded into buf; n == 0: none is left. */
struct rv_str rv_token_next(struct rv_str *text, char buf[RV_TOKEN_MAX]);
/* Text that is an id as a whole ("sha256:" in front is not part of it): *ret gets it. */
bool rv_text_is_id(struct rv_str s, struct rv_str *ret);
bool rv_doc_match(
	const struct rv_search_query *q, const struct rv_doc *d, uint64_t seq, int64_t logged);

/* ---- build.c: a shard in memory -------------------------------------------------------------- */

enum { RV_TEXT_FIELD = 255 }; /* tokens stand in the dictionary behind the fields */
struct rv_posting {
	uint32_t n, cap; /* cap 0: in few */
	union {
		uint16_t few[4];
		uint16_t *many;
	};
};
struct rv_build_word {
	uint32_t at, n; /* in bytes: the field, then the word */
	struct rv_posting rows;
};
struct rv_build_slot {
	uint32_t word, tag; /* word + 1, 0: free; hash of the word */
};
/* A text that was met lately, and the words of its tokens. */
enum { RV_MEMO_TEXT = 62, RV_MEMO_TOKENS = 12 };
struct rv_build_memo {
	uint8_t n, n_tokens; /* n 0: free */
	char text[RV_MEMO_TEXT];
	uint32_t token[RV_MEMO_TOKENS];
};
struct rv_build {
	uint64_t first;
	uint32_t n, max_rows;
	int64_t *logged;
	char *bytes;
	size_t n_bytes, bytes_cap;
	struct rv_build_word *words;
	uint32_t n_words, words_cap;
	struct rv_build_slot *slots;
	uint32_t n_slots;
	struct rv_build_memo *memo; /* by hash of the text; a later one takes the place */
	uint64_t *ids;
	size_t n_ids, ids_cap;
	struct rv_sha256 last; /* leaf hash of the newest */
};
RV_MUST_USE struct rv_build *rv_build_new(uint64_t first, uint32_t max_rows); /* NULL: memory */
void rv_build_free(struct rv_build *b);
/* False: memory; the row is not there. */
RV_MUST_USE bool rv_build_add(
	struct rv_build *b, const struct rv_doc *d, int64_t logged, const struct rv_sha256 *leaf);
static inline struct rv_str rv_build_word(const struct rv_build *b, uint32_t w)
{
	return rv_str_n(b->bytes + b->words[w].at, b->words[w].n);
}
static inline const uint16_t *rv_posting_rows(const struct rv_posting *p)
{
	return p->cap ? p->many : p->few;
}
/* UINT32_MAX: not there. */
uint32_t rv_build_find(const struct rv_build *b, uint8_t field, struct rv_str word);
uint64_t rv_id_hash(struct rv_str id); /* upper 48 bits; the lower are zero */

/* ---- shard.c: a shard on disk ---------------------------------------------------------------- */

enum { RV_SHARD_NAME = 32 };
struct rv_shard {
	uint64_t first;
	uint32_t n, n_words, n_ids;
	int64_t min_ns, max_ns;
	struct rv_sha256 last;
	const char *map;
	size_t map_n;
	const int64_t *block_ns; /* of each 256 rows */
	const uint32_t *block_at, *word_at, *post_at;
	const uint8_t *deltas;
	size_t deltas_n;
	const char *bytes;
	const uint16_t *posts;
	const uint64_t *ids;
	uint32_t field_at[RV_FIELD_COUNT + 2]; /* words of field f: [f], [f + 1]; last: tokens */
	int is_checked; /* 0: not yet, 1: whole, -1: damaged; atomic */
};
/* The bytes of the file. False: memory. */
RV_MUST_USE bool rv_shard_write(const struct rv_build *b, struct rv_buf *out);
/* RV_ECORRUPT: not such a file; RV_ENOENT. */
RV_MUST_USE enum rv_code rv_shard_map(
	const char *path, uint64_t first, struct rv_shard **ret, struct rv_err *err);
void rv_shard_free(struct rv_shard *s);
/* Sums over all sections, once; safe from many threads. */
RV_MUST_USE bool rv_shard_is_whole(struct rv_shard *s);
void rv_shard_name(uint64_t first, char ret[RV_SHARD_NAME]);
RV_MUST_USE bool rv_shard_name_parse(const char *name, uint64_t *ret_first);
static inline struct rv_str rv_shard_word(const struct rv_shard *s, uint32_t w)
{
	return rv_str_n(s->bytes + s->word_at[w], s->word_at[w + 1] - s->word_at[w]);
}
static inline unsigned rv_shard_slot(uint8_t field)
{
	return field == RV_TEXT_FIELD ? RV_FIELD_COUNT : field;
}
/* Of the file, what is there for text alone. */
size_t rv_shard_text_bytes(const struct rv_shard *s);
int64_t rv_shard_time(const struct rv_shard *s, uint32_t row);

/* ---- eval.c: a query over one shard ---------------------------------------------------------- */

enum { RV_ROW_WORDS = RV_SEARCH_ROWS / 64 };
struct rv_rows {
	uint64_t must[RV_ROW_WORDS], may[RV_ROW_WORDS]; /* surely; perhaps. must is within may */
};
/* Exactly one of the two. */
struct rv_view {
	struct rv_shard *shard;
	const struct rv_build *build;
};
static inline uint32_t rv_view_n(const struct rv_view *v)
{
	return v->shard ? v->shard->n : v->build->n;
}
static inline uint64_t rv_view_first(const struct rv_view *v)
{
	return v->shard ? v->shard->first : v->build->first;
}
/* frames: RV_EVAL_FRAMES of them; the answer is in the first. */
enum { RV_EVAL_FRAMES = 3 * RV_QUERY_DEPTH + 8 };
void rv_eval(const struct rv_view *v, const struct rv_search_query *q, struct rv_rows *frames);
/* Rows logged before t. */
uint32_t rv_view_rows_before(const struct rv_view *v, int64_t t);
/* Words of a field with their postings as a bitmap or a list. */
struct rv_post {
	const uint16_t *rows; /* a list of n rows, of those that lack it when is_not */
	uint32_t n;
	const uint64_t *bits; /* or all bits; may be unaligned */
	bool is_not;
};
typedef void rv_view_word(void *arg, struct rv_str word, const struct rv_post *p);
void rv_view_words(const struct rv_view *v, uint8_t field, rv_view_word *fn, void *arg);
uint32_t rv_post_count(const struct rv_post *p, uint32_t n_rows);
/* How many rows of p are in set. */
uint32_t rv_post_within(const struct rv_post *p, const uint64_t *set, uint32_t n_rows);

/* ---- index.c: the shards of a log ------------------------------------------------------------ */

#define RV_SEARCH_MAGIC 0x53656172U
#define RV_SEARCH_LOCK "lock"
enum { RV_SEARCH_PATH = 512 };
struct rv_search {
	uint32_t magic;
	char dir[RV_SEARCH_PATH];
	struct rv_ledger *ledger;
	uint32_t shard_rows;
	int lock_fd;
	pthread_t thread;
	bool has_thread;

	pthread_mutex_t wake_mu;
	pthread_cond_t wake;
	bool is_closing, is_poked;

	pthread_mutex_t feed_mu; /* one indexes at a time; guards the two below */
	struct rv_doc doc;
	struct rv_ledger_reader *reader;

	pthread_rwlock_t lock; /* guards all below; written a row at a time */
	struct rv_shard **shards; /* one after another from event 0; NULL: to be built again */
	size_t n_shards, shards_cap;
	struct rv_shard **gone; /* damaged; somebody may still look at them */
	size_t n_gone;
	struct rv_build *open;
	uint64_t rebuilt;
	char error[256];
};
/* The shard, when it is whole and of this log; else it is put down to be built again, and NULL. */
struct rv_shard *rv_search_trusted(struct rv_search *s, struct rv_shard *sh);
/* It said something that the log does not say. */
void rv_search_distrust(struct rv_search *s, struct rv_shard *sh);
/* Builds the shard of events [first, first + n) from the log. */
RV_MUST_USE enum rv_code rv_search_build(struct rv_ledger_reader *r, struct rv_doc *d,
	uint64_t first, uint32_t n, struct rv_build **ret, struct rv_err *err);
void rv_search_path(const char *dir, uint64_t first, char ret[RV_SEARCH_PATH + 64]);
RV_MUST_USE enum rv_code rv_search_lock(const char *dir, int *ret_fd, struct rv_err *err);
/* First numbers of the shard files there, sorted; malloc'ed. */
RV_MUST_USE enum rv_code rv_search_list(
	const char *dir, uint64_t **ret, size_t *ret_n, struct rv_err *err);

/* ---- walk.c: one question over all shards and the tail, newest first --------------------------
 */

struct rv_walk {
	struct rv_search *s;
	const struct rv_search_query *q;
	struct rv_ledger_reader *random, *backward;
	struct rv_doc doc;
	struct rv_rows *frames; /* what fits of the part at hand, in the first */
	struct rv_shard **shards;
	size_t n_shards;
	uint64_t open_first; /* of the open shard; its rows were evaluated when the walk began */
	uint32_t open_n;
	struct rv_rows *open_rows;
	uint64_t size; /* of the log then */
	uint64_t lo, hi; /* lo <= seq < hi */
	int64_t lo_ns, hi_ns; /* inclusive */
	size_t reads_left;
	bool is_short; /* the reads did not suffice */
};
/* A part of the log: events [first, first + n). shard NULL and open false: not indexed, to be
 * scanned. */
struct rv_part {
	uint64_t first, n;
	struct rv_shard *shard;
	bool is_open;
};
typedef enum rv_code rv_part_fn(
	struct rv_walk *w, const struct rv_part *p, void *arg, bool *ret_go_on, struct rv_err *err);
RV_MUST_USE enum rv_code rv_walk_init(struct rv_walk *w, struct rv_search *s,
	const struct rv_search_ask *ask, rv_part_fn *on_open, void *arg, struct rv_err *err);
void rv_walk_done(struct rv_walk *w);
/* Parts that can hold something, newest first; for an indexed one frames[0] holds its rows within
 * the bounds. */
RV_MUST_USE enum rv_code rv_walk_run(
	struct rv_walk *w, rv_part_fn *fn, void *arg, struct rv_err *err);
/* Reads one event and holds it against the query. *ret_fits false too when it is gone. */
RV_MUST_USE enum rv_code rv_walk_read(struct rv_walk *w, struct rv_ledger_reader *r, uint64_t seq,
	struct rv_ledger_entry *ret, bool *ret_fits, struct rv_err *err);
/* Makes may and must of frames[0] the same by reading what is between; is_short when it could not.
 */
RV_MUST_USE enum rv_code rv_walk_settle(
	struct rv_walk *w, const struct rv_part *p, struct rv_err *err);
#endif
