/* Lists, as the worker may see them: what policy would never let it use is not shown, and tools
 * that nobody approved are not either. What would be decided is asked as a question, in batches. A
 * listed thing is one that could be used (allow or hold without arguments) or whose listing is
 * permitted (`list`). */
#include "base/log.h"
#include "points/mcp/gateway.h"

enum { BATCH = 50, ITEMS_MAX = 8192, BODY_MAX = 8 << 20 };

static const struct {
	const char *method, *member, *type, *key, *action;
} lists[] = {
	{ "tools/list", "tools", "McpTool", "name", "call" },
	{ "resources/list", "resources", "McpResource", "uri", "read" },
	{ "resources/templates/list", "resourceTemplates", "McpResource", "uriTemplate", "read" },
	{ "prompts/list", "prompts", "McpPrompt", "name", "get" },
};

struct item {
	struct rv_str id;
	const struct rv_json *tree;
	bool is_shown;
};
struct rv_mcp_listing {
	size_t kind;
	const struct rv_json *result; /* the server's, but for tools */
	struct item *items;
	size_t n, at, n_asked; /* at: the batch begins there */
	bool is_second; /* the second question, about `list` */
};

bool rv_mcp_is_list(struct rv_str method)
{
	for (size_t i = 0; i < RV_COUNT(lists); i++)
		if (rv_str_eqz(method, lists[i].method))
			return true;
	return false;
}

/* ---- the answer ---- */

static void put_items(struct rv_json_w *w, const struct rv_mcp_call *c)
{
	const struct rv_mcp_listing *l = c->listing;
	rv_json_w_name(w, lists[l->kind].member);
	rv_json_w_arr(w);
	for (size_t i = 0; i < l->n; i++)
		if (l->items[i].is_shown)
			rv_mcp_put_scrubbed(w, c->session->backend, l->items[i].tree);
	rv_json_w_arr_end(w);
}

static void put_tools(struct rv_json_w *w, const struct rv_mcp_call *c)
{
	if (rv_mcp_is_modern(c)) {
		rv_json_w_kv_strz(w, "resultType", "complete");
		rv_json_w_kv_i64(w, "ttlMs", 0);
		rv_json_w_kv_strz(
			w, "cacheScope", "private"); /* another worker sees another list */
	}
	put_items(w, c);
}

static void put_others(struct rv_json_w *w, const struct rv_mcp_call *c)
{
	const struct rv_mcp_listing *l = c->listing;
	RV_JSON_EACH (m, l->result) {
		if (rv_str_eqz(m->name, lists[l->kind].member)) {
			put_items(w, c);
			continue;
		}
		rv_json_w_name_str(w, m->name);
		if (rv_str_eqz(m->name, "cacheScope"))
			rv_json_w_strz(w, "private");
		else
			rv_mcp_put_scrubbed(w, c->session->backend, m->value);
	}
}

static void answer(struct rv_mcp_call *c)
{
	struct rv_mcp_session *s = c->session;
	RV_AUTO_BUF b = { 0 };
	struct rv_json_w w;
	rv_buf_init(&b, BODY_MAX);
	rv_json_w_init(&w, &b);
	rv_rpc_w_reply(&w, c->m.id);
	rv_json_w_name(&w, "result");
	rv_json_w_obj(&w);
	if (c->listing->result)
		put_others(&w, c);
	else
		put_tools(&w, c);
	rv_json_w_obj_end(&w);
	rv_json_w_obj_end(&w);
	rv_mcp_call_end(c);
	rv_mcp_to_client(s, &b);
}

/* ---- the questions ---- */

static void ask(struct rv_mcp_call *c);

static bool is_outcome(const struct rv_json *evaluation, const char *outcome)
{
	const struct rv_json *v =
		rv_json_get(rv_json_get(rv_json_get(evaluation, "context"), "reeve"), "outcome");
	return rv_json_is(v, RV_JSON_STR) && rv_str_eqz(v->str, outcome);
}

