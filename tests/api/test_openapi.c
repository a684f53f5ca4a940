/* docs/openapi.yaml held against src/api/routes.def, both ways, down to the members of each body.
 */
#include <stdio.h>

#include "tests/api/openapi.h"
#include "tests/api/site.h"

enum auth { OPEN, ANYONE, PERSON };
enum body { EMPTY, BODY, RAW };
static const struct route {
	const char *method, *pattern, *query;
	enum auth auth;
	enum body body;
} routes[] = {
#define RV_API_ROUTE(method_, pattern_, handler_, kind_, auth_, query_, body_) \
	{ method_, pattern_, query_, auth_, body_ },
#define RV_API_RAW(method_, pattern_, handler_, auth_, query_) \
	{ method_, pattern_, query_, auth_, (method_)[0] == 'P' ? RAW : EMPTY },
#include "api/routes.def"
};
static struct rv_arena arena;
static const struct rv_json *doc;

static bool load(void)
{
	if (!doc) {
		rv_arena_init(&arena, 1 << 26);
		doc = openapi_load(&arena);
	}
	return doc != NULL;
}

/* Every $ref leads somewhere, every operation has an id of its own, a summary, answers. */
static void check_refs(const struct rv_json *v, unsigned depth)
{
	if (depth > 40)
		return;
	if (rv_json_get(v, "$ref"))
		CHECKF(openapi_deref(doc, v), "line %u: leads nowhere", v->line);
	if (v->type == RV_JSON_OBJ) {
		RV_JSON_EACH (m, v)
			check_refs(m->value, depth + 1);
	} else if (v->type == RV_JSON_ARR) {
		for (size_t i = 0; i < v->n_items; i++)
			check_refs(v->items[i], depth + 1);
	}
}

static bool is_method(struct rv_str name)
{
	return rv_str_eqz(name, "get") || rv_str_eqz(name, "post") || rv_str_eqz(name, "delete");
}

TEST(it_is_an_openapi_document)
{
	struct rv_str ids[200];
	size_t n = 0;
	REQUIRE(load());
	const struct rv_json *version = rv_json_get(doc, "openapi");
	CHECK(rv_json_is(version, RV_JSON_STR) && rv_str_starts(version->str, RV_STR("3.1.")));
	CHECK(rv_json_get(rv_json_get(doc, "info"), "title"));
	CHECK(rv_json_get(rv_json_get(doc, "info"), "version"));
	check_refs(doc, 0);
	RV_JSON_EACH (path, rv_json_get(doc, "paths")) {
		RV_JSON_EACH (op, path->value) {
			if (rv_str_eqz(op->name, "parameters"))
				continue;
			CHECKF(is_method(op->name), "%.*s", RV_FMT(op->name));
			const struct rv_json *id = rv_json_get(op->value, "operationId");
			REQUIRE(rv_json_is(id, RV_JSON_STR) && n < RV_COUNT(ids));
			for (size_t i = 0; i < n; i++)
				CHECKF(!rv_str_eq(ids[i], id->str), "twice: %.*s", RV_FMT(id->str));
			ids[n++] = id->str;
			CHECK(rv_json_get(op->value, "summary"));
			CHECK(rv_json_get(rv_json_get(op->value, "responses"), "200"));
			CHECK(rv_json_get(rv_json_get(op->value, "responses"), "400"));
		}
	}
}

static bool is_route(struct rv_str path, struct rv_str method)
{
	for (size_t i = 0; i < RV_COUNT(routes); i++)
		if (rv_str_eqz(path, routes[i].pattern) &&
			rv_str_ieq(method, rv_str_of(routes[i].method)))
			return true;
	return false;
}

TEST(what_is_described_is_there)
{
	REQUIRE(load());
	RV_JSON_EACH (path, rv_json_get(doc, "paths")) {
		if (!rv_str_starts(path->name, RV_STR("/v1/")))
			continue; /* AuthZEN's, and the health of the process */
		RV_JSON_EACH (op, path->value)
			if (is_method(op->name))
				CHECKF(is_route(path->name, op->name), "%.*s %.*s is no route",
					RV_FMT(op->name), RV_FMT(path->name));
	}
}

