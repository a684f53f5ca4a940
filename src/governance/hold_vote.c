/* Who may decide a held action, and when it is enough.
 *
 * Never: a machine, the requester, the person on whose behalf, the owner (then or now, unless every
 * forbid says
 * @owner_may_approve), whoever edited policy or profile since the request. Always: in one of the
 * groups with the right approver, at the request and now. One person fills one place: with two
 * forbids of the same group two people are needed. The places are filled by a matching, so that the
 * order of votes does not matter. */
#include "governance/hold_int.h"

enum rv_code rv_hold_group_people(struct rv_op *op, struct rv_str group, struct rv_str **ret,
	size_t *ret_n, struct rv_err *err)
{
	struct rv_db_grp_member *m;
	size_t n, k = 0;
	RV_TRY(rv_db_grp_member_list(
		op->txn, op->arena, RV_Q_BY(grp_member, grp, group), &m, &n, err));
	struct rv_str *out = rv_arena_array(op->arena, n + 1, sizeof *out);
	if (!out)
		return RV_FAIL_ARENA(err);
	for (size_t i = 0; i < n; i++) {
		struct rv_db_person p;
		RV_TRY(rv_person_row(op, m[i].person, &p, err));
		if (p.active && (p.rights & RV_RIGHT_APPROVER))
			out[k++] = p.name;
	}
	*ret = out;
	*ret_n = k;
	return RV_OK;
}

static bool was_eligible(const struct rv_json *eligible, struct rv_str group, struct rv_str person)
{
	const struct rv_json *list = rv_json_get_str(eligible, group);
	if (!rv_json_is(list, RV_JSON_ARR))
		return false;
	for (size_t i = 0; i < list->n_items; i++)
		if (rv_json_is(list->items[i], RV_JSON_STR) &&
			rv_str_eq(list->items[i]->str, person))
			return true;
	return false;
}

enum rv_code rv_hold_concerns(struct rv_op *op, const struct rv_db_approval *row,
	const struct rv_waive *waives, size_t n_waives, struct rv_str person, bool *ret,
	struct rv_err *err)
{
	const struct rv_json *eligible;
	RV_TRY(rv_op_json(op, row->eligible_json, &eligible, err));
	*ret = false;
	for (size_t i = 0; i < n_waives && !*ret; i++) {
		for (size_t k = 0; k < waives[i].n_groups && !*ret; k++) {
			*ret = was_eligible(eligible, waives[i].groups[k], person);
			if (!*ret)
				RV_TRY(rv_person_in_group(
					op, person, waives[i].groups[k], ret, err));
		}
	}
	return RV_OK;
}

static enum rv_code count_since(struct rv_op *op, const struct rv_table *t, struct rv_where who,
	struct rv_where when, const struct rv_where *of, bool *ret, struct rv_err *err)
{
	int64_t n;
	struct rv_query q = { .where = { who, when }, .n_where = 2 };
	if (of)
		q.where[q.n_where++] = *of;
	RV_TRY(rv_store_count(op->txn, t, &q, &n, err));
	*ret = *ret || n > 0;
	return RV_OK;
}

/* Wrote, submitted or decided a policy or this profile after the request. */
static enum rv_code edited_since(struct rv_op *op, const struct rv_db_approval *row,
	struct rv_str who, bool *ret, struct rv_err *err)
{
	int64_t t = row->created_ns;
	const struct rv_where sys = RV_Q_STR(system_version, system, RV_CMP_EQ, row->system);
	*ret = false;
	RV_TRY(count_since(op, &rv_tab_policy_version,
		RV_Q_STR(policy_version, author, RV_CMP_EQ, who),
		RV_Q_INT(policy_version, created_ns, RV_CMP_GE, t), NULL, ret, err));
	RV_TRY(count_since(op, &rv_tab_policy_version,
		RV_Q_STR(policy_version, decided_by, RV_CMP_EQ, who),
		RV_Q_INT(policy_version, decided_ns, RV_CMP_GE, t), NULL, ret, err));
	RV_TRY(count_since(op, &rv_tab_system_version,
		RV_Q_STR(system_version, author, RV_CMP_EQ, who),
		RV_Q_INT(system_version, created_ns, RV_CMP_GE, t), &sys, ret, err));
	RV_TRY(count_since(op, &rv_tab_system_version,
		RV_Q_STR(system_version, decided_by, RV_CMP_EQ, who),
		RV_Q_INT(system_version, decided_ns, RV_CMP_GE, t), &sys, ret, err));
	RV_TRY(count_since(op, &rv_tab_change, RV_Q_STR(change, decided_by, RV_CMP_EQ, who),
		RV_Q_INT(change, decided_ns, RV_CMP_GE, t), NULL, ret, err));
	return count_since(op, &rv_tab_change, RV_Q_STR(change, author, RV_CMP_EQ, who),
		RV_Q_INT(change, created_ns, RV_CMP_GE, t), NULL, ret, err);
}

