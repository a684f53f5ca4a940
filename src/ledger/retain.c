/* Retention. What is older than a policy allows is taken out of full segments: the side bytes of
 * records (argument text, sealed), or whole leaves, of which the hash and the time stay (segment.c,
 * "RVH1"). Every proof made before or after stays valid, for the tree knows hashes only. The act is
 * an event of the log before it is done; verify holds what is gone against these events.
 *
 * A segment is written anew beside the old one and renamed over it; its index is removed first. A
 * crash leaves the old or the new segment, and the next open makes the index again. Leaves go in
 * whole bundles of 256, oldest first, so that what c2sp.org/tlog-tiles calls the minimum index is
 * all there is to know. */
#include "base/file.h"
#include "ledger/ledger_int.h"

static void lock(pthread_mutex_t *m)
{
	rv_assert(pthread_mutex_lock(m) == 0);
}

static void unlock(pthread_mutex_t *m)
{
	rv_assert(pthread_mutex_unlock(m) == 0);
}

/* First record logged at or after `ns`; no later than the end of the last full segment. mu held. */
static uint64_t first_since(const struct rv_ledger *l, int64_t ns)
{
	uint64_t end = 0;
	for (size_t i = 0; i + 1 < l->n_segs; i++) {
		const struct rv_seg *s = l->segs[i];
		if (!s->map)
			break; /* full, but its index is not written yet */
		end = s->first + s->n;
		if (s->logged[s->n - 1] < ns)
			continue;
		uint32_t from = 0, to = s->n;
		while (from < to) {
			uint32_t mid = from + (to - from) / 2;
			if (s->logged[mid] < ns)
				from = mid + 1;
			else
				to = mid;
		}
		return s->first + from;
	}
	return end;
}

struct cut {
	uint64_t leaves_below, sides_below;
};

static struct cut cut_of(struct rv_ledger *l, const struct rv_retention *p)
{
	struct cut c = { 0 };
	lock(&l->mu);
	if (p->events_before_ns)
		c.leaves_below = first_since(l, p->events_before_ns);
	if (p->texts_before_ns)
		c.sides_below = first_since(l, p->texts_before_ns);
	/* Only what is signed, and whole bundles. */
	if (c.leaves_below > l->signed_size)
		c.leaves_below = l->signed_size;
	unlock(&l->mu);
	c.leaves_below -= c.leaves_below % RV_TILE_LEAVES;
	if (c.sides_below < c.leaves_below)
		c.sides_below = c.leaves_below;
	return c;
}

/* ---- one segment ---- */

struct rewrite {
	struct cut cut;
	struct rv_buf out;
	struct rv_retained *r;
	enum rv_code code;
	struct rv_err *err;
};

static bool copy_one(void *arg, const struct rv_rec *rec)
{
	struct rewrite *w = arg;
	bool drop_leaf = rec->seq < w->cut.leaves_below && !rec->is_dropped;
	bool drop_side = rec->seq < w->cut.sides_below && rec->side.n > 0;
	size_t side_n = drop_side ? 0 : rec->side.n;
	size_t n = rec->is_dropped || drop_leaf ? rv_rec_hash_size()
						: rv_rec_size(rec->leaf.n, side_n);
	struct rv_sha256 h;
	int64_t logged_ns = rec->logged_ns;
	uint64_t seq;
	struct rv_str event;
	char *p = rv_buf_room(&w->out, n + 8);
	if (!p)
		return false;
	rv_rec_hash(rec, &h);
	if (drop_leaf) {
		w->code = rv_leaf_open(rec->leaf, &seq, &logged_ns, &event, w->err);
		if (w->code != RV_OK)
			return false;
	}
	if (rec->is_dropped || drop_leaf) {
		rv_rec_seal_hash(p, rec, &h, logged_ns);
	} else {
		memcpy(p + RV_REC_HEAD, rec->leaf.p, rec->leaf.n);
		if (side_n > 0)
			memcpy(p + RV_REC_HEAD + rec->leaf.n, rec->side.p, side_n);
		rv_rec_seal(p, rec->seq, rec->batch, rec->leaf.n, side_n);
	}
	w->out.n += n;
	w->r->events += drop_leaf;
	w->r->texts += drop_side;
	return true;
}

