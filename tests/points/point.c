#include "tests/points/point.h"

#include <stdio.h>

#include "base/file.h"

bool point_start(struct point *p, const struct rv_authzen_ops *ops, void *self, unsigned n_threads)
{
	struct rv_err err = { 0 };
	memset(p, 0, sizeof *p);
	p->authzen = (struct rv_authzen_point){
		.ops = ops, .self = self, .can_search = ops->search != NULL
	};
	snprintf(p->dir, sizeof p->dir, "/tmp/rv-point-XXXXXX");
	if (!mkdtemp(p->dir))
		return false;
	snprintf(p->address, sizeof p->address, "unix:%s/s", p->dir);
	struct rv_http_listen l = { .address = p->address };
	const struct rv_http_table table = rv_authzen_table(&p->authzen);
	enum rv_code code = rv_http_router_new(&table, 1, &p->router, &err);
	if (code == RV_OK)
		code = rv_http_server_new(&(struct rv_http_server_opts){ .router = p->router,
						  .listens = &l,
						  .n_listens = 1,
						  .n_threads = n_threads },
			&p->server, &err);
	if (code == RV_OK)
		code = rv_http_server_start(p->server, &err);
	if (code == RV_OK)
		code = rv_http_client_new(&(struct rv_http_client_opts){ .base_url = p->address,
						  .deadline_ms = 10000 },
			&p->client, &err);
	CHECKF(code == RV_OK, "%s", err.msg);
	return code == RV_OK;
}

void point_stop(struct point *p)
{
	rv_http_client_free(p->client);
	rv_http_server_free(p->server);
	rv_http_router_free(p->router);
	(void)rmdir(p->dir);
}

int point_post(struct point *p, const char *path, struct rv_str body, const char *type, char *out,
	size_t out_n)
{
	struct rv_http_answer a;
	struct rv_err err = { 0 };
	const struct rv_http_header id = { RV_STR("X-Request-ID"), RV_STR("req-1") };
	struct rv_http_request q = { .method = body.p ? RV_HTTP_POST : RV_HTTP_GET,
		.path = rv_str_of(path),
		.body = body,
		.type = type,
		.headers = &id,
		.n_headers = 1 };
	if (rv_http_call(p->client, &q, &a, &err) != RV_OK) {
		snprintf(out, out_n, "%s", err.msg);
		return -1;
	}
	CHECK_STR(rv_http_head_get(a.head, "x-request-id"), "req-1");
	CHECK(rv_http_is_json(a.head->content_type));
	snprintf(out, out_n, "%d %.*s", a.head->status, RV_FMT(a.body));
	return a.head->status;
}

bool write_temp(const char *name, const char *text, char path[128])
{
	snprintf(path, 128, "/tmp/rv-%d-%s", (int)getpid(), name);
	return rv_file_write(path, rv_str_of(text), 0600, NULL) == RV_OK;
}
