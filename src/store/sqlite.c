/* SQLite: opening, settings that are read back, transactions, migrations. Write-ahead log with
 * synchronous=FULL, so a commit that returned is on disk; foreign keys on; one connection, one
 * writer. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "store/sqlite_int.h"

#define APPLICATION_ID 0x52656576 /* "Reev" */
enum { BUSY_DEFAULT_MS = 5000 };

enum rv_code rv_sqlite_fail(struct sqlite *s, int rc, const char *what, struct rv_err *err)
{
	enum rv_code code = RV_EIO;
	switch (rc & 0xff) {
	case SQLITE_CONSTRAINT:
		code = rc == SQLITE_CONSTRAINT_PRIMARYKEY || rc == SQLITE_CONSTRAINT_UNIQUE ||
				rc == SQLITE_CONSTRAINT_ROWID
			? RV_EEXIST
			: rc == SQLITE_CONSTRAINT_TRIGGER ? RV_ECONFLICT
							  : RV_EINVAL;
		break;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		code = RV_EBUSY;
		break;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		code = RV_ECORRUPT;
		break;
	case SQLITE_NOMEM:
		code = RV_ENOMEM;
		break;
	case SQLITE_TOOBIG:
		code = RV_ELIMIT;
		break;
	case SQLITE_MISUSE:
	case SQLITE_RANGE:
	case SQLITE_ERROR:
		code = RV_EINTERNAL;
		break;
	default:
		break;
	}
	return RV_FAIL(err, code, "database: %s: %s", what,
		s && s->db ? sqlite3_errmsg(s->db) : sqlite3_errstr(rc));
}

