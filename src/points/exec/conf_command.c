/* One entry of `commands:` in runner.yaml. */
#include "base/clock.h"
#include "points/ask/ask.h"
#include "points/exec/exec_int.h"

enum { TEMPLATE_MAX = 4096, MIB = 1 << 20 };

/* What is being read: enough to say where a mistake is. */
struct reader {
	struct rv_arena *a;
	struct rv_exec_command *cmd;
	uint64_t used_params, used_inputs; /* a bit each */
	struct rv_err *err;
};

static enum rv_code bad(struct reader *r, const struct rv_json *v, const char *what,
	const char *path, struct rv_str name)
{
	return RV_FAIL_AT(r->err, RV_EINVAL, NULL, v->line, v->col, "%s%s%.*s: %s", path,
		path[0] && name.n ? "." : "", RV_FMT(name), what);
}

/* ---- parameters ---- */

/* "a-z0-9._" : single characters and ranges; '-' stands for itself first or last. Graphic ASCII. */
static bool read_charset(struct rv_str s, uint64_t set[4])
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char from = (unsigned char)s.p[i], to = from;
		if (i + 2 < s.n && s.p[i + 1] == '-') {
			to = (unsigned char)s.p[i + 2];
			i += 2;
		}
		if (from <= ' ' || to > '~' || from > to)
			return false;
		for (unsigned c = from; c <= to; c++)
			set[c >> 6] |= UINT64_C(1) << (c & 63);
	}
	return s.n > 0;
}

static enum rv_code read_words(
	struct reader *r, const struct rv_json *v, const char *path, struct rv_exec_param *p)
{
	if (v->n_items == 0 || v->n_items > 64)
		return bad(r, v, "has 1 to 64 words", path, RV_STR("enum"));
	struct rv_str *words = rv_arena_array(r->a, v->n_items, sizeof *words);
	if (!words)
		return RV_FAIL_ARENA(r->err);
	for (size_t i = 0; i < v->n_items; i++) {
		const struct rv_json *w = v->items[i];
		if (w->type != RV_JSON_STR || w->str.n == 0 || w->str.n > RV_EXEC_VALUE_MAX ||
			memchr(w->str.p, '\0', w->str.n))
			return bad(r, w, "each word is text", path, RV_STR("enum"));
		for (size_t j = 0; j < i; j++)
			if (rv_str_eq(words[j], w->str))
				return bad(r, w, "a word stands twice", path, RV_STR("enum"));
		words[i] = w->str;
	}
	p->kind = RV_EXEC_PARAM_ENUM;
	p->words = words;
	p->n_words = v->n_items;
	return RV_OK;
}

static enum rv_code read_text(
	struct reader *r, const struct rv_json *v, const char *path, struct rv_exec_param *p)
{
	struct rv_json_obj o;
	struct rv_str set = RV_STR("");
	int64_t max = 0;
	RV_TRY(rv_json_obj_open(&o, v, path, r->err));
	RV_TRY(rv_json_opt_i64(&o, "max", 1, RV_EXEC_VALUE_MAX, &max, r->err));
	RV_TRY(rv_json_need_str(&o, "charset", &set, r->err));
	RV_TRY(rv_json_obj_close(&o, r->err));
	if (max == 0)
		return bad(r, v, "is required: the most bytes a value has", path, RV_STR("max"));
	if (!read_charset(set, p->charset))
		return bad(r, rv_json_get(v, "charset"),
			"is graphic ASCII characters and ranges, such as a-z0-9_-", path,
			RV_STR("charset"));
	p->kind = RV_EXEC_PARAM_TEXT;
	p->max_bytes = (size_t)max;
	return RV_OK;
}

