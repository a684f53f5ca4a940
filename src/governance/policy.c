/* Policy files: what their annotations mean, what may be published, and what was in force when. */
#include <stdio.h>

#include "cedar.h"
#include "governance/governance_int.h"

enum { QUORUM_MAX = 20, POLICY_TEXT_MAX = 4 << 20 };
#define EXPIRES_DEFAULT_NS (3600 * RV_NS_PER_S)
#define EXPIRES_MAX_NS (30 * RV_DAY_NS)

/* An annotation that nobody knows is refused: a slip in '@quorum' would otherwise lower a quorum in
 * silence. */
static const char *const KNOWN[] = { "id", "reason", "description", "approval", "quorum", "expires",
	"escalate", "mode", "breakglass", "owner_may_approve" };

static struct rv_str note_get(const cedar_policy_info *p, const char *key)
{
	cedar_str v = cedar_annotation_get(p, key);
	return rv_str_n(v.p, v.n);
}

static enum rv_code fail_at(const cedar_policy_info *p, struct rv_err *err, const char *msg)
{
	return RV_FAIL_AT(
		err, RV_EINVAL, NULL, p->line, p->column, "policy '%.*s': %s", RV_FMT(p->id), msg);
}

static enum rv_code read_groups(struct rv_arena *a, const cedar_policy_info *p,
	struct rv_policy_note *n, struct rv_err *err)
{
	struct rv_str rest = note_get(p, "approval"), part;
	if (!rest.p)
		return RV_OK;
	if (!n->is_forbid)
		return fail_at(
			p, err, "@approval stands on a forbid; on a permit it has no meaning");
	struct rv_str *groups = rv_arena_array(a, RV_GROUPS_MAX, sizeof *groups);
	if (!groups)
		return RV_FAIL_ARENA(err);
	while (rv_str_split(&rest, ',', &part)) {
		part = rv_str_trim(part);
		if (!rv_str_is_slug(part, RV_NAME_MAX))
			return fail_at(p, err, "@approval lists groups by name, as in \"a,b\"");
		if (n->n_groups == RV_GROUPS_MAX)
			return fail_at(p, err, "@approval lists too many groups");
		groups[n->n_groups++] = part;
	}
	n->groups = groups;
	return RV_OK;
}

static enum rv_code read_quorum(
	const cedar_policy_info *p, struct rv_policy_note *n, struct rv_err *err)
{
	struct rv_str quorum = note_get(p, "quorum"), expires = note_get(p, "expires");
	n->quorum = 1;
	n->expires_ns = EXPIRES_DEFAULT_NS;
	if ((quorum.p || expires.p) && n->n_groups == 0)
		return fail_at(p, err, "@quorum and @expires need an @approval beside them");
	if (quorum.p &&
		(!rv_str_i64(quorum, &n->quorum) || n->quorum < 1 || n->quorum > QUORUM_MAX))
		return fail_at(p, err, "@quorum is a number from 1 to 20, as in \"2\"");
	if (expires.p &&
		(!rv_duration_parse(expires, &n->expires_ns) || n->expires_ns <= 0 ||
			n->expires_ns > EXPIRES_MAX_NS))
		return fail_at(p, err, "@expires is a time of at most 30d, as in \"1h\"");
	return RV_OK;
}

static enum rv_code read_flags(
	const cedar_policy_info *p, struct rv_policy_note *n, struct rv_err *err)
{
	struct rv_str mode = note_get(p, "mode"), owner = note_get(p, "owner_may_approve");
	if (mode.p && !rv_str_eqz(mode, "observe"))
		return fail_at(p, err, "@mode knows \"observe\" only");
	n->is_observed = mode.p != NULL;
	n->is_breakglass = note_get(p, "breakglass").p != NULL;
	if (n->is_breakglass && !n->is_forbid)
		return fail_at(p, err, "@breakglass stands on a forbid");
	if (owner.p && (!rv_str_eqz(owner, "true") || n->n_groups == 0))
		return fail_at(p, err, "@owner_may_approve is \"true\", beside an @approval");
	n->owner_may_approve = owner.p != NULL;
	return RV_OK;
}

