/* The log's side: one thread has each new checkpoint cosigned. What a witness holds is asked for
 * once (an old size of 0 is answered with 409 and the size); from then on it is remembered. */
#include <pthread.h>
#include <stdio.h>

#include "http/client.h"
#include "witness/witness.h"

enum { CALL_MS = 5000, LOOK_MS = 500, PAUSE_MIN_MS = 1000, PAUSE_MAX_MS = 60000, BASE_MAX = 512 };

struct peer {
	char base[BASE_MAX], path[BASE_MAX], vkey[400];
	struct rv_http_client *http;
	uint64_t known; /* size it holds, as far as we know */
	int64_t next_try_ns, pause_ms; /* monotonic; after a failure */
	struct rv_witness_peer_status status; /* under mu */
};
struct rv_witness_push {
	struct rv_ledger *ledger;
	size_t n, quorum;
	pthread_t thread;
	bool has_thread;
	pthread_mutex_t mu;
	bool stops; /* under mu */
	struct peer peers[RV_WITNESS_PEERS_MAX];
};

static int64_t mono(void)
{
	return rv_clock_mono_ns(rv_clock_system());
}

static bool is_stopping(struct rv_witness_push *p)
{
	pthread_mutex_lock(&p->mu);
	bool stops = p->stops;
	pthread_mutex_unlock(&p->mu);
	return stops;
}

static void failed(struct rv_witness_push *p, struct peer *w, bool is_alarm, const char *why)
{
	w->pause_ms = w->pause_ms ? w->pause_ms * 2 : PAUSE_MIN_MS;
	if (w->pause_ms > PAUSE_MAX_MS)
		w->pause_ms = PAUSE_MAX_MS;
	w->next_try_ns = mono() + w->pause_ms * RV_NS_PER_MS;
	pthread_mutex_lock(&p->mu);
	w->status.is_alarm |= is_alarm;
	snprintf(w->status.error, sizeof w->status.error, "%.*s", (int)sizeof w->status.error - 1,
		why);
	pthread_mutex_unlock(&p->mu);
}

/* ---- one call ---- */

static enum rv_code post(struct rv_witness_push *p, struct peer *w, struct rv_str note,
	uint64_t size, struct rv_http_answer *ret, struct rv_err *err)
{
	struct rv_proof proof = { .n = 0 };
	RV_AUTO_BUF body;
	rv_buf_init(&body, 64 << 10);
	if (w->known > 0)
		RV_TRY(rv_ledger_prove_consistency(p->ledger, w->known, size, &proof, err));
	rv_witness_request_write(w->known, &proof, note, &body);
	RV_TRY(rv_buf_ok(&body, err));
	const struct rv_http_request q = { .method = RV_HTTP_POST,
		.path = rv_str_of(w->path),
		.body = rv_buf_str(&body),
		.type = "text/plain; charset=utf-8",
		.deadline_ms = CALL_MS };
	return rv_http_call(w->http, &q, ret, err);
}

/* 409: the size it holds. Larger than ours means that the log was set back. */
static enum rv_code take_size(
	struct peer *w, struct rv_str body, uint64_t size, bool *alarm, struct rv_err *err)
{
	uint64_t known;
	if (!rv_str_ends(body, RV_STR("\n")) ||
		!rv_str_u64(rv_str_sub(body, 0, body.n - 1), &known))
		return RV_FAIL(err, RV_EINVAL, "its answer 409 names no size");
	w->known = known;
	if (known <= size)
		return RV_OK;
	*alarm = true;
	return RV_FAIL(err, RV_ECORRUPT,
		"it has cosigned %llu events and this log has %llu: the log was set back",
		(unsigned long long)known, (unsigned long long)size);
}

