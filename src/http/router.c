/* Routes as patterns of segments, kept in one sorted array: literals before parameters, so that the
 * first match is the best one. A few dozen routes are looked through in well under a microsecond; a
 * tree would save nothing. */
#include "http/server_int.h"

enum { SEGMENTS_MAX = 12 };
enum kind { LITERAL, PARAM, REST }; /* in the order of precedence */
struct segment {
	enum kind kind;
	struct rv_str text; /* the literal, or the parameter's name */
};
struct entry {
	const struct rv_http_route *route;
	void *self;
	struct segment segments[SEGMENTS_MAX];
	size_t n;
};
struct rv_http_router {
	struct entry *sorted;
	const struct rv_http_route **in_order; /* as the tables have them */
	size_t n;
};

static enum rv_code bad(struct rv_err *err, const struct rv_http_route *r, const char *why)
{
	return RV_FAIL(err, RV_EINVAL, "route '%s': %s", r->pattern ? r->pattern : "", why);
}

static enum rv_code parse_segment(struct rv_str text, bool is_last, const struct rv_http_route *r,
	struct segment *ret, struct rv_err *err)
{
	*ret = (struct segment){ LITERAL, text };
	if (text.n == 0 && !is_last)
		return bad(err, r, "empty segment");
	if (text.n == 0 || text.p[0] != '{') {
		if (rv_str_find(text, '{', 0) != SIZE_MAX || rv_str_find(text, '}', 0) != SIZE_MAX)
			return bad(err, r, "a parameter must be a whole segment");
		return RV_OK;
	}
	bool is_rest = rv_str_ends(text, RV_STR("*}"));
	if (!rv_str_ends(text, RV_STR("}")) || text.n < (is_rest ? 4u : 3u))
		return bad(err, r, "malformed parameter");
	if (is_rest && !is_last)
		return bad(err, r, "'*' is for the last segment");
	ret->kind = is_rest ? REST : PARAM;
	ret->text = rv_str_sub(text, 1, text.n - (is_rest ? 2 : 1));
	return RV_OK;
}

static enum rv_code parse_pattern(
	const struct rv_http_route *r, struct entry *e, struct rv_err *err)
{
	if (!r->pattern || r->pattern[0] != '/')
		return bad(err, r, "must begin with '/'");
	if (!r->run || r->method == RV_HTTP_METHOD_UNSET || r->method >= RV_HTTP_OTHER)
		return bad(err, r, "needs a method and a handler");
	struct rv_str rest = rv_str_of(r->pattern + 1), text;
	size_t n_params = 0;
	while (rv_str_split(&rest, '/', &text)) {
		if (e->n == SEGMENTS_MAX)
			return bad(err, r, "too many segments");
		struct segment *s = &e->segments[e->n];
		RV_TRY(parse_segment(text, rest.p == NULL, r, s, err));
		if (s->kind != LITERAL && ++n_params > RV_HTTP_PARAMS_MAX)
			return bad(err, r, "too many parameters");
		for (size_t i = 0; s->kind != LITERAL && i < e->n; i++)
			if (e->segments[i].kind != LITERAL &&
				rv_str_eq(e->segments[i].text, s->text))
				return bad(err, r, "a parameter twice");
		e->n++;
	}
	return RV_OK;
}

/* Literals first at each place, longer patterns before shorter ones; 0: they match the same paths
 * and method. */
static int entry_cmp(const void *pa, const void *pb)
{
	const struct entry *a = pa, *b = pb;
	for (size_t i = 0; i < a->n && i < b->n; i++) {
		const struct segment *sa = &a->segments[i], *sb = &b->segments[i];
		if (sa->kind != sb->kind)
			return (int)sa->kind - (int)sb->kind;
		int c = sa->kind == LITERAL ? rv_str_cmp(sa->text, sb->text) : 0;
		if (c != 0)
			return c;
	}
	if (a->n != b->n)
		return a->n > b->n ? -1 : 1;
	return (int)a->route->method - (int)b->route->method;
}

