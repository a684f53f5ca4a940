/* What the words of the product mean: people, registry, life, credentials, policies, approvals,
 * limits, events, and the snapshot that decisions read. Plain functions over store and outbox: each
 * change of state writes its rows and its final event bytes in the caller's transaction.
 *
 * Threads: functions that take a struct rv_op run inside a job on the control thread. Snapshots are
 * immutable and for any thread. Others say so themselves. Times are Unix nanoseconds. */
#ifndef RV_GOVERNANCE_GOVERNANCE_H
#define RV_GOVERNANCE_GOVERNANCE_H
#include "base/clock.h"
#include "base/enc.h"
#include "base/json.h"
#include "base/uuid.h"
#include "store/store.h"

struct cedar_entities;
struct cedar_policies;
struct rv_ledger;
struct rv_gov; /* the open data folder: store, keys, snapshot, control thread */
struct rv_snapshot;
struct rv_touch;
struct rv_stop_note;

/* ---- verdicts -------------------------------------------------------------------------------- */

/* Far apart, and zero is none of them. */
enum rv_outcome { RV_OUTCOME_UNSET = 0, RV_DENY = 0x5a, RV_HOLD = 0x3c, RV_ALLOW = 0xa5 };
const char *rv_outcome_name(enum rv_outcome o); /* "allow" | "hold" | "deny" | "unset" */

/* ---- who acts -------------------------------------------------------------------------------- */

enum rv_actor_type {
	RV_ACTOR_NONE = 0,
	RV_ACTOR_PERSON,
	RV_ACTOR_SYSTEM, /* "ai_system" in events */
	RV_ACTOR_POINT,
	RV_ACTOR_SERVICE, /* the program itself, and offline recovery */
};
const char *rv_actor_type_name(enum rv_actor_type t);
struct rv_actor {
	enum rv_actor_type type;
	struct rv_str id;
	struct rv_str session; /* credential id of a person's session; may be empty */
};

enum {
	RV_RIGHT_ADMIN = 1, /* people, groups, points, settings */
	RV_RIGHT_GOVERNOR = 2, /* registrations, policies */
	RV_RIGHT_OWNER = 4, /* may own and register systems */
	RV_RIGHT_APPROVER = 8, /* held actions, by group */
	RV_RIGHT_AUDITOR = 16, /* reads */
	RV_RIGHT_RESPONDER = 32, /* stops, acknowledges */
	RV_RIGHT_BREAKGLASS = 64,
	RV_RIGHTS_ALL = 127,
};
/* "admin" ... ; 0 when unknown. */
int64_t rv_right_parse(struct rv_str name);
/* "admin,governor"; returns buf. */
const char *rv_rights_text(int64_t rights, char buf[80]);

/* ---- one change of state --------------------------------------------------------------------- */

/* The context of one operation inside a job. */
struct rv_op {
	struct rv_gov *gov;
	struct rv_txn *txn;
	struct rv_arena *arena; /* lives until the job's done has returned */
	int64_t now_ns;
	struct rv_actor actor;
	struct rv_str trace, cause; /* for events; may be empty */
	unsigned dirty; /* RV_DIRTY_*: parts of the snapshot that change with this */
	uint32_t n_events;
	bool is_dry_run; /* set by rv_apply */
	struct rv_touch *touched; /* rows whose entries in the snapshot change */
	struct rv_stop_note *stops; /* stops that hold even if they cannot be written now */
};
enum {
	RV_DIRTY_SYSTEMS = 1,
	RV_DIRTY_PEOPLE = 2, /* with groups and teams */
	RV_DIRTY_POINTS = 4,
	RV_DIRTY_RESOURCES = 8,
	RV_DIRTY_POLICIES = 16,
	RV_DIRTY_CREDENTIALS = 32,
	RV_DIRTY_LIMITS = 64,
	RV_DIRTY_KEYS = 128,
	RV_DIRTY_ALL = 255,
};

/* RV_OK when the actor is an active person with at least one of these rights (read from the
 * database now), else RV_EPERM naming the rights. RV_ACTOR_SERVICE passes. */
RV_MUST_USE enum rv_code rv_need(struct rv_op *op, int64_t rights_any, struct rv_err *err);

/* ---- events ---------------------------------------------------------------------------------- */

enum rv_event_kind {
	RV_EV_NONE = 0,
#define X(name, text) RV_EV_##name,
#include "governance/events.def"
#undef X
	RV_EV_COUNT
};
const char *rv_event_kind_name(enum rv_event_kind k);

enum rv_evidence { RV_EVIDENCE_NONE = 0, RV_ENFORCED, RV_OBSERVED, RV_CLAIMED };
const char *rv_evidence_name(enum rv_evidence e); /* "enforced" ...; "" for none */

struct rv_reason {
	struct rv_str policy; /* policy or limit id; empty for fixed words */
	struct rv_str text; /* for people */
	struct rv_str code; /* fixed word when no policy wrote it: "suspended" ... */
};

/* Absent text has n == 0 and is left out. *_json: bytes that are one JSON value already. */
struct rv_event {
	enum rv_event_kind kind;
	struct rv_str id; /* a UUIDv7 made beforehand; empty: a new one */
	struct rv_actor actor; /* type NONE: the op's */
	struct rv_str system, owner, on_behalf_of;
	struct rv_str claimed_on_behalf_of; /* not believed, kept */
	struct rv_str action, resource_type, resource_id, effect;
	enum rv_outcome outcome;
	const struct rv_reason *reasons;
	size_t n_reasons;
	int64_t policy_version; /* 0: none */
	uint64_t generation;
	struct rv_str snapshot; /* "sha256:..." of the entities used, kept as a blob */
	struct rv_str args_digest; /* "sha256:..." */
	struct rv_str args_json; /* commitments: {"field":"<hex>"} */
	struct rv_str point, session, trace, cause, approval, request;
	enum rv_evidence evidence;
	struct rv_str detail_json; /* an object, whatever the kind needs */
};
/* Room an event may take, so that the leaf around it stays under 65,535 bytes. */
enum { RV_EVENT_MAX = 61440 };

