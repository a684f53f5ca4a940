/* The log for others (c2sp.org/tlog-tiles): /log/checkpoint, /log/rotations, /log/tile/….
 *
 * Checkpoints and tiles of hashes are for everybody: they say how long the log is and nothing of
 * what is in it (a leaf holds random bits, so its hash cannot be guessed). Bundles of entries are
 * the events themselves; they are for people who may read all of the log. */
#include "api/api_int.h"
#include "ledger/ledger.h"

enum { RIGHTS = RV_RIGHT_AUDITOR | RV_RIGHT_GOVERNOR | RV_RIGHT_ADMIN | RV_RIGHT_RESPONDER };

static void reply_text(struct rv_http_req *r, const char *caching, const char *type)
{
	const struct rv_http_header h = { RV_STR_INIT("Cache-Control"), rv_str_of(caching) };
	rv_http_reply_post(r,
		&(struct rv_http_reply){ .status = 200,
			.type = type,
			.body = rv_buf_str(rv_http_out(r)),
			.headers = &h,
			.n_headers = 1 });
}

/* With a quorum of witnesses to wait for, what they have cosigned; else the newest, with the
 * cosignatures it has by now. */
enum rv_code rv_api_published(struct rv_api *api, struct rv_buf *out, struct rv_err *err)
{
	struct rv_checkpoint now, seen;
	RV_AUTO_BUF note, cosigned;
	rv_buf_init(&note, RV_CHECKPOINT_MAX);
	rv_buf_init(&cosigned, RV_CHECKPOINT_MAX);
	bool has = rv_ledger_witnessed(api->ledger, &cosigned, NULL) == RV_OK;
	if (api->witness_quorum > 0 && !has)
		return RV_FAIL(err, RV_ENOENT, "no checkpoint has been cosigned yet");
	RV_TRY(rv_ledger_checkpoint(api->ledger, false, &note, err));
	RV_TRY(rv_checkpoint_open(rv_buf_str(&note), NULL, &now, err));
	if (has)
		RV_TRY(rv_checkpoint_open(rv_buf_str(&cosigned), NULL, &seen, err));
	bool use = has && (api->witness_quorum > 0 || seen.size == now.size);
	rv_buf_add(out, rv_buf_str(use ? &cosigned : &note));
	return rv_buf_ok(out, err);
}

void rv_api_tlog_checkpoint(struct rv_http_req *r, void *self)
{
	struct rv_err err = { 0 };
	if (rv_api_published(self, rv_http_out(r), &err) != RV_OK)
		rv_http_reply_err(r, &err);
	else
		reply_text(r, "no-store", "text/plain; charset=utf-8");
}

void rv_api_tlog_rotations(struct rv_http_req *r, void *self)
{
	struct rv_api *api = self;
	struct rv_err err = { 0 };
	enum rv_code code = rv_ledger_rotations(api->ledger, rv_http_out(r), &err);
	if (code == RV_OK && rv_http_out(r)->n == 0)
		code = RV_FAIL(&err, RV_ENOENT, "the log's key was never changed");
	if (code != RV_OK)
		rv_http_reply_err(r, &err);
	else
		reply_text(r, "no-store", "text/plain; charset=utf-8");
}

/* ---- bundles: a job looks who asks, a worker reads ---- */

struct bundle {
	struct rv_api_work work; /* first: a work is its bundle */
	struct rv_api *api;
	struct rv_http_req *req;
	struct rv_tile tile;
};

static void read_bundle(struct rv_api_work *w)
{
	struct bundle *b = (struct bundle *)w;
	struct rv_err err = { 0 };
	if (rv_ledger_tile(b->api->ledger, &b->tile, rv_http_out(b->req), &err) != RV_OK)
		rv_http_reply_err_post(b->req, &err);
	else
		reply_text(
			b->req, "private, max-age=31536000, immutable", "application/octet-stream");
}

static enum rv_code may_read(void *arg, struct rv_op *op, struct rv_err *err)
{
	return rv_need(op, RIGHTS, err);
}

static void checked(void *arg, enum rv_code code, const struct rv_err *err)
{
	struct bundle *b = arg;
	struct rv_err busy = { 0 };
	b->work.run = read_bundle;
	if (code != RV_OK)
		rv_http_reply_err_post(b->req, err);
	else if (rv_api_work_post(b->api->workers, &b->work, &busy) != RV_OK)
		rv_http_reply_err_post(b->req, &busy);
}

static enum rv_code ask_for_bundle(
	struct rv_api *api, struct rv_http_req *r, const struct rv_tile *t, struct rv_err *err)
{
	struct rv_actor who = { .type = RV_ACTOR_NONE };
	struct rv_arena *a = rv_http_arena(r);
	struct bundle *b = rv_arena_alloc(a, sizeof *b);
	if (!b)
		return RV_FAIL_ARENA(err);
	*b = (struct bundle){ .api = api, .req = r, .tile = *t };
	const struct rv_snapshot *snap = rv_snapshot_get(api->gov);
	enum rv_code code = rv_api_caller(r, snap, rv_gov_now(api->gov), &who, err);
	if (code == RV_OK) {
		who.id = rv_arena_str(a, who.id);
		who.session = rv_arena_str(a, who.session);
	}
	rv_snapshot_unref(snap);
	RV_TRY(code);
	const struct rv_job job = {
		.kind = RV_JOB_READ, .run = may_read, .done = checked, .arg = b, .actor = who
	};
	return rv_control_post(api->gov, &job, err);
}

/* A name that is none is nothing that is there. */
static enum rv_code read_name(
	struct rv_http_req *r, const char *kind, struct rv_tile *ret, struct rv_err *err)
{
	struct rv_err e = { 0 };
	RV_AUTO_BUF name;
	rv_buf_init(&name, 256);
	rv_buf_addz(&name, kind);
	rv_buf_add(&name, rv_http_param(r, "path"));
	enum rv_code code = rv_buf_ok(&name, &e);
	if (code == RV_OK)
		code = rv_tile_parse(rv_buf_str(&name), ret, &e);
	return code == RV_OK ? RV_OK : RV_FAIL(err, RV_ENOENT, "%s", e.msg);
}

void rv_api_tlog_entries(struct rv_http_req *r, void *self)
{
	struct rv_tile t;
	struct rv_err err = { 0 };
	enum rv_code code = read_name(r, "entries/", &t, &err);
	if (code == RV_OK)
		code = ask_for_bundle(self, r, &t, &err);
	if (code != RV_OK)
		rv_http_reply_err(r, &err);
}

void rv_api_tlog_tile(struct rv_http_req *r, void *self)
{
	struct rv_api *api = self;
	struct rv_tile t;
	struct rv_err err = { 0 };
	enum rv_code code = read_name(r, "", &t, &err);
	if (code == RV_OK)
		code = rv_ledger_tile(api->ledger, &t, rv_http_out(r), &err);
	if (code != RV_OK)
		rv_http_reply_err(r, &err);
	else
		reply_text(r, "public, max-age=31536000, immutable", "application/octet-stream");
}