static enum rv_code read_decimal(
	struct reader *r, const struct rv_json *v, const char *path, struct rv_exec_param *p)
{
	struct rv_json_obj o;
	struct rv_str max;
	int64_t scale = 2;
	RV_TRY(rv_json_obj_open(&o, v, path, r->err));
	RV_TRY(rv_json_need_str(&o, "max", &max, r->err));
	RV_TRY(rv_json_opt_i64(&o, "scale", 0, 4, &scale, r->err));
	RV_TRY(rv_json_obj_close(&o, r->err));
	p->kind = RV_EXEC_PARAM_DECIMAL;
	p->scale = (unsigned)scale;
	/* Cedar's decimal has four digits in 64 bits, so the largest here is that of scale 4. */
	int64_t cedar;
	if (!rv_exec_decimal_parse(max, p->scale, &p->max_scaled) || p->max_scaled == 0 ||
		!rv_exec_decimal_parse(max, 4, &cedar))
		return bad(r, rv_json_get(v, "max"),
			"is the largest value, a number in quotes such as \"5000.00\"", path,
			RV_STR("max"));
	return RV_OK;
}

static enum rv_code read_param(
	struct reader *r, const struct rv_json_member *m, const char *path, struct rv_exec_param *p)
{
	struct rv_json_obj o;
	const struct rv_json *words, *text, *decimal;
	p->name = m->name;
	if (!rv_str_is_slug(m->name, RV_EXEC_NAME_MAX))
		return bad(r, m->value, "is no name: a-z, 0-9 and -", path, m->name);
	char *here = rv_arena_printf(r->a, "%s.%.*s", path, RV_FMT(m->name));
	if (!here)
		return RV_FAIL_ARENA(r->err);
	RV_TRY(rv_json_obj_open(&o, m->value, here, r->err));
	RV_TRY(rv_json_opt(&o, "enum", RV_JSON_ARR, &words, r->err));
	RV_TRY(rv_json_opt(&o, "text", RV_JSON_OBJ, &text, r->err));
	RV_TRY(rv_json_opt(&o, "decimal", RV_JSON_OBJ, &decimal, r->err));
	RV_TRY(rv_json_obj_close(&o, r->err));
	if (!!words + !!text + !!decimal != 1)
		return bad(r, m->value, "has exactly one of enum, text, decimal", path, m->name);
	if (words)
		return read_words(r, words, here, p);
	return text ? read_text(r, text, here, p) : read_decimal(r, decimal, here, p);
}

static enum rv_code read_params(struct reader *r, const struct rv_json *v, const char *path)
{
	if (!v)
		return RV_OK;
	if (v->n_members > RV_EXEC_PARAMS_MAX)
		return bad(r, v, "at most 16", path, RV_STR(""));
	struct rv_exec_param *p = rv_arena_array(r->a, v->n_members, sizeof *p);
	if (v->n_members && !p)
		return RV_FAIL_ARENA(r->err);
	for (size_t i = 0; i < v->n_members; i++)
		RV_TRY(read_param(r, &v->members[i], path, &p[i]));
	r->cmd->params = p;
	r->cmd->n_params = v->n_members;
	return RV_OK;
}

static enum rv_code read_inputs(struct reader *r, const struct rv_json *v, const char *path)
{
	if (!v)
		return RV_OK;
	if (v->n_members > RV_EXEC_INPUTS_MAX)
		return bad(r, v, "at most 8", path, RV_STR(""));
	struct rv_exec_input *in = rv_arena_array(r->a, v->n_members, sizeof *in);
	if (v->n_members && !in)
		return RV_FAIL_ARENA(r->err);
	for (size_t i = 0; i < v->n_members; i++) {
		const struct rv_json_member *m = &v->members[i];
		struct rv_json_obj o;
		if (!rv_str_is_slug(m->name, RV_EXEC_NAME_MAX))
			return bad(r, m->value, "is no name: a-z, 0-9 and -", path, m->name);
		char *here = rv_arena_printf(r->a, "%s.%.*s", path, RV_FMT(m->name));
		if (!here)
			return RV_FAIL_ARENA(r->err);
		in[i] = (struct rv_exec_input){ m->name, 16 * MIB };
		RV_TRY(rv_json_obj_open(&o, m->value, here, r->err));
		RV_TRY(rv_json_opt_i64(
			&o, "max", 1, 1024 * INT64_C(1048576), &in[i].max_bytes, r->err));
		RV_TRY(rv_json_obj_close(&o, r->err));
	}
	r->cmd->inputs = in;
	r->cmd->n_inputs = v->n_members;
	return RV_OK;
}