/* Writes the final bytes into out. id gets the new event's UUIDv7. Errors: RV_ELIMIT, RV_EINVAL.
 * Any thread. */
RV_MUST_USE enum rv_code rv_event_build(const struct rv_event *ev, int64_t now_ns,
	struct rv_buf *out, char id[RV_UUID_SIZE], struct rv_err *err);
/* Builds with the op's time, actor, trace and cause (where ev leaves them out) and puts it into the
 * outbox. side: sealed bytes kept beside the leaf, may be empty. ret_id (in the arena) may be NULL.
 */
RV_MUST_USE enum rv_code rv_op_event(struct rv_op *op, const struct rv_event *ev,
	struct rv_str side, struct rv_str *ret_id, struct rv_err *err);

/* Puts an event that was built already (rv_event_build) into the outbox. */
RV_MUST_USE enum rv_code rv_op_record(struct rv_op *op, struct rv_str id, struct rv_str bytes,
	struct rv_str side, struct rv_err *err);

/* ---- the data folder ------------------------------------------------------------------------- */

struct rv_gov_opts {
	const char *dir;
	const struct rv_clock *clock; /* NULL: the system's */
	struct rv_ledger *ledger; /* borrowed; may be NULL in tests of pure store work: then nothing
				     that needs the audit succeeds */
	/* Argon2id cost; 0: interactive defaults of libsodium. */
	unsigned argon_ops;
	size_t argon_mem_bytes;
};
/* What an installation looks like on disk. */
#define RV_GOV_DB "reeve.db"
#define RV_GOV_MASTER_KEY "master.key"
#define RV_GOV_LOG_KEY "log.key"
#define RV_GOV_ORIGIN "origin" /* the log's name */
#define RV_GOV_ADMIN_LINK "first-admin"
#define RV_GOV_LEDGER_DIR "ledger"
#define RV_GOV_SEARCH_DIR "search" /* derived from the ledger: may be deleted while stopped */

struct rv_init_opts {
	const char *dir;
	const char *origin; /* of the log, e.g. "reeve.example/acme" */
	const char *admin; /* name of the first admin the link is for; NULL: "admin" */
	const struct rv_clock *clock;
};
/* Makes the folder 0700 with keys (0600), an empty database and log, and the first admin's link.
 * ret_vkey: the log's verifier key to keep elsewhere. Errors: RV_EEXIST when the folder holds
 * anything. */
RV_MUST_USE enum rv_code rv_gov_init(
	const struct rv_init_opts *opts, struct rv_buf *ret_vkey, struct rv_err *err);

/* Opens the database, drains the outbox into the ledger (idempotent by event id), builds the first
 * snapshot. Errors: those of the store; RV_EAUDIT when the outbox cannot be drained. */
RV_MUST_USE enum rv_code rv_gov_open(
	const struct rv_gov_opts *opts, struct rv_gov **ret, struct rv_err *err);
/* Stops the control thread if it runs. NULL is fine. */
void rv_gov_free(struct rv_gov *g);
const struct rv_clock *rv_gov_clock(const struct rv_gov *g);
int64_t rv_gov_now(const struct rv_gov *g);

/* ---- control thread -------------------------------------------------------------------------- */

enum rv_job_kind {
	RV_JOB_READ, /* changes nothing, needs no ledger */
	RV_JOB_CHANGE, /* refused with RV_EAUDIT before it runs when the ledger cannot write */
	RV_JOB_STOP, /* suspend, freeze, revoke: effective first, recorded as soon as the ledger
			writes */
};
typedef enum rv_code rv_job_run(void *arg, struct rv_op *op, struct rv_err *err);
typedef void rv_job_done(void *arg, enum rv_code code, const struct rv_err *err);
struct rv_job {
	enum rv_job_kind kind;
	rv_job_run
		*run; /* on the control thread, in a savepoint; not RV_OK takes its changes back */
	rv_job_done *done; /* on the control thread after everything is durable; must not block. May
			      be NULL */
	void *arg;
	struct rv_actor actor; /* copied */
	struct rv_str trace, cause; /* copied */
};
RV_MUST_USE enum rv_code rv_control_start(struct rv_gov *g, struct rv_err *err);
/* Finishes what is queued, then joins. */
void rv_control_stop(struct rv_gov *g);
/* Queues; any thread. Errors: RV_EBUSY queue full, RV_ECLOSED stopping (done is not called then).
 */
RV_MUST_USE enum rv_code rv_control_post(
	struct rv_gov *g, const struct rv_job *job, struct rv_err *err);
/* Posts and waits for the end of the job; any thread but the control thread. Its done is not used.
 */
RV_MUST_USE enum rv_code rv_control_call(
	struct rv_gov *g, const struct rv_job *job, struct rv_err *err);
struct rv_control_stats {
	uint64_t jobs, batches, events, failed_batches;
	uint64_t outbox_waiting; /* committed, not yet in the ledger */
	uint64_t stops_unrecorded; /* effective, not yet committed */
};
void rv_control_stats(struct rv_gov *g, struct rv_control_stats *ret);

/* ---- people ---------------------------------------------------------------------------------- */

/* RV_EINVAL: too short or too long to be one. Any thread. */
RV_MUST_USE enum rv_code rv_password_check(struct rv_str password, struct rv_err *err);
/* Argon2id string for storing. Slow by design; any thread, not the control thread. */
RV_MUST_USE enum rv_code rv_password_hash(
	const struct rv_gov *g, struct rv_str password, char ret[128], struct rv_err *err);