/* Path parameters belong to the path, query parameters to the operation. */
static void check_params(const struct route *r, const struct rv_json *op)
{
	const struct rv_json *path = openapi_path(doc, r->pattern);
	const struct rv_json *own = rv_json_get(op, "parameters");
	const struct rv_json *shared = rv_json_get(path, "parameters");
	size_t n_query = 0, n_path = 0;
	for (size_t i = 0; own && i < own->n_items; i++) {
		const struct rv_json *p = openapi_deref(doc, own->items[i]);
		struct rv_str rest = rv_str_of(r->query), name;
		bool known = false;
		while (rv_str_split(&rest, ' ', &name))
			known |= rv_str_eq(name, rv_json_get(p, "name")->str);
		CHECKF(known && rv_str_eqz(rv_json_get(p, "in")->str, "query"), "%s: %.*s",
			r->pattern, RV_FMT(rv_json_get(p, "name")->str));
		n_query++;
	}
	struct rv_str rest = rv_str_of(r->query), name;
	while (rv_str_split(&rest, ' ', &name))
		n_query -= name.n > 0;
	CHECKF(n_query == 0, "%s %s: its query is '%s'", r->method, r->pattern, r->query);
	for (const char *p = r->pattern; (p = strchr(p, '{')); p++)
		n_path++;
	CHECKF(n_path == (shared ? shared->n_items : 0), "%s: parameters of the path", r->pattern);
}

TEST(what_is_there_is_described)
{
	REQUIRE(load());
	for (size_t i = 0; i < RV_COUNT(routes); i++) {
		const struct route *r = &routes[i];
		const struct rv_json *op = openapi_operation(doc, r->method, r->pattern);
		CHECKF(op, "%s %s is not described", r->method, r->pattern);
		if (!op)
			continue;
		const struct rv_json *security = rv_json_get(op, "security");
		const struct rv_json *answers = rv_json_get(op, "responses");
		CHECKF((security && security->n_items == 0) == (r->auth == OPEN), "%s %s: security",
			r->method, r->pattern);
		CHECKF((rv_json_get(answers, "401") != NULL) || r->auth == OPEN, "%s %s: 401",
			r->method, r->pattern);
		CHECKF((rv_json_get(answers, "403") != NULL) || r->auth != PERSON, "%s %s: 403",
			r->method, r->pattern);
		CHECKF((rv_json_get(answers, "404") != NULL) || !strchr(r->pattern, '{'),
			"%s %s: 404", r->method, r->pattern);
		CHECKF((rv_json_get(op, "requestBody") != NULL) == (r->body != EMPTY),
			"%s %s: body", r->method, r->pattern);
		check_params(r, op);
	}
}

/* ---- bodies ---- */

static void put_required(struct rv_json_w *w, const struct rv_json *schema)
{
	const struct rv_json *props = rv_json_get(schema, "properties");
	const struct rv_json *required = rv_json_get(schema, "required");
	for (size_t i = 0; required && i < required->n_items; i++) {
		const struct rv_json *p = rv_json_get_str(props, required->items[i]->str);
		struct rv_str type = rv_json_get(p, "type")->str;
		rv_json_w_name_str(w, required->items[i]->str);
		if (rv_str_eqz(type, "array")) {
			rv_json_w_arr(w);
			rv_json_w_arr_end(w);
		} else if (rv_str_eqz(type, "object")) {
			rv_json_w_obj(w);
			put_required(w, p);
			rv_json_w_obj_end(w);
		} else {
			rv_json_w_strz(w, "a text of good length");
		}
	}
}

/* What the schema requires, and one member that nobody knows. */
static void put_body(const struct rv_json *schema, const char *extra, struct rv_buf *out)
{
	struct rv_json_w w;
	rv_json_w_init(&w, out);
	rv_json_w_obj(&w);
	put_required(&w, schema);
	if (extra)
		rv_json_w_kv_i64(&w, extra, 1);
	rv_json_w_obj_end(&w);
}

static void fill_path(const char *pattern, char out[200])
{
	size_t n = 0;
	for (const char *p = pattern; *p && n < 190; p++) {
		if (*p != '{') {
			out[n++] = *p;
			continue;
		}
		out[n++] = 'x';
		p = strchr(p, '}');
	}
	out[n] = '\0';
}

