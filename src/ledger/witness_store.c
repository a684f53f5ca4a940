/* A witness: for each log it knows the newest checkpoint it has cosigned, in a file of its own,
 * durable before the answer leaves. The file is a signed note: the log's checkpoint with the
 * signatures of the log that were verified and the witness's cosignature, named by the SHA-256 of
 * the origin. */
#include "base/file.h"
#include "ledger/ledger_int.h"

enum { MAGIC = 0x7769746e, LOGS_MAX = 1024 };

struct rv_witness {
	uint32_t magic;
	char *dir, *name, **logs; /* verifier keys of the logs */
	size_t n_logs;
	struct rv_ledger_key key;
	const struct rv_clock *clock;
	pthread_mutex_t mu; /* look, check, store: one at a time */
};

void rv_witness_free(struct rv_witness *w)
{
	if (!w)
		return;
	rv_assert(w->magic == MAGIC);
	for (size_t i = 0; i < w->n_logs; i++)
		free(w->logs[i]);
	free(w->logs);
	free(w->dir);
	free(w->name);
	rv_ledger_key_wipe(&w->key);
	(void)pthread_mutex_destroy(&w->mu);
	w->magic = 0;
	free(w);
}

static enum rv_code fill(struct rv_witness *w, const struct rv_witness_opts *o, struct rv_err *err)
{
	if (o->n_logs > LOGS_MAX)
		return RV_FAIL(err, RV_ELIMIT, "a witness knows at most %d logs", LOGS_MAX);
	RV_TRY(rv_note_check_name(rv_str_of(o->name), err));
	w->dir = strdup(o->dir);
	w->name = strdup(o->name);
	w->logs = calloc(o->n_logs + 1, sizeof *w->logs);
	if (!w->dir || !w->name || !w->logs)
		return RV_FAIL(err, RV_ENOMEM, "out of memory");
	for (; w->n_logs < o->n_logs; w->n_logs++) {
		enum rv_code code = rv_note_check_vkey(o->log_vkeys[w->n_logs], err);
		if (code != RV_OK) {
			rv_err_prefix(err, "log %zu: ", w->n_logs + 1);
			return code;
		}
		w->logs[w->n_logs] = strdup(o->log_vkeys[w->n_logs]);
		if (!w->logs[w->n_logs])
			return RV_FAIL(err, RV_ENOMEM, "out of memory");
	}
	return rv_dir_make(o->dir, 0700, err);
}

enum rv_code rv_witness_new(
	const struct rv_witness_opts *o, struct rv_witness **ret, struct rv_err *err)
{
	struct rv_witness *w = calloc(1, sizeof *w);
	if (!w)
		return RV_FAIL(err, RV_ENOMEM, "out of memory");
	w->magic = MAGIC;
	w->key = *o->key;
	w->clock = o->clock ? o->clock : rv_clock_system();
	rv_assert(pthread_mutex_init(&w->mu, NULL) == 0);
	enum rv_code code = fill(w, o, err);
	if (code == RV_OK)
		*ret = w;
	else
		rv_witness_free(w);
	return code;
}

static void path_of(const struct rv_witness *w, const char *origin_hash, struct rv_buf *out)
{
	rv_buf_printf(out, "%s/%s", w->dir, origin_hash);
}

static void hash_of(struct rv_str origin, char ret[65])
{
	struct rv_sha256 h;
	rv_sha256_of(origin, &h);
	rv_hex_z(h.b, sizeof h.b, ret);
}

/* The newest note of that log; empty when there is none. mu held. */
static enum rv_code load(struct rv_witness *w, const char *origin_hash, struct rv_arena *a,
	struct rv_str *ret, struct rv_err *err)
{
	struct rv_err e = { 0 };
	RV_AUTO_BUF path;
	rv_buf_init(&path, 4096);
	path_of(w, origin_hash, &path);
	RV_TRY(rv_buf_ok(&path, err));
	enum rv_code code = rv_file_read(a, rv_buf_z(&path), RV_CHECKPOINT_MAX, ret, &e);
	if (code == RV_ENOENT) {
		*ret = RV_STR("");
		return RV_OK;
	}
	return code == RV_OK ? RV_OK : RV_FAIL(err, RV_EIO, "%s", e.msg);
}

/* Which of the known keys signed it. RV_ENOENT: no log of that origin; RV_EPERM: none of its keys.
 */
static enum rv_code check_log(struct rv_witness *w, struct rv_str note,
	const struct rv_checkpoint *c, const char **ret_vkey, struct rv_err *err)
{
	bool is_known = false;
	for (size_t i = 0; i < w->n_logs; i++) {
		struct rv_vkey k;
		struct rv_checkpoint again;
		RV_TRY(rv_vkey_parse(rv_str_of(w->logs[i]), RV_SIG_ED25519, &k, err));
		if (!rv_str_eqz(k.name, c->origin))
			continue;
		is_known = true;
		if (rv_checkpoint_open(note, w->logs[i], &again, NULL) == RV_OK) {
			*ret_vkey = w->logs[i];
			return RV_OK;
		}
	}
	if (!is_known)
		return RV_FAIL(
			err, RV_ENOENT, "this witness does not know the log '%s'", c->origin);
	return RV_FAIL(
		err, RV_EPERM, "no good signature of a key that is trusted for '%s'", c->origin);
}