/* Any thread. RV_EAUTH when it does not fit. */
RV_MUST_USE enum rv_code rv_password_verify(
	const char *hash, struct rv_str password, struct rv_err *err);

/* Login in three steps, so that hashing stays off the control thread: rv_login_find (job),
 * rv_password_verify, rv_session_open (job). For an unknown or inactive person find yields a hash
 * that never fits. */
RV_MUST_USE enum rv_code rv_login_find(
	struct rv_op *op, struct rv_str name, struct rv_str *ret_hash, struct rv_err *err);
/* hash: what find gave; a password changed in between is RV_EAUTH. ttl_ns <= 0: 12 h. ret_token:
 * shown once. Leaves session.opened. */
RV_MUST_USE enum rv_code rv_session_open(struct rv_op *op, struct rv_str person, struct rv_str hash,
	int64_t ttl_ns, struct rv_str *ret_token, int64_t *ret_expires_ns, struct rv_err *err);
RV_MUST_USE enum rv_code rv_session_close(
	struct rv_op *op, struct rv_str credential_id, struct rv_err *err);

/* A one-time link with which a person sets a password. Admins; 24 h. Replaces earlier ones. */
RV_MUST_USE enum rv_code rv_person_invite(
	struct rv_op *op, struct rv_str person, struct rv_str *ret_token, struct rv_err *err);
/* hash: from rv_password_hash. The first admin's link also makes that person, once for ever.
 * ret_person: whose it was. RV_EAUTH: unknown, used or expired. */
RV_MUST_USE enum rv_code rv_invite_use(struct rv_op *op, struct rv_str token, const char *hash,
	struct rv_str *ret_person, struct rv_err *err);
/* By the person (after rv_password_verify of the old one by the caller); ends all other sessions.
 */
RV_MUST_USE enum rv_code rv_person_set_password(
	struct rv_op *op, struct rv_str person, const char *hash, struct rv_err *err);
/* Ends the person's sessions and rights at once. */
RV_MUST_USE enum rv_code rv_person_disable(
	struct rv_op *op, struct rv_str person, struct rv_str reason, struct rv_err *err);
/* Offline recovery (no serve runs): a new first-admin link for an admin who exists; leaves an
 * event. */
RV_MUST_USE enum rv_code rv_admin_recover(
	struct rv_op *op, struct rv_str person, struct rv_str *ret_token, struct rv_err *err);

struct rv_bootstrap {
	bool is_open; /* no second governor yet */
	bool may_self_approve; /* open and not older than 7 days */
	int64_t since_ns, until_ns;
};
RV_MUST_USE enum rv_code rv_bootstrap_state(
	struct rv_op *op, struct rv_bootstrap *ret, struct rv_err *err);

/* ---- registry -------------------------------------------------------------------------------- */

/* docs/manifests.md. */
enum rv_kind {
	RV_KIND_NONE,
	RV_KIND_PERSON, /* before the groups and teams that name them */
	RV_KIND_TEAM,
	RV_KIND_GROUP,
	RV_KIND_ROLE,
	RV_KIND_POINT,
	RV_KIND_RESOURCE,
	RV_KIND_SYSTEM,
	RV_KIND_LIMIT,
	RV_KIND_POLICY,
	RV_KIND_COUNT
};
const char *rv_kind_name(enum rv_kind k); /* "Team" ... */

struct rv_source {
	const char *path; /* for messages; *.cedar is a Policy named after the file, *.csv a
			   catalogue of resources, *.json and *.yaml manifests */
	struct rv_str text;
};
struct rv_manifest {
	enum rv_kind kind;
	struct rv_str name; /* Resource: "Type/id" */
	const struct rv_json *spec; /* checked: types, unknown fields, ranges */
	const char *path;
	uint32_t line;
	uint32_t depth; /* of a system: ancestors in the same set */
};
struct rv_manifest_set {
	struct rv_manifest *items; /* in dependency order of kinds */
	size_t n;
};
/* Reads and checks each file by itself. Errors: RV_EINVAL with file, line and column. sources must
 * outlive the set. Any thread. */
RV_MUST_USE enum rv_code rv_manifest_read(struct rv_arena *a, const struct rv_source *sources,
	size_t n_sources, struct rv_manifest_set *ret, struct rv_err *err);

/* The registry as manifests (kind NONE: all kinds), in dependency order: applied again they change
 * nothing. spec: JSON. Admins, governors, auditors. Left out is what has no manifest: the first
 * admin, and systems that are being or were offboarded. */
struct rv_manifest_text {
	enum rv_kind kind;
	struct rv_str name, spec;
};
RV_MUST_USE enum rv_code rv_manifest_list(struct rv_op *op, enum rv_kind kind,
	struct rv_manifest_text **ret, size_t *ret_n, struct rv_err *err);
enum rv_kind rv_kind_parse(struct rv_str name); /* NONE: unknown */

enum rv_apply_result {
	RV_APPLY_UNCHANGED,
	RV_APPLY_CREATED,
	RV_APPLY_CHANGED,
	RV_APPLY_PENDING, /* a widening: waits for another person as change `change` */
};
struct rv_apply_field {
	struct rv_str path, from, to; /* compact JSON; from or to empty: absent */
	bool widens;
};
struct rv_apply_item {
	enum rv_kind kind;
	struct rv_str name;
	enum rv_apply_result result;
	struct rv_str change; /* change id, or "v3" of a system's version that waits */
	bool unseparated;
	const struct rv_apply_field *fields;
	size_t n_fields;
	const struct rv_str *warnings; /* of policies: "LINE:COL text" */
	size_t n_warnings;
};
struct rv_apply_report {
	struct rv_apply_item *items; /* as in the set */
	size_t n, n_created, n_changed, n_unchanged, n_pending;
};
struct rv_apply_opts {
	bool dry_run; /* everything is checked and reported, nothing kept */
	bool submit; /* new and changed drafts of systems are submitted too */
};
/* All or nothing. Needs admin (people, groups, teams, roles, points) or governor (resources,
 * systems, limits, policies); owners may register systems of their own. Errors carry the place of
 * the manifest. */
