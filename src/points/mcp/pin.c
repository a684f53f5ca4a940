/* Two files in the state folder, each with one writer: `seen.json` by the gateway, `approved.json`
 * by the person's command. Each is {"tools":[{"server","tool","definition":{…},"by"?,"at"?}, …]},
 * written whole and atomically. */
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
#include "points/mcp/pin.h"

enum { FILE_MAX = 64 << 20, ARENA_MAX = 512 << 20, ENTRIES_MAX = 65536 };

struct entry {
	struct rv_str server, tool, definition, by, at;
};
struct set {
	struct rv_arena arena;
	struct entry *v;
	size_t n;
};
struct rv_mcp_pins {
	char *approved_path, *seen_path;
	struct set approved, seen;
	struct stat approved_stat; /* as it was read; st_ino 0: not there */
	struct rv_mcp_pin *all; /* both, joined: for listing; NULL: make it anew */
	size_t n_all;
};

static const struct entry *find(const struct set *s, struct rv_str server, struct rv_str tool)
{
	for (size_t i = 0; i < s->n; i++)
		if (rv_str_eq(s->v[i].tool, tool) && rv_str_eq(s->v[i].server, server))
			return &s->v[i];
	return NULL;
}

static void forget_all(struct rv_mcp_pins *p)
{
	free(p->all);
	p->all = NULL;
}

/* ---- files ---- */

static enum rv_code read_entry(
	struct set *s, const struct rv_json *v, struct entry *e, struct rv_err *err)
{
	struct rv_json_obj o;
	RV_AUTO_BUF b = { 0 };
	const struct rv_json *definition;
	rv_buf_init(&b, FILE_MAX);
	RV_TRY(rv_json_obj_open(&o, v, "tools", err));
	RV_TRY(rv_json_need_str(&o, "server", &e->server, err));
	RV_TRY(rv_json_need_str(&o, "tool", &e->tool, err));
	RV_TRY(rv_json_need(&o, "definition", RV_JSON_OBJ, &definition, err));
	RV_TRY(rv_json_opt_str(&o, "by", &e->by, err));
	RV_TRY(rv_json_opt_str(&o, "at", &e->at, err));
	RV_TRY(rv_json_obj_close(&o, err));
	RV_TRY(rv_json_canonical(definition, &b, err));
	e->definition = rv_arena_str(&s->arena, rv_buf_str(&b));
	return e->definition.p ? RV_OK : RV_FAIL_ARENA(err);
}

static enum rv_code read_set(struct set *s, const char *path, struct rv_err *err)
{
	static const struct rv_json_limits limits = { .max_bytes = FILE_MAX, .max_depth = 64 };
	struct rv_str text;
	const struct rv_json *v, *tools;
	struct rv_json_obj o;
	struct rv_err missing = { 0 };
	enum rv_code code = rv_file_read(&s->arena, path, FILE_MAX, &text, &missing);
	if (code == RV_ENOENT)
		return RV_OK;
	if (code != RV_OK)
		return RV_FAIL(err, code, "%s", missing.msg);
	RV_TRY(rv_json_parse(&s->arena, text, &limits, &v, err));
	RV_TRY(rv_json_obj_open(&o, v, "pins", err));
	RV_TRY(rv_json_need(&o, "tools", RV_JSON_ARR, &tools, err));
	RV_TRY(rv_json_obj_close(&o, err));
	if (tools->n_items > ENTRIES_MAX)
		return RV_FAIL(err, RV_ELIMIT, "more than %d tools", ENTRIES_MAX);
	s->v = rv_arena_array(&s->arena, tools->n_items + 1, sizeof *s->v);
	if (!s->v)
		return RV_FAIL_ARENA(err);
	for (size_t i = 0; i < tools->n_items; i++) {
		RV_TRY(read_entry(s, tools->items[i], &s->v[i], err));
		s->n++;
	}
	return RV_OK;
}

static enum rv_code load(struct set *s, const char *path, struct rv_err *err)
{
	struct set fresh = { .n = 0 };
	struct rv_err why = { 0 };
	rv_arena_init(&fresh.arena, ARENA_MAX);
	enum rv_code code = read_set(&fresh, path, &why);
	rv_arena_done(&s->arena);
	if (code != RV_OK) {
		rv_arena_done(&fresh.arena);
		*s = (struct set){ .n = 0 };
		rv_err_where(&why, path);
		if (err)
			*err = why;
		return code == RV_EIO ? RV_EIO : RV_ECORRUPT;
	}
	*s = fresh;
	return RV_OK;
}

