#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/store.h"
#include "tests/harness.h"

struct box {
	char dir[64], path[96];
	struct rv_store *s;
	struct rv_arena a;
};

static void box_open(struct box *b)
{
	memset(b, 0, sizeof *b);
	snprintf(b->dir, sizeof b->dir, "/tmp/rv-store-XXXXXX");
	rv_assert(mkdtemp(b->dir));
	snprintf(b->path, sizeof b->path, "%s/reeve.db", b->dir);
	rv_arena_init(&b->a, 1 << 24);
	struct rv_err err = { 0 };
	const struct rv_store_opts o = { .path = b->path, .create = true };
	if (rv_store_open_sqlite(&o, &b->s, &err) != RV_OK)
		test_fail(__FILE__, __LINE__, "open: %s", err.msg);
}

static void box_done(struct box *b)
{
	rv_store_free(b->s);
	rv_arena_done(&b->a);
	static const char *const ends[] = { "", "-wal", "-shm" };
	for (size_t i = 0; i < RV_COUNT(ends); i++) {
		char p[128];
		snprintf(p, sizeof p, "%s%s", b->path, ends[i]);
		unlink(p);
	}
	rmdir(b->dir);
}

static struct rv_db_person person(const char *name)
{
	return (struct rv_db_person){ .name = rv_str_of(name), .active = 1, .created_ns = 1 };
}

static struct rv_db_system sys(const char *name, const char *owner)
{
	return (struct rv_db_system){ .name = rv_str_of(name),
		.state = RV_STR("draft"),
		.owner = rv_str_of(owner),
		.class = RV_STR("agent"),
		.created_ns = 1 };
}

/* Runs SQL from outside, as an attacker or an old program would. */
static int outside(const char *path, const char *sql)
{
	sqlite3 *db;
	int rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
	sqlite3_close(db);
	return rc;
}

TEST(rows_round_trip)
{
	struct box b;
	box_open(&b);
	struct rv_err err = { 0 };
	struct rv_txn *x;
	REQUIRE_OK(rv_store_begin(b.s, &x, &err), &err);
	struct rv_db_person p = person("ana");
	p.email = RV_STR("");
	p.display = rv_str_n("A\0na", 4);
	p.rights = 5;
	REQUIRE_OK(rv_db_person_insert(x, &p, &err), &err);
	struct rv_db_person got = { .name = RV_STR("ana") };
	REQUIRE_OK(rv_db_person_get(x, &b.a, &got, &err), &err);
	CHECK(got.rights == 5 && got.email.p && got.email.n == 0 && !got.password.p);
	CHECK(got.display.n == 4 && memcmp(got.display.p, "A\0na", 4) == 0);
	CHECK(rv_db_person_insert(x, &p, NULL) == RV_EEXIST);
	p.rights = 7;
	REQUIRE_OK(rv_db_person_update(x, &p, &err), &err);
	p.name = RV_STR("nobody");
	CHECK(rv_db_person_update(x, &p, NULL) == RV_ENOENT);
	CHECK(rv_db_person_get(x, &b.a, &p, NULL) == RV_ENOENT);
	got = (struct rv_db_person){ .name = RV_STR("ana") };
	REQUIRE_OK(rv_db_person_get(x, &b.a, &got, &err), &err);
	CHECK(got.rights == 7);
	REQUIRE_OK(rv_store_commit(x, &err), &err);
	box_done(&b);
}