static enum rv_code build(struct rv_str old, uint64_t first, struct rewrite *w)
{
	struct rv_seg_scan scan;
	w->code = RV_OK;
	rv_buf_add(&w->out, rv_str_sub(old, 0, RV_SEG_HEAD));
	rv_seg_scan(old, first, copy_one, w, &scan);
	RV_TRY(w->code);
	RV_TRY(rv_buf_ok(&w->out, w->err));
	return scan.end == RV_SEG_CLEAN
		? RV_OK
		: RV_FAIL(w->err, RV_ECORRUPT,
			  "the segment of event %llu is damaged at byte %llu; nothing was dropped "
			  "from it",
			  (unsigned long long)first, (unsigned long long)scan.used);
}

/* The leaf hashes must be those the tree was made of. */
static bool is_same_tree(const struct rv_seg *a, const struct rv_seg *b)
{
	return a->n == b->n && memcmp(a->hash, b->hash, a->n * sizeof *a->hash) == 0;
}

static enum rv_code swap(struct rv_ledger *l, size_t i, struct rewrite *w)
{
	char name[RV_SEG_NAME], seg[RV_PATH], idx[RV_PATH], tmp[RV_PATH + 8];
	lock(&l->mu);
	struct rv_seg *old = l->segs[i]; /* only this thread frees full ones */
	unlock(&l->mu);
	struct rv_seg *now = rv_seg_new(old->first);
	if (!now)
		return RV_FAIL(w->err, RV_ENOMEM, "out of memory");
	rv_seg_name(old->first, "seg", name);
	rv_ledger_path(l, name, seg);
	rv_seg_name(old->first, "idx", name);
	rv_ledger_path(l, name, idx);
	snprintf(tmp, sizeof tmp, "%s.new", seg);
	enum rv_code code = rv_ledger_read_full(l, rv_buf_str(&w->out), now, w->err);
	if (code == RV_OK && !is_same_tree(old, now))
		code = RV_FAIL(w->err, RV_ECORRUPT,
			"the segment of event %llu is not what the tree was made of",
			(unsigned long long)old->first);
	if (code == RV_OK)
		code = rv_file_write(tmp, rv_buf_str(&w->out), 0600, w->err);
	if (code == RV_OK && unlink(idx) != 0 && errno != ENOENT)
		code = RV_FAIL(w->err, RV_EIO, "remove '%s': %s", idx, strerror(errno));
	if (code != RV_OK) {
		rv_seg_free(now);
		(void)unlink(tmp); /* may not be there */
		return code;
	}
	/* A reader that looked up its place before looks again when it sees the count. */
	lock(&l->mu);
	bool ok = rename(tmp, seg) == 0;
	int e = errno;
	if (ok) {
		l->segs[i] = now;
		l->rewrites++;
	}
	unlock(&l->mu);
	if (!ok) {
		rv_seg_free(now);
		return RV_FAIL(w->err, RV_EIO, "rename '%s': %s", tmp, strerror(e));
	}
	rv_seg_free(old);
	RV_TRY(rv_dir_sync(l->dir, w->err));
	rv_ledger_seal(l, i, false);
	return RV_OK;
}

static enum rv_code one_segment(struct rv_ledger *l, size_t i, struct cut cut, bool is_dry,
	struct rv_retained *r, struct rv_err *err)
{
	RV_AUTO_FREE char *p = NULL;
	size_t n;
	uint64_t before = r->events + r->texts;
	lock(&l->mu);
	uint64_t first = l->segs[i]->first;
	unlock(&l->mu);
	if (first >= cut.sides_below)
		return RV_OK;
	struct rewrite w = { .cut = cut, .r = r, .err = err };
	rv_buf_init(&w.out, SIZE_MAX);
	enum rv_code code = rv_seg_load(l->dir, first, &p, &n, err);
	if (code == RV_OK)
		code = build(rv_str_n(p, n), first, &w);
	if (code == RV_OK && r->events + r->texts > before) {
		r->bytes += n > w.out.n ? n - w.out.n : 0;
		r->segments++;
		if (!is_dry)
			code = swap(l, i, &w);
	}
	rv_buf_done(&w.out);
	return code;
}

