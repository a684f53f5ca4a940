/* From what was materialised to the question that is asked. */
#include <stdio.h>

#include "points/exec/ask.h"
#include "points/exec/exec_int.h"

void rv_exec_facts_init(struct rv_exec_facts *f)
{
	*f = (struct rv_exec_facts){ .program.fd = -1, .interpreter.fd = -1 };
	for (size_t i = 0; i < RV_EXEC_INPUTS_MAX; i++)
		f->inputs[i].fd = -1;
}

void rv_exec_facts_done(struct rv_exec_facts *f)
{
	for (size_t i = 0; i < RV_EXEC_INPUTS_MAX; i++)
		rv_exec_sealed_done(&f->inputs[i]);
	rv_exec_sealed_done(&f->program);
	rv_exec_sealed_done(&f->interpreter);
}

/* ---- the program ---- */

static struct rv_str base_name(struct rv_str path)
{
	for (size_t i = path.n; i > 0; i--)
		if (path.p[i - 1] == '/')
			return rv_str_sub(path, i, path.n);
	return path;
}

/* "#!/bin/sh -e": the path and what follows it, as one argument like the kernel has it. */
static enum rv_code read_shebang(struct rv_arena *a, struct rv_exec_facts *f, struct rv_err *err)
{
	struct rv_str head = { f->program.head, f->program.head_n };
	size_t end = rv_str_find(head, '\n', 0);
	struct rv_str line = rv_str_trim(rv_str_sub(head, 2, end == SIZE_MAX ? 2 : end));
	size_t n = 0;
	while (n < line.n && line.p[n] != ' ' && line.p[n] != '\t')
		n++;
	f->interpreter_path = rv_arena_str(a, rv_str_sub(line, 0, n));
	f->interpreter_arg = rv_arena_str(a, rv_str_trim(rv_str_sub(line, n, line.n)));
	if (!f->interpreter_path.p || !f->interpreter_arg.p)
		return RV_FAIL_ARENA(err);
	if (n == 0 || line.p[0] != '/' || memchr(line.p, '\0', line.n))
		return RV_FAIL(err, RV_EINVAL,
			"'%.*s': its '#!' line names no interpreter by an absolute path",
			RV_FMT(f->cmd->argv[0]));
	if (rv_str_eqz(base_name(f->interpreter_path), "env"))
		return RV_FAIL(err, RV_EINVAL,
			"'%.*s': its interpreter would be looked up in PATH; name it in the '#!' "
			"line",
			RV_FMT(f->cmd->argv[0]));
	return RV_OK;
}

static bool is_script(const struct rv_exec_sealed *s)
{
	return s->head_n >= 2 && s->head[0] == '#' && s->head[1] == '!';
}

enum rv_code rv_exec_facts_program(struct rv_arena *a, struct rv_exec_facts *f, struct rv_err *err)
{
	struct rv_str path = rv_arena_str(a, f->cmd->argv[0]);
	if (!path.p)
		return RV_FAIL_ARENA(err);
	RV_TRY(rv_exec_seal_program(path.p, &f->program, err));
	if (!is_script(&f->program))
		return RV_OK;
	RV_TRY(read_shebang(a, f, err));
	RV_TRY(rv_exec_open_program(f->interpreter_path.p, &f->interpreter, err));
	if (is_script(&f->interpreter))
		return RV_FAIL(err, RV_EINVAL, "'%s': its interpreter is a script itself", path.p);
	return RV_OK;
}

/* ---- the request ---- */

static void put_expanded(struct rv_json_w *w, const struct rv_exec_facts *f, struct rv_str text,
	const struct rv_str *inputs)
{
	RV_AUTO_BUF b;
	rv_buf_init(&b, 1 << 17);
	rv_exec_template_expand(f->cmd, text, f->values, inputs, &b);
	if (b.failed)
		w->out->failed = true; /* told by the caller's rv_buf_ok */
	rv_json_w_str(w, b.n ? rv_buf_str(&b) : RV_STR(""));
}

static void put_argv(struct rv_json_w *w, const struct rv_exec_facts *f)
{
	char names[RV_EXEC_INPUTS_MAX][RV_EXEC_NAME_MAX + 16];
	struct rv_str inputs[RV_EXEC_INPUTS_MAX];
	for (size_t i = 0; i < f->cmd->n_inputs; i++) {
		(void)snprintf(names[i], sizeof names[i], "{input:%.*s}",
			RV_FMT(f->cmd->inputs[i].name)); /* fits */
		inputs[i] = rv_str_of(names[i]);
	}
	rv_json_w_name(w, "argv");
	rv_json_w_arr(w);
	for (size_t i = 0; i < f->cmd->n_argv; i++)
		put_expanded(w, f, f->cmd->argv[i], inputs);
	rv_json_w_arr_end(w);
}

