/* Inside a snapshot: maps of counted entries. A change clones a map (a copy of pointers) and
 * replaces the entries that changed, so that suspending one of 10,000 systems costs microseconds
 * and readers never wait. */
#ifndef RV_GOVERNANCE_SNAPSHOT_INT_H
#define RV_GOVERNANCE_SNAPSHOT_INT_H
#include <stdatomic.h>

#include "governance/governance_int.h"

/* First member of every entry; key and key2 point into the entry's own memory. */
struct snap_entry {
	atomic_uint refs;
	uint64_t hash;
	struct rv_str key, key2;
	/* Wiped before the memory goes; NULL: nothing secret in it. */
	void *secret;
	size_t secret_bytes;
};
struct snap_map {
	atomic_uint refs;
	size_t n, mask; /* mask + 1 slots, a power of two */
	struct snap_entry *slots[];
};

uint64_t snap_hash(struct rv_str key, struct rv_str key2);
void snap_entry_unref(struct snap_entry *e);
/* Room for n entries. */
struct snap_map *snap_map_new(size_t n);
void snap_map_unref(struct snap_map *m);
struct snap_map *snap_map_ref(struct snap_map *m);
/* Takes the entry over; replaces one of the same key. NULL *m grows by itself. False: no memory (e
 * is freed). */
bool snap_map_put(struct snap_map **m, struct snap_entry *e);
const struct snap_entry *snap_map_get(
	const struct snap_map *m, struct rv_str key, struct rv_str key2);
/* A copy with room for n_more, without the entries of these keys (rehashed if any was there). */
struct snap_map *snap_map_clone(const struct snap_map *m, size_t n_more);
void snap_map_drop(struct snap_map *m, struct rv_str key, struct rv_str key2);

/* One allocation for an entry and its strings: run the maker twice, first to measure. */
struct snap_pack {
	char *base; /* NULL while measuring */
	size_t at;
};
void *snap_pack_mem(struct snap_pack *p, size_t n);
struct rv_str snap_pack_str(struct snap_pack *p, struct rv_str s);
const struct rv_str *snap_pack_strs(struct snap_pack *p, const struct rv_str *v, size_t n);

/* The sealing key is opened by the first decision that needs it, and goes with the entry: when it
 * is destroyed, or the system changes, there is another entry without it. */
enum { SNAP_KEY_NONE, SNAP_KEY_OPENING, SNAP_KEY_OPEN };
struct snap_system {
	struct snap_entry e;
	struct rv_snap_system pub;
	atomic_int key_state;
	struct rv_seal_key key;
};
struct snap_credential {
	struct snap_entry e; /* key: SHA-256 of the token */
	struct rv_snap_credential pub;
};
struct snap_person {
	struct snap_entry e;
	struct rv_snap_person pub;
};
struct snap_point {
	struct snap_entry e;
	struct rv_snap_point pub;
	bool active;
};
struct snap_resource {
	struct snap_entry e;
	struct rv_snap_resource pub;
};
struct snap_role {
	struct snap_entry e;
	const struct rv_limit *limits;
	size_t n_limits;
};

/* The entry of a system, for what is opened in it later; NULL: none of that name. */
struct snap_system *snap_system_of(const struct rv_snapshot *s, struct rv_str name);

struct snap_policies;
struct snap_entities;
#define RV_SNAPSHOT_MAGIC 0x534e4150u
struct rv_snapshot {
	uint32_t magic;
	atomic_uint refs;
	uint64_t generation;
	struct snap_map *maps[RV_PART_COUNT];
	struct snap_policies *policies;
	struct snap_entities *entities;
};

/* Whole parts, and single rows. A row that has no entry (revoked, retired role) is dropped. */
struct snap_load {
	struct rv_gov *gov;
	struct rv_txn *txn;
	struct rv_arena arena;
	int64_t now_ns;
};
enum rv_code snap_load_part(
	struct snap_load *l, enum rv_part part, struct snap_map **ret, struct rv_err *err);
enum rv_code snap_load_row(
	struct snap_load *l, const struct rv_touch *t, struct snap_map **m, struct rv_err *err);

/* Puts a copy of the entry, suspended or frozen, into the map; false: no memory. */
bool snap_system_stopped(const struct snap_system *is, bool is_freeze, struct snap_map **m);

/* snap_policy.c */
enum rv_code snap_policies_load(
	struct snap_load *l, struct snap_policies **ret, struct rv_err *err);
struct snap_policies *snap_policies_ref(struct snap_policies *p);
void snap_policies_unref(struct snap_policies *p);

/* snap_entities.c: from the maps. */
enum rv_code snap_entities_build(
	const struct rv_snapshot *s, struct snap_entities **ret, struct rv_err *err);
/* The old ones with the rows that changed made anew from the maps; all others are shared. */
enum rv_code snap_entities_change(const struct rv_snapshot *s, const struct snap_entities *old,
	const struct rv_touch *touched, struct snap_entities **ret, struct rv_err *err);
struct snap_entities *snap_entities_ref(struct snap_entities *e);
void snap_entities_unref(struct snap_entities *e);
#endif