enum rv_code rv_policy_note_of(struct rv_arena *a, const struct cedar_policy_info *p,
	struct rv_policy_note *ret, struct rv_err *err)
{
	char hash[RV_DIGEST_SIZE];
	*ret = (struct rv_policy_note){ .is_forbid = p->is_forbid,
		.id = rv_str_n(p->id.p, p->id.n) };
	for (size_t i = 0; i < p->n_annotations; i++) {
		bool is_known = false;
		for (size_t k = 0; k < RV_COUNT(KNOWN); k++)
			is_known |= rv_str_eqz(
				rv_str_n(p->annotations[i].key.p, p->annotations[i].key.n),
				KNOWN[k]);
		if (!is_known)
			return RV_FAIL_AT(err, RV_EINVAL, NULL, p->line, p->column,
				"policy '%.*s': '@%.*s' is not an annotation known here (id, "
				"reason, description, approval, quorum, expires, escalate, mode, "
				"breakglass, owner_may_approve)",
				RV_FMT(p->id), RV_FMT(p->annotations[i].key));
	}
	rv_digest_text(rv_str_n(p->text.p, p->text.n), hash);
	ret->hash = rv_arena_str(a, rv_str_n(hash, sizeof hash - 1));
	if (!ret->hash.p)
		return RV_FAIL_ARENA(err);
	ret->reason = note_get(p, "reason");
	ret->escalate = note_get(p, "escalate");
	RV_TRY(read_groups(a, p, ret, err));
	RV_TRY(read_quorum(p, ret, err));
	return read_flags(p, ret, err);
}

static enum rv_code check_groups(const cedar_policy_info *p, const struct rv_policy_note *n,
	bool (*group_exists)(void *arg, struct rv_str group), void *arg, struct rv_err *err)
{
	for (size_t i = 0; group_exists && i < n->n_groups; i++)
		if (!group_exists(arg, n->groups[i]))
			return RV_FAIL_AT(err, RV_EINVAL, NULL, p->line, p->column,
				"policy '%.*s': @approval names the group '%.*s', which does not "
				"exist",
				RV_FMT(p->id), RV_FMT(n->groups[i]));
	return RV_OK;
}

/* What the caller keeps must outlive the compiled set: ids, texts and lists are copied. */
static enum rv_code keep_note(struct rv_arena *a, struct rv_policy_note *n, struct rv_err *err)
{
	struct rv_str *const texts[] = { &n->id, &n->reason, &n->escalate };
	for (size_t i = 0; i < RV_COUNT(texts); i++) {
		if (!texts[i]->p)
			continue;
		*texts[i] = rv_arena_str(a, *texts[i]);
		if (!texts[i]->p)
			return RV_FAIL_ARENA(err);
	}
	struct rv_str *groups = rv_arena_array(a, n->n_groups + 1, sizeof *groups);
	if (!groups)
		return RV_FAIL_ARENA(err);
	for (size_t i = 0; i < n->n_groups; i++) {
		groups[i] = rv_arena_str(a, n->groups[i]);
		if (!groups[i].p)
			return RV_FAIL_ARENA(err);
	}
	n->groups = groups;
	return RV_OK;
}

enum rv_code rv_policy_check(struct rv_arena *a, struct rv_str name, struct rv_str text,
	bool (*group_exists)(void *arg, struct rv_str group), void *arg,
	struct rv_policy_note **ret_notes, size_t *ret_n, struct rv_err *err)
{
	cedar_error e = { .code = CEDAR_OK };
	cedar_policies *ps = NULL;
	const char *prefix = rv_arena_printf(a, "%.*s#", RV_FMT(name));
	if (!prefix)
		return RV_FAIL_ARENA(err);
	if (text.n > POLICY_TEXT_MAX)
		return RV_FAIL(err, RV_ELIMIT, "a policy file may have %d bytes", POLICY_TEXT_MAX);
	const cedar_source src = {
		.text = { text.p, text.n }, .id_prefix = prefix, .use_id_annotation = true
	};
	const cedar_policies_opts opts = { .no_templates = true, .no_index = true };
	if (cedar_policies_new(&src, 1, &opts, &ps, NULL, &e) != CEDAR_OK)
		return RV_FAIL_AT(err, RV_EINVAL, NULL, e.line, e.column, "%s", e.message);
	size_t n = cedar_policies_count(ps);
	struct rv_policy_note *notes = rv_arena_array(a, n + 1, sizeof *notes);
	enum rv_code code = notes ? RV_OK : RV_FAIL_ARENA(err);
	for (size_t i = 0; code == RV_OK && i < n; i++) {
		const cedar_policy_info *p = cedar_policy_at(ps, i);
		code = rv_policy_note_of(a, p, &notes[i], err);
		if (code == RV_OK)
			code = check_groups(p, &notes[i], group_exists, arg, err);
		if (code == RV_OK)
			code = keep_note(a, &notes[i], err);
	}
	cedar_policies_free(ps);
	RV_TRY(code);
	*ret_notes = notes;
	*ret_n = n;
	return RV_OK;
}

