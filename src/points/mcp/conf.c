/* mcp.yaml: where to ask, where clients come in, and which servers stand behind. */
#include "base/yaml.h"
#include "points/ask/ask.h"
#include "points/mcp/mcp.h"

static enum rv_code bad_at(
	const struct rv_json *v, const char *path, const char *what, struct rv_err *err)
{
	return RV_FAIL_AT(err, RV_EINVAL, NULL, v->line, v->col, "%s: %s", path, what);
}

/* Text that becomes an argument or a variable. */
static bool keep_text(struct rv_arena *a, struct rv_str s, struct rv_str *ret)
{
	*ret = rv_arena_str(a, s);
	return ret->p && !memchr(s.p, '\0', s.n);
}

static bool is_variable(struct rv_str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		bool alpha = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
		if (!alpha && (i == 0 || c < '0' || c > '9'))
			return false;
	}
	return s.n > 0;
}

static enum rv_code read_pairs(struct rv_arena *a, const struct rv_json *v, const char *path,
	bool are_paths, const struct rv_mcp_pair **ret, size_t *ret_n, struct rv_err *err)
{
	if (!v)
		return RV_OK;
	if (v->n_members > RV_MCP_ENV_MAX)
		return bad_at(v, path, "has at most 32 entries", err);
	struct rv_mcp_pair *p = rv_arena_array(a, v->n_members + 1, sizeof *p);
	if (!p)
		return RV_FAIL_ARENA(err);
	for (size_t i = 0; i < v->n_members; i++) {
		const struct rv_json_member *m = &v->members[i];
		if (!is_variable(m->name) || m->value->type != RV_JSON_STR ||
			!keep_text(a, m->name, &p[i].name) ||
			!keep_text(a, m->value->str, &p[i].value))
			return bad_at(m->value, path, "names variables and gives them text", err);
		if (are_paths && (p[i].value.n == 0 || p[i].value.p[0] != '/'))
			return bad_at(m->value, path, "must be the absolute path of a file", err);
	}
	*ret = p;
	*ret_n = v->n_members;
	return RV_OK;
}

static enum rv_code read_argv(struct rv_arena *a, const struct rv_json *v, const char *path,
	struct rv_mcp_server *s, struct rv_err *err)
{
	if (v->n_items == 0 || v->n_items > RV_MCP_ARGS_MAX)
		return bad_at(v, path, "has 1 to 64 words", err);
	struct rv_str *argv = rv_arena_array(a, v->n_items, sizeof *argv);
	if (!argv)
		return RV_FAIL_ARENA(err);
	for (size_t i = 0; i < v->n_items; i++) {
		const struct rv_json *w = v->items[i];
		if (w->type != RV_JSON_STR || !keep_text(a, w->str, &argv[i]))
			return bad_at(w, path, "must be words of text", err);
	}
	if (argv[0].n == 0 || argv[0].p[0] != '/')
		return bad_at(v->items[0], path,
			"begins with an absolute path: nothing is looked up in PATH", err);
	s->argv = argv;
	s->n_argv = v->n_items;
	return RV_OK;
}

static enum rv_code read_server(struct rv_arena *a, const struct rv_json_member *m,
	struct rv_mcp_server *s, struct rv_err *err)
{
	struct rv_json_obj o;
	const struct rv_json *command, *env, *secrets;
	char *path = rv_arena_printf(a, "servers.%.*s", RV_FMT(m->name));
	char *command_path = rv_arena_printf(a, "servers.%.*s.command", RV_FMT(m->name));
	char *env_path = rv_arena_printf(a, "servers.%.*s.env", RV_FMT(m->name));
	char *secrets_path = rv_arena_printf(a, "servers.%.*s.secrets", RV_FMT(m->name));
	if (!path || !command_path || !env_path || !secrets_path)
		return RV_FAIL_ARENA(err);
	*s = (struct rv_mcp_server){
		.name = m->name, .timeout_ms = 60000, .result_bytes = 1 << 20
	};
	if (!rv_str_is_slug(m->name, RV_MCP_NAME_MAX))
		return bad_at(m->value, path, "is no name: a-z, 0-9 and -", err);
	RV_TRY(rv_json_obj_open(&o, m->value, path, err));
	RV_TRY(rv_json_need(&o, "command", RV_JSON_ARR, &command, err));
	RV_TRY(rv_ask_opt_path(&o, "cwd", &s->cwd, err));
	RV_TRY(rv_json_opt(&o, "env", RV_JSON_OBJ, &env, err));
	RV_TRY(rv_json_opt(&o, "secrets", RV_JSON_OBJ, &secrets, err));
	RV_TRY(rv_ask_opt_duration(&o, "timeout", 1000, 86400000, &s->timeout_ms, err));
	RV_TRY(rv_json_opt_i64(&o, "result_bytes", 1024, 3 << 20, &s->result_bytes, err));
	RV_TRY(rv_json_obj_close(&o, err));
	RV_TRY(read_argv(a, command, command_path, s, err));
	RV_TRY(read_pairs(a, env, env_path, false, &s->env, &s->n_env, err));
	RV_TRY(read_pairs(a, secrets, secrets_path, true, &s->secrets, &s->n_secrets, err));
	for (size_t i = 0; i < s->n_secrets; i++)
		for (size_t k = 0; k < s->n_env; k++)
			if (rv_str_eq(s->secrets[i].name, s->env[k].name))
				return bad_at(
					secrets, secrets_path, "names a variable of env", err);
	if (s->cwd.p)
		s->cwd = rv_arena_str(a, s->cwd);
	return RV_OK;
}

