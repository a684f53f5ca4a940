#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "cedar.h"
#include "tests/governance/fixture.h"

#define START_NS INT64_C(1800000000) * RV_NS_PER_S /* a Friday in 2027 */

static void die(const char *what, const struct rv_err *err)
{
	fprintf(stderr, "fixture: %s: %s %s:%u\n", what, err->msg, err->where, err->line);
	abort();
}

static void open_ledger(struct fixture *f)
{
	char path[128];
	struct rv_err err = { 0 };
	struct rv_ledger_key key;
	struct rv_str bytes;
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 1 << 16);
	snprintf(path, sizeof path, "%s/%s", f->dir, RV_GOV_LOG_KEY);
	if (rv_file_read(&a, path, 64, &bytes, &err) != RV_OK ||
		rv_ledger_key_load(bytes, &key, &err) != RV_OK)
		die("log key", &err);
	snprintf(path, sizeof path, "%s/%s", f->dir, RV_GOV_LEDGER_DIR);
	const struct rv_ledger_opts o = { .dir = path,
		.origin = "test.example/log",
		.key = &key,
		.segment_bytes = f->segment_bytes ? f->segment_bytes : 1 << 20,
		.reserve_bytes = f->reserve_bytes,
		.io = f->io };
	if (rv_ledger_open(&o, &f->ledger, &err) != RV_OK)
		die("ledger", &err);
}

static void open_gov(struct fixture *f, bool with_ledger)
{
	struct rv_err err = { 0 };
	if (with_ledger)
		open_ledger(f);
	const struct rv_gov_opts o = { .dir = f->dir,
		.clock = &f->clock,
		.ledger = f->ledger,
		.argon_ops = 1,
		.argon_mem_bytes = 8192 };
	if (rv_gov_open(&o, &f->gov, &err) != RV_OK)
		die("gov", &err);
	if (with_ledger && rv_control_start(f->gov, &err) != RV_OK)
		die("control", &err);
}

void fixture_close(struct fixture *f)
{
	rv_gov_free(f->gov);
	rv_ledger_free(f->ledger);
	f->gov = NULL;
	f->ledger = NULL;
}

static void prepare(struct fixture *f)
{
	snprintf(f->dir, sizeof f->dir, "/tmp/rv-gov-XXXXXX");
	rv_assert(mkdtemp(f->dir));
	rv_arena_init(&f->arena, 1 << 26);
	rv_assert(pthread_mutex_init(&f->meeting.lock, NULL) == 0 &&
		pthread_cond_init(&f->meeting.moved, NULL) == 0);
}

/* nftw hands its callback nothing of the caller's: one copy at a time, on one thread. */
static const char *copy_from, *copy_to;

static int copy_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	char to[256];
	(void)ftw;
	snprintf(to, sizeof to, "%s%s", copy_to, path + strlen(copy_from));
	if (type == FTW_D)
		return mkdir(to, 0700) != 0 && errno != EEXIST;
	RV_AUTO_FD in = open(path, O_RDONLY | O_CLOEXEC);
	RV_AUTO_FD out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, st->st_mode & 0777);
	if (in < 0 || out < 0)
		return 1;
	for (off_t left = st->st_size; left > 0;) {
		ssize_t n = sendfile(out, in, NULL, (size_t)left);
		if (n <= 0)
			return 1;
		left -= n;
	}
	return 0;
}

void fixture_copy(struct fixture *f, const struct fixture *from)
{
	rv_assert(!from->gov);
	prepare(f);
	f->clock = from->clock;
	copy_from = from->dir;
	copy_to = f->dir;
	rv_assert(nftw(from->dir, copy_one, 16, FTW_PHYS) == 0);
}