/* ---- reading ---- */

enum rv_code rv_policy_get(struct rv_op *op, struct rv_str name, int64_t version,
	struct rv_db_policy_version *ret, struct rv_err *err)
{
	if (rv_need(op, RV_RIGHTS_ALL, NULL) != RV_OK)
		return RV_FAIL(err, RV_ENOENT, "no policy '%.*s'", RV_FMT(name));
	if (version == 0) {
		struct rv_db_policy p = { .name = name };
		RV_TRY(rv_db_policy_get(op->txn, op->arena, &p, err));
		version = p.version;
	}
	*ret = (struct rv_db_policy_version){ .policy = name, .version = version };
	return rv_db_policy_version_get(op->txn, op->arena, ret, err);
}

enum rv_code rv_policy_list(
	struct rv_op *op, struct rv_db_policy_version **ret, size_t *ret_n, struct rv_err *err)
{
	const struct rv_query q = {
		.where = { RV_Q_STR(policy_version, state, RV_CMP_NE, RV_STR("superseded")) },
		.n_where = 1
	};
	RV_TRY(rv_need(op, RV_RIGHTS_ALL, err));
	return rv_db_policy_version_list(op->txn, op->arena, &q, ret, ret_n, err);
}

enum rv_code rv_policy_history(struct rv_op *op, struct rv_str name,
	struct rv_db_policy_version **ret, size_t *ret_n, struct rv_err *err)
{
	*ret_n = 0;
	if (rv_need(op, RV_RIGHTS_ALL, NULL) == RV_OK)
		RV_TRY(rv_db_policy_version_list(op->txn, op->arena,
			RV_Q_BY(policy_version, policy, name), ret, ret_n, err));
	return *ret_n > 0 ? RV_OK : RV_FAIL(err, RV_ENOENT, "no policy '%.*s'", RV_FMT(name));
}

/* [{"name":…,"text":…},…] as it was kept when that version came into force. */
enum rv_code rv_policy_set_text(
	struct rv_op *op, int64_t version, struct rv_str *ret, struct rv_err *err)
{
	struct rv_db_policy_set row = { .version = version };
	RV_TRY(rv_db_policy_set_get(op->txn, op->arena, &row, err));
	return rv_blob_get(op, row.digest, ret, err);
}

/* Keeps the whole set as it is now under the next number. Called wherever a file comes into force
 * or leaves it. */
enum rv_code rv_policy_set_advance(struct rv_op *op, struct rv_str cause, struct rv_err *err)
{
	struct rv_db_policy *files;
	struct rv_db_policy_set *sets;
	size_t n, n_sets;
	RV_AUTO_BUF b;
	struct rv_json_w w;
	rv_buf_init(&b, 64 << 20);
	rv_json_w_init(&w, &b);
	RV_TRY(rv_db_policy_list(op->txn, op->arena, RV_Q_ALL, &files, &n, err));
	rv_json_w_arr(&w);
	for (size_t i = 0; i < n; i++) {
		if (!files[i].active || files[i].version == 0)
			continue;
		struct rv_db_policy_version v = { .policy = files[i].name,
			.version = files[i].version };
		RV_TRY(rv_db_policy_version_get(op->txn, op->arena, &v, err));
		rv_json_w_obj(&w);
		rv_json_w_kv_str(&w, "name", v.policy);
		rv_json_w_kv_i64(&w, "version", v.version);
		rv_json_w_kv_str(&w, "text", v.text);
		rv_json_w_obj_end(&w);
	}
	rv_json_w_arr_end(&w);
	RV_TRY(rv_buf_ok(&b, err));
	const struct rv_query last = { .is_ordered = true,
		.is_descending = true,
		.order_offset = offsetof(struct rv_db_policy_set, version),
		.limit = 1 };
	RV_TRY(rv_db_policy_set_list(op->txn, op->arena, &last, &sets, &n_sets, err));
	struct rv_db_policy_set row = { .version = n_sets > 0 ? sets[0].version + 1 : 1,
		.created_ns = op->now_ns,
		.cause = cause };
	RV_TRY(rv_blob_put(op, rv_buf_str(&b), &row.digest, err));
	op->dirty |= RV_DIRTY_POLICIES;
	return rv_db_policy_set_insert(op->txn, &row, err);
}