/* ---- templates ---- */

/* Every reference must be to something the command has; marks it as used. */
static enum rv_code check_template(struct reader *r, const struct rv_json *v, const char *path,
	struct rv_str name, bool inputs_too)
{
	const struct rv_exec_command *c = r->cmd;
	if (v->type != RV_JSON_STR || v->str.n > TEMPLATE_MAX ||
		(v->str.n && memchr(v->str.p, '\0', v->str.n)))
		return bad(r, v, "must be text of at most 4096 bytes (quote numbers)", path, name);
	struct rv_str rest = v->str;
	struct rv_exec_piece p;
	struct rv_err inner = { 0 };
	bool any;
	for (;;) {
		if (rv_exec_template_next(&rest, &p, &any, &inner) != RV_OK)
			return bad(r, v, inner.msg, path, name);
		if (!any)
			return RV_OK;
		size_t i = 0;
		if (p.kind == RV_EXEC_REF_PARAM) {
			while (i < c->n_params && !rv_str_eq(c->params[i].name, p.text))
				i++;
			if (i == c->n_params)
				return bad(r, v, "names a parameter that is not in params", path,
					name);
			r->used_params |= UINT64_C(1) << i;
		}
		if (p.kind == RV_EXEC_REF_INPUT) {
			if (!inputs_too)
				return bad(r, v, "an input can stand in argv only", path, name);
			while (i < c->n_inputs && !rv_str_eq(c->inputs[i].name, p.text))
				i++;
			if (i == c->n_inputs)
				return bad(
					r, v, "names an input that is not in inputs", path, name);
			r->used_inputs |= UINT64_C(1) << i;
		}
	}
}

/* A literal number, or nothing but one reference to a decimal parameter. */
static enum rv_code check_amount(
	struct reader *r, const struct rv_json *v, const char *path, struct rv_str name)
{
	static const char why[] = "is a number in quotes, or one decimal parameter: \"{amount}\"";
	struct rv_exec_piece p;
	int64_t n;
	bool any;
	RV_TRY(check_template(r, v, path, name, false));
	if (rv_exec_decimal_parse(v->str, 4, &n) && n > 0)
		return RV_OK;
	struct rv_str rest = v->str;
	if (rv_exec_template_next(&rest, &p, &any, NULL) != RV_OK || !any || rest.n > 0 ||
		p.kind != RV_EXEC_REF_PARAM)
		return bad(r, v, why, path, name);
	for (size_t i = 0; i < r->cmd->n_params; i++)
		if (rv_str_eq(r->cmd->params[i].name, p.text) &&
			r->cmd->params[i].kind == RV_EXEC_PARAM_DECIMAL)
			return RV_OK;
	return bad(r, v, why, path, name);
}

static enum rv_code read_argv(struct reader *r, const struct rv_json *v, const char *path)
{
	if (v->n_items == 0 || v->n_items > RV_EXEC_ARGS_MAX)
		return bad(r, v, "has 1 to 64 words, the first an executable", path, RV_STR(""));
	struct rv_str *argv = rv_arena_array(r->a, v->n_items, sizeof *argv);
	if (!argv)
		return RV_FAIL_ARENA(r->err);
	for (size_t i = 0; i < v->n_items; i++) {
		RV_TRY(check_template(r, v->items[i], path, RV_STR(""), true));
		argv[i] = v->items[i]->str;
	}
	if (argv[0].n < 2 || argv[0].p[0] != '/' || memchr(argv[0].p, '{', argv[0].n))
		return bad(r, v->items[0],
			"the executable is an absolute path and has no parameters", path,
			RV_STR(""));
	r->cmd->argv = argv;
	r->cmd->n_argv = v->n_items;
	return RV_OK;
}

static bool is_env_name(struct rv_str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
		if (!letter && (i == 0 || c < '0' || c > '9'))
			return false;
	}
	return s.n > 0 && s.n <= 128;
}

