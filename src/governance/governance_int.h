/* What the files of governance share. */
#ifndef RV_GOVERNANCE_GOVERNANCE_INT_H
#define RV_GOVERNANCE_GOVERNANCE_INT_H
#include <pthread.h>

#include "governance/governance.h"

#define RV_GOV_MAGIC 0x474f5645u
/* Lives of things, in one place. */
#define RV_DAY_NS (86400 * RV_NS_PER_S)
#define RV_SESSION_NS (12 * 3600 * RV_NS_PER_S)
#define RV_INVITE_NS (1 * RV_DAY_NS)
#define RV_FIRST_ADMIN_NS (3600 * RV_NS_PER_S)
#define RV_BOOTSTRAP_NS (7 * RV_DAY_NS)
#define RV_UNSEPARATED_NS (7 * RV_DAY_NS)
#define RV_CREDENTIAL_MAX_NS (366 * RV_DAY_NS)
#define RV_IDEM_NS (1 * RV_DAY_NS)
#define RV_SLIDE_MIN_NS (60 * RV_NS_PER_S)
#define RV_SLIDE_MAX_NS (366 * RV_DAY_NS)
enum { RV_NAME_MAX = 64, RV_PARENT_DEPTH_MAX = 8 };

struct rv_control;
struct rv_tally;
struct rv_gov {
	uint32_t magic;
	char *dir;
	const struct rv_clock *clock;
	struct rv_store *store;
	struct rv_ledger *ledger;
	struct rv_seal_key master;
	unsigned argon_ops;
	size_t argon_mem_bytes;
	int lock_fd;
	void (*hook)(void *arg, const char *point); /* tests: crash points */
	void *hook_arg;
	pthread_mutex_t snap_mutex; /* held to take a reference and to swap, never longer */
	struct rv_snapshot *snap;
	struct rv_control *control;
	struct rv_tally *tally;
	int64_t outbox_done_seq; /* appended, its rows go with the next transaction */
};

/* Parts of the snapshot that are kept by key. */
enum rv_part {
	RV_PART_SYSTEM,
	RV_PART_CREDENTIAL,
	RV_PART_PERSON,
	RV_PART_POINT,
	RV_PART_RESOURCE,
	RV_PART_ROLE,
	RV_PART_COUNT
};
/* One changed row of a part; in the op's arena. */
struct rv_touch {
	struct rv_touch *next;
	enum rv_part part;
	struct rv_str key, key2;
};
/* A stop that was allowed: it becomes effective even if its rows cannot be written now. */
struct rv_stop_note {
	struct rv_stop_note *next;
	struct rv_str system, reason;
	bool is_freeze;
};

/* Says that a row changed; the snapshot's entry is made anew after the commit. */
enum rv_code rv_touch(struct rv_op *op, enum rv_part part, struct rv_str key, struct rv_str key2,
	struct rv_err *err);
enum rv_code rv_stop_note(struct rv_op *op, struct rv_str system, struct rv_str reason,
	bool is_freeze, struct rv_err *err);

/* Small helpers over the op's arena. p == NULL never: they fail with RV_ELIMIT instead. */
enum rv_code rv_op_id(struct rv_op *op, struct rv_str *ret, struct rv_err *err);
enum rv_code rv_op_str(struct rv_op *op, struct rv_str s, struct rv_str *ret, struct rv_err *err);
enum rv_code rv_op_buf(struct rv_op *op, struct rv_buf *b, struct rv_str *ret, struct rv_err *err);
enum rv_code rv_op_json(
	struct rv_op *op, struct rv_str text, const struct rv_json **ret, struct rv_err *err);
/* {"name":"value",...} of pairs (const char *, struct rv_str), ended by NULL; pairs with n == 0 are
 * left out. */
enum rv_code rv_detail(struct rv_op *op, struct rv_str *ret, struct rv_err *err, ...);
/* "sha256:<hex>" of bytes. */
enum rv_code rv_op_digest(
	struct rv_op *op, struct rv_str bytes, struct rv_str *ret, struct rv_err *err);
/* A JSON array of strings as text, and back; NULL text is the empty list. */
enum rv_code rv_strs_json(
	struct rv_op *op, const struct rv_str *v, size_t n, struct rv_str *ret, struct rv_err *err);
enum rv_code rv_strs_parse(struct rv_arena *a, struct rv_str text, const struct rv_str **ret,
	size_t *ret_n, struct rv_err *err);
bool rv_strs_has(const struct rv_str *v, size_t n, struct rv_str s);
static inline bool rv_is_person(const struct rv_op *op, struct rv_str name)
{
	return op->actor.type == RV_ACTOR_PERSON && name.n > 0 && rv_str_eq(op->actor.id, name);
}
/* Refuses what is not a slug, naming the thing. */
enum rv_code rv_need_slug(struct rv_str name, const char *what, struct rv_err *err);

/* Settings; ret->n == 0 when absent. */
enum rv_code rv_setting_get(
	struct rv_op *op, const char *key, struct rv_str *ret, struct rv_err *err);