/* The table in rows.def and the columns in the database are the same, in name, order and key. */
TEST(rows_def_agrees_with_schema)
{
	struct box b;
	box_open(&b);
	sqlite3 *db;
	REQUIRE(sqlite3_open(b.path, &db) == SQLITE_OK);
	int n_tables = 0;
#define T(c)
#define B(c)
#define I(c)
#define ROW(table, n_keys, columns)                                                           \
	{                                                                                     \
		sqlite3_stmt *st;                                                             \
		sqlite3_prepare_v2(db, "PRAGMA table_info(" #table ")", -1, &st, NULL);       \
		size_t n = 0;                                                                 \
		while (sqlite3_step(st) == SQLITE_ROW) {                                      \
			const char *name = (const char *)sqlite3_column_text(st, 1);          \
			const char *type = (const char *)sqlite3_column_text(st, 2);          \
			static const char *const types[] = { "TEXT", "BLOB", "INTEGER" };     \
			bool ok = n < rv_tab_##table.n_cols &&                                \
				strcmp(name, rv_tab_##table.cols[n].name) == 0 &&             \
				strcmp(type, types[rv_tab_##table.cols[n].type]) == 0;        \
			CHECKF(ok, #table ".%s %s", name, type);                              \
			CHECKF((sqlite3_column_int(st, 5) > 0) == (n < rv_tab_##table.n_key), \
				#table ".%s key", name);                                      \
			n++;                                                                  \
		}                                                                             \
		sqlite3_finalize(st);                                                         \
		CHECKF(n == rv_tab_##table.n_cols, #table " has %zu columns", n);             \
		n_tables++;                                                                   \
	}
#include "store/rows.def"
#undef ROW
#undef I
#undef B
#undef T
	sqlite3_stmt *st;
	sqlite3_prepare_v2(db,
		"SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE "
		"'sqlite_%'",
		-1, &st, NULL);
	REQUIRE(sqlite3_step(st) == SQLITE_ROW);
	CHECK(sqlite3_column_int(st, 0) == n_tables);
	sqlite3_finalize(st);
	sqlite3_close(db);
	box_done(&b);
}

TEST(foreign_keys_are_on)
{
	struct box b;
	box_open(&b);
	struct rv_err err = { 0 };
	struct rv_txn *x;
	REQUIRE_OK(rv_store_begin(b.s, &x, &err), &err);
	struct rv_db_system s = sys("bot", "nobody");
	CHECK(rv_db_system_insert(x, &s, NULL) == RV_EINVAL);
	struct rv_db_person p = person("ana");
	REQUIRE_OK(rv_db_person_insert(x, &p, &err), &err);
	s.owner = RV_STR("ana");
	REQUIRE_OK(rv_db_system_insert(x, &s, &err), &err);
	s.deputy = RV_STR("nobody");
	CHECK(rv_db_system_update(x, &s, NULL) == RV_EINVAL);
	struct rv_db_grp_member m = { RV_STR("none"), RV_STR("ana"), 1 };
	CHECK(rv_db_grp_member_insert(x, &m, NULL) == RV_EINVAL);
	/* The statement failed, not the transaction. */
	REQUIRE_OK(rv_store_commit(x, &err), &err);
	box_done(&b);
}

TEST(names_are_never_used_again)
{
	struct box b;
	box_open(&b);
	struct rv_err err = { 0 };
	struct rv_txn *x;
	REQUIRE_OK(rv_store_begin(b.s, &x, &err), &err);
	struct rv_db_person p = person("ana");
	REQUIRE_OK(rv_db_person_insert(x, &p, &err), &err);
	struct rv_db_system s = sys("bot", "ana");
	REQUIRE_OK(rv_db_system_insert(x, &s, &err), &err);
	CHECK(rv_db_system_remove(x, RV_Q_BY(system, name, s.name), NULL, NULL) == RV_ECONFLICT);
	CHECK(rv_db_person_remove(x, RV_Q_BY(person, name, p.name), NULL, NULL) == RV_ECONFLICT);
	s.state = RV_STR("retired");
	REQUIRE_OK(rv_db_system_update(x, &s, &err), &err);
	s.state = RV_STR("draft");
	CHECK(rv_db_system_insert(x, &s, NULL) == RV_EEXIST);
	REQUIRE_OK(rv_store_commit(x, &err), &err);
	CHECK(outside(b.path, "DELETE FROM system") != SQLITE_OK);
	box_done(&b);
}

TEST(schema_refuses_nonsense)
{
	struct box b;
	box_open(&b);
	struct rv_err err = { 0 };
	struct rv_txn *x;
	REQUIRE_OK(rv_store_begin(b.s, &x, &err), &err);
	struct rv_db_person p = person("ana");
	p.rights = 128;
	CHECK(rv_db_person_insert(x, &p, NULL) == RV_EINVAL);
	p.rights = 1;
	REQUIRE_OK(rv_db_person_insert(x, &p, &err), &err);
	struct rv_db_system s = sys("bot", "ana");
	s.state = RV_STR("sleeping");
	CHECK(rv_db_system_insert(x, &s, NULL) == RV_EINVAL);
	s.state = (struct rv_str){ 0 };
	CHECK(rv_db_system_insert(x, &s, NULL) == RV_EINVAL);
	/* No credential without an end. */
	struct rv_db_credential c = { .id = RV_STR("c"),
		.kind = RV_STR("system"),
		.subject = RV_STR("bot"),
		.hash = RV_STR("0123456789abcdef0123456789abcdef") };
	CHECK(rv_db_credential_insert(x, &c, NULL) == RV_EINVAL);
	c.expires_ns = 1;
	REQUIRE_OK(rv_db_credential_insert(x, &c, &err), &err);
	c.id = RV_STR("d");
	CHECK(rv_db_credential_insert(x, &c, NULL) == RV_EEXIST); /* the same token */
	c.hash = RV_STR("short");
	CHECK(rv_db_credential_insert(x, &c, NULL) == RV_EINVAL);
	REQUIRE_OK(rv_store_commit(x, &err), &err);
	box_done(&b);
}

TEST(submitted_version_is_frozen)
{
	struct box b;
	box_open(&b);
	struct rv_err err = { 0 };
	struct rv_txn *x;
	REQUIRE_OK(rv_store_begin(b.s, &x, &err), &err);
	struct rv_db_person p = person("ana");
	REQUIRE_OK(rv_db_person_insert(x, &p, &err), &err);
	struct rv_db_system s = sys("bot", "ana");
	REQUIRE_OK(rv_db_system_insert(x, &s, &err), &err);
	struct rv_db_system_version v = { .system = s.name,
		.version = 1,
		.state = RV_STR("draft"),
		.body = RV_STR("{}"),
		.digest = RV_STR("d"),
		.author = RV_STR("ana") };
	REQUIRE_OK(rv_db_system_version_insert(x, &v, &err), &err);
	v.body = RV_STR("{\"a\":1}");
	REQUIRE_OK(rv_db_system_version_update(x, &v, &err), &err);
	v.state = RV_STR("submitted");
	REQUIRE_OK(rv_db_system_version_update(x, &v, &err), &err);
	v.body = RV_STR("{\"a\":2}");
	CHECK(rv_db_system_version_update(x, &v, NULL) == RV_ECONFLICT);
	REQUIRE_OK(rv_store_commit(x, &err), &err);
	box_done(&b);
}

TEST(approval_is_consumed_once)
{
	struct box b;
	box_open(&b);
	struct rv_err err = { 0 };
	struct rv_txn *x;
	REQUIRE_OK(rv_store_begin(b.s, &x, &err), &err);
	struct rv_db_person p = person("ana");
	REQUIRE_OK(rv_db_person_insert(x, &p, &err), &err);
	struct rv_db_system s = sys("bot", "ana");
	REQUIRE_OK(rv_db_system_insert(x, &s, &err), &err);
	static const struct {
		const char *from, *to;
		bool ok;
	} steps[] = {
		{ "pending", "consumed", false },
		{ "pending", "approved", true },
		{ "approved", "pending", false },
		{ "approved", "denied", false },
		{ "approved", "consumed", true },
		{ "consumed", "approved", false },
		{ "consumed", "pending", false },
		{ "denied", "approved", false },
		{ "expired", "approved", false },
		{ "stale", "pending", false },
		{ "pending", "stale", true },
		{ "approved", "withdrawn", true },
	};
	for (size_t i = 0; i < RV_COUNT(steps); i++) {
		char id[16];
		snprintf(id, sizeof id, "a%zu", i);
		struct rv_db_approval a = { .id = rv_str_of(id),
			.digest = RV_STR("d"),
			.state = rv_str_of(steps[i].from),
			.system = s.name,
			.requester_type = RV_STR("ai_system"),
			.requester = s.name,
			.action = RV_STR("deploy"),
			.resource_type = RV_STR("T"),
			.resource_id = RV_STR("r"),
			.waives_json = RV_STR("[]"),
			.eligible_json = RV_STR("{}") };
		REQUIRE_OK(rv_db_approval_insert(x, &a, &err), &err);
		a.state = rv_str_of(steps[i].to);
		enum rv_code code = rv_db_approval_update(x, &a, NULL);
		CHECKF(code == (steps[i].ok ? RV_OK : RV_ECONFLICT), "%s -> %s: %s", steps[i].from,
			steps[i].to, rv_code_name(code));
	}
	REQUIRE_OK(rv_store_commit(x, &err), &err);
	box_done(&b);
}

TEST(savepoints_take_back_one_job)
{
	struct box b;
	box_open(&b);
	struct rv_err err = { 0 };
	struct rv_txn *x;
	REQUIRE_OK(rv_store_begin(b.s, &x, &err), &err);
	struct rv_db_setting v = { RV_STR("a"), RV_STR("1") };
	REQUIRE_OK(rv_store_save(x, &err), &err);
	REQUIRE_OK(rv_db_setting_put(x, &v, &err), &err);
	REQUIRE_OK(rv_store_release(x, &err), &err);
	REQUIRE_OK(rv_store_save(x, &err), &err);
	v.value = RV_STR("2");
	REQUIRE_OK(rv_db_setting_put(x, &v, &err), &err);
	REQUIRE_OK(rv_store_save(x, &err), &err);
	v.key = RV_STR("inner");
	REQUIRE_OK(rv_db_setting_put(x, &v, &err), &err);
	rv_store_undo(x);
	CHECK(rv_db_setting_get(x, &b.a, &v, NULL) == RV_ENOENT);
	rv_store_undo(x);
	REQUIRE_OK(rv_store_commit(x, &err), &err);
	REQUIRE_OK(rv_store_begin(b.s, &x, &err), &err);
	v.key = RV_STR("a");
	REQUIRE_OK(rv_db_setting_get(x, &b.a, &v, &err), &err);
	CHECK_STR(v.value, "1");
	rv_store_rollback(x);
	box_done(&b);
}

struct nested {
	struct rv_txn *x;
	struct rv_arena *a;
	int n, n_inner;
};

static enum rv_code inner(void *arg, const void *row, struct rv_err *err)
{
	(void)row;
	(void)err;
	((struct nested *)arg)->n_inner++;
	return RV_OK;
}

static enum rv_code outer(void *arg, const void *row, struct rv_err *err)
{
	struct nested *n = arg;
	(void)row;
	n->n++;
	return rv_db_setting_each(n->x, RV_Q_ALL, inner, n, err);
}

TEST(queries)
{
	struct box b;
	box_open(&b);
	struct rv_err err = { 0 };
	struct rv_txn *x;
	REQUIRE_OK(rv_store_begin(b.s, &x, &err), &err);
	for (int i = 0; i < 20; i++) {
		char name[16];
		snprintf(name, sizeof name, "p%02d", i);
		struct rv_db_person p = person(name);
		p.rights = i % 4;
		p.created_ns = 100 - i;
		if (i == 7)
			p.email = RV_STR("x");
		REQUIRE_OK(rv_db_person_insert(x, &p, &err), &err);
		struct rv_db_setting v = { rv_str_of(name), RV_STR("v") };
		REQUIRE_OK(rv_db_setting_insert(x, &v, &err), &err);
	}
	struct rv_db_person *rows;
	size_t n;
	struct rv_query q = { .where = { RV_Q_INT(person, rights, RV_CMP_EQ, 2),
				      RV_Q_INT(person, created_ns, RV_CMP_LT, 95) },
		.n_where = 2,
		.is_ordered = true,
		.order_offset = offsetof(struct rv_db_person, created_ns),
		.limit = 3 };
	REQUIRE_OK(rv_db_person_list(x, &b.a, &q, &rows, &n, &err), &err);
	REQUIRE(n == 3);
	CHECK_STR(rows[0].name, "p18");
	CHECK_STR(rows[2].name, "p10");
	q.is_descending = true;
	REQUIRE_OK(rv_db_person_list(x, &b.a, &q, &rows, &n, &err), &err);
	REQUIRE(n == 3);
	CHECK_STR(rows[0].name, "p06");
	struct rv_query null = { .where = { RV_Q_STR(
					 person, email, RV_CMP_NE, ((struct rv_str){ 0 })) },
		.n_where = 1 };
	REQUIRE_OK(rv_db_person_list(x, &b.a, &null, &rows, &n, &err), &err);
	REQUIRE(n == 1);
	CHECK_STR(rows[0].name, "p07");
	null.where[0].cmp = RV_CMP_EQ;
	int64_t count;
	REQUIRE_OK(rv_store_count(x, &rv_tab_person, &null, &count, &err), &err);
	CHECK(count == 19);
	struct nested nest = { x, &b.a, 0, 0 };
	REQUIRE_OK(rv_db_setting_each(x, RV_Q_ALL, outer, &nest, &err), &err);
	CHECK(nest.n == 20 && nest.n_inner == 400);
	int64_t gone = 0;
	REQUIRE_OK(
		rv_db_setting_remove(x, RV_Q_BY(setting, key, RV_STR("p03")), &gone, &err), &err);
	CHECK(gone == 1);
	/* A value is never SQL. */
	struct rv_db_setting evil = { RV_STR("'; DROP TABLE person; --"), RV_STR("\" OR 1=1") };
	REQUIRE_OK(rv_db_setting_insert(x, &evil, &err), &err);
	REQUIRE_OK(
		rv_db_setting_remove(x, RV_Q_BY(setting, value, RV_STR("\" OR 1=1")), &gone, &err),
		&err);
	CHECK(gone == 1);
	REQUIRE_OK(rv_store_commit(x, &err), &err);
	box_done(&b);
}

TEST(outbox_numbers_grow_and_are_not_reused)
{
	struct box b;
	box_open(&b);
	struct rv_err err = { 0 };
	struct rv_txn *x;
	for (int i = 0; i < 3; i++) {
		REQUIRE_OK(rv_store_begin(b.s, &x, &err), &err);
		char id[16];
		snprintf(id, sizeof id, "e%d", i);
		struct rv_db_outbox o = { .event_id = rv_str_of(id), .bytes = RV_STR("{}") };
		REQUIRE_OK(rv_db_outbox_insert(x, &o, &err), &err);
		CHECK(rv_db_outbox_insert(x, &o, NULL) == RV_EEXIST);
		struct rv_db_outbox *rows;
		size_t n;
		REQUIRE_OK(rv_db_outbox_list(x, &b.a, RV_Q_ALL, &rows, &n, &err), &err);
		CHECK(n == 1 && rows[0].seq == i + 1);
		struct rv_query q = { .where = { RV_Q_INT(outbox, seq, RV_CMP_LE, rows[0].seq) },
			.n_where = 1 };
		REQUIRE_OK(rv_db_outbox_remove(x, &q, NULL, &err), &err);
		REQUIRE_OK(rv_store_commit(x, &err), &err);
	}
	box_done(&b);
}

TEST(newer_schema_is_refused)
{
	struct box b;
	box_open(&b);
	int now = rv_store_schema(b.s);
	rv_store_free(b.s);
	b.s = NULL;
	struct rv_err err = { 0 };
	char sql[64];
	snprintf(sql, sizeof sql, "PRAGMA user_version = %d", now + 1);
	REQUIRE(outside(b.path, sql) == SQLITE_OK);
	const struct rv_store_opts o = { .path = b.path };
	CHECK(rv_store_open_sqlite(&o, &b.s, &err) == RV_EUNSUPPORTED);
	CHECKF(strstr(err.msg, "newer reeve"), "%s", err.msg);
	/* Its negative twin: with its own number it opens. */
	snprintf(sql, sizeof sql, "PRAGMA user_version = %d", now);
	REQUIRE(outside(b.path, sql) == SQLITE_OK);
	rv_err_clear(&err);
	REQUIRE_OK(rv_store_open_sqlite(&o, &b.s, &err), &err);
	box_done(&b);
}

TEST(not_ours_is_refused)
{
	struct box b;
	box_open(&b);
	rv_store_free(b.s);
	b.s = NULL;
	const struct rv_store_opts o = { .path = b.path };
	REQUIRE(outside(b.path, "PRAGMA application_id = 7") == SQLITE_OK);
	CHECK(rv_store_open_sqlite(&o, &b.s, NULL) == RV_ECORRUPT);
	FILE *f = fopen(b.path, "w");
	REQUIRE(f);
	for (int i = 0; i < 400; i++)
		fputs("this is not a database ", f);
	fclose(f);
	CHECK(rv_store_open_sqlite(&o, &b.s, NULL) == RV_ECORRUPT);
	unlink(b.path);
	CHECK(rv_store_open_sqlite(&o, &b.s, NULL) == RV_ENOENT);
	box_done(&b);
}

TEST(file_is_private)
{
	mode_t old = umask(0);
	struct box b;
	box_open(&b);
	struct rv_err err = { 0 };
	struct rv_txn *x;
	REQUIRE_OK(rv_store_begin(b.s, &x, &err), &err);
	struct rv_db_setting v = { RV_STR("a"), RV_STR("1") };
	REQUIRE_OK(rv_db_setting_put(x, &v, &err), &err);
	REQUIRE_OK(rv_store_commit(x, &err), &err);
	static const char *const ends[] = { "", "-wal", "-shm" };
	for (size_t i = 0; i < RV_COUNT(ends); i++) {
		char p[128];
		struct stat st;
		snprintf(p, sizeof p, "%s%s", b.path, ends[i]);
		CHECKF(stat(p, &st) == 0 && (st.st_mode & 0777) == 0600, "%s", p);
	}
	umask(old);
	box_done(&b);
}

TEST(one_writer)
{
	struct box b;
	box_open(&b);
	struct rv_err err = { 0 };
	struct rv_store *two;
	const struct rv_store_opts o = { .path = b.path, .busy_timeout_ms = 1 };
	REQUIRE_OK(rv_store_open_sqlite(&o, &two, &err), &err);
	struct rv_txn *x, *y;
	REQUIRE_OK(rv_store_begin(b.s, &x, &err), &err);
	CHECK(rv_store_begin(two, &y, NULL) == RV_EBUSY);
	rv_store_rollback(x);
	REQUIRE_OK(rv_store_begin(two, &y, &err), &err);
	rv_store_rollback(y);
	rv_store_free(two);
	box_done(&b);
}

TEST(commit_survives_exit_and_nothing_else_does)
{
	struct box b;
	box_open(&b);
	rv_store_free(b.s);
	pid_t pid = fork();
	if (pid == 0) {
		struct rv_txn *x;
		const struct rv_store_opts o = { .path = b.path };
		struct rv_db_setting v = { RV_STR("kept"), RV_STR("1") };
		if (rv_store_open_sqlite(&o, &b.s, NULL) != RV_OK ||
			rv_store_begin(b.s, &x, NULL) != RV_OK ||
			rv_db_setting_put(x, &v, NULL) != RV_OK ||
			rv_store_commit(x, NULL) != RV_OK || rv_store_begin(b.s, &x, NULL) != RV_OK)
			_exit(1);
		v.key = RV_STR("lost");
		_exit(rv_db_setting_put(x, &v, NULL) == RV_OK ? 0 : 1);
	}
	int status;
	REQUIRE(waitpid(pid, &status, 0) == pid && status == 0);
	struct rv_err err = { 0 };
	const struct rv_store_opts o = { .path = b.path };
	REQUIRE_OK(rv_store_open_sqlite(&o, &b.s, &err), &err);
	struct rv_txn *x;
	REQUIRE_OK(rv_store_begin(b.s, &x, &err), &err);
	struct rv_db_setting v = { .key = RV_STR("kept") };
	CHECK(rv_db_setting_get(x, &b.a, &v, NULL) == RV_OK);
	v.key = RV_STR("lost");
	CHECK(rv_db_setting_get(x, &b.a, &v, NULL) == RV_ENOENT);
	rv_store_rollback(x);
	REQUIRE_OK(rv_store_check(b.s, &err), &err);
	box_done(&b);
}

MAIN()
