/* Requests with passwords: a job finds the hash, a worker checks or makes one (slow by design), a
 * second job acts. */
#include <stdio.h>

#include "api/api_int.h"

enum what { LOGIN, SETUP, PASSWORD };

struct login {
	struct rv_api_work work; /* first: a work is its login */
	struct rv_api *api;
	struct rv_http_req *req;
	enum what what;
	struct rv_actor actor;
	struct rv_str name, token; /* name: the person's */
	struct rv_str old_password, new_password;
	struct rv_str hash; /* as stored */
	char fresh[128]; /* of the new password */
	struct rv_err err;
	struct rv_str session; /* token, to be shown */
	int64_t expires_ns;
};

static void fail(struct login *l, const struct rv_err *err)
{
	/* What was typed must not outlive its use. */
	rv_http_reply_err_post(l->req, err);
}

static void post(struct login *l, enum rv_job_kind kind, rv_job_run *run, rv_job_done *done)
{
	const struct rv_job job = {
		.kind = kind, .run = run, .done = done, .arg = l, .actor = l->actor
	};
	struct rv_err err = { 0 };
	if (rv_control_post(l->api->gov, &job, &err) != RV_OK)
		fail(l, &err);
}

/* The name may be a password typed into the wrong field: only a known one is kept. */
static void count_refusal(struct login *l)
{
	char source[80];
	const struct rv_snapshot *snap = rv_snapshot_get(l->api->gov);
	bool is_known = l->name.n > 0 && rv_snap_person(snap, l->name);
	rv_knock(l->api->gov, RV_KNOCK_LOGIN, rv_api_source(l->req, source),
		is_known ? l->name : RV_STR(""));
	rv_snapshot_unref(snap);
}

/* ---- the end ------------------------------------------------------------------------------------
 */

static enum rv_code run_act(void *arg, struct rv_op *op, struct rv_err *err)
{
	struct login *l = arg;
	struct rv_str token;
	switch (l->what) {
	case LOGIN:
		RV_TRY(rv_session_open(op, l->name, l->hash, 0, &token, &l->expires_ns, err));
		l->session = rv_arena_str(rv_http_arena(l->req), token);
		return l->session.p ? RV_OK : RV_FAIL_ARENA(err);
	case SETUP:
		RV_TRY(rv_invite_use(op, l->token, l->fresh, &l->name, err));
		l->name = rv_arena_str(rv_http_arena(l->req), l->name);
		return l->name.p ? RV_OK : RV_FAIL_ARENA(err);
	case PASSWORD:
		return rv_person_set_password(op, l->name, l->fresh, err);
	}
	return RV_FAIL(err, RV_EINTERNAL, "unknown request");
}

static void done_act(void *arg, enum rv_code code, const struct rv_err *err)
{
	struct login *l = arg;
	if (code != RV_OK) {
		if (code == RV_EAUTH)
			count_refusal(l); /* a link that is not, or a password changed meanwhile */
		fail(l, err);
		return;
	}
	struct rv_buf *out = rv_http_out(l->req);
	struct rv_json_w w;
	rv_buf_clear(out);
	rv_json_w_init(&w, out);
	rv_json_w_obj(&w);
	rv_json_w_kv_str(&w, "person", l->name);
	rv_api_kv(&w, "token", l->session);
	rv_api_kv_time(&w, "expires", l->expires_ns);
	rv_json_w_obj_end(&w);
	const struct rv_http_reply reply = { .status = 200, .body = rv_buf_str(out) };
	rv_http_reply_post(l->req, &reply);
}

/* ---- the worker
 * ----------------------------------------------------------------------------------- */

static enum rv_code check_and_hash(struct login *l, struct rv_err *err)
{
	if (l->what != SETUP) {
		const char *stored = l->hash.p;
		if (rv_password_verify(stored, l->old_password, NULL) != RV_OK)
			return RV_FAIL(err, RV_EAUTH, "wrong name or password");
	}
	if (l->what != LOGIN)
		return rv_password_hash(l->api->gov, l->new_password, l->fresh, err);
	return RV_OK;
}

static void work(struct rv_api_work *w)
{
	struct login *l = (struct login *)w;
	if (check_and_hash(l, &l->err) == RV_OK) {
		post(l, RV_JOB_CHANGE, run_act, done_act);
		return;
	}
	if (l->err.code == RV_EAUTH)
		count_refusal(l);
	fail(l, &l->err);
}