static enum rv_code take(struct rv_mcp_call *c, const struct rv_http_answer *a, struct rv_err *err)
{
	struct rv_mcp_listing *l = c->listing;
	const struct rv_json *v;
	RV_AUTO_ARENA arena = { 0 };
	rv_arena_init(&arena, 64 << 20);
	if (a->head->status >= 400)
		return rv_http_answer_err(a, err);
	static const struct rv_json_limits limits = { .max_bytes = BODY_MAX };
	RV_TRY(rv_json_parse(&arena, a->body, &limits, &v, err));
	const struct rv_json *all = rv_json_get(v, "evaluations");
	size_t k = 0;
	if (!rv_json_is(all, RV_JSON_ARR) || all->n_items != l->n_asked)
		return RV_FAIL(err, RV_EINVAL, "the server answered another number of questions");
	for (size_t i = l->at; i < l->n && i < l->at + BATCH; i++) {
		if (l->items[i].is_shown)
			continue;
		const struct rv_json *e = all->items[k++];
		l->items[i].is_shown = is_outcome(e, "allow") || is_outcome(e, "hold");
	}
	return RV_OK;
}

static void on_taken(
	void *arg, enum rv_code code, const struct rv_http_answer *a, const struct rv_err *why)
{
	struct rv_mcp_call *c = arg;
	struct rv_mcp_listing *l = c->listing;
	struct rv_err err = { 0 };
	c->asking = NULL;
	if (code == RV_OK)
		code = take(c, a, &err);
	else
		err = *why;
	if (code != RV_OK) {
		rv_log(RV_LOG_WARN, "mcp", "what '%s' may see: %s", c->session->system, err.msg);
		rv_mcp_call_fail(c, RV_RPC_REFUSED, "no decision could be had about what to show");
		return;
	}
	l->at += BATCH;
	ask(c);
}

/* Writes the questions of a batch; how many there are stands in n_asked. */
static void put_batch(struct rv_mcp_call *c, struct rv_buf *b)
{
	struct rv_mcp_listing *l = c->listing;
	struct rv_json_w w;
	rv_json_w_init(&w, b);
	rv_json_w_obj(&w);
	rv_json_w_name(&w, "subject");
	rv_json_w_obj(&w);
	rv_json_w_kv_strz(&w, "type", "System");
	rv_json_w_kv_strz(&w, "id", c->session->system);
	rv_json_w_obj_end(&w);
	rv_json_w_name(&w, "action");
	rv_json_w_obj(&w);
	rv_json_w_kv_strz(&w, "name", l->is_second ? "list" : lists[l->kind].action);
	rv_json_w_obj_end(&w);
	rv_json_w_name(&w, "context");
	rv_json_w_raw(&w, RV_STR("{\"reeve\":{\"question\":true}}"));
	rv_json_w_name(&w, "evaluations");
	rv_json_w_arr(&w);
	l->n_asked = 0;
	for (size_t i = l->at; i < l->n && i < l->at + BATCH; i++) {
		if (l->items[i].is_shown)
			continue;
		l->n_asked++;
		rv_json_w_obj(&w);
		rv_json_w_name(&w, "resource");
		rv_json_w_obj(&w);
		rv_json_w_kv_strz(&w, "type", lists[l->kind].type);
		rv_json_w_kv_str(&w, "id", l->items[i].id);
		rv_json_w_obj_end(&w);
		rv_json_w_obj_end(&w);
	}
	rv_json_w_arr_end(&w);
	rv_json_w_obj_end(&w);
}

static void ask(struct rv_mcp_call *c)
{
	static const struct rv_http_call_ops ops = { .done = on_taken };
	struct rv_mcp_listing *l = c->listing;
	struct rv_err err = { 0 };
	RV_AUTO_BUF b = { 0 };
	rv_buf_init(&b, BODY_MAX);
	for (;;) {
		if (l->at >= l->n && l->is_second) {
			answer(c);
			return;
		}
		if (l->at >= l->n) {
			l->is_second = true;
			l->at = 0;
			continue;
		}
		rv_buf_clear(&b);
		put_batch(c, &b);
		if (l->n_asked > 0)
			break;
		l->at += BATCH;
	}
	const struct rv_mcp_question q = { .method = RV_HTTP_POST,
		.path = RV_STR("/access/v1/evaluations"),
		.body = rv_buf_str(&b),
		.subject_token = rv_str_of(c->session->token) };
	c->asking = b.failed ? NULL : rv_mcp_ask(c->session->gw, &q, &ops, c, &err);
	if (!c->asking)
		rv_mcp_call_fail(c, RV_RPC_REFUSED, "no decision could be had about what to show");
}

/* ---- the items ---- */