/* "nonsense: is not a known field; known here: a, b" names what the handler reads. */
static void check_known(const struct route *r, const struct rv_json *schema, const char *message)
{
	const char *list = strstr(message, "known here: ");
	size_t n = 0;
	CHECKF(strstr(message, "nonsense") && list, "%s %s: %s", r->method, r->pattern, message);
	if (!list)
		return;
	struct rv_str rest = rv_str_of(list + 12), name;
	while (rv_str_split(&rest, ',', &name)) {
		name = rv_str_trim(name);
		if (name.n == 0)
			continue;
		n++;
		CHECKF(rv_json_get_str(rv_json_get(schema, "properties"), name),
			"%s %s reads '%.*s', which is not described", r->method, r->pattern,
			RV_FMT(name));
	}
	const struct rv_json *props = rv_json_get(schema, "properties");
	CHECKF(n == (props ? props->n_members : 0), "%s %s: it reads %s", r->method, r->pattern,
		list);
}

static void check_body(struct site *s, const struct route *r)
{
	static struct site_answer a;
	char path[200], message[600];
	const struct rv_json *op = openapi_operation(doc, r->method, r->pattern);
	const struct rv_json *schema = op ? openapi_schema(doc, op, 0) : NULL;
	RV_AUTO_BUF b;
	rv_buf_init(&b, 1 << 16);
	fill_path(r->pattern, path);
	put_body(schema, "nonsense", &b);
	site_ask(s, r->method, path, site_token(s, "ada"), rv_buf_z(&b), &a);
	site_get(&a, "error.message", message, sizeof message);
	CHECKF(a.status == 400, "%s %s: %d %.200s", r->method, r->pattern, a.status, a.body);
	check_known(r, schema, message);
}

TEST(bodies_are_what_the_handlers_read)
{
	static struct site s;
	REQUIRE(load());
	site_open(&s);
	for (size_t i = 0; i < RV_COUNT(routes); i++)
		if (strcmp(routes[i].method, "GET") != 0)
			check_body(&s, &routes[i]);
	site_done(&s);
}

/* Not one of these is taken by any path, whatever it does with a good body. */
static const struct {
	const char *what, *body;
	int status;
} bad[] = {
	{ "an array", "[]", 400 },
	{ "a text", "\"x\"", 400 },
	{ "no JSON", "{reason: x}", 400 },
	{ "half", "{\"reason\":", 400 },
	{ "two documents", "{} {}", 400 },
	{ "one name twice", "{\"reason\":\"a\",\"reason\":\"b\"}", 400 },
	{ "bad UTF-8", "{\"reason\":\"\xff\"}", 400 },
	{ "half a surrogate", "{\"reason\":\"\\ud800\"}", 400 },
	{ "a control character", "{\"reason\":\"a\nb\"}", 400 },
	{ "NaN", "{\"version\":NaN}", 400 },
	{ "too deep",
		"{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"
		"]]]]]]}",
		413 },
};

TEST(bodies_are_strict)
{
	static struct site s;
	static struct site_answer a;
	site_open(&s);
	for (size_t i = 0; i < RV_COUNT(routes); i++) {
		char path[200];
		if (routes[i].body != BODY)
			continue;
		fill_path(routes[i].pattern, path);
		for (size_t k = 0; k < RV_COUNT(bad); k++) {
			site_ask(
				&s, routes[i].method, path, site_token(&s, "ada"), bad[k].body, &a);
			CHECKF(a.status == bad[k].status, "%s %s with %s: %d %.200s",
				routes[i].method, path, bad[k].what, a.status, a.body);
		}
	}
	site_done(&s);
}