/* What decides which code runs, rather than what it does. */
static bool is_env_hijack(struct rv_str s)
{
	return rv_str_starts(s, RV_STR("LD_")) || rv_str_eqz(s, "BASH_ENV") ||
		rv_str_eqz(s, "ENV") || rv_str_eqz(s, "GCONV_PATH") || rv_str_eqz(s, "IFS");
}

static enum rv_code read_env(struct reader *r, const struct rv_json *v, const char *path)
{
	if (!v)
		return RV_OK;
	if (v->n_members > RV_EXEC_ENV_MAX)
		return bad(r, v, "at most 32", path, RV_STR(""));
	struct rv_exec_pair *env = rv_arena_array(r->a, v->n_members, sizeof *env);
	if (v->n_members && !env)
		return RV_FAIL_ARENA(r->err);
	for (size_t i = 0; i < v->n_members; i++) {
		const struct rv_json_member *m = &v->members[i];
		if (!is_env_name(m->name) || is_env_hijack(m->name))
			return bad(r, m->value, "is not a variable that may be set", path, m->name);
		if (m->value->type != RV_JSON_STR || m->value->str.n > TEMPLATE_MAX ||
			(m->value->str.n && memchr(m->value->str.p, '\0', m->value->str.n)))
			return bad(r, m->value, "must be text (quote numbers)", path, m->name);
		env[i] = (struct rv_exec_pair){ m->name, m->value->str };
	}
	r->cmd->env = env;
	r->cmd->n_env = v->n_members;
	return RV_OK;
}

static enum rv_code read_limits(struct reader *r, const struct rv_json *v, const char *path)
{
	if (!v)
		return RV_OK;
	if (v->n_members > RV_EXEC_LIMITS_MAX)
		return bad(r, v, "at most 4", path, RV_STR(""));
	struct rv_exec_pair *l = rv_arena_array(r->a, v->n_members, sizeof *l);
	if (v->n_members && !l)
		return RV_FAIL_ARENA(r->err);
	for (size_t i = 0; i < v->n_members; i++) {
		const struct rv_json_member *m = &v->members[i];
		if (!rv_str_is_slug(m->name, RV_EXEC_NAME_MAX))
			return bad(r, m->value, "is no limit's name", path, m->name);
		RV_TRY(check_amount(r, m->value, path, m->name));
		l[i] = (struct rv_exec_pair){ m->name, m->value->str };
	}
	r->cmd->limits = l;
	r->cmd->n_limits = v->n_members;
	return RV_OK;
}

static bool is_type_name(struct rv_str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
		if (!letter && (i == 0 || !((c >= '0' && c <= '9') || c == ':')))
			return false;
	}
	return s.n > 0 && s.n <= 128;
}

static enum rv_code read_resource(struct reader *r, const struct rv_json *v, const char *path)
{
	struct rv_json_obj o;
	RV_TRY(rv_json_obj_open(&o, v, path, r->err));
	RV_TRY(rv_json_need_str(&o, "type", &r->cmd->resource_type, r->err));
	RV_TRY(rv_json_need_str(&o, "id", &r->cmd->resource_id, r->err));
	RV_TRY(rv_json_obj_close(&o, r->err));
	if (!is_type_name(r->cmd->resource_type))
		return bad(r, rv_json_get(v, "type"), "must be a type such as Service", path,
			RV_STR("type"));
	if (r->cmd->resource_id.n == 0)
		return bad(r, rv_json_get(v, "id"), "must not be empty", path, RV_STR("id"));
	return check_template(r, rv_json_get(v, "id"), path, RV_STR("id"), false);
}

static enum rv_code check_used(struct reader *r, const struct rv_json *v, const char *path)
{
	for (size_t i = 0; i < r->cmd->n_params; i++)
		if (!(r->used_params >> i & 1))
			return bad(r, v, "this parameter is used nowhere", path,
				r->cmd->params[i].name);
	for (size_t i = 0; i < r->cmd->n_inputs; i++)
		if (!(r->used_inputs >> i & 1))
			return bad(
				r, v, "this input is used nowhere", path, r->cmd->inputs[i].name);
	return RV_OK;
}

