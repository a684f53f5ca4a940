#include <stdio.h>

#include "base/file.h"
#include "cli/audit.h"

static enum rv_code open_copy(struct rv_log_http *h, const char *url, struct rv_err *err)
{
	char base[512];
	const char *host = strstr(url, "://"), *slash = host ? strchr(host + 3, '/') : NULL;
	size_t base_n = slash ? (size_t)(slash - url) : strlen(url), n = slash ? strlen(slash) : 0;
	while (n > 0 && slash[n - 1] == '/')
		n--;
	if (base_n >= sizeof base || n >= sizeof h->prefix)
		return RV_FAIL(err, RV_EINVAL, "the URL '%s' is too long", url);
	snprintf(base, sizeof base, "%.*s", (int)base_n, url);
	snprintf(h->prefix, sizeof h->prefix, "%.*s", (int)n, slash ? slash : "");
	const struct rv_http_client_opts o = {
		.base_url = base, .ca_file = getenv("REEVE_CA_FILE"), .max_response_bytes = 32 << 20
	};
	return rv_http_client_new(&o, &h->http, err);
}

enum rv_code rv_log_http_open(
	struct rv_log_http *h, const char *server, const char *url, struct rv_err *err)
{
	*h = (struct rv_log_http){ .http = NULL };
	if (url)
		return open_copy(h, url, err);
	snprintf(h->prefix, sizeof h->prefix, "/log");
	return rv_client_open(&h->client, server, err);
}

void rv_log_http_done(struct rv_log_http *h)
{
	rv_http_client_free(h->http);
	if (!h->http)
		rv_client_done(&h->client);
}

static enum rv_code get(void *self, const char *path, struct rv_buf *out, struct rv_err *err)
{
	struct rv_log_http *h = self;
	char full[1024], bearer[600];
	struct rv_http_header auth = { RV_STR("Authorization"), { NULL, 0 } };
	struct rv_http_answer a;
	int n = snprintf(full, sizeof full, "%s/%s", h->prefix, path);
	bool has_token = !h->http && h->client.token.p;
	if (n < 0 || (size_t)n >= sizeof full)
		return RV_FAIL(err, RV_EINVAL, "the path '%s' is too long", path);
	if (has_token) {
		n = snprintf(bearer, sizeof bearer, "Bearer %.*s", RV_FMT(h->client.token));
		auth.value = rv_str_n(bearer, (size_t)n);
	}
	const struct rv_http_request q = { .method = RV_HTTP_GET,
		.path = rv_str_of(full),
		.headers = &auth,
		.n_headers = has_token };
	enum rv_code code = rv_http_call(h->http ? h->http : h->client.http, &q, &a, err);
	explicit_bzero(bearer, sizeof bearer);
	RV_TRY(code);
	if (a.head->status == 404 || a.head->status == 410)
		return RV_FAIL(err, RV_ENOENT, "there is no %s", full);
	if (a.head->status >= 400)
		return rv_http_answer_err(&a, err);
	if (a.head->status != 200)
		return RV_FAIL(
			err, RV_EINVAL, "%s: unexpected status %d", full, (int)a.head->status);
	rv_buf_add(out, a.body);
	return rv_buf_ok(out, err);
}

struct rv_tlog_src rv_log_http_src(struct rv_log_http *h)
{
	return (struct rv_tlog_src){ get, h };
}

enum rv_code rv_trust_opts(const struct rv_trust *t, struct rv_arena *a, struct rv_verify_opts *ret,
	struct rv_err *err)
{
	*ret = (struct rv_verify_opts){ .vkey = t->vkey,
		.saved = RV_STR(""),
		.witness_vkeys = t->witnesses.v,
		.n_witnesses = t->witnesses.n,
		.quorum = (size_t)t->quorum };
	for (size_t i = 0; i < t->witnesses.n; i++) {
		char name[RV_LEDGER_ORIGIN_MAX + 1];
		RV_TRY(rv_witness_name(t->witnesses.v[i], name, err));
	}
	if ((size_t)t->quorum > t->witnesses.n)
		return RV_FAIL(err, RV_EINVAL,
			"a quorum of %lld needs as many --witness-vkey, %zu are given",
			(long long)t->quorum, t->witnesses.n);
	if (t->checkpoint)
		RV_TRY(rv_file_read(a, t->checkpoint, RV_CHECKPOINT_MAX, &ret->saved, err));
	return RV_OK;
}
