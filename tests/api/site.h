/* The API and AuthZEN of a company (tests/gate/lab.h) on a Unix socket, with everybody's tokens. */
#ifndef RV_TESTS_API_SITE_H
#define RV_TESTS_API_SITE_H
#include "api/api.h"
#include "http/client.h"
#include "points/authzen/serve_gate.h"
#include "search/search.h"
#include "tests/gate/lab.h"

enum { SITE_PEOPLE_MAX = 24, SITE_TOKEN_SIZE = 64 };

struct site {
	struct lab lab;
	struct rv_search *search;
	struct rv_api *api;
	struct rv_authzen_gate authzen;
	struct rv_authzen_point point;
	struct rv_http_router *router;
	struct rv_http_server *server;
	struct rv_http_client *client;
	char address[128];
	struct {
		char name[32], token[SITE_TOKEN_SIZE];
	} people[SITE_PEOPLE_MAX];
	size_t n_people;
	char worker[SITE_TOKEN_SIZE], enforcer[SITE_TOKEN_SIZE]; /* deploy-bot's, gw's */
};
/* Everybody of the lab has a session, and newt, who has no right. */
void site_open(struct site *s);
void site_done(struct site *s);
/* A fresh session of somebody; the token. */
const char *site_login(struct site *s, const char *person);
/* Of site_open; aborts when there is none. */
const char *site_token(const struct site *s, const char *person);

struct site_answer {
	int status; /* -1: no answer at all */
	char body[1 << 16];
};
/* token NULL: none. body NULL: none. */
void site_ask(struct site *s, const char *method, const char *path, const char *token,
	const char *body, struct site_answer *ret);
/* The string member at a path such as "approval.id" of the answer; "" when it is not there. */
void site_get(const struct site_answer *a, const char *path, char *ret, size_t ret_n);
#endif