/* The reasons that hold whatever the group; a word for people. */
static enum rv_code excluded(struct rv_op *op, const struct rv_db_approval *row,
	struct rv_str person, const char **ret, struct rv_err *err)
{
	struct rv_db_system s = { .name = row->system };
	bool edited;
	*ret = NULL;
	RV_TRY(rv_db_system_get(op->txn, op->arena, &s, err));
	if (rv_str_eqz(row->requester_type, "person") && rv_str_eq(row->requester, person))
		*ret = "who asked does not approve";
	else if (row->on_behalf_of.n > 0 && rv_str_eq(row->on_behalf_of, person))
		*ret = "it is done on this person's behalf";
	else if (!row->owner_may && (rv_str_eq(row->owner, person) || rv_str_eq(s.owner, person)))
		*ret = "the owner of the system does not approve its actions";
	if (*ret)
		return RV_OK;
	RV_TRY(edited_since(op, row, person, &edited, err));
	if (edited)
		*ret = "edited a policy or the profile since the request";
	return RV_OK;
}

enum rv_code rv_hold_may_vote(struct rv_op *op, const struct rv_db_approval *row,
	const struct rv_waive *waives, size_t n_waives, struct rv_str person,
	const struct rv_str **ret_groups, size_t *ret_n, struct rv_err *err)
{
	struct rv_db_person p;
	const struct rv_json *eligible;
	const char *why;
	bool is_in_one = false;
	*ret_n = 0;
	RV_TRY(rv_person_row(op, person, &p, err));
	if (!p.active || !(p.rights & RV_RIGHT_APPROVER))
		return RV_FAIL(err, RV_EPERM, "'%.*s' has not the right approver", RV_FMT(person));
	RV_TRY(excluded(op, row, person, &why, err));
	if (why)
		return RV_FAIL(err, RV_EPERM, "'%.*s' may not decide: %s", RV_FMT(person), why);
	RV_TRY(rv_op_json(op, row->eligible_json, &eligible, err));
	struct rv_str *groups =
		rv_arena_array(op->arena, RV_WAIVES_MAX * RV_GROUPS_MAX, sizeof *groups);
	if (!groups)
		return RV_FAIL_ARENA(err);
	for (size_t i = 0; i < n_waives; i++) {
		for (size_t k = 0; k < waives[i].n_groups; k++) {
			struct rv_str g = waives[i].groups[k];
			bool now;
			if (rv_strs_has(groups, *ret_n, g))
				continue;
			RV_TRY(rv_person_in_group(op, person, g, &now, err));
			is_in_one = is_in_one || now;
			if (now && was_eligible(eligible, g, person))
				groups[(*ret_n)++] = g;
		}
	}
	*ret_groups = groups;
	if (*ret_n > 0)
		return RV_OK;
	return RV_FAIL(err, RV_EPERM, "'%.*s' may not decide: %s", RV_FMT(person),
		is_in_one ? "joined the group after the request"
			  : "in none of the groups that decide this");
}

/* ---- matching people to places ---- */

struct match {
	size_t n_voters, n_places;
	bool fits[RV_PLACES_MAX][RV_PLACES_MAX]; /* voter, place */
	size_t taken_by[RV_PLACES_MAX]; /* place -> voter + 1 */
};

static bool seat(struct match *m, size_t voter, bool *tried)
{
	for (size_t p = 0; p < m->n_places; p++) {
		if (!m->fits[voter][p] || tried[p])
			continue;
		tried[p] = true;
		if (m->taken_by[p] == 0 || seat(m, m->taken_by[p] - 1, tried)) {
			m->taken_by[p] = voter + 1;
			return true;
		}
	}
	return false;
}

static bool shares(const struct rv_waive *w, const struct rv_str *groups, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (rv_strs_has(w->groups, w->n_groups, groups[i]))
			return true;
	return false;
}

static enum rv_code add_voter(struct rv_op *op, struct match *m, const struct rv_db_approval *row,
	const struct rv_waive *waives, size_t n_waives, struct rv_str person, struct rv_err *err)
{
	const struct rv_str *groups;
	size_t n, place = 0;
	struct rv_err e = { 0 };
	enum rv_code code = rv_hold_may_vote(op, row, waives, n_waives, person, &groups, &n, &e);
	if (code == RV_EPERM)
		return RV_OK; /* no longer eligible: the vote stays on record and counts for nothing
			       */
	if (code != RV_OK)
		return RV_FAIL(err, code, "%s", e.msg);
	if (m->n_voters == RV_PLACES_MAX)
		return RV_OK; /* more votes than there can be places */
	for (size_t i = 0; i < n_waives; i++)
		for (int64_t q = 0; q < waives[i].quorum; q++, place++)
			m->fits[m->n_voters][place] = shares(&waives[i], groups, n);
	m->n_voters++;
	return RV_OK;
}

