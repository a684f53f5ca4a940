/* The configuration in force, defaults written out: what `reeve runner --check` shows. */
#include "points/exec/exec.h"

static void put_list(struct rv_json_w *w, const char *name, const struct rv_str *v, size_t n)
{
	rv_json_w_name(w, name);
	rv_json_w_arr(w);
	for (size_t i = 0; i < n; i++)
		rv_json_w_str(w, v[i]);
	rv_json_w_arr_end(w);
}

static void put_pairs(struct rv_json_w *w, const char *name, const struct rv_exec_pair *v, size_t n)
{
	rv_json_w_name(w, name);
	rv_json_w_obj(w);
	for (size_t i = 0; i < n; i++) {
		rv_json_w_name_str(w, v[i].name);
		rv_json_w_str(w, v[i].value);
	}
	rv_json_w_obj_end(w);
}

static void put_param(struct rv_json_w *w, const struct rv_exec_param *p)
{
	rv_json_w_name_str(w, p->name);
	rv_json_w_obj(w);
	if (p->kind == RV_EXEC_PARAM_ENUM)
		put_list(w, "enum", p->words, p->n_words);
	if (p->kind == RV_EXEC_PARAM_TEXT) {
		char set[129];
		size_t n = 0;
		for (unsigned c = 0; c < 128; c++)
			if (p->charset[c >> 6] >> (c & 63) & 1)
				set[n++] = (char)c;
		rv_json_w_kv_i64(w, "max", (int64_t)p->max_bytes);
		rv_json_w_kv_str(w, "characters", rv_str_n(set, n));
	}
	if (p->kind == RV_EXEC_PARAM_DECIMAL) {
		rv_json_w_kv_i64(w, "scale", p->scale);
		rv_json_w_kv_i64(w, "max_in_smallest_unit", p->max_scaled);
	}
	rv_json_w_obj_end(w);
}

static void put_command(struct rv_json_w *w, const struct rv_exec_command *c)
{
	rv_json_w_name_str(w, c->name);
	rv_json_w_obj(w);
	rv_json_w_kv_str(w, "action", c->action);
	rv_json_w_kv_str(w, "effect", c->effect);
	rv_json_w_kv_str(w, "resource_type", c->resource_type);
	rv_json_w_kv_str(w, "resource_id", c->resource_id);
	put_list(w, "argv", c->argv, c->n_argv);
	rv_json_w_name(w, "params");
	rv_json_w_obj(w);
	for (size_t i = 0; i < c->n_params; i++)
		put_param(w, &c->params[i]);
	rv_json_w_obj_end(w);
	rv_json_w_name(w, "inputs");
	rv_json_w_obj(w);
	for (size_t i = 0; i < c->n_inputs; i++) {
		rv_json_w_name_str(w, c->inputs[i].name);
		rv_json_w_i64(w, c->inputs[i].max_bytes);
	}
	rv_json_w_obj_end(w);
	put_pairs(w, "env", c->env, c->n_env);
	put_pairs(w, "limits", c->limits, c->n_limits);
	rv_json_w_kv_str(w, "amount", c->amount);
	rv_json_w_kv_str(w, "cwd", c->cwd);
	rv_json_w_kv_i64(w, "timeout_ms", c->timeout_ms);
	rv_json_w_kv_i64(w, "output", c->output_bytes);
	rv_json_w_kv_i64(w, "file_size", c->file_bytes);
	rv_json_w_obj_end(w);
}

void rv_exec_conf_print(const struct rv_exec_conf *c, struct rv_buf *out)
{
	struct rv_json_w w;
	rv_json_w_init(&w, out);
	rv_json_w_obj(&w);
	rv_json_w_kv_str(&w, "server", c->server);
	rv_json_w_kv_str(&w, "ca_file", c->ca_file);
	rv_json_w_kv_str(&w, "token_file", c->token_file);
	rv_json_w_kv_str(&w, "listen", c->listen);
	rv_json_w_kv_str(&w, "spool", c->spool);
	rv_json_w_kv_i64(&w, "max_requests", c->max_requests);
	rv_json_w_kv_i64(&w, "max_requests_per_worker", c->max_requests_per_worker);
	rv_json_w_kv_i64(&w, "max_wait_ms", c->max_wait_ms);
	rv_json_w_name(&w, "workers");
	rv_json_w_arr(&w);
	for (size_t i = 0; i < c->n_workers; i++) {
		rv_json_w_obj(&w);
		rv_json_w_kv_str(&w, "user", c->workers[i].user);
		rv_json_w_kv_i64(&w, "uid", c->workers[i].uid);
		put_list(&w, "systems", c->workers[i].systems, c->workers[i].n_systems);
		rv_json_w_obj_end(&w);
	}
	rv_json_w_arr_end(&w);
	rv_json_w_name(&w, "commands");
	rv_json_w_obj(&w);
	for (size_t i = 0; i < c->n_commands; i++)
		put_command(&w, &c->commands[i]);
	rv_json_w_obj_end(&w);
	rv_json_w_obj_end(&w);
}