static enum rv_code pass(
	struct rv_ledger *l, struct cut cut, bool is_dry, struct rv_retained *r, struct rv_err *err)
{
	*r = (struct rv_retained){ .events_below = cut.leaves_below,
		.texts_below = cut.sides_below };
	lock(&l->mu);
	size_t n = l->n_segs;
	unlock(&l->mu);
	for (size_t i = 0; i + 1 < n; i++)
		RV_TRY(one_segment(l, i, cut, is_dry, r, err));
	return RV_OK;
}

/* ---- the act ---- */

static enum rv_code log_it(struct rv_ledger *l, const struct rv_retention *p,
	const struct rv_retained *r, struct rv_err *err)
{
	struct rv_uuid u;
	struct rv_json_w w;
	char id[RV_UUID_SIZE], time[RV_TIME_SIZE];
	int64_t now = rv_clock_unix_ns(l->clock);
	RV_AUTO_BUF b;
	rv_buf_init(&b, 4096);
	rv_uuid7(now, &u);
	rv_json_w_init(&w, &b);
	rv_json_w_obj(&w);
	rv_json_w_kv_strz(&w, "id", rv_uuid_format(&u, id));
	rv_json_w_kv_strz(&w, "time", rv_time_format(now, time));
	rv_json_w_kv_strz(&w, "kind", "service.retention");
	rv_json_w_name(&w, "actor");
	rv_json_w_obj(&w);
	rv_json_w_kv_strz(&w, "type", p->actor.n > 0 ? "person" : "service");
	rv_json_w_kv_str(&w, "id", p->actor.n > 0 ? p->actor : RV_STR("ledger"));
	rv_json_w_obj_end(&w);
	rv_json_w_kv_strz(&w, "evidence", "enforced");
	rv_json_w_name(&w, "detail");
	rv_json_w_obj(&w);
	rv_json_w_kv_i64(&w, "events_below", (int64_t)r->events_below);
	rv_json_w_kv_i64(&w, "texts_below", (int64_t)r->texts_below);
	rv_json_w_kv_i64(&w, "events", (int64_t)r->events);
	rv_json_w_kv_i64(&w, "texts", (int64_t)r->texts);
	if (p->events_before_ns)
		rv_json_w_kv_strz(&w, "events_before", rv_time_format(p->events_before_ns, time));
	if (p->texts_before_ns)
		rv_json_w_kv_strz(&w, "texts_before", rv_time_format(p->texts_before_ns, time));
	rv_json_w_obj_end(&w);
	rv_json_w_obj_end(&w);
	RV_TRY(rv_buf_ok(&b, err));
	const struct rv_ledger_record rec = { .event = rv_buf_str(&b), .is_control = true };
	return rv_ledger_append(l, &rec, 1, NULL, err);
}

enum rv_code rv_ledger_retain(struct rv_ledger *l, const struct rv_retention *p,
	struct rv_retained *ret, struct rv_err *err)
{
	struct rv_retained would;
	rv_assert(l && l->magic == RV_LEDGER_MAGIC);
	if (!p->is_dry && !l->is_writer)
		return RV_FAIL(err, RV_EAUDIT, "the log is open for reading only");
	struct cut cut = cut_of(l, p);
	lock(&l->retain_mu);
	enum rv_code code = pass(l, cut, true, &would, err);
	if (code == RV_OK && !p->is_dry && would.segments > 0) {
		code = log_it(l, p, &would, err);
		if (code == RV_OK)
			code = pass(l, cut, false, &would, err);
	}
	unlock(&l->retain_mu);
	if (code == RV_OK)
		*ret = would;
	return code;
}
