/* runner.yaml: who may ask, through which socket, for which commands. Nothing is optional that
 * would widen when it is forgotten: no workers, no commands, unknown fields are all refused. */
#include <pwd.h>

#include "base/clock.h"
#include "base/yaml.h"
#include "points/ask/ask.h"
#include "points/exec/exec_int.h"

static enum rv_code bad_at(
	const struct rv_json *v, const char *path, const char *what, struct rv_err *err)
{
	return RV_FAIL_AT(err, RV_EINVAL, NULL, v->line, v->col, "%s: %s", path, what);
}

/* A user's name, or a number for one that has none. */
static bool find_user(struct rv_arena *a, struct rv_str name, uid_t *ret)
{
	int64_t n;
	if (rv_str_i64(name, &n)) {
		*ret = (uid_t)n;
		return n >= 0 && n < UINT32_MAX;
	}
	struct rv_str z = rv_arena_str(a, name);
	struct passwd pw, *found = NULL;
	char buf[4096];
	if (!z.p || memchr(name.p, '\0', name.n) ||
		getpwnam_r(z.p, &pw, buf, sizeof buf, &found) != 0 || !found)
		return false;
	*ret = found->pw_uid;
	return true;
}

static enum rv_code read_worker(struct rv_arena *a, const struct rv_json *v, struct rv_exec_conf *c,
	struct rv_exec_worker *w, struct rv_err *err)
{
	struct rv_json_obj o;
	const struct rv_json *user, *systems;
	RV_TRY(rv_json_obj_open(&o, v, "workers", err));
	user = rv_json_opt_any(&o, "user");
	RV_TRY(rv_json_need(&o, "systems", RV_JSON_ARR, &systems, err));
	RV_TRY(rv_json_obj_close(&o, err));
	if (!user || (user->type != RV_JSON_STR && user->type != RV_JSON_INT))
		return bad_at(user ? user : v, "workers.user", "must be a Unix user", err);
	if (user->type == RV_JSON_INT) {
		w->uid = (uid_t)user->integer;
		w->user = rv_str_of(rv_arena_printf(a, "%lld", (long long)user->integer));
		if (user->integer < 0 || user->integer >= UINT32_MAX)
			return bad_at(user, "workers.user", "is no user number", err);
	} else {
		w->user = user->str;
		if (user->str.n == 0 || !find_user(a, user->str, &w->uid))
			return bad_at(user, "workers.user", "is no user of this machine", err);
	}
	for (size_t i = 0; i < c->n_workers; i++)
		if (c->workers[i].uid == w->uid)
			return bad_at(user, "workers.user", "stands twice", err);
	if (systems->n_items == 0 || systems->n_items > 64)
		return bad_at(systems, "workers.systems", "has 1 to 64 names", err);
	struct rv_str *names = rv_arena_array(a, systems->n_items, sizeof *names);
	if (!names || !w->user.p)
		return RV_FAIL_ARENA(err);
	for (size_t i = 0; i < systems->n_items; i++) {
		const struct rv_json *s = systems->items[i];
		if (s->type != RV_JSON_STR || !rv_str_is_slug(s->str, RV_EXEC_NAME_MAX))
			return bad_at(s, "workers.systems", "must be names of systems", err);
		names[i] = s->str;
	}
	w->systems = names;
	w->n_systems = systems->n_items;
	return RV_OK;
}

static enum rv_code read_workers(
	struct rv_arena *a, const struct rv_json *v, struct rv_exec_conf *c, struct rv_err *err)
{
	if (v->n_items == 0 || v->n_items > RV_EXEC_WORKERS_MAX)
		return bad_at(v, "workers", "has 1 to 256 entries", err);
	struct rv_exec_worker *w = rv_arena_array(a, v->n_items, sizeof *w);
	if (!w)
		return RV_FAIL_ARENA(err);
	c->workers = w;
	for (size_t i = 0; i < v->n_items; i++) {
		RV_TRY(read_worker(a, v->items[i], c, &w[i], err));
		c->n_workers++;
	}
	return RV_OK;
}

