/* Signing: root, note, durable file, only then published. What was signed once is never signed
 * otherwise, for at open the root at the signed size must come out again. */
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

enum rv_code rv_ledger_sign(struct rv_ledger *l, struct rv_err *err)
{
	struct rv_checkpoint c = { 0 };
	struct rv_leaf_src src = rv_ledger_leaves(l);
	struct rv_buf b;
	/* Only this thread changes the tree; the segments its leaves are in, retention changes too.
	 */
	c.size = l->tree.n;
	if (l->note.n > 0 && c.size == l->signed_size)
		return RV_OK;
	lock(&l->mu);
	rv_tree_root(&l->tree, &src, c.size, &c.root);
	unlock(&l->mu);
	snprintf(c.origin, sizeof c.origin, "%s", l->origin);
	rv_buf_init(&b, RV_CHECKPOINT_MAX);
	enum rv_code code = rv_checkpoint_sign(&c, &l->key, &b, err);
	if (code == RV_OK) {
		int e = rv_disk_write_file(l, RV_F_CHECKPOINT, rv_buf_str(&b));
		if (e)
			code = RV_FAIL(
				err, RV_EAUDIT, "cannot write the checkpoint: %s", strerror(e));
	}
	if (code == RV_OK) {
		lock(&l->mu);
		struct rv_buf old = l->note;
		l->note = b;
		b = old;
		l->signed_size = c.size;
		unlock(&l->mu);
	}
	rv_buf_done(&b);
	return code;
}

static enum rv_code sign_now(struct rv_ledger *l, struct rv_err *err)
{
	rv_assert(!pthread_equal(pthread_self(), l->thread));
	lock(&l->q_mu);
	if (l->is_closing) {
		unlock(&l->q_mu);
		return RV_FAIL(err, RV_EAUDIT, "the log is being closed");
	}
	if (l->hung_since) {
		enum rv_code hung = RV_FAIL(err, RV_EAUDIT, "%s", l->reason);
		unlock(&l->q_mu);
		return hung;
	}
	uint64_t ticket = ++l->sign_wanted;
	rv_assert(pthread_cond_signal(&l->q_work) == 0);
	while (l->sign_done < ticket)
		rv_assert(pthread_cond_wait(&l->q_signed, &l->q_mu) == 0);
	enum rv_code code = l->sign_code;
	if (code != RV_OK)
		code = RV_FAIL(err, RV_EAUDIT, "%s", l->checkpoint_error);
	unlock(&l->q_mu);
	return code;
}

enum rv_code rv_ledger_checkpoint(
	struct rv_ledger *l, bool fresh, struct rv_buf *out, struct rv_err *err)
{
	rv_assert(l && l->magic == RV_LEDGER_MAGIC);
	lock(&l->mu);
	bool is_behind = l->note.n == 0 || l->signed_size < l->tree.n;
	unlock(&l->mu);
	if (fresh && is_behind) {
		if (!l->has_thread)
			return RV_FAIL(err, RV_EAUDIT,
				"the log is open for reading only, and its newest events are not "
				"signed yet");
		RV_TRY(sign_now(l, err));
	}
	lock(&l->mu);
	bool is_there = l->note.n > 0;
	rv_buf_add(out, rv_buf_str(&l->note));
	unlock(&l->mu);
	if (!is_there)
		return RV_FAIL(err, RV_ENOENT, "nothing has been signed yet");
	return rv_buf_ok(out, err);
}

enum rv_code rv_ledger_root(
	struct rv_ledger *l, uint64_t size, struct rv_sha256 *ret, struct rv_err *err)
{
	struct rv_leaf_src src = rv_ledger_leaves(l);
	lock(&l->mu);
	uint64_t n = l->tree.n;
	if (size <= n)
		rv_tree_root(&l->tree, &src, size ? size : n, ret);
	unlock(&l->mu);
	return size <= n ? RV_OK
			 : RV_FAIL(err, RV_ENOENT, "the log has %llu events, not %llu",
				   (unsigned long long)n, (unsigned long long)size);
}

enum rv_code rv_ledger_prove_inclusion(
	struct rv_ledger *l, uint64_t seq, uint64_t size, struct rv_proof *ret, struct rv_err *err)
{
	struct rv_leaf_src src = rv_ledger_leaves(l);
	lock(&l->mu);
	bool ok = size <= l->tree.n && seq < size;
	if (ok)
		rv_tree_inclusion(&l->tree, &src, seq, size, ret);
	unlock(&l->mu);
	return ok ? RV_OK
		  : RV_FAIL(err, RV_ENOENT, "there is no event %llu in a log of %llu",
			    (unsigned long long)seq, (unsigned long long)size);
}

enum rv_code rv_ledger_prove_consistency(struct rv_ledger *l, uint64_t old_size, uint64_t new_size,
	struct rv_proof *ret, struct rv_err *err)
{
	struct rv_leaf_src src = rv_ledger_leaves(l);
	lock(&l->mu);
	uint64_t n = l->tree.n;
	bool ok = old_size <= new_size && new_size <= n;
	if (ok)
		rv_tree_consistency(&l->tree, &src, old_size, new_size, ret);
	unlock(&l->mu);
	if (ok)
		return RV_OK;
	return RV_FAIL(err, RV_ENOENT, "no proof from %llu to %llu: the log has %llu events",
		(unsigned long long)old_size, (unsigned long long)new_size, (unsigned long long)n);
}