enum rv_code rv_http_router_new(const struct rv_http_table *tables, size_t n_tables,
	struct rv_http_router **ret, struct rv_err *err)
{
	size_t n = 0, at = 0;
	for (size_t i = 0; i < n_tables; i++)
		n += tables[i].n;
	struct rv_http_router *router = calloc(1, sizeof *router);
	if (router) {
		router->sorted = calloc(n + 1, sizeof *router->sorted);
		router->in_order = calloc(n + 1, sizeof *router->in_order);
	}
	if (!router || !router->sorted || !router->in_order) {
		rv_http_router_free(router);
		return RV_FAIL(err, RV_ENOMEM, "no memory for %zu routes", n);
	}
	enum rv_code code = RV_OK;
	for (size_t i = 0; i < n_tables; i++) {
		for (size_t k = 0; k < tables[i].n && code == RV_OK; k++, at++) {
			router->in_order[at] = &tables[i].routes[k];
			router->sorted[at] = (struct entry){ .route = &tables[i].routes[k],
				.self = tables[i].self };
			code = parse_pattern(&tables[i].routes[k], &router->sorted[at], err);
		}
	}
	router->n = n;
	if (code == RV_OK)
		qsort(router->sorted, n, sizeof *router->sorted, entry_cmp);
	for (size_t i = 1; i < n && code == RV_OK; i++)
		if (entry_cmp(&router->sorted[i - 1], &router->sorted[i]) == 0)
			code = bad(err, router->sorted[i].route, "another route means the same");
	if (code != RV_OK) {
		rv_http_router_free(router);
		return code;
	}
	*ret = router;
	return RV_OK;
}

void rv_http_router_free(struct rv_http_router *router)
{
	if (!router)
		return;
	free(router->sorted);
	free(router->in_order);
	free(router);
}

const struct rv_http_route *rv_http_router_at(const struct rv_http_router *router, size_t i)
{
	return i < router->n ? router->in_order[i] : NULL;
}

uint64_t rv_http_router_max_body(const struct rv_http_router *router)
{
	uint64_t max = 0;
	for (size_t i = 0; i < router->n; i++)
		if (router->sorted[i].route->max_body_bytes > max)
			max = router->sorted[i].route->max_body_bytes;
	return max;
}

static bool entry_match(const struct entry *e, struct rv_str path, struct rv_http_match *m)
{
	struct rv_str rest = rv_str_sub(path, 1, path.n), text;
	m->n_params = 0;
	for (size_t i = 0; i < e->n; i++) {
		const struct segment *s = &e->segments[i];
		if (!rest.p)
			return false;
		struct rv_http_param_value *v = &m->params[m->n_params];
		if (s->kind == REST) {
			*v = (struct rv_http_param_value){ s->text.p, s->text.n, rest };
			m->n_params++;
			return true;
		}
		(void)rv_str_split(&rest, '/', &text); /* rest.p is set */
		if (s->kind == LITERAL) {
			if (!rv_str_eq(text, s->text))
				return false;
			continue;
		}
		if (text.n == 0)
			return false;
		*v = (struct rv_http_param_value){ s->text.p, s->text.n, text };
		m->n_params++;
	}
	return rest.p == NULL;
}

bool rv_http_router_match(const struct rv_http_router *router, enum rv_http_method method,
	struct rv_str path, struct rv_http_match *ret, unsigned *ret_allowed)
{
	const struct entry *get = NULL;
	*ret_allowed = 0;
	for (size_t i = 0; i < router->n; i++) {
		const struct entry *e = &router->sorted[i];
		if (!entry_match(e, path, ret))
			continue;
		if (e->route->method == method) {
			ret->route = e->route;
			ret->self = e->self;
			return true;
		}
		if (e->route->method == RV_HTTP_GET && !get)
			get = e;
		*ret_allowed |= 1u << e->route->method;
	}
	if (method != RV_HTTP_HEAD || !get)
		return false;
	ret->route = get->route;
	ret->self = get->self;
	return entry_match(get, path, ret);
}