static bool add(struct rv_mcp_call *c, const struct rv_json *tree)
{
	struct rv_mcp_listing *l = c->listing;
	const struct rv_json *key = rv_json_get(tree, lists[l->kind].key);
	if (!rv_json_is(key, RV_JSON_STR) || key->str.n == 0)
		return true; /* without a name nothing can be decided about it: not shown */
	const char *id = rv_arena_printf(
		&c->arena, "%.*s/%.*s", RV_FMT(c->session->backend->conf->name), RV_FMT(key->str));
	if (!id)
		return false;
	l->items[l->n++] = (struct item){ .id = rv_str_of(id), .tree = tree };
	return true;
}

static bool listing_new(struct rv_mcp_call *c, size_t n)
{
	size_t kind = 0;
	while (!rv_str_eqz(c->m.method, lists[kind].method))
		kind++;
	c->listing = rv_arena_alloc(&c->arena, sizeof *c->listing);
	if (!c->listing || n > ITEMS_MAX)
		return false;
	c->listing->kind = kind;
	c->listing->items = rv_arena_array(&c->arena, n + 1, sizeof *c->listing->items);
	return c->listing->items != NULL;
}

static void on_reply(struct rv_mcp_call *c, const struct rv_rpc *reply, const char *why)
{
	static const struct rv_json_limits limits = { .max_bytes = BODY_MAX };
	RV_AUTO_BUF b = { 0 };
	struct rv_json_w w;
	const struct rv_json *result = NULL;
	size_t kind = 0;
	if (!reply || reply->kind != RV_RPC_RESULT) {
		rv_mcp_call_pass(c, reply, why);
		return;
	}
	c->up_id = 0; /* the server is done with it */
	while (!rv_str_eqz(c->m.method, lists[kind].method))
		kind++;
	rv_buf_init(&b, BODY_MAX);
	rv_json_w_init(&w, &b);
	rv_json_w_value(&w, reply->result); /* the reply's memory is not ours */
	struct rv_str text = rv_arena_str(&c->arena, rv_buf_str(&b));
	bool ok = !b.failed && text.p &&
		rv_json_parse(&c->arena, text, &limits, &result, NULL) == RV_OK;
	const struct rv_json *list = rv_json_get(result, lists[kind].member);
	if (!ok || !rv_json_is(list, RV_JSON_ARR) || !listing_new(c, list->n_items)) {
		rv_mcp_call_fail(c, RV_RPC_INTERNAL, "the server's list cannot be used");
		return;
	}
	c->listing->result = result;
	for (size_t i = 0; i < list->n_items; i++)
		ok = ok && add(c, list->items[i]);
	if (ok)
		ask(c);
	else
		rv_mcp_call_fail(c, RV_RPC_INTERNAL, "the server's list is too large");
}

static void with_tools(struct rv_mcp_call *c, const char *why)
{
	struct rv_mcp_session *s = c->session;
	if (why || !listing_new(c, s->tools.n)) {
		rv_mcp_call_fail(c, RV_RPC_INTERNAL, why ? why : "the server's list is too large");
		return;
	}
	(void)rv_mcp_pins_refresh(s->gw->pins); /* told to sessions at the next beat */
	bool ok = true;
	for (size_t i = 0; i < s->tools.n; i++) {
		const struct rv_mcp_tool *t = &s->tools.v[i];
		if (rv_mcp_tool_state(s, t) != RV_MCP_PIN_APPROVED)
			continue;
		/* A later list replaces the session's. */
		const struct rv_json *tree = NULL;
		struct rv_str text = rv_arena_str(&c->arena, t->canonical);
		static const struct rv_json_limits limits = { .max_bytes = RV_RPC_MESSAGE_MAX };
		ok = ok && text.p &&
			rv_json_parse(&c->arena, text, &limits, &tree, NULL) == RV_OK &&
			add(c, tree);
	}
	if (ok)
		ask(c);
	else
		rv_mcp_call_fail(c, RV_RPC_INTERNAL, "the server's list is too large");
}

void rv_mcp_list(struct rv_mcp_call *c)
{
	if (!rv_str_eqz(c->m.method, "tools/list")) {
		rv_mcp_call_forward(c, on_reply);
		return;
	}
	if (rv_json_get(c->m.params, "cursor")) {
		rv_mcp_call_fail(c, RV_RPC_INVALID_PARAMS,
			"params.cursor: the whole list comes at once, there is no such page");
		return;
	}
	rv_mcp_learn_tools(c, with_tools);
}