/* Only its own line is taken over, and only when it is good. */
static enum rv_code take_lines(struct peer *w, struct rv_str note, struct rv_str body,
	struct rv_buf *out, int64_t *ret_s, struct rv_err *err)
{
	RV_AUTO_BUF both;
	struct rv_str line, rest = body, name = rv_str_of(w->status.name);
	rv_buf_init(&both, RV_CHECKPOINT_MAX);
	while (rv_str_split(&rest, '\n', &line)) {
		if (!rv_str_starts(line, RV_STR("\xe2\x80\x94 ")) ||
			!rv_str_starts(rv_str_sub(line, 4, line.n), name))
			continue;
		rv_buf_clear(&both);
		rv_buf_add(&both, note);
		rv_buf_add(&both, line);
		rv_buf_addc(&both, '\n');
		if (rv_buf_ok(&both, NULL) != RV_OK ||
			rv_witness_cosigned(rv_buf_str(&both), w->vkey, ret_s, NULL) != RV_OK)
			continue;
		rv_buf_add(out, line);
		rv_buf_addc(out, '\n');
		return RV_OK;
	}
	return RV_FAIL(err, RV_EAUTH, "its answer holds no good cosignature of its key");
}

static enum rv_code try_peer(struct rv_witness_push *p, struct peer *w, struct rv_str note,
	uint64_t size, struct rv_buf *out, bool *alarm, int64_t *ret_s, struct rv_err *err)
{
	struct rv_http_answer a;
	for (int i = 0; i < 2; i++) {
		RV_TRY(post(p, w, note, size, &a, err));
		if (a.head->status != 409)
			break;
		RV_TRY(take_size(w, a.body, size, alarm, err));
	}
	if (a.head->status == 200)
		return take_lines(w, note, a.body, out, ret_s, err);
	*alarm = a.head->status == 422;
	struct rv_str why = rv_str_trim(rv_str_sub(a.body, 0, 160));
	return RV_FAIL(
		err, RV_ECONFLICT, "it refuses (%d): %.*s", (int)a.head->status, RV_FMT(why));
}

static bool push_one(struct rv_witness_push *p, struct peer *w, struct rv_str note, uint64_t size,
	struct rv_buf *out)
{
	struct rv_err err = { 0 };
	bool alarm = false;
	int64_t at_s = 0;
	if (w->next_try_ns > mono())
		return false;
	if (try_peer(p, w, note, size, out, &alarm, &at_s, &err) != RV_OK) {
		failed(p, w, alarm, err.msg);
		return false;
	}
	w->known = size;
	w->pause_ms = w->next_try_ns = 0;
	pthread_mutex_lock(&p->mu);
	w->status.size = size;
	w->status.at_ns = at_s * RV_NS_PER_S;
	w->status.is_alarm = false;
	w->status.error[0] = '\0';
	pthread_mutex_unlock(&p->mu);
	return true;
}

/* ---- the thread ---- */

/* True when every witness has cosigned this checkpoint. */
static bool push_all(struct rv_witness_push *p)
{
	struct rv_checkpoint c;
	size_t n = 0;
	struct rv_err err = { 0 };
	RV_AUTO_BUF note, all;
	rv_buf_init(&note, RV_CHECKPOINT_MAX);
	rv_buf_init(&all, RV_CHECKPOINT_MAX);
	if (rv_ledger_checkpoint(p->ledger, false, &note, &err) != RV_OK ||
		rv_checkpoint_open(rv_buf_str(&note), NULL, &c, &err) != RV_OK)
		return false;
	rv_buf_add(&all, rv_buf_str(&note));
	for (size_t i = 0; i < p->n && !is_stopping(p); i++)
		n += push_one(p, &p->peers[i], rv_buf_str(&note), c.size, &all);
	if (n > 0 && n >= p->quorum && rv_buf_ok(&all, NULL) == RV_OK &&
		rv_ledger_cosigned(p->ledger, rv_buf_str(&all), &err) != RV_OK)
		return false;
	return n == p->n;
}

static void *run(void *arg)
{
	struct rv_witness_push *p = arg;
	uint64_t done = 0;
	while (!is_stopping(p)) {
		uint64_t is = rv_ledger_await_signed(p->ledger, done, LOOK_MS);
		if (is > done && !is_stopping(p) && push_all(p))
			done = is;
		else if (is > done)
			(void)rv_ledger_await_signed(p->ledger, is, LOOK_MS); /* a pause */
	}
	return NULL;
}

