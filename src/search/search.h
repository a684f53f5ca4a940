/* Finding events: a query language, and an index beside the log that answers it. The index is
 * derived: built behind the log, rebuilt when it is damaged or gone, never believed over the log
 * (every event handed out was read from the log and held against the query). What is not indexed
 * yet is scanned, so a search sees everything that was acknowledged before it began. All functions
 * on a struct rv_search may be called by any thread. docs/search.md describes the language. */
#ifndef RV_SEARCH_SEARCH_H
#define RV_SEARCH_SEARCH_H
#include "ledger/ledger.h"

/* ---- queries; pure --------------------------------------------------------------------------- */

enum rv_field {
#define X(name, text, class_, where, example) RV_FIELD_##name,
#include "search/fields.def"
#undef X
	RV_FIELD_COUNT,
	RV_FIELD_NONE = RV_FIELD_COUNT
};
struct rv_field_info {
	const char *name, *where, *example;
	bool is_word; /* else an id */
};
const struct rv_field_info *rv_field_info(enum rv_field f);
RV_MUST_USE bool rv_field_of(struct rv_str name, enum rv_field *ret);

enum {
	RV_QUERY_BYTES = 4096,
	RV_QUERY_DEPTH = 32, /* of parentheses and NOT */
	RV_QUERY_TERMS = 128,
};
struct rv_search_query; /* a tree in an arena; read-only */
/* Empty text: everything. now_ns: what "since:2h" counts from. Errors: RV_EINVAL with the column in
 * err->col; RV_ELIMIT too long, deep or many. */
RV_MUST_USE enum rv_code rv_query_parse(struct rv_arena *a, struct rv_str text, int64_t now_ns,
	const struct rv_search_query **ret, struct rv_err *err);
/* Appends the query and below it a caret at err's column; nothing when err names no column. */
void rv_query_caret(struct rv_str text, const struct rv_err *err, struct rv_buf *out);
/* Narrows q to events that concern this person: owner, actor or on behalf of. NULL: memory. */
const struct rv_search_query *rv_query_concerning(
	struct rv_arena *a, const struct rv_search_query *q, struct rv_str person);
/* Made without text: field is value, whole; both hold. NULL: memory, or a NULL given. Both
 * arguments of the second are used up. */
struct rv_search_query *rv_query_term(struct rv_arena *a, enum rv_field field, struct rv_str value);
struct rv_search_query *rv_query_both(
	struct rv_arena *a, struct rv_search_query *x, struct rv_search_query *y);
/* Does one event fit? RV_EINVAL: it is no event. For what follows the log by itself. */
RV_MUST_USE enum rv_code rv_query_match(const struct rv_search_query *q,
	const struct rv_ledger_entry *e, bool *ret, struct rv_err *err);

/* ---- the index ------------------------------------------------------------------------------- */

enum { RV_SEARCH_ROWS = 65536 }; /* events of one shard */

struct rv_search;
struct rv_search_opts {
	const char *dir; /* made when missing, 0700 */
	struct rv_ledger *ledger; /* borrowed; must outlive the search */
	uint32_t shard_rows; /* 0: RV_SEARCH_ROWS; at most that. For tests */
	bool has_no_thread; /* nothing is indexed unless rv_search_catch_up is called. For tests */
};
/* Maps what is there and starts the thread that follows the log. Searches work at once. Errors:
 * RV_EBUSY another process has it; RV_EIO. */
RV_MUST_USE enum rv_code rv_search_open(
	const struct rv_search_opts *o, struct rv_search **ret, struct rv_err *err);
void rv_search_free(struct rv_search *s); /* NULL is fine */
/* Events [from, to) were dropped by retention: what the index knows of them is made anew without
 * them. */
void rv_search_forget(struct rv_search *s, uint64_t from, uint64_t to);
/* There is something new in the log. Cheap; from the ledger's callbacks too. */
void rv_search_poke(struct rv_search *s);
/* Indexes all that is durable now, on this thread. */
RV_MUST_USE enum rv_code rv_search_catch_up(struct rv_search *s, struct rv_err *err);

struct rv_search_status {
	uint64_t size, indexed; /* events in the log, and those in the index */
	uint64_t shards, bytes; /* sealed shards and their files */
	uint64_t text_bytes; /* of which for text */
	uint64_t rebuilt; /* shards thrown away as damaged or disagreeing since open */
	char error[256]; /* why the index does not advance; "" when it does */
};
void rv_search_status(struct rv_search *s, struct rv_search_status *ret);

/* What one question is about. */
struct rv_search_ask {
	const struct rv_search_query *query; /* NULL: everything */
	uint64_t before_seq; /* for the next page; 0: from the newest */
	size_t limit; /* events; 0: 100 */
	/* Events that may be read to settle what the index cannot (phrases, tails); 0: 20,000.
	 * Beyond it the answer says that it is not exact. Not for rv_search_events. */
	size_t reads;
};
/* Newest first. False from each ends it. *ret_next (may be NULL): before_seq of the next page, 0
 * when there is none. */
RV_MUST_USE enum rv_code rv_search_events(struct rv_search *s, const struct rv_search_ask *ask,
	rv_ledger_each *each, void *arg, uint64_t *ret_next, struct rv_err *err);
/* Oldest first from seq `from`, for followers: reads the log itself. *ret_next: where to go on. At
 * most `reads` events are looked at. */
RV_MUST_USE enum rv_code rv_search_follow(struct rv_search *s, const struct rv_search_ask *ask,
	uint64_t from, rv_ledger_each *each, void *arg, uint64_t *ret_next, struct rv_err *err);

struct rv_search_count {
	uint64_t n;
	bool is_exact; /* else at least n */
};
RV_MUST_USE enum rv_code rv_search_count(struct rv_search *s, const struct rv_search_ask *ask,
	struct rv_search_count *ret, struct rv_err *err);

struct rv_search_facet {
	struct rv_str word;
	uint64_t n;
};
enum { RV_FACETS_MAX = 1000 };
/* The words of a field among what fits, most first, at most `limit` of them (0: 10). */
RV_MUST_USE enum rv_code rv_search_facets(struct rv_search *s, const struct rv_search_ask *ask,
	enum rv_field field, struct rv_arena *a, struct rv_search_facet **ret, size_t *ret_n,
	bool *ret_exact, struct rv_err *err);

enum { RV_BUCKETS_MAX = 10000 };
/* Counts of [from + i*step, from + (i+1)*step) of "logged", i < n. n at most RV_BUCKETS_MAX. */
RV_MUST_USE enum rv_code rv_search_histogram(struct rv_search *s, const struct rv_search_ask *ask,
	int64_t from_ns, int64_t step_ns, size_t n, uint64_t *ret_counts, bool *ret_exact,
	struct rv_err *err);

/* ---- from outside ---------------------------------------------------------------------------- */

struct rv_search_check {
	uint64_t shards, events; /* looked at */
	uint64_t wrong; /* shards whose bytes are not what the log gives */
	char first[256]; /* the first wrong one, and how */
};
/* Builds each shard anew from the log and compares bytes. ledger: may be read only. No lock. */
RV_MUST_USE enum rv_code rv_search_verify(
	const char *dir, struct rv_ledger *ledger, struct rv_search_check *ret, struct rv_err *err);
/* Throws the index away and builds it. RV_EBUSY: a server has it. */
RV_MUST_USE enum rv_code rv_search_reindex(
	const char *dir, struct rv_ledger *ledger, uint64_t *ret_events, struct rv_err *err);
#endif