static enum rv_code save(
	const struct entry *v, size_t n, const char *path, mode_t mode, struct rv_err *err)
{
	RV_AUTO_BUF b = { 0 };
	struct rv_json_w w;
	rv_buf_init(&b, FILE_MAX);
	rv_json_w_init(&w, &b);
	rv_json_w_obj(&w);
	rv_json_w_name(&w, "tools");
	rv_json_w_arr(&w);
	for (size_t i = 0; i < n; i++) {
		rv_json_w_obj(&w);
		rv_json_w_kv_str(&w, "server", v[i].server);
		rv_json_w_kv_str(&w, "tool", v[i].tool);
		rv_json_w_name(&w, "definition");
		rv_json_w_raw(&w, v[i].definition);
		if (v[i].by.n)
			rv_json_w_kv_str(&w, "by", v[i].by);
		if (v[i].at.n)
			rv_json_w_kv_str(&w, "at", v[i].at);
		rv_json_w_obj_end(&w);
	}
	rv_json_w_arr_end(&w);
	rv_json_w_obj_end(&w);
	rv_buf_addc(&b, '\n');
	RV_TRY(rv_buf_ok(&b, err));
	return rv_file_write(path, rv_buf_str(&b), mode, err);
}

/* ---- life ---- */

static void stat_approved(struct rv_mcp_pins *p, struct stat *st)
{
	if (stat(p->approved_path, st) != 0)
		*st = (struct stat){ .st_ino = 0 };
}

enum rv_code rv_mcp_pins_open(const char *dir, struct rv_mcp_pins **ret, struct rv_err *err)
{
	struct rv_mcp_pins *p = calloc(1, sizeof *p);
	if (!p)
		return RV_FAIL(err, RV_ENOMEM, "out of memory");
	enum rv_code code = RV_ENOMEM;
	if (asprintf(&p->approved_path, "%s/approved.json", dir) < 0)
		p->approved_path = NULL;
	if (asprintf(&p->seen_path, "%s/seen.json", dir) < 0)
		p->seen_path = NULL;
	if (p->approved_path && p->seen_path) {
		stat_approved(p, &p->approved_stat);
		code = load(&p->approved, p->approved_path, err);
	}
	if (code == RV_OK)
		code = load(&p->seen, p->seen_path, err);
	if (code != RV_OK) {
		rv_mcp_pins_free(p);
		return code;
	}
	*ret = p;
	return RV_OK;
}

void rv_mcp_pins_free(struct rv_mcp_pins *p)
{
	if (!p)
		return;
	rv_arena_done(&p->approved.arena);
	rv_arena_done(&p->seen.arena);
	forget_all(p);
	free(p->approved_path);
	free(p->seen_path);
	free(p);
}

bool rv_mcp_pins_refresh(struct rv_mcp_pins *p)
{
	struct stat st;
	stat_approved(p, &st);
	const struct stat *old = &p->approved_stat;
	if (st.st_ino == old->st_ino && st.st_size == old->st_size &&
		st.st_mtim.tv_sec == old->st_mtim.tv_sec &&
		st.st_mtim.tv_nsec == old->st_mtim.tv_nsec)
		return false;
	p->approved_stat = st;
	forget_all(p);
	(void)load(&p->approved, p->approved_path, NULL); /* what cannot be read approves nothing */
	return true;
}

/* ---- seeing ---- */

enum rv_mcp_pin_state rv_mcp_pins_check(const struct rv_mcp_pins *p, struct rv_str server,
	struct rv_str tool, struct rv_str definition)
{
	const struct entry *e = find(&p->approved, server, tool);
	if (!e)
		return RV_MCP_PIN_NEW;
	return rv_str_eq(e->definition, definition) ? RV_MCP_PIN_APPROVED : RV_MCP_PIN_CHANGED;
}

static bool is_known(
	const struct rv_mcp_pins *p, struct rv_str server, const struct rv_mcp_seen *seen, size_t n)
{
	size_t n_old = 0;
	for (size_t i = 0; i < p->seen.n; i++)
		n_old += rv_str_eq(p->seen.v[i].server, server);
	if (n_old != n)
		return false;
	for (size_t i = 0; i < n; i++) {
		const struct entry *e = find(&p->seen, server, seen[i].tool);
		if (!e || !rv_str_eq(e->definition, seen[i].definition))
			return false;
	}
	return true;
}

enum rv_code rv_mcp_pins_see(struct rv_mcp_pins *p, struct rv_str server,
	const struct rv_mcp_seen *seen, size_t n, struct rv_err *err)
{
	char at[RV_TIME_SIZE];
	if (is_known(p, server, seen, n))
		return RV_OK;
	RV_AUTO_FREE struct entry *v = calloc(p->seen.n + n + 1, sizeof *v);
	size_t k = 0;
	if (!v)
		return RV_FAIL(err, RV_ENOMEM, "out of memory");
	for (size_t i = 0; i < p->seen.n; i++)
		if (!rv_str_eq(p->seen.v[i].server, server))
			v[k++] = p->seen.v[i];
	rv_time_format(rv_clock_unix_ns(rv_clock_system()), at);
	for (size_t i = 0; i < n; i++)
		v[k++] = (struct entry){ .server = server,
			.tool = seen[i].tool,
			.definition = seen[i].definition,
			.at = rv_str_of(at) };
	RV_TRY(save(v, k, p->seen_path, 0644, err));
	forget_all(p);
	return load(&p->seen, p->seen_path, err);
}