enum rv_code rv_setting_put(
	struct rv_op *op, const char *key, struct rv_str value, struct rv_err *err);

/* person.c */
enum rv_code rv_person_row(
	struct rv_op *op, struct rv_str name, struct rv_db_person *ret, struct rv_err *err);
/* The last who can administer or govern must stay: RV_ECONFLICT. lost: rights that would go. */
enum rv_code rv_person_not_last(
	struct rv_op *op, const struct rv_db_person *p, int64_t lost, struct rv_err *err);
/* The rights the actor has now; 0 unless an active person. The service has all. */
enum rv_code rv_actor_rights(struct rv_op *op, int64_t *ret, struct rv_err *err);
/* Looks whether bootstrap ends with what this op did, and ends it for ever. */
enum rv_code rv_bootstrap_begin(struct rv_op *op, struct rv_err *err);
enum rv_code rv_bootstrap_check(struct rv_op *op, struct rv_err *err);
enum rv_code rv_person_in_group(
	struct rv_op *op, struct rv_str person, struct rv_str group, bool *ret, struct rv_err *err);
void rv_token_hash(struct rv_str token, struct rv_sha256 *ret);
/* prefix + 43 characters of 256 random bits. */
enum rv_code rv_token_make(
	struct rv_op *op, const char *prefix, struct rv_str *ret, struct rv_err *err);

/* login.c: kind first_admin | password; earlier links of the person end. */
enum rv_code rv_invite_make(struct rv_op *op, const char *kind, struct rv_str person,
	int64_t life_ns, struct rv_str *ret_token, struct rv_err *err);

/* credential.c */
enum rv_code rv_credentials_revoke_all(struct rv_op *op, enum rv_credential_kind kind,
	struct rv_str subject, struct rv_str but_id, struct rv_str reason, struct rv_err *err);

/* seal.c */
enum rv_code rv_seal_key_make(struct rv_op *op, struct rv_str system, struct rv_err *err);
enum rv_code rv_seal_key_load(
	struct rv_op *op, struct rv_str system, struct rv_seal_key *ret, struct rv_err *err);
enum rv_code rv_seal_key_unwrap(const struct rv_gov *g, struct rv_str system, struct rv_str wrapped,
	struct rv_seal_key *ret, struct rv_err *err);

/* limit.c */
enum rv_code rv_limit_of_row(struct rv_arena *a, const struct rv_db_meter_def *d,
	struct rv_limit *ret, struct rv_err *err);

/* hold.c: every open approval of a system, or whose groups or target changed. */
enum rv_code rv_hold_withdraw_all(
	struct rv_op *op, struct rv_str system, struct rv_str why, struct rv_err *err);
/* What was approved before a stop is not used after it. */
enum rv_code rv_hold_stale_approved(
	struct rv_op *op, struct rv_str system, struct rv_str why, struct rv_err *err);
/* Pending and approved ones that act on this resource become stale. */
enum rv_code rv_hold_stale_resource(
	struct rv_op *op, struct rv_str type, struct rv_str id, struct rv_err *err);

/* snapshot: made from the database in the op's transaction; published by the control thread. */
struct rv_snapshot *rv_snapshot_build(struct rv_gov *g, struct rv_txn *txn,
	const struct rv_snapshot *old, unsigned dirty, const struct rv_touch *touched,
	struct rv_err *err);
/* Swaps; takes over next. */
void rv_snapshot_publish(struct rv_gov *g, struct rv_snapshot *next);
/* The old one with these systems stopped, before anything of it is written. NULL: no memory, or
 * none of them is there. */
struct rv_snapshot *rv_snapshot_with_stops(
	const struct rv_snapshot *old, const struct rv_stop_note *stops);

/* outbox.c: appends what waits, in order; RV_EAUDIT when the ledger cannot. */
/* Runs outside a transaction of others: opens its own to read. *ret_waiting: rows left. */
enum rv_code rv_outbox_drain(struct rv_gov *g, bool at_start, uint64_t *ret_n,
	uint64_t *ret_waiting, struct rv_err *err);
bool rv_outbox_ledger_ok(struct rv_gov *g);

/* policy.c */
struct cedar_policy_info;
enum rv_code rv_policy_note_of(struct rv_arena *a, const struct cedar_policy_info *p,
	struct rv_policy_note *ret, struct rv_err *err);
enum rv_code rv_policy_set_advance(struct rv_op *op, struct rv_str cause, struct rv_err *err);

/* register.c: a new draft, or a new version of what is there; fills item->result and ->change.
 * spec: checked; body: its canonical form. */
enum rv_code rv_system_register(struct rv_op *op, struct rv_str name, const struct rv_json *spec,
	struct rv_str body, bool submit, struct rv_apply_item *item, struct rv_err *err);

/* apply_things.c: the meters of a system are those of its version in force. */
enum rv_code rv_system_limits_sync(
	struct rv_op *op, struct rv_str system, const struct rv_json *spec, struct rv_err *err);

static inline void rv_hook(struct rv_gov *g, const char *point)
{
	if (g->hook)
		g->hook(g->hook_arg, point);
}
#endif
