/* An AuthZEN point on a Unix socket and a client for it. */
#ifndef RV_TESTS_POINTS_POINT_H
#define RV_TESTS_POINTS_POINT_H
#include "http/client.h"
#include "points/authzen/authzen.h"
#include "tests/harness.h"

struct point {
	struct rv_authzen_point authzen;
	struct rv_http_router *router;
	struct rv_http_server *server;
	struct rv_http_client *client;
	char dir[64], address[96];
};
bool point_start(struct point *p, const struct rv_authzen_ops *ops, void *self, unsigned n_threads);
void point_stop(struct point *p);
/* Status, or -1; the body as "STATUS BODY" into out. type NULL: application/json. */
int point_post(struct point *p, const char *path, struct rv_str body, const char *type, char *out,
	size_t out_n);
/* A file in p->dir's sibling for policies and the like; path must hold 128 bytes. */
bool write_temp(const char *name, const char *text, char path[128]);
#endif