RV_MUST_USE enum rv_code rv_apply(struct rv_op *op, const struct rv_manifest_set *set,
	const struct rv_apply_opts *opts, struct rv_apply_report *ret, struct rv_err *err);

/* Changes that wait. Decided by another person with the right the kind needs. */
RV_MUST_USE enum rv_code rv_change_list(struct rv_op *op, bool pending_only,
	struct rv_db_change **ret, size_t *ret_n, struct rv_err *err);
RV_MUST_USE enum rv_code rv_change_decide(
	struct rv_op *op, struct rv_str id, bool approve, struct rv_str reason, struct rv_err *err);
RV_MUST_USE enum rv_code rv_change_withdraw(struct rv_op *op, struct rv_str id, struct rv_err *err);

/* ---- systems: life --------------------------------------------------------------------------- */

/* Visible to the actor, else RV_ENOENT. ret_version: the body in force, or the newest; may be NULL.
 */
RV_MUST_USE enum rv_code rv_system_get(struct rv_op *op, struct rv_str name,
	struct rv_db_system *ret, struct rv_db_system_version *ret_version, struct rv_err *err);
RV_MUST_USE enum rv_code rv_system_list(
	struct rv_op *op, struct rv_db_system **ret, size_t *ret_n, struct rv_err *err);
RV_MUST_USE enum rv_code rv_system_history(struct rv_op *op, struct rv_str name,
	struct rv_db_system_version **ret, size_t *ret_n, struct rv_err *err);

struct rv_system_diff {
	int64_t from, to; /* versions */
	const struct rv_apply_field *fields;
	size_t n_fields;
	bool widens;
};
/* What differs between two versions of a profile; 0: to is what waits, else what is in force; from
 * is what is in force, else the one before. As rv_system_get; RV_ENOENT no such version. */
RV_MUST_USE enum rv_code rv_system_diff(struct rv_op *op, struct rv_str name, int64_t from,
	int64_t to, struct rv_system_diff *ret, struct rv_err *err);

/* draft -> submitted; owner, author or governor. Freezes the version. */
RV_MUST_USE enum rv_code rv_system_submit(struct rv_op *op, struct rv_str name, struct rv_err *err);
/* submitted -> draft, by the submitter or a governor; also withdraws a pending version. */
RV_MUST_USE enum rv_code rv_system_withdraw(
	struct rv_op *op, struct rv_str name, struct rv_err *err);
/* submitted -> approved, or a pending version into force. Governor, not owner, submitter or author.
 * version: what was looked at (RV_ECONFLICT when another waits); 0: whichever waits. */
RV_MUST_USE enum rv_code rv_system_approve(struct rv_op *op, struct rv_str name, int64_t version,
	struct rv_str note, struct rv_err *err);
/* submitted -> rejected (terminal), or a pending version dropped. */
RV_MUST_USE enum rv_code rv_system_reject(struct rv_op *op, struct rv_str name, int64_t version,
	struct rv_str reason, struct rv_err *err);
/* approved -> active; owner or governor; every control of the class's floor must stand
 * (RV_ECONFLICT names the first gap). */
RV_MUST_USE enum rv_code rv_system_activate(
	struct rv_op *op, struct rv_str name, struct rv_err *err);
/* active -> suspended; owner, deputy, responder, governor or admin. Post as RV_JOB_STOP. */
RV_MUST_USE enum rv_code rv_system_suspend(
	struct rv_op *op, struct rv_str name, struct rv_str reason, struct rv_err *err);
/* suspended -> active; governor or responder, not who suspended it, not the owner. */
RV_MUST_USE enum rv_code rv_system_resume(
	struct rv_op *op, struct rv_str name, struct rv_str reason, struct rv_err *err);
/* approved | active | suspended -> offboarding (stops, credentials revoked, approvals withdrawn).
 */
RV_MUST_USE enum rv_code rv_system_offboard(
	struct rv_op *op, struct rv_str name, struct rv_str reason, struct rv_err *err);
/* offboarding -> retired; destroys the sealing key when destroy_key. */
RV_MUST_USE enum rv_code rv_system_retire(
	struct rv_op *op, struct rv_str name, bool destroy_key, struct rv_err *err);

struct rv_selector {
	struct rv_str name, role, owner; /* one of them, or all */
	bool all;
};
/* Suspend without a profile change. ret_n: how many it stopped. Post as RV_JOB_STOP. */
RV_MUST_USE enum rv_code rv_freeze(struct rv_op *op, const struct rv_selector *sel,
	struct rv_str reason, int64_t *ret_n, struct rv_err *err);
/* By another person than who froze. */
RV_MUST_USE enum rv_code rv_thaw(struct rv_op *op, const struct rv_selector *sel,
	struct rv_str reason, int64_t *ret_n, struct rv_err *err);

struct rv_gap {
	struct rv_str system, control; /* "escalation chain" */
	struct rv_str command; /* that closes it */
};
/* What the floor of the class still misses; name empty: all visible systems. */
RV_MUST_USE enum rv_code rv_gaps(struct rv_op *op, struct rv_str name, struct rv_gap **ret,
	size_t *ret_n, struct rv_err *err);

/* ---- credentials ----------------------------------------------------------------------------- */