static void put_param(struct rv_json_w *w, const struct rv_exec_facts *f, size_t i)
{
	rv_json_w_name_str(w, f->cmd->params[i].name);
	rv_json_w_str(w, f->values[i]);
}

static void put_arguments(struct rv_json_w *w, const struct rv_exec_facts *f)
{
	const struct rv_exec_command *c = f->cmd;
	rv_json_w_name(w, "arguments");
	rv_json_w_obj(w);
	rv_json_w_kv_str(w, "command", c->name);
	put_argv(w, f);
	rv_json_w_name(w, "params");
	rv_json_w_obj(w);
	for (size_t i = 0; i < c->n_params; i++)
		put_param(w, f, i);
	rv_json_w_obj_end(w);
	rv_json_w_kv_str(w, "cwd", c->cwd);
	rv_json_w_name(w, "env");
	rv_json_w_obj(w);
	for (size_t i = 0; i < c->n_env; i++) {
		rv_json_w_name_str(w, c->env[i].name);
		rv_json_w_str(w, c->env[i].value);
	}
	rv_json_w_obj_end(w);
	rv_json_w_name(w, "inputs");
	rv_json_w_obj(w);
	for (size_t i = 0; i < c->n_inputs; i++) {
		rv_json_w_name_str(w, c->inputs[i].name);
		rv_json_w_strz(w, f->inputs[i].digest);
	}
	rv_json_w_obj_end(w);
	rv_json_w_kv_strz(w, "executable", f->program.digest);
	if (f->interpreter.fd >= 0) {
		rv_json_w_name(w, "interpreter");
		rv_json_w_obj(w);
		rv_json_w_kv_str(w, "path", f->interpreter_path);
		rv_json_w_kv_str(w, "arg", f->interpreter_arg);
		rv_json_w_kv_strz(w, "digest", f->interpreter.digest);
		rv_json_w_obj_end(w);
	}
	rv_json_w_kv_str(w, "target_user", f->target_user);
	rv_json_w_obj_end(w);
}

static void put_limits(struct rv_json_w *w, const struct rv_exec_facts *f)
{
	rv_json_w_obj(w);
	for (size_t i = 0; i < f->cmd->n_limits; i++) {
		rv_json_w_name_str(w, f->cmd->limits[i].name);
		put_expanded(w, f, f->cmd->limits[i].value, NULL);
	}
	rv_json_w_obj_end(w);
}

static void put_context(struct rv_json_w *w, const struct rv_exec_facts *f, struct rv_str approval)
{
	rv_json_w_name(w, "context");
	rv_json_w_obj(w);
	rv_json_w_kv_str(w, "effect", f->cmd->effect);
	if (f->cmd->amount.n) {
		rv_json_w_name(w, "amount");
		put_expanded(w, f, f->cmd->amount, NULL);
	}
	put_arguments(w, f);
	rv_json_w_name(w, "reeve");
	rv_json_w_obj(w);
	rv_json_w_kv_bool(w, "act", true);
	if (approval.n)
		rv_json_w_kv_str(w, "approval", approval);
	if (f->cmd->n_limits) {
		rv_json_w_name(w, "limits");
		put_limits(w, f);
	}
	rv_json_w_obj_end(w);
	rv_json_w_obj_end(w);
}

void rv_exec_request_write(
	const struct rv_exec_facts *f, struct rv_str approval, struct rv_buf *out)
{
	struct rv_json_w w;
	rv_json_w_init(&w, out);
	rv_json_w_obj(&w);
	rv_json_w_name(&w, "subject");
	rv_json_w_obj(&w);
	rv_json_w_kv_strz(&w, "type", "System");
	rv_json_w_kv_str(&w, "id", f->system);
	rv_json_w_obj_end(&w);
	rv_json_w_name(&w, "action");
	rv_json_w_obj(&w);
	rv_json_w_kv_str(&w, "name", f->cmd->action);
	rv_json_w_obj_end(&w);
	rv_json_w_name(&w, "resource");
	rv_json_w_obj(&w);
	rv_json_w_kv_str(&w, "type", f->cmd->resource_type);
	rv_json_w_name(&w, "id");
	put_expanded(&w, f, f->cmd->resource_id, NULL);
	rv_json_w_obj_end(&w);
	put_context(&w, f, approval);
	rv_json_w_obj_end(&w);
}

struct rv_str rv_exec_settle_json(struct rv_arena *a, const struct rv_exec_facts *f)
{
	RV_AUTO_BUF b;
	struct rv_json_w w;
	rv_buf_init(&b, 1 << 14);
	if (f->cmd->n_limits == 0)
		return (struct rv_str){ NULL, 0 };
	rv_json_w_init(&w, &b);
	put_limits(&w, f);
	return rv_arena_str(a, rv_buf_str(&b));
}
