/* The data folder: made once by init, opened by serve. */
#include <dirent.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/file.h"
#include "governance/governance_int.h"
#include "governance/tally.h"
#include "ledger/ledger.h"

enum { PATH_SIZE = 4096, KEY_FILE_MAX = 4096 };

static enum rv_code path_in(
	const char *dir, const char *name, char out[PATH_SIZE], struct rv_err *err)
{
	int n = snprintf(out, PATH_SIZE, "%s/%s", dir, name);
	if (n < 0 || n >= PATH_SIZE)
		return RV_FAIL(err, RV_ELIMIT, "the folder's name is too long");
	return RV_OK;
}

/* ---- init ---- */

static enum rv_code need_empty(const char *dir, struct rv_err *err)
{
	RV_TRY(rv_dir_make(dir, 0700, err));
	DIR *d = opendir(dir);
	if (!d)
		return RV_FAIL(err, RV_EPERM, "cannot open '%s': %s", dir, strerror(errno));
	bool is_empty = true;
	const struct dirent *e;
	while (is_empty && (e = readdir(d)))
		is_empty = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
			strcmp(e->d_name, "lost+found") == 0 ||
			strcmp(e->d_name, RV_GOV_LEDGER_DIR) == 0; /* may be a disk of its own */
	(void)closedir(d); /* read only */
	if (!is_empty)
		return RV_FAIL(err, RV_EEXIST,
			"'%s' is not empty; an installation is made in a new folder", dir);
	if (chmod(dir, 0700) != 0)
		return RV_FAIL(
			err, RV_EPERM, "cannot set the mode of '%s': %s", dir, strerror(errno));
	return RV_OK;
}

static enum rv_code write_in(
	const char *dir, const char *name, struct rv_str bytes, mode_t mode, struct rv_err *err)
{
	char path[PATH_SIZE];
	RV_TRY(path_in(dir, name, path, err));
	return rv_file_create(path, bytes, mode, err);
}

static enum rv_code make_keys(
	const struct rv_init_opts *o, struct rv_buf *ret_vkey, struct rv_err *err)
{
	struct rv_seal_key master;
	struct rv_ledger_key log;
	rv_random(master.b, sizeof master.b);
	rv_ledger_key_generate(&log);
	enum rv_code code = rv_ledger_vkey(&log, rv_str_of(o->origin), ret_vkey, err);
	if (code == RV_OK)
		code = write_in(
			o->dir, RV_GOV_MASTER_KEY, rv_str_n(master.b, sizeof master.b), 0600, err);
	if (code == RV_OK)
		code = write_in(
			o->dir, RV_GOV_LOG_KEY, rv_str_n(log.seed, sizeof log.seed), 0600, err);
	if (code == RV_OK)
		code = write_in(o->dir, RV_GOV_ORIGIN, rv_str_of(o->origin), 0644, err);
	explicit_bzero(&master, sizeof master);
	rv_ledger_key_wipe(&log);
	return code;
}

static enum rv_code first_rows(
	const struct rv_init_opts *o, struct rv_op *op, struct rv_str *token, struct rv_err *err)
{
	const struct rv_event ev = { .kind = RV_EV_SERVICE_INITIALISED };
	RV_TRY(rv_setting_put(op, "origin", rv_str_of(o->origin), err));
	RV_TRY(rv_bootstrap_begin(op, err));
	RV_TRY(rv_invite_make(op, "first_admin", rv_str_of(o->admin ? o->admin : "admin"),
		RV_FIRST_ADMIN_NS, token, err));
	return rv_op_event(op, &ev, RV_STR(""), NULL, err);
}

static enum rv_code make_database(const struct rv_init_opts *o, struct rv_err *err)
{
	char path[PATH_SIZE];
	struct rv_gov g = { .magic = RV_GOV_MAGIC,
		.clock = o->clock ? o->clock : rv_clock_system() };
	struct rv_txn *txn;
	struct rv_str token;
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 16 << 20);
	RV_TRY(path_in(o->dir, RV_GOV_DB, path, err));
	const struct rv_store_opts opts = { .path = path, .create = true };
	RV_TRY(rv_store_open_sqlite(&opts, &g.store, err));
	enum rv_code code = rv_store_begin(g.store, &txn, err);
	if (code == RV_OK) {
		struct rv_op op = { .gov = &g,
			.txn = txn,
			.arena = &a,
			.now_ns = rv_clock_unix_ns(g.clock),
			.actor = { .type = RV_ACTOR_SERVICE, .id = RV_STR_INIT("reeve") } };
		code = first_rows(o, &op, &token, err);
		if (code == RV_OK)
			code = rv_store_commit(txn, err);
		else
			rv_store_rollback(txn);
	}
	rv_store_free(g.store);
	RV_TRY(code);
	return write_in(o->dir, RV_GOV_ADMIN_LINK, token, 0600, err);
}

enum rv_code rv_gov_init(const struct rv_init_opts *o, struct rv_buf *ret_vkey, struct rv_err *err)
{
	char path[PATH_SIZE];
	RV_TRY(need_empty(o->dir, err));
	RV_TRY(make_keys(o, ret_vkey, err));
	RV_TRY(path_in(o->dir, RV_GOV_LEDGER_DIR, path, err));
	RV_TRY(rv_dir_make(path, 0700, err));
	return make_database(o, err);
}