enum rv_credential_kind { RV_CRED_SYSTEM = 1, RV_CRED_POINT, RV_CRED_SESSION };
/* "rvs_" + 43 characters and so on. */
enum { RV_TOKEN_SIZE = 48 };
struct rv_issued {
	struct rv_str id, token; /* token: shown once, kept hashed */
	int64_t expires_ns;
};
/* ttl_ns > 0 is required, at most 366 d. Systems: owner, governor or admin; not before approval.
 * Points: admin. */
RV_MUST_USE enum rv_code rv_credential_issue(struct rv_op *op, enum rv_credential_kind kind,
	struct rv_str subject, struct rv_str label, int64_t ttl_ns, struct rv_issued *ret,
	struct rv_err *err);
RV_MUST_USE enum rv_code rv_credential_revoke(
	struct rv_op *op, struct rv_str id, struct rv_str reason, struct rv_err *err);
/* A new one; the old one ends after overlap_ns. */
RV_MUST_USE enum rv_code rv_credential_rotate(struct rv_op *op, struct rv_str id, int64_t ttl_ns,
	int64_t overlap_ns, struct rv_issued *ret, struct rv_err *err);
RV_MUST_USE enum rv_code rv_credential_list(struct rv_op *op, struct rv_str subject,
	struct rv_db_credential **ret, size_t *ret_n, struct rv_err *err);
/* Last uses gathered elsewhere, by credential id. */
RV_MUST_USE enum rv_code rv_credential_touch(
	struct rv_op *op, struct rv_str id, int64_t used_ns, struct rv_err *err);

/* ---- policies -------------------------------------------------------------------------------- */

/* What a policy's annotations say (SEMANTICS 3.4). */
struct rv_policy_note {
	struct rv_str id; /* "file#0" or @id */
	struct rv_str hash; /* "sha256:..." of the policy's text */
	struct rv_str reason; /* @reason */
	struct rv_str escalate; /* @escalate */
	const struct rv_str *groups; /* @approval; none: not waivable */
	size_t n_groups;
	int64_t quorum; /* 1 unless @quorum */
	int64_t expires_ns; /* life of an approval; 1 h unless @expires */
	bool is_forbid;
	bool is_observed; /* @mode("observe"): logged, never counts */
	bool is_breakglass;
	bool owner_may_approve; /* @owner_may_approve("true") */
	int64_t unseparated_until_ns; /* published by one person alone, good until then; 0: by two
				       */
};
/* Parses and checks one file as publishing would. group_exists may be NULL (then any group passes).
 * Errors: RV_EINVAL with line and column. Any thread. */
RV_MUST_USE enum rv_code rv_policy_check(struct rv_arena *a, struct rv_str name, struct rv_str text,
	bool (*group_exists)(void *arg, struct rv_str group), void *arg,
	struct rv_policy_note **ret_notes, size_t *ret_n, struct rv_err *err);
/* Text of a policy file's version; 0: in force. */
RV_MUST_USE enum rv_code rv_policy_get(struct rv_op *op, struct rv_str name, int64_t version,
	struct rv_db_policy_version *ret, struct rv_err *err);
RV_MUST_USE enum rv_code rv_policy_list(
	struct rv_op *op, struct rv_db_policy_version **ret, size_t *ret_n, struct rv_err *err);
/* Every version of a file, oldest first. RV_ENOENT: there never was one. */
RV_MUST_USE enum rv_code rv_policy_history(struct rv_op *op, struct rv_str name,
	struct rv_db_policy_version **ret, size_t *ret_n, struct rv_err *err);
/* The whole set of a version as it was, for explain. */
RV_MUST_USE enum rv_code rv_policy_set_text(
	struct rv_op *op, int64_t version, struct rv_str *ret, struct rv_err *err);
/* The Cedar that a system's simple form (actions, access of its profile) means, for people to read
 * and publish. RV_ECONFLICT: it names no actions; RV_EINVAL with a place: nobody approves. */
RV_MUST_USE enum rv_code rv_simple_compile(
	struct rv_op *op, struct rv_str system, struct rv_str *ret, struct rv_err *err);
/* Takes a file out of force. Taking out a forbid is a widening and waits as a change. */
RV_MUST_USE enum rv_code rv_policy_remove(
	struct rv_op *op, struct rv_str name, struct rv_str *ret_change, struct rv_err *err);

/* ---- approvals ------------------------------------------------------------------------------- */

/* A waivable forbid (or a limit that holds) that an approval sets aside. */
struct rv_waive {
	struct rv_str id, hash, text;
	const struct rv_str *groups;
	size_t n_groups;
	int64_t quorum, expires_ns;
	bool owner_may;
};
struct rv_hold_request {
	struct rv_str digest; /* "sha256:..." of what is bound (SEMANTICS 3) */
	struct rv_str system, owner, on_behalf_of;
	struct rv_str action, resource_type, resource_id;
	struct rv_str resource_digest; /* of the catalogue's entry; empty if unknown */
	int64_t policy_version, profile_version;
	struct rv_str args_json; /* shown to approvers, sealed at rest */
	const struct rv_waive *waives;
	size_t n_waives;
	struct rv_str decision_event; /* id of the hold's event */
};
/* What one approval can waive and seat. */
enum { RV_WAIVES_MAX = 16, RV_GROUPS_MAX = 16, RV_PLACES_MAX = 64 };
/* How long one may wait for people. */
#define RV_HOLD_PENDING_NS (7 * 86400 * RV_NS_PER_S)
struct rv_hold {
	struct rv_db_approval row; /* row.args stays sealed */
	struct rv_waive *waives;
	size_t n_waives;
	struct rv_db_vote *votes;
	size_t n_votes;
	int64_t missing; /* approvals still needed, over all waives */
};
/* Opens, or finds the identical one that is pending or approved and unused. ret_is_new may be NULL.
 * Errors: RV_EBUSY when too many of this system wait already. */