/* The message names the place. */
static const struct {
	const char *path, *body, *says;
} wrong[] = {
	{ "/v1/apply", "{}", "sources: " },
	{ "/v1/apply", "{\"sources\":{}}", "sources: must be an array" },
	{ "/v1/apply", "{\"sources\":[{\"path\":\"a\"}]}", "sources.text" },
	{ "/v1/apply", "{\"sources\":[],\"dry_run\":1}", "dry_run: must be " },
	{ "/v1/apply", "{\"sources\":[{\"path\":\"a.yaml\",\"text\":\"kind: Team\"}]}", "name" },
	{ "/v1/systems/x/approve", "{\"version\":\"1\"}", "version: must be " },
	{ "/v1/systems/x/approve", "{\"version\":0}", "version: " },
	{ "/v1/systems/x/approve", "{\"version\":1.5}", "version: must be " },
	{ "/v1/systems/x/approve", "{\"reason\":null}", "reason: must be " },
	{ "/v1/systems/x/retire", "{\"destroy_key\":\"yes\"}", "destroy_key: must be " },
	{ "/v1/systems/x/credentials", "{\"ttl\":30}", "ttl: must be " },
	{ "/v1/systems/deploy-bot/credentials", "{\"ttl\":\"soon\"}",
		"ttl: 'soon' is not a duration" },
	{ "/v1/systems/deploy-bot/credentials", "{\"ttl\":\"0s\"}", "at most 366 days" },
	{ "/v1/systems/deploy-bot/credentials", "{\"ttl\":\"367d\"}", "at most 366 days" },
	{ "/v1/freeze", "{\"all\":\"yes\"}", "all: must be " },
	{ "/v1/freeze", "{\"all\":true,\"name\":\"x\"}", "exactly one of" },
	{ "/v1/approvals/x/approve", "{}", "digest" },
	{ "/v1/outcomes", "{\"intent\":\"x\"}", "status" },
	{ "/v1/outcomes", "{\"intent\":\"x\",\"status\":\"done\"}",
		"succeeded, failed or unknown" },
	{ "/v1/outcomes", "{\"intent\":\"x\",\"status\":\"failed\",\"detail\":[]}",
		"detail: must be " },
	{ "/v1/login", "{\"name\":\"x\"}", "password" },
	{ "/v1/setup", "{\"token\":\"x\",\"password\":\"short\"}", "12 to 1024 bytes" },
};

TEST(refusals_name_the_place)
{
	static struct site s;
	static struct site_answer a;
	site_open(&s);
	for (size_t i = 0; i < RV_COUNT(wrong); i++) {
		char message[600];
		site_ask(&s, "POST", wrong[i].path, site_token(&s, "ada"), wrong[i].body, &a);
		site_get(&a, "error.message", message, sizeof message);
		CHECKF(a.status == 400 && strstr(message, wrong[i].says), "%s %s: %d %.300s",
			wrong[i].path, wrong[i].body, a.status, a.body);
	}
	site_done(&s);
}

TEST(queries_and_sizes)
{
	static struct site s;
	static struct site_answer a;
	static const struct {
		const char *path;
		int status;
	} gets[] = {
		{ "/v1/systems?limit=1", 400 },
		{ "/v1/approvals?stat=all", 400 },
		{ "/v1/approvals?limit=0", 400 },
		{ "/v1/approvals?limit=1001", 400 },
		{ "/v1/approvals?limit=x", 400 },
		{ "/v1/approvals?limit=1&limit=2", 400 },
		{ "/v1/approvals?state=all&limit=1000", 200 },
		{ "/v1/audit?q=colour%3Ared", 400 },
		{ "/v1/audit?limit=1", 200 },
		{ "/v1/log/consistency?old=2&new=1", 400 },
		{ "/v1/nowhere", 404 },
		{ "/v1/systems/", 404 },
		{ "/v1/systems/..%2fpeople", 400 },
	};
	site_open(&s);
	for (size_t i = 0; i < RV_COUNT(gets); i++) {
		site_ask(&s, "GET", gets[i].path, site_token(&s, "ada"), NULL, &a);
		CHECKF(a.status == gets[i].status, "%s: %d %.200s", gets[i].path, a.status, a.body);
	}
	/* A method that the path does not have is no route of another one. */
	site_ask(&s, "DELETE", "/v1/systems", site_token(&s, "ada"), NULL, &a);
	CHECKF(a.status == 405, "%d", a.status);
	char *huge = malloc((9 << 20) + 64);
	REQUIRE(huge);
	memset(huge, 'x', (9 << 20) + 63);
	memcpy(huge, "{\"reason\":\"", 11);
	huge[(9 << 20) + 63] = '\0';
	site_ask(&s, "POST", "/v1/apply", site_token(&s, "ada"), huge, &a);
	CHECKF(a.status == 413 || a.status == -1, "%d %.200s", a.status, a.body);
	huge[(2 << 20)] = '\0';
	site_ask(&s, "POST", "/v1/freeze", site_token(&s, "ada"), huge, &a);
	CHECKF(a.status == 413 || a.status == -1, "%d %.200s", a.status, a.body);
	free(huge);
	/* It still answers. */
	site_ask(&s, "GET", "/v1/whoami", site_token(&s, "ada"), NULL, &a);
	CHECK(a.status == 200);
	site_done(&s);
}

int main(int argc, char **argv)
{
	int status = test_main(argc, argv);
	lab_end();
	if (doc)
		rv_arena_done(&arena);
	return status;
}