/* ---- open ---- */

static enum rv_code load_master(struct rv_gov *g, struct rv_err *err)
{
	char path[PATH_SIZE];
	struct stat st;
	struct rv_str key;
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 64 << 10);
	RV_TRY(path_in(g->dir, RV_GOV_MASTER_KEY, path, err));
	if (stat(path, &st) == 0 && (st.st_mode & 077) != 0)
		return RV_FAIL(
			err, RV_EPERM, "'%s' may be read by others; run: chmod 600 %s", path, path);
	RV_TRY(rv_file_read(&a, path, KEY_FILE_MAX, &key, err));
	if (key.n != sizeof g->master.b)
		return RV_FAIL(err, RV_ECORRUPT, "'%s' is not a key of %zu bytes", path,
			sizeof g->master.b);
	memcpy(g->master.b, key.p, key.n);
	explicit_bzero((char *)(uintptr_t)key.p, key.n);
	return RV_OK;
}

/* With another master key nothing sealed would ever open again: that shows now, not at the first
 * decision. */
static enum rv_code check_master(struct rv_gov *g, struct rv_txn *txn, struct rv_err *err)
{
	static const struct rv_query some = { .limit = 64 }; /* destroyed ones tell nothing */
	struct rv_db_seal_key *rows;
	size_t n;
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 64 << 20);
	RV_TRY(rv_db_seal_key_list(txn, &a, &some, &rows, &n, err));
	for (size_t i = 0; i < n; i++) {
		struct rv_seal_key k;
		if (rows[i].wrapped.n == 0)
			continue;
		enum rv_code code = rv_seal_key_unwrap(g, rows[i].system, rows[i].wrapped, &k, err);
		explicit_bzero(&k, sizeof k);
		if (code != RV_OK)
			rv_err_prefix(err,
				"'%s/%s' is not the key that this registry was sealed with; put "
				"it back from its copy: ",
				g->dir, RV_GOV_MASTER_KEY);
		return code;
	}
	return RV_OK;
}

static enum rv_code first_snapshot(struct rv_gov *g, struct rv_err *err)
{
	struct rv_txn *txn;
	RV_TRY(rv_store_begin(g->store, &txn, err));
	enum rv_code code = check_master(g, txn, err);
	struct rv_snapshot *s =
		code == RV_OK ? rv_snapshot_build(g, txn, NULL, RV_DIRTY_ALL, NULL, err) : NULL;
	rv_store_rollback(txn);
	if (!s)
		return err ? err->code : RV_EIO;
	rv_snapshot_publish(g, s);
	return RV_OK;
}

static enum rv_code open_db(struct rv_gov *g, struct rv_err *err)
{
	char path[PATH_SIZE];
	RV_TRY(path_in(g->dir, RV_GOV_DB, path, err));
	const struct rv_store_opts opts = { .path = path };
	enum rv_code code = rv_store_open_sqlite(&opts, &g->store, err);
	if (code == RV_ECORRUPT || code == RV_ENOENT)
		rv_err_prefix(
			err, "the registry '%s' cannot be used; put it back from a backup: ", path);
	return code;
}

static enum rv_code open_all(struct rv_gov *g, struct rv_err *err)
{
	uint64_t waiting;
	RV_TRY(load_master(g, err));
	RV_TRY(open_db(g, err));
	if (g->ledger)
		RV_TRY(rv_outbox_drain(g, true, NULL, &waiting, err));
	return first_snapshot(g, err);
}

enum rv_code rv_gov_open(const struct rv_gov_opts *o, struct rv_gov **ret, struct rv_err *err)
{
	struct rv_gov *g = calloc(1, sizeof *g);
	if (!g)
		return RV_FAIL(err, RV_ENOMEM, "out of memory");
	struct rv_err local = { 0 };
	g->magic = RV_GOV_MAGIC;
	g->dir = strdup(o->dir);
	g->clock = o->clock ? o->clock : rv_clock_system();
	g->ledger = o->ledger;
	g->argon_ops = o->argon_ops ? o->argon_ops : (unsigned)crypto_pwhash_OPSLIMIT_INTERACTIVE;
	g->argon_mem_bytes =
		o->argon_mem_bytes ? o->argon_mem_bytes : crypto_pwhash_MEMLIMIT_INTERACTIVE;
	g->lock_fd = -1;
	g->tally = rv_tally_new();
	rv_assert(pthread_mutex_init(&g->snap_mutex, NULL) == 0);
	enum rv_code code = g->dir && g->tally ? open_all(g, &local)
					       : RV_FAIL(&local, RV_ENOMEM, "out of memory");
	if (code != RV_OK) {
		if (err && err->code == RV_OK)
			*err = local;
		rv_gov_free(g);
		return code;
	}
	*ret = g;
	return RV_OK;
}

void rv_gov_free(struct rv_gov *g)
{
	if (!g)
		return;
	rv_assert(g->magic == RV_GOV_MAGIC);
	rv_control_stop(g);
	rv_snapshot_unref(g->snap);
	rv_store_free(g->store);
	rv_tally_free(g->tally);
	pthread_mutex_destroy(&g->snap_mutex);
	explicit_bzero(&g->master, sizeof g->master);
	free(g->dir);
	g->magic = 0;
	free(g);
}