static enum rv_code read_servers(
	struct rv_arena *a, const struct rv_json *v, struct rv_mcp_conf *c, struct rv_err *err)
{
	if (v->n_members == 0 || v->n_members > RV_MCP_SERVERS_MAX)
		return bad_at(v, "servers", "has 1 to 64 entries", err);
	struct rv_mcp_server *s = rv_arena_array(a, v->n_members, sizeof *s);
	if (!s)
		return RV_FAIL_ARENA(err);
	for (size_t i = 0; i < v->n_members; i++)
		RV_TRY(read_server(a, &v->members[i], &s[i], err));
	c->servers = s;
	c->n_servers = v->n_members;
	return RV_OK;
}

static enum rv_code need_path(struct rv_arena *a, struct rv_json_obj *o, const char *name,
	struct rv_str *ret, struct rv_err *err)
{
	RV_TRY(rv_ask_opt_path(o, name, ret, err));
	if (!ret->p)
		return RV_FAIL_AT(err, RV_EINVAL, NULL, o->v->line, o->v->col,
			"%s.%s: is required: an absolute path", o->path, name);
	*ret = rv_arena_str(a, *ret);
	return ret->p ? RV_OK : RV_FAIL_ARENA(err);
}

static enum rv_code read_conf(
	struct rv_arena *a, const struct rv_json *v, struct rv_mcp_conf *c, struct rv_err *err)
{
	struct rv_json_obj o;
	const struct rv_json *servers;
	RV_TRY(rv_json_obj_open(&o, v, "mcp", err));
	RV_TRY(rv_json_need_str(&o, "server", &c->server, err));
	RV_TRY(rv_ask_opt_path(&o, "ca_file", &c->ca_file, err));
	RV_TRY(need_path(a, &o, "token_file", &c->token_file, err));
	RV_TRY(need_path(a, &o, "socket", &c->socket, err));
	RV_TRY(need_path(a, &o, "state", &c->state, err));
	RV_TRY(rv_ask_opt_duration(&o, "hold_wait", 0, 600000, &c->hold_wait_ms, err));
	RV_TRY(rv_json_opt_i64(&o, "max_sessions", 1, 10000, &c->max_sessions, err));
	RV_TRY(rv_json_opt_i64(&o, "max_calls", 1, 1024, &c->max_calls, err));
	RV_TRY(rv_json_need(&o, "servers", RV_JSON_OBJ, &servers, err));
	RV_TRY(rv_json_obj_close(&o, err));
	if (c->server.n == 0 || c->server.n > 1024 || !keep_text(a, c->server, &c->server))
		return bad_at(rv_json_get(v, "server"), "mcp.server", "is no address", err);
	if (c->socket.n > 100)
		return bad_at(rv_json_get(v, "socket"), "mcp.socket",
			"is too long for a socket (100 bytes)", err);
	if (c->ca_file.p)
		c->ca_file = rv_arena_str(a, c->ca_file);
	return read_servers(a, servers, c, err);
}

enum rv_code rv_mcp_conf_read(struct rv_arena *a, struct rv_str text, const char *path,
	const struct rv_mcp_conf **ret, struct rv_err *err)
{
	const struct rv_json *docs;
	struct rv_err none = { 0 };
	struct rv_err *e = err ? err : &none;
	struct rv_mcp_conf *c = rv_arena_alloc(a, sizeof *c);
	if (!c)
		return RV_FAIL_ARENA(e);
	*c = (struct rv_mcp_conf){ .hold_wait_ms = 50000, .max_sessions = 1024, .max_calls = 64 };
	enum rv_code code = rv_yaml_parse(a, text, NULL, &docs, e);
	if (code == RV_OK && docs->n_items != 1)
		code = RV_FAIL_AT(e, RV_EINVAL, NULL, 1, 1, "must hold one document");
	if (code == RV_OK)
		code = read_conf(a, docs->items[0], c, e);
	if (code != RV_OK) {
		rv_err_where(e, path);
		return code;
	}
	*ret = c;
	return RV_OK;
}

const struct rv_mcp_server *rv_mcp_server_find(const struct rv_mcp_conf *c, struct rv_str name)
{
	for (size_t i = 0; i < c->n_servers; i++)
		if (rv_str_eq(c->servers[i].name, name))
			return &c->servers[i];
	return NULL;
}
