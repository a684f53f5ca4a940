/* What the server offers, as the gateway itself asked it: a call is decided about the tool as it is
 * defined now, whatever list the client has seen. */
#include "base/log.h"
#include "points/mcp/gateway.h"

enum { PAGES_MAX = 64, TOOLS_MAX = 4096 };

const struct rv_mcp_tool *rv_mcp_tool_find(const struct rv_mcp_session *s, struct rv_str name)
{
	for (size_t i = 0; i < s->tools.n; i++)
		if (rv_str_eq(s->tools.v[i].name, name))
			return &s->tools.v[i];
	return NULL;
}

enum rv_mcp_pin_state rv_mcp_tool_state(const struct rv_mcp_session *s, const struct rv_mcp_tool *t)
{
	const struct rv_mcp_pins *p = s->gw->pins;
	struct rv_str server = s->backend->conf->name;
	enum rv_mcp_pin_state program =
		rv_mcp_pins_check(p, server, RV_STR(RV_MCP_PROGRAM), s->backend->program);
	if (program != RV_MCP_PIN_APPROVED)
		return program;
	return rv_mcp_pins_check(p, server, t->name, t->canonical);
}

/* ---- pages ---- */

static void ask_page(struct rv_mcp_session *s, struct rv_str cursor);

/* Those that wait go on, one after another; each may end the session. */
static void tell_all(struct rv_mcp_session *s, const char *why)
{
	s->is_learning = false;
	for (;;) {
		struct rv_mcp_call *c = s->is_over ? NULL : s->calls;
		while (c && !c->learned)
			c = c->next;
		if (!c)
			return;
		void (*learned)(struct rv_mcp_call *, const char *) = c->learned;
		c->learned = NULL;
		learned(c, why);
	}
}

static enum rv_code add_tool(struct rv_mcp_tools *t, const struct rv_json *tree, struct rv_err *err)
{
	RV_AUTO_BUF b = { 0 };
	rv_buf_init(&b, RV_RPC_MESSAGE_MAX);
	RV_TRY(rv_mcp_tool_canonical(tree, &b, err));
	struct rv_str name = rv_json_get(tree, "name")->str;
	for (size_t i = 0; i < t->n; i++)
		if (rv_str_eq(t->v[i].name, name))
			return RV_FAIL(err, RV_EINVAL, "two tools are named '%.*s'", RV_FMT(name));
	if (t->n == TOOLS_MAX)
		return RV_FAIL(err, RV_ELIMIT, "more than %d tools", TOOLS_MAX);
	if (t->n == t->cap) {
		size_t cap = t->cap ? 2 * t->cap : 32;
		struct rv_mcp_tool *v = rv_arena_array(&t->arena, cap, sizeof *v);
		if (!v)
			return RV_FAIL_ARENA(err);
		if (t->n)
			memcpy(v, t->v, t->n * sizeof *v);
		t->v = v;
		t->cap = cap;
	}
	struct rv_mcp_tool *to = &t->v[t->n];
	to->canonical = rv_arena_str(&t->arena, rv_buf_str(&b));
	if (!to->canonical.p)
		return RV_FAIL_ARENA(err);
	static const struct rv_json_limits limits = { .max_bytes = RV_RPC_MESSAGE_MAX };
	RV_TRY(rv_json_parse(&t->arena, to->canonical, &limits, &to->tree, err));
	to->name = rv_json_get(to->tree, "name")->str;
	t->n++;
	return RV_OK;
}

static enum rv_code take_page(struct rv_mcp_session *s, const struct rv_json *result,
	struct rv_str *ret_cursor, struct rv_err *err)
{
	const struct rv_json *tools = rv_json_get(result, "tools"),
			     *next = rv_json_get(result, "nextCursor");
	if (!rv_json_is(tools, RV_JSON_ARR))
		return RV_FAIL(err, RV_EINVAL, "tools: must be a list");
	for (size_t i = 0; i < tools->n_items; i++)
		RV_TRY(add_tool(&s->fresh, tools->items[i], err));
	if (rv_json_is(next, RV_JSON_STR) && ++s->n_pages >= PAGES_MAX)
		return RV_FAIL(err, RV_ELIMIT, "more than %d pages of tools", PAGES_MAX);
	*ret_cursor = rv_json_is(next, RV_JSON_STR) ? next->str : (struct rv_str){ NULL, 0 };
	return RV_OK;
}