static void to_worker(struct login *l)
{
	struct rv_err err = { 0 };
	l->work.run = work;
	if (rv_api_work_post(l->api->workers, &l->work, &err) != RV_OK)
		fail(l, &err);
}

/* ---- the beginning
 * -------------------------------------------------------------------------------- */

static enum rv_code run_find(void *arg, struct rv_op *op, struct rv_err *err)
{
	struct login *l = arg;
	struct rv_str hash;
	RV_TRY(rv_login_find(op, l->name, &hash, err));
	l->hash = rv_arena_str(rv_http_arena(l->req), hash);
	return l->hash.p ? RV_OK : RV_FAIL_ARENA(err);
}

static void done_find(void *arg, enum rv_code code, const struct rv_err *err)
{
	struct login *l = arg;
	if (code != RV_OK)
		fail(l, err);
	else
		to_worker(l);
}

static enum rv_code read_fields(struct login *l, struct rv_json_obj *o, struct rv_err *err)
{
	switch (l->what) {
	case LOGIN:
		RV_TRY(rv_json_need_str(o, "name", &l->name, err));
		return rv_json_need_str(o, "password", &l->old_password, err);
	case SETUP:
		RV_TRY(rv_json_need_str(o, "token", &l->token, err));
		RV_TRY(rv_json_need_str(o, "password", &l->new_password, err));
		return rv_password_check(l->new_password, err);
	case PASSWORD:
		RV_TRY(rv_json_need_str(o, "old", &l->old_password, err));
		RV_TRY(rv_json_need_str(o, "new", &l->new_password, err));
		return rv_password_check(l->new_password, err);
	}
	return RV_FAIL(err, RV_EINTERNAL, "unknown request");
}

/* Changing a password needs a session besides the old one. */
static enum rv_code read_person(struct login *l, struct rv_err *err)
{
	struct rv_actor a = { .type = RV_ACTOR_NONE };
	const struct rv_snapshot *snap = rv_snapshot_get(l->api->gov);
	enum rv_code code = rv_api_caller(l->req, snap, rv_gov_now(l->api->gov), &a, err);
	if (code == RV_OK && a.type != RV_ACTOR_PERSON)
		code = RV_FAIL(err, RV_EPERM, "only a person has a password");
	if (code == RV_OK) {
		l->actor.type = a.type;
		l->actor.id = rv_arena_str(rv_http_arena(l->req), a.id);
		l->actor.session = rv_arena_str(rv_http_arena(l->req), a.session);
		l->name = l->actor.id;
	}
	rv_snapshot_unref(snap);
	return code;
}

static enum rv_code read_login(struct login *l, struct rv_err *err)
{
	const struct rv_json *body;
	struct rv_json_obj o;
	if (l->what == PASSWORD)
		RV_TRY(read_person(l, err));
	RV_TRY(rv_http_json(l->req, NULL, &body, err));
	RV_TRY(rv_json_obj_open(&o, body, "", err));
	RV_TRY(read_fields(l, &o, err));
	return rv_json_obj_close(&o, err);
}

static void begin(struct rv_http_req *r, void *self, enum what what)
{
	struct rv_err err = { 0 };
	struct login *l = rv_arena_alloc(rv_http_arena(r), sizeof *l);
	if (!l) {
		(void)RV_FAIL_ARENA(&err); /* told below */
		rv_http_reply_err(r, &err);
		return;
	}
	l->api = self;
	l->req = r;
	l->what = what;
	l->actor.type = RV_ACTOR_SERVICE;
	if (read_login(l, &err) != RV_OK) {
		if (err.code == RV_EAUTH)
			rv_api_knock(l->api->gov, r);
		rv_http_reply_err(r, &err);
		return;
	}
	if (what == SETUP)
		to_worker(l);
	else
		post(l, RV_JOB_READ, run_find, done_find);
}

void rv_api_login(struct rv_http_req *r, void *self)
{
	begin(r, self, LOGIN);
}

void rv_api_setup(struct rv_http_req *r, void *self)
{
	begin(r, self, SETUP);
}

void rv_api_password(struct rv_http_req *r, void *self)
{
	begin(r, self, PASSWORD);
}
