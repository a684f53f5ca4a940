/* add-checkpoint and the monitors' checkpoint. Answers wait for the disk, so one thread gives them,
 * in the order they came. */
#include <pthread.h>
#include <stdio.h>

#include "witness/witness.h"

enum { MAGIC = 0x77697473, QUEUE_MAX = 256, BODY_MAX = 64 << 10 };

struct ask {
	struct ask *next;
	struct rv_http_req *req;
};
struct rv_witness_service {
	uint32_t magic;
	struct rv_witness *w;
	pthread_t thread;
	bool has_thread, stops;
	pthread_mutex_t mu;
	pthread_cond_t more;
	struct ask *first, **last;
	size_t n;
};

/* ---- answers ---- */

static int status_of(enum rv_code code)
{
	static const struct {
		enum rv_code code;
		int status;
	} rows[] = { { RV_OK, 200 }, { RV_EINVAL, 400 }, { RV_EPERM, 403 }, { RV_ENOENT, 404 },
		{ RV_ECONFLICT, 409 }, { RV_ECORRUPT, 422 } };
	for (size_t i = 0; i < RV_COUNT(rows); i++)
		if (rows[i].code == code)
			return rows[i].status;
	return 503;
}

static void answer(struct rv_witness_service *s, struct rv_http_req *req)
{
	struct rv_err err = { 0 };
	struct rv_buf *out = rv_http_out(req);
	enum rv_code code = rv_witness_add(s->w, rv_http_body(req), out, &err);
	struct rv_http_reply reply = { .status = status_of(code),
		.type = code == RV_ECONFLICT ? "text/x.tlog.size" : "text/plain; charset=utf-8" };
	if (code != RV_OK && code != RV_ECONFLICT) {
		rv_buf_clear(out);
		rv_buf_addz(out, err.msg);
		rv_buf_addc(out, '\n');
	}
	reply.body = rv_buf_str(out);
	rv_http_reply_post(req, &reply);
}

static void *run(void *arg)
{
	struct rv_witness_service *s = arg;
	pthread_mutex_lock(&s->mu);
	for (;;) {
		while (!s->first && !s->stops)
			pthread_cond_wait(&s->more, &s->mu);
		struct ask *a = s->first;
		if (!a)
			break;
		s->first = a->next;
		if (!s->first)
			s->last = &s->first;
		s->n--;
		pthread_mutex_unlock(&s->mu);
		answer(s, a->req); /* a lives in the request's arena */
		pthread_mutex_lock(&s->mu);
	}
	pthread_mutex_unlock(&s->mu);
	return NULL;
}

/* ---- the loop's side ---- */

static void add_checkpoint(struct rv_http_req *r, void *self)
{
	struct rv_witness_service *s = self;
	struct rv_err err = { 0 };
	rv_assert(s->magic == MAGIC);
	struct ask *a = rv_arena_alloc(rv_http_arena(r), sizeof *a);
	bool fits = false;
	if (a) {
		*a = (struct ask){ .req = r };
		pthread_mutex_lock(&s->mu);
		fits = s->n < QUEUE_MAX && !s->stops;
		if (fits) {
			*s->last = a;
			s->last = &a->next;
			s->n++;
			pthread_cond_signal(&s->more);
		}
		pthread_mutex_unlock(&s->mu);
	}
	if (!fits) {
		(void)RV_FAIL(&err, RV_EBUSY, "too many checkpoints at once"); /* told below */
		rv_http_reply_err(r, &err);
	}
}

static void checkpoint(struct rv_http_req *r, void *self)
{
	struct rv_witness_service *s = self;
	struct rv_err err = { 0 };
	static const struct rv_http_header fresh = { RV_STR_INIT("Cache-Control"),
		RV_STR_INIT("no-store") };
	rv_assert(s->magic == MAGIC);
	if (rv_witness_latest(s->w, rv_http_param(r, "origin"), rv_http_out(r), &err) != RV_OK) {
		rv_http_reply_err(r, &err);
		return;
	}
	rv_http_reply(r,
		&(struct rv_http_reply){ .status = 200,
			.type = "text/plain; charset=utf-8",
			.body = rv_buf_str(rv_http_out(r)),
			.headers = &fresh,
			.n_headers = 1 });
}

static const struct rv_http_route root_routes[] = {
	{ .method = RV_HTTP_POST,
		.pattern = "/add-checkpoint",
		.run = add_checkpoint,
		.max_body_bytes = BODY_MAX },
	{ .method = RV_HTTP_GET, .pattern = "/{origin}/checkpoint", .run = checkpoint },
};
static const struct rv_http_route sub_routes[] = {
	{ .method = RV_HTTP_POST,
		.pattern = "/witness/add-checkpoint",
		.run = add_checkpoint,
		.max_body_bytes = BODY_MAX },
	{ .method = RV_HTTP_GET, .pattern = "/witness/{origin}/checkpoint", .run = checkpoint },
};

struct rv_http_table rv_witness_service_table(struct rv_witness_service *s, bool is_root)
{
	if (is_root)
		return (struct rv_http_table){ root_routes, RV_COUNT(root_routes), s };
	return (struct rv_http_table){ sub_routes, RV_COUNT(sub_routes), s };
}

enum rv_code rv_witness_service_new(
	struct rv_witness *w, struct rv_witness_service **ret, struct rv_err *err)
{
	struct rv_witness_service *s = calloc(1, sizeof *s);
	if (!s) {
		rv_witness_free(w);
		return RV_FAIL(err, RV_ENOMEM, "out of memory");
	}
	s->magic = MAGIC;
	s->w = w;
	s->last = &s->first;
	rv_assert(pthread_mutex_init(&s->mu, NULL) == 0 && pthread_cond_init(&s->more, NULL) == 0);
	s->has_thread = pthread_create(&s->thread, NULL, run, s) == 0;
	if (!s->has_thread) {
		rv_witness_service_free(s);
		return RV_FAIL(err, RV_EIO, "cannot start a thread");
	}
	*ret = s;
	return RV_OK;
}

void rv_witness_service_free(struct rv_witness_service *s)
{
	if (!s)
		return;
	rv_assert(s->magic == MAGIC);
	pthread_mutex_lock(&s->mu);
	s->stops = true;
	pthread_cond_broadcast(&s->more);
	pthread_mutex_unlock(&s->mu);
	if (s->has_thread)
		(void)pthread_join(s->thread, NULL); /* ours and joinable */
	pthread_cond_destroy(&s->more);
	pthread_mutex_destroy(&s->mu);
	rv_witness_free(s->w);
	s->magic = 0;
	free(s);
}