enum rv_code rv_mcp_tool_canonical(
	const struct rv_json *tool, struct rv_buf *out, struct rv_err *err)
{
	const struct rv_json *name = rv_json_get(tool, "name");
	if (!rv_json_is(name, RV_JSON_STR) || name->str.n == 0 || name->str.n > 256)
		return RV_FAIL(err, RV_EINVAL, "a tool has no name of 1 to 256 bytes");
	rv_buf_clear(out);
	return rv_json_canonical(tool, out, err);
}

/* ---- for people ---- */

static enum rv_mcp_pin_state state_of(const struct entry *seen, const struct entry *approved)
{
	if (!seen)
		return RV_MCP_PIN_GONE;
	if (!approved)
		return RV_MCP_PIN_NEW;
	return rv_str_eq(seen->definition, approved->definition) ? RV_MCP_PIN_APPROVED
								 : RV_MCP_PIN_CHANGED;
}

static void join(struct rv_mcp_pins *p)
{
	p->all = calloc(p->seen.n + p->approved.n + 1, sizeof *p->all);
	p->n_all = 0;
	rv_assert(p->all);
	for (size_t i = 0; i < p->seen.n; i++) {
		const struct entry *s = &p->seen.v[i];
		const struct entry *a = find(&p->approved, s->server, s->tool);
		p->all[p->n_all++] = (struct rv_mcp_pin){ .server = s->server,
			.tool = s->tool,
			.state = state_of(s, a),
			.seen = s->definition,
			.approved = a ? a->definition : RV_STR(""),
			.by = a ? a->by : RV_STR(""),
			.at = a ? a->at : RV_STR("") };
	}
	for (size_t i = 0; i < p->approved.n; i++) {
		const struct entry *a = &p->approved.v[i];
		if (!find(&p->seen, a->server, a->tool))
			p->all[p->n_all++] = (struct rv_mcp_pin){ .server = a->server,
				.tool = a->tool,
				.state = RV_MCP_PIN_GONE,
				.approved = a->definition,
				.by = a->by,
				.at = a->at };
	}
}

size_t rv_mcp_pins_count(const struct rv_mcp_pins *p)
{
	if (!p->all)
		join((struct rv_mcp_pins *)p); /* made when it is first asked for */
	return p->n_all;
}

struct rv_mcp_pin rv_mcp_pins_at(const struct rv_mcp_pins *p, size_t i)
{
	rv_assert(i < rv_mcp_pins_count(p));
	return p->all[i];
}

/* With one tool goes the program that was seen, but only where none was approved before. */
static bool is_meant(const struct rv_mcp_pins *p, const struct entry *s, struct rv_str tool)
{
	if (tool.n == 0 || rv_str_eq(s->tool, tool))
		return true;
	return s->tool.n == 0 && !find(&p->approved, s->server, s->tool);
}

enum rv_code rv_mcp_pins_approve(struct rv_mcp_pins *p, struct rv_str server, struct rv_str tool,
	struct rv_str by, size_t *ret_n, struct rv_err *err)
{
	char at[RV_TIME_SIZE];
	RV_AUTO_FREE struct entry *v = calloc(p->seen.n + p->approved.n + 1, sizeof *v);
	size_t k = 0, n = 0;
	if (!v)
		return RV_FAIL(err, RV_ENOMEM, "out of memory");
	rv_time_format(rv_clock_unix_ns(rv_clock_system()), at);
	for (size_t i = 0; i < p->approved.n; i++)
		v[k++] = p->approved.v[i];
	for (size_t i = 0; i < p->seen.n; i++) {
		const struct entry *s = &p->seen.v[i];
		struct entry *to = NULL;
		if (!rv_str_eq(s->server, server) || !is_meant(p, s, tool))
			continue;
		for (size_t j = 0; j < k && !to; j++)
			if (rv_str_eq(v[j].server, server) && rv_str_eq(v[j].tool, s->tool))
				to = &v[j];
		to = to ? to : &v[k++];
		*to = (struct entry){ s->server, s->tool, s->definition, by, rv_str_of(at) };
		n += s->tool.n > 0;
	}
	if (n == 0)
		return RV_FAIL(err, RV_ENOENT,
			tool.n ? "server '%.*s' was not seen to offer a tool '%.*s'"
			       : "nothing was seen of server '%.*s' yet: let a client connect once",
			RV_FMT(server), RV_FMT(tool));
	RV_TRY(save(v, k, p->approved_path, 0644, err));
	*ret_n = n;
	(void)rv_mcp_pins_refresh(p); /* it did change */
	return RV_OK;
}
