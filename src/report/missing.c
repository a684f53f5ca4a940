/* What is missing: controls of the class's floor, somebody who answers, credentials, reviews. */
#include <stdio.h>

#include "report/report_int.h"

#define DAY_NS (86400 * RV_NS_PER_S)
enum { SOON_DAYS = 7 };

enum rv_code board_miss(struct rv_board *b, const char *what, struct rv_str subject,
	struct rv_str text, struct rv_str command, struct rv_err *err)
{
	if (b->n_missing == b->cap_missing) {
		size_t cap = b->cap_missing ? b->cap_missing * 2 : 16;
		struct board_missing *v = rv_arena_array(b->arena, cap, sizeof *v);
		if (!v)
			return RV_FAIL_ARENA(err);
		if (b->n_missing > 0)
			memcpy(v, b->missing, b->n_missing * sizeof *v);
		b->missing = v;
		b->cap_missing = cap;
	}
	struct board_missing *m = &b->missing[b->n_missing];
	m->what = what;
	RV_TRY(board_keep(b, subject, &m->subject, err));
	RV_TRY(board_keep(b, text, &m->text, err));
	RV_TRY(board_keep(b, command, &m->command, err));
	b->n_missing++;
	return RV_OK;
}

static enum rv_code find_gaps(struct rv_board *b, struct rv_op *op, struct rv_err *err)
{
	struct rv_gap *gaps;
	size_t n;
	RV_TRY(rv_gaps(op, RV_STR(""), &gaps, &n, err));
	for (size_t i = 0; i < n; i++)
		RV_TRY(board_miss(
			b, "control", gaps[i].system, gaps[i].control, gaps[i].command, err));
	return RV_OK;
}

static enum rv_code find_owners(struct rv_board *b, struct rv_err *err)
{
	for (size_t i = 0; i < b->n_systems; i++) {
		const struct board_system *s = &b->systems[i];
		char when[RV_TIME_SIZE], text[200];
		if (!s->has_owner)
			RV_TRY(board_miss(b, "owner", s->name,
				RV_STR("nobody who is still here answers for it"),
				RV_STR("set 'owner' in its manifest, then: reeve apply -f FILE"),
				err));
		if (s->unseparated_until_ns == 0)
			continue;
		snprintf(text, sizeof text, "one person alone approved it; that ends %s",
			rv_time_format(s->unseparated_until_ns, when));
		RV_TRY(board_miss(b, "second person", s->name, rv_str_of(text),
			RV_STR("give a second person the right 'governor', who approves it anew"),
			err));
	}
	return RV_OK;
}

/* The credential of a subject that lasts longest says how it stands with it. */
static enum rv_code judge_credential(struct rv_board *b, struct rv_str kind, struct rv_str subject,
	int64_t expires_ns, struct rv_err *err)
{
	char text[200], command[300], when[RV_TIME_SIZE];
	if (expires_ns > b->now_ns + SOON_DAYS * DAY_NS)
		return RV_OK;
	snprintf(text, sizeof text, "its last credential %s %s",
		expires_ns > b->now_ns ? "expires" : "expired", rv_time_format(expires_ns, when));
	snprintf(command, sizeof command, "reeve system token %.*s%s --ttl 30d", RV_FMT(subject),
		rv_str_eqz(kind, "point") ? " --point" : "");
	return board_miss(b, "credential", subject, rv_str_of(text), rv_str_of(command), err);
}

static bool is_live(const struct rv_board *b, struct rv_str kind, struct rv_str subject)
{
	for (size_t i = 0; rv_str_eqz(kind, "system") && i < b->n_systems; i++)
		if (rv_str_eq(b->systems[i].name, subject))
			return b->systems[i].is_active;
	for (size_t i = 0; rv_str_eqz(kind, "point") && i < b->n_points; i++)
		if (rv_str_eq(b->points[i].name, subject))
			return true;
	return false;
}

static enum rv_code find_credentials(
	struct rv_board *b, struct rv_op *op, const char *kind, struct rv_err *err)
{
	struct rv_db_credential *rows;
	size_t n;
	const struct rv_query q = {
		.where = { RV_Q_STR(credential, kind, RV_CMP_EQ, rv_str_of(kind)),
			RV_Q_INT(credential, revoked_ns, RV_CMP_EQ, 0) },
		.n_where = 2,
		.is_ordered = true,
		.order_offset = offsetof(struct rv_db_credential, subject)
	};
	RV_TRY(rv_db_credential_list(op->txn, op->arena, &q, &rows, &n, err));
	for (size_t i = 0; i < n;) {
		int64_t latest = 0;
		size_t k = i;
		for (; k < n && rv_str_eq(rows[k].subject, rows[i].subject); k++)
			if (rows[k].expires_ns > latest)
				latest = rows[k].expires_ns;
		if (is_live(b, rv_str_of(kind), rows[i].subject))
			RV_TRY(judge_credential(b, rv_str_of(kind), rows[i].subject, latest, err));
		i = k;
	}
	return RV_OK;
}

enum rv_code board_find_missing(struct rv_board *b, struct rv_op *op, struct rv_err *err)
{
	RV_TRY(find_gaps(b, op, err));
	RV_TRY(find_owners(b, err));
	RV_TRY(find_credentials(b, op, "system", err));
	return find_credentials(b, op, "point", err);
}

enum rv_code board_find_overdue(struct rv_board *b, struct rv_err *err)
{
	for (size_t i = 0; i < b->n_systems; i++) {
		const struct board_system *s = &b->systems[i];
		int64_t last = s->counts.reviewed_ns > s->approved_ns ? s->counts.reviewed_ns
								      : s->approved_ns;
		char text[200], when[RV_TIME_SIZE];
		if (last == 0 || last + s->cadence_ns > b->now_ns)
			continue;
		snprintf(text, sizeof text, "its review was due %s",
			rv_time_format(last + s->cadence_ns, when));
		RV_TRY(board_miss(b, "review", s->name, rv_str_of(text),
			RV_STR("review what it reaches and what it is for, then approve it anew"),
			err));
	}
	return RV_OK;
}