/* ---- coming and going ---- */

/* "https://host/path" into base and path + "/add-checkpoint". */
static enum rv_code split_url(const char *url, struct peer *w, struct rv_err *err)
{
	const char *host = strstr(url, "://");
	const char *slash = host ? strchr(host + 3, '/') : NULL;
	size_t base_n = slash ? (size_t)(slash - url) : strlen(url);
	size_t path_n = slash ? strlen(slash) : 0;
	while (path_n > 0 && slash[path_n - 1] == '/')
		path_n--;
	if (base_n >= BASE_MAX || path_n + 20 >= BASE_MAX)
		return RV_FAIL(err, RV_EINVAL, "the URL '%s' is too long", url);
	snprintf(w->base, sizeof w->base, "%.*s", (int)base_n, url);
	snprintf(w->path, sizeof w->path, "%.*s/add-checkpoint", (int)path_n, slash ? slash : "");
	return RV_OK;
}

static enum rv_code fill(
	struct peer *w, const struct rv_witness_peer *from, const char *ca_file, struct rv_err *err)
{
	RV_TRY(split_url(from->url, w, err));
	snprintf(w->vkey, sizeof w->vkey, "%s", from->vkey);
	enum rv_code code = rv_witness_name(w->vkey, w->status.name, err);
	if (code != RV_OK) {
		rv_err_prefix(err, "witness '%s': ", from->url);
		return code;
	}
	const struct rv_http_client_opts o = { .base_url = w->base,
		.ca_file = ca_file,
		.deadline_ms = CALL_MS,
		.max_response_bytes = 64 << 10 };
	return rv_http_client_new(&o, &w->http, err);
}

enum rv_code rv_witness_push_start(
	const struct rv_witness_push_opts *o, struct rv_witness_push **ret, struct rv_err *err)
{
	if (o->n_peers == 0 || o->n_peers > RV_WITNESS_PEERS_MAX || o->quorum > o->n_peers)
		return RV_FAIL(err, RV_EINVAL,
			"%zu witnesses with a quorum of %zu: there are 1 to %d, and no more are "
			"asked for than there are",
			o->n_peers, o->quorum, RV_WITNESS_PEERS_MAX);
	struct rv_witness_push *p = calloc(1, sizeof *p);
	if (!p)
		return RV_FAIL(err, RV_ENOMEM, "out of memory");
	p->ledger = o->ledger;
	p->quorum = o->quorum;
	rv_assert(pthread_mutex_init(&p->mu, NULL) == 0);
	enum rv_code code = RV_OK;
	for (; p->n < o->n_peers && code == RV_OK; p->n++)
		code = fill(&p->peers[p->n], &o->peers[p->n], o->ca_file, err);
	if (code == RV_OK) {
		p->has_thread = pthread_create(&p->thread, NULL, run, p) == 0;
		if (!p->has_thread)
			code = RV_FAIL(err, RV_EIO, "cannot start a thread");
	}
	if (code == RV_OK)
		*ret = p;
	else
		rv_witness_push_stop(p);
	return code;
}

void rv_witness_push_stop(struct rv_witness_push *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->mu);
	p->stops = true;
	pthread_mutex_unlock(&p->mu);
	if (p->has_thread)
		(void)pthread_join(p->thread, NULL); /* ours and joinable */
	for (size_t i = 0; i < p->n; i++)
		rv_http_client_free(p->peers[i].http);
	pthread_mutex_destroy(&p->mu);
	free(p);
}

size_t rv_witness_push_status(
	struct rv_witness_push *p, struct rv_witness_peer_status ret[RV_WITNESS_PEERS_MAX])
{
	pthread_mutex_lock(&p->mu);
	for (size_t i = 0; i < p->n; i++)
		ret[i] = p->peers[i].status;
	pthread_mutex_unlock(&p->mu);
	return p->n;
}
