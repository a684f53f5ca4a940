#include "tests/api/site.h"

#include <stdio.h>
#include <unistd.h>

static void must(struct site *s, const char *what, enum rv_code code)
{
	if (code == RV_OK)
		return;
	fprintf(stderr, "site: %s: %s\n", what, s->lab.f.err.msg);
	abort();
}

static void set_password(struct site *s, const char *person)
{
	struct rv_str token, who;
	char hash[128];
	struct rv_err err = { 0 };
	must(s, person, AS(&s->lab.f, "ada", rv_person_invite, rv_str_of(person), &token));
	must(s, person, rv_password_hash(s->lab.f.gov, RV_STR("correct horse"), hash, &err));
	must(s, person, AS(&s->lab.f, NULL, rv_invite_use, token, hash, &who));
}

const char *site_login(struct site *s, const char *person)
{
	struct rv_str hash, token;
	int64_t expires;
	struct rv_str name = rv_str_of(person);
	must(s, person, AS(&s->lab.f, NULL, rv_login_find, name, &hash));
	must(s, person, AS(&s->lab.f, NULL, rv_session_open, name, hash, 0, &token, &expires));
	return rv_arena_printf(&s->lab.f.arena, "%.*s", RV_FMT(token));
}

static void give_tokens(struct site *s)
{
	static const char *const names[] = { "ada", "gus", "gil", "olga", "rita", "rob", "resi",
		"aldo", "newt" };
	struct rv_issued worker, enforcer;
	for (size_t i = 0; i < RV_COUNT(names); i++) {
		if (strcmp(names[i], "ada") != 0)
			set_password(s, names[i]);
		snprintf(s->people[i].name, sizeof s->people[i].name, "%s", names[i]);
		snprintf(s->people[i].token, sizeof s->people[i].token, "%s",
			site_login(s, names[i]));
	}
	s->n_people = RV_COUNT(names);
	must(s, "worker",
		AS(&s->lab.f, "olga", rv_credential_issue, RV_CRED_SYSTEM, RV_STR("deploy-bot"),
			RV_STR("site"), 30 * RV_DAY_NS, &worker));
	must(s, "point",
		AS(&s->lab.f, "gus", rv_credential_issue, RV_CRED_POINT, RV_STR("gw"),
			RV_STR("site"), 30 * RV_DAY_NS, &enforcer));
	snprintf(s->worker, sizeof s->worker, "%.*s", RV_FMT(worker.token));
	snprintf(s->enforcer, sizeof s->enforcer, "%.*s", RV_FMT(enforcer.token));
}

static enum rv_code serve(struct site *s, struct rv_err *err)
{
	char dir[200];
	snprintf(dir, sizeof dir, "%s/search", s->lab.f.dir);
	const struct rv_search_opts so = { .dir = dir, .ledger = s->lab.f.ledger };
	RV_TRY(rv_search_open(&so, &s->search, err));
	RV_TRY(rv_api_new(s->lab.f.gov, s->lab.f.ledger, s->lab.gate, s->search, &s->api, err));
	s->authzen = (struct rv_authzen_gate){ s->lab.f.gov, s->lab.gate };
	s->point = (struct rv_authzen_point){ .ops = &rv_authzen_gate_ops, .self = &s->authzen };
	const struct rv_http_table tables[] = { rv_api_table(s->api), rv_authzen_table(&s->point) };
	RV_TRY(rv_http_router_new(tables, RV_COUNT(tables), &s->router, err));
	snprintf(s->address, sizeof s->address, "unix:%s/site.sock", s->lab.f.dir);
	const struct rv_http_listen listen = { .address = s->address };
	const struct rv_http_server_opts o = {
		.router = s->router, .listens = &listen, .n_listens = 1, .n_threads = 1
	};
	RV_TRY(rv_http_server_new(&o, &s->server, err));
	RV_TRY(rv_http_server_start(s->server, err));
	const struct rv_http_client_opts c = { .base_url = s->address, .deadline_ms = 20000 };
	return rv_http_client_new(&c, &s->client, err);
}

void site_open(struct site *s)
{
	struct rv_err err = { 0 };
	memset(s, 0, sizeof *s);
	lab_open(&s->lab);
	must(s, "newt", lab_apply(&s->lab, "kind: Person\nname: newt\nspec: {}\n"));
	give_tokens(s);
	if (serve(s, &err) != RV_OK) {
		fprintf(stderr, "site: %s\n", err.msg);
		abort();
	}
}

void site_done(struct site *s)
{
	rv_http_client_free(s->client);
	rv_api_approval_changed(s->api, RV_STR(""));
	rv_http_server_stop(s->server, 1000);
	rv_control_stop(s->lab.f.gov);
	rv_api_stop_searches(s->api);
	rv_search_free(s->search);
	rv_http_server_free(s->server);
	rv_http_router_free(s->router);
	rv_api_free(s->api);
	lab_done(&s->lab);
}

const char *site_token(const struct site *s, const char *person)
{
	for (size_t i = 0; i < s->n_people; i++)
		if (strcmp(s->people[i].name, person) == 0)
			return s->people[i].token;
	fprintf(stderr, "site: nobody is called %s\n", person);
	abort();
}

void site_ask(struct site *s, const char *method, const char *path, const char *token,
	const char *body, struct site_answer *ret)
{
	struct rv_http_answer a;
	struct rv_err err = { 0 };
	char bearer[128];
	snprintf(bearer, sizeof bearer, "Bearer %s", token ? token : "");
	const struct rv_http_header auth = { RV_STR("Authorization"), rv_str_of(bearer) };
	const struct rv_http_request q = { .method = rv_http_method_of(rv_str_of(method)),
		.path = rv_str_of(path),
		.headers = &auth,
		.n_headers = token ? 1 : 0,
		.body = body ? rv_str_of(body) : (struct rv_str){ NULL, 0 } };
	ret->status = -1;
	ret->body[0] = '\0';
	if (rv_http_call(s->client, &q, &a, &err) != RV_OK) {
		snprintf(ret->body, sizeof ret->body, "%s", err.msg);
		return;
	}
	ret->status = a.head->status;
	snprintf(ret->body, sizeof ret->body, "%.*s", RV_FMT(a.body));
}

void site_get(const struct site_answer *a, const char *path, char *ret, size_t ret_n)
{
	const struct rv_json *v;
	struct rv_str rest = rv_str_of(path), name;
	RV_AUTO_ARENA arena;
	rv_arena_init(&arena, 1 << 22);
	ret[0] = '\0';
	if (rv_json_parse(&arena, rv_str_of(a->body), NULL, &v, NULL) != RV_OK)
		return;
	while (rv_str_split(&rest, '.', &name))
		v = rv_json_get_str(v, name);
	if (rv_json_is(v, RV_JSON_STR))
		snprintf(ret, ret_n, "%.*s", RV_FMT(v->str));
}
