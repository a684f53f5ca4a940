/* When writing fails. A full disk: ordinary records are refused, the reserve is given back to the
 * file system, and control records go on. Anything else: all are refused; before the next write the
 * last segment is opened again, cut to its last durable record, synced and read back. Either way
 * the writer tries again by itself until the log can be written as before, and records how long
 * that took as service.ledger_recovered. */
#include "ledger/ledger_int.h"

static void lock(pthread_mutex_t *m)
{
	rv_assert(pthread_mutex_lock(m) == 0);
}

static void unlock(pthread_mutex_t *m)
{
	rv_assert(pthread_mutex_unlock(m) == 0);
}

static int64_t mono(void)
{
	return rv_clock_mono_ns(rv_clock_system());
}

static bool is_full(int e)
{
	return e == ENOSPC || e == EDQUOT;
}

void rv_ledger_note_event(struct rv_ledger *l, const char *kind, const struct rv_note_num *detail,
	size_t n, int64_t now_ns)
{
	struct rv_uuid u;
	struct rv_json_w w;
	struct rv_job_rec *j;
	char id[RV_UUID_SIZE], time[RV_TIME_SIZE];
	RV_AUTO_BUF b;
	rv_buf_init(&b, 4096);
	rv_uuid7(now_ns, &u);
	rv_json_w_init(&w, &b);
	rv_json_w_obj(&w);
	rv_json_w_kv_strz(&w, "id", rv_uuid_format(&u, id));
	rv_json_w_kv_strz(&w, "time", rv_time_format(now_ns, time));
	rv_json_w_kv_strz(&w, "kind", kind);
	rv_json_w_name(&w, "actor");
	rv_json_w_obj(&w);
	rv_json_w_kv_strz(&w, "type", "service");
	rv_json_w_kv_strz(&w, "id", "ledger");
	rv_json_w_obj_end(&w);
	rv_json_w_kv_strz(&w, "evidence", "enforced");
	rv_json_w_name(&w, "detail");
	rv_json_w_obj(&w);
	for (size_t i = 0; i < n; i++)
		rv_json_w_kv_i64(&w, detail[i].name, detail[i].value);
	rv_json_w_obj_end(&w);
	rv_json_w_obj_end(&w);
	const struct rv_ledger_record r = { .event = rv_buf_str(&b), .is_control = true };
	if (rv_job_new(&r, &j, NULL) == RV_OK) /* else memory is out, and this is the least of it */
		rv_list_push(&l->ours, j);
}

static void set_state(struct rv_ledger *l, enum rv_ledger_state s, const char *reason)
{
	lock(&l->q_mu);
	l->state = s;
	snprintf(l->reason, sizeof l->reason, "%s", reason);
	/* Who waits for room learns of it. */
	rv_assert(pthread_cond_broadcast(&l->q_room) == 0);
	unlock(&l->q_mu);
	if (s == RV_LEDGER_OPEN || s == RV_LEDGER_BROKEN) {
		l->retry_at = 0;
		l->retry_ms = 0;
		l->failing_since = 0;
		return;
	}
	l->retry_ms = l->retry_ms ? l->retry_ms * 2 : RV_RETRY_MIN_MS;
	if (l->retry_ms > RV_RETRY_MAX_MS)
		l->retry_ms = RV_RETRY_MAX_MS;
	l->retry_at = mono() + l->retry_ms * RV_NS_PER_MS;
	if (!l->failing_since)
		l->failing_since = mono();
}

static void keep_control(struct rv_list *from, struct rv_list *control, struct rv_list *others)
{
	for (struct rv_job_rec *r; (r = rv_list_pop(from));)
		rv_list_push(r->is_control ? control : others, r);
}

static void set_full(struct rv_ledger *l)
{
	set_state(l, RV_LEDGER_FULL,
		"the disk is full; it goes on by itself when there is room again");
}

static void set_failed(struct rv_ledger *l, int e)
{
	char reason[128];
	snprintf(reason, sizeof reason, "writing fails: %s", strerror(e));
	l->must_check = true;
	set_state(l, RV_LEDGER_UNAVAILABLE, reason);
}

/* True: the reserve was there and is free now. */
static bool give_reserve(struct rv_ledger *l)
{
	lock(&l->q_mu);
	bool had = l->has_reserve;
	l->has_reserve = false;
	unlock(&l->q_mu);
	return had && rv_disk_reserve(l, false) == 0;
}

void rv_writer_failed(struct rv_ledger *l, int e, struct rv_list *now, struct rv_list *rest)
{
	struct rv_list control, others;
	rv_list_init(&control);
	rv_list_init(&others);
	if (!is_full(e)) {
		set_failed(l, e);
		rv_writer_finish(l, now, RV_EAUDIT);
		rv_writer_finish(l, rest, RV_EAUDIT);
		return;
	}
	set_full(l);
	keep_control(now, &control, &others);
	keep_control(rest, &control, &others);
	rv_writer_finish(l, &others, RV_EAUDIT);
	if (give_reserve(l))
		rv_list_move(rest, &control);
	else
		rv_writer_finish(l, &control, RV_EAUDIT);
}

void rv_writer_retry(struct rv_ledger *l)
{
	int64_t failing_ms = (mono() - l->failing_since) / RV_NS_PER_MS;
	int e = 0;
	if (l->must_check) {
		e = rv_disk_open_last(l, rv_ledger_last(l)->first, false, 0);
		if (e == 0)
			e = rv_disk_cut(l);
		if (e == 0)
			e = rv_disk_check_last(l);
	}
	if (e == EILSEQ) {
		set_state(l, RV_LEDGER_BROKEN,
			"the last segment reads back differently from what was written");
		return;
	}
	if (e == 0) {
		l->must_check = false;
		if (l->reserve_bytes)
			e = rv_disk_reserve(l, true);
		/* And room for one record of any size. */
		if (e == 0)
			e = rv_disk_extend(l, 2 * RV_LEDGER_LEAF_MAX);
	}
	if (e) {
		if (is_full(e))
			set_full(l);
		else
			set_failed(l, e);
		return;
	}
	lock(&l->q_mu);
	l->has_reserve = l->reserve_bytes > 0;
	int64_t refused = (int64_t)l->refused;
	l->refused = 0;
	unlock(&l->q_mu);
	const struct rv_note_num gap = { "ms", failing_ms };
	set_state(l, RV_LEDGER_OPEN, "");
	rv_ledger_note_event(l, "service.ledger_recovered", &gap, 1, rv_clock_unix_ns(l->clock));
	const struct rv_note_num denied = { "denied", refused };
	if (refused > 0)
		rv_ledger_note_event(
			l, "service.audit_gap", &denied, 1, rv_clock_unix_ns(l->clock));
}

void rv_writer_unhang(struct rv_ledger *l)
{
	lock(&l->q_mu);
	int64_t since = l->hung_since;
	l->hung_since = 0;
	unlock(&l->q_mu);
	if (!since)
		return;
	if (!l->failing_since || since < l->failing_since)
		l->failing_since = since;
	set_failed(l, ETIMEDOUT);
}