static enum rv_code read_commands(
	struct rv_arena *a, const struct rv_json *v, struct rv_exec_conf *c, struct rv_err *err)
{
	if (v->n_members == 0 || v->n_members > RV_EXEC_COMMANDS_MAX)
		return bad_at(v, "commands", "has 1 to 128 entries", err);
	struct rv_exec_command *cmds = rv_arena_array(a, v->n_members, sizeof *cmds);
	if (!cmds)
		return RV_FAIL_ARENA(err);
	for (size_t i = 0; i < v->n_members; i++) {
		const struct rv_json_member *m = &v->members[i];
		char *path = rv_arena_printf(a, "commands.%.*s", RV_FMT(m->name));
		if (!path)
			return RV_FAIL_ARENA(err);
		if (!rv_str_is_slug(m->name, RV_EXEC_NAME_MAX))
			return bad_at(m->value, path, "is no name: a-z, 0-9 and -", err);
		RV_TRY(rv_exec_command_read(a, m->name, m->value, path, &cmds[i], err));
	}
	c->commands = cmds;
	c->n_commands = v->n_members;
	return RV_OK;
}

static enum rv_code need_path(
	struct rv_json_obj *o, const char *name, struct rv_str *ret, struct rv_err *err)
{
	RV_TRY(rv_ask_opt_path(o, name, ret, err));
	if (ret->p)
		return RV_OK;
	return RV_FAIL_AT(err, RV_EINVAL, NULL, o->v->line, o->v->col,
		"%s.%s: is required: an absolute path", o->path, name);
}

static enum rv_code read_conf(
	struct rv_arena *a, const struct rv_json *v, struct rv_exec_conf *c, struct rv_err *err)
{
	struct rv_json_obj o;
	const struct rv_json *workers, *commands;
	RV_TRY(rv_json_obj_open(&o, v, "runner", err));
	RV_TRY(rv_json_need_str(&o, "server", &c->server, err));
	RV_TRY(rv_ask_opt_path(&o, "ca_file", &c->ca_file, err));
	RV_TRY(need_path(&o, "token_file", &c->token_file, err));
	RV_TRY(need_path(&o, "listen", &c->listen, err));
	RV_TRY(need_path(&o, "spool", &c->spool, err));
	RV_TRY(rv_json_opt_i64(&o, "max_requests", 1, 1024, &c->max_requests, err));
	RV_TRY(rv_json_opt_i64(
		&o, "max_requests_per_worker", 1, 1024, &c->max_requests_per_worker, err));
	RV_TRY(rv_ask_opt_duration(
		&o, "max_wait", 1000, INT64_C(7) * 86400000, &c->max_wait_ms, err));
	RV_TRY(rv_json_need(&o, "workers", RV_JSON_ARR, &workers, err));
	RV_TRY(rv_json_need(&o, "commands", RV_JSON_OBJ, &commands, err));
	RV_TRY(rv_json_obj_close(&o, err));
	if (c->server.n == 0 || c->server.n > 1024 || memchr(c->server.p, '\0', c->server.n))
		return bad_at(rv_json_get(v, "server"), "runner.server", "is no address", err);
	if (c->listen.n > 100)
		return bad_at(rv_json_get(v, "listen"), "runner.listen",
			"is too long for a socket (100 bytes)", err);
	RV_TRY(read_workers(a, workers, c, err));
	return read_commands(a, commands, c, err);
}

enum rv_code rv_exec_conf_read(struct rv_arena *a, struct rv_str text, const char *path,
	const struct rv_exec_conf **ret, struct rv_err *err)
{
	const struct rv_json *docs;
	struct rv_err none = { 0 };
	struct rv_err *e = err ? err : &none;
	struct rv_exec_conf *c = rv_arena_alloc(a, sizeof *c);
	if (!c)
		return RV_FAIL_ARENA(e);
	*c = (struct rv_exec_conf){
		.max_requests = 32, .max_requests_per_worker = 8, .max_wait_ms = 86400000
	};
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

const struct rv_exec_command *rv_exec_command_find(const struct rv_exec_conf *c, struct rv_str name)
{
	for (size_t i = 0; i < c->n_commands; i++)
		if (rv_str_eq(c->commands[i].name, name))
			return &c->commands[i];
	return NULL;
}