static enum rv_code see(struct rv_mcp_session *s, struct rv_err *err)
{
	size_t n = s->tools.n + 1;
	RV_AUTO_FREE struct rv_mcp_seen *seen = calloc(n, sizeof *seen);
	if (!seen)
		return RV_FAIL(err, RV_ENOMEM, "out of memory");
	seen[0] = (struct rv_mcp_seen){ RV_STR(RV_MCP_PROGRAM), s->backend->program };
	for (size_t i = 0; i < s->tools.n; i++)
		seen[i + 1] = (struct rv_mcp_seen){ s->tools.v[i].name, s->tools.v[i].canonical };
	return rv_mcp_pins_see(s->gw->pins, s->backend->conf->name, seen, n, err);
}

static void finish(struct rv_mcp_session *s)
{
	struct rv_err err = { 0 };
	struct rv_mcp_tools old = s->tools;
	s->tools = s->fresh;
	s->fresh = old;
	s->knows_tools = true;
	if (see(s, &err) != RV_OK) /* approvals still hold; only what is new cannot be shown */
		rv_log(RV_LOG_ERROR, "mcp", "what was seen of '%.*s' cannot be kept: %s",
			RV_FMT(s->backend->conf->name), err.msg);
	tell_all(s, NULL);
}

static void on_page(struct rv_mcp_call *c, const struct rv_rpc *reply, const char *why)
{
	struct rv_mcp_session *s = c->session;
	struct rv_err err = { 0 };
	struct rv_str cursor = { NULL, 0 };
	if (!reply) {
		rv_mcp_call_end(c);
		tell_all(s, why);
		return;
	}
	/* A server without tools says so with an error. */
	enum rv_code code =
		reply->kind == RV_RPC_RESULT ? take_page(s, reply->result, &cursor, &err) : RV_OK;
	rv_mcp_call_end(c);
	if (code != RV_OK) {
		rv_log(RV_LOG_WARN, "mcp", "list of tools of '%.*s': %s",
			RV_FMT(s->backend->conf->name), err.msg);
		tell_all(s, "the server's list of tools cannot be used");
	} else if (cursor.p) {
		ask_page(s, cursor);
	} else {
		finish(s);
	}
}

static void ask_page(struct rv_mcp_session *s, struct rv_str cursor)
{
	RV_AUTO_BUF b = { 0 };
	struct rv_json_w w;
	struct rv_mcp_call *c = rv_mcp_call_new(s);
	if (!c) {
		tell_all(s, "out of memory");
		return;
	}
	c->m = (struct rv_rpc){ .kind = RV_RPC_REQUEST, .method = RV_STR("tools/list") };
	if (cursor.p) {
		rv_buf_init(&b, RV_RPC_MESSAGE_MAX);
		rv_json_w_init(&w, &b);
		rv_json_w_obj(&w);
		rv_json_w_kv_str(&w, "cursor", cursor);
		rv_json_w_obj_end(&w);
		struct rv_str text = rv_arena_str(&c->arena, rv_buf_str(&b));
		if (b.failed || !text.p ||
			rv_json_parse(&c->arena, text, NULL, &c->m.params, NULL) != RV_OK) {
			rv_mcp_call_end(c);
			tell_all(s, "the server's cursor cannot be used");
			return;
		}
	}
	rv_mcp_call_forward(c, on_page);
}

void rv_mcp_learn_tools(struct rv_mcp_call *c, void (*done)(struct rv_mcp_call *c, const char *why))
{
	struct rv_mcp_session *s = c->session;
	c->learned = done;
	if (s->is_learning)
		return;
	s->is_learning = true;
	s->n_pages = 0;
	s->fresh.n = s->fresh.cap = 0;
	s->fresh.v = NULL;
	rv_arena_clear(&s->fresh.arena);
	ask_page(s, (struct rv_str){ NULL, 0 });
}