RV_MUST_USE enum rv_code rv_hold_open(struct rv_op *op, const struct rv_hold_request *req,
	struct rv_hold *ret, bool *ret_is_new, struct rv_err *err);
/* Visible to requester, its owner, eligible approvers, governors, auditors; else RV_ENOENT. */
RV_MUST_USE enum rv_code rv_hold_get(
	struct rv_op *op, struct rv_str id, struct rv_hold *ret, struct rv_err *err);
/* state empty: all; those the actor may see, newest first. */
RV_MUST_USE enum rv_code rv_hold_list(struct rv_op *op, struct rv_str state, int64_t limit,
	struct rv_hold **ret, size_t *ret_n, struct rv_err *err);
/* The sealed arguments in clear, for those who may decide, the owner and auditors; reading is an
 * event. */
RV_MUST_USE enum rv_code rv_hold_args(
	struct rv_op *op, struct rv_str id, struct rv_str *ret_json, struct rv_err *err);
/* digest: what the approver saw; another is RV_ECONFLICT. RV_EPERM says why the actor may not (and
 * is recorded by the caller's choice: rv_hold_refused). One denial ends it. */
RV_MUST_USE enum rv_code rv_hold_vote(struct rv_op *op, struct rv_str id, struct rv_str digest,
	bool approve, struct rv_str reason, struct rv_hold *ret, struct rv_err *err);
/* Leaves approval.refused for an attempt that was not allowed. A job of its own: the attempt's was
 * undone. */
RV_MUST_USE enum rv_code rv_hold_refused(
	struct rv_op *op, struct rv_str id, struct rv_str why, struct rv_err *err);
RV_MUST_USE enum rv_code rv_hold_withdraw(
	struct rv_op *op, struct rv_str id, struct rv_str reason, struct rv_err *err);
/* Why an approval cannot be used now; a state word of docs/decisions.md. */
enum rv_use {
	RV_USE_OK = 0x69, /* approved, fits, still valid */
	RV_USE_NONE = 0, /* nothing of this digest */
	RV_USE_PENDING = 1,
	RV_USE_DENIED,
	RV_USE_EXPIRED,
	RV_USE_USED,
	RV_USE_MISMATCH, /* id given, digest differs */
	RV_USE_STALE, /* the forbids, quorum or voters changed since: open a new one */
	RV_USE_SUSPENDED,
};
/* Looks for an approval of this digest (id may be empty) and judges it against the waives needed
 * now. Changes state only to stale or expired. ret is filled unless RV_USE_NONE. */
RV_MUST_USE enum rv_code rv_hold_find(struct rv_op *op, struct rv_str id, struct rv_str system,
	struct rv_str digest, const struct rv_waive *need, size_t n_need, enum rv_use *ret_use,
	struct rv_hold *ret, struct rv_err *err);
/* approved -> consumed, in the caller's transaction; judges again. RV_ECONFLICT unless RV_USE_OK.
 */
RV_MUST_USE enum rv_code rv_hold_consume(struct rv_op *op, struct rv_str id, struct rv_str digest,
	const struct rv_waive *need, size_t n_need, struct rv_hold *ret, struct rv_err *err);
/* Expires what is due; housekeeping. */
RV_MUST_USE enum rv_code rv_hold_sweep(struct rv_op *op, int64_t *ret_n, struct rv_err *err);

/* ---- limits ---------------------------------------------------------------------------------- */

/* Exact decimal with at most 4 digits after the point, in 1/10000: "12.5" -> 125000. No sign, no
 * exponent. */
RV_MUST_USE bool rv_amount_parse(struct rv_str text, int64_t *ret);
/* "12.50"; at least min_digits (0..4) after the point; returns buf. */
const char *rv_amount_format(int64_t amount, unsigned min_digits, char buf[32]);

enum rv_unit {
	RV_UNIT_COUNT = 1,
	RV_UNIT_MONEY,
	RV_UNIT_BYTES,
	RV_UNIT_TOKENS,
	RV_UNIT_CONCURRENT, /* actions begun and not over */
};
const char *rv_unit_name(enum rv_unit u); /* "count" ... */
struct rv_limit {
	struct rv_str id; /* "limit:ads-bot/ad-spend" */
	struct rv_str name, subject, currency, hash;
	enum rv_unit unit;
	bool subject_is_role;
	int64_t max; /* 1/10000 */
	struct rv_str per; /* minute | hour | day | week | month of the calendar, total, or a span
			    such as "24h" that slides */
	struct rv_str zone; /* whose calendar; empty: UTC */
	const struct rv_str *resources; /* "Type/id", a '*' last for all that begin so; none: all */
	size_t n_resources;
	const struct rv_str *actions; /* none: all */
	size_t n_actions;
	bool holds; /* excess holds instead of denies */
	const struct rv_str *groups; /* who may approve an excess */
	size_t n_groups;
	int64_t quorum;
};
/* "Service/shop-*" covers what begins so; anything else only itself. */
bool rv_pattern_covers(struct rv_str pattern, struct rv_str other);
struct rv_reserve {
	const struct rv_limit *limit;
	int64_t amount; /* 1/10000 of the unit; a count is 10000 */
	bool is_lifted; /* an approval waives this one: counts, but may pass the maximum */
};
struct rv_reserved {
	int64_t amount, used, max; /* used: after it */
	int64_t window_ns, resets_ns; /* 0: never */
	int64_t in_window; /* of used, what the meter that was written holds: a slice of it, if it
			    slides */
	int64_t since_ns; /* meters from here on count */
	bool exceeds;
};
/* All or none. id: of the whole reservation (the intent's). ret_states: n of them, filled also when
 * one exceeds; *ret_ok says whether it was reserved. No event: the caller's decision names it. */