enum rv_code rv_hold_missing(struct rv_op *op, const struct rv_db_approval *row,
	const struct rv_waive *waives, size_t n_waives, const struct rv_db_vote *votes,
	size_t n_votes, int64_t *ret, struct rv_err *err)
{
	struct match m = { 0 };
	int64_t places = 0, seated = 0;
	for (size_t i = 0; i < n_waives; i++)
		places += waives[i].quorum;
	if (places > RV_PLACES_MAX)
		return RV_FAIL(
			err, RV_ELIMIT, "more than %d people would have to approve", RV_PLACES_MAX);
	m.n_places = (size_t)places;
	for (size_t i = 0; i < n_votes; i++)
		if (rv_str_eqz(votes[i].vote, "approve"))
			RV_TRY(add_voter(op, &m, row, waives, n_waives, votes[i].person, err));
	for (size_t v = 0; v < m.n_voters; v++) {
		bool tried[RV_PLACES_MAX] = { false };
		seated += seat(&m, v, tried);
	}
	*ret = places - seated;
	return RV_OK;
}

/* ---- voting ---- */

static enum rv_code record(struct rv_op *op, const struct rv_db_approval *row, bool approve,
	struct rv_str reason, const struct rv_str *groups, size_t n_groups, struct rv_err *err)
{
	struct rv_str detail;
	struct rv_db_vote v = { .approval = row->id,
		.person = op->actor.id,
		.vote = approve ? RV_STR("approve") : RV_STR("deny"),
		.reason = reason,
		.session = op->actor.session,
		.at_ns = op->now_ns };
	RV_TRY(rv_strs_json(op, groups, n_groups, &v.groups_json, err));
	struct rv_err e = { 0 };
	enum rv_code code = rv_db_vote_insert(op->txn, &v, &e);
	if (code == RV_EEXIST)
		return RV_FAIL(
			err, RV_ECONFLICT, "'%.*s' has decided this already", RV_FMT(op->actor.id));
	if (code != RV_OK)
		return RV_FAIL(err, code, "%s", e.msg);
	RV_TRY(rv_detail(
		op, &detail, err, "vote", v.vote, "reason", reason, "digest", row->digest, NULL));
	const struct rv_event ev = { .kind = RV_EV_APPROVAL_VOTED,
		.system = row->system,
		.owner = row->owner,
		.action = row->action,
		.resource_type = row->resource_type,
		.resource_id = row->resource_id,
		.approval = row->id,
		.args_digest = row->digest,
		.cause = row->decision_event,
		.detail_json = detail };
	return rv_op_event(op, &ev, (struct rv_str){ 0 }, NULL, err);
}

static enum rv_code check_open(struct rv_op *op, const struct rv_db_approval *row,
	struct rv_str digest, struct rv_str reason, struct rv_err *err)
{
	if (!rv_str_eqz(row->state, "pending"))
		return RV_FAIL(err, RV_ECONFLICT, "approval '%.*s' is %.*s", RV_FMT(row->id),
			RV_FMT(row->state));
	if (row->expires_ns <= op->now_ns)
		return RV_FAIL(err, RV_ECONFLICT, "approval '%.*s' has expired", RV_FMT(row->id));
	if (digest.n > 0 && !rv_str_eq(digest, row->digest))
		return RV_FAIL(err, RV_ECONFLICT,
			"what you looked at (%.*s) is not what is asked (%.*s)", RV_FMT(digest),
			RV_FMT(row->digest));
	if (reason.n > RV_HOLD_REASON_MAX)
		return RV_FAIL(err, RV_ELIMIT, "a reason has at most %d bytes", RV_HOLD_REASON_MAX);
	return RV_OK;
}

enum rv_code rv_hold_vote(struct rv_op *op, struct rv_str id, struct rv_str digest, bool approve,
	struct rv_str reason, struct rv_hold *ret, struct rv_err *err)
{
	const struct rv_str *groups;
	size_t n_groups;
	struct rv_hold h;
	RV_TRY(rv_hold_get(op, id, &h, err));
	if (op->actor.type != RV_ACTOR_PERSON)
		return RV_FAIL(err, RV_EPERM, "%s '%.*s' may not decide: only people approve",
			rv_actor_type_name(op->actor.type), RV_FMT(op->actor.id));
	RV_TRY(rv_hold_may_vote(
		op, &h.row, h.waives, h.n_waives, op->actor.id, &groups, &n_groups, err));
	RV_TRY(check_open(op, &h.row, digest, reason, err));
	RV_TRY(record(op, &h.row, approve, reason, groups, n_groups, err));
	RV_TRY(rv_hold_view(op, &h.row, &h, err));
	if (!approve) {
		h.row.decided_ns = op->now_ns;
		RV_TRY(rv_hold_move(op, &h.row, "denied", RV_EV_APPROVAL_DENIED, reason, err));
	} else if (h.missing == 0) {
		int64_t life = INT64_MAX - op->now_ns;
		for (size_t i = 0; i < h.n_waives; i++)
			if (h.waives[i].expires_ns < life)
				life = h.waives[i].expires_ns;
		h.row.decided_ns = op->now_ns;
		h.row.use_until_ns = op->now_ns + life;
		RV_TRY(rv_hold_move(op, &h.row, "approved", RV_EV_APPROVAL_APPROVED, reason, err));
	}
	*ret = h;
	return RV_OK;
}