static const char *sub_path(struct reader *r, const char *path, const char *name)
{
	const char *s = rv_arena_printf(r->a, "%s.%s", path, name);
	return s ? s : name;
}

/* The scalars of a command. */
static enum rv_code read_plain(struct reader *r, struct rv_json_obj *o, const struct rv_json *v)
{
	struct rv_exec_command *c = r->cmd;
	RV_TRY(rv_json_need_str(o, "action", &c->action, r->err));
	if (c->action.n == 0 || c->action.n > 128 || memchr(c->action.p, '\0', c->action.n))
		return bad(r, rv_json_get(v, "action"), "has 1 to 128 bytes", o->path,
			RV_STR("action"));
	RV_TRY(rv_json_need_str(o, "effect", &c->effect, r->err));
	if (!rv_str_eqz(c->effect, "read") && !rv_str_eqz(c->effect, "write") &&
		!rv_str_eqz(c->effect, "destructive") && !rv_str_eqz(c->effect, "external"))
		return bad(r, rv_json_get(v, "effect"),
			"is one of read, write, destructive, external", o->path, RV_STR("effect"));
	RV_TRY(rv_ask_opt_path(o, "cwd", &c->cwd, r->err));
	RV_TRY(rv_ask_opt_duration(o, "timeout", 1000, 86400000, &c->timeout_ms, r->err));
	RV_TRY(rv_json_opt_i64(o, "output", 0, 64 * MIB, &c->output_bytes, r->err));
	return rv_json_opt_i64(o, "file_size", 0, INT64_MAX, &c->file_bytes, r->err);
}

enum rv_code rv_exec_command_read(struct rv_arena *a, struct rv_str name, const struct rv_json *v,
	const char *path, struct rv_exec_command *ret, struct rv_err *err)
{
	*ret = (struct rv_exec_command){ .name = name,
		.cwd = RV_STR_INIT("/"),
		.timeout_ms = 60000,
		.output_bytes = MIB,
		.file_bytes = 1024 * INT64_C(1048576) };
	struct reader r = { .a = a, .cmd = ret, .err = err };
	const struct rv_json *argv, *params, *inputs, *resource, *env, *limits, *amount;
	struct rv_json_obj o;
	RV_TRY(rv_json_obj_open(&o, v, path, err));
	RV_TRY(read_plain(&r, &o, v));
	RV_TRY(rv_json_opt(&o, "params", RV_JSON_OBJ, &params, err));
	RV_TRY(rv_json_opt(&o, "inputs", RV_JSON_OBJ, &inputs, err));
	RV_TRY(rv_json_need(&o, "argv", RV_JSON_ARR, &argv, err));
	RV_TRY(rv_json_need(&o, "resource", RV_JSON_OBJ, &resource, err));
	RV_TRY(rv_json_opt(&o, "env", RV_JSON_OBJ, &env, err));
	RV_TRY(rv_json_opt(&o, "limits", RV_JSON_OBJ, &limits, err));
	RV_TRY(rv_json_opt(&o, "amount", RV_JSON_STR, &amount, err));
	RV_TRY(rv_json_obj_close(&o, err));

	RV_TRY(read_params(&r, params, sub_path(&r, path, "params")));
	RV_TRY(read_inputs(&r, inputs, sub_path(&r, path, "inputs")));
	RV_TRY(read_argv(&r, argv, sub_path(&r, path, "argv")));
	RV_TRY(read_resource(&r, resource, sub_path(&r, path, "resource")));
	RV_TRY(read_env(&r, env, sub_path(&r, path, "env")));
	RV_TRY(read_limits(&r, limits, sub_path(&r, path, "limits")));
	if (amount) {
		RV_TRY(check_amount(&r, amount, path, RV_STR("amount")));
		ret->amount = amount->str;
	}
	return check_used(&r, v, path);
}