enum rv_code rv_ledger_rotations(struct rv_ledger *l, struct rv_buf *out, struct rv_err *err)
{
	char path[RV_PATH];
	RV_AUTO_ARENA a;
	struct rv_str text;
	struct rv_err e = { 0 };
	rv_arena_init(&a, 2 * RV_ROTATIONS_MAX);
	rv_ledger_path(l, RV_F_ROTATIONS, path);
	enum rv_code code = rv_file_read(&a, path, RV_ROTATIONS_MAX, &text, &e);
	if (code == RV_ENOENT)
		return RV_OK;
	if (code != RV_OK)
		return RV_FAIL(err, code, "%s", e.msg);
	rv_buf_add(out, text);
	return rv_buf_ok(out, err);
}

enum rv_code rv_ledger_cosigned(struct rv_ledger *l, struct rv_str note, struct rv_err *err)
{
	struct rv_checkpoint c;
	struct rv_sha256 root;
	char path[RV_PATH];
	struct rv_buf b;
	rv_assert(l && l->magic == RV_LEDGER_MAGIC);
	RV_TRY(rv_checkpoint_open(note, l->vkey, &c, err));
	RV_TRY(rv_ledger_root(l, c.size, &root, err));
	if (c.size == 0 || !rv_sha256_eq(&root, &c.root))
		return RV_FAIL(err, RV_ECORRUPT, "the cosigned checkpoint is not of this log");
	lock(&l->mu);
	bool is_old = c.size < l->witnessed_size;
	unlock(&l->mu);
	if (is_old)
		return RV_FAIL(err, RV_ECONFLICT, "a newer one was cosigned already");
	rv_ledger_path(l, RV_F_WITNESSED, path);
	RV_TRY(rv_file_write(path, note, 0600, err));
	rv_buf_init(&b, RV_CHECKPOINT_MAX);
	rv_buf_add(&b, note);
	enum rv_code code = rv_buf_ok(&b, err);
	if (code == RV_OK) {
		lock(&l->mu);
		struct rv_buf old = l->witnessed;
		l->witnessed = b;
		l->witnessed_size = c.size;
		b = old;
		unlock(&l->mu);
	}
	rv_buf_done(&b);
	return code;
}

enum rv_code rv_ledger_witnessed(struct rv_ledger *l, struct rv_buf *out, struct rv_err *err)
{
	lock(&l->mu);
	bool is_there = l->witnessed.n > 0;
	rv_buf_add(out, rv_buf_str(&l->witnessed));
	unlock(&l->mu);
	if (!is_there)
		return RV_FAIL(err, RV_ENOENT, "no checkpoint was cosigned yet");
	return rv_buf_ok(out, err);
}

uint64_t rv_ledger_await_signed(struct rv_ledger *l, uint64_t size, int64_t wait_ms)
{
	int64_t until = rv_clock_mono_ns(rv_clock_system()) + wait_ms * RV_NS_PER_MS;
	const struct timespec ts = { .tv_sec = until / RV_NS_PER_S,
		.tv_nsec = until % RV_NS_PER_S };
	uint64_t is;
	int e = 0;
	lock(&l->q_mu);
	for (;;) {
		lock(&l->mu);
		is = l->signed_size;
		unlock(&l->mu);
		if (is > size || e == ETIMEDOUT || l->is_closing)
			break;
		e = pthread_cond_timedwait(&l->q_signed, &l->q_mu, &ts);
	}
	unlock(&l->q_mu);
	return is;
}

/* A note that covers the record: the witnessed one where it does, else the newest. */
static enum rv_code covering_note(
	struct rv_ledger *l, uint64_t seq, struct rv_buf *note, struct rv_err *err)
{
	lock(&l->mu);
	bool is_witnessed = seq < l->witnessed_size, is_covered = seq < l->signed_size;
	unlock(&l->mu);
	return is_witnessed ? rv_ledger_witnessed(l, note, err)
			    : rv_ledger_checkpoint(l, !is_covered, note, err);
}

enum rv_code rv_ledger_receipt(
	struct rv_ledger *l, uint64_t seq, struct rv_buf *out, struct rv_err *err)
{
	struct rv_proof p;
	struct rv_checkpoint c;
	struct rv_reader r;
	struct rv_ledger_entry e;
	bool is_there = false;
	RV_AUTO_BUF note;
	rv_buf_init(&note, RV_CHECKPOINT_MAX);
	if (seq >= rv_ledger_size(l))
		return RV_FAIL(err, RV_ENOENT, "no event %llu", (unsigned long long)seq);
	RV_TRY(covering_note(l, seq, &note, err));
	RV_TRY(rv_checkpoint_open(rv_buf_str(&note), NULL, &c, err));
	RV_TRY(rv_ledger_prove_inclusion(l, seq, c.size, &p, err));
	/* Of an event that retention has dropped the place is proved, for whoever kept it. */
	rv_reader_init(&r, l);
	enum rv_code code = rv_reader_try(&r, seq, &e, &is_there, err);
	if (code == RV_OK)
		rv_receipt_write(seq, is_there ? e.leaf : RV_STR(""), &p, rv_buf_str(&note), out);
	rv_reader_done(&r);
	return code == RV_OK ? rv_buf_ok(out, err) : code;
}