void fixture_open(struct fixture *f, bool with_ledger)
{
	struct rv_err err = { 0 };
	RV_AUTO_BUF vkey;
	memset(f, 0, sizeof *f);
	f->clock = (struct rv_clock){ .is_fake = true, .fake_unix_ns = START_NS };
	prepare(f);
	rv_buf_init(&vkey, 4096);
	const struct rv_init_opts o = {
		.dir = f->dir, .origin = "test.example/log", .admin = "ada", .clock = &f->clock
	};
	if (rv_gov_init(&o, &vkey, &err) != RV_OK)
		die("init", &err);
	open_gov(f, with_ledger);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void fixture_done(struct fixture *f)
{
	fixture_close(f);
	rv_arena_done(&f->arena);
	pthread_cond_destroy(&f->meeting.moved);
	pthread_mutex_destroy(&f->meeting.lock);
	nftw(f->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void fixture_reopen(struct fixture *f, bool with_ledger)
{
	fixture_close(f);
	open_gov(f, with_ledger);
}

/* ---- an operation as a job ---- */

static enum rv_code meet_run(void *arg, struct rv_op *op, struct rv_err *err)
{
	struct fixture *f = arg;
	struct meeting *m = &f->meeting;
	op->arena = &f->arena; /* what comes out of it outlives the job */
	pthread_mutex_lock(&m->lock);
	m->op = op;
	m->at = MEET_OPEN;
	pthread_cond_broadcast(&m->moved);
	while (m->at != MEET_LEAVING)
		pthread_cond_wait(&m->moved, &m->lock);
	enum rv_code code = m->code;
	pthread_mutex_unlock(&m->lock);
	if (code != RV_OK)
		return RV_FAIL(err, code, "%s", f->err.msg);
	return RV_OK;
}

static void meet_done(void *arg, enum rv_code code, const struct rv_err *err)
{
	struct meeting *m = &((struct fixture *)arg)->meeting;
	pthread_mutex_lock(&m->lock);
	m->code = code;
	m->err = *err;
	m->at = MEET_OVER;
	pthread_cond_broadcast(&m->moved);
	pthread_mutex_unlock(&m->lock);
}

static struct rv_op *meet(struct fixture *f, struct rv_actor actor)
{
	struct meeting *m = &f->meeting;
	const struct rv_job job = { .kind = f->job_kind ? f->job_kind : RV_JOB_CHANGE,
		.run = meet_run,
		.done = meet_done,
		.arg = f,
		.actor = actor };
	f->job_kind = 0;
	m->at = MEET_NONE;
	if (rv_control_post(f->gov, &job, &f->err) != RV_OK)
		die("post", &f->err);
	pthread_mutex_lock(&m->lock);
	while (m->at == MEET_NONE)
		pthread_cond_wait(&m->moved, &m->lock);
	pthread_mutex_unlock(&m->lock);
	if (m->at == MEET_OVER)
		die("an operation that was refused before it ran", &m->err);
	return m->op;
}

static enum rv_code part(struct fixture *f, enum rv_code code)
{
	struct meeting *m = &f->meeting;
	pthread_mutex_lock(&m->lock);
	m->code = code;
	m->at = MEET_LEAVING;
	pthread_cond_broadcast(&m->moved);
	while (m->at != MEET_OVER)
		pthread_cond_wait(&m->moved, &m->lock);
	pthread_mutex_unlock(&m->lock);
	if (code == RV_OK && m->code != RV_OK)
		f->err = m->err;
	return m->code;
}

/* ---- an operation in the test's thread ---- */

struct rv_op *as_type(struct fixture *f, enum rv_actor_type type, const char *id)
{
	struct rv_txn *txn;
	rv_assert(!f->is_open);
	rv_err_clear(&f->err);
	if (f->ledger) {
		f->is_open = true;
		return meet(f, (struct rv_actor){ .type = type, .id = rv_str_of(id) });
	}
	if (rv_store_begin(f->gov->store, &txn, &f->err) != RV_OK)
		die("begin", &f->err);
	f->op = (struct rv_op){ .gov = f->gov,
		.txn = txn,
		.arena = &f->arena,
		.now_ns = rv_gov_now(f->gov),
		.actor = { .type = type, .id = rv_str_of(id) } };
	f->is_open = true;
	return &f->op;
}

struct rv_op *as(struct fixture *f, const char *person)
{
	return person ? as_type(f, RV_ACTOR_PERSON, person) : as_type(f, RV_ACTOR_SERVICE, "reeve");
}

/* Entities that were changed row by row are those that would have been made anew. */
static void check_entities(struct fixture *f, struct rv_txn *txn, const struct rv_snapshot *s)
{
	struct rv_err err = { 0 };
	struct rv_snapshot *full = rv_snapshot_build(f->gov, txn, NULL, RV_DIRTY_ALL, NULL, &err);
	if (!full)
		die("snapshot anew", &err);
	const cedar_entities *a = rv_snap_entities(s), *b = rv_snap_entities(full);
	CHECK(cedar_entities_count(a) == cedar_entities_count(b));
	for (size_t i = 0; i < cedar_entities_count(b); i++) {
		const cedar_entity *want = cedar_entities_at(b, i),
				   *got = cedar_entities_find(a, &want->uid);
		CHECKF(got && cedar_value_eq(&got->attrs, &want->attrs) &&
				got->n_parents == want->n_parents &&
				got->tags.kind == want->tags.kind &&
				(want->tags.kind == 0 || cedar_value_eq(&got->tags, &want->tags)),
			"%.*s::\"%.*s\"", RV_FMT(want->uid.type), RV_FMT(want->uid.id));
		for (size_t k = 0; k < want->n_parents; k++)
			CHECK(cedar_entities_in(a, &want->uid, &want->parents[k]));
	}
	rv_snapshot_unref(full);
}

enum rv_code end(struct fixture *f, enum rv_code code)
{
	struct rv_err err = { 0 };
	struct rv_txn *txn = f->op.txn;
	f->is_open = false;
	if (f->ledger)
		return part(f, code);
	if (code != RV_OK) {
		rv_store_rollback(txn);
		return code;
	}
	if (f->op.dirty || f->op.touched) {
		struct rv_snapshot *s = rv_snapshot_build(
			f->gov, txn, f->gov->snap, f->op.dirty, f->op.touched, &err);
		if (!s)
			die("snapshot", &err);
		check_entities(f, txn, s);
		rv_snapshot_publish(f->gov, s);
	}
	if (rv_store_commit(txn, &err) != RV_OK)
		die("commit", &err);
	return RV_OK;
}

enum rv_code apply_text(struct fixture *f, const char *person, const char *yaml,
	const struct rv_apply_opts *opts, struct rv_apply_report *report)
{
	static const struct rv_apply_opts plain = { 0 };
	const struct rv_source src = { "test.yaml", rv_str_of(yaml) };
	struct rv_manifest_set set;
	struct rv_apply_report r = { 0 };
	rv_err_clear(&f->err);
	enum rv_code code = rv_manifest_read(&f->arena, &src, 1, &set, &f->err);
	if (code != RV_OK)
		return code;
	struct rv_op *op = as(f, person);
	code = end(f, rv_apply(op, &set, opts ? opts : &plain, &r, &f->err));
	if (code == RV_OK && r.n > 0 && r.items[0].change.n > 0)
		snprintf(f->id, sizeof f->id, "%.*s", RV_FMT(r.items[0].change));
	if (report)
		*report = r;
	return code;
}

void make_admin(struct fixture *f)
{
	char path[128], hash[128];
	struct rv_str token, who;
	struct rv_err err = { 0 };
	snprintf(path, sizeof path, "%s/%s", f->dir, RV_GOV_ADMIN_LINK);
	if (rv_file_read(&f->arena, path, 256, &token, &err) != RV_OK ||
		rv_password_hash(f->gov, RV_STR("correct horse"), hash, &err) != RV_OK)
		die("admin link", &err);
	if (AS(f, NULL, rv_invite_use, token, hash, &who) != RV_OK)
		die("first admin", &f->err);
}

void make_people(struct fixture *f)
{
	make_admin(f);
	enum rv_code code = apply_text(f, "ada",
		"kind: Person\nname: gus\nspec: {rights: [governor, admin]}\n---\n"
		"kind: Person\nname: gil\nspec: {rights: [governor, approver]}\n---\n"
		"kind: Person\nname: olga\nspec: {rights: [owner, approver]}\n---\n"
		"kind: Person\nname: rita\nspec: {rights: [approver]}\n---\n"
		"kind: Person\nname: rob\nspec: {rights: [approver]}\n---\n"
		"kind: Person\nname: resi\nspec: {rights: [responder]}\n---\n"
		"kind: Person\nname: aldo\nspec: {rights: [auditor]}\n---\n"
		"kind: Group\nname: release-managers\nspec: {members: [gil, olga, rita, "
		"rob]}\n---\n"
		"kind: Group\nname: security\nspec: {members: [rita]}\n---\n"
		"kind: Team\nname: platform\nspec: {}\n---\n"
		"kind: Role\nname: releaser\nspec: {}\n",
		NULL, NULL);
	if (code != RV_OK)
		die("people", &f->err);
}

void make_worker(struct fixture *f)
{
	struct rv_issued cred;
	const struct rv_apply_opts submit = { .submit = true };
	enum rv_code code = apply_text(f, "olga",
		"kind: System\nname: deploy-bot\nspec:\n"
		"  class: worker\n  owner: olga\n  role: releaser\n  team: platform\n"
		"  dimensions: {trigger: 2, persistence: 2, autonomy: 2, scope: 1, identity: 2}\n"
		"  purpose: releases\n  environment: production\n"
		"  access: [{resource: 'Service/site-*', actions: [release]}]\n"
		"  actions: {autonomous: [build], approval: [release], never: [delete]}\n"
		"  limits: none\n  failure: {plan: stop, call: olga}\n  escalation: [{to: olga, "
		"within: 15m}]\n"
		"  review: {cadence: 90d}\n  output_reviewer: rita\n",
		&submit, NULL);
	if (code == RV_OK)
		code = AS(f, "gus", rv_system_approve, RV_STR("deploy-bot"), 0, RV_STR("fine"));
	if (code == RV_OK)
		code = AS(f, "olga", rv_credential_issue, RV_CRED_SYSTEM, RV_STR("deploy-bot"),
			RV_STR("first"), RV_DAY_NS, &cred);
	if (code == RV_OK)
		code = AS(f, "olga", rv_system_activate, RV_STR("deploy-bot"));
	if (code != RV_OK)
		die("worker", &f->err);
}

struct count {
	const char *kind, *text;
	size_t n;
};

static enum rv_code count_one(void *arg, const void *row, struct rv_err *err)
{
	struct count *c = arg;
	const struct rv_db_outbox *o = row;
	char want[80];
	(void)err;
	int n = snprintf(want, sizeof want, "\"kind\":\"%s\"", c->kind);
	if (memmem(o->bytes.p, o->bytes.n, want, (size_t)n) &&
		(!c->text || memmem(o->bytes.p, o->bytes.n, c->text, strlen(c->text))))
		c->n++;
	return RV_OK;
}

static size_t count_events(struct fixture *f, const char *kind, const char *text)
{
	struct count c = { kind, text, 0 };
	struct rv_op *op = as(f, NULL);
	end(f, rv_db_outbox_each(op->txn, RV_Q_ALL, count_one, &c, &f->err));
	return c.n;
}

size_t events_of(struct fixture *f, const char *kind)
{
	return count_events(f, kind, NULL);
}

bool event_has(struct fixture *f, const char *kind, const char *text)
{
	return count_events(f, kind, text) > 0;
}