RV_MUST_USE enum rv_code rv_limit_reserve(struct rv_op *op, struct rv_str id, struct rv_str system,
	struct rv_str point, const struct rv_reserve *items, size_t n,
	struct rv_reserved *ret_states, bool *ret_ok, struct rv_err *err);
/* Reads without reserving (questions). */
RV_MUST_USE enum rv_code rv_limit_look(struct rv_op *op, const struct rv_reserve *items, size_t n,
	struct rv_reserved *ret_states, struct rv_err *err);
/* By the point that did the act: the amount really spent; what is over goes back, what is more
 * counts. Twice with the same amount is fine, with another RV_ECONFLICT. limit_name empty: all of
 * the reservation, as reserved. */
RV_MUST_USE enum rv_code rv_limit_settle(struct rv_op *op, struct rv_str id,
	struct rv_str limit_name, int64_t amount, struct rv_err *err);
/* By the same point (the act did not happen) or a person (governor, responder; never the owner)
 * with a reason. */
RV_MUST_USE enum rv_code rv_limit_release(
	struct rv_op *op, struct rv_str id, struct rv_str reason, struct rv_err *err);
/* What was reserved under an intent's (or an advice's) id; none is fine. */
RV_MUST_USE enum rv_code rv_limit_reservations(struct rv_op *op, struct rv_str id,
	struct rv_db_reservation **ret, size_t *ret_n, struct rv_err *err);
struct rv_limit_state {
	const struct rv_limit *limit;
	struct rv_reserved now;
	int64_t open; /* reserved, not settled */
};
/* What a system has spent of each of its limits (its own, its roles', its parents'). */
RV_MUST_USE enum rv_code rv_limit_states(struct rv_op *op, struct rv_str system,
	struct rv_limit_state **ret, size_t *ret_n, struct rv_err *err);

/* ---- findings, and what is counted instead of logged ------------------------------------------
 */

/* A point named a system that the registry does not know: finding.opened, once a day for each. */
RV_MUST_USE enum rv_code rv_finding_unregistered(struct rv_op *op, struct rv_str system,
	struct rv_str point, struct rv_str decision_event, struct rv_err *err);
/* Somebody without a valid credential, or whose login failed. source: an address; a port is left
 * out. person: whom the login named, if that is somebody; else empty (what was typed may be a
 * password). Becomes one event for each source and minute (service.knocks, session.refused), so
 * that a stranger cannot fill the log; beyond 256 a minute the rest is counted together. Any
 * thread. */
enum rv_knock { RV_KNOCK_CREDENTIAL = 1, RV_KNOCK_LOGIN };
void rv_knock(struct rv_gov *g, enum rv_knock what, struct rv_str source, struct rv_str person);
/* Does now what is done every ten seconds anyway: expires approvals and request ids that are due,
 * records knocks of minutes that are over. Any thread but the control thread; waits. */
void rv_control_tick(struct rv_gov *g);

/* ---- idempotency, blobs ---------------------------------------------------------------------- */

enum rv_idem { RV_IDEM_NEW = 1, RV_IDEM_SAME, RV_IDEM_OTHER };
/* SAME: ret_answer is the first answer; OTHER: the id was used with another digest within 24 h. */
RV_MUST_USE enum rv_code rv_idem_find(struct rv_op *op, struct rv_str caller, struct rv_str request,
	struct rv_str digest, enum rv_idem *ret, struct rv_str *ret_answer, struct rv_err *err);
RV_MUST_USE enum rv_code rv_idem_keep(struct rv_op *op, struct rv_str caller, struct rv_str request,
	struct rv_str digest, struct rv_str answer, struct rv_err *err);
RV_MUST_USE enum rv_code rv_idem_sweep(struct rv_op *op, int64_t *ret_n, struct rv_err *err);
/* Content-addressed bytes ("sha256:..."), kept once. */
RV_MUST_USE enum rv_code rv_blob_put(
	struct rv_op *op, struct rv_str bytes, struct rv_str *ret_digest, struct rv_err *err);
RV_MUST_USE enum rv_code rv_blob_get(
	struct rv_op *op, struct rv_str digest, struct rv_str *ret_bytes, struct rv_err *err);

/* ---- seal ------------------------------------------------------------------------------------ */

struct rv_seal_key {
	uint8_t b[32];
};
/* Encrypts (XChaCha20-Poly1305, random nonce in front). context is bound, not kept. Any thread. */
RV_MUST_USE enum rv_code rv_seal(const struct rv_seal_key *k, struct rv_str clear,
	struct rv_str context, struct rv_buf *out, struct rv_err *err);
/* RV_ECORRUPT: wrong key, context or bytes. Any thread. */
RV_MUST_USE enum rv_code rv_unseal(const struct rv_seal_key *k, struct rv_str sealed,
	struct rv_str context, struct rv_buf *out, struct rv_err *err);
/* Salted commitments of an argument object's fields: commitments gets {"field":"<hex>"}, side gets
 * {"field":{"salt":"<hex>","value":...}} in clear, to be sealed. Commitment = SHA-256(salt 16
 * bytes, length of name as 4 bytes big-endian, name, RFC 8785 value). Any thread. */
RV_MUST_USE enum rv_code rv_args_commit(const struct rv_json *args, struct rv_buf *commitments,
	struct rv_buf *side, struct rv_err *err);
/* Checks a side (clear) against commitments; RV_ECORRUPT names the field. Any thread. */
RV_MUST_USE enum rv_code rv_args_verify(
	struct rv_str commitments, struct rv_str side, struct rv_err *err);