enum rv_code rv_sqlite_exec(struct sqlite *s, const char *sql, struct rv_err *err)
{
	int rc = sqlite3_exec(s->db, sql, NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		return RV_OK;
	char what[48];
	snprintf(what, sizeof what, "%.40s", sql);
	return rv_sqlite_fail(s, sqlite3_extended_errcode(s->db), what, err);
}

/* First column of the first row, "" when there is none. */
enum rv_code rv_sqlite_pragma(
	struct sqlite *s, const char *sql, char *ret, size_t size_bytes, struct rv_err *err)
{
	sqlite3_stmt *st;
	int rc = sqlite3_prepare_v2(s->db, sql, -1, &st, NULL);
	ret[0] = '\0';
	if (rc == SQLITE_OK) {
		rc = sqlite3_step(st);
		if (rc == SQLITE_ROW && sqlite3_column_text(st, 0))
			snprintf(ret, size_bytes, "%s", (const char *)sqlite3_column_text(st, 0));
		sqlite3_finalize(st);
	}
	if (rc == SQLITE_ROW || rc == SQLITE_DONE)
		return RV_OK;
	return rv_sqlite_fail(s, rc, sql, err);
}

/* Sets and reads back: a setting that silently did not take would be worse than an error. */
static enum rv_code setting(
	struct sqlite *s, const char *set, const char *get, const char *want, struct rv_err *err)
{
	char got[32];
	RV_TRY(rv_sqlite_pragma(s, set, got, sizeof got, err));
	RV_TRY(rv_sqlite_pragma(s, get, got, sizeof got, err));
	if (strcmp(got, want) != 0)
		return RV_FAIL(
			err, RV_EIO, "database: '%s' gives '%s', needs '%s'", get, got, want);
	return RV_OK;
}

static enum rv_code settings(struct sqlite *s, struct rv_err *err)
{
	static const char *const rows[][3] = {
		{ "PRAGMA foreign_keys = ON", "PRAGMA foreign_keys", "1" },
		{ "PRAGMA journal_mode = WAL", "PRAGMA journal_mode", "wal" },
		{ "PRAGMA synchronous = FULL", "PRAGMA synchronous", "2" },
		{ "PRAGMA trusted_schema = OFF", "PRAGMA trusted_schema", "0" },
		{ "PRAGMA recursive_triggers = ON", "PRAGMA recursive_triggers", "1" },
		{ "PRAGMA temp_store = MEMORY", "PRAGMA temp_store", "2" },
		{ "PRAGMA cell_size_check = ON", "PRAGMA cell_size_check", "1" },
	};
	for (size_t i = 0; i < RV_COUNT(rows); i++)
		RV_TRY(setting(s, rows[i][0], rows[i][1], rows[i][2], err));
	return RV_OK;
}

static enum rv_code migrate_step(struct sqlite *s, const struct rv_migration *m, struct rv_err *err)
{
	char number[48];
	snprintf(number, sizeof number, "PRAGMA user_version = %d", m->number);
	RV_TRY(rv_sqlite_exec(s, "BEGIN IMMEDIATE", err));
	enum rv_code code = rv_sqlite_exec(s, m->sql, err);
	if (code == RV_OK)
		code = rv_sqlite_exec(s, number, err);
	if (code == RV_OK)
		code = rv_sqlite_exec(s, "COMMIT", err);
	if (code != RV_OK) {
		(void)rv_sqlite_exec(s, "ROLLBACK", NULL); /* the first failure counts */
		rv_err_prefix(err, "migration %d: ", m->number);
		return code;
	}
	s->schema = m->number;
	return RV_OK;
}

/* A database without a number is new: made just now, and empty. One that lost its content, or
 * another program's, must not become an empty registry unnoticed. */
static enum rv_code check_new(struct sqlite *s, bool create, struct rv_err *err)
{
	char got[32];
	if (!create)
		return RV_FAIL(err, RV_ECORRUPT, "this database is empty, or not one of reeve's");
	RV_TRY(rv_sqlite_pragma(s, "SELECT count(*) FROM sqlite_schema", got, sizeof got, err));
	if (strcmp(got, "0") != 0)
		return RV_FAIL(err, RV_ECORRUPT, "this database is not one of reeve's");
	return RV_OK;
}

enum rv_code rv_sqlite_migrate(struct sqlite *s, int max_schema, bool create, struct rv_err *err)
{
	char got[32];
	int64_t is, id;
	RV_TRY(rv_sqlite_pragma(s, "PRAGMA user_version", got, sizeof got, err));
	if (!rv_str_i64(rv_str_of(got), &is))
		return RV_FAIL(err, RV_ECORRUPT, "database: schema number '%s'", got);
	RV_TRY(rv_sqlite_pragma(s, "PRAGMA application_id", got, sizeof got, err));
	if (!rv_str_i64(rv_str_of(got), &id) || (is > 0 && id != APPLICATION_ID))
		return RV_FAIL(err, RV_ECORRUPT, "this database is not one of reeve's");
	if (is > max_schema)
		return RV_FAIL(err, RV_EUNSUPPORTED,
			"the database has schema %d, this program knows up to %d: "
			"start a newer reeve, or restore the copy made before the upgrade",
			(int)is, max_schema);
	s->schema = (int)is;
	if (is == 0) {
		char set[64];
		RV_TRY(check_new(s, create, err));
		snprintf(set, sizeof set, "PRAGMA application_id = %d", APPLICATION_ID);
		RV_TRY(rv_sqlite_exec(s, set, err));
	}
	for (size_t i = 0; i < rv_sqlite_n_migrations; i++) {
		const struct rv_migration *m = &rv_sqlite_migrations[i];
		if (m->number > s->schema && m->number <= max_schema)
			RV_TRY(migrate_step(s, m, err));
	}
	return RV_OK;
}

/* A fixed statement without parameters. */
static enum rv_code run(struct sqlite *s, sqlite3_stmt *st, const char *what, struct rv_err *err)
{
	int rc = sqlite3_step(st);
	sqlite3_reset(st);
	return rc == SQLITE_DONE ? RV_OK : rv_sqlite_fail(s, rc, what, err);
}

static enum rv_code op_begin(void *self, struct rv_err *err)
{
	struct sqlite *s = self;
	return run(s, s->begin, "begin", err);
}

static enum rv_code op_commit(void *self, struct rv_err *err)
{
	struct sqlite *s = self;
	/* A full disk may have rolled everything back already: that must not look like success. */
	if (sqlite3_get_autocommit(s->db))
		return RV_FAIL(err, RV_EIO, "database: the transaction was rolled back");
	return run(s, s->commit, "commit", err);
}

static void op_rollback(void *self)
{
	struct sqlite *s = self;
	if (!sqlite3_get_autocommit(s->db))
		(void)run(s, s->rollback, "rollback", NULL); /* closing would do the same */
}

static enum rv_code op_save(void *self, struct rv_err *err)
{
	struct sqlite *s = self;
	if (sqlite3_get_autocommit(s->db))
		return RV_FAIL(err, RV_EIO, "database: the transaction was rolled back");
	return run(s, s->save, "savepoint", err);
}

static enum rv_code op_release(void *self, struct rv_err *err)
{
	struct sqlite *s = self;
	if (sqlite3_get_autocommit(s->db))
		return RV_FAIL(err, RV_EIO, "database: the transaction was rolled back");
	return run(s, s->release, "release", err);
}

static void op_undo(void *self)
{
	struct sqlite *s = self;
	if (sqlite3_get_autocommit(s->db))
		return; /* all of it is undone */
	enum rv_code code = run(s, s->undo, "rollback to", NULL);
	if (code == RV_OK)
		code = run(s, s->release, "release", NULL);
	if (code != RV_OK) /* half of a job must not be committed with the others */
		op_rollback(s);
}

static enum rv_code op_check(void *self, struct rv_err *err)
{
	struct sqlite *s = self;
	char got[256];
	RV_TRY(rv_sqlite_pragma(s, "PRAGMA integrity_check(1)", got, sizeof got, err));
	if (strcmp(got, "ok") != 0)
		return RV_FAIL(err, RV_ECORRUPT, "database: %s", got);
	RV_TRY(rv_sqlite_pragma(s, "PRAGMA foreign_key_check", got, sizeof got, err));
	if (got[0])
		return RV_FAIL(
			err, RV_ECORRUPT, "database: '%s' has a row that refers to nothing", got);
	return RV_OK;
}

static int op_schema(void *self)
{
	return ((struct sqlite *)self)->schema;
}

static void op_free(void *self)
{
	struct sqlite *s = self;
	rv_sqlite_cache_done(s);
	sqlite3_stmt *fixed[] = { s->begin, s->commit, s->rollback, s->save, s->release, s->undo };
	for (size_t i = 0; i < RV_COUNT(fixed); i++)
		sqlite3_finalize(fixed[i]);
	if (s->db)
		sqlite3_close(s->db);
	free(s);
}

static const struct rv_store_ops ops = {
	.name = "sqlite",
	.begin = op_begin,
	.commit = op_commit,
	.rollback = op_rollback,
	.save = op_save,
	.release = op_release,
	.undo = op_undo,
	.write = rv_sqlite_write,
	.get = rv_sqlite_get,
	.each = rv_sqlite_each,
	.remove = rv_sqlite_remove,
	.count = rv_sqlite_count,
	.check = op_check,
	.schema = op_schema,
	.free = op_free,
};

/* The file must be private from its first byte; SQLite gives its WAL the same mode. */
static enum rv_code make_file(const char *path, bool create, struct rv_err *err)
{
	RV_AUTO_FD fd = open(path, O_RDWR | O_CLOEXEC | (create ? O_CREAT : 0), 0600);
	if (fd >= 0)
		return RV_OK;
	return RV_FAIL(
		err, errno == ENOENT ? RV_ENOENT : RV_EIO, "open '%s': %s", path, strerror(errno));
}

static enum rv_code prepare_fixed(struct sqlite *s, struct rv_err *err)
{
	const struct {
		sqlite3_stmt **st;
		const char *sql;
	} rows[] = {
		{ &s->begin, "BEGIN IMMEDIATE" },
		{ &s->commit, "COMMIT" },
		{ &s->rollback, "ROLLBACK" },
		{ &s->save, "SAVEPOINT s" },
		{ &s->release, "RELEASE s" },
		{ &s->undo, "ROLLBACK TO s" },
	};
	for (size_t i = 0; i < RV_COUNT(rows); i++) {
		int rc = sqlite3_prepare_v3(
			s->db, rows[i].sql, -1, SQLITE_PREPARE_PERSISTENT, rows[i].st, NULL);
		if (rc != SQLITE_OK)
			return rv_sqlite_fail(s, rc, rows[i].sql, err);
	}
	return RV_OK;
}

static enum rv_code open_db(struct sqlite *s, const struct rv_store_opts *o, struct rv_err *err)
{
	RV_TRY(make_file(o->path, o->create, err));
	int rc = sqlite3_open_v2(o->path, &s->db,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, NULL);
	if (rc != SQLITE_OK)
		return rv_sqlite_fail(s, rc, o->path, err);
	sqlite3_extended_result_codes(s->db, 1);
	sqlite3_busy_timeout(s->db, o->busy_timeout_ms ? o->busy_timeout_ms : BUSY_DEFAULT_MS);
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	RV_TRY(settings(s, err));
	int own = rv_sqlite_migrations[rv_sqlite_n_migrations - 1].number;
	RV_TRY(rv_sqlite_migrate(s, o->max_schema ? o->max_schema : own, o->create, err));
	return prepare_fixed(s, err);
}

enum rv_code rv_store_open_sqlite(
	const struct rv_store_opts *opts, struct rv_store **ret, struct rv_err *err)
{
	struct sqlite *s = calloc(1, sizeof *s);
	struct rv_store *store = calloc(1, sizeof *store);
	if (!s || !store) {
		free(s);
		free(store);
		return RV_FAIL(err, RV_ENOMEM, "no memory for the database");
	}
	enum rv_code code = open_db(s, opts, err);
	if (code != RV_OK) {
		op_free(s);
		free(store);
		return code;
	}
	*store = (struct rv_store){ .magic = RV_STORE_MAGIC, .ops = &ops, .self = s };
	*ret = store;
	return RV_OK;
}
