/* The policies of a snapshot: every file in force, compiled into one set, with what its annotations
 * say. */
#include <stdio.h>

#include "cedar.h"
#include "governance/snapshot_int.h"

enum { POLICY_FILES_MAX = 10000 };

struct snap_policies {
	atomic_uint refs;
	cedar_policies *set;
	struct rv_policy_note *notes;
	size_t n;
	int64_t version;
	struct rv_arena arena;
};

struct snap_policies *snap_policies_ref(struct snap_policies *p)
{
	if (p)
		atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
	return p;
}

void snap_policies_unref(struct snap_policies *p)
{
	if (!p || atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) != 1)
		return;
	cedar_policies_free(p->set);
	rv_arena_done(&p->arena);
	free(p);
}

static enum rv_code latest_version(struct snap_load *l, int64_t *ret, struct rv_err *err)
{
	struct rv_db_policy_set *rows;
	size_t n;
	const struct rv_query q = { .is_ordered = true,
		.is_descending = true,
		.order_offset = offsetof(struct rv_db_policy_set, version),
		.limit = 1 };
	RV_TRY(rv_db_policy_set_list(l->txn, &l->arena, &q, &rows, &n, err));
	*ret = n > 0 ? rows[0].version : 0;
	return RV_OK;
}

/* Text and name of each file in force, in the order of their names. */
static enum rv_code load_files(struct snap_load *l, struct rv_arena *a, cedar_source **ret,
	int64_t **ret_until, size_t *ret_n, struct rv_err *err)
{
	struct rv_db_policy *rows;
	size_t n, k = 0;
	RV_TRY(rv_db_policy_list(l->txn, &l->arena, RV_Q_ALL, &rows, &n, err));
	if (n > POLICY_FILES_MAX)
		return RV_FAIL(err, RV_ELIMIT, "more than %d policy files", POLICY_FILES_MAX);
	cedar_source *out = rv_arena_array(a, n + 1, sizeof *out);
	int64_t *until = rv_arena_array(a, n + 1, sizeof *until);
	if (!out || !until)
		return RV_FAIL_ARENA(err);
	for (size_t i = 0; i < n; i++) {
		if (!rows[i].active || rows[i].version == 0)
			continue;
		struct rv_db_policy_version v = { .policy = rows[i].name,
			.version = rows[i].version };
		RV_TRY(rv_db_policy_version_get(l->txn, &l->arena, &v, err));
		until[k] = v.unseparated_until_ns;
		out[k++] = (cedar_source){ .text = { v.text.p, v.text.n },
			.id_prefix = rv_arena_printf(a, "%.*s#", RV_FMT(rows[i].name)),
			.use_id_annotation = true };
		if (!out[k - 1].id_prefix)
			return RV_FAIL_ARENA(err);
	}
	*ret = out;
	*ret_until = until;
	*ret_n = k;
	return RV_OK;
}

static enum rv_code load(struct snap_load *l, struct snap_policies *p, struct rv_err *err)
{
	cedar_source *files;
	cedar_error e = { .code = CEDAR_OK };
	int64_t *until;
	size_t n;
	RV_TRY(latest_version(l, &p->version, err));
	RV_TRY(load_files(l, &p->arena, &files, &until, &n, err));
	/* They were checked when they were published; what fails here is a damaged database. */
	if (cedar_policies_new(files, n, NULL, &p->set, NULL, &e) != CEDAR_OK)
		return RV_FAIL(
			err, RV_ECORRUPT, "the policies in force cannot be read: %s", e.message);
	p->n = cedar_policies_count(p->set);
	p->notes = rv_arena_array(&p->arena, p->n + 1, sizeof *p->notes);
	if (!p->notes)
		return RV_FAIL_ARENA(err);
	for (size_t i = 0; i < p->n; i++) {
		const cedar_policy_info *info = cedar_policy_at(p->set, i);
		RV_TRY(rv_policy_note_of(&p->arena, info, &p->notes[i], err));
		p->notes[i].unseparated_until_ns = until[info->source];
	}
	return RV_OK;
}

enum rv_code snap_policies_load(struct snap_load *l, struct snap_policies **ret, struct rv_err *err)
{
	struct snap_policies *p = calloc(1, sizeof *p);
	if (!p)
		return RV_FAIL(err, RV_ENOMEM, "no memory for the policies");
	atomic_init(&p->refs, 1);
	rv_arena_init(&p->arena, (size_t)1 << 30);
	enum rv_code code = load(l, p, err);
	if (code != RV_OK) {
		snap_policies_unref(p);
		return code;
	}
	*ret = p;
	return RV_OK;
}

const struct cedar_policies *rv_snap_policies(const struct rv_snapshot *s)
{
	return s->policies->set;
}

const struct rv_policy_note *rv_snap_note(const struct rv_snapshot *s, uint32_t policy_index)
{
	rv_assert(policy_index < s->policies->n);
	return &s->policies->notes[policy_index];
}

int64_t rv_snap_policy_version(const struct rv_snapshot *s)
{
	return s->policies->version;
}