static enum rv_code check_tree(const struct rv_witness_request *q,
	const struct rv_checkpoint *stored, const struct rv_checkpoint *now, struct rv_err *err)
{
	struct rv_sha256 empty;
	rv_sha256_of(RV_STR(""), &empty);
	if (now->size == 0 && !rv_sha256_eq(&now->root, &empty))
		return RV_FAIL(err, RV_ECORRUPT, "an empty tree has another root");
	if (q->old_size == 0 && q->proof.n > 0)
		return RV_FAIL(err, RV_ECORRUPT, "a first checkpoint comes without a proof");
	return rv_tree_check_consistency(
		stored->size, &stored->root, now->size, &now->root, &q->proof, err);
}

/* Checkpoint, the log's signature that was verified, ours; and ours alone in out. */
static enum rv_code cosign(struct rv_witness *w, struct rv_str note, const char *vkey,
	struct rv_buf *file, struct rv_buf *out, struct rv_err *err)
{
	struct rv_str body, sigs;
	struct rv_vkey k;
	RV_TRY(rv_vkey_parse(rv_str_of(vkey), RV_SIG_ED25519, &k, err));
	RV_TRY(rv_note_split(note, &body, &sigs, err));
	rv_buf_add(file, body);
	rv_buf_addc(file, '\n');
	while (sigs.n > 0) {
		struct rv_str name;
		uint8_t raw[RV_SIG_MAX];
		size_t n;
		RV_TRY(rv_note_next_sig(&sigs, &name, raw, &n, err));
		if (n >= 4 && rv_str_eq(name, k.name) && memcmp(raw, k.id, 4) == 0)
			rv_sig_line(name, raw, n, file);
	}
	RV_TRY(rv_witness_cosign(
		note, &w->key, rv_str_of(w->name), rv_clock_unix_ns(w->clock), out, err));
	rv_buf_add(file, rv_buf_str(out));
	return rv_buf_ok(file, err);
}

static enum rv_code store(
	struct rv_witness *w, const char *hash, struct rv_str file, struct rv_err *err)
{
	RV_AUTO_BUF path;
	rv_buf_init(&path, 4096);
	path_of(w, hash, &path);
	RV_TRY(rv_buf_ok(&path, err));
	return rv_file_write(rv_buf_z(&path), file, 0600, err);
}

/* mu held. */
static enum rv_code add(struct rv_witness *w, const struct rv_witness_request *q,
	const struct rv_checkpoint *now, const char *vkey, struct rv_buf *out, struct rv_err *err)
{
	char hash[65];
	struct rv_str old;
	struct rv_checkpoint stored = { .size = 0 };
	RV_AUTO_ARENA a;
	RV_AUTO_BUF file;
	rv_arena_init(&a, 4 * RV_CHECKPOINT_MAX);
	rv_buf_init(&file, RV_CHECKPOINT_MAX);
	hash_of(rv_str_of(now->origin), hash);
	RV_TRY(load(w, hash, &a, &old, err));
	if (old.n > 0)
		RV_TRY(rv_checkpoint_open(old, NULL, &stored, err));
	if (q->old_size != stored.size) {
		rv_buf_printf(out, "%llu\n", (unsigned long long)stored.size);
		return RV_FAIL(err, RV_ECONFLICT, "the newest cosigned size is %llu, not %llu",
			(unsigned long long)stored.size, (unsigned long long)q->old_size);
	}
	RV_TRY(check_tree(q, &stored, now, err));
	RV_TRY(cosign(w, q->note, vkey, &file, out, err));
	return store(w, hash, rv_buf_str(&file), err);
}

enum rv_code rv_witness_add(
	struct rv_witness *w, struct rv_str body, struct rv_buf *out, struct rv_err *err)
{
	struct rv_witness_request q;
	struct rv_checkpoint now;
	const char *vkey;
	rv_assert(w && w->magic == MAGIC);
	rv_buf_clear(out);
	RV_TRY(rv_witness_request_parse(body, &q, err));
	RV_TRY(rv_checkpoint_open(q.note, NULL, &now, err));
	RV_TRY(check_log(w, q.note, &now, &vkey, err));
	if (q.old_size > now.size)
		return RV_FAIL(err, RV_EINVAL, "the old size %llu is larger than the new one, %llu",
			(unsigned long long)q.old_size, (unsigned long long)now.size);
	rv_assert(pthread_mutex_lock(&w->mu) == 0);
	enum rv_code code = add(w, &q, &now, vkey, out, err);
	rv_assert(pthread_mutex_unlock(&w->mu) == 0);
	if (code != RV_OK && code != RV_ECONFLICT)
		rv_buf_clear(out);
	return code;
}

enum rv_code rv_witness_latest(
	struct rv_witness *w, struct rv_str origin_hash, struct rv_buf *out, struct rv_err *err)
{
	uint8_t raw[32];
	char hash[65];
	struct rv_str note;
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 4 * RV_CHECKPOINT_MAX);
	rv_assert(w && w->magic == MAGIC);
	if (!rv_hex_parse(origin_hash, raw, sizeof raw))
		return RV_FAIL(err, RV_ENOENT, "not the SHA-256 of an origin");
	rv_hex_z(raw, sizeof raw, hash);
	if (!rv_str_eqz(origin_hash, hash)) /* upper case: another name */
		return RV_FAIL(err, RV_ENOENT, "not the SHA-256 of an origin");
	rv_assert(pthread_mutex_lock(&w->mu) == 0);
	enum rv_code code = load(w, hash, &a, &note, err);
	rv_assert(pthread_mutex_unlock(&w->mu) == 0);
	RV_TRY(code);
	if (note.n == 0)
		return RV_FAIL(err, RV_ENOENT, "no checkpoint of that log was cosigned yet");
	rv_buf_add(out, note);
	return rv_buf_ok(out, err);
}