/* The key of a system from a snapshot; RV_ENOENT once destroyed. Any thread. */
RV_MUST_USE enum rv_code rv_seal_key_of(const struct rv_gov *g, const struct rv_snapshot *s,
	struct rv_str system, struct rv_seal_key *ret, struct rv_err *err);
RV_MUST_USE enum rv_code rv_seal_key_destroy(
	struct rv_op *op, struct rv_str system, struct rv_err *err);

/* ---- snapshot -------------------------------------------------------------------------------- */

/* The current one, referenced; any thread. Never NULL after rv_gov_open. */
const struct rv_snapshot *rv_snapshot_get(struct rv_gov *g);
void rv_snapshot_unref(const struct rv_snapshot *s); /* any thread; NULL is fine */
uint64_t rv_snapshot_generation(const struct rv_snapshot *s);

/* Everything below is borrowed from the snapshot. Lookups yield NULL when there is none. */
struct rv_snap_system {
	struct rv_str name, state, owner, deputy, class_, role, team, parent, environment, risk;
	const struct rv_str *labels;
	size_t n_labels;
	int64_t version;
	int64_t unseparated_until_ns; /* 0: properly approved */
	bool observe; /* whole system in shadow mode: asked, logged, not held to it */
	bool frozen;
	const struct rv_limit *limits; /* its own; all that bind it: rv_snap_limits */
	size_t n_limits;
	struct rv_str wrapped_key;
};
const struct rv_snap_system *rv_snap_system(const struct rv_snapshot *s, struct rv_str name);
size_t rv_snap_systems(const struct rv_snapshot *s); /* how many */
/* NULL when it may act now; else the fixed word: unregistered, suspended, frozen, not_active. Looks
 * at parents, at the owner and at an unseparated approval that has run out. */
const char *rv_snap_refusal(
	const struct rv_snapshot *s, const struct rv_snap_system *sys, int64_t now_ns);

/* Its own limits, its role's and those of its parents; a limit shared along the chain once. Returns
 * how many there are, writes at most cap. */
size_t rv_snap_limits(const struct rv_snapshot *s, const struct rv_snap_system *sys,
	const struct rv_limit **ret, size_t cap);

struct rv_snap_credential {
	enum rv_credential_kind kind;
	struct rv_str id, subject;
	int64_t expires_ns;
};
/* By the token as presented. NULL: malformed, unknown, revoked, expired, or its subject is gone or
 * inactive. */
const struct rv_snap_credential *rv_snap_token(
	const struct rv_snapshot *s, struct rv_str token, int64_t now_ns);

struct rv_snap_point {
	struct rv_str name, kind, trust, owner;
	bool all_systems, needs_subject_token;
	const struct rv_str *systems;
	size_t n_systems;
	const struct rv_str *overlays; /* "Type.attribute" */
	size_t n_overlays;
};
const struct rv_snap_point *rv_snap_point(const struct rv_snapshot *s, struct rv_str name);
bool rv_snap_point_may_ask(const struct rv_snap_point *p, struct rv_str system);
bool rv_snap_point_may_overlay(
	const struct rv_snap_point *p, struct rv_str type, struct rv_str attribute);

struct rv_snap_person {
	struct rv_str name, display, email;
	int64_t rights;
	bool active;
	const struct rv_str *groups, *teams;
	size_t n_groups, n_teams;
};
const struct rv_snap_person *rv_snap_person(const struct rv_snapshot *s, struct rv_str name);

struct rv_snap_resource {
	struct rv_str type, id, kind, environment, data_class, owner, digest;
	const struct rv_str *parents; /* collections */
	size_t n_parents;
	const struct rv_str *actions, *effects; /* action -> effect, pairwise */
	size_t n_effects;
	const struct rv_str *tag_names, *tag_values;
	size_t n_tags;
};
const struct rv_snap_resource *rv_snap_resource(
	const struct rv_snapshot *s, struct rv_str type, struct rv_str id);

/* ---- what policy sees -------------------------------------------------------------------------
 */

/* The policies in force, compiled; never NULL. The notes are by index of the policy. */
const struct cedar_policies *rv_snap_policies(const struct rv_snapshot *s);
const struct rv_policy_note *rv_snap_note(const struct rv_snapshot *s, uint32_t policy_index);
int64_t rv_snap_policy_version(const struct rv_snapshot *s);
/* Systems, people, roles, teams, groups, points and the catalogue as Cedar entities; never NULL. A
 * resource whose type has a namespace keeps it; any other is Reeve::Resource::"Type/id". */
const struct cedar_entities *rv_snap_entities(const struct rv_snapshot *s);
/* The text that make writes of an entity of rv_snap_entities, made once and kept as long as the
 * entities are; p NULL: no room for it, make it yourself. Of one entity make always writes the
 * same, and there is one make in the program. Borrowed from the snapshot. Any thread. */
struct cedar_entity;
struct rv_str rv_snap_entity_text(const struct rv_snapshot *s, const struct cedar_entity *e,
	void (*make)(const struct cedar_entity *e, struct rv_buf *out));

/* ---- searches kept under a name -------------------------------------------------------------- */

struct rv_saved_search {
	struct rv_str name, query, note, author;
	int64_t at_ns;
};
/* Auditors, governors, admins and responders; each keeping and removing is an event. put replaces.
 * query: checked by the caller. RV_EINVAL a name; RV_ELIMIT; remove: RV_ENOENT. */
RV_MUST_USE enum rv_code rv_saved_list(
	struct rv_op *op, struct rv_saved_search **ret, size_t *ret_n, struct rv_err *err);
RV_MUST_USE enum rv_code rv_saved_put(struct rv_op *op, struct rv_str name, struct rv_str query,
	struct rv_str note, struct rv_err *err);
RV_MUST_USE enum rv_code rv_saved_remove(struct rv_op *op, struct rv_str name, struct rv_err *err);
#endif
